//! The demo's folder and child processes, and the guard that leaves nothing of them behind.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use super::{
    plan::{FEDERATION, PLAYERS, Player},
    report::NodeSeen,
};
use crate::cli::{
    exit::{CliError, Exit},
    output::escape,
    profile::Profile,
};

/// How long a node may take to say `ready`.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// The three nodes and their folder. Dropping it ends the processes and removes the folder.
pub(super) struct Net {
    folder: PathBuf,
    // Removes itself; none when the folder is to be kept.
    temporary: Option<tempfile::TempDir>,
    nodes: Vec<Node>,
    kept: bool,
}

/// One authority's node.
pub(super) struct Node {
    pub(super) player: Player,
    pub(super) ports: Ports,
    child: Option<Child>,
    process_ids: Vec<u32>,
}

/// Loopback ports of one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) exchange: u16,
    pub(super) desk: u16,
    pub(super) ops: u16,
}

impl Net {
    /// Makes the folder and picks free ports.
    pub(super) fn prepare(keep: Option<&Path>) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(
                Exit::Failed,
                format!("cannot make the demo's folder: {error}"),
            )
        };
        let (folder, temporary) = match keep {
            Some(folder) => {
                fs::create_dir(folder).map_err(failed)?;
                (fs::canonicalize(folder).map_err(failed)?, None)
            }
            None => {
                let made = tempfile::Builder::new().prefix("allpoints-demo-").tempdir();
                let made = made.map_err(failed)?;
                (made.path().to_owned(), Some(made))
            }
        };
        let mut net = Self {
            folder,
            temporary,
            nodes: Vec::new(),
            kept: false,
        };
        let ports = free_ports().map_err(failed)?;
        net.nodes = PLAYERS
            .iter()
            .zip(ports)
            .map(|(player, ports)| Node {
                player: *player,
                ports,
                child: None,
                process_ids: Vec::new(),
            })
            .collect();
        Ok(net)
    }

    /// An authority's own folder.
    pub(super) fn folder_of(&self, who: &str) -> PathBuf {
        self.folder.join(who.to_lowercase())
    }

    /// The federation's folder: the roots' keys, which no node ever has.
    pub(super) fn federation_folder(&self) -> PathBuf {
        self.folder.join(FEDERATION)
    }

    /// The nodes.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where an authority's exchange listens.
    pub(super) fn exchange_of(&self, who: &str) -> Result<String, CliError> {
        let node = self.nodes.iter().find(|node| node.player.id == who);
        node.map(|node| loopback(node.ports.exchange))
            .ok_or_else(|| CliError::new(Exit::Failed, format!("no node of {who}")))
    }

    /// The profile of an authority's officer or auditor.
    pub(super) fn profile_of(&self, who: &str, role: &str) -> Result<Profile, CliError> {
        Profile::read(&self.folder_of(who).join(format!("{role}.toml")))
    }

    /// Runs one of the program's own commands to its end, and gives what it wrote.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<String, CliError> {
        let output = program()?
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                CliError::new(Exit::Failed, format!("cannot run the program: {error}"))
            })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(CliError::new(
            Exit::Failed,
            format!(
                "`allpoints {}` failed: {}",
                arguments
                    .iter()
                    .take(2)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(" "),
                escape(String::from_utf8_lossy(&output.stderr).trim())
            ),
        ))
    }

    /// Starts a node and waits until it says `ready`.
    pub(super) fn start(&mut self, who: &str) -> Result<String, CliError> {
        let config = self.folder_of(who).join("node.toml");
        let log = fs::File::create(self.folder_of(who).join("node.log"))
            .map_err(|error| CliError::new(Exit::Failed, format!("cannot make a log: {error}")))?;
        let mut serve = program()?;
        serve.arg("serve").arg("--config").arg(&config);
        if self.temporary.is_some() {
            // Its standard input closes with us, however we end.
            serve.arg("--exit-with-parent").stdin(Stdio::piped());
        } else {
            serve.stdin(Stdio::null());
        }
        let mut child = serve
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| {
                CliError::new(Exit::Failed, format!("cannot start a node: {error}"))
            })?;
        let stdout = child.stdout.take();
        let id = child.id();
        let node = self
            .nodes
            .iter_mut()
            .find(|node| node.player.id == who)
            .ok_or_else(|| CliError::new(Exit::Failed, format!("no node of {who}")))?;
        // From here on the guard ends it, whatever happens.
        node.child = Some(child);
        node.process_ids.push(id);
        let (say, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                let mut stdout = BufReader::new(stdout);
                let _ = stdout.read_line(&mut line);
                let _ = say.send(line);
                // Goes on reading, so that the node never waits for a full pipe.
                let _ = std::io::copy(&mut stdout, &mut std::io::sink());
            }
        });
        match heard.recv_timeout(READY_WITHIN) {
            Ok(line) if line.starts_with("ready ") => Ok(line.trim().to_owned()),
            _ => Err(CliError::new(
                Exit::Failed,
                format!(
                    "the node of {who} did not say `ready`: {}",
                    self.last_words(who)
                ),
            )),
        }
    }

    /// Kills a node with SIGKILL, in whatever it is doing.
    pub(super) fn kill(&mut self, who: &str) {
        for node in self.nodes.iter_mut().filter(|node| node.player.id == who) {
            node.kill();
        }
    }

    /// Leaves processes and folder as they are.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Ends everything and says what is left of it.
    pub(super) fn end(mut self) -> String {
        self.kill_all();
        let folder = self.folder.clone();
        let ids: Vec<u32> = self
            .nodes
            .iter()
            .flat_map(|node| node.process_ids.clone())
            .collect();
        drop(self);
        let alive = ids
            .iter()
            .filter(|id| Path::new("/proc").join(id.to_string()).exists());
        let alive = alive.count();
        let folder = if folder.exists() {
            "a folder"
        } else {
            "no folder"
        };
        format!("{alive} processes, {folder}")
    }

    /// What the report says of each node.
    pub(super) fn seen(&self) -> Vec<NodeSeen> {
        let seen = self.nodes.iter().map(|node| NodeSeen {
            authority: node.player.id.to_owned(),
            process_ids: node.process_ids.clone(),
            addresses: [node.ports.exchange, node.ports.desk, node.ports.ops]
                .map(loopback)
                .to_vec(),
            handshakes: Vec::new(),
        });
        seen.collect()
    }

    /// Commands to talk to the kept nodes.
    pub(super) fn how_to_talk(&self) -> String {
        let mut lines = vec!["the nodes go on running; talk to them with".to_owned()];
        for node in &self.nodes {
            let profile = self.folder_of(node.player.id).join("officer.toml");
            lines.push(format!(
                "  allpoints --profile-file {} inbox",
                profile.display()
            ));
        }
        let ids = self.nodes.iter().flat_map(|node| &node.process_ids);
        let ids = ids.map(u32::to_string).collect::<Vec<_>>().join(" ");
        lines.push(format!("end them with\n  kill {ids}"));
        lines.join("\n")
    }

    fn last_words(&self, who: &str) -> String {
        let log = fs::read_to_string(self.folder_of(who).join("node.log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(3).collect();
        escape(&last.into_iter().rev().collect::<Vec<_>>().join(" | "))
    }

    fn kill_all(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }
}

impl Node {
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already; either way it must be waited for, or it stays as a zombie.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // A `Child` that is dropped goes on running.
        if self.kept {
            return;
        }
        self.kill_all();
        if self.temporary.is_none() {
            // Nothing useful is left to do when it cannot be removed.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// `127.0.0.1:PORT`
pub(super) fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn program() -> Result<Command, CliError> {
    std::env::current_exe()
        .map(Command::new)
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot find the program: {error}")))
}

/// Nine ports that are free now: all are bound before the first is released.
fn free_ports() -> std::io::Result<Vec<Ports>> {
    let listeners = (0..3 * PLAYERS.len())
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<std::io::Result<Vec<_>>>()?;
    let ports = listeners
        .iter()
        .map(|it| it.local_addr().map(|address| address.port()))
        .collect::<std::io::Result<Vec<_>>>()?;
    let three = ports.chunks_exact(3).filter_map(|three| match three {
        [exchange, desk, ops] => Some(Ports {
            exchange: *exchange,
            desk: *desk,
            ops: *ops,
        }),
        _ => None,
    });
    Ok(three.collect())
}
