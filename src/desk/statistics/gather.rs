//! What is held here, read for counting: outcomes with what corrects and recalls them, the first statements of threads,
//! and returns.
//!
//! The ways in are [`counted`] and [`made`]. What was recorded by a time is a matter of the journal alone: counted again
//! later as of the same time, it is the same. Exercises are never read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tonic::Status;

use crate::{
    desk::{
        service::{DeskService, read_failed, store_failed},
        thread::blocking,
    },
    domain::{
        alert::value::Day,
        id::StatementRef,
        limits::STATISTICS_MAX_STATEMENTS,
        lives::AlertLife,
        reason::Reason,
        routing::{self, Kind},
        statistics::{Outcome, Return, outcomes},
        time::Timestamp,
    },
    proto::alert::v1 as alert,
    store::{
        Store,
        entry::EntryIndex,
        ledger::{ListBox, ListFilter},
        record::MessageRecord,
    },
    wire::{
        alert::{Corrections, decode_payload, known, read_statistics, report},
        decode_kept_statement,
        status::refusal,
    },
};

/// Records that one look at the ledger takes.
const LOOK_RECORDS: usize = 512;

/// What counting reads: outcomes, what changes them, and whatever begins a thread about a person.
const KINDS: [Kind; 9] = [
    Kind::Outcome,
    Kind::Correction,
    Kind::Recall,
    Kind::MissingOffender,
    Kind::TravelNotice,
    Kind::PublicProtection,
    Kind::RestrictionOrder,
    Kind::Sighting,
    Kind::InformationRequest,
];

/// A return that is held here.
pub(super) struct Made {
    pub(super) statement: StatementRef,
    pub(super) issued_at: Timestamp,
    pub(super) is_recalled: bool,
    pub(super) made: Return,
}

/// A statement, without what counting does not ask.
struct Seen {
    statement: StatementRef,
    thread: StatementRef,
    kind: Kind,
    index: EntryIndex,
    issued_at: Timestamp,
    recorded_at: Timestamp,
    in_reply_to: Option<StatementRef>,
    life: AlertLife,
}

impl Seen {
    fn of(record: &MessageRecord) -> Self {
        Self {
            statement: record.statement,
            thread: record.thread,
            kind: record.kind,
            index: record.index,
            issued_at: record.issued_at,
            recorded_at: record.recorded_at,
            in_reply_to: record.in_reply_to,
            life: record.life,
        }
    }
}

/// Everything that was done, as it was recorded here until a time: in full.
pub(super) async fn counted(desk: &DeskService, until: Timestamp) -> Result<Vec<Outcome>, Status> {
    let mut seen = seen(desk, &KINDS).await?;
    seen.retain(|it| it.recorded_at <= until);
    let store = desk.parts().store.clone();
    blocking(move || count(&store, &seen)).await
}

/// Every return that is held here, own and foreign, the oldest first.
pub(super) async fn made(desk: &DeskService) -> Result<Vec<Made>, Status> {
    let seen = seen(desk, &[Kind::Statistics]).await?;
    let store = desk.parts().store.clone();
    blocking(move || {
        let mut returns = Vec::with_capacity(seen.len());
        for it in seen {
            // It was judged before it was kept.
            if let Some(made) = read_statistics(&payload(&store, it.index)?) {
                returns.push(Made {
                    statement: it.statement,
                    issued_at: it.issued_at,
                    is_recalled: it.life == AlertLife::Recalled,
                    made,
                });
            }
        }
        Ok(returns)
    })
    .await
}

/// All real statements of these kinds, in the order in which they were recorded.
async fn seen(desk: &DeskService, kinds: &[Kind]) -> Result<Vec<Seen>, Status> {
    let filter = ListFilter {
        kinds: kinds.to_vec(),
        status: Some(routing::Status::Actual),
        ..ListFilter::default()
    };
    let mut found = BTreeMap::new();
    for which in [ListBox::In, ListBox::Out] {
        let mut before = None;
        loop {
            let look = |ledger: &crate::store::ledger::Ledger| {
                ledger.list(which, &filter, before, LOOK_RECORDS)
            };
            let reading = desk.parts().store.read(look);
            let page = reading.await.map_err(|error| store_failed(&error))?;
            found.extend(page.iter().map(|record| (record.ordinal, Seen::of(record))));
            if found.len() > STATISTICS_MAX_STATEMENTS {
                let text = format!("more than {STATISTICS_MAX_STATEMENTS} statements to count");
                return Err(refusal(Reason::TooLarge, text));
            }
            match page.last() {
                Some(last) if page.len() == LOOK_RECORDS => before = Some(last.ordinal),
                _ => break,
            }
        }
    }
    Ok(found.into_values().collect())
}

fn count(store: &Store, seen: &[Seen]) -> Result<Vec<Outcome>, Status> {
    // Nobody but its origin takes a statement back, or corrects it.
    let own_target = |it: &Seen| {
        let target = it.in_reply_to?;
        (target.origin == it.statement.origin).then_some(target)
    };
    let of = |kind: Kind| seen.iter().filter(move |it| it.kind == kind);
    let recalled: BTreeSet<StatementRef> = of(Kind::Recall).filter_map(own_target).collect();
    let mut corrections: BTreeMap<StatementRef, Corrections> = BTreeMap::new();
    for it in of(Kind::Correction) {
        if let Some(target) = own_target(it) {
            let correction = payload(store, it.index)?;
            corrections.entry(target).or_default().add(&correction);
        }
    }
    let right = |it: &Seen| -> Result<alert::Payload, Status> {
        let payload = payload(store, it.index)?;
        let corrections = corrections.get(&it.statement);
        Ok(match corrections {
            Some(corrections) => corrections.apply(payload),
            None => payload,
        })
    };
    let (mut persons, mut reports) = (Vec::new(), Vec::new());
    for it in seen {
        let is_recalled = recalled.contains(&it.statement);
        match it.kind {
            Kind::Outcome if is_recalled => {}
            Kind::Outcome => reports.extend(report(it.statement, it.thread, &right(it)?)),
            Kind::Correction | Kind::Recall => {}
            kind if it.statement == it.thread => {
                let is_missing = kind == Kind::MissingOffender && !is_recalled;
                let missing_on = Day::of(it.issued_at).filter(|_| is_missing);
                persons.push(known(it.thread, &right(it)?, missing_on));
            }
            _ => {}
        }
    }
    Ok(outcomes(&persons, &reports))
}

fn payload(store: &Store, index: EntryIndex) -> Result<alert::Payload, Status> {
    let entry = store.entry(index).map_err(|error| read_failed(&error))?;
    let decoded = decode_kept_statement(&entry.body)
        .and_then(|(_, payload): (_, Bytes)| decode_payload(&payload));
    decoded.map_err(|reason| {
        tracing::error!(index, %reason, "a kept statement cannot be decoded");
        refusal(Reason::DamagedBody, Reason::DamagedBody.meaning())
    })
}
