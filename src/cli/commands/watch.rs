//! `allpoints watch`: events as they happen, one line each, until interrupted.

use tokio_stream::StreamExt as _;

use super::list::marked_kind;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, time},
        session::{Session, read_failed},
    },
    proto::desk::v1::{WatchRequest, WatchResponse},
};

/// Follows the node's events.
///
/// # Errors
/// Exit 5 when the node ends the stream.
pub async fn run(session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = WatchRequest::default();
    let mut events = desk.watch(request).await.map_err(read_failed)?.into_inner();
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => {
                return interrupted.map_err(|error| {
                    CliError::new(Exit::Failed, format!("cannot wait for an interrupt: {error}"))
                });
            }
            event = events.next() => match event {
                Some(event) => session.output.line(&event.map_err(read_failed)?, render)?,
                None => {
                    return Err(CliError::new(Exit::Unreachable, "the node ended the stream")
                        .hint("events meanwhile are in `allpoints inbox` and `allpoints audit list`"));
                }
            },
        }
    }
}

fn render(event: &WatchResponse) -> String {
    let summary = event.summary.clone().unwrap_or_default();
    [
        time(event.at_us),
        escape(&event.event),
        call(event),
        escape(&event.peer),
        escape(&summary.reference),
        marked_kind(&summary),
        escape(&event.reason),
        due(event),
    ]
    .into_iter()
    .filter(|part| !part.is_empty() && part != "-")
    .collect::<Vec<_>>()
    .join("  ")
}

/// Why people are called, and which call it is after the first.
fn call(event: &WatchResponse) -> String {
    match event.count {
        0 | 1 => escape(&event.call),
        count => format!("{} ({count})", escape(&event.call)),
    }
}

fn due(event: &WatchResponse) -> String {
    match event.due_us {
        0 => String::new(),
        due => format!("due {}", time(due)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{MINUTE_US, NOW_US, alert};
    use super::*;
    use crate::proto::{desk::v1::Summary, envelope::v1::Status};

    #[test]
    fn a_line_says_what_happened_to_what_and_how_to_go_about_it() {
        let delivered = WatchResponse {
            at_us: NOW_US,
            event: "delivered".to_owned(),
            peer: "XB-POL".to_owned(),
            summary: Some(alert()),
            ..WatchResponse::default()
        };
        let call = WatchResponse {
            event: "call".to_owned(),
            call: "flash_unopened".to_owned(),
            count: 3,
            due_us: NOW_US + MINUTE_US,
            summary: Some(Summary {
                do_not_alert: true,
                status: Status::Exercise.into(),
                ..alert()
            }),
            ..delivered.clone()
        };
        insta::assert_snapshot!([render(&delivered), render(&call)].join("\n"));
    }
}
