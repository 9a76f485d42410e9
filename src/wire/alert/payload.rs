//! The payload as a whole: what is shared, and what its kind demands of that.

use super::{
    kinds::{self, kind_of},
    marks, measure, person,
    reader::Reader,
};
use crate::{
    domain::{
        alert::{
            Payload,
            basis::{AskedAction, Basis, Validity},
            kinds::{ProtectionGround, RequestPurpose, Shared},
            marking::Evaluation,
        },
        routing::Kind,
    },
    proto::alert::v1 as pb,
};

pub(super) fn read(reader: &mut Reader, wire: &pb::Payload) -> Option<Payload> {
    let kind = kind_of(wire);
    reader.demand(
        kind.is_some(),
        "kind",
        "one of missingOffender, travelNotice, restrictionOrder, sighting, outcome, update, correction, recall, closure, answer, instruction, publicProtection, informationRequest, informationReply, noticeOfService, extend, statistics",
    );
    let subject = reader.message("subject", wire.subject.as_ref(), person::read);
    let risk = reader.message("risk", wire.risk.as_ref(), measure::risk);
    let warnings = reader.list("warnings", &wire.warnings, measure::warning);
    let registrations = reader.list("registrations", &wire.registrations, measure::registration);
    let orders = reader.list("orders", &wire.orders, measure::order);
    let offences = reader.list("offences", &wire.offences, |reader, wire| {
        measure::offence(reader, wire, kind)
    });
    let asked = reader.list("asked", &wire.asked, measure::asked);
    let basis = reader.message("basis", wire.basis.as_ref(), measure::basis);
    let remarks = reader.text("remarks", wire.remarks.as_ref());
    let evaluation = reader.message("evaluation", wire.evaluation.as_ref(), evaluation);
    let tlp = reader.optional_coded("tlp", wire.tlp);
    let pap = reader.optional_coded("pap", wire.pap);
    let paragraph_marking = marks::read(reader, wire);
    let same_person = reader.message(
        "samePerson",
        wire.same_person.as_ref(),
        kinds::read_reference,
    );
    if let Some(kind) = kind {
        let may = kind.is_alert() || matches!(kind, Kind::Update | Kind::Correction);
        let why = "nothing: an alert, an update or a correction says it";
        reader.forbid(wire.same_person.is_some() && !may, "samePerson", why);
        check_shared(reader, wire, kind);
        check_validity(reader, wire, kind, basis.as_ref());
    }
    let content = kinds::read(reader, wire)?;
    Some(Payload {
        subject,
        risk,
        warnings,
        registrations,
        orders,
        offences,
        asked,
        basis,
        remarks,
        evaluation,
        tlp,
        pap,
        paragraph_marking,
        same_person,
        content,
    })
}

fn evaluation(reader: &mut Reader, wire: &pb::Evaluation) -> Option<Evaluation> {
    let source = reader.coded("source", wire.source);
    let information = reader.coded("information", wire.information);
    Some(Evaluation {
        source: source?,
        information: information?,
    })
}

fn check_shared(reader: &mut Reader, wire: &pb::Payload, kind: Kind) {
    match Shared::of(kind) {
        Shared::Whole => {
            reader.demand(wire.subject.is_some(), "subject", "whom the alert is about");
            reader.demand(!wire.asked.is_empty(), "asked", "what is asked abroad");
            reader.demand(
                wire.basis.is_some(),
                "basis",
                "on what law and decision it rests",
            );
            let orders = kind != Kind::RestrictionOrder || !wire.orders.is_empty();
            reader.demand(orders, "orders", "the order, clause by clause");
            if rests_on_conviction(wire) && !wire.offences.iter().any(is_conviction) {
                reader.fault(
                    "offences",
                    "no conviction",
                    "the conviction on which it rests",
                );
            }
            check_asked(reader, wire);
        }
        Shared::Optional => {
            if asks_disclosure(wire) {
                reader.demand(wire.subject.is_some(), "subject", "whom the check is about");
            }
        }
        Shared::Nothing => {
            let why = format!("nothing: a {kind} says nothing of a person");
            for (present, field) in [
                (wire.subject.is_some(), "subject"),
                (wire.risk.is_some(), "risk"),
                (!wire.warnings.is_empty(), "warnings"),
                (!wire.registrations.is_empty(), "registrations"),
                (!wire.orders.is_empty(), "orders"),
                (!wire.offences.is_empty(), "offences"),
                (!wire.asked.is_empty(), "asked"),
                (wire.basis.is_some(), "basis"),
                (wire.evaluation.is_some(), "evaluation"),
            ] {
                reader.forbid(present, field, why.as_str());
            }
        }
    }
}

fn rests_on_conviction(wire: &pb::Payload) -> bool {
    matches!(&wire.kind, Some(pb::payload::Kind::PublicProtection(it))
        if it.ground == ProtectionGround::Conviction as i32)
}

fn is_conviction(offence: &pb::Offence) -> bool {
    matches!(offence.standing, Some(pb::offence::Standing::Conviction(_)))
}

fn asks_disclosure(wire: &pb::Payload) -> bool {
    matches!(&wire.kind, Some(pb::payload::Kind::InformationRequest(it))
        if it.purpose == RequestPurpose::DisclosureCheck as i32)
}

/// To inform only excludes asking anything; an arrest and a discreet check exclude each other.
fn check_asked(reader: &mut Reader, wire: &pb::Payload) {
    let asks = |action: AskedAction| wire.asked.iter().any(|it| it.action == action as i32);
    if asks(AskedAction::InformOnly) && wire.asked.len() > 1 {
        reader.fault(
            "asked",
            "to inform only, with other actions",
            "to inform only, or other actions",
        );
    }
    if asks(AskedAction::ArrestForExtradition) && asks(AskedAction::DiscreetCheck) {
        reader.fault("asked", "an arrest and a discreet check", "one of the two");
    }
}

fn check_validity(reader: &mut Reader, wire: &pb::Payload, kind: Kind, basis: Option<&Basis>) {
    let Some(raw) = wire.basis.as_ref().map(|basis| basis.valid_until.as_str()) else {
        return;
    };
    let validity = Validity::of(kind);
    let issued = reader.issued_on();
    let expected = issued.map_or("a day of the calendar".to_owned(), |issued| {
        let last = issued.plus_days(validity.max_days);
        let usual = issued.plus_days(validity.default_days);
        format!("a day from {issued} to {last}; usual is {usual}")
    });
    let outside = issued.zip(basis).is_some_and(|(issued, basis)| {
        basis.valid_until < issued || basis.valid_until > issued.plus_days(validity.max_days)
    });
    if raw.is_empty() || outside {
        reader.within("basis", |reader| reader.wrong("validUntil", raw, expected));
    }
}
