//! When certificates and revocation lists run out: for alarms ahead of it, never for a decision.

use x509_parser::{
    prelude::{FromDer as _, X509Certificate},
    revocation_list::CertificateRevocationList,
};

use super::files::{certificates, revocation_lists};
use crate::domain::time::Timestamp;

/// From when until when something may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

/// Until when a revocation list is to be replaced (RFC 5280, 5.1.2.5); PEM or DER. Of more than one in a file, the one
/// that runs out first. `None` when one cannot be read.
#[must_use]
pub fn crl_validity(bytes: &[u8]) -> Option<Validity> {
    let validity = |der: &[u8]| {
        let (_, list) = CertificateRevocationList::from_der(der).ok()?;
        Some(Validity {
            from: at(list.last_update().timestamp()),
            until: at(list.next_update()?.timestamp()),
        })
    };
    first_to_end(revocation_lists(bytes)?.iter().map(|der| validity(der)))
}

/// Of a certificate (RFC 5280, 4.1.2.5); PEM or DER. Of more than one in a file, the one that runs out first. `None`
/// when one cannot be read.
#[must_use]
pub fn certificate_validity(bytes: &[u8]) -> Option<Validity> {
    let validity = |der: &[u8]| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Validity {
            from: at(validity.not_before.timestamp()),
            until: at(validity.not_after.timestamp()),
        })
    };
    first_to_end(certificates(bytes)?.iter().map(|der| validity(der)))
}

fn first_to_end(all: impl Iterator<Item = Option<Validity>>) -> Option<Validity> {
    let all: Option<Vec<Validity>> = all.collect();
    all?.into_iter().min_by_key(|validity| validity.until)
}

fn at(unix_seconds: i64) -> Timestamp {
    Timestamp::from_micros(unix_seconds.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_has_no_end() {
        for bytes in [&b""[..], b"-----BEGIN X509 CRL-----", &[0x30, 3, 1, 1, 1]] {
            assert_eq!(crl_validity(bytes), None);
            assert_eq!(certificate_validity(bytes), None);
        }
    }
}
