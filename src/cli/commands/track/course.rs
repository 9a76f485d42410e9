//! The course of a thread: who did what to which statement, when, as a head of unit reads it.
//!
//! The way in is [`table_of`]. The node's words are for programs; what this version does not know is shown as it came.

use crate::{
    cli::output::{escape, names, table, time},
    proto::desk::v1::TrackEvent,
};

/// One line for each event; nothing when there is none.
pub(super) fn table_of(events: &[TrackEvent]) -> String {
    if events.is_empty() {
        return String::new();
    }
    let mut shown = table(["when", "who", "what", "statement"]);
    for event in events {
        shown.add_row([
            time(event.at_us),
            escape(&event.authority),
            said(event, events),
            names::reference(event.statement.as_ref()),
        ]);
    }
    shown.to_string()
}

/// What its authority did.
fn said(event: &TrackEvent, all: &[TrackEvent]) -> String {
    if let Some(became) = Became::of(&event.what) {
        let issued = all
            .iter()
            .find(|it| it.statement == event.statement && Became::of(&it.what).is_none());
        // Without the statement itself nobody knows what it was.
        let what = issued.map_or_else(|| "it".to_owned(), |it| escape(&it.what).replace(": ", " "));
        return became.said(&what);
    }
    match event.what.split_once(": ") {
        Some(("answer", "opened")) => "opens the thread".to_owned(),
        Some(("answer", "assigned")) => "assigns it to a unit".to_owned(),
        Some(("passes on", to)) => format!("passes the thread on to {}", escape(to)),
        Some(("received", who)) => format!("says that {} received it", escape(who)),
        Some(("answer", code)) => format!("answers: {}", escape(code)),
        // A word of more than a name is none of the kinds that there are.
        Some(_) => escape(&event.what),
        None => format!("sends {}", escape(&event.what)),
    }
}

/// What became of a statement on its way to the authority of an event.
enum Became<'a> {
    Delivered,
    Expired,
    Refused(&'a str),
    Held(&'a str),
    ByHand(&'a str),
}

impl<'a> Became<'a> {
    /// `None`: the event is the statement itself.
    fn of(what: &'a str) -> Option<Self> {
        match what.split_once(": ") {
            None if what == "delivered" => Some(Self::Delivered),
            None if what == "expired" => Some(Self::Expired),
            Some(("refused", reason)) => Some(Self::Refused(reason)),
            Some(("held", reason)) => Some(Self::Held(reason)),
            Some(("by hand", stage)) => Some(Self::ByHand(stage)),
            _ => None,
        }
    }

    fn said(&self, what: &str) -> String {
        match self {
            Self::Delivered => format!("receives {what}"),
            Self::Expired => format!("never received {what}: its carriage ended"),
            Self::Refused(reason) => format!("refuses {what}: {}", escape(reason)),
            Self::Held(reason) => format!("does not take {what} now: {}", escape(reason)),
            Self::ByHand(stage) => format!("{what} goes there by hand: {}", escape(stage)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::v1::StatementRef;

    fn event(authority: &str, what: &str, last: u8) -> TrackEvent {
        let mut id = [7; 16];
        (id[8], id[15]) = (0x80, last);
        id[6] = 0x70;
        TrackEvent {
            at_us: 1_795_508_000_000_000,
            authority: authority.to_owned(),
            what: what.to_owned(),
            statement: Some(StatementRef {
                origin: "XA-POL".to_owned(),
                id: id.to_vec(),
            }),
        }
    }

    #[test]
    fn every_event_is_a_sentence_with_its_authority_before_it() {
        let cases = [
            ("missing_offender", "sends missing_offender"),
            ("delivered", "receives missing_offender"),
            (
                "expired",
                "never received missing_offender: its carriage ended",
            ),
            ("refused: EXPIRED", "refuses missing_offender: EXPIRED"),
            (
                "held: NO_SPACE",
                "does not take missing_offender now: NO_SPACE",
            ),
            (
                "by hand: carried",
                "missing_offender goes there by hand: carried",
            ),
            ("answer: opened", "opens the thread"),
            ("answer: assigned", "assigns it to a unit"),
            ("answer: no_trace", "answers: no_trace"),
            ("passes on: XD-POL", "passes the thread on to XD-POL"),
            ("received: XD-POL", "says that XD-POL received it"),
        ];
        let all = [event("XA-POL", "missing_offender", 1)];
        for (what, sentence) in cases {
            assert_eq!(said(&event("XB-POL", what, 1), &all), sentence);
        }
    }

    #[test]
    fn an_answer_that_was_received_is_named_and_what_is_not_there_is_not_guessed() {
        let all = [
            event("XB-POL", "answer: hit", 2),
            event("XA-POL", "delivered", 2),
        ];
        assert_eq!(said(&all[1], &all), "receives answer hit");
        assert_eq!(said(&all[1], &all[1..]), "receives it");
    }

    #[test]
    fn words_of_a_later_version_stay_as_they_came_and_move_no_cursor() {
        let later = event("XB-POL", "weighed: 3\u{1b}[2J", 1);
        assert_eq!(said(&later, &[]), "weighed: 3\\u{1b}[2J");
        let shown = table_of(&[later]);
        assert!(
            shown.contains("XA-") && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }
}
