//! The one place where a gRPC status becomes an exit code and words for a person.
//!
//! Every fault that the node names is listed; the named reason decides the advice.

use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    exit::{CliError, Exit},
    output::escape,
};
use crate::{client::Fault, domain::reason::Reason};

/// Whether repeating a call whose outcome is unknown has no second effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// A read: no effect at all.
    Read,
    /// The client made the ids: the same ones get the first answer.
    WithIds(Vec<String>),
}

/// What a failed call means.
#[must_use]
pub fn explain(status: &Status, repeat: &Repeat) -> CliError {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    let known = reason.and_then(|name| name.parse::<Reason>().ok());
    let exit = exit_of(status);
    let mut message = match (exit, reason) {
        (Exit::Unreachable, _) => format!("the node gave no answer: {}", escape(status.message())),
        (_, Some(reason)) => format!("{}: {}", escape(reason), escape(status.message())),
        (_, None) => escape(status.message()),
    };
    if let Some(faults) = details.bad_request() {
        for fault in &faults.field_violations {
            message.push_str(&format!(
                "\n  {}: {}",
                escape(&fault.field),
                escape_once(&fault.description)
            ));
        }
    }
    let hint = hint_for(exit, known, repeat);
    CliError {
        exit,
        message,
        hint,
    }
}

/// The node escapes what a fault quotes; only what it should never have let through is escaped here.
fn escape_once(text: &str) -> String {
    let parts = text.split('\\').map(escape);
    parts.collect::<Vec<_>>().join("\\")
}

fn exit_of(status: &Status) -> Exit {
    match Fault::of(status) {
        Fault::NotThere | Fault::Permission => Exit::NotFound,
        Fault::NoAnswer => Exit::Unreachable,
        Fault::Draft | Fault::Rule => Exit::Refused,
        Fault::Node => Exit::Failed,
    }
}

fn hint_for(exit: Exit, reason: Option<Reason>, repeat: &Repeat) -> Option<String> {
    match (exit, repeat, reason) {
        (Exit::Unreachable, Repeat::WithIds(ids), _) => Some(match ids.as_slice() {
            [id] => format!("outcome unknown, safe to repeat with --id {id}"),
            ids => format!(
                "outcome unknown, safe to repeat: write these ids into the drafts first: {}",
                ids.join(" ")
            ),
        }),
        (Exit::Unreachable, Repeat::Read, _) => {
            Some("nothing was changed; check that the node runs, then repeat".to_owned())
        }
        (_, _, Some(reason)) => Some(reason.remedy().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    fn refused(code: Code, reason: Reason) -> Status {
        let details = ErrorDetails::with_error_info(reason.name(), "allpoints", []);
        Status::with_error_details(code, "words", details)
    }

    #[test]
    fn each_status_has_its_exit() {
        let cases = [
            (Status::unavailable("gone"), Exit::Unreachable),
            (Status::deadline_exceeded("slow"), Exit::Unreachable),
            (Status::not_found("no"), Exit::NotFound),
            (Status::internal("bug"), Exit::Failed),
            (Status::unimplemented("later"), Exit::Failed),
            (
                refused(Code::PermissionDenied, Reason::NotYours),
                Exit::NotFound,
            ),
            (
                refused(Code::PermissionDenied, Reason::NotOwner),
                Exit::Refused,
            ),
            (
                refused(Code::AlreadyExists, Reason::IdConflict),
                Exit::Refused,
            ),
            (
                refused(Code::ResourceExhausted, Reason::StoreFull),
                Exit::Refused,
            ),
        ];
        for (status, exit) in cases {
            assert_eq!(explain(&status, &Repeat::Read).exit, exit, "{status:?}");
        }
    }

    #[test]
    fn every_fault_is_listed_and_none_can_move_the_cursor() {
        let mut details = ErrorDetails::with_error_info("FAULTY_DRAFT", "allpoints", []);
        details.add_bad_request_violation("to", "expected at least one");
        details.add_bad_request_violation("subject.names", "found \u{1b}[2J");
        let status = Status::with_error_details(Code::InvalidArgument, "2 faults", details);
        insta::assert_snapshot!(explain(&status, &Repeat::Read), @r"
        FAULTY_DRAFT: 2 faults
          to: expected at least one
          subject.names: found \u{1b}[2J
        ");
    }

    #[test]
    fn an_unknown_outcome_names_the_id_to_repeat_with() {
        let repeat = Repeat::WithIds(vec!["0195".to_owned()]);
        let error = explain(&Status::unavailable("gone"), &repeat);
        assert!(error.hint.is_some_and(|hint| hint.contains("--id 0195")));
    }
}
