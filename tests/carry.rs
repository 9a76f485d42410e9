//! A bundle for an authority without a node, with the commands that people type, against running nodes.
//!
//! ```text
//!  federation propose --off-network XE-POL --publish--> XA-POL
//!  officer --send--> XA-POL --carry--> xe.evidence --audit verify--> proved
//!          --carried-> XA-POL --track--> by_hand, acknowledged
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

#[path = "common/by_hand.rs"]
mod by_hand;

use std::{fs, os::unix::fs::PermissionsExt as _, thread, time::Duration};

use allpoints::{domain::time::Clock as _, node::system::SystemClock, proto::desk::v1 as pb};
use by_hand::Pair;

/// Verifies that a member without a node is proposed and published, that its alert
/// is written to a file that its owner alone may read, proved offline, and reported.
#[test]
fn the_commands_carry_a_file_that_proves_itself() {
    let pair = Pair::running();
    pair.done("federation propose fed --off-network XE-POL --name Erewhon --channel sealed_mail --contact Registry");
    pair.done(
        "federation sign fed/proposal/membership.json --key fed/root-1.key --key fed/root-2.key",
    );
    pair.done("federation publish fed");
    pair.done(
        "federation install fed/directory.bundle --config xa/node.toml --config xb/node.toml",
    );
    let shown = pair.done("federation show fed/directory.bundle");
    assert!(shown.contains("by hand    sealed_mail"), "{shown}");
    let alert = include_str!("../examples/missing-offender.json");
    fs::write(pair.file("alert.json"), alert).expect("written");
    let send = "send alert.json --to XE-POL --profile-file xa/officer.toml --json";
    let sent = (0..120)
        .find_map(|_| {
            let output = pair.allpoints(send);
            thread::sleep(Duration::from_millis(250));
            output.status.success().then_some(output.stdout)
        })
        .expect("the node takes the directory by itself");
    let sent: pb::SubmitResponse = serde_json::from_slice(&sent).expect("JSON");
    let (id, officer) = (
        &sent.submitted[0].reference,
        "--profile-file xa/officer.toml",
    );
    assert_eq!(sent.submitted[0].addressees[0].channel, "sealed_mail");

    let carry = format!("carry {id} --to XE-POL --out xe.evidence {officer}");
    let written = pair.done(&carry);
    assert!(written.contains("PERSONAL DATA in clear"), "{written}");
    let mode = fs::metadata(pair.file("xe.evidence")).expect("a file");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let again = pair.allpoints(&carry);
    assert_eq!(again.status.code(), Some(2), "nothing is overwritten");

    let anchor = pair.done("federation extract-root fed/directory.bundle --out root.json");
    let anchor = anchor.split_whitespace().nth(1).expect("an anchor");
    let proved = pair.done(&format!("audit verify xe.evidence --federation {anchor}"));
    assert!(
        proved.lines().any(|line| line.starts_with("proved")),
        "{proved}"
    );
    pair.done(&format!(
        "carried {id} --to XE-POL --by courier-4 --acknowledged-by registrar --at {} {officer}",
        SystemClock::new().now()
    ));
    let track = pair.done(&format!("track {id} --wait delivered {officer}"));
    for words in [
        "by_hand",
        "acknowledged, sealed_mail",
        "carried by courier-4",
        "registrar",
    ] {
        assert!(track.contains(words), "{track}");
    }
    let outbox = pair.done(&format!("outbox {officer}"));
    assert!(outbox.contains("0 of 1, 1 by_hand"), "{outbox}");
}
