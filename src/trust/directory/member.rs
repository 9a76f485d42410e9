//! One member: what the roots say of it, joined with what it says of itself.
//!
//! The way in: [`MemberOnly::read`], then [`MemberOnly::with`]; and [`newest_crls`]. Ids, texts,
//! endpoints and certificates are checked here, before anybody can use them.

use std::collections::BTreeMap;

use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _,
    revocation_list::CertificateRevocationList,
};

use super::{DirectoryError, Document, Member, MemberKey, read};
use crate::{
    domain::{id::AuthorityId, limits, time::Timestamp},
    proto::directory::v1 as pb,
    trust::{
        keys::{KeyId, KeyUse},
        merkle::{Hash, sha256},
    },
};

/// What the roots say of a member.
pub(super) struct MemberOnly {
    pub(super) id: AuthorityId,
    pub(super) directory_key: [u8; 32],
    /// SHA-256 of the CA's SubjectPublicKeyInfo.
    pub(super) ca_key_hash: Hash,
    name: String,
    suspended: bool,
    exchange_ca: Vec<u8>,
    groups: Vec<String>,
}

impl MemberOnly {
    /// Checks a member of the membership document.
    pub(super) fn read(listed: &pb::Member) -> Result<Self, DirectoryError> {
        let document = Document::Membership;
        let id: AuthorityId = listed
            .id
            .parse()
            .map_err(|source| DirectoryError::Id { document, source })?;
        let field = |what| DirectoryError::Field {
            authority: id,
            what,
        };
        if listed.country != id.country() {
            return Err(field("its country is not that of its id"));
        }
        if listed.name.is_empty() || !is_plain(&listed.name) {
            return Err(field(
                "its name is empty, too long or has control or hidden characters",
            ));
        }
        let suspended = match listed.status() {
            pb::MemberStatus::Active => false,
            pb::MemberStatus::Suspended => true,
            pb::MemberStatus::Unspecified => return Err(field("its status is unknown")),
        };
        read::at_most(
            "groups",
            listed.groups.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        if !listed.groups.iter().all(|group| is_group(group)) {
            return Err(field(
                "a group is not 1 to 32 letters, digits and dashes, without `@`",
            ));
        }
        Ok(Self {
            id,
            directory_key: read::sound_key(&listed.directory_key, document, "directory key")?,
            ca_key_hash: ca_key_hash(&listed.exchange_ca)
                .map_err(|why| DirectoryError::Ca { authority: id, why })?,
            name: listed.name.clone(),
            suspended,
            exchange_ca: listed.exchange_ca.clone(),
            groups: listed.groups.clone(),
        })
    }

    /// Joins it with its own entry and its newest revocation list.
    pub(super) fn with(
        self,
        entry: &pb::Entry,
        crl: Option<Vec<u8>>,
    ) -> Result<Member, DirectoryError> {
        let document = Document::Entry(self.id);
        let field = |what| DirectoryError::Field {
            authority: self.id,
            what,
        };
        read::at_most(
            "keys",
            entry.keys.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        read::at_most(
            "endpoints",
            entry.endpoints.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        read::at_most(
            "pins",
            entry.spki_pins.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        if !entry.endpoints.iter().all(|endpoint| is_endpoint(endpoint)) {
            return Err(field("an endpoint is not `host:port`"));
        }
        let spki_pins = entry
            .spki_pins
            .iter()
            .map(|pin| pin.as_slice().try_into())
            .collect::<Result<_, _>>()
            .map_err(|_| field("a public key pin is not 32 bytes"))?;
        let keys = entry
            .keys
            .iter()
            .map(|key| member_key(self.id, key))
            .collect::<Result<_, _>>()?;
        let contact = contact_line(entry.contact.as_ref())
            .ok_or_else(|| field("its contact is too long or has control or hidden characters"))?;
        Ok(Member {
            id: self.id,
            name: self.name,
            suspended: self.suspended,
            exchange_ca: self.exchange_ca,
            endpoints: entry.endpoints.clone(),
            keys,
            contact,
            groups: self.groups,
            spki_pins,
            crl,
        })
    }
}

/// A revocation list that its CA signed.
pub(super) struct Crl {
    pub(super) number: u64,
    pub(super) der: Vec<u8>,
}

/// The newest revocation list of each authority; each must be signed by one member's exchange CA.
pub(super) fn newest_crls(
    crls: &[Vec<u8>],
    members: &BTreeMap<AuthorityId, MemberOnly>,
) -> Result<BTreeMap<AuthorityId, Crl>, DirectoryError> {
    read::at_most(
        "revocation lists",
        crls.len(),
        limits::MEMBERS_MAX,
        Document::Membership,
    )?;
    let mut by_subject: BTreeMap<Vec<u8>, Vec<(AuthorityId, X509Certificate<'_>)>> =
        BTreeMap::new();
    for (id, member) in members {
        // It parsed when the member was read.
        if let Ok((_, ca)) = X509Certificate::from_der(&member.exchange_ca) {
            let subject = ca.subject().as_raw().to_vec();
            by_subject.entry(subject).or_default().push((*id, ca));
        }
    }
    let mut newest: BTreeMap<AuthorityId, Crl> = BTreeMap::new();
    for der in crls {
        let (authority, number) = read_crl(der, &by_subject)?;
        if newest
            .get(&authority)
            .is_none_or(|held| held.number < number)
        {
            let der = der.clone();
            newest.insert(authority, Crl { number, der });
        }
    }
    Ok(newest)
}

/// Checks one revocation list against an exchange CA, and gives its number.
pub(in crate::trust) fn crl_number(der: &[u8], ca: &[u8]) -> Result<u64, String> {
    let (_, ca) = X509Certificate::from_der(ca).map_err(|error| error.to_string())?;
    let crl = parse_crl(der)?;
    if crl.issuer().as_raw() != ca.subject().as_raw() {
        return Err("its issuer is not the exchange CA".to_owned());
    }
    crl.verify_signature(ca.public_key())
        .map_err(|_| "it is not signed by the exchange CA".to_owned())?;
    number_of(&crl)
}

fn read_crl(
    der: &[u8],
    cas: &BTreeMap<Vec<u8>, Vec<(AuthorityId, X509Certificate<'_>)>>,
) -> Result<(AuthorityId, u64), DirectoryError> {
    let refuse = |why: String| DirectoryError::Crl { why };
    let crl = parse_crl(der).map_err(refuse)?;
    let owner = cas
        .get(crl.issuer().as_raw())
        .into_iter()
        .flatten()
        .find(|(_, ca)| crl.verify_signature(ca.public_key()).is_ok());
    let Some((authority, _)) = owner else {
        return Err(refuse("no member's exchange CA signed it".to_owned()));
    };
    let number = number_of(&crl).map_err(|why| refuse(format!("{authority}: {why}")))?;
    Ok((*authority, number))
}

fn parse_crl(der: &[u8]) -> Result<CertificateRevocationList<'_>, String> {
    match CertificateRevocationList::from_der(der) {
        Ok((rest, crl)) if rest.is_empty() => Ok(crl),
        Ok(_) => Err("bytes follow after its end".to_owned()),
        Err(error) => Err(format!("it is no DER of a CRL: {error}")),
    }
}

fn number_of(crl: &CertificateRevocationList<'_>) -> Result<u64, String> {
    let number = crl.crl_number().ok_or("it has no CRL number")?;
    u64::try_from(number).map_err(|_| "its CRL number is over 2^64".to_owned())
}

fn ca_key_hash(der: &[u8]) -> Result<Hash, String> {
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
    Ok(sha256(ca.public_key().raw))
}

fn member_key(authority: AuthorityId, key: &pb::Key) -> Result<MemberKey, DirectoryError> {
    let public = read::sound_key(&key.public_key, Document::Entry(authority), "signing key")?;
    let id = KeyId::of(&public);
    let terms = |what| DirectoryError::KeyTerms {
        authority,
        key: id,
        what,
    };
    let key_use = match key.r#use() {
        pb::KeyUse::Statement => KeyUse::Statement,
        pb::KeyUse::Receipt => KeyUse::Receipt,
        pb::KeyUse::Log => KeyUse::Log,
        pb::KeyUse::Witness => KeyUse::Witness,
        pb::KeyUse::Unspecified => return Err(terms("a use that this version does not know")),
    };
    if key.valid_from_us >= key.valid_until_us {
        return Err(terms("an end that is not after its beginning"));
    }
    Ok(MemberKey {
        id,
        key_use,
        public,
        valid_from: Timestamp::from_micros(key.valid_from_us),
        valid_until: Timestamp::from_micros(key.valid_until_us),
        revoked_at: (key.revoked_at_us != 0).then_some(Timestamp::from_micros(key.revoked_at_us)),
    })
}

fn contact_line(contact: Option<&pb::Contact>) -> Option<String> {
    let Some(contact) = contact else {
        return Some(String::new());
    };
    let parts = [&contact.function, &contact.telephone, &contact.email];
    let line = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    is_plain(&line).then_some(line)
}

/// Short, and without control, zero-width or direction-changing characters: it is shown to people.
fn is_plain(text: &str) -> bool {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.len() <= limits::DIRECTORY_TEXT_MAX_BYTES && !text.chars().any(hides)
}

fn is_group(group: &str) -> bool {
    (1..=32).contains(&group.len())
        && group
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_endpoint(endpoint: &str) -> bool {
    let Some((host, port)) = endpoint.rsplit_once(':') else {
        return false;
    };
    let host_ok = (1..=253).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.[]:".contains(&byte));
    host_ok && port.parse::<u16>().is_ok_and(|port| port != 0)
}
