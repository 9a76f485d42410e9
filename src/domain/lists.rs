//! Every coded list as data: its name, where it is from, its values with their published codes.
//!
//! The way in is [`all`] and [`find`]. Names in languages are not here: `i18n` has one for each value. A list that is
//! not here has no names, and a test of `i18n` would not miss it: add each new `coded!` list that people see.

use super::{
    alert::{
        basis::AskedAction,
        kinds::{
            Awareness, ClosureReason, InstructionCode, OutcomeCode, Presence, ProtectionGround,
            RecallReason, ReplyResult, RequestPurpose, RetentionCode, ServiceCode,
        },
        marking::{InformationReliability, Pap, SourceReliability, Tlp},
        measure::{RiskLevel, Supervision, TravelScope, WarningKind},
        offence::{OffenceClass, VictimAge},
        person::{
            ChildContact, DocumentCategory, DocumentStatus, NameKind, NameQuality, ReachKind, Sex,
        },
        scales::{
            AdmiraltyInformation, AdmiraltySource, CapCertainty, CapSeverity, CapUrgency,
            NoticeColour,
        },
    },
    permission::PermissionAct,
    routing::{AnswerCode, Coded, Handling, Kind, Priority, Status, TransferGround},
    statistics::PriorReport,
};

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Such as `warning-kind`.
    pub name: String,
    /// Such as `WarningKind`: as domain and wire call it.
    pub type_name: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// In the order of the list.
    pub values: Vec<Value>,
}

/// One value of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The stable name, such as `danger_to_children`.
    pub code: &'static str,
    /// As its source writes it: `TLP:AMBER+STRICT`, `2` of ISO 5218; ours: the stable name.
    pub published: String,
    /// As draft files and the wire write it: `WARNING_KIND_DANGER_TO_CHILDREN`.
    pub wire: String,
}

const OURS: &str = "Allpoints";

macro_rules! lists {
    ($($type:ty, $source:expr, $published:expr;)*) => {
        /// Every list, in the order in which an alert uses them.
        #[must_use]
        pub fn all() -> Vec<List> {
            vec![$(of::<$type>($source, $published)),*]
        }
    };
}

lists! {
    Kind, OURS, own;
    Status, "OASIS CAP 1.2, status", own;
    Priority, OURS, own;
    Handling, "Europol handling codes", own;
    TransferGround, "Directive (EU) 2016/680, arts. 36 to 38", own;
    SourceReliability, "Europol 4x4, source", own;
    InformationReliability, "Europol 4x4, information", own;
    Tlp, "FIRST TLP 2.0", Tlp::label;
    Pap, "PAP", Pap::label;
    Sex, "ISO 5218", Sex::iso_5218;
    NameKind, OURS, own;
    NameQuality, "Regulation (EU) 2018/1862, art. 20", own;
    DocumentCategory, OURS, own;
    DocumentStatus, OURS, own;
    ChildContact, OURS, own;
    ReachKind, OURS, own;
    RiskLevel, OURS, own;
    WarningKind, "Regulation (EU) 2018/1862, art. 20", own;
    Supervision, OURS, own;
    TravelScope, "Sexual Offences Act 2003 s. 103D", own;
    VictimAge, OURS, own;
    OffenceClass, OURS, own;
    PriorReport, OURS, own;
    AskedAction, "Regulation (EU) 2018/1862, arts. 24 and 37", own;
    ProtectionGround, OURS, own;
    Awareness, OURS, own;
    Presence, OURS, own;
    OutcomeCode, OURS, own;
    AnswerCode, OURS, own;
    InstructionCode, OURS, own;
    RequestPurpose, "after Directive (EU) 2023/977, art. 1", own;
    ReplyResult, OURS, own;
    PermissionAct, "Europol handling codes H1 and H2", own;
    RecallReason, OURS, own;
    ClosureReason, OURS, own;
    RetentionCode, OURS, own;
    ServiceCode, OURS, own;
    AdmiraltySource, "6x6, NATO AJP-2.1, source", own;
    AdmiraltyInformation, "6x6, NATO AJP-2.1, information", own;
    CapUrgency, "OASIS CAP 1.2, urgency", own;
    CapSeverity, "OASIS CAP 1.2, severity", own;
    CapCertainty, "OASIS CAP 1.2, certainty", own;
    NoticeColour, "INTERPOL notices", own;
}

/// The list of this name or type name.
#[must_use]
pub fn find(name: &str) -> Option<List> {
    all()
        .into_iter()
        .find(|list| list.name == name || list.type_name == name)
}

/// As draft files and the wire write a value: `NameKind` and `legal` are `NAME_KIND_LEGAL`.
#[must_use]
pub fn wire_name(type_name: &str, code: &str) -> String {
    let prefix = words_of(type_name, '_').to_ascii_uppercase();
    format!("{prefix}_{}", code.to_ascii_uppercase())
}

fn of<T: Coded>(source: &'static str, published: fn(T) -> String) -> List {
    let value = |value: T| Value {
        code: value.text(),
        published: published(value),
        wire: wire_name(T::TYPE, value.text()),
    };
    List {
        name: words_of(T::TYPE, '-').to_ascii_lowercase(),
        type_name: T::TYPE,
        source,
        values: T::all().iter().copied().map(value).collect(),
    }
}

fn own<T: Coded>(value: T) -> String {
    value.text().to_owned()
}

/// The words of a type name, joined: `NameKind` is `Name-Kind`.
fn words_of(type_name: &str, joint: char) -> String {
    let mut words = String::new();
    for (place, letter) in type_name.char_indices() {
        if place > 0 && letter.is_ascii_uppercase() {
            words.push(joint);
        }
        words.push(letter);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::country::Country;

    fn published(name: &str) -> String {
        let values = find(name).expect(name).values;
        let codes: Vec<_> = values.into_iter().map(|value| value.published).collect();
        codes.join(" ")
    }

    /// Each list as its source publishes it, or as `alert.md` has it where it is ours.
    const PUBLISHED: &[(&str, &str)] = &[
        ("sex", "1 2 0 9"),
        ("handling", "H0 H1 H2 H3"),
        (
            "tlp",
            "TLP:CLEAR TLP:GREEN TLP:AMBER TLP:AMBER+STRICT TLP:RED",
        ),
        ("pap", "PAP:CLEAR PAP:GREEN PAP:AMBER PAP:RED"),
        ("source-reliability", "A B C X"),
        ("information-reliability", "1 2 3 4"),
        ("admiralty-source", "A B C D E F"),
        ("admiralty-information", "1 2 3 4 5 6"),
        ("status", "actual exercise system test"),
        ("cap-urgency", "immediate expected future past unknown"),
        ("cap-severity", "extreme severe moderate minor unknown"),
        ("cap-certainty", "observed likely possible unlikely unknown"),
        ("priority", "routine priority urgent flash"),
        ("transfer-ground", "adequacy safeguards derogation"),
        (
            "notice-colour",
            "red yellow blue black green orange purple silver un_special",
        ),
        (
            "kind",
            "missing_offender travel_notice public_protection restriction_order information_request information_reply \
             sighting outcome update correction extend recall closure answer instruction statistics notice_of_service",
        ),
        ("permission-act", "disclose pass_on"),
        (
            "answer-code",
            "opened assigned no_trace needs_information cannot_act actioned misidentified possible_hit hit",
        ),
        (
            "outcome-code",
            "refused_entry located arrested charged convicted returned under_surveillance released",
        ),
        (
            "instruction-code",
            "confirm_identity hold let_pass_and_report hand_over contact",
        ),
        (
            "asked-action",
            "arrest_for_extradition refuse_entry specific_check inquiry_check discreet_check \
             keep_under_surveillance locate_and_report contact_us_first inform_only",
        ),
        (
            "warning-kind",
            "armed violent absconded suicide_risk public_health_threat terrorism danger_to_children",
        ),
        (
            "document-status",
            "valid surrendered lost stolen invalidated",
        ),
        (
            "document-category",
            "passport identity_card residence_permit visa driving_licence refugee_document other",
        ),
        ("travel-scope", "named all_but_named all"),
        ("name-quality", "good low"),
        ("name-kind", "legal birth alias"),
        ("risk-level", "low medium high very_high"),
        ("supervision", "only_supervised none_allowed"),
        ("child-contact", "none works_with_children not_known"),
        ("reach-kind", "telephone mail internet_identifier"),
        (
            "victim-age",
            "under_6 6_to_12 13_to_15 16_to_17 adult not_known",
        ),
        (
            "offence-class",
            "rape sexual_abuse sexual_exploitation grooming abuse_material other_sexual breach other not_stated",
        ),
        ("prior-report", "missing none"),
        ("protection-ground", "conviction conduct"),
        ("awareness", "unaware aware not_known"),
        ("presence", "present left not_known"),
        (
            "recall-reason",
            "wrong_person wrong_facts sent_by_mistake wrong_recipients no_legal_basis other",
        ),
        (
            "closure-reason",
            "found arrested returned order_ended deceased other",
        ),
        ("retention-code", "removed kept"),
        (
            "request-purpose",
            "prevention detection investigation tracing supervision disclosure_check",
        ),
        ("reply-result", "answered nothing_known refused partly"),
        ("service-code", "maintenance drill"),
    ];

    #[test]
    fn lists_are_as_published_and_none_is_left_out() {
        for (name, values) in PUBLISHED {
            assert_eq!(published(name), *values, "{name}");
        }
        let lists = all();
        let names: BTreeSet<&str> = lists.iter().map(|list| list.name.as_str()).collect();
        assert_eq!(names.len(), lists.len(), "each name once");
        let tested: BTreeSet<&str> = PUBLISHED.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, tested);
    }

    #[test]
    fn icao_adds_its_codes_to_the_countries() {
        for code in "EUE XBA XEC XXA XXB XXC XXX UTO GBD GBN GBO GBP GBS XK XA XB XC".split(' ') {
            let read: Country = code.parse().expect(code);
            assert_eq!(read.code(), code);
        }
    }

    #[test]
    fn values_have_their_wire_names() {
        let tlp = find("tlp").expect("the list");
        assert_eq!(tlp.values[3].wire, "TLP_AMBER_STRICT");
        assert_eq!(find("WarningKind").expect("the list").name, "warning-kind");
        assert_eq!(wire_name("VictimAge", "6_to_12"), "VICTIM_AGE_6_TO_12");
        assert_eq!(find("colours"), None);
    }
}
