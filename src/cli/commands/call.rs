//! `allpoints call`: whether the own duty desk would be reached.

use clap::Subcommand;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, table},
        session::{Session, read_failed},
    },
    proto::desk::v1::{CallTestRequest, CallTestResponse},
};

/// Subcommands of `call`.
#[derive(Debug, Subcommand)]
pub enum CallCommand {
    /// Send a test call through each configured way, and say what came of it
    Test,
}

/// Runs one of them.
///
/// # Errors
/// Exit 6 when a call did not arrive, or there is no way of calling.
pub async fn run(command: CallCommand, session: &Session) -> Result<(), CliError> {
    match command {
        CallCommand::Test => test(session).await,
    }
}

async fn test(session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let tried = desk
        .call_test(CallTestRequest {})
        .await
        .map_err(read_failed)?
        .into_inner();
    session.output.value(&tried, render)?;
    let lost = tried.tried.iter().filter(|it| !it.arrived).count();
    let of = tried.tried.len();
    match (of, lost) {
        (0, _) => Err(CliError::new(
            Exit::Unhealthy,
            "nobody is called: no webhook and no mail is configured",
        )
        .hint("`allpoints config reference` shows [[webhook]] and [mail]; `allpoints watch` shows calls all the same")),
        (_, 0) => Ok(()),
        (of, lost) => Err(CliError::new(
            Exit::Unhealthy,
            format!("{lost} of {of} calls did not arrive"),
        )
        .hint("`allpoints reasons NAME` says what to do about each")),
    }
}

fn render(response: &CallTestResponse) -> String {
    if response.tried.is_empty() {
        return "no way of calling is configured".to_owned();
    }
    let mut shown = table(["way", "by", "test call", "why not"]);
    for tried in &response.tried {
        shown.add_row([
            escape(&tried.way),
            escape(&tried.what),
            match tried.arrived {
                true => "arrived".to_owned(),
                false => "did not arrive".to_owned(),
            },
            match tried.arrived {
                true => "-".to_owned(),
                false => format!("{}: {}", escape(&tried.reason), escape(&tried.detail)),
            },
        ]);
    }
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::desk::v1::CallTried;

    #[test]
    fn each_way_says_whether_the_call_arrived() {
        let tried = CallTestResponse {
            tried: vec![
                CallTried {
                    way: "duty".to_owned(),
                    what: "webhook".to_owned(),
                    arrived: true,
                    ..CallTried::default()
                },
                CallTried {
                    way: "mail".to_owned(),
                    what: "mail".to_owned(),
                    arrived: false,
                    reason: "CALL_UNREACHABLE".to_owned(),
                    detail: "no connection\u{1b}".to_owned(),
                },
            ],
        };
        let none = render(&CallTestResponse::default());
        insta::assert_snapshot!(format!("{}\n\n{none}", render(&tried)));
    }
}
