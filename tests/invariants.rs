//! The ten invariants of the design, each by what it accepts and what it refuses.
//!
//! ```text
//!  Peer (the keys of XA-POL) ==exchange==> XB-POL, a real node <--desk-- officer
//!  Peer (the keys of XC-POL) ==/
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up fails"
)]

#[path = "common/fleet.rs"]
mod fleet;
#[path = "common/peer.rs"]
mod peer;

#[path = "invariants/durable.rs"]
mod durable;
#[path = "invariants/links.rs"]
mod links;
#[path = "invariants/outside.rs"]
mod outside;
#[path = "invariants/peers.rs"]
mod peers;
