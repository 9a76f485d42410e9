//! The first question, asked of a federation: how many nationals of Arcadia who had been reported missing were arrested
//! abroad for rape or sexual abuse of somebody under 18.
//!
//! ```text
//!                 alerts of missing offenders
//!   XA-POL ---------------------------------------> XB-POL, XC-POL, XD-POL
//!     ^  ^  ^     arrests, one of them told by both
//!     |  |  '-------------------------------------- XB-POL   6, later 12
//!     |  '----------------------------------------- XC-POL   2: suppressed
//!     |           returns                           XD-POL   none: not reported, never zero
//!     '--------------------------------- XB-POL, revised; XC-POL
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use alert::payload::Kind;
use allpoints::{
    domain::{
        alert::{
            kinds::OutcomeCode,
            offence::{OffenceClass, VictimAge},
            value::Day,
        },
        reason::Reason,
        statistics::PriorReport,
    },
    proto::{alert::v1 as alert, desk::v1 as pb, envelope::v1 as envelope},
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net, newest, until};
use tonic::Status;

const IDS: [&str; 4] = ["XA-POL", "XB-POL", "XC-POL", "XD-POL"];

async fn submit(desk: &mut Desk, draft: alert::Draft) -> Result<pb::Submitted, Status> {
    let request = pb::SubmitRequest {
        drafts: vec![draft],
        ..<_>::default()
    };
    let submitted = desk.submit(request).await?.into_inner().submitted;
    Ok(submitted.into_iter().next().expect("one draft, one line"))
}

/// Alerts of so many nationals of Arcadia who are missing; gives their references.
async fn report_missing(net: &Net, xa: &mut Desk, count: usize) -> Vec<String> {
    let mut references = Vec::new();
    for _ in 0..count {
        let mut draft = net.draft(&IDS[1..]);
        draft.id.clear();
        draft.status = envelope::Status::Actual.into();
        let payload = draft.payload.as_mut().expect("a payload");
        let subject = payload.subject.as_mut().expect("a subject");
        subject.nationalities = vec!["XA".to_owned()];
        // All of them would have one passport.
        subject.documents.clear();
        let sent = submit(xa, draft).await.expect("accepted");
        references.push(sent.reference);
    }
    references
}

/// An arrest in a country, today, as somebody in the thread of an alert tells it.
fn arrest(of: &str, country: &str, today: Day) -> alert::Draft {
    alert::Draft {
        priority: envelope::Priority::Routine.into(),
        status: envelope::Status::Actual.into(),
        handling: vec![envelope::Handling::H1.into()],
        in_reply_to: of.to_owned(),
        payload: Some(alert::Payload {
            offences: vec![alert::Offence {
                description: "suspected".to_owned(),
                offence_class: alert::OffenceClass::Rape.into(),
                victim_age: alert::VictimAge::VictimAge13To15.into(),
                ..alert::Offence::default()
            }],
            kind: Some(Kind::Outcome(alert::Outcome {
                code: alert::OutcomeCode::Arrested.into(),
                happened_on: today.to_string(),
                country: country.to_owned(),
                ..alert::Outcome::default()
            })),
            ..alert::Payload::default()
        }),
        ..alert::Draft::default()
    }
}

async fn tells(desk: &mut Desk, of: &str, country: &str, today: Day) {
    let told = until("the alert is there", || async {
        let told = submit(&mut desk.clone(), arrest(of, country, today)).await;
        match told.as_ref().err().and_then(reason_of) {
            Some(Reason::FaultyDraft) => None,
            _ => Some(told),
        }
    });
    told.await.expect("accepted");
}

/// Days up to today.
fn period(today: Day) -> (String, String) {
    let first = Day::from_number(today.number() - 300).expect("a day");
    (first.to_string(), today.to_string())
}

fn question(today: Day) -> pb::Question {
    let (from, to) = period(today);
    let under_18 = VictimAge::ALL.iter().filter(|it| **it < VictimAge::Adult);
    pb::Question {
        nationals: vec!["XA".to_owned()],
        prior_report: PriorReport::Missing as i32,
        events: vec![OutcomeCode::Arrested as i32, OutcomeCode::Charged as i32],
        offences: vec![OffenceClass::Rape as i32, OffenceClass::SexualAbuse as i32],
        victims: under_18.map(|it| *it as i32).collect(),
        from,
        to,
    }
}

async fn prepare(desk: &mut Desk, today: Day) -> Result<pb::PrepareReturnResponse, Status> {
    let (from, to) = period(today);
    let request = pb::PrepareReturnRequest {
        from,
        to,
        recipients: vec![],
    };
    Ok(desk.prepare_return(request).await?.into_inner())
}

/// Counts a return and sends it as it is.
async fn returns(desk: &mut Desk, today: Day) -> pb::Submitted {
    let prepared = prepare(desk, today).await.expect("prepared");
    let draft = prepared.draft.expect("a draft");
    submit(desk, draft).await.expect("accepted")
}

/// The answer of one country, once it is as wanted.
async fn answers(
    desk: &Desk,
    country: &str,
    today: Day,
    wanted: (pb::AnswerState, u64),
) -> (pb::CountryAnswer, pb::StatisticsResponse) {
    until("the returns are there", || async {
        let request = pb::StatisticsRequest {
            question: Some(question(today)),
        };
        let answer = desk.clone().statistics(request).await.expect("answered");
        let answer = answer.into_inner();
        let of = answer.countries.iter().find(|it| it.country == country);
        let of = of.expect("a member").clone();
        ((of.state(), of.outcomes) == wanted).then_some((of, answer))
    })
    .await
}

async fn at_home(desk: &mut Desk, today: Day, reason: &str) -> Result<Vec<pb::HomeFigure>, Status> {
    let request = pb::CountAtHomeRequest {
        question: Some(question(today)),
        cases: true,
        reason: reason.to_owned(),
    };
    Ok(desk.count_at_home(request).await?.into_inner().countries)
}

fn reason(result: Result<pb::Submitted, Status>) -> Option<Reason> {
    reason_of(&result.expect_err("refused"))
}

/// Verifies that the question is answered from signed returns, each country counted, suppressed or not reported, one event
/// once; and that a revised return names what it replaces, and comes when it changes five outcomes.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_question_is_answered_by_the_federation() {
    let net = Net::of(&IDS).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let mut xc = net.desk("XC-POL", Role::Officer).await;
    let missing = report_missing(&net, &mut xa, 14).await;
    let today = Day::of(net.now()).expect("a day");
    for of in &missing[..6] {
        tells(&mut xb, of, "XB", today).await;
    }
    for of in &missing[6..8] {
        tells(&mut xc, of, "XC", today).await;
    }
    // What XB has told already, and what XC never told: both are of where they happened.
    tells(&mut xa, &missing[0], "XB", today).await;
    tells(&mut xa, &missing[8], "XC", today).await;
    let home = |figures: Vec<pb::HomeFigure>| -> Vec<(String, u64)> {
        figures
            .iter()
            .map(|it| (it.country.clone(), it.outcomes))
            .collect()
    };
    let supervisor = net.desk("XA-POL", Role::Supervisor).await;
    until("XA has all of it", || async {
        let known = at_home(&mut supervisor.clone(), today, "").await;
        let known = home(known.expect("counted"));
        (known == [("XB".to_owned(), 6), ("XC".to_owned(), 3)]).then_some(())
    })
    .await;

    let first = returns(&mut xb, today).await;
    returns(&mut xc, today).await;
    answers(&xa, "XC", today, (pb::AnswerState::Suppressed, 0)).await;
    let (of, all) = answers(&xa, "XB", today, (pb::AnswerState::Counted, 6)).await;
    assert_eq!(of.returns[0].reference, first.reference);
    assert_eq!(
        (all.abroad, all.counted, all.suppressed, all.not_reported),
        (6, 1, 1, 1)
    );
    let (xd, _) = answers(&xa, "XD", today, (pb::AnswerState::NotReported, 0)).await;
    assert!(xd.returns.is_empty() && xd.not_reported.len() == 1);
    let (own, _) = answers(&xa, "XA", today, (pb::AnswerState::NotReported, 0)).await;
    assert!(own.at_home, "it is not abroad");

    // One that comes late waits; six make a revised return.
    tells(&mut xb, &missing[8], "XB", today).await;
    let refused = prepare(&mut xb, today).await.expect_err("one is a few");
    assert_eq!(reason_of(&refused), Some(Reason::NothingToReturn));
    for of in &missing[9..14] {
        tells(&mut xb, of, "XB", today).await;
    }
    let prepared = prepare(&mut xb, today).await.expect("prepared");
    assert_eq!(prepared.replaces, first.reference);
    returns(&mut xb, today).await;
    let (of, _) = answers(&xa, "XB", today, (pb::AnswerState::Counted, 12)).await;
    assert_eq!(of.returns[0].replaced, [first.reference]);
}

/// Verifies that nothing leaves as a return but what the node counts: no changed figure, no second one beside the first, no
/// return of days that overlap, none in a stream; and that an exercise is never counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_return_is_what_the_node_counts_or_it_does_not_leave() {
    let net = Net::of(&IDS[..2]).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let today = Day::of(net.now()).expect("a day");
    let spontaneous = |number: usize, status: envelope::Status| {
        let mut draft = arrest("", "XB", today);
        draft.to = vec!["XA-POL".to_owned()];
        draft.status = status.into();
        draft.ground = envelope::TransferGround::Adequacy.into();
        let payload = draft.payload.as_mut().expect("a payload");
        payload.subject = Some(alert::Person {
            names: vec![alert::Name {
                kind: alert::NameKind::Legal.into(),
                surname: "ERIKSSON".to_owned(),
                quality: alert::NameQuality::Good.into(),
                ..alert::Name::default()
            }],
            sex: alert::Sex::NotKnown.into(),
            nationalities: vec!["XA".to_owned()],
            documents: vec![alert::Document {
                category: alert::DocumentCategory::Passport.into(),
                country: "UTO".to_owned(),
                number: format!("L89890{number}"),
                status: alert::DocumentStatus::Valid.into(),
                ..alert::Document::default()
            }],
            ..alert::Person::default()
        });
        draft
    };
    let (actual, exercise) = (envelope::Status::Actual, envelope::Status::Exercise);
    for number in 0..6 {
        submit(&mut xb, spontaneous(number, actual))
            .await
            .expect("accepted");
    }
    // The same once more, and an exercise.
    submit(&mut xb, spontaneous(0, actual))
        .await
        .expect("accepted");
    submit(&mut xb, spontaneous(7, exercise))
        .await
        .expect("accepted");

    let prepared = prepare(&mut xb, today).await.expect("prepared");
    let draft = prepared.draft.expect("a draft");
    let statistics = |change: &dyn Fn(&mut alert::Statistics)| {
        let mut draft = draft.clone();
        match draft
            .payload
            .as_mut()
            .and_then(|payload| payload.kind.as_mut())
        {
            Some(Kind::Statistics(statistics)) => change(statistics),
            other => panic!("no return: {other:?}"),
        }
        draft
    };
    let count = |it: &alert::Statistics| it.figures[0].count;
    statistics(&|it| assert_eq!(count(it), Some(alert::figure::Count::Outcomes(6))));
    let changed = statistics(&|it| {
        it.figures.truncate(1);
        it.figures[0].count = Some(alert::figure::Count::Outcomes(60));
    });
    assert_eq!(
        reason(submit(&mut xb, changed).await),
        Some(Reason::NotCounted)
    );
    let few = statistics(&|it| it.figures[0].count = Some(alert::figure::Count::Outcomes(4)));
    assert_eq!(
        reason(submit(&mut xb, few).await),
        Some(Reason::FaultyDraft)
    );
    let streamed = pb::SubmitStreamRequest {
        drafts: vec![draft.clone()],
        report_settled: false,
    };
    let stream = xb.submit_stream(tokio_stream::iter([streamed])).await;
    let told = stream.expect("a stream").into_inner().message().await;
    let told = told.expect("goes on").expect("a message");
    assert_eq!(told.refused[0].reason, "NOT_COUNTED");
    let both = pb::SubmitRequest {
        drafts: vec![draft.clone(), draft.clone()],
        ..<_>::default()
    };
    let refused = xb.submit(both).await.expect_err("each is alone");
    assert_eq!(reason_of(&refused), Some(Reason::NotCounted));

    let with_id = alert::Draft {
        id: "01950000-0000-7000-8000-000000000001".to_owned(),
        ..draft.clone()
    };
    submit(&mut xb, with_id.clone()).await.expect("accepted");
    let again = submit(&mut xb, with_id).await.expect("known");
    assert!(again.repeated_submission);
    assert_eq!(
        reason(submit(&mut xb, draft).await),
        Some(Reason::NotCounted)
    );
    let refused = prepare(&mut xb, today).await.expect_err("nothing is new");
    assert_eq!(reason_of(&refused), Some(Reason::NothingToReturn));
    let yesterday = Day::from_number(today.number() - 1).expect("a day");
    let refused = prepare(&mut xb, yesterday).await.expect_err("days overlap");
    assert_eq!(reason_of(&refused), Some(Reason::PeriodOverlaps));
    let tomorrow = today.plus_days(2);
    let refused = prepare(&mut xb, tomorrow)
        .await
        .expect_err("it is not over");
    assert_eq!(reason_of(&refused), Some(Reason::Malformed));
}

/// Verifies that each figure of home names its cases, that whoever is told is in the journal, that an auditor says why, and
/// that a case of another unit counts and is not shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_figure_of_home_leads_to_its_cases() {
    let net = Net::of(&IDS).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let missing = report_missing(&net, &mut xa, 2).await;
    let today = Day::of(net.now()).expect("a day");
    for of in &missing {
        tells(&mut xb, of, "XB", today).await;
    }
    let mut supervisor = net.desk_of("XB-POL", Role::Supervisor, "arc-1").await;
    let figures = at_home(&mut supervisor, today, "").await.expect("counted");
    assert_eq!(
        (figures.len(), figures[0].outcomes, figures[0].cases.len()),
        (1, 2, 2)
    );
    for case in &figures[0].cases {
        let request = pb::ShowRequest {
            id: case.references[0].clone(),
            peek: true,
            ..<_>::default()
        };
        let shown = supervisor.show(request).await.expect("shown").into_inner();
        let kinds = shown
            .statements
            .iter()
            .map(|it| it.summary.as_ref().expect("a line").kind());
        let kinds: Vec<envelope::Kind> = kinds.collect();
        assert_eq!(
            kinds,
            [envelope::Kind::MissingOffender, envelope::Kind::Outcome]
        );
    }

    let mut auditor = net.desk("XB-POL", Role::Auditor).await;
    let refused = at_home(&mut auditor, today, "")
        .await
        .expect_err("no reason");
    assert_eq!(reason_of(&refused), Some(Reason::Malformed));
    at_home(&mut auditor, today, "a yearly check")
        .await
        .expect("with a reason");
    let request = pb::AuditListRequest {
        id: missing[0].clone(),
        ..<_>::default()
    };
    let entries = auditor
        .audit_list(request)
        .await
        .expect("listed")
        .into_inner()
        .entries;
    let consulted = |role: &str| {
        let of = entries
            .iter()
            .filter(|it| it.act == "consulted" && it.actor.starts_with(role));
        of.map(|it| it.leaf.len()).collect::<Vec<_>>()
    };
    assert_eq!(
        consulted("auditor-"),
        [32],
        "with its reason, which is sealed"
    );
    assert_eq!(
        consulted("supervisor-").len(),
        2,
        "by the figure, and by the look at it"
    );

    let restrict = pb::RestrictRequest {
        id: missing[0].clone(),
        units: vec!["harbour".to_owned()],
    };
    supervisor.restrict(restrict).await.expect("kept");
    let mut airport = net
        .desk_in("XB-POL", Role::Supervisor, "arc-2", "airport")
        .await;
    let figures = at_home(&mut airport, today, "").await.expect("counted");
    let kept: Vec<bool> = figures[0].cases.iter().map(|it| it.other_unit).collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 1, "{figures:?}");
    let hidden = figures[0]
        .cases
        .iter()
        .find(|it| it.other_unit)
        .expect("one");
    assert_eq!(
        (hidden.references.len(), hidden.on.as_str(), hidden.event),
        (0, "", 0)
    );
    assert_eq!(figures[0].outcomes, 2);
}

/// Verifies that an outcome counts as its correction says, and not at all once it is recalled, and that the same return
/// counted later as of its own time is still the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_corrected_or_recalled_counts_as_it_is_right() {
    let net = Net::of(&IDS).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let missing = report_missing(&net, &mut xa, 7).await;
    let today = Day::of(net.now()).expect("a day");
    let mut told = Vec::new();
    for of in &missing {
        tells(&mut xb, of, "XB", today).await;
        let newest = newest(&mut xb, pb::Box::Out).await.expect("a line");
        told.push(newest.reference);
    }
    let prepared = prepare(&mut xb, today).await.expect("prepared");
    let mut supervisor = net.desk("XB-POL", Role::Supervisor).await;
    let count = async |supervisor: &mut Desk| {
        let figures = at_home(supervisor, today, "").await.expect("counted");
        figures[0].outcomes
    };
    assert_eq!(count(&mut supervisor).await, 7);
    let follows = |of: &str, kind: Kind| {
        let mut draft = arrest(of, "XB", today);
        draft.payload = Some(alert::Payload {
            kind: Some(kind),
            ..alert::Payload::default()
        });
        draft
    };
    let correction = Kind::Correction(alert::Correction {
        changes: vec![alert::Change {
            path: "outcome.country".to_owned(),
            was: "XB".to_owned(),
            is: "XC".to_owned(),
        }],
        ..alert::Correction::default()
    });
    let corrected = submit(&mut xb, follows(&told[0], correction)).await;
    corrected.expect("accepted");
    assert_eq!(count(&mut supervisor).await, 6, "it was elsewhere");
    let recall = Kind::Recall(alert::Recall {
        reason: alert::RecallReason::WrongFacts.into(),
        ..alert::Recall::default()
    });
    let recalled = submit(&mut xb, follows(&told[1], recall)).await;
    recalled.expect("accepted");
    assert_eq!(count(&mut supervisor).await, 5);

    // Prepared before both: as of its own time it is what was counted.
    submit(&mut xb, prepared.draft.expect("a draft"))
        .await
        .expect("accepted");
    let answered = answers(&xa, "XB", today, (pb::AnswerState::Counted, 7)).await;
    assert!(answered.0.returns[0].replaced.is_empty());
    let refused = prepare(&mut xb, today).await.expect_err("two are a few");
    assert_eq!(reason_of(&refused), Some(Reason::NothingToReturn));
}

/// Verifies that a return that waits for a second person is judged again when it is released: what was counted may leave,
/// and not beside another of the same days.
#[tokio::test(flavor = "multi_thread")]
async fn a_return_that_waits_is_judged_again_when_it_is_released() {
    let net = Net::of(&IDS[..2]).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let mut second = net.desk_of("XB-POL", Role::Supervisor, "arc-1").await;
    let today = Day::of(net.now()).expect("a day");
    let mut kept = Vec::new();
    for _ in 0..2 {
        let draft = prepare(&mut xb, today).await.expect("prepared").draft;
        let request = pb::KeepDraftsRequest {
            drafts: vec![draft.expect("a draft")],
            ..<_>::default()
        };
        let answer = xb.keep_drafts(request).await.expect("kept").into_inner();
        kept.push(answer.submitted[0].reference.clone());
    }
    let mut release = async |id: &str| {
        let request = pb::ReleaseDraftRequest { id: id.to_owned() };
        second.release_draft(request).await.map(drop)
    };
    release(&kept[0]).await.expect("released");
    let refused = release(&kept[1]).await.expect_err("another has left");
    assert_eq!(reason_of(&refused), Some(Reason::NotCounted));
}
