//! Draft files: canonical protobuf JSON of `alert.v1.Draft`.

use super::Fault;
use crate::{
    domain::{
        alert::marking::Tlp,
        limits::{FOUND_MAX_CHARS, STATEMENT_MAX_BYTES},
        text::excerpt,
    },
    proto::alert::v1 as pb,
};

/// Reads a draft file (canonical protobuf JSON) into a `Draft`; a syntax fault names line and column.
///
/// # Errors
/// The first fault of syntax, unknown field or unknown value: nothing after it can be read for sure.
pub fn read_draft_json(text: &str) -> Result<pb::Draft, Vec<Fault>> {
    // JSON is at most a few times as long as its protobuf form.
    let max_bytes = STATEMENT_MAX_BYTES * 4;
    if text.len() > max_bytes {
        return Err(vec![Fault {
            path: "draft".to_owned(),
            found: format!("{} bytes", text.len()),
            expected: format!("at most {max_bytes} bytes"),
        }]);
    }
    serde_json::from_str(text).map_err(|error| {
        let what = error.to_string();
        // The position stands in the path; serde_json says it again at the end.
        let what = what.split(" at line ").next().unwrap_or_default();
        let (what, expected) = what.split_once(", expected ").unwrap_or((what, ""));
        // For enums pbjson says the word a second time.
        let expected = expected.trim_start_matches("expected ");
        let hint = tlp_hint(what);
        let expected = hint.as_deref().unwrap_or(expected);
        vec![Fault {
            path: format!("line {}, column {}", error.line(), error.column()),
            found: excerpt(what, FOUND_MAX_CHARS * 2),
            expected: if expected.is_empty() {
                "canonical protobuf JSON of a draft".to_owned()
            } else {
                excerpt(expected, FOUND_MAX_CHARS * 8)
            },
        }]
    })
}

/// What to write instead of a TLP that version 2.0 does not have; `what` is "unknown variant `TLP_WHITE`".
fn tlp_hint(what: &str) -> Option<String> {
    let rest = what.strip_prefix("unknown variant `")?;
    let (label, _) = rest.split_once('`')?;
    let is_tlp = label.get(..3)?.eq_ignore_ascii_case("tlp");
    is_tlp
        .then(|| Tlp::of_label(label).err())
        .flatten()
        .map(|expected| expected.0)
}
