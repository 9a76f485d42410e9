//! How frames are cut, and when paths travel.

use super::*;
use crate::{
    delivery::testing::named, domain::receipt::LeafHash, proto::envelope::v1::BatchHeader,
    trust::batch::Proof,
};

/// Items under one header of that size: those with these indexes, each of so many bytes.
fn batch(name: u8, size: u32, indexes: &[u32], bytes: usize) -> Vec<Item> {
    let header = BatchHeader {
        key_id: vec![name; 8],
        size,
        ..BatchHeader::default()
    };
    let signed = Arc::new(SignedHeader {
        header: header.encode_to_vec().into(),
        signature: vec![name; 64].into(),
    });
    indexes
        .iter()
        .map(|index| Item {
            sent: Sent {
                ordinal: u64::from(*index),
                statement: named("XA", u64::from(*index)),
                leaf: LeafHash([name; 32]),
            },
            document: vec![0; bytes].into(),
            proof: ProofSource::Path(Proof {
                signed: Arc::clone(&signed),
                index: *index,
                path: vec![[9; 32]],
            }),
        })
        .collect()
}

const CAPS: FrameCaps = FrameCaps {
    statements: 4,
    bytes: 100,
};

/// Lengths of all frames that a queue is cut into.
fn cut(queue: Vec<Item>) -> Vec<usize> {
    let mut queue: VecDeque<Item> = queue.into();
    std::iter::from_fn(|| {
        let frame = next_frame(&mut queue, CAPS);
        (!frame.is_empty()).then_some(frame.len())
    })
    .collect()
}

#[test]
fn frames_end_at_their_caps_and_keep_batches_whole() {
    let table: Vec<(&str, Vec<Item>, Vec<usize>)> = vec![
        ("nothing", vec![], vec![]),
        ("one", batch(1, 1, &[0], 10), vec![1]),
        (
            "two batches that fit together",
            [batch(1, 2, &[0, 1], 10), batch(2, 2, &[0, 1], 10)].concat(),
            vec![4],
        ),
        (
            "a batch that would be cut goes into the next frame",
            [batch(1, 2, &[0, 1], 10), batch(2, 3, &[0, 1, 2], 10)].concat(),
            vec![2, 3],
        ),
        (
            "a batch over the cap is cut",
            batch(1, 6, &[0, 1, 2, 3, 4, 5], 10),
            vec![4, 2],
        ),
        ("the cap in bytes", batch(1, 3, &[0, 1, 2], 50), vec![2, 1]),
        (
            "one over the cap in bytes still leaves",
            batch(1, 1, &[0], 101),
            vec![1],
        ),
    ];
    for (what, queue, expected) in table {
        assert_eq!(cut(queue), expected, "{what}");
    }
}

#[test]
fn only_a_whole_batch_in_order_travels_without_paths() {
    let paths = |items: &[Item]| -> Vec<usize> {
        batches(items)
            .iter()
            .flat_map(|batch| &batch.items)
            .map(|item| item.path.len())
            .collect()
    };
    assert_eq!(paths(&batch(1, 3, &[0, 1, 2], 1)), [0, 0, 0]);
    assert_eq!(paths(&batch(1, 3, &[0, 1], 1)), [1, 1]);
    assert_eq!(paths(&batch(1, 3, &[0, 2, 1], 1)), [1, 1, 1]);
    assert_eq!(paths(&batch(1, 3, &[1, 2], 1)), [1, 1]);
    let two = [batch(1, 1, &[0], 1), batch(2, 2, &[1], 1)].concat();
    assert_eq!(paths(&two), [0, 1]);
    assert_eq!(batches(&two).len(), 2);
}
