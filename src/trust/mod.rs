//! Who is who and what is true: the directory, keys, signing, verifying, TLS.
//!
//! Turns bytes into [`batch::Verified`] documents and certificates into a [`tls::PeerIdentity`];
//! nothing else in the program can make either.

pub mod batch;
pub(crate) mod derived;
pub mod directory;
pub mod federation;
pub mod keys;
pub mod merkle;
pub mod note;
pub mod pae;
pub mod pki;
pub mod tls;

#[cfg(any(test, feature = "faults"))]
#[allow(
    clippy::unwrap_used,
    reason = "a federation that cannot be made ends the test or the simulation"
)]
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "the simulation needs a part of what tests need")
)]
pub(crate) mod testing;
