//! A question as the desk is asked it.

use std::collections::BTreeSet;

use tonic::Status;

use crate::{
    domain::{
        alert::value::Day,
        country::Country,
        limits::{FOUND_MAX_CHARS, LIST_MAX_ITEMS},
        reason::Reason,
        routing::Coded,
        statistics::{Period, PriorReport, Question, Values},
        text::excerpt,
    },
    proto::desk::v1 as pb,
    wire::status::refusal,
};

/// A question about a period.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) period: Period,
}

/// Reads it.
///
/// # Errors
/// The first field that is wrong.
pub(super) fn read(wire: Option<&pb::Question>) -> Result<Asked, Status> {
    let wire = wire.ok_or_else(|| wrong("question", "nothing", "the days that are asked for"))?;
    if wire.nationals.len() > LIST_MAX_ITEMS {
        let found = format!("{} countries", wire.nationals.len());
        return Err(wrong(
            "nationals",
            &found,
            &format!("at most {LIST_MAX_ITEMS}"),
        ));
    }
    let country = |code: &String| {
        let read = code.parse::<Country>();
        read.map_err(|error| refusal(Reason::Malformed, format!("nationals: {error}")))
    };
    let nationals = wire.nationals.iter().map(country);
    let prior = match wire.prior_report {
        0 => None,
        number => Some(coded::<PriorReport>("priorReport", number)?),
    };
    Ok(Asked {
        question: Question {
            nationals: nationals.collect::<Result<BTreeSet<_>, _>>()?,
            prior,
            events: values("events", &wire.events)?,
            offences: values("offences", &wire.offences)?,
            victims: values("victims", &wire.victims)?,
        },
        period: period(&wire.from, &wire.to)?,
    })
}

/// Reads first and last day.
///
/// # Errors
/// When one is no day, or the last lies before the first.
pub(super) fn period(from: &str, to: &str) -> Result<Period, Status> {
    let day = |field: &str, text: &str| {
        let read = text.parse::<Day>();
        let found = format!("`{}`", excerpt(text, FOUND_MAX_CHARS));
        read.map_err(|expected| wrong(field, &found, &expected.0))
    };
    let (first, last) = (day("from", from)?, day("to", to)?);
    Period::new(first, last).ok_or_else(|| {
        wrong(
            "to",
            &last.to_string(),
            &format!("a day not before {first}"),
        )
    })
}

fn values<T: Coded>(field: &str, numbers: &[i32]) -> Result<Values<T>, Status> {
    let values = numbers.iter().map(|number| coded(field, *number));
    let values: Vec<T> = values.collect::<Result<_, _>>()?;
    Ok(Values::of(&values).unwrap_or_else(Values::all))
}

fn coded<T: Coded>(field: &str, number: i32) -> Result<T, Status> {
    let value = u8::try_from(number).ok().and_then(T::of_number);
    value.ok_or_else(|| {
        let expected = format!("a value of `allpoints lists` {}", T::TYPE);
        wrong(field, &number.to_string(), &expected)
    })
}

fn wrong(field: &str, found: &str, expected: &str) -> Status {
    let text = format!("{field}: found {found}, expected {expected}");
    refusal(Reason::Malformed, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year() -> pb::Question {
        pb::Question {
            from: "2011-04-01".to_owned(),
            to: "2012-03-31".to_owned(),
            ..pb::Question::default()
        }
    }

    #[test]
    fn a_question_of_nothing_is_about_everything_of_its_days() {
        let asked = read(Some(&year())).expect("legal");
        assert_eq!(asked.period.first().to_string(), "2011-04-01");
        assert_eq!(asked.question.events, Values::all());
        assert!(asked.question.nationals.is_empty() && asked.question.prior.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        type Change = fn(&mut pb::Question);
        let told = |change: Change| {
            let mut question = year();
            change(&mut question);
            let refused = read(Some(&question)).expect_err("illegal");
            refused.message().to_owned()
        };
        let table: [(Change, &str); 6] = [
            (
                |it| it.from = "2011-04".to_owned(),
                "from: found `2011-04`, expected a day",
            ),
            (
                |it| it.to = "2011-03-31".to_owned(),
                "to: found 2011-03-31, expected a day not before",
            ),
            (
                |it| it.nationals = vec!["Arcadia".to_owned()],
                "nationals: `Arcadia` is no country",
            ),
            (|it| it.events = vec![99], "events: found 99"),
            (|it| it.victims = vec![0], "victims: found 0"),
            (|it| it.prior_report = 7, "priorReport: found 7"),
        ];
        for (change, begins) in table {
            assert!(told(change).contains(begins), "{}", told(change));
        }
        assert!(read(None).is_err());
    }
}
