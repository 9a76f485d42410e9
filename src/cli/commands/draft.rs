//! `allpoints draft`: drafts that wait for a second person: list, show, release, return, discard.

use clap::Subcommand;

use super::list::marked_kind_of;
use crate::{
    cli::{
        exit::CliError,
        output::{escape, json, names, table, time},
        refusal::{Repeat, explain},
        session::{Session, read_failed},
        submit,
    },
    proto::desk::v1::{
        DiscardDraftRequest, DraftLife, DraftSummary, ListDraftsRequest, ListDraftsResponse,
        ReleaseDraftRequest, ReturnDraftRequest, ShowDraftRequest, ShowDraftResponse,
        SubmitResponse,
    },
};

/// Subcommands of `draft`.
#[derive(Debug, Subcommand)]
pub enum DraftCommand {
    /// Drafts that wait for a second person, or went back to their creator, newest first
    List(ListArgs),
    /// One draft in full; the look is journaled
    Show(DraftArgs),
    /// Let a draft of somebody else go: it is judged again, signed and sent
    Release(DraftArgs),
    /// Give a draft back to its creator
    Return(ReturnArgs),
    /// End a draft unsent
    Discard(DraftArgs),
}

/// Arguments of `draft list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// How many at most (1 to 200)
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on from here: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
}

/// Which draft.
#[derive(Debug, clap::Args)]
pub struct DraftArgs {
    /// Full id, any unique prefix of 8 or more, or a reference such as XA-26-7F3K9
    id: String,
}

/// Arguments of `draft return`.
#[derive(Debug, clap::Args)]
pub struct ReturnArgs {
    /// Full id, any unique prefix of 8 or more, or a reference such as XA-26-7F3K9
    id: String,
    /// What is to be changed; its creator reads it with `draft show`
    #[arg(long)]
    reason: String,
}

/// Runs one of them. All are safe to repeat.
///
/// # Errors
/// Exit 3 when a rule refuses, 4 when there is no such draft or it is not the caller's to end.
pub async fn run(command: DraftCommand, session: &Session) -> Result<(), CliError> {
    match command {
        DraftCommand::List(args) => list(args, session).await,
        DraftCommand::Show(args) => show(args, session).await,
        DraftCommand::Release(args) => release(args, session).await,
        DraftCommand::Return(args) => give_back(args, session).await,
        DraftCommand::Discard(args) => discard(args, session).await,
    }
}

async fn list(args: ListArgs, session: &Session) -> Result<(), CliError> {
    let request = ListDraftsRequest {
        cursor: args.cursor.unwrap_or_default(),
        limit: args.limit,
    };
    let mut desk = session.desk().await?;
    let page = desk.list_drafts(request).await.map_err(read_failed)?;
    session.output.value(&page.into_inner(), lines)
}

async fn show(args: DraftArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ShowDraftRequest { id: args.id };
    let shown = desk.show_draft(request).await.map_err(read_failed)?;
    session.output.value(&shown.into_inner(), whole)
}

async fn release(args: DraftArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ReleaseDraftRequest { id: args.id };
    // Said twice, the second gets the first answer.
    let released = desk.release_draft(request).await;
    let released = released.map_err(|status| explain(&status, &Repeat::Read))?;
    let response = SubmitResponse {
        submitted: released.into_inner().submitted.into_iter().collect(),
    };
    session
        .output
        .value(&response, |it| submit::render(it, submit::Effect::Accept))
}

async fn give_back(args: ReturnArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ReturnDraftRequest {
        id: args.id,
        reason: args.reason,
    };
    let returned = desk.return_draft(request).await;
    let returned = returned.map_err(|status| explain(&status, &Repeat::Read))?;
    session.output.value(&returned.into_inner(), |returned| {
        let summary = returned.summary.clone().unwrap_or_default();
        format!(
            "{} went back to {}, who may hand it in again under the same id",
            escape(&summary.reference),
            escape(&summary.created_by)
        )
    })
}

async fn discard(args: DraftArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = DiscardDraftRequest { id: args.id };
    let discarded = desk.discard_draft(request).await;
    let discarded = discarded.map_err(|status| explain(&status, &Repeat::Read))?;
    session.output.value(&discarded.into_inner(), |discarded| {
        let statement = names::statement(discarded.statement.as_ref());
        format!("{statement} is ended, and nothing was sent")
    })
}

fn lines(page: &ListDraftsResponse) -> String {
    let mut shown = table([
        "reference",
        "kind",
        "priority",
        "to",
        "written by",
        "since",
        "state",
        "why",
    ]);
    for draft in &page.items {
        shown.add_row([
            escape(&draft.reference),
            marked(draft),
            names::priority(draft.priority),
            escape(&draft.recipients.join(", ")),
            format!(
                "{}{}",
                escape(&draft.created_by),
                if draft.own { " (you)" } else { "" }
            ),
            time(draft.created_at_us),
            life(draft),
            escape(&draft.release_rule),
        ]);
    }
    if page.next_cursor.is_empty() {
        return shown.to_string();
    }
    format!("{shown}\nmore: --cursor {}", escape(&page.next_cursor))
}

fn whole(shown: &ShowDraftResponse) -> String {
    let summary = shown.summary.clone().unwrap_or_default();
    let mut lines = vec![
        format!(
            "{}  {}  {}  {}",
            escape(&summary.reference),
            marked(&summary),
            names::priority(summary.priority),
            life(&summary)
        ),
        format!(
            "  id        {}",
            names::statement(summary.statement.as_ref())
        ),
        format!("  to        {}", escape(&summary.recipients.join(", "))),
        format!(
            "  written   by {} at {}",
            escape(&summary.created_by),
            time(summary.created_at_us)
        ),
        format!("  waits     {}", escape(&summary.release_rule)),
    ];
    if !shown.returned_reason.is_empty() {
        lines.push(format!("  returned  {}", escape(&shown.returned_reason)));
    }
    if let Some(Ok(content)) = shown.draft.as_ref().map(json) {
        lines.extend(content.lines().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

fn marked(draft: &DraftSummary) -> String {
    marked_kind_of(draft.kind, draft.status, draft.do_not_alert)
}

fn life(draft: &DraftSummary) -> String {
    match draft.life() {
        DraftLife::AwaitingRelease => "awaits release".to_owned(),
        DraftLife::Returned => "returned".to_owned(),
        DraftLife::Unspecified => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{NOW_US, statement};
    use super::*;
    use crate::proto::{
        alert::v1::Draft,
        envelope::v1::{Kind, Priority, Status},
    };

    fn draft() -> DraftSummary {
        DraftSummary {
            statement: Some(statement("XA-POL")),
            reference: "XA-26-7F3K9".to_owned(),
            kind: Kind::MissingOffender.into(),
            status: Status::Exercise.into(),
            priority: Priority::Urgent.into(),
            recipients: vec!["XB-POL".to_owned(), "XC-POL".to_owned()],
            created_by: "XA-POL/officer-41".to_owned(),
            created_at_us: NOW_US,
            life: DraftLife::AwaitingRelease.into(),
            release_rule: "rule 1 of [[release]]".to_owned(),
            own: true,
            do_not_alert: false,
        }
    }

    #[test]
    fn drafts_are_listed_with_who_wrote_them_and_why_they_wait() {
        let returned = DraftSummary {
            life: DraftLife::Returned.into(),
            own: false,
            do_not_alert: true,
            ..draft()
        };
        insta::assert_snapshot!(lines(&ListDraftsResponse {
            items: vec![draft(), returned],
            next_cursor: "d000000000000e".to_owned(),
        }));
    }

    #[test]
    fn a_draft_is_shown_in_full_with_why_it_went_back() {
        insta::assert_snapshot!(whole(&ShowDraftResponse {
            summary: Some(DraftSummary {
                life: DraftLife::Returned.into(),
                ..draft()
            }),
            draft: Some(Draft {
                to: vec!["@all-eu".to_owned()],
                priority: Priority::Urgent.into(),
                ..Draft::default()
            }),
            returned_reason: "name the court\u{1b}[2J".to_owned(),
        }));
    }
}
