//! `allpoints resume`: a delivery that waits for a person goes on.

use crate::{
    cli::{
        exit::CliError,
        output::{escape, names},
        refusal::{Repeat, explain},
        session::Session,
    },
    proto::desk::v1::{ResumeRequest, ResumeResponse},
};

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// Own statement: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Only to these authorities; everybody whose delivery is held otherwise
    #[arg(long, value_delimiter = ',', value_name = "AUTHORITY")]
    to: Vec<String>,
}

/// Resumes, and says to whom.
///
/// # Errors
/// Exit 4 when there is no such statement, or nothing of it is held.
pub async fn run(args: ResumeArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ResumeRequest {
        id: args.id,
        to: args.to,
    };
    let resumed = desk.resume(request).await;
    // Said twice, the second finds nothing held: that is harmless.
    let resumed = resumed
        .map_err(|status| explain(&status, &Repeat::Read))?
        .into_inner();
    session.output.value(&resumed, render)
}

fn render(response: &ResumeResponse) -> String {
    let resumed: Vec<String> = response.resumed.iter().map(|it| escape(it)).collect();
    format!(
        "{} goes on to {}\n",
        names::statement(response.statement.as_ref()),
        resumed.join(", ")
    )
}
