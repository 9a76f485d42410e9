//! Invariant I2: live work, replay of the whole journal, and a view with the tail replayed give one state.

use std::sync::Arc;

use proptest::prelude::*;

use super::{
    log::MemoryLog,
    statements::*,
    store::{open, record},
};
use crate::{
    domain::{
        alert::value::Day,
        call::CallKind,
        reason::Reason,
        receipt::{LeafHash, Verdict},
        routing::{AnswerCode, Effect, Lane, Queue, Routing, Status},
        terms::Terms,
    },
    store::{
        entry::Actor,
        event::{DraftEnd, Event, HandoverStep, Peek, Word},
        ledger::{DueList, Ledger, ListBox, ListFilter},
        ticker,
        view::{View, memory::MemoryView},
    },
};

const PARTNERS: [&str; 2] = ["XB-POL", "XC-POL"];
/// Alerts 0 to 3 of each authority; the rest are follow-ups.
const ALERTS: u64 = 4;
const NUMBERS: u64 = 40;

fn first(origin: &str, number: u64) -> Routing {
    let to: Vec<&str> = [OWN, PARTNERS[0], PARTNERS[1]]
        .into_iter()
        .filter(|to| *to != origin)
        .collect();
    // One leaves room for newcomers.
    let to = if number == 2 { &to[..1] } else { &to[..] };
    let mut alert = alert(origin, number, to);
    if number == 3 {
        alert.status = Status::Exercise;
    }
    alert.terms = Terms {
        expected_return_on: Some(day(number)),
        review_on: Some(day(number + 1)),
        ..until(number + 2)
    };
    alert
}

fn day(number: u64) -> Day {
    let issued = Day::of(at(0)).unwrap().number();
    Day::from_number(issued + i32::try_from(number).unwrap()).unwrap()
}

fn until(number: u64) -> Terms {
    Terms {
        valid_until: Some(day(number)),
        ..Terms::default()
    }
}

fn origin() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![OWN, PARTNERS[0], PARTNERS[1]])
}

fn effect() -> impl Strategy<Value = Effect> {
    prop::sample::select(vec![
        Effect::Informs,
        Effect::Answers(AnswerCode::Opened),
        Effect::Answers(AnswerCode::Hit),
        Effect::Instructs,
        Effect::Updates,
        Effect::Corrects,
        Effect::Recalls,
        Effect::Closes,
        Effect::Extends,
    ])
}

fn statement() -> impl Strategy<Value = Routing> {
    let alert = (origin(), 0..ALERTS).prop_map(|(origin, number)| first(origin, number));
    let follow_up = (
        (origin(), 0..ALERTS),
        (origin(), ALERTS..NUMBERS),
        effect(),
        0..4_u32,
        (prop::option::of(ALERTS..NUMBERS), any::<bool>()),
    )
        .prop_map(|((owner, number), (by, own_number), effect, seq, more)| {
            let (target, return_confirmed) = more;
            let to = [OWN, PARTNERS[0], PARTNERS[1]].into_iter();
            let to: Vec<_> = to.filter(|to| *to != by).map(|to| (to, seq)).collect();
            let mut routing = follow(&first(owner, number), by, own_number, effect, &to);
            routing.terms = Terms {
                return_confirmed,
                ..until(own_number)
            };
            if let Some(target) = target {
                routing.in_reply_to = Some(name(by, target));
            }
            routing
        });
    prop_oneof![alert, follow_up]
}

fn event() -> impl Strategy<Value = Event> {
    let reason = prop::sample::select(Reason::ALL.to_vec());
    let verdict = prop_oneof![
        Just(Verdict::Held),
        reason.clone().prop_map(Verdict::Refused)
    ];
    let ours = (0..NUMBERS, prop::sample::select(PARTNERS.to_vec()));
    prop_oneof![
        8 => statement().prop_map(|routing| match routing.statement.origin.as_str() {
            OWN => accepted(&routing),
            _ => received(&routing),
        }),
        3 => (statement(), origin()).prop_map(|(routing, by)| match routing.statement.origin.as_str() {
            OWN => accepted(&routing),
            _ => carried(&routing, by),
        }),
        2 => (origin(), 0..ALERTS, prop::sample::select(vec!["all", "@nordic", "@nordic,@west"]))
            .prop_map(|(origin, number, names)| Event::Addressed {
                actor: officer(),
                statement: name(origin, number),
                names: names.into(),
            }),
        4 => (0..ALERTS, prop::sample::select(PARTNERS.to_vec()), verdict)
            .prop_map(|(number, by, verdict)| stored(&receipt(&first(OWN, number), by, verdict))),
        1 => (origin(), 0..NUMBERS, reason.clone()).prop_map(|(peer, number, reason)| {
            let routing = first(peer, number);
            Event::RefusedStatement {
                statement: routing.statement,
                peer: authority(peer),
                leaf: leaf_of(&routing),
                reason,
            }
        }),
        1 => (ours.clone(), reason.clone()).prop_map(|((number, to), reason)| {
            let (statement, recipient) = (name(OWN, number), authority(to));
            Event::DeliveryEnded { statement, recipient, reason }
        }),
        1 => (ours.clone(), reason.clone()).prop_map(|((number, to), reason)| {
            let (statement, recipient) = (name(OWN, number), authority(to));
            Event::DeliveryHeld { statement, recipient, reason }
        }),
        3 => (ours.clone(), 0..4_u8).prop_map(|((number, to), step)| {
            let (actor, statement, recipient) = (officer(), name(OWN, number), authority(to));
            match step {
                0 => Event::GoesByHand { actor, statement, recipient },
                1 => Event::Bundled { actor, statement, recipient },
                word => Event::HandReported {
                    actor,
                    statement,
                    recipient,
                    word: if word == 2 { Word::None } else { Word::Acknowledged },
                    report: bytes::Bytes::from_static(b"a report"),
                },
            }
        }),
        1 => ours.prop_map(|(number, to)| {
            let (statement, recipient) = (name(OWN, number), authority(to));
            Event::DeliveryResumed { actor: officer(), statement, recipient }
        }),
        1 => (origin(), 0..ALERTS, any::<bool>()).prop_map(|(origin, number, opens)| {
            let peek = if opens { Peek::Opens } else { Peek::LeavesUnopened };
            Event::Consulted { actor: officer(), thread: name(origin, number), peek, why: None }
        }),
        1 => (0..9_u64).prop_map(|version| Event::DirectoryAdopted {
            version,
            bundle: bytes::Bytes::from_static(b"bundle"),
        }),
        1 => (0..9_u8).prop_map(|number| Event::ActorNamed {
            actor: Actor::new(&format!("officer-{number}")).unwrap(),
            uri: "allpoints://XA-POL/desk/officer/7".into(),
        }),
        2 => draft_event(),
        1 => (origin(), 0..ALERTS, prop::sample::select(vec!["", "harbour", "airport,harbour"]))
            .prop_map(|(origin, number, units)| Event::Restricted {
                actor: officer(),
                thread: name(origin, number),
                units: units.into(),
            }),
        2 => handover_event(),
        2 => (origin(), 0..ALERTS).prop_map(|(origin, number)| Event::AlertExpired {
            statement: name(origin, number),
        }),
        2 => (origin(), 0..NUMBERS, prop::sample::select(CallKind::ALL.to_vec())).prop_map(
            |(origin, number, kind)| Event::Called {
                statement: Some(name(origin, number)),
                peer: None,
                kind,
                count: 1,
                ways: "duty".into(),
            },
        ),
        3 => call_event(),
        1 => (0..ALERTS, prop::sample::select(vec!["XB-POL", "XD-POL"])).prop_map(
            |(number, to)| Event::OfferDeclined {
                actor: officer(),
                statement: name(OWN, number),
                recipient: authority(to),
                text: "no tie to that country".into(),
            },
        ),
        1 => Just(Event::Started),
    ]
}

/// What happens to drafts, in order or not.
fn draft_event() -> impl Strategy<Value = Event> {
    let text = || "name the court".into();
    (0..NUMBERS, 0..4_u8).prop_map(move |(number, what)| {
        let (actor, statement) = (officer(), name(OWN, number));
        let ended = |end| Event::DraftEnded {
            actor,
            statement,
            end,
        };
        match what {
            0 => draft_kept(statement),
            1 => Event::DraftReturned {
                actor,
                statement,
                text: text(),
            },
            2 => ended(DraftEnd::Discarded),
            _ => ended(DraftEnd::Released),
        }
    })
}

/// Calls that wait, arrive and are given up, in order or not.
fn call_event() -> impl Strategy<Value = Event> {
    (
        0..NUMBERS,
        0..3_u8,
        prop::sample::select(vec!["duty", "mail"]),
    )
        .prop_map(|(number, what, way)| {
            let call = waiting_call(
                name(OWN, number),
                (number % 2 == 0).then_some(Reason::CallGone),
            );
            let (kind, peer, statement) = call.matter();
            match what {
                0 => Event::CallWaits { call: call.into() },
                1 => Event::CallArrived {
                    statement,
                    peer,
                    kind,
                    count: 1,
                    way: way.into(),
                },
                _ => Event::CallFailed {
                    statement,
                    peer,
                    kind,
                    count: 9,
                    way: way.into(),
                    reason: Reason::CallGone,
                },
            }
        })
}

/// What is given over and taken, in order or not, by a few people.
fn handover_event() -> impl Strategy<Value = Event> {
    (0..3_u8, prop::option::of(0..60_u64)).prop_map(|(who, given)| {
        let leaf = LeafHash([1; 32]);
        Event::HandedOver {
            actor: Actor::new(&format!("duty-{who}")).unwrap(),
            step: given.map_or(HandoverStep::Given, |given| HandoverStep::Taken {
                given,
                leaf,
            }),
            body: bytes::Bytes::from_static(b"open work"),
        }
    })
}

/// Everything that can be asked.
fn answers(ledger: &Ledger) -> Vec<String> {
    let mut answers = vec![format!(
        "{} {} {} {} {:?}",
        ledger.next_index(),
        ledger.message_count(),
        ledger.unopened_count(),
        ledger.unopened_exercise_count(),
        ledger.last_directory(),
    )];
    answers.extend(ledger.waiting_calls().map(|it| format!("{it:?}")));
    answers.extend(ledger.handovers().map(|it| format!("{it:?}")));
    for which in [ListBox::In, ListBox::Out] {
        for unopened_only in [false, true] {
            let filter = ListFilter {
                unopened_only,
                ..ListFilter::default()
            };
            answers.push(format!("{:?}", ledger.list(which, &filter, None, 1000)));
        }
    }
    for origin in [OWN, PARTNERS[0], PARTNERS[1]] {
        let to = authority(origin);
        for lane in [Lane::Fast, Lane::Bulk] {
            for queue in Queue::ALL {
                answers.push(format!(
                    "{:?}",
                    ledger.queued(&to, lane, *queue, None, 1000)
                ));
            }
        }
        for number in 0..NUMBERS {
            let statement = name(origin, number);
            answers.push(format!(
                "{:?} {:?} {:?} {:?}",
                (ledger.known(&statement), ledger.kept_to(&statement)),
                ledger.thread(&statement),
                ledger.find(&statement.to_string()),
                PARTNERS.map(|to| ledger.next_thread_seq(&statement, &authority(to))),
            ));
            let reference = statement.reference().to_string();
            answers.push(format!("{:?}", ledger.find(&reference)));
        }
    }
    for number in 0..NUMBERS {
        answers.push(format!(
            "{:?} {:?}",
            ledger.lapsed(day(number), 1000),
            [DueList::Ends, DueList::Reviews, DueList::Returns].map(|list| ledger.due(
                list,
                None,
                day(number),
                1000
            )),
        ));
    }
    for version in 0..9 {
        answers.push(format!("{:?}", ledger.directory_entry(version)));
        let actor = Actor::new(&format!("officer-{version}")).unwrap();
        answers.push(format!("{}", ledger.actor_known(&actor)));
        answers.push(format!("{:?}", ledger.actor_entry(&actor)));
    }
    answers.push(format!("{:?}", ledger.addressed(None, 1000)));
    answers.push(format!("{:?}", ledger.drafts(None, 1000)));
    answers.push(ledger.draft_count().to_string());
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn three_ways_to_one_state(
        events in prop::collection::vec(event(), 1..160),
        ticks in prop::collection::vec(0..160_usize, 0..4),
        more in prop::collection::vec(event(), 0..20),
    ) {
        let log = MemoryLog::new();
        let view: Arc<dyn View> = Arc::new(MemoryView::default());
        let (store, _) = open(&log, Arc::clone(&view));
        for (place, event) in events.into_iter().enumerate() {
            record(&store, place as i64, event);
            if ticks.contains(&place) {
                ticker::tick(&store.shared).unwrap();
            }
        }
        let (live, _) = store.shared.look(answers);
        drop(store);

        let (rebuilt, recovery) = open(&log.reopened(), Arc::new(MemoryView::default()));
        prop_assert_eq!(recovery.replayed, log.entry_count());
        prop_assert_eq!(&rebuilt.shared.look(answers).0, &live);

        let (loaded, recovery) = open(&log.reopened(), view);
        prop_assert_eq!(recovery.view_rebuilt, None);
        prop_assert_eq!(&loaded.shared.look(answers).0, &live);

        // What they do next is the same too: nothing that is not shown may differ.
        for (place, event) in more.into_iter().enumerate() {
            let time = at(1000 + place as i64);
            for store in [&rebuilt, &loaded] {
                store.shared.state().ledger.record(time, event.clone());
            }
        }
        prop_assert_eq!(
            rebuilt.shared.look(answers).0,
            loaded.shared.look(answers).0
        );
    }
}

#[test]
#[ignore = "a measurement, not a rule: run alone, with --release for true figures"]
#[allow(clippy::disallowed_methods, reason = "measures the time of decisions")]
fn how_long_a_decision_takes() {
    const STATEMENTS: u64 = 100_000;
    let events: Vec<Event> = (0..STATEMENTS)
        .map(|number| accepted(&alert(OWN, number, &["XB-POL"])))
        .collect();
    let mut ledger = empty_ledger();
    let began = std::time::Instant::now();
    for event in events {
        ledger.record(at(1), event);
    }
    let each = began.elapsed() / u32::try_from(STATEMENTS).unwrap();
    println!("{each:?} a statement");
}
