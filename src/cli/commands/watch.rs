//! `allpoints watch`: events as they happen, one line each, until interrupted.

use tokio_stream::StreamExt as _;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, names, time},
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
        escape(&event.peer),
        escape(&summary.reference),
        names::kind(summary.kind),
        escape(&event.reason),
    ]
    .into_iter()
    .filter(|part| !part.is_empty() && part != "-")
    .collect::<Vec<_>>()
    .join("  ")
}
