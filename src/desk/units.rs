//! Units: a thread may be kept to some of the own authority's. Others see that it is there, and no content.
//!
//! The ways in are [`restrict`] and [`check`]. Whose certificate names no unit belongs to the whole authority, and sees
//! everything that its role may.

use tonic::Status;

use super::{
    service::{DeskService, Permit, store_failed},
    summary::{reference_of, short_reference},
    thread::located,
};
use crate::{
    domain::{
        id::StatementRef,
        limits::{LIST_MAX_ITEMS, RESTRICTIONS_MAX},
        reason::Reason,
    },
    proto::desk::v1 as pb,
    store::event::Event,
    trust::tls::DeskName,
    wire::status::refusal,
};

/// Keeps a thread to units, or opens it to all again.
pub(super) async fn restrict(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::RestrictRequest,
) -> Result<pb::RestrictResponse, Status> {
    let units = named(&request.units)?;
    let (_, thread) = located(desk, &request.id).await?;
    check(desk, permit, &thread).await?;
    let parts = desk.parts();
    let (now, actor) = (parts.clock.now(), permit.actor);
    let plan = parts.store.decide(|ledger| {
        let is_new = ledger.kept_to(&thread).is_empty() && !units.is_empty();
        if is_new && ledger.restriction_count() >= RESTRICTIONS_MAX {
            let reason = Reason::RestrictionsFull;
            return Err(refusal(reason, reason.meaning()));
        }
        ledger.record(
            now,
            Event::Restricted {
                actor,
                thread,
                units: units.join(",").into(),
            },
        );
        Ok(())
    });
    let decided = plan.commit().await.map_err(|error| store_failed(&error))?;
    decided.into_inner()?;
    Ok(pb::RestrictResponse {
        thread: Some(reference_of(&thread)),
        reference: short_reference(&thread),
        units,
    })
}

/// Refuses content to whoever belongs to another unit.
pub(super) async fn check(
    desk: &DeskService,
    permit: &Permit,
    thread: &StatementRef,
) -> Result<(), Status> {
    let Some(own) = &permit.unit else {
        return Ok(());
    };
    let reading = desk.parts().store.read(|ledger| ledger.kept_to(thread));
    let units = reading.await.map_err(|error| store_failed(&error))?;
    if is_open_to(&units, own) {
        return Ok(());
    }
    Err(refusal(
        Reason::OtherUnit,
        format!(
            "{} is kept to other units than {own}: {}",
            short_reference(thread),
            units.join(", ")
        ),
    ))
}

/// Refuses to whoever belongs to another unit what follows a statement: nobody answers what they may not see.
pub(super) async fn check_follow(
    desk: &DeskService,
    permit: &Permit,
    followed: &StatementRef,
) -> Result<(), Status> {
    if permit.unit.is_none() {
        return Ok(());
    }
    let reading = desk.parts().store.read(|ledger| ledger.message(followed));
    let record = reading.await.map_err(|error| store_failed(&error))?;
    match record {
        Some(record) => check(desk, permit, &record.thread).await,
        None => Ok(()),
    }
}

pub(super) fn is_open_to(units: &[String], own: &DeskName) -> bool {
    let own = own.to_string();
    units.is_empty() || units.contains(&own)
}

/// Each once, in order.
fn named(units: &[String]) -> Result<Vec<String>, Status> {
    let wrong = |text: String| refusal(Reason::Malformed, text);
    if units.len() > LIST_MAX_ITEMS {
        return Err(wrong(format!(
            "units: found {}, expected at most {LIST_MAX_ITEMS}",
            units.len()
        )));
    }
    let mut named = units
        .iter()
        .map(|unit| unit.parse::<DeskName>().map(|unit| unit.to_string()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(format!("units: {error}")))?;
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::status::reason_of;

    #[test]
    fn units_are_desk_names_each_once() {
        let of = |units: &[&str]| named(&units.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            of(&["harbour", "airport", "harbour"]).unwrap(),
            ["airport", "harbour"]
        );
        assert!(of(&[]).unwrap().is_empty());
        for wrong in [
            &["a,b"][..],
            &[""],
            &["Harbour"],
            &["a"; LIST_MAX_ITEMS + 1],
        ] {
            assert_eq!(reason_of(&of(wrong).unwrap_err()), Some(Reason::Malformed));
        }
    }

    #[test]
    fn a_thread_is_open_to_all_or_to_those_named() {
        let own = "harbour".parse().unwrap();
        let units = ["harbour", "port"].map(ToOwned::to_owned);
        assert!(is_open_to(&[], &own) && is_open_to(&units, &own));
        assert!(!is_open_to(&units[1..], &own));
    }
}
