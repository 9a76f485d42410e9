//! One file per command. Each takes its own arguments and the session, and nothing else.

pub mod answer;
pub mod audit;
pub mod call;
pub mod change;
pub mod config;
pub mod dev;
pub mod draft;
pub mod extend;
pub mod instruct;
pub mod links;
pub mod list;
pub mod lists;
pub mod new;
pub mod offers;
pub mod reasons;
pub mod restrict;
pub mod resume;
pub mod send;
pub mod serve;
pub mod show;
pub mod status;
pub mod store;
pub mod track;
pub mod unreturned;
pub mod watch;

#[cfg(test)]
mod specimens;
