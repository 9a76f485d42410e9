//! Words as people write them: kept raw, shown escaped (threats row 32).
//!
//! The way in is [`escape`] for anything that reaches a terminal, page or error, and [`flags`] for what a
//! reader should be told of it. Nothing here changes what is stored.

use unicode_normalization::char::is_combining_mark;
use unicode_security::mixed_script::AugmentedScriptSet;

/// Combining marks on one letter that are shown; no living script needs more.
const MARKS_MAX: usize = 4;

/// The text so that it can be shown: no control, bidirectional, zero-width or other invisible character.
///
/// Those, and the backslash, become escapes such as `\u{202e}` and `\n`; everything else stays as it is.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut marks = None;
    for character in text.chars() {
        if is_combining_mark(character) && !is_invisible(character) {
            // A mark needs a letter before it, or it would sit on what stands before the text.
            marks = marks.map(|count| count + 1);
            if marks.is_some_and(|count| count <= MARKS_MAX) {
                shown.push(character);
                continue;
            }
        } else if is_plain(character) {
            marks = character.is_alphanumeric().then_some(0);
            shown.push(character);
            continue;
        } else {
            marks = None;
        }
        shown.extend(escaped(character));
    }
    shown
}

/// [`escape`], cut after `max_chars` characters of the text; a cut is marked by `…`.
#[must_use]
pub fn excerpt(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", escape(text.get(..end).unwrap_or_default())),
        None => escape(text),
    }
}

/// Whether a character is shown as it is wherever it stands: [`escape`] leaves it, or combines it with its letter.
#[must_use]
pub fn is_shown(character: char) -> bool {
    is_plain(character) || (is_combining_mark(character) && !is_invisible(character))
}

/// What a reader should be told of a text before believing what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Control, bidirectional, zero-width or other invisible characters.
    Hidden,
    /// A word whose letters are of scripts that are not written together.
    MixedScript,
}

/// The flags of a text, each once.
#[must_use]
pub fn flags(text: &str) -> Vec<Flag> {
    // The usual text has neither, and that is quickly seen.
    if text
        .bytes()
        .all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
    {
        return Vec::new();
    }
    let hidden = text
        .chars()
        .any(|c| !matches!(c, '\n' | '\r' | '\t') && (is_invisible(c) || c.is_control()));
    let mixed = text
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| !word.is_ascii() && AugmentedScriptSet::for_str(word).is_empty());
    let mut flags = Vec::new();
    if hidden {
        flags.push(Flag::Hidden);
    }
    if mixed {
        flags.push(Flag::MixedScript);
    }
    flags
}

/// Whether words may name a minor: a child is spoken of and something that looks like a name follows closely.
///
/// A hint to the writer, wrong in both directions; English, German, French and Spanish words only.
#[must_use]
pub fn may_name_minor(text: &str) -> bool {
    /// Words after the child's among which a name is looked for.
    const CLOSELY: usize = 4;
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut close = 0;
    for word in words {
        if close > 0 && looks_like_name(word) {
            return true;
        }
        close = match speaks_of_child(word) {
            true => CLOSELY,
            false => close.saturating_sub(1),
        };
    }
    false
}

fn speaks_of_child(word: &str) -> bool {
    // Lower case without an allocation for the usual word.
    let lower = (!word.is_ascii()).then(|| word.to_lowercase());
    let lower = lower.as_deref().unwrap_or(word);
    let may_be = FIRST_LETTERS
        .get(lower.len())
        .zip(lower.bytes().next())
        .is_some_and(|(letters, first)| letters & letter(first) != 0);
    may_be && CHILDREN.iter().any(|it| it.eq_ignore_ascii_case(lower))
}

/// Words for a child; see [`may_name_minor`].
const CHILDREN: [&str; 49] = [
    "child",
    "boy",
    "girl",
    "son",
    "daughter",
    "minor",
    "victim",
    "pupil",
    "niece",
    "nephew",
    "stepson",
    "stepdaughter",
    "grandson",
    "granddaughter",
    "kind",
    "sohn",
    "tochter",
    "opfer",
    "schüler",
    "schülerin",
    "enfant",
    "enfants",
    "fils",
    "fille",
    "filles",
    "fillette",
    "garçon",
    "garçonnet",
    "mineur",
    "mineure",
    "bébé",
    "nièce",
    "neveu",
    "écolier",
    "écolière",
    "lycéen",
    "lycéenne",
    "collégien",
    "collégienne",
    "pupille",
    "victime",
    "victimes",
    "élève",
    "hijo",
    "hija",
    "niño",
    "niña",
    "víctima",
    "menor",
];

/// For each length in bytes, with which letters those words begin: most words of a text are told apart by this alone.
const FIRST_LETTERS: [u32; 16] = {
    let mut letters = [0; 16];
    let mut place = 0;
    while place < CHILDREN.len() {
        let word = CHILDREN[place].as_bytes();
        letters[word.len()] |= letter(word[0]);
        place += 1;
    }
    letters
};

/// One bit for a byte, the same for capitals.
const fn letter(first: u8) -> u32 {
    1 << (first & 31)
}

fn looks_like_name(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase)
        && letters.clone().next().is_some()
        && letters.all(char::is_lowercase)
}

fn is_plain(character: char) -> bool {
    matches!(character, ' ' | '\'' | '"')
        || (character != '\\'
            && !character.is_control()
            && !is_invisible(character)
            // The standard library escapes what has no glyph: unassigned, private, separators.
            && character.escape_debug().len() == 1)
}

/// Characters that change or hide text and show nothing themselves (Unicode `Default_Ignorable_Code_Point`,
/// `Bidi_Control`, `Cf`, and letters that are drawn as nothing).
fn is_invisible(character: char) -> bool {
    matches!(u32::from(character),
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
        | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x0600..=0x0605 | 0x06DD | 0x070F
        | 0x0890 | 0x0891 | 0x08E2 | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let short = matches!(character, '\n' | '\r' | '\t' | '\\');
    let debug = short.then(|| character.escape_debug());
    let number = (!short).then(|| character.escape_unicode());
    debug
        .into_iter()
        .flatten()
        .chain(number.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_many_scripts_stay_as_they_are() {
        for name in [
            "O'Neill",
            "Müller-Łoś",
            "Χρήστος",
            "Иванов",
            "محمد",
            "शर्मा",
            "王小明",
            "Nguye\u{302}\u{303}n",
        ] {
            assert_eq!(escape(name), name);
            assert_eq!(flags(name), [], "{name}");
        }
    }

    #[test]
    fn what_hides_or_turns_text_is_shown_as_escape_and_flagged() {
        for (raw, shown) in [
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{feff}x", "\\u{feff}x"),
            ("x\u{e0041}", "x\\u{e0041}"),
        ] {
            assert_eq!(escape(raw), shown);
            assert!(flags(raw).contains(&Flag::Hidden), "{shown}");
        }
        assert_eq!(escape("a\nb\\c"), "a\\nb\\\\c");
        assert_eq!(flags("two\nlines"), []);
        assert_eq!(flags("p\u{430}ypal"), [Flag::MixedScript]);
    }

    #[test]
    fn a_child_followed_by_a_name_warns_and_a_child_alone_does_not() {
        assert!(may_name_minor("lives with the daughter, Anna, of a friend"));
        assert!(may_name_minor("wohnt bei der SCHÜLERIN Berta"));
        assert!(!may_name_minor("must not meet a child under 16 alone"));
        assert!(!may_name_minor("Anna Maria Eriksson"));
    }

    #[test]
    fn children_are_spoken_of_in_french_too() {
        for text in [
            "vit avec la fille, Anna, d'un ami",
            "vu en compagnie d'une MINEURE nommée Berthe",
            "l'élève Camille lui a écrit",
            "un garçon prénommé Luc l'accompagnait",
            "ÉCOLIÈRE du nom de Zoé",
            "le neveu Hugo de la compagne",
            "sa belle-fille Léa",
            "la victime, Jeanne, le connaissait",
        ] {
            assert!(may_name_minor(text), "{text}");
        }
        for text in [
            "ne doit rencontrer aucun enfant de moins de 16 ans",
            "travaille avec des mineurs dans un club",
            "Anne Marie Lefèvre, sans enfants connus",
            "la fillette n'est pas nommée",
        ] {
            assert!(!may_name_minor(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn row_32_escape_never_emits_what_hides(text in any::<String>()) {
            let shown = escape(&text);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)), "{shown:?}");
        }

        #[test]
        fn excerpts_are_bounded(text in any::<String>(), max in 0usize..50) {
            prop_assert!(excerpt(&text, max).chars().count() <= max * 10 + 1);
        }
    }
}
