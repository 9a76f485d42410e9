//! Doc 9303 part 3, section 6, table B: Cyrillic, with its exceptions by language.

/// Where a letter has another transliteration than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exception {
    /// In Belarusian.
    Belarusian,
    /// In Bulgarian.
    Bulgarian,
    /// In Macedonian.
    Macedonian,
    /// In Serbian.
    Serbian,
    /// In Ukrainian.
    Ukrainian,
    /// In Ukrainian, as the first character of a word.
    UkrainianFirst,
}

use Exception::{Belarusian, Bulgarian, Macedonian, Serbian, Ukrainian, UkrainianFirst};

/// Letter, what stands for it, and the exceptions.
type Row = (char, &'static str, &'static [(Exception, &'static str)]);

/// The table. The soft sign stands in no row of ICAO's and is left out.
pub(super) const CYRILLIC: &[Row] = &[
    ('Ё', "E", &[(Belarusian, "IO")]),
    ('Ђ', "D", &[]),
    ('Є', "IE", &[(UkrainianFirst, "YE")]),
    ('Ѕ', "DZ", &[]),
    ('І', "I", &[]),
    ('Ї', "I", &[(UkrainianFirst, "YI")]),
    ('Ј', "J", &[]),
    ('Љ', "LJ", &[]),
    ('Њ', "NJ", &[]),
    ('Ќ', "K", &[(Macedonian, "KJ")]),
    ('Ў', "U", &[]),
    ('Џ', "DZ", &[(Macedonian, "DJ")]),
    ('А', "A", &[]),
    ('Б', "B", &[]),
    ('В', "V", &[]),
    (
        'Г',
        "G",
        &[(Belarusian, "H"), (Serbian, "H"), (Ukrainian, "H")],
    ),
    ('Д', "D", &[]),
    ('Е', "E", &[]),
    ('Ж', "ZH", &[(Serbian, "Z")]),
    ('З', "Z", &[]),
    ('И', "I", &[(Ukrainian, "Y")]),
    ('Й', "I", &[(UkrainianFirst, "Y")]),
    ('К', "K", &[]),
    ('Л', "L", &[]),
    ('М', "M", &[]),
    ('Н', "N", &[]),
    ('О', "O", &[]),
    ('П', "P", &[]),
    ('Р', "R", &[]),
    ('С', "S", &[]),
    ('Т', "T", &[]),
    ('У', "U", &[]),
    ('Ф', "F", &[]),
    ('Х', "KH", &[(Serbian, "H"), (Macedonian, "H")]),
    ('Ц', "TS", &[(Serbian, "C"), (Macedonian, "C")]),
    ('Ч', "CH", &[(Serbian, "C")]),
    ('Ш', "SH", &[(Serbian, "S")]),
    ('Щ', "SHCH", &[(Bulgarian, "SHT")]),
    ('Ъ', "IE", &[]),
    ('Ы', "Y", &[]),
    ('Э', "E", &[]),
    ('Ю', "IU", &[(UkrainianFirst, "YU")]),
    ('Я', "IA", &[(UkrainianFirst, "YA")]),
    ('Ѫ', "U", &[]),
    ('Ѵ', "Y", &[]),
    ('Ґ', "G", &[]),
    ('Ғ', "G", &[(Macedonian, "GJ")]),
    ('Һ', "C", &[]),
    ('Ь', "", &[]),
];
