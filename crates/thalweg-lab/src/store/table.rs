//! Measurements as Parquet files.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::error::StoreError;
use super::guarded::guarded;
use crate::run::Measurements;

/// Rows in a row group. Groups are cut here and nowhere else, so that a merged file's bytes do not
/// depend on where its parts were cut.
const GROUP: usize = 1 << 16;

const SCHEMA: &str = "message measurements {
    REQUIRED INT64 seed (INTEGER(64, false));
    REQUIRED INT64 step (INTEGER(64, false));
    REQUIRED DOUBLE slow_time;
    REQUIRED BYTE_ARRAY quantity (UTF8);
    REQUIRED DOUBLE value;
}";

/// `measurements`, of losses counted by `loss_convention`, as a file.
pub fn encode(measurements: &Measurements, loss_convention: &str) -> io::Result<Vec<u8>> {
    let attempt = || {
        let mut table = Table::new(loss_convention)?;
        table.add(measurements)?;
        table.close()
    };
    attempt().map_err(to_io)
}

/// A file with the rows of all `parts`, in that order, made while one part's and one group's are held; `path`
/// is where it will lie.
pub fn merge(
    parts: impl Iterator<Item = Result<Measurements, StoreError>>,
    path: &Path,
    loss_convention: &str,
) -> Result<Vec<u8>, StoreError> {
    let failed = |error| StoreError::write(path, to_io(error));
    let mut table = Table::new(loss_convention).map_err(failed)?;
    for part in parts {
        table.add(&part?).map_err(failed)?;
    }
    table.close().map_err(failed)
}

/// The measurements in `bytes`, which are those of the file `path`.
pub fn decode(path: &Path, bytes: impl Into<Bytes>) -> Result<Measurements, StoreError> {
    read(path, || {
        let reader = SerializedFileReader::new(bytes.into())?;
        let mut measurements = Measurements::default();
        for index in 0..reader.num_row_groups() {
            read_group(reader.get_row_group(index)?.as_ref(), &mut measurements)?;
        }
        Ok(measurements)
    })
}

/// How many rows `bytes` say they hold, which are those of the file `path`.
pub(crate) fn rows(path: &Path, bytes: &Bytes) -> Result<usize, StoreError> {
    read(path, || {
        let reader = SerializedFileReader::new(bytes.clone())?;
        Ok(usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0))
    })
}

/// What `attempt` makes of the file `path`. The library panics at bytes that are not its own: those of a file whose digest
/// was forged.
fn read<T>(
    path: &Path,
    attempt: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, StoreError> {
    let damaged = || Err(ParquetError::General("its pages are damaged".to_owned()));
    guarded(attempt)
        .unwrap_or_else(damaged)
        .map_err(|error| StoreError::read(path, to_io(error)))
}

/// A file being written, and the rows that do not fill a group yet.
struct Table {
    writer: SerializedFileWriter<Vec<u8>>,
    pending: Columns,
}

#[derive(Default)]
struct Columns {
    seed: Vec<i64>,
    step: Vec<i64>,
    slow_time: Vec<f64>,
    quantity: Vec<ByteArray>,
    value: Vec<f64>,
}

impl Table {
    fn new(loss_convention: &str) -> Result<Self, ParquetError> {
        let convention = KeyValue::new("loss_convention".to_owned(), loss_convention.to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(vec![convention]))
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            writer: SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?,
            pending: Columns::default(),
        })
    }

    fn add(&mut self, measurements: &Measurements) -> Result<(), ParquetError> {
        let names: Vec<ByteArray> = measurements
            .quantities()
            .iter()
            .map(|name| ByteArray::from(name.as_str()))
            .collect();
        for row in measurements.rows() {
            let columns = &mut self.pending;
            // The schema's INTEGER(64, false) reads these bits as unsigned again.
            columns.seed.push(row.seed as i64);
            columns.step.push(row.step as i64);
            columns.slow_time.push(row.slow_time);
            columns.quantity.push(names[row.quantity].clone());
            columns.value.push(row.value);
            if columns.seed.len() == GROUP {
                self.write_group()?;
            }
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let columns = std::mem::take(&mut self.pending);
        let mut group = self.writer.next_row_group()?;
        write_column::<Int64Type>(&mut group, &columns.seed)?;
        write_column::<Int64Type>(&mut group, &columns.step)?;
        write_column::<DoubleType>(&mut group, &columns.slow_time)?;
        write_column::<ByteArrayType>(&mut group, &columns.quantity)?;
        write_column::<DoubleType>(&mut group, &columns.value)?;
        group.close()?;
        Ok(())
    }

    fn close(mut self) -> Result<Vec<u8>, ParquetError> {
        if !self.pending.seed.is_empty() {
            self.write_group()?;
        }
        self.writer.into_inner()
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

fn read_group(
    group: &dyn RowGroupReader,
    measurements: &mut Measurements,
) -> Result<(), ParquetError> {
    let seed = read_column::<Int64Type>(group, 0)?;
    let step = read_column::<Int64Type>(group, 1)?;
    let slow_time = read_column::<DoubleType>(group, 2)?;
    let quantity = read_column::<ByteArrayType>(group, 3)?;
    let value = read_column::<DoubleType>(group, 4)?;
    for (row, name) in quantity.iter().enumerate() {
        let (seed, step) = (seed[row] as u64, step[row] as u64);
        measurements.push(seed, step, slow_time[row], name.as_utf8()?, value[row]);
    }
    Ok(())
}

/// All values of a column, as many as the group has rows.
fn read_column<T: DataType>(
    group: &dyn RowGroupReader,
    index: usize,
) -> Result<Vec<T::T>, ParquetError> {
    let expected = usize::try_from(group.metadata().num_rows())?;
    let columns = group.num_columns();
    if index >= columns || group.metadata().column(index).column_type() != T::get_physical_type() {
        let message = format!("column {index} of {columns} is not one of measurements");
        return Err(ParquetError::General(message));
    }
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(index)?);
    let mut values = Vec::new();
    while values.len() < expected {
        if reader
            .read_records(expected - values.len(), None, None, &mut values)?
            .0
            == 0
        {
            let message = format!("column {index} has {} of {expected} rows", values.len());
            return Err(ParquetError::General(message));
        }
    }
    Ok(values)
}

/// The system's own error where there is one: it says that the disk is full.
pub(crate) fn to_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` rows over three seeds and two quantities, with values that have no short form.
    fn measurements(rows: std::ops::Range<u64>) -> Measurements {
        let mut measurements = Measurements::default();
        for row in rows {
            let quantity = if row % 2 == 0 { "sharpness" } else { "loss" };
            let value = (row as f64).sqrt();
            measurements.push(u64::MAX - row % 3, row / 6, value / 7.0, quantity, value);
        }
        measurements
    }

    fn encoded(measurements: &Measurements) -> Vec<u8> {
        encode(measurements, "½").unwrap()
    }

    fn decoded(bytes: &[u8]) -> Result<Measurements, StoreError> {
        decode(Path::new("m.parquet"), bytes.to_vec())
    }

    #[test]
    fn what_is_written_is_read() {
        for rows in [0, 1, GROUP as u64, GROUP as u64 * 2 + 5] {
            let written = measurements(0..rows);
            assert!(
                decoded(&encoded(&written)).unwrap() == written,
                "{rows} rows"
            );
        }
    }

    #[test]
    fn merged_bytes_do_not_depend_on_the_cuts() {
        let total = GROUP as u64 + 1000;
        let merged = |cuts: &[u64]| {
            let starts = [0].iter().chain(cuts);
            let parts = starts.zip(cuts.iter().chain([&total]));
            let parts = parts.map(|(&from, &to)| Ok(measurements(from..to)));
            merge(parts, Path::new("m.parquet"), "½").unwrap()
        };
        let whole = merged(&[]);
        assert!(whole == encoded(&measurements(0..total)));
        assert!(whole == merged(&[7, 1234, GROUP as u64 - 1]));
        assert!(whole == merged(&[GROUP as u64]));
    }

    #[test]
    fn a_cut_file_is_an_error() {
        let whole = encoded(&measurements(0..100));
        for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
            let message = decoded(&whole[..cut]).unwrap_err().to_string();
            assert!(message.contains("cannot read m.parquet"), "{message}");
        }
    }

    /// Whatever the bytes, they are read or refused. At some of these the library panics.
    #[test]
    fn no_flip_ends_the_program() {
        let whole = encoded(&measurements(0..100));
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = decoded(&bytes);
        }
    }
}
