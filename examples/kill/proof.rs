//! The reckoning: the driver's own list against every node's desk and every node's journal.
//!
//! The way in is [`orders`] while the nodes serve and [`journals`] when they have stopped. Nothing that a node
//! says of itself is believed where its journal can be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use allpoints::{
    domain::id::{AuthorityId, StatementRef},
    proto::desk::v1::{Box as ListBox, ListRequest, ShowRequest},
    store::{
        disk::RealDisk,
        entry::{Act, EntryHeader},
        journal::{Journal, check},
    },
    trust::merkle::{Frontier, leaf},
};

use super::{
    book::Acknowledged,
    fleet::{Desk, Fleet, Member, Outcome},
    rounds::Head,
};

/// Faults, each in words.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) lost: BTreeSet<String>,
    pub(super) doubled: BTreeSet<String>,
    pub(super) disordered: BTreeSet<String>,
    pub(super) unverified: BTreeSet<String>,
    /// Journals of which everything was read and held.
    pub(super) journals_verified: usize,
    /// Roots that nodes told on the way, each found again as the root of a prefix.
    pub(super) heads_verified: usize,
}

impl Faults {
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        let own = self.lost.iter().chain(&self.doubled);
        own.chain(&self.disordered).chain(&self.unverified)
    }
}

/// Asks every receiver for the followed threads, and for its whole inbox.
pub(super) async fn desks(
    fleet: &Fleet,
    threads: &BTreeMap<StatementRef, Vec<StatementRef>>,
    said: &Acknowledged,
    faults: &mut Faults,
) -> Outcome<()> {
    for member in fleet.members() {
        let mut desk = member.door.open().await?;
        for (thread, order) in threads.iter().filter(|(it, _)| it.origin != member.id) {
            let shown = in_thread(&mut desk, thread).await?;
            if &shown != order {
                let (at, what) = (&member.id, shown.len());
                faults.disordered.insert(format!(
                    "{thread} at {at}: {what} statements, not the {} in their order",
                    order.len()
                ));
            }
        }
        let inbox = inbox(&mut desk).await?;
        let mut seen = BTreeSet::new();
        for statement in inbox {
            if !seen.insert(statement) {
                let fault = format!("{statement} twice in the inbox of {}", member.id);
                faults.doubled.insert(fault);
            }
        }
        for statement in said.accepted.iter().filter(|it| it.origin != member.id) {
            if !seen.contains(statement) {
                let fault = format!("{statement} is not in the inbox of {}", member.id);
                faults.lost.insert(fault);
            }
        }
    }
    Ok(())
}

async fn in_thread(desk: &mut Desk, thread: &StatementRef) -> Outcome<Vec<StatementRef>> {
    let request = ShowRequest {
        id: thread.to_string(),
        peek: true,
        ..ShowRequest::default()
    };
    let shown = desk.show(request).await?.into_inner();
    let summaries = shown.statements.into_iter().filter_map(|it| it.summary);
    let named = summaries.filter_map(|it| it.statement);
    named.map(|it| named_by(&it.origin, &it.id)).collect()
}

async fn inbox(desk: &mut Desk) -> Outcome<Vec<StatementRef>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListRequest {
            r#box: ListBox::In.into(),
            limit: 200,
            cursor,
            ..<_>::default()
        };
        let page = desk.list(request).await?.into_inner();
        for named in page.items.into_iter().filter_map(|it| it.statement) {
            all.push(named_by(&named.origin, &named.id)?);
        }
        if page.next_cursor.is_empty() {
            return Ok(all);
        }
        cursor = page.next_cursor;
    }
}

fn named_by(origin: &str, id: &[u8]) -> Outcome<StatementRef> {
    Ok(StatementRef {
        origin: origin.parse()?,
        id: allpoints::domain::id::MessageId::from_bytes(id)?,
    })
}

/// What one journal says of statements.
#[derive(Default)]
struct Acts {
    accepted: BTreeMap<StatementRef, u32>,
    received: BTreeMap<StatementRef, u32>,
    receipted: BTreeMap<(StatementRef, AuthorityId), u32>,
}

/// Reads every stopped node's journal through, and compares.
pub(super) fn journals(
    fleet: &Fleet,
    said: &Acknowledged,
    heads: &[Vec<Head>],
    faults: &mut Faults,
) -> Outcome<()> {
    let mut all = BTreeMap::new();
    for (member, heads) in fleet.members().iter().zip(heads) {
        let before = faults.unverified.len();
        all.insert(member.id, read(fleet, member, heads, faults)?);
        faults.journals_verified += usize::from(faults.unverified.len() == before);
    }
    for (id, acts) in &all {
        let single = |what: &str, name: String, count: u32, faults: &mut Faults| {
            if count > 1 {
                let fault = format!("{name}: {what} {count} times by {id}");
                faults.doubled.insert(fault);
            }
        };
        for (statement, count) in &acts.accepted {
            single("accepted", statement.to_string(), *count, faults);
        }
        for (statement, count) in &acts.received {
            single("received", statement.to_string(), *count, faults);
        }
        for ((statement, by), count) in &acts.receipted {
            single(
                &format!("receipt of {by} kept"),
                statement.to_string(),
                *count,
                faults,
            );
        }
    }
    for statement in said.accepted.union(&said.delivered) {
        for (id, acts) in &all {
            let own = *id == statement.origin;
            let kept = if own { &acts.accepted } else { &acts.received };
            if !kept.contains_key(statement) {
                faults
                    .lost
                    .insert(format!("{statement} is not in the journal of {id}"));
            }
            let receipts = all.get(&statement.origin).map(|acts| &acts.receipted);
            if !own && !receipts.is_some_and(|kept| kept.contains_key(&(*statement, *id))) {
                faults
                    .lost
                    .insert(format!("{statement}: the receipt of {id} is not kept"));
            }
        }
    }
    Ok(())
}

fn read(fleet: &Fleet, member: &Member, heads: &[Head], faults: &mut Faults) -> Outcome<Acts> {
    let mut bad = |what: String| {
        faults.unverified.insert(format!("{}: {what}", member.id));
    };
    let report = check(&member.journal(fleet.clock()), &RealDisk, &mut |_| {})?;
    for finding in report.findings {
        bad(format!(
            "{} at {}: {}",
            finding.file.display(),
            finding.offset,
            finding.what
        ));
    }
    let (journal, _) = Journal::open(member.journal(fleet.clock()), Arc::new(RealDisk))?;
    let mut told: BTreeMap<u64, BTreeSet<&Vec<u8>>> = BTreeMap::new();
    for (size, root) in heads {
        told.entry(*size).or_default().insert(root);
    }
    let mut tree = Frontier::default();
    let mut acts = Acts::default();
    let mut verified = 0;
    for header in journal.headers(0) {
        let (_, bytes) = header?;
        tree.push(leaf(&bytes));
        if let Some(roots) = told.remove(&tree.size()) {
            if roots.iter().any(|root| ***root != tree.root()) {
                bad(format!(
                    "the log of {} entries had another root once",
                    tree.size()
                ));
            }
            verified += roots.len();
        }
        let header = EntryHeader::decode(&bytes)?;
        if let Some(subject) = header.subject {
            match (header.act, header.peer) {
                (Act::Accepted, _) => *acts.accepted.entry(subject).or_default() += 1,
                (Act::Received, _) => *acts.received.entry(subject).or_default() += 1,
                (Act::ReceiptStored, Some(by)) => {
                    *acts.receipted.entry((subject, by)).or_default() += 1;
                }
                _ => {}
            }
        }
    }
    if journal.head() != (tree.size(), tree.root()) {
        bad("its head is not the root of its headers".to_owned());
    }
    if let Some(size) = told.keys().next() {
        bad(format!("it told of {size} entries and has {}", tree.size()));
    }
    journal.close()?;
    faults.heads_verified += verified;
    Ok(acts)
}
