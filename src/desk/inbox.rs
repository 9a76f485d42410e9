//! `List`: the inbox and the outbox by cursor, newest first. Routing and state only, no person.

use tonic::Status;

use super::{
    cursor::{self, Paged},
    moment::Moment,
    service::{DeskService, Permit, store_failed},
    summary::summary,
    touched,
};
use crate::{
    domain::{
        limits::{PAGE_DEFAULT_ITEMS, PAGE_MAX_ITEMS},
        lives::AlertLife,
        reason::Reason,
        routing::{self, Kind},
    },
    proto::desk::v1 as pb,
    store::{
        ledger::{Ledger, ListBox, ListFilter},
        record::MessageRecord,
    },
    wire::status::refusal,
};

/// One page.
pub(super) async fn list(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::ListRequest,
) -> Result<pb::ListResponse, Status> {
    let (list_box, paged) = match request.r#box() {
        pb::Box::In => (ListBox::In, Paged::In),
        pb::Box::Out => (ListBox::Out, Paged::Out),
        pb::Box::Unspecified => return Err(wrong("box", "BOX_IN or BOX_OUT")),
    };
    let before = cursor::read(paged, &request.cursor)?;
    let limit = page_size(request.limit)?;
    let filter = ListFilter {
        unopened_only: request.unopened_only,
        kinds: kinds(&request.kinds)?,
        status: status(request.status)?,
    };
    // One more than asked tells whether there is another page.
    let mut records = desk
        .parts()
        .store
        .read(|ledger| {
            let records = with_threads(ledger, list_box, &filter, before, limit + 1);
            let kept_to = |(record, thread): (MessageRecord, Vec<MessageRecord>)| {
                let units = ledger.kept_to(&record.thread);
                (record, thread, units)
            };
            records.into_iter().map(kept_to).collect::<Vec<_>>()
        })
        .await
        .map_err(|error| store_failed(&error))?;
    let more = records.len() > limit;
    records.truncate(limit);
    let moment = Moment::of(desk.parts());
    let next_cursor = records
        .last()
        .filter(|_| more)
        .map_or_else(String::new, |(last, ..)| cursor::write(paged, last.ordinal));
    // An alert's own line says it, and none of what follows in its thread.
    let alerts = records.iter().filter(|(record, ..)| record.is_alert());
    let alerts = alerts.map(|(record, ..)| record.statement);
    let mut touched = touched::of_lines(desk, permit, alerts.collect()).await?;
    Ok(pb::ListResponse {
        next_cursor,
        items: records
            .into_iter()
            .map(|(record, thread, kept_to)| pb::Summary {
                kept_to,
                touched: touched.remove(&record.statement).unwrap_or_default(),
                ..summary(&record, &thread, &moment)
            })
            .collect(),
    })
}

/// Records of a list, each with its thread: what is owed stands in what came after.
pub(super) fn with_threads(
    ledger: &Ledger,
    list_box: ListBox,
    filter: &ListFilter,
    before: Option<u64>,
    limit: usize,
) -> Vec<(MessageRecord, Vec<MessageRecord>)> {
    let records = ledger.list(list_box, filter, before, limit);
    let with_thread = |record: MessageRecord| {
        // Only what lives owes anything; of the rest, the first says how to go about the person.
        let thread = match record.life {
            AlertLife::Live => ledger.thread(&record.thread),
            _ => ledger.message(&record.thread).into_iter().collect(),
        };
        (record, thread)
    };
    records.into_iter().map(with_thread).collect()
}

/// Items of a page: 1 to 200, and 50 when none is said.
pub(super) fn page_size(asked: u32) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_DEFAULT_ITEMS),
        Ok(asked) if asked <= PAGE_MAX_ITEMS => Ok(asked),
        _ => Err(wrong("limit", "1 to 200, or 0 for 50")),
    }
}

/// Kinds by their numbers on the wire.
pub(super) fn kinds(numbers: &[i32]) -> Result<Vec<Kind>, Status> {
    let kind = |number: &i32| u8::try_from(*number).ok().and_then(Kind::from_number);
    numbers
        .iter()
        .map(|number| kind(number).ok_or_else(|| wrong("kinds", "kinds that this node carries")))
        .collect()
}

fn status(number: i32) -> Result<Option<routing::Status>, Status> {
    match u8::try_from(number) {
        Ok(0) => Ok(None),
        Ok(number) => routing::Status::from_number(number)
            .map(Some)
            .ok_or_else(|| wrong("status", "actual, exercise, system or test")),
        Err(_) => Err(wrong("status", "actual, exercise, system or test")),
    }
}

fn wrong(field: &str, expected: &str) -> Status {
    refusal(Reason::Malformed, format!("{field}: expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_have_a_default_and_a_cap() {
        assert_eq!(page_size(0).expect("default"), 50);
        assert_eq!(page_size(200).expect("cap"), 200);
        assert!(page_size(201).is_err());
    }

    #[test]
    fn numbers_that_name_nothing_are_refused() {
        assert_eq!(
            kinds(&[1, 15]).expect("legal"),
            [Kind::MissingOffender, Kind::Recall]
        );
        assert!(kinds(&[0]).is_err() && kinds(&[-1]).is_err() && kinds(&[300]).is_err());
        assert_eq!(status(2).expect("legal"), Some(routing::Status::Exercise));
        assert_eq!(status(0).expect("all"), None);
        assert!(status(5).is_err() && status(-1).is_err());
    }
}
