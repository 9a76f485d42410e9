//! What a statement says of time and caution, as bytes.

use super::{Packer, Unpacker};
use crate::domain::{
    alert::{basis::AskedSet, value::Day},
    permission::Onward,
    terms::Terms,
};

impl Packer {
    pub(super) fn terms(&mut self, terms: &Terms) {
        let days = [terms.valid_until, terms.review_on, terms.expected_return_on];
        let said = [
            terms.return_confirmed,
            terms.person_present,
            terms.do_not_alert,
            terms.same_person.is_some(),
            !terms.asked.is_empty(),
            terms.states_orders,
            terms.states_journey,
        ];
        let bits = days.iter().map(Option::is_some).chain(said);
        let flags = bits
            .zip(0..)
            .fold(0, |all, (bit, place)| all | u16::from(bit) << place);
        self.raw(&flags.to_be_bytes());
        for day in days.into_iter().flatten() {
            self.raw(&day.number().to_be_bytes());
        }
        if let Some(other) = &terms.same_person {
            self.statement(other);
        }
        if !terms.asked.is_empty() {
            self.number(u64::from(terms.asked.bits()));
        }
        self.0.push(terms.onward as u8);
        self.permission(terms.permission.as_deref());
    }
}

impl Unpacker<'_> {
    pub(super) fn terms(&mut self) -> Option<Terms> {
        let flags = u16::from_be_bytes(self.raw()?);
        let has = |bit: u8| flags & (1 << bit) != 0;
        let mut day = |bit: u8| match has(bit) {
            true => Day::from_number(i32::from_be_bytes(self.raw()?)).map(Some),
            false => Some(None),
        };
        let days = [day(0)?, day(1)?, day(2)?];
        let same_person = match has(6) {
            true => Some(self.statement()?),
            false => None,
        };
        let asked = match has(7) {
            true => u16::try_from(self.number()?).ok()?,
            false => 0,
        };
        let [valid_until, review_on, expected_return_on] = days;
        let [onward] = self.raw()?;
        Some(Terms {
            onward: Onward::from_number(onward)?,
            permission: self.permission()?,
            valid_until,
            review_on,
            expected_return_on,
            return_confirmed: has(3),
            person_present: has(4),
            do_not_alert: has(5),
            asked: AskedSet::from_bits(asked),
            same_person,
            states_orders: has(8),
            states_journey: has(9),
        })
    }
}
