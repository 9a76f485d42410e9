//! The three lives (`alert.md`): the alert's, the delivery's per recipient, the handling's per recipient.
//!
//! Each is a small state machine. A transition that is not allowed answers `None`, and changes nothing.

use super::{
    reason::Reason,
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
    /// Here, and waits for the statement that it refers to.
    Waiting = 6,
}

impl AlertLife {
    /// The life after an effect of its own origin, if that is allowed.
    #[must_use]
    pub fn after(self, effect: Effect) -> Option<Self> {
        match (self, effect) {
            (Self::Waiting, Effect::Starts) => Some(Self::Live),
            (Self::Live | Self::Closed, Effect::Recalls) => Some(Self::Recalled),
            (Self::Live, Effect::Closes) => Some(Self::Closed),
            (
                Self::Live,
                Effect::Updates
                | Effect::Corrects
                | Effect::Instructs
                | Effect::Informs
                | Effect::Answers(_),
            ) => Some(Self::Live),
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
            6 => Some(Self::Waiting),
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
    /// Recalled before it left.
    Recalled,
}

impl DeliveryLife {
    /// True when nothing more will happen by itself.
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
