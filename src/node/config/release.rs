//! `[[release]]`: what this authority's people send only after a second person's release.
//!
//! The way in is [`rules`]. A word that no list knows refuses the start, and names the list.

use serde::{Deserialize, Deserializer, de};

use super::words::{all, at_most_one, destinations};
use crate::domain::{
    alert::measure::RiskLevel,
    release::{KindSet, Rule},
    routing::Kind,
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
    Ok(Rule {
        kinds: KindSet::new(all::<Kind>("kinds", &written.kinds)?),
        least_priority: at_most_one("priority", written.priority.as_ref())?,
        least_risk: at_most_one::<RiskLevel>("risk", written.risk.as_ref())?,
        handling: all("handling", &written.handling)?,
        to: destinations(&written.to)?,
        four_eyes: written.four_eyes,
    })
}
