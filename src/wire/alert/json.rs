//! Draft files: canonical protobuf JSON of `alert.v1.Draft`. Comments after `//`, and a comma before a closing bracket, are
//! passed over: `allpoints new` prints both.

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
    serde_json::from_str(&plain(text)).map_err(|error| {
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

/// The text without comments and without commas that nothing follows, each of them blanked: every other character keeps
/// its line and column.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    // Where a comma stands behind a value, and nothing has followed it yet.
    let mut comma = None;
    let mut before = '{';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            (in_string, escaped) = match (character, escaped) {
                (_, true) => (true, false),
                ('\\', false) => (true, true),
                ('"', false) => (false, false),
                _ => (true, false),
            };
            plain.push(character);
            continue;
        }
        match character {
            '/' if characters.peek() == Some(&'/') => {
                plain.push(' ');
                while let Some(commented) = characters.next_if(|next| *next != '\n') {
                    plain.extend(std::iter::repeat_n(' ', commented.len_utf8()));
                }
            }
            ',' => {
                let follows_value = !matches!(before, '{' | '[' | ',' | ':');
                comma = follows_value.then_some(plain.len());
                before = character;
                plain.push(character);
            }
            '}' | ']' => {
                if let Some(place) = comma.take() {
                    plain.replace_range(place..=place, " ");
                }
                before = character;
                plain.push(character);
            }
            space if space.is_ascii_whitespace() => plain.push(space),
            other => {
                in_string = other == '"';
                comma = None;
                before = other;
                plain.push(other);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_last_commas_are_passed_over_and_nothing_in_a_string_is() {
        let commented = r#"{
  // To whom, "all" or by name.
  "to": ["XB-POL", "@all-eu",], // both
  "groundReason": "http://example.invalid, ] \"// not a comment\"",
  // "carriedHours": 3,
}"#;
        let draft = read_draft_json(commented).expect("legal");
        assert_eq!(draft.to, ["XB-POL", "@all-eu"]);
        assert_eq!(
            draft.ground_reason,
            "http://example.invalid, ] \"// not a comment\""
        );
        assert_eq!(draft.carried_hours, 0);
        for wrong in ["{,}", "{ /* no */ }", r#"{"to": ["XB-POL",,]}"#, "{ / }"] {
            assert!(read_draft_json(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_behind_a_comment_keeps_its_line() {
        let faults = read_draft_json("{\n  // words: \u{e9}\n  \"too\": 1\n}").unwrap_err();
        assert!(faults[0].path.starts_with("line 3, column"), "{faults:?}");
    }

    proptest! {
        #[test]
        fn what_is_json_already_stays_as_it_is(words in prop::collection::vec("[ -~]{0,9}", 0..6)) {
            let text = serde_json::to_string_pretty(&words).unwrap();
            prop_assert_eq!(plain(&text), text);
        }
    }
}
