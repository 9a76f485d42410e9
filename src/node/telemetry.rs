//! Log lines to standard error, for people or for collectors. Callers see to it that no line names a person.

use tracing_subscriber::EnvFilter;

use super::{
    config::{Log, LogFormat},
    error::NodeError,
};

/// Starts logging for the whole program. A program that already logs goes on as it is.
pub(super) fn start(log: &Log) -> Result<(), NodeError> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|error| NodeError::Filter(format!("found `{}` ({error})", log.filter)))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let log = Log {
            format: LogFormat::Text,
            filter: "allpoints=loud".to_owned(),
        };
        let error = start(&log).expect_err("refused").to_string();
        assert!(error.contains("log.filter") && error.contains("allpoints=loud"));
    }
}
