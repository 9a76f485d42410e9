use prost::Message as _;

use super::{report::DemoReport, sabotage::Sabotage, *};
use crate::proto::{
    envelope::v1::{SignedBatch, SignedItem},
    evidence::v1::{Export, Statement},
};

#[test]
fn a_demo_that_checked_nothing_or_saw_something_else_does_not_hold() {
    let mut report = DemoReport::default();
    assert!(!report.holds());
    assert_eq!(report.failed(), ["nothing was checked"]);
    report.check("first", "yes", "yes");
    assert!(report.holds() && report.failed().is_empty());
    report.check("second", "yes", "no");
    assert!(!report.holds());
    assert_eq!(report.failed(), ["second"]);
}

#[test]
fn the_demos_own_alert_is_a_draft_to_whom_it_says() {
    let draft = plan::alert(&["XB-POL"]).unwrap();
    assert_eq!(draft.to, ["XB-POL"]);
    assert!(draft.payload.is_some_and(|payload| payload.kind.is_some()));
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
