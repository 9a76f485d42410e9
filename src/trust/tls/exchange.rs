//! Who may connect on the exchange, and who must answer: any member's node, each under its own CA.
//!
//! The ways in are [`exchange_server`] and [`exchange_client`]. The name read before verification
//! only chooses the authority; its CA and CRL come from the directory in force at that handshake,
//! and the name is read again from what was verified. CAs of two authorities never meet in one
//! pool (SPIFFE, 4.2), nor do the two of one authority that replaces its own: each has a verifier and a list to itself. A suspended member passes here: the exchange service tells it so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::verify_tls13_signature,
    pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{
    ALGORITHMS, ClockDoubts, DirectoryHandle, ExchangeCa, Name, PROVIDER, Refusal, TlsError,
    TlsIdentity, client_config,
    files::{certificate_der, crl_der},
    issuer,
    name::dns_name,
    server_config, spki_hash,
};
use crate::domain::{id::AuthorityId, limits::VERIFIERS_KEPT_MAX};

/// What the directory says of one authority's certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberTls {
    /// The only CAs that may vouch for its nodes, each for itself and under its own list.
    pub exchange_cas: Vec<ExchangeCa>,
    /// SHA-256 of the keys allowed; empty: any that its CAs vouch for.
    pub spki_pins: Vec<[u8; 32]>,
    /// Its connections pass TLS and are then refused by the exchange.
    pub suspended: bool,
}

/// Where members are looked up, anew at each handshake.
pub trait MemberSource: Send + Sync + 'static {
    /// As the directory in force has it.
    fn member(&self, id: &AuthorityId) -> Option<MemberTls>;
}

impl MemberSource for DirectoryHandle {
    fn member(&self, id: &AuthorityId) -> Option<MemberTls> {
        let directory = self.load();
        directory.member(id).map(|member| MemberTls {
            exchange_cas: member.exchange_cas.clone(),
            spki_pins: member.spki_pins.clone(),
            suspended: member.suspended,
        })
    }
}

/// Server side of the exchange: any member's node, each under its own CA and CRL, per the directory in force at that moment.
///
/// # Errors
/// When `identity` is no node certificate of `own`.
pub fn exchange_server(
    own: AuthorityId,
    identity: &TlsIdentity,
    directory: DirectoryHandle,
) -> Result<Arc<ServerConfig>, TlsError> {
    exchange_server_from(own, identity, Arc::new(directory))
}

/// [`exchange_server`] over any source of members.
///
/// # Errors
/// When `identity` is no node certificate of `own`.
pub fn exchange_server_from(
    own: AuthorityId,
    identity: &TlsIdentity,
    members: Arc<dyn MemberSource>,
) -> Result<Arc<ServerConfig>, TlsError> {
    exchange_server_watched(own, identity, members, ClockDoubts::default())
}

/// The same; refusals for a certificate's dates are counted in `doubts`.
///
/// # Errors
/// When `identity` is no node certificate of `own`.
pub fn exchange_server_watched(
    own: AuthorityId,
    identity: &TlsIdentity,
    members: Arc<dyn MemberSource>,
    doubts: ClockDoubts,
) -> Result<Arc<ServerConfig>, TlsError> {
    require_node(own, identity)?;
    let gate = NodeGate {
        doubts,
        ..NodeGate::new(members)
    };
    server_config(identity, Arc::new(gate))
}

/// Client side of the exchange: only `peer`.
///
/// # Errors
/// When `identity` is no node certificate of `own`.
pub fn exchange_client(
    own: AuthorityId,
    peer: AuthorityId,
    identity: &TlsIdentity,
    directory: DirectoryHandle,
) -> Result<Arc<ClientConfig>, TlsError> {
    exchange_client_from(own, peer, identity, Arc::new(directory))
}

/// [`exchange_client`] over any source of members.
///
/// # Errors
/// When `identity` is no node certificate of `own`.
pub fn exchange_client_from(
    own: AuthorityId,
    peer: AuthorityId,
    identity: &TlsIdentity,
    members: Arc<dyn MemberSource>,
) -> Result<Arc<ClientConfig>, TlsError> {
    exchange_client_watched(own, peer, identity, members, ClockDoubts::default())
}

/// The same; refusals for a certificate's dates are counted in `doubts`.
///
/// # Errors
/// When `identity` is no node certificate of `own`.
pub fn exchange_client_watched(
    own: AuthorityId,
    peer: AuthorityId,
    identity: &TlsIdentity,
    members: Arc<dyn MemberSource>,
    doubts: ClockDoubts,
) -> Result<Arc<ClientConfig>, TlsError> {
    require_node(own, identity)?;
    let dialled = DialledNode {
        peer,
        members,
        doubts,
    };
    client_config(identity, Arc::new(dialled))
}

fn require_node(own: AuthorityId, identity: &TlsIdentity) -> Result<(), TlsError> {
    match identity.name() {
        Name::Node { authority, .. } if *authority == own => Ok(()),
        _ => Err(identity.wrong_use(format!("allpoints://{own}/node/N"))),
    }
}

/// Lets in the nodes of members.
pub(super) struct NodeGate {
    members: Arc<dyn MemberSource>,
    doubts: ClockDoubts,
    /// By authority and the place of the CA among its own.
    built: Mutex<HashMap<(AuthorityId, usize), Built>>,
}

/// A verifier with what it was built from: another CA or CRL in the directory, another verifier.
struct Built {
    ca: ExchangeCa,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl NodeGate {
    pub(super) fn new(members: Arc<dyn MemberSource>) -> Self {
        Self {
            members,
            doubts: ClockDoubts::default(),
            built: Mutex::default(),
        }
    }

    /// Whether this authority's open connections must end although their certificates are good.
    pub(super) fn shuts_out(&self, authority: &AuthorityId) -> bool {
        self.members
            .member(authority)
            .is_none_or(|member| member.suspended)
    }

    fn verifier(
        &self,
        authority: AuthorityId,
        (place, ca): (usize, &ExchangeCa),
    ) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        // A panic elsewhere cannot leave a half-built verifier in the map.
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = built.get(&(authority, place))
            && kept.ca == *ca
        {
            return Ok(kept.verifier.clone());
        }
        let verifier = client_verifier(authority, ca)?;
        if built.len() >= VERIFIERS_KEPT_MAX {
            built.clear();
        }
        built.insert(
            (authority, place),
            Built {
                ca: ca.clone(),
                verifier: verifier.clone(),
            },
        );
        Ok(verifier)
    }
}

impl std::fmt::Debug for NodeGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeGate")
    }
}

impl ClientCertVerifier for NodeGate {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let claimed = node_authority(leaf)?;
        let member = self
            .members
            .member(&claimed)
            .ok_or(Refusal::Unlisted(claimed))?;
        let verifier = self.verifier(claimed, claimed_ca(claimed, leaf, &member)?)?;
        let found = verifier.verify_client_cert(leaf, intermediates, now);
        let verified = self.doubts.watch(claimed, found, now)?;
        require_authority(leaf, claimed)?;
        require_pin(leaf, claimed, &member)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Refusal::OldVersion.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &ALGORITHMS)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

/// Believes only a node of the authority that was dialled.
struct DialledNode {
    peer: AuthorityId,
    members: Arc<dyn MemberSource>,
    doubts: ClockDoubts,
}

impl std::fmt::Debug for DialledNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DialledNode({})", self.peer)
    }
}

/// Whether the node that answered for `peer` is believed: its authority, its CA and list, its pin.
pub(super) fn believed(
    peer: AuthorityId,
    members: &Arc<dyn MemberSource>,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    require_authority(leaf, peer)?;
    let member = members.member(&peer).ok_or(Refusal::Unlisted(peer))?;
    // Hosts move; the authority is what was dialled, so its fixed name is what must stand there.
    let name = ServerName::try_from(dns_name(peer, "node"))
        .map_err(|error| Error::General(error.to_string()))?;
    let (_, ca) = claimed_ca(peer, leaf, &member)?;
    let verifier = server_verifier(peer, ca)?;
    let verified = verifier.verify_server_cert(leaf, intermediates, &name, &[], now)?;
    require_authority(leaf, peer)?;
    require_pin(leaf, peer, &member)?;
    Ok(verified)
}

impl ServerCertVerifier for DialledNode {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled_host: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = believed(self.peer, &self.members, leaf, intermediates, now);
        self.doubts.watch(self.peer, found, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Refusal::OldVersion.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &ALGORITHMS)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

/// Whose node the certificate says it is.
fn node_authority(leaf: &CertificateDer<'_>) -> Result<AuthorityId, Refusal> {
    match Name::of_certificate(leaf)? {
        Name::Node { authority, .. } => Ok(authority),
        found => Err(Refusal::WrongUse {
            expected: "node",
            found,
        }),
    }
}

fn require_authority(leaf: &CertificateDer<'_>, expected: AuthorityId) -> Result<(), Refusal> {
    match Name::of_certificate(leaf)? {
        Name::Node { authority, .. } if authority == expected => Ok(()),
        found => Err(Refusal::WrongPeer {
            expected: format!("allpoints://{expected}/node/N"),
            found,
        }),
    }
}

fn require_pin(
    leaf: &CertificateDer<'_>,
    authority: AuthorityId,
    member: &MemberTls,
) -> Result<(), Refusal> {
    let pins = &member.spki_pins;
    let fits = pins.is_empty() || spki_hash(leaf).is_some_and(|hash| pins.contains(&hash));
    fits.then_some(()).ok_or(Refusal::NotPinned(authority))
}

/// The CA of this member that the certificate says it is from, with its place: it alone verifies the certificate.
fn claimed_ca<'a>(
    authority: AuthorityId,
    leaf: &CertificateDer<'_>,
    member: &'a MemberTls,
) -> Result<(usize, &'a ExchangeCa), Refusal> {
    let cas = &member.exchange_cas;
    let place = match cas.as_slice() {
        [_] => 0,
        many => issuer::claimed(leaf, many.iter().map(|ca| ca.der.as_slice())),
    };
    let ca = cas.get(place).ok_or(Refusal::Unlisted(authority))?;
    Ok((place, ca))
}

/// One root, one list, and no word but theirs.
fn client_verifier(
    authority: AuthorityId,
    ca: &ExchangeCa,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let (roots, crl) = anchors(authority, ca)?;
    WebPkiClientVerifier::builder_with_provider(roots, PROVIDER.clone())
        .with_crls([crl])
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| unusable(authority, error.to_string()).into())
}

fn server_verifier(
    authority: AuthorityId,
    ca: &ExchangeCa,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let (roots, crl) = anchors(authority, ca)?;
    WebPkiServerVerifier::builder_with_provider(roots, PROVIDER.clone())
        .with_crls([crl])
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| unusable(authority, error.to_string()).into())
}

type Anchors = (Arc<RootCertStore>, CertificateRevocationListDer<'static>);

fn anchors(authority: AuthorityId, ca: &ExchangeCa) -> Result<Anchors, Refusal> {
    // webpki checks nothing at all without a list: its absence is refused here.
    let crl = ca.crl.as_deref().ok_or(Refusal::NoCrl(authority))?;
    let crl = crl_der(crl).ok_or_else(|| unusable(authority, "the list is no CRL".into()))?;
    let ca = certificate_der(&ca.der)
        .ok_or_else(|| unusable(authority, "the CA is no certificate".into()))?;
    let mut roots = RootCertStore::empty();
    roots
        .add(ca)
        .map_err(|error| unusable(authority, error.to_string()))?;
    Ok((Arc::new(roots), crl))
}

/// Whether handshakes can be verified under this CA and list: both are read as strictly as then.
pub(in crate::trust) fn can_verify(ca: &[u8], crl: &[u8]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(ca.to_vec()))
        .map_err(|error| error.to_string())?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone())
        .with_crls([CertificateRevocationListDer::from(crl.to_vec())])
        .build()
        .map(drop)
        .map_err(|error| error.to_string())
}

fn unusable(authority: AuthorityId, why: String) -> Refusal {
    Refusal::Unusable { authority, why }
}
