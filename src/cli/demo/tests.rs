use prost::Message as _;

use super::*;
use crate::domain::time::Timestamp;
use crate::proto::{
    envelope::v1::{SignedBatch, SignedItem, Status},
    evidence::v1::{Export, Statement},
};

#[test]
fn a_demo_that_checked_nothing_or_saw_something_else_does_not_hold() {
    let mut report = DemoReport::default();
    assert!(!report.holds());
    assert_eq!(report.failed(), ["nothing was checked"]);
    report.check(Promise::Told, "first", "yes", "yes");
    assert!(report.holds() && report.failed().is_empty());
    report.check(Promise::Kept, "second", "yes", "no");
    assert!(!report.holds());
    assert_eq!(report.failed(), ["second"]);
}

#[test]
fn every_example_is_a_draft_to_whom_it_is_sent_and_marked_as_exercise() {
    let now = Timestamp::from_micros(1_900_000_000_000_000);
    for example in plan::Example::ALL {
        let draft = example.reply("XA-POL/x", &["XB-POL"], now).unwrap();
        assert_eq!(draft.to, ["XB-POL"]);
        assert_eq!(draft.in_reply_to, "XA-POL/x");
        assert_eq!(draft.status(), Status::Exercise, "{example:?}");
        let basis = draft.payload.unwrap().basis;
        assert!(basis.is_none_or(|basis| basis.valid_until.as_str() > "2030-03-17"));
    }
}

#[test]
fn the_summary_shows_what_was_expected_only_where_it_failed() {
    let mut report = DemoReport::default();
    report.check(Promise::Told, "a hit comes back", "hit", "hit");
    report.check(Promise::Kept, "nothing is lost", "40 of 40", "39 of 40");
    let shown = table::summary(&report);
    assert!(
        shown.contains("FAILED") && shown.contains("expected  40 of 40"),
        "{shown}"
    );
    assert!(shown.contains("1 of 2 checks FAILED"), "{shown}");
    assert!(!shown.contains("expected  hit"), "{shown}");
}

#[test]
fn sabotage_changes_exactly_the_receipt_or_the_signature() {
    let batch = |document: &'static [u8]| SignedBatch {
        header: bytes::Bytes::from_static(b"header"),
        signature: bytes::Bytes::from_static(b"signature"),
        items: vec![SignedItem {
            document: bytes::Bytes::from_static(document),
            ..SignedItem::default()
        }],
    };
    let export = Export {
        statements: vec![Statement {
            batch: Some(batch(b"statement")),
            receipts: vec![batch(b"receipt")],
        }],
        ..Export::default()
    };
    let damaged = |fault| {
        let bytes = sabotage::damage_evidence(&export.encode_to_vec(), fault).unwrap();
        Export::decode(bytes.as_slice())
            .unwrap()
            .statements
            .remove(0)
    };
    let receipt = damaged(Sabotage::Receipt);
    assert_eq!(receipt.batch, export.statements[0].batch);
    assert_ne!(receipt.receipts, export.statements[0].receipts);
    let signature = damaged(Sabotage::Signature);
    assert_ne!(signature.batch, export.statements[0].batch);
    assert_eq!(signature.receipts, export.statements[0].receipts);
    assert!(sabotage::damage_evidence(&[], Sabotage::Receipt).is_err());
}

#[test]
fn nothing_is_left_behind_even_when_dropped_in_the_middle() {
    let net = Net::prepare(None).unwrap();
    let folder = net.federation_folder().parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(net);
    assert!(!folder.exists());
    assert_eq!(Net::prepare(None).unwrap().end(), "0 processes, no folder");
}
