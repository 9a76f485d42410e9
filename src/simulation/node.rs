//! One node of a simulation: what outlives its process, and the process while there is one.

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{sync::oneshot, time::Instant};

use super::{
    clock::NodeClock,
    dice::Dice,
    federation::Keys,
    network::{End, Network, Process},
    view::CrashingView,
};
use crate::{
    delivery::{Broker, BrokerParts},
    domain::{id::AuthorityId, time::Clock},
    store::{
        Effort, Machine, OpenError, Recovery, Store, StoreConfig, StoreFailed,
        disk::simulated::SimulatedDisk,
        journal::{self, JournalConfig, RepairReport},
    },
    trust::{
        batch::{BatchSigner, Purpose, Verifier},
        directory::{Directory, DirectoryHandle},
        keys::KeyUse,
    },
};

/// Where each node has its store, on its own disk.
pub(super) const FOLDER: &str = "/store";

/// A node.
pub(super) struct Node {
    pub(super) id: AuthorityId,
    pub(super) clock: Arc<NodeClock>,
    pub(super) disk: SimulatedDisk,
    pub(super) view: CrashingView,
    /// The newest directory that it took.
    pub(super) directory: Arc<Directory>,
    pub(super) keys: Keys,
    pub(super) up: Option<Up>,
    pub(super) segment_bytes: u64,
    /// Faults of the disk that have not shown yet.
    pub(super) faults_planted: u64,
    pub(super) disk_is_full: bool,
    /// How it ended last, and that nothing has happened to its disk since.
    pub(super) left: Left,
    workers: usize,
    dice: Dice,
}

/// What a node left behind when its process ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Left {
    /// Whatever a crash leaves.
    #[default]
    Anything,
    /// All in order; then the power was cut.
    Journal,
    /// All in order.
    Everything,
}

/// The process of a node.
pub(super) struct Up {
    /// It was told to stop.
    pub(super) stopping: bool,
    pub(super) process: Arc<Process>,
    pub(super) store: Store,
    pub(super) directory: DirectoryHandle,
}

impl Node {
    pub(super) fn new(
        id: AuthorityId,
        began: Instant,
        directory: Arc<Directory>,
        keys: Keys,
        dice: Dice,
    ) -> Self {
        Self {
            id,
            clock: Arc::new(NodeClock::new(began)),
            disk: SimulatedDisk::new(),
            view: CrashingView::default(),
            directory,
            keys,
            up: None,
            faults_planted: 0,
            disk_is_full: false,
            left: Left::Anything,
            segment_bytes: (128 * 1024) << dice.below(3),
            workers: 1 + usize::from(dice.happens(500)),
            dice,
        }
    }

    /// Starts the process on what is on the disk.
    ///
    /// # Errors
    /// When the store does not open.
    pub(super) fn start(
        &mut self,
        network: &Arc<Network>,
        key_file: &Path,
    ) -> Result<Recovery, OpenError> {
        let pace = self.dice.apart();
        let machine = Arc::new(Machine::new(move |effort| pace_of(&pace, effort)));
        let (store, recovery) = Store::open_on(
            Arc::clone(&machine),
            self.segment_bytes,
            self.config(key_file),
            Arc::new(self.disk.clone()),
            Box::new(self.view.clone()),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
        )?;
        let directory: DirectoryHandle = Arc::new(ArcSwap::from(Arc::clone(&self.directory)));
        let federation = self.directory.federation();
        let signer = |purpose, key| BatchSigner::new(federation, self.id, purpose, key);
        let parts = BrokerParts {
            authority: self.id,
            store: store.clone(),
            directory: Arc::clone(&directory),
            statement_signer: signer(Purpose::Statement, self.keys.statement()),
            receipt_signer: signer(Purpose::Receipt, self.keys.receipt()),
            verifier: Verifier::new(Arc::clone(&self.directory)),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::new(self.dice.apart()),
            links: network.of(self.id),
            workers: self.workers,
        };
        let broker = Broker::start_on(Arc::clone(&machine), parts);
        let process = Arc::new(Process { broker, machine });
        network.serve(self.id, Arc::clone(&process));
        self.up = Some(Up {
            stopping: false,
            process,
            store,
            directory,
        });
        self.adopt(Arc::clone(&self.directory), network);
        Ok(recovery)
    }

    /// Stops in order, as a signal lets a node stop; answers when its store is closed.
    pub(super) fn stop(&mut self) -> oneshot::Receiver<Result<(), StoreFailed>> {
        if let Some(up) = &mut self.up {
            up.stopping = true;
        }
        let store = self.up.as_ref().map(|up| up.store.clone());
        self.ask(|broker| async move {
            broker.stop().await;
            match store {
                Some(store) => store.close_on_machine().await,
                None => Ok(()),
            }
        })
    }

    /// Ends the process. What its disk keeps, the end decides; gives the bytes that are lost by it.
    pub(super) fn end(&mut self, end: End, network: &Network) -> u64 {
        let Some(up) = self.up.take() else {
            return 0;
        };
        up.process.machine.die();
        network.gone(self.id, end);
        self.faults_planted = 0;
        self.left = match end {
            End::Killed | End::Dark => Left::Anything,
            End::Stopped if self.dice.happens(500) => Left::Journal,
            End::Stopped => Left::Everything,
        };
        let is_cut = end == End::Dark || self.left == Left::Journal;
        self.disk = match is_cut {
            true => self.disk.cut(self.dice.next()),
            false => self.disk.killed(),
        };
        if self.left != Left::Everything {
            self.view.crash(&self.dice);
        }
        match is_cut {
            true => self.disk.lost_bytes(),
            false => 0,
        }
    }

    /// What must not be, when it starts after it had stopped in order.
    pub(super) fn shows_less(&mut self, found: &Recovery) -> Option<String> {
        let left = std::mem::take(&mut self.left);
        let journal_is_whole = found.tail_cut_bytes == 0;
        let view_is_whole = found.replayed == 0 && found.view_rebuilt.is_none();
        let is_well = match left {
            Left::Anything => true,
            Left::Journal => journal_is_whole,
            Left::Everything => journal_is_whole && view_is_whole,
        };
        let id = self.id;
        (!is_well).then(|| format!("{id} stopped in order, and starts as after a crash: {found:?}"))
    }

    /// Lets its power fail in the midst of what it does next.
    pub(super) fn fail_power_soon(&mut self, most_operations: u64) -> u64 {
        let operations = self.dice.below(most_operations);
        self.disk.go_dark_after(operations);
        self.faults_planted += 1;
        operations
    }

    /// After a start that failed: the disk as the next one finds it.
    pub(super) fn after_failed_start(&mut self) {
        self.faults_planted = 0;
        self.left = Left::Anything;
        self.disk = match self.disk.is_dark() {
            true => self.disk.cut(self.dice.next()),
            false => self.disk.killed(),
        };
    }

    /// `store repair`, as its operator runs it when it does not start.
    ///
    /// # Errors
    /// When the disk fails or is full; nothing is lost by that.
    pub(super) fn repair(&mut self, key_file: &Path) -> Result<RepairReport, OpenError> {
        self.left = Left::Anything;
        // First: it shows what the journal has lost.
        self.view = CrashingView::default();
        journal::repair(&self.journal_config(key_file), &self.disk)
    }

    /// Takes a directory, now or at its next start.
    pub(super) fn adopt(&mut self, directory: Arc<Directory>, network: &Network) {
        self.directory = Arc::clone(&directory);
        if let Some(up) = &self.up {
            network.judges_by(self.id, Arc::clone(&directory));
            up.directory.store(directory);
            let broker = up.process.broker.clone();
            up.process.machine.spawn(async move {
                // Only a store that failed refuses, and its machine is dead.
                drop(broker.adopt_directory().await);
            });
        }
    }

    /// Signs with this key from now on, without a restart when it runs.
    pub(super) fn use_key(&mut self, key_use: KeyUse, number: u64) {
        self.keys.take(key_use, number);
        if let Some(up) = self.up.as_ref().filter(|_| self.is_up()) {
            match key_use {
                KeyUse::Receipt => up.process.broker.use_receipt_key(self.keys.receipt()),
                _ => up.process.broker.use_statement_key(self.keys.statement()),
            }
        }
    }

    /// Runs a request as one of the node's own tasks; the answer never comes when the node dies first.
    pub(super) fn ask<T, F>(&self, request: impl FnOnce(Broker) -> F) -> oneshot::Receiver<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        if let Some(up) = &self.up {
            let asked = request(up.process.broker.clone());
            up.process.machine.spawn(async move {
                // Who asked may have gone.
                drop(answer.send(asked.await));
            });
        }
        answered
    }

    pub(super) fn config(&self, key_file: &Path) -> StoreConfig {
        StoreConfig {
            folder: FOLDER.into(),
            key_file: key_file.to_owned(),
            authority: self.id,
        }
    }

    pub(super) fn journal_config(&self, key_file: &Path) -> JournalConfig {
        JournalConfig {
            folder: FOLDER.into(),
            key_file: key_file.to_owned(),
            segment_bytes: self.segment_bytes,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    /// True while a process runs and its store has not failed.
    pub(super) fn is_up(&self) -> bool {
        let running = |up: &Up| !up.process.machine.is_dead();
        self.up.as_ref().is_some_and(running)
    }
}

/// How long a simulated machine takes.
fn pace_of(dice: &Dice, effort: Effort) -> Duration {
    let longest = match effort {
        Effort::Disk if dice.happens(20) => 400,
        Effort::Disk => 8,
        Effort::Worker => 2,
        Effort::View => 50,
    };
    dice.between(Duration::ZERO, Duration::from_millis(longest))
}
