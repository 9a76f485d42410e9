//! A shift ends, another begins: what was open is given over by one person and taken by another, each by name, over the
//! same bytes; and both stay provable after a restart.
//!
//! ```text
//!    XB-POL --flash--> XA-POL   duty ann   gives over: "unopened flash, draft awaiting release"
//!                               duty bob   reads it, takes it over
//!                               duty cid   comes too late
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

mod common;

use allpoints::{
    domain::reason::Reason, proto::desk::v1 as pb, trust::tls::Role, wire::status::reason_of,
};
use common::{Desk, Net, newest, until};
use tonic::Status;

/// Words that must stand nowhere but in what the two of them read.
const NOTE: &str = "the harbour calls back at nine";

async fn give(desk: &mut Desk) -> pb::HandoverSummary {
    let note = NOTE.to_owned();
    let given = desk.hand_over(pb::HandOverRequest { note }).await;
    let given = given.expect("given").into_inner();
    given.summary.expect("named")
}

async fn show(desk: &mut Desk, name: &str) -> Result<pb::ShowHandoverResponse, Status> {
    let name = name.to_owned();
    let shown = desk.show_handover(pb::ShowHandoverRequest { name }).await;
    shown.map(tonic::Response::into_inner)
}

async fn take(desk: &mut Desk, name: &str, leaf: &[u8]) -> Result<pb::HandoverSummary, Status> {
    let request = pb::TakeOverRequest {
        name: name.to_owned(),
        leaf: leaf.to_vec(),
    };
    let taken = desk.take_over(request).await?;
    Ok(taken.into_inner().summary.expect("named"))
}

fn sections(work: &pb::OpenWork) -> Vec<pb::WorkSection> {
    work.items.iter().map(pb::WorkItem::section).collect()
}

/// A flash from abroad that nobody has opened, and a draft that waits for a second person.
async fn open_work_of(net: &Net) {
    let mut abroad = net.desk("XB-POL", Role::Officer).await;
    let drafts = vec![net.draft(&["XA-POL"])];
    let request = pb::SubmitRequest {
        drafts,
        ..<_>::default()
    };
    abroad.submit(request).await.expect("accepted");
    let mut officer = net.desk_of("XA-POL", Role::Officer, "eve").await;
    let drafts = vec![net.draft(&["XB-POL"])];
    let kept = officer
        .keep_drafts(pb::KeepDraftsRequest {
            drafts,
            ..<_>::default()
        })
        .await;
    kept.expect("kept");
    until("the flash is here", async || {
        newest(&mut net.desk("XA-POL", Role::Officer).await, pb::Box::In).await
    })
    .await;
}

/// Verifies that a shift gives over what is open and the next one takes it, by two people and once; that whoever takes
/// has read what was given; and that both halves are entries in their names, after a restart too.
#[tokio::test(flavor = "multi_thread")]
async fn a_shift_gives_its_open_work_over_and_another_person_takes_it() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    open_work_of(&net).await;
    let mut ann = net.desk_of("XA-POL", Role::Duty, "ann").await;
    let mut bob = net.desk_of("XA-POL", Role::Duty, "bob").await;
    let mut cid = net.desk_of("XA-POL", Role::Duty, "cid").await;

    let open = ann.open_work(pb::OpenWorkRequest {}).await.expect("listed");
    let open = open.into_inner();
    let work = open.work.expect("work");
    assert_eq!(
        sections(&work),
        [pb::WorkSection::Unopened, pb::WorkSection::Draft]
    );
    assert_eq!(work.items[0].authority, "XB-POL");
    assert!(work.items[0].due_us > work.at_us, "ten minutes to open it");
    assert!(open.handovers.is_empty());

    let given = give(&mut ann).await;
    assert!(given.own && given.given_by.starts_with("XA-POL/duty-") && given.taken_by.is_empty());
    // The newest that somebody else gave; there is none for its giver.
    let refused = show(&mut ann, "").await.expect_err("her own");
    assert_eq!(reason_of(&refused), Some(Reason::HandoverGone));
    let shown = show(&mut bob, "").await.expect("shown");
    assert_eq!(shown.note, NOTE);
    assert_eq!(sections(&shown.work.expect("work")), sections(&work));

    // By one name in another role it is still the same person.
    let mut ann_as_supervisor = net.desk_of("XA-POL", Role::Supervisor, "ann").await;
    for desk in [&mut ann, &mut ann_as_supervisor] {
        let refused = take(desk, &given.name, &shown.leaf).await;
        let refused = refused.expect_err("her own");
        assert_eq!(reason_of(&refused), Some(Reason::SamePerson));
    }
    let refused = take(&mut bob, &given.name, &[0; 32]).await;
    let refused = refused.expect_err("he has read something else");
    assert_eq!(reason_of(&refused), Some(Reason::Malformed));

    let taken = take(&mut bob, &given.name, &shown.leaf)
        .await
        .expect("taken");
    assert!(taken.taken_by.starts_with("XA-POL/duty-") && taken.taken_by != taken.given_by);
    let again = take(&mut bob, &given.name, &shown.leaf).await;
    assert_eq!(again.expect("said again"), taken);
    let refused = take(&mut cid, &given.name, &shown.leaf).await;
    let refused = refused.expect_err("too late");
    assert_eq!(reason_of(&refused), Some(Reason::HandoverTaken));

    net.stop("XA-POL").await;
    net.start("XA-POL").await;
    let mut cid = net.desk_of("XA-POL", Role::Duty, "cid").await;
    let kept = show(&mut cid, &given.name).await.expect("kept");
    let summary = kept.summary.expect("named");
    assert_eq!(
        (summary.taken_by, summary.taken_at_us),
        (taken.taken_by, taken.taken_at_us)
    );
    let mut auditor = net.desk("XA-POL", Role::Auditor).await;
    let entries = auditor.audit_list(pb::AuditListRequest::default()).await;
    let entries = entries.expect("listed").into_inner().entries;
    let of = |act: &str| {
        entries
            .iter()
            .filter(|it| it.act == act)
            .collect::<Vec<_>>()
    };
    let (gave, took) = (of("handed-over"), of("taken-over"));
    assert_eq!((gave.len(), took.len()), (1, 1), "repeats leave none");
    let refused = of("take-refused");
    assert_eq!(refused.len(), 2, "in each of her roles");
    assert!(refused.iter().all(|it| it.reason == "SAME_PERSON"));
    assert_eq!(gave[0].leaf, shown.leaf, "what was read is what was given");
    assert_ne!(gave[0].actor, took[0].actor);
}

/// Verifies that what is given again takes the place of what the same person gave before, and that the former can no
/// longer be taken: nobody signs for a list that is out of date.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_again_takes_the_place_of_what_nobody_took() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut ann = net.desk_of("XA-POL", Role::Duty, "ann").await;
    let mut bob = net.desk_of("XA-POL", Role::Duty, "bob").await;
    let first = give(&mut ann).await;
    let old = show(&mut bob, &first.name).await.expect("shown");
    let second = give(&mut ann).await;
    assert_ne!(first.name, second.name);
    let refused = take(&mut bob, &first.name, &old.leaf).await;
    let refused = refused.expect_err("out of date");
    assert_eq!(reason_of(&refused), Some(Reason::HandoverGone));
    let new = show(&mut bob, "").await.expect("shown");
    take(&mut bob, &second.name, &new.leaf)
        .await
        .expect("taken");
    for wrong in ["", "1234", "H-", "H-x"] {
        let refused = take(&mut bob, wrong, &new.leaf).await.expect_err("no name");
        assert_eq!(reason_of(&refused), Some(Reason::Malformed), "{wrong:?}");
    }
}
