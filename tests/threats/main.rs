//! The threat matrix on real sockets: an intruder with a member's keys, or with none, against whole nodes.
//!
//! ```text
//!  intruder ("XC-T..", every key in the test's hands) ==exchange==> XB-POL, the victim <--desk-- auditor
//!  officer --desk--> XA-POL ==exchange==> XB-POL
//!                           ==exchange==> impostor (an XC-T.. that answers with receipts of its own making)
//! ```
//!
//! After each attack the victim's journal is read: exactly one entry with reason, peer and the hash of the envelope that
//! was sent, counted once, and nothing else kept.
//! Each refusal has its accepting twin beside it. [`matrix`] holds the list of rows and their tests.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "../common/forge.rs"]
mod forge;
#[path = "../common/impostor.rs"]
mod impostor;
#[path = "../common/intruder.rs"]
mod intruder;
#[path = "../common/realm.rs"]
mod realm;

mod admission;
mod frames;
mod matrix;
mod receipts;
mod repeats;
mod rules;
mod signatures;
mod slow;
mod store;
mod threads;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, Weak},
};

use allpoints::{
    domain::{reason::Reason, receipt::LeafHash},
    proto::{
        directory::v1::{Entry, Key, KeyUse},
        envelope::v1::Statement,
    },
    trust::tls::Role,
};
use forge::{Envelope, Partner};
use intruder::{Intruder, Said};
use realm::{Design, Realm, line_of};
use tokio::sync::Mutex;

/// A whole node with its own officers.
const SENDER: &str = "XA-POL";
/// The node under attack.
const VICTIM: &str = "XB-POL";

static REALM: Mutex<Weak<Realm>> = Mutex::const_new(Weak::new());

/// One partner for each test that needs one, so that tests never see each other's journal entries.
const DESIGN: Design = Design {
    nodes: &[SENDER, VICTIM],
    partners: &[
        "XC-T01",
        "XC-T02",
        "XC-T07",
        "XC-T08",
        "XC-T08PIN",
        "XC-T09",
        "XC-T10",
        "XC-T11",
        "XC-T12",
        "XC-T13",
        "XC-T13LATE",
        "XC-T13OLD",
        "XC-T13GONE",
        "XC-T14",
        "XC-T14TLS",
        "XC-T15",
        "XC-T16",
        "XC-T17",
        "XC-T18",
        "XC-T19",
        "XC-T20",
        "XC-T21",
        "XC-T22",
        "XC-T23",
        "XC-T24",
        "XC-T25",
        "XC-T25S",
        "XC-T26",
        "XC-T26S",
        "XC-T27",
        "XC-T28",
        "XC-T29",
        "XC-T30",
        "XC-T31",
        "XC-T31S",
        "XC-T31V",
        "XC-T33",
        "XC-T33B",
        "XC-T35",
        "XC-T35S",
        "XC-T41",
        "XC-T41TCP",
        "XC-T60",
        "XC-T69",
        "XC-T70",
        "XC-T71",
        "XC-T71OUT",
        "XC-T72",
        "XC-T72B",
    ],
    suspended: &["XC-T07"],
    tailor: tailored,
};

/// Row 8: one partner's directory entry pins a key that nobody has, another's pins its own. Row 13: keys that
/// are retired for less or more than a day, or revoked.
fn tailored(id: &str, home: &Path, entry: &mut Entry) {
    const HOUR_US: i64 = 3_600_000_000;
    let now = entry.issued_at_us;
    let retire = |key: &mut Key, hours_ago: i64| {
        key.valid_from_us = now - 100 * HOUR_US;
        key.valid_until_us = now - hours_ago * HOUR_US;
    };
    let statement_keys = entry
        .keys
        .iter_mut()
        .filter(|key| key.r#use() == KeyUse::Statement);
    for key in statement_keys {
        match id {
            "XC-T13LATE" => retire(key, 23),
            "XC-T13OLD" => retire(key, 25),
            "XC-T13GONE" => key.revoked_at_us = now,
            _ => {}
        }
    }
    match id {
        "XC-T08" => entry.spki_pins = vec![vec![0x11; 32]],
        "XC-T08PIN" => entry.spki_pins = vec![admission::spki_pin(&home.join("node/exchange.pem"))],
        _ => {}
    }
}

/// Tells a story in the shared federation.
fn in_realm(story: impl AsyncFnOnce(Arc<Realm>)) {
    realm::shared(&REALM, &DESIGN, story);
}

/// A turned partner with an open stream to the victim.
struct Scene {
    realm: Arc<Realm>,
    partner: Partner,
    intruder: Intruder,
}

impl Scene {
    async fn of(realm: &Arc<Realm>, id: &str) -> Self {
        Self {
            realm: Arc::clone(realm),
            partner: Partner::of(realm, id),
            intruder: Intruder::as_member(realm, id, VICTIM).await,
        }
    }

    /// Sends any envelope to the victim.
    async fn send(&mut self, envelope: Envelope) -> Said {
        let leaf = envelope.leaf();
        let said = self.intruder.send(envelope).await;
        self.has_sent(leaf, &said.reason);
        said
    }

    /// What the victim must have in its journal of an envelope to which it said this.
    fn has_sent(&self, leaf: LeafHash, reason: &str) {
        // Put off, not refused: the alarm is told once, and no envelope is written down.
        if reason == Reason::ClockSkew.name() {
            return;
        }
        let entry = (reason.to_owned(), leaf.0.to_vec());
        let mut sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = sent.entry(self.home()).or_default();
        let is_repeat = reason.is_empty() && sent.contains(&entry);
        if !is_repeat {
            sent.push(entry);
        }
    }

    /// Names partner and federation.
    fn home(&self) -> PathBuf {
        self.realm.folder_of(&self.partner.id)
    }

    /// Signs as this partner would, and sends.
    async fn sign_and_send(&mut self, statement: &Statement) -> Said {
        self.send(self.partner.signs(statement)).await
    }

    /// A legal alert to the victim.
    fn alert(&self) -> Statement {
        self.partner.alert(&[VICTIM])
    }

    /// The victim's journal has exactly these entries about this partner, each with the hash of the envelope that was
    /// sent; its inbox that many statements; and it has counted each refusal.
    async fn victim_wrote(&self, entries: &[&str], held: usize) {
        let (realm, id) = (&self.realm, &self.partner.id);
        let written = realm.entries(VICTIM, id).await;
        let lines: Vec<_> = written.iter().map(line_of).collect();
        assert_eq!(lines, entries, "journal on {id}");
        let of_envelopes: Vec<Word> = written
            .iter()
            .filter(|entry| entry.act != "incident" && !entry.leaf.is_empty())
            .map(|entry| (entry.reason.clone(), entry.leaf.clone()))
            .collect();
        let sent = {
            let sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
            sent.get(&self.home()).cloned().unwrap_or_default()
        };
        assert_eq!(of_envelopes, sent, "reasons and hashes of what {id} sent");
        // A refusal that names no envelope is of a whole frame, greeting or call.
        let unnamed = written.iter().filter(|entry| entry.leaf.is_empty());
        for entry in unnamed {
            let line = line_of(entry);
            assert!(WITHOUT_ENVELOPE.contains(&line.as_str()), "{line} of {id}");
        }
        assert_eq!(realm.inbox(VICTIM, id).await.len(), held, "inbox from {id}");
        realm::counts_refusals(realm, VICTIM, id, &written).await;
    }
}

/// What is written down of no envelope.
const WITHOUT_ENVELOPE: [&str; 3] = [
    "refused-input FRAME_BROKEN",
    "refused-input NOT_OFFERED",
    "incident CLOCK_SKEW",
];

/// What each partner sent and the victim answered for good, with the answer: held or the reason. By the partner's folder,
/// as a test may open more than one stream.
static SENT: std::sync::Mutex<BTreeMap<PathBuf, Vec<Word>>> =
    std::sync::Mutex::new(BTreeMap::new());

/// The reason, empty for held, and the hash of the envelope.
type Word = (String, Vec<u8>);

/// A desk client of the victim's officer.
async fn officer(realm: &Realm) -> realm::Desk {
    realm.desk(VICTIM, Role::Officer).await
}
