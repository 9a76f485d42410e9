//! How sure intelligence is, and who may see or act on it: 4x4, TLP and PAP.
//!
//! Handling codes stand in the header, and everybody sets them. TLP and PAP are off unless the federation uses them
//! ([`Markings`]); together with handling codes they may only be stricter ([`laxest_tlp`]).

use super::{
    basis::AskedAction,
    value::{Expected, Line},
};
use crate::domain::routing::{Handling, HandlingSet, coded};

/// Europol's 4x4: how reliable the source is, and how sure the information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    /// The source.
    pub source: SourceReliability,
    /// What it said.
    pub information: InformationReliability,
}

coded! {
    /// 4x4, the source.
    SourceReliability {
        /// Reliable in all instances.
        A = 1 "A",
        /// Mostly reliable.
        B = 2 "B",
        /// Mostly unreliable.
        C = 3 "C",
        /// Cannot be assessed.
        X = 4 "X",
    }
}

coded! {
    /// 4x4, the information.
    InformationReliability {
        /// Accuracy is not in doubt.
        One = 1 "1",
        /// Known personally to the source.
        Two = 2 "2",
        /// Not known personally to the source, but corroborated.
        Three = 3 "3",
        /// Neither.
        Four = 4 "4",
    }
}

coded! {
    /// The Traffic Light Protocol, version 2.0 (FIRST), from laxest to strictest: who may see it.
    Tlp {
        /// The world.
        Clear = 1 "clear",
        /// The community.
        Green = 2 "green",
        /// The organisation and its clients who need to know.
        Amber = 3 "amber",
        /// The organisation alone.
        AmberStrict = 4 "amber_strict",
        /// The individual recipients.
        Red = 5 "red",
    }
}

coded! {
    /// The Permissible Actions Protocol, from laxest to strictest: what may be done with it.
    Pap {
        /// Anything.
        Clear = 1 "clear",
        /// Active measures that do not touch the person.
        Green = 2 "green",
        /// Passive checks alone, that nobody outside can see.
        Amber = 3 "amber",
        /// Nothing that the person could notice.
        Red = 4 "red",
    }
}

impl Pap {
    /// As it is written: `PAP:RED`.
    #[must_use]
    pub fn label(self) -> String {
        format!("PAP:{}", self.name().to_uppercase())
    }
}

impl Tlp {
    /// As it is written: `TLP:AMBER+STRICT`.
    #[must_use]
    pub fn label(self) -> String {
        format!("TLP:{}", self.name().to_uppercase().replace('_', "+"))
    }

    /// Reads a label such as `TLP:AMBER+STRICT` or `amber_strict`, in any letters.
    ///
    /// # Errors
    /// Says which label to use instead of one that version 2.0 does not have.
    pub fn of_label(text: &str) -> Result<Self, Expected> {
        let upper = text.trim().to_uppercase().replace(['+', '-', ' '], "_");
        let bare = upper.strip_prefix("TLP").unwrap_or(&upper);
        let bare = bare.trim_start_matches([':', '_']);
        if let Some(tlp) = Self::from_name(&bare.to_lowercase()) {
            return Ok(tlp);
        }
        Err(Expected(
            match bare {
                "WHITE" => "TLP:CLEAR: TLP 2.0 has no WHITE any more",
                "AMBERSTRICT" | "STRICT" => "TLP:AMBER+STRICT",
                "YELLOW" | "ORANGE" => "TLP:AMBER or TLP:AMBER+STRICT: TLP has no such colour",
                "EX_RED" | "BLACK" => "TLP:RED: TLP has nothing stricter",
                _ => "one of TLP:RED, TLP:AMBER+STRICT, TLP:AMBER, TLP:GREEN, TLP:CLEAR (TLP 2.0)",
            }
            .to_owned(),
        ))
    }
}

/// Which of the optional markings the federation uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Markings {
    /// TLP.
    pub tlp: Use,
    /// PAP.
    pub pap: Use,
}

/// Whether a marking is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Use {
    /// A draft may carry it.
    On,
    /// A draft that carries it is refused.
    #[default]
    Off,
}

/// The laxest TLP that may stand beside a handling set: that of its strictest code.
///
/// | handling | laxest TLP | why |
/// | --- | --- | --- |
/// | H0 | CLEAR | nothing is restricted but the purpose |
/// | H1 | GREEN | what may not be shown in court is not for the public |
/// | H2 | AMBER | GREEN would let a whole community pass on what nobody may pass on without permission |
/// | H3 | AMBER | nobody knows what its words forbid: as H2 |
#[must_use]
pub fn laxest_tlp(handling: HandlingSet) -> Tlp {
    let of = |code| match code {
        Handling::H0 => Tlp::Clear,
        Handling::H1 => Tlp::Green,
        Handling::H2 | Handling::H3 => Tlp::Amber,
    };
    handling.codes().map(of).max().unwrap_or(Tlp::Red)
}

/// A part of a payload that is marked stricter than the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParagraphMark {
    /// Path of what is marked.
    pub path: Line,
    /// All codes that hold for it; `None`: those of the whole.
    pub handling: Option<HandlingSet>,
    /// Who may see it; `None`: as the whole.
    pub tlp: Option<Tlp>,
}

impl ParagraphMark {
    /// Whether it is stricter than the whole in something, and laxer in nothing. H3 has its words in the header alone:
    /// a part cannot have what the whole has not.
    #[must_use]
    pub fn is_stricter(&self, handling: HandlingSet, tlp: Option<Tlp>) -> bool {
        let own = self.handling.unwrap_or(handling);
        let own_tlp = self.tlp.or(tlp);
        let words = !own.contains(Handling::H3) || handling.contains(Handling::H3);
        let nowhere_laxer = own.includes(handling) && own_tlp >= tlp;
        let somewhere_stricter = own != handling || own_tlp > tlp;
        let fits = own_tlp.is_none_or(|tlp| tlp >= laxest_tlp(own));
        words && nowhere_laxer && somewhere_stricter && fits
    }
}

/// Whether the person must not learn of it: PAP RED, or a discreet check asked.
#[must_use]
pub fn do_not_alert(pap: Option<Pap>, asked: impl IntoIterator<Item = AskedAction>) -> bool {
    pap == Some(Pap::Red)
        || asked
            .into_iter()
            .any(|action| action == AskedAction::DiscreetCheck)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tlp_is_laxer_than_the_handling_set_cell_by_cell() {
        use Handling::{H0, H1, H2, H3};
        use Tlp::{Amber, AmberStrict, Clear, Green, Red};
        let sets: [(&[Handling], [bool; 5]); 9] = [
            (&[H0], [true, true, true, true, true]),
            (&[H1], [false, true, true, true, true]),
            (&[H2], [false, false, true, true, true]),
            (&[H3], [false, false, true, true, true]),
            (&[H1, H2], [false, false, true, true, true]),
            (&[H1, H3], [false, false, true, true, true]),
            (&[H2, H3], [false, false, true, true, true]),
            (&[H1, H2, H3], [false, false, true, true, true]),
            (&[H3, H1], [false, false, true, true, true]),
        ];
        for (codes, allowed) in sets {
            let set = HandlingSet::new(codes.iter().copied()).unwrap();
            for (tlp, allowed) in [Clear, Green, Amber, AmberStrict, Red]
                .into_iter()
                .zip(allowed)
            {
                assert_eq!(tlp >= laxest_tlp(set), allowed, "{codes:?} {tlp}");
            }
        }
    }

    #[test]
    fn labels_of_tlp_2_0_are_read_and_others_refused_with_a_hint() {
        for (label, tlp) in [
            ("TLP:RED", Tlp::Red),
            ("TLP:AMBER+STRICT", Tlp::AmberStrict),
            ("TLP_AMBER_STRICT", Tlp::AmberStrict),
            ("tlp:amber", Tlp::Amber),
            ("GREEN", Tlp::Green),
            ("TLP:CLEAR", Tlp::Clear),
        ] {
            assert_eq!(Tlp::of_label(label), Ok(tlp), "{label}");
        }
        for (label, hint) in [
            ("TLP:WHITE", "TLP:CLEAR: TLP 2.0 has no WHITE any more"),
            ("TLP_ORANGE", "TLP:AMBER or TLP:AMBER+STRICT"),
            ("TLP:BLACK", "TLP:RED"),
            ("TLP:AMBERSTRICT", "TLP:AMBER+STRICT"),
            ("", "one of TLP:RED, TLP:AMBER+STRICT"),
            ("H1", "one of TLP:RED, TLP:AMBER+STRICT"),
        ] {
            let Err(Expected(told)) = Tlp::of_label(label) else {
                panic!("{label} was read");
            };
            assert!(told.starts_with(hint), "{label}: {told}");
        }
    }

    #[test]
    fn a_part_is_marked_stricter_than_the_whole_and_never_laxer() {
        use Handling::{H0, H1, H2, H3};
        let set = |codes: &[Handling]| HandlingSet::new(codes.iter().copied()).unwrap();
        let (amber, red, green) = (Some(Tlp::Amber), Some(Tlp::Red), Some(Tlp::Green));
        type Marked<'a> = (&'a [Handling], Option<Tlp>);
        let table: [(Marked<'_>, Marked<'_>, bool); 10] = [
            ((&[H1], None), (&[H1, H2], None), true),
            ((&[H1], None), (&[H1], None), false),
            ((&[H1, H2], None), (&[H1], None), false),
            ((&[H0], None), (&[H2], None), true),
            ((&[H1], None), (&[H0], None), false),
            ((&[H1], None), (&[H1, H3], None), false),
            ((&[H1], green), (&[H1], red), true),
            ((&[H1], amber), (&[H1], green), false),
            ((&[H1], amber), (&[H1, H2], green), false),
            ((&[H1], green), (&[H1, H2], green), false),
        ];
        for ((whole, whole_tlp), (part, part_tlp), allowed) in table {
            let mark = ParagraphMark {
                path: "remarks".parse().unwrap(),
                handling: Some(set(part)),
                tlp: part_tlp,
            };
            let stricter = mark.is_stricter(set(whole), whole_tlp);
            assert_eq!(
                stricter, allowed,
                "{whole:?} {whole_tlp:?}: {part:?} {part_tlp:?}"
            );
        }
    }

    #[test]
    fn pap_red_or_a_discreet_check_is_not_for_the_persons_ears() {
        for pap in Pap::ALL.iter().copied().map(Some).chain([None]) {
            for action in AskedAction::ALL.iter().copied() {
                let silent = pap == Some(Pap::Red) || action == AskedAction::DiscreetCheck;
                assert_eq!(do_not_alert(pap, [action]), silent, "{pap:?} {action}");
            }
            assert_eq!(do_not_alert(pap, []), pap == Some(Pap::Red));
        }
    }
}
