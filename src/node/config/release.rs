//! `[[release]]`: what this authority's people send only after a second person's release.
//!
//! The way in is [`rules`]. A word that no list knows refuses the start, and names the list.

use serde::{Deserialize, Deserializer, de};

use crate::domain::{
    alert::measure::RiskLevel,
    release::{KindSet, Rule},
    routing::{Coded, Kind},
};

/// One rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    kinds: Vec<String>,
    priority: Option<String>,
    risk: Option<String>,
    #[serde(default)]
    handling: Vec<String>,
    #[serde(default)]
    to: Vec<String>,
    four_eyes: bool,
}

/// Reads all of them, in their order: refusals and drafts name them by their number.
pub(super) fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let written = Vec::<Written>::deserialize(deserializer)?;
    let rules = written.iter().zip(1..).map(|(rule, number)| {
        read(rule).map_err(|fault| de::Error::custom(format!("rule {number} of release: {fault}")))
    });
    rules.collect()
}

fn read(written: &Written) -> Result<Rule, String> {
    let to = written.to.iter().map(|to| to.parse());
    Ok(Rule {
        kinds: KindSet::new(all::<Kind>("kinds", &written.kinds)?),
        least_priority: at_most_one("priority", written.priority.as_ref())?,
        least_risk: at_most_one::<RiskLevel>("risk", written.risk.as_ref())?,
        handling: all("handling", &written.handling)?,
        to: to
            .collect::<Result<_, _>>()
            .map_err(|fault: crate::domain::release::DestinationError| format!("to: {fault}"))?,
        four_eyes: written.four_eyes,
    })
}

fn at_most_one<T: Coded>(key: &str, word: Option<&String>) -> Result<Option<T>, String> {
    word.map(|word| one(key, word)).transpose()
}

fn all<T: Coded>(key: &str, words: &[String]) -> Result<Vec<T>, String> {
    words.iter().map(|word| one(key, word)).collect()
}

fn one<T: Coded>(key: &str, word: &str) -> Result<T, String> {
    let known = T::all().iter().copied();
    known
        .clone()
        .find(|value| value.text() == word)
        .ok_or_else(|| {
            let names: Vec<&str> = known.map(T::text).collect();
            format!(
                "{key}: found `{}`, expected one of {}",
                word.escape_debug(),
                names.join(", ")
            )
        })
}
