//! Who may connect at the desk, and who must answer there: certificates of the own desk CA alone.
//!
//! The ways in are [`desk_server`] and [`desk_client`]. The desk CA vouches for people and systems
//! of one authority; no node and nobody from abroad is ever let in here.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::verify_tls13_signature,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{
    ALGORITHMS, Name, PROVIDER, Refusal, TlsError, TlsIdentity, certificate_der, client_config,
    crl_der, name::dns_name, server_config,
};
use crate::domain::id::AuthorityId;

/// Whom the own desk lets in: its CA and its list, read and checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeskTrust {
    gate: Arc<DeskGate>,
}

impl DeskTrust {
    /// CA and CRL are PEM or DER. A list that is past its date refuses everybody until a newer one is loaded.
    ///
    /// # Errors
    /// When CA or CRL cannot be used, or the CA has not signed the list.
    pub fn new(own: AuthorityId, desk_ca: &[u8], crl: &[u8]) -> Result<Self, TlsError> {
        let roots = desk_roots(desk_ca)?;
        let crl = crl_der(crl).ok_or_else(|| TlsError::DeskCrl("it is no CRL".into()))?;
        let chain = WebPkiClientVerifier::builder_with_provider(roots, PROVIDER.clone())
            .with_crls([crl])
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| TlsError::DeskCrl(error.to_string()))?;
        Ok(Self {
            gate: Arc::new(DeskGate { own, chain }),
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

/// Client side of the desk (CLI): trusts the own desk CA only, and the name `allpoints://ID/desk/server/...`.
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
    let chain = WebPkiServerVerifier::builder_with_provider(desk_roots(desk_ca)?, PROVIDER.clone())
        .build()
        .map_err(|error| TlsError::DeskCa(error.to_string()))?;
    client_config(identity, Arc::new(DialledDesk { authority, chain }))
}

fn desk_roots(desk_ca: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let ca =
        certificate_der(desk_ca).ok_or_else(|| TlsError::DeskCa("it is no certificate".into()))?;
    let mut roots = RootCertStore::empty();
    roots
        .add(ca)
        .map_err(|error| TlsError::DeskCa(error.to_string()))?;
    Ok(Arc::new(roots))
}

/// Lets in people and systems of the own desk.
#[derive(Debug)]
struct DeskGate {
    own: AuthorityId,
    chain: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for DeskGate {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        // Browsers choose a certificate by this hint; there is one CA, so nothing is given away.
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(leaf, intermediates, now)?;
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
    chain: Arc<WebPkiServerVerifier>,
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
        let verified = self
            .chain
            .verify_server_cert(leaf, intermediates, &name, ocsp, now)?;
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
