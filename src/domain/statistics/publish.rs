//! From what is counted to figures for abroad, the first time and anew.
//!
//! The ways in are [`publish`] and [`revise`]. Figures of level 0 are coarse: by nationality, prior report, victims under
//! age or not, and groups of offences and events, so that what is asked most often is in one figure, and a few outcomes
//! elsewhere cost it nothing. Below it stand offence, event and age band, as far as they can be told.
//!
//! A revised return can be subtracted from the one before. So a figure changes by five outcomes or not at all: what comes
//! late waits until it is enough, and parts that would tell of fewer are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Cell, Count, Figure, Figures, Values,
    figures::{Hidden, Selection},
};
use crate::domain::{
    alert::{
        kinds::OutcomeCode,
        offence::{OffenceClass, VictimAge},
    },
    limits::{SMALL_CELL, STATISTICS_MAX_FIGURES},
    routing::Coded,
};

/// Groups of level 0. Each value is in one of them, which a test holds.
const EVENTS: &[&[OutcomeCode]] = &[
    &[OutcomeCode::Arrested, OutcomeCode::Charged],
    &[OutcomeCode::Convicted],
    &[
        OutcomeCode::RefusedEntry,
        OutcomeCode::Located,
        OutcomeCode::Returned,
        OutcomeCode::UnderSurveillance,
        OutcomeCode::Released,
    ],
];
const OFFENCES: &[&[OffenceClass]] = &[
    &[OffenceClass::Rape, OffenceClass::SexualAbuse],
    &[
        OffenceClass::SexualExploitation,
        OffenceClass::Grooming,
        OffenceClass::AbuseMaterial,
        OffenceClass::OtherSexual,
    ],
    &[
        OffenceClass::Breach,
        OffenceClass::Other,
        OffenceClass::NotStated,
    ],
];
const VICTIMS: &[&[VictimAge]] = &[
    &[
        VictimAge::Under6,
        VictimAge::From6To12,
        VictimAge::From13To15,
        VictimAge::From16To17,
    ],
    &[VictimAge::Adult],
    &[VictimAge::NotKnown],
];

/// More figures than a return may have, though all detail was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {STATISTICS_MAX_FIGURES} figures: expected a shorter period")]
pub struct TooManyFigures;

/// A revised set of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revised {
    /// What is published.
    pub figures: Figures,
    /// Figures of level 0 that stay as they were, though fewer than five outcomes were added or gone: for home only.
    pub waiting: usize,
}

/// Figures of what was never published before.
///
/// # Errors
/// When there are too many.
pub fn publish(counts: &BTreeMap<Cell, u64>) -> Result<Figures, TooManyFigures> {
    let figures = fresh(counts);
    fitted(figures.into_values().map(|(_, figure)| figure).collect())
}

/// Figures of what was published before, the latest last.
///
/// # Errors
/// When there are too many.
pub fn revise(
    before: &[&Figures],
    counts: &BTreeMap<Cell, u64>,
) -> Result<Revised, TooManyFigures> {
    let Some(latest) = before.last() else {
        let figures = publish(counts)?;
        return Ok(Revised {
            figures,
            waiting: 0,
        });
    };
    let mut fresh = fresh(counts);
    let known = latest.bases().iter().map(|base| &base.selection);
    let selections: BTreeSet<Selection> = known.chain(fresh.keys()).cloned().collect();
    let mut waiting = 0;
    let mut bases = Vec::new();
    for selection in selections {
        let (now, figure) = match fresh.remove(&selection) {
            Some((now, figure)) => (now, Some(figure)),
            None => (0, None),
        };
        let earlier: Vec<Option<&Figure>> = before
            .iter()
            .map(|it| it.bases().iter().find(|base| base.selection == selection))
            .collect();
        if earlier.iter().any(|was| is_told_apart(*was, now)) {
            waiting += 1;
            bases.extend(earlier.last().copied().flatten().cloned());
            continue;
        }
        let Some(mut figure) = figure else {
            continue;
        };
        for was in earlier.into_iter().flatten() {
            leave_out_what_tells(&mut figure, was);
        }
        bases.push(figure);
    }
    Ok(Revised {
        figures: fitted(bases)?,
        waiting,
    })
}

/// True when a figure and what was published of it differ by a few. What is suppressed now tells no difference, nor does
/// what was suppressed.
fn is_told_apart(was: Option<&Figure>, now: u64) -> bool {
    let is_suppressed = now > 0 && now < SMALL_CELL;
    let was = match was.map(|was| was.count) {
        None => 0,
        Some(Count::Outcomes(was)) => was,
        Some(Count::Suppressed) => return false,
    };
    !is_suppressed && is_few(now.abs_diff(was))
}

const fn is_few(difference: u64) -> bool {
    difference > 0 && difference < SMALL_CELL
}

/// Every figure of level 0 with its count, and its parts as far as they can be told.
fn fresh(counts: &BTreeMap<Cell, u64>) -> BTreeMap<Selection, (u64, Figure)> {
    let mut cells: BTreeMap<Selection, Vec<(&Cell, u64)>> = BTreeMap::new();
    for (cell, count) in counts.iter().filter(|(_, count)| **count > 0) {
        cells.entry(base_of(cell)).or_default().push((cell, *count));
    }
    let figure = |(selection, cells): (Selection, Vec<(&Cell, u64)>)| {
        let total = sum(&cells);
        (selection.clone(), (total, figure(selection, &cells)))
    };
    cells.into_iter().map(figure).collect()
}

fn base_of(cell: &Cell) -> Selection {
    Selection {
        nationality: cell.nationality,
        prior: cell.prior,
        events: group(EVENTS, cell.event),
        offences: group(OFFENCES, cell.offence),
        victims: group(VICTIMS, cell.victim),
    }
}

fn group<T: Coded + PartialEq>(groups: &[&[T]], value: T) -> Values<T> {
    let group = groups.iter().find(|group| group.contains(&value));
    group
        .and_then(|group| Values::of(group))
        .unwrap_or_else(|| Values::one(value))
}

fn sum(cells: &[(&Cell, u64)]) -> u64 {
    cells.iter().map(|(_, count)| count).sum()
}

fn figure(selection: Selection, cells: &[(&Cell, u64)]) -> Figure {
    let total = sum(cells);
    if total < SMALL_CELL {
        return Figure {
            selection,
            count: Count::Suppressed,
            parts: Vec::new(),
        };
    }
    Figure {
        parts: parts(&selection, total, cells),
        selection,
        count: Count::Outcomes(total),
    }
}

/// By offence; within one offence by event; within one event by age band.
fn parts(whole: &Selection, total: u64, cells: &[(&Cell, u64)]) -> Vec<Figure> {
    let narrowed = |cell: &Cell| {
        let mut part = whole.clone();
        if whole.offences.iter().nth(1).is_some() {
            part.offences = Values::one(cell.offence);
        } else if whole.events.iter().nth(1).is_some() {
            part.events = Values::one(cell.event);
        } else {
            part.victims = Values::one(cell.victim);
        }
        part
    };
    let mut split: BTreeMap<Selection, Vec<(&Cell, u64)>> = BTreeMap::new();
    for (cell, count) in cells {
        split
            .entry(narrowed(cell))
            .or_default()
            .push((cell, *count));
    }
    if split.contains_key(whole) {
        return Vec::new();
    }
    let mut parts: Vec<(u64, Figure)> = split
        .into_iter()
        .map(|(selection, cells)| (sum(&cells), figure(selection, &cells)))
        .collect();
    match hide(total, &mut parts) {
        Told::Safely => parts.into_iter().map(|(_, part)| part).collect(),
        Told::ByNobody => Vec::new(),
    }
}

/// Whether parts can be told.
enum Told {
    Safely,
    ByNobody,
}

/// Suppresses the smallest of what is left until subtraction gives none of them.
fn hide(total: u64, parts: &mut [(u64, Figure)]) -> Told {
    loop {
        let counts = parts.iter().map(|(_, part)| part.count);
        if Hidden::of(total, counts).is_some_and(Hidden::is_safe) {
            return Told::Safely;
        }
        let open = parts
            .iter_mut()
            .filter(|(_, part)| part.count != Count::Suppressed);
        let Some((_, smallest)) = open.min_by_key(|(count, _)| *count) else {
            return Told::ByNobody;
        };
        smallest.count = Count::Suppressed;
        smallest.parts.clear();
    }
}

/// Leaves out parts of which subtraction from what was published would give a few.
fn leave_out_what_tells(now: &mut Figure, was: &Figure) {
    let (Count::Outcomes(total), Count::Outcomes(total_was)) = (now.count, was.count) else {
        return;
    };
    if now.parts.is_empty() || was.parts.is_empty() {
        return;
    }
    if differences(total, &now.parts, total_was, &was.parts).any(is_few) {
        now.parts.clear();
        return;
    }
    for part in &mut now.parts {
        let before = was.parts.iter().find(|it| it.selection == part.selection);
        if let Some(before) = before {
            leave_out_what_tells(part, before);
        }
    }
}

/// All differences that subtraction gives below one figure: of each part that is told both times; of what is suppressed
/// in either, together where the two overlap. A part that is not there is zero.
fn differences(
    total: u64,
    now: &[Figure],
    total_was: u64,
    was: &[Figure],
) -> impl Iterator<Item = u64> {
    let selections: BTreeSet<&Selection> = now.iter().chain(was).map(|it| &it.selection).collect();
    let count = |parts: &[Figure], selection: &Selection| {
        let part = parts.iter().find(|part| part.selection == *selection);
        match part.map(|part| part.count) {
            None => Some(0),
            Some(Count::Outcomes(outcomes)) => Some(outcomes),
            Some(Count::Suppressed) => None,
        }
    };
    let mut told = Vec::new();
    let (mut both, mut rest, mut rest_was) = (0_u64, total, total_was);
    // What only one of the two returns suppresses, as the other tells it.
    let (mut told_now, mut told_was) = (0_u64, 0_u64);
    for selection in selections {
        match (count(now, selection), count(was, selection)) {
            (Some(now), Some(was)) => {
                told.push(now.abs_diff(was));
                rest = rest.saturating_sub(now);
                rest_was = rest_was.saturating_sub(was);
            }
            (Some(now), None) => told_now = told_now.saturating_add(now),
            (None, Some(was)) => told_was = told_was.saturating_add(was),
            (None, None) => both += 1,
        }
    }
    // The hidden of both times together; where they do not overlap, also each alone.
    told.push(rest.abs_diff(rest_was));
    if both == 0 {
        told.push(told_now.abs_diff(rest_was.saturating_sub(told_was)));
        told.push(told_was.abs_diff(rest.saturating_sub(told_now)));
    }
    told.into_iter()
}

/// Leaves out detail, the finest first, until there are no more figures than may be.
fn fitted(mut bases: Vec<Figure>) -> Result<Figures, TooManyFigures> {
    let mut depth = bases.iter().map(depth).max().unwrap_or(0);
    while bases.iter().map(size).sum::<usize>() > STATISTICS_MAX_FIGURES {
        if depth == 0 {
            return Err(TooManyFigures);
        }
        depth -= 1;
        bases.iter_mut().for_each(|base| cut(base, depth));
    }
    Ok(Figures::made(bases))
}

fn size(figure: &Figure) -> usize {
    1 + figure.parts.iter().map(size).sum::<usize>()
}

fn depth(figure: &Figure) -> usize {
    let below = figure.parts.iter().map(|part| 1 + depth(part));
    below.max().unwrap_or(0)
}

/// Leaves out what lies deeper than so many levels below.
fn cut(figure: &mut Figure, levels: usize) {
    match levels {
        0 => figure.parts.clear(),
        levels => figure
            .parts
            .iter_mut()
            .for_each(|part| cut(part, levels - 1)),
    }
}
