//! `allpoints reasons`: the one list of named reasons, for operators.

use comfy_table::ContentArrangement;
use serde::Serialize;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, table},
        session::Session,
    },
    domain::reason::{Class, Reason},
};

/// Arguments of `reasons`.
#[derive(Debug, clap::Args)]
pub struct ReasonsArgs {
    /// One reason, such as NOT_ADDRESSED; without it, all
    code: Option<String>,
    /// Print all as the page REASONS.md
    #[arg(long, conflicts_with = "code")]
    page: bool,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    class: String,
    grpc: i32,
    meaning: &'static str,
    remedy: &'static str,
}

/// Prints one reason or all.
///
/// # Errors
/// Exit 4 when there is no such reason.
pub fn run(args: &ReasonsArgs, session: &Session) -> Result<(), CliError> {
    match &args.code {
        None if args.page => session.output.text(page().trim_end()),
        None => {
            let rows: Vec<Row> = Reason::ALL.iter().copied().map(row).collect();
            session.output.value(&rows, |rows| all(rows))
        }
        Some(code) => {
            let reason: Reason = code.to_uppercase().parse().map_err(|_| {
                CliError::new(
                    Exit::NotFound,
                    format!("no reason is named `{}`", escape(code)),
                )
                .hint("`allpoints reasons` lists them all")
            })?;
            session.output.value(&row(reason), one)
        }
    }
}

fn row(reason: Reason) -> Row {
    Row {
        name: reason.name(),
        class: reason.class().to_string(),
        grpc: reason.code() as i32,
        meaning: reason.meaning(),
        remedy: reason.remedy(),
    }
}

fn all(rows: &[Row]) -> String {
    let mut shown = table(["reason", "class", "what it means", "what to do"]);
    for row in rows {
        shown.add_row([row.name, &row.class, row.meaning, row.remedy]);
    }
    shown.set_content_arrangement(ContentArrangement::Dynamic);
    shown.to_string()
}

/// The page for operators: all reasons by class, in the order of their names.
fn page() -> String {
    let mut page = String::from(PAGE_HEAD);
    for (class, what) in [
        (
            Class::Final,
            "never tried again: a dead letter that a person must look at",
        ),
        (
            Class::Hold,
            "stops until a person acts; then `allpoints` goes on where it stopped",
        ),
        (
            Class::Retry,
            "tried again by itself, and never becomes final by counting",
        ),
    ] {
        page.push_str(&format!("\n## {class}: {what}\n\n"));
        page.push_str("| name | number | gRPC | what it means | what to do |\n| --- | --- | --- | --- | --- |\n");
        let mut reasons: Vec<Reason> = Reason::ALL.to_vec();
        reasons.retain(|reason| reason.class() == class);
        reasons.sort_by_key(|reason| reason.name());
        for reason in reasons {
            page.push_str(&format!(
                "| `{}` | {} | {:?} | {} | {} |\n",
                reason.name(),
                reason.number(),
                reason.code(),
                reason.meaning(),
                reason.remedy()
            ));
        }
    }
    page
}

const PAGE_HEAD: &str = "\
# Reasons

Every refusal, wait, expiry and overdue answer has one of these names: in receipts, in the journal, in metrics and on
screens. Receipts and the journal keep the number. `allpoints reasons NAME` shows one of them.

This page is what `allpoints reasons --page` prints; a test holds it to the code.
";

fn one(row: &Row) -> String {
    let class = match row.class.as_str() {
        class if class == Class::Retry.to_string() => "retry: it is tried again by itself",
        class if class == Class::Hold.to_string() => "hold: it waits until a person acts",
        _ => "final: it is never tried again",
    };
    format!(
        "{}\n  class   {class}\n  means   {}\n  to do   {}",
        row.name, row.meaning, row.remedy
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reasons_are_a_table() {
        let rows: Vec<Row> = Reason::ALL.iter().copied().map(row).collect();
        insta::assert_snapshot!(all(&rows));
    }

    /// When this fails: `cargo run -- reasons --page > REASONS.md`.
    #[test]
    fn the_page_is_what_the_enum_says() {
        assert!(
            page() == include_str!("../../../REASONS.md"),
            "REASONS.md is old"
        );
        for reason in Reason::ALL {
            let rows = page().matches(&format!("| `{reason}` |")).count();
            assert_eq!(rows, 1, "{reason} stands once");
        }
    }

    #[test]
    fn one_reason_says_class_meaning_and_remedy() {
        insta::assert_snapshot!(one(&row(Reason::NotAddressed)), @r"
        NOT_ADDRESSED
          class   final: it is never tried again
          means   we are not among the signed recipients
          to do   the origin addresses us, if it means us
        ");
    }
}
