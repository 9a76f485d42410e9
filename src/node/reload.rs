//! Takes newer directories, certificates and lists while the node runs, and closes what they no longer admit.
//!
//! What cannot be read or verified is left, and said: the node goes on with what it has.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};

use super::{
    config::Config,
    error::NodeError,
    parts::{Listeners, certificates},
};
use crate::{
    delivery::Broker,
    domain::{limits::RELOAD_INTERVAL, time::Clock},
    store::StoreFailed,
    trust::{
        directory::{Directory, DirectoryHandle},
        tls::Connections,
    },
};

/// What is looked after.
pub(super) struct Reload {
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) directory: DirectoryHandle,
    pub(super) listeners: Listeners,
    pub(super) broker: Broker,
    /// Open connections of the exchange.
    pub(super) connections: Connections,
}

impl Reload {
    /// Looks until it is dropped.
    pub(super) async fn run(self) {
        let mut tick = interval(RELOAD_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.look().await {
                tracing::error!(%error, "a newer directory could not be journaled");
                return;
            }
        }
    }

    async fn look(&self) -> Result<(), StoreFailed> {
        if let Some(newer) = self.newer_directory().await {
            tracing::info!(version = newer.version(), "a newer directory is in force");
            self.directory.store(Arc::new(newer));
            self.broker.adopt_directory().await?;
        }
        self.renew_certificates().await;
        let closed = self
            .connections
            .close_unwelcome(Arc::new(Arc::clone(&self.directory)), self.clock.now());
        if closed > 0 {
            tracing::warn!(closed, "connections were closed: no longer admitted");
        }
        Ok(())
    }

    async fn newer_directory(&self) -> Option<Directory> {
        let (config, clock) = (Arc::clone(&self.config), Arc::clone(&self.clock));
        let loading = move || {
            let part = &config.directory;
            Directory::load(&part.folder, part.anchor, clock.now())
        };
        match tokio::task::spawn_blocking(loading).await {
            Ok(Ok(read)) => (read.version() > self.directory.load().version()).then_some(read),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the directory folder holds no better version");
                None
            }
            Err(error) => {
                tracing::error!(%error, "reading the directory ended in a fault of the program");
                None
            }
        }
    }

    async fn renew_certificates(&self) {
        let (config, clock) = (Arc::clone(&self.config), Arc::clone(&self.clock));
        let directory = Arc::clone(&self.directory);
        let reading = move || certificates(&config, &directory, &*clock);
        let read: Result<_, NodeError> = match tokio::task::spawn_blocking(reading).await {
            Ok(read) => read,
            Err(error) => Err(NodeError::Runtime(error.to_string())),
        };
        match read {
            Ok(read) => self.listeners.take(read),
            Err(error) => tracing::warn!(%error, "certificates stay as they were"),
        }
    }
}
