//! What people must look at, each told once (invariant I9): whoever sees it, and however often.
//!
//! The way in is [`Alarms::is_due`]. An alarm about a partner, or about the node, is told once in its time; an incident
//! about one statement is told once since the start. Must never fall silent: when too many incidents are remembered, the
//! next ones are told as alarms about their partner.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::domain::{
    id::{AuthorityId, StatementRef},
    limits::{ALARM_REPEAT_AFTER, INCIDENTS_TOLD_MAX},
    reason::Reason,
    receipt::LeafHash,
};

/// Something that a person must look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Incident {
    pub(super) peer: AuthorityId,
    pub(super) reason: Reason,
    pub(super) statement: Option<StatementRef>,
    pub(super) leaf: Option<LeafHash>,
}

/// What was told, and when. Bounded: by members and reasons, and by [`INCIDENTS_TOLD_MAX`].
#[derive(Debug, Default)]
pub(super) struct Alarms {
    /// When each alarm was told last (monotonic); of no partner: of the node itself.
    last: BTreeMap<(Option<AuthorityId>, Reason), Duration>,
    /// Incidents about statements.
    told: BTreeSet<Incident>,
}

impl Alarms {
    /// Whether this alarm is to be told now; it counts as told then.
    pub(super) fn is_due(
        &mut self,
        peer: Option<AuthorityId>,
        reason: Reason,
        monotonic: Duration,
    ) -> bool {
        let last = self.last.get(&(peer, reason));
        let due = last.is_none_or(|last| monotonic.saturating_sub(*last) >= ALARM_REPEAT_AFTER);
        if due {
            self.last.insert((peer, reason), monotonic);
        }
        due
    }

    /// The same for an incident, which may be about one statement.
    pub(super) fn incident_is_due(&mut self, incident: Incident, monotonic: Duration) -> bool {
        let about_a_statement = incident.statement.is_some() || incident.leaf.is_some();
        if about_a_statement && self.told.contains(&incident) {
            return false;
        }
        if about_a_statement && self.told.len() < INCIDENTS_TOLD_MAX {
            return self.told.insert(incident);
        }
        self.is_due(Some(incident.peer), incident.reason, monotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::MessageId;

    fn id(id: &str) -> AuthorityId {
        id.parse().expect("legal id")
    }

    #[test]
    fn each_partner_and_reason_is_told_once_in_its_time() {
        let mut alarms = Alarms::default();
        let at = Duration::from_secs(10);
        let hour = ALARM_REPEAT_AFTER;
        let mut due = |peer: &str, reason, at| alarms.is_due(Some(id(peer)), reason, at);
        assert!(due("XB-POL", Reason::ClockSkew, at));
        assert!(!due("XB-POL", Reason::ClockSkew, at + hour / 2));
        assert!(due("XB-POL", Reason::DirectoryFork, at));
        assert!(due("XC-POL", Reason::ClockSkew, at));
        assert!(due("XB-POL", Reason::ClockSkew, at + hour));
        assert!(alarms.is_due(None, Reason::ClockSkew, at));
        assert!(!alarms.is_due(None, Reason::ClockSkew, at));
    }

    fn about(number: u64) -> Incident {
        Incident {
            peer: id("XB-POL"),
            reason: Reason::ForgedReceipt,
            statement: Some(StatementRef {
                origin: id("XA-POL"),
                id: MessageId::from_parts(1_795_000_000_000 + number, [9; 10]),
            }),
            leaf: None,
        }
    }

    #[test]
    fn a_partners_incident_is_one_whichever_way_it_was_seen() {
        let mut alarms = Alarms::default();
        let forked = Incident {
            peer: id("XB-POL"),
            reason: Reason::DirectoryFork,
            statement: None,
            leaf: None,
        };
        assert!(alarms.incident_is_due(forked, Duration::ZERO));
        assert!(!alarms.is_due(Some(forked.peer), forked.reason, Duration::ZERO));
        assert!(alarms.is_due(Some(id("XC-POL")), forked.reason, Duration::ZERO));
        let other = Incident {
            peer: id("XC-POL"),
            ..forked
        };
        assert!(!alarms.incident_is_due(other, Duration::ZERO));
    }

    /// Verifies that a partner that makes incidents without end neither grows our memory nor silences what comes later.
    #[test]
    fn more_incidents_than_are_remembered_are_told_in_their_time() {
        let mut alarms = Alarms::default();
        let most = u64::try_from(INCIDENTS_TOLD_MAX).expect("a number");
        for number in 0..most {
            assert!(alarms.incident_is_due(about(number), Duration::ZERO));
            assert!(!alarms.incident_is_due(about(number), Duration::ZERO));
        }
        assert!(alarms.incident_is_due(about(most), Duration::ZERO));
        assert!(!alarms.incident_is_due(about(most + 1), Duration::ZERO));
        assert!(alarms.incident_is_due(about(most + 1), ALARM_REPEAT_AFTER));
        assert_eq!(alarms.told.len(), INCIDENTS_TOLD_MAX);
        let other = Incident {
            reason: Reason::IdConflict,
            ..about(0)
        };
        assert!(alarms.incident_is_due(other, Duration::ZERO));
    }
}
