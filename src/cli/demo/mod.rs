//! `allpoints demo`: three invented countries on this machine, and everything that Allpoints promises them.
//!
//! Three `serve` child processes on real loopback sockets, with keys, CAs and stores of their own in a
//! temporary folder. Every check is computed from what the nodes say. Leaves no process, socket or file behind,
//! also when interrupted or failing, unless `--keep` is given.

use std::path::PathBuf;

use super::{
    exit::{CliError, Exit},
    output::Form,
    session::Session,
};

mod federation;
mod interruption;
mod intrusions;
mod outage;
mod plan;
mod ports;
mod processes;
mod proof;
pub mod report;
pub mod sabotage;
mod stage;
mod story;
mod table;
#[cfg(test)]
mod tests;

use interruption::Interruption;
use processes::{Net, NotReady};
use report::{DemoReport, Promise};
use sabotage::Sabotage;
use stage::Stage;
use table::Live;

/// Times that everything is founded anew when another program takes a port meanwhile.
const FOUNDINGS: usize = 5;

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
/// Exit 1 when any check does not hold, naming it; when a node cannot be started; or when interrupted.
pub async fn run(args: DemoArgs, session: &Session) -> Result<(), CliError> {
    // Before anything is made that an interruption would have to clear away.
    let interruption = Interruption::watch()?;
    let mut report = DemoReport::default();
    let mut net = None;
    let played = tokio::select! {
        played = play(&args, session, &mut net, &mut report) => Some(played),
        () = interruption.comes() => None,
    };
    let interrupted = played.is_none();
    let outcome = played.unwrap_or_else(|| Err(CliError::new(Exit::Failed, "interrupted")));
    if let Err(error) = &outcome {
        let said = error.to_string();
        report.check(Promise::Demo, "the demo runs to its end", "no error", &said);
    }
    let left = match net {
        Some(mut net) if args.keep.is_some() && outcome.is_ok() => {
            net.keep();
            report.commands = net.how_to_talk(&report.alert, &report.anchor);
            None
        }
        Some(net) => Some(net.end()),
        None => None,
    };
    if let Some(left) = &left {
        let name = "no process, socket or folder is left behind";
        report.check(Promise::Demo, name, "0 processes, no folder", left);
    }
    report.ok = report.holds();
    report.seconds = session.clock.monotonic().as_secs_f64();
    if interrupted && session.output.form == Form::People {
        let left = left.unwrap_or_else(|| "nothing had been made".to_owned());
        return Err(CliError::new(
            Exit::Failed,
            format!("interrupted; left behind: {left}"),
        ));
    }
    match outcome {
        // Wrong use, such as a folder that exists: there is nothing to report on.
        Err(error) if error.exit == Exit::Usage => return Err(error),
        _ => session.output.value(&report, table::summary)?,
    }
    match report.failed() {
        failed if failed.is_empty() => Ok(()),
        failed => Err(CliError::new(
            Exit::Failed,
            format!("did not hold: {}", failed.join("; ")),
        )),
    }
}

/// Founds, starts and plays. What was made stands in `net`, whatever becomes of this.
async fn play(
    args: &DemoArgs,
    session: &Session,
    net: &mut Option<Net>,
    report: &mut DemoReport,
) -> Result<(), CliError> {
    let live = Live::start(session.output);
    live.line(&table::opening());
    let mut foundings = 0;
    loop {
        foundings += 1;
        let made = net.insert(Net::prepare(args.keep.as_deref())?);
        report.anchor = federation::found(made).await?;
        match made.start_all().await {
            Ok(()) => break,
            Err(NotReady::PortTaken(_)) if foundings < FOUNDINGS => {
                // The ports stand in what the roots have signed: all of it goes, and is made again.
                net.take().map(Net::end);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let Some(net) = net else {
        return Err(CliError::new(Exit::Failed, "no nodes"));
    };
    let mut stage = Stage {
        net,
        session,
        report,
        live,
        fault: args.sabotage,
    };
    story::play(&mut stage).await
}
