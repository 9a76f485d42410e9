//! Permission for what handling codes and TLP forbid a holder: asked, granted by the originator, and used.
//!
//! The way in is [`Onward`], which says what a statement demands of who passes it on, and [`Grant::permits`]. Names and days
//! alone; conditions in words stay in the sealed statement. Must never call permitted what no grant names.

use std::sync::Arc;

use super::{
    alert::{marking::Tlp, value::Day},
    id::{AuthorityId, StatementRef},
    reason::Reason,
    routing::{Handling, HandlingSet, Kind, coded},
    time::Timestamp,
};

coded! {
    /// What nobody does without the originator's permission.
    PermissionAct {
        /// Disclose it in proceedings before a court (H1).
        Disclose = 1 "disclose",
        /// Pass it on to other authorities (H2).
        PassOn = 2 "pass_on",
    }
}

/// What a statement says of permission in its thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Permission {
    /// It asks the originator.
    Asks(Wish),
    /// The originator grants it to whom this statement is addressed.
    Grants(Grant),
    /// A reply that refuses all that was asked.
    Refuses,
    /// It passes the thread on.
    Passes(Vec<Passed>),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wish {
    /// What would be done.
    pub act: PermissionAct,
    /// To whom it would be passed on, each once; of another act nobody.
    pub to: Vec<AuthorityId>,
}

/// What is granted, for a thread as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    /// What may be done.
    pub act: PermissionAct,
    /// To whom it may be passed on, each once; of another act nobody.
    pub to: Vec<AuthorityId>,
    /// The last day (UTC).
    pub until: Day,
}

/// To whom a thread is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Passed {
    /// The newcomer.
    pub to: AuthorityId,
    /// The originator's statement that grants it; `None`: nothing asks one.
    pub under: Option<StatementRef>,
    /// When its receipt was stored by who passes on, in a second word to the originator.
    pub received_at: Option<Timestamp>,
}

/// What a statement's markings demand of a holder who passes it on, from laxest to strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Onward {
    /// Nothing.
    #[default]
    Free = 0,
    /// The originator's permission.
    Permitted = 1,
    /// Its originator alone gives it to others.
    Never = 2,
}

impl Onward {
    /// What a statement of this kind and these markings demands. What takes another back says nothing of the person, and goes
    /// wherever that went.
    #[must_use]
    pub fn of(kind: Kind, handling: HandlingSet, marked: Self) -> Self {
        match kind.overtakes() {
            true => Self::Free,
            false => Self::of_handling(handling).max(marked),
        }
    }

    /// What handling codes demand: of H2 Europol says "no dissemination without permission".
    #[must_use]
    pub fn of_handling(handling: HandlingSet) -> Self {
        match handling.contains(Handling::H2) {
            true => Self::Permitted,
            false => Self::Free,
        }
    }

    /// What TLP 2.0 demands: AMBER+STRICT is for the recipient alone, and so is RED; AMBER is for its clients.
    #[must_use]
    pub const fn of_tlp(tlp: Tlp) -> Self {
        match tlp {
            Tlp::Clear | Tlp::Green => Self::Free,
            Tlp::Amber => Self::Permitted,
            Tlp::AmberStrict | Tlp::Red => Self::Never,
        }
    }

    /// The stored value.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Free),
            1 => Some(Self::Permitted),
            2 => Some(Self::Never),
            _ => None,
        }
    }
}

impl Grant {
    /// Whether the thread may be passed on to this authority on this day.
    ///
    /// # Errors
    /// `NOT_PERMITTED` when the grant is for something or somebody else, `PERMISSION_OVER` when its last day has passed.
    pub fn permits(&self, to: &AuthorityId, today: Day) -> Result<(), Reason> {
        if self.act != PermissionAct::PassOn || !self.to.contains(to) {
            return Err(Reason::NotPermitted);
        }
        match today > self.until {
            true => Err(Reason::PermissionOver),
            false => Ok(()),
        }
    }
}

impl Permission {
    /// What is granted, if something is.
    #[must_use]
    pub const fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Grants(grant) => Some(grant),
            _ => None,
        }
    }

    /// To whom the thread is passed on; nobody: that is not what it does.
    #[must_use]
    pub fn passed(&self) -> &[Passed] {
        match self {
            Self::Passes(passed) => passed,
            _ => &[],
        }
    }
}

/// What a statement says of permission, in few bytes where it says nothing.
pub type Said = Option<Arc<Permission>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> AuthorityId {
        format!("{name}-POL").parse().unwrap()
    }

    #[test]
    fn the_strictest_marking_says_what_is_demanded() {
        let of = |codes: &[Handling]| {
            Onward::of_handling(HandlingSet::new(codes.iter().copied()).unwrap())
        };
        assert_eq!(of(&[Handling::H0]), Onward::Free);
        assert_eq!(of(&[Handling::H1, Handling::H3]), Onward::Free);
        assert_eq!(of(&[Handling::H1, Handling::H2]), Onward::Permitted);
        let by_tlp = Tlp::ALL.iter().map(|tlp| Onward::of_tlp(*tlp));
        let expected = [
            Onward::Free,
            Onward::Free,
            Onward::Permitted,
            Onward::Never,
            Onward::Never,
        ];
        assert_eq!(by_tlp.collect::<Vec<_>>(), expected);
        for onward in [Onward::Free, Onward::Permitted, Onward::Never] {
            assert_eq!(Onward::from_number(onward as u8), Some(onward));
        }
        assert_eq!(Onward::from_number(3), None);
        let strict = HandlingSet::new([Handling::H2]).unwrap();
        for (kind, expected) in [
            (Kind::Update, Onward::Never),
            (Kind::Recall, Onward::Free),
            (Kind::Closure, Onward::Free),
        ] {
            assert_eq!(Onward::of(kind, strict, Onward::Never), expected, "{kind}");
        }
    }

    #[test]
    fn a_grant_is_for_one_act_for_those_it_names_and_to_the_end_of_its_day() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let grant = Grant {
            act: PermissionAct::PassOn,
            to: vec![id("XD")],
            until: day("2026-12-31"),
        };
        let table = [
            (id("XD"), "2026-12-31", Ok(())),
            (id("XD"), "2027-01-01", Err(Reason::PermissionOver)),
            (id("XC"), "2026-12-31", Err(Reason::NotPermitted)),
        ];
        for (to, today, expected) in table {
            assert_eq!(grant.permits(&to, day(today)), expected, "{to} {today}");
        }
        let of_court = Grant {
            act: PermissionAct::Disclose,
            ..grant
        };
        let refused = of_court.permits(&id("XD"), day("2026-12-01"));
        assert_eq!(refused, Err(Reason::NotPermitted));
    }
}
