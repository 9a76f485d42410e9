//! What follows from a result and its receipt, as a table.

use super::*;
use crate::delivery::testing::named;

fn said(refused: Option<Reason>, tried_alone: bool) -> Said {
    Said {
        sent: Sent {
            ordinal: 1,
            statement: named("XA", 1),
            leaf: LeafHash([1; 32]),
        },
        refused,
        tried_alone,
    }
}

#[test]
fn only_a_receipt_settles_and_a_retry_never_does() {
    use Reason::{
        BadSignature, ClockSkew, FrameBroken, NotAddressed, PeerSuspended, UnsupportedVersion,
    };
    let held = Some(Verdict::Held);
    let refused = |reason| Some(Verdict::Refused(reason));
    let table = [
        (said(None, false), held, (Next::Settled, None)),
        (
            said(None, false),
            None,
            (Next::Retry(Reason::ForgedReceipt), None),
        ),
        (
            said(Some(NotAddressed), false),
            refused(NotAddressed),
            (Next::Settled, None),
        ),
        (
            said(Some(UnsupportedVersion), false),
            refused(UnsupportedVersion),
            (Next::Settled, None),
        ),
        (
            said(Some(ClockSkew), false),
            None,
            (Next::Retry(ClockSkew), None),
        ),
        (
            said(Some(ClockSkew), true),
            None,
            (Next::Retry(ClockSkew), None),
        ),
        (
            said(Some(PeerSuspended), false),
            None,
            (Next::Settled, Some(PeerSuspended)),
        ),
        (
            said(Some(BadSignature), false),
            None,
            (Next::Alone(BadSignature), None),
        ),
        (
            said(Some(BadSignature), true),
            None,
            (Next::Settled, Some(BadSignature)),
        ),
        (
            said(Some(FrameBroken), true),
            None,
            (Next::Alone(FrameBroken), None),
        ),
    ];
    for (said, verdict, expected) in table {
        assert_eq!(decide(&said, verdict), expected, "{said:?} {verdict:?}");
    }
}

#[test]
fn a_result_over_other_bytes_says_nothing() {
    let sent = said(None, false).sent;
    let result = |leaf: u8| StatementOutcome {
        leaf: LeafHash([leaf; 32]),
        refused: None,
    };
    let matched = |results: &[StatementOutcome]| match_up(vec![(sent, false)], results)[0].refused;
    assert_eq!(matched(&[result(1)]), None);
    assert_eq!(matched(&[result(2)]), Some(Reason::FrameBroken));
    assert_eq!(matched(&[]), Some(Reason::FrameBroken));
}
