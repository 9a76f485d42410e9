//! Keys and membership change while nodes run: on real files and real sockets, with partners good and turned.
//!
//! ```text
//!                     the federation ──bundle──> XA-POL's folder, sometimes XB-POL's
//!  XA-POL ==exchange==> XB-POL, the victim <--desk-- ops, auditor
//!         ==Directory==
//!  mirror (an XC-M..: real certificate, real greeting, any directory) ==Directory==> XB-POL
//! ```
//!
//! [`reload`]: what a node takes from its files, and what it refuses. [`revocation`]: who is shut out, in both
//! directions. [`passing_on`]: newer directories go from node to node. [`attacks`]: what a partner may try with one.
//! [`succession`]: a CA gives way to another.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "../common/intruder.rs"]
mod intruder;
#[path = "../common/realm.rs"]
mod realm;
// What an intruder sends.
#[path = "../common/forge.rs"]
mod forge;

#[path = "../common/process.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
mod process;

mod attacks;
mod mirror;
mod offer;
mod passing_on;
mod reload;
mod revocation;
mod succession;

use std::time::Duration;

use allpoints::proto::desk::v1 as pb;
use realm::Realm;

/// A whole node that has what the federation publishes.
const KEEPER: &str = "XA-POL";
/// The node that is looked at.
const VICTIM: &str = "XB-POL";

/// Asks again until the answer is as wanted, for at most a minute: what is published holds within that time.
async fn within_a_minute<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

/// Waits until a node has this version of the directory in force.
async fn holds(realm: &Realm, id: &str, version: u64) {
    within_a_minute(&format!("{id} holds version {version}"), || async {
        (realm.status(id).await.directory_version == version).then_some(())
    })
    .await;
}

/// One of the parts that a node reads anew.
fn part(status: &pb::StatusResponse, what: &str) -> pb::Loaded {
    let part = status.loaded.iter().find(|it| it.what == what);
    part.expect("a part of this name").clone()
}
