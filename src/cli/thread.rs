//! What a follow-up refers to: looked up at the node before a draft is made, so that it goes to whom it must.

use super::{
    connection::Desk,
    drafts::FollowUp,
    exit::{CliError, Exit},
    output::{escape, names},
    session::read_failed,
};
use crate::proto::{
    desk::v1::{ShowRequest, ShowResponse, Summary},
    envelope::v1::{Handling, Priority, StatementRef, Status},
};

/// The statement that an id names, as its node knows it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Routing and state of the statement.
    pub summary: Summary,
    /// The statement.
    pub statement: StatementRef,
    /// The first statement of its thread.
    pub first: StatementRef,
}

impl Target {
    /// Looks it up without marking anything opened.
    ///
    /// # Errors
    /// Exit 4 when there is no such statement that the caller may see.
    pub async fn find(desk: &mut Desk, id: &str) -> Result<Self, CliError> {
        let request = ShowRequest {
            id: id.to_owned(),
            peek: true,
            ..ShowRequest::default()
        };
        let thread = desk.show(request).await.map_err(read_failed)?.into_inner();
        Self::choose(&thread, id).ok_or_else(|| {
            CliError::new(
                Exit::NotFound,
                format!("the thread of `{}` is empty", escape(id)),
            )
        })
    }

    fn choose(thread: &ShowResponse, id: &str) -> Option<Self> {
        let summaries = || {
            thread
                .statements
                .iter()
                .filter_map(|it| it.summary.as_ref())
        };
        let summary = summaries()
            .find(|summary| is_named_by(summary, id))
            .or_else(|| summaries().next())?;
        let statement = summary.statement.clone()?;
        let first = summary.thread.clone().unwrap_or_else(|| statement.clone());
        Some(Self {
            summary: summary.clone(),
            statement,
            first,
        })
    }

    /// A follow-up to these authorities, marked as the statement is.
    #[must_use]
    pub fn follow_up(&self, to: Vec<String>, priority: Option<Priority>) -> FollowUp {
        let handling = self.summary.handling.iter();
        FollowUp {
            refers_to: names::statement(Some(&self.statement)),
            to,
            priority: priority.unwrap_or_else(|| self.summary.priority()),
            status: Status::try_from(self.summary.status).unwrap_or(Status::Actual),
            handling: handling
                .filter_map(|it| Handling::try_from(*it).ok())
                .collect(),
        }
    }
}

/// True when the id is this statement's reference, its full name, or a prefix of its id.
fn is_named_by(summary: &Summary, id: &str) -> bool {
    let bare = id.rsplit('/').next().unwrap_or(id).to_lowercase();
    summary.reference.eq_ignore_ascii_case(id)
        || summary.statement.as_ref().is_some_and(|it| {
            let full = names::id(&it.id);
            bare.len() >= 8 && (full.starts_with(&bare) || full.replace('-', "").starts_with(&bare))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::desk::v1::StatementView;

    fn view(origin: &str, last: u8, reference: &str) -> StatementView {
        let reference_of = |last| {
            let mut id = [1; 16];
            id[0] = last;
            StatementRef {
                origin: origin.to_owned(),
                id: id.to_vec(),
            }
        };
        StatementView {
            summary: Some(Summary {
                statement: Some(reference_of(last)),
                reference: reference.to_owned(),
                ..Summary::default()
            }),
            ..StatementView::default()
        }
    }

    #[test]
    fn an_id_names_its_statement_by_reference_prefix_or_full_name() {
        let thread = ShowResponse {
            statements: vec![
                view("XA-POL", 1, "XA-26-AAAAA"),
                view("XB-POL", 2, "XB-26-BBBBB"),
            ],
            ..ShowResponse::default()
        };
        for id in [
            "xb-26-bbbbb",
            "02010101",
            "02010101-0101",
            "XB-POL/02010101-0101-0101-0101-010101010101",
        ] {
            let target = Target::choose(&thread, id).unwrap();
            assert_eq!(target.statement.origin, "XB-POL", "{id}");
        }
        assert_eq!(
            Target::choose(&thread, "other").unwrap().statement.origin,
            "XA-POL"
        );
        assert!(Target::choose(&ShowResponse::default(), "other").is_none());
    }
}
