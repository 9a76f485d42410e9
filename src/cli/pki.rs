//! `allpoints pki`: makes an authority's folder, certificates, revocation lists and profiles.
//!
//! The way in is [`run`]. Works on files alone and never talks to a node; never writes over a key.

mod files;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use self::files::{NodeConfig, Profile, configuration_folder, write_toml};
use super::exit::{CliError, Exit};
use crate::{
    domain::{id::AuthorityId, release::KindSet, routing::Kind, time::Clock},
    node::config,
    trust::{
        directory::Anchor,
        pki::{
            self, AuthorityPlan, CRL_DAYS, Contact, DeskProfile, Installed, NodeProfile, PkiError,
            Replace, Revoked, Rotating, Stage,
        },
        tls::{DeskName, Name, Role},
    },
};

/// Keys, certificates and revocation lists of one authority.
#[derive(Debug, Args)]
pub struct PkiArgs {
    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Make an authority's folder: two CAs, the first node, keys, application, node.toml
    Init(Box<InitArgs>),
    /// Issue the node's two certificates, or renew them
    Node(NodeArgs),
    /// Issue a certificate for a person or system of the desk, with its profile
    Desk(DeskArgs),
    /// Revoke certificates and publish both revocation lists and the application anew
    Crl(CrlArgs),
    /// Say in the directory which kinds leave only after a second person's release: receivers hold the authority to it
    Release(ReleaseArgs),
    /// Say in the directory which kinds of alerts and other first statements this authority receives
    Receives(ReceivesArgs),
    /// Replace a key or a CA without a gap: take the next step, or learn from when on it is safe
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The folder to make
    dir: PathBuf,
    /// Id, such as XA-POL
    #[arg(long)]
    authority: AuthorityId,
    /// Name for people, such as "Arcadia Police"
    #[arg(long)]
    name: String,
    /// Name of the federation
    #[arg(long)]
    federation: String,
    /// Fingerprint of the federation's first root, such as sha256:..
    #[arg(long)]
    anchor: Anchor,
    /// host:port of the exchange listener
    #[arg(long, default_value = "127.0.0.1:7101")]
    exchange: String,
    /// host:port of the desk listener
    #[arg(long, default_value = "127.0.0.1:7102")]
    desk: String,
    /// host:port of the ops listener
    #[arg(long, default_value = "127.0.0.1:7103")]
    ops: String,
    /// host:port that partners dial, when it is not the listener's
    #[arg(long)]
    endpoint: Vec<String>,
    /// ISO 3166-1 alpha-2; that of the id when not given
    #[arg(long)]
    country: Option<String>,
    /// Group to be in, without @
    #[arg(long)]
    group: Vec<String>,
    /// More host names or addresses under which the desk is reached
    #[arg(long)]
    host: Vec<String>,
    /// Function reached around the clock; never a person
    #[arg(long, default_value = "Duty officer")]
    contact: String,
    /// Its telephone number
    #[arg(long, default_value = "")]
    telephone: String,
    /// Its mail address
    #[arg(long, default_value = "")]
    email: String,
}

#[derive(Debug, Args)]
struct NodeArgs {
    /// The authority's folder
    dir: PathBuf,
    /// New certificates for the same keys; the node's number stays
    #[arg(long)]
    renew: bool,
    /// Which node: 1, 2, 3, ...
    #[arg(long, default_value_t = 1, conflicts_with = "renew", value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
    /// More host names or addresses under which the desk is reached
    #[arg(long)]
    host: Vec<String>,
}

#[derive(Debug, Args)]
struct DeskArgs {
    /// The authority's folder
    dir: PathBuf,
    /// officer, supervisor, duty, system, ops, administrator or auditor
    #[arg(long)]
    role: Role,
    /// Pseudonym, such as duty-7
    #[arg(long)]
    name: DeskName,
    /// Unit of the authority, such as harbour; the whole authority when not given
    #[arg(long)]
    unit: Option<DeskName>,
    /// New certificate for the same key; the profile is left as it is
    #[arg(long)]
    renew: bool,
    /// Name of the profile to write; the pseudonym when not given
    #[arg(long, value_name = "PROFILE")]
    save_as: Option<DeskName>,
    /// Write the profile to this file instead of the configuration folder
    #[arg(long, conflicts_with = "save_as")]
    profile_file: Option<PathBuf>,
    /// host:port of the desk; that of node.toml when not given
    #[arg(long)]
    endpoint: Option<String>,
}

#[derive(Debug, Args)]
struct CrlArgs {
    /// The authority's folder
    dir: PathBuf,
    /// Certificate file to revoke
    #[arg(long)]
    revoke: Vec<PathBuf>,
    /// Days until the lists run out
    #[arg(long, default_value_t = CRL_DAYS)]
    days: u32,
}

#[derive(Debug, Args)]
struct ReleaseArgs {
    /// The authority's folder
    dir: PathBuf,
    /// Kinds, such as missing_offender; without any, none is demanded any more
    #[arg(long, value_delimiter = ',', value_parser = kind_to_release)]
    kinds: Vec<Kind>,
}

#[derive(Debug, Args)]
struct ReceivesArgs {
    /// The authority's folder
    dir: PathBuf,
    /// Kinds, such as travel_notice; without any, all of them again
    #[arg(long, value_delimiter = ',', value_parser = kind_to_receive)]
    kinds: Vec<Kind>,
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// The authority's folder
    dir: PathBuf,
    /// statement, receipt, log, directory, node, exchange-ca or desk-ca; without it every replacement's stage is shown
    what: Option<Rotating>,
}

/// Runs `allpoints pki ...`.
///
/// # Errors
/// With the exit code of the design, what happened, and the fix.
pub fn run(args: PkiArgs, clock: &dyn Clock) -> Result<(), CliError> {
    match args.command {
        PkiCommand::Init(args) => init(*args, clock),
        PkiCommand::Node(args) => node(&args, clock),
        PkiCommand::Desk(args) => desk(args, clock),
        PkiCommand::Crl(args) => crl(&args, clock),
        PkiCommand::Release(args) => release(&args, clock),
        PkiCommand::Receives(args) => receives(&args, clock),
        PkiCommand::Rotate(args) => rotate(&args, clock),
    }
}

fn init(args: InitArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let config = NodeConfig::of(&args);
    let config_file = args.dir.join("node.toml");
    if config_file.exists() {
        return Err(PkiError::Exists(config_file).into());
    }
    let plan = AuthorityPlan {
        id: args.authority,
        name: args.name,
        country: args
            .country
            .unwrap_or_else(|| args.authority.country().to_owned()),
        endpoints: if args.endpoint.is_empty() {
            vec![args.exchange]
        } else {
            args.endpoint
        },
        contact: Contact {
            function: args.contact,
            telephone: args.telephone,
            email: args.email,
        },
        groups: args.group,
        federation: args.federation,
        desk_hosts: args.host,
    };
    pki::init(&args.dir, &plan, clock)?;
    write_toml(&config_file, &config)?;
    say(&format!(
        "made {dir}\n\
         next: `allpoints pki desk {dir} --role officer --name NAME` for each person at the desk;\n\
         hand {application} to the federation's roots, and with the bundle that they publish\n\
         `allpoints federation install BUNDLE --config {config}`, then `allpoints serve --config {config}`",
        dir = args.dir.display(),
        application = args.dir.join("application.json").display(),
        config = config_file.display()
    ))
}

fn node(args: &NodeArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let config = NodeConfig::read(&args.dir)?;
    let (replace, number) = if args.renew {
        let name = pki::name_in(&args.dir.join("node/exchange.pem"))?;
        match name {
            Name::Node { number, .. } => (Replace::SameKey, number),
            Name::DeskServer { .. } | Name::DeskPerson { .. } => {
                return Err(CliError::new(
                    Exit::Usage,
                    format!("node/exchange.pem is the certificate of {name}"),
                ));
            }
        }
    } else {
        (Replace::Never, args.number)
    };
    let profile = NodeProfile {
        authority: config.authority()?,
        number,
        desk_hosts: args.host.clone(),
    };
    let (exchange, desk) = pki::issue_node(&args.dir, &profile, replace, clock)?;
    say(&format!(
        "issued {}\nissued {}\na running node takes them by itself",
        exchange.certificate.display(),
        desk.certificate.display()
    ))
}

fn desk(args: DeskArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let config = NodeConfig::read(&args.dir)?;
    let authority = config.authority()?;
    let profile_file = match args.profile_file {
        Some(file) => file,
        None => configuration_folder()?.join(format!(
            "{}.toml",
            args.save_as.as_ref().unwrap_or(&args.name)
        )),
    };
    let replace = if args.renew {
        Replace::SameKey
    } else {
        Replace::Never
    };
    if replace == Replace::Never && profile_file.exists() {
        return Err(CliError::new(
            Exit::Refused,
            format!("the profile {} exists already", profile_file.display()),
        )
        .hint("choose another with `--save-as NAME` or `--profile-file FILE`"));
    }
    let unit = match (args.unit, replace) {
        (None, Replace::SameKey) => unit_of(&args.dir, args.role, &args.name)?,
        (unit, _) => unit,
    };
    let profile = DeskProfile {
        authority,
        role: args.role,
        name: args.name,
        unit,
    };
    let files = pki::issue_desk(&args.dir, &profile, replace, clock)?;
    if replace == Replace::SameKey {
        return say(&format!("renewed {}", files.certificate.display()));
    }
    let endpoint = args.endpoint.unwrap_or(config.desk.listen);
    let profile = Profile::of(authority, endpoint, &files, &args.dir)?;
    write_toml(&profile_file, &profile)?;
    say(&format!(
        "issued {}\nprofile {}",
        files.certificate.display(),
        profile_file.display()
    ))
}

/// The unit that a certificate names already: renewing it widens nobody to the whole authority.
fn unit_of(dir: &Path, role: Role, name: &DeskName) -> Result<Option<DeskName>, CliError> {
    let certificate = dir.join(format!("desk/{role}-{name}.pem"));
    match pki::name_in(&certificate)? {
        Name::DeskPerson { unit, .. } => Ok(unit),
        Name::Node { .. } | Name::DeskServer { .. } => Ok(None),
    }
}

fn crl(args: &CrlArgs, clock: &dyn Clock) -> Result<(), CliError> {
    for certificate in &args.revoke {
        match pki::revoke(&args.dir, certificate, clock)? {
            Revoked::Now(ca) => say(&format!(
                "revoked {} ({})",
                certificate.display(),
                ca.name()
            ))?,
            Revoked::Before(ca) => say(&format!(
                "{} was revoked before ({})",
                certificate.display(),
                ca.name()
            ))?,
        }
    }
    pki::publish_crl(&args.dir, args.days, clock)?;
    pki::application(&args.dir, clock)?;
    say(&format!(
        "published both lists for {} days\nnext: hand {} to the federation, so that partners learn of it",
        args.days,
        args.dir.join("application.json").display()
    ))
}

fn release(args: &ReleaseArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let kinds = KindSet::new(args.kinds.iter().copied());
    pki::demand_release(&args.dir, kinds, clock)?;
    let named: Vec<&str> = kinds.kinds().map(Kind::name).collect();
    let demanded = match named.is_empty() {
        true => "no kind needs a second person's release any more".to_owned(),
        false => format!(
            "these kinds leave only after a second person's release: {}",
            named.join(", ")
        ),
    };
    say(&format!(
        "{demanded}\nnext: hand {} to the federation, so that partners learn of it",
        args.dir.join("application.json").display()
    ))
}

fn receives(args: &ReceivesArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let kinds = KindSet::new(args.kinds.iter().copied());
    pki::receive_only(&args.dir, kinds, clock)?;
    let named: Vec<&str> = kinds.kinds().map(Kind::name).collect();
    let received = match named.is_empty() {
        true => "threads towards this authority begin with any kind".to_owned(),
        false => format!(
            "threads towards this authority begin with these kinds alone: {}",
            named.join(", ")
        ),
    };
    say(&format!(
        "{received}\nnext: hand {} to the federation, so that partners learn of it",
        args.dir.join("application.json").display()
    ))
}

/// An answer is given by the node itself when an alert is opened: nobody is waited for.
fn kind_to_release(text: &str) -> Result<Kind, String> {
    kind_that(text, |kind| *kind != Kind::Answer)
}

/// What stands in a thread reaches whoever takes part in it: only what begins one has an addressee of its own.
fn kind_to_receive(text: &str) -> Result<Kind, String> {
    kind_that(text, |kind| kind.starts_thread())
}

fn kind_that(text: &str, may: impl Fn(&Kind) -> bool + Copy) -> Result<Kind, String> {
    Kind::from_name(text).filter(may).ok_or_else(|| {
        let kinds = Kind::ALL.iter().copied().filter(may).map(Kind::name);
        format!("expected one of {}", kinds.collect::<Vec<_>>().join(", "))
    })
}

fn rotate(args: &RotateArgs, clock: &dyn Clock) -> Result<(), CliError> {
    let Some(what) = args.what else {
        for what in Rotating::ALL {
            say(&format!(
                "{what:<11} {}",
                stage_text(pki::stage(&args.dir, what)?)
            ))?;
        }
        return Ok(());
    };
    let config = config::check(&args.dir.join("node.toml"))
        .map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
    let installed = Installed {
        authority: config.authority,
        folder: &config.directory.folder,
        anchor: config.directory.anchor,
    };
    let step = pki::rotate(&args.dir, what, installed, clock)?;
    let mut text = format!("done: {}\nnext: {}", step.done, step.next);
    if let Some(earliest) = step.earliest {
        text.push_str(&format!("\nearliest safe time: {earliest}"));
    }
    say(&text)
}

fn stage_text(stage: Stage) -> String {
    match stage {
        Stage::Settled => "settled: nothing is being replaced".to_owned(),
        Stage::Prepared => "prepared: the next one waits to be known everywhere".to_owned(),
        Stage::Activated(at) => format!("activated at {at}: the old one has not ended"),
    }
}

fn say(text: &str) -> Result<(), CliError> {
    writeln!(anstream::stdout(), "{text}")
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot write: {error}")))
}

impl From<PkiError> for CliError {
    fn from(error: PkiError) -> Self {
        let exit = match &error {
            PkiError::Exists(_)
            | PkiError::Issued(_)
            | PkiError::NotOurs(_)
            | PkiError::TooEarly { .. }
            | PkiError::NotPublished { .. } => Exit::Refused,
            PkiError::Missing(_)
            | PkiError::Content { .. }
            | PkiError::KeyExposed(_)
            | PkiError::Name(_)
            | PkiError::Host(_)
            | PkiError::Days { .. }
            | PkiError::Directory(_)
            | PkiError::Clock
            | PkiError::Key(_) => Exit::Usage,
            PkiError::File { .. } | PkiError::Inside(_) | PkiError::Random => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests;
