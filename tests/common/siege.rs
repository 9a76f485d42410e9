//! A node under attack, beside what an honest partner sees of it meanwhile.
//!
//! ```text
//!  XA-POL (hands) --alerts, one after another--> XB-POL (a process) <--attack-- XC-POL (hands, or nobody at all)
//! ```
//!
//! The way in is [`Siege::laid`]. Attackers run on threads of the lowest priority, so that what the partner feels is
//! the node's doing and not the want of a processor.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use allpoints::{
    delivery::LinkError,
    domain::{id::AuthorityId, reason::Reason, time::Clock as _},
    proto::desk::v1 as pb,
    trust::tls::Role,
};
use hdrhistogram::Histogram;
use tokio::{runtime::Runtime, sync::Mutex, time::Instant};

use super::{
    attacks::{Attack, Spoils, Target},
    fleet::{Fleet, Outcome},
    peer::{Errand, Peer},
};

const FRIEND: usize = 0;
const VICTIM: usize = 1;
const FOE: usize = 2;

/// What a node may take beside its quiet memory, whatever one turned member does.
pub(crate) const MEMORY_MAX_BYTES: u64 = 128 << 20;
/// Between two alerts of the partner.
const BEAT: Duration = Duration::from_millis(10);
/// Every connection that one authority may have open, given up at once: 16 times 25 handshakes at 100 a second, and more.
const FORGIVEN_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at the victim.
const LOOK: Duration = Duration::from_millis(20);

/// A victim, a partner of it, and a turned member.
pub(crate) struct Siege {
    fleet: Fleet,
    pub(crate) friend: Peer,
    pub(crate) foe: Peer,
    at: SocketAddr,
    /// The partner's stream, which it keeps.
    errand: Mutex<Option<Errand>>,
    attackers: Option<Runtime>,
}

impl Drop for Siege {
    fn drop(&mut self) {
        // Within another runtime nobody may wait for the end of one.
        if let Some(attackers) = self.attackers.take() {
            attackers.shutdown_background();
        }
    }
}

/// What the partner saw, and what the node took, in one span of time.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// Alerts under a receipt.
    pub(crate) receipts: u64,
    /// Alerts that were refused, or whose stream broke.
    pub(crate) failed: u64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Of the node's process, at its highest.
    pub(crate) memory_bytes: u64,
}

impl Siege {
    /// Founds the three and starts the victim, its configuration changed as wanted.
    pub(crate) fn laid(program: &Path, configure: impl FnOnce(String) -> String) -> Outcome<Self> {
        let mut fleet = Fleet::found(program, &["XA-POL", "XB-POL", "XC-POL"])?;
        fleet.reconfigure(VICTIM, configure)?;
        fleet.start(VICTIM)?;
        let hands = |at: usize| -> Outcome<Peer> {
            let member = fleet.members().get(at).ok_or("no such member")?;
            Peer::of(member, fleet.clock().clone())
        };
        let (friend, foe) = (hands(FRIEND)?, hands(FOE)?);
        let victim = fleet.members().get(VICTIM).ok_or("no victim")?;
        let at = victim.config.exchange.listen;
        Ok(Self {
            fleet,
            friend,
            foe,
            at,
            errand: Mutex::default(),
            attackers: Some(low_priority()?),
        })
    }

    /// Who is attacked.
    pub(crate) fn victim(&self) -> AuthorityId {
        self.member().id
    }

    /// Where it is attacked.
    pub(crate) fn address(&self) -> SocketAddr {
        self.at
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> Outcome<u32> {
        Ok(self.member().process_id().ok_or("it does not run")?)
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        self.member().log()
    }

    fn member(&self) -> &super::fleet::Member {
        &self.fleet.members()[VICTIM]
    }

    /// A span with nobody else about.
    pub(crate) async fn quiet(&self, length: Duration) -> Outcome<Span> {
        self.span(length).await
    }

    /// A span under an attack from so many connections at once, and what these came to.
    pub(crate) async fn under(
        &self,
        attack: Attack,
        connections: usize,
        length: Duration,
    ) -> Outcome<(Span, Spoils)> {
        let target = Arc::new(Target {
            at: self.at,
            tls: self.foe.tls_towards(self.victim())?,
        });
        let attackers = self.attackers.as_ref().ok_or("no attackers")?;
        let until = Instant::now() + length;
        let attacking: Vec<_> = (0..connections)
            .map(|number| {
                let target = Arc::clone(&target);
                attackers.spawn(async move { attack.press(&target, number, until).await })
            })
            .collect();
        let span = self.span(length).await?;
        let mut spoils = Spoils::default();
        for one in attacking {
            spoils.add(&one.await?);
        }
        Ok((span, spoils))
    }

    /// The partner sends an alert each beat and waits for its receipt; times count from when it was due.
    async fn span(&self, length: Duration) -> Outcome<Span> {
        let peak = Arc::new(AtomicU64::new(0));
        let looking = tokio::spawn(watch_memory(self.process_id()?, Arc::clone(&peak)));
        let mut seen = Histogram::<u64>::new(3)?;
        let mut errand = self.errand.lock().await;
        let mut failed = 0;
        let begun = Instant::now();
        let mut due = begun;
        while begun.elapsed() < length {
            tokio::time::sleep_until(due).await;
            match self.alert(&mut errand).await {
                Ok(()) => {
                    let took = due.elapsed();
                    seen.record(u64::try_from(took.as_micros())?)?;
                    // A late receipt has its lateness counted once, and the beat goes on.
                    due = (due + BEAT).max(Instant::now());
                }
                Err(error) => {
                    failed += 1;
                    *errand = None;
                    due = Instant::now() + BEAT * 10;
                    drop(error);
                }
            }
        }
        looking.abort();
        let at = |quantile| Duration::from_micros(seen.value_at_quantile(quantile));
        Ok(Span {
            receipts: seen.len(),
            failed,
            p50: at(0.5),
            p99: at(0.99),
            memory_bytes: peak.load(Ordering::Relaxed),
        })
    }

    async fn alert(&self, errand: &mut Option<Errand>) -> Outcome<()> {
        let victim = self.victim();
        let document = self.friend.document(&self.friend.alert(&[victim])?);
        let batch = self.friend.sign(&[document]);
        let open = match errand {
            Some(open) => open,
            None => errand.insert(self.friend.dial(victim).await?),
        };
        let (results, receipts) = open.hand_over(batch).await?;
        match results.first().and_then(|result| result.refused) {
            None if receipts.len() == 1 => Ok(()),
            refused => Err(format!("no receipt: {refused:?}").into()),
        }
    }

    /// What the victim's journal says of the turned member, oldest first: `refused-input QUOTA`.
    pub(crate) async fn journal(&self) -> Outcome<Vec<String>> {
        let door = self.member().door_for(Role::Auditor, self.fleet.clock())?;
        let mut desk = door.open().await?;
        let (mut lines, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = pb::AuditListRequest {
                cursor,
                limit: 200,
                id: String::new(),
            };
            let page = desk.audit_list(request).await?.into_inner();
            let of_foe = page
                .entries
                .iter()
                .filter(|entry| entry.peer == self.foe.id.as_str());
            lines.extend(of_foe.map(|entry| format!("{} {}", entry.act, entry.reason)));
            if page.next_cursor.is_empty() {
                lines.reverse();
                return Ok(lines);
            }
            cursor = page.next_cursor;
        }
    }

    /// Waits until the journal has a line of this reason about the turned member.
    pub(crate) async fn until_journaled(&self, reason: &str) -> Outcome<()> {
        let wanted = format!("refused-input {reason}");
        for _ in 0..100 {
            if self.journal().await?.contains(&wanted) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("no entry `{wanted}`: {:?}", self.journal().await?).into())
    }

    /// The journal has no line about the turned member but of these reasons, and of what was received from it.
    pub(crate) async fn journaled_only(&self, reasons: &[Reason]) -> Outcome<()> {
        for line in self.journal().await? {
            let is_expected = match line.trim_end().split_once(' ') {
                Some(("refused-input" | "refusals-counted", named)) => {
                    reasons.iter().any(|reason| reason.name() == named)
                }
                Some(_) => false,
                None => line.trim_end() == "received",
            };
            if !is_expected {
                return Err(format!("an entry besides: `{line}`").into());
            }
        }
        Ok(())
    }

    /// A figure of the node's, by its whole name; 0 when it is not there.
    pub(crate) async fn figure(&self, name: &str) -> Outcome<u64> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let at = self.member().config.ops.listen;
        let mut ops = tokio::net::TcpStream::connect(at).await?;
        let request = b"GET /metrics HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n";
        ops.write_all(request).await?;
        let mut page = String::new();
        ops.read_to_string(&mut page).await?;
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.map_or(Ok(0), |count| count.trim().parse())?)
    }

    /// The turned member, behaving: it is let in and gets a receipt, as soon as it has paid for what it broke.
    pub(crate) async fn foe_is_served(&self) -> Result<(), LinkError> {
        let deadline = Instant::now() + FORGIVEN_WITHIN;
        loop {
            match self.foe_knocks().await {
                Err(refused) if Instant::now() > deadline => return Err(refused),
                Err(_) => tokio::time::sleep(LOOK).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn foe_knocks(&self) -> Result<(), LinkError> {
        let alert = self.foe.alert(&[self.victim()]);
        let document = self.foe.document(&alert.map_err(|error| LinkError {
            reason: allpoints::domain::reason::Reason::Malformed,
            detail: error.to_string(),
        })?);
        let batch = self.foe.sign(&[document]);
        self.foe.deliver(self.victim(), batch).await.map(drop)
    }

    /// Microseconds of the system's clock, for seeds.
    pub(crate) fn now_us(&self) -> i64 {
        self.fleet.clock().now().as_micros()
    }
}

/// Resident bytes of a process.
pub(crate) fn memory_bytes(process: u32) -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages = text.split_whitespace().nth(1);
    pages.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

async fn watch_memory(process: u32, peak: Arc<AtomicU64>) {
    loop {
        peak.fetch_max(memory_bytes(process), Ordering::Relaxed);
        tokio::time::sleep(LOOK).await;
    }
}

fn low_priority() -> Outcome<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(|| {
            // A system that does not allow it only makes the figures worse.
            let _ = rustix::process::nice(19);
        })
        .enable_all()
        .build()?)
}
