//! Why the own duty desk is called: the closed list, and which calls an alert has had.
//!
//! Pure. `calling` decides when; the journal keeps that it did. Must never say whom an alert is about.

use super::routing::coded;

coded! {
    /// Why people are called. Numbers are stored: never reused, at most 32.
    CallKind {
        /// A flash came in, and nobody has opened it.
        FlashUnopened = 1 "flash_unopened",
        /// Something is not delivered in its time.
        DeliveryOverdue = 2 "delivery_overdue",
        /// Nobody has opened it in its time.
        OpeningOverdue = 3 "opening_overdue",
        /// An answer is overdue.
        AnswerOverdue = 4 "answer_overdue",
        /// An instruction is overdue.
        InstructionOverdue = 5 "instruction_overdue",
        /// A hit waits for our instruction.
        HitWaiting = 6 "hit_waiting",
        /// An own alert ends within seven days.
        EndsInAWeek = 7 "ends_in_a_week",
        /// An own alert ends within a day.
        EndsInADay = 8 "ends_in_a_day",
        /// An own alert is to be looked at again.
        ReviewDue = 9 "review_due",
        /// Somebody who travelled is not known to be back.
        ReturnNotConfirmed = 10 "return_not_confirmed",
        /// A partner refused for good.
        DeliveryRefused = 11 "delivery_refused",
        /// A delivery waits for a person.
        DeliveryHeld = 12 "delivery_held",
        /// Carriage ended before it was delivered.
        DeliveryExpired = 13 "delivery_expired",
        /// A partner cannot be reached.
        LinkDown = 14 "link_down",
        /// Another country asks differently of the same person.
        AsksDiffer = 16 "asks_differ",
        /// A journey touches a clause of an order.
        ClauseTouched = 17 "clause_touched",
        /// An authority has joined, and alerts that are for all, or for its group, wait to be given to it.
        OffersWait = 18 "offers_wait",
        /// A person tries whether calls arrive.
        Test = 15 "test",
    }
}

/// Which calls about one statement were journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CallSet(u32);

impl CallSet {
    /// With this one.
    #[must_use]
    pub const fn with(self, kind: CallKind) -> Self {
        Self(self.0 | 1 << (kind as u8))
    }

    /// Without this one: it may be called again.
    #[must_use]
    pub const fn without(self, kind: CallKind) -> Self {
        Self(self.0 & !(1 << (kind as u8)))
    }

    /// Whether it was called.
    #[must_use]
    pub const fn contains(self, kind: CallKind) -> bool {
        self.0 & 1 << (kind as u8) != 0
    }

    /// As it is stored.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// As it was stored.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_bit() {
        for &kind in CallKind::ALL {
            let set = CallSet::default().with(kind);
            for &other in CallKind::ALL {
                assert_eq!(set.contains(other), other == kind, "{kind} {other}");
            }
            assert_eq!(CallSet::from_bits(set.bits()), set);
            assert_eq!(set.without(kind), CallSet::default());
        }
    }
}
