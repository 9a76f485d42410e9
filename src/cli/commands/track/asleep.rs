//! The originator sleeps over a hit, told minute by minute, with what `track` says at both ends as a golden file.
//!
//! ```text
//!   XA-POL --flash: missing offender------> XB-POL
//!          <-hit, sighting: she is here---- XB-POL            at night: 30 minutes run
//!   XA-POL's duty desk is called, and again each 5 minutes    nobody answers
//!   30 min: overdue; called at XA-POL first, at XB-POL 5 minutes later
//!          --instruction: hold------------> XB-POL            nothing is owed, nobody is called
//! ```
//!
//! Real brokers, stores and signatures, over roads in memory; clocks that jump.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    calling::testing::Watched,
    delivery::scenarios::net::{Net, Node, id, officer, until},
    desk::testing::tracked_at,
    domain::{
        id::StatementRef,
        lives::DeliveryLife,
        routing::Priority,
        time::{Clock as _, Timestamp},
    },
    proto::alert::v1 as pb,
    store::event::Peek,
    trust::testing::NOW,
};

const MINUTE: Duration = Duration::from_secs(60);

/// One end of it.
struct End {
    name: &'static str,
    desk: Watched,
}

impl End {
    fn at(net: &Net, name: &'static str) -> Self {
        let Node { store, clock, .. } = net.node(name);
        let desk = Watched::new(id(name), store, &**clock);
        Self { name, desk }
    }

    async fn calls(&mut self, net: &Net) -> Vec<String> {
        let clock = &net.node(self.name).clock;
        let called = self.desk.called(clock.now(), clock.monotonic()).await;
        let own = id(self.name);
        let told = called.into_iter();
        told.map(|call| format!("{own} is called: {call}"))
            .collect()
    }

    /// What its head of unit reads about the alert.
    async fn track(&self, net: &Net, alert: StatementRef, now: Timestamp) -> String {
        let store = &net.node(self.name).store;
        let records = store.read(|ledger| ledger.thread_in_order(&alert)).await;
        let track = tracked_at(id(self.name), now, &records.unwrap());
        let contacts = BTreeMap::from([("XA-POL".to_owned(), "duty, +999 1 234".to_owned())]);
        unvarying(&render(&track, &contacts, now))
    }
}

/// Ids and times are others in each run.
fn unvarying(said: &str) -> String {
    let lines = said.lines().map(|line| {
        let words = line.split(' ').map(|word| {
            let bare = word.trim_end_matches([',', ';', ':']);
            let is_time = bare.len() == 20 && bare.ends_with('Z') && bare.contains('T');
            let said = match bare {
                _ if is_time => word.replace(bare, "<time>"),
                _ if bare.contains("-POL/") => word.replace(bare, "<id>"),
                _ if bare.len() == 11 && bare.contains("-26-") => word.replace(bare, "<ref>"),
                _ => return word.to_owned(),
            };
            // A table's columns stay as wide as they were.
            let width = if line.contains('┆') { word.len() } else { 0 };
            format!("{said:<width$}")
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Waits until all that XB has said is signed for: then the order of what happened is the same in each run.
async fn settled(net: &Net, alert: StatementRef) {
    let store = &net.node("XB").store;
    until("all is signed for", async || {
        let records = store.read(|ledger| ledger.thread(&alert)).await.unwrap();
        let own = records.iter().filter(|it| it.statement.origin == id("XB"));
        own.flat_map(|record| &record.deliveries)
            .all(|delivery| delivery.life == DeliveryLife::Delivered)
    })
    .await;
}

/// XB's officer opens the alert and meets the person; gives the hit.
async fn meets(net: &Net, alert: StatementRef) -> StatementRef {
    let broker = &net.node("XB").broker;
    let opened = broker.consult(officer(), alert, Peek::Opens, None);
    opened.await.unwrap();
    settled(net, alert).await;
    let hit = pb::payload::Kind::Answer(pb::Answer {
        code: pb::AnswerCode::Hit.into(),
        ..<_>::default()
    });
    let sighting = pb::payload::Kind::Sighting(pb::Sighting {
        place: "Port of Bensalem".to_owned(),
        country: "XB".to_owned(),
        seen_at: NOW.to_string(),
        awareness: pb::Awareness::Unaware.into(),
        presence: pb::Presence::Present.into(),
        ..<_>::default()
    });
    let hit = net.submit("XB", net.about(alert, hit)).await.unwrap();
    settled(net, alert).await;
    net.submit("XB", net.about(alert, sighting)).await.unwrap();
    settled(net, alert).await;
    hit.statement
}

/// Verifies that a hit at night calls the originator's desk at once and again each five minutes until it gives its word,
/// that the receiver is called five minutes after it is overdue and sees what is owed and whom to call, and that nobody is
/// called once the word is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_hit_at_night_calls_the_originator_until_its_word_and_the_receiver_sees_what_is_owed() {
    let net = Net::new();
    net.well().await;
    let draft = net.draft(Priority::Flash, &["XB"]);
    let alert = net.submit("XA", draft).await.unwrap().statement;
    net.until_delivered("XA", alert, "XB").await;
    let mut ends = [End::at(&net, "XA"), End::at(&net, "XB")];
    let hit = meets(&net, alert).await;

    let mut night = Vec::new();
    for minutes in 0..=42 {
        for end in &mut ends {
            let calls = end.calls(&net).await;
            night.extend(calls.iter().map(|call| format!("{minutes:>2} min  {call}")));
        }
        net.pass(MINUTE);
    }
    let late = crate::delivery::clocks::INSTRUCTION_IF_PRESENT + 10 * MINUTE;
    for end in &ends {
        let recorded = net.record(end.name, hit).await.unwrap().recorded_at;
        night.push(format!(
            "\n{} reads, 10 minutes after it was due:",
            id(end.name)
        ));
        night.push(end.track(&net, alert, recorded.plus(late)).await);
    }

    let word = pb::payload::Kind::Instruction(pb::Instruction {
        code: pb::InstructionCode::Hold.into(),
        ..<_>::default()
    });
    let word = net.submit("XA", net.about(hit, word)).await.unwrap();
    net.until_delivered("XA", word.statement, "XB").await;
    until("XB holds the word", async || {
        net.record("XB", word.statement).await.is_some()
    })
    .await;
    for _ in 0..3 {
        net.pass(5 * MINUTE);
        for end in &mut ends {
            assert_eq!(end.calls(&net).await, [""; 0], "{}", end.name);
            let track = end.track(&net, alert, net.node(end.name).clock.now()).await;
            assert!(!track.contains("owes"), "{track}");
        }
    }
    insta::assert_snapshot!(night.join("\n"));
}
