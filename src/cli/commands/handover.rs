//! `allpoints handover`: what is open at the desk, given over by one shift and taken by the next.

use clap::Subcommand;

use super::list::marked_kind_of;
use crate::{
    cli::{
        exit::CliError,
        output::{beside, escape, names, table, time},
        refusal::{Repeat, explain},
        session::{Session, read_failed},
    },
    proto::{
        desk::v1::{
            HandOverRequest, HandoverSummary, OpenWork, OpenWorkRequest, OpenWorkResponse,
            ShowHandoverRequest, ShowHandoverResponse, TakeOverRequest, WorkItem, WorkSection,
        },
        envelope::v1::Status,
    },
};

/// Arguments of `handover`.
#[derive(Debug, clap::Args)]
pub struct HandoverArgs {
    #[command(subcommand)]
    command: Option<HandoverCommand>,
}

/// Subcommands of `handover`; none: what is open now.
#[derive(Debug, Subcommand)]
enum HandoverCommand {
    /// Give the open work over in your name; given again, it takes the place of what you gave before
    Give(GiveArgs),
    /// What was given over, as its giver saw it
    Show(ShowArgs),
    /// Take it over in your name: shown first, then signed for
    Take(ShowArgs),
}

/// Arguments of `handover give`.
#[derive(Debug, clap::Args)]
struct GiveArgs {
    /// What the next shift must know and no list says; kept sealed
    #[arg(long, default_value = "")]
    note: String,
}

/// Which handover.
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Such as H-1234; left out: the newest that waits and that somebody else gave
    #[arg(default_value = "")]
    name: String,
}

/// Runs one of them. Taking is safe to repeat.
///
/// # Errors
/// Exit 3 when a rule refuses, 4 when there is no such handover or it is not the caller's to take.
pub async fn run(args: HandoverArgs, session: &Session) -> Result<(), CliError> {
    match args.command {
        None => open(session).await,
        Some(HandoverCommand::Give(args)) => give(args, session).await,
        Some(HandoverCommand::Show(args)) => show(args, session).await,
        Some(HandoverCommand::Take(args)) => take(args, session).await,
    }
}

async fn open(session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let open = desk.open_work(OpenWorkRequest {}).await;
    let open = open.map_err(read_failed)?;
    session.output.value(&open.into_inner(), whole)
}

async fn give(args: GiveArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let given = desk.hand_over(HandOverRequest { note: args.note }).await;
    let given = given.map_err(|status| explain(&status, &Repeat::Read))?;
    session.output.value(&given.into_inner(), |given| {
        let summary = given.summary.clone().unwrap_or_default();
        let work = given.work.clone().unwrap_or_default();
        format!(
            "{}\n\n{} is given over by {} and waits: `allpoints handover take {}` by somebody else",
            listed(&work),
            escape(&summary.name),
            escape(&summary.given_by),
            escape(&summary.name),
        )
    })
}

async fn show(args: ShowArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ShowHandoverRequest { name: args.name };
    let shown = desk.show_handover(request).await.map_err(read_failed)?;
    session.output.value(&shown.into_inner(), given_over)
}

async fn take(args: ShowArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ShowHandoverRequest { name: args.name };
    let shown = desk.show_handover(request).await.map_err(read_failed)?;
    let shown = shown.into_inner();
    let request = TakeOverRequest {
        name: shown.summary.clone().unwrap_or_default().name,
        leaf: shown.leaf.clone(),
    };
    let taken = desk.take_over(request).await;
    let taken = taken.map_err(|status| explain(&status, &Repeat::Read))?;
    let shown = ShowHandoverResponse {
        summary: taken.into_inner().summary,
        ..shown
    };
    session.output.value(&shown, given_over)
}

fn whole(open: &OpenWorkResponse) -> String {
    let work = open.work.clone().unwrap_or_default();
    let mut parts = vec![format!("Open at {}", time(work.at_us)), listed(&work)];
    parts.extend((!open.handovers.is_empty()).then(|| {
        let lines = open.handovers.iter().map(|it| format!("  {}", signed(it)));
        let lines: Vec<String> = lines.collect();
        format!("Handovers\n{}", lines.join("\n"))
    }));
    parts.join("\n\n")
}

fn given_over(shown: &ShowHandoverResponse) -> String {
    let summary = shown.summary.clone().unwrap_or_default();
    let work = shown.work.clone().unwrap_or_default();
    let mut parts = vec![signed(&summary), listed(&work)];
    if !shown.note.is_empty() {
        parts.push(format!("In the giver's words\n  {}", escape(&shown.note)));
    }
    parts.join("\n\n")
}

/// Who gave and who took, each when.
fn signed(summary: &HandoverSummary) -> String {
    let taken = match summary.taken_by.as_str() {
        "" => "waits to be taken".to_owned(),
        by => format!("taken by {} at {}", escape(by), time(summary.taken_at_us)),
    };
    format!(
        "{}  given by {}{} at {}, {taken}",
        escape(&summary.name),
        escape(&summary.given_by),
        if summary.own { " (you)" } else { "" },
        time(summary.given_at_us),
    )
}

/// A table a section, in the order in which people go about it.
fn listed(work: &OpenWork) -> String {
    const SECTIONS: [WorkSection; 7] = [
        WorkSection::Instruction,
        WorkSection::Answer,
        WorkSection::Unopened,
        WorkSection::Draft,
        WorkSection::Held,
        WorkSection::Partner,
        WorkSection::Day,
    ];
    let mut parts = Vec::new();
    for section in SECTIONS {
        let items: Vec<&WorkItem> = work
            .items
            .iter()
            .filter(|item| item.section() == section)
            .collect();
        if !items.is_empty() {
            parts.push(format!(
                "{} ({})\n{}",
                heading(section),
                counted(&items),
                lines(&items, work.at_us)
            ));
        }
    }
    if parts.is_empty() {
        parts.push("Nothing is open.".to_owned());
    }
    if work.left_out > 0 {
        parts.push(format!("and {} lines more", work.left_out));
    }
    if work.older_statements > 0 {
        parts.push(format!(
            "The {} statements before these were not looked through for clocks: what they owe was called when it was due.",
            work.older_statements
        ));
    }
    parts.join("\n\n")
}

/// What is real is counted by itself (invariant I10).
fn counted(items: &[&WorkItem]) -> String {
    let actual = i32::from(Status::Actual);
    let real = items.iter().filter(|item| item.status == actual).count();
    format!("{real}{}", beside((items.len() - real) as u64))
}

fn heading(section: WorkSection) -> &'static str {
    match section {
        WorkSection::Instruction => "Our word is awaited after a hit",
        WorkSection::Answer => "We owe an answer",
        WorkSection::Unopened => "Nobody here has opened it",
        WorkSection::Draft => "Drafts for a second person, or gone back",
        WorkSection::Held => "Held until a person acts",
        WorkSection::Partner => "A partner is late",
        WorkSection::Day => "Days of our own alerts",
        WorkSection::Unspecified => "Else",
    }
}

fn lines(items: &[&WorkItem], at_us: i64) -> String {
    let mut shown = table(["reference", "kind", "priority", "with", "what", "due"]);
    for item in items {
        let what = match item.person_present {
            true => format!("{}; THE PERSON IS PRESENT", escape(&item.what)),
            false => escape(&item.what),
        };
        shown.add_row([
            escape(&item.reference),
            marked_kind_of(item.kind, item.status, item.do_not_alert),
            names::priority(item.priority),
            match item.authority.as_str() {
                "" => "-".to_owned(),
                authority => escape(authority),
            },
            what,
            due(item.due_us, at_us),
        ]);
    }
    shown.to_string()
}

fn due(due_us: i64, at_us: i64) -> String {
    match due_us {
        0 => "-".to_owned(),
        due if due < at_us => format!("{} OVERDUE", time(due)),
        due => time(due),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{MINUTE_US, NOW_US, statement};
    use super::*;
    use crate::proto::envelope::v1::{Kind, Priority};

    fn item(section: WorkSection, what: &str, due_us: i64) -> WorkItem {
        WorkItem {
            section: section.into(),
            statement: Some(statement("XA-POL")),
            reference: "XA-26-7F3K9".to_owned(),
            kind: Kind::MissingOffender.into(),
            status: Status::Actual.into(),
            priority: Priority::Flash.into(),
            authority: "XB-POL".to_owned(),
            due_us,
            what: what.to_owned(),
            ..WorkItem::default()
        }
    }

    fn work() -> OpenWork {
        let hit = WorkItem {
            person_present: true,
            do_not_alert: true,
            ..item(
                WorkSection::Instruction,
                "instruction",
                NOW_US + 20 * MINUTE_US,
            )
        };
        let drill = WorkItem {
            status: Status::Exercise.into(),
            ..item(WorkSection::Unopened, "opened", NOW_US - MINUTE_US)
        };
        let draft = WorkItem {
            authority: String::new(),
            ..item(WorkSection::Draft, "awaiting release", 0)
        };
        OpenWork {
            at_us: NOW_US,
            items: vec![
                hit,
                item(WorkSection::Answer, "answer", NOW_US + 60 * MINUTE_US),
                drill,
                draft,
                item(WorkSection::Held, "UNSUPPORTED_VERSION", 0),
                item(WorkSection::Partner, "answer", NOW_US - 90 * MINUTE_US),
                item(WorkSection::Day, "ends", NOW_US + 1_440 * MINUTE_US),
            ],
            left_out: 2,
            older_statements: 70_000,
        }
    }

    fn handover(own: bool) -> HandoverSummary {
        HandoverSummary {
            name: "H-1234".to_owned(),
            given_by: "XA-POL/duty-7".to_owned(),
            given_at_us: NOW_US,
            own,
            ..HandoverSummary::default()
        }
    }

    #[test]
    fn open_work_stands_in_the_order_in_which_people_go_about_it() {
        let taken = HandoverSummary {
            name: "H-1200".to_owned(),
            taken_by: "XA-POL/duty-9".to_owned(),
            taken_at_us: NOW_US + MINUTE_US,
            ..handover(true)
        };
        insta::assert_snapshot!(whole(&OpenWorkResponse {
            work: Some(work()),
            handovers: vec![handover(false), taken],
        }));
    }

    #[test]
    fn an_empty_desk_says_so() {
        assert_eq!(listed(&OpenWork::default()), "Nothing is open.");
    }

    #[test]
    fn what_was_given_over_is_shown_with_both_names_and_the_givers_words() {
        insta::assert_snapshot!(given_over(&ShowHandoverResponse {
            summary: Some(HandoverSummary {
                taken_by: "XA-POL/duty-9".to_owned(),
                taken_at_us: NOW_US + 5 * MINUTE_US,
                ..handover(false)
            }),
            work: Some(OpenWork {
                items: vec![work().items.remove(0)],
                at_us: NOW_US,
                ..OpenWork::default()
            }),
            note: "The harbour calls back at nine\u{1b}[2J".to_owned(),
            leaf: vec![7; 32],
        }));
    }
}
