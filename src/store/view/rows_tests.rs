//! Rows there and back, and damage that is seen.

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        alert::{basis::AskedSet, value::Day},
        call::CallSet,
        id::{AuthorityId, MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife, DraftLife, HandlingLife},
        permission::{Grant, Onward, Passed, Permission, PermissionAct, Wish},
        reason::Reason,
        receipt::LeafHash,
        release::Outline,
        routing::{AnswerCode, Effect, Handling, HandlingSet, Kind, Priority, Status},
        terms::Terms,
        time::Timestamp,
    },
    store::{
        record::{DeliveryRecord, Direction, Extended, MessageRecord},
        view::memory::MemoryView,
    },
};

fn authority(number: usize) -> AuthorityId {
    format!("XA-A{number}").parse().unwrap()
}

fn statement(number: usize) -> StatementRef {
    StatementRef {
        origin: authority(number),
        id: MessageId::from_parts(number as u64, [3; 10]),
    }
}

fn delivery() -> impl Strategy<Value = DeliveryRecord> {
    let reason = prop::sample::select(Reason::ALL.to_vec());
    let life = prop_oneof![
        Just(DeliveryLife::Queued),
        Just(DeliveryLife::Delivered),
        Just(DeliveryLife::Expired),
        reason.clone().prop_map(DeliveryLife::Refused),
        reason.prop_map(DeliveryLife::Held),
    ];
    let time = any::<i64>().prop_map(Timestamp::from_micros);
    (
        (0..500_usize, any::<u32>(), life, time.clone()),
        (any::<Option<u64>>(), handling_life()),
        (
            prop::option::of(time.clone()),
            prop::option::of(time.clone()),
        ),
        prop::option::of((0..500_usize, time)),
    )
        .prop_map(
            |(first, (receipt, handling), (opened_at, answered_at), extended)| {
                let (recipient, thread_seq, life, since) = first;
                DeliveryRecord {
                    recipient: authority(recipient),
                    thread_seq,
                    life,
                    since,
                    receipt,
                    handling,
                    opened_at,
                    answered_at,
                    extended: extended.map(|(by, at)| Extended {
                        by: statement(by),
                        at,
                    }),
                }
            },
        )
}

fn handling_life() -> impl Strategy<Value = HandlingLife> {
    let answer = || prop::option::of(prop::sample::select(AnswerCode::ALL.to_vec()));
    (answer(), answer()).prop_map(|(latest, gravest)| HandlingLife { latest, gravest })
}

fn draft() -> impl Strategy<Value = DraftRecord> {
    let life = prop::sample::select(vec![
        DraftLife::Awaiting,
        DraftLife::Returned,
        DraftLife::Released,
        DraftLife::Discarded,
    ]);
    let outline = (
        prop::sample::select(Kind::ALL.to_vec()),
        prop::sample::select(Priority::ALL.to_vec()),
        prop::collection::vec(0..500_usize, 0..256),
        "[!-~]{1,51}",
        "[ -~]{0,50}",
        any::<bool>(),
    );
    (
        (0..6_usize, any::<u64>(), any::<i64>()),
        life,
        prop::option::of(1..u64::MAX),
        outline,
    )
        .prop_map(|((number, index, kept_at), life, returned, outline)| {
            let (kind, priority, recipients, created_by, why, do_not_alert) = outline;
            DraftRecord {
                statement: statement(number),
                index,
                creator: Actor::new("officer-3fa9c1d2").unwrap(),
                kept_at: Timestamp::from_micros(kept_at),
                outline: Arc::new(Outline {
                    kind,
                    status: Status::Actual,
                    priority,
                    recipients: recipients.into_iter().map(authority).collect(),
                    created_by,
                    why,
                    do_not_alert,
                }),
                life,
                returned,
            }
        })
}

fn effect() -> impl Strategy<Value = Effect> {
    let plain = prop::sample::select(vec![
        Effect::Starts,
        Effect::Informs,
        Effect::Instructs,
        Effect::Updates,
        Effect::Corrects,
        Effect::Recalls,
        Effect::Closes,
        Effect::Extends,
        Effect::PassesOn,
    ]);
    let answers = prop::sample::select(AnswerCode::ALL.to_vec()).prop_map(Effect::Answers);
    prop_oneof![plain, answers]
}

fn terms() -> impl Strategy<Value = Terms> {
    let day = || prop::option::of((-43_829..84_005).prop_map(|day| Day::from_number(day).unwrap()));
    let asked = any::<u16>().prop_map(AskedSet::from_bits);
    let same_person = prop::option::of((0..99_usize).prop_map(statement));
    let onward = prop::sample::select(vec![Onward::Free, Onward::Permitted, Onward::Never]);
    let more = (same_person, onward, prop::option::of(permission()));
    (day(), day(), day(), any::<[bool; 5]>(), asked, more).prop_map(
        |(valid_until, review_on, expected_return_on, said, asked, more)| Terms {
            valid_until,
            review_on,
            expected_return_on,
            return_confirmed: said[0],
            person_present: said[1],
            do_not_alert: said[2],
            asked,
            same_person: more.0,
            states_orders: said[3],
            states_journey: said[4],
            onward: more.1,
            permission: more.2.map(Arc::new),
        },
    )
}

fn permission() -> impl Strategy<Value = Permission> {
    let act = || prop::sample::select(PermissionAct::ALL.to_vec());
    let to = || prop::collection::vec((0..99_usize).prop_map(authority), 0..4);
    let until = (-43_829..84_005).prop_map(|day| Day::from_number(day).unwrap());
    let under = prop::option::of((0..99_usize).prop_map(statement));
    let received_at = prop::option::of(any::<i64>().prop_map(Timestamp::from_micros));
    let passed = ((0..99_usize).prop_map(authority), under, received_at).prop_map(
        |(to, under, received_at)| Passed {
            to,
            under,
            received_at,
        },
    );
    prop_oneof![
        (act(), to()).prop_map(|(act, to)| Permission::Asks(Wish { act, to })),
        (act(), to(), until).prop_map(|(act, to, until)| Permission::Grants(Grant {
            act,
            to,
            until
        })),
        Just(Permission::Refuses),
        prop::collection::vec(passed, 0..4).prop_map(Permission::Passes),
    ]
}

prop_compose! {
    fn record()(
        (name, thread, target) in (0..99_usize, 0..99_usize, prop::option::of(0..99_usize)),
        foreign in any::<bool>(),
        kind in prop::sample::select(Kind::ALL.to_vec()),
        status in prop::sample::select(Status::ALL.to_vec()),
        priority in prop::sample::select(Priority::ALL.to_vec()),
        restricted in any::<bool>(),
        effect in effect(),
        life in prop::sample::select(vec![
            AlertLife::Live, AlertLife::Closed, AlertLife::Recalled, AlertLife::Waiting,
            AlertLife::Expired,
        ]),
        (terms, called) in (terms(), any::<u32>()),
        (leaf, index, size_bytes) in any::<([u8; 32], u64, u32)>(),
        times in any::<[i64; 3]>(),
        (opened_at, previous_in_thread) in any::<(Option<i64>, Option<u64>)>(),
        addressed in prop::option::of("[a-z@,]{1,300}"),
        handling_life in handling_life(),
        deliveries in prop::collection::vec(delivery(), 0..5),
    ) -> MessageRecord {
        let codes = if restricted { vec![Handling::H2, Handling::H3] } else { vec![Handling::H0] };
        let [issued_at, recorded_at, carried_until] = times.map(Timestamp::from_micros);
        MessageRecord {
            ordinal: 0,
            statement: statement(name),
            thread: statement(thread),
            direction: if foreign { Direction::Foreign } else { Direction::Own },
            kind, status, priority, effect, life, index, size_bytes, terms,
            called: CallSet::from_bits(called),
            handling: HandlingSet::new(codes).unwrap(),
            leaf: LeafHash(leaf),
            issued_at, recorded_at, carried_until,
            in_reply_to: target.map(statement),
            deliveries, handling_life, previous_in_thread, addressed: addressed.map(Into::into),
            opened_at: opened_at.map(Timestamp::from_micros),
        }
    }
}

fn snapshot(mut row: Row, number: u64) -> Snapshot {
    for (ordinal, record) in (number * VIEW_ROW_RECORDS..).zip(&mut row) {
        record.ordinal = ordinal;
    }
    Snapshot {
        tick: 1,
        next: 1,
        rows: vec![(number, Arc::new(row))],
        changes: Changes::default(),
    }
}

/// A view after so many writings, of which each wrote nothing but its number.
fn written(ticks: u64) -> MemoryView {
    let view = MemoryView::default();
    for tick in 1..=ticks {
        let snapshot = Snapshot {
            tick,
            next: 0,
            rows: Vec::new(),
            changes: Changes::default(),
        };
        view.apply(encode(&snapshot, &[7; HEADER_BYTES])).unwrap();
    }
    view
}

fn loaded(view: MemoryView) -> Result<u64, String> {
    let view: Arc<dyn View> = Arc::new(view);
    let position = position(&*view).unwrap().unwrap();
    let mut ledger = Ledger::new(authority(0), Arc::clone(&view));
    load(&*view, &mut ledger, &position).map_err(|fault| fault.0)?;
    Ok(ledger.snapshot().tick)
}

#[test]
fn a_view_goes_on_counting_its_writings() {
    for ticks in [1, 3, TICKS_KEPT - 1, TICKS_KEPT, TICKS_KEPT + 5] {
        assert_eq!(loaded(written(ticks)), Ok(ticks + 1));
    }
}

#[test]
fn a_view_of_another_format_is_not_loaded_but_rebuilt() {
    for format in [FORMAT - 1, FORMAT + 1] {
        let view = written(1);
        let mut meta = view.read(META).unwrap().unwrap();
        meta[4] = format;
        view.apply(vec![checked(META.to_vec(), &meta[4..])])
            .unwrap();
        let fault = position(&view).unwrap_err();
        assert_eq!(fault.0, "its position is of another format", "{format}");
    }
}

#[test]
fn a_view_that_misses_a_writing_is_refused() {
    // The place of writing 2: never written, or of the round before.
    for (ticks, absent) in [(3, 2), (TICKS_KEPT + 5, TICKS_KEPT + 2)] {
        let view = written(absent - 1);
        let snapshot = Snapshot {
            tick: ticks,
            next: 0,
            rows: Vec::new(),
            changes: Changes::default(),
        };
        view.apply(encode(&snapshot, &[7; HEADER_BYTES])).unwrap();
        let fault = loaded(view).unwrap_err();
        assert_eq!(
            fault,
            format!("writing {absent} of {ticks} is absent: a crash took it")
        );
    }
}

proptest! {
    #[test]
    fn a_row_comes_back_as_it_was(
        row in prop::collection::vec(record(), 1..33),
        number in 0..1_000_000_u64,
    ) {
        let snapshot = snapshot(row, number);
        let view = MemoryView::default();
        view.apply(encode(&snapshot, &[7; HEADER_BYTES])).unwrap();
        prop_assert_eq!(&read_row(&view, number).unwrap(), &*snapshot.rows[0].1);
        let position = position(&view).unwrap().unwrap();
        prop_assert_eq!(position, Position { tick: 1, next: 1, header: [7; HEADER_BYTES] });
    }

    #[test]
    fn drafts_come_back_as_they_are_and_what_is_over_does_not(
        drafts in prop::collection::vec(draft(), 0..9),
    ) {
        let view = MemoryView::default();
        let mut snapshot = snapshot(Vec::new(), 0);
        snapshot.rows.clear();
        snapshot.changes.drafts.clone_from(&drafts);
        let rows = encode(&snapshot, &[7; HEADER_BYTES]);
        prop_assert!(rows.iter().all(|(_, value)| value.len() <= VIEW_VALUE_MAX_BYTES));
        view.apply(rows).unwrap();
        // The last word on each id holds.
        let mut last = std::collections::BTreeMap::new();
        for draft in drafts {
            last.insert(draft.statement.id, draft);
        }
        last.retain(|_, draft| !draft.life.is_over());
        let expected: Vec<DraftRecord> = last.into_values().collect();
        prop_assert_eq!(load_drafts(&view).unwrap(), expected);
    }

    #[test]
    fn a_flipped_bit_is_damage(
        row in prop::collection::vec(record(), 1..5),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let view = MemoryView::default();
        let mut rows = encode(&snapshot(row, 0), &[7; HEADER_BYTES]);
        let value = &mut rows[0].1;
        let place = place.index(value.len());
        value[place] ^= 1 << bit;
        view.apply(rows).unwrap();
        prop_assert!(read_row(&view, 0).is_err());
    }

    #[test]
    fn values_stay_small_however_many_recipients(
        record in record(),
        delivery in delivery(),
    ) {
        let mut record = record;
        record.deliveries = vec![delivery; 256];
        let snapshot = snapshot(vec![record; 32], 0);
        let rows = encode(&snapshot, &[7; HEADER_BYTES]);
        prop_assert!(rows.iter().all(|(_, value)| value.len() <= VIEW_VALUE_MAX_BYTES));
        let view = MemoryView::default();
        view.apply(rows).unwrap();
        prop_assert_eq!(&read_row(&view, 0).unwrap(), &*snapshot.rows[0].1);
    }
}
