//! What is known of every partner link: for ops, and for deciding whether clocks can be relied on.
//!
//! The way in is [`LinkTable`]. Must never show a link as healthy on the strength of a connection alone: only a
//! receipt or a heartbeat within the last minute counts (invariant I7).

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::verdict::Clocks;
use crate::domain::{
    id::AuthorityId,
    limits::{CLOCK_TOLERANCE, LINK_QUIET_AFTER},
    reason::Reason,
    routing::Lane,
    time::Timestamp,
};

/// What ops sees of one partner.
#[derive(Debug, Clone)]
pub struct LinkState {
    /// Who.
    pub authority: AuthorityId,
    /// Fast, then bulk.
    pub lanes: Vec<LaneState>,
    /// What waits for delivery, in both lanes.
    pub waiting: Waiting,
    /// A receipt or heartbeat came through every lane within the last minute.
    pub healthy: bool,
    /// Why not.
    pub reason: Option<Reason>,
    /// When the last receipt became durable here.
    pub last_receipt: Option<Timestamp>,
    /// Partner's clock at the last greeting, run on, minus ours; milliseconds.
    pub clock_offset_ms: i64,
}

/// Statements that wait for one partner; what is no more than a drill is counted apart (invariant I10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Of status `actual`.
    pub queued: u64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
    /// Exercises, tests, and what systems say to each other.
    pub drills: u64,
}

/// One of the two connections.
#[derive(Debug, Clone)]
pub struct LaneState {
    /// Which.
    pub lane: Lane,
    /// The greeting was answered and the stream stands.
    pub up: bool,
    /// Why it is not up, or not well.
    pub reason: Option<Reason>,
    /// Since when it is so.
    pub since: Timestamp,
    /// Attempts in a row that brought nothing.
    pub failures: u32,
    /// When it is dialled again.
    pub next_try: Option<Timestamp>,
    /// SAN URI seen in the handshake.
    pub peer_uri: String,
    /// Key exchange of the handshake.
    pub key_exchange: String,
}

/// All partners.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    partners: Mutex<BTreeMap<AuthorityId, Partner>>,
}

#[derive(Debug)]
struct Partner {
    lanes: BTreeMap<Lane, LaneView>,
    waiting: Waiting,
    last_receipt: Option<Timestamp>,
    clock: Option<PartnerClock>,
    forked: bool,
}

/// A partner's clock at its last greeting, against our own time that never jumps: so a jump of our wall clock after
/// the greeting shows, too.
#[derive(Debug, Clone, Copy)]
struct PartnerClock {
    showed: Timestamp,
    at: Duration,
}

impl PartnerClock {
    /// The partner's clock minus ours, in milliseconds, as both stand now.
    fn offset_ms(self, now: Timestamp, monotonic: Duration) -> i64 {
        let theirs = self.showed.plus(monotonic.saturating_sub(self.at));
        theirs.as_micros().saturating_sub(now.as_micros()) / 1000
    }
}

#[derive(Debug)]
struct LaneView {
    state: LaneState,
    /// Monotonic time at which a receipt or heartbeat last came through.
    proved: Option<Duration>,
}

impl LinkTable {
    /// Begins to show a partner, with both lanes down.
    pub(super) fn add(&self, peer: AuthorityId, now: Timestamp) {
        let lane = |lane| LaneView {
            state: LaneState {
                lane,
                up: false,
                reason: Some(Reason::Unreachable),
                since: now,
                failures: 0,
                next_try: None,
                peer_uri: String::new(),
                key_exchange: String::new(),
            },
            proved: None,
        };
        self.lock().entry(peer).or_insert_with(|| Partner {
            lanes: [Lane::Fast, Lane::Bulk].map(|l| (l, lane(l))).into(),
            waiting: Waiting::default(),
            last_receipt: None,
            clock: None,
            forked: false,
        });
    }

    /// Shows a partner no more.
    pub(super) fn remove(&self, peer: &AuthorityId) {
        self.lock().remove(peer);
    }

    /// A greeting was answered.
    pub(super) fn up(
        &self,
        peer: &AuthorityId,
        lane: Lane,
        now: Timestamp,
        uri: &str,
        key_exchange: &str,
    ) {
        self.with_lane(peer, lane, |view| {
            view.proved = None;
            view.state.up = true;
            view.state.reason = None;
            view.state.since = now;
            view.state.next_try = None;
            uri.clone_into(&mut view.state.peer_uri);
            key_exchange.clone_into(&mut view.state.key_exchange);
        });
    }

    /// A lane broke, or did not come up.
    pub(super) fn down(
        &self,
        peer: &AuthorityId,
        lane: Lane,
        now: Timestamp,
        reason: Reason,
        failures: u32,
        wait: Duration,
    ) {
        self.with_lane(peer, lane, |view| {
            if view.state.up || view.state.reason != Some(reason) {
                view.state.since = now;
            }
            view.state.up = false;
            view.state.reason = Some(reason);
            view.state.failures = failures;
            view.state.next_try = Some(now.plus(wait));
        });
    }

    /// A receipt or heartbeat came through.
    pub(super) fn proved(&self, peer: &AuthorityId, lane: Lane, monotonic: Duration) {
        self.with_lane(peer, lane, |view| {
            view.proved = Some(monotonic);
            view.state.failures = 0;
        });
    }

    /// A receipt is durable here.
    pub(super) fn receipted(&self, peer: &AuthorityId, now: Timestamp) {
        if let Some(partner) = self.lock().get_mut(peer) {
            partner.last_receipt = Some(now);
        }
    }

    /// What waits for a partner.
    pub(super) fn waits(&self, peer: &AuthorityId, waiting: Waiting) {
        if let Some(partner) = self.lock().get_mut(peer) {
            partner.waiting = waiting;
        }
    }

    /// What a greeting said: the partner's clock, and whether its directory is ours.
    pub(super) fn greeted(
        &self,
        peer: &AuthorityId,
        showed: Timestamp,
        monotonic: Duration,
        fork: Fork,
    ) {
        self.showed_clock(peer, showed, monotonic);
        if let Some(partner) = self.lock().get_mut(peer) {
            partner.forked = fork == Fork::Seen;
        }
    }

    /// A partner's clock, whoever of us greeted first.
    pub(super) fn showed_clock(&self, peer: &AuthorityId, showed: Timestamp, monotonic: Duration) {
        if let Some(partner) = self.lock().get_mut(peer) {
            let at = monotonic;
            partner.clock = Some(PartnerClock { showed, at });
        }
    }

    /// How our clock compares with one partner's. Until it was compared it is not relied on: a node may have
    /// started with a wrong one.
    pub(super) fn clocks(&self, peer: &AuthorityId, now: Timestamp, monotonic: Duration) -> Clocks {
        let clock = self.lock().get(peer).and_then(|partner| partner.clock);
        clock.map_or(Clocks::Differ, |clock| {
            let apart = clock.offset_ms(now, monotonic).unsigned_abs();
            Clocks::of(Duration::from_millis(apart))
        })
    }

    /// Whether our own clock is doubtful: it differs from at least half of the partners that we compared with, or
    /// was compared with none.
    pub(super) fn own_clock(&self, now: Timestamp, monotonic: Duration) -> Clocks {
        let offsets: Vec<i64> = self
            .lock()
            .values()
            .filter_map(|partner| partner.clock)
            .map(|clock| clock.offset_ms(now, monotonic))
            .collect();
        own_clock(&offsets)
    }

    /// All links, as ops sees them.
    pub(super) fn states(&self, now: Timestamp, monotonic: Duration) -> Vec<LinkState> {
        self.lock()
            .iter()
            .map(|(authority, partner)| partner.state(*authority, now, monotonic))
            .collect()
    }

    fn with_lane(&self, peer: &AuthorityId, lane: Lane, change: impl FnOnce(&mut LaneView)) {
        if let Some(view) = self
            .lock()
            .get_mut(peer)
            .and_then(|partner| partner.lanes.get_mut(&lane))
        {
            change(view);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, Partner>> {
        self.partners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a partner names our directory version with another content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fork {
    /// It does.
    Seen,
    /// It does not.
    None,
}

impl Partner {
    fn state(&self, authority: AuthorityId, now: Timestamp, monotonic: Duration) -> LinkState {
        let fault = self
            .lanes
            .values()
            .find_map(|view| fault(&view.state, view.proved, monotonic))
            .or(self.forked.then_some(Reason::DirectoryFork));
        LinkState {
            authority,
            // Fast first, as people look for it first.
            lanes: self.lanes.values().map(|view| view.state.clone()).collect(),
            waiting: self.waiting,
            healthy: fault.is_none(),
            reason: fault,
            last_receipt: self.last_receipt,
            clock_offset_ms: self
                .clock
                .map_or(0, |clock| clock.offset_ms(now, monotonic)),
        }
    }
}

/// Why a lane is not healthy.
fn fault(state: &LaneState, proved: Option<Duration>, monotonic: Duration) -> Option<Reason> {
    if !state.up {
        return Some(state.reason.unwrap_or(Reason::Unreachable));
    }
    match proved {
        Some(at) if monotonic.saturating_sub(at) <= LINK_QUIET_AFTER => state.reason,
        _ => Some(Reason::Quiet),
    }
}

fn own_clock(offsets_ms: &[i64]) -> Clocks {
    let tolerance_ms = CLOCK_TOLERANCE.as_millis();
    let apart = offsets_ms
        .iter()
        .filter(|offset| u128::from(offset.unsigned_abs()) > tolerance_ms)
        .count();
    if apart * 2 >= offsets_ms.len() {
        Clocks::Differ
    } else {
        Clocks::Agree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn lane(up: bool) -> LaneState {
        LaneState {
            lane: Lane::Fast,
            up,
            reason: (!up).then_some(Reason::TlsRefused),
            since: Timestamp::default(),
            failures: 0,
            next_try: None,
            peer_uri: String::new(),
            key_exchange: String::new(),
        }
    }

    #[test]
    fn only_a_recent_proof_makes_a_lane_healthy() {
        let at = Duration::from_secs(1000);
        let cases = [
            (lane(true), Some(at - MINUTE), None),
            (
                lane(true),
                Some(at - MINUTE - Duration::from_micros(1)),
                Some(Reason::Quiet),
            ),
            (lane(true), None, Some(Reason::Quiet)),
            (lane(false), Some(at), Some(Reason::TlsRefused)),
        ];
        for (state, proved, expected) in cases {
            assert_eq!(fault(&state, proved, at), expected, "{proved:?}");
        }
    }

    #[test]
    fn a_jump_of_our_clock_after_the_greeting_shows() {
        let (peer, table) = ("XB-POL".parse().unwrap(), LinkTable::default());
        let (then, at) = (Timestamp::from_micros(1_000_000), Duration::from_secs(50));
        table.add(peer, then);
        assert_eq!(table.own_clock(then, at), Clocks::Differ, "not compared");
        assert_eq!(table.clocks(&peer, then, at), Clocks::Differ);
        table.greeted(&peer, then, at, Fork::None);
        let later = MINUTE * 60;
        for (jump, expected) in [(MINUTE, Clocks::Agree), (MINUTE * 3, Clocks::Differ)] {
            let now = then.plus(later).plus(jump);
            assert_eq!(table.own_clock(now, at + later), expected, "{jump:?}");
            assert_eq!(table.clocks(&peer, now, at + later), expected, "{jump:?}");
        }
    }

    #[test]
    fn our_clock_is_doubted_when_half_of_the_partners_differ() {
        let cases: [(&[i64], Clocks); 6] = [
            (&[], Clocks::Differ),
            (&[5, -20], Clocks::Agree),
            (&[120_000], Clocks::Agree),
            (&[-120_001], Clocks::Differ),
            (&[0, 300_000], Clocks::Differ),
            (&[0, 0, 300_000], Clocks::Agree),
        ];
        for (offsets, expected) in cases {
            assert_eq!(own_clock(offsets), expected, "{offsets:?}");
        }
    }
}
