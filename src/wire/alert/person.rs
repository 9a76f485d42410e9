//! Persons and their documents.

use super::reader::Reader;
use crate::{
    domain::{
        alert::{
            person::{
                Address, Document, FactOrigin, Name, Occupation, Person, Reach, ReachKind,
                RegisterNumber, Vehicle,
            },
            value::{Day, Line},
        },
        country::Country,
        mrz::Mrz,
        transliteration::icao_forms,
    },
    proto::alert::v1 as pb,
};

pub(super) fn read(reader: &mut Reader, wire: &pb::Person) -> Option<Person> {
    reader.demand(!wire.names.is_empty(), "names", "at least one name");
    let names = reader.list("names", &wire.names, name);
    let sex = reader.coded("sex", wire.sex);
    let birth_date = reader.optional("birthDate", &wire.birth_date);
    let birth_place = reader.line("birthPlace", &wire.birth_place);
    let birth_country = reader.optional("birthCountry", &wire.birth_country);
    let nationalities = nationalities(reader, &wire.nationalities);
    let register_numbers = reader.list("registerNumbers", &wire.register_numbers, register_number);
    let documents = reader.list("documents", &wire.documents, document);
    let parents = reader.list("parents", &wire.parents, name);
    let description = reader.text("description", wire.description.as_ref());
    let described = wire.description_origin.as_ref();
    let description_origin = reader.message("descriptionOrigin", described, origin);
    let why = "none: there is nothing that it is the origin of";
    reader.forbid(
        described.is_some() && wire.description.is_none(),
        "descriptionOrigin",
        why,
    );
    let marks = reader.lines("marks", &wire.marks);
    let marked = wire.marks_origin.as_ref();
    let marks_origin = reader.message("marksOrigin", marked, origin);
    reader.forbid(
        marked.is_some() && wire.marks.is_empty(),
        "marksOrigin",
        why,
    );
    let languages = reader.parsed_list("languages", &wire.languages);
    let occupations = reader.list("occupations", &wire.occupations, occupation);
    let addresses = reader.list("addresses", &wire.addresses, address);
    let reaches = reader.list("reaches", &wire.reaches, reach);
    let vehicles = reader.list("vehicles", &wire.vehicles, vehicle);
    let misused_identity = reader.message(
        "misusedIdentity",
        wire.misused_identity.as_ref(),
        |reader, wire| reader.needed_line("tellingApart", &wire.telling_apart),
    );
    Some(Person {
        names,
        sex: sex?,
        birth_date,
        birth_place,
        birth_country,
        nationalities,
        register_numbers,
        documents,
        parents,
        description,
        description_origin,
        marks,
        marks_origin,
        languages,
        occupations,
        addresses,
        reaches,
        vehicles,
        misused_identity,
    })
}

fn name(reader: &mut Reader, wire: &pb::Name) -> Option<Name> {
    let kind = reader.coded("kind", wire.kind);
    let surname = reader.line("surname", &wire.surname);
    let forenames = reader.line("forenames", &wire.forenames);
    let quality = reader.coded("quality", wire.quality);
    let own_script = reader.line("ownScript", &wire.own_script);
    let icao = reader.line("icao", &wire.icao);
    warn_of_transliteration(reader, wire);
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    let written = [&wire.surname, &wire.forenames, &wire.own_script];
    let any = written.iter().any(|part| !part.is_empty());
    reader.demand(
        any,
        "surname",
        "a surname, forenames or a name in its own script",
    );
    Some(Name {
        kind: kind?,
        surname,
        forenames,
        quality: quality?,
        own_script,
        icao,
        as_of,
        source,
    })
}

/// A transliteration that no table gives may stand in a document all the same: it is no fault.
fn warn_of_transliteration(reader: &mut Reader, wire: &pb::Name) {
    if !reader.gives_warnings() || wire.icao.is_empty() || wire.own_script.is_empty() {
        return;
    }
    let given = icao_forms(&wire.icao).map(|mut forms| forms.swap_remove(0));
    let Some(forms) = icao_forms(&wire.own_script) else {
        return;
    };
    if !given.is_some_and(|given| forms.contains(&given)) {
        reader.warn(
            "icao",
            "disagrees with ownScript by the tables of Doc 9303 part 3",
        );
    }
}

fn nationalities(reader: &mut Reader, wire: &[String]) -> Vec<Country> {
    let countries: Vec<Country> = reader.parsed_list("nationalities", wire);
    for (place, country) in countries.iter().enumerate() {
        if countries.iter().take(place).any(|before| before == country) {
            reader.wrong("nationalities", country.code(), "each country once");
        }
    }
    countries
}

fn register_number(reader: &mut Reader, wire: &pb::RegisterNumber) -> Option<RegisterNumber> {
    let register = reader.needed_line("register", &wire.register);
    let country = reader.needed("country", &wire.country);
    let number = reader.needed_line("number", &wire.number);
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    Some(RegisterNumber {
        register: register?,
        country: country?,
        number: number?,
        as_of,
        source,
    })
}

/// Of a fact that is there: an origin of nothing would be taken for another's.
fn origin(reader: &mut Reader, wire: &pb::FactOrigin) -> Option<FactOrigin> {
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    let any = !wire.as_of.is_empty() || !wire.source.is_empty();
    reader.demand(any, "source", "where it is from, or since when it is known");
    Some(FactOrigin { as_of, source })
}

/// A document as fields, as zone, or both: what the zone says may be left out, and must agree if it is not.
pub(super) fn document(reader: &mut Reader, wire: &pb::Document) -> Option<Document> {
    let category = reader.coded("category", wire.category);
    let mrz = (!wire.mrz.is_empty()).then(|| zone(reader, &wire.mrz));
    let zone_is_wrong = matches!(mrz, Some(None));
    let mrz = mrz.flatten();
    let country = match &mrz {
        Some(zone) if wire.country.is_empty() => Some(zone.issuer()),
        _ if zone_is_wrong => reader.optional("country", &wire.country),
        _ => reader.needed("country", &wire.country),
    };
    let number: Option<Line> = match &mrz {
        Some(zone) if wire.number.is_empty() => zone.number().parse().ok(),
        _ if zone_is_wrong => reader.optional("number", &wire.number),
        _ => reader.needed("number", &wire.number),
    };
    if let Some(zone) = &mrz {
        if country.is_some_and(|country| country != zone.issuer()) {
            let expected = format!("{}, as in the zone", zone.issuer());
            reader.wrong("country", &wire.country, expected);
        }
        if number
            .as_ref()
            .is_some_and(|number| number.as_str() != zone.number())
        {
            let expected = format!("`{}`, as in the zone", zone.number());
            reader.wrong("number", &wire.number, expected);
        }
    }
    let issued_on: Option<Day> = reader.optional("issuedOn", &wire.issued_on);
    let expires_on: Option<Day> = reader.optional("expiresOn", &wire.expires_on);
    reader.in_order(
        issued_on.as_ref(),
        expires_on.as_ref(),
        "expiresOn",
        &wire.expires_on,
        "issuedOn",
    );
    let status = reader.coded("status", wire.status);
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    Some(Document {
        category: category?,
        country: country?,
        number: number?,
        issued_on,
        expires_on,
        status: status?,
        mrz,
        as_of,
        source,
    })
}

fn zone(reader: &mut Reader, text: &str) -> Option<Mrz> {
    Mrz::parse(text)
        .map_err(|wrong| {
            for what in wrong {
                reader.fault("mrz", what, "the zone exactly as printed");
            }
        })
        .ok()
}

fn occupation(reader: &mut Reader, wire: &pb::Occupation) -> Option<Occupation> {
    let description = reader.needed_line("description", &wire.description);
    let child_contact = reader.coded("childContact", wire.child_contact);
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    Some(Occupation {
        description: description?,
        child_contact: child_contact?,
        as_of,
        source,
    })
}

fn address(reader: &mut Reader, wire: &pb::Address) -> Option<Address> {
    let place = reader.needed_line("place", &wire.place);
    let country = reader.needed("country", &wire.country);
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    Some(Address {
        place: place?,
        country: country?,
        as_of,
        source,
    })
}

fn reach(reader: &mut Reader, wire: &pb::Reach) -> Option<Reach> {
    let kind = reader.coded("kind", wire.kind);
    let value = reader.needed_line("value", &wire.value);
    let service = reader.line("service", &wire.service);
    if kind == Some(ReachKind::InternetIdentifier) {
        reader.demand(
            !wire.service.is_empty(),
            "service",
            "the service on which it is used",
        );
    }
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    Some(Reach {
        kind: kind?,
        value: value?,
        service,
        as_of,
        source,
    })
}

fn vehicle(reader: &mut Reader, wire: &pb::Vehicle) -> Option<Vehicle> {
    let description = reader.line("description", &wire.description);
    let registration = reader.line("registration", &wire.registration);
    let country = reader.optional("country", &wire.country);
    let any = !wire.description.is_empty() || !wire.registration.is_empty();
    reader.demand(any, "description", "a description or a registration");
    let as_of = reader.optional("asOf", &wire.as_of);
    let source = reader.line("source", &wire.source);
    Some(Vehicle {
        description,
        registration,
        country,
        as_of,
        source,
    })
}
