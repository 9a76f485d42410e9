//! Who knocks, and how often: handshakes cost us more than they cost the caller.
//!
//! The way in is [`Callers::enter`]. Each place that callers come from has so many handshakes under way and so many a
//! second; who was let in and broke the rules has used up some of the next ones. Must never grow with the number of
//! places: those that have been quiet are forgotten.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{
    limits::{
        CALLERS_MAX, HANDSHAKES_OF_AN_ABUSE, HANDSHAKES_PENDING_PER_ADDRESS_MAX,
        HANDSHAKES_PER_SECOND,
    },
    rate::Allowance,
    tally::{Place, Tally},
};

/// The callers of one listener.
#[derive(Debug, Default)]
pub(super) struct Callers {
    pending: Tally<IpAddr>,
    rates: Mutex<HashMap<IpAddr, Allowance>>,
}

impl Callers {
    /// One more handshake from this address; counted as under way until it is dropped.
    ///
    /// # Errors
    /// Why it is turned away.
    pub(super) fn enter(
        &self,
        address: IpAddr,
        now: Duration,
    ) -> Result<Place<IpAddr>, &'static str> {
        let place = of(address);
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= CALLERS_MAX && !rates.contains_key(&place) {
            rates.retain(|_, rate| !rate.is_full(now));
        }
        // A crowd from everywhere is bounded by what is under way alone: no place in it is the one to turn away.
        if rates.len() < CALLERS_MAX || rates.contains_key(&place) {
            let rate = rates
                .entry(place)
                .or_insert_with(|| Allowance::full(HANDSHAKES_PER_SECOND, now));
            if rate.owed(now) > Duration::ZERO {
                return Err("too many handshakes in a second from this address");
            }
            rate.spend(1, now);
        }
        self.pending
            .enter(place, 1, HANDSHAKES_PENDING_PER_ADDRESS_MAX)
            .ok_or("too many handshakes from this address")
    }

    /// A connection from this address broke the rules: what it cost us comes out of the next handshakes of its place,
    /// or breaking them again and again would cost the caller less than us (threats, row 52).
    pub(super) fn charge(&self, address: IpAddr, now: Duration) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        // A place that is not counted has been quiet, or is one of a crowd.
        if let Some(rate) = rates.get_mut(&of(address)) {
            rate.spend(HANDSHAKES_OF_AN_ABUSE, now);
        }
    }
}

/// The place that an address belongs to: with IPv6, whoever has one has 2^64 of them (RFC 6177).
fn of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(60);

    fn address(last: u8) -> IpAddr {
        [127, 0, 0, last].into()
    }

    #[test]
    fn t55_one_address_has_so_many_handshakes_under_way_and_gets_them_back() {
        let callers = Callers::default();
        let mut places: Vec<_> = (0..HANDSHAKES_PENDING_PER_ADDRESS_MAX)
            .map(|_| callers.enter(address(1), NOW).expect("below the cap"))
            .collect();
        assert!(callers.enter(address(1), NOW).is_err());
        assert!(callers.enter(address(2), NOW).is_ok());
        places.pop();
        assert!(callers.enter(address(1), NOW).is_ok());
    }

    #[test]
    fn one_address_has_so_many_handshakes_in_a_second() {
        let callers = Callers::default();
        let knocks = |last, now| callers.enter(address(last), now).is_ok();
        // A second's worth in hand, and one that goes over.
        for _ in 0..=HANDSHAKES_PER_SECOND {
            assert!(knocks(1, NOW));
        }
        assert!(!knocks(1, NOW));
        assert!(knocks(2, NOW), "others have their own");
        assert!(knocks(1, NOW + Duration::from_secs(1)));
    }

    #[test]
    fn t52_who_breaks_the_rules_waits_longer_for_the_next_handshake() {
        let callers = Callers::default();
        let mut let_in = 0;
        // Over ten seconds: dials whenever it may, and is put out at once.
        for tenth in 0..100 {
            let now = NOW + Duration::from_millis(100 * tenth);
            while callers.enter(address(1), now).is_ok() {
                callers.charge(address(1), now);
                let_in += 1;
            }
            assert!(callers.enter(address(2), now).is_ok(), "others do not wait");
        }
        let fair = 10 * HANDSHAKES_PER_SECOND;
        let most = (fair + HANDSHAKES_PER_SECOND) / HANDSHAKES_OF_AN_ABUSE + 1;
        assert!(
            let_in <= most,
            "{let_in} were let in, at most {most} may be"
        );
        assert!(let_in >= 10, "{let_in}: it is slowed down, not shut out");
        let later = NOW + Duration::from_secs(12);
        assert!(callers.enter(address(1), later).is_ok(), "it is forgiven");
    }

    #[test]
    fn a_crowd_is_not_remembered_for_ever_and_shuts_nobody_out() {
        let callers = Callers::default();
        let from = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        for number in 0..CALLERS_MAX + 10 {
            assert!(callers.enter(from(number), NOW).is_ok());
        }
        assert_eq!(callers.rates.lock().unwrap().len(), CALLERS_MAX);
        let later = NOW + Duration::from_secs(5);
        assert!(callers.enter(from(CALLERS_MAX + 11), later).is_ok());
        assert_eq!(callers.rates.lock().unwrap().len(), 1);
    }

    #[test]
    fn addresses_of_one_network_are_one_place() {
        let same = ["2001:db8::1", "2001:db8::ffff"].map(|it| of(it.parse().unwrap()));
        assert_eq!(same[0], same[1]);
        assert_ne!(same[0], of("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(of("::ffff:127.0.0.1".parse().unwrap()), address(1));
        assert_ne!(of(address(1)), of(address(2)));
    }
}
