//! The commit thread's steps, done by a task of a simulated machine.
//!
//! Blocks are taken, put, synced and told by the functions of [`Commit`], in the same order as on its thread; between
//! the steps time passes, in which the machine may die. Segments are prepared and the tree is folded here too.

use std::sync::Arc;

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{sleep, timeout},
};

use super::{
    block::EncodedBlock,
    commit::{Commit, Order},
    group::{GROUP_HEADER_BYTES, GroupKind, SECTOR_BYTES},
    stock::Tried,
};
use crate::{
    domain::limits::{GROUP_MAX_BYTES, SEAL_AFTER, SEGMENT_RETRY},
    store::runs::{Effort, Machine},
};

/// What waits for room when the store is closed is not acknowledged.
const NO_ROOM: &str = "no room for the next segment, and the store is closed";
/// The store has told the cause already.
const UNPREPARED: &str = "the next segment cannot be prepared";

/// Commits until it is told to close, or the machine dies. A store that failed ends its process: the machine dies with it.
pub(super) async fn run(
    mut commit: Commit,
    mut orders: UnboundedReceiver<Order>,
    machine: Arc<Machine>,
) {
    if let Err(reason) = serve(&mut commit, &mut orders, &machine).await {
        commit.shared.fail(&reason);
        machine.die();
    }
}

async fn serve(
    commit: &mut Commit,
    orders: &mut UnboundedReceiver<Order>,
    machine: &Machine,
) -> Result<(), String> {
    let mut closing = false;
    loop {
        if !commit.waiting.contains_key(&commit.next_ticket) {
            let next = if commit.sealed {
                Ok(orders.recv().await)
            } else {
                timeout(SEAL_AFTER, orders.recv()).await
            };
            match next {
                Ok(Some(Order::Close)) => closing = true,
                Ok(Some(order)) => commit.take(order)?,
                // Dropped without closing: as if killed, so without a seal.
                Ok(None) => return Ok(()),
                Err(_) => {
                    write(commit, machine, GroupKind::Seal, Vec::new()).await?;
                    continue;
                }
            }
        }
        while !closing
            && commit.waiting_bytes < GROUP_MAX_BYTES
            && let Ok(order) = orders.try_recv()
        {
            match order {
                Order::Close => closing = true,
                order => commit.take(order)?,
            }
        }
        let blocks = commit.next_group()?;
        if !blocks.is_empty() {
            write(commit, machine, GroupKind::Entries, blocks).await?;
        }
        if closing {
            return close(commit, machine).await;
        }
    }
}

/// Writes what waits, and a seal.
async fn close(commit: &mut Commit, machine: &Machine) -> Result<(), String> {
    while commit.waiting.contains_key(&commit.next_ticket) {
        let blocks = commit.next_group()?;
        write(commit, machine, GroupKind::Entries, blocks).await?;
    }
    commit.nothing_waits()?;
    if commit.sealed {
        return Ok(());
    }
    write(commit, machine, GroupKind::Seal, Vec::new()).await
}

async fn write(
    commit: &mut Commit,
    machine: &Machine,
    kind: GroupKind,
    blocks: Vec<EncodedBlock>,
) -> Result<(), String> {
    let bytes = blocks.iter().map(|block| block.bytes.len()).sum();
    make_room(commit, bytes).await?;
    let written = commit.put(kind, blocks)?;
    machine.spend(Effort::Disk).await;
    commit.sync()?;
    machine.spend(Effort::Disk).await;
    commit.advance(written);
    commit.shared.tree.fold();
    match commit.shared.stock.prepare_wanted(&commit.shared) {
        Tried::Ready | Tried::Full => Ok(()),
        Tried::Failed => Err(UNPREPARED.to_owned()),
    }
}

/// Has the next segment ready when this group may need it, waiting for room on the disk.
async fn make_room(commit: &mut Commit, bytes: usize) -> Result<(), String> {
    let end = commit.current.offset + (GROUP_HEADER_BYTES + bytes) as u64 + SECTOR_BYTES;
    if end <= commit.shared.segment_bytes {
        return Ok(());
    }
    let stock = &commit.shared.stock;
    stock.want(commit.current.id + 1);
    loop {
        match stock.prepare_wanted(&commit.shared) {
            Tried::Ready => return Ok(()),
            Tried::Full if stock.is_closing() => return Err(NO_ROOM.to_owned()),
            Tried::Full => sleep(SEGMENT_RETRY).await,
            Tried::Failed => return Err(UNPREPARED.to_owned()),
        }
    }
}
