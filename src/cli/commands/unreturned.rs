//! `allpoints return`: what follows when somebody who travelled is not known to be back.

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::json,
        session::{Session, read_failed},
    },
    domain::time::Timestamp,
    proto::{
        alert::v1::{Draft, Payload},
        desk::v1::{ShowRequest, ShowResponse},
    },
    wire::alert::{Unprepared, Went, missing_offender},
};

/// Arguments of `return`.
#[derive(Debug, clap::Args)]
pub struct ReturnArgs {
    /// Own travel notice: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Print a filled draft of a missing offender, ready for `send`; sends nothing
    #[arg(long, required = true)]
    prepare: bool,
}

/// Prints the draft.
///
/// # Errors
/// Exit 3 when nobody is missing by what is known; 4 when there is no such thread.
pub async fn run(args: ReturnArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ShowRequest {
        id: args.id,
        peek: true,
        reason: String::new(),
    };
    let thread = desk.show(request).await.map_err(read_failed)?.into_inner();
    let draft = prepared(&thread, session.clock.now())
        .map_err(|why| CliError::new(Exit::Refused, why.to_string()))?;
    if draft.ground == 0 {
        session
            .output
            .note("no ground of transfer: it was not the same for all; write one into `ground`");
    }
    // A draft file is JSON, for people and programs alike.
    session.output.text(&json(&draft)?)
}

fn prepared(thread: &ShowResponse, now: Timestamp) -> Result<Draft, Unprepared> {
    let payloads: Vec<Payload> = thread
        .statements
        .iter()
        .filter_map(|view| view.payload.clone())
        .collect();
    let Some(first) = thread.statements.first() else {
        return Err(Unprepared::NotATravelNotice);
    };
    let summary = first.summary.clone().unwrap_or_default();
    let went = Went {
        reference: summary.reference,
        recipients: first.recipients.clone(),
        handling: summary.handling,
        handling_text: first.handling_text.clone(),
        status: summary.status,
        priority: summary.priority,
    };
    missing_offender(&payloads, &went, now)
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{NOW_US, alert};
    use super::*;
    use crate::proto::{
        alert::v1::{Leg, TravelNotice, payload::Kind},
        desk::v1::StatementView,
        envelope::v1::{Recipient, TransferGround},
    };

    fn thread(expected_return_on: &str) -> ShowResponse {
        let travel = TravelNotice {
            legs: vec![Leg {
                to_country: "XBB".to_owned(),
                ..Leg::default()
            }],
            expected_return_on: expected_return_on.to_owned(),
            ..TravelNotice::default()
        };
        ShowResponse {
            statements: vec![StatementView {
                summary: Some(alert()),
                payload: Some(Payload {
                    kind: Some(Kind::TravelNotice(travel)),
                    ..Payload::default()
                }),
                recipients: vec![Recipient {
                    authority: "XB-POL".to_owned(),
                    ground: TransferGround::Safeguards.into(),
                    ..Recipient::default()
                }],
                ..StatementView::default()
            }],
            ..ShowResponse::default()
        }
    }

    #[test]
    fn a_thread_becomes_a_draft_file_once_its_day_has_passed() {
        let now = Timestamp::from_micros(NOW_US);
        let draft = prepared(&thread("2026-11-20"), now).unwrap();
        insta::assert_snapshot!(json(&draft).unwrap());
        let early = prepared(&thread("2026-11-24"), now).unwrap_err();
        assert!(early.to_string().contains("2026-11-24"), "{early}");
        let nothing = prepared(&ShowResponse::default(), now);
        assert_eq!(nothing, Err(Unprepared::NotATravelNotice));
    }
}
