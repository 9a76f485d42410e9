//! Figures for abroad: a forest of counts of which none tells of a few, whatever is added and subtracted.
//!
//! The way in is [`Figures::new`], which judges; what a partner signed passes the same judge as what is made here. Figures
//! that stand first have no total. Below a count stand its parts, and the sum of those that are suppressed can be had by
//! subtraction: so there are at least two of them, with room for each to be anything from one to five.

use std::collections::BTreeMap;

use super::{Cell, PriorReport, Values};
use crate::domain::{
    alert::{
        kinds::OutcomeCode,
        offence::{OffenceClass, VictimAge},
    },
    country::Country,
    limits::{SMALL_CELL, STATISTICS_DEPTH_MAX, STATISTICS_MAX_FIGURES},
};

/// What a figure counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selection {
    /// Of this nationality; `None`: of nobody knows which.
    pub nationality: Option<Country>,
    /// Whether reported missing before.
    pub prior: PriorReport,
    /// Any of these events.
    pub events: Values<OutcomeCode>,
    /// Any of these offences.
    pub offences: Values<OffenceClass>,
    /// Any of these victims.
    pub victims: Values<VictimAge>,
}

impl Selection {
    /// True when the cell is counted.
    #[must_use]
    pub fn has(&self, cell: &Cell) -> bool {
        self.nationality == cell.nationality
            && self.prior == cell.prior
            && self.events.contains(cell.event)
            && self.offences.contains(cell.offence)
            && self.victims.contains(cell.victim)
    }

    fn is_part_of(&self, whole: &Self) -> bool {
        self != whole
            && self.nationality == whole.nationality
            && self.prior == whole.prior
            && self.events.is_within(whole.events)
            && self.offences.is_within(whole.offences)
            && self.victims.is_within(whole.victims)
    }

    fn is_apart_from(&self, other: &Self) -> bool {
        self.nationality != other.nationality
            || self.prior != other.prior
            || self.events.is_apart_from(other.events)
            || self.offences.is_apart_from(other.offences)
            || self.victims.is_apart_from(other.victims)
    }
}

/// How many, or that it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Count {
    /// At least [`SMALL_CELL`].
    Outcomes(u64),
    /// More than none.
    Suppressed,
}

/// One figure with its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it counts.
    pub selection: Selection,
    /// How many.
    pub count: Count,
    /// All that is in it, or nothing.
    pub parts: Vec<Figure>,
}

/// One figure as it stands in a list: each before its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 0, or one more than what it is a part of.
    pub level: u32,
    /// What it counts.
    pub selection: Selection,
    /// How many.
    pub count: Count,
}

/// Figures that may be seen abroad.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures(Vec<Figure>);

/// Why figures may not: which line, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("figure {place}: found {found}, expected {expected}")]
pub struct FigureFault {
    /// Of the line, from 0.
    pub place: usize,
    /// What stands there.
    pub found: &'static str,
    /// What would be right.
    pub expected: &'static str,
}

impl Figures {
    /// Judges lines.
    ///
    /// # Errors
    /// The first line that is not legal, or that gives away a small count.
    pub fn new(lines: Vec<Line>) -> Result<Self, FigureFault> {
        if lines.len() > STATISTICS_MAX_FIGURES {
            return Err(FigureFault {
                place: STATISTICS_MAX_FIGURES,
                found: "one more figure than are kept",
                expected: "at most 4096",
            });
        }
        let mut reading = Reading {
            lines: lines.into_iter().enumerate().peekable(),
        };
        let bases = reading.level(0)?;
        if let Some((place, _)) = reading.lines.next() {
            return Err(FigureFault {
                place,
                found: "a level that leaves one out",
                expected: "0, or at most one more than the figure before",
            });
        }
        apart_by_person(&bases)?;
        Ok(Self(bases.into_iter().map(|(_, figure)| figure).collect()))
    }

    /// Those of level 0: every outcome is in exactly one.
    #[must_use]
    pub fn bases(&self) -> &[Figure] {
        &self.0
    }

    /// All of them, each before its parts.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        list(&self.0, 0, &mut lines);
        lines
    }

    /// Only [`super::publish`] makes figures without the judge, and its tests ask him.
    pub(super) const fn made(bases: Vec<Figure>) -> Self {
        Self(bases)
    }
}

fn list(figures: &[Figure], level: u32, lines: &mut Vec<Line>) {
    for figure in figures {
        lines.push(Line {
            level,
            selection: figure.selection.clone(),
            count: figure.count,
        });
        list(&figure.parts, level.saturating_add(1), lines);
    }
}

struct Reading<I: Iterator<Item = (usize, Line)>> {
    lines: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = (usize, Line)>> Reading<I> {
    /// All figures of a level that follow each other, with their places.
    fn level(&mut self, level: u32) -> Result<Vec<(usize, Figure)>, FigureFault> {
        let mut figures = Vec::new();
        while let Some((place, line)) = self.lines.next_if(|(_, line)| line.level == level) {
            if level >= STATISTICS_DEPTH_MAX {
                return Err(FigureFault {
                    place,
                    found: "parts of parts without end",
                    expected: "a level under 8",
                });
            }
            let parts = self.level(level.saturating_add(1))?;
            check(place, &line, &parts)?;
            let parts = parts.into_iter().map(|(_, part)| part).collect();
            let figure = Figure {
                selection: line.selection,
                count: line.count,
                parts,
            };
            figures.push((place, figure));
        }
        Ok(figures)
    }
}

/// One figure against its parts.
fn check(place: usize, whole: &Line, parts: &[(usize, Figure)]) -> Result<(), FigureFault> {
    let fault = |place, found, expected| FigureFault {
        place,
        found,
        expected,
    };
    let total = match whole.count {
        Count::Outcomes(total) if total < SMALL_CELL => {
            let expected = "at least 5, or `suppressed`; nothing for none";
            return Err(fault(place, "a small count", expected));
        }
        Count::Outcomes(total) => total,
        Count::Suppressed if parts.is_empty() => return Ok(()),
        Count::Suppressed => {
            let expected = "nothing below a figure that is suppressed";
            return Err(fault(place, "parts of what is suppressed", expected));
        }
    };
    for (nth, (place, part)) in parts.iter().enumerate() {
        if !part.selection.is_part_of(&whole.selection) {
            let expected = "a part of the figure that it stands below";
            return Err(fault(*place, "what is no part", expected));
        }
        let others = parts.iter().take(nth);
        if others
            .into_iter()
            .any(|(_, it)| !it.selection.is_apart_from(&part.selection))
        {
            return Err(fault(
                *place,
                "what another part counts",
                "each outcome in one part",
            ));
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    match Hidden::of(total, parts.iter().map(|(_, part)| part.count)) {
        None => Err(fault(
            place,
            "parts that are more than it",
            "parts that add up to it",
        )),
        Some(hidden) if hidden.count == 0 && hidden.sum != 0 => Err(fault(
            place,
            "parts that are less than it",
            "parts that add up to it",
        )),
        Some(hidden) if !hidden.is_safe() => {
            let expected = "two suppressed parts or more, of which each may be 1 to 5";
            Err(fault(
                place,
                "parts that give a suppressed one away",
                expected,
            ))
        }
        Some(_) => Ok(()),
    }
}

/// What subtraction gives of the suppressed parts of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    /// How many parts are suppressed.
    pub(super) count: u64,
    /// How many outcomes they have together.
    pub(super) sum: u64,
}

impl Hidden {
    /// `None` when the parts that are told are more than the total.
    pub(super) fn of(total: u64, parts: impl IntoIterator<Item = Count>) -> Option<Self> {
        let mut hidden = Self {
            count: 0,
            sum: total,
        };
        for part in parts {
            match part {
                Count::Suppressed => hidden.count = hidden.count.saturating_add(1),
                Count::Outcomes(outcomes) => hidden.sum = hidden.sum.checked_sub(outcomes)?,
            }
        }
        Some(hidden)
    }

    /// Each has at least one outcome: so each may have from one up to what the others leave, which must be five.
    pub(super) const fn is_safe(self) -> bool {
        self.count == 0
            || (self.count >= 2 && self.sum >= self.count.saturating_add(SMALL_CELL - 1))
    }
}

/// Figures of level 0 overlap nowhere; only those of the same people can.
fn apart_by_person(bases: &[(usize, Figure)]) -> Result<(), FigureFault> {
    let mut of: BTreeMap<(Option<Country>, PriorReport), Vec<&Selection>> = BTreeMap::new();
    for (place, figure) in bases {
        let selection = &figure.selection;
        let others = of
            .entry((selection.nationality, selection.prior))
            .or_default();
        if others.iter().any(|other| !other.is_apart_from(selection)) {
            return Err(FigureFault {
                place: *place,
                found: "what another figure counts",
                expected: "each outcome in one figure of level 0",
            });
        }
        others.push(selection);
    }
    Ok(())
}
