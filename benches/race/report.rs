//! What was measured: medians, ratios, and whether the goals are met.

use std::{collections::BTreeMap, fmt};

use serde_json::json;

use crate::{
    disk::SyncCost,
    load::Loaded,
    plan::{Contender, Format, MESSAGE_BYTES, Mode, Plan, SUBMIT_MESSAGES, WINDOW_MESSAGES},
};

/// What one node used in one run.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub struct Node {
    pub cpu_seconds: f64,
    /// `fdatasync` calls; a durable contender with none is not durable.
    pub flushes: f64,
    pub entries: f64,
    pub bytes: f64,
    pub idle_mib: f64,
    pub loaded_mib: f64,
}

/// One run of one contender.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Run {
    pub loaded: Loaded,
    /// None where only the whole is known.
    pub sender: Option<Node>,
    pub receiver: Option<Node>,
}

impl Run {
    fn per_second(&self) -> f64 {
        self.loaded.messages as f64 / self.loaded.seconds
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.sender.iter().chain(&self.receiver)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded {
            accepted_ms,
            settled_ms,
            messages,
            ..
        } = &self.loaded;
        let count = *messages as f64;
        write!(
            f,
            "{messages} messages, {:.0}/s | ms accepted {:.2} {:.2} settled {:.2} {:.2} | client {:.1} us",
            self.per_second(),
            accepted_ms.p50,
            accepted_ms.p99,
            settled_ms.p50,
            settled_ms.p99,
            self.loaded.client_cpu_us,
        )?;
        for node in self.nodes() {
            write!(
                f,
                " | {:.1} us, {} flushes, {:.1} entries/flush, {:.0} B, {:.0}-{:.0} MiB",
                node.cpu_seconds * 1e6 / count,
                node.flushes,
                node.entries / node.flushes.max(1.0),
                node.bytes / count,
                node.idle_mib,
                node.loaded_mib
            )?;
        }
        Ok(())
    }
}

/// All runs.
pub struct Samples<'a> {
    plan: &'a Plan,
    sync_cost: [SyncCost; 2],
    /// Of the machine for a minute, before each round.
    loads: Vec<f64>,
    runs: BTreeMap<(&'static str, &'static str), Vec<Run>>,
}

/// Medians of one contender in one mode.
#[derive(serde::Serialize, Clone, Copy)]
struct Median {
    per_second: f64,
    accepted_p50_ms: f64,
    settled_p50_ms: f64,
    settled_p99_ms: f64,
    sender_cpu_us: f64,
    receiver_cpu_us: f64,
    sender_flushes: f64,
    receiver_flushes: f64,
    sender_bytes: f64,
    receiver_bytes: f64,
    sender_idle_mib: f64,
    sender_loaded_mib: f64,
    receiver_loaded_mib: f64,
}

impl<'a> Samples<'a> {
    pub fn new(plan: &'a Plan, sync_cost: SyncCost) -> Self {
        Self {
            plan,
            sync_cost: [sync_cost; 2],
            loads: Vec::new(),
            runs: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, mode: Mode, contender: Contender, run: Run) {
        self.runs
            .entry((mode.name(), contender.name()))
            .or_default()
            .push(run);
    }

    /// Notes what else the machine does, before a round.
    pub fn begin_round(&mut self, mode: Mode, round: usize) {
        let load = machine_load();
        eprintln!("{} round {}: load {load}", mode.name(), round + 1);
        self.loads.push(load);
    }

    pub fn fdatasync_again(&mut self, sync_cost: SyncCost) {
        self.sync_cost[1] = sync_cost;
    }

    pub fn print(&self) {
        match self.plan.format {
            Format::Json => println!("{:#}", self.json()),
            Format::Text => self.print_text(),
        }
    }

    /// Stops the bench when something ran without being durable.
    pub fn check(&self) {
        for ((mode, contender), runs) in &self.runs {
            for run in runs {
                let durable = !Contender::tells_flushes(contender)
                    || run.nodes().all(|node| node.flushes > 0.0);
                assert!(
                    durable && run.nodes().count() > 0,
                    "{contender} {mode}: no flushes, not durable"
                );
                assert!(
                    run.loaded.settled_ms.p50 > 0.0,
                    "{contender} {mode}: no latency was measured"
                );
                assert!(
                    run.loaded.messages > 0,
                    "{contender} {mode}: nothing was sent"
                );
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        let medians: Vec<_> = self.runs.keys().map(|(mode, contender)| {
            json!({ "mode": mode, "contender": contender, "median": self.median(mode, contender) })
        }).collect();
        let goals: Vec<_> = self
            .goals()
            .into_iter()
            .map(|goal| json!({ "goal": goal.what, "found": goal.found, "met": goal.is_met() }))
            .collect();
        json!({
            "machine": machine(),
            "date": jiff::Timestamp::now().to_string(),
            "message_bytes": MESSAGE_BYTES,
            "submit_messages": SUBMIT_MESSAGES,
            "window_messages": WINDOW_MESSAGES,
            "rounds": self.plan.rounds,
            "fdatasync_before_after": self.sync_cost,
            "load_before_rounds": self.loads,
            "medians": medians,
            "goals": goals,
        })
    }

    fn print_text(&self) {
        println!("{}, {}", machine(), jiff::Timestamp::now());
        let [before, after] = self.sync_cost;
        println!(
            "{MESSAGE_BYTES} bytes, {SUBMIT_MESSAGES} a submit, window {WINDOW_MESSAGES}, medians of {}; \
             fdatasync p50 {:.2} ms before, {:.2} after",
            self.plan.rounds, before.p50_ms, after.p50_ms
        );
        println!("load before the rounds: {:?}", self.loads);
        for (mode, contender) in self.runs.keys() {
            if let Some(median) = self.median(mode, contender) {
                println!(
                    "{mode:9} {contender:6} {:8.0}/s  accepted p50 {:.2}  settled p50 {:.2} p99 {:.2} ms  \
                     cpu {:.1} + {:.1} us  flushes {:.0} + {:.0}",
                    median.per_second,
                    median.accepted_p50_ms,
                    median.settled_p50_ms,
                    median.settled_p99_ms,
                    median.sender_cpu_us,
                    median.receiver_cpu_us,
                    median.sender_flushes,
                    median.receiver_flushes
                );
            }
        }
        for goal in self.goals() {
            let word = if goal.is_met() { "met" } else { "NOT met" };
            println!("{}: {:.2} ({word})", goal.what, goal.found);
        }
    }

    fn median(&self, mode: &str, contender: &str) -> Option<Median> {
        let found = self
            .runs
            .iter()
            .find(|((m, c), _)| *m == mode && *c == contender);
        let (_, runs) = found?;
        let of = |figure: &dyn Fn(&Run) -> f64| {
            let mut figures: Vec<f64> = runs.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            // The mean of the two in the middle where there are two.
            let half = figures.len() / 2;
            f64::midpoint(figures[half], figures[(figures.len() - 1) / 2])
        };
        let at = |node: fn(&Run) -> Option<Node>, figure: fn(&Node) -> f64| {
            of(&|run| node(run).map_or(0.0, |node| figure(&node)))
        };
        let each = |node: fn(&Run) -> Option<Node>, figure: fn(&Node) -> f64| {
            of(&|run| node(run).map_or(0.0, |node| figure(&node)) / run.loaded.messages as f64)
        };
        let (sender, receiver) = (|run: &Run| run.sender, |run: &Run| run.receiver);
        Some(Median {
            per_second: of(&Run::per_second),
            accepted_p50_ms: of(&|run| run.loaded.accepted_ms.p50),
            settled_p50_ms: of(&|run| run.loaded.settled_ms.p50),
            settled_p99_ms: of(&|run| run.loaded.settled_ms.p99),
            sender_cpu_us: each(sender, |node| node.cpu_seconds * 1e6),
            receiver_cpu_us: each(receiver, |node| node.cpu_seconds * 1e6),
            sender_flushes: at(sender, |node| node.flushes),
            receiver_flushes: at(receiver, |node| node.flushes),
            sender_bytes: each(sender, |node| node.bytes),
            receiver_bytes: each(receiver, |node| node.bytes),
            sender_idle_mib: at(sender, |node| node.idle_mib),
            sender_loaded_mib: at(sender, |node| node.loaded_mib),
            receiver_loaded_mib: at(receiver, |node| node.loaded_mib),
        })
    }

    /// Those for which all contenders ran.
    fn goals(&self) -> Vec<Goal> {
        let us = |mode| self.median(mode, "us");
        let limit = |mode| self.median(mode, "limit");
        let rabbit = |mode| self.median(mode, "rabbit");
        let rate = |it: Option<Median>| it.map(|it| it.per_second);
        let p50 = |it: Option<Median>| it.map(|it| it.settled_p50_ms);
        let p99 = |it: Option<Median>| it.map(|it| it.settled_p99_ms);
        let ratio = |of: Option<f64>, to: Option<f64>| Some(of? / to?);
        let sync_ms = f64::midpoint(self.sync_cost[0].p50_ms, self.sync_cost[1].p50_ms);
        [
            Goal::least(
                "saturated, us / limit, at least 0.25",
                0.25,
                ratio(rate(us("saturated")), rate(limit("saturated"))),
            ),
            Goal::least(
                "saturated, us / rabbit, at least 3",
                3.0,
                ratio(rate(us("saturated")), rate(rabbit("saturated"))),
            ),
            Goal::most(
                "paced, p50 us / limit, at most 1.5",
                1.5,
                ratio(p50(us("paced")), p50(limit("paced"))),
            ),
            Goal::most(
                "paced, p99 us / limit, at most 2",
                2.0,
                ratio(p99(us("paced")), p99(limit("paced"))),
            ),
            Goal::most(
                "single, p50 us / (3 fdatasync + 2 ms), at most 1",
                1.0,
                ratio(p50(us("single")), Some(3.0 * sync_ms + 2.0)),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

struct Goal {
    what: &'static str,
    found: f64,
    bound: Bound,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn least(what: &'static str, bound: f64, found: Option<f64>) -> Option<Self> {
        Some(Self {
            what,
            found: found?,
            bound: Bound::AtLeast(bound),
        })
    }

    fn most(what: &'static str, bound: f64, found: Option<f64>) -> Option<Self> {
        Some(Self {
            what,
            found: found?,
            bound: Bound::AtMost(bound),
        })
    }

    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.found >= bound,
            Bound::AtMost(bound) => self.found <= bound,
        }
    }
}

pub fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = machine_load();
    format!(
        "{cores} cores of {}, Linux {}, load {load} at the end",
        model.map_or("?", str::trim),
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// The mean number of processes that ran or waited in the last minute.
fn machine_load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = load.split_whitespace().next();
    minute
        .and_then(|load| load.parse().ok())
        .unwrap_or(f64::NAN)
}
