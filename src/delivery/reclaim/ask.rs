//! Asking every partner for what was lost, until all have answered.

use std::{collections::BTreeSet, sync::Arc};

use super::{Asking, ReclaimAsk, ReclaimPage, Reclaimed, Stage, keep};
use crate::{
    delivery::core::Core,
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{
            CLOCK_TOLERANCE, RECLAIM_FIRST_ROUND, RECLAIM_MAX_STATEMENTS, RECLAIM_RETRY,
            RECLAIM_TIMEOUT,
        },
        reason::Reason,
        routing::Lane,
        time::Timestamp,
    },
    store::{StoreFailed, entry::Act, event::Event, ledger::Ledger, record::Direction},
};

/// Begins, when there is something to ask for. Until all partners were tried once, nothing of our own is accepted.
pub(in crate::delivery) fn begin(core: &Arc<Core>) {
    let loss = core.store.loss();
    core.asking.note_lost(core.authority, &loss);
    let Some(since) = loss.ask_since else {
        return;
    };
    let waiting: BTreeSet<AuthorityId> = partners(core);
    tracing::warn!(partners = waiting.len(), %since, "partners are asked for what was lost");
    {
        let mut state = core.asking.lock();
        state.first_round = true;
        // Our clock may stand before what the journal has seen.
        let now = core.now();
        state.stage = Stage::Asking {
            unnamed_before: loss.unnamed_before.map(|latest| latest.max(now)),
        };
        state.told.waiting = waiting;
    }
    let asking = Arc::clone(core);
    core.spawn(async move {
        if let Err(error) = keep_asking(&asking, since).await {
            tracing::error!(%error, "asking partners for what was lost ended");
        }
    });
}

/// All members with a node but ourselves, suspended ones too: they may be the only ones who hold it.
fn partners(core: &Core) -> BTreeSet<AuthorityId> {
    let directory = core.directory.load();
    let members = directory
        .members()
        .filter(|member| member.off_network.is_none())
        .map(|member| member.id);
    members.filter(|id| *id != core.authority).collect()
}

/// Those of them that may be talked to now.
fn admitted(core: &Core, waiting: &BTreeSet<AuthorityId>) -> BTreeSet<AuthorityId> {
    let directory = core.directory.load();
    directory
        .active()
        .map(|member| member.id)
        .filter(|id| waiting.contains(id))
        .collect()
}

async fn keep_asking(core: &Arc<Core>, since: Timestamp) -> Result<(), StoreFailed> {
    let asked_since = since.minus(2 * CLOCK_TOLERANCE);
    while !core.is_stopping() {
        let members = partners(core);
        let asked = {
            let mut state = core.asking.lock();
            state.told.waiting.retain(|peer| members.contains(peer));
            admitted(core, &state.told.waiting)
        };
        let asking = asked.iter().map(|peer| ask_all(core, *peer, asked_since));
        let answers = all_answers(&core.asking, futures_util::future::join_all(asking)).await;
        {
            let mut state = core.asking.lock();
            for (peer, answer) in asked.iter().zip(answers) {
                match answer {
                    Ok(()) => {
                        state.told.waiting.remove(peer);
                    }
                    Err(reason) => tracing::info!(%peer, %reason, "not asked yet"),
                }
            }
            state.first_round = false;
            if state.told.waiting.is_empty() {
                break;
            }
        }
        tokio::time::sleep(RECLAIM_RETRY).await;
    }
    if core.is_stopping() {
        return Ok(());
    }
    let missing = core.store.loss().missing.len();
    let missing = u32::try_from(missing).unwrap_or(u32::MAX);
    core.record(vec![Event::ReclaimEnded { missing }]).await?;
    core.store.asked();
    core.asking.lock().stage = Stage::Over;
    tracing::warn!(missing, "all partners were asked for what was lost");
    Ok(())
}

/// Waits for a round. The first one, in which nothing of our own is accepted, only so long: a partner that names
/// without end, or slowly, must not stop our own desk.
async fn all_answers<T>(asking: &Asking, round: impl Future<Output = T>) -> T {
    tokio::pin!(round);
    if let Ok(answers) = tokio::time::timeout(RECLAIM_FIRST_ROUND, &mut round).await {
        return answers;
    }
    asking.lock().first_round = false;
    round.await
}

/// Everything that one partner holds. What a page names is fetched before the next: a page is all that is in memory.
///
/// # Errors
/// Why it could not be asked to the end: it is asked again.
async fn ask_all(core: &Arc<Core>, peer: AuthorityId, since: Timestamp) -> Result<(), Reason> {
    let named = core.read(named_by_headers(core));
    fetch_all(core, peer, named.await.map_err(|_| Reason::Stopping)?).await?;
    let mut after = None;
    loop {
        let page = call(core, peer, ReclaimAsk::Since { at: since, after }).await?;
        let held = page.held;
        let wanted = core.read(|ledger| {
            let wanted = held
                .into_iter()
                .filter(|name| is_wanted(ledger, name, &peer));
            wanted.collect::<BTreeSet<_>>()
        });
        fetch_all(core, peer, wanted.await.map_err(|_| Reason::Stopping)?).await?;
        match page.next {
            Some(next) if after.is_none_or(|before| next > before) => after = Some(next),
            _ => return Ok(()),
        }
    }
}

async fn fetch_all(
    core: &Arc<Core>,
    peer: AuthorityId,
    names: BTreeSet<StatementRef>,
) -> Result<(), Reason> {
    let names: Vec<StatementRef> = names.into_iter().collect();
    for part in names.chunks(RECLAIM_MAX_STATEMENTS) {
        fetch(core, peer, part.to_vec()).await?;
    }
    Ok(())
}

/// Statements whose header was saved, or whose receipt was lost.
fn named_by_headers(core: &Core) -> impl FnOnce(&Ledger) -> BTreeSet<StatementRef> + Send + use<> {
    let loss = core.store.loss();
    move |ledger| {
        let headers = loss.missing.iter().filter_map(|it| it.header.as_ref());
        let of_statements = headers.filter(|header| match header.act {
            Act::Accepted | Act::Received | Act::Carried => {
                let subject = header.subject;
                subject.is_some_and(|subject| ledger.known(&subject).is_none())
            }
            Act::ReceiptStored => true,
            _ => false,
        });
        of_statements.filter_map(|header| header.subject).collect()
    }
}

/// Not here; or ours, and the partner's receipt is not here.
fn is_wanted(ledger: &Ledger, name: &StatementRef, peer: &AuthorityId) -> bool {
    match ledger.message(name) {
        None => ledger.known(name).is_none(),
        Some(record) => {
            record.direction == Direction::Own
                && record.delivery(peer).is_some_and(|delivery| {
                    delivery.receipt.is_none() && delivery.extended.is_none()
                })
        }
    }
}

/// Asks for some by name, page by page, and keeps what comes.
async fn fetch(
    core: &Arc<Core>,
    peer: AuthorityId,
    mut names: Vec<StatementRef>,
) -> Result<(), Reason> {
    while !names.is_empty() {
        let page = call(core, peer, ReclaimAsk::Statements(names.clone())).await?;
        let answered: BTreeSet<StatementRef> =
            page.items.iter().map(|item| item.statement).collect();
        let before = names.len();
        names.retain(|name| !answered.contains(name));
        if names.len() == before {
            return Err(Reason::FrameBroken);
        }
        let items: Vec<Reclaimed> = page.items;
        let keeping = core.run(Lane::Bulk, move |core| keep::keep(core, peer, items));
        let (committing, settled) = keeping.await?;
        committing.durable().await.map_err(|_| Reason::Stopping)?;
        for index in settled.entries {
            core.store.regained(index);
        }
        core.asking.note_lost(core.authority, &core.store.loss());
        core.asking.lock().told.regained += settled.documents;
        if let Some(reason) = settled.again {
            return Err(reason);
        }
    }
    Ok(())
}

async fn call(core: &Core, peer: AuthorityId, ask: ReclaimAsk) -> Result<ReclaimPage, Reason> {
    let asking = core.connector.reclaim(peer, ask);
    let answer = tokio::time::timeout(RECLAIM_TIMEOUT, asking).await;
    let answer = answer.map_err(|_| Reason::ResultTimeout)?;
    answer.map_err(|error| error.reason)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_partner_that_names_without_end_holds_up_our_own_desk_for_a_minute_and_no_longer() {
        const MOMENT: Duration = Duration::from_secs(1);
        let asking = Asking::default();
        asking.lock().first_round = true;
        let endless = all_answers(&asking, sleep(RECLAIM_FIRST_ROUND * 60));
        let desk = async {
            sleep(RECLAIM_FIRST_ROUND - MOMENT).await;
            assert_eq!(asking.check(), Err(Reason::Reclaiming));
            sleep(2 * MOMENT).await;
            assert_eq!(asking.check(), Ok(()));
        };
        tokio::join!(endless, desk);
        // One that answers in time is waited for, and the round is ended by its caller.
        asking.lock().first_round = true;
        all_answers(&asking, sleep(MOMENT)).await;
        assert_eq!(asking.check(), Err(Reason::Reclaiming));
    }
}
