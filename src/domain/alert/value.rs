//! Small values that alerts are made of: lines, texts, dates.
//!
//! Each reads from text and says what it expected. Text is kept raw; who shows it escapes it.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

use crate::domain::limits::{LANGUAGE_MAX_BYTES, LINE_MAX_CHARS, TEXT_MAX_CHARS};

/// Why a text is not such a value: what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Expected(pub String);

fn expected(what: impl Into<String>) -> Expected {
    Expected(what.into())
}

/// One line: a name, a number, a place. 1 to 256 characters, not only white space, no line break.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line(Box<str>);

impl Line {
    /// The raw text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = !text.trim().is_empty()
            && text.chars().count() <= LINE_MAX_CHARS
            && !text.contains(['\n', '\r']);
        fits.then(|| Self(text.into()))
            .ok_or_else(|| expected(format!("one line of 1 to {LINE_MAX_CHARS} characters")))
    }
}

/// Words, with the language that they are in. 1 to 8,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    /// The raw text.
    pub text: Box<str>,
    /// Its language, when said.
    pub language: Option<Language>,
}

impl Text {
    /// Reads the words alone.
    ///
    /// # Errors
    /// When they are empty or too long.
    pub fn words(text: &str) -> Result<Box<str>, Expected> {
        let fits = !text.trim().is_empty() && text.chars().count() <= TEXT_MAX_CHARS;
        fits.then(|| text.into())
            .ok_or_else(|| expected(format!("a text of 1 to {TEXT_MAX_CHARS} characters")))
    }
}

/// A BCP 47 language tag, well-formed as RFC 5646 says: `en`, `pt-BR`, `zh-Hant-TW`, `sr-Latn`, `de-x-mine`. Whether
/// its parts are registered is not asked. The language itself stands in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Language(Box<str>);

impl Language {
    /// The tag as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Language {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        (text.len() <= LANGUAGE_MAX_BYTES && is_language_tag(text))
            .then(|| Self(text.into()))
            .ok_or_else(|| {
                expected("a language tag of BCP 47, such as `en`, `pt-BR` or `zh-Hant-TW`")
            })
    }
}

/// `langtag` of RFC 5646, 2.1: language, then in this order at most three extended languages, a script, a region,
/// variants, extensions and private use. Grandfathered tags and private use alone name no language that we could show.
fn is_language_tag(text: &str) -> bool {
    let alpha = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digit = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let alphanumeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = text.split('-').peekable();
    let language = parts.next().unwrap_or_default();
    if !(2..=3).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        return false;
    }
    for _ in 0..3 {
        parts.next_if(|part| part.len() == 3 && alpha(part));
    }
    parts.next_if(|part| part.len() == 4 && alpha(part));
    parts.next_if(|part| (part.len() == 2 && alpha(part)) || (part.len() == 3 && digit(part)));
    let mut seen: Vec<String> = Vec::new();
    let is_variant = |part: &str| {
        alphanumeric(part)
            && ((5..=8).contains(&part.len())
                || (part.len() == 4 && part.starts_with(|first: char| first.is_ascii_digit())))
    };
    // Neither a variant nor the letter of an extension stands twice.
    while let Some(variant) = parts.next_if(|part| is_variant(part)) {
        seen.push(variant.to_ascii_lowercase());
    }
    while let Some(singleton) = parts.next_if(|part| part.len() == 1 && alphanumeric(part)) {
        let private = singleton.eq_ignore_ascii_case("x");
        let least = if private { 1 } else { 2 };
        let fits = |part: &&str| (least..=8).contains(&part.len()) && alphanumeric(part);
        let mut any = false;
        while parts.next_if(fits).is_some() {
            any = true;
        }
        seen.push(singleton.to_ascii_lowercase());
        if !any || (private && parts.peek().is_some()) {
            return false;
        }
    }
    let places = seen.iter().enumerate();
    let twice = places
        .skip(1)
        .any(|(place, part)| seen.iter().take(place).any(|before| before == part));
    parts.next().is_none() && !twice
}

const DAY_SECONDS: i64 = 86_400;

/// A day: `1974-08-12`, from 1850 to 2199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// The calendar date.
    #[must_use]
    pub fn date(self) -> Date {
        self.0
    }

    /// The day in UTC on which a time falls.
    #[must_use]
    pub fn of(time: crate::domain::time::Timestamp) -> Option<Self> {
        let time = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
        Some(Self(jiff::tz::Offset::UTC.to_datetime(time).date()))
    }

    /// Days since 1970-01-01, as it is stored.
    #[must_use]
    pub fn number(self) -> i32 {
        let midnight = jiff::tz::Offset::UTC.to_timestamp(self.0.at(0, 0, 0, 0));
        let days = midnight.map_or(i64::MAX, |time| time.as_second().div_euclid(DAY_SECONDS));
        i32::try_from(days).unwrap_or(i32::MAX)
    }

    /// The day that was stored; none when there is no such day.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        let micros = i64::from(number).saturating_mul(DAY_SECONDS * 1_000_000);
        Self::of(crate::domain::time::Timestamp::from_micros(micros))
    }

    /// The first moment after it, in UTC.
    #[must_use]
    pub fn end(self) -> crate::domain::time::Timestamp {
        let days = i64::from(self.number()).saturating_add(1);
        let micros = days.saturating_mul(DAY_SECONDS * 1_000_000);
        crate::domain::time::Timestamp::from_micros(micros)
    }

    /// So many days later; the last possible day when there is none.
    #[must_use]
    pub fn plus_days(self, days: u16) -> Self {
        let span = jiff::Span::new().days(i64::from(days));
        Self(self.0.checked_add(span).unwrap_or(Date::MAX))
    }
}

impl FromStr for Day {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(PartialDate {
                year,
                month: Some(month),
                day: Some(day),
            }) => Date::new(year, month, day).map(Self).ok(),
            _ => None,
        }
        .ok_or_else(|| expected("a day of the calendar, such as `1974-08-12`"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A date of which day, or month and day, may be unknown: `1974-08-12`, `1974-08`, `1974`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartialDate {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

impl PartialDate {
    /// The first day that it may be.
    #[must_use]
    pub fn earliest(self) -> Option<Day> {
        Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
            .ok()
            .map(Day)
    }

    /// The last day that it may be.
    #[must_use]
    pub fn latest(self) -> Option<Day> {
        let last = match (self.month, self.day) {
            (Some(month), Some(day)) => Date::new(self.year, month, day),
            (Some(month), None) => Date::new(self.year, month, 1).map(Date::last_of_month),
            (None, _) => Date::new(self.year, 12, 31),
        };
        last.ok().map(Day)
    }
}

impl FromStr for PartialDate {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str, digits: usize| {
            let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<i16>().ok()).flatten()
        };
        let read = || {
            let mut parts = text.split('-');
            let year = number(parts.next()?, 4).filter(|year| (1850..=2199).contains(year))?;
            let small = |part: Option<&str>| match part {
                None => Some(None),
                Some(part) => Some(Some(i8::try_from(number(part, 2)?).ok()?)),
            };
            let (month, day) = (small(parts.next())?, small(parts.next())?);
            let date = Self { year, month, day };
            (parts.next().is_none() && date.earliest().is_some()).then_some(date)
        };
        read().ok_or_else(|| expected("a date such as `1974-08-12`, `1974-08` or `1974`"))
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        for part in [self.month, self.day].into_iter().flatten() {
            write!(f, "-{part:02}")?;
        }
        Ok(())
    }
}

/// A moment: RFC 3339 in UTC, `2026-11-24T08:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(crate::domain::time::Timestamp);

impl Moment {
    /// The time.
    #[must_use]
    pub fn time(self) -> crate::domain::time::Timestamp {
        self.0
    }
}

impl FromStr for Moment {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let utc = text.ends_with('Z') && text.len() <= 32;
        utc.then(|| text.parse::<jiff::Timestamp>().ok())
            .flatten()
            .map(|time| {
                Self(crate::domain::time::Timestamp::from_micros(
                    time.as_microsecond(),
                ))
            })
            .ok_or_else(|| expected("a time in UTC, such as `2026-11-24T08:15:00Z`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: FromStr>(text: &str) -> bool {
        text.parse::<T>().is_ok()
    }

    #[test]
    fn dates_are_of_the_calendar() {
        for text in ["1974-08-12", "2024-02-29"] {
            assert!(reads::<Day>(text) && reads::<PartialDate>(text), "{text}");
        }
        for text in ["1974", "1974-08"] {
            assert!(reads::<PartialDate>(text) && !reads::<Day>(text), "{text}");
            assert_eq!(text.parse::<PartialDate>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1974-13",
            "1974-00",
            "2023-02-29",
            "12.08.1974",
            "1974-8-1",
            "0974",
            "1974-08-12-01",
            "+974",
            "1974-08-1\u{661}",
        ] {
            assert!(!reads::<PartialDate>(text), "{text}");
        }
    }

    #[test]
    fn days_have_numbers_and_end_at_midnight() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2026-11-24", 20_781),
            ("2199-12-31", 84_005),
            ("1850-01-01", -43_829),
        ] {
            let day: Day = text.parse().unwrap();
            assert_eq!(day.number(), number, "{text}");
            assert_eq!(Day::from_number(number), Some(day), "{text}");
            assert_eq!(Day::of(day.end()), Day::from_number(number + 1), "{text}");
        }
        let day: Day = "2026-11-24".parse().unwrap();
        assert_eq!(day.end().to_string(), "2026-11-25T00:00:00Z");
        assert_eq!(Day::from_number(i32::MAX), None);
    }

    #[test]
    fn times_are_utc() {
        assert!(reads::<Moment>("2026-11-24T08:15:00Z"));
        for text in [
            "2026-11-24T08:15:00",
            "2026-11-24T08:15:00+01:00",
            "2026-11-24",
            "",
        ] {
            assert!(!reads::<Moment>(text), "{text}");
        }
    }

    #[test]
    fn lines_are_bounded_and_tags_well_formed() {
        assert!(reads::<Line>("ERIKSSON") && reads::<Language>("pt-BR"));
        for text in ["", "  ", "two\nlines", &"x".repeat(257)] {
            assert!(!reads::<Line>(text), "{text}");
        }
    }

    #[test]
    fn language_tags_are_well_formed_as_rfc_5646_says() {
        for text in [
            "en",
            "pt-BR",
            "zh-Hant",
            "zh-Hant-TW",
            "zh-cmn-Hans-CN",
            "sr-Latn-RS",
            "es-419",
            "sl-rozaj-biske",
            "de-CH-1996",
            "ckb-IQ",
            "en-u-co-phonebk",
            "de-x-mine",
            "fr-CA-x-a-b",
        ] {
            assert!(reads::<Language>(text), "{text}");
        }
        for text in [
            "",
            "English",
            "EN",
            "e",
            "en-",
            "-en",
            "en_GB",
            "en GB",
            "en-GB-FR",
            "de-DE-Latn",
            "de-1996-1996",
            "en-u",
            "en-u-co-u-nu",
            "en-x",
            "x-mine",
            "i-klingon",
            "fr-abcdefghi",
            "fr-é",
            "en-u-co-phonebk-x-much-too-long-for-a-tag",
        ] {
            assert!(!reads::<Language>(text), "{text}");
        }
    }
}
