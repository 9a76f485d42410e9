//! A frame from a peer: verify, decide, keep, receipt.
//!
//! The way in is [`receive`]. Must never answer before what it answers is durable (invariant I1), never decode
//! what is not verified, and never give a second effect to a repeat (I6).

use std::sync::Arc;

use prost::Message as _;

use super::{
    FrameOutcome, StatementOutcome,
    carried::{self, Inside},
    core::{Committing, Core, Incident},
    permit::{self, Newness},
    quota::{Asked, Entered},
    receipts::{self, ByHeader},
    refusals::Noted,
    verdict::{self, Arrival, Clocks, Recognised},
};
use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::CARRIER_MAX_BYTES,
        reason::{Class, Reason},
        receipt::{LeafHash, Verdict},
        routing::{Effect, Lane, Routing},
        time::Timestamp,
    },
    planted::{self, Bug},
    proto::envelope::v1 as pb,
    store::{
        Plan,
        event::Event,
        ledger::{Known, Ledger},
    },
    trust::{
        batch::{ProofSource, Purpose, Unverified, UnverifiedItem, Verified},
        pae::{self, DocumentType},
    },
    wire,
};

/// Takes a frame. Answers when every verdict in it is durable.
///
/// # Errors
/// When the frame as a whole is refused; nothing of it was kept.
pub(super) async fn receive(
    core: &Arc<Core>,
    peer: AuthorityId,
    lane: Lane,
    batches: Vec<Unverified>,
) -> Result<FrameOutcome, Reason> {
    let decided = match admitted(core, &peer, &batches) {
        Ok(_under_way) => {
            let deciding = core.run_for(Some(peer), lane, move |core| {
                take_frame(core, peer, &batches)
            });
            match deciding.await {
                // A store that failed says nothing any more: to the peer the node is stopping.
                Ok(committing) => Ok(committing.durable().await.map_err(|_| Reason::Stopping)?),
                Err(reason) => Err(reason),
            }
        }
        Err(reason) => Err(reason),
    };
    match decided {
        Ok(taken) => answer(core, peer, lane, taken).await,
        Err(reason) => Err(turned_away(core, peer, reason).await),
    }
}

/// What is asked before a frame is queued; what it gives counts the frame while it is under way.
fn admitted(core: &Core, peer: &AuthorityId, batches: &[Unverified]) -> Result<Entered, Reason> {
    if core.is_stopping() {
        return Err(Reason::Stopping);
    }
    check_standing(core, peer)?;
    let asked = Asked::of(batches)?;
    core.quotas.enter(*peer, asked, core.clock.monotonic())
}

/// A frame that no worker saw, or a stream that was refused or broken, leaves its entry too, one by one up to the cap of the minute. A node that stops has
/// refused nothing.
pub(super) async fn turned_away(core: &Core, peer: AuthorityId, reason: Reason) -> Reason {
    if reason == Reason::Stopping || core.note(peer, reason) == Noted::Counted {
        return reason;
    }
    let refused = Event::RefusedInput {
        peer,
        reason,
        leaf: None,
    };
    if let Err(error) = core.record(vec![refused]).await {
        tracing::error!(%error, "a refusal could not be journaled");
    }
    reason
}

/// The peer is a member in good standing, and the directory can be relied on.
pub(super) fn check_standing(core: &Core, peer: &AuthorityId) -> Result<(), Reason> {
    core.check_directory()?;
    match core.directory.load().member(peer) {
        None => Err(Reason::PeerUnknown),
        Some(member) if member.suspended => Err(Reason::PeerSuspended),
        Some(_) => Ok(()),
    }
}

/// What one item of the frame turned out to be, before the ledger is asked.
enum Candidate {
    /// Verified and legal.
    Statement(Box<wire::Statement>),
    /// The same, with another one inside that is verified and legal too.
    Carrier(Box<wire::Statement>, Box<Inside>),
    /// Verified, its id is readable and the peer's own, but it is not legal: refused under a receipt.
    Illegal(StatementRef, Reason),
    /// Not verified, or not attributable: refused in band only, and journaled as such.
    Input(Reason),
}

/// What was decided on one item.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// Recorded by this plan, at this place among its events: gets a receipt.
    Decided {
        statement: StatementRef,
        event: usize,
        verdict: Verdict,
    },
    /// Said before: gets the very same receipt again.
    Repeated { known: Known },
    /// In band only.
    Bare(Reason),
}

/// One item with its verdict.
struct Judged {
    leaf: LeafHash,
    outcome: Outcome,
}

/// A frame that is decided.
struct Taken {
    judged: Vec<Judged>,
    receipts: Vec<Unverified>,
    /// Of statements that were receipted before this frame.
    earlier: Vec<Known>,
}

fn take_frame(core: &Arc<Core>, peer: AuthorityId, batches: &[Unverified]) -> Committing<Taken> {
    let now = core.now();
    let candidates: Vec<_> = batches
        .iter()
        .flat_map(|batch| examine(core, &peer, batch, now))
        .collect();
    let arrival = Arrival {
        own: core.authority,
        peer,
        now,
        clocks: core.links.clocks(&peer, now, core.clock.monotonic()),
        demands_release: core.demands_release(&peer),
    };
    let mut proofs = Vec::new();
    let plan = core.store.decide(|ledger| {
        let mut sitting = Sitting {
            core,
            arrival,
            ledger,
            events: 0,
            proofs: &mut proofs,
        };
        let judged = candidates
            .into_iter()
            .map(|(leaf, candidate)| Judged {
                leaf,
                outcome: sitting.judge(leaf, candidate),
            })
            .collect();
        Taken {
            judged,
            receipts: Vec::new(),
            earlier: Vec::new(),
        }
    });
    seal(core, peer, now, plan, proofs)
}

/// Size, signature, decoding: all that needs no ledger.
fn examine(
    core: &Core,
    peer: &AuthorityId,
    batch: &Unverified,
    now: Timestamp,
) -> Vec<(LeafHash, Candidate)> {
    let verified = core.verifier.verify(Purpose::Statement, peer, batch, now);
    batch
        .items
        .iter()
        .zip(verified)
        .map(|(item, verified)| match verified {
            _ if item.document.len() > CARRIER_MAX_BYTES => {
                (leaf_of(item), Candidate::Input(Reason::TooLarge))
            }
            Err(reason) => (leaf_of(item), Candidate::Input(reason)),
            Ok(verified) => (verified.leaf(), open(core, peer, verified, now)),
        })
        .collect()
}

fn leaf_of(item: &UnverifiedItem) -> LeafHash {
    pae::leaf_hash(DocumentType::Statement, &item.document)
}

/// Decodes what is verified, and what it carries.
fn open(core: &Core, peer: &AuthorityId, verified: Verified, now: Timestamp) -> Candidate {
    let document = verified.document().clone();
    let opened = wire::decode_statement(verified).and_then(|statement| {
        let inside = carried::open(core, &statement, now)?;
        Ok((Box::new(statement), inside))
    });
    match opened {
        Ok((statement, None)) => Candidate::Statement(statement),
        Ok((statement, Some(inside))) => Candidate::Carrier(statement, Box::new(inside)),
        // Too large for its kind: told as what is too large for any.
        Err(Reason::TooLarge) => Candidate::Input(Reason::TooLarge),
        Err(reason) => match named(&document).filter(|named| named.origin == *peer) {
            Some(statement) if reason.class() != Class::Retry => {
                Candidate::Illegal(statement, reason)
            }
            _ => Candidate::Input(reason),
        },
    }
}

/// Origin and id of verified bytes that are otherwise not legal, so that the refusal can be signed.
fn named(document: &[u8]) -> Option<StatementRef> {
    let statement = pb::Statement::decode(document).ok()?;
    Some(StatementRef {
        origin: statement.origin.parse().ok()?,
        id: MessageId::from_bytes(&statement.id).ok()?,
    })
}

/// Judging under the lock.
struct Sitting<'a> {
    core: &'a Core,
    arrival: Arrival,
    ledger: &'a mut Ledger,
    events: usize,
    /// Signatures of what was recorded as held, with the place of the event.
    proofs: &'a mut Vec<(usize, ProofSource)>,
}

impl Sitting<'_> {
    fn judge(&mut self, leaf: LeafHash, candidate: Candidate) -> Outcome {
        match candidate {
            Candidate::Input(reason) => self.refuse_input(leaf, reason),
            Candidate::Illegal(statement, reason) => {
                match verdict::recognise(self.ledger.known(&statement), leaf) {
                    Recognised::New => self.refuse(statement, leaf, reason),
                    Recognised::Repeat(known) => Outcome::Repeated { known },
                    Recognised::Conflict(known) => self.conflict(statement, leaf, known),
                }
            }
            Candidate::Statement(statement) => self.judge_statement(leaf, *statement, None),
            Candidate::Carrier(statement, inside) => {
                self.judge_statement(leaf, *statement, Some(*inside))
            }
        }
    }

    fn judge_statement(
        &mut self,
        leaf: LeafHash,
        statement: wire::Statement,
        inside: Option<Inside>,
    ) -> Outcome {
        let subject = statement.routing.statement;
        match verdict::recognise(self.ledger.known(&subject), leaf) {
            Recognised::Repeat(_) if planted::is(Bug::ForgetIds) => {}
            Recognised::Repeat(known) => return Outcome::Repeated { known },
            Recognised::Conflict(known) => return self.conflict(subject, leaf, known),
            Recognised::New => {}
        }
        if !self.core.store.has_room() && !statement.routing.kind.overtakes() {
            return Outcome::Bare(Reason::StoreFull);
        }
        let admitted = verdict::admit(&self.arrival, &statement.routing, self.ledger)
            .and_then(|()| self.admit_inside(&statement.routing, inside.as_ref()));
        match admitted {
            Ok(()) => {
                self.alarm_of_breach(&statement.routing);
                let outcome = self.hold(leaf, statement);
                self.hold_carried(inside.map(|inside| inside.carried));
                outcome
            }
            Err(reason) if reason.class() == Class::Retry => {
                self.alarm(reason);
                Outcome::Bare(reason)
            }
            // In another authority's name: nothing is remembered under an id that is not the peer's.
            Err(reason) if subject.origin != self.arrival.peer => self.refuse_input(leaf, reason),
            Err(reason) => self.refuse(subject, leaf, reason),
        }
    }

    fn hold(&mut self, leaf: LeafHash, statement: wire::Statement) -> Outcome {
        let subject = statement.routing.statement;
        let document = statement.verified.document().clone();
        let event = self.record(Event::Received {
            routing: Arc::new(statement.routing),
            leaf,
            document,
        });
        self.proofs
            .push((event, statement.verified.proof().clone()));
        // A receipt says `held` only of what the ledger holds, whatever it knew of the id before.
        if let Some(Known {
            verdict: Verdict::Refused(reason),
            ..
        }) = self.ledger.known(&subject)
        {
            return Outcome::Bare(reason);
        }
        Outcome::Decided {
            statement: subject,
            event,
            verdict: Verdict::Held,
        }
    }

    /// What is inside may be brought by who brings it; it is here already, the same, or was never refused; and its own
    /// origin lets it out as it promised.
    fn admit_inside(&mut self, carrier: &Routing, inside: Option<&Inside>) -> Result<(), Reason> {
        let Some(Inside { carried, grant }) = inside else {
            return Ok(());
        };
        let routing = &carried.routing;
        if carrier.effect == Effect::PassesOn {
            let grant = grant.as_ref().map(|grant| &grant.routing);
            // Between clocks that differ, ours is no ground for a final no.
            let times = [carrier.issued_at, self.arrival.now];
            let times = match self.arrival.clocks {
                Clocks::Agree => &times[..],
                Clocks::Differ => &times[..1],
            };
            permit::check_permitted(carrier, routing, grant, self.newness(carrier), times)?;
        }
        let name = routing.statement;
        let demanded = self.core.demands_release(&name.origin);
        if routing.release.is_none() && demanded.contains(routing.kind) {
            return Err(Reason::NotReleased);
        }
        match verdict::recognise(self.ledger.known(&name), carried.verified.leaf()) {
            Recognised::New => Ok(()),
            Recognised::Repeat(known) => refused(known.verdict).map_or(Ok(()), Err),
            Recognised::Conflict(known) => {
                self.told(Incident {
                    peer: name.origin,
                    reason: Reason::IdConflict,
                    statement: Some(name),
                    leaf: Some(known.leaf),
                });
                Err(Reason::CarriedFaulty)
            }
        }
    }

    /// Whether who passes a thread on to us has done so before.
    fn newness(&self, carrier: &Routing) -> Newness {
        let first = self.ledger.message(&carrier.thread);
        let extended = first.and_then(|first| first.delivery(&self.arrival.own)?.extended);
        match extended.is_some_and(|it| it.by.origin == carrier.statement.origin) {
            true => Newness::Follows,
            false => Newness::New,
        }
    }

    /// Once, whoever gives it. Our own is never taken from others this way.
    fn hold_carried(&mut self, carried: Option<wire::Statement>) {
        let new = |carried: &wire::Statement| {
            let name = carried.routing.statement;
            name.origin != self.arrival.own && self.ledger.known(&name).is_none()
        };
        let Some(carried) = carried.filter(new) else {
            return;
        };
        let event = self.record(carried::event(self.arrival.peer, &carried));
        self.proofs.push((event, carried.verified.proof().clone()));
    }

    fn refuse(&mut self, statement: StatementRef, leaf: LeafHash, reason: Reason) -> Outcome {
        let event = self.record(Event::RefusedStatement {
            statement,
            peer: self.arrival.peer,
            leaf,
            reason,
        });
        Outcome::Decided {
            statement,
            event,
            verdict: Verdict::Refused(reason),
        }
    }

    /// The same id with other content: the refusal names the new hash, the incident the first one.
    fn conflict(&mut self, statement: StatementRef, leaf: LeafHash, known: Known) -> Outcome {
        if self.core.note(self.arrival.peer, Reason::IdConflict) == Noted::Counted {
            return Outcome::Bare(Reason::IdConflict);
        }
        let incident = Incident {
            peer: self.arrival.peer,
            reason: Reason::IdConflict,
            statement: Some(statement),
            leaf: Some(known.leaf),
        };
        self.told(incident);
        self.refuse(statement, leaf, Reason::IdConflict)
    }

    fn refuse_input(&mut self, leaf: LeafHash, reason: Reason) -> Outcome {
        if self.core.note(self.arrival.peer, reason) == Noted::Single {
            self.record(Event::RefusedInput {
                peer: self.arrival.peer,
                reason,
                leaf: Some(leaf),
            });
        }
        Outcome::Bare(reason)
    }

    /// Clocks that differ are an alarm on both sides.
    fn alarm(&mut self, reason: Reason) {
        if reason != Reason::ClockSkew {
            return;
        }
        let incident = Incident {
            peer: self.arrival.peer,
            reason,
            statement: None,
            leaf: None,
        };
        self.told(incident);
    }

    /// Who tells us that our thread was passed on without our permission is held to it: we must know who has it.
    fn alarm_of_breach(&mut self, routing: &Routing) {
        if permit::is_breach(self.ledger, &self.arrival.own, routing) {
            self.told(Incident {
                peer: self.arrival.peer,
                reason: Reason::NotPermitted,
                statement: Some(routing.statement),
                leaf: None,
            });
        }
    }

    /// Journals an incident, once in its time.
    fn told(&mut self, incident: Incident) {
        if let Some(event) = self.core.incident(incident) {
            self.record(event);
        }
    }

    /// Records, and gives the place of the event in this plan.
    fn record(&mut self, event: Event) -> usize {
        self.ledger.record(self.arrival.now, event);
        self.events += 1;
        self.events - 1
    }
}

/// Attaches signatures, signs the receipts of this frame as one batch, and commits.
fn seal(
    core: &Arc<Core>,
    peer: AuthorityId,
    now: Timestamp,
    mut plan: Plan<Taken>,
    proofs: Vec<(usize, ProofSource)>,
) -> Committing<Taken> {
    for (signed, links) in receipts::by_signature(proofs) {
        plan.attach_signature(signed, &links);
    }
    let first_own = plan.indexes().first().copied();
    let to_receipt: Vec<receipts::ToReceipt> = plan
        .value
        .judged
        .iter()
        .filter_map(|judged| match judged.outcome {
            Outcome::Decided {
                statement,
                event,
                verdict,
            } => Some(receipts::ToReceipt {
                statement,
                leaf: judged.leaf,
                verdict,
                event,
            }),
            Outcome::Repeated { .. } | Outcome::Bare(_) => None,
        })
        .collect();
    let earlier = plan
        .value
        .judged
        .iter()
        .filter_map(|judged| match judged.outcome {
            // A repeat within this frame is covered by this frame's own receipt.
            Outcome::Repeated { known } if first_own.is_none_or(|own| known.index < own) => {
                Some(known)
            }
            _ => None,
        })
        .collect();
    plan.value.earlier = earlier;
    let receipts = receipts::issue(core, peer, now, &mut plan, &to_receipt);
    plan.value.receipts = receipts.into_iter().collect();
    core.commit(plan)
}

/// Results in order, with the new receipts and those read back from the journal.
async fn answer(
    core: &Arc<Core>,
    peer: AuthorityId,
    lane: Lane,
    taken: Taken,
) -> Result<FrameOutcome, Reason> {
    let mut receipts = taken.receipts;
    if !taken.earlier.is_empty() {
        receipts.extend(earlier_receipts(core, peer, lane, taken.earlier).await?);
    }
    let results = taken
        .judged
        .iter()
        .map(|judged| StatementOutcome {
            leaf: judged.leaf,
            refused: match judged.outcome {
                Outcome::Decided { verdict, .. } => refused(verdict),
                Outcome::Repeated { known } => refused(known.verdict),
                Outcome::Bare(reason) => Some(reason),
            },
        })
        .collect();
    Ok(FrameOutcome { results, receipts })
}

fn refused(verdict: Verdict) -> Option<Reason> {
    match verdict {
        Verdict::Held => None,
        Verdict::Refused(reason) => Some(reason),
    }
}

/// Reads receipts back: the very same bytes. A racing first one is waited for, as only durable state is read.
async fn earlier_receipts(
    core: &Arc<Core>,
    peer: AuthorityId,
    lane: Lane,
    earlier: Vec<Known>,
) -> Result<Vec<Unverified>, Reason> {
    core.read(|_| ()).await.map_err(|_| Reason::Stopping)?;
    core.run_for(Some(peer), lane, move |core| {
        let mut batches: ByHeader<Unverified> = ByHeader::default();
        for known in earlier {
            match core.store.issued_receipt(known.index) {
                Ok(given) => {
                    #[cfg(any(test, feature = "faults"))]
                    let given = match planted::is(Bug::NewReceipt) {
                        true => receipts::another(core, given),
                        false => given,
                    };
                    if let Some((document, proof)) = given {
                        let batch = batches.of(&proof.signed, || Unverified {
                            signed: proof.signed.as_ref().clone(),
                            items: Vec::new(),
                        });
                        batch.items.push(UnverifiedItem {
                            document,
                            index: proof.index,
                            path: proof.path,
                        });
                    }
                }
                Err(error) => tracing::error!(%error, "a kept receipt cannot be read"),
            }
        }
        batches.values
    })
    .await
}
