//! A node is killed in mid-delivery and starts again: nothing is lost, doubled or silent.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    plan::{ARCADIA, BENSALEM, BURST, BURST_BEFORE_KILL, COCKAIGNE, Example},
    report::Promise,
    sabotage::{self, Sabotage},
    stage::{Stage, WITHIN, WITHIN_AFTER_KILL, all_delivered},
};
use crate::{
    cli::{exit::CliError, output::names, session::read_failed},
    proto::{
        alert::v1::Draft,
        desk::v1::{AuditListRequest, Delivery, DeliveryState, Summary},
    },
};

/// Kills Cockaigne's node with SIGKILL in mid-delivery, sends on, starts it again, and counts.
///
/// # Errors
/// When the node does not come back, or a desk does not answer.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), CliError> {
    let total: usize = BURST.iter().sum();
    stage.tell(
        ARCADIA.id,
        format!("sends {total} more alerts to both, in quick succession"),
    );
    let mut burst = BTreeSet::new();
    for (group, how_many) in BURST.into_iter().enumerate() {
        if group == BURST_BEFORE_KILL {
            stage.net.kill(COCKAIGNE.id);
            stage.tell(COCKAIGNE.id, "KILLED in mid-delivery (SIGKILL)");
        }
        burst.extend(send(stage, how_many).await?);
    }
    let waits = |it: &Delivery| it.state() != DeliveryState::Delivered;
    let with_reason = |outbox: &[Summary]| {
        let mut waiting = of(outbox, &burst).filter(|it| waits(it)).peekable();
        waiting.peek().is_some() && waiting.all(|it| !it.reason.is_empty())
    };
    let outbox = stage.outbox_until(WITHIN, with_reason).await?;
    let waiting: Vec<&Delivery> = of(&outbox, &burst).filter(|it| waits(it)).collect();
    let reasons: BTreeSet<&str> = waiting.iter().map(|it| it.reason.as_str()).collect();
    let reasons = reasons.into_iter().collect::<Vec<_>>().join(", ");
    stage.report.counts.waiting_after_kill = waiting.len();
    stage.report.counts.delivered_before_kill = burst.len() - waiting.len();
    let told = format!(
        "{} were signed for before; {} wait, and Arcadia sees why: {reasons}",
        burst.len() - waiting.len(),
        waiting.len()
    );
    stage.check_yes(
        Promise::Kept,
        "a killed node is shown as not reached, with a reason",
        with_reason(&outbox),
    );
    stage.tell(ARCADIA.id, told);
    restart(stage).await?;
    settled(stage, &burst).await?;
    exactly_once(stage, &burst).await
}

async fn send(stage: &mut Stage<'_>, how_many: usize) -> Result<BTreeSet<String>, CliError> {
    let now = stage.now();
    let both = [BENSALEM.id, COCKAIGNE.id];
    let drafts = (0..how_many).map(|_| Example::MissingOffender.draft(&both, now));
    let drafts = drafts.collect::<Result<Vec<Draft>, _>>()?;
    let accepted = stage.submit(ARCADIA.id, drafts).await?;
    let ids = accepted
        .iter()
        .map(|it| names::statement(it.statement.as_ref()));
    Ok(ids.collect())
}

/// What Cockaigne did with these.
fn of<'a>(outbox: &'a [Summary], ids: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Delivery> {
    outbox
        .iter()
        .filter(|item| ids.contains(&names::statement(item.statement.as_ref())))
        .flat_map(|item| &item.deliveries)
        .filter(|it| it.recipient == COCKAIGNE.id)
}

async fn restart(stage: &mut Stage<'_>) -> Result<(), CliError> {
    if stage.fault == Some(Sabotage::Journal) {
        sabotage::damage_journal(&stage.net.folder_of(COCKAIGNE.id).join("data"))?;
    }
    let restarted = stage.net.start_again(COCKAIGNE.id).await;
    let seen = restarted
        .as_ref()
        .map_or_else(ToString::to_string, |_| "ready".to_owned());
    let name = "the killed node starts again, its journal whole";
    stage.report.check(Promise::Kept, name, "ready", &seen);
    let process = restarted?;
    stage.tell(
        COCKAIGNE.id,
        format!("starts again as process {process}: its journal is whole"),
    );
    // New process ids, the same handshakes.
    for (node, seen) in stage.report.nodes.iter_mut().zip(stage.net.seen()) {
        node.process_ids = seen.process_ids;
    }
    Ok(())
}

async fn settled(stage: &mut Stage<'_>, burst: &BTreeSet<String>) -> Result<(), CliError> {
    let signed = |outbox: &[Summary]| {
        let burst = outbox
            .iter()
            .filter(|item| burst.contains(&names::statement(item.statement.as_ref())));
        burst.filter(|item| all_delivered(&item.deliveries)).count()
    };
    let so = |outbox: &[Summary]| signed(outbox) == burst.len();
    let outbox = stage.outbox_until(WITHIN_AFTER_KILL, so).await?;
    let signed = signed(&outbox);
    stage.report.check(
        Promise::Kept,
        "after the restart everything is signed for",
        &format!("{0} of {0}", burst.len()),
        &format!("{signed} of {}", burst.len()),
    );
    stage.tell(
        ARCADIA.id,
        format!("{signed} of {} are signed for by both", burst.len()),
    );
    Ok(())
}

/// Counts in the journal of the node that was killed: it is the truth, and cannot be tidied up.
async fn exactly_once(stage: &mut Stage<'_>, burst: &BTreeSet<String>) -> Result<(), CliError> {
    let mut desk = stage.desk(COCKAIGNE.id, "auditor").await?;
    let mut received: BTreeMap<String, usize> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let request = AuditListRequest {
            cursor,
            limit: 200,
            ..AuditListRequest::default()
        };
        let page = desk
            .audit_list(request)
            .await
            .map_err(read_failed)?
            .into_inner();
        for entry in page.entries.iter().filter(|entry| entry.act == "received") {
            *received
                .entry(names::statement(entry.statement.as_ref()))
                .or_default() += 1;
        }
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    let once = burst
        .iter()
        .filter(|id| received.get(*id) == Some(&1))
        .count();
    stage.report.check(
        Promise::Kept,
        "everything is there exactly once",
        &format!("{0} of {0}", burst.len()),
        &format!("{once} of {}", burst.len()),
    );
    stage.tell(
        COCKAIGNE.id,
        format!("its journal holds {once} of {} exactly once", burst.len()),
    );
    Ok(())
}
