//! What a zone says of its holder and its end: names, birth, sex, expiry. A zone has two digits for a year; the day on
//! which it is read tells the century.

use super::{Format, Layout, Mrz, cut};
use crate::domain::{
    alert::{
        person::Sex,
        value::{Day, PartialDate},
    },
    transliteration,
};

/// Years ahead of which no document ends: what would is of the century before.
const EXPIRY_AHEAD_MAX_YEARS: i16 = 50;

/// The holder's names as the zone has them: capitals, words separated by one space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Primary identifier: surname, or the only name.
    pub surname: String,
    /// Secondary identifier; empty when there is none.
    pub forenames: String,
    /// True when the names fill the field, so that more may have been cut off.
    pub may_be_cut: bool,
}

impl Mrz {
    /// The holder's names.
    #[must_use]
    pub fn names(&self) -> Names {
        let field = match self.format {
            Format::Td1 => self.lines.get(2).map_or("", String::as_str),
            _ => self
                .lines
                .first()
                .and_then(|line| line.get(5..))
                .unwrap_or_default(),
        };
        let words = |part: &str| {
            let words: Vec<&str> = part.split('<').filter(|word| !word.is_empty()).collect();
            words.join(" ")
        };
        let (surname, forenames) = field.split_once("<<").unwrap_or((field, ""));
        Names {
            surname: words(surname),
            forenames: words(forenames),
            may_be_cut: !field.ends_with('<'),
        }
    }

    /// The holder's date of birth, as far as the zone has it; not after `today`.
    #[must_use]
    pub fn birth_date(&self, today: Day) -> Option<PartialDate> {
        let field = self.field(|layout| layout.birth);
        let century = today.date().year() / 100 * 100;
        let date = date_in(&field, century)?;
        match date.earliest().is_some_and(|day| day > today) {
            true => date_in(&field, century - 100),
            false => Some(date),
        }
    }

    /// The document's last day, when the zone has it whole.
    #[must_use]
    pub fn expires_on(&self, today: Day) -> Option<Day> {
        let field = self.field(|layout| layout.expiry);
        let year: i16 = today.date().year();
        let two_digits: i16 = cut(&field, (0, 2)).parse().ok()?;
        let century = match year / 100 * 100 {
            century if century + two_digits > year + EXPIRY_AHEAD_MAX_YEARS => century - 100,
            century if century + two_digits <= year - EXPIRY_AHEAD_MAX_YEARS => century + 100,
            century => century,
        };
        date_in(&field, century)?.to_string().parse().ok()
    }

    /// The holder's sex, when the zone says it.
    #[must_use]
    pub fn sex(&self) -> Option<Sex> {
        let place = Layout::of(self.format).sex;
        match cut(&self.lines.concat(), (place, 1)) {
            "M" => Some(Sex::Male),
            "F" => Some(Sex::Female),
            _ => None,
        }
    }

    fn field(&self, range: impl Fn(Layout) -> super::Range) -> String {
        cut(&self.lines.concat(), range(Layout::of(self.format))).to_owned()
    }
}

/// `740812` in 1900; parts that are fillers are unknown.
fn date_in(field: &str, century: i16) -> Option<PartialDate> {
    let year: i16 = cut(field, (0, 2)).parse().ok()?;
    let mut text = format!("{}", century + year);
    for part in [cut(field, (2, 2)), cut(field, (4, 2))] {
        if part == "<<" {
            break;
        }
        text = format!("{text}-{part}");
    }
    text.parse().ok()
}

impl Names {
    /// Whether a person who is called so may be the holder: in some legal transliteration the surname is the same, and
    /// of the forenames those that both have. Letters that no table of ICAO's knows are no ground to doubt.
    #[must_use]
    pub fn may_be(&self, surname: &str, forenames: &str) -> bool {
        let (surname, forenames) = match (surname.trim(), forenames.trim()) {
            ("", only) => (only, ""),
            both => both,
        };
        self.is_surname(surname) && (forenames.is_empty() || self.are_forenames(forenames))
    }

    /// Whether one line, in which surname and forenames stand in any order, may be the holder's name.
    #[must_use]
    pub fn may_be_within(&self, line: &str) -> bool {
        let Some(forms) = transliteration::icao_forms(line) else {
            return true;
        };
        forms.iter().any(|form| {
            let words: Vec<&str> = form.split(' ').collect();
            let mut wanted = self.surname.split(' ');
            self.may_be_cut || wanted.all(|word| words.contains(&word))
        })
    }

    fn is_surname(&self, surname: &str) -> bool {
        let Some(forms) = transliteration::icao_forms(surname) else {
            return true;
        };
        forms.iter().any(|form| {
            *form == self.surname || (self.may_be_cut && form.starts_with(&self.surname))
        })
    }

    fn are_forenames(&self, forenames: &str) -> bool {
        let Some(forms) = transliteration::icao_forms(forenames) else {
            return true;
        };
        let zone: Vec<&str> = self
            .forenames
            .split(' ')
            .filter(|it| !it.is_empty())
            .collect();
        forms.iter().any(|form| {
            let mut both = zone.iter().zip(form.split(' '));
            both.all(|(zone, given)| *zone == given || (self.may_be_cut && given.starts_with(zone)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TD3: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const TD1: &str = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    const MRV_A: &str = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<";

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn zone(text: &str) -> Mrz {
        Mrz::parse(text).unwrap()
    }

    #[test]
    fn the_specimens_say_who_their_holder_is() {
        for (text, birth, expiry) in [
            (TD3, "1974-08-12", "2012-04-15"),
            (TD1, "1974-08-12", "2012-04-15"),
            (MRV_A, "1940-09-07", "1996-12-10"),
        ] {
            let zone = zone(text);
            let names = zone.names();
            assert_eq!(names.surname, "ERIKSSON");
            assert_eq!(names.forenames, "ANNA MARIA");
            assert!(!names.may_be_cut);
            assert_eq!(zone.sex(), Some(Sex::Female));
            let today = day("2026-11-24");
            assert_eq!(zone.birth_date(today).unwrap().to_string(), birth);
            assert_eq!(zone.expires_on(today).unwrap().to_string(), expiry);
        }
    }

    #[test]
    fn the_day_of_reading_tells_the_century() {
        let zone = zone(TD3);
        for (today, birth, expiry) in [
            ("2026-11-24", "1974-08-12", "2012-04-15"),
            ("2074-08-11", "1974-08-12", "2112-04-15"),
            ("2074-08-12", "2074-08-12", "2112-04-15"),
            ("1999-12-31", "1974-08-12", "2012-04-15"),
        ] {
            assert_eq!(
                zone.birth_date(day(today)).unwrap().to_string(),
                birth,
                "{today}"
            );
            assert_eq!(
                zone.expires_on(day(today)).unwrap().to_string(),
                expiry,
                "{today}"
            );
        }
    }

    #[test]
    fn unknown_parts_of_a_birth_date_stay_unknown() {
        for (field, date) in [
            ("7408<<", Some("1974-08")),
            ("74<<<<", Some("1974")),
            ("<<<<<<", None),
            ("740231", None),
        ] {
            let read = date_in(field, 1900).map(|date| date.to_string());
            assert_eq!(read.as_deref(), date, "{field}");
        }
    }

    #[test]
    fn a_name_agrees_in_any_legal_transliteration_and_another_does_not() {
        let names = |surname: &str, forenames: &str, may_be_cut| Names {
            surname: surname.to_owned(),
            forenames: forenames.to_owned(),
            may_be_cut,
        };
        let anna = names("ERIKSSON", "ANNA MARIA", false);
        assert!(anna.may_be("Eriksson", "Anna Maria") && anna.may_be("ERIKSSON", "ANNA"));
        assert!(anna.may_be("Eriksson", "") && anna.may_be("Eriksson", "Anna Maria Lovisa"));
        assert!(!anna.may_be("Ericson", "Anna") && !anna.may_be("Eriksson", "Maria"));
        let short = names("MULLER", "JORG", false);
        assert!(short.may_be("Müller", "Jörg") && !short.may_be("Möller", "Jörg"));
        assert!(names("MUELLER", "JOERG", false).may_be("Müller", "Jörg"));
        let cut = names("NILAVADHANANANDA", "CHAYAPA DEJTH", true);
        assert!(cut.may_be("Nilavadhanananda", "Chayapa Dejthamrong"));
        assert!(
            !names("NILAVADHANANANDA", "CHAYAPA DEJTH", false)
                .may_be("Nilavadhanananda", "Chayapa Dejthamrong")
        );
        assert!(names("IVANOV", "IVAN", false).may_be_within("Иван Иванов"));
        assert!(!names("PETROV", "IVAN", false).may_be_within("Иван Иванов"));
        assert!(
            names("SUKARNO", "", false).may_be("", "Sukarno"),
            "one name alone"
        );
        assert!(
            names("WANG", "XIAOMING", false).may_be("王", "小明"),
            "not for a table to doubt"
        );
    }
}
