//! Names: authorities, statements, and the short references that people say over a telephone.
//!
//! Every value here is legal once it exists; comparing is byte by byte, nothing is normalised.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::time::Timestamp;

/// Bytes of the longest authority id, country and dash included.
pub const AUTHORITY_ID_MAX_BYTES: usize = 16;

/// A national body that runs a node: ISO 3166-1 alpha-2, dash, short name, such as `GB-NCA`.
///
/// Capitals and digits only, at most 16 bytes, compared byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityId {
    bytes: [u8; AUTHORITY_ID_MAX_BYTES],
    length: u8,
}

/// Why a text is no authority id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no authority id: expected two capital letters, a dash and 1 to 13 capitals or digits, such as `XA-POL`"
)]
pub struct AuthorityIdError {
    /// The text, escaped so that it can be shown.
    pub found: String,
}

impl AuthorityId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII by construction; an empty text can only come from a broken invariant.
        str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// ISO 3166-1 alpha-2 (or user-assigned) country code.
    #[must_use]
    pub fn country(&self) -> &str {
        &self.as_str()[..2]
    }
}

impl FromStr for AuthorityId {
    type Err = AuthorityIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |text: &str| {
            let (country, name) = text.split_once('-')?;
            let country_ok = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
            let name_ok = !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            let mut bytes = [0; AUTHORITY_ID_MAX_BYTES];
            bytes
                .get_mut(..text.len())?
                .copy_from_slice(text.as_bytes());
            let length = u8::try_from(text.len()).ok()?;
            (country_ok && name_ok).then_some(Self { bytes, length })
        };
        legal(text).ok_or_else(|| AuthorityIdError {
            found: text
                .chars()
                .take(32)
                .flat_map(char::escape_default)
                .collect(),
        })
    }
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// UUIDv7 (RFC 9562) of one statement, unique with its origin only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

/// Why bytes or text are no message id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a message id: expected a UUID of version 7, 16 bytes or its usual text")]
pub struct MessageIdError;

impl MessageId {
    /// Reads 16 bytes.
    ///
    /// # Errors
    /// When they are not a UUID of version 7.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MessageIdError> {
        Self::checked(Uuid::from_slice(bytes).map_err(|_| MessageIdError)?)
    }

    /// Builds an id from a time and 10 random bytes, both from outside.
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When it was made, by the clock of who made it; to the millisecond (RFC 9562, 5.7).
    #[must_use]
    pub fn time(&self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = *self.as_bytes();
        let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Timestamp::from_micros(i64::try_from(millis.saturating_mul(1000)).unwrap_or(i64::MAX))
    }

    fn checked(uuid: Uuid) -> Result<Self, MessageIdError> {
        (uuid.get_version_num() == 7)
            .then_some(Self(uuid))
            .ok_or(MessageIdError)
    }
}

impl FromStr for MessageId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::checked(Uuid::try_parse(text).map_err(|_| MessageIdError)?)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Names one statement in the whole federation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementRef {
    /// Who issued it.
    pub origin: AuthorityId,
    /// Its id at that origin.
    pub id: MessageId,
}

impl MessageId {
    /// Milliseconds since 1970-01-01T00:00:00Z, as its maker's clock had it (RFC 9562, 5.7).
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0.as_bytes()[..6]);
        u64::from_be_bytes(bytes)
    }
}

/// Digits of Crockford's base 32: no I, L, O, U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Code characters of a reference when nothing more is needed to tell it apart.
pub const REFERENCE_CODE_CHARS: u32 = 5;
/// Code characters that there are: 30 bits.
const REFERENCE_CODE_CHARS_MAX: u32 = 6;

impl StatementRef {
    /// The reference that people say over a telephone: country of the origin, year of the id, 5 characters.
    ///
    /// It is a help for finding, not a name: two statements may share it, and then the id is asked for.
    #[must_use]
    pub fn reference(&self) -> Reference {
        Reference {
            country: self.country_bytes(),
            year: self.year(),
            code: self.reference_code(),
            chars: REFERENCE_CODE_CHARS,
        }
    }

    /// 32 well-mixed bits of origin and id; the first 30 are the code of its reference.
    #[must_use]
    pub fn reference_code(&self) -> u32 {
        // FNV-1a, then a finaliser: neither secret nor evidence, only spread.
        let bytes = self.origin.as_str().bytes().chain(*self.id.as_bytes());
        let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        (hash >> 32) as u32
    }

    fn country_bytes(&self) -> [u8; 2] {
        [self.origin.bytes[0], self.origin.bytes[1]]
    }

    /// Two digits.
    fn year(&self) -> u8 {
        let ms = i64::try_from(self.id.unix_ms()).unwrap_or(i64::MAX);
        let year = jiff::Timestamp::from_millisecond(ms)
            .map_or(0_i16, |time| jiff::tz::Offset::UTC.to_datetime(time).year());
        u8::try_from(year.rem_euclid(100)).unwrap_or(0)
    }
}

/// A reference such as `XA-26-7F3K9`; read with 5 or 6 code characters, in capitals or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    country: [u8; 2],
    year: u8,
    code: u32,
    chars: u32,
}

/// The text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a reference: expected country, year and 5 or 6 characters, such as `XA-26-7F3K9`")]
pub struct ReferenceError;

impl Reference {
    /// The code, left-aligned in 32 bits, and how many bits of it are known.
    #[must_use]
    pub fn code_bits(&self) -> (u32, u32) {
        (self.code, self.chars * 5)
    }

    /// True when the statement can be said by this reference.
    #[must_use]
    pub fn fits(&self, statement: &StatementRef) -> bool {
        let shift = 32 - self.chars * 5;
        statement.country_bytes() == self.country
            && statement.year() == self.year
            && statement.reference_code() >> shift == self.code >> shift
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let (Some(country), Some(year), Some(code), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ReferenceError);
        };
        let country: [u8; 2] = country
            .to_ascii_uppercase()
            .as_bytes()
            .try_into()
            .map_err(|_| ReferenceError)?;
        let chars = u32::try_from(code.len()).map_err(|_| ReferenceError)?;
        let legal = country.iter().all(u8::is_ascii_uppercase)
            && year.len() == 2
            && year.bytes().all(|digit| digit.is_ascii_digit())
            && (REFERENCE_CODE_CHARS..=REFERENCE_CODE_CHARS_MAX).contains(&chars);
        if !legal {
            return Err(ReferenceError);
        }
        let mut bits = 0;
        for said in code.bytes() {
            // As Crockford has it: what is misread for a digit is that digit.
            let meant = match said.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            let digit = CROCKFORD.iter().position(|known| *known == meant);
            let digit = digit.and_then(|digit| u32::try_from(digit).ok());
            bits = (bits << 5) | digit.ok_or(ReferenceError)?;
        }
        Ok(Self {
            country,
            year: year.parse().map_err(|_| ReferenceError)?,
            code: bits << (32 - chars * 5),
            chars,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.country.map(char::from);
        write!(f, "{first}{second}-{:02}-", self.year)?;
        (0..self.chars).try_for_each(|place| {
            let digit = (self.code >> (27 - 5 * place)) & 31;
            write!(f, "{}", char::from(CROCKFORD[digit as usize]))
        })
    }
}

impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.origin, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> StatementRef {
        StatementRef {
            origin: "XA-POL".parse().unwrap(),
            // 2026-11-24
            id: MessageId::from_parts(1_795_500_000_000, [7; 10]),
        }
    }

    #[test]
    fn a_reference_names_country_and_year() {
        let text = statement().reference().to_string();
        assert!(text.starts_with("XA-26-"), "{text}");
        assert_eq!(text.len(), 11);
    }

    #[test]
    fn a_reference_is_read_as_it_is_said() {
        let reference = statement().reference();
        let text = reference.to_string();
        for said in [text.clone(), text.to_lowercase()] {
            let read: Reference = said.parse().unwrap();
            assert!(read.fits(&statement()));
            assert_eq!(read.to_string(), text);
        }
        let zero: Reference = "XA-26-OIL00".parse().unwrap();
        assert_eq!(zero.to_string(), "XA-26-01100");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "XA-26",
            "XA-26-7F3K",
            "XA-26-7F3K9AB",
            "XA-26-7F3U9",
            "X-26-7F3K9",
            "XA-2x-7F3K9",
            "XA-26-7F3K9-1",
            "ÄA-26-7F3K9",
        ] {
            assert_eq!(text.parse::<Reference>(), Err(ReferenceError), "{text}");
        }
    }
    #[test]
    fn row_11_authority_ids_are_compared_byte_by_byte_and_nothing_is_normalised() {
        for text in ["XA-POL", "GB-NCA", "XA-1", "XA-ABCDEFGHIJKLM"] {
            let id: AuthorityId = text.parse().unwrap();
            assert_eq!((id.as_str(), id.country()), (text, &text[..2]));
        }
        for text in [
            "",
            "XA",
            "XA-",
            "-POL",
            "XAPOL",
            "xa-POL",
            "XA-pol",
            "XA-POL/",
            "XA-POL.",
            " XA-POL",
            "XA-POL\n",
            "XA-PO-L",
            "X1-POL",
            "XAA-POL",
            "XA-P\u{41e}L",
            "\u{ff38}A-POL",
            "XA-ABCDEFGHIJKLMN",
        ] {
            let error = text.parse::<AuthorityId>().unwrap_err();
            assert!(error.found.is_ascii(), "{error}");
        }
    }

    #[test]
    fn message_ids_are_uuids_of_version_7() {
        let id = MessageId::from_parts(1_795_000_000_000, [0xff; 10]);
        assert_eq!(MessageId::from_bytes(id.as_bytes()), Ok(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "019aaf00",
            "019aaf00-0000-4000-8000-000000000001",
            "019aaf00-0000-7000-8000-00000000000g",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(MessageIdError), "{text}");
        }
        assert_eq!(MessageId::from_bytes(&[0; 16]), Err(MessageIdError));
        assert_eq!(MessageId::from_bytes(&[0x77; 15]), Err(MessageIdError));
    }
}
