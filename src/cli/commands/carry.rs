//! `allpoints carry` and `allpoints carried`: a bundle for an authority that runs no node, and what became of it.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, names},
        refusal::{Repeat, explain},
        session::{Session, read_failed},
    },
    domain::id::AuthorityId,
    proto::desk::v1::{
        CarryRequest, CarryResponse, HandReport, ReportCarriedRequest, ReportCarriedResponse,
    },
};

/// Arguments of `carry`.
#[derive(Debug, clap::Args)]
pub struct CarryArgs {
    /// Any own statement of the thread: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// The authority that runs no node, such as XE-POL
    #[arg(long)]
    to: AuthorityId,
    /// The file to write; one that is there is not overwritten. Only its owner may read it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Arguments of `carried`.
#[derive(Debug, clap::Args)]
pub struct CarriedArgs {
    /// The last statement of the bundle, as `carry` named it: it and those before it in the thread were carried
    id: String,
    /// The authority to which it was carried
    #[arg(long)]
    to: AuthorityId,
    /// Who carried it: function and office
    #[arg(long)]
    by: String,
    /// Who acknowledged it: function and office; left out: nobody yet
    #[arg(long, value_name = "WHO")]
    acknowledged_by: Option<String>,
    /// When it was carried, such as 2026-11-24T08:00:00Z; now when not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<i64>,
}

/// Writes the bundle, and says what it holds and what comes next.
///
/// # Errors
/// Exit 2 when the file cannot be made; 3 when the recipient runs a node; 4 when nothing of the thread goes there.
pub async fn carry(args: CarryArgs, session: &Session) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(
            Exit::Usage,
            format!("cannot make {}: {error}", args.out.display()),
        )
        .hint("name a file that does not exist yet")
    };
    if args.out.exists() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut desk = session.desk().await?;
    let request = CarryRequest {
        id: args.id,
        to: args.to.to_string(),
    };
    let carrying = desk.carry(request).await.map_err(read_failed)?;
    let mut chunks = carrying.into_inner();
    let (mut bundle, mut first) = (Vec::new(), CarryResponse::default());
    while let Some(mut response) = chunks.message().await.map_err(read_failed)? {
        bundle.extend_from_slice(&std::mem::take(&mut response.chunk));
        if !response.statements.is_empty() {
            first = response;
        }
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.out)
        .map_err(failed)?;
    file.write_all(&bundle)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    session.output.value(&first, |first| {
        written(
            first,
            &args.to,
            &args.out.display().to_string(),
            bundle.len(),
        )
    })
}

fn written(first: &CarryResponse, to: &AuthorityId, file: &str, bytes: usize) -> String {
    let statements = first.statements.iter();
    let statements: Vec<String> = statements.map(|it| names::statement(Some(it))).collect();
    let last = first.statements.last().map(|it| names::id(&it.id));
    let how = match first.channel.as_str() {
        "" => "by hand".to_owned(),
        channel => format!(
            "by {}, handed to {}",
            escape(channel),
            escape(&first.contact)
        ),
    };
    let file = escape(file);
    format!(
        "{bytes} bytes in {file}, for {to} {how}\n\
         it holds PERSONAL DATA in clear, signed and not sealed: whoever has the file can read it\n\
         in it, oldest first: {}\n\
         whoever gets it proves it offline: allpoints audit verify {file} --federation ANCHOR\n\
         when it was carried: allpoints carried {} --to {to} --by WHO",
        statements.join(", "),
        last.unwrap_or_default()
    )
}

/// Reports it.
///
/// # Errors
/// Exit 3 when no bundle was written, or all is acknowledged; 4 when it is no statement of ours to that authority.
pub async fn carried(args: CarriedArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = ReportCarriedRequest {
        id: args.id,
        to: args.to.to_string(),
        report: Some(HandReport {
            carried_by: args.by,
            carried_at_us: args.at.unwrap_or_default(),
            acknowledged_by: args.acknowledged_by.unwrap_or_default(),
        }),
    };
    let reported = desk.report_carried(request).await;
    // Said twice, the later report counts, and says the same.
    let reported = reported.map_err(|status| explain(&status, &Repeat::Read))?;
    session
        .output
        .value(&reported.into_inner(), |it| told(it, &args.to))
}

fn told(reported: &ReportCarriedResponse, to: &AuthorityId) -> String {
    let statements = reported.statements.iter();
    let statements: Vec<String> = statements.map(|it| names::statement(Some(it))).collect();
    format!(
        "by hand to {to}, {}: {}",
        names::hand(reported.hand),
        statements.join(", ")
    )
}

/// RFC 3339, in microseconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| "expected a time such as 2026-11-24T08:00:00Z".to_owned())?;
    Ok(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::super::specimens::statement;
    use super::*;
    use crate::proto::desk::v1::HandStage;

    #[test]
    fn a_bundle_says_that_it_holds_personal_data_and_what_comes_next() {
        let to = "XE-POL".parse().unwrap();
        let first = CarryResponse {
            statements: vec![statement("XA-POL")],
            channel: "embassy".to_owned(),
            contact: "Duty \u{202e}officer".to_owned(),
            ..CarryResponse::default()
        };
        let reported = ReportCarriedResponse {
            statements: vec![statement("XA-POL")],
            hand: HandStage::Acknowledged.into(),
        };
        insta::assert_snapshot!(format!(
            "{}\n\n{}",
            written(&first, &to, "xe.evidence", 4711),
            told(&reported, &to)
        ));
    }

    #[test]
    fn a_time_is_rfc_3339() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1_000_000));
        for wrong in ["", "yesterday", "2026-11-24"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
