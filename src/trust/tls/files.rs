//! Certificates and revocation lists as files hold them: one as DER, or any number as PEM.

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject};

/// DER from DER or from the first PEM section of the wanted kind.
pub(super) fn certificate_der(bytes: &[u8]) -> Option<CertificateDer<'static>> {
    certificates(bytes)?.into_iter().next()
}

/// The same of a revocation list.
pub(super) fn crl_der(bytes: &[u8]) -> Option<CertificateRevocationListDer<'static>> {
    revocation_lists(bytes)?.into_iter().next()
}

/// All certificates in it, in their order; `None` when there is none, or one cannot be read.
pub(super) fn certificates(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    all(bytes)
}

/// All revocation lists in it, in their order; `None` when there is none, or one cannot be read.
pub(super) fn revocation_lists(bytes: &[u8]) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    all(bytes)
}

fn all<T: PemObject + From<Vec<u8>>>(bytes: &[u8]) -> Option<Vec<T>> {
    // DER of both begins with a SEQUENCE, 0x30.
    if bytes.starts_with(&[0x30]) {
        return Some(vec![T::from(bytes.to_vec())]);
    }
    let found: Vec<T> = T::pem_slice_iter(bytes).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_der_and_many_are_pem() {
        let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let der = CertificateDer::from(vec![0x30, 0]);
        assert_eq!(certificates(&[0x30, 0]), Some(vec![der.clone()]));
        assert_eq!(certificates(pem.as_bytes()), Some(vec![der.clone()]));
        assert_eq!(
            certificates(pem.repeat(2).as_bytes()),
            Some(vec![der.clone(); 2])
        );
        assert_eq!(certificate_der(pem.repeat(2).as_bytes()), Some(der));
        let cut = format!("{pem}-----BEGIN CERTIFICATE-----\nMA");
        for bad in ["", "no certificate", &cut] {
            assert_eq!(certificates(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(revocation_lists(pem.as_bytes()), None, "of another kind");
    }
}
