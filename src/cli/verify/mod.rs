//! `allpoints audit verify`: checks an evidence file with no access to any node.
//!
//! The way in is [`run`], or [`check`] on bytes. Nothing in the file is believed: the anchor comes from
//! outside, everything else is verified from it. Without an anchor the best answer is "consistent, not proved".

use std::path::PathBuf;

use prost::Message as _;

use crate::{
    cli::{
        exit::{CliError, Exit},
        session::Session,
    },
    domain::{id::AuthorityId, time::Timestamp},
    proto::evidence::v1::Export,
    trust::{directory::Anchor, merkle::Hash},
};

mod directories;
mod documents;
mod log;
pub mod report;
mod statements;

use report::{Claim, Report, Verdict};

use directories::Directories;

/// Arguments of `audit verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The evidence: a file made by `audit export`
    file: PathBuf,
    /// Fingerprint of the federation's first root (`sha256:...`), known from outside the file
    #[arg(long, value_name = "ANCHOR")]
    federation: Option<String>,
}

/// The version of the evidence format that this program reads.
const FORMAT_VERSION: u32 = 1;

/// Checks a file and says what it proves, claim by claim.
///
/// # Errors
/// Exit 7 unless everything holds from the anchor up; exit 2 when the file or the anchor cannot be read.
pub fn run(args: &VerifyArgs, session: &Session) -> Result<(), CliError> {
    let bytes = std::fs::read(&args.file).map_err(|error| {
        CliError::new(
            Exit::Usage,
            format!("cannot read {}: {error}", args.file.display()),
        )
    })?;
    let anchor = match &args.federation {
        None => None,
        Some(text) => Some(text.parse::<Anchor>().map_err(|error| {
            CliError::new(Exit::Usage, format!("--federation: {error}"))
                .hint("expected the first root's fingerprint, such as sha256:4f2c...")
        })?),
    };
    let report = check(&bytes, anchor);
    session.output.value(&report, Report::render)?;
    match report.verdict {
        Verdict::Proved => Ok(()),
        verdict => Err(
            CliError::new(Exit::NotProved, verdict.words()).hint(match verdict {
                Verdict::Consistent => {
                    "give the first root's fingerprint with --federation, from outside the file"
                }
                _ => "the lines marked FAILS or MISSING name what does not hold",
            }),
        ),
    }
}

/// Checks the bytes of an export.
#[must_use]
pub fn check(bytes: &[u8], anchor: Option<Anchor>) -> Report {
    let mut claims = Vec::new();
    let anchored = anchor.is_some();
    check_into(bytes, anchor, &mut claims);
    Report::new(claims, anchored)
}

fn check_into(bytes: &[u8], anchor: Option<Anchor>, claims: &mut Vec<Claim>) {
    let export = match Export::decode(bytes) {
        Ok(export) if export.version == FORMAT_VERSION => export,
        Ok(export) => {
            let why = format!(
                "format version {}, expected {FORMAT_VERSION}",
                export.version
            );
            return claims.push(Claim::fails("file", "is evidence", why));
        }
        Err(error) => return claims.push(Claim::fails("file", "is evidence", error.to_string())),
    };
    let exporter = match export.exporter.parse::<AuthorityId>() {
        Ok(exporter) => exporter,
        Err(error) => {
            return claims.push(Claim::fails(
                "file",
                "names its exporter",
                error.to_string(),
            ));
        }
    };
    let Some(anchor) = anchor.or_else(|| directories::own_anchor(&export)) else {
        return claims.push(Claim::fails(
            "file",
            "holds a chain of roots",
            "no root in it",
        ));
    };
    let exported_at = Timestamp::from_micros(export.exported_at_us);
    let directories = Directories::verify(&export, anchor, exported_at, claims);
    let checked = statements::check(&export, exporter, &directories, claims);
    log::check(&export, exporter, &directories, &checked, claims);
}

/// What the log must hold.
#[derive(Debug, Default)]
struct Checked {
    /// Leaves of verified statements and of the receipts that the exporter was given.
    logged: Vec<(String, Hash)>,
    /// Journal places that the exporter's own receipts name, with the statement's leaf.
    placed: Vec<(String, u64, Hash)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_evidence_fails_and_is_never_proved() {
        let other_version = Export {
            version: 2,
            ..Export::default()
        };
        let no_exporter = Export {
            version: 1,
            ..Export::default()
        };
        let no_roots = Export {
            version: 1,
            exporter: "XA-POL".to_owned(),
            ..Export::default()
        };
        let cases = [
            (b"\xff\xff".to_vec(), "is evidence"),
            (other_version.encode_to_vec(), "format version 2"),
            (no_exporter.encode_to_vec(), "names its exporter"),
            (no_roots.encode_to_vec(), "no root"),
        ];
        for (bytes, named) in cases {
            let report = check(&bytes, None);
            assert_eq!(report.verdict, Verdict::Failed);
            assert!(report.render().contains(named), "{}", report.render());
        }
    }
}
