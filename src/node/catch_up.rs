//! Gets newer directories from partners: who named one in a greeting or heartbeat is asked for it, and once ours has
//! run out everybody is asked in turn.
//!
//! The way in is [`CatchUp::run`]. A partner is a way for bytes and nothing more: what comes is verified from our anchor
//! up, against what we hold. A partner that gives something else changes nothing here; it is journaled, alarms, and is
//! asked less and less often, while the others are asked as ever (threats, rows 45 to 48; TUF, 1.5.2).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use super::{
    config::Config,
    observer::Observer,
    reload::{Adoption, Book, Part, incident_of},
};
use crate::{
    delivery::LinkError,
    domain::{id::AuthorityId, limits::CATCH_UP_PUT_OFF_MAX, reason::Reason, time::Clock},
    exchange::GrpcConnector,
    proto::directory::v1::Bundle,
    store::StoreFailed,
    trust::directory::{Directory, DirectoryError, Standing},
};

/// What catching up takes.
pub(super) struct CatchUp {
    pub(super) config: Arc<ArcSwap<Config>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) connector: Arc<GrpcConnector>,
    pub(super) adoption: Adoption,
    pub(super) observer: Arc<Observer>,
    pub(super) book: Book,
}

/// Whom to ask, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It named this version, which is newer than ours.
    Named(AuthorityId, u64),
    /// It names our version with another hash: two truths, and ours stays.
    Forked(AuthorityId),
    /// Ours has run out: anybody may have a newer one.
    InTurn(AuthorityId),
}

/// How an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// A newer directory is in force.
    Newer,
    /// Nothing that helps.
    Nothing,
    /// It gives the directory to so many others at present.
    Later,
}

impl CatchUp {
    /// Asks until it is dropped.
    pub(super) async fn run(self) {
        let mut patience = Patience::default();
        loop {
            let interval = self.config.load().reload.interval;
            tokio::select! {
                () = self.connector.sightings().changed() => {}
                () = tokio::time::sleep(interval) => {}
            }
            self.alarm_when_frozen();
            while let Some(asked) = self.next(&mut patience) {
                match self.ask(asked).await {
                    Ok(Answer::Newer) => patience.restore(asked.peer()),
                    Ok(Answer::Later) => {
                        patience.wait(asked.peer(), interval, self.clock.monotonic());
                    }
                    Ok(Answer::Nothing) => {
                        patience.lose(asked.peer(), interval, self.clock.monotonic());
                    }
                    Err(error) => {
                        tracing::error!(%error, "a newer directory could not be journaled");
                        return;
                    }
                }
            }
        }
    }

    fn next(&self, patience: &mut Patience) -> Option<Asked> {
        let (held, now) = (self.adoption.held(), self.clock.monotonic());
        let (mut newest, mut forked) = (None, None);
        for said in self.connector.sightings().all() {
            let is_fork = said.version == held.version() && said.hash != held.hash();
            if is_fork {
                self.observer
                    .incident(Some(said.peer), Reason::DirectoryFork);
            }
            if !patience.lasts(said.peer, now) {
                continue;
            }
            if is_fork {
                forked = Some(said.peer);
            } else if said.version > held.version() {
                newest = newest.max(Some((said.version, said.peer)));
            }
        }
        if let Some((version, peer)) = newest {
            return Some(Asked::Named(peer, version));
        }
        if let Some(peer) = forked {
            return Some(Asked::Forked(peer));
        }
        if held.standing(self.clock.now()) == Standing::Fresh {
            return None;
        }
        let own = self.config.load().authority;
        let waiting = held
            .active()
            .filter(|member| member.id != own)
            .map(|member| member.id)
            .find(|peer| patience.lasts(*peer, now));
        waiting.map(Asked::InTurn)
    }

    async fn ask(&self, asked: Asked) -> Result<Answer, StoreFailed> {
        let peer = asked.peer();
        let held = self.adoption.held();
        let above = match asked {
            Asked::Forked(_) => held.version().saturating_sub(1),
            Asked::Named(..) | Asked::InTurn(_) => held.version(),
        };
        match self.connector.directory(peer, above, held.roots()).await {
            Ok(Some(bundle)) => self.weigh(asked, held, bundle).await,
            Ok(None) => Ok(self.gave_nothing(asked)),
            Err(LinkError {
                reason: Reason::Overloaded,
                ..
            }) => Ok(Answer::Later),
            Err(LinkError { reason, detail }) => {
                tracing::warn!(%peer, %reason, detail, "no directory from a partner");
                if matches!(reason, Reason::DirectoryEndless | Reason::DirectoryForged) {
                    self.observer.incident(Some(peer), reason);
                }
                Ok(Answer::Nothing)
            }
        }
    }

    /// Verifies what came, keeps it and puts it in force; or says why not.
    async fn weigh(
        &self,
        asked: Asked,
        held: Arc<Directory>,
        bundle: Bundle,
    ) -> Result<Answer, StoreFailed> {
        let folder = self.config.load().directory.folder.clone();
        let now = self.clock.now();
        let installing = move || Directory::install_after(&folder, bundle, &held, now);
        let installed = match tokio::task::spawn_blocking(installing).await {
            Ok(installed) => installed,
            Err(error) => {
                tracing::error!(%error, "verifying a directory ended in a fault of the program");
                return Ok(Answer::Nothing);
            }
        };
        match installed {
            Ok(Some(newer)) => {
                let (peer, version) = (asked.peer(), newer.version());
                tracing::info!(%peer, version, "a partner passed on a newer directory");
                self.adoption.take(newer).await?;
                Ok(Answer::Newer)
            }
            Ok(None) => Ok(self.gave_nothing(asked)),
            Err(error) => {
                self.refuse(asked.peer(), &error);
                Ok(Answer::Nothing)
            }
        }
    }

    /// Who named a newer one and does not give it keeps us where we are.
    fn gave_nothing(&self, asked: Asked) -> Answer {
        if let Asked::Named(peer, version) = asked {
            tracing::warn!(%peer, version, "named a newer directory and gave none");
            self.observer.incident(Some(peer), Reason::DirectoryFrozen);
        }
        Answer::Nothing
    }

    fn refuse(&self, peer: AuthorityId, error: &DirectoryError) {
        tracing::error!(%peer, %error, "a partner's directory is refused; ours stays in force");
        match incident_of(error) {
            Some(reason) => self.observer.incident(Some(peer), reason),
            None => {
                let why = error.to_string();
                self.book.refused(Part::Directory, why, self.clock.now());
            }
        }
    }

    fn alarm_when_frozen(&self) {
        let (held, now) = (self.adoption.held(), self.clock.now());
        if now >= held.timestamp_expires_at() {
            self.observer.incident(None, Reason::DirectoryFrozen);
        }
    }
}

impl Asked {
    fn peer(self) -> AuthorityId {
        match self {
            Self::Named(peer, _) | Self::Forked(peer) | Self::InTurn(peer) => peer,
        }
    }
}

/// Who is asked again when. Bounded: only members of the directory are asked.
#[derive(Debug, Default)]
struct Patience(BTreeMap<AuthorityId, PutOff>);

#[derive(Debug, Clone, Copy)]
struct PutOff {
    /// Answers in a row that did not help.
    vain: u32,
    /// Monotonic.
    until: Duration,
}

impl Patience {
    /// True when a partner may be asked now.
    fn lasts(&self, peer: AuthorityId, now: Duration) -> bool {
        self.0.get(&peer).is_none_or(|put_off| now >= put_off.until)
    }

    /// It did not help: asked again after twice as long as the last time, up to an hour.
    fn lose(&mut self, peer: AuthorityId, first: Duration, now: Duration) {
        let vain = self.0.get(&peer).map_or(0, |put_off| put_off.vain);
        let wait = first.saturating_mul(2u32.saturating_pow(vain + 1));
        let put_off = PutOff {
            vain: vain.saturating_add(1).min(30),
            until: now + wait.min(CATCH_UP_PUT_OFF_MAX),
        };
        self.0.insert(peer, put_off);
    }

    /// It is busy, and no worse for that: asked again after this time.
    fn wait(&mut self, peer: AuthorityId, time: Duration, now: Duration) {
        let vain = self.0.get(&peer).map_or(0, |put_off| put_off.vain);
        let until = now + time;
        self.0.insert(peer, PutOff { vain, until });
    }

    /// It helped.
    fn restore(&mut self, peer: AuthorityId) {
        self.0.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_that_does_not_help_is_asked_less_and_less_often_and_never_given_up() {
        let peer = "XB-POL".parse().expect("legal id");
        let first = Duration::from_secs(5);
        let mut patience = Patience::default();
        let mut now = Duration::ZERO;
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert!(patience.lasts(peer, now));
            patience.lose(peer, first, now);
            let until = patience.0[&peer].until;
            assert!(!patience.lasts(peer, until - Duration::from_millis(1)));
            waits.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(
            waits,
            [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]
        );
        patience.restore(peer);
        assert!(patience.lasts(peer, Duration::ZERO));
        // One that is busy is asked at every look: a revocation must not wait for its turn.
        for look in 1..20 {
            let now = first * look;
            assert!(patience.lasts(peer, now));
            patience.wait(peer, first, now);
            assert!(!patience.lasts(peer, now));
        }
    }
}
