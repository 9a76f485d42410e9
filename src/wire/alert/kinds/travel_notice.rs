//! An offender travels, or means to.

use crate::{
    domain::{
        alert::{
            kinds::{Leg, TravelNotice},
            value::{Day, Moment},
        },
        mrz::Mrz,
    },
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::TravelNotice,
    payload: &pb::Payload,
) -> Option<TravelNotice> {
    reader.demand(!wire.legs.is_empty(), "legs", "at least one leg");
    let legs = reader.list("legs", &wire.legs, leg);
    let purpose = reader.line("purpose", &wire.purpose);
    let companions = reader.lines("companions", &wire.companions);
    let accommodation = reader.line("accommodation", &wire.accommodation);
    let document_number = reader.line("documentNumber", &wire.document_number);
    if document_number.is_some() && !names_document(payload, &wire.document_number) {
        let expected = "the number of one of subject.documents";
        reader.wrong("documentNumber", &wire.document_number, expected);
    }
    let expected_return_on: Option<Day> =
        reader.optional("expectedReturnOn", &wire.expected_return_on);
    let report_by: Option<Day> = reader.optional("reportBy", &wire.report_by);
    reader.in_order(
        expected_return_on.as_ref(),
        report_by.as_ref(),
        "reportBy",
        &wire.report_by,
        "expectedReturnOn",
    );
    let notified_on = reader.optional("notifiedOn", &wire.notified_on);
    Some(TravelNotice {
        legs,
        purpose,
        companions,
        accommodation,
        document_number,
        expected_return_on,
        report_by,
        notified_on,
    })
}

fn names_document(payload: &pb::Payload, number: &str) -> bool {
    payload.subject.iter().any(|subject| {
        subject.documents.iter().any(|document| {
            document.number == number
                || Mrz::parse(&document.mrz).is_ok_and(|zone| zone.number() == number)
        })
    })
}

fn leg(reader: &mut Reader, wire: &pb::Leg) -> Option<Leg> {
    let from_place = reader.line("fromPlace", &wire.from_place);
    let from_country = reader.needed("fromCountry", &wire.from_country);
    let to_place = reader.line("toPlace", &wire.to_place);
    let to_country = reader.needed("toCountry", &wire.to_country);
    let carrier = reader.line("carrier", &wire.carrier);
    let number = reader.line("number", &wire.number);
    let departs_at: Option<Moment> = reader.optional("departsAt", &wire.departs_at);
    let arrives_at: Option<Moment> = reader.optional("arrivesAt", &wire.arrives_at);
    reader.in_order(
        departs_at.as_ref(),
        arrives_at.as_ref(),
        "arrivesAt",
        &wire.arrives_at,
        "departsAt",
    );
    let departed_at: Option<Moment> = reader.optional("departedAt", &wire.departed_at);
    let arrived_at: Option<Moment> = reader.optional("arrivedAt", &wire.arrived_at);
    reader.in_order(
        departed_at.as_ref(),
        arrived_at.as_ref(),
        "arrivedAt",
        &wire.arrived_at,
        "departedAt",
    );
    Some(Leg {
        from: (from_place, from_country?),
        to: (to_place, to_country?),
        carrier,
        number,
        departs_at,
        arrives_at,
        departed_at,
        arrived_at,
    })
}
