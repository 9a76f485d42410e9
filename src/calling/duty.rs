//! What is worth a call, and whether it was called before.
//!
//! Decides, and sends nothing: [`Duty::hear`] on what happened, [`Duty::look`] and [`Duty::links`] on what only time
//! does. A flash is called for again and again, as is a hit on one; everything else once, also over a restart, as records
//! keep what was called.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::call::Due;
use crate::{
    delivery::{
        LinkState,
        clocks::{ClockName, Overdue, instruction_due, overdue},
    },
    domain::{
        alert::value::Day,
        call::CallKind,
        id::{AuthorityId, StatementRef},
        limits::{
            CALL_FLASHES_MAX, CALL_LOOK_NEWEST, CALL_LOOK_RECORDS, CALLS_REMEMBERED_MAX,
            END_WARNING_DAYS, FLASH_AGAIN_AFTER, INSTRUCTION_OTHERS_AFTER,
        },
        lives::AlertLife,
        reason::{Class, Reason},
        receipt::Verdict,
        routing::{AnswerCode, Effect, Kind, Priority, Routing, Status},
        time::Timestamp,
    },
    store::{
        event::Event,
        ledger::{DueList, Ledger, ListBox, ListFilter},
        record::{Direction, MessageRecord, Ordinal},
    },
};

mod hits;
mod journeys;

use self::hits::Hit;
pub(super) use self::journeys::Suspect;

/// A clock of one alert that was called for.
type Late = (StatementRef, CallKind, AuthorityId);

pub(super) struct Duty {
    own: AuthorityId,
    /// What was due before this may have been called by the process before.
    started_at: Timestamp,
    link_down_after: Duration,
    flashes: BTreeMap<StatementRef, Flash>,
    late: BTreeSet<Late>,
    /// Hits that wait for our instruction, by alert and partner.
    hits: BTreeMap<(StatementRef, AuthorityId), Hit>,
    links: BTreeMap<AuthorityId, Down>,
    /// Journeys that touch an order, each with the alert that states the order.
    touched: BTreeSet<(StatementRef, StatementRef)>,
    /// Who has joined, and people were called that alerts wait for it.
    newcomers: BTreeSet<AuthorityId>,
    /// How far the older records were looked through; begins anew at their end.
    place: Ordinal,
    /// The same for each list of days.
    days: [Option<(Day, Ordinal)>; 3],
}

/// A flash that nobody has opened.
#[derive(Debug, Clone, Copy, Default)]
struct Flash {
    /// Monotonic; `None`: not yet.
    called_at: Option<Duration>,
    count: u32,
}

/// A partner that is away.
#[derive(Debug, Clone, Copy)]
struct Down {
    /// Monotonic.
    since: Duration,
    called: bool,
}

impl Duty {
    pub(super) fn new(own: AuthorityId, now: Timestamp, link_down_after: Duration) -> Self {
        Self {
            own,
            started_at: now,
            link_down_after,
            flashes: BTreeMap::new(),
            late: BTreeSet::new(),
            hits: BTreeMap::new(),
            links: BTreeMap::new(),
            touched: BTreeSet::new(),
            newcomers: BTreeSet::new(),
            place: 0,
            days: [None; 3],
        }
    }

    /// How long a partner may be away, from now on.
    pub(super) fn follow(&mut self, link_down_after: Duration) {
        self.link_down_after = link_down_after;
    }

    /// Flashes that wait already. Then alerts whose journeys nobody was called for, which may touch an order.
    pub(super) fn begin(&mut self, ledger: &Ledger, now: Timestamp) -> Vec<Suspect> {
        for record in ledger.unopened(CALL_FLASHES_MAX) {
            self.note_flash(&record);
        }
        for record in newest(ledger) {
            self.note_hits(&record, ledger, now);
        }
        let journeys = newest(ledger).filter(|record| {
            record.terms.states_journey && !record.called.contains(CallKind::ClauseTouched)
        });
        journeys
            .map(|record| ledger.orders_and_journeys(&record.thread, now))
            .filter(|alerts| !alerts.is_empty())
            .collect()
    }

    fn note_flash(&mut self, record: &MessageRecord) {
        let waits = record.priority == Priority::Flash
            && record.direction == Direction::Foreign
            && record.thread == record.statement
            && is_called_for(record.status);
        if waits && self.flashes.len() < CALL_FLASHES_MAX {
            self.flashes.entry(record.statement).or_default();
        }
    }

    /// Whether [`Self::hear`] would look at it.
    pub(super) fn cares_for(event: &Event) -> bool {
        if let Event::Accepted { routing, .. } = event {
            return may_change_what_is_asked(routing) || journeys::may_touch(routing);
        }
        matches!(
            event,
            Event::Received { .. }
                | Event::Carried { .. }
                | Event::DirectoryAdopted { .. }
                | Event::ReceiptStored { .. }
                | Event::DeliveryEnded { .. }
                | Event::DeliveryHeld { .. }
        )
    }

    /// What of an event people are called for at once.
    pub(super) fn hear(&mut self, event: &Event, ledger: &Ledger, now: Timestamp) -> Option<Due> {
        match event {
            Event::Accepted { routing, .. } => asks_differ(routing, ledger, now),
            Event::Received { routing, .. } | Event::Carried { routing, .. } => self
                .received(routing, ledger, now)
                .or_else(|| asks_differ(routing, ledger, now)),
            Event::ReceiptStored { receipt, .. } => match receipt.verdict {
                Verdict::Held => None,
                Verdict::Refused(reason) => {
                    let statement = StatementRef {
                        origin: receipt.sender,
                        id: receipt.message,
                    };
                    stopped(ledger, &statement, receipt.recipient, reason, now)
                }
            },
            Event::DeliveryEnded {
                statement,
                recipient,
                reason,
            }
            | Event::DeliveryHeld {
                statement,
                recipient,
                reason,
            } => stopped(ledger, statement, *recipient, *reason, now),
            _ => None,
        }
    }

    /// Alerts wait to be given to these; once for each, and again for one that comes back.
    pub(super) fn offered(&mut self, newcomers: BTreeSet<AuthorityId>, now: Timestamp) -> Vec<Due> {
        let new = newcomers.difference(&self.newcomers).map(|authority| Due {
            kind: CallKind::OffersWait,
            record: None,
            peer: Some(*authority),
            due: None,
            since: now,
            reason: None,
            count: 1,
        });
        let dues = new.collect();
        self.newcomers = newcomers;
        dues
    }

    /// A flash waits from now on; a hit on an own alert waits for our word.
    fn received(&mut self, routing: &Routing, ledger: &Ledger, now: Timestamp) -> Option<Due> {
        let record = ledger.message(&routing.statement)?;
        self.note_flash(&record);
        let hit = routing.effect == Effect::Answers(AnswerCode::Hit);
        if !hit && !record.terms.person_present {
            return None;
        }
        let alert = ledger.message(&routing.thread)?;
        let thread = ledger.thread(&routing.thread);
        let by = routing.statement.origin;
        let due = instruction_due(&alert, &by, &thread, now)?;
        // An answer and its sighting are one matter, unless the sighting leaves less time.
        let known = self.hits.get(&(alert.statement, by));
        if known.is_some_and(|hit| hit.due == due) {
            return None;
        }
        self.hits.insert((alert.statement, by), Hit::called(due));
        if self.hits.len() > CALLS_REMEMBERED_MAX {
            self.hits.pop_first();
        }
        is_called_for(alert.status).then(|| Due {
            kind: CallKind::HitWaiting,
            peer: Some(by),
            due: Some(due),
            ..of(CallKind::HitWaiting, alert, record.recorded_at)
        })
    }

    /// Partners that were away for too long; once for each time.
    pub(super) fn links(
        &mut self,
        links: &[LinkState],
        now: Timestamp,
        monotonic: Duration,
    ) -> Vec<Due> {
        self.links
            .retain(|authority, _| links.iter().any(|link| link.authority == *authority));
        let mut dues = Vec::new();
        for link in links {
            if link.healthy {
                self.links.remove(&link.authority);
                continue;
            }
            let down = self.links.entry(link.authority).or_insert(Down {
                since: monotonic,
                called: false,
            });
            let away = monotonic.saturating_sub(down.since);
            if away >= self.link_down_after && !down.called {
                down.called = true;
                dues.push(Due {
                    kind: CallKind::LinkDown,
                    record: None,
                    peer: Some(link.authority),
                    due: None,
                    since: now.minus(away),
                    reason: link.reason,
                    count: 1,
                });
            }
        }
        dues
    }

    /// What time brought: flashes still unopened, clocks that ran out, days that are near. Then flashes that were called
    /// more than once and wait no longer.
    pub(super) fn look(
        &mut self,
        ledger: &Ledger,
        now: Timestamp,
        monotonic: Duration,
    ) -> (Vec<Due>, Vec<Due>) {
        let (mut dues, mut ended) = self.flashes(ledger, now, monotonic);
        let (again, answered) = self.flash_hits(ledger, now, monotonic);
        dues.extend(again);
        ended.extend(answered);
        for ordinal in self.next_ordinals(ledger) {
            if let Some(record) = ledger.message_at(ordinal) {
                dues.extend(self.overdue(ledger, &record, now));
            }
        }
        if let Some(today) = Day::of(now) {
            dues.extend(self.days(ledger, today, now));
        }
        (dues, ended)
    }

    fn flashes(
        &mut self,
        ledger: &Ledger,
        now: Timestamp,
        monotonic: Duration,
    ) -> (Vec<Due>, Vec<Due>) {
        let (mut dues, mut ended) = (Vec::new(), Vec::new());
        self.flashes.retain(|statement, flash| {
            let Some(record) = ledger.message(statement) else {
                return false;
            };
            let waits = record.opened_at.is_none() && record.life_at(now) == AlertLife::Live;
            let since = record.recorded_at;
            let mut due = of(CallKind::FlashUnopened, record, since);
            if !waits {
                due.count = flash.count.saturating_sub(1);
                ended.extend((due.count > 0).then_some(due));
                return false;
            }
            let again = |at: Duration| monotonic.saturating_sub(at) >= FLASH_AGAIN_AFTER;
            if flash.called_at.is_none_or(again) {
                flash.called_at = Some(monotonic);
                flash.count = flash.count.saturating_add(1);
                due.count = flash.count;
                dues.push(due);
            }
            true
        });
        (dues, ended)
    }

    /// The newest of both boxes, and some of the older ones in their turn.
    fn next_ordinals(&mut self, ledger: &Ledger) -> BTreeSet<Ordinal> {
        let newest = newest(ledger).map(|record| record.ordinal);
        let mut ordinals: BTreeSet<Ordinal> = newest.collect();
        let end = ledger.message_count();
        let to = self.place.saturating_add(CALL_LOOK_RECORDS).min(end);
        ordinals.extend(self.place..to);
        self.place = if to == end { 0 } else { to };
        ordinals
    }

    /// The clocks of one statement that ran out and that nobody was called for.
    fn overdue(&mut self, ledger: &Ledger, record: &MessageRecord, now: Timestamp) -> Vec<Due> {
        if record.life_at(now) != AlertLife::Live || !is_called_for(record.status) {
            return Vec::new();
        }
        let thread = match record.kind.is_alert() {
            true => ledger.thread(&record.thread),
            false => Vec::new(),
        };
        let late: Vec<Overdue> = overdue(self.own, record, &thread, now)
            .into_iter()
            .filter(|late| self.is_our_turn(late, now))
            .collect();
        let mut dues = Vec::new();
        for late in late {
            let kind = kind_of(late.clock);
            let key = (record.statement, kind, late.owed_by);
            let before = record.called.contains(kind) && late.due <= self.started_at;
            if self.remember(key) && !before {
                dues.push(Due {
                    peer: Some(late.owed_by),
                    due: Some(late.due),
                    ..of(kind, record.clone(), late.due)
                });
            }
        }
        dues
    }

    /// Who owes an instruction is called first; those who wait for it some minutes later.
    fn is_our_turn(&self, late: &Overdue, now: Timestamp) -> bool {
        late.clock != ClockName::Instruction
            || late.owed_by == self.own
            || late.due.plus(INSTRUCTION_OTHERS_AFTER) < now
    }

    /// True when it was not remembered. What is forgotten for want of room is called for again.
    fn remember(&mut self, key: Late) -> bool {
        let is_new = self.late.insert(key);
        if self.late.len() > CALLS_REMEMBERED_MAX {
            self.late.pop_first();
        }
        is_new
    }

    fn days(&mut self, ledger: &Ledger, today: Day, now: Timestamp) -> Vec<Due> {
        let lists = [
            (DueList::Ends, today.plus_days(END_WARNING_DAYS)),
            (DueList::Reviews, today),
            (DueList::Returns, today),
        ];
        let mut dues = Vec::new();
        for (place, (list, by)) in self.days.iter_mut().zip(lists) {
            let found = ledger.due(list, *place, by, CALL_LOOK_NEWEST);
            let whole = found.len() == CALL_LOOK_NEWEST;
            let last = found.last().map(|(day, record)| (*day, record.ordinal));
            *place = last.filter(|_| whole);
            dues.extend(
                found
                    .into_iter()
                    .filter_map(|(day, record)| of_day(list, day, today, record, now)),
            );
        }
        dues
    }
}

/// The newest of both boxes.
fn newest(ledger: &Ledger) -> impl Iterator<Item = MessageRecord> + '_ {
    let boxes = [ListBox::In, ListBox::Out].into_iter();
    boxes.flat_map(|which| ledger.list(which, &ListFilter::default(), None, CALL_LOOK_NEWEST))
}

/// Whether alerts about one person may ask different things from then on.
fn may_change_what_is_asked(routing: &Routing) -> bool {
    let terms = &routing.terms;
    terms.same_person.is_some() || (routing.effect == Effect::Updates && !terms.asked.is_empty())
}

/// Alerts about one person ask different things: both desks are told, each when it hears of it.
fn asks_differ(routing: &Routing, ledger: &Ledger, now: Timestamp) -> Option<Due> {
    if !may_change_what_is_asked(routing) || !ledger.asks_differ(&routing.thread, now) {
        return None;
    }
    let alert = ledger.message(&routing.thread)?;
    let other = ledger.same_person(&routing.thread).into_iter().next()?;
    is_called_for(alert.status).then(|| Due {
        peer: Some(other.alert.origin),
        ..of(CallKind::AsksDiffer, alert, now)
    })
}

/// What the day of an own alert calls for.
fn of_day(
    list: DueList,
    day: Day,
    today: Day,
    record: MessageRecord,
    now: Timestamp,
) -> Option<Due> {
    let left = day.number().saturating_sub(today.number());
    let kind = match list {
        DueList::Ends if left <= 1 => CallKind::EndsInADay,
        DueList::Ends => CallKind::EndsInAWeek,
        DueList::Reviews => CallKind::ReviewDue,
        // On the day itself the person may still come.
        DueList::Returns if left >= 0 => return None,
        DueList::Returns => CallKind::ReturnNotConfirmed,
    };
    let known = record.called.contains(kind)
        || record.kind != Kind::TravelNotice && list == DueList::Returns;
    let live = record.life_at(now) == AlertLife::Live;
    (live && !known && is_called_for(record.status)).then(|| Due {
        due: Some(day.end()),
        ..of(kind, record, now)
    })
}

/// A delivery that will not go on by itself. What is tried again is nobody's business yet.
fn stopped(
    ledger: &Ledger,
    statement: &StatementRef,
    recipient: AuthorityId,
    reason: Reason,
    now: Timestamp,
) -> Option<Due> {
    let kind = match reason {
        Reason::CarriageEnded => CallKind::DeliveryExpired,
        reason => match reason.class() {
            Class::Final => CallKind::DeliveryRefused,
            Class::Hold => CallKind::DeliveryHeld,
            Class::Retry => return None,
        },
    };
    let record = ledger.message(statement)?;
    is_called_for(record.status).then(|| Due {
        peer: Some(recipient),
        reason: Some(reason),
        ..of(kind, record, now)
    })
}

fn of(kind: CallKind, record: MessageRecord, since: Timestamp) -> Due {
    Due {
        kind,
        record: Some(record),
        peer: None,
        due: None,
        since,
        reason: None,
        count: 1,
    }
}

/// What is real, and drills, which are marked; machines test without waking anybody.
const fn is_called_for(status: Status) -> bool {
    matches!(status, Status::Actual | Status::Exercise)
}

const fn kind_of(clock: ClockName) -> CallKind {
    match clock {
        ClockName::Delivered | ClockName::Carried => CallKind::DeliveryOverdue,
        ClockName::Opened => CallKind::OpeningOverdue,
        ClockName::Answer => CallKind::AnswerOverdue,
        ClockName::Instruction => CallKind::InstructionOverdue,
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
