//! Generated protobuf types, nothing else. Not a layer: every layer but `domain` may use them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code, documented in proto/"
)]

macro_rules! packages {
    ($($package:ident),*) => {$(
        pub mod $package {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/allpoints.", stringify!($package), ".v1.rs"));
                include!(concat!(env!("OUT_DIR"), "/allpoints.", stringify!($package), ".v1.serde.rs"));
            }
        }
    )*};
}
packages!(alert, envelope, directory, exchange, desk, evidence);

/// The encoded `FileDescriptorSet` of `proto/`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
