//! `allpoints dev`: synthetic drafts from a seed, for trials and load. Never a real person, always an exercise.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::progress,
        session::Session,
    },
    domain::routing::{Priority, Status},
    proto::alert::v1::Draft,
    wire::generate::{Recipe, drafts},
};

use super::send::priority;

/// Subcommands of `dev`.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Write synthetic drafts, marked as an exercise, one JSON value a line or a file
    Generate(GenerateArgs),
}

/// Arguments of `dev generate`.
#[derive(Debug, clap::Args)]
pub struct GenerateArgs {
    /// The same seed gives the same persons and alerts
    #[arg(long)]
    seed: u64,
    /// How many
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// To whom: authorities, countries, `@group` or `all`, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "all")]
    to: Vec<String>,
    /// Of all of them; mixed when not given
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,
    /// A folder, which is made: each draft becomes a file of its own, ready for `send`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs one of them.
///
/// # Errors
/// Exit 2 when a file cannot be made; nothing is overwritten.
pub fn run(command: DevCommand, session: &Session) -> Result<(), CliError> {
    let DevCommand::Generate(args) = command;
    let recipe = Recipe {
        seed: args.seed,
        to: args.to,
        status: Status::Exercise,
        priority: args.priority,
        now: session.clock.now(),
        payload_bytes: None,
    };
    let wanted = (1..=args.count).zip(drafts(recipe));
    let Some(folder) = args.out else {
        for (_, draft) in wanted {
            session.output.text(&json(&draft)?)?;
        }
        return Ok(());
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    let bar = progress(args.count, "writing");
    for (number, draft) in wanted {
        let file = folder.join(format!("draft-{number:06}.json"));
        write_new(&file, &json(&draft)?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let said = format!("{} drafts in {}", args.count, folder.display());
    session.output.text(&said)
}

fn json(draft: &Draft) -> Result<String, CliError> {
    serde_json::to_string(draft)
        .map_err(|error| CliError::new(Exit::Failed, format!("a draft has no JSON form: {error}")))
}

fn write_new(file: &Path, text: &str) -> Result<(), CliError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut new| new.write_all(text.as_bytes()))
        .map_err(|error| failed(file, &error))
}

fn failed(place: &Path, error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Usage,
        format!("cannot make {}: {error}", place.display()),
    )
    .hint("name a folder that holds no drafts yet")
}
