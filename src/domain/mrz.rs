//! Machine-readable zones of ICAO Doc 9303: TD1, TD2, TD3, MRV-A and MRV-B, read and checked.
//!
//! The way in is [`Mrz::parse`]. A zone that exists has the right shape, characters and check digits; nothing is
//! repaired, because a wrong digit is worth telling.

use super::{
    country::Country,
    text::{escape, excerpt},
};

pub mod holder;

/// Which of ICAO's formats a zone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Card, three lines of 30 (part 5).
    Td1,
    /// Document of two lines of 36 (part 6).
    Td2,
    /// Passport, two lines of 44 (part 4).
    Td3,
    /// Visa, two lines of 44 (part 7).
    MrvA,
    /// Visa, two lines of 36 (part 7).
    MrvB,
}

/// A zone whose shape and check digits are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mrz {
    format: Format,
    lines: Vec<String>,
    number: String,
    issuer: Country,
    nationality: Country,
}

impl Mrz {
    /// Reads lines that are separated by line feeds.
    ///
    /// # Errors
    /// Everything that is wrong, such as `check digit of the number is 7, computed 6`.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let lines: Vec<&str> = text.lines().collect();
        let format = shape(&lines).map_err(|wrong| vec![wrong])?;
        let layout = Layout::of(format);
        let zone = lines.concat();
        let (number, mut wrong) = number(&zone, layout);
        wrong.extend(dates(&zone, layout));
        if let Some((ranges, digit)) = layout.composite {
            let field: String = ranges.iter().map(|range| cut(&zone, *range)).collect();
            wrong.extend(check("the composite", &field, cut(&zone, (digit, 1))));
        }
        if !matches!(cut(&zone, (layout.sex, 1)), "M" | "F" | "X" | "<") {
            wrong.push(format!(
                "sex is `{}`, one of M, F, X or < belongs there",
                escape(cut(&zone, (layout.sex, 1)))
            ));
        }
        let issuer = country("issuing state", cut(&zone, (2, 3)), &mut wrong);
        let nationality = country("nationality", cut(&zone, layout.nationality), &mut wrong);
        match (issuer, nationality) {
            (Some(issuer), Some(nationality)) if wrong.is_empty() => Ok(Self {
                format,
                lines: lines.into_iter().map(str::to_owned).collect(),
                number,
                issuer,
                nationality,
            }),
            _ => Err(wrong),
        }
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The document's number, without fillers.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Who issued the document.
    #[must_use]
    pub fn issuer(&self) -> Country {
        self.issuer
    }

    /// The holder's nationality.
    #[must_use]
    pub fn nationality(&self) -> Country {
        self.nationality
    }
}

/// Check digit of a field: weights 7, 3, 1, modulo 10 (Doc 9303 part 3, 4.9). `None` for a character that
/// no zone has.
#[must_use]
pub fn check_digit(field: &str) -> Option<u32> {
    field
        .chars()
        .zip([7, 3, 1].into_iter().cycle())
        .try_fold(0, |sum, (character, weight)| {
            let value = match character {
                '<' => 0,
                '0'..='9' | 'A'..='Z' => character.to_digit(36)?,
                _ => return None,
            };
            Some((sum + value * weight) % 10)
        })
}

/// Start and length in the lines joined.
type Range = (usize, usize);

/// Where the fields stand in the lines joined.
#[derive(Clone, Copy)]
struct Layout {
    number: Range,
    /// Where a number of more than nine characters goes on, and its check digit after it.
    overflow: Option<Range>,
    nationality: Range,
    birth: Range,
    sex: usize,
    expiry: Range,
    /// Optional data with a check digit of its own behind it.
    optional: Option<Range>,
    composite: Option<(&'static [Range], usize)>,
}

impl Layout {
    const fn of(format: Format) -> Self {
        match format {
            Format::Td1 => Self {
                number: (5, 9),
                overflow: Some((15, 15)),
                nationality: (45, 3),
                birth: (30, 6),
                sex: 37,
                expiry: (38, 6),
                optional: None,
                composite: Some((&[(5, 25), (30, 7), (38, 7), (48, 11)], 59)),
            },
            Format::Td2 => Self {
                overflow: Some((64, 7)),
                composite: Some((&[(36, 10), (49, 7), (57, 14)], 71)),
                ..Self::two_lines(36)
            },
            Format::Td3 => Self {
                optional: Some((72, 14)),
                composite: Some((&[(44, 10), (57, 7), (65, 22)], 87)),
                ..Self::two_lines(44)
            },
            Format::MrvA => Self::two_lines(44),
            Format::MrvB => Self::two_lines(36),
        }
    }

    const fn two_lines(width: usize) -> Self {
        Self {
            number: (width, 9),
            overflow: None,
            nationality: (width + 10, 3),
            birth: (width + 13, 6),
            sex: width + 20,
            expiry: (width + 21, 6),
            optional: None,
            composite: None,
        }
    }
}

fn shape(lines: &[&str]) -> Result<Format, String> {
    let alphabet = |line: &&str| {
        line.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<')
    };
    if let Some(line) = lines.iter().position(|line| !alphabet(line)) {
        return Err(format!(
            "line {} has characters other than A-Z, 0-9 and <",
            line + 1
        ));
    }
    let visa = lines.first().is_some_and(|line| line.starts_with('V'));
    let widths: Vec<usize> = lines.iter().map(|line| line.len()).collect();
    match (widths.as_slice(), visa) {
        ([30, 30, 30], false) => Ok(Format::Td1),
        ([36, 36], false) => Ok(Format::Td2),
        ([44, 44], false) => Ok(Format::Td3),
        ([44, 44], true) => Ok(Format::MrvA),
        ([36, 36], true) => Ok(Format::MrvB),
        _ => Err(format!(
            "{} lines of {} characters: no format has this shape (3 of 30, 2 of 36, 2 of 44)",
            lines.len(),
            excerpt(&format!("{widths:?}"), 32)
        )),
    }
}

/// The number without fillers. A longer one has `<` for its check digit and goes on in the optional data.
fn number(zone: &str, layout: Layout) -> (String, Vec<String>) {
    let field = cut(zone, layout.number);
    let digit = cut(zone, (layout.number.0 + 9, 1));
    let rest = layout
        .overflow
        .filter(|_| digit == "<" && !field.ends_with('<'))
        .and_then(|range| cut(zone, range).split('<').next())
        .filter(|rest| rest.len() > 1);
    match rest.and_then(|rest| rest.split_at_checked(rest.len() - 1)) {
        Some((more, digit)) => {
            let whole = format!("{field}{more}");
            let wrong = check("the number", &whole, digit);
            (whole, wrong.into_iter().collect())
        }
        None => {
            let mut wrong: Vec<String> = check("the number", field, digit).into_iter().collect();
            let number = field.trim_end_matches('<').to_owned();
            if number.is_empty() {
                wrong.push("the number is empty".to_owned());
            }
            (number, wrong)
        }
    }
}

fn dates(zone: &str, layout: Layout) -> Vec<String> {
    let with_digit =
        |name: &str, range: Range| check(name, cut(zone, range), cut(zone, (range.0 + range.1, 1)));
    let mut wrong = Vec::new();
    wrong.extend(with_digit("the date of birth", layout.birth));
    wrong.extend(with_digit("the date of expiry", layout.expiry));
    for (name, range) in [
        ("the date of birth", layout.birth),
        ("the date of expiry", layout.expiry),
    ] {
        if !is_date(cut(zone, range)) {
            wrong.push(format!("{name} is `{}`, no YYMMDD", cut(zone, range)));
        }
    }
    if let Some(range) = layout.optional {
        // An empty field may leave out its digit (part 4, 4.2.2).
        let empty = cut(zone, range).bytes().all(|byte| byte == b'<');
        if !(empty && cut(zone, (range.0 + range.1, 1)) == "<") {
            wrong.extend(with_digit("the optional data", range));
        }
    }
    wrong
}

/// Year, month, day; unknown parts are fillers.
fn is_date(field: &str) -> bool {
    let part = |range: Range, max: u32| {
        let text = cut(field, range);
        text == "<<" || text.parse::<u32>().is_ok_and(|it| (1..=max).contains(&it))
    };
    let year = cut(field, (0, 2));
    (year == "<<" || year.bytes().all(|byte| byte.is_ascii_digit()))
        && part((2, 2), 12)
        && part((4, 2), 31)
}

fn check(name: &str, field: &str, digit: &str) -> Option<String> {
    let computed = check_digit(field)?.to_string();
    (computed != digit).then(|| format!("check digit of {name} is {digit}, computed {computed}"))
}

fn country(name: &str, code: &str, wrong: &mut Vec<String>) -> Option<Country> {
    let country = Country::from_mrz(code);
    if country.is_none() {
        wrong.push(format!("{name} is `{code}`, no code of ICAO Doc 9303"));
    }
    country
}

/// All of a zone is ASCII by its shape; what lies outside is empty.
fn cut(text: &str, (start, length): Range) -> &str {
    text.get(start..start + length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TD3: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const TD1: &str = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    const TD2: &str = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6";
    const MRV_A: &str = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<";
    const MRV_B: &str =
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<";

    #[test]
    fn check_digits_of_the_specimens() {
        for (field, digit) in [
            ("L898902C3", 6),
            ("740812", 2),
            ("120415", 9),
            ("<<<<<<", 0),
        ] {
            assert_eq!(check_digit(field), Some(digit), "{field}");
        }
        assert_eq!(check_digit("l8"), None);
    }

    #[test]
    fn icao_specimens_of_all_five_formats_are_read() {
        for (text, format, number) in [
            (TD3, Format::Td3, "L898902C3"),
            (TD1, Format::Td1, "D23145890"),
            (TD2, Format::Td2, "D23145890"),
            (MRV_A, Format::MrvA, "L8988901C"),
            (MRV_B, Format::MrvB, "L8988901C"),
        ] {
            let mrz = Mrz::parse(text).unwrap();
            assert_eq!((mrz.format(), mrz.number()), (format, number));
            assert_eq!(mrz.issuer().code(), "UTO");
            assert_eq!(mrz.lines().join("\n"), text);
        }
    }

    #[test]
    fn a_long_number_goes_on_in_the_optional_data() {
        // Doc 9303 part 5, 4.2.2: number D23145890734, check digit 9.
        let zone = "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<";
        assert_eq!(Mrz::parse(zone).unwrap().number(), "D23145890734");
        let wrong = Mrz::parse(&zone.replace("7349", "7348")).unwrap_err();
        assert!(
            wrong.contains(&"check digit of the number is 8, computed 9".to_owned()),
            "{wrong:?}"
        );
    }

    #[test]
    fn every_fault_is_named() {
        for (zone, fault) in [
            (
                TD3.replace("L898902C36", "L898902C37"),
                "check digit of the number is 7, computed 6",
            ),
            (
                TD3.replace("7408122", "7408123"),
                "check digit of the date of birth is 3, computed 2",
            ),
            (
                TD3.replace("1204159", "1204150"),
                "check digit of the date of expiry is 0, computed 9",
            ),
            (
                TD3.replace("<<<<<10", "<<<<<20"),
                "check digit of the optional data is 2, computed 1",
            ),
            (
                TD3.replace("<<<<<10", "<<<<<11"),
                "check digit of the composite is 1, computed 0",
            ),
            (
                TD3.replace("P<UTO", "P<QQQ"),
                "issuing state is `QQQ`, no code of ICAO Doc 9303",
            ),
            (
                TD3.replace("2F1", "2Q1"),
                "sex is `Q`, one of M, F, X or < belongs there",
            ),
            (
                TD3.replace("ANNA", "anna"),
                "line 1 has characters other than A-Z, 0-9 and <",
            ),
            (
                TD3.replace('\n', ""),
                "1 lines of [88] characters: no format has this shape (3 of 30, 2 of 36, 2 of 44)",
            ),
        ] {
            let wrong = Mrz::parse(&zone).unwrap_err();
            assert!(wrong.iter().any(|it| it == fault), "{fault}: {wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_brings_it_down(text in "[A-Z0-9<\n\u{e9}]{0,100}") {
            let _ = Mrz::parse(&text);
        }

        #[test]
        fn a_changed_digit_is_always_seen(place in prop::sample::select(vec![44usize, 48, 52, 57, 62, 65, 70]), add in 1u8..10) {
            let mut zone = TD3.as_bytes().to_vec();
            let byte = &mut zone[place + 1];
            prop_assume!(byte.is_ascii_digit());
            *byte = b'0' + (*byte - b'0' + add) % 10;
            prop_assert!(Mrz::parse(std::str::from_utf8(&zone).unwrap()).is_err());
        }
    }
}
