//! Parts of a payload that are marked stricter than the whole.
//!
//! A mark names a path; what stands there is looked up in the payload's JSON, by the names that a draft file has.

use serde_json::Value;

use super::reader::Reader;
use crate::{
    domain::{
        alert::marking::{ParagraphMark, Tlp},
        routing::{Handling, HandlingSet},
    },
    proto::alert::v1 as pb,
};

/// Reads every mark; whether it is stricter is judged with the header's handling set, by [`all_stricter`].
pub(super) fn read(reader: &mut Reader, wire: &pb::Payload) -> Vec<ParagraphMark> {
    if wire.paragraph_marking.is_empty() {
        return Vec::new();
    }
    let bare = pb::Payload {
        paragraph_marking: Vec::new(),
        ..wire.clone()
    };
    let whole = serde_json::to_value(bare).unwrap_or_default();
    reader.list(
        "paragraphMarking",
        &wire.paragraph_marking,
        |reader, wire| mark(reader, wire, &whole),
    )
}

/// Whether every mark is stricter than the whole, and laxer in nothing.
pub(super) fn all_stricter(
    marks: &[ParagraphMark],
    handling: HandlingSet,
    tlp: Option<Tlp>,
) -> bool {
    marks.iter().all(|mark| mark.is_stricter(handling, tlp))
}

fn mark(reader: &mut Reader, wire: &pb::ParagraphMark, whole: &Value) -> Option<ParagraphMark> {
    let path = reader.needed_line("path", &wire.path);
    if path.is_some() && !stands_at(whole, &wire.path) {
        let expected = "the path of something that is there, such as `offences[0].description`";
        reader.wrong("path", &wire.path, expected);
    }
    let codes: Vec<Handling> = reader.list("handling", &wire.handling, |reader, code| {
        reader.coded("", *code)
    });
    let handling = (!codes.is_empty()).then(|| HandlingSet::new(codes));
    if matches!(handling, Some(Err(_))) {
        reader.fault(
            "handling",
            "codes that do not stand together",
            "HANDLING_H0 alone, or any of HANDLING_H1, HANDLING_H2, HANDLING_H3, each once",
        );
    }
    let tlp = reader.optional_coded("tlp", wire.tlp);
    Some(ParagraphMark {
        path: path?,
        handling: handling.transpose().ok()?,
        tlp,
    })
}

/// Whether something stands at `offences[0].description`.
fn stands_at(whole: &Value, path: &str) -> bool {
    let mut at = Some(whole);
    for step in path.split('.') {
        let (field, places) = step.split_once('[').map_or((step, ""), |(field, _)| {
            (field, step.get(field.len()..).unwrap_or_default())
        });
        at = at.and_then(|value| value.get(field));
        for place in places.split_inclusive(']') {
            let place = place.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            let place: Option<usize> = place.and_then(|it| it.parse().ok());
            at = at.zip(place).and_then(|(value, place)| value.get(place));
        }
    }
    at.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_something_that_is_there() {
        let whole =
            serde_json::json!({"offences": [{"description": "x"}], "remarks": {"text": "y"}});
        for path in [
            "remarks",
            "remarks.text",
            "offences",
            "offences[0]",
            "offences[0].description",
        ] {
            assert!(stands_at(&whole, path), "{path}");
        }
        for path in [
            "",
            "risk",
            "offences[1]",
            "offences[x]",
            "offences[0",
            "offences[0]x",
            "remarks.",
            "remarks[0]",
        ] {
            assert!(!stands_at(&whole, path), "{path}");
        }
    }
}
