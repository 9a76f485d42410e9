//! An authority's hands without its node: signs what a test wants and delivers it to a partner's real node.
//!
//! The way in is [`Peer::of`]. Holds the authority's true keys, so that whatever is refused is refused by a rule.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use allpoints::{
    delivery::{
        Connector, Greeting, Incoming, Link, LinkError, LinkLimits, Outgoing, StatementOutcome,
    },
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::CARRIAGE_MAX,
        routing::{
            Effect, Handling, HandlingSet, Kind, Lane, Priority, Recipient, Routing, Status,
            TransferGround,
        },
        time::Clock,
    },
    exchange::{GrpcConnector, GrpcConnectorParts, PROTOCOL_VERSIONS},
    proto::alert::v1::Draft,
    trust::{
        batch::{BatchSigner, Purpose, Unverified, UnverifiedItem},
        directory::{Directory, DirectoryHandle},
        keys::{KeyUse, SigningKey},
        pae::{self, DocumentType},
        tls::{self, TlsIdentity},
    },
    wire::{
        alert::parse_draft,
        encode_statement,
        generate::{Recipe, drafts},
    },
};
use arc_swap::ArcSwap;
use bytes::Bytes;

use super::fleet::{Member, Outcome};

/// What a node answered to a frame: per statement, and the receipts as they came.
pub(crate) type Answer = (Vec<StatementOutcome>, Vec<Unverified>);

/// One authority.
pub(crate) struct Peer {
    pub(crate) id: AuthorityId,
    pub(crate) directory: DirectoryHandle,
    clock: Arc<dyn Clock>,
    signer: BatchSigner,
    connector: GrpcConnector,
    identity: TlsIdentity,
    count: AtomicU64,
}

impl Peer {
    /// With the member's own keys and certificate.
    pub(crate) fn of(member: &Member, clock: Arc<dyn Clock>) -> Outcome<Self> {
        let config = &member.config;
        let directory = Directory::load(
            &config.directory.folder,
            config.directory.anchor,
            clock.now(),
        )?;
        let federation = directory.federation().to_owned();
        let directory: DirectoryHandle = Arc::new(ArcSwap::from_pointee(directory));
        let key = SigningKey::load(&config.keys.statement, KeyUse::Statement)?;
        let identity =
            TlsIdentity::load(&config.exchange.certificate, &config.exchange.key, &*clock)?;
        Ok(Self {
            id: member.id,
            signer: BatchSigner::new(&federation, member.id, Purpose::Statement, key),
            connector: GrpcConnector::new(GrpcConnectorParts {
                own: member.id,
                identity: Arc::new(ArcSwap::from_pointee(identity.clone())),
                directory: Arc::clone(&directory),
            }),
            identity,
            directory,
            clock,
            count: AtomicU64::new(0),
        })
    }

    /// A legal real alert to these, and its payload.
    pub(crate) fn alert(&self, to: &[AuthorityId]) -> Outcome<(Routing, Bytes)> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let unix_ms = u64::try_from(self.clock.now().as_micros() / 1000)?;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        let statement = StatementRef {
            origin: self.id,
            id: MessageId::from_parts(unix_ms, random),
        };
        let recipe = Recipe {
            seed: number,
            to: vec!["all".to_owned()],
            status: Status::Actual,
            priority: None,
            now: self.clock.now(),
            payload_bytes: None,
        };
        let draft: Draft = drafts(recipe).next().ok_or("no draft")?;
        let parsed = parse_draft(&draft, self.clock.now()).map_err(|it| format!("{it:?}"))?;
        let mut recipients: Vec<Recipient> = to.iter().map(|it| recipient(*it, 0)).collect();
        recipients.sort_by_key(|it| it.authority.as_str().to_owned());
        let routing = Routing {
            statement,
            thread: statement,
            recipients,
            kind: parsed.kind,
            status: parsed.status,
            priority: Priority::Urgent,
            handling: HandlingSet::new([Handling::H1])?,
            handling_text: String::new(),
            issued_at: self.clock.now(),
            carried_until: self.clock.now().plus(CARRIAGE_MAX / 30),
            in_reply_to: None,
            supersedes: None,
            release: None,
            effect: Effect::Starts,
            terms: <_>::default(),
        };
        Ok((routing, parsed.payload))
    }

    /// An update of an own alert, the next in its thread.
    pub(crate) fn update(&self, first: &Routing, seq: u32) -> Outcome<(Routing, Bytes)> {
        use allpoints::proto::{alert::v1 as alert, envelope::v1 as envelope};
        use prost::Message as _;
        let payload = alert::Payload {
            kind: Some(alert::payload::Kind::Update(alert::Update {
                target: Some(envelope::StatementRef {
                    origin: first.statement.origin.to_string(),
                    id: first.statement.id.as_bytes().to_vec(),
                }),
                text: Some(alert::Text {
                    text: "Seen near the harbour.".to_owned(),
                    language: "en".to_owned(),
                }),
                ..<_>::default()
            })),
            ..<_>::default()
        };
        let routing = Routing {
            thread: first.thread,
            in_reply_to: Some(first.statement),
            kind: Kind::Update,
            effect: Effect::Updates,
            status: first.status,
            recipients: first
                .recipients
                .iter()
                .map(|it| recipient(it.authority, seq))
                .collect(),
            ..self.alert(&[])?.0
        };
        Ok((routing, payload.encode_to_vec().into()))
    }

    /// The bytes to sign.
    pub(crate) fn document(&self, (routing, payload): &(Routing, Bytes)) -> Bytes {
        encode_statement(routing, [7; 16], payload)
    }

    /// One batch over these.
    pub(crate) fn sign(&self, documents: &[Bytes]) -> Unverified {
        let leaf = |bytes: &Bytes| pae::leaf_hash(DocumentType::Statement, bytes);
        let batch = self.signer.sign(documents.iter().map(leaf).collect());
        let items = (0..)
            .zip(documents)
            .map(|(index, document)| UnverifiedItem {
                document: document.clone(),
                index,
                path: Vec::new(),
            });
        Unverified {
            signed: (*batch.signed).clone(),
            items: items.collect(),
        }
    }

    /// Dials the partner as the directory says, greets it, hands one frame over, and waits for the answer.
    pub(crate) async fn deliver(
        &self,
        to: AuthorityId,
        batch: Unverified,
    ) -> Result<Answer, LinkError> {
        self.dial(to).await?.hand_over(batch).await
    }

    /// Dials the partner as the directory says, and greets it.
    pub(crate) async fn dial(&self, to: AuthorityId) -> Result<Errand, LinkError> {
        let dialling = self.connector.connect(to, Lane::Fast, self.greeting());
        Ok(Errand {
            link: dialling.await?,
            frames: 0,
        })
    }

    /// What TLS shows when this authority dials the partner.
    pub(crate) fn tls_towards(&self, to: AuthorityId) -> Outcome<Arc<rustls::ClientConfig>> {
        let directory = Arc::clone(&self.directory);
        Ok(tls::exchange_client(
            self.id,
            to,
            &self.identity,
            directory,
        )?)
    }

    fn greeting(&self) -> Greeting {
        let directory = self.directory.load();
        Greeting {
            versions: PROTOCOL_VERSIONS.to_vec(),
            federation: directory.federation().to_owned(),
            directory_version: directory.version(),
            directory_hash: directory.hash(),
            clock: self.clock.now(),
            lane: Lane::Fast,
            limits: LinkLimits {
                statements_per_frame: 256,
                bytes_per_frame: 1 << 20,
                bytes_per_statement: 1 << 18,
                window_statements: 256,
                window_bytes: 1 << 20,
            },
        }
    }
}

/// A greeted stream to a partner.
pub(crate) struct Errand {
    link: Box<dyn Link>,
    frames: u64,
}

impl Errand {
    /// Hands one frame over, and waits for the answer.
    pub(crate) async fn hand_over(&mut self, batch: Unverified) -> Result<Answer, LinkError> {
        self.frames += 1;
        let number = self.frames;
        let batches = vec![batch];
        self.link.send(Outgoing::Frame { number, batches }).await?;
        loop {
            let incoming = self.link.receive().await?;
            if let Incoming::Result {
                results, receipts, ..
            } = incoming
            {
                return Ok((results, receipts));
            }
        }
    }
}

fn recipient(authority: AuthorityId, thread_seq: u32) -> Recipient {
    Recipient {
        authority,
        thread_seq,
        ground: TransferGround::Adequacy,
        ground_reason: String::new(),
    }
}
