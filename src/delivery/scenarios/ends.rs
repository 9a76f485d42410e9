//! The end of an alert by time, at its origin and at each recipient, and its extension.
//!
//! ```text
//!   XA-POL --- alert, valid until today ---> XB-POL, XC-POL
//!     | midnight: expired                      | midnight: expired, each by itself
//!     '------ update: valid until later -----> live again
//! ```

use std::time::Duration;

use super::net::{Net, id, until};
use crate::{
    delivery::{Submission, SubmitError},
    domain::{
        alert::value::Day, id::StatementRef, limits::HOUSEKEEPING_INTERVAL, lives::AlertLife,
        reason::Reason, routing::Kind, time::Clock as _,
    },
    proto::alert::v1 as pb,
    store::entry::Act,
    trust::testing::NOW,
};

const ALL: [&str; 3] = ["XA", "XB", "XC"];

fn today() -> Day {
    Day::of(NOW).unwrap()
}

fn extension(net: &Net, alert: StatementRef, until: Day) -> Submission {
    net.saying(
        alert,
        pb::Payload {
            basis: Some(pb::Basis {
                authority: "Arcadia Police".to_owned(),
                law: "Act 7".to_owned(),
                decision_reference: "7/26".to_owned(),
                valid_until: until.to_string(),
                ..<_>::default()
            }),
            kind: Some(pb::payload::Kind::Update(<_>::default())),
            ..<_>::default()
        },
    )
}

/// An alert that is valid until today, held by all.
async fn held(net: &Net) -> StatementRef {
    net.well().await;
    let draft = net.draft_until(today(), &["XB", "XC"]);
    let alert = net.submit("XA", draft).await.unwrap().statement;
    for to in ["XB", "XC"] {
        net.until_delivered("XA", alert, to).await;
    }
    alert
}

/// One second past midnight, everywhere.
fn midnight(net: &Net) {
    net.pass(today().end().since(NOW) + Duration::from_secs(1));
}

async fn until_all_are(net: &Net, alert: StatementRef, wanted: AlertLife) {
    for at in ALL {
        until(&format!("{wanted:?} at {at}"), async || {
            net.record(at, alert).await.unwrap().life == wanted
        })
        .await;
    }
}

/// Verifies that an alert ends at midnight at each node by itself, with one entry, and that the originator's update
/// brings it back to all of them.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_ends_everywhere_by_itself_and_its_originator_extends_it() {
    let net = Net::new();
    let alert = held(&net).await;
    for at in ALL {
        assert_eq!(net.entries(at, Act::AlertExpired, None), 0);
    }
    net.roads.cut(id("XC"));
    midnight(&net);
    until_all_are(&net, alert, AlertLife::Expired).await;
    net.roads.mend(id("XC"));
    net.well().await;

    let later = today().plus_days(30);
    let update = extension(&net, alert, later);
    net.submit("XA", update).await.unwrap();
    until_all_are(&net, alert, AlertLife::Live).await;
    for at in ALL {
        let record = net.record(at, alert).await.unwrap();
        assert_eq!(record.terms.valid_until, Some(later), "{at}");
        assert_eq!(net.entries(at, Act::AlertExpired, None), 1, "{at}");
    }
}

/// Verifies that nobody else extends an alert, and its originator not past what its kind allows.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_is_the_originators_and_bounded() {
    let net = Net::new();
    let alert = held(&net).await;
    let reason = |refused: SubmitError| match refused {
        SubmitError::Refused { reason, .. } => reason,
        SubmitError::Store(error) => panic!("{error}"),
    };
    let foreign = extension(&net, alert, today().plus_days(30));
    let refused = net.submit("XB", foreign).await.unwrap_err();
    assert_eq!(reason(refused), Reason::NotOwner);
    let record = net.record("XA", alert).await.unwrap();
    let last = record.last_day().unwrap();
    // A draft alone is judged by the longest validity there is; a travel notice allows less.
    assert_eq!(record.kind, Kind::TravelNotice);
    let past = extension(&net, alert, last.plus_days(1));
    let refused = net.submit("XA", past).await.unwrap_err();
    assert_eq!(reason(refused), Reason::ValidityExceeded);
    net.submit("XA", extension(&net, alert, last))
        .await
        .unwrap();
    let record = net.record("XA", alert).await.unwrap();
    assert_eq!(record.terms.valid_until, Some(last));
}

/// Verifies that a node whose clock was set wrong ends nothing for good, and that it shows what its clock says.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ends_no_alert_for_good() {
    let net = Net::new();
    let alert = held(&net).await;
    let node = net.node("XB");
    node.clock.jump(11 * 24 * 3600);
    let record = net.record("XB", alert).await.unwrap();
    assert_eq!(record.life_at(node.clock.now()), AlertLife::Expired);
    // What is past its carriage by this clock stays too: housekeeping went round twice.
    tokio::time::sleep(HOUSEKEEPING_INTERVAL * 2).await;
    assert_eq!(net.entries("XB", Act::AlertExpired, None), 0);
    node.clock.jump(0);
    let record = net.record("XB", alert).await.unwrap();
    assert_eq!(record.life_at(node.clock.now()), AlertLife::Live);
    assert_eq!(net.entries("XB", Act::AlertExpired, None), 0);
}
