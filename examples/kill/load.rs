//! Load on one node, as a desk's system would make it: streams of alerts, and updates in threads one by one.
//!
//! The way in is [`Load::run`]. Whatever was handed in and not answered is handed in again with the same id.

use std::{sync::Arc, time::Duration};

use allpoints::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        reason::{Class, Reason},
        routing::Status,
        time::Clock as _,
    },
    node::system::SystemClock,
    proto::{
        alert::v1::{Draft, Payload, Text, Update, payload::Kind},
        desk::v1::{SubmitRequest, SubmitStreamRequest, SubmitStreamResponse},
    },
    wire::{
        generate::{Recipe, drafts},
        status::reason_of,
    },
};
use tokio::{sync::mpsc, sync::watch, time::sleep};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    book::{Book, Said},
    dice::Dice,
    fleet::{Desk, Door, Outcome},
};

/// Drafts of one message of the stream, at most.
const GROUP_MAX: usize = 16;
/// Threads of one origin that get updates.
const THREADS_MAX: usize = 12;
/// Updates of one thread, at most.
const UPDATES_MAX: usize = 200;
/// Messages without a pause, at most: so that a kill finds some under way.
const BURST_MAX: usize = 6;
const PAUSE_MAX: Duration = Duration::from_millis(90);
/// Drafts that are handed in again at once.
const REPEAT_MAX: usize = 64;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Which node gets load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// None.
    Quiet,
    /// The member at this place.
    On(usize),
    /// What is unanswered is settled; then the loads end.
    End,
}

/// The load of one node.
pub(super) struct Load {
    pub(super) at: usize,
    pub(super) origin: AuthorityId,
    pub(super) to: Vec<String>,
    pub(super) door: Door,
    pub(super) book: Arc<Book>,
    pub(super) dice: Dice,
    pub(super) clock: Arc<SystemClock>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Load {
    /// Until the end, over all deaths of the node.
    pub(super) async fn run(mut self) {
        let recipe = Recipe {
            seed: self.dice.next(),
            to: self.to.clone(),
            status: Status::Exercise,
            priority: None,
            now: self.clock.now(),
            payload_bytes: None,
        };
        let mut supply = drafts(recipe);
        loop {
            let phase = *self.phase.borrow();
            let unanswered = !self.book.outstanding(self.origin).is_empty();
            if phase == Phase::End && !unanswered {
                return;
            }
            if phase == Phase::Quiet || (phase != Phase::On(self.at) && !unanswered) {
                if self.phase.changed().await.is_err() {
                    return;
                }
                continue;
            }
            // A dead node ends a session; the next begins with what is unanswered.
            if self.session(&mut supply).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn session(&mut self, supply: &mut (dyn Iterator<Item = Draft> + Send)) -> Outcome<()> {
        let mut desk = self.door.open().await?;
        self.settle_unanswered(&mut desk).await?;
        if !self.is_wanted() {
            return Ok(());
        }
        let (requests, stream) = mpsc::channel(8);
        let answers = desk.submit_stream(ReceiverStream::new(stream)).await?;
        let reading = tokio::spawn(read(
            answers.into_inner(),
            self.origin,
            Arc::clone(&self.book),
        ));
        let mut burst = 0;
        while self.is_wanted() {
            if self.dice.below(3) == 0 {
                self.update_a_thread(&mut desk, supply).await?;
            } else {
                let count = 1 + self.dice.below(GROUP_MAX);
                let drafts: Vec<Draft> = supply.take(count).collect();
                self.book.hand_in(self.origin, &drafts)?;
                let request = SubmitStreamRequest {
                    drafts,
                    report_settled: true,
                };
                requests.send(request).await?;
            }
            if burst == 0 {
                burst = self.dice.below(BURST_MAX);
                sleep(self.dice.wait(PAUSE_MAX)).await;
            } else {
                burst -= 1;
            }
        }
        drop(requests);
        // Goes on reading what is settled; ends with the stream.
        let waiting = async {
            while !self.book.outstanding(self.origin).is_empty() && !reading.is_finished() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, waiting).await?;
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        *self.phase.borrow() == Phase::On(self.at)
    }

    /// The outcome is unknown: repeating is safe.
    async fn settle_unanswered(&self, desk: &mut Desk) -> Outcome<()> {
        let unanswered = self.book.outstanding(self.origin);
        for part in unanswered.chunks(REPEAT_MAX) {
            for repeated in self.submit(desk, part.to_vec()).await? {
                self.book.count_repeat(repeated);
            }
        }
        Ok(())
    }

    async fn update_a_thread(
        &mut self,
        desk: &mut Desk,
        supply: &mut (dyn Iterator<Item = Draft> + Send),
    ) -> Outcome<()> {
        let threads = self.book.threads();
        let own: Vec<_> = threads
            .iter()
            .filter(|(thread, order)| {
                thread.origin == self.origin && (1..UPDATES_MAX).contains(&order.len())
            })
            .collect();
        let Some(fresh) = supply.next() else {
            return Ok(());
        };
        let draft = match own.get(self.dice.below(THREADS_MAX)) {
            Some((thread, order)) => Draft {
                to: Vec::new(),
                in_reply_to: thread.to_string(),
                payload: Some(Payload {
                    kind: Some(Kind::Update(Update {
                        text: Some(Text {
                            text: format!("Fact {}.", order.len()),
                            language: "en".to_owned(),
                        }),
                        ..<_>::default()
                    })),
                    ..<_>::default()
                }),
                ..fresh
            },
            None => fresh,
        };
        self.book
            .hand_in(self.origin, std::slice::from_ref(&draft))?;
        self.submit(desk, vec![draft]).await.map(drop)
    }

    /// All in one commit; tells for each whether it was known.
    async fn submit(&self, desk: &mut Desk, drafts: Vec<Draft>) -> Outcome<Vec<bool>> {
        let request = SubmitRequest {
            drafts: drafts.clone(),
            dry_run: false,
            ..<_>::default()
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, desk.submit(request)).await?;
        let submitted = match answer {
            Ok(answer) => answer.into_inner().submitted,
            Err(status) => {
                let reason = reason_of(&status);
                if reason.is_some_and(|reason| reason.class() != Class::Retry) {
                    self.book.refused(format!("{}: {status}", self.origin));
                }
                return Err(status.into());
            }
        };
        let mut repeated = Vec::new();
        for (draft, submitted) in drafts.iter().zip(submitted) {
            let id: MessageId = draft.id.parse()?;
            self.book.write(Said::Accepted, self.origin, &[id])?;
            let origin = self.origin;
            let statement = StatementRef { origin, id };
            // Streamed alerts begin threads too, but only these are followed.
            match draft.in_reply_to.split_once('/') {
                Some((origin, id)) => {
                    let (origin, id) = (origin.parse()?, id.parse()?);
                    self.book
                        .add_to_thread(StatementRef { origin, id }, statement);
                }
                None if self.followed() < THREADS_MAX => {
                    self.book.add_to_thread(statement, statement);
                }
                None => {}
            }
            repeated.push(submitted.repeated_submission);
        }
        Ok(repeated)
    }

    fn followed(&self) -> usize {
        let threads = self.book.threads();
        threads.keys().filter(|it| it.origin == self.origin).count()
    }
}

/// Writes down what a stream answers, until it ends.
async fn read(
    mut answers: tonic::Streaming<SubmitStreamResponse>,
    origin: AuthorityId,
    book: Arc<Book>,
) {
    while let Ok(Some(answer)) = answers.message().await {
        let written = ids(&answer.accepted)
            .and_then(|ids| book.write(Said::Accepted, origin, &ids))
            .and_then(|()| ids(&answer.settled))
            .and_then(|ids| book.write(Said::Delivered, origin, &ids));
        if let Err(error) = written {
            book.refused(format!("the driver's own list: {error}"));
        }
        for refusal in answer.refused {
            let mut all = Reason::ALL.iter();
            let reason = all.find(|reason| reason.name() == refusal.reason);
            if reason.is_none_or(|reason| reason.class() != Class::Retry) {
                book.refused(format!("{origin}: {}", refusal.reason));
            }
        }
    }
}

fn ids(joined: &[u8]) -> Outcome<Vec<MessageId>> {
    let ids = joined.chunks(16).map(MessageId::from_bytes);
    Ok(ids.collect::<Result<_, _>>()?)
}
