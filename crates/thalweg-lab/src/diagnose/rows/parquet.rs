//! Tables in Parquet.

use std::fs::File;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record, reader::RowIter};

use super::table::{Cell, Records};
use crate::diagnose::DiagnoseError;
use crate::store::guarded;

/// What a Parquet file begins with.
pub const MAGIC: &[u8; 4] = b"PAR1";

/// How many rows are read at once.
const CHUNK: usize = 1024;

/// A table in Parquet.
pub struct Parquet {
    rows: RowIter<'static>,
    names: Vec<String>,
    /// Rows that were read and not yet given, the next one last.
    waiting: Vec<Record>,
    row: u64,
}

impl std::fmt::Debug for Parquet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parquet")
            .field("names", &self.names)
            .finish()
    }
}

impl Parquet {
    /// The table that `file` holds.
    ///
    /// # Errors
    /// When it is no Parquet file, a damaged one, or packed in a way that is not known here.
    pub fn new(file: File) -> Result<Self, DiagnoseError> {
        let opened = whole(|| {
            let reader = SerializedFileReader::new(file)?;
            let columns = reader.metadata().file_metadata().schema_descr().columns();
            let names = columns.iter().map(|column| column.path().string());
            let names = names.collect();
            Ok((RowIter::from_file_into(Box::new(reader)), names))
        });
        let (rows, names) = opened?;
        Ok(Self {
            rows,
            names,
            waiting: Vec::new(),
            row: 0,
        })
    }
}

/// What `work` gives; the library panics at bytes that are not its own.
fn whole<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, DiagnoseError> {
    match guarded(work) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(DiagnoseError::Parquet {
            what: said(&error.to_string()),
        }),
        None => Err(DiagnoseError::Parquet {
            what: "it is damaged".to_owned(),
        }),
    }
}

/// The reader's error `text`, with a way out where it is a kind of packing that the program is built without.
fn said(text: &str) -> String {
    match text.split_once("Disabled feature at compile time: ") {
        Some((_, packing)) => format!(
            "its columns are packed by {packing}, which is not read here: write the file packed by Snappy, zstd or gzip, or not packed \
             (compression=\"zstd\" in pandas, polars and pyarrow)"
        ),
        None => text.to_owned(),
    }
}

fn cell(field: &Field) -> Cell {
    let number = match field {
        Field::Null => return Cell::Gap,
        Field::Bool(value) => return Cell::Truth(*value),
        Field::Byte(value) => f64::from(*value),
        Field::Short(value) => f64::from(*value),
        Field::Int(value) => f64::from(*value),
        Field::Long(value) => *value as f64,
        Field::UByte(value) => f64::from(*value),
        Field::UShort(value) => f64::from(*value),
        Field::UInt(value) => f64::from(*value),
        Field::ULong(value) => *value as f64,
        Field::Float16(value) => f64::from(*value),
        Field::Float(value) => f64::from(*value),
        Field::Double(value) => *value,
        Field::Decimal(_) => match field.to_string().parse() {
            Ok(value) => value,
            Err(_) => return Cell::Words(field.to_string()),
        },
        Field::Str(words) => return Cell::Words(words.clone()),
        other => return Cell::Words(other.to_string()),
    };
    if number.is_nan() {
        return Cell::Gap;
    }
    Cell::Number(number)
}

impl Records for Parquet {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<bool, DiagnoseError> {
        if self.waiting.is_empty() {
            let rows = &mut self.rows;
            self.waiting = whole(|| rows.take(CHUNK).collect::<Result<_, _>>())?;
            self.waiting.reverse();
        }
        let Some(row) = self.waiting.pop() else {
            return Ok(false);
        };
        self.row += 1;
        cells.clear();
        cells.extend(row.get_column_iter().map(|(_, field)| cell(field)));
        if cells.len() != self.names.len() {
            return Err(DiagnoseError::Nested);
        }
        Ok(true)
    }

    fn place(&self) -> String {
        format!("row {}", self.row)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::sync::Arc;

    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::data_type::{Decimal, DoubleType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// A file of the columns a and b, with three rows.
    fn file(packing: Compression) -> File {
        let schema = parse_message_type("message m { REQUIRED DOUBLE a; REQUIRED DOUBLE b; }");
        let properties = WriterProperties::builder().set_compression(packing);
        let properties = Arc::new(properties.build());
        let mut writer =
            SerializedFileWriter::new(Vec::new(), Arc::new(schema.unwrap()), properties).unwrap();
        let mut rows = writer.next_row_group().unwrap();
        for values in [[1.0, 2.0, 3.0], [-0.5, 0.25, 1e300]] {
            let mut column = rows.next_column().unwrap().unwrap();
            let typed = column.typed::<DoubleType>();
            typed.write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        rows.close().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&writer.into_inner().unwrap()).unwrap();
        file.rewind().unwrap();
        file
    }

    /// What pandas, polars and pyarrow pack by unless they are told otherwise, and gzip.
    #[test]
    fn packed_tables_are_read() {
        for packing in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(ZstdLevel::default()),
            Compression::GZIP(GzipLevel::default()),
        ] {
            let mut table = Parquet::new(file(packing)).unwrap();
            assert_eq!(table.names(), ["a", "b"]);
            let mut cells = Vec::new();
            for row in [[1.0, -0.5], [2.0, 0.25], [3.0, 1e300]] {
                assert!(table.next(&mut cells).unwrap(), "{packing:?}");
                assert_eq!(cells, row.map(Cell::Number), "{packing:?}");
            }
            assert!(!table.next(&mut cells).unwrap(), "{packing:?}");
        }
    }

    #[test]
    fn decimals_are_numbers() {
        let quarter = Field::Decimal(Decimal::from_i32(-25, 4, 2));
        assert_eq!(cell(&quarter), Cell::Number(-0.25));
    }

    #[test]
    fn a_packing_that_is_not_read_has_a_way_out() {
        let words = said("Parquet error: Disabled feature at compile time: lz4");
        assert!(words.contains("packed by lz4") && words.contains("compression=\"zstd\""));
        assert_eq!(said("EOF: too short"), "EOF: too short");
    }
}
