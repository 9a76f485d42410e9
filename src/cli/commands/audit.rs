//! `allpoints audit`: the journal's headers, evidence out of the node, and evidence checked without one.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use clap::Subcommand;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, names, table, time},
        session::{Session, read_failed},
        verify::{self, VerifyArgs},
    },
    proto::desk::v1::{AuditEntry, AuditExportRequest, AuditListRequest, AuditListResponse},
};

/// Subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Journal entry headers, newest first
    List(AuditListArgs),
    /// One thread as evidence, into a file
    Export(AuditExportArgs),
    /// Check an evidence file, without any node
    Verify(VerifyArgs),
}

/// Arguments of `audit list`.
#[derive(Debug, clap::Args)]
pub struct AuditListArgs {
    /// Only entries of this statement
    #[arg(long)]
    id: Option<String>,
    /// How many at most (1 to 200)
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on from here: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
}

/// Arguments of `audit export`.
#[derive(Debug, clap::Args)]
pub struct AuditExportArgs {
    /// Any statement of the thread
    id: String,
    /// The file to make; an existing one is left alone
    #[arg(short, long)]
    output: PathBuf,
    /// Why it is taken out: an auditor must say it; kept sealed in the journal
    #[arg(long)]
    reason: Option<String>,
}

/// Runs one of them.
///
/// # Errors
/// As each says; verifying ends with exit 7 when the evidence is not proved.
pub async fn run(command: AuditCommand, session: &Session) -> Result<(), CliError> {
    match command {
        AuditCommand::List(args) => list(args, session).await,
        AuditCommand::Export(args) => export(args, session).await,
        AuditCommand::Verify(args) => verify::run(&args, session),
    }
}

async fn list(args: AuditListArgs, session: &Session) -> Result<(), CliError> {
    let request = AuditListRequest {
        cursor: args.cursor.unwrap_or_default(),
        limit: args.limit,
        id: args.id.unwrap_or_default(),
    };
    let mut desk = session.desk().await?;
    let page = desk.audit_list(request).await.map_err(read_failed)?;
    session.output.value(&page.into_inner(), render)
}

fn render(page: &AuditListResponse) -> String {
    let mut shown = table(["entry", "when", "who", "act", "reason", "peer", "statement"]);
    for entry in &page.entries {
        shown.add_row([
            entry.index.to_string(),
            time(entry.at_us),
            said(&entry.actor),
            act(entry),
            said(&entry.reason),
            said(&entry.peer),
            names::statement(entry.statement.as_ref()),
        ]);
    }
    if page.next_cursor.is_empty() {
        return shown.to_string();
    }
    format!("{shown}\nmore: --cursor {}", escape(&page.next_cursor))
}

/// What was done, and how often where one entry stands for many.
fn act(entry: &AuditEntry) -> String {
    match entry.count {
        0 => said(&entry.act),
        count => format!("{} ({count})", said(&entry.act)),
    }
}

/// A dash where there is nothing to say.
fn said(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        text => escape(text),
    }
}

async fn export(args: AuditExportArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let evidence = fetch(&mut desk, &args.id, args.reason).await?;
    let failed = |error: std::io::Error| {
        CliError::new(
            Exit::Usage,
            format!("cannot make {}: {error}", args.output.display()),
        )
        .hint("name a file that does not exist yet")
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.output)
        .map_err(failed)?;
    file.write_all(&evidence)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    session.output.text(&format!(
        "{} bytes in {}\ncheck it anywhere with: allpoints audit verify {} --federation ANCHOR",
        evidence.len(),
        args.output.display(),
        args.output.display()
    ))
}

/// The bytes of one thread's evidence.
///
/// # Errors
/// When the node refuses or breaks off.
pub async fn fetch(
    desk: &mut crate::cli::connection::Desk,
    id: &str,
    reason: Option<String>,
) -> Result<Vec<u8>, CliError> {
    let request = AuditExportRequest {
        id: id.to_owned(),
        reason: reason.unwrap_or_default(),
    };
    let mut chunks = desk
        .audit_export(request)
        .await
        .map_err(read_failed)?
        .into_inner();
    let mut evidence = Vec::new();
    while let Some(response) = chunks.message().await.map_err(read_failed)? {
        evidence.extend_from_slice(&response.chunk);
    }
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{NOW_US, statement};
    use super::*;

    #[test]
    fn entries_say_who_did_what_to_which_statement_and_why() {
        let entry = |index, actor: &str, act: &str| AuditEntry {
            index,
            at_us: NOW_US,
            actor: actor.to_owned(),
            act: act.to_owned(),
            ..AuditEntry::default()
        };
        let held = AuditEntry {
            reason: "UNREACHABLE".to_owned(),
            peer: "XC-POL".to_owned(),
            statement: Some(statement("XA-POL")),
            ..entry(71, "node", "delivery-ended")
        };
        insta::assert_snapshot!(render(&AuditListResponse {
            entries: vec![held, entry(70, "auditor-3fa9c1d2", "audit-read")],
            next_cursor: "NzA".to_owned(),
        }));
    }
}
