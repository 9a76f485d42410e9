//! `allpoints config`: checks a node's configuration without starting it, and prints every key.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{
    cli::{
        exit::{CliError, Exit},
        session::Session,
    },
    node,
};

/// Subcommands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a configuration's keys and values; the files that it names are opened by `serve` alone
    Check {
        /// The configuration file
        file: PathBuf,
    },
    /// Print every key with its meaning
    Reference,
}

/// Runs one of them.
///
/// # Errors
/// Exit 2 with the first wrong key.
pub fn run(command: ConfigCommand, session: &Session) -> Result<(), CliError> {
    match command {
        ConfigCommand::Reference => session.output.text(node::CONFIG_REFERENCE),
        ConfigCommand::Check { file } => {
            let config = node::config::check(&file).map_err(|error| {
                CliError::new(Exit::Usage, error.to_string())
                    .hint("`allpoints config reference` explains every key")
            })?;
            session.output.text(&format!(
                "{}: legal, for {}; keys, certificates and directory are opened when it is served",
                file.display(),
                config.authority
            ))
        }
    }
}
