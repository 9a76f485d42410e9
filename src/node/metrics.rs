//! Figures for monitoring, with typed labels: reasons, authorities, lanes and nothing that names a statement
//! or a person (invariant I8).

use std::fmt::{self, Write as _};

use prometheus_client::{
    encoding::{
        EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder, MetricEncoder,
        NoLabelSet, text::encode,
    },
    metrics::{MetricType, counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    calling::WayState,
    delivery::LinkState,
    desk::{Expiry, Loaded},
    domain::{
        id::AuthorityId,
        reason::Reason,
        receipt::Verdict,
        routing::{Lane, Queue, Routing},
    },
    store::{Figures, Sizes, Told, event::Event},
};

/// Everything that is counted.
#[derive(Clone, Default)]
pub(super) struct Metrics {
    accepted: Family<OfStatement, Counter>,
    received: Family<OfStatement, Counter>,
    delivered: Family<OfPartner, Counter>,
    refused: Family<Refusal, Counter>,
    incidents: Family<OfReason, Counter>,
    handshakes_refused: Family<OfListener, Counter>,
    accept_pauses: Family<OfListener, Counter>,
    queued: Family<OfLane, Gauge>,
    link_healthy: Family<OfPartner, Gauge>,
    journal_entries: Gauge,
    journal_bytes: Gauge,
    journal_groups: Gauge,
    journal_syncs: Gauge,
    view_lag: Gauge,
    expiries: Family<OfThing, Gauge>,
    loaded: Family<OfThing, Gauge>,
    load_refused: Family<OfThing, Gauge>,
    called: Family<OfCall, Counter>,
    alerts_expired: Counter,
    calls_waiting: Family<OfThing, Gauge>,
    calls_failing: Family<OfThing, Gauge>,
    directory_version: Gauge,
}

/// What is true at the moment of a look.
pub(super) struct Present<'a> {
    pub(super) figures: Figures,
    pub(super) links: &'a [LinkState],
    /// Statements that wait, for each partner, lane and queue.
    pub(super) queued: &'a [(AuthorityId, Lane, Queue, u64)],
    pub(super) expiries: &'a [Expiry],
    pub(super) loaded: &'a [Loaded],
    /// How people are called.
    pub(super) ways: &'a [WayState],
    /// Of the directory in force.
    pub(super) directory_version: u64,
}

/// What is no more than a drill is never counted as real (invariant I10).
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatement {
    priority: Label,
    status: Label,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPartner {
    partner: Partner,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLane {
    partner: Partner,
    lane: Label,
    queue: Label,
}

/// Our certificates and lists, and those of members of the directory: a bounded list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfThing {
    what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    reason: Label,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfListener {
    listener: Label,
}

/// What people were called for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCall {
    call: Label,
}

/// Who refused whom is told by `side`: `here` or `partner`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    partner: Partner,
    side: Label,
    reason: Label,
}

/// A value from a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Label(&'static str);

/// A member of the directory: a bounded list too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Partner(AuthorityId);

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.0)
    }
}

impl EncodeLabelValue for Partner {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.0.as_str())
    }
}

impl Metrics {
    /// Counts one durable event.
    pub(super) fn count(&self, event: &Event) {
        match event {
            Event::Accepted { routing, .. } => {
                self.accepted.get_or_create(&of(routing)).inc();
            }
            Event::Received { routing, .. } => {
                self.received.get_or_create(&of(routing)).inc();
            }
            Event::ReceiptStored { receipt, .. } => match receipt.verdict {
                Verdict::Held => {
                    self.delivered.get_or_create(&with(receipt.recipient)).inc();
                }
                Verdict::Refused(reason) => self.refuse(receipt.recipient, "partner", reason, 1),
            },
            Event::RefusedStatement { peer, reason, .. }
            | Event::RefusedInput { peer, reason, .. } => self.refuse(*peer, "here", *reason, 1),
            Event::RefusalsCounted {
                peer,
                reason,
                count,
            } => self.refuse(*peer, "here", *reason, u64::from(*count)),
            Event::Incident { reason, .. } => {
                let label = OfReason {
                    reason: Label(reason.name()),
                };
                self.incidents.get_or_create(&label).inc();
            }
            Event::Called { kind, count, .. } => {
                let label = OfCall {
                    call: Label(kind.name()),
                };
                self.called.get_or_create(&label).inc_by(u64::from(*count));
            }
            Event::AlertExpired { .. } => {
                self.alerts_expired.inc();
            }
            _ => {}
        }
    }

    /// Counts a refused TLS handshake. Who it was is not known: nothing was verified.
    pub(super) fn handshake_refused(&self, listener: &'static str) {
        let label = OfListener {
            listener: Label(listener),
        };
        self.handshakes_refused.get_or_create(&label).inc();
    }

    /// Counts a pause of a listener that had no descriptor or memory for one more connection.
    pub(super) fn accept_paused(&self, listener: &'static str) {
        let label = OfListener {
            listener: Label(listener),
        };
        self.accept_pauses.get_or_create(&label).inc();
    }

    /// The figures as text, in the OpenMetrics format.
    pub(super) fn text(&self, present: &Present<'_>) -> Result<String, fmt::Error> {
        let figures = present.figures;
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.journal_entries.set(gauge(figures.entries));
        self.journal_bytes.set(gauge(figures.bytes));
        self.journal_groups.set(gauge(figures.groups));
        self.journal_syncs.set(gauge(figures.syncs));
        self.view_lag.set(gauge(figures.view_lag_entries));
        // A partner that left the directory shall not stand here for ever.
        self.queued.clear();
        self.link_healthy.clear();
        for (partner, lane, queue, count) in present.queued {
            let label = OfLane {
                partner: Partner(*partner),
                lane: Label(lane.name()),
                queue: Label(queue.name()),
            };
            self.queued.get_or_create(&label).set(gauge(*count));
        }
        for link in present.links {
            self.link_healthy
                .get_or_create(&with(link.authority))
                .set(i64::from(link.healthy));
        }
        self.expiries.clear();
        for expiry in present.expiries {
            let label = OfThing {
                what: expiry.what.clone(),
            };
            let seconds = expiry.at.as_micros() / 1_000_000;
            self.expiries.get_or_create(&label).set(seconds);
        }
        self.directory_version.set(gauge(present.directory_version));
        for way in present.ways {
            let label = OfThing {
                what: way.name.clone(),
            };
            let failing = i64::from(way.fault.is_some());
            self.calls_failing.get_or_create(&label).set(failing);
            let waiting = gauge(way.waiting);
            self.calls_waiting.get_or_create(&label).set(waiting);
        }
        for loaded in present.loaded {
            let label = OfThing {
                what: loaded.what.to_owned(),
            };
            let seconds = loaded.at.as_micros() / 1_000_000;
            self.loaded.get_or_create(&label).set(seconds);
            let refused = i64::from(loaded.refused.is_some());
            self.load_refused.get_or_create(&label).set(refused);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry(&figures))?;
        Ok(text)
    }

    fn refuse(&self, partner: AuthorityId, side: &'static str, reason: Reason, count: u64) {
        let label = Refusal {
            partner: Partner(partner),
            side: Label(side),
            reason: Label(reason.name()),
        };
        self.refused.get_or_create(&label).inc_by(count);
    }

    fn registry(&self, figures: &Figures) -> Registry {
        let mut registry = Registry::with_prefix("allpoints");
        self.register_exchange(&mut registry);
        self.register_store(&mut registry, figures);
        registry
    }

    fn register_exchange(&self, all: &mut Registry) {
        all.register(
            "accepted",
            "Own statements accepted, durable",
            self.accepted.clone(),
        );
        all.register("received", "Foreign statements held", self.received.clone());
        all.register("delivered", "Receipts stored", self.delivered.clone());
        all.register("refused", "Refusals by reason", self.refused.clone());
        all.register(
            "incidents",
            "What people must look at",
            self.incidents.clone(),
        );
        all.register(
            "handshakes_refused",
            "TLS handshakes refused",
            self.handshakes_refused.clone(),
        );
        all.register(
            "accept_pauses",
            "Pauses of a listener for want of descriptors or memory",
            self.accept_pauses.clone(),
        );
        all.register(
            "queued",
            "Statements waiting, per partner and lane; drills in a queue of their own",
            self.queued.clone(),
        );
        all.register(
            "link_healthy",
            "1 when a receipt or heartbeat came within the last minute",
            self.link_healthy.clone(),
        );
        all.register(
            "expiry_timestamp_seconds",
            "When a certificate, list or membership ends, in Unix time",
            self.expiries.clone(),
        );
        all.register(
            "loaded_timestamp_seconds",
            "Since when what was read from files is in force, in Unix time",
            self.loaded.clone(),
        );
        all.register(
            "directory_version",
            "Version of the directory in force",
            self.directory_version.clone(),
        );
        all.register(
            "called",
            "Calls to the own duty desk, by what they were for",
            self.called.clone(),
        );
        all.register(
            "alerts_expired",
            "Alerts whose last day passed",
            self.alerts_expired.clone(),
        );
        all.register(
            "calls_waiting",
            "Calls that wait for one way",
            self.calls_waiting.clone(),
        );
        all.register(
            "calls_failing",
            "1 while the last call by this way did not arrive",
            self.calls_failing.clone(),
        );
        all.register(
            "load_refused",
            "1 while newer files are refused and the old stay in force",
            self.load_refused.clone(),
        );
    }

    fn register_store(&self, all: &mut Registry, figures: &Figures) {
        all.register("journal_entries", "Entries", self.journal_entries.clone());
        all.register("journal_bytes", "Bytes", self.journal_bytes.clone());
        all.register(
            "journal_groups",
            "Groups since start",
            self.journal_groups.clone(),
        );
        all.register(
            "journal_syncs",
            "fdatasync calls since start",
            self.journal_syncs.clone(),
        );
        all.register(
            "view_lag_entries",
            "Entries that the view has yet to take",
            self.view_lag.clone(),
        );
        all.register(
            "journal_group_entries",
            "Entries of each group, which one sync covers",
            Histogram(figures.group_entries),
        );
        all.register(
            "batch_documents",
            "Statements or receipts under each signature kept",
            Histogram(figures.batch_documents),
        );
    }
}

/// Sizes that were counted elsewhere, as a histogram.
#[derive(Debug)]
struct Histogram(Sizes);

impl EncodeMetric for Histogram {
    #[allow(
        clippy::cast_precision_loss,
        reason = "the format knows floating point only, and powers of two are exact"
    )]
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let count = self.0.buckets.iter().sum();
        let bounds = (0..Sizes::BUCKETS - 1).map(|power| (1u64 << power) as f64);
        let counts = self.0.buckets.iter().copied();
        let buckets: Vec<(f64, u64)> = bounds
            .chain(std::iter::once(f64::INFINITY))
            .zip(counts)
            .collect();
        encoder.encode_histogram::<NoLabelSet>(self.0.sum as f64, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn of(routing: &Routing) -> OfStatement {
    OfStatement {
        priority: Label(routing.priority.name()),
        status: Label(routing.status.name()),
    }
}

fn with(partner: AuthorityId) -> OfPartner {
    OfPartner {
        partner: Partner(partner),
    }
}

/// Counts until the store ends; events that were missed are missing in the counters, and said so.
pub(super) async fn follow(metrics: Metrics, mut events: tokio::sync::broadcast::Receiver<Told>) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match events.recv().await {
            Ok(told) => told.iter().for_each(|event| metrics.count(event)),
            Err(RecvError::Lagged(missed)) => {
                tracing::debug!(missed, "metrics fell behind and do not count these events");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        id::{MessageId, StatementRef},
        time::Timestamp,
    };

    #[test]
    fn refusals_stand_by_reason_and_partner_and_name_no_statement() {
        let metrics = Metrics::default();
        let peer: AuthorityId = "XB-POL".parse().expect("legal id");
        let statement = StatementRef {
            origin: peer,
            id: MessageId::from_parts(1_795_000_000_000, [9; 10]),
        };
        metrics.count(&Event::RefusedStatement {
            statement,
            peer,
            leaf: crate::domain::receipt::LeafHash([0; 32]),
            reason: Reason::NotAddressed,
        });
        metrics.count(&Event::RefusalsCounted {
            peer,
            reason: Reason::NotAddressed,
            count: 4,
        });
        metrics.handshake_refused("exchange");
        metrics.accept_paused("desk");
        let mut figures = Figures::default();
        figures.group_entries.buckets[1] = 3;
        figures.group_entries.buckets[Sizes::BUCKETS - 1] = 1;
        figures.group_entries.sum = 40_006;
        let expiry = Expiry {
            what: "node certificate".to_owned(),
            at: Timestamp::from_micros(1_800_000_000_000_000),
            warning: crate::desk::Warning::None,
        };
        let present = Present {
            figures,
            links: &[],
            queued: &[(peer, Lane::Bulk, Queue::Live, 12)],
            expiries: &[expiry],
            loaded: &[Loaded {
                what: "desk trust",
                version: "list 4".to_owned(),
                at: Timestamp::from_micros(1_800_000_000_000_000),
                refused: None,
            }],
            ways: &[WayState {
                name: "duty".to_owned(),
                what: "webhook",
                waiting: 3,
                sent: 0,
                failed: 0,
                sent_at: None,
                fault: None,
            }],
            directory_version: 7,
        };
        let text = metrics.text(&present).expect("encodes");
        let line =
            "allpoints_refused_total{partner=\"XB-POL\",side=\"here\",reason=\"NOT_ADDRESSED\"} 5";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("allpoints_handshakes_refused_total{listener=\"exchange\"} 1"));
        for line in [
            "allpoints_accept_pauses_total{listener=\"desk\"} 1",
            "allpoints_queued{partner=\"XB-POL\",lane=\"bulk\",queue=\"live\"} 12",
            "allpoints_expiry_timestamp_seconds{what=\"node certificate\"} 1800000000",
            "allpoints_loaded_timestamp_seconds{what=\"desk trust\"} 1800000000",
            "allpoints_directory_version 7",
            "allpoints_load_refused{what=\"desk trust\"} 0",
            "allpoints_calls_waiting{what=\"duty\"} 3",
            "allpoints_calls_failing{what=\"duty\"} 0",
            "allpoints_journal_group_entries_count 4",
            "allpoints_journal_group_entries_sum 40006.0",
            "allpoints_journal_group_entries_bucket{le=\"1.0\"} 0",
            "allpoints_journal_group_entries_bucket{le=\"2.0\"} 3",
            "allpoints_journal_group_entries_bucket{le=\"32768.0\"} 3",
            "allpoints_journal_group_entries_bucket{le=\"+Inf\"} 4",
            "allpoints_batch_documents_count 0",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains(&statement.id.to_string()));
    }
}
