//! What a reader should be told of texts that somebody else wrote, before believing what they look like (threats row 32).
//!
//! The way in: [`deceiving_texts`]. It tells and refuses nothing: what was signed is shown, escaped.

use serde_json::Value;

use super::reader::told;
use crate::{
    domain::{limits::FAULTS_MAX, text::flags},
    proto::alert::v1 as pb,
};

/// Every text of the content that hides, turns or imitates: its path in canonical JSON and what is the matter, as
/// `subject.names[0].surname: has a word that mixes scripts; it may look like another`. At most [`FAULTS_MAX`].
#[must_use]
pub fn deceiving_texts(payload: &pb::Payload) -> Vec<String> {
    let mut found = Vec::new();
    // What cannot be written as JSON is not shown as JSON either.
    if let Ok(content) = serde_json::to_value(payload) {
        look("", &content, &mut found);
    }
    found.truncate(FAULTS_MAX);
    found
}

fn look(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let said = flags(text).into_iter().map(told);
            found.extend(said.map(|what| format!("{path}: {what}")));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                look(&format!("{path}[{at}]"), item, found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                look(&format!("{path}{dot}{name}"), field, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(surname: &str, mark: &str) -> pb::Payload {
        pb::Payload {
            subject: Some(pb::Person {
                names: vec![
                    pb::Name::default(),
                    pb::Name {
                        surname: surname.to_owned(),
                        own_script: "Эрикссон".to_owned(),
                        ..pb::Name::default()
                    },
                ],
                marks: vec![mark.to_owned()],
                ..pb::Person::default()
            }),
            ..pb::Payload::default()
        }
    }

    #[test]
    fn texts_that_hide_or_imitate_are_named_by_their_path_and_honest_ones_are_not() {
        let honest = named("ÅNGSTRÖM-SØRENSEN", "scar,\nleft hand");
        assert_eq!(deceiving_texts(&honest), Vec::<String>::new());
        // A Cyrillic letter among Latin ones; a mark that turns its end around.
        let told = deceiving_texts(&named("ERIKSS\u{41e}N", "scar \u{202e}tfel"));
        assert_eq!(
            told,
            [
                "subject.marks[0]: has characters that hide or turn text; they are shown escaped",
                "subject.names[1].surname: has a word that mixes scripts; it may look like another",
            ]
        );
    }

    #[test]
    fn no_more_are_named_than_can_be_read() {
        let mut many = named("ERIKSSON", "none");
        let marks = vec!["\u{200b}".to_owned(); FAULTS_MAX + 5];
        many.subject.as_mut().unwrap().marks = marks;
        assert_eq!(deceiving_texts(&many).len(), FAULTS_MAX);
    }
}
