//! Publishes with confirms to queue `q` of broker A; the shovel moves on; a consumer at broker B times arrivals.
//!
//! `rabbit FOLDER declare` or `rabbit FOLDER one saturated|paced|single AMOUNT BYTES WINDOW`. One line of JSON.

use std::{sync::Arc, time::Duration};

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
use peers::{Anything, Flight, Work, histogram, number_of, tell};
use tokio::sync::{mpsc, oneshot};

const BROKERS: [&str; 2] = [
    "amqps://guest:guest@localhost:45671",
    "amqps://guest:guest@localhost:45672",
];
const QUEUE: &str = "q";
const PREFETCH: u16 = 1000;
/// One acknowledgement at B for so many messages.
const ACK_EVERY: u64 = 200;
/// AMQP's delivery mode 2.
const PERSISTENT: u8 = 2;
const STALLED_AFTER: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Anything> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [folder, "declare"] => brokers(folder).await.map(drop),
        [folder, "one", work @ ..] => one(folder, Work::read(work)?).await,
        _ => Err("expected FOLDER declare, or FOLDER one MODE AMOUNT BYTES WINDOW".into()),
    }
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
    let (single, flight) = (work.is_single(), work.flight());
    let (tell_total, total) = oneshot::channel();
    let (confirm, confirms) = mpsc::unbounded_channel();
    // Room is given back on arrival where one is sent at a time, and on confirmation otherwise.
    let arriving = tokio::spawn(arrivals(consumer, Arc::clone(&flight), single, total));
    let confirming = tokio::spawn(confirmations(confirms, Arc::clone(&flight), !single));
    let started = flight.now();
    let mut number = 0;
    while let Some(at) = flight.turn(work.mode, started, number).await? {
        flight.stamp(number, at);
        let body = work.message(number);
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
    tell(number, ended - started, &confirmed, &arrived);
    Ok(())
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
        ages.saturating_record(flight.age(number_of(&delivery.data)));
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
