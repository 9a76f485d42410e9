//! One file per command. Each takes its own arguments and the session, and nothing else.

pub mod answer;
pub mod audit;
pub mod call;
pub mod cap;
pub mod carry;
pub mod change;
pub mod config;
pub mod dev;
pub mod draft;
pub mod exercise;
pub mod extend;
pub mod handover;
pub mod import;
pub mod instruct;
pub mod link;
pub mod links;
pub mod list;
pub mod lists;
pub mod new;
pub mod offers;
pub mod pass_on;
pub mod permission;
pub mod reasons;
pub mod restrict;
pub mod resume;
pub mod send;
pub mod serve;
pub mod show;
pub mod stats;
pub mod status;
pub mod store;
mod touched;
pub mod track;
pub mod tree;
pub mod unreturned;
pub mod watch;

#[cfg(test)]
mod specimens;
