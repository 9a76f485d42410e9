//! `allpoints new`: a draft to fill in.

use crate::{
    cli::{exit::CliError, output::Form, session::Session, template::Template},
    domain::routing::Kind,
};

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    /// The kind, such as missing_offender
    #[arg(value_parser = kind)]
    kind: Kind,
}

/// Prints the draft: for people every field with what it is for, as JSON the mandatory ones alone.
///
/// # Errors
/// When standard output is closed or full.
pub fn run(args: &NewArgs, session: &Session) -> Result<(), CliError> {
    let template = Template::of(args.kind, session.clock.now())?;
    match session.output.form {
        Form::People => session.output.text(&template.page()),
        Form::Json => session
            .output
            .value(template.mandatory(), |_| String::new()),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| {
        let names = Kind::ALL.iter().map(|it| it.name());
        format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
    })
}
