//! Counting what was done: one person and one event once, and no figure abroad that tells of a few.
//!
//! The ways in: [`outcomes`] makes of reports what is counted, [`publish`] and [`revise`] make figures for abroad of it,
//! [`Figures::new`] judges figures, and [`Question`] is asked of either. Pure: no clock, no store. A value of [`Figures`]
//! is safe to be seen abroad; must never hold or make a smaller count than [`SMALL_CELL`](super::limits::SMALL_CELL).

mod case;
mod figures;
mod publish;
mod question;
#[cfg(test)]
mod tests;
mod values;

pub use self::{
    case::{Known, Outcome, PersonKey, Report, outcomes},
    figures::{Count, Figure, FigureFault, Figures, Line, Selection},
    publish::{Revised, TooManyFigures, publish, revise},
    question::{Answer, Question},
    values::Values,
};
use super::{
    alert::{
        kinds::OutcomeCode,
        offence::{OffenceClass, VictimAge},
        value::Day,
    },
    country::Country,
    id::StatementRef,
    routing::coded,
    time::Timestamp,
};

/// One country's return: what was done there in a period. Which country, its origin says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// Of which days.
    pub period: Period,
    /// What was recorded until then was counted.
    pub counted_at: Timestamp,
    /// The return that this one replaces, of the same origin and period.
    pub replaces: Option<StatementRef>,
    /// How many.
    pub figures: Figures,
}

/// Days from a first to a last, both counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    first: Day,
    last: Day,
}

impl Period {
    /// From a first day to a last one that is not before it.
    #[must_use]
    pub fn new(first: Day, last: Day) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The first day.
    #[must_use]
    pub const fn first(self) -> Day {
        self.first
    }

    /// The last day.
    #[must_use]
    pub const fn last(self) -> Day {
        self.last
    }

    /// True when the day is one of it.
    #[must_use]
    pub fn contains(self, day: Day) -> bool {
        self.first <= day && day <= self.last
    }

    /// True when all days of the other are of this one.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self.contains(other.first) && self.contains(other.last)
    }

    /// True when the two have a day in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

coded! {
    /// Whether a person had been reported missing before.
    PriorReport {
        /// By an alert of a missing offender, issued not after the day of the outcome, and not recalled.
        Missing = 1 "missing",
        /// No such alert is known.
        None = 2 "none",
    }
}

/// What one outcome is counted as: every outcome is of exactly one cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Of the person; `None`: not known.
    pub nationality: Option<Country>,
    /// Whether the person had been reported missing.
    pub prior: PriorReport,
    /// What was done.
    pub event: OutcomeCode,
    /// Gravest offence.
    pub offence: OffenceClass,
    /// Youngest victim of that.
    pub victim: VictimAge,
}
