//! Questions between authorities, and their replies.

use super::{
    super::value::{Day, Line, Moment, Text},
    Target,
};
use crate::domain::{
    permission::{Grant, Wish},
    routing::coded,
};

/// A question between authorities; at least one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InformationRequest {
    /// For what the information is wanted, and used.
    pub purpose: RequestPurpose,
    /// What is asked.
    pub questions: Vec<Text>,
    /// Law or treaty on which it is asked.
    pub legal_basis: Line,
    /// Until when the reply is of use; not before the day of issue.
    pub wanted_by: Option<Moment>,
    /// Why it is thought to be there, and why it is urgent if it is.
    pub reason: Option<Text>,
    /// Of a disclosure check, and there always.
    pub vetting: Option<Vetting>,
    /// Permission that it asks of the thread's originator.
    pub permission: Option<Wish>,
}

/// What a check before work with children rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vetting {
    /// The work applied for.
    pub position: Line,
    /// Reference of the person's consent.
    pub consent_reference: Line,
}

coded! {
    /// For what information is wanted (after Directive (EU) 2023/977 art. 1, and our own field).
    RequestPurpose {
        /// To prevent offences.
        Prevention = 1 "prevention",
        /// To detect offences.
        Detection = 2 "detection",
        /// To investigate an offence.
        Investigation = 3 "investigation",
        /// To find somebody who is missing.
        Tracing = 4 "tracing",
        /// To supervise an offender.
        Supervision = 5 "supervision",
        /// To vet a person, with that person's consent, for work with children.
        DisclosureCheck = 6 "disclosure_check",
    }
}

/// The reply to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InformationReply {
    /// The request.
    pub target: Target,
    /// How far it is answered, with what that demands.
    pub result: ReplyResult,
    /// What is known; always there when something is answered.
    pub text: Option<Text>,
    /// The day as of which it is so; always there unless all is refused.
    pub valid_as_of: Option<Day>,
    /// Why not, or not all.
    pub reason: Option<Text>,
    /// Article of a legal reason.
    pub article: Option<Line>,
    /// Permission that it gives to who asked.
    pub grant: Option<Granted>,
}

/// Permission with what it hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What is permitted, to whom, until when.
    pub grant: Grant,
    /// On what conditions.
    pub conditions: Option<Text>,
}

coded! {
    /// How far a question is answered.
    ReplyResult {
        /// All of it.
        Answered = 1 "answered",
        /// Nothing is known there.
        NothingKnown = 2 "nothing_known",
        /// Refused, with a reason.
        Refused = 3 "refused",
        /// Some of it, with the reason why not all.
        Partly = 4 "partly",
    }
}
