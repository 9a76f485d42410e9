//! The one client that loads every contender alike: keeps the window full, or the pace, and times each message.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::{Stream, StreamExt as _};

use crate::{
    clock::now_ns,
    net::RECEIVER,
    plan::{Mode, PACE_PER_SECOND, SUBMIT_MESSAGES, WINDOW_MESSAGES},
};

/// More than are ever under way.
const RING: u64 = 1 << 20;
const LONGEST_NS: u64 = 120_000_000_000;
const STALLED_AFTER: Duration = Duration::from_secs(15);

/// What a load process is told.
pub struct Work {
    pub folder: PathBuf,
    pub mode: Mode,
    /// The number of the first message: of what a store holds already, none is sent again.
    pub first: u64,
    /// Authorities, or `all`.
    pub to: String,
}

impl Work {
    pub fn read(words: &[&str]) -> Self {
        let [folder, mode, amount, rest @ ..] = words else {
            panic!("expected FOLDER MODE AMOUNT [FIRST [TO]]");
        };
        Self {
            folder: PathBuf::from(folder),
            mode: Mode::read(mode, amount),
            first: rest
                .first()
                .map_or(0, |first| first.parse().expect("a number")),
            to: rest.get(1).copied().unwrap_or(RECEIVER).to_owned(),
        }
    }
}

/// What a node told of messages by their numbers.
#[derive(Default)]
pub struct Told {
    pub accepted: Vec<u64>,
    pub settled: Vec<u64>,
}

/// What the client saw.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Loaded {
    pub messages: u64,
    /// From the first send to the last settled.
    pub seconds: f64,
    pub accepted_ms: Percentiles,
    pub settled_ms: Percentiles,
    pub client_cpu_us: f64,
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// Sends messages made by `make(first, count)`, until all are settled.
pub async fn drive<M: Send + 'static>(
    mode: Mode,
    make: impl FnMut(u64, u64) -> M + Send + 'static,
    outgoing: mpsc::UnboundedSender<M>,
    mut incoming: impl Stream<Item = Told> + Unpin,
) -> Loaded {
    let sent: Arc<Sent> = Arc::new(Sent::new(mode));
    let started = now_ns();
    let sending = Arc::clone(&sent);
    let runtime = tokio::runtime::Handle::current();
    // Kept until the end: a stream that closes early ends the work.
    let _open = outgoing.clone();
    thread::spawn(move || sending.send(mode, make, &outgoing, &runtime));
    // With bounds: one that grows by itself would clamp what `saturating_record` is given.
    let new = || Histogram::<u64>::new_with_bounds(1, LONGEST_NS, 3).expect("a histogram");
    let (mut accepted, mut settled) = (new(), new());
    let (mut done, mut ended) = (0, started);
    while done < sent.total.load(Relaxed) {
        let told = tokio::time::timeout(STALLED_AFTER, incoming.next()).await;
        let told = told
            .unwrap_or_else(|_| panic!("stalled after {done} messages"))
            .unwrap_or_else(|| panic!("the stream ended after {done} messages"));
        ended = now_ns();
        for number in &told.accepted {
            accepted.saturating_record(sent.age(*number, ended));
        }
        for number in &told.settled {
            settled.saturating_record(sent.age(*number, ended));
        }
        done += told.settled.len() as u64;
        sent.window.add_permits(told.settled.len());
    }
    Loaded {
        messages: done,
        seconds: (ended - started) as f64 / 1e9,
        accepted_ms: percentiles(&accepted),
        settled_ms: percentiles(&settled),
        client_cpu_us: crate::processes::Usage::of(std::process::id()).cpu_seconds * 1e6
            / done as f64,
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    let ms = |ns: u64| ns as f64 / 1e6;
    Percentiles {
        p50: ms(histogram.value_at_quantile(0.5)),
        p99: ms(histogram.value_at_quantile(0.99)),
        max: ms(histogram.max()),
    }
}

struct Sent {
    at: Vec<AtomicU64>,
    window: Semaphore,
    total: AtomicU64,
}

impl Sent {
    fn new(mode: Mode) -> Self {
        let window = match mode {
            Mode::Single(_) => 1,
            Mode::Saturated(_) | Mode::Paced(_) | Mode::Filled(_) => WINDOW_MESSAGES,
        };
        Self {
            at: (0..RING).map(|_| AtomicU64::new(0)).collect(),
            window: Semaphore::new(usize::try_from(window).expect("fits")),
            total: AtomicU64::new(u64::MAX),
        }
    }

    fn age(&self, number: u64, now: u64) -> u64 {
        let at = self.at[usize::try_from(number % RING).expect("fits")].load(Relaxed);
        now.saturating_sub(at)
    }

    fn stamp(&self, number: u64, at: u64) {
        self.at[usize::try_from(number % RING).expect("fits")].store(at, Relaxed);
    }

    fn send<M>(
        &self,
        mode: Mode,
        mut make: impl FnMut(u64, u64) -> M,
        outgoing: &mpsc::UnboundedSender<M>,
        runtime: &tokio::runtime::Handle,
    ) {
        let started = now_ns();
        let mut number = 0;
        let mut say = |number, count, due| {
            (number..number + count).for_each(|number| self.stamp(number, due));
            outgoing.send(make(number, count)).is_ok()
        };
        let room = |count| {
            let permit = runtime.block_on(self.window.acquire_many(count));
            permit.expect("never closed").forget();
        };
        match mode {
            Mode::Saturated(time) => {
                let end = started + u64::try_from(time.as_nanos()).expect("fits");
                while now_ns() < end {
                    room(u32::try_from(SUBMIT_MESSAGES).expect("fits"));
                    assert!(say(number, SUBMIT_MESSAGES, now_ns()), "the stream ended");
                    number += SUBMIT_MESSAGES;
                }
            }
            Mode::Filled(total) => {
                while number < total {
                    let count = SUBMIT_MESSAGES.min(total - number);
                    room(u32::try_from(count).expect("fits"));
                    assert!(say(number, count, now_ns()), "the stream ended");
                    number += count;
                }
            }
            Mode::Paced(time) => {
                while number < time.as_secs() * PACE_PER_SECOND {
                    let due = started + number * 1_000_000_000 / PACE_PER_SECOND;
                    // Tokio's sleep rounds up to a millisecond.
                    thread::sleep(Duration::from_nanos(due.saturating_sub(now_ns())));
                    assert!(say(number, 1, due), "the stream ended");
                    number += 1;
                }
            }
            Mode::Single(count) => {
                while number < count {
                    room(1);
                    assert!(say(number, 1, now_ns()), "the stream ended");
                    number += 1;
                }
            }
        }
        self.total.store(number, Relaxed);
    }
}
