//! How a command ends: the design's exit codes, and the error that carries one.
//!
//! Every command answers `Result<(), CliError>`; nothing else decides about the process's exit.

use std::fmt;

/// Exit codes. Scripts rely on the numbers: never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed inside.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Refused by a rule; all reasons are listed.
    Refused = 3,
    /// Not found, or not yours to see.
    NotFound = 4,
    /// Unreachable: outcome unknown, safe to repeat.
    Unreachable = 5,
    /// Overdue or unhealthy.
    Unhealthy = 6,
    /// Evidence not proved.
    NotProved = 7,
}

/// Why a command did not do what was asked, for a person: what happened where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// How the process ends.
    pub exit: Exit,
    /// What, and where.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl CliError {
    /// An error without advice.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with advice.
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
