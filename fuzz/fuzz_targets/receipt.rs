//! The bytes of a receipt.
#![no_main]

use allpoints::wire;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    if let Ok(receipt) = wire::decode_receipt(&document) {
        let written = wire::encode_receipt(&receipt);
        assert_eq!(wire::decode_receipt(&written), Ok(receipt));
    }
});
