//! `Resume`: a person lets deliveries go on that wait for one.
//!
//! The way in is [`resume`]. Each is journaled by the broker, with who did it. Must never touch a delivery that is not
//! held: one wrong recipient, and nothing is done.

use tonic::Status;

use super::{
    service::{DeskService, Permit, submit_failed},
    summary::reference_of,
    thread::located,
};
use crate::{
    domain::{id::AuthorityId, lives::DeliveryLife, reason::Reason},
    proto::desk::v1 as pb,
    store::record::MessageRecord,
    wire::status::refusal,
};

/// Resumes what is held of one statement.
pub(super) async fn resume(
    desk: &DeskService,
    permit: &Permit,
    request: pb::ResumeRequest,
) -> Result<pb::ResumeResponse, Status> {
    let (record, _) = located(desk, &request.id).await?;
    let recipients = held(&record, &request.to)?;
    let broker = &desk.parts().broker;
    for recipient in &recipients {
        // What was extended waits inside its carrier.
        let extended = record.delivery(recipient).and_then(|it| it.extended);
        let statement = extended.map_or(record.statement, |it| it.by);
        broker
            .resume(permit.actor, statement, *recipient)
            .await
            .map_err(|error| submit_failed(&error))?;
    }
    Ok(pb::ResumeResponse {
        statement: Some(reference_of(&record.statement)),
        resumed: recipients.iter().map(ToString::to_string).collect(),
    })
}

/// Those that are meant, all of them held: as named, or everybody whose delivery is held.
fn held(record: &MessageRecord, named: &[String]) -> Result<Vec<AuthorityId>, Status> {
    let held: Vec<AuthorityId> = record
        .deliveries
        .iter()
        .filter(|delivery| matches!(delivery.life, DeliveryLife::Held(_)))
        .map(|delivery| delivery.recipient)
        .collect();
    let statement = &record.statement;
    if held.is_empty() {
        return Err(refusal(
            Reason::NotFound,
            format!("no delivery of {statement} is held: there is nothing to resume"),
        ));
    }
    if named.is_empty() {
        return Ok(held);
    }
    let is_named = |recipient: &AuthorityId| named.iter().any(|name| name == recipient.as_str());
    if let Some(wrong) = named
        .iter()
        .find(|name| !held.iter().any(|recipient| recipient.as_str() == *name))
    {
        let held: Vec<_> = held.iter().map(AuthorityId::as_str).collect();
        return Err(refusal(
            Reason::NotFound,
            format!(
                "no delivery of {statement} to `{}` is held: expected any of {}",
                wrong.escape_default(),
                held.join(", ")
            ),
        ));
    }
    Ok(held.into_iter().filter(is_named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desk::testing::own_alert, domain::routing::Priority};

    #[test]
    fn only_what_is_held_is_resumed_and_a_wrong_name_stops_all() {
        let mut record = own_alert(Priority::Flash);
        let named = |name: &str| vec![name.to_owned()];
        let nothing = held(&record, &[]).unwrap_err();
        assert!(nothing.message().contains("nothing to resume"));

        record.deliveries[0].life = DeliveryLife::Held(Reason::UnsupportedVersion);
        let recipient = record.deliveries[0].recipient;
        assert_eq!(held(&record, &[]).unwrap(), [recipient]);
        assert_eq!(held(&record, &named("XB-POL")).unwrap(), [recipient]);
        let wrong = held(&record, &["XB-POL".to_owned(), "XC-POL".to_owned()]).unwrap_err();
        assert!(wrong.message().contains("`XC-POL`"), "{}", wrong.message());
        assert!(wrong.message().contains("expected any of XB-POL"));
    }
}
