//! What every command is given: time, output, and the way to the own desk when it needs one.

use std::{path::PathBuf, sync::Arc};

use super::{
    connection::{self, Desk},
    exit::{CliError, Exit},
    output::Output,
    refusal::{self, Repeat},
};
use crate::{client::Profile, domain::time::Clock, i18n::Language};

/// One run of the program.
#[derive(Debug)]
pub struct Session {
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Where results go.
    pub output: Output,
    /// In which coded fields are shown to people.
    pub language: Language,
    /// Which profile was asked for.
    pub profile: ProfileChoice,
}

/// How the profile was named.
#[derive(Debug, Clone)]
pub enum ProfileChoice {
    /// Not at all.
    None,
    /// By `--profile` or `ALLPOINTS_PROFILE`.
    Named(String),
    /// By `--profile-file`.
    File(PathBuf),
}

impl Session {
    /// The profile that was asked for.
    ///
    /// # Errors
    /// When none was, or it cannot be used.
    pub fn profile(&self) -> Result<Profile, CliError> {
        match &self.profile {
            ProfileChoice::File(path) => Ok(Profile::read(path)?),
            ProfileChoice::Named(name) => Ok(Profile::named(name)?),
            ProfileChoice::None => Err(CliError::new(
                Exit::Usage,
                "no profile: which node shall this talk to?",
            )
            .hint("give --profile NAME, --profile-file PATH, or set ALLPOINTS_PROFILE")),
        }
    }

    /// Connects to the own desk.
    ///
    /// # Errors
    /// Without a usable profile, or when nobody answers.
    pub async fn desk(&self) -> Result<Desk, CliError> {
        connection::connect(&self.profile()?, self.clock.as_ref()).await
    }
}

/// Turns the status of a failed read into an error.
#[must_use]
#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
pub fn read_failed(status: tonic::Status) -> CliError {
    refusal::explain(&status, &Repeat::Read)
}
