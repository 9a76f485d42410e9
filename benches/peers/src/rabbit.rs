//! Publishes with confirms to queue `q` of broker A; the shovel moves on; a consumer at broker B times arrivals.
//!
//! `rabbit FOLDER declare` or `rabbit FOLDER one saturated|paced|single AMOUNT BYTES WINDOW`. One line of JSON.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use hdrhistogram::Histogram;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueDeclareOptions,
    },
    tcp::{OwnedIdentity, OwnedTLSConfig},
    types::{AMQPValue, FieldTable},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

const BROKERS: [&str; 2] = [
    "amqps://guest:guest@localhost:45671",
    "amqps://guest:guest@localhost:45672",
];
const QUEUE: &str = "q";
const PREFETCH: u16 = 1000;
/// One acknowledgement at B for so many messages.
const ACK_EVERY: u64 = 200;
/// Messages a second of the paced mode.
const PACE_PER_SECOND: u64 = 1000;
/// AMQP's delivery mode 2.
const PERSISTENT: u8 = 2;
/// More than are ever under way.
const RING: u64 = 1 << 20;
const STALLED_AFTER: Duration = Duration::from_secs(60);

type Anything = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [folder, "declare"] => brokers(folder).await.map(drop),
        [folder, "one", mode, amount, bytes, window] => {
            let mode = Mode::read(mode, amount.parse()?)?;
            let work = Work {
                mode,
                bytes: bytes.parse()?,
                window: window.parse()?,
            };
            one(folder, work).await
        }
        _ => Err("expected FOLDER declare, or FOLDER one MODE AMOUNT BYTES WINDOW".into()),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Saturated(Duration),
    Paced(u64),
    /// Sends the next when the one before has arrived.
    Single(u64),
}

impl Mode {
    fn read(name: &str, amount: u64) -> Result<Self, Anything> {
        match name {
            "saturated" => Ok(Self::Saturated(Duration::from_secs(amount))),
            "paced" => Ok(Self::Paced(amount * PACE_PER_SECOND)),
            "single" => Ok(Self::Single(amount)),
            other => Err(format!("no mode `{other}`: expected saturated, paced or single").into()),
        }
    }
}

struct Work {
    mode: Mode,
    bytes: usize,
    window: usize,
}

async fn brokers(folder: &str) -> Result<([Connection; 2], [Channel; 2]), Anything> {
    let [a, b] = [
        connect(folder, BROKERS[0]).await?,
        connect(folder, BROKERS[1]).await?,
    ];
    let channels = [a.create_channel().await?, b.create_channel().await?];
    for channel in &channels {
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        channel
            .queue_declare(QUEUE.into(), options, arguments)
            .await?;
    }
    Ok(([a, b], channels))
}

async fn connect(folder: &str, uri: &str) -> Result<Connection, Anything> {
    let read = |name: &str| std::fs::read(format!("{folder}/{name}"));
    let config = OwnedTLSConfig {
        identity: Some(OwnedIdentity::PKCS8 {
            pem: read("client.pem")?,
            key: read("client.key")?,
        }),
        cert_chain: Some(String::from_utf8(read("ca.pem")?)?),
    };
    let runtime = lapin::runtime::default_runtime()?;
    let properties = ConnectionProperties::default();
    Ok(Connection::connect_with_config(uri, properties, config, runtime).await?)
}

async fn one(folder: &str, work: Work) -> Result<(), Anything> {
    let (_connections, [a, b]) = brokers(folder).await?;
    a.confirm_select(ConfirmSelectOptions::default()).await?;
    b.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let consumer = b
        .basic_consume(
            QUEUE.into(),
            "c".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let single = matches!(work.mode, Mode::Single(_));
    let flight = Arc::new(Flight::new(if single { 1 } else { work.window }));
    let (tell_total, total) = oneshot::channel();
    let (confirm, confirms) = mpsc::unbounded_channel();
    // Room is given back on arrival where one is sent at a time, and on confirmation otherwise.
    let arriving = tokio::spawn(arrivals(consumer, Arc::clone(&flight), single, total));
    let confirming = tokio::spawn(confirmations(confirms, Arc::clone(&flight), !single));
    let started = flight.now();
    let mut number = 0;
    while let Some(at) = flight.turn(work.mode, started, number).await? {
        flight.stamp(number, at);
        let mut body = vec![0x5a; work.bytes];
        body[..8].copy_from_slice(&number.to_be_bytes());
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions::default();
        let published = a
            .basic_publish("".into(), QUEUE.into(), options, &body, properties)
            .await?;
        confirm.send((number, published))?;
        number += 1;
    }
    drop(confirm);
    tell_total.send(number).map_err(|_| "arrivals ended")?;
    let confirmed = confirming.await?;
    let (arrived, ended) = tokio::time::timeout(STALLED_AFTER, arriving).await??;
    println!(
        "{}",
        serde_json::json!({
            "messages": number,
            "seconds": (ended - started) as f64 / 1e9,
            "accepted_ms": percentiles(&confirmed),
            "settled_ms": percentiles(&arrived),
            "client_cpu_us": cpu_us() / number as f64,
        })
    );
    Ok(())
}

/// What is under way: when each was sent, and room for more.
struct Flight {
    clock: Instant,
    sent: Vec<AtomicU64>,
    room: Semaphore,
}

impl Flight {
    fn new(window: usize) -> Self {
        Self {
            clock: Instant::now(),
            sent: (0..RING).map(|_| AtomicU64::new(0)).collect(),
            room: Semaphore::new(window),
        }
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    /// Waits until the next may go, and gives the time that its latency counts from; none at the end.
    async fn turn(&self, mode: Mode, started: u64, number: u64) -> Result<Option<u64>, Anything> {
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

    fn stamp(&self, number: u64, at: u64) {
        self.sent[(number % RING) as usize].store(at, Relaxed);
    }

    fn age(&self, number: u64) -> u64 {
        let at = self.sent[(number % RING) as usize].load(Relaxed);
        self.now().saturating_sub(at)
    }
}

async fn confirmations(
    mut confirms: mpsc::UnboundedReceiver<(u64, lapin::PublisherConfirm)>,
    flight: Arc<Flight>,
    gives_room: bool,
) -> Histogram<u64> {
    let mut ages = histogram();
    while let Some((number, confirm)) = confirms.recv().await {
        let answer = confirm.await.expect("an answer");
        assert!(matches!(answer, Confirmation::Ack(_)), "not confirmed");
        ages.saturating_record(flight.age(number));
        if gives_room {
            flight.room.add_permits(1);
        }
    }
    ages
}

async fn arrivals(
    mut consumer: lapin::Consumer,
    flight: Arc<Flight>,
    gives_room: bool,
    mut total: oneshot::Receiver<u64>,
) -> (Histogram<u64>, u64) {
    let mut ages = histogram();
    let (mut count, mut expected, mut ended) = (0, None, 0);
    let mut last = None;
    while expected != Some(count) {
        let delivery = tokio::select! {
            delivery = consumer.next() => delivery.expect("more").expect("a delivery"),
            told = &mut total, if expected.is_none() => {
                expected = Some(told.expect("a total"));
                continue;
            }
        };
        let number = u64::from_be_bytes(delivery.data[..8].try_into().expect("8 bytes"));
        ages.saturating_record(flight.age(number));
        ended = flight.now();
        if gives_room {
            flight.room.add_permits(1);
        }
        count += 1;
        last = Some(delivery);
        if count % ACK_EVERY == 0 {
            acknowledge(last.take()).await;
        }
    }
    acknowledge(last).await;
    (ages, ended)
}

/// With all before it.
async fn acknowledge(delivery: Option<lapin::message::Delivery>) {
    if let Some(delivery) = delivery {
        let options = BasicAckOptions { multiple: true };
        delivery.acker.ack(options).await.expect("acknowledged");
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

fn histogram() -> Histogram<u64> {
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
