//! Ids that follow from an id and something beside it, so that repeating is safe where one id stands for many.

use super::merkle::sha256;
use crate::domain::id::MessageId;

/// The time of `id`, and for the rest what SHA-256 makes of it, its purpose and `of`.
#[must_use]
pub(crate) fn derived_id(id: MessageId, purpose: &str, of: &[u8]) -> MessageId {
    let mut named = format!("allpoints {purpose}\0").into_bytes();
    named.extend_from_slice(id.as_bytes());
    named.extend_from_slice(of);
    let mut random = [0; 10];
    for (byte, hashed) in random.iter_mut().zip(sha256(&named)) {
        *byte = hashed;
    }
    MessageId::from_parts(id.unix_ms(), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_the_same_each_time_and_no_other_ones() {
        let id = |random| MessageId::from_parts(1_795_507_200_000, [random; 10]);
        let derived = derived_id(id(1), "apart", b"XB-POL");
        assert_eq!(derived, derived_id(id(1), "apart", b"XB-POL"));
        assert_eq!(derived.time(), id(1).time());
        let others = [
            id(1),
            derived_id(id(1), "apart", b"XC-POL"),
            derived_id(id(2), "apart", b"XB-POL"),
            derived_id(id(1), "import", b"XB-POL"),
        ];
        assert!(!others.contains(&derived));
    }
}
