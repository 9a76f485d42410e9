//! Names of countries in the languages of readers: a table from Unicode CLDR, and no opinion of ours.
//!
//! The ways in are [`all`] and [`of`]. `countries.tsv` holds ISO 3166-1 alpha-2 code, English and French name, as
//! Unicode CLDR 49 has them (`common/main/{en,fr}.xml`, `territories`; Unicode License v3), and Kosovo as `XK`. A newer
//! version takes the whole file's place. Codes that ICAO adds, and user-assigned ones, have no name here.

use super::Language;
use crate::domain::country::Country;

/// From where the names are.
pub const SOURCE: &str = "ISO 3166-1 and XK; names from Unicode CLDR 49";

const TABLE: &str = include_str!("countries.tsv");

/// A country with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// ISO 3166-1 alpha-2, or `XK`.
    pub alpha2: &'static str,
    /// As it stands in documents and payloads.
    pub country: Country,
    /// In the reader's language.
    pub name: &'static str,
}

/// Every country, by its alpha-2 code.
pub fn all(language: Language) -> impl Iterator<Item = Named> {
    TABLE.lines().filter_map(move |line| {
        let mut fields = line.split('\t');
        let (alpha2, english, french) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Named {
            alpha2,
            country: alpha2.parse().ok()?,
            name: match language {
                Language::English => english,
                Language::French => french,
            },
        })
    })
}

/// The name of one; `None`: it has none here.
#[must_use]
pub fn of(country: Country, language: Language) -> Option<&'static str> {
    all(language)
        .find(|named| named.country == country)
        .map(|named| named.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_country_of_iso_and_kosovo_has_one_name_in_each_language() {
        let lines = TABLE.lines().count();
        assert_eq!(lines, 250, "249 of ISO 3166-1, and XK");
        for language in Language::ALL {
            let named: Vec<Named> = all(language).collect();
            assert_eq!(named.len(), lines, "{}", language.tag());
            assert!(named.is_sorted_by_key(|it| it.alpha2));
            let names: BTreeSet<&str> = named.iter().map(|it| it.name).collect();
            assert_eq!(names.len(), lines, "{}: each once", language.tag());
            let codes: BTreeSet<Country> = named.iter().map(|it| it.country).collect();
            assert_eq!(codes.len(), lines);
            assert!(named.iter().all(|it| !it.name.trim().is_empty()));
        }
    }

    #[test]
    fn a_country_is_named_by_either_code_and_what_is_none_is_not() {
        let name = |code: &str, language| of(code.parse().unwrap(), language);
        assert_eq!(name("NL", Language::French), Some("Pays-Bas"));
        assert_eq!(name("NLD", Language::French), Some("Pays-Bas"));
        assert_eq!(name("XK", Language::English), Some("Kosovo"));
        for without in ["XA", "UTO", "XXA", "GBD"] {
            assert_eq!(name(without, Language::English), None, "{without}");
        }
    }
}
