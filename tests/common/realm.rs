//! A federation with victims, which are whole real nodes, and turned partners, whose every key the test holds.
//!
//! The way in is [`shared`] for tests that leave the federation as it is, [`alone`] for those that change it.
//! Each test uses partners of its own: a victim's journal is read by peer, so that tests never see each other.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "ports.rs"]
mod ports;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Weak},
};

use allpoints::{
    domain::{
        id::AuthorityId,
        routing::{Priority, Status},
        time::Clock as _,
    },
    node::{
        Node,
        config::{self, Config},
        system::SystemClock,
    },
    proto::{
        alert::v1 as alert, desk::v1 as pb, desk::v1::desk_client::DeskClient,
        directory::v1 as listing, envelope::v1::StatementRef,
    },
    trust::{
        directory::{Anchor, Directory, author},
        federation::{self, Change, Setup, Terms},
        keys::{KeyUse, SigningKey},
        pae::DocumentType,
        pki::{self, AuthorityPlan, Contact, DeskProfile, Replace},
        tls::{self, Role, TlsIdentity},
    },
    wire::generate::{Recipe, drafts},
};
use prost::Message as _;
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::Mutex};
use tonic::transport::Channel;

/// Its name stands in every signed header.
pub(crate) const FEDERATION: &str = "threat-federation";

/// A desk client.
pub(crate) type Desk = DeskClient<Channel>;

/// Who there is.
pub(crate) struct Design {
    /// Whole nodes.
    pub(crate) nodes: &'static [&'static str],
    /// Members whose keys the tests hold; no node runs for them.
    pub(crate) partners: &'static [&'static str],
    /// Those of them that the directory lists as suspended.
    pub(crate) suspended: &'static [&'static str],
    /// Changes a partner's directory entry before it is signed; its folder is there already.
    pub(crate) tailor: fn(&str, &Path, &mut listing::Entry),
}

/// A founded federation.
pub(crate) struct Realm {
    folder: TempDir,
    clock: Arc<SystemClock>,
    anchor: Anchor,
    exchanges: BTreeMap<String, SocketAddr>,
    nodes: Mutex<BTreeMap<String, (Config, Option<Node>)>>,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// Tells a story in a federation that all tests of this name share while any of them runs.
pub(crate) fn shared(
    place: &'static Mutex<Weak<Realm>>,
    design: &Design,
    story: impl AsyncFnOnce(Arc<Realm>),
) {
    RUNTIME.block_on(async {
        let realm = {
            let mut place = place.lock().await;
            match place.upgrade() {
                Some(realm) => realm,
                None => {
                    let realm = Arc::new(Realm::founded(design).await);
                    *place = Arc::downgrade(&realm);
                    realm
                }
            }
        };
        story(realm).await;
    });
}

/// Tells a story in a federation of its own.
pub(crate) fn alone(design: &Design, story: impl AsyncFnOnce(Arc<Realm>)) {
    RUNTIME.block_on(async { story(Arc::new(Realm::founded(design).await)).await });
}

/// A node has counted each refusal of this partner's that it wrote down, and none besides.
pub(crate) async fn counts_refusals(
    realm: &Realm,
    node: &str,
    peer: &str,
    entries: &[pb::AuditEntry],
) {
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        if entry.act == "refused" || entry.act == "refused-input" {
            *written.entry(entry.reason.clone()).or_default() += 1;
        }
    }
    // Counters follow the journal.
    let mut counted = BTreeMap::new();
    for _ in 0..100 {
        counted = realm.refusals_counted(node, peer).await;
        if counted == written {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(counted, written, "{node} counts what it refuses {peer}");
}

/// An entry in short: act and reason.
pub(crate) fn line_of(entry: &pb::AuditEntry) -> String {
    let line = format!("{} {}", entry.act, entry.reason);
    line.trim_end().to_owned()
}

impl Realm {
    async fn founded(design: &Design) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(SystemClock::new());
        let setup = Setup {
            name: FEDERATION.to_owned(),
            roots: 1,
            threshold: 1,
        };
        let anchor = federation::init(&folder.path().join("federation"), &setup, &*clock);
        let mut realm = Self {
            folder,
            clock,
            anchor: anchor.expect("founded"),
            exchanges: BTreeMap::new(),
            nodes: Mutex::default(),
        };
        let ids = || design.nodes.iter().chain(design.partners);
        realm.exchanges = ids().map(|id| ((*id).to_owned(), ports::free())).collect();
        std::thread::scope(|scope| {
            for id in ids() {
                scope.spawn(|| realm.enrol(id, design.tailor));
            }
        });
        let changes: Vec<Change> = ids().map(|id| realm.admission(id)).collect();
        realm.publish(&changes);
        let suspend = |id: &&str| Change::Suspend(id.parse().expect("legal id"));
        let suspensions: Vec<Change> = design.suspended.iter().map(suspend).collect();
        if !suspensions.is_empty() {
            realm.publish(&suspensions);
        }
        for id in ids() {
            realm.install(id);
        }
        for id in design.nodes {
            let config = realm.configured(id);
            let node = Node::start(config.clone()).await.expect("a node starts");
            let running = ((*id).to_owned(), (config, Some(node)));
            realm.nodes.lock().await.extend([running]);
        }
        realm
    }

    /// The wall clock that the nodes use.
    pub(crate) fn clock(&self) -> &SystemClock {
        &self.clock
    }

    /// A member's folder: its certificates, keys, directory and store.
    pub(crate) fn folder_of(&self, id: &str) -> PathBuf {
        self.folder.path().join(id)
    }

    /// Where the directory says that a member listens.
    pub(crate) fn exchange_of(&self, id: &str) -> SocketAddr {
        *self.exchanges.get(id).expect("a member")
    }

    /// The directory as a member's folder holds it.
    pub(crate) fn directory_of(&self, id: &str) -> Directory {
        let folder = self.folder_of(id).join("directory");
        Directory::load(&folder, self.anchor, self.clock.now()).expect("it holds")
    }

    /// One of a member's signing keys.
    pub(crate) fn key_of(&self, id: &str, key_use: KeyUse, name: &str) -> SigningKey {
        let file = self.folder_of(id).join(format!("keys/{name}.key"));
        SigningKey::load(&file, key_use).expect("a key")
    }

    /// Hands the newest directory to a node's folder; a running node takes it up by itself.
    pub(crate) fn install(&self, id: &str) {
        let directory = self.folder_of(id).join("directory");
        std::fs::create_dir_all(&directory).expect("a folder");
        let bundle = self.folder.path().join("federation/directory.bundle");
        federation::install(&bundle, &directory, self.anchor, &*self.clock).expect("installed");
    }

    /// Revokes a partner's node certificate, and has the directory say so. Nobody has installed it yet.
    pub(crate) fn revoke_certificate_of(&self, id: &str) {
        let home = self.folder_of(id);
        pki::revoke(&home, &home.join("node/exchange.pem"), &*self.clock).expect("revoked");
        pki::publish_crl(&home, 7, &*self.clock).expect("published");
        pki::application(&home, &*self.clock).expect("written");
        self.publish(&[self.admission(id)]);
    }

    /// Stops a node in order.
    pub(crate) async fn stop(&self, id: &str) {
        let node = {
            let mut nodes = self.nodes.lock().await;
            nodes.get_mut(id).and_then(|entry| entry.1.take())
        };
        node.expect("it runs").stop().await.expect("it stops");
    }

    /// Starts a node on the same files; gives what it said when it would not.
    pub(crate) async fn start(&self, id: &str) -> Result<(), String> {
        let config = self.config_of(id).await;
        let node = Node::start(config)
            .await
            .map_err(|error| error.to_string())?;
        if let Some(entry) = self.nodes.lock().await.get_mut(id) {
            entry.1 = Some(node);
        }
        Ok(())
    }

    /// A node's configuration.
    pub(crate) async fn config_of(&self, id: &str) -> Config {
        let nodes = self.nodes.lock().await;
        nodes.get(id).expect("a node").0.clone()
    }

    /// A node's counter of refused handshakes on its exchange.
    pub(crate) async fn handshakes_refused(&self, id: &str) -> u64 {
        let page = self.metrics(id).await;
        let name = "allpoints_handshakes_refused_total{listener=\"exchange\"} ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |count| count.trim().parse().expect("a number"))
    }

    /// How often a node has counted that it refused something of this partner's, by reason.
    pub(crate) async fn refusals_counted(&self, id: &str, peer: &str) -> BTreeMap<String, usize> {
        let page = self.metrics(id).await;
        let name = format!("allpoints_refused_total{{partner=\"{peer}\",side=\"here\",reason=\"");
        let counted = page.lines().filter_map(|line| {
            let (reason, count) = line.strip_prefix(&name)?.split_once("\"} ")?;
            Some((reason.to_owned(), count.trim().parse().expect("a number")))
        });
        counted.collect()
    }

    /// A node's page of figures.
    pub(crate) async fn metrics(&self, id: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let at = self.addresses(id).await.ops;
        let mut ops = tokio::net::TcpStream::connect(at).await.expect("connected");
        let request = "GET /metrics HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n";
        ops.write_all(request.as_bytes()).await.expect("asked");
        let mut page = String::new();
        ops.read_to_string(&mut page).await.expect("answered");
        page
    }

    /// A desk client of a node.
    pub(crate) async fn desk(&self, id: &str, role: Role) -> Desk {
        let authority: AuthorityId = id.parse().expect("legal id");
        let folder = self.folder_of(id);
        let stem = folder.join(format!("desk/{role}-duty-7"));
        let (certificate, key) = (stem.with_extension("pem"), stem.with_extension("key"));
        {
            let _one_at_a_time = self.nodes.lock().await;
            if !certificate.exists() {
                self.issue_desk(id, role);
            }
        }
        let identity = TlsIdentity::load(&certificate, &key, &*self.clock).expect("loaded");
        let ca = std::fs::read(folder.join("ca/desk-ca.pem")).expect("read");
        let config = tls::desk_client(&identity, &ca, authority).expect("a configuration");
        let at = self.addresses(id).await.desk;
        let channel = tls::dial_desk(&at.to_string(), config).await;
        DeskClient::new(channel.expect("dialled"))
    }

    /// Makes a desk certificate in a member's folder.
    pub(crate) fn issue_desk(&self, id: &str, role: Role) -> pki::CertificateFiles {
        let profile = DeskProfile {
            authority: id.parse().expect("legal id"),
            role,
            name: "duty-7".parse().expect("legal name"),
            unit: None,
        };
        let issued = pki::issue_desk(&self.folder_of(id), &profile, Replace::Never, &*self.clock);
        issued.expect("issued")
    }

    /// Has a node dial its partners now, whatever it waits for.
    pub(crate) async fn dials_now(&self, id: &str) {
        let mut desk = self.desk(id, Role::Ops).await;
        let check = pb::LinksRequest { check: true };
        tokio::spawn(async move { drop(desk.links(check).await) });
    }

    /// An officer of a node sends alerts; gives their names.
    pub(crate) async fn sends(&self, from: &str, to: &str, count: usize) -> Vec<StatementRef> {
        let drafts = self.drafts(to).take(count).collect();
        let mut desk = self.desk(from, Role::Officer).await;
        let request = pb::SubmitRequest {
            drafts,
            dry_run: false,
            ..<_>::default()
        };
        let response = desk.submit(request).await.expect("accepted").into_inner();
        let names = response.submitted.into_iter().map(|it| it.statement);
        names.map(|name| name.expect("a name")).collect()
    }

    /// One legal draft, with an id of its own.
    pub(crate) fn draft(&self, to: &str) -> alert::Draft {
        self.drafts(to).next().expect("an endless supply")
    }

    fn drafts(&self, to: &str) -> impl Iterator<Item = alert::Draft> + use<> {
        let mut seed = [0; 8];
        aws_lc_rs::rand::fill(&mut seed).expect("randomness");
        let recipe = Recipe {
            seed: u64::from_le_bytes(seed),
            to: vec![to.to_owned()],
            status: Status::Exercise,
            priority: Some(Priority::Urgent),
            now: self.clock.now(),
            payload_bytes: None,
        };
        drafts(recipe).step_by(4)
    }

    /// The sender's record of one delivery, by state and reason.
    pub(crate) async fn delivery(
        &self,
        from: &str,
        to: &str,
        statement: &StatementRef,
    ) -> (pb::DeliveryState, String) {
        let items = self.outbox(from, to).await;
        let item = items
            .into_iter()
            .find(|item| item.statement.as_ref() == Some(statement));
        let deliveries = item.expect("in the outbox").deliveries;
        let delivery = deliveries.into_iter().find(|it| it.recipient == to);
        let delivery = delivery.expect("addressed");
        (delivery.state(), delivery.reason)
    }

    /// Waits until a delivery stands so.
    pub(crate) async fn until_delivery(
        &self,
        from: &str,
        to: &str,
        statement: &StatementRef,
        wanted: (pb::DeliveryState, &str),
    ) {
        let mut seen = self.delivery(from, to, statement).await;
        for _ in 0..600 {
            if (seen.0, seen.1.as_str()) == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            seen = self.delivery(from, to, statement).await;
        }
        panic!("waited in vain for {wanted:?}: {seen:?}");
    }

    /// A person at the desk lets what is held go on, to these or to all.
    pub(crate) async fn resumes(
        &self,
        from: &str,
        statement: &StatementRef,
        to: &[&str],
    ) -> Result<(), tonic::Code> {
        let mut desk = self.desk(from, Role::Ops).await;
        let request = pb::ResumeRequest {
            id: uuid::Uuid::from_slice(&statement.id)
                .expect("an id")
                .to_string(),
            to: to.iter().map(|&it| it.to_owned()).collect(),
        };
        let resumed = desk.resume(request).await;
        resumed.map(drop).map_err(|status| status.code())
    }

    /// What a victim's journal says of a peer, oldest first: `refused-input BAD_BATCH`, `received`.
    pub(crate) async fn journal(&self, victim: &str, peer: &str) -> Vec<String> {
        let entries = self.entries(victim, peer).await;
        entries.iter().map(line_of).collect()
    }

    /// The same with all that the entries say.
    pub(crate) async fn entries(&self, victim: &str, peer: &str) -> Vec<pb::AuditEntry> {
        let mut desk = self.desk(victim, Role::Auditor).await;
        let mut entries = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = pb::AuditListRequest {
                cursor,
                limit: 200,
                id: String::new(),
            };
            let page = desk.audit_list(request).await.expect("listed").into_inner();
            let of_peer = page.entries.into_iter();
            // Calls to the victim's own desk about the peer come when they come.
            let is_told = |entry: &pb::AuditEntry| entry.act != "called";
            entries.extend(of_peer.filter(|entry| entry.peer == peer && is_told(entry)));
            if page.next_cursor.is_empty() {
                entries.reverse();
                return entries;
            }
            cursor = page.next_cursor;
        }
    }

    /// What stands in a victim's inbox from one origin, newest first.
    pub(crate) async fn inbox(&self, victim: &str, origin: &str) -> Vec<pb::Summary> {
        self.boxed(victim, pb::Box::In, |item| {
            item.statement
                .as_ref()
                .is_some_and(|it| it.origin == origin)
        })
        .await
    }

    /// What stands in a node's outbox for one recipient, newest first.
    pub(crate) async fn outbox(&self, sender: &str, recipient: &str) -> Vec<pb::Summary> {
        self.boxed(sender, pb::Box::Out, |item| {
            item.recipients.iter().any(|it| it == recipient)
        })
        .await
    }

    async fn boxed(
        &self,
        node: &str,
        list: pb::Box,
        wanted: impl Fn(&pb::Summary) -> bool,
    ) -> Vec<pb::Summary> {
        let mut desk = self.desk(node, Role::Officer).await;
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = pb::ListRequest {
                r#box: list.into(),
                cursor,
                limit: 200,
                ..<_>::default()
            };
            let page = desk.list(request).await.expect("listed").into_inner();
            found.extend(page.items.into_iter().filter(|item| wanted(item)));
            if page.next_cursor.is_empty() {
                return found;
            }
            cursor = page.next_cursor;
        }
    }

    /// Where a node listens now.
    pub(crate) async fn addresses(&self, id: &str) -> allpoints::node::Addresses {
        let nodes = self.nodes.lock().await;
        let node = nodes.get(id).and_then(|entry| entry.1.as_ref());
        node.expect("it runs").addresses()
    }

    /// An authority's keys, certificates and application.
    fn enrol(&self, id: &str, tailor: fn(&str, &Path, &mut listing::Entry)) {
        let home = self.folder_of(id);
        std::fs::create_dir_all(&home).expect("a folder");
        let authority: AuthorityId = id.parse().expect("legal id");
        let plan = AuthorityPlan {
            id: authority,
            name: format!("Police {id}"),
            country: authority.country().to_owned(),
            endpoints: vec![self.exchange_of(id).to_string()],
            contact: Contact {
                function: "Duty officer".to_owned(),
                telephone: "+999 1".to_owned(),
                email: "duty@example.invalid".to_owned(),
            },
            groups: vec![],
            federation: FEDERATION.to_owned(),
            desk_hosts: vec![],
        };
        pki::init(&home, &plan, &*self.clock).expect("an authority");
        let file = home.join("application.json");
        let mut application = federation::read_application(&file).expect("read");
        let signed = application.entry.take().expect("an entry");
        let mut entry = listing::Entry::decode(signed.document.as_slice()).expect("decodes");
        tailor(id, &home, &mut entry);
        let key = self.key_of(id, KeyUse::Directory, "directory");
        application.entry = Some(author::sign_message(DocumentType::Entry, &entry, &[&key]));
        let text = serde_json::to_string(&application).expect("json");
        std::fs::write(&file, text).expect("written");
    }

    /// What a member's folder hands to the federation.
    pub(crate) fn admission(&self, id: &str) -> Change {
        let file = self.folder_of(id).join("application.json");
        let application = federation::read_application(&file);
        Change::Admit(Box::new(application.expect("read")))
    }

    /// The federation's own folder: its keys, and what it published last.
    pub(crate) fn federation(&self) -> PathBuf {
        self.folder.path().join("federation")
    }

    /// Fingerprint of the federation's first root.
    pub(crate) fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// What a node says of itself.
    pub(crate) async fn status(&self, id: &str) -> pb::StatusResponse {
        let mut desk = self.desk(id, Role::Ops).await;
        let status = desk.status(pb::StatusRequest {}).await;
        status.expect("told").into_inner()
    }

    /// A node shows exactly one alarm that begins so: reason, and partner.
    pub(crate) async fn alarms(&self, id: &str, begins: &str) {
        let alarms = self.status(id).await.alarms;
        let at = format!("{begins} at ");
        let count = alarms.iter().filter(|it| it.starts_with(&at)).count();
        assert_eq!(count, 1, "{begins}: {alarms:?}");
    }

    /// Publishes a newer directory with these changes; without any, its renewal. Nobody has installed it yet.
    pub(crate) fn publish(&self, changes: &[Change]) {
        let folder = self.federation();
        let proposed = federation::propose(&folder, changes, Terms::default(), &*self.clock);
        if let Some(to_sign) = proposed.expect("proposed").to_sign {
            let root = SigningKey::load(&folder.join("root-1.key"), KeyUse::Root).expect("a root");
            federation::sign(&to_sign, &root).expect("signed");
        }
        federation::publish(&folder, &*self.clock).expect("published");
    }

    /// Writes a member's configuration.
    pub(crate) fn configured(&self, id: &str) -> Config {
        let zeros = format!("sha256:{}", "0".repeat(64));
        let text = allpoints::node::CONFIG_REFERENCE
            .replace("XA-POL", id)
            .replace("0.0.0.0:7443", &self.exchange_of(id).to_string())
            .replace("127.0.0.1:7444", "127.0.0.1:0")
            .replace("127.0.0.1:7445", "127.0.0.1:0")
            .replace(&zeros, &self.anchor.to_string())
            .replace("workers = 0", "workers = 1")
            .replace("interval_ms = 5000", "interval_ms = 200");
        let file = self.folder_of(id).join("node.toml");
        std::fs::write(&file, text).expect("written");
        config::check(&file).expect("legal")
    }
}
