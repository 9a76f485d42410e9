//! Drafts that wait for a second person, as the journal keeps them: `desk.v1.KeptDraft`.
//!
//! The way in is [`encode`] and [`decode`]. The draft itself stays as it was handed in: it is judged again before it
//! leaves, and never here.

use bytes::Bytes;
use prost::Message as _;

use super::fields::{authority, coded};
use crate::{
    domain::{
        limits::RECIPIENTS_MAX,
        reason::Reason,
        release::Outline,
        routing::{Kind, Priority, Status},
    },
    proto::desk::v1 as pb,
};

pub(super) fn encode(draft: &[u8], outline: &Outline) -> Bytes {
    pb::KeptDraft {
        draft: draft.to_vec(),
        kind: outline.kind as i32,
        status: outline.status as i32,
        priority: outline.priority as i32,
        recipients: outline.recipients.iter().map(ToString::to_string).collect(),
        created_by: outline.created_by.clone(),
        release_rule: outline.why.clone(),
        do_not_alert: outline.do_not_alert,
    }
    .encode_to_vec()
    .into()
}

pub(super) fn decode(bytes: &Bytes) -> Result<(Bytes, Outline), Reason> {
    let wire = pb::KeptDraft::decode(bytes.clone()).map_err(|_| Reason::Malformed)?;
    if wire.recipients.len() > RECIPIENTS_MAX {
        return Err(Reason::Malformed);
    }
    let recipients = wire
        .recipients
        .iter()
        .map(|recipient| authority(recipient))
        .collect::<Result<_, _>>()?;
    let outline = Outline {
        kind: coded(wire.kind, Kind::from_number).ok_or(Reason::Malformed)?,
        status: coded(wire.status, Status::from_number).ok_or(Reason::Malformed)?,
        priority: coded(wire.priority, Priority::from_number).ok_or(Reason::Malformed)?,
        recipients,
        created_by: wire.created_by,
        why: wire.release_rule,
        do_not_alert: wire.do_not_alert,
    };
    Ok((wire.draft.into(), outline))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn outline()(
            kind in prop::sample::select(Kind::ALL),
            status in prop::sample::select(Status::ALL),
            priority in prop::sample::select(Priority::ALL),
            recipients in prop::collection::vec("[A-Z]{2}-[A-Z0-9]{1,13}", 0..9),
            created_by in "[!-~]{1,40}",
            why in "[ -~]{0,40}",
            do_not_alert: bool,
        ) -> Outline {
            Outline {
                kind,
                status,
                priority,
                recipients: recipients.iter().map(|id| id.parse().unwrap()).collect(),
                created_by,
                why,
                do_not_alert,
            }
        }
    }

    proptest! {
        #[test]
        fn a_kept_draft_comes_back_as_it_was(
            draft in prop::collection::vec(any::<u8>(), 0..99),
            outline in outline(),
        ) {
            let kept = encode(&draft, &outline);
            prop_assert_eq!(decode(&kept), Ok((Bytes::from(draft), outline)));
        }

        #[test]
        fn other_bytes_are_refused_or_read_and_never_a_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes.into());
        }
    }

    #[test]
    fn what_names_no_kind_or_no_authority_is_refused() {
        let legal = Outline {
            kind: Kind::Recall,
            status: Status::Actual,
            priority: Priority::Flash,
            recipients: vec!["XB-POL".parse().unwrap()],
            created_by: "XA-POL/officer-1".to_owned(),
            why: String::new(),
            do_not_alert: false,
        };
        let wire = pb::KeptDraft::decode(encode(b"", &legal)).unwrap();
        for change in [
            |it: &mut pb::KeptDraft| it.kind = 0,
            |it: &mut pb::KeptDraft| it.status = 99,
            |it: &mut pb::KeptDraft| it.priority = -1,
            |it: &mut pb::KeptDraft| it.recipients = vec!["xb".to_owned()],
            |it: &mut pb::KeptDraft| it.recipients = vec!["XB-POL".to_owned(); RECIPIENTS_MAX + 1],
        ] {
            let mut changed = wire.clone();
            change(&mut changed);
            let bytes = changed.encode_to_vec().into();
            assert_eq!(decode(&bytes), Err(Reason::Malformed));
        }
    }
}
