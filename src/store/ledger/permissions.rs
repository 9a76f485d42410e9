//! Permission in a thread: who asked its originator for what, and what the originator said.
//!
//! The ways in are [`Ledger::permissions`] and [`Ledger::grant_to_pass`]. Made from the records of the thread alone, so
//! nothing of it is kept twice.

use super::Ledger;
use crate::{
    domain::{
        alert::value::Day,
        id::{AuthorityId, StatementRef},
        lives::AlertLife,
        permission::{Grant, Onward, Passed, Permission, PermissionAct, Wish},
        reason::Reason,
        time::Timestamp,
    },
    store::record::MessageRecord,
};

/// Permission that was asked, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPermission {
    /// The request.
    pub request: MessageRecord,
    /// What it asks for.
    pub wish: Wish,
    /// The originator's latest reply to it; `None`: it owes one.
    pub reply: Option<Replied>,
}

/// What the originator said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replied {
    /// The reply.
    pub record: MessageRecord,
    /// What it grants; `None`: nothing.
    pub grant: Option<Grant>,
}

impl Replied {
    /// What it grants, unless the originator took that back.
    #[must_use]
    pub fn standing(&self) -> Option<&Grant> {
        let grant = self.grant.as_ref();
        grant.filter(|_| self.record.life == AlertLife::Live)
    }
}

impl Ledger {
    /// All permission that was asked in a thread, oldest first, as far as it is here.
    #[must_use]
    pub fn permissions(&self, thread: &StatementRef) -> Vec<AskedPermission> {
        let records = self.thread_in_order(thread);
        let asked = records.iter().filter_map(|request| {
            let Some(Permission::Asks(wish)) = request.terms.permission.as_deref() else {
                return None;
            };
            let is_reply = |it: &&MessageRecord| {
                it.statement.origin == thread.origin && it.in_reply_to == Some(request.statement)
            };
            let replies = records.iter().filter(is_reply);
            let reply = replies.filter_map(replied).next_back();
            Some(AskedPermission {
                request: request.clone(),
                wish: wish.clone(),
                reply,
            })
        });
        asked.collect()
    }

    /// The originator's grant that lets a holder pass the thread on to this authority today.
    ///
    /// # Errors
    /// `NOT_PERMITTED` when there is none; `PERMISSION_OVER` when there was.
    pub fn grant_to_pass(
        &self,
        thread: &StatementRef,
        holder: &AuthorityId,
        to: &AuthorityId,
        today: Day,
    ) -> Result<MessageRecord, Reason> {
        let mut refusal = Reason::NotPermitted;
        for record in self.thread_in_order(thread).into_iter().rev() {
            let is_originators = record.statement.origin == thread.origin;
            let to_holder = record.delivery(holder).is_some() && record.life == AlertLife::Live;
            let said = record.terms.permission.as_deref();
            let Some(grant) = said.and_then(Permission::grant) else {
                continue;
            };
            if !is_originators || !to_holder {
                continue;
            }
            match grant.permits(to, today) {
                Ok(()) => return Ok(record),
                Err(Reason::PermissionOver) => refusal = Reason::PermissionOver,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    /// Whether its originator's grant let this holder pass a thread on so, at this time, as far as it is here.
    #[must_use]
    pub fn is_permitted(
        &self,
        thread: &StatementRef,
        holder: &AuthorityId,
        passed: &Passed,
        at: Timestamp,
    ) -> bool {
        let first = self.message(thread);
        if first.is_none_or(|first| first.onward() == Onward::Free) {
            return true;
        }
        let grant = passed.under.and_then(|under| self.message(&under));
        let grant = grant.filter(|it| {
            it.statement.origin == thread.origin
                && it.thread == *thread
                && it.delivery(holder).is_some()
        });
        let said = grant.and_then(|it| it.terms.permission);
        let granted = said.as_deref().and_then(Permission::grant).zip(Day::of(at));
        granted.is_some_and(|(grant, day)| grant.permits(&passed.to, day).is_ok())
    }

    /// True for whom we have permitted a thread of ours to be passed on to: its first word may be here before that of who
    /// passed it on.
    #[must_use]
    pub fn is_expected(&self, thread: &StatementRef, authority: &AuthorityId) -> bool {
        if thread.origin != self.own {
            return false;
        }
        let records = self.thread(thread);
        let mut ours = records.iter().filter(|it| it.statement.origin == self.own);
        ours.any(|record| {
            let said = record.terms.permission.as_deref();
            let grant = said.and_then(Permission::grant);
            grant.is_some_and(|grant| {
                grant.act == PermissionAct::PassOn && grant.to.contains(authority)
            })
        })
    }
}

fn replied(record: &MessageRecord) -> Option<Replied> {
    let grant = match record.terms.permission.as_deref()? {
        Permission::Grants(grant) => Some(grant.clone()),
        Permission::Refuses => None,
        Permission::Asks(_) | Permission::Passes(_) => return None,
    };
    Some(Replied {
        record: record.clone(),
        grant,
    })
}
