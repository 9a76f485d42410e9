//! What is to be run: contenders, modes, how often.

use std::{path::PathBuf, time::Duration};

/// Bytes of one message: the payload that is handed in. Every contender gets the same.
pub const MESSAGE_BYTES: usize = 1024;
/// Messages that one client has under way at most.
pub const WINDOW_MESSAGES: u64 = 16 * 1024;
/// Messages in one submit of the saturated mode.
pub const SUBMIT_MESSAGES: u64 = 256;

/// How the load comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As much as the window lets through.
    Saturated(Duration),
    /// One message each millisecond; latency counts from when it was due.
    Paced(Duration),
    /// The next when the one before is settled.
    Single(u64),
    /// So many, as fast as the window lets them through.
    Filled(u64),
}

/// Messages a second of the paced mode.
pub const PACE_PER_SECOND: u64 = 1000;

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Saturated(_) => "saturated",
            Self::Paced(_) => "paced",
            Self::Single(_) => "single",
            Self::Filled(_) => "filled",
        }
    }

    /// As words for another process.
    pub fn words(self) -> [String; 2] {
        let amount = match self {
            Self::Saturated(time) | Self::Paced(time) => time.as_secs(),
            Self::Single(count) | Self::Filled(count) => count,
        };
        [self.name().to_owned(), amount.to_string()]
    }

    pub fn read(name: &str, amount: &str) -> Self {
        let amount = amount.parse().expect("a number");
        match name {
            "saturated" => Self::Saturated(Duration::from_secs(amount)),
            "paced" => Self::Paced(Duration::from_secs(amount)),
            "single" => Self::Single(amount),
            "filled" => Self::Filled(amount),
            other => panic!("no mode `{other}`: expected saturated, paced, single or filled"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    Limit,
    Us,
    Rabbit,
    Nats,
}

impl Contender {
    const ALL: [Self; 4] = [Self::Limit, Self::Us, Self::Rabbit, Self::Nats];

    pub fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Us => "us",
            Self::Rabbit => "rabbit",
            Self::Nats => "nats",
        }
    }

    /// Whether a run of it must have flushes; of the others the table says that they are not durable.
    pub fn tells_flushes(name: &str) -> bool {
        name != Self::Nats.name()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

pub struct Plan {
    pub modes: Vec<Mode>,
    pub rounds: usize,
    pub contenders: Vec<Contender>,
    pub format: Format,
    folder: Option<PathBuf>,
}

impl Plan {
    /// From the words of the command line; cargo's own are passed over.
    pub fn read(words: &[&str]) -> Self {
        let after = |word| {
            let at = words.iter().position(|it| *it == word)?;
            words.get(at + 1).copied()
        };
        let full = words.contains(&"--full");
        let secs = |quick, full_secs| Duration::from_secs(if full { full_secs } else { quick });
        let modes = [
            Mode::Saturated(secs(3, 8)),
            Mode::Paced(secs(3, 8)),
            Mode::Single(if full { 1000 } else { 200 }),
        ];
        let wanted = |name: &str, list: Option<&str>| {
            list.is_none_or(|list| list.split(',').any(|it| it == name))
        };
        Self {
            modes: modes
                .into_iter()
                .filter(|mode| wanted(mode.name(), after("--modes")))
                .collect(),
            rounds: after("--rounds").map_or(if full { 5 } else { 1 }, |rounds| {
                rounds.parse().expect("a number after --rounds")
            }),
            contenders: Contender::ALL
                .into_iter()
                .filter(|contender| wanted(contender.name(), after("--only")))
                .collect(),
            format: match words.contains(&"--json") {
                true => Format::Json,
                false => Format::Text,
            },
            folder: after("--folder").map(PathBuf::from),
        }
    }

    /// Where all contenders write: the file system that is measured.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(std::env::temp_dir)
    }
}
