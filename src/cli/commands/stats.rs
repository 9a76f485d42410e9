//! `allpoints stats`: what the federation's signed returns say to a question, what this node knows itself, and the return
//! that it would make.

use std::collections::BTreeSet;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{Form, escape, json},
        session::{Session, read_failed},
    },
    domain::{
        alert::{
            kinds::OutcomeCode,
            offence::{OffenceClass, VictimAge},
            value::Day,
        },
        country::Country,
        routing::Coded,
        statistics::PriorReport,
    },
    i18n::Names,
    proto::desk::v1::{
        CountAtHomeRequest, PrepareReturnRequest, PrepareReturnResponse, Question,
        StatisticsRequest,
    },
};

mod csv;
mod people;

/// Arguments of `stats`.
#[derive(Debug, clap::Args)]
pub struct StatsArgs {
    /// First day on which it was done
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Day,
    /// Last day
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Day,
    /// Nationals of these countries, such as XA,XB; without it, everybody
    #[arg(long, value_name = "COUNTRIES", value_delimiter = ',')]
    nationals: Vec<String>,
    /// Only who had been reported missing before
    #[arg(long)]
    previously_missing: bool,
    /// What was done, such as arrested,charged; without it, anything
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = coded::<OutcomeCode>)]
    event: Vec<OutcomeCode>,
    /// For what, such as rape,sexual-abuse; without it, anything
    #[arg(long, value_name = "OFFENCES", value_delimiter = ',', value_parser = coded::<OffenceClass>)]
    offence: Vec<OffenceClass>,
    /// Age of the youngest victim: under-18, adult, not-known, or a band such as 13-to-15
    #[arg(long, value_name = "AGES", value_delimiter = ',', value_parser = victims)]
    victim: Vec<Victims>,
    /// What this node knows instead, in full and with its cases: for home alone
    #[arg(long)]
    cases: bool,
    /// Why an auditor asks for cases
    #[arg(long, value_name = "WHY", requires = "cases")]
    reason: Option<String>,
    /// Write comma-separated values
    #[arg(long)]
    csv: bool,
    /// Count a return of the own country and print it as a draft, ready for `send`; sends nothing
    #[arg(
        long,
        conflicts_with_all = ["nationals", "previously_missing", "event", "offence", "victim", "cases", "csv"]
    )]
    prepare_return: bool,
    /// To whom the return goes: authorities, @groups or all
    #[arg(
        long,
        value_name = "WHOM",
        value_delimiter = ',',
        requires = "prepare_return"
    )]
    recipients: Vec<String>,
}

/// Ages that one word stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Victims(Vec<VictimAge>);

/// Prints answer, figures of home, or draft.
///
/// # Errors
/// Exit 2 for two forms at once; 3 when the node refuses, 5 when it does not answer.
pub async fn run(args: StatsArgs, session: &Session) -> Result<(), CliError> {
    if args.csv && session.output.form == Form::Json {
        let message = "`--csv` and `--json` are two forms: expected one of them";
        return Err(CliError::new(Exit::Usage, message));
    }
    match (args.prepare_return, args.cases) {
        (true, _) => prepare(args, session).await,
        (false, true) => at_home(args, session).await,
        (false, false) => abroad(args, session).await,
    }
}

async fn abroad(args: StatsArgs, session: &Session) -> Result<(), CliError> {
    let question = question(&args)?;
    let request = StatisticsRequest {
        question: Some(question.clone()),
    };
    let mut desk = session.desk().await?;
    let answered = desk.statistics(request).await.map_err(read_failed)?;
    let answer = answered.into_inner();
    if args.csv {
        return session.output.text(&csv::abroad(&answer));
    }
    let names = Names::in_language(session.language);
    session
        .output
        .value(&answer, |answer| people::abroad(&question, answer, &names))
}

async fn at_home(args: StatsArgs, session: &Session) -> Result<(), CliError> {
    let question = question(&args)?;
    let request = CountAtHomeRequest {
        question: Some(question.clone()),
        cases: true,
        reason: args.reason.unwrap_or_default(),
    };
    let mut desk = session.desk().await?;
    let counted = desk.count_at_home(request).await.map_err(read_failed)?;
    let figures = counted.into_inner();
    if args.csv {
        return session.output.text(&csv::at_home(&figures));
    }
    let names = Names::in_language(session.language);
    session.output.value(&figures, |figures| {
        people::at_home(&question, figures, &names)
    })
}

async fn prepare(args: StatsArgs, session: &Session) -> Result<(), CliError> {
    let request = PrepareReturnRequest {
        from: args.from.to_string(),
        to: args.to.to_string(),
        recipients: args.recipients,
    };
    let mut desk = session.desk().await?;
    let prepared = desk.prepare_return(request).await.map_err(read_failed)?;
    let prepared = prepared.into_inner();
    if let Some(note) = note(&prepared) {
        session.output.note(&note);
    }
    // A draft file is JSON, for people and programs alike.
    session.output.text(&json(&prepared.draft)?)
}

/// What a draft file cannot say.
fn note(prepared: &PrepareReturnResponse) -> Option<String> {
    if prepared.replaces.is_empty() {
        return None;
    }
    let waiting = match prepared.waiting {
        0 => String::new(),
        1 => "; 1 figure waits until it changes by five".to_owned(),
        more => format!("; {more} figures wait until they change by five"),
    };
    Some(format!(
        "it replaces {}{waiting}",
        escape(&prepared.replaces)
    ))
}

fn question(args: &StatsArgs) -> Result<Question, CliError> {
    let mut nationals = BTreeSet::new();
    for code in &args.nationals {
        let country: Country = code
            .parse()
            .map_err(|error| CliError::new(Exit::Usage, format!("--nationals: {error}")))?;
        nationals.insert(country);
    }
    let prior = args.previously_missing.then_some(PriorReport::Missing);
    let victims = args.victim.iter().flat_map(|it| &it.0);
    Ok(Question {
        nationals: nationals.iter().map(ToString::to_string).collect(),
        prior_report: prior.map_or(0, |prior| prior as i32),
        events: args.event.iter().map(|it| *it as i32).collect(),
        offences: args.offence.iter().map(|it| *it as i32).collect(),
        victims: victims.map(|it| *it as i32).collect(),
        from: args.from.to_string(),
        to: args.to.to_string(),
    })
}

fn day(text: &str) -> Result<Day, String> {
    text.parse().map_err(|error| format!("expected {error}"))
}

/// A value of a list, with dashes or underscores.
fn coded<T: Coded>(text: &str) -> Result<T, String> {
    let plain = text.replace('-', "_");
    let found = T::all().iter().copied().find(|value| value.text() == plain);
    found.ok_or_else(|| {
        let words: Vec<String> = T::all()
            .iter()
            .map(|it| it.text().replace('_', "-"))
            .collect();
        format!("expected one of {}", words.join(", "))
    })
}

fn victims(text: &str) -> Result<Victims, String> {
    let under_18 = VictimAge::ALL
        .iter()
        .copied()
        .filter(|it| *it < VictimAge::Adult);
    match text {
        "under-18" => Ok(Victims(under_18.collect())),
        band => coded(band)
            .map(|band| Victims(vec![band]))
            .map_err(|expected| format!("{expected}, under-18")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_people_write_them() {
        assert_eq!(coded("sexual-abuse"), Ok(OffenceClass::SexualAbuse));
        assert_eq!(coded("sexual_abuse"), Ok(OffenceClass::SexualAbuse));
        assert_eq!(victims("under-18").map(|it| it.0.len()), Ok(4));
        assert_eq!(
            victims("13-to-15"),
            Ok(Victims(vec![VictimAge::From13To15]))
        );
        let told = coded::<OutcomeCode>("detained").expect_err("no such event");
        assert!(
            told.contains("arrested") && told.contains("refused-entry"),
            "{told}"
        );
        assert!(
            victims("minor")
                .expect_err("no such age")
                .ends_with("under-18")
        );
        assert!(day("2011-04").is_err() && day("2011-04-01").is_ok());
    }

    #[test]
    fn a_revised_return_says_what_it_replaces_and_what_waits() {
        let prepared = |replaces: &str, waiting| PrepareReturnResponse {
            replaces: replaces.to_owned(),
            waiting,
            ..PrepareReturnResponse::default()
        };
        assert_eq!(note(&prepared("", 0)), None);
        let said = [
            (0, "it replaces XB-26-7F3K9"),
            (
                1,
                "it replaces XB-26-7F3K9; 1 figure waits until it changes by five",
            ),
            (
                3,
                "it replaces XB-26-7F3K9; 3 figures wait until they change by five",
            ),
        ];
        for (waiting, text) in said {
            assert_eq!(
                note(&prepared("XB-26-7F3K9", waiting)).as_deref(),
                Some(text)
            );
        }
    }
}
