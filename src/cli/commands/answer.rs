//! `allpoints answer`: where the work on a foreign alert stands. A hit writes answer and sighting in one commit.

use super::tree;
use crate::{
    cli::{
        drafts::words,
        exit::{CliError, Exit},
        session::Session,
        submit::{self, Effect},
        thread,
    },
    proto::{
        alert::v1::{
            Answer, AnswerCode, Awareness, Presence, Retention, RetentionCode, Sighting,
            payload::Kind,
        },
        desk::v1::HoldingWay,
        envelope::v1::Priority,
    },
};

/// Arguments of `answer`.
#[derive(Debug, clap::Args)]
pub struct AnswerArgs {
    /// The alert: full id, any unique prefix of 8 or more, or a reference
    id: String,
    #[command(flatten)]
    standing: Standing,
    #[command(flatten)]
    sighting: SightingArgs,
    /// What agrees, for a possible hit; may be given again
    #[arg(long)]
    agrees: Vec<String>,
    /// What does not agree, for a possible hit; may be given again
    #[arg(long)]
    disagrees: Vec<String>,
    /// What would confirm it, for a possible hit: fingerprints, a photograph; may be given again
    #[arg(long)]
    wanted: Vec<String>,
    /// What was checked, for no trace; may be given again
    #[arg(long)]
    checked: Vec<String>,
    /// Day until which the check stands, for no trace
    #[arg(long)]
    until: Option<String>,
    /// The article, when a law is the reason not to act
    #[arg(long)]
    article: Option<String>,
    /// After a recall or closure: our copy is removed. To whom it was passed on is said with it
    #[arg(long)]
    removed: bool,
    /// After a recall or closure: our copy is kept, under this law. To whom it was passed on is said with it
    #[arg(
        long,
        value_name = "LAW",
        conflicts_with = "removed",
        requires = "kept_until"
    )]
    kept_under: Option<String>,
    /// Day until which our copy is kept
    #[arg(long, value_name = "DAY", requires = "kept_under")]
    kept_until: Option<String>,
    /// More, in words
    #[arg(long)]
    text: Option<String>,
}

/// Exactly one word.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "one flag of a group of flags each, of which clap lets exactly one through"
)]
struct Standing {
    /// The person was met: writes a sighting too
    #[arg(long)]
    hit: bool,
    /// Something agrees; wants confirmation
    #[arg(long)]
    possible_hit: bool,
    /// Checked, nothing found; the alert stays live
    #[arg(long)]
    no_trace: bool,
    /// A question back
    #[arg(long, value_name = "TEXT")]
    needs_information: Option<String>,
    /// Done what was asked
    #[arg(long)]
    actioned: bool,
    /// Not possible, and why
    #[arg(long, value_name = "REASON")]
    cannot_act: Option<String>,
    /// Another person was taken for the one sought
    #[arg(long)]
    misidentified: bool,
    /// A unit has it
    #[arg(long, value_name = "UNIT")]
    assigned: Option<String>,
}

/// Where, when and how the person was met.
#[derive(Debug, clap::Args)]
struct SightingArgs {
    /// Town, port, address
    #[arg(long, required_if_eq("hit", "true"))]
    place: Option<String>,
    /// Country of the place
    #[arg(long, required_if_eq("hit", "true"))]
    country: Option<String>,
    /// When, RFC 3339; without it, now
    #[arg(long)]
    at: Option<String>,
    /// Why the person was checked
    #[arg(long)]
    reason: Option<String>,
    /// Country that the person was going to
    #[arg(long)]
    destination: Option<String>,
    /// The person is there now: an instruction is owed within 30 minutes
    #[arg(long, conflicts_with = "left")]
    present: bool,
    /// The person has left
    #[arg(long)]
    left: bool,
}

/// Answers the thread's first origin.
///
/// # Errors
/// Exit 4 when the alert is not here; 3 with all faults; 5 with the ids to repeat with.
pub async fn run(args: AnswerArgs, session: &Session) -> Result<(), CliError> {
    if let Some((flag, of)) = args.stray() {
        return Err(CliError::new(
            Exit::Usage,
            format!("{flag} belongs to {of}, which was not said"),
        )
        .hint("`allpoints answer --help` shows what goes with each answer"));
    }
    let mut desk = session.desk().await?;
    let target = thread::find(&mut desk, &args.id).await?;
    let urgent = args.sighting.present.then_some(Priority::Flash);
    let follow_up = target.follow_up(vec![target.first.origin.clone()], urgent);
    let mut drafts = Vec::new();
    if args.standing.hit {
        let now = session.clock.now().to_string();
        drafts.push(follow_up.draft(Kind::Sighting(sighting(&args.sighting, now))));
    }
    let mut passed_on_to = Vec::new();
    if args.says_of_copy() {
        let own = session.profile()?.authority;
        let tree = tree::look(&mut desk, &args.id).await?;
        let by_us = tree.holders.into_iter();
        let by_us = by_us.filter(|it| it.way() == HoldingWay::PassedOn && it.from == own.as_str());
        passed_on_to = by_us.map(|it| it.authority).collect();
    }
    let answer = answer(args, passed_on_to);
    drafts.insert(0, follow_up.draft(Kind::Answer(answer)));
    let response = submit::submit(&mut desk, session, drafts, Effect::Accept).await?;
    session
        .output
        .value(&response, |it| submit::render(it, Effect::Accept))
}

fn answer(args: AnswerArgs, passed_on_to: Vec<String>) -> Answer {
    let code = args.standing.code();
    let retention = args.says_of_copy().then(|| Retention {
        code: match args.removed {
            true => RetentionCode::Removed.into(),
            false => RetentionCode::Kept.into(),
        },
        law: args.kept_under.clone().unwrap_or_default(),
        until: args.kept_until.clone().unwrap_or_default(),
        passed_on_to,
    });
    Answer {
        code: code.into(),
        unit: args.standing.assigned.unwrap_or_default(),
        agrees: args.agrees,
        disagrees: args.disagrees,
        wanted: args.wanted,
        checked: args.checked,
        checked_until: args.until.unwrap_or_default(),
        question: words(args.standing.needs_information),
        reason: words(args.standing.cannot_act),
        article: args.article.unwrap_or_default(),
        retention,
        text: words(args.text),
        ..Answer::default()
    }
}

impl AnswerArgs {
    /// True when it says what became of our copy.
    fn says_of_copy(&self) -> bool {
        self.removed || self.kept_under.is_some()
    }

    /// A flag that goes with another answer than the one said. Clap passes these over: to it, a missing
    /// requirement is excused when it would conflict with what is there.
    fn stray(&self) -> Option<(&'static str, &'static str)> {
        let (said, sighting) = (self.standing.code(), &self.sighting);
        let met = sighting.present || sighting.left;
        let words = [
            &sighting.place,
            &sighting.country,
            &sighting.at,
            &sighting.reason,
            &sighting.destination,
        ];
        let met = met || words.iter().any(|it| it.is_some());
        [
            (
                met,
                AnswerCode::Hit,
                "the place and time of a sighting",
                "--hit",
            ),
            (
                !self.agrees.is_empty(),
                AnswerCode::PossibleHit,
                "--agrees",
                "--possible-hit",
            ),
            (
                !self.disagrees.is_empty(),
                AnswerCode::PossibleHit,
                "--disagrees",
                "--possible-hit",
            ),
            (
                !self.wanted.is_empty(),
                AnswerCode::PossibleHit,
                "--wanted",
                "--possible-hit",
            ),
            (
                !self.checked.is_empty(),
                AnswerCode::NoTrace,
                "--checked",
                "--no-trace",
            ),
            (
                self.until.is_some(),
                AnswerCode::NoTrace,
                "--until",
                "--no-trace",
            ),
            (
                self.article.is_some(),
                AnswerCode::CannotAct,
                "--article",
                "--cannot-act",
            ),
            (
                self.removed,
                AnswerCode::Actioned,
                "--removed",
                "--actioned",
            ),
            (
                self.kept_under.is_some(),
                AnswerCode::Actioned,
                "--kept-under",
                "--actioned",
            ),
        ]
        .into_iter()
        .find(|(given, of, ..)| *given && *of != said)
        .map(|(_, _, flag, of)| (flag, of))
    }
}

impl Standing {
    fn code(&self) -> AnswerCode {
        match self {
            Self { hit: true, .. } => AnswerCode::Hit,
            Self {
                possible_hit: true, ..
            } => AnswerCode::PossibleHit,
            Self { no_trace: true, .. } => AnswerCode::NoTrace,
            Self {
                needs_information: Some(_),
                ..
            } => AnswerCode::NeedsInformation,
            Self { actioned: true, .. } => AnswerCode::Actioned,
            Self {
                cannot_act: Some(_),
                ..
            } => AnswerCode::CannotAct,
            Self {
                misidentified: true,
                ..
            } => AnswerCode::Misidentified,
            _ => AnswerCode::Assigned,
        }
    }
}

fn sighting(args: &SightingArgs, now: String) -> Sighting {
    let presence = match (args.present, args.left) {
        (true, _) => Presence::Present,
        (_, true) => Presence::Left,
        _ => Presence::NotKnown,
    };
    Sighting {
        place: args.place.clone().unwrap_or_default(),
        country: args.country.clone().unwrap_or_default(),
        seen_at: args.at.clone().unwrap_or(now),
        reason: args.reason.clone().unwrap_or_default(),
        destination_country: args.destination.clone().unwrap_or_default(),
        presence: presence.into(),
        awareness: Awareness::NotKnown.into(),
        ..Sighting::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: AnswerArgs,
    }

    fn parsed(line: &str) -> Result<AnswerArgs, clap::Error> {
        Line::try_parse_from(line.split_whitespace()).map(|line| line.args)
    }

    #[test]
    fn each_flag_is_its_answer() {
        let cases = [
            ("--hit --place Port --country XBB", AnswerCode::Hit),
            ("--possible-hit --agrees name", AnswerCode::PossibleHit),
            ("--no-trace --checked borders", AnswerCode::NoTrace),
            ("--needs-information which?", AnswerCode::NeedsInformation),
            ("--actioned --removed", AnswerCode::Actioned),
            ("--cannot-act law --article 4", AnswerCode::CannotAct),
            ("--misidentified", AnswerCode::Misidentified),
            ("--assigned unit-4", AnswerCode::Assigned),
        ];
        for (flags, code) in cases {
            let args = parsed(&format!("answer 01950000 {flags}")).unwrap();
            assert_eq!(answer(args, Vec::new()).code(), code, "{flags}");
        }
    }

    #[test]
    fn a_copy_is_removed_or_kept_under_a_law_until_a_day_and_who_else_has_it_is_named() {
        let of = |flags: &str| {
            let args = parsed(&format!("answer 01950000 --actioned {flags}")).unwrap();
            answer(args, vec!["XD-POL".to_owned()]).retention
        };
        let removed = of("--removed").unwrap();
        assert_eq!(removed.code(), RetentionCode::Removed);
        assert_eq!(removed.passed_on_to, ["XD-POL"]);
        let kept = of("--kept-under archives --kept-until 2027-12-31").unwrap();
        assert_eq!(kept.code(), RetentionCode::Kept);
        assert_eq!(
            (kept.law.as_str(), kept.until.as_str()),
            ("archives", "2027-12-31")
        );
        assert_eq!(of(""), None);
        for flags in [
            "--kept-under archives",
            "--kept-until 2027-12-31",
            "--removed --kept-under archives --kept-until 2027-12-31",
        ] {
            let line = format!("answer 01950000 --actioned {flags}");
            assert!(parsed(&line).is_err(), "{flags}");
        }
    }

    #[test]
    fn refuses_none_two_and_a_hit_without_a_place() {
        for flags in ["", "--hit --no-trace", "--hit"] {
            assert!(
                parsed(&format!("answer 01950000 {flags}")).is_err(),
                "{flags}"
            );
        }
    }

    #[test]
    fn a_flag_of_another_answer_is_named() {
        let cases = [
            ("--no-trace --place Port", Some("--hit")),
            ("--misidentified --agrees x", Some("--possible-hit")),
            ("--actioned --wanted photograph", Some("--possible-hit")),
            (
                "--hit --place Port --country XBB --removed",
                Some("--actioned"),
            ),
            ("--hit --place Port --country XBB --present", None),
            ("--no-trace --checked borders --until 2026-12-01", None),
        ];
        for (flags, of) in cases {
            let args = parsed(&format!("answer 01950000 {flags}")).unwrap();
            assert_eq!(args.stray().map(|(_, of)| of), of, "{flags}");
        }
    }
}
