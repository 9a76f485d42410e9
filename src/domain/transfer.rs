//! On what ground a statement goes to whom: what the draft says, what its thread has, what the authority has decided.
//!
//! Pure: the way in is [`Policy::ground`]. A ground is never invented: somebody has named it, and [`GroundSource`] says
//! who. What a destination demands is never answered by a default.

use std::fmt;

use super::{
    id::AuthorityId,
    release::Destination,
    routing::{Kind, TransferGround, coded},
};

/// What an authority has decided of those to whom it sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// For follow-ups that name no ground, to whomever no rule is about: never a derogation.
    pub default_ground: Option<TransferGround>,
    /// In the order in which they are written: the first that names a ground for somebody gives it.
    pub destinations: Vec<Rule>,
}

/// One rule about some destinations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Whom it is about: any of these.
    pub to: Vec<Destination>,
    /// The ground of what names none.
    pub ground: Option<TransferGround>,
    /// What is asked of the draft's people each time.
    pub ask: Option<Ask>,
}

/// What a destination asks of those who send to it. Never of answers, as in `[[release]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A derogation with its reason (Directive (EU) 2016/680, art. 38): no other ground will do.
    Reason,
    /// Another person's release.
    SecondPerson,
}

impl Ask {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Reason, Self::SecondPerson];

    /// As it is written in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::SecondPerson => "second person",
        }
    }
}

coded! {
    /// How what is for an authority without a node is carried to it.
    Channel {
        /// INTERPOL's network, between national central bureaus.
        I247 = 1 "i24-7",
        /// Through an embassy or consulate.
        Embassy = 2 "embassy",
        /// By sealed mail or courier.
        SealedMail = 3 "sealed_mail",
    }
}

/// Who has named a ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroundSource {
    /// The draft itself.
    Draft,
    /// Our latest statement of the thread to this recipient.
    Thread,
    /// A rule of the configuration about its destination, counted from 1.
    Destination(usize),
    /// The configuration's default for follow-ups.
    Default,
}

impl fmt::Display for GroundSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft => f.write_str("the draft"),
            Self::Thread => f.write_str("the thread before"),
            Self::Destination(number) => write!(f, "rule {number} of [[destination]]"),
            Self::Default => f.write_str("[policy] default_ground"),
        }
    }
}

/// A ground towards one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounded {
    /// Which.
    pub ground: TransferGround,
    /// Why a derogation is used; empty otherwise.
    pub reason: String,
    /// Who named it.
    pub source: GroundSource,
}

/// Why nothing may go to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Groundless {
    /// Nobody has named a ground.
    Unnamed,
    /// This rule, counted from 1, asks for a derogation with its reason.
    ReasonAsked(usize),
}

/// A recipient with its groups, as the directory has them.
#[derive(Debug, Clone, Copy)]
pub struct Towards<'a> {
    /// Who.
    pub authority: &'a AuthorityId,
    /// Without `@`.
    pub groups: &'a [String],
}

/// What is to be sent, as far as its ground is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Whether it stands in a thread already.
    pub place: Place,
    /// What the draft says, the same for every recipient.
    pub named: Option<&'a (TransferGround, String)>,
    /// As our latest statement of the thread went to this recipient.
    pub of_thread: Option<&'a (TransferGround, String)>,
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It begins a thread.
    First,
    /// It answers or changes something.
    Later,
}

impl Policy {
    /// The ground towards one recipient.
    ///
    /// # Errors
    /// When nobody has named one, or a rule asks for more than was said.
    pub fn ground(&self, question: Question<'_>, to: Towards<'_>) -> Result<Grounded, Groundless> {
        let found = self.found(question, to);
        let asking = self.asking(Ask::Reason, question.kind, to);
        match (asking, found) {
            (Some(number), found) => found
                .filter(|found| found.ground == TransferGround::Derogation)
                .ok_or(Groundless::ReasonAsked(number)),
            (None, found) => found.ok_or(Groundless::Unnamed),
        }
    }

    /// The first rule that asks for a second person on the way to any of these, counted from 1.
    #[must_use]
    pub fn second_person<'a>(
        &self,
        kind: Kind,
        to: impl IntoIterator<Item = Towards<'a>>,
    ) -> Option<usize> {
        to.into_iter()
            .filter_map(|to| self.asking(Ask::SecondPerson, kind, to))
            .min()
    }

    /// True when any rule asks for a second person.
    #[must_use]
    pub fn asks_second_person(&self) -> bool {
        let mut rules = self.destinations.iter();
        rules.any(|rule| rule.ask == Some(Ask::SecondPerson))
    }

    fn found(&self, question: Question<'_>, to: Towards<'_>) -> Option<Grounded> {
        let said = |said: Option<&(TransferGround, String)>, source| {
            said.map(|(ground, reason)| Grounded {
                ground: *ground,
                reason: reason.clone(),
                source,
            })
        };
        let plain = |ground, source| Grounded {
            ground,
            reason: String::new(),
            source,
        };
        let by_rule = || {
            let about = self.about(to);
            about
                .filter_map(|(number, rule)| Some((number, rule.ground?)))
                .map(|(number, ground)| plain(ground, GroundSource::Destination(number)))
                .next()
        };
        let by_default = || {
            let default = self
                .default_ground
                .filter(|_| question.place == Place::Later);
            default.map(|ground| plain(ground, GroundSource::Default))
        };
        said(question.named, GroundSource::Draft)
            .or_else(|| said(question.of_thread, GroundSource::Thread))
            .or_else(by_rule)
            .or_else(by_default)
    }

    fn asking(&self, ask: Ask, kind: Kind, to: Towards<'_>) -> Option<usize> {
        if kind == Kind::Answer {
            return None;
        }
        let mut about = self.about(to);
        about
            .find(|(_, rule)| rule.ask == Some(ask))
            .map(|(number, _)| number)
    }

    fn about<'a>(&'a self, to: Towards<'a>) -> impl Iterator<Item = (usize, &'a Rule)> {
        let means = move |named: &Destination| named.means(to.authority, to.groups);
        (1..)
            .zip(&self.destinations)
            .filter(move |(_, rule)| rule.to.iter().any(means))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(to: &str, ground: Option<TransferGround>, ask: Option<Ask>) -> Rule {
        Rule {
            to: vec![to.parse().unwrap()],
            ground,
            ask,
        }
    }

    fn policy() -> Policy {
        Policy {
            default_ground: Some(TransferGround::Safeguards),
            destinations: vec![
                rule("XB", Some(TransferGround::Adequacy), None),
                rule("XC-POL", None, Some(Ask::Reason)),
                rule("@far", None, Some(Ask::SecondPerson)),
                rule("XB-POL", Some(TransferGround::Safeguards), None),
            ],
        }
    }

    fn asked(place: Place) -> Question<'static> {
        Question {
            kind: Kind::MissingOffender,
            place,
            named: None,
            of_thread: None,
        }
    }

    fn ground(question: Question<'_>, to: &str) -> Result<Grounded, Groundless> {
        let authority = to.parse().unwrap();
        let to = Towards {
            authority: &authority,
            groups: &[],
        };
        policy().ground(question, to)
    }

    /// Draft, thread, rule and default, in this order; each that gives one has its twin that does not.
    #[test]
    fn a_ground_is_that_of_the_draft_the_thread_a_rule_or_the_default_and_says_whose_it_is() {
        use TransferGround::{Adequacy, Derogation, Safeguards};
        let named = (Safeguards, String::new());
        let before = (Derogation, "a life is at stake".to_owned());
        let both = Question {
            named: Some(&named),
            of_thread: Some(&before),
            ..asked(Place::Later)
        };
        let thread = Question {
            named: None,
            ..both
        };
        let from = |question, to| ground(question, to).map(|it| (it.ground, it.source));
        let table = [
            (both, "XB-POL", Ok((Safeguards, GroundSource::Draft))),
            (thread, "XB-POL", Ok((Derogation, GroundSource::Thread))),
            (
                asked(Place::First),
                "XB-POL",
                Ok((Adequacy, GroundSource::Destination(1))),
            ),
            (
                asked(Place::Later),
                "XD-POL",
                Ok((Safeguards, GroundSource::Default)),
            ),
            (asked(Place::First), "XD-POL", Err(Groundless::Unnamed)),
        ];
        for (question, to, expected) in table {
            assert_eq!(from(question, to), expected, "{to}: {question:?}");
        }
    }

    #[test]
    fn a_destination_that_asks_a_reason_gets_a_derogation_and_nothing_else_but_answers() {
        let derogation = (TransferGround::Derogation, "a life is at stake".to_owned());
        let safeguards = (TransferGround::Safeguards, String::new());
        let with = |named| Question {
            named,
            ..asked(Place::Later)
        };
        assert!(ground(with(Some(&derogation)), "XC-POL").is_ok());
        for refused in [Some(&safeguards), None] {
            let refused = ground(with(refused), "XC-POL");
            assert_eq!(refused, Err(Groundless::ReasonAsked(2)));
        }
        let answer = Question {
            kind: Kind::Answer,
            ..with(None)
        };
        assert!(ground(answer, "XC-POL").is_ok());
    }

    #[test]
    fn a_second_person_is_asked_of_whoever_a_rule_means_and_of_nobody_else() {
        let (far, other) = (["far".to_owned()], "XD-POL".parse().unwrap());
        let asked = |kind, groups| {
            let to = Towards {
                authority: &other,
                groups,
            };
            policy().second_person(kind, [to])
        };
        assert_eq!(asked(Kind::TravelNotice, &far[..]), Some(3));
        assert_eq!(asked(Kind::TravelNotice, &[]), None);
        assert_eq!(asked(Kind::Answer, &far[..]), None);
        assert!(policy().asks_second_person());
        assert!(!Policy::default().asks_second_person());
    }
}
