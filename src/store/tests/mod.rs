//! Tests of the store as a whole, and what they and the ledger's tests share: statements told in a line,
//! and a journal in memory.

mod codec;
mod ends;
mod journal;
mod lives;
mod log;
mod replay;
mod statements;
mod store;
