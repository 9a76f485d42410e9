//! Allpoints: to every point that needs to know, and proof that they knew.
//!
//! Layers, each using only those above it; `tests/architecture.rs` holds the arrows.

#[macro_use]
pub mod failpoint;
pub mod proto;

pub mod calling;
pub mod cli;
pub mod client;
pub mod delivery;
pub mod desk;
pub mod domain;
pub mod exchange;
pub mod i18n;
pub mod node;
#[cfg(any(test, feature = "faults"))]
pub mod planted;
#[cfg(not(any(test, feature = "faults")))]
mod planted;
#[cfg(any(test, feature = "faults"))]
pub mod simulation;
pub mod store;
pub mod trust;
pub mod wire;
