//! A drill, as two desks run it by the commands of the README: announced to all, marked on every line, in no live count, and
//! reported at its end.
//!
//! ```text
//!   XA-POL --notice of a drill--------> XB-POL   sees it, marked
//!          --flash [EXERCISE]---------> XB-POL   opens and answers it
//!          --routine, which is real---> XB-POL   is in no report
//!          <-no trace [EXERCISE]-------
//!   exercise report: who answered when
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

#[path = "common/by_hand.rs"]
mod by_hand;

use by_hand::Pair;
use serde_json::Value;

const ALERT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/missing-offender.json"
);

/// The reference of the first statement in a command's answer.
fn reference(said: &str) -> String {
    let at = said.find("XA-").expect("a reference");
    said[at..]
        .split_whitespace()
        .next()
        .expect("a word")
        .to_owned()
}

fn json(said: &str) -> Value {
    serde_json::from_str(said).expect("JSON")
}

/// Verifies that a drill is marked wherever it shows, that it stands in no live count, and that its report says who did
/// what, of the drill alone.
#[test]
fn a_drill_is_marked_everywhere_counted_nowhere_and_reported_at_its_end() {
    let pair = Pair::running();
    let xa = |line: &str| pair.done(&format!("{line} --profile-file xa/officer.toml"));
    let xb = |line: &str| pair.done(&format!("{line} --profile-file xb/officer.toml"));
    let announced = xa("exercise announce --until 2099-01-01T00:00:00Z --text drill");
    let notice = reference(&announced);
    let flash = reference(&xa(&format!(
        "send {ALERT} --to XB-POL --priority flash --exercise"
    )));
    let text = std::fs::read_to_string(ALERT).expect("the example");
    let text = text.replace("STATUS_EXERCISE", "STATUS_ACTUAL");
    std::fs::write(pair.file("real.json"), text).expect("written");
    let real = reference(&xa("send real.json --to XB-POL --priority routine"));
    for sent in [&notice, &flash, &real] {
        xa(&format!("track {sent} --wait delivered"));
    }

    let inbox = xb("inbox");
    for line in inbox
        .lines()
        .filter(|line| line.contains(&notice) || line.contains(&flash))
    {
        assert!(line.contains("[EXERCISE]"), "{line}");
    }
    let status = json(&xb("status --json"));
    assert_eq!(status["inboxUnopened"], "1", "the real one alone");
    let open = xb("handover");
    assert!(
        open.contains("Nobody here has opened it (1, and 2 of exercises or tests)"),
        "{open}"
    );

    xb(&format!("answer {flash} --no-trace --checked register"));
    xa(&format!("track {flash} --wait answered"));
    let shown = xa(&format!("exercise report {notice}"));
    assert!(
        shown.contains("it still runs") && shown.contains(&flash),
        "{shown}"
    );
    assert!(
        shown.contains("no_trace") && !shown.contains("LATE"),
        "{shown}"
    );
    assert!(!shown.contains(&real), "{shown}");
    let report = json(&xa(&format!("exercise report {notice} --json")));
    let parts = &report["alerts"][0]["parts"];
    assert_eq!(parts[0]["authority"], "XB-POL");
    assert!(parts[0]["answered"]["atUs"].is_string(), "{parts}");
    let csv = xa(&format!("exercise report {notice} --csv"));
    assert_eq!(csv.lines().count(), 2, "{csv}");

    let refused = pair.allpoints(&format!(
        "exercise report {real} --profile-file xa/officer.toml"
    ));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("announces a drill"), "{said}");
    let refused = pair.allpoints("exercise report --profile-file xa/officer.toml");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("--from"), "{said}");
}
