//! Coded fields of a payload in the reader's language; what people wrote stays as it is written.
//!
//! Which fields are coded, the protocol's own descriptors say, so that a new field is never forgotten here.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};

use super::json;
use crate::{
    cli::exit::CliError,
    domain::lists,
    i18n::Names,
    proto::{DESCRIPTORS, alert::v1::Payload},
};

/// What stands in a field of a message.
#[derive(Debug, Clone)]
enum Field {
    /// A message of this type.
    Message(String),
    /// A value of this list.
    Coded(String),
    /// Anything else.
    Plain,
}

/// The fields of all messages: type, then name in JSON.
type Fields = HashMap<String, HashMap<String, Field>>;

/// The payload in its canonical JSON, indented, with the names of coded values instead of their codes: every field
/// that is there, none that is not.
///
/// # Errors
/// When it has no JSON form.
pub fn named(payload: &Payload, names: &Names) -> Result<String, CliError> {
    let fields = fields();
    let mut reader = Reader {
        fields: &fields,
        names,
        within: Vec::new(),
    };
    let text = json(payload)?;
    let lines: Vec<String> = text.lines().map(|line| reader.line(line)).collect();
    Ok(lines.join("\n"))
}

/// Goes through indented JSON line by line: each line opens, closes, or says one thing.
struct Reader<'a> {
    fields: &'a Fields,
    names: &'a Names,
    /// What each open bracket holds.
    within: Vec<Field>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) -> String {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim_start();
        let (key, value) = split_key(content);
        let field = match key {
            Some(key) => self.field(key),
            // The outermost bracket, or an item of a list.
            None => self.within.last().cloned().unwrap_or_else(payload),
        };
        match value {
            "{" | "[" => self.within.push(field),
            "}" | "]" | "}," | "]," => {
                self.within.pop();
            }
            value => {
                if let Some(named) = self.named(&field, value) {
                    let key = key.map_or_else(String::new, |key| format!("\"{key}\": "));
                    return format!("{}{key}{named}", " ".repeat(indent));
                }
            }
        }
        line.to_owned()
    }

    fn field(&self, key: &str) -> Field {
        match self.within.last() {
            Some(Field::Message(message)) => self
                .fields
                .get(message)
                .and_then(|fields| fields.get(key))
                .cloned()
                .unwrap_or(Field::Plain),
            _ => Field::Plain,
        }
    }

    /// `"SEX_FEMALE",` as `"female",`.
    fn named(&self, field: &Field, value: &str) -> Option<String> {
        let Field::Coded(type_name) = field else {
            return None;
        };
        let (code, comma) = match value.strip_suffix(',') {
            Some(code) => (code, ","),
            None => (value, ""),
        };
        let code = code.strip_prefix('"')?.strip_suffix('"')?;
        let list = lists::find(type_name)?;
        let value = list.values.iter().find(|value| value.wire == code)?;
        let name = self.names.of(&list.name, value.code)?;
        Some(format!("\"{name}\"{comma}"))
    }
}

/// `"key": value`, or a value alone. Keys are names of fields: they hold no quote.
fn split_key(content: &str) -> (Option<&str>, &str) {
    content
        .strip_prefix('"')
        .and_then(|rest| rest.split_once("\": "))
        .filter(|(key, _)| !key.contains('"'))
        .map_or((None, content), |(key, value)| (Some(key), value))
}

fn payload() -> Field {
    Field::Message("Payload".to_owned())
}

/// Read anew each time: once a command.
fn fields() -> Fields {
    let files = FileDescriptorSet::decode(DESCRIPTORS)
        .unwrap_or_default()
        .file;
    let alerts = files
        .into_iter()
        .filter(|file| file.package() == "allpoints.alert.v1");
    let messages = alerts.flat_map(|file| file.message_type);
    messages
        .map(|message| (message.name().to_owned(), fields_of(&message)))
        .collect()
}

fn fields_of(message: &DescriptorProto) -> HashMap<String, Field> {
    let of = |field: &prost_types::FieldDescriptorProto| {
        let last = field.type_name().rsplit('.').next().unwrap_or_default();
        let what = match field.r#type() {
            Type::Message => Field::Message(last.to_owned()),
            Type::Enum => Field::Coded(last.to_owned()),
            _ => Field::Plain,
        };
        (field.json_name().to_owned(), what)
    };
    message.field.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{i18n::Language, wire::alert::read_draft_json};

    fn example(name: &str) -> Payload {
        let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        let draft = read_draft_json(&std::fs::read_to_string(path).unwrap()).unwrap();
        draft.payload.unwrap()
    }

    #[test]
    fn coded_fields_are_named_and_free_text_is_left() {
        let mut payload = example("missing-offender.json");
        // Words that look like codes, and like other lines.
        payload.remarks = Some(crate::proto::alert::v1::Text {
            text: "SEX_FEMALE\n  \"sex\": \"SEX_FEMALE\",".to_owned(),
            language: "en".to_owned(),
        });
        payload.subject.as_mut().unwrap().marks = vec!["SEX_FEMALE".to_owned(), "{".to_owned()];
        let french = named(&payload, &Names::in_language(Language::French)).unwrap();
        for line in [
            r#""sex": "féminin","#,
            r#""kind": "nom légal","#,
            r#""kind": "danger pour les enfants","#,
            r#""level": "très élevé","#,
            r#""status": "perdu","#,
            r#""victimAge": "de 6 à 12 ans","#,
            r#""scope": "tous les pays sauf ceux désignés","#,
            r#""surname": "ERIKSSON","#,
            r#""SEX_FEMALE","#,
            r#""text": "SEX_FEMALE\n  \"sex\": \"SEX_FEMALE\",","#,
        ] {
            let found = french.lines().any(|it| it.trim_start() == line);
            assert!(found, "{line}:\n{french}");
        }
    }

    #[test]
    fn no_code_of_any_example_is_left_in_any_language() {
        for kind in crate::domain::routing::Kind::ALL {
            let payload = example(&format!("{}.json", kind.name().replace('_', "-")));
            for language in Language::ALL {
                let shown = named(&payload, &Names::in_language(language)).unwrap();
                for list in lists::all() {
                    for value in &list.values {
                        let code = format!("\"{}\"", value.wire);
                        assert!(!shown.contains(&code), "{kind}: {code}");
                    }
                }
            }
        }
    }

    /// A coded field whose list nobody named would be shown as its code.
    #[test]
    fn every_coded_field_has_a_list() {
        for (message, fields) in fields() {
            for (name, field) in fields {
                if let Field::Coded(list) = field {
                    assert!(lists::find(&list).is_some(), "{message}.{name}: {list}");
                }
            }
        }
    }
}
