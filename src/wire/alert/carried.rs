//! A signed statement inside another one, for a newcomer to its thread: put in, taken out, left out.
//!
//! The ways in are [`carrying`] for what leaves, [`carried`] for what a peer signed, [`without_carried`] for showing. What
//! is taken out is not verified by that: its signature is that of its own origin, and is checked as any other.

use bytes::Bytes;
use prost::Message as _;

use super::decode_payload;
use crate::{
    domain::{id::StatementRef, permission::Passed, reason::Reason, time::Timestamp},
    proto::{alert::v1 as pb, envelope::v1 as envelope},
    trust::{
        batch::{Proof, SignedHeader, Unverified, UnverifiedItem},
        merkle::Hash,
    },
    wire::fields::encode_reference,
};

/// A signed document with what proves it, to be put into a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The exact signed bytes.
    pub document: Bytes,
    /// Their signature.
    pub proof: Proof,
}

/// The payload that gives a newcomer this statement, for the reason that `why` gives.
///
/// # Errors
/// `MALFORMED` when `why` is not the payload of an extension.
pub fn carrying(why: &[u8], target: &StatementRef, inside: Inside) -> Result<Bytes, Reason> {
    let extend = pb::Extend {
        target: Some(encode_reference(target)),
        carried: Some(batch_of(inside)),
        ..extend_of(why)?
    };
    Ok(payload_of(extend))
}

/// The payload by which a holder passes a statement on to these: with the statement and its originator's grant inside, or,
/// for the originator itself, with none.
///
/// # Errors
/// `MALFORMED` when `why` is not the payload of an extension.
pub fn passing(
    why: &[u8],
    target: &StatementRef,
    passed: &[Passed],
    inside: Option<Inside>,
    grant: Option<Inside>,
) -> Result<Bytes, Reason> {
    let one = |passed: &Passed| pb::PassedOn {
        to: passed.to.to_string(),
        grant: passed.under.as_ref().map(encode_reference),
        received_at_us: passed.received_at.map_or(0, Timestamp::as_micros),
    };
    let extend = pb::Extend {
        target: Some(encode_reference(target)),
        carried: inside.map(batch_of),
        passing_on: Some(pb::PassingOn {
            passed: passed.iter().map(one).collect(),
            grant: grant.map(batch_of),
        }),
        ..extend_of(why)?
    };
    Ok(payload_of(extend))
}

fn batch_of(inside: Inside) -> envelope::SignedBatch {
    let Inside { document, proof } = inside;
    let path = proof.path.iter();
    let item = envelope::SignedItem {
        document,
        index: proof.index,
        path: path.map(|hash| Bytes::copy_from_slice(hash)).collect(),
    };
    envelope::SignedBatch {
        header: proof.signed.header.clone(),
        signature: proof.signed.signature.clone(),
        items: vec![item],
    }
}

fn payload_of(extend: pb::Extend) -> Bytes {
    let payload = pb::Payload {
        kind: Some(pb::payload::Kind::Extend(extend)),
        ..pb::Payload::default()
    };
    payload.encode_to_vec().into()
}

/// What an extension carries; `None`: its recipients hold it already, or get it beside this.
///
/// # Errors
/// `MALFORMED` when what stands there is no single signed document.
pub(in crate::wire) fn carried(payload: &[u8]) -> Result<Option<Unverified>, Reason> {
    extend_of(payload)?.carried.map(single).transpose()
}

/// The originator's grant inside an extension by which a holder passes on; `None`: there is none.
///
/// # Errors
/// `MALFORMED` when what stands there is no single signed document.
pub(in crate::wire) fn granted(payload: &[u8]) -> Result<Option<Unverified>, Reason> {
    let passing_on = extend_of(payload)?.passing_on;
    passing_on.and_then(|it| it.grant).map(single).transpose()
}

fn single(batch: envelope::SignedBatch) -> Result<Unverified, Reason> {
    let [item] = batch.items.as_slice() else {
        return Err(Reason::Malformed);
    };
    let path = item
        .path
        .iter()
        .map(|hash| Hash::try_from(hash.as_ref()))
        .collect::<Result<_, _>>()
        .map_err(|_| Reason::Malformed)?;
    let items = vec![UnverifiedItem {
        document: item.document.clone(),
        index: item.index,
        path,
    }];
    Ok(Unverified {
        signed: SignedHeader {
            header: batch.header,
            signature: batch.signature,
        },
        items,
    })
}

/// A payload as people see it: a statement inside has its own place in the thread, and is not shown twice.
pub fn without_carried(payload: &mut pb::Payload) {
    if let Some(pb::payload::Kind::Extend(extend)) = &mut payload.kind {
        extend.carried = None;
        if let Some(passing_on) = &mut extend.passing_on {
            passing_on.grant = None;
        }
    }
}

fn extend_of(payload: &[u8]) -> Result<pb::Extend, Reason> {
    match decode_payload(payload)?.kind {
        Some(pb::payload::Kind::Extend(extend)) => Ok(extend),
        _ => Err(Reason::KindMismatch),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn target() -> StatementRef {
        "XA-POL/01a17e37-7c00-7000-8000-000000000001"
            .split_once('/')
            .map(|(origin, id)| StatementRef {
                origin: origin.parse().unwrap(),
                id: id.parse().unwrap(),
            })
            .unwrap()
    }

    fn extend(extend: pb::Extend) -> pb::Payload {
        pb::Payload {
            kind: Some(pb::payload::Kind::Extend(extend)),
            ..pb::Payload::default()
        }
    }

    #[test]
    fn what_is_put_in_comes_out_byte_by_byte() {
        let proof = Proof {
            signed: Arc::new(SignedHeader {
                header: Bytes::from_static(b"header"),
                signature: Bytes::from_static(&[7; 64]),
            }),
            index: 3,
            path: vec![[1; 32], [2; 32]],
        };
        let why = extend(pb::Extend::default()).encode_to_vec();
        let document = Bytes::from_static(b"a signed statement");
        let one = || Inside {
            document: document.clone(),
            proof: proof.clone(),
        };
        let payload = carrying(&why, &target(), one()).unwrap();
        let inside = carried(&payload).unwrap().expect("a statement");
        assert_eq!(inside.signed, *proof.signed);
        let [item] = inside.items.as_slice() else {
            panic!("one item");
        };
        assert_eq!((&item.document, item.index), (&document, 3));
        assert_eq!(item.path, proof.path);

        let mut shown = decode_payload(&payload).unwrap();
        without_carried(&mut shown);
        assert_eq!(carried(&shown.encode_to_vec()).unwrap().map(drop), None);

        let passed = [Passed {
            to: "XD-POL".parse().unwrap(),
            under: Some(target()),
            received_at: None,
        }];
        assert_eq!(granted(&payload).unwrap().map(drop), None);
        let payload = passing(&why, &target(), &passed, Some(one()), Some(one())).unwrap();
        for inside in [carried(&payload), granted(&payload)] {
            let inside = inside.unwrap().expect("a statement");
            assert_eq!(inside.signed, *proof.signed);
            assert_eq!(inside.items[0].document, document);
        }
        let told = passing(&why, &target(), &passed, None, None).unwrap();
        assert!(carried(&told).unwrap().is_none() && granted(&told).unwrap().is_none());
        let mut shown = decode_payload(&payload).unwrap();
        without_carried(&mut shown);
        assert_eq!(shown, decode_payload(&told).unwrap());
    }

    #[test]
    fn what_is_no_single_document_is_refused_and_nothing_is_nothing() {
        assert!(
            carried(&extend(pb::Extend::default()).encode_to_vec()).is_ok_and(|it| it.is_none())
        );
        let two = envelope::SignedBatch {
            items: vec![envelope::SignedItem::default(); 2],
            ..envelope::SignedBatch::default()
        };
        let short = envelope::SignedBatch {
            items: vec![envelope::SignedItem {
                path: vec![Bytes::from_static(b"short")],
                ..envelope::SignedItem::default()
            }],
            ..envelope::SignedBatch::default()
        };
        for wrong in [two, short, envelope::SignedBatch::default()] {
            let payload = extend(pb::Extend {
                carried: Some(wrong),
                ..pb::Extend::default()
            });
            assert!(carried(&payload.encode_to_vec()).is_err());
        }
        assert!(carried(b"").is_err(), "another kind");
    }
}
