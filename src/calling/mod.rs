//! Calls people of the own desk when something waits for them: a flash, a clock that ran out, a hit, an end ahead.
//!
//! The way in is [`Calling::new`], then [`Calling::run`]. [`duty`](self) decides what is worth a call, each configured
//! way (a webhook, mail) has a queue and a task of its own, and `watch` hears of every call. That somebody was called is
//! journaled. It knows records, never a person; it must never slow the node down, and never fall silent about a way that
//! does not work.

mod call;
mod duty;
mod http;
mod mail;
mod secret;
mod way;
mod webhook;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, broadcast},
    time::interval,
};

use self::{
    call::Due,
    duty::{Duty, Suspect},
    way::{Messenger, Way},
};
pub use self::{
    call::{About, Call},
    mail::{MailFault, MailSettings, Mailbox, Secured},
    way::{Tried, WayState},
    webhook::{HookFault, Webhook, WebhookSettings},
};
use crate::{
    delivery::{Broker, Random},
    domain::{
        call::CallKind,
        id::{AuthorityId, MessageId},
        limits::{CALLS_TOLD_MAX, OBSERVE_INTERVAL},
        reason::Reason,
        time::{Clock, Timestamp},
    },
    store::{Store, StoreFailed, Told, event::Event},
};

/// What calling is made of.
pub struct CallingParts {
    /// Whose desk is called.
    pub authority: AuthorityId,
    /// What is kept.
    pub store: Store,
    /// Knows how the links are.
    pub broker: Broker,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids, jitter.
    pub random: Arc<dyn Random>,
    /// What the authority has set.
    pub settings: Settings,
}

/// What the authority has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where people open what they are called about: `{reference}` stands for the alert's; empty: nowhere.
    pub link: String,
    /// How long a partner may be away before people are called.
    pub link_down_after: Duration,
}

/// Calls people. Cheap to clone.
#[derive(Clone)]
pub struct Calling {
    inner: Arc<Inner>,
}

struct Inner {
    parts: CallingParts,
    ways: Vec<Arc<Way>>,
    calls: broadcast::Sender<Arc<Call>>,
    duty: Mutex<Duty>,
}

impl Calling {
    /// Over these ways; nobody is called before it runs.
    #[must_use]
    pub fn new(parts: CallingParts, webhooks: Vec<Webhook>, mail: Option<Mailbox>) -> Self {
        let hooks = webhooks.into_iter().map(Messenger::Webhook);
        let messengers = hooks.chain(mail.map(Messenger::Mail));
        let ways = messengers
            .map(|messenger| Arc::new(Way::new(messenger)))
            .collect();
        let duty = Duty::new(
            parts.authority,
            parts.clock.now(),
            parts.settings.link_down_after,
        );
        Self {
            inner: Arc::new(Inner {
                parts,
                ways,
                calls: broadcast::Sender::new(CALLS_TOLD_MAX),
                duty: Mutex::new(duty),
            }),
        }
    }

    /// Every call from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Call>> {
        self.inner.calls.subscribe()
    }

    /// How each way is.
    #[must_use]
    pub fn ways(&self) -> Vec<WayState> {
        self.inner.ways.iter().map(|way| way.state()).collect()
    }

    /// Calls once through each way, now, and says what came of it.
    ///
    /// # Errors
    /// When the store has failed.
    pub async fn test(&self) -> Result<Vec<Tried>, StoreFailed> {
        let due = Due {
            kind: CallKind::Test,
            record: None,
            peer: None,
            due: None,
            since: self.inner.parts.clock.now(),
            reason: None,
            count: 1,
        };
        let call = Arc::new(self.inner.call(&due));
        self.inner.journal(vec![self.inner.called(&due)]).await?;
        // Nobody may be watching.
        let _ = self.inner.calls.send(Arc::clone(&call));
        let tries = self.inner.ways.iter().map(|way| way.try_once(&call));
        Ok(futures_util::future::join_all(tries).await)
    }

    /// Calls until it is dropped, or the store has failed. `events` are the store's, from before anything happened.
    pub async fn run(self, events: broadcast::Receiver<Told>) {
        let inner = &self.inner;
        let watching = async {
            if let Err(error) = inner.watch(events).await {
                tracing::error!(%error, "nobody is called any more");
            }
        };
        let ways = inner.ways.iter().map(|way| inner.keep(way));
        let sending = futures_util::future::join_all(ways);
        // Without ways, and after a way has ended, watchers are told all the same.
        tokio::join!(watching, sending);
    }
}

impl Inner {
    /// Looks at what happens, and every few seconds at what time does.
    async fn watch(&self, mut events: broadcast::Receiver<Told>) -> Result<(), StoreFailed> {
        use broadcast::error::RecvError;
        let mut observe = interval(OBSERVE_INTERVAL);
        let begun = self.begin().await?;
        self.call_all(begun).await?;
        loop {
            let dues = tokio::select! {
                biased;
                told = events.recv() => match told {
                    Ok(told) => self.heard(&told).await?,
                    // What was missed is found by looking; a refusal stands in the lists.
                    Err(RecvError::Lagged(_)) => self.begin().await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = observe.tick() => self.look().await?,
            };
            self.call_all(dues).await?;
        }
    }

    /// What waited when this process began.
    async fn begin(&self) -> Result<Vec<Due>, StoreFailed> {
        let mut duty = self.duty.lock().await;
        let now = self.parts.clock.now();
        let reading = self.parts.store.read(|ledger| duty.begin(ledger, now));
        let suspects = reading.await?;
        Ok(self.touched(&mut duty, suspects).await)
    }

    async fn heard(&self, told: &Told) -> Result<Vec<Due>, StoreFailed> {
        let mut duty = self.duty.lock().await;
        let now = self.parts.clock.now();
        if !told.iter().any(|event| Duty::cares_for(event)) {
            return Ok(Vec::new());
        }
        let reading = self.parts.store.read(|ledger| {
            let heard = told.iter().flat_map(|event| duty.hear(event, ledger, now));
            let heard: Vec<Due> = heard.collect();
            let suspects = told.iter();
            let suspects = suspects.filter_map(|event| Duty::suspects(event, ledger, now));
            (heard, suspects.collect())
        });
        let (mut dues, suspects) = reading.await?;
        dues.extend(self.touched(&mut duty, suspects).await);
        Ok(dues)
    }

    /// Reads the bodies that a journey and an order stand in, away from the lock and the tasks that serve.
    async fn touched(&self, duty: &mut Duty, suspects: Vec<Suspect>) -> Vec<Due> {
        let mut dues = Vec::new();
        for alerts in suspects {
            let store = self.parts.store.clone();
            let reading = tokio::task::spawn_blocking(move || {
                (crate::delivery::touched(&store, &alerts), alerts)
            });
            match reading.await {
                Ok((touched, alerts)) => {
                    dues.extend(duty.touched(&touched, &alerts, self.parts.clock.now()));
                }
                Err(error) => tracing::error!(%error, "reading ended in a fault of the program"),
            }
        }
        dues
    }

    async fn look(&self) -> Result<Vec<Due>, StoreFailed> {
        let mut duty = self.duty.lock().await;
        let (now, monotonic) = (self.parts.clock.now(), self.parts.clock.monotonic());
        let mut dues = duty.links(&self.parts.broker.links(), now, monotonic);
        let reading = self
            .parts
            .store
            .read(|ledger| duty.look(ledger, now, monotonic));
        let (more, ended) = reading.await?;
        dues.extend(more);
        drop(duty);
        // A flash that was called again and again is one more act, with how often.
        let again = ended.iter().map(|due| self.called(due)).collect();
        self.journal(again).await?;
        Ok(dues)
    }

    async fn call_all(&self, dues: Vec<Due>) -> Result<(), StoreFailed> {
        if dues.is_empty() {
            return Ok(());
        }
        let first = dues.iter().filter(|due| due.count == 1);
        self.journal(first.map(|due| self.called(due)).collect())
            .await?;
        for due in &dues {
            let call = Arc::new(self.call(due));
            tracing::warn!(
                kind = %call.kind,
                reference = call.reference(),
                ways = self.ways.len(),
                "people are called"
            );
            for way in &self.ways {
                if let Some(dropped) = way.push(Arc::clone(&call), self.parts.clock.monotonic()) {
                    self.give_up(way, &dropped, 0, Reason::CallDropped).await?;
                }
            }
            // Nobody may be watching.
            let _ = self.calls.send(call);
        }
        Ok(())
    }

    /// One way's task: sends what is due, again by the schedule, and gives up after its end.
    async fn keep(&self, way: &Way) {
        loop {
            let Some(given_up) = way.step(&*self.parts.clock, &*self.parts.random).await else {
                continue;
            };
            let (call, tries, reason) = given_up;
            if let Err(error) = self.give_up(way, &call, tries, reason).await {
                tracing::error!(%error, way = way.name(), "a call that failed was not journaled");
                return;
            }
        }
    }

    async fn give_up(
        &self,
        way: &Way,
        call: &Call,
        tries: u32,
        reason: Reason,
    ) -> Result<(), StoreFailed> {
        tracing::error!(way = way.name(), kind = %call.kind, %reason, "a call is given up");
        let failed = Event::CallFailed {
            statement: call.about.as_ref().map(|about| about.statement),
            peer: call.peer,
            kind: call.kind,
            count: tries,
            way: way.name().into(),
            reason,
        };
        self.journal(vec![failed]).await
    }

    fn call(&self, due: &Due) -> Call {
        let mut random = [0; 10];
        self.parts.random.fill(&mut random);
        let at = self.parts.clock.now();
        let unix_ms = u64::try_from(at.as_micros() / 1000).unwrap_or(0);
        let id = MessageId::from_parts(unix_ms, random);
        due.call(id, at, self.parts.authority, &self.parts.settings.link)
    }

    fn called(&self, due: &Due) -> Event {
        let ways: Vec<&str> = self.ways.iter().map(|way| way.name()).collect();
        Event::Called {
            statement: due.record.as_ref().map(|record| record.statement),
            peer: due.peer,
            kind: due.kind,
            count: due.count,
            ways: ways.join(",").into(),
        }
    }

    async fn journal(&self, events: Vec<Event>) -> Result<(), StoreFailed> {
        if events.is_empty() {
            return Ok(());
        }
        let now: Timestamp = self.parts.clock.now();
        let plan = self.parts.store.decide(|ledger| {
            for event in events {
                ledger.record(now, event);
            }
        });
        plan.commit().await.map(drop)
    }
}

#[cfg(test)]
mod tls_tests;
