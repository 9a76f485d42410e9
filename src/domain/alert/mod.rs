//! What an alert says, legally typed: a value that exists is legal.
//!
//! The way in is [`Payload`]; `wire::alert` makes it from protobuf and lists every [`Fault`]. Nothing here knows a
//! clock, a wire format or a victim's identity.

pub mod basis;
pub mod kinds;
pub mod marking;
pub mod measure;
pub mod offence;
pub mod person;
pub mod scales;
pub mod touch;
pub mod value;

use std::fmt;

use super::id::StatementRef;

use self::{
    basis::{Asked, Basis},
    kinds::Content,
    marking::{Evaluation, Pap, ParagraphMark, Tlp, do_not_alert},
    measure::{Order, Registration, Risk, Warning},
    offence::Offence,
    person::Person,
    value::Text,
};

/// The content of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Whom it is about; always there in alerts.
    pub subject: Option<Person>,
    /// How dangerous the person is held to be.
    pub risk: Option<Risk>,
    /// What an officer must know before going near the person.
    pub warnings: Vec<Warning>,
    /// Registers that the person must report to.
    pub registrations: Vec<Registration>,
    /// Orders, clause by clause.
    pub orders: Vec<Order>,
    /// Convictions and charges.
    pub offences: Vec<Offence>,
    /// What is asked; at least one in alerts.
    pub asked: Vec<Asked>,
    /// On what it rests; always there in alerts.
    pub basis: Option<Basis>,
    /// Anything else.
    pub remarks: Option<Text>,
    /// How sure it is, of intelligence.
    pub evaluation: Option<Evaluation>,
    /// Who may see it; never laxer than the handling set.
    pub tlp: Option<Tlp>,
    /// What may be done with it.
    pub pap: Option<Pap>,
    /// Parts that are marked stricter.
    pub paragraph_marking: Vec<ParagraphMark>,
    /// Another alert about the same person.
    pub same_person: Option<StatementRef>,
    /// What its kind adds.
    pub content: Content,
}

impl Payload {
    /// Whether the person must not learn of it: PAP RED, or a discreet check asked. Then every surface says so before
    /// it says who the person is.
    #[must_use]
    pub fn do_not_alert(&self) -> bool {
        do_not_alert(self.pap, self.asked.iter().map(|asked| asked.action))
    }
}

/// One wrong field of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `subject.documents[0].mrz`
    pub path: String,
    /// What stands there, escaped and cut.
    pub found: String,
    /// What would be right.
    pub expected: String,
}

/// `subject.documents[0].mrz: check digit of the number is 7, computed 6; expected the zone as printed`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; expected {}",
            self.path, self.found, self.expected
        )
    }
}
