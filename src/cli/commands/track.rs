//! `allpoints track`: what each recipient did with a statement, when, and why; who is overdue, and whom to call.

use std::{collections::BTreeMap, time::Duration};

use clap::ValueEnum;

use crate::{
    cli::{
        connection::Desk,
        exit::{CliError, Exit},
        output::{escape, names, span, table, time},
        session::{Session, read_failed},
    },
    domain::time::Timestamp,
    proto::desk::v1::{
        Delivery, DeliveryState, HandStage, HandlingLife, LinksRequest, Overdue, Summary,
        TrackRequest, TrackResponse,
    },
};

use super::{link, list::marked_kind, touched};

mod course;

/// Arguments of `track`.
#[derive(Debug, clap::Args)]
pub struct TrackArgs {
    /// Own statement: full id, any unique prefix of 8 or more, or a reference
    id: String,
    /// Wait until every recipient that runs a node is this far
    #[arg(long)]
    wait: Option<Stage>,
    /// Seconds to wait at most
    #[arg(long, default_value_t = 60, requires = "wait")]
    timeout: u64,
}

/// How far a recipient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Its node holds it
    Delivered,
    /// An officer saw it in full
    Opened,
    /// It was answered beyond being assigned
    Answered,
}

/// Time between looks while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Shows it, after waiting if asked.
///
/// # Errors
/// Exit 6 when the wait ran out or a recipient will never be that far; 4 when the statement is not known.
pub async fn run(args: TrackArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let until = session.clock.monotonic() + Duration::from_secs(args.timeout);
    let mut track = look(&mut desk, &args.id).await?;
    let mut behind = Vec::new();
    if let Some(stage) = args.wait {
        loop {
            behind = track
                .deliveries
                .iter()
                // What goes by hand is never delivered, and nobody waits for it here.
                .filter(|it| it.state() != DeliveryState::ByHand && !stage.is_reached(it))
                .cloned()
                .collect();
            let hopeless = behind.iter().any(is_ended);
            if behind.is_empty() || hopeless || session.clock.monotonic() >= until {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            track = look(&mut desk, &args.id).await?;
        }
    }
    let contacts = contacts(&mut desk).await;
    let now = session.clock.now();
    session
        .output
        .value(&track, |track| render(track, &contacts, now))?;
    if behind.is_empty() {
        return Ok(());
    }
    let who = behind.iter().map(|it| escape(&it.recipient));
    Err(CliError::new(
        Exit::Unhealthy,
        format!("not yet: {}", who.collect::<Vec<_>>().join(", ")),
    )
    .hint("`allpoints links` shows why a partner is behind; call its duty contact if it matters"))
}

impl Stage {
    fn is_reached(self, delivery: &Delivery) -> bool {
        match self {
            Self::Delivered => delivery.state() == DeliveryState::Delivered,
            Self::Opened => delivery.opened_at_us != 0 || delivery.answered_at_us != 0,
            Self::Answered => delivery.handling() == HandlingLife::Answered,
        }
    }
}

fn is_ended(delivery: &Delivery) -> bool {
    matches!(
        delivery.state(),
        DeliveryState::Refused | DeliveryState::Expired
    )
}

async fn look(desk: &mut Desk, id: &str) -> Result<TrackResponse, CliError> {
    let request = TrackRequest { id: id.to_owned() };
    Ok(desk.track(request).await.map_err(read_failed)?.into_inner())
}

/// Duty contacts, where the directory names them. A desk that may not see the links still sees the track.
async fn contacts(desk: &mut Desk) -> BTreeMap<String, String> {
    match desk.links(LinksRequest { check: false }).await {
        Ok(response) => response
            .into_inner()
            .links
            .into_iter()
            .map(|link| (link.authority, link.contact))
            .collect(),
        Err(_) => BTreeMap::new(),
    }
}

fn render(track: &TrackResponse, contacts: &BTreeMap<String, String>, now: Timestamp) -> String {
    let summary = track.summary.clone().unwrap_or_default();
    let mut shown = format!(
        "{}  {}  {}  {}\n{}\n{}",
        escape(&summary.reference),
        marked_kind(&summary),
        names::priority(summary.priority),
        names::alert_life(summary.life),
        names::statement(summary.statement.as_ref()),
        days(&summary),
    );
    let mut recipients = table([
        "recipient",
        "delivery",
        "since",
        "why",
        "opened",
        "latest",
        "gravest",
        "overdue",
    ]);
    for delivery in &track.deliveries {
        recipients.add_row([
            escape(&delivery.recipient),
            names::delivery_state(delivery.state),
            time(delivery.since_us),
            why(delivery),
            time(delivery.opened_at_us),
            or_dash(&delivery.latest_answer),
            or_dash(&delivery.gravest_answer),
            overdue(&delivery.overdue, now),
        ]);
    }
    shown.push_str(&recipients.to_string());
    shown.push('\n');
    shown.push_str(&extensions(&track.deliveries));
    shown.push_str(&link::same_person(track.same_person.as_ref()));
    shown.push_str(&touched::lines(&track.touched));
    shown.push_str(&whom_to_call(track, contacts, now));
    shown.push_str(&owed(&track.running, now));
    shown.push_str(&course::table_of(&track.events));
    shown
}

/// Who was not named by the statement itself, and what gave it to them.
fn extensions(deliveries: &[Delivery]) -> String {
    let extended = deliveries.iter().filter_map(|delivery| {
        let by = delivery.extended_by.as_ref()?;
        Some(format!(
            "extended to {} at {}: {}\n",
            escape(&delivery.recipient),
            time(delivery.extended_at_us),
            names::statement(Some(by)),
        ))
    });
    extended.collect()
}

/// What the alert's days are, where it has any.
fn days(summary: &Summary) -> String {
    let days = [
        ("valid until", &summary.valid_until),
        ("review on", &summary.review_on),
        ("expected back", &summary.expected_return_on),
    ];
    let said = days.into_iter().filter(|(_, day)| !day.is_empty());
    let said: Vec<_> = said
        .map(|(what, day)| format!("{what} {}", escape(day)))
        .collect();
    match said.is_empty() {
        true => String::new(),
        false => format!("{}\n", said.join(", ")),
    }
}

fn why(delivery: &Delivery) -> String {
    if delivery.state() == DeliveryState::ByHand {
        return by_hand(delivery);
    }
    match (delivery.reason.as_str(), delivery.attempts) {
        ("", 0 | 1) => "-".to_owned(),
        ("", tries) => format!("{tries} tries"),
        (reason, 0 | 1) => escape(reason),
        (reason, tries) => format!("{}, {tries} tries", escape(reason)),
    }
}

/// How far it has come, how it is carried, by whom, acknowledged by whom.
fn by_hand(delivery: &Delivery) -> String {
    let stage = match delivery.hand() {
        HandStage::Waiting => "to be carried".to_owned(),
        _ => names::hand(delivery.hand),
    };
    let mut lines = vec![match delivery.channel.as_str() {
        "" => stage,
        channel => format!("{stage}, {}", escape(channel)),
    }];
    if let Some(report) = &delivery.report {
        let (by, at) = (escape(&report.carried_by), time(report.carried_at_us));
        lines.push(format!("carried by {by}, {at}"));
        if !report.acknowledged_by.is_empty() {
            lines.push(format!(
                "acknowledged by {}",
                escape(&report.acknowledged_by)
            ));
        }
    }
    lines.join("\n")
}

fn overdue(clocks: &[Overdue], now: Timestamp) -> String {
    let lines = clocks.iter().map(|clock| late(clock, now));
    or_dash(&lines.collect::<Vec<_>>().join("\n"))
}

/// `an answer, 1 h 35 min late`
fn late(clock: &Overdue, now: Timestamp) -> String {
    let late = now.since(Timestamp::from_micros(clock.due_us));
    format!("{}, {} late", due(clock), span(late))
}

/// What a clock waits for.
fn due(clock: &Overdue) -> String {
    match clock.clock.as_str() {
        "delivered" => "a receipt".to_owned(),
        "opened" => "an officer's view".to_owned(),
        "answer" => "an answer".to_owned(),
        "instruction" => "an instruction".to_owned(),
        "carried" => "word that it was carried".to_owned(),
        // A later version's.
        other => escape(other),
    }
}

/// Who is late, with what, and how to reach them.
fn whom_to_call(
    track: &TrackResponse,
    contacts: &BTreeMap<String, String>,
    now: Timestamp,
) -> String {
    let own = track.summary.iter().flat_map(|it| &it.overdue);
    let theirs = track.deliveries.iter().flat_map(|it| &it.overdue);
    let mut owing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for clock in own.chain(theirs) {
        let said = late(clock, now);
        let of = owing.entry(clock.owed_by.as_str()).or_default();
        if !of.contains(&said) {
            of.push(said);
        }
    }
    owing
        .into_iter()
        .map(|(who, clocks)| {
            let owes = format!("overdue: {} owes {}", escape(who), clocks.join("; "));
            match contacts.get(who).map(String::as_str) {
                None | Some("") => format!("{owes}\n"),
                Some(contact) => format!("{owes}; call {}\n", escape(contact)),
            }
        })
        .collect()
}

/// Who must do what until when.
fn owed(clocks: &[Overdue], now: Timestamp) -> String {
    let to_come = clocks.iter().filter(|it| it.due_us >= now.as_micros());
    to_come
        .map(|clock| {
            let (who, until) = (escape(&clock.owed_by), time(clock.due_us));
            format!("{who} owes {} by {until}\n", due(clock))
        })
        .collect()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod asleep;
#[cfg(test)]
mod tests;
