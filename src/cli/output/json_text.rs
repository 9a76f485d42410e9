//! JSON text that is safe on a terminal: the same value, with no control, bidirectional or invisible character.
//!
//! The rule of what is shown as it is, is that of [`crate::domain::text`].

use crate::domain::text;

/// JSON text with dangerous characters as `\uXXXX`.
#[must_use]
pub(super) fn escape(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings JSON is plain; inside of them backslashes and line ends are escaped already.
        if matches!(c, '\\' | '\n') || text::is_shown(c) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn json_keeps_its_value_and_shows_nothing_dangerous(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = escape(&json);
            prop_assert!(shown.chars().all(|c| c == '\\' || text::is_shown(c)), "{}", shown);
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
