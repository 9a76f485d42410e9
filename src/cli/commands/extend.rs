//! `allpoints extend`: gives an own thread to authorities that are new to it, with all that stands in it.

use clap::ValueEnum;

use crate::{
    cli::{
        drafts::words,
        exit::CliError,
        output::names,
        session::Session,
        submit::{self, Effect},
        thread,
    },
    client::Target,
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

/// The draft that gives a thread to these.
pub(super) fn draft(target: &Target, to: Vec<String>, ground: GroundArgs) -> Draft {
    let extend = Extend {
        text: words(ground.why),
        ..Extend::default()
    };
    let follow_up = target.follow_up(to, None).without_words();
    let mut draft = follow_up.draft(Kind::Extend(extend));
    // A thread is given as a whole, whatever of it was named.
    draft.in_reply_to = names::statement(Some(&target.first));
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::proto::{
        desk::v1::Summary,
        envelope::v1::{Handling, StatementRef},
    };

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: ExtendArgs,
    }

    fn target(handling: &[Handling]) -> Target {
        let named = |last| StatementRef {
            origin: "XA-POL".to_owned(),
            id: [&[1; 15][..], &[last]].concat(),
        };
        Target {
            summary: Summary {
                handling: handling.iter().map(|it| (*it).into()).collect(),
                ..Summary::default()
            },
            statement: named(2),
            first: named(1),
        }
    }

    #[test]
    fn a_thread_is_named_by_its_first_statement_and_ground_and_reason_are_as_said() {
        let line = [
            "x",
            "XA-26-7F3K9",
            "--to",
            "XD-POL,@west",
            "--ground",
            "derogation",
        ];
        assert!(
            Line::try_parse_from(line).is_err(),
            "a derogation has a reason"
        );
        let line = [&line[..], &["--ground-reason", "the person boards today"]].concat();
        let args = Line::try_parse_from(line).unwrap().args;
        let draft = draft(&target(&[Handling::H1]), args.to, args.ground);
        assert!(draft.in_reply_to.ends_with("01"), "{}", draft.in_reply_to);
        assert_eq!(draft.to, ["XD-POL", "@west"]);
        assert_eq!(draft.ground(), TransferGround::Derogation);
        assert_eq!(draft.ground_reason, "the person boards today");
    }

    #[test]
    fn a_restriction_in_words_stays_with_what_is_given() {
        let none = GroundArgs {
            ground: None,
            ground_reason: None,
            why: None,
        };
        for (of_alert, of_extension) in [
            (&[Handling::H1, Handling::H3][..], Handling::H1),
            (&[Handling::H3], Handling::H0),
        ] {
            let draft = draft(&target(of_alert), Vec::new(), none.clone());
            assert_eq!(draft.handling, [i32::from(of_extension)]);
            assert_eq!(draft.ground, 0, "as the authority's default");
        }
    }
}
