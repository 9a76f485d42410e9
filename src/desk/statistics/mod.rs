//! Statistics: what signed returns say to a question, what this node knows itself, and the return that it makes of that.
//!
//! The ways in are [`answer`], [`at_home`], [`prepare`], one for each call, and [`admit`], which judges every return that
//! is handed in: it is what this node counts, or it does not leave. Must never show a small figure but by [`at_home`].

mod gather;
mod question;

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::OwnedMutexGuard;
use tonic::Status;

use self::{
    gather::{Made, counted, made},
    question::Asked,
};
use super::{
    service::{DeskService, Permit, store_failed},
    summary::{reference_of, short_reference},
    thread::reason_for_content,
};
use crate::{
    delivery::Submission,
    domain::{
        alert::value::Day,
        country::Country,
        id::{AuthorityId, StatementRef},
        limits::STATISTICS_MAX_CASES,
        reason::Reason,
        routing::{self, Kind},
        statistics::{Answer, Cell, Figures, Outcome, Period, Return, Revised, revise},
    },
    proto::{alert::v1 as alert, desk::v1 as pb, envelope::v1 as envelope},
    store::event::{Event, Peek},
    wire::{
        alert::{decode_payload, read_statistics, statistics_payload},
        status::refusal,
    },
};

/// What signed returns say, country by country.
pub(super) async fn answer(
    desk: &DeskService,
    request: &pb::StatisticsRequest,
) -> Result<pb::StatisticsResponse, Status> {
    let asked = question::read(request.question.as_ref())?;
    let made = made(desk).await?;
    let directory = desk.parts().directory.load_full();
    let members = directory.members().map(|member| member.id);
    let origins = made.iter().map(|it| it.statement.origin);
    let countries: BTreeSet<Country> = members.chain(origins).filter_map(country_of).collect();
    let mut response = pb::StatisticsResponse::default();
    for country in countries {
        let answer = of_country(country, &asked, &made);
        if !answer.at_home {
            response.abroad = response.abroad.saturating_add(answer.outcomes);
            *match answer.state() {
                pb::AnswerState::Counted => &mut response.counted,
                pb::AnswerState::Suppressed => &mut response.suppressed,
                _ => &mut response.not_reported,
            } += 1;
        }
        response.countries.push(answer);
    }
    Ok(response)
}

/// What the returns of one country say: the latest of each period, as far as periods lie within what is asked.
fn of_country(country: Country, asked: &Asked, made: &[Made]) -> pb::CountryAnswer {
    let own = made
        .iter()
        .filter(|it| country_of(it.statement.origin) == Some(country));
    let mut by_period: BTreeMap<Period, Vec<&Made>> = BTreeMap::new();
    for it in own {
        by_period.entry(it.made.period).or_default().push(it);
    }
    let mut sum = Answer::Counted(0);
    let mut returns = Vec::new();
    let mut not_reported = Vec::new();
    let mut next = Some(asked.period.first());
    // Of those that begin on one day, the longest says most.
    let mut by_period: Vec<(Period, Vec<&Made>)> = by_period.into_iter().collect();
    by_period.sort_by_key(|(period, _)| (period.first(), std::cmp::Reverse(period.last())));
    for (period, mut all) in by_period {
        let is_ahead = next.is_some_and(|next| period.first() >= next);
        if !asked.period.includes(period) || !is_ahead {
            continue;
        }
        all.sort_by_key(|it| std::cmp::Reverse((it.issued_at, it.statement)));
        let Some(latest) = all.iter().find(|it| !it.is_recalled) else {
            continue;
        };
        not_reported.extend(gap(next, period.first()));
        next = day_after(period.last());
        sum = sum.and(asked.question.answer(&latest.made.figures));
        returns.push(used(latest, &all));
    }
    not_reported.extend(day_after(asked.period.last()).and_then(|end| gap(next, end)));
    let state = match (not_reported.is_empty(), sum) {
        (false, _) => pb::AnswerState::NotReported,
        (true, Answer::Counted(_)) => pb::AnswerState::Counted,
        (true, Answer::Suppressed { .. }) => pb::AnswerState::Suppressed,
    };
    pb::CountryAnswer {
        country: country.to_string(),
        state: state.into(),
        outcomes: sum.told(),
        at_home: asked.question.nationals.contains(&country),
        returns,
        not_reported,
    }
}

fn used(latest: &Made, all: &[&Made]) -> pb::UsedReturn {
    let others = all.iter().filter(|it| it.statement != latest.statement);
    pb::UsedReturn {
        statement: Some(reference_of(&latest.statement)),
        reference: short_reference(&latest.statement),
        days: Some(days(latest.made.period)),
        issued_at_us: latest.issued_at.as_micros(),
        replaced: others.map(|it| short_reference(&it.statement)).collect(),
    }
}

fn days(period: Period) -> pb::Days {
    pb::Days {
        from: period.first().to_string(),
        to: period.last().to_string(),
    }
}

/// The days from `next` to the day before `end`, if there are any.
fn gap(next: Option<Day>, end: Day) -> Option<pb::Days> {
    let before = Day::from_number(end.number().saturating_sub(1))?;
    Period::new(next?, before).map(days)
}

fn day_after(day: Day) -> Option<Day> {
    Day::from_number(day.number().saturating_add(1))
}

fn country_of(authority: AuthorityId) -> Option<Country> {
    authority.country().parse().ok()
}

/// Every figure in full, by where it was done, with its cases where they are asked for.
pub(super) async fn at_home(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::CountAtHomeRequest,
) -> Result<pb::CountAtHomeResponse, Status> {
    let asked = question::read(request.question.as_ref())?;
    let now = desk.parts().clock.now();
    let mut outcomes = counted(desk, now).await?;
    outcomes.retain(|it| asked.period.contains(it.on) && asked.question.asks_for(&it.cell));
    let mut of: BTreeMap<Country, Vec<Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        of.entry(outcome.country).or_default().push(outcome);
    }
    let cases = match request.cases {
        false => BTreeMap::new(),
        true => name_cases(desk, permit, &request.reason, &of).await?,
    };
    let figure = |(country, outcomes): (Country, Vec<Outcome>)| pb::HomeFigure {
        country: country.to_string(),
        outcomes: u64::try_from(outcomes.len()).unwrap_or(u64::MAX),
        cases: cases.get(&country).cloned().unwrap_or_default(),
    };
    let countries = of.into_iter().map(figure).collect();
    Ok(pb::CountAtHomeResponse { countries })
}

/// The cases of all figures. That somebody saw what they are is an entry for each of their threads.
async fn name_cases(
    desk: &DeskService,
    permit: &Permit,
    reason: &str,
    of: &BTreeMap<Country, Vec<Outcome>>,
) -> Result<BTreeMap<Country, Vec<pb::Case>>, Status> {
    let why = reason_for_content(permit, reason)?;
    let count: usize = of.values().map(Vec::len).sum();
    if count > STATISTICS_MAX_CASES {
        return Err(refusal(
            Reason::TooLarge,
            format!("{count} cases: expected at most {STATISTICS_MAX_CASES}; ask for fewer days"),
        ));
    }
    let (now, actor) = (desk.parts().clock.now(), permit.actor);
    let unit = permit.unit.as_ref().map(ToString::to_string);
    let plan = desk.parts().store.decide(|ledger| {
        let mut threads = BTreeSet::new();
        let mut cases: BTreeMap<Country, Vec<pb::Case>> = BTreeMap::new();
        for outcome in of.values().flatten() {
            let records = outcome.reports.iter().filter_map(|it| ledger.message(it));
            let of_case: BTreeSet<StatementRef> = records.map(|record| record.thread).collect();
            let is_open = |thread: &StatementRef| {
                let units = ledger.kept_to(thread);
                units.is_empty() || unit.as_ref().is_none_or(|own| units.contains(own))
            };
            let case = match of_case.iter().all(is_open) {
                true => {
                    threads.extend(of_case);
                    case(outcome)
                }
                false => pb::Case {
                    other_unit: true,
                    ..pb::Case::default()
                },
            };
            cases.entry(outcome.country).or_default().push(case);
        }
        for thread in threads {
            let (peek, why) = (Peek::LeavesUnopened, why.clone());
            let consulted = Event::Consulted {
                actor,
                thread,
                peek,
                why,
            };
            ledger.record(now, consulted);
        }
        cases
    });
    let decided = plan.commit().await.map_err(|error| store_failed(&error))?;
    Ok(decided.into_inner())
}

fn case(outcome: &Outcome) -> pb::Case {
    let cell = &outcome.cell;
    pb::Case {
        on: outcome.on.to_string(),
        nationality: cell
            .nationality
            .map_or_else(String::new, |it| it.to_string()),
        prior_report: cell.prior as i32,
        event: cell.event as i32,
        offence: cell.offence as i32,
        victim: cell.victim as i32,
        statements: outcome.reports.iter().map(reference_of).collect(),
        references: outcome.reports.iter().map(short_reference).collect(),
        other_unit: false,
    }
}

/// Counts a return and gives it as a draft.
pub(super) async fn prepare(
    desk: &DeskService,
    request: pb::PrepareReturnRequest,
) -> Result<pb::PrepareReturnResponse, Status> {
    let period = question::period(&request.from, &request.to)?;
    let now = desk.parts().clock.now();
    if let Some(today) = Day::of(now).filter(|today| *today < period.last()) {
        let text = format!(
            "to: found {}, expected a day up to today, {today}",
            period.last()
        );
        return Err(refusal(Reason::Malformed, text));
    }
    let own = own_returns(desk, period).await?;
    let revised = count(desk, period, now, &own).await?;
    let latest = own.last();
    if latest.is_some_and(|latest| latest.made.figures == revised.figures) {
        let text = format!(
            "the return of {} to {} stands: {} of its figures wait for more, the rest is as it was",
            period.first(),
            period.last(),
            revised.waiting
        );
        return Err(refusal(Reason::NothingToReturn, text));
    }
    let replaces = latest.map(|latest| latest.statement);
    let made = Return {
        period,
        counted_at: now,
        replaces,
        figures: revised.figures,
    };
    let to = match request.recipients.is_empty() {
        true => vec!["all".to_owned()],
        false => request.recipients,
    };
    Ok(pb::PrepareReturnResponse {
        draft: Some(draft(&made, to)),
        replaces: replaces.as_ref().map_or_else(String::new, short_reference),
        waiting: u32::try_from(revised.waiting).unwrap_or(u32::MAX),
    })
}

/// It holds no person: so it goes as what holds none does.
fn draft(made: &Return, to: Vec<String>) -> alert::Draft {
    alert::Draft {
        to,
        priority: envelope::Priority::Routine.into(),
        status: envelope::Status::Actual.into(),
        handling: vec![envelope::Handling::H0.into()],
        ground: envelope::TransferGround::Safeguards.into(),
        payload: Some(statistics_payload(made)),
        ..alert::Draft::default()
    }
}

/// Judges the return among what is handed in, as if it were counted now; what is held keeps others out until this one is
/// recorded, or not. Exercises are invented, and nobody counts them. What had left before is not judged anew.
pub(super) async fn admit(
    desk: &DeskService,
    submissions: &[Submission],
) -> Result<Option<OwnedMutexGuard<()>>, Status> {
    let is_return =
        |it: &&Submission| it.kind == Kind::Statistics && it.status == routing::Status::Actual;
    let mut returns = submissions.iter().filter(is_return);
    let (Some(one), None) = (returns.next(), returns.next()) else {
        return match submissions.iter().any(|it| is_return(&it)) {
            true => Err(not_counted("several returns at once: expected each alone")),
            false => Ok(None),
        };
    };
    let turn = desk.returning().await;
    let origin = desk.parts().authority;
    let statement = one.id.map(|id| StatementRef { origin, id });
    let has_left = statement.is_some_and(|statement| {
        let store = &desk.parts().store;
        store.glance(|ledger, _| ledger.message(&statement).is_some())
    });
    if !has_left {
        let made = decode_payload(&one.payload).ok();
        let made = made.and_then(|payload| read_statistics(&payload));
        judge(
            desk,
            &made.ok_or_else(|| not_counted(Reason::NotCounted.meaning()))?,
        )
        .await?;
    }
    Ok(Some(turn))
}

async fn judge(desk: &DeskService, handed_in: &Return) -> Result<(), Status> {
    let own = own_returns(desk, handed_in.period).await?;
    if own.last().map(|latest| latest.statement) != handed_in.replaces {
        let text = match own.last() {
            Some(latest) => format!(
                "replaces: expected {}, the latest return of these days",
                short_reference(&latest.statement)
            ),
            None => "replaces: expected nothing, as no return of these days has left".to_owned(),
        };
        return Err(not_counted(text));
    }
    let now = desk.parts().clock.now();
    if handed_in.counted_at > now {
        return Err(not_counted("countedAt: expected a time that has passed"));
    }
    let revised = count(desk, handed_in.period, handed_in.counted_at, &own).await?;
    if revised.figures != handed_in.figures {
        return Err(not_counted(
            "figures: expected what this node had counted at that time",
        ));
    }
    Ok(())
}

fn not_counted(text: impl Into<String>) -> Status {
    refusal(Reason::NotCounted, text)
}

/// The figures of a return, beside those that were published before.
async fn count(
    desk: &DeskService,
    period: Period,
    until: crate::domain::time::Timestamp,
    own: &[Made],
) -> Result<Revised, Status> {
    let country = country_of(desk.parts().authority).ok_or_else(|| {
        let text = "the own authority is of no country that has a code";
        refusal(Reason::NotCounted, text)
    })?;
    let mut counts: BTreeMap<Cell, u64> = BTreeMap::new();
    for outcome in counted(desk, until).await? {
        if outcome.country == country && period.contains(outcome.on) {
            *counts.entry(outcome.cell).or_default() += 1;
        }
    }
    let before: Vec<&Figures> = own.iter().map(|it| &it.made.figures).collect();
    revise(&before, &counts).map_err(|error| refusal(Reason::TooLarge, error.to_string()))
}

/// Our own returns of these days, in the order in which they left; recalled ones were seen as well.
async fn own_returns(desk: &DeskService, period: Period) -> Result<Vec<Made>, Status> {
    let mut own = made(desk).await?;
    own.retain(|it| it.statement.origin == desk.parts().authority);
    let others = own.iter().filter(|it| it.made.period != period);
    if let Some(other) = others
        .into_iter()
        .find(|it| it.made.period.overlaps(period))
    {
        let (first, last) = (other.made.period.first(), other.made.period.last());
        let text = format!(
            "{} is of {first} to {last}: expected those days, or days that no return has",
            short_reference(&other.statement)
        );
        return Err(refusal(Reason::PeriodOverlaps, text));
    }
    own.retain(|it| it.made.period == period);
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        alert::{
            kinds::OutcomeCode,
            offence::{OffenceClass, VictimAge},
        },
        id::MessageId,
        statistics::{PriorReport, publish},
        time::Timestamp,
    };

    /// The return of an authority for some months of 2026, of so many outcomes in one cell, issued at a time.
    fn a_return(origin: &str, months: (&str, &str), outcomes: u64, issued: u64) -> Made {
        let day = |text: String| text.parse::<Day>().unwrap();
        let (first, last) = months;
        let cell = Cell {
            nationality: "XA".parse().ok(),
            prior: PriorReport::Missing,
            event: OutcomeCode::Arrested,
            offence: OffenceClass::Rape,
            victim: VictimAge::Adult,
        };
        let counts = [(cell, outcomes)].into();
        let period = Period::new(day(format!("2026-{first}")), day(format!("2026-{last}")));
        Made {
            statement: StatementRef {
                origin: origin.parse().unwrap(),
                id: MessageId::from_parts(issued, [0; 10]),
            },
            issued_at: Timestamp::from_micros(i64::try_from(issued).unwrap()),
            is_recalled: false,
            made: Return {
                period: period.unwrap(),
                counted_at: Timestamp::from_micros(0),
                replaces: None,
                figures: publish(&counts).unwrap(),
            },
        }
    }

    const FIRST_HALF: (&str, &str) = ("01-01", "06-30");
    const SECOND_HALF: (&str, &str) = ("07-01", "12-31");
    const YEAR: (&str, &str) = ("01-01", "12-31");

    /// State, outcomes, gaps and what was replaced, of XB for the whole of 2026.
    fn told(made: &[Made]) -> (pb::AnswerState, u64, Vec<String>, usize) {
        let wire = pb::Question {
            from: "2026-01-01".to_owned(),
            to: "2026-12-31".to_owned(),
            ..pb::Question::default()
        };
        let asked = question::read(Some(&wire)).unwrap();
        let answer = of_country("XB".parse().unwrap(), &asked, made);
        let gaps = answer.not_reported.iter();
        let gaps = gaps
            .map(|days| format!("{}/{}", days.from, days.to))
            .collect();
        let replaced = answer.returns.iter().map(|it| it.replaced.len()).sum();
        (answer.state(), answer.outcomes, gaps, replaced)
    }

    #[test]
    fn returns_of_parts_make_the_whole_and_a_gap_is_never_zero() {
        use pb::AnswerState::{Counted, NotReported, Suppressed};
        let xb = |months, outcomes, issued| a_return("XB-POL", months, outcomes, issued);
        let whole = vec!["2026-01-01/2026-12-31".to_owned()];
        let second_half = vec!["2026-07-01/2026-12-31".to_owned()];
        let first_half = vec!["2026-01-01/2026-06-30".to_owned()];
        let recalled = |it: Made| Made {
            is_recalled: true,
            ..it
        };
        for (made, answer) in [
            (vec![], (NotReported, 0, whole.clone(), 0)),
            (vec![xb(YEAR, 0, 1)], (Counted, 0, vec![], 0)),
            (vec![xb(YEAR, 7, 1)], (Counted, 7, vec![], 0)),
            (vec![xb(YEAR, 3, 1)], (Suppressed, 0, vec![], 0)),
            (vec![xb(FIRST_HALF, 7, 1)], (NotReported, 7, second_half, 0)),
            (vec![xb(SECOND_HALF, 7, 1)], (NotReported, 7, first_half, 0)),
            (
                vec![xb(FIRST_HALF, 7, 1), xb(SECOND_HALF, 8, 2)],
                (Counted, 15, vec![], 0),
            ),
            (
                vec![xb(FIRST_HALF, 7, 1), xb(SECOND_HALF, 3, 2)],
                (Suppressed, 7, vec![], 0),
            ),
            // The latest counts, whatever the order in which they came.
            (
                vec![xb(YEAR, 12, 9), xb(YEAR, 7, 1)],
                (Counted, 12, vec![], 1),
            ),
            (
                vec![xb(YEAR, 7, 1), recalled(xb(YEAR, 12, 9))],
                (Counted, 7, vec![], 1),
            ),
            (
                vec![recalled(xb(YEAR, 12, 9))],
                (NotReported, 0, whole.clone(), 0),
            ),
            (
                vec![a_return("XC-POL", YEAR, 7, 1)],
                (NotReported, 0, whole.clone(), 0),
            ),
            (
                vec![a_return("XB-GUARD", YEAR, 7, 1)],
                (Counted, 7, vec![], 0),
            ),
            // Of days that overlap, none counts twice.
            (
                vec![xb(SECOND_HALF, 7, 1), a_return("XB-GUARD", YEAR, 9, 2)],
                (Counted, 9, vec![], 0),
            ),
            (
                vec![xb(FIRST_HALF, 7, 1), a_return("XB-GUARD", YEAR, 9, 2)],
                (Counted, 9, vec![], 0),
            ),
        ] {
            assert_eq!(told(&made), answer);
        }
    }
}
