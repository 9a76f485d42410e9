//! One HTTP request: POST, an answer, and nothing else. No redirect is followed, nothing is kept open.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::TLS13,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::domain::limits::CALL_TIMEOUT;

/// Where a request goes.
pub(super) struct Target {
    host: String,
    port: u16,
    /// Host and port as the request names them.
    authority: HeaderValue,
    path: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetFault {
    #[error("url: found `{0}`, expected `https://host/path`, or `http://` to 127.0.0.1 or [::1]")]
    Url(String),
    #[error("url: plain http to `{0}` would be read on its way: use https, or a loopback address")]
    Plain(String),
    #[error("ca: missing: name the CA that vouches for the receiver (PEM)")]
    NoCa,
    #[error("ca: {0}: expected certificates in PEM: {1}")]
    Ca(String, String),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostFault {
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("no answer: {0}")]
    Answer(#[from] hyper::Error),
    #[error("no answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    #[error("plain http, and who answered is not on this machine")]
    NotHere,
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
}

/// What is read of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
}

impl Target {
    pub(super) fn new(url: &str, ca: Option<&Path>) -> Result<Self, TargetFault> {
        let wrong = || TargetFault::Url(crate::domain::text::excerpt(url, 64));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err(wrong());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (port, tls) = match uri.scheme_str() {
            Some("https") => (
                443,
                Some(tls(&host, ca).map_err(|it| it.unwrap_or_else(wrong))?),
            ),
            Some("http") if is_loopback(&host) => (80, None),
            Some("http") => return Err(TargetFault::Plain(host)),
            _ => return Err(wrong()),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            path: path.to_owned(),
            host,
            tls,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// `Err(None)`: the host is no name that a certificate could hold.
fn tls(
    host: &str,
    ca: Option<&Path>,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), Option<TargetFault>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| None)?;
    let file = ca.ok_or(Some(TargetFault::NoCa))?;
    let roots = roots(file).map_err(Some)?;
    let config = client(roots).map_err(|error| TargetFault::Tls(error.to_string()))?;
    Ok((Arc::new(config), name))
}

/// The certificates of a file, as the only ones that vouch.
pub(super) fn roots(file: &Path) -> Result<RootCertStore, TargetFault> {
    let wrong = |why: String| TargetFault::Ca(file.display().to_string(), why);
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(wrong("there is none in it".to_owned())),
        false => Ok(roots),
    }
}

fn client(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&TLS13])?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A request: connects, sends, reads the head of the answer, and closes.
pub(super) async fn post(
    target: &Target,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<Answer, PostFault> {
    let posting = async {
        let stream = TcpStream::connect((target.host.as_str(), target.port))
            .await
            .map_err(PostFault::Connect)?;
        match &target.tls {
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector
                    .connect(name.clone(), stream)
                    .await
                    .map_err(PostFault::Connect)?;
                exchange(stream, target, headers, body).await
            }
            // A name such as `localhost` may lead elsewhere.
            None if stream.peer_addr().is_ok_and(|it| it.ip().is_loopback()) => {
                exchange(stream, target, headers, body).await
            }
            None => Err(PostFault::NotHere),
        }
    };
    timeout(CALL_TIMEOUT, posting)
        .await
        .unwrap_or(Err(PostFault::Timeout))
}

async fn exchange<S>(
    stream: S,
    target: &Target,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<Answer, PostFault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this call: nothing is kept open, and nothing is read on.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let mut request = Request::post(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("allpoints/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = sender.send_request(request.body(Full::new(body))?).await?;
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_wants_a_ca_and_plain_http_stays_on_this_machine() {
        for good in [
            "http://127.0.0.1:8080/calls?to=duty",
            "http://[::1]/calls",
            "http://localhost:1/",
        ] {
            assert!(Target::new(good, None).is_ok(), "{good}");
        }
        let fault = |url: &str| Target::new(url, None).err().map(|it| it.to_string());
        for (url, words) in [
            ("http://desk.example/calls", "use https"),
            ("http://10.0.0.1/calls", "use https"),
            ("https://desk.example/calls", "ca: missing"),
            (
                "https://user:secret@desk.example/",
                "expected `https://host/path`",
            ),
            ("ftp://127.0.0.1/", "expected `https://host/path`"),
            ("/calls", "expected `https://host/path`"),
            ("", "expected `https://host/path`"),
        ] {
            let fault = fault(url).unwrap_or_default();
            assert!(fault.contains(words), "{url}: {fault}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "nothing").unwrap();
        let none = Target::new("https://desk.example/", Some(&file));
        assert!(
            none.err()
                .unwrap()
                .to_string()
                .contains("there is none in it")
        );
    }
}
