//! Certificate authorities, certificates, revocation lists and the folder that an authority keeps them in.
//!
//! The ways in: [`init`] makes an authority's folder; [`issue_node`], [`issue_desk`], [`revoke`],
//! [`publish_crl`] and [`application`] go on from there, and [`rotate`] replaces keys step by step. A key or CA that exists is never written
//! over, no key leaves the folder, and every private file is readable by its owner alone.
//!
//! ```text
//! DIR/ca/{exchange-ca,desk-ca}.{pem,key}   the two CAs      DIR/ca/{exchange,desk}-crl.toml  what they revoked
//! DIR/ca/*-ca-next.*, DIR/ca/*-ca-old.*    while one replaces the other: see `succession`
//! DIR/{exchange,desk}.crl                  the lists        DIR/application.json             what the roots get
//! DIR/node/{exchange,desk}.{pem,key}       the node's       DIR/desk/ROLE-NAME.{pem,key}     people and systems
//! DIR/keys/{directory,statement,receipt,log}.key            DIR/store.key  DIR/directory/  DIR/data/
//! ```

mod application;
mod authority;
mod certificate;
mod crl;
mod folder;
#[cfg(test)]
mod office;
mod rotating;
mod rotation;
mod succession;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::{
    application::{application, demand_release, receive_only},
    authority::{AuthorityPlan, Contact, init},
    certificate::{CertificateFiles, DeskProfile, NodeProfile, Replace, issue_desk, issue_node},
    crl::{CRL_DAYS, Ca, Revoked, publish_crl, revoke},
    rotating::Rotating,
    rotation::{Installed, Stage, Step, rotate, stage},
};
#[cfg(test)]
pub(in crate::trust) use self::{authority::make_authorities, certificate::issuer};
use super::{
    directory::DirectoryError,
    keys::KeyError,
    tls::{Name, NameError},
};
use crate::domain::time::Timestamp;

/// Why the folder was not changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Something would be written over.
    #[error("{} exists already and is not written over: choose another folder, or move it away if it is truly not needed any more", .0.display())]
    Exists(PathBuf),
    /// A certificate that exists, where a new one was not asked for.
    #[error("{} exists already: add `--renew` for a new certificate for the same key, or move the key away for a new one", .0.display())]
    Issued(PathBuf),
    /// No authority's folder.
    #[error("{} is missing: is this the folder that `allpoints pki init` made?", .0.display())]
    Missing(PathBuf),
    /// Cannot be read or written.
    #[error("cannot {act} {}: {source}", file.display())]
    File {
        /// `read`, `write`, ...
        act: &'static str,
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not what should be in it.
    #[error("{} cannot be understood: {why}", file.display())]
    Content {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Others can read a CA's key.
    #[error("{} can be read by others: run `chmod 600 {}`", .0.display(), .0.display())]
    KeyExposed(PathBuf),
    /// A name that cannot stand in a certificate.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A host that cannot stand in a certificate.
    #[error("`{0}` is no host name or address")]
    Host(String),
    /// A certificate of neither CA of this folder.
    #[error("{} was issued by neither CA of this folder", .0.display())]
    NotOurs(PathBuf),
    /// Days that make no sense.
    #[error("{days} days are not possible: expected 1 to {most}")]
    Days {
        /// What was asked.
        days: u32,
        /// The most that is allowed.
        most: u32,
    },
    /// A signing key's file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A step that would have something on its way refused.
    #[error("too early: {why}; the earliest safe time is {earliest}")]
    TooEarly {
        /// What would happen.
        why: String,
        /// From when on it is safe.
        earliest: Timestamp,
    },
    /// A step that waits for the federation.
    #[error("too early: {why}")]
    NotPublished {
        /// What is missing, and what to do.
        why: String,
    },
    /// The directory of the folder.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The clock is outside what certificates can say.
    #[error(
        "the clock is outside the years that a certificate can name: check this machine's clock"
    )]
    Clock,
    /// The certificate library failed.
    #[error("the certificate cannot be made: {0}")]
    Inside(#[from] rcgen::Error),
    /// No randomness from the system.
    #[error("the system gives no randomness")]
    Random,
}

/// The name in a certificate file.
///
/// # Errors
/// When it cannot be read, or carries no name of ours.
pub fn name_in(certificate: &Path) -> Result<Name, PkiError> {
    let der = crl::read_certificate(certificate)?;
    Name::of_certificate(&der).map_err(|error| PkiError::Content {
        file: certificate.to_owned(),
        why: error.to_string(),
    })
}

/// Which of a CA's generations: two stand beside each other while one replaces the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    /// It has been replaced, and still revokes what it issued.
    Old,
    /// It issues.
    Present,
    /// It is made, and issues nothing yet.
    Next,
}

impl Generation {
    /// In the order in which partners came to know them.
    const ALL: [Self; 3] = [Self::Old, Self::Present, Self::Next];

    /// As it stands in file names.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Old => "-old",
            Self::Present => "",
            Self::Next => "-next",
        }
    }

    /// Those that a CA has now.
    fn of(folder: &Path, ca: Ca) -> Vec<Self> {
        let is_there = |it: &Self| {
            let (certificate, key) = ca_paths(folder, ca, *it);
            certificate.exists() && key.exists()
        };
        let all = Self::ALL.into_iter();
        all.filter(|it| *it == Self::Present || is_there(it))
            .collect()
    }
}

/// Certificate and key file of a CA.
fn ca_paths(folder: &Path, ca: Ca, generation: Generation) -> (PathBuf, PathBuf) {
    let stem = format!("{}-ca{}", ca.name(), generation.suffix());
    let file = |end: &str| folder.join("ca").join(format!("{stem}.{end}"));
    (file("pem"), file("key"))
}
