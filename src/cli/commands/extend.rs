//! `allpoints extend`: gives an own thread to authorities that are new to it, with all that stands in it.

use clap::ValueEnum;

use crate::{
    cli::{
        drafts::words,
        exit::CliError,
        session::Session,
        submit::{self, Effect},
        thread::Target,
    },
    proto::{
        alert::v1::{Draft, Extend, payload::Kind},
        envelope::v1::TransferGround,
    },
};

/// Arguments of `extend`.
#[derive(Debug, clap::Args)]
pub struct ExtendArgs {
    /// Any statement of an own thread: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// To whom: authorities, `@group` or `all`, separated by commas; who holds it already is passed over
    #[arg(long, value_delimiter = ',', required = true)]
    to: Vec<String>,
    #[command(flatten)]
    ground: GroundArgs,
    /// Check and expand the recipients, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// On what ground newcomers get it, and why.
#[derive(Debug, Clone, clap::Args)]
pub struct GroundArgs {
    /// On what ground the person's data go to the newcomers; without it on the authority's default
    #[arg(long)]
    ground: Option<GroundName>,
    /// Why a derogation is used
    #[arg(long, required_if_eq("ground", "derogation"))]
    ground_reason: Option<String>,
    /// Why it is given to them, in words
    #[arg(long)]
    why: Option<String>,
}

/// Directive (EU) 2016/680, arts. 36 to 38.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the words are the command line's own help")]
pub enum GroundName {
    Adequacy,
    Safeguards,
    Derogation,
}

/// Extends, and says who holds the thread from now on.
///
/// # Errors
/// As the node says: only the origin may, and only what is live.
pub async fn run(args: ExtendArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let target = Target::find(&mut desk, &args.id).await?;
    let draft = draft(&target, args.to, args.ground);
    let effect = match args.dry_run {
        true => Effect::DryRun,
        false => Effect::Accept,
    };
    let response = submit::submit(&mut desk, session, vec![draft], effect).await?;
    session
        .output
        .value(&response, |it| submit::render(it, effect))
}

/// The draft that gives a thread to these.
pub(super) fn draft(target: &Target, to: Vec<String>, ground: GroundArgs) -> Draft {
    let extend = Extend {
        text: words(ground.why),
        ..Extend::default()
    };
    let mut draft = target.follow_up(to, None).draft(Kind::Extend(extend));
    // A thread is given as a whole, whatever of it was named.
    draft.in_reply_to = crate::cli::output::names::statement(Some(&target.first));
    draft.ground = ground
        .ground
        .map_or(0, |it| TransferGround::from(it).into());
    draft.ground_reason = ground.ground_reason.unwrap_or_default();
    draft
}

impl From<GroundName> for TransferGround {
    fn from(name: GroundName) -> Self {
        match name {
            GroundName::Adequacy => Self::Adequacy,
            GroundName::Safeguards => Self::Safeguards,
            GroundName::Derogation => Self::Derogation,
        }
    }
}
