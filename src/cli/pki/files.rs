//! The two files that `allpoints pki` writes beside keys and certificates: `node.toml` and a profile.
//!
//! Both are written once and never over an existing file; `serve` and the desk's commands read them.

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::InitArgs;
use crate::{
    cli::exit::{CliError, Exit},
    domain::id::AuthorityId,
    trust::pki::CertificateFiles,
};

/// What `allpoints serve --config` reads; paths are relative to the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NodeConfig {
    authority: String,
    exchange: Listener,
    /// Where the desk is served.
    pub(super) desk: DeskListener,
    ops: Ops,
    directory: Directory,
    keys: Keys,
    store: StoreSection,
    log: Log,
    #[serde(default)]
    policy: Policy,
}
#[derive(Debug, Default, Serialize, Deserialize)]
struct Policy {
    default_ground: Option<String>,
}
#[derive(Debug, Serialize, Deserialize)]
struct Listener {
    listen: String,
    certificate: String,
    key: String,
}
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeskListener {
    /// host:port.
    pub(super) listen: String,
    certificate: String,
    key: String,
    ca: String,
    crl: String,
}
#[derive(Debug, Serialize, Deserialize)]
struct Ops {
    listen: String,
}
#[derive(Debug, Serialize, Deserialize)]
struct Directory {
    folder: String,
    anchor: String,
}
#[derive(Debug, Serialize, Deserialize)]
struct Keys {
    statement: String,
    receipt: String,
    log: String,
}
#[derive(Debug, Serialize, Deserialize)]
struct StoreSection {
    folder: String,
    key: String,
}
#[derive(Debug, Serialize, Deserialize)]
struct Log {
    format: String,
    filter: String,
}

impl NodeConfig {
    pub(super) fn of(args: &InitArgs) -> Self {
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
                anchor: args.anchor.to_string(),
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
            // What the federation's members have agreed on with each other (Directive (EU) 2016/680, art. 37).
            policy: Policy {
                default_ground: Some("safeguards".into()),
            },
        }
    }

    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let file = folder.join("node.toml");
        let text = fs::read_to_string(&file)
            .map_err(|error| usage(format!("cannot read {}: {error}", file.display())))?;
        toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", file.display())))
    }

    pub(super) fn authority(&self) -> Result<AuthorityId, CliError> {
        self.authority
            .parse()
            .map_err(|error| usage(format!("node.toml: {error}")))
    }
}

/// How a command finds and enters a desk; all paths absolute.
#[derive(Debug, Serialize)]
pub(super) struct Profile {
    authority: String,
    endpoint: String,
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

impl Profile {
    pub(super) fn of(
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
pub(super) fn configuration_folder() -> Result<PathBuf, CliError> {
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
pub(super) fn write_toml(file: &Path, content: &impl Serialize) -> Result<(), CliError> {
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

fn usage(message: String) -> CliError {
    CliError::new(Exit::Usage, message)
}
