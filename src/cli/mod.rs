//! Commands. Talks to a node only through the desk API; offline verifying and making keys aside.
//!
//! The way in is [`run`]. Every command answers `Result<(), CliError>`, and only this file turns that into
//! an exit code.

use std::{io::Write as _, process::ExitCode, sync::Arc};

use clap::{
    ArgMatches, CommandFactory as _, FromArgMatches as _, error::ErrorKind, parser::ValueSource,
};

pub mod arguments;
pub mod commands;
pub mod connection;
pub mod csv;
pub mod demo;
pub mod drafts;
pub mod exit;
pub mod federation;
pub mod output;
pub mod outside;
pub mod pki;
pub mod refusal;
pub mod session;
pub mod submit;
pub mod template;
pub mod thread;
mod verbosity;
pub mod verify;

use arguments::{Command, CommandLine, Global};
use exit::{CliError, Exit};
use output::{Form, Output};
use session::{ProfileChoice, Session};

use crate::{i18n::Language, node::system::SystemClock, proto::desk::v1::Box as MailBox};

/// Parses the arguments, runs the command, and answers with the design's exit codes.
#[must_use]
pub fn run() -> ExitCode {
    let line = parse();
    if line.global.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    verbosity::start(&line);
    let session = session_of(&line.global);
    match runtime().and_then(|runtime| runtime.block_on(dispatch(line.command, &session))) {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit as u8)
        }
    }
}

/// Ends the program with usage and exit 2 when the line is wrong, and with exit 0 after help.
fn parse() -> CommandLine {
    let matches = CommandLine::command().get_matches();
    if profile_is_named_twice(&matches) {
        let message = "the argument '--profile-file <PATH>' cannot be used with '--profile <NAME>'";
        CommandLine::command()
            .error(ErrorKind::ArgumentConflict, message)
            .exit();
    }
    CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// `--profile-file` goes before `ALLPOINTS_PROFILE`, which may be set for the day, and contradicts `--profile`.
fn profile_is_named_twice(matches: &ArgMatches) -> bool {
    let by_hand = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    by_hand("profile") && by_hand("profile_file")
}

async fn dispatch(command: Command, session: &Session) -> Result<(), CliError> {
    match command {
        Command::Send(args) => commands::send::run(args, session).await,
        Command::Import(args) => commands::import::run(args, session).await,
        Command::New(args) => commands::new::run(&args, session),
        Command::Draft(command) => commands::draft::run(command, session).await,
        Command::Inbox(args) => commands::list::run(args, MailBox::In, session).await,
        Command::Outbox(args) => commands::list::run(args, MailBox::Out, session).await,
        Command::Show(args) => commands::show::run(args, session).await,
        Command::Answer(args) => commands::answer::run(args, session).await,
        Command::Instruct(args) => commands::instruct::run(args, session).await,
        Command::Update(args) | Command::Correct(args) => {
            commands::change::run_change(args, session).await
        }
        Command::Extend(args) => commands::extend::run(args, session).await,
        Command::Offers(args) => commands::offers::run(args, session).await,
        Command::PassOn(args) => commands::pass_on::run(args, session).await,
        Command::Tree(args) => commands::tree::run(&args, session).await,
        Command::Permission(command) => commands::permission::run(command, session).await,
        Command::Recall(args) => commands::change::run_recall(args, session).await,
        Command::Close(args) => commands::change::run_close(args, session).await,
        Command::Track(args) => commands::track::run(args, session).await,
        Command::Cap(args) => commands::cap::run(args, session).await,
        Command::Return(args) => commands::unreturned::run(args, session).await,
        Command::Carry(args) => commands::carry::carry(args, session).await,
        Command::Carried(args) => commands::carry::carried(args, session).await,
        Command::Resume(args) => commands::resume::run(args, session).await,
        Command::Stats(args) => commands::stats::run(args, session).await,
        Command::Restrict(args) => commands::restrict::run(args, session).await,
        Command::Exercise(command) => commands::exercise::run(command, session).await,
        Command::Handover(args) => commands::handover::run(args, session).await,
        Command::Link(args) => commands::link::run(args, session).await,
        Command::Links(args) => commands::links::run(args, session).await,
        Command::Watch => commands::watch::run(session).await,
        Command::Status => commands::status::run(session).await,
        Command::Call(command) => commands::call::run(command, session).await,
        Command::Audit(command) => commands::audit::run(command, session).await,
        Command::Reasons(args) => commands::reasons::run(&args, session),
        Command::Lists(args) => commands::lists::run(&args, session),
        Command::Pki(args) => pki::run(args, session.clock.as_ref()),
        Command::Federation(args) => federation::run(args, session.clock.as_ref()),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Config(command) => commands::config::run(command, session),
        Command::Store(command) => commands::store::run(command, session).await,
        Command::Dev(command) => commands::dev::run(command, session),
        Command::Demo(args) => demo::run(args, session).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "allpoints", &mut script);
            session.output.text(&String::from_utf8_lossy(&script))
        }
    }
}

fn session_of(global: &Global) -> Session {
    let profile = match (&global.profile_file, &global.profile) {
        (Some(path), _) => ProfileChoice::File(path.clone()),
        (None, Some(name)) => ProfileChoice::Named(name.clone()),
        (None, None) => ProfileChoice::None,
    };
    let form = if global.json {
        Form::Json
    } else {
        Form::People
    };
    Session {
        clock: Arc::new(SystemClock::new()),
        output: Output { form },
        language: global.lang.unwrap_or_else(|| {
            let variables = ["LC_ALL", "LC_MESSAGES", "LANG"];
            Language::of_variables(variables.map(|name| std::env::var(name).ok()))
        }),
        profile,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot start the runtime: {error}")))
}

/// `error: what, where` and `help: what to do next`.
fn report(error: &CliError) {
    let mut err = anstream::stderr().lock();
    // Nothing useful is left to do when standard error is gone.
    let _ = writeln!(err, "error: {}", error.message);
    if let Some(hint) = &error.hint {
        let _ = writeln!(err, "help: {hint}");
    }
}
