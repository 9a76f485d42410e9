//! The exporter's log: its signed checkpoint, the entries under it, and what each of them is about.
//!
//! The way in is [`Log::verify`]; documents then take their entries with [`Log::take`], and
//! [`Log::claim_rest`] says what the others are. An entry whose document is missing fails the file.

use std::{collections::BTreeSet, fmt};

use crate::{
    domain::{id::StatementRef, receipt::LeafHash, routing::Routing},
    proto::evidence::v1::LogEntry,
    store::entry::{Act, EntryHeader, HEADER_BYTES},
    trust::{
        batch::Verifier,
        keys::{KeyId, KeyUse},
        merkle::{self, Hash},
        note::Checkpoint,
    },
};

use super::{
    File,
    directories::Directories,
    plausible,
    report::{Claim, Standing},
    standing,
};

/// Entries that are proven under the checkpoint.
pub(super) struct Log {
    size: u64,
    entries: Vec<(EntryHeader, Use)>,
}

/// Whether something in the file stands behind an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    Taken,
}

/// Where something stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its entry.
    pub(super) index: u64,
    /// Entries under the checkpoint.
    size: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} of {}", self.index, self.size)
    }
}

impl Log {
    /// Checks the checkpoint and every entry under it; what does not hold is claimed as failing, and left out.
    pub(super) fn verify(file: &File, directories: &Directories, claims: &mut Vec<Claim>) -> Self {
        let mut log = Self {
            size: 0,
            entries: Vec::new(),
        };
        let who = file.exporter.to_string();
        let what = "signed the checkpoint of its log";
        let checkpoint = match verify_checkpoint(file, directories) {
            Ok((checkpoint, key, version)) => {
                let how = format!(
                    "{} with {} entries; key valid then under directory {version}",
                    checkpoint.origin, checkpoint.size
                );
                let claim = Claim::new(&who, what, Standing::Holds(how));
                claims.push(claim.at(file.exported_at).by(&key.0));
                checkpoint
            }
            Err(why) => {
                claims.push(Claim::fails(who, what, why));
                return log;
            }
        };
        log.size = checkpoint.size;
        let mut before = None;
        for entry in &file.export.entries {
            match prove(entry, &checkpoint, before) {
                Ok(header) => log.entries.push((header, Use::Free)),
                Err(why) => {
                    let what = format!("logged entry {}", entry.index);
                    claims.push(Claim::fails(&who, what, why));
                }
            }
            before = Some(entry.index);
        }
        log
    }

    /// The entry of a document, which no other document may have.
    pub(super) fn take(
        &mut self,
        act: Act,
        subject: Option<StatementRef>,
        leaf: LeafHash,
    ) -> Option<Place> {
        let size = self.size;
        let (header, used) = self.entries.iter_mut().find(|(header, used)| {
            *used == Use::Free
                && (header.act, header.subject, header.leaf) == (act, subject, Some(leaf))
        })?;
        *used = Use::Taken;
        Some(Place {
            index: header.index,
            size,
        })
    }

    /// Claims what no document of the file stands behind: views, exports, waits, ends.
    pub(super) fn claim_rest(&self, file: &File, routings: &[Routing], claims: &mut Vec<Claim>) {
        let statements: BTreeSet<StatementRef> = routings.iter().map(|it| it.statement).collect();
        let free = self.entries.iter().filter(|(_, used)| *used == Use::Free);
        for (header, _) in free {
            let outcome = judge(file, header, &statements).map(|()| {
                let place = Place {
                    index: header.index,
                    size: self.size,
                };
                place.to_string()
            });
            let who = format!("{} {}", file.exporter, header.actor);
            let claim = Claim::new(who, described(header), standing(outcome));
            claims.push(claim.at(header.time));
        }
        self.claim_export(file, claims);
    }

    /// The time of the export is that of an export in the log.
    fn claim_export(&self, file: &File, claims: &mut Vec<Claim>) {
        let mut exports = self.entries.iter().map(|(header, _)| header);
        let is_this = |it: &EntryHeader| {
            let act = match file.carried_to {
                None => it.act == Act::Exported,
                Some(to) => it.act == Act::Bundled && it.peer == Some(to),
            };
            act && it.time == file.exported_at
        };
        if !exports.any(is_this) {
            let why = "no entry of its log is an export at this time";
            let claim = Claim::fails(file.exporter.to_string(), "exported this file", why);
            claims.push(claim.at(file.exported_at));
        }
    }
}

/// An entry that needs a document and found none is as if its document were cut out of the file.
fn judge(
    file: &File,
    header: &EntryHeader,
    statements: &BTreeSet<StatementRef>,
) -> Result<(), String> {
    plausible(file, header.time)?;
    match (header.act, header.subject) {
        (
            Act::Accepted
            | Act::Received
            | Act::Carried
            | Act::ReceiptStored
            | Act::DirectoryAdopted,
            _,
        ) => {
            Err("its document is not in the file".to_owned())
        }
        (Act::Consulted | Act::Exported | Act::Restricted, Some(subject))
            if subject == file.thread =>
        {
            Ok(())
        }
        (
            Act::RefusedStatement
            | Act::DeliveryEnded
            | Act::DeliveryHeld
            | Act::DeliveryResumed
            | Act::Incident
            // A draft of a later statement, before it was one.
            | Act::Consulted
            | Act::DraftKept
            | Act::DraftReturned
            | Act::DraftEnded
            | Act::ActRefused
            | Act::AlertExpired
            | Act::Addressed
            | Act::OfferDeclined
            | Act::Called
            | Act::CallFailed
            | Act::CallWaits
            | Act::CallArrived
            | Act::GoesByHand
            | Act::Bundled
            | Act::HandReported,
            Some(subject),
        ) if statements.contains(&subject) => Ok(()),
        _ => Err("it is not of this thread".to_owned()),
    }
}

fn described(header: &EntryHeader) -> String {
    let act = match header.act {
        Act::Accepted => "accepted",
        Act::Received => "took in",
        Act::Carried => "took out of another statement",
        Act::ReceiptStored => "kept a receipt for",
        Act::RefusedStatement => "refused other bytes for",
        Act::DeliveryEnded => "ended the delivery of",
        Act::DeliveryHeld => "held back",
        Act::DeliveryResumed => "resumed",
        Act::Consulted => "saw the thread",
        Act::Exported => "exported the thread",
        Act::Incident => "noted an incident with",
        Act::DirectoryAdopted => "adopted a directory",
        Act::DraftKept => "kept for a second person",
        Act::DraftReturned => "gave back",
        Act::DraftEnded => "ended the draft of",
        Act::ActRefused => "refused an act upon",
        Act::Restricted => "kept to units, or opened to all,",
        Act::GoesByHand => "chose to carry by hand",
        Act::Bundled => "wrote a bundle with",
        Act::HandReported => "reported the carrying of",
        Act::AlertExpired => "saw the last day pass of",
        Act::Addressed => "kept the groups that it addressed with",
        Act::OfferDeclined => "declined to give to a newcomer",
        Act::Called => "called its duty desk about",
        Act::CallFailed => "could not call its duty desk about",
        Act::CallWaits => "kept calling its duty desk about",
        Act::CallArrived => "reached its duty desk about",
        _ => "logged something else",
    };
    let mut text = act.to_owned();
    if let Some(subject) = header.subject {
        text.push_str(&format!(" {subject}"));
    }
    if let Some(peer) = header.peer {
        text.push_str(&format!(" ({peer})"));
    }
    if let Some(reason) = header.reason {
        text.push_str(&format!(" for {reason}"));
    }
    text
}

/// Under the directory that was in force at the export, by a log key of the exporter that was good then.
fn verify_checkpoint(
    file: &File,
    directories: &Directories,
) -> Result<(Checkpoint, KeyId, u64), String> {
    let (version, verifier) = directories
        .newest()
        .ok_or("no directory names its log key")?;
    let note = &file.export.checkpoint;
    // Three lines, a blank one and one signature: what else a note may hold, nothing here would verify.
    if note.lines().count() != 5 {
        return Err("expected a checkpoint without extensions under one signature".to_owned());
    }
    let (checkpoint, key) = signed_by_log_key(file, verifier)?;
    let own = format!("allpoints/{}/log/", file.exporter);
    if !checkpoint.origin.starts_with(&own) {
        return Err(format!("the checkpoint is of {}", checkpoint.origin));
    }
    Ok((checkpoint, key, version))
}

fn signed_by_log_key(file: &File, verifier: &Verifier) -> Result<(Checkpoint, KeyId), String> {
    let directory = verifier.directory();
    let member = directory
        .member(&file.exporter)
        .ok_or("the exporter is no member")?;
    let mut why = "the directory names no log key of the exporter".to_owned();
    for key in member.keys.iter().filter(|key| key.key_use == KeyUse::Log) {
        match Checkpoint::verify(&file.export.checkpoint, &key.public) {
            Ok(_) if key.revoked_at.is_some_and(|at| at <= file.exported_at) => {
                why = "its log key was revoked before the export".to_owned();
            }
            Ok(_) if file.exported_at < key.valid_from || file.exported_at >= key.valid_until => {
                why = "its log key was not valid at the export".to_owned();
            }
            Ok(checkpoint) => return Ok((checkpoint, key.id)),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// The header of an entry, once it is proven under the checkpoint, after the entry before it.
fn prove(
    entry: &LogEntry,
    checkpoint: &Checkpoint,
    before: Option<u64>,
) -> Result<EntryHeader, String> {
    if before.is_some_and(|before| before >= entry.index) {
        return Err("it stands twice, or out of order".to_owned());
    }
    let path = entry
        .path
        .iter()
        .map(|hash| Hash::try_from(hash.as_slice()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "a hash of its path is not 32 bytes")?;
    let leaf = merkle::leaf(&entry.header);
    let root = merkle::root_from_path(&leaf, entry.index, checkpoint.size, &path);
    if root != Some(checkpoint.root) {
        return Err("its path does not lead to the checkpoint's root".to_owned());
    }
    let bytes: &[u8; HEADER_BYTES] = entry.header.as_slice().try_into().map_err(|_| {
        let found = entry.header.len();
        format!("a header of {found} bytes, expected {HEADER_BYTES}")
    })?;
    let header = EntryHeader::decode(bytes).map_err(|error| error.to_string())?;
    if header.index != entry.index {
        return Err(format!("its header says entry {}", header.index));
    }
    Ok(header)
}
