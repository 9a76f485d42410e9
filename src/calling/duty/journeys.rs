//! Journeys that may touch an order: which alerts are to be read for it, and whether people were told of what was found.

use super::{Duty, is_called_for, of};
use crate::{
    calling::call::Due,
    domain::{
        call::CallKind,
        limits::CALLS_REMEMBERED_MAX,
        routing::{Effect, Routing},
        time::Timestamp,
    },
    store::{event::Event, ledger::Ledger, record::MessageRecord},
    wire::alert::Touched,
};

/// Alerts about one person, each with what its origin said, of which a journey may touch an order.
pub(in crate::calling) type Suspect = Vec<Vec<MessageRecord>>;

impl Duty {
    /// Alerts of which an event may have made a journey touch an order: of one person, each with what its origin said.
    pub(in crate::calling) fn suspects(
        event: &Event,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Option<Suspect> {
        let (Event::Accepted { routing, .. }
        | Event::Received { routing, .. }
        | Event::Carried { routing, .. }) = event
        else {
            return None;
        };
        if !may_touch(routing) {
            return None;
        }
        let alerts = ledger.orders_and_journeys(&routing.thread, now);
        (!alerts.is_empty()).then_some(alerts)
    }

    /// A journey touches an order: told once for each pair, and after a restart once for each journey.
    pub(in crate::calling) fn touched(
        &mut self,
        touched: &[Touched],
        alerts: &Suspect,
        now: Timestamp,
    ) -> Vec<Due> {
        let mut dues = Vec::new();
        for touched in touched {
            let alert = { alerts.iter().filter_map(|records| records.first()) }
                .find(|alert| alert.statement == touched.journey);
            let is_new = self.touched.insert((touched.journey, touched.ordered));
            if let Some(alert) = alert.filter(|alert| is_new && is_called_for(alert.status)) {
                dues.push(Due {
                    peer: Some(touched.ordered.origin),
                    ..of(CallKind::ClauseTouched, alert.clone(), now)
                });
            }
            if self.touched.len() > CALLS_REMEMBERED_MAX {
                self.touched.pop_first();
            }
        }
        dues
    }
}

/// Whether a journey may touch an order from then on.
pub(super) fn may_touch(routing: &Routing) -> bool {
    let terms = &routing.terms;
    let moves = routing.effect == Effect::Updates && terms.expected_return_on.is_some();
    terms.states_orders || terms.states_journey || terms.same_person.is_some() || moves
}
