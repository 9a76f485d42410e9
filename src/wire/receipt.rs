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
