//! Every directory version in the file, verified from the anchor up.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    cli::output::hex,
    domain::time::Timestamp,
    proto::evidence::v1::Export,
    trust::{
        batch::Verifier,
        directory::{Anchor, Directory},
    },
};

use super::report::{Claim, Standing};

/// Verified versions, each with a verifier of its own.
pub(super) struct Directories {
    versions: BTreeMap<u64, Verifier>,
}

/// The fingerprint of the first root that the file itself brings: consistent at best.
pub(super) fn own_anchor(export: &Export) -> Option<Anchor> {
    let first = export.directories.first()?.bundle.as_ref()?.roots.first()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &first.document);
    digest.as_ref().try_into().ok().map(Anchor)
}

impl Directories {
    /// Verifies each version as of the export; what does not hold is claimed as failing, and left out.
    pub(super) fn verify(
        export: &Export,
        anchor: Anchor,
        exported_at: Timestamp,
        claims: &mut Vec<Claim>,
    ) -> Self {
        let mut versions = BTreeMap::new();
        for named in &export.directories {
            let what = format!("directory version {}", named.version);
            match verify_one(
                export,
                named.version,
                named.bundle.as_ref(),
                anchor,
                exported_at,
            ) {
                Ok(directory) => {
                    let how = format!("{}, sha256:{}", anchor, hex(&directory.hash()));
                    claims.push(Claim::new(&export.federation, what, Standing::Holds(how)));
                    versions.insert(named.version, Verifier::new(Arc::new(directory)));
                }
                Err(why) => claims.push(Claim::fails(&export.federation, what, why)),
            }
        }
        if export.directories.is_empty() {
            claims.push(Claim::fails("file", "holds a directory", "none in it"));
        }
        Self { versions }
    }

    /// The version with this number.
    pub(super) fn version(&self, number: u64) -> Option<&Verifier> {
        self.versions.get(&number)
    }

    /// All of them, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u64, &Verifier)> {
        self.versions.iter().rev().map(|(number, it)| (*number, it))
    }
}

fn verify_one(
    export: &Export,
    version: u64,
    bundle: Option<&crate::proto::directory::v1::Bundle>,
    anchor: Anchor,
    exported_at: Timestamp,
) -> Result<Directory, String> {
    let bundle = bundle.ok_or("its documents are missing")?;
    let directory =
        Directory::verify(bundle, anchor, exported_at).map_err(|error| error.to_string())?;
    if directory.version() != version {
        return Err(format!(
            "its documents are of version {}",
            directory.version()
        ));
    }
    if directory.federation() != export.federation {
        return Err(format!(
            "it is of the federation {}",
            directory.federation()
        ));
    }
    Ok(directory)
}
