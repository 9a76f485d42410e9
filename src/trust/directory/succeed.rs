//! What a newer directory must not do: go back, fork, leap ahead, or add anybody while its membership
//! is expired.
//!
//! The way in: [`check`], on two directories that each verify from the same anchor.

use super::{Directory, DirectoryError, Document, Head};
use crate::domain::{limits, time::Timestamp};

/// Refuses what goes back or forks from `held`.
pub(super) fn check(
    held: &Directory,
    offered: &Directory,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let roots = &offered.heads.roots;
    for root in &held.heads.roots {
        let same = roots.iter().find(|other| other.version == root.version);
        let newest = roots.last().map_or(0, |root| root.version);
        forward(Document::Root(root.version), root, same, newest)?;
    }
    let membership = &offered.heads.membership;
    forward(
        Document::Membership,
        &held.heads.membership,
        Some(membership),
        membership.version,
    )?;
    for (authority, entry) in &held.heads.entries {
        // Who has left may come back later under a number of its own.
        let Some(other) = offered.heads.entries.get(authority) else {
            continue;
        };
        forward(
            Document::Entry(*authority),
            entry,
            Some(other),
            other.version,
        )?;
    }
    check_crls(held, offered)?;
    let timestamp = &offered.heads.timestamp;
    forward(
        Document::Timestamp,
        &held.heads.timestamp,
        Some(timestamp),
        timestamp.version,
    )?;
    check_step(held.heads.timestamp.version, timestamp.version)?;
    check_additions(held, offered, now)
}

/// A stolen timestamp key must not use up all versions at once: true ones could never follow.
fn check_step(held: u64, offered: u64) -> Result<(), DirectoryError> {
    if offered.saturating_sub(held) <= limits::DIRECTORY_STEP_MAX {
        return Ok(());
    }
    Err(DirectoryError::TooFarAhead { held, offered })
}

/// Later, or the same with the same content.
fn forward(
    document: Document,
    held: &Head,
    offered: Option<&Head>,
    version: u64,
) -> Result<(), DirectoryError> {
    match offered {
        Some(offered) if offered.version > held.version || offered == held => Ok(()),
        Some(offered) if offered.version == held.version => {
            Err(DirectoryError::Forked { document, version })
        }
        _ => Err(DirectoryError::RolledBack {
            document,
            held: held.version,
            offered: version,
        }),
    }
}

/// A revocation list may go only with its authority or its CA.
fn check_crls(held: &Directory, offered: &Directory) -> Result<(), DirectoryError> {
    for (ca, crl) in &held.heads.crls {
        let (Some(crl), Some(other)) = (crl, offered.heads.crls.get(ca)) else {
            continue;
        };
        let number = other.map_or(0, |crl| crl.version);
        forward(Document::Crl(ca.0), crl, other.as_ref(), number)?;
    }
    Ok(())
}

fn check_additions(
    held: &Directory,
    offered: &Directory,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    if now < offered.membership_expires_at {
        return Ok(());
    }
    match offered
        .members
        .keys()
        .find(|id| !held.members.contains_key(id))
    {
        Some(added) => Err(DirectoryError::AddedInGrace(*added)),
        None => Ok(()),
    }
}
