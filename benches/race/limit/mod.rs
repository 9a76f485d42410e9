//! The honest limit: what no implementation of this design can do without, and nothing else.
//!
//! Client -> A -> B over mutual TLS; leaf hashes, one signature a batch, bodies sealed, one `fdatasync` a group on
//! zero-filled segments at both ends, receipts signed and journaled back at A, log tree. No parsing, no rules, no
//! dedupe, no index, no recovery. Batch, window and connection settings equal those of the node.

pub mod journal;
pub mod load;
pub mod node;
pub mod process;
pub mod relay;

/// Bytes of a receipt: federation 16, recipient 8, sender 8, id 16, leaf 32, verdict 4, time 8, directory 8, index 8.
pub const RECEIPT_BYTES: usize = 108;

/// What travels from client to A and from A to B.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Bodies {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub bodies: Vec<bytes::Bytes>,
    #[prost(bytes = "bytes", tag = "2")]
    pub header: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub signature: bytes::Bytes,
    #[prost(uint64, tag = "4")]
    pub number: u64,
}

/// What comes back.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Reply {
    /// 1: durable at A. 2: receipt durable at A. 3: receipts from B.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// First 8 bytes of each id, joined.
    #[prost(bytes = "bytes", tag = "2")]
    pub ids: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub header: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub signature: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub leaves: bytes::Bytes,
    #[prost(uint64, tag = "6")]
    pub number: u64,
    #[prost(uint64, tag = "7")]
    pub time: u64,
    #[prost(uint64, tag = "8")]
    pub index: u64,
}
