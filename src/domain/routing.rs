//! What a node may know of a statement without reading whom it is about.

use super::{
    id::{AuthorityId, StatementRef},
    limits::{CARRIER_MAX_BYTES, STATEMENT_MAX_BYTES},
    terms::Terms,
    time::Timestamp,
};

/// A closed list of values with numbers that stand on the wire and in the store.
pub trait Coded: Copy + 'static {
    /// The type's name, such as `NameKind`.
    const TYPE: &'static str;

    /// Every value, in the order of its number.
    fn all() -> &'static [Self];

    /// The stable lower-case name.
    fn text(self) -> &'static str;

    /// The value with this number.
    fn of_number(number: u8) -> Option<Self>;
}

macro_rules! coded {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vmeta])* $variant = $number,)*
        }

        impl $name {
            /// Every value, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable lower-case name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The value with this number, as on the wire and in the store.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The value with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl $crate::domain::routing::Coded for $name {
            const TYPE: &'static str = stringify!($name);

            fn all() -> &'static [Self] {
                Self::ALL
            }

            fn text(self) -> &'static str {
                self.name()
            }

            fn of_number(number: u8) -> Option<Self> {
                Self::from_number(number)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

pub(crate) use coded;

coded! {
    /// What a statement is for. Only the kinds that this version can carry.
    Kind {
        /// A registered offender has gone off the radar.
        MissingOffender = 1 "missing_offender",
        /// An offender travels, or means to.
        TravelNotice = 2 "travel_notice",
        /// A conviction or conduct abroad makes a person a danger there.
        PublicProtection = 3 "public_protection",
        /// An order stands.
        RestrictionOrder = 4 "restriction_order",
        /// A question between authorities.
        InformationRequest = 8 "information_request",
        /// The reply to such a question.
        InformationReply = 9 "information_reply",
        /// Where, when and how the person was met.
        Sighting = 10 "sighting",
        /// What was done.
        Outcome = 11 "outcome",
        /// A new fact.
        Update = 12 "update",
        /// What was wrong.
        Correction = 13 "correction",
        /// Recipients added.
        Extend = 14 "extend",
        /// Take it back.
        Recall = 15 "recall",
        /// Stand down.
        Closure = 16 "closure",
        /// Where the work abroad stands.
        Answer = 17 "answer",
        /// The originator's word after a hit.
        Instruction = 18 "instruction",
        /// Counts for a period; of no person.
        Statistics = 19 "statistics",
        /// A node's maintenance and drills; of no person.
        NoticeOfService = 20 "notice_of_service",
    }
}

impl Kind {
    /// True for kinds that may stand first in a thread.
    #[must_use]
    pub const fn starts_thread(self) -> bool {
        self.only_starts()
            || matches!(
                self,
                Self::Sighting | Self::Outcome | Self::InformationRequest
            )
    }

    /// True for kinds that never stand inside a thread that another statement has begun.
    #[must_use]
    pub const fn only_starts(self) -> bool {
        self.is_alert() || matches!(self, Self::NoticeOfService | Self::Statistics)
    }

    /// True for kinds that must say whom they are about when they begin a thread. A question may be of a number or a
    /// vehicle whose person nobody knows; a notice of service and a count are of no person.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        self.starts_thread()
            && !matches!(
                self,
                Self::InformationRequest | Self::NoticeOfService | Self::Statistics
            )
    }

    /// True for kinds to which a recipient owes a reply that says something.
    #[must_use]
    pub const fn asks_answer(self) -> bool {
        self.is_alert() || matches!(self, Self::InformationRequest)
    }

    /// True for kinds of which recipients do not see each other unless somebody says so: surveillance requests, which
    /// have number 6 and are not carried yet.
    #[must_use]
    pub const fn goes_apart(self) -> bool {
        self as u8 == 6
    }

    /// True for alerts about a person: they live, and can be recalled, closed and answered.
    #[must_use]
    pub const fn is_alert(self) -> bool {
        matches!(
            self,
            Self::MissingOffender
                | Self::TravelNotice
                | Self::PublicProtection
                | Self::RestrictionOrder
        )
    }

    /// True for kinds that only the origin of their target may send.
    #[must_use]
    pub const fn owner_only(self) -> bool {
        matches!(
            self,
            Self::Update | Self::Correction | Self::Recall | Self::Closure
        )
    }

    /// True for kinds that go to every recipient of their target.
    #[must_use]
    pub const fn reaches_all_holders(self) -> bool {
        matches!(
            self,
            Self::Update | Self::Correction | Self::Recall | Self::Closure
        )
    }

    /// Bytes of a statement of this kind, at most.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Extend => CARRIER_MAX_BYTES,
            _ => STATEMENT_MAX_BYTES,
        }
    }

    /// True for statements that a newcomer to their thread is given too: what it says of the person, and not who was told
    /// what about it.
    #[must_use]
    pub const fn is_carried(self) -> bool {
        self.is_alert()
            || matches!(
                self,
                Self::Sighting | Self::Outcome | Self::Update | Self::Correction
            )
    }

    /// True for statements that a holder passes on: what a newcomer is given, and what ends it.
    #[must_use]
    pub const fn is_passed_on(self) -> bool {
        self.is_carried() || self.overtakes()
    }

    /// True for kinds that are applied as soon as their target is here, whatever came between.
    #[must_use]
    pub const fn overtakes(self) -> bool {
        matches!(self, Self::Recall | Self::Closure)
    }
}

coded! {
    /// OASIS CAP 1.2 `status`; a draft never leaves the desk.
    Status {
        /// Real.
        Actual = 1 "actual",
        /// A drill: never enters a live queue, count or page unmarked (invariant I10).
        Exercise = 2 "exercise",
        /// Between systems.
        System = 3 "system",
        /// Technical test.
        Test = 4 "test",
    }
}

coded! {
    /// The one scale that people are asked for; ordered from routine to flash.
    Priority {
        /// Days.
        Routine = 1 "routine",
        /// Hours.
        Priority = 2 "priority",
        /// An hour.
        Urgent = 3 "urgent",
        /// Minutes.
        Flash = 4 "flash",
    }
}

coded! {
    /// Which of the two connections to a partner carries it.
    Lane {
        /// Flash and urgent; recalls and closures of any priority.
        Fast = 1 "fast",
        /// Everything else.
        Bulk = 2 "bulk",
    }
}

impl Lane {
    /// The lane for a statement.
    #[must_use]
    pub fn of(kind: Kind, priority: Priority) -> Self {
        if priority >= Priority::Urgent || kind.overtakes() {
            Self::Fast
        } else {
            Self::Bulk
        }
    }
}

coded! {
    /// What is real, and what is not, wait in two queues of a lane (invariant I10): no drill holds up what is real.
    Queue {
        /// Of status `actual`.
        Live = 1 "live",
        /// Exercises, tests, and what systems say to each other.
        Drill = 2 "drill",
    }
}

impl Queue {
    /// The queue for a statement.
    #[must_use]
    pub fn of(status: Status) -> Self {
        match status {
            Status::Actual => Self::Live,
            Status::Exercise | Status::System | Status::Test => Self::Drill,
        }
    }
}

coded! {
    /// Europol handling codes.
    Handling {
        /// For preventing and combating crime only.
        H0 = 1 "H0",
        /// No disclosure in court without permission.
        H1 = 2 "H1",
        /// No dissemination without permission.
        H2 = 3 "H2",
        /// Other restrictions, stated in words.
        H3 = 4 "H3",
    }
}

coded! {
    /// On what ground personal data go to a recipient (Directive (EU) 2016/680, arts. 35 to 38).
    TransferGround {
        /// Art. 36.
        Adequacy = 1 "adequacy",
        /// Art. 37.
        Safeguards = 2 "safeguards",
        /// Art. 38, with a reason.
        Derogation = 3 "derogation",
    }
}

coded! {
    /// Where the work abroad stands, from least to most grave.
    AnswerCode {
        /// An officer saw it in full.
        Opened = 1 "opened",
        /// A unit has it.
        Assigned = 2 "assigned",
        /// Checked, nothing found; the alert stays live.
        NoTrace = 3 "no_trace",
        /// A question back.
        NeedsInformation = 4 "needs_information",
        /// Refused, with a reason.
        CannotAct = 5 "cannot_act",
        /// Done what was asked.
        Actioned = 6 "actioned",
        /// Another person was taken for the one sought.
        Misidentified = 7 "misidentified",
        /// Something agrees; wants confirmation.
        PossibleHit = 8 "possible_hit",
        /// The person was met.
        Hit = 9 "hit",
    }
}

/// Handling codes of one statement: H0 alone, or H1, H2, H3 singly or together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandlingSet(u8);

/// Why codes make no handling set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandlingError {
    /// None was given.
    #[error("no handling code: expected H0 alone, or any of H1, H2, H3")]
    Empty,
    /// H0 stands with others.
    #[error("H0 with other codes: expected H0 alone, or any of H1, H2, H3")]
    H0NotAlone,
    /// One code stands twice.
    #[error("{0} is given twice")]
    Twice(Handling),
}

impl HandlingSet {
    /// Builds a legal set.
    ///
    /// # Errors
    /// When it is empty, repeats a code, or mixes H0 with others.
    pub fn new(codes: impl IntoIterator<Item = Handling>) -> Result<Self, HandlingError> {
        let mut bits = 0u8;
        for code in codes {
            let bit = 1 << (code as u8 - 1);
            if bits & bit != 0 {
                return Err(HandlingError::Twice(code));
            }
            bits |= bit;
        }
        match bits {
            0 => Err(HandlingError::Empty),
            bits if bits & 1 != 0 && bits != 1 => Err(HandlingError::H0NotAlone),
            bits => Ok(Self(bits)),
        }
    }

    /// The codes, ascending.
    pub fn codes(self) -> impl Iterator<Item = Handling> {
        Handling::ALL
            .iter()
            .copied()
            .filter(move |code| self.0 & (1 << (*code as u8 - 1)) != 0)
    }

    /// True when whoever obeys this set obeys `other` too: H0 restricts nothing that the others do not.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        let restricting = !(1 << (Handling::H0 as u8 - 1));
        let needed = other.0 & restricting;
        self.0 & needed == needed
    }

    /// True when the code is in the set.
    #[must_use]
    pub fn contains(self, code: Handling) -> bool {
        self.0 & (1 << (code as u8 - 1)) != 0
    }
}

/// One addressee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub authority: AuthorityId,
    /// Place in what this origin sent to this authority in this thread, from 0 without gaps.
    pub thread_seq: u32,
    /// On what ground.
    pub ground: TransferGround,
    /// Why a derogation was used; empty otherwise.
    pub ground_reason: String,
}

/// A second person's release, attested by the origin's node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Pseudonym of who wrote it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Pseudonym of who released it; another person.
    pub released_by: String,
    /// When; not before `created_at`.
    pub released_at: Timestamp,
}

/// What a statement does to the lives of its thread: with [`Terms`] all that routing needs from the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Begins a thread.
    Starts,
    /// Tells something: sighting, outcome within a thread.
    Informs,
    /// Answers.
    Answers(AnswerCode),
    /// Says what to do after a hit.
    Instructs,
    /// Adds a fact.
    Updates,
    /// Repairs a fact.
    Corrects,
    /// Takes its target back.
    Recalls,
    /// Stands its target down.
    Closes,
    /// Makes its recipients holders of its target.
    Extends,
    /// The same by a holder who is not its origin; or tells the thread's originator of it.
    PassesOn,
}

/// The routing header of a statement, decoded and legal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// Origin and id.
    pub statement: StatementRef,
    /// The first statement of the thread; equal to `statement` when this is it.
    pub thread: StatementRef,
    /// Addressees, each once, in byte order of authority.
    pub recipients: Vec<Recipient>,
    /// What it is for.
    pub kind: Kind,
    /// Real or not.
    pub status: Status,
    /// How quick.
    pub priority: Priority,
    /// Who may do what with it.
    pub handling: HandlingSet,
    /// Words of H3; empty otherwise.
    pub handling_text: String,
    /// By the origin's clock.
    pub issued_at: Timestamp,
    /// End of carriage.
    pub carried_until: Timestamp,
    /// What it answers or changes.
    pub in_reply_to: Option<StatementRef>,
    /// What it replaces.
    pub supersedes: Option<StatementRef>,
    /// Second person's release.
    pub release: Option<Release>,
    /// What it does, read from kind and payload.
    pub effect: Effect,
    /// What the payload says of time and caution.
    pub terms: Terms,
}

impl Effect {
    /// True for what brings a statement to who is new to its thread.
    #[must_use]
    pub const fn carries(self) -> bool {
        matches!(self, Self::Extends | Self::PassesOn)
    }
}

impl Routing {
    /// True when this is the first statement of its thread.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.thread == self.statement
    }

    /// The addressee's line, if the authority is one.
    #[must_use]
    pub fn recipient(&self, authority: &AuthorityId) -> Option<&Recipient> {
        self.recipients
            .iter()
            .find(|recipient| recipient.authority == *authority)
    }

    /// The lane that carries it.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane::of(self.kind, self.priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h0_stands_alone_and_the_others_singly_or_together() {
        use Handling::{H0, H1, H2, H3};
        for codes in [&[H0][..], &[H1], &[H3], &[H3, H1], &[H1, H2, H3]] {
            let set = HandlingSet::new(codes.iter().copied()).unwrap();
            assert!(codes.iter().all(|code| set.contains(*code)));
            assert_eq!(set.codes().count(), codes.len());
            assert!(set.codes().is_sorted());
        }
        for (codes, error) in [
            (&[][..], HandlingError::Empty),
            (&[H0, H1], HandlingError::H0NotAlone),
            (&[H3, H0], HandlingError::H0NotAlone),
            (&[H2, H2], HandlingError::Twice(H2)),
        ] {
            assert_eq!(HandlingSet::new(codes.iter().copied()), Err(error));
        }
    }

    #[test]
    fn a_set_includes_what_restricts_no_more() {
        use Handling::{H0, H1, H2, H3};
        let set = |codes: &[Handling]| HandlingSet::new(codes.iter().copied()).unwrap();
        for (strict, lax, includes) in [
            (&[H0][..], &[H0][..], true),
            (&[H1], &[H0], true),
            (&[H0], &[H1], false),
            (&[H1, H2], &[H1], true),
            (&[H1], &[H1, H2], false),
            (&[H2], &[H1], false),
            (&[H1, H2, H3], &[H1, H3], true),
        ] {
            assert_eq!(
                set(strict).includes(set(lax)),
                includes,
                "{strict:?} {lax:?}"
            );
        }
    }

    #[test]
    fn flash_urgent_recalls_and_closures_take_the_fast_lane() {
        for (kind, priority, lane) in [
            (Kind::MissingOffender, Priority::Flash, Lane::Fast),
            (Kind::MissingOffender, Priority::Urgent, Lane::Fast),
            (Kind::MissingOffender, Priority::Priority, Lane::Bulk),
            (Kind::Recall, Priority::Routine, Lane::Fast),
            (Kind::Closure, Priority::Routine, Lane::Fast),
            (Kind::Update, Priority::Routine, Lane::Bulk),
        ] {
            assert_eq!(Lane::of(kind, priority), lane, "{kind} {priority}");
        }
    }
}
