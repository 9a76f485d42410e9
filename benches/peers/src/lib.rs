//! What the drivers of all peers share: how the load comes, what is under way, and the line that is told at the end.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;

/// Messages a second of the paced mode.
const PACE_PER_SECOND: u64 = 1000;
/// More than are ever under way.
const RING: u64 = 1 << 20;

pub type Anything = Box<dyn Error + Send + Sync>;

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Saturated(Duration),
    Paced(u64),
    /// Sends the next when the one before has arrived.
    Single(u64),
}

impl Mode {
    pub fn read(name: &str, amount: u64) -> Result<Self, Anything> {
        match name {
            "saturated" => Ok(Self::Saturated(Duration::from_secs(amount))),
            "paced" => Ok(Self::Paced(amount * PACE_PER_SECOND)),
            "single" => Ok(Self::Single(amount)),
            other => Err(format!("no mode `{other}`: expected saturated, paced or single").into()),
        }
    }
}

pub struct Work {
    pub mode: Mode,
    pub bytes: usize,
    pub window: usize,
}

impl Work {
    /// From `MODE AMOUNT BYTES WINDOW`.
    pub fn read(words: &[&str]) -> Result<Self, Anything> {
        let [mode, amount, bytes, window] = words else {
            return Err("expected MODE AMOUNT BYTES WINDOW".into());
        };
        Ok(Self {
            mode: Mode::read(mode, amount.parse()?)?,
            bytes: bytes.parse()?,
            window: window.parse()?,
        })
    }

    /// One is sent when the one before has settled.
    pub fn is_single(&self) -> bool {
        matches!(self.mode, Mode::Single(_))
    }

    pub fn flight(&self) -> Arc<Flight> {
        Arc::new(Flight::new(if self.is_single() { 1 } else { self.window }))
    }

    /// The message of this number.
    pub fn message(&self, number: u64) -> Vec<u8> {
        let mut body = vec![0x5a; self.bytes];
        body[..8].copy_from_slice(&number.to_be_bytes());
        body
    }
}

/// The number of a message.
pub fn number_of(body: &[u8]) -> u64 {
    u64::from_be_bytes(body[..8].try_into().expect("8 bytes"))
}

/// The one line of JSON that a driver ends with.
pub fn tell(messages: u64, nanoseconds: u64, accepted: &Histogram<u64>, settled: &Histogram<u64>) {
    println!(
        "{}",
        serde_json::json!({
            "messages": messages,
            "seconds": nanoseconds as f64 / 1e9,
            "accepted_ms": percentiles(accepted),
            "settled_ms": percentiles(settled),
            "client_cpu_us": cpu_us() / messages as f64,
        })
    );
}

/// What is under way: when each was sent, and room for more.
pub struct Flight {
    clock: Instant,
    sent: Vec<AtomicU64>,
    pub room: Semaphore,
}

impl Flight {
    pub fn new(window: usize) -> Self {
        Self {
            clock: Instant::now(),
            sent: (0..RING).map(|_| AtomicU64::new(0)).collect(),
            room: Semaphore::new(window),
        }
    }

    pub fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    /// Waits until the next may go, and gives the time that its latency counts from; none at the end.
    pub async fn turn(
        &self,
        mode: Mode,
        started: u64,
        number: u64,
    ) -> Result<Option<u64>, Anything> {
        match mode {
            Mode::Saturated(time) if self.now() - started >= time.as_nanos() as u64 => Ok(None),
            Mode::Paced(count) | Mode::Single(count) if number == count => Ok(None),
            Mode::Paced(_) => {
                let due = started + number * 1_000_000_000 / PACE_PER_SECOND;
                // Tokio's sleep rounds up to a millisecond.
                tokio::task::block_in_place(|| {
                    std::thread::sleep(Duration::from_nanos(due.saturating_sub(self.now())));
                });
                Ok(Some(due))
            }
            Mode::Saturated(_) | Mode::Single(_) => {
                self.room.acquire().await?.forget();
                Ok(Some(self.now()))
            }
        }
    }

    pub fn stamp(&self, number: u64, at: u64) {
        self.sent[(number % RING) as usize].store(at, Relaxed);
    }

    pub fn age(&self, number: u64) -> u64 {
        let at = self.sent[(number % RING) as usize].load(Relaxed);
        self.now().saturating_sub(at)
    }
}

/// Processor time of this process so far.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, in hundredths of a second, counted after the name in brackets.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        * 1e4
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000_000, 3).expect("bounds")
}

fn percentiles(histogram: &Histogram<u64>) -> serde_json::Value {
    let ms = |ns: u64| ns as f64 / 1e6;
    serde_json::json!({
        "p50": ms(histogram.value_at_quantile(0.5)),
        "p99": ms(histogram.value_at_quantile(0.99)),
        "max": ms(histogram.max()),
    })
}
