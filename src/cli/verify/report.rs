//! What was checked, one claim a line, and the verdict over all.

use serde::Serialize;

use crate::{cli::output::escape, domain::time::Timestamp};

/// How a claim came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It holds; how.
    Holds(String),
    /// Nothing contradicts it, and nothing in the file proves it.
    Missing(String),
    /// It is wrong; why.
    Fails(String),
}

/// Who did what, when, by which key, and whether that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Authority, or `file`.
    pub who: String,
    /// What is claimed.
    pub what: String,
    /// When, RFC 3339; empty when it has no time.
    pub when: String,
    /// Key id in hexadecimal; empty when no key is named.
    pub key: String,
    /// Whether it holds.
    pub standing: Standing,
}

impl Claim {
    /// A claim without time and key.
    pub fn new(who: impl Into<String>, what: impl Into<String>, standing: Standing) -> Self {
        Self {
            who: who.into(),
            what: what.into(),
            when: String::new(),
            key: String::new(),
            standing,
        }
    }

    /// A claim that does not hold.
    pub fn fails(who: impl Into<String>, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(who, what, Standing::Fails(why.into()))
    }

    /// The same, at a time.
    #[must_use]
    pub fn at(mut self, when: Timestamp) -> Self {
        self.when = when.to_string();
        self
    }

    /// The same, by a key.
    #[must_use]
    pub fn by(mut self, key: &[u8]) -> Self {
        self.key = crate::cli::output::hex(key);
        self
    }

    fn line(&self) -> String {
        let (mark, how) = match &self.standing {
            Standing::Holds(how) => ("holds  ", how),
            Standing::Missing(why) => ("MISSING", why),
            Standing::Fails(why) => ("FAILS  ", why),
        };
        let mut line = format!("{mark}  {}  {}", escape(&self.who), escape(&self.what));
        for (word, part) in [("", &self.when), ("key ", &self.key), ("", how)] {
            if !part.is_empty() {
                line.push_str(&format!("  {word}{}", escape(part)));
            }
        }
        line
    }
}

/// The verdict over all claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything holds from the anchor up.
    Proved,
    /// Everything holds, but from roots that the file itself brought.
    Consistent,
    /// Nothing is wrong, but something is not there.
    Incomplete,
    /// Something is wrong.
    Failed,
}

impl Verdict {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Consistent => "consistent, not proved",
            Self::Incomplete => "not proved: something is missing",
            Self::Failed => "not proved: something does not hold",
        }
    }
}

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Over all claims.
    pub verdict: Verdict,
    /// One by one.
    pub claims: Vec<Claim>,
}

impl Report {
    /// Draws the verdict from the claims; an empty list proves nothing.
    pub(super) fn new(claims: Vec<Claim>, anchored: bool) -> Self {
        let any = |wanted: fn(&Standing) -> bool| claims.iter().any(|it| wanted(&it.standing));
        let verdict = if any(|it| matches!(it, Standing::Fails(_))) || claims.is_empty() {
            Verdict::Failed
        } else if any(|it| matches!(it, Standing::Missing(_))) {
            Verdict::Incomplete
        } else if anchored {
            Verdict::Proved
        } else {
            Verdict::Consistent
        };
        Self { verdict, claims }
    }

    /// One line a claim, the verdict last.
    #[must_use]
    pub fn render(&self) -> String {
        let mut shown: String = self.claims.iter().map(|it| it.line() + "\n").collect();
        shown.push_str(self.verdict.words());
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_as_good_as_the_worst_claim_and_the_anchor() {
        let holds = || Claim::new("XA-POL", "said", Standing::Holds(String::new()));
        let missing = || Claim::new("XA-POL", "said", Standing::Missing(String::new()));
        let fails = || Claim::fails("XA-POL", "said", "");
        let cases = [
            (vec![holds()], true, Verdict::Proved),
            (vec![holds()], false, Verdict::Consistent),
            (vec![holds(), missing()], true, Verdict::Incomplete),
            (vec![holds(), missing(), fails()], true, Verdict::Failed),
            (vec![], true, Verdict::Failed),
        ];
        for (claims, anchored, verdict) in cases {
            assert_eq!(Report::new(claims, anchored).verdict, verdict);
        }
    }

    #[test]
    fn a_line_says_who_what_when_by_which_key_and_how() {
        let claim = Claim::new(
            "XB-POL",
            "holds XA-POL/1",
            Standing::Holds("directory 3".to_owned()),
        )
        .at(Timestamp::from_micros(1_795_507_200_000_000))
        .by(&[0xab, 0xcd]);
        assert_eq!(
            claim.line(),
            "holds    XB-POL  holds XA-POL/1  2026-11-24T08:00:00Z  key abcd  directory 3"
        );
    }
}
