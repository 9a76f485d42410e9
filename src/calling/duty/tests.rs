//! What is called for, when, and what is not.

use std::sync::Arc;

use super::{
    testing::{NOW, own, reply, routing},
    *,
};
use crate::{
    domain::{
        alert::touch::Why,
        receipt::{LeafHash, Receipt},
        terms::Terms,
        time::Clock,
    },
    store::{Store, entry::Actor, event::Peek, testing::TestDisk},
    wire::alert::Touched,
};

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A store, and the duty that watches it.
struct Desk {
    store: Store,
    duty: Duty,
    _disk: TestDisk,
}

impl Desk {
    fn new() -> Self {
        let disk = TestDisk::new();
        let store = disk.open(own(), Arc::new(Still));
        Self {
            store,
            duty: Duty::new(own(), NOW, 15 * MINUTE),
            _disk: disk,
        }
    }

    /// It happens, `after` the beginning; what is called for at once.
    async fn happens(&mut self, after: Duration, event: Event) -> Vec<Due> {
        let now = NOW.plus(after);
        let kept = event.clone();
        let plan = self.store.decide(|ledger| {
            ledger.record(now, kept);
        });
        plan.commit().await.unwrap();
        let duty = &mut self.duty;
        let reading = self.store.read(|ledger| duty.hear(&event, ledger, now));
        reading.await.unwrap().into_iter().collect()
    }

    /// What a look finds, in words; and what it says of flashes that wait no longer.
    async fn look(&mut self, after: Duration) -> Vec<String> {
        let (dues, ended) = self.seen(after).await;
        assert_eq!(ended, []);
        told(&dues)
    }

    async fn seen(&mut self, after: Duration) -> (Vec<Due>, Vec<Due>) {
        let duty = &mut self.duty;
        let reading = self
            .store
            .read(|ledger| duty.look(ledger, NOW.plus(after), after));
        reading.await.unwrap()
    }

    /// The node was restarted after so long; what was journaled is known.
    async fn restarts(&mut self, after: Duration) -> Vec<Suspect> {
        let now = NOW.plus(after);
        self.duty = Duty::new(own(), now, 15 * MINUTE);
        let duty = &mut self.duty;
        let reading = self.store.read(|ledger| duty.begin(ledger, now));
        reading.await.unwrap()
    }

    async fn called(&mut self, due: &Due) {
        let event = Event::Called {
            statement: due.record.as_ref().map(|record| record.statement),
            peer: due.peer,
            kind: due.kind,
            count: 1,
            ways: "duty".into(),
        };
        assert_eq!(self.happens(Duration::ZERO, event).await, []);
    }
}

fn told(dues: &[Due]) -> Vec<String> {
    let told = dues.iter().map(|due| {
        let peer = due.peer.map_or_else(String::new, |peer| format!(" {peer}"));
        format!("{}{peer} {}", due.kind, due.count)
    });
    told.collect()
}

fn received(routing: &Routing) -> Event {
    Event::Received {
        routing: Arc::new(routing.clone()),
        leaf: LeafHash([1; 32]),
        document: bytes::Bytes::from_static(b"statement"),
    }
}

fn accepted(routing: &Routing) -> Event {
    Event::Accepted {
        actor: Actor::NODE,
        routing: Arc::new(routing.clone()),
        leaf: LeafHash([1; 32]),
        document: bytes::Bytes::from_static(b"statement"),
    }
}

fn receipt(alert: &Routing, by: &str, verdict: Verdict) -> Event {
    Event::ReceiptStored {
        receipt: Box::new(Receipt {
            federation: "test".into(),
            recipient: by.parse().unwrap(),
            sender: own(),
            message: alert.statement.id,
            leaf: LeafHash([1; 32]),
            verdict,
            time: NOW,
            directory_version: 1,
            journal_index: 1,
        }),
        document: bytes::Bytes::from_static(b"receipt"),
        leaf: LeafHash([2; 32]),
    }
}

fn flash(origin: &str, number: u64) -> Routing {
    Routing {
        priority: Priority::Flash,
        ..routing(origin, number)
    }
}

#[tokio::test]
async fn a_flash_is_called_at_once_and_each_five_minutes_until_somebody_opens_it() {
    let mut desk = Desk::new();
    let alert = flash("XB-POL", 1);
    desk.happens(Duration::ZERO, received(&alert)).await;
    assert_eq!(desk.look(Duration::ZERO).await, ["flash_unopened 1"]);
    assert_eq!(
        desk.look(5 * MINUTE - Duration::from_secs(1)).await,
        [""; 0]
    );
    assert_eq!(desk.look(5 * MINUTE).await, ["flash_unopened 2"]);
    assert_eq!(desk.look(10 * MINUTE).await, ["flash_unopened 3"]);
    let opened = Event::Consulted {
        actor: Actor::NODE,
        thread: alert.statement,
        peek: Peek::Opens,
        why: None,
    };
    desk.happens(11 * MINUTE, opened).await;
    let (dues, ended) = desk.seen(15 * MINUTE).await;
    assert_eq!(dues, []);
    assert_eq!(told(&ended), ["flash_unopened 2"], "beside the first");
    assert_eq!(desk.seen(25 * MINUTE).await, (vec![], vec![]));
}

#[tokio::test]
async fn a_flash_that_came_inside_another_statement_is_called_like_any_other() {
    let mut desk = Desk::new();
    let alert = flash("XB-POL", 1);
    let inside = Event::Carried {
        peer: alert.statement.origin,
        routing: Arc::new(alert),
        leaf: LeafHash([1; 32]),
        document: bytes::Bytes::from_static(b"statement"),
    };
    desk.happens(Duration::ZERO, inside).await;
    assert_eq!(desk.look(Duration::ZERO).await, ["flash_unopened 1"]);
}

#[tokio::test]
async fn what_is_no_flash_or_not_ours_to_open_or_a_machines_test_wakes_nobody() {
    let mut desk = Desk::new();
    for quiet in [
        routing("XB-POL", 1),
        Routing {
            status: Status::Test,
            ..flash("XB-POL", 2)
        },
        Routing {
            status: Status::System,
            ..flash("XB-POL", 3)
        },
        reply(&flash("XB-POL", 1), "XB-POL", 4, Effect::Updates),
    ] {
        desk.happens(Duration::ZERO, received(&quiet)).await;
    }
    desk.happens(Duration::ZERO, accepted(&flash("XA-POL", 5)))
        .await;
    assert_eq!(desk.look(Duration::ZERO).await, [""; 0]);
    let drill = Routing {
        status: Status::Exercise,
        ..flash("XB-POL", 6)
    };
    desk.happens(Duration::ZERO, received(&drill)).await;
    assert_eq!(
        desk.look(MINUTE).await,
        ["flash_unopened 1"],
        "a drill is one"
    );
}

#[tokio::test]
async fn a_flash_that_is_closed_wakes_nobody_any_more() {
    let mut desk = Desk::new();
    let alert = flash("XB-POL", 1);
    desk.happens(Duration::ZERO, received(&alert)).await;
    assert_eq!(desk.look(Duration::ZERO).await, ["flash_unopened 1"]);
    let closure = reply(&alert, "XB-POL", 2, Effect::Closes);
    let closure = Routing {
        recipients: alert.recipients.clone(),
        ..closure
    };
    desk.happens(MINUTE, received(&closure)).await;
    assert_eq!(desk.look(5 * MINUTE).await, [""; 0]);
}

#[tokio::test]
async fn after_a_restart_a_flash_is_called_again_and_what_was_called_once_is_not() {
    let mut desk = Desk::new();
    let alert = flash("XB-POL", 1);
    desk.happens(Duration::ZERO, received(&alert)).await;
    let (dues, _) = desk.seen(11 * MINUTE).await;
    assert_eq!(
        told(&dues),
        ["flash_unopened 1", "opening_overdue XA-POL 1"]
    );
    for due in &dues {
        desk.called(due).await;
    }
    assert_eq!(desk.look(12 * MINUTE).await, [""; 0]);
    desk.restarts(13 * MINUTE).await;
    assert_eq!(desk.look(13 * MINUTE).await, ["flash_unopened 1"]);
    // Due after the restart: nobody was called for it.
    let answers = desk.look(31 * MINUTE).await;
    assert!(
        answers.contains(&"answer_overdue XA-POL 1".to_owned()),
        "{answers:?}"
    );
}

#[tokio::test]
async fn each_clock_that_runs_out_is_called_once_for_each_who_owes() {
    let mut desk = Desk::new();
    let alert = routing("XA-POL", 1);
    desk.happens(Duration::ZERO, accepted(&alert)).await;
    assert_eq!(desk.look(10 * MINUTE).await, [""; 0]);
    let late = ["delivery_overdue XB-POL 1", "delivery_overdue XC-POL 1"];
    assert_eq!(desk.look(11 * MINUTE).await, late);
    assert_eq!(desk.look(12 * MINUTE).await, [""; 0]);
    desk.happens(12 * MINUTE, receipt(&alert, "XB-POL", Verdict::Held))
        .await;
    assert_eq!(desk.look(61 * MINUTE).await, ["opening_overdue XB-POL 1"]);
}

#[tokio::test]
async fn a_hit_is_called_at_once_and_its_overdue_instruction_at_the_originators_first() {
    let mut desk = Desk::new();
    let alert = routing("XA-POL", 1);
    desk.happens(Duration::ZERO, accepted(&alert)).await;
    for by in ["XB-POL", "XC-POL"] {
        desk.happens(Duration::ZERO, receipt(&alert, by, Verdict::Held))
            .await;
    }
    let hit = reply(&alert, "XB-POL", 8, Effect::Answers(AnswerCode::Hit));
    let dues = desk.happens(MINUTE, received(&hit)).await;
    assert_eq!(told(&dues), ["hit_waiting XB-POL 1"]);
    assert_eq!(dues[0].due, Some(NOW.plus(MINUTE + 120 * MINUTE)));
    let there = Routing {
        terms: Terms {
            person_present: true,
            ..Terms::default()
        },
        ..reply(&alert, "XB-POL", 9, Effect::Informs)
    };
    let dues = desk.happens(MINUTE, received(&there)).await;
    assert_eq!(told(&dues), ["hit_waiting XB-POL 1"]);
    assert_eq!(dues[0].due, Some(NOW.plus(31 * MINUTE)));
    assert_eq!(desk.look(31 * MINUTE).await, [""; 0]);
    let same = reply(&alert, "XB-POL", 10, Effect::Answers(AnswerCode::Hit));
    assert_eq!(
        desk.happens(MINUTE, received(&same)).await,
        [],
        "less is left already"
    );
    let ours = desk.look(31 * MINUTE + Duration::from_secs(1)).await;
    assert_eq!(ours, ["instruction_overdue XA-POL 1"]);

    // The same abroad, where the instruction is waited for: five minutes later.
    let mut abroad = Desk::new();
    let alert = routing("XB-POL", 1);
    abroad.happens(Duration::ZERO, received(&alert)).await;
    let hit = reply(&alert, "XA-POL", 8, Effect::Answers(AnswerCode::Hit));
    assert_eq!(abroad.happens(Duration::ZERO, accepted(&hit)).await, []);
    let held = receipt(&hit, "XB-POL", Verdict::Held);
    abroad.happens(Duration::ZERO, held).await;
    assert_eq!(abroad.look(124 * MINUTE).await, [""; 0]);
    assert_eq!(
        abroad.look(126 * MINUTE).await,
        ["instruction_overdue XB-POL 1"]
    );
}

#[tokio::test]
async fn a_hit_on_a_flash_is_called_again_each_five_minutes_until_our_word_also_over_a_restart() {
    let mut desk = Desk::new();
    let alert = flash("XA-POL", 1);
    desk.happens(Duration::ZERO, accepted(&alert)).await;
    desk.happens(Duration::ZERO, receipt(&alert, "XB-POL", Verdict::Held))
        .await;
    desk.happens(Duration::ZERO, receipt(&alert, "XC-POL", Verdict::Held))
        .await;
    let hit = reply(&alert, "XB-POL", 8, Effect::Answers(AnswerCode::Hit));
    let dues = desk.happens(MINUTE, received(&hit)).await;
    assert_eq!(told(&dues), ["hit_waiting XB-POL 1"]);
    let again = async |desk: &mut Desk, minutes: u32| {
        let (dues, ended) = desk.seen(MINUTE * minutes).await;
        let hits = |dues: &[Due]| {
            let all = told(dues).into_iter();
            all.filter(|it| it.starts_with("hit")).collect::<Vec<_>>()
        };
        (hits(&dues), hits(&ended))
    };
    let call = |count: u32| vec![format!("hit_waiting XB-POL {count}")];
    let none = Vec::<String>::new;
    assert_eq!(again(&mut desk, 1).await, (none(), none()));
    assert_eq!(again(&mut desk, 5).await, (none(), none()));
    assert_eq!(again(&mut desk, 6).await, (call(2), none()));
    assert_eq!(again(&mut desk, 11).await, (call(3), none()));
    // Killed before anything was journaled: the next process calls at once.
    desk.restarts(12 * MINUTE).await;
    assert_eq!(again(&mut desk, 12).await, (call(1), none()));
    desk.called(&dues[0]).await;
    desk.restarts(12 * MINUTE).await;
    assert_eq!(again(&mut desk, 12).await, (none(), none()));
    assert_eq!(again(&mut desk, 17).await, (call(2), none()));
    let word = reply(&alert, "XA-POL", 9, Effect::Instructs);
    desk.happens(18 * MINUTE, accepted(&word)).await;
    assert_eq!(again(&mut desk, 22).await, (none(), call(2)), "how often");
    assert_eq!(again(&mut desk, 30).await, (none(), none()));
}

#[tokio::test]
async fn what_stops_a_delivery_is_called_and_what_is_tried_again_is_not() {
    let mut desk = Desk::new();
    let alert = routing("XA-POL", 1);
    desk.happens(Duration::ZERO, accepted(&alert)).await;
    let (statement, recipient) = (alert.statement, "XB-POL".parse().unwrap());
    let held = Event::DeliveryHeld {
        statement,
        recipient,
        reason: Reason::PeerSuspended,
    };
    assert_eq!(
        told(&desk.happens(MINUTE, held).await),
        ["delivery_held XB-POL 1"]
    );
    let ended = Event::DeliveryEnded {
        statement,
        recipient,
        reason: Reason::CarriageEnded,
    };
    assert_eq!(
        told(&desk.happens(MINUTE, ended).await),
        ["delivery_expired XB-POL 1"]
    );
    for (reason, call) in [
        (Reason::NotReleased, vec!["delivery_refused XC-POL 1"]),
        (Reason::UnsupportedVersion, vec!["delivery_held XC-POL 1"]),
        (Reason::Quota, vec![]),
    ] {
        let refused = receipt(&alert, "XC-POL", Verdict::Refused(reason));
        let dues = desk.happens(MINUTE, refused).await;
        assert_eq!(told(&dues), call, "{reason}");
    }
}

#[tokio::test]
async fn an_own_alert_warns_a_week_and_a_day_ahead_and_a_travellers_return_after_its_day() {
    let mut desk = Desk::new();
    let today = Day::of(NOW).unwrap();
    let alert = Routing {
        kind: Kind::TravelNotice,
        terms: Terms {
            valid_until: Some(today.plus_days(20)),
            review_on: Some(today.plus_days(15)),
            expected_return_on: Some(today.plus_days(3)),
            ..Terms::default()
        },
        ..routing("XA-POL", 1)
    };
    desk.happens(Duration::ZERO, accepted(&alert)).await;
    let foreign = Routing {
        statement: routing("XB-POL", 2).statement,
        thread: routing("XB-POL", 2).statement,
        ..alert.clone()
    };
    desk.happens(Duration::ZERO, received(&foreign)).await;
    let mut called = Vec::new();
    for day in 0..20 {
        let (dues, _) = desk.seen(DAY * day).await;
        let days = [
            CallKind::EndsInAWeek,
            CallKind::EndsInADay,
            CallKind::ReviewDue,
            CallKind::ReturnNotConfirmed,
        ];
        for due in dues.iter().filter(|due| days.contains(&due.kind)) {
            called.push(format!("{day} {}", due.kind));
            desk.called(due).await;
        }
        if day == 14 {
            desk.restarts(DAY * day).await;
        }
    }
    assert_eq!(
        called,
        [
            "4 return_not_confirmed",
            "13 ends_in_a_week",
            "15 review_due",
            "19 ends_in_a_day",
        ]
    );
}

#[test]
fn a_partner_that_is_away_for_long_is_called_once_for_each_time() {
    let mut duty = Duty::new(own(), NOW, 15 * MINUTE);
    let link = |healthy| LinkState {
        authority: "XB-POL".parse().unwrap(),
        lanes: Vec::new(),
        waiting: <_>::default(),
        healthy,
        reason: (!healthy).then_some(Reason::Unreachable),
        last_receipt: None,
        clock_offset_ms: 0,
    };
    let mut at = |minutes: u32, healthy| {
        let after = MINUTE * minutes;
        told(&duty.links(&[link(healthy)], NOW.plus(after), after))
    };
    let call = ["link_down XB-POL 1"];
    assert_eq!(at(0, false), [""; 0]);
    assert_eq!(at(14, false), [""; 0]);
    assert_eq!(at(15, false), call);
    assert_eq!(at(40, false), [""; 0]);
    assert_eq!(at(41, true), [""; 0]);
    assert_eq!(at(42, false), [""; 0]);
    assert_eq!(at(57, false), call);
    assert_eq!(duty.links(&[], NOW, MINUTE * 58), []);
}

/// A journey that states an order of its own, as real as said.
fn bound_journey(status: Status) -> Routing {
    Routing {
        kind: Kind::TravelNotice,
        status,
        terms: Terms {
            states_orders: true,
            states_journey: true,
            ..Terms::default()
        },
        ..routing("XB-POL", 1)
    }
}

fn touched(journey: &Routing) -> Touched {
    Touched {
        journey: journey.statement,
        ordered: journey.statement,
        country: "XB".parse().unwrap(),
        reference: "SDC 2027/7".parse().unwrap(),
        clause: 1,
        why: Why::NotNotified { days_before: 7 },
    }
}

#[tokio::test]
async fn a_journey_that_touches_an_order_is_called_once_also_over_a_restart() {
    let mut desk = Desk::new();
    let journey = bound_journey(Status::Actual);
    let event = received(&journey);
    assert!(Duty::cares_for(&event));
    desk.happens(Duration::ZERO, event.clone()).await;
    let suspects = |ledger: &Ledger| Duty::suspects(&event, ledger, NOW);
    let alerts = desk.store.read(suspects).await.unwrap().unwrap();
    let (one, other) = (touched(&journey), touched(&journey));
    let dues = desk.duty.touched(&[one, other], &alerts, NOW);
    assert_eq!(
        told(&dues),
        ["clause_touched XB-POL 1"],
        "two clauses of one order"
    );
    assert_eq!(desk.duty.touched(&[touched(&journey)], &alerts, NOW), []);
    // Killed before it was journaled, it is looked at again; afterwards it is not.
    assert_eq!(desk.restarts(MINUTE).await.len(), 1);
    desk.called(&dues[0]).await;
    assert!(desk.restarts(2 * MINUTE).await.is_empty());
}

#[tokio::test]
async fn no_journey_or_no_order_or_a_machines_test_calls_nobody() {
    let mut desk = Desk::new();
    let with = |states_orders, states_journey| Routing {
        terms: Terms {
            states_orders,
            states_journey,
            ..Terms::default()
        },
        ..routing("XB-POL", 2)
    };
    for routing in [with(true, false), with(false, true), with(false, false)] {
        let event = received(&routing);
        let mut desk = Desk::new();
        desk.happens(Duration::ZERO, event.clone()).await;
        let suspects = |ledger: &Ledger| Duty::suspects(&event, ledger, NOW);
        assert_eq!(desk.store.read(suspects).await.unwrap(), None);
    }
    let machine = bound_journey(Status::System);
    let event = received(&machine);
    desk.happens(Duration::ZERO, event.clone()).await;
    let suspects = |ledger: &Ledger| Duty::suspects(&event, ledger, NOW);
    let alerts = desk.store.read(suspects).await.unwrap().unwrap();
    assert_eq!(desk.duty.touched(&[touched(&machine)], &alerts, NOW), []);
}

#[test]
fn who_joins_is_called_about_once_when_alerts_wait_for_it() {
    let mut duty = Duty::new(own(), NOW, 15 * MINUTE);
    let offered = |duty: &mut Duty, names: &[&str]| {
        let newcomers = names.iter().map(|name| name.parse().unwrap());
        told(&duty.offered(newcomers.collect(), NOW))
    };
    assert_eq!(offered(&mut duty, &[]), [""; 0]);
    assert_eq!(offered(&mut duty, &["XD-POL"]), ["offers_wait XD-POL 1"]);
    assert_eq!(offered(&mut duty, &["XD-POL"]), [""; 0]);
    let both = offered(&mut duty, &["XD-POL", "XE-POL"]);
    assert_eq!(both, ["offers_wait XE-POL 1"]);
}
