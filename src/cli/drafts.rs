//! Drafts that follow something: answers, sightings, instructions, recalls, closures.
//!
//! Only builds them; whether they are legal is the node's word, with every fault listed.

use crate::proto::{
    alert::v1::{Draft, Payload, Text, payload::Kind},
    envelope::v1::{Handling, Priority, Status},
};

/// What every follow-up draft shares.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// What it refers to, in any form that `show` takes.
    pub refers_to: String,
    /// To whom; empty: the node addresses who must get it.
    pub to: Vec<String>,
    /// How quick.
    pub priority: Priority,
    /// Real or a drill; must be as the thread's.
    pub status: Status,
    /// Who may do what with it.
    pub handling: Vec<Handling>,
}

impl FollowUp {
    /// A draft of this kind.
    #[must_use]
    pub fn draft(&self, kind: Kind) -> Draft {
        self.with_payload(Payload {
            kind: Some(kind),
            ..Payload::default()
        })
    }

    /// A draft with a whole payload.
    #[must_use]
    pub fn with_payload(&self, payload: Payload) -> Draft {
        Draft {
            to: self.to.clone(),
            priority: self.priority.into(),
            status: self.status.into(),
            handling: self.handling.iter().map(|it| (*it).into()).collect(),
            // No ground is named: the node takes that of the thread, or the authority's default.
            in_reply_to: self.refers_to.clone(),
            payload: Some(payload),
            ..Draft::default()
        }
    }
}

/// Words, when there are any; the language is not said.
#[must_use]
pub fn words(text: Option<String>) -> Option<Text> {
    text.map(|text| Text {
        text,
        ..Text::default()
    })
}
