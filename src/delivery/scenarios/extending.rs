//! A thread is given to an authority that is new to it: whole, by its first origin, and everybody is told.
//!
//! ```text
//!   XA-POL === alert, update, correction ===> XB-POL, XC-POL
//!     |--- extend: each of them as it was signed ------------------> XD-POL   inbox, answers, recall: as everybody
//!     '--- extend: who holds the thread from now on ---> XB-POL, XC-POL, XD-POL
//! ```

use std::time::Duration;

use super::{
    net::{Net, id, recall, until, update},
    reclaim::{asked, lose_all_but},
    roads::Fate,
};
use crate::{
    delivery::{Submission, SubmitError},
    domain::{
        id::{MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife},
        reason::Reason,
        routing::{AnswerCode, Kind, Lane, Priority},
    },
    proto::{alert::v1 as pb, directory::v1::MemberStatus},
    store::{
        entry::Act,
        event::Peek,
        record::{Direction, MessageRecord},
    },
};

pub(super) fn correction() -> pb::payload::Kind {
    pb::payload::Kind::Correction(pb::Correction {
        changes: vec![pb::Change {
            path: "subject.birthDate".to_owned(),
            was: "1974-08-12".to_owned(),
            is: "1974-12-08".to_owned(),
        }],
        ..<_>::default()
    })
}

fn instruction() -> pb::payload::Kind {
    pb::payload::Kind::Instruction(pb::Instruction {
        code: pb::InstructionCode::HandOver.into(),
        ..<_>::default()
    })
}

pub(super) fn hit() -> pb::payload::Kind {
    pb::payload::Kind::Answer(pb::Answer {
        code: pb::AnswerCode::Hit.into(),
        ..<_>::default()
    })
}

/// XA's alert to XB and XC, with an update and a correction.
pub(super) struct Story {
    pub(super) alert: StatementRef,
    pub(super) update: StatementRef,
    pub(super) correction: StatementRef,
}

impl Story {
    pub(super) async fn of(net: &Net) -> Self {
        net.well().await;
        let alert = net.send("XA", &["XB", "XC"]).await;
        let update = net.about(alert, update("seen at the harbour"));
        let update = net.submit("XA", update).await.unwrap().statement;
        let correction = net.about(alert, correction());
        let correction = net.submit("XA", correction).await.unwrap().statement;
        for to in ["XB", "XC"] {
            net.until_delivered("XA", correction, to).await;
        }
        Self {
            alert,
            update,
            correction,
        }
    }

    pub(super) fn all(&self) -> [StatementRef; 3] {
        [self.alert, self.update, self.correction]
    }
}

fn reason(refused: SubmitError) -> Reason {
    match refused {
        SubmitError::Refused { reason, .. } => reason,
        SubmitError::Store(error) => panic!("{error}"),
    }
}

pub(super) async fn holders(net: &Net, at: &str, statement: StatementRef) -> Vec<String> {
    let record = net.record(at, statement).await.unwrap();
    let recipients = record.deliveries.iter().map(|it| it.recipient.to_string());
    recipients.collect()
}

pub(super) async fn thread(net: &Net, at: &str, first: StatementRef) -> Vec<MessageRecord> {
    let read = net
        .node(at)
        .store
        .read(|ledger| ledger.thread_in_order(&first));
    read.await.unwrap()
}

pub(super) async fn until_held(net: &Net, at: &str, statement: StatementRef) {
    until(&format!("{at} holds it"), async || {
        net.record(at, statement).await.is_some()
    })
    .await;
}

pub(super) async fn until_alert_is(net: &Net, at: &str, alert: StatementRef, life: AlertLife) {
    until(&format!("{life:?} at {at}"), async || {
        let record = net.record(at, alert).await;
        record.is_some_and(|record| record.life == life)
    })
    .await;
}

/// Verifies that a newcomer holds all that stands, byte by byte and under the same ids, as a live alert of its inbox, and
/// nothing that was said to one alone or taken back; that the others know of it; and that its answers, later updates and
/// the recall go their ways as for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_given_all_that_stands_and_takes_part() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    let told_xb = net.about(story.alert, instruction());
    let told_xb = Submission {
        to: vec![id("XB").to_string()],
        ..told_xb
    };
    let told_xb = net.submit("XA", told_xb).await.unwrap().statement;
    let wrong = net.about(story.alert, update("seen at the mill"));
    let wrong = net.submit("XA", wrong).await.unwrap().statement;
    net.submit("XA", net.about(wrong, recall())).await.unwrap();

    let extended = net.extend("XA", story.alert, &["XD"]).await.unwrap();
    let to: Vec<_> = extended.recipients.iter().map(|it| it.authority).collect();
    assert_eq!(to, ["XB", "XC", "XD"].map(id));
    for statement in story.all() {
        net.until_delivered("XA", statement, "XD").await;
        let (ours, theirs) = (
            net.record("XA", statement).await.unwrap(),
            net.record("XD", statement).await.unwrap(),
        );
        assert_eq!(
            (ours.leaf, theirs.direction),
            (theirs.leaf, Direction::Foreign)
        );
        assert_eq!(theirs.life, AlertLife::Live, "{}", theirs.kind);
        let kept = net.node("XD").store.entry(theirs.index).unwrap();
        let sent = net.node("XA").store.entry(ours.index).unwrap();
        assert_eq!((kept.body, kept.proof), (sent.body, sent.proof));
    }
    for statement in [told_xb, wrong] {
        assert_eq!(net.record("XD", statement).await, None);
    }
    let order: Vec<_> = thread(&net, "XD", story.alert)
        .await
        .into_iter()
        .filter(|it| it.kind != Kind::Extend)
        .map(|it| it.statement)
        .collect();
    assert_eq!(order, story.all());
    let unopened = net.node("XD").store.read(|ledger| ledger.unopened_count());
    assert_eq!(unopened.await.unwrap(), 1, "a live alert of its inbox");
    assert_eq!(net.entries("XD", Act::Carried, None), 3);

    for at in ["XA", "XB", "XC", "XD"] {
        until(&format!("{at} knows"), async || {
            holders(&net, at, story.alert).await == ["XB-POL", "XC-POL", "XD-POL"]
        })
        .await;
    }
    let consulted =
        net.node("XD")
            .broker
            .consult(super::net::officer(), story.alert, Peek::Opens, None);
    consulted.await.unwrap();
    let answer = net.about(story.alert, hit());
    let answer = net.submit("XD", answer).await.unwrap().statement;
    net.until_delivered("XD", answer, "XA").await;
    let record = net.record("XA", story.alert).await.unwrap();
    let theirs = record.delivery(&id("XD")).unwrap();
    assert_eq!(theirs.handling.gravest, Some(AnswerCode::Hit));
    assert!(theirs.opened_at.is_some());
    assert_eq!(theirs.extended.unwrap().by.origin, id("XA"));

    let later = net.about(story.alert, update("left by ship"));
    let later = net.submit("XA", later).await.unwrap().statement;
    assert_eq!(
        holders(&net, "XA", later).await,
        ["XB-POL", "XC-POL", "XD-POL"]
    );
    net.until_delivered("XA", later, "XD").await;
    until_alert_is(&net, "XD", later, AlertLife::Live).await;
    net.submit("XA", net.about(story.alert, recall()))
        .await
        .unwrap();
    for at in ["XA", "XB", "XC", "XD"] {
        until_alert_is(&net, at, story.alert, AlertLife::Recalled).await;
    }
}

/// Verifies that only the first origin extends, only a live alert, only to who is new, only on a ground that somebody
/// named, and only its thread as a whole; and that nothing is accepted otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_extended_is_refused_and_nothing_is_kept() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    let kept = thread(&net, "XA", story.alert).await.len();
    let refused =
        async |at: &str, draft: Submission| reason(net.submit(at, draft).await.unwrap_err());
    let draft = |to: &[&str]| net.extension(story.alert, to);

    assert_eq!(refused("XB", draft(&["XD"])).await, Reason::NotOwner);
    assert_eq!(refused("XA", draft(&["XB"])).await, Reason::FaultyDraft);
    assert_eq!(refused("XA", draft(&[])).await, Reason::FaultyDraft);
    let of_update = net.extension(story.update, &["XD"]);
    assert_eq!(refused("XA", of_update).await, Reason::FaultyDraft);
    let groundless = Submission {
        ground: <_>::default(),
        ..draft(&["XD"])
    };
    assert_eq!(refused("XA", groundless).await, Reason::FaultyDraft);
    let streamed = net
        .node("XA")
        .broker
        .submit_many(super::net::officer(), vec![draft(&["XD"])]);
    let streamed = streamed.await.pop().unwrap();
    assert_eq!(reason(streamed.unwrap_err()), Reason::FaultyDraft);
    // Whoever is not in the thread is told nothing of it but by extending it.
    let mut beside = net.about(story.alert, update("to XD as well"));
    beside.to = ["XB", "XC", "XD"].map(|name| id(name).to_string()).into();
    assert_eq!(refused("XA", beside).await, Reason::NotInThread);
    assert_eq!(thread(&net, "XA", story.alert).await.len(), kept);

    net.submit("XA", net.about(story.alert, recall()))
        .await
        .unwrap();
    assert_eq!(refused("XA", draft(&["XD"])).await, Reason::NotLive);
    assert_eq!(net.record("XD", story.alert).await, None);
}

/// Verifies that a repeated extension gets its first answer, and gives nothing a second time; and that another one is refused
/// under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_extension_gives_nothing_twice() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    let draft = Submission {
        id: Some(MessageId::from_parts(1_795_507_200_123, [7; 10])),
        ..net.extension(story.alert, &["XD"])
    };
    let first = net.submit("XA", draft.clone()).await.unwrap();
    let again = net.submit("XA", draft).await.unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!(again.statement, first.statement);
    assert_eq!(again.recipients, first.recipients);
    let extends =
        |thread: Vec<MessageRecord>| thread.iter().filter(|it| it.kind == Kind::Extend).count();
    assert_eq!(extends(thread(&net, "XA", story.alert).await), 4);
    until_held(&net, "XD", first.statement).await;
    assert_eq!(extends(thread(&net, "XD", story.alert).await), 4);

    let why = pb::Extend {
        text: Some(pb::Text {
            text: "the person has family there".to_owned(),
            language: "en".to_owned(),
        }),
        ..<_>::default()
    };
    let other = Submission {
        id: Some(first.statement.id),
        to: vec![id("XD").to_string()],
        ..net.about(story.alert, pb::payload::Kind::Extend(why))
    };
    let refused = net.submit("XA", other).await.unwrap_err();
    assert_eq!(reason(refused), Reason::IdConflict);
}

/// Verifies that what is quicker than its extension is in order all the same: a recall that names XD before XD has
/// anything, and before XB knows of XD.
#[tokio::test(flavor = "multi_thread")]
async fn a_recall_may_overtake_the_extension() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    net.roads.fate(|seen| match seen.lane {
        Lane::Fast => Fate::Passes,
        Lane::Bulk => Fate::Answered(Reason::Overloaded),
    });
    net.extend("XA", story.alert, &["XD"]).await.unwrap();
    let recalled = net
        .submit("XA", net.about(story.alert, recall()))
        .await
        .unwrap();
    for to in ["XB", "XC", "XD"] {
        net.until_delivered("XA", recalled.statement, to).await;
    }
    until_alert_is(&net, "XB", story.alert, AlertLife::Recalled).await;
    assert_eq!(net.record("XD", story.alert).await, None, "not there yet");
    net.roads.calm();
    for statement in story.all() {
        net.until_delivered("XA", statement, "XD").await;
    }
    until_alert_is(&net, "XD", story.alert, AlertLife::Recalled).await;
    assert_eq!(net.entries("XD", Act::RefusedStatement, None), 0);
}

/// Verifies that what came before its time waits for its turn: a correction after the extension is applied at XD when
/// all that was extended is there, whatever came first.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_correction_waits_for_what_it_corrects() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    net.roads.cut(id("XD"));
    net.extend("XA", story.alert, &["XD"]).await.unwrap();
    let urgent = Submission {
        priority: Priority::Flash,
        ..net.about(story.update, correction())
    };
    let urgent = net.submit("XA", urgent).await.unwrap().statement;
    net.roads.fate(|seen| match seen.lane {
        Lane::Fast => Fate::Passes,
        Lane::Bulk => Fate::Answered(Reason::Overloaded),
    });
    net.roads.mend(id("XD"));
    net.hears("XA", id("XD"));
    net.until_delivered("XA", urgent, "XD").await;
    until_alert_is(&net, "XD", urgent, AlertLife::Waiting).await;
    net.roads.calm();
    for statement in [story.alert, story.update, story.correction, urgent] {
        until_alert_is(&net, "XD", statement, AlertLife::Live).await;
    }
}

/// Verifies that a restart changes nothing of who holds what: the journal alone makes the same state at origin, old
/// recipient and newcomer.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_outlives_restarts() {
    let mut net = Net::of_four();
    let story = Story::of(&net).await;
    net.roads.cut(id("XD"));
    net.extend("XA", story.alert, &["XD"]).await.unwrap();
    net.restart("XA").await;
    assert_eq!(
        net.life("XA", story.alert, "XD").await,
        DeliveryLife::Queued,
        "it waits inside its carrier"
    );
    net.roads.mend(id("XD"));
    net.hears("XA", id("XD"));
    net.until_delivered("XA", story.alert, "XD").await;
    until("XB knows", async || {
        holders(&net, "XB", story.alert).await.len() == 3
    })
    .await;
    for at in ["XA", "XB", "XD"] {
        let before = thread(&net, at, story.alert).await;
        net.restart(at).await;
        assert_eq!(thread(&net, at, story.alert).await, before, "{at}");
    }
    net.submit("XA", net.about(story.alert, recall()))
        .await
        .unwrap();
    until_alert_is(&net, "XD", story.alert, AlertLife::Recalled).await;
}

/// Verifies that a newcomer that lost its journal gets back what it was given, inside of what gave it, and once.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_newcomer_lost_comes_back_inside_its_carriers() {
    let mut net = Net::of_four();
    net.well().await;
    let alert = net.send("XA", &["XB"]).await;
    for word in ["one", "two", "three", "four", "five"] {
        let update = net.about(alert, update(word));
        net.submit("XA", update).await.unwrap();
    }
    net.extend("XA", alert, &["XD"]).await.unwrap();
    net.until_delivered("XA", alert, "XD").await;
    for _ in 0..4 {
        let filler = net.send("XA", &["XD"]).await;
        net.until_delivered("XA", filler, "XD").await;
    }
    let held = |records: Vec<MessageRecord>| {
        let mut held: Vec<_> = records.iter().map(|it| (it.statement, it.leaf)).collect();
        held.sort();
        held
    };
    until("all is there", async || {
        thread(&net, "XD", alert).await.len() == 13
    })
    .await;
    let before = held(thread(&net, "XD", alert).await);
    net.restart_after("XD", lose_all_but(2)).await;
    asked(&net, "XD").await;
    until("all is back", async || {
        held(thread(&net, "XD", alert).await) == before
    })
    .await;
    let forged = net.entries("XD", Act::Incident, Some(Reason::NotReceipted));
    assert_eq!(forged, 0);
    let record = net.record("XD", alert).await.unwrap();
    assert!(record.delivery(&id("XD")).unwrap().extended.is_some());
}

/// Verifies that what ended on its way to a newcomer is given again; and that an old recipient who is suspended hinders
/// nothing and is told nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrived_is_given_again_and_who_is_suspended_hinders_nothing() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    net.roads.cut(id("XD"));
    let hour = Submission {
        carried_hours: Some(1),
        ..net.extension(story.alert, &["XD"])
    };
    net.submit("XA", hour).await.unwrap();
    net.pass(Duration::from_secs(2 * 3600));
    net.until_life("XA", story.alert, "XD", DeliveryLife::Expired)
        .await;
    let suspending = net.directory(2, |draft| {
        draft.membership.members[2].status = MemberStatus::Suspended.into();
    });
    net.adopt("XA", &suspending).await;
    net.roads.mend(id("XD"));
    net.hears("XA", id("XD"));
    let again = net.extend("XA", story.alert, &["XD"]).await.unwrap();
    let to: Vec<_> = again.recipients.iter().map(|it| it.authority).collect();
    assert_eq!(to, ["XB", "XD"].map(id));
    let later = net.about(story.alert, update("left by ship"));
    let later = net.submit("XA", later).await.unwrap().statement;
    for statement in [story.alert, story.update, story.correction, later] {
        until_alert_is(&net, "XD", statement, AlertLife::Live).await;
    }
    let refused = net.extend("XA", story.alert, &["XD"]).await.unwrap_err();
    assert_eq!(reason(refused), Reason::FaultyDraft, "now it has it");
}
