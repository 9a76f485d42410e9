//! `Offers`: own live alerts that are for a group or for all, and that who belongs to these now does not have.
//!
//! The ways in are [`list`] and [`decline`]. Whoever joins is offered to the originator, never given anything by itself:
//! extending is an officer's act, as is not to. Routing and state only, no person.

use tonic::Status;

use super::{
    cursor::{self, Paged},
    drafts::note,
    inbox::page_size,
    moment::Moment,
    service::{DeskService, Permit, store_failed},
    summary::{reference_of, short_reference, summary},
    thread::located,
    units,
};
use crate::{
    delivery::{Found, Offer, Question},
    domain::{id::AuthorityId, limits::OFFERS_LOOK_RECORDS, reason::Reason},
    proto::desk::v1 as pb,
    store::{event::Event, record::Ordinal},
    wire::status::refusal,
};

/// One page, newest first. It may be short of the limit, or empty, and not be the last.
pub(super) async fn list(
    desk: &DeskService,
    request: &pb::OffersRequest,
) -> Result<pb::OffersResponse, Status> {
    let before = cursor::read(Paged::Offers, &request.cursor)?;
    let limit = page_size(request.limit)?;
    let found = find(desk, before, limit).await?;
    let moment = Moment::of(desk.parts());
    let next = found.next;
    Ok(pb::OffersResponse {
        next_cursor: next.map_or_else(String::new, |next| cursor::write(Paged::Offers, next)),
        items: found
            .offers
            .iter()
            .map(|offer| line(offer, &moment))
            .collect(),
    })
}

/// How many there are among the newest that are for groups or for all.
pub(super) async fn count(desk: &DeskService) -> Result<u64, Status> {
    let found = find(desk, None, OFFERS_LOOK_RECORDS).await?;
    Ok(found.offers.len() as u64)
}

/// At most so many offers, out of the next [`OFFERS_LOOK_RECORDS`] alerts: the ledger is not held for longer.
async fn find(desk: &DeskService, before: Option<Ordinal>, limit: usize) -> Result<Found, Status> {
    let parts = desk.parts();
    let directory = parts.directory.load_full();
    let question = Question {
        directory: &directory,
        own: parts.authority,
        now: parts.clock.now(),
    };
    let reading = parts
        .store
        .read(|ledger| question.offers(ledger, before, limit));
    reading.await.map_err(|error| store_failed(&error))
}

/// An alert is not given to these newcomers, and not offered for them again; why is journaled, sealed.
pub(super) async fn decline(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::DeclineOfferRequest,
) -> Result<pb::DeclineOfferResponse, Status> {
    let why = note("reason", &request.reason)?;
    let named: Vec<AuthorityId> = { request.to.iter() }
        .map(|name| name.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| refusal(Reason::Malformed, "to: expected authorities such as XD-POL"))?;
    let (_, alert) = located(desk, &request.id).await?;
    units::check(desk, permit, &alert).await?;
    let parts = desk.parts();
    let directory = parts.directory.load_full();
    let (actor, now) = (permit.actor, parts.clock.now());
    let question = Question {
        directory: &directory,
        own: parts.authority,
        now,
    };
    let plan = parts.store.decide(|ledger| {
        let offered = ledger
            .message(&alert)
            .map_or_else(Vec::new, |record| question.newcomers(&record));
        if let Some(name) = named.iter().find(|name| !offered.contains(name)) {
            return Err(refusal(
                Reason::NotFound,
                format!("{} is not offered for {name}", short_reference(&alert)),
            ));
        }
        let mut declined = offered;
        declined.retain(|authority| named.is_empty() || named.contains(authority));
        for recipient in &declined {
            let event = Event::OfferDeclined {
                actor,
                statement: alert,
                recipient: *recipient,
                text: why.clone(),
            };
            ledger.record(now, event);
        }
        Ok(declined)
    });
    let declined = plan.commit().await.map_err(|error| store_failed(&error))?;
    let declined = declined.into_inner()?;
    if declined.is_empty() {
        let detail = format!("{} is offered for nobody", short_reference(&alert));
        return Err(refusal(Reason::NotFound, detail));
    }
    Ok(pb::DeclineOfferResponse {
        statement: Some(reference_of(&alert)),
        reference: short_reference(&alert),
        declined: declined.iter().map(ToString::to_string).collect(),
    })
}

fn line(offer: &Offer, moment: &Moment) -> pb::Offer {
    let names = offer.record.is_for();
    pb::Offer {
        summary: Some(summary(&offer.record, &offer.thread, moment)),
        addressed: names.map(ToOwned::to_owned).collect(),
        newcomers: offer.newcomers.iter().map(ToString::to_string).collect(),
    }
}
