//! RFC 6962 trees: of one batch, and of the journal's log.
//!
//! The way in: [`root`] and [`path`] over leaf hashes, [`root_from_path`] to check one, [`Frontier`] for
//! a log that grows. Never accepts a path that is longer or shorter than its place in the tree demands,
//! and never pads a tree by repeating leaves.

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

/// A node or leaf hash.
pub type Hash = [u8; 32];

/// `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut joined = [0x01; 65];
    joined[1..33].copy_from_slice(left);
    joined[33..].copy_from_slice(right);
    sha256(&joined)
}

/// `SHA-256(0x00 || data)`: leaf of the journal's log over an entry header.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0x00]);
    context.update(data);
    into_hash(context.finish())
}

/// Root over leaf hashes (RFC 6962, 2.1); of none, the hash of nothing.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// Audit path of a leaf (RFC 6962, 2.1.1), lowest first; `None` when there is no such leaf.
#[must_use]
pub fn path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut below, mut place) = (leaves, index);
    while below.len() > 1 {
        let (left, right) = below.split_at(split(below.len()));
        if place < left.len() {
            path.push(root(right));
            below = left;
        } else {
            path.push(root(left));
            place -= left.len();
            below = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Root that a leaf at `index` of `size` leads to; `None` unless the path has exactly the right length
/// (RFC 9162, 2.1.3.2).
#[must_use]
pub fn root_from_path(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let (mut place, mut last) = (index, size.checked_sub(1)?);
    if place > last {
        return None;
    }
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node(sibling, &hash);
            // At the right edge, levels without a sibling are passed over.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The growing right edge of a log: appends and gives the root, without keeping the leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the full subtrees from left to right, one for each bit that is set in `size`.
    full: Vec<Hash>,
}

impl Frontier {
    /// Adds one leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each bit that carries joins two full subtrees of the same height.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.full.pop() {
                hash = node(&left, &hash);
            }
        }
        self.full.push(hash);
        self.size += 1;
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over all leaves so far; of none, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.full
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node(&left, &right))
            .unwrap_or_else(|| sha256(&[]))
    }
}

/// SHA-256 over bytes at hand.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    into_hash(digest(&SHA256, bytes))
}

/// The 32 bytes of a finished SHA-256.
pub(in crate::trust) fn into_hash(digest: Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// The largest power of two below `size`; `size` is at least 2 (RFC 6962, 2.1).
fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The eight leaves of the Certificate Transparency project's own tests.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    /// Roots over the first 0, 1, ... 8 of them.
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    const PATHS: [(usize, [&str; 3]); 2] = [
        (
            0,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn hash(hex: &str) -> Hash {
        bytes(hex).try_into().unwrap()
    }

    fn reference_leaves() -> Vec<Hash> {
        LEAVES.iter().map(|hex| leaf(&bytes(hex))).collect()
    }

    fn numbered_leaves(size: usize) -> Vec<Hash> {
        (0..size).map(|n| leaf(&n.to_be_bytes())).collect()
    }

    /// MTH as RFC 6962 writes it down.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(naive_split(more.len()));
                node(&naive_root(left), &naive_root(right))
            }
        }
    }

    /// PATH as RFC 6962 writes it down.
    fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let k = naive_split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut path, other) = if index < k {
            (naive_path(index, left), naive_root(right))
        } else {
            (naive_path(index - k, right), naive_root(left))
        };
        path.push(other);
        path
    }

    fn naive_split(size: usize) -> usize {
        let mut k = 1;
        while k * 2 < size {
            k *= 2;
        }
        k
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let leaves = reference_leaves();
        let mut frontier = Frontier::default();
        for (size, expected) in ROOTS.iter().enumerate() {
            assert_eq!(root(&leaves[..size]), hash(expected), "{size} leaves");
            assert_eq!(frontier.root(), hash(expected), "frontier of {size}");
            assert_eq!(frontier.size(), size as u64);
            if let Some(leaf) = leaves.get(size) {
                frontier.push(*leaf);
            }
        }
    }

    #[test]
    fn paths_are_those_of_certificate_transparency() {
        let leaves = reference_leaves();
        for (index, expected) in PATHS {
            let expected: Vec<Hash> = expected.iter().map(|hex| hash(hex)).collect();
            assert_eq!(path(&leaves, index), Some(expected), "leaf {index}");
        }
        assert_eq!(path(&leaves, 8), None);
        assert_eq!(path(&[], 0), None);
    }

    #[test]
    fn every_path_of_every_small_tree_leads_to_the_root_and_to_no_other_place() {
        for size in 1..=40_usize {
            let leaves = numbered_leaves(size);
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path(&leaves, index).unwrap();
                let leads = |index: u64, size: u64, path: &[Hash]| {
                    root_from_path(leaf, index, size, path) == Some(root)
                };
                let (at, of) = (index as u64, size as u64);
                assert!(leads(at, of, &path));
                for other in (0..of).filter(|other| *other != at) {
                    assert!(!leads(other, of, &path), "{other} for {at} of {of}");
                }
                assert!(!leads(of, of, &path), "an index beyond the tree");
                let longer = [path.as_slice(), &[root]].concat();
                assert_eq!(root_from_path(leaf, at, of, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root_from_path(leaf, at, of, shorter), None);
                }
            }
        }
    }

    #[test]
    fn an_empty_tree_has_no_leaf() {
        assert_eq!(root_from_path(&[0; 32], 0, 0, &[]), None);
    }

    proptest! {
        #[test]
        fn root_path_and_frontier_agree_with_the_definition(size in 1..300_usize, pick: prop::sample::Index) {
            let leaves = numbered_leaves(size);
            let index = pick.index(size);
            prop_assert_eq!(root(&leaves), naive_root(&leaves));
            let path = path(&leaves, index).unwrap();
            prop_assert_eq!(&path, &naive_path(index, &leaves));
            prop_assert_eq!(
                root_from_path(&leaves[index], index as u64, size as u64, &path),
                Some(root(&leaves))
            );
        }

        #[test]
        fn any_changed_byte_of_a_path_leads_elsewhere(
            size in 2..100_usize, pick: prop::sample::Index, place: prop::sample::Index, change in 1..=u8::MAX,
        ) {
            let leaves = numbered_leaves(size);
            let index = pick.index(size);
            let mut path = path(&leaves, index).unwrap();
            let at = place.index(path.len() * 32);
            path[at / 32][at % 32] ^= change;
            prop_assert_ne!(
                root_from_path(&leaves[index], index as u64, size as u64, &path),
                Some(root(&leaves))
            );
        }
    }
}
