//! Comma-separated values (RFC 4180), both ways.
//!
//! The ways in are [`line()`] and [`read`]. What is written is never run by a spreadsheet that opens it (CWE-1236); what is
//! read is read whole or refused, with the line at which it stops making sense.

use crate::domain::text::escape;

/// What a spreadsheet takes for the beginning of a formula, wide forms included.
const BEGINS_FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A row, with the line of the file at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 1.
    pub line: usize,
    /// As they stand, without quotes.
    pub cells: Vec<String>,
}

/// Why a text is not comma-separated values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct CsvFault {
    /// From 1.
    pub line: usize,
    /// What was found, and what would be right.
    pub what: &'static str,
}

/// One line of a file, its end included: safe for a terminal, and safe for a spreadsheet.
#[must_use]
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// Quoted always, so that no separator of a country matters; a formula becomes text by an apostrophe before it.
fn cell(text: &str) -> String {
    let text = escape(text);
    let formula = text.trim_start().starts_with(BEGINS_FORMULA);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

/// All rows that are not empty; the first is the header.
///
/// # Errors
/// At the first quote that stands in the wrong place or is never closed.
pub fn read(text: &str) -> Result<Vec<Row>, CsvFault> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    let mut rows = Vec::new();
    while !reader.rest.is_empty() {
        let line = reader.line;
        let cells = reader.row()?;
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(Row { line, cells });
        }
    }
    Ok(rows)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

/// What stands behind a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Comma,
    End,
}

impl Reader<'_> {
    fn row(&mut self) -> Result<Vec<String>, CsvFault> {
        let mut cells = Vec::new();
        loop {
            let (cell, behind) = match self.rest.strip_prefix('"') {
                Some(rest) => {
                    self.rest = rest;
                    self.quoted()?
                }
                None => self.plain()?,
            };
            cells.push(cell);
            if behind == Behind::End {
                return Ok(cells);
            }
        }
    }

    fn plain(&mut self) -> Result<(String, Behind), CsvFault> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(end);
        if cell.contains('"') {
            return Err(CsvFault {
                line: self.line,
                what: "a quote within a cell: expected the whole cell in quotes, and each quote in it twice",
            });
        }
        let cell = cell.strip_suffix('\r').unwrap_or(cell).to_owned();
        self.rest = rest;
        Ok((cell, self.behind()?))
    }

    fn quoted(&mut self) -> Result<(String, Behind), CsvFault> {
        let begins = self.line;
        let mut cell = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(CsvFault {
                    line: begins,
                    what: "a quote that is never closed",
                });
            };
            let (part, rest) = self.rest.split_at(end);
            self.line += part.matches('\n').count();
            cell.push_str(part);
            self.rest = rest.get(1..).unwrap_or_default();
            match self.rest.strip_prefix('"') {
                Some(rest) => {
                    cell.push('"');
                    self.rest = rest;
                }
                None => return Ok((cell, self.behind()?)),
            }
        }
    }

    fn behind(&mut self) -> Result<Behind, CsvFault> {
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Ok(Behind::Comma);
        }
        let ended = self.rest.strip_prefix("\r\n");
        if let Some(rest) = ended.or_else(|| self.rest.strip_prefix('\n')) {
            self.rest = rest;
            self.line += 1;
            return Ok(Behind::End);
        }
        match self.rest.is_empty() {
            true => Ok(Behind::End),
            false => Err(CsvFault {
                line: self.line,
                what: "something stands behind a closed quote: expected a comma or the end of the line",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn row_64_what_begins_as_a_formula_is_written_as_text() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u{a0}=1", "＝1", "\t=1", "\0=1", "\r=1",
        ] {
            let written = line([formula]);
            assert!(
                !written.trim_start_matches('"').starts_with(BEGINS_FORMULA),
                "{written}"
            );
            assert!(
                written.starts_with("\"'") || written.starts_with("\"\\"),
                "{written}"
            );
        }
        assert_eq!(
            line(["XA-26-7F3K9", "a \"b\", c"]),
            "\"XA-26-7F3K9\",\"a \"\"b\"\", c\"\r\n"
        );
        assert_eq!(line(["\u{1b}[2J"]), "\"\\u{1b}[2J\"\r\n");
    }

    #[test]
    fn rows_are_read_with_their_lines_and_a_broken_quote_names_its_line() {
        let text = "\u{feff}a,b\r\n1,\"two\nlines, \"\"quoted\"\"\"\n\n,,\n3,\n";
        let row = |line, cells: [&str; 2]| Row {
            line,
            cells: cells.map(ToOwned::to_owned).into(),
        };
        let rows = [
            row(1, ["a", "b"]),
            row(2, ["1", "two\nlines, \"quoted\""]),
            row(6, ["3", ""]),
        ];
        assert_eq!(read(text).unwrap(), rows);
        for (wrong, line) in [("a\nb\"c\n", 2), ("a\n\"b\nc", 2), ("\"a\"b\n", 1)] {
            assert_eq!(read(wrong).unwrap_err().line, line, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn plain_words_come_back_as_they_were(cells in prop::collection::vec("[a-zA-Z0-9 ,\"]{1,12}", 1..5)) {
            let rows = read(&line(cells.iter().map(String::as_str))).unwrap();
            prop_assert_eq!(&rows[0].cells, &cells);
        }

        #[test]
        fn no_text_brings_the_reader_down(text in "[\",a\r\n]{0,40}") {
            let _ = read(&text);
        }
    }
}
