//! Statements: who said what, when, under which key, and where the exporter's log holds it.

use prost::Message as _;

use crate::{
    domain::{
        id::StatementRef,
        receipt::{LeafHash, Verdict},
        routing::Routing,
        time::Timestamp,
    },
    proto::{envelope::v1 as envelope, evidence::v1::Statement as Kept},
    store::entry::Act,
    trust::{
        batch::{Purpose, Verified},
        pae::{self, DocumentType},
    },
    wire,
};

use super::{
    File,
    directories::Directories,
    documents::Document,
    log::Log,
    plausible,
    receipts::{self, Signed},
    report::{Claim, Standing},
    standing,
};

/// Checks every statement with its receipts; gives the headers of those that hold.
pub(super) fn check(
    file: &File,
    directories: &Directories,
    log: &mut Log,
    claims: &mut Vec<Claim>,
) -> Vec<Routing> {
    let mut held = Vec::new();
    for (number, kept) in file.export.statements.iter().enumerate() {
        match check_one(file, kept, directories, log, claims) {
            Ok(one) => held.push(one),
            Err(why) => {
                let what = format!("holds statement {}", number + 1);
                claims.push(Claim::fails("file", what, why));
            }
        }
    }
    check_carried(&held, claims);
    held.into_iter().map(|one| one.routing).collect()
}

/// A statement that holds.
struct Held {
    routing: Routing,
    leaf: LeafHash,
    /// Of what it carries inside.
    carried: Option<LeafHash>,
}

/// What a statement carries for a newcomer is, byte by byte, the statement that everybody has.
fn check_carried(held: &[Held], claims: &mut Vec<Claim>) {
    let leaf_of = |name: &StatementRef| {
        let found = held.iter().find(|one| one.routing.statement == *name);
        found.map(|one| one.leaf)
    };
    for one in held {
        let (Some(carried), Some(target)) = (one.carried, one.routing.in_reply_to) else {
            continue;
        };
        let standing = match leaf_of(&target) {
            Some(leaf) if leaf == carried => Standing::Holds("the same bytes".to_owned()),
            Some(_) => Standing::Fails("it carries other bytes".to_owned()),
            None => Standing::NotMade("what it carries is not in the file".to_owned()),
        };
        let to = one.routing.recipients.iter();
        let to: Vec<_> = to.map(|it| it.authority.to_string()).collect();
        let what = format!("gave {target} to {}", to.join(", "));
        let origin = one.routing.statement.origin.to_string();
        claims.push(Claim::new(origin, what, standing).at(one.routing.issued_at));
    }
}

fn check_one(
    file: &File,
    kept: &Kept,
    directories: &Directories,
    log: &mut Log,
    claims: &mut Vec<Claim>,
) -> Result<Held, String> {
    let document = Document::read(kept.batch.as_ref().ok_or("its signed bytes are missing")?)?;
    let mut signed = Vec::new();
    for batch in &kept.receipts {
        match receipts::verify(file, batch, directories) {
            Ok(receipt) => signed.push(receipt),
            Err(why) => claims.push(Claim::fails("file", "holds a receipt", why)),
        }
    }
    let (verified, valid) = verify(&document, &signed, directories)?;
    let statement = wire::decode_statement(verified.clone())
        .map_err(|reason| format!("{reason}: {}", reason.meaning()))?;
    let inside = wire::carried(statement.routing.kind, &statement.payload)
        .map_err(|reason| format!("{reason}: {}", reason.meaning()))?;
    let carried = inside.and_then(|inside| {
        let item = inside.items.into_iter().next()?;
        Some(pae::leaf_hash(DocumentType::Statement, &item.document))
    });
    let routing = statement.routing;
    let act = match routing.statement.origin == file.exporter {
        true => Act::Accepted,
        // Not to the exporter: it came inside another statement.
        false if routing.recipient(&file.exporter).is_none() => Act::Carried,
        false => Act::Received,
    };
    let entry = log.take(act, Some(routing.statement), verified.leaf());
    let outcome = match entry {
        Some(place) => plausible(file, routing.issued_at).map(|()| format!("{valid}; {place}")),
        None => Err("no entry of the log is for these bytes, or it stands twice".to_owned()),
    };
    let claim = Claim::new(
        routing.statement.origin.to_string(),
        described(&routing),
        standing(outcome),
    );
    claims.push(claim.at(routing.issued_at).by(&verified.key().0));
    claims.extend(receipts::claim(
        file,
        &signed,
        &routing,
        verified.leaf(),
        entry,
        log,
    ));
    claims.extend(receipts::not_made(&routing, &signed, file));
    Ok(Held {
        routing,
        leaf: verified.leaf(),
        carried,
    })
}

fn described(routing: &Routing) -> String {
    let to: Vec<String> = routing
        .recipients
        .iter()
        .map(|recipient| recipient.authority.to_string())
        .collect();
    let mut text = format!("issued {} {}", routing.kind, routing.statement);
    text.push_str(&format!(" [{}] to {}", routing.status, to.join(", ")));
    if let Some(target) = routing.in_reply_to {
        text.push_str(&format!(" on {target}"));
    }
    text
}

/// The first receipt that says "held" fixes a time at which the key was good. Without one, the key must be good
/// at the time of issue, and not revoked since: a stolen key could have signed afterwards.
fn verify(
    document: &Document,
    signed: &[Signed],
    directories: &Directories,
) -> Result<(Verified, String), String> {
    let held = signed
        .iter()
        .filter(|it| it.receipt.verdict == Verdict::Held);
    if let Some(first) = held.min_by_key(|it| it.receipt.time)
        && let Some((version, verifier)) = directories.version(first.receipt.directory_version)
        && let Ok(verified) = document.verify(Purpose::Statement, verifier, first.receipt.time)
    {
        let (at, who) = (first.receipt.time, first.receipt.recipient);
        let how = format!("key valid at {at}, when {who} held it, under directory {version}");
        return Ok((verified, how));
    }
    let claimed = envelope::Statement::decode(document.bytes().as_ref())
        .map_err(|error| format!("no statement: {error}"))?;
    let at = Timestamp::from_micros(claimed.issued_at_us);
    let (version, verifier) = directories
        .newest()
        .ok_or("no directory to verify it under")?;
    let verified = document.verify(Purpose::Statement, verifier, at)?;
    let directory = verifier.directory();
    let key = directory
        .member(&verified.signer())
        .and_then(|member| member.key(Purpose::Statement.key_use(), &verified.key()));
    if let Some(revoked) = key.and_then(|key| key.revoked_at) {
        return Err(format!(
            "its key was revoked at {revoked}, and no receipt shows that it was signed before"
        ));
    }
    let how = format!("key valid then under directory {version}");
    Ok((verified, how))
}
