//! gRPC for an authority's own people and systems: `allpoints.desk.v1`.
//!
//! The way in is [`serve`]. Who calls comes from the verified certificate alone
//! ([`DeskIdentity`](crate::trust::tls::DeskIdentity)); what they may do stands in [`rights`]. It must never
//! answer "accepted" before the broker says that it is durable, nor show a person to ops.

mod actor;
mod apart;
mod audit;
mod calls;
mod carry;
mod cursor;
mod drafts;
mod exercise;
mod expiry;
mod export;
mod ground;
mod handover;
mod inbox;
mod loaded;
mod moment;
mod offers;
mod overview;
mod resume;
pub mod rights;
mod same_person;
mod second;
mod service;
mod statistics;
mod stream;
mod submit;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
mod thread;
mod touched;
mod units;
mod watch;
mod work;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::{
    expiry::{Expiry, Warning},
    export::ExportError,
    loaded::{Loaded, RefusedLoad},
    service::{DeskService, serve},
};
use crate::{
    calling::Calling,
    delivery::Broker,
    domain::{
        alert::marking::Markings,
        id::AuthorityId,
        release::Rule,
        time::{Clock, Timestamp},
        transfer::Policy,
    },
    store::Store,
    trust::{directory::DirectoryHandle, keys::SigningKey},
};

/// What the desk is made of.
pub struct DeskParts {
    /// Whose desk it is.
    pub authority: AuthorityId,
    /// Accepts and consults.
    pub broker: Broker,
    /// What is kept.
    pub store: Store,
    /// The directory in force.
    pub directory: DirectoryHandle,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Keys the pseudonyms of callers: secret, and the same after a restart.
    pub pseudonym_key: [u8; 32],
    /// Signs the checkpoints of exports; may be replaced while the node runs.
    pub log_key: Arc<ArcSwap<SigningKey>>,
    /// Number of the present log, in the name of its origin.
    pub log_epoch: u32,
    /// On what ground statements go abroad when neither they nor their thread name one, and what destinations ask; may
    /// change while the node runs.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Which of the optional markings drafts may carry.
    pub markings: Markings,
    /// What leaves only after a second person's release; may change while the node runs.
    pub release_rules: Arc<ArcSwap<Vec<Rule>>>,
    /// When this node began to serve.
    pub started_at: Timestamp,
    /// Certificates and lists that end, as they are now: they are renewed while the node runs.
    pub expiries: Arc<dyn Fn() -> Vec<Expiry> + Send + Sync>,
    /// What is read anew while the node runs: what is in force, and what was refused.
    pub loaded: Arc<dyn Fn() -> Vec<Loaded> + Send + Sync>,
    /// Calls the own people.
    pub calling: Calling,
}
