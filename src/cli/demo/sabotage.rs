//! Faults that the demo plants from outside the nodes, to show that its checks can fail.
//!
//! Only what the demo itself holds in its hands is changed: bytes it exported, a stopped node's files, what it
//! sends. No node has a switch for any of this.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use clap::ValueEnum;
use prost::Message as _;

use crate::{
    cli::exit::{CliError, Exit},
    proto::evidence::v1::Export,
};

/// Which fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// A byte of a receipt in the evidence
    Receipt,
    /// A byte of a statement's signature in the evidence
    Signature,
    /// A byte in the journal of the killed node
    Journal,
    /// A recipient is left out
    Recipient,
    /// The recall is never sent
    Recall,
}

/// Changes one byte of the evidence.
pub(super) fn damage_evidence(bytes: &[u8], fault: Sabotage) -> Result<Vec<u8>, CliError> {
    let nothing = || {
        CliError::new(
            Exit::Failed,
            "sabotage: the evidence holds nothing to damage",
        )
    };
    let mut export = Export::decode(bytes).map_err(|_| nothing())?;
    let statement = export.statements.first_mut().ok_or_else(nothing)?;
    if fault == Sabotage::Receipt {
        let batch = statement.receipts.first_mut().ok_or_else(nothing)?;
        let item = batch.items.first_mut().ok_or_else(nothing)?;
        item.document = flipped(&item.document).ok_or_else(nothing)?;
    } else {
        let batch = statement.batch.as_mut().ok_or_else(nothing)?;
        batch.signature = flipped(&batch.signature).ok_or_else(nothing)?;
    }
    Ok(export.encode_to_vec())
}

/// The same bytes with one bit of the middle one changed.
pub(super) fn flipped(bytes: &[u8]) -> Option<bytes::Bytes> {
    let mut changed = bytes.to_vec();
    let middle = changed.len() / 2;
    *changed.get_mut(middle)? ^= 1;
    Some(changed.into())
}

/// How much of the journal's beginning is looked at.
const READ_BYTES: usize = 64 * 1024;

/// Changes one byte early in a stopped node's journal.
pub(super) fn damage_journal(data: &Path) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(
            Exit::Failed,
            format!("sabotage in {}: {error}", data.display()),
        )
    };
    let segment = first_segment(data).map_err(failed)?;
    let change = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&segment)?;
        let mut head = vec![0; READ_BYTES];
        file.read_exact(&mut head)?;
        // Groups stand in whole sectors, with zeros behind them that say nothing: only what is not zero is surely
        // part of one. The middle of it has good groups behind it, so that it cannot pass for a torn end.
        let written: Vec<usize> = (0..head.len()).filter(|at| head[*at] != 0).collect();
        let place = written.get(written.len() / 2).copied();
        let place = place.ok_or_else(|| std::io::Error::other("nothing is written there"))?;
        file.seek(SeekFrom::Start(place as u64))?;
        file.write_all(&[head[place] ^ 1])?;
        file.sync_all()
    };
    change().map_err(failed)
}

/// The lowest-named large file below: segments are the only files of that size.
fn first_segment(data: &Path) -> std::io::Result<std::path::PathBuf> {
    let mut folders = vec![data.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.len() >= crate::domain::limits::SEGMENT_BYTES {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
        .into_iter()
        .next()
        .ok_or_else(|| std::io::Error::other("no journal segment there"))
}
