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
    desk::v1::{AlertLife, KeepDraftsRequest, SubmitRequest, SubmitResponse, Submitted},
};

/// Whether anything is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All of them, in one commit, or none.
    Accept,
    /// Only checked and expanded.
    DryRun,
    /// Kept for a second person, whatever the rules say.
    Keep,
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
        if effect != Effect::DryRun {
            session.output.note(&format!("id {}", escape(&draft.id)));
        }
    }
    let ids = drafts.iter().map(|draft| draft.id.clone()).collect();
    let answered = if effect == Effect::Keep {
        let kept = desk.keep_drafts(KeepDraftsRequest { drafts }).await;
        kept.map(|kept| SubmitResponse {
            submitted: kept.into_inner().submitted,
        })
    } else {
        let request = SubmitRequest {
            drafts,
            dry_run: effect == Effect::DryRun,
        };
        desk.submit(request).await.map(tonic::Response::into_inner)
    };
    answered.map_err(|status| refusal::explain(&status, &Repeat::WithIds(ids)))
}

/// What became of each draft, for people.
#[must_use]
pub fn render(response: &SubmitResponse, effect: Effect) -> String {
    let verb = match effect {
        Effect::Accept => "accepted",
        Effect::DryRun => "acceptable (nothing was sent)",
        Effect::Keep => "kept",
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
        if one.life() == AlertLife::AwaitingRelease {
            warnings.push_str(&awaiting(one, effect));
        }
        for warning in &one.warnings {
            warnings.push_str(&format!("\nwarning: {}", escape(warning)));
        }
    }
    format!("{shown}{warnings}")
}

/// What a second person is needed for, and what to do.
fn awaiting(one: &Submitted, effect: Effect) -> String {
    let (reference, rule) = (escape(&one.reference), escape(&one.release_rule));
    match effect {
        Effect::DryRun => {
            format!("\n{reference} would wait for a second person's release: {rule}")
        }
        Effect::Accept | Effect::Keep => format!(
            "\n{reference} awaits release, and has not left: {rule}\n\
             a supervisor or duty officer, not its creator, looks at it and lets it go:\n  \
             allpoints draft show {reference}\n  allpoints draft release {reference}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> SubmitResponse {
        let submitted = Submitted {
            reference: "XA-26-7F3K9".to_owned(),
            life: AlertLife::AwaitingRelease.into(),
            release_rule: "rule 2 of [[release]]".to_owned(),
            ..Submitted::default()
        };
        SubmitResponse {
            submitted: vec![submitted],
        }
    }

    #[test]
    fn what_awaits_a_second_person_says_so_and_what_to_do() {
        let shown = render(&kept(), Effect::Accept);
        assert!(
            shown.ends_with(
                "XA-26-7F3K9 awaits release, and has not left: rule 2 of [[release]]\n\
                 a supervisor or duty officer, not its creator, looks at it and lets it go:\n  \
                 allpoints draft show XA-26-7F3K9\n  allpoints draft release XA-26-7F3K9"
            ),
            "{shown}"
        );
        let rehearsed = render(&kept(), Effect::DryRun);
        assert!(
            rehearsed.ends_with(
                "XA-26-7F3K9 would wait for a second person's release: rule 2 of [[release]]"
            ),
            "{rehearsed}"
        );
    }
}
