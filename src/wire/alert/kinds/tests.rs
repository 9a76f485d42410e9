//! What each kind and each shared message demands and forbids: twins as payloads in JSON, with the path that is told.

use crate::{
    domain::time::Timestamp,
    proto::alert::v1 as pb,
    wire::alert::{payload, reader::Reader},
};

mod questions;
mod statistics;

/// Paths of the faults of a payload whose issue is on 24 November 2026.
fn faults(json: &str) -> Vec<String> {
    let wire: pb::Payload =
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let now: jiff::Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
    let mut reader = Reader::of_draft(Timestamp::from_micros(now.as_microsecond()));
    let read = payload::read(&mut reader, &wire);
    let (faults, _) = reader.finish();
    assert!(
        read.is_some() || !faults.is_empty(),
        "nothing read, nothing told: {json}"
    );
    faults.into_iter().map(|fault| fault.path).collect()
}

/// Each line: the legal form, and an illegal one with the path of its only fault.
fn twins(wrap: impl Fn(&str) -> String, table: &[(&str, &str, &str)]) {
    for (legal, illegal, path) in table {
        assert_eq!(faults(&wrap(legal)), Vec::<String>::new(), "{legal}");
        assert_eq!(faults(&wrap(illegal)), [*path], "{illegal}");
    }
}

fn sighting_with(more: &str) -> String {
    format!(
        r#"{{"sighting":{{"place":"Vesle","country":"XB","seenAt":"2026-11-24T06:40:00Z","awareness":1,"presence":1{more}}}}}"#
    )
}

#[test]
fn an_answer_says_what_its_code_demands_and_nothing_else() {
    twins(
        |answer| format!(r#"{{"answer":{{{answer}}}}}"#),
        &[
            (r#""code":1"#, r#""code":0"#, "answer.code"),
            (r#""code":2,"unit":"U3""#, r#""code":2"#, "answer.unit"),
            (
                r#""code":3,"checked":["border"]"#,
                r#""code":3"#,
                "answer.checked",
            ),
            (
                r#""code":3,"checked":["border"],"checkedUntil":"2026-12-01""#,
                r#""code":1,"checkedUntil":"2026-12-01""#,
                "answer.checkedUntil",
            ),
            (
                r#""code":4,"question":{"text":"Which?"}"#,
                r#""code":4"#,
                "answer.question",
            ),
            (
                r#""code":5,"reason":{"text":"no law"}"#,
                r#""code":5"#,
                "answer.reason",
            ),
            (
                r#""code":5,"reason":{"text":"no law"},"article":"art. 25""#,
                r#""code":9,"article":"art. 25""#,
                "answer.article",
            ),
            (
                r#""code":6,"retention":{"code":1}"#,
                r#""code":6,"retention":{"code":1,"law":"Act 1"}"#,
                "answer.retention.law",
            ),
            (
                r#""code":6,"retention":{"code":2,"law":"Act 1","until":"2027-01-01"}"#,
                r#""code":6,"retention":{"code":2,"law":"Act 1"}"#,
                "answer.retention.until",
            ),
            (
                r#""code":6,"retention":{"code":1,"passedOnTo":["XC-POL"]}"#,
                r#""code":6,"retention":{"code":1,"passedOnTo":["xc-pol"]}"#,
                "answer.retention.passedOnTo[0]",
            ),
            (
                r#""code":8,"agrees":["name"]"#,
                r#""code":8"#,
                "answer.agrees",
            ),
            (r#""code":9"#, r#""code":9,"unit":"U3""#, "answer.unit"),
        ],
    );
}

#[test]
fn recall_closure_correction_update_and_instruction() {
    twins(
        |kind| format!("{{{kind}}}"),
        &[
            (
                r#""recall":{"reason":1}"#,
                r#""recall":{}"#,
                "recall.reason",
            ),
            (
                r#""recall":{"reason":9,"text":{"text":"x"}}"#,
                r#""recall":{"reason":9}"#,
                "recall.text",
            ),
            (
                r#""closure":{"reason":1}"#,
                r#""closure":{}"#,
                "closure.reason",
            ),
            (
                r#""closure":{"reason":9,"text":{"text":"x"}}"#,
                r#""closure":{"reason":9}"#,
                "closure.text",
            ),
            (
                r#""correction":{"changes":[{"path":"risk.level","was":"1","is":"2"}]}"#,
                r#""correction":{"changes":[{"path":"risk.level","was":"1","is":"1"}]}"#,
                "correction.changes[0].is",
            ),
            (
                r#""correction":{"changes":[{"path":"risk","is":"2"}]}"#,
                r#""correction":{}"#,
                "correction.changes",
            ),
            (
                r#""update":{"text":{"text":"x"}}"#,
                r#""update":{}"#,
                "update.text",
            ),
            (
                r#""update":{},"risk":{"level":4}"#,
                r#""update":{},"risk":{}"#,
                "risk.level",
            ),
            (
                r#""instruction":{"code":5}"#,
                r#""instruction":{}"#,
                "instruction.code",
            ),
            (
                r#""instruction":{"code":2}"#,
                r#""instruction":{"code":2},"risk":{"level":4}"#,
                "risk",
            ),
            (
                r#""extend":{"text":{"text":"x"}}"#,
                r#""extend":{"carried":{}}"#,
                "extend.carried",
            ),
            (
                r#""extend":{}"#,
                r#""extend":{},"risk":{"level":4}"#,
                "risk",
            ),
            (
                r#""recall":{"reason":1,"target":{"origin":"XA-POL","id":"AZqvAAAAcACAAAAAAAAAAQ=="}}"#,
                r#""recall":{"reason":1,"target":{"origin":"XA-POL","id":"AZqv"}}"#,
                "recall.target.id",
            ),
        ],
    );
}

#[test]
fn a_sighting_says_where_when_and_whether_the_person_is_there() {
    twins(
        sighting_with,
        &[
            (
                "",
                r#","destinationCountry":"ZZZ""#,
                "sighting.destinationCountry",
            ),
            (
                r#","documentShown":{"category":1,"country":"UTO","number":"X1","status":1}"#,
                r#","documentShown":{"category":1,"country":"UTO","number":"X1"}"#,
                "sighting.documentShown.status",
            ),
        ],
    );
    let every = r#"{"sighting":{}}"#;
    let paths = ["place", "country", "seenAt", "awareness", "presence"];
    assert_eq!(
        faults(every),
        paths.map(|field| format!("sighting.{field}"))
    );
    let every = r#"{"outcome":{}}"#;
    let paths = ["code", "happenedOn", "country"];
    assert_eq!(faults(every), paths.map(|field| format!("outcome.{field}")));
}

#[test]
fn orders_are_read_clause_by_clause() {
    twins(
        |clause| {
            format!(
                r#"{{"update":{{}},"orders":[{{"authority":"C","reference":"1","country":"XA","startsOn":"2026-01-01","clauses":[{{{clause}}}]}}]}}"#
            )
        },
        &[
            (
                r#""contact":{"ageBelow":21,"supervision":1}"#,
                r#""contact":{"ageBelow":22,"supervision":1}"#,
                "orders[0].clauses[0].contact.ageBelow",
            ),
            (
                r#""internet":{"devices":["none"]}"#,
                r#""internet":{}"#,
                "orders[0].clauses[0].internet.devices",
            ),
            (
                r#""foreignTravel":{"scope":1,"countries":["XB"]}"#,
                r#""foreignTravel":{"scope":1}"#,
                "orders[0].clauses[0].foreignTravel.countries",
            ),
            (
                r#""foreignTravel":{"scope":3}"#,
                r#""foreignTravel":{"scope":3,"countries":["XB"]}"#,
                "orders[0].clauses[0].foreignTravel.countries",
            ),
            (
                r#""residence":{"condition":"notify"}"#,
                r#""residence":{}"#,
                "orders[0].clauses[0].residence.condition",
            ),
            (
                r#""reporting":{"to":"police","everyDays":366}"#,
                r#""reporting":{"to":"police","everyDays":367}"#,
                "orders[0].clauses[0].reporting.everyDays",
            ),
            (
                r#""travelNotification":{"to":"police","daysBefore":1}"#,
                r#""travelNotification":{"to":"police","daysBefore":0}"#,
                "orders[0].clauses[0].travelNotification.daysBefore",
            ),
            (
                r#""other":{"text":"x","language":"en"}"#,
                r#""other":{"text":"x","language":"English"}"#,
                "orders[0].clauses[0].other.language",
            ),
        ],
    );
}

#[test]
fn persons_are_read_field_by_field() {
    let person = |more: &str| {
        format!(
            r#"{{"update":{{}},"subject":{{"names":[{{"kind":1,"surname":"A","quality":1}}],"sex":1{more}}}}}"#
        )
    };
    twins(
        person,
        &[
            (
                r#","nationalities":["GB","XA"]"#,
                r#","nationalities":["GB","GBR"]"#,
                "subject.nationalities",
            ),
            (
                r#","reaches":[{"kind":3,"value":"a","service":"b"}]"#,
                r#","reaches":[{"kind":3,"value":"a"}]"#,
                "subject.reaches[0].service",
            ),
            (
                r#","occupations":[{"description":"d","childContact":1,"asOf":"2023","source":"s"}]"#,
                r#","occupations":[{"description":"d","childContact":1,"asOf":"last year"}]"#,
                "subject.occupations[0].asOf",
            ),
            (
                r#","documents":[{"category":1,"country":"UTO","number":"1","status":1,"asOf":"2020","source":"s"}]"#,
                r#","documents":[{"category":1,"country":"UTO","number":"1","status":1,"asOf":"20"}]"#,
                "subject.documents[0].asOf",
            ),
            (
                r#","registerNumbers":[{"register":"r","country":"XA","number":"1","asOf":"2020","source":"s"}]"#,
                r#","registerNumbers":[{"register":"r","country":"XA","number":"1","asOf":"20"}]"#,
                "subject.registerNumbers[0].asOf",
            ),
            (
                r#","marks":["scar"],"marksOrigin":{"asOf":"2020-01"}"#,
                r#","marksOrigin":{"asOf":"2020-01"}"#,
                "subject.marksOrigin",
            ),
            (
                r#","description":{"text":"tall"},"descriptionOrigin":{"source":"s"}"#,
                r#","description":{"text":"tall"},"descriptionOrigin":{}"#,
                "subject.descriptionOrigin.source",
            ),
            (
                r#","parents":[{"kind":1,"surname":"A","quality":1,"asOf":"2020-01","source":"s"}]"#,
                r#","parents":[{"kind":1,"surname":"A","quality":1,"source":" "}]"#,
                "subject.parents[0].source",
            ),
            (
                r#","vehicles":[{"registration":"A 1","asOf":"2026","source":"s"}]"#,
                r#","vehicles":[{"registration":"A 1","asOf":"x"}]"#,
                "subject.vehicles[0].asOf",
            ),
            (
                r#","vehicles":[{"registration":"A 1"}]"#,
                r#","vehicles":[{"country":"XA"}]"#,
                "subject.vehicles[0].description",
            ),
            (
                r#","misusedIdentity":{"tellingApart":"a scar"}"#,
                r#","misusedIdentity":{}"#,
                "subject.misusedIdentity.tellingApart",
            ),
            (
                r#","documents":[{"category":1,"country":"UTO","number":"1","status":1,"issuedOn":"2020-01-01","expiresOn":"2020-01-01"}]"#,
                r#","documents":[{"category":1,"country":"UTO","number":"1","status":1,"issuedOn":"2020-01-02","expiresOn":"2020-01-01"}]"#,
                "subject.documents[0].expiresOn",
            ),
        ],
    );
}

#[test]
fn offences_registrations_and_what_is_asked() {
    twins(
        |shared| format!(r#"{{"update":{{}},{shared}}}"#),
        &[
            (
                r#""offences":[{"description":"x","charge":{"authority":"P","chargedOn":"2026"}}]"#,
                r#""offences":[{"description":"x"}]"#,
                "offences[0].conviction",
            ),
            (
                r#""offences":[{"description":"x","code":"1","codeList":"L","conviction":{"court":"C","decidedOn":"2019"}}]"#,
                r#""offences":[{"description":"x","code":"1","conviction":{"court":"C","decidedOn":"2019"}}]"#,
                "offences[0].codeList",
            ),
            (
                r#""registrations":[{"register":"R","country":"XA"}]"#,
                r#""registrations":[{"register":"R"}]"#,
                "registrations[0].country",
            ),
            (
                r#""registrations":[{"register":"R","country":"XA","lastSeen":{"place":"P","country":"XA"}}]"#,
                r#""registrations":[{"register":"R","country":"XA","lastSeen":{"place":"P"}}]"#,
                "registrations[0].lastSeen.country",
            ),
            (
                r#""asked":[{"action":1,"warrantReference":"W"}]"#,
                r#""asked":[{"action":1}]"#,
                "asked[0].warrantReference",
            ),
            (
                r#""warnings":[{"kind":1}]"#,
                r#""warnings":[{"kind":7}]"#,
                "warnings[0].detail",
            ),
            (
                r#""remarks":{"text":"x"}"#,
                r#""remarks":{"text":" "}"#,
                "remarks.text",
            ),
        ],
    );
}

/// An alert that only lacks what the test adds.
fn travel_notice(asked: &str, notice: &str) -> String {
    format!(
        r#"{{"subject":{{"names":[{{"kind":1,"surname":"A","quality":1}}],"sex":1,"documents":[{{"category":1,"country":"UTO","number":"C1","status":1}}]}},
        "asked":[{asked}],"basis":{{"authority":"C","law":"L","decisionReference":"1","validUntil":"2027-01-01"}},"travelNotice":{{{notice}}}}}"#
    )
}

#[test]
fn a_travel_notice_has_legs_in_order_and_a_known_document() {
    const LEG: &str = r#""legs":[{"fromCountry":"XA","toCountry":"XB"}]"#;
    let with = |more: &str| format!("{LEG}{more}");
    for (legal, illegal, path) in [
        (with(""), String::new(), "travelNotice.legs"),
        (
            with(r#","documentNumber":"C1""#),
            with(r#","documentNumber":"C2""#),
            "travelNotice.documentNumber",
        ),
        (
            with(r#","expectedReturnOn":"2026-12-15","reportBy":"2026-12-15""#),
            with(r#","expectedReturnOn":"2026-12-15","reportBy":"2026-12-14""#),
            "travelNotice.reportBy",
        ),
        (
            LEG.replace(
                "}]",
                r#","departsAt":"2026-12-01T18:00:00Z","arrivesAt":"2026-12-01T19:00:00Z"}]"#,
            ),
            LEG.replace(
                "}]",
                r#","departsAt":"2026-12-01T18:00:00Z","arrivesAt":"2026-12-01T17:00:00Z"}]"#,
            ),
            "travelNotice.legs[0].arrivesAt",
        ),
    ] {
        let inquiry = r#"{"action":4}"#;
        assert_eq!(
            faults(&travel_notice(inquiry, &legal)),
            Vec::<String>::new(),
            "{legal}"
        );
        assert_eq!(
            faults(&travel_notice(inquiry, &illegal)),
            [path],
            "{illegal}"
        );
    }
}

#[test]
fn actions_that_exclude_each_other_are_refused() {
    const LEG: &str = r#""legs":[{"fromCountry":"XA","toCountry":"XB"}]"#;
    for (asked, told) in [
        (r#"{"action":9}"#, &[][..]),
        (r#"{"action":4},{"action":7}"#, &[]),
        (r#"{"action":9},{"action":7}"#, &["asked"]),
        (
            r#"{"action":1,"warrantReference":"W"},{"action":5}"#,
            &["asked"],
        ),
    ] {
        assert_eq!(faults(&travel_notice(asked, LEG)), told, "{asked}");
    }
}

#[test]
fn lists_have_a_cap() {
    let places = |count: usize| format!(r#","companions":[{}]"#, vec![r#""A""#; count].join(","));
    assert_eq!(faults(&sighting_with(&places(64))), Vec::<String>::new());
    assert_eq!(faults(&sighting_with(&places(65))), ["sighting.companions"]);
}
