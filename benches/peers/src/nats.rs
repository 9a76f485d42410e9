//! Publishes into a stream of server A, which B mirrors; B answers with receipts in a stream that A mirrors.
//!
//! `nats FOLDER one saturated|paced|single AMOUNT BYTES WINDOW`. One line of JSON. A message is done when the receipt
//! that covers it has come back to A. Every run has streams of its own.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        self, Context,
        consumer::{DeliverPolicy, pull},
        context::{ContextBuilder, PublishAckFuture},
        stream::{Config, External, Source, StorageType},
    },
};
use futures_util::StreamExt as _;
use hdrhistogram::Histogram;
use peers::{Anything, Flight, Work, histogram, number_of, tell};
use tokio::sync::{mpsc, oneshot};

const SERVERS: [&str; 2] = ["tls://localhost:45722", "tls://localhost:45723"];
/// Messages that one receipt covers at most.
const RECEIPT_MESSAGES: usize = 256;
const RECEIPT_BYTES: usize = 128;
const STALLED_AFTER: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Anything> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [folder, "one", work @ ..] => one(folder, Work::read(work)?).await,
        _ => Err("expected FOLDER one MODE AMOUNT BYTES WINDOW".into()),
    }
}

async fn connect(folder: &str, server: &str) -> Result<Client, Anything> {
    let file = |name: &str| format!("{folder}/{name}").into();
    Ok(ConnectOptions::new()
        .add_root_certificates(file("ca.pem"))
        .add_client_certificate(file("client.pem"), file("client.key"))
        .require_tls(true)
        .client_capacity(8192)
        .subscription_capacity(1 << 20)
        .connect(server)
        .await?)
}

fn context(client: Client) -> Context {
    ContextBuilder::new()
        .timeout(Duration::from_secs(30))
        .max_ack_inflight(1 << 20)
        .build(client)
}

/// A stream on disk: of a subject, or the mirror of one elsewhere.
fn stream(name: &str, subject: Option<&str>, mirror: Option<(&str, &str)>) -> Config {
    Config {
        name: name.to_owned(),
        subjects: subject.into_iter().map(str::to_owned).collect(),
        storage: StorageType::File,
        num_replicas: 1,
        mirror: mirror.map(|(of, domain)| Source {
            name: of.to_owned(),
            external: Some(External {
                api_prefix: format!("$JS.{domain}.API"),
                delivery_prefix: None,
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn one(folder: &str, work: Work) -> Result<(), Anything> {
    let a = context(connect(folder, SERVERS[0]).await?);
    let b = context(connect(folder, SERVERS[1]).await?);
    a.create_stream(stream("S", Some("alert"), None)).await?;
    let arrived = b.create_stream(stream("M", None, Some(("S", "a")))).await?;
    b.create_stream(stream("R", Some("receipt"), None)).await?;
    let returned = a
        .create_stream(stream("RM", None, Some(("R", "b"))))
        .await?;
    // Mirrors need a moment before they follow.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let flight = work.flight();
    let single = work.is_single();
    let (tell_total, total) = oneshot::channel();
    let (confirm, confirms) = mpsc::unbounded_channel();
    let receiving = tokio::spawn(receipt(messages(&arrived).await?, b.clone()));
    let settling = tokio::spawn(settled(
        messages(&returned).await?,
        Arc::clone(&flight),
        single,
        total,
    ));
    let confirming = tokio::spawn(confirmations(confirms, Arc::clone(&flight), !single));
    let started = flight.now();
    let mut number = 0;
    while let Some(at) = flight.turn(work.mode, started, number).await? {
        flight.stamp(number, at);
        let published = a.publish("alert", work.message(number).into()).await?;
        confirm.send((number, published))?;
        number += 1;
    }
    drop(confirm);
    tell_total.send(number).map_err(|_| "receipts ended")?;
    let confirmed = confirming.await?;
    let (settled, ended) = tokio::time::timeout(STALLED_AFTER, settling).await??;
    receiving.abort();
    for (server, name) in [(&a, "RM"), (&b, "M"), (&a, "S"), (&b, "R")] {
        server.delete_stream(name).await?;
    }
    tell(number, ended - started, &confirmed, &settled);
    Ok(())
}

type Stream = jetstream::stream::Stream;

async fn messages(stream: &Stream) -> Result<pull::Ordered, Anything> {
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..Default::default()
    };
    Ok(stream.create_consumer(config).await?.messages().await?)
}

/// At B: one receipt for all that came together, naming the last of them.
async fn receipt(arriving: pull::Ordered, b: Context) {
    let mut arriving = arriving.ready_chunks(RECEIPT_MESSAGES);
    while let Some(together) = arriving.next().await {
        let last = together.last().expect("not empty").as_ref();
        let mut receipt = vec![0; RECEIPT_BYTES];
        receipt[..8].copy_from_slice(&last.expect("a message").payload[..8]);
        b.publish("receipt", receipt.into())
            .await
            .expect("published");
    }
}

/// At A: a receipt settles all up to the one that it names.
async fn settled(
    mut returning: pull::Ordered,
    flight: Arc<Flight>,
    gives_room: bool,
    mut total: oneshot::Receiver<u64>,
) -> (Histogram<u64>, u64) {
    let mut ages = histogram();
    let (mut next, mut expected, mut ended) = (0, None, 0);
    while expected != Some(next) {
        let receipt = tokio::select! {
            receipt = returning.next() => receipt.expect("more").expect("a receipt"),
            told = &mut total, if expected.is_none() => {
                expected = Some(told.expect("a total"));
                continue;
            }
        };
        let last = number_of(&receipt.payload);
        while next <= last {
            ages.saturating_record(flight.age(next));
            next += 1;
            if gives_room {
                flight.room.add_permits(1);
            }
        }
        ended = flight.now();
    }
    (ages, ended)
}

async fn confirmations(
    mut confirms: mpsc::UnboundedReceiver<(u64, PublishAckFuture)>,
    flight: Arc<Flight>,
    gives_room: bool,
) -> Histogram<u64> {
    let mut ages = histogram();
    while let Some((number, confirm)) = confirms.recv().await {
        confirm.await.expect("acknowledged");
        ages.saturating_record(flight.age(number));
        if gives_room {
            flight.room.add_permits(1);
        }
    }
    ages
}
