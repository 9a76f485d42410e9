//! An HTTP/2 client that writes its frames by hand, legal or not (RFC 9113, RFC 7541), over a member's true TLS.
//!
//! The way in is [`Raw::open`] for TLS alone, [`Raw::greeted`] for a connection that begins as it should. What the node
//! answers is read along unless the client is told not to.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::client::TlsStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The one method that a member calls.
const DELIVER: &[u8] = b"/allpoints.exchange.v1.Exchange/Deliver";

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let [_, length @ ..] = length.to_be_bytes();
    let mut bytes = length.to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The header block of a call of `Deliver`, in literals that no table remembers.
pub(crate) fn call() -> Vec<u8> {
    // `:method POST`, `:scheme http`, both by their number in the static table.
    let mut block = vec![0x83, 0x86];
    literal(&mut block, &[0x01], b"node.invalid");
    literal(&mut block, &[0x04], DELIVER);
    literal(&mut block, &[0x0f, 0x10], b"application/grpc");
    literal(&mut block, &[0x00, 2, b't', b'e'], b"trailers");
    block
}

/// A header block that is small to send and large to read: a long entry for the table, then its number again and again
/// (RFC 7541, 7.3).
pub(crate) fn bomb() -> Vec<u8> {
    let mut block = call();
    // With incremental indexing: it becomes entry 62, of 32 bytes beside name and value.
    block.extend([0x40, 1, b'x']);
    let value = [b'y'; 3900];
    // A length of 127 or more goes on in groups of seven bits (RFC 7541, 5.1).
    let rest = value.len() - 127;
    block.extend([0x7f, 0x80 | (rest % 128) as u8, (rest / 128) as u8]);
    block.extend(value);
    block.extend([0x80 | 62; 12_000]);
    block
}

fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.extend(name);
    // Shorter than 127: one byte, no Huffman code.
    block.push(u8::try_from(value.len()).unwrap_or(0) & 0x7f);
    block.extend(value);
}

/// What a node has said so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Error code of its GOAWAY.
    pub(crate) given_up: Option<u32>,
    /// Calls that it answered with anything.
    pub(crate) answered: u64,
    /// Streams that it reset.
    pub(crate) reset: u64,
    /// It has closed the connection.
    pub(crate) closed: bool,
}

/// Whether what the node says is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ears {
    Open,
    Shut,
}

/// One connection.
pub(crate) struct Raw {
    write: WriteHalf<TlsStream<TcpStream>>,
    heard: watch::Receiver<Heard>,
    listening: Listening,
    stream: u32,
}

/// What becomes of the half that is read.
enum Listening {
    Task(JoinHandle<()>),
    /// Open, and never read.
    Never(ReadHalf<TlsStream<TcpStream>>),
}

impl Drop for Raw {
    /// Closes the connection.
    fn drop(&mut self) {
        if let Listening::Task(task) = &self.listening {
            task.abort();
        }
    }
}

impl Raw {
    /// TLS, and not a byte of HTTP/2.
    pub(crate) async fn open(
        at: SocketAddr,
        tls: Arc<rustls::ClientConfig>,
        ears: Ears,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if ears == Ears::Shut {
            // Little fits into the pipe, so that the node soon notices.
            socket.set_recv_buffer_size(4096)?;
        }
        let tcp = socket.connect(at).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("node.invalid").map_err(io::Error::other)?;
        let tls = tokio_rustls::TlsConnector::from(tls)
            .connect(name, tcp)
            .await?;
        let (read, write) = tokio::io::split(tls);
        let (hears, heard) = watch::channel(Heard::default());
        let listening = match ears {
            Ears::Open => Listening::Task(tokio::spawn(listen(read, hears))),
            Ears::Shut => Listening::Never(read),
        };
        Ok(Self {
            write,
            heard,
            listening,
            stream: 1,
        })
    }

    /// The same with preface and settings.
    pub(crate) async fn greeted(
        at: SocketAddr,
        tls: Arc<rustls::ClientConfig>,
        ears: Ears,
    ) -> io::Result<Self> {
        let mut raw = Self::open(at, tls, ears).await?;
        let greeting = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        raw.write(&greeting).await?;
        Ok(raw)
    }

    /// Number of a new stream of ours.
    pub(crate) fn next_stream(&mut self) -> u32 {
        let stream = self.stream;
        self.stream += 2;
        stream
    }

    /// Sends any bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write.write_all(bytes).await?;
        self.write.flush().await
    }

    /// Sends the same again and again until then, or until the node has had enough; tells how often.
    pub(crate) async fn repeat(
        &mut self,
        until: Instant,
        mut bytes: impl FnMut(&mut Self) -> Vec<u8>,
    ) -> u64 {
        let mut times = 0;
        while Instant::now() < until && !self.heard.borrow().closed {
            let next = bytes(self);
            match timeout_at(until, self.write(&next)).await {
                Ok(Ok(())) => times += 1,
                Ok(Err(_)) | Err(_) => break,
            }
        }
        times
    }

    /// Waits until the node has closed the connection; what it had said by then, or by the end of the wait.
    pub(crate) async fn closed_within(&mut self, wait: Duration) -> Heard {
        // Whoever waited in vain sees it in what was heard.
        let _ = timeout(wait, self.heard.wait_for(|heard| heard.closed)).await;
        *self.heard.borrow()
    }

    /// What the node has said by now.
    pub(crate) fn heard(&self) -> Heard {
        *self.heard.borrow()
    }
}

/// Reads frames to the end of the connection.
async fn listen(mut read: ReadHalf<TlsStream<TcpStream>>, hears: watch::Sender<Heard>) {
    let ended: io::Result<std::convert::Infallible> = async {
        loop {
            let mut head = [0; 9];
            read.read_exact(&mut head).await?;
            let [high, middle, low, kind, ..] = head;
            let length = u32::from_be_bytes([0, high, middle, low]);
            let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            read.read_exact(&mut payload).await?;
            hears.send_modify(|heard| match kind {
                HEADERS => heard.answered += 1,
                RST_STREAM => heard.reset += 1,
                GOAWAY => heard.given_up = payload.get(4..8).map(code),
                _ => {}
            });
        }
    }
    .await;
    // The end is what is waited for, whatever brought it.
    drop(ended);
    hears.send_modify(|heard| heard.closed = true);
}

fn code(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |code, byte| code << 8 | u32::from(*byte))
}

/// TCP connections that stay as they are, each with these first bytes, from an own address of the loopback.
pub(crate) async fn silent(
    at: SocketAddr,
    from: [u8; 4],
    count: usize,
    first: &[u8],
) -> Vec<TcpStream> {
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let Ok(socket) = TcpSocket::new_v4() else {
            break;
        };
        let connecting = async {
            socket.bind(SocketAddr::from((from, 0)))?;
            let mut tcp = socket.connect(at).await?;
            tcp.write_all(first).await?;
            io::Result::Ok(tcp)
        };
        // A node that has no descriptors left leaves callers in the queue of its socket.
        if let Ok(Ok(tcp)) = timeout(Duration::from_millis(500), connecting).await {
            open.push(tcp);
        }
    }
    open
}
