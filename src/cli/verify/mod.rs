//! `allpoints audit verify`: checks an evidence file with no access to any node.
//!
//! The way in is [`run`], or [`check`] on bytes. Nothing in the file is believed: the anchor comes from
//! outside, everything else is verified from it, and every byte of the file is under something verified.
//! Without an anchor the best answer is "consistent, not proved". What nobody claims (a recipient that was
//! never reached gave no receipt) is named, and takes nothing from the proof of the rest.

use std::path::PathBuf;

use prost::Message as _;

use crate::{
    cli::{
        exit::{CliError, Exit},
        session::Session,
    },
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::CLOCK_TOLERANCE,
        time::Timestamp,
    },
    proto::{envelope::v1 as envelope, evidence::v1::Export},
    trust::directory::Anchor,
};

mod directories;
mod documents;
mod log;
mod receipts;
pub mod report;
mod statements;
mod thread;

use directories::Directories;
use log::Log;
use report::{Claim, Report, Standing, Verdict};

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
    let report = check(&bytes, anchor, session.clock.now());
    session.output.value(&report, Report::render)?;
    match report.verdict {
        Verdict::Proved => Ok(()),
        verdict => Err(
            CliError::new(Exit::NotProved, verdict.words()).hint(match verdict {
                Verdict::Consistent => {
                    "give the first root's fingerprint with --federation, from outside the file"
                }
                _ => "the lines marked FAILS name what does not hold",
            }),
        ),
    }
}

/// Checks the bytes of an export. `now` is the checking machine's clock: evidence cannot be from its future.
#[must_use]
pub fn check(bytes: &[u8], anchor: Option<Anchor>, now: Timestamp) -> Report {
    let mut claims = Vec::new();
    let anchored = anchor.is_some();
    match read(bytes) {
        Ok(file) => check_file(&file, anchor, now, &mut claims),
        Err(fault) => claims.push(*fault),
    }
    Report::new(claims, anchored)
}

/// The file with its own words about itself, none of them believed yet.
struct File {
    export: Export,
    exporter: AuthorityId,
    thread: StatementRef,
    exported_at: Timestamp,
    /// Whom it was to be carried to: then only what was sent there is in it.
    carried_to: Option<AuthorityId>,
}

/// Takes only what encoding would make: no trailing bytes, no unknown field, no second spelling.
fn read(bytes: &[u8]) -> Result<File, Box<Claim>> {
    let fails = |what: &str, why: String| Box::new(Claim::fails("file", what, why));
    let export = Export::decode(bytes).map_err(|error| fails("is evidence", error.to_string()))?;
    if export.version != FORMAT_VERSION {
        let found = export.version;
        let why = format!("format version {found}, expected {FORMAT_VERSION}");
        return Err(fails("is evidence", why));
    }
    if export.encode_to_vec() != bytes {
        let why = "it holds unknown fields, or bytes in another order than evidence is written in";
        return Err(fails("is evidence", why.to_owned()));
    }
    let exporter = export
        .exporter
        .parse()
        .map_err(|error| fails("names its exporter", format!("{error}")))?;
    let thread = export
        .thread
        .as_ref()
        .and_then(reference)
        .ok_or_else(|| fails("names its thread", "no statement is named".to_owned()))?;
    let carried_to = match export.carried_to.as_str() {
        "" => None,
        to => Some(
            to.parse()
                .map_err(|error| fails("names whom it was carried to", format!("{error}")))?,
        ),
    };
    Ok(File {
        carried_to,
        exported_at: Timestamp::from_micros(export.exported_at_us),
        export,
        exporter,
        thread,
    })
}

fn reference(wire: &envelope::StatementRef) -> Option<StatementRef> {
    Some(StatementRef {
        origin: wire.origin.parse().ok()?,
        id: MessageId::from_bytes(&wire.id).ok()?,
    })
}

fn check_file(file: &File, anchor: Option<Anchor>, now: Timestamp, claims: &mut Vec<Claim>) {
    let Some(anchor) = anchor.or_else(|| directories::own_anchor(&file.export)) else {
        return claims.push(Claim::fails(
            "file",
            "holds a chain of roots",
            "no root in it",
        ));
    };
    if file.exported_at > now.plus(CLOCK_TOLERANCE) {
        let why = format!("it says {}, and now it is {now}", file.exported_at);
        claims.push(Claim::fails("file", "was exported in the past", why));
    }
    let directories = Directories::verify(file, anchor, claims);
    let mut log = Log::verify(file, &directories, claims);
    directories.claim(file, &mut log, claims);
    let routings = statements::check(file, &directories, &mut log, claims);
    thread::check(file, &routings, claims);
    log.claim_rest(file, &routings, claims);
}

/// A claimed time that is later than the export is no evidence of the past.
fn plausible(file: &File, at: Timestamp) -> Result<(), String> {
    if at <= file.exported_at.plus(CLOCK_TOLERANCE) {
        return Ok(());
    }
    Err(format!(
        "its time {at} is after the export at {}",
        file.exported_at
    ))
}

/// What was checked with its outcome as a claim.
fn standing(outcome: Result<String, String>) -> Standing {
    match outcome {
        Ok(how) => Standing::Holds(how),
        Err(why) => Standing::Fails(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_507_200_000_000);

    #[test]
    fn what_is_no_evidence_fails_and_is_never_proved() {
        let plain = Export {
            version: 1,
            exporter: "XA-POL".to_owned(),
            thread: Some(envelope::StatementRef {
                origin: "XA-POL".to_owned(),
                id: MessageId::from_parts(1_795_000_000_000, [1; 10])
                    .as_bytes()
                    .to_vec(),
            }),
            ..Export::default()
        };
        let changed = |change: fn(&mut Export)| {
            let mut export = plain.clone();
            change(&mut export);
            export.encode_to_vec()
        };
        let unknown_field = [plain.encode_to_vec(), vec![0x78, 1]].concat();
        let long_number = [vec![0x08, 0x81, 0x00], plain.encode_to_vec()[2..].to_vec()].concat();
        let cases = [
            (b"\xff\xff".to_vec(), "is evidence"),
            (changed(|it| it.version = 2), "format version 2"),
            (unknown_field, "unknown fields"),
            (long_number, "unknown fields"),
            (changed(|it| it.exporter.clear()), "names its exporter"),
            (changed(|it| it.thread = None), "names its thread"),
            (plain.encode_to_vec(), "no root"),
        ];
        for (bytes, named) in cases {
            let report = check(&bytes, None, NOW);
            assert_eq!(report.verdict, Verdict::Failed);
            assert!(report.render().contains(named), "{}", report.render());
        }
    }
}
