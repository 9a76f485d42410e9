//! Countries and the other issuers of documents, as codes.
//!
//! The way in is [`Country::from_str`]. Never a name, and never a guess from one.

use std::{fmt, str::FromStr};

use super::text::excerpt;

/// Codes that ICAO Doc 9303 part 3 adds to ISO 3166-1 alpha-3.
const ICAO: [&str; 16] = [
    "EUE", "XBA", "XEC", "XXA", "XXB", "XXC", "XXX", "UTO", "GBD", "GBN", "GBO", "GBP", "GBS",
    "UNO", "UNA", "UNK",
];

/// A country, or another issuer of documents.
///
/// Reads ISO 3166-1 alpha-2 and alpha-3, `XK` for Kosovo, the user-assigned `XA` to `XZ`, and ICAO Doc 9303's
/// own codes. A country that has an alpha-3 code is kept as that, so that `GB` and `GBR` are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 3]);

/// Why a text is no country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no country code: expected ISO 3166-1 such as `NL` or `NLD`, XK, XA to XZ, or an ICAO code"
)]
pub struct CountryError {
    /// The text, escaped so that it can be shown.
    pub found: String,
}

impl Country {
    /// The code: alpha-3 or ICAO; two letters for `XK` and user-assigned codes.
    #[must_use]
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0)
            .unwrap_or_default()
            .trim_end_matches(' ')
    }

    /// Reads the three characters of a machine-readable zone; `D<<` is Germany.
    #[must_use]
    pub fn from_mrz(code: &str) -> Option<Self> {
        match code.trim_end_matches('<') {
            "D" => Self::padded("DEU"),
            code => code.parse().ok(),
        }
    }

    fn padded(code: &str) -> Option<Self> {
        let mut bytes = [b' '; 3];
        bytes
            .get_mut(..code.len())?
            .copy_from_slice(code.as_bytes());
        Some(Self(bytes))
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let capitals = text.bytes().all(|byte| byte.is_ascii_uppercase());
        let known = match text.len() {
            _ if !capitals => None,
            // Kosovo has no code in ISO 3166-1: RKS stands in its passports, XKX in many systems.
            2 | 3 if ["XK", "XKX", "RKS"].contains(&text) => Self::padded("XK"),
            2 if text.starts_with('X') => Self::padded(text),
            2 => rust_iso3166::from_alpha2(text).and_then(|it| Self::padded(it.alpha3)),
            3 if ICAO.contains(&text) => Self::padded(text),
            3 => rust_iso3166::from_alpha3(text).and_then(|it| Self::padded(it.alpha3)),
            _ => None,
        };
        known.ok_or_else(|| CountryError {
            found: excerpt(text, 16),
        })
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<String> {
        text.parse::<Country>().ok().map(|it| it.to_string())
    }

    #[test]
    fn iso_icao_kosovo_and_user_assigned_codes_are_read() {
        for (text, kept) in [
            ("GB", "GBR"),
            ("GBR", "GBR"),
            ("GBN", "GBN"),
            ("XK", "XK"),
            ("RKS", "XK"),
            ("XA", "XA"),
            ("XZ", "XZ"),
            ("UTO", "UTO"),
            ("XXA", "XXA"),
            ("EUE", "EUE"),
        ] {
            assert_eq!(code(text).as_deref(), Some(kept), "{text}");
        }
        assert_eq!(Country::from_mrz("D<<"), "DE".parse().ok());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "gb", "G", "QQ", "ZZZ", "UTX", "GBRX", "G\u{412}", "D<<", "England",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
        assert_eq!(Country::from_mrz("ZZ<"), None);
    }
}
