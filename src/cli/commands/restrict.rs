//! `allpoints restrict`: keeps the content of a thread to units of the own authority.

use crate::{
    cli::{
        exit::CliError,
        output::escape,
        refusal::{Repeat, explain},
        session::Session,
    },
    proto::desk::v1::{RestrictRequest, RestrictResponse},
};

/// Arguments of `restrict`.
#[derive(Debug, clap::Args)]
pub struct RestrictArgs {
    /// Any statement of the thread: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Units of the own authority that may see it, separated by commas
    #[arg(long, value_delimiter = ',', required_unless_present = "everybody")]
    unit: Vec<String>,
    /// Open it to all units again
    #[arg(long, conflicts_with = "unit")]
    everybody: bool,
}

/// Restricts, and says to whom.
///
/// # Errors
/// Exit 4 when there is no such thread, or it is not the caller's to restrict.
pub async fn run(args: RestrictArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = RestrictRequest {
        id: args.id,
        units: args.unit,
    };
    let restricted = desk.restrict(request).await;
    // Said twice, the second says the same again.
    let restricted = restricted.map_err(|status| explain(&status, &Repeat::Read))?;
    session.output.value(&restricted.into_inner(), render)
}

fn render(response: &RestrictResponse) -> String {
    let reference = escape(&response.reference);
    if response.units.is_empty() {
        return format!("{reference} is open to all units");
    }
    let units: Vec<String> = response.units.iter().map(|unit| escape(unit)).collect();
    format!(
        "{reference} is kept to {}: others see that it is there, and no content",
        units.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_to_whom_a_thread_is_kept() {
        let of = |units: &[&str]| {
            render(&RestrictResponse {
                reference: "XA-26-7F3K9".to_owned(),
                units: units.iter().map(ToString::to_string).collect(),
                ..RestrictResponse::default()
            })
        };
        assert_eq!(of(&[]), "XA-26-7F3K9 is open to all units");
        assert_eq!(
            of(&["airport", "harbour"]),
            "XA-26-7F3K9 is kept to airport, harbour: others see that it is there, and no content"
        );
    }
}
