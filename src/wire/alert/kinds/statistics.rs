//! Counts for a period; says nothing of a person.

use crate::{
    domain::{
        alert::value::{Day, Moment},
        country::Country,
        routing::Coded,
        statistics::{Count, Figures, Line, Period, Return, Selection, Values},
        time::Timestamp,
    },
    proto::alert::v1 as pb,
    wire::{alert::reader::Reader, fields},
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Statistics,
    _payload: &pb::Payload,
) -> Option<Return> {
    let period = period(reader, wire);
    let counted_at: Option<Moment> = reader.needed("countedAt", &wire.counted_at);
    let replaces = match wire.replaces.as_ref() {
        None => None,
        Some(wire) => {
            let replaces = fields::reference(wire).ok();
            let expected = "origin and id of the return that it replaces";
            reader.demand(replaces.is_some(), "replaces", expected);
            replaces
        }
    };
    let figures = figures(reader, &wire.figures);
    Some(Return {
        period: period?,
        counted_at: counted_at?.time(),
        replaces,
        figures: figures?,
    })
}

fn period(reader: &mut Reader, wire: &pb::Statistics) -> Option<Period> {
    let first: Option<Day> = reader.needed("from", &wire.from);
    let last: Option<Day> = reader.needed("to", &wire.to);
    reader.in_order(first.as_ref(), last.as_ref(), "to", &wire.to, "from");
    let issued_on = reader.issued_on();
    if let (Some(last), Some(issued_on)) = (last, issued_on)
        && last > issued_on
    {
        let expected = "a day that is not after the day of issue";
        reader.wrong("to", &wire.to, expected);
    }
    Period::new(first?, last?)
}

fn figures(reader: &mut Reader, wire: &[pb::Figure]) -> Option<Figures> {
    let mut lines = Vec::with_capacity(wire.len().min(crate::domain::limits::STATISTICS_MAX_FIGURES));
    for (place, figure) in wire.iter().enumerate() {
        let mut line = None;
        reader.within_item(("figures", place), |reader| line = read_line(reader, figure));
        lines.push(line?);
    }
    match Figures::new(lines) {
        Ok(figures) => Some(figures),
        Err(fault) => {
            reader.within_item(("figures", fault.place), |reader| {
                reader.fault("", fault.found, fault.expected);
            });
            None
        }
    }
}

fn read_line(reader: &mut Reader, wire: &pb::Figure) -> Option<Line> {
    let nationality: Option<Country> = reader.optional("nationality", &wire.nationality);
    let prior = reader.coded("priorReport", wire.prior_report);
    let events = values(reader, "events", &wire.events);
    let offences = values(reader, "offences", &wire.offences);
    let victims = values(reader, "victims", &wire.victims);
    let count = match wire.count {
        Some(pb::figure::Count::Outcomes(outcomes)) => Some(Count::Outcomes(outcomes)),
        Some(pb::figure::Count::Suppressed(_)) => Some(Count::Suppressed),
        None => {
            reader.demand(false, "outcomes", "a count, or `suppressed`");
            None
        }
    };
    Some(Line {
        level: wire.level,
        selection: Selection {
            nationality,
            prior: prior?,
            events: events?,
            offences: offences?,
            victims: victims?,
        },
        count: count?,
    })
}

/// An empty list stands for all values.
fn values<T: Coded>(reader: &mut Reader, field: &'static str, numbers: &[i32]) -> Option<Values<T>> {
    let values: Vec<T> = reader.list(field, numbers, |reader, number| reader.coded("", *number));
    (values.len() == numbers.len()).then(|| Values::of(&values).unwrap_or_else(Values::all))
}

/// A return as it stands in a payload.
pub(in crate::wire::alert) fn write(made: &Return) -> pb::Statistics {
    pb::Statistics {
        from: made.period.first().to_string(),
        to: made.period.last().to_string(),
        counted_at: exact(made.counted_at),
        replaces: made.replaces.as_ref().map(fields::encode_reference),
        figures: made.figures.lines().into_iter().map(write_line).collect(),
    }
}

fn write_line(line: Line) -> pb::Figure {
    let selection = line.selection;
    pb::Figure {
        level: line.level,
        nationality: selection.nationality.map_or_else(String::new, |it| it.to_string()),
        prior_report: selection.prior as i32,
        events: selection.events.iter().map(|it| it as i32).collect(),
        offences: selection.offences.iter().map(|it| it as i32).collect(),
        victims: selection.victims.iter().map(|it| it as i32).collect(),
        count: Some(match line.count {
            Count::Outcomes(outcomes) => pb::figure::Count::Outcomes(outcomes),
            Count::Suppressed => pb::figure::Count::Suppressed(pb::Suppressed {}),
        }),
    }
}

/// To the microsecond, as it was counted: what is recorded in the same second may be recorded later.
fn exact(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros())
        .map_or_else(|_| time.to_string(), |time| time.to_string())
}
