//! A node's life: open, listen, serve, drain, close.
//!
//! When its store fails, the node ends at once and acknowledges nothing more (invariant I1).

use std::{
    io::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::{
    config::{self, Config},
    error::NodeError,
    metrics::{self, Metrics},
    ops::{self, Ops},
    parts::{self, Parts},
    reload::Reload,
    system::{SystemClock, SystemRandom},
    telemetry,
};
use crate::{
    delivery::{Broker, BrokerParts},
    desk::{self, DeskParts, DeskService},
    domain::{
        id::AuthorityId,
        limits::{DRAIN_TIMEOUT, RECIPIENTS_MAX},
        reason::Reason,
        time::Clock,
    },
    exchange::{self, ExchangeObserver, ExchangeParts, GrpcConnector, GrpcConnectorParts},
    store::{Store, StoreFailed, event::Event},
    trust::{
        batch::Verifier,
        tls::{self, Connections, DeskIdentity, HandshakeObserver, PeerIdentity},
    },
};

/// Number of the log in its origin's name. A restore behind its witnesses will begin another; not built yet.
const LOG_EPOCH: u32 = 1;

/// Runs a node until SIGTERM or SIGINT, or until it fails. Prints one line, `ready exchange=ADDR desk=ADDR
/// ops=ADDR`, when it serves. Has threads of its own: may be called from anywhere.
///
/// # Errors
/// Why it did not start, or stopped: [`NodeError::exit`] names the exit code.
pub fn serve(config: &Path) -> Result<(), NodeError> {
    let config = config::check(config)?;
    telemetry::start(&config.log)?;
    let whole_life = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| NodeError::Runtime(error.to_string()))?;
        let ended = runtime.block_on(live(config));
        // After a failed store nothing is waited for.
        runtime.shutdown_background();
        ended
    };
    thread::Builder::new()
        .name("node".to_owned())
        .spawn(whole_life)
        .map_err(|error| NodeError::Runtime(error.to_string()))?
        .join()
        .unwrap_or_else(|_| Err(NodeError::Runtime("a fault of the program".to_owned())))
}

async fn live(config: Config) -> Result<(), NodeError> {
    let signal_error = |error: std::io::Error| NodeError::Runtime(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(signal_error)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signal_error)?;
    let mut node = Node::start(config).await?;
    let at = node.addresses();
    let ready = format!(
        "ready exchange={} desk={} ops={}\n",
        at.exchange, at.desk, at.ops
    );
    let mut out = std::io::stdout();
    if out
        .write_all(ready.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        tracing::warn!("nobody reads standard output");
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        error = node.failed() => return Err(error),
    }
    tracing::info!("stopping");
    node.stop().await
}

/// Where a node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For other authorities.
    pub exchange: SocketAddr,
    /// For the own staff.
    pub desk: SocketAddr,
    /// For monitoring.
    pub ops: SocketAddr,
}

/// A node that serves.
pub struct Node {
    addresses: Addresses,
    broker: Broker,
    store: Store,
    ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<NodeError>,
    helpers: JoinSet<()>,
}

impl Node {
    /// Opens everything, then serves. Wants a tokio runtime.
    ///
    /// # Errors
    /// Names what is wrong and the fix; then nothing was served.
    pub async fn start(config: Config) -> Result<Self, NodeError> {
        let config = Arc::new(config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        // Ports first: a second node on this machine is told before it touches the store.
        let sockets = Sockets::bind(&config).await?;
        let addresses = sockets.addresses;
        let opening = {
            let (config, clock) = (Arc::clone(&config), Arc::clone(&clock));
            tokio::task::spawn_blocking(move || parts::open(&config, &clock))
        };
        let parts = opening
            .await
            .map_err(|error| NodeError::Runtime(error.to_string()))??;
        Self::serve(&config, clock, parts, sockets, addresses).await
    }

    async fn serve(
        config: &Arc<Config>,
        clock: Arc<dyn Clock>,
        parts: Parts,
        sockets: Sockets,
        addresses: Addresses,
    ) -> Result<Self, NodeError> {
        let started_at = clock.now();
        let metrics = Metrics::default();
        let mut helpers = JoinSet::new();
        helpers.spawn(metrics::follow(metrics.clone(), parts.store.subscribe()));
        let store = parts.store.clone();
        let broker = Broker::start(BrokerParts {
            authority: config.authority,
            store: store.clone(),
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
        // The broker journals start and stop; the directory in force must stand there before anything is served.
        broker.adopt_directory().await?;

        let (stop, stopping) = watch::channel(false);
        let ready = Arc::new(AtomicBool::new(false));
        let connections = Connections::default();
        let mut listeners = JoinSet::new();
        let observer = |listener| {
            Arc::new(Observer {
                listener,
                metrics: metrics.clone(),
                store: store.clone(),
                clock: Arc::clone(&clock),
            })
        };
        let incoming = tls::accept_into::<PeerIdentity>(
            sockets.exchange,
            Arc::clone(&parts.listeners.exchange),
            observer("exchange"),
            connections.clone(),
        );
        let exchange = ExchangeParts {
            broker: broker.clone(),
            directory: Arc::clone(&parts.directory),
            clock: Arc::clone(&clock),
            observer: observer("exchange"),
        };
        let end = ended(stopping.clone());
        listeners
            .spawn(async move { told("exchange", exchange::serve(exchange, incoming, end).await) });
        let incoming = tls::accept::<DeskIdentity>(
            sockets.desk,
            Arc::clone(&parts.listeners.desk),
            observer("desk"),
        );
        let service = DeskService::new(DeskParts {
            default_ground: config.policy.default_ground,
            authority: config.authority,
            broker: broker.clone(),
            store: store.clone(),
            directory: Arc::clone(&parts.directory),
            clock: Arc::clone(&clock),
            pseudonym_key: parts.pseudonym_key,
            log_key: Arc::new(parts.log_key),
            log_epoch: LOG_EPOCH,
            started_at,
            expiries: parts.listeners.expiries.clone(),
        });
        let end = ended(stopping.clone());
        listeners.spawn(async move { told("desk", desk::serve(service, incoming, end).await) });
        let ops = Ops {
            metrics,
            broker: broker.clone(),
            store: store.clone(),
            ready: Arc::clone(&ready),
        };
        let end = ended(stopping);
        listeners.spawn(async move { told("ops", ops::serve(ops, sockets.ops, end).await) });
        helpers.spawn(
            Reload {
                config: Arc::clone(config),
                clock,
                directory: parts.directory,
                listeners: parts.listeners,
                broker: broker.clone(),
                connections,
            }
            .run(),
        );
        ready.store(true, Ordering::SeqCst);
        Ok(Self {
            addresses,
            broker,
            store,
            ready,
            stop,
            listeners,
            helpers,
        })
    }

    /// Where it listens; with port 0 configured, the ports taken.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Resolves when the node must end by itself: its store has failed, or a listener has.
    pub async fn failed(&mut self) -> NodeError {
        tokio::select! {
            error = self.store.failed() => NodeError::Store(error),
            Some(ended) = self.listeners.join_next() => ended
                .unwrap_or_else(|error| NodeError::Runtime(error.to_string())),
        }
    }

    /// Drains and closes in order: nothing new, what is under way, listeners, and last the store.
    ///
    /// # Errors
    /// When the store fails while it closes.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.ready.store(false, Ordering::SeqCst);
        self.broker.stop().await;
        // Listeners end only after a change: a failed send means that they have ended.
        let _ = self.stop.send(true);
        let drained = async { while self.listeners.join_next().await.is_some() {} };
        if timeout(DRAIN_TIMEOUT / 5, drained).await.is_err() {
            tracing::info!("open streams are cut");
        }
        self.listeners.shutdown().await;
        self.helpers.shutdown().await;
        drop(self.broker);
        self.store.close().await.map_err(StoreFailed::into)
    }
}

/// The three listening sockets.
struct Sockets {
    exchange: TcpListener,
    desk: TcpListener,
    ops: TcpListener,
    addresses: Addresses,
}

impl Sockets {
    async fn bind(config: &Config) -> Result<Self, NodeError> {
        let (exchange, exchange_at) = bound("exchange", config.exchange.listen).await?;
        let (desk, desk_at) = bound("desk", config.desk.listen).await?;
        let (ops, ops_at) = bound("ops", config.ops.listen).await?;
        Ok(Self {
            exchange,
            desk,
            ops,
            addresses: Addresses {
                exchange: exchange_at,
                desk: desk_at,
                ops: ops_at,
            },
        })
    }
}

async fn bound(
    listener: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), NodeError> {
    let refused = |source| NodeError::Listen {
        listener,
        address,
        source,
    };
    let socket = TcpListener::bind(address).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    Ok((socket, address))
}

/// Workers as configured; 0 is one for each processor.
fn workers(configured: usize) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    match configured {
        0 => processors(),
        workers => workers.min(RECIPIENTS_MAX),
    }
}

async fn ended(mut stopping: watch::Receiver<bool>) {
    // An error means that the node itself is gone: that is an end too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn told<E: std::fmt::Display>(listener: &'static str, ended: Result<(), E>) -> NodeError {
    let why = ended.map_or_else(|error| error.to_string(), |()| "it was stopped".to_owned());
    NodeError::Listener(listener, why)
}

/// Counts, tells and journals what listeners observe.
struct Observer {
    listener: &'static str,
    metrics: Metrics,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl HandshakeObserver for Observer {
    fn refused(&self, remote: SocketAddr, why: &str) {
        self.metrics.handshake_refused(self.listener);
        tracing::warn!(listener = self.listener, %remote, why, "a TLS handshake was refused");
    }
}

impl ExchangeObserver for Observer {
    fn alarming_greeting(&self, peer: AuthorityId, reason: Reason) {
        tracing::error!(%peer, %reason, "a partner's greeting alarms");
        let now = self.clock.now();
        let incident = Event::Incident {
            peer: Some(peer),
            statement: None,
            reason,
            leaf: None,
        };
        let plan = self.store.decide(|ledger| {
            ledger.record(now, incident);
        });
        tokio::spawn(async move {
            if let Err(error) = plan.commit().await {
                tracing::error!(%error, "an incident could not be journaled");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_listener() {
        let (_socket, taken) = bound("desk", SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        let error = bound("ops", taken).await.expect_err("in use").to_string();
        assert!(error.contains("ops.listen") && error.contains(&taken.to_string()));
    }

    #[test]
    fn no_workers_means_one_for_each_processor_and_there_is_a_cap() {
        assert!(workers(0) >= 1);
        assert_eq!(workers(3), 3);
        assert_eq!(workers(usize::MAX), RECIPIENTS_MAX);
    }
}
