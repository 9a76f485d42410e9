//! Two countries with real CAs, a listener on loopback, and callers good and bad.
//!
//! ```text
//!  XB-POL, or somebody who says so  ── TLS 1.3 ──>  XA-POL's exchange or desk
//! ```

mod cas;
mod desk;
mod exchange;
mod files;
mod wire;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType, SignatureAlgorithm};
use rustls::{
    ClientConfig, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::StreamExt as _;

use super::*;
use crate::{
    domain::{
        reason::Reason,
        time::{Clock, Timestamp},
    },
    trust::pki::{self, Ca, CertificateFiles, DeskProfile, NodeProfile, Replace},
};

/// A clock that stands some days off the real one: rustls looks at the real one.
#[derive(Debug)]
struct DaysOff(i64);

impl Clock for DaysOff {
    #[allow(
        clippy::disallowed_methods,
        reason = "certificates are verified by rustls at the real time"
    )]
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let micros = i64::try_from(now.as_micros()).unwrap();
        Timestamp::from_micros(micros + self.0 * 24 * 3600 * 1_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

const TODAY: DaysOff = DaysOff(0);

/// An authority's folder with its first node.
struct Country {
    folder: TempDir,
    id: AuthorityId,
}

/// Any certificate with its key.
struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Country {
    fn founded(id: &str) -> Self {
        let country = Self {
            folder: tempfile::tempdir().unwrap(),
            id: id.parse().unwrap(),
        };
        pki::make_authorities(country.path(), country.id, &TODAY).unwrap();
        let node = NodeProfile {
            authority: country.id,
            number: 1,
            desk_hosts: vec![],
        };
        pki::issue_node(country.path(), &node, Replace::Never, &TODAY).unwrap();
        country
    }

    /// The same authority under CAs of other keys and names, as those are that come later.
    fn founded_anew(id: &str) -> Self {
        let country = Self::founded(id);
        for ca in Ca::ALL {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            let name = format!(
                "{id} {} CA {:02x?}",
                ca.name(),
                &sha256(key.public_key_raw())[..4]
            );
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
            params.key_usages = vec![
                rcgen::KeyUsagePurpose::KeyCertSign,
                rcgen::KeyUsagePurpose::CrlSign,
            ];
            let certificate = params.self_signed(&key).unwrap();
            let file = |end: &str| country.file(&format!("ca/{}-ca.{end}", ca.name()));
            std::fs::write(file("pem"), certificate.pem()).unwrap();
            std::fs::write(file("key"), key.serialize_pem()).unwrap();
        }
        pki::publish_crl(country.path(), 7, &TODAY).unwrap();
        let node = NodeProfile {
            authority: country.id,
            number: 1,
            desk_hosts: vec![],
        };
        pki::issue_node(country.path(), &node, Replace::SameKey, &TODAY).unwrap();
        country
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn member(&self) -> MemberTls {
        let ca = CertificateDer::from_pem_file(self.file("ca/exchange-ca.pem")).unwrap();
        MemberTls {
            exchange_cas: vec![ExchangeCa {
                der: ca.to_vec(),
                crl: Some(std::fs::read(self.file("exchange.crl")).unwrap()),
            }],
            spki_pins: vec![],
            suspended: false,
        }
    }

    fn node(&self) -> TlsIdentity {
        self.identity("node/exchange")
    }

    fn identity(&self, stem: &str) -> TlsIdentity {
        TlsIdentity::load(
            &self.file(&format!("{stem}.pem")),
            &self.file(&format!("{stem}.key")),
            &TODAY,
        )
        .unwrap()
    }

    fn node_leaf(&self) -> Leaf {
        Leaf::read(&CertificateFiles {
            certificate: self.file("node/exchange.pem"),
            key: self.file("node/exchange.key"),
        })
    }

    fn desk_person(&self, role: Role) -> CertificateFiles {
        let profile = DeskProfile {
            authority: self.id,
            role,
            name: "duty-7".parse().unwrap(),
            unit: None,
        };
        pki::issue_desk(self.path(), &profile, Replace::Never, &TODAY).unwrap()
    }

    /// A certificate that our own commands would never issue.
    fn odd(&self, ca: Ca, uris: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        self.odd_with_key(ca, uris, &rcgen::PKCS_ECDSA_P256_SHA256, change)
    }

    fn odd_with_key(
        &self,
        ca: Ca,
        uris: &[&str],
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Leaf {
        let issuer = pki::issuer(self.path(), ca).unwrap();
        Self::odd_by(&issuer, uris, algorithm, change)
    }

    /// Says that the exchange CA of another folder issued it, and is signed by our own.
    fn odd_as(&self, other: &Self, uris: &[&str]) -> Leaf {
        let read = |file: PathBuf| std::fs::read_to_string(file).unwrap();
        let key = KeyPair::from_pem(&read(self.file("ca/exchange-ca.key"))).unwrap();
        let named = read(other.file("ca/exchange-ca.pem"));
        let issuer = rcgen::Issuer::from_ca_cert_pem(&named, key).unwrap();
        Self::odd_by(&issuer, uris, &rcgen::PKCS_ECDSA_P256_SHA256, |_| {})
    }

    fn odd_by(
        issuer: &rcgen::Issuer<'_, KeyPair>,
        uris: &[&str],
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Leaf {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()))
            .collect();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let certificate = params.signed_by(&key, issuer).unwrap();
        Leaf {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }

    /// Revokes a certificate and publishes the list.
    fn revoke(&self, leaf: &CertificateDer<'_>) {
        let file = self.file("revoked.pem");
        let text = x509_pem(leaf);
        std::fs::write(&file, text).unwrap();
        pki::revoke(self.path(), &file, &TODAY).unwrap();
        pki::publish_crl(self.path(), 7, &TODAY).unwrap();
    }
}

impl Leaf {
    fn read(files: &CertificateFiles) -> Self {
        Self {
            chain: vec![CertificateDer::from_pem_file(&files.certificate).unwrap()],
            key: PrivateKeyDer::from_pem_file(&files.key).unwrap(),
        }
    }

    /// A caller that shows this certificate and believes any server.
    fn caller(&self) -> ClientConfig {
        caller_config()
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map(speaking_h2)
            .unwrap()
    }
}

fn x509_pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn nobody() -> ClientConfig {
    speaking_h2(caller_config().with_no_client_auth())
}

fn speaking_h2(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config
}

fn caller_config() -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(Refusal::OldVersion.into())
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &ALGORITHMS)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ALGORITHMS.supported_schemes()
    }
}

/// A directory that a test changes at will.
#[derive(Default)]
struct Listed(Mutex<HashMap<AuthorityId, MemberTls>>);

impl MemberSource for Listed {
    fn member(&self, id: &AuthorityId) -> Option<MemberTls> {
        self.0.lock().unwrap().get(id).cloned()
    }
}

impl Listed {
    fn of(countries: &[&Country]) -> Arc<Self> {
        let listed = Arc::new(Self::default());
        for country in countries {
            listed.list(country);
        }
        listed
    }
    fn list(&self, country: &Country) {
        self.0.lock().unwrap().insert(country.id, country.member());
    }
    fn change(&self, country: &Country, change: impl FnOnce(&mut MemberTls)) {
        change(self.0.lock().unwrap().get_mut(&country.id).unwrap());
    }
}

#[derive(Default)]
struct Refused(Mutex<Vec<String>>);

impl HandshakeObserver for Refused {
    fn refused(&self, _remote: SocketAddr, why: &str) {
        self.0.lock().unwrap().push(why.to_owned());
    }
}

/// A listener that tells each caller who it is taken for.
struct Door {
    address: SocketAddr,
    refused: Arc<Refused>,
    connections: Connections,
}

impl Door {
    async fn exchange(own: &Country, listed: &Arc<Listed>) -> Self {
        let config = exchange_server_from(own.id, &own.node(), listed.clone()).unwrap();
        Self::open::<PeerIdentity>(config, |peer| {
            format!("{} {}", peer.uri(), peer.key_exchange())
        })
        .await
    }

    async fn desk(own: &Country) -> Self {
        let ca = std::fs::read(own.file("ca/desk-ca.pem")).unwrap();
        let crl = std::fs::read(own.file("desk.crl")).unwrap();
        let config = desk_server(own.id, &own.identity("node/desk"), &ca, &crl).unwrap();
        Self::open::<DeskIdentity>(config, |person| {
            format!("{} {}", person.uri(), person.role())
        })
        .await
    }

    async fn open<I: ConnectionIdentity>(
        config: Arc<ServerConfig>,
        describe: fn(&I) -> String,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = Arc::new(Refused::default());
        let connections = Connections::default();
        let mut incoming = accept_into::<I>(
            listener,
            Arc::new(ArcSwap::from(config)),
            refused.clone(),
            connections.clone(),
        );
        tokio::spawn(async move {
            while let Some(Ok(mut stream)) = incoming.next().await {
                let text = describe(stream.identity());
                tokio::spawn(async move {
                    stream.write_all(text.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    let mut sink = [0; 64];
                    while matches!(stream.read(&mut sink).await, Ok(1..)) {}
                });
            }
        });
        Self {
            address,
            refused,
            connections,
        }
    }

    /// Who the listener takes the caller for; an error when it is refused.
    async fn knock(&self, caller: ClientConfig) -> io::Result<String> {
        self.enter(Arc::new(caller)).await.map(|(said, _)| said)
    }

    async fn enter(&self, caller: Arc<ClientConfig>) -> io::Result<(String, TlsStream<TcpStream>)> {
        let tcp = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("anything.invalid").unwrap();
        let mut tls = TlsConnector::from(caller).connect(name, tcp).await?;
        let mut buffer = [0; 256];
        let length = tls.read(&mut buffer).await?;
        let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
        Ok((said, tls))
    }

    async fn accepts(&self, caller: ClientConfig, as_whom: &str) {
        let said = self.knock(caller).await.expect("should be let in");
        assert!(said.starts_with(as_whom), "taken for {said}");
    }

    async fn refuses(&self, caller: ClientConfig, because: &str) {
        let said = self.knock(caller).await;
        assert!(
            said.as_ref().map_or(true, String::is_empty),
            "let in as {said:?}"
        );
        let why = self.refused.next().await;
        assert!(
            why.contains(because),
            "expected a refusal with `{because}`, found `{why}`"
        );
    }
}

impl Refused {
    /// The caller may know of its refusal before the observer is told.
    async fn next(&self) -> String {
        for _ in 0..200 {
            if let Some(why) = self.0.lock().unwrap().pop() {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the observer was told of no refusal")
    }
}

const XB_NODE: &str = "allpoints://XB-POL/node/1";

fn two_countries() -> (Country, Country, Arc<Listed>) {
    let (xa, xb) = (Country::founded("XA-POL"), Country::founded("XB-POL"));
    let listed = Listed::of(&[&xa, &xb]);
    (xa, xb, listed)
}
