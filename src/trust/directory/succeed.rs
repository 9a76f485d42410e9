//! What a newer directory must not do: go back, fork, or add anybody while its membership is expired.
//!
//! The way in: [`check`], on two directories that each verify from the same anchor.

use super::{Directory, DirectoryError, Document, Head};
use crate::domain::time::Timestamp;

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
    check_additions(held, offered, now)
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
    for (authority, crl) in &held.heads.crls {
        let ca = |directory: &Directory| {
            directory
                .member(authority)
                .map(|member| member.exchange_ca.clone())
        };
        if ca(held) != ca(offered) {
            continue;
        }
        let other = offered.heads.crls.get(authority);
        let number = other.map_or(0, |crl| crl.version);
        forward(Document::Crl(*authority), crl, other, number)?;
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
