//! A directory bundle, trusted as far as its own first root reaches.
#![no_main]

use allpoints::{
    domain::time::Timestamp,
    proto::directory::v1 as pb,
    trust::directory::{Anchor, Directory},
};
use aws_lc_rs::digest::{SHA256, digest};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

fuzz_target!(|data: &[u8]| {
    let Ok(bundle) = pb::Bundle::decode(data) else {
        return;
    };
    let Some(root) = bundle.roots.first() else {
        return;
    };
    let hash = digest(&SHA256, &root.document);
    let Ok(anchor) = hash.as_ref().try_into().map(Anchor) else {
        return;
    };
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let _ = Directory::verify(&bundle, anchor, now);
});
