//! Configuration, wiring, start, drain, telemetry: what makes the layers one program.
//!
//! The ways in are [`serve`] (the whole life of a node) and [`Node::start`] (for a program that holds several).
//! It decides nothing about statements; it must never serve before everything it serves is checked and open.

mod calling;
mod catch_up;
pub mod config;
mod error;
mod expiry;
mod listeners;
mod metrics;
mod observer;
mod ops;
mod parts;
mod reload;
mod run;
mod serving;
mod signing;
pub mod system;
mod telemetry;
mod view;

pub use self::{
    error::{ExitKind, NodeError},
    run::{Addresses, Node, serve},
};

/// `deploy/node.toml`: every key with its meaning.
pub const CONFIG_REFERENCE: &str = include_str!("../../deploy/node.toml");
