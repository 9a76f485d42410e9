//! Clauses of orders that a journey touches, read from payloads that are kept: the orders and the journeys that the
//! alerts of one person state, as they stand after what their origins added.
//!
//! The way in is [`touched`]. What is not legal is absent; judging is not its business.

use bytes::Bytes;

use super::{decode_payload, payload, reader::Reader};
use crate::domain::{
    alert::{
        kinds::{Content, TravelNotice},
        measure::Order,
        touch::{Why, touches},
        value::{Day, Line},
    },
    country::Country,
    id::StatementRef,
    limits::CLAUSES_TOUCHED_MAX,
};

/// An alert, and what its origin added to it.
#[derive(Debug, Clone)]
pub struct Stated {
    /// The alert.
    pub alert: StatementRef,
    /// When it was issued.
    pub issued_on: Day,
    /// Exact payload bytes, the alert's first.
    pub payloads: Vec<Bytes>,
}

/// A clause of an order that a journey touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The alert that states the journey.
    pub journey: StatementRef,
    /// The alert that states the order; may be the same.
    pub ordered: StatementRef,
    /// Whose order it is.
    pub country: Country,
    /// The order's own reference.
    pub reference: Line,
    /// Place of the clause in the order, from 1.
    pub clause: usize,
    /// Why.
    pub why: Why,
}

/// Every clause that a journey touches, of alerts about one person; bounded.
#[must_use]
pub fn touched(alerts: &[Stated]) -> Vec<Touched> {
    let read: Vec<Read<'_>> = alerts.iter().map(Read::of).collect();
    let journeys = read
        .iter()
        .filter_map(|read| Some((read, read.travel.as_ref()?)));
    let found = journeys.flat_map(|(by, travel)| {
        let orders = read
            .iter()
            .flat_map(|of| of.orders.iter().map(move |order| (of, order)));
        orders.flat_map(move |(of, order)| {
            let touches = touches(order, travel, by.stated.issued_on, by.back_on);
            touches.into_iter().map(move |touch| Touched {
                journey: by.stated.alert,
                ordered: of.stated.alert,
                country: order.country,
                reference: order.reference.clone(),
                clause: touch.clause,
                why: touch.why,
            })
        })
    });
    found.take(CLAUSES_TOUCHED_MAX).collect()
}

struct Read<'a> {
    stated: &'a Stated,
    orders: Vec<Order>,
    travel: Option<TravelNotice>,
    back_on: Option<Day>,
}

impl<'a> Read<'a> {
    fn of(stated: &'a Stated) -> Self {
        let mut read = Self {
            stated,
            orders: Vec::new(),
            travel: None,
            back_on: None,
        };
        for bytes in &stated.payloads {
            let Ok(wire) = decode_payload(bytes) else {
                continue;
            };
            let Some(payload) = payload::read(&mut Reader::of_received(None), &wire) else {
                continue;
            };
            // What an update brings takes the place of what was there.
            if !payload.orders.is_empty() {
                read.orders = payload.orders;
            }
            match payload.content {
                Content::TravelNotice(travel) => {
                    read.back_on = travel.expected_return_on;
                    read.travel = Some(travel);
                }
                Content::Update(update) => {
                    let back_on = update.returned_on.or(update.expected_return_on);
                    read.back_on = back_on.or(read.back_on);
                }
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::{
        domain::{id::MessageId, routing::Status},
        proto::alert::v1 as pb,
        trust::testing::NOW,
        wire::{
            fields::encode_reference,
            generate::{Recipe, drafts},
        },
    };

    fn alert(origin: &str, number: u8) -> StatementRef {
        StatementRef {
            origin: origin.parse().unwrap(),
            id: MessageId::from_parts(1_795_000_000_000, [number; 10]),
        }
    }

    fn stated(alert: StatementRef, payloads: &[&pb::Payload]) -> Stated {
        let bytes = |payload: &&pb::Payload| payload.encode_to_vec().into();
        Stated {
            alert,
            issued_on: Day::of(NOW).unwrap(),
            payloads: payloads.iter().map(bytes).collect(),
        }
    }

    /// Generated: a travel notice from XA to XB; and an order of XA that forbids `country`, issued as a payload.
    fn journey_and_order(country: &str) -> (pb::Payload, pb::Payload) {
        let recipe = Recipe {
            seed: 7,
            to: vec!["XB-POL".to_owned()],
            status: Status::Actual,
            priority: None,
            now: NOW,
            payload_bytes: None,
        };
        let payloads = drafts(recipe).filter_map(|draft| draft.payload).take(99);
        let (mut journey, mut order) = (None, None);
        for payload in payloads {
            match &payload.kind {
                Some(pb::payload::Kind::TravelNotice(_)) => journey = Some(payload),
                Some(pb::payload::Kind::RestrictionOrder(_)) => order = Some(payload),
                _ => {}
            }
        }
        let mut order = order.unwrap();
        let stated = &mut order.orders[0];
        (stated.country, stated.ends_on) = ("XA".to_owned(), String::new());
        stated.clauses = vec![pb::Clause {
            clause: Some(pb::clause::Clause::ForeignTravel(pb::TravelClause {
                scope: pb::TravelScope::Named.into(),
                countries: vec![country.to_owned()],
            })),
        }];
        (journey.unwrap(), order)
    }

    #[test]
    fn an_order_of_one_alert_is_touched_by_the_journey_of_another_and_only_if_it_forbids_it() {
        let (a, b) = (alert("XA-POL", 1), alert("XB-POL", 2));
        for (country, expected) in [("XB", 1), ("XC", 0)] {
            let (journey, order) = journey_and_order(country);
            let found = touched(&[stated(a, &[&order]), stated(b, &[&journey])]);
            assert_eq!(found.len(), expected, "{country}");
            for found in found {
                assert_eq!((found.journey, found.ordered, found.clause), (b, a, 1));
                assert!(matches!(found.why, Why::Forbidden { leg: 1, .. }));
            }
        }
        let (journey, order) = journey_and_order("XB");
        assert!(
            touched(&[stated(a, &[&order])]).is_empty(),
            "nobody travels"
        );
        assert!(
            touched(&[stated(b, &[&journey])]).is_empty(),
            "no order stands"
        );
    }

    #[test]
    fn what_its_origin_added_counts_and_what_cannot_be_read_is_absent() {
        let (mut journey, order) = journey_and_order("XB");
        journey.orders.clone_from(&order.orders);
        let own = alert("XA-POL", 1);
        assert_eq!(touched(&[stated(own, &[&journey])]).len(), 1);
        let (_, elsewhere) = journey_and_order("XC");
        let update = pb::Payload {
            orders: elsewhere.orders,
            kind: Some(pb::payload::Kind::Update(pb::Update {
                target: Some(encode_reference(&own)),
                ..pb::Update::default()
            })),
            ..pb::Payload::default()
        };
        assert!(touched(&[stated(own, &[&journey, &update])]).is_empty());
        let mut damaged = stated(own, &[&journey]);
        damaged.payloads.push(Bytes::from_static(b"\xff\xff"));
        assert_eq!(touched(std::slice::from_ref(&damaged)).len(), 1);
        damaged.payloads.remove(0);
        assert!(touched(&[damaged]).is_empty());
    }
}
