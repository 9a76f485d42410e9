//! A text that is not what it looks like crosses a border.
//!
//! ```text
//!   XA-POL --name of two scripts, text that turns and clears the screen--> XB-POL
//!                                                          shown escaped and named, kept as it was signed
//! ```

use serde_json::{Value, json};

use crate::scene::Scene;

const ALERT: &str = include_str!("../../examples/missing-offender.json");

/// A Cyrillic letter among Latin ones.
const IMITATING: &str = "ERIKSS\u{41e}N";
const TURNING: &str = "scar \u{202e}tfel\u{200b} \u{1b}[2J";

/// Characters that no command may print.
fn hides(said: &str) -> bool {
    said.chars()
        .any(|it| matches!(it, '\u{202e}' | '\u{200b}' | '\u{1b}'))
}

/// Verifies that what hides or imitates is refused or changed nowhere, is told to its writer and to its reader with its place,
/// is printed escaped by every command, and is at the reader what was signed.
#[tokio::test(flavor = "multi_thread")]
async fn row_32_what_hides_or_imitates_is_shown_escaped_and_named_and_kept_as_it_was_signed() {
    let scene = Scene::of(&["XA-POL", "XB-POL"]).await;
    let mut draft: Value = serde_json::from_str(ALERT).expect("JSON");
    draft["to"] = json!(["XB-POL"]);
    let subject = &mut draft["payload"]["subject"];
    subject["names"][0]["surname"] = json!(IMITATING);
    subject["marks"] = json!([TURNING]);
    let file = scene.file("deceiving.json", &draft);

    let rehearsed = scene
        .done("XA-POL", &format!("send {file} --dry-run"))
        .await;
    assert!(rehearsed.contains("mixes scripts"), "{rehearsed}");
    assert!(rehearsed.contains("hide or turn"), "{rehearsed}");
    let alert = scene.delivered("XA-POL", &format!("send {file}")).await;

    let shown = scene.done("XB-POL", &format!("show {alert}")).await;
    for part in [
        "beware    subject.names[0].surname: has a word that mixes scripts",
        "beware    subject.marks[0]: has characters that hide or turn text",
        r"scar \u202etfel\u200b \u001b[2J",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = scene.done("XB-POL", &format!("show {alert} --json")).await;
    let read: Value = serde_json::from_str(&json).expect("JSON");
    let subject = &read["statements"][0]["payload"]["subject"];
    assert_eq!(subject["marks"][0], TURNING, "kept as it was signed");
    assert_eq!(subject["names"][0]["surname"], IMITATING);

    let mut said = vec![rehearsed, shown, json];
    for line in ["inbox", "inbox --csv", &format!("track {alert}")] {
        said.push(scene.done("XB-POL", line).await);
    }
    for said in said {
        assert!(!hides(&said), "{}", said.escape_debug());
    }
}
