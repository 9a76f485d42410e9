//! Returns, and offences as they are counted.

use super::{faults, twins};
use crate::wire::alert::{read_draft_json, read_statistics, statistics_payload};

const HEAD: &str =
    r#""from":"2026-04-01","to":"2026-11-24","countedAt":"2026-11-24T07:00:00.000001Z""#;

#[test]
fn a_return_says_of_which_days_and_nothing_of_a_person() {
    let day = |from: &str, to: &str| {
        format!(r#""from":"{from}","to":"{to}","countedAt":"2026-11-24T07:00:00Z""#)
    };
    let wrap = |it: &str| format!(r#"{{"statistics":{{{it}}}}}"#);
    for (from, to, path) in [
        ("2026-11-25", "2026-11-24", "statistics.to"),
        ("2026-11-01", "2026-11-25", "statistics.to"),
        ("2026-11", "2026-11-24", "statistics.from"),
    ] {
        assert_eq!(faults(&wrap(&day(from, to))), [path], "{from} {to}");
    }
    let undated = r#""from":"2026-04-01","to":"2026-11-24""#;
    assert_eq!(faults(&wrap(HEAD)), Vec::<String>::new());
    assert_eq!(faults(&wrap(undated)), ["statistics.countedAt"]);
    let of_person = r#""subject":{"names":[{"kind":1,"surname":"A","quality":1}],"sex":1}"#;
    let named = format!(r#"{{{of_person},"statistics":{{{HEAD}}}}}"#);
    assert_eq!(faults(&named), ["subject"]);
}

#[test]
fn a_figure_that_tells_of_a_few_is_refused_with_its_place() {
    let place = "statistics.figures[0]";
    twins(
        |figures| format!(r#"{{"statistics":{{{HEAD},"figures":[{figures}]}}}}"#),
        &[
            (
                r#"{"nationality":"XA","priorReport":1,"outcomes":"5"}"#,
                r#"{"nationality":"XA","priorReport":1,"outcomes":"4"}"#,
                place,
            ),
            (
                r#"{"priorReport":2,"suppressed":{}}"#,
                r#"{"priorReport":2}"#,
                "statistics.figures[0].outcomes",
            ),
            (
                r#"{"priorReport":1,"outcomes":"9"},{"priorReport":2,"outcomes":"9"}"#,
                r#"{"priorReport":1,"outcomes":"9"},{"priorReport":1,"outcomes":"9"}"#,
                "statistics.figures[1]",
            ),
            (
                r#"{"priorReport":1,"outcomes":"9"},{"level":1,"priorReport":1,"events":[3],"outcomes":"9"}"#,
                r#"{"priorReport":1,"outcomes":"9"},{"level":1,"priorReport":1,"events":[3],"outcomes":"8"}"#,
                place,
            ),
            (
                r#"{"nationality":"XA","priorReport":1,"suppressed":{}}"#,
                r#"{"nationality":"Arcadia","priorReport":1,"suppressed":{}}"#,
                "statistics.figures[0].nationality",
            ),
            (
                r#"{"priorReport":1,"events":[3],"suppressed":{}}"#,
                r#"{"priorReport":1,"events":[0],"suppressed":{}}"#,
                "statistics.figures[0].events[0]",
            ),
        ],
    );
}

#[test]
fn a_return_comes_back_as_it_was_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/statistics.json");
    let draft = read_draft_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    let payload = draft.payload.unwrap();
    let read = read_statistics(&payload).unwrap();
    assert_eq!(statistics_payload(&read), payload);
    assert_eq!(read.figures.lines().len(), 4);
}

#[test]
fn only_an_outcome_may_be_of_what_is_suspected() {
    let outcome = r#""outcome":{"code":3,"happenedOn":"2026-11-20","country":"XB"}"#;
    let sighting = r#""sighting":{"place":"Vesle","country":"XB","seenAt":"2026-11-24T06:40:00Z","awareness":1,"presence":1}"#;
    let with =
        |offence: &str, kind: &str| faults(&format!(r#"{{"offences":[{{{offence}}}],{kind}}}"#));
    let suspected = r#""description":"x","offenceClass":1,"victimAge":3"#;
    let charged = r#""description":"x","charge":{"authority":"P","chargedOn":"2026"}"#;
    let none = Vec::<String>::new();
    assert_eq!(with(suspected, outcome), none);
    assert_eq!(with(charged, outcome), none);
    assert_eq!(with(charged, sighting), none);
    assert_eq!(with(suspected, sighting), ["offences[0].conviction"]);
}
