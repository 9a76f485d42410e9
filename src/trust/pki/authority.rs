//! Makes an authority's folder from a plan: CAs, lists, certificates, keys, application.

use std::path::Path;

use super::{
    Ca, Generation, PkiError,
    application::first_application,
    certificate::{NodeProfile, Replace, issue_node, make_ca, random_bytes, require_hosts},
    crl::{CRL_DAYS, publish_crl},
    folder::{self, Access},
};
use crate::{
    domain::{id::AuthorityId, time::Clock},
    trust::keys::{KeyUse, SigningKey},
};

/// What an authority says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityPlan {
    /// Such as `XA-POL`.
    pub id: AuthorityId,
    /// For people, such as `Arcadia Police`.
    pub name: String,
    /// ISO 3166-1 alpha-2; usually that of the id.
    pub country: String,
    /// `host:port` of each node's exchange listener.
    pub endpoints: Vec<String>,
    /// Reached around the clock.
    pub contact: Contact,
    /// Groups it asks to be in, without `@`.
    pub groups: Vec<String>,
    /// The federation's name.
    pub federation: String,
    /// More hosts under which the own desk is reached.
    pub desk_hosts: Vec<String>,
}

/// A function, never a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// Such as `Duty officer, liaison unit`.
    pub function: String,
    /// Telephone number.
    pub telephone: String,
    /// Mail address.
    pub email: String,
}

/// The keys of an authority, each with its one use and its file.
pub(super) const SIGNING_KEYS: [(KeyUse, &str); 4] = [
    (KeyUse::Directory, "directory"),
    (KeyUse::Statement, "statement"),
    (KeyUse::Receipt, "receipt"),
    (KeyUse::Log, "log"),
];

/// Makes the whole folder of an authority with its first node.
///
/// # Errors
/// When any part of it exists already (named; nothing was changed), or files cannot be written.
pub fn init(folder: &Path, plan: &AuthorityPlan, clock: &dyn Clock) -> Result<(), PkiError> {
    for part in ["ca", "keys", "node", "store.key", "application.json"] {
        folder::require_absent(&folder.join(part))?;
    }
    require_hosts(&plan.desk_hosts)?;
    make_authorities(folder, plan.id, clock)?;
    let node = NodeProfile {
        authority: plan.id,
        number: 1,
        desk_hosts: plan.desk_hosts.clone(),
    };
    issue_node(folder, &node, Replace::Never, clock)?;
    make_signing_keys(folder)?;
    make_store_key(folder)?;
    first_application(folder, plan, clock)
}

/// Folders, both CAs, and their first lists.
pub(in crate::trust) fn make_authorities(
    folder: &Path,
    id: AuthorityId,
    clock: &dyn Clock,
) -> Result<(), PkiError> {
    for part in ["ca", "keys", "node", "desk", "directory", "data"] {
        folder::make_folder(&folder.join(part))?;
    }
    for ca in Ca::ALL {
        make_ca(folder, id, (ca, Generation::Present), clock)?;
    }
    publish_crl(folder, CRL_DAYS, clock)
}

fn make_signing_keys(folder: &Path) -> Result<(), PkiError> {
    for (key_use, name) in SIGNING_KEYS {
        SigningKey::generate(key_use).save(&folder.join("keys").join(format!("{name}.key")))?;
    }
    Ok(())
}

/// The key-encryption key of the store: 32 random bytes as hexadecimal text.
fn make_store_key(folder: &Path) -> Result<(), PkiError> {
    let key = zeroize::Zeroizing::new(random_bytes::<32>()?);
    let mut text = zeroize::Zeroizing::new(String::with_capacity(65));
    for byte in key.iter() {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    folder::write_new(&folder.join("store.key"), text.as_bytes(), Access::Owner)
}
