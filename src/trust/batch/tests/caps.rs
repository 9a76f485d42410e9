//! How much a batch may hold, and which of its two shapes counts.

use super::*;

#[test]
fn more_items_than_a_batch_can_hold_are_refused() {
    let net = net();
    let most = limits::BATCH_MAX_LEAVES;
    let full = net.with_paths(2, &vec![1; most]);
    assert_eq!(net.reasons(&full), vec![None; most]);
    let over = net.with_paths(2, &vec![1; most + 1]);
    assert_eq!(net.reasons(&over), vec![Some(Reason::BadBatch); most + 1]);
}

#[test]
fn a_header_is_read_up_to_its_cap_whatever_fills_it() {
    let net = net();
    // A field that we do not know, number 100, in front of the signed header: it says nothing, and is signed like the rest.
    let filled = |bytes: usize| {
        let whole = net.whole(1);
        let field = bytes - whole.signed.header.len();
        let length = u8::try_from(field - 4).unwrap();
        let mut header = vec![0xa2, 0x06, length | 0x80, length >> 7];
        header.resize(field, 0);
        header.extend_from_slice(&whole.signed.header);
        let message = pae::encode(DocumentType::Batch, &header);
        let signature = net.signer.key.load().sign(&message);
        Unverified {
            signed: SignedHeader {
                header: header.into(),
                signature: Bytes::copy_from_slice(&signature),
            },
            items: whole.items,
        }
    };
    let most = limits::BATCH_HEADER_MAX_BYTES;
    assert_eq!(net.reasons(&filled(most)), [None]);
    assert_eq!(net.reasons(&filled(most + 1)), [Some(Reason::BadBatch)]);
}

#[test]
fn paths_count_wherever_there_are_any() {
    let net = net();
    let shuffled = net.with_paths(4, &[1, 0, 3, 2]);
    assert_eq!(net.reasons(&shuffled), [None; 4]);
    let mut mixed = net.whole(3);
    mixed.items[1].path.push([0; 32]);
    assert_eq!(net.reasons(&mixed), [Some(Reason::BadBatch); 3]);
}
