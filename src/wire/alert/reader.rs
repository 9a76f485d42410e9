//! Collects every fault of a message while it is read, with the path of each field.
//!
//! A read answers `None` for what is absent and for what is wrong; the value as a whole counts only if
//! [`Reader::is_faultless`]. Paths are written out at a fault only, so that a legal payload costs none.

use std::{fmt::Display, str::FromStr};

use crate::{
    domain::{
        alert::{
            Fault,
            value::{Day, Language, Line, Text},
        },
        limits::{FAULTS_MAX, FOUND_MAX_CHARS, LIST_MAX_ITEMS},
        lists::wire_name,
        routing::Coded,
        text::{Flag, excerpt, flags, may_name_minor},
        time::Timestamp,
    },
    proto::alert::v1 as pb,
    wire::fields::coded,
};

/// Whether a payload must name its target itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetRule {
    /// A statement names it.
    Named,
    /// A draft may leave it to its header.
    MayBeOfHeader,
}

pub(super) struct Reader {
    path: Vec<(&'static str, Option<usize>)>,
    faults: Vec<Fault>,
    fault_count: usize,
    warnings: Option<Vec<String>>,
    issued_on: Option<Day>,
    pub(super) target_rule: TargetRule,
}

impl Reader {
    /// For an officer's draft: gives warnings.
    pub(super) fn of_draft(now: Timestamp) -> Self {
        Self {
            warnings: Some(Vec::new()),
            target_rule: TargetRule::MayBeOfHeader,
            ..Self::of_received(Some(now))
        }
    }

    /// For a signed payload: nobody reads warnings.
    pub(super) fn of_received(issued_at: Option<Timestamp>) -> Self {
        Self {
            path: Vec::new(),
            faults: Vec::new(),
            fault_count: 0,
            warnings: None,
            issued_on: issued_at.and_then(Day::of),
            target_rule: TargetRule::Named,
        }
    }

    pub(super) fn is_faultless(&self) -> bool {
        self.fault_count == 0
    }

    /// The day of issue, where it is known.
    pub(super) fn issued_on(&self) -> Option<Day> {
        self.issued_on
    }

    /// All faults, and all warnings.
    pub(super) fn finish(mut self) -> (Vec<Fault>, Vec<String>) {
        if self.fault_count > self.faults.len() {
            self.faults.push(Fault {
                path: "payload".to_owned(),
                found: format!("{} more faults", self.fault_count - self.faults.len()),
                expected: "none".to_owned(),
            });
        }
        (self.faults, self.warnings.unwrap_or_default())
    }

    /// Tells a fault of a child field; `found` is raw text from outside.
    pub(super) fn wrong(&mut self, field: &'static str, found: &str, expected: impl Into<String>) {
        let found = if found.is_empty() {
            "nothing".to_owned()
        } else {
            format!("`{}`", excerpt(found, FOUND_MAX_CHARS))
        };
        self.fault(field, found, expected);
    }

    /// [`Reader::wrong`] of one item of a list.
    pub(super) fn wrong_item(
        &mut self,
        field: &'static str,
        place: usize,
        found: &str,
        expected: impl Into<String>,
    ) {
        self.path.push((field, Some(place)));
        self.wrong("", found, expected);
        self.path.pop();
    }

    /// Tells a fault of a child field; `found` is our own words.
    pub(super) fn fault(
        &mut self,
        field: &'static str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault {
                path: self.path_to(field),
                found: found.into(),
                expected: expected.into(),
            });
        }
    }

    /// Reads what stands under a field.
    pub(super) fn within<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.path.push((field, None));
        let value = read(self);
        self.path.pop();
        value
    }

    /// Reads a message that may be absent.
    pub(super) fn message<P, T>(
        &mut self,
        field: &'static str,
        wire: Option<&P>,
        read: impl FnOnce(&mut Self, &P) -> Option<T>,
    ) -> Option<T> {
        let wire = wire?;
        self.within(field, |reader| read(reader, wire))
    }

    /// Reads every item of a list.
    pub(super) fn list<P, T>(
        &mut self,
        field: &'static str,
        items: &[P],
        mut read: impl FnMut(&mut Self, &P) -> Option<T>,
    ) -> Vec<T> {
        if items.len() > LIST_MAX_ITEMS {
            self.fault(
                field,
                format!("{} items", items.len()),
                format!("at most {LIST_MAX_ITEMS}"),
            );
            return Vec::new();
        }
        let mut values = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            self.path.push((field, Some(place)));
            values.extend(read(self, item));
            self.path.pop();
        }
        values
    }

    /// Goes into one item of a list.
    pub(super) fn within_item(
        &mut self,
        (field, place): (&'static str, usize),
        look: impl FnOnce(&mut Self),
    ) {
        self.path.push((field, Some(place)));
        look(self);
        self.path.pop();
    }

    /// Reads a list of texts.
    pub(super) fn parsed_list<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        items: &[String],
    ) -> Vec<T> {
        self.list(field, items, |reader, item| reader.needed("", item))
    }

    /// Reads a list of lines, and warns of minors' names.
    pub(super) fn lines(&mut self, field: &'static str, items: &[String]) -> Vec<Line> {
        self.list(field, items, |reader, item| reader.needed_line("", item))
    }

    /// Reads a text that may be empty.
    pub(super) fn optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        text: &str,
    ) -> Option<T> {
        (!text.is_empty())
            .then(|| self.needed(field, text))
            .flatten()
    }

    /// Reads a text that must be there.
    pub(super) fn needed<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        text: &str,
    ) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(expected) => {
                let expected = expected.to_string();
                // Errors that also tell what was found say it twice otherwise.
                let expected = expected.rsplit("expected ").next().unwrap_or_default();
                self.wrong(field, text, expected);
                None
            }
        }
    }

    /// A line that may be empty.
    pub(super) fn line(&mut self, field: &'static str, text: &str) -> Option<Line> {
        self.look_at(field, text);
        self.optional(field, text)
    }

    /// A line that must be there.
    pub(super) fn needed_line(&mut self, field: &'static str, text: &str) -> Option<Line> {
        self.look_at(field, text);
        self.needed(field, text)
    }

    /// Words with their language.
    pub(super) fn text(&mut self, field: &'static str, wire: Option<&pb::Text>) -> Option<Text> {
        self.message(field, wire, |reader, wire| {
            reader.look_at("text", &wire.text);
            let text = Text::words(&wire.text)
                .map_err(|expected| reader.wrong("text", &wire.text, expected.0))
                .ok();
            let language = reader.optional::<Language>("language", &wire.language);
            Some(Text {
                text: text?,
                language,
            })
        })
    }

    /// A value of a closed list that must be there.
    pub(super) fn coded<T: Coded>(&mut self, field: &'static str, number: i32) -> Option<T> {
        let value = coded(number, T::of_number);
        if value.is_none() {
            let found = match number {
                0 => String::new(),
                number => number.to_string(),
            };
            self.wrong(field, &found, one_of::<T>());
        }
        value
    }

    /// A value of a closed list that may be absent.
    pub(super) fn optional_coded<T: Coded>(
        &mut self,
        field: &'static str,
        number: i32,
    ) -> Option<T> {
        (number != 0).then(|| self.coded(field, number)).flatten()
    }

    /// Tells when a mandatory message or list is absent.
    pub(super) fn demand(
        &mut self,
        present: bool,
        field: &'static str,
        expected: impl Into<String>,
    ) {
        if !present {
            self.fault(field, "nothing", expected);
        }
    }

    /// Tells when something stands that has no place there.
    pub(super) fn forbid(&mut self, present: bool, field: &'static str, why: impl Into<String>) {
        if present {
            self.fault(field, "something", why);
        }
    }

    /// Tells when the second of two dates lies before the first.
    pub(super) fn in_order<T: PartialOrd>(
        &mut self,
        first: Option<&T>,
        second: Option<&T>,
        field: &'static str,
        text: &str,
        first_name: &str,
    ) {
        if let (Some(first), Some(second)) = (first, second)
            && second < first
        {
            self.wrong(field, text, format!("not before {first_name}"));
        }
    }

    /// Whether anybody reads warnings.
    pub(super) fn gives_warnings(&self) -> bool {
        self.warnings.is_some()
    }

    /// Warns of a child field; it is no fault.
    pub(super) fn warn(&mut self, field: &'static str, what: &str) {
        let path = self.path_to(field);
        if let Some(warnings) = &mut self.warnings
            && warnings.len() < FAULTS_MAX
        {
            warnings.push(format!("{path}: {what}"));
        }
    }

    /// Warns of what the writer should look at again; it is no fault.
    fn look_at(&mut self, field: &'static str, text: &str) {
        if self.warnings.is_none() {
            return;
        }
        let mut said = Vec::new();
        if may_name_minor(text) {
            said.push("may name a minor: leave names of victims and other minors out");
        }
        said.extend(flags(text).into_iter().map(told));
        if said.is_empty() {
            return;
        }
        let path = self.path_to(field);
        if let Some(warnings) = &mut self.warnings {
            let room = FAULTS_MAX.saturating_sub(warnings.len());
            warnings.extend(said.iter().take(room).map(|what| format!("{path}: {what}")));
        }
    }

    fn path_to(&self, field: &'static str) -> String {
        let mut path = String::new();
        let steps = self.path.iter().copied().chain([(field, None)]);
        for (field, place) in steps.filter(|(field, _)| !field.is_empty()) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(field);
            if let Some(place) = place {
                path.push_str(&format!("[{place}]"));
            }
        }
        path
    }
}

/// What a writer and a reader are told of a text that is not what it looks like.
pub(super) const fn told(flag: Flag) -> &'static str {
    match flag {
        Flag::Hidden => "has characters that hide or turn text; they are shown escaped",
        Flag::MixedScript => "has a word that mixes scripts; it may look like another",
    }
}

/// `one of SEX_MALE, SEX_FEMALE, ...`, as the draft file writes them.
fn one_of<T: Coded>() -> String {
    let names: Vec<String> = T::all().iter().map(|value| json_name(*value)).collect();
    format!("one of {}", names.join(", "))
}

/// The protobuf name of a value: `NameKind::Legal` is `NAME_KIND_LEGAL`.
pub(super) fn json_name<T: Coded>(value: T) -> String {
    wire_name(T::TYPE, value.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            alert::{basis, kinds, marking, measure, offence, person},
            permission, routing, statistics,
        },
        proto::envelope::v1 as envelope,
    };

    /// Both lists have the same names and numbers, but for protobuf's zero.
    fn agrees<T: Coded>(name_of: impl Fn(i32) -> Option<&'static str>, planned: &[i32]) {
        for number in 1..=255u8 {
            let ours = T::of_number(number).map(json_name);
            let theirs = name_of(i32::from(number)).filter(|_| !planned.contains(&number.into()));
            assert_eq!(ours.as_deref(), theirs, "{} {number}", T::TYPE);
        }
    }

    macro_rules! agree {
        ($($ours:path = $theirs:path;)*) => {$(
            agrees::<$ours>(|number| <$theirs>::try_from(number).ok().map(|it| it.as_str_name()), &[]);
        )*};
    }

    #[test]
    fn closed_lists_are_the_same_in_domain_and_protobuf() {
        agree! {
            person::Sex = pb::Sex; person::NameKind = pb::NameKind; person::NameQuality = pb::NameQuality;
            person::DocumentCategory = pb::DocumentCategory; person::DocumentStatus = pb::DocumentStatus;
            person::ChildContact = pb::ChildContact; person::ReachKind = pb::ReachKind;
            measure::RiskLevel = pb::RiskLevel; measure::WarningKind = pb::WarningKind;
            measure::Supervision = pb::Supervision; measure::TravelScope = pb::TravelScope;
            offence::VictimAge = pb::VictimAge; offence::OffenceClass = pb::OffenceClass; basis::AskedAction = pb::AskedAction;
            kinds::Awareness = pb::Awareness; kinds::Presence = pb::Presence; kinds::OutcomeCode = pb::OutcomeCode;
            kinds::RecallReason = pb::RecallReason; kinds::ClosureReason = pb::ClosureReason;
            kinds::RetentionCode = pb::RetentionCode; kinds::InstructionCode = pb::InstructionCode;
            kinds::ProtectionGround = pb::ProtectionGround; kinds::RequestPurpose = pb::RequestPurpose;
            kinds::ReplyResult = pb::ReplyResult; kinds::ServiceCode = pb::ServiceCode;
            permission::PermissionAct = pb::PermissionAct;
            marking::SourceReliability = pb::SourceReliability; marking::Tlp = pb::Tlp; marking::Pap = pb::Pap;
            marking::InformationReliability = pb::InformationReliability;
            statistics::PriorReport = pb::PriorReport;
            routing::AnswerCode = pb::AnswerCode; routing::Priority = envelope::Priority;
            routing::Handling = envelope::Handling; routing::TransferGround = envelope::TransferGround;
        }
        let kind = |number| {
            envelope::Kind::try_from(number)
                .ok()
                .map(|it| it.as_str_name())
        };
        agrees::<routing::Kind>(kind, &[5, 6, 7]);
        // A draft never leaves the desk: the domain has no such status.
        let status = |number| {
            envelope::Status::try_from(number)
                .ok()
                .map(|it| it.as_str_name())
        };
        agrees::<routing::Status>(status, &[envelope::Status::Draft.into()]);
    }
}
