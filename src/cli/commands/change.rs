//! `allpoints update`, `correct`, `recall` and `close`: an origin changes its own statement, for all who hold it.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::{
    cli::{
        drafts::words,
        exit::{CliError, Exit},
        session::Session,
        submit::{self, Effect},
        thread,
    },
    proto::alert::v1::{Closure, ClosureReason, Payload, Recall, RecallReason, payload::Kind},
};

/// Arguments of `update` and `correct`.
#[derive(Debug, clap::Args)]
pub struct ChangeArgs {
    /// Own statement: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// The new content: a payload with `update` or `correction`, canonical protobuf JSON
    file: PathBuf,
}

/// Arguments of `recall`.
#[derive(Debug, clap::Args)]
pub struct RecallArgs {
    /// Own statement: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Why it was wrong
    #[arg(long)]
    why: RecallWhy,
    /// More, in words; needed for `other`
    #[arg(long, required_if_eq("why", "other"))]
    text: Option<String>,
}

/// Arguments of `close`.
#[derive(Debug, clap::Args)]
pub struct CloseArgs {
    /// Own alert: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Why its purpose is reached or gone
    #[arg(long)]
    why: CloseWhy,
    /// Since when: a day
    #[arg(long)]
    since: Option<String>,
    /// More, in words; needed for `other`
    #[arg(long, required_if_eq("why", "other"))]
    text: Option<String>,
}

/// Why an alert is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the words are the command line's own help")]
pub enum RecallWhy {
    WrongPerson,
    WrongFacts,
    SentByMistake,
    WrongRecipients,
    NoLegalBasis,
    Other,
}

/// Why an alert is stood down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the words are the command line's own help")]
pub enum CloseWhy {
    Found,
    Arrested,
    Returned,
    OrderEnded,
    Deceased,
    Other,
}

/// `update` and `correct`.
///
/// # Errors
/// Exit 2 when the file is no payload; else as the node says.
pub async fn run_change(args: ChangeArgs, session: &Session) -> Result<(), CliError> {
    let payload = read(&args.file)?;
    submit_change(&args.id, payload, session).await
}

/// `recall`.
///
/// # Errors
/// As the node says: only the origin may.
pub async fn run_recall(args: RecallArgs, session: &Session) -> Result<(), CliError> {
    let recall = Recall {
        reason: RecallReason::from(args.why).into(),
        text: words(args.text),
        ..Recall::default()
    };
    submit_change(&args.id, of_kind(Kind::Recall(recall)), session).await
}

/// `close`.
///
/// # Errors
/// As the node says: only the origin may.
pub async fn run_close(args: CloseArgs, session: &Session) -> Result<(), CliError> {
    let closure = Closure {
        reason: ClosureReason::from(args.why).into(),
        since: args.since.unwrap_or_default(),
        text: words(args.text),
        ..Closure::default()
    };
    submit_change(&args.id, of_kind(Kind::Closure(closure)), session).await
}

pub(super) async fn submit_change(
    id: &str,
    payload: Payload,
    session: &Session,
) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let target = thread::find(&mut desk, id).await?;
    let draft = target
        .follow_up(target.summary.recipients.clone(), None)
        .with_payload(payload);
    let response = submit::submit(&mut desk, session, vec![draft], Effect::Accept).await?;
    session
        .output
        .value(&response, |it| submit::render(it, Effect::Accept))
}

fn of_kind(kind: Kind) -> Payload {
    Payload {
        kind: Some(kind),
        ..Payload::default()
    }
}

fn read(path: &PathBuf) -> Result<Payload, CliError> {
    let usage = |what: String| {
        CliError::new(Exit::Usage, format!("{}: {what}", path.display())).hint(
            "expected a payload in canonical protobuf JSON, with `update` or `correction` in it",
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
    let payload: Payload = serde_json::from_str(&text).map_err(|error| usage(error.to_string()))?;
    match payload.kind {
        Some(Kind::Update(_) | Kind::Correction(_)) => Ok(payload),
        _ => Err(usage("neither an update nor a correction".to_owned())),
    }
}

impl From<RecallWhy> for RecallReason {
    fn from(why: RecallWhy) -> Self {
        match why {
            RecallWhy::WrongPerson => Self::WrongPerson,
            RecallWhy::WrongFacts => Self::WrongFacts,
            RecallWhy::SentByMistake => Self::SentByMistake,
            RecallWhy::WrongRecipients => Self::WrongRecipients,
            RecallWhy::NoLegalBasis => Self::NoLegalBasis,
            RecallWhy::Other => Self::Other,
        }
    }
}

impl From<CloseWhy> for ClosureReason {
    fn from(why: CloseWhy) -> Self {
        match why {
            CloseWhy::Found => Self::Found,
            CloseWhy::Arrested => Self::Arrested,
            CloseWhy::Returned => Self::Returned,
            CloseWhy::OrderEnded => Self::OrderEnded,
            CloseWhy::Deceased => Self::Deceased,
            CloseWhy::Other => Self::Other,
        }
    }
}
