//! One call: what it says, as JSON and in words. Reference, priority, kind, what is due and since when; no person, no
//! offence.

use serde::Serialize;

use crate::{
    domain::{
        call::CallKind,
        id::{AuthorityId, MessageId, StatementRef},
        reason::Reason,
        routing::{Kind, Priority, Status},
        time::Timestamp,
    },
    store::{ledger::Matter, record::MessageRecord},
};

/// What people are to be called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) kind: CallKind,
    /// The statement that it is about, mostly the alert.
    pub(super) record: Option<MessageRecord>,
    /// Who owes it, or the partner that it is about.
    pub(super) peer: Option<AuthorityId>,
    /// When it was or is due.
    pub(super) due: Option<Timestamp>,
    /// Since when it is so.
    pub(super) since: Timestamp,
    pub(super) reason: Option<Reason>,
    /// The first call, or which one.
    pub(super) count: u32,
}

/// One call to the own duty desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The same for every way and each try.
    pub id: MessageId,
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub kind: CallKind,
    /// Whose desk.
    pub own: AuthorityId,
    /// What it is about.
    pub about: Option<About>,
    /// Who owes it, or the partner that it is about.
    pub peer: Option<AuthorityId>,
    /// When it was or is due.
    pub due: Option<Timestamp>,
    /// Since when it is so.
    pub since: Timestamp,
    /// The named reason, of refusals and links.
    pub reason: Option<Reason>,
    /// Which call about this it is, from 1.
    pub count: u32,
    /// Where people open it; empty: nowhere.
    pub link: String,
}

/// What a call says of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub statement: StatementRef,
    /// As people say it.
    pub reference: String,
    /// What it is for.
    pub kind: Kind,
    /// Real or not.
    pub status: Status,
    /// How quick.
    pub priority: Priority,
    /// The person must not notice.
    pub do_not_alert: bool,
}

impl Due {
    pub(super) fn call(&self, id: MessageId, at: Timestamp, own: AuthorityId, link: &str) -> Call {
        let about = self.record.as_ref().map(|record| About {
            statement: record.statement,
            reference: record.statement.reference().to_string(),
            kind: record.kind,
            status: record.status,
            priority: record.priority,
            do_not_alert: record.terms.do_not_alert,
        });
        let link = about.as_ref().map_or_else(String::new, |about| {
            link.replace("{reference}", &about.reference)
        });
        Call {
            id,
            at,
            kind: self.kind,
            own,
            about,
            peer: self.peer,
            due: self.due,
            since: self.since,
            reason: self.reason,
            count: self.count,
            link,
        }
    }
}

/// As Standard Webhooks wants a payload: type, timestamp, data.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    authority: &'a str,
    call: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    do_not_alert: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    count: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    link: &'a str,
}

impl Call {
    /// `XB-26-7F3K9`; empty when it is about no statement.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.about.as_ref().map_or("", |about| &about.reference)
    }

    /// The same matter: a later call takes the place of an earlier one that still waits.
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        self.matter() == other.matter()
    }

    /// What tells one matter from another.
    pub(super) fn matter(&self) -> Matter {
        let statement = self.about.as_ref().map(|about| about.statement);
        (self.kind, self.peer, statement)
    }

    /// The bytes that a webhook carries.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let about = self.about.as_ref();
        let body = Body {
            r#type: format!("allpoints.call.{}", self.kind),
            timestamp: self.at.to_string(),
            data: Data {
                authority: self.own.as_str(),
                call: self.kind.name(),
                reference: about.map(|about| about.reference.as_str()),
                statement: about.map(|about| about.statement.to_string()),
                kind: about.map(|about| about.kind.name()),
                status: about.map(|about| about.status.name()),
                priority: about.map(|about| about.priority.name()),
                do_not_alert: about.is_some_and(|about| about.do_not_alert),
                peer: self.peer.map(|peer| peer.to_string()),
                due: self.due.map(|due| due.to_string()),
                since: self.since.to_string(),
                reason: self.reason.map(Reason::name),
                count: self.count,
                link: &self.link,
            },
        };
        // Text and numbers alone: it cannot fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// One line: `FLASH XB-26-7F3K9: nobody has opened it`.
    #[must_use]
    pub fn subject(&self) -> String {
        let words = words(self.kind);
        match &self.about {
            None => match self.peer {
                Some(peer) => format!("{peer}: {words}"),
                None => format!("Allpoints: {words}"),
            },
            Some(about) => {
                let mark = match about.status {
                    Status::Actual => String::new(),
                    other => format!("[{}] ", other.name().to_uppercase()),
                };
                let priority = about.priority.name().to_uppercase();
                format!("{mark}{priority} {}: {words}", about.reference)
            }
        }
    }

    /// The lines of a mail.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![self.subject(), String::new()];
        let mut say = |what: &str, text: Option<String>| {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                lines.push(format!("{what:<10}{text}"));
            }
        };
        if let Some(about) = &self.about {
            let caution = about
                .do_not_alert
                .then(|| "DO NOT ALERT THE PERSON".to_owned());
            say("caution", caution);
            say("kind", Some(about.kind.to_string()));
            say("id", Some(about.statement.to_string()));
        }
        say("by", self.peer.map(|peer| peer.to_string()));
        say("due", self.due.map(|due| due.to_string()));
        say("since", Some(self.since.to_string()));
        say("reason", self.reason.map(|reason| reason.to_string()));
        let again = (self.count > 1).then(|| format!("call {}", self.count));
        say("again", again);
        say("open", Some(self.link.clone()));
        lines.push(String::new());
        lines.join("\n")
    }
}

const fn words(kind: CallKind) -> &'static str {
    match kind {
        CallKind::FlashUnopened => "nobody has opened it",
        CallKind::DeliveryOverdue => "it is not delivered in its time",
        CallKind::OpeningOverdue => "it was not opened in its time",
        CallKind::AnswerOverdue => "an answer is overdue",
        CallKind::InstructionOverdue => "the instruction after a hit is overdue",
        CallKind::HitWaiting => "a hit waits for our instruction",
        CallKind::EndsInAWeek => "it ends within seven days: extend or close it",
        CallKind::EndsInADay => "it ends within a day: extend or close it",
        CallKind::ReviewDue => "it is to be looked at again",
        CallKind::ReturnNotConfirmed => "the return is not confirmed",
        CallKind::DeliveryRefused => "it was refused, and will not be delivered",
        CallKind::DeliveryHeld => "its delivery waits for a person",
        CallKind::DeliveryExpired => "its carriage ended before it was delivered",
        CallKind::LinkDown => "the partner cannot be reached",
        CallKind::AsksDiffer => "alerts about the same person ask different things",
        CallKind::ClauseTouched => "its journey touches a clause of an order: look at it",
        CallKind::OffersWait => {
            "it has joined: `allpoints offers` lists what waits to be given to it"
        }
        CallKind::Test => "a test call: nothing is to be done",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::calling::duty::testing::{NOW, alert};

    pub(crate) fn flash() -> Call {
        let record = MessageRecord {
            priority: Priority::Flash,
            ..alert("XB-POL", 1)
        };
        let due = Due {
            kind: CallKind::FlashUnopened,
            record: Some(record),
            peer: None,
            due: None,
            since: NOW,
            reason: None,
            count: 2,
        };
        let id = MessageId::from_parts(1_795_000_000_000, [5; 10]);
        let own = "XA-POL".parse().unwrap();
        due.call(id, NOW, own, "https://desk.example/{reference}")
    }

    #[test]
    fn a_call_says_what_waits_and_nothing_of_a_person() {
        let mut call = flash();
        let about = call.about.as_mut().unwrap();
        about.do_not_alert = true;
        about.status = Status::Exercise;
        let json = String::from_utf8(call.json()).unwrap();
        insta::assert_snapshot!(format!("{json}\n\n{}", call.text()));
    }

    #[test]
    fn a_call_about_a_link_or_nothing_says_so() {
        let link = Call {
            kind: CallKind::LinkDown,
            about: None,
            peer: "XC-POL".parse().ok(),
            link: String::new(),
            reason: Some(Reason::Unreachable),
            count: 1,
            ..flash()
        };
        assert_eq!(link.subject(), "XC-POL: the partner cannot be reached");
        assert!(link.text().contains("reason    UNREACHABLE"));
        assert!(!link.text().contains("open"), "{}", link.text());
        let test = Call {
            kind: CallKind::Test,
            peer: None,
            ..link
        };
        assert!(test.subject().starts_with("Allpoints: a test call"));
        for &kind in CallKind::ALL {
            assert!(!words(kind).is_empty());
        }
    }

    #[test]
    fn only_the_same_matter_is_the_same() {
        let call = flash();
        let other = |change: fn(&mut Call)| {
            let mut other = flash();
            change(&mut other);
            call.is_about_the_same(&other)
        };
        assert!(other(|call| call.count = 9));
        assert!(!other(|call| call.kind = CallKind::HitWaiting));
        assert!(!other(|call| call.peer = "XC-POL".parse().ok()));
        assert!(!other(|call| call.about = None));
    }
}
