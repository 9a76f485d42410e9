//! One member: what the roots say of it, joined with what it says of itself.
//!
//! The way in: [`MemberOnly::read`], then [`MemberOnly::with`]. Ids, texts and endpoints are checked here, before
//! anybody can use them.

use std::collections::BTreeMap;

use super::{
    DirectoryError, Document, ExchangeCa, Member, MemberKey, Receives,
    ca::{self, CaOnly, CaRef, Crl},
    signed,
};
use crate::{
    domain::{
        id::AuthorityId,
        limits,
        release::KindSet,
        routing::{Coded as _, Kind},
        time::Timestamp,
        transfer::Channel,
    },
    proto::directory::v1 as pb,
    trust::keys::{KeyId, KeyUse},
};

/// What the roots say of a member.
pub(super) struct MemberOnly {
    pub(super) id: AuthorityId,
    /// `None`: it runs no node.
    pub(super) directory_key: Option<[u8; 32]>,
    /// One, or two while one replaces the other.
    pub(super) cas: Vec<CaOnly>,
    name: String,
    suspended: bool,
    groups: Vec<String>,
    /// How what is for it is carried, and to whom it is handed.
    off_network: Option<(Channel, String)>,
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
        signed::at_most(
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
        let off_network = off_network(id, listed)?;
        let (directory_key, cas) = match off_network {
            Some(_) => (None, Vec::new()),
            None => (
                Some(signed::sound_key(
                    &listed.directory_key,
                    document,
                    "directory key",
                )?),
                ca::read(id, listed)?,
            ),
        };
        Ok(Self {
            id,
            directory_key,
            cas,
            name: listed.name.clone(),
            suspended,
            groups: listed.groups.clone(),
            off_network,
        })
    }

    /// The member of an authority that runs no node: the roots alone speak for it. `None`: it runs one.
    pub(super) fn off_network(&self) -> Option<Member> {
        let (channel, contact) = self.off_network.clone()?;
        Some(Member {
            id: self.id,
            name: self.name.clone(),
            suspended: self.suspended,
            exchange_cas: Vec::new(),
            directory_key: None,
            endpoints: Vec::new(),
            keys: Vec::new(),
            contact,
            groups: self.groups.clone(),
            spki_pins: Vec::new(),
            release_kinds: KindSet::default(),
            receives: Receives::Any,
            off_network: Some(channel),
        })
    }

    /// Joins it with its own entry and the newest revocation list of each of its CAs.
    pub(super) fn with(
        self,
        entry: &pb::Entry,
        crls: &BTreeMap<CaRef, Crl>,
    ) -> Result<Member, DirectoryError> {
        let document = Document::Entry(self.id);
        let field = |what| DirectoryError::Field {
            authority: self.id,
            what,
        };
        signed::at_most(
            "keys",
            entry.keys.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        signed::at_most(
            "endpoints",
            entry.endpoints.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        signed::at_most(
            "release kinds",
            entry.release_kinds.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        signed::at_most(
            "received kinds",
            entry.receives.len(),
            limits::DIRECTORY_LIST_MAX,
            document,
        )?;
        signed::at_most(
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
        let exchange_cas = self.cas.into_iter().map(|ca| ExchangeCa {
            crl: crls.get(&(self.id, ca.key_hash)).map(|crl| crl.der.clone()),
            der: ca.der,
        });
        Ok(Member {
            id: self.id,
            name: self.name,
            suspended: self.suspended,
            exchange_cas: exchange_cas.collect(),
            directory_key: self.directory_key,
            endpoints: entry.endpoints.clone(),
            keys,
            contact,
            groups: self.groups,
            spki_pins,
            release_kinds: release_kinds(&entry.release_kinds),
            receives: receives(&entry.receives),
            off_network: None,
        })
    }
}

/// Who runs no node has nothing that nodes use; whoever runs one has all of it.
fn off_network(
    authority: AuthorityId,
    listed: &pb::Member,
) -> Result<Option<(Channel, String)>, DirectoryError> {
    let field = |what| DirectoryError::Field { authority, what };
    let Some(off) = &listed.off_network else {
        return Ok(None);
    };
    let has_node = !listed.directory_key.is_empty()
        || !listed.exchange_ca.is_empty()
        || !listed.other_exchange_cas.is_empty();
    if has_node {
        return Err(field(
            "it is off the network and has a CA or a directory key all the same",
        ));
    }
    let channel = match off.channel() {
        pb::Channel::I247 => Channel::I247,
        pb::Channel::Embassy => Channel::Embassy,
        pb::Channel::SealedMail => Channel::SealedMail,
        pb::Channel::Unspecified => return Err(field("its channel is unknown")),
    };
    if off.contact.is_empty() || !is_plain(&off.contact) {
        return Err(field(
            "its contact is empty, too long or has control or hidden characters",
        ));
    }
    Ok(Some((channel, off.contact.clone())))
}

/// Who names only kinds that this version does not carry receives none that it does.
fn receives(numbers: &[u32]) -> Receives {
    match numbers {
        [] => Receives::Any,
        numbers => Receives::These(KindSet::new(kinds(numbers))),
    }
}

/// A kind that this version does not carry is refused for that; and nobody waits for a second person to answer.
fn release_kinds(numbers: &[u32]) -> KindSet {
    KindSet::new(kinds(numbers).filter(|kind| *kind != Kind::Answer))
}

fn kinds(numbers: &[u32]) -> impl Iterator<Item = Kind> {
    let kind = |number: &u32| u8::try_from(*number).ok().and_then(Kind::of_number);
    numbers.iter().filter_map(kind)
}

fn member_key(authority: AuthorityId, key: &pb::Key) -> Result<MemberKey, DirectoryError> {
    let public = signed::sound_key(&key.public_key, Document::Entry(authority), "signing key")?;
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
