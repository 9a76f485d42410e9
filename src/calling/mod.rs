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
mod ways;
mod webhook;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::{Mutex, broadcast},
    time::interval,
};

use self::{
    call::Due,
    duty::{Duty, Suspect},
    way::{Messenger, Step, Way},
    ways::Ways,
};
pub use self::{
    call::{About, Call},
    mail::{MailFault, MailSettings, Mailbox, Secured},
    way::{Tried, WayState},
    webhook::{HookFault, Webhook, WebhookSettings},
};
use crate::{
    delivery::{Broker, Random, Setting, SubmitError},
    domain::{
        alert::marking::Markings,
        call::CallKind,
        id::{AuthorityId, MessageId},
        limits::{CALLS_TOLD_MAX, OBSERVE_INTERVAL},
        reason::{Class, Reason},
        time::{Clock, Timestamp},
        transfer::Policy,
    },
    store::{
        Store, StoreFailed, Told,
        event::Event,
        record::{CallRecord, MessageRecord},
    },
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
    /// What the authority has set; may change while the node runs, by [`Calling::follow`].
    pub settings: Settings,
    /// On what grounds a prepared draft would go abroad; may change while the node runs.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Which optional markings are in use.
    pub markings: Markings,
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
    settings: ArcSwap<Settings>,
    ways: Ways,
    calls: broadcast::Sender<Arc<Call>>,
    duty: Mutex<Duty>,
}

impl Calling {
    /// Over these ways; nobody is called before it runs.
    #[must_use]
    pub fn new(parts: CallingParts, webhooks: Vec<Webhook>, mail: Option<Mailbox>) -> Self {
        let ways = Ways::new(messengers(webhooks, mail));
        let settings = ArcSwap::from_pointee(parts.settings.clone());
        let duty = Duty::new(
            parts.authority,
            parts.clock.now(),
            parts.settings.link_down_after,
        );
        Self {
            inner: Arc::new(Inner {
                parts,
                settings,
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
        let ways = self.inner.ways.all();
        ways.iter().map(|way| way.state()).collect()
    }

    /// Calls by these ways and settings from now on; what waits on a way stays there as long as the way has its name.
    pub async fn follow(&self, settings: Settings, webhooks: Vec<Webhook>, mail: Option<Mailbox>) {
        let mut duty = self.inner.duty.lock().await;
        duty.follow(settings.link_down_after);
        self.inner.settings.store(Arc::new(settings));
        self.inner.ways.follow(messengers(webhooks, mail));
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
        let ways = self.inner.ways.all();
        let tries = ways.iter().map(|way| way.try_once(&call));
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
        let sending = inner.ways.keep_each(|way| inner.keep(way));
        // Without ways, and after a way has ended, watchers are told all the same.
        tokio::join!(watching, sending);
    }
}

fn messengers(webhooks: Vec<Webhook>, mail: Option<Mailbox>) -> impl Iterator<Item = Messenger> {
    let hooks = webhooks.into_iter().map(Messenger::Webhook);
    hooks.chain(mail.map(Messenger::Mail))
}

impl Inner {
    /// Looks at what happens, and every few seconds at what time does.
    async fn watch(&self, mut events: broadcast::Receiver<Told>) -> Result<(), StoreFailed> {
        use broadcast::error::RecvError;
        let mut observe = interval(OBSERVE_INTERVAL);
        self.restore().await?;
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

    /// Calls that the process before had not brought to each of their ways go on, under their ids.
    async fn restore(&self) -> Result<(), StoreFailed> {
        let reading = self.parts.store.read(|ledger| {
            let waiting = ledger.waiting_calls().map(|call| {
                let about = call.statement.and_then(|it| ledger.message(&it));
                (call.clone(), about)
            });
            waiting.collect::<Vec<_>>()
        });
        let (now, monotonic) = (self.parts.clock.now(), self.parts.clock.monotonic());
        for (kept, record) in reading.await? {
            let call = Arc::new(self.call_again(&kept, record));
            let age = now.since(kept.at);
            for name in kept.waits_on() {
                let Some(way) = self.ways.named(name) else {
                    self.give_up(name, &call, 0, Reason::CallWayRemoved).await?;
                    continue;
                };
                if let Some(dropped) = way.restore(Arc::clone(&call), age, monotonic) {
                    self.give_up(name, &dropped, 0, Reason::CallDropped).await?;
                }
            }
        }
        Ok(())
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
        let adopted = |event: &Arc<Event>| matches!(**event, Event::DirectoryAdopted { .. });
        if told.iter().any(adopted) {
            let newcomers = self.parts.broker.newcomers().await?;
            dues.extend(duty.offered(newcomers, now));
        }
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
        let mut calls = Vec::with_capacity(dues.len());
        let mut events = Vec::new();
        for due in dues {
            if !self.is_prepared(&due).await? {
                continue;
            }
            let call = Arc::new(self.call(&due));
            // Flashes are called again and again, and found again by looking.
            if due.count == 1 {
                events.push(self.called(&due));
                events.extend(self.waits(&call));
            }
            calls.push(call);
        }
        // Whatever happens then, it is tried on each way until it arrives or is given up.
        self.journal(events).await?;
        for call in calls {
            self.send(call).await?;
        }
        Ok(())
    }

    /// Where somebody is not known to be back, a draft stands ready before people are called. False: it cannot yet, and
    /// the next look finds the same.
    async fn is_prepared(&self, due: &Due) -> Result<bool, StoreFailed> {
        let Some(travel) = due
            .record
            .as_ref()
            .filter(|_| due.kind == CallKind::ReturnNotConfirmed)
        else {
            return Ok(true);
        };
        let setting = Setting {
            policy: self.parts.policy.load_full(),
            markings: self.parts.markings,
        };
        let broker = &self.parts.broker;
        match broker.prepare_missing(travel.statement, setting).await {
            Ok(()) => Ok(true),
            Err(SubmitError::Store(failed)) => Err(failed),
            Err(SubmitError::Refused { reason, detail }) => {
                let statement = travel.statement;
                tracing::warn!(%statement, %reason, detail, "no draft of a missing offender was prepared");
                // People are called all the same, and `return --prepare` prints what could not be kept.
                Ok(reason.class() != Class::Retry)
            }
        }
    }

    async fn send(&self, call: Arc<Call>) -> Result<(), StoreFailed> {
        let ways = self.ways.all();
        tracing::warn!(
            kind = %call.kind,
            reference = call.reference(),
            ways = ways.len(),
            "people are called"
        );
        for way in ways {
            if let Some(dropped) = way.push(Arc::clone(&call), self.parts.clock.monotonic()) {
                self.give_up(way.name(), &dropped, 0, Reason::CallDropped)
                    .await?;
            }
        }
        // Nobody may be watching.
        let _ = self.calls.send(call);
        Ok(())
    }

    /// One way's task: sends what is due, again by the schedule, and gives up after its end.
    async fn keep(&self, way: Arc<Way>) {
        loop {
            let step = way.step(&*self.parts.clock, &*self.parts.random).await;
            let is_over = matches!(step, Step::Ended(_));
            match self.stepped(way.name(), step).await {
                Ok(()) if is_over => return,
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(%error, way = way.name(), "what became of a call was not journaled");
                    return;
                }
            }
        }
    }

    async fn stepped(&self, way: &str, step: Step) -> Result<(), StoreFailed> {
        match step {
            Step::Waited => Ok(()),
            Step::Arrived(call, tries) => self.arrived(way, &call, tries).await,
            Step::GivenUp(call, tries, reason) => self.give_up(way, &call, tries, reason).await,
            Step::Ended(waited) => {
                for call in waited {
                    self.give_up(way, &call, 0, Reason::CallWayRemoved).await?;
                }
                Ok(())
            }
        }
    }

    /// Journaled where it was kept: a flash that is called again is not.
    async fn arrived(&self, way: &str, call: &Call, tries: u32) -> Result<(), StoreFailed> {
        let now = self.parts.clock.now();
        let (kind, peer, statement) = call.matter();
        let plan = self.parts.store.decide(|ledger| {
            if ledger.call_waits((kind, peer, statement), way) {
                let arrived = Event::CallArrived {
                    statement,
                    peer,
                    kind,
                    count: tries,
                    way: way.into(),
                };
                ledger.record(now, arrived);
            }
        });
        plan.commit().await.map(drop)
    }

    async fn give_up(
        &self,
        way: &str,
        call: &Call,
        tries: u32,
        reason: Reason,
    ) -> Result<(), StoreFailed> {
        tracing::error!(way, kind = %call.kind, %reason, "a call is given up");
        let (kind, peer, statement) = call.matter();
        let failed = Event::CallFailed {
            statement,
            peer,
            kind,
            count: tries,
            way: way.into(),
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
        due.call(id, at, self.parts.authority, &self.settings.load().link)
    }

    /// The same call as it was kept; `record` is of the statement that it is about.
    fn call_again(&self, kept: &CallRecord, record: Option<MessageRecord>) -> Call {
        let due = Due {
            kind: kept.kind,
            record,
            peer: kept.peer,
            due: kept.due,
            since: kept.since,
            reason: kept.reason,
            count: kept.count,
        };
        let (own, settings) = (self.parts.authority, self.settings.load());
        due.call(kept.id, kept.at, own, &settings.link)
    }

    /// How a call is kept until it has arrived; none where there is no way.
    fn waits(&self, call: &Call) -> Option<Event> {
        let ways = self.ways.names();
        let (kind, peer, statement) = call.matter();
        let kept = CallRecord {
            id: call.id,
            at: call.at,
            kind,
            statement,
            peer,
            due: call.due,
            since: call.since,
            reason: call.reason,
            count: call.count,
            ways: ways.into(),
        };
        (!kept.ways.is_empty()).then(|| Event::CallWaits { call: kept.into() })
    }

    fn called(&self, due: &Due) -> Event {
        Event::Called {
            statement: due.record.as_ref().map(|record| record.statement),
            peer: due.peer,
            kind: due.kind,
            count: due.count,
            ways: self.ways.names().into(),
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
pub(crate) mod testing;
