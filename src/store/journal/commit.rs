//! The commit thread: orders blocks by ticket, joins what waits into a group, writes, syncs, says so.
//!
//! It must never call `done` before the sync of that group returned, never write a group before the sync of the one
//! before it returned, and never try a failed write or sync again (invariant I1).

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
};

use super::{
    Shared,
    block::EncodedBlock,
    fault::EncodeError,
    group::{self, GROUP_HEADER_BYTES, GroupHeader, GroupKind},
    reading::Place,
    scan::Position,
    segment::{FIRST_GROUP, SegmentHeader},
};
use crate::{
    domain::limits::{GROUP_MAX_BYTES, SEAL_AFTER},
    planted::{self, Bug},
    store::disk::File,
};

/// What the commit thread is told.
pub(super) enum Order {
    Write(EncodedBlock),
    /// A block that cannot be encoded: a hole, so the store ends.
    Broken(EncodeError),
    /// Write what waits, seal, stop.
    Close,
}

/// The segment being written.
pub(super) struct Current {
    pub(super) id: u32,
    pub(super) file: Arc<dyn File>,
    pub(super) tag: [u8; 8],
    pub(super) offset: u64,
}

/// All that the commit thread owns.
pub(super) struct Commit {
    pub(super) shared: Arc<Shared>,
    pub(super) current: Current,
    pub(super) position: Position,
    pub(super) next_ticket: u64,
    pub(super) waiting: BTreeMap<u64, EncodedBlock>,
    pub(super) waiting_bytes: usize,
    pub(super) wake_tree: SyncSender<()>,
    pub(super) sealed: bool,
    pub(super) buffer: Vec<u8>,
}

/// A group that was handed to the operating system, and is not yet known to be on disk.
#[must_use = "a group that is put is synced, and then told"]
pub(super) struct Written {
    header: GroupHeader,
    blocks: Vec<EncodedBlock>,
}

impl Written {
    /// Calls what its blocks wait to have called, once.
    fn tell(&mut self) {
        for block in &mut self.blocks {
            std::mem::replace(&mut block.done, Box::new(|| ()))();
        }
    }
}

/// Says that the store failed if the thread ends by a panic.
struct Alarm(Arc<Shared>);
impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the commit thread panicked");
        }
        self.0.stock.stop();
    }
}

/// Starts the thread.
pub(super) fn start(commit: Commit, orders: Receiver<Order>) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new()
        .name("journal-commit".into())
        .spawn(move || commit.run(&orders))
}

impl Commit {
    fn run(mut self, orders: &Receiver<Order>) {
        let _alarm = Alarm(self.shared.clone());
        if let Err(reason) = self.serve(orders) {
            // What waits is dropped with its `done`s; so is all that still comes.
            self.waiting.clear();
            self.shared.fail(&reason);
            for order in orders {
                if matches!(order, Order::Close) {
                    return;
                }
            }
        }
    }

    fn serve(&mut self, orders: &Receiver<Order>) -> Result<(), String> {
        loop {
            let next = if self.waiting.contains_key(&self.next_ticket) {
                None
            } else if self.sealed {
                Some(orders.recv().map_err(RecvTimeoutError::from))
            } else {
                Some(orders.recv_timeout(SEAL_AFTER))
            };
            match next {
                None => {}
                Some(Ok(Order::Close)) => return self.close(),
                Some(Ok(order)) => self.take(order)?,
                Some(Err(RecvTimeoutError::Timeout)) => {
                    self.seal()?;
                    continue;
                }
                // Dropped without closing: as if killed, so without a seal.
                Some(Err(RecvTimeoutError::Disconnected)) => return Ok(()),
            }
            let mut closing = false;
            while self.waiting_bytes < GROUP_MAX_BYTES && !closing {
                match orders.try_recv() {
                    Ok(Order::Close) => closing = true,
                    Ok(order) => self.take(order)?,
                    Err(_) => break,
                }
            }
            self.write_waiting()?;
            if closing {
                return self.close();
            }
        }
    }

    pub(super) fn take(&mut self, order: Order) -> Result<(), String> {
        match order {
            Order::Write(block) => {
                if block.ticket < self.next_ticket || self.waiting.contains_key(&block.ticket) {
                    return Err(format!("ticket {} came twice", block.ticket));
                }
                self.waiting_bytes += block.bytes.len();
                self.waiting.insert(block.ticket, block);
                Ok(())
            }
            Order::Broken(error) => Err(error.to_string()),
            Order::Close => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), String> {
        while self.waiting.contains_key(&self.next_ticket) {
            self.write_waiting()?;
        }
        self.nothing_waits()?;
        if self.sealed { Ok(()) } else { self.seal() }
    }

    /// At the end: what is handed over is written.
    pub(super) fn nothing_waits(&self) -> Result<(), String> {
        match self.waiting.keys().next() {
            None => Ok(()),
            Some(ticket) => Err(format!(
                "closed with block {ticket} waiting for block {}, which never came",
                self.next_ticket
            )),
        }
    }

    fn seal(&mut self) -> Result<(), String> {
        self.write(GroupKind::Seal, Vec::new())
    }

    /// Writes one group of what is next in order.
    fn write_waiting(&mut self) -> Result<(), String> {
        let blocks = self.next_group()?;
        if blocks.is_empty() {
            return Ok(());
        }
        self.write(GroupKind::Entries, blocks)
    }

    /// Takes what is next in order, as much as one group holds.
    pub(super) fn next_group(&mut self) -> Result<Vec<EncodedBlock>, String> {
        let room = self.shared.segment_bytes - FIRST_GROUP - GROUP_HEADER_BYTES as u64;
        let most = usize::try_from(room).map_or(GROUP_MAX_BYTES, |room| room.min(GROUP_MAX_BYTES));
        let mut blocks = Vec::new();
        let mut bytes = 0;
        while let Some(block) = self.waiting.remove(&self.next_ticket) {
            if block.bytes.len() as u64 > room {
                return Err(EncodeError::TooLarge(block.ticket).to_string());
            }
            if !blocks.is_empty() && bytes + block.bytes.len() > most {
                self.waiting.insert(block.ticket, block);
                break;
            }
            self.next_ticket += 1;
            bytes += block.bytes.len();
            self.waiting_bytes -= block.bytes.len();
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn write(&mut self, kind: GroupKind, blocks: Vec<EncodedBlock>) -> Result<(), String> {
        let written = self.put(kind, blocks)?;
        self.sync()?;
        self.advance(written);
        Ok(())
    }

    /// First: hands the group to the operating system. From here on it may be on disk, or a part of it.
    pub(super) fn put(
        &mut self,
        kind: GroupKind,
        blocks: Vec<EncodedBlock>,
    ) -> Result<Written, String> {
        let (header, crc) = self.header(kind, &blocks)?;
        if self.current.offset + header.bytes_on_disk() > self.shared.segment_bytes {
            self.switch().map_err(|error| self.disk_fault(&error))?;
        }
        let header = GroupHeader {
            segment: self.current.id,
            tag: self.current.tag,
            ..header
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode(crc));
        for block in &blocks {
            self.buffer.extend_from_slice(&block.bytes);
        }
        let end = usize::try_from(header.bytes_on_disk()).unwrap_or(usize::MAX);
        self.buffer.resize(end, 0);
        failpoint!(WriteBefore);
        let put = self
            .current
            .file
            .write_all_at(&self.buffer, self.current.offset);
        failpoint!(WriteAfter);
        put.map_err(|error| self.disk_fault(&error))?;
        let mut written = Written { header, blocks };
        if planted::is(Bug::TellBeforeSync) {
            written.tell();
        }
        Ok(written)
    }

    /// Second: waits until all of it is on disk.
    pub(super) fn sync(&self) -> Result<(), String> {
        if planted::is(Bug::SkipSync) {
            return Ok(());
        }
        let synced = self.current.file.sync_data();
        failpoint!(SyncAfter);
        synced.map_err(|error| self.disk_fault(&error))
    }

    fn header(
        &self,
        kind: GroupKind,
        blocks: &[EncodedBlock],
    ) -> Result<(GroupHeader, u32), String> {
        let mut due = self.position.index;
        let (mut crc, mut length) = (0, 0);
        for block in blocks {
            if block.first_index != due {
                let (ticket, found) = (block.ticket, block.first_index);
                let expected = due;
                let error = EncodeError::Index {
                    ticket,
                    expected,
                    found,
                };
                return Err(error.to_string());
            }
            due += block.leaves.len() as u64;
            crc = crc32c::crc32c_combine(crc, block.crc, block.bytes.len());
            length += block.bytes.len();
        }
        let size = |size: usize| u32::try_from(size).map_err(|error| error.to_string());
        let header = GroupHeader {
            kind,
            length: size(length)?,
            segment: self.current.id,
            sequence: self.position.sequence,
            first_index: self.position.index,
            entries: u32::try_from(due - self.position.index).map_err(|error| error.to_string())?,
            blocks: size(blocks.len())?,
            tag: self.current.tag,
            chain: self.position.chain,
        };
        Ok((header, crc))
    }

    /// Takes the prepared segment into use: header first, synced. The one before is never written again.
    fn switch(&mut self) -> io::Result<()> {
        let prepared = self.shared.stock.take(self.current.id + 1, &self.shared)?;
        let mut tag = [0; 8];
        aws_lc_rs::rand::fill(&mut tag).map_err(io::Error::other)?;
        let header = SegmentHeader {
            id: prepared.id,
            tag,
            first_sequence: self.position.sequence,
            first_index: self.position.index,
            chain: self.position.chain,
            since: self.shared.clock.now(),
        };
        failpoint!(SwitchBefore);
        prepared.file.write_all_at(&header.encode(), 0)?;
        prepared.file.sync_data()?;
        failpoint!(SwitchAfter);
        self.shared
            .use_segment(prepared.id, prepared.file.clone(), prepared.key);
        let next = Current {
            id: prepared.id,
            file: prepared.file,
            tag,
            offset: FIRST_GROUP,
        };
        let finished = std::mem::replace(&mut self.current, next);
        // Gives back what no group fitted into. Not synced: either length is right, and a start does it again.
        finished.file.truncate(finished.offset)
    }

    /// Third, the group is on disk: lets readers see it, then says so.
    pub(super) fn advance(&mut self, Written { header, blocks }: Written) {
        let shared = &self.shared;
        self.sealed = header.kind == GroupKind::Seal;
        let leaves = blocks.iter().flat_map(|block| &block.leaves);
        self.position.chain = group::chain_after(&self.position.chain, leaves);
        self.position.sequence += 1;
        self.position.index += u64::from(header.entries);
        let mut offset = self.current.offset + GROUP_HEADER_BYTES as u64;
        let mut places = Vec::with_capacity(blocks.len());
        let mut dones = Vec::with_capacity(blocks.len());
        for block in blocks {
            places.push(Place {
                first: block.first_index,
                segment: self.current.id,
                offset,
            });
            offset += block.bytes.len() as u64;
            shared.tree.add(block.leaves);
            dones.push(block.done);
        }
        self.current.offset += header.bytes_on_disk();
        shared.publish(places, self.position.index);
        shared.count(&header);
        for done in dones {
            done();
        }
        if self.current.offset > shared.segment_bytes / 2 {
            shared.stock.want(self.current.id + 1);
        }
        // Full: it is awake already. Gone: the next `head` folds.
        let _ = self.wake_tree.try_send(());
    }

    fn disk_fault(&self, error: &io::Error) -> String {
        let closing = error.kind() == io::ErrorKind::StorageFull;
        let hint = if closing {
            " (no room for the next segment)"
        } else {
            ""
        };
        format!("journal segment {:010}: {error}{hint}", self.current.id)
    }
}

impl Shared {
    fn count(&self, header: &GroupHeader) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        if header.kind == GroupKind::Entries {
            self.group_entries.add(u64::from(header.entries));
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.bytes
            .fetch_add(header.bytes_on_disk(), Ordering::Relaxed);
    }
}
