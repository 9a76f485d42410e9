//! What was checked, one claim a line, and the verdict over all.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{cli::output::escape, domain::time::Timestamp};

/// How a claim came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It holds; how.
    Holds(String),
    /// Nobody in the file says so; why. It takes nothing from what is proved.
    NotMade(String),
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
            Standing::Holds(how) => ("holds   ", how),
            Standing::NotMade(why) => ("not said", why),
            Standing::Fails(why) => ("FAILS   ", why),
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
    /// Everything claimed holds from the anchor up.
    Proved,
    /// Everything claimed holds, but from roots that the file itself brought.
    Consistent,
    /// Something is wrong, or nothing is claimed.
    Failed,
}

impl Verdict {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Consistent => "consistent, not proved",
            Self::Failed => "not proved: something does not hold",
        }
    }
}

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Over all claims.
    pub verdict: Verdict,
    /// How many claims hold.
    pub holding: usize,
    /// What nobody in the file says, each once, such as `not receipted by XC-POL`.
    pub not_said: BTreeSet<String>,
    /// How many do not hold.
    pub failing: usize,
    /// One by one.
    pub claims: Vec<Claim>,
}

impl Report {
    /// Draws the verdict from the claims; a list in which nothing holds proves nothing.
    pub(super) fn new(claims: Vec<Claim>, anchored: bool) -> Self {
        let count = |wanted: fn(&Standing) -> bool| {
            let found = claims.iter().filter(|it| wanted(&it.standing));
            found.count()
        };
        let holding = count(|it| matches!(it, Standing::Holds(_)));
        let failing = count(|it| matches!(it, Standing::Fails(_)));
        let not_said = claims.iter().filter_map(|claim| match &claim.standing {
            Standing::NotMade(why) => Some(why.clone()),
            _ => None,
        });
        Self {
            verdict: match (failing, holding) {
                (0, 1..) if anchored => Verdict::Proved,
                (0, 1..) => Verdict::Consistent,
                _ => Verdict::Failed,
            },
            holding,
            not_said: not_said.collect(),
            failing,
            claims,
        }
    }

    /// One line a claim, the verdict last.
    #[must_use]
    pub fn render(&self) -> String {
        let mut shown: String = self.claims.iter().map(|it| it.line() + "\n").collect();
        shown.push_str(&format!(
            "{}: {} claims hold, {} fail",
            self.verdict.words(),
            self.holding,
            self.failing
        ));
        if !self.not_said.is_empty() {
            let silent: Vec<String> = self.not_said.iter().map(|it| escape(it)).collect();
            shown.push_str(&format!("; not claimed: {}", silent.join(", ")));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_as_good_as_the_worst_claim_and_the_anchor() {
        let holds = || Claim::new("XA-POL", "said", Standing::Holds(String::new()));
        let silent = || Claim::new("XB-POL", "said", Standing::NotMade("silent".to_owned()));
        let fails = || Claim::fails("XA-POL", "said", "");
        let cases = [
            (vec![holds()], true, Verdict::Proved),
            (vec![holds()], false, Verdict::Consistent),
            (vec![holds(), silent()], true, Verdict::Proved),
            (vec![holds(), silent()], false, Verdict::Consistent),
            (vec![silent()], true, Verdict::Failed),
            (vec![holds(), silent(), fails()], true, Verdict::Failed),
            (vec![holds(), fails()], false, Verdict::Failed),
            (vec![], true, Verdict::Failed),
        ];
        for (claims, anchored, verdict) in cases {
            assert_eq!(Report::new(claims, anchored).verdict, verdict);
        }
        let report = Report::new(vec![holds(), silent()], true);
        let shown = report.render();
        let last = shown.lines().last();
        assert_eq!(
            last,
            Some("proved: 1 claims hold, 0 fail; not claimed: silent")
        );
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
            "holds     XB-POL  holds XA-POL/1  2026-11-24T08:00:00Z  key abcd  directory 3"
        );
    }
}
