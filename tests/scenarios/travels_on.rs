//! ```text
//!   XA-POL --missing offender, H1 H2------> XB-POL, XC-POL
//!          <-may it be passed on to XD?---- XB-POL
//!          --granted, until a day---------> XB-POL
//!                                           XB-POL --passes it on, as XA signed it--> XD-POL
//!          <-passed on to XD-POL----------- XB-POL
//!          <-XD-POL received it------------ XB-POL                                             by itself
//!          <-no trace----------------------------------------------------------------- XD-POL
//!          --recall-----------------------> XB-POL, XC-POL
//!                                           XB-POL ~~the recall, as XA signed it~~~~> XD-POL   by itself
//!          <-removed; passed on to XD------ XB-POL
//!          <-kept under a law, until a day-------------------------------------------- XD-POL
//! ```

use serde_json::{Value, json};

use crate::scene::{Scene, golden};

const ALERT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/missing-offender.json"
);

/// What became of each copy, by holder.
fn copies(tree: &Value) -> Vec<(String, String)> {
    let holders = tree["holders"].as_array().cloned().unwrap_or_default();
    let word = |it: &Value| it["retained"]["code"].as_str().unwrap_or("-").to_owned();
    let name = |it: &Value| it["authority"].as_str().unwrap_or_default().to_owned();
    holders.iter().map(|it| (name(it), word(it))).collect()
}

/// Verifies that a thread is passed on to a fourth country with its originator's permission and not without; that the
/// originator sees who has it from whom; that its recall travels on to the fourth country by itself; that what became of
/// each copy stands in the originator's tree; and that each can prove its part offline.
#[tokio::test(flavor = "multi_thread")]
async fn a_recall_travels_on_to_a_fourth_country() {
    let scene = Scene::of(&["XA-POL", "XB-POL", "XC-POL", "XD-POL"]).await;
    let alert = scene.delivered("XA-POL", &format!("send {ALERT}")).await;

    let pass_on = format!("pass-on {alert} --to XD-POL --ground safeguards");
    let refused = scene.refused("XB-POL", &pass_on).await;
    assert!(
        refused.contains("NOT_PERMITTED") && refused.contains("XA-POL"),
        "{refused}"
    );
    let line = format!(
        "permission ask {alert} --pass-on-to XD-POL --legal-basis 'treaty of 2019, art. 4' --why 'her sister lives there'"
    );
    let request = scene.delivered("XB-POL", &line).await;
    let line = format!(
        "permission grant {request} --until 2027-12-31 --conditions 'for the police alone'"
    );
    scene.delivered("XA-POL", &line).await;
    let rehearsed = scene.done("XB-POL", &format!("{pass_on} --dry-run")).await;
    golden("passing_on_rehearsed", &rehearsed);
    scene.delivered("XB-POL", &pass_on).await;

    scene.until_held("XD-POL", &alert).await;
    scene.until_received("XA-POL", &alert, "XD-POL").await;
    scene.done("XD-POL", &format!("show {alert}")).await;
    let line = format!("answer {alert} --no-trace --checked 'hotels of the capital'");
    scene.delivered("XD-POL", &line).await;

    let line = format!("recall {alert} --why wrong-facts");
    let recall = scene.delivered("XA-POL", &line).await;
    scene
        .until_life("XD-POL", &alert, "ALERT_LIFE_RECALLED")
        .await;
    for holder in ["XB-POL", "XC-POL"] {
        let line = format!("answer {alert} --actioned --removed");
        scene.delivered(holder, &line).await;
    }
    let line = format!(
        "answer {alert} --actioned --kept-under 'Archives Act, s. 4' --kept-until 2027-12-31"
    );
    scene.delivered("XD-POL", &line).await;

    let tree = scene.done("XA-POL", &format!("tree {alert} --json")).await;
    let tree: Value = serde_json::from_str(&tree).expect("JSON");
    let expected = [
        ("XB-POL", "RETENTION_CODE_REMOVED"),
        ("XD-POL", "RETENTION_CODE_KEPT"),
        ("XC-POL", "RETENTION_CODE_REMOVED"),
    ];
    assert_eq!(
        copies(&tree),
        expected.map(|(who, what)| (who.to_owned(), what.to_owned()))
    );
    let recall = scene.track("XA-POL", &recall).await;
    assert_eq!(
        recall["summary"]["recipients"],
        json!(["XB-POL", "XC-POL"]),
        "the originator sent it to those to whom it gave the alert"
    );
    let passed_on = &tree["holders"][0]["retained"]["passedOnTo"];
    assert_eq!(passed_on, &json!(["XD-POL"]), "said with the answer");
    for holder in ["XA-POL", "XB-POL", "XC-POL", "XD-POL"] {
        let proof = scene.proved(holder, &alert).await;
        let gave = proof.contains("gave ") && proof.contains("to XD-POL");
        let knows = ["XB-POL", "XD-POL"].contains(&holder);
        assert_eq!(gave, knows, "{holder}: {proof}");
    }
    let told = scene.done("XA-POL", &format!("tree {alert}")).await;
    golden("a_recall_that_travelled_on_tree", &told);
    let told = scene.done("XA-POL", &format!("track {alert}")).await;
    golden("a_recall_that_travelled_on", &told);
}
