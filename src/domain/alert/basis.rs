//! What is asked, on what law and decision, and how long each kind may stand.

use super::value::{Day, Line};
use crate::domain::{
    routing::{Kind, coded},
    time::Timestamp,
};

/// What a recipient is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The action.
    pub action: AskedAction,
    /// Always there for an arrest.
    pub warrant_reference: Option<Line>,
    /// More.
    pub detail: Option<Line>,
}

coded! {
    /// What is asked, in the order in which it is proposed when two countries ask differently.
    AskedAction {
        /// On a warrant.
        ArrestForExtradition = 1 "arrest_for_extradition",
        /// At the border.
        RefuseEntry = 2 "refuse_entry",
        /// With search.
        SpecificCheck = 3 "specific_check",
        /// With questions.
        InquiryCheck = 4 "inquiry_check",
        /// The person must not notice.
        DiscreetCheck = 5 "discreet_check",
        /// Keep under surveillance.
        KeepUnderSurveillance = 6 "keep_under_surveillance",
        /// Find out where the person is, and say so.
        LocateAndReport = 7 "locate_and_report",
        /// Before anything else.
        ContactUsFirst = 8 "contact_us_first",
        /// Nothing.
        InformOnly = 9 "inform_only",
    }
}

/// What an alert asks, as a set: all that routing keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AskedSet(u16);

impl AskedSet {
    /// A set of these.
    #[must_use]
    pub fn new(actions: impl IntoIterator<Item = AskedAction>) -> Self {
        let bits = actions.into_iter();
        Self(bits.fold(0, |all, action| all | 1 << (action as u8)))
    }

    /// True when nothing is asked.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions, in the order in which they are proposed.
    pub fn actions(self) -> impl Iterator<Item = AskedAction> {
        let all = AskedAction::ALL.iter().copied();
        all.filter(move |action| self.0 & (1 << (*action as u8)) != 0)
    }

    /// As it is stored.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// As it was stored; bits that name nothing are dropped.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self::new(Self(bits).actions())
    }
}

/// On what an alert rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Who decided it.
    pub authority: Line,
    /// Law or treaty.
    pub law: Line,
    /// Reference of the decision.
    pub decision_reference: Line,
    /// Why.
    pub reason: Option<Line>,
    /// Last day on which it may be acted on.
    pub valid_until: Day,
    /// When its need is looked at again; not after `valid_until`.
    pub review_on: Option<Day>,
    /// A notice elsewhere on the same person.
    pub notice_reference: Option<Line>,
}

/// How long an alert of a kind may stand, in days from its issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Proposed.
    pub default_days: u16,
    /// At most.
    pub max_days: u16,
}

impl Validity {
    /// The validity of a kind. Policy of the federation, no law's: longer needs are issued anew.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        let (default_days, max_days) = match kind {
            Kind::TravelNotice => (90, 365),
            Kind::RestrictionOrder => (365, 1826),
            _ => (365, 1096),
        };
        Self {
            default_days,
            max_days,
        }
    }

    /// The last day on which an alert that was issued then may stand, extended or not.
    #[must_use]
    pub fn last_day(self, issued_at: Timestamp) -> Option<Day> {
        Day::of(issued_at).map(|issued| issued.plus_days(self.max_days))
    }
}
