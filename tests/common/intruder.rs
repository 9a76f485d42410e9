//! A client that dials a node's exchange port with any certificate and says anything.
//!
//! The way in is [`Intruder::as_member`] for a turned partner with its real certificate, [`knock`] for any badge.
//! It believes every server: whatever refuses it is the victim's own doing.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use allpoints::{
    domain::{reason::Reason, time::Clock as _},
    proto::{
        envelope::v1::SignedBatch,
        exchange::v1::{
            DeliverRequest, DeliverResponse, Frame, FrameResult, Greeting, Heartbeat, Lane, Limits,
            deliver_request::Message as Request, deliver_response::Message as Response,
        },
    },
    trust::tls,
    wire::status::reason_of,
};
use bytes::{Buf as _, BufMut as _, Bytes};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject as _,
};
use tokio::{io::AsyncReadExt as _, sync::mpsc, time::timeout};
use tonic::{
    Code, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};

use super::{
    forge::Envelope,
    realm::{FEDERATION, Realm},
};

/// A node that says nothing for so long has not understood.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What is shown in the handshake.
pub(crate) enum Badge {
    Certificate {
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    },
    Nothing,
}

impl Clone for Badge {
    fn clone(&self) -> Self {
        match self {
            Self::Certificate { chain, key } => Self::Certificate {
                chain: chain.clone(),
                key: key.clone_key(),
            },
            Self::Nothing => Self::Nothing,
        }
    }
}

impl Badge {
    /// A member's real node certificate.
    pub(crate) fn of_member(realm: &Realm, id: &str) -> Self {
        let folder = realm.folder_of(id).join("node");
        Self::from_files(&folder.join("exchange.pem"), &folder.join("exchange.key"))
    }

    /// Certificate and key from files.
    pub(crate) fn from_files(certificate: &Path, key: &Path) -> Self {
        Self::Certificate {
            chain: vec![CertificateDer::from_pem_file(certificate).expect("a certificate")],
            key: PrivateKeyDer::from_pem_file(key).expect("a key"),
        }
    }

    /// A certificate that no command would issue, by a member's real exchange CA.
    pub(crate) fn issued_by(
        realm: &Realm,
        member: &str,
        uris: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        Self::with_key(realm, member, uris, &rcgen::PKCS_ECDSA_P256_SHA256, change)
    }

    /// The same over a key of any algorithm.
    pub(crate) fn with_key(
        realm: &Realm,
        member: &str,
        uris: &[&str],
        algorithm: &'static rcgen::SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let ca = realm.folder_of(member).join("ca/exchange-ca");
        Self::signed_by(&issuer_from(&ca), uris, algorithm, change)
    }

    /// A certificate by the CA whose files are these, without their ends.
    pub(crate) fn by_ca(files: &Path, uris: &[&str]) -> Self {
        let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
        Self::signed_by(&issuer_from(files), uris, algorithm, |_| {})
    }

    /// A certificate of a CA that nobody knows.
    pub(crate) fn of_foreign_ca(uris: &[&str]) -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = Issuer::new(ca, KeyPair::generate().expect("a key"));
        Self::signed_by(&issuer, uris, &rcgen::PKCS_ECDSA_P256_SHA256, |_| {})
    }

    fn signed_by(
        issuer: &Issuer<'_, KeyPair>,
        uris: &[&str],
        algorithm: &'static rcgen::SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let mut leaf = CertificateParams::default();
        leaf.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().expect("ASCII")))
            .collect();
        leaf.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        leaf.use_authority_key_identifier_extension = true;
        change(&mut leaf);
        let certificate = leaf.signed_by(&key, issuer).expect("signed");
        Self::Certificate {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

fn issuer_from(files: &Path) -> Issuer<'static, KeyPair> {
    let read = |end: &str| std::fs::read_to_string(files.with_extension(end)).expect("read");
    let key = KeyPair::from_pem(&read("key")).expect("a key");
    Issuer::from_ca_cert_pem(&read("pem"), key).expect("a CA")
}

/// A greeted stream to a victim.
pub(crate) struct Intruder {
    say: mpsc::Sender<Bytes>,
    answers: Streaming<DeliverResponse>,
    frames: u64,
}

impl Intruder {
    /// A turned partner: its real certificate, its real key, a correct greeting.
    pub(crate) async fn as_member(realm: &Realm, id: &str, victim: &str) -> Self {
        let badge = Badge::of_member(realm, id);
        match knock(realm, victim, badge).await {
            Ok(intruder) => intruder,
            Err(status) => panic!("{victim} refused its member {id}: {status}"),
        }
    }

    /// One batch in a frame of its own; gives what was said of its first statement.
    pub(crate) async fn send(&mut self, envelope: Envelope) -> Said {
        let result = self.send_frame(vec![envelope.0]).await;
        let result = result.expect("the stream goes on");
        let first = result.results.into_iter().next().expect("a result");
        Said {
            code: Code::from(first.code),
            reason: first.reason,
            receipts: result.receipts,
        }
    }

    /// A frame of any batches.
    pub(crate) async fn send_frame(
        &mut self,
        batches: Vec<SignedBatch>,
    ) -> Result<FrameResult, Status> {
        self.frames += 1;
        let number = self.frames;
        self.say(Request::Frame(Frame { number, batches })).await;
        match self.hear().await? {
            Response::Result(result) => {
                assert_eq!(result.number, number);
                Ok(result)
            }
            other => panic!("expected a result, heard {other:?}"),
        }
    }

    /// Sends a frame and is gone before any answer can come.
    pub(crate) async fn send_and_hang_up(mut self, envelope: Envelope) {
        self.frames += 1;
        let frame = Frame {
            number: self.frames,
            batches: vec![envelope.0],
        };
        self.say(Request::Frame(frame)).await;
        // The frame is out once a heartbeat behind it is answered; a result may overtake it, and is not read.
        self.say(heartbeat(1)).await;
        self.hear().await.expect("still there");
    }

    /// The stream still answers heartbeats.
    pub(crate) async fn is_still_heard(&mut self) {
        self.say(heartbeat(9)).await;
        let answer = self.hear().await.expect("the stream goes on");
        assert!(matches!(answer, Response::Heartbeat(beat) if beat.number == 9));
    }

    async fn say(&self, message: Request) {
        self.say_bytes(bytes_of(message)).await;
    }

    /// Any bytes as one gRPC message.
    pub(crate) async fn say_bytes(&self, bytes: Bytes) {
        // A stream that the victim has ended is heard of by its answer.
        drop(self.say.send(bytes).await);
    }

    /// How the victim ended the stream.
    pub(crate) async fn end(mut self) -> Status {
        match self.hear().await {
            Err(status) => status,
            Ok(other) => panic!("expected the end, heard {other:?}"),
        }
    }

    async fn hear(&mut self) -> Result<Response, Status> {
        let answer = timeout(ANSWER_WITHIN, self.answers.message());
        let answer = answer.await.expect("an answer in time")?;
        let answer = answer.ok_or_else(|| Status::unavailable("the stream ended"))?;
        Ok(answer.message.expect("a message"))
    }
}

/// What a victim said of a statement.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) receipts: Vec<SignedBatch>,
}

impl Said {
    /// Refused with this code and reason.
    #[track_caller]
    pub(crate) fn refused_with(&self, code: Code, reason: Reason) {
        let expected = (code, reason.name());
        assert_eq!((self.code, self.reason.as_str()), expected, "{self:?}");
    }

    /// Held, under one receipt.
    #[track_caller]
    pub(crate) fn is_held(&self) {
        assert_eq!((self.code, self.reason.as_str()), (Code::Ok, ""));
        assert_eq!(self.receipts.len(), 1, "one receipt batch");
    }
}

/// Dials, shows the badge, greets as a member would; an error is the victim's refusal.
pub(crate) async fn knock(realm: &Realm, victim: &str, badge: Badge) -> Result<Intruder, Status> {
    let greeting = greeting(realm, victim);
    knock_saying(
        realm.exchange_of(victim),
        badge,
        Request::Greeting(greeting),
    )
    .await
}

/// The same with any first message.
pub(crate) async fn knock_saying(
    at: SocketAddr,
    badge: Badge,
    first: Request,
) -> Result<Intruder, Status> {
    let channel = dial(at, badge).await?;
    let (say, messages) = mpsc::channel(16);
    let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
    let mut client = tonic::client::Grpc::new(channel);
    let opening = async {
        say.send(bytes_of(first)).await.expect("room");
        let ready = client.ready().await;
        ready.map_err(|error| Status::from_error(Box::new(error)))?;
        let path = http::uri::PathAndQuery::from_static(DELIVER);
        let request = tonic::Request::new(messages);
        let answers = client.streaming(request, path, Raw).await?.into_inner();
        let mut intruder = Intruder {
            say,
            answers,
            frames: 0,
        };
        match intruder.hear().await? {
            Response::Greeting(_) => Ok(intruder),
            other => panic!("expected a greeting, heard {other:?}"),
        }
    };
    timeout(ANSWER_WITHIN, opening)
        .await
        .expect("an answer in time")
}

/// What a member's node would greet a victim with.
pub(crate) fn greeting(realm: &Realm, victim: &str) -> Greeting {
    let directory = realm.directory_of(victim);
    Greeting {
        versions: vec![1],
        federation: FEDERATION.to_owned(),
        directory_version: directory.version(),
        directory_hash: directory.hash().to_vec(),
        clock_us: realm.clock().now().as_micros(),
        lane: Lane::Fast.into(),
        limits: Some(Limits {
            statements_per_frame: 256,
            bytes_per_frame: 1 << 20,
            bytes_per_statement: 256 << 10,
            window_statements: 1024,
            window_bytes: 4 << 20,
        }),
    }
}

/// A bare HTTP/2 connection over TLS.
pub(crate) async fn dial(at: SocketAddr, badge: Badge) -> Result<Channel, Status> {
    let config = Arc::new(client(badge));
    let connector = tower::service_fn(move |_: http::Uri| {
        let config = Arc::clone(&config);
        async move {
            let tcp = tokio::net::TcpStream::connect(at).await?;
            let name = ServerName::try_from("node.invalid").map_err(std::io::Error::other)?;
            let tls = tokio_rustls::TlsConnector::from(config).connect(name, tcp);
            Ok::<_, std::io::Error>(TokioIo::new(tls.await?))
        }
    });
    Endpoint::from_static("http://node.invalid")
        .connect_with_connector(connector)
        .await
        .map_err(|error| Status::from_error(Box::new(error)))
}

fn client(badge: Badge) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)));
    let mut config = match badge {
        Badge::Certificate { chain, key } => builder
            .with_client_auth_cert(chain, key)
            .expect("certificate and key fit"),
        Badge::Nothing => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// The handshake alone: let in is who hears the server's first frame, and not an alert.
pub(crate) async fn handshake(at: SocketAddr, badge: Badge) -> Result<(), Reason> {
    let tcp = tokio::net::TcpStream::connect(at).await.expect("connected");
    let name = ServerName::try_from("node.invalid").expect("legal");
    let connecting = tokio_rustls::TlsConnector::from(Arc::new(client(badge))).connect(name, tcp);
    let heard = async { connecting.await?.read_u8().await };
    match timeout(ANSWER_WITHIN, heard).await.expect("in time") {
        Ok(_) => Ok(()),
        // Broken off without a word is still a refusal by TLS.
        Err(error) => match tls::reason_of(&error) {
            Reason::Unreachable => Err(Reason::TlsRefused),
            reason => Err(reason),
        },
    }
}

/// How long a connection stands on which nothing is ever called.
pub(crate) async fn stands_for(at: SocketAddr, badge: Badge) -> Duration {
    let tcp = tokio::net::TcpStream::connect(at).await.expect("connected");
    let name = ServerName::try_from("node.invalid").expect("legal");
    let connecting = tokio_rustls::TlsConnector::from(Arc::new(client(badge))).connect(name, tcp);
    let mut tls = connecting.await.expect("let in");
    let begun = tokio::time::Instant::now();
    let mut heard = [0; 256];
    while matches!(tls.read(&mut heard).await, Ok(1..)) {}
    begun.elapsed()
}

/// The first call fails, and it is not the service that says so.
#[track_caller]
pub(crate) fn refused_without_a_word(answer: Result<Intruder, Status>) {
    let Err(status) = answer else {
        panic!("let in")
    };
    assert_eq!(reason_of(&status), None, "said by the service: {status}");
}

/// Refused by the service, with code and reason.
#[track_caller]
pub(crate) fn refused_by_service<T>(answer: Result<T, Status>, code: Code, reason: Reason) {
    let Err(status) = answer else {
        panic!("let in")
    };
    assert_eq!((status.code(), reason_of(&status)), (code, Some(reason)));
}

/// Says nothing of a directory.
fn heartbeat(number: u64) -> Request {
    Request::Heartbeat(Heartbeat {
        number,
        ..<_>::default()
    })
}

/// The one method that a member calls.
pub(crate) const DELIVER: &str = "/allpoints.exchange.v1.Exchange/Deliver";

fn bytes_of(message: Request) -> Bytes {
    let message = Some(message);
    DeliverRequest { message }.encode_to_vec().into()
}

/// Any bytes out; what a victim answers in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = DeliverResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = DeliverResponse;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DeliverResponse>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        let decoded = DeliverResponse::decode(bytes);
        decoded
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// An intruder does not care who the server is.
#[derive(Debug)]
struct Credulous(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
