//! TLS 1.3 with certificates bound to one authority: configurations, verifiers, listener and dialler.

use std::{net::SocketAddr, sync::Arc};

use super::directory::DirectoryHandle;
use crate::domain::{id::AuthorityId, reason::Reason, time::Clock};

/// Who is at the other end of an exchange connection; only a verified certificate makes it.
#[derive(Debug, Clone)]
pub struct PeerIdentity {
    pub(in crate::trust) authority: AuthorityId,
    pub(in crate::trust) uri: Arc<str>,
    pub(in crate::trust) key_exchange: &'static str,
    pub(in crate::trust) fingerprint: [u8; 32],
}
impl PeerIdentity {
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.authority
    }
    /// `allpoints://XB-POL/node/1`
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }
    /// `X25519MLKEM768`
    #[must_use]
    pub fn key_exchange(&self) -> &'static str {
        self.key_exchange
    }
    /// SHA-256 of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}
/// What a person or system at the own desk may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Officer,
    Supervisor,
    Ops,
    Auditor,
}
/// Who is at the other end of a desk connection.
#[derive(Debug, Clone)]
pub struct DeskIdentity {
    pub(in crate::trust) role: Role,
    pub(in crate::trust) uri: Arc<str>,
}
impl DeskIdentity {
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
    /// `allpoints://XA-POL/desk/officer/duty-7`
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }
}
/// Certificate chain and key of one listener or dialler, checked: matching, in date, key file 0600.
pub struct TlsIdentity {
    _todo: (),
}
impl TlsIdentity {
    pub fn load(
        _certificate: &std::path::Path,
        _key: &std::path::Path,
        _clock: &dyn Clock,
    ) -> Result<Self, TlsError> {
        todo!()
    }
}
/// Configuration errors: each names the file and the fix.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Replace by precise variants.
    #[error("{0}")]
    Refused(String),
}
/// Server side of the exchange: any member's node, each under its own CA and CRL, per the directory in force at that moment.
pub fn exchange_server(
    _own: AuthorityId,
    _identity: &TlsIdentity,
    _directory: DirectoryHandle,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    todo!()
}
/// Client side of the exchange: only `peer`.
pub fn exchange_client(
    _own: AuthorityId,
    _peer: AuthorityId,
    _identity: &TlsIdentity,
    _directory: DirectoryHandle,
) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    todo!()
}
/// Server side of the desk: only certificates of the own desk CA, on no CRL.
pub fn desk_server(
    _own: AuthorityId,
    _identity: &TlsIdentity,
    _desk_ca: &[u8],
    _crl: &[u8],
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    todo!()
}
/// Client side of the desk (CLI): trusts the own desk CA only, and the name `allpoints://ID/desk/server/...`.
pub fn desk_client(
    _identity: &TlsIdentity,
    _desk_ca: &[u8],
    _authority: AuthorityId,
) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    todo!()
}

/// An identity that a verified connection gives its requests (tonic `Connected::ConnectInfo`).
pub trait ConnectionIdentity: Clone + Send + Sync + 'static {
    /// From the verified leaf certificate of a finished handshake.
    fn from_connection(connection: &rustls::ServerConnection) -> Option<Self>;
}
impl ConnectionIdentity for PeerIdentity {
    fn from_connection(_c: &rustls::ServerConnection) -> Option<Self> {
        todo!()
    }
}
impl ConnectionIdentity for DeskIdentity {
    fn from_connection(_c: &rustls::ServerConnection) -> Option<Self> {
        todo!()
    }
}

/// Where refused handshakes are told: counter and rate-limited log line, without personal data.
pub trait HandshakeObserver: Send + Sync + 'static {
    fn refused(&self, remote: SocketAddr, why: &str);
}

/// Accepts TLS connections: handshake deadline, cap on pending ones, back-off when descriptors run out.
/// Implements `Stream<Item = io::Result<SecureStream<I>>>` for tonic's `serve_with_incoming`.
pub fn accept<I: ConnectionIdentity>(
    _listener: tokio::net::TcpListener,
    _config: Arc<arc_swap::ArcSwap<rustls::ServerConfig>>,
    _observer: Arc<dyn HandshakeObserver>,
) -> tokio_stream::wrappers::ReceiverStream<std::io::Result<SecureStream<I>>> {
    todo!()
}
/// A connection with the identity of its peer.
pub struct SecureStream<I> {
    _identity: I,
}

/// Dials; gives tonic a channel and tells who answered.
pub async fn dial(
    _endpoint: &str,
    _config: Arc<rustls::ClientConfig>,
) -> Result<(tonic::transport::Channel, PeerIdentity), DialError> {
    todo!()
}
/// Why dialling failed, as a named reason.
#[derive(Debug, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct DialError {
    pub reason: Reason,
    pub detail: String,
}
/// Finds the named reason in an error's source chain (`CertificateRevoked` and the like): in TLS 1.3 a
/// refused client learns it only at its first call.
#[must_use]
pub fn reason_of(_error: &(dyn std::error::Error + 'static)) -> Reason {
    todo!()
}
