//! `store check` and `store rebuild` on the files of a stopped node, through the program itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::path::{Path, PathBuf};

use allpoints::{proto::desk::v1 as pb, trust::tls::Role};
use assert_cmd::Command;
use common::{Net, newest};

fn store(command: &str, config: &Path, code: i32) -> (String, String) {
    let assert = Command::new(env!("CARGO_BIN_EXE_allpoints"))
        .args(["store", command])
        .arg(config)
        .assert()
        .code(code);
    let output = assert.get_output();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Verifies that a running node's store is left alone, that a rebuilt view says what the old one said, and that
/// damage is named, ends with exit 6, and is never rebuilt over.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_checked_rebuilt_from_and_its_damage_named() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    net.stop("XB-POL").await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let request = pb::SubmitRequest {
        drafts: vec![net.draft(&["XB-POL"])],
        dry_run: false,
        ..<_>::default()
    };
    let sent = officer.submit(request).await.expect("accepted");
    let sent = sent.into_inner().submitted.remove(0);
    let (config, folder) = net.files("XA-POL");

    for command in ["check", "rebuild"] {
        let (_, err) = store(command, &config, 2);
        assert!(err.contains("in use"), "{command}: {err}");
    }
    net.stop("XA-POL").await;
    let (out, _) = store("check", &config, 0);
    assert!(out.contains("whole"), "{out}");
    let (out, _) = store("rebuild", &config, 0);
    assert!(out.contains("view.aside-1"), "{out}");
    assert!(folder.join("view.aside-1").exists() && folder.join("view").exists());

    net.start("XA-POL").await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let kept = newest(&mut officer, pb::Box::Out).await.expect("kept");
    assert_eq!(kept.statement, sent.statement);
    net.stop("XA-POL").await;

    let (file, at) = first_byte_of_a_group(&folder);
    flip(&file, at);
    let (out, err) = store("check", &config, 6);
    let name = file.file_name().expect("a name").to_string_lossy();
    assert!(
        out.contains(&*name) && err.contains("damaged"),
        "{out}{err}"
    );
    let (_, err) = store("rebuild", &config, 6);
    assert!(err.contains(&*name), "{err}");
    assert!(!folder.join("view.aside-2").exists(), "the view stays");
}

/// Verifies that a configuration whose node never ran, or that is none, is a matter of usage.
#[test]
fn what_is_no_store_ends_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    std::fs::write(&file, allpoints::node::CONFIG_REFERENCE).expect("written");
    let (_, err) = store("check", &file, 2);
    assert!(err.contains("no journal in"), "{err}");
    store("rebuild", &folder.path().join("none.toml"), 2);
}

/// The oldest segment, at a byte of its second quarter of what is not zeros: behind it stands more that is good.
fn first_byte_of_a_group(folder: &Path) -> (PathBuf, usize) {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(folder.join("journal"))
        .expect("a journal")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    segments.sort();
    let written = |file: &PathBuf| {
        let bytes = std::fs::read(file).expect("read");
        bytes.iter().rposition(|byte| *byte != 0)
    };
    let found = segments.into_iter().find_map(|file| {
        written(&file)
            .filter(|last| *last > 2048)
            .map(|last| (file, last / 4))
    });
    found.expect("a segment with groups")
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).expect("read");
    bytes[at] ^= 0x55;
    std::fs::write(file, bytes).expect("written");
}
