//! A client that we did not write: Python's grpcio, with stubs generated from `proto/`, over mutual TLS.
//!
//! ```text
//!  desk_client.py --desk--> XA-POL ==alert==> XB-POL <--desk-- desk_client.py
//!                                  <=answer=
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

#[path = "common/by_hand.rs"]
mod by_hand;
#[path = "common/skip.rs"]
mod skip;

use std::{ffi::OsString, path::Path, process::Command};

use by_hand::Pair;

/// Verifies that a foreign client sends an alert that the other country's foreign client finds in its inbox and answers,
/// and that answers to what is not there, faulty drafts and another authority's certificate get it nothing.
#[test]
fn a_client_that_we_did_not_write_sends_and_reads() {
    let Some(python) = python() else {
        skip::skipped("foreign client: python3 with grpcio and grpcio-tools is not here");
        return;
    };
    let pair = Pair::running();
    let client = |profile: &str, more: &[&str]| run(&python, &pair.file(profile), more);

    let sent = client(
        "xa/officer.toml",
        &["missing-offender.json", "--to", "XB-POL"],
    );
    let sent: serde_json::Value = serde_json::from_str(&sent.expect("accepted")).expect("JSON");
    let reference = sent["reference"].as_str().expect("a reference");
    assert_eq!(sent["recipients"], serde_json::json!(["XB-POL"]));
    assert_eq!(sent["outbox"], serde_json::json!([reference]));
    assert_eq!(sent["inbox"], serde_json::json!([]));

    pair.done(&format!(
        "track {reference} --wait delivered --timeout 20 --profile-file xa/officer.toml"
    ));
    let read: serde_json::Value =
        serde_json::from_str(&client("xb/officer.toml", &[]).expect("read")).expect("JSON");
    assert_eq!(read["inbox"], serde_json::json!([reference]));
    assert_eq!(read["outbox"], serde_json::json!([]));

    let unit = ["--unit", "harbour unit"];
    let answered = client(
        "xb/officer.toml",
        &[&["--answer", reference], &unit[..]].concat(),
    );
    let answered: serde_json::Value =
        serde_json::from_str(&answered.expect("accepted")).expect("JSON");
    assert_eq!(answered["recipients"], serde_json::json!(["XA-POL"]));
    let answer = answered["reference"].as_str().expect("a reference");
    pair.done(&format!(
        "track {answer} --wait delivered --timeout 20 --profile-file xb/officer.toml"
    ));
    let read: serde_json::Value =
        serde_json::from_str(&client("xa/officer.toml", &[]).expect("read")).expect("JSON");
    assert_eq!(read["inbox"], serde_json::json!([answer]));
    let nothing = client(
        "xb/officer.toml",
        &[&["--answer", "XA-26-00000"], &unit[..]].concat(),
    );
    let nothing = nothing.expect_err("not made");
    assert!(nothing.contains("is not in the inbox"), "{nothing}");

    let faulty = client(
        "xa/officer.toml",
        &["bad/every-field.json", "--to", "XB-POL"],
    );
    let faulty = faulty.expect_err("not accepted");
    assert!(
        faulty.contains("INVALID_ARGUMENT") && faulty.contains("wrong field"),
        "{faulty}"
    );

    // XB's officer at XA's desk: the right address, another authority's certificate.
    let profile = std::fs::read_to_string(pair.file("xb/officer.toml")).expect("a profile");
    let (own, others) = (&pair.addresses("xb").desk, &pair.addresses("xa").desk);
    let stranger = profile.replace(own.as_str(), others);
    assert_ne!(profile, stranger);
    let ca = pair.file("xa/ca/desk-ca.pem");
    let trusting = stranger.replace(
        pair.file("xb/ca/desk-ca.pem").to_str().expect("text"),
        ca.to_str().expect("text"),
    );
    assert_ne!(stranger, trusting);
    std::fs::write(pair.file("stranger.toml"), trusting).expect("written");
    let refused = client("stranger.toml", &[]).expect_err("not let in");
    assert!(refused.contains("UNAVAILABLE"), "{refused}");
}

/// What it printed, or why it failed.
fn run(python: &OsString, profile: &Path, more: &[&str]) -> Result<String, String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let output = Command::new(python)
        .current_dir(&examples)
        .arg("python/desk_client.py")
        .arg(profile)
        .args(more)
        .output()
        .expect("python runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

fn python() -> Option<OsString> {
    let python = std::env::var_os("ALLPOINTS_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&python)
        .args(["-c", "import grpc, grpc_tools"])
        .output()
        .is_ok_and(|output| output.status.success());
    found.then_some(python)
}
