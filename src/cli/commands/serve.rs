//! `allpoints serve`: runs a node until it is told to stop.

use std::{io::Read as _, path::PathBuf, thread};

use rustix::process::{Signal, getpid, kill_process};

use crate::{
    cli::exit::{CliError, Exit},
    node::{self, ExitKind, NodeError},
};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Stop in order when standard input closes: for children of the demo and of tests
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// Exit 2 when keys, certificates, directory or configuration are wrong; 1 when it fails while serving.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    if args.exit_with_parent {
        stop_when_input_closes()?;
    }
    node::serve(&args.config).map_err(explain)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn explain(error: NodeError) -> CliError {
    let exit = match error.exit() {
        ExitKind::Configuration => Exit::Usage,
        ExitKind::Failed => Exit::Failed,
    };
    CliError::new(exit, error.to_string())
}

/// The parent holds the other end of a pipe: however it ends, the pipe closes.
fn stop_when_input_closes() -> Result<(), CliError> {
    let watch = || {
        let mut scratch = [0; 64];
        let mut input = std::io::stdin();
        while matches!(input.read(&mut scratch), Ok(read) if read > 0) {}
        // As if told to from outside: the node drains and closes.
        let _ = kill_process(getpid(), Signal::TERM);
    };
    thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(watch)
        .map(drop)
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot watch the parent: {error}")))
}
