//! Drafts that wait for a second person: nothing of them leaves before, and what leaves says who released it.
//!
//! ```text
//!   creator --keeps--> XA-POL <--releases-- another person
//!                         \==== statement with its release ====> XB-POL, which asks for one
//! ```

use std::time::Duration;

use bytes::Bytes;

use super::net::{Net, id, officer, update};
use crate::{
    delivery::{Accepted, DraftWord, Keep, SecondPerson, Submission, SubmitError},
    domain::{
        id::StatementRef,
        limits::{DRAFTS_MAX, SUBMIT_MAX_DRAFTS},
        lives::{DeliveryLife, DraftLife},
        reason::Reason,
        release::Why,
        routing::{Kind, Priority, Release, Routing},
        time::Timestamp,
    },
    proto::directory::v1::MemberStatus,
    store::{
        entry::{Act, Actor},
        ledger::Found,
        record::DraftRecord,
    },
    trust::testing::Draft,
    wire,
};

fn supervisor() -> Actor {
    Actor::new("supervisor-77aa01b2").unwrap()
}

fn reason(error: &SubmitError) -> Reason {
    match error {
        SubmitError::Refused { reason, .. } => *reason,
        SubmitError::Store(error) => panic!("{error}"),
    }
}

/// To be kept.
fn to_keep(draft: Submission, content: &'static str) -> Submission {
    let keep = Keep {
        draft: Bytes::from_static(content.as_bytes()),
        created_by: "XA-POL/officer-1".to_owned(),
        why: Why::Rule(1),
    };
    Submission {
        release: SecondPerson::Awaited(keep),
        ..draft
    }
}

/// Released by another.
fn released(draft: Submission, created_at: Timestamp) -> Submission {
    let release = Release {
        created_by: "XA-POL/officer-1".to_owned(),
        created_at,
        released_by: "XA-POL/supervisor-2".to_owned(),
        released_at: created_at,
    };
    Submission {
        release: SecondPerson::Attested(release),
        ..draft
    }
}

async fn kept(net: &Net, statement: StatementRef) -> Option<DraftRecord> {
    let reading = net.node("XA").store.read(|ledger| ledger.draft(&statement));
    reading.await.unwrap()
}

async fn release(
    net: &Net,
    by: Actor,
    statement: StatementRef,
    draft: Submission,
) -> Result<Accepted, SubmitError> {
    let broker = &net.node("XA").broker;
    broker.release_draft(by, statement, draft).await
}

async fn header(net: &Net, at: &str, statement: StatementRef) -> Routing {
    let record = net.record(at, statement).await.expect("held");
    let entry = net.node(at).store.entry(record.index).unwrap();
    wire::decode_kept_statement(&entry.body).unwrap().0
}

/// A routine alert to XB that is kept, and its content.
async fn keep_one(net: &Net) -> (StatementRef, Submission) {
    let draft = net.draft(Priority::Routine, &["XB"]);
    let accepted = net
        .submit("XA", to_keep(draft.clone(), "one"))
        .await
        .unwrap();
    assert_eq!(accepted.awaits.as_deref(), Some("rule 1 of [[release]]"));
    (accepted.statement, draft)
}

/// Verifies that a kept draft goes nowhere, that another person's release sends it with both named, that the draft ends in
/// the same block, and that it cannot be released a second time.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_leaves_by_another_persons_release_alone() {
    let net = Net::new();
    let (statement, draft) = keep_one(&net).await;
    let record = kept(&net, statement).await.expect("kept");
    assert_eq!(record.life, DraftLife::Awaiting);
    assert_eq!(record.outline.recipients, [id("XB")]);
    assert_eq!(record.creator, officer());
    assert_eq!(net.record("XA", statement).await, None, "no statement yet");

    let by_creator = release(
        &net,
        officer(),
        statement,
        released(draft.clone(), record.kept_at),
    );
    assert_eq!(reason(&by_creator.await.unwrap_err()), Reason::SamePerson);
    assert_eq!(net.entries("XA", Act::Accepted, None), 0);

    let accepted = release(
        &net,
        supervisor(),
        statement,
        released(draft.clone(), record.kept_at),
    );
    let accepted = accepted.await.unwrap();
    assert_eq!((accepted.statement, accepted.awaits), (statement, None));
    net.until_delivered("XA", statement, "XB").await;
    let attested = header(&net, "XB", statement).await;
    let release_there = attested.release.expect("attested");
    assert_eq!(release_there.created_by, "XA-POL/officer-1");
    assert_eq!(release_there.released_by, "XA-POL/supervisor-2");
    assert_eq!(release_there.created_at, record.kept_at);
    assert_eq!(release_there.released_at, attested.issued_at);

    assert_eq!(kept(&net, statement).await, None);
    let journal = net.journal("XA");
    let place = |act| journal.iter().position(|entry| entry.act == act).unwrap();
    assert_eq!(
        place(Act::DraftEnded),
        place(Act::Accepted) + 1,
        "one block"
    );
    assert_eq!(journal[place(Act::DraftKept)].actor, officer());
    assert_eq!(journal[place(Act::DraftEnded)].actor, supervisor());
    let again = release(
        &net,
        supervisor(),
        statement,
        released(draft, record.kept_at),
    );
    assert_eq!(reason(&again.await.unwrap_err()), Reason::NotFound);
    assert_eq!(net.entries("XA", Act::Accepted, None), 1);
}

/// Verifies that a restart finds the drafts as they were, and that what was released is not there twice.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_outlive_a_restart() {
    let mut net = Net::new();
    let (waiting, draft) = keep_one(&net).await;
    let (gone, other) = keep_one(&net).await;
    let at = kept(&net, gone).await.expect("kept").kept_at;
    release(&net, supervisor(), gone, released(other, at))
        .await
        .unwrap();
    let before = kept(&net, waiting).await;
    net.restart("XA").await;
    assert_eq!(kept(&net, waiting).await, before);
    assert_eq!(kept(&net, gone).await, None);
    assert!(net.record("XA", gone).await.is_some());
    let found = |text: String| {
        let store = &net.node("XA").store;
        store.read(move |ledger| ledger.find_draft(&text))
    };
    let one = Found::One(waiting);
    for text in [
        waiting.id.to_string(),
        waiting.to_string(),
        waiting.reference().to_string(),
    ] {
        assert_eq!(found(text).await.unwrap(), one);
    }
    assert_eq!(found(gone.id.to_string()).await.unwrap(), Found::None);
    let at = kept(&net, waiting).await.expect("kept").kept_at;
    release(&net, supervisor(), waiting, released(draft, at))
        .await
        .unwrap();
    net.until_delivered("XA", waiting, "XB").await;
}

/// Verifies that a repeat gets its first answer and other content a refusal, while it is kept and after it left.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_draft_gets_its_first_answer() {
    let net = Net::new();
    let (statement, draft) = keep_one(&net).await;
    let again = net
        .submit("XA", to_keep(draft.clone(), "one"))
        .await
        .unwrap();
    assert!(again.repeated && again.awaits.is_some());
    assert_eq!(again.recipients.len(), 1);
    for other in [to_keep(draft.clone(), "two"), draft.clone()] {
        let refused = net.submit("XA", other).await.unwrap_err();
        assert_eq!(reason(&refused), Reason::IdConflict);
    }
    assert_eq!(net.entries("XA", Act::DraftKept, None), 1);
    let at = kept(&net, statement).await.expect("kept").kept_at;
    release(&net, supervisor(), statement, released(draft.clone(), at))
        .await
        .unwrap();
    // Whoever did not hear of it asks again, by the same words.
    let late = net.submit("XA", to_keep(draft, "one")).await.unwrap();
    assert_eq!((late.repeated, late.awaits), (true, None));
    assert_eq!(net.entries("XA", Act::Accepted, None), 1);
}

/// Verifies that a returned draft waits for nobody, that its creator alone hands it in again, and that an end is an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_returned_draft_is_its_creators_and_a_discarded_one_is_gone() {
    let net = Net::new();
    let broker = &net.node("XA").broker;
    let (statement, draft) = keep_one(&net).await;
    let word = || DraftWord::Return("name the court".into());
    broker
        .step_draft(supervisor(), statement, word())
        .await
        .unwrap();
    let returned = kept(&net, statement).await.expect("still here");
    assert_eq!(returned.life, DraftLife::Returned);
    let index = returned.returned.expect("an entry");
    let entry = net.node("XA").store.entry(index).unwrap();
    assert_eq!(entry.body, "name the court");
    let at = returned.kept_at;
    let refused = release(&net, supervisor(), statement, released(draft.clone(), at)).await;
    assert_eq!(reason(&refused.unwrap_err()), Reason::NotAwaiting);
    let twice = broker.step_draft(supervisor(), statement, word()).await;
    assert_eq!(reason(&twice.unwrap_err()), Reason::NotAwaiting);

    let mended = to_keep(draft, "mended");
    let by_other = broker.submit(supervisor(), vec![mended.clone()]).await;
    assert_eq!(reason(&by_other.unwrap_err()), Reason::IdConflict);
    net.submit("XA", mended).await.unwrap();
    let mended = kept(&net, statement).await.expect("kept anew");
    assert_eq!((mended.life, mended.returned), (DraftLife::Awaiting, None));

    broker
        .step_draft(officer(), statement, DraftWord::Discard)
        .await
        .unwrap();
    assert_eq!(kept(&net, statement).await, None);
    let gone = broker
        .step_draft(officer(), statement, DraftWord::Discard)
        .await;
    assert_eq!(reason(&gone.unwrap_err()), Reason::NotFound);
    assert_eq!(net.entries("XA", Act::Accepted, None), 0);
}

/// Verifies that a release reaches nobody whom the draft did not name when it was handed in, and fewer without ado.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_changed_meanwhile_widens_no_release() {
    let net = Net::new();
    let suspending = |version, name: Option<&'static str>| {
        net.directory(version, move |draft: &mut Draft| {
            for member in &mut draft.membership.members {
                if name.is_some_and(|name| member.id == id(name).as_str()) {
                    member.status = MemberStatus::Suspended.into();
                }
            }
        })
    };
    net.adopt("XA", &suspending(2, Some("XC"))).await;
    let mut draft = net.draft(Priority::Routine, &["XB"]);
    draft.to = vec!["all".to_owned()];
    let accepted = net
        .submit("XA", to_keep(draft.clone(), "all"))
        .await
        .unwrap();
    let record = kept(&net, accepted.statement).await.expect("kept");
    assert_eq!(record.outline.recipients, [id("XB")]);
    net.adopt("XA", &suspending(3, None)).await;
    let wider = release(
        &net,
        supervisor(),
        accepted.statement,
        released(draft.clone(), record.kept_at),
    );
    assert_eq!(reason(&wider.await.unwrap_err()), Reason::RecipientsChanged);
    assert!(
        kept(&net, accepted.statement).await.is_some(),
        "it still waits"
    );

    let two = net
        .submit(
            "XA",
            to_keep(
                Submission {
                    id: None,
                    ..draft.clone()
                },
                "two",
            ),
        )
        .await;
    let two = two.unwrap();
    net.adopt("XA", &suspending(4, Some("XC"))).await;
    let at = kept(&net, two.statement).await.expect("kept").kept_at;
    let narrower = release(&net, supervisor(), two.statement, released(draft, at));
    assert_eq!(narrower.await.unwrap().recipients.len(), 1);
}

/// The entry of `name` demands a release of alerts about missing offenders.
fn demanding(name: &'static str) -> impl FnOnce(&mut Draft) {
    move |draft| {
        let mut entries = draft.entries.iter_mut();
        let entry = entries.find(|entry| entry.authority == id(name).as_str());
        entry.unwrap().release_kinds = vec![Kind::MissingOffender as u32, Kind::Answer as u32, 99];
    }
}

/// Verifies that a receiver holds an origin to what it says in the directory: without a release it is refused for good, with
/// one it is held; and that the origin's own broker lets none leave without.
#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_directory_demands_a_release_for_is_refused_without() {
    let net = Net::new();
    let demands = net.directory(2, demanding("XA"));
    // XA does not know yet what it has published: a node that was taken over would not ask either.
    net.adopt("XB", &demands).await;
    let bare = net.send("XA", &["XB"]).await;
    net.until_life("XA", bare, "XB", DeliveryLife::Refused(Reason::NotReleased))
        .await;
    assert_eq!(net.record("XB", bare).await, None);
    assert_eq!(
        net.entries("XB", Act::RefusedStatement, Some(Reason::NotReleased)),
        1
    );
    let (statement, draft) = keep_one(&net).await;
    let at = kept(&net, statement).await.expect("kept").kept_at;
    release(&net, supervisor(), statement, released(draft, at))
        .await
        .unwrap();
    net.until_delivered("XA", statement, "XB").await;

    net.adopt("XA", &demands).await;
    let refused = net.submit("XA", net.draft(Priority::Flash, &["XB"])).await;
    assert_eq!(reason(&refused.unwrap_err()), Reason::ReleaseNeeded);
    // What nobody demanded one for goes as before: XC's entry says nothing.
    net.send("XC", &["XB"]).await;
}

/// Verifies that a clock that was put back dates no release before its draft.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_never_dated_before_its_draft() {
    let net = Net::new();
    let (statement, draft) = keep_one(&net).await;
    let ahead = net.node("XA").store.read(|ledger| ledger.draft(&statement));
    let ahead = ahead
        .await
        .unwrap()
        .expect("kept")
        .kept_at
        .plus(Duration::from_secs(3600));
    let refused = release(&net, supervisor(), statement, released(draft, ahead)).await;
    assert_eq!(reason(&refused.unwrap_err()), Reason::CheckOwnClock);
}

/// Verifies the cap: one draft more than may wait is refused by name, and none of its job is kept.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_that_wait_are_bounded() {
    let net = Net::new();
    let broker = &net.node("XA").broker;
    let many = |count| -> Vec<Submission> {
        let drafts = (0..count).map(|_| net.draft(Priority::Routine, &["XB"]));
        drafts.map(|draft| to_keep(draft, "many")).collect()
    };
    for _ in 0..DRAFTS_MAX / SUBMIT_MAX_DRAFTS {
        broker
            .submit(officer(), many(SUBMIT_MAX_DRAFTS))
            .await
            .unwrap();
    }
    let refused = broker.submit(officer(), many(1)).await.unwrap_err();
    assert_eq!(reason(&refused), Reason::DraftsFull);
    let newest = net.node("XA").store.read(|ledger| ledger.drafts(None, 2));
    let newest = newest.await.unwrap();
    assert!(newest[0].index > newest[1].index);
    broker
        .step_draft(officer(), newest[0].statement, DraftWord::Discard)
        .await
        .unwrap();
    broker.submit(officer(), many(1)).await.unwrap();
    let count = net.node("XA").store.read(|ledger| ledger.draft_count());
    assert_eq!(count.await.unwrap(), DRAFTS_MAX);
}

/// Verifies that an extension that waits for a second person gives nothing, and when it is released gives all that stands
/// then, each carrier with the release.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_gives_what_stands_when_it_is_released() {
    let net = Net::new();
    net.well().await;
    let alert = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", alert, "XB").await;
    let draft = net.extension(alert, &["XC"]);
    let kept_as = net
        .submit("XA", to_keep(draft.clone(), "extend"))
        .await
        .unwrap();
    let record = kept(&net, kept_as.statement).await.expect("kept");
    assert_eq!(record.outline.recipients, [id("XB"), id("XC")]);
    let update = net.about(alert, update("seen since"));
    let update = net.submit("XA", update).await.unwrap().statement;
    net.until_delivered("XA", update, "XB").await;
    assert_eq!(net.record("XC", alert).await, None);

    let draft = Submission {
        id: Some(kept_as.statement.id),
        ..draft
    };
    let by_second = released(draft, record.kept_at);
    let released = release(&net, supervisor(), kept_as.statement, by_second);
    assert_eq!(released.await.unwrap().statement, kept_as.statement);
    for statement in [alert, update] {
        net.until_delivered("XA", statement, "XC").await;
        let given = net.record("XC", statement).await.expect("held");
        let by = given.delivery(&id("XC")).unwrap().extended.unwrap().by;
        let attested = header(&net, "XC", by).await.release.expect("released");
        assert_eq!(attested.released_by, "XA-POL/supervisor-2");
    }
    assert_eq!(kept(&net, kept_as.statement).await, None);
}
