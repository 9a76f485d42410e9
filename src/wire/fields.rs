//! Fields that several messages of the envelope share. Nothing here normalises: a field is legal or refused.

use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        reason::Reason,
    },
    proto::envelope::v1 as pb,
};

/// Reads an authority id, byte by byte.
pub(super) fn authority(text: &str) -> Result<AuthorityId, Reason> {
    text.parse().map_err(|_| Reason::Malformed)
}

/// Reads a reference that names origin and id.
pub(super) fn reference(wire: &pb::StatementRef) -> Result<StatementRef, Reason> {
    Ok(StatementRef {
        origin: authority(&wire.origin)?,
        id: MessageId::from_bytes(&wire.id).map_err(|_| Reason::Malformed)?,
    })
}

/// Reads a reference that may be absent.
pub(super) fn optional_reference(
    wire: Option<&pb::StatementRef>,
) -> Result<Option<StatementRef>, Reason> {
    wire.map(reference).transpose()
}

/// Writes a reference.
pub(super) fn encode_reference(reference: &StatementRef) -> pb::StatementRef {
    pb::StatementRef {
        origin: reference.origin.as_str().to_owned(),
        id: reference.id.as_bytes().to_vec(),
    }
}

/// Reads an enum whose protobuf numbers are the domain's numbers.
pub(super) fn coded<T>(number: i32, from_number: impl Fn(u8) -> Option<T>) -> Option<T> {
    u8::try_from(number).ok().and_then(from_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_11_authorities_are_read_byte_by_byte_and_nothing_is_normalised() {
        for text in ["XA-POL", "GB-NCA", "XA-1", "XA-ABCDEFGHIJKLM"] {
            let id = authority(text).unwrap();
            assert_eq!((id.as_str(), id.country()), (text, &text[..2]));
        }
        for text in [
            "",
            "XA",
            "XA-",
            "-POL",
            "XAPOL",
            "xa-POL",
            "XA-pol",
            "XA-POL/",
            "XA-POL.",
            " XA-POL",
            "XA-POL\n",
            "XA-PO-L",
            "X1-POL",
            "XAA-POL",
            "XA-P\u{41e}L",
            "\u{ff38}A-POL",
            "XA-ABCDEFGHIJKLMN",
        ] {
            assert_eq!(authority(text), Err(Reason::Malformed), "{text}");
        }
    }

    #[test]
    fn references_name_an_authority_and_a_uuid_of_version_7() {
        let legal = pb::StatementRef {
            origin: "XA-POL".to_owned(),
            id: MessageId::from_parts(1_795_000_000_000, [0xff; 10])
                .as_bytes()
                .to_vec(),
        };
        assert_eq!(encode_reference(&reference(&legal).unwrap()), legal);
        for id in [vec![], vec![0x77; 15], vec![0; 16], vec![0x44; 16]] {
            let illegal = pb::StatementRef {
                id,
                ..legal.clone()
            };
            assert_eq!(reference(&illegal), Err(Reason::Malformed));
            assert_eq!(optional_reference(Some(&illegal)), Err(Reason::Malformed));
        }
        assert_eq!(optional_reference(None), Ok(None));
    }
}
