//! The 500 cases of `examples/stats`, counted here and by a script that shares nothing with this program.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
};

use serde_json::Value;

use super::{super::*, asked, country, statement};

fn file(name: &str) -> String {
    let path = format!("{}/examples/stats/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

type Row = HashMap<String, String>;

/// No field of the file has a comma or a quote in it.
fn rows() -> Vec<Row> {
    let text = file("cases.csv");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let fields = line.split(',').map(ToOwned::to_owned);
            names.iter().map(ToString::to_string).zip(fields).collect()
        })
        .collect()
}

fn named(text: &str) -> StatementRef {
    let (origin, number) = text.split_once('/').unwrap();
    statement(origin, number.parse().unwrap())
}

fn keys(row: &Row) -> Vec<PersonKey> {
    let known = row["persons"].split_whitespace().map(|key| {
        let parts: Vec<&str> = key.split(':').collect();
        match parts[0] {
            "doc" => PersonKey::document(country(parts[1]), parts[2].parse().unwrap(), parts[3]),
            _ => PersonKey::register(country(parts[1]), parts[2], parts[3]),
        }
    });
    let thread = PersonKey::Thread(named(&row["thread"]));
    [thread].into_iter().chain(known).collect()
}

fn nationalities(row: &Row) -> Vec<Country> {
    row["nationals"].split_whitespace().map(country).collect()
}

/// What was recorded by a day, as a node reads it from its journal. Exercises never count.
fn counted(rows: &[Row], until: Option<Day>) -> Vec<Outcome> {
    let day = |text: &str| text.parse::<Day>().unwrap();
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row["status"] == "actual")
        .filter(|row| until.is_none_or(|until| day(&row["recorded"]) <= until))
        .collect();
    let of = |kind: &'static str| rows.iter().filter(move |row| row["kind"] == kind);
    let recalled: BTreeSet<&str> = of("recalled").map(|row| row["thread"].as_str()).collect();
    let known: Vec<Known> = of("missing")
        .map(|row| Known {
            keys: keys(row),
            nationalities: nationalities(row),
            by: named(&row["thread"]).origin.country().parse().ok(),
            missing_on: Some(day(&row["recorded"]))
                .filter(|_| !recalled.contains(row["statement"].as_str())),
        })
        .collect();
    let offence = |text: &str| {
        let (class, victim) = text.split_once(':').unwrap();
        (OffenceClass::from_name(class), VictimAge::from_name(victim))
    };
    let reports: Vec<Report> = of("outcome")
        .map(|row| Report {
            statement: named(&row["statement"]),
            keys: keys(row),
            nationalities: nationalities(row),
            event: OutcomeCode::from_name(&row["event"]).unwrap(),
            country: country(&row["country"]),
            on: row["on"].parse().unwrap(),
            offences: row["offences"].split_whitespace().map(offence).collect(),
        })
        .collect();
    outcomes(&known, &reports)
}

fn expected() -> Value {
    serde_json::from_str(&file("expected.json")).unwrap()
}

fn period(expected: &Value) -> Period {
    let day = |place: usize| expected["period"][place].as_str().unwrap().parse().unwrap();
    Period::new(day(0), day(1)).unwrap()
}

/// A cell as the script writes it.
fn key(outcome: &Outcome) -> String {
    let cell = &outcome.cell;
    format!(
        "{}|{}|{}|{}|{}|{}",
        outcome.country,
        cell.nationality
            .map_or_else(String::new, |it| it.to_string()),
        cell.prior,
        cell.event,
        cell.offence,
        cell.victim
    )
}

/// Both times of counting, with what the script says.
fn both() -> Vec<(Vec<Outcome>, Value)> {
    let (rows, expected) = (rows(), expected());
    let period = period(&expected);
    let day = expected["counted"].as_str().unwrap().parse().ok();
    [(day, "first"), (None, "revised")]
        .into_iter()
        .map(|(until, name)| {
            let mut outcomes = counted(&rows, until);
            outcomes.retain(|outcome| period.contains(outcome.on));
            (outcomes, expected[name].clone())
        })
        .collect()
}

#[test]
fn every_cell_of_500_cases_is_as_an_independent_script_counts_it() {
    let cases: BTreeSet<String> = rows().iter().map(|row| row["case"].clone()).collect();
    assert_eq!(cases.len(), 500);
    for (outcomes, expected) in both() {
        let mut cells: BTreeMap<String, u64> = BTreeMap::new();
        for outcome in &outcomes {
            *cells.entry(key(outcome)).or_default() += 1;
        }
        assert_eq!(outcomes.len(), expected["outcomes"]);
        assert_eq!(serde_json::json!(cells), expected["cells"]);
    }
}

#[test]
fn the_first_question_is_answered_at_home_case_by_case() {
    for (outcomes, expected) in both() {
        let mut cases: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        let question = asked();
        for outcome in outcomes.iter().filter(|it| question.asks_for(&it.cell)) {
            let number = |report: &StatementRef| {
                let row = |row: &&Row| named(&row["statement"]) == *report;
                rows().iter().find(row).unwrap()["statement"].clone()
            };
            let mut reports: Vec<String> = outcome.reports.iter().map(number).collect();
            reports.sort_unstable();
            let country = outcome.country.to_string();
            cases.entry(country).or_default().push(reports);
        }
        cases.values_mut().for_each(|cases| cases.sort_unstable());
        assert_eq!(serde_json::json!(cases), expected["cases"]);
    }
}

#[test]
fn abroad_each_country_is_counted_suppressed_or_waits_for_more() {
    let both = both();
    let figures = |country_code: &str, of: &[Outcome]| {
        let mut counts: BTreeMap<Cell, u64> = BTreeMap::new();
        for outcome in of.iter().filter(|it| it.country == country(country_code)) {
            *counts.entry(outcome.cell.clone()).or_default() += 1;
        }
        counts
    };
    let hidden = Answer::Suppressed { at_least: 0 };
    let n = Answer::Counted;
    for (code, truth, told, truth_now, told_now) in [
        ("XA", 1, hidden, 1, hidden),
        ("XB", 19, n(19), 26, n(26)),
        ("XC", 8, n(8), 11, n(8)),
        ("XD", 3, hidden, 4, hidden),
    ] {
        let [first, revised] = [0, 1].map(|time| figures(code, &both[time].0));
        let home = [0, 1].map(|time| both[time].1["question"][code].as_u64());
        assert_eq!(home, [Some(truth), Some(truth_now)], "{code}");
        let returned = publish(&first).unwrap();
        let again = revise(&[&returned], &revised).unwrap().figures;
        let answers = [&returned, &again].map(|figures| asked().answer(figures));
        assert_eq!(answers, [told, told_now], "{code}");
    }
}
