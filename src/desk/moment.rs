//! What a line of a list is made with beside its record: ourselves, the time, and how the links are right now.
//!
//! The way in is [`Moment::of`]. It says why a delivery waits; it must never say of one that is settled.

use crate::{
    delivery::{LaneState, LinkState, UnderWay},
    domain::{id::AuthorityId, reason::Reason, routing::Lane, time::Timestamp, transfer::Channel},
    store::record::MessageRecord,
};

use super::DeskParts;

/// One look at clock and links: every line of an answer tells of the same moment.
pub(super) struct Moment {
    pub(super) own: AuthorityId,
    pub(super) now: Timestamp,
    links: Vec<LinkState>,
    under_way: UnderWay,
    suspended: Vec<AuthorityId>,
    off_network: Vec<(AuthorityId, Channel)>,
}

/// Why a queued delivery is not delivered yet, and after how many attempts in a row that brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// `None`: its lane is well, and it is under way.
    pub(super) reason: Option<Reason>,
    /// Of its lane, or of the statement itself where it has failed by itself.
    pub(super) attempts: u32,
}

impl Moment {
    /// Now.
    pub(super) fn of(parts: &DeskParts) -> Self {
        let directory = parts.directory.load();
        let suspended = directory.members().filter(|member| member.suspended);
        let off_network = directory.members();
        let off_network = off_network.filter_map(|it| Some((it.id, it.off_network?)));
        Self {
            off_network: off_network.collect(),
            suspended: suspended.map(|member| member.id).collect(),
            own: parts.authority,
            now: parts.clock.now(),
            links: parts.broker.links(),
            under_way: parts.broker.under_way(),
        }
    }

    #[cfg(test)]
    pub(super) fn at(own: AuthorityId, now: Timestamp, links: Vec<LinkState>) -> Self {
        Self {
            own,
            now,
            links,
            under_way: UnderWay::default(),
            suspended: Vec::new(),
            off_network: Vec::new(),
        }
    }

    /// How what is for this recipient is carried there, when it runs no node.
    pub(super) fn channel(&self, recipient: &AuthorityId) -> Option<Channel> {
        let mut known = self.off_network.iter();
        known
            .find(|(authority, _)| authority == recipient)
            .map(|(_, channel)| *channel)
    }

    /// Since when this statement is under way to this recipient, without a result.
    pub(super) fn sent_at(
        &self,
        record: &MessageRecord,
        recipient: &AuthorityId,
    ) -> Option<Timestamp> {
        let lane = Lane::of(record.kind, record.priority);
        self.under_way.since(&record.statement, recipient, lane)
    }

    /// Why this statement waits on its way to this recipient.
    pub(super) fn wait(&self, record: &MessageRecord, recipient: &AuthorityId) -> Wait {
        let lane = Lane::of(record.kind, record.priority);
        let link = self.links.iter().find(|link| link.authority == *recipient);
        let Some(link) = link else {
            // Lanes are kept to active members only.
            let reason = if self.suspended.contains(recipient) {
                Reason::PeerSuspended
            } else {
                Reason::PeerUnknown
            };
            return Wait {
                reason: Some(reason),
                attempts: 0,
            };
        };
        match link.lanes.iter().find(|state| state.lane == lane) {
            None => Wait {
                reason: Some(Reason::Unreachable),
                attempts: 0,
            },
            Some(state) => Wait {
                reason: trouble(state, link.reason),
                attempts: state.failures,
            },
        }
    }
}

/// What is wrong with a lane. One that stands may still bring nothing: only the link as a whole says so.
fn trouble(lane: &LaneState, link: Option<Reason>) -> Option<Reason> {
    if lane.up {
        lane.reason
            .or(link.filter(|reason| *reason == Reason::Quiet))
    } else {
        Some(lane.reason.unwrap_or(Reason::Unreachable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desk::testing::own_alert, domain::routing::Priority};

    fn lane(lane: Lane, up: bool, reason: Option<Reason>, failures: u32) -> LaneState {
        LaneState {
            lane,
            up,
            reason,
            since: Timestamp::default(),
            failures,
            next_try: None,
            peer_uri: String::new(),
            key_exchange: String::new(),
        }
    }

    /// What a queued delivery to XB-POL is told, when its fast lane and the link are so.
    fn told(fast: LaneState, link: Option<Reason>) -> Wait {
        let record = own_alert(Priority::Flash);
        let link = LinkState {
            authority: "XB-POL".parse().expect("legal id"),
            lanes: vec![fast, lane(Lane::Bulk, false, Some(Reason::WrongPeer), 9)],
            waiting: <_>::default(),
            healthy: link.is_none(),
            reason: link,
            last_receipt: None,
            clock_offset_ms: 0,
        };
        let moment = Moment::at(record.statement.origin, record.recorded_at, vec![link]);
        moment.wait(&record, &record.deliveries[0].recipient)
    }

    #[test]
    fn a_lane_that_is_down_gives_its_reason_and_attempts_and_one_that_is_well_gives_none() {
        let down = lane(Lane::Fast, false, Some(Reason::TlsRefused), 3);
        let wait = told(down, Some(Reason::TlsRefused));
        assert_eq!(wait.reason, Some(Reason::TlsRefused));
        assert_eq!(wait.attempts, 3);

        let well = told(lane(Lane::Fast, true, None, 0), Some(Reason::WrongPeer));
        assert_eq!(well.reason, None, "the other lane is not its lane");
        let quiet = told(lane(Lane::Fast, true, None, 0), Some(Reason::Quiet));
        assert_eq!(quiet.reason, Some(Reason::Quiet));
    }

    #[test]
    fn a_recipient_to_whom_no_lane_is_kept_is_unknown_or_suspended() {
        let record = own_alert(Priority::Flash);
        let moment = Moment::at(record.statement.origin, record.recorded_at, Vec::new());
        let wait = moment.wait(&record, &record.deliveries[0].recipient);
        assert_eq!(wait.reason, Some(Reason::PeerUnknown));
        let suspended = Moment {
            suspended: vec![record.deliveries[0].recipient],
            ..moment
        };
        let wait = suspended.wait(&record, &record.deliveries[0].recipient);
        assert_eq!(wait.reason, Some(Reason::PeerSuspended));
    }
}
