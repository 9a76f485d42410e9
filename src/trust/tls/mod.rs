//! TLS 1.3 with certificates bound to one authority: who may connect, and who answered.
//!
//! The ways in: [`TlsIdentity::load`], then [`exchange_server`], [`exchange_client`],
//! [`desk_server`] or [`desk_client`] for a configuration, then [`accept`] or [`dial`].
//! A peer is verified under one CA of its own authority and that CA's CRL alone, as the directory in force at that
//! handshake has them (invariant I4). Nothing here ever merges two authorities' CAs, resumes a
//! session, speaks TLS 1.2, or makes a [`PeerIdentity`] from anything but a finished handshake.

mod callers;
mod connections;
mod desk;
mod dial;
mod dialled;
mod doubts;
mod ends;
mod exchange;
mod files;
mod frames;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod identity;
mod issuer;
mod listener;
mod name;
mod patience;
mod reason;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use rustls::{
    ClientConfig, ServerConfig, SignatureScheme,
    client::danger::ServerCertVerifier,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{AlgorithmIdentifier, CertificateDer, UnixTime, alg_id},
    server::danger::ClientCertVerifier,
    version::TLS13,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::directory::{DirectoryHandle, ExchangeCa};
use crate::domain::{id::AuthorityId, limits::EXCHANGE_IDLE_MAX, reason::Reason, time::Timestamp};

pub(in crate::trust) use self::exchange::can_verify;
pub use self::{
    connections::Connections,
    desk::{DeskTrust, desk_client, desk_server, desk_server_under},
    dial::{DialError, dial, dial_desk, dial_into},
    dialled::Dialled,
    doubts::ClockDoubts,
    ends::{Validity, certificate_validity, crl_validity},
    exchange::{
        MemberSource, MemberTls, exchange_client, exchange_client_from, exchange_client_watched,
        exchange_server, exchange_server_from, exchange_server_watched,
    },
    identity::{TlsError, TlsIdentity},
    listener::{SecureStream, accept, accept_into},
    name::{CertificateNameError, DeskName, Name, NameError},
    reason::reason_of,
};

/// Who is at the other end of an exchange connection; only a verified certificate makes it.
#[derive(Debug, Clone)]
pub struct PeerIdentity {
    pub(in crate::trust) authority: AuthorityId,
    pub(in crate::trust) uri: Arc<str>,
    pub(in crate::trust) key_exchange: &'static str,
    pub(in crate::trust) fingerprint: [u8; 32],
}

impl PeerIdentity {
    /// Whose node it is.
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

    fn of(connection: &rustls::CommonState) -> Option<Self> {
        let leaf = verified_leaf(connection)?;
        match Name::of_certificate(leaf).ok()? {
            name @ Name::Node { authority, .. } => Some(Self {
                authority,
                uri: name.to_string().into(),
                key_exchange: key_exchange_of(connection),
                fingerprint: sha256(leaf),
            }),
            Name::DeskServer { .. } | Name::DeskPerson { .. } => None,
        }
    }
}

/// What a person or system at the own desk may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Writes and answers alerts.
    Officer,
    /// Releases what an officer wrote.
    Supervisor,
    /// Sees all that is overdue, reassigns and releases, around the clock.
    Duty,
    /// A program that asks about documents at a border, and nothing else.
    System,
    /// Sees links and queues, no bodies.
    Ops,
    /// Users and policy, no content.
    Administrator,
    /// Reads the journal and, with a reason, content; exports evidence.
    Auditor,
}

/// Who is at the other end of a desk connection.
#[derive(Debug, Clone)]
pub struct DeskIdentity {
    pub(in crate::trust) role: Role,
    pub(in crate::trust) unit: Option<DeskName>,
    pub(in crate::trust) uri: Arc<str>,
}

impl DeskIdentity {
    /// What it may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
    /// Its unit; `None`: the whole authority.
    #[must_use]
    pub fn unit(&self) -> Option<&DeskName> {
        self.unit.as_ref()
    }
    /// `allpoints://XA-POL/desk/officer/duty-7`
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

/// An identity that a verified connection gives its requests (tonic `Connected::ConnectInfo`).
pub trait ConnectionIdentity: Clone + Send + Sync + 'static {
    /// Longest time that a connection may be open without a call; `None`: it may stay for calls to come.
    const IDLE_MAX: Option<Duration>;

    /// From the verified leaf certificate of a finished handshake.
    fn from_connection(connection: &rustls::ServerConnection) -> Option<Self>;
}

impl ConnectionIdentity for PeerIdentity {
    const IDLE_MAX: Option<Duration> = Some(EXCHANGE_IDLE_MAX);

    fn from_connection(connection: &rustls::ServerConnection) -> Option<Self> {
        Self::of(connection)
    }
}

impl ConnectionIdentity for DeskIdentity {
    const IDLE_MAX: Option<Duration> = None;

    fn from_connection(connection: &rustls::ServerConnection) -> Option<Self> {
        match Name::of_certificate(verified_leaf(connection)?).ok()? {
            Name::DeskPerson {
                authority,
                role,
                name,
                unit,
            } => Some(Self {
                role,
                unit: unit.clone(),
                uri: Name::DeskPerson {
                    authority,
                    role,
                    name,
                    unit,
                }
                .to_string()
                .into(),
            }),
            Name::Node { .. } | Name::DeskServer { .. } => None,
        }
    }
}

/// Where refused handshakes are told: counter and rate-limited log line, without personal data.
pub trait HandshakeObserver: Send + Sync + 'static {
    /// A connection from `remote` was refused.
    fn refused(&self, remote: SocketAddr, why: &str);

    /// A connection of this authority, past its handshake, was refused or ended for what it did: `QUOTA` or
    /// `CONNECTION_BROKEN`.
    fn put_out(&self, remote: SocketAddr, authority: AuthorityId, reason: Reason, why: &str) {
        let _ = (authority, reason);
        self.refused(remote, why);
    }

    /// Descriptors or memory have run out: nobody new is accepted for a moment. Told at each pause.
    fn paused(&self, why: &io::Error) {
        let _ = why;
    }
}

/// Why our own rules refuse a certificate that may well be valid X.509.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("{}", blandly(.0))]
    Name(#[from] CertificateNameError),
    #[error("{0} is not in the directory")]
    Unlisted(AuthorityId),
    #[error("expected a certificate of {expected}, found {found}")]
    WrongPeer { expected: String, found: Name },
    #[error("expected a {expected} certificate, found {found}")]
    WrongUse { expected: &'static str, found: Name },
    #[error("the directory has no revocation list of {0}")]
    NoCrl(AuthorityId),
    #[error("the CA or revocation list of {authority} cannot be used: {why}")]
    Unusable { authority: AuthorityId, why: String },
    #[error("the key of {0} is not among its pinned keys")]
    NotPinned(AuthorityId),
    #[error("TLS 1.2 is not spoken here")]
    OldVersion,
}

impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> Self {
        rustls::CertificateError::Other(rustls::OtherError(Arc::new(refusal))).into()
    }
}

/// Without the text that the peer wrote: it may be anything.
fn blandly(error: &CertificateNameError) -> String {
    match error {
        CertificateNameError::Name(_) => "the certificate's URI is no name of ours".into(),
        other => other.to_string(),
    }
}

const ALPN: &[u8] = b"h2";

/// Signatures believed in certificates, CRLs and handshakes (threats, row 14).
const SCHEMES: [SignatureScheme; 3] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
];

/// Keys believed, with any of the schemes above: rustls maps those to P-521 keys as well.
const KEYS: [AlgorithmIdentifier; 3] = [alg_id::ECDSA_P256, alg_id::ECDSA_P384, alg_id::ED25519];

static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> = LazyLock::new(|| {
    let known = aws_lc_rs::default_provider().signature_verification_algorithms;
    // Leaked once in a process: rustls wants all three for as long as the program runs.
    let mapping: Vec<(SignatureScheme, &'static [_])> = known
        .mapping
        .iter()
        .filter(|(scheme, _)| SCHEMES.contains(scheme))
        .map(|(scheme, algorithms)| {
            let believed: Vec<_> = algorithms
                .iter()
                .copied()
                .filter(|algorithm| KEYS.contains(&algorithm.public_key_alg_id()))
                .collect();
            (*scheme, &*believed.leak())
        })
        .collect();
    let all: Vec<_> = mapping
        .iter()
        .flat_map(|(_, algorithms)| algorithms.iter().copied())
        .collect();
    WebPkiSupportedAlgorithms {
        all: all.leak(),
        mapping: mapping.leak(),
    }
});

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
    ];
    provider.signature_verification_algorithms = *ALGORITHMS;
    Arc::new(provider)
});

fn server_config(
    identity: &TlsIdentity,
    verifier: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Inside)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity.resolver());
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session does not verify the client's certificate again (threats, row 4).
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn client_config(
    identity: &TlsIdentity,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Inside)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(identity.resolver());
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    // The verifier knows whom it dialled; the wire need not say it in the clear.
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// The peer's certificate after the handshake, `None` before.
fn verified_leaf(connection: &rustls::CommonState) -> Option<&CertificateDer<'static>> {
    if connection.is_handshaking() {
        return None;
    }
    connection.peer_certificates()?.first()
}

fn key_exchange_of(connection: &rustls::CommonState) -> &'static str {
    connection
        .negotiated_key_exchange_group()
        .and_then(|group| group.name().as_str())
        .unwrap_or("unknown")
}

/// As rustls counts.
fn unix_time(now: Timestamp) -> UnixTime {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    UnixTime::since_unix_epoch(std::time::Duration::from_micros(micros))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, bytes).as_ref());
    hash
}

/// SHA-256 of a certificate's `SubjectPublicKeyInfo` (RFC 7469, 2.4).
pub(in crate::trust) fn spki_hash(der: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(sha256(certificate.tbs_certificate.subject_pki.raw))
}
