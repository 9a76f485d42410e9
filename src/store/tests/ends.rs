//! The alert's end by time: who it ends for, who brings it back, and what is listed as due.

use super::statements::*;
use crate::{
    domain::{
        alert::value::Day,
        call::CallKind,
        lives::AlertLife,
        routing::{AnswerCode, Effect, Kind, Routing, Status},
        terms::Terms,
        time::Timestamp,
    },
    store::{
        event::Event,
        ledger::{DueList, Ledger},
        record::{Direction, MessageRecord},
    },
};

/// Days after that on which all of these alerts are issued.
fn day(after: i32) -> Day {
    let issued = Day::of(at(0)).unwrap();
    Day::from_number(issued.number() + after).unwrap()
}

fn terms(until: i32) -> Terms {
    Terms {
        valid_until: Some(day(until)),
        ..Terms::default()
    }
}

/// An alert of XB-POL to us that ends after ten days.
fn foreign() -> Routing {
    Routing {
        terms: terms(10),
        ..alert("XB-POL", 1, &[OWN])
    }
}

fn extension(alert: &Routing, number: u64, seq: u32, until: i32) -> Routing {
    Routing {
        terms: terms(until),
        ..follow(alert, "XB-POL", number, Effect::Updates, &[(OWN, seq)])
    }
}

fn with(events: impl IntoIterator<Item = Event>) -> Ledger {
    let mut ledger = empty_ledger();
    for (seconds, event) in (1..).zip(events) {
        ledger.record(at(seconds), event);
    }
    ledger
}

fn expired(alert: &Routing) -> Event {
    Event::AlertExpired {
        statement: alert.statement,
    }
}

fn read(ledger: &Ledger, routing: &Routing) -> MessageRecord {
    ledger.message(&routing.statement).unwrap()
}

#[test]
fn an_alert_is_live_on_its_last_day_and_expired_after_it_whatever_was_journaled() {
    let alert = foreign();
    let record = read(&with([received(&alert)]), &alert);
    let midnight = day(10).end();
    let before = Timestamp::from_micros(midnight.as_micros() - 1);
    assert_eq!(record.life_at(before), AlertLife::Live);
    assert_eq!(record.life_at(midnight), AlertLife::Expired);
    assert_eq!(record.life, AlertLife::Live, "nobody journaled it yet");
    let closure = follow(&alert, "XB-POL", 2, Effect::Closes, &[(OWN, 1)]);
    let record = read(&with([received(&alert), received(&closure)]), &alert);
    assert_eq!(record.life_at(midnight), AlertLife::Closed);
    // What follows an alert has no end of its own.
    let update = extension(&alert, 2, 1, 10);
    let record = read(&with([received(&alert), received(&update)]), &update);
    assert_eq!(record.life_at(midnight), AlertLife::Live);
}

#[test]
fn only_what_lives_and_is_past_its_last_day_lapses() {
    let alert = foreign();
    let mut ledger = with([received(&alert)]);
    assert_eq!(ledger.lapsed(day(10), 9), []);
    assert_eq!(ledger.lapsed(day(11), 9), [alert.statement]);
    assert_eq!(ledger.lapsed(day(11), 0), []);
    ledger.record(at(9), expired(&alert));
    assert_eq!(ledger.lapsed(day(11), 9), []);
    assert_eq!(read(&ledger, &alert).life, AlertLife::Expired);
    for effect in [Effect::Closes, Effect::Recalls] {
        let end = follow(&alert, "XB-POL", 2, effect, &[(OWN, 1)]);
        let mut ledger = with([received(&alert), received(&end)]);
        assert_eq!(ledger.lapsed(day(11), 9), [], "{effect:?}");
        let life = read(&ledger, &alert).life;
        ledger.record(at(9), expired(&alert));
        assert_eq!(read(&ledger, &alert).life, life, "{effect:?}");
    }
}

#[test]
fn its_originator_extends_it_before_and_after_its_end() {
    let alert = foreign();
    let update = extension(&alert, 2, 1, 20);
    for events in [
        vec![received(&alert), received(&update)],
        vec![received(&alert), expired(&alert), received(&update)],
        // Not applied before its alert is here.
        vec![received(&update), received(&alert)],
    ] {
        let ledger = with(events);
        let record = read(&ledger, &alert);
        assert_eq!(record.life, AlertLife::Live);
        assert_eq!(record.terms.valid_until, Some(day(20)));
        assert_eq!(ledger.lapsed(day(20), 9), []);
        assert_eq!(ledger.lapsed(day(21), 9), [alert.statement]);
    }
}

#[test]
fn an_update_that_is_not_the_originators_or_not_longer_or_too_long_extends_nothing() {
    let alert = foreign();
    let longest = alert.kind;
    assert_eq!(longest, Kind::MissingOffender);
    let strangers = Routing {
        terms: terms(20),
        ..follow(&alert, "XC-POL", 2, Effect::Updates, &[(OWN, 0)])
    };
    let drill = Routing {
        status: Status::Exercise,
        ..extension(&alert, 2, 1, 20)
    };
    for update in [
        strangers,
        drill,
        extension(&alert, 2, 1, 10),
        extension(&alert, 2, 1, 5),
        extension(&alert, 2, 1, 1097),
    ] {
        let ledger = with([received(&alert), expired(&alert), received(&update)]);
        let record = read(&ledger, &alert);
        assert_eq!(record.life, AlertLife::Expired, "{update:?}");
        assert_eq!(record.terms.valid_until, Some(day(10)), "{update:?}");
    }
    let longest = extension(&alert, 2, 1, 1096);
    let ledger = with([received(&alert), expired(&alert), received(&longest)]);
    assert_eq!(read(&ledger, &alert).terms.valid_until, Some(day(1096)));
}

#[test]
fn what_is_closed_or_recalled_is_not_brought_back() {
    let alert = foreign();
    for effect in [Effect::Closes, Effect::Recalls] {
        let end = follow(&alert, "XB-POL", 2, effect, &[(OWN, 1)]);
        let update = extension(&alert, 3, 2, 20);
        let ledger = with([
            received(&alert),
            expired(&alert),
            received(&end),
            received(&update),
        ]);
        assert!(read(&ledger, &alert).life != AlertLife::Live, "{effect:?}");
        assert_eq!(ledger.lapsed(day(99), 9), [], "{effect:?}");
    }
}

/// An own travel notice: ends, is looked at, and its person is back, on different days.
fn own() -> Routing {
    Routing {
        kind: Kind::TravelNotice,
        terms: Terms {
            review_on: Some(day(6)),
            expected_return_on: Some(day(4)),
            ..terms(10)
        },
        ..alert(OWN, 1, &["XB-POL"])
    }
}

fn due(ledger: &Ledger, by: i32) -> [Vec<Day>; 3] {
    [DueList::Ends, DueList::Reviews, DueList::Returns].map(|list| {
        let due = ledger.due(list, None, day(by), 9);
        due.into_iter().map(|(day, _)| day).collect()
    })
}

#[test]
fn own_alerts_are_due_by_their_days_and_those_of_others_are_theirs() {
    let ledger = with([accepted(&own()), received(&foreign())]);
    assert_eq!(due(&ledger, 3), [vec![], vec![], vec![]]);
    assert_eq!(due(&ledger, 4), [vec![], vec![], vec![day(4)]]);
    assert_eq!(
        due(&ledger, 10),
        [vec![day(10)], vec![day(6)], vec![day(4)]]
    );
    let (day_of, record) = ledger.due(DueList::Ends, None, day(10), 9).remove(0);
    assert_eq!(record.direction, Direction::Own);
    let after = Some((day_of, record.ordinal));
    assert_eq!(ledger.due(DueList::Ends, after, day(10), 9), []);
    assert_eq!(ledger.due(DueList::Ends, None, day(10), 0), []);
}

#[test]
fn a_return_is_confirmed_by_an_outcome_of_anybody_and_by_an_own_update() {
    let alert = own();
    let back = Terms {
        return_confirmed: true,
        ..Terms::default()
    };
    let outcome = |terms| Routing {
        terms,
        ..follow(&alert, "XB-POL", 2, Effect::Informs, &[(OWN, 0)])
    };
    let update = |terms| Routing {
        terms,
        ..follow(&alert, OWN, 3, Effect::Updates, &[("XB-POL", 1)])
    };
    let open = vec![day(4)];
    for (event, left) in [
        (received(&outcome(back.clone())), vec![]),
        (received(&outcome(Terms::default())), open.clone()),
        (accepted(&update(back)), vec![]),
        (accepted(&update(Terms::default())), open.clone()),
        (
            received(&answer(&alert, "XB-POL", 2, 0, AnswerCode::Hit)),
            open,
        ),
    ] {
        let ledger = with([accepted(&alert), event]);
        assert_eq!(due(&ledger, 10)[2], left);
    }
    let later = Terms {
        expected_return_on: Some(day(8)),
        ..Terms::default()
    };
    let ledger = with([accepted(&alert), accepted(&update(later))]);
    assert_eq!(due(&ledger, 10)[2], [day(8)]);
}

#[test]
fn what_was_called_is_remembered_until_the_day_changes() {
    let alert = own();
    let called = |kind| Event::Called {
        statement: Some(alert.statement),
        peer: None,
        kind,
        count: 1,
        ways: "duty".into(),
    };
    let kinds = [
        CallKind::EndsInAWeek,
        CallKind::EndsInADay,
        CallKind::ReviewDue,
        CallKind::ReturnNotConfirmed,
    ];
    let mut ledger = with([accepted(&alert)].into_iter().chain(kinds.map(called)));
    let known = |ledger: &Ledger| {
        let called = read(ledger, &alert).called;
        kinds.map(|kind| called.contains(kind))
    };
    assert_eq!(known(&ledger), [true; 4]);
    let mut update = follow(&alert, OWN, 3, Effect::Updates, &[("XB-POL", 1)]);
    ledger.record(at(20), accepted(&update));
    assert_eq!(known(&ledger), [true; 4], "no day changed");
    update = Routing {
        statement: name(OWN, 4),
        terms: terms(12),
        ..update
    };
    update.recipients[0].thread_seq = 2;
    ledger.record(at(21), accepted(&update));
    assert_eq!(known(&ledger), [false, false, true, true]);
}
