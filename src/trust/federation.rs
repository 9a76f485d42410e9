//! The roots' side of the directory: init, propose, sign, publish, install.
//!
//! A federation folder holds `root.json` (root 1, signed; later ones as `root-list-N.json`), the private
//! keys `root-1.key`, ... (to be carried off to their keepers) and `timestamp.key`, the folder `proposal/`
//! while something is proposed, and `directory.bundle` once something was published. Signed documents in
//! files are protobuf JSON. What is in force is `directory.bundle` alone: publishing writes it last, in
//! one step, and repeating a publish is safe. Never signs anything by itself but timestamps and root 1.
//!
//! ```no_run
//! use std::path::Path;
//! use allpoints::{domain::time::Clock, trust::{federation::{self, Change, Setup, Terms}, keys::{KeyUse, SigningKey}}};
//!
//! fn found(clock: &dyn Clock) -> Result<(), Box<dyn std::error::Error>> {
//!     let folder = Path::new("federation");
//!     let setup = Setup { name: "liaison-net".to_owned(), roots: 3, threshold: 2 };
//!     let anchor = federation::init(folder, &setup, clock)?;
//!     let application = federation::read_application(Path::new("xa-pol/application.json"))?;
//!     let proposed = federation::propose(folder, &[Change::Admit(Box::new(application))], Terms::default(), clock)?;
//!     for key in ["root-1.key", "root-2.key"] {
//!         let key = SigningKey::load(&folder.join(key), KeyUse::Root)?;
//!         federation::sign(proposed.to_sign.as_deref().ok_or("nothing to sign")?, &key)?;
//!     }
//!     let published = federation::publish(folder, clock)?;
//!     federation::install(&published.file, Path::new("node/directory"), anchor, clock)?;
//!     Ok(())
//! }
//! ```

mod files;
mod proposal;
mod publish;
mod rotation;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use proposal::{Change, OffNetwork, Proposed, Terms, propose};
pub use publish::{Published, publish};
pub use rotation::{NextRoots, RotationProposed, TimestampKey, rotate};

use super::{
    directory::{Anchor, Directory, DirectoryError, author},
    keys::{KeyError, KeyUse, SigningKey},
    pae::DocumentType,
};
use crate::{
    domain::{
        id::{AuthorityId, AuthorityIdError},
        limits,
        time::Clock,
    },
    proto::directory::v1 as pb,
};

/// How a federation begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// 1 to 64 letters, digits, dashes and dots.
    pub name: String,
    /// Root keys, each for another keeper.
    pub roots: u32,
    /// How many of them must sign.
    pub threshold: u32,
}

/// Makes a federation folder with its root and timestamp keys and root 1, and gives the anchor.
///
/// # Errors
/// When the folder holds a federation already, the numbers cannot work, or it cannot be written.
pub fn init(folder: &Path, setup: &Setup, clock: &dyn Clock) -> Result<Anchor, FederationError> {
    let most = u32::try_from(limits::DIRECTORY_LIST_MAX).unwrap_or(u32::MAX);
    if setup.threshold == 0 || setup.threshold > setup.roots || setup.roots > most {
        return Err(FederationError::Threshold {
            roots: setup.roots,
            threshold: setup.threshold,
            most,
        });
    }
    if !super::directory::is_federation_name(&setup.name) {
        return Err(FederationError::Name);
    }
    files::create_folder(folder)?;
    if files::root_path(folder, 1).exists() {
        return Err(FederationError::Exists(folder.to_owned()));
    }
    let roots: Vec<SigningKey> = (0..setup.roots)
        .map(|_| SigningKey::generate(KeyUse::Root))
        .collect();
    let timestamp = SigningKey::generate(KeyUse::Timestamp);
    let root = pb::Root {
        federation: setup.name.clone(),
        version: 1,
        root_keys: roots.iter().map(|key| key.public().to_vec()).collect(),
        threshold: setup.threshold,
        timestamp_keys: vec![timestamp.public().to_vec()],
        issued_at_us: clock.now().as_micros(),
    };
    for (key, number) in roots.iter().zip(1..) {
        key.save(&folder.join(format!("root-{number}.key")))?;
    }
    timestamp.save(&files::timestamp_key_path(folder))?;
    let signers: Vec<&SigningKey> = roots.iter().collect();
    let document = author::sign_message(DocumentType::Root, &root, &signers);
    files::write_json(&files::root_path(folder, 1), &document)?;
    Ok(author::anchor_of(&document))
}

/// Reads an authority's application (protobuf JSON), as `pki init` writes it.
///
/// # Errors
/// When the file cannot be read or is not one.
pub fn read_application(path: &Path) -> Result<pb::Application, FederationError> {
    files::read_json(path)
}

/// How far a document's signing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signatures {
    /// Distinct root keys that have signed, with valid signatures.
    pub have: usize,
    /// How many must.
    pub need: usize,
}

/// `1 of 2 signatures`
impl fmt::Display for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} signatures", self.have, self.need)
    }
}

/// Adds a root's signature to a proposed document and says how many it has: a membership, or a root list, which wants
/// k of the roots before it and k of its own, counted together.
///
/// A keeper far from the federation's folder needs two files beside each other: this one and `root.json`.
/// The signed file then goes on to the next keeper, and back into the folder.
///
/// # Errors
/// When the file is no proposed membership, or the key is not among the roots.
pub fn sign(file: &Path, key: &SigningKey) -> Result<Signatures, FederationError> {
    if !file.exists() {
        return Err(FederationError::NotProposed(file.to_owned()));
    }
    let mut document: pb::SignedDocument = files::read_json(file)?;
    let signed = rotation::Signing::of(file, &document)
        .ok_or_else(|| FederationError::NotProposed(file.to_owned()))??;
    if !signed.allows(&key.public()) {
        return Err(FederationError::NotARoot(key.id()));
    }
    author::add_signature(&mut document, signed.document_type(), key);
    files::write_json(file, &document)?;
    Ok(signed.count(&document))
}

/// Verifies a published bundle against what a node's directory folder holds, and adds it there.
///
/// # Errors
/// When it does not verify from the anchor, goes back or forks, or cannot be written.
pub fn install(
    file: &Path,
    node_directory: &Path,
    anchor: Anchor,
    clock: &dyn Clock,
) -> Result<Directory, FederationError> {
    if let (false, Some(folder)) = (file.exists(), file.parent()) {
        publish::check_nothing_waits(folder)?;
    }
    let bundle = super::directory::read_bundle(file)?;
    Ok(Directory::install(
        node_directory,
        &bundle,
        anchor,
        clock.now(),
    )?)
}

/// Reads a bundle file and verifies it from the anchor; without one, from its own first root, which
/// shows what it says and proves nothing.
///
/// # Errors
/// When it cannot be read or does not verify.
pub fn open(
    file: &Path,
    anchor: Option<Anchor>,
    clock: &dyn Clock,
) -> Result<Directory, FederationError> {
    let bundle = super::directory::read_bundle(file)?;
    let own = bundle.roots.first().map(author::anchor_of);
    let anchor = anchor.or(own).unwrap_or(Anchor([0; 32]));
    Ok(Directory::verify(&bundle, anchor, clock.now())?)
}

/// Writes the first root of a bundle to a file of its own and gives its anchor: to be compared, over
/// another way, with what the federation says.
///
/// # Errors
/// When the bundle cannot be read, does not verify, or the file exists.
pub fn extract_root(file: &Path, to: &Path, clock: &dyn Clock) -> Result<Anchor, FederationError> {
    let directory = open(file, None, clock)?;
    if to.exists() {
        return Err(FederationError::Exists(to.to_owned()));
    }
    if let Some(root) = directory.bundle().roots.first() {
        files::write_json(to, root)?;
    }
    Ok(directory.anchor())
}

/// Why a step of the federation's work is refused.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// Numbers of keys that cannot work.
    #[error(
        "{threshold} of {roots} root signatures: expected at least 1, at most all of 1 to {most}"
    )]
    Threshold {
        /// Root keys asked for.
        roots: u32,
        /// Signatures asked for.
        threshold: u32,
        /// Most root keys.
        most: u32,
    },
    /// Not a name for a federation.
    #[error("a federation's name has 1 to 64 letters, digits, dashes and dots")]
    Name,
    /// Nothing is overwritten.
    #[error("{} exists already: nothing was changed", .0.display())]
    Exists(PathBuf),
    /// A file or folder that cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not the JSON that was expected.
    #[error("{} is not the expected JSON: {why}", path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// What, with line and column.
        why: String,
    },
    /// Not a document that roots sign.
    #[error(
        "{} is no proposed membership: sign `proposal/membership.json` of the federation folder, which `allpoints federation propose` makes",
        .0.display()
    )]
    NotProposed(PathBuf),
    /// A key that does not count.
    #[error("key {0} is not among the federation's root keys")]
    NotARoot(super::keys::KeyId),
    /// An application that does not hold.
    #[error("the application of {authority} is refused: {why}")]
    Application {
        /// Whose, escaped.
        authority: String,
        /// Why.
        why: String,
    },
    /// Not an authority id.
    #[error(transparent)]
    Id(#[from] AuthorityIdError),
    /// Nobody to suspend, restore or remove.
    #[error("{0} is no member: see `allpoints federation show`")]
    NotAMember(AuthorityId),
    /// Nothing would change.
    #[error("nothing to propose: these applications say what the directory says already")]
    NothingNew,
    /// Nothing was proposed or published yet.
    #[error("nothing to publish in {}: propose members first", .0.display())]
    NothingToPublish(PathBuf),
    /// A root list is being replaced.
    #[error("{} is proposed: publish it first, or remove the folder `proposal` to drop it", .0.display())]
    Pending(PathBuf),
    /// A root that is to go and is not there.
    #[error("key {0} is not among the root keys: see `allpoints federation show`")]
    UnknownRoot(super::keys::KeyId),
    /// Too few roots have signed a root list.
    #[error("root list {version} has {old} by the roots before it and {new} by its own")]
    RootList {
        /// Its version.
        version: u64,
        /// Of the list before.
        old: Signatures,
        /// Of its own.
        new: Signatures,
    },
    /// Too few roots have signed.
    #[error("the proposed membership has {have} of {need} signatures")]
    TooFewSignatures {
        /// Distinct root keys that have signed.
        have: usize,
        /// How many must.
        need: usize,
    },
    /// A validity that makes no sense.
    #[error(
        "a membership lasts 1 to 3650 days, with a grace of at most 365, not {days} and {grace}"
    )]
    Terms {
        /// Days asked for.
        days: u32,
        /// Grace asked for.
        grace: u32,
    },
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The directory that would come out does not hold.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// How long a published timestamp lasts.
const TIMESTAMP_LIFE: Duration = limits::DIRECTORY_TIMESTAMP_MAX;

#[cfg(test)]
mod tests;
