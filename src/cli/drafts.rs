//! What commands put into the drafts of answers, sightings, instructions, recalls and closures.
//!
//! Only builds; whether a draft is legal is the node's word, with every fault listed.

use crate::proto::alert::v1::Text;

/// Words, when there are any; the language is not said.
#[must_use]
pub fn words(text: Option<String>) -> Option<Text> {
    text.map(|text| Text {
        text,
        ..Text::default()
    })
}
