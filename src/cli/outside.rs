//! What commands make out of time and randomness: ids, before the first try.
//!
//! The clock itself is the node's ([`crate::node::system::SystemClock`]); nothing here asks the system for it.

use super::exit::{CliError, Exit};
use crate::{
    client::{self, NoRandomness},
    domain::{id::MessageId, time::Clock},
};

/// Makes a UUIDv7 before the first try, so that repeating is safe.
///
/// # Errors
/// When the system's generator fails.
pub fn new_message_id(clock: &dyn Clock) -> Result<MessageId, CliError> {
    Ok(client::new_id(clock)?)
}

impl From<NoRandomness> for CliError {
    fn from(error: NoRandomness) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}
