//! What follows in a thread that we passed on goes on to whom we passed it: as its originator signed it, by itself.
//!
//! The way in is [`Following`], a part of housekeeping. The ledger alone says what is still to be sent, so a restart neither
//! forgets nor repeats it. What names its newcomer goes there from its originator, and is not sent a second time. Must never
//! send on what markings keep here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Ground, SecondPerson, Submission, SubmitError,
    core::{Core, Incident},
    extend::{self, is_for_all},
    hand_in::{self, Draft, Run},
    pass_on::{self, Passing},
};
use crate::{
    domain::{
        alert::value::Day,
        id::{AuthorityId, StatementRef},
        limits::{FOLLOW_AGAIN_AFTER, FOLLOW_LOOK_THREADS},
        lives::{AlertLife, DeliveryLife},
        permission::{Onward, Passed},
        reason::{Class, Reason},
        routing::{Effect, Kind, Lane, Priority, Recipient, Routing},
        terms::Terms,
    },
    store::{
        StoreFailed,
        entry::Actor,
        ledger::Ledger,
        record::{DeliveryRecord, MessageRecord, Ordinal},
    },
    wire,
};

/// How each thread stood when all that follows in it had been sent on.
#[derive(Default)]
pub(super) struct Following {
    seen: BTreeMap<StatementRef, Option<Ordinal>>,
    /// When a thread is looked at again in which something could not be sent on, by the monotonic clock.
    again: BTreeMap<StatementRef, Duration>,
}

/// A statement that is to be sent on.
struct Due {
    passing: Passing,
    to: AuthorityId,
    /// By which the thread came there.
    carrier: MessageRecord,
}

/// What is to be sent on in a thread, and what may not be.
#[derive(Default)]
struct Look {
    tail: Option<Ordinal>,
    dues: Vec<Due>,
    kept: Vec<(MessageRecord, AuthorityId, Reason)>,
    words: Vec<Word>,
}

/// That a newcomer's receipt is here, which the originator is told.
struct Word {
    passed: Passed,
    /// The statement that told the originator of it.
    before: MessageRecord,
}

impl Following {
    /// Sends on what has come since the last look.
    ///
    /// # Errors
    /// When the store has failed.
    pub(super) async fn step(&mut self, core: &Arc<Core>) -> Result<(), StoreFailed> {
        let now = core.clock.monotonic();
        let moved = core.store.glance(|ledger, _| self.moved(ledger, now));
        for thread in moved {
            let look = core.read(|ledger| look(ledger, core, &thread)).await?;
            let told = look.kept.iter().filter_map(|(record, to, reason)| {
                core.incident(Incident {
                    peer: *to,
                    reason: *reason,
                    statement: Some(record.statement),
                    leaf: None,
                })
            });
            core.record(told.collect()).await?;
            let sent = match send(core, look.dues).await {
                Ok(()) => tell(core, look.words).await,
                failed => failed,
            };
            match sent {
                Ok(()) => {
                    self.seen.insert(thread, look.tail);
                    self.again.remove(&thread);
                }
                Err(SubmitError::Store(failed)) => return Err(failed),
                // A full queue, a directory that has run out, a newcomer that has left.
                Err(SubmitError::Refused { reason, .. }) => {
                    tracing::debug!(%reason, "what follows in a thread is not sent on yet");
                    self.again.insert(thread, now + FOLLOW_AGAIN_AFTER);
                }
            }
        }
        Ok(())
    }

    /// Threads in which something was said since they were looked at. One that must wait holds up no other.
    fn moved(&self, ledger: &Ledger, now: Duration) -> Vec<StatementRef> {
        let moved = |thread: &&StatementRef| {
            let waits = self.again.get(thread).is_some_and(|at| *at > now);
            let seen = self.seen.get(thread);
            !waits && seen.is_none_or(|tail| *tail != ledger.thread_tail(thread))
        };
        let threads = ledger.passed_on().filter(moved).copied();
        threads.take(FOLLOW_LOOK_THREADS).collect()
    }
}

fn look(ledger: &Ledger, core: &Core, thread: &StatementRef) -> Look {
    let mut look = Look {
        tail: ledger.thread_tail(thread),
        ..Look::default()
    };
    let Some(first) = ledger.message(thread) else {
        return look;
    };
    let records = ledger.thread_in_order(thread);
    for there in first.passed_on_by(core.authority) {
        let carrier = there.extended.and_then(|it| ledger.message(&it.by));
        let Some(carrier) = carrier.filter(|_| !there.came_to_nothing()) else {
            continue;
        };
        let to = there.recipient;
        look.words.extend(word(&records, there, core.authority));
        // What changes something that was not given there says nothing there.
        let mut given: Vec<StatementRef> = records
            .iter()
            .filter(|it| it.delivery(&to).is_some_and(|it| !it.came_to_nothing()))
            .map(|it| it.statement)
            .collect();
        for record in records.iter().filter(|record| follows(&first, record, &to)) {
            let aims = record
                .in_reply_to
                .is_none_or(|target| given.contains(&target));
            if !aims {
                continue;
            }
            match permitted(ledger, core, record, there, &carrier) {
                Ok(grant) => {
                    given.push(record.statement);
                    let passing = Passing {
                        record: record.clone(),
                        to: vec![to],
                        grant,
                    };
                    look.dues.push(Due {
                        passing,
                        to,
                        carrier: carrier.clone(),
                    });
                }
                Err(reason) => look.kept.push((record.clone(), to, reason)),
            }
        }
    }
    look
}

/// What the originator is told when the receipt is here: once.
fn word(records: &[MessageRecord], there: &DeliveryRecord, own: AuthorityId) -> Option<Word> {
    if there.life != DeliveryLife::Delivered {
        return None;
    }
    let mut told = records.iter().filter_map(|record| {
        let is_ours = record.statement.origin == own && record.names(&record.thread.origin);
        let said = record.terms.permission.as_deref().filter(|_| is_ours)?;
        let mut passed = said.passed().iter();
        let passed = passed.find(|it| it.to == there.recipient)?;
        Some((record, *passed))
    });
    let (before, passed) = told.next_back()?;
    passed.received_at.is_none().then(|| Word {
        passed: Passed {
            received_at: Some(there.since),
            ..passed
        },
        before: before.clone(),
    })
}

async fn tell(core: &Arc<Core>, words: Vec<Word>) -> Result<(), SubmitError> {
    for word in words {
        let lane = Lane::of(Kind::Extend, word.before.priority);
        let told = core.run(lane, move |core| telling(core, &word)).await??;
        hand_in::check_whole(core, std::slice::from_ref(&told))?;
        let drafts = vec![Draft::new(core, told, None)];
        hand_in::hand_in_drafts(core, Actor::NODE, drafts, Run::Real).await?;
    }
    Ok(())
}

/// On the ground, and by the release, on which the originator was told before.
fn telling(core: &Core, word: &Word) -> Result<Submission, SubmitError> {
    let (before, _) = extend::kept(core, &word.before)?;
    let target = word.before.thread;
    let line = before.recipient(&target.origin).ok_or(Reason::NotFound)?;
    let head = Submission {
        handling_text: before.handling_text.clone(),
        ..head(&word.before, &before, line)
    };
    pass_on::telling(&head, target, std::slice::from_ref(&word.passed))
}

/// The originator's word to all that has had its turn here, stands, and does not go there by itself.
fn follows(first: &MessageRecord, record: &MessageRecord, to: &AuthorityId) -> bool {
    record.statement != first.statement
        && record.kind.is_passed_on()
        && record.life == AlertLife::Live
        && is_for_all(first, record)
        && record.delivery(to).is_none()
}

/// The grant on which the thread went there covers what follows; what is marked more strictly needs one of its own.
fn permitted(
    ledger: &Ledger,
    core: &Core,
    record: &MessageRecord,
    there: &DeliveryRecord,
    carrier: &MessageRecord,
) -> Result<Option<MessageRecord>, Reason> {
    let said = carrier.terms.permission.as_deref();
    let passed = said.map_or(&[][..], |it| it.passed());
    let before = passed.iter().find(|it| it.to == there.recipient);
    let before = before.and_then(|it| ledger.message(&it.under?));
    match (record.onward(), before) {
        (Onward::Never, _) => Err(Reason::NeverPassedOn),
        (Onward::Free, _) => Ok(None),
        (Onward::Permitted, Some(grant)) => Ok(Some(grant)),
        (Onward::Permitted, None) => {
            let today = Day::of(core.now()).ok_or(Reason::NotPermitted)?;
            ledger
                .grant_to_pass(&record.thread, &core.authority, &there.recipient, today)
                .map(Some)
        }
    }
}

/// What cannot be sent on hinders nothing beside it; that a person must act is said once.
async fn send(core: &Arc<Core>, dues: Vec<Due>) -> Result<(), SubmitError> {
    let mut refused = None;
    for due in dues {
        let (to, statement) = (due.to, due.passing.record.statement);
        let Err(error) = send_one(core, due).await else {
            continue;
        };
        let SubmitError::Refused { reason, .. } = &error else {
            return Err(error);
        };
        let told = (reason.class() != Class::Retry).then_some(Incident {
            peer: to,
            reason: *reason,
            statement: Some(statement),
            leaf: None,
        });
        let told = told.and_then(|incident| core.incident(incident));
        core.record(told.into_iter().collect()).await?;
        refused = Some(error);
    }
    refused.map_or(Ok(()), Err)
}

async fn send_one(core: &Arc<Core>, due: Due) -> Result<(), SubmitError> {
    let record = &due.passing.record;
    let lane = Lane::of(record.kind, record.priority);
    let carriers = core.run(lane, move |core| carriers(core, &due)).await??;
    hand_in::check_whole(core, &carriers)?;
    let drafts = carriers.into_iter().map(|one| Draft::new(core, one, None));
    hand_in::hand_in_drafts(core, Actor::NODE, drafts.collect(), Run::Real).await?;
    Ok(())
}

/// On the ground, and by the release, on which the thread went there.
fn carriers(core: &Core, due: &Due) -> Result<Vec<Submission>, SubmitError> {
    let (before, _) = extend::kept(core, &due.carrier)?;
    let record = &due.passing.record;
    let line = before.recipient(&due.to).ok_or(Reason::NotFound)?;
    let head = Submission {
        // What takes a statement back overtakes inside its carrier, too.
        priority: match record.kind.overtakes() {
            true => record.priority.max(Priority::Urgent),
            false => record.priority,
        },
        ..head(record, &before, line)
    };
    pass_on::carriers(core, &head, std::slice::from_ref(&due.passing), core.now())
}

/// What is said by itself, going on with what a person began: on the ground and by the release of then.
fn head(record: &MessageRecord, before: &Routing, line: &Recipient) -> Submission {
    Submission {
        id: None,
        to: Vec::new(),
        kind: Kind::Extend,
        effect: Effect::PassesOn,
        terms: Terms::default(),
        status: record.status,
        priority: record.priority,
        handling: record.handling,
        handling_text: String::new(),
        ground: Ground::named(line.ground, line.ground_reason.clone()),
        in_reply_to: Some(record.thread),
        carried_hours: None,
        payload: wire::alert::extend_payload(),
        release: before
            .release
            .clone()
            .map_or(SecondPerson::NotNeeded, SecondPerson::Stands),
    }
}
