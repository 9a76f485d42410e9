//! Rows 24 to 26, 31, 33, 35 from the sender's side: what a partner says of our statements, and what we believe.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use allpoints::{
    domain::{
        id::MessageId,
        reason::Reason,
        receipt::{LeafHash, Receipt, Verdict},
    },
    proto::{
        desk::v1::DeliveryState::{self, Delivered, Held, Queued, Refused, Sent},
        envelope::v1::{SignedBatch, StatementRef},
    },
    trust::pae::DocumentType,
    wire,
};
use tonic::Code;

use crate::{
    SENDER,
    forge::Partner,
    impostor::{Answer, Impostor},
    in_realm,
    realm::Realm,
};

/// XA-POL's link to one partner that is not what it seems.
struct Link {
    realm: Arc<Realm>,
    to: &'static str,
    impostor: Impostor,
}

impl Link {
    async fn to(realm: &Arc<Realm>, to: &'static str) -> Self {
        let impostor = Impostor::at(realm, to).await;
        realm.dials_now(SENDER).await;
        Self {
            realm: Arc::clone(realm),
            to,
            impostor,
        }
    }

    async fn sends(&self, count: usize) -> Vec<StatementRef> {
        self.realm.sends(SENDER, self.to, count).await
    }

    async fn until(&self, statement: &StatementRef, state: DeliveryState, reason: &str) {
        self.realm
            .until_delivery(SENDER, self.to, statement, (state, reason))
            .await;
    }

    /// Waits until the partner has been asked that often more, and the statement still waits for its receipt.
    async fn still_waits_after(&self, statement: &StatementRef, times: usize) {
        let wanted = self.impostor.times_heard() + times;
        for _ in 0..600 {
            let (state, _) = self.realm.delivery(SENDER, self.to, statement).await;
            assert!(matches!(state, Queued | Sent), "{state:?}");
            if self.impostor.times_heard() >= wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it was not asked again");
    }

    async fn sender_wrote(&self, entries: &[&str]) {
        assert_eq!(self.realm.journal(SENDER, self.to).await, entries);
    }
}

type Forgery = fn(&Partner, Receipt) -> Vec<SignedBatch>;

/// Signed as it should be, with something else in it.
fn changed(me: &Partner, receipt: Receipt, change: impl FnOnce(&mut Receipt)) -> Vec<SignedBatch> {
    let mut receipt = receipt;
    change(&mut receipt);
    vec![me.signs_receipt(&receipt)]
}

const FORGERIES: [(&str, Forgery); 8] = [
    ("for another message", |me, receipt| {
        changed(me, receipt, |it| {
            it.message = MessageId::from_parts(1_795_000_000_000, [9; 10]);
        })
    }),
    ("over other bytes", |me, receipt| {
        changed(me, receipt, |it| it.leaf = LeafHash([9; 32]))
    }),
    ("to another sender", |me, receipt| {
        changed(me, receipt, |it| it.sender = me.authority())
    }),
    ("by another recipient", |me, receipt| {
        changed(me, receipt, |it| it.recipient = it.sender)
    }),
    ("of another federation", |me, receipt| {
        changed(me, receipt, |it| it.federation = "elsewhere".to_owned())
    }),
    ("with a verdict that is none", |me, receipt| {
        changed(me, receipt, |it| {
            it.verdict = Verdict::Refused(Reason::Overloaded);
        })
    }),
    ("under the key for statements", |me, receipt| {
        let documents = vec![wire::encode_receipt(&receipt).to_vec()];
        let header = me.header(DocumentType::Receipt, &documents);
        vec![me.seal(&header, &me.statement_key(), documents).0]
    }),
    ("in another purpose's header", |me, receipt| {
        let documents = vec![wire::encode_receipt(&receipt).to_vec()];
        let header = me.header(DocumentType::Statement, &documents);
        vec![me.seal(&header, &me.statement_key(), documents).0]
    }),
];

#[test]
fn t24_a_forged_receipt_is_ignored_told_and_the_statement_stays_pending() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T24").await;
        let mut entries = Vec::new();
        for (what, forgery) in FORGERIES {
            link.impostor.receipts(forgery);
            let sent = link.sends(1).await.remove(0);
            link.still_waits_after(&sent, 2).await;
            entries.push("incident FORGED_RECEIPT");
            assert_eq!(realm.journal(SENDER, "XC-T24").await, entries, "{what}");
            let written = realm.entries(SENDER, "XC-T24").await;
            let incident = written.last().expect("an incident");
            assert_eq!(incident.statement.as_ref(), Some(&sent), "{what}");
            link.impostor.is_honest();
            link.until(&sent, Delivered, "").await;
            entries.push("receipt-stored");
        }
        // Held, it says, and gives nothing that proves it.
        link.impostor.answers(|_| Answer::Bare(None));
        let sent = link.sends(1).await.remove(0);
        link.still_waits_after(&sent, 2).await;
        link.impostor.is_honest();
        link.until(&sent, Delivered, "").await;
        entries.push("receipt-stored");
        link.sender_wrote(&entries).await;
        let alarms = realm.status(SENDER).await.alarms;
        let forged = |alarm: &&String| alarm.starts_with("FORGED_RECEIPT by XC-T24 at ");
        assert_eq!(alarms.iter().filter(forged).count(), FORGERIES.len());
    });
}

#[test]
fn t25_a_statement_refused_for_the_clock_is_kept_and_sent_again() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T25S").await;
        let skewed = || Answer::Bare(Some(Reason::ClockSkew));
        link.impostor.answers(move |_| skewed());
        let sent = link.sends(1).await.remove(0);
        link.still_waits_after(&sent, 2).await;
        link.impostor.is_honest();
        link.until(&sent, Delivered, "").await;
        link.sender_wrote(&["incident CLOCK_SKEW", "receipt-stored"])
            .await;
        realm.alarms(SENDER, "CLOCK_SKEW by XC-T25S").await;
    });
}

#[test]
fn t26_what_came_too_late_is_shown_as_refused() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T26S").await;
        let expired = Verdict::Refused(Reason::Expired);
        link.impostor.answers(move |_| Answer::Verdict(expired));
        let late = link.sends(1).await.remove(0);
        link.until(&late, Refused, "EXPIRED").await;
        link.impostor.is_honest();
        let next = link.sends(1).await.remove(0);
        link.until(&next, Delivered, "").await;
        link.until(&late, Refused, "EXPIRED").await;
        link.sender_wrote(&["receipt-stored EXPIRED", "receipt-stored"])
            .await;
    });
}

#[test]
fn t31_what_a_partner_does_not_know_yet_is_held_until_a_person_acts() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T31S").await;
        let unknown = Reason::UnsupportedVersion;
        link.impostor
            .answers(move |_| Answer::Verdict(Verdict::Refused(unknown)));
        let signed = link.sends(1).await.remove(0);
        link.until(&signed, Held, "UNSUPPORTED_VERSION").await;
        link.impostor.answers(move |_| Answer::Bare(Some(unknown)));
        let unsigned = link.sends(1).await.remove(0);
        link.until(&unsigned, Held, "UNSUPPORTED_VERSION").await;
        link.impostor.is_honest();
        let next = link.sends(1).await.remove(0);
        link.until(&next, Delivered, "").await;
        for held in [&signed, &unsigned] {
            link.until(held, Held, "UNSUPPORTED_VERSION").await;
        }
        // A person acts: to each it goes on, once.
        assert_eq!(realm.resumes(SENDER, &signed, &["XC-T31S"]).await, Ok(()));
        assert_eq!(realm.resumes(SENDER, &unsigned, &[]).await, Ok(()));
        for resumed in [&signed, &unsigned] {
            link.until(resumed, Delivered, "").await;
            let again = realm.resumes(SENDER, resumed, &[]).await;
            assert_eq!(again, Err(Code::NotFound), "nothing is held any more");
        }
        let mut entries = realm.journal(SENDER, "XC-T31S").await;
        let resumed = entries.split_off(3);
        let held = "delivery-held UNSUPPORTED_VERSION";
        let stored = "receipt-stored UNSUPPORTED_VERSION";
        assert_eq!(entries, [stored, held, "receipt-stored"]);
        // Both may be let go on before either is delivered.
        let count = |line: &str| resumed.iter().filter(|it| *it == line).count();
        assert_eq!((count("delivery-resumed"), count("receipt-stored")), (2, 2));
        assert_eq!(resumed.len(), 4, "{resumed:?}");
    });
}

#[test]
fn t33_one_that_is_always_refused_holds_up_no_other() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T33").await;
        let first = AtomicUsize::new(0);
        link.impostor
            .answers(move |_| match first.fetch_add(1, Ordering::SeqCst) {
                0 => Answer::Verdict(Verdict::Refused(Reason::Malformed)),
                _ => Answer::Verdict(Verdict::Held),
            });
        let refused = link.sends(1).await.remove(0);
        link.until(&refused, Refused, "MALFORMED").await;
        for later in link.sends(5).await {
            link.until(&later, Delivered, "").await;
        }
        link.until(&refused, Refused, "MALFORMED").await;
        assert_eq!(
            link.impostor.times_heard(),
            6,
            "a final word is not asked again"
        );
        // Without a signature that word is not final: a person must look.
        link.impostor
            .answers(|_| Answer::Bare(Some(Reason::Malformed)));
        let unsigned = link.sends(1).await.remove(0);
        link.until(&unsigned, Held, "MALFORMED").await;
        let mut entries = vec!["receipt-stored MALFORMED"];
        entries.extend(["receipt-stored"; 5]);
        entries.push("delivery-held MALFORMED");
        link.sender_wrote(&entries).await;
    });
}

#[test]
fn t33_a_retry_reason_never_becomes_final_by_counting() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T33B").await;
        link.impostor
            .answers(|_| Answer::Bare(Some(Reason::Overloaded)));
        let sent = link.sends(1).await.remove(0);
        link.still_waits_after(&sent, 4).await;
        link.impostor.is_honest();
        link.until(&sent, Delivered, "").await;
        link.sender_wrote(&["receipt-stored"]).await;
    });
}

#[test]
fn t35_without_an_acknowledgement_it_is_sent_again_as_it_was() {
    in_realm(async |realm| {
        let link = Link::to(&realm, "XC-T35S").await;
        let heard = AtomicUsize::new(0);
        link.impostor
            .answers(move |_| match heard.fetch_add(1, Ordering::SeqCst) {
                0 => Answer::HangUp,
                _ => Answer::Verdict(Verdict::Held),
            });
        let sent = link.sends(1).await.remove(0);
        link.until(&sent, Delivered, "").await;
        let heard = link.impostor.heard();
        assert!(
            matches!(heard.as_slice(), [(_, times)] if *times >= 2),
            "the same bytes again: {heard:?}"
        );
        link.sender_wrote(&["receipt-stored"]).await;
    });
}
