//! Tables as text: CSV with a header, packed by gzip or not.

use std::io::{self, BufRead, BufReader, Read};

use csv::{ByteRecord, ReaderBuilder, Trim};
use flate2::bufread::MultiGzDecoder;

use super::table::{Cell, Records, unnamed};
use crate::diagnose::DiagnoseError;

/// What may stand between columns; the one that the header has most of is taken.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Entries that say that there is none, in small letters.
const GAPS: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "?", "."];

/// So many bytes are looked at to tell whether it is text.
const HEAD: usize = 1024;

/// How much is read at once.
const BUFFER: usize = 1 << 18;

/// A table in CSV.
pub struct Csv<'t> {
    reader: csv::Reader<Box<dyn BufRead + 't>>,
    names: Vec<String>,
    record: ByteRecord,
}

impl std::fmt::Debug for Csv<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").field("names", &self.names).finish()
    }
}

impl<'t> Csv<'t> {
    /// The table that `text` holds: a header, and a record a line; columns stand between commas, semicolons, tabs or bars.
    ///
    /// # Errors
    /// When it cannot be read, is empty, or is not text in UTF-8.
    pub fn new(text: impl Read + 't) -> Result<Self, DiagnoseError> {
        let mut text = BufReader::with_capacity(BUFFER, text);
        let packed = text.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let mut text: Box<dyn BufRead + 't> = if packed {
            let unpacked = MultiGzDecoder::new(text);
            Box::new(BufReader::with_capacity(BUFFER, unpacked))
        } else {
            Box::new(text)
        };
        let start = text.fill_buf()?;
        if start.is_empty() {
            return Err(DiagnoseError::Empty);
        }
        // No table in UTF-8 holds a zero byte; zip archives, NumPy's files and UTF-16 begin with some.
        if start.iter().take(HEAD).any(|byte| *byte == 0) {
            return Err(DiagnoseError::Binary);
        }
        let header = start.split(|byte| *byte == b'\n').next().unwrap_or(start);
        // Not what stands within quotation marks.
        let count = |delimiter: &u8| {
            let outside = header.split(|byte| *byte == b'"').step_by(2);
            outside.flatten().filter(|byte| *byte == delimiter).count()
        };
        let mut delimiter = DELIMITERS[0];
        for other in DELIMITERS {
            if count(&other) > count(&delimiter) {
                delimiter = other;
            }
        }
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text);
        let header = reader.byte_headers().map_err(unreadable)?.clone();
        let names = header.iter().enumerate().map(|(at, name)| {
            let name = str::from_utf8(name).map_err(|_| DiagnoseError::NotText {
                place: "line 1".to_owned(),
                column: format!("number {}", at + 1),
            })?;
            Ok(match name {
                "" => unnamed(at),
                name => name.to_owned(),
            })
        });
        let names = names.collect::<Result<Vec<_>, DiagnoseError>>()?;
        Ok(Self {
            reader,
            names,
            record: ByteRecord::new(),
        })
    }
}

fn unreadable(error: csv::Error) -> DiagnoseError {
    let words = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        _ => io::Error::other(words).into(),
    }
}

/// What `entry` says, if it is text.
fn cell(entry: &[u8]) -> Option<Cell> {
    let text = str::from_utf8(entry).ok()?;
    // NaN is a number to the parser.
    if let Some(value) = text.parse::<f64>().ok().filter(|value| !value.is_nan()) {
        return Some(Cell::Number(value));
    }
    if let Ok(value) = text.to_ascii_lowercase().parse() {
        return Some(Cell::Truth(value));
    }
    let gap = GAPS.iter().any(|gap| text.eq_ignore_ascii_case(gap));
    Some(if gap || text.eq_ignore_ascii_case("-nan") {
        Cell::Gap
    } else {
        Cell::Words(text.to_owned())
    })
}

impl Records for Csv<'_> {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<bool, DiagnoseError> {
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(unreadable)? {
            return Ok(false);
        }
        if self.record.len() != self.names.len() {
            return Err(DiagnoseError::Ragged {
                place: self.place(),
                found: self.record.len(),
                expected: self.names.len(),
            });
        }
        cells.clear();
        for (at, entry) in self.record.iter().enumerate() {
            let cell = cell(entry).ok_or_else(|| DiagnoseError::NotText {
                place: self.place(),
                column: format!("`{}`", self.names[at]),
            })?;
            cells.push(cell);
        }
        Ok(true)
    }

    fn place(&self) -> String {
        let line = self.record.position().map_or(0, csv::Position::line);
        format!("line {line}")
    }
}
