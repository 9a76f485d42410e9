//! The queues of work and the threads that take it: verifying, hashing, signing and sealing run here, never on the
//! async runtime.
//!
//! The way in is [`WorkQueue::push`]. What is flash or urgent has a queue of its own and goes first, so that it never
//! waits behind bulk; bulk still gets its turn. Within a lane, partners and our own desk take turns. Submissions that
//! wait together are taken together, so that one signature and one sync cover them; one alert on a quiet day is taken
//! alone and at once. Must never grow past its caps: callers are told `OVERLOADED`.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::Notify;

use super::{
    core::Core,
    hand_in, submit,
    turns::{Source, Turns},
};
use crate::domain::{
    limits::{WORK_FAST_IN_A_ROW_MAX, WORK_MAX_STATEMENTS, WORK_QUEUE_MAX_JOBS},
    reason::Reason,
    routing::Lane,
};
#[cfg(any(test, feature = "faults"))]
use crate::store::{Effort, Machine, Runs};

/// Work of any other kind.
pub(super) type Task = Box<dyn FnOnce(&Arc<Core>) + Send>;

/// One piece of work that waits.
pub(super) enum Job {
    /// Drafts to accept, handed in together; joined with others that wait.
    Submits(Vec<hand_in::SubmitJob>),
    /// Anything else, for itself.
    Task(Task),
}

/// What one worker takes at once.
enum Taken {
    Submits(Vec<hand_in::SubmitJob>),
    Task(Task),
}

impl Taken {
    fn run(self, core: &Arc<Core>) {
        match self {
            Self::Submits(jobs) => submit::accept(core, jobs),
            Self::Task(task) => task(core),
        }
    }
}

/// Jobs of each lane, in turns.
#[derive(Default)]
pub(super) struct WorkQueue {
    state: Mutex<Waiting>,
    changed: Condvar,
    /// Told after each job that is taken, and at the close.
    room: Notify,
    #[cfg(any(test, feature = "faults"))]
    stirred: Notify,
}

#[derive(Default)]
struct Waiting {
    fast: Turns<Job>,
    bulk: Turns<Job>,
    /// Fast jobs taken since the last bulk one, while bulk waited.
    fast_in_a_row: u32,
    closed: bool,
}

impl WorkQueue {
    /// Adds a job.
    ///
    /// # Errors
    /// `OVERLOADED` when the lane's queue is full, `STOPPING` when it is closed; the job is dropped.
    pub(super) fn push(&self, source: Source, lane: Lane, job: Job) -> Result<(), Reason> {
        self.try_push(source, lane, job)
            .map_err(|(reason, _)| reason)
    }

    /// Adds a job of our own, and waits while its lane is full: for callers who can wait.
    ///
    /// # Errors
    /// `STOPPING` when the queue is closed; the job is dropped.
    pub(super) async fn push_patiently(&self, lane: Lane, mut job: Job) -> Result<(), Reason> {
        loop {
            // Listened to before the look, so that no room is missed.
            let room = self.room.notified();
            match self.try_push(None, lane, job) {
                Err((Reason::Overloaded, refused)) => job = refused,
                pushed => return pushed.map_err(|(reason, _)| reason),
            }
            room.await;
        }
    }

    fn try_push(&self, source: Source, lane: Lane, job: Job) -> Result<(), (Reason, Job)> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err((Reason::Stopping, job));
        }
        let jobs = waiting.of(lane);
        if jobs.len() >= WORK_QUEUE_MAX_JOBS {
            return Err((Reason::Overloaded, job));
        }
        jobs.push(source, job);
        drop(waiting);
        self.changed.notify_one();
        #[cfg(any(test, feature = "faults"))]
        self.stirred.notify_one();
        Ok(())
    }

    /// Takes no more jobs; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
        self.room.notify_waiters();
    }

    /// Waits for work; `None` when closed and empty.
    fn take(&self) -> Option<Taken> {
        let mut waiting = self.lock();
        loop {
            match waiting.next() {
                Some(taken) => {
                    self.room.notify_waiters();
                    return Some(taken);
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

    /// Takes what is next, if anything waits.
    #[cfg(any(test, feature = "faults"))]
    fn take_now(&self) -> Option<Taken> {
        let taken = self.lock().next()?;
        self.room.notify_waiters();
        Some(taken)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn of(&mut self, lane: Lane) -> &mut Turns<Job> {
        match lane {
            Lane::Fast => &mut self.fast,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// What is to be done next, if anything waits.
    fn next(&mut self) -> Option<Taken> {
        let lane = self.turn();
        let jobs = self.of(lane);
        Some(match jobs.pop()? {
            (_, Job::Task(task)) => Taken::Task(task),
            (source, Job::Submits(first)) => Taken::Submits(join_waiting(first, source, jobs)),
        })
    }

    /// Whose turn it is: fast first, but a flood of it does not stop bulk for ever.
    fn turn(&mut self) -> Lane {
        let fast = !self.fast.is_empty()
            && (self.bulk.is_empty() || self.fast_in_a_row < WORK_FAST_IN_A_ROW_MAX);
        if fast {
            self.fast_in_a_row += u32::from(!self.bulk.is_empty());
            return Lane::Fast;
        }
        self.fast_in_a_row = 0;
        Lane::Bulk
    }
}

/// The submissions next in their source's work that fit into one piece of it.
fn join_waiting(
    first: Vec<hand_in::SubmitJob>,
    source: Source,
    jobs: &mut Turns<Job>,
) -> Vec<hand_in::SubmitJob> {
    let mut room = WORK_MAX_STATEMENTS.saturating_sub(statements(&first));
    let mut taken = first;
    let fits = |job: &Job, room| matches!(job, Job::Submits(next) if statements(next) <= room);
    while let Some(Job::Submits(next)) = jobs.pop_if(source, |job| fits(job, room)) {
        room -= statements(&next);
        taken.extend(next);
    }
    taken
}

fn statements(jobs: &[hand_in::SubmitJob]) -> usize {
    jobs.iter().map(hand_in::SubmitJob::len).sum()
}

/// Starts the workers. They end when the queue is closed and empty.
pub(super) fn start(core: &Arc<Core>, count: usize) {
    for number in 0..count.max(1) {
        let core = Arc::clone(core);
        #[cfg(any(test, feature = "faults"))]
        if let Runs::On(machine) = &core.runs {
            let machine = Arc::clone(machine);
            Arc::clone(&machine).spawn(work_in_steps(machine, core));
            continue;
        }
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
        taken.run(core);
    }
}

/// A worker as a task of a simulated machine: until the machine dies.
#[cfg(any(test, feature = "faults"))]
async fn work_in_steps(machine: Arc<Machine>, core: Arc<Core>) {
    loop {
        match core.queue.take_now() {
            Some(taken) => {
                machine.spend(Effort::Worker).await;
                taken.run(&core);
            }
            None => core.queue.stirred.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn task() -> Job {
        Job::Task(Box::new(|_| {}))
    }

    /// The lanes in the order in which their jobs are taken.
    fn order(queue: &WorkQueue, count: usize) -> String {
        (0..count)
            .map(|_| {
                let before = queue.lock().fast.len();
                assert!(queue.take().is_some());
                if queue.lock().fast.len() < before {
                    'f'
                } else {
                    'b'
                }
            })
            .collect()
    }

    #[test]
    fn a_full_queue_says_overloaded_and_a_closed_one_stopping() {
        let queue = WorkQueue::default();
        for _ in 0..WORK_QUEUE_MAX_JOBS {
            assert_eq!(queue.push(None, Lane::Bulk, task()), Ok(()));
        }
        assert_eq!(
            queue.push(None, Lane::Bulk, task()),
            Err(Reason::Overloaded)
        );
        queue.close();
        assert_eq!(queue.push(None, Lane::Bulk, task()), Err(Reason::Stopping));
    }

    #[test]
    fn a_flood_of_bulk_neither_refuses_nor_delays_what_is_urgent() {
        let queue = WorkQueue::default();
        while queue.push(None, Lane::Bulk, task()).is_ok() {}
        assert_eq!(queue.push(None, Lane::Fast, task()), Ok(()));
        assert_eq!(order(&queue, 3), "fbb");
    }

    #[test]
    fn a_flood_of_what_is_urgent_leaves_bulk_its_turns() {
        let queue = WorkQueue::default();
        queue.push(None, Lane::Bulk, task()).unwrap();
        queue.push(None, Lane::Bulk, task()).unwrap();
        let in_a_row = WORK_FAST_IN_A_ROW_MAX as usize;
        for _ in 0..in_a_row * 2 {
            queue.push(None, Lane::Fast, task()).unwrap();
        }
        let fast = "f".repeat(in_a_row);
        assert_eq!(order(&queue, in_a_row * 2 + 2), format!("{fast}b{fast}b"));
    }

    #[test]
    fn what_waited_at_the_close_is_still_done() {
        let queue = WorkQueue::default();
        queue.push(None, Lane::Fast, task()).unwrap();
        queue.push(None, Lane::Bulk, task()).unwrap();
        queue.close();
        assert!(queue.take().is_some());
        assert!(queue.take().is_some());
        assert!(queue.take().is_none());
    }

    #[test]
    fn who_waits_is_woken_by_either_lane() {
        for lane in [Lane::Fast, Lane::Bulk] {
            let queue = Arc::new(WorkQueue::default());
            let (told, tell) = mpsc::channel();
            let waiting = Arc::clone(&queue);
            let worker = thread::spawn(move || told.send(waiting.take().is_some()));
            queue.push(None, lane, task()).unwrap();
            assert_eq!(tell.recv(), Ok(true));
            worker.join().unwrap().unwrap();
        }
    }

    #[test]
    fn who_can_wait_is_told_of_room_and_of_the_close() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let queue = WorkQueue::default();
            while queue.push(None, Lane::Bulk, task()).is_ok() {}
            let other_lane = queue.push_patiently(Lane::Fast, task());
            assert_eq!(other_lane.await, Ok(()));
            let mut waits = std::pin::pin!(queue.push_patiently(Lane::Bulk, task()));
            assert!(futures_util::poll!(waits.as_mut()).is_pending(), "full");
            assert!(queue.take().is_some() && queue.take().is_some());
            assert_eq!(waits.await, Ok(()));
            let mut waits = std::pin::pin!(queue.push_patiently(Lane::Bulk, task()));
            assert!(
                futures_util::poll!(waits.as_mut()).is_pending(),
                "full again"
            );
            queue.close();
            assert_eq!(waits.await, Err(Reason::Stopping));
        });
    }
}
