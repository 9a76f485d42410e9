//! `allpoints cap`: a statement as a message of the Common Alerting Protocol 1.2 (OASIS, 2010), for systems that take such.
//!
//! It holds who says what kind of thing how urgently, a reference and no person: whoever acts on it opens the thread. Its
//! scope is Private, to the statement's recipients. It is made of what `track` tells, and proves nothing: the signed
//! statement does.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, names, time},
        session::{Session, read_failed},
    },
    domain::{
        cap::{Cap, Place},
        lives::AlertLife,
        routing::{Kind, Priority, Status},
    },
    proto::desk::v1::{Summary, TrackRequest},
};

const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// Arguments of `cap`.
#[derive(Debug, clap::Args)]
pub struct CapArgs {
    /// A statement: full id, any unique prefix of 8 or more, or a reference
    id: String,
}

/// Writes the message.
///
/// # Errors
/// Exit 3 when CAP has no message for a statement of this kind; 4 when it is not known.
pub async fn run(args: CapArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let mut look = async |id: String| {
        let tracked = desk.track(TrackRequest { id }).await.map_err(read_failed)?;
        tracked
            .into_inner()
            .summary
            .ok_or_else(|| CliError::new(Exit::Failed, "the node said nothing of it"))
    };
    let summary = look(args.id).await?;
    let cap = derived(&summary).ok_or_else(|| {
        let kind = names::kind(summary.kind);
        CliError::new(
            Exit::Refused,
            format!("CAP has no message for a statement of kind {kind}"),
        )
        .hint("expected an alert, a sighting, an outcome, or what changes or ends one")
    })?;
    let first = match cap.message.refers() {
        true => Some(look(names::statement(summary.thread.as_ref())).await?),
        false => None,
    };
    let message = message(&summary, &cap, first.as_ref());
    let message = message
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot write it: {error}")))?;
    session.output.text(&message)
}

fn derived(summary: &Summary) -> Option<Cap> {
    let number = |number: i32| u8::try_from(number).ok();
    let place = match summary.thread == summary.statement {
        true => Place::First,
        false => Place::Later,
    };
    Cap::of(
        number(summary.kind).and_then(Kind::from_number)?,
        place,
        number(summary.status).and_then(Status::from_number)?,
        number(summary.priority).and_then(Priority::from_number)?,
        // Only of alerts anything is known; what waits for its turn is not over.
        number(summary.life)
            .and_then(AlertLife::from_number)
            .unwrap_or(AlertLife::Live),
    )
}

/// The elements in the order that the schema demands.
fn message(summary: &Summary, cap: &Cap, first: Option<&Summary>) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("alert")
        .with_attribute(("xmlns", NAMESPACE))
        .write_inner_content(|xml| {
            element(xml, "identifier", &identifier(summary))?;
            element(xml, "sender", sender(summary))?;
            element(xml, "sent", &cap_time(summary.issued_at_us))?;
            element(xml, "status", cap.status)?;
            element(xml, "msgType", cap.message.word())?;
            element(xml, "scope", "Private")?;
            element(xml, "addresses", &summary.recipients.join(" "))?;
            if let Some(first) = first {
                let sent = cap_time(first.issued_at_us);
                let named = format!("{},{},{sent}", sender(first), identifier(first));
                element(xml, "references", &named)?;
            }
            xml.create_element("info")
                .write_inner_content(|xml| info(xml, summary, cap))?;
            Ok(())
        })?;
    let mut text = String::from_utf8_lossy(&xml.into_inner()).into_owned();
    text.push('\n');
    Ok(text)
}

fn info(xml: &mut Writer<Vec<u8>>, summary: &Summary, cap: &Cap) -> io::Result<()> {
    let kind = names::kind(summary.kind);
    element(xml, "language", "en")?;
    element(xml, "category", "Security")?;
    element(xml, "event", &kind.replace('_', " "))?;
    element(xml, "urgency", cap.urgency)?;
    element(xml, "severity", cap.severity)?;
    element(xml, "certainty", cap.certainty)?;
    pair(xml, "eventCode", "allpoints:kind", &kind)?;
    if !summary.valid_until.is_empty() {
        // Its last day, to the end.
        let expires = format!("{}T23:59:59-00:00", summary.valid_until);
        element(xml, "expires", &expires)?;
    }
    let headline = format!("{} {}", kind.replace('_', " "), summary.reference);
    element(xml, "headline", &headline)?;
    if summary.do_not_alert {
        element(xml, "instruction", "DO NOT ALERT THE PERSON")?;
    }
    for (name, value) in [
        ("allpoints:reference", summary.reference.clone()),
        ("allpoints:priority", names::priority(summary.priority)),
        ("allpoints:handling", names::handling(&summary.handling)),
    ] {
        pair(xml, "parameter", name, &value)?;
    }
    Ok(())
}

fn element(xml: &mut Writer<Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    // What XML cannot hold at all becomes an escape that people can read.
    let text = escape(text);
    xml.create_element(name)
        .write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn pair(xml: &mut Writer<Vec<u8>>, element_name: &str, name: &str, value: &str) -> io::Result<()> {
    xml.create_element(element_name)
        .write_inner_content(|xml| {
            element(xml, "valueName", name)?;
            element(xml, "value", value)
        })?;
    Ok(())
}

/// No space, comma, `<` or `&`: the origin's name and the id have none.
fn identifier(summary: &Summary) -> String {
    names::statement(summary.statement.as_ref())
}

fn sender(summary: &Summary) -> &str {
    let statement = summary.statement.as_ref();
    statement.map_or("", |statement| &statement.origin)
}

/// CAP writes UTC as `-00:00`, and never as `Z` (3.3.2).
fn cap_time(micros: i64) -> String {
    time(micros).replace('Z', "-00:00")
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{MINUTE_US, NOW_US, alert, statement};
    use super::*;
    use crate::proto::envelope::v1 as envelope;

    fn written(summary: &Summary, first: Option<&Summary>) -> String {
        message(summary, &derived(summary).unwrap(), first).unwrap()
    }

    #[test]
    fn an_alert_is_a_private_message_with_a_reference_and_no_person() {
        let mut discreet = alert();
        discreet.do_not_alert = true;
        insta::assert_snapshot!(written(&discreet, None));
    }

    #[test]
    fn what_ends_an_alert_names_it_by_sender_id_and_time() {
        let first = alert();
        let closure = Summary {
            statement: Some(envelope::StatementRef {
                id: vec![8; 16],
                ..statement("XA-POL")
            }),
            reference: "XA-26-9QD2M".to_owned(),
            kind: envelope::Kind::Closure.into(),
            issued_at_us: NOW_US + MINUTE_US,
            valid_until: String::new(),
            ..alert()
        };
        let said = written(&closure, Some(&first));
        for part in [
            "<msgType>Cancel</msgType>",
            "<references>XA-POL,XA-POL/07070707-0707-0707-0707-070707070707,2026-11-24T05:13:20-00:00</references>",
            "<urgency>Past</urgency>",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn an_answer_is_no_message_of_cap() {
        let answer = Summary {
            kind: envelope::Kind::Answer.into(),
            ..alert()
        };
        assert_eq!(derived(&answer), None);
    }

    #[test]
    fn nothing_breaks_out_of_its_element() {
        let mut odd = alert();
        odd.reference = "</headline>&\u{1b}\u{0}".to_owned();
        let said = written(&odd, None);
        assert!(
            said.contains("missing offender &lt;/headline&gt;&amp;\\u{1b}\\u{0}"),
            "{said}"
        );
    }
}
