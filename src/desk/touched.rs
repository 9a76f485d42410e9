//! Clauses of orders that a journey touches, for the desk's lines: proposed, and never acted on by itself.
//!
//! The ways in are [`of_thread`] and [`of_lines`]. An order's reference is content: who may see none is shown none, and
//! what is kept to another unit stays there.

use std::collections::BTreeMap;

use tonic::Status;

use super::{
    service::{DeskService, Permit, store_failed},
    summary::{reference_of, short_reference},
    thread::blocking,
    units::is_open_to,
};
use crate::{
    delivery,
    domain::{
        alert::{touch::Why, value::Day},
        id::StatementRef,
    },
    proto::desk::v1 as pb,
    store::{ledger::Ledger, record::MessageRecord},
    trust::tls::Role,
    wire::alert::Touched,
};

/// The alerts of one person, each with what its origin said.
type Alerts = Vec<Vec<MessageRecord>>;

/// What is touched by or in this thread.
pub(super) async fn of_thread(
    desk: &DeskService,
    permit: &Permit,
    thread: StatementRef,
) -> Result<Vec<pb::TouchedClause>, Status> {
    let mut found = found(desk, permit, vec![thread]).await?;
    Ok(found.remove(&thread).unwrap_or_default())
}

/// The same for lines of a list, and for those alone who handle alerts.
pub(super) async fn of_lines(
    desk: &DeskService,
    permit: &Permit,
    alerts: Vec<StatementRef>,
) -> Result<BTreeMap<StatementRef, Vec<pb::TouchedClause>>, Status> {
    match handles_alerts(permit.role) {
        true => found(desk, permit, alerts).await,
        false => Ok(BTreeMap::new()),
    }
}

/// Whose work the content of alerts is, without giving a reason each time.
pub(super) const fn handles_alerts(role: Role) -> bool {
    matches!(role, Role::Officer | Role::Supervisor | Role::Duty)
}

async fn found(
    desk: &DeskService,
    permit: &Permit,
    threads: Vec<StatementRef>,
) -> Result<BTreeMap<StatementRef, Vec<pb::TouchedClause>>, Status> {
    let now = desk.parts().clock.now();
    let reading = desk.parts().store.read(|ledger| {
        let alerts = threads.into_iter().filter_map(|thread| {
            let mut alerts = ledger.orders_and_journeys(&thread, now);
            alerts.retain(|records| may_see(ledger, permit, records));
            (!alerts.is_empty()).then_some((thread, alerts))
        });
        alerts.collect::<Vec<(StatementRef, Alerts)>>()
    });
    let alerts = reading.await.map_err(|error| store_failed(&error))?;
    if alerts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let store = desk.parts().store.clone();
    blocking(move || {
        let of = |(thread, alerts): (StatementRef, Alerts)| {
            let touched = delivery::touched(&store, &alerts);
            let ours = { touched.iter() }
                .filter(|touched| [touched.journey, touched.ordered].contains(&thread));
            (thread, ours.map(line).collect())
        };
        Ok(alerts.into_iter().map(of).collect())
    })
    .await
}

fn may_see(ledger: &Ledger, permit: &Permit, records: &[MessageRecord]) -> bool {
    let Some(first) = records.first() else {
        return false;
    };
    let units = ledger.kept_to(&first.thread);
    permit
        .unit
        .as_ref()
        .is_none_or(|own| is_open_to(&units, own))
}

fn line(touched: &Touched) -> pb::TouchedClause {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let day = |day: Option<Day>| day.map_or_else(String::new, |day| day.to_string());
    let line = pb::TouchedClause {
        journey: Some(reference_of(&touched.journey)),
        journey_reference: short_reference(&touched.journey),
        ordered: Some(reference_of(&touched.ordered)),
        ordered_reference: short_reference(&touched.ordered),
        country: touched.country.to_string(),
        order: touched.reference.as_str().to_owned(),
        clause: count(touched.clause),
        ..pb::TouchedClause::default()
    };
    match touched.why {
        Why::Forbidden { leg, country, on } => pb::TouchedClause {
            why: "forbidden_country".to_owned(),
            leg: count(leg),
            to: country.to_string(),
            on: day(on),
            ..line
        },
        Why::Company { companions } => pb::TouchedClause {
            why: "company".to_owned(),
            companions: count(companions),
            ..line
        },
        Why::NotifiedLate {
            days,
            days_before,
            leaves_on,
        } => pb::TouchedClause {
            why: "notified_late".to_owned(),
            on: day(Some(leaves_on)),
            days: Some(days),
            limit_days: u32::from(days_before),
            ..line
        },
        Why::NotNotified { days_before } => pb::TouchedClause {
            why: "not_notified".to_owned(),
            limit_days: u32::from(days_before),
            ..line
        },
        Why::AwayTooLong { days, every_days } => pb::TouchedClause {
            why: "away_too_long".to_owned(),
            days,
            limit_days: u32::from(every_days),
            ..line
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desk::testing::own_alert, domain::routing::Priority};

    #[test]
    fn a_line_says_which_clause_of_whose_order_and_why() {
        let alert = own_alert(Priority::Urgent).statement;
        let of = |why| {
            line(&Touched {
                journey: alert,
                ordered: alert,
                country: "XA".parse().unwrap(),
                reference: "SDC 2027/7".parse().unwrap(),
                clause: 2,
                why,
            })
        };
        let away = |days| {
            of(Why::AwayTooLong {
                days,
                every_days: 7,
            })
        };
        assert_eq!(away(None).days, None, "no return is named");
        let away = away(Some(8));
        assert_eq!((away.days, away.limit_days, away.clause), (Some(8), 7, 2));
        let forbidden = of(Why::Forbidden {
            leg: 1,
            country: "XB".parse().unwrap(),
            on: None,
        });
        let told = (
            forbidden.why.as_str(),
            forbidden.to.as_str(),
            forbidden.on.as_str(),
        );
        assert_eq!(told, ("forbidden_country", "XB", ""));
    }

    #[test]
    fn whose_work_is_not_the_content_is_shown_none_in_lists() {
        for role in Role::ALL {
            let handles = ["officer", "supervisor", "duty"].contains(&role.to_string().as_str());
            assert_eq!(handles_alerts(role), handles, "{role}");
        }
    }
}
