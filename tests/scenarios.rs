//! Whole cases between desks, over real nodes and by the commands that officers type; at the end of each, what `track` tells
//! the head of unit who asks about it, kept as a golden file and read aloud.
//!
//! Real nodes have the clock of their machine, which no test moves: the case in which the originator sleeps over a hit is
//! told where clocks can jump, in `cli/commands/track/asleep.rs`.
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

mod common;
#[path = "scenarios/scene.rs"]
mod scene;

#[path = "scenarios/found_at_a_border.rs"]
mod found_at_a_border;
#[path = "scenarios/touches_a_clause.rs"]
mod touches_a_clause;
#[path = "scenarios/wrong_person.rs"]
mod wrong_person;
