use super::*;
use crate::proto::{
    desk::v1::{AlertLife, HandReport, HandStage, Summary, TrackEvent},
    envelope::v1::{Kind, Priority, StatementRef, Status},
};

const NOW_US: i64 = 1_795_508_000_000_000;
const MINUTE_US: i64 = 60_000_000;

fn statement(origin: &str) -> StatementRef {
    StatementRef {
        origin: origin.to_owned(),
        id: [7, 7, 7, 7, 7, 7, 0x77, 7, 0x87, 7, 7, 7, 7, 7, 7, 7].to_vec(),
    }
}

fn event(authority: &str, what: &str, minutes_ago: i64) -> TrackEvent {
    TrackEvent {
        at_us: NOW_US - minutes_ago * MINUTE_US,
        authority: authority.to_owned(),
        what: what.to_owned(),
        statement: Some(statement("XA-POL")),
    }
}

fn one_hit_one_silent() -> TrackResponse {
    let overdue = Overdue {
        clock: "opened".to_owned(),
        due_us: NOW_US - 95 * MINUTE_US,
        owed_by: "XC-POL".to_owned(),
    };
    let instruction = Overdue {
        clock: "instruction".to_owned(),
        due_us: NOW_US + 25 * MINUTE_US,
        owed_by: "XA-POL".to_owned(),
    };
    TrackResponse {
        same_person: None,
        touched: Vec::new(),
        permissions: Vec::new(),
        running: vec![overdue.clone(), instruction],
        summary: Some(Summary {
            statement: Some(statement("XA-POL")),
            reference: "XA-26-7F3K9".to_owned(),
            kind: Kind::MissingOffender.into(),
            status: Status::Exercise.into(),
            priority: Priority::Urgent.into(),
            life: AlertLife::Live.into(),
            overdue: vec![overdue.clone()],
            do_not_alert: true,
            valid_until: "2027-05-01".to_owned(),
            expected_return_on: "2026-12-20".to_owned(),
            ..Summary::default()
        }),
        deliveries: vec![
            Delivery {
                recipient: "XB-POL".to_owned(),
                state: DeliveryState::Delivered.into(),
                since_us: NOW_US - 170 * MINUTE_US,
                attempts: 1,
                handling: HandlingLife::Answered.into(),
                opened_at_us: NOW_US - 160 * MINUTE_US,
                latest_answer: "actioned".to_owned(),
                gravest_answer: "hit".to_owned(),
                answered_at_us: NOW_US - 90 * MINUTE_US,
                ..Delivery::default()
            },
            Delivery {
                recipient: "XC-POL".to_owned(),
                state: DeliveryState::Queued.into(),
                since_us: NOW_US - 180 * MINUTE_US,
                reason: "UNREACHABLE".to_owned(),
                attempts: 14,
                overdue: vec![overdue],
                ..Delivery::default()
            },
        ],
        events: vec![
            event("XA-POL", "missing_offender\u{202e}", 180),
            event("XB-POL", "delivered", 170),
            event("XB-POL", "answer: hit", 90),
        ],
    }
}

#[test]
fn a_head_of_unit_reads_who_did_what_who_is_late_and_whom_to_call() {
    let contacts = BTreeMap::from([(
        "XC-POL".to_owned(),
        "Duty officer, liaison unit, +999 1 234".to_owned(),
    )]);
    let shown = render(
        &one_hit_one_silent(),
        &contacts,
        Timestamp::from_micros(NOW_US),
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn a_stage_is_reached_only_by_what_was_really_said() {
    let track = one_hit_one_silent();
    let [there, behind] = track.deliveries.as_slice() else {
        panic!("two recipients")
    };
    for stage in [Stage::Delivered, Stage::Opened, Stage::Answered] {
        assert!(stage.is_reached(there), "{stage:?}");
        assert!(!stage.is_reached(behind), "{stage:?}");
    }
    assert!(!is_ended(behind));
}

#[test]
fn what_goes_by_hand_says_how_far_it_is_who_carried_it_and_who_acknowledged_it() {
    let by_hand = |hand: HandStage, report| Delivery {
        recipient: "XE-POL".to_owned(),
        state: DeliveryState::ByHand.into(),
        since_us: NOW_US - 30 * MINUTE_US,
        hand: hand.into(),
        channel: "embassy".to_owned(),
        report,
        ..Delivery::default()
    };
    let report = HandReport {
        carried_by: "courier 4\u{1b}[2J".to_owned(),
        carried_at_us: NOW_US - 60 * MINUTE_US,
        acknowledged_by: "duty officer".to_owned(),
    };
    let carried = HandReport {
        acknowledged_by: String::new(),
        ..report.clone()
    };
    let track = TrackResponse {
        deliveries: vec![
            by_hand(HandStage::Waiting, None),
            by_hand(HandStage::Carried, Some(carried)),
            by_hand(HandStage::Acknowledged, Some(report)),
        ],
        events: Vec::new(),
        ..one_hit_one_silent()
    };
    let now = Timestamp::from_micros(NOW_US);
    insta::assert_snapshot!(render(&track, &BTreeMap::new(), now));
    let stages = [Stage::Delivered, Stage::Opened, Stage::Answered];
    let never = |stage: &Stage| track.deliveries.iter().any(|it| stage.is_reached(it));
    assert!(!stages.iter().any(never), "never delivered");
}
