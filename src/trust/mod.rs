//! Who is who and what is true: the directory, keys, signing, verifying, TLS.
//!
//! Turns bytes into [`batch::Verified`] documents and certificates into a [`tls::PeerIdentity`];
//! nothing else in the program can make either.

pub mod batch;
pub mod directory;
pub mod federation;
pub mod keys;
pub mod merkle;
pub mod note;
pub mod pae;
pub mod pki;
pub mod tls;

#[cfg(test)]
pub(crate) mod testing;
