//! Two authorities made with the program's own commands, their nodes running as processes: what clients that
//! we did not write are pointed at. Synthetic data, loopback only.
//!
//! The way in is [`Pair::running`]. Dropping it ends the nodes and removes every file.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "ports.rs"]
mod ports;

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

/// `XA-POL` in the folder `xa` and `XB-POL` in `xb`, each with the profiles `officer.toml` and `auditor.toml`.
pub struct Pair {
    folder: TempDir,
    nodes: Vec<Child>,
    addresses: Vec<Addresses>,
}

/// Where one node listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub exchange: String,
    pub desk: String,
    pub ops: String,
}

const AUTHORITIES: [(&str, &str); 2] = [("xa", "XA-POL"), ("xb", "XB-POL")];

impl Pair {
    /// Founds a federation of two, starts both nodes, and waits until each link is proved.
    pub fn running() -> Self {
        let mut pair = Self {
            folder: tempfile::tempdir().expect("a folder"),
            nodes: Vec::new(),
            addresses: free_addresses(),
        };
        let said = pair.done("federation init fed --name by-hand");
        let anchor = said
            .lines()
            .next()
            .and_then(|it| it.strip_prefix("anchor "));
        let anchor = anchor.expect("an anchor");
        for ((dir, id), at) in AUTHORITIES.iter().zip(&pair.addresses) {
            pair.done(&format!(
                "pki init {dir} --authority {id} --name {dir} --federation by-hand --anchor {anchor} \
                 --exchange {} --desk {} --ops {}",
                at.exchange, at.desk, at.ops
            ));
            for role in ["officer", "auditor"] {
                pair.done(&format!(
                    "pki desk {dir} --role {role} --name duty-1 --profile-file {dir}/{role}.toml"
                ));
            }
        }
        pair.done("federation propose fed xa/application.json xb/application.json");
        pair.done("federation sign fed/proposal/membership.json --key fed/root-1.key --key fed/root-2.key");
        pair.done("federation publish fed");
        pair.done(
            "federation install fed/directory.bundle --config xa/node.toml --config xb/node.toml",
        );
        for (dir, _) in AUTHORITIES {
            let node = pair.serve(dir);
            pair.nodes.push(node);
        }
        for (dir, _) in AUTHORITIES {
            pair.until_linked(dir);
        }
        pair
    }

    /// A file of the pair's folder, such as `xa/officer.toml`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the node of `xa` or `xb` listens.
    pub fn addresses(&self, dir: &str) -> &Addresses {
        let at = AUTHORITIES.iter().position(|(own, _)| *own == dir);
        at.and_then(|at| self.addresses.get(at)).expect("a node")
    }

    /// Runs a command in the pair's folder.
    pub fn allpoints(&self, line: &str) -> Output {
        program(self.folder.path())
            .args(line.split_whitespace())
            .output()
            .expect("the program runs")
    }

    /// Runs a command that must succeed, and gives what it wrote.
    pub fn done(&self, line: &str) -> String {
        let output = self.allpoints(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "`allpoints {line}` failed: {error}"
        );
        String::from_utf8(output.stdout).expect("text")
    }

    fn serve(&self, dir: &str) -> Child {
        let log = File::create(self.file(&format!("{dir}/node.log"))).expect("a log");
        let mut node = program(self.folder.path())
            .args(["serve", "--exit-with-parent", "--config"])
            .arg(format!("{dir}/node.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a node starts");
        let mut ready = String::new();
        let stdout = node.stdout.as_mut().expect("piped");
        // It writes this one line, and closes its output when it cannot start.
        BufReader::new(stdout)
            .read_line(&mut ready)
            .expect("a line");
        assert!(ready.starts_with("ready "), "{dir} says: {ready}");
        node
    }

    fn until_linked(&self, dir: &str) {
        for _ in 0..60 {
            let links = self.allpoints(&format!("links --check --profile-file {dir}/officer.toml"));
            if links.status.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        panic!("the link of {dir} is not proved within 30 seconds");
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // It may be gone already; either way it must be waited for.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_allpoints"));
    program
        .current_dir(folder)
        .env_remove("ALLPOINTS_PROFILE")
        .env("XDG_CONFIG_HOME", folder);
    program
}

/// Six ports that are free now.
fn free_addresses() -> Vec<Addresses> {
    let next = || ports::free().to_string();
    (0..2)
        .map(|_| Addresses {
            exchange: next(),
            desk: next(),
            ops: next(),
        })
        .collect()
}
