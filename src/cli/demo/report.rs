//! What the demo found: the time line, and a row for each check, expected beside observed.

use serde::Serialize;

use crate::cli::output::escape;

/// What Allpoints promises: every check belongs to one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Who needs to know is told, and says what it did.
    Told,
    /// Nothing is lost, doubled or silent, whatever breaks.
    Kept,
    /// Nobody forges, denies or slips in.
    Proved,
    /// About the demo itself: that it ran, and left nothing.
    Demo,
}

impl Promise {
    /// In the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Told, Self::Kept, Self::Proved, Self::Demo];

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Told => "1  Who needs to know is told at once, and says what it did",
            Self::Kept => "2  Nothing is lost, doubled or silent, even when a node is killed",
            Self::Proved => "3  Nobody can forge, deny or slip in, and a court can check it",
            Self::Demo => "And this demo itself",
        }
    }
}

/// One promise, put to the test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which promise it is about.
    pub promise: Promise,
    /// What is promised.
    pub name: String,
    /// What must be seen.
    pub expected: String,
    /// What was seen.
    pub observed: String,
    /// Whether the two are the same.
    pub ok: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happening {
    /// Seconds since the demo began.
    pub seconds: f64,
    /// Who did it.
    pub who: String,
    /// What.
    pub what: String,
}

/// A child process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NodeSeen {
    /// Whose node.
    pub authority: String,
    /// Every process id it had, in order.
    pub process_ids: Vec<u32>,
    /// Loopback port of the listener for other authorities.
    pub exchange_port: u16,
    /// Of the listener for its own staff.
    pub desk_port: u16,
    /// Of the listener for monitoring.
    pub ops_port: u16,
    /// What its partners showed when it dialled them.
    pub handshakes: Vec<Handshake>,
}

/// What a partner showed in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Handshake {
    /// The partner.
    pub partner: String,
    /// `fast` or `bulk`.
    pub lane: String,
    /// The name in its certificate, such as `allpoints://XB-POL/node/1`.
    pub certificate_name: String,
    /// Such as `X25519MLKEM768`.
    pub key_exchange: String,
}

/// What a country did with all that Arcadia sent it, as Arcadia's node knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CountrySeen {
    /// Who.
    pub authority: String,
    /// Statements sent to it.
    pub sent: usize,
    /// Signed for by it.
    pub signed: usize,
    /// Alerts that an officer there opened.
    pub opened: usize,
    /// Its gravest answer; empty when it gave none.
    pub answer: String,
    /// Not signed for yet.
    pub waiting: usize,
    /// Why; empty when nothing waits.
    pub reason: String,
}

/// How much of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Alerts and what followed them, submitted by Arcadia.
    pub statements_sent: usize,
    /// Receipts that Arcadia holds for them: one for each statement and recipient.
    pub receipts_held: usize,
    /// Of the burst, delivered to the killed node before the kill.
    pub delivered_before_kill: usize,
    /// Of the burst, under way or waiting when it was killed.
    pub waiting_after_kill: usize,
    /// Bytes of evidence.
    pub evidence_bytes: usize,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DemoReport {
    /// Whether every check held.
    pub ok: bool,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// What happened, in order.
    pub timeline: Vec<Happening>,
    /// What each other country did with what Arcadia sent.
    pub countries: Vec<CountrySeen>,
    /// The nodes.
    pub nodes: Vec<NodeSeen>,
    /// How much of everything.
    pub counts: Counts,
    /// Reference of the alert that it was about.
    pub alert: String,
    /// Fingerprint of the federation's first root.
    pub anchor: String,
    /// With `--keep`: commands to talk to the nodes, and the one that stops them.
    pub commands: Vec<String>,
    /// From start to end.
    pub seconds: f64,
}

impl DemoReport {
    /// Puts down what was expected and what was seen.
    pub fn check(&mut self, promise: Promise, name: &str, expected: &str, observed: &str) {
        self.checks.push(Check {
            promise,
            name: name.to_owned(),
            expected: expected.to_owned(),
            observed: escape(observed),
            ok: expected == observed,
        });
    }

    /// True when there were checks and all of them held.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }

    /// Names of those that did not hold; of a demo that checked nothing, that.
    #[must_use]
    pub fn failed(&self) -> Vec<String> {
        if self.checks.is_empty() {
            return vec!["nothing was checked".to_owned()];
        }
        let failed = self.checks.iter().filter(|check| !check.ok);
        failed.map(|check| check.name.clone()).collect()
    }
}
