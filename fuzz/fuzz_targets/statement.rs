//! The bytes of a statement, as they are read back from the journal and from a batch that verified.
#![no_main]

use allpoints::wire;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    if let Ok((routing, payload)) = wire::decode_kept_statement(&document) {
        // What was read is legal: it can be written, and reads the same again.
        let written = wire::encode_statement(&routing, [7; 16], &payload);
        let (again, rest) = wire::decode_kept_statement(&written).expect("own words are legal");
        assert_eq!((again, rest), (routing, payload));
    }
});
