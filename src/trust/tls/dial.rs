//! Dials a partner's node, or the own desk: one connection, whose peer is known.
//!
//! The ways in are [`dial`] and [`dial_desk`]. A channel that comes out of them never connects a
//! second time: once its connection is gone every call fails, so that what was learnt of the peer
//! stays true of the channel. In TLS 1.3 we finish first: dialling therefore waits for the peer's
//! first word, which is a frame, or the alert that refuses *our* certificate.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
};

use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use super::{
    Dialled, PeerIdentity,
    dialled::DialledPlace,
    reason::{Gone, rustls_reason, why},
    reason_of,
};
use crate::domain::{
    limits::{
        CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT, HTTP2_HEADER_LIST_MAX_BYTES, HTTP2_WINDOW_BYTES,
        KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT,
    },
    reason::Reason,
};

/// Dials; gives tonic a channel and tells who answered.
///
/// `endpoint` is `host:port`; `config` comes from [`super::exchange_client`] and knows the peer.
///
/// # Errors
/// A named reason, and a detail for our own log.
pub async fn dial(
    endpoint: &str,
    config: Arc<ClientConfig>,
) -> Result<(Channel, PeerIdentity), DialError> {
    dial_into(endpoint, config, &Dialled::default()).await
}

/// [`dial`], with the connection kept in `dialled` so that it can be closed.
///
/// # Errors
/// As [`dial`].
pub async fn dial_into(
    endpoint: &str,
    config: Arc<ClientConfig>,
    dialled: &Dialled,
) -> Result<(Channel, PeerIdentity), DialError> {
    let no_node = || DialError {
        reason: Reason::WrongPeer,
        detail: format!("{endpoint}: who answered is no node"),
    };
    let tls = connect(endpoint, config).await?;
    let peer = PeerIdentity::of(tls.get_ref().1).ok_or_else(no_node)?;
    let end = Arc::default();
    let place = dialled.enter(tls.get_ref().1, Arc::clone(&end));
    let place = place.ok_or_else(no_node)?;
    Ok((channel(endpoint, tls, end, Some(place)).await?, peer))
}

/// Dials the own desk; `config` comes from [`super::desk_client`] and verifies who answers.
///
/// # Errors
/// A named reason, and a detail for the command's user.
pub async fn dial_desk(endpoint: &str, config: Arc<ClientConfig>) -> Result<Channel, DialError> {
    let tls = connect(endpoint, config).await?;
    channel(endpoint, tls, Arc::default(), None).await
}

/// Why dialling failed, as a named reason.
#[derive(Debug, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct DialError {
    /// The named reason.
    pub reason: Reason,
    /// For our own log: endpoint and cause, nothing personal.
    pub detail: String,
}

async fn connect(
    endpoint: &str,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, DialError> {
    let unreachable = |why: String| DialError {
        reason: Reason::Unreachable,
        detail: format!("{endpoint}: {why}"),
    };
    let tcp = timeout(CONNECT_TIMEOUT, TcpStream::connect(endpoint))
        .await
        .map_err(|_| unreachable("no TCP connection in time".into()))?
        .map_err(|error| unreachable(error.to_string()))?;
    tcp.set_nodelay(true)
        .map_err(|error| unreachable(error.to_string()))?;
    // Not sent and not looked at: the verifier of `config` knows the name to expect.
    let name = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    timeout(
        HANDSHAKE_TIMEOUT,
        TlsConnector::from(config).connect(name, tcp),
    )
    .await
    .map_err(|_| unreachable("no TLS handshake in time".into()))?
    .map_err(|error| DialError {
        // Somebody is there and breaks the handshake off without a word: still TLS.
        reason: rustls_reason(&error).unwrap_or(Reason::TlsRefused),
        detail: format!("{endpoint}: {}", why(&error)),
    })
}

/// One channel over this one connection; `end` is told why it ended.
async fn channel(
    endpoint: &str,
    tls: TlsStream<TcpStream>,
    end: Arc<OnceLock<Reason>>,
    place: Option<DialledPlace>,
) -> Result<Channel, DialError> {
    let (speaks, first_word) = oneshot::channel();
    let ended = end.clone();
    let failed = |otherwise: Reason, why: String| DialError {
        reason: ended.get().copied().unwrap_or(otherwise),
        detail: format!("{endpoint}: {why}"),
    };
    let once = Arc::new(Mutex::new(Some(OneConnection {
        tls,
        end: end.clone(),
        first_word: Some(speaks),
        place,
    })));
    let connector = tower::service_fn(move |_: http::Uri| {
        let tls = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(tls.map(TokioIo::new).ok_or_else(|| {
            let reason = end.get().copied();
            io::Error::new(io::ErrorKind::NotConnected, Gone { reason })
        }))
    });
    let channel = Endpoint::from_static("http://allpoints.invalid")
        .initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HTTP2_HEADER_LIST_MAX_BYTES)
        .connect_timeout(CONNECT_TIMEOUT)
        .connect_with_connector(connector)
        .await
        .map_err(|error| failed(reason_of(&error), chain(&error)))?;
    // A server's first frame follows its "yes" to our certificate (RFC 9113, 3.4); its "no" is an alert.
    match timeout(HANDSHAKE_TIMEOUT, first_word).await {
        Ok(Ok(())) => Ok(channel),
        Ok(Err(_)) => Err(failed(
            Reason::TlsRefused,
            "the peer ended the connection before its first word".into(),
        )),
        Err(_) => Err(failed(Reason::Unreachable, "no first word in time".into())),
    }
}

/// A connection that remembers what TLS said at its end: an alert may come before the first call.
struct OneConnection {
    tls: TlsStream<TcpStream>,
    end: Arc<OnceLock<Reason>>,
    /// Told at the first bytes that arrive; dropped when none will.
    first_word: Option<oneshot::Sender<()>>,
    /// Among those that end when their peer is not believed any more; the own desk's is not.
    place: Option<DialledPlace>,
}

impl OneConnection {
    fn remember<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result
            && let Some(reason) = rustls_reason(error)
        {
            // The first word counts; later ones follow from it.
            let _ = self.end.set(reason);
        }
        result
    }
}

impl OneConnection {
    /// An error once the connection was told to end; registers the waker otherwise.
    fn check_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(place) = &mut self.place else {
            return Ok(());
        };
        match place.ended.as_mut().poll(cx) {
            Poll::Ready(()) => {
                let reason = self.end.get().copied();
                Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    Gone { reason },
                ))
            }
            Poll::Pending => Ok(()),
        }
    }

    /// A write that fails may only follow from an alert that waits to be read.
    fn after_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if matches!(&result, Poll::Ready(Err(_))) {
            let mut scratch = [0; 64];
            let read = Pin::new(&mut self.tls).poll_read(cx, &mut ReadBuf::new(&mut scratch));
            let _ = self.remember(read);
        }
        self.remember(result)
    }
}

impl AsyncRead for OneConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_open(cx)?;
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.tls).poll_read(cx, buffer);
        let result = self.remember(result);
        if result.is_ready()
            && let Some(told) = self.first_word.take()
            && buffer.filled().len() > before
        {
            // Nobody waits any more when the dialler gave up.
            let _ = told.send(());
        }
        result
    }
}

impl AsyncWrite for OneConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let result = Pin::new(&mut self.tls).poll_write(cx, bytes);
        self.after_write(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.tls).poll_flush(cx);
        self.after_write(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let result = Pin::new(&mut self.tls).poll_write_vectored(cx, buffers);
        self.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
