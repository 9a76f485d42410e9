//! The application: what an authority hands to the roots, and its newest signed entry and list.
//!
//! `application.json` is the protobuf JSON of `allpoints.directory.v1.Application`. The entry's
//! number grows by one each time; nothing but the authority's directory key signs it.

use std::{path::Path, time::Duration};

use prost::Message as _;

use super::{
    Ca, Generation, PkiError,
    authority::{AuthorityPlan, SIGNING_KEYS},
    ca_paths,
    certificate::days,
    crl::{crl_number, exchange_list, read_certificate},
    folder,
};
use crate::{
    domain::{
        limits,
        release::KindSet,
        time::{Clock, Timestamp},
    },
    proto::directory::v1 as pb,
    trust::{
        directory::author::sign_message,
        keys::{KeyUse, SigningKey},
        pae::DocumentType,
    },
};

/// How long a new signing key is published for.
const KEY_DAYS: u32 = 365;
/// Keys count from a little earlier: partners' clocks differ.
const BACKDATED: Duration = Duration::from_secs(300);

/// Writes `application.json` anew: next entry number, present keys, newest list.
///
/// Endpoints, contact, groups and pins stay as they were; a key that is new since then is
/// published beside those that are still known, and so is an exchange CA that replaces another.
///
/// # Errors
/// When there is no earlier application, or files cannot be used.
pub fn application(folder: &Path, clock: &dyn Clock) -> Result<(), PkiError> {
    renew(folder, clock, |_| {})
}

/// Writes `application.json` anew, in which the authority sends these kinds only after a second person's release. None:
/// it demands none any more.
///
/// # Errors
/// As [`application`].
pub fn demand_release(folder: &Path, kinds: KindSet, clock: &dyn Clock) -> Result<(), PkiError> {
    renew(folder, clock, |entry| {
        entry.release_kinds = kinds.kinds().map(|kind| u32::from(kind as u8)).collect();
    })
}

/// Writes `application.json` anew, in which threads towards the authority begin with these kinds alone. None: with any.
///
/// # Errors
/// As [`application`].
pub fn receive_only(folder: &Path, kinds: KindSet, clock: &dyn Clock) -> Result<(), PkiError> {
    renew(folder, clock, |entry| {
        entry.receives = kinds.kinds().map(|kind| u32::from(kind as u8)).collect();
    })
}

/// The same with a change to the entry.
pub(super) fn renew(
    folder: &Path,
    clock: &dyn Clock,
    change: impl FnOnce(&mut pb::Entry),
) -> Result<(), PkiError> {
    let file = folder.join("application.json");
    let content = |why: String| PkiError::Content {
        file: file.clone(),
        why,
    };
    let text = folder::read(&file)?;
    let before: pb::Application =
        serde_json::from_str(&text).map_err(|error| content(error.to_string()))?;
    let member = before
        .member
        .ok_or_else(|| content("it has no member".into()))?;
    let signed = before
        .entry
        .ok_or_else(|| content("it has no entry".into()))?;
    let mut entry = pb::Entry::decode(signed.document.as_slice())
        .map_err(|error| content(error.to_string()))?;
    entry.number = entry
        .number
        .checked_add(1)
        .ok_or_else(|| content("the entry numbers have run out".into()))?;
    entry.keys = published_keys(folder, &entry.keys, clock)?;
    change(&mut entry);
    write(folder, member, entry, clock)
}

/// The entry as it was handed in last.
pub(super) fn entry(folder: &Path) -> Result<pb::Entry, PkiError> {
    let file = folder.join("application.json");
    let content = |why: String| PkiError::Content {
        file: file.clone(),
        why,
    };
    let text = folder::read(&file)?;
    let application: pb::Application =
        serde_json::from_str(&text).map_err(|error| content(error.to_string()))?;
    let signed = application.entry;
    let signed = signed.ok_or_else(|| content("it has no entry".into()))?;
    pb::Entry::decode(signed.document.as_slice()).map_err(|error| content(error.to_string()))
}

/// Writes the first `application.json`.
pub(super) fn first_application(
    folder: &Path,
    plan: &AuthorityPlan,
    clock: &dyn Clock,
) -> Result<(), PkiError> {
    let member = pb::Member {
        id: plan.id.to_string(),
        country: plan.country.clone(),
        name: plan.name.clone(),
        status: pb::MemberStatus::Active.into(),
        groups: plan.groups.clone(),
        ..pb::Member::default()
    };
    let entry = pb::Entry {
        federation: plan.federation.clone(),
        authority: plan.id.to_string(),
        number: 1,
        endpoints: plan.endpoints.clone(),
        keys: published_keys(folder, &[], clock)?,
        contact: Some(pb::Contact {
            function: plan.contact.function.clone(),
            telephone: plan.contact.telephone.clone(),
            email: plan.contact.email.clone(),
        }),
        ..pb::Entry::default()
    };
    write(folder, member, entry, clock)
}

fn write(
    folder: &Path,
    mut member: pb::Member,
    mut entry: pb::Entry,
    clock: &dyn Clock,
) -> Result<(), PkiError> {
    // The order in which partners came to know them: activating the next one changes nothing that roots must sign.
    let mut cas = Vec::with_capacity(limits::CAS_MAX);
    for generation in Generation::of(folder, Ca::Exchange) {
        let (certificate, _) = ca_paths(folder, Ca::Exchange, generation);
        let certificate = read_certificate(&certificate)?.to_vec();
        cas.push((certificate, exchange_list(folder, generation)?));
    }
    let mut cas = cas.into_iter();
    let (first, crl) = cas.next().unwrap_or_default();
    let (others, other_crls) = cas.unzip();
    member.exchange_ca = first;
    member.other_exchange_cas = others;
    entry.min_crl_number = crl_number(folder, Ca::Exchange)?;
    entry.issued_at_us = clock.now().as_micros();
    let key = directory_key(folder)?;
    member.directory_key = key.public().to_vec();
    let application = pb::Application {
        member: Some(member),
        entry: Some(sign_message(DocumentType::Entry, &entry, &[&key])),
        crl,
        other_crls,
    };
    let file = folder.join("application.json");
    let text = serde_json::to_string_pretty(&application).map_err(|error| PkiError::Content {
        file: file.clone(),
        why: error.to_string(),
    })?;
    folder::replace(&file, format!("{text}\n").as_bytes())
}

/// The keys published before, and those in the folder that were not.
fn published_keys(
    folder: &Path,
    before: &[pb::Key],
    clock: &dyn Clock,
) -> Result<Vec<pb::Key>, PkiError> {
    let mut keys = before.to_vec();
    for (key_use, name) in SIGNING_KEYS {
        let Some(published) = published_use(key_use) else {
            continue;
        };
        let mut present = vec![signing_key(folder, key_use, name)?];
        // One that is to follow is published before it signs.
        let next = folder.join("keys").join(format!("{name}-next.key"));
        if next.exists() {
            present.push(SigningKey::load(&next, key_use)?);
        }
        for key in present {
            let public = key.public();
            if !keys.iter().any(|known| known.public_key == public) {
                keys.push(new_key(published, public, clock.now()));
            }
        }
    }
    Ok(keys)
}

fn new_key(key_use: pb::KeyUse, public: [u8; 32], now: Timestamp) -> pb::Key {
    pb::Key {
        r#use: key_use.into(),
        public_key: public.to_vec(),
        valid_from_us: now.minus(BACKDATED).as_micros(),
        valid_until_us: now.plus(days(KEY_DAYS)).as_micros(),
        revoked_at_us: 0,
    }
}

/// As the entry names it; the directory key stands in the member's line, not in its entry.
fn published_use(key_use: KeyUse) -> Option<pb::KeyUse> {
    match key_use {
        KeyUse::Statement => Some(pb::KeyUse::Statement),
        KeyUse::Receipt => Some(pb::KeyUse::Receipt),
        KeyUse::Log => Some(pb::KeyUse::Log),
        KeyUse::Witness => Some(pb::KeyUse::Witness),
        KeyUse::Directory | KeyUse::Root | KeyUse::Timestamp => None,
    }
}

/// The one that signs what is handed in from now on: with the next, all of it is the roots' to sign, at once.
fn directory_key(folder: &Path) -> Result<SigningKey, PkiError> {
    let next = folder.join("keys").join("directory-next.key");
    if next.exists() {
        return Ok(SigningKey::load(&next, KeyUse::Directory)?);
    }
    signing_key(folder, KeyUse::Directory, "directory")
}

fn signing_key(folder: &Path, key_use: KeyUse, name: &str) -> Result<SigningKey, PkiError> {
    let file = folder.join("keys").join(format!("{name}.key"));
    Ok(SigningKey::load(&file, key_use)?)
}
