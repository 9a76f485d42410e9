//! A whole federation in this process: real certificates, real files, loopback only, synthetic data.

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

mod ports;
pub mod process;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use allpoints::{
    domain::{
        id::AuthorityId,
        routing::Status,
        time::{Clock, Timestamp},
    },
    node::{
        Addresses, Node,
        config::{self, Config},
        system::SystemClock,
    },
    proto::{alert::v1 as alert, desk::v1 as pb, desk::v1::desk_client::DeskClient},
    trust::{
        directory::Anchor,
        federation::{self, Change, Setup, Terms},
        keys::{KeyUse, SigningKey},
        pki::{self, AuthorityPlan, Contact, DeskProfile, Replace},
        tls::{self, Role, TlsIdentity},
    },
    wire::generate::{Recipe, drafts},
};
use tempfile::TempDir;
use tonic::transport::Channel;

/// A desk of one authority, in one role.
pub type Desk = DeskClient<Channel>;

/// Some authorities' nodes, all running, all knowing each other.
pub struct Net {
    folder: TempDir,
    clock: Arc<SystemClock>,
    nodes: Vec<(AuthorityId, Config, Option<Node>)>,
}

impl Net {
    /// Makes and starts one node for each id.
    pub async fn of(ids: &[&str]) -> Self {
        let mut net = Self::founded(ids);
        for (_, config, node) in &mut net.nodes {
            *node = Some(Node::start(config.clone()).await.expect("a node starts"));
        }
        net
    }

    /// The same, of nodes whose configuration has this behind it as well.
    pub async fn configured(ids: &[&str], more: &str) -> Self {
        let mut net = Self::founded(ids);
        for (id, config, node) in &mut net.nodes {
            let file = net.folder.path().join(id.as_str()).join("node.toml");
            let text = std::fs::read_to_string(&file).expect("read");
            std::fs::write(&file, format!("{text}\n{more}")).expect("written");
            *config = config::check(&file).expect("legal");
            *node = Some(Node::start(config.clone()).await.expect("a node starts"));
        }
        net
    }

    /// The same, beside an authority that has its keys and is no member yet.
    pub async fn before_joining(ids: &[&str], guest: &str) -> Self {
        let all = [ids, &[guest]].concat();
        let mut net = Self::founded_of(&all, ids.len());
        for (_, config, node) in net.nodes.iter_mut().take(ids.len()) {
            *node = Some(Node::start(config.clone()).await.expect("a node starts"));
        }
        net
    }

    /// It joins: all nodes get the directory that names it, and its own starts.
    pub async fn join(&mut self, guest: &str) {
        let folder = self.folder.path();
        let application = folder.join(guest).join("application.json");
        let application = federation::read_application(&application).expect("read");
        let change = Change::Admit(Box::new(application));
        let ids: Vec<AuthorityId> = self.nodes.iter().map(|(id, ..)| *id).collect();
        publish(folder, &[change], &ids, self.anchor(), &self.clock);
        self.start(guest).await;
    }

    /// Makes everything that nodes need, and starts none.
    pub fn founded(ids: &[&str]) -> Self {
        Self::founded_of(ids, ids.len())
    }

    /// Only the first of them are members.
    fn founded_of(ids: &[&str], members: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(SystemClock::new());
        let ids: Vec<AuthorityId> = ids.iter().map(|id| id.parse().expect("legal id")).collect();
        let anchor = found(folder.path(), &ids, members, &clock);
        let mut nodes = Vec::new();
        for (id, exchange) in ids.iter().zip(anchor.1) {
            let config = configured(folder.path(), *id, exchange, &anchor.0);
            nodes.push((*id, config, None));
        }
        Self {
            folder,
            clock,
            nodes,
        }
    }

    /// Fingerprint of the federation's first root.
    pub fn anchor(&self) -> Anchor {
        let config = self.nodes.first().map(|(_, config, _)| config);
        config.expect("a node").directory.anchor
    }

    /// Publishes every authority's newest application, and installs the directory at each.
    pub fn publish_applications(&self) {
        let ids: Vec<AuthorityId> = self.nodes.iter().map(|(id, ..)| *id).collect();
        let applications = ids.iter().map(|id| {
            let file = self.home(id.as_str()).join("application.json");
            Change::Admit(Box::new(federation::read_application(&file).expect("read")))
        });
        self.publish(&applications.collect::<Vec<_>>());
    }

    /// Publishes these changes, and installs the directory at each.
    pub fn publish(&self, changes: &[Change]) {
        let federation = self.folder.path().join("federation");
        let proposed = federation::propose(&federation, changes, Terms::default(), &*self.clock);
        if let Some(to_sign) = proposed.expect("proposed").to_sign {
            let root = SigningKey::load(&federation.join("root-1.key"), KeyUse::Root);
            federation::sign(&to_sign, &root.expect("a root")).expect("signed");
        }
        let published = federation::publish(&federation, &*self.clock).expect("published");
        for (id, config, _) in &self.nodes {
            let directory = self.home(id.as_str()).join("directory");
            let anchor = config.directory.anchor;
            federation::install(&published.file, &directory, anchor, &*self.clock)
                .expect("installed");
        }
    }

    /// The configuration of one node, and the folder of its store.
    pub fn files(&self, id: &str) -> (PathBuf, PathBuf) {
        let entry = self.nodes.iter().find(|(own, ..)| own.as_str() == id);
        let config = &entry.expect("a member").1;
        (
            self.folder.path().join(id).join("node.toml"),
            config.store.folder.clone(),
        )
    }

    /// What the nodes' clocks say.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A desk client of one authority with a certificate of this role.
    pub async fn desk(&self, id: &str, role: Role) -> Desk {
        let at = self.node(id).addresses().desk;
        self.desk_at(id, role, at).await
    }

    /// The same of a person of this name.
    pub async fn desk_of(&self, id: &str, role: Role, name: &str) -> Desk {
        let at = self.node(id).addresses().desk;
        self.desk_as(id, role, name, None, at).await
    }

    /// The same of a person of this unit.
    pub async fn desk_in(&self, id: &str, role: Role, name: &str, unit: &str) -> Desk {
        let at = self.node(id).addresses().desk;
        self.desk_as(id, role, name, Some(unit), at).await
    }

    /// Changes the configuration of a node that does not run.
    pub fn reconfigure(&mut self, id: &str, change: impl FnOnce(String) -> String) {
        let file = self.home(id).join("node.toml");
        let text = std::fs::read_to_string(&file).expect("read");
        std::fs::write(&file, change(text)).expect("written");
        self.entry(id).1 = config::check(&file).expect("legal");
    }

    /// Starts it; why not, if it does not.
    pub async fn try_start(&mut self, id: &str) -> Result<(), String> {
        let entry = self.entry(id);
        let started = Node::start(entry.1.clone()).await;
        entry.2 = Some(started.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Where an authority keeps its files; its configuration is `node.toml` there.
    pub fn home(&self, id: &str) -> PathBuf {
        self.folder.path().join(id)
    }

    /// Where a running node listens.
    pub fn addresses(&self, id: &str) -> Addresses {
        self.node(id).addresses()
    }

    /// A desk client of a node that runs elsewhere than here.
    pub async fn desk_at(&self, id: &str, role: Role, at: SocketAddr) -> Desk {
        self.desk_as(id, role, "duty-7", None, at).await
    }

    async fn desk_as(
        &self,
        id: &str,
        role: Role,
        name: &str,
        unit: Option<&str>,
        at: SocketAddr,
    ) -> Desk {
        let authority: AuthorityId = id.parse().expect("legal id");
        let folder = self.folder.path().join(id);
        let profile = DeskProfile {
            authority,
            role,
            name: name.parse().expect("legal name"),
            unit: unit.map(|unit| unit.parse().expect("legal unit")),
        };
        let stem = folder.join(format!("desk/{role}-{name}"));
        let (certificate, key) = (stem.with_extension("pem"), stem.with_extension("key"));
        if !certificate.exists() {
            pki::issue_desk(&folder, &profile, Replace::Never, &*self.clock).expect("issued");
        }
        let identity = TlsIdentity::load(&certificate, &key, &*self.clock).expect("loaded");
        let ca = std::fs::read(folder.join("ca/desk-ca.pem")).expect("read");
        let config = tls::desk_client(&identity, &ca, authority).expect("a configuration");
        let channel = tls::dial_desk(&at.to_string(), config)
            .await
            .expect("dialled");
        DeskClient::new(channel)
    }

    /// Stops one node in order.
    pub async fn stop(&mut self, id: &str) {
        let node = self.entry(id).2.take().expect("it runs");
        node.stop().await.expect("it stops in order");
    }

    /// Starts it again, on the same ports and files.
    pub async fn start(&mut self, id: &str) {
        let entry = self.entry(id);
        let node = Node::start(entry.1.clone()).await.expect("it starts again");
        entry.2 = Some(node);
    }

    /// A legal draft of a synthetic alert.
    pub fn draft(&self, to: &[&str]) -> alert::Draft {
        let recipe = Recipe {
            seed: 7,
            to: to.iter().map(ToString::to_string).collect(),
            status: Status::Exercise,
            priority: None,
            now: self.clock.now(),
            payload_bytes: None,
        };
        drafts(recipe)
            .find(|draft| {
                let kind = draft
                    .payload
                    .as_ref()
                    .and_then(|payload| payload.kind.as_ref());
                matches!(kind, Some(alert::payload::Kind::MissingOffender(_)))
            })
            .expect("an endless supply")
    }

    /// Legal drafts of synthetic alerts of every kind, each with an id of its own.
    pub fn drafts(&self, to: &[&str], count: usize) -> Vec<alert::Draft> {
        let recipe = Recipe {
            seed: 11,
            to: to.iter().map(ToString::to_string).collect(),
            status: Status::Exercise,
            priority: None,
            now: self.clock.now(),
            payload_bytes: None,
        };
        drafts(recipe).take(count).collect()
    }

    fn node(&self, id: &str) -> &Node {
        let entry = self.nodes.iter().find(|(own, ..)| own.as_str() == id);
        entry.and_then(|entry| entry.2.as_ref()).expect("it runs")
    }

    fn entry(&mut self, id: &str) -> &mut (AuthorityId, Config, Option<Node>) {
        self.nodes
            .iter_mut()
            .find(|(own, ..)| own.as_str() == id)
            .expect("a member")
    }
}

/// Asks again until the answer is as wanted, for at most 75 seconds: a lane that failed waits up to a minute.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    for _ in 0..1500 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain: {what}");
}

/// Asks for a page over plain HTTP; gives head and body.
pub async fn http(at: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(at)
        .await
        .expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("answered");
    answer
}

/// The newest of a box.
pub async fn newest(desk: &mut Desk, list: pb::Box) -> Option<pb::Summary> {
    let request = pb::ListRequest {
        r#box: list.into(),
        ..<_>::default()
    };
    let response = desk.list(request).await.expect("listed").into_inner();
    response.items.into_iter().next()
}

/// Founds the federation with the first of these authorities admitted and every node's directory filled.
fn found(
    folder: &Path,
    ids: &[AuthorityId],
    members: usize,
    clock: &SystemClock,
) -> (String, Vec<SocketAddr>) {
    let federation = folder.join("federation");
    let setup = Setup {
        name: "test-federation".to_owned(),
        roots: 1,
        threshold: 1,
    };
    let anchor = federation::init(&federation, &setup, clock).expect("founded");
    let mut changes = Vec::new();
    let mut addresses = Vec::new();
    for id in ids {
        let address = ports::free();
        let home = folder.join(id.as_str());
        std::fs::create_dir_all(&home).expect("a folder");
        let plan = AuthorityPlan {
            id: *id,
            name: format!("Police of {}", id.country()),
            country: id.country().to_owned(),
            endpoints: vec![address.to_string()],
            contact: Contact {
                function: "Duty officer".to_owned(),
                telephone: "+999 1".to_owned(),
                email: "duty@example.invalid".to_owned(),
            },
            groups: vec![],
            federation: setup.name.clone(),
            desk_hosts: vec![],
        };
        pki::init(&home, &plan, clock).expect("an authority");
        let application = federation::read_application(&home.join("application.json"));
        changes.push(Change::Admit(Box::new(application.expect("read"))));
        addresses.push(address);
    }
    changes.truncate(members);
    publish(folder, &changes, ids, anchor, clock);
    (anchor.to_string(), addresses)
}

/// The next directory, signed and installed for each of these.
fn publish(
    folder: &Path,
    changes: &[Change],
    ids: &[AuthorityId],
    anchor: Anchor,
    clock: &SystemClock,
) {
    let federation = folder.join("federation");
    let proposed = federation::propose(&federation, changes, Terms::default(), clock);
    let to_sign = proposed.expect("proposed").to_sign.expect("a membership");
    let root = SigningKey::load(&federation.join("root-1.key"), KeyUse::Root).expect("a root");
    federation::sign(&to_sign, &root).expect("signed");
    let published = federation::publish(&federation, clock).expect("published");
    for id in ids {
        let directory = folder.join(id.as_str()).join("directory");
        std::fs::create_dir_all(&directory).expect("a folder");
        federation::install(&published.file, &directory, anchor, clock).expect("installed");
    }
}

fn configured(folder: &Path, id: AuthorityId, exchange: SocketAddr, anchor: &str) -> Config {
    let reference = allpoints::node::CONFIG_REFERENCE;
    let zeros = format!("sha256:{}", "0".repeat(64));
    let text = reference
        .replace("XA-POL", id.as_str())
        .replace("0.0.0.0:7443", &exchange.to_string())
        .replace("127.0.0.1:7444", "127.0.0.1:0")
        .replace("127.0.0.1:7445", "127.0.0.1:0")
        .replace(&zeros, anchor)
        .replace("workers = 0", "workers = 1");
    let file = folder.join(id.as_str()).join("node.toml");
    std::fs::write(&file, text).expect("written");
    config::check(&file).expect("legal")
}
