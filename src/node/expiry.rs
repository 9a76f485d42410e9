//! What of this node runs out, and when: its certificates and lists, and what the directory holds.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::signing;
use crate::{
    delivery::Broker,
    desk::{Expiry, Warning},
    domain::{id::AuthorityId, time::Timestamp},
    trust::{
        directory::DirectoryHandle,
        keys::KeyUse,
        tls::{certificate_validity, crl_validity},
    },
};

/// Looked at anew each time: certificates, lists and directory are renewed while the node runs.
#[derive(Clone)]
pub(super) struct Expiries {
    pub(super) own: AuthorityId,
    /// Of the files that the configuration names.
    pub(super) files: Arc<ArcSwap<Vec<Expiry>>>,
    pub(super) directory: DirectoryHandle,
    pub(super) broker: Broker,
}

impl Expiries {
    /// All, own files first.
    pub(super) fn all(&self) -> Vec<Expiry> {
        let directory = self.directory.load();
        let mut all = self.files.load().to_vec();
        let [statement, receipt] = self.broker.signing_keys();
        let in_force = [(KeyUse::Statement, statement), (KeyUse::Receipt, receipt)];
        all.extend(signing::expiries(&directory, self.own, in_force));
        for member in directory.members().filter(|member| !member.suspended) {
            // Ours stand without our name, as people look for them.
            let of = |what: &str| {
                if member.id == self.own {
                    what.to_owned()
                } else {
                    format!("{} {what}", member.id)
                }
            };
            for (ca, which) in member.exchange_cas.iter().zip(["", "second "]) {
                let (name, list) = (
                    format!("{which}exchange CA"),
                    format!("{which}exchange CRL"),
                );
                let validity = certificate_validity(&ca.der);
                all.extend(validity.map(|validity| Expiry::of(of(&name), validity)));
                all.push(match ca.crl.as_deref().and_then(crl_validity) {
                    Some(validity) => Expiry::of(of(&list), validity),
                    None => Expiry {
                        what: of(&list),
                        at: Timestamp::default(),
                        warning: Warning::Missing,
                    },
                });
            }
        }
        all.push(Expiry {
            what: "membership".to_owned(),
            at: directory.membership_expires_at(),
            warning: Warning::Ahead { life: None },
        });
        all.push(Expiry {
            what: "directory timestamp".to_owned(),
            at: directory.timestamp_expires_at(),
            warning: Warning::None,
        });
        all
    }
}
