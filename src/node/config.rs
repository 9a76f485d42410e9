//! The configuration file: TOML, every key known or the start is refused.
//!
//! The way in is [`check`]. Relative paths count from the file's folder. `deploy/node.toml` explains every key.

mod destination;
mod release;
mod words;

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, de};

use super::calling::webhooks;
pub use super::calling::{Calling, Mail, MailTls, WebhookKeys};
use crate::{
    delivery::PeerQuota,
    domain::{
        alert::marking::{Markings, Use},
        id::AuthorityId,
        limits::{
            CONNECTIONS_MAX, QUOTA_BYTES, QUOTA_CONNECTIONS, QUOTA_STATEMENTS, QUOTA_STREAMS,
            RELOAD_INTERVAL, RELOAD_INTERVAL_MAX, RELOAD_INTERVAL_MIN,
        },
        release::Rule,
        routing::TransferGround,
        transfer,
    },
    trust::directory::{Anchor, DirectoryError},
};

/// A whole, legal configuration; paths are made whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whom the node speaks for.
    #[serde(deserialize_with = "authority")]
    pub authority: AuthorityId,
    /// Towards other authorities.
    pub exchange: Exchange,
    /// Towards the own staff.
    pub desk: Desk,
    /// Towards monitoring.
    pub ops: Ops,
    /// Who belongs.
    pub directory: Directory,
    /// Signing keys.
    pub keys: Keys,
    /// Journal and view.
    pub store: Store,
    /// What is told on standard error.
    pub log: Log,
    /// How statements are worked on.
    #[serde(default)]
    pub delivery: Delivery,
    /// What each partner may ask of this node.
    #[serde(default)]
    pub quota: Quota,
    /// What the authority has decided for its people.
    #[serde(default)]
    pub policy: Policy,
    /// What leaves only after a second person's release.
    #[serde(default, deserialize_with = "release::rules")]
    pub release: Vec<Rule>,
    /// What the authority has decided of those to whom it sends.
    #[serde(default, deserialize_with = "destination::rules")]
    pub destination: Vec<transfer::Rule>,
    /// How often files are looked at.
    #[serde(default)]
    pub reload: Reload,
    /// What others may use of this node.
    #[serde(default)]
    pub limits: Limits,
    /// Which optional markings the federation uses.
    #[serde(default)]
    pub marking: Marking,
    /// How people are called.
    #[serde(default)]
    pub calling: Calling,
    /// Receivers of calls.
    #[serde(default, deserialize_with = "webhooks")]
    pub webhook: Vec<WebhookKeys>,
    /// Calls by mail.
    #[serde(default)]
    pub mail: Option<Mail>,
    /// Where it was read from: it is read anew while the node runs.
    #[serde(skip)]
    pub file: PathBuf,
}

/// `[exchange]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Where others connect.
    pub listen: SocketAddr,
    /// Chain, PEM.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// `[desk]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desk {
    /// Where staff connect.
    pub listen: SocketAddr,
    /// Chain, PEM.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The desk CA.
    pub ca: PathBuf,
    /// Its revocation list.
    pub crl: PathBuf,
}

/// `[ops]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ops {
    /// Where monitoring connects.
    pub listen: SocketAddr,
}

/// `[directory]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Folder of versions.
    pub folder: PathBuf,
    /// The first root's fingerprint.
    #[serde(deserialize_with = "anchor")]
    pub anchor: Anchor,
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Signs statements.
    pub statement: PathBuf,
    /// Signs receipts.
    pub receipt: PathBuf,
    /// Signs checkpoints.
    pub log: PathBuf,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Journal and view.
    pub folder: PathBuf,
    /// Key-encryption key.
    pub key: PathBuf,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For people or for collectors.
    pub format: LogFormat,
    /// As tracing's `EnvFilter` reads it.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

/// `[delivery]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// 0: one for each processor.
    pub workers: usize,
}

/// `[quota]`: for each partner alike. What goes over it is told `QUOTA` and comes again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Statements a second.
    #[serde(deserialize_with = "at_least_one")]
    pub statements_per_second: u64,
    /// Bytes of statements a second.
    #[serde(deserialize_with = "at_least_one")]
    pub bytes_per_second: u64,
    /// Connections open at once.
    #[serde(deserialize_with = "at_least_one")]
    pub connections: usize,
    /// Streams open at once, all connections together.
    #[serde(deserialize_with = "at_least_one")]
    pub streams: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            statements_per_second: QUOTA_STATEMENTS,
            bytes_per_second: QUOTA_BYTES,
            connections: QUOTA_CONNECTIONS,
            streams: QUOTA_STREAMS,
        }
    }
}

impl Quota {
    /// The part that the broker watches over.
    #[must_use]
    pub fn of_delivery(&self) -> PeerQuota {
        PeerQuota {
            statements: self.statements_per_second,
            bytes: self.bytes_per_second,
        }
    }
}

/// `[policy]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// On what ground a follow-up goes abroad when neither it nor its thread names one. `None`: it is refused.
    #[serde(deserialize_with = "ground")]
    pub default_ground: Option<TransferGround>,
}

/// `[reload]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reload {
    /// Between two looks at the files that are read anew while the node runs.
    #[serde(rename = "interval_ms", deserialize_with = "interval")]
    pub interval: Duration,
}

impl Default for Reload {
    fn default() -> Self {
        Self {
            interval: RELOAD_INTERVAL,
        }
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections of the exchange, all partners together.
    #[serde(deserialize_with = "connections")]
    pub exchange_connections: usize,
    /// Open connections of the desk.
    #[serde(deserialize_with = "connections")]
    pub desk_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            exchange_connections: CONNECTIONS_MAX,
            desk_connections: CONNECTIONS_MAX,
        }
    }
}

/// `[marking]`: what the federation has agreed to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Marking {
    /// TLP 2.0.
    pub tlp: bool,
    /// PAP.
    pub pap: bool,
}

impl Marking {
    /// The same, as the desk judges drafts by it.
    #[must_use]
    pub fn in_use(self) -> Markings {
        let of = |used| if used { Use::On } else { Use::Off };
        Markings {
            tlp: of(self.tlp),
            pap: of(self.pap),
        }
    }
}

/// Why a configuration is refused: file, key, what was found, what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {}: cannot be read ({source}): expected a file as `allpoints config reference` prints it", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key is wrong, missing or unknown.
    #[error("configuration {}: {}\nsee `allpoints config reference`", file.display(), fault.to_string().trim_end())]
    Key {
        /// Which file.
        file: PathBuf,
        /// Line, key, what was found and what would be right.
        fault: Box<toml::de::Error>,
    },
}

/// Reads and checks a file. Opens nothing that it names.
///
/// # Errors
/// Names the file, the key, what was found and what would be right.
pub fn check(path: &Path) -> Result<Config, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        file: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

/// Reads the text of a file that stands at `path`.
///
/// # Errors
/// As [`check`].
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let mut config = toml::from_str::<Config>(text).map_err(|fault| ConfigError::Key {
        file: path.to_owned(),
        fault: Box::new(fault),
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for path in config.paths_mut() {
        // Joining leaves an absolute path as it is.
        *path = folder.join(&*path);
    }
    path.clone_into(&mut config.file);
    Ok(config)
}

impl Config {
    /// The default ground and the rules of destinations, as the desk asks them.
    #[must_use]
    pub fn transfer_policy(&self) -> transfer::Policy {
        transfer::Policy {
            default_ground: self.policy.default_ground,
            destinations: self.destination.clone(),
        }
    }

    /// The first key that differs from `other` and that a running node cannot take over.
    pub(super) fn fixed_difference(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("authority", self.authority == other.authority),
            (
                "exchange.listen",
                self.exchange.listen == other.exchange.listen,
            ),
            ("desk.listen", self.desk.listen == other.desk.listen),
            ("ops.listen", self.ops == other.ops),
            ("directory", self.directory == other.directory),
            ("keys.log", self.keys.log == other.keys.log),
            ("store", self.store == other.store),
            ("log", self.log == other.log),
            ("delivery", self.delivery == other.delivery),
            ("marking", self.marking == other.marking),
        ];
        same.into_iter()
            .find_map(|(key, is_same)| (!is_same).then_some(key))
    }

    /// Whether people are called otherwise than by `other`.
    pub(super) fn calls_otherwise(&self, other: &Self) -> bool {
        (&self.calling, &self.webhook, &self.mail) != (&other.calling, &other.webhook, &other.mail)
    }

    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let hooks = self.webhook.iter_mut();
        let hooks = hooks.flat_map(|hook| [Some(&mut hook.secret), hook.ca.as_mut()]);
        let mail = self.mail.iter_mut();
        let mail = mail.flat_map(|mail| [mail.ca.as_mut(), mail.password.as_mut()]);
        let mut paths = vec![
            &mut self.exchange.certificate,
            &mut self.exchange.key,
            &mut self.desk.certificate,
            &mut self.desk.key,
            &mut self.desk.ca,
            &mut self.desk.crl,
            &mut self.directory.folder,
            &mut self.keys.statement,
            &mut self.keys.receipt,
            &mut self.keys.log,
            &mut self.store.folder,
            &mut self.store.key,
        ];
        paths.extend(hooks.chain(mail).flatten());
        paths
    }
}

fn authority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AuthorityId, D::Error> {
    parsed(deserializer)
}

fn ground<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TransferGround>, D::Error> {
    let text = String::deserialize(deserializer)?;
    words::standing_ground(&text)
        .map(Some)
        .map_err(de::Error::custom)
}

/// Short enough that a revocation holds within a minute, long enough that looking costs nothing.
fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let interval = Duration::from_millis(u64::deserialize(deserializer)?);
    if (RELOAD_INTERVAL_MIN..=RELOAD_INTERVAL_MAX).contains(&interval) {
        return Ok(interval);
    }
    Err(de::Error::custom(format!(
        "found {}, expected {} to {} milliseconds",
        interval.as_millis(),
        RELOAD_INTERVAL_MIN.as_millis(),
        RELOAD_INTERVAL_MAX.as_millis()
    )))
}

fn connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let count = usize::deserialize(deserializer)?;
    if (1..=CONNECTIONS_MAX).contains(&count) {
        return Ok(count);
    }
    Err(de::Error::custom(format!(
        "found {count}, expected 1 to {CONNECTIONS_MAX} connections"
    )))
}

/// None at all would shut a partner out: the directory does that.
fn at_least_one<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + PartialOrd + From<u8>,
{
    let number = T::deserialize(deserializer)?;
    if number < T::from(1) {
        return Err(de::Error::custom("found 0, expected 1 or more"));
    }
    Ok(number)
}

fn anchor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Anchor, D::Error> {
    parsed::<D, Anchor, DirectoryError>(deserializer)
}

fn parsed<'de, D, T, E>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = E>,
    E: fmt::Display,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
