//! `[calling]`, `[[webhook]]` and `[mail]` of the configuration, and the ways of calling that they make.
//!
//! The way in is [`open`]: everything that they name is read and checked before the node serves.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, de};

use super::{config::Config, error::NodeError};
use crate::{
    calling::{MailSettings, Mailbox, Secured, Settings, Webhook, WebhookSettings},
    domain::limits::{MAILS_PER_MINUTE_MAX, WEBHOOKS_MAX},
};

/// Characters of a webhook's name.
const NAME_MAX_CHARS: usize = 32;
/// A partner is called about after an hour of silence at most a day.
const LINK_DOWN_MINUTES_MAX: u64 = 24 * 60;

/// `[calling]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calling {
    /// Where people open what they are called about; `{reference}` stands for the alert's.
    #[serde(deserialize_with = "link")]
    pub link: String,
    /// How long a partner may be away before people are called.
    #[serde(deserialize_with = "minutes")]
    pub link_down_minutes: u64,
}

impl Default for Calling {
    fn default() -> Self {
        Self {
            link: String::new(),
            link_down_minutes: 15,
        }
    }
}

/// `[[webhook]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookKeys {
    /// How people call it.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// `https://host/path`, or `http://` to this machine.
    pub url: String,
    /// File of its secrets.
    pub secret: PathBuf,
    /// Who vouches for the receiver.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// `[mail]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way is secured.
    pub tls: MailTls,
    /// Who vouches for the server.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Who logs in.
    #[serde(default)]
    pub user: Option<String>,
    /// File of the password.
    #[serde(default)]
    pub password: Option<PathBuf>,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// At most so many.
    #[serde(default = "ten", deserialize_with = "per_minute")]
    pub per_minute: u32,
}

/// How the way to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Not at all.
    None,
    /// By STARTTLS.
    StartTls,
    /// From the first byte.
    Tls,
}

/// What calling is set to, and its ways.
pub(super) struct Ways {
    pub(super) settings: Settings,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) mail: Option<Mailbox>,
}

/// Reads everything that the ways of calling need.
///
/// # Errors
/// Names the part of the configuration, what was found, and the fix.
pub(super) fn open(config: &Config) -> Result<Ways, NodeError> {
    let webhooks = config.webhook.iter().map(|keys| {
        Webhook::open(&WebhookSettings {
            name: keys.name.clone(),
            url: keys.url.clone(),
            secret: keys.secret.clone(),
            ca: keys.ca.clone(),
        })
    });
    let webhooks = webhooks
        .collect::<Result<_, _>>()
        .map_err(|fault| NodeError::Calling(fault.to_string()))?;
    let mail = config.mail.as_ref().map(mailbox).transpose()?;
    Ok(Ways {
        settings: Settings {
            link: config.calling.link.clone(),
            link_down_after: Duration::from_secs(config.calling.link_down_minutes * 60),
        },
        webhooks,
        mail,
    })
}

fn mailbox(keys: &Mail) -> Result<Mailbox, NodeError> {
    let login = match (&keys.user, &keys.password) {
        (Some(user), Some(password)) => Some((user.clone(), password.clone())),
        (None, None) => None,
        _ => {
            let fault = "mail: `user` and `password` go together: set both, or neither";
            return Err(NodeError::Calling(fault.to_owned()));
        }
    };
    let settings = MailSettings {
        host: keys.host.clone(),
        port: keys.port,
        secured: match keys.tls {
            MailTls::None => Secured::Plain,
            MailTls::StartTls => Secured::StartTls,
            MailTls::Tls => Secured::Tls,
        },
        ca: keys.ca.clone(),
        login,
        from: keys.from.clone(),
        to: keys.to.clone(),
        per_minute: keys.per_minute,
    };
    Mailbox::open(&settings).map_err(|fault| NodeError::Calling(fault.to_string()))
}

/// Each with a name of its own, and not too many.
pub(super) fn webhooks<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<WebhookKeys>, D::Error> {
    let all = Vec::<WebhookKeys>::deserialize(deserializer)?;
    if all.len() > WEBHOOKS_MAX {
        return Err(de::Error::custom(format!(
            "found {} webhooks, expected at most {WEBHOOKS_MAX}",
            all.len()
        )));
    }
    let mut names = BTreeSet::from(["mail"]);
    match all.iter().find(|hook| !names.insert(&hook.name)) {
        None => Ok(all.clone()),
        Some(hook) => Err(de::Error::custom(format!(
            "found the name `{}` twice, expected each webhook to have its own, and none `mail`",
            hook.name
        ))),
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let legal = (1..=NAME_MAX_CHARS).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if legal {
        return Ok(name);
    }
    Err(de::Error::custom(format!(
        "found `{}`, expected 1 to {NAME_MAX_CHARS} of a-z, 0-9 and -",
        name.escape_debug()
    )))
}

fn link<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let link = String::deserialize(deserializer)?;
    let plain = link.len() <= 256 && link.bytes().all(|byte| byte.is_ascii_graphic());
    if link.is_empty() || (plain && link.contains("{reference}")) {
        return Ok(link);
    }
    Err(de::Error::custom(format!(
        "found `{}`, expected an address with `{{reference}}` in it, in ASCII, or nothing",
        link.escape_debug()
    )))
}

fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let minutes = u64::deserialize(deserializer)?;
    if (1..=LINK_DOWN_MINUTES_MAX).contains(&minutes) {
        return Ok(minutes);
    }
    Err(de::Error::custom(format!(
        "found {minutes}, expected 1 to {LINK_DOWN_MINUTES_MAX} minutes"
    )))
}

fn per_minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let mails = u32::deserialize(deserializer)?;
    if (1..=MAILS_PER_MINUTE_MAX).contains(&mails) {
        return Ok(mails);
    }
    Err(de::Error::custom(format!(
        "found {mails}, expected 1 to {MAILS_PER_MINUTE_MAX} mails a minute"
    )))
}

const fn ten() -> u32 {
    10
}
