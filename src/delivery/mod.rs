//! The broker: accept, queue, send, receive, acknowledge, retry, expire.
//!
//! The way in is [`Broker`]: a desk hands in [`Submission`]s, the exchange hands in frames, and what is queued goes
//! out by itself through [`Connector`]. Must never acknowledge what is not durable, never read a statement's
//! content, and never call anything delivered but on a stored receipt that verifies.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

#[cfg(any(test, feature = "faults"))]
use crate::store::Machine;
use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::OFFERS_LOOK_RECORDS,
        lives::DraftStep,
        reason::Reason,
        release::Why,
        routing::{Effect, HandlingSet, Kind, Lane, Priority, Recipient, Release, Status},
        terms::Terms,
        time::{Clock, Timestamp},
    },
    store::{
        Runs, Store, StoreFailed,
        entry::Actor,
        event::{Peek, Word},
    },
    trust::{
        batch::{BatchSigner, Unverified, Verifier},
        directory::DirectoryHandle,
        keys::{KeyId, SigningKey},
    },
    wire::alert::ParsedDraft,
};

mod address;
mod alarms;
mod carried;
pub mod clocks;
mod consult;
mod core;
mod dispatch;
mod drafts;
mod expire;
mod extend;
mod ground;
mod hand;
mod hand_in;
mod life;
mod link;
mod links;
mod offers;
mod quota;
mod receipts;
mod receive;
mod reclaim;
mod refusals;
mod rehearse;
mod repeat;
mod resume;
mod submit;
mod touched;
mod turns;
mod under_way;
mod unreturned;
mod verdict;
mod workers;

pub use self::{
    ground::Ground,
    link::{
        Connector, Greeting, Incoming, Link, LinkError, LinkLimits, Outgoing, StatementOutcome,
    },
    links::{LaneState, LinkState, Waiting},
    offers::{Found, Offer, Question},
    quota::PeerQuota,
    reclaim::{Given, ReclaimAsk, ReclaimPage, ReclaimState, Reclaimed},
    touched::touched,
    under_way::UnderWay,
    unreturned::Setting,
};

/// What a node's broker is made of.
pub struct BrokerParts {
    /// Ourselves.
    pub authority: AuthorityId,
    /// Where everything is kept.
    pub store: Store,
    /// The directory in force.
    pub directory: DirectoryHandle,
    /// Signs what we send.
    pub statement_signer: BatchSigner,
    /// Signs what we receipt.
    pub receipt_signer: BatchSigner,
    /// Verifies what comes; follows `directory` at [`Broker::adopt_directory`].
    pub verifier: Verifier,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Salts, ids, jitter.
    pub random: Arc<dyn Random>,
    /// Streams to partners.
    pub links: Arc<dyn Connector>,
    /// Threads that verify, hash, sign and seal: at least one is started.
    pub workers: usize,
}

/// Randomness from outside.
pub trait Random: Send + Sync {
    /// Fills with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The broker. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    core: Arc<core::Core>,
    dispatch: Arc<dispatch::Dispatch>,
}

/// A draft whose content is legal (wire has parsed it), to be addressed, signed and kept.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Made by the client, so that repeating is safe; otherwise by us.
    pub id: Option<MessageId>,
    /// Authorities, groups, `all`; may be empty where the thread says who.
    pub to: Vec<String>,
    /// What it is for.
    pub kind: Kind,
    /// What it does, read from the payload.
    pub effect: Effect,
    /// What it says of time and caution, read from the payload.
    pub terms: Terms,
    /// Real or not.
    pub status: Status,
    /// How quick.
    pub priority: Priority,
    /// Who may do what with it.
    pub handling: HandlingSet,
    /// Words of H3.
    pub handling_text: String,
    /// On what ground it goes to each recipient.
    pub ground: Ground,
    /// What it answers or changes, looked up already.
    pub in_reply_to: Option<StatementRef>,
    /// Carriage, 1 to 720 hours; `None` or 0: by priority.
    pub carried_hours: Option<u32>,
    /// Exact payload bytes to sign.
    pub payload: Bytes,
    /// What is done about a second person.
    pub release: SecondPerson,
}

/// Whether a second person is needed, and whether one was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondPerson {
    /// Nobody asks for one.
    NotNeeded,
    /// It is kept as a draft until there is one.
    Awaited(Keep),
    /// There was one. The broker dates the release as it signs.
    Attested(Release),
}

/// A draft as it is kept for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// An `alert.v1.Draft`, as it was handed in.
    pub draft: Bytes,
    /// Function and number of who wrote it.
    pub created_by: String,
    /// Why it waits.
    pub why: Why,
}

impl Submission {
    /// A legal draft with what was looked up for it.
    #[must_use]
    pub fn of(draft: ParsedDraft, in_reply_to: Option<StatementRef>, ground: Ground) -> Self {
        Self {
            id: draft.id,
            to: draft.to,
            kind: draft.kind,
            effect: draft.effect,
            terms: draft.terms,
            status: draft.status,
            priority: draft.priority,
            handling: draft.handling,
            handling_text: draft.handling_text,
            ground,
            in_reply_to,
            carried_hours: draft.carried_hours,
            payload: draft.payload,
            release: SecondPerson::NotNeeded,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its name in the federation.
    pub statement: StatementRef,
    /// Expanded.
    pub recipients: Vec<Recipient>,
    /// When it was accepted first.
    pub accepted_at: Timestamp,
    /// The same id and content had been accepted before.
    pub repeated: bool,
    /// Why it waits for a second person, when it does: then nothing of it has left.
    pub awaits: Option<String>,
}

impl Broker {
    /// Starts workers and dispatchers. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(parts: BrokerParts) -> Self {
        life::start(parts, Runs::OnThreads)
    }

    /// The same as a part of a simulated machine, with which all of it ends.
    #[cfg(any(test, feature = "faults"))]
    #[must_use]
    pub fn start_on(machine: Arc<Machine>, parts: BrokerParts) -> Self {
        life::start(parts, Runs::On(machine))
    }

    /// Accepts all or none, in one commit. Answers when durable.
    ///
    /// # Errors
    /// The reason and the first draft's fault; nothing was kept then.
    pub async fn submit(
        &self,
        actor: Actor,
        submissions: Vec<Submission>,
    ) -> Result<Vec<Accepted>, SubmitError> {
        hand_in::hand_in(&self.core, actor, submissions, hand_in::Run::Real).await
    }

    /// Checks and expands only.
    ///
    /// # Errors
    /// As [`Self::submit`] would.
    pub async fn dry_run(
        &self,
        actor: Actor,
        submissions: &[Submission],
    ) -> Result<Vec<Accepted>, SubmitError> {
        hand_in::hand_in(&self.core, actor, submissions.to_vec(), hand_in::Run::Dry).await
    }

    /// Whom a draft names, expanded by the directory in force; empty when it leaves that to the thread.
    ///
    /// # Errors
    /// Names the addressee that is not known, or does not receive it.
    pub fn addressees(&self, draft: &Submission) -> Result<BTreeSet<AuthorityId>, SubmitError> {
        address::expand(&self.core.directory.load(), &self.core.authority, draft)
    }

    /// Each on its own; coalesced with what else waits; results in order.
    pub async fn submit_many(
        &self,
        actor: Actor,
        submissions: Vec<Submission>,
    ) -> Vec<Result<Accepted, SubmitError>> {
        hand_in::hand_in_each(&self.core, actor, submissions).await
    }

    /// A frame from a peer on one of its lanes: verifies, decides, keeps, and answers with results and receipts
    /// when durable. What comes on the fast lane is not worked on behind bulk.
    ///
    /// # Errors
    /// When the frame as a whole is refused: nothing of it was kept but the refusal.
    pub async fn receive(
        &self,
        peer: AuthorityId,
        lane: Lane,
        batches: Vec<Unverified>,
    ) -> Result<FrameOutcome, Reason> {
        receive::receive(&self.core, peer, lane, batches).await
    }

    /// From now on each partner may send so much.
    pub fn allow_each(&self, quota: PeerQuota) {
        self.core.quotas.allow_each(quota);
    }

    /// A whole stream of a peer was refused or broken: journaled, within the cap of the minute. Durable when it returns.
    pub async fn refused(&self, peer: AuthorityId, reason: Reason) {
        receive::turned_away(&self.core, peer, reason).await;
    }

    /// Whether an alarm about a partner, or about the node itself, is to be journaled now: once in its time, whoever
    /// has seen it. It counts as told when it is.
    #[must_use]
    pub fn alarm_is_due(&self, peer: Option<AuthorityId>, reason: Reason) -> bool {
        self.core.alarm_is_due(peer, reason)
    }

    /// An officer's full view: journals it with the reason given (sealed), and the first time answers `opened` to the origin.
    ///
    /// # Errors
    /// `NOT_FOUND` when no such thread is here.
    pub async fn consult(
        &self,
        actor: Actor,
        thread: StatementRef,
        peek: Peek,
        why: Option<Arc<str>>,
    ) -> Result<(), SubmitError> {
        consult::consult(&self.core, actor, thread, peek, why).await
    }

    /// A partner asks for what it lost. What is given is journaled and durable before it is answered.
    ///
    /// # Errors
    /// When the call as a whole is refused; what is not this peer's to have is refused statement by statement.
    pub async fn give_back(
        &self,
        peer: AuthorityId,
        ask: ReclaimAsk,
    ) -> Result<ReclaimPage, Reason> {
        reclaim::give::give_back(&self.core, peer, ask).await
    }

    /// How far we have come with asking partners for what we lost.
    #[must_use]
    pub fn reclaiming(&self) -> ReclaimState {
        self.core.asking.state()
    }

    /// State of each partner link.
    #[must_use]
    pub fn links(&self) -> Vec<LinkState> {
        let core = &self.core;
        core.links.states(core.now(), core.clock.monotonic())
    }

    /// What stands in open streams without a result.
    #[must_use]
    pub fn under_way(&self) -> UnderWay {
        self.core.under_way.clone()
    }

    /// For whom alerts that are for a group or for all are offered now, under the directory in force.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn newcomers(&self) -> Result<BTreeSet<AuthorityId>, StoreFailed> {
        let core = &self.core;
        let directory = core.directory.load_full();
        let question = Question {
            directory: &directory,
            own: core.authority,
            now: core.now(),
        };
        let reading = core
            .store
            .read(|ledger| question.offers(ledger, None, OFFERS_LOOK_RECORDS));
        let offers = reading.await?.offers.into_iter();
        Ok(offers.flat_map(|offer| offer.newcomers).collect())
    }

    /// What we say first on a stream, for both directions.
    #[must_use]
    pub fn greeting(&self, lane: Lane) -> Greeting {
        dispatch::greeting(&self.core, lane)
    }

    /// Sends a heartbeat on every lane and waits for it; lanes that are down are dialled at once.
    pub async fn check_links(&self) {
        self.dispatch.check().await;
    }

    /// A peer's greeting arrived at our exchange: it is there, so lanes to it that wait to dial again do so now,
    /// and begin anew to count failures; and its clock is compared with ours. Of an authority to whom no lanes are
    /// kept, nothing.
    pub fn heard_from(&self, peer: AuthorityId, its_clock: Timestamp) {
        let links = &self.core.links;
        links.showed_clock(&peer, its_clock, self.core.clock.monotonic());
        self.dispatch.heard_from(&peer);
    }

    /// Lets a held delivery go on; answers when durable. Its lane sends it at once.
    ///
    /// # Errors
    /// `NOT_FOUND` when we sent no such statement to this recipient, or nothing of it is held.
    pub async fn resume(
        &self,
        actor: Actor,
        statement: StatementRef,
        recipient: AuthorityId,
    ) -> Result<(), SubmitError> {
        resume::resume(&self.core, actor, statement, recipient).await?;
        self.dispatch.resume(statement, &recipient);
        Ok(())
    }

    /// A bundle with these statements is about to be given out, to be carried to a recipient that runs no node. Answers
    /// when durable, with the time that the journal has of it.
    ///
    /// # Errors
    /// `NOT_BY_HAND` when one of them goes there over the network.
    pub async fn bundle(
        &self,
        actor: Actor,
        statements: &[StatementRef],
        recipient: AuthorityId,
    ) -> Result<Timestamp, SubmitError> {
        hand::bundle(&self.core, actor, statements, recipient).await
    }

    /// Somebody reports that these were carried there; `report` is a `desk.v1.HandReport`. Answers when durable.
    ///
    /// # Errors
    /// `NOT_BY_HAND`; `NOTHING_CARRIED` when there is nothing to report.
    pub async fn carried(
        &self,
        actor: Actor,
        statements: &[StatementRef],
        recipient: AuthorityId,
        word: Word,
        report: Bytes,
    ) -> Result<(), SubmitError> {
        hand::carried(&self.core, actor, statements, recipient, word, report).await
    }

    /// Somebody who travelled is not known to be back: keeps a filled draft of a missing offender for a second person,
    /// once for each return. Answers when durable; nothing leaves.
    ///
    /// # Errors
    /// As [`Self::submit`] would: such a draft must be legal, and its ground somebody's.
    pub async fn prepare_missing(
        &self,
        travel: StatementRef,
        setting: Setting,
    ) -> Result<(), SubmitError> {
        unreturned::prepare(&self.core, travel, setting).await
    }

    /// A second person releases a kept draft, which `submission` says anew: signed, and accepted in the commit that ends
    /// the draft. Answers when durable.
    ///
    /// # Errors
    /// `NOT_FOUND` when no such draft is kept, `NOT_AWAITING`, `SAME_PERSON`, `RECIPIENTS_CHANGED`, and all that
    /// [`Self::submit`] refuses; the draft stays as it was.
    pub async fn release_draft(
        &self,
        actor: Actor,
        statement: StatementRef,
        submission: Submission,
    ) -> Result<Accepted, SubmitError> {
        drafts::release(&self.core, actor, statement, submission).await
    }

    /// A kept draft goes back to its creator, or ends unsent. Answers when durable.
    ///
    /// # Errors
    /// `NOT_FOUND` when no such draft is kept, `NOT_AWAITING` when it went back already.
    pub async fn step_draft(
        &self,
        actor: Actor,
        statement: StatementRef,
        step: DraftWord,
    ) -> Result<(), SubmitError> {
        drafts::step(&self.core, actor, statement, step).await
    }

    /// Journals that a person was refused an act that must not go unseen. Durable when it returns.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn act_refused(
        &self,
        actor: Actor,
        statement: StatementRef,
        reason: Reason,
    ) -> Result<(), StoreFailed> {
        drafts::act_refused(&self.core, actor, statement, reason).await
    }

    /// Takes the directory that now stands in the handle: verifies under it, journals it, and starts or ends
    /// dispatchers as members come and go.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn adopt_directory(&self) -> Result<(), StoreFailed> {
        life::adopt_directory(&self.core, &self.dispatch).await
    }

    /// Signs statements with this key from now on; what is queued under another is signed again as it leaves, same
    /// leaf (threats, row 13).
    pub fn use_statement_key(&self, key: SigningKey) {
        self.core.statement_signer.replace_key(key);
    }

    /// Signs receipts with this key from now on. Receipts that were given stay as they are.
    pub fn use_receipt_key(&self, key: SigningKey) {
        self.core.receipt_signer.replace_key(key);
    }

    /// The keys that sign now: of statements, of receipts.
    #[must_use]
    pub fn signing_keys(&self) -> [KeyId; 2] {
        [&self.core.statement_signer, &self.core.receipt_signer].map(BatchSigner::key_id)
    }

    /// Stops accepting, drains for a bounded time, ends the dispatchers.
    pub async fn stop(&self) {
        life::stop(&self.core, &self.dispatch).await;
    }
}

/// What is done with a kept draft but releasing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftWord {
    /// Back to its creator, with why.
    Return(Arc<str>),
    /// Ended unsent.
    Discard,
}

impl DraftWord {
    const fn step(&self) -> DraftStep {
        match self {
            Self::Return(_) => DraftStep::Returned,
            Self::Discard => DraftStep::Discarded,
        }
    }
}

/// Why a submission is refused; nothing was kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// The caller's draft, or the moment, does not allow it.
    #[error("{reason}: {detail}")]
    Refused {
        /// The named reason.
        reason: Reason,
        /// What was found, what was expected, and the fix; no personal data.
        detail: String,
    },
    /// Our own disk failed.
    #[error(transparent)]
    Store(#[from] StoreFailed),
}

impl SubmitError {
    /// A refusal with its detail.
    pub(crate) fn refused(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Refused {
            reason,
            detail: detail.into(),
        }
    }
}

/// Per statement of a frame, in order, and the signed receipts.
#[derive(Debug, Clone)]
pub struct FrameOutcome {
    /// In the order of the frame.
    pub results: Vec<StatementOutcome>,
    /// New ones in one batch; those of repeats as they were first given.
    pub receipts: Vec<Unverified>,
}

#[cfg(test)]
pub(crate) mod scenarios;
#[cfg(test)]
mod testing;
