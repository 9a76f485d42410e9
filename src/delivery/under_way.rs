//! What stands in open streams without a result: shown as *sent*, and nothing hangs on it.
//!
//! The way in is [`UnderWay::since`]. In memory only: after a restart nothing is under way. Must never outlast its
//! stream.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::{
    id::{AuthorityId, StatementRef},
    routing::Lane,
    time::Timestamp,
};

/// Frames under way to every partner, as many as its windows allow. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<Streams>>);

type Streams = BTreeMap<(AuthorityId, Lane), Frames>;
/// By the number that a frame has in its stream.
type Frames = BTreeMap<u64, Frame>;

#[derive(Debug)]
struct Frame {
    sent_at: Timestamp,
    statements: Vec<StatementRef>,
}

impl UnderWay {
    /// Since when a statement is under way to a recipient; `None` when it is not.
    #[must_use]
    pub fn since(
        &self,
        statement: &StatementRef,
        recipient: &AuthorityId,
        lane: Lane,
    ) -> Option<Timestamp> {
        let streams = self.lock();
        let mut frames = streams.get(&(*recipient, lane))?.values();
        frames
            .find(|frame| frame.statements.contains(statement))
            .map(|frame| frame.sent_at)
    }

    /// A frame left.
    pub(super) fn sent(
        &self,
        to: (AuthorityId, Lane),
        number: u64,
        sent_at: Timestamp,
        statements: Vec<StatementRef>,
    ) {
        let frame = Frame {
            sent_at,
            statements,
        };
        self.lock().entry(to).or_default().insert(number, frame);
    }

    /// What was said of a frame is kept.
    pub(super) fn settled(&self, to: (AuthorityId, Lane), number: u64) {
        if let Some(frames) = self.lock().get_mut(&to) {
            frames.remove(&number);
        }
    }

    /// The stream ended.
    pub(super) fn ended(&self, to: (AuthorityId, Lane)) {
        self.lock().remove(&to);
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::MessageId;

    #[test]
    fn a_statement_is_under_way_from_its_frame_to_its_result_or_the_end_of_the_stream() {
        let under_way = UnderWay::default();
        let peer: AuthorityId = "XB-POL".parse().expect("legal id");
        let statement = |number| StatementRef {
            origin: "XA-POL".parse().expect("legal id"),
            id: MessageId::from_parts(number, [0; 10]),
        };
        let (at, bulk) = (Timestamp::from_micros(7), (peer, Lane::Bulk));
        under_way.sent(bulk, 1, at, vec![statement(1), statement(2)]);
        under_way.sent(bulk, 2, at, vec![statement(3)]);
        let seen = |number, lane| under_way.since(&statement(number), &peer, lane);
        assert_eq!(seen(2, Lane::Bulk), Some(at));
        assert_eq!(seen(2, Lane::Fast), None);
        assert_eq!(seen(4, Lane::Bulk), None);
        under_way.settled(bulk, 1);
        assert_eq!(seen(2, Lane::Bulk), None);
        assert_eq!(seen(3, Lane::Bulk), Some(at));
        under_way.ended(bulk);
        assert_eq!(seen(3, Lane::Bulk), None);
    }
}
