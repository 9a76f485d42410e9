//! `allpoints status`: the own node: journal, view, directory, certificates, alarms.

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{beside, escape, hex, time},
        session::{Session, read_failed},
    },
    proto::desk::v1::{CallWay, StatusRequest, StatusResponse},
};

/// Shows the node.
///
/// # Errors
/// Exit 6 when it raises an alarm or its directory is closed.
pub async fn run(session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let status = desk
        .status(StatusRequest {})
        .await
        .map_err(read_failed)?
        .into_inner();
    session.output.value(&status, render)?;
    if status.alarms.is_empty() && status.directory_standing != "closed" {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Unhealthy,
        format!(
            "{} alarms, directory {}",
            status.alarms.len(),
            escape(&status.directory_standing)
        ),
    ))
}

fn render(status: &StatusResponse) -> String {
    let mut lines = vec![
        format!(
            "{} in {}",
            escape(&status.authority),
            escape(&status.federation)
        ),
        format!(
            "  version    {}, started {}",
            escape(&status.version),
            time(status.started_at_us)
        ),
        format!(
            "  journal    {} entries, {} bytes, root {}",
            status.journal_entries,
            status.journal_bytes,
            hex(&status.journal_root)
        ),
        format!("  view       {} entries behind", status.view_lag),
        format!(
            "  directory  version {}, {}",
            status.directory_version,
            escape(&status.directory_standing)
        ),
        format!(
            "  inbox      {} unopened{}",
            status.inbox_unopened,
            beside(status.inbox_unopened_exercise)
        ),
        format!(
            "  outbox     {} queued{}",
            status.outbox_queued,
            beside(status.outbox_queued_exercise)
        ),
        format!("  you are    {}", escape(&status.caller_uri)),
    ];
    if status.offers > 0 {
        lines.push(format!(
            "  offers     {} alerts that who joined does not have: `allpoints offers`",
            status.offers
        ));
    }
    lines.extend(status.loaded.iter().map(|loaded| {
        format!(
            "  in force   {} since {}, {}",
            escape(&loaded.what),
            time(loaded.at_us),
            escape(&loaded.version)
        )
    }));
    lines.extend(status.expiries.iter().map(|expiry| {
        format!(
            "  expires    {} {}",
            time(expiry.at_us),
            escape(&expiry.what)
        )
    }));
    lines.extend(status.calls.iter().map(call));
    lines.extend(
        status
            .alarms
            .iter()
            .map(|alarm| format!("  ALARM      {}", escape(alarm))),
    );
    lines.join("\n")
}

/// How one way of calling people is.
fn call(way: &CallWay) -> String {
    let last = match (way.fault_us, way.sent_us) {
        (0, 0) => "not used yet".to_owned(),
        (0, sent) => format!("last at {}", time(sent)),
        (fault, _) => format!(
            "FAILS since {}: {}, {}",
            time(fault),
            escape(&way.reason),
            escape(&way.detail)
        ),
    };
    format!(
        "  calls by   {} ({}): {last}; {} arrived, {} waiting, {} given up",
        escape(&way.name),
        escape(&way.what),
        way.sent,
        way.waiting,
        way.failed
    )
}

#[cfg(test)]
mod tests {
    use super::super::specimens::NOW_US;
    use super::*;
    use crate::proto::desk::v1::{Expiry, Loaded};

    #[test]
    fn the_node_says_what_it_keeps_what_ends_and_what_is_wrong() {
        insta::assert_snapshot!(render(&StatusResponse {
            authority: "XA-POL".to_owned(),
            federation: "liaison-test".to_owned(),
            version: "0.1.0".to_owned(),
            started_at_us: NOW_US,
            journal_entries: 1_234,
            journal_bytes: 567_890,
            journal_root: vec![0xab; 32],
            view_lag: 3,
            directory_version: 4,
            directory_standing: "stale".to_owned(),
            expiries: vec![Expiry {
                what: "node certificate".to_owned(),
                at_us: NOW_US,
            }],
            alarms: vec!["the timestamp has run out".to_owned()],
            inbox_unopened: 2,
            inbox_unopened_exercise: 3,
            outbox_queued: 5,
            outbox_queued_exercise: 4,
            offers: 3,
            caller_uri: "allpoints://XA-POL/desk/ops/duty-1".to_owned(),
            loaded: vec![Loaded {
                what: "directory".to_owned(),
                version: "4 sha256:00112233aabbccdd".to_owned(),
                at_us: NOW_US,
                ..<_>::default()
            }],
            calls: vec![
                CallWay {
                    name: "duty".to_owned(),
                    what: "webhook".to_owned(),
                    sent: 12,
                    sent_us: NOW_US,
                    ..<_>::default()
                },
                CallWay {
                    name: "mail".to_owned(),
                    what: "mail".to_owned(),
                    waiting: 2,
                    failed: 1,
                    fault_us: NOW_US,
                    reason: "CALL_REFUSED".to_owned(),
                    detail: "the server answered 451".to_owned(),
                    ..<_>::default()
                },
            ],
        }));
    }
}
