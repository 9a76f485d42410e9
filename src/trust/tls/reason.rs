//! From an error of TLS, found anywhere in a source chain, to a named reason.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError};

use super::Refusal;
use crate::domain::reason::Reason;

/// Finds the named reason in an error's source chain (`CertificateRevoked` and the like): in TLS 1.3 a
/// refused client learns it only at its first call.
///
/// `UNREACHABLE` when TLS has no part in it.
#[must_use]
pub fn reason_of(error: &(dyn Error + 'static)) -> Reason {
    rustls_reason(error).unwrap_or(Reason::Unreachable)
}

/// What a channel's calls are told once its one connection has ended.
#[derive(Debug, thiserror::Error)]
#[error("the connection is gone; dial anew")]
pub(super) struct Gone {
    /// What TLS said at its end, such as that our certificate is revoked.
    pub(super) reason: Option<Reason>,
}

/// Why a handshake failed, for our own log: no text from the peer's certificate but parsed names.
pub(super) fn why(error: &io::Error) -> String {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            other.0.to_string()
        }
        Some(tls) => tls.to_string(),
        None => error.to_string(),
    }
}

/// `None` when no error of TLS is in the chain.
pub(super) fn rustls_reason(error: &(dyn Error + 'static)) -> Option<Reason> {
    // As deep as any chain goes; an error that is its own source must not hold us.
    const DEPTH_MAX: usize = 32;
    let mut next = Some(error);
    for _ in 0..DEPTH_MAX {
        let error = next?;
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(of_tls(tls));
        }
        if let Some(gone) = error.downcast_ref::<Gone>() {
            return gone.reason;
        }
        // `io::Error::source` skips the error that it wraps.
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn of_tls(error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::InvalidCertificate(certificate) => of_certificate(certificate),
        rustls::Error::AlertReceived(AlertDescription::CertificateRevoked) => {
            Reason::CertificateRevoked
        }
        _ => Reason::TlsRefused,
    }
}

fn of_certificate(error: &CertificateError) -> Reason {
    match error {
        CertificateError::Revoked => Reason::CertificateRevoked,
        CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => Reason::CrlExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Reason::WrongPeer
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<Refusal>() {
            Some(Refusal::WrongPeer { .. }) => Reason::WrongPeer,
            Some(Refusal::NoCrl(_)) => Reason::CrlExpired,
            _ => Reason::TlsRefused,
        },
        _ => Reason::TlsRefused,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn wrapped(error: rustls::Error) -> io::Error {
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn tls_errors_have_their_reasons() {
        let refusal = |refusal: Refusal| rustls::Error::from(refusal);
        let authority = "XA-POL".parse().unwrap();
        for (error, reason) in [
            (CertificateError::Revoked.into(), Reason::CertificateRevoked),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRevoked),
                Reason::CertificateRevoked,
            ),
            (
                CertificateError::ExpiredRevocationList.into(),
                Reason::CrlExpired,
            ),
            (refusal(Refusal::NoCrl(authority)), Reason::CrlExpired),
            (
                refusal(Refusal::WrongPeer {
                    expected: String::new(),
                    found: "allpoints://XB-POL/node/1".parse().unwrap(),
                }),
                Reason::WrongPeer,
            ),
            (refusal(Refusal::NotPinned(authority)), Reason::TlsRefused),
            (CertificateError::UnknownIssuer.into(), Reason::TlsRefused),
            (rustls::Error::DecryptError, Reason::TlsRefused),
        ] {
            assert_eq!(reason_of(&error), reason, "{error}");
            let status = tonic::Status::from_error(Box::new(wrapped(error)));
            assert_eq!(reason_of(&status), reason, "{status}");
        }
    }

    #[test]
    fn other_errors_are_not_tls() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(reason_of(&refused), Reason::Unreachable);
        assert_eq!(
            reason_of(&tonic::Status::unavailable("gone")),
            Reason::Unreachable
        );
        assert!(rustls_reason(&io::Error::other(Arc::new(refused))).is_none());
    }
}
