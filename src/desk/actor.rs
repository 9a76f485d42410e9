//! Callers as the journal names them: role and a keyed hash of the certificate's name.
//!
//! The name itself stands once, sealed, in the entry `ActorNamed`; nothing else here may write it anywhere.

use std::{collections::HashSet, sync::Mutex};

use aws_lc_rs::hmac;

use crate::{
    domain::{limits::ACTORS_REMEMBERED_MAX, time::Clock},
    store::{
        Store, StoreFailed,
        entry::{Actor, ActorError},
        event::Event,
    },
    trust::tls::{DeskIdentity, Role},
};

/// Gives pseudonyms, and journals each at its first use.
pub(super) struct Actors {
    key: hmac::Key,
    named: Mutex<HashSet<Actor>>,
}

impl Actors {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            named: Mutex::default(),
        }
    }

    /// The caller's pseudonym; when this returns, the journal can say whose it is.
    pub(super) async fn of(
        &self,
        identity: &DeskIdentity,
        store: &Store,
        clock: &dyn Clock,
    ) -> Result<Actor, ActorFault> {
        let actor = pseudonym(&self.key, identity.role(), identity.uri())?;
        if self.remembered(actor) {
            return Ok(actor);
        }
        let known = store.read(|ledger| ledger.actor_known(&actor)).await?;
        if !known {
            let named = Event::ActorNamed {
                actor,
                uri: identity.uri().into(),
            };
            let now = clock.now();
            let plan = store.decide(|ledger| {
                ledger.record(now, named);
            });
            plan.commit().await?;
        }
        self.remember(actor);
        Ok(actor)
    }

    fn remembered(&self, actor: Actor) -> bool {
        self.named
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .contains(&actor)
    }

    fn remember(&self, actor: Actor) {
        let mut named = self
            .named
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if named.len() >= ACTORS_REMEMBERED_MAX {
            named.clear();
        }
        named.insert(actor);
    }
}

/// Why a caller has no pseudonym.
#[derive(Debug, thiserror::Error)]
pub(super) enum ActorFault {
    #[error(transparent)]
    Store(#[from] StoreFailed),
    /// Ours: role and hash always fit.
    #[error(transparent)]
    Pseudonym(#[from] ActorError),
}

/// The stable lower-case name of a role.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Officer => "officer",
        Role::Supervisor => "supervisor",
        Role::Duty => "duty",
        Role::System => "system",
        Role::Ops => "ops",
        Role::Administrator => "administrator",
        Role::Auditor => "auditor",
    }
}

/// `officer-3fa9c1d2`: role, and the first 8 hexadecimal digits of HMAC-SHA256 over the certificate's name.
fn pseudonym(key: &hmac::Key, role: Role, uri: &str) -> Result<Actor, ActorError> {
    let tag = hmac::sign(key, uri.as_bytes());
    let hash = tag
        .as_ref()
        .iter()
        .take(4)
        .fold(0u32, |hash, byte| (hash << 8) | u32::from(*byte));
    Actor::new(&format!("{}-{hash:08x}", role_name(role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_stable_keyed_and_tell_no_name() {
        let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        let uri = "allpoints://XA-POL/desk/supervisor/duty-7";
        let of = |byte, uri| pseudonym(&key(byte), Role::Supervisor, uri).expect("fits");
        assert_eq!(of(1, uri), of(1, uri));
        assert_ne!(of(1, uri), of(2, uri));
        assert_ne!(
            of(1, uri),
            of(1, "allpoints://XA-POL/desk/supervisor/duty-8")
        );
        let text = of(1, uri).to_string();
        let hash = text.strip_prefix("supervisor-").expect("role first");
        assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
