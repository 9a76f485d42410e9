//! Statements and their receipts: who said what, who confirmed holding it, and who did not.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        receipt::{LeafHash, Receipt, Verdict},
        routing::Routing,
        time::Timestamp,
    },
    proto::{
        envelope::v1 as envelope,
        evidence::v1::{Export, Statement as Kept},
    },
    trust::batch::{Purpose, Verified},
    wire,
};

use super::{
    Checked,
    directories::Directories,
    documents::Document,
    report::{Claim, Standing},
};

/// Checks every statement with its receipts, and that they are one whole thread.
pub(super) fn check(
    export: &Export,
    exporter: AuthorityId,
    directories: &Directories,
    claims: &mut Vec<Claim>,
) -> Checked {
    let mut checked = Checked::default();
    let mut routings: Vec<Routing> = Vec::new();
    for kept in &export.statements {
        match check_one(export, kept, exporter, directories, claims, &mut checked) {
            Ok(routing) => routings.push(routing),
            Err(why) => claims.push(Claim::fails("file", "a statement in it", why)),
        }
    }
    check_thread(export, &routings, claims);
    checked
}

fn check_one(
    export: &Export,
    kept: &Kept,
    exporter: AuthorityId,
    directories: &Directories,
    claims: &mut Vec<Claim>,
    checked: &mut Checked,
) -> Result<Routing, String> {
    let document = Document::read(kept.batch.as_ref().ok_or("its signed bytes are missing")?)?;
    let mut receipts = Vec::new();
    for batch in &kept.receipts {
        match verify_receipt(export, batch, directories) {
            Ok(receipt) => receipts.push(receipt),
            Err(why) => claims.push(Claim::fails("file", "a receipt in it", why)),
        }
    }
    let (verified, at, version) = verify_statement(&document, &receipts, directories)?;
    let statement = wire::decode_statement(verified.clone())
        .map_err(|reason| format!("{reason}: {}", reason.meaning()))?;
    let routing = statement.routing;
    let how = format!("valid at {at} under directory {version}");
    let what = format!("issued {} {}", routing.kind, routing.statement);
    claims.push(
        Claim::new(
            routing.statement.origin.to_string(),
            what,
            Standing::Holds(how),
        )
        .at(routing.issued_at)
        .by(&verified.key().0),
    );
    checked
        .logged
        .push((routing.statement.to_string(), verified.leaf().0));
    for (receipt, proof) in &receipts {
        claims.push(receipt_claim(receipt, proof, &routing, verified.leaf()));
        if receipt.sender == exporter {
            let name = format!("receipt of {} for {}", receipt.recipient, routing.statement);
            checked.logged.push((name, proof.leaf().0));
        }
        if receipt.recipient == exporter {
            let name = routing.statement.to_string();
            checked
                .placed
                .push((name, receipt.journal_index, receipt.leaf.0));
        }
    }
    claims.extend(missing_receipts(&routing, &receipts, exporter));
    Ok(routing)
}

/// Verifies a receipt under the directory that it names, as of its own time.
fn verify_receipt(
    export: &Export,
    batch: &envelope::SignedBatch,
    directories: &Directories,
) -> Result<(Receipt, Verified), String> {
    let document = Document::read(batch)?;
    let claimed = envelope::Receipt::decode(document.bytes().as_ref())
        .map_err(|error| format!("no receipt: {error}"))?;
    let at = Timestamp::from_micros(claimed.time_us);
    let verifier = directories
        .version(claimed.directory_version)
        .ok_or_else(|| {
            format!(
                "it names directory {}, which is not in the file",
                claimed.directory_version
            )
        })?;
    let verified = document.verify(Purpose::Receipt, verifier, at)?;
    let receipt = wire::decode_receipt(verified.document())
        .map_err(|reason| format!("{reason}: {}", reason.meaning()))?;
    if receipt.recipient != verified.signer() {
        return Err(format!(
            "{} signed a receipt of {}",
            verified.signer(),
            receipt.recipient
        ));
    }
    if receipt.federation != export.federation {
        return Err("it is of another federation".to_owned());
    }
    Ok((receipt, verified))
}

/// A receipt's time and directory decide, as its giver checked then; without one, the statement's own time.
fn verify_statement(
    document: &Document,
    receipts: &[(Receipt, Verified)],
    directories: &Directories,
) -> Result<(Verified, Timestamp, u64), String> {
    let held = receipts.iter().map(|(receipt, _)| receipt);
    if let Some(first) = held.min_by_key(|it| it.time)
        && let Some(verifier) = directories.version(first.directory_version)
    {
        let verified = document.verify(Purpose::Statement, verifier, first.time)?;
        return Ok((verified, first.time, first.directory_version));
    }
    let claimed = envelope::Statement::decode(document.bytes().as_ref())
        .map_err(|error| format!("no statement: {error}"))?;
    let at = Timestamp::from_micros(claimed.issued_at_us);
    let mut why = "no directory to verify it under".to_owned();
    for (version, verifier) in directories.newest_first() {
        match document.verify(Purpose::Statement, verifier, at) {
            Ok(verified) => return Ok((verified, at, version)),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

fn receipt_claim(receipt: &Receipt, proof: &Verified, routing: &Routing, leaf: LeafHash) -> Claim {
    let what = match receipt.verdict {
        Verdict::Held => format!("holds {}", routing.statement),
        Verdict::Refused(reason) => format!("refused {} for {reason}", routing.statement),
    };
    let mismatch = [
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
            routing.recipient(&receipt.recipient).is_none() && receipt.verdict == Verdict::Held,
            "its giver is not addressed",
        ),
    ];
    let standing = match mismatch.iter().find(|(wrong, _)| *wrong) {
        Some((_, why)) => Standing::Fails((*why).to_owned()),
        None => Standing::Holds(format!(
            "valid then under directory {}",
            receipt.directory_version
        )),
    };
    Claim::new(receipt.recipient.to_string(), what, standing)
        .at(receipt.time)
        .by(&proof.key().0)
}

/// Recipients without a receipt. A recipient's export can hold only its own.
fn missing_receipts(
    routing: &Routing,
    receipts: &[(Receipt, Verified)],
    exporter: AuthorityId,
) -> Vec<Claim> {
    let own = routing.statement.origin == exporter;
    routing
        .recipients
        .iter()
        .map(|it| it.authority)
        .filter(|who| own || *who == exporter)
        .filter(|who| {
            !receipts
                .iter()
                .any(|(receipt, _)| receipt.recipient == *who)
        })
        .map(|who| {
            let what = format!("holds {}", routing.statement);
            Claim::new(
                who.to_string(),
                what,
                Standing::Missing(format!("no receipt from {who}")),
            )
        })
        .collect()
}

/// Everything belongs to the thread, nothing stands twice, and the first statement is there.
fn check_thread(export: &Export, routings: &[Routing], claims: &mut Vec<Claim>) {
    let named = export
        .thread
        .as_ref()
        .map(|it| (it.origin.clone(), it.id.clone()));
    let name_of = |it: &StatementRef| (it.origin.to_string(), it.id.as_bytes().to_vec());
    let mut seen = BTreeSet::new();
    for routing in routings {
        let who = routing.statement.to_string();
        if Some(name_of(&routing.thread)) != named {
            let why = format!("it belongs to the thread {}", routing.thread);
            claims.push(Claim::fails(&who, "is of this thread", why));
        }
        if !seen.insert(routing.statement) {
            claims.push(Claim::fails(
                &who,
                "stands once",
                "it stands twice in the file",
            ));
        }
    }
    for target in routings.iter().filter_map(|it| it.in_reply_to) {
        if !seen.contains(&target) {
            let why = Standing::Missing("it is referred to, and not in the file".to_owned());
            claims.push(Claim::new(target.to_string(), "is of this thread", why));
        }
    }
    if !routings
        .iter()
        .any(|it| Some(name_of(&it.statement)) == named)
    {
        claims.push(Claim::fails(
            "file",
            "holds the thread's first statement",
            "it does not",
        ));
    }
}
