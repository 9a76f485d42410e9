//! The three lives (`alert.md`): the alert's, the delivery's per recipient, the handling's per recipient.
//!
//! Each is a small state machine. A transition that is not allowed answers `None`, and changes nothing.

use super::{
    reason::{Class, Reason},
    receipt::Verdict,
    routing::{AnswerCode, Effect},
};

/// Where an alert, or any first statement of a thread, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AlertLife {
    /// Others act on it.
    Live = 2,
    /// Stood down: its purpose is reached or gone.
    Closed = 3,
    /// Taken back: it was wrong.
    Recalled = 4,
    /// Past its last day, and not extended.
    Expired = 5,
    /// Here, and waits for its turn or for the statement that it refers to.
    Waiting = 6,
}

impl AlertLife {
    /// The life after an effect of its own origin, if that is allowed.
    ///
    /// What is recalled while it waits is never applied; what is recalled stays so. What is expired still takes what
    /// is said of it, and may be closed or recalled.
    #[must_use]
    pub fn after(self, effect: Effect) -> Option<Self> {
        match (self, effect) {
            (Self::Waiting, Effect::Starts) => Some(Self::Live),
            (Self::Live | Self::Closed | Self::Waiting | Self::Expired, Effect::Recalls) => {
                Some(Self::Recalled)
            }
            (Self::Live | Self::Expired, Effect::Closes) => Some(Self::Closed),
            (
                Self::Live | Self::Expired,
                Effect::Updates
                | Effect::Corrects
                | Effect::Instructs
                | Effect::Informs
                | Effect::Extends
                | Effect::PassesOn
                | Effect::Answers(_),
            ) => Some(self),
            _ => None,
        }
    }

    /// The life after its last day has passed: only what lives expires.
    #[must_use]
    pub const fn expired(self) -> Option<Self> {
        match self {
            Self::Live => Some(Self::Expired),
            _ => None,
        }
    }

    /// The life after its originator gave it a later last day: what is expired lives again, what is closed or recalled
    /// does not.
    #[must_use]
    pub const fn extended(self) -> Option<Self> {
        match self {
            Self::Live | Self::Expired => Some(Self::Live),
            _ => None,
        }
    }

    /// The stored value.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            2 => Some(Self::Live),
            3 => Some(Self::Closed),
            4 => Some(Self::Recalled),
            5 => Some(Self::Expired),
            6 => Some(Self::Waiting),
            _ => None,
        }
    }
}

/// Where a draft stands that is kept at the desk, before it is anybody's alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DraftLife {
    /// Waits for a second person.
    Awaiting = 1,
    /// Went back to its creator.
    Returned = 2,
    /// Signed and accepted: from here on it is an alert.
    Released = 3,
    /// Ended unsent.
    Discarded = 4,
}

/// What happens to a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftStep {
    /// Its creator hands it in again.
    Kept,
    /// A second person gives it back.
    Returned,
    /// A second person releases it.
    Released,
    /// It is ended unsent.
    Discarded,
}

impl DraftLife {
    /// The life after a step, if that is allowed.
    #[must_use]
    pub const fn after(self, step: DraftStep) -> Option<Self> {
        match (self, step) {
            (Self::Returned, DraftStep::Kept) => Some(Self::Awaiting),
            (Self::Awaiting, DraftStep::Returned) => Some(Self::Returned),
            (Self::Awaiting, DraftStep::Released) => Some(Self::Released),
            (Self::Awaiting | Self::Returned, DraftStep::Discarded) => Some(Self::Discarded),
            _ => None,
        }
    }

    /// True when the draft is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Released | Self::Discarded)
    }

    /// The stored value.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Awaiting),
            2 => Some(Self::Returned),
            3 => Some(Self::Released),
            4 => Some(Self::Discarded),
            _ => None,
        }
    }
}

/// The sender's record for one statement and one recipient. `sent` is in memory only: it is no promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryLife {
    /// Durable here, and on its way.
    Queued,
    /// The recipient's signed receipt is durable here.
    Delivered,
    /// The recipient refused for good: dead letter.
    Refused(Reason),
    /// Carriage ended first: dead letter.
    Expired,
    /// Stopped until a person acts.
    Held(Reason),
    /// Carried by people, as its recipient runs no node. Never called delivered: no node has receipted it.
    ByHand(Hand),
    /// Somebody who holds it says that it was passed on there. Never called delivered: the receipt is theirs.
    PassedOn,
}

/// How far what is carried by hand has come, as far as it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Hand {
    /// Nothing was written to be carried yet.
    Waiting = 0,
    /// A bundle was written.
    Bundled = 1,
    /// Somebody has carried it.
    Carried = 2,
    /// Somebody of the recipient has acknowledged it.
    Acknowledged = 3,
}

impl Hand {
    /// The stored value.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Waiting),
            1 => Some(Self::Bundled),
            2 => Some(Self::Carried),
            3 => Some(Self::Acknowledged),
            _ => None,
        }
    }

    /// As people are told it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "to be carried",
            Self::Bundled => "bundle written",
            Self::Carried => "carried",
            Self::Acknowledged => "acknowledged",
        }
    }

    /// Only what was written is carried, and nothing is taken back. A later acknowledgement replaces an earlier one; a
    /// report that it was carried does not.
    const fn after(self, step: Self) -> Option<Self> {
        match (self, step) {
            (Self::Waiting, Self::Bundled)
            | (Self::Bundled | Self::Carried, Self::Carried)
            | (Self::Bundled | Self::Carried | Self::Acknowledged, Self::Acknowledged) => {
                Some(step)
            }
            _ => None,
        }
    }
}

/// What happens to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStep {
    /// A receipt that fits was stored.
    Receipted(Verdict),
    /// It ended here, without a receipt.
    Ended(Reason),
    /// It waits for a person.
    Held(Reason),
    /// A person let it go on.
    Resumed,
    /// It goes by hand, or has come so far on that way.
    Hand(Hand),
}

impl DeliveryLife {
    /// The life after a step, if that is allowed. Nothing changes what is settled, but a receipt that comes after
    /// the end of carriage.
    #[must_use]
    pub fn after(self, step: DeliveryStep) -> Option<Self> {
        match (self, step) {
            (Self::Queued | Self::Held(_), DeliveryStep::Hand(Hand::Waiting)) => {
                return Some(Self::ByHand(Hand::Waiting));
            }
            (Self::ByHand(hand), DeliveryStep::Hand(step)) => {
                return hand.after(step).map(Self::ByHand);
            }
            (_, DeliveryStep::Hand(_)) => return None,
            _ => {}
        }
        // Whoever holds it holds it, and may say so late.
        if (self, step) == (Self::Expired, DeliveryStep::Receipted(Verdict::Held)) {
            return Some(Self::Delivered);
        }
        if self.is_settled() {
            return None;
        }
        match step {
            DeliveryStep::Receipted(Verdict::Held) => Some(Self::Delivered),
            DeliveryStep::Receipted(Verdict::Refused(reason)) => match reason.class() {
                Class::Final => Some(Self::Refused(reason)),
                Class::Hold => Some(Self::Held(reason)),
                // It is tried again by itself: no state of its own.
                Class::Retry => None,
            },
            DeliveryStep::Ended(Reason::CarriageEnded) => Some(Self::Expired),
            DeliveryStep::Ended(reason) => Some(Self::Refused(reason)),
            DeliveryStep::Held(reason) => Some(Self::Held(reason)),
            DeliveryStep::Resumed => matches!(self, Self::Held(_)).then_some(Self::Queued),
            DeliveryStep::Hand(_) => None,
        }
    }

    /// True when nodes have nothing more to do with it: it is over, or people carry it.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Held(_))
    }
}

/// What the recipient's people did, as far as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HandlingLife {
    /// The latest answer; `None`: unopened.
    pub latest: Option<AnswerCode>,
    /// The gravest answer so far: a later one never erases it.
    pub gravest: Option<AnswerCode>,
}

impl HandlingLife {
    /// The life after one more answer. `opened` never replaces another latest answer.
    #[must_use]
    pub fn after(self, answer: AnswerCode) -> Self {
        let latest = match (self.latest, answer) {
            (Some(previous), AnswerCode::Opened) => previous,
            _ => answer,
        };
        Self {
            latest: Some(latest),
            gravest: self.gravest.max(Some(answer)),
        }
    }

    /// True when an answer that stops the answer clock was given.
    #[must_use]
    pub fn is_answered(self) -> bool {
        self.gravest
            .is_some_and(|answer| answer > AnswerCode::Assigned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALERT_LIVES: [AlertLife; 5] = [
        AlertLife::Live,
        AlertLife::Closed,
        AlertLife::Recalled,
        AlertLife::Expired,
        AlertLife::Waiting,
    ];

    fn effects() -> Vec<Effect> {
        let mut effects = vec![
            Effect::Starts,
            Effect::Informs,
            Effect::Instructs,
            Effect::Updates,
            Effect::Corrects,
            Effect::Recalls,
            Effect::Closes,
            Effect::Extends,
            Effect::PassesOn,
        ];
        effects.extend(AnswerCode::ALL.iter().map(|code| Effect::Answers(*code)));
        effects
    }

    #[test]
    fn every_transition_of_an_alert() {
        for life in ALERT_LIVES {
            assert_eq!(AlertLife::from_number(life as u8), Some(life));
            for effect in effects() {
                let expected = match (life, effect) {
                    (AlertLife::Recalled, _) => None,
                    (_, Effect::Recalls) => Some(AlertLife::Recalled),
                    (AlertLife::Closed, _) => None,
                    (AlertLife::Waiting, Effect::Starts) => Some(AlertLife::Live),
                    (AlertLife::Waiting, _) | (AlertLife::Live, Effect::Starts) => None,
                    (AlertLife::Expired, Effect::Starts) => None,
                    (AlertLife::Live | AlertLife::Expired, Effect::Closes) => {
                        Some(AlertLife::Closed)
                    }
                    (AlertLife::Live | AlertLife::Expired, _) => Some(life),
                };
                assert_eq!(life.after(effect), expected, "{life:?} {effect:?}");
            }
        }
        assert_eq!(AlertLife::from_number(1), None);
    }

    #[test]
    fn only_what_lives_expires_and_an_extension_brings_it_back() {
        for life in ALERT_LIVES {
            let live = life == AlertLife::Live;
            assert_eq!(
                life.expired(),
                live.then_some(AlertLife::Expired),
                "{life:?}"
            );
            let extends = live || life == AlertLife::Expired;
            assert_eq!(
                life.extended(),
                extends.then_some(AlertLife::Live),
                "{life:?}"
            );
        }
    }

    #[test]
    fn what_is_settled_stays_so_but_a_late_receipt_counts() {
        let settled = [
            DeliveryLife::Delivered,
            DeliveryLife::Refused(Reason::NotAddressed),
            DeliveryLife::Expired,
            DeliveryLife::ByHand(Hand::Waiting),
            DeliveryLife::ByHand(Hand::Acknowledged),
        ];
        for life in settled {
            assert!(life.is_settled());
            for step in steps() {
                let late = (life, step)
                    == (
                        DeliveryLife::Expired,
                        DeliveryStep::Receipted(Verdict::Held),
                    );
                let expected = late.then_some(DeliveryLife::Delivered);
                assert_eq!(life.after(step), expected, "{life:?} {step:?}");
            }
        }
    }

    #[test]
    fn what_is_open_follows_its_receipt() {
        for life in [
            DeliveryLife::Queued,
            DeliveryLife::Held(Reason::PeerSuspended),
        ] {
            assert!(!life.is_settled());
            let held = DeliveryStep::Receipted(Verdict::Held);
            assert_eq!(life.after(held), Some(DeliveryLife::Delivered));
            for &reason in Reason::ALL {
                let refused = DeliveryStep::Receipted(Verdict::Refused(reason));
                let expected = match reason.class() {
                    Class::Final => Some(DeliveryLife::Refused(reason)),
                    Class::Hold => Some(DeliveryLife::Held(reason)),
                    Class::Retry => None,
                };
                assert_eq!(life.after(refused), expected, "{reason}");
            }
        }
    }

    /// Every transition on the way by hand: what was written is carried, what was carried is acknowledged.
    #[test]
    fn what_goes_by_hand_is_written_carried_and_acknowledged_and_never_delivered() {
        use Hand::{Acknowledged, Bundled, Carried, Waiting};
        let steps = [Waiting, Bundled, Carried, Acknowledged];
        let table = [
            (Waiting, [None, Some(Bundled), None, None]),
            (Bundled, [None, None, Some(Carried), Some(Acknowledged)]),
            (Carried, [None, None, Some(Carried), Some(Acknowledged)]),
            (Acknowledged, [None, None, None, Some(Acknowledged)]),
        ];
        for (hand, row) in table {
            assert_eq!(Hand::from_number(hand as u8), Some(hand));
            for (step, expected) in steps.into_iter().zip(row) {
                let after = DeliveryLife::ByHand(hand).after(DeliveryStep::Hand(step));
                assert_eq!(
                    after,
                    expected.map(DeliveryLife::ByHand),
                    "{hand:?} {step:?}"
                );
            }
        }
        assert_eq!(Hand::from_number(4), None);
        let begins = DeliveryStep::Hand(Waiting);
        for life in [
            DeliveryLife::Queued,
            DeliveryLife::Held(Reason::PeerSuspended),
        ] {
            assert_eq!(life.after(begins), Some(DeliveryLife::ByHand(Waiting)));
            assert_eq!(life.after(DeliveryStep::Hand(Carried)), None);
        }
        assert_eq!(DeliveryLife::Delivered.after(begins), None);
    }

    #[test]
    fn only_what_is_held_is_resumed() {
        let held = DeliveryLife::Held(Reason::KeyRevoked);
        assert_eq!(
            held.after(DeliveryStep::Resumed),
            Some(DeliveryLife::Queued)
        );
        assert_eq!(DeliveryLife::Queued.after(DeliveryStep::Resumed), None);
    }

    #[test]
    fn an_end_without_receipt_is_named() {
        let cases = [
            (Reason::CarriageEnded, DeliveryLife::Expired),
            (
                Reason::PeerUnknown,
                DeliveryLife::Refused(Reason::PeerUnknown),
            ),
        ];
        for (reason, life) in cases {
            let ended = DeliveryLife::Queued.after(DeliveryStep::Ended(reason));
            assert_eq!(ended, Some(life));
        }
    }

    #[test]
    fn the_gravest_answer_is_never_erased() {
        for &first in AnswerCode::ALL {
            for &second in AnswerCode::ALL {
                let life = HandlingLife::default().after(first).after(second);
                assert_eq!(life.gravest, Some(first.max(second)));
                let latest = match second {
                    AnswerCode::Opened => first,
                    other => other,
                };
                assert_eq!(life.latest, Some(latest), "{first} then {second}");
                assert_eq!(life.is_answered(), first.max(second) > AnswerCode::Assigned);
            }
        }
    }

    fn steps() -> Vec<DeliveryStep> {
        let mut steps = vec![
            DeliveryStep::Receipted(Verdict::Held),
            DeliveryStep::Resumed,
        ];
        for &reason in Reason::ALL {
            steps.push(DeliveryStep::Receipted(Verdict::Refused(reason)));
            steps.push(DeliveryStep::Ended(reason));
            steps.push(DeliveryStep::Held(reason));
        }
        steps
    }

    /// Every transition of a draft, allowed and not.
    #[test]
    fn a_draft_is_released_returned_or_discarded_and_what_is_over_stays_so() {
        use DraftLife::{Awaiting, Discarded, Released, Returned};
        let table = [
            (
                Awaiting,
                [None, Some(Returned), Some(Released), Some(Discarded)],
            ),
            (Returned, [Some(Awaiting), None, None, Some(Discarded)]),
            (Released, [None; 4]),
            (Discarded, [None; 4]),
        ];
        let steps = [
            DraftStep::Kept,
            DraftStep::Returned,
            DraftStep::Released,
            DraftStep::Discarded,
        ];
        for (life, row) in table {
            for (step, expected) in steps.into_iter().zip(row) {
                assert_eq!(life.after(step), expected, "{life:?} {step:?}");
            }
            assert_eq!(life.is_over(), row == [None; 4]);
            assert_eq!(DraftLife::from_number(life as u8), Some(life));
        }
        assert_eq!(DraftLife::from_number(0), None);
    }
}
