//! From reports to outcomes: who is one person, and what is one event.
//!
//! The way in is [`outcomes`]. The rules, whatever the order in which reports came:
//!
//! - **One person** are all reports that share a thread, a number in a register or a document, directly or through others.
//!   A name is no such thing: two people may have one, and one may be written in two ways.
//! - **One event** of a person is one code in one country on one day, whoever reports it.
//! - **A date of which a part is unknown** is no event of its own when a more precise one lies within it.
//! - **The word of the country where it happened goes first**: a report from elsewhere is about the same event when its
//!   date is within a day of what that country itself reports. What only others report is an event as well.
//! - **A person is counted under one nationality**, as population statistics do: that of a country which began a thread
//!   about the person, else the first in the order of codes.
//! - **An event is counted under its gravest offence**, and that one's youngest victim; what the country where it happened
//!   says of them goes before what others say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{Cell, PriorReport};
use crate::domain::{
    alert::{
        kinds::OutcomeCode,
        offence::{OffenceClass, VictimAge},
        value::{Day, PartialDate},
    },
    country::Country,
    id::StatementRef,
    limits::REPORTED_APART_DAYS,
};

/// Something by which a person is known for sure. It is personal data: it is compared, and never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonKey {
    /// The subject of a thread, by its first statement.
    Thread(StatementRef),
    /// Country, register and number.
    Register(Country, String, String),
    /// Country, category and number.
    Document(Country, u8, String),
}

impl PersonKey {
    /// A number in a national register; spelling of register and number may differ in case and punctuation.
    #[must_use]
    pub fn register(country: Country, register: &str, number: &str) -> Self {
        Self::Register(country, plain(register), plain(number))
    }

    /// A document; spelling as of [`PersonKey::register`].
    #[must_use]
    pub fn document(country: Country, category: u8, number: &str) -> Self {
        Self::Document(country, category, plain(number))
    }
}

fn plain(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_uppercase).collect()
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey")
    }
}

/// What a statement that begins a thread tells of its subject.
#[derive(Debug, Clone)]
pub struct Known {
    /// By what the person is known.
    pub keys: Vec<PersonKey>,
    /// Of which countries the person is a national.
    pub nationalities: Vec<Country>,
    /// Whose authority said so.
    pub by: Option<Country>,
    /// Of an alert of a missing offender that stands: the day of its issue.
    pub missing_on: Option<Day>,
}

/// One report of an outcome.
#[derive(Debug, Clone)]
pub struct Report {
    /// The statement that reports it.
    pub statement: StatementRef,
    /// By what the person is known; its thread among them.
    pub keys: Vec<PersonKey>,
    /// Of which countries the person is a national.
    pub nationalities: Vec<Country>,
    /// What was done.
    pub event: OutcomeCode,
    /// Where.
    pub country: Country,
    /// When.
    pub on: PartialDate,
    /// For what, as far as it says.
    pub offences: Vec<(Option<OffenceClass>, Option<VictimAge>)>,
}

impl Report {
    /// True when the country where it happened reports it itself.
    fn is_home(&self) -> bool {
        let own = self.statement.origin.country().parse::<Country>();
        own.is_ok_and(|own| own == self.country)
    }
}

/// What was done to one person once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// First day on which it may have been.
    pub on: Day,
    /// Where.
    pub country: Country,
    /// As what it is counted.
    pub cell: Cell,
    /// All statements that report it, in order.
    pub reports: Vec<StatementRef>,
}

/// What is to be counted, in order.
#[must_use]
pub fn outcomes(known: &[Known], reports: &[Report]) -> Vec<Outcome> {
    let mut persons = Persons::default();
    for keys in known.iter().map(|it| &it.keys) {
        persons.join(keys);
    }
    for keys in reports.iter().map(|it| &it.keys) {
        persons.join(keys);
    }
    let mut told: BTreeMap<usize, Person> = BTreeMap::new();
    for it in known {
        if let Some(person) = persons.of(&it.keys) {
            let person = told.entry(person).or_default();
            person.nationalities.extend(&it.nationalities);
            person.known_to.extend(it.by);
            person.missing_on = person.missing_on.into_iter().chain(it.missing_on).min();
        }
    }
    let mut of: BTreeMap<(usize, Country, OutcomeCode), Vec<&Report>> = BTreeMap::new();
    for report in reports {
        if let Some(person) = persons.of(&report.keys) {
            let about = told.entry(person).or_default();
            about.nationalities.extend(&report.nationalities);
            let key = (person, report.country, report.event);
            of.entry(key).or_default().push(report);
        }
    }
    let mut outcomes = Vec::new();
    for ((person, ..), reports) in &of {
        if let Some(person) = told.get(person) {
            let events = events(reports);
            outcomes.extend(events.iter().filter_map(|event| event.outcome(person)));
        }
    }
    outcomes.sort_unstable();
    outcomes
}

/// What is known of one person.
#[derive(Default)]
struct Person {
    nationalities: BTreeSet<Country>,
    known_to: BTreeSet<Country>,
    missing_on: Option<Day>,
}

impl Person {
    fn nationality(&self) -> Option<Country> {
        let own = self.nationalities.intersection(&self.known_to).next();
        own.or(self.nationalities.first()).copied()
    }
}

/// Who is who: keys that stand together are of one person.
#[derive(Default)]
struct Persons {
    places: BTreeMap<PersonKey, usize>,
    parents: Vec<usize>,
}

impl Persons {
    fn join(&mut self, keys: &[PersonKey]) {
        let places: Vec<usize> = keys.iter().map(|key| self.place(key)).collect();
        let Some(first) = places.first().map(|place| self.root(*place)) else {
            return;
        };
        for place in places {
            let root = self.root(place);
            self.parents[root] = first;
        }
    }

    fn place(&mut self, key: &PersonKey) -> usize {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let place = self.parents.len();
        self.parents.push(place);
        self.places.insert(key.clone(), place);
        place
    }

    fn root(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }

    fn of(&mut self, keys: &[PersonKey]) -> Option<usize> {
        let place = *self.places.get(keys.first()?)?;
        Some(self.root(place))
    }
}

/// The days on which something may have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    first: Day,
    last: Day,
}

impl Span {
    fn of(date: PartialDate) -> Option<Self> {
        Some(Self {
            first: date.earliest()?,
            last: date.latest()?,
        })
    }

    /// True when the other is more precise, and lies within.
    fn blurs(self, other: Self) -> bool {
        self != other && self.first <= other.first && other.last <= self.last
    }

    fn is_near(self, other: Self) -> bool {
        let reaches = |a: Self, b: Self| a.first <= b.last.plus_days(REPORTED_APART_DAYS);
        reaches(self, other) && reaches(other, self)
    }
}

/// Reports of one event.
struct Event<'a> {
    span: Span,
    reports: Vec<&'a Report>,
}

/// The events of one person, one code and one country: first what the country itself says, then what only others say.
fn events<'a>(reports: &[&'a Report]) -> Vec<Event<'a>> {
    let (home, foreign): (Vec<&Report>, Vec<&Report>) =
        reports.iter().partition(|report| report.is_home());
    let mut events = precise(&home);
    let mut alone = Vec::new();
    for report in foreign {
        let Some(span) = Span::of(report.on) else {
            continue;
        };
        match events.iter_mut().find(|event| event.span.is_near(span)) {
            Some(event) => event.reports.push(report),
            None => alone.push(report),
        }
    }
    events.extend(precise(&alone));
    events
}

/// One event for each date that no more precise one makes needless, in order.
fn precise<'a>(reports: &[&'a Report]) -> Vec<Event<'a>> {
    let spans: BTreeSet<Span> = reports.iter().filter_map(|it| Span::of(it.on)).collect();
    let is_precise = |span: &&Span| !spans.iter().any(|other| span.blurs(*other));
    let mut events: Vec<Event<'a>> = spans
        .iter()
        .filter(is_precise)
        .map(|span| Event {
            span: *span,
            reports: Vec::new(),
        })
        .collect();
    for report in reports {
        let Some(span) = Span::of(report.on) else {
            continue;
        };
        let fits = |event: &&mut Event<'_>| event.span == span || span.blurs(event.span);
        if let Some(event) = events.iter_mut().find(fits) {
            event.reports.push(report);
        }
    }
    events
}

impl Event<'_> {
    fn outcome(&self, person: &Person) -> Option<Outcome> {
        let first = self.reports.first()?;
        let (offence, victim) = self.principal();
        let on = self.span.first;
        let prior = match person.missing_on {
            Some(missing_on) if missing_on <= on => PriorReport::Missing,
            _ => PriorReport::None,
        };
        let mut reports: Vec<StatementRef> = self.reports.iter().map(|it| it.statement).collect();
        reports.sort_unstable();
        Some(Outcome {
            on,
            country: first.country,
            cell: Cell {
                nationality: person.nationality(),
                prior,
                event: first.event,
                offence,
                victim,
            },
            reports,
        })
    }

    /// The gravest offence and its youngest victim: of home reports that say one, else of all.
    fn principal(&self) -> (OffenceClass, VictimAge) {
        let of = |only_home: &dyn Fn(&Report) -> bool| {
            let reports = self.reports.iter().filter(|report| only_home(report));
            let offences = reports.flat_map(|report| &report.offences);
            let said = offences.map(|(class, victim)| {
                (
                    class.unwrap_or(OffenceClass::NotStated),
                    victim.unwrap_or(VictimAge::NotKnown),
                )
            });
            said.min()
        };
        of(&Report::is_home)
            .or_else(|| of(&|_| true))
            .unwrap_or((OffenceClass::NotStated, VictimAge::NotKnown))
    }
}
