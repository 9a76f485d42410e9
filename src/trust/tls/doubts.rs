//! Whose certificates and lists look out of date here: when those of many partners do, it is our own clock.
//!
//! The way in is [`ClockDoubts::are_about_us`]. Decides nothing about anybody: it only counts refusals that were made.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{CertificateError, Error, pki_types::UnixTime};

use super::unix_time;
use crate::domain::{id::AuthorityId, limits::CLOCK_DOUBT_WINDOW, time::Timestamp};

/// The last refusal for its dates of each partner. Cheap to clone; bounded: only members of the directory get here.
#[derive(Debug, Clone, Default)]
pub struct ClockDoubts(Arc<Mutex<BTreeMap<AuthorityId, Duration>>>);

impl ClockDoubts {
    /// True when at least half of these partners, and more than one, were refused for their dates lately.
    #[must_use]
    pub fn are_about_us(&self, partners: usize, now: Timestamp) -> bool {
        let now = unix_time(now).as_secs();
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately =
            |at: &&Duration| now.saturating_sub(at.as_secs()) < CLOCK_DOUBT_WINDOW.as_secs();
        let doubtful = last.values().filter(lately).count();
        doubtful > 1 && doubtful * 2 >= partners
    }

    /// Looks at how a partner's certificate was found.
    pub(super) fn watch<T>(
        &self,
        partner: AuthorityId,
        found: Result<T, Error>,
        now: UnixTime,
    ) -> Result<T, Error> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Ok(_) => {
                last.remove(&partner);
            }
            Err(error) if is_of_time(error) => {
                last.insert(partner, Duration::from_secs(now.as_secs()));
            }
            Err(_) => {}
        }
        found
    }
}

fn is_of_time(error: &Error) -> bool {
    use CertificateError as E;
    matches!(
        error,
        Error::InvalidCertificate(
            E::Expired
                | E::ExpiredContext { .. }
                | E::NotValidYet
                | E::NotValidYetContext { .. }
                | E::ExpiredRevocationList
                | E::ExpiredRevocationListContext { .. }
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_2_many_partners_that_look_out_of_date_make_our_own_clock_doubtful() {
        let doubts = ClockDoubts::default();
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let partner = |number: u8| format!("XC-P{number}").parse().expect("legal id");
        let expired = |number| {
            let found: Result<(), _> = Err(CertificateError::Expired.into());
            doubts
                .watch(partner(number), found, unix_time(now))
                .expect_err("refused");
        };
        expired(1);
        expired(1);
        assert!(
            !doubts.are_about_us(1, now),
            "one partner may be wrong alone"
        );
        let unknown: Result<(), _> = Err(CertificateError::UnknownIssuer.into());
        doubts
            .watch(partner(2), unknown, unix_time(now))
            .expect_err("refused");
        assert!(
            !doubts.are_about_us(2, now),
            "another fault says nothing of clocks"
        );
        expired(2);
        assert!(doubts.are_about_us(4, now));
        assert!(!doubts.are_about_us(5, now), "most are well");
        assert!(
            !doubts.are_about_us(4, now.plus(CLOCK_DOUBT_WINDOW)),
            "long ago"
        );
        doubts
            .watch(partner(1), Ok(()), unix_time(now))
            .expect("let in");
        assert!(!doubts.are_about_us(2, now));
        expired(1);
        expired(3);
        assert!(doubts.are_about_us(6, now), "three of six");
    }
}
