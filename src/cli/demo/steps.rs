//! The story, step by step; each ends in checks computed from what the nodes say.

use std::time::Duration;

use super::{
    federation, intrusions,
    plan::{self, ARCADIA, BENSALEM, BURST, COCKAIGNE, PLAYERS},
    processes::Net,
    report::DemoReport,
    sabotage::{self, Sabotage},
    table::Live,
};
use crate::{
    cli::{
        commands::audit,
        connection::{self, Desk},
        drafts::{FollowUp, words},
        exit::{CliError, Exit},
        output::names,
        outside::new_message_id,
        session::{Session, read_failed},
        verify,
    },
    proto::{
        alert::v1::{
            Answer, AnswerCode, Awareness, Closure, ClosureReason, Draft, Instruction,
            InstructionCode, Presence, Recall, RecallReason, Sighting, payload::Kind,
        },
        desk::v1::{
            DeliveryState, LinksRequest, ShowRequest, ShowResponse, SubmitRequest, TrackRequest,
            TrackResponse,
        },
        envelope::v1::{Handling, Priority, Status},
    },
    trust::directory::Anchor,
};

/// How long a step may take before what is seen then counts.
const WITHIN: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Everything a step needs.
pub(super) struct Stage<'a> {
    pub(super) net: &'a mut Net,
    pub(super) session: &'a Session,
    pub(super) report: &'a mut DemoReport,
    live: Live,
    fault: Option<Sabotage>,
}

/// Plays the whole story.
///
/// # Errors
/// When a step cannot go on; what it had checked until then stays in the report.
pub(super) async fn all(
    net: &mut Net,
    session: &Session,
    fault: Option<Sabotage>,
    report: &mut DemoReport,
) -> Result<(), CliError> {
    let anchor = federation::found(net)?;
    let live = Live::start();
    let mut stage = Stage {
        net,
        session,
        report,
        live,
        fault,
    };
    stage.start_nodes().await?;
    let alert = stage.send_alert().await?;
    stage.opened_and_hit(&alert).await?;
    stage.no_trace(&alert).await?;
    stage.killed_in_delivery().await?;
    stage.recalled().await?;
    stage.closed(&alert).await?;
    intrusions::all(&mut stage, &anchor).await?;
    stage.evidence(&alert, &anchor).await?;
    stage.gather_nodes().await
}

impl Stage<'_> {
    async fn start_nodes(&mut self) -> Result<(), CliError> {
        for player in PLAYERS {
            self.live.say(player.id, "starts");
            self.net.start(player.id)?;
        }
        let mut seen = String::new();
        let until = self.session.clock.monotonic() + WITHIN;
        let expected = format!("{0} of {0}", PLAYERS.len() * (PLAYERS.len() - 1));
        while seen != expected && self.session.clock.monotonic() < until {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut healthy = 0;
            for player in PLAYERS {
                let mut desk = self.desk(player.id, "ops").await?;
                let links = desk
                    .links(LinksRequest { check: true })
                    .await
                    .map_err(read_failed)?;
                healthy += links
                    .into_inner()
                    .links
                    .iter()
                    .filter(|link| link.healthy)
                    .count();
            }
            seen = format!("{healthy} of {}", PLAYERS.len() * (PLAYERS.len() - 1));
        }
        self.report
            .check("every link is proved in both directions", &expected, &seen);
        Ok(())
    }

    async fn send_alert(&mut self) -> Result<String, CliError> {
        let to: &[&str] = match self.fault {
            Some(Sabotage::Recipient) => &[BENSALEM.id],
            _ => &[BENSALEM.id, COCKAIGNE.id],
        };
        let alert = self
            .submit(ARCADIA.id, vec![plan::alert(to)?])
            .await?
            .remove(0);
        let track = self.track_until(&alert, all_delivered).await?;
        let delivered = delivered_to(&track);
        self.report.delivered += delivered.len();
        self.report.check(
            "both countries' nodes receipt the alert",
            "XB-POL, XC-POL",
            &delivered.join(", "),
        );
        Ok(alert)
    }

    async fn opened_and_hit(&mut self, alert: &str) -> Result<(), CliError> {
        self.show(BENSALEM.id, alert).await?;
        let track = self
            .track_until(alert, |track| {
                delivery(track, BENSALEM.id).is_some_and(|it| it.opened_at_us != 0)
            })
            .await?;
        let opened = delivery(&track, BENSALEM.id).is_some_and(|it| it.opened_at_us != 0);
        self.check_yes("Arcadia is told that Bensalem opened it", opened);

        let to_arcadia = follow_up(alert, &[ARCADIA.id], Priority::Flash);
        let hit = to_arcadia.draft(Kind::Answer(Answer {
            code: AnswerCode::Hit.into(),
            ..Answer::default()
        }));
        let sighting = to_arcadia.draft(Kind::Sighting(Sighting {
            place: "Port Bensal, terminal 2".to_owned(),
            country: "XB".to_owned(),
            seen_at: self.session.clock.now().to_string(),
            reason: "border check".to_owned(),
            presence: Presence::Present.into(),
            awareness: Awareness::Unaware.into(),
            ..Sighting::default()
        }));
        let ids = self.submit(BENSALEM.id, vec![hit, sighting]).await?;
        let track = self
            .track_until(alert, |track| gravest(track, BENSALEM.id) == "hit")
            .await?;
        self.report.check(
            "Bensalem's hit reaches Arcadia",
            "hit",
            &gravest(&track, BENSALEM.id),
        );
        let thread = self
            .show_until(ARCADIA.id, alert, |it| {
                kinds(it).contains(&"sighting".to_owned())
            })
            .await?;
        let place = thread.statements.iter().find_map(|view| {
            match view.payload.as_ref()?.kind.as_ref()? {
                Kind::Sighting(sighting) => Some(sighting.place.clone()),
                _ => None,
            }
        });
        self.report.check(
            "the place of the sighting comes with it",
            "Port Bensal, terminal 2",
            &place.unwrap_or_default(),
        );
        self.instruct(alert, ids.first().map_or(alert, String::as_str))
            .await
    }

    async fn instruct(&mut self, alert: &str, hit: &str) -> Result<(), CliError> {
        let refers_to = format!("{}/{hit}", BENSALEM.id);
        let instruction = FollowUp {
            refers_to,
            ..follow_up(alert, &[BENSALEM.id], Priority::Flash)
        }
        .draft(Kind::Instruction(Instruction {
            code: InstructionCode::Hold.into(),
            text: words(Some("Hold; our duty officer calls you.".to_owned())),
            ..Instruction::default()
        }));
        self.submit(ARCADIA.id, vec![instruction]).await?;
        let thread = self
            .show_until(BENSALEM.id, alert, |it| {
                kinds(it).contains(&"instruction".to_owned())
            })
            .await?;
        let there = kinds(&thread).contains(&"instruction".to_owned());
        self.check_yes("Arcadia's instruction reaches Bensalem", there);
        Ok(())
    }

    async fn no_trace(&mut self, alert: &str) -> Result<(), CliError> {
        if self.fault == Some(Sabotage::Recipient) {
            return Ok(());
        }
        let answer =
            follow_up(alert, &[ARCADIA.id], Priority::Urgent).draft(Kind::Answer(Answer {
                code: AnswerCode::NoTrace.into(),
                checked: vec!["border records".to_owned()],
                checked_until: "2027-01-31".to_owned(),
                ..Answer::default()
            }));
        self.submit(COCKAIGNE.id, vec![answer]).await?;
        let track = self
            .track_until(alert, |track| gravest(track, COCKAIGNE.id) == "no_trace")
            .await?;
        self.report.check(
            "Cockaigne's answer reaches Arcadia",
            "no_trace",
            &gravest(&track, COCKAIGNE.id),
        );
        let thread = self.show(ARCADIA.id, alert).await?;
        self.report.check(
            "no trace leaves the alert live",
            "live",
            &names::alert_life(thread.life),
        );
        Ok(())
    }

    async fn killed_in_delivery(&mut self) -> Result<(), CliError> {
        let drafts = (0..BURST).map(|_| plan::alert(&[BENSALEM.id, COCKAIGNE.id]));
        let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
        let ids = self.submit(ARCADIA.id, drafts).await?;
        self.net.kill(COCKAIGNE.id);
        self.live.say(COCKAIGNE.id, "killed (SIGKILL)");
        // What comes while it is down must wait, with a reason.
        let late = self
            .submit(ARCADIA.id, vec![plan::alert(&[COCKAIGNE.id])?])
            .await?
            .remove(0);
        let track = self
            .track_until(&late, |track| {
                delivery(track, COCKAIGNE.id).is_some_and(|it| !it.reason.is_empty())
            })
            .await?;
        let waits = delivery(&track, COCKAIGNE.id)
            .is_some_and(|it| it.state() != DeliveryState::Delivered && !it.reason.is_empty());
        self.check_yes(
            "a killed node is shown as not reached, with a reason",
            waits,
        );
        if self.fault == Some(Sabotage::Journal) {
            sabotage::damage_journal(&self.net.folder_of(COCKAIGNE.id).join("data"))?;
        }
        let restarted = self.net.start(COCKAIGNE.id);
        self.check_yes("the killed node starts again", restarted.is_ok());
        restarted?;
        let mut arrived = 0;
        let mut here_once = 0;
        for id in ids.iter().chain([&late]) {
            let track = self.track_until(id, all_delivered).await?;
            arrived += usize::from(all_delivered(&track));
            self.report.delivered += delivered_to(&track).len();
            let thread = self.show(COCKAIGNE.id, id).await?;
            here_once += usize::from(thread.statements.len() == 1);
        }
        let all = format!("{0} of {0}", BURST + 1);
        self.report.check(
            "after its restart everything is receipted",
            &all,
            &format!("{arrived} of {}", BURST + 1),
        );
        self.report.check(
            "everything is there exactly once",
            &all,
            &format!("{here_once} of {}", BURST + 1),
        );
        Ok(())
    }

    async fn recalled(&mut self) -> Result<(), CliError> {
        let wrong = self
            .submit(ARCADIA.id, vec![plan::alert(&[BENSALEM.id])?])
            .await?
            .remove(0);
        self.track_until(&wrong, all_delivered).await?;
        if self.fault != Some(Sabotage::Recall) {
            let recall =
                follow_up(&wrong, &[BENSALEM.id], Priority::Urgent).draft(Kind::Recall(Recall {
                    reason: RecallReason::WrongPerson.into(),
                    ..Recall::default()
                }));
            self.submit(ARCADIA.id, vec![recall]).await?;
        }
        let thread = self
            .show_until(BENSALEM.id, &wrong, |it| {
                names::alert_life(it.life) == "recalled"
            })
            .await?;
        self.report.check(
            "a recall is honoured abroad",
            "recalled",
            &names::alert_life(thread.life),
        );
        Ok(())
    }

    async fn closed(&mut self, alert: &str) -> Result<(), CliError> {
        let to: Vec<&str> = match self.fault {
            Some(Sabotage::Recipient) => vec![BENSALEM.id],
            _ => vec![BENSALEM.id, COCKAIGNE.id],
        };
        let closure = follow_up(alert, &to, Priority::Urgent).draft(Kind::Closure(Closure {
            reason: ClosureReason::Found.into(),
            ..Closure::default()
        }));
        self.submit(ARCADIA.id, vec![closure]).await?;
        for who in to {
            let thread = self
                .show_until(who, alert, |it| names::alert_life(it.life) == "closed")
                .await?;
            let name = format!("the closure is honoured by {who}");
            self.report
                .check(&name, "closed", &names::alert_life(thread.life));
        }
        Ok(())
    }

    async fn evidence(&mut self, alert: &str, anchor: &str) -> Result<(), CliError> {
        let anchor: Anchor = anchor
            .parse()
            .map_err(|error| CliError::new(Exit::Failed, format!("the anchor: {error}")))?;
        let mut desk = self.desk(ARCADIA.id, "auditor").await?;
        let mut bytes = audit::fetch(&mut desk, alert).await?;
        if let Some(fault @ (Sabotage::Receipt | Sabotage::Signature)) = self.fault {
            bytes = sabotage::damage_evidence(&bytes, fault)?;
        }
        let report = verify::check(&bytes, Some(anchor), self.session.clock.now());
        self.report.check(
            "the evidence proves itself offline",
            "proved",
            report.verdict.words(),
        );
        let unanchored = verify::check(&bytes, None, self.session.clock.now());
        self.report.check(
            "without the anchor it is not called proved",
            "consistent, not proved",
            unanchored.verdict.words(),
        );
        Ok(())
    }

    async fn gather_nodes(&mut self) -> Result<(), CliError> {
        let mut seen = self.net.seen();
        for node in &mut seen {
            let mut desk = self.desk(&node.authority, "ops").await?;
            let links = desk
                .links(LinksRequest { check: false })
                .await
                .map_err(read_failed)?;
            let lanes = links
                .into_inner()
                .links
                .into_iter()
                .flat_map(|link| link.lanes);
            node.handshakes = lanes
                .map(|lane| format!("{} {} {}", lane.lane, lane.peer_uri, lane.key_exchange))
                .collect();
        }
        self.report.nodes = seen;
        Ok(())
    }

    /// A client of an authority's own desk.
    pub(super) async fn desk(&self, who: &str, role: &str) -> Result<Desk, CliError> {
        let profile = self.net.profile_of(who, role)?;
        connection::connect(&profile, self.session.clock.as_ref()).await
    }

    fn check_yes(&mut self, name: &str, seen: bool) {
        self.report
            .check(name, "yes", if seen { "yes" } else { "no" });
    }

    /// Submits as an officer, with ids made here; gives the ids.
    async fn submit(&self, who: &str, mut drafts: Vec<Draft>) -> Result<Vec<String>, CliError> {
        for draft in &mut drafts {
            draft.id = new_message_id(self.session.clock.as_ref())?.to_string();
        }
        let ids = drafts.iter().map(|draft| draft.id.clone()).collect();
        let mut desk = self.desk(who, "officer").await?;
        let request = SubmitRequest {
            drafts,
            dry_run: false,
        };
        desk.submit(request).await.map_err(read_failed)?;
        Ok(ids)
    }

    async fn show(&self, who: &str, id: &str) -> Result<ShowResponse, CliError> {
        let mut desk = self.desk(who, "officer").await?;
        let request = ShowRequest {
            id: id.to_owned(),
            peek: false,
        };
        Ok(desk.show(request).await.map_err(read_failed)?.into_inner())
    }

    /// Looks until it is so, or the time is over; gives what was seen last.
    async fn show_until(
        &self,
        who: &str,
        id: &str,
        so: impl Fn(&ShowResponse) -> bool,
    ) -> Result<ShowResponse, CliError> {
        let until = self.session.clock.monotonic() + WITHIN;
        loop {
            let thread = self.show(who, id).await;
            let over = self.session.clock.monotonic() >= until;
            match thread {
                Ok(thread) if so(&thread) || over => return Ok(thread),
                Err(error) if over || error.exit != Exit::NotFound => return Err(error),
                _ => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// The same for what Arcadia sees of its own statement.
    async fn track_until(
        &self,
        id: &str,
        so: impl Fn(&TrackResponse) -> bool,
    ) -> Result<TrackResponse, CliError> {
        let until = self.session.clock.monotonic() + WITHIN;
        let mut desk = self.desk(ARCADIA.id, "officer").await?;
        loop {
            let request = TrackRequest { id: id.to_owned() };
            let track = desk.track(request).await.map_err(read_failed)?.into_inner();
            self.live.show(&track);
            if so(&track) || self.session.clock.monotonic() >= until {
                return Ok(track);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn follow_up(alert: &str, to: &[&str], priority: Priority) -> FollowUp {
    FollowUp {
        refers_to: format!("{}/{alert}", ARCADIA.id),
        to: to.iter().map(|it| (*it).to_owned()).collect(),
        priority,
        status: Status::Actual,
        handling: vec![Handling::H1],
    }
}

fn delivery<'a>(
    track: &'a TrackResponse,
    who: &str,
) -> Option<&'a crate::proto::desk::v1::Delivery> {
    track.deliveries.iter().find(|it| it.recipient == who)
}

fn gravest(track: &TrackResponse, who: &str) -> String {
    delivery(track, who).map_or_else(String::new, |it| it.gravest_answer.clone())
}

fn all_delivered(track: &TrackResponse) -> bool {
    !track.deliveries.is_empty()
        && track
            .deliveries
            .iter()
            .all(|it| it.state() == DeliveryState::Delivered)
}

fn delivered_to(track: &TrackResponse) -> Vec<String> {
    let delivered = track
        .deliveries
        .iter()
        .filter(|it| it.state() == DeliveryState::Delivered);
    let mut delivered: Vec<String> = delivered.map(|it| it.recipient.clone()).collect();
    delivered.sort();
    delivered
}

fn kinds(thread: &ShowResponse) -> Vec<String> {
    let summaries = thread
        .statements
        .iter()
        .filter_map(|it| it.summary.as_ref());
    summaries.map(|it| names::kind(it.kind)).collect()
}
