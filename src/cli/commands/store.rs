//! `allpoints store`: reads a stopped node's journal through, mends it, and rebuilds the view from it.
//!
//! Works on the files of one configuration and talks to no node. Checking changes nothing; rebuilding sets the
//! view aside and never touches the journal's entries; repairing sets damaged files aside and deletes nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use serde::Serialize;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, progress, table},
        session::Session,
    },
    domain::{limits::SEGMENT_BYTES, time::Clock},
    node::config::{self, Config},
    store::{
        OpenError, Store, StoreConfig,
        disk::{Disk as _, RealDisk},
        journal::{self, CheckReport, Hole, JournalConfig},
        view::{View, ViewError, ViewRows, sled::SledView},
    },
};

/// Subcommands of `store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read every group and open every body; change nothing
    Check {
        /// The node's configuration; the node must be stopped
        config: PathBuf,
    },
    /// Set the view aside and make it anew from the journal
    Rebuild {
        /// The node's configuration; the node must be stopped
        config: PathBuf,
    },
    /// Set damaged journal files aside, keep all that is good, and say what is lost
    ///
    /// A file that was restored from a copy is better than one that was repaired. When the node starts, it asks its
    /// partners for what is missing; `allpoints status` says what they could not give.
    Repair {
        /// The node's configuration; the node must be stopped
        config: PathBuf,
    },
}

/// What a check found, for people and programs.
#[derive(Debug, Serialize)]
struct Checked {
    segments: u64,
    entries: u64,
    torn_bytes: u64,
    damage: Vec<Damage>,
    /// Groups and entries that are damaged.
    holes: Vec<Gap>,
    /// Entries that an earlier repair could not save.
    missing: u64,
}

/// A place where groups are damaged.
#[derive(Debug, Serialize)]
struct Gap {
    file: String,
    offset: u64,
    groups: u64,
    first_entry: u64,
    entries: u64,
}

impl From<Hole> for Gap {
    fn from(hole: Hole) -> Self {
        Self {
            file: hole.file.display().to_string(),
            offset: hole.offset,
            groups: hole.groups,
            first_entry: hole.first_entry,
            entries: hole.entries,
        }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = escape(&self.file);
        let Self {
            offset,
            groups,
            first_entry,
            entries,
            ..
        } = self;
        match (groups, entries) {
            (0, _) => write!(
                f,
                "{file} from byte {offset}: the end; whatever stood there began with entry {first_entry}"
            ),
            (_, 0) => write!(
                f,
                "{file} from byte {offset}: {} without entries",
                counted(*groups)
            ),
            _ => write!(
                f,
                "{file} from byte {offset}: {}, entries {first_entry} to {}",
                counted(*groups),
                first_entry + entries - 1
            ),
        }
    }
}

fn counted(groups: u64) -> String {
    match groups {
        1 => "1 group".to_owned(),
        more => format!("{more} groups"),
    }
}

/// What a repair did, for people and programs.
#[derive(Debug, Serialize)]
struct Repaired {
    holes: Vec<Gap>,
    /// Entries saved whole out of damaged groups.
    saved: u64,
    /// Entries that are lost.
    missing: Vec<u64>,
    /// Entries whose header was saved and whose body was not.
    bodies_lost: Vec<u64>,
    /// The damaged files, where they stand now.
    aside: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Damage {
    file: String,
    offset: u64,
    entry: Option<u64>,
    what: String,
}

/// Runs one of them.
///
/// # Errors
/// Exit 6 when something is damaged; exit 2 when the configuration is wrong, the keys do not fit, or the node runs.
pub async fn run(command: StoreCommand, session: &Session) -> Result<(), CliError> {
    match command {
        StoreCommand::Check { config } => {
            let config = read(&config)?;
            let checked = check(&config, &session.clock)?;
            session.output.value(&checked, render)?;
            whole(&checked)
        }
        StoreCommand::Rebuild { config } => rebuild(&read(&config)?, session).await,
        StoreCommand::Repair { config } => repair(&read(&config)?, session).await,
    }
}

fn read(file: &Path) -> Result<Config, CliError> {
    config::check(file).map_err(|error| {
        CliError::new(Exit::Usage, error.to_string())
            .hint("`allpoints config reference` explains every key")
    })
}

fn check(config: &Config, clock: &Arc<dyn Clock>) -> Result<Checked, CliError> {
    let folder = &config.store.folder;
    if !folder.join("journal").exists() {
        let why = format!("no journal in {}: no node ran there yet", folder.display());
        return Err(CliError::new(Exit::Usage, why));
    }
    let journal = journal_of(config, clock);
    let bar = progress(0, "checking, in KiB");
    let report = journal::check(&journal, &RealDisk, &mut |told| {
        bar.set_length(told.of_bytes / 1024);
        bar.set_position(told.bytes / 1024);
    });
    bar.finish_and_clear();
    report.map(Checked::from).map_err(|error| unusable(&error))
}

fn journal_of(config: &Config, clock: &Arc<dyn Clock>) -> JournalConfig {
    JournalConfig {
        folder: config.store.folder.clone(),
        key_file: config.store.key.clone(),
        segment_bytes: SEGMENT_BYTES,
        clock: Arc::clone(clock),
    }
}

impl From<CheckReport> for Checked {
    fn from(report: CheckReport) -> Self {
        let damage = report.findings.into_iter().map(|finding| Damage {
            file: finding.file.display().to_string(),
            offset: finding.offset,
            entry: finding.entry,
            what: finding.what,
        });
        Self {
            segments: report.segments,
            entries: report.entries,
            torn_bytes: report.torn_bytes,
            damage: damage.collect(),
            holes: report.holes.into_iter().map(Gap::from).collect(),
            missing: report.missing.len() as u64,
        }
    }
}

fn render(checked: &Checked) -> String {
    let mut shown = format!(
        "{} entries in {} segments",
        checked.entries, checked.segments
    );
    if checked.torn_bytes > 0 {
        shown.push_str(&format!(
            "\n{} bytes of a last group that was never acknowledged: the next start cuts them",
            checked.torn_bytes
        ));
    }
    if checked.missing > 0 {
        shown.push_str(&format!(
            "\n{} entries are missing since a repair; `allpoints status` says what partners gave back",
            checked.missing
        ));
    }
    if checked.damage.is_empty() {
        return shown + "\nwhole";
    }
    let mut rows = table(["file", "byte", "entry", "what is wrong"]);
    for damage in &checked.damage {
        rows.add_row([
            escape(&damage.file),
            damage.offset.to_string(),
            damage.entry.map_or("-".to_owned(), |it| it.to_string()),
            escape(&damage.what),
        ]);
    }
    let holes: String = checked.holes.iter().map(|gap| format!("\n{gap}")).collect();
    format!("{shown}\n{rows}{holes}")
}

fn whole(checked: &Checked) -> Result<(), CliError> {
    let places = checked.damage.len();
    if places == 0 {
        return Ok(());
    }
    let why = format!("the journal is damaged in {places} places; nothing was changed");
    Err(CliError::new(Exit::Unhealthy, why)
        .hint("restore the files named from a copy, or run `allpoints store repair`: then partners are asked for what is lost"))
}

/// Only from a whole journal: a view of a damaged one would look right and be wrong.
async fn rebuild(config: &Config, session: &Session) -> Result<(), CliError> {
    let checked = check(config, &session.clock)?;
    if !checked.damage.is_empty() {
        session.output.note(&render(&checked));
        return whole(&checked);
    }
    let said = make_view(config, checked.entries, session).await?;
    session.output.text(&said)
}

/// Mends the journal, then makes the view anew, as the old one knows of entries that are gone.
async fn repair(config: &Config, session: &Session) -> Result<(), CliError> {
    let checked = check(config, &session.clock)?;
    // First: a view must never stand beside a journal that has lost what it shows.
    let aside = set_aside(&config.store.folder)?;
    let report = journal::repair(&journal_of(config, &session.clock), &RealDisk)
        .map_err(|error| unusable(&error))?;
    let repaired = Repaired {
        holes: report.holes.into_iter().map(Gap::from).collect(),
        saved: report.saved,
        missing: report.missing,
        bodies_lost: report.bodies_lost,
        aside: report
            .aside
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
    };
    let made = make_view(config, checked.entries, session).await?;
    if let Some(aside) = aside {
        session
            .output
            .note(&format!("the old view is {}", aside.display()));
    }
    session.output.note(&made);
    session.output.value(&repaired, render_repaired)
}

fn render_repaired(repaired: &Repaired) -> String {
    if repaired.holes.is_empty() {
        return "the journal is whole: nothing was to be repaired".to_owned();
    }
    let mut lines: Vec<String> = repaired.holes.iter().map(Gap::to_string).collect();
    lines.push(format!("saved whole out of it: {} entries", repaired.saved));
    let listed = |what: &str, entries: &[u64]| match ranges(entries) {
        none if none.is_empty() => format!("{what}: none"),
        ranges => format!("{what}: {ranges}"),
    };
    lines.push(listed("lost", &repaired.missing));
    lines.push(listed("lost but for their headers", &repaired.bodies_lost));
    for aside in &repaired.aside {
        lines.push(format!("the damaged file is {}", escape(aside)));
    }
    lines.push("start the node: it asks its partners for what is lost".to_owned());
    lines.join("\n")
}

/// `3 to 5, 9`.
fn ranges(entries: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for entry in entries {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *entry => *last = *entry,
            _ => ranges.push((*entry, *entry)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Sets the view aside and makes it anew; gives what to say of it.
async fn make_view(config: &Config, entries: u64, session: &Session) -> Result<String, CliError> {
    let folder = &config.store.folder;
    let aside = set_aside(folder)?;
    let rows = progress(entries, "rebuilding");
    let (view, _) = SledView::open(&folder.join("view"))
        .map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    let view = Watched {
        view,
        bar: rows.clone(),
    };
    let place = StoreConfig {
        folder: folder.clone(),
        key_file: config.store.key.clone(),
        authority: config.authority,
    };
    let clock = Arc::clone(&session.clock);
    let opened = Store::open(place, Arc::new(RealDisk), Box::new(view), clock);
    let (store, recovery) = opened.map_err(|error| unusable(&error))?;
    let closed = store.close().await;
    rows.finish_and_clear();
    closed.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    let mut said = format!("the view is made anew from {} entries", recovery.replayed);
    if let Some(aside) = aside {
        said.push_str(&format!(
            "\nthe old one is {}: remove it when the node runs well",
            aside.display()
        ));
    }
    Ok(said)
}

/// Moves the view away, under the store's lock: a node that runs keeps its own.
fn set_aside(folder: &Path) -> Result<Option<PathBuf>, CliError> {
    let failed = |what: &Path, error: std::io::Error| {
        let why = format!("cannot set {} aside: {error}", what.display());
        CliError::new(Exit::Usage, why).hint("stop the node first, and check the folder's owner")
    };
    let lock = folder.join("lock");
    let _held = RealDisk.lock(&lock).map_err(|error| failed(&lock, error))?;
    let view = folder.join("view");
    if !view.exists() {
        return Ok(None);
    }
    let free = (1..).map(|number| folder.join(format!("view.aside-{number}")));
    let aside = free
        .take(MAX_ASIDE)
        .find(|place| !place.exists())
        .ok_or_else(|| {
            let why = format!("{MAX_ASIDE} old views stand in {}", folder.display());
            CliError::new(Exit::Usage, why).hint("remove those that are no longer wanted")
        })?;
    std::fs::rename(&view, &aside).map_err(|error| failed(&view, error))?;
    Ok(Some(aside))
}

/// Old views that may stand side by side.
const MAX_ASIDE: usize = 100;

/// Keys that do not fit, a node that runs, a disk that fails: nothing was changed.
fn unusable(error: &OpenError) -> CliError {
    let exit = match error {
        OpenError::Configuration(_) | OpenError::View(_) => Exit::Usage,
        OpenError::Refused(_) | OpenError::Read(_) | OpenError::Event(_) => Exit::Unhealthy,
    };
    CliError::new(exit, error.to_string())
}

/// A view that shows how far its rebuilding has come.
struct Watched {
    view: SledView,
    bar: indicatif::ProgressBar,
}

impl View for Watched {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.view.read(key)
    }

    fn scan(&self, prefix: &[u8]) -> ViewRows<'_> {
        self.view.scan(prefix)
    }

    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError> {
        // A tick of replay; the last one is shorter, and the bar ends with it.
        self.bar.inc(crate::store::REPLAY_TICK_ENTRIES);
        self.view.apply(rows)
    }

    fn clear(&self) -> Result<(), ViewError> {
        self.view.clear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_file_by_file() {
        let whole_one = Checked {
            segments: 2,
            entries: 90,
            torn_bytes: 0,
            damage: Vec::new(),
            holes: Vec::new(),
            missing: 0,
        };
        assert!(whole(&whole_one).is_ok());
        assert_eq!(render(&whole_one), "90 entries in 2 segments\nwhole");
        let damaged = Checked {
            torn_bytes: 512,
            damage: vec![Damage {
                file: "journal/00000002.seg".to_owned(),
                offset: 8192,
                entry: Some(71),
                what: "its body does not open".to_owned(),
            }],
            holes: vec![Gap {
                file: "journal/00000002.seg".to_owned(),
                offset: 8192,
                groups: 1,
                first_entry: 70,
                entries: 3,
            }],
            ..whole_one
        };
        assert_eq!(whole(&damaged).unwrap_err().exit, Exit::Unhealthy);
        insta::assert_snapshot!(render(&damaged));
    }

    #[test]
    fn what_is_lost_is_told_in_ranges() {
        for (entries, shown) in [
            (&[][..], ""),
            (&[4], "4"),
            (&[4, 5, 6, 9, 11, 12], "4 to 6, 9, 11 to 12"),
        ] {
            assert_eq!(ranges(entries), shown);
        }
    }
}
