//! What people see: a line for everything that happens, a table of the countries that is redrawn in place while
//! it runs, and a summary at the end.

use std::fmt::Write as _;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    plan::{ARCADIA, BENSALEM, COCKAIGNE, PLAYERS},
    report::{Check, CountrySeen, DemoReport, Happening, Promise},
};
use crate::{
    cli::output::{Form, Output, escape},
    proto::desk::v1::{Delivery, DeliveryState, Summary},
};

const BOLD: &str = "\u{1b}[1m";
const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const PLAIN: &str = "\u{1b}[0m";

/// Where it is told.
pub(super) enum Live {
    /// Lines above, and below them the table, redrawn in place.
    Terminal(Board),
    /// Lines only.
    Lines(Output),
    /// The report says it all.
    Silent,
}

impl Live {
    /// Lines and table for people at a terminal, lines for people elsewhere, nothing for programs.
    pub(super) fn start(output: Output) -> Self {
        if output.form == Form::Json {
            return Self::Silent;
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        if all.is_hidden() {
            return Self::Lines(output);
        }
        Self::Terminal(Board::begin(all))
    }

    /// Writes a line that stays.
    pub(super) fn line(&self, text: &str) {
        // When nobody reads any more, the story goes on: the report fails to be written at its end.
        match self {
            Self::Terminal(board) => {
                let _ = board.all.println(text);
            }
            Self::Lines(output) => {
                let _ = output.text(text);
            }
            Self::Silent => {}
        }
    }

    /// What a country does now.
    pub(super) fn say(&mut self, who: &str, what: &str) {
        if let Self::Terminal(board) = self {
            board.change(who, |row| row.now = escape(what));
        }
    }

    /// What each country has done with all that Arcadia sent, as Arcadia's node sees it.
    pub(super) fn show(&mut self, outbox: &[Summary]) {
        if let Self::Terminal(board) = self {
            for seen in countries(outbox) {
                board.change(&seen.authority, |row| row.seen = cells(&seen));
            }
            let sent = format!("sent {}", outbox.len());
            board.change(ARCADIA.id, |row| {
                row.seen = [&sent, "", "", ""].map(str::to_owned);
            });
        }
    }
}

/// The live table.
pub(super) struct Board {
    all: MultiProgress,
    rows: Vec<(&'static str, Row, ProgressBar)>,
    heads: Vec<ProgressBar>,
}

/// One country in it.
#[derive(Debug, Default)]
struct Row {
    seen: [String; 4],
    now: String,
}

impl Row {
    fn text(&self, name: &str) -> String {
        format!("{} {}", columns(name, &self.seen), self.now)
    }
}

/// What the columns mean.
const TITLES: [&str; 4] = ["signed for", "opened", "answer", "waiting, why"];

fn columns(name: &str, cells: &[String; 4]) -> String {
    let [signed, opened, answer, waiting] = cells;
    format!("  {name:<17} {signed:<12} {opened:<8} {answer:<10} {waiting:<16}")
}

fn cells(seen: &CountrySeen) -> [String; 4] {
    let or_none = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
    [
        format!("{} of {}", seen.signed, seen.sent),
        seen.opened.to_string(),
        or_none(&seen.answer),
        match (seen.waiting, seen.reason.as_str()) {
            (0, _) => "-".to_owned(),
            (waiting, "") => waiting.to_string(),
            (waiting, reason) => format!("{waiting}, {reason}"),
        },
    ]
}

/// Counts what the two recipients did.
pub(super) fn countries(outbox: &[Summary]) -> Vec<CountrySeen> {
    let of = |who: &str| {
        let deliveries = || {
            let all = outbox.iter().flat_map(|item| &item.deliveries);
            all.filter(|it| it.recipient == who)
        };
        let signed = deliveries().filter(|it| it.state() == DeliveryState::Delivered);
        let (sent, signed) = (deliveries().count(), signed.count());
        let said = |of: fn(&Delivery) -> &str| deliveries().map(of).filter(|it| !it.is_empty());
        CountrySeen {
            authority: who.to_owned(),
            sent,
            signed,
            opened: deliveries().filter(|it| it.opened_at_us != 0).count(),
            // The newest stands first; the oldest is the alert that the story is about.
            answer: escape(
                said(|it| &it.gravest_answer)
                    .next_back()
                    .unwrap_or_default(),
            ),
            waiting: sent - signed,
            reason: escape(said(|it| &it.reason).next().unwrap_or_default()),
        }
    };
    [BENSALEM, COCKAIGNE].map(|player| of(player.id)).into()
}

impl Board {
    fn begin(all: MultiProgress) -> Self {
        let bar = |text: String| {
            let bar = all.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar.set_message(text);
            bar.tick();
            bar
        };
        let titles = columns("country", &TITLES.map(str::to_owned));
        let heads = vec![bar(String::new()), bar(format!("{titles} now"))];
        let rows = PLAYERS.iter().map(|player| {
            let row = Row::default();
            let bar = bar(row.text(player.name));
            (player.name, row, bar)
        });
        let rows = rows.collect();
        Self { all, rows, heads }
    }

    fn change(&mut self, who: &str, how: impl FnOnce(&mut Row)) {
        let Some(player) = PLAYERS.iter().find(|player| player.id == who) else {
            return;
        };
        let row = self.rows.iter_mut().find(|row| row.0 == player.name);
        if let Some((name, row, bar)) = row {
            how(row);
            bar.set_message(row.text(name));
            bar.tick();
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let rows = self.rows.iter().map(|(.., bar)| bar);
        for bar in rows.chain(&self.heads) {
            bar.finish_and_clear();
        }
    }
}

/// What stands before everything.
pub(super) fn opening() -> String {
    let mut text = format!(
        "{BOLD}Allpoints{PLAIN}: to every point that needs to know, and proof that they knew.\n\n\
         Three invented countries on this machine: three processes, each with keys, certificates and a store of\n\
         its own, connected by mutual TLS. Everything said is an EXERCISE about invented persons.\n\n"
    );
    for player in PLAYERS {
        let _ = writeln!(text, "  {:<17} {}", player.name, player.part);
    }
    text.push_str(&format!("\n{BOLD}What happens{PLAIN}"));
    text
}

/// One line of the time line: ` 1.2 s  Bensalem   ...`
pub(super) fn happening(it: &Happening) -> String {
    format!("{:>6.1} s  {:<10} {}", it.seconds, it.who, it.what)
}

/// The end: what each country did, the promises with their checks, and the verdict.
pub(super) fn summary(report: &DemoReport) -> String {
    let mut text = String::new();
    if !report.countries.is_empty() {
        let titles = columns("", &TITLES.map(str::to_owned));
        let _ = writeln!(
            text,
            "\n{BOLD}What each country did{PLAIN}\n{}",
            titles.trim_end()
        );
    }
    for seen in &report.countries {
        let name = PLAYERS.iter().find(|it| it.id == seen.authority);
        let row = columns(name.map_or("", |it| it.name), &cells(seen));
        let _ = writeln!(text, "{}", row.trim_end());
    }
    for promise in Promise::ALL {
        let checks: Vec<&Check> = report
            .checks
            .iter()
            .filter(|check| check.promise == promise)
            .collect();
        if checks.is_empty() {
            continue;
        }
        let held = checks.iter().filter(|check| check.ok).count();
        let of = format!("{held} of {}", checks.len());
        let _ = writeln!(text, "\n{BOLD}{:<66}{PLAIN}{of:>9} held", promise.words());
        for check in checks {
            text.push_str(&check_line(check));
        }
    }
    let failed = report.failed();
    let counts = report.counts;
    let verdict = if failed.is_empty() {
        format!(
            "{GREEN}{BOLD}All {} checks held{PLAIN}",
            report.checks.len()
        )
    } else {
        format!(
            "{RED}{BOLD}{} of {} checks FAILED{PLAIN}",
            failed.len(),
            report.checks.len()
        )
    };
    let _ = write!(
        text,
        "\n{verdict}: {} statements sent, {} signed receipts held, {:.1} s.",
        counts.statements_sent, counts.receipts_held, report.seconds
    );
    if let [talk @ .., stop, clear] = report.commands.as_slice() {
        let _ = write!(
            text,
            "\n\n{BOLD}The nodes go on running.{PLAIN} Talk to them:"
        );
        talk.iter().for_each(|line| {
            let _ = write!(text, "\n  {line}");
        });
        let _ = write!(text, "\nStop them, and clear up:\n  {stop}\n  {clear}");
    }
    text
}

fn check_line(check: &Check) -> String {
    if check.ok {
        let Check { name, observed, .. } = check;
        return format!("   {GREEN}held{PLAIN}    {name:<56} {observed}\n");
    }
    format!(
        "   {RED}{BOLD}FAILED{PLAIN}  {}\n           expected  {}\n           observed  {}\n",
        check.name, check.expected, check.observed
    )
}
