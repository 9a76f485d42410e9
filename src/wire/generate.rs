//! Synthetic drafts from a seed: for demonstrations, benches and tests. Never a real person.
//!
//! The way in is [`drafts`]. The same [`Recipe`] always gives the same drafts; persons are citizens of ICAO's
//! specimen country Utopia with invented names.

use prost::Message as _;

use crate::{
    domain::{
        alert::{
            basis::Validity,
            value::{Day, Text},
        },
        id::MessageId,
        limits::TEXT_MAX_CHARS,
        mrz::check_digit,
        routing::{Kind, Priority, Status},
        time::Timestamp,
    },
    proto::{alert::v1 as pb, envelope::v1 as envelope},
};

/// What to generate.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The same seed gives the same drafts.
    pub seed: u64,
    /// Recipients of each draft: authorities, `@group` or `all`.
    pub to: Vec<String>,
    /// Real, exercise, system or test.
    pub status: Status,
    /// `None`: mixed, mostly routine.
    pub priority: Option<Priority>,
    /// Of ids and validity.
    pub now: Timestamp,
    /// Exact bytes of each payload, from [`PAYLOAD_MIN_BYTES`] up to about 8,000; `None`: as they come.
    pub payload_bytes: Option<usize>,
}

/// The least size that every generated payload can be brought to.
pub const PAYLOAD_MIN_BYTES: usize = 640;

/// Endless drafts, each legal, each with an id of its own.
pub fn drafts(recipe: Recipe) -> impl Iterator<Item = pb::Draft> + Send {
    let mut dice = Dice(recipe.seed);
    (0u64..).map(move |count| draft(&mut dice, &recipe, count))
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough for test data and nothing else.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        let place = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(place).copied().unwrap_or_default()
    }

    fn letters(&mut self, count: usize, alphabet: &[u8]) -> String {
        (0..count)
            .filter_map(|_| {
                let place = usize::try_from(self.below(alphabet.len() as u64)).ok()?;
                alphabet.get(place).copied().map(char::from)
            })
            .collect()
    }
}

fn draft(dice: &mut Dice, recipe: &Recipe, count: u64) -> pb::Draft {
    let unix_ms = u64::try_from(recipe.now.as_micros() / 1000).unwrap_or(0);
    let mut random = [0; 10];
    for (byte, value) in random.iter_mut().zip(
        dice.next()
            .to_be_bytes()
            .into_iter()
            .chain(dice.next().to_be_bytes()),
    ) {
        *byte = value;
    }
    let kind = match count % 4 {
        1 => Kind::TravelNotice,
        3 => Kind::RestrictionOrder,
        _ => Kind::MissingOffender,
    };
    let mixed = match dice.below(20) {
        0 => Priority::Flash,
        1 | 2 => Priority::Urgent,
        3..8 => Priority::Priority,
        _ => Priority::Routine,
    };
    let mut payload = payload(dice, kind, recipe.now);
    if let Some(bytes) = recipe.payload_bytes {
        pad(&mut payload, bytes);
    }
    pb::Draft {
        id: MessageId::from_parts(unix_ms.saturating_add(count), random).to_string(),
        to: recipe.to.clone(),
        priority: recipe.priority.unwrap_or(mixed) as i32,
        status: recipe.status as i32,
        handling: vec![envelope::Handling::H1.into(), envelope::Handling::H2.into()],
        ground: envelope::TransferGround::Adequacy.into(),
        payload: Some(payload),
        ..pb::Draft::default()
    }
}

fn payload(dice: &mut Dice, kind: Kind, now: Timestamp) -> pb::Payload {
    let subject = person(dice);
    let document_number = subject
        .documents
        .first()
        .map(|document| document.number.clone())
        .unwrap_or_default();
    let asked = match kind {
        Kind::MissingOffender => pb::AskedAction::LocateAndReport,
        Kind::TravelNotice => pb::AskedAction::InquiryCheck,
        _ => pb::AskedAction::InformOnly,
    };
    let orders = match kind {
        Kind::RestrictionOrder => vec![order(dice)],
        _ => Vec::new(),
    };
    let valid_until = Day::of(now)
        .map(|day| day.plus_days(Validity::of(kind).default_days).to_string())
        .unwrap_or_default();
    pb::Payload {
        subject: Some(subject),
        risk: Some(pb::Risk {
            level: pb::RiskLevel::High.into(),
            tool: "SYN-1".to_owned(),
            ..pb::Risk::default()
        }),
        warnings: vec![pb::Warning {
            kind: pb::WarningKind::DangerToChildren.into(),
            detail: "seeks contact over the internet".to_owned(),
        }],
        orders,
        asked: vec![pb::Asked {
            action: asked.into(),
            ..pb::Asked::default()
        }],
        basis: Some(pb::Basis {
            authority: "Synthetic Court".to_owned(),
            law: "Synthetic Act s. 1".to_owned(),
            decision_reference: format!("SYN/{}", dice.below(1_000_000)),
            valid_until,
            ..pb::Basis::default()
        }),
        kind: Some(content(dice, kind, document_number)),
        ..pb::Payload::default()
    }
}

fn content(dice: &mut Dice, kind: Kind, document_number: String) -> pb::payload::Kind {
    const TOWNS: [&str; 6] = [
        "Amaurot",
        "Orford",
        "Brandleby",
        "Nordhavn",
        "Vesle",
        "Caldmere",
    ];
    match kind {
        Kind::TravelNotice => pb::payload::Kind::TravelNotice(pb::TravelNotice {
            legs: vec![pb::Leg {
                from_place: dice.one_of(&TOWNS).to_owned(),
                from_country: "XA".to_owned(),
                to_place: dice.one_of(&TOWNS).to_owned(),
                to_country: "XB".to_owned(),
                carrier: "Specimen Air".to_owned(),
                number: format!("SP{}", 100 + dice.below(900)),
                ..pb::Leg::default()
            }],
            document_number,
            ..pb::TravelNotice::default()
        }),
        Kind::RestrictionOrder => pb::payload::Kind::RestrictionOrder(pb::RestrictionOrder {
            served_on: date(dice, 2025, 1),
            ..pb::RestrictionOrder::default()
        }),
        _ => pb::payload::Kind::MissingOffender(pb::MissingOffender {
            missing_since: date(dice, 2025, 1),
            last_seen: Some(pb::LastSeen {
                place: dice.one_of(&TOWNS).to_owned(),
                country: "XA".to_owned(),
                ..pb::LastSeen::default()
            }),
            likely_countries: vec!["XB".to_owned(), "XC".to_owned()],
            ..pb::MissingOffender::default()
        }),
    }
}

fn order(dice: &mut Dice) -> pb::Order {
    pb::Order {
        authority: "Synthetic Court".to_owned(),
        reference: format!("ORD/{}", dice.below(1_000_000)),
        country: "XA".to_owned(),
        starts_on: date(dice, 2024, 1),
        clauses: vec![pb::Clause {
            clause: Some(pb::clause::Clause::Contact(pb::ContactClause {
                age_below: 16,
                supervision: pb::Supervision::NoneAllowed.into(),
                places: vec!["schools".to_owned()],
            })),
        }],
        ..pb::Order::default()
    }
}

fn person(dice: &mut Dice) -> pb::Person {
    const STARTS: [&str; 12] = [
        "AVEN", "BRAN", "CALD", "DOR", "ELDER", "FJOR", "GRAN", "HELM", "ISEN", "KORV", "LIND",
        "MAREN",
    ];
    const ENDS: [&str; 8] = ["BERG", "HOLT", "MARK", "OVA", "RUD", "SEN", "STAD", "WICK"];
    const FORENAMES: [&str; 10] = [
        "ALVAR", "BERIT", "CORIN", "DAGNY", "EDVIN", "FREJA", "GORM", "HELGA", "IVAR", "JONNA",
    ];
    let surname = format!("{}{}", dice.one_of(&STARTS), dice.one_of(&ENDS));
    let forename = dice.one_of(&FORENAMES).to_owned();
    let birth_date = date(dice, 1950, 50);
    pb::Person {
        names: vec![pb::Name {
            kind: pb::NameKind::Legal.into(),
            surname: surname.clone(),
            forenames: forename.clone(),
            quality: pb::NameQuality::Good.into(),
            ..pb::Name::default()
        }],
        sex: pb::Sex::NotKnown.into(),
        documents: vec![passport(dice, &surname, &forename, &birth_date)],
        birth_date,
        birth_country: "UTO".to_owned(),
        nationalities: vec!["UTO".to_owned()],
        ..pb::Person::default()
    }
}

/// A passport of Utopia with a right zone.
fn passport(dice: &mut Dice, surname: &str, forename: &str, birth_date: &str) -> pb::Document {
    let digit = |field: &str| check_digit(field).unwrap_or(0);
    let number = format!(
        "{}{}",
        dice.letters(1, b"CFGHJK"),
        dice.letters(8, b"0123456789")
    );
    let expires_on = date(dice, 2028, 5);
    let short = |day: &str| day.replace('-', "").split_off(2);
    let (birth, expiry) = (short(birth_date), short(&expires_on));
    let optional = "<".repeat(14);
    let (number_digit, birth_digit, expiry_digit) = (digit(&number), digit(&birth), digit(&expiry));
    let composite = digit(&format!(
        "{number}{number_digit}{birth}{birth_digit}{expiry}{expiry_digit}{optional}<"
    ));
    let names = format!("P<UTO{surname}<<{forename}");
    let mrz = format!(
        "{names:<<44}\n{number}{number_digit}UTO{birth}{birth_digit}<{expiry}{expiry_digit}{optional}<{composite}"
    );
    pb::Document {
        category: pb::DocumentCategory::Passport.into(),
        country: "UTO".to_owned(),
        number,
        expires_on,
        status: pb::DocumentStatus::Valid.into(),
        mrz,
        ..pb::Document::default()
    }
}

fn date(dice: &mut Dice, first_year: u64, years: u64) -> String {
    let year = first_year + dice.below(years);
    format!("{year}-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28))
}

/// Brings a payload to an exact size by remarks. A length that takes one byte more skips a size; then the reason of
/// the basis makes up for it.
fn pad(payload: &mut pb::Payload, bytes: usize) {
    const FILLER: &str = "Synthetic text without meaning. ";
    let missing = bytes.saturating_sub(payload.encoded_len());
    for reason in ["", "x", "xx"] {
        if let Some(basis) = &mut payload.basis {
            basis.reason = reason.to_owned();
        }
        for length in missing.saturating_sub(16)..=missing.min(TEXT_MAX_CHARS) {
            let mut text: String = FILLER.chars().cycle().take(length).collect();
            if Text::words(&text).is_err() {
                continue;
            }
            // A text that ends in a space would still be legal, but hard to see.
            if text.ends_with(' ') {
                text.pop();
                text.push('.');
            }
            payload.remarks = Some(pb::Text {
                text,
                language: String::new(),
            });
            if payload.encoded_len() == bytes {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::alert::parse_draft;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    fn recipe(seed: u64, payload_bytes: Option<usize>) -> Recipe {
        Recipe {
            seed,
            to: vec!["XB-POL".to_owned()],
            status: Status::Exercise,
            priority: None,
            now: NOW,
            payload_bytes,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_drafts_and_another_does_not() {
        let first = |seed| drafts(recipe(seed, None)).take(20).collect::<Vec<_>>();
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
    }

    #[test]
    fn splitmix64_gives_its_published_numbers() {
        let mut dice = Dice(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_generated_draft_is_legal(seed in any::<u64>()) {
            for draft in drafts(recipe(seed, None)).take(8) {
                let parsed = parse_draft(&draft, NOW);
                prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
                prop_assert_eq!(parsed.unwrap().warnings, Vec::<String>::new());
            }
        }

        #[test]
        fn payloads_have_the_exact_size_asked_for(seed in any::<u64>(), bytes in PAYLOAD_MIN_BYTES..4_000) {
            for draft in drafts(recipe(seed, Some(bytes))).take(4) {
                let parsed = parse_draft(&draft, NOW);
                prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
                prop_assert_eq!(parsed.unwrap().payload.len(), bytes);
            }
        }
    }
}
