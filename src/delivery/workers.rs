//! The queue of work and the threads that take it: verifying, hashing, signing and sealing run here, never on the
//! async runtime.
//!
//! The way in is [`WorkQueue::push`]. Submissions that wait together are taken together, so that one signature and
//! one sync cover them; one alert on a quiet day is taken alone and at once. Must never grow past its cap: callers
//! are told `OVERLOADED`.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::{core::Core, submit};
use crate::domain::{
    limits::{WORK_MAX_STATEMENTS, WORK_QUEUE_MAX_JOBS},
    reason::Reason,
};

/// Work of any other kind.
pub(super) type Task = Box<dyn FnOnce(&Arc<Core>) + Send>;

/// One piece of work that waits.
pub(super) enum Job {
    /// Drafts to accept, handed in together; joined with others that wait.
    Submits(Vec<submit::SubmitJob>),
    /// Anything else, for itself.
    Task(Task),
}

/// What one worker takes at once.
enum Taken {
    Submits(Vec<submit::SubmitJob>),
    Task(Task),
}

/// Jobs in the order of their coming.
#[derive(Default)]
pub(super) struct WorkQueue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl WorkQueue {
    /// Adds a job.
    ///
    /// # Errors
    /// `OVERLOADED` when the queue is full, `STOPPING` when it is closed; the job is dropped.
    pub(super) fn push(&self, job: Job) -> Result<(), Reason> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Reason::Stopping);
        }
        if waiting.jobs.len() >= WORK_QUEUE_MAX_JOBS {
            return Err(Reason::Overloaded);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes no more jobs; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for work; `None` when closed and empty.
    fn take(&self) -> Option<Taken> {
        let mut waiting = self.lock();
        loop {
            match waiting.jobs.pop_front() {
                Some(Job::Task(task)) => return Some(Taken::Task(task)),
                Some(Job::Submits(first)) => {
                    return Some(Taken::Submits(join_waiting(first, &mut waiting.jobs)));
                }
                None if waiting.closed => return None,
                None => {
                    waiting = self
                        .changed
                        .wait(waiting)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The submissions at the front of the queue that fit into one piece of work.
fn join_waiting(first: Vec<submit::SubmitJob>, jobs: &mut VecDeque<Job>) -> Vec<submit::SubmitJob> {
    let mut room = WORK_MAX_STATEMENTS.saturating_sub(statements(&first));
    let mut taken = first;
    while let Some(Job::Submits(next)) = jobs.front() {
        let more = statements(next);
        if more > room {
            break;
        }
        room -= more;
        if let Some(Job::Submits(next)) = jobs.pop_front() {
            taken.extend(next);
        }
    }
    taken
}

fn statements(jobs: &[submit::SubmitJob]) -> usize {
    jobs.iter().map(submit::SubmitJob::len).sum()
}

/// Starts the workers. They end when the queue is closed and empty.
pub(super) fn start(core: &Arc<Core>, count: usize) {
    for number in 0..count.max(1) {
        let core = Arc::clone(core);
        let started = thread::Builder::new()
            .name(format!("delivery-{number}"))
            .spawn(move || work(&core));
        if let Err(error) = started {
            tracing::error!(%error, "a delivery worker did not start");
        }
    }
}

fn work(core: &Arc<Core>) {
    while let Some(taken) = core.queue.take() {
        match taken {
            Taken::Submits(jobs) => submit::accept(core, jobs),
            Taken::Task(task) => task(core),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Job {
        Job::Task(Box::new(|_| {}))
    }

    #[test]
    fn a_full_queue_says_overloaded_and_a_closed_one_stopping() {
        let queue = WorkQueue::default();
        for _ in 0..WORK_QUEUE_MAX_JOBS {
            assert_eq!(queue.push(task()), Ok(()));
        }
        assert_eq!(queue.push(task()), Err(Reason::Overloaded));
        queue.close();
        assert_eq!(queue.push(task()), Err(Reason::Stopping));
    }

    #[test]
    fn what_waited_at_the_close_is_still_done() {
        let queue = WorkQueue::default();
        queue.push(task()).unwrap();
        queue.close();
        assert!(queue.take().is_some());
        assert!(queue.take().is_none());
    }
}
