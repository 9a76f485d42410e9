//! What is compared with what the nodes hold: in passing while they run, and in full when all is over.
//!
//! The way in is [`passing`] and [`Final::check`]. Every promise has one function here, named after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use super::{
    dice::Dice,
    model::{Model, Said},
    network::{End, Network},
    node::{Node, Up},
    view::CrashingView,
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::CLOCK_TOLERANCE,
        lives::{AlertLife, DeliveryLife},
        reason::{Class, Reason},
        receipt::{LeafHash, Verdict},
        routing::{AnswerCode, Effect},
        time::{Clock, Timestamp},
    },
    store::{
        Machine, OpenError, ReadError, Recovery, Store,
        disk::simulated::SimulatedDisk,
        entry::{Act, EntryHeader},
        journal,
        ledger::Ledger,
        record::{Direction, MessageRecord},
    },
    trust::{
        batch::{Purpose, Unverified, UnverifiedItem, Verifier},
        directory::Directory,
        merkle::{self, Frontier, Hash},
    },
    wire,
};

/// What must hold of a running node at any moment.
pub(super) fn passing(node: &Node, model: &Model) {
    // A store that is being closed shows nothing.
    let running = |up: &&Up| node.is_up() && !up.stopping;
    let Some(up) = node.up.as_ref().filter(running) else {
        return;
    };
    let said = model.said().rotten;
    let rotten = |record: &MessageRecord| {
        said.is_some_and(|(at, what)| at == record.statement.origin && what == record.statement)
    };
    if let Err(what) = up
        .store
        .glance(|ledger, _| in_order(node.id, ledger, rotten))
    {
        model.violate(what);
    }
    model.head(node.id, up.store.log_head());
}

/// Within a thread, nothing takes effect before what its origin sent earlier; recalls and closures may overtake. Only
/// what its origin had lost may share its number with another (ARCHITECTURE.md, decision 28).
fn in_order(
    own: AuthorityId,
    ledger: &Ledger,
    was_lost: impl Fn(&MessageRecord) -> bool,
) -> Result<(), String> {
    let mut sent: BTreeMap<(AuthorityId, StatementRef), BTreeMap<u32, MessageRecord>> =
        BTreeMap::new();
    let records = (0..ledger.message_count()).filter_map(|ordinal| ledger.message_at(ordinal));
    for record in records.filter(|record| record.direction == Direction::Foreign) {
        let Some(seq) = record.delivery(&own).map(|delivery| delivery.thread_seq) else {
            return Err(format!(
                "{own} holds {}, which does not name it",
                record.statement
            ));
        };
        let of_origin = sent.entry((record.statement.origin, record.thread));
        let one_was_lost = was_lost(&record);
        if let Some(other) = of_origin.or_default().insert(seq, record)
            && !one_was_lost
            && !was_lost(&other)
        {
            return Err(format!(
                "{own} holds two of number {seq}: {}",
                other.statement
            ));
        }
    }
    for statements in sent.values() {
        let mut due = 0;
        let mut waits = None;
        for (seq, record) in statements {
            let applied = record.life != AlertLife::Waiting;
            if applied && !record.kind.overtakes() && (*seq != due || waits.is_some()) {
                return Err(format!(
                    "{own} applied {} (number {seq}) before number {}",
                    record.statement,
                    waits.unwrap_or(due)
                ));
            }
            if *seq == due {
                due += 1;
            }
            if !applied && waits.is_none() {
                waits = Some(*seq);
            }
        }
    }
    Ok(())
}

/// Threads with a statement of this node that its clock, which was wrong, dated too late or too early.
pub(super) fn stuck_threads(store: &Store, now: Timestamp) -> BTreeSet<StatementRef> {
    let own = records(store).into_values();
    own.filter(|record| {
        record.direction == Direction::Own
            && (record.issued_at > now.plus(CLOCK_TOLERANCE) || record.carried_until < now)
    })
    .map(|record| record.thread)
    .collect()
}

/// A delivery of a running node that is not over.
pub(super) struct Open {
    pub(super) statement: StatementRef,
    pub(super) thread: StatementRef,
    pub(super) recipient: AuthorityId,
    pub(super) life: DeliveryLife,
}

/// All of them.
pub(super) fn unsettled(node: &Node) -> Vec<Open> {
    let Some(up) = &node.up else {
        return Vec::new();
    };
    let open = |ledger: &Ledger, _| {
        let records = (0..ledger.message_count()).filter_map(|ordinal| ledger.message_at(ordinal));
        let own = records.filter(|record| record.direction == Direction::Own);
        own.flat_map(|record| {
            let (statement, thread) = (record.statement, record.thread);
            let open = record.deliveries.into_iter();
            open.filter(|delivery| !delivery.life.is_settled())
                .map(move |delivery| Open {
                    statement,
                    thread,
                    recipient: delivery.recipient,
                    life: delivery.life,
                })
        })
        .collect()
    };
    up.store.glance(open)
}

/// Nodes that have not asked all partners for what they lost.
pub(super) fn reclaiming(nodes: &BTreeMap<AuthorityId, Node>) -> usize {
    let asks = |node: &&Node| {
        let up = node.up.as_ref();
        up.is_some_and(|up| {
            let waits = !up.process.broker.reclaiming().waiting.is_empty();
            waits || up.store.loss().ask_since.is_some()
        })
    };
    nodes.values().filter(asks).count()
}

/// Statements at this node that one of its partners could give back, with the receipt that was given first.
pub(super) fn held_elsewhere(
    nodes: &BTreeMap<AuthorityId, Node>,
    at: AuthorityId,
) -> BTreeSet<StatementRef> {
    let held = |node: &Node| {
        let up = node.up.as_ref().filter(|_| node.is_up());
        up.map(|up| records(&up.store)).unwrap_or_default()
    };
    let all: BTreeMap<AuthorityId, _> = nodes.iter().map(|(id, node)| (*id, held(node))).collect();
    let here = all.get(&at).into_iter().flat_map(BTreeMap::values);
    let receipted = |record: &MessageRecord, by: &AuthorityId| {
        let delivery = record.delivery(by);
        delivery.is_some_and(|it| it.life == DeliveryLife::Delivered && it.receipt.is_some())
    };
    let is_elsewhere = |record: &&MessageRecord| {
        let statement = record.statement;
        match record.direction {
            Direction::Foreign => {
                let there = all.get(&statement.origin);
                let there = there.and_then(|there| there.get(&statement));
                there.is_some_and(|there| receipted(there, &at))
            }
            Direction::Own => record.deliveries.iter().any(|delivery| {
                let there = all.get(&delivery.recipient);
                receipted(record, &delivery.recipient)
                    && there.is_some_and(|there| there.contains_key(&statement))
            }),
        }
    };
    here.filter(is_elsewhere)
        .map(|record| record.statement)
        .collect()
}

/// What one node holds when all is over.
struct Kept {
    id: AuthorityId,
    store: Store,
    records: BTreeMap<StatementRef, MessageRecord>,
    headers: Vec<EntryHeader>,
    roots: BTreeMap<u64, Hash>,
}

/// The last look, at what every node has on its disk.
pub(super) struct Final<'a> {
    pub(super) model: &'a Model,
    pub(super) network: &'a Arc<Network>,
    pub(super) key_file: &'a Path,
    pub(super) directory: Arc<Directory>,
    pub(super) now: Timestamp,
    /// Threads that were stuck when all else was drained; a moment later one may be so no longer.
    pub(super) stuck: BTreeSet<StatementRef>,
    pub(super) dice: &'a Dice,
}

/// Copies of each node's disk that rot.
const FLIPS: usize = 4;

/// What was found besides that all is well.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) delivered: u64,
    pub(super) expired: u64,
    pub(super) stuck: u64,
    pub(super) entries: u64,
}

impl Final<'_> {
    /// Ends all nodes, opens what they leave, and compares it with all that was said.
    ///
    /// # Errors
    /// The first promise that is not kept.
    pub(super) fn check(&self, nodes: &mut BTreeMap<AuthorityId, Node>) -> Result<Found, String> {
        let mut all = BTreeMap::new();
        for node in nodes.values_mut() {
            all.insert(node.id, self.open(node)?);
        }
        let stuck: BTreeSet<StatementRef> = all
            .values()
            .flat_map(|kept| stuck_threads(&kept.store, self.now))
            .chain(self.stuck.iter().copied())
            .collect();
        let said = self.model.said();
        let mut found = Found::default();
        for kept in all.values() {
            found.entries += kept.headers.len() as u64;
            nothing_twice(kept, &said)?;
            log_only_grew(kept, &said)?;
            self.receipts_are_kept(kept, &said)?;
            for record in kept.records.values() {
                let is_stuck = stuck.contains(&record.thread);
                if record.direction == Direction::Own {
                    let by_the_node = record.effect == Effect::Answers(AnswerCode::Opened);
                    let disowned = said.disowned(&record.statement).filter(|_| !by_the_node);
                    if let Some(why) = disowned {
                        return Err(format!("{} sent {}, {why}", kept.id, record.statement));
                    }
                    let stuck = stuck.get(&record.thread);
                    self.delivered_or_over(record, stuck, kept, &all, &mut found)?;
                } else if record.life == AlertLife::Waiting && !is_stuck {
                    return Err(format!(
                        "{} still waits at {}, though all is delivered",
                        record.statement, kept.id
                    ));
                }
            }
        }
        for (statement, told) in &said.acknowledged {
            let kept = all.get(&statement.origin);
            let Some(record) = kept.and_then(|kept| kept.records.get(statement)) else {
                return Err(format!("{statement} was acknowledged and is lost"));
            };
            let recipients: Vec<_> = record.deliveries.iter().map(|d| d.recipient).collect();
            let came_back = said.has_rotted(statement.origin, *statement);
            let same_time = record.recorded_at == told.accepted_at || came_back;
            if recipients != told.recipients || !same_time {
                return Err(format!("{statement} is kept otherwise than it was told"));
            }
        }
        Ok(found)
    }

    /// What the node's disk holds, by way of its view and, anew, from its journal alone: both must be the same.
    fn open(&self, node: &mut Node) -> Result<Kept, String> {
        node.end(End::Killed, self.network);
        whole(node, self.key_file)?;
        self.rot_is_seen(node)?;
        let by_view = self.reopen(node)?;
        node.disk = node.disk.killed();
        node.view = CrashingView::default();
        let by_journal = self.reopen(node)?;
        let (seen, held) = (records(&by_view), records(&by_journal));
        let differs = held
            .iter()
            .find(|(id, record)| seen.get(id) != Some(record));
        if differs.is_some() || seen.len() != held.len() {
            let statement = differs.map(|(statement, _)| statement);
            return Err(format!(
                "the view of {} differs from its journal: {statement:?}",
                node.id
            ));
        }
        let mut tree = Frontier::default();
        let mut roots = BTreeMap::from([(0, tree.root())]);
        let mut headers = Vec::new();
        for header in by_journal.headers(0) {
            let (_, bytes) = header.map_err(|error| format!("{}: {error}", node.id))?;
            tree.push(merkle::leaf(&bytes));
            roots.insert(tree.size(), tree.root());
            headers.push(EntryHeader::decode(&bytes).map_err(|error| error.to_string())?);
        }
        Ok(Kept {
            id: node.id,
            records: records(&by_journal),
            store: by_journal,
            headers,
            roots,
        })
    }

    fn reopen(&self, node: &Node) -> Result<Store, String> {
        self.open_disk(node, node.disk.clone(), node.view.clone())
            .map(|(store, _)| store)
            .map_err(|error| format!("{} does not open: {error}", node.id))
    }

    fn open_disk(
        &self,
        node: &Node,
        disk: SimulatedDisk,
        view: CrashingView,
    ) -> Result<(Store, Recovery), OpenError> {
        let machine = Arc::new(Machine::new(|_| std::time::Duration::ZERO));
        Store::open_on(
            machine,
            node.segment_bytes,
            node.config(self.key_file),
            Arc::new(disk),
            Box::new(view),
            Arc::clone(&node.clock) as Arc<dyn Clock>,
        )
    }

    /// Of copies with one bit flipped anywhere, each refuses to open, or gives exactly what the sound one gives. A last
    /// group that no seal follows cannot be told from one that a power cut tore: it is cut, and the opening says so.
    fn rot_is_seen(&self, node: &Node) -> Result<(), String> {
        let empty = CrashingView::default;
        let (sound, _) = self
            .open_disk(node, node.disk.killed(), empty())
            .map_err(|error| format!("{} does not open: {error}", node.id))?;
        let sound = contents(&sound).map_err(|error| error.to_string())?;
        for _ in 0..FLIPS {
            let rotten = node.disk.killed();
            let files: Vec<_> = rotten.snapshot().into_iter().collect();
            let Some((path, bytes)) = self.dice.one_of(&files) else {
                continue;
            };
            let last = bytes.iter().rposition(|byte| *byte != 0);
            let used = last.map_or(1, |last| last as u64 + 1);
            let (at, bit) = (self.dice.below(used), self.dice.below(8));
            rotten.corrupt(path, at, |bytes| {
                if let Some(byte) = bytes.first_mut() {
                    *byte ^= 1 << bit;
                }
            });
            let Ok((opened, recovery)) = self.open_disk(node, rotten, empty()) else {
                continue;
            };
            let is_sound = |found: &Contents| match recovery.torn_groups {
                0 => *found == sound,
                _ => recovery.tail_cut_bytes > 0 && sound.starts_with(found),
            };
            // An entry that cannot be read is not served.
            if contents(&opened).is_ok_and(|found| !is_sound(&found)) {
                return Err(format!(
                    "{} opens and serves other things after a bit flipped at byte {at} of {}",
                    node.id,
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// Each delivery is proved by the recipient's store, or its time was over.
    fn delivered_or_over(
        &self,
        record: &MessageRecord,
        stuck: Option<&StatementRef>,
        kept: &Kept,
        all: &BTreeMap<AuthorityId, Kept>,
        found: &mut Found,
    ) -> Result<(), String> {
        for delivery in &record.deliveries {
            let (statement, recipient) = (record.statement, delivery.recipient);
            match delivery.life {
                DeliveryLife::Delivered => {}
                // What its thread's first statement missed, what follows it misses, too.
                DeliveryLife::Queued
                | DeliveryLife::Held(_)
                | DeliveryLife::Refused(Reason::NotInThread)
                    if stuck.is_some() =>
                {
                    found.stuck += 1;
                    continue;
                }
                DeliveryLife::Expired | DeliveryLife::Refused(Reason::Expired)
                    if record.carried_until < self.now =>
                {
                    found.expired += 1;
                    continue;
                }
                life => {
                    return Err(format!(
                        "{statement} to {recipient} ended as {life:?}, and not delivered"
                    ));
                }
            }
            found.delivered += 1;
            let there = all.get(&recipient).and_then(|there| {
                let record = there.records.get(&statement)?;
                Some((there, record))
            });
            let Some((there, held)) = there else {
                return Err(format!(
                    "{statement} is called delivered, and {recipient} does not hold it"
                ));
            };
            if held.leaf != record.leaf {
                return Err(format!("{recipient} holds {statement} with other bytes"));
            }
            let index = delivery
                .receipt
                .ok_or_else(|| format!("{statement}: delivered to {recipient} and no receipt"))?;
            self.receipt_proves(record, recipient, kept, index)?;
            let issued = there.store.entry(held.index).map_err(|e| e.to_string())?;
            let stored = kept.store.entry(index).map_err(|e| e.to_string())?;
            if issued.receipt.map(|(document, _)| document).as_ref() != Some(&stored.body) {
                return Err(format!(
                    "{recipient} does not keep the receipt that it gave for {statement}"
                ));
            }
        }
        Ok(())
    }

    /// The stored receipt verifies, and is over these bytes.
    fn receipt_proves(
        &self,
        record: &MessageRecord,
        recipient: AuthorityId,
        kept: &Kept,
        index: u64,
    ) -> Result<(), String> {
        let statement = record.statement;
        let entry = kept.store.entry(index).map_err(|error| error.to_string())?;
        let receipt = wire::decode_receipt(&entry.body).map_err(|reason| reason.to_string())?;
        let fits = receipt.message == statement.id
            && receipt.leaf == record.leaf
            && receipt.verdict == Verdict::Held
            && receipt.sender == kept.id;
        let proof = entry
            .proof
            .ok_or("a stored receipt without its signature")?;
        let batch = Unverified {
            signed: proof.signed.as_ref().clone(),
            items: vec![UnverifiedItem {
                document: entry.body,
                index: proof.index,
                path: proof.path,
            }],
        };
        let verifier = Verifier::new(Arc::clone(&self.directory));
        let verified = verifier.verify_at(Purpose::Receipt, &recipient, &batch, self.now);
        if fits && verified.iter().all(Result::is_ok) {
            Ok(())
        } else {
            Err(format!(
                "the receipt of {recipient} for {statement} does not prove it"
            ))
        }
    }

    /// Every receipt that a node gave is kept by it, byte by byte, with the statement.
    fn receipts_are_kept(&self, kept: &Kept, said: &Said) -> Result<(), String> {
        let by_leaf: BTreeMap<LeafHash, &EntryHeader> = kept
            .headers
            .iter()
            .filter(|header| matches!(header.act, Act::Received | Act::RefusedStatement))
            .filter_map(|header| Some((header.leaf?, header)))
            .collect();
        let given = said.receipts.iter();
        for ((_, sender, message, leaf), document) in
            given.filter(|((recipient, ..), _)| *recipient == kept.id)
        {
            let entry = by_leaf
                .get(leaf)
                .and_then(|header| kept.store.entry(header.index).ok());
            let receipt = entry.and_then(|entry| entry.receipt);
            if receipt.map(|(document, _)| document).as_ref() != Some(document) {
                return Err(format!(
                    "{} gave a receipt for {sender}/{message} and does not keep it",
                    kept.id
                ));
            }
        }
        Ok(())
    }
}

/// The journal checks as whole, bodies and all.
fn whole(node: &Node, key_file: &Path) -> Result<(), String> {
    let config = node.journal_config(key_file);
    let report = journal::check(&config, &node.disk.killed(), &mut |_| ())
        .map_err(|error| format!("{} cannot be checked: {error}", node.id))?;
    match report.findings.first() {
        None => Ok(()),
        Some(finding) => Err(format!("the journal of {}: {finding:?}", node.id)),
    }
}

/// Every entry with its body; `None` for what a repair could not save.
type Contents = Vec<Option<(EntryHeader, bytes::Bytes)>>;

fn contents(store: &Store) -> Result<Contents, ReadError> {
    let (size, _) = store.log_head();
    (0..size)
        .map(|index| match store.entry(index) {
            Ok(entry) => Ok(Some((entry.header, entry.body))),
            Err(ReadError::Lost(_)) => Ok(None),
            Err(error) => Err(error),
        })
        .collect()
}

fn records(store: &Store) -> BTreeMap<StatementRef, MessageRecord> {
    store.glance(|ledger, _| {
        (0..ledger.message_count())
            .filter_map(|ordinal| ledger.message_at(ordinal))
            .map(|record| (record.statement, record))
            .collect()
    })
}

/// One entry for each effect: a statement is accepted or received once, a receipt is kept once.
fn nothing_twice(kept: &Kept, said: &Said) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let came_back = |header: &&EntryHeader| {
        let subject = header.subject;
        subject.is_some_and(|subject| said.has_rotted(kept.id, subject))
    };
    for header in kept.headers.iter().filter(|header| !came_back(header)) {
        let until_a_person_acts = header
            .reason
            .is_some_and(|reason| reason.class() == Class::Hold);
        let once = match header.act {
            Act::Accepted | Act::Received => true,
            Act::ReceiptStored => !until_a_person_acts,
            _ => false,
        };
        if once && !seen.insert((header.act.number(), header.subject, header.peer)) {
            return Err(format!(
                "{} did {:?} of {:?} twice",
                kept.id, header.act, header.subject
            ));
        }
    }
    Ok(())
}

/// Whatever head was shown is a head of the log as it is now.
fn log_only_grew(kept: &Kept, said: &Said) -> Result<(), String> {
    let shown = said.heads.get(&kept.id).into_iter().flatten();
    for (size, root) in shown {
        if kept.roots.get(size) != Some(root) {
            return Err(format!(
                "the log of {} once showed {size} entries that are not there now",
                kept.id
            ));
        }
    }
    Ok(())
}
