//! Receipts: who held or refused a statement, when, and that each fits its statement and the log.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::{
    domain::{
        limits::CLOCK_TOLERANCE,
        receipt::{LeafHash, Receipt, Verdict},
        routing::Routing,
        time::Timestamp,
    },
    proto::envelope::v1 as envelope,
    store::entry::Act,
    trust::batch::{Purpose, Verified},
    wire,
};

use super::{
    File,
    directories::Directories,
    documents::Document,
    log::{Log, Place},
    plausible,
    report::{Claim, Standing},
    standing,
};

/// A receipt whose signature holds.
pub(super) struct Signed {
    pub(super) receipt: Receipt,
    proof: Verified,
    /// The directory that it was verified under.
    pub(super) version: u64,
}

/// Verifies a receipt under the directory that it names, as of its own time.
pub(super) fn verify(
    file: &File,
    batch: &envelope::SignedBatch,
    directories: &Directories,
) -> Result<Signed, String> {
    let document = Document::read(batch)?;
    let claimed = envelope::Receipt::decode(document.bytes().as_ref())
        .map_err(|error| format!("no receipt: {error}"))?;
    let at = Timestamp::from_micros(claimed.time_us);
    let named = claimed.directory_version;
    let (version, verifier) = directories
        .version(named)
        .ok_or_else(|| format!("it names directory {named}, and the file holds none so new"))?;
    let proof = document.verify(Purpose::Receipt, verifier, at)?;
    let receipt = wire::decode_receipt(proof.document())
        .map_err(|reason| format!("{reason}: {}", reason.meaning()))?;
    if receipt.recipient != proof.signer() {
        return Err(format!(
            "{} signed a receipt of {}",
            proof.signer(),
            receipt.recipient
        ));
    }
    if receipt.federation != file.export.federation {
        return Err("it is of another federation".to_owned());
    }
    Ok(Signed {
        receipt,
        proof,
        version,
    })
}

/// One claim for each receipt of a statement, which the log holds in `entry`.
pub(super) fn claim(
    file: &File,
    signed: &[Signed],
    routing: &Routing,
    leaf: LeafHash,
    entry: Option<Place>,
    log: &mut Log,
) -> Vec<Claim> {
    let mut seen = BTreeSet::new();
    signed
        .iter()
        .map(|it| {
            let receipt = &it.receipt;
            let what = match receipt.verdict {
                Verdict::Held => format!("holds {}", routing.statement),
                Verdict::Refused(reason) => format!("refused {} for {reason}", routing.statement),
            };
            let twice = !seen.insert(it.proof.leaf().0);
            let outcome = fits(file, receipt, routing, leaf)
                .and_then(|()| match twice {
                    true => Err("it stands twice in the file".to_owned()),
                    false => logged(file, it, routing, entry, log),
                })
                .map(|place| format!("key valid then under directory {}; {place}", it.version));
            Claim::new(receipt.recipient.to_string(), what, standing(outcome))
                .at(receipt.time)
                .by(&it.proof.key().0)
        })
        .collect()
}

fn fits(file: &File, receipt: &Receipt, routing: &Routing, leaf: LeafHash) -> Result<(), String> {
    let held = receipt.verdict == Verdict::Held;
    let too_early = receipt.time.plus(CLOCK_TOLERANCE) < routing.issued_at;
    let faults = [
        (receipt.leaf != leaf, "it is for other bytes"),
        (
            receipt.message != routing.statement.id,
            "it is for another id",
        ),
        (
            receipt.sender != routing.statement.origin,
            "it is for another origin",
        ),
        (
            held && routing.recipient(&receipt.recipient).is_none(),
            "its giver is not addressed",
        ),
        (held && too_early, "it is older than its statement"),
    ];
    match faults.iter().find(|(wrong, _)| *wrong) {
        Some((_, why)) => Err((*why).to_owned()),
        None => plausible(file, receipt.time),
    }
}

/// Kept by the exporter in an entry of its own, or given by it together with the statement's entry.
fn logged(
    file: &File,
    signed: &Signed,
    routing: &Routing,
    entry: Option<Place>,
    log: &mut Log,
) -> Result<String, String> {
    let receipt = &signed.receipt;
    if receipt.sender == file.exporter {
        let subject = Some(routing.statement);
        return log
            .take(Act::ReceiptStored, subject, signed.proof.leaf())
            .map(|place| format!("kept in {place}"))
            .ok_or_else(|| "no entry of the log keeps it".to_owned());
    }
    if receipt.recipient != file.exporter {
        return Err("the exporter neither gave nor was given it".to_owned());
    }
    match entry {
        Some(place) if place.index == receipt.journal_index => Ok(format!("given in {place}")),
        _ => Err(format!(
            "it names entry {}, which is not that of its statement",
            receipt.journal_index
        )),
    }
}

/// Recipients whose word is not in the file: not proved, and not claimed. Of those of a foreign statement,
/// an export can hold the exporter's own alone.
pub(super) fn not_made(
    routing: &Routing,
    signed: &[Signed],
    file: &File,
) -> impl Iterator<Item = Claim> {
    let (exporter, carried_to) = (file.exporter, file.carried_to);
    let own = routing.statement.origin == exporter;
    routing
        .recipients
        .iter()
        .map(|it| it.authority)
        .filter(move |who| match carried_to {
            None => own || *who == exporter,
            Some(to) => *who == to,
        })
        .filter(|who| !signed.iter().any(|it| it.receipt.recipient == *who))
        .map(|who| {
            Claim::new(
                who.to_string(),
                format!("holds {}", routing.statement),
                Standing::NotMade(format!("not receipted by {who}")),
            )
        })
}
