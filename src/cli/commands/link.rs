//! `allpoints link`: says of an own alert that another one, of whatever authority, is about the same person.

use super::change::submit_change;
use crate::{
    cli::{
        exit::CliError,
        output::{escape, names},
        session::Session,
        thread,
    },
    proto::{
        alert::v1::{AskedAction, Payload, Update, payload::Kind},
        desk::v1::{LinkedAlert, SamePerson},
    },
};

/// Arguments of `link`.
#[derive(Debug, clap::Args)]
pub struct LinkArgs {
    /// Own alert: full id, any unique prefix of 8 or more, or a reference
    own: String,
    /// The other alert about the same person, which stays its authority's
    other: String,
}

/// Sends an update of the own alert that names the other.
///
/// # Errors
/// As the node says: only the origin of an alert says it of it.
pub async fn run(args: LinkArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let other = thread::find(&mut desk, &args.other).await?;
    let payload = Payload {
        same_person: other.summary.thread.clone(),
        kind: Some(Kind::Update(Update::default())),
        ..Payload::default()
    };
    submit_change(&args.own, payload, session).await
}

/// What `show` and `track` say of other alerts about the person; empty when there are none.
pub(super) fn same_person(same: Option<&SamePerson>) -> String {
    let Some(same) = same.filter(|same| !same.alerts.is_empty()) else {
        return String::new();
    };
    let mut lines = vec!["also about this person".to_owned()];
    lines.extend(same.alerts.iter().map(linked));
    if !same.order.is_empty() {
        lines.push("THEY ASK DIFFERENT THINGS; proposed order:".to_owned());
        lines.extend(same.order.iter().enumerate().map(|(place, proposed)| {
            format!(
                "  {}. {}, asked by {}",
                place + 1,
                action(proposed.action),
                escape(&proposed.asked_by.join(", "))
            )
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn linked(alert: &LinkedAlert) -> String {
    let said_by = escape(&alert.said_by.join(", "));
    let origin = alert
        .statement
        .as_ref()
        .map_or("-", |it| it.origin.as_str());
    let (reference, origin) = (escape(&alert.reference), escape(origin));
    if !alert.here {
        return format!("  {reference}  {origin}  not held here; says {said_by}");
    }
    let asked: Vec<String> = alert.asked.iter().map(|it| action(*it)).collect();
    format!(
        "  {reference}  {origin}  {}  {}  asks {}; says {said_by}",
        super::list::marked_kind_of(alert.kind, alert.status, false),
        names::alert_life(alert.life),
        asked.join(", "),
    )
}

fn action(number: i32) -> String {
    let name = AskedAction::try_from(number).map(|it| it.as_str_name());
    name.map_or_else(
        |_| format!("unknown ({number})"),
        |name| name.trim_start_matches("ASKED_ACTION_").to_lowercase(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::specimens::statement;
    use super::*;
    use crate::proto::{
        desk::v1::{AlertLife, ProposedAction},
        envelope::v1::{Kind as Named, Status},
    };

    #[test]
    fn others_are_shown_with_who_says_so_and_the_proposed_order() {
        let arrest = LinkedAlert {
            statement: Some(statement("XB-POL")),
            reference: "XB-26-9K3F7".to_owned(),
            said_by: vec!["XB-POL".to_owned()],
            here: true,
            kind: Named::MissingOffender.into(),
            status: Status::Exercise.into(),
            life: AlertLife::Live.into(),
            asked: vec![AskedAction::ArrestForExtradition.into()],
        };
        let unknown = LinkedAlert {
            here: false,
            reference: "XC-26-7F3K9".to_owned(),
            statement: Some(statement("XC-POL")),
            ..arrest.clone()
        };
        let proposed = |action: AskedAction, by: &str| ProposedAction {
            action: action.into(),
            asked_by: vec![by.to_owned()],
        };
        insta::assert_snapshot!(same_person(Some(&SamePerson {
            alerts: vec![arrest, unknown],
            order: vec![
                proposed(AskedAction::ArrestForExtradition, "XB-26-9K3F7"),
                proposed(AskedAction::InformOnly, "XA-26-7F3K9"),
            ],
        })));
        assert_eq!(same_person(None), "");
        assert_eq!(same_person(Some(&SamePerson::default())), "");
    }
}
