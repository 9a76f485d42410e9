//! What officers hand in: alerts, and what follows in their threads.

use std::collections::BTreeMap;

use super::dice::Dice;
use crate::{
    delivery::{Ground, Submission},
    domain::{
        id::{AuthorityId, StatementRef},
        routing::{Priority, Status, TransferGround},
        time::Timestamp,
    },
    proto::alert::v1 as pb,
    wire::{
        alert::{ParsedDraft, parse_draft},
        generate::{PAYLOAD_MIN_BYTES, Recipe, drafts},
    },
};

/// A thread that somebody began, and who takes part.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    pub(super) first: StatementRef,
    pub(super) recipients: Vec<AuthorityId>,
}

/// Writes drafts, another each time.
pub(super) struct Desk {
    dice: Dice,
}

impl Desk {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice }
    }

    /// What an officer of `author` says next; about one of the threads, or a new alert.
    pub(super) fn compose(
        &self,
        author: AuthorityId,
        members: &[AuthorityId],
        threads: &[Thread],
        now: Timestamp,
    ) -> Option<Submission> {
        let mine =
            |thread: &&Thread| thread.first.origin == author || thread.recipients.contains(&author);
        let mine: Vec<&Thread> = threads.iter().filter(mine).collect();
        match self.dice.one_of(&mine) {
            Some(thread) if self.dice.happens(500) => self.about(author, thread, now),
            _ => self.alert(author, members, now),
        }
    }

    fn alert(
        &self,
        author: AuthorityId,
        members: &[AuthorityId],
        now: Timestamp,
    ) -> Option<Submission> {
        let others: Vec<_> = members.iter().filter(|member| **member != author).collect();
        let mut to: Vec<String> = others
            .iter()
            .filter(|_| self.dice.happens(500))
            .map(ToString::to_string)
            .collect();
        if to.is_empty() {
            to.push(self.dice.one_of(&others)?.to_string());
        }
        let size = PAYLOAD_MIN_BYTES + usize::try_from(self.dice.below(1000)).unwrap_or(0);
        let draft = self.draft(to, Some(size), now)?;
        Some(submission(parse_draft(&draft, now).ok()?, None))
    }

    fn about(&self, author: AuthorityId, thread: &Thread, now: Timestamp) -> Option<Submission> {
        let kind = if thread.first.origin == author {
            match self.dice.below(10) {
                0 => recall(),
                1 => closure(),
                _ => update(&format!("seen at place {}", self.dice.below(1000))),
            }
        } else {
            answer(self.dice.below(1000))
        };
        let draft = pb::Draft {
            payload: Some(pb::Payload {
                kind: Some(kind),
                ..<_>::default()
            }),
            in_reply_to: thread.first.to_string(),
            ..self.draft(Vec::new(), None, now)?
        };
        let mut parsed = parse_draft(&draft, now).ok()?;
        parsed.aim_at(thread.first).ok()?;
        Some(submission(parsed, Some(thread.first)))
    }

    fn draft(
        &self,
        to: Vec<String>,
        payload_bytes: Option<usize>,
        now: Timestamp,
    ) -> Option<pb::Draft> {
        let priority = match self.dice.below(4) {
            0 => Priority::Flash,
            1 => Priority::Urgent,
            2 => Priority::Priority,
            _ => Priority::Routine,
        };
        let recipe = Recipe {
            seed: self.dice.next(),
            to,
            status: Status::Actual,
            priority: Some(priority),
            now,
            payload_bytes,
        };
        drafts(recipe).next()
    }
}

fn submission(draft: ParsedDraft, in_reply_to: Option<StatementRef>) -> Submission {
    let ground = match draft.ground {
        Some(ground) => Ground::Named(ground, draft.ground_reason.clone()),
        None => Ground::Left {
            of_thread: BTreeMap::new(),
            default: Some((TransferGround::Safeguards, String::new())),
        },
    };
    Submission::of(draft, in_reply_to, ground)
}

fn update(words: &str) -> pb::payload::Kind {
    pb::payload::Kind::Update(pb::Update {
        text: Some(text(words)),
        ..<_>::default()
    })
}

fn recall() -> pb::payload::Kind {
    pb::payload::Kind::Recall(pb::Recall {
        reason: pb::RecallReason::WrongPerson.into(),
        ..<_>::default()
    })
}

fn closure() -> pb::payload::Kind {
    pb::payload::Kind::Closure(pb::Closure {
        reason: pb::ClosureReason::Other.into(),
        text: Some(text("the simulation stands it down")),
        ..<_>::default()
    })
}

fn answer(number: u64) -> pb::payload::Kind {
    pb::payload::Kind::Answer(pb::Answer {
        code: pb::AnswerCode::Assigned.into(),
        unit: format!("unit {number}"),
        ..<_>::default()
    })
}

fn text(words: &str) -> pb::Text {
    pb::Text {
        text: words.to_owned(),
        language: "en".to_owned(),
    }
}
