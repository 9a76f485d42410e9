//! NATS with JetStream: a stream, its mirror, and receipts in a stream back, through `benches/peers`, when it is there.
//!
//! Debian's server does not sync before it acknowledges, so that what it says is not durable: its runs are shown and
//! never judged by.

use std::path::{Path, PathBuf};

use crate::{
    load::Loaded,
    peer::{self, stored},
    plan::{Contender, MESSAGE_BYTES, Mode, Plan},
    processes::{self, NodeProcess, Usage},
    report::{Node, Run},
};

/// Starts and ends servers, and runs the driver.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/nats.sh");
const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/release/nats");
/// Messages that are published and not yet acknowledged, at most.
const WINDOW_MESSAGES: u64 = 4096;

/// Two servers that run, sender first. Every run has streams of its own.
pub struct Nats {
    folder: PathBuf,
    script: Option<NodeProcess>,
    servers: [u32; 2],
}

impl Nats {
    /// Starts the servers, or says why it is skipped.
    pub fn find(plan: &Plan, place: &Path) -> Option<Self> {
        if !peer::is_there(plan, Contender::Nats, "nats-server", DRIVER) {
            return None;
        }
        let folder = place.join("nats");
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut serve = peer::script(SCRIPT, DRIVER, &folder, &["serve"]);
        let script = NodeProcess::start(&mut serve, &folder.join("log"));
        let words: Vec<&str> = script.words().collect();
        let [sender, receiver, durability] = words[..] else {
            panic!("two servers and their durability: {words:?}");
        };
        if durability != "durable" {
            eprintln!("nats: this server syncs every two minutes: NOT DURABLE");
        }
        let servers = [sender, receiver].map(|word| word.parse().expect("a process id"));
        Some(Self {
            folder,
            script: Some(script),
            servers,
        })
    }

    /// One run.
    pub fn run(&self, mode: Mode) -> Run {
        let usage = || {
            self.servers
                .map(|server| (Usage::of(server), stored(server)))
        };
        let before = usage();
        let [name, amount] = mode.words();
        let (bytes, window) = (MESSAGE_BYTES.to_string(), WINDOW_MESSAGES.to_string());
        let words = ["one", &name, &amount, &bytes, &window];
        let mut one = peer::script(SCRIPT, DRIVER, &self.folder, &words);
        let loaded: Loaded = processes::load(&mut one);
        let after = usage();
        let [sender, receiver] = [0, 1].map(|at| Node {
            cpu_seconds: after[at].0.cpu_seconds - before[at].0.cpu_seconds,
            // It tells of none.
            flushes: 0.0,
            entries: 0.0,
            bytes: after[at].1 - before[at].1,
            idle_mib: before[at].0.resident_mib,
            loaded_mib: after[at].0.resident_mib,
        });
        Run {
            loaded,
            sender: Some(sender),
            receiver: Some(receiver),
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(script) = self.script.take() {
            script.end();
        }
    }
}
