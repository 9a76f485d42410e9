//! Words of lists in the rules of a configuration: read one by one, and a wrong one names what would be right.

use crate::domain::{
    release::{Destination, DestinationError},
    routing::{Coded, TransferGround},
};

/// Countries, authorities and groups.
pub(super) fn destinations(words: &[String]) -> Result<Vec<Destination>, String> {
    let to = words.iter().map(|to| to.parse());
    to.collect::<Result<_, _>>()
        .map_err(|fault: DestinationError| format!("to: {fault}"))
}

/// A ground that may stand for many statements. A derogation needs a reason of its own each time: it is nobody's
/// default.
pub(super) fn standing_ground(word: &str) -> Result<TransferGround, String> {
    match TransferGround::from_name(word) {
        Some(TransferGround::Derogation) | None => Err(format!(
            "found `{}`, expected `adequacy` or `safeguards`",
            word.escape_debug()
        )),
        Some(ground) => Ok(ground),
    }
}

pub(super) fn at_most_one<T: Coded>(key: &str, word: Option<&String>) -> Result<Option<T>, String> {
    word.map(|word| one(key, word)).transpose()
}

pub(super) fn all<T: Coded>(key: &str, words: &[String]) -> Result<Vec<T>, String> {
    words.iter().map(|word| one(key, word)).collect()
}

pub(super) fn one<T: Coded>(key: &str, word: &str) -> Result<T, String> {
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
