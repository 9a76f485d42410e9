//! Names in Latin letters: as ICAO Doc 9303 part 3, section 6, says, and plainly.
//!
//! The way in is [`icao_forms`] for what a machine-readable zone may hold, and [`plain`] for showing and matching what
//! the tables do not know. The tables are data, one file for each script; nothing here guesses a language.

use unicode_normalization::UnicodeNormalization as _;

mod arabic;
mod cyrillic;
mod latin;

use arabic::{ARABIC, SHADDA, TEH_MARBUTA};
use cyrillic::{CYRILLIC, Exception};
use latin::LATIN;

/// Every way in which a name may stand in a machine-readable zone, the usual one first; words are separated by one
/// space. `None` when it is empty, or has a letter that no table knows.
///
/// ICAO lets states choose for some letters (`Ä` is `AE` or `A`), and makes exceptions for languages that share the
/// Cyrillic letters. A name does not say its language: each gives one form.
#[must_use]
pub fn icao_forms(text: &str) -> Option<Vec<String>> {
    let upper: String = text.nfc().flat_map(char::to_uppercase).nfc().collect();
    let mut forms: Vec<String> = Vec::new();
    for choice in Choice::ALL {
        let form = form(&upper, choice)?;
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    Some(forms)
}

/// Plain Latin letters of any script, as a reader without the keyboard would type them.
#[must_use]
pub fn plain(text: &str) -> String {
    any_ascii::any_ascii(text)
}

/// Which of several legal transliterations.
#[derive(Debug, Clone, Copy)]
enum Choice {
    /// The n-th of the Latin table's choices, or its last.
    Latin(usize),
    /// With a language's exceptions.
    Of(&'static [Exception]),
}

impl Choice {
    const ALL: [Self; 8] = [
        Self::Latin(0),
        Self::Latin(1),
        Self::Latin(2),
        Self::Of(&[Exception::Belarusian]),
        Self::Of(&[Exception::Bulgarian]),
        Self::Of(&[Exception::Macedonian]),
        Self::Of(&[Exception::Serbian]),
        Self::Of(&[Exception::Ukrainian, Exception::UkrainianFirst]),
    ];
}

fn form(upper: &str, choice: Choice) -> Option<String> {
    let mut words = Vec::new();
    // A hyphen stands as a filler, and so does a comma (part 3, 4.6).
    for word in upper.split(|it: char| it.is_whitespace() || matches!(it, '-' | '\u{2010}' | ',')) {
        let word = word_form(word, choice)?;
        if !word.is_empty() {
            words.push(word);
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}

fn word_form(word: &str, choice: Choice) -> Option<String> {
    let mut form = String::new();
    let mut before = "";
    let mut letters = word.chars().peekable();
    let mut is_first = true;
    while let Some(letter) = letters.next() {
        if letter.is_ascii_alphanumeric() {
            form.push(letter);
            before = "";
        } else if letter == SHADDA {
            form.push_str(before.trim_start_matches('X'));
        } else if letter == TEH_MARBUTA && letters.peek().is_none() {
            form.push_str("XAH");
        } else if is_left_out(letter) {
            continue;
        } else {
            let letter_form = letter_form(letter, is_first, choice)?;
            form.push_str(letter_form);
            if !letter_form.is_empty() {
                before = letter_form;
            }
        }
        is_first = false;
    }
    Some(form)
}

/// Apostrophes and other punctuation are left out (part 3, 4.6).
fn is_left_out(letter: char) -> bool {
    letter.is_ascii_punctuation()
        || matches!(letter, '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{b4}')
}

fn letter_form(letter: char, is_first: bool, choice: Choice) -> Option<&'static str> {
    if let Some((_, forms)) = LATIN.iter().find(|(it, _)| *it == letter) {
        let wanted = match choice {
            Choice::Latin(place) => place,
            Choice::Of(_) => 0,
        };
        return forms.get(wanted).or(forms.last()).copied();
    }
    if let Some((_, usual, exceptions)) = CYRILLIC.iter().find(|(it, ..)| *it == letter) {
        let Choice::Of(language) = choice else {
            return Some(usual);
        };
        let applies = |exception: &Exception| {
            language.contains(exception) && (*exception != Exception::UkrainianFirst || is_first)
        };
        let exception = exceptions.iter().find(|(exception, _)| applies(exception));
        return Some(exception.map_or(*usual, |(_, form)| form));
    }
    ARABIC
        .iter()
        .find(|(it, _)| *it == letter)
        .map(|(_, form)| *form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usual(text: &str) -> String {
        icao_forms(text)
            .unwrap_or_else(|| panic!("{text}"))
            .remove(0)
    }

    /// Doc 9303 part 3: appendix B for Latin and Arabic, the notes of table C for shadda.
    #[test]
    fn the_documents_own_examples_come_out() {
        for (name, form) in [
            ("Térèsa Cañon", "TERESA CANON"),
            ("عبّاس", "EBBAS"),
            ("فضّة", "FXDZDZXAH"),
            (
                "ابو بكر محمد بن زكريا الرازي",
                "ABW BKR MXHMD BN ZKRYA ALRAZY",
            ),
        ] {
            assert_eq!(usual(name), form, "{name}");
        }
        let forms = icao_forms("Cañon").unwrap();
        assert_eq!(forms, ["CANON", "CANXXON"]);
    }

    #[test]
    fn letters_of_each_table_and_its_exceptions() {
        for (name, form) in [
            ("Þórður Ægisson", "THORDUR AEGISSON"),
            ("Łukasz Żółć", "LUKASZ ZOLC"),
            ("İbrahim Çağlı", "IBRAHIM CAGLI"),
            ("Strauß", "STRAUSS"),
            ("O'Neill-D’Arc", "ONEILL DARC"),
            ("Иванов Щеглов", "IVANOV SHCHEGLOV"),
            ("Юлия Объедкова", "IULIIA OBIEEDKOVA"),
            ("Илья", "ILIA"),
            ("فاطمة الزهراء", "FAXTTMXAH ALZHRAXE"),
        ] {
            assert_eq!(usual(name), form, "{name}");
        }
        for (name, among) in [
            ("Müller", "MUELLER MUXXLLER MULLER"),
            ("Ångström", "AANGSTROEM ANGSTROM"),
            ("Гриць", "GRITS HRYTS"),
            ("Юрій", "IURII YURII"),
            ("Щукин", "SHCHUKIN SHTUKIN"),
            ("Жика", "ZHIKA ZIKA"),
        ] {
            let forms = icao_forms(name).unwrap();
            for form in among.split(' ') {
                assert!(
                    forms.iter().any(|it| it == form),
                    "{name}: {form} in {forms:?}"
                );
            }
        }
    }

    #[test]
    fn what_no_table_knows_has_no_form_and_a_plain_one() {
        for name in ["Χρήστος", "王小明", "Nguyễn", "", " ", "'"] {
            assert_eq!(icao_forms(name), None, "{name}");
        }
        for (name, plain_name) in [
            ("Χρήστος", "Christos"),
            ("Łoś", "Los"),
            ("Иванов", "Ivanov"),
        ] {
            assert_eq!(plain(name), plain_name);
        }
    }

    #[test]
    fn the_tables_have_each_character_once_and_letters_alone() {
        let mut seen = std::collections::BTreeSet::new();
        let latin = LATIN
            .iter()
            .flat_map(|(it, forms)| forms.iter().map(move |form| (*it, *form)));
        let cyrillic = CYRILLIC.iter().map(|(it, form, _)| (*it, *form));
        let arabic = ARABIC.iter().copied();
        for (_, form) in latin.chain(cyrillic.clone()).chain(arabic.clone()) {
            assert!(form.bytes().all(|it| it.is_ascii_uppercase()), "{form}");
        }
        let letters = LATIN.iter().map(|(it, _)| *it);
        let others = cyrillic.map(|(it, _)| it).chain(arabic.map(|(it, _)| it));
        for letter in letters.chain(others) {
            assert!(seen.insert(letter), "{letter} stands twice");
        }
        assert_eq!((LATIN.len(), CYRILLIC.len(), ARABIC.len()), (95, 49, 79));
    }

    proptest! {
        #[test]
        fn forms_are_capitals_digits_and_single_spaces(text in any::<String>()) {
            for form in icao_forms(&text).unwrap_or_default() {
                prop_assert!(form.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b' '));
                prop_assert!(!form.contains("  ") && form.trim() == form && !form.is_empty());
            }
        }

        #[test]
        fn plain_letters_are_ascii(text in any::<String>()) {
            prop_assert!(plain(&text).is_ascii());
        }
    }
}
