//! What commands say, and how: tables for people, canonical protobuf JSON for programs.
//!
//! Results go to standard output, everything else to standard error. Text from alerts only comes through
//! [`escape`].

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use comfy_table::{Cell, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::exit::{CliError, Exit};
use crate::domain::time::Timestamp;

pub mod coded;
mod json_text;
pub mod names;

pub use crate::domain::text::escape;

/// For whom a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tables and sentences.
    People,
    /// One JSON value.
    Json,
}

/// Where and how results are written.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// For whom.
    pub form: Form,
}

impl Output {
    /// Writes text that is already safe to show.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub fn text(self, text: &str) -> Result<(), CliError> {
        let mut out = anstream::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n'))
            .and_then(|()| out.flush())
            .map_err(|error| write_failed(&error))
    }

    /// Writes `value` as JSON, or what `people` makes of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn value<T: Serialize>(
        self,
        value: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        match self.form {
            Form::People => self.text(&people(value)),
            Form::Json => self.text(&json(value)?),
        }
    }

    /// Writes `value` as one line, for streams of them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line<T: Serialize>(
        self,
        value: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        match self.form {
            Form::People => self.text(&people(value)),
            Form::Json => {
                let line = serde_json::to_string(value).map_err(|error| json_failed(&error))?;
                self.text(&json_text::escape(&line))
            }
        }
    }

    /// Says something beside the result, on standard error.
    pub fn note(self, text: &str) {
        // Nothing useful is left to do when standard error is gone.
        let _ = writeln!(anstream::stderr(), "{text}");
    }
}

/// Pretty JSON that is safe on a terminal.
///
/// # Errors
/// When the value has no JSON form.
pub fn json<T: Serialize>(value: &T) -> Result<String, CliError> {
    serde_json::to_string_pretty(value)
        .map(|text| json_text::escape(&text))
        .map_err(|error| json_failed(&error))
}

/// A table in the house style: as wide as the terminal, or as its content when there is none.
#[must_use]
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(header.map(Cell::new));
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table
            .force_no_tty()
            .set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// A progress bar on standard error; hidden when that is no terminal.
#[must_use]
pub fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A time for people; `-` when there is none.
#[must_use]
pub fn time(micros: i64) -> String {
    if micros == 0 {
        return "-".to_owned();
    }
    Timestamp::from_micros(micros).to_string()
}

/// A span in its two largest units: `2 d 3 h`, `4 min 10 s`.
#[must_use]
pub fn span(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = duration.as_secs();
    let mut parts = Vec::new();
    for (seconds, unit) in UNITS {
        if left >= seconds && parts.len() < 2 {
            parts.push(format!("{} {unit}", left / seconds));
            left %= seconds;
        }
    }
    if parts.is_empty() {
        return "under 1 s".to_owned();
    }
    parts.join(" ")
}

/// What is only exercises or tests beside a count of what is real (invariant I10); nothing when there is none.
#[must_use]
pub fn beside(exercises: u64) -> String {
    match exercises {
        0 => String::new(),
        some => format!(", and {some} of exercises or tests"),
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_failed(error: &io::Error) -> CliError {
    // A closed pipe (`| head`) is the reader's choice, and no failure of ours to explain at length.
    CliError::new(Exit::Failed, format!("cannot write the result: {error}"))
}

fn json_failed(error: &serde_json::Error) -> CliError {
    CliError::new(
        Exit::Failed,
        format!("cannot write the result as JSON: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_their_two_largest_units() {
        let cases = [
            (0, "under 1 s"),
            (59, "59 s"),
            (250, "4 min 10 s"),
            (3_600, "1 h"),
            (90_061, "1 d 1 h"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
    }
}
