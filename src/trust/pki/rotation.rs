//! Replacing keys without a gap, one safe step at a time.
//!
//! The way in is [`rotate`]: each call does the next step, or refuses it and says from when on it is safe.
//!
//! ```text
//! prepared   keys/KEY-next.key is made and published beside the present one
//!    |       24 h after the directory that names it was issued: by then it is everywhere, or nodes say that they are stale
//! activated  keys/KEY.key is the new one, KEY-old.key the old: what is queued is signed anew, same leaf (row 13)
//!    |       once nothing under the old key can be on its way: statements 24 h, receipts the longest carriage
//! retired    the old key ends in the entry; its private half is removed
//! ```
//!
//! A node certificate takes the same steps; without a pin in the directory its key need not be published first. A
//! directory key takes over as soon as the directory that names it is installed; CAs go their own way, in
//! [`super::succession`]. Never activates what partners may not know, and never ends what may still be on its way
//! (threats, row 67).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};

use super::{
    PkiError, Replace, Rotating,
    application::{self, renew},
    certificate::issue_next_exchange,
    crl::{CRL_DAYS, publish_crl, revoke},
    folder, name_in,
    succession::Succession,
};
use crate::{
    domain::{
        id::AuthorityId,
        limits::{
            CARRIAGE_MAX, CERTIFICATE_SPREAD_MAX, DIRECTORY_SPREAD_MAX, KEY_RETIREMENT_GRACE,
        },
        time::{Clock, Timestamp},
    },
    trust::{
        directory::{Anchor, Directory, DirectoryError, Member},
        keys::{KeyUse, SigningKey},
        tls::spki_hash,
    },
};

/// The directory that the authority's own node has.
#[derive(Debug, Clone, Copy)]
pub struct Installed<'a> {
    /// Whose folder it is.
    pub authority: AuthorityId,
    /// Of verified versions.
    pub folder: &'a Path,
    /// The first root's fingerprint.
    pub anchor: Anchor,
}

/// How far a replacement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is being replaced.
    Settled,
    /// The next one is made, and waits to be known everywhere.
    Prepared,
    /// The new one is in use since then; the old one has not ended.
    Activated(Timestamp),
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was done.
    pub done: String,
    /// What comes next; empty: nothing.
    pub next: String,
    /// From when on that is safe; `None`: at once, or it depends on when others act.
    pub earliest: Option<Timestamp>,
}

/// Takes the next step of replacing something.
///
/// # Errors
/// [`PkiError::TooEarly`] with the earliest safe time, [`PkiError::NotPublished`] when the federation must act first;
/// and when files cannot be used.
pub fn rotate(
    folder: &Path,
    what: Rotating,
    installed: Installed<'_>,
    clock: &dyn Clock,
) -> Result<Step, PkiError> {
    if let Some(ca) = what.ca() {
        return Succession { folder, ca }.step(installed, clock);
    }
    let places = Places::of(folder, what);
    match places.stage()? {
        Stage::Settled => prepare(folder, what, &places, clock),
        Stage::Prepared => {
            require_known(folder, what, &places, installed, clock.now())?;
            match what {
                Rotating::Directory => take_over(folder, &places),
                _ => activate(folder, what, &places, clock),
            }
        }
        Stage::Activated(at) => retire(folder, what, &places, at, clock),
    }
}

/// How far it is.
///
/// # Errors
/// When the note of the last step cannot be read.
pub fn stage(folder: &Path, what: Rotating) -> Result<Stage, PkiError> {
    match what.ca() {
        Some(ca) => Succession { folder, ca }.stage(),
        None => Places::of(folder, what).stage(),
    }
}

/// Where the files of one replacement are.
struct Places {
    /// The private key in use.
    present: PathBuf,
    next: PathBuf,
    old: PathBuf,
    /// When the new one was put in use.
    note: PathBuf,
}

/// What must be remembered between activation and retirement.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    activated_at_us: i64,
}

impl Places {
    fn of(folder: &Path, what: Rotating) -> Self {
        let (part, stem) = match what {
            Rotating::Node => ("node", "exchange"),
            Rotating::ExchangeCa | Rotating::DeskCa => ("ca", what.name()),
            Rotating::Statement | Rotating::Receipt | Rotating::Log | Rotating::Directory => {
                ("keys", what.name())
            }
        };
        let file = |suffix: &str| folder.join(part).join(format!("{stem}{suffix}"));
        Self {
            present: file(".key"),
            next: file("-next.key"),
            old: file("-old.key"),
            note: file("-rotation.toml"),
        }
    }

    fn stage(&self) -> Result<Stage, PkiError> {
        // Activation writes the note, then swaps the keys: an interrupted one is taken up again.
        if self.next.exists() {
            return Ok(Stage::Prepared);
        }
        match folder::read(&self.note) {
            Ok(text) => {
                let note: Note = toml::from_str(&text).map_err(|error| PkiError::Content {
                    file: self.note.clone(),
                    why: error.to_string(),
                })?;
                Ok(Stage::Activated(Timestamp::from_micros(
                    note.activated_at_us,
                )))
            }
            Err(PkiError::Missing(_)) => Ok(Stage::Settled),
            Err(error) => Err(error),
        }
    }

    /// The certificate beside a private key.
    fn certificate(key: &Path) -> PathBuf {
        key.with_extension("pem")
    }
}

fn prepare(
    folder: &Path,
    what: Rotating,
    places: &Places,
    clock: &dyn Clock,
) -> Result<Step, PkiError> {
    let (application, home) = (folder.join("application.json"), folder.display());
    let publish = match what {
        Rotating::Directory => format!(
            "hand {} to the federation, whose roots must sign it, and install what it publishes; until then nothing else \
             of this authority can be published, unless {} is removed and `allpoints pki crl {home}` is run. Then run \
             `allpoints pki rotate {home} {what}` again",
            application.display(),
            places.next.display(),
        ),
        _ => format!(
            "hand {} to the federation and install what it publishes; then run `allpoints pki rotate {home} {what}` again, \
             from {} hours after that directory was issued",
            application.display(),
            DIRECTORY_SPREAD_MAX.as_secs() / 3600
        ),
    };
    match what.signing_use() {
        Some(key_use) => {
            SigningKey::generate(key_use).save(&places.next)?;
            application::application(folder, clock)?;
        }
        None => {
            let name = name_in(&Places::certificate(&places.present))?;
            let issued = issue_next_exchange(folder, &name, Replace::Never, clock)?;
            if !is_pinned(folder)? {
                return activate(folder, what, places, clock);
            }
            let pin = pin_of(&issued.certificate)?;
            renew(folder, clock, |entry| entry.spki_pins.push(pin.to_vec()))?;
        }
    }
    Ok(Step {
        done: format!("made {}", places.next.display()),
        next: publish,
        earliest: None,
    })
}

fn activate(
    folder: &Path,
    what: Rotating,
    places: &Places,
    clock: &dyn Clock,
) -> Result<Step, PkiError> {
    let now = clock.now();
    let note = Note {
        activated_at_us: now.as_micros(),
    };
    let text = toml::to_string(&note).map_err(|error| PkiError::Content {
        file: places.note.clone(),
        why: error.to_string(),
    })?;
    folder::replace(&places.note, text.as_bytes())?;
    if !places.old.exists() {
        folder::keep_private(&places.present, &places.old)?;
    }
    if what == Rotating::Node {
        // Between the two the node finds a certificate for another key, keeps what it has, and looks again.
        let (next, present, old) = (
            Places::certificate(&places.next),
            Places::certificate(&places.present),
            Places::certificate(&places.old),
        );
        if next.exists() {
            folder::replace(&old, folder::read(&present)?.as_bytes())?;
            folder::put_in_place(&next, &present)?;
        }
    }
    folder::put_in_place(&places.next, &places.present)?;
    let ends = match what {
        Rotating::Node => "revokes the old certificate",
        _ => "retires the old key",
    };
    Ok(Step {
        done: format!(
            "{} is the new one; a running node takes it by itself, without a restart",
            places.present.display()
        ),
        next: format!(
            "run `allpoints pki rotate {} {what}` again, which {ends}",
            folder.display()
        ),
        earliest: Some(now.plus(overlap(what))),
    })
}

/// The directory key has no overlap: one version of the directory names the new key and holds the entry that it signed,
/// and the versions before it go on to verify by themselves. So the old one ends as soon as the new one is in force.
fn take_over(folder: &Path, places: &Places) -> Result<Step, PkiError> {
    folder::put_in_place(&places.next, &places.present)?;
    Ok(Step {
        done: format!(
            "{} is the new one, and the old one was removed",
            places.present.display()
        ),
        next: format!(
            "nothing more; {} is signed by it already",
            folder.join("application.json").display()
        ),
        earliest: None,
    })
}

fn retire(
    folder: &Path,
    what: Rotating,
    places: &Places,
    activated_at: Timestamp,
    clock: &dyn Clock,
) -> Result<Step, PkiError> {
    let (now, earliest) = (clock.now(), activated_at.plus(overlap(what)));
    if now < earliest {
        let why = match what {
            Rotating::Receipt => {
                "a partner whose answer was lost may still be given a receipt under the old key"
            }
            Rotating::Node => "partners may still see the old certificate",
            Rotating::Log => "the node may still sign an export with the old key",
            _ => "a statement under the old key may still be on its way",
        };
        return Err(PkiError::TooEarly {
            why: why.to_owned(),
            earliest,
        });
    }
    let done = match what.signing_use() {
        Some(key_use) => {
            let old = SigningKey::load(&places.old, key_use)?.public();
            renew(folder, clock, |entry| {
                let ending = entry.keys.iter_mut().filter(|key| key.public_key == old);
                for key in ending {
                    key.valid_until_us = key.valid_until_us.min(now.as_micros());
                }
            })?;
            "the old key ends in the new entry; its private half was removed"
        }
        None => {
            let certificate = Places::certificate(&places.old);
            revoke(folder, &certificate, clock)?;
            publish_crl(folder, CRL_DAYS, clock)?;
            let pin = pin_of(&certificate)?;
            renew(folder, clock, |entry| {
                entry.spki_pins.retain(|it| *it != pin);
            })?;
            folder::remove(&certificate)?;
            "the old certificate is revoked; its private key was removed"
        }
    };
    folder::remove(&places.old)?;
    folder::remove(&places.note)?;
    Ok(Step {
        done: done.to_owned(),
        next: format!(
            "hand {} to the federation; then nothing more",
            folder.join("application.json").display()
        ),
        earliest: None,
    })
}

/// How long the old one must stay good beside the new one.
fn overlap(what: Rotating) -> Duration {
    match what {
        // A repeat gets the receipt that was given first, for as long as its statement is carried.
        Rotating::Receipt => CARRIAGE_MAX,
        Rotating::Node => CERTIFICATE_SPREAD_MAX,
        _ => KEY_RETIREMENT_GRACE,
    }
}

/// Refuses while partners may not know the next one.
fn require_known(
    folder: &Path,
    what: Rotating,
    places: &Places,
    installed: Installed<'_>,
    now: Timestamp,
) -> Result<(), PkiError> {
    let wanted = match what.signing_use() {
        Some(key_use) => Wanted::Key(key_use, SigningKey::load(&places.next, key_use)?.public()),
        None if is_pinned(folder)? => Wanted::Pin(pin_of(&Places::certificate(&places.next))?),
        None => return Ok(()),
    };
    let Some(since) = known_since(&wanted, installed, now)? else {
        return Err(PkiError::NotPublished {
            why: format!(
                "the directory that is installed here does not name the new key, and partners would refuse what it \
                 signs: hand {} to the federation and install what it publishes; the earliest safe time is {} hours \
                 after that directory was issued",
                folder.join("application.json").display(),
                DIRECTORY_SPREAD_MAX.as_secs() / 3600
            ),
        });
    };
    if what == Rotating::Directory {
        return Ok(());
    }
    let earliest = since.plus(DIRECTORY_SPREAD_MAX);
    if now < earliest {
        return Err(PkiError::TooEarly {
            why: "the directory that names the new key may not be everywhere yet".to_owned(),
            earliest,
        });
    }
    Ok(())
}

/// What must stand in the directory.
pub(super) enum Wanted {
    Key(KeyUse, [u8; 32]),
    Pin([u8; 32]),
    /// With a list of its own: without one, nothing that it issues is let in.
    Ca(Vec<u8>),
}

impl Wanted {
    fn stands_in(&self, member: &Member) -> bool {
        match self {
            Self::Key(KeyUse::Directory, public) => member.directory_key == Some(*public),
            Self::Key(key_use, public) => member
                .keys
                .iter()
                .any(|key| key.key_use == *key_use && key.public == *public),
            Self::Pin(pin) => member.spki_pins.contains(pin),
            Self::Ca(der) => {
                let mut cas = member.exchange_cas.iter();
                cas.any(|ca| ca.der == *der && ca.crl.is_some())
            }
        }
    }
}

/// When the oldest of the installed versions that name it without a break was issued; `None`: the newest does not.
pub(super) fn known_since(
    wanted: &Wanted,
    installed: Installed<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, PkiError> {
    let named = |directory: &Directory| {
        let member = directory.member(&installed.authority);
        member.is_some_and(|member| wanted.stands_in(member))
    };
    let mut directory = match Directory::load(installed.folder, installed.anchor, now) {
        Err(DirectoryError::Empty(_)) => return Ok(None),
        loaded => loaded?,
    };
    let mut since = None;
    while named(&directory) {
        let issued = directory.timestamp_issued_at();
        since = Some(issued);
        if issued.plus(DIRECTORY_SPREAD_MAX) <= now {
            break;
        }
        let older = Directory::load_before(installed.folder, installed.anchor, directory.version());
        match older? {
            Some(older) => directory = older,
            None => break,
        }
    }
    Ok(since)
}

fn is_pinned(folder: &Path) -> Result<bool, PkiError> {
    Ok(!application::entry(folder)?.spki_pins.is_empty())
}

fn pin_of(certificate: &Path) -> Result<[u8; 32], PkiError> {
    let content = |why: &str| PkiError::Content {
        file: certificate.to_owned(),
        why: why.to_owned(),
    };
    let der = CertificateDer::from_pem_slice(folder::read(certificate)?.as_bytes())
        .map_err(|_| content("it is no certificate"))?;
    spki_hash(&der).ok_or_else(|| content("it is no certificate"))
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
