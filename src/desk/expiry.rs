//! What runs out, and when a person is told ahead of it.

use std::time::Duration;

use crate::{domain::time::Timestamp, trust::tls::Validity};

/// Days ahead of an end at which it alarms, and goes on to.
const ALARM_DAYS: [u64; 5] = [30, 14, 7, 3, 1];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Something that runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// `node certificate`, `desk CRL`, `XB-POL exchange CRL`, ...
    pub what: String,
    /// When.
    pub at: Timestamp,
    /// Whether people are told ahead.
    pub warning: Warning,
}

/// Whether the end of a thing alarms ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// It is renewed every few hours by itself: only its absence alarms.
    None,
    /// At each of the days; of what lives shorter, only at those in the second half of its life.
    Ahead {
        /// How long it lives in all; `None`: longer than the first of the days.
        life: Option<Duration>,
    },
    /// It is not there at all.
    Missing,
}

impl Expiry {
    /// Of a certificate or list.
    #[must_use]
    pub fn of(what: impl Into<String>, validity: Validity) -> Self {
        Self {
            what: what.into(),
            at: validity.until,
            warning: Warning::Ahead {
                life: Some(validity.until.since(validity.from)),
            },
        }
    }

    /// What a person is to be told now.
    pub(super) fn alarm(&self, now: Timestamp) -> Option<String> {
        let life = match self.warning {
            Warning::Ahead { life } => life,
            Warning::None => return None,
            Warning::Missing => {
                return Some(format!(
                    "{} is missing: nobody under it is let in",
                    self.what
                ));
            }
        };
        if self.at <= now {
            return Some(format!("{} ended at {}", self.what, self.at));
        }
        let left = self.at.since(now);
        let days = ALARM_DAYS
            .iter()
            .rev()
            .map(|days| (*days, DAY * clamped(*days)));
        let due = days
            .filter(|(_, ahead)| life.is_none_or(|life| is_worth_telling(*ahead, life)))
            .find(|(_, ahead)| left <= *ahead)?;
        let plural = if due.0 == 1 { "" } else { "s" };
        Some(format!(
            "{} ends within {} day{plural}, at {}",
            self.what, due.0, self.at
        ))
    }
}

/// What lives for days only is not told of all its life, but a day ahead always (threats, row 5).
fn is_worth_telling(ahead: Duration, life: Duration) -> bool {
    ahead <= life / 2 || (ahead == DAY && life > DAY)
}

fn clamped(days: u64) -> u32 {
    u32::try_from(days).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(left_hours: u64, life_days: Option<u32>) -> Option<String> {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let expiry = Expiry {
            what: "desk CRL".to_owned(),
            at: now.plus(Duration::from_secs(left_hours * 3600)),
            warning: Warning::Ahead {
                life: life_days.map(|days| DAY * days),
            },
        };
        let alarm = expiry.alarm(now)?;
        alarm
            .strip_prefix("desk CRL ")?
            .split(',')
            .next()
            .map(ToOwned::to_owned)
    }

    #[test]
    fn alarms_come_at_their_days_and_not_before() {
        let table = [
            (30 * 24 + 1, None),
            (30 * 24, Some("ends within 30 days")),
            (14 * 24, Some("ends within 14 days")),
            (7 * 24 + 1, Some("ends within 14 days")),
            (7 * 24, Some("ends within 7 days")),
            (3 * 24, Some("ends within 3 days")),
            (24, Some("ends within 1 day")),
            (1, Some("ends within 1 day")),
        ];
        for (hours, expected) in table {
            assert_eq!(told(hours, None).as_deref(), expected, "{hours} h");
            assert_eq!(told(hours, Some(365)).as_deref(), expected, "{hours} h");
        }
        assert!(told(0, Some(7)).is_some_and(|text| text.starts_with("ended at")));
    }

    #[test]
    fn what_lives_for_a_week_does_not_alarm_all_its_life() {
        assert_eq!(told(6 * 24, Some(7)), None);
        assert_eq!(told(72, Some(7)).as_deref(), Some("ends within 3 days"));
    }

    #[test]
    fn row_5_a_list_alarms_a_day_ahead_however_short_its_life_is() {
        for life_days in [2, 3, 7, 90] {
            let told = told(24, Some(life_days));
            assert_eq!(
                told.as_deref(),
                Some("ends within 1 day"),
                "{life_days} days"
            );
        }
        assert_eq!(told(25, Some(2)), None);
        let missing = Expiry {
            what: "XB-POL exchange CRL".to_owned(),
            at: Timestamp::default(),
            warning: Warning::Missing,
        };
        let alarm = missing.alarm(Timestamp::from_micros(1));
        assert!(alarm.is_some_and(|text| text.contains("is missing")));
    }

    #[test]
    fn what_renews_itself_never_alarms() {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let expiry = Expiry {
            what: "directory timestamp".to_owned(),
            at: now,
            warning: Warning::None,
        };
        assert_eq!(expiry.alarm(now), None);
    }
}
