//! What the own desk hands in, until a worker takes it.
//!
//! The ways in are [`hand_in`] for drafts that are accepted together, [`hand_in_each`] for those of a stream. Must never
//! answer before what it answers is durable, and never queue what can be refused at once.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Accepted, Submission, SubmitError,
    core::Core,
    extend::{self, Expanded, Seen},
    rehearse,
    workers::Job,
};
use crate::{
    domain::{
        id::{MessageId, StatementRef},
        limits::SUBMIT_MAX_DRAFTS,
        reason::Reason,
        routing::Lane,
    },
    store::entry::Actor,
};

/// Drafts that are accepted together or not at all.
pub(super) struct SubmitJob {
    pub(super) actor: Actor,
    pub(super) drafts: Vec<Draft>,
    pub(super) answer: oneshot::Sender<Result<Vec<Accepted>, SubmitError>>,
}

/// One of them, with its id.
pub(super) struct Draft {
    pub(super) submission: Arc<Submission>,
    pub(super) statement: StatementRef,
    /// Its first answer, when it had been accepted before.
    pub(super) earlier: Option<Accepted>,
    /// How its thread must stand, when it was read for this draft.
    pub(super) seen: Option<Seen>,
    /// Groups and `all` that its thread is for.
    pub(super) addressed: Option<Arc<str>>,
}

impl SubmitJob {
    fn new(
        actor: Actor,
        drafts: Vec<Draft>,
    ) -> (Self, oneshot::Receiver<Result<Vec<Accepted>, SubmitError>>) {
        let (answer, answered) = oneshot::channel();
        let job = Self {
            actor,
            drafts,
            answer,
        };
        (job, answered)
    }

    /// Statements in it.
    pub(super) fn len(&self) -> usize {
        self.drafts.len()
    }

    /// The lane of the most urgent of them: they are accepted together.
    pub(super) fn lane(&self) -> Lane {
        lane(&self.drafts)
    }
}

fn lane(drafts: &[Draft]) -> Lane {
    let lanes = drafts.iter().map(|draft| {
        let submission = &draft.submission;
        Lane::of(submission.kind, submission.priority)
    });
    match lanes.into_iter().any(|lane| lane == Lane::Fast) {
        true => Lane::Fast,
        false => Lane::Bulk,
    }
}

/// Whether drafts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// Checked only.
    Dry,
    /// Accepted.
    Real,
}

/// Hands drafts in and waits for the answer.
///
/// # Errors
/// The named reason and the draft's fault; nothing was kept then.
pub(super) async fn hand_in(
    core: &Arc<Core>,
    actor: Actor,
    submissions: Vec<Submission>,
    run: Run,
) -> Result<Vec<Accepted>, SubmitError> {
    check_whole(core, &submissions)?;
    if !submissions.iter().any(extend::is_extension) {
        let drafts = submissions
            .into_iter()
            .map(|submission| Draft::new(core, submission, None));
        return hand_in_drafts(core, actor, drafts.collect(), run).await;
    }
    for _ in 0..extend::TRIES_MAX {
        let expanded = extend::expand(core, submissions.clone()).await?;
        let (drafts, asked) = expanded.into_parts();
        match hand_in_drafts(core, actor, drafts, run).await {
            Err(SubmitError::Refused {
                reason: Reason::ThreadMoved,
                ..
            }) => {}
            answer => return Ok(Expanded::answers(&asked, answer?)),
        }
    }
    Err(Reason::ThreadMoved.into())
}

pub(super) async fn hand_in_drafts(
    core: &Arc<Core>,
    actor: Actor,
    drafts: Vec<Draft>,
    run: Run,
) -> Result<Vec<Accepted>, SubmitError> {
    let lane = lane(&drafts);
    if run == Run::Dry {
        return core
            .run(lane, move |core| rehearse::rehearse(core, &drafts))
            .await?;
    }
    let (job, answered) = SubmitJob::new(actor, drafts);
    core.queue.push(None, lane, Job::Submits(vec![job]))?;
    answered
        .await
        .unwrap_or_else(|_| Err(Reason::Stopping.into()))
}

/// Hands in jobs of one draft each, which wait together: one place in the queue, and each its own answer, in order.
/// Waits while the queue is full: whoever streams is then not read from.
pub(super) async fn hand_in_each(
    core: &Arc<Core>,
    actor: Actor,
    submissions: Vec<Submission>,
) -> Vec<Result<Accepted, SubmitError>> {
    let mut jobs = Vec::with_capacity(submissions.len());
    let mut waits = Vec::with_capacity(submissions.len());
    for one in submissions {
        let checked = check_whole(core, std::slice::from_ref(&one)).and_then(|()| alone(&one));
        waits.push(match checked {
            Err(refused) => Err(refused),
            Ok(()) => {
                let (job, answered) = SubmitJob::new(actor, vec![Draft::new(core, one, None)]);
                jobs.push(job);
                Ok(answered)
            }
        });
    }
    let queued = queue_by_lane(core, jobs).await;
    let mut answers = Vec::with_capacity(waits.len());
    for wait in waits {
        answers.push(match (wait, queued) {
            (Err(refused), _) => Err(refused),
            (Ok(_), Err(reason)) => Err(reason.into()),
            (Ok(answered), Ok(())) => one_of(answered.await),
        });
    }
    answers
}

/// What is streamed is one statement a draft.
fn alone(submission: &Submission) -> Result<(), SubmitError> {
    match extend::is_extension(submission) {
        true => Err(SubmitError::refused(
            Reason::FaultyDraft,
            "an extension in a stream: expected it in a `Submit`, as `allpoints extend` hands it in",
        )),
        false => Ok(()),
    }
}

/// One place in the queue of each lane, so that what is urgent does not wait behind what came with it.
async fn queue_by_lane(core: &Core, jobs: Vec<SubmitJob>) -> Result<(), Reason> {
    let (fast, bulk): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.lane() == Lane::Fast);
    for (lane, jobs) in [(Lane::Fast, fast), (Lane::Bulk, bulk)] {
        if !jobs.is_empty() {
            core.queue.push_patiently(lane, Job::Submits(jobs)).await?;
        }
    }
    Ok(())
}

/// The answer to a job of one draft. A job that was dropped was not taken up any more.
fn one_of(
    answer: Result<Result<Vec<Accepted>, SubmitError>, oneshot::error::RecvError>,
) -> Result<Accepted, SubmitError> {
    let mut accepted = answer.unwrap_or_else(|_| Err(Reason::Stopping.into()))?;
    accepted.pop().ok_or_else(|| Reason::Stopping.into())
}

/// What can be said before anything is queued.
pub(super) fn check_whole(core: &Core, submissions: &[Submission]) -> Result<(), SubmitError> {
    if core.is_stopping() {
        return Err(Reason::Stopping.into());
    }
    core.check_directory()?;
    core.asking.check()?;
    if !core.store.has_room() && !submissions.iter().all(|s| s.kind.overtakes()) {
        return Err(Reason::StoreFull.into());
    }
    if submissions.len() > SUBMIT_MAX_DRAFTS {
        return Err(SubmitError::refused(
            Reason::FaultyDraft,
            format!(
                "{} drafts at once: expected at most {SUBMIT_MAX_DRAFTS}; send them in parts",
                submissions.len()
            ),
        ));
    }
    if submissions.len() == 1 {
        return Ok(());
    }
    let mut ids = std::collections::HashSet::new();
    match submissions
        .iter()
        .filter_map(|s| s.id)
        .find(|id| !ids.insert(*id))
    {
        Some(id) => Err(SubmitError::refused(
            Reason::FaultyDraft,
            format!("{id} is given twice: expected each draft to have its own id"),
        )),
        None => Ok(()),
    }
}

impl Draft {
    pub(super) fn new(core: &Core, submission: Submission, seen: Option<Seen>) -> Self {
        let id = submission.id.unwrap_or_else(|| {
            let unix_ms = u64::try_from(core.now().as_micros() / 1000).unwrap_or(0);
            MessageId::from_parts(unix_ms, core.random_bytes())
        });
        Self {
            addressed: extend::groups(&submission),
            submission: Arc::new(submission),
            statement: StatementRef {
                origin: core.authority,
                id,
            },
            earlier: None,
            seen,
        }
    }
}
