//! A real node whose exchange port is abused, frame by frame, while an honest partner goes on: rows 52 to 59.
//!
//! ```text
//!  XA-POL (hands) --alerts, one after another--> XB-POL (a process) <--attack-- XC-POL (hands, or nobody at all)
//! ```
//!
//! Each test verifies that the attacker is put out by name, that the node's memory stays within its bound, and that
//! every alert of the partner gets its receipt. What it costs the partner in time is measured by `examples/attack.rs`:
//! here the tests share their processors with each other.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "common/attacks.rs"]
mod attacks;
#[path = "common/fleet.rs"]
mod fleet;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/raw.rs"]
mod raw;
#[path = "common/siege.rs"]
mod siege;

use std::{path::Path, sync::Arc, time::Duration};

use allpoints::domain::{
    limits::{
        FIRST_CALL_TIMEOUT, GREETING_TIMEOUT, HANDSHAKE_LINES_MAX, HANDSHAKE_TIMEOUT,
        HTTP2_UNIT_TIMEOUT, QUOTA_CONNECTIONS,
    },
    reason::Reason,
};
use attacks::{Attack, Spoils};
use raw::{Ears, HEADERS, Heard, PING, Raw, frame};
use siege::{MEMORY_MAX_BYTES, Siege};
use tokio::time::Instant;

/// RFC 9113, 7: the peer is asking for too much.
const ENHANCE_YOUR_CALM: u32 = 11;

const BRIEF: Duration = Duration::from_secs(2);

/// Lays a siege, and tells its story.
fn story(tell: impl AsyncFnOnce(Siege)) {
    story_with(|text| text, tell);
}

fn story_with(configure: impl FnOnce(String) -> String, tell: impl AsyncFnOnce(Siege)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let program = Path::new(env!("CARGO_BIN_EXE_allpoints"));
    runtime.block_on(async {
        let siege = Siege::laid(program, configure).expect("a node under siege");
        tell(siege).await;
    });
}

/// Attacks for a while, and sees that the partner is served and the memory stays.
async fn withstands(siege: &Siege, attack: Attack) -> Spoils {
    let quiet = siege
        .quiet(Duration::from_millis(500))
        .await
        .expect("quiet");
    let (span, spoils) = siege.under(attack, 4, BRIEF).await.expect("an attack");
    let told = format!("{attack:?}: quiet {quiet:?}, under attack {span:?}, {spoils:?}");
    assert!(spoils.connections > 0 && quiet.receipts > 0, "{told}");
    assert_eq!(span.failed, 0, "{told}");
    assert!(span.receipts >= quiet.receipts, "{told}");
    let taken = span.memory_bytes.saturating_sub(quiet.memory_bytes);
    assert!(taken <= MEMORY_MAX_BYTES, "{told}");
    spoils
}

#[test]
fn t52_rapid_resets_end_the_connection_and_are_journaled() {
    story(async |siege| {
        let spoils = withstands(&siege, Attack::RapidReset).await;
        let calm = spoils.given_up.get(&ENHANCE_YOUR_CALM);
        assert!(calm.is_some_and(|count| *count > 0), "{spoils:?}");
        siege
            .until_journaled(Reason::ConnectionBroken.name())
            .await
            .expect("an entry");
        siege
            .journaled_only(&[Reason::ConnectionBroken])
            .await
            .expect("nothing else");
        siege.foe_is_served().await.expect("once it behaves");
    });
}

#[test]
fn t53_header_blocks_without_end_or_measure_end_the_connection() {
    story(async |siege| {
        let spoils = withstands(&siege, Attack::Continuation).await;
        let calm = spoils.given_up.get(&ENHANCE_YOUR_CALM);
        assert!(calm.is_some_and(|count| *count > 0), "{spoils:?}");
        siege
            .until_journaled(Reason::ConnectionBroken.name())
            .await
            .expect("an entry");
        withstands(&siege, Attack::Bomb).await;
        siege
            .journaled_only(&[Reason::ConnectionBroken])
            .await
            .expect("nothing else");
        siege.foe_is_served().await.expect("once it behaves");
    });
}

#[test]
fn t54_floods_of_small_frames_are_read_slowly_or_end_the_connection() {
    story(async |siege| {
        for attack in [
            Attack::TinyData,
            Attack::EmptyData,
            Attack::Settings,
            Attack::Pings,
            Attack::DeafPings,
            Attack::Trifles,
        ] {
            withstands(&siege, attack).await;
        }
        siege.foe_is_served().await.expect("once it behaves");
    });
}

#[test]
fn t55_silent_and_dribbling_callers_are_put_out_and_hold_up_nobody() {
    story(async |siege| {
        for attack in [Attack::SilentTcp, Attack::Dribble] {
            withstands(&siege, attack).await;
        }
        // One that waits is put out by the deadline.
        let begun = Instant::now();
        let mut silent = raw::silent(siege.address(), [127, 0, 9, 9], 1, &[0x16]).await;
        let silent = silent.first_mut().expect("connected");
        let mut end = [0; 1];
        let read = tokio::io::AsyncReadExt::read(silent, &mut end);
        let limit = HANDSHAKE_TIMEOUT + Duration::from_secs(2);
        let read = tokio::time::timeout(limit, read).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
        assert!(begun.elapsed() + Duration::from_millis(100) >= HANDSHAKE_TIMEOUT);
    });
}

/// The node has a deadline for each thing that a peer begins: h2 and hyper have none.
#[test]
fn t56_what_is_begun_and_never_ended_is_put_out_within_its_deadline() {
    let half_block = || frame(HEADERS, 0, 1, &raw::call());
    let half_frame = || frame(PING, 0, 0, &[0; 8])[..12].to_vec();
    let leeway = Duration::from_secs(4);
    story(async |siege| {
        let tls = || siege.foe.tls_towards(siege.victim()).expect("TLS");
        let put_out_within = async |first: Vec<u8>, greets: bool, limit: Duration| {
            let open = match greets {
                true => Raw::greeted(siege.address(), tls(), Ears::Open).await,
                false => Raw::open(siege.address(), tls(), Ears::Open).await,
            };
            let mut raw = open.expect("let in");
            raw.write(&first).await.expect("sent");
            let begun = Instant::now();
            let heard = raw.closed_within(limit + leeway).await;
            assert!(heard.closed, "still open after {:?}", begun.elapsed());
        };
        tokio::join!(
            put_out_within(half_block(), true, HTTP2_UNIT_TIMEOUT),
            put_out_within(half_frame(), true, HTTP2_UNIT_TIMEOUT),
            put_out_within(raw::PREFACE[..9].to_vec(), false, HTTP2_UNIT_TIMEOUT),
            put_out_within(vec![], false, FIRST_CALL_TIMEOUT),
            put_out_within(vec![], true, FIRST_CALL_TIMEOUT),
        );
        siege
            .until_journaled(Reason::ConnectionBroken.name())
            .await
            .expect("an entry");
        // A call that never greets is refused by its own deadline, and its connection stays.
        let mut raw = Raw::greeted(siege.address(), tls(), Ears::Open)
            .await
            .expect("let in");
        raw.write(&attacks::begun(1)).await.expect("sent");
        tokio::time::sleep(GREETING_TIMEOUT + Duration::from_secs(1)).await;
        let heard = raw.heard();
        assert_eq!(
            (heard.answered >= 1, heard.closed),
            (true, false),
            "{heard:?}"
        );
        siege
            .until_journaled(Reason::GreetingTimeout.name())
            .await
            .expect("an entry");
        siege
            .journaled_only(&[Reason::ConnectionBroken, Reason::GreetingTimeout])
            .await
            .expect("nothing else");
        siege.foe_is_served().await.expect("once it behaves");
    });
}

/// Verifies that a peer who keeps to the rules, and only says little, is not put out.
#[test]
fn t56_a_slow_call_that_goes_on_is_let_be() {
    story(async |siege| {
        let tls = siege.foe.tls_towards(siege.victim()).expect("TLS");
        let mut raw = Raw::greeted(siege.address(), tls, Ears::Open)
            .await
            .expect("let in");
        // Its header block comes in two halves, eight seconds apart.
        let block = raw::call();
        let (first, rest) = block.split_at(20);
        raw.write(&frame(HEADERS, 0, 1, first)).await.expect("sent");
        tokio::time::sleep(HTTP2_UNIT_TIMEOUT - Duration::from_secs(2)).await;
        let rest = frame(raw::CONTINUATION, raw::END_HEADERS, 1, rest);
        raw.write(&rest).await.expect("sent");
        tokio::time::sleep(Duration::from_secs(4)).await;
        let heard = raw.heard();
        assert_eq!(
            heard,
            Heard {
                answered: heard.answered,
                ..Heard::default()
            }
        );
    });
}

/// Verifies that a node without descriptors pauses, goes on with whom it has, and lets others in as soon as it can.
#[test]
fn t58_descriptors_that_run_out_hold_up_nobody_who_is_there() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    story(async |siege| {
        siege
            .quiet(Duration::from_millis(300))
            .await
            .expect("quiet");
        let id = siege.process_id().expect("it runs");
        let open = || {
            let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).expect("they are listed");
            u64::try_from(descriptors.count()).expect("a number")
        };
        let few = open() + 24;
        let limit = Rlimit {
            current: Some(few),
            maximum: Some(few),
        };
        let process = i32::try_from(id).ok().and_then(Pid::from_raw);
        prlimit(process, Resource::Nofile, limit).expect("limited");
        let held = raw::silent(siege.address(), [127, 0, 2, 1], 60, &[]).await;
        assert!(open() >= few, "{} of {few} descriptors", open());
        let span = siege.quiet(BRIEF).await.expect("a span");
        assert_eq!((span.receipts > 0, span.failed), (true, 0), "{span:?}");
        drop(held);
        // All who were silent are gone by the handshake's deadline; then anybody may come again.
        let begun = Instant::now();
        while siege.foe_is_served().await.is_err() {
            assert!(begun.elapsed() < HANDSHAKE_TIMEOUT * 3, "nobody is let in");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Operators hear of it: each pause is counted, and some of them are told in the log.
        let pauses = siege.figure("allpoints_accept_pauses_total{listener=\"exchange\"} ");
        let pauses = pauses.await.expect("a figure");
        assert!(pauses > 0, "counted");
        let log = siege.log();
        let told = log.matches("no connection can be accepted").count();
        let told = u64::try_from(told).expect("a number");
        let most = u64::from(HANDSHAKE_LINES_MAX);
        assert!(told > 0 && told <= most.min(pauses), "{told} of {pauses}");
        assert!(log.contains("Too many open files"), "{log}");
    });
}

#[test]
fn t58_handshakes_as_fast_as_they_go_hold_up_nobody() {
    story(async |siege| {
        withstands(&siege, Attack::Handshakes).await;
    });
}

#[test]
fn t59_connections_beyond_the_quota_are_refused_and_journaled() {
    story(async |siege| {
        let tls = siege.foe.tls_towards(siege.victim()).expect("TLS");
        let open = async || {
            let raw = Raw::greeted(siege.address(), Arc::clone(&tls), Ears::Open).await;
            let mut raw = raw.expect("TLS");
            raw.write(&attacks::begun(1)).await.expect("sent");
            raw
        };
        let mut within = Vec::new();
        for _ in 0..QUOTA_CONNECTIONS {
            within.push(open().await);
        }
        // It may be closed before it has said anything.
        let one_more = Raw::open(siege.address(), Arc::clone(&tls), Ears::Open).await;
        if let Ok(mut one_more) = one_more {
            let heard = one_more.closed_within(Duration::from_secs(2)).await;
            assert!(heard.closed, "one too many");
        }
        for raw in &within {
            assert!(!raw.heard().closed, "those within the quota stay");
        }
        siege
            .until_journaled(Reason::Quota.name())
            .await
            .expect("an entry");
        let entries = siege.journal().await.expect("a journal");
        assert_eq!(entries, ["refused-input QUOTA"], "one for the one");
        let span = siege
            .quiet(Duration::from_millis(500))
            .await
            .expect("a span");
        assert_eq!((span.receipts > 0, span.failed), (true, 0), "{span:?}");
        drop(within);
        // The places are free again as soon as the node has noticed.
        let begun = Instant::now();
        while siege.foe_is_served().await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(5), "still refused");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn t59_statements_beyond_the_quota_are_told_so_and_others_flow() {
    let small = |text: String| {
        text.replace(
            "statements_per_second = 200000",
            "statements_per_second = 20",
        )
    };
    story_with(small, async |siege| {
        let victim = siege.victim();
        let batch = |count: usize| {
            let alerts = (0..count).map(|_| siege.foe.alert(&[victim]).expect("an alert"));
            let documents: Vec<_> = alerts.map(|alert| siege.foe.document(&alert)).collect();
            siege.foe.sign(&documents)
        };
        let mut errand = siege.foe.dial(victim).await.expect("let in");
        // A frame that is let in is let in whole; the next one waits for what this one went over.
        let (results, receipts) = errand.hand_over(batch(60)).await.expect("results");
        assert!(results.iter().all(|result| result.refused.is_none()));
        assert_eq!(receipts.len(), 1);
        let flood = batch(3);
        let (results, receipts) = errand.hand_over(flood.clone()).await.expect("results");
        let refused: Vec<_> = results.iter().map(|result| result.refused).collect();
        assert_eq!(refused, [Some(Reason::Quota); 3]);
        assert!(receipts.is_empty());
        siege
            .until_journaled(Reason::Quota.name())
            .await
            .expect("an entry");
        let entries = siege.journal().await.expect("a journal");
        let mut expected = vec!["received "; 60];
        expected.push("refused-input QUOTA");
        assert_eq!(entries, expected, "one for the frame");
        // The same statements come again more slowly, and are held.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let (results, receipts) = errand.hand_over(flood).await.expect("results");
        assert!(
            results.iter().all(|result| result.refused.is_none()),
            "{results:?}"
        );
        assert_eq!(receipts.len(), 1);
    });
}
