//! `allpoints tree`: who has a thread, from whom, on what permission, and what each did with it.
//!
//! The way in is [`run`]. The originator sees everybody whom it was told of; a holder sees what it was told itself.

use crate::{
    cli::{
        connection::Desk,
        exit::CliError,
        output::{escape, names, time},
        session::{Session, read_failed},
    },
    proto::{
        alert::v1::RetentionCode,
        desk::v1::{DeliveryState, Holder, HoldingWay, Retained, TreeRequest, TreeResponse},
    },
};

use super::list::marked_kind_of;

/// Arguments of `tree`.
#[derive(Debug, clap::Args)]
pub struct TreeArgs {
    /// Any statement of the thread: full id, any unique prefix of 8 or more, or a reference
    id: String,
}

/// Shows it.
///
/// # Errors
/// Exit 4 when the statement is not known.
pub async fn run(args: &TreeArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let tree = look(&mut desk, &args.id).await?;
    session.output.value(&tree, render)
}

/// Asks the own node.
///
/// # Errors
/// Exit 4 when the statement is not known.
pub(super) async fn look(desk: &mut Desk, id: &str) -> Result<TreeResponse, CliError> {
    let request = TreeRequest { id: id.to_owned() };
    Ok(desk.tree(request).await.map_err(read_failed)?.into_inner())
}

fn render(tree: &TreeResponse) -> String {
    let originator = tree.statement.as_ref().map_or("", |it| it.origin.as_str());
    let mut lines = vec![
        format!(
            "{}  {}  {}",
            escape(&tree.reference),
            marked_kind_of(tree.kind, tree.status, tree.do_not_alert),
            names::alert_life(tree.life)
        ),
        format!("{}  its originator", escape(originator)),
    ];
    branches(originator, &tree.holders, "", &mut lines);
    lines.push(String::new());
    lines.join("\n")
}

/// Everybody who has it from this authority. Nobody stands twice, so that this ends.
fn branches(from: &str, holders: &[Holder], before: &str, lines: &mut Vec<String>) {
    let of: Vec<&Holder> = holders.iter().filter(|it| it.from == from).collect();
    for (place, holder) in of.iter().enumerate() {
        let (branch, under) = match place + 1 == of.len() {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        lines.push(format!("{before}{branch}{}", said(holder)));
        let others: Vec<Holder> = holders
            .iter()
            .filter(|it| it.authority != holder.authority)
            .cloned()
            .collect();
        branches(
            &holder.authority,
            &others,
            &format!("{before}{under}"),
            lines,
        );
    }
}

fn said(holder: &Holder) -> String {
    let mut parts = vec![way(holder)];
    parts.push(match (holder.received_at_us, holder.state()) {
        (0, DeliveryState::Unspecified | DeliveryState::PassedOn) => match holder.way() {
            HoldingWay::PassedOn => format!("no receipt at {} yet", escape(&holder.from)),
            _ => String::new(),
        },
        (0, _) => names::delivery_state(holder.state),
        (at, DeliveryState::Unspecified) if holder.way() == HoldingWay::PassedOn => {
            format!("received {}, as {} says", time(at), escape(&holder.from))
        }
        (at, _) => format!("received {}", time(at)),
    });
    if holder.opened_at_us != 0 {
        parts.push(format!("opened {}", time(holder.opened_at_us)));
    }
    if !matches!(holder.latest_answer.as_str(), "" | "opened") {
        parts.push(format!("answered {}", escape(&holder.latest_answer)));
    }
    parts.extend(holder.retained.as_ref().map(retained));
    parts.retain(|part| !part.is_empty());
    format!("{}  {}", escape(&holder.authority), parts.join("; "))
}

fn way(holder: &Holder) -> String {
    let at = time(holder.given_at_us);
    match holder.way() {
        HoldingWay::Named => "named by it".to_owned(),
        HoldingWay::Extended => format!("extended {at}"),
        HoldingWay::PassedOn if holder.without_permission => {
            format!("passed on {at} WITHOUT PERMISSION")
        }
        HoldingWay::PassedOn => match &holder.grant {
            Some(grant) => format!("passed on {at} under {}", names::reference(Some(grant))),
            None => format!("passed on {at}"),
        },
        HoldingWay::Unspecified => format!("way {}", holder.way),
    }
}

fn retained(retained: &Retained) -> String {
    let what = match retained.code() {
        RetentionCode::Removed => "says that it is removed".to_owned(),
        RetentionCode::Kept => format!(
            "says that it is kept under {} until {}",
            escape(&retained.law),
            escape(&retained.until)
        ),
        RetentionCode::Unspecified => format!("says code {}", retained.code),
    };
    match retained.passed_on_to.is_empty() {
        true => what,
        false => format!(
            "{what}, and was passed on to {}",
            escape(&retained.passed_on_to.join(", "))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{NOW_US, statement};
    use super::*;
    use crate::proto::{
        desk::v1::AlertLife,
        envelope::v1::{Kind, Status},
    };

    fn holder(authority: &str, from: &str, way: HoldingWay) -> Holder {
        Holder {
            authority: authority.to_owned(),
            from: from.to_owned(),
            way: way.into(),
            given_at_us: NOW_US,
            ..Holder::default()
        }
    }

    #[test]
    fn everybody_stands_below_whom_they_have_it_from() {
        let tree = TreeResponse {
            statement: Some(statement("XA-POL")),
            reference: "XA-26-7F3K9".to_owned(),
            kind: Kind::MissingOffender.into(),
            status: Status::Exercise.into(),
            do_not_alert: true,
            life: AlertLife::Recalled.into(),
            holders: vec![
                Holder {
                    received_at_us: NOW_US,
                    opened_at_us: NOW_US,
                    latest_answer: "actioned".to_owned(),
                    retained: Some(Retained {
                        code: RetentionCode::Removed.into(),
                        passed_on_to: vec!["XD-POL".to_owned()],
                        ..Retained::default()
                    }),
                    ..holder("XB-POL", "XA-POL", HoldingWay::Named)
                },
                Holder {
                    grant: Some(statement("XA-POL")),
                    received_at_us: NOW_US,
                    latest_answer: "actioned".to_owned(),
                    retained: Some(Retained {
                        code: RetentionCode::Kept.into(),
                        law: "Archives Act, s. 4".to_owned(),
                        until: "2027-12-31".to_owned(),
                        ..Retained::default()
                    }),
                    ..holder("XD-POL", "XB-POL", HoldingWay::PassedOn)
                },
                Holder {
                    without_permission: true,
                    ..holder("XE-POL", "XD-POL", HoldingWay::PassedOn)
                },
                Holder {
                    state: DeliveryState::Queued.into(),
                    ..holder("XC-POL", "XA-POL", HoldingWay::Extended)
                },
            ],
        };
        insta::assert_snapshot!(render(&tree));
    }

    #[test]
    fn holders_that_name_each_other_end() {
        let tree = TreeResponse {
            statement: Some(statement("XA-POL")),
            holders: vec![
                holder("XB-POL", "XC-POL", HoldingWay::PassedOn),
                holder("XC-POL", "XB-POL", HoldingWay::PassedOn),
                holder("XD-POL", "XA-POL", HoldingWay::Named),
            ],
            ..TreeResponse::default()
        };
        assert_eq!(render(&tree).matches("XD-POL").count(), 1);
    }
}
