//! What a node serves with once everything is open: the broker, and each listener made from the same parts.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use arc_swap::ArcSwap;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

use super::{
    catch_up::CatchUp,
    config::Config,
    error::NodeError,
    expiry::Expiries,
    listeners::Listeners,
    metrics::Metrics,
    observer::{EXCHANGE, Observer},
    ops::{Opened, Ops},
    parts::Parts,
    reload::{Adoption, Book, Reload},
    run::{ended, told},
    system::SystemRandom,
};
use crate::{
    calling::{Calling, CallingParts},
    delivery::{Broker, BrokerParts},
    desk::{self, DeskParts, DeskService},
    domain::{
        limits::RECIPIENTS_MAX,
        release::Rule,
        time::{Clock, Timestamp},
        transfer::Policy,
    },
    exchange::{self, ExchangeParts, GrpcConnector, GrpcConnectorParts},
    store::Store,
    trust::{
        batch::Verifier,
        directory::DirectoryHandle,
        keys::SigningKey,
        tls::{self, Connections, DeskIdentity, PeerIdentity},
    },
};

/// What listeners share.
pub(super) struct Serving {
    pub(super) broker: Broker,
    pub(super) store: Store,
    pub(super) calling: Calling,
    config: Arc<ArcSwap<Config>>,
    clock: Arc<dyn Clock>,
    directory: DirectoryHandle,
    listeners: Listeners,
    connector: Arc<GrpcConnector>,
    policy: Arc<ArcSwap<Policy>>,
    release_rules: Arc<ArcSwap<Vec<Rule>>>,
    observer: Arc<Observer>,
    book: Book,
    adoption: Adoption,
    /// Of other authorities.
    pub(super) connections: Connections,
    /// Of the own staff.
    pub(super) desk_connections: Connections,
    /// Streams that each partner may have open.
    streams_each: Arc<AtomicU64>,
    metrics: Metrics,
    expiries: Expiries,
    pseudonym_key: [u8; 32],
    log_key: Arc<ArcSwap<SigningKey>>,
    started_at: Timestamp,
    stopping: watch::Receiver<bool>,
}

impl Serving {
    /// Starts the broker, and shows to ops what is open.
    pub(super) fn begin(
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        parts: Parts,
        ops: &Ops,
        stop: &watch::Sender<bool>,
    ) -> Self {
        let store = parts.store.clone();
        let started_at = clock.now();
        let connector = GrpcConnector::new(GrpcConnectorParts {
            own: config.authority,
            identity: Arc::clone(&parts.listeners.identity),
            directory: Arc::clone(&parts.directory),
        });
        let connector = Arc::new(connector.watched(parts.listeners.doubts.clone()));
        let broker = Broker::start(BrokerParts {
            authority: config.authority,
            store: parts.store,
            directory: Arc::clone(&parts.directory),
            statement_signer: parts.statement_signer,
            receipt_signer: parts.receipt_signer,
            verifier: Verifier::new(parts.directory.load_full()),
            clock: Arc::clone(&clock),
            random: Arc::new(SystemRandom),
            links: Arc::clone(&connector) as _,
            workers: workers(config.delivery.workers),
        });
        let policy = Arc::new(ArcSwap::from_pointee(config.transfer_policy()));
        let calling = Calling::new(
            CallingParts {
                authority: config.authority,
                store: store.clone(),
                broker: broker.clone(),
                clock: Arc::clone(&clock),
                random: Arc::new(SystemRandom),
                settings: parts.ways.settings,
                policy: Arc::clone(&policy),
                markings: config.marking.in_use(),
            },
            parts.ways.webhooks,
            parts.ways.mail,
        );
        let (connections, desk_connections) = (Connections::default(), Connections::default());
        let streams_each = Arc::new(AtomicU64::default());
        Admitted {
            broker: &broker,
            connections: &connections,
            desk_connections: &desk_connections,
            streams_each: &streams_each,
        }
        .follow(&config);
        let book = Book::default();
        let adoption = Adoption {
            directory: Arc::clone(&parts.directory),
            broker: broker.clone(),
            clock: Arc::clone(&clock),
            book: book.clone(),
            connections: connections.clone(),
            dialled: connector.dialled().clone(),
            turn: Arc::default(),
        };
        let expiries = Expiries {
            own: config.authority,
            files: Arc::clone(&parts.listeners.expiries),
            directory: Arc::clone(&parts.directory),
            broker: broker.clone(),
        };
        ops.opened.get_or_init(|| Opened {
            broker: broker.clone(),
            store: store.clone(),
            expiries: expiries.clone(),
            book: book.clone(),
            calling: calling.clone(),
        });
        let observer = observer(EXCHANGE, &ops.metrics, &broker, &store, &clock);
        Self {
            broker,
            store,
            calling,
            policy,
            release_rules: Arc::new(ArcSwap::from_pointee(config.release.clone())),
            config: Arc::new(ArcSwap::from(config)),
            clock,
            directory: parts.directory,
            listeners: parts.listeners,
            connector,
            observer,
            book,
            adoption,
            connections,
            desk_connections,
            streams_each,
            metrics: ops.metrics.clone(),
            expiries,
            pseudonym_key: parts.pseudonym_key,
            log_key: Arc::new(ArcSwap::from_pointee(parts.log_key)),
            started_at,
            stopping: stop.subscribe(),
        }
    }

    /// Serves other authorities until the node stops.
    pub(super) fn exchange(
        &self,
        socket: TcpListener,
    ) -> impl Future<Output = NodeError> + Send + use<> {
        let incoming = tls::accept_into::<PeerIdentity>(
            socket,
            Arc::clone(&self.listeners.exchange),
            Arc::clone(&self.observer) as _,
            self.connections.clone(),
        );
        let parts = ExchangeParts {
            broker: self.broker.clone(),
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.clock),
            observer: Arc::clone(&self.observer) as _,
            sightings: Arc::clone(self.connector.sightings()),
            streams_each: Arc::clone(&self.streams_each),
        };
        let end = ended(self.stopping.clone());
        async move { told("exchange", exchange::serve(parts, incoming, end).await) }
    }

    /// Serves the own staff until the node stops.
    pub(super) fn desk(
        &self,
        socket: TcpListener,
    ) -> impl Future<Output = NodeError> + Send + use<> {
        let incoming = tls::accept_into::<DeskIdentity>(
            socket,
            Arc::clone(&self.listeners.desk),
            observer(
                "desk",
                &self.metrics,
                &self.broker,
                &self.store,
                &self.clock,
            ),
            self.desk_connections.clone(),
        );
        let (expiries, book) = (self.expiries.clone(), self.book.clone());
        let service = DeskService::new(DeskParts {
            policy: Arc::clone(&self.policy),
            release_rules: Arc::clone(&self.release_rules),
            authority: self.expiries.own,
            broker: self.broker.clone(),
            store: self.store.clone(),
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.clock),
            pseudonym_key: self.pseudonym_key,
            log_key: Arc::clone(&self.log_key),
            log_epoch: self.store.loss().epoch,
            markings: self.config.load().marking.in_use(),
            started_at: self.started_at,
            expiries: Arc::new(move || expiries.all()),
            loaded: Arc::new(move || book.list()),
            calling: self.calling.clone(),
        });
        let end = ended(self.stopping.clone());
        async move { told("desk", desk::serve(service, incoming, end).await) }
    }

    /// What looks for newer files; `wake` has it look at once.
    pub(super) fn reload(&self, wake: &Arc<Notify>) -> Reload {
        Reload {
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
            listeners: self.listeners.clone(),
            broker: self.broker.clone(),
            connections: self.connections.clone(),
            desk_connections: self.desk_connections.clone(),
            streams_each: Arc::clone(&self.streams_each),
            policy: Arc::clone(&self.policy),
            release_rules: Arc::clone(&self.release_rules),
            log_key: Arc::clone(&self.log_key),
            adoption: self.adoption.clone(),
            observer: Arc::clone(&self.observer),
            book: self.book.clone(),
            calling: self.calling.clone(),
            wake: Arc::clone(wake),
            watch: <_>::default(),
        }
    }

    /// What asks partners for newer directories.
    pub(super) fn catch_up(&self) -> CatchUp {
        CatchUp {
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
            connector: Arc::clone(&self.connector),
            adoption: self.adoption.clone(),
            observer: Arc::clone(&self.observer),
            book: self.book.clone(),
        }
    }
}

/// What the configuration bounds at both doors.
pub(super) struct Admitted<'a> {
    pub(super) broker: &'a Broker,
    pub(super) connections: &'a Connections,
    pub(super) desk_connections: &'a Connections,
    pub(super) streams_each: &'a AtomicU64,
}

impl Admitted<'_> {
    /// As the configuration says from now on.
    pub(super) fn follow(&self, config: &Config) {
        self.connections.limit(config.limits.exchange_connections);
        self.connections.allow_each(config.quota.connections);
        self.desk_connections.limit(config.limits.desk_connections);
        self.broker.allow_each(config.quota.of_delivery());
        self.streams_each
            .store(config.quota.streams, Ordering::Relaxed);
    }
}

fn observer(
    listener: &'static str,
    metrics: &Metrics,
    broker: &Broker,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Arc<Observer> {
    Arc::new(Observer::new(
        listener,
        metrics.clone(),
        broker.clone(),
        store.clone(),
        Arc::clone(clock),
    ))
}

/// Workers as configured; 0 is one for each processor.
fn workers(configured: usize) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    match configured {
        0 => processors(),
        workers => workers.min(RECIPIENTS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_workers_means_one_for_each_processor_and_there_is_a_cap() {
        assert!(workers(0) >= 1);
        assert_eq!(workers(3), 3);
        assert_eq!(workers(usize::MAX), RECIPIENTS_MAX);
    }
}
