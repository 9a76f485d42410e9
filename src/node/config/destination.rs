//! `[[destination]]`: on what ground statements go to whom, and what is asked of those who send there.
//!
//! The way in is [`rules`]. A word that no list knows refuses the start, and names the list; so does a rule that says
//! nothing, or of nobody.

use serde::{Deserialize, Deserializer, de};

use super::words::{destinations, standing_ground};
use crate::domain::transfer::{Ask, Rule};

/// One rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    to: Vec<String>,
    ground: Option<String>,
    ask: Option<String>,
}

/// Reads all of them, in their order: refusals name them by their number.
pub(super) fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let written = Vec::<Written>::deserialize(deserializer)?;
    let rules = written.iter().zip(1..).map(|(rule, number)| {
        read(rule)
            .map_err(|fault| de::Error::custom(format!("rule {number} of destination: {fault}")))
    });
    rules.collect()
}

fn read(written: &Written) -> Result<Rule, String> {
    let ground = written.ground.as_deref().map(standing_ground).transpose();
    let rule = Rule {
        to: destinations(&written.to)?,
        ground: ground.map_err(|fault| format!("ground: {fault}"))?,
        ask: written.ask.as_deref().map(ask).transpose()?,
    };
    if rule.to.is_empty() {
        return Err("to: found nobody, expected countries, authorities or groups".to_owned());
    }
    match (rule.ground, rule.ask) {
        (None, None) => Err("it says nothing: expected `ground`, `ask` or both".to_owned()),
        (Some(_), Some(Ask::Reason)) => Err(
            "ground: expected none where `ask` is `reason`: only a derogation goes there, with its own reason each time"
                .to_owned(),
        ),
        _ => Ok(rule),
    }
}

fn ask(word: &str) -> Result<Ask, String> {
    let mut known = Ask::ALL.into_iter();
    known.find(|ask| ask.name() == word).ok_or_else(|| {
        let names = Ask::ALL.map(Ask::name);
        format!(
            "ask: found `{}`, expected one of {}",
            word.escape_debug(),
            names.join(", ")
        )
    })
}
