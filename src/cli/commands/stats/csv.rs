//! Statistics as comma-separated values (RFC 4180), one line for each country or case; codes, not names.

use crate::{
    cli::output::{escape, names},
    domain::{
        alert::{
            kinds::OutcomeCode,
            offence::{OffenceClass, VictimAge},
        },
        routing::Coded,
        statistics::PriorReport,
    },
    proto::desk::v1::{AnswerState, CountAtHomeResponse, CountryAnswer, StatisticsResponse},
};

/// `country,state,outcomes,at_home,returns,not_reported`; outcomes of what is not counted are at least so many.
pub(super) fn abroad(answer: &StatisticsResponse) -> String {
    let mut lines = vec!["country,state,outcomes,at_home,returns,not_reported".to_owned()];
    lines.extend(answer.countries.iter().map(|it| {
        let returns: Vec<&str> = it.returns.iter().map(|it| it.reference.as_str()).collect();
        let gaps = it.not_reported.iter();
        let gaps: Vec<String> = gaps
            .map(|days| format!("{}/{}", days.from, days.to))
            .collect();
        line(&[
            &it.country,
            state(it),
            &it.outcomes.to_string(),
            if it.at_home { "yes" } else { "no" },
            &returns.join(" "),
            &gaps.join(" "),
        ])
    }));
    lines.join("\n")
}

/// `country,on,nationality,prior_report,event,offence,victim,statements`; nothing but the country of what is kept to
/// another unit.
pub(super) fn at_home(figures: &CountAtHomeResponse) -> String {
    let header = "country,on,nationality,prior_report,event,offence,victim,statements";
    let mut lines = vec![header.to_owned()];
    for figure in &figures.countries {
        lines.extend(figure.cases.iter().map(|case| {
            let statements = case.statements.iter().map(|it| names::statement(Some(it)));
            line(&[
                &figure.country,
                &case.on,
                &case.nationality,
                code::<PriorReport>(case.prior_report),
                code::<OutcomeCode>(case.event),
                code::<OffenceClass>(case.offence),
                code::<VictimAge>(case.victim),
                &statements.collect::<Vec<_>>().join(" "),
            ])
        }));
    }
    lines.join("\n")
}

/// As other programs read it.
fn state(answer: &CountryAnswer) -> &'static str {
    match answer.state() {
        AnswerState::Counted => "counted",
        AnswerState::Suppressed => "suppressed",
        AnswerState::NotReported => "not_reported",
        AnswerState::Unspecified => "",
    }
}

fn code<T: Coded>(number: i32) -> &'static str {
    let value = u8::try_from(number).ok().and_then(T::of_number);
    value.map_or("", T::text)
}

fn line(fields: &[&str]) -> String {
    let quoted = fields.iter().map(|field| {
        let field = escape(field);
        match field.contains([',', '"']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field,
        }
    });
    quoted.collect::<Vec<_>>().join(",")
}
