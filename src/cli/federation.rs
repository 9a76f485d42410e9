//! `allpoints federation ...`: the roots' work on the directory, and installing it at a node.
//!
//! The way in: [`FederationArgs`] in the parser, then [`run`]. Works on files alone and talks to no
//! node. Never takes an anchor from the file that it is to prove.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::exit::{CliError, Exit};
use crate::{
    domain::{id::AuthorityId, limits, routing::Kind, time::Clock, transfer::Channel},
    node::config,
    trust::{
        directory::{Anchor, Directory, DirectoryError, Member, Receives, Standing},
        federation::{
            self, Change, FederationError, NextRoots, OffNetwork, Published, RotationProposed,
            Setup, Terms, TimestampKey,
        },
        keys::{KeyId, KeyUse, SigningKey},
    },
};

/// Found and keep a federation: who belongs, with which keys, where.
#[derive(Debug, Args)]
pub struct FederationArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make root and timestamp keys and the first root list; print the anchor.
    Init {
        /// A new folder for the federation.
        dir: PathBuf,
        /// Name of the federation: letters, digits, dashes and dots.
        #[arg(long)]
        name: String,
        /// Root keys, each for another keeper.
        #[arg(long, default_value_t = 3)]
        roots: u32,
        /// How many roots must sign.
        #[arg(long, default_value_t = 2)]
        threshold: u32,
    },
    /// Propose changes to the membership; without any, its renewal.
    Propose {
        /// The federation's folder.
        dir: PathBuf,
        #[command(flatten)]
        facts: Facts,
    },
    /// Propose the next root list: other root keys, another threshold, another timestamp key.
    Rotate {
        /// The federation's folder.
        dir: PathBuf,
        #[command(flatten)]
        next: Next,
    },
    /// Add roots' signatures to a proposed membership or root list.
    Sign {
        /// `proposal/membership.json` or `proposal/root-list-N.json` of the federation's folder.
        file: PathBuf,
        /// A root's key file; more than one only where one keeper holds them.
        #[arg(long, required = true)]
        key: Vec<PathBuf>,
    },
    /// Take in the proposal, sign a timestamp for 24 h, write `directory.bundle`.
    Publish {
        /// The federation's folder.
        dir: PathBuf,
    },
    /// Verify a bundle and add it to a node's directory folder.
    Install {
        /// The bundle.
        file: PathBuf,
        #[command(flatten)]
        places: Places,
    },
    /// Show what a bundle says.
    Show {
        /// The bundle.
        file: PathBuf,
        /// Fingerprint of the first root; without it nothing is proved.
        #[arg(long, value_name = "sha256:HEX")]
        anchor: Option<Anchor>,
    },
    /// Write the first root of a bundle to a file and print its anchor, to be compared by other means.
    ExtractRoot {
        /// The bundle.
        file: PathBuf,
        /// Where to write it.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Where a bundle goes, and the anchor that it must be verified from.
#[derive(Debug, Args)]
struct Places {
    /// The node's configuration, which names folder and anchor; may be given again.
    #[arg(long, value_name = "FILE", required_unless_present = "directory", conflicts_with_all = ["directory", "anchor"])]
    config: Vec<PathBuf>,
    /// The node's directory folder, without its configuration.
    #[arg(long, value_name = "FOLDER", requires = "anchor")]
    directory: Option<PathBuf>,
    /// Fingerprint of the first root, as `federation init` printed it.
    #[arg(long, value_name = "sha256:HEX", requires = "directory")]
    anchor: Option<Anchor>,
}

/// What is proposed.
#[derive(Debug, Args)]
struct Facts {
    /// Applications of new members, or new facts of present ones.
    applications: Vec<PathBuf>,
    /// Suspend a member: nothing is exchanged with it.
    #[arg(long, value_name = "ID")]
    suspend: Vec<AuthorityId>,
    /// End a suspension.
    #[arg(long, value_name = "ID")]
    restore: Vec<AuthorityId>,
    /// Remove a member.
    #[arg(long, value_name = "ID")]
    remove: Vec<AuthorityId>,
    /// Add an authority that runs no node, or change what is said of it; what is for it is carried there by hand.
    #[arg(long, value_name = "ID", requires_all = ["name", "channel", "contact"])]
    off_network: Option<AuthorityId>,
    /// Its name, for people.
    #[arg(long, requires = "off_network")]
    name: Option<String>,
    /// How what is for it is carried there: i24-7, embassy or sealed_mail.
    #[arg(long, requires = "off_network", value_parser = channel)]
    channel: Option<Channel>,
    /// To whom it is handed: a function and a place, never a person.
    #[arg(long, requires = "off_network")]
    contact: Option<String>,
    /// Group to be in, without @.
    #[arg(long, requires = "off_network")]
    group: Vec<String>,
    /// Days until the membership expires.
    #[arg(long, default_value_t = Terms::default().days)]
    days: u32,
    /// Days after that in which known peers go on.
    #[arg(long, default_value_t = Terms::default().grace_days)]
    grace_days: u32,
}

/// What the next root list changes.
#[derive(Debug, Args)]
struct Next {
    /// New root keys to make, each for another keeper.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    add: u32,
    /// A root key that goes, by its id.
    #[arg(long, value_name = "KEY")]
    remove: Vec<KeyId>,
    /// How many roots must sign from then on.
    #[arg(long, value_name = "COUNT")]
    threshold: Option<u32>,
    /// Make another timestamp key, too.
    #[arg(long)]
    new_timestamp_key: bool,
}

/// Runs a federation command and prints what it did.
///
/// # Errors
/// With the design's exit codes: refused by a rule is 3, wrong files or arguments 2.
pub fn run(args: FederationArgs, clock: &dyn Clock) -> Result<(), CliError> {
    run_to(args, clock, &mut io::stdout().lock())
}

fn run_to(args: FederationArgs, clock: &dyn Clock, out: &mut dyn Write) -> Result<(), CliError> {
    let text = perform(args.command, clock)?;
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot write the output: {error}")))
}

/// Does it, and gives what to print.
fn perform(command: Command, clock: &dyn Clock) -> Result<String, CliError> {
    Ok(match command {
        Command::Init {
            dir,
            name,
            roots,
            threshold,
        } => {
            let setup = Setup {
                name,
                roots,
                threshold,
            };
            founded_text(federation::init(&dir, &setup, clock)?, roots, &dir)
        }
        Command::Propose { dir, facts } => {
            let terms = facts.terms();
            let proposed = federation::propose(&dir, &facts.changes()?, terms, clock)?;
            proposed_text(&proposed, &dir)
        }
        Command::Rotate { dir, next } => {
            let proposed = federation::rotate(&dir, &next.roots(), clock)?;
            rotation_text(&proposed, &dir, clock)
        }
        Command::Sign { file, key } => {
            let mut text = String::new();
            for key in key {
                text.push_str(&sign(&file, &key)?);
            }
            text
        }
        Command::Publish { dir } => published_text(&federation::publish(&dir, clock)?),
        Command::Install { file, places } => {
            let mut text = String::new();
            for (directory, anchor) in places.each()? {
                text.push_str(&install(&file, &directory, anchor, clock)?);
            }
            text
        }
        Command::Show { file, anchor } => {
            show_text(&federation::open(&file, anchor, clock)?, anchor, clock)
        }
        Command::ExtractRoot { file, out } => {
            let anchor = federation::extract_root(&file, &out, clock)?;
            format!(
                "anchor {anchor}\nThis is the bundle's own word: compare it with what the federation says by other means.\n"
            )
        }
    })
}

impl Places {
    /// Folder and anchor of each node. An anchor comes from a person or a configuration, never from the bundle.
    fn each(self) -> Result<Vec<(PathBuf, Anchor)>, CliError> {
        if let (Some(directory), Some(anchor)) = (self.directory, self.anchor) {
            return Ok(vec![(directory, anchor)]);
        }
        let read = |file: &PathBuf| {
            let config = config::check(file)
                .map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
            Ok((config.directory.folder, config.directory.anchor))
        };
        self.config.iter().map(read).collect()
    }
}

fn sign(file: &Path, key: &Path) -> Result<String, FederationError> {
    let key = SigningKey::load(key, KeyUse::Root)?;
    let signatures = federation::sign(file, &key)?;
    Ok(format!(
        "{} of {} signatures\n",
        signatures.have, signatures.need
    ))
}

fn install(
    file: &Path,
    directory: &Path,
    anchor: Anchor,
    clock: &dyn Clock,
) -> Result<String, FederationError> {
    let installed = federation::install(file, directory, anchor, clock)?;
    Ok(format!(
        "installed directory version {} of {} in {}: {}\n",
        installed.version(),
        installed.federation(),
        directory.display(),
        standing_text(installed.standing(clock.now()))
    ))
}

impl Next {
    fn roots(self) -> NextRoots {
        NextRoots {
            add: self.add,
            remove: self.remove,
            threshold: self.threshold,
            timestamp: match self.new_timestamp_key {
                true => TimestampKey::Replace,
                false => TimestampKey::Keep,
            },
        }
    }
}

impl Facts {
    fn terms(&self) -> Terms {
        Terms {
            days: self.days,
            grace_days: self.grace_days,
        }
    }

    fn changes(self) -> Result<Vec<Change>, FederationError> {
        let mut changes = Vec::new();
        for file in self.applications {
            let application = federation::read_application(&file)?;
            changes.push(Change::Admit(Box::new(application)));
        }
        if let (Some(id), Some(name), Some(channel), Some(contact)) =
            (self.off_network, self.name, self.channel, self.contact)
        {
            changes.push(Change::AdmitOffNetwork(Box::new(OffNetwork {
                id,
                name,
                groups: self.group,
                channel,
                contact,
            })));
        }
        changes.extend(self.suspend.into_iter().map(Change::Suspend));
        changes.extend(self.restore.into_iter().map(Change::Restore));
        changes.extend(self.remove.into_iter().map(Change::Remove));
        Ok(changes)
    }
}

fn channel(text: &str) -> Result<Channel, String> {
    Channel::from_name(text).ok_or_else(|| {
        let names = Channel::ALL.iter().map(|it| it.name());
        format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
    })
}

fn founded_text(anchor: Anchor, roots: u32, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "anchor {anchor}\n\nEvery node's configuration needs this anchor: hand it over in person or by telephone.\nGive each of {dir}/root-1.key to root-{roots}.key to another keeper; timestamp.key stays here.\n"
    )
}

fn published_text(published: &Published) -> String {
    format!(
        "directory version {}, {} members, timestamp until {}\nanchor {}\n{}\n",
        published.version,
        published.members,
        published.expires_at,
        published.anchor,
        published.file.display()
    )
}

fn proposed_text(proposed: &federation::Proposed, dir: &Path) -> String {
    let mut text: String = proposed
        .changes
        .iter()
        .map(|change| format!("{change}\n"))
        .collect();
    text.push_str(&match &proposed.to_sign {
        Some(file) => format!(
            "0 of {} signatures: next, each root runs `allpoints federation sign {} --key root-N.key`\n",
            proposed.signatures.need,
            file.display()
        ),
        None => format!(
            "no root signature is needed: next, `allpoints federation publish {}`\n",
            dir.display()
        ),
    });
    text
}

/// What was done, what comes next, and what must not be done before when.
fn rotation_text(proposed: &RotationProposed, dir: &Path, clock: &dyn Clock) -> String {
    let mut text = format!("root list {}:\n", proposed.version);
    for change in &proposed.changes {
        text.push_str(&format!("  {change}\n"));
    }
    for file in &proposed.made {
        text.push_str(&format!("made {}: to its keeper\n", file.display()));
    }
    text.push_str("next: enough roots of the old list and of the new sign\n");
    for file in &proposed.to_sign {
        text.push_str(&format!(
            "  allpoints federation sign {} --key root-N.key\n",
            file.display()
        ));
    }
    text.push_str(&format!(
        "then `allpoints federation publish {}`; nodes that were away walk the chain of lists by themselves\nearliest safe time to destroy a key that goes: 24 h after publishing, so not before {}\n",
        dir.display(),
        clock.now().plus(limits::DIRECTORY_SPREAD_MAX)
    ));
    text
}

fn show_text(directory: &Directory, anchor: Option<Anchor>, clock: &dyn Clock) -> String {
    let now = clock.now();
    let proof = match anchor {
        Some(_) => "verified from the anchor given",
        None => "consistent, not proved: give --anchor",
    };
    let hash: String = directory
        .hash()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let mut text = format!(
        "federation {}, directory version {} ({proof})\nanchor {}\nhash sha256:{hash}\n{}; timestamp until {}, membership until {}\n",
        directory.federation(),
        directory.version(),
        directory.anchor(),
        standing_text(directory.standing(now)),
        directory.timestamp_expires_at(),
        directory.membership_expires_at(),
    );
    let (threshold, roots) = directory.root_keys();
    let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
    text.push_str(&format!(
        "root list {}, {threshold} of {}\n",
        directory.roots(),
        roots.join(", ")
    ));
    for member in directory.members() {
        text.push_str(&member_text(member));
    }
    text
}

fn member_text(member: &Member) -> String {
    let mut text = format!("\n{}  {}", member.id, member.name);
    if member.suspended {
        text.push_str("  SUSPENDED");
    }
    text.push('\n');
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<10} {value}\n"));
        }
    };
    if let Some(channel) = member.off_network {
        line("by hand", channel.to_string());
    }
    line("endpoints", member.endpoints.join(", "));
    line("groups", member.groups.join(", "));
    line("contact", member.contact.clone());
    if let Receives::These(kinds) = member.receives {
        let kinds: Vec<&str> = kinds.kinds().map(Kind::name).collect();
        line(
            "receives",
            match kinds.is_empty() {
                true => "no kind that this version carries".to_owned(),
                false => kinds.join(", "),
            },
        );
    }
    for ca in &member.exchange_cas {
        if member.exchange_cas.len() > 1 {
            line("exchange CA", ca.fingerprint());
        }
        if ca.crl.is_none() {
            line("crl", "none: no connection can be verified".to_owned());
        }
    }
    for key in &member.keys {
        let revoked = key
            .revoked_at
            .map(|at| format!(", REVOKED {at}"))
            .unwrap_or_default();
        let life = format!("{} until {}{revoked}", key.id, key.valid_until);
        line(key.key_use.name(), life);
    }
    text
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Fresh => "fresh",
        Standing::Stale => "STALE: the timestamp has run out; get a newer bundle",
        Standing::Grace => "GRACE: the membership has expired; known peers go on, nobody is added",
        Standing::Closed => "CLOSED: the membership expired beyond its grace; nothing is exchanged",
    }
}

/// Exit code and hint of each way to fail.
impl From<FederationError> for CliError {
    fn from(error: FederationError) -> Self {
        explain(&error)
    }
}

fn explain(error: &FederationError) -> CliError {
    use FederationError as E;
    let exit = match error {
        E::TooFewSignatures { .. }
        | E::NothingNew
        | E::NothingToPublish(_)
        | E::NotARoot(_)
        | E::Application { .. }
        | E::Pending(_)
        | E::RootList { .. }
        | E::Exists(_) => Exit::Refused,
        E::NotAMember(_) | E::UnknownRoot(_) => Exit::NotFound,
        E::Threshold { .. }
        | E::Name
        | E::Json { .. }
        | E::NotProposed(_)
        | E::Id(_)
        | E::Terms { .. }
        | E::Key(_) => Exit::Usage,
        E::Io { source, .. } | E::Directory(DirectoryError::Io { source, .. }) => {
            match source.kind() {
                io::ErrorKind::NotFound => Exit::Usage,
                _ => Exit::Failed,
            }
        }
        E::Directory(DirectoryError::File { .. }) => Exit::Usage,
        E::Directory(_) => Exit::Refused,
    };
    let told = CliError::new(exit, error.to_string());
    match error {
        E::RootList { .. } => told.hint(
            "have more roots, of the list before and of the new one, run `allpoints federation sign DIR/proposal/root-list-N.json --key root-N.key`",
        ),
        E::TooFewSignatures { .. } => told.hint(
            "have more roots run `allpoints federation sign DIR/proposal/membership.json --key root-N.key`",
        ),
        E::Directory(DirectoryError::WrongAnchor { .. }) => told.hint(
            "compare the anchor with what the federation told you in person or by telephone",
        ),
        _ => told,
    }
}

#[cfg(test)]
mod tests;
