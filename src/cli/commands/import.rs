//! `allpoints import`: drafts out of a table, one a row, by a mapping file.
//!
//! The way in is [`run`]. Every cell of every row is judged before anything is sent, all that is wrong is told with its row
//! and column, and all rows are accepted in one commit or none. Under the same `--batch` repeating has no second effect.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    cli::{
        connection::Desk,
        csv::{self, Row},
        exit::{CliError, Exit},
        output::{escape, table},
        outside::new_message_id,
        session::Session,
        submit,
    },
    domain::{
        id::MessageId,
        limits::{IMPORT_FAULTS_SHOWN, SUBMIT_MAX_DRAFTS},
        time::Timestamp,
    },
    proto::alert::v1::Draft,
    trust::derived::derived_id,
    wire::alert::{parse_draft, read_draft_json},
};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The table: comma-separated values with a header, or a JSON array of flat objects (`.json`)
    file: PathBuf,
    /// The mapping: TOML with `template` (a draft), `[columns]` (column = field of the draft) and `ignore`
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// Check everything, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// UUIDv7 of this import: repeat with the same one when the outcome was unknown
    #[arg(long, value_name = "ID", value_parser = batch)]
    batch: Option<MessageId>,
}

fn batch(text: &str) -> Result<MessageId, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// A mapping file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    /// The draft that each row begins as; relative to the mapping file.
    template: PathBuf,
    /// Column, and where its cells go: `payload.subject.names[0].surname`.
    columns: BTreeMap<String, String>,
    /// Columns that are left out on purpose.
    #[serde(default)]
    ignore: Vec<String>,
}

/// A table by its columns.
#[derive(Debug, PartialEq, Eq)]
struct Sheet {
    columns: Vec<String>,
    rows: Vec<Row>,
}

/// One thing that is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    line: usize,
    column: String,
    found: String,
    expected: String,
}

/// Reads, judges, and sends all rows or none.
///
/// # Errors
/// Exit 2 when a file cannot be read or the mapping does not fit the table; 3 with all that is wrong, by row and column.
pub async fn run(args: ImportArgs, session: &Session) -> Result<(), CliError> {
    let mapping_text = fs::read_to_string(&args.mapping).map_err(|error| {
        usage(&args.mapping, &format!("the mapping cannot be read: {error}"))
            .hint("--mapping names a TOML file with `template` and `[columns]`, such as examples/table-mapping.toml")
    })?;
    let mapping: Mapping = toml::from_str(&mapping_text).map_err(|error| {
        usage(&args.mapping, &error.to_string())
            .hint("expected `template`, `[columns]` and perhaps `ignore`")
    })?;
    let folder = args.mapping.parent().unwrap_or(Path::new(""));
    let template_file = folder.join(&mapping.template);
    let template = template(&template_file)?;
    let sheet = match args.file.extension().is_some_and(|it| it == "json") {
        true => objects(&text(&args.file)?),
        false => separated(&text(&args.file)?),
    };
    let sheet = sheet.map_err(|what| usage(&args.file, &what))?;
    let places = places(&mapping, &sheet).map_err(|what| usage(&args.mapping, &what))?;
    let drafts = drafts(&template, &sheet, &places, session.clock.now());
    let mut drafts = drafts.map_err(|wrong| refused(&args.file, &wrong))?;

    let batch = match args.batch {
        Some(batch) => batch,
        None => new_message_id(session.clock.as_ref())?,
    };
    for (place, draft) in drafts.iter_mut().enumerate() {
        let number = u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes();
        draft.id = derived_id(batch, "import", &number).to_string();
    }
    let effect = match args.dry_run {
        true => submit::Effect::DryRun,
        false => submit::Effect::Accept,
    };
    if !args.dry_run {
        session.output.note(&format!("batch {batch}"));
    }
    let mut desk = session.desk().await?;
    let response = match submit::submit(&mut desk, session, drafts.clone(), effect).await {
        Ok(response) => response,
        Err(error) if error.exit == Exit::Unreachable => {
            let again = format!("repeat with --batch {batch}: it has no second effect");
            return Err(error.hint(again));
        }
        Err(error) => return Err(row_by_row(error, &mut desk, session, &sheet, drafts).await),
    };
    session
        .output
        .value(&response, |it| submit::render(it, effect))
}

fn text(file: &Path) -> Result<String, CliError> {
    fs::read_to_string(file).map_err(|error| usage(file, &error.to_string()))
}

fn usage(file: &Path, what: &str) -> CliError {
    let file = escape(&file.display().to_string());
    let what: Vec<String> = what.trim_end().lines().map(escape).collect();
    CliError::new(Exit::Usage, format!("{file}: {}", what.join("\n  ")))
}

/// The template must be JSON; whether it is a legal draft, only rows tell.
fn template(file: &Path) -> Result<Value, CliError> {
    let text = text(file)?;
    let draft = read_draft_json(&text).map_err(|faults| {
        let faults = faults.iter();
        let lines = faults.map(|it| format!("{}: {}, expected {}", it.path, it.found, it.expected));
        usage(file, &lines.collect::<Vec<_>>().join("\n"))
    })?;
    serde_json::to_value(&draft).map_err(|error| usage(file, &error.to_string()))
}

fn separated(text: &str) -> Result<Sheet, String> {
    let mut rows = csv::read(text).map_err(|fault| fault.to_string())?;
    if rows.is_empty() {
        return Err("it is empty: expected a header and at least one row".to_owned());
    }
    let columns = rows.remove(0).cells;
    if let Some(row) = rows.iter().find(|row| row.cells.len() != columns.len()) {
        return Err(format!(
            "line {}: {} cells, expected {} as in the header",
            row.line,
            row.cells.len(),
            columns.len()
        ));
    }
    Ok(Sheet { columns, rows })
}

/// Rows count from 1: lines say nothing in JSON.
fn objects(text: &str) -> Result<Sheet, String> {
    let objects: Vec<serde_json::Map<String, Value>> = serde_json::from_str(text)
        .map_err(|error| format!("{error}: expected an array of objects"))?;
    let mut columns: Vec<String> = Vec::new();
    for name in objects.iter().flat_map(serde_json::Map::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    let mut rows = Vec::with_capacity(objects.len());
    for (object, line) in objects.iter().zip(1..) {
        let cells = columns.iter().map(|column| match object.get(column) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
            Some(_) => Err(format!(
                "row {line}: `{column}` is no text, number or truth value"
            )),
        });
        rows.push(Row {
            line,
            cells: cells.collect::<Result<_, _>>()?,
        });
    }
    Ok(Sheet { columns, rows })
}

/// Where the cells of each column go; `None`: nowhere, on purpose.
fn places<'a>(mapping: &'a Mapping, sheet: &Sheet) -> Result<Vec<Option<&'a str>>, String> {
    let mut faults = Vec::new();
    let mut places = Vec::with_capacity(sheet.columns.len());
    for (number, column) in sheet.columns.iter().enumerate() {
        let place = mapping.columns.get(column).map(String::as_str);
        if place.is_none() && !mapping.ignore.contains(column) {
            faults.push(format!("column `{column}` of the table: name its field in [columns], or put it into `ignore`"));
        }
        if sheet
            .columns
            .iter()
            .take(number)
            .any(|other| other == column)
        {
            faults.push(format!("column `{column}` stands twice in the table"));
        }
        places.push(place);
    }
    for (column, place) in &mapping.columns {
        if !sheet.columns.contains(column) {
            faults.push(format!(
                "[columns] names `{column}`, and the table has no such column"
            ));
        }
        if steps(place).is_none() {
            faults.push(format!(
                "`{place}` is no field: expected such as `payload.subject.names[0].surname`"
            ));
        }
    }
    if sheet.rows.is_empty() || sheet.rows.len() > SUBMIT_MAX_DRAFTS {
        faults.push(format!(
            "the table has {} rows, expected 1 to {SUBMIT_MAX_DRAFTS}, which are accepted together: split it",
            sheet.rows.len()
        ));
    }
    match faults.is_empty() {
        true => Ok(places),
        false => Err(faults.join("\n")),
    }
}

/// A field's name, or a place in a list.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// `payload.subject.names[0].surname`, step by step.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, items) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        steps.push(Step::Field(name));
        let mut rest = items;
        while !rest.is_empty() {
            let (number, behind) = rest.strip_prefix('[')?.split_once(']')?;
            let number = number.parse().ok().filter(|number| *number < 64)?;
            steps.push(Step::Item(number));
            rest = behind;
        }
    }
    Some(steps)
}

/// Puts a cell into the draft; an empty one leaves what the template has.
fn put(draft: &mut Value, path: &str, cell: &str) {
    let mut place = draft;
    for step in steps(path).unwrap_or_default() {
        place = match step {
            Step::Field(name) => {
                if !place.is_object() {
                    *place = Value::Object(<_>::default());
                }
                let Value::Object(object) = place else { return };
                object.entry(name).or_insert(Value::Null)
            }
            Step::Item(number) => {
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                let Value::Array(items) = place else { return };
                // A gap shows as an item without anything in it, which is refused where something is mandatory.
                while items.len() <= number {
                    items.push(Value::Object(<_>::default()));
                }
                let Some(item) = items.get_mut(number) else {
                    return;
                };
                item
            }
        };
    }
    *place = match (&place, cell) {
        (Value::Bool(_), "true") => Value::Bool(true),
        (Value::Bool(_), "false") => Value::Bool(false),
        _ => Value::String(cell.to_owned()),
    };
}

/// Every row as a legal draft, or everything that is wrong with any of them.
fn drafts(
    template: &Value,
    sheet: &Sheet,
    places: &[Option<&str>],
    now: Timestamp,
) -> Result<Vec<Draft>, Vec<Wrong>> {
    let mut drafts = Vec::with_capacity(sheet.rows.len());
    let mut wrong = Vec::new();
    for row in &sheet.rows {
        let cells = sheet.columns.iter().zip(places).zip(&row.cells);
        let cells: Vec<(&str, &str, &str)> = cells
            .filter(|(_, cell)| !cell.is_empty())
            .filter_map(|((column, place), cell)| Some((column.as_str(), (*place)?, cell.as_str())))
            .collect();
        match draft(template, &cells, row.line, now) {
            Ok(draft) => drafts.push(draft),
            Err(faults) => wrong.extend(faults),
        }
    }
    match wrong.is_empty() {
        true => Ok(drafts),
        false => Err(wrong),
    }
}

/// `cells`: column, field, and what stands there.
fn draft(
    template: &Value,
    cells: &[(&str, &str, &str)],
    line: usize,
    now: Timestamp,
) -> Result<Draft, Vec<Wrong>> {
    let filled = |cells: &[(&str, &str, &str)]| {
        let mut value = template.clone();
        for (_, path, cell) in cells {
            put(&mut value, path, cell);
        }
        read_draft_json(&value.to_string())
    };
    let draft = match filled(cells) {
        Ok(draft) => draft,
        Err(together) => {
            // Which cells are to blame, each alone shows.
            let alone = cells.iter().filter_map(|cell| {
                let fault = filled(std::slice::from_ref(cell))
                    .err()?
                    .into_iter()
                    .next()?;
                Some(Wrong {
                    line,
                    column: cell.0.to_owned(),
                    found: fault.found,
                    expected: fault.expected,
                })
            });
            let mut wrong: Vec<Wrong> = alone.collect();
            if wrong.is_empty() {
                wrong.extend(together.into_iter().map(|fault| Wrong {
                    line,
                    column: "-".to_owned(),
                    found: fault.found,
                    expected: fault.expected,
                }));
            }
            return Err(wrong);
        }
    };
    match parse_draft(&draft, now) {
        Ok(_) => Ok(draft),
        Err(faults) => Err(faults
            .into_iter()
            .map(|fault| Wrong {
                line,
                column: column_of(&fault.path, cells),
                found: fault.found,
                expected: fault.expected,
            })
            .collect()),
    }
}

/// The column whose field a fault names, or the field itself when no column fills it.
fn column_of(fault: &str, cells: &[(&str, &str, &str)]) -> String {
    let about = |path: &str| {
        let path = path.strip_prefix("payload.").unwrap_or(path);
        let rest = fault.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let column = cells.iter().find(|(_, path, _)| about(path));
    column.map_or_else(|| format!("({fault})"), |(column, ..)| (*column).to_owned())
}

fn refused(file: &Path, wrong: &[Wrong]) -> CliError {
    let mut shown = table(["line", "column", "found", "expected"]);
    for one in wrong.iter().take(IMPORT_FAULTS_SHOWN) {
        shown.add_row([
            one.line.to_string(),
            escape(&one.column),
            escape(&one.found),
            escape(&one.expected),
        ]);
    }
    let more = match wrong.len().saturating_sub(IMPORT_FAULTS_SHOWN) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    CliError::new(
        Exit::Refused,
        format!(
            "{}: {} faults, and nothing was sent\n{shown}{more}",
            escape(&file.display().to_string()),
            wrong.len()
        ),
    )
    .hint("correct the cells; a field in brackets comes from the template")
}

/// What the node refuses, told by the lines of the table: each row is rehearsed alone, so that all of it is told at once.
async fn row_by_row(
    error: CliError,
    desk: &mut Desk,
    session: &Session,
    sheet: &Sheet,
    drafts: Vec<Draft>,
) -> CliError {
    let mut lines = Vec::new();
    for (row, draft) in sheet.rows.iter().zip(drafts) {
        let rehearsed = submit::submit(desk, session, vec![draft], submit::Effect::DryRun).await;
        if let Err(refused) = rehearsed {
            lines.push(format!("\nline {}: {}", row.line, refused.message));
        }
    }
    if lines.is_empty() {
        return error;
    }
    let message = format!("nothing was sent{}", lines.concat());
    CliError { message, ..error }
}

#[cfg(test)]
mod tests;
