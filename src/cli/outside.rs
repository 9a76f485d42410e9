//! What commands make out of time and randomness: ids, before the first try.
//!
//! The clock itself is the node's ([`crate::node::system::SystemClock`]); nothing here asks the system for it.

use crate::domain::{id::MessageId, time::Clock};

use super::exit::{CliError, Exit};

/// Makes a UUIDv7 before the first try, so that repeating is safe.
///
/// # Errors
/// When the system's generator fails.
pub fn new_message_id(clock: &dyn Clock) -> Result<MessageId, CliError> {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| {
        CliError::new(
            Exit::Failed,
            "the system's random generator gave nothing, while making an id",
        )
    })?;
    let unix_ms = u64::try_from(clock.now().as_micros() / 1000).unwrap_or(0);
    Ok(MessageId::from_parts(unix_ms, random))
}
