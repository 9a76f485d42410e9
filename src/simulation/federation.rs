//! The directory of a simulated federation: members suspended and admitted again, keys rotated, versions published.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    domain::{id::AuthorityId, time::Timestamp},
    proto::directory::v1 as pb,
    trust::{
        directory::Directory,
        keys::{KeyUse, SigningKey},
        testing::{DAY, TestFederation, seeded_key},
    },
};

/// Which keys a node signs with, by their number.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    label: String,
    /// Counts rotations of the statement key.
    pub(super) generation: u64,
}

impl Keys {
    pub(super) fn statement(&self) -> SigningKey {
        seeded_key(
            KeyUse::Statement,
            &format!("{} {}", self.label, self.generation),
        )
    }

    pub(super) fn receipt(&self) -> SigningKey {
        seeded_key(KeyUse::Receipt, &self.label)
    }
}

/// Who makes the directory.
pub(super) struct Federation {
    inner: TestFederation,
    seed: u64,
    version: u64,
    suspended: BTreeSet<AuthorityId>,
    /// Statement keys of each member: when each came into force, oldest first.
    statement_keys: Vec<(AuthorityId, Vec<Timestamp>)>,
}

impl Federation {
    /// A federation of so many members; the same for the same seed.
    pub(super) fn new(members: usize, seed: u64, now: Timestamp) -> Self {
        let names: Vec<String> = ('A'..='Z')
            .take(members)
            .map(|letter| format!("X{letter}-POL"))
            .collect();
        let inner = TestFederation::seeded(&names, seed);
        let keys = inner.members.iter().map(|m| (m.id, vec![now.minus(DAY)]));
        Self {
            statement_keys: keys.collect(),
            inner,
            seed,
            version: 0,
            suspended: BTreeSet::new(),
        }
    }

    pub(super) fn members(&self) -> Vec<AuthorityId> {
        self.inner.members.iter().map(|member| member.id).collect()
    }

    /// The first keys of a member.
    pub(super) fn keys(&self, member: AuthorityId) -> Keys {
        Keys {
            label: format!("{member} {}", self.seed),
            generation: 0,
        }
    }

    pub(super) fn suspend(&mut self, member: AuthorityId) {
        self.suspended.insert(member);
    }

    pub(super) fn readmit_all(&mut self) {
        self.suspended.clear();
    }

    /// Lists one more statement key of a member's, beside those that it has; gives its generation.
    pub(super) fn add_key(&mut self, member: AuthorityId, now: Timestamp) -> u64 {
        let keys = self.statement_keys.iter_mut().find(|(id, _)| *id == member);
        keys.map_or(0, |(_, keys)| {
            keys.push(now.minus(Duration::from_secs(1)));
            keys.len() as u64 - 1
        })
    }

    /// The next version, as things stand.
    pub(super) fn publish(&mut self, now: Timestamp) -> Option<Arc<Directory>> {
        self.version += 1;
        let bundle = self.inner.bundle_with(self.version, |draft| {
            draft.membership.issued_at_us = now.as_micros();
            draft.membership.expires_at_us = now.plus(DAY * 30).as_micros();
            draft.timestamp.issued_at_us = now.as_micros();
            draft.timestamp.expires_at_us = now.plus(DAY).as_micros();
            for member in &mut draft.membership.members {
                if self.suspended.iter().any(|id| id.as_str() == member.id) {
                    member.status = pb::MemberStatus::Suspended.into();
                }
            }
            for entry in &mut draft.entries {
                entry.issued_at_us = now.as_micros();
                entry.keys = self.entry_keys(&entry.authority, now);
            }
        });
        Directory::verify(&bundle, self.inner.anchor(), now)
            .ok()
            .map(Arc::new)
    }

    fn entry_keys(&self, member: &str, now: Timestamp) -> Vec<pb::Key> {
        let listed = |key: &SigningKey, key_use: pb::KeyUse, from: Timestamp| pb::Key {
            r#use: key_use.into(),
            public_key: key.public().to_vec(),
            valid_from_us: from.as_micros(),
            valid_until_us: now.plus(DAY * 90).as_micros(),
            revoked_at_us: 0,
        };
        let found = self
            .statement_keys
            .iter()
            .find(|(id, _)| id.as_str() == member);
        let Some((id, since)) = found else {
            return Vec::new();
        };
        let mut keys = self.keys(*id);
        let receipt = listed(
            &keys.receipt(),
            pb::KeyUse::Receipt,
            since.first().copied().unwrap_or(now),
        );
        let statements = since.iter().zip(0..).map(|(from, generation)| {
            keys.generation = generation;
            listed(&keys.statement(), pb::KeyUse::Statement, *from)
        });
        statements.chain([receipt]).collect()
    }
}
