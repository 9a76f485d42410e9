//! When certificates and revocation lists run out: for alarms ahead of it, never for a decision.

use x509_parser::{
    prelude::{FromDer as _, X509Certificate},
    revocation_list::CertificateRevocationList,
};

use super::{certificate_der, crl_der};
use crate::domain::time::Timestamp;

/// From when until when something may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

/// Until when a revocation list is to be replaced (RFC 5280, 5.1.2.5); PEM or DER. `None` when it cannot be read.
#[must_use]
pub fn crl_validity(bytes: &[u8]) -> Option<Validity> {
    let der = crl_der(bytes)?;
    let (_, list) = CertificateRevocationList::from_der(&der).ok()?;
    Some(Validity {
        from: at(list.last_update().timestamp()),
        until: at(list.next_update()?.timestamp()),
    })
}

/// Of a certificate (RFC 5280, 4.1.2.5); PEM or DER. `None` when it cannot be read.
#[must_use]
pub fn certificate_validity(bytes: &[u8]) -> Option<Validity> {
    let der = certificate_der(bytes)?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let validity = certificate.validity();
    Some(Validity {
        from: at(validity.not_before.timestamp()),
        until: at(validity.not_after.timestamp()),
    })
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
