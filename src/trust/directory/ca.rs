//! The exchange CAs of members, and what they have revoked.
//!
//! The ways in: [`read`] for the CAs that the roots give to a member, [`newest_crls`] for the lists of all of them. A CA
//! has one owner, and a list is of one CA: nothing here lets the word of one count for another. A list that handshakes
//! could not be verified under is refused here: a signature does not cover all of its bytes, and whoever passes a
//! directory on could cut a member off with one that only looks sound.

use std::{collections::BTreeMap, iter};

use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _,
    revocation_list::CertificateRevocationList,
};

use super::{DirectoryError, Document, member::MemberOnly, signed};
use crate::{
    domain::{id::AuthorityId, limits},
    proto::directory::v1 as pb,
    trust::{
        merkle::{Hash, sha256},
        tls::can_verify,
    },
};

/// A CA that vouches for the nodes of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeCa {
    /// X.509, DER.
    pub der: Vec<u8>,
    /// Its newest revocation list, DER; `None`: nothing that it issued can be verified.
    pub crl: Option<Vec<u8>>,
}

impl ExchangeCa {
    /// SHA-256 of the certificate, as people compare it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }
}

/// SHA-256 of a certificate: what `openssl x509 -fingerprint -sha256` shows, without its colons.
pub(in crate::trust) fn fingerprint(der: &[u8]) -> String {
    let hash = sha256(der);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// A CA by its owner and the SHA-256 of its SubjectPublicKeyInfo.
pub(super) type CaRef = (AuthorityId, Hash);

/// One CA that the roots give to a member.
pub(super) struct CaOnly {
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(super) key_hash: Hash,
    pub(super) der: Vec<u8>,
    /// As it stands in all that it issues.
    subject: Vec<u8>,
}

/// All CAs of a member: distinct in key and name, so that each certificate and each list is of one of them.
pub(super) fn read(
    authority: AuthorityId,
    listed: &pb::Member,
) -> Result<Vec<CaOnly>, DirectoryError> {
    signed::at_most(
        "exchange CAs of one member",
        listed.other_exchange_cas.len() + 1,
        limits::CAS_MAX,
        Document::Membership,
    )?;
    let refuse = |why| DirectoryError::Ca { authority, why };
    let mut cas: Vec<CaOnly> = Vec::with_capacity(limits::CAS_MAX);
    for der in iter::once(&listed.exchange_ca).chain(&listed.other_exchange_cas) {
        let ca = CaOnly::read(der).map_err(refuse)?;
        if cas.iter().any(|known| known.key_hash == ca.key_hash) {
            return Err(refuse("it is named twice".to_owned()));
        }
        if cas.iter().any(|known| known.subject == ca.subject) {
            let why = "it has the name of the other one: what each issues and revokes could not be told apart";
            return Err(refuse(why.to_owned()));
        }
        cas.push(ca);
    }
    Ok(cas)
}

/// A revocation list that its CA signed.
pub(super) struct Crl {
    pub(super) number: u64,
    pub(super) der: Vec<u8>,
}

/// The newest revocation list of each CA; each must be signed by an exchange CA of one member.
pub(super) fn newest_crls(
    crls: &[Vec<u8>],
    members: &BTreeMap<AuthorityId, MemberOnly>,
) -> Result<BTreeMap<CaRef, Crl>, DirectoryError> {
    signed::at_most(
        "revocation lists",
        crls.len(),
        limits::MEMBERS_MAX * limits::CAS_MAX,
        Document::Membership,
    )?;
    let mut by_subject: BTreeMap<&[u8], Vec<Issuer<'_>>> = BTreeMap::new();
    for (id, member) in members {
        for ca in &member.cas {
            // It parsed when the member was read.
            if let Ok((_, parsed)) = X509Certificate::from_der(&ca.der) {
                let known = by_subject.entry(ca.subject.as_slice()).or_default();
                known.push(Issuer {
                    name: (*id, ca.key_hash),
                    der: &ca.der,
                    parsed,
                });
            }
        }
    }
    let mut newest: BTreeMap<CaRef, Crl> = BTreeMap::new();
    for der in crls {
        let (ca, number) = read_crl(der, &by_subject)?;
        if newest.get(&ca).is_none_or(|held| held.number < number) {
            let der = der.clone();
            newest.insert(ca, Crl { number, der });
        }
    }
    Ok(newest)
}

/// Checks one revocation list against an exchange CA, and gives its number.
pub(in crate::trust) fn crl_number(der: &[u8], ca: &[u8]) -> Result<u64, String> {
    let (_, parsed) = X509Certificate::from_der(ca).map_err(|error| error.to_string())?;
    let crl = parse_crl(der)?;
    if crl.issuer().as_raw() != parsed.subject().as_raw() {
        return Err("its issuer is not the exchange CA".to_owned());
    }
    crl.verify_signature(parsed.public_key())
        .map_err(|_| "it is not signed by the exchange CA".to_owned())?;
    can_verify(ca, der)?;
    number_of(&crl)
}

impl CaOnly {
    fn read(der: &[u8]) -> Result<Self, String> {
        let (rest, ca) = X509Certificate::from_der(der)
            .map_err(|error| format!("it is no DER of a certificate: {error}"))?;
        if !rest.is_empty() {
            return Err("bytes follow after its end".to_owned());
        }
        let is_ca = ca.extensions().iter().any(|extension| {
            matches!(
                extension.parsed_extension(),
                ParsedExtension::BasicConstraints(constraints) if constraints.ca
            )
        });
        if !is_ca {
            return Err("its basic constraints do not make it a CA".to_owned());
        }
        Ok(Self {
            key_hash: sha256(ca.public_key().raw),
            der: der.to_vec(),
            subject: ca.subject().as_raw().to_vec(),
        })
    }
}

/// A CA that lists may be from.
struct Issuer<'a> {
    name: CaRef,
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

fn read_crl(
    der: &[u8],
    cas: &BTreeMap<&[u8], Vec<Issuer<'_>>>,
) -> Result<(CaRef, u64), DirectoryError> {
    let refuse = |why: String| DirectoryError::Crl { why };
    let crl = parse_crl(der).map_err(refuse)?;
    let owner = cas
        .get(crl.issuer().as_raw())
        .into_iter()
        .flatten()
        .find(|ca| crl.verify_signature(ca.parsed.public_key()).is_ok());
    let Some(ca) = owner else {
        return Err(refuse("no member's exchange CA signed it".to_owned()));
    };
    let number = can_verify(ca.der, der)
        .and_then(|()| number_of(&crl))
        .map_err(|why| refuse(format!("{}: {why}", ca.name.0)))?;
    Ok((ca.name, number))
}

fn parse_crl(der: &[u8]) -> Result<CertificateRevocationList<'_>, String> {
    match CertificateRevocationList::from_der(der) {
        Ok(([], crl)) => Ok(crl),
        Ok(_) => Err("bytes follow after its end".to_owned()),
        Err(error) => Err(format!("it is no DER of a CRL: {error}")),
    }
}

fn number_of(crl: &CertificateRevocationList<'_>) -> Result<u64, String> {
    let number = crl.crl_number().ok_or("it has no CRL number")?;
    u64::try_from(number).map_err(|_| "its CRL number is over 2^64".to_owned())
}
