//! Row 38 on a real full disk: the node's data folder is a small tmpfs.
//!
//! ```text
//!  officer --desk--> XA-POL     its data folder: tmpfs of 230 MiB, of which a filler takes what the test says
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up fails"
)]

#[path = "common/fleet.rs"]
mod fleet;
#[path = "common/skip.rs"]
mod skip;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use allpoints::{
    domain::{reason::Reason, routing::Status, time::Clock as _},
    proto::desk::v1::{Box as ListBox, ListRequest, SubmitRequest},
    wire::{
        generate::{Recipe, drafts},
        status::reason_of,
    },
};
use fleet::{Desk, Fleet};
use skip::skipped;

const XA: usize = 0;
const SIZE: &str = "size=230m,mode=0700";
/// With a segment of 64 MiB leaves too little for the next.
const FILLER_BYTES: usize = 120 << 20;
const DRAFT_BYTES: usize = 7_000;
/// Fits into one message to the desk.
const DRAFTS: usize = 256;

/// A tmpfs, as long as it lives.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None` where that is not allowed.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(at)
            .status();
        let mounted = mounted.is_ok_and(|status| status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes this much, or all that there is.
    fn fill(&self, bytes: usize) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        let block = vec![1; 64 * 1024];
        for _ in 0..bytes / block.len() {
            if file.write_all(&block).is_err() {
                return;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a process that a failing test left may still be in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn desk(fleet: &Fleet) -> Desk {
    fleet.members()[XA].door.open().await.unwrap()
}

async fn submit(fleet: &Fleet, seed: u64) -> Result<usize, tonic::Status> {
    let recipe = Recipe {
        seed,
        to: vec!["XB-POL".to_owned()],
        status: Status::Exercise,
        priority: None,
        now: fleet.clock().now(),
        payload_bytes: Some(DRAFT_BYTES),
    };
    let request = SubmitRequest {
        drafts: drafts(recipe).take(DRAFTS).collect(),
        dry_run: false,
        ..<_>::default()
    };
    let answer = desk(fleet).await.submit(request).await?;
    Ok(answer.into_inner().submitted.len())
}

/// Submits until it is refused; gives how many were accepted.
async fn until_refused(fleet: &Fleet, from: u64) -> (usize, tonic::Status) {
    let mut accepted = 0;
    for seed in from..from + 60 {
        match submit(fleet, seed).await {
            Ok(count) => accepted += count,
            Err(status) => return (accepted, status),
        }
    }
    panic!("never refused: {accepted} accepted");
}

async fn outbox(fleet: &Fleet) -> usize {
    let mut desk = desk(fleet).await;
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let request = ListRequest {
            r#box: ListBox::Out.into(),
            limit: 200,
            cursor,
            ..<_>::default()
        };
        let page = desk.list(request).await.unwrap().into_inner();
        count += page.items.len();
        if page.next_cursor.is_empty() {
            return count;
        }
        cursor = page.next_cursor;
    }
}

fn readyz(fleet: &Fleet) -> String {
    let address = fleet.members()[XA].config.ops.listen;
    let mut socket = TcpStream::connect(address).unwrap();
    let request = "GET /readyz HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Verifies that a full disk refuses what is new with RESOURCE_EXHAUSTED and acknowledges none of it, that reading
/// works, that room which comes back is used, that a node whose disk has not one byte left stops in order, and that
/// everything acknowledged is there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn t38_a_real_full_disk_loses_and_acknowledges_nothing() {
    let program = env!("CARGO_BIN_EXE_allpoints");
    let mut fleet = Fleet::found(program.as_ref(), &["XA-POL", "XB-POL"]).unwrap();
    let folder = fleet.members()[XA].config.store.folder.clone();
    let Some(disk) = Tmpfs::mount(&folder) else {
        return skipped("row 38 on a real tmpfs: mounting is not allowed here");
    };
    fleet.start(XA).unwrap();
    disk.fill(FILLER_BYTES);
    let (mut accepted, refused) = until_refused(&fleet, 1).await;
    assert!(accepted > 0);
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert_eq!(reason_of(&refused), Some(Reason::StoreFull));
    assert_eq!(outbox(&fleet).await, accepted, "nothing of it was kept");
    assert!(readyz(&fleet).ends_with("STORE_FULL\n"));

    disk.free();
    let mut again = Err(refused);
    for _ in 0..100 {
        again = submit(&fleet, 1000).await;
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    accepted += again.expect("room again");
    assert_eq!(outbox(&fleet).await, accepted);
    assert!(readyz(&fleet).ends_with("ready\n"));

    disk.fill(usize::MAX);
    let (more, refused) = until_refused(&fleet, 2000).await;
    accepted += more;
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert_eq!(outbox(&fleet).await, accepted);
    fleet.stop(XA).expect("it stops from its reserve");

    disk.free();
    fleet.start(XA).unwrap();
    assert_eq!(outbox(&fleet).await, accepted, "all that was acknowledged");
    accepted += submit(&fleet, 3000).await.unwrap();
    assert_eq!(outbox(&fleet).await, accepted);
    fleet.stop(XA).unwrap();
}
