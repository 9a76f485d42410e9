//! Exchange messages to the broker's words and back. Signed bytes are shared, never copied or written anew.
//!
//! What a peer sends is checked for shape and size here; whether it is true is decided by `trust`.

use bytes::Bytes;

use super::{PROTOCOL_VERSIONS, Sighting};
use crate::{
    delivery::{Greeting, LinkLimits, StatementOutcome},
    domain::{
        id::AuthorityId,
        limits::{
            BATCH_MAX_LEAVES, FRAME_MAX_BYTES, FRAME_MAX_STATEMENTS, STATEMENT_MAX_BYTES,
            WINDOW_MAX_BYTES, WINDOW_MAX_STATEMENTS,
        },
        reason::Reason,
        receipt::LeafHash,
        routing::Lane,
        time::Timestamp,
    },
    proto::{envelope::v1 as envelope, exchange::v1 as pb},
    trust::{
        batch::{SignedHeader, Unverified, UnverifiedItem},
        directory::Directory,
    },
};

/// Hashes in the longest audit path of a batch: log2 of its most leaves.
const PATH_MAX_HASHES: usize = BATCH_MAX_LEAVES.ilog2() as usize;

/// What is wrong with a message of a peer. For our own log; the peer is told `FRAME_BROKEN`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A field has not the length that it must have.
    #[error("the peer sent {field} of {found} bytes, expected {expected}")]
    Length {
        /// Which field.
        field: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// There is more of something than agreed.
    #[error("the peer sent {found} {what}, expected 1 to {most}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// The cap.
        most: usize,
    },
    /// A field that must stand is missing, or has a value that is not on its list.
    #[error("the peer sent no legal {0}")]
    Missing(&'static str),
}

/// Statements and their bytes in a frame: what it takes of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSize {
    /// Statements.
    pub statements: usize,
    /// Bytes of the statements.
    pub bytes: usize,
}

/// Reads a frame's batches and checks its limits: 1 to 256 statements, at most 1 MiB.
///
/// A statement over 256 KiB passes here: it is refused in band, by its own result.
///
/// # Errors
/// When a field has the wrong shape or a limit is broken.
pub fn frame_from(frame: pb::Frame) -> Result<(Vec<Unverified>, FrameSize), ConvertError> {
    let batches = frame
        .batches
        .into_iter()
        .map(batch_from)
        .collect::<Result<Vec<_>, _>>()?;
    let size = size_of(&batches);
    within(
        "statements in a frame",
        size.statements,
        FRAME_MAX_STATEMENTS,
    )?;
    // One statement may be over the frame's cap only as far as the message itself allows.
    within("bytes in a frame", size.bytes, FRAME_MAX_BYTES)?;
    Ok((batches, size))
}

/// Writes a frame.
#[must_use]
pub fn frame_into(number: u64, batches: Vec<Unverified>) -> pb::Frame {
    pb::Frame {
        number,
        batches: batches.into_iter().map(batch_into).collect(),
    }
}

/// Statements and bytes of some batches.
#[must_use]
pub fn size_of(batches: &[Unverified]) -> FrameSize {
    let items = || batches.iter().flat_map(|batch| &batch.items);
    FrameSize {
        statements: items().count(),
        bytes: items().map(|item| item.document.len()).sum(),
    }
}

/// Reads one batch.
///
/// # Errors
/// When it is empty, too large, or a hash has the wrong length.
pub fn batch_from(batch: envelope::SignedBatch) -> Result<Unverified, ConvertError> {
    within("documents in a batch", batch.items.len(), BATCH_MAX_LEAVES)?;
    let items = batch
        .items
        .into_iter()
        .map(|item| {
            Ok(UnverifiedItem {
                document: item.document,
                index: item.index,
                path: path_from(&item.path)?,
            })
        })
        .collect::<Result<Vec<_>, ConvertError>>()?;
    Ok(Unverified {
        signed: SignedHeader {
            header: batch.header,
            signature: batch.signature,
        },
        items,
    })
}

/// Writes one batch.
#[must_use]
pub fn batch_into(batch: Unverified) -> envelope::SignedBatch {
    envelope::SignedBatch {
        header: batch.signed.header,
        signature: batch.signed.signature,
        items: batch
            .items
            .into_iter()
            .map(|item| envelope::SignedItem {
                document: item.document,
                index: item.index,
                path: item
                    .path
                    .iter()
                    .map(|hash| Bytes::copy_from_slice(hash))
                    .collect(),
            })
            .collect(),
    }
}

/// Reads a greeting.
///
/// # Errors
/// When a field is missing or has the wrong shape.
pub fn greeting_from(greeting: &pb::Greeting) -> Result<Greeting, ConvertError> {
    let limits = greeting.limits.ok_or(ConvertError::Missing("limits"))?;
    within("versions", greeting.versions.len(), 64)?;
    Ok(Greeting {
        versions: greeting.versions.clone(),
        federation: greeting.federation.clone(),
        directory_version: greeting.directory_version,
        directory_hash: hash_from("directory hash", &greeting.directory_hash)?,
        clock: Timestamp::from_micros(greeting.clock_us),
        lane: u8::try_from(greeting.lane)
            .ok()
            .and_then(Lane::from_number)
            .ok_or(ConvertError::Missing("lane"))?,
        limits: LinkLimits {
            statements_per_frame: limits.statements_per_frame,
            bytes_per_frame: limits.bytes_per_frame,
            bytes_per_statement: limits.bytes_per_statement,
            window_statements: limits.window_statements,
            window_bytes: limits.window_bytes,
        },
    })
}

/// What a heartbeat says of its sender's directory; `None` when it says nothing that can be read.
#[must_use]
pub fn sighting_from(peer: AuthorityId, heartbeat: &pb::Heartbeat) -> Option<Sighting> {
    let hash = heartbeat.directory_hash.as_slice().try_into().ok()?;
    (heartbeat.directory_version != 0).then_some(Sighting {
        peer,
        version: heartbeat.directory_version,
        hash,
    })
}

/// Writes a heartbeat with the directory in force.
#[must_use]
pub fn heartbeat_into(number: u64, directory: &Directory) -> pb::Heartbeat {
    pb::Heartbeat {
        number,
        directory_version: directory.version(),
        directory_hash: directory.hash().to_vec(),
    }
}

/// Writes a greeting.
#[must_use]
pub fn greeting_into(greeting: &Greeting) -> pb::Greeting {
    pb::Greeting {
        versions: greeting.versions.clone(),
        federation: greeting.federation.clone(),
        directory_version: greeting.directory_version,
        directory_hash: greeting.directory_hash.to_vec(),
        clock_us: greeting.clock.as_micros(),
        lane: i32::from(greeting.lane as u8),
        limits: Some(pb::Limits {
            statements_per_frame: greeting.limits.statements_per_frame,
            bytes_per_frame: greeting.limits.bytes_per_frame,
            bytes_per_statement: greeting.limits.bytes_per_statement,
            window_statements: greeting.limits.window_statements,
            window_bytes: greeting.limits.window_bytes,
        }),
    }
}

/// What this node accepts on one stream.
#[must_use]
pub fn own_limits() -> LinkLimits {
    let capped = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    LinkLimits {
        statements_per_frame: capped(FRAME_MAX_STATEMENTS),
        bytes_per_frame: capped(FRAME_MAX_BYTES),
        bytes_per_statement: capped(STATEMENT_MAX_BYTES),
        window_statements: capped(WINDOW_MAX_STATEMENTS),
        window_bytes: capped(WINDOW_MAX_BYTES),
    }
}

/// Whether two nodes can talk: same federation, a protocol version in common.
///
/// # Errors
/// `WRONG_FEDERATION` or `UNSUPPORTED_VERSION`.
pub fn agree(ours: &Greeting, theirs: &Greeting) -> Result<(), Reason> {
    if ours.federation != theirs.federation {
        return Err(Reason::WrongFederation);
    }
    let common = |version| theirs.versions.contains(version);
    if PROTOCOL_VERSIONS.iter().any(common) {
        Ok(())
    } else {
        Err(Reason::UnsupportedVersion)
    }
}

/// Reads the results of a frame.
///
/// # Errors
/// When a result contradicts itself or has the wrong shape.
pub fn results_from(
    results: &[pb::StatementResult],
) -> Result<Vec<StatementOutcome>, ConvertError> {
    within("results", results.len(), FRAME_MAX_STATEMENTS)?;
    results.iter().map(result_from).collect()
}

/// Writes the results of a frame.
#[must_use]
pub fn results_into(results: &[StatementOutcome]) -> Vec<pb::StatementResult> {
    results
        .iter()
        .map(|outcome| pb::StatementResult {
            leaf: outcome.leaf.0.to_vec(),
            code: outcome.refused.map_or(0, |reason| reason.code() as i32),
            reason: outcome
                .refused
                .map_or_else(String::new, |reason| reason.name().to_owned()),
        })
        .collect()
}

fn result_from(result: &pb::StatementResult) -> Result<StatementOutcome, ConvertError> {
    let refused = match (result.code, result.reason.as_str()) {
        (0, "") => None,
        (0, _) | (_, "") => return Err(ConvertError::Missing("result: code and reason differ")),
        // A reason that only a newer version knows: a person must look, nothing is thrown away.
        (_, name) => Some(name.parse().unwrap_or(Reason::UnsupportedVersion)),
    };
    Ok(StatementOutcome {
        leaf: LeafHash(hash_from("leaf", &result.leaf)?),
        refused,
    })
}

fn path_from(path: &[Bytes]) -> Result<Vec<[u8; 32]>, ConvertError> {
    if path.len() > PATH_MAX_HASHES {
        return Err(ConvertError::Count {
            what: "hashes in a path",
            found: path.len(),
            most: PATH_MAX_HASHES,
        });
    }
    path.iter()
        .map(|hash| hash_from("path hash", hash))
        .collect()
}

fn hash_from(field: &'static str, bytes: &[u8]) -> Result<[u8; 32], ConvertError> {
    bytes.try_into().map_err(|_| ConvertError::Length {
        field,
        found: bytes.len(),
        expected: 32,
    })
}

fn within(what: &'static str, found: usize, most: usize) -> Result<(), ConvertError> {
    if (1..=most).contains(&found) {
        Ok(())
    } else {
        Err(ConvertError::Count { what, found, most })
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
