//! Every event survives its entry, and what is cut short is refused.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::statements::*;
use crate::{
    domain::{
        call::CallKind,
        reason::Reason,
        receipt::{LeafHash, Verdict},
    },
    store::{
        entry::{Actor, EntryHeader},
        event::{DraftEnd, Event, HandoverStep, Peek, Word},
    },
};

fn one_of_each(number: u64, reason: Reason, leaf: Option<LeafHash>, bytes: &[u8]) -> Vec<Event> {
    let (own, foreign) = (
        alert(OWN, number, &["XB-POL"]),
        alert("XB-POL", number, &[OWN]),
    );
    let (statement, peer, actor) = (own.statement, authority("XB-POL"), officer());
    let (recipient, count) = (peer, number as u32);
    vec![
        accepted(&own),
        received(&foreign),
        carried(&foreign, "XC-POL"),
        Event::RefusedStatement {
            statement,
            peer,
            leaf: leaf.unwrap_or(LeafHash([1; 32])),
            reason,
        },
        stored(&receipt(&own, "XB-POL", Verdict::Held)),
        stored(&receipt(&own, "XB-POL", Verdict::Refused(reason))),
        Event::RefusedInput { peer, reason, leaf },
        Event::RefusalsCounted {
            peer,
            reason,
            count,
        },
        Event::DeliveryEnded {
            statement,
            recipient,
            reason,
        },
        Event::DeliveryHeld {
            statement,
            recipient,
            reason,
        },
        Event::DeliveryResumed {
            actor,
            statement,
            recipient,
        },
        Event::Consulted {
            actor,
            thread: statement,
            peek: Peek::Opens,
            why: None,
        },
        Event::Consulted {
            actor,
            thread: statement,
            peek: Peek::LeavesUnopened,
            why: Some("an audit".into()),
        },
        Event::Exported {
            actor,
            thread: statement,
            why: Some("an audit".into()),
        },
        Event::Exported {
            actor,
            thread: statement,
            why: None,
        },
        Event::AuditRead { actor },
        Event::Incident {
            peer: Some(peer),
            statement: Some(statement),
            reason,
            leaf,
        },
        Event::Incident {
            peer: None,
            statement: None,
            reason,
            leaf,
        },
        Event::DirectoryAdopted {
            version: number,
            bundle: Bytes::copy_from_slice(bytes),
        },
        Event::Started,
        Event::Stopped,
        Event::TailCut { bytes: count },
        Event::Missing,
        Event::Reclaimed {
            statement,
            peer,
            leaf: leaf.unwrap_or(LeafHash([1; 32])),
            lost: (count != u32::MAX).then_some(count.into()),
        },
        Event::GivenBack {
            statement,
            peer,
            leaf: leaf.unwrap_or(LeafHash([1; 32])),
        },
        Event::ReclaimEnded { missing: count },
        Event::EpochBegun {
            epoch: count,
            size: count.into(),
            root: leaf.unwrap_or(LeafHash([1; 32])).0,
        },
        Event::AlertExpired { statement },
        Event::Addressed {
            actor,
            statement,
            names: "@nordic,all".into(),
        },
        Event::Called {
            statement: Some(statement),
            peer: Some(peer),
            kind: CallKind::AnswerOverdue,
            count,
            ways: Arc::from("duty,mail"),
        },
        Event::Called {
            statement: None,
            peer: None,
            kind: CallKind::Test,
            count,
            ways: Arc::from(""),
        },
        Event::CallWaits {
            call: waiting_call(statement, leaf.map(|_| reason)).into(),
        },
        Event::CallArrived {
            statement: leaf.map(|_| statement),
            peer: Some(peer),
            kind: CallKind::HitWaiting,
            count,
            way: Arc::from("mail"),
        },
        Event::CallFailed {
            statement: leaf.map(|_| statement),
            peer: None,
            kind: CallKind::LinkDown,
            count,
            way: Arc::from("duty"),
            reason,
        },
        Event::ActorNamed {
            actor,
            uri: Arc::from("allpoints://XA-POL/desk/officer/7"),
        },
        draft_kept(statement),
        Event::DraftReturned {
            actor,
            statement,
            text: "name the court".into(),
        },
        Event::DraftEnded {
            actor,
            statement,
            end: DraftEnd::Released,
        },
        Event::DraftEnded {
            actor,
            statement,
            end: DraftEnd::Discarded,
        },
        Event::GoesByHand {
            actor,
            statement,
            recipient: peer,
        },
        Event::Bundled {
            actor,
            statement,
            recipient: peer,
        },
        Event::HandReported {
            actor,
            statement,
            recipient: peer,
            word: Word::None,
            report: Bytes::from_static(b"a report"),
        },
        Event::HandReported {
            actor,
            statement,
            recipient: peer,
            word: Word::Acknowledged,
            report: Bytes::from_static(b"a later report"),
        },
        Event::Restricted {
            actor,
            thread: statement,
            units: "harbour,airport".into(),
        },
        Event::Restricted {
            actor,
            thread: statement,
            units: "".into(),
        },
        Event::HandedOver {
            actor,
            step: HandoverStep::Given,
            body: Bytes::copy_from_slice(bytes),
        },
        Event::HandedOver {
            actor,
            step: HandoverStep::Taken {
                given: number,
                leaf: leaf.unwrap_or(LeafHash([7; 32])),
            },
            body: Bytes::copy_from_slice(bytes),
        },
        Event::OfferDeclined {
            actor,
            statement,
            recipient,
            text: "not theirs to know".into(),
        },
        Event::TakeRefused {
            actor,
            given: number,
            reason,
        },
        Event::ActRefused {
            actor,
            statement,
            reason,
        },
    ]
}

proptest! {
    #[test]
    fn events_survive_their_entries(
        number in 0..u64::from(u32::MAX),
        reason in prop::sample::select(Reason::ALL.to_vec()),
        leaf in prop::option::of(any::<[u8; 32]>().prop_map(LeafHash)),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for event in one_of_each(number, reason, leaf, &bytes) {
            let (header, body) = event.to_entry(number, at(3));
            prop_assert_eq!(header.body_bytes as usize, body.len());
            // As the journal keeps it.
            let header = EntryHeader::decode(&header.encode()).unwrap();
            prop_assert_eq!(READER.event(&header, &body).unwrap(), event);
        }
    }
}

#[test]
fn a_header_without_what_its_act_needs_is_refused() {
    for event in one_of_each(1, Reason::Expired, None, b"bundle") {
        let (header, body) = event.to_entry(1, at(3));
        let may_lack = matches!(
            event,
            Event::Incident { .. }
                | Event::Called { .. }
                | Event::CallFailed { .. }
                | Event::CallArrived { .. }
                | Event::CallWaits { .. }
        );
        let needs_subject = header.subject.is_some() && !may_lack;
        let needs_peer = header.peer.is_some() && !may_lack;
        let documented = matches!(
            event,
            Event::Accepted { .. }
                | Event::Received { .. }
                | Event::Carried { .. }
                | Event::ReceiptStored { .. }
        );
        let mut cases = Vec::new();
        if matches!(event, Event::DraftKept { .. }) {
            cases.push((header.clone(), body.slice(1..)));
        }
        if matches!(event, Event::Carried { .. }) {
            let without = EntryHeader {
                peer: None,
                ..header.clone()
            };
            cases.push((without, body.clone()));
        }
        if matches!(event, Event::DraftReturned { .. }) {
            cases.push((header.clone(), Bytes::from_static(b"\xff\xfe")));
        }
        if documented {
            cases.push((
                EntryHeader {
                    leaf: None,
                    ..header.clone()
                },
                body.clone(),
            ));
            cases.push((header.clone(), body.slice(1..)));
        } else if needs_subject {
            cases.push((
                EntryHeader {
                    subject: None,
                    ..header.clone()
                },
                body.clone(),
            ));
        } else if needs_peer {
            cases.push((
                EntryHeader {
                    peer: None,
                    ..header.clone()
                },
                body.clone(),
            ));
        } else if matches!(event, Event::DirectoryAdopted { .. }) {
            cases.push((header.clone(), body.slice(..7)));
        } else if matches!(event, Event::ActorNamed { .. }) {
            cases.push((header.clone(), Bytes::from_static(b"\xff\xfe")));
        } else if matches!(event, Event::CallWaits { .. }) {
            cases.push((header.clone(), body.slice(..40)));
            cases.push((header.clone(), Bytes::new()));
            let kind = [&[0], &body[1..]].concat();
            cases.push((header.clone(), kind.into()));
        } else if matches!(event, Event::TakeRefused { .. }) {
            cases.push((header.clone(), body.slice(..7)));
            let without = EntryHeader {
                reason: None,
                ..header.clone()
            };
            cases.push((without, body.clone()));
        } else if matches!(
            event,
            Event::Called { .. } | Event::CallFailed { .. } | Event::CallArrived { .. }
        ) {
            cases.push((header.clone(), Bytes::new()));
            cases.push((header.clone(), Bytes::from_static(b"\x00duty")));
            cases.push((header.clone(), Bytes::from_static(b"\x01\xff\xfe")));
            let reason = match header.reason {
                Some(_) => None,
                None => Some(Reason::Quota),
            };
            let other = EntryHeader {
                reason,
                ..header.clone()
            };
            cases.push((other, body.clone()));
        }
        for (header, body) in cases {
            assert!(READER.event(&header, &body).is_err(), "{event:?}");
        }
    }
}

#[test]
fn who_did_it_stands_in_the_header() {
    let foreign = alert("XB-POL", 1, &[OWN]);
    let cases = [
        (accepted(&alert(OWN, 1, &["XB-POL"])), officer()),
        (received(&foreign), Actor::from(authority("XB-POL"))),
        (Event::Started, Actor::NODE),
    ];
    for (event, actor) in cases {
        assert_eq!(event.to_entry(0, at(0)).0.actor, actor);
    }
}
