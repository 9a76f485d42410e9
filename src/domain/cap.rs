//! A statement as the Common Alerting Protocol 1.2 (OASIS, 2010) sees it: its lists, derived from ours.
//!
//! The way in is [`Cap::of`]. People are asked for one scale, the priority: urgency and severity follow from it, certainty
//! from what kind of thing is said. Pure, and of no person.

use super::{
    lives::AlertLife,
    routing::{Kind, Priority, Status},
};

/// The values of CAP's lists for one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// `status` (3.2.1).
    pub status: &'static str,
    /// What it is among CAP's messages.
    pub message: Message,
    /// `urgency` (3.2.2).
    pub urgency: &'static str,
    /// `severity` (3.2.2).
    pub severity: &'static str,
    /// `certainty` (3.2.2).
    pub certainty: &'static str,
}

/// `msgType` (3.2.1). A receipt is not made of these: ours is signed, and CAP's is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// It says something for the first time.
    Alert,
    /// It changes or adds to what another said.
    Update,
    /// It takes back what another said.
    Cancel,
}

impl Message {
    /// As CAP writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::Update => "Update",
            Self::Cancel => "Cancel",
        }
    }

    /// True when it must name what it is about (`references`).
    #[must_use]
    pub const fn refers(self) -> bool {
        !matches!(self, Self::Alert)
    }
}

/// Where a statement stands in its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It began the thread.
    First,
    /// It refers to what was said before.
    Later,
}

impl Cap {
    /// What CAP would say of it; `None`: CAP has no message for this kind, as for answers, questions and counts.
    #[must_use]
    pub const fn of(
        kind: Kind,
        place: Place,
        status: Status,
        priority: Priority,
        life: AlertLife,
    ) -> Option<Self> {
        let Some(message) = message(kind, place) else {
            return None;
        };
        let over = matches!(message, Message::Cancel)
            || matches!(
                life,
                AlertLife::Closed | AlertLife::Recalled | AlertLife::Expired
            );
        Some(Self {
            status: match status {
                Status::Actual => "Actual",
                Status::Exercise => "Exercise",
                Status::System => "System",
                Status::Test => "Test",
            },
            message,
            // "Responsive action is no longer required."
            urgency: if over { "Past" } else { urgency(priority) },
            severity: severity(priority),
            certainty: certainty(kind),
        })
    }
}

const fn message(kind: Kind, place: Place) -> Option<Message> {
    match kind {
        Kind::Recall | Kind::Closure => Some(Message::Cancel),
        Kind::Update | Kind::Correction => Some(Message::Update),
        Kind::Sighting | Kind::Outcome => match place {
            Place::First => Some(Message::Alert),
            Place::Later => Some(Message::Update),
        },
        kind if kind.is_alert() => Some(Message::Alert),
        _ => None,
    }
}

/// Immediate: at once; Expected: within the next hour; Future: in the near future.
const fn urgency(priority: Priority) -> &'static str {
    match priority {
        Priority::Flash => "Immediate",
        Priority::Urgent => "Expected",
        Priority::Priority | Priority::Routine => "Future",
    }
}

const fn severity(priority: Priority) -> &'static str {
    match priority {
        Priority::Flash => "Extreme",
        Priority::Urgent => "Severe",
        Priority::Priority => "Moderate",
        Priority::Routine => "Minor",
    }
}

/// What has happened is observed; a journey that is announced is likely. What is changed or taken back says of itself
/// nothing about that.
const fn certainty(kind: Kind) -> &'static str {
    match kind {
        Kind::TravelNotice => "Likely",
        Kind::Update | Kind::Correction | Kind::Recall | Kind::Closure => "Unknown",
        _ => "Observed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(kind: Kind, place: Place, priority: Priority, life: AlertLife) -> Option<Cap> {
        Cap::of(kind, place, Status::Exercise, priority, life)
    }

    #[test]
    fn one_scale_is_asked_of_people_and_caps_follow_from_it() {
        let of = |priority| {
            let life = AlertLife::Live;
            let it = cap(Kind::MissingOffender, Place::First, priority, life).unwrap();
            assert_eq!((it.status, it.message), ("Exercise", Message::Alert));
            (it.urgency, it.severity, it.certainty)
        };
        assert_eq!(of(Priority::Flash), ("Immediate", "Extreme", "Observed"));
        assert_eq!(of(Priority::Urgent), ("Expected", "Severe", "Observed"));
        assert_eq!(of(Priority::Priority), ("Future", "Moderate", "Observed"));
        assert_eq!(of(Priority::Routine), ("Future", "Minor", "Observed"));
    }

    #[test]
    fn what_is_over_is_past_and_what_takes_back_cancels() {
        for life in [AlertLife::Closed, AlertLife::Recalled, AlertLife::Expired] {
            let it = cap(Kind::TravelNotice, Place::First, Priority::Flash, life).unwrap();
            assert_eq!((it.urgency, it.certainty), ("Past", "Likely"));
        }
        for kind in [Kind::Recall, Kind::Closure] {
            let it = cap(kind, Place::Later, Priority::Flash, AlertLife::Live).unwrap();
            assert_eq!((it.message, it.urgency), (Message::Cancel, "Past"));
            assert!(it.message.refers());
        }
        let place = |place| cap(Kind::Sighting, place, Priority::Flash, AlertLife::Live).unwrap();
        assert_eq!(place(Place::First).message, Message::Alert);
        assert_eq!(place(Place::Later).message, Message::Update);
    }

    #[test]
    fn kinds_that_cap_does_not_know_have_none() {
        let without: Vec<Kind> = Kind::ALL
            .iter()
            .copied()
            .filter(|kind| cap(*kind, Place::Later, Priority::Flash, AlertLife::Live).is_none())
            .collect();
        assert_eq!(
            without,
            [
                Kind::InformationRequest,
                Kind::InformationReply,
                Kind::Extend,
                Kind::Answer,
                Kind::Instruction,
                Kind::Statistics,
                Kind::NoticeOfService
            ]
        );
    }
}
