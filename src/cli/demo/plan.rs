//! Who plays, and what they say: the files of `examples/`, addressed for this stage and dated from today.
//!
//! Invented countries under ISO's user-assigned codes, invented persons, every statement marked as exercise.

use std::time::Duration;

use crate::{
    cli::exit::{CliError, Exit},
    domain::time::Timestamp,
    proto::alert::v1::{Draft, payload::Kind},
};

/// One invented authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Player {
    /// Its id.
    pub(super) id: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// Its country's, for sentences.
    pub(super) short: &'static str,
    /// What it does in the story.
    pub(super) part: &'static str,
}

/// Who sends.
pub(super) const ARCADIA: Player = Player {
    id: "XA-POL",
    name: "Arcadia Police",
    short: "Arcadia",
    part: "misses an offender, and tells the others",
};
/// Who meets the person.
pub(super) const BENSALEM: Player = Player {
    id: "XB-POL",
    name: "Bensalem Police",
    short: "Bensalem",
    part: "meets the person at a ferry port",
};
/// Who finds no trace, and dies in mid-delivery.
pub(super) const COCKAIGNE: Player = Player {
    id: "XC-POL",
    name: "Cockaigne Police",
    short: "Cockaigne",
    part: "finds no trace; its node is killed in mid-delivery",
};
/// All three.
pub(super) const PLAYERS: [Player; 3] = [ARCADIA, BENSALEM, COCKAIGNE];
/// Their federation.
pub(super) const FEDERATION: &str = "demo";
/// Alerts sent around the kill, in groups; the node is killed right after one of them was accepted.
pub(super) const BURST: [usize; 8] = [5; 8];
/// Groups before the kill.
pub(super) const BURST_BEFORE_KILL: usize = 5;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The files of `examples/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Example {
    MissingOffender,
    TravelNotice,
    RestrictionOrder,
    Sighting,
    Instruction,
    Correction,
    Outcome,
    Recall,
    Closure,
}

impl Example {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 9] = [
        Self::MissingOffender,
        Self::TravelNotice,
        Self::RestrictionOrder,
        Self::Sighting,
        Self::Instruction,
        Self::Correction,
        Self::Outcome,
        Self::Recall,
        Self::Closure,
    ];

    fn json(self) -> &'static str {
        match self {
            Self::MissingOffender => include_str!("../../../examples/missing-offender.json"),
            Self::TravelNotice => include_str!("../../../examples/travel-notice.json"),
            Self::RestrictionOrder => include_str!("../../../examples/restriction-order.json"),
            Self::Sighting => include_str!("../../../examples/sighting.json"),
            Self::Instruction => include_str!("../../../examples/instruction.json"),
            Self::Correction => include_str!("../../../examples/correction.json"),
            Self::Outcome => include_str!("../../../examples/outcome.json"),
            Self::Recall => include_str!("../../../examples/recall.json"),
            Self::Closure => include_str!("../../../examples/closure.json"),
        }
    }

    /// The draft in the file, to these, as if written now.
    pub(super) fn draft(self, to: &[&str], now: Timestamp) -> Result<Draft, CliError> {
        let mut draft: Draft = serde_json::from_str(self.json()).map_err(|error| {
            CliError::new(Exit::Failed, format!("the example {self:?}: {error}"))
        })?;
        draft.to = to.iter().map(|it| (*it).to_owned()).collect();
        // What it answers is said by who sends it: the file's own is a placeholder.
        draft.in_reply_to.clear();
        if let Some(payload) = &mut draft.payload {
            if let Some(basis) = &mut payload.basis {
                basis.valid_until = day(now.plus(DAY * 60));
                basis.review_on = day(now.plus(DAY * 30));
            }
            match &mut payload.kind {
                Some(Kind::Sighting(sighting)) => sighting.seen_at = now.to_string(),
                Some(Kind::Outcome(outcome)) => outcome.happened_on = day(now),
                _ => {}
            }
        }
        Ok(draft)
    }

    /// The same, in answer to a statement (`ORIGIN/id`).
    pub(super) fn reply(
        self,
        to_statement: &str,
        to: &[&str],
        now: Timestamp,
    ) -> Result<Draft, CliError> {
        let mut draft = self.draft(to, now)?;
        to_statement.clone_into(&mut draft.in_reply_to);
        Ok(draft)
    }
}

/// `2026-11-24`
pub(super) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// A country's name for sentences, by its authority's id; anything else as it is.
pub(super) fn short(who: &str) -> &str {
    PLAYERS
        .iter()
        .find(|player| player.id == who)
        .map_or(who, |player| player.short)
}
