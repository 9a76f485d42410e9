//! What TLS costs: frames through both ends of a session as the exchange has it, in memory.

use allpoints::{
    node::system::SystemClock,
    trust::tls::{self, TlsIdentity},
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{net::Member, parts::BATCH};

/// Frames sent in one round.
const FRAMES: usize = 200;
/// Between the ends, as a socket would hold them.
const PIPE_BYTES: usize = 1 << 20;

/// Processor time of both ends, us a message; a frame of so many bytes holds a batch.
pub fn cost(sender: &Member, receiver: &Member, frame_bytes: usize, rounds: usize) -> f64 {
    let frames = FRAMES * rounds;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let (mut here, mut there) = handshake(sender, receiver).await;
        let frame = vec![7; frame_bytes];
        let handle = tokio::runtime::Handle::current();
        let reading = handle.spawn(async move {
            let mut buffer = vec![0; frame_bytes];
            for _ in 0..frames {
                there.read_exact(&mut buffer).await.expect("a frame");
            }
        });
        let used = || crate::processes::Usage::of(std::process::id()).cpu_seconds;
        let before = used();
        for _ in 0..frames {
            here.write_all(&frame).await.expect("written");
        }
        here.flush().await.expect("flushed");
        reading.await.expect("read");
        (used() - before) * 1e6 / (frames * BATCH) as f64
    })
}

type Pipe = tokio::io::DuplexStream;
type Ends = (
    tokio_rustls::client::TlsStream<Pipe>,
    tokio_rustls::server::TlsStream<Pipe>,
);

async fn handshake(sender: &Member, receiver: &Member) -> Ends {
    let client = tls::exchange_client(
        sender.id,
        receiver.id,
        &identity(sender),
        sender.directory(),
    );
    let server = tls::exchange_server(receiver.id, &identity(receiver), receiver.directory());
    let connector = tokio_rustls::TlsConnector::from(client.expect("a configuration"));
    let acceptor = tokio_rustls::TlsAcceptor::from(server.expect("a configuration"));
    let (one, other) = tokio::io::duplex(PIPE_BYTES);
    let name = identity(receiver).name().dns();
    let name = ServerName::try_from(name).expect("a name");
    let (here, there) = tokio::join!(connector.connect(name, one), acceptor.accept(other));
    (here.expect("greeted"), there.expect("greeted"))
}

fn identity(member: &Member) -> TlsIdentity {
    let own = &member.config.exchange;
    TlsIdentity::load(&own.certificate, &own.key, &SystemClock::new()).expect("loaded")
}
