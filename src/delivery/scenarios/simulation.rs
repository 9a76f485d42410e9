//! Random schedules between two brokers, against a model in one sentence: every accepted statement is received
//! exactly once, and both sides keep the same receipt for it.

use std::time::Duration;

use super::{
    net::{Net, id, until},
    roads::{Fate, Seen},
};
use crate::{
    domain::{
        id::StatementRef, limits::RESULT_TIMEOUT, lives::DeliveryLife, reason::Reason,
        routing::Priority,
    },
    store::entry::Act,
};

/// Seeds that are run.
const SEEDS: u64 = 50;
/// Seeds that run beside each other: most of their time is waiting.
const AT_ONCE: u64 = 25;
const STEPS: usize = 24;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn fate(&mut self) -> Fate {
        match self.below(12) {
            0 => Fate::Lost,
            1 => Fate::ResultLost,
            2 => Fate::Twice,
            3 => Fate::BreaksAfter,
            4 => Fate::Breaks(Reason::StreamEnded),
            5 => Fate::Breaks(Reason::FrameBroken),
            6 => Fate::Answered(Reason::Overloaded),
            7 => Fate::Late(Duration::from_millis(self.below(40))),
            _ => Fate::Passes,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_road_does_each_statement_arrives_once() {
    for first in (0..SEEDS).step_by(AT_ONCE as usize) {
        let seeds = (first..first + AT_ONCE).map(run);
        futures_util::future::join_all(seeds).await;
    }
}

async fn run(seed: u64) {
    let net = Net::with_workers(1);
    let mut fates = Dice(seed ^ 0xFA7E);
    net.roads.fate(move |_: &Seen| fates.fate());
    let mut dice = Dice(seed);
    let mut sent = Vec::new();
    for _ in 0..STEPS {
        step(&net, &mut dice, &mut sent).await;
    }
    net.roads.calm();
    until(&format!("all of seed {seed}"), async || {
        let all_over = all_delivered(&net, &sent).await;
        if !all_over {
            // Whatever waits for a result that was lost is given up, and whatever waits to dial does so.
            net.pass(RESULT_TIMEOUT + Duration::from_secs(1));
            for (one, other) in [("XA", "XB"), ("XB", "XA")] {
                net.node(one).broker.heard_from(id(other));
                net.node(one).broker.check_links().await;
            }
        }
        all_over
    })
    .await;
    check(&net, seed, &sent).await;
}

type Sent = (&'static str, &'static str, StatementRef);

async fn step(net: &Net, dice: &mut Dice, sent: &mut Vec<Sent>) {
    let (from, to) = match dice.below(3) {
        0 => ("XB", "XA"),
        _ => ("XA", "XB"),
    };
    match dice.below(10) {
        0 => net.roads.end_streams(id("XB")),
        1 => {
            net.roads.cut(id("XB"));
            tokio::time::sleep(Duration::from_millis(dice.below(20))).await;
            net.roads.mend(id("XB"));
        }
        2 => tokio::time::sleep(Duration::from_millis(dice.below(20))).await,
        _ => {
            let priority = match dice.below(2) {
                0 => Priority::Flash,
                _ => Priority::Routine,
            };
            let draft = net.draft(priority, &[to]);
            let accepted = net.submit(from, draft).await.unwrap();
            sent.push((from, to, accepted.statement));
        }
    }
}

async fn all_delivered(net: &Net, sent: &[Sent]) -> bool {
    for (from, to, statement) in sent {
        if net.life(from, *statement, to).await != DeliveryLife::Delivered {
            return false;
        }
    }
    true
}

async fn check(net: &Net, seed: u64, sent: &[Sent]) {
    for node in ["XA", "XB"] {
        let received = sent.iter().filter(|(_, to, _)| *to == node).count();
        let accepted = sent.iter().filter(|(from, ..)| *from == node).count();
        assert_eq!(
            net.entries(node, Act::Received, None),
            received,
            "seed {seed}"
        );
        assert_eq!(
            net.entries(node, Act::ReceiptStored, None),
            accepted,
            "seed {seed}"
        );
    }
    for (from, to, statement) in sent {
        let there = net.record(to, *statement).await.unwrap();
        let here = net.record(from, *statement).await.unwrap();
        assert_eq!(here.leaf, there.leaf, "seed {seed}");
        let index = here.delivery(&id(to)).unwrap().receipt.unwrap();
        let kept = net.node(from).store.entry(index).unwrap().body;
        let (issued, _) = net
            .node(to)
            .store
            .entry(there.index)
            .unwrap()
            .receipt
            .unwrap();
        assert_eq!(kept, issued, "seed {seed}");
    }
}
