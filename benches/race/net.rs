//! A federation on disk, with real certificates: both the limit's processes and ours use it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use allpoints::{
    domain::id::AuthorityId,
    domain::time::Clock as _,
    node::{
        config::{self, Config},
        system::SystemClock,
    },
    trust::{
        directory::{Directory, DirectoryHandle},
        federation::{self, Change, Setup, Terms},
        keys::{KeyUse, SigningKey},
        pki::{self, AuthorityPlan, Contact, DeskProfile, Replace},
        tls::{self, Role, TlsIdentity},
    },
};

/// Who sends.
pub const SENDER: &str = "XA-POL";
/// Who receives.
pub const RECEIVER: &str = "XB-POL";
const PSEUDONYM: &str = "race-1";

/// The partner of this number, from 0.
pub fn partner(number: usize) -> String {
    match number {
        0 => RECEIVER.to_owned(),
        _ => format!("XB-P{number}"),
    }
}

pub struct Net {
    pub folder: PathBuf,
}

impl Net {
    /// Founds it: one root, the sender and so many partners admitted, an officer at each.
    pub fn found(place: &Path, partners: usize) -> Self {
        let clock = SystemClock::new();
        let federation = place.join("federation");
        let setup = Setup {
            name: "race".to_owned(),
            roots: 1,
            threshold: 1,
        };
        let anchor = federation::init(&federation, &setup, &clock).expect("founded");
        let ids = std::iter::once(SENDER.to_owned()).chain((0..partners).map(partner));
        let authorities: Vec<_> = ids.map(|id| (id, [(); 3].map(|()| free_port()))).collect();
        let mut changes = Vec::new();
        for (id, ports) in &authorities {
            make_authority(&place.join(id), id, ports[0], &clock);
            let application =
                federation::read_application(&place.join(id).join("application.json"));
            changes.push(Change::Admit(Box::new(
                application.expect("an application"),
            )));
        }
        let proposed = federation::propose(&federation, &changes, Terms::default(), &clock);
        let to_sign = proposed.expect("proposed").to_sign.expect("a membership");
        let root = SigningKey::load(&federation.join("root-1.key"), KeyUse::Root).expect("a root");
        federation::sign(&to_sign, &root).expect("signed");
        let published = federation::publish(&federation, &clock).expect("published");
        for (id, ports) in &authorities {
            let home = place.join(id);
            let directory = home.join("directory");
            std::fs::create_dir_all(&directory).expect("a folder");
            federation::install(&published.file, &directory, anchor, &clock).expect("installed");
            write_config(&home, id, ports, &anchor.to_string());
        }
        Self {
            folder: place.to_owned(),
        }
    }

    /// Where the configuration of an authority's node stands.
    pub fn config_file(&self, id: &str) -> PathBuf {
        self.folder.join(id).join("node.toml")
    }
}

/// What a process reads of one authority.
pub struct Member {
    pub id: AuthorityId,
    pub home: PathBuf,
    pub config: Config,
}

impl Member {
    pub fn read(folder: &Path, id: &str) -> Self {
        let home = folder.join(id);
        Self {
            id: id.parse().expect("legal id"),
            config: config::check(&home.join("node.toml")).expect("legal configuration"),
            home,
        }
    }

    pub fn directory(&self) -> DirectoryHandle {
        let own = &self.config.directory;
        let directory = Directory::load(&own.folder, own.anchor, SystemClock::new().now());
        Arc::new(arc_swap::ArcSwap::from_pointee(
            directory.expect("a directory"),
        ))
    }

    /// A channel to the own desk, as its officer.
    pub async fn dial_desk(&self) -> tonic::transport::Channel {
        let stem = self
            .home
            .join(format!("desk/{}-{PSEUDONYM}", Role::Officer));
        let files = (stem.with_extension("pem"), stem.with_extension("key"));
        let identity = TlsIdentity::load(&files.0, &files.1, &SystemClock::new()).expect("loaded");
        let ca = std::fs::read(&self.config.desk.ca).expect("a CA");
        let config = tls::desk_client(&identity, &ca, self.id).expect("a configuration");
        let desk = self.config.desk.listen.to_string();
        tls::dial_desk(&desk, config).await.expect("dialled")
    }
}

fn make_authority(home: &Path, id: &str, exchange: SocketAddr, clock: &SystemClock) {
    std::fs::create_dir_all(home).expect("a folder");
    let authority: AuthorityId = id.parse().expect("legal id");
    let plan = AuthorityPlan {
        id: authority,
        name: format!("Police of {}", authority.country()),
        country: authority.country().to_owned(),
        endpoints: vec![exchange.to_string()],
        contact: Contact {
            function: "Duty officer".to_owned(),
            telephone: "+999 1".to_owned(),
            email: "duty@example.invalid".to_owned(),
        },
        groups: vec![],
        federation: "race".to_owned(),
        desk_hosts: vec![],
    };
    pki::init(home, &plan, clock).expect("an authority");
    let profile = DeskProfile {
        authority,
        role: Role::Officer,
        name: PSEUDONYM.parse().expect("legal name"),
        unit: None,
    };
    pki::issue_desk(home, &profile, Replace::Never, clock).expect("an officer");
}

fn write_config(home: &Path, id: &str, ports: &[SocketAddr; 3], anchor: &str) {
    let text = allpoints::node::CONFIG_REFERENCE
        .replace("XA-POL", id)
        .replace("0.0.0.0:7443", &ports[0].to_string())
        .replace("127.0.0.1:7444", &ports[1].to_string())
        .replace("127.0.0.1:7445", &ports[2].to_string())
        .replace(&format!("sha256:{}", "0".repeat(64)), anchor)
        .replace("filter = \"info\"", "filter = \"warn\"");
    std::fs::write(home.join("node.toml"), text).expect("written");
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
}
