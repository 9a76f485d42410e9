//! Deadlines as a list, and who owes what when.

use super::*;
use crate::{
    delivery::testing::{at, first, id, later, named, record},
    domain::routing::{Kind, Routing},
    store::record::Extended,
};

#[test]
fn the_table_is_that_of_the_field() {
    let minutes: Vec<[u64; 4]> = [
        Priority::Flash,
        Priority::Urgent,
        Priority::Priority,
        Priority::Routine,
    ]
    .map(|priority| {
        let d = deadlines(priority);
        [d.delivered, d.opened, d.first_answer, d.instruction].map(|d| d.as_secs() / 60)
    })
    .into();
    assert_eq!(
        minutes,
        [
            [2, 10, 30, 30],
            [10, 60, 480, 120],
            [60, 240, 720, 720],
            [720, 4320, 10080, 4320],
        ]
    );
}

/// Directive (EU) 2023/977 art. 5(1): 8 hours, 3 days, 7 days.
#[test]
fn questions_have_the_directives_deadlines_and_every_other_kind_its_prioritys() {
    for priority in Priority::ALL.iter().copied() {
        for kind in Kind::ALL.iter().copied() {
            let expected = match (kind, priority) {
                (Kind::InformationRequest, Priority::Flash | Priority::Urgent) => hours(8),
                (Kind::InformationRequest, Priority::Priority) => hours(72),
                (Kind::InformationRequest, Priority::Routine) => hours(168),
                _ => deadlines(priority).first_answer,
            };
            let found = deadlines_of(kind, priority);
            assert_eq!(found.first_answer, expected, "{kind} {priority}");
            let rest = Deadlines {
                first_answer: deadlines(priority).first_answer,
                ..found
            };
            assert_eq!(rest, deadlines(priority), "{kind} {priority}");
        }
    }
}

const MINUTE: i64 = 60;

/// XA alerts XB, urgent, accepted at 0 and delivered at once.
fn alert() -> Routing {
    first("XA", 1, &["XB"])
}

fn own() -> MessageRecord {
    record(&alert(), at(0))
}

fn said(origin: &str, to: &str, kind: Kind, minute: i64) -> MessageRecord {
    let first = alert().statement;
    let number = u64::try_from(minute + 2).unwrap();
    record(
        &later(origin, number, &[to], kind, first, first),
        at(minute * MINUTE),
    )
}

fn answered(code: AnswerCode, minute: i64) -> MessageRecord {
    MessageRecord {
        effect: Effect::Answers(code),
        ..said("XB", "XA", Kind::Answer, minute)
    }
}

/// Name and debtor of what is overdue at a minute.
fn late(alert: &MessageRecord, thread: &[MessageRecord], minute: i64) -> Vec<(ClockName, String)> {
    overdue(id("XA"), alert, thread, at(minute * MINUTE))
        .into_iter()
        .map(|late| (late.clock, late.owed_by.country().to_owned()))
        .collect()
}

fn owed(clock: ClockName, by: &str) -> (ClockName, String) {
    (clock, by.to_owned())
}

#[test]
fn a_delivery_without_receipt_is_overdue_after_its_time() {
    let mut queued = own();
    queued.deliveries[0].life = DeliveryLife::Queued;
    assert_eq!(late(&queued, &[], 10), []);
    assert_eq!(late(&queued, &[], 11), [owed(ClockName::Delivered, "XB")]);
    queued.deliveries[0].life = DeliveryLife::Expired;
    assert_eq!(late(&queued, &[], 11), [], "given up: shown as such");
}

#[test]
fn what_follows_an_alert_owes_its_receipt_and_nothing_else() {
    let mut recall = said("XA", "XB", Kind::Recall, 0);
    recall.deliveries[0].life = DeliveryLife::Queued;
    let allowed = i64::try_from(deadlines(recall.priority).delivered.as_secs() / 60).unwrap();
    assert_eq!(late(&recall, &[], allowed), []);
    assert_eq!(
        late(&recall, &[], allowed + 1),
        [owed(ClockName::Delivered, "XB")]
    );
    recall.deliveries[0].life = DeliveryLife::Delivered;
    assert_eq!(late(&recall, &[], 100_000), []);
    let foreign = MessageRecord {
        direction: Direction::Foreign,
        ..recall
    };
    assert_eq!(late(&foreign, &[], 100_000), []);
}

#[test]
fn unopened_and_unanswered_are_the_recipients() {
    assert_eq!(late(&own(), &[], 60), []);
    assert_eq!(late(&own(), &[], 61), [owed(ClockName::Opened, "XB")]);
    let opened = [answered(AnswerCode::Opened, 30)];
    assert_eq!(late(&own(), &opened, 480), []);
    assert_eq!(late(&own(), &opened, 481), [owed(ClockName::Answer, "XB")]);
    let no_trace = [answered(AnswerCode::NoTrace, 470)];
    assert_eq!(late(&own(), &no_trace, 481), []);
}

#[test]
fn a_question_stops_the_recipients_clock_and_starts_ours() {
    let asked = answered(AnswerCode::NeedsInformation, 100);
    assert_eq!(late(&own(), std::slice::from_ref(&asked), 579), []);
    assert_eq!(
        late(&own(), std::slice::from_ref(&asked), 581),
        [owed(ClockName::Answer, "XA")]
    );
    // Replied after 50 minutes: the recipient's clock runs 50 minutes longer.
    let thread = [asked, said("XA", "XB", Kind::Update, 150)];
    assert_eq!(late(&own(), &thread, 530), []);
    assert_eq!(late(&own(), &thread, 531), [owed(ClockName::Answer, "XB")]);
}

#[test]
fn a_hit_asks_an_instruction_of_the_originator() {
    let hit = answered(AnswerCode::Hit, 20);
    assert_eq!(late(&own(), std::slice::from_ref(&hit), 140), []);
    assert_eq!(
        late(&own(), std::slice::from_ref(&hit), 141),
        [owed(ClockName::Instruction, "XA")]
    );
    let instructed = [hit.clone(), said("XA", "XB", Kind::Instruction, 130)];
    assert_eq!(late(&own(), &instructed, 141), []);
    for other in [
        said("XA", "XC", Kind::Instruction, 130),
        said("XC", "XB", Kind::Instruction, 130),
        said("XA", "XB", Kind::Update, 130),
        said("XA", "XB", Kind::Instruction, 10),
    ] {
        assert_eq!(
            late(&own(), &[hit.clone(), other], 141),
            [owed(ClockName::Instruction, "XA")]
        );
    }
}

#[test]
fn a_hit_on_another_person_asks_no_instruction_any_more_and_one_after_it_does() {
    let hit = |minute| answered(AnswerCode::Hit, minute);
    let mistaken = |minute| answered(AnswerCode::Misidentified, minute);
    let owes = [owed(ClockName::Instruction, "XA")];
    assert_eq!(
        late(&own(), &[hit(20), present(20), mistaken(30)], 1_000),
        []
    );
    let again = [hit(20), mistaken(30), hit(40)];
    assert_eq!(late(&own(), &again, 160), []);
    assert_eq!(late(&own(), &again, 161), owes);
    // What another recipient took back is its own.
    let other = MessageRecord {
        effect: Effect::Answers(AnswerCode::Misidentified),
        ..said("XC", "XA", Kind::Answer, 30)
    };
    assert_eq!(late(&own(), &[hit(20), other], 141), owes);
}

#[test]
fn closed_alerts_owe_nothing_and_foreign_ones_are_ours_to_answer() {
    let closed = MessageRecord {
        life: AlertLife::Closed,
        ..own()
    };
    assert_eq!(late(&closed, &[], 100_000), []);
    let foreign = MessageRecord {
        direction: Direction::Foreign,
        issued_at: at(0),
        ..own()
    };
    let late: Vec<_> = overdue(id("XB"), &foreign, &[], at(481 * MINUTE))
        .into_iter()
        .map(|late| (late.clock, late.owed_by))
        .collect();
    assert_eq!(
        late,
        [(ClockName::Opened, id("XB")), (ClockName::Answer, id("XB"))]
    );
}

/// XA asks XB, in a thread of its own or in that of its alert, at 0.
fn question(place: Place) -> MessageRecord {
    let routing = match place {
        Place::First => Routing {
            kind: Kind::InformationRequest,
            ..first("XA", 1, &["XB"])
        },
        Place::InThread => {
            let alert = alert().statement;
            later("XA", 900, &["XB"], Kind::InformationRequest, alert, alert)
        }
    };
    record(&routing, at(0))
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    First,
    InThread,
}

fn replies(
    kind: Kind,
    origin: &str,
    to: &str,
    question: &MessageRecord,
    minute: i64,
) -> MessageRecord {
    let number = u64::try_from(minute + 2).unwrap();
    let routing = later(
        origin,
        number,
        &[to],
        kind,
        question.statement,
        question.thread,
    );
    record(&routing, at(minute * MINUTE))
}

#[test]
fn a_question_is_owed_a_reply_and_a_reply_stops_its_clock() {
    for place in [Place::First, Place::InThread] {
        let question = question(place);
        let reply = |kind, origin, to| replies(kind, origin, to, &question, 100);
        // Seen in time; the answer is due after 8 hours.
        let seen = MessageRecord {
            effect: Effect::Answers(AnswerCode::Opened),
            ..replies(Kind::Answer, "XB", "XA", &question, 30)
        };
        let thread = |more: MessageRecord| vec![question.clone(), seen.clone(), more];
        let owed_answer = [owed(ClockName::Answer, "XB")];
        assert_eq!(late(&question, &thread(seen.clone()), 480), [], "{place:?}");
        assert_eq!(late(&question, &thread(seen.clone()), 481), owed_answer);
        let replied = reply(Kind::InformationReply, "XB", "XA");
        assert_eq!(late(&question, &thread(replied), 100_000), [], "{place:?}");
        // Neither another's reply, nor a sighting, nor a question back stops it.
        for (kind, origin, to) in [
            (Kind::InformationReply, "XC", "XA"),
            (Kind::Sighting, "XB", "XA"),
            (Kind::InformationRequest, "XB", "XA"),
        ] {
            let other = reply(kind, origin, to);
            assert_eq!(late(&question, &thread(other), 481), owed_answer, "{kind}");
        }
        let recalled = MessageRecord {
            life: AlertLife::Recalled,
            ..question.clone()
        };
        assert_eq!(late(&recalled, &[], 100_000), []);
    }
}

#[test]
fn a_reply_answers_its_question_and_neither_the_alert_nor_another_question() {
    let asked = question(Place::InThread);
    let other = MessageRecord {
        statement: crate::delivery::testing::named("XA", 901),
        ..asked.clone()
    };
    let reply = replies(Kind::InformationReply, "XB", "XA", &asked, 100);
    let opened = answered(AnswerCode::Opened, 5);
    let thread = [own(), asked.clone(), other.clone(), reply, opened];
    assert_eq!(late(&asked, &thread, 481), []);
    let owed_answer = owed(ClockName::Answer, "XB");
    assert!(late(&other, &thread, 481).contains(&owed_answer));
    assert_eq!(
        late(&own(), &thread, 481),
        std::slice::from_ref(&owed_answer)
    );
    // What was answered to the alert answers no question in its thread.
    let no_trace = answered(AnswerCode::NoTrace, 200);
    assert!(late(&other, &[own(), other.clone(), no_trace], 481).contains(&owed_answer));
}

#[test]
fn a_foreign_question_is_ours_to_answer() {
    let foreign = MessageRecord {
        direction: Direction::Foreign,
        ..question(Place::First)
    };
    let names = |minute| -> Vec<_> {
        let late = overdue(id("XB"), &foreign, &[], at(minute * MINUTE));
        late.into_iter()
            .map(|late| (late.clock, late.owed_by))
            .collect()
    };
    assert_eq!(names(480), [(ClockName::Opened, id("XB"))]);
    assert_eq!(
        names(481),
        [(ClockName::Opened, id("XB")), (ClockName::Answer, id("XB"))]
    );
}

#[test]
fn an_alert_past_its_last_day_owes_nothing() {
    let mut alert = own();
    alert.terms.valid_until = crate::domain::alert::value::Day::of(at(0));
    let midnight = 24 * 60;
    assert!(!late(&alert, &[], midnight - 1).is_empty());
    assert_eq!(late(&alert, &[], midnight), []);
}

fn present(minute: i64) -> MessageRecord {
    let mut sighting = said("XB", "XA", Kind::Sighting, minute);
    sighting.terms.person_present = true;
    sighting
}

#[test]
fn a_person_who_is_there_now_asks_an_instruction_within_half_an_hour_whatever_the_priority() {
    for &priority in Priority::ALL {
        let alert = MessageRecord { priority, ..own() };
        let thread = [answered(AnswerCode::Hit, 20), present(20)];
        assert_eq!(late(&alert, &thread, 50), [], "{priority}");
        let owes = [owed(ClockName::Instruction, "XA")];
        assert_eq!(late(&alert, &thread, 51), owes, "{priority}");
        let due = instruction_due(&alert, &id("XB"), &thread, at(0));
        assert_eq!(due, Some(at(50 * MINUTE)), "{priority}");
    }
    let gone = [
        answered(AnswerCode::Hit, 20),
        said("XB", "XA", Kind::Sighting, 20),
    ];
    assert_eq!(late(&own(), &gone, 140), []);
    assert_eq!(
        late(&own(), &gone, 141),
        [owed(ClockName::Instruction, "XA")]
    );
    // A second meeting after the first instruction asks for another.
    let instructed = said("XA", "XB", Kind::Instruction, 30);
    let again = [
        answered(AnswerCode::Hit, 20),
        present(20),
        instructed,
        present(60),
    ];
    assert_eq!(late(&own(), &again[..3], 1_000), []);
    assert_eq!(late(&own(), &again, 90), []);
    assert_eq!(
        late(&own(), &again, 91),
        [owed(ClockName::Instruction, "XA")]
    );
    assert_eq!(instruction_due(&own(), &id("XC"), &again, at(0)), None);
}

/// Pseudorandom numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % end
    }
}

const MONTH: i64 = 30 * 24 * 60;

/// A month's thread of XA's alert with XB: `(minute, what)`.
fn month(dice: &mut Dice) -> Vec<(i64, MessageRecord)> {
    let mut thread: Vec<_> = (0..dice.below(9))
        .map(|_| {
            let minute = dice.below(MONTH);
            let record = match dice.below(8) {
                7 => answered(AnswerCode::Misidentified, minute),
                0 => answered(AnswerCode::Opened, minute),
                1 | 2 => answered(AnswerCode::NeedsInformation, minute),
                3 => said("XA", "XB", Kind::Update, minute),
                4 => said("XA", "XB", Kind::Instruction, minute),
                5 => answered(AnswerCode::Hit, minute),
                _ => present(minute),
            };
            (minute, record)
        })
        .collect();
    thread.sort_by_key(|(minute, _)| *minute);
    thread
}

/// What is late, counted minute by minute as a person with a stopwatch would.
fn counted(
    thread: &[(i64, MessageRecord)],
    allowed: Deadlines,
    now: i64,
) -> Vec<(ClockName, String)> {
    let minutes = |allowed: Duration| i64::try_from(allowed.as_secs() / 60).unwrap();
    let until_now = || thread.iter().filter(move |(minute, _)| *minute <= now);
    let of = |code| {
        let answers = until_now().filter(move |(_, it)| it.effect == Effect::Answers(code));
        answers.map(|(minute, _)| *minute).collect::<Vec<_>>()
    };
    let replies = |from: i64, to: i64| {
        until_now().any(|(minute, it)| {
            (from..=to).contains(minute) && matches!(it.effect, Effect::Updates | Effect::Instructs)
        })
    };
    let questions = of(AnswerCode::NeedsInformation);
    let waits = |at: i64| {
        let asked = questions.iter().filter(move |asked| **asked <= at);
        asked.copied().find(|asked| !replies(*asked, at))
    };
    let mut late = Vec::new();
    if now > minutes(allowed.opened) && !until_now().any(|(_, it)| it.kind == Kind::Answer) {
        late.push(owed(ClockName::Opened, "XB"));
    }
    if of(AnswerCode::Hit).is_empty() && of(AnswerCode::Misidentified).is_empty() {
        match waits(now) {
            Some(asked) if now > asked + minutes(allowed.first_answer) => {
                late.push(owed(ClockName::Answer, "XA"));
            }
            Some(_) => {}
            None => {
                let ran = (0..now).filter(|minute| waits(*minute).is_none()).count();
                if i64::try_from(ran).unwrap() > minutes(allowed.first_answer) {
                    late.push(owed(ClockName::Answer, "XB"));
                }
            }
        }
    }
    let hits = of(AnswerCode::Hit).into_iter();
    let hits = hits.map(|minute| (minute, minutes(allowed.instruction)));
    let there = until_now().filter(|(_, it)| it.terms.person_present);
    let there = there.map(|(minute, _)| (*minute, 30));
    let instructed = |from: i64| {
        until_now().any(|(minute, it)| *minute >= from && it.effect == Effect::Instructs)
    };
    let mistaken = |at: i64| {
        let said = of(AnswerCode::Misidentified).into_iter();
        said.max().is_some_and(|said| said >= at)
    };
    if { hits }
        .chain(there)
        .any(|(minute, within)| !instructed(minute) && !mistaken(minute) && now > minute + within)
    {
        late.push(owed(ClockName::Instruction, "XA"));
    }
    late.sort();
    late
}

/// Verifies the clocks over simulated months: at any minute they say what a stopwatch says; a clock that jumps ahead,
/// or back, and is set right again leaves no trace; and nobody is late for what waits for the other side.
#[test]
fn over_months_the_clocks_agree_with_a_stopwatch_and_forget_a_clock_that_jumped() {
    let mut found = 0;
    for seed in 1..60 {
        let mut dice = Dice(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15));
        let thread = month(&mut dice);
        let priority = Priority::ALL[usize::try_from(dice.below(4)).unwrap()];
        let alert = MessageRecord { priority, ..own() };
        for _ in 0..12 {
            let now = dice.below(MONTH + MONTH / 4);
            let here = || thread.iter().filter(|(minute, _)| *minute <= now);
            let records: Vec<_> = here().map(|(_, record)| record.clone()).collect();
            let sorted = |minute| {
                let mut late = late(&alert, &records, minute);
                late.sort();
                late
            };
            let right = sorted(now);
            assert_eq!(
                right,
                counted(&thread, deadlines(priority), now),
                "seed {seed} at {now}"
            );
            // The clock is set a day ahead, or back before everything, and right again.
            let (ahead, back) = (sorted(now + 24 * 60), sorted(-MONTH));
            assert_eq!(back, [], "seed {seed}: nothing is late before it was asked");
            assert!(
                right
                    .iter()
                    .all(|late| late.0 == ClockName::Answer || ahead.contains(late))
            );
            assert_eq!(sorted(now), right, "seed {seed}");
            found += right.len();
        }
    }
    assert!(
        found > 100,
        "{found} overdue: the months are too quiet to prove anything"
    );
}

/// What goes by hand has a clock of its own, which we owe, until somebody reports that it was carried; and no other.
#[test]
fn what_goes_by_hand_is_ours_to_carry_in_time_and_no_node_is_late_for_it() {
    let by_hand = |hand| {
        let mut alert = record(&alert(), at(0));
        alert.deliveries[0].life = DeliveryLife::ByHand(hand);
        alert
    };
    let late = |hand, hours: i64| {
        let alert = by_hand(hand);
        let late = overdue(
            id("XA"),
            &alert,
            std::slice::from_ref(&alert),
            at(hours * 60 * MINUTE),
        );
        late.iter()
            .map(|it| (it.clock, it.owed_by))
            .collect::<Vec<_>>()
    };
    for hand in [Hand::Waiting, Hand::Bundled] {
        assert_eq!(late(hand, 24), []);
        assert_eq!(late(hand, 25), [(ClockName::Carried, id("XA"))]);
    }
    for hand in [Hand::Carried, Hand::Acknowledged] {
        assert_eq!(late(hand, 24 * 30), []);
    }
}

/// A newcomer's clocks run from when the alert was extended to it, at both ends.
#[test]
fn to_a_newcomer_the_clocks_run_from_its_extension() {
    let mut alert = own();
    let before = late(&alert, &[], 61);
    assert_eq!(before, [owed(ClockName::Opened, "XB")]);
    alert.deliveries[0].extended = Some(Extended {
        by: named("XA", 9),
        at: at(600 * MINUTE),
    });
    alert.deliveries[0].since = at(601 * MINUTE);
    assert_eq!(late(&alert, &[], 640), []);
    assert_eq!(late(&alert, &[], 661), [owed(ClockName::Opened, "XB")]);
}
