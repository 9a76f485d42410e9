//! `allpoints send`: hands drafts to the own node. Makes the ids itself before the first try.

use std::{io::Read as _, path::PathBuf};

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, progress},
        session::Session,
        submit,
    },
    domain::{id::MessageId, limits::SUBMIT_MAX_DRAFTS, routing::Priority},
    proto::{alert::v1::Draft, desk::v1::Separation, envelope::v1 as envelope},
    wire::alert::{Fault, read_draft_json},
};

/// Arguments of `send`.
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// Drafts: canonical protobuf JSON files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// To whom: authorities, countries, `@group` or `all`, separated by commas; instead of what the draft says
    #[arg(long, value_delimiter = ',')]
    to: Vec<String>,
    /// Instead of what the draft says
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,
    /// UUIDv7 of the statement: repeat with the same id when the outcome was unknown
    #[arg(long, value_parser = message_id)]
    id: Option<MessageId>,
    /// Check and expand the recipients, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Keep it for a second person's release, whatever the rules say
    #[arg(long, conflicts_with = "dry_run")]
    draft: bool,
    /// One statement to each recipient, under an id of its own: none sees another
    #[arg(long)]
    separately: bool,
    /// One statement to all of them, even of a kind that usually goes separately
    #[arg(long, conflicts_with = "separately")]
    together: bool,
    /// Mark it as an exercise: it never enters a live queue, count or page unmarked
    #[arg(long)]
    exercise: bool,
}

/// Sends every file, at most 256 in one commit.
///
/// # Errors
/// Exit 3 with every fault of every draft; 5 when the outcome is unknown.
pub async fn run(args: SendArgs, session: &Session) -> Result<(), CliError> {
    if args.id.is_some() && args.files.len() > 1 {
        return Err(CliError::new(
            Exit::Usage,
            "--id names one statement, but several files are given",
        )
        .hint("send one file, or write the ids into the drafts"));
    }
    let drafts = args
        .files
        .iter()
        .map(|path| Ok(overridden(read(path)?, &args)))
        .collect::<Result<Vec<_>, CliError>>()?;
    let mut desk = session.desk().await?;
    let bar = progress(drafts.len() as u64, "sending");
    let effect = match (args.dry_run, args.draft) {
        (true, _) => submit::Effect::DryRun,
        (false, true) => submit::Effect::Keep,
        (false, false) => submit::Effect::Accept,
    };
    let separation = match (args.separately, args.together) {
        (true, _) => Separation::Apart,
        (false, true) => Separation::Together,
        (false, false) => Separation::Unspecified,
    };
    for group in drafts.chunks(SUBMIT_MAX_DRAFTS) {
        let response =
            submit::submit_as(&mut desk, session, group.to_vec(), separation, effect).await?;
        bar.inc(group.len() as u64);
        bar.suspend(|| {
            session
                .output
                .value(&response, |it| submit::render(it, effect))
        })?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn read(path: &PathBuf) -> Result<Draft, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(
            Exit::Usage,
            format!("cannot read {}: {error}", path.display()),
        )
    };
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        text
    } else {
        std::fs::read_to_string(path).map_err(failed)?
    };
    read_draft_json(&text).map_err(|faults| faulty(&path.display().to_string(), &faults))
}

fn faulty(file: &str, faults: &[Fault]) -> CliError {
    let mut message = format!("{} is no legal draft", escape(file));
    for fault in faults {
        message.push_str(&format!(
            "\n  {}: found {}, expected {}",
            escape(&fault.path),
            escape(&fault.found),
            escape(&fault.expected)
        ));
    }
    CliError::new(Exit::Refused, message).hint("correct every field listed")
}

fn overridden(mut draft: Draft, args: &SendArgs) -> Draft {
    if !args.to.is_empty() {
        draft.to.clone_from(&args.to);
    }
    if let Some(priority) = args.priority {
        draft.priority = i32::from(priority as u8);
    }
    if let Some(id) = args.id {
        draft.id = id.to_string();
    }
    if args.exercise {
        draft.status = envelope::Status::Exercise.into();
    }
    draft
}

/// Reads a priority by its name.
pub(super) fn priority(text: &str) -> Result<Priority, String> {
    Priority::from_name(text).ok_or_else(|| {
        let names = Priority::ALL.iter().map(|it| it.name());
        format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
    })
}

fn message_id(text: &str) -> Result<MessageId, String> {
    text.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_draft_is_listed() {
        let fault = |path: &str, found: &str| Fault {
            path: path.to_owned(),
            found: found.to_owned(),
            expected: "something else".to_owned(),
        };
        let error = faulty(
            "a.json",
            &[fault("to", "nothing"), fault("priority", "\u{202e}x")],
        );
        assert_eq!(error.exit, Exit::Refused);
        insta::assert_snapshot!(error, @r"
        a.json is no legal draft
          to: found nothing, expected something else
          priority: found \u{202e}x, expected something else
        ");
    }

    #[test]
    fn a_priority_is_one_of_four_words() {
        assert_eq!(priority("flash"), Ok(Priority::Flash));
        assert!(priority("Flash").is_err());
    }
}
