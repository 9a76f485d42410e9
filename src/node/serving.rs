//! What a node serves with once everything is open: the broker, and each listener made from the same parts.

use std::{future::Future, sync::Arc, thread};

use tokio::{net::TcpListener, sync::watch};

use super::{
    config::Config,
    error::NodeError,
    expiry::Expiries,
    metrics::Metrics,
    observer::{EXCHANGE, Observer},
    ops::{Opened, Ops},
    parts::{Listeners, Parts},
    reload::Reload,
    run::{ended, told},
    system::SystemRandom,
};
use crate::{
    delivery::{Broker, BrokerParts},
    desk::{self, DeskParts, DeskService},
    domain::{
        limits::RECIPIENTS_MAX,
        time::{Clock, Timestamp},
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

/// Number of the log in its origin's name. A restore behind its witnesses will begin another; not built yet.
const LOG_EPOCH: u32 = 1;

/// What listeners share.
pub(super) struct Serving {
    pub(super) broker: Broker,
    pub(super) store: Store,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    directory: DirectoryHandle,
    listeners: Listeners,
    /// Of other authorities.
    pub(super) connections: Connections,
    /// Of the own staff.
    pub(super) desk_connections: Connections,
    metrics: Metrics,
    expiries: Expiries,
    pseudonym_key: [u8; 32],
    log_key: Arc<SigningKey>,
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
        let broker = Broker::start(BrokerParts {
            authority: config.authority,
            store: parts.store,
            directory: Arc::clone(&parts.directory),
            statement_signer: parts.statement_signer,
            receipt_signer: parts.receipt_signer,
            verifier: Verifier::new(parts.directory.load_full()),
            clock: Arc::clone(&clock),
            random: Arc::new(SystemRandom),
            links: Arc::new(GrpcConnector::new(GrpcConnectorParts {
                own: config.authority,
                identity: Arc::clone(&parts.listeners.identity),
                directory: Arc::clone(&parts.directory),
            })),
            workers: workers(config.delivery.workers),
        });
        broker.allow_each(config.quota.of_delivery());
        let connections = Connections::default();
        connections.allow_each(config.quota.connections);
        let expiries = Expiries {
            own: config.authority,
            files: Arc::clone(&parts.listeners.expiries),
            directory: Arc::clone(&parts.directory),
        };
        ops.opened.get_or_init(|| Opened {
            broker: broker.clone(),
            store: store.clone(),
            expiries: expiries.clone(),
        });
        Self {
            broker,
            store,
            config,
            clock,
            directory: parts.directory,
            listeners: parts.listeners,
            connections,
            desk_connections: Connections::default(),
            metrics: ops.metrics.clone(),
            expiries,
            pseudonym_key: parts.pseudonym_key,
            log_key: Arc::new(parts.log_key),
            started_at,
            stopping: stop.subscribe(),
        }
    }

    /// Serves other authorities until the node stops.
    pub(super) fn exchange(
        &self,
        socket: TcpListener,
    ) -> impl Future<Output = NodeError> + Send + use<> {
        let observer = self.observer(EXCHANGE);
        let incoming = tls::accept_into::<PeerIdentity>(
            socket,
            Arc::clone(&self.listeners.exchange),
            observer.clone(),
            self.connections.clone(),
        );
        let parts = ExchangeParts {
            broker: self.broker.clone(),
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.clock),
            observer,
            streams_each: self.config.quota.streams,
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
            self.observer("desk"),
            self.desk_connections.clone(),
        );
        let expiries = self.expiries.clone();
        let service = DeskService::new(DeskParts {
            default_ground: self.config.policy.default_ground,
            authority: self.config.authority,
            broker: self.broker.clone(),
            store: self.store.clone(),
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.clock),
            pseudonym_key: self.pseudonym_key,
            log_key: Arc::clone(&self.log_key),
            log_epoch: LOG_EPOCH,
            started_at: self.started_at,
            expiries: Arc::new(move || expiries.all()),
        });
        let end = ended(self.stopping.clone());
        async move { told("desk", desk::serve(service, incoming, end).await) }
    }

    /// What looks for newer files.
    pub(super) fn reload(&self) -> Reload {
        Reload {
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
            directory: Arc::clone(&self.directory),
            listeners: self.listeners.clone(),
            broker: self.broker.clone(),
            connections: self.connections.clone(),
        }
    }

    fn observer(&self, listener: &'static str) -> Arc<Observer> {
        Arc::new(Observer::new(
            listener,
            self.metrics.clone(),
            self.broker.clone(),
            self.store.clone(),
            Arc::clone(&self.clock),
        ))
    }
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
