//! The command line: every command and the global options. A command that is not built does not stand here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use super::{
    commands::{
        answer::AnswerArgs,
        audit::AuditCommand,
        call::CallCommand,
        cap::CapArgs,
        carry::{CarriedArgs, CarryArgs},
        change::{ChangeArgs, CloseArgs, RecallArgs},
        config::ConfigCommand,
        dev::DevCommand,
        draft::DraftCommand,
        exercise::ExerciseCommand,
        extend::ExtendArgs,
        handover::HandoverArgs,
        import::ImportArgs,
        instruct::InstructArgs,
        link::LinkArgs,
        links::LinksArgs,
        list::ListArgs,
        lists::ListsArgs,
        new::NewArgs,
        offers::OffersArgs,
        pass_on::PassOnArgs,
        permission::PermissionCommand,
        reasons::ReasonsArgs,
        restrict::RestrictArgs,
        resume::ResumeArgs,
        send::SendArgs,
        serve::ServeArgs,
        show::ShowArgs,
        stats::StatsArgs,
        store::StoreCommand,
        track::TrackArgs,
        tree::TreeArgs,
        unreturned::ReturnArgs,
    },
    demo::DemoArgs,
};
use crate::i18n::Language;

/// To every point that needs to know, and proof that they knew.
#[derive(Debug, Parser)]
#[command(name = "allpoints", version, propagate_version = true, after_help = EXITS)]
pub struct CommandLine {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXITS: &str = "\
Exit codes: 0 done; 1 failed inside; 2 usage or configuration; 3 refused by a rule; 4 not found or not
yours to see; 5 unreachable, outcome unknown, safe to repeat; 6 overdue or unhealthy; 7 evidence not proved.";

/// Options of every command.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// Which node to talk to, and as whom: a name in the allpoints configuration folder
    #[arg(long, global = true, env = "ALLPOINTS_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// The same, as a path
    #[arg(long, global = true, value_name = "PATH")]
    pub profile_file: Option<PathBuf>,
    /// Write canonical JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Write no colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Language of coded fields: en, fr; without it that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, global = true, value_name = "LANGUAGE", value_parser = language)]
    pub lang: Option<Language>,
    /// Say more on standard error; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

fn language(text: &str) -> Result<Language, String> {
    Language::of_locale(text).ok_or_else(|| "expected `en` or `fr`".to_owned())
}

/// Every command.
#[derive(Debug, Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "made once a run, and clap wants the arguments unboxed"
)]
pub enum Command {
    /// Send alerts from draft files
    Send(SendArgs),
    /// Print a draft to fill in: every field of a kind, the mandatory ones open
    New(NewArgs),
    /// Drafts that wait for a second person: look at them, release them, give them back
    #[command(subcommand)]
    Draft(DraftCommand),
    /// Send alerts out of a table, one a row, by a mapping file: all of them or none
    Import(ImportArgs),
    /// What came in, newest first
    Inbox(ListArgs),
    /// What went out, newest first
    Outbox(ListArgs),
    /// One thread in full; an officer's view marks it opened
    Show(ShowArgs),
    /// Say where the work on a foreign alert stands
    Answer(AnswerArgs),
    /// Say what shall be done after a hit abroad
    Instruct(InstructArgs),
    /// Add a fact to an own statement
    Update(ChangeArgs),
    /// Repair a fact in an own statement
    Correct(ChangeArgs),
    /// Give an own thread to authorities that are new to it, whole
    Extend(ExtendArgs),
    /// What was for a group or for all, and who joined since does not have
    Offers(OffersArgs),
    /// Pass a thread of somebody else on to authorities that are new to it, and tell its originator
    PassOn(PassOnArgs),
    /// Who has a thread, from whom, on what permission, and what each did
    Tree(TreeArgs),
    /// Ask a thread's originator for what handling codes forbid; grant it, or refuse
    #[command(subcommand)]
    Permission(PermissionCommand),
    /// Take an own statement back: it was wrong
    Recall(RecallArgs),
    /// Stand an own alert down: its purpose is reached or gone
    Close(CloseArgs),
    /// What each recipient did with a statement, when, and why
    Track(TrackArgs),
    /// A statement as the Common Alerting Protocol 1.2 says it, in XML, for systems that take such; no person in it
    Cap(CapArgs),
    /// What follows when somebody who travelled is not known to be back
    Return(ReturnArgs),
    /// Write a bundle for an authority that runs no node, to be carried there by hand
    Carry(CarryArgs),
    /// Report that a bundle was carried: by whom, when, acknowledged by whom
    Carried(CarriedArgs),
    /// Let a held delivery go on: what hindered it is out of the way
    Resume(ResumeArgs),
    /// How many outcomes there were: what each country returns, what is known here, and the own return
    Stats(StatsArgs),
    /// Keep the content of a thread to units of the own authority
    Restrict(RestrictArgs),
    /// What is open at this desk; give it over to the next shift, and take it over
    Handover(HandoverArgs),
    /// Say that an own alert and another one are about the same person
    Link(LinkArgs),
    /// Announce a drill, and report who answered when
    #[command(subcommand)]
    Exercise(ExerciseCommand),
    /// How each partner link really is
    Links(LinksArgs),
    /// Events as they happen
    Watch,
    /// The own node
    Status,
    /// Whether the own duty desk would be reached
    #[command(subcommand)]
    Call(CallCommand),
    /// Journal, and evidence
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The named reasons, what they mean, and what to do
    Reasons(ReasonsArgs),
    /// The coded lists, with the names of their values
    Lists(ListsArgs),
    /// Run a node
    Serve(ServeArgs),
    /// Check a node's configuration, or print every key
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check or repair a stopped node's journal, or rebuild what is made from it
    #[command(subcommand)]
    Store(StoreCommand),
    /// Keys, certificates and revocation lists of one authority
    Pki(super::pki::PkiArgs),
    /// Found and keep a federation: who belongs, with which keys, where
    Federation(super::federation::FederationArgs),
    /// Three invented countries on this machine, and everything that is promised to them
    Demo(DemoArgs),
    /// Material for those who build on this program
    #[command(subcommand)]
    Dev(DevCommand),
    /// A completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Every command says in one line what it does, subcommands too; what is hidden is for tests.
    #[test]
    fn every_command_has_a_summary() {
        let mut lines = Vec::new();
        summarize(&CommandLine::command(), "allpoints", &mut lines);
        assert!(lines.iter().all(|line| !line.ends_with("  ")), "{lines:?}");
        insta::assert_snapshot!(lines.join("\n"));
    }

    fn summarize(command: &clap::Command, path: &str, lines: &mut Vec<String>) {
        let about = command.get_about().map(ToString::to_string);
        lines.push(format!("{path}  {}", about.unwrap_or_default()));
        for sub in command.get_subcommands() {
            summarize(sub, &format!("{path} {}", sub.get_name()), lines);
        }
    }
}
