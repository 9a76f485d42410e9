//! Row 41: a partner that is slow, or hangs, and what the others notice of it: nothing.
//!
//! ```text
//!  officer --desk--> XA-POL ==> XB-POL                    each alert, until it is delivered
//!                           ==> XC-T41 (an impostor that takes frames and never answers)
//!                           ==> XC-T41TCP (takes connections, and says nothing at all)
//! ```

use std::time::Duration;

use allpoints::{
    proto::desk::v1::{self as pb, DeliveryState},
    trust::tls::Role,
};
use tokio::{net::TcpListener, sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    SENDER, VICTIM,
    impostor::{Answer, Impostor},
    in_realm,
    realm::Realm,
};

/// Alerts that are timed, one after another.
const TIMED: usize = 100;
/// Alerts that wait for each partner that hangs.
const BACKLOG: usize = 250;

/// The least of three: what else the machine does can only make it longer.
async fn delivering_takes(realm: &Realm) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        least = least.min(delivering_took(realm).await);
    }
    least
}

/// How long the alerts to the victim take, one after another, each until it is under its receipt.
async fn delivering_took(realm: &Realm) -> Duration {
    let mut desk = realm.desk(SENDER, Role::Officer).await;
    let (say, drafts) = mpsc::channel(1);
    let mut answers = desk
        .submit_stream(ReceiverStream::new(drafts))
        .await
        .expect("a stream")
        .into_inner();
    let begun = Instant::now();
    for _ in 0..TIMED {
        let request = pb::SubmitStreamRequest {
            drafts: vec![realm.draft(VICTIM)],
            report_settled: true,
        };
        say.send(request).await.expect("it listens");
        loop {
            let answer = answers.message().await.expect("it answers");
            let answer = answer.expect("it goes on");
            assert!(answer.refused.is_empty(), "{answer:?}");
            if !answer.settled.is_empty() {
                break;
            }
        }
    }
    begun.elapsed()
}

#[test]
fn t41_a_partner_that_hangs_slows_no_other() {
    in_realm(async |realm| {
        let _listens = TcpListener::bind(realm.exchange_of("XC-T41TCP"))
            .await
            .expect("its port");
        let hangs = Impostor::at(&realm, "XC-T41").await;
        hangs.answers(|_| Answer::Silence);
        let quiet = delivering_takes(&realm).await;
        let mut waiting = Vec::new();
        for partner in ["XC-T41", "XC-T41TCP"] {
            waiting.push((
                partner,
                realm.sends(SENDER, partner, BACKLOG).await.remove(0),
            ));
        }
        realm.dials_now(SENDER).await;
        while hangs.times_heard() == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let beside = delivering_takes(&realm).await;
        assert!(beside <= quiet * 2, "{quiet:?} became {beside:?}");
        for (partner, sent) in &waiting {
            let (state, _) = realm.delivery(SENDER, partner, sent).await;
            let waits = matches!(state, DeliveryState::Queued | DeliveryState::Sent);
            assert!(waits, "{partner} still hangs: {state:?}");
        }
    });
}
