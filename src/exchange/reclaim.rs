//! `Reclaim`: messages to the broker's words and back, for both sides.

use super::convert::{ConvertError, batch_from, batch_into};
use crate::{
    delivery::{Given, ReclaimAsk, ReclaimPage, Reclaimed},
    domain::{
        id::{MessageId, StatementRef},
        limits::{RECLAIM_MAX_NAMES, RECLAIM_MAX_STATEMENTS},
        reason::Reason,
        time::Timestamp,
    },
    proto::{envelope::v1 as envelope, exchange::v1 as pb},
};

/// Reads what a peer asks for.
///
/// # Errors
/// When it asks for both or neither, for too many, or by what is no name.
pub(super) fn ask_from(request: &pb::ReclaimRequest) -> Result<ReclaimAsk, ConvertError> {
    match (&request.look, request.statements.len()) {
        (Some(look), 0) => Ok(ReclaimAsk::Since {
            at: Timestamp::from_micros(look.since_us),
            after: look.after,
        }),
        (None, 1..=RECLAIM_MAX_STATEMENTS) => {
            let names = request.statements.iter().map(name_from);
            Ok(ReclaimAsk::Statements(names.collect::<Result<_, _>>()?))
        }
        (_, found) => Err(ConvertError::Count {
            what: "statements to give back",
            found,
            most: RECLAIM_MAX_STATEMENTS,
        }),
    }
}

/// Writes what we ask for.
pub(super) fn ask_into(ask: ReclaimAsk) -> pb::ReclaimRequest {
    match ask {
        ReclaimAsk::Statements(names) => pb::ReclaimRequest {
            statements: names.iter().map(name_into).collect(),
            look: None,
        },
        ReclaimAsk::Since { at, after } => pb::ReclaimRequest {
            statements: Vec::new(),
            look: Some(pb::ReclaimLook {
                since_us: at.as_micros(),
                after,
            }),
        },
    }
}

/// Reads a page that a partner gave.
///
/// # Errors
/// When there is more than may be, or a field has the wrong shape.
pub(super) fn page_from(page: pb::ReclaimResponse) -> Result<ReclaimPage, ConvertError> {
    let within = |what, found, most| match found <= most {
        true => Ok(()),
        false => Err(ConvertError::Count { what, found, most }),
    };
    within("items", page.items.len(), RECLAIM_MAX_STATEMENTS)?;
    within("names", page.held.len(), RECLAIM_MAX_NAMES)?;
    Ok(ReclaimPage {
        items: page
            .items
            .into_iter()
            .map(item_from)
            .collect::<Result<_, _>>()?,
        held: page.held.iter().map(name_from).collect::<Result<_, _>>()?,
        next: page.next,
    })
}

/// Writes a page that we give.
pub(super) fn page_into(page: ReclaimPage) -> pb::ReclaimResponse {
    pb::ReclaimResponse {
        items: page.items.into_iter().map(item_into).collect(),
        held: page.held.iter().map(name_into).collect(),
        next: page.next,
    }
}

fn item_from(item: pb::Reclaimed) -> Result<Reclaimed, ConvertError> {
    let statement = item.statement.as_ref();
    let statement = name_from(statement.ok_or(ConvertError::Missing("statement"))?)?;
    let outcome = match item.document {
        Some(document) => Ok(Given {
            document: batch_from(document)?,
            receipt: item.receipt.map(batch_from).transpose()?,
        }),
        // A reason that this version does not know: nothing was given all the same.
        None => Err(item.reason.parse().unwrap_or(Reason::NotFound)),
    };
    Ok(Reclaimed { statement, outcome })
}

fn item_into(item: Reclaimed) -> pb::Reclaimed {
    let statement = Some(name_into(&item.statement));
    match item.outcome {
        Ok(given) => pb::Reclaimed {
            statement,
            document: Some(batch_into(given.document)),
            receipt: given.receipt.map(batch_into),
            reason: String::new(),
        },
        Err(reason) => pb::Reclaimed {
            statement,
            document: None,
            receipt: None,
            reason: reason.name().to_owned(),
        },
    }
}

fn name_from(name: &envelope::StatementRef) -> Result<StatementRef, ConvertError> {
    let origin = name.origin.parse();
    let id = MessageId::from_bytes(&name.id);
    match (origin, id) {
        (Ok(origin), Ok(id)) => Ok(StatementRef { origin, id }),
        _ => Err(ConvertError::Missing("name of a statement")),
    }
}

fn name_into(name: &StatementRef) -> envelope::StatementRef {
    envelope::StatementRef {
        origin: name.origin.to_string(),
        id: name.id.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> StatementRef {
        StatementRef {
            origin: "XA-POL".parse().unwrap(),
            id: MessageId::from_parts(number, [7; 10]),
        }
    }

    #[test]
    fn what_is_asked_comes_back_as_it_was() {
        for ask in [
            ReclaimAsk::Statements((0..256).map(name).collect()),
            ReclaimAsk::Since {
                at: Timestamp::from_micros(-5),
                after: None,
            },
            ReclaimAsk::Since {
                at: Timestamp::from_micros(9),
                after: Some(0),
            },
        ] {
            assert_eq!(ask_from(&ask_into(ask.clone())), Ok(ask));
        }
    }

    #[test]
    fn too_many_none_and_both_are_refused() {
        let names = |count| ask_into(ReclaimAsk::Statements((0..count).map(name).collect()));
        let mut both = names(1);
        both.look = Some(pb::ReclaimLook::default());
        let mut nameless = names(1);
        nameless.statements[0].id.pop();
        for wrong in [names(0), names(257), both, nameless] {
            assert!(ask_from(&wrong).is_err());
        }
    }

    #[test]
    fn a_page_says_what_is_held_and_why_nothing_is_given() {
        let page = page_into(ReclaimPage {
            items: vec![Reclaimed {
                statement: name(1),
                outcome: Err(Reason::NotFound),
            }],
            held: vec![name(2)],
            next: Some(9),
        });
        let page = page_from(page).unwrap();
        assert_eq!(
            page.items[0].outcome.as_ref().err(),
            Some(&Reason::NotFound)
        );
        assert_eq!((page.held, page.next), (vec![name(2)], Some(9)));
        let too_many = ReclaimPage {
            held: (0..1025).map(name).collect(),
            ..ReclaimPage::default()
        };
        assert!(page_from(page_into(too_many)).is_err());
    }
}
