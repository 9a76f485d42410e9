//! What a statement says of permission, as bytes: a tag, then what it names.

use super::{Packer, Unpacker};
use crate::domain::{
    alert::value::Day,
    id::AuthorityId,
    permission::{Grant, Passed, Permission, PermissionAct, Said, Wish},
};

impl Packer {
    pub(super) fn permission(&mut self, said: Option<&Permission>) {
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
    pub(super) fn permission(&mut self) -> Option<Said> {
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
