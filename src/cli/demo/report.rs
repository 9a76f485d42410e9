//! What the demo found: one row a check, expected beside observed.

use serde::Serialize;

use crate::cli::output::escape;

/// One promise, put to the test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is promised.
    pub name: String,
    /// What must be seen.
    pub expected: String,
    /// What was seen.
    pub observed: String,
    /// Whether the two are the same.
    pub ok: bool,
}

/// A child process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeSeen {
    /// Whose node.
    pub authority: String,
    /// Every process id it had, in order.
    pub process_ids: Vec<u32>,
    /// Exchange, desk and ops listeners.
    pub addresses: Vec<String>,
    /// Partners' certificate names and key exchange, as its handshakes saw them.
    pub handshakes: Vec<String>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DemoReport {
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// The nodes.
    pub nodes: Vec<NodeSeen>,
    /// Statements that crossed a border.
    pub delivered: usize,
    /// From start to end.
    pub seconds: f64,
}

impl DemoReport {
    /// Puts down what was expected and what was seen.
    pub fn check(&mut self, name: &str, expected: &str, observed: &str) {
        self.checks.push(Check {
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
