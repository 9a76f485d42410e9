//! ```text
//!   XA-POL --missing offender------------> XB-POL, XC-POL
//!          <-hit, sighting: she is here--- XB-POL            30 minutes run
//!          --instruction: hold-----------> XB-POL            in time
//!          <-outcome: arrested------------ XB-POL
//!          --closure---------------------> XB-POL, XC-POL
//!          <-actioned: removed------------ XB-POL, XC-POL
//! ```

use serde_json::json;

use crate::scene::{Scene, golden};

const ALERT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/missing-offender.json"
);

/// Verifies that a missing offender who is met at a border is instructed about in time, arrested, stood down at everybody who
/// held the alert and removed there, that nothing is owed then, and that the originator's track tells it.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_offender_is_found_at_a_border_arrested_and_closed_everywhere() {
    let scene = Scene::of(&["XA-POL", "XB-POL", "XC-POL"]).await;
    let alert = scene.delivered("XA-POL", &format!("send {ALERT}")).await;

    scene.done("XB-POL", &format!("show {alert}")).await;
    let line = format!("answer {alert} --hit --place 'Port of Bensalem' --country XB --present");
    let hit = scene.delivered("XB-POL", &line).await;
    // She stands at the desk of the border police: this is what the head of unit at XA sees then.
    let told = scene.done("XA-POL", &format!("track {alert}")).await;
    golden("found_at_a_border_and_waiting_for_a_word", &told);
    let owed = scene.track("XA-POL", &alert).await["running"][0].clone();
    assert_eq!(
        (&owed["clock"], &owed["owedBy"]),
        (&json!("instruction"), &json!("XA-POL"))
    );
    scene
        .delivered("XA-POL", &format!("instruct {hit} --hold"))
        .await;
    for id in ["XA-POL", "XB-POL"] {
        let running = scene.track(id, &alert).await["running"].to_string();
        assert!(
            !running.contains("instruction"),
            "in time, as {id} sees it: {running}"
        );
    }
    let outcome = json!({
        "to": ["XA-POL"],
        "priority": "PRIORITY_URGENT",
        "status": "STATUS_EXERCISE",
        "handling": ["HANDLING_H1", "HANDLING_H2"],
        "inReplyTo": alert,
        "payload": { "outcome": {
            "code": "OUTCOME_CODE_ARRESTED",
            "happenedOn": "2026-11-28",
            "country": "XB",
            "place": "Port of Bensalem",
        }},
    });
    let outcome = scene.file("outcome.json", &outcome);
    scene.delivered("XB-POL", &format!("send {outcome}")).await;

    let closure = scene
        .delivered("XA-POL", &format!("close {alert} --why arrested"))
        .await;
    as_caps_messages(&scene, &alert, &hit, &closure).await;
    for holder in ["XB-POL", "XC-POL"] {
        let line = format!("answer {alert} --actioned --removed");
        scene.delivered(holder, &line).await;
    }

    for id in ["XA-POL", "XB-POL", "XC-POL"] {
        let track = scene.track(id, &alert).await;
        assert_eq!(
            track["summary"]["life"], "ALERT_LIFE_CLOSED",
            "{id}: {track}"
        );
        let nothing = |of: &serde_json::Value| of["overdue"].as_array().is_none_or(Vec::is_empty);
        let running = track["running"].as_array();
        assert!(running.is_none_or(Vec::is_empty), "{id}: {track}");
        assert!(nothing(&track["summary"]), "{id}: {track}");
        let deliveries = track["deliveries"].as_array().into_iter().flatten();
        assert!(deliveries.into_iter().all(nothing), "{id}: {track}");
    }
    let told = scene.done("XA-POL", &format!("track {alert}")).await;
    golden("found_at_a_border_and_closed", &told);
}

/// For a dispatch system at XB: the alert and its end are messages of CAP, without a person; a hit is none.
async fn as_caps_messages(scene: &Scene, alert: &str, hit: &str, closure: &str) {
    let said = scene.done("XB-POL", &format!("cap {alert}")).await;
    for part in [
        "<status>Exercise</status>",
        "<msgType>Alert</msgType>",
        "<urgency>Past</urgency>",
        alert,
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("ERIKSSON"), "{said}");
    let said = scene.done("XB-POL", &format!("cap {closure}")).await;
    for part in ["<msgType>Cancel</msgType>", "<references>XA-POL,XA-POL/"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let refused = scene.refused("XB-POL", &format!("cap {hit}")).await;
    assert!(refused.contains("CAP has no message"), "{refused}");
}
