//! Whole federations in one thread and in virtual time, with everything going wrong that the dice can think of.
//!
//! The way in is [`run`]. Brokers, trust and journals are the real ones; clock, chance, network, disk and view are
//! simulated, and nodes run as tasks of [`crate::store::Machine`]s. The same seed gives the same run, event by event;
//! what must hold is in `model` (said and said again) and `audit` (said and kept). Must never look into a node's
//! inside to make a run go well. In tests only: nothing of it is in a shipped build.

mod audit;
mod certificates;
mod clock;
mod desk;
mod dice;
mod federation;
mod model;
mod network;
mod node;
mod rotation;
mod run;
#[cfg(test)]
mod tests;
mod trace;
mod trouble;
mod view;
mod world;

pub use self::{
    run::{Failure, Options, Report, run},
    trace::Lines,
    world::Tally,
};
