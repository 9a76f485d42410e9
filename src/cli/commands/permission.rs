//! `allpoints permission`: a holder asks a thread's originator for what handling codes forbid; the originator grants it, or
//! refuses.
//!
//! The way in is [`run`]; `lines` shows in `track` what was asked and what became of it.

use clap::ValueEnum;

use crate::{
    cli::{
        connection::Desk,
        drafts::words,
        exit::{CliError, Exit},
        output::{escape, names, time},
        session::{Session, read_failed},
        submit::{self, Effect},
    },
    client::Target,
    domain::alert::value::Day,
    proto::{
        alert::v1::{
            Grant, InformationReply, InformationRequest, PermissionAct, PermissionRequest,
            ReplyResult, RequestPurpose, payload::Kind,
        },
        desk::v1::{AskedPermission, PermissionState, ShowRequest, ShowResponse},
    },
};

/// What is done about permission.
#[derive(Debug, clap::Subcommand)]
pub enum PermissionCommand {
    /// Ask the originator of a thread that is held here
    Ask(AskArgs),
    /// Grant what a request asks, in whole or for some of those it names
    Grant(GrantArgs),
    /// Refuse what a request asks
    Refuse(RefuseArgs),
}

/// Arguments of `permission ask`.
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// Any statement of the thread: full id, any unique prefix of 8 or more, or a reference
    id: String,
    #[command(flatten)]
    act: Act,
    /// Law or treaty on which it would be done
    #[arg(long)]
    legal_basis: String,
    /// What it is needed for, in words
    #[arg(long)]
    why: String,
    /// For what purpose
    #[arg(long, value_enum, default_value_t = Purpose::Investigation)]
    purpose: Purpose,
}

/// Exactly one act.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Act {
    /// To pass it on to these authorities, separated by commas (H2, or TLP:AMBER)
    #[arg(long, value_delimiter = ',', value_name = "AUTHORITY")]
    pass_on_to: Vec<String>,
    /// To disclose it in proceedings before a court (H1)
    #[arg(long)]
    disclose: bool,
}

/// After Directive (EU) 2023/977 art. 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the words are the command line's own help")]
pub enum Purpose {
    Prevention,
    Detection,
    Investigation,
    Tracing,
    Supervision,
}

/// Arguments of `permission grant`.
#[derive(Debug, clap::Args)]
pub struct GrantArgs {
    /// The request: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// The last day on which it may be done, in UTC
    #[arg(long, value_name = "DAY")]
    until: String,
    /// To these of whom it names alone, separated by commas; without it, to all
    #[arg(
        long,
        value_delimiter = ',',
        requires = "why",
        value_name = "AUTHORITY"
    )]
    to: Vec<String>,
    /// Why not to all, in words
    #[arg(long)]
    why: Option<String>,
    /// On what conditions, in words
    #[arg(long)]
    conditions: Option<String>,
}

/// Arguments of `permission refuse`.
#[derive(Debug, clap::Args)]
pub struct RefuseArgs {
    /// The request: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Why, in words
    #[arg(long)]
    why: String,
    /// The article, when a law is the reason
    #[arg(long)]
    article: Option<String>,
}

/// Asks, grants or refuses, by a signed statement in the thread.
///
/// # Errors
/// Exit 4 when the statement is not here, or asks for no permission; 3 with all faults; 5 with the id to repeat with.
pub async fn run(command: PermissionCommand, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let draft = match command {
        PermissionCommand::Ask(args) => {
            let (target, _) = look(&mut desk, &args.id).await?;
            let to = vec![target.first.origin.clone()];
            let mut draft = target
                .follow_up(to, None)
                .without_words()
                .draft(Kind::InformationRequest(request(args)));
            // It is asked for the thread as a whole, whatever of it was named.
            draft.in_reply_to = names::statement(Some(&target.first));
            draft
        }
        PermissionCommand::Grant(args) => {
            let (target, asked) = asked(&mut desk, &args.id).await?;
            let today = Day::of(session.clock.now()).map_or_else(String::new, |it| it.to_string());
            replying(&target, grant(args, asked, today))
        }
        PermissionCommand::Refuse(args) => {
            let (target, _) = asked(&mut desk, &args.id).await?;
            replying(&target, refusal(args))
        }
    };
    let response = submit::submit(&mut desk, session, vec![draft], Effect::Accept).await?;
    session
        .output
        .value(&response, |it| submit::render(it, Effect::Accept))
}

fn replying(target: &Target, reply: InformationReply) -> crate::proto::alert::v1::Draft {
    let to = vec![target.statement.origin.clone()];
    let follow_up = target.follow_up(to, None).without_words();
    follow_up.draft(Kind::InformationReply(reply))
}

/// The statement, and its thread.
async fn look(desk: &mut Desk, id: &str) -> Result<(Target, ShowResponse), CliError> {
    let request = ShowRequest {
        id: id.to_owned(),
        peek: true,
        ..ShowRequest::default()
    };
    let thread = desk.show(request).await.map_err(read_failed)?.into_inner();
    match Target::of(&thread, id) {
        Some(target) => Ok((target, thread)),
        None => Err(CliError::new(
            Exit::NotFound,
            format!("the thread of `{}` is empty", escape(id)),
        )),
    }
}

/// A request, and the permission that it asks.
async fn asked(desk: &mut Desk, id: &str) -> Result<(Target, PermissionRequest), CliError> {
    let (target, thread) = look(desk, id).await?;
    let mut views = thread.statements.into_iter();
    let named = views.find(|view| {
        let summary = view.summary.as_ref();
        summary.is_some_and(|it| it.statement.as_ref() == Some(&target.statement))
    });
    match named.and_then(|view| view.payload?.kind) {
        Some(Kind::InformationRequest(InformationRequest {
            permission: Some(asked),
            ..
        })) => Ok((target, asked)),
        _ => Err(CliError::new(
            Exit::NotFound,
            format!(
                "{} asks for no permission",
                names::reference(Some(&target.statement))
            ),
        )
        .hint("`allpoints track` of the alert names every request for permission in its thread")),
    }
}

fn request(args: AskArgs) -> InformationRequest {
    let permission = PermissionRequest {
        act: match args.act.disclose {
            true => PermissionAct::Disclose.into(),
            false => PermissionAct::PassOn.into(),
        },
        to: args.act.pass_on_to,
    };
    InformationRequest {
        purpose: RequestPurpose::from(args.purpose).into(),
        questions: words(Some(args.why)).into_iter().collect(),
        legal_basis: args.legal_basis,
        permission: Some(permission),
        ..InformationRequest::default()
    }
}

fn grant(args: GrantArgs, asked: PermissionRequest, today: String) -> InformationReply {
    let (result, to) = match args.to.is_empty() {
        true => (ReplyResult::Answered, asked.to),
        false => (ReplyResult::Partly, args.to),
    };
    InformationReply {
        result: result.into(),
        text: words(Some("Permission is granted.".to_owned())),
        valid_as_of: today,
        reason: words(args.why),
        grant: Some(Grant {
            act: asked.act,
            to,
            until: args.until,
            conditions: words(args.conditions),
        }),
        ..InformationReply::default()
    }
}

fn refusal(args: RefuseArgs) -> InformationReply {
    InformationReply {
        result: ReplyResult::Refused.into(),
        reason: words(Some(args.why)),
        article: args.article.unwrap_or_default(),
        ..InformationReply::default()
    }
}

impl From<Purpose> for RequestPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Prevention => Self::Prevention,
            Purpose::Detection => Self::Detection,
            Purpose::Investigation => Self::Investigation,
            Purpose::Tracing => Self::Tracing,
            Purpose::Supervision => Self::Supervision,
        }
    }
}

/// What was asked in a thread, one line each, and what became of it.
pub(super) fn lines(permissions: &[AskedPermission]) -> String {
    let lines = permissions.iter().map(|asked| {
        let what = match asked.act() {
            PermissionAct::PassOn => format!("to pass it on to {}", escape(&asked.to.join(", "))),
            PermissionAct::Disclose => "to disclose it in court".to_owned(),
            PermissionAct::Unspecified => format!("for act {}", asked.act),
        };
        format!(
            "permission {} {what}: asked by {} at {}; {}\n",
            escape(&asked.reference),
            escape(&asked.asked_by),
            time(asked.asked_at_us),
            became(asked),
        )
    });
    lines.collect()
}

fn became(asked: &AskedPermission) -> String {
    let to = match asked.granted_to.is_empty() {
        true => String::new(),
        false => format!(" for {}", escape(&asked.granted_to.join(", "))),
    };
    let (at, until) = (time(asked.replied_at_us), escape(&asked.until));
    match asked.state() {
        PermissionState::Asked => "no reply yet".to_owned(),
        PermissionState::Granted => format!("granted{to} until {until}, at {at}"),
        PermissionState::Refused => format!("refused at {at}"),
        PermissionState::TakenBack => format!("granted{to} at {at}, and taken back since"),
        PermissionState::Over => format!("granted{to} until {until}, which is over"),
        PermissionState::Unspecified => format!("state {}", asked.state),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(subcommand)]
        command: PermissionCommand,
    }

    fn parsed(line: &str) -> Result<PermissionCommand, clap::Error> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.command)
    }

    #[test]
    fn one_act_is_asked_and_passing_on_names_to_whom() {
        let ask = |line: &str| match parsed(line) {
            Ok(PermissionCommand::Ask(args)) => request(args).permission.unwrap(),
            other => panic!("{other:?}"),
        };
        let asked = ask("ask XA-26-7F3K9 --pass-on-to XD-POL,XE-POL --legal-basis law --why so");
        assert_eq!(asked.act(), PermissionAct::PassOn);
        assert_eq!(asked.to, ["XD-POL", "XE-POL"]);
        let asked = ask("ask XA-26-7F3K9 --disclose --legal-basis law --why so");
        assert_eq!(asked.act(), PermissionAct::Disclose);
        assert!(asked.to.is_empty());
        for line in [
            "ask XA-26-7F3K9 --legal-basis law --why so",
            "ask XA-26-7F3K9 --disclose --pass-on-to XD-POL --legal-basis law --why so",
            "ask XA-26-7F3K9 --disclose --why so",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_grant_is_for_all_that_is_asked_or_for_some_with_the_reason() {
        let asked = || PermissionRequest {
            act: PermissionAct::PassOn.into(),
            to: vec!["XD-POL".to_owned(), "XE-POL".to_owned()],
        };
        let of = |line: &str| match parsed(line) {
            Ok(PermissionCommand::Grant(args)) => grant(args, asked(), "2026-11-29".to_owned()),
            other => panic!("{other:?}"),
        };
        let whole = of("grant XB-26-7F3K9 --until 2026-12-31");
        assert_eq!(whole.result(), ReplyResult::Answered);
        assert_eq!(whole.grant.unwrap().to, asked().to);
        let part = of("grant XB-26-7F3K9 --until 2026-12-31 --to XD-POL --why no-adequacy");
        assert_eq!(part.result(), ReplyResult::Partly);
        assert_eq!(part.grant.unwrap().to, ["XD-POL"]);
        assert!(parsed("grant XB-26-7F3K9 --until 2026-12-31 --to XD-POL").is_err());
        assert!(parsed("refuse XB-26-7F3K9").is_err());
    }

    #[test]
    fn each_request_is_a_line_that_says_what_became_of_it() {
        let asked = |state: PermissionState| AskedPermission {
            reference: "XB-26-7F3K9".to_owned(),
            asked_by: "XB-POL".to_owned(),
            asked_at_us: 1_795_508_000_000_000,
            act: PermissionAct::PassOn.into(),
            to: vec!["XD-POL".to_owned(), "XE-POL".to_owned()],
            state: state.into(),
            replied_at_us: 1_795_508_600_000_000,
            granted_to: vec!["XD-POL".to_owned()],
            until: "2026-12-31".to_owned(),
            ..AskedPermission::default()
        };
        let all = [
            PermissionState::Asked,
            PermissionState::Granted,
            PermissionState::Refused,
            PermissionState::TakenBack,
            PermissionState::Over,
        ];
        insta::assert_snapshot!(lines(&all.map(asked)));
    }
}
