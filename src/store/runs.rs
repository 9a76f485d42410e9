//! Where a node's long-lived work runs: on threads of its own, or as the tasks of a simulated machine.
//!
//! The way in is [`Runs`], which opening and starting are given. Only the loop around a step may differ between the
//! two, never the step: what a thread does in a node, a task does in a simulation, by the same functions.

#[cfg(any(test, feature = "faults"))]
use std::sync::Arc;

#[cfg(any(test, feature = "faults"))]
pub use self::machine::{Effort, Machine};

/// Who does the long-lived work.
#[derive(Clone, Default)]
pub(crate) enum Runs {
    /// Threads, as in every node.
    #[default]
    OnThreads,
    /// Tasks of one thread in virtual time, which end together.
    #[cfg(any(test, feature = "faults"))]
    On(Arc<Machine>),
}

#[cfg(any(test, feature = "faults"))]
mod machine {
    use std::{
        fmt,
        panic::AssertUnwindSafe,
        sync::{
            Arc, Mutex, PoisonError,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use futures_util::FutureExt as _;
    use tokio::{sync::Notify, task::JoinSet};

    /// What takes time on a machine.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Effort {
        /// A write or a sync of the journal.
        Disk,
        /// A piece of work on a worker.
        Worker,
        /// Writing the view.
        View,
    }

    /// A machine that runs one node in a simulation, and can lose its power.
    pub struct Machine {
        /// `None` once it is dead.
        tasks: Mutex<Option<JoinSet<()>>>,
        pace: Box<dyn Fn(Effort) -> Duration + Send + Sync>,
        ended: Notify,
        panicked: Arc<AtomicBool>,
    }

    impl fmt::Debug for Machine {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Machine(dead: {})", self.is_dead())
        }
    }

    impl Machine {
        /// A machine that takes so long for each effort. Its tasks run on the runtime in which they are spawned.
        #[must_use]
        pub fn new(pace: impl Fn(Effort) -> Duration + Send + Sync + 'static) -> Self {
            Self {
                tasks: Mutex::new(Some(JoinSet::new())),
                pace: Box::new(pace),
                ended: Notify::new(),
                panicked: Arc::default(),
            }
        }

        /// Runs a task until it ends or the machine dies.
        pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(tasks) = &mut *tasks {
                while tasks.try_join_next().is_some() {}
                let panicked = Arc::clone(&self.panicked);
                tasks.spawn(async move {
                    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                        panicked.store(true, Ordering::Relaxed);
                    }
                });
            }
        }

        /// Lets the time of an effort pass.
        pub async fn spend(&self, effort: Effort) {
            tokio::time::sleep((self.pace)(effort)).await;
        }

        /// Ends all tasks where they stand; none takes another step.
        pub fn die(&self) {
            let tasks = self
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            drop(tasks);
            self.ended.notify_one();
        }

        /// True once it has died.
        pub fn is_dead(&self) -> bool {
            self.tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_none()
        }

        /// True when one of its tasks panicked.
        pub fn has_panicked(&self) -> bool {
            self.panicked.load(Ordering::Relaxed)
        }

        /// Waits for its death; for one who watches it.
        pub async fn dead(&self) {
            while !self.is_dead() {
                self.ended.notified().await;
            }
        }
    }
}
