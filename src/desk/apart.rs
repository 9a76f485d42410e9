//! One statement to each recipient, so that none sees another.
//!
//! The way in is [`apart`]. Each has an id of its own, made of the draft's id and its recipient: whoever repeats the draft
//! gets the first answers, and one that has come to a group since gets its own. Must never let a statement that is to be
//! apart name two.

use std::collections::BTreeSet;

use super::service::DeskService;
use crate::{
    delivery::{Submission, SubmitError},
    domain::{id::AuthorityId, reason::Reason},
    proto::{alert::v1 as alert, desk::v1 as pb},
    trust::derived::derived_id,
};

/// The draft itself where its recipients may see each other, or one for each of them.
///
/// # Errors
/// When it is to go apart and names nobody, or somebody whom the directory does not know.
pub(super) fn apart(
    desk: &DeskService,
    draft: &alert::Draft,
    submission: Submission,
    separation: pb::Separation,
) -> Result<Vec<(alert::Draft, Submission)>, SubmitError> {
    let is_apart = match separation {
        pb::Separation::Unspecified => submission.kind.goes_apart(),
        pb::Separation::Together => false,
        pb::Separation::Apart => true,
    };
    if !is_apart {
        return Ok(vec![(draft.clone(), submission)]);
    }
    let recipients = desk.parts().broker.addressees(&submission)?;
    if recipients.is_empty() {
        return Err(SubmitError::refused(
            Reason::FaultyDraft,
            "`to` is empty: expected whom it goes to, each apart",
        ));
    }
    Ok(for_each(draft, &submission, &recipients))
}

fn for_each(
    draft: &alert::Draft,
    submission: &Submission,
    recipients: &BTreeSet<AuthorityId>,
) -> Vec<(alert::Draft, Submission)> {
    let one = |recipient: &AuthorityId| {
        let id = submission
            .id
            .map(|id| derived_id(id, "apart", recipient.as_str().as_bytes()));
        let to = vec![recipient.to_string()];
        let draft = alert::Draft {
            id: id.map_or_else(String::new, |id| id.to_string()),
            to: to.clone(),
            ..draft.clone()
        };
        let submission = Submission {
            id,
            to,
            ..submission.clone()
        };
        (draft, submission)
    };
    recipients.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::routing::Kind;

    #[test]
    fn no_kind_of_this_version_goes_apart_by_itself() {
        assert!(!Kind::ALL.iter().any(|kind| kind.goes_apart()));
    }
}
