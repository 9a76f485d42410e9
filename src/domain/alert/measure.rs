//! Risk, warnings, registration and orders. An order is not enforceable abroad unless recognised there.

use super::{
    kinds::LastSeen,
    value::{Day, Line, PartialDate, Text},
};
use crate::domain::{country::Country, routing::coded};

/// How dangerous a person is held to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The level.
    pub level: RiskLevel,
    /// Tool or method.
    pub tool: Option<Line>,
    /// Authority or function.
    pub assessor: Option<Line>,
    /// When.
    pub assessed_on: Option<Day>,
}

coded! {
    /// Level of risk.
    RiskLevel {
        /// Low.
        Low = 1 "low",
        /// Medium.
        Medium = 2 "medium",
        /// High.
        High = 3 "high",
        /// Very high.
        VeryHigh = 4 "very_high",
    }
}

/// What an officer must know before going near a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub kind: WarningKind,
    /// More; always there for danger to children.
    pub detail: Option<Line>,
}

coded! {
    /// Kinds of warning (after Regulation (EU) 2018/1862 art. 20).
    WarningKind {
        /// Carries arms.
        Armed = 1 "armed",
        /// Violent.
        Violent = 2 "violent",
        /// Has absconded or escaped.
        Absconded = 3 "absconded",
        /// May kill himself or herself.
        SuicideRisk = 4 "suicide_risk",
        /// Carries a disease that endangers others.
        PublicHealthThreat = 5 "public_health_threat",
        /// Involved in terrorism.
        Terrorism = 6 "terrorism",
        /// A danger to children.
        DangerToChildren = 7 "danger_to_children",
    }
}

/// Duty to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Which register.
    pub register: Line,
    /// Its country.
    pub country: Country,
    /// First day.
    pub since: Option<PartialDate>,
    /// Last day; `None`: without end.
    pub until: Option<Day>,
    /// What the person must do.
    pub conditions: Vec<Line>,
    /// Since when the person has not complied.
    pub absconder_since: Option<PartialDate>,
    /// Where last seen.
    pub last_seen: Option<LastSeen>,
}

/// A court or police order; at least one clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Who made it.
    pub authority: Line,
    /// Its reference.
    pub reference: Line,
    /// Where.
    pub country: Country,
    /// First day.
    pub starts_on: Day,
    /// Last day, not before the first; `None`: without end.
    pub ends_on: Option<Day>,
    /// What it forbids or demands.
    pub clauses: Vec<Clause>,
    /// Where else it is enforceable.
    pub recognised_in: Vec<Country>,
    /// What is asked abroad.
    pub asked_abroad: Option<Text>,
}

/// One clause of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// Of meeting people.
    Contact {
        /// Years; `None`: any age.
        age_below: Option<u8>,
        /// Whether supervised contact is allowed.
        supervision: Supervision,
        /// To stay away from.
        places: Vec<Line>,
    },
    /// Of devices and the internet; at least one field.
    Internet {
        /// Limited, and how.
        devices: Vec<Line>,
        /// Limited, and how.
        platforms: Vec<Line>,
        /// What must be notified.
        notification: Option<Line>,
    },
    /// Of leaving the country.
    ForeignTravel(TravelBan),
    /// Of living somewhere.
    Residence(Line),
    /// Of reporting to somebody.
    Reporting {
        /// To whom.
        to: Line,
        /// Every so many days, 1 to 366.
        every_days: u16,
    },
    /// Of telling somebody before leaving the country.
    TravelNotification {
        /// Whom.
        to: Line,
        /// So many days before the departure, or earlier: 1 to 366.
        days_before: u16,
    },
    /// Anything else.
    Other(Text),
}

coded! {
    /// Whether contact under supervision is allowed.
    Supervision {
        /// Only under supervision.
        OnlySupervised = 1 "only_supervised",
        /// Not even then.
        NoneAllowed = 2 "none_allowed",
    }
}

/// Which countries are forbidden (Sexual Offences Act 2003 s. 103D).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TravelBan {
    /// These; at least one.
    Named(Vec<Country>),
    /// All but these; at least one.
    AllBut(Vec<Country>),
    /// All.
    All,
}

coded! {
    /// How a travel ban names its countries.
    TravelScope {
        /// Those named.
        Named = 1 "named",
        /// All but those named.
        AllButNamed = 2 "all_but_named",
        /// All.
        All = 3 "all",
    }
}
