//! Handing drafts to the own node: ids first, then one call, then what became of each.

use super::{
    connection::Desk,
    exit::CliError,
    output::{escape, names, table, time},
    outside::new_message_id,
    refusal::{self, Repeat},
    session::Session,
};
use crate::proto::{
    alert::v1::Draft,
    desk::v1::{SubmitRequest, SubmitResponse},
};

/// Whether anything is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All of them, in one commit, or none.
    Accept,
    /// Only checked and expanded.
    DryRun,
}

/// Gives every draft an id, says it, and submits all in one commit.
///
/// # Errors
/// What the node refuses; exit 5 with the ids to repeat with when the outcome is unknown.
pub async fn submit(
    desk: &mut Desk,
    session: &Session,
    mut drafts: Vec<Draft>,
    effect: Effect,
) -> Result<SubmitResponse, CliError> {
    for draft in &mut drafts {
        if draft.id.is_empty() {
            draft.id = new_message_id(session.clock.as_ref())?.to_string();
        }
        if effect == Effect::Accept {
            session.output.note(&format!("id {}", escape(&draft.id)));
        }
    }
    let ids = drafts.iter().map(|draft| draft.id.clone()).collect();
    let request = SubmitRequest {
        drafts,
        dry_run: effect == Effect::DryRun,
    };
    desk.submit(request)
        .await
        .map(tonic::Response::into_inner)
        .map_err(|status| refusal::explain(&status, &Repeat::WithIds(ids)))
}

/// What became of each draft, for people.
#[must_use]
pub fn render(response: &SubmitResponse, effect: Effect) -> String {
    let verb = match effect {
        Effect::Accept => "accepted",
        Effect::DryRun => "acceptable (nothing was sent)",
    };
    let mut shown = table(["reference", "id", verb, "recipients"]);
    let mut warnings = String::new();
    for one in &response.submitted {
        let recipients = one.recipients.iter().map(|it| escape(&it.authority));
        let recipients = recipients.collect::<Vec<_>>();
        let again = if one.repeated_submission {
            " (had been accepted before)"
        } else {
            ""
        };
        shown.add_row([
            escape(&one.reference),
            names::statement(one.statement.as_ref()),
            format!("{}{again}", time(one.accepted_at_us)),
            format!("{}: {}", recipients.len(), recipients.join(", ")),
        ]);
        for warning in &one.warnings {
            warnings.push_str(&format!("\nwarning: {}", escape(warning)));
        }
    }
    format!("{shown}{warnings}")
}
