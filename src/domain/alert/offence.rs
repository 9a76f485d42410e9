//! Convictions, charges, and in an outcome suspicions. Of a victim nothing is said but an age band.

use super::value::{Line, PartialDate};
use crate::domain::{country::Country, routing::coded};

/// A conviction, a charge or a suspicion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// In words.
    pub description: Line,
    /// Code and the list that it is of.
    pub code: Option<(Line, Line)>,
    /// When it was committed.
    pub committed_on: Option<PartialDate>,
    /// Town or region.
    pub place: Option<Line>,
    /// Country.
    pub country: Option<Country>,
    /// How old the victim was.
    pub victim_age: Option<VictimAge>,
    /// What it is counted as.
    pub class: Option<OffenceClass>,
    /// How it stands.
    pub standing: Standing,
}

coded! {
    /// How old a victim was.
    VictimAge {
        /// Under 6.
        Under6 = 1 "under_6",
        /// 6 to 12.
        From6To12 = 2 "6_to_12",
        /// 13 to 15.
        From13To15 = 3 "13_to_15",
        /// 16 or 17.
        From16To17 = 4 "16_to_17",
        /// 18 or more.
        Adult = 5 "adult",
        /// Not known.
        NotKnown = 6 "not_known",
    }
}

coded! {
    /// What an offence is counted as: the federation's own short list, gravest first.
    OffenceClass {
        /// Rape.
        Rape = 1 "rape",
        /// Another sexual act with somebody who does not or cannot consent.
        SexualAbuse = 2 "sexual_abuse",
        /// Gain from the sexual acts of others, trafficking for it included.
        SexualExploitation = 3 "sexual_exploitation",
        /// Soliciting a child.
        Grooming = 4 "grooming",
        /// Images and recordings of abuse.
        AbuseMaterial = 5 "abuse_material",
        /// Another sexual offence.
        OtherSexual = 6 "other_sexual",
        /// Breach of an order or of the duty to be registered.
        Breach = 7 "breach",
        /// Anything else.
        Other = 8 "other",
        /// Of a count: nobody said.
        NotStated = 9 "not_stated",
    }
}

/// How an offence stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Convicted.
    Convicted {
        /// Court.
        court: Line,
        /// When.
        decided_on: PartialDate,
        /// Sentence.
        sentence: Option<Line>,
    },
    /// Charged.
    Charged {
        /// Who charged.
        authority: Line,
        /// When.
        charged_on: PartialDate,
    },
    /// Suspected, as an arrest may be before any charge: in outcomes alone.
    Suspected,
}
