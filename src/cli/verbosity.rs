//! `-v`: what the program says on standard error while it works. `serve` has its own, from its configuration.

use tracing_subscriber::EnvFilter;

use super::arguments::{Command, CommandLine};

/// Starts saying more, as often as `-v` was given; nothing without it.
pub(super) fn start(line: &CommandLine) {
    let Some(filter) = filter(line.global.verbose) else {
        return;
    };
    if matches!(line.command, Command::Serve(_)) {
        return;
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // A program that logs already goes on as it is.
    let _ = lines.try_init();
}

fn filter(times: u8) -> Option<&'static str> {
    match times {
        0 => None,
        1 => Some("allpoints=info"),
        2 => Some("allpoints=debug"),
        _ => Some("debug"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_unasked_and_more_when_asked_again() {
        let filters: Vec<_> = (0..4).map(filter).collect();
        let expected = [
            None,
            Some("allpoints=info"),
            Some("allpoints=debug"),
            Some("debug"),
        ];
        assert_eq!(filters, expected);
    }
}
