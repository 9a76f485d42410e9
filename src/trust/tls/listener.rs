//! Accepts TLS connections, and can close them again.
//!
//! The way in is [`accept`]. Each handshake has a deadline, pending ones are capped in all and per
//! address, and running out of descriptors only pauses the loop, which is told (threats, rows 55 and
//! 58). A connection that comes out of it carries the identity of its verified peer; [`Connections`]
//! ends those whose certificate or standing no longer holds (rows 4 and 7).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::{
    ALPN, ConnectionIdentity, Connections, HandshakeObserver, Name,
    callers::Callers,
    connections::Place,
    patience::{Impatience, Patience},
    reason::why,
    verified_leaf,
};
use crate::domain::{
    id::AuthorityId,
    limits::{ACCEPT_BACK_OFF, HANDSHAKE_TIMEOUT, HANDSHAKES_PENDING_MAX, REFUSAL_LINGER},
    reason::Reason,
    tally,
};

/// Accepts TLS connections: handshake deadline, cap on pending ones, back-off when descriptors run out.
/// Implements `Stream<Item = io::Result<SecureStream<I>>>` for tonic's `serve_with_incoming`.
///
/// Ends, and closes the listener, when the stream is dropped.
pub fn accept<I: ConnectionIdentity>(
    listener: TcpListener,
    config: Arc<ArcSwap<ServerConfig>>,
    observer: Arc<dyn HandshakeObserver>,
) -> ReceiverStream<io::Result<SecureStream<I>>> {
    accept_into(listener, config, observer, Connections::default())
}

/// [`accept`], with the open connections kept in `connections` so that they can be closed.
pub fn accept_into<I: ConnectionIdentity>(
    listener: TcpListener,
    config: Arc<ArcSwap<ServerConfig>>,
    observer: Arc<dyn HandshakeObserver>,
    connections: Connections,
) -> ReceiverStream<io::Result<SecureStream<I>>> {
    let (ready, incoming) = mpsc::channel(64);
    let doorman = Doorman {
        config,
        observer,
        connections,
        pending: Arc::new(Semaphore::new(HANDSHAKES_PENDING_MAX)),
        street: Arc::new(Street {
            callers: Callers::default(),
            opened: Instant::now(),
        }),
        ready,
    };
    tokio::spawn(doorman.run(listener));
    ReceiverStream::new(incoming)
}

/// A connection with the identity of its peer.
pub struct SecureStream<I> {
    io: TlsStream<TcpStream>,
    identity: I,
    place: Place,
    patience: Patience,
    guest: Guest,
}

/// Whose connection it is, and who is told when it is put out.
struct Guest {
    remote: SocketAddr,
    authority: AuthorityId,
    observer: Arc<dyn HandshakeObserver>,
    street: Arc<Street>,
    told: bool,
}

/// Where callers come from, and the time that their handshakes are counted by.
struct Street {
    callers: Callers,
    opened: Instant,
}

impl Street {
    fn enter(&self, address: IpAddr) -> Result<tally::Place<IpAddr>, &'static str> {
        self.callers.enter(address, self.opened.elapsed())
    }

    fn charge(&self, address: IpAddr) {
        self.callers.charge(address, self.opened.elapsed());
    }
}

impl Guest {
    /// Tells, once for each connection; the error then ends it.
    fn put_out(&mut self, why: Impatience) -> io::Error {
        if !std::mem::replace(&mut self.told, true) {
            let reason = Reason::ConnectionBroken;
            // Standing still is no abuse: a network that was cut looks the same.
            if why == Impatience::Broken {
                self.street.charge(self.remote.ip());
            }
            let why = why.to_string();
            self.observer
                .put_out(self.remote, self.authority, reason, &why);
        }
        io::Error::new(io::ErrorKind::ConnectionAborted, why)
    }
}

impl<I> SecureStream<I> {
    /// Who is at the other end.
    #[must_use]
    pub fn identity(&self) -> &I {
        &self.identity
    }

    /// An error once the connection was told to end; registers the waker otherwise.
    fn check_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.place.ended.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the peer is not welcome any more",
            )),
            Poll::Pending => Ok(()),
        }
    }
}

/// The identity is never pinned.
impl<I> Unpin for SecureStream<I> {}

impl<I> std::fmt::Debug for SecureStream<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecureStream")
            .field("place", &self.place.number)
            .finish_non_exhaustive()
    }
}

impl<I: ConnectionIdentity> Connected for SecureStream<I> {
    type ConnectInfo = I;

    fn connect_info(&self) -> I {
        self.identity.clone()
    }
}

impl<I> AsyncRead for SecureStream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_open(cx)?;
        let this = &mut *self;
        ready!(this.patience.poll_may_read(cx));
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buffer);
        match &read {
            Poll::Ready(Ok(())) => {
                let new = buffer.filled().get(before..).unwrap_or_default();
                this.patience.has_read(new);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => this
                .patience
                .wait_for_more(cx)
                .map_err(|why| this.guest.put_out(why))?,
        }
        read
    }
}

impl<I> SecureStream<I> {
    /// Sees what a write of these bytes came to.
    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
        written: &Poll<io::Result<usize>>,
    ) -> io::Result<()> {
        let seen = match written {
            Poll::Ready(Ok(count)) => self.saw_written(buffers, *count),
            Poll::Ready(Err(_)) => Ok(()),
            Poll::Pending => self.patience.wait_for_room(cx),
        };
        match seen {
            // What is already given up goes on to say so to its peer.
            Err(Impatience::Broken) => {
                self.guest.put_out(Impatience::Broken);
                Ok(())
            }
            seen => seen.map_err(|why| self.guest.put_out(why)),
        }
    }

    fn saw_written(
        &mut self,
        buffers: &[io::IoSlice<'_>],
        mut count: usize,
    ) -> Result<(), Impatience> {
        for buffer in buffers {
            let part = buffer.get(..count.min(buffer.len())).unwrap_or_default();
            count -= part.len();
            self.patience.has_written(part)?;
        }
        Ok(())
    }
}

impl<I> AsyncWrite for SecureStream<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_pending() {
            let waited = self.patience.wait_for_room(cx);
            waited.map_err(|why| self.guest.put_out(why))?;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, buffers);
        self.after_write(cx, buffers, &written)?;
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// What the accept loop and its handshakes share.
struct Doorman<I> {
    config: Arc<ArcSwap<ServerConfig>>,
    observer: Arc<dyn HandshakeObserver>,
    connections: Connections,
    pending: Arc<Semaphore>,
    street: Arc<Street>,
    ready: mpsc::Sender<io::Result<SecureStream<I>>>,
}

impl<I: ConnectionIdentity> Doorman<I> {
    async fn run(self, listener: TcpListener) {
        let this = Arc::new(self);
        loop {
            let Ok(permit) = this.pending.clone().acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                () = this.ready.closed() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((tcp, remote)) => match this.street.enter(remote.ip()) {
                    Ok(caller) => {
                        tokio::spawn(this.clone().admit(tcp, remote, (permit, caller)));
                    }
                    Err(why) => this.observer.refused(remote, why),
                },
                Err(error) if is_the_callers(&error) => {}
                // Out of descriptors or memory: others must finish first (threats, row 58).
                Err(error) => {
                    this.observer.paused(&error);
                    tokio::time::sleep(ACCEPT_BACK_OFF).await;
                }
            }
        }
    }

    async fn admit(
        self: Arc<Self>,
        tcp: TcpStream,
        remote: SocketAddr,
        pending: (OwnedSemaphorePermit, tally::Place<IpAddr>),
    ) {
        let stream = match timeout(HANDSHAKE_TIMEOUT, self.shake_hands(tcp, remote)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(turned_away)) => {
                let why = &turned_away.why;
                match turned_away.guest {
                    Some((authority, reason)) => {
                        self.observer.put_out(remote, authority, reason, why);
                    }
                    None => self.observer.refused(remote, why),
                }
                if let Some(tcp) = turned_away.tcp {
                    linger(tcp).await;
                }
                return;
            }
            Err(_) => return self.observer.refused(remote, "handshake deadline passed"),
        };
        // An error only says that nobody serves any more.
        let _ = self.ready.send(Ok(stream)).await;
        // Only now: when nobody takes what is ready, nobody new is let in.
        drop(pending);
    }

    async fn shake_hands(
        &self,
        tcp: TcpStream,
        remote: SocketAddr,
    ) -> Result<SecureStream<I>, TurnedAway> {
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let io = match acceptor.accept(tcp).into_fallible().await {
            Ok(io) => io,
            Err((error, tcp)) => {
                return Err(TurnedAway {
                    why: why(&error),
                    tcp: Some(tcp),
                    guest: None,
                });
            }
        };
        let connection = io.get_ref().1;
        if connection.alpn_protocol() != Some(ALPN) {
            return Err("the peer does not speak HTTP/2".into());
        }
        let identity =
            I::from_connection(connection).ok_or("the certificate names no identity of here")?;
        let authority = verified_leaf(connection)
            .and_then(|leaf| Name::of_certificate(leaf).ok())
            .ok_or("the certificate names no authority")?
            .authority();
        let place = self
            .connections
            .enter(authority, connection)
            .map_err(|reason| TurnedAway::guest(authority, reason))?;
        Ok(SecureStream {
            io,
            identity,
            place,
            patience: Patience::with(I::IDLE_MAX),
            guest: Guest {
                remote,
                authority,
                observer: Arc::clone(&self.observer),
                street: Arc::clone(&self.street),
                told: false,
            },
        })
    }
}

/// A handshake that came to nothing; `tcp` when an alert is under way on it.
struct TurnedAway {
    why: String,
    tcp: Option<TcpStream>,
    /// Who it is, when it was good, and why it is not let in all the same.
    guest: Option<(AuthorityId, Reason)>,
}

impl TurnedAway {
    fn guest(authority: AuthorityId, reason: Reason) -> Self {
        Self {
            why: "too many open connections".to_owned(),
            tcp: None,
            guest: Some((authority, reason)),
        }
    }
}

impl<T: Into<String>> From<T> for TurnedAway {
    fn from(why: T) -> Self {
        Self {
            why: why.into(),
            tcp: None,
            guest: None,
        }
    }
}

/// Lets the alert arrive: closing with unread bytes would reset the connection and lose it.
async fn linger(mut tcp: TcpStream) {
    let drain = async {
        if tcp.shutdown().await.is_err() {
            return;
        }
        let mut sink = [0; 4096];
        // Bounded: 16 reads of 4 KiB are more than any rest of a handshake.
        for _ in 0..16 {
            if !matches!(tcp.read(&mut sink).await, Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(REFUSAL_LINGER, drain).await;
}

/// Errors of `accept` that say that this caller went away, not that we are in need.
fn is_the_callers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t58_only_our_own_need_pauses_the_loop() {
        assert!(is_the_callers(&io::ErrorKind::ConnectionAborted.into()));
        // EMFILE, ENFILE
        assert!(!is_the_callers(&io::Error::from_raw_os_error(24)));
        assert!(!is_the_callers(&io::Error::from_raw_os_error(23)));
    }
}
