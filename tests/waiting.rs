//! Row 76: twenty partners are away, much waits for each, and then they are back.
//!
//! ```text
//!                           ,--> XB-P01 (a sink)   away; later all at once
//!  officer --desk--> XA-POL ---> ...
//!     (a process)           `--> XB-P20
//! ```
//!
//! The node is a process of its own, so that its memory can be looked at.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "common/fleet.rs"]
mod fleet;
#[path = "common/sink.rs"]
mod sink;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use allpoints::{
    domain::{
        limits::SUBMIT_MAX_DRAFTS,
        routing::{Priority, Status},
        time::Clock as _,
    },
    proto::{alert::v1 as alert, desk::v1 as pb},
    trust::tls::Role,
    wire::generate::{Recipe, drafts},
};
use fleet::{Desk, Fleet};
use sink::Sink;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;

const PARTNERS: usize = 20;
/// Threads with each partner; all but their first statements are updates.
const THREADS: usize = 25;
/// The node, before its partners in the fleet.
const NODE: usize = 0;

/// What the node may take beside its quiet memory, however much waits. Its own statements of late and the view's cache
/// take 64 MiB each by their caps, rows of records about as much, jobs and the journal's groups the rest.
const MEMORY_MAX_BYTES: u64 = 256 << 20;
/// For each partner: the bulk lane's window, and the results that come back for it.
const MEMORY_OF_A_PARTNER_BYTES: u64 = 8 << 20;
/// And for each statement: its id, its place in a queue and its tag are in memory.
const MEMORY_EACH_BYTES: u64 = 160;

/// What may come of bulk before what is urgent, of each hundred.
const BEFORE_URGENT_MAX_PERCENT: usize = 20;

/// Without progress for so long nothing more will come.
const PROGRESS_WITHIN: Duration = Duration::from_secs(90);

/// `cargo test --test waiting`
#[test]
fn row_76_what_waits_for_twenty_partners_is_bounded_in_order_and_urgent_first() {
    tell(1_000);
}

/// `cargo test --release --test waiting -- --ignored --nocapture`: a minute. A debug build takes ten times as long.
#[test]
#[ignore = "two million statements: 4 GB of disk, and minutes in a debug build"]
fn row_76_two_million_that_wait_are_bounded_in_order_and_urgent_first() {
    tell(100_000);
}

/// Verifies it for so many statements that wait for each partner.
fn tell(waiting: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime
        .expect("a runtime")
        .block_on(async { story(waiting).await });
}

async fn story(waiting: usize) {
    let names: Vec<String> = (1..=PARTNERS).map(|it| format!("XB-P{it:02}")).collect();
    let mut ids = vec!["XA-POL"];
    ids.extend(names.iter().map(String::as_str));
    let program = Path::new(env!("CARGO_BIN_EXE_allpoints"));
    let mut fleet = Fleet::found(program, &ids).expect("a federation");
    fleet.start(NODE).expect("it serves");
    let node = Node { fleet };
    let quiet = node.memory();
    let peak = Arc::new(AtomicU64::new(quiet));
    let looking = tokio::spawn(watch(node.process(), Arc::clone(&peak)));

    let begun = Instant::now();
    node.takes_what_waits(&names, waiting).await;
    let accepted_in = begun.elapsed();
    let flash = drafts(node.recipe(&names, Priority::Flash)).next();
    let flash = flash.expect("an endless supply");
    node.accepts(vec![flash]).await;
    // Each partner has all of it still to come.
    until("all of it is shown to wait", async || {
        node.queued().await == vec![waiting as u64 + 1; PARTNERS]
    })
    .await;
    let waits_in = peak.load(Ordering::Relaxed);

    let begun = Instant::now();
    let sinks = node.partners_are_back().await;
    drained(&sinks, PARTNERS * (waiting + 1)).await;
    until("every receipt is kept", async || {
        node.queued().await == vec![0; PARTNERS]
    })
    .await;
    let drained_in = begun.elapsed();
    for (sink, name) in sinks.iter().zip(&names) {
        sink.taken(|taken| {
            assert!(taken.faults.is_empty(), "{name}: {:?}", &taken.faults[..1]);
            assert_eq!(taken.statements, waiting + 1, "{name}: each once");
            let [before] = taken.before_urgent.as_slice() else {
                panic!("{name}: one is urgent: {:?}", taken.before_urgent)
            };
            let most = (waiting * BEFORE_URGENT_MAX_PERCENT / 100).max(2 * 256);
            assert!(
                *before <= most,
                "{name}: {before} came before what is urgent"
            );
        });
    }
    looking.abort();
    let (peak, all) = (peak.load(Ordering::Relaxed), (PARTNERS * waiting) as u64);
    #[allow(
        clippy::print_stderr,
        reason = "figures, for who asks with --nocapture"
    )]
    {
        eprintln!(
            "{PARTNERS} partners x {waiting}: accepted in {accepted_in:?}, drained in {drained_in:?}; resident MiB: \
             quiet {}, all waiting {}, at most {}",
            quiet >> 20,
            waits_in >> 20,
            peak >> 20
        );
    }
    let partners = PARTNERS as u64 * MEMORY_OF_A_PARTNER_BYTES;
    let bound = quiet + MEMORY_MAX_BYTES + partners + all * MEMORY_EACH_BYTES;
    assert!(peak <= bound, "{peak} bytes, allowed are {bound}");
}

struct Node {
    fleet: Fleet,
}

impl Node {
    fn process(&self) -> u32 {
        let member = self.fleet.members().get(NODE);
        let id = member.and_then(fleet::Member::process_id);
        id.expect("it runs")
    }

    fn memory(&self) -> u64 {
        resident_bytes(self.process())
    }

    async fn desk(&self, role: Role) -> Desk {
        let member = self.fleet.members().get(NODE).expect("a member");
        let door = member.door_for(role, self.fleet.clock()).expect("a door");
        door.open().await.expect("a desk")
    }

    fn recipe(&self, to: &[String], priority: Priority) -> Recipe {
        Recipe {
            seed: 76,
            to: to.to_vec(),
            status: Status::Actual,
            priority: Some(priority),
            now: self.fleet.clock().now(),
            payload_bytes: None,
        }
    }

    /// So many statements are accepted for each partner, by turns.
    async fn takes_what_waits(&self, names: &[String], waiting: usize) {
        let mut firsts = Vec::new();
        for name in names {
            let to = std::slice::from_ref(name);
            let alerts = drafts(self.recipe(to, Priority::Routine)).step_by(4);
            // The recipe is the same but for the recipient: ids are the node's to make.
            let alerts = alerts.take(THREADS).map(|draft| alert::Draft {
                id: String::new(),
                ..draft
            });
            firsts.extend(self.accepts(alerts.collect()).await);
        }
        let draft = drafts(self.recipe(&[], Priority::Routine)).next();
        let draft = draft.expect("an endless supply");
        let update = |first: &String| alert::Draft {
            id: String::new(),
            in_reply_to: first.clone(),
            payload: Some(alert::Payload {
                kind: Some(alert::payload::Kind::Update(alert::Update {
                    target: None,
                    text: Some(alert::Text {
                        text: "More is known.".to_owned(),
                        language: "en".to_owned(),
                    }),
                    ..<_>::default()
                })),
                ..<_>::default()
            }),
            ..draft.clone()
        };
        let rounds = waiting / THREADS - 1;
        let updates = (0..rounds).flat_map(|_| firsts.iter().map(update));
        self.streams(updates, rounds * firsts.len()).await;
    }

    /// One call; gives the names of what was accepted.
    async fn accepts(&self, drafts: Vec<alert::Draft>) -> Vec<String> {
        let mut desk = self.desk(Role::Officer).await;
        let request = pb::SubmitRequest {
            drafts,
            dry_run: false,
            ..<_>::default()
        };
        let accepted = desk.submit(request).await.expect("accepted").into_inner();
        let names = accepted.submitted.into_iter().map(|it| {
            let name = it.statement.expect("a name");
            let id = uuid::Uuid::from_slice(&name.id).expect("an id");
            format!("{}/{id}", name.origin)
        });
        names.collect()
    }

    /// One stream of many; each is accepted.
    async fn streams(&self, mut drafts: impl Iterator<Item = alert::Draft>, count: usize) {
        let mut desk = self.desk(Role::Officer).await;
        let (say, messages) = mpsc::channel(16);
        let mut answers = desk
            .submit_stream(ReceiverStream::new(messages))
            .await
            .expect("a stream")
            .into_inner();
        let hearing = tokio::spawn(async move {
            let mut accepted = 0;
            while accepted < count {
                let answer = answers.message().await.expect("it answers");
                let answer = answer.expect("it goes on");
                assert!(answer.refused.is_empty(), "{:?}", answer.refused);
                accepted += answer.accepted.len() / 16;
            }
        });
        loop {
            let drafts: Vec<_> = drafts.by_ref().take(SUBMIT_MAX_DRAFTS).collect();
            if drafts.is_empty() {
                break;
            }
            let request = pb::SubmitStreamRequest {
                drafts,
                report_settled: false,
            };
            say.send(request).await.expect("it listens");
        }
        hearing.await.expect("all are accepted");
    }

    /// What waits for each partner.
    async fn queued(&self) -> Vec<u64> {
        let mut desk = self.desk(Role::Ops).await;
        let links = desk.links(pb::LinksRequest { check: false }).await;
        let links = links.expect("told").into_inner().links;
        links
            .iter()
            .map(|link| link.queued + link.queued_exercise)
            .collect()
    }

    /// All partners listen, and the node is asked to look for them.
    async fn partners_are_back(&self) -> Vec<Sink> {
        let mut sinks = Vec::new();
        for member in self.fleet.members().iter().skip(1) {
            let sink = Sink::at(member, self.fleet.clock()).await;
            sinks.push(sink.expect("it listens"));
        }
        let mut desk = self.desk(Role::Ops).await;
        let check = pb::LinksRequest { check: true };
        tokio::spawn(async move { drop(desk.links(check).await) });
        sinks
    }
}

/// Waits until all sinks together have taken so much.
async fn drained(sinks: &[Sink], wanted: usize) {
    let taken = || -> usize { sinks.iter().map(|it| it.taken(|it| it.statements)).sum() };
    let (mut last, mut since) = (0, Instant::now());
    while last < wanted {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = taken();
        if now > last {
            (last, since) = (now, Instant::now());
        }
        let waited = since.elapsed();
        assert!(waited < PROGRESS_WITHIN, "{last} of {wanted} came, no more");
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PROGRESS_WITHIN, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Resident bytes of a process.
fn resident_bytes(process: u32) -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages = text.split_whitespace().nth(1);
    pages.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

async fn watch(process: u32, peak: Arc<AtomicU64>) {
    loop {
        peak.fetch_max(resident_bytes(process), Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
