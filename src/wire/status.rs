//! Named reasons as gRPC statuses with `google.rpc.ErrorInfo`, and back. The way in is [`refusal`].
//!
//! Both surfaces use this one table. It must never put more into a status than its caller said.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::alert::Fault;
use crate::domain::{
    limits::FAULTS_MAX_BYTES,
    reason::{self, Reason},
};

/// The `domain` of every `google.rpc.ErrorInfo` of this program.
pub const ERROR_DOMAIN: &str = "allpoints";

/// A status that names its reason in `google.rpc.ErrorInfo`.
#[must_use]
pub fn refusal(reason: Reason, message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_error_info(reason.name(), ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(code(reason), message, details)
}

/// `FAULTY_DRAFT` with one `google.rpc.BadRequest` violation per wrong field, as many as a header list takes.
#[must_use]
pub fn faulty_draft(faults: &[Fault]) -> Status {
    let mut details = ErrorDetails::with_error_info(
        Reason::FaultyDraft.name(),
        ERROR_DOMAIN,
        HashMap::from([("faults".to_owned(), faults.len().to_string())]),
    );
    details.set_bad_request(violations(faults));
    Status::with_error_details(
        code(Reason::FaultyDraft),
        format!("the draft has {} wrong field(s)", faults.len()),
        details,
    )
}

/// The reason that a status names, if this version knows it.
#[must_use]
pub fn reason_of(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info()?;
    (info.domain == ERROR_DOMAIN).then(|| info.reason.parse().ok())?
}

/// The gRPC code that a reason travels as.
#[must_use]
pub fn code(reason: Reason) -> Code {
    match reason.code() {
        reason::Code::InvalidArgument => Code::InvalidArgument,
        reason::Code::DeadlineExceeded => Code::DeadlineExceeded,
        reason::Code::NotFound => Code::NotFound,
        reason::Code::AlreadyExists => Code::AlreadyExists,
        reason::Code::PermissionDenied => Code::PermissionDenied,
        reason::Code::ResourceExhausted => Code::ResourceExhausted,
        reason::Code::FailedPrecondition => Code::FailedPrecondition,
        reason::Code::Unimplemented => Code::Unimplemented,
        reason::Code::Internal => Code::Internal,
        reason::Code::Unavailable => Code::Unavailable,
        reason::Code::Unauthenticated => Code::Unauthenticated,
    }
}

/// Statuses travel in HTTP/2 trailers, which have a small cap: what does not fit is counted.
fn violations(faults: &[Fault]) -> Vec<FieldViolation> {
    let mut left = FAULTS_MAX_BYTES;
    let mut listed = Vec::new();
    for fault in faults {
        let description = format!("found {}, expected {}", fault.found, fault.expected);
        let Some(rest) = left.checked_sub(fault.path.len() + description.len()) else {
            break;
        };
        left = rest;
        listed.push(FieldViolation::new(fault.path.clone(), description));
    }
    let unlisted = faults.len() - listed.len();
    if unlisted > 0 {
        listed.push(FieldViolation::new(
            "",
            format!("and {unlisted} more, not listed here"),
        ));
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_travels_there_and_back() {
        for &reason in Reason::ALL {
            let status = refusal(reason, "text");
            assert_eq!(reason_of(&status), Some(reason));
            assert_eq!(status.code() as i32, reason.code() as i32);
        }
    }

    #[test]
    fn a_status_without_our_error_info_names_no_reason() {
        assert_eq!(reason_of(&Status::unavailable("UNREACHABLE")), None);
        let foreign = ErrorDetails::with_error_info("EXPIRED", "elsewhere", HashMap::new());
        let status = Status::with_error_details(Code::Unknown, "", foreign);
        assert_eq!(reason_of(&status), None);
    }

    #[test]
    fn faults_stand_by_field_and_what_does_not_fit_is_counted() {
        let fault = |path: &str| Fault {
            path: path.to_owned(),
            found: "`x`".to_owned(),
            expected: "a date".to_owned(),
        };
        let few = faulty_draft(&[fault("payload.subject.born")]);
        let request = few.get_details_bad_request().expect("violations");
        assert_eq!(request.field_violations[0].field, "payload.subject.born");
        assert_eq!(
            request.field_violations[0].description,
            "found `x`, expected a date"
        );

        let many = faulty_draft(&vec![fault(&"a".repeat(64)); 1000]);
        let request = many.get_details_bad_request().expect("violations");
        assert!(many.details().len() < 16 * 1024 * 3 / 4);
        let last = request.field_violations.last().expect("one");
        assert!(last.description.ends_with("more, not listed here"));
    }
}
