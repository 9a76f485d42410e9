//! Round trips of every exchange message, and its refusals.

use proptest::{collection::vec, prelude::*};

use super::*;

prop_compose! {
    fn unverified()(
        header in vec(any::<u8>(), 0..64),
        signature in vec(any::<u8>(), 64),
        items in vec((vec(any::<u8>(), 0..200), any::<u32>(), vec(any::<[u8; 32]>(), 0..=10)), 1..20),
    ) -> Unverified {
        Unverified {
            signed: SignedHeader { header: header.into(), signature: signature.into() },
            items: items
                .into_iter()
                .map(|(document, index, path)| UnverifiedItem { document: document.into(), index, path })
                .collect(),
        }
    }
}

fn outcome() -> impl Strategy<Value = StatementOutcome> {
    (
        any::<[u8; 32]>(),
        proptest::option::of(proptest::sample::select(Reason::ALL)),
    )
        .prop_map(|(leaf, refused)| StatementOutcome {
            leaf: LeafHash(leaf),
            refused,
        })
}

fn greeting() -> impl Strategy<Value = Greeting> {
    (
        vec(any::<u32>(), 1..8),
        "[a-z.]{0,20}",
        any::<u64>(),
        any::<[u8; 32]>(),
        any::<i64>(),
        proptest::sample::select(Lane::ALL),
        any::<[u32; 5]>(),
    )
        .prop_map(
            |(versions, federation, version, hash, clock, lane, limits)| Greeting {
                versions,
                federation,
                directory_version: version,
                directory_hash: hash,
                clock: Timestamp::from_micros(clock),
                lane,
                limits: LinkLimits {
                    statements_per_frame: limits[0],
                    bytes_per_frame: limits[1],
                    bytes_per_statement: limits[2],
                    window_statements: limits[3],
                    window_bytes: limits[4],
                },
            },
        )
}

proptest! {
    #[test]
    fn a_batch_comes_back_as_it_went(batch in unverified()) {
        let back = batch_from(batch_into(batch.clone())).expect("legal");
        prop_assert_eq!(&back.signed, &batch.signed);
        prop_assert_eq!(back.items.len(), batch.items.len());
        for (back, item) in back.items.iter().zip(&batch.items) {
            prop_assert_eq!(&back.document, &item.document);
            prop_assert_eq!(back.index, item.index);
            prop_assert_eq!(&back.path, &item.path);
        }
    }

    #[test]
    fn results_come_back_as_they_went(results in vec(outcome(), 1..=256)) {
        let back = results_from(&results_into(&results)).expect("legal");
        for (back, result) in back.iter().zip(&results) {
            prop_assert_eq!(back.leaf, result.leaf);
            prop_assert_eq!(back.refused, result.refused);
        }
    }

    #[test]
    fn a_greeting_comes_back_as_it_went(greeting in greeting()) {
        prop_assert_eq!(greeting_from(&greeting_into(&greeting)).expect("legal"), greeting);
    }
}

#[test]
fn signed_bytes_are_shared_not_copied() {
    let document = Bytes::from(vec![7; 1000]);
    let batch = envelope::SignedBatch {
        header: Bytes::from_static(b"header"),
        signature: Bytes::from_static(b"signature"),
        items: vec![envelope::SignedItem {
            document: document.clone(),
            index: 0,
            path: vec![],
        }],
    };
    let read = batch_from(batch).expect("legal");
    assert_eq!(read.items[0].document.as_ptr(), document.as_ptr());
    assert_eq!(
        batch_into(read).items[0].document.as_ptr(),
        document.as_ptr()
    );
}

fn frame_of(sizes: &[usize]) -> pb::Frame {
    let item = |size: &usize| envelope::SignedItem {
        document: vec![0; *size].into(),
        index: 0,
        path: vec![],
    };
    pb::Frame {
        number: 1,
        batches: vec![envelope::SignedBatch {
            header: Bytes::new(),
            signature: Bytes::new(),
            items: sizes.iter().map(item).collect(),
        }],
    }
}

#[test]
fn a_frame_at_its_limits_passes_and_one_over_them_does_not() {
    assert!(frame_from(frame_of(&[1; FRAME_MAX_STATEMENTS])).is_ok());
    assert!(frame_from(frame_of(&[FRAME_MAX_BYTES])).is_ok());
    assert!(frame_from(frame_of(&[1; FRAME_MAX_STATEMENTS + 1])).is_err());
    assert!(frame_from(frame_of(&[FRAME_MAX_BYTES + 1])).is_err());
    assert!(frame_from(frame_of(&[])).is_err());
    assert!(
        frame_from(pb::Frame {
            number: 1,
            batches: vec![]
        })
        .is_err()
    );
}

#[test]
fn paths_of_the_wrong_shape_are_refused() {
    let with_path = |path: Vec<Bytes>| {
        let mut frame = frame_of(&[1]);
        frame.batches[0].items[0].path = path;
        frame_from(frame)
    };
    assert!(with_path(vec![vec![0; 32].into(); 10]).is_ok());
    assert!(with_path(vec![vec![0; 32].into(); 11]).is_err());
    assert!(with_path(vec![vec![0; 31].into()]).is_err());
}

#[test]
fn results_that_contradict_themselves_are_refused() {
    let result = |code, reason: &str| {
        result_from(&pb::StatementResult {
            leaf: vec![1; 32],
            code,
            reason: reason.to_owned(),
        })
    };
    assert_eq!(result(0, "").expect("held").refused, None);
    assert_eq!(
        result(9, "EXPIRED").expect("refused").refused,
        Some(Reason::Expired)
    );
    assert_eq!(
        result(9, "OF_A_NEWER_VERSION").expect("refused").refused,
        Some(Reason::UnsupportedVersion)
    );
    assert!(result(0, "EXPIRED").is_err());
    assert!(result(9, "").is_err());
}

#[test]
fn only_nodes_of_one_federation_and_a_common_version_agree() {
    let greeting = |federation: &str, versions: &[u32]| Greeting {
        versions: versions.to_vec(),
        federation: federation.to_owned(),
        directory_version: 1,
        directory_hash: [0; 32],
        clock: Timestamp::default(),
        lane: Lane::Fast,
        limits: own_limits(),
    };
    let ours = greeting("one", &[1]);
    assert_eq!(agree(&ours, &greeting("one", &[1, 2])), Ok(()));
    assert_eq!(
        agree(&ours, &greeting("two", &[1])),
        Err(Reason::WrongFederation)
    );
    assert_eq!(
        agree(&ours, &greeting("one", &[2])),
        Err(Reason::UnsupportedVersion)
    );
}
