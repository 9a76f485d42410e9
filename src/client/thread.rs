//! What a follow-up refers to: looked up at the node before a draft is made, so that it goes to whom it must.

use crate::{
    domain::id::MessageId,
    proto::{
        alert::v1::{Draft, Payload, payload::Kind},
        desk::v1::{ShowResponse, Summary},
        envelope::v1::{Handling, Priority, StatementRef, Status},
    },
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
    /// The statement of this thread that the id names, or its first. `None`: it has none.
    #[must_use]
    pub fn of(thread: &ShowResponse, id: &str) -> Option<Self> {
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
            refers_to: full_name(&self.statement),
            to,
            priority: priority.unwrap_or_else(|| self.summary.priority()),
            status: Status::try_from(self.summary.status).unwrap_or(Status::Actual),
            handling: handling
                .filter_map(|it| Handling::try_from(*it).ok())
                .collect(),
        }
    }
}

/// What every follow-up draft shares.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// What it refers to, in any form that `show` takes.
    pub refers_to: String,
    /// To whom; empty: the node addresses who must get it.
    pub to: Vec<String>,
    /// How quick.
    pub priority: Priority,
    /// Real or a drill; must be as the thread's.
    pub status: Status,
    /// Who may do what with it.
    pub handling: Vec<Handling>,
}

impl FollowUp {
    /// Of what says nothing of the person: a restriction in words stays on what it is about, and is not repeated.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        self.handling.retain(|it| *it != Handling::H3);
        if self.handling.is_empty() {
            self.handling.push(Handling::H0);
        }
        self
    }

    /// A draft of this kind.
    #[must_use]
    pub fn draft(&self, kind: Kind) -> Draft {
        self.with_payload(Payload {
            kind: Some(kind),
            ..Payload::default()
        })
    }

    /// A draft with a whole payload.
    #[must_use]
    pub fn with_payload(&self, payload: Payload) -> Draft {
        Draft {
            to: self.to.clone(),
            priority: self.priority.into(),
            status: self.status.into(),
            handling: self.handling.iter().map(|it| (*it).into()).collect(),
            // No ground is named: the node takes that of the thread, or the authority's default.
            in_reply_to: self.refers_to.clone(),
            payload: Some(payload),
            ..Draft::default()
        }
    }
}

/// `XA-POL/0195...`, as a draft refers to it.
fn full_name(statement: &StatementRef) -> String {
    format!("{}/{}", statement.origin, id_of(statement))
}

/// An id of no legal form is empty: it names nothing.
fn id_of(statement: &StatementRef) -> String {
    MessageId::from_bytes(&statement.id).map_or_else(|_| String::new(), |id| id.to_string())
}

/// True when the id is this statement's reference, its full name, or a prefix of its id.
fn is_named_by(summary: &Summary, id: &str) -> bool {
    let bare = id.rsplit('/').next().unwrap_or(id).to_lowercase();
    summary.reference.eq_ignore_ascii_case(id)
        || summary.statement.as_ref().is_some_and(|it| {
            let full = id_of(it);
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
            id[6] = 0x71;
            id[8] = 0x81;
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
            "XB-POL/02010101-0101-7101-8101-010101010101",
        ] {
            let target = Target::of(&thread, id).unwrap();
            assert_eq!(target.statement.origin, "XB-POL", "{id}");
        }
        assert_eq!(
            Target::of(&thread, "other").unwrap().statement.origin,
            "XA-POL"
        );
        assert!(Target::of(&ShowResponse::default(), "other").is_none());
    }
}
