//! `allpoints pki`: makes an authority's folder, certificates, revocation lists and profiles.
//!
//! The way in is [`run`]. Works on files alone and never talks to a node; never writes over a key.

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::{CliError, Exit};
use crate::{
    domain::{id::AuthorityId, time::Clock},
    trust::{
        pki::{
            self, AuthorityPlan, CRL_DAYS, CertificateFiles, Contact, DeskProfile, NodeProfile,
            PkiError, Replace, Revoked,
        },
        tls::{DeskName, Name, Role},
    },
};

/// Keys, certificates and revocation lists of one authority.
#[derive(Debug, Args)]
pub struct PkiArgs {
    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Make an authority's folder: two CAs, the first node, keys, application, node.toml
    Init(InitArgs),
    /// Issue the node's two certificates, or renew them
    Node(NodeArgs),
    /// Issue a certificate for a person or system of the desk, with its profile
    Desk(DeskArgs),
    /// Revoke certificates and publish both revocation lists and the application anew
    Crl(CrlArgs),
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The folder to make
    dir: PathBuf,
    /// Id, such as XA-POL
    #[arg(long)]
    authority: AuthorityId,
    /// Name for people, such as "Arcadia Police"
    #[arg(long)]
    name: String,
    /// Name of the federation
    #[arg(long)]
    federation: String,
    /// Fingerprint of the federation's first root, such as sha256:..
    #[arg(long)]
    anchor: String,
    /// host:port of the exchange listener
    #[arg(long, default_value = "127.0.0.1:7101")]
    exchange: String,
    /// host:port of the desk listener
    #[arg(long, default_value = "127.0.0.1:7102")]
    desk: String,
    /// host:port of the ops listener
    #[arg(long, default_value = "127.0.0.1:7103")]
    ops: String,
    /// host:port that partners dial, when it is not the listener's
    #[arg(long)]
    endpoint: Vec<String>,
    /// ISO 3166-1 alpha-2; that of the id when not given
    #[arg(long)]
    country: Option<String>,
    /// Group to be in, without @
    #[arg(long)]
    group: Vec<String>,
    /// More host names or addresses under which the desk is reached
    #[arg(long)]
    host: Vec<String>,
    /// Function reached around the clock; never a person
    #[arg(long, default_value = "Duty officer")]
    contact: String,
    /// Its telephone number
    #[arg(long, default_value = "")]
    telephone: String,
    /// Its mail address
    #[arg(long, default_value = "")]
    email: String,
}

#[derive(Debug, Args)]
struct NodeArgs {
    /// The authority's folder
    dir: PathBuf,
    /// New certificates for the same keys; the node's number stays
    #[arg(long)]
    renew: bool,
    /// Which node: 1, 2, 3, ...
    #[arg(long, default_value_t = 1, conflicts_with = "renew", value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
    /// More host names or addresses under which the desk is reached
    #[arg(long)]
    host: Vec<String>,
}

#[derive(Debug, Args)]
struct DeskArgs {
    /// The authority's folder
    dir: PathBuf,
    /// officer, supervisor, ops or auditor
    #[arg(long)]
    role: Role,
    /// Pseudonym, such as duty-7
    #[arg(long)]
    name: DeskName,
    /// New certificate for the same key; the profile is left as it is
    #[arg(long)]
    renew: bool,
    /// Name of the profile; the pseudonym when not given
    #[arg(long)]
    profile: Option<DeskName>,
    /// Write the profile to this file instead of the configuration folder
    #[arg(long, conflicts_with = "profile")]
    profile_file: Option<PathBuf>,
    /// host:port of the desk; that of node.toml when not given
    #[arg(long)]
    endpoint: Option<String>,
}

#[derive(Debug, Args)]
struct CrlArgs {
    /// The authority's folder
    dir: PathBuf,
    /// Certificate file to revoke
    #[arg(long)]
    revoke: Vec<PathBuf>,
    /// Days until the lists run out
    #[arg(long, default_value_t = CRL_DAYS)]
    days: u32,
}

/// Runs `allpoints pki ...`.
///
/// # Errors
/// With the exit code of the design, what happened, and the fix.
pub fn run(args: PkiArgs, clock: &dyn Clock) -> Result<(), CliError> {
    match args.command {
        PkiCommand::Init(args) => init(args, clock),
        PkiCommand::Node(args) => node(&args, clock),
        PkiCommand::Desk(args) => desk(args, clock),
        PkiCommand::Crl(args) => crl(&args, clock),
    }
}

fn init(args: InitArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let anchor_ok = args
        .anchor
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if !anchor_ok {
        return Err(CliError::new(
            Exit::Usage,
            "`--anchor` is no fingerprint: expected `sha256:` and 64 hexadecimal digits",
        )
        .hint(
            "ask the federation for its first root's fingerprint, by another way than this file",
        ));
    }
    let config = NodeConfig::of(&args);
    let config_file = args.dir.join("node.toml");
    if config_file.exists() {
        return Err(PkiError::Exists(config_file).into());
    }
    let plan = AuthorityPlan {
        id: args.authority,
        name: args.name,
        country: args
            .country
            .unwrap_or_else(|| args.authority.country().to_owned()),
        endpoints: if args.endpoint.is_empty() {
            vec![args.exchange]
        } else {
            args.endpoint
        },
        contact: Contact {
            function: args.contact,
            telephone: args.telephone,
            email: args.email,
        },
        groups: args.group,
        federation: args.federation,
        desk_hosts: args.host,
    };
    pki::init(&args.dir, &plan, clock)?;
    write_toml(&config_file, &config)?;
    say(&format!(
        "made {}\nnext: hand {} to the federation's roots, then `allpoints serve --config {}`",
        args.dir.display(),
        args.dir.join("application.json").display(),
        config_file.display()
    ))
}

fn node(args: &NodeArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let config = NodeConfig::read(&args.dir)?;
    let (replace, number) = if args.renew {
        let name = pki::name_in(&args.dir.join("node/exchange.pem"))?;
        match name {
            Name::Node { number, .. } => (Replace::SameKey, number),
            Name::DeskServer { .. } | Name::DeskPerson { .. } => {
                return Err(CliError::new(
                    Exit::Usage,
                    format!("node/exchange.pem is the certificate of {name}"),
                ));
            }
        }
    } else {
        (Replace::Never, args.number)
    };
    let profile = NodeProfile {
        authority: config.authority()?,
        number,
        desk_hosts: args.host.clone(),
    };
    let (exchange, desk) = pki::issue_node(&args.dir, &profile, replace, clock)?;
    say(&format!(
        "issued {}\nissued {}\nnext: restart the node",
        exchange.certificate.display(),
        desk.certificate.display()
    ))
}

fn desk(args: DeskArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let config = NodeConfig::read(&args.dir)?;
    let authority = config.authority()?;
    let profile_file = match args.profile_file {
        Some(file) => file,
        None => configuration_folder()?.join(format!(
            "{}.toml",
            args.profile.as_ref().unwrap_or(&args.name)
        )),
    };
    let replace = if args.renew {
        Replace::SameKey
    } else {
        Replace::Never
    };
    if replace == Replace::Never && profile_file.exists() {
        return Err(CliError::new(
            Exit::Refused,
            format!("the profile {} exists already", profile_file.display()),
        )
        .hint("choose another with `--profile NAME` or `--profile-file FILE`"));
    }
    let profile = DeskProfile {
        authority,
        role: args.role,
        name: args.name,
    };
    let files = pki::issue_desk(&args.dir, &profile, replace, clock)?;
    if replace == Replace::SameKey {
        return say(&format!("renewed {}", files.certificate.display()));
    }
    let endpoint = args.endpoint.unwrap_or(config.desk.listen);
    let profile = Profile::of(authority, endpoint, &files, &args.dir)?;
    write_toml(&profile_file, &profile)?;
    say(&format!(
        "issued {}\nprofile {}",
        files.certificate.display(),
        profile_file.display()
    ))
}

fn crl(args: &CrlArgs, clock: &dyn Clock) -> Result<(), CliError> {
    for certificate in &args.revoke {
        match pki::revoke(&args.dir, certificate, clock)? {
            Revoked::Now(ca) => say(&format!(
                "revoked {} ({})",
                certificate.display(),
                ca.name()
            ))?,
            Revoked::Before(ca) => say(&format!(
                "{} was revoked before ({})",
                certificate.display(),
                ca.name()
            ))?,
        }
    }
    pki::publish_crl(&args.dir, args.days, clock)?;
    pki::application(&args.dir, clock)?;
    say(&format!(
        "published both lists for {} days\nnext: hand {} to the federation, so that partners learn of it",
        args.days,
        args.dir.join("application.json").display()
    ))
}

/// What `allpoints serve --config` reads; paths are relative to the file.
#[derive(Debug, Serialize, serde::Deserialize)]
struct NodeConfig {
    authority: String,
    exchange: Listener,
    desk: DeskListener,
    ops: Ops,
    directory: Directory,
    keys: Keys,
    store: StoreSection,
    log: Log,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct Listener {
    listen: String,
    certificate: String,
    key: String,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct DeskListener {
    listen: String,
    certificate: String,
    key: String,
    ca: String,
    crl: String,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct Ops {
    listen: String,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct Directory {
    folder: String,
    anchor: String,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct Keys {
    statement: String,
    receipt: String,
    log: String,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct StoreSection {
    folder: String,
    key: String,
}
#[derive(Debug, Serialize, serde::Deserialize)]
struct Log {
    format: String,
    filter: String,
}

impl NodeConfig {
    fn of(args: &InitArgs) -> Self {
        Self {
            authority: args.authority.to_string(),
            exchange: Listener {
                listen: args.exchange.clone(),
                certificate: "node/exchange.pem".into(),
                key: "node/exchange.key".into(),
            },
            desk: DeskListener {
                listen: args.desk.clone(),
                certificate: "node/desk.pem".into(),
                key: "node/desk.key".into(),
                ca: "ca/desk-ca.pem".into(),
                crl: "desk.crl".into(),
            },
            ops: Ops {
                listen: args.ops.clone(),
            },
            directory: Directory {
                folder: "directory".into(),
                anchor: args.anchor.clone(),
            },
            keys: Keys {
                statement: "keys/statement.key".into(),
                receipt: "keys/receipt.key".into(),
                log: "keys/log.key".into(),
            },
            store: StoreSection {
                folder: "data".into(),
                key: "store.key".into(),
            },
            log: Log {
                format: "text".into(),
                filter: "info".into(),
            },
        }
    }

    fn read(folder: &Path) -> Result<Self, CliError> {
        let file = folder.join("node.toml");
        let text = fs::read_to_string(&file)
            .map_err(|error| usage(format!("cannot read {}: {error}", file.display())))?;
        toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", file.display())))
    }

    fn authority(&self) -> Result<AuthorityId, CliError> {
        self.authority
            .parse()
            .map_err(|error| usage(format!("node.toml: {error}")))
    }
}

/// How a command finds and enters a desk; all paths absolute.
#[derive(Debug, Serialize)]
struct Profile {
    authority: String,
    endpoint: String,
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

impl Profile {
    fn of(
        authority: AuthorityId,
        endpoint: String,
        files: &CertificateFiles,
        folder: &Path,
    ) -> Result<Self, CliError> {
        let absolute = |file: &Path| {
            fs::canonicalize(file)
                .map_err(|error| usage(format!("cannot find {}: {error}", file.display())))
        };
        Ok(Self {
            authority: authority.to_string(),
            endpoint,
            certificate: absolute(&files.certificate)?,
            key: absolute(&files.key)?,
            ca: absolute(&folder.join("ca/desk-ca.pem"))?,
        })
    }
}

/// `$XDG_CONFIG_HOME/allpoints`, or `~/.config/allpoints`.
fn configuration_folder() -> Result<PathBuf, CliError> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    named("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".config")))
        .map(|folder| folder.join("allpoints"))
        .ok_or_else(|| {
            usage("neither XDG_CONFIG_HOME nor HOME is set".into())
                .hint("name the file with `--profile-file FILE`")
        })
}

/// Writes a file that must not exist yet.
fn write_toml(file: &Path, content: &impl Serialize) -> Result<(), CliError> {
    let failed = |error: io::Error| {
        CliError::new(
            Exit::Failed,
            format!("cannot write {}: {error}", file.display()),
        )
    };
    let text =
        toml::to_string(content).map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    if let Some(parent) = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(failed)?;
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .map_err(failed)
}

fn say(text: &str) -> Result<(), CliError> {
    writeln!(anstream::stdout(), "{text}")
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot write: {error}")))
}

fn usage(message: String) -> CliError {
    CliError::new(Exit::Usage, message)
}

impl From<PkiError> for CliError {
    fn from(error: PkiError) -> Self {
        let exit = match &error {
            PkiError::Exists(_) | PkiError::Issued(_) | PkiError::NotOurs(_) => Exit::Refused,
            PkiError::Missing(_)
            | PkiError::Content { .. }
            | PkiError::KeyExposed(_)
            | PkiError::Name(_)
            | PkiError::Host(_)
            | PkiError::Days { .. }
            | PkiError::Clock
            | PkiError::Key(_) => Exit::Usage,
            PkiError::File { .. } | PkiError::Inside(_) | PkiError::Random => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
