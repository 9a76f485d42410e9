//! For the targets of `fuzz/` alone: what reads along with a connection, over any bytes.

use super::frames::Frames;

/// Reads bytes at once and in pieces; both must see the same.
pub fn frames(data: &[u8]) {
    let Some((piece, data)) = data.split_first() else {
        return;
    };
    for begun in [Frames::of_a_client, Frames::of_a_server] {
        let (mut whole, mut cut) = (begun(), begun());
        let at_once = whole.read(data).small;
        let in_pieces: u32 = data
            .chunks(usize::from(*piece).max(1))
            .map(|part| cut.read(part).small)
            .sum();
        assert_eq!(at_once, in_pieces);
        assert_eq!(whole.is_within(), cut.is_within());
    }
}
