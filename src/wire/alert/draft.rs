//! An officer's draft: header fields and payload, all faults at once.

use std::borrow::Cow;

use prost::Message as _;

use super::{
    Fault, ParsedDraft,
    kinds::{self, target_slot},
    payload,
    reader::{Reader, json_name},
    terms,
    zone::Zones,
};
use crate::{
    domain::{
        alert::{
            Payload,
            kinds::Content,
            marking::{Markings, Use, laxest_tlp},
        },
        id::{AuthorityId, MessageId, StatementRef},
        limits::{
            CARRIAGE_MAX, FOUND_MAX_CHARS, GROUND_REASON_MAX_CHARS, HANDLING_TEXT_MAX_CHARS,
            RECIPIENTS_MAX, STATEMENT_HEADER_MAX_BYTES, STATEMENT_MAX_BYTES,
        },
        routing::{Effect, Handling, HandlingSet, Kind, TransferGround},
        terms::Terms,
        text::excerpt,
        time::Timestamp,
    },
    proto::alert::v1 as pb,
    wire::fields::encode_reference,
};

pub(super) fn parse(
    draft: &pb::Draft,
    now: Timestamp,
    markings: Markings,
) -> Result<ParsedDraft, Vec<Fault>> {
    let mut reader = Reader::of_draft(now);
    let mut wire = aimed_payload(draft);
    let zones = Zones::of(&wire, reader.issued_on());
    let proposed = zones.as_ref().map(|zones| zones.fill(&mut wire));
    let header = read_header(&mut reader, draft);
    let content = payload::read(&mut reader, &wire);
    if let Some(zones) = &zones {
        zones.compare(&mut reader, &wire);
    }
    if let Some(content) = &content {
        check_markings(&mut reader, content, markings, header.as_ref());
    }
    let replies = !draft.in_reply_to.is_empty();
    if let Some(kind) = kinds::kind_of(&wire) {
        check_place_in_thread(&mut reader, kind, replies, wire.subject.is_some());
        if kind.only_starts() && may_name_statement(&draft.in_reply_to) {
            let expected = format!("nothing: a {kind} begins a thread of its own");
            reader.wrong("inReplyTo", &draft.in_reply_to, expected);
        }
    }
    let bytes = wire.encode_to_vec();
    let room = STATEMENT_MAX_BYTES - STATEMENT_HEADER_MAX_BYTES;
    if bytes.len() > room {
        let found = format!("{} bytes", bytes.len());
        reader.fault("payload", found, format!("at most {room} bytes"));
    }
    let legal = reader.is_faultless();
    let (faults, mut warnings) = reader.finish();
    warnings.extend(proposed.unwrap_or_default());
    match (header, content) {
        (Some(header), Some(content)) if legal => Ok(ParsedDraft {
            kind: kinds::kind_of_content(&content.content),
            effect: effect(&content.content, replies),
            terms: terms::of(&wire),
            payload: bytes.into(),
            warnings,
            ..header
        }),
        _ => Err(faults),
    }
}

/// The payload to sign: with its target, when the header names one in full.
fn aimed_payload(draft: &pb::Draft) -> Cow<'_, pb::Payload> {
    let payload = draft.payload.as_ref();
    let mut payload = payload.map_or_else(Cow::default, Cow::Borrowed);
    if let Some(target) = full_reference(&draft.in_reply_to)
        && let Some(slot @ None) = target_slot(payload.to_mut())
    {
        *slot = Some(encode_reference(&target));
    }
    payload
}

/// `XA-POL/` and the full id; anything shorter is looked up by the desk.
fn full_reference(text: &str) -> Option<StatementRef> {
    let (origin, id) = text.split_once('/')?;
    Some(StatementRef {
        origin: origin.parse().ok()?,
        id: id.parse().ok()?,
    })
}

/// Everything but kind, effect, payload and warnings, which the caller fills in.
fn read_header(reader: &mut Reader, draft: &pb::Draft) -> Option<ParsedDraft> {
    let id = reader.optional::<MessageId>("id", &draft.id);
    let to = recipients(reader, &draft.to);
    if to.is_empty() && draft.in_reply_to.is_empty() {
        reader.fault(
            "to",
            "nothing",
            "at least one recipient, as it replies to nothing",
        );
    }
    let priority = reader.coded("priority", draft.priority);
    let status = reader.coded("status", draft.status);
    let handling = handling(reader, draft);
    let ground = ground(reader, draft);
    let in_reply_to = reply(reader, &draft.in_reply_to);
    let max_hours = CARRIAGE_MAX.as_secs() / 3600;
    if u64::from(draft.carried_hours) > max_hours {
        let expected = format!("1 to {max_hours} hours, or 0 for the default");
        reader.wrong("carriedHours", &draft.carried_hours.to_string(), expected);
    }
    Some(ParsedDraft {
        id,
        to,
        kind: Kind::MissingOffender,
        effect: Effect::Starts,
        terms: Terms::default(),
        status: status?,
        priority: priority?,
        handling: handling?,
        handling_text: draft.handling_text.clone(),
        ground: ground?,
        ground_reason: draft.ground_reason.clone(),
        in_reply_to,
        carried_hours: (draft.carried_hours > 0).then_some(draft.carried_hours),
        payload: bytes::Bytes::new(),
        warnings: Vec::new(),
    })
}

/// The shape only: which authorities a group holds, the directory knows. Empty is legal for a reply, which goes to
/// whom the rules say.
fn recipients(reader: &mut Reader, to: &[String]) -> Vec<String> {
    if to.len() > RECIPIENTS_MAX {
        let found = format!("{} recipients", to.len());
        reader.fault("to", found, format!("at most {RECIPIENTS_MAX}"));
        return to.to_vec();
    }
    for (place, text) in to.iter().enumerate() {
        let group = text.strip_prefix('@').is_some_and(|name| {
            (1..=32).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        });
        let country = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        let legal = group || country || text == "all" || text.parse::<AuthorityId>().is_ok();
        let twice = to.iter().take(place).any(|before| before == text);
        if !legal || twice {
            let expected = if twice {
                "each recipient once"
            } else {
                "an authority such as `XB-POL`, a country such as `XB`, a group such as `@neighbours`, or `all`"
            };
            reader.wrong_item("to", place, text, expected);
        }
    }
    to.to_vec()
}

fn handling(reader: &mut Reader, draft: &pb::Draft) -> Option<HandlingSet> {
    let codes: Vec<Handling> = reader.list("handling", &draft.handling, |reader, code| {
        reader.coded("", *code)
    });
    let all_known = codes.len() == draft.handling.len();
    let set = HandlingSet::new(codes);
    if all_known && let Err(error) = &set {
        let found = if draft.handling.is_empty() {
            "nothing".to_owned()
        } else {
            let told = error.to_string();
            told.split(": expected")
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        reader.fault(
            "handling",
            found,
            "HANDLING_H0 alone, or any of HANDLING_H1, HANDLING_H2, HANDLING_H3, each once",
        );
    }
    let h3 = draft.handling.contains(&(Handling::H3 as i32));
    let text = draft.handling_text.as_str();
    match (h3, text.trim().is_empty()) {
        (true, true) => reader.wrong("handlingText", text, "the restriction that H3 stands for"),
        (false, _) if !text.is_empty() => {
            reader.wrong("handlingText", text, "nothing: only H3 has a text");
        }
        _ if text.chars().count() > HANDLING_TEXT_MAX_CHARS => {
            let expected = format!("at most {HANDLING_TEXT_MAX_CHARS} characters");
            reader.wrong("handlingText", text, expected);
        }
        _ => {}
    }
    set.ok()
}

/// It may be left out: then the thread's own grounds hold on, or those that the authority has decided on for each
/// destination; who is left without one is named where it is addressed.
fn ground(reader: &mut Reader, draft: &pb::Draft) -> Option<Option<TransferGround>> {
    let reason = draft.ground_reason.as_str();
    if draft.ground == 0 && reason.is_empty() {
        return Some(None);
    }
    let ground = reader.coded("ground", draft.ground);
    if ground == Some(TransferGround::Derogation) {
        if reason.trim().is_empty() || reason.chars().count() > GROUND_REASON_MAX_CHARS {
            let expected = format!(
                "why a derogation is used, in at most {GROUND_REASON_MAX_CHARS} characters"
            );
            reader.wrong("groundReason", reason, expected);
        }
    } else if !reason.is_empty() && ground.is_some() {
        reader.wrong(
            "groundReason",
            reason,
            "nothing: only a derogation has a reason",
        );
    }
    ground.map(Some)
}

/// Any form that `show` takes; what it names, the store knows.
fn reply(reader: &mut Reader, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if !may_name_statement(text) {
        let expected =
            "an id, at least its first 8 characters, or a reference such as `XA-26-7F3K9`";
        reader.fault(
            "inReplyTo",
            format!("`{}`", excerpt(text, FOUND_MAX_CHARS)),
            expected,
        );
    }
    Some(text.to_owned())
}

fn may_name_statement(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/'))
}

fn check_place_in_thread(reader: &mut Reader, kind: Kind, replies: bool, names_person: bool) {
    if !kind.starts_thread() && !replies {
        let expected = format!("what this {kind} refers to");
        reader.wrong("inReplyTo", "", expected);
    }
    // An alert's missing subject is told with its other shared content.
    if kind.needs_person() && !kind.is_alert() && !replies && !names_person {
        reader.fault(
            "subject",
            "nothing",
            "whom it is about, as it begins a thread",
        );
    }
}

/// TLP and PAP where the federation uses them, and no TLP that is laxer than the handling set.
fn check_markings(
    reader: &mut Reader,
    payload: &Payload,
    markings: Markings,
    header: Option<&ParsedDraft>,
) {
    let off = |key: &str| {
        format!(
            "nothing: the federation does not use it; if it does, set `[marking] {key} = true` in the node's file"
        )
    };
    if let (Some(tlp), Use::Off) = (payload.tlp, markings.tlp) {
        reader.fault("tlp", json_name(tlp), off("tlp"));
    }
    if let (Some(pap), Use::Off) = (payload.pap, markings.pap) {
        reader.fault("pap", json_name(pap), off("pap"));
    }
    if let Some(header) = header {
        for (place, mark) in payload.paragraph_marking.iter().enumerate() {
            if !mark.is_stricter(header.handling, payload.tlp) {
                let expected = "what is stricter than the whole in something and laxer in nothing";
                reader.wrong_item("paragraphMarking", place, mark.path.as_str(), expected);
            }
            if mark.tlp.is_some() && markings.tlp == Use::Off {
                reader.within_item(("paragraphMarking", place), |reader| {
                    reader.fault("tlp", "a TLP", off("tlp"));
                });
            }
        }
    }
    let laxest = header.map(|header| laxest_tlp(header.handling));
    if let Some((tlp, laxest)) = payload.tlp.zip(laxest)
        && tlp < laxest
        && markings.tlp == Use::On
    {
        let expected = format!(
            "{} or stricter, beside this handling set",
            json_name(laxest)
        );
        reader.fault("tlp", json_name(tlp), expected);
    }
}

fn effect(content: &Content, replies: bool) -> Effect {
    match kinds::effect(content) {
        Effect::Starts | Effect::Informs if !replies => Effect::Starts,
        Effect::Starts => Effect::Informs,
        effect => effect,
    }
}

#[cfg(test)]
mod tests;
