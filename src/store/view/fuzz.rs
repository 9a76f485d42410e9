//! For the targets of `fuzz/` alone: the records of a view row over any bytes.

use super::pack::{Packer, Unpacker};

/// Reads bytes as records, one after another; what was read is written the same way.
pub fn row(data: &[u8]) {
    let mut unpacker = Unpacker::new(data);
    while !unpacker.is_empty() {
        let Some(record) = unpacker.record() else {
            return;
        };
        let mut packer = Packer::default();
        packer.record(&record);
        let again = Unpacker::new(packer.bytes()).record();
        assert_eq!(again.as_ref(), Some(&record));
    }
}
