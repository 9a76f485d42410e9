//! What of the node's files is in force, since when, and what newer was refused.

use crate::domain::time::Timestamp;

/// Something that is read anew while the node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// `directory`, `node certificate`, `desk trust`, ...
    pub what: &'static str,
    /// What is in force: a version, a fingerprint, a key's id.
    pub version: String,
    /// Since when.
    pub at: Timestamp,
    /// What was found later and refused.
    pub refused: Option<RefusedLoad>,
}

/// A newer file that was refused: the old one stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLoad {
    /// When it was refused first.
    pub since: Timestamp,
    /// File, what is wrong with it, and the fix.
    pub why: String,
}

impl Loaded {
    /// What a person is to be told.
    pub(super) fn alarm(&self) -> Option<String> {
        let refused = self.refused.as_ref()?;
        Some(format!(
            "{}: refused since {}, the old stays in force: {}",
            self.what, refused.since, refused.why
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_refused_alarms() {
        let mut loaded = Loaded {
            what: "desk trust",
            version: "list 4".to_owned(),
            at: Timestamp::from_micros(0),
            refused: None,
        };
        assert_eq!(loaded.alarm(), None);
        loaded.refused = Some(RefusedLoad {
            since: Timestamp::from_micros(1_000_000),
            why: "desk.crl is no CRL; run `allpoints pki crl`".to_owned(),
        });
        assert_eq!(
            loaded.alarm().as_deref(),
            Some(
                "desk trust: refused since 1970-01-01T00:00:01Z, the old stays in force: \
                 desk.crl is no CRL; run `allpoints pki crl`"
            )
        );
    }
}
