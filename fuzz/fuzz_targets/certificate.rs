//! A certificate to the name that it carries; a certificate and a revocation list to their dates.
#![no_main]

use allpoints::trust::tls;
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::CertificateDer;

fuzz_target!(|data: &[u8]| {
    let _ = tls::Name::of_certificate(&CertificateDer::from(data));
    let _ = tls::certificate_validity(data);
    let _ = tls::crl_validity(data);
});
