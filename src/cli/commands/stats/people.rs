//! Statistics for people: the question in words, a table, and a chart in which what is not a number is no bar.

use crate::{
    cli::output::{escape, table, time},
    domain::{
        alert::{
            kinds::OutcomeCode,
            offence::{OffenceClass, VictimAge},
        },
        routing::Coded,
        statistics::PriorReport,
    },
    i18n::Names,
    proto::desk::v1::{
        AnswerState, Case, CountAtHomeResponse, CountryAnswer, Days, HomeFigure, Question,
        StatisticsResponse,
    },
};

/// Characters of the longest bar.
const BAR_CHARS: u64 = 40;

/// The answer of the federation.
pub(super) fn abroad(question: &Question, answer: &StatisticsResponse, names: &Names) -> String {
    let mut shown = table(["country", "outcomes", "returns", "not reported"]);
    for it in &answer.countries {
        let country = match it.at_home {
            true => format!("{} (at home)", escape(&it.country)),
            false => escape(&it.country),
        };
        shown.add_row([country, said(it), returns(it), gaps(&it.not_reported)]);
    }
    let bars = answer.countries.iter().map(|it| {
        let length = (it.state() == AnswerState::Counted).then_some(it.outcomes);
        (it.country.as_str(), length, said(it))
    });
    format!(
        "{}\n{shown}\n{}\n\n{}",
        asked(question, names),
        sum(answer),
        chart(&bars.collect::<Vec<_>>())
    )
}

fn said(answer: &CountryAnswer) -> String {
    let at_least = match answer.outcomes {
        0 => String::new(),
        some => format!(", at least {some}"),
    };
    match answer.state() {
        AnswerState::Counted => answer.outcomes.to_string(),
        AnswerState::Suppressed => format!("suppressed{at_least}"),
        _ if answer.returns.is_empty() => "not reported".to_owned(),
        _ => format!("not reported in full{at_least}"),
    }
}

/// `XB-26-7F3K9 of 2026-11-29, replaces XB-26-1ABCD`, each on a line.
fn returns(answer: &CountryAnswer) -> String {
    let lines = answer.returns.iter().map(|it| {
        let issued = time(it.issued_at_us);
        let issued = issued.split('T').next().unwrap_or_default();
        let mut line = format!("{} of {issued}", escape(&it.reference));
        if !it.replaced.is_empty() {
            line.push_str(&format!(", replaces {}", escape(&it.replaced.join(", "))));
        }
        line
    });
    let lines: Vec<String> = lines.collect();
    match lines.is_empty() {
        true => "-".to_owned(),
        false => lines.join("\n"),
    }
}

fn gaps(days: &[Days]) -> String {
    let gap = |it: &Days| format!("{} to {}", escape(&it.from), escape(&it.to));
    let gaps: Vec<String> = days.iter().map(gap).collect();
    match gaps.is_empty() {
        true => "-".to_owned(),
        false => gaps.join("\n"),
    }
}

fn sum(answer: &StatisticsResponse) -> String {
    let countries = |count: u32| match count {
        1 => "1 country".to_owned(),
        count => format!("{count} countries"),
    };
    let is_whole = answer.suppressed == 0 && answer.not_reported == 0;
    let mut line = match is_whole {
        true => format!("abroad: {}", answer.abroad),
        false => format!("abroad: at least {}", answer.abroad),
    };
    line.push_str(&format!("; counted by {}", countries(answer.counted)));
    for (count, what) in [
        (answer.suppressed, "suppressed in"),
        (answer.not_reported, "not reported by"),
    ] {
        if count > 0 {
            line.push_str(&format!(", {what} {}", countries(count)));
        }
    }
    line
}

/// The figures of home, and their cases.
pub(super) fn at_home(question: &Question, figures: &CountAtHomeResponse, names: &Names) -> String {
    let head = format!(
        "{}\nAs this node knows it, in full: not for abroad.",
        asked(question, names)
    );
    if figures.countries.is_empty() {
        return format!("{head}\n\nnothing is known here");
    }
    let bars = figures.countries.iter().map(|it| {
        let said = it.outcomes.to_string();
        (it.country.as_str(), Some(it.outcomes), said)
    });
    let mut shown = table([
        "country",
        "on",
        "nationality",
        "before",
        "event",
        "offence",
        "victim",
        "reported in",
    ]);
    for figure in &figures.countries {
        for case in &figure.cases {
            shown.add_row(row(figure, case, names));
        }
    }
    format!("{head}\n\n{}\n\n{shown}", chart(&bars.collect::<Vec<_>>()))
}

fn row(figure: &HomeFigure, case: &Case, names: &Names) -> [String; 8] {
    let country = escape(&figure.country);
    if case.other_unit {
        let kept = || "-".to_owned();
        let why = "kept to another unit".to_owned();
        return [country, kept(), kept(), kept(), kept(), kept(), kept(), why];
    }
    let nationality = match case.nationality.is_empty() {
        true => "not known".to_owned(),
        false => escape(&case.nationality),
    };
    [
        country,
        escape(&case.on),
        nationality,
        named::<PriorReport>(case.prior_report, names),
        named::<OutcomeCode>(case.event, names),
        named::<OffenceClass>(case.offence, names),
        named::<VictimAge>(case.victim, names),
        escape(&case.references.join(" ")),
    ]
}

/// `nationals of XA, reported missing before: arrested, charged; rape, sexual abuse; victim under 6, ...; FROM to TO`
fn asked(question: &Question, names: &Names) -> String {
    let all =
        |numbers: &[i32], name: &dyn Fn(i32) -> String, anything: &str| match numbers.is_empty() {
            true => anything.to_owned(),
            false => {
                let named: Vec<String> = numbers.iter().map(|it| name(*it)).collect();
                named.join(", ")
            }
        };
    let who = match question.nationals.is_empty() {
        true => "whoever it was".to_owned(),
        false => format!("nationals of {}", escape(&question.nationals.join(", "))),
    };
    let before = match question.prior_report {
        0 => String::new(),
        number => format!(", {}", named::<PriorReport>(number, names)),
    };
    format!(
        "{who}{before}\n{}; {}; victim: {}\n{} to {}",
        all(
            &question.events,
            &|it| named::<OutcomeCode>(it, names),
            "anything done"
        ),
        all(
            &question.offences,
            &|it| named::<OffenceClass>(it, names),
            "for anything"
        ),
        all(
            &question.victims,
            &|it| named::<VictimAge>(it, names),
            "any"
        ),
        escape(&question.from),
        escape(&question.to),
    )
}

fn named<T: Coded>(number: i32, names: &Names) -> String {
    let value = u8::try_from(number).ok().and_then(T::of_number);
    value.map_or_else(|| format!("({number})"), |value| names.name(value))
}

/// One line for each country; a bar for what is counted, and words for what is not.
fn chart(lines: &[(&str, Option<u64>, String)]) -> String {
    let longest = lines
        .iter()
        .filter_map(|(_, length, _)| *length)
        .max()
        .unwrap_or(0);
    let drawn = lines.iter().map(|(country, length, said)| {
        let bar = match length {
            None | Some(0) => String::new(),
            Some(length) => {
                let chars = length.saturating_mul(BAR_CHARS).div_ceil(longest.max(1));
                let bar = "█".repeat(usize::try_from(chars).unwrap_or(0));
                format!("{bar} ")
            }
        };
        format!("{:<4}{bar}{said}", escape(country))
    });
    drawn.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{i18n::Language, proto::desk::v1::UsedReturn};

    fn question() -> Question {
        Question {
            nationals: vec!["XA".to_owned()],
            prior_report: PriorReport::Missing as i32,
            events: vec![OutcomeCode::Arrested as i32, OutcomeCode::Charged as i32],
            offences: vec![OffenceClass::Rape as i32, OffenceClass::SexualAbuse as i32],
            victims: vec![VictimAge::Under6 as i32, VictimAge::From6To12 as i32],
            from: "2011-04-01".to_owned(),
            to: "2012-03-31".to_owned(),
        }
    }

    fn country(code: &str, state: AnswerState, outcomes: u64) -> CountryAnswer {
        let used = UsedReturn {
            reference: format!("{code}-26-7F3K9"),
            issued_at_us: 1_795_000_000_000_000,
            ..UsedReturn::default()
        };
        CountryAnswer {
            country: code.to_owned(),
            state: state.into(),
            outcomes,
            returns: vec![used],
            ..CountryAnswer::default()
        }
    }

    #[test]
    fn each_country_is_counted_suppressed_or_not_reported_and_never_zero_for_want_of_a_return() {
        let mut revised = country("XB", AnswerState::Counted, 26);
        revised.returns[0].replaced = vec!["XB-26-1ABCD".to_owned()];
        let days = |from: &str, to: &str| Days {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let answer = StatisticsResponse {
            countries: vec![
                CountryAnswer {
                    at_home: true,
                    ..country("XA", AnswerState::Counted, 1)
                },
                revised,
                country("XC", AnswerState::Counted, 8),
                country("XD", AnswerState::Suppressed, 0),
                CountryAnswer {
                    returns: vec![],
                    not_reported: vec![days("2011-04-01", "2012-03-31")],
                    ..country("XE", AnswerState::NotReported, 0)
                },
                CountryAnswer {
                    not_reported: vec![days("2011-10-01", "2012-03-31")],
                    ..country("XF", AnswerState::NotReported, 6)
                },
                country("XG", AnswerState::Counted, 0),
            ],
            abroad: 40,
            counted: 3,
            suppressed: 1,
            not_reported: 2,
        };
        let names = Names::in_language(Language::English);
        let csv = super::super::csv::abroad(&answer);
        let people = abroad(&question(), &answer, &names);
        insta::assert_snapshot!(format!("{people}\n\n{csv}"));
    }

    #[test]
    fn a_figure_of_home_names_its_cases_but_those_of_another_unit() {
        let case = Case {
            on: "2011-05-03".to_owned(),
            nationality: "XA".to_owned(),
            prior_report: PriorReport::Missing as i32,
            event: OutcomeCode::Arrested as i32,
            offence: OffenceClass::Rape as i32,
            victim: VictimAge::From13To15 as i32,
            references: vec!["XA-26-1ABCD".to_owned(), "XB-26-7F3K9".to_owned()],
            ..Case::default()
        };
        let kept = Case {
            other_unit: true,
            ..Case::default()
        };
        let figures = CountAtHomeResponse {
            countries: vec![HomeFigure {
                country: "XB".to_owned(),
                outcomes: 2,
                cases: vec![case, kept],
            }],
        };
        let names = Names::in_language(Language::English);
        let none = at_home(&question(), &CountAtHomeResponse::default(), &names);
        let csv = super::super::csv::at_home(&figures);
        let people = at_home(&question(), &figures, &names);
        insta::assert_snapshot!(format!("{people}\n\n{csv}\n\n{none}"));
    }
}
