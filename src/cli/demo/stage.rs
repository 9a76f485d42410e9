//! What every scene of the story needs: the desks, looking until something is so, telling and checking.
//!
//! Talks to nodes as their own staff would: through the desk API, with a certificate of the right role.

use std::time::Duration;

use super::{
    plan::{self, ARCADIA, BENSALEM, COCKAIGNE},
    processes::Net,
    report::{DemoReport, Happening, Promise},
    sabotage::Sabotage,
    table::{self, Live},
};
use crate::{
    cli::{
        connection::{self, Desk},
        exit::{CliError, Exit},
        output::names,
        outside::new_message_id,
        session::{Session, read_failed},
    },
    domain::time::Timestamp,
    proto::{
        alert::v1::Draft,
        desk::v1::{
            Box as MailBox, Delivery, DeliveryState, ListRequest, ShowRequest, ShowResponse,
            SubmitRequest, Submitted, Summary, TrackRequest, TrackResponse,
        },
    },
};

/// How long something may take before what is seen then counts. Far above what it takes: a busy machine is not
/// what the checks are about.
pub(super) const WITHIN: Duration = Duration::from_secs(8);
/// The same after a kill: partners may be waiting for their next try.
pub(super) const WITHIN_AFTER_KILL: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// Items of one page: all that the demo sends fits on it.
const PAGE: u32 = 200;

/// The nodes, the session, and what is found.
pub(super) struct Stage<'a> {
    pub(super) net: &'a mut Net,
    pub(super) session: &'a Session,
    pub(super) report: &'a mut DemoReport,
    pub(super) live: Live,
    pub(super) fault: Option<Sabotage>,
}

impl Stage<'_> {
    /// Something happened: it goes into the time line.
    pub(super) fn tell(&mut self, who: &str, what: impl Into<String>) {
        let happening = Happening {
            seconds: self.session.clock.monotonic().as_secs_f64(),
            who: plan::short(who).to_owned(),
            what: what.into(),
        };
        self.live.line(&table::happening(&happening));
        self.live.say(who, &happening.what);
        self.report.timeline.push(happening);
    }

    /// A yes or no.
    pub(super) fn check_yes(&mut self, promise: Promise, name: &str, seen: bool) {
        let seen = if seen { "yes" } else { "no" };
        self.report.check(promise, name, "yes", seen);
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        self.session.clock.now()
    }

    /// To whom the alerts go: without sabotage to both other countries.
    pub(super) fn both(&self) -> Vec<&'static str> {
        match self.fault {
            Some(Sabotage::Recipient) => vec![BENSALEM.id],
            _ => vec![BENSALEM.id, COCKAIGNE.id],
        }
    }

    /// A client of an authority's own desk.
    pub(super) async fn desk(&self, who: &str, role: &str) -> Result<Desk, CliError> {
        let profile = self.net.profile_of(who, role)?;
        connection::connect(&profile, self.session.clock.as_ref()).await
    }

    /// Submits as an officer, with ids made here; gives what the node accepted.
    pub(super) async fn submit(
        &mut self,
        who: &str,
        mut drafts: Vec<Draft>,
    ) -> Result<Vec<Submitted>, CliError> {
        for draft in &mut drafts {
            draft.id = new_message_id(self.session.clock.as_ref())?.to_string();
        }
        let mut desk = self.desk(who, "officer").await?;
        let request = SubmitRequest {
            drafts,
            dry_run: false,
            ..<_>::default()
        };
        let accepted = desk.submit(request).await.map_err(read_failed)?;
        Ok(accepted.into_inner().submitted)
    }

    /// The same for one; gives its full name, `ORIGIN/id`, and the reference for people.
    pub(super) async fn submit_one(
        &mut self,
        who: &str,
        draft: Draft,
    ) -> Result<(String, String), CliError> {
        let accepted = self.submit(who, vec![draft]).await?;
        let one = accepted
            .first()
            .ok_or_else(|| CliError::new(Exit::Failed, "the node accepted nothing"))?;
        Ok((
            names::statement(one.statement.as_ref()),
            one.reference.clone(),
        ))
    }

    /// Reads a thread as an officer of an authority; marks it opened.
    pub(super) async fn show(&self, who: &str, id: &str) -> Result<ShowResponse, CliError> {
        let mut desk = self.desk(who, "officer").await?;
        let request = ShowRequest {
            id: id.to_owned(),
            peek: false,
            ..ShowRequest::default()
        };
        Ok(desk.show(request).await.map_err(read_failed)?.into_inner())
    }

    /// Looks at a thread until it is so, or the time is over; gives what was seen last.
    pub(super) async fn show_until(
        &mut self,
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
                _ => self.pause().await?,
            }
        }
    }

    /// The same for what Arcadia's node knows of a statement.
    pub(super) async fn track_until(
        &mut self,
        id: &str,
        so: impl Fn(&TrackResponse) -> bool,
    ) -> Result<TrackResponse, CliError> {
        let until = self.session.clock.monotonic() + WITHIN;
        let mut desk = self.desk(ARCADIA.id, "officer").await?;
        loop {
            let request = TrackRequest { id: id.to_owned() };
            let track = desk.track(request).await.map_err(read_failed)?.into_inner();
            if so(&track) || self.session.clock.monotonic() >= until {
                // The table shows it too.
                self.outbox().await?;
                return Ok(track);
            }
            self.pause().await?;
        }
    }

    /// The same for all that Arcadia sent.
    pub(super) async fn outbox_until(
        &mut self,
        within: Duration,
        so: impl Fn(&[Summary]) -> bool,
    ) -> Result<Vec<Summary>, CliError> {
        let until = self.session.clock.monotonic() + within;
        loop {
            let outbox = self.outbox().await?;
            if so(&outbox) || self.session.clock.monotonic() >= until {
                return Ok(outbox);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// All that Arcadia sent; the live table shows it.
    pub(super) async fn outbox(&mut self) -> Result<Vec<Summary>, CliError> {
        let mut desk = self.desk(ARCADIA.id, "officer").await?;
        let request = ListRequest {
            r#box: MailBox::Out.into(),
            limit: PAGE,
            ..ListRequest::default()
        };
        let page = desk.list(request).await.map_err(read_failed)?.into_inner();
        self.live.show(&page.items);
        Ok(page.items)
    }

    async fn pause(&mut self) -> Result<(), CliError> {
        tokio::time::sleep(LOOK_EVERY).await;
        self.outbox().await.map(drop)
    }
}

/// What one recipient did with a tracked statement.
pub(super) fn delivery<'a>(track: &'a TrackResponse, who: &str) -> Option<&'a Delivery> {
    track.deliveries.iter().find(|it| it.recipient == who)
}

/// Its gravest answer; empty when there is none.
pub(super) fn gravest(track: &TrackResponse, who: &str) -> String {
    delivery(track, who).map_or_else(String::new, |it| it.gravest_answer.clone())
}

/// True when every recipient has signed for it.
pub(super) fn all_delivered(deliveries: &[Delivery]) -> bool {
    !deliveries.is_empty()
        && deliveries
            .iter()
            .all(|it| it.state() == DeliveryState::Delivered)
}

/// Who has signed for it.
pub(super) fn signed_by(deliveries: &[Delivery]) -> String {
    let signed = deliveries
        .iter()
        .filter(|it| it.state() == DeliveryState::Delivered);
    let mut signed: Vec<&str> = signed.map(|it| it.recipient.as_str()).collect();
    signed.sort_unstable();
    signed.join(", ")
}

/// The kinds of a thread's statements, in order.
pub(super) fn kinds(thread: &ShowResponse) -> Vec<String> {
    let summaries = thread
        .statements
        .iter()
        .filter_map(|it| it.summary.as_ref());
    summaries.map(|it| names::kind(it.kind)).collect()
}
