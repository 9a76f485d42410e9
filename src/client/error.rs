//! Why a call did not do what was asked, by whose fault it is: so that a program knows whom to tell, or to repeat.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::profile::ProfileError;
use crate::{domain::reason::Reason, trust::tls::DialError, wire::status::reason_of};

/// Whose fault a failed call is. The one place where a gRPC status is judged, for programs and for commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's draft is wrong.
    Draft,
    /// The caller's role or unit may not.
    Permission,
    /// There is no such thing, or none that the caller may know of.
    NotThere,
    /// A rule refuses it, and says which.
    Rule,
    /// No answer came: the outcome is unknown.
    NoAnswer,
    /// The node's own.
    Node,
}

impl Fault {
    /// Judges the status of a failed call.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        match (status.code(), reason_of(status)) {
            (_, Some(Reason::NotYours)) => Self::Permission,
            (_, Some(Reason::NotFound)) | (Code::NotFound, _) => Self::NotThere,
            (_, Some(Reason::FaultyDraft)) => Self::Draft,
            (Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled, _) => Self::NoAnswer,
            // A broken connection has a source and no reason from the node.
            (Code::Unknown, None) if std::error::Error::source(status).is_some() => Self::NoAnswer,
            (
                Code::InvalidArgument
                | Code::AlreadyExists
                | Code::FailedPrecondition
                | Code::PermissionDenied
                | Code::ResourceExhausted
                | Code::Unauthenticated
                | Code::OutOfRange,
                _,
            ) => Self::Rule,
            _ => Self::Node,
        }
    }
}

/// One wrong field of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// `subject.documents[0].mrz`, as `Fault.path` in desk.proto; behind `drafts[3].` where several were sent. Empty: what follows counts
    /// the faults that found no room.
    pub path: String,
    /// What was found, what was expected.
    pub what: String,
}

/// Why the desk could not be dialled. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum DialDeskError {
    /// The profile, or a file that it names.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Nobody answers there, or somebody else does.
    #[error("no connection to the desk at {endpoint}: {error}")]
    Unanswered {
        /// Where it was tried.
        endpoint: String,
        /// Why, by a named reason.
        error: DialError,
    },
}

/// The system's generator gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator gave nothing, while making an id")]
pub struct NoRandomness;

/// Why a call failed. Texts come from the own node as it sent them: escape them where people see them.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Fault of the profile or of its files. Nothing was sent.
    #[error(transparent)]
    Profile(ProfileError),
    /// Nobody answers, and this call changed nothing: try later.
    #[error("the node is unreachable: {0}")]
    Unreachable(String),
    /// The drafts were on their way and no answer came. Submit the same ones again, with these ids.
    #[error("outcome unknown, safe to repeat with {}: {what}", ids.join(", "))]
    OutcomeUnknown {
        /// Of each draft, in their order.
        ids: Vec<String>,
        /// What broke.
        what: String,
    },
    /// The caller's draft: every wrong field. Nothing was accepted.
    #[error("{} field(s) of the draft are wrong, the first is {}", .0.len(), first(.0))]
    FaultyDraft(Vec<FieldFault>),
    /// This certificate's role or unit may not.
    #[error("not permitted: {0}")]
    NotPermitted(String),
    /// There is no such thing, or none that this certificate may know of.
    #[error("not found: {0}")]
    NotFound(String),
    /// A rule refuses it; the reason's remedy says what would be right.
    #[error("refused: {what}")]
    Refused {
        /// By name; `None`: this version knows no such reason.
        reason: Option<Reason>,
        /// In words.
        what: String,
    },
    /// The node's fault, or that of the machine.
    #[error("failed inside: {0}")]
    Failed(String),
}

impl ClientError {
    /// What the status of a call means that would have changed nothing.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let what = status.message().to_owned();
        match Fault::of(status) {
            Fault::Draft => Self::FaultyDraft(faults(status)),
            Fault::Permission => Self::NotPermitted(what),
            Fault::NotThere => Self::NotFound(what),
            Fault::Rule => Self::Refused {
                reason: reason_of(status),
                what,
            },
            Fault::NoAnswer => Self::Unreachable(what),
            Fault::Node => Self::Failed(what),
        }
    }

    /// What the status of a call means that hands in drafts of these ids.
    #[must_use]
    pub fn of_submitting(status: &Status, ids: Vec<String>) -> Self {
        match Self::of(status) {
            Self::Unreachable(what) => Self::OutcomeUnknown { ids, what },
            known => known,
        }
    }
}

impl From<DialDeskError> for ClientError {
    fn from(error: DialDeskError) -> Self {
        match error {
            DialDeskError::Profile(error) => Self::Profile(error),
            DialDeskError::Unanswered { .. } => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<NoRandomness> for ClientError {
    fn from(error: NoRandomness) -> Self {
        Self::Failed(error.to_string())
    }
}

fn first(faults: &[FieldFault]) -> String {
    faults.first().map_or_else(
        || "not listed".to_owned(),
        |fault| format!("{}: {}", fault.path, fault.what),
    )
}

fn faults(status: &Status) -> Vec<FieldFault> {
    let violations = status
        .get_details_bad_request()
        .map(|request| request.field_violations)
        .unwrap_or_default();
    let faults = violations.into_iter().map(|it| FieldFault {
        path: it.field,
        what: it.description,
    });
    faults.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{alert, status};

    #[test]
    fn each_status_says_whose_fault_it_is() {
        let faulty = status::faulty_draft(&[alert::Fault {
            path: "to".to_owned(),
            found: "nothing".to_owned(),
            expected: "a recipient".to_owned(),
        }]);
        let cases = [
            (faulty, Fault::Draft),
            (status::refusal(Reason::NotYours, ""), Fault::Permission),
            (status::refusal(Reason::NotFound, ""), Fault::NotThere),
            (status::refusal(Reason::NotOwner, ""), Fault::Rule),
            (status::refusal(Reason::IdConflict, ""), Fault::Rule),
            (status::refusal(Reason::Stopping, ""), Fault::NoAnswer),
            (Status::deadline_exceeded(""), Fault::NoAnswer),
            (Status::internal(""), Fault::Node),
            (Status::unknown("no source: somebody said so"), Fault::Node),
        ];
        for (status, fault) in cases {
            assert_eq!(Fault::of(&status), fault, "{status:?}");
        }
    }

    #[test]
    fn only_what_hands_in_drafts_leaves_its_outcome_unknown() {
        let gone = Status::unavailable("gone");
        let read = ClientError::of(&gone);
        assert!(matches!(read, ClientError::Unreachable(_)), "{read}");
        let sent = ClientError::of_submitting(&gone, vec!["0195".to_owned()]);
        assert!(sent.to_string().contains("repeat with 0195"), "{sent}");
        let refused = status::refusal(Reason::IdConflict, "other content");
        let refused = ClientError::of_submitting(&refused, vec!["0195".to_owned()]);
        assert!(matches!(
            refused,
            ClientError::Refused {
                reason: Some(Reason::IdConflict),
                ..
            }
        ));
    }
}
