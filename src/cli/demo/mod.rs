//! `allpoints demo`: three invented countries on this machine, and everything that Allpoints promises them.
//!
//! Three `serve` child processes on real loopback sockets, with keys, CAs and stores of their own in a
//! temporary folder. Every check is computed from what the nodes say. Leaves no process, socket or file behind,
//! also when interrupted or failing, unless `--keep` is given.

use std::path::PathBuf;

use super::{
    exit::{CliError, Exit},
    session::Session,
};

mod federation;
mod intrusions;
mod plan;
mod processes;
pub mod report;
pub mod sabotage;
mod steps;
mod table;
#[cfg(test)]
mod tests;

use processes::Net;
use report::DemoReport;
use sabotage::Sabotage;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Leave the three nodes running in this folder, and print how to talk to them
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Plant a fault from outside the nodes: the demo must then fail, and name the check
    #[arg(long)]
    sabotage: Option<Sabotage>,
}

/// Runs it.
///
/// # Errors
/// Exit 1 when any check does not hold, naming it; or when a node cannot be started.
pub async fn run(args: DemoArgs, session: &Session) -> Result<(), CliError> {
    let started = session.clock.monotonic();
    let mut report = DemoReport::default();
    let mut net = Net::prepare(args.keep.as_deref())?;
    let outcome = tokio::select! {
        outcome = steps::all(&mut net, session, args.sabotage, &mut report) => outcome,
        () = interrupted() => Err(CliError::new(Exit::Failed, "interrupted")),
    };
    if let Err(error) = outcome {
        report.check("the demo runs to its end", "no error", &error.to_string());
    }
    if args.keep.is_some() && report.holds() {
        net.keep();
        session.output.note(&net.how_to_talk());
    } else {
        let left = net.end();
        report.check("nothing is left behind", "0 processes, no folder", &left);
    }
    report.seconds = (session.clock.monotonic() - started).as_secs_f64();
    session.output.value(&report, table::summary)?;
    match report.failed() {
        failed if failed.is_empty() => Ok(()),
        failed => Err(CliError::new(
            Exit::Failed,
            format!("did not hold: {}", failed.join("; ")),
        )),
    }
}

/// Ends when the person or the system wants the program to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
