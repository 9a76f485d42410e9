//! Who may connect at the desk, and who must answer there: certificates of the own desk CA alone, or of either of the
//! two while one replaces the other.
//!
//! The ways in are [`desk_server`] and [`desk_client`]. The desk CA vouches for people and systems
//! of one authority; no node and nobody from abroad is ever let in here. Two CAs never meet in one pool: what one issued
//! is verified by it alone, under its own list.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    ServerConfig, SignatureScheme,
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
use x509_parser::{
    prelude::{FromDer as _, X509Certificate},
    revocation_list::CertificateRevocationList,
};

use super::{
    ALGORITHMS, Name, PROVIDER, Refusal, TlsError, TlsIdentity, client_config,
    files::{certificates, revocation_lists},
    issuer,
    name::dns_name,
    server_config,
};
use crate::domain::{id::AuthorityId, limits::CAS_MAX};

/// Whom the own desk lets in: its CA and its list, or two of each, read and checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeskTrust {
    gate: Arc<DeskGate>,
}

impl DeskTrust {
    /// CA and CRL are PEM or DER; two of each, as PEM, while one CA replaces the other. A list that is past its date
    /// refuses all that its CA issued until a newer one is loaded. A list of none of the CAs counts for nothing.
    ///
    /// # Errors
    /// When CA or CRL cannot be used, or a CA has signed none of the lists.
    pub fn new(own: AuthorityId, desk_ca: &[u8], crl: &[u8]) -> Result<Self, TlsError> {
        let lists =
            revocation_lists(crl).ok_or_else(|| TlsError::DeskCrl("it is no CRL".into()))?;
        let (mut chains, mut hints) = (Vec::new(), Vec::new());
        for ca in desk_cas(desk_ca)? {
            let list = newest_of(&ca, &lists).ok_or_else(|| {
                TlsError::DeskCrl("a CA that the desk trusts has signed none in it".into())
            })?;
            let chain = WebPkiClientVerifier::builder_with_provider(roots(&ca)?, PROVIDER.clone())
                .with_crls([list.clone()])
                .enforce_revocation_expiration()
                .build()
                .map_err(|error| TlsError::DeskCrl(error.to_string()))?;
            hints.extend_from_slice(chain.root_hint_subjects());
            chains.push((ca, chain));
        }
        Ok(Self {
            gate: Arc::new(DeskGate { own, chains, hints }),
        })
    }

    pub(super) fn gate(&self) -> &dyn ClientCertVerifier {
        &*self.gate
    }
}

/// Server side of the desk: only certificates of the own desk CA, on no CRL.
///
/// # Errors
/// When `identity` is no desk server certificate of `own`, or CA or CRL cannot be used.
pub fn desk_server(
    own: AuthorityId,
    identity: &TlsIdentity,
    desk_ca: &[u8],
    crl: &[u8],
) -> Result<Arc<ServerConfig>, TlsError> {
    require_desk_server(own, identity)?;
    desk_server_under(identity, &DeskTrust::new(own, desk_ca, crl)?)
}

/// [`desk_server`] over a trust that was checked already.
///
/// # Errors
/// When `identity` is no desk server certificate of the trust's authority.
pub fn desk_server_under(
    identity: &TlsIdentity,
    trust: &DeskTrust,
) -> Result<Arc<ServerConfig>, TlsError> {
    require_desk_server(trust.gate.own, identity)?;
    server_config(identity, Arc::clone(&trust.gate) as _)
}

fn require_desk_server(own: AuthorityId, identity: &TlsIdentity) -> Result<(), TlsError> {
    match identity.name() {
        Name::DeskServer { authority, .. } if *authority == own => Ok(()),
        _ => Err(identity.wrong_use(format!("allpoints://{own}/desk/server/N"))),
    }
}

/// Client side of the desk (CLI): trusts the own desk CA only, or the two of a replacement, and the name `allpoints://ID/desk/server/...`.
///
/// # Errors
/// When `identity` is no desk certificate of `authority`, or the CA cannot be used.
pub fn desk_client(
    identity: &TlsIdentity,
    desk_ca: &[u8],
    authority: AuthorityId,
) -> Result<Arc<ClientConfig>, TlsError> {
    match identity.name() {
        Name::DeskPerson { authority: own, .. } if *own == authority => {}
        _ => return Err(identity.wrong_use(format!("allpoints://{authority}/desk/ROLE/NAME"))),
    }
    let mut chains = Vec::new();
    for ca in desk_cas(desk_ca)? {
        let chain = WebPkiServerVerifier::builder_with_provider(roots(&ca)?, PROVIDER.clone())
            .build()
            .map_err(|error| TlsError::DeskCa(error.to_string()))?;
        chains.push((ca, chain));
    }
    client_config(identity, Arc::new(DialledDesk { authority, chains }))
}

/// One or two CAs, of different names.
fn desk_cas(desk_ca: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let cas =
        certificates(desk_ca).ok_or_else(|| TlsError::DeskCa("it is no certificate".into()))?;
    if cas.len() > CAS_MAX {
        return Err(TlsError::DeskCa(format!(
            "the file holds {} certificates, expected one CA, or two while one replaces the other",
            cas.len()
        )));
    }
    if let [one, other] = cas.as_slice()
        && subject(one) == subject(other)
    {
        return Err(TlsError::DeskCa(
            "both CAs in the file have one name: what each issues could not be told apart".into(),
        ));
    }
    Ok(cas)
}

fn subject(ca: &[u8]) -> Option<Vec<u8>> {
    let (_, ca) = X509Certificate::from_der(ca).ok()?;
    Some(ca.subject().as_raw().to_vec())
}

/// The newest of the lists that this CA has signed.
fn newest_of<'a>(
    ca: &[u8],
    lists: &'a [CertificateRevocationListDer<'static>],
) -> Option<&'a CertificateRevocationListDer<'static>> {
    let (_, ca) = X509Certificate::from_der(ca).ok()?;
    let issued = |list: &CertificateRevocationListDer<'_>| {
        let (_, list) = CertificateRevocationList::from_der(list).ok()?;
        let ours = list.issuer().as_raw() == ca.subject().as_raw();
        let signed = ours && list.verify_signature(ca.public_key()).is_ok();
        signed.then(|| list.last_update().timestamp())
    };
    let of_ca = lists.iter().filter(|list| issued(list).is_some());
    of_ca.max_by_key(|list| issued(list))
}

fn roots(ca: &CertificateDer<'static>) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(ca.clone())
        .map_err(|error| TlsError::DeskCa(error.to_string()))?;
    Ok(Arc::new(roots))
}

/// The verifier of the CA that a certificate says it is from.
fn claimed<'a, T: ?Sized>(
    leaf: &CertificateDer<'_>,
    chains: &'a [(CertificateDer<'static>, Arc<T>)],
) -> Result<&'a T, Error> {
    let place = issuer::claimed(leaf, chains.iter().map(|(ca, _)| ca.as_ref()));
    let chain = chains.get(place).map(|(_, chain)| &**chain);
    chain.ok_or_else(|| CertificateError::UnknownIssuer.into())
}

/// Lets in people and systems of the own desk.
#[derive(Debug)]
struct DeskGate {
    own: AuthorityId,
    chains: Vec<(CertificateDer<'static>, Arc<dyn ClientCertVerifier>)>,
    hints: Vec<DistinguishedName>,
}

impl ClientCertVerifier for DeskGate {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        // Browsers choose a certificate by this hint; all are our own, so nothing is given away.
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = claimed(leaf, &self.chains)?;
        let verified = chain.verify_client_cert(leaf, intermediates, now)?;
        match Name::of_certificate(leaf).map_err(Refusal::from)? {
            Name::DeskPerson { authority, .. } if authority == self.own => Ok(verified),
            found => Err(Refusal::WrongUse {
                expected: "desk",
                found,
            }
            .into()),
        }
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

/// Believes only the desk server of the own authority.
#[derive(Debug)]
struct DialledDesk {
    authority: AuthorityId,
    chains: Vec<(CertificateDer<'static>, Arc<WebPkiServerVerifier>)>,
}

impl ServerCertVerifier for DialledDesk {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled_host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(dns_name(self.authority, "desk"))
            .map_err(|error| Error::General(error.to_string()))?;
        let chain = claimed(leaf, &self.chains)?;
        let verified = chain.verify_server_cert(leaf, intermediates, &name, ocsp, now)?;
        match Name::of_certificate(leaf).map_err(Refusal::from)? {
            Name::DeskServer { authority, .. } if authority == self.authority => Ok(verified),
            found => Err(Refusal::WrongPeer {
                expected: format!("allpoints://{}/desk/server/N", self.authority),
                found,
            }
            .into()),
        }
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
