//! From a draft to a routing header: whom it reaches, in which thread, until when.
//!
//! The way in is [`expand`], then [`Addressed::first`] or [`Addressed::later`]. Must never address somebody whom
//! the draft's rules leave out, and never fewer than hold what is changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    SecondPerson, Submission, SubmitError,
    verdict::{self, Holdings},
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{CARRIAGE_MAX, RECIPIENTS_MAX},
        reason::Reason,
        routing::{Effect, Kind, Priority, Recipient, Release, Routing},
        time::Timestamp,
        transfer::Groundless,
    },
    store::record::MessageRecord,
    trust::directory::{Directory, DirectoryError},
};

/// A draft with its addressees expanded; empty when it gave none.
pub(super) struct Addressed {
    pub(super) to: BTreeSet<AuthorityId>,
    pub(super) statement: StatementRef,
    pub(super) submission: Arc<Submission>,
    /// In force, for the groups that policy knows its destinations by.
    pub(super) directory: Arc<Directory>,
    pub(super) salt: [u8; 16],
    pub(super) now: Timestamp,
}

/// Expands authorities, countries, groups and `all`; each once, in byte order.
///
/// # Errors
/// Names the addressee that the directory does not know, or that does not receive such a thread.
pub(super) fn expand(
    directory: &Directory,
    own: &AuthorityId,
    draft: &Submission,
) -> Result<BTreeSet<AuthorityId>, SubmitError> {
    let mut all = BTreeSet::new();
    for name in &draft.to {
        let found = directory.expand(name, draft.beginning(), own);
        all.extend(found.map_err(|error| {
            let reason = match error {
                DirectoryError::NotReceived { .. } => Reason::KindNotReceived,
                DirectoryError::Ambiguous { .. } => Reason::AddresseeAmbiguous,
                _ => Reason::PeerUnknown,
            };
            SubmitError::refused(reason, error.to_string())
        })?);
    }
    if all.len() > RECIPIENTS_MAX {
        return Err(SubmitError::refused(
            Reason::FaultyDraft,
            format!(
                "{} recipients: expected at most {RECIPIENTS_MAX}",
                all.len()
            ),
        ));
    }
    Ok(all)
}

impl Addressed {
    /// The header of a first statement.
    ///
    /// # Errors
    /// When its kind cannot stand first, or nobody is addressed.
    pub(super) fn first(&self) -> Result<Routing, SubmitError> {
        verdict::check_first(self.submission.kind).map_err(|_| {
            SubmitError::refused(
                Reason::FaultyDraft,
                format!(
                    "`in_reply_to` is empty: expected the statement that this {} is about",
                    self.submission.kind
                ),
            )
        })?;
        self.routing(self.statement, self.to.iter().copied(), |_| 0)
    }

    /// The header of a statement in a thread that is here. `thread_seq` gives its place per recipient.
    ///
    /// # Errors
    /// `NOT_FOUND` when its target is not here, and all that [`verdict::check_thread`] refuses.
    pub(super) fn later(
        &self,
        holdings: &impl Holdings,
        thread_seq: impl Fn(&StatementRef, &AuthorityId) -> u32,
    ) -> Result<Routing, SubmitError> {
        let target = self
            .submission
            .in_reply_to
            .and_then(|named| holdings.message(&named));
        let first = target
            .as_ref()
            .and_then(|target| holdings.message(&target.thread));
        let (Some(target), Some(first)) = (target, first) else {
            return Err(SubmitError::refused(
                Reason::NotFound,
                "`in_reply_to` names no statement that is here: check the id",
            ));
        };
        // Asked before anything is addressed: to whom it would go says nothing to somebody who may not write.
        let writer = &self.statement.origin;
        verdict::check_part(&first, writer)?;
        verdict::check_owner(self.submission.kind, writer, &target.statement)?;
        let to = self.readers(&target, &first);
        if !self.submission.effect.carries() {
            // Receivers believe the first origin whom it names; so who is new to the thread is first given the whole of it.
            to.iter()
                .try_for_each(|to| verdict::check_part(&first, to))?;
        }
        let thread = first.statement;
        let routing = self.routing(thread, to, |recipient| thread_seq(&thread, recipient))?;
        verdict::check_thread(&routing, holdings).map_err(SubmitError::from)?;
        Ok(routing)
    }

    /// Whom a later statement reaches: as given, or by its kind when nobody is given. An answer goes to the
    /// thread's first origin alone, a reply to whoever asked, and another addressee is refused by the rules.
    fn readers(&self, target: &MessageRecord, first: &MessageRecord) -> BTreeSet<AuthorityId> {
        if !self.to.is_empty() {
            return self.to.clone();
        }
        let own = self.statement.origin;
        let holders = |message: &MessageRecord| -> BTreeSet<AuthorityId> {
            message
                .given()
                .map(|delivery| delivery.recipient)
                .filter(|recipient| *recipient != own)
                .collect()
        };
        match self.submission.effect {
            Effect::Answers(_) => [first.statement.origin].into(),
            Effect::Updates | Effect::Corrects | Effect::Recalls | Effect::Closes => {
                holders(target)
            }
            _ if self.submission.kind == Kind::InformationReply => [target.statement.origin].into(),
            Effect::Instructs if target.statement.origin != own => [target.statement.origin].into(),
            _ if first.statement.origin == own => holders(first),
            _ => [first.statement.origin].into(),
        }
    }

    fn routing(
        &self,
        thread: StatementRef,
        to: impl IntoIterator<Item = AuthorityId>,
        thread_seq: impl Fn(&AuthorityId) -> u32,
    ) -> Result<Routing, SubmitError> {
        let draft = &self.submission;
        let mut groundless = BTreeMap::<Groundless, Vec<AuthorityId>>::new();
        let mut recipients = Vec::new();
        for authority in to {
            match draft.ground_towards(&authority, &self.directory) {
                Ok(grounded) => recipients.push(Recipient {
                    authority,
                    thread_seq: thread_seq(&authority),
                    ground: grounded.ground,
                    ground_reason: grounded.reason,
                }),
                Err(why) => groundless.entry(why).or_default().push(authority),
            }
        }
        if !groundless.is_empty() {
            return Err(self.without_ground(&groundless));
        }
        if recipients.is_empty() {
            return Err(SubmitError::refused(
                Reason::FaultyDraft,
                "`to` is empty: expected an authority, a country such as `XB`, a group such as `@all-eu`, or `all`",
            ));
        }
        if recipients
            .iter()
            .any(|recipient| recipient.authority == self.statement.origin)
        {
            return Err(SubmitError::refused(
                Reason::NotInThread,
                "it would go to ourselves: an answer is for alerts of others",
            ));
        }
        Ok(Routing {
            statement: self.statement,
            thread,
            recipients,
            kind: draft.kind,
            status: draft.status,
            priority: draft.priority,
            handling: draft.handling,
            handling_text: draft.handling_text.clone(),
            issued_at: self.now,
            carried_until: self.now.plus(carriage(draft.carried_hours, draft.priority)),
            in_reply_to: draft.in_reply_to,
            supersedes: None,
            release: self.release()?,
            effect: draft.effect,
            terms: draft.terms.clone(),
        })
    }

    /// Names everybody to whom it may not go, and what would be right.
    fn without_ground(&self, groundless: &BTreeMap<Groundless, Vec<AuthorityId>>) -> SubmitError {
        let is_first = self.submission.in_reply_to.is_none();
        let named = self.submission.ground.named.is_some();
        let faults = groundless.iter().map(|(why, authorities)| {
            let names: Vec<&str> = authorities.iter().map(AuthorityId::as_str).collect();
            let names = names.join(", ");
            match why {
                Groundless::Unnamed if is_first => format!(
                    "`ground` is empty, and no rule of [[destination]] gives one for {names}: name one in the draft, or a `ground` for them in the configuration"
                ),
                Groundless::Unnamed => format!(
                    "`ground` is empty, and nothing went to {names} in this thread on any: name one, or set `[policy] default_ground`"
                ),
                Groundless::ReasonAsked(rule) => {
                    let apart = match named {
                        true => ", or send to the others apart",
                        false => "",
                    };
                    format!(
                        "rule {rule} of [[destination]] asks a reason for {names}: set `ground` to a derogation and say why in `groundReason`{apart}"
                    )
                }
            }
        });
        let faults: Vec<String> = faults.collect();
        SubmitError::refused(Reason::FaultyDraft, faults.join("; "))
    }

    /// The release as it is attested: dated as the statement is, and never before the draft.
    fn release(&self) -> Result<Option<Release>, SubmitError> {
        let release = match &self.submission.release {
            SecondPerson::Attested(release) => release,
            SecondPerson::Stands(release) => return Ok(Some(release.clone())),
            SecondPerson::NotNeeded | SecondPerson::Awaited(_) => return Ok(None),
        };
        if release.created_at > self.now {
            return Err(SubmitError::refused(
                Reason::CheckOwnClock,
                format!(
                    "the draft is of {} and it is {} here: check this machine's clock",
                    release.created_at, self.now
                ),
            ));
        }
        Ok(Some(Release {
            released_at: self.now,
            ..release.clone()
        }))
    }
}

/// How long it is carried: as asked, at most 30 days; otherwise by priority. A partner that is down for a week
/// still gets what is urgent.
fn carriage(hours: Option<u32>, priority: Priority) -> Duration {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    match hours.filter(|hours| *hours > 0) {
        Some(hours) => Duration::from_secs(u64::from(hours) * 3600).min(CARRIAGE_MAX),
        None => match priority {
            Priority::Flash | Priority::Urgent => DAY * 14,
            Priority::Priority | Priority::Routine => CARRIAGE_MAX,
        },
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
