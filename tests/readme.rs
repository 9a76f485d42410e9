//! The README does what it says: its shell blocks run as they stand, in a folder of their own, with the built
//! program first on the path, and its text blocks are what they print. Its links lead somewhere.
//!
//! Lines that begin with `cargo` are left out: no cargo inside cargo. Names and times that differ from run to
//! run are compared by their shape.
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

const README: &str = include_str!("../README.md");

/// A walk of a few seconds; a loop in it that waits in vain must not wait for ever.
const WALK_WITHIN: Duration = Duration::from_secs(90);

/// The ports that the README's two nodes listen on.
const PORTS: [u16; 6] = [7101, 7102, 7103, 7201, 7202, 7203];

/// Verifies that a newcomer who types what the README says sees what the README shows.
#[test]
fn the_readme_does_what_it_says() {
    let blocks = blocks(README);
    let script = script(&blocks);
    let folder = tempfile::tempdir().expect("a folder");
    copy(
        &repository().join("examples"),
        &folder.path().join("examples"),
    );
    PORTS.into_iter().for_each(until_free);
    let said = run(&script, folder.path());
    let mut compared = 0;
    for (number, pair) in blocks.windows(2).enumerate() {
        if let [(Fence::Shell, _), (Fence::Shown, shown)] = pair {
            assert_shown(shown, part(&said, number));
            compared += 1;
        }
    }
    assert!(compared >= 3, "the README shows what its commands print");
}

/// Verifies that every relative link of the pages a newcomer reads leads to a file.
#[test]
fn every_link_leads_to_a_file() {
    for page in [
        "README.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "THREATS.md",
        "REASONS.md",
        "examples/README.md",
    ] {
        let page = repository().join(page);
        let text = fs::read_to_string(&page).expect("a page");
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            let target = page.parent().expect("a folder").join(file);
            assert!(target.exists(), "{}: {link} is not there", page.display());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fence {
    /// To be run.
    Shell,
    /// What the block before it prints, or lines of it.
    Shown,
}

/// The page's `sh` and `text` blocks, in order; a drawing is a text block that follows no shell block.
fn blocks(page: &str) -> Vec<(Fence, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(Fence, String)> = None;
    for line in page.lines() {
        match (line, &mut open) {
            ("```sh", None) => open = Some((Fence::Shell, String::new())),
            ("```text", None) => open = Some((Fence::Shown, String::new())),
            ("```", Some(_)) => blocks.extend(open.take()),
            (_, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// All shell blocks as one session, each with a line before it that says which it is.
fn script(blocks: &[(Fence, String)]) -> String {
    let mut script = "set -eu\n".to_owned();
    for (number, (fence, text)) in blocks.iter().enumerate() {
        if *fence == Fence::Shell {
            script.push_str(&format!("echo '{}'\n", mark(number)));
            let lines = text.lines().filter(|line| !line.starts_with("cargo "));
            lines.for_each(|line| script.push_str(&format!("{line}\n")));
        }
    }
    script.push_str(&format!("echo '{}'\n", mark(blocks.len())));
    script
}

fn mark(number: usize) -> String {
    format!("@@ block {number} @@")
}

/// What one block printed.
fn part(said: &str, number: usize) -> &str {
    let (_, rest) = said.split_once(&mark(number)).expect("it was run");
    rest.split("@@ block").next().unwrap_or_default()
}

/// Runs it in a process group of its own, which ends here whatever happens; it must succeed.
fn run(script: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_allpoints"));
    let mut path = program.parent().expect("a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // Into files: a pipe would stay open as long as a server in the background lives.
    let file = |name: &str| fs::File::create(folder.join(name)).expect("a file");
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", folder)
        .env_remove("ALLPOINTS_PROFILE")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"))
        .process_group(0)
        .spawn()
        .expect("sh runs");
    let group = Group(Pid::from_child(&shell));
    let (ended, wait) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        // Dropping the other end is the end of the walk.
        let late = wait.recv_timeout(WALK_WITHIN) == Err(RecvTimeoutError::Timeout);
        drop(group);
        late
    });
    let status = shell.wait().expect("it ends");
    drop(ended);
    let late = watch.join().expect("it watched");
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("text");
    let (said, errors) = (text("stdout"), text("stderr"));
    assert!(
        status.success() && !late,
        "{status}, late: {late}\n{said}\n{errors}"
    );
    said
}

/// Ends a process group when dropped, servers in the background included.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // Usually they are gone already.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// Every shown line must be printed, in order, by shape; lines between may be left out, and words at a line's end.
fn assert_shown(shown: &str, printed: &str) {
    let mut printed_lines = printed.lines().map(shape);
    for line in shown
        .lines()
        .filter(|line| line.chars().any(char::is_alphanumeric))
    {
        let wanted = shape(line);
        assert!(
            printed_lines.any(|line| line.starts_with(&wanted)),
            "the README shows `{line}`, but this was printed:\n{printed}"
        );
    }
}

/// A line's words, with `#` for what differs from run to run: references, ids, times, fingerprints, counts.
fn shape(line: &str) -> String {
    let words = line
        .split_whitespace()
        .map(|word| match word.split_once('/') {
            Some((origin, _)) if origin.ends_with("-POL") => format!("{origin}/#"),
            _ if word.contains(|c: char| c.is_ascii_digit()) => "#".to_owned(),
            _ => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

/// The README's ports are fixed; somebody else's run of it may be about to end.
fn until_free(port: u16) {
    for _ in 0..100 {
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("port {port}, which the README uses, is not free: end what listens there");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
