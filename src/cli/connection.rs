//! The way to the own node: one mutual TLS channel to the desk listener of the profile.
//!
//! Trusts the authority's own desk CA and nothing else.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::transport::Channel;

use super::{
    exit::{CliError, Exit},
    profile::Profile,
};
use crate::{
    domain::{limits::DESK_MESSAGE_MAX_BYTES, time::Clock},
    proto::desk::v1::desk_client::DeskClient,
    trust::tls::{self, TlsIdentity},
};

/// A client of the own desk.
pub type Desk = DeskClient<Channel>;

/// Connects to the desk that the profile names.
///
/// # Errors
/// Exit 2 when the profile's files cannot be used, 5 when nobody (or somebody else) answers.
pub async fn connect(profile: &Profile, clock: &dyn Clock) -> Result<Desk, CliError> {
    let config = client_config(profile, clock)?;
    let channel = tls::dial_desk(&profile.endpoint, config)
        .await
        .map_err(|error| unreachable(profile, &error))?;
    Ok(DeskClient::new(channel)
        .max_decoding_message_size(DESK_MESSAGE_MAX_BYTES)
        .max_encoding_message_size(DESK_MESSAGE_MAX_BYTES))
}

fn client_config(
    profile: &Profile,
    clock: &dyn Clock,
) -> Result<Arc<rustls::ClientConfig>, CliError> {
    let usage = |error: &dyn std::fmt::Display| {
        CliError::new(
            Exit::Usage,
            format!("profile of {}: {error}", profile.authority),
        )
        .hint("make a new certificate and profile with `allpoints pki desk`")
    };
    let ca = CertificateDer::from_pem_file(&profile.ca)
        .map_err(|error| usage(&format!("{}: {error}", profile.ca.display())))?;
    let identity = TlsIdentity::load(&profile.certificate, &profile.key, clock)
        .map_err(|error| usage(&error))?;
    tls::desk_client(&identity, ca.as_ref(), profile.authority).map_err(|error| usage(&error))
}

fn unreachable(profile: &Profile, error: &tls::DialError) -> CliError {
    CliError::new(
        Exit::Unreachable,
        format!("no connection to the desk at {}: {error}", profile.endpoint),
    )
    .hint("nothing was sent; check that the node runs and that the profile names its desk listener")
}
