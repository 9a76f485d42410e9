//! What is open at the desk at one moment: the list that a shift works by, and gives over.
//!
//! The way in is [`open_work`]. It reads state and routing and keeps nothing; no line of it holds a person. What is
//! older than what it looks through was called when it was due, and is counted.

use std::collections::BTreeSet;

use tonic::Status;

use super::{
    inbox::with_threads,
    service::{DeskService, store_failed},
    summary::{reference_of, short_reference},
};
use crate::{
    delivery::clocks::{ClockName, Overdue, running},
    domain::{
        alert::value::Day,
        id::{AuthorityId, StatementRef},
        limits::{END_WARNING_DAYS, WORK_ITEMS_MAX, WORK_LOOK_RECORDS, WORK_PAGE_RECORDS},
        lives::{AlertLife, DeliveryLife, DraftLife},
        time::Timestamp,
    },
    proto::{
        desk::v1::{self as pb, WorkSection},
        envelope::v1 as envelope,
    },
    store::{
        Store, StoreFailed,
        ledger::{DueList, Ledger, ListBox, ListFilter},
        record::{Direction, DraftRecord, MessageRecord, Ordinal},
    },
};

/// Everything that is open now.
pub(super) async fn open_work(desk: &DeskService) -> Result<pb::OpenWork, Status> {
    let parts = desk.parts();
    let gathered = gather(&parts.store, parts.authority, parts.clock.now()).await;
    gathered.map_err(|error| store_failed(&error))
}

async fn gather(
    store: &Store,
    own: AuthorityId,
    now: Timestamp,
) -> Result<pb::OpenWork, StoreFailed> {
    let reading = store.read(|ledger| {
        let unopened = ledger.unopened(WORK_ITEMS_MAX);
        let mut items: Vec<pb::WorkItem> = unopened.iter().map(|it| of_unopened(it, now)).collect();
        items.extend(ledger.drafts(None, WORK_ITEMS_MAX).iter().map(of_draft));
        items.extend(
            Day::of(now)
                .into_iter()
                .flat_map(|today| days(ledger, today, now)),
        );
        let unopened = unopened.iter().map(|record| record.statement).collect();
        (items, unopened)
    });
    let (mut items, unopened) = reading.await?;
    let mut older = 0;
    for list_box in [ListBox::In, ListBox::Out] {
        let (found, left) = look_through(store, list_box, own, now, &unopened).await?;
        items.extend(found);
        older = older.max(left);
    }
    let is_drill = |item: &pb::WorkItem| item.status() != envelope::Status::Actual;
    items.sort_by_key(|item| {
        let no_clock = item.due_us == 0;
        (item.section, is_drill(item), no_clock, item.due_us)
    });
    let left_out = items.len().saturating_sub(WORK_ITEMS_MAX);
    items.truncate(WORK_ITEMS_MAX);
    Ok(pb::OpenWork {
        at_us: now.as_micros(),
        items,
        left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        older_statements: older,
    })
}

/// What the newest statements of a box owe, page by page; and how many statements are older than these.
async fn look_through(
    store: &Store,
    list_box: ListBox,
    own: AuthorityId,
    now: Timestamp,
    unopened: &BTreeSet<StatementRef>,
) -> Result<(Vec<pb::WorkItem>, Ordinal), StoreFailed> {
    let all = ListFilter::default();
    let (mut items, mut before) = (Vec::new(), None);
    for _ in 0..WORK_LOOK_RECORDS / WORK_PAGE_RECORDS {
        let page = store
            .read(|ledger| with_threads(ledger, list_box, &all, before, WORK_PAGE_RECORDS))
            .await?;
        for (record, thread) in &page {
            items.extend(of_clocks(own, record, thread, now, unopened));
            items.extend(of_held(record, thread));
        }
        let Some((last, _)) = page.last() else {
            return Ok((items, 0));
        };
        before = Some(last.ordinal);
    }
    Ok((items, before.unwrap_or(0)))
}

/// The clocks of one statement that are somebody's work: ours, whether or not they have run out; a partner's, when they
/// have.
fn of_clocks(
    own: AuthorityId,
    record: &MessageRecord,
    thread: &[MessageRecord],
    now: Timestamp,
    unopened: &BTreeSet<StatementRef>,
) -> Vec<pb::WorkItem> {
    if record.life_at(now) != AlertLife::Live || unopened.contains(&record.statement) {
        return Vec::new();
    }
    let is_ours = |due: &Overdue| due.owed_by == own;
    let clocks = running(own, record, thread, now);
    let clocks = clocks
        .into_iter()
        .filter(|due| is_ours(due) || due.due < now);
    clocks
        .map(|due| {
            let section = match due.clock {
                _ if !is_ours(&due) => WorkSection::Partner,
                ClockName::Instruction => WorkSection::Instruction,
                ClockName::Opened => WorkSection::Unopened,
                // A person must carry it.
                ClockName::Carried => WorkSection::Held,
                ClockName::Answer | ClockName::Delivered => WorkSection::Answer,
            };
            pb::WorkItem {
                authority: other(record, thread, &due, own),
                due_us: due.due.as_micros(),
                what: due.clock.name().to_owned(),
                ..line(section, record, thread)
            }
        })
        .collect()
}

/// Whom we wait for, or who waits for us.
fn other(
    record: &MessageRecord,
    thread: &[MessageRecord],
    due: &Overdue,
    own: AuthorityId,
) -> String {
    if due.owed_by != own {
        return due.owed_by.to_string();
    }
    if record.direction == Direction::Foreign {
        return record.statement.origin.to_string();
    }
    // Our own alert: whoever said something last before it became due waits.
    let theirs = thread
        .iter()
        .filter(|it| it.direction == Direction::Foreign);
    let last = theirs
        .filter(|it| it.recorded_at <= due.due)
        .max_by_key(|it| it.recorded_at);
    last.map_or_else(String::new, |it| it.statement.origin.to_string())
}

/// Deliveries that wait for a person.
fn of_held<'a>(
    record: &'a MessageRecord,
    thread: &'a [MessageRecord],
) -> impl Iterator<Item = pb::WorkItem> + use<'a> {
    let is_own = record.direction == Direction::Own;
    let deliveries = record.deliveries.iter().filter(move |_| is_own);
    deliveries.filter_map(move |delivery| match delivery.life {
        DeliveryLife::Held(reason) => Some(pb::WorkItem {
            authority: delivery.recipient.to_string(),
            what: reason.to_string(),
            ..line(WorkSection::Held, record, thread)
        }),
        _ => None,
    })
}

fn of_unopened(record: &MessageRecord, now: Timestamp) -> pb::WorkItem {
    let opened = running(record.statement.origin, record, &[], now)
        .into_iter()
        .find(|due| due.clock == ClockName::Opened);
    pb::WorkItem {
        authority: record.statement.origin.to_string(),
        due_us: opened.map_or(0, |due| due.due.as_micros()),
        what: ClockName::Opened.name().to_owned(),
        ..line(WorkSection::Unopened, record, &[])
    }
}

fn of_draft(draft: &DraftRecord) -> pb::WorkItem {
    let outline = &draft.outline;
    let what = match draft.life {
        DraftLife::Returned => "returned",
        _ => "awaiting release",
    };
    pb::WorkItem {
        section: WorkSection::Draft.into(),
        statement: Some(reference_of(&draft.statement)),
        reference: short_reference(&draft.statement),
        kind: i32::from(outline.kind as u8),
        status: i32::from(outline.status as u8),
        priority: i32::from(outline.priority as u8),
        do_not_alert: outline.do_not_alert,
        what: what.to_owned(),
        ..pb::WorkItem::default()
    }
}

/// Own alerts whose day is near.
fn days(ledger: &Ledger, today: Day, now: Timestamp) -> Vec<pb::WorkItem> {
    let lists = [
        (DueList::Ends, "ends", today.plus_days(END_WARNING_DAYS)),
        (DueList::Reviews, "review", today),
        (DueList::Returns, "not known to be back", today),
    ];
    let mut items = Vec::new();
    for (list, what, by) in lists {
        let due = ledger.due(list, None, by, WORK_ITEMS_MAX).into_iter();
        // On the day itself the person may still come.
        let due = due.filter(|(day, record)| {
            record.life_at(now) == AlertLife::Live && (list != DueList::Returns || *day < today)
        });
        items.extend(due.map(|(day, record)| pb::WorkItem {
            due_us: day.end().as_micros(),
            what: what.to_owned(),
            ..line(WorkSection::Day, &record, &[])
        }));
    }
    items
}

fn line(section: WorkSection, record: &MessageRecord, thread: &[MessageRecord]) -> pb::WorkItem {
    let all = || thread.iter().chain(std::iter::once(record));
    pb::WorkItem {
        section: section.into(),
        statement: Some(reference_of(&record.statement)),
        reference: short_reference(&record.statement),
        kind: i32::from(record.kind as u8),
        status: i32::from(record.status as u8),
        priority: i32::from(record.priority as u8),
        do_not_alert: all().any(|it| it.terms.do_not_alert),
        person_present: all().any(|it| it.terms.person_present),
        ..pb::WorkItem::default()
    }
}
