//! The limit's two nodes as processes, over the same certificates, listeners and dialling as ours.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use allpoints::{
    domain::limits,
    node::system::SystemClock,
    trust::tls::{
        self, ConnectionIdentity, DeskIdentity, HandshakeObserver, PeerIdentity, TlsIdentity,
    },
};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::StreamExt as _;

use super::{
    journal::{self, Counters},
    node::{Forward, Node, Role},
    relay::{self, Relay},
};
use crate::{
    load::Loaded,
    net::{Member, Net, RECEIVER, SENDER},
    own_program,
    plan::{Mode, SUBMIT_MESSAGES},
    processes::{self, NodeProcess, Usage},
    report::{self, Run},
};

const RUNTIME_THREADS: usize = 2;
const WORKERS: usize = 2;
/// What our bulk lane may have under way.
const WINDOW_BYTES: usize = limits::BULK_WINDOW_MAX_BYTES;
const MESSAGE_MAX_BYTES: usize = 16 << 20;

/// One run with empty journals.
pub fn run(net: &Net, mode: Mode) -> Run {
    let peer = Member::read(&net.folder, RECEIVER).config.exchange.listen;
    let start = |role: &str| {
        let mut node = Command::new(own_program());
        node.args(["limit-node", role])
            .arg(&net.folder)
            .arg(peer.to_string());
        NodeProcess::start(&mut node, &net.folder.join(format!("limit-{role}.log")))
    };
    let b = start("b");
    let a = start("a");
    let mut client = Command::new(own_program());
    client.arg("limit-load").arg(&net.folder).args(mode.words());
    let loaded: Loaded = processes::load(&mut client);
    let [sender, receiver] = [a, b].map(|node| serde_json::from_str(node.end().trim()).ok());
    Run {
        loaded,
        sender,
        receiver,
    }
}

/// A node's process: serves until its standard input closes, then tells its counters.
pub fn serve(role: &str, folder: &Path, peer: &str) {
    let (role, id) = if role == "a" {
        (Role::A, SENDER)
    } else {
        (Role::B, RECEIVER)
    };
    let member = Member::read(folder, id);
    let home = tempfile::tempdir_in(folder).expect("a folder");
    let (blocks, counters) = journal::start(home.path());
    let batch = usize::try_from(SUBMIT_MESSAGES).expect("fits");
    let (node, forwarded) = Node::start(role, blocks, WORKERS, WINDOW_BYTES, batch);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if role == Role::A {
            forward(&member, peer, Arc::clone(&node), forwarded).await;
            let listener = bind(member.config.desk.listen).await;
            tokio::spawn(listen::<DeskIdentity>(listener, desk(&member), node));
        } else {
            let listener = bind(member.config.exchange.listen).await;
            tokio::spawn(listen::<PeerIdentity>(listener, exchange(&member), node));
        }
    });
    let idle = Usage::of(std::process::id());
    println!("ready");
    std::io::stdout().flush().expect("told");
    let mut scratch = Vec::new();
    std::io::stdin()
        .read_to_end(&mut scratch)
        .expect("its input");
    println!(
        "{}",
        serde_json::to_string(&counted(&counters, idle)).expect("JSON")
    );
    // Threads still wait for work that never comes.
    drop(home);
    std::process::exit(0);
}

fn counted(counters: &Counters, idle: Usage) -> report::Node {
    let used = Usage::of(std::process::id());
    report::Node {
        cpu_seconds: used.cpu_seconds - idle.cpu_seconds,
        flushes: counters.groups.load(Relaxed) as f64,
        entries: counters.entries.load(Relaxed) as f64,
        bytes: counters.bytes.load(Relaxed) as f64,
        idle_mib: idle.resident_mib,
        loaded_mib: used.resident_mib,
    }
}

fn desk(member: &Member) -> Arc<ServerConfig> {
    let own = &member.config.desk;
    let identity =
        TlsIdentity::load(&own.certificate, &own.key, &SystemClock::new()).expect("loaded");
    let read = |file| std::fs::read(file).expect("read");
    tls::desk_server(member.id, &identity, &read(&own.ca), &read(&own.crl))
        .expect("a configuration")
}

fn node_identity(member: &Member) -> TlsIdentity {
    let own = &member.config.exchange;
    TlsIdentity::load(&own.certificate, &own.key, &SystemClock::new()).expect("loaded")
}

fn exchange(member: &Member) -> Arc<ServerConfig> {
    tls::exchange_server(member.id, &node_identity(member), member.directory())
        .expect("a configuration")
}

/// Before it says that it is ready: connections then wait instead of being refused.
async fn bind(at: SocketAddr) -> TcpListener {
    TcpListener::bind(at).await.expect("a free port")
}

async fn listen<I: ConnectionIdentity>(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    node: Arc<Node>,
) {
    let connections = tls::accept::<I>(listener, Arc::new(ArcSwap::from(config)), Arc::new(Silent));
    tonic::transport::Server::builder()
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_BYTES)
        .add_service(Relay(node))
        .serve_with_incoming(connections)
        .await
        .expect("served");
}

/// Dials B, and carries what leaves the window to it and its receipts back.
async fn forward(
    member: &Member,
    peer: &str,
    node: Arc<Node>,
    mut forwarded: mpsc::UnboundedReceiver<Forward>,
) {
    let other = RECEIVER.parse().expect("legal id");
    let config = tls::exchange_client(member.id, other, &node_identity(member), member.directory());
    let (channel, _) = tls::dial(peer, config.expect("a configuration"))
        .await
        .expect("dialled");
    let (outgoing, requests) = mpsc::unbounded_channel();
    let mut replies = relay::open(channel, requests, MESSAGE_MAX_BYTES)
        .await
        .expect("a stream");
    let receiving = Arc::clone(&node);
    tokio::spawn(async move {
        while let Some(Ok(reply)) = replies.next().await {
            receiving.receipts(reply);
        }
    });
    tokio::spawn(async move {
        while let Some(next) = forwarded.recv().await {
            let bodies = node.admit(next).await;
            if outgoing.send(bodies).is_err() {
                return;
            }
        }
    });
}

struct Silent;
impl HandshakeObserver for Silent {
    fn refused(&self, remote: SocketAddr, why: &str) {
        eprintln!("{remote} was refused: {why}");
    }
}
