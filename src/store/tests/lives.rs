//! What each event does, rule by rule, each with its twin.

use super::statements::*;
use crate::{
    domain::{
        lives::{AlertLife, DeliveryLife},
        reason::Reason,
        receipt::{LeafHash, Verdict},
        routing::{AnswerCode, Effect, Kind, Lane, Queue, Routing, Status},
    },
    store::{
        event::{Event, Peek},
        ledger::{Found, Ledger, ListBox, ListFilter},
    },
};

fn with(events: impl IntoIterator<Item = Event>) -> Ledger {
    let mut ledger = empty_ledger();
    for (seconds, event) in (1..).zip(events) {
        ledger.record(at(seconds), event);
    }
    ledger
}

fn life(ledger: &Ledger, routing: &Routing) -> AlertLife {
    ledger.message(&routing.statement).unwrap().life
}

fn delivery(ledger: &Ledger, routing: &Routing, to: &str) -> DeliveryLife {
    let record = ledger.message(&routing.statement).unwrap();
    record.delivery(&authority(to)).unwrap().life
}

fn queue(ledger: &Ledger, to: &str) -> Vec<u64> {
    ledger.queued(&authority(to), Lane::Fast, Queue::Live, None, 100)
}

#[test]
fn a_repeat_has_one_effect() {
    // Threat 17.
    let alert = alert("XB-POL", 1, &[OWN]);
    let ledger = with([received(&alert), received(&alert)]);
    assert_eq!(ledger.message_count(), 1);
    assert_eq!(ledger.unopened_count(), 1);
    let known = ledger.known(&alert.statement).unwrap();
    assert_eq!((known.verdict, known.index), (Verdict::Held, 0));
}

#[test]
fn another_content_under_a_known_id_changes_nothing() {
    // Threat 18.
    let first = alert("XB-POL", 1, &[OWN]);
    let other = Routing {
        kind: Kind::TravelNotice,
        ..first.clone()
    };
    let ledger = with([received(&first), received(&other)]);
    let known = ledger.known(&first.statement).unwrap();
    assert_eq!(known.leaf, leaf_of(&first));
    assert_ne!(known.leaf, leaf_of(&other));
    assert_eq!(
        ledger.message(&first.statement).unwrap().kind,
        Kind::MissingOffender
    );
}

#[test]
fn a_refusal_is_remembered_and_the_first_verdict_stands() {
    let alert = alert("XB-POL", 1, &[OWN]);
    let refused = |reason| Event::RefusedStatement {
        statement: alert.statement,
        peer: authority("XB-POL"),
        leaf: leaf_of(&alert),
        reason,
    };
    let ledger = with([
        refused(Reason::NotReleased),
        refused(Reason::Expired),
        received(&alert),
    ]);
    let known = ledger.known(&alert.statement).unwrap();
    assert_eq!(known.verdict, Verdict::Refused(Reason::NotReleased));
    assert_eq!(known.index, 0);
    assert_eq!(ledger.message_count(), 0);
    assert_eq!(ledger.find(&alert.statement.to_string()), Found::None);
}

#[test]
fn a_squatted_id_leaves_the_true_origins_alone() {
    // Threat 72.
    let (true_one, squat) = (alert("XB-POL", 1, &[OWN]), alert("XC-POL", 1, &[OWN]));
    assert_eq!(true_one.statement.id, squat.statement.id);
    let recall = follow(&squat, "XC-POL", 2, Effect::Recalls, &[(OWN, 1)]);
    let ledger = with([received(&true_one), received(&squat), received(&recall)]);
    assert_eq!(life(&ledger, &true_one), AlertLife::Live);
    assert_eq!(life(&ledger, &squat), AlertLife::Recalled);
    let id = true_one.statement.id.to_string();
    assert_eq!(ledger.find(&id), Found::Ambiguous);
    let full = true_one.statement.to_string();
    assert_eq!(ledger.find(&full), Found::One(true_one.statement));
}

#[test]
fn a_recall_before_its_alert_waits_and_is_applied_when_it_comes() {
    // Threat 70.
    let alert = alert("XB-POL", 1, &[OWN]);
    let recall = follow(&alert, "XB-POL", 2, Effect::Recalls, &[(OWN, 1)]);
    let mut ledger = with([received(&recall)]);
    assert_eq!(life(&ledger, &recall), AlertLife::Waiting);
    ledger.record(at(9), received(&alert));
    assert_eq!(life(&ledger, &recall), AlertLife::Live);
    assert_eq!(life(&ledger, &alert), AlertLife::Recalled);
    let thread: Vec<_> = ledger.thread(&alert.statement);
    let order: Vec<_> = thread.iter().map(|record| record.statement).collect();
    assert_eq!(order, [recall.statement, alert.statement]);
}

#[test]
fn only_the_owner_and_only_the_same_status_recalls() {
    let real = alert("XB-POL", 1, &[OWN]);
    let stranger = follow(&real, "XC-POL", 2, Effect::Recalls, &[(OWN, 0)]);
    let drill = Routing {
        status: Status::Exercise,
        ..follow(&real, "XB-POL", 3, Effect::Recalls, &[(OWN, 1)])
    };
    for recall in [stranger, drill] {
        let ledger = with([received(&recall), received(&real)]);
        assert_eq!(life(&ledger, &real), AlertLife::Live);
    }
}

#[test]
fn later_statements_wait_for_a_gap_and_recalls_do_not() {
    let alert = alert("XB-POL", 1, &[OWN]);
    let update = follow(&alert, "XB-POL", 2, Effect::Updates, &[(OWN, 1)]);
    let correction = follow(&alert, "XB-POL", 3, Effect::Corrects, &[(OWN, 2)]);
    let closure = follow(&alert, "XB-POL", 4, Effect::Closes, &[(OWN, 3)]);
    let mut ledger = with([received(&alert), received(&correction), received(&closure)]);
    assert_eq!(life(&ledger, &correction), AlertLife::Waiting);
    assert_eq!(life(&ledger, &closure), AlertLife::Live);
    assert_eq!(life(&ledger, &alert), AlertLife::Closed);
    ledger.record(at(9), received(&update));
    assert_eq!(life(&ledger, &update), AlertLife::Live);
    assert_eq!(life(&ledger, &correction), AlertLife::Live);
}

#[test]
fn a_thread_is_told_in_the_order_of_its_origins_numbers() {
    let first = alert("XB-POL", 1, &[OWN]);
    let later = |number, seq| follow(&first, "XB-POL", number, Effect::Updates, &[(OWN, seq)]);
    let (one, two, three) = (later(2, 1), later(3, 2), later(4, 3));
    let ours = answer(&first, OWN, 5, 0, AnswerCode::Hit);
    let arrived = [&three, &first, &two];
    let events = arrived.map(received).into_iter();
    let ledger = with(events.chain([accepted(&ours), received(&one)]));
    let told = ledger.thread_in_order(&first.statement);
    let told: Vec<_> = told.iter().map(|record| record.statement).collect();
    let expected = [&first, &one, &two, &ours, &three].map(|it| it.statement);
    assert_eq!(told, expected);
}

#[test]
fn what_is_recalled_while_it_waits_is_never_applied() {
    let alert = alert("XB-POL", 1, &[OWN]);
    let update = follow(&alert, "XB-POL", 2, Effect::Updates, &[(OWN, 1)]);
    let late = follow(&alert, "XB-POL", 3, Effect::Updates, &[(OWN, 2)]);
    let recall = Routing {
        in_reply_to: Some(late.statement),
        ..follow(&alert, "XB-POL", 4, Effect::Recalls, &[(OWN, 3)])
    };
    let ledger = with([
        received(&alert),
        received(&late),
        received(&recall),
        received(&update),
    ]);
    assert_eq!(life(&ledger, &late), AlertLife::Recalled);
    assert_eq!(life(&ledger, &alert), AlertLife::Live);
}

#[test]
fn a_receipt_settles_one_delivery_once() {
    let alert = alert(OWN, 1, &["XB-POL", "XC-POL"]);
    let held = receipt(&alert, "XB-POL", Verdict::Held);
    let refused = receipt(&alert, "XB-POL", Verdict::Refused(Reason::NotReleased));
    let ledger = with([accepted(&alert), stored(&held), stored(&refused)]);
    assert_eq!(delivery(&ledger, &alert, "XB-POL"), DeliveryLife::Delivered);
    assert_eq!(delivery(&ledger, &alert, "XC-POL"), DeliveryLife::Queued);
    assert!(queue(&ledger, "XB-POL").is_empty());
    assert_eq!(queue(&ledger, "XC-POL"), [0]);
    let record = ledger.message(&alert.statement).unwrap();
    let settled = record.delivery(&authority("XB-POL")).unwrap();
    assert_eq!(settled.receipt, Some(1));
}

#[test]
fn a_receipt_that_does_not_fit_changes_nothing() {
    let alert = alert(OWN, 1, &["XB-POL"]);
    let fitting = receipt(&alert, "XB-POL", Verdict::Held);
    let mut other_leaf = fitting.clone();
    other_leaf.leaf = LeafHash([0; 32]);
    let mut other_id = fitting.clone();
    other_id.message = name(OWN, 2).id;
    let mut other_sender = fitting.clone();
    other_sender.sender = authority("XC-POL");
    let not_addressed = receipt(&alert, "XC-POL", Verdict::Held);
    for forged in [other_leaf, other_id, other_sender, not_addressed] {
        let ledger = with([accepted(&alert), stored(&forged)]);
        assert_eq!(delivery(&ledger, &alert, "XB-POL"), DeliveryLife::Queued);
        assert_eq!(queue(&ledger, "XB-POL"), [0]);
    }
    let ledger = with([accepted(&alert), stored(&fitting)]);
    assert_eq!(delivery(&ledger, &alert, "XB-POL"), DeliveryLife::Delivered);
}

#[test]
fn what_is_held_leaves_the_queue_until_a_person_resumes_it() {
    let alert = alert(OWN, 1, &["XB-POL"]);
    let (statement, recipient) = (alert.statement, authority("XB-POL"));
    let mut ledger = with([
        accepted(&alert),
        Event::DeliveryHeld {
            statement,
            recipient,
            reason: Reason::PeerSuspended,
        },
    ]);
    assert_eq!(ledger.queued_count(&recipient, Queue::Live), 0);
    let resumed = Event::DeliveryResumed {
        actor: officer(),
        statement,
        recipient,
    };
    ledger.record(at(9), resumed);
    assert_eq!(ledger.queued_count(&recipient, Queue::Live), 1);
    let ended = Event::DeliveryEnded {
        statement,
        recipient,
        reason: Reason::CarriageEnded,
    };
    ledger.record(at(10), ended);
    assert_eq!(ledger.queued_count(&recipient, Queue::Live), 0);
    assert_eq!(delivery(&ledger, &alert, "XB-POL"), DeliveryLife::Expired);
}

#[test]
fn a_recall_of_our_own_leaves_its_deliveries_in_the_queue() {
    let alert = alert(OWN, 1, &["XB-POL"]);
    let recall = follow(&alert, OWN, 2, Effect::Recalls, &[("XB-POL", 1)]);
    let ledger = with([accepted(&alert), accepted(&recall)]);
    assert_eq!(life(&ledger, &alert), AlertLife::Recalled);
    assert_eq!(queue(&ledger, "XB-POL"), [0, 1]);
    assert_eq!(
        ledger.queued(&authority("XB-POL"), Lane::Fast, Queue::Live, Some(0), 9),
        [1]
    );
    assert_eq!(
        ledger.next_thread_seq(&alert.statement, &authority("XB-POL")),
        2
    );
    assert_eq!(
        ledger.next_thread_seq(&alert.statement, &authority("XC-POL")),
        0
    );
}

#[test]
fn answers_stand_with_the_delivery_to_who_gave_them() {
    let alert = alert(OWN, 1, &["XB-POL", "XC-POL"]);
    let opened = answer(&alert, "XB-POL", 2, 0, AnswerCode::Opened);
    let hit = answer(&alert, "XB-POL", 3, 1, AnswerCode::Hit);
    let no_trace = answer(&alert, "XB-POL", 4, 2, AnswerCode::NoTrace);
    let ledger = with([
        accepted(&alert),
        received(&opened),
        received(&hit),
        received(&no_trace),
    ]);
    let record = ledger.message(&alert.statement).unwrap();
    let answered = record.delivery(&authority("XB-POL")).unwrap();
    assert_eq!(answered.handling.latest, Some(AnswerCode::NoTrace));
    assert_eq!(answered.handling.gravest, Some(AnswerCode::Hit));
    assert_eq!(answered.opened_at, Some(at(2)));
    assert_eq!(answered.answered_at, Some(at(3)));
    let silent = record.delivery(&authority("XC-POL")).unwrap();
    assert_eq!((silent.handling.latest, silent.opened_at), (None, None));
    assert_eq!(record.gravest(), Some(AnswerCode::Hit));
}

#[test]
fn a_full_view_opens_and_a_peek_does_not() {
    let alert = alert("XB-POL", 1, &[OWN]);
    let consulted = |peek| Event::Consulted {
        actor: officer(),
        thread: alert.statement,
        peek,
        why: None,
    };
    let mut ledger = with([received(&alert), consulted(Peek::LeavesUnopened)]);
    assert_eq!(ledger.unopened_count(), 1);
    ledger.record(at(5), consulted(Peek::Opens));
    ledger.record(at(6), consulted(Peek::Opens));
    assert_eq!(ledger.unopened_count(), 0);
    let record = ledger.message(&alert.statement).unwrap();
    assert_eq!(record.opened_at, Some(at(5)));
    assert_eq!(record.handling_life.latest, Some(AnswerCode::Opened));
}

#[test]
fn an_exercise_is_never_counted_as_real() {
    // Invariant I10.
    let real = alert("XB-POL", 1, &[OWN]);
    let drill = Routing {
        status: Status::Exercise,
        ..alert("XB-POL", 2, &[OWN])
    };
    let ledger = with([received(&real), received(&drill)]);
    assert_eq!(ledger.unopened_count(), 1);
    assert_eq!(ledger.unopened_exercise_count(), 1);
    let filter = ListFilter {
        status: Some(Status::Actual),
        ..ListFilter::default()
    };
    let listed = ledger.list(ListBox::In, &filter, None, 10);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].statement, real.statement);
}

#[test]
fn lists_are_newest_first_and_go_on_before_the_last() {
    let ledger = with([
        received(&alert("XB-POL", 1, &[OWN])),
        accepted(&alert(OWN, 2, &["XB-POL"])),
        received(&alert("XB-POL", 3, &[OWN])),
        received(&alert("XB-POL", 4, &[OWN])),
    ]);
    let ordinals = |which, before, limit| -> Vec<u64> {
        let listed = ledger.list(which, &ListFilter::default(), before, limit);
        listed.iter().map(|record| record.ordinal).collect()
    };
    assert_eq!(ordinals(ListBox::In, None, 2), [3, 2]);
    assert_eq!(ordinals(ListBox::In, Some(2), 2), [0]);
    assert_eq!(ordinals(ListBox::Out, None, 9), [1]);
}

#[test]
fn a_statement_is_found_by_id_prefix_and_reference() {
    let (one, two) = (alert("XB-POL", 1, &[OWN]), alert(OWN, 9, &["XB-POL"]));
    let ledger = with([received(&one), accepted(&two)]);
    let id = one.statement.id.to_string();
    let reference = one.statement.reference().to_string();
    for text in [&id, &id[..20], &reference, &reference.to_lowercase()] {
        assert_eq!(ledger.find(text), Found::One(one.statement), "{text}");
    }
    assert_eq!(ledger.find(&id[..8]), Found::Ambiguous);
    for text in ["", "0193", "XB-26-00000", "XB-POL/nothing", "zzzzzzzz"] {
        assert_eq!(ledger.find(text), Found::None, "{text}");
    }
}
