//! How a command ends: one exit code per kind of outcome, and a message that names the fix.
//!
//! Every command returns [`CliError`]; the parser turns it into the process's exit code and prints
//! the message and its hint. No message ever holds personal data.

use std::fmt;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// It failed inside.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// A rule refuses it; all reasons are listed.
    Refused = 3,
    /// Not there, or not yours to see.
    NotFound = 4,
    /// No connection, outcome unknown; safe to repeat.
    Unreachable = 5,
    /// Overdue or unhealthy.
    Unhealthy = 6,
    /// Evidence that is not proved.
    NotProved = 7,
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What happened: lower case, expected and actual.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl CliError {
    /// An error with its exit code.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}
