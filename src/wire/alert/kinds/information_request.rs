//! A question between authorities.

use crate::{
    domain::alert::{
        kinds::{InformationRequest, RequestPurpose, Vetting},
        value::{Day, Moment},
    },
    proto::alert::v1 as pb,
    wire::alert::{permission, reader::Reader},
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::InformationRequest,
    _payload: &pb::Payload,
) -> Option<InformationRequest> {
    let purpose = reader.coded("purpose", wire.purpose);
    reader.demand(!wire.questions.is_empty(), "questions", "at least one question");
    let questions = reader.list("questions", &wire.questions, |reader, question| {
        reader.text("", Some(question))
    });
    let legal_basis = reader.needed_line("legalBasis", &wire.legal_basis);
    let wanted_by: Option<Moment> = reader.optional("wantedBy", &wire.wanted_by);
    let wanted_on = wanted_by.and_then(|moment| Day::of(moment.time()));
    let issued_on = reader.issued_on();
    reader.in_order(
        issued_on.as_ref(),
        wanted_on.as_ref(),
        "wantedBy",
        &wire.wanted_by,
        "the day of issue",
    );
    let reason = reader.text("reason", wire.reason.as_ref());
    let vetting = vetting(reader, wire, purpose);
    let permission = reader.message("permission", wire.permission.as_ref(), permission::request);
    Some(InformationRequest {
        purpose: purpose?,
        questions,
        legal_basis: legal_basis?,
        wanted_by,
        reason,
        vetting,
        permission,
    })
}

/// Only a disclosure check says which work is applied for, and on whose consent it rests.
fn vetting(
    reader: &mut Reader,
    wire: &pb::InformationRequest,
    purpose: Option<RequestPurpose>,
) -> Option<Vetting> {
    let position = reader.line("position", &wire.position);
    let consent_reference = reader.line("consentReference", &wire.consent_reference);
    let is_check = purpose? == RequestPurpose::DisclosureCheck;
    for (field, written, what) in [
        ("position", !wire.position.is_empty(), "the work with children applied for"),
        (
            "consentReference",
            !wire.consent_reference.is_empty(),
            "the reference of the person's consent",
        ),
    ] {
        if is_check {
            reader.demand(written, field, what);
        } else {
            reader.forbid(written, field, "nothing: only a disclosure_check has it");
        }
    }
    is_check
        .then_some(position.zip(consent_reference))
        .flatten()
        .map(|(position, consent_reference)| Vetting {
            position,
            consent_reference,
        })
}
