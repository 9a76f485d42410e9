//! Getting back what was lost, and giving back what others lost: `Exchange.Reclaim`, without gRPC.
//!
//! ```text
//!   we lost it                              a partner that holds it
//!     | what of mine, or to me, since T?      |
//!     |------------------ names ------------->|   look: names only, in pages
//!     | these, please                         |
//!     |--- statements and receipts, signed -->|   give: journaled there, statement by statement
//!     v keep: verified, and what we had receipted (or issued) ourselves
//! ```
//!
//! The ways in are [`give::give_back`] and [`ask::keep_asking`]. Must never give a statement to who is neither its
//! origin nor its recipient, never keep one that we did not issue, receipt or miss by its hash, and never a second
//! time what is here.

pub(super) mod ask;
pub(super) mod give;
mod keep;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::RECLAIM_PER_MINUTE,
        reason::Reason,
        time::Timestamp,
    },
    store::{entry::Act, journal::Loss, record::Ordinal},
    trust::batch::Unverified,
};

/// What a partner is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReclaimAsk {
    /// To give these, whole; at most `RECLAIM_MAX_STATEMENTS`.
    Statements(Vec<StatementRef>),
    /// To name all that it holds of us, to us, or under our receipt.
    Since {
        /// What it recorded, by its own clock, at this time or later.
        at: Timestamp,
        /// Where its last page ended.
        after: Option<Ordinal>,
    },
}

/// What it says, one page.
#[derive(Debug, Clone, Default)]
pub struct ReclaimPage {
    /// Of statements that were asked for by name, in that order; the page may end before the last of them.
    pub items: Vec<Reclaimed>,
    /// Names of what it holds.
    pub held: Vec<StatementRef>,
    /// Where the next page of names begins; `None` at the end.
    pub next: Option<Ordinal>,
}

/// What it says of one statement.
#[derive(Debug, Clone)]
pub struct Reclaimed {
    /// Which.
    pub statement: StatementRef,
    /// The documents, or why not.
    pub outcome: Result<Given, Reason>,
}

/// A statement that is given back, not verified yet.
#[derive(Debug, Clone)]
pub struct Given {
    /// The statement.
    pub document: Unverified,
    /// The receipt for it that one of the two gave the other.
    pub receipt: Option<Unverified>,
}

/// How far asking has come, for `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReclaimState {
    /// Partners that have not answered yet.
    pub waiting: BTreeSet<AuthorityId>,
    /// Statements and receipts that were given back since the start.
    pub regained: u64,
}

/// Statements that were given back in the present minute, by peer: no partner makes the journal grow without end.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<(i64, BTreeMap<AuthorityId, u32>)>);

const MINUTE_MICROS: i64 = 60_000_000;

impl Shares {
    /// Counts.
    ///
    /// # Errors
    /// `QUOTA` when this peer has had its share of the minute.
    fn take(&self, peer: AuthorityId, count: usize, now: Timestamp) -> Result<(), Reason> {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_micros().div_euclid(MINUTE_MICROS);
        if given.0 != minute {
            *given = (minute, BTreeMap::new());
        }
        let so_far = given.1.entry(peer).or_default();
        let more = u32::try_from(count).unwrap_or(u32::MAX);
        if so_far.saturating_add(more) > RECLAIM_PER_MINUTE {
            return Err(Reason::Quota);
        }
        *so_far += more;
        Ok(())
    }
}

/// What the broker shares of its asking.
#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<AskingState>);

#[derive(Debug, Default)]
struct AskingState {
    /// True until every partner was tried once: until then nothing of our own is accepted, as a number in a thread or
    /// an id might be given a second time.
    first_round: bool,
    stage: Stage,
    /// Ids of our own that are known to be lost.
    lost: BTreeSet<MessageId>,
    told: ReclaimState,
}

/// Whether a partner may still have what is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// All were asked, or nothing was lost.
    #[default]
    Over,
    /// Not all were asked.
    Asking {
        /// Of some that is lost no header tells what it was: an id that was made before this may be its.
        unnamed_before: Option<Timestamp>,
    },
}

impl Asking {
    fn lock(&self) -> MutexGuard<'_, AskingState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it has come.
    pub(super) fn state(&self) -> ReclaimState {
        self.lock().told.clone()
    }

    /// # Errors
    /// `RECLAIMING` while partners are tried for the first time.
    pub(super) fn check(&self) -> Result<(), Reason> {
        match self.lock().first_round {
            true => Err(Reason::Reclaiming),
            false => Ok(()),
        }
    }

    /// Whether a draft may have this id, which is not here.
    ///
    /// # Errors
    /// `RECLAIMING` while a partner that was not asked may hold it; `ENTRY_MISSING` when it was accepted and nobody has it.
    pub(super) fn check_id(&self, id: &MessageId) -> Result<(), Reason> {
        let state = self.lock();
        let is_lost = state.lost.contains(id);
        match state.stage {
            // Whatever time our clock or the id says: it may have been wrong, then or now.
            Stage::Asking { .. } if is_lost => Err(Reason::Reclaiming),
            Stage::Asking {
                unnamed_before: Some(before),
            } if id.time() < before => Err(Reason::Reclaiming),
            Stage::Over if is_lost => Err(Reason::EntryMissing),
            Stage::Asking { .. } | Stage::Over => Ok(()),
        }
    }

    /// Takes up what is lost of our own, as it is now.
    fn note_lost(&self, own: AuthorityId, loss: &Loss) {
        let headers = loss.missing.iter().filter_map(|it| it.header.as_ref());
        let accepted = headers.filter(|header| header.act == Act::Accepted);
        let subjects = accepted.filter_map(|header| header.subject);
        self.lock().lost = subjects
            .filter(|subject| subject.origin == own)
            .map(|subject| subject.id)
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_at(seconds: u64) -> MessageId {
        MessageId::from_parts(seconds * 1000, [7; 10])
    }

    #[test]
    fn an_id_that_is_lost_waits_whatever_its_time_and_others_only_while_something_is_unnamed() {
        const AT: fn(i64) -> Timestamp = |seconds| Timestamp::from_micros(seconds * 1_000_000);
        let (waits, is_missing) = (Err(Reason::Reclaiming), Err(Reason::EntryMissing));
        let named = Stage::Asking {
            unnamed_before: None,
        };
        let unnamed = Stage::Asking {
            unnamed_before: Some(AT(50)),
        };
        let lost = made_at(100);
        let table = [
            (named, lost, waits),
            (named, made_at(1), Ok(())),
            (unnamed, lost, waits),
            (unnamed, made_at(49), waits),
            (unnamed, made_at(50), Ok(())),
            (Stage::Over, lost, is_missing),
            (Stage::Over, made_at(1), Ok(())),
        ];
        for (stage, id, expected) in table {
            let asking = Asking::default();
            asking.lock().stage = stage;
            asking.lock().lost = [lost].into();
            assert_eq!(asking.check_id(&id), expected, "{stage:?} {id}");
        }
    }

    #[test]
    fn a_peer_has_its_share_of_each_minute() {
        let given = Shares::default();
        let [greedy, other]: [AuthorityId; 2] = ["XB-POL", "XC-POL"].map(|id| id.parse().unwrap());
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let all = usize::try_from(RECLAIM_PER_MINUTE).unwrap();
        assert_eq!(given.take(greedy, all, at(0)), Ok(()));
        assert_eq!(given.take(greedy, 1, at(59)), Err(Reason::Quota));
        assert_eq!(given.take(other, 1, at(59)), Ok(()));
        assert_eq!(given.take(greedy, 1, at(60)), Ok(()));
    }
}
