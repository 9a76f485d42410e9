//! Publishes with confirms to queue `q` of broker A; the shovel moves on; a consumer at broker B times arrivals.
//!
//! `rabbit FOLDER declare` or `rabbit FOLDER one COUNT BYTES RATE WINDOW`. Rate 0 saturates. One line of JSON.

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
use tokio::sync::{Semaphore, mpsc};

const BROKERS: [&str; 2] = [
    "amqps://guest:guest@localhost:45671",
    "amqps://guest:guest@localhost:45672",
];
const QUEUE: &str = "q";
const PREFETCH: u16 = 1000;
/// One acknowledgement at B for so many messages.
const ACK_EVERY: u64 = 200;
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
        [folder, "one", count, bytes, rate, window] => {
            let work = Work {
                count: count.parse()?,
                bytes: bytes.parse()?,
                rate: rate.parse()?,
                window: window.parse()?,
            };
            one(folder, work).await
        }
        _ => Err("expected FOLDER declare, or FOLDER one COUNT BYTES RATE WINDOW".into()),
    }
}

struct Work {
    count: u64,
    bytes: usize,
    rate: u64,
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
    let clock = Instant::now();
    let now = move || clock.elapsed().as_nanos() as u64;
    let sent: Arc<Vec<AtomicU64>> = Arc::new((0..work.count).map(|_| AtomicU64::new(0)).collect());
    // Room is given back on arrival where one is sent at a time, and on confirmation otherwise.
    let room = Arc::new(Semaphore::new(work.window));
    let single = work.window == 1;
    let consumer = b
        .basic_consume(
            QUEUE.into(),
            "c".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let arriving = tokio::spawn(arrivals(
        consumer,
        Arc::clone(&sent),
        single.then(|| Arc::clone(&room)),
        now,
    ));
    let (confirm, mut confirms) = mpsc::unbounded_channel::<(u64, lapin::PublisherConfirm)>();
    let (times, confirmed_room) = (Arc::clone(&sent), (!single).then(|| Arc::clone(&room)));
    let confirming = tokio::spawn(async move {
        let mut ages = histogram();
        while let Some((number, confirm)) = confirms.recv().await {
            assert!(
                matches!(confirm.await.expect("an answer"), Confirmation::Ack(_)),
                "not confirmed"
            );
            ages.saturating_record(now() - times[number as usize].load(Relaxed));
            confirmed_room.iter().for_each(|room| room.add_permits(1));
        }
        ages
    });
    let started = now();
    for number in 0..work.count {
        let at = if work.rate > 0 {
            let due = started + number * 1_000_000_000 / work.rate;
            tokio::task::block_in_place(|| {
                std::thread::sleep(Duration::from_nanos(due.saturating_sub(now())))
            });
            due
        } else {
            room.acquire().await?.forget();
            now()
        };
        sent[number as usize].store(at, Relaxed);
        let mut body = vec![0x5a; work.bytes];
        body[..8].copy_from_slice(&number.to_be_bytes());
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let published = a
            .basic_publish("".into(), QUEUE.into(), options, &body, properties)
            .await?;
        confirm.send((number, published))?;
    }
    drop(confirm);
    let confirmed = confirming.await?;
    let (arrived, ended) = tokio::time::timeout(STALLED_AFTER, arriving).await??;
    println!(
        "{}",
        serde_json::json!({
            "seconds": (ended - started) as f64 / 1e9,
            "confirmed_ms": percentiles(&confirmed),
            "arrived_ms": percentiles(&arrived),
        })
    );
    Ok(())
}

async fn arrivals(
    mut consumer: lapin::Consumer,
    sent: Arc<Vec<AtomicU64>>,
    room: Option<Arc<Semaphore>>,
    now: impl Fn() -> u64,
) -> (Histogram<u64>, u64) {
    let mut ages = histogram();
    for count in 1..=sent.len() as u64 {
        let delivery = consumer.next().await.expect("more").expect("a delivery");
        let number = u64::from_be_bytes(delivery.data[..8].try_into().expect("8 bytes"));
        ages.saturating_record(now().saturating_sub(sent[number as usize].load(Relaxed)));
        room.iter().for_each(|room| room.add_permits(1));
        if count % ACK_EVERY == 0 || count == sent.len() as u64 {
            delivery
                .acker
                .ack(BasicAckOptions { multiple: true })
                .await
                .expect("acknowledged");
        }
    }
    (ages, now())
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
