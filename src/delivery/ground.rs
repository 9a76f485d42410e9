//! On what ground a submission goes to whom, and what it begins.
//!
//! The way in is [`Submission::ground_towards`]; the rules are [`Policy`]'s. A ground is never invented.

use std::{collections::BTreeMap, sync::Arc};

use super::Submission;
use crate::{
    domain::{
        id::AuthorityId,
        routing::{Kind, TransferGround},
        transfer::{Grounded, Groundless, Place, Policy, Question, Towards},
    },
    trust::directory::{Beginning, Directory},
};

/// On what ground personal data go abroad with a statement. Never invented: somebody names it, here or before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ground {
    /// What the draft names, the same for every recipient; a derogation with its reason. `None`: it leaves it out.
    pub named: Option<(TransferGround, String)>,
    /// As our latest statement of the thread went to each. Looked up when the draft leaves its ground out, and of one
    /// that extends the thread, which names the ground for newcomers alone.
    pub of_thread: BTreeMap<AuthorityId, (TransferGround, String)>,
    /// What the authority has decided of its destinations.
    pub policy: Arc<Policy>,
}

impl Ground {
    /// A ground that the draft names, and no policy beside it.
    #[must_use]
    pub fn named(ground: TransferGround, reason: String) -> Self {
        Self {
            named: Some((ground, reason)),
            ..Self::default()
        }
    }
}

impl Submission {
    /// What it begins a thread with, if it begins one.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        match self.in_reply_to {
            Some(_) => Beginning::InThread,
            None => Beginning::With(self.kind),
        }
    }

    /// The ground towards one recipient, and who has named it.
    ///
    /// # Errors
    /// When nobody has, or the authority's policy asks for more.
    pub fn ground_towards(
        &self,
        recipient: &AuthorityId,
        directory: &Directory,
    ) -> Result<Grounded, Groundless> {
        let of_thread = self.ground.of_thread.get(recipient);
        // An extension names a ground for newcomers; whoever holds the thread gets it as before.
        let is_as_before = self.kind == Kind::Extend && of_thread.is_some();
        let named = self.ground.named.as_ref().filter(|_| !is_as_before);
        let question = Question {
            kind: self.kind,
            place: match self.in_reply_to {
                Some(_) => Place::Later,
                None => Place::First,
            },
            named,
            of_thread,
        };
        let member = directory.member(recipient);
        let to = Towards {
            authority: recipient,
            groups: member.map_or(&[], |member| member.groups.as_slice()),
        };
        self.ground.policy.ground(question, to)
    }
}
