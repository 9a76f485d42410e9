//! What a statement says of time, caution and permission, as bytes.

use super::{Packer, Unpacker};
use crate::domain::{
    alert::{basis::AskedSet, value::Day},
    id::AuthorityId,
    permission::{Grant, Onward, Passed, Permission, PermissionAct, Said, Wish},
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

    fn permission(&mut self, said: Option<&Permission>) {
        match said {
            None => self.0.push(0),
            Some(Permission::Asks(wish)) => {
                self.raw(&[1, wish.act as u8]);
                self.authorities(&wish.to);
            }
            Some(Permission::Grants(grant)) => {
                self.raw(&[2, grant.act as u8]);
                self.raw(&grant.until.number().to_be_bytes());
                self.authorities(&grant.to);
            }
            Some(Permission::Refuses) => self.0.push(3),
            Some(Permission::Passes(passed)) => {
                self.0.push(4);
                self.number(passed.len() as u64);
                for one in passed {
                    self.authority(&one.to);
                    let (under, received_at) = (&one.under, one.received_at);
                    let flags = u8::from(under.is_some()) | u8::from(received_at.is_some()) << 1;
                    self.0.push(flags);
                    if let Some(under) = under {
                        self.statement(under);
                    }
                    if let Some(at) = received_at {
                        self.time(at);
                    }
                }
            }
        }
    }

    fn authorities(&mut self, all: &[AuthorityId]) {
        self.number(all.len() as u64);
        for one in all {
            self.authority(one);
        }
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

    fn permission(&mut self) -> Option<Said> {
        let [tag] = self.raw()?;
        let said = match tag {
            0 => return Some(None),
            1 => Permission::Asks(Wish {
                act: self.act()?,
                to: self.authorities()?,
            }),
            2 => Permission::Grants(Grant {
                act: self.act()?,
                until: Day::from_number(i32::from_be_bytes(self.raw()?))?,
                to: self.authorities()?,
            }),
            3 => Permission::Refuses,
            4 => {
                let count = self.number()?;
                Permission::Passes((0..count).map(|_| self.passed()).collect::<Option<_>>()?)
            }
            _ => return None,
        };
        Some(Some(said.into()))
    }

    fn act(&mut self) -> Option<PermissionAct> {
        let [number] = self.raw()?;
        PermissionAct::from_number(number)
    }

    fn passed(&mut self) -> Option<Passed> {
        let to = self.authority()?;
        let [flags] = self.raw()?;
        let under = match flags & 1 {
            0 => None,
            _ => Some(self.statement()?),
        };
        let received_at = match flags & 2 {
            0 => None,
            _ => Some(self.time()?),
        };
        Some(Passed {
            to,
            under,
            received_at,
        })
    }

    fn authorities(&mut self) -> Option<Vec<AuthorityId>> {
        let count = self.number()?;
        (0..count).map(|_| self.authority()).collect()
    }
}
