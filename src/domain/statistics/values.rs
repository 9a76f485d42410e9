//! Some values of a coded list, as a set.

use std::{fmt, marker::PhantomData};

use crate::domain::routing::Coded;

/// At least one value of a coded list whose numbers are under 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Values<T>(u64, PhantomData<T>);

impl<T: Coded> Values<T> {
    /// Every value of the list.
    #[must_use]
    pub fn all() -> Self {
        Self::union(T::all())
    }

    /// These; `None` when there are none.
    #[must_use]
    pub fn of(values: &[T]) -> Option<Self> {
        (!values.is_empty()).then(|| Self::union(values))
    }

    /// This value alone.
    #[must_use]
    pub fn one(value: T) -> Self {
        Self::union(&[value])
    }

    fn union(values: &[T]) -> Self {
        let bits = values.iter().fold(0, |bits, value| bits | bit(*value));
        Self(bits, PhantomData)
    }

    /// True when the value is in it.
    #[must_use]
    pub fn contains(self, value: T) -> bool {
        self.0 & bit(value) != 0
    }

    /// True when all of it is in the other.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// True when no value is in both.
    #[must_use]
    pub const fn is_apart_from(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    /// The values, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = T> {
        let all = T::all().iter().copied();
        all.filter(move |value| self.contains(*value))
    }
}

/// Lists know their values by number; the place in the list serves as well, and is small.
fn bit<T: Coded>(value: T) -> u64 {
    let place = T::all().iter().position(|it| it.text() == value.text());
    let place = place.and_then(|place| u32::try_from(place).ok());
    place
        .and_then(|place| 1_u64.checked_shl(place))
        .unwrap_or(0)
}

impl<T: Coded> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(T::text)).finish()
    }
}
