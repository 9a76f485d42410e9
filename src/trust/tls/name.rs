//! The names in certificates: one URI each, in one grammar, compared byte by byte.
//!
//! `allpoints://ID/node/N` on the exchange, `allpoints://ID/desk/ROLE/NAME` and
//! `allpoints://ID/desk/server/N` at the desk; who belongs to one unit of the authority has `/unit/UNIT` behind. Nothing is normalised: a text that is not exactly
//! what [`Name`] would write is no name. A name read from an unverified certificate may choose a
//! verifier, and nothing else.

use std::{fmt, str::FromStr};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::Role;
use crate::domain::{
    id::{AUTHORITY_ID_MAX_BYTES, AuthorityId},
    limits::DESK_NAME_MAX_BYTES,
};

/// What a certificate is for, in whose authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A node on the exchange.
    Node {
        /// Whose.
        authority: AuthorityId,
        /// Which of its nodes: 1, 2, 3, ...
        number: u32,
    },
    /// The desk's server.
    DeskServer {
        /// Whose.
        authority: AuthorityId,
        /// Which of its nodes: 1, 2, 3, ...
        number: u32,
    },
    /// A person or system at the desk.
    DeskPerson {
        /// Whose.
        authority: AuthorityId,
        /// What it may do.
        role: Role,
        /// Pseudonym: lower-case letters, digits and inner dashes.
        name: DeskName,
        /// Its unit; `None`: the whole authority.
        unit: Option<DeskName>,
    },
}

/// A pseudonym at the desk, such as `duty-7`: lower-case letters, digits and inner dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskName(String);

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not in the grammar of URIs.
    #[error(
        "`{0}` is no certificate name: expected `allpoints://ID/node/N`, `allpoints://ID/desk/server/N` or `allpoints://ID/desk/ROLE/NAME`"
    )]
    Uri(String),
    /// Not in the grammar of desk names.
    #[error(
        "`{0}` is no desk name: expected 1 to {DESK_NAME_MAX_BYTES} lower-case letters, digits and inner dashes, such as `duty-7`"
    )]
    Desk(String),
    /// Not a role.
    #[error(
        "`{0}` is no role: expected officer, supervisor, duty, system, ops, administrator or auditor"
    )]
    Role(String),
}

/// Why no name can be read from a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateNameError {
    /// Not X.509.
    #[error("the certificate cannot be parsed")]
    Encoding,
    /// None, or more than one.
    #[error("the certificate has {0} URI names: expected exactly one")]
    Count(usize),
    /// Not ours.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Name {
    /// Whose it is.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        match self {
            Self::Node { authority, .. }
            | Self::DeskServer { authority, .. }
            | Self::DeskPerson { authority, .. } => *authority,
        }
    }

    /// The DNS name that stands beside the URI in server certificates. Never resolved (RFC 6761, `invalid`).
    #[must_use]
    pub fn dns(&self) -> String {
        let service = match self {
            Self::Node { .. } => "node",
            Self::DeskServer { .. } | Self::DeskPerson { .. } => "desk",
        };
        dns_name(self.authority(), service)
    }

    /// Reads the one URI name of a certificate, verified or not.
    ///
    /// # Errors
    /// When it is no certificate, has not exactly one URI name, or that one is no name of ours.
    pub fn of_certificate(der: &CertificateDer<'_>) -> Result<Self, CertificateNameError> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| CertificateNameError::Encoding)?;
        if !rest.is_empty() {
            return Err(CertificateNameError::Encoding);
        }
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| CertificateNameError::Encoding)?;
        let uris: Vec<&str> = names
            .iter()
            .flat_map(|names| names.value.general_names.iter())
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            })
            .collect();
        match uris.as_slice() {
            [uri] => Ok(uri.parse()?),
            other => Err(CertificateNameError::Count(other.len())),
        }
    }
}

/// The DNS name of an authority's `node` or `desk` servers.
pub(super) fn dns_name(authority: AuthorityId, service: &str) -> String {
    format!(
        "{}.{service}.allpoints.invalid",
        authority.as_str().to_ascii_lowercase()
    )
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { authority, number } => write!(f, "allpoints://{authority}/node/{number}"),
            Self::DeskServer { authority, number } => {
                write!(f, "allpoints://{authority}/desk/server/{number}")
            }
            Self::DeskPerson {
                authority,
                role,
                name,
                unit,
            } => {
                write!(f, "allpoints://{authority}/desk/{role}/{name}")?;
                match unit {
                    Some(unit) => write!(f, "/unit/{unit}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| NameError::Uri(shown(text)))
    }
}

fn parse(text: &str) -> Option<Name> {
    let (authority, path) = text.strip_prefix("allpoints://")?.split_once('/')?;
    if authority.len() > AUTHORITY_ID_MAX_BYTES {
        return None;
    }
    let authority = authority.parse().ok()?;
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["node", number] => Some(Name::Node {
            authority,
            number: ordinal(number)?,
        }),
        ["desk", "server", number] => Some(Name::DeskServer {
            authority,
            number: ordinal(number)?,
        }),
        ["desk", role, name] => Some(Name::DeskPerson {
            authority,
            role: role.parse().ok()?,
            name: name.parse().ok()?,
            unit: None,
        }),
        ["desk", role, name, "unit", unit] => Some(Name::DeskPerson {
            authority,
            role: role.parse().ok()?,
            name: name.parse().ok()?,
            unit: Some(unit.parse().ok()?),
        }),
        _ => None,
    }
}

/// 1 and up, no sign, no leading zero: one way to write each.
fn ordinal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

impl FromStr for DeskName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = (1..=DESK_NAME_MAX_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        legal
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| NameError::Desk(shown(text)))
    }
}

impl fmt::Display for DeskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Officer,
        Self::Supervisor,
        Self::Duty,
        Self::System,
        Self::Ops,
        Self::Administrator,
        Self::Auditor,
    ];

    /// As it stands in certificates and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Supervisor => "supervisor",
            Self::Duty => "duty",
            Self::System => "system",
            Self::Ops => "ops",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| NameError::Role(shown(text)))
    }
}

/// Escaped and cut, so that it can be shown.
fn shown(text: &str) -> String {
    text.chars()
        .take(96)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn t11_exact_names_are_read() {
        for text in [
            "allpoints://XA-POL/node/1",
            "allpoints://GB-NCA/node/4294967295",
            "allpoints://XA-POL/desk/server/2",
            "allpoints://XA-POL/desk/officer/duty-7",
            "allpoints://XA-POL/desk/auditor/a",
            "allpoints://XA-POL/desk/duty/duty-7/unit/harbour",
            "allpoints://XA-POL/desk/administrator/it-1",
            "allpoints://XA-ABCDEFGHIJKLM/node/1",
        ] {
            let name: Name = text.parse().expect(text);
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn t11_nothing_is_normalised() {
        for text in [
            "",
            "allpoints://xa-pol/node/1",
            "ALLPOINTS://XA-POL/node/1",
            "allpoints://XA-POL./node/1",
            "allpoints://XA-POL/node/1/",
            "allpoints://XA-POL/node/1.",
            "allpoints://XA-POL//node/1",
            "allpoints://XA-POL/Node/1",
            "allpoints://XA-POL/node/0",
            "allpoints://XA-POL/node/01",
            "allpoints://XA-POL/node/+1",
            "allpoints://XA-POL/node/4294967296",
            "allpoints://XA-POL/node/",
            "allpoints://XA-POL/node/1?x",
            "allpoints://XA-POL/node/1#x",
            "allpoints://user@XA-POL/node/1",
            "allpoints://XA-POL:1/node/1",
            "allpoints://XA-P\u{41e}L/node/1",
            "allpoints://XA-PO%4C/node/1",
            " allpoints://XA-POL/node/1",
            "allpoints://XA-POL/node/1\0",
            "allpoints://XA-POL/desk/boss/duty-7",
            "allpoints://XA-POL/desk/officer/Duty",
            "allpoints://XA-POL/desk/officer/-a",
            "allpoints://XA-POL/desk/officer/a/b",
            "allpoints://XA-POL/desk/officer/a/unit",
            "allpoints://XA-POL/desk/officer/a/unit/",
            "allpoints://XA-POL/desk/officer/a/unit/Harbour",
            "allpoints://XA-POL/desk/officer/a/unit/b/c",
            "allpoints://XA-POL/desk/officer/a/units/b",
            "allpoints://XA-POL/desk/server/1/unit/b",
            "allpoints://XA-POL/desk/officer/",
            "allpoints://XA-ABCDEFGHIJKLMN/node/1",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text} was read as a name");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "(allpoints://)?[A-Z]{2}-[A-Z0-9]{1,14}/(node|desk/server|desk/ops)/[a-z0-9-]{1,6}(/unit/[a-z0-9-]{1,6})?") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
