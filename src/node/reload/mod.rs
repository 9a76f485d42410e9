//! Takes newer directories, certificates, lists, keys and settings while the node runs, and closes what they no longer
//! admit.
//!
//! The way in is [`Reload::run`]; [`Reload::wake`] makes it look at once. Each part stands for itself: what cannot be
//! read or verified is refused and said, and the node goes on with what it has. It must never end the node, and never
//! keep a good file out because of a broken one.

mod adoption;
mod book;
mod watch;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use self::watch::Watch;
pub(super) use self::{
    adoption::Adoption,
    book::{Book, Part},
};
use super::{
    calling::{self, Ways},
    config::{self, Config},
    error::NodeError,
    listeners::{self, Listeners},
    observer::Observer,
    serving::Admitted,
    signing,
};
use crate::{
    calling::Calling,
    delivery::Broker,
    domain::{reason::Reason, release::Rule, time::Clock, transfer::Policy},
    store::StoreFailed,
    trust::{
        directory::{Directory, DirectoryError},
        keys::{KeyUse, SigningKey},
        tls::Connections,
    },
};

/// What is looked after.
pub(super) struct Reload {
    /// In force.
    pub(super) config: Arc<ArcSwap<Config>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listeners: Listeners,
    pub(super) broker: Broker,
    /// Open connections of the exchange.
    pub(super) connections: Connections,
    /// Open connections of the desk.
    pub(super) desk_connections: Connections,
    /// Streams that each partner may have open.
    pub(super) streams_each: Arc<AtomicU64>,
    pub(super) policy: Arc<ArcSwap<Policy>>,
    pub(super) release_rules: Arc<ArcSwap<Vec<Rule>>>,
    /// Signs the checkpoints of exports.
    pub(super) log_key: Arc<ArcSwap<SigningKey>>,
    pub(super) adoption: Adoption,
    pub(super) observer: Arc<Observer>,
    pub(super) book: Book,
    pub(super) calling: Calling,
    /// Somebody wants the files to be looked at now.
    pub(super) wake: Arc<Notify>,
    pub(super) watch: Watch,
}

impl Reload {
    /// Looks until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            if let Err(error) = self.look().await {
                tracing::error!(%error, "a newer directory could not be journaled");
                return;
            }
            let interval: Duration = self.config.load().reload.interval;
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.wake.notified() => self.watch.look_at_all(),
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreFailed> {
        // The configuration first: it says where all else is.
        self.look_at_configuration().await;
        self.look_at_directory().await?;
        self.look_at_certificates().await;
        self.look_at_signing_keys().await;
        self.adoption.close_unwelcome();
        self.doubt_our_clock();
        let desk = self.listeners.desk_trust();
        let closed = self
            .desk_connections
            .close_unwelcome_at_desk(&desk, self.clock.now());
        if closed > 0 {
            tracing::warn!(closed, "desk connections were closed: no longer admitted");
        }
        Ok(())
    }

    /// One partner whose certificate is out of date is that partner's affair; many are ours.
    fn doubt_our_clock(&self) {
        let (held, own) = (self.adoption.held(), self.config.load().authority);
        let partners = held.active().filter(|member| member.id != own).count();
        if self
            .listeners
            .doubts
            .are_about_us(partners, self.clock.now())
        {
            self.observer.incident(None, Reason::CheckOwnClock);
        }
    }

    async fn look_at_configuration(&mut self) {
        let read = self.read(Part::Configuration, |held, _| {
            let read = config::check(&held.file)?;
            match held.fixed_difference(&read) {
                Some(key) => Err(NodeError::NeedsRestart {
                    file: held.file.clone(),
                    key,
                }),
                None => {
                    // Ways that do not open leave all as it is.
                    let changed = read.calls_otherwise(held);
                    let ways = changed.then(|| calling::open(&read)).transpose()?;
                    Ok((read, ways))
                }
            }
        });
        let Some((config, ways)) = read.await else {
            return;
        };
        if let Some(Ways {
            settings,
            webhooks,
            mail,
        }) = ways
        {
            self.calling.follow(settings, webhooks, mail).await;
        }
        Admitted {
            broker: &self.broker,
            connections: &self.connections,
            desk_connections: &self.desk_connections,
            streams_each: &self.streams_each,
        }
        .follow(&config);
        self.policy.store(Arc::new(config.transfer_policy()));
        self.release_rules.store(Arc::new(config.release.clone()));
        let is_new = **self.config.load() != config;
        let version = book::version_of(&config);
        self.config.store(Arc::new(config));
        if is_new {
            // Other paths may stand in it than those that were watched.
            self.watch.look_at_all();
        }
        self.took(Part::Configuration, version);
    }

    async fn look_at_directory(&mut self) -> Result<(), StoreFailed> {
        let held = self.adoption.held();
        let read = self.read(Part::Directory, move |config, clock| {
            let folder = &config.directory.folder;
            Directory::load_after(folder, &held, clock.now()).map_err(|source| {
                NodeError::Directory {
                    folder: folder.clone(),
                    source: Box::new(source),
                }
            })
        });
        match read.await {
            Some(Some(newer)) => self.adoption.take(newer).await,
            Some(None) => {
                self.adoption.still_held();
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn look_at_certificates(&mut self) {
        let read = self.read(Part::NodeCertificate, |config, clock| {
            listeners::node_certificate(config, clock)
        });
        if let Some(read) = read.await {
            let version = read.version.clone();
            let taken = self.listeners.take_node_certificate(read);
            self.settle(Part::NodeCertificate, taken, version);
        }
        let read = self.read(Part::DeskCertificate, |config, clock| {
            listeners::desk_certificate(config, clock)
        });
        if let Some(read) = read.await {
            let version = read.version.clone();
            let taken = self.listeners.take_desk_certificate(read);
            self.settle(Part::DeskCertificate, taken, version);
        }
        let read = self.read(Part::DeskTrust, |config, _| listeners::desk_trust(config));
        if let Some(read) = read.await {
            let version = read.version.clone();
            let taken = self.listeners.take_desk_trust(read);
            self.settle(Part::DeskTrust, taken, version);
        }
    }

    async fn look_at_signing_keys(&mut self) {
        for (part, key_use) in [
            (Part::LogKey, KeyUse::Log),
            (Part::StatementKey, KeyUse::Statement),
            (Part::ReceiptKey, KeyUse::Receipt),
        ] {
            let directory = self.adoption.held();
            let read = self.read(part, move |config, clock| {
                let file = match part {
                    Part::LogKey => &config.keys.log,
                    Part::ReceiptKey => &config.keys.receipt,
                    _ => &config.keys.statement,
                };
                signing::while_running(file, key_use, &directory, config.authority, clock.now())
            });
            let Some(key) = read.await else { continue };
            let version = key.id().to_string();
            match part {
                Part::LogKey => self.log_key.store(Arc::new(key)),
                Part::ReceiptKey => self.broker.use_receipt_key(key),
                _ => self.broker.use_statement_key(key),
            }
            self.took(part, version);
        }
    }

    /// Reads a part anew when its files have changed, or when they were refused: what is refused today may be good
    /// tomorrow, by the clock or by the directory.
    async fn read<T: Send + 'static>(
        &mut self,
        part: Part,
        reading: impl FnOnce(&Config, &dyn Clock) -> Result<T, NodeError> + Send + 'static,
    ) -> Option<T> {
        let (config, clock) = (self.config.load_full(), Arc::clone(&self.clock));
        let watched = self.watch.of(part);
        let look = move || {
            let seen = watch::look(part, &config);
            if watched.as_ref() == Some(&seen) {
                return None;
            }
            Some((seen, reading(&config, &*clock)))
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(None) => None,
            Ok(Some((seen, Ok(read)))) => {
                self.watch.saw(part, seen);
                Some(read)
            }
            Ok(Some((_, Err(error)))) => {
                self.refuse(part, &error);
                None
            }
            Err(error) => {
                self.refuse(part, &NodeError::Runtime(error.to_string()));
                None
            }
        }
    }

    fn settle(&mut self, part: Part, taken: Result<(), NodeError>, version: String) {
        match taken {
            Ok(()) => self.took(part, version),
            Err(error) => self.refuse(part, &error),
        }
    }

    fn took(&self, part: Part, version: String) {
        self.book.took(part, version, self.clock.now());
    }

    fn refuse(&mut self, part: Part, error: &NodeError) {
        self.watch.forget(part);
        if self.book.refused(part, error.to_string(), self.clock.now())
            && let NodeError::Directory { source, .. } = error
            && let Some(reason) = incident_of(source)
        {
            self.observer.incident(None, reason);
        }
    }
}

/// What in a refused directory people must look at, whoever offered it; `None`: our own disk or folder is at fault.
pub(super) fn incident_of(error: &DirectoryError) -> Option<Reason> {
    use DirectoryError as E;
    match error {
        E::Io { .. } | E::Empty(_) => None,
        E::RolledBack { .. } => Some(Reason::DirectoryRollback),
        E::Forked { .. } | E::SameVersion(_) => Some(Reason::DirectoryFork),
        E::TooFarAhead { .. } => Some(Reason::DirectoryAhead),
        E::FromTheFuture { .. } => Some(Reason::ClockSkew),
        _ => Some(Reason::DirectoryForged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::directory::Document;

    #[test]
    fn every_attack_on_the_directory_has_its_reason_and_our_own_faults_have_none() {
        let cases = [
            (
                DirectoryError::RolledBack {
                    document: Document::Timestamp,
                    held: 5,
                    offered: 4,
                },
                Some(Reason::DirectoryRollback),
            ),
            (
                DirectoryError::Forked {
                    document: Document::Membership,
                    version: 5,
                },
                Some(Reason::DirectoryFork),
            ),
            (DirectoryError::SameVersion(5), Some(Reason::DirectoryFork)),
            (
                DirectoryError::TooFarAhead {
                    held: 5,
                    offered: u64::MAX,
                },
                Some(Reason::DirectoryAhead),
            ),
            (
                DirectoryError::Missing(Document::Timestamp),
                Some(Reason::DirectoryForged),
            ),
            (DirectoryError::Empty("d".into()), None),
        ];
        for (error, reason) in cases {
            assert_eq!(incident_of(&error), reason, "{error}");
        }
    }
}
