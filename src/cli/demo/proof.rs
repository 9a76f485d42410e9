//! The evidence: out of the nodes, and checked with no access to any of them.

use std::fs;

use super::{
    plan::{ARCADIA, BENSALEM},
    report::Promise,
    sabotage::{self, Sabotage},
    stage::Stage,
};
use crate::{
    cli::{
        commands::audit,
        exit::{CliError, Exit},
        verify::{
            self,
            report::{Report, Standing},
        },
    },
    trust::directory::Anchor,
};

/// What the auditor gives as the reason.
const WHY: &str = "the demonstration ends with a proof";

/// Exports the thread in two countries, and verifies both files.
///
/// # Errors
/// When a node does not give its evidence.
pub(super) async fn play(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    let anchor: Anchor = stage
        .report
        .anchor
        .parse()
        .map_err(|error| CliError::new(Exit::Failed, format!("the anchor: {error}")))?;
    let mut desk = stage.desk(ARCADIA.id, "auditor").await?;
    let mut bytes = audit::fetch(&mut desk, alert, Some(WHY.to_owned())).await?;
    if let Some(fault @ (Sabotage::Receipt | Sabotage::Signature)) = stage.fault {
        bytes = sabotage::damage_evidence(&bytes, fault)?;
    }
    stage.report.counts.evidence_bytes = bytes.len();
    stage.tell(
        ARCADIA.id,
        format!(
            "an auditor exports the thread as evidence: {} kB",
            bytes.len() / 1000
        ),
    );
    let report = verify::check(&bytes, Some(anchor), stage.now());
    for (name, part) in [
        (
            "in the evidence, every signed statement is genuine",
            "statement",
        ),
        ("in the evidence, every receipt is genuine", "receipt"),
    ] {
        let seen = wrong(&report, part);
        stage
            .report
            .check(Promise::Proved, name, "none wrong", &seen);
    }
    commands(stage, &bytes).await?;
    let mut desk = stage.desk(BENSALEM.id, "auditor").await?;
    let theirs = audit::fetch(&mut desk, alert, Some(WHY.to_owned())).await?;
    let theirs = verify::check(&theirs, Some(anchor), stage.now());
    stage.report.check(
        Promise::Proved,
        "Bensalem's own evidence proves the same exchange",
        "proved",
        theirs.verdict.words(),
    );
    stage.tell(
        "Court",
        "checks both countries' evidence offline, from the first root's fingerprint",
    );
    Ok(())
}

/// What a report finds wrong about statements or about receipts.
fn wrong(report: &Report, part: &str) -> String {
    let wrong = report
        .claims
        .iter()
        .filter_map(|claim| match &claim.standing {
            // What the journal kept and the file lacks follows from another fault; the verdict has it all the same.
            Standing::Fails(why)
                if claim.what.contains(part) && !claim.what.starts_with("kept ") =>
            {
                Some(format!("{}: {why}", claim.what))
            }
            _ => None,
        });
    match wrong.collect::<Vec<_>>() {
        none if none.is_empty() => "none wrong".to_owned(),
        some => some.join("; "),
    }
}

/// The same by the program's own command, as a court's expert would.
async fn commands(stage: &mut Stage<'_>, bytes: &[u8]) -> Result<(), CliError> {
    let path = stage.net.folder().join("evidence");
    fs::write(&path, bytes).map_err(|error| {
        CliError::new(Exit::Failed, format!("cannot write the evidence: {error}"))
    })?;
    let path = path.display().to_string();
    let anchor = stage.report.anchor.clone();
    let with = ["audit", "verify", &path, "--federation", &anchor];
    let proved = said(stage.net.exit_of(&with).await?);
    stage.report.check(
        Promise::Proved,
        "the evidence proves itself offline",
        "proved",
        proved,
    );
    let unanchored = said(stage.net.exit_of(&with[..3]).await?);
    stage.report.check(
        Promise::Proved,
        "without the root's fingerprint it is not called proved",
        "not proved",
        unanchored,
    );
    Ok(())
}

fn said(exit: Option<i32>) -> &'static str {
    match exit {
        Some(0) => "proved",
        Some(code) if code == Exit::NotProved as i32 => "not proved",
        _ => "could not be checked",
    }
}
