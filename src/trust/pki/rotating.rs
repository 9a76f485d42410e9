//! What can be replaced, as it is asked for.

use std::{fmt, str::FromStr};

use super::Ca;
use crate::trust::keys::KeyUse;

/// What can be asked to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotating {
    /// Signs statements.
    Statement,
    /// Signs receipts.
    Receipt,
    /// Signs the checkpoints of exports.
    Log,
    /// Signs the authority's own entry.
    Directory,
    /// The node's certificate towards partners, with its key.
    Node,
    /// The CA of the node's certificate, which the directory names.
    ExchangeCa,
    /// The CA of the own desk.
    DeskCa,
}

impl Rotating {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Statement,
        Self::Receipt,
        Self::Log,
        Self::Directory,
        Self::Node,
        Self::ExchangeCa,
        Self::DeskCa,
    ];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Receipt => "receipt",
            Self::Log => "log",
            Self::Directory => "directory",
            Self::Node => "node",
            Self::ExchangeCa => "exchange-ca",
            Self::DeskCa => "desk-ca",
        }
    }

    /// The CA that it is; a succession of its own.
    pub(super) const fn ca(self) -> Option<Ca> {
        match self {
            Self::ExchangeCa => Some(Ca::Exchange),
            Self::DeskCa => Some(Ca::Desk),
            Self::Statement | Self::Receipt | Self::Log | Self::Directory | Self::Node => None,
        }
    }

    /// What its key signs in the directory's terms; `None` for what is X.509.
    pub(super) const fn signing_use(self) -> Option<KeyUse> {
        match self {
            Self::Statement => Some(KeyUse::Statement),
            Self::Receipt => Some(KeyUse::Receipt),
            Self::Log => Some(KeyUse::Log),
            Self::Directory => Some(KeyUse::Directory),
            Self::Node | Self::ExchangeCa | Self::DeskCa => None,
        }
    }
}

impl fmt::Display for Rotating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Rotating {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|it| it.name() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("expected one of {names}")
        })
    }
}
