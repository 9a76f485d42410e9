//! Page cursors: a place in the order of recording, so that pages neither miss nor repeat an item.
//!
//! Opaque to callers: a letter for the list, and 13 digits of Crockford's base 32 without check digit.

use tonic::Status;

use crate::{domain::reason::Reason, wire::status::refusal};

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 13;

/// Which list a cursor belongs to: one of another list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paged {
    In,
    Out,
    Audit,
    Drafts,
    Offers,
}

impl Paged {
    const fn letter(self) -> char {
        match self {
            Self::In => 'i',
            Self::Out => 'o',
            Self::Audit => 'a',
            Self::Drafts => 'd',
            Self::Offers => 'f',
        }
    }
}

/// The cursor behind the item at this place.
pub(super) fn write(list: Paged, place: u64) -> String {
    let digit = |index: usize| {
        let shift = 5 * (LENGTH - 1 - index);
        let value = usize::try_from((place >> shift) & 31).unwrap_or_default();
        char::from(DIGITS[value])
    };
    std::iter::once(list.letter())
        .chain((0..LENGTH).map(digit))
        .collect()
}

/// The place that a caller's cursor names; an empty one is the beginning.
///
/// # Errors
/// When it is not a cursor that this list gave.
pub(super) fn read(list: Paged, text: &str) -> Result<Option<u64>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    place(list, text).map(Some).ok_or_else(|| {
        refusal(
            Reason::Malformed,
            "cursor: found a text that is no cursor of this list, expected `next_cursor` of its response before",
        )
    })
}

fn place(list: Paged, text: &str) -> Option<u64> {
    let digits = text.strip_prefix(list.letter())?;
    if digits.len() != LENGTH {
        return None;
    }
    digits.bytes().try_fold(0u64, |place, byte| {
        let value = DIGITS.iter().position(|digit| *digit == byte)?;
        place
            .checked_mul(32)?
            .checked_add(u64::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went_and_keeps_the_order(a: u64, b: u64) {
            for list in [Paged::In, Paged::Out, Paged::Audit, Paged::Drafts, Paged::Offers] {
                prop_assert_eq!(read(list, &write(list, a)).expect("legal"), Some(a));
                prop_assert_eq!(write(list, a).cmp(&write(list, b)), a.cmp(&b));
            }
        }

        #[test]
        fn any_other_text_is_refused(text in "[ -~]{1,20}") {
            prop_assume!(place(Paged::In, &text).is_none());
            prop_assert!(read(Paged::In, &text).is_err());
        }
    }

    #[test]
    fn cursors_of_other_lists_and_too_large_ones_are_refused() {
        assert!(read(Paged::In, &write(Paged::Out, 7)).is_err());
        assert!(read(Paged::In, "izzzzzzzzzzzzz").is_err());
        assert!(read(Paged::In, "i0").is_err());
        assert_eq!(read(Paged::In, "").expect("beginning"), None);
    }
}
