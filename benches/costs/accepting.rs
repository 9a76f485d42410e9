//! What the view costs: the broker accepts the same drafts over a view in memory and over sled.

use std::sync::Arc;

use allpoints::{
    delivery::{
        Broker, BrokerParts, Connector, Greeting, Ground, Link, LinkError, SecondPerson, Submission,
    },
    domain::{
        id::AuthorityId,
        reason::Reason,
        routing::{Lane, TransferGround},
    },
    node::system::{SystemClock, SystemRandom},
    store::{
        Store, StoreConfig,
        disk::RealDisk,
        entry::Actor,
        keyring::KeyEncryptionKey,
        view::{View, memory::MemoryView, sled::SledView},
    },
    trust::batch::{Purpose, Verifier},
    wire::alert::ParsedDraft,
};

use crate::{
    net::Member,
    parts::{BATCH, cpu_us, signer},
};

/// Processor time, us a draft: over a view in memory, and over sled.
pub fn cost(member: &Member, drafts: &[ParsedDraft], rounds: usize) -> [f64; 2] {
    let costs = |kind: Kind| {
        let runs = (0..rounds.clamp(1, 5)).map(|round| once(member, drafts, kind, round));
        crate::median(runs.collect())
    };
    [costs(Kind::Memory), costs(Kind::Sled)]
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Memory,
    Sled,
}

fn once(member: &Member, drafts: &[ParsedDraft], kind: Kind, round: usize) -> f64 {
    let place = member.home.join(format!("accepting-{kind:?}-{round}"));
    std::fs::create_dir_all(&place).expect("a folder");
    let key_file = member.home.join(format!("accepting-{kind:?}-{round}.key"));
    KeyEncryptionKey::generate(&key_file).expect("a key");
    let view: Box<dyn View> = match kind {
        Kind::Memory => Box::new(MemoryView::default()),
        Kind::Sled => Box::new(SledView::open(&place.join("view")).expect("a view").0),
    };
    let clock = Arc::new(SystemClock::new());
    let config = StoreConfig {
        folder: place.clone(),
        key_file,
        authority: member.id,
    };
    let opened = Store::open(config, Arc::new(RealDisk), view, Arc::clone(&clock) as _);
    let store = opened.expect("a store").0;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cost = runtime.block_on(async {
        let directory = member.directory();
        let broker = Broker::start(BrokerParts {
            authority: member.id,
            store: store.clone(),
            verifier: Verifier::new(directory.load_full()),
            directory,
            statement_signer: signer(member, Purpose::Statement),
            receipt_signer: signer(member, Purpose::Receipt),
            clock,
            random: Arc::new(SystemRandom),
            links: Arc::new(Nobody),
            workers: 2,
        });
        let actor = Actor::new("officer-costs").expect("legal");
        let handle = tokio::runtime::Handle::current();
        let cost = tokio::task::block_in_place(|| {
            cpu_us(drafts.len(), || {
                for chunk in drafts.chunks(BATCH) {
                    let submissions = chunk.iter().map(submission).collect();
                    let accepted = handle.block_on(broker.submit_many(actor, submissions));
                    assert!(accepted.iter().all(Result::is_ok), "accepted");
                }
                // With the last tick of the view.
                std::thread::sleep(allpoints::domain::limits::VIEW_TICK * 2);
            })
        });
        broker.stop().await;
        cost
    });
    runtime.block_on(store.close()).expect("closed");
    std::fs::remove_dir_all(&place).expect("removed");
    cost
}

fn submission(draft: &ParsedDraft) -> Submission {
    Submission {
        id: draft.id,
        to: draft.to.clone(),
        kind: draft.kind,
        effect: draft.effect,
        terms: draft.terms.clone(),
        status: draft.status,
        priority: draft.priority,
        handling: draft.handling,
        handling_text: draft.handling_text.clone(),
        ground: Ground::named(TransferGround::Adequacy, String::new()),
        in_reply_to: None,
        carried_hours: draft.carried_hours,
        payload: draft.payload.clone(),
        release: SecondPerson::NotNeeded,
    }
}

/// A way to no partner: what is accepted stays queued.
struct Nobody;

#[tonic::async_trait]
impl Connector for Nobody {
    async fn connect(
        &self,
        _: AuthorityId,
        _: Lane,
        _: Greeting,
    ) -> Result<Box<dyn Link>, LinkError> {
        Err(LinkError {
            reason: Reason::Unreachable,
            detail: "nobody is there".to_owned(),
        })
    }
}
