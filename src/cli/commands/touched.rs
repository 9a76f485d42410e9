//! What `show`, `track` and the lists say of clauses that a journey touches: a proposal to look, and no verdict.

use crate::{cli::output::escape, proto::desk::v1::TouchedClause};

/// One line for each; empty when there are none.
pub(super) fn lines(touched: &[TouchedClause]) -> String {
    let lines = touched.iter().map(|it| format!("{}\n", sentence(it)));
    lines.collect()
}

/// `XB-26-9K3F7 touches clause 2 of order XA/SDC 2027/7 in XA-26-7F3K9: leg 1 leads to XB, 2027-03-10`
fn sentence(touched: &TouchedClause) -> String {
    format!(
        "{} touches clause {} of order {}/{} in {}: {}",
        escape(&touched.journey_reference),
        touched.clause,
        escape(&touched.country),
        escape(&touched.order),
        escape(&touched.ordered_reference),
        why(touched)
    )
}

fn why(touched: &TouchedClause) -> String {
    let limit = touched.limit_days;
    match touched.why.as_str() {
        "forbidden_country" => {
            let on = match touched.on.as_str() {
                "" => "on a day that nobody names".to_owned(),
                on => escape(on),
            };
            format!("leg {} leads to {}, {on}", touched.leg, escape(&touched.to))
        }
        "company" => format!(
            "{} along, and contact is limited",
            people(touched.companions)
        ),
        "notified_late" => format!(
            "notified {} before the departure on {}, {} demanded",
            days(touched.days.unwrap_or(0)),
            escape(&touched.on),
            days(i32::try_from(limit).unwrap_or(i32::MAX)),
        ),
        "not_notified" => format!("nobody says that it was notified {limit} days before"),
        "away_too_long" => match touched.days {
            Some(away) => format!("away for {}, a report is due every {limit}", days(away)),
            None => format!("no return is named, a report is due every {limit} days"),
        },
        // A later version's.
        other => escape(other),
    }
}

fn people(count: u32) -> String {
    match count {
        1 => "1 person travels".to_owned(),
        count => format!("{count} people travel"),
    }
}

fn days(count: i32) -> String {
    match count {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_so_that_an_officer_can_look_it_up() {
        let of = |why: &str| TouchedClause {
            journey_reference: "XB-26-9K3F7".to_owned(),
            ordered_reference: "XA-26-7F3K9".to_owned(),
            country: "XA".to_owned(),
            order: "SDC 2027/7\u{202e}".to_owned(),
            clause: 2,
            why: why.to_owned(),
            leg: 1,
            to: "XB".to_owned(),
            on: "2027-03-10".to_owned(),
            companions: 1,
            days: Some(6),
            limit_days: 7,
            ..TouchedClause::default()
        };
        let unsaid = |why: &str| TouchedClause {
            on: String::new(),
            days: None,
            companions: 2,
            ..of(why)
        };
        insta::assert_snapshot!(lines(&[
            of("forbidden_country"),
            unsaid("forbidden_country"),
            of("company"),
            unsaid("company"),
            of("notified_late"),
            of("not_notified"),
            of("away_too_long"),
            unsaid("away_too_long"),
            of("of_a_later_version"),
        ]));
        assert_eq!(lines(&[]), "");
    }
}
