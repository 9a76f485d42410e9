//! `SubmitStream`: many drafts, each on its own, in pipelined groups; and when all their receipts are here.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{
    second,
    service::{DeskService, Permit, submit_failed},
    submit::{resolve, within_count},
};
use crate::{
    delivery::{Accepted, Submission, SubmitError},
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::{
            RESPONSE_QUEUE_MESSAGES, SETTLE_WINDOW_DRAFTS, SETTLED_MAX_IDS, SUBMIT_WINDOW_MESSAGES,
        },
        reason::Reason,
        routing::Kind,
    },
    proto::{alert::v1 as alert, desk::v1 as pb},
    store::{Store, Told, event::Event},
    wire::{
        alert::{Fault, parse_marked_draft},
        status::{reason_of, refusal},
    },
};

type Responses = mpsc::Sender<Result<pb::SubmitStreamResponse, Status>>;

/// Starts answering a stream.
pub(super) fn start(
    desk: DeskService,
    permit: Permit,
    requests: Streaming<pb::SubmitStreamRequest>,
) -> ReceiverStream<Result<pb::SubmitStreamResponse, Status>> {
    let (responses, stream) = mpsc::channel(RESPONSE_QUEUE_MESSAGES);
    tokio::spawn(async move {
        if let Err(status) = take(desk, permit, requests, &responses).await {
            // A caller that has gone needs no reason.
            let _ = responses.send(Err(status)).await;
        }
    });
    ReceiverStream::new(stream)
}

/// Reads messages and works on up to a window of them at once.
async fn take(
    desk: DeskService,
    permit: Permit,
    mut requests: Streaming<pb::SubmitStreamRequest>,
    responses: &Responses,
) -> Result<(), Status> {
    let window = Arc::new(Semaphore::new(SUBMIT_WINDOW_MESSAGES));
    let settling = Settling::start(&desk, responses.clone());
    let mut position = 0u64;
    while let Some(request) = requests.message().await? {
        within_count(request.drafts.len())?;
        let group = Group {
            first: position,
            drafts: request.drafts,
            reports: request.report_settled,
        };
        position += u64::try_from(group.drafts.len()).unwrap_or(u64::MAX);
        let room = acquire(&window, 1).await?;
        let settled_room = match group.reports {
            true => Some(acquire(&settling.window, group.drafts.len()).await?),
            false => None,
        };
        let (desk, permit) = (desk.clone(), permit.clone());
        let (responses, settling) = (responses.clone(), settling.clone());
        tokio::spawn(async move {
            let worked = work(&desk, &permit, group).await;
            drop(room);
            // Responses first: what is settled was accepted before.
            let told = responses.send(worked.response).await.is_ok();
            if let (true, Some(room)) = (told, settled_room) {
                settling.expect(worked.accepted, room).await;
            }
        });
    }
    Ok(())
}

/// One message of the stream.
struct Group {
    first: u64,
    drafts: Vec<alert::Draft>,
    reports: bool,
}

struct Worked {
    response: Result<pb::SubmitStreamResponse, Status>,
    accepted: Vec<StatementRef>,
}

async fn work(desk: &DeskService, permit: &Permit, group: Group) -> Worked {
    let mut refused = Vec::new();
    let mut submissions: Vec<Submission> = Vec::new();
    let mut positions = Vec::new();
    let now = desk.parts().clock.now();
    for (position, draft) in (group.first..).zip(&group.drafts) {
        let parsed =
            match parse_marked_draft(draft, now, desk.parts().markings) {
                Ok(parsed) => resolve(desk, permit, parsed).await.map_err(|unresolved| {
                    match unresolved.fault() {
                        Some(fault) => (Reason::FaultyDraft, vec![fault]),
                        None => (
                            reason_of(unresolved.status()).unwrap_or(Reason::Stopping),
                            vec![],
                        ),
                    }
                }),
                Err(faults) => Err((Reason::FaultyDraft, faults)),
            };
        let judged = match parsed {
            Ok(submission) => alone(desk, permit, submission).await,
            Err(fault) => Err(fault),
        };
        match judged {
            Ok(submission) => {
                positions.push((position, draft.id.as_str()));
                submissions.push(submission);
            }
            Err((reason, faults)) => {
                refused.push(refusal_of(position, &draft.id, reason, faults));
            }
        }
    }
    let mut accepted = Vec::new();
    let results = desk
        .parts()
        .broker
        .submit_many(permit.actor, submissions)
        .await;
    for ((position, id), result) in positions.into_iter().zip(results) {
        match result {
            Ok(Accepted { statement, .. }) => accepted.push(statement),
            Err(error @ SubmitError::Store(_)) => {
                return Worked {
                    response: Err(submit_failed(&error)),
                    accepted: Vec::new(),
                };
            }
            Err(SubmitError::Refused { reason, .. }) => {
                refused.push(refusal_of(position, id, reason, vec![]));
            }
        }
    }
    refused.sort_by_key(|refusal| refusal.position);
    Worked {
        response: Ok(pb::SubmitStreamResponse {
            accepted: joined(accepted.iter().map(|statement| &statement.id)),
            refused,
            settled: bytes::Bytes::new(),
        }),
        accepted,
    }
}

/// A stream carries what needs no second person, and no returns, of which each is judged after the one before; anything else is refused by name, and may be handed in by `Submit`.
async fn alone(
    desk: &DeskService,
    permit: &Permit,
    submission: Submission,
) -> Result<Submission, (Reason, Vec<Fault>)> {
    if submission.kind == Kind::Statistics {
        return Err((Reason::NotCounted, vec![]));
    }
    match second::why(desk, permit, &submission).await {
        Ok(None) => Ok(submission),
        Ok(Some(_)) => Err((Reason::ReleaseNeeded, vec![])),
        Err(SubmitError::Refused { reason, .. }) => Err((reason, vec![])),
        Err(SubmitError::Store(_)) => Err((Reason::Stopping, vec![])),
    }
}

fn refusal_of(position: u64, id: &str, reason: Reason, faults: Vec<Fault>) -> pb::SubmitRefusal {
    let fault = |fault: Fault| pb::Fault {
        path: fault.path,
        found: fault.found,
        expected: fault.expected,
    };
    pb::SubmitRefusal {
        position,
        id: id
            .parse::<MessageId>()
            .map_or_else(|_| Vec::new(), |id| id.as_bytes().to_vec()),
        reason: reason.name().to_owned(),
        faults: faults.into_iter().map(fault).collect(),
    }
}

fn joined<'a>(ids: impl Iterator<Item = &'a MessageId>) -> bytes::Bytes {
    ids.flat_map(|id| id.as_bytes().iter().copied()).collect()
}

async fn acquire(window: &Arc<Semaphore>, count: usize) -> Result<OwnedSemaphorePermit, Status> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Arc::clone(window)
        .acquire_many_owned(count)
        .await
        .map_err(|_| refusal(Reason::Stopping, "the node is stopping"))
}

/// Tells when every recipient of an accepted draft has receipted, refused or run out.
#[derive(Clone)]
struct Settling {
    window: Arc<Semaphore>,
    expected: mpsc::Sender<Expected>,
}

struct Expected {
    statements: Vec<StatementRef>,
    room: OwnedSemaphorePermit,
}

impl Settling {
    /// Listens before anything is submitted, so that no receipt is missed. Ends with the stream.
    fn start(desk: &DeskService, responses: Responses) -> Self {
        let (expected, incoming) = mpsc::channel(SUBMIT_WINDOW_MESSAGES);
        let tracker = Tracker {
            store: desk.parts().store.clone(),
            authority: desk.parts().authority,
            pending: HashMap::new(),
            responses,
        };
        let events = desk.parts().store.subscribe();
        tokio::spawn(tracker.run(events, incoming));
        Self {
            window: Arc::new(Semaphore::new(SETTLE_WINDOW_DRAFTS)),
            expected,
        }
    }

    async fn expect(&self, statements: Vec<StatementRef>, room: OwnedSemaphorePermit) {
        // The tracker ends only with the caller: then nobody waits.
        let _ = self.expected.send(Expected { statements, room }).await;
    }
}

struct Tracker {
    store: Store,
    authority: AuthorityId,
    pending: HashMap<MessageId, Pending>,
    responses: Responses,
}

struct Pending {
    recipients: Vec<AuthorityId>,
    _room: OwnedSemaphorePermit,
}

impl Tracker {
    async fn run(
        mut self,
        mut events: broadcast::Receiver<Told>,
        mut incoming: mpsc::Receiver<Expected>,
    ) {
        let mut open = true;
        while open || !self.pending.is_empty() {
            let settled = tokio::select! {
                expected = incoming.recv(), if open => match expected {
                    Some(expected) => self.expect(expected).await,
                    None => { open = false; Vec::new() }
                },
                event = events.recv(), if !self.pending.is_empty() || open => match event {
                    Ok(told) => self.apply_all(&told, &mut events).await,
                    // Too slow for single events: the ledger knows.
                    Err(broadcast::error::RecvError::Lagged(_)) => self.reread().await,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                () = self.responses.closed() => return,
            };
            if !self.tell(&settled).await {
                return;
            }
        }
    }

    /// Takes on statements; what the ledger shows as settled already is told at once.
    async fn expect(&mut self, expected: Expected) -> Vec<MessageId> {
        let Expected {
            statements,
            mut room,
        } = expected;
        for statement in &statements {
            if let Some(room) = room.split(1) {
                let pending = Pending {
                    recipients: Vec::new(),
                    _room: room,
                };
                self.pending.insert(statement.id, pending);
            }
        }
        self.look_up(statements.iter().map(|statement| statement.id).collect())
            .await
    }

    async fn reread(&mut self) -> Vec<MessageId> {
        self.look_up(self.pending.keys().copied().collect()).await
    }

    async fn look_up(&mut self, ids: Vec<MessageId>) -> Vec<MessageId> {
        let origin = self.authority;
        let unsettled = self.store.read(|ledger| {
            let unsettled = |id: &MessageId| {
                let record = ledger.message(&StatementRef { origin, id: *id })?;
                let open = record.deliveries.iter().filter(|d| !d.life.is_settled());
                Some((*id, open.map(|d| d.recipient).collect::<Vec<_>>()))
            };
            ids.iter().filter_map(unsettled).collect::<Vec<_>>()
        });
        // A failed store ends the node; nothing more is told.
        let Ok(unsettled) = unsettled.await else {
            return Vec::new();
        };
        let mut settled = Vec::new();
        for (id, recipients) in unsettled {
            if recipients.is_empty() {
                self.pending.remove(&id);
                settled.push(id);
            } else if let Some(pending) = self.pending.get_mut(&id) {
                pending.recipients = recipients;
            }
        }
        settled
    }

    /// Applies a decision's events and those that came with it: what one group settles is told in one message.
    async fn apply_all(
        &mut self,
        told: &Told,
        events: &mut broadcast::Receiver<Told>,
    ) -> Vec<MessageId> {
        let mut settled = Vec::new();
        self.apply(told, &mut settled);
        while settled.len() < SETTLED_MAX_IDS {
            match events.try_recv() {
                Ok(told) => self.apply(&told, &mut settled),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {
                    settled.extend(self.reread().await);
                    break;
                }
                // Closed is told by the next look.
                Err(_) => break,
            }
        }
        settled
    }

    fn apply(&mut self, told: &Told, settled: &mut Vec<MessageId>) {
        settled.extend(told.iter().filter_map(|event| self.settled_by(event)));
    }

    fn settled_by(&mut self, event: &Event) -> Option<MessageId> {
        let (id, recipient) = match event {
            Event::ReceiptStored { receipt, .. } => (receipt.message, receipt.recipient),
            Event::DeliveryEnded {
                statement,
                recipient,
                ..
            }
            | Event::GoesByHand {
                statement,
                recipient,
                ..
            } => (statement.id, *recipient),
            _ => return None,
        };
        let pending = self.pending.get_mut(&id)?;
        pending.recipients.retain(|waiting| *waiting != recipient);
        if !pending.recipients.is_empty() {
            return None;
        }
        self.pending.remove(&id);
        Some(id)
    }

    async fn tell(&self, settled: &[MessageId]) -> bool {
        for part in settled.chunks(SETTLED_MAX_IDS) {
            let response = pb::SubmitStreamResponse {
                settled: joined(part.iter()),
                ..<_>::default()
            };
            if self.responses.send(Ok(response)).await.is_err() {
                return false;
            }
        }
        true
    }
}
