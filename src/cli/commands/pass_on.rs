//! `allpoints pass-on`: gives a thread that is held here, and is another's, to authorities that are new to it.

use super::extend::{self, GroundArgs};
use crate::{
    cli::{
        exit::CliError,
        session::Session,
        submit::{self, Effect},
        thread,
    },
    client::Target,
    proto::alert::v1::{Draft, PassingOn, payload::Kind},
};

/// Arguments of `pass-on`.
#[derive(Debug, clap::Args)]
pub struct PassOnArgs {
    /// Any statement of the thread: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// To whom: authorities, `@group` or `all`, separated by commas; who holds it already is passed over
    #[arg(long, value_delimiter = ',', required = true)]
    to: Vec<String>,
    #[command(flatten)]
    ground: GroundArgs,
    /// Check what would go to whom, on what permission, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Passes on, and says what went to whom.
///
/// # Errors
/// As the node says: only with the permission that the markings demand, and only what is live.
pub async fn run(args: PassOnArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let target = thread::find(&mut desk, &args.id).await?;
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

/// As an extension, by who is not the originator.
fn draft(target: &Target, to: Vec<String>, ground: GroundArgs) -> Draft {
    let mut draft = extend::draft(target, to, ground);
    let payload = draft.payload.as_mut();
    if let Some(Kind::Extend(extend)) = payload.and_then(|it| it.kind.as_mut()) {
        extend.passing_on = Some(PassingOn::default());
    }
    draft
}
