//! Keys, certificates and CAs that give way to others while nodes run, as operators let them.
//!
//! The way in is [`rotate`]. Each step waits until the directory of the step before it is everywhere.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{network::End, world::World};
use crate::{
    domain::{id::AuthorityId, limits::CARRIAGE_MAX},
    trust::{keys::KeyUse, testing::DAY},
};

/// How long a directory takes to be everywhere.
const SPREAD: Duration = Duration::from_secs(20);
/// After so long it is.
const IS_EVERYWHERE: Duration = Duration::from_secs(25);

/// One of them.
pub(super) fn rotate(world: &Arc<World>, victim: AuthorityId) {
    match world.dice.below(4) {
        0 => rotate_key(world, victim, KeyUse::Receipt),
        1 => renew_certificate(world, victim),
        2 => replace_ca(world, victim),
        _ => rotate_key(world, victim, KeyUse::Statement),
    }
}

/// The new key is listed beside the old one, and used when all have the list: at once, or by a restart. The old one is good
/// for a while after that: of statements a day, as what waits is signed again; of receipts as long as anything is carried.
pub(super) fn rotate_key(world: &Arc<World>, victim: AuthorityId, key_use: KeyUse) {
    let now = world.now();
    let number = world.lock().federation.add_key(victim, key_use, now);
    let trace = &world.trace;
    trace.note(format_args!("{victim} lists {key_use} key {number}"));
    world.publish(SPREAD);
    let world = Arc::clone(world);
    tokio::spawn(async move {
        sleep(IS_EVERYWHERE).await;
        let grace = match key_use {
            KeyUse::Receipt => CARRIAGE_MAX,
            _ => DAY,
        };
        let until = world.now().plus(grace);
        let mut state = world.lock();
        let federation = &mut state.federation;
        federation.retire_before(victim, (key_use, number), until);
        if let Some(node) = state.nodes.get_mut(&victim) {
            node.use_key(key_use, number);
        }
        state.tally.keys += 1;
        drop(state);
        world
            .trace
            .note(format_args!("{victim} uses {key_use} key {number}"));
        if world.dice.happens(300) {
            world.end(victim, End::Killed);
        }
    });
}

/// The new certificate is shown at once, and the next list revokes the old one: what stands under it ends, node by node.
fn renew_certificate(world: &Arc<World>, victim: AuthorityId) {
    let mut state = world.lock();
    let Some(offices) = state.federation.offices(victim) else {
        return;
    };
    let issued = offices.issue();
    let (trace, serial) = (&world.trace, issued.serial);
    trace.note(format_args!("{victim} shows certificate {serial}"));
    let before = world.network.shows(victim, issued);
    if let (Some(before), Some(offices)) = (before, state.federation.offices(victim)) {
        offices.revoke(&before);
    }
    state.tally.certificates += 1;
    drop(state);
    world.publish(SPREAD);
}

/// A CA stands beside the old one; when all know it, it issues; then the old one ends.
fn replace_ca(world: &Arc<World>, victim: AuthorityId) {
    let mut state = world.lock();
    let alone = state.federation.offices(victim);
    let Some(offices) = alone.filter(|offices| offices.count() == 1) else {
        return;
    };
    offices.found();
    drop(state);
    world.trace.note(format_args!("{victim} lists another CA"));
    world.publish(SPREAD);
    let world = Arc::clone(world);
    tokio::spawn(async move {
        sleep(IS_EVERYWHERE).await;
        let issued = {
            let mut state = world.lock();
            state.federation.offices(victim).map(|it| it.issue())
        };
        let Some(issued) = issued else { return };
        world.network.shows(victim, issued);
        world.trace.note(format_args!("{victim} shows its new CA"));
        sleep(world.dice.between(Duration::ZERO, SPREAD)).await;
        let mut state = world.lock();
        if let Some(offices) = state.federation.offices(victim) {
            offices.end_oldest();
        }
        state.tally.cas += 1;
        drop(state);
        world.publish(SPREAD);
    });
}
