//! What goes wrong in a run, one thing after another, as the dice say.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    audit,
    network::{End, Weather},
    rotation,
    world::World,
};
use crate::{
    domain::id::AuthorityId,
    store::{
        disk::simulated::Fault,
        entry::Act,
        journal::{self, Place},
    },
    trust::{keys::KeyUse, testing::DAY},
};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Makes trouble for so long.
pub(super) async fn trouble(world: &Arc<World>, lasting: Duration) {
    world.network.set_weather(weather(world));
    if world.dice.happens(250) {
        weeks(world).await;
    }
    let lasting = world.trace.elapsed() + lasting;
    while world.trace.elapsed() < lasting && world.model.violation().is_none() {
        sleep(world.dice.between(Duration::from_millis(100), seconds(6))).await;
        one(world).await;
        world.look();
    }
    at_least_once(world).await;
}

/// Whatever the dice said: a power cut that loses something, an orderly stop, a key that gives way, a frame that comes twice.
async fn at_least_once(world: &Arc<World>) {
    let somebody = || world.dice.one_of(&world.members).copied();
    for _ in 0..50 {
        let tally = world.lock().tally;
        let doubled = world.network.counts().doubled;
        if let Some(victim) = somebody().filter(|_| tally.lost_bytes == 0) {
            cut_while_writing(world, victim).await;
        }
        if let Some(victim) = somebody().filter(|_| tally.stops == 0) {
            world.stop(victim);
        }
        if let Some(victim) = somebody().filter(|_| tally.keys == 0) {
            rotation::rotate_key(world, victim, KeyUse::Statement);
        }
        if doubled == 0 {
            world.network.double_next();
        }
        let missing = tally.lost_bytes == 0 || tally.stops == 0 || tally.keys == 0 || doubled == 0;
        if !missing || world.model.violation().is_some() {
            return;
        }
        sleep(seconds(30)).await;
        world.look();
    }
}

fn weather(world: &World) -> Weather {
    let up_to = |most: u64| world.dice.below(most + 1);
    Weather {
        lost: 20 + up_to(60),
        doubled: 20 + up_to(80),
        late: up_to(80),
        breaks: up_to(40),
        spoiled: up_to(30),
    }
}

async fn one(world: &Arc<World>) {
    let dice = &world.dice;
    let Some(victim) = dice.one_of(&world.members).copied() else {
        return;
    };
    match dice.below(100) {
        0..20 => cut_way(world, victim),
        20..25 => isolate(world, victim, dice.between(seconds(5), seconds(180))),
        25..36 => cut_while_writing(world, victim).await,
        36..42 => fail_power(world, victim),
        42..47 => world.end(victim, End::Killed),
        47..50 => world.stop(victim),
        50..58 => fail_disk(world, victim),
        58..64 => fill_disk(world, victim),
        64..70 => jump_clock(world, victim),
        70..76 => rotation::rotate(world, victim),
        76..82 => suspend(world, victim),
        82..90 => world.publish(seconds(30)),
        90..93 => rot(world, victim),
        93..96 => world
            .network
            .end_streams(|from, to| from == victim || to == victim),
        _ => world.network.set_weather(weather(world)),
    }
}

fn cut_way(world: &Arc<World>, one: AuthorityId) {
    let Some(other) = world.dice.one_of(&world.members).copied() else {
        return;
    };
    if one == other {
        return;
    }
    world.trace.note(format_args!("{one} | {other} are cut"));
    world.lock().tally.partitions += 1;
    world.network.cut(one, other);
    let (world, heals) = (
        Arc::clone(world),
        world.dice.between(seconds(1), seconds(120)),
    );
    tokio::spawn(async move {
        sleep(heals).await;
        world.network.heal(one, other);
        world.trace.note(format_args!("{one} | {other} are healed"));
    });
}

fn isolate(world: &Arc<World>, victim: AuthorityId, lasting: Duration) {
    world.trace.note(format_args!("{victim} is cut off"));
    world.lock().tally.partitions += 1;
    for other in world.members.iter().filter(|other| **other != victim) {
        world.network.cut(victim, *other);
    }
    let world = Arc::clone(world);
    tokio::spawn(async move {
        sleep(lasting).await;
        for other in world.members.iter().filter(|other| **other != victim) {
            world.network.heal(victim, *other);
        }
        world.trace.note(format_args!("{victim} is back"));
    });
}

/// A node is cut off for weeks. Time passes in leaps: between them everybody lives through a little of each day.
async fn weeks(world: &Arc<World>) {
    let Some(victim) = world.dice.one_of(&world.members).copied() else {
        return;
    };
    let days = 8 + world.dice.below(20);
    isolate(world, victim, DAY * u32::try_from(days).unwrap_or(0));
    for _ in 0..days {
        tokio::time::advance(DAY - seconds(5)).await;
        sleep(seconds(5)).await;
        world.publish(seconds(3));
        if let Some(victim) = world.dice.one_of(&world.members)
            && world.dice.happens(200)
        {
            rotation::rotate(world, *victim);
        }
        world.lock().tally.days += 1;
        world.look();
    }
}

/// Takes the power in the midst of what the node does next, be it a group, a segment or a keyring.
fn fail_power(world: &Arc<World>, victim: AuthorityId) {
    let mut state = world.lock();
    if let Some(node) = state.nodes.get_mut(&victim).filter(|node| node.is_up()) {
        let operations = node.fail_power_soon(12);
        world.trace.note(format_args!(
            "{victim} will lose its power after {operations} operations"
        ));
    }
}

/// Takes the power when something is written that no sync covers yet; waits a little for that.
async fn cut_while_writing(world: &Arc<World>, victim: AuthorityId) {
    for _ in 0..3000 {
        let unsynced = {
            let state = world.lock();
            let node = state.nodes.get(&victim).filter(|node| node.is_up());
            node.map_or(0, |node| node.disk.unsynced_bytes())
        };
        if unsynced > 0 {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    world.end(victim, End::Dark);
}

fn fail_disk(world: &Arc<World>, victim: AuthorityId) {
    let mut state = world.lock();
    let Some(node) = state.nodes.get_mut(&victim) else {
        return;
    };
    let (writes, syncs) = node.disk.counts();
    let later = world.dice.below(4);
    let fault = match world.dice.happens(600) {
        true => Fault::Sync(syncs + later),
        false => Fault::Write(writes + later),
    };
    node.disk.inject(fault);
    node.faults_planted += 1;
    state.tally.failed_disks += 1;
    world
        .trace
        .note(format_args!("{victim}: {fault:?} will fail"));
}

fn fill_disk(world: &Arc<World>, victim: AuthorityId) {
    let mut state = world.lock();
    let Some(node) = state.nodes.get_mut(&victim) else {
        return;
    };
    let used: usize = node.disk.snapshot().values().map(Vec::len).sum();
    let more = world.dice.below(node.segment_bytes * 2);
    node.disk.limit_capacity(Some(used as u64 + more));
    node.disk_is_full = true;
    state.tally.full_disks += 1;
    world
        .trace
        .note(format_args!("{victim} has {more} bytes left"));
    let (world, frees) = (
        Arc::clone(world),
        world.dice.between(seconds(5), seconds(90)),
    );
    tokio::spawn(async move {
        sleep(frees).await;
        free_disk(&world, victim);
    });
}

fn free_disk(world: &World, victim: AuthorityId) {
    let mut state = world.lock();
    if let Some(node) = state.nodes.get_mut(&victim) {
        node.disk.limit_capacity(None);
        node.disk_is_full = false;
    }
    world.trace.note(format_args!("{victim} has room again"));
}

/// Flips a bit in a body while the node runs: of a statement that somebody else holds too, so that it can come back.
/// Once in a run: what rots at two places may be lost.
fn rot(world: &Arc<World>, victim: AuthorityId) {
    let state = world.lock();
    let Some(node) = state.nodes.get(&victim).filter(|node| node.is_up()) else {
        return;
    };
    if world.model.said().rotten.is_some() {
        return;
    }
    let config = node.journal_config(world.key_file());
    // A journal whose end is being written may look torn: another time.
    let Ok(places) = journal::places(&config, &node.disk.killed()) else {
        return;
    };
    let held_elsewhere = audit::held_elsewhere(&state.nodes, victim);
    let may_rot = |place: &&Place| {
        let header = &place.header;
        let is_statement = matches!(header.act, Act::Accepted | Act::Received);
        let subject = header.subject.filter(|_| is_statement);
        // That two follow says that its sync has returned: it is no torn end.
        place.groups_after >= 2 && subject.is_some_and(|it| held_elsewhere.contains(&it))
    };
    let places: Vec<&Place> = places.iter().filter(may_rot).collect();
    let Some(place) = world.dice.one_of(&places) else {
        return;
    };
    let Some(statement) = place.header.subject else {
        return;
    };
    let length = place.bytes.end - place.bytes.start;
    let (at, bit) = (world.dice.below(length.max(1)), world.dice.below(8));
    node.disk
        .corrupt(&place.file, place.bytes.start + at, |bytes| {
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 1 << bit;
            }
        });
    world.trace.note(format_args!(
        "{victim}: entry {} rots, which is {statement}",
        place.header.index
    ));
    world.model.said().rotten = Some((victim, statement));
    drop(state);
    world.lock().tally.rotten += 1;
}

fn jump_clock(world: &Arc<World>, victim: AuthorityId) {
    let dice = &world.dice;
    let longest = match dice.below(3) {
        0 => seconds(180),
        1 => seconds(2 * 3600),
        _ => seconds(40 * 24 * 3600),
    };
    let jump = i64::try_from(dice.between(Duration::ZERO, longest).as_micros()).unwrap_or(0);
    let jump = if dice.happens(500) { jump } else { -jump };
    set_clock(world, victim, jump);
    world.lock().tally.clock_jumps += 1;
    let (world, comes_right) = (Arc::clone(world), dice.between(seconds(5), seconds(120)));
    tokio::spawn(async move {
        sleep(comes_right).await;
        set_clock(&world, victim, 0);
    });
}

fn set_clock(world: &World, victim: AuthorityId, wrong_by_us: i64) {
    let state = world.lock();
    if let Some(node) = state.nodes.get(&victim) {
        node.clock.set_wrong(wrong_by_us);
        let seconds = wrong_by_us / 1_000_000;
        world
            .trace
            .note(format_args!("{victim}'s clock is wrong by {seconds} s"));
    }
}

fn suspend(world: &Arc<World>, victim: AuthorityId) {
    world.trace.note(format_args!("{victim} is suspended"));
    world.lock().federation.suspend(victim);
    world.publish(seconds(10));
    let (world, readmits) = (
        Arc::clone(world),
        world.dice.between(seconds(20), seconds(120)),
    );
    tokio::spawn(async move {
        sleep(readmits).await;
        world.lock().federation.readmit_all();
        world.trace.note(format_args!("all are readmitted"));
        world.publish(seconds(10));
    });
}

/// A machine whose power failed, and whose process has not come upon it yet, is off: no process lives through that.
fn power_shows(world: &Arc<World>, member: AuthorityId) {
    let is_dark = {
        let state = world.lock();
        state
            .nodes
            .get(&member)
            .is_some_and(|node| node.disk.is_dark())
    };
    if is_dark {
        world.end(member, End::Dark);
    }
}

/// Ends all trouble: ways, disks and clocks are sound, everybody is admitted and up.
pub(super) fn heal(world: &Arc<World>) {
    world.trace.note(format_args!("all is healed"));
    world.calm_down();
    world.network.set_weather(Weather::default());
    world.network.heal_all();
    for member in world.members.clone() {
        set_clock(world, member, 0);
        free_disk(world, member);
        power_shows(world, member);
        let mut state = world.lock();
        if let Some(node) = state.nodes.get_mut(&member) {
            node.disk.forget_faults();
            node.faults_planted = 0;
        }
        drop(state);
        world.start(member);
    }
    // Rot shows at a start.
    let rotten = world.model.said().rotten;
    if let Some((victim, _)) = rotten {
        world.end(victim, End::Killed);
    }
    world.lock().federation.readmit_all();
    world.publish(Duration::ZERO);
}
