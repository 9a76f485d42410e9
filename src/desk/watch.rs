//! `Watch`: events as they happen, from now on. Routing and state only, no person.
//!
//! A caller that falls too far behind is told so and cut off: it lists, then watches anew.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::interval,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    inbox::{kinds, with_threads},
    moment::Moment,
    service::{DeskService, store_failed},
    summary::summary,
};
use crate::{
    calling::Call,
    delivery::clocks::{ClockName, overdue},
    domain::{
        call::CallKind,
        id::{AuthorityId, StatementRef},
        limits::{OBSERVE_INTERVAL, PAGE_MAX_ITEMS, RESPONSE_QUEUE_MESSAGES},
        reason::Reason,
        receipt::Verdict,
        routing::{Effect, Kind},
        time::Timestamp,
    },
    proto::desk::v1 as pb,
    store::{
        Told,
        event::{Event, Peek, Word},
        ledger::{ListBox, ListFilter},
    },
    wire::status::refusal,
};

/// Starts watching.
pub(super) fn start(
    desk: DeskService,
    request: &pb::WatchRequest,
) -> Result<ReceiverStream<Result<pb::WatchResponse, Status>>, Status> {
    let kinds = kinds(&request.kinds)?;
    let (responses, stream) = mpsc::channel(RESPONSE_QUEUE_MESSAGES);
    let events = desk.parts().store.subscribe();
    let calls = desk.parts().calling.subscribe();
    let watcher = Watcher {
        desk,
        kinds,
        healthy: HashMap::new(),
        overdue: HashSet::new(),
    };
    tokio::spawn(async move {
        let closed = responses.clone();
        tokio::select! {
            () = closed.closed() => {}
            status = watcher.run(events, calls, &responses) => {
                let _ = responses.send(Err(status)).await;
            }
        }
    });
    Ok(ReceiverStream::new(stream))
}

type Responses = mpsc::Sender<Result<pb::WatchResponse, Status>>;

struct Watcher {
    desk: DeskService,
    /// Empty: all.
    kinds: Vec<Kind>,
    healthy: HashMap<AuthorityId, bool>,
    overdue: HashSet<(StatementRef, ClockName, AuthorityId)>,
}

/// What is worth telling of one event.
#[derive(Debug, PartialEq, Eq)]
struct News {
    word: &'static str,
    statement: Option<StatementRef>,
    peer: Option<AuthorityId>,
    reason: Option<Reason>,
    call: Option<Called>,
}

/// What a call says beside that.
#[derive(Debug, PartialEq, Eq)]
struct Called {
    kind: CallKind,
    due: Option<Timestamp>,
    count: u32,
}

impl News {
    fn of_call(call: &Call) -> Self {
        Self {
            word: "call",
            statement: call.about.as_ref().map(|about| about.statement),
            peer: call.peer,
            reason: call.reason,
            call: Some(Called {
                kind: call.kind,
                due: call.due,
                count: call.count,
            }),
        }
    }
}

impl Watcher {
    async fn run(
        mut self,
        mut events: tokio::sync::broadcast::Receiver<Told>,
        mut calls: tokio::sync::broadcast::Receiver<Arc<Call>>,
        responses: &Responses,
    ) -> Status {
        let mut observe = interval(OBSERVE_INTERVAL);
        loop {
            let news = tokio::select! {
                event = events.recv() => match event {
                    Ok(told) => told
                        .iter()
                        .filter_map(|event| news(self.desk.parts().authority, event))
                        .collect(),
                    Err(RecvError::Lagged(_)) => {
                        return refusal(Reason::Overloaded, "events were missed: list, then watch anew");
                    }
                    Err(RecvError::Closed) => return refusal(Reason::Stopping, "the node is stopping"),
                },
                call = calls.recv() => match call {
                    Ok(call) => vec![News::of_call(&call)],
                    Err(RecvError::Lagged(_)) => {
                        return refusal(Reason::Overloaded, "calls were missed: list, then watch anew");
                    }
                    Err(RecvError::Closed) => return refusal(Reason::Stopping, "the node is stopping"),
                },
                _ = observe.tick() => match self.observed().await {
                    Ok(news) => news,
                    Err(status) => return status,
                },
            };
            for news in news {
                match self.response(news).await {
                    Ok(None) => {}
                    Ok(Some(response)) => {
                        if responses.send(Ok(response)).await.is_err() {
                            return refusal(Reason::StreamEnded, "the caller has gone");
                        }
                    }
                    Err(status) => return status,
                }
            }
        }
    }

    async fn response(&self, news: News) -> Result<Option<pb::WatchResponse>, Status> {
        let parts = self.desk.parts();
        let record = match news.statement {
            None => None,
            Some(statement) => parts
                .store
                .read(|ledger| {
                    let record = ledger.message(&statement)?;
                    let thread = ledger.thread(&record.thread);
                    Some((record, thread))
                })
                .await
                .map_err(|error| store_failed(&error))?,
        };
        let kind = record.as_ref().map(|(record, _)| record.kind);
        if !self.kinds.is_empty() && !kind.is_some_and(|kind| self.kinds.contains(&kind)) {
            return Ok(None);
        }
        let moment = Moment::of(parts);
        let call = news.call.as_ref();
        Ok(Some(pb::WatchResponse {
            at_us: moment.now.as_micros(),
            event: news.word.to_owned(),
            summary: record.map(|(record, thread)| summary(&record, &thread, &moment)),
            peer: news.peer.map_or_else(String::new, |peer| peer.to_string()),
            reason: news
                .reason
                .map_or_else(String::new, |reason| reason.to_string()),
            call: call.map_or_else(String::new, |call| call.kind.to_string()),
            due_us: call
                .and_then(|call| call.due)
                .map_or(0, Timestamp::as_micros),
            count: call.map_or(0, |call| call.count),
        }))
    }

    /// What nobody does, but time: links that changed, clocks that ran out on the newest page of each box.
    async fn observed(&mut self) -> Result<Vec<News>, Status> {
        let parts = self.desk.parts();
        let now = parts.clock.now();
        let mut news = Vec::new();
        for link in parts.broker.links() {
            let before = self.healthy.insert(link.authority, link.healthy);
            if before.is_some_and(|before| before != link.healthy) {
                news.push(News {
                    word: "link",
                    statement: None,
                    peer: Some(link.authority),
                    reason: link.reason,
                    call: None,
                });
            }
        }
        let records = parts
            .store
            .read(|ledger| {
                let page = |list| {
                    let all = ListFilter::default();
                    with_threads(ledger, list, &all, None, PAGE_MAX_ITEMS)
                };
                [page(ListBox::Out), page(ListBox::In)].concat()
            })
            .await
            .map_err(|error| store_failed(&error))?;
        let late = records.iter().flat_map(|(record, thread)| {
            overdue(parts.authority, record, thread, now)
                .into_iter()
                .map(|late| (record.statement, late))
        });
        let mut still = HashSet::new();
        for (statement, late) in late {
            let key = (statement, late.clock, late.owed_by);
            still.insert(key);
            if !self.overdue.contains(&key) {
                news.push(News {
                    word: "overdue",
                    statement: Some(statement),
                    peer: Some(late.owed_by),
                    reason: None,
                    call: None,
                });
            }
        }
        self.overdue = still;
        Ok(news)
    }
}

fn news(own: AuthorityId, event: &Event) -> Option<News> {
    let of = |word, statement, peer, reason| {
        Some(News {
            word,
            statement: Some(statement),
            peer,
            reason,
            call: None,
        })
    };
    match event {
        Event::Received { routing, .. } => {
            let word = effect_word(routing.effect).unwrap_or("received");
            of(
                word,
                routing.statement,
                Some(routing.statement.origin),
                None,
            )
        }
        Event::Carried { peer, routing, .. } => {
            of("received", routing.statement, Some(*peer), None)
        }
        Event::Accepted { routing, .. } => {
            of(effect_word(routing.effect)?, routing.statement, None, None)
        }
        Event::ReceiptStored { receipt, .. } => {
            let statement = StatementRef {
                origin: own,
                id: receipt.message,
            };
            match receipt.verdict {
                Verdict::Held => of("delivered", statement, Some(receipt.recipient), None),
                Verdict::Refused(reason) => {
                    of("refused", statement, Some(receipt.recipient), Some(reason))
                }
            }
        }
        Event::DeliveryEnded {
            statement,
            recipient,
            reason,
        }
        | Event::DeliveryHeld {
            statement,
            recipient,
            reason,
        } => of("refused", *statement, Some(*recipient), Some(*reason)),
        Event::GoesByHand {
            statement,
            recipient,
            ..
        } => of("by_hand", *statement, Some(*recipient), None),
        Event::Bundled {
            statement,
            recipient,
            ..
        } => of("bundled", *statement, Some(*recipient), None),
        Event::HandReported {
            statement,
            recipient,
            word,
            ..
        } => {
            let told = match word {
                Word::None => "carried",
                Word::Acknowledged => "acknowledged",
            };
            of(told, *statement, Some(*recipient), None)
        }
        Event::Consulted {
            thread,
            peek: Peek::Opens,
            ..
        } => of("opened", *thread, None, None),
        Event::AlertExpired { statement } => of("expired", *statement, None, None),
        Event::Incident { peer, reason, .. } => Some(News {
            word: "link",
            statement: None,
            peer: *peer,
            reason: Some(*reason),
            call: None,
        }),
        _ => None,
    }
}

fn effect_word(effect: Effect) -> Option<&'static str> {
    match effect {
        Effect::Answers(_) => Some("answer"),
        Effect::Recalls => Some("recalled"),
        Effect::Closes => Some("closed"),
        _ => None,
    }
}
