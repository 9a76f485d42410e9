//! gRPC with other authorities: `allpoints.exchange.v1`, over connections whose peer TLS has proved.
//!
//! The ways in are [`serve`] (others call us) and [`GrpcConnector`] (we call others). Who the peer is comes
//! from its verified certificate alone ([`PeerIdentity`](crate::trust::tls::PeerIdentity)), never from a
//! message. It must never tell a peer more than a named reason, and offers neither reflection nor health.

mod client;
pub mod convert;
mod directory;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod offered;
mod reclaim;
mod server;
mod session;
mod sightings;
mod status;

pub use self::{
    client::{GrpcConnector, GrpcConnectorParts},
    server::{ExchangeObserver, ExchangeParts, serve},
    sightings::{Sighting, Sightings},
};

/// The protocol versions that this program speaks, ascending.
pub const PROTOCOL_VERSIONS: [u32; 1] = [1];
