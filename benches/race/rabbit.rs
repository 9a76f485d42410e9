//! RabbitMQ's quorum queues and shovel, through `benches/peers`, when they are there.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    load::Loaded,
    peer::{self, stored},
    plan::{Contender, MESSAGE_BYTES, Mode, Plan},
    processes::{self, NodeProcess, Usage},
    report::{Node, Run},
};

/// Starts and ends brokers, and runs the driver.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/rabbit.sh");
const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/release/rabbit");
/// Messages that are published and not yet confirmed, at most.
const WINDOW_MESSAGES: u64 = 4096;

/// Two brokers that run, sender first. Their queues are empty between runs.
pub struct Rabbit {
    folder: PathBuf,
    script: Option<NodeProcess>,
    brokers: [u32; 2],
}

impl Rabbit {
    /// Starts the brokers, or says why it is skipped.
    pub fn find(plan: &Plan, place: &Path) -> Option<Self> {
        if !peer::is_there(plan, Contender::Rabbit, "rabbitmq-server", DRIVER) {
            return None;
        }
        let folder = place.join("rabbit");
        std::fs::create_dir_all(&folder).expect("a folder");
        let script = NodeProcess::start(&mut script(&folder, &["serve"]), &folder.join("log"));
        let mut words = script.words();
        let brokers = [words.next(), words.next()].map(|word| {
            let word = word.expect("two brokers");
            word.parse().expect("a process id")
        });
        drop(words);
        Some(Self {
            folder,
            script: Some(script),
            brokers,
        })
    }

    /// One run.
    pub fn run(&self, mode: Mode) -> Run {
        let before = self.seen();
        let [name, amount] = mode.words();
        let (bytes, window) = (MESSAGE_BYTES.to_string(), WINDOW_MESSAGES.to_string());
        let words = ["one", &name, &amount, &bytes, &window];
        let loaded: Loaded = processes::load(&mut script(&self.folder, &words));
        let after = self.seen();
        let [sender, receiver] = [0, 1].map(|at| after[at].since(&before[at]));
        Run {
            loaded,
            sender: Some(sender),
            receiver: Some(receiver),
        }
    }

    /// What asking for the counts costs a broker comes before the first usage and after the last.
    fn seen(&self) -> [Seen; 2] {
        let usage = || {
            self.brokers
                .map(|broker| (Usage::of(broker), stored(broker)))
        };
        let early = usage();
        let output = script(&self.folder, &["counts"])
            .stderr(Stdio::inherit())
            .output()
            .expect("its script");
        let counts: [[f64; 2]; 2] =
            serde_json::from_slice(&output.stdout).expect("two counts of each broker");
        let late = usage();
        [0, 1].map(|at| Seen {
            early: early[at],
            late: late[at],
            syncs: counts[at][0],
            entries: counts[at][1],
        })
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        if let Some(script) = self.script.take() {
            script.end();
        }
    }
}

struct Seen {
    early: (Usage, f64),
    late: (Usage, f64),
    syncs: f64,
    entries: f64,
}

impl Seen {
    fn since(&self, before: &Self) -> Node {
        let ((from, from_bytes), (to, to_bytes)) = (before.late, self.early);
        Node {
            cpu_seconds: to.cpu_seconds - from.cpu_seconds,
            flushes: self.syncs - before.syncs,
            entries: self.entries - before.entries,
            bytes: to_bytes - from_bytes,
            idle_mib: from.resident_mib,
            loaded_mib: to.resident_mib,
        }
    }
}

fn script(folder: &Path, words: &[&str]) -> Command {
    peer::script(SCRIPT, DRIVER, folder, words)
}
