//! For the targets of `fuzz/` alone: the journal's parsers over any bytes.

use bytes::Bytes;

use super::{
    block,
    group::{GROUP_HEADER_BYTES, GroupHeader},
    segment::SegmentHeader,
};

/// Reads bytes as everything that a segment file holds.
pub fn segment(data: &[u8]) {
    if let Some(header) = SegmentHeader::decode(data) {
        assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
    }
    if let Some(bytes) = data.first_chunk::<GROUP_HEADER_BYTES>()
        && let Some((header, crc)) = GroupHeader::decode(bytes)
    {
        // The last four bytes are over the blocks, too, which are read after it.
        let (encoded, found) = (header.encode(crc), bytes);
        let but_crc = ..GROUP_HEADER_BYTES - 4;
        assert_eq!(
            encoded.get(but_crc),
            found.get(but_crc),
            "one spelling alone"
        );
    }
    let blocks = Bytes::copy_from_slice(data);
    for (at, prefix, front) in block::split(&blocks).unwrap_or_default() {
        assert!(at + prefix.length <= data.len());
        for number in 0..front.headers.len() {
            assert!(front.header_bytes(number).is_some());
            assert!(front.body(number).end <= prefix.length);
        }
    }
}
