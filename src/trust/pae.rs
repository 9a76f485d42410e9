//! DSSE's pre-authentication encoding, and the leaf hash over it. One type per purpose and version.
//!
//! The way in: [`leaf_hash`] for what a batch covers, [`encode`] for what Ed25519 signs. Bytes of one
//! type can never pass for another's, as the type and both lengths stand in front of them
//! (<https://github.com/secure-systems-lab/dsse>, protocol v1). Never changes the bytes it is given.

use aws_lc_rs::digest::{Context, SHA256};

use super::merkle::into_hash;
use crate::domain::receipt::LeafHash;

/// What kind of bytes are hashed or signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentType {
    /// A statement, as it crosses the border.
    Statement,
    /// A receipt for one.
    Receipt,
    /// The header of a batch.
    Batch,
    /// A root list of the directory.
    Root,
    /// The list of members.
    Membership,
    /// One authority's own entry in the directory.
    Entry,
    /// The heads of the directory.
    Timestamp,
    /// A body of the own journal that never travels.
    Note,
}

impl DocumentType {
    /// Such as `application/vnd.allpoints.statement.v1`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Statement => "application/vnd.allpoints.statement.v1",
            Self::Receipt => "application/vnd.allpoints.receipt.v1",
            Self::Batch => "application/vnd.allpoints.batch.v1",
            Self::Root => "application/vnd.allpoints.root.v1",
            Self::Membership => "application/vnd.allpoints.membership.v1",
            Self::Entry => "application/vnd.allpoints.entry.v1",
            Self::Timestamp => "application/vnd.allpoints.timestamp.v1",
            Self::Note => "application/vnd.allpoints.note.v1",
        }
    }
}

/// `SHA-256(0x00 || PAE(type, bytes))`. Copies nothing.
#[must_use]
pub fn leaf_hash(document_type: DocumentType, bytes: &[u8]) -> LeafHash {
    let mut context = Context::new(&SHA256);
    context.update(&[0x00]);
    write_pae(document_type, bytes, |part| context.update(part));
    LeafHash(into_hash(context.finish()))
}

/// `PAE(type, bytes)`: what Ed25519 signs.
#[must_use]
pub fn encode(document_type: DocumentType, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len() + 96);
    write_pae(document_type, bytes, |part| encoded.extend_from_slice(part));
    encoded
}

/// `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths in ASCII decimal.
fn write_pae(document_type: DocumentType, body: &[u8], mut write: impl FnMut(&[u8])) {
    let media_type = document_type.media_type();
    write(b"DSSEv1 ");
    write_decimal(media_type.len(), &mut write);
    write(b" ");
    write(media_type.as_bytes());
    write(b" ");
    write_decimal(body.len(), &mut write);
    write(b" ");
    write(body);
}

/// ASCII decimal without leading zeros, made on the stack.
fn write_decimal(mut number: usize, write: &mut impl FnMut(&[u8])) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        first = place;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    write(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [DocumentType; 8] = [
        DocumentType::Statement,
        DocumentType::Receipt,
        DocumentType::Batch,
        DocumentType::Root,
        DocumentType::Membership,
        DocumentType::Entry,
        DocumentType::Timestamp,
        DocumentType::Note,
    ];

    #[test]
    fn encodes_as_dsse_says() {
        assert_eq!(
            encode(DocumentType::Statement, b"hello world"),
            b"DSSEv1 38 application/vnd.allpoints.statement.v1 11 hello world"
        );
        assert_eq!(
            encode(DocumentType::Batch, b""),
            b"DSSEv1 34 application/vnd.allpoints.batch.v1 0 "
        );
    }

    #[test]
    fn the_same_bytes_under_another_type_are_another_leaf() {
        let leaves: std::collections::HashSet<_> = ALL
            .iter()
            .map(|document_type| leaf_hash(*document_type, b"same"))
            .collect();
        assert_eq!(leaves.len(), ALL.len());
    }

    proptest! {
        #[test]
        fn leaf_hash_is_the_rfc_6962_leaf_over_the_encoding(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), which in 0..ALL.len(),
        ) {
            let leaf = super::super::merkle::leaf(&encode(ALL[which], &bytes));
            prop_assert_eq!(leaf_hash(ALL[which], &bytes).0, leaf);
        }

        #[test]
        fn decimal_is_what_display_gives(number: usize) {
            let mut written = Vec::new();
            write_decimal(number, &mut |part: &[u8]| written.extend_from_slice(part));
            prop_assert_eq!(written, number.to_string().into_bytes());
        }
    }
}
