//! What each kind of statement adds to the shared content.

use super::{
    person::Document,
    value::{Day, Line, Moment, PartialDate, Text},
};
use crate::domain::{
    country::Country,
    id::{AuthorityId, StatementRef},
    routing::{AnswerCode, Kind, coded},
    statistics::Return,
};

mod question;

pub use question::{
    Granted, InformationReply, InformationRequest, ReplyResult, RequestPurpose, Vetting,
};

/// What a statement is, with what only this kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A registered offender has gone off the radar.
    MissingOffender(MissingOffender),
    /// An offender travels, or means to.
    TravelNotice(TravelNotice),
    /// An order stands.
    RestrictionOrder(RestrictionOrder),
    /// Where, when and how the person was met.
    Sighting(Sighting),
    /// What was done.
    Outcome(Outcome),
    /// A new fact.
    Update(Update),
    /// What was wrong.
    Correction(Correction),
    /// Take it back.
    Recall(Recall),
    /// Stand down.
    Closure(Closure),
    /// Where the work abroad stands.
    Answer(Answer),
    /// What to do after a hit.
    Instruction(Instruction),
    /// A person is a danger there.
    PublicProtection(PublicProtection),
    /// A question.
    InformationRequest(InformationRequest),
    /// The reply to a question.
    InformationReply(InformationReply),
    /// Maintenance or a drill.
    NoticeOfService(NoticeOfService),
    /// Recipients are added.
    Extend(Extend),
    /// Counts for a period.
    Statistics(Return),
}

/// What of the shared content a kind carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// Subject, what is asked, and basis are mandatory.
    Whole,
    /// All of it is optional; a subject is mandatory when [`Kind::needs_person`] says so of a thread's first.
    Optional,
    /// None: it says nothing of a person.
    Nothing,
}

impl Shared {
    /// What a kind carries.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::MissingOffender
            | Kind::TravelNotice
            | Kind::PublicProtection
            | Kind::RestrictionOrder => Self::Whole,
            Kind::Sighting
            | Kind::Outcome
            | Kind::Update
            | Kind::Correction
            | Kind::InformationRequest
            | Kind::InformationReply => Self::Optional,
            Kind::Extend
            | Kind::Recall
            | Kind::Closure
            | Kind::Answer
            | Kind::Instruction
            | Kind::NoticeOfService
            | Kind::Statistics => Self::Nothing,
        }
    }
}

/// A registered offender has gone off the radar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingOffender {
    /// Since when nobody knows where the person is.
    pub missing_since: PartialDate,
    /// Where last seen.
    pub last_seen: Option<LastSeen>,
    /// How it came about.
    pub circumstances: Option<Text>,
    /// Where the person may have gone.
    pub likely_countries: Vec<Country>,
}

/// Where and when a person was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSeen {
    /// Town, station, address.
    pub place: Line,
    /// Country.
    pub country: Country,
    /// When.
    pub seen_on: Option<PartialDate>,
}

/// An offender travels, or means to (34 USC 21504); at least one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TravelNotice {
    /// In order.
    pub legs: Vec<Leg>,
    /// Why.
    pub purpose: Option<Line>,
    /// Who travels along.
    pub companions: Vec<Line>,
    /// Where the person will stay.
    pub accommodation: Option<Line>,
    /// Of the document travelled on; one of the subject's.
    pub document_number: Option<Line>,
    /// When the person is expected back.
    pub expected_return_on: Option<Day>,
    /// When the person must report; not before the return.
    pub report_by: Option<Day>,
    /// When the person notified the journey; `None`: nobody says that it was notified.
    pub notified_on: Option<Day>,
}

/// One leg of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Town, port or station, and country.
    pub from: (Option<Line>, Country),
    /// Town, port or station, and country.
    pub to: (Option<Line>, Country),
    /// Airline, railway, ferry.
    pub carrier: Option<Line>,
    /// Flight, train or ship.
    pub number: Option<Line>,
    /// Planned.
    pub departs_at: Option<Moment>,
    /// Planned; not before the departure.
    pub arrives_at: Option<Moment>,
    /// Actual.
    pub departed_at: Option<Moment>,
    /// Actual; not before the departure.
    pub arrived_at: Option<Moment>,
}

/// An order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestrictionOrder {
    /// When it was served.
    pub served_on: Option<Day>,
    /// What has been heard of breaches.
    pub breaches: Option<Text>,
}

/// Where, when and how the person was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Town, port, address.
    pub place: Line,
    /// Country.
    pub country: Country,
    /// When.
    pub seen_at: Moment,
    /// Why the person was checked.
    pub reason: Option<Line>,
    /// How it went.
    pub circumstances: Option<Text>,
    /// From where to where.
    pub route: Option<Line>,
    /// Where to.
    pub destination_country: Option<Country>,
    /// Who was along.
    pub companions: Vec<Line>,
    /// Document shown.
    pub document_shown: Option<Document>,
    /// Whether the person learned of it.
    pub awareness: Awareness,
    /// Whether the person is there now.
    pub presence: Presence,
}

coded! {
    /// Whether the person learned that we look for them.
    Awareness {
        /// No.
        Unaware = 1 "unaware",
        /// Yes.
        Aware = 2 "aware",
        /// Not known.
        NotKnown = 3 "not_known",
    }
}

coded! {
    /// Whether the person is there now.
    Presence {
        /// Yes: an instruction is owed within 30 minutes.
        Present = 1 "present",
        /// No.
        Left = 2 "left",
        /// Not known.
        NotKnown = 3 "not_known",
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What.
    pub code: OutcomeCode,
    /// When.
    pub happened_on: PartialDate,
    /// Where.
    pub country: Country,
    /// Town.
    pub place: Option<Line>,
    /// Who did it.
    pub authority: Option<Line>,
    /// Its reference.
    pub reference: Option<Line>,
    /// More.
    pub text: Option<Text>,
}

coded! {
    /// What was done.
    OutcomeCode {
        /// Refused entry.
        RefusedEntry = 1 "refused_entry",
        /// Located.
        Located = 2 "located",
        /// Arrested.
        Arrested = 3 "arrested",
        /// Charged.
        Charged = 4 "charged",
        /// Convicted.
        Convicted = 5 "convicted",
        /// Returned.
        Returned = 6 "returned",
        /// Under surveillance.
        UnderSurveillance = 7 "under_surveillance",
        /// Released.
        Released = 8 "released",
    }
}

/// A new fact: words, shared content, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What it adds to.
    pub target: Target,
    /// What is new.
    pub text: Option<Text>,
    /// Of a travel notice: when the person came back.
    pub returned_on: Option<Day>,
    /// Of a travel notice: when the person is expected back now.
    pub expected_return_on: Option<Day>,
}

/// What was wrong; at least one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// What it repairs.
    pub target: Target,
    /// Field by field.
    pub changes: Vec<Change>,
    /// Why it was wrong.
    pub reason: Option<Text>,
}

/// One field that was wrong; the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path in the payload.
    pub path: Line,
    /// What stood there.
    pub was: Option<Line>,
    /// What is right.
    pub is: Option<Line>,
}

/// Recipients are added. The signed statement inside is not content: who receives it verifies it for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extend {
    /// What is extended.
    pub target: Target,
    /// Why.
    pub text: Option<Text>,
    /// By whom.
    pub by: Extender,
}

/// Who gives a thread to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extender {
    /// Its own origin.
    Origin,
    /// Somebody who holds it: it is passed on.
    Holder,
}

/// Take it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// What is taken back.
    pub target: Target,
    /// Why.
    pub reason: RecallReason,
    /// More; always there for other reasons.
    pub text: Option<Text>,
}

coded! {
    /// Why an alert is taken back.
    RecallReason {
        /// Another person was meant.
        WrongPerson = 1 "wrong_person",
        /// What it says is wrong.
        WrongFacts = 2 "wrong_facts",
        /// Nobody meant to send it.
        SentByMistake = 3 "sent_by_mistake",
        /// Who got it should not have.
        WrongRecipients = 4 "wrong_recipients",
        /// No law allows it.
        NoLegalBasis = 5 "no_legal_basis",
        /// Another, in words.
        Other = 9 "other",
    }
}

/// Stand down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// What is stood down.
    pub target: Target,
    /// Why.
    pub reason: ClosureReason,
    /// Since when.
    pub since: Option<Day>,
    /// More; always there for other reasons.
    pub text: Option<Text>,
}

coded! {
    /// Why an alert is stood down.
    ClosureReason {
        /// Found.
        Found = 1 "found",
        /// Arrested.
        Arrested = 2 "arrested",
        /// Returned.
        Returned = 3 "returned",
        /// The order has ended.
        OrderEnded = 4 "order_ended",
        /// Dead.
        Deceased = 5 "deceased",
        /// Another, in words.
        Other = 9 "other",
    }
}

/// Where the work abroad stands, with what its code demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is answered.
    pub target: Target,
    /// Where it stands.
    pub code: AnswerCode,
    /// Unit of `assigned`.
    pub unit: Option<Line>,
    /// What agrees.
    pub agrees: Vec<Line>,
    /// What does not.
    pub disagrees: Vec<Line>,
    /// What would confirm.
    pub wanted: Vec<Line>,
    /// What was checked.
    pub checked: Vec<Line>,
    /// Until when the check stands.
    pub checked_until: Option<Day>,
    /// Question of `needs_information`.
    pub question: Option<Text>,
    /// Reason of `cannot_act`.
    pub reason: Option<Text>,
    /// Article of a legal reason.
    pub article: Option<Line>,
    /// What was done with the copy.
    pub retention: Option<Retention>,
    /// More.
    pub text: Option<Text>,
}

/// What a recipient did with its copy after a recall or closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Removed or kept.
    pub kept: Kept,
    /// To whom it had been passed on.
    pub passed_on_to: Vec<AuthorityId>,
}

/// What became of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Nothing is left but the journal's headers.
    Removed,
    /// Kept.
    Under {
        /// Which law.
        law: Line,
        /// Until when.
        until: Day,
    },
}

coded! {
    /// What became of a copy.
    RetentionCode {
        /// Removed.
        Removed = 1 "removed",
        /// Kept under a law.
        Kept = 2 "kept",
    }
}

/// The originator's word after a hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The answer or sighting that it follows.
    pub target: Target,
    /// What to do.
    pub code: InstructionCode,
    /// More.
    pub text: Option<Text>,
}

coded! {
    /// What to do after a hit.
    InstructionCode {
        /// Make sure who it is.
        ConfirmIdentity = 1 "confirm_identity",
        /// Hold the person.
        Hold = 2 "hold",
        /// Let the person go on, and say where to.
        LetPassAndReport = 3 "let_pass_and_report",
        /// Hand the person over.
        HandOver = 4 "hand_over",
        /// Call us.
        Contact = 5 "contact",
    }
}

/// What a statement changes or answers. In a draft the header may still have to be resolved first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// This statement.
    Statement(StatementRef),
    /// What the draft's header will name.
    OfHeader,
}

/// A conviction or conduct abroad makes the person a danger there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicProtection {
    /// On what it rests; a conviction stands among the offences.
    pub ground: ProtectionGround,
    /// What danger the person is.
    pub danger: Text,
    /// What the person did; always there when it rests on conduct.
    pub conduct: Option<Text>,
    /// Where the person may be met.
    pub likely_countries: Vec<Country>,
}

coded! {
    /// On what a warning for public protection rests.
    ProtectionGround {
        /// A conviction.
        Conviction = 1 "conviction",
        /// Conduct without a conviction.
        Conduct = 2 "conduct",
    }
}

/// Maintenance or a drill of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeOfService {
    /// What is announced.
    pub code: ServiceCode,
    /// When it begins.
    pub from: Moment,
    /// When it ends; not before it begins, always there for maintenance.
    pub until: Option<Moment>,
    /// What partners should know or do.
    pub text: Option<Text>,
}

coded! {
    /// What a notice of service announces.
    ServiceCode {
        /// The node is down or slow for a while.
        Maintenance = 1 "maintenance",
        /// An exercise will be held.
        Drill = 2 "drill",
    }
}
