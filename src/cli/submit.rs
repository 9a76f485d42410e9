//! Handing drafts to the own node: ids first, then one call, then what became of each.

use super::{
    connection::Desk,
    exit::CliError,
    output::{escape, names, table, time},
    refusal::{self, Repeat},
    session::Session,
};
use crate::{
    client,
    proto::{
        alert::v1::Draft,
        desk::v1::{
            Addressee, AlertLife, GroundSource, KeepDraftsRequest, Separation, SubmitRequest,
            SubmitResponse, Submitted,
        },
    },
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

/// Submits all in one commit, together or apart as is usual for their kinds.
///
/// # Errors
/// As [`submit_as`].
pub async fn submit(
    desk: &mut Desk,
    session: &Session,
    drafts: Vec<Draft>,
    effect: Effect,
) -> Result<SubmitResponse, CliError> {
    submit_as(desk, session, drafts, Separation::Unspecified, effect).await
}

/// Gives every draft an id, says it, and submits all in one commit.
///
/// # Errors
/// What the node refuses; exit 5 with the ids to repeat with when the outcome is unknown.
pub async fn submit_as(
    desk: &mut Desk,
    session: &Session,
    mut drafts: Vec<Draft>,
    separation: Separation,
    effect: Effect,
) -> Result<SubmitResponse, CliError> {
    client::give_ids(&mut drafts, session.clock.as_ref())?;
    for draft in &drafts {
        if effect != Effect::DryRun {
            session.output.note(&format!("id {}", escape(&draft.id)));
        }
    }
    let ids = drafts.iter().map(|draft| draft.id.clone()).collect();
    let answered = if effect == Effect::Keep {
        let request = KeepDraftsRequest {
            drafts,
            separation: separation.into(),
        };
        let kept = desk.keep_drafts(request).await;
        kept.map(|kept| SubmitResponse {
            submitted: kept.into_inner().submitted,
        })
    } else {
        let request = SubmitRequest {
            drafts,
            dry_run: effect == Effect::DryRun,
            separation: separation.into(),
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
        warnings.push_str(&to_carry(one, effect));
        warnings.push_str(&passes_on(one, effect));
        for warning in &one.warnings {
            warnings.push_str(&format!("\nwarning: {}", escape(warning)));
        }
    }
    format!("{shown}{}{warnings}", destinations(&response.submitted))
}

/// To whom, on what ground, and who has named it: once for all that go to the same.
fn destinations(submitted: &[Submitted]) -> String {
    if submitted.len() > 1 && submitted.iter().all(|one| one.addressees.len() == 1) {
        return each_its_own(submitted);
    }
    let mut told: Vec<(&[Addressee], Vec<String>)> = Vec::new();
    for one in submitted.iter().filter(|one| !one.addressees.is_empty()) {
        let reference = escape(&one.reference);
        match told.iter_mut().find(|(to, _)| *to == one.addressees) {
            Some((_, references)) => references.push(reference),
            None => told.push((&one.addressees, vec![reference])),
        }
    }
    let tables = told.iter().map(|(to, references)| {
        let mut shown = table(["to", "name", "country", "ground", "named by"]);
        for one in *to {
            shown.add_row(cells(one));
        }
        // Where all go to the same, nobody asks which; and scripts find each reference once.
        match told.len() {
            1 => format!("\n{shown}"),
            _ => format!("\n{}:\n{shown}", references.join(", ")),
        }
    });
    tables.collect()
}

/// One table of statements that go to one recipient each.
fn each_its_own(submitted: &[Submitted]) -> String {
    let mut shown = table(["statement", "to", "name", "country", "ground", "named by"]);
    for one in submitted {
        for to in &one.addressees {
            let reference = std::iter::once(escape(&one.reference));
            shown.add_row(reference.chain(cells(to)));
        }
    }
    format!("\n{shown}")
}

fn cells(one: &Addressee) -> [String; 5] {
    let ground = match one.ground_reason.as_str() {
        "" => names::ground(one.ground),
        reason => format!("{}: {}", names::ground(one.ground), escape(reason)),
    };
    let authority = match one.channel.as_str() {
        "" => escape(&one.authority),
        channel => format!("{} (by hand: {})", escape(&one.authority), escape(channel)),
    };
    [
        authority,
        escape(&one.name),
        escape(&one.country),
        ground,
        named_by(one),
    ]
}

fn named_by(one: &Addressee) -> String {
    match one.ground_source() {
        GroundSource::Draft => "the draft".to_owned(),
        GroundSource::Thread => "the thread before".to_owned(),
        GroundSource::Destination => format!("rule {} of [[destination]]", one.rule),
        GroundSource::Default => "[policy] default_ground".to_owned(),
        GroundSource::Unspecified => "when it was first handed in".to_owned(),
    }
}

/// What of a thread goes to whom, and on what permission.
fn passes_on(one: &Submitted, effect: Effect) -> String {
    let verb = match effect {
        Effect::Accept if one.life() != AlertLife::AwaitingRelease => "goes",
        _ => "would go",
    };
    let lines = one.passes.iter().map(|given| {
        let on = match &given.grant {
            Some(grant) => format!("with permission {}", names::reference(Some(grant))),
            None => "no permission needed".to_owned(),
        };
        format!(
            "\n{} ({}, {}) {verb} to {}: {on}",
            escape(&given.reference),
            names::kind(given.kind),
            names::handling(&given.handling),
            escape(&given.to.join(", ")),
        )
    });
    lines.collect()
}

/// Who gets it by hand alone, and what to do.
fn to_carry(one: &Submitted, effect: Effect) -> String {
    let by_hand = one.addressees.iter().filter(|it| !it.channel.is_empty());
    let reference = escape(&one.reference);
    by_hand
        .map(|it| {
            let to = escape(&it.authority);
            match effect {
                Effect::Accept if one.life() != AlertLife::AwaitingRelease => format!(
                    "\n{to} runs no node: nothing goes there by itself, write a bundle to carry:\n  \
                     allpoints carry {reference} --to {to} --out FILE"
                ),
                _ => format!("\n{to} runs no node: {reference} would have to be carried there"),
            }
        })
        .collect()
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
    use crate::proto::envelope::v1::{Recipient, TransferGround};

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
    fn everybody_who_will_see_it_is_named_with_the_ground_and_where_it_comes_from() {
        let to = |authority: &str, country: &str, name: &str| Addressee {
            authority: authority.to_owned(),
            name: name.to_owned(),
            country: country.to_owned(),
            ground: TransferGround::Safeguards.into(),
            ground_source: GroundSource::Thread.into(),
            ..Addressee::default()
        };
        let derogation = Addressee {
            ground: TransferGround::Derogation.into(),
            ground_reason: "a life is at \u{202e}stake".to_owned(),
            ground_source: GroundSource::Draft.into(),
            ..to("XC-POL", "XC", "Cockaigne Police")
        };
        let by_rule = Addressee {
            ground_source: GroundSource::Destination.into(),
            rule: 2,
            ..to("XD-POL", "XD", "Police of XD")
        };
        let sent = |reference: &str, addressees: Vec<Addressee>| Submitted {
            reference: reference.to_owned(),
            recipients: addressees
                .iter()
                .map(|to| Recipient {
                    authority: to.authority.clone(),
                    ..Recipient::default()
                })
                .collect(),
            addressees,
            ..Submitted::default()
        };
        let all = vec![to("XB-POL", "XB", "Bensalem Police"), derogation, by_rule];
        let response = SubmitResponse {
            submitted: vec![
                sent("XA-26-7F3K9", all.clone()),
                sent("XA-26-8G4M2", all),
                sent("XA-26-9H5N3", vec![to("XB-POL", "XB", "Bensalem Police")]),
            ],
        };
        let apart = SubmitResponse {
            submitted: response.submitted[0]
                .addressees
                .iter()
                .map(|to| sent("XA-26-7F3K9", vec![to.clone()]))
                .collect(),
        };
        insta::assert_snapshot!(format!(
            "{}\n\n{}",
            render(&response, Effect::DryRun),
            render(&apart, Effect::Accept)
        ));
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
