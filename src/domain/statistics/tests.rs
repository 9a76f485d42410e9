//! What is counted, and what is told of it.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{id::MessageId, limits::SMALL_CELL};

mod cases;
mod subtraction;

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn statement(origin: &str, number: u64) -> StatementRef {
    StatementRef {
        origin: origin.parse().unwrap(),
        id: MessageId::from_parts(number, [0; 10]),
    }
}

/// A report by `origin`, in a thread of its own, of the holder of passport `number`, arrested in Bensalem.
fn report(origin: &str, id: u64, number: &str, on: &str) -> Report {
    let statement = statement(origin, id);
    Report {
        statement,
        keys: vec![
            PersonKey::Thread(statement),
            PersonKey::document(country("UTO"), 1, number),
        ],
        nationalities: vec![country("XA")],
        event: OutcomeCode::Arrested,
        country: country("XB"),
        on: on.parse().unwrap(),
        offences: vec![(Some(OffenceClass::Rape), Some(VictimAge::From13To15))],
    }
}

/// How many outcomes there are of these reports, whatever their order.
fn count(reports: &[Report]) -> usize {
    let mut turned = reports.to_vec();
    let counted = outcomes(&[], reports);
    for _ in reports {
        turned.rotate_left(1);
        assert_eq!(outcomes(&[], &turned), counted);
    }
    turned.reverse();
    assert_eq!(outcomes(&[], &turned), counted);
    counted.len()
}

#[test]
fn one_person_and_one_event_is_one_whoever_reports_it() {
    let home = || report("XB-POL", 1, "L898902C3", "2026-05-03");
    let foreign = |on| report("XA-POL", 2, "l 898902-c3", on);
    for (what, reports, outcomes) in [
        ("the country itself", vec![home()], 1),
        ("others alone", vec![foreign("2026-05-03")], 1),
        ("both", vec![foreign("2026-05-03"), home()], 1),
        ("both, a day apart", vec![home(), foreign("2026-05-04")], 1),
        (
            "both, the day before",
            vec![home(), foreign("2026-05-02")],
            1,
        ),
        ("two days apart", vec![home(), foreign("2026-05-05")], 2),
        ("the month", vec![home(), foreign("2026-05")], 1),
        ("another month", vec![home(), foreign("2026-07")], 2),
        ("the month alone", vec![foreign("2026-05")], 1),
        (
            "others, a day apart",
            vec![
                foreign("2026-05-03"),
                report("XC-POL", 3, "L898902C3", "2026-05-04"),
            ],
            2,
        ),
        (
            "the same twice",
            vec![home(), report("XB-POL", 4, "L898902C3", "2026-05-03")],
            1,
        ),
        (
            "twice, once less precise",
            vec![home(), report("XB-POL", 4, "L898902C3", "2026")],
            1,
        ),
        (
            "two, and one of that month",
            vec![
                home(),
                report("XB-POL", 4, "L898902C3", "2026-05-20"),
                report("XB-POL", 5, "L898902C3", "2026-05"),
            ],
            2,
        ),
        (
            "another person",
            vec![home(), report("XB-POL", 4, "L898902C4", "2026-05-03")],
            2,
        ),
        (
            "another event",
            vec![
                home(),
                Report {
                    event: OutcomeCode::Charged,
                    ..foreign("2026-05-03")
                },
            ],
            2,
        ),
        (
            "elsewhere",
            vec![
                home(),
                Report {
                    country: country("XC"),
                    ..foreign("2026-05-03")
                },
            ],
            2,
        ),
    ] {
        assert_eq!(count(&reports), outcomes, "{what}");
    }
}

#[test]
fn a_person_is_known_by_thread_register_or_document_and_never_by_less() {
    let thread = PersonKey::Thread(statement("XA-POL", 9));
    let register = |number| PersonKey::register(country("XA"), "offender register", number);
    let of = |id, keys: Vec<PersonKey>| Report {
        keys,
        ..report("XB-POL", id, "", "2026-05-03")
    };
    let links = [
        vec![thread.clone()],
        vec![thread, register("K 7")],
        vec![register("k7"), PersonKey::document(country("UTO"), 1, "A1")],
        vec![PersonKey::document(country("UTO"), 1, "A1")],
    ];
    let reports: Vec<Report> = (1..).zip(links).map(|(id, keys)| of(id, keys)).collect();
    assert_eq!(count(&reports), 1, "each shares something with the next");
    let unlinked: Vec<Report> = [&reports[0], &reports[2]].map(Clone::clone).to_vec();
    assert_eq!(count(&unlinked), 2, "what joins them is not here");
    for other in [
        PersonKey::document(country("UTO"), 2, "A1"),
        PersonKey::document(country("XA"), 1, "A1"),
        PersonKey::register(country("XA"), "population register", "A1"),
    ] {
        let two = [of(1, vec![other]), reports[3].clone()];
        assert_eq!(count(&two), 2);
    }
    assert_eq!(format!("{:?}", reports[3].keys), "[PersonKey]");
}

#[test]
fn the_gravest_offence_counts_and_the_word_of_the_country_itself_goes_first() {
    use OffenceClass::{Grooming, NotStated, Rape, SexualAbuse};
    use VictimAge::{Adult, From13To15, NotKnown, Under6};
    let with = |origin, id, offences: &[_]| Report {
        offences: offences.to_vec(),
        ..report(origin, id, "A1", "2026-05-03")
    };
    let home = |offences: &[_]| with("XB-POL", 1, offences);
    let foreign = |offences: &[_]| with("XA-POL", 2, offences);
    for (reports, offence, victim) in [
        (vec![home(&[])], NotStated, NotKnown),
        (vec![home(&[(None, Some(Adult))])], NotStated, Adult),
        (vec![home(&[(Some(Rape), None)])], Rape, NotKnown),
        (
            vec![home(&[
                (Some(Grooming), Some(Under6)),
                (Some(Rape), Some(Adult)),
            ])],
            Rape,
            Adult,
        ),
        (
            vec![home(&[
                (Some(Rape), Some(Adult)),
                (Some(Rape), Some(From13To15)),
            ])],
            Rape,
            From13To15,
        ),
        (
            vec![
                foreign(&[(Some(Rape), Some(Under6))]),
                home(&[(Some(SexualAbuse), Some(Adult))]),
            ],
            SexualAbuse,
            Adult,
        ),
        (
            vec![foreign(&[(Some(Rape), Some(Under6))]), home(&[])],
            Rape,
            Under6,
        ),
    ] {
        let counted = outcomes(&[], &reports);
        assert_eq!(counted.len(), 1);
        let cell = &counted[0].cell;
        assert_eq!(
            (cell.offence, cell.victim),
            (offence, victim),
            "{reports:?}"
        );
    }
}

#[test]
fn reported_missing_is_who_was_reported_before_the_day() {
    let known = |missing_on: Option<&str>| Known {
        keys: vec![PersonKey::document(country("UTO"), 1, "A1")],
        nationalities: vec![country("XC")],
        by: Some(country("XC")),
        missing_on: missing_on.map(|day| day.parse().unwrap()),
    };
    for (alerts, on, prior) in [
        (vec![], "2026-05-03", PriorReport::None),
        (vec![known(None)], "2026-05-03", PriorReport::None),
        (
            vec![known(Some("2026-05-02"))],
            "2026-05-03",
            PriorReport::Missing,
        ),
        (
            vec![known(Some("2026-05-03"))],
            "2026-05-03",
            PriorReport::Missing,
        ),
        (
            vec![known(Some("2026-05-04"))],
            "2026-05-03",
            PriorReport::None,
        ),
        (
            vec![
                known(Some("2026-05-04")),
                known(Some("2026-01-01")),
                known(None),
            ],
            "2026-05-03",
            PriorReport::Missing,
        ),
        // It may have been the first of May.
        (
            vec![known(Some("2026-05-02"))],
            "2026-05",
            PriorReport::None,
        ),
    ] {
        let counted = outcomes(&alerts, &[report("XB-POL", 1, "A1", on)]);
        assert_eq!(counted[0].cell.prior, prior, "{alerts:?} {on}");
    }
}

#[test]
fn somebody_of_two_nationalities_is_counted_once() {
    let known = |by: &str| Known {
        keys: vec![PersonKey::document(country("UTO"), 1, "A1")],
        nationalities: vec![country("XD"), country("XC")],
        by: Some(country(by)),
        missing_on: None,
    };
    for (alerts, nationality) in [
        (vec![], "XA"),
        (vec![known("XD")], "XD"),
        (vec![known("XD"), known("XC")], "XC"),
        (vec![known("XB")], "XA"),
    ] {
        let counted = outcomes(&alerts, &[report("XB-POL", 1, "A1", "2026-05-03")]);
        assert_eq!(counted[0].cell.nationality, Some(country(nationality)));
    }
    let nobody_knows = Report {
        nationalities: vec![],
        ..report("XB-POL", 1, "A1", "2026-05-03")
    };
    assert_eq!(outcomes(&[], &[nobody_knows])[0].cell.nationality, None);
}

#[test]
fn every_outcome_names_all_statements_that_report_it() {
    let reports = [
        report("XA-POL", 2, "A1", "2026-05"),
        report("XB-POL", 1, "A1", "2026-05-03"),
    ];
    let counted = outcomes(&[], &reports);
    assert_eq!(counted[0].on.to_string(), "2026-05-03");
    let statements = [statement("XA-POL", 2), statement("XB-POL", 1)];
    assert_eq!(counted[0].reports, statements);
}

fn cell(event: OutcomeCode, offence: OffenceClass, victim: VictimAge) -> Cell {
    Cell {
        nationality: Some(country("XA")),
        prior: PriorReport::Missing,
        event,
        offence,
        victim,
    }
}

/// Arrested or charged, for rape or sexual abuse of people under 18.
fn asked() -> Question {
    let under_18 = [
        VictimAge::Under6,
        VictimAge::From6To12,
        VictimAge::From13To15,
        VictimAge::From16To17,
    ];
    Question {
        nationals: [country("XA")].into(),
        prior: Some(PriorReport::Missing),
        events: Values::of(&[OutcomeCode::Arrested, OutcomeCode::Charged]).unwrap(),
        offences: Values::of(&[OffenceClass::Rape, OffenceClass::SexualAbuse]).unwrap(),
        victims: Values::of(&under_18).unwrap(),
    }
}

#[test]
fn the_question_is_one_figure_however_few_outcomes_each_of_its_cells_has() {
    use OffenceClass::{Other, Rape, SexualAbuse};
    use OutcomeCode::{Arrested, Charged};
    use VictimAge::{Adult, From6To12, From13To15, From16To17};
    let counts: BTreeMap<Cell, u64> = [
        (cell(Arrested, Rape, From13To15), 2),
        (cell(Arrested, SexualAbuse, From6To12), 1),
        (cell(Charged, Rape, From16To17), 3),
        (cell(Arrested, Other, From13To15), 1),
        (cell(Arrested, Rape, Adult), 4),
    ]
    .into();
    let figures = publish(&counts).unwrap();
    assert_eq!(asked().answer(&figures), Answer::Counted(6));
    let rape = Question {
        offences: Values::one(Rape),
        ..asked()
    };
    let hidden = Answer::Suppressed { at_least: 0 };
    assert_eq!(rape.answer(&figures), hidden, "it would tell of one abuse");
    let all_victims = Question {
        victims: Values::all(),
        ..asked()
    };
    let some = Answer::Suppressed { at_least: 6 };
    assert_eq!(all_victims.answer(&figures), some);
    let nobody = Question {
        nationals: [country("XC")].into(),
        ..asked()
    };
    assert_eq!(nobody.answer(&figures), Answer::Counted(0));
}

#[test]
fn every_value_is_in_one_group_of_level_0() {
    for event in OutcomeCode::ALL {
        for offence in OffenceClass::ALL {
            for victim in VictimAge::ALL {
                let counts = [(cell(*event, *offence, *victim), SMALL_CELL)].into();
                let figures = publish(&counts).unwrap();
                let selection = &figures.bases()[0].selection;
                assert!(figures.bases().len() == 1 && selection.has(counts.keys().next().unwrap()));
            }
        }
    }
}

#[test]
fn figures_that_give_a_few_away_are_no_figures() {
    use OutcomeCode::{Arrested, Charged};
    let selection = |events: &[OutcomeCode]| Selection {
        nationality: Some(country("XA")),
        prior: PriorReport::Missing,
        events: Values::of(events).unwrap(),
        offences: Values::all(),
        victims: Values::all(),
    };
    let line = |level, events: &[OutcomeCode], count| Line {
        level,
        selection: selection(events),
        count,
    };
    let (n, hidden) = (Count::Outcomes, Count::Suppressed);
    let both = [Arrested, Charged];
    let (a, c) = (&both[..1], &both[1..]);
    let judge = |lines: &[Line]| Figures::new(lines.to_vec());
    for legal in [
        vec![],
        vec![line(0, &both, hidden)],
        vec![line(0, &both, n(5))],
        vec![line(0, &both, n(11)), line(1, a, n(6)), line(1, c, n(5))],
        vec![line(0, &both, n(6)), line(1, a, hidden), line(1, c, hidden)],
        vec![line(0, a, n(6)), line(0, c, hidden)],
    ] {
        assert_eq!(judge(&legal).map(|it| it.lines()), Ok(legal));
    }
    for (illegal, place) in [
        (vec![line(0, &both, n(4))], 0),
        (vec![line(0, &both, n(0))], 0),
        (vec![line(1, &both, n(5))], 0),
        (vec![line(0, &both, n(9)), line(2, a, n(9))], 1),
        (vec![line(0, &both, hidden), line(1, a, n(5))], 0),
        (vec![line(0, &both, n(9)), line(1, &both, n(9))], 1),
        (vec![line(0, a, n(9)), line(1, c, n(9))], 1),
        (vec![line(0, a, n(9)), line(0, &both, n(9))], 1),
        (vec![line(0, &both, n(10)), line(1, a, n(9))], 0),
        (
            vec![line(0, &both, n(9)), line(1, a, n(6)), line(1, c, n(6))],
            0,
        ),
        (
            vec![line(0, &both, n(12)), line(1, a, n(6)), line(1, a, n(6))],
            2,
        ),
        // Subtraction gives what is suppressed.
        (
            vec![line(0, &both, n(9)), line(1, a, n(5)), line(1, c, hidden)],
            0,
        ),
        // Each of two that are five together may be one to four, but not five.
        (
            vec![line(0, &both, n(5)), line(1, a, hidden), line(1, c, hidden)],
            0,
        ),
    ] {
        let fault = judge(&illegal).unwrap_err();
        assert_eq!(fault.place, place, "{fault} {illegal:?}");
    }
    let parts = (0..9).map(|level| line(level, a, n(9))).collect::<Vec<_>>();
    assert!(judge(&parts).is_err());
}

#[test]
fn a_revised_figure_changes_by_five_or_waits() {
    use OutcomeCode::Arrested;
    let of =
        |count| BTreeMap::from([(cell(Arrested, OffenceClass::Rape, VictimAge::Adult), count)]);
    let first = publish(&of(12)).unwrap();
    let told = |figures: &Figures| figures.bases().first().map(|base| base.count);
    for (now, figure, waiting) in [
        (12, Some(Count::Outcomes(12)), 0),
        (13, Some(Count::Outcomes(12)), 1),
        (16, Some(Count::Outcomes(12)), 1),
        (17, Some(Count::Outcomes(17)), 0),
        (8, Some(Count::Outcomes(12)), 1),
        (7, Some(Count::Outcomes(7)), 0),
        (3, Some(Count::Suppressed), 0),
        (0, None, 0),
    ] {
        let revised = revise(&[&first], &of(now)).unwrap();
        assert_eq!(
            (told(&revised.figures), revised.waiting),
            (figure, waiting),
            "{now}"
        );
    }
    // What was suppressed tells no difference; what was none does.
    let few = publish(&of(3)).unwrap();
    let revised = revise(&[&few], &of(5)).unwrap();
    assert_eq!(told(&revised.figures), Some(Count::Outcomes(5)));
}
