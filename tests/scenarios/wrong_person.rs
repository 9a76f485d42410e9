//! ```text
//!   XA-POL --missing offender------------> XB-POL, XC-POL
//!          <-hit, sighting---------------- XB-POL
//!          <-misidentified---------------- XB-POL            another person was taken for her
//!          --instruction: let pass-------> XB-POL            who goes free
//!          --correction: was, is---------> XB-POL, XC-POL    the fact that misled is repaired at all who hold it
//!                                          XC-POL reads it
//! ```

use serde_json::json;

use crate::scene::{Scene, golden};

const ALERT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/missing-offender.json"
);

/// Verifies that after a wrong person was stopped, and let pass by the originator's word, the fact that misled is corrected at every holder, that one who never met
/// the wrong person reads what was wrong and what is right, that the alert lives on, and that the originator's track tells
/// of both the hit and its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_person_is_stopped_and_what_misled_is_corrected_everywhere() {
    let scene = Scene::of(&["XA-POL", "XB-POL", "XC-POL"]).await;
    let alert = scene.delivered("XA-POL", &format!("send {ALERT}")).await;

    scene.done("XB-POL", &format!("show {alert}")).await;
    let line = format!("answer {alert} --hit --place 'Port of Bensalem' --country XB --left");
    scene.delivered("XB-POL", &line).await;
    let line = format!("answer {alert} --misidentified --text 'Fingerprints are not hers'");
    let wrong = scene.delivered("XB-POL", &line).await;

    scene
        .delivered("XA-POL", &format!("instruct {wrong} --let-pass"))
        .await;

    let change = json!({ "correction": {
        "changes": [{ "path": "subject.birthDate", "was": "1974-08-12", "is": "1974-12-08" }],
        "reason": { "text": "Day and month were taken for each other.", "language": "en" },
    }});
    let change = scene.file("correction.json", &change);
    scene
        .delivered("XA-POL", &format!("correct {alert} {change}"))
        .await;

    for holder in ["XB-POL", "XC-POL"] {
        let shown = scene.done(holder, &format!("show {alert}")).await;
        for part in [
            "subject.birthDate",
            "1974-08-12",
            "1974-12-08",
            "Day and month",
        ] {
            assert!(shown.contains(part), "{holder}, {part}: {shown}");
        }
        let track = scene.track(holder, &alert).await;
        assert_eq!(track["summary"]["life"], "ALERT_LIFE_LIVE", "{holder}");
    }
    scene
        .done("XA-POL", &format!("track {alert} --wait opened"))
        .await;
    let told = scene.done("XA-POL", &format!("track {alert}")).await;
    golden("a_wrong_person_and_what_misled_corrected", &told);
}
