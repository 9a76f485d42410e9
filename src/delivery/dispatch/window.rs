//! What is under way on one stream without a result: bounded in statements and bytes.
//!
//! The way in is [`Window`]. Must never forget a frame before its result came or its stream ended.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    delivery::link::LinkLimits,
    domain::{
        id::StatementRef,
        limits::{
            BULK_WINDOW_MAX_BYTES, BULK_WINDOW_MAX_STATEMENTS, FRAME_MAX_BYTES,
            FRAME_MAX_STATEMENTS, WINDOW_MAX_BYTES, WINDOW_MAX_STATEMENTS,
        },
        receipt::LeafHash,
        routing::Lane,
    },
    store::record::Ordinal,
};

/// One statement under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delivery) struct Sent {
    pub(in crate::delivery) ordinal: Ordinal,
    pub(in crate::delivery) statement: StatementRef,
    pub(in crate::delivery) leaf: LeafHash,
}

/// One frame under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) statements: Vec<Sent>,
    pub(super) bytes: usize,
    /// Monotonic.
    pub(super) sent_at: Duration,
}

/// Frames under way on one stream, by number.
#[derive(Debug)]
pub(super) struct Window {
    max_statements: usize,
    max_bytes: usize,
    statements: usize,
    bytes: usize,
    flights: BTreeMap<u64, Flight>,
}

/// Caps of one frame: ours and the partner's, whichever is lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameCaps {
    pub(super) statements: usize,
    pub(super) bytes: usize,
}

impl FrameCaps {
    /// What both sides allow; never nothing.
    pub(super) fn agreed(theirs: &LinkLimits) -> Self {
        Self {
            statements: lower(FRAME_MAX_STATEMENTS, theirs.statements_per_frame),
            bytes: lower(FRAME_MAX_BYTES, theirs.bytes_per_frame),
        }
    }
}

fn lower(ours: usize, theirs: u32) -> usize {
    ours.min(usize::try_from(theirs).unwrap_or(usize::MAX))
        .max(1)
}

impl Window {
    /// A window that both sides allow.
    pub(super) fn agreed(lane: Lane, theirs: &LinkLimits) -> Self {
        let (statements, bytes) = match lane {
            Lane::Fast => (WINDOW_MAX_STATEMENTS, WINDOW_MAX_BYTES),
            Lane::Bulk => (BULK_WINDOW_MAX_STATEMENTS, BULK_WINDOW_MAX_BYTES),
        };
        Self {
            max_statements: lower(statements, theirs.window_statements),
            max_bytes: lower(bytes, theirs.window_bytes),
            statements: 0,
            bytes: 0,
            flights: BTreeMap::new(),
        }
    }

    /// True when a frame of this size may be sent now. An empty window takes any frame.
    pub(super) fn has_room(&self, statements: usize, bytes: usize) -> bool {
        self.flights.is_empty()
            || (self.statements + statements <= self.max_statements
                && self.bytes + bytes <= self.max_bytes)
    }

    /// A frame left.
    pub(super) fn sent(&mut self, number: u64, flight: Flight) {
        self.statements += flight.statements.len();
        self.bytes += flight.bytes;
        self.flights.insert(number, flight);
    }

    /// Its result came; `None` when no such frame is under way.
    pub(super) fn settle(&mut self, number: u64) -> Option<Flight> {
        let flight = self.flights.remove(&number)?;
        self.statements -= flight.statements.len();
        self.bytes -= flight.bytes;
        Some(flight)
    }

    /// When the oldest frame under way left.
    pub(super) fn oldest_sent_at(&self) -> Option<Duration> {
        self.flights.values().map(|flight| flight.sent_at).min()
    }

    /// The oldest frame under way: on which a broken stream ended.
    pub(super) fn oldest(&self) -> Option<&Flight> {
        self.flights.values().next()
    }

    /// True when nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(window_statements: u32, window_bytes: u32) -> LinkLimits {
        LinkLimits {
            statements_per_frame: 10,
            bytes_per_frame: 1000,
            bytes_per_statement: 1000,
            window_statements,
            window_bytes,
        }
    }
    fn flight(statements: u64, bytes: usize, sent_at: u64) -> Flight {
        let sent = |ordinal| Sent {
            ordinal,
            statement: StatementRef {
                origin: "XA-POL".parse().unwrap(),
                id: crate::domain::id::MessageId::from_parts(ordinal, [0; 10]),
            },
            leaf: LeafHash([0; 32]),
        };
        Flight {
            statements: (0..statements).map(sent).collect(),
            bytes,
            sent_at: Duration::from_secs(sent_at),
        }
    }

    #[test]
    fn fills_to_the_lower_cap_and_opens_again_with_results() {
        let mut window = Window::agreed(Lane::Fast, &limits(10, 1000));
        assert!(window.has_room(99, 99_999), "one frame always fits alone");
        window.sent(1, flight(6, 500, 7));
        assert!(window.has_room(4, 500));
        assert!(!window.has_room(5, 500));
        assert!(!window.has_room(4, 501));
        window.sent(2, flight(4, 500, 8));
        assert_eq!(window.oldest_sent_at(), Some(Duration::from_secs(7)));
        assert!(window.settle(3).is_none());
        assert_eq!(window.settle(1).unwrap().statements.len(), 6);
        assert!(window.settle(1).is_none(), "a result counts once");
        assert!(window.has_room(6, 500));
        assert!(!window.is_empty());
    }

    #[test]
    fn bulk_keeps_less_under_way_than_fast() {
        let bulk = Window::agreed(Lane::Bulk, &limits(u32::MAX, u32::MAX));
        let fast = Window::agreed(Lane::Fast, &limits(u32::MAX, u32::MAX));
        assert_eq!(bulk.max_bytes, BULK_WINDOW_MAX_BYTES);
        assert_eq!(fast.max_bytes, WINDOW_MAX_BYTES);
    }
}
