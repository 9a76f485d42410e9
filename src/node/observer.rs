//! What listeners see and people should know: counted always, told and journaled at a bounded rate.
//!
//! Anybody can make a handshake fail as often as they like, and a partner can greet as often: neither may fill
//! the log or the journal (invariant I9).

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::metrics::Metrics;
use crate::{
    delivery::Broker,
    domain::{
        id::AuthorityId,
        limits::{HANDSHAKE_LINES_MAX, HANDSHAKE_LINES_WINDOW},
        reason::Reason,
        time::Clock,
    },
    exchange::ExchangeObserver,
    store::{Store, event::Event},
    trust::tls::HandshakeObserver,
};

/// The listener for other authorities.
pub(super) const EXCHANGE: &str = "exchange";

/// Counts, tells and journals what one listener observes.
pub(super) struct Observer {
    listener: &'static str,
    metrics: Metrics,
    broker: Broker,
    store: Store,
    clock: Arc<dyn Clock>,
    lines: Mutex<Lines>,
    pauses: Mutex<Lines>,
}

impl Observer {
    pub(super) fn new(
        listener: &'static str,
        metrics: Metrics,
        broker: Broker,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            listener,
            metrics,
            broker,
            store,
            clock,
            lines: Mutex::default(),
            pauses: Mutex::default(),
        }
    }

    fn journal(&self, event: Event) {
        let now = self.clock.now();
        let plan = self.store.decide(|ledger| {
            ledger.record(now, event);
        });
        tokio::spawn(async move {
            if let Err(error) = plan.commit().await {
                tracing::error!(%error, "what a partner did could not be journaled");
            }
        });
    }

    /// Something that people must look at, journaled at most once in its time for each partner and reason, whoever
    /// else has seen it.
    pub(super) fn incident(&self, peer: Option<AuthorityId>, reason: Reason) {
        if !self.broker.alarm_is_due(peer, reason) {
            return;
        }
        match peer {
            Some(peer) => tracing::error!(%peer, %reason, "a partner's word alarms"),
            None => tracing::error!(%reason, "the node alarms"),
        }
        self.journal(Event::Incident {
            peer,
            statement: None,
            reason,
            leaf: None,
        });
    }
}

impl HandshakeObserver for Observer {
    fn refused(&self, remote: SocketAddr, why: &str) {
        self.metrics.handshake_refused(self.listener);
        let listener = self.listener;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.next(self.clock.monotonic()) {
            Line::HeldBack => {}
            Line::Tell { held_back } => {
                if held_back > 0 {
                    tracing::warn!(listener, held_back, "more connections were refused");
                }
                tracing::warn!(listener, %remote, why, "a connection was refused");
            }
        }
    }

    /// Journaled like any refusal of a partner's; what our own staff's programs do is only told.
    fn put_out(&self, remote: SocketAddr, authority: AuthorityId, reason: Reason, why: &str) {
        self.refused(remote, why);
        if self.listener == EXCHANGE {
            let broker = self.broker.clone();
            tokio::spawn(async move { broker.refused(authority, reason).await });
        }
    }

    fn paused(&self, why: &io::Error) {
        self.metrics.accept_paused(self.listener);
        let listener = self.listener;
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Tell { held_back } = pauses.next(self.clock.monotonic()) {
            tracing::error!(
                listener,
                held_back,
                error = %why,
                "no connection can be accepted: raise the limit of open files, or look who holds them"
            );
        }
    }
}

impl ExchangeObserver for Observer {
    fn alarming_greeting(&self, peer: AuthorityId, reason: Reason) {
        self.incident(Some(peer), reason);
    }
}

/// Lines of one kind, so many in a window of time.
#[derive(Debug, Default)]
struct Lines {
    begun: Duration,
    told: u32,
    held_back: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// To be told, after how many that were not.
    Tell {
        held_back: u64,
    },
    HeldBack,
}

impl Lines {
    fn next(&mut self, monotonic: Duration) -> Line {
        let mut held_back = 0;
        if monotonic.saturating_sub(self.begun) >= HANDSHAKE_LINES_WINDOW {
            held_back = std::mem::take(&mut self.held_back);
            self.begun = monotonic;
            self.told = 0;
        }
        if self.told >= HANDSHAKE_LINES_MAX {
            self.held_back = self.held_back.saturating_add(1);
            return Line::HeldBack;
        }
        self.told += 1;
        Line::Tell { held_back }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_rate_and_what_was_held_back_is_counted() {
        let mut lines = Lines::default();
        let at = Duration::from_secs(1000);
        for _ in 0..HANDSHAKE_LINES_MAX {
            assert_eq!(lines.next(at), Line::Tell { held_back: 0 });
        }
        for _ in 0..7 {
            assert_eq!(lines.next(at), Line::HeldBack);
        }
        let later = at + HANDSHAKE_LINES_WINDOW;
        assert_eq!(lines.next(later), Line::Tell { held_back: 7 });
        assert_eq!(lines.next(later), Line::Tell { held_back: 0 });
    }
}
