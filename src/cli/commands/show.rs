//! `allpoints show`: one thread in full. An officer's view marks it opened; a peek does not.

use crate::{
    cli::{
        exit::CliError,
        output::{escape, hex, json, names, time},
        session::{Session, read_failed},
    },
    proto::desk::v1::{ShowRequest, ShowResponse, StatementView},
};

use super::list::marked_kind;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Full id, any unique prefix of 8 or more, or a reference such as XA-26-7F3K9
    id: String,
    /// Leave it unopened; the look is journaled all the same
    #[arg(long)]
    peek: bool,
}

/// Shows the thread.
///
/// # Errors
/// Exit 4 when there is none that the caller may see.
pub async fn run(args: ShowArgs, session: &Session) -> Result<(), CliError> {
    let request = ShowRequest {
        id: args.id,
        peek: args.peek,
    };
    let mut desk = session.desk().await?;
    let thread = desk.show(request).await.map_err(read_failed)?.into_inner();
    session.output.value(&thread, render)
}

fn render(thread: &ShowResponse) -> String {
    let mut shown = format!(
        "alert {}, own handling {}\n",
        names::alert_life(thread.life),
        names::handling_life(thread.handling_life)
    );
    for view in &thread.statements {
        shown.push_str(&statement(view));
    }
    shown
}

fn statement(view: &StatementView) -> String {
    let summary = view.summary.clone().unwrap_or_default();
    let mut lines = vec![
        String::new(),
        format!(
            "{}  {}  {}",
            escape(&summary.reference),
            marked_kind(&summary),
            names::priority(summary.priority)
        ),
        format!(
            "  id        {}",
            names::statement(summary.statement.as_ref())
        ),
        format!("  issued    {}", time(summary.issued_at_us)),
        format!("  to        {}", escape(&summary.recipients.join(", "))),
        format!(
            "  handling  {} {}",
            names::handling(&summary.handling),
            escape(&view.handling_text)
        ),
    ];
    if view.in_reply_to.is_some() {
        lines.push(format!(
            "  refers to {}",
            names::statement(view.in_reply_to.as_ref())
        ));
    }
    if let Some(release) = &view.release {
        lines.push(format!(
            "  released  by {} at {}, attested by the origin's node",
            escape(&release.released_by),
            time(release.released_at_us)
        ));
    }
    lines.push(format!(
        "  signed    key {}, leaf {}",
        hex(&view.signing_key_id),
        hex(&view.leaf)
    ));
    // The content in its canonical JSON, indented: every field that is there, none that is not.
    if let Some(Ok(content)) = view.payload.as_ref().map(json) {
        lines.extend(content.lines().map(|line| format!("    {line}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{NOW_US, alert, statement as named};
    use super::*;
    use crate::proto::{
        alert::v1::{Answer, AnswerCode, Payload, Text, payload::Kind},
        envelope::v1::Release,
    };

    #[test]
    fn a_thread_is_shown_with_who_signed_and_every_field_that_is_there() {
        let answer = Answer {
            code: AnswerCode::CannotAct.into(),
            reason: Some(Text {
                text: "no legal basis\u{1b}[2J".to_owned(),
                ..Text::default()
            }),
            ..Answer::default()
        };
        let view = StatementView {
            summary: Some(alert()),
            payload: Some(Payload {
                kind: Some(Kind::Answer(answer)),
                ..Payload::default()
            }),
            leaf: vec![0xab; 32],
            signing_key_id: vec![0xcd; 8],
            in_reply_to: Some(named("XB-POL")),
            release: Some(Release {
                created_by: "XA-POL/officer-7".to_owned(),
                released_by: "XA-POL/officer-8".to_owned(),
                released_at_us: NOW_US,
                ..Release::default()
            }),
            handling_text: "ask before court".to_owned(),
            ..StatementView::default()
        };
        insta::assert_snapshot!(render(&ShowResponse {
            statements: vec![view],
            life: 2,
            handling_life: 1,
        }));
    }
}
