//! What people see: a line per country while it runs, and a table at the end.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{plan::PLAYERS, report::DemoReport};
use crate::{
    cli::output::{escape, names, table},
    proto::desk::v1::TrackResponse,
};

/// A line per country on standard error, as long as that is a terminal.
pub(super) struct Live {
    lines: Vec<(&'static str, ProgressBar)>,
}

impl Live {
    /// Begins to show.
    pub(super) fn start() -> Self {
        let all = MultiProgress::new();
        let lines = PLAYERS.iter().map(|player| {
            let bar = all.add(ProgressBar::new_spinner().with_prefix(player.name));
            if let Ok(style) = ProgressStyle::with_template("{prefix:17} {msg}") {
                bar.set_style(style);
            }
            (player.id, bar)
        });
        Self {
            lines: lines.collect(),
        }
    }

    /// What a country does now.
    pub(super) fn say(&self, who: &str, what: &str) {
        if let Some((_, bar)) = self.lines.iter().find(|(id, _)| *id == who) {
            bar.set_message(escape(what));
            bar.tick();
        }
    }

    /// What each recipient has done with a statement, as its sender sees it.
    pub(super) fn show(&self, track: &TrackResponse) {
        for delivery in &track.deliveries {
            let state = names::delivery_state(delivery.state);
            let parts = [&state, &delivery.reason, &delivery.latest_answer];
            let parts: Vec<&str> = parts
                .into_iter()
                .map(String::as_str)
                .filter(|it| !it.is_empty())
                .collect();
            self.say(&delivery.recipient, &parts.join(", "));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for (_, bar) in &self.lines {
            bar.finish_and_clear();
        }
    }
}

/// The table at the end.
pub(super) fn summary(report: &DemoReport) -> String {
    let mut shown = table(["", "check", "expected", "observed"]);
    for check in &report.checks {
        let mark = if check.ok { "held" } else { "FAILED" };
        shown.add_row([mark, &check.name, &check.expected, &check.observed]);
    }
    let held = report.checks.iter().filter(|check| check.ok).count();
    format!(
        "{shown}\n{held} of {} held, {} deliveries receipted, {:.1} s",
        report.checks.len(),
        report.delivered,
        report.seconds
    )
}
