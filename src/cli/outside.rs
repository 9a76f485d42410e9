//! Where the program's time and randomness come in: the system's clock and generator.
//!
//! Commands hand these down; nothing below asks the system itself.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::{
    id::MessageId,
    time::{Clock, Timestamp},
};

use super::exit::{CliError, Exit};

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts the monotonic count at zero.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "this is where the clock comes from"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is where the clock comes from"
    )]
    fn now(&self) -> Timestamp {
        let micros = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

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
