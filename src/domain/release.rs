//! Four-eyes by policy: when a statement needs a second person's release before it leaves.
//!
//! Pure: the way in is [`needs`]. What an authority has configured and what it has published in the directory are asked
//! together, and the stricter holds: neither takes back what the other demands.

use std::{fmt, str::FromStr};

use super::{
    alert::measure::RiskLevel,
    id::AuthorityId,
    limits::PSEUDONYM_MAX_BYTES,
    routing::{Handling, HandlingSet, Kind, Priority, Status},
};

/// Kinds, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u64);

impl KindSet {
    /// A set of these.
    #[must_use]
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }

    /// True when the kind is in it.
    #[must_use]
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// True when nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds, in the order of their numbers.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        let all = Kind::ALL.iter().copied();
        all.filter(move |kind| self.contains(*kind))
    }
}

/// Kinds have numbers under 64; one that had not would be in no set.
fn bit(kind: Kind) -> u64 {
    1_u64.checked_shl(u32::from(kind as u8)).unwrap_or(0)
}

/// One rule of an authority for its own people. Everything that it names must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Any of these; empty: every kind but answers.
    pub kinds: KindSet,
    /// From this priority on.
    pub least_priority: Option<Priority>,
    /// From this level of risk on; what names no risk does not fit.
    pub least_risk: Option<RiskLevel>,
    /// Any of these codes; empty: whatever the marking.
    pub handling: Vec<Handling>,
    /// Any of these among the recipients; empty: whoever gets it.
    pub to: Vec<Destination>,
    /// Whether what fits needs a second person. A rule that says no asks for nothing, and takes nothing back.
    pub four_eyes: bool,
}

/// Whom a rule means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Every authority of a country: ISO 3166-1 alpha-2.
    Country(String),
    /// One authority.
    Authority(AuthorityId),
    /// Every member of a group, without `@`.
    Group(String),
}

/// The text names no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no destination: expected a country such as `XB`, an authority such as `XB-POL`, or a group such as `@all-eu`"
)]
pub struct DestinationError(String);

/// What is asked about.
#[derive(Debug, Clone)]
pub struct Matter<'a> {
    /// What it is for.
    pub kind: Kind,
    /// How quick.
    pub priority: Priority,
    /// How dangerous the person is held to be.
    pub risk: Option<RiskLevel>,
    /// Who may do what with it.
    pub handling: HandlingSet,
    /// Who gets it, each with its groups.
    pub to: Vec<(AuthorityId, &'a [String])>,
}

/// Whether a second person is needed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// It may leave.
    Nothing,
    /// Another person must release it.
    Release(Why),
}

/// What demands a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A rule of the node's configuration, counted from 1.
    Rule(usize),
    /// The authority's own entry in the directory: receivers ask for it as well.
    Directory,
    /// Its creator asked for it.
    Asked,
    /// A rule of the node's configuration about its destinations, counted from 1.
    Destination(usize),
    /// The node itself filled it in, as somebody who travelled is not known to be back.
    Unreturned,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(number) => write!(f, "rule {number} of [[release]]"),
            Self::Directory => f.write_str("this authority's entry in the directory"),
            Self::Asked => f.write_str("its creator asked for it"),
            Self::Unreturned => f.write_str("the node filled it in: the return is not confirmed"),
            Self::Destination(number) => write!(f, "rule {number} of [[destination]]"),
        }
    }
}

/// What may be known of a kept draft without reading whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What it is for.
    pub kind: Kind,
    /// Real or not.
    pub status: Status,
    /// How quick.
    pub priority: Priority,
    /// To whom it would go, in byte order.
    pub recipients: Vec<AuthorityId>,
    /// Function and number of who wrote it.
    pub created_by: String,
    /// Why it waits, as [`Why`] says it.
    pub why: String,
    /// The person must not notice: said wherever the draft is.
    pub do_not_alert: bool,
}

/// What `rules` and the directory's `published` kinds demand of this. What is published is named first: whoever
/// receives it asks for it.
#[must_use]
pub fn needs(rules: &[Rule], published: KindSet, matter: &Matter<'_>) -> Needs {
    if published.contains(matter.kind) {
        return Needs::Release(Why::Directory);
    }
    let demanding = rules
        .iter()
        .position(|rule| rule.four_eyes && rule.fits(matter));
    demanding.map_or(Needs::Nothing, |place| Needs::Release(Why::Rule(place + 1)))
}

impl Rule {
    fn fits(&self, matter: &Matter<'_>) -> bool {
        let kind = match self.kinds.is_empty() {
            true => matter.kind != Kind::Answer,
            false => self.kinds.contains(matter.kind),
        };
        let handling = |code: &Handling| matter.handling.contains(*code);
        let meant = |to: &Destination| {
            let mut readers = matter.to.iter();
            readers.any(|(authority, groups)| to.means(authority, groups))
        };
        kind && self
            .least_priority
            .is_none_or(|least| matter.priority >= least)
            && self
                .least_risk
                .is_none_or(|least| matter.risk.is_some_and(|risk| risk >= least))
            && (self.handling.is_empty() || self.handling.iter().any(handling))
            && (self.to.is_empty() || self.to.iter().any(meant))
    }
}

impl Destination {
    /// True when it is this authority, or it is in this group or country. Groups stand without `@`.
    #[must_use]
    pub fn means(&self, authority: &AuthorityId, groups: &[String]) -> bool {
        match self {
            Self::Country(country) => authority.country() == country,
            Self::Authority(named) => named == authority,
            Self::Group(group) => groups.contains(group),
        }
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || {
            DestinationError(
                text.chars()
                    .take(40)
                    .flat_map(char::escape_default)
                    .collect(),
            )
        };
        if let Some(group) = text.strip_prefix('@') {
            let legal = (1..=32).contains(&group.len())
                && group
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            return legal
                .then(|| Self::Group(group.to_owned()))
                .ok_or_else(fault);
        }
        if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self::Country(text.to_owned()));
        }
        text.parse().map(Self::Authority).map_err(|_| fault())
    }
}

/// A person as other authorities know them: authority, role and a number that the home journal alone maps, such as
/// `XA-POL/officer-41`.
#[must_use]
pub fn function(authority: AuthorityId, role: &str, number: u64) -> String {
    let function = format!("{authority}/{role}-{number}");
    debug_assert!(function.len() <= PSEUDONYM_MAX_BYTES);
    function
}

/// The node itself, where it fills in what a person releases: `XA-POL/node`.
#[must_use]
pub fn of_node(authority: AuthorityId) -> String {
    format!("{authority}/node")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EU: &[String] = &[];

    fn matter(kind: Kind, priority: Priority, risk: Option<RiskLevel>) -> Matter<'static> {
        Matter {
            kind,
            priority,
            risk,
            handling: HandlingSet::new([Handling::H1, Handling::H2]).unwrap(),
            to: vec![
                ("XB-POL".parse().unwrap(), EU),
                ("XC-BKA".parse().unwrap(), EU),
            ],
        }
    }

    fn rule() -> Rule {
        Rule {
            four_eyes: true,
            ..Rule::default()
        }
    }

    fn to(name: &str) -> Rule {
        Rule {
            to: vec![name.parse().unwrap()],
            ..rule()
        }
    }

    /// The policy as people read it, row by row: each that demands has its twin that does not.
    #[test]
    fn a_rule_demands_what_fits_all_that_it_names_and_nothing_else() {
        use Kind::{Answer, MissingOffender, Recall, TravelNotice};
        use Priority::{Flash, Routine, Urgent};
        let alert = |priority| matter(MissingOffender, priority, Some(RiskLevel::High));
        let kinds = Rule {
            kinds: KindSet::new([MissingOffender, Recall]),
            ..rule()
        };
        let priority = Rule {
            least_priority: Some(Urgent),
            ..rule()
        };
        let risk = Rule {
            least_risk: Some(RiskLevel::High),
            ..rule()
        };
        let marked = |code| Rule {
            handling: vec![code],
            ..rule()
        };
        let both = Rule {
            kinds: KindSet::new([TravelNotice]),
            ..to("XB")
        };
        let answers = Rule {
            kinds: KindSet::new([Answer]),
            ..rule()
        };
        let unasked = Rule::default();
        let table: Vec<(&str, Rule, Matter<'_>, bool)> = vec![
            ("a kind", kinds.clone(), alert(Routine), true),
            (
                "another kind",
                kinds,
                matter(TravelNotice, Flash, None),
                false,
            ),
            ("that priority", priority.clone(), alert(Urgent), true),
            ("a higher one", priority.clone(), alert(Flash), true),
            ("a lower one", priority, alert(Routine), false),
            ("that risk", risk.clone(), alert(Routine), true),
            (
                "less risk",
                risk.clone(),
                matter(MissingOffender, Flash, Some(RiskLevel::Medium)),
                false,
            ),
            (
                "no risk named",
                risk,
                matter(MissingOffender, Flash, None),
                false,
            ),
            ("a marking", marked(Handling::H2), alert(Routine), true),
            (
                "another marking",
                marked(Handling::H3),
                alert(Routine),
                false,
            ),
            ("a country", to("XC"), alert(Routine), true),
            ("another country", to("XD"), alert(Routine), false),
            ("an authority", to("XC-BKA"), alert(Routine), true),
            (
                "another of that country",
                to("XC-POL"),
                alert(Routine),
                false,
            ),
            ("country and another kind", both, alert(Routine), false),
            ("everything", rule(), alert(Routine), true),
            (
                "everything, of an answer",
                rule(),
                matter(Answer, Flash, None),
                false,
            ),
            (
                "answers by name",
                answers,
                matter(Answer, Routine, None),
                true,
            ),
            ("a rule that asks for nothing", unasked, alert(Flash), false),
        ];
        for (what, rule, matter, demanded) in table {
            let expected = match demanded {
                true => Needs::Release(Why::Rule(1)),
                false => Needs::Nothing,
            };
            assert_eq!(
                needs(&[rule], KindSet::default(), &matter),
                expected,
                "{what}"
            );
        }
    }

    #[test]
    fn a_group_is_whoever_the_directory_puts_into_it() {
        let groups = ["all-eu".to_owned()];
        let grouped = |groups| Matter {
            to: vec![("XB-POL".parse().unwrap(), groups)],
            ..matter(Kind::MissingOffender, Priority::Routine, None)
        };
        let rules = [to("@all-eu")];
        let demanded = Needs::Release(Why::Rule(1));
        assert_eq!(
            needs(&rules, KindSet::default(), &grouped(&groups[..])),
            demanded
        );
        assert_eq!(
            needs(&rules, KindSet::default(), &grouped(&[])),
            Needs::Nothing
        );
    }

    #[test]
    fn the_stricter_of_configuration_and_directory_holds() {
        let alert = matter(Kind::MissingOffender, Priority::Routine, None);
        let published = KindSet::new([Kind::MissingOffender]);
        let none = Rule {
            four_eyes: false,
            ..rule()
        };
        let by_directory = Needs::Release(Why::Directory);
        assert_eq!(needs(&[], published, &alert), by_directory);
        assert_eq!(
            needs(std::slice::from_ref(&none), published, &alert),
            by_directory
        );
        assert_eq!(
            needs(&[], KindSet::new([Kind::Recall]), &alert),
            Needs::Nothing
        );
        // A rule before it that asks for nothing takes nothing back.
        let rules = [none, rule()];
        assert_eq!(
            needs(&rules, KindSet::default(), &alert),
            Needs::Release(Why::Rule(2))
        );
    }

    #[test]
    fn every_kind_has_its_own_place_in_a_set() {
        for kind in Kind::ALL {
            let alone = KindSet::new([*kind]);
            assert_eq!(alone.kinds().collect::<Vec<_>>(), [*kind]);
            assert!(!alone.is_empty());
        }
        assert!(KindSet::default().is_empty());
    }

    #[test]
    fn destinations_are_countries_authorities_or_groups() {
        for legal in ["XB", "XB-POL", "@all-eu", "@EU27"] {
            assert!(legal.parse::<Destination>().is_ok(), "{legal}");
        }
        for wrong in ["", "xb", "XBB", "XB-", "@", "@all eu", "all", "XB-pol"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_longest_function_fits_a_statement() {
        let authority = "XA-ABCDEFGHIJKLM".parse().unwrap();
        let function = function(authority, "administrator", u64::MAX);
        assert!(function.len() <= PSEUDONYM_MAX_BYTES, "{function}");
    }
}
