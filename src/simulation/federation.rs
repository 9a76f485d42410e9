//! The directory of a simulated federation: members suspended and admitted again, keys and CAs that give way to others,
//! versions published.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::certificates::Offices;
use crate::{
    domain::{id::AuthorityId, time::Timestamp},
    proto::directory::v1 as pb,
    trust::{
        directory::Directory,
        keys::{KeyUse, SigningKey},
        testing::{DAY, Draft, TestFederation, seeded_key},
    },
};

/// Which keys a node signs with, by their number.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    label: String,
    /// Counts rotations of the statement key.
    statement: u64,
    /// And of the receipt key.
    receipt: u64,
}

impl Keys {
    pub(super) fn statement(&self) -> SigningKey {
        self.numbered(KeyUse::Statement, self.statement)
    }

    pub(super) fn receipt(&self) -> SigningKey {
        self.numbered(KeyUse::Receipt, self.receipt)
    }

    /// Takes the key with this number into use, unless a later one is.
    pub(super) fn take(&mut self, key_use: KeyUse, number: u64) {
        let present = match key_use {
            KeyUse::Receipt => &mut self.receipt,
            _ => &mut self.statement,
        };
        *present = number.max(*present);
    }

    fn numbered(&self, key_use: KeyUse, number: u64) -> SigningKey {
        seeded_key(key_use, &format!("{} {number}", self.label))
    }
}

/// When a key is listed as good.
#[derive(Debug, Clone, Copy)]
struct Term {
    from: Timestamp,
    /// `None`: in use, or about to be.
    until: Option<Timestamp>,
}

/// What one member lists.
struct Listed {
    statement: Vec<Term>,
    receipt: Vec<Term>,
    offices: Offices,
}

impl Listed {
    fn terms(&mut self, key_use: KeyUse) -> &mut Vec<Term> {
        match key_use {
            KeyUse::Receipt => &mut self.receipt,
            _ => &mut self.statement,
        }
    }
}

/// Who makes the directory.
pub(super) struct Federation {
    inner: TestFederation,
    seed: u64,
    version: u64,
    suspended: BTreeSet<AuthorityId>,
    listed: BTreeMap<AuthorityId, Listed>,
}

impl Federation {
    /// A federation of so many members; the same for the same seed.
    pub(super) fn new(members: usize, seed: u64, now: Timestamp) -> Self {
        let names: Vec<String> = ('A'..='Z')
            .take(members)
            .map(|letter| format!("X{letter}-POL"))
            .collect();
        let inner = TestFederation::seeded(&names, seed);
        let first = Term {
            from: now.minus(DAY),
            until: None,
        };
        let listed = inner.members.iter().map(|member| {
            let listed = Listed {
                statement: vec![first],
                receipt: vec![first],
                offices: Offices::new(member.id, seed),
            };
            (member.id, listed)
        });
        Self {
            listed: listed.collect(),
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
            statement: 0,
            receipt: 0,
        }
    }

    /// The CAs of a member.
    pub(super) fn offices(&mut self, member: AuthorityId) -> Option<&mut Offices> {
        let listed = self.listed.get_mut(&member);
        listed.map(|listed| &mut listed.offices)
    }

    pub(super) fn suspend(&mut self, member: AuthorityId) {
        self.suspended.insert(member);
    }

    pub(super) fn readmit_all(&mut self) {
        self.suspended.clear();
    }

    /// Lists one more key of a member's, beside those that it has; gives its number.
    pub(super) fn add_key(&mut self, member: AuthorityId, key_use: KeyUse, now: Timestamp) -> u64 {
        let listed = self.listed.get_mut(&member);
        listed.map_or(0, |listed| {
            let terms = listed.terms(key_use);
            terms.push(Term {
                from: now.minus(Duration::from_secs(1)),
                until: None,
            });
            terms.len() as u64 - 1
        })
    }

    /// Keys before this one are good until then.
    pub(super) fn retire_before(
        &mut self,
        member: AuthorityId,
        (key_use, number): (KeyUse, u64),
        until: Timestamp,
    ) {
        let listed = self.listed.get_mut(&member);
        let terms = listed
            .into_iter()
            .flat_map(|it| it.terms(key_use).iter_mut());
        for (term, place) in terms.zip(0..) {
            if place < number {
                term.until.get_or_insert(until);
            }
        }
    }

    /// The next version, as things stand.
    pub(super) fn publish(&mut self, now: Timestamp) -> Option<Arc<Directory>> {
        self.version += 1;
        let bundle = self.inner.bundle_with(self.version, |draft| {
            draft.membership.issued_at_us = now.as_micros();
            draft.membership.expires_at_us = now.plus(DAY * 30).as_micros();
            draft.timestamp.issued_at_us = now.as_micros();
            draft.timestamp.expires_at_us = now.plus(DAY).as_micros();
            self.list_members(draft);
            for entry in &mut draft.entries {
                entry.issued_at_us = now.as_micros();
                entry.keys = self.entry_keys(&entry.authority, now);
            }
        });
        Directory::verify(&bundle, self.inner.anchor(), now)
            .ok()
            .map(Arc::new)
    }

    fn list_members(&self, draft: &mut Draft) {
        draft.crls.clear();
        for (member, listed) in draft
            .membership
            .members
            .iter_mut()
            .zip(self.listed.values())
        {
            if self.suspended.iter().any(|id| id.as_str() == member.id) {
                member.status = pb::MemberStatus::Suspended.into();
            }
            let mut cas = listed.offices.ders();
            member.exchange_ca = cas.remove(0);
            member.other_exchange_cas = cas;
            draft.crls.extend(listed.offices.lists(self.version));
        }
    }

    fn entry_keys(&self, member: &str, now: Timestamp) -> Vec<pb::Key> {
        let mut of_member = self.listed.iter();
        let Some((id, listed)) = of_member.find(|(id, _)| id.as_str() == member) else {
            return Vec::new();
        };
        let keys = self.keys(*id);
        let key = |(number, term): (u64, &Term), key_use: KeyUse, listed_use: pb::KeyUse| pb::Key {
            r#use: listed_use.into(),
            public_key: keys.numbered(key_use, number).public().to_vec(),
            valid_from_us: term.from.as_micros(),
            valid_until_us: term.until.unwrap_or(now.plus(DAY * 90)).as_micros(),
            revoked_at_us: 0,
        };
        let statements = (0..).zip(&listed.statement);
        let statements = statements.map(|it| key(it, KeyUse::Statement, pb::KeyUse::Statement));
        let receipts = (0..).zip(&listed.receipt);
        let receipts = receipts.map(|it| key(it, KeyUse::Receipt, pb::KeyUse::Receipt));
        statements.chain(receipts).collect()
    }
}
