//! What an alert's content says of time and caution: all that routing keeps of it beside its effect. No person.
//!
//! The way in is `wire::alert`, which reads [`Terms`] from a payload, the same when it comes and when it is read back
//! from the journal. Must never hold anything that tells who is meant.

use super::{
    alert::{basis::AskedSet, value::Day},
    id::StatementRef,
    permission::{Onward, Said},
};

/// What a statement says of its thread's end, review and return, and of how to go about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Terms {
    /// Last day on which the alert may be acted on.
    pub valid_until: Option<Day>,
    /// When its need is looked at again.
    pub review_on: Option<Day>,
    /// When the person is back: expected, or must report, whichever is later.
    pub expected_return_on: Option<Day>,
    /// The return is confirmed: by an outcome, or by an update.
    pub return_confirmed: bool,
    /// Of a sighting: the person is there now.
    pub person_present: bool,
    /// The person must not notice: nobody alerts them.
    pub do_not_alert: bool,
    /// What is asked.
    pub asked: AskedSet,
    /// Another alert about the same person, says whoever states it.
    pub same_person: Option<StatementRef>,
    /// It states orders.
    pub states_orders: bool,
    /// It states a journey, leg by leg.
    pub states_journey: bool,
    /// What TLP and marked paragraphs demand of who passes it on; handling codes of the whole stand in the header.
    pub onward: Onward,
    /// What it says of permission.
    pub permission: Said,
}

impl Terms {
    /// The terms of an alert after an update of its originator. The latest end counts, and none past `last_day`: to
    /// end sooner, an alert is closed; to stand longer, it is issued anew.
    #[must_use]
    pub fn amended_by(&self, update: &Self, last_day: Option<Day>) -> Self {
        let until = update
            .valid_until
            .filter(|until| last_day.is_some_and(|last| *until <= last));
        Self {
            valid_until: self.valid_until.max(until),
            review_on: update.review_on.or(self.review_on),
            expected_return_on: update.expected_return_on.or(self.expected_return_on),
            return_confirmed: self.return_confirmed || update.return_confirmed,
            person_present: self.person_present,
            do_not_alert: self.do_not_alert || update.do_not_alert,
            asked: match update.asked.is_empty() {
                true => self.asked,
                false => update.asked,
            },
            same_person: self.same_person,
            states_orders: self.states_orders,
            states_journey: self.states_journey,
            onward: self.onward.max(update.onward),
            permission: self.permission.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(day: &str) -> Terms {
        Terms {
            valid_until: day.parse().ok(),
            ..Terms::default()
        }
    }

    #[test]
    fn the_latest_end_counts_and_none_past_the_last_day() {
        let last = "2027-12-31".parse().ok();
        let table = [
            ("2027-01-01", "2027-06-01", "2027-06-01"),
            ("2027-06-01", "2027-01-01", "2027-06-01"),
            ("2027-06-01", "2027-12-31", "2027-12-31"),
            ("2027-06-01", "2028-01-01", "2027-06-01"),
        ];
        for (was, update, is) in table {
            assert_eq!(until(was).amended_by(&until(update), last), until(is));
        }
        let none = Terms::default();
        assert_eq!(
            until("2027-06-01").amended_by(&none, last),
            until("2027-06-01")
        );
        assert_eq!(none.amended_by(&until("2027-06-01"), None), none);
    }

    #[test]
    fn caution_and_a_confirmed_return_are_never_taken_back_and_dates_are_replaced() {
        let careful = Terms {
            do_not_alert: true,
            return_confirmed: true,
            expected_return_on: "2027-02-01".parse().ok(),
            review_on: "2027-03-01".parse().ok(),
            ..until("2027-06-01")
        };
        assert_eq!(careful.amended_by(&Terms::default(), None), careful);
        let later = Terms {
            expected_return_on: "2027-02-09".parse().ok(),
            review_on: "2027-04-01".parse().ok(),
            ..Terms::default()
        };
        let amended = careful.amended_by(&later, None);
        assert!(amended.do_not_alert && amended.return_confirmed);
        assert_eq!(amended.expected_return_on, later.expected_return_on);
        assert_eq!(amended.review_on, later.review_on);
    }
}
