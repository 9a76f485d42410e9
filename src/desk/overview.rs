//! `Links` and `Status`: how each partner link and the own node really are.

use tonic::Status;

use super::{
    calls,
    expiry::Expiry,
    loaded::Loaded,
    offers,
    service::{DeskService, Permit, store_failed},
};
use crate::{
    delivery::{LaneState, LinkState, ReclaimState},
    domain::{id::AuthorityId, reason::Reason, time::Timestamp},
    proto::desk::v1 as pb,
    store::{event::Event, journal::Loss},
    trust::directory::{Directory, Standing},
};

/// Every partner; after a heartbeat on every lane when the caller asks for it.
pub(super) async fn links(desk: &DeskService, request: &pb::LinksRequest) -> pb::LinksResponse {
    let parts = desk.parts();
    if request.check {
        parts.broker.check_links().await;
    }
    let directory = parts.directory.load();
    pb::LinksResponse {
        links: parts
            .broker
            .links()
            .into_iter()
            .map(|state| link(state, &directory))
            .collect(),
    }
}

/// The own node.
pub(super) async fn status(
    desk: &DeskService,
    permit: &Permit,
) -> Result<pb::StatusResponse, Status> {
    let parts = desk.parts();
    let now = parts.clock.now();
    let directory = parts.directory.load_full();
    let (inbox_unopened, inbox_unopened_exercise, incidents) = parts
        .store
        .read(|ledger| {
            let exercise = ledger.unopened_exercise_count();
            (ledger.unopened_count(), exercise, ledger.incidents())
        })
        .await
        .map_err(|error| store_failed(&error))?;
    let links = parts.broker.links();
    let waiting: Vec<_> = links.iter().map(|link| link.waiting).collect();
    let (journal_entries, root) = parts.store.log_head();
    let figures = parts.store.figures();
    let standing = directory.standing(now);
    let expiries = (parts.expiries)();
    let mut alarms = alarms(&incidents, standing, parts.store.has_room());
    alarms.extend(missing(&parts.store.loss(), &parts.broker.reclaiming()));
    alarms.extend(expiries.iter().filter_map(|expiry| expiry.alarm(now)));
    let loaded = (parts.loaded)();
    alarms.extend(loaded.iter().filter_map(Loaded::alarm));
    let ways = parts.calling.ways();
    alarms.extend(ways.iter().filter_map(calls::alarm));
    Ok(pb::StatusResponse {
        authority: parts.authority.to_string(),
        federation: directory.federation().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_us: parts.started_at.as_micros(),
        journal_entries,
        journal_bytes: figures.bytes,
        journal_root: root.to_vec(),
        view_lag: figures.view_lag_entries,
        directory_version: directory.version(),
        directory_standing: standing_name(standing).to_owned(),
        expiries: expiries.into_iter().map(expiry_line).collect(),
        alarms,
        inbox_unopened,
        inbox_unopened_exercise,
        outbox_queued: waiting.iter().map(|it| it.queued).sum(),
        outbox_queued_exercise: waiting.iter().map(|it| it.drills).sum(),
        caller_uri: permit.uri.to_string(),
        loaded: loaded.into_iter().map(loaded_line).collect(),
        calls: ways.into_iter().map(calls::way).collect(),
        offers: offers::count(desk).await?,
    })
}

/// The stable lower-case name of a standing.
const fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Fresh => "fresh",
        Standing::Stale => "stale",
        Standing::Grace => "grace",
        Standing::Closed => "closed",
    }
}

fn loaded_line(loaded: Loaded) -> pb::Loaded {
    let refused = loaded.refused;
    pb::Loaded {
        what: loaded.what.to_owned(),
        version: loaded.version,
        at_us: loaded.at.as_micros(),
        refused_us: refused.as_ref().map_or(0, |it| it.since.as_micros()),
        refused: refused.map_or_else(String::new, |it| it.why),
    }
}

fn expiry_line(expiry: Expiry) -> pb::Expiry {
    pb::Expiry {
        what: expiry.what,
        at_us: expiry.at.as_micros(),
    }
}

/// What a person must look at, in reasons and authorities.
fn alarms(incidents: &[(Timestamp, Event)], standing: Standing, has_room: bool) -> Vec<String> {
    let mut alarms = Vec::new();
    if standing != Standing::Fresh {
        alarms.push(format!("the directory is {}", standing_name(standing)));
    }
    if !has_room {
        alarms.push("STORE_FULL: nothing new is accepted".to_owned());
    }
    for (at, event) in incidents {
        if let Event::Incident { peer, reason, .. } = event {
            let peer = peer.map_or_else(String::new, |peer| format!(" by {peer}"));
            alarms.push(format!("{reason}{peer} at {at}"));
        }
    }
    alarms
}

/// What was lost, and how far asking for it has come.
fn missing(loss: &Loss, asking: &ReclaimState) -> Option<String> {
    if loss.missing.is_empty() && asking.waiting.is_empty() {
        return None;
    }
    let waiting: Vec<&str> = asking.waiting.iter().map(AuthorityId::as_str).collect();
    let asked = match waiting.is_empty() {
        true => "all partners were asked".to_owned(),
        false => format!("not asked yet: {}", waiting.join(", ")),
    };
    let first = loss.missing.iter().take(MISSING_SHOWN);
    let mut shown: Vec<String> = first.map(|entry| entry.index.to_string()).collect();
    if loss.missing.len() > MISSING_SHOWN {
        shown.push("...".to_owned());
    }
    let entries = match shown.is_empty() {
        true => String::new(),
        false => format!(" ({})", shown.join(", ")),
    };
    Some(format!(
        "{}: {} entries are missing{entries}; given back since the start: {}; {asked}",
        Reason::EntryMissing,
        loss.missing.len(),
        asking.regained
    ))
}

/// Missing entries that are named one by one.
const MISSING_SHOWN: usize = 8;

fn link(state: LinkState, directory: &Directory) -> pb::Link {
    let member = directory.member(&state.authority);
    pb::Link {
        authority: state.authority.to_string(),
        name: member.map_or_else(String::new, |member| member.name.clone()),
        lanes: state.lanes.into_iter().map(lane).collect(),
        queued: state.waiting.queued,
        queued_exercise: state.waiting.drills,
        oldest_queued_us: state
            .waiting
            .oldest
            .and_then(|at| u64::try_from(at.as_micros()).ok())
            .unwrap_or_default(),
        healthy: state.healthy,
        reason: state
            .reason
            .map_or_else(String::new, |reason| reason.to_string()),
        last_receipt_us: micros(state.last_receipt),
        contact: member.map_or_else(String::new, |member| member.contact.clone()),
        clock_offset_ms: state.clock_offset_ms,
    }
}

fn lane(state: LaneState) -> pb::LaneState {
    pb::LaneState {
        lane: state.lane.name().to_owned(),
        up: state.up,
        reason: state
            .reason
            .map_or_else(String::new, |reason| reason.to_string()),
        since_us: state.since.as_micros(),
        failures: state.failures,
        next_try_us: micros(state.next_try),
        peer_uri: state.peer_uri,
        key_exchange: state.key_exchange,
    }
}

fn micros(time: Option<Timestamp>) -> i64 {
    time.map_or(0, Timestamp::as_micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::journal::MissingEntry;

    #[test]
    fn what_is_missing_is_named_with_who_was_not_asked_yet() {
        let none = ReclaimState::default();
        assert_eq!(missing(&Loss::default(), &none), None);
        let entry = |index| MissingEntry {
            index,
            header: None,
        };
        let loss = Loss {
            missing: (3..12).map(entry).collect(),
            ..Loss::default()
        };
        let asking = ReclaimState {
            waiting: ["XB-POL".parse().unwrap()].into(),
            regained: 2,
        };
        assert_eq!(
            missing(&loss, &asking).unwrap(),
            "ENTRY_MISSING: 9 entries are missing (3, 4, 5, 6, 7, 8, 9, 10, ...); given back since the start: 2; not \
             asked yet: XB-POL"
        );
        let all = missing(&loss, &none).unwrap();
        assert!(all.ends_with("all partners were asked"), "{all}");
    }

    #[test]
    fn everything_wrong_is_an_alarm_and_nothing_else() {
        assert!(alarms(&[], Standing::Fresh, true).is_empty());
        let incident = Event::Incident {
            peer: "XB-POL".parse().ok(),
            statement: None,
            reason: Reason::DirectoryFork,
            leaf: None,
        };
        let at = Timestamp::from_micros(0);
        assert_eq!(
            alarms(&[(at, incident)], Standing::Grace, false),
            [
                "the directory is grace",
                "STORE_FULL: nothing new is accepted",
                "DIRECTORY_FORK by XB-POL at 1970-01-01T00:00:00Z",
            ]
        );
    }
}
