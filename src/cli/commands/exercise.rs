//! `allpoints exercise`: a drill is announced to everybody, and reported at its end: who answered when.

use std::time::Duration;

use clap::Subcommand;

use crate::{
    cli::{
        drafts::words,
        exit::{CliError, Exit},
        output::{escape, names, span, table, time},
        session::{Session, read_failed},
        submit,
    },
    domain::{alert::value::Moment, time::Timestamp},
    proto::{
        alert::v1::{Draft, NoticeOfService, Payload, ServiceCode, payload::Kind},
        desk::v1::{
            ExerciseAlert, ExercisePart, ExerciseReportRequest, ExerciseReportResponse,
            ExerciseStage, ExerciseTotal,
        },
        envelope::v1::{Handling, Priority, Status, TransferGround},
    },
};

/// Subcommands of `exercise`.
#[derive(Debug, Subcommand)]
pub enum ExerciseCommand {
    /// Announce a drill: a notice of service, itself marked as an exercise
    Announce(AnnounceArgs),
    /// Who got, opened and answered each exercise alert of ours when, and whether in time
    Report(ReportArgs),
}

/// Arguments of `exercise announce`.
#[derive(Debug, clap::Args)]
pub struct AnnounceArgs {
    /// To whom: authorities, `@group` or `all`, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "all")]
    to: Vec<String>,
    /// When it begins, such as 2026-11-24T08:00:00Z; left out: now
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// When it ends
    #[arg(long, value_parser = moment)]
    until: Moment,
    /// What partners should know or do
    #[arg(long)]
    text: Option<String>,
}

/// Arguments of `exercise report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The notice that announced it: full id, any unique prefix of 8 or more, or a reference
    #[arg(conflicts_with_all = ["from", "until"])]
    notice: Option<String>,
    /// Instead: exercise alerts accepted from then on
    #[arg(long, value_parser = moment)]
    from: Option<Moment>,
    /// Until then; left out: now
    #[arg(long, value_parser = moment, requires = "from")]
    until: Option<Moment>,
    /// One line for each alert and authority, with commas between; times in UTC
    #[arg(long)]
    csv: bool,
}

/// Runs one of them.
///
/// # Errors
/// Exit 3 when the notice is refused or announces no drill, 4 when there is no such notice.
pub async fn run(command: ExerciseCommand, session: &Session) -> Result<(), CliError> {
    match command {
        ExerciseCommand::Announce(args) => announce(args, session).await,
        ExerciseCommand::Report(args) => report(args, session).await,
    }
}

async fn announce(args: AnnounceArgs, session: &Session) -> Result<(), CliError> {
    let from = args
        .from
        .map_or_else(|| session.clock.now(), |from| from.time());
    let notice = NoticeOfService {
        code: ServiceCode::Drill.into(),
        from: from.to_string(),
        until: args.until.time().to_string(),
        text: words(args.text),
    };
    let draft = Draft {
        to: args.to,
        priority: Priority::Priority.into(),
        status: Status::Exercise.into(),
        handling: vec![Handling::H0.into()],
        // It says nothing of a person.
        ground: TransferGround::Safeguards.into(),
        payload: Some(Payload {
            kind: Some(Kind::NoticeOfService(notice)),
            ..Payload::default()
        }),
        ..Draft::default()
    };
    let mut desk = session.desk().await?;
    let effect = submit::Effect::Accept;
    let response = submit::submit(&mut desk, session, vec![draft], effect).await?;
    session.output.value(&response, |it| {
        let reference = it.submitted.first().map(|one| escape(&one.reference));
        format!(
            "{}\nsend the drill's alerts with `send --exercise`; at its end: `allpoints exercise report {}`",
            submit::render(it, effect),
            reference.unwrap_or_default()
        )
    })
}

async fn report(args: ReportArgs, session: &Session) -> Result<(), CliError> {
    if args.notice.is_none() && args.from.is_none() {
        return Err(CliError::new(
            Exit::Usage,
            "which drill: neither its notice nor a time is named",
        )
        .hint(
            "name the notice that announced it, as `allpoints outbox` lists it; or, without one, \
             --from 2026-11-24T08:00:00Z and perhaps --until",
        ));
    }
    let micros = |moment: Option<Moment>| moment.map_or(0, |it| it.time().as_micros());
    let request = ExerciseReportRequest {
        notice: args.notice.unwrap_or_default(),
        from_us: micros(args.from),
        until_us: micros(args.until),
    };
    let mut desk = session.desk().await?;
    let report = desk.exercise_report(request).await.map_err(read_failed)?;
    let report = report.into_inner();
    match args.csv {
        true => session.output.text(&csv(&report)),
        false => session.output.value(&report, render),
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    text.parse()
        .map_err(|_| "expected a time in UTC, such as 2026-11-24T08:00:00Z".to_owned())
}

fn render(report: &ExerciseReportResponse) -> String {
    let state = match report.at_us < report.until_us {
        true => "it still runs: this is how it stands",
        false => "it is over",
    };
    let mut parts = vec![format!(
        "EXERCISE from {} to {}; {state} at {}",
        time(report.from_us),
        time(report.until_us),
        time(report.at_us)
    )];
    if report.alerts.is_empty() {
        parts.push("No exercise alert of ours was accepted in that time.".to_owned());
        return parts.join("\n\n");
    }
    parts.push(totals(&report.totals));
    parts.extend(report.alerts.iter().map(course));
    parts.push(
        "d delivered, o opened, a answered, w our word after a hit; | when the answer was due"
            .to_owned(),
    );
    if report.truncated {
        parts.push("Older alerts of that time are left out: give a shorter span.".to_owned());
    }
    parts.join("\n\n")
}

fn totals(totals: &[ExerciseTotal]) -> String {
    let mut shown = table(["authority", "stage", "done", "late", "median", "worst"]);
    for total in totals {
        let took = |micros: i64| match total.done {
            0 => "-".to_owned(),
            _ => lapse(micros),
        };
        shown.add_row([
            escape(&total.authority),
            escape(&total.stage),
            format!("{} of {}", total.done, total.expected),
            match total.late {
                0 => "0".to_owned(),
                late => format!("{late} LATE"),
            },
            took(total.median_us),
            took(total.worst_us),
        ]);
    }
    shown.to_string()
}

/// One alert, and a line for each partner: what it did, on a scale of time that all of them share.
fn course(alert: &ExerciseAlert) -> String {
    let end = alert.parts.iter().flat_map(times).max().unwrap_or(0);
    let end = end.max(alert.accepted_at_us + 1);
    let heading = format!(
        "{}  {} [EXERCISE]  {}  accepted {}",
        escape(&alert.reference),
        names::kind(alert.kind),
        names::priority(alert.priority),
        time(alert.accepted_at_us)
    );
    let width = alert.parts.iter().map(|it| it.authority.len()).max();
    let lines = alert.parts.iter().map(|part| {
        format!(
            "  {:width$}  {}  {}",
            escape(&part.authority),
            drawn(part, alert.accepted_at_us, end),
            said(part),
            width = width.unwrap_or(0)
        )
    });
    let lines: Vec<String> = std::iter::once(heading).chain(lines).collect();
    lines.join("\n")
}

fn times(part: &ExercisePart) -> impl Iterator<Item = i64> + '_ {
    let stages = [
        &part.delivered,
        &part.opened,
        &part.answered,
        &part.instructed,
    ];
    let due = part.answered.as_ref().map(|stage| stage.due_us);
    let at = stages.into_iter().flatten().map(|stage| stage.at_us);
    at.chain(due)
}

/// Fifty places from acceptance to the last that happened or was due.
fn drawn(part: &ExercisePart, from: i64, end: i64) -> String {
    const PLACES: usize = 50;
    let mut bar = vec!['.'; PLACES];
    let mut mark = |at: i64, mark: char| {
        let place = i128::from(at - from) * (PLACES as i128 - 1) / i128::from((end - from).max(1));
        let place = usize::try_from(place).unwrap_or(0).min(PLACES - 1);
        if let Some(cell) = bar.get_mut(place) {
            *cell = mark;
        }
    };
    if let Some(stage) = &part.answered {
        mark(stage.due_us, '|');
    }
    let stages = [
        (&part.delivered, 'd'),
        (&part.opened, 'o'),
        (&part.answered, 'a'),
        (&part.instructed, 'w'),
    ];
    for (stage, letter) in stages {
        if let Some(stage) = stage.as_ref().filter(|stage| stage.at_us != 0) {
            mark(stage.at_us, letter);
        }
    }
    bar.into_iter().collect()
}

fn said(part: &ExercisePart) -> String {
    let answer = match part.answer.as_str() {
        "" => "no answer".to_owned(),
        answer => escape(answer),
    };
    let stages = [
        ("delivered", &part.delivered),
        ("opened", &part.opened),
        ("answered", &part.answered),
        ("our word", &part.instructed),
    ];
    let late = stages.into_iter().filter_map(|(name, stage)| {
        let stage = stage.as_ref().filter(|stage| stage.late)?;
        Some(match stage.at_us {
            0 => format!("{name} NEVER"),
            at => format!("{name} {} LATE", lapse(at - stage.due_us)),
        })
    });
    std::iter::once(answer)
        .chain(late)
        .collect::<Vec<_>>()
        .join(", ")
}

fn lapse(micros: i64) -> String {
    span(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

/// No field holds anything but codes, ids and times: none can be a formula.
fn csv(report: &ExerciseReportResponse) -> String {
    let mut lines = vec![
        "status,reference,kind,priority,authority,accepted,delivered,opened,answered,instructed,answer,late"
            .to_owned(),
    ];
    for alert in &report.alerts {
        for part in &alert.parts {
            let stages = [
                &part.delivered,
                &part.opened,
                &part.answered,
                &part.instructed,
            ];
            let names = ["delivered", "opened", "answer", "instruction"];
            let late = names.into_iter().zip(stages).filter_map(|(name, stage)| {
                stage.as_ref().filter(|stage| stage.late).map(|_| name)
            });
            let late: Vec<&str> = late.collect();
            let at = |stage: &Option<ExerciseStage>| match stage {
                Some(stage) if stage.at_us != 0 => Timestamp::from_micros(stage.at_us).to_string(),
                _ => String::new(),
            };
            let times = stages.map(at).join(",");
            lines.push(format!(
                "exercise,{},{},{},{},{},{times},{},{}",
                escape(&alert.reference),
                names::kind(alert.kind),
                names::priority(alert.priority),
                escape(&part.authority),
                time(alert.accepted_at_us),
                escape(&part.answer),
                late.join(" ")
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{MINUTE_US, NOW_US, statement};
    use super::*;
    use crate::proto::envelope::v1::Kind as Named;

    fn stage(from: i64, within: i64, at: i64, late: bool) -> Option<ExerciseStage> {
        let micros = |minutes: i64| NOW_US + minutes * MINUTE_US;
        Some(ExerciseStage {
            from_us: micros(from),
            due_us: micros(from + within),
            at_us: if at == 0 { 0 } else { micros(at) },
            late,
        })
    }

    /// XB-POL in time with a hit, to which our word came late; XC-POL opened late and never answered.
    fn report() -> ExerciseReportResponse {
        let prompt = ExercisePart {
            authority: "XB-POL".to_owned(),
            delivered: stage(0, 2, 1, false),
            opened: stage(0, 10, 6, false),
            answered: stage(1, 30, 21, false),
            instructed: stage(21, 30, 58, true),
            answer: "hit".to_owned(),
        };
        let slow = ExercisePart {
            authority: "XC-POL".to_owned(),
            delivered: stage(0, 2, 1, false),
            opened: stage(0, 10, 17, true),
            answered: stage(1, 30, 0, true),
            ..ExercisePart::default()
        };
        let total = |authority: &str, stage: &str, done, late, median| ExerciseTotal {
            authority: authority.to_owned(),
            stage: stage.to_owned(),
            expected: 1,
            done,
            late,
            median_us: median * MINUTE_US,
            worst_us: median * MINUTE_US,
        };
        ExerciseReportResponse {
            from_us: NOW_US - MINUTE_US,
            until_us: NOW_US + 120 * MINUTE_US,
            at_us: NOW_US + 180 * MINUTE_US,
            alerts: vec![ExerciseAlert {
                statement: Some(statement("XA-POL")),
                reference: "XA-26-7F3K9".to_owned(),
                kind: Named::MissingOffender.into(),
                priority: Priority::Flash.into(),
                accepted_at_us: NOW_US,
                parts: vec![prompt, slow],
            }],
            totals: vec![
                total("XA-POL", "instruction", 1, 1, 37),
                total("XB-POL", "answer", 1, 0, 20),
                total("XC-POL", "answer", 0, 1, 0),
            ],
            truncated: false,
        }
    }

    #[test]
    fn a_drill_is_reported_with_who_was_late_and_a_picture() {
        insta::assert_snapshot!(render(&report()));
    }

    #[test]
    fn while_it_runs_and_without_alerts_it_says_so() {
        let running = ExerciseReportResponse {
            at_us: NOW_US,
            alerts: Vec::new(),
            ..report()
        };
        let shown = render(&running);
        assert!(shown.contains("it still runs") && shown.contains("No exercise alert"));
    }

    #[test]
    fn each_alert_and_authority_is_a_line_for_a_spreadsheet() {
        insta::assert_snapshot!(csv(&report()));
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert!(moment("2026-11-24T08:00:00Z").is_ok());
        assert!(moment("24.11.2026").is_err());
    }
}
