//! Real nodes for tests and `examples/kill.rs`: `allpoints serve` as child processes, each with keys,
//! certificates, store and ports of its own, on loopback, with synthetic data.
//!
//! The way in is [`Fleet::found`]. Children stop with the pipe to their standard input: none outlives its parent.

#![allow(dead_code, reason = "each user takes a part of it")]

#[path = "ports.rs"]
mod ports;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use allpoints::{
    domain::{id::AuthorityId, limits::SEGMENT_BYTES, time::Clock},
    failpoint::SEGMENT_VARIABLE,
    node::{
        config::{self, Config},
        system::SystemClock,
    },
    proto::desk::v1::desk_client::DeskClient,
    store::journal::JournalConfig,
    trust::{
        federation::{self, Change, Setup, Terms},
        keys::{KeyUse, SigningKey},
        pki::{self, AuthorityPlan, Contact, DeskProfile, Replace},
        tls::{self, Role, TlsIdentity},
    },
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tonic::transport::Channel;

/// What was wanted, or why it could not be had.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
/// A desk of one authority.
pub(crate) type Desk = DeskClient<Channel>;

const FEDERATION: &str = "fleet";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Some authorities and their nodes. Dropped, it ends the processes and removes the folder.
pub(crate) struct Fleet {
    folder: Option<TempDir>,
    program: PathBuf,
    clock: Arc<SystemClock>,
    members: Vec<Member>,
}

/// One authority.
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: AuthorityId,
    /// What its node is configured with.
    pub(crate) config: Config,
    /// How its officers come in.
    pub(crate) door: Door,
    home: PathBuf,
    segment_bytes: u64,
    through: Vec<String>,
    child: Option<Child>,
    said: Option<mpsc::Receiver<String>>,
}

/// Where a desk listens, and an officer's certificate for it.
#[derive(Clone)]
pub(crate) struct Door {
    address: SocketAddr,
    config: Arc<rustls::ClientConfig>,
}

impl Door {
    /// A new connection.
    pub(crate) async fn open(&self) -> Outcome<Desk> {
        let channel = tls::dial_desk(&self.address.to_string(), Arc::clone(&self.config)).await?;
        Ok(DeskClient::new(channel))
    }
}

impl Fleet {
    /// Makes a federation of these; starts nothing.
    pub(crate) fn found(program: &Path, ids: &[&str]) -> Outcome<Self> {
        let places: Vec<(&str, [SocketAddr; 3])> = ids
            .iter()
            .map(|id| (*id, [(); 3].map(|()| ports::free())))
            .collect();
        Self::found_at(program, &places)
    }

    /// The same at these addresses, each its exchange, desk and ops.
    pub(crate) fn found_at(program: &Path, places: &[(&str, [SocketAddr; 3])]) -> Outcome<Self> {
        let folder = tempfile::Builder::new()
            .prefix("allpoints-fleet-")
            .tempdir()?;
        let clock = Arc::new(SystemClock::new());
        let (ids, ports): (Vec<_>, Vec<_>) = places.iter().copied().unzip();
        let ids = ids
            .iter()
            .map(|id| id.parse())
            .collect::<Result<Vec<AuthorityId>, _>>()?;
        let anchor = establish(folder.path(), &ids, &ports, &clock)?;
        let members = ids
            .iter()
            .zip(&ports)
            .map(|(id, ports)| member(folder.path(), *id, ports, &anchor, &clock))
            .collect::<Outcome<_>>()?;
        Ok(Self {
            folder: Some(folder),
            program: program.to_owned(),
            clock,
            members,
        })
    }

    /// From now on journals are written in segments of this size. The program must be built with the feature `faults`.
    pub(crate) fn in_segments_of(mut self, bytes: u64) -> Self {
        for member in &mut self.members {
            member.segment_bytes = bytes;
        }
        self
    }

    /// The system's clock.
    pub(crate) fn clock(&self) -> &Arc<SystemClock> {
        &self.clock
    }

    /// The members, in the order in which they were named.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The fleet's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// Changes the configuration of a node that does not run.
    pub(crate) fn reconfigure(
        &mut self,
        at: usize,
        change: impl FnOnce(String) -> String,
    ) -> Outcome<()> {
        let member = self.members.get_mut(at).ok_or("no such member")?;
        let file = member.home.join("node.toml");
        fs::write(&file, change(fs::read_to_string(&file)?))?;
        member.config = config::check(&file)?;
        Ok(())
    }

    /// From now on a node is started by this command, to which its own is added: `ip netns exec NAME`.
    pub(crate) fn start_through(&mut self, at: usize, command: &[&str]) -> Outcome<()> {
        let member = self.members.get_mut(at).ok_or("no such member")?;
        member.through = command.iter().map(|&word| word.to_owned()).collect();
        Ok(())
    }

    /// Starts a node and waits until it serves.
    pub(crate) fn start(&mut self, at: usize) -> Outcome<()> {
        self.launch(at)?;
        self.ready(at)
    }

    /// Starts a node and waits for nothing.
    pub(crate) fn launch(&mut self, at: usize) -> Outcome<()> {
        self.launch_with(at, &[])
    }

    /// Starts a node that ends itself at this failpoint, when it comes there for this time; waits for nothing.
    pub(crate) fn launch_failing(&mut self, at: usize, point: &str, time: u64) -> Outcome<()> {
        let place = format!("{point}:{time}");
        self.launch_with(at, &[(allpoints::failpoint::VARIABLE, &place)])
    }

    fn launch_with(&mut self, at: usize, environment: &[(&str, &str)]) -> Outcome<()> {
        let member = self.members.get_mut(at).ok_or("no such member")?;
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(member.home.join("node.log"))?;
        let mut command = match member.through.split_first() {
            None => Command::new(&self.program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
        };
        let mut child = command
            .args(["serve", "--exit-with-parent", "--config"])
            .arg(member.home.join("node.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .envs(environment.iter().copied())
            .env(SEGMENT_VARIABLE, member.segment_bytes.to_string())
            .spawn()?;
        let (say, said) = mpsc::channel();
        let stdout = child.stdout.take();
        std::thread::spawn(move || {
            for line in stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines())
            {
                // Nobody may want to know any more.
                let _ = say.send(line.unwrap_or_default());
            }
        });
        member.child = Some(child);
        member.said = Some(said);
        Ok(())
    }

    /// Waits until a launched node serves.
    pub(crate) fn ready(&mut self, at: usize) -> Outcome<()> {
        let member = self.members.get_mut(at).ok_or("no such member")?;
        let said = member.said.as_ref().ok_or("it was not launched")?;
        match said.recv_timeout(READY_WITHIN) {
            Ok(line) if line.starts_with("ready ") => Ok(()),
            _ => Err(format!("{} did not serve: {}", member.id, member.last_words()).into()),
        }
    }

    /// SIGKILL, in whatever it is doing.
    pub(crate) fn kill(&mut self, at: usize) {
        if let Some(mut child) = self.members.get_mut(at).and_then(|it| it.child.take()) {
            // It may be gone already; either way it must be waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Whether a node has ended by itself.
    pub(crate) fn has_ended(&mut self, at: usize) -> Outcome<bool> {
        let member = self.members.get_mut(at).ok_or("no such member")?;
        let child = member.child.as_mut().ok_or("it does not run")?;
        Ok(child.try_wait()?.is_some())
    }

    /// SIGTERM; waits for nothing.
    pub(crate) fn ask_to_stop(&mut self, at: usize) -> Outcome<()> {
        let child = self.members.get(at).and_then(|it| it.child.as_ref());
        let id = child.ok_or("it does not run")?.id();
        let id = Pid::from_raw(i32::try_from(id)?).ok_or("no process id")?;
        Ok(kill_process(id, Signal::TERM)?)
    }

    /// Waits until a node has ended by itself.
    pub(crate) fn ended(&mut self, at: usize) -> Outcome<ExitStatus> {
        let member = self.members.get_mut(at).ok_or("no such member")?;
        Ok(member.child.take().ok_or("it does not run")?.wait()?)
    }

    /// SIGTERM, and the end in order.
    pub(crate) fn stop(&mut self, at: usize) -> Outcome<()> {
        self.ask_to_stop(at)?;
        let status = self.ended(at)?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("member {at} ended with {status}").into()),
        }
    }

    /// Leaves the folder behind, for looking into it.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.folder.take().map(TempDir::keep).unwrap_or_default()
    }
}

impl Member {
    /// The desk in another role than an officer's.
    pub(crate) fn door_for(&self, role: Role, clock: &SystemClock) -> Outcome<Door> {
        door(&self.home, self.id, self.door.address, role, clock)
    }

    /// How to open the journal of the stopped node.
    pub(crate) fn journal(&self, clock: &Arc<SystemClock>) -> JournalConfig {
        JournalConfig {
            folder: self.config.store.folder.clone(),
            key_file: self.config.store.key.clone(),
            segment_bytes: self.segment_bytes,
            clock: Arc::clone(clock) as Arc<dyn Clock>,
        }
    }

    /// Process id of the node.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// All that the node has told on standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.join("node.log")).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let last: Vec<&str> = log.lines().rev().take(4).collect();
        last.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        (0..self.members.len()).for_each(|at| self.kill(at));
    }
}

/// The federation with all admitted; gives its anchor.
fn establish(
    folder: &Path,
    ids: &[AuthorityId],
    ports: &[[SocketAddr; 3]],
    clock: &SystemClock,
) -> Outcome<String> {
    let home = folder.join("federation");
    let setup = Setup {
        name: FEDERATION.to_owned(),
        roots: 1,
        threshold: 1,
    };
    let anchor = federation::init(&home, &setup, clock)?;
    let mut changes = Vec::new();
    for (id, [exchange, ..]) in ids.iter().zip(ports) {
        let home = folder.join(id.as_str());
        fs::create_dir_all(&home)?;
        let plan = AuthorityPlan {
            id: *id,
            name: format!("Police of {}", id.country()),
            country: id.country().to_owned(),
            endpoints: vec![exchange.to_string()],
            contact: Contact {
                function: "Duty officer".to_owned(),
                telephone: "+999 1".to_owned(),
                email: "duty@example.invalid".to_owned(),
            },
            groups: vec![],
            federation: FEDERATION.to_owned(),
            desk_hosts: vec![],
        };
        pki::init(&home, &plan, clock)?;
        let application = federation::read_application(&home.join("application.json"))?;
        changes.push(Change::Admit(Box::new(application)));
    }
    let proposed = federation::propose(&home, &changes, Terms::default(), clock)?;
    let root = SigningKey::load(&home.join("root-1.key"), KeyUse::Root)?;
    federation::sign(&proposed.to_sign.ok_or("nothing to sign")?, &root)?;
    let published = federation::publish(&home, clock)?;
    for id in ids {
        let directory = folder.join(id.as_str()).join("directory");
        fs::create_dir_all(&directory)?;
        federation::install(&published.file, &directory, anchor, clock)?;
    }
    Ok(anchor.to_string())
}

fn member(
    folder: &Path,
    id: AuthorityId,
    [exchange, desk, ops]: &[SocketAddr; 3],
    anchor: &str,
    clock: &SystemClock,
) -> Outcome<Member> {
    let home = folder.join(id.as_str());
    let text = allpoints::node::CONFIG_REFERENCE
        .replace("XA-POL", id.as_str())
        .replace("0.0.0.0:7443", &exchange.to_string())
        .replace("127.0.0.1:7444", &desk.to_string())
        .replace("127.0.0.1:7445", &ops.to_string())
        .replace(&format!("sha256:{}", "0".repeat(64)), anchor)
        .replace("workers = 0", "workers = 1");
    let file = home.join("node.toml");
    fs::write(&file, text)?;
    Ok(Member {
        id,
        config: config::check(&file)?,
        door: door(&home, id, *desk, Role::Officer, clock)?,
        home,
        segment_bytes: SEGMENT_BYTES,
        through: Vec::new(),
        child: None,
        said: None,
    })
}

/// Issues a certificate for a person of this role.
fn door(
    home: &Path,
    authority: AuthorityId,
    address: SocketAddr,
    role: Role,
    clock: &SystemClock,
) -> Outcome<Door> {
    let profile = DeskProfile {
        authority,
        role,
        name: "driver-1".parse()?,
        unit: None,
    };
    let stem = home.join(format!("desk/{role}-driver-1"));
    let (certificate, key) = (stem.with_extension("pem"), stem.with_extension("key"));
    if !certificate.exists() {
        pki::issue_desk(home, &profile, Replace::Never, clock)?;
    }
    let identity = TlsIdentity::load(&certificate, &key, clock)?;
    let ca = fs::read(home.join("ca/desk-ca.pem"))?;
    Ok(Door {
        address,
        config: tls::desk_client(&identity, &ca, authority)?,
    })
}
