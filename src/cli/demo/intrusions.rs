//! Three intrusions against a real exchange port, with a bare client of our own, and how each is refused.
//!
//! The client believes any server and greets correctly: everything that refuses it is the node's own doing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject as _,
};
use tonic::transport::{Channel, Endpoint};

use super::{
    plan::{ARCADIA, BENSALEM, COCKAIGNE, Example, FEDERATION},
    report::Promise,
    sabotage::flipped,
    stage::Stage,
};
use crate::{
    cli::{
        exit::{CliError, Exit},
        outside::new_message_id,
        session::read_failed,
    },
    domain::{
        id::{AuthorityId, StatementRef},
        routing::{
            Effect, Handling, HandlingSet, Kind, Priority, Recipient, Routing, Status,
            TransferGround,
        },
    },
    proto::{
        desk::v1::AuditListRequest,
        envelope::v1::{SignedBatch, SignedItem},
        exchange::v1::{
            DeliverRequest, Frame, Greeting, Lane, Limits, deliver_request, deliver_response,
            exchange_client::ExchangeClient,
        },
    },
    trust::{
        batch::{BatchSigner, Purpose},
        directory::{Anchor, Directory},
        keys::{KeyUse, SigningKey},
        pae::{DocumentType, leaf_hash},
    },
    wire,
};

/// How long a node may take to answer a frame.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Tries all three, and reads Bensalem's journal after each.
///
/// # Errors
/// When an intrusion could not even be made.
pub(super) async fn all(stage: &mut Stage<'_>) -> Result<(), CliError> {
    let directory = Arc::new(read_directory(stage)?);
    let foreign = foreign_identity().map_err(inside)?;
    let refused = match attempt(stage, &directory, foreign, None).await {
        Err(_) => "refused before the first message".to_owned(),
        Ok(reason) => format!("let in: {reason}"),
    };
    stage.tell(
        "Intruder",
        format!("dials Bensalem with a certificate of its own making: {refused}"),
    );
    stage.report.check(
        Promise::Proved,
        "a certificate of a foreign CA gets nothing",
        "refused before the first message",
        &refused,
    );
    let cases = [
        (
            "speaking in another's name is refused",
            "a member of the federation speaks in Arcadia's name",
            Tampering::OriginOfArcadia,
            "ORIGIN_MISMATCH",
        ),
        (
            "a changed byte is refused",
            "changes one bit of a signed alert",
            Tampering::OneByte,
            "BAD_BATCH",
        ),
    ];
    for (name, story, tampering, expected) in cases {
        let batch = statement(stage, tampering)?;
        let identity = genuine_identity(stage)?;
        let reason = attempt(stage, &directory, identity, Some(batch)).await?;
        stage.tell("Intruder", format!("{story}: refused, {reason}"));
        stage.report.check(Promise::Proved, name, expected, &reason);
        let journaled = journaled(stage, &reason).await?;
        let name = format!("{name}, and journaled");
        stage.check_yes(Promise::Proved, &name, journaled);
    }
    Ok(())
}

/// What is wrong with the intruder's statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tampering {
    /// Signed by Cockaigne, naming Arcadia as its origin.
    OriginOfArcadia,
    /// Cockaigne's own, one bit changed after signing.
    OneByte,
}

/// A certificate and its key, to show in the handshake.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Cockaigne's name, vouched for by a CA that nobody knows.
fn foreign_identity() -> Result<Identity, rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::default();
    let uri = format!("allpoints://{}/node/1", COCKAIGNE.id);
    leaf.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = leaf.signed_by(&key, &issuer)?;
    Ok(Identity {
        chain: vec![certificate.der().clone()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    })
}

/// Cockaigne's real node certificate.
fn genuine_identity(stage: &Stage<'_>) -> Result<Identity, CliError> {
    let folder = stage.net.folder_of(COCKAIGNE.id).join("node");
    Ok(Identity {
        chain: vec![CertificateDer::from_pem_file(folder.join("exchange.pem")).map_err(inside)?],
        key: PrivateKeyDer::from_pem_file(folder.join("exchange.key")).map_err(inside)?,
    })
}

fn read_directory(stage: &Stage<'_>) -> Result<Directory, CliError> {
    let anchor: Anchor = stage.report.anchor.parse().map_err(inside)?;
    let folder = stage.net.folder_of(COCKAIGNE.id).join("directory");
    Directory::load(&folder, anchor, stage.session.clock.now()).map_err(inside)
}

/// A statement signed with Cockaigne's real key.
fn statement(stage: &Stage<'_>, tampering: Tampering) -> Result<SignedBatch, CliError> {
    let signer: AuthorityId = COCKAIGNE.id.parse().map_err(inside)?;
    let origin = match tampering {
        Tampering::OriginOfArcadia => ARCADIA.id.parse().map_err(inside)?,
        Tampering::OneByte => signer,
    };
    let now = stage.session.clock.now();
    let id = new_message_id(stage.session.clock.as_ref())?;
    let name = StatementRef { origin, id };
    let routing = Routing {
        statement: name,
        thread: name,
        recipients: vec![Recipient {
            authority: BENSALEM.id.parse().map_err(inside)?,
            thread_seq: 0,
            ground: TransferGround::Safeguards,
            ground_reason: String::new(),
        }],
        kind: Kind::MissingOffender,
        status: Status::Exercise,
        priority: Priority::Urgent,
        handling: HandlingSet::new([Handling::H1]).map_err(inside)?,
        handling_text: String::new(),
        issued_at: now,
        carried_until: now.plus(Duration::from_secs(3600)),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: Effect::Starts,
        terms: <_>::default(),
    };
    let payload = Example::MissingOffender
        .draft(&[BENSALEM.id], now)?
        .payload
        .unwrap_or_default();
    let document =
        wire::encode_statement(&routing, [7; 16], &prost::Message::encode_to_vec(&payload));
    let key_file = stage.net.folder_of(COCKAIGNE.id).join("keys/statement.key");
    let key = SigningKey::load(&key_file, KeyUse::Statement).map_err(inside)?;
    let batch = BatchSigner::new(FEDERATION, signer, Purpose::Statement, key)
        .sign(vec![leaf_hash(DocumentType::Statement, &document)]);
    let document = match tampering {
        Tampering::OriginOfArcadia => document,
        Tampering::OneByte => flipped(&document).unwrap_or_default(),
    };
    Ok(signed_batch(
        &batch.signed.header,
        &batch.signed.signature,
        document,
    ))
}

fn signed_batch(header: &Bytes, signature: &Bytes, document: Bytes) -> SignedBatch {
    SignedBatch {
        header: header.clone(),
        signature: signature.clone(),
        items: vec![SignedItem {
            document,
            index: 0,
            path: Vec::new(),
        }],
    }
}

/// Dials Bensalem, greets, sends; gives the reason of the refusal, empty when it was held.
async fn attempt(
    stage: &Stage<'_>,
    directory: &Directory,
    identity: Identity,
    batch: Option<SignedBatch>,
) -> Result<String, CliError> {
    let channel = dial(&stage.net.exchange_of(BENSALEM.id)?, identity).await?;
    let (say, messages) = tokio::sync::mpsc::channel(4);
    let greeting = deliver_request::Message::Greeting(greeting(stage, directory));
    let frame = deliver_request::Message::Frame(Frame {
        number: 1,
        batches: batch.into_iter().collect(),
    });
    for message in [greeting, frame] {
        let request = DeliverRequest {
            message: Some(message),
        };
        say.send(request).await.map_err(inside)?;
    }
    let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
    let talk = async {
        let mut answers = ExchangeClient::new(channel)
            .deliver(messages)
            .await?
            .into_inner();
        while let Some(answer) = answers.message().await? {
            if let Some(deliver_response::Message::Result(result)) = answer.message {
                let first = result.results.into_iter().next();
                return Ok(first.map(|it| it.reason).unwrap_or_default());
            }
        }
        Err(tonic::Status::unavailable(
            "the stream ended without a result",
        ))
    };
    let reason = tokio::time::timeout(ANSWER_WITHIN, talk)
        .await
        .map_err(|_| CliError::new(Exit::Failed, "no answer to an intrusion in time"))?;
    drop(say);
    reason.map_err(read_failed)
}

fn greeting(stage: &Stage<'_>, directory: &Directory) -> Greeting {
    Greeting {
        versions: vec![1],
        federation: FEDERATION.to_owned(),
        directory_version: directory.version(),
        directory_hash: directory.hash().to_vec(),
        clock_us: stage.session.clock.now().as_micros(),
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

async fn dial(address: &str, identity: Identity) -> Result<Channel, CliError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(inside)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelievesAnybody(provider)))
        .with_client_auth_cert(identity.chain, identity.key)
        .map_err(inside)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    let address = address.to_owned();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (address, config) = (address.clone(), config.clone());
        async move {
            let tcp = tokio::net::TcpStream::connect(address).await?;
            let name = ServerName::try_from("node.invalid").map_err(std::io::Error::other)?;
            let tls = tokio_rustls::TlsConnector::from(config)
                .connect(name, tcp)
                .await?;
            Ok::<_, std::io::Error>(TokioIo::new(tls))
        }
    });
    Endpoint::from_static("http://node.invalid")
        .connect_with_connector(connector)
        .await
        .map_err(inside)
}

/// True when Bensalem's journal holds a refusal of Cockaigne for this reason.
async fn journaled(stage: &Stage<'_>, reason: &str) -> Result<bool, CliError> {
    let mut desk = stage.desk(BENSALEM.id, "auditor").await?;
    let request = AuditListRequest {
        limit: 50,
        ..AuditListRequest::default()
    };
    let entries = desk
        .audit_list(request)
        .await
        .map_err(read_failed)?
        .into_inner()
        .entries;
    Ok(entries
        .iter()
        .any(|entry| entry.peer == COCKAIGNE.id && entry.reason == reason))
}

fn inside(error: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Failed,
        format!("an intrusion could not be made: {error}"),
    )
}

/// An intruder does not care who the server is.
#[derive(Debug)]
struct BelievesAnybody(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for BelievesAnybody {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
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
