//! Makes text from alerts safe for a terminal: no control, bidirectional or invisible character gets out.
//!
//! What is stored stays as it is; only what is shown is changed, and visibly so.

/// The text with every dangerous character written as `\u{..}`.
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut shown, c| {
            if is_dangerous(c) {
                shown.extend(c.escape_unicode());
            } else {
                shown.push(c);
            }
            shown
        })
}

/// JSON text with dangerous characters as `\uXXXX`: the same value, safe on a terminal.
#[must_use]
pub(super) fn escape_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_dangerous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Controls, bidirectional marks and overrides, zero-width and other invisible formatting (Unicode `Cc`, and
/// the `Cf`, `Zl` and `Zp` characters that change how other text is read), tags and variation selectors.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leaves_names_of_many_scripts_as_they_are() {
        for name in ["Ériksson", "Χρήστος", "محمد", "王小明", "O'Neil-Smith"] {
            assert_eq!(escape(name), name);
        }
    }

    #[test]
    fn shows_what_would_deceive() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(escape("x\u{200b}y"), "x\\u{200b}y");
    }

    proptest! {
        #[test]
        fn never_emits_a_dangerous_character(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(is_dangerous));
        }

        #[test]
        fn json_keeps_its_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = escape_json(&json);
            prop_assert!(!shown.chars().any(|c| c != '\n' && is_dangerous(c)));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
