//! What nobody gets back by adding and subtracting, of one return or of several, and what no order changes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{super::*, cell, country, report};
use crate::domain::limits::SMALL_CELL;

/// Two nationalities, arrested, charged or convicted, of three offences, and three victims.
fn universe() -> Vec<Cell> {
    use OffenceClass::{Grooming, Rape, SexualAbuse};
    use OutcomeCode::{Arrested, Charged, Convicted};
    use VictimAge::{Adult, From13To15, Under6};
    let mut cells = Vec::new();
    for nationality in ["XA", "XC"] {
        for event in [Arrested, Charged, Convicted] {
            for offence in [Rape, SexualAbuse, Grooming] {
                for victim in [Under6, From13To15, Adult] {
                    cells.push(Cell {
                        nationality: Some(country(nationality)),
                        ..cell(event, offence, victim)
                    });
                }
            }
        }
    }
    cells
}

/// What is known from figures, as equations over the cells: rows in echelon form, modulo a large prime.
struct Equations(Vec<Vec<u64>>);

const PRIME: u64 = (1 << 31) - 1;

impl Equations {
    fn of(figures: &Figures, cells: &[Cell]) -> Self {
        let mut equations = Self(Vec::new());
        let mut known = vec![false; cells.len()];
        for line in figures.lines() {
            for (place, cell) in cells.iter().enumerate() {
                known[place] |= line.selection.has(cell);
            }
            if line.count != Count::Suppressed {
                equations.add(Self::row(&line.selection, cells));
            }
        }
        fn zeros(figure: &Figure, cells: &[Cell], equations: &mut Equations) {
            if figure.parts.is_empty() {
                return;
            }
            for (place, cell) in cells.iter().enumerate() {
                let is_in = |part: &Figure| part.selection.has(cell);
                if figure.selection.has(cell) && !figure.parts.iter().any(is_in) {
                    equations.add(Equations::unit(place, cells));
                }
            }
            figure
                .parts
                .iter()
                .for_each(|part| zeros(part, cells, equations));
        }
        figures
            .bases()
            .iter()
            .for_each(|base| zeros(base, cells, &mut equations));
        for (place, known) in known.into_iter().enumerate() {
            if !known {
                equations.add(Self::unit(place, cells));
            }
        }
        equations
    }

    fn row(selection: &Selection, cells: &[Cell]) -> Vec<u64> {
        cells
            .iter()
            .map(|cell| u64::from(selection.has(cell)))
            .collect()
    }

    fn unit(place: usize, cells: &[Cell]) -> Vec<u64> {
        (0..cells.len()).map(|it| u64::from(it == place)).collect()
    }

    /// What is left of a row when all that is known was subtracted.
    fn rest(&self, mut row: Vec<u64>) -> Vec<u64> {
        for known in &self.0 {
            let lead = known.iter().position(|it| *it != 0).unwrap();
            let factor = row[lead];
            if factor != 0 {
                for (value, known) in row.iter_mut().zip(known) {
                    *value = (*value + (PRIME - factor) * known) % PRIME;
                }
            }
        }
        row
    }

    fn add(&mut self, row: Vec<u64>) {
        let mut rest = self.rest(row);
        let Some(lead) = rest.iter().position(|it| *it != 0) else {
            return;
        };
        let inverse = power(rest[lead], PRIME - 2);
        rest.iter_mut()
            .for_each(|value| *value = *value * inverse % PRIME);
        self.0.push(rest);
    }

    fn gives(&self, selection: &Selection, cells: &[Cell]) -> bool {
        let rest = self.rest(Self::row(selection, cells));
        rest.iter().all(|value| *value == 0)
    }
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

/// Everything that somebody may ask of the universe: each cell, and each sum over values of one or more properties.
fn selections(cells: &[Cell]) -> BTreeSet<Selection> {
    fn choices<T: crate::domain::routing::Coded>(values: &[T]) -> Vec<Values<T>> {
        let masks = 1..(1_usize << values.len());
        let chosen = |mask: usize| {
            let places = values.iter().enumerate();
            let chosen = places.filter(|(place, _)| mask & (1 << place) != 0);
            chosen.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        masks.filter_map(|mask| Values::of(&chosen(mask))).collect()
    }
    let mut all = BTreeSet::new();
    let nationalities: BTreeSet<_> = cells.iter().map(|it| it.nationality).collect();
    use OffenceClass::{Grooming, Rape, SexualAbuse};
    use OutcomeCode::{Arrested, Charged, Convicted};
    use VictimAge::{Adult, From13To15, Under6};
    for nationality in nationalities {
        for events in choices(&[Arrested, Charged, Convicted]) {
            for offences in choices(&[Rape, SexualAbuse, Grooming]) {
                for victims in choices(&[Under6, From13To15, Adult]) {
                    all.insert(Selection {
                        nationality,
                        prior: PriorReport::Missing,
                        events,
                        offences,
                        victims,
                    });
                }
            }
        }
    }
    all
}

fn truth(selection: &Selection, counts: &Counts) -> u64 {
    let fits = counts.iter().filter(|(cell, _)| selection.has(cell));
    fits.map(|(_, count)| count).sum()
}

type Counts = BTreeMap<Cell, u64>;

fn counts() -> impl Strategy<Value = Counts> {
    let one = prop_oneof![4 => Just(0_u64), 3 => 1..5_u64, 2 => 5..15_u64];
    let cells = universe();
    prop::collection::vec(one, cells.len())
        .prop_map(move |counts| cells.iter().cloned().zip(counts).collect())
}

/// What becomes of counts when outcomes come late.
fn later(counts: Counts) -> impl Strategy<Value = (Counts, Counts)> {
    changed(
        counts,
        prop_oneof![6 => Just(0_i64), 2 => 1..4_i64, 2 => 4..9_i64].boxed(),
    )
}

/// The same when some are taken away again.
fn corrected(counts: Counts) -> impl Strategy<Value = (Counts, Counts)> {
    changed(
        counts,
        prop_oneof![6 => Just(0_i64), 2 => -9..0_i64, 2 => 1..9_i64].boxed(),
    )
}

fn changed(counts: Counts, change: BoxedStrategy<i64>) -> impl Strategy<Value = (Counts, Counts)> {
    prop::collection::vec(change, counts.len()).prop_map(move |changes| {
        let changed = counts.iter().zip(changes);
        let changed = changed
            .map(|((cell, count), change)| (cell.clone(), count.saturating_add_signed(change)));
        (counts.clone(), changed.collect())
    })
}

/// A return and two that revise it.
fn chain([first, second, third]: [&Counts; 3]) -> [Figures; 3] {
    let published = publish(first).unwrap();
    let revised = revise(&[&published], second).unwrap().figures;
    let again = revise(&[&published, &revised], third).unwrap().figures;
    [published, revised, again]
}

/// All pairs of returns of a chain, with what subtraction gives of these selections: how often it is a few.
fn few(chain: &[Figures; 3], asked: &BTreeSet<Selection>) -> Vec<(Selection, u64, u64)> {
    let cells = universe();
    let known: Vec<Equations> = chain.iter().map(|it| Equations::of(it, &cells)).collect();
    let mut few = Vec::new();
    for (earlier, later) in [(0, 1), (0, 2), (1, 2)] {
        for selection in asked {
            let is_given = |time: usize| known[time].gives(selection, &cells);
            if is_given(earlier) && is_given(later) {
                let was = told(&chain[earlier], selection, &cells);
                let is = told(&chain[later], selection, &cells);
                if (1..SMALL_CELL).contains(&was.abs_diff(is)) {
                    few.push((selection.clone(), was, is));
                }
            }
        }
    }
    few
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn nothing_that_adding_and_subtracting_gives_is_a_few(counts in counts()) {
        let cells = universe();
        let figures = publish(&counts).unwrap();
        let equations = Equations::of(&figures, &cells);
        for selection in selections(&cells) {
            let count = truth(&selection, &counts);
            if (1..SMALL_CELL).contains(&count) {
                prop_assert!(!equations.gives(&selection, &cells), "{selection:?} {count}");
            }
        }
    }

    #[test]
    fn figures_pass_their_judge_and_agree_with_what_was_counted(counts in counts()) {
        let figures = publish(&counts).unwrap();
        prop_assert_eq!(Figures::new(figures.lines()), Ok(figures.clone()));
        for line in figures.lines() {
            let count = truth(&line.selection, &counts);
            match line.count {
                Count::Outcomes(told) => prop_assert_eq!(told, count),
                Count::Suppressed => prop_assert!(count > 0),
            }
        }
        for selection in selections(&universe()) {
            let question = Question {
                nationals: BTreeSet::new(),
                prior: Some(selection.prior),
                events: selection.events,
                offences: selection.offences,
                victims: selection.victims,
            };
            let count: u64 = counts
                .iter()
                .filter(|(cell, _)| question.asks_for(cell))
                .map(|(_, count)| count)
                .sum();
            match question.answer(&figures) {
                Answer::Counted(told) => prop_assert_eq!(told, count),
                Answer::Suppressed { at_least } => prop_assert!(at_least <= count),
            }
        }
    }

    #[test]
    fn a_revised_return_subtracted_from_any_before_it_gives_none_or_five(
        (first, (second, third)) in counts()
            .prop_flat_map(later)
            .prop_flat_map(|(first, second)| (Just(first), later(second))),
    ) {
        let chain = chain([&first, &second, &third]);
        for figures in &chain {
            prop_assert_eq!(Figures::new(figures.lines()), Ok(figures.clone()));
        }
        prop_assert_eq!(few(&chain, &selections(&universe())), vec![]);
    }

    /// Of a sum of figures one may rise and another fall: what each of them tells is what counts then.
    #[test]
    fn figures_that_fall_tell_no_few_either(
        (first, (second, third)) in counts()
            .prop_flat_map(corrected)
            .prop_flat_map(|(first, second)| (Just(first), corrected(second))),
    ) {
        let chain = chain([&first, &second, &third]);
        let lines = chain.iter().flat_map(Figures::lines);
        let figures = lines.map(|line| line.selection).collect();
        prop_assert_eq!(few(&chain, &figures), vec![]);
    }

    #[test]
    fn the_order_of_reports_changes_nothing(
        reports in prop::collection::vec((0..4_u64, 0..3_usize, 0..4_usize, any::<bool>()), 0..12),
        turn in 0..12_usize,
    ) {
        let origins = ["XA-POL", "XB-POL", "XC-POL"];
        let days = ["2026-05-03", "2026-05-04", "2026-05", "2026"];
        let reports: Vec<Report> = (1..)
            .zip(reports)
            .map(|(id, (person, origin, day, is_charge))| Report {
                event: if is_charge { OutcomeCode::Charged } else { OutcomeCode::Arrested },
                ..report(origins[origin], id, &format!("A{person}"), days[day])
            })
            .collect();
        let mut turned = reports.clone();
        if !turned.is_empty() {
            let places = turn % turned.len();
            turned.rotate_left(places);
            turned.reverse();
        }
        let counted = outcomes(&[], &reports);
        prop_assert_eq!(outcomes(&[], &turned), counted.clone());
        let named: BTreeSet<StatementRef> = counted.iter().flat_map(|it| it.reports.clone()).collect();
        prop_assert_eq!(named.len(), reports.len(), "each report belongs to one outcome");
    }
}

/// What figures tell of a selection that they give: any counts that fit them have the same sum there.
fn told(figures: &Figures, selection: &Selection, cells: &[Cell]) -> u64 {
    let counts = figures.bases().iter().flat_map(|base| spread(base, cells));
    let counts = counts.filter(|(place, _)| selection.has(&cells[*place]));
    counts.map(|(_, count)| count).sum()
}

/// Counts for the cells of a figure that fit all that is published of it.
fn spread(figure: &Figure, cells: &[Cell]) -> Vec<(usize, u64)> {
    let within = |selection: &Selection| {
        let places = cells.iter().enumerate();
        let fitting = places.filter(|(_, cell)| selection.has(cell));
        fitting.map(|(place, _)| place).next()
    };
    let total = match figure.count {
        Count::Outcomes(total) => total,
        Count::Suppressed => 1,
    };
    if figure.parts.is_empty() {
        return within(&figure.selection)
            .map(|place| (place, total))
            .into_iter()
            .collect();
    }
    let mut left = total;
    let mut counts = Vec::new();
    let mut hidden = Vec::new();
    for part in &figure.parts {
        match part.count {
            Count::Outcomes(outcomes) => {
                left -= outcomes;
                counts.extend(spread(part, cells));
            }
            Count::Suppressed => hidden.extend(within(&part.selection)),
        }
    }
    for (nth, place) in hidden.iter().enumerate() {
        let count = if nth + 1 == hidden.len() { left } else { 1 };
        left -= count;
        counts.push((*place, count));
    }
    counts
}
