//! Names: authorities, statements, and the short references that people say over a telephone.
//!
//! Every value here is legal once it exists; comparing is byte by byte, nothing is normalised.

use std::{fmt, str::FromStr};

use uuid::Uuid;

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

impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.origin, self.id)
    }
}
