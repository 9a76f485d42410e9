//! Noticing that a person or the system wants the demo to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::{CliError, Exit};

/// Watches for SIGINT, SIGTERM and SIGHUP from the moment it is made: from then on none of them ends the process.
pub(super) struct Interruption {
    signals: [Signal; 3],
}

impl Interruption {
    /// Begins to watch.
    pub(super) fn watch() -> Result<Self, CliError> {
        let watch = |kind| {
            signal(kind).map_err(|error| {
                CliError::new(Exit::Failed, format!("cannot watch for signals: {error}"))
            })
        };
        Ok(Self {
            signals: [
                watch(SignalKind::interrupt())?,
                watch(SignalKind::terminate())?,
                watch(SignalKind::hangup())?,
            ],
        })
    }

    /// Resolves when one comes.
    pub(super) async fn comes(mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
