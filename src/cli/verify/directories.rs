//! Every directory version in the file, verified from the anchor up, each following the one before.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;

use crate::{
    cli::output::hex,
    domain::receipt::LeafHash,
    proto::{directory::v1::Bundle, evidence::v1::Export},
    store::entry::Act,
    trust::{
        batch::Verifier,
        directory::{Anchor, Directory},
        pae::{self, DocumentType},
    },
};

use super::{File, log::Log, report::Claim, standing};

/// Verified versions, each with a verifier of its own.
pub(super) struct Directories {
    versions: BTreeMap<u64, Version>,
}

struct Version {
    verifier: Verifier,
    anchor: Anchor,
    hash: [u8; 32],
    /// Of what the exporter's journal keeps when it adopts it.
    adopted: LeafHash,
}

/// The fingerprint of the first root that the file itself brings: consistent at best.
pub(super) fn own_anchor(export: &Export) -> Option<Anchor> {
    let first = export.directories.first()?.bundle.as_ref()?.roots.first()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &first.document);
    digest.as_ref().try_into().ok().map(Anchor)
}

impl Directories {
    /// Verifies each version as of the export; what does not hold is claimed as failing, and left out.
    pub(super) fn verify(file: &File, anchor: Anchor, claims: &mut Vec<Claim>) -> Self {
        let mut versions = BTreeMap::new();
        let mut previous: Option<Arc<Directory>> = None;
        for named in &file.export.directories {
            let bundle = named.bundle.clone().unwrap_or_default();
            match verify_one(file, named.version, &bundle, anchor, previous.as_deref()) {
                Ok(directory) => {
                    let directory = Arc::new(directory);
                    let version = Version {
                        verifier: Verifier::new(Arc::clone(&directory)),
                        anchor,
                        hash: directory.hash(),
                        adopted: adopted_leaf(named.version, &bundle),
                    };
                    versions.insert(named.version, version);
                    previous = Some(directory);
                }
                Err(why) => claims.push(Claim::fails(
                    &file.export.federation,
                    described(named.version),
                    why,
                )),
            }
        }
        if file.export.directories.is_empty() {
            claims.push(Claim::fails("file", "holds a directory", "none in it"));
        }
        Self { versions }
    }

    /// One claim for each version: it holds from the anchor up, and the exporter adopted these bytes.
    pub(super) fn claim(&self, file: &File, log: &mut Log, claims: &mut Vec<Claim>) {
        for (number, version) in &self.versions {
            let entry = log.take(Act::DirectoryAdopted, None, version.adopted);
            let outcome = entry.map(|place| {
                let hash = hex(&version.hash);
                format!("{}, sha256:{hash}, adopted in {place}", version.anchor)
            });
            let why = format!(
                "no entry of {} says that it adopted these bytes",
                file.exporter
            );
            claims.push(Claim::new(
                &file.export.federation,
                described(*number),
                standing(outcome.ok_or(why)),
            ));
        }
    }

    /// The version with this number, or the first after it: keys stay listed when they retire.
    pub(super) fn version(&self, number: u64) -> Option<(u64, &Verifier)> {
        let at_or_after = self.versions.range(number..).next();
        at_or_after.map(|(number, version)| (*number, &version.verifier))
    }

    /// The one that was in force at the export.
    pub(super) fn newest(&self) -> Option<(u64, &Verifier)> {
        let newest = self.versions.last_key_value();
        newest.map(|(number, version)| (*number, &version.verifier))
    }
}

fn described(version: u64) -> String {
    format!("directory version {version}")
}

/// As `store` makes it for a body that is no document: the version, 8 bytes big-endian, then the bundle.
fn adopted_leaf(version: u64, bundle: &Bundle) -> LeafHash {
    let body = [version.to_be_bytes().to_vec(), bundle.encode_to_vec()].concat();
    pae::leaf_hash(DocumentType::Note, &body)
}

fn verify_one(
    file: &File,
    version: u64,
    bundle: &Bundle,
    anchor: Anchor,
    previous: Option<&Directory>,
) -> Result<Directory, String> {
    let directory =
        Directory::verify(bundle, anchor, file.exported_at).map_err(|error| error.to_string())?;
    let found = directory.version();
    if found != version {
        return Err(format!("its documents are of version {found}"));
    }
    if directory.federation() != file.export.federation {
        return Err("it is of another federation".to_owned());
    }
    if let Some(previous) = previous {
        if previous.version() >= version {
            return Err(format!(
                "it stands after version {}, expected ascending versions, each once",
                previous.version()
            ));
        }
        // As a node judged it when it was new.
        let then = directory.timestamp_issued_at();
        Directory::verify_successor(bundle, anchor, previous, then)
            .map_err(|error| error.to_string())?;
    }
    Ok(directory)
}
