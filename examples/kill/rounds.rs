//! Round after round: load on one node, `kill -9` of a random one at a random moment, restart; at the end all
//! drains.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use allpoints::{
    domain::time::Clock as _,
    failpoint::POINTS,
    proto::desk::v1::{LinksRequest, StatusRequest, StatusResponse},
};
use indicatif::ProgressBar;
use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::{
    book::Book,
    dice::Dice,
    fleet::{Desk, Fleet, Outcome},
    load::{Load, Phase},
};

/// When a node is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    Sending,
    Receiving,
    Starting,
    Draining,
}

/// What became of a node that was to end itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It did.
    Yes,
    /// It did not come to its failpoint in time, and was killed.
    No,
}

/// How nodes come to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// SIGKILL at any moment.
    Anywhen,
    /// They end themselves at failpoints.
    Failpoints,
}

impl Moment {
    pub(super) const ALL: [Self; 4] = [
        Self::Sending,
        Self::Receiving,
        Self::Starting,
        Self::Draining,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Sending => "while it sends",
            Self::Receiving => "while it receives",
            Self::Starting => "while it starts",
            Self::Draining => "while it drains",
        }
    }
}

/// A log's size and root, as a node told it.
pub(super) type Head = (u64, Vec<u8>);

/// What the rounds left.
pub(super) struct Played {
    pub(super) kills: BTreeMap<Moment, u64>,
    /// By failpoint.
    pub(super) ended_at: BTreeMap<&'static str, u64>,
    /// Killed, as they did not come to their failpoint in time.
    pub(super) not_reached: u64,
    /// By member.
    pub(super) heads: Vec<Vec<Head>>,
    /// The longest time from a start after a kill until the node served.
    pub(super) slowest_restart: Duration,
    /// Seconds from the last round until nothing waited.
    pub(super) drained_after: Duration,
}

impl Played {
    /// Starts the node that was killed; it must serve within its time.
    fn restart(&mut self, fleet: &mut Fleet, victim: usize) -> Outcome<()> {
        let clock = Arc::clone(fleet.clock());
        let begun = clock.monotonic();
        fleet.start(victim)?;
        let took = clock.monotonic().saturating_sub(begun);
        self.slowest_restart = self.slowest_restart.max(took);
        if took > RESTARTED_WITHIN {
            let id = fleet.members()[victim].id;
            return Err(format!("{id} served again only after {took:?}").into());
        }
        Ok(())
    }
}

/// `threats.md`, row 36.
const RESTARTED_WITHIN: Duration = Duration::from_secs(10);
const UP_BEFORE_KILL_MAX: Duration = Duration::from_millis(500);
const START_BEFORE_KILL_MAX: Duration = Duration::from_millis(150);
const DRAIN_BEFORE_KILL_MAX: Duration = Duration::from_millis(60);
/// A failpoint, what the node must be doing to come there, and how often it passes there before, at most.
struct Place {
    point: &'static str,
    part: Moment,
    times: u64,
}

const fn place(point: &'static str, part: Moment, times: u64) -> Place {
    Place { point, part, times }
}

/// Every failpoint.
const PLACES: [Place; 21] = [
    place("write-before", Moment::Starting, 9),
    place("write-after", Moment::Starting, 9),
    place("sync-after", Moment::Starting, 9),
    place("keyring-before", Moment::Starting, 1),
    place("keyring-written", Moment::Starting, 1),
    place("keyring-after", Moment::Starting, 1),
    place("prepare-before", Moment::Sending, 2),
    place("prepare-after", Moment::Sending, 2),
    place("switch-before", Moment::Sending, 2),
    place("switch-after", Moment::Sending, 2),
    place("view-before", Moment::Sending, 4),
    place("view-after", Moment::Sending, 4),
    place("acknowledge-before", Moment::Sending, 6),
    place("acknowledge-after", Moment::Sending, 6),
    place("send-before", Moment::Sending, 6),
    place("send-after", Moment::Sending, 6),
    place("receive-before", Moment::Receiving, 6),
    place("receipt-given-before", Moment::Receiving, 6),
    place("receipt-given-after", Moment::Receiving, 6),
    place("receipt-kept-before", Moment::Sending, 6),
    place("receipt-kept-after", Moment::Sending, 6),
];
const REACHED_WITHIN: Duration = Duration::from_millis(4000);
const DOWN_MAX: Duration = Duration::from_millis(300);
const AFTER_RESTART_MAX: Duration = Duration::from_millis(400);
const COUNTED_WITHIN: Duration = Duration::from_millis(2200);
const DRAINED_WITHIN: Duration = Duration::from_secs(150);

/// Plays all rounds on running nodes.
pub(super) async fn play(
    fleet: &mut Fleet,
    (rounds, seed, way): (u64, u64, Way),
    book: &Arc<Book>,
    bar: &ProgressBar,
) -> Outcome<Played> {
    if let Some(unknown) = PLACES.iter().find(|it| !POINTS.contains(&it.point)) {
        return Err(format!("no failpoint is named {}", unknown.point).into());
    }
    let members = fleet.members().len();
    let (phase, loads) = loads(fleet, seed, book);
    let mut dice = Dice::of(seed, 0);
    let mut played = Played {
        kills: BTreeMap::new(),
        ended_at: BTreeMap::new(),
        not_reached: 0,
        heads: vec![Vec::new(); members],
        slowest_restart: Duration::ZERO,
        drained_after: Duration::ZERO,
    };
    for _ in 0..rounds {
        let chosen = Moment::ALL[dice.below(Moment::ALL.len())];
        let place = &PLACES[dice.below(PLACES.len())];
        let sender = dice.below(members);
        let part = match way {
            Way::Anywhen => chosen,
            Way::Failpoints => place.part,
        };
        let victim = match part {
            Moment::Sending => sender,
            Moment::Receiving => (sender + 1 + dice.below(members - 1)) % members,
            Moment::Starting | Moment::Draining => dice.below(members),
        };
        phase.send_replace(Phase::On(sender));
        match way {
            Way::Anywhen => {
                round(fleet, chosen, victim, &mut dice).await?;
                *played.kills.entry(chosen).or_default() += 1;
            }
            Way::Failpoints => match round_to(fleet, place, victim, &mut dice).await? {
                Reached::Yes => *played.ended_at.entry(place.point).or_default() += 1,
                Reached::No => played.not_reached += 1,
            },
        }
        played.restart(fleet, victim)?;
        let mut desk = fleet.members()[victim].door.open().await?;
        played.heads[victim].push(head(&status(&mut desk).await?));
        // Partners dial at once, as a person would make them do.
        check_links(fleet).await;
        sleep(dice.wait(AFTER_RESTART_MAX)).await;
        bar.inc(1);
    }
    phase.send_replace(Phase::End);
    bar.set_message("draining");
    played.drained_after = drain(fleet, loads).await?;
    for (member, heads) in fleet.members().iter().zip(&mut played.heads) {
        heads.push(head(&status(&mut member.door.open().await?).await?));
    }
    Ok(played)
}

fn loads(fleet: &Fleet, seed: u64, book: &Arc<Book>) -> (watch::Sender<Phase>, JoinSet<()>) {
    let (phase, heard) = watch::channel(Phase::Quiet);
    let mut loads = JoinSet::new();
    let ids: Vec<String> = fleet.members().iter().map(|it| it.id.to_string()).collect();
    for (at, member) in fleet.members().iter().enumerate() {
        let to = ids.iter().filter(|id| **id != member.id.to_string());
        let load = Load {
            at,
            origin: member.id,
            to: to.cloned().collect(),
            door: member.door.clone(),
            book: Arc::clone(book),
            dice: Dice::of(seed, 1 + at as u64),
            clock: Arc::clone(fleet.clock()),
            phase: heard.clone(),
        };
        loads.spawn(load.run());
    }
    (phase, loads)
}

/// One kill.
async fn round(fleet: &mut Fleet, moment: Moment, victim: usize, dice: &mut Dice) -> Outcome<()> {
    sleep(dice.wait(UP_BEFORE_KILL_MAX)).await;
    match moment {
        Moment::Sending | Moment::Receiving => {}
        Moment::Draining => {
            fleet.ask_to_stop(victim)?;
            sleep(dice.wait(DRAIN_BEFORE_KILL_MAX)).await;
        }
        Moment::Starting => {
            fleet.kill(victim);
            fleet.launch(victim)?;
            sleep(dice.wait(START_BEFORE_KILL_MAX)).await;
        }
    }
    fleet.kill(victim);
    sleep(dice.wait(DOWN_MAX)).await;
    Ok(())
}

/// The node is started anew so that it ends itself at this place.
async fn round_to(
    fleet: &mut Fleet,
    place: &Place,
    victim: usize,
    dice: &mut Dice,
) -> Outcome<Reached> {
    fleet.kill(victim);
    let time = 1 + dice.next() % place.times;
    fleet.launch_failing(victim, place.point, time)?;
    // It may end itself before it serves.
    let _ = fleet.ready(victim);
    let clock = Arc::clone(fleet.clock());
    let begun = clock.monotonic();
    let mut reached = Reached::Yes;
    while !fleet.has_ended(victim)? {
        if clock.monotonic().saturating_sub(begun) > REACHED_WITHIN {
            reached = Reached::No;
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    fleet.kill(victim);
    Ok(reached)
}

/// Waits until all that was handed in is answered and nothing is queued anywhere.
async fn drain(fleet: &Fleet, mut loads: JoinSet<()>) -> Outcome<Duration> {
    let clock = Arc::clone(fleet.clock());
    let begun = clock.monotonic();
    let answered = async { while loads.join_next().await.is_some() {} };
    tokio::time::timeout(DRAINED_WITHIN, answered)
        .await
        .map_err(|_| "the loads did not settle what was unanswered")?;
    let mut empty_since = None;
    loop {
        check_links(fleet).await;
        let mut queued = 0;
        for member in fleet.members() {
            let status = status(&mut member.door.open().await?).await?;
            queued += status.outbox_queued + status.outbox_queued_exercise;
        }
        let waited = clock.monotonic().saturating_sub(begun);
        match empty_since {
            // Nodes count what is queued once a second.
            Some(since) if waited.saturating_sub(since) > COUNTED_WITHIN => return Ok(since),
            _ if queued > 0 => empty_since = None,
            _ => empty_since = empty_since.or(Some(waited)),
        }
        if waited > DRAINED_WITHIN {
            return Err(format!("{queued} deliveries still wait after {waited:?}").into());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn status(desk: &mut Desk) -> Outcome<StatusResponse> {
    Ok(desk.status(StatusRequest {}).await?.into_inner())
}

fn head(status: &StatusResponse) -> Head {
    (status.journal_entries, status.journal_root.clone())
}

/// What does not answer is dialled again later.
async fn check_links(fleet: &Fleet) {
    let mut checks = JoinSet::new();
    for member in fleet.members() {
        let door = member.door.clone();
        checks.spawn(async move {
            let mut desk = door.open().await?;
            desk.links(LinksRequest { check: true }).await?;
            Outcome::Ok(())
        });
    }
    let all = async { while checks.join_next().await.is_some() {} };
    // Bounded: a check waits for every lane.
    let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
}
