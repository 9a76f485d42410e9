//! Why a node does not start, or stopped: each names the fix, and with which exit code.

use std::{io, net::SocketAddr, path::PathBuf};

use super::config::ConfigError;
use crate::{
    store::{OpenError, StoreFailed},
    trust::{
        directory::DirectoryError,
        keys::{KeyError, KeyId},
        tls::TlsError,
    },
};

/// Which of the program's exit codes an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// 1: failed inside.
    Failed,
    /// 2: usage or configuration; the text names the fix.
    Configuration,
}

/// Why a node does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate, its key, the desk CA or its list.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The desk CA, or its list, cannot be used.
    #[error("{source} (desk.ca {}, desk.crl {})", ca.display(), crl.display())]
    DeskTrust {
        /// The CA's file.
        ca: PathBuf,
        /// The list's file.
        crl: PathBuf,
        /// What is wrong with which.
        source: Box<TlsError>,
    },
    /// The directory.
    #[error("{source} (`directory.folder` {}, `directory.anchor`)", folder.display())]
    Directory {
        /// As configured.
        folder: PathBuf,
        /// What is wrong.
        source: Box<DirectoryError>,
    },
    /// The authority is not in its own directory.
    #[error(
        "{authority} is not in directory version {version}: install a directory that lists it, or correct `authority`"
    )]
    NotListed {
        /// As configured.
        authority: crate::domain::id::AuthorityId,
        /// Of the directory.
        version: u64,
    },
    /// A signing key that the directory does not name as good.
    #[error(
        "{} holds key {key}, which directory version {version} {what}: publish it first (`allpoints pki rotate`), or put the former key back", file.display()
    )]
    KeyNotPublished {
        /// The key's file.
        file: PathBuf,
        /// Which key.
        key: KeyId,
        /// Of the directory.
        version: u64,
        /// What the directory says of it.
        what: &'static str,
    },
    /// A key of the configuration that a running node cannot take over.
    #[error("configuration {}: `{key}` has changed: restart the node to use it, or put the former value back", file.display())]
    NeedsRestart {
        /// The configuration.
        file: PathBuf,
        /// Which key, or part.
        key: &'static str,
    },
    /// A file that the configuration names.
    #[error("{what} {}: cannot be read ({source}): put the file there, or correct `{what}` in the configuration", file.display())]
    File {
        /// Which key names it.
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A way of calling people.
    #[error("{0}: correct it, or take that part out of the configuration")]
    Calling(String),
    /// A log filter.
    #[error("log.filter: {0}: expected such as `info` or `info,allpoints::delivery=debug`")]
    Filter(String),
    /// A listener's address.
    #[error(
        "{listener}.listen: cannot listen on {address} ({source}): stop what uses it, or choose another"
    )]
    Listen {
        /// `exchange`, `desk` or `ops`.
        listener: &'static str,
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The journal or view.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The view's database.
    #[error(transparent)]
    View(#[from] crate::store::view::ViewError),
    /// The store failed while the node served: it stops at once (invariant I1).
    #[error(transparent)]
    Store(#[from] StoreFailed),
    /// A listener ended by itself.
    #[error("the {0} listener ended: {1}")]
    Listener(&'static str, String),
    /// The runtime or its threads.
    #[error("the node's runtime failed: {0}")]
    Runtime(String),
}

impl NodeError {
    /// The exit code that it means.
    #[must_use]
    pub fn exit(&self) -> ExitKind {
        match self {
            Self::Config(_)
            | Self::Key(_)
            | Self::Tls(_)
            | Self::DeskTrust { .. }
            | Self::Open(OpenError::Configuration(_))
            | Self::Directory { .. }
            | Self::NotListed { .. }
            | Self::KeyNotPublished { .. }
            | Self::NeedsRestart { .. }
            | Self::File { .. }
            | Self::Calling(_)
            | Self::Filter(_)
            | Self::Listen { .. } => ExitKind::Configuration,
            Self::Open(_)
            | Self::View(_)
            | Self::Store(_)
            | Self::Listener(..)
            | Self::Runtime(_) => ExitKind::Failed,
        }
    }
}
