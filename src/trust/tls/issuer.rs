//! Which CA a certificate says it is from, while one CA replaces another.
//!
//! The way in is [`claimed`]. What is read here comes from a certificate that nobody has verified: it only chooses the
//! CA, which then vouches for the certificate alone, under its own list, or refuses it. CAs never meet in one pool.

use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The place of the CA whose name stands as issuer in the certificate; the first, when none does: it refuses what it
/// did not issue.
pub(super) fn claimed<'a>(leaf: &[u8], cas: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
        return 0;
    };
    let issued = |ca: &[u8]| {
        X509Certificate::from_der(ca)
            .is_ok_and(|(_, ca)| ca.subject().as_raw() == leaf.issuer().as_raw())
    };
    cas.into_iter().position(issued).unwrap_or_default()
}
