//! The exporter's log: its signed checkpoint, the entries under it, and that each document stands in it.

use crate::{
    domain::id::AuthorityId,
    proto::evidence::v1::{Export, LogEntry},
    trust::{
        keys::{KeyId, KeyUse},
        merkle::{self, Hash},
        note::Checkpoint,
    },
};

use super::{
    Checked,
    directories::Directories,
    report::{Claim, Standing},
};

/// Bytes of an entry header, and where the leaf hash of its body stands in them (see `store::entry`).
const HEADER_BYTES: usize = 144;
const LEAF_FROM: usize = 96;

/// Checks the checkpoint, every entry under it, and that all that was verified is logged.
pub(super) fn check(
    export: &Export,
    exporter: AuthorityId,
    directories: &Directories,
    checked: &Checked,
    claims: &mut Vec<Claim>,
) {
    let who = exporter.to_string();
    let (checkpoint, key) = match verify_checkpoint(export, exporter, directories) {
        Ok(checkpoint) => checkpoint,
        Err(why) => return claims.push(Claim::fails(who, "signed its log's checkpoint", why)),
    };
    let what = format!(
        "signed its log's checkpoint over {} entries",
        checkpoint.size
    );
    claims.push(Claim::new(&who, what, Standing::Holds(checkpoint.origin.clone())).by(&key.0));

    let mut proven: Vec<(u64, Hash)> = Vec::new();
    for entry in &export.entries {
        match prove(entry, &checkpoint) {
            Ok(leaf) => proven.push((entry.index, leaf)),
            Err(why) => {
                claims.push(Claim::fails(
                    &who,
                    format!("logged entry {}", entry.index),
                    why,
                ));
            }
        }
    }
    for (name, leaf) in &checked.logged {
        claims.push(logged(&who, name, proven.iter().find(|(_, it)| it == leaf)));
    }
    for (name, place, leaf) in &checked.placed {
        if !proven.contains(&(*place, *leaf)) {
            let why = format!("its receipt names entry {place}, which is missing or another");
            claims.push(Claim::fails(&who, format!("logged {name}"), why));
        }
    }
}

fn logged(who: &str, name: &str, entry: Option<&(u64, Hash)>) -> Claim {
    let standing = match entry {
        Some((index, _)) => Standing::Holds(format!("entry {index}")),
        None => Standing::Fails("no entry of the log is for these bytes".to_owned()),
    };
    Claim::new(who, format!("logged {name}"), standing)
}

fn verify_checkpoint(
    export: &Export,
    exporter: AuthorityId,
    directories: &Directories,
) -> Result<(Checkpoint, KeyId), String> {
    let mut why = "its log key is in no directory of the file".to_owned();
    for (_, verifier) in directories.newest_first() {
        let directory = verifier.directory();
        let member = directory.member(&exporter);
        let keys = member.iter().flat_map(|member| &member.keys);
        for key in keys.filter(|key| key.key_use == KeyUse::Log) {
            match Checkpoint::verify(&export.checkpoint, &key.public) {
                Ok(checkpoint) => {
                    let own = format!("allpoints/{exporter}/log/");
                    if checkpoint.origin.starts_with(&own) {
                        return Ok((checkpoint, key.id));
                    }
                    why = "the checkpoint is of another log".to_owned();
                }
                Err(error) => why = error.to_string(),
            }
        }
    }
    Err(why)
}

/// The leaf hash that an entry holds, once its header is proven under the checkpoint.
fn prove(entry: &LogEntry, checkpoint: &Checkpoint) -> Result<Hash, String> {
    let path = entry
        .path
        .iter()
        .map(|hash| Hash::try_from(hash.as_slice()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "a hash of its path is not 32 bytes")?;
    let leaf = merkle::leaf(&entry.header);
    let root = merkle::root_from_path(&leaf, entry.index, checkpoint.size, &path);
    if root != Some(checkpoint.root) {
        return Err("its path does not lead to the checkpoint's root".to_owned());
    }
    if entry.header.len() != HEADER_BYTES {
        return Err(format!(
            "a header of {} bytes, expected {HEADER_BYTES}",
            entry.header.len()
        ));
    }
    entry
        .header
        .get(LEAF_FROM..LEAF_FROM + 32)
        .and_then(|leaf| leaf.try_into().ok())
        .ok_or_else(|| "its header is too short".to_owned())
}
