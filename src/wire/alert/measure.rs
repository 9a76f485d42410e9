//! Risk, warnings, registrations, orders, offences, what is asked, and the basis.

use super::reader::Reader;
use crate::{
    domain::{
        alert::{
            basis::{Asked, AskedAction, Basis},
            kinds::LastSeen,
            measure::{
                Clause, Order, Registration, Risk, TravelBan, TravelScope, Warning, WarningKind,
            },
            offence::{Offence, Standing},
            value::Day,
        },
        country::Country,
        routing::Kind,
    },
    proto::alert::v1 as pb,
};

pub(super) fn risk(reader: &mut Reader, wire: &pb::Risk) -> Option<Risk> {
    let level = reader.coded("level", wire.level);
    let tool = reader.line("tool", &wire.tool);
    let assessor = reader.line("assessor", &wire.assessor);
    let assessed_on = reader.optional("assessedOn", &wire.assessed_on);
    Some(Risk {
        level: level?,
        tool,
        assessor,
        assessed_on,
    })
}

pub(super) fn warning(reader: &mut Reader, wire: &pb::Warning) -> Option<Warning> {
    let kind = reader.coded("kind", wire.kind);
    let detail = reader.line("detail", &wire.detail);
    if kind == Some(WarningKind::DangerToChildren) {
        reader.demand(
            !wire.detail.is_empty(),
            "detail",
            "what kind of danger to children",
        );
    }
    Some(Warning {
        kind: kind?,
        detail,
    })
}

pub(super) fn registration(reader: &mut Reader, wire: &pb::Registration) -> Option<Registration> {
    let register = reader.needed_line("register", &wire.register);
    let country = reader.needed("country", &wire.country);
    let since = reader.optional("since", &wire.since);
    let until = reader.optional("until", &wire.until);
    let conditions = reader.lines("conditions", &wire.conditions);
    let absconder_since = reader.optional("absconderSince", &wire.absconder_since);
    let last_seen = reader.message("lastSeen", wire.last_seen.as_ref(), last_seen);
    Some(Registration {
        register: register?,
        country: country?,
        since,
        until,
        conditions,
        absconder_since,
        last_seen,
    })
}

pub(super) fn last_seen(reader: &mut Reader, wire: &pb::LastSeen) -> Option<LastSeen> {
    let place = reader.needed_line("place", &wire.place);
    let country = reader.needed("country", &wire.country);
    let seen_on = reader.optional("seenOn", &wire.seen_on);
    Some(LastSeen {
        place: place?,
        country: country?,
        seen_on,
    })
}

pub(super) fn order(reader: &mut Reader, wire: &pb::Order) -> Option<Order> {
    let authority = reader.needed_line("authority", &wire.authority);
    let reference = reader.needed_line("reference", &wire.reference);
    let country = reader.needed("country", &wire.country);
    let starts_on: Option<Day> = reader.needed("startsOn", &wire.starts_on);
    let ends_on: Option<Day> = reader.optional("endsOn", &wire.ends_on);
    reader.in_order(
        starts_on.as_ref(),
        ends_on.as_ref(),
        "endsOn",
        &wire.ends_on,
        "startsOn",
    );
    reader.demand(!wire.clauses.is_empty(), "clauses", "at least one clause");
    let clauses = reader.list("clauses", &wire.clauses, clause);
    let recognised_in = reader.parsed_list("recognisedIn", &wire.recognised_in);
    let asked_abroad = reader.text("askedAbroad", wire.asked_abroad.as_ref());
    Some(Order {
        authority: authority?,
        reference: reference?,
        country: country?,
        starts_on: starts_on?,
        ends_on,
        clauses,
        recognised_in,
        asked_abroad,
    })
}

fn clause(reader: &mut Reader, wire: &pb::Clause) -> Option<Clause> {
    use pb::clause::Clause as Wire;
    match &wire.clause {
        Some(Wire::Contact(wire)) => reader.within("contact", |reader| contact(reader, wire)),
        Some(Wire::Internet(wire)) => reader.within("internet", |reader| internet(reader, wire)),
        Some(Wire::ForeignTravel(wire)) => {
            reader.within("foreignTravel", |reader| travel_ban(reader, wire))
        }
        Some(Wire::Residence(wire)) => reader.within("residence", |reader| {
            reader
                .needed_line("condition", &wire.condition)
                .map(Clause::Residence)
        }),
        Some(Wire::Reporting(wire)) => reader.within("reporting", |reader| reporting(reader, wire)),
        Some(Wire::Other(wire)) => reader.text("other", Some(wire)).map(Clause::Other),
        Some(Wire::TravelNotification(wire)) => {
            reader.within("travelNotification", |reader| notification(reader, wire))
        }
        None => {
            let expected = "one of contact, internet, foreignTravel, residence, reporting, travelNotification, other";
            reader.demand(false, "", expected);
            None
        }
    }
}

fn contact(reader: &mut Reader, wire: &pb::ContactClause) -> Option<Clause> {
    if wire.age_below > 21 {
        reader.wrong(
            "ageBelow",
            &wire.age_below.to_string(),
            "1 to 21 years, or 0 for any age",
        );
    }
    let supervision = reader.coded("supervision", wire.supervision);
    let places = reader.lines("places", &wire.places);
    Some(Clause::Contact {
        age_below: u8::try_from(wire.age_below).ok().filter(|age| *age > 0),
        supervision: supervision?,
        places,
    })
}

fn internet(reader: &mut Reader, wire: &pb::InternetClause) -> Option<Clause> {
    let devices = reader.lines("devices", &wire.devices);
    let platforms = reader.lines("platforms", &wire.platforms);
    let notification = reader.line("notification", &wire.notification);
    let any =
        !wire.devices.is_empty() || !wire.platforms.is_empty() || !wire.notification.is_empty();
    reader.demand(any, "devices", "devices, platforms or a notification");
    Some(Clause::Internet {
        devices,
        platforms,
        notification,
    })
}

fn travel_ban(reader: &mut Reader, wire: &pb::TravelClause) -> Option<Clause> {
    let countries: Vec<Country> = reader.parsed_list("countries", &wire.countries);
    let named = !wire.countries.is_empty();
    let ban = match reader.coded("scope", wire.scope)? {
        TravelScope::All => {
            reader.forbid(named, "countries", "none: all are forbidden");
            TravelBan::All
        }
        TravelScope::Named => {
            reader.demand(named, "countries", "the forbidden countries");
            TravelBan::Named(countries)
        }
        TravelScope::AllButNamed => {
            reader.demand(named, "countries", "the countries that are allowed");
            TravelBan::AllBut(countries)
        }
    };
    Some(Clause::ForeignTravel(ban))
}

fn reporting(reader: &mut Reader, wire: &pb::ReportingClause) -> Option<Clause> {
    let to = reader.needed_line("to", &wire.to);
    let every_days = days(reader, "everyDays", wire.every_days);
    Some(Clause::Reporting {
        to: to?,
        every_days: every_days?,
    })
}

fn notification(reader: &mut Reader, wire: &pb::TravelNotificationClause) -> Option<Clause> {
    let to = reader.needed_line("to", &wire.to);
    let days_before = days(reader, "daysBefore", wire.days_before);
    Some(Clause::TravelNotification {
        to: to?,
        days_before: days_before?,
    })
}

fn days(reader: &mut Reader, field: &'static str, found: u32) -> Option<u16> {
    let days = { u16::try_from(found).ok() }.filter(|days| (1..=366).contains(days));
    if days.is_none() {
        reader.wrong(field, &found.to_string(), "1 to 366 days");
    }
    days
}

/// An outcome may be about what is only suspected; anything else is of a conviction or a charge.
pub(super) fn offence(
    reader: &mut Reader,
    wire: &pb::Offence,
    kind: Option<Kind>,
) -> Option<Offence> {
    let description = reader.needed_line("description", &wire.description);
    let code = reader.line("code", &wire.code);
    let code_list = reader.line("codeList", &wire.code_list);
    if wire.code.is_empty() != wire.code_list.is_empty() {
        let field = if wire.code.is_empty() {
            "code"
        } else {
            "codeList"
        };
        reader.demand(false, field, "code and code list, or neither");
    }
    let committed_on = reader.optional("committedOn", &wire.committed_on);
    let place = reader.line("place", &wire.place);
    let country = reader.optional("country", &wire.country);
    let victim_age = reader.optional_coded("victimAge", wire.victim_age);
    let class = reader.optional_coded("offenceClass", wire.offence_class);
    let standing = match (&wire.standing, kind) {
        (None, Some(Kind::Outcome)) => Some(Standing::Suspected),
        (standing, _) => read_standing(reader, standing.as_ref()),
    };
    Some(Offence {
        description: description?,
        code: code.zip(code_list),
        committed_on,
        place,
        country,
        victim_age,
        class,
        standing: standing?,
    })
}

fn read_standing(reader: &mut Reader, wire: Option<&pb::offence::Standing>) -> Option<Standing> {
    match wire {
        Some(pb::offence::Standing::Conviction(wire)) => reader.within("conviction", |reader| {
            let court = reader.needed_line("court", &wire.court);
            let decided_on = reader.needed("decidedOn", &wire.decided_on);
            let sentence = reader.line("sentence", &wire.sentence);
            Some(Standing::Convicted {
                court: court?,
                decided_on: decided_on?,
                sentence,
            })
        }),
        Some(pb::offence::Standing::Charge(wire)) => reader.within("charge", |reader| {
            let authority = reader.needed_line("authority", &wire.authority);
            let charged_on = reader.needed("chargedOn", &wire.charged_on);
            Some(Standing::Charged {
                authority: authority?,
                charged_on: charged_on?,
            })
        }),
        None => {
            reader.demand(false, "conviction", "a conviction or a charge");
            None
        }
    }
}

pub(super) fn asked(reader: &mut Reader, wire: &pb::Asked) -> Option<Asked> {
    let action = reader.coded("action", wire.action);
    let warrant_reference = reader.line("warrantReference", &wire.warrant_reference);
    let warrant = !wire.warrant_reference.is_empty();
    if action == Some(AskedAction::ArrestForExtradition) {
        reader.demand(warrant, "warrantReference", "the warrant's reference");
    } else {
        reader.forbid(
            warrant,
            "warrantReference",
            "none: only an arrest needs a warrant",
        );
    }
    let detail = reader.line("detail", &wire.detail);
    Some(Asked {
        action: action?,
        warrant_reference,
        detail,
    })
}

pub(super) fn basis(reader: &mut Reader, wire: &pb::Basis) -> Option<Basis> {
    let authority = reader.needed_line("authority", &wire.authority);
    let law = reader.needed_line("law", &wire.law);
    let decision_reference = reader.needed_line("decisionReference", &wire.decision_reference);
    let reason = reader.line("reason", &wire.reason);
    // That it is there is demanded with its usual value, which depends on the kind.
    let valid_until: Option<Day> = reader.optional("validUntil", &wire.valid_until);
    let review_on: Option<Day> = reader.optional("reviewOn", &wire.review_on);
    if let (Some(review), Some(until)) = (review_on, valid_until)
        && review > until
    {
        reader.wrong("reviewOn", &wire.review_on, "not after validUntil");
    }
    let notice_reference = reader.line("noticeReference", &wire.notice_reference);
    Some(Basis {
        authority: authority?,
        law: law?,
        decision_reference: decision_reference?,
        reason,
        valid_until: valid_until?,
        review_on,
        notice_reference,
    })
}
