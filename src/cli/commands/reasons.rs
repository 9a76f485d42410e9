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
