//! `allpoints show`: one thread in full. An officer's view marks it opened; a peek does not.

use crate::{
    cli::{
        exit::CliError,
        output::{coded, escape, hex, names, time},
        session::{Session, read_failed},
    },
    domain::{alert::marking::Tlp, transliteration},
    i18n::Names,
    proto::{
        alert::v1::Payload,
        desk::v1::{ShowRequest, ShowResponse, StatementView},
    },
};

use super::{link, list::marked_kind, touched};

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Full id, any unique prefix of 8 or more, or a reference such as XA-26-7F3K9
    id: String,
    /// Leave it unopened; the look is journaled all the same
    #[arg(long)]
    peek: bool,
    /// Why you look: an auditor must say it; kept sealed in the journal
    #[arg(long)]
    reason: Option<String>,
}

/// Shows the thread.
///
/// # Errors
/// Exit 4 when there is none that the caller may see.
pub async fn run(args: ShowArgs, session: &Session) -> Result<(), CliError> {
    let request = ShowRequest {
        id: args.id,
        peek: args.peek,
        reason: args.reason.unwrap_or_default(),
    };
    let mut desk = session.desk().await?;
    let thread = desk.show(request).await.map_err(read_failed)?.into_inner();
    session.output.value(&thread, |thread| {
        render(thread, &Names::in_language(session.language))
    })
}

fn render(thread: &ShowResponse, language: &Names) -> String {
    let mut shown = String::new();
    if thread.do_not_alert {
        // Before anything that says who the person is.
        shown.push_str(&format!("*** {} ***\n", language.do_not_alert()));
    }
    shown.push_str(&format!(
        "alert {}, own handling {}\n",
        names::alert_life(thread.life),
        names::handling_life(thread.handling_life)
    ));
    shown.push_str(&link::same_person(thread.same_person.as_ref()));
    shown.push_str(&touched::lines(&thread.touched));
    for view in &thread.statements {
        shown.push_str(&statement(view, language));
    }
    shown
}

fn statement(view: &StatementView, language: &Names) -> String {
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
    let deceiving = view.deceiving_texts.iter();
    lines.extend(deceiving.map(|it| format!("  beware    {}", escape(it))));
    lines.extend(view.payload.iter().flat_map(names_in_own_script));
    for mark in view.payload.iter().flat_map(|it| &it.paragraph_marking) {
        let tlp = Tlp::from_number(u8::try_from(mark.tlp).unwrap_or(0));
        let marks = [
            names::handling(&mark.handling),
            tlp.map_or_else(String::new, Tlp::label),
        ];
        lines.push(format!(
            "  marked    {}: {}",
            escape(&mark.path),
            marks.join(" ").trim()
        ));
    }
    // The content in its canonical JSON, indented, but for coded values, which have their names.
    if let Some(Ok(content)) = view.payload.as_ref().map(|it| coded::named(it, language)) {
        lines.extend(content.lines().map(|line| format!("    {line}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A name that not every reader can read, with both transliterations.
fn names_in_own_script(payload: &Payload) -> Vec<String> {
    let names = payload.subject.iter().flat_map(|subject| &subject.names);
    names
        .filter(|name| !name.own_script.is_empty())
        .map(|name| {
            let plain = transliteration::plain(&name.own_script);
            let icao = match name.icao.as_str() {
                "" => "unknown".to_owned(),
                icao => escape(icao),
            };
            let own = escape(&name.own_script);
            format!("  name      {own} (ICAO {icao}, plain {})", escape(&plain))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{NOW_US, alert, statement as named};
    use super::*;
    use crate::{
        i18n::Language,
        proto::{
            alert::v1::{Answer, AnswerCode, Name, Person, Text, payload::Kind},
            envelope::v1::Release,
        },
    };

    fn english() -> Names {
        Names::in_language(Language::English)
    }

    /// A discreet check is asked of a person whose name must not stand before the warning.
    #[test]
    fn what_must_be_kept_from_the_person_is_said_before_the_name_in_each_language() {
        let mut thread = ShowResponse {
            statements: vec![StatementView {
                summary: Some(alert()),
                payload: Some(Payload {
                    subject: Some(Person {
                        names: vec![Name {
                            surname: "ERIKSSON".to_owned(),
                            ..Name::default()
                        }],
                        ..Person::default()
                    }),
                    ..Payload::default()
                }),
                ..StatementView::default()
            }],
            do_not_alert: true,
            ..ShowResponse::default()
        };
        for language in Language::ALL {
            let shown = render(&thread, &Names::in_language(language));
            let first = shown.lines().next().unwrap();
            assert!(first.contains("DO NOT ALERT THE PERSON"), "{shown}");
            assert!(shown.contains("ERIKSSON") && !first.contains("ERIKSSON"));
        }
        let json = serde_json::to_value(&thread).unwrap();
        assert_eq!(json["doNotAlert"], true);
        thread.do_not_alert = false;
        assert!(!render(&thread, &english()).contains("ALERT THE PERSON"));
    }

    #[test]
    fn a_name_in_its_own_script_is_shown_with_both_transliterations() {
        let named = |own_script: &str, icao: &str| Name {
            own_script: own_script.to_owned(),
            icao: icao.to_owned(),
            ..Name::default()
        };
        let payload = Payload {
            subject: Some(Person {
                names: vec![
                    named("Юлия\u{202e}", "IULIIA"),
                    named("王小明", ""),
                    Name::default(),
                ],
                ..Person::default()
            }),
            ..Payload::default()
        };
        let lines = names_in_own_script(&payload);
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            "  name      Юлия\\u{202e} (ICAO IULIIA, plain Yuliya)"
        );
        assert!(
            lines[1].contains("(ICAO unknown, plain Wang"),
            "{}",
            lines[1]
        );
    }

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
        let thread = ShowResponse {
            statements: vec![view],
            life: 2,
            handling_life: 1,
            ..ShowResponse::default()
        };
        let french = Names::in_language(Language::French);
        insta::assert_snapshot!(format!(
            "{}\n{}",
            render(&thread, &english()),
            render(&thread, &french)
        ));
    }
}
