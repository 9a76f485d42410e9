//! The demo, whole, from outside: real processes, real sockets.
//!
//! ```text
//!                   +-- serve XA-POL --+
//!   this -- demo ---+-- serve XB-POL --+   all of them gone, with their folder, however it ends
//!                   +-- serve XC-POL --+
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "how long other processes take is measured by the machine's clock"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Runs the demo to its end, with a folder of our own for what it makes; gives its JSON too.
fn demo(arguments: &[&str]) -> (Output, Value) {
    let place = tempfile::tempdir().unwrap();
    let output = command(&place, arguments).arg("--json").output().unwrap();
    assert_nothing_left(&place);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        panic!("no JSON ({error}): {said}")
    });
    (output, report)
}

fn command(place: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allpoints"));
    command.arg("demo").args(arguments);
    command.env("TMPDIR", place.path()).stdin(Stdio::null());
    command
}

fn failed(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["ok"] != true);
    failed
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Every process whose command line names something below the folder.
fn processes_in(place: &Path) -> Vec<String> {
    let named = place.display().to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&named))
        .collect()
}

fn assert_nothing_left(place: &TempDir) {
    let files: Vec<PathBuf> = fs::read_dir(place)
        .unwrap()
        .flatten()
        .map(|it| it.path())
        .collect();
    assert!(files.is_empty(), "left behind: {files:?}");
    let processes = processes_in(place.path());
    assert!(processes.is_empty(), "left behind: {processes:?}");
}

#[test]
fn every_check_of_the_whole_demo_holds() {
    let (output, report) = demo(&[]);
    assert_eq!(failed(&report), Vec::<String>::new());
    assert_eq!(output.status.code(), Some(0));
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 20, "{} checks", checks.len());
    for check in checks {
        assert_eq!(check["expected"], check["observed"]);
        assert!(check["name"].as_str().is_some_and(|name| !name.is_empty()));
    }
    for promise in ["told", "kept", "proved"] {
        assert!(
            checks.iter().any(|check| check["promise"] == promise),
            "{promise}"
        );
    }
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    assert!(report["counts"]["receipts_held"].as_u64().unwrap() > 80);
    let nodes = report["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    for node in nodes {
        // The one that was killed had two.
        let processes = if node["authority"] == "XC-POL" { 2 } else { 1 };
        assert_eq!(node["process_ids"].as_array().unwrap().len(), processes);
        assert!(node["exchange_port"].as_u64().unwrap() > 0);
        let handshakes = node["handshakes"].as_array().unwrap();
        assert_eq!(handshakes.len(), 4);
        for handshake in handshakes {
            let partner = handshake["partner"].as_str().unwrap();
            assert_ne!(handshake["partner"], node["authority"]);
            let named = format!("allpoints://{partner}/node/1");
            assert_eq!(handshake["certificate_name"], named);
            assert_eq!(handshake["key_exchange"], "X25519MLKEM768");
        }
    }
}

/// Verifies that each check can fail: what is done wrong, and which checks must name it.
#[test]
fn each_sabotage_ends_with_1_and_names_its_own_check() {
    let cases = [
        ("receipt", "in the evidence, every receipt is genuine"),
        (
            "signature",
            "in the evidence, every signed statement is genuine",
        ),
        ("journal", "the killed node starts again, its journal whole"),
        ("recipient", "both countries sign for the alert"),
        ("recall", "a recall takes the alert back abroad"),
    ];
    let runs = cases.map(|(fault, check)| {
        thread::spawn(move || {
            let (output, report) = demo(&["--sabotage", fault]);
            (fault, check, output, report)
        })
    });
    for run in runs {
        let (fault, check, output, report) = run.join().unwrap();
        assert_eq!(output.status.code(), Some(1), "{fault}");
        let failed = failed(&report);
        assert!(failed.iter().any(|it| it == check), "{fault}: {failed:?}");
        for (other, elsewhere) in cases {
            let own = other == fault || !failed.iter().any(|it| it == elsewhere);
            assert!(own, "{fault} names what {other} should: {failed:?}");
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(check), "{fault}: {said}");
    }
}

/// Reads its lines until one says this.
fn wait_for(lines: &mut impl Iterator<Item = std::io::Result<String>>, word: &str) {
    for line in lines {
        if line.unwrap().contains(word) {
            return;
        }
    }
    panic!("the demo ended and never said `{word}`");
}

fn end_of(child: &mut Child, within: Duration) -> std::process::ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < within, "it does not end");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interruption_at_any_moment_leaves_nothing() {
    let moments = [
        // While the federation is founded: commands are under way.
        ("What happens", Signal::INT),
        ("links proved", Signal::TERM),
        ("HIT", Signal::INT),
        ("KILLED", Signal::TERM),
        ("exactly once", Signal::INT),
        ("exports the thread", Signal::HUP),
    ];
    let runs = moments.map(|(word, signal)| {
        thread::spawn(move || {
            let place = tempfile::tempdir().unwrap();
            let mut child = command(&place, &[])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            wait_for(&mut lines, word);
            kill_process(Pid::from_child(&child), signal).unwrap();
            let status = end_of(&mut child, Duration::from_secs(20));
            assert_eq!(status.code(), Some(1), "{word}: {status}");
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            assert!(said.contains("interrupted"), "{word}: {said}");
            assert_nothing_left(&place);
        })
    });
    for run in runs {
        run.join().unwrap();
    }
}

/// Nodes that outlive the demo's own sudden end would be orphans: they end when their standard input closes.
#[test]
fn nodes_end_by_themselves_when_the_demo_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let mut child = command(&place, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    wait_for(&mut lines, "links proved");
    let serving = processes_in(place.path());
    let serving = serving.iter().filter(|line| line.contains(" serve "));
    assert_eq!(serving.count(), 3, "three countries, three processes");
    child.kill().unwrap();
    child.wait().unwrap();
    let began = Instant::now();
    while !processes_in(place.path()).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "orphans");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn kept_nodes_answer_the_commands_that_it_prints_and_stop_by_the_last() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("kept");
    let output = command(&place, &["--keep"])
        .arg(&folder)
        .arg("--json")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let commands = report["commands"].as_array().unwrap();
    let commands: Vec<&str> = commands.iter().map(|it| it.as_str().unwrap()).collect();
    let (clear, rest) = commands.split_last().unwrap();
    let (stop, talk) = rest.split_last().unwrap();
    let shell = |line: &str| Command::new("sh").args(["-c", line]).output().unwrap();
    let answers: Vec<Output> = talk.iter().map(|line| shell(line)).collect();
    // Whatever they answered, they are stopped first.
    assert!(shell(stop).status.success(), "{stop}");
    let began = Instant::now();
    while !processes_in(&folder).is_empty() && began.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(processes_in(&folder), Vec::<String>::new());
    assert!(shell(clear).status.success() && !folder.exists());
    assert_eq!(output.status.code(), Some(0), "{:?}", failed(&report));
    for (line, answer) in talk.iter().zip(&answers) {
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(answer.status.success(), "{line}: {said}");
    }
}

#[test]
fn a_folder_that_exists_is_not_taken_and_not_touched() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("mine"), "mine").unwrap();
    let output = command(&place, &["--keep"])
        .arg(place.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        fs::read_to_string(place.path().join("mine")).unwrap(),
        "mine"
    );
}
