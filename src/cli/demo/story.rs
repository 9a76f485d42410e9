//! The story, scene by scene; each ends in checks computed from what the nodes say.
//!
//! The scenes around the kill are in `outage`, those of proof in `proof` and `intrusions`.

use super::{
    intrusions, outage,
    plan::{ARCADIA, BENSALEM, COCKAIGNE, Example, FEDERATION, PLAYERS, day, short},
    proof,
    report::{Handshake, Promise},
    sabotage::Sabotage,
    stage::{Stage, WITHIN, all_delivered, delivery, gravest, kinds, signed_by},
    table,
};
use crate::{
    cli::{exit::CliError, output::names, session::read_failed},
    proto::{
        alert::v1::{
            Answer, AnswerCode, Draft, Outcome, OutcomeCode, Payload, Retention, RetentionCode,
            payload::Kind,
        },
        desk::v1::{LinksRequest, LinksResponse, ShowResponse, TrackResponse},
    },
};

/// What Arcadia sent first; each as `ORIGIN/id`.
pub(super) struct Sent {
    /// The missing offender.
    pub(super) alert: String,
    /// Its reference for people.
    pub(super) reference: String,
    /// The travel notice, to Bensalem alone.
    notice: String,
    /// The order, which was about the wrong person.
    order: String,
}

/// Plays it.
///
/// # Errors
/// When a scene cannot go on; what had been checked until then stays in the report.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), CliError> {
    links(stage).await?;
    let sent = send(stage).await?;
    opened_and_hit(stage, &sent.alert).await?;
    no_trace(stage, &sent.alert).await?;
    corrected(stage, &sent.alert).await?;
    arrested(stage, &sent.alert).await?;
    outcome(stage, &sent.notice).await?;
    outage::play(stage).await?;
    recalled(stage, &sent.order).await?;
    closed(stage, &sent.alert).await?;
    removed(stage, &sent.alert).await?;
    intrusions::all(stage).await?;
    proof::play(stage, &sent.alert).await?;
    let outbox = stage.outbox().await?;
    stage.report.countries = table::countries(&outbox);
    let deliveries = outbox.iter().flat_map(|item| &item.deliveries).cloned();
    stage.report.counts.statements_sent = outbox.len();
    stage.report.counts.receipts_held = deliveries
        .filter(|it| all_delivered(std::slice::from_ref(it)))
        .count();
    // For whoever talks to nodes that are kept.
    stage.report.alert = sent.reference;
    Ok(())
}

async fn links(stage: &mut Stage<'_>) -> Result<(), CliError> {
    stage.tell(
        "Roots",
        format!(
            "three root keys found the federation `{FEDERATION}`; two of them sign who belongs"
        ),
    );
    let serving = stage.net.serving();
    stage.report.check(
        Promise::Demo,
        "three countries run as three processes",
        "3 processes",
        &format!("{serving} processes"),
    );
    stage.report.nodes = stage.net.seen();
    let pairs = PLAYERS.len() * (PLAYERS.len() - 1);
    let until = stage.session.clock.monotonic() + WITHIN;
    let (mut healthy, mut lanes) = (0, Vec::new());
    while healthy < pairs && stage.session.clock.monotonic() < until {
        (healthy, lanes) = (0, Vec::new());
        for player in PLAYERS {
            let mut desk = stage.desk(player.id, "ops").await?;
            let request = LinksRequest { check: true };
            let links = desk.links(request).await.map_err(read_failed)?.into_inner();
            healthy += links.links.iter().filter(|link| link.healthy).count();
            lanes.push(handshakes(links));
        }
    }
    stage.report.check(
        Promise::Told,
        "every link is proved by a message through it",
        &format!("{pairs} of {pairs}"),
        &format!("{healthy} of {pairs}"),
    );
    let of_its_own = |it: &&Handshake| {
        it.certificate_name
            .starts_with(&format!("allpoints://{}/node/", it.partner))
            && it.key_exchange == "X25519MLKEM768"
    };
    let own = lanes.iter().flatten().filter(of_its_own).count();
    stage.report.check(
        Promise::Proved,
        "certificates name the partner; keys are quantum-safe",
        &format!("{0} of {0} connections", 2 * pairs),
        &format!("{own} of {} connections", 2 * pairs),
    );
    for (node, seen) in stage.report.nodes.iter_mut().zip(lanes) {
        node.handshakes = seen;
    }
    stage.tell(
        "Network",
        format!("{serving} nodes run; {healthy} of {pairs} links proved, over mutual TLS 1.3"),
    );
    Ok(())
}

fn handshakes(links: LinksResponse) -> Vec<Handshake> {
    let of_link = |link: crate::proto::desk::v1::Link| {
        let partner = link.authority;
        link.lanes.into_iter().map(move |lane| Handshake {
            partner: partner.clone(),
            lane: lane.lane,
            certificate_name: lane.peer_uri,
            key_exchange: lane.key_exchange,
        })
    };
    links.links.into_iter().flat_map(of_link).collect()
}

async fn send(stage: &mut Stage<'_>) -> Result<Sent, CliError> {
    let (to, now) = (stage.both(), stage.now());
    let began = stage.session.clock.monotonic();
    let missing = Example::MissingOffender.draft(&to, now)?;
    let (alert, reference) = stage.submit_one(ARCADIA.id, missing).await?;
    stage.tell(
        ARCADIA.id,
        format!("an offender is missing: alert {reference} goes to both partners"),
    );
    let track = stage
        .track_until(&alert, |it| all_delivered(&it.deliveries))
        .await?;
    let took = (stage.session.clock.monotonic() - began).as_secs_f64();
    let signed = signed_by(&track.deliveries);
    let countries: Vec<&str> = signed.split(", ").map(short).collect();
    let countries = countries.join(" and ");
    stage.tell(
        ARCADIA.id,
        format!("holds the signed receipts of {countries}, {took:.2} s later"),
    );
    let name = "both countries sign for the alert";
    stage
        .report
        .check(Promise::Told, name, "XB-POL, XC-POL", &signed);

    let notice = Example::TravelNotice.draft(&[BENSALEM.id], now)?;
    let (notice, _) = stage.submit_one(ARCADIA.id, notice).await?;
    let order = Example::RestrictionOrder.draft(&to, now)?;
    let (order, _) = stage.submit_one(ARCADIA.id, order).await?;
    stage.tell(
        ARCADIA.id,
        "sends a travel notice to Bensalem, and a court's restriction order",
    );
    let track = stage
        .track_until(&notice, |it| all_delivered(&it.deliveries))
        .await?;
    let signed = signed_by(&track.deliveries);
    let name = "the travel notice goes to Bensalem, and to nobody else";
    stage.report.check(Promise::Told, name, "XB-POL", &signed);
    stage
        .track_until(&order, |it| all_delivered(&it.deliveries))
        .await?;
    Ok(Sent {
        alert,
        reference,
        notice,
        order,
    })
}

async fn opened_and_hit(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    stage.show(BENSALEM.id, alert).await?;
    stage.tell(BENSALEM.id, "an officer opens the alert");
    let opened =
        |track: &TrackResponse| delivery(track, BENSALEM.id).is_some_and(|it| it.opened_at_us != 0);
    let track = stage.track_until(alert, opened).await?;
    stage.check_yes(
        Promise::Told,
        "Arcadia is told that Bensalem opened it",
        opened(&track),
    );

    let now = stage.now();
    let hit = answer(
        alert,
        Answer {
            code: AnswerCode::Hit.into(),
            ..Answer::default()
        },
        now,
    )?;
    let sighting = Example::Sighting.reply(alert, &[ARCADIA.id], now)?;
    let ids = stage.submit(BENSALEM.id, vec![hit, sighting]).await?;
    stage.tell(
        BENSALEM.id,
        "HIT: the person stands at passport control, Vesle ferry port",
    );
    let track = stage
        .track_until(alert, |it| gravest(it, BENSALEM.id) == "hit")
        .await?;
    let seen = gravest(&track, BENSALEM.id);
    stage.report.check(
        Promise::Told,
        "Bensalem's hit reaches Arcadia",
        "hit",
        &seen,
    );
    let is_there = |it: &ShowResponse| place_and_time(it).is_some();
    let thread = stage.show_until(ARCADIA.id, alert, is_there).await?;
    stage.report.check(
        Promise::Told,
        "place and time of the sighting come with it",
        &format!("Vesle ferry port, {now}"),
        &place_and_time(&thread).unwrap_or_default(),
    );
    let hit = ids
        .first()
        .map(|it| names::statement(it.statement.as_ref()))
        .unwrap_or_default();
    instruct(stage, alert, &hit).await
}

fn place_and_time(thread: &ShowResponse) -> Option<String> {
    thread
        .statements
        .iter()
        .find_map(|view| match view.payload.as_ref()?.kind.as_ref()? {
            Kind::Sighting(sighting) => Some(format!("{}, {}", sighting.place, sighting.seen_at)),
            _ => None,
        })
}

async fn instruct(stage: &mut Stage<'_>, alert: &str, hit: &str) -> Result<(), CliError> {
    // The person is there: half an hour runs, and the country that asked owes its word.
    let owed = stage
        .track_until(alert, |it| owes_a_word(it).is_some())
        .await?;
    let left = owes_a_word(&owed).map_or(0, |due_us| {
        due_us.saturating_sub(stage.now().as_micros()) / 60_000_000
    });
    let instruction = Example::Instruction.reply(hit, &[BENSALEM.id], stage.now())?;
    stage.submit(ARCADIA.id, vec![instruction]).await?;
    stage.tell(
        ARCADIA.id,
        format!(
            "instructs Bensalem, {left} of its 30 minutes left: confirm who it is, then call us"
        ),
    );
    let given = stage
        .track_until(alert, |it| owes_a_word(it).is_none())
        .await?;
    let seen = match owes_a_word(&given) {
        None => "nothing is owed",
        Some(_) => "owed",
    };
    let name = "the word that a hit asks for is given in time";
    stage
        .report
        .check(Promise::Told, name, "nothing is owed", seen);
    let is_there = |it: &ShowResponse| kinds(it).iter().any(|kind| kind == "instruction");
    let thread = stage.show_until(BENSALEM.id, alert, is_there).await?;
    stage.check_yes(
        Promise::Told,
        "Arcadia's instruction reaches Bensalem",
        is_there(&thread),
    );
    Ok(())
}

/// Until when Arcadia owes its instruction (microseconds); `None`: it owes none.
fn owes_a_word(track: &TrackResponse) -> Option<i64> {
    let clocks = &track.running;
    let owed = clocks.iter().find(|it| it.clock == "instruction");
    owed.map(|it| it.due_us)
}

async fn no_trace(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    if stage.fault == Some(Sabotage::Recipient) {
        // It was never told, so it has nothing to answer.
        return Ok(());
    }
    let now = stage.now();
    let none = Answer {
        code: AnswerCode::NoTrace.into(),
        checked: vec!["border records".to_owned(), "hotel registers".to_owned()],
        checked_until: day(now),
        ..Answer::default()
    };
    stage
        .submit(COCKAIGNE.id, vec![answer(alert, none, now)?])
        .await?;
    stage.tell(
        COCKAIGNE.id,
        "NO TRACE: border records and hotel registers checked",
    );
    let track = stage
        .track_until(alert, |it| gravest(it, COCKAIGNE.id) == "no_trace")
        .await?;
    let seen = gravest(&track, COCKAIGNE.id);
    stage.report.check(
        Promise::Told,
        "Cockaigne's answer reaches Arcadia",
        "no_trace",
        &seen,
    );
    let thread = stage.show(ARCADIA.id, alert).await?;
    let life = names::alert_life(thread.life);
    stage.report.check(
        Promise::Told,
        "no trace leaves the alert live",
        "live",
        &life,
    );
    Ok(())
}

/// An answer to a statement of Arcadia, marked as the statement is.
fn answer(
    to_statement: &str,
    answer: Answer,
    now: crate::domain::time::Timestamp,
) -> Result<Draft, CliError> {
    let mut draft = Example::Sighting.reply(to_statement, &[ARCADIA.id], now)?;
    draft.payload = Some(Payload {
        kind: Some(Kind::Answer(answer)),
        ..Payload::default()
    });
    Ok(draft)
}

async fn corrected(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    let to = stage.both();
    let correction = Example::Correction.reply(alert, &to, stage.now())?;
    stage.submit(ARCADIA.id, vec![correction]).await?;
    stage.tell(
        ARCADIA.id,
        "corrects the date of birth: day and month were swapped",
    );
    let is_there = |it: &ShowResponse| kinds(it).iter().any(|kind| kind == "correction");
    let mut seen = Vec::new();
    for who in &to {
        if is_there(&stage.show_until(who, alert, is_there).await?) {
            seen.push(*who);
        }
    }
    let name = "a correction reaches whoever has the alert";
    stage
        .report
        .check(Promise::Told, name, &to.join(", "), &seen.join(", "));
    Ok(())
}

async fn arrested(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    let now = stage.now();
    let mut arrest = Example::Sighting.reply(alert, &[ARCADIA.id], now)?;
    arrest.payload = Some(Payload {
        kind: Some(Kind::Outcome(Outcome {
            code: OutcomeCode::Arrested.into(),
            happened_on: day(now),
            country: "XB".to_owned(),
            place: "Vesle ferry port".to_owned(),
            ..Outcome::default()
        })),
        ..Payload::default()
    });
    stage.submit(BENSALEM.id, vec![arrest]).await?;
    stage.tell(
        BENSALEM.id,
        "ARRESTED: it is her, and the warrant is recognised",
    );
    let is_arrest = |it: &ShowResponse| outcomes(it).contains(&OutcomeCode::Arrested);
    let thread = stage.show_until(ARCADIA.id, alert, is_arrest).await?;
    stage.check_yes(
        Promise::Told,
        "the arrest is reported to the country that asked",
        is_arrest(&thread),
    );
    Ok(())
}

fn outcomes(thread: &ShowResponse) -> Vec<OutcomeCode> {
    let payloads = thread
        .statements
        .iter()
        .filter_map(|it| it.payload.as_ref());
    payloads
        .filter_map(|payload| match payload.kind.as_ref()? {
            Kind::Outcome(outcome) => Some(outcome.code()),
            _ => None,
        })
        .collect()
}

async fn outcome(stage: &mut Stage<'_>, notice: &str) -> Result<(), CliError> {
    let outcome = Example::Outcome.reply(notice, &[ARCADIA.id], stage.now())?;
    stage.submit(BENSALEM.id, vec![outcome]).await?;
    stage.tell(
        BENSALEM.id,
        "reports on the travel notice: refused entry at Vesle",
    );
    let is_there = |it: &ShowResponse| kinds(it).iter().any(|kind| kind == "outcome");
    let thread = stage.show_until(ARCADIA.id, notice, is_there).await?;
    stage.check_yes(
        Promise::Told,
        "what was done abroad comes back: refused entry",
        is_there(&thread),
    );
    Ok(())
}

async fn recalled(stage: &mut Stage<'_>, order: &str) -> Result<(), CliError> {
    let to = stage.both();
    if stage.fault != Some(Sabotage::Recall) {
        let recall = Example::Recall.reply(order, &to, stage.now())?;
        stage.submit(ARCADIA.id, vec![recall]).await?;
    }
    stage.tell(
        ARCADIA.id,
        "recalls the restriction order: it was about the wrong person",
    );
    let lives = lives_at(stage, &to, order, "recalled").await?;
    let name = "a recall takes the alert back abroad";
    stage
        .report
        .check(Promise::Told, name, &all(&to, "recalled"), &lives);
    Ok(())
}

async fn closed(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    let to = stage.both();
    let closure = Example::Closure.reply(alert, &to, stage.now())?;
    stage.submit(ARCADIA.id, vec![closure]).await?;
    stage.tell(
        ARCADIA.id,
        "closes the alert: arrested. Everybody stands down",
    );
    let lives = lives_at(stage, &to, alert, "closed").await?;
    let name = "a closure is honoured abroad";
    stage
        .report
        .check(Promise::Told, name, &all(&to, "closed"), &lives);
    Ok(())
}

/// Who held a copy says what became of it, and the originator sees it of everybody.
async fn removed(stage: &mut Stage<'_>, alert: &str) -> Result<(), CliError> {
    let to = stage.both();
    for who in &to {
        let removed = Answer {
            code: AnswerCode::Actioned.into(),
            retention: Some(Retention {
                code: RetentionCode::Removed.into(),
                ..Retention::default()
            }),
            ..Answer::default()
        };
        let removed = answer(alert, removed, stage.now())?;
        stage.submit(who, vec![removed]).await?;
    }
    stage.tell("Both", "answer that their copies are removed");
    let said = |track: &TrackResponse| {
        let all = track.deliveries.iter();
        let said = all.filter(|it| it.latest_answer == "actioned");
        said.map(|it| format!("{} removed", it.recipient))
            .collect::<Vec<_>>()
    };
    let track = stage
        .track_until(alert, |it| said(it).len() == to.len())
        .await?;
    let name = "everybody says what became of its copy";
    let seen = said(&track).join(", ");
    stage
        .report
        .check(Promise::Told, name, &all(&to, "removed"), &seen);
    Ok(())
}

/// How each of them has a thread, once it is as wished or the time is over.
async fn lives_at(
    stage: &mut Stage<'_>,
    to: &[&str],
    id: &str,
    wished: &str,
) -> Result<String, CliError> {
    let mut lives = Vec::new();
    for who in to {
        let so = |it: &ShowResponse| names::alert_life(it.life) == wished;
        let thread = stage.show_until(who, id, so).await?;
        lives.push(format!("{who} {}", names::alert_life(thread.life)));
    }
    Ok(lives.join(", "))
}

fn all(who: &[&str], wished: &str) -> String {
    let each: Vec<String> = who.iter().map(|it| format!("{it} {wished}")).collect();
    each.join(", ")
}
