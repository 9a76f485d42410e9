//! A program of an authority: sends a synthetic exercise alert through its own node, and prints what became of it.
//!
//! ```text
//! cargo run --example client -- try/allpoints/arcadia.toml XB-POL
//! ```
//!
//! Waits up to 20 seconds for its delivery. Ends with 1 when it was not accepted, and says whose fault that is.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to whoever runs it"
)]

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use allpoints::{
    client::{Client, ClientError, Profile},
    domain::{routing::Status, time::Clock as _},
    node::system::SystemClock,
    proto::{
        alert::v1::Draft,
        desk::v1::{DeliveryState, TrackResponse},
    },
    wire::generate::{Recipe, drafts},
};
use clap::Parser;

/// How often the delivery is asked for, and how often at most.
const ASK_EVERY: Duration = Duration::from_millis(200);
const ASK_AT_MOST: usize = 100;

/// Sends one exercise alert.
#[derive(Parser)]
struct Arguments {
    /// A profile, as `allpoints pki desk` writes it.
    profile: PathBuf,
    /// To whom: authorities, `@group` or `all`.
    #[arg(required = true)]
    to: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), ClientError> {
    let clock = Arc::new(SystemClock::new());
    let mut sent = [synthetic(arguments.to, &clock)];
    let profile = Profile::read(&arguments.profile).map_err(ClientError::Profile)?;
    let client = Client::connect(profile, clock).await?;

    let accepted = submitted(&client, &mut sent).await?;
    println!("accepted as {accepted}");
    for _ in 0..ASK_AT_MOST {
        let track = client.track(&accepted).await?;
        if track.deliveries.iter().all(is_settled) {
            print(&track);
            return Ok(());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    print(&client.track(&accepted).await?);
    Ok(())
}

/// Repeats once when the outcome is unknown: the ids stand in the drafts, so that at most one try has an effect.
async fn submitted(client: &Client, drafts: &mut [Draft]) -> Result<String, ClientError> {
    let accepted = match client.submit(drafts).await {
        Err(ClientError::OutcomeUnknown { .. }) => client.submit(drafts).await?,
        known => known?,
    };
    let first = accepted.into_iter().next();
    first
        .map(|it| it.reference)
        .ok_or_else(|| ClientError::Failed("the node accepted nothing".to_owned()))
}

/// An alert of nobody who exists, marked as an exercise.
fn synthetic(to: Vec<String>, clock: &SystemClock) -> Draft {
    let now = clock.now();
    let recipe = Recipe {
        // Another person each time.
        seed: now.as_micros().unsigned_abs(),
        to,
        status: Status::Exercise,
        priority: None,
        now,
        payload_bytes: None,
    };
    let mut draft = drafts(recipe).next().unwrap_or_default();
    // The client makes it.
    draft.id.clear();
    draft
}

fn is_settled(delivery: &allpoints::proto::desk::v1::Delivery) -> bool {
    !matches!(
        delivery.state(),
        DeliveryState::Unspecified | DeliveryState::Queued | DeliveryState::Sent
    )
}

fn print(track: &TrackResponse) {
    for delivery in &track.deliveries {
        let state = delivery.state().as_str_name();
        println!("{}: {state} {}", delivery.recipient, delivery.reason);
    }
    for event in &track.events {
        println!("{} {} {}", event.at_us, event.authority, event.what);
    }
}

fn explain(error: &ClientError) {
    eprintln!("{error}");
    if let ClientError::FaultyDraft(faults) = error {
        for fault in faults {
            eprintln!("  {}: {}", fault.path, fault.what);
        }
    }
}
