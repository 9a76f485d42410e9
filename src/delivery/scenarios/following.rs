//! What follows in a thread that was passed on goes on to whom it was passed, by itself and once.
//!
//! ```text
//!   XA-POL === alert, then update, recall ===> XB-POL ~~~ each as XA signed it ~~~> XD-POL
//!          <-- actioned: what became of the copy ---------------------------------- XD-POL
//!
//!   XA-POL === alert ===> XB-POL ~~~> XC-POL ~~~> XD-POL, and a recall the same way
//!
//!   XA-POL === recall that names XD-POL itself ===> XB-POL, XC-POL, XD-POL          XB-POL sends nothing on
//! ```

use std::time::Duration;

use super::{
    extending::{correction, holders, thread, until_alert_is, until_held},
    net::{Net, id, recall, until, update},
    permission::{permitted, restricted},
};
use crate::{
    delivery::Submission,
    domain::{
        id::StatementRef,
        lives::{AlertLife, DeliveryLife},
        routing::{Handling, HandlingSet, Kind},
    },
    proto::alert::v1 as pb,
    store::entry::Act,
};

/// XA's alert, that XB has passed on to XD.
async fn passed_on(net: &Net) -> StatementRef {
    net.well().await;
    let alert = restricted(net).await;
    permitted(net, alert, &["XD"], 2).await;
    net.submit("XB", net.passing(alert, &["XD"])).await.unwrap();
    net.until_delivered("XB", alert, "XD").await;
    alert
}

/// Statements by which XB has given XD something in this thread.
async fn carriers(net: &Net, alert: StatementRef) -> usize {
    let records = thread(net, "XB", alert).await;
    let to_xd = records.iter().filter(|record| {
        record.kind == Kind::Extend
            && record.statement.origin == id("XB")
            && record.names(&id("XD"))
    });
    to_xd.count()
}

fn actioned() -> pb::payload::Kind {
    pb::payload::Kind::Answer(pb::Answer {
        code: pb::AnswerCode::Actioned.into(),
        retention: Some(pb::Retention {
            code: pb::RetentionCode::Kept.into(),
            law: "Archives Act, s. 4".to_owned(),
            until: "2027-12-31".to_owned(),
            ..<_>::default()
        }),
        ..<_>::default()
    })
}

/// Verifies that an update, a correction of it and a recall of the alert reach whom the thread was passed on to, as they were
/// signed, each once, after the permission's last day and restarts too; that the originator addressed nobody but its own
/// recipients; and that the newcomer's word on its copy comes back.
#[tokio::test(flavor = "multi_thread")]
async fn updates_and_a_recall_travel_on_to_whom_it_was_passed() {
    let mut net = Net::of_four();
    let alert = passed_on(&net).await;
    net.pass(Duration::from_secs(4 * 24 * 3600));
    let updated = net.submit("XA", net.about(alert, update("seen"))).await;
    let updated = updated.unwrap().statement;
    assert_eq!(holders(&net, "XA", updated).await, ["XB-POL", "XC-POL"]);
    until_alert_is(&net, "XD", updated, AlertLife::Live).await;
    let corrected = net.submit("XA", net.about(updated, correction())).await;
    let corrected = corrected.unwrap().statement;
    until_alert_is(&net, "XD", corrected, AlertLife::Live).await;
    net.restart("XB").await;
    net.restart("XD").await;
    let recalled = net.submit("XA", net.about(alert, recall())).await.unwrap();
    let to: Vec<_> = recalled.recipients.iter().map(|it| it.authority).collect();
    assert_eq!(to, ["XB", "XC"].map(id));
    until_alert_is(&net, "XD", alert, AlertLife::Recalled).await;
    for statement in [updated, corrected, recalled.statement] {
        let (ours, theirs) = (
            net.record("XA", statement).await.unwrap(),
            net.record("XD", statement).await.unwrap(),
        );
        assert_eq!(ours.leaf, theirs.leaf);
        net.until_life("XB", statement, "XD", DeliveryLife::Delivered)
            .await;
    }
    assert_eq!(carriers(&net, alert).await, 4);
    net.restart("XB").await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(carriers(&net, alert).await, 4, "each once");
    assert_eq!(net.entries("XD", Act::RefusedStatement, None), 0);

    let word = net
        .submit("XD", net.about(alert, actioned()))
        .await
        .unwrap();
    net.until_delivered("XD", word.statement, "XA").await;
}

/// Verifies that a recall that is made before the originator has heard of the newcomer reaches it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_recall_reaches_a_newcomer_that_the_originator_does_not_know_of() {
    let net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    permitted(&net, alert, &["XD"], 2).await;
    net.roads
        .fate(|seen| match seen.to == id("XA") && seen.from == id("XB") {
            true => super::roads::Fate::Answered(crate::domain::reason::Reason::Overloaded),
            false => super::roads::Fate::Passes,
        });
    net.submit("XB", net.passing(alert, &["XD"])).await.unwrap();
    until_held(&net, "XD", alert).await;
    assert_eq!(holders(&net, "XA", alert).await, ["XB-POL", "XC-POL"]);
    net.submit("XA", net.about(alert, recall())).await.unwrap();
    until_alert_is(&net, "XD", alert, AlertLife::Recalled).await;
}

/// Verifies that a newcomer passes on in its turn, that the originator knows the whole way, and that a recall goes it to its
/// end.
#[tokio::test(flavor = "multi_thread")]
async fn a_recall_goes_the_whole_way_that_the_thread_went() {
    let net = Net::of_four();
    net.well().await;
    let draft = Submission {
        handling: HandlingSet::new([Handling::H1]).unwrap(),
        handling_text: String::new(),
        ..net.draft(crate::domain::routing::Priority::Routine, &["XB"])
    };
    let alert = net.submit("XA", draft).await.unwrap().statement;
    net.until_delivered("XA", alert, "XB").await;
    for (from, to, known) in [("XB", "XC", 2), ("XC", "XD", 3)] {
        net.submit(from, net.passing(alert, &[to])).await.unwrap();
        until_alert_is(&net, to, alert, AlertLife::Live).await;
        until("XA knows", async || {
            holders(&net, "XA", alert).await.len() == known
        })
        .await;
    }
    let record = net.record("XA", alert).await.unwrap();
    let by = |name| record.delivery(&id(name)).unwrap().extended.unwrap().by;
    assert_eq!((by("XC").origin, by("XD").origin), (id("XB"), id("XC")));
    let recalled = net.submit("XA", net.about(alert, recall())).await.unwrap();
    assert_eq!(recalled.recipients.len(), 1);
    for at in ["XB", "XC", "XD"] {
        until_alert_is(&net, at, alert, AlertLife::Recalled).await;
        let theirs = net.record(at, recalled.statement).await.unwrap();
        let ours = net.record("XA", recalled.statement).await.unwrap();
        assert_eq!(theirs.leaf, ours.leaf, "{at}");
    }
}

/// Verifies that what names the newcomer itself goes there from its originator alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_names_the_newcomer_is_not_sent_on_a_second_time() {
    let net = Net::of_four();
    let alert = passed_on(&net).await;
    until("XA knows", async || {
        holders(&net, "XA", alert).await.len() == 3
    })
    .await;
    let named = Submission {
        to: ["XB", "XC", "XD"].map(|name| id(name).to_string()).into(),
        ..net.about(alert, recall())
    };
    let recalled = net.submit("XA", named).await.unwrap().statement;
    net.until_delivered("XA", recalled, "XD").await;
    until_alert_is(&net, "XD", alert, AlertLife::Recalled).await;
    net.until_delivered("XA", recalled, "XB").await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(carriers(&net, alert).await, 1, "the alert alone");
}

/// Verifies that what is marked more strictly than what was passed on stays where it is until it is permitted, with the
/// reason journaled once; and that what was told to one recipient alone is not sent on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_more_strictly_waits_for_its_own_permission() {
    let net = Net::of_four();
    net.well().await;
    let free = HandlingSet::new([Handling::H1]).unwrap();
    let draft = Submission {
        handling: free,
        handling_text: String::new(),
        ..net.draft(crate::domain::routing::Priority::Routine, &["XB", "XC"])
    };
    let alert = net.submit("XA", draft).await.unwrap().statement;
    net.until_delivered("XA", alert, "XB").await;
    net.submit("XB", net.passing(alert, &["XD"])).await.unwrap();
    net.until_delivered("XB", alert, "XD").await;
    let strict = Submission {
        handling: HandlingSet::new([Handling::H1, Handling::H2]).unwrap(),
        handling_text: String::new(),
        ..net.about(alert, update("an informant says so"))
    };
    let strict = net.submit("XA", strict).await.unwrap().statement;
    let reason = Some(crate::domain::reason::Reason::NotPermitted);
    until("journaled", async || {
        net.entries("XB", Act::Incident, reason) == 1
    })
    .await;
    assert_eq!(net.record("XD", strict).await, None);
    permitted(&net, alert, &["XD"], 2).await;
    until_alert_is(&net, "XD", strict, AlertLife::Live).await;
    assert_eq!(net.entries("XB", Act::Incident, reason), 1, "once");
}
