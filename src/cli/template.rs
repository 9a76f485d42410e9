//! A draft to fill in, for each kind: every field there is, with what `alert.proto` says of it; mandatory ones open, all
//! others behind `//`.
//!
//! The way in is [`Template::of`]. Fields come from the protocol itself, and what is mandatory from the same judge that
//! reads a draft: neither can fall behind. It must never print a value that an officer would have to take out.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use serde_json::{Map, Value};

use super::exit::{CliError, Exit};
use crate::{
    domain::{alert::kinds::Shared, routing::Kind, time::Timestamp},
    proto::DESCRIPTORS,
    wire::alert::{parse_draft, read_draft_json},
};

const DRAFT: &str = ".allpoints.alert.v1.Draft";
const PAYLOAD: &str = ".allpoints.alert.v1.Payload";
/// A draft names what it refers to in its header.
const REFERENCE: &str = ".allpoints.envelope.v1.StatementRef";
/// The node puts it in.
const SIGNED: &str = ".allpoints.envelope.v1.SignedBatch";
/// Deeper than any message of a draft.
const ROUNDS_MAX: usize = 16;

/// The draft of one kind.
#[derive(Debug)]
pub struct Template {
    kind: Kind,
    schema: Schema,
    mandatory: Value,
}

impl Template {
    /// Asks the protocol for the fields, and the judge of drafts for what is mandatory.
    ///
    /// # Errors
    /// When this build's own descriptors cannot be read.
    pub fn of(kind: Kind, now: Timestamp) -> Result<Self, CliError> {
        let schema = Schema::read().ok_or_else(|| {
            CliError::new(
                Exit::Failed,
                "the protocol's own descriptors cannot be read: a fault of this build",
            )
        })?;
        let mandatory = schema.mandatory(kind, now);
        Ok(Self {
            kind,
            schema,
            mandatory,
        })
    }

    /// The mandatory fields alone, each of them empty.
    #[must_use]
    pub fn mandatory(&self) -> &Value {
        &self.mandatory
    }

    /// Every field, for people.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = Page {
            lines: vec![
                format!(
                    "// {}: a draft to fill in. What is open is mandatory; take the `//` away",
                    self.kind
                ),
                "// from what else is known. Then: allpoints send FILE --dry-run".to_owned(),
            ],
        };
        page.lines.push("{".to_owned());
        self.fields(&mut page, DRAFT, Some(&self.mandatory), 1);
        page.lines.push("}".to_owned());
        page.lines.join("\n")
    }

    /// All fields of a message; `given` is what of it is mandatory, `None` below what is optional.
    fn fields(&self, page: &mut Page, message: &str, given: Option<&Value>, depth: usize) {
        for field in self.schema.fields(message, self.kind) {
            let value = given.and_then(|given| given.get(&field.json));
            for line in &field.comment {
                page.comment(depth, line);
            }
            if let Some(values) = self.schema.values_of(&field) {
                page.comment(depth, &format!("One of {values}."));
            }
            let open = value.is_some();
            let name = format!("\"{}\":", field.json);
            if !field.is_message {
                page.line(open, depth, &format!("{name} {},", field.empty()));
                continue;
            }
            let (before, behind) = match field.is_list {
                true => ("[{", "}],"),
                false => ("{", "},"),
            };
            page.line(open, depth, &format!("{name} {before}"));
            let inner = value.map(|value| value.get(0).unwrap_or(value));
            self.fields(page, &field.of, inner, depth + 1);
            page.line(open, depth, behind);
        }
    }
}

#[derive(Debug)]
struct Page {
    lines: Vec<String>,
}

impl Page {
    fn comment(&mut self, depth: usize, text: &str) {
        self.lines.push(format!("{}// {text}", "  ".repeat(depth)));
    }

    fn line(&mut self, open: bool, depth: usize, text: &str) {
        let mark = if open { "" } else { "// " };
        self.lines
            .push(format!("{}{mark}{text}", "  ".repeat(depth)));
    }
}

/// Messages and enums of the protocol.
#[derive(Debug)]
struct Schema {
    messages: BTreeMap<String, Described>,
    enums: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
struct Described {
    message: DescriptorProto,
    /// Of each field, in its order.
    comments: Vec<Vec<String>>,
}

/// One field of a message.
#[derive(Debug, Clone)]
struct Field {
    json: String,
    comment: Vec<String>,
    is_list: bool,
    is_message: bool,
    is_text: bool,
    /// Full name of its message or enum.
    of: String,
    /// First value of its enum.
    unset: Option<String>,
}

impl Field {
    /// Nothing, in its type.
    fn empty(&self) -> String {
        self.nothing().to_string()
    }

    fn nothing(&self) -> Value {
        match (&self.unset, self.is_list) {
            (_, true) => Value::Array(Vec::new()),
            (Some(unset), false) => Value::String(unset.clone()),
            (None, false) if self.is_text => Value::String(String::new()),
            (None, false) => Value::from(0),
        }
    }

    /// A message with nothing in it, in a list where it is one.
    fn blank(&self) -> Value {
        let blank = Value::Object(Map::new());
        match (self.is_message, self.is_list) {
            (false, _) => self.nothing(),
            (true, false) => blank,
            (true, true) => Value::Array(vec![blank]),
        }
    }
}

impl Schema {
    fn read() -> Option<Self> {
        let set = FileDescriptorSet::decode(DESCRIPTORS).ok()?;
        let (mut messages, mut enums) = (BTreeMap::new(), BTreeMap::new());
        for file in set.file {
            let package = file.package().to_owned();
            let named = |name: &str| format!(".{package}.{name}");
            let locations = file.source_code_info.map(|it| it.location);
            let locations = locations.unwrap_or_default();
            for (number, message) in (0..).zip(file.message_type) {
                let comment = |field: i32| {
                    let path = [4, number, 2, field];
                    let found = locations.iter().find(|it| it.path == path);
                    let text = found.map_or("", |it| it.leading_comments());
                    text.lines().map(|line| line.trim().to_owned()).collect()
                };
                let count = i32::try_from(message.field.len()).ok()?;
                let comments = (0..count).map(comment).collect();
                messages.insert(named(message.name()), Described { message, comments });
            }
            for listed in file.enum_type {
                let values = listed.value.iter().map(|it| it.name().to_owned()).collect();
                enums.insert(named(listed.name()), values);
            }
        }
        Some(Self { messages, enums })
    }

    /// The fields that a draft of this kind may have: of the payload no other kind, and what is shared only where the
    /// kind carries it.
    fn fields(&self, message: &str, kind: Kind) -> Vec<Field> {
        let Some(described) = self.messages.get(message) else {
            return Vec::new();
        };
        let belongs = |field: &FieldDescriptorProto| {
            let of_kind = field.name() == kind.name();
            let shared = field.oneof_index.is_none() && Shared::of(kind) != Shared::Nothing;
            let of_node = [REFERENCE, SIGNED].contains(&field.type_name());
            !of_node && (message != PAYLOAD || of_kind || shared)
        };
        let fields = described.message.field.iter().zip(&described.comments);
        fields
            .filter(|(field, _)| belongs(field))
            .map(|(field, comment)| self.field(field, comment))
            .collect()
    }

    fn field(&self, field: &FieldDescriptorProto, comment: &[String]) -> Field {
        let of = field.type_name().to_owned();
        Field {
            json: field.json_name().to_owned(),
            comment: comment.to_vec(),
            is_list: field.label() == Label::Repeated,
            is_message: field.r#type() == Type::Message,
            is_text: matches!(field.r#type(), Type::String | Type::Bytes),
            unset: self
                .enums
                .get(&of)
                .and_then(|values| values.first().cloned()),
            of,
        }
    }

    /// What an enum's field may say. A draft is no status of what is sent.
    fn values_of(&self, field: &Field) -> Option<String> {
        let values = self.enums.get(&field.of)?.iter().skip(1);
        let said = values.filter(|value| *value != "STATUS_DRAFT");
        Some(said.map(String::as_str).collect::<Vec<_>>().join(", "))
    }

    /// The draft with every mandatory field, and nothing in any: grown from nothing by what its judge misses.
    fn mandatory(&self, kind: Kind, now: Timestamp) -> Value {
        let mut draft = serde_json::json!({ "payload": {} });
        if let Some(payload) = draft.get_mut("payload")
            && let Some(field) = self
                .fields(PAYLOAD, kind)
                .into_iter()
                .find(|field| self.is_kind(field, kind))
        {
            payload[field.json.as_str()] = Value::Object(Map::new());
        }
        for _ in 0..ROUNDS_MAX {
            let read = read_draft_json(&draft.to_string());
            let judged = read.and_then(|draft| parse_draft(&draft, now).map(drop));
            let Err(faults) = judged else {
                break;
            };
            let before = draft.clone();
            for fault in faults {
                self.open(&mut draft, &fault.path, kind);
            }
            if draft == before {
                break;
            }
        }
        draft
    }

    fn is_kind(&self, field: &Field, kind: Kind) -> bool {
        let payload = self.messages.get(PAYLOAD);
        let named = payload
            .into_iter()
            .flat_map(|payload| &payload.message.field)
            .find(|it| it.name() == kind.name());
        named.is_some_and(|named| named.json_name() == field.json)
    }

    /// Adds the field at a path to the draft, and what lies on the way to it.
    fn open(&self, draft: &mut Value, path: &str, kind: Kind) {
        let steps: Vec<&str> = path
            .split('.')
            .map(|step| step.split('[').next().unwrap_or_default())
            .collect();
        let header = self.fields(DRAFT, kind);
        let is_header = |step: &&str| header.iter().any(|field| field.json == *step);
        let (mut place, mut message) = (draft, DRAFT.to_owned());
        if !steps.first().is_some_and(is_header) {
            place = &mut place["payload"];
            PAYLOAD.clone_into(&mut message);
        }
        for step in steps {
            let fields = self.fields(&message, kind);
            let Some(field) = fields.into_iter().find(|field| field.json == step) else {
                break;
            };
            let Some(object) = place.as_object_mut() else {
                return;
            };
            let value = object
                .entry(field.json.clone())
                .or_insert_with(|| field.blank());
            place = match value.is_array() && field.is_message {
                true => &mut value[0],
                false => value,
            };
            message = field.of;
        }
        self.choose(place, &message, kind);
    }

    /// Of a message that is one of several, the first.
    fn choose(&self, place: &mut Value, message: &str, kind: Kind) {
        let Some(described) = self.messages.get(message) else {
            return;
        };
        let choices = || {
            let fields = described.message.field.iter();
            fields.filter(|field| message != PAYLOAD && field.oneof_index.is_some())
        };
        let Some(object) = place.as_object_mut() else {
            return;
        };
        if choices().any(|choice| object.contains_key(choice.json_name())) {
            return;
        }
        let first = choices().next().map(|choice| choice.json_name().to_owned());
        let fields = self.fields(message, kind);
        if let Some(field) = fields
            .into_iter()
            .find(|field| first.as_ref() == Some(&field.json))
        {
            object.insert(field.json.clone(), field.blank());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::alert::ParsedDraft;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    /// What an officer would write, by the name of the field.
    /// Of what is one of several, the `choice`: some demand more than others.
    fn sample(schema: &Schema, name: &str, field: &Field, choice: usize) -> Value {
        let text = match name {
            "to" => return serde_json::json!(["XB-POL"]),
            "inReplyTo" => "XA-26-7F3K9",
            "validUntil" | "checkedUntil" => "2026-12-31",
            "path" => "subject.birthDate",
            _ if name.ends_with("At") => "2026-11-18T10:00:00Z",
            _ if name.ends_with("On") || name.ends_with("Since") || name.ends_with("Date") => {
                "2026-01-02"
            }
            _ if name.to_lowercase().ends_with("country") => "XB",
            _ => "Specimen",
        };
        let value = match (schema.enums.get(&field.of), field.is_text) {
            (Some(values), _) => Value::String(values[1 + choice % (values.len() - 1)].clone()),
            (None, true) => Value::String(text.to_owned()),
            (None, false) => Value::from(16),
        };
        match field.is_list {
            true => Value::Array(vec![value]),
            false => value,
        }
    }

    fn fill(schema: &Schema, message: &str, kind: Kind, value: &mut Value, choice: usize) {
        for field in schema.fields(message, kind) {
            let Some(inner) = value.get_mut(&field.json) else {
                continue;
            };
            if !field.is_message {
                // A notice's from and until are times, as others' names in `At` say.
                // Those of a return are days.
                let name = match message.rsplit('.').next() {
                    Some("NoticeOfService") => format!("{}At", field.json),
                    Some("Statistics") if !field.json.ends_with("At") => {
                        format!("{}On", field.json)
                    }
                    _ => field.json.clone(),
                };
                *inner = sample(schema, &name, &field, choice);
            } else if field.is_list {
                fill(schema, &field.of, kind, &mut inner[0], choice);
            } else {
                fill(schema, &field.of, kind, inner, choice);
            }
        }
    }

    fn judged(text: &str) -> Result<ParsedDraft, String> {
        let draft = read_draft_json(text).map_err(|faults| format!("{faults:?}"))?;
        parse_draft(&draft, NOW).map_err(|faults| format!("{faults:#?}"))
    }

    /// From the list of kinds: whatever is added to it has a template, or this fails.
    #[test]
    fn what_is_mandatory_makes_a_legal_draft_of_every_kind_once_it_is_filled_in() {
        for kind in Kind::ALL {
            let template = Template::of(*kind, NOW).expect("descriptors");
            let empty = template.mandatory();
            assert!(judged(&empty.to_string()).is_err(), "{kind}: it is empty");
            let filled = |choice| {
                let mut draft = empty.clone();
                fill(&template.schema, DRAFT, *kind, &mut draft, choice);
                // What a choice demands besides, the refusal names: added as an officer would.
                for _ in 0..3 {
                    let read = read_draft_json(&draft.to_string()).expect("it is a draft");
                    for fault in parse_draft(&read, NOW).err().into_iter().flatten() {
                        template.schema.open(&mut draft, &fault.path, *kind);
                    }
                    fill(&template.schema, DRAFT, *kind, &mut draft, choice);
                }
                judged(&draft.to_string())
            };
            let legal = (0..8).find_map(|choice| filled(choice).ok());
            let parsed = legal.unwrap_or_else(|| panic!("{kind}: {:?}\n{empty:#}", filled(0)));
            assert_eq!(parsed.kind, *kind);
        }
    }

    /// The page with its comments reads as the mandatory fields alone; with every `//` before a field taken away it is read as
    /// well, up to what is not filled in.
    #[test]
    fn the_page_reads_as_what_is_mandatory_and_names_every_field() {
        for kind in Kind::ALL {
            let template = Template::of(*kind, NOW).expect("descriptors");
            let page = template.page();
            let read =
                read_draft_json(&page).unwrap_or_else(|fault| panic!("{kind}: {fault:?}\n{page}"));
            let alone = read_draft_json(&template.mandatory().to_string()).expect("legal");
            assert_eq!(read, alone, "{kind}");
            let opened: Vec<String> = page
                .lines()
                .map(|line| match line.trim_start().strip_prefix("// ") {
                    Some(field) if field.starts_with(['"', '}']) => field.to_owned(),
                    _ => line.to_owned(),
                })
                .collect();
            // Of what is one of several, the last holds.
            let whole = opened.join("\n");
            let fields = whole
                .lines()
                .filter(|line| line.trim_start().starts_with('"'));
            assert!(fields.count() > 10, "{kind}: {whole}");
        }
    }

    #[test]
    fn a_missing_offender_to_fill_in() {
        let template = Template::of(Kind::MissingOffender, NOW).expect("descriptors");
        insta::assert_snapshot!(template.page());
    }
}
