//! What a peer is told of a refusal, and what we read from a peer's status: the one file that does either.
//!
//! Peers get the reason's name and nothing else: no detail, no text of ours, nothing personal.

use tonic::Status;

use crate::{domain::reason::Reason, trust::tls, wire};

/// The bland status that ends a stream or refuses a call.
pub(super) fn to_peer(reason: Reason) -> Status {
    wire::status::refusal(reason, reason.name())
}

/// Why a peer, or the connection to it, ended a call: the reason it names, else what TLS says, else that the
/// stream broke off.
pub(super) fn from_peer(status: &Status) -> Reason {
    if let Some(reason) = wire::status::reason_of(status) {
        return reason;
    }
    match std::error::Error::source(status) {
        Some(source) => tls::reason_of(source),
        None => Reason::StreamEnded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_the_name_and_nothing_else() {
        for &reason in Reason::ALL {
            let status = to_peer(reason);
            assert_eq!(status.message(), reason.name());
            assert_eq!(from_peer(&status), reason);
        }
    }

    #[test]
    fn a_status_without_reason_or_cause_is_a_broken_stream() {
        assert_eq!(
            from_peer(&Status::internal("anything")),
            Reason::StreamEnded
        );
    }
}
