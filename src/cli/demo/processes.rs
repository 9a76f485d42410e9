//! The demo's folder and child processes, and the guard that leaves nothing of them behind.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::oneshot,
    time::timeout,
};

use super::{
    plan::{FEDERATION, PLAYERS, Player},
    ports::Ports,
    report::NodeSeen,
};
use crate::{
    cli::{
        exit::{CliError, Exit},
        output::escape,
    },
    client::Profile,
};

/// How long a node may take to say `ready`.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Tries to start a node again whose port another program has taken meanwhile, and the wait between them.
const RESTARTS: usize = 10;
const RESTART_WAIT: Duration = Duration::from_millis(300);
/// Tries to remove the folder: a command that was ended in mid-work may still be writing its last file.
const REMOVALS: usize = 40;
const REMOVAL_WAIT: Duration = Duration::from_millis(25);

/// How long a killed command is waited for.
const KILLED_WITHIN_MS: u32 = 5_000;

/// Why a node did not say `ready`.
#[derive(Debug)]
pub(super) enum NotReady {
    /// Another program took one of its ports: everything can be founded again with others.
    PortTaken(CliError),
    /// Anything else.
    Failed(CliError),
}

impl From<NotReady> for CliError {
    fn from(not: NotReady) -> Self {
        match not {
            NotReady::PortTaken(error) | NotReady::Failed(error) => error,
        }
    }
}

/// The three nodes and their folder. Dropping it ends the processes and removes the folder.
pub(super) struct Net {
    folder: PathBuf,
    life: Life,
    nodes: Vec<Node>,
}

/// What becomes of processes and folder when the demo ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// They end with it; the nodes' standard input closes with it, however it ends.
    Temporary,
    /// They are meant to stay, and end with it until it says `keep`.
    ToBeKept,
    /// They stay.
    Kept,
}

/// One authority's node.
pub(super) struct Node {
    pub(super) player: Player,
    pub(super) ports: Ports,
    child: Option<Child>,
    process_ids: Vec<u32>,
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
        let (folder, life) = match keep {
            Some(folder) => (named_folder(folder)?, Life::ToBeKept),
            None => {
                let made = tempfile::Builder::new().prefix("allpoints-demo-").tempdir();
                // From here on `Net` removes it.
                (made.map_err(failed)?.keep(), Life::Temporary)
            }
        };
        let mut net = Self {
            folder,
            life,
            nodes: Vec::new(),
        };
        for player in PLAYERS {
            net.nodes.push(Node {
                player,
                ports: Ports::hold().map_err(failed)?,
                child: None,
                process_ids: Vec::new(),
            });
        }
        Ok(net)
    }

    /// The demo's own folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
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
        Ok(Profile::read(
            &self.folder_of(who).join(format!("{role}.toml")),
        )?)
    }

    /// Runs one of the program's own commands to its end, and gives what it wrote.
    pub(super) async fn command(&self, arguments: &[&str]) -> Result<String, CliError> {
        let output = run(arguments).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let named: Vec<&str> = arguments.iter().take(2).copied().collect();
        Err(CliError::new(
            Exit::Failed,
            format!(
                "`allpoints {}` failed: {}",
                named.join(" "),
                escape(String::from_utf8_lossy(&output.stderr).trim())
            ),
        ))
    }

    /// Runs one of the program's own commands, and gives its exit code; none when a signal ended it.
    pub(super) async fn exit_of(&self, arguments: &[&str]) -> Result<Option<i32>, CliError> {
        Ok(run(arguments).await?.status.code())
    }

    /// Starts all nodes at once and waits until each says `ready`.
    pub(super) async fn start_all(&mut self) -> Result<(), NotReady> {
        // All at once: a partner that is dialled early must refuse, not hang in a socket that nobody serves.
        self.nodes.iter_mut().for_each(|node| node.ports.release());
        let mut starting = Vec::new();
        for player in PLAYERS {
            starting.push((player.id, self.spawn(player.id)?));
        }
        for (who, (_, stdout)) in starting {
            self.ready(who, stdout).await?;
        }
        Ok(())
    }

    /// Starts a node and waits until it says `ready`; gives its process id.
    async fn start(&mut self, who: &str) -> Result<u32, NotReady> {
        let (id, stdout) = self.spawn(who)?;
        self.ready(who, stdout).await?;
        Ok(id)
    }

    fn spawn(&mut self, who: &str) -> Result<(u32, Option<ChildStdout>), NotReady> {
        let folder = self.folder_of(who);
        let with_parent = self.life == Life::Temporary;
        let node = self.nodes.iter_mut().find(|node| node.player.id == who);
        node.ok_or_else(|| CliError::new(Exit::Failed, format!("no node of {who}")))
            .and_then(|node| node.spawn(&folder, with_parent))
            .map_err(NotReady::Failed)
    }

    async fn ready(&self, who: &str, stdout: Option<ChildStdout>) -> Result<(), NotReady> {
        let ready = timeout(READY_WITHIN, first_line(stdout)).await;
        if matches!(&ready, Ok(Ok(line)) if line.starts_with("ready ")) {
            return Ok(());
        }
        let said = last_words(&self.folder_of(who));
        let error = CliError::new(
            Exit::Failed,
            format!("the node of {who} did not say `ready`: {said}"),
        );
        Err(if said.contains("cannot listen on") {
            NotReady::PortTaken(error)
        } else {
            NotReady::Failed(error)
        })
    }

    /// Starts a node again where it was; patient when another program sits on its port.
    pub(super) async fn start_again(&mut self, who: &str) -> Result<u32, CliError> {
        for _ in 0..RESTARTS {
            match self.start(who).await {
                Err(NotReady::PortTaken(_)) => tokio::time::sleep(RESTART_WAIT).await,
                started => return Ok(started?),
            }
        }
        Ok(self.start(who).await?)
    }

    /// How many of the nodes are running `serve` now, as the system's process table says.
    pub(super) fn serving(&self) -> usize {
        let serves = |id: &u32| {
            fs::read(format!("/proc/{id}/cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"serve"))
        };
        let last = self.nodes.iter().filter_map(|node| node.process_ids.last());
        last.filter(|id| serves(id)).count()
    }

    /// Kills a node with SIGKILL, in whatever it is doing.
    pub(super) fn kill(&mut self, who: &str) {
        for node in self.nodes.iter_mut().filter(|node| node.player.id == who) {
            node.kill();
        }
    }

    /// Leaves processes and folder as they are.
    pub(super) fn keep(&mut self) {
        self.life = Life::Kept;
    }

    /// Ends everything and says what is left of it.
    pub(super) fn end(mut self) -> String {
        self.clear();
        let ids = self.nodes.iter().flat_map(|node| &node.process_ids);
        let alive = ids.filter(|id| Path::new("/proc").join(id.to_string()).exists());
        let folder = if self.folder.exists() {
            "a folder"
        } else {
            "no folder"
        };
        format!("{} processes, {folder}", alive.count())
    }

    /// What the report says of each node.
    pub(super) fn seen(&self) -> Vec<NodeSeen> {
        let seen = self.nodes.iter().map(|node| NodeSeen {
            authority: node.player.id.to_owned(),
            process_ids: node.process_ids.clone(),
            exchange_port: node.ports.exchange,
            desk_port: node.ports.desk,
            ops_port: node.ports.ops,
            handshakes: Vec::new(),
        });
        seen.collect()
    }

    /// Commands to talk to the kept nodes; the last two stop them and clear up.
    pub(super) fn how_to_talk(&self, alert: &str, anchor: &str) -> Vec<String> {
        let program = std::env::current_exe()
            .map_or_else(|_| "allpoints".to_owned(), |it| it.display().to_string());
        let folder = self.folder.display();
        let desk = |who: Player, role: &str, command: &str| {
            let profile = self.folder_of(who.id).join(format!("{role}.toml"));
            format!("{program} --profile-file {} {command}", profile.display())
        };
        let [arcadia, bensalem, cockaigne] = PLAYERS;
        let ids = self.nodes.iter().filter_map(|node| node.process_ids.last());
        let ids = ids.map(u32::to_string).collect::<Vec<_>>().join(" ");
        vec![
            desk(arcadia, "officer", &format!("track {alert}")),
            desk(bensalem, "officer", "inbox"),
            desk(cockaigne, "officer", "inbox"),
            desk(arcadia, "ops", "links --check"),
            desk(arcadia, "auditor", "audit list"),
            format!("{program} audit verify {folder}/evidence --federation {anchor}"),
            format!("kill {ids}"),
            format!("rm -r {folder}"),
        ]
    }

    fn clear(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(&self.folder) {
                Ok(()) => return,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
                Err(_) => thread::sleep(REMOVAL_WAIT),
            }
        }
    }
}

impl Node {
    /// Starts `serve`. From then on the guard ends it, whatever happens.
    fn spawn(
        &mut self,
        folder: &Path,
        with_parent: bool,
    ) -> Result<(u32, Option<ChildStdout>), CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Exit::Failed, format!("cannot start a node: {error}"))
        };
        let log = fs::File::create(folder.join("node.log")).map_err(failed)?;
        let mut serve = Command::new(program()?);
        serve.arg("serve").arg("--config");
        serve.arg(folder.join("node.toml"));
        if with_parent {
            serve.arg("--exit-with-parent").stdin(Stdio::piped());
        } else {
            // In a group of its own: an interrupt typed at this terminal later is not meant for it.
            serve.stdin(Stdio::null()).process_group(0);
        }
        serve.stdout(Stdio::piped()).stderr(log);
        self.kill();
        let mut child = serve.spawn().map_err(failed)?;
        let (id, stdout) = (child.id(), child.stdout.take());
        self.child = Some(child);
        self.process_ids.push(id);
        Ok((id, stdout))
    }

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
        if self.life != Life::Kept {
            self.clear();
        }
    }
}

/// `127.0.0.1:PORT`
pub(super) fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn named_folder(folder: &Path) -> Result<PathBuf, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Usage, format!("--keep {}: {error}", folder.display()))
            .hint("name a folder that does not exist yet, in one that does")
    };
    fs::create_dir(folder).map_err(failed)?;
    fs::canonicalize(folder).map_err(failed)
}

/// The program itself: what runs now, for its own commands and nodes.
fn program() -> Result<PathBuf, CliError> {
    std::env::current_exe()
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot find the program: {error}")))
}

async fn run(arguments: &[&str]) -> Result<std::process::Output, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("cannot run the program: {error}"))
    };
    let spawned = tokio::process::Command::new(program()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut running = Running(spawned.map_err(failed)?);
    let (stdout, stderr) = (running.0.stdout.take(), running.0.stderr.take());
    let (stdout, stderr, status) = tokio::join!(all_of(stdout), all_of(stderr), running.0.wait());
    Ok(std::process::Output {
        status: status.map_err(failed)?,
        stdout: stdout.map_err(failed)?,
        stderr: stderr.map_err(failed)?,
    })
}

async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A command under way. Dropped by an interruption, it is killed and waited for: no process is left behind.
struct Running(tokio::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.start_kill().is_err() {
            return;
        }
        for _ in 0..KILLED_WITHIN_MS {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The first line that comes; an error when none does. Goes on reading, so that the node never waits for a full
/// pipe.
fn first_line(stdout: Option<ChildStdout>) -> oneshot::Receiver<String> {
    let (say, heard) = oneshot::channel();
    thread::spawn(move || {
        let mut line = String::new();
        if let Some(stdout) = stdout {
            let mut stdout = BufReader::new(stdout);
            let _ = stdout.read_line(&mut line);
            // Nobody may wait for it any more.
            let _ = say.send(line);
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        }
    });
    heard
}

fn last_words(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("node.log")).unwrap_or_default();
    // Why it ended is its last line; what it logged before is of no help to who sees the demo fail.
    let error = log.lines().rfind(|line| line.starts_with("error: "));
    escape(error.or(log.lines().last()).unwrap_or("it said nothing"))
}
