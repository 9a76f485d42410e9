//! A question, and what figures answer to it.

use std::collections::BTreeSet;

use super::{Cell, Count, Figure, Figures, PriorReport, Values, figures::Selection};
use crate::domain::{
    alert::{
        kinds::OutcomeCode,
        offence::{OffenceClass, VictimAge},
    },
    country::Country,
};

/// Which outcomes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Counted under any of these nationalities; empty: under any, or none.
    pub nationals: BTreeSet<Country>,
    /// Whether reported missing before; `None`: either.
    pub prior: Option<PriorReport>,
    /// Any of these events.
    pub events: Values<OutcomeCode>,
    /// Any of these offences.
    pub offences: Values<OffenceClass>,
    /// Any of these victims.
    pub victims: Values<VictimAge>,
}

/// What figures say to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// So many.
    Counted(u64),
    /// Some of it is not told.
    Suppressed {
        /// What is told of it.
        at_least: u64,
    },
}

/// How a figure lies to a question.
enum Lies {
    Within,
    Across,
    Apart,
}

impl Question {
    /// True when the cell is asked for.
    #[must_use]
    pub fn asks_for(&self, cell: &Cell) -> bool {
        self.is_of(cell.nationality, cell.prior)
            && self.events.contains(cell.event)
            && self.offences.contains(cell.offence)
            && self.victims.contains(cell.victim)
    }

    /// The sum over figures that overlap nowhere.
    #[must_use]
    pub fn answer(&self, figures: &Figures) -> Answer {
        self.sum(figures.bases())
    }

    fn sum(&self, figures: &[Figure]) -> Answer {
        let answers = figures.iter().map(|figure| self.of_figure(figure));
        answers.fold(Answer::Counted(0), Answer::and)
    }

    fn of_figure(&self, figure: &Figure) -> Answer {
        match (self.lies(&figure.selection), figure.count) {
            (Lies::Apart, _) => Answer::Counted(0),
            (Lies::Within, Count::Outcomes(outcomes)) => Answer::Counted(outcomes),
            (Lies::Across, Count::Outcomes(_)) if !figure.parts.is_empty() => {
                self.sum(&figure.parts)
            }
            _ => Answer::Suppressed { at_least: 0 },
        }
    }

    fn lies(&self, selection: &Selection) -> Lies {
        let is_apart = !self.is_of(selection.nationality, selection.prior)
            || selection.events.is_apart_from(self.events)
            || selection.offences.is_apart_from(self.offences)
            || selection.victims.is_apart_from(self.victims);
        let is_within = selection.events.is_within(self.events)
            && selection.offences.is_within(self.offences)
            && selection.victims.is_within(self.victims);
        match (is_apart, is_within) {
            (true, _) => Lies::Apart,
            (false, true) => Lies::Within,
            (false, false) => Lies::Across,
        }
    }

    fn is_of(&self, nationality: Option<Country>, prior: PriorReport) -> bool {
        let asked =
            self.nationals.is_empty() || nationality.is_some_and(|it| self.nationals.contains(&it));
        asked && self.prior.is_none_or(|asked| asked == prior)
    }
}

impl Answer {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sum = self.told().saturating_add(other.told());
        match (self, other) {
            (Self::Counted(_), Self::Counted(_)) => Self::Counted(sum),
            _ => Self::Suppressed { at_least: sum },
        }
    }

    /// What is told: all of it, or some.
    #[must_use]
    pub const fn told(self) -> u64 {
        match self {
            Self::Counted(outcomes) => outcomes,
            Self::Suppressed { at_least } => at_least,
        }
    }
}
