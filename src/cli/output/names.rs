//! Words for the numbers of the desk protocol. A number that this version does not know is shown as such.

use crate::domain::id;
use crate::proto::{
    desk::v1::{AlertLife, DeliveryState, HandStage, HandlingLife},
    envelope::v1::{Handling, Kind, Priority, StatementRef, Status, TransferGround},
};

/// `missing_offender`
#[must_use]
pub fn kind(number: i32) -> String {
    short(
        Kind::try_from(number).ok().map(|it| it.as_str_name()),
        "KIND_",
        number,
    )
}
/// `flash`
#[must_use]
pub fn priority(number: i32) -> String {
    short(
        Priority::try_from(number).ok().map(|it| it.as_str_name()),
        "PRIORITY_",
        number,
    )
}
/// `exercise`
#[must_use]
pub fn status(number: i32) -> String {
    short(
        Status::try_from(number).ok().map(|it| it.as_str_name()),
        "STATUS_",
        number,
    )
}
/// `live`
#[must_use]
pub fn alert_life(number: i32) -> String {
    short(
        AlertLife::try_from(number).ok().map(|it| it.as_str_name()),
        "ALERT_LIFE_",
        number,
    )
}
/// `delivered`
#[must_use]
pub fn delivery_state(number: i32) -> String {
    short(
        DeliveryState::try_from(number)
            .ok()
            .map(|it| it.as_str_name()),
        "DELIVERY_STATE_",
        number,
    )
}
/// `bundled`
#[must_use]
pub fn hand(number: i32) -> String {
    short(
        HandStage::try_from(number).ok().map(|it| it.as_str_name()),
        "HAND_STAGE_",
        number,
    )
}
/// `opened`
#[must_use]
pub fn handling_life(number: i32) -> String {
    short(
        HandlingLife::try_from(number)
            .ok()
            .map(|it| it.as_str_name()),
        "HANDLING_LIFE_",
        number,
    )
}
/// `safeguards`
#[must_use]
pub fn ground(number: i32) -> String {
    short(
        TransferGround::try_from(number)
            .ok()
            .map(|it| it.as_str_name()),
        "TRANSFER_GROUND_",
        number,
    )
}
/// `H1 H2`
#[must_use]
pub fn handling(numbers: &[i32]) -> String {
    let names = numbers.iter().map(|number| {
        short(
            Handling::try_from(*number).ok().map(|it| it.as_str_name()),
            "HANDLING_",
            *number,
        )
        .to_uppercase()
    });
    names.collect::<Vec<_>>().join(" ")
}
/// `XA-POL/0195...`; `-` when there is none.
#[must_use]
pub fn statement(reference: Option<&StatementRef>) -> String {
    reference.map_or_else(
        || "-".to_owned(),
        |it| format!("{}/{}", super::escape(&it.origin), id(&it.id)),
    )
}
/// What is said over a telephone: `XA-26-7F3K9`; the full name of what has no reference.
#[must_use]
pub fn reference(of: Option<&StatementRef>) -> String {
    let domain = of.and_then(|it| {
        Some(id::StatementRef {
            origin: it.origin.parse().ok()?,
            id: id::MessageId::from_bytes(&it.id).ok()?,
        })
    });
    domain.map_or_else(|| statement(of), |it| it.reference().to_string())
}
/// An id as text; what is no id as hexadecimal.
#[must_use]
pub fn id(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map_or_else(|_| super::hex(bytes), |id| id.to_string())
}

fn short(name: Option<&str>, prefix: &str, number: i32) -> String {
    match name.and_then(|name| name.strip_prefix(prefix)) {
        Some("UNSPECIFIED") => "-".to_owned(),
        Some(name) => name.to_lowercase(),
        None => format!("unknown ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_words_and_unknown_ones_say_so() {
        assert_eq!(kind(Kind::MissingOffender as i32), "missing_offender");
        assert_eq!(delivery_state(DeliveryState::ByHand as i32), "by_hand");
        assert_eq!(handling(&[2, 3]), "H1 H2");
        assert_eq!(alert_life(0), "-");
        assert_eq!(priority(99), "unknown (99)");
    }
}
