//! Receipts: domain to exact bytes and back. Never judges whether a receipt fits its statement; delivery does.

use bytes::Bytes;
use prost::Message as _;

use super::fields::authority;
use crate::{
    domain::{
        id::MessageId,
        limits::FEDERATION_NAME_MAX_BYTES,
        reason::Reason,
        receipt::{LeafHash, Receipt, Verdict},
        time::Timestamp,
    },
    proto::envelope::v1 as pb,
};

pub(super) fn encode(receipt: &Receipt) -> Bytes {
    let (verdict, reason) = match receipt.verdict {
        Verdict::Held => (pb::Verdict::Held, ""),
        Verdict::Refused(reason) => (pb::Verdict::Refused, reason.name()),
    };
    pb::Receipt {
        federation: receipt.federation.clone(),
        recipient: receipt.recipient.as_str().to_owned(),
        sender: receipt.sender.as_str().to_owned(),
        message_id: receipt.message.as_bytes().to_vec(),
        leaf: receipt.leaf.0.to_vec(),
        verdict: verdict.into(),
        reason: reason.to_owned(),
        time_us: receipt.time.as_micros(),
        directory_version: receipt.directory_version,
        journal_index: receipt.journal_index,
    }
    .encode_to_vec()
    .into()
}

pub(super) fn decode(document: &Bytes) -> Result<Receipt, Reason> {
    let wire = pb::Receipt::decode(document.as_ref()).map_err(|_| Reason::Malformed)?;
    if wire.federation.is_empty() || wire.federation.len() > FEDERATION_NAME_MAX_BYTES {
        return Err(Reason::Malformed);
    }
    Ok(Receipt {
        verdict: verdict(&wire)?,
        recipient: authority(&wire.recipient)?,
        sender: authority(&wire.sender)?,
        message: MessageId::from_bytes(&wire.message_id).map_err(|_| Reason::Malformed)?,
        leaf: LeafHash(
            wire.leaf
                .as_slice()
                .try_into()
                .map_err(|_| Reason::Malformed)?,
        ),
        time: Timestamp::from_micros(wire.time_us),
        directory_version: wire.directory_version,
        journal_index: wire.journal_index,
        federation: wire.federation,
    })
}

/// A reason that we do not know comes from a newer node: it is a matter of version, not a broken receipt.
fn verdict(wire: &pb::Receipt) -> Result<Verdict, Reason> {
    match (pb::Verdict::try_from(wire.verdict), wire.reason.as_str()) {
        (Ok(pb::Verdict::Held), "") => Ok(Verdict::Held),
        (Ok(pb::Verdict::Refused), name) if !name.is_empty() => name
            .parse()
            .map(Verdict::Refused)
            .map_err(|_| Reason::UnsupportedVersion),
        (Ok(_), _) => Err(Reason::Malformed),
        (Err(_), _) => Err(Reason::UnsupportedVersion),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held() -> Receipt {
        Receipt {
            federation: "allpoints-demo".to_owned(),
            recipient: "XB-POL".parse().unwrap(),
            sender: "XA-POL".parse().unwrap(),
            message: MessageId::from_parts(1_795_000_000_000, [1; 10]),
            leaf: LeafHash([3; 32]),
            verdict: Verdict::Held,
            time: Timestamp::from_micros(1_795_000_000_000_000),
            directory_version: 4,
            journal_index: 5,
        }
    }

    #[test]
    fn each_illegal_receipt_is_refused() {
        type Change = fn(&mut pb::Receipt);
        let table: [(&str, Reason, Change); 12] = [
            ("no federation", Reason::Malformed, |r| r.federation.clear()),
            ("long federation", Reason::Malformed, |r| {
                r.federation = "x".repeat(65);
            }),
            ("no recipient", Reason::Malformed, |r| r.recipient.clear()),
            ("illegal sender", Reason::Malformed, |r| {
                r.sender = "xa-pol".to_owned();
            }),
            ("no message", Reason::Malformed, |r| r.message_id.clear()),
            ("short leaf", Reason::Malformed, |r| r.leaf.truncate(31)),
            ("no verdict", Reason::Malformed, |r| r.verdict = 0),
            ("unknown verdict", Reason::UnsupportedVersion, |r| {
                r.verdict = 3;
            }),
            ("held with reason", Reason::Malformed, |r| {
                r.reason = "EXPIRED".to_owned();
            }),
            ("refused without reason", Reason::Malformed, |r| {
                r.verdict = 2;
            }),
            ("unknown reason", Reason::UnsupportedVersion, |r| {
                r.verdict = 2;
                r.reason = "NEW_REASON".to_owned();
            }),
            ("reason in small letters", Reason::UnsupportedVersion, |r| {
                r.verdict = 2;
                r.reason = "expired".to_owned();
            }),
        ];
        let wire = pb::Receipt::decode(encode(&held())).unwrap();
        assert_eq!(decode(&wire.encode_to_vec().into()), Ok(held()));
        for (what, reason, change) in table {
            let mut wire = wire.clone();
            change(&mut wire);
            assert_eq!(decode(&wire.encode_to_vec().into()), Err(reason), "{what}");
        }
    }

    proptest! {
        #[test]
        fn receipts_come_back_as_they_were_written(
            refused in prop::option::of(prop::sample::select(Reason::ALL)),
            leaf in any::<[u8; 32]>(), time in any::<i64>(), version in any::<u64>(), index in any::<u64>(),
            federation in "[a-z-]{1,64}",
        ) {
            let receipt = Receipt {
                federation,
                leaf: LeafHash(leaf),
                verdict: refused.map_or(Verdict::Held, Verdict::Refused),
                time: Timestamp::from_micros(time),
                directory_version: version,
                journal_index: index,
                ..held()
            };
            prop_assert_eq!(decode(&encode(&receipt)), Ok(receipt));
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes.into());
        }
    }
}
