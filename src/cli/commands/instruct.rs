//! `allpoints instruct`: the originator's word after a hit.

use crate::{
    cli::{
        drafts::words,
        exit::CliError,
        session::Session,
        submit::{self, Effect},
        thread,
    },
    proto::{
        alert::v1::{Instruction, InstructionCode, payload::Kind},
        envelope::v1::Priority,
    },
};

/// Arguments of `instruct`.
#[derive(Debug, clap::Args)]
pub struct InstructArgs {
    /// The answer or sighting it follows: full id, any unique prefix of 8 or more, or a reference
    id: String,
    #[command(flatten)]
    word: Word,
    /// More, in words
    #[arg(long)]
    text: Option<String>,
}

/// Exactly one word.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "one flag of a group of flags each, of which clap lets exactly one through"
)]
struct Word {
    /// Hold the person, as your law allows
    #[arg(long)]
    hold: bool,
    /// Confirm who it is
    #[arg(long)]
    confirm_identity: bool,
    /// Let pass, and report
    #[arg(long)]
    let_pass: bool,
    /// Hand over
    #[arg(long)]
    hand_over: bool,
    /// Contact us first
    #[arg(long)]
    contact: bool,
}

/// Instructs whoever issued the answer or sighting.
///
/// # Errors
/// Exit 4 when it is not here; 3 with all faults; 5 with the id to repeat with.
pub async fn run(args: InstructArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let target = thread::find(&mut desk, &args.id).await?;
    // What was said abroad is answered to its writer; on an own statement it goes to all who hold it.
    let own = session.profile()?.authority;
    let to = if target.statement.origin == own.as_str() {
        target.summary.recipients.clone()
    } else {
        vec![target.statement.origin.clone()]
    };
    let urgent = (target.summary.priority() as i32).max(Priority::Urgent as i32);
    let urgent = Priority::try_from(urgent).unwrap_or(Priority::Urgent);
    let instruction = Instruction {
        code: args.word.code().into(),
        text: words(args.text),
        ..Instruction::default()
    };
    let draft = target
        .follow_up(to, Some(urgent))
        .draft(Kind::Instruction(instruction));
    let response = submit::submit(&mut desk, session, vec![draft], Effect::Accept).await?;
    session
        .output
        .value(&response, |it| submit::render(it, Effect::Accept))
}

impl Word {
    fn code(&self) -> InstructionCode {
        match self {
            Self { hold: true, .. } => InstructionCode::Hold,
            Self {
                confirm_identity: true,
                ..
            } => InstructionCode::ConfirmIdentity,
            Self { let_pass: true, .. } => InstructionCode::LetPassAndReport,
            Self {
                hand_over: true, ..
            } => InstructionCode::HandOver,
            _ => InstructionCode::Contact,
        }
    }
}
