//! Which clauses of an order a journey touches: proposed to an officer, who alone decides what follows.
//!
//! The way in is [`touches`]. Pure, and by days in UTC: what a date leaves open is held to be possible, as nobody is shown
//! too little. It never says that a clause was broken.

use super::{
    kinds::{Leg, TravelNotice},
    measure::{Clause, Order, TravelBan},
    value::{Day, Moment},
};
use crate::domain::country::Country;

/// A clause, and why a journey touches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Place of the clause in its order, from 1.
    pub clause: usize,
    /// Why.
    pub why: Why,
}

/// Why a journey touches a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A leg leads to a country that the clause forbids.
    Forbidden {
        /// Place of the leg in the journey, from 1.
        leg: usize,
        /// The country.
        country: Country,
        /// When the person comes there; `None`: nobody says.
        on: Option<Day>,
    },
    /// The clause limits contact, and somebody travels along.
    Company {
        /// How many.
        companions: usize,
    },
    /// The journey was notified later than the clause demands.
    NotifiedLate {
        /// Days between the two.
        days: i32,
        /// Days that the clause demands.
        days_before: u16,
        /// When the person leaves.
        leaves_on: Day,
    },
    /// The clause demands that the journey is notified, and nobody says that it was.
    NotNotified {
        /// Days that the clause demands.
        days_before: u16,
    },
    /// The person is away for longer than the clause allows between two reports.
    AwayTooLong {
        /// Days away; `None`: no return is named.
        days: Option<i32>,
        /// Days that the clause allows.
        every_days: u16,
    },
}

/// Every clause of an order that a journey touches while the order stands, in the order of the clauses.
///
/// `said_on` is the day on which the journey was told; `back_on` the day of return as it is known now.
#[must_use]
pub fn touches(
    order: &Order,
    travel: &TravelNotice,
    said_on: Day,
    back_on: Option<Day>,
) -> Vec<Touch> {
    let journey = Journey {
        order,
        travel,
        said_on,
        back_on,
    };
    let clauses = order.clauses.iter().zip(1..);
    clauses
        .flat_map(|(clause, place)| {
            let touch = move |why| Touch { clause: place, why };
            journey.touched(clause).into_iter().map(touch)
        })
        .collect()
}

/// A journey as one order sees it.
struct Journey<'a> {
    order: &'a Order,
    travel: &'a TravelNotice,
    said_on: Day,
    back_on: Option<Day>,
}

impl Journey<'_> {
    fn touched(&self, clause: &Clause) -> Vec<Why> {
        match clause {
            Clause::ForeignTravel(ban) => self.forbidden(ban),
            Clause::Contact { .. } => self.company().into_iter().collect(),
            Clause::TravelNotification { days_before, .. } => {
                self.notified(*days_before).into_iter().collect()
            }
            Clause::Reporting { every_days, .. } => {
                self.away_too_long(*every_days).into_iter().collect()
            }
            // Where somebody lives, goes online or works is no matter of a journey.
            Clause::Internet { .. } | Clause::Residence(_) | Clause::Other(_) => Vec::new(),
        }
    }

    /// Each country once, by the first leg that leads there while the order stands.
    fn forbidden(&self, ban: &TravelBan) -> Vec<Why> {
        let mut found: Vec<(Country, Why)> = Vec::new();
        for (place, leg) in self.travel.legs.iter().enumerate() {
            let country = leg.to.1;
            let is_new = found.iter().all(|(known, _)| *known != country);
            let (from, until) = self.stay(place);
            if is_new && self.forbids(ban, country) && self.stands(from, until) {
                let why = Why::Forbidden {
                    leg: place + 1,
                    country,
                    on: arrives(leg),
                };
                found.push((country, why));
            }
        }
        found.into_iter().map(|(_, why)| why).collect()
    }

    /// A ban that names its own country would be of another kind: it is taken by its word.
    fn forbids(&self, ban: &TravelBan, country: Country) -> bool {
        match ban {
            TravelBan::Named(named) => named.contains(&country),
            TravelBan::AllBut(allowed) => {
                country != self.order.country && !allowed.contains(&country)
            }
            TravelBan::All => country != self.order.country,
        }
    }

    fn company(&self) -> Option<Why> {
        let companions = self.travel.companions.len();
        let (from, _) = self.stay(0);
        (companions > 0 && self.stands(from, self.back_on)).then_some(Why::Company { companions })
    }

    /// A day that is just early enough is early enough.
    fn notified(&self, days_before: u16) -> Option<Why> {
        let leg = self.leaving()?;
        let leaves_on = departs(leg);
        if !self.stands(leaves_on.unwrap_or(self.said_on), leaves_on) {
            return None;
        }
        let Some(notified_on) = self.travel.notified_on else {
            return Some(Why::NotNotified { days_before });
        };
        let leaves_on = leaves_on?;
        let days = leaves_on.number().saturating_sub(notified_on.number());
        (days < i32::from(days_before)).then_some(Why::NotifiedLate {
            days,
            days_before,
            leaves_on,
        })
    }

    /// Whoever is back on the day of the next report is back in time.
    fn away_too_long(&self, every_days: u16) -> Option<Why> {
        let leg = self.leaving()?;
        let left_on = departs(leg);
        if !self.stands(left_on.unwrap_or(self.said_on), self.back_on) {
            return None;
        }
        let days = match (left_on, self.back_on) {
            (_, None) => None,
            // How long it is cannot be said, and it has an end.
            (None, Some(_)) => return None,
            (Some(left), Some(back)) => Some(back.number().saturating_sub(left.number())),
        };
        let is_too_long = days.is_none_or(|days| days > i32::from(every_days));
        is_too_long.then_some(Why::AwayTooLong { days, every_days })
    }

    /// The first leg that leaves the order's country.
    fn leaving(&self) -> Option<&Leg> {
        let home = self.order.country;
        let mut legs = self.travel.legs.iter();
        legs.find(|leg| leg.from.1 == home && leg.to.1 != home)
    }

    /// From when until when the person may be where a leg leads: at the earliest after what is known of the legs before
    /// it; `None`: until nobody knows when.
    fn stay(&self, place: usize) -> (Day, Option<Day>) {
        let legs = &self.travel.legs;
        let known = legs.iter().take(place + 1).rev();
        let from = { known }
            .find_map(|leg| arrives(leg).or_else(|| departs(leg)))
            .unwrap_or(self.said_on);
        let until = match legs.get(place + 1) {
            Some(next) => departs(next),
            None => self.back_on,
        };
        (from, until)
    }

    /// Whether the order stands on one of these days at least.
    fn stands(&self, from: Day, until: Option<Day>) -> bool {
        let begun = until.is_none_or(|until| self.order.starts_on <= until.max(from));
        begun && self.order.ends_on.is_none_or(|ends_on| from <= ends_on)
    }
}

/// As it was, or as it is planned.
fn departs(leg: &Leg) -> Option<Day> {
    day(leg.departed_at.or(leg.departs_at))
}

fn arrives(leg: &Leg) -> Option<Day> {
    day(leg.arrived_at.or(leg.arrives_at))
}

fn day(moment: Option<Moment>) -> Option<Day> {
    Day::of(moment?.time())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::measure::Supervision;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn countries(codes: &str) -> Vec<Country> {
        codes.split(' ').map(|code| code.parse().unwrap()).collect()
    }

    /// An order of XA for March 2027.
    fn order(clause: Clause) -> Order {
        Order {
            authority: "Specimen District Court".parse().unwrap(),
            reference: "SDC 2027/7".parse().unwrap(),
            country: "XA".parse().unwrap(),
            starts_on: day("2027-03-01"),
            ends_on: Some(day("2027-03-31")),
            clauses: vec![Clause::Residence("at home".parse().unwrap()), clause],
            recognised_in: Vec::new(),
            asked_abroad: None,
        }
    }

    /// `XA XB 2027-03-10 2027-03-11`: from, to, departure and arrival, of which `-` is not known.
    fn leg(text: &str) -> Leg {
        let words: Vec<&str> = text.split(' ').collect();
        let moment = |day: &str| format!("{day}T23:59:59Z").parse().ok();
        Leg {
            from: (None, words[0].parse().unwrap()),
            to: (None, words[1].parse().unwrap()),
            carrier: None,
            number: None,
            departs_at: moment(words[2]),
            arrives_at: moment(words[3]),
            departed_at: None,
            arrived_at: None,
        }
    }

    fn travel(legs: &[&str]) -> TravelNotice {
        TravelNotice {
            legs: legs.iter().map(|text| leg(text)).collect(),
            purpose: None,
            companions: Vec::new(),
            accommodation: None,
            document_number: None,
            expected_return_on: None,
            report_by: None,
            notified_on: None,
        }
    }

    /// Told on 2027-02-01.
    fn whys(clause: Clause, travel: &TravelNotice, back_on: Option<Day>) -> Vec<Why> {
        let touches = touches(&order(clause), travel, day("2027-02-01"), back_on);
        touches
            .into_iter()
            .map(|touch| {
                assert_eq!(touch.clause, 2, "the first clause is of no journey");
                touch.why
            })
            .collect()
    }

    fn forbidden(ban: TravelBan, legs: &[&str]) -> Vec<String> {
        let whys = whys(Clause::ForeignTravel(ban), &travel(legs), None);
        whys.into_iter()
            .map(|why| match why {
                Why::Forbidden { leg, country, .. } => format!("{leg} {country}"),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn each_ban_forbids_what_it_says_and_no_more() {
        let legs = [
            "XA XB 2027-03-10 2027-03-10",
            "XB XC 2027-03-12 2027-03-12",
            "XC XB 2027-03-14 2027-03-14",
            "XB XA 2027-03-16 2027-03-16",
        ];
        let named = |codes: &str| TravelBan::Named(countries(codes));
        let all_but = |codes: &str| TravelBan::AllBut(countries(codes));
        for (ban, expected) in [
            (named("XB"), &["1 XB"][..]),
            (named("XC XD"), &["2 XC"]),
            (named("XD"), &[]),
            (all_but("XB"), &["2 XC"]),
            (all_but("XB XC"), &[]),
            (TravelBan::All, &["1 XB", "2 XC"]),
        ] {
            assert_eq!(forbidden(ban.clone(), &legs), expected, "{ban:?}");
        }
        let at_home = ["XA XA 2027-03-10 2027-03-10"];
        assert!(forbidden(TravelBan::All, &at_home).is_empty());
    }

    #[test]
    fn only_what_falls_into_the_days_of_the_order_is_touched_and_open_days_may() {
        let table = [
            // The last day of the order, and the day after it.
            (&["XA XB 2027-03-30 2027-03-31"][..], true),
            (&["XA XB 2027-03-31 2027-04-01"], false),
            // Gone before the order begins, or still there on its first day.
            (
                &["XA XB 2027-02-10 2027-02-10", "XB XA 2027-02-28 -"],
                false,
            ),
            (&["XA XB 2027-02-10 2027-02-10", "XB XA 2027-03-01 -"], true),
            // Nobody says until when, or when at all.
            (&["XA XB 2027-02-10 2027-02-10"], true),
            (&["XA XB 2027-02-10 2027-02-10", "XB XA - -"], true),
            (&["XA XB - -"], true),
            // A leg without days comes after the one before it.
            (&["XA XA - 2027-04-01", "XA XB - -"], false),
            (&["XA XB 2027-04-02 -"], false),
        ];
        for (legs, touched) in table {
            assert_eq!(
                !forbidden(TravelBan::All, legs).is_empty(),
                touched,
                "{legs:?}"
            );
        }
        let mut endless = order(Clause::ForeignTravel(TravelBan::All));
        endless.ends_on = None;
        let later = travel(&["XA XB 2031-04-02 -"]);
        let found = touches(&endless, &later, day("2027-02-01"), None);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_return_that_is_known_ends_the_stay() {
        let clause = || Clause::ForeignTravel(TravelBan::All);
        let travel = travel(&["XA XB 2027-02-10 2027-02-10"]);
        assert!(whys(clause(), &travel, Some(day("2027-02-28"))).is_empty());
        assert_eq!(whys(clause(), &travel, Some(day("2027-03-01"))).len(), 1);
    }

    #[test]
    fn what_was_is_before_what_was_planned() {
        let mut travel = travel(&["XA XB 2027-03-31 2027-03-31"]);
        travel.legs[0].departed_at = "2027-04-01T00:00:00Z".parse().ok();
        travel.legs[0].arrived_at = "2027-04-01T02:00:00Z".parse().ok();
        assert!(whys(Clause::ForeignTravel(TravelBan::All), &travel, None).is_empty());
    }

    #[test]
    fn a_journey_is_notified_so_many_days_before_or_late() {
        let clause = || Clause::TravelNotification {
            to: "Specimen Police".parse().unwrap(),
            days_before: 7,
        };
        let notified = |on: &str, legs: &[&str]| {
            let travel = TravelNotice {
                notified_on: on.parse().ok(),
                ..travel(legs)
            };
            whys(clause(), &travel, None)
        };
        let leaves = ["XA XB 2027-03-10 -"];
        assert!(notified("2027-03-03", &leaves).is_empty(), "just in time");
        assert!(notified("2027-02-01", &leaves).is_empty());
        for (on, days) in [("2027-03-04", 6), ("2027-03-10", 0), ("2027-03-11", -1)] {
            let late = Why::NotifiedLate {
                days,
                days_before: 7,
                leaves_on: day("2027-03-10"),
            };
            assert_eq!(notified(on, &leaves), [late], "{on}");
        }
        let unsaid = [Why::NotNotified { days_before: 7 }];
        assert_eq!(notified("", &leaves), unsaid);
        assert_eq!(notified("", &["XA XB - -"]), unsaid);
        // When it was is known, and when the person leaves is not: nothing shows that it was late.
        assert!(notified("2027-03-04", &["XA XB - -"]).is_empty());
        // Who comes, or leaves when no order stands, has nothing to notify.
        assert!(notified("", &["XB XA 2027-03-10 -"]).is_empty());
        assert!(notified("", &["XA XB 2027-04-01 -"]).is_empty());
        assert!(notified("", &["XA XB 2027-02-28 -"]).is_empty());
    }

    #[test]
    fn who_must_report_is_not_away_for_longer_than_between_two_reports() {
        let clause = || Clause::Reporting {
            to: "station 3".parse().unwrap(),
            every_days: 7,
        };
        let away = |legs: &[&str], back: &str| whys(clause(), &travel(legs), back.parse().ok());
        let leaves = ["XA XB 2027-03-10 -"];
        assert!(away(&leaves, "2027-03-17").is_empty(), "back on the day");
        let too_long = |days| {
            [Why::AwayTooLong {
                days,
                every_days: 7,
            }]
        };
        assert_eq!(away(&leaves, "2027-03-18"), too_long(Some(8)));
        assert_eq!(away(&leaves, ""), too_long(None), "no return is named");
        assert_eq!(away(&["XA XB - -"], ""), too_long(None));
        assert!(away(&["XA XB - -"], "2027-03-17").is_empty());
        assert!(away(&["XB XA 2027-03-10 -"], "").is_empty());
        assert!(away(&["XA XB 2027-02-10 -"], "2027-02-28").is_empty());
    }

    #[test]
    fn company_touches_a_limit_of_contact_and_nothing_else_does() {
        let clause = || Clause::Contact {
            age_below: Some(16),
            supervision: Supervision::OnlySupervised,
            places: Vec::new(),
        };
        let mut travel = travel(&["XA XB 2027-03-10 -"]);
        assert!(whys(clause(), &travel, None).is_empty(), "alone");
        travel.companions = vec!["a person unknown".parse().unwrap()];
        assert_eq!(
            whys(clause(), &travel, None),
            [Why::Company { companions: 1 }]
        );
        let internet = Clause::Internet {
            devices: Vec::new(),
            platforms: Vec::new(),
            notification: Some("every account".parse().unwrap()),
        };
        assert!(whys(internet, &travel, None).is_empty());
        travel.legs = vec![leg("XA XB 2027-04-10 -")];
        assert!(whys(clause(), &travel, None).is_empty(), "after the order");
    }
}
