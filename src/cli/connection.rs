//! The way to the own node: one mutual TLS channel to the desk listener of the profile.
//!
//! Trusts the authority's own desk CA and nothing else.

use std::{sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

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

/// How long the connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to the desk that the profile names.
///
/// # Errors
/// Exit 2 when the profile's files cannot be used, 5 when nobody (or somebody else) answers.
pub async fn connect(profile: &Profile, clock: &dyn Clock) -> Result<Desk, CliError> {
    let config = client_config(profile, clock)?;
    let channel = dial(&profile.endpoint, config).await.map_err(|error| {
        let mut causes = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let said = cause.to_string();
            // Each layer repeats the one below it.
            if !causes.ends_with(&said) {
                causes = format!("{causes}: {said}");
            }
            source = cause.source();
        }
        CliError::new(
            Exit::Unreachable,
            format!("no connection to the desk at {}: {causes}", profile.endpoint),
        )
        .hint("nothing was sent; check that the node runs and that the profile names its desk listener")
    })?;
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

async fn dial(
    endpoint: &str,
    config: Arc<rustls::ClientConfig>,
) -> Result<Channel, tonic::transport::Error> {
    let address = endpoint.to_owned();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (address, config) = (address.clone(), config.clone());
        async move {
            let tcp = TcpStream::connect(&address).await?;
            tcp.set_nodelay(true)?;
            // The verifier binds the certificate to the authority; the name here only has to be legal.
            let name = ServerName::try_from("desk.invalid").map_err(std::io::Error::other)?;
            let tls = tokio_rustls::TlsConnector::from(config)
                .connect(name, tcp)
                .await?;
            Ok::<_, std::io::Error>(TokioIo::new(tls))
        }
    });
    Endpoint::from_static("http://desk.invalid")
        .connect_timeout(CONNECT_TIMEOUT)
        .connect_with_connector(connector)
        .await
}
