//! The node's signing keys: read from files, and used only when the directory in force names them.
//!
//! A key that partners do not know yet would have everything wait that it signs; one that is revoked would have it
//! held. So a new key is taken once it is published, and the old one signs until then.

use std::path::Path;

use super::error::NodeError;
use crate::{
    desk::{Expiry, Warning},
    domain::{id::AuthorityId, time::Timestamp},
    trust::{
        directory::{Directory, MemberKey},
        keys::{KeyId, KeyUse, SigningKey},
    },
};

/// Reads a key for the start: it must be published, or nothing that it signs is ever taken.
pub(super) fn at_start(
    file: &Path,
    key_use: KeyUse,
    directory: &Directory,
    own: AuthorityId,
) -> Result<SigningKey, NodeError> {
    let key = SigningKey::load(file, key_use)?;
    match published(directory, own, key_use, &key.id()) {
        Some(_) => Ok(key),
        None => Err(refused(file, &key, directory, UNKNOWN)),
    }
}

/// Reads a key for a node that runs: it must be good now, else the one in force stays.
pub(super) fn while_running(
    file: &Path,
    key_use: KeyUse,
    directory: &Directory,
    own: AuthorityId,
    now: Timestamp,
) -> Result<SigningKey, NodeError> {
    let key = SigningKey::load(file, key_use)?;
    let what = match published(directory, own, key_use, &key.id()) {
        None => UNKNOWN,
        Some(known) if known.revoked_at.is_some() => "names as revoked",
        Some(known) if now < known.valid_from => "names for a later time",
        Some(known) if now >= known.valid_until => "names as retired",
        Some(_) => return Ok(key),
    };
    Err(refused(file, &key, directory, what))
}

/// When the keys in force end, by retirement or revocation.
pub(super) fn expiries(
    directory: &Directory,
    own: AuthorityId,
    in_force: [(KeyUse, KeyId); 2],
) -> Vec<Expiry> {
    let end = |(key_use, id): (KeyUse, KeyId)| {
        let key = published(directory, own, key_use, &id)?;
        let revoked = key.revoked_at.unwrap_or(key.valid_until);
        Some(Expiry {
            what: format!("{key_use} key"),
            at: key.valid_until.min(revoked),
            warning: Warning::Ahead {
                life: Some(key.valid_until.since(key.valid_from)),
            },
        })
    };
    in_force.into_iter().filter_map(end).collect()
}

const UNKNOWN: &str = "does not name for its authority";

fn published<'a>(
    directory: &'a Directory,
    own: AuthorityId,
    key_use: KeyUse,
    id: &KeyId,
) -> Option<&'a MemberKey> {
    directory.member(&own)?.key(key_use, id)
}

fn refused(file: &Path, key: &SigningKey, directory: &Directory, what: &'static str) -> NodeError {
    NodeError::KeyNotPublished {
        file: file.to_owned(),
        key: key.id(),
        version: directory.version(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::testing::{DAY, HOUR, NOW, TestFederation};

    #[test]
    fn only_a_key_that_is_published_and_good_now_is_taken() {
        let federation = TestFederation::new();
        let member = federation.member("XA-POL");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("statement.key");
        member.statement.save(&file).expect("saved");
        let with = |change: fn(&mut crate::proto::directory::v1::Key)| {
            federation.directory_with(1, |draft| change(&mut draft.entries[0].keys[0]))
        };
        let read = |directory: &Directory| {
            while_running(&file, KeyUse::Statement, directory, member.id, NOW)
                .map(|key| key.id())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(&federation.directory()), Ok(member.statement.id()));
        type Change = fn(&mut crate::proto::directory::v1::Key);
        let cases: [(Change, &str); 4] = [
            (
                |key| key.public_key = SigningKey::generate(KeyUse::Statement).public().to_vec(),
                "does not name",
            ),
            (|key| key.revoked_at_us = NOW.as_micros(), "as revoked"),
            (
                |key| key.valid_from_us = NOW.plus(HOUR).as_micros(),
                "for a later time",
            ),
            (|key| key.valid_until_us = NOW.as_micros(), "as retired"),
        ];
        for (change, words) in cases {
            let error = read(&with(change)).expect_err(words);
            assert!(
                error.contains(words) && error.contains("statement.key"),
                "{error}"
            );
            assert!(error.contains("pki rotate"), "{error}");
        }
        let at_start = |directory: &Directory| {
            at_start(&file, KeyUse::Statement, directory, member.id).is_ok()
        };
        assert!(at_start(&with(|key| key.valid_until_us = NOW.as_micros())));
        assert!(!at_start(&with(cases[0].0)));
    }

    #[test]
    fn the_end_of_a_key_is_its_retirement_or_its_revocation() {
        let federation = TestFederation::new();
        let member = federation.member("XA-POL");
        let in_force = [
            (KeyUse::Statement, member.statement.id()),
            (KeyUse::Receipt, member.receipt.id()),
        ];
        let directory = federation.directory_with(1, |draft| {
            draft.entries[0].keys[1].revoked_at_us = NOW.plus(HOUR).as_micros();
        });
        let ends: Vec<_> = expiries(&directory, member.id, in_force)
            .into_iter()
            .map(|expiry| (expiry.what, expiry.at))
            .collect();
        assert_eq!(
            ends,
            [
                ("statement key".to_owned(), NOW.plus(DAY * 90)),
                ("receipt key".to_owned(), NOW.plus(HOUR)),
            ]
        );
    }
}
