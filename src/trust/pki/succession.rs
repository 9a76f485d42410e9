//! Replacing one of the two CAs without a gap, one safe step at a time.
//!
//! The way in is [`Succession::step`]; [`super::rotate`] comes here for what is a CA.
//!
//! ```text
//! prepared   ca/CA-ca-next.{pem,key} stands beside the present one, with a list of its own, and is made known:
//!    |       the exchange's in the application, the desk's in ca/desk-ca.pem and desk.crl, which node and desks read
//!    |       24 h after the directory that names it was issued (exchange), or since node and desks can have it (desk)
//! activated  it issues from now on, the node's own certificate first; the old one, ca/CA-ca-old.*, still revokes
//!    |       a minute later, and once nothing in this folder that is in force was issued by the old one
//! retired    the old one is named no more, and its private key is removed
//! ```
//!
//! Each step is safe to repeat after an interruption: it is finished when its note is written. Never names more than two
//! CAs, and never ends the old one while somebody would be shut out by that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    Ca, Generation, Installed, PkiError, Stage, Step, application, ca_paths,
    certificate::{make_ca, reissue},
    crl::{self, CRL_DAYS, issuer_of, publish_crl, read_certificate},
    folder, name_in,
    rotation::{Wanted, known_since},
};
use crate::domain::{
    limits::{CERTIFICATE_SPREAD_MAX, DIRECTORY_SPREAD_MAX},
    time::{Clock, Timestamp},
};

/// A CA of an authority's folder, and whoever takes its place.
pub(super) struct Succession<'a> {
    pub(super) folder: &'a Path,
    pub(super) ca: Ca,
}

/// What must be remembered between the steps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    prepared_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activated_at_us: Option<i64>,
}

impl Succession<'_> {
    /// How far it is.
    pub(super) fn stage(&self) -> Result<Stage, PkiError> {
        let note = self.note()?;
        Ok(match note.map(|note| note.activated_at_us) {
            None => Stage::Settled,
            Some(None) => Stage::Prepared,
            Some(Some(at)) => Stage::Activated(Timestamp::from_micros(at)),
        })
    }

    /// Takes the next step, or refuses it with the earliest safe time.
    pub(super) fn step(
        &self,
        installed: Installed<'_>,
        clock: &dyn Clock,
    ) -> Result<Step, PkiError> {
        match self.note()? {
            None => self.prepare(clock),
            Some(Note {
                activated_at_us: Some(at),
                ..
            }) => self.retire(Timestamp::from_micros(at), clock),
            Some(note) => {
                // Once it has begun, an activation that was interrupted is only to be finished.
                if !self.paths(Generation::Old).1.exists() {
                    self.require_known(&note, installed, clock.now())?;
                }
                self.activate(note, clock)
            }
        }
    }

    fn prepare(&self, clock: &dyn Clock) -> Result<Step, PkiError> {
        let (certificate, key) = self.paths(Generation::Next);
        if !certificate.exists() {
            // A key without a certificate is left of an interruption: nobody has ever heard of it.
            if key.exists() {
                folder::remove(&key)?;
            }
            let node = self.node_certificate();
            let authority = name_in(&node)?.authority();
            make_ca(self.folder, authority, (self.ca, Generation::Next), clock)?;
        }
        self.publish(clock)?;
        self.write_desk_cas(&[Generation::Present, Generation::Next])?;
        self.write_note(&Note {
            prepared_at_us: clock.now().as_micros(),
            activated_at_us: None,
        })?;
        let (next, earliest) = match self.ca {
            Ca::Exchange => (
                format!(
                    "hand {} to the federation, whose roots must sign it (until then, what this authority revokes waits \
                     with it), and install what it publishes; then run `{}` again, from {} hours after that directory \
                     was issued",
                    self.application().display(),
                    self.command(),
                    DIRECTORY_SPREAD_MAX.as_secs() / 3600
                ),
                None,
            ),
            Ca::Desk => (
                format!(
                    "copy {} to every machine that has a copy of it; the node takes it by itself. Then run `{}` again",
                    self.paths(Generation::Present).0.display(),
                    self.command()
                ),
                Some(clock.now().plus(DIRECTORY_SPREAD_MAX)),
            ),
        };
        Ok(Step {
            done: format!("made {}", certificate.display()),
            next,
            earliest,
        })
    }

    /// Refuses while somebody may not know the next one.
    fn require_known(
        &self,
        note: &Note,
        installed: Installed<'_>,
        now: Timestamp,
    ) -> Result<(), PkiError> {
        let (since, why) = match self.ca {
            Ca::Desk => (
                Timestamp::from_micros(note.prepared_at_us),
                "a machine of the desk may not have the new desk CA yet",
            ),
            Ca::Exchange => {
                let next = read_certificate(&self.paths(Generation::Next).0)?;
                let wanted = Wanted::Ca(next.to_vec());
                let since = known_since(&wanted, installed, now)?;
                let since = since.ok_or_else(|| self.not_published())?;
                (
                    since,
                    "the directory that names the new CA may not be everywhere yet",
                )
            }
        };
        let earliest = since.plus(DIRECTORY_SPREAD_MAX);
        if now >= earliest {
            return Ok(());
        }
        Err(PkiError::TooEarly {
            why: why.to_owned(),
            earliest,
        })
    }

    fn not_published(&self) -> PkiError {
        PkiError::NotPublished {
            why: format!(
                "the directory that is installed here does not name the new CA with a revocation list, and partners \
                 would refuse what it issues: hand {} to the federation and install what it publishes; the earliest \
                 safe time is {} hours after that directory was issued",
                self.application().display(),
                DIRECTORY_SPREAD_MAX.as_secs() / 3600
            ),
        }
    }

    fn activate(&self, note: Note, clock: &dyn Clock) -> Result<Step, PkiError> {
        let ((old, old_key), (present, present_key), (next, next_key)) = (
            self.paths(Generation::Old),
            self.paths(Generation::Present),
            self.paths(Generation::Next),
        );
        if !old.exists() {
            folder::replace(&old, first_certificate(&present)?.as_bytes())?;
        }
        if !old_key.exists() {
            folder::keep_private(&present_key, &old_key)?;
        }
        crl::succeed(self.folder, self.ca)?;
        if next.exists() {
            // The old one stays in the desk's file: nobody is shut out for a moment.
            let mut text = first_certificate(&next)?;
            if self.ca == Ca::Desk {
                text.push_str(&first_certificate(&old)?);
            }
            folder::replace(&present, text.as_bytes())?;
        }
        if next_key.exists() {
            folder::put_in_place(&next_key, &present_key)?;
        }
        if next.exists() {
            folder::remove(&next)?;
        }
        reissue(self.folder, self.ca, clock)?;
        self.publish(clock)?;
        let now = clock.now();
        self.write_note(&Note {
            activated_at_us: Some(now.as_micros()),
            ..note
        })?;
        let renewed = match self.ca {
            Ca::Exchange => "",
            Ca::Desk => {
                "renew the certificate of each person and system with `allpoints pki desk DIR --role ROLE --name NAME \
                 --renew`; then "
            }
        };
        Ok(Step {
            done: format!(
                "{} is the new one, and {} was issued by it; a running node takes it by itself, without a restart",
                present.display(),
                self.node_certificate().display()
            ),
            next: format!(
                "{renewed}run `{}` again, which ends the old one",
                self.command()
            ),
            earliest: Some(now.plus(CERTIFICATE_SPREAD_MAX)),
        })
    }

    fn retire(&self, activated_at: Timestamp, clock: &dyn Clock) -> Result<Step, PkiError> {
        let earliest = activated_at.plus(CERTIFICATE_SPREAD_MAX);
        if clock.now() < earliest {
            return Err(PkiError::TooEarly {
                why: "the old certificate may still be shown".to_owned(),
                earliest,
            });
        }
        if let Some((certificate, until)) = self.in_force(clock.now())? {
            return Err(PkiError::TooEarly {
                why: format!(
                    "{} was issued by the old {} CA, and would be refused everywhere: renew or revoke it, and all like it",
                    certificate.display(),
                    self.ca.name()
                ),
                earliest: until,
            });
        }
        self.write_desk_cas(&[Generation::Present])?;
        let (certificate, key) = self.paths(Generation::Old);
        for file in [key, certificate] {
            if file.exists() {
                folder::remove(&file)?;
            }
        }
        crl::forget(self.folder, self.ca)?;
        self.publish(clock)?;
        folder::remove(&self.note_file())?;
        let next = match self.ca {
            Ca::Exchange => format!(
                "hand {} to the federation, whose roots must sign it (until then, what this authority revokes waits with \
                 it); then nothing more",
                self.application().display()
            ),
            Ca::Desk => format!(
                "copy {} to every machine that has a copy of it; then nothing more",
                self.paths(Generation::Present).0.display()
            ),
        };
        Ok(Step {
            done: "the old CA is named no more; its private key was removed".to_owned(),
            next,
            earliest: None,
        })
    }

    /// Of the certificates in this folder that the old CA issued and that are in force: the one that ends last.
    fn in_force(&self, now: Timestamp) -> Result<Option<(PathBuf, Timestamp)>, PkiError> {
        let mut last: Option<(PathBuf, Timestamp)> = None;
        for part in ["node", "desk"] {
            for certificate in certificates_in(&self.folder.join(part))? {
                let Some(until) = self.old_until(&certificate, now)? else {
                    continue;
                };
                if last.as_ref().is_none_or(|(_, latest)| *latest < until) {
                    last = Some((certificate, until));
                }
            }
        }
        Ok(last)
    }

    /// Until when a certificate counts that the old CA issued; `None`: it is of another, has ended, or is revoked.
    fn old_until(&self, certificate: &Path, now: Timestamp) -> Result<Option<Timestamp>, PkiError> {
        let der = read_certificate(certificate)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| PkiError::Content {
            file: certificate.to_owned(),
            why: "it is no certificate".to_owned(),
        })?;
        let old = (self.ca, Generation::Old);
        if issuer_of(self.folder, &parsed)? != Some(old) {
            return Ok(None);
        }
        let seconds = parsed.validity().not_after.timestamp();
        let until = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        let counts = now < until && !crl::is_revoked(self.folder, old, &parsed)?;
        Ok(counts.then_some(until))
    }

    /// New lists of all CAs, and what partners are told of them.
    fn publish(&self, clock: &dyn Clock) -> Result<(), PkiError> {
        publish_crl(self.folder, CRL_DAYS, clock)?;
        application(self.folder, clock)
    }

    /// Whom node and desks believe: they read one file. A list without its CA in it counts for nothing, so that lists
    /// are written before a CA comes, and after it goes.
    fn write_desk_cas(&self, generations: &[Generation]) -> Result<(), PkiError> {
        if self.ca != Ca::Desk {
            return Ok(());
        }
        let mut text = String::new();
        for generation in generations {
            text.push_str(&first_certificate(&self.paths(*generation).0)?);
        }
        folder::replace(&self.paths(Generation::Present).0, text.as_bytes())
    }

    fn note(&self) -> Result<Option<Note>, PkiError> {
        let file = self.note_file();
        match folder::read(&file) {
            Ok(text) => toml::from_str(&text)
                .map(Some)
                .map_err(|error| PkiError::Content {
                    file,
                    why: error.to_string(),
                }),
            Err(PkiError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_note(&self, note: &Note) -> Result<(), PkiError> {
        let file = self.note_file();
        let text = toml::to_string(note).map_err(|error| PkiError::Content {
            file: file.clone(),
            why: error.to_string(),
        })?;
        folder::replace(&file, text.as_bytes())
    }

    fn note_file(&self) -> PathBuf {
        let name = format!("{}-ca-rotation.toml", self.ca.name());
        self.folder.join("ca").join(name)
    }

    fn paths(&self, generation: Generation) -> (PathBuf, PathBuf) {
        ca_paths(self.folder, self.ca, generation)
    }

    fn node_certificate(&self) -> PathBuf {
        self.folder
            .join("node")
            .join(format!("{}.pem", self.ca.name()))
    }

    fn application(&self) -> PathBuf {
        self.folder.join("application.json")
    }

    fn command(&self) -> String {
        let (folder, name) = (self.folder.display(), self.ca.name());
        format!("allpoints pki rotate {folder} {name}-ca")
    }
}

/// The first certificate of a PEM file, as it stands there.
fn first_certificate(file: &Path) -> Result<String, PkiError> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = folder::read(file)?;
    let (first, _) = text.split_once(END).ok_or_else(|| PkiError::Content {
        file: file.to_owned(),
        why: "expected a certificate in PEM".to_owned(),
    })?;
    Ok(format!("{first}{END}\n"))
}

/// All certificate files of a folder; none when there is no such folder.
fn certificates_in(part: &Path) -> Result<Vec<PathBuf>, PkiError> {
    let fault = |source| PkiError::File {
        act: "list",
        file: part.to_owned(),
        source,
    };
    if !part.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for file in fs::read_dir(part).map_err(fault)? {
        let path = file.map_err(fault)?.path();
        if path.extension().is_some_and(|end| end == "pem") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
#[path = "succession_tests.rs"]
mod tests;
