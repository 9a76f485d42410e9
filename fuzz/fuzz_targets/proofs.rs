//! A Merkle path that a peer, an export or a log gives.
#![no_main]

use allpoints::trust::merkle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((head, path)) = data.split_first_chunk::<48>() else {
        return;
    };
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| head[at + byte]));
    let leaf = std::array::from_fn(|byte| head[16 + byte]);
    let path: Vec<[u8; 32]> = path.as_chunks::<32>().0.to_vec();
    if let Some(root) = merkle::root_from_path(&leaf, number(0), number(8), &path) {
        // A path of one hash more or less proves nothing of the same tree.
        let longer = [path.as_slice(), &[[0; 32]]].concat();
        assert_eq!(
            merkle::root_from_path(&leaf, number(0), number(8), &longer),
            None
        );
        assert!(number(0) < number(8) && (!path.is_empty() || root == leaf));
    }
});
