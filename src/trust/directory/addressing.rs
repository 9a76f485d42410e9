//! Whom a name reaches: one authority, whoever in a country receives a kind, a group, or all.
//!
//! The way in is [`Directory::expand`]. Never ourselves, never a suspended member; and nobody gets a thread begun with a
//! kind that its entry does not name, while everybody in a thread gets what is said in it.

use super::{Directory, DirectoryError, Member, Receives};
use crate::domain::{id::AuthorityId, routing::Kind};

/// What is to be addressed, as far as it matters who receives what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// A thread that begins with this kind.
    With(Kind),
    /// Nothing: it stands in a thread.
    InThread,
}

impl Beginning {
    fn reaches(self, member: &Member) -> bool {
        match self {
            Self::With(kind) => member.receives.takes(kind),
            Self::InThread => true,
        }
    }

    /// Who has named the kind goes before who takes any.
    fn is_named_by(self, member: &Member) -> bool {
        matches!((self, member.receives), (Self::With(kind), Receives::These(kinds)) if kinds.contains(kind))
    }

    fn kind(self) -> String {
        match self {
            Self::With(kind) => kind.to_string(),
            Self::InThread => "it".to_owned(),
        }
    }
}

impl Directory {
    /// Expands `XB-POL`, `XB` (who of that country receives the kind), `@group` or `all` (of these, who receives it), in
    /// byte order.
    ///
    /// # Errors
    /// Names what is unknown, suspended, ambiguous, not received there, or nobody but ourselves.
    pub fn expand(
        &self,
        to: &str,
        beginning: Beginning,
        ourselves: &AuthorityId,
    ) -> Result<Vec<AuthorityId>, DirectoryError> {
        if is_country(to) {
            let one = self.expand_country(to, beginning, ourselves)?;
            return Ok(vec![one]);
        }
        let Some(among) = self.named_together(to)? else {
            return self.expand_one(to, beginning, ourselves);
        };
        let others: Vec<AuthorityId> = others(&among, ourselves)
            .filter(|member| beginning.reaches(member))
            .map(|member| member.id)
            .collect();
        if others.is_empty() {
            return Err(DirectoryError::Nobody(shown(to)));
        }
        Ok(others)
    }

    /// Who is in a group, or in all, and gets nothing because its entry does not name the kind.
    #[must_use]
    pub fn left_out(
        &self,
        to: &str,
        beginning: Beginning,
        ourselves: &AuthorityId,
    ) -> Vec<AuthorityId> {
        let among = self.named_together(to).ok().flatten().unwrap_or_default();
        others(&among, ourselves)
            .filter(|member| !beginning.reaches(member))
            .map(|member| member.id)
            .collect()
    }

    /// The members of a group, or all; `None`: it names neither.
    fn named_together(&self, to: &str) -> Result<Option<Vec<&Member>>, DirectoryError> {
        let among: Vec<&Member> = match to.strip_prefix('@') {
            _ if to == "all" => self.members().collect(),
            Some(group) => self
                .members()
                .filter(|member| member.groups.iter().any(|name| name == group))
                .collect(),
            None => return Ok(None),
        };
        match among.is_empty() {
            true => Err(DirectoryError::UnknownGroup(shown(
                to.get(1..).unwrap_or_default(),
            ))),
            false => Ok(Some(among)),
        }
    }

    fn expand_one(
        &self,
        to: &str,
        beginning: Beginning,
        ourselves: &AuthorityId,
    ) -> Result<Vec<AuthorityId>, DirectoryError> {
        let member = to
            .parse()
            .ok()
            .and_then(|id: AuthorityId| self.member(&id))
            .ok_or_else(|| DirectoryError::UnknownAddressee(shown(to)))?;
        if member.id == *ourselves {
            return Err(DirectoryError::Ourselves(member.id));
        }
        if member.suspended {
            return Err(DirectoryError::Suspended(member.id));
        }
        if !beginning.reaches(member) {
            let country: Vec<&Member> = self.of_country(member.id.country());
            let receive = others(&country, ourselves).filter(|other| beginning.reaches(other));
            return Err(DirectoryError::NotReceived {
                by: member.id.to_string(),
                kind: beginning.kind(),
                others: receive.map(|other| other.id).collect(),
            });
        }
        Ok(vec![member.id])
    }

    /// The one authority of a country that receives the kind: who has named it, before who takes any.
    fn expand_country(
        &self,
        country: &str,
        beginning: Beginning,
        ourselves: &AuthorityId,
    ) -> Result<AuthorityId, DirectoryError> {
        let there = self.of_country(country);
        if there.is_empty() {
            return Err(DirectoryError::UnknownCountry(shown(country)));
        }
        let reached: Vec<&Member> = others(&there, ourselves)
            .filter(|member| beginning.reaches(member))
            .collect();
        let named: Vec<&Member> = reached
            .iter()
            .copied()
            .filter(|member| beginning.is_named_by(member))
            .collect();
        let candidates = match named.is_empty() {
            true => reached,
            false => named,
        };
        match candidates.as_slice() {
            [one] => Ok(one.id),
            [] if others(&there, ourselves).next().is_none() => {
                Err(DirectoryError::Nobody(shown(country)))
            }
            [] => Err(DirectoryError::NotReceived {
                by: shown(country),
                kind: beginning.kind(),
                others: Vec::new(),
            }),
            several => Err(DirectoryError::Ambiguous {
                country: shown(country),
                kind: beginning.kind(),
                candidates: several.iter().map(|member| member.id).collect(),
            }),
        }
    }

    fn of_country(&self, country: &str) -> Vec<&Member> {
        let members = self.members();
        members
            .filter(|member| member.id.country() == country)
            .collect()
    }
}

/// True for what can only be a country: two capitals.
fn is_country(to: &str) -> bool {
    to.len() == 2 && to.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn others<'a>(
    among: &'a [&'a Member],
    ourselves: &'a AuthorityId,
) -> impl Iterator<Item = &'a Member> {
    among
        .iter()
        .copied()
        .filter(|member| !member.suspended && member.id != *ourselves)
}

fn shown(to: &str) -> String {
    to.chars().take(64).flat_map(char::escape_default).collect()
}
