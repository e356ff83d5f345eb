//! Measurements as Parquet files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
use super::whole::write_whole;
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

/// Writes `measurements` to `path`, of losses counted by `loss_convention`.
pub(crate) fn write(
    path: &Path,
    measurements: &Measurements,
    loss_convention: &str,
) -> Result<(), StoreError> {
    write_whole(path, |sink| {
        let mut table = Table::new(sink, loss_convention).map_err(to_io)?;
        table.add(measurements).map_err(to_io)?;
        table.close().map_err(to_io)
    })
}

/// Writes the rows of `parts`, in that order, to `path`, holding one part and one group at a time.
pub(crate) fn merge(
    parts: &[PathBuf],
    path: &Path,
    loss_convention: &str,
) -> Result<(), StoreError> {
    write_whole(path, |sink| {
        let mut table = Table::new(sink, loss_convention).map_err(to_io)?;
        for part in parts {
            let measurements = read(part).map_err(io::Error::other)?;
            table.add(&measurements).map_err(to_io)?;
        }
        table.close().map_err(to_io)
    })
}

/// The measurements in `path`.
pub(crate) fn read(path: &Path) -> Result<Measurements, StoreError> {
    let attempt = || -> Result<Measurements, ParquetError> {
        let reader = SerializedFileReader::new(File::open(path)?)?;
        let mut measurements = Measurements::default();
        for index in 0..reader.num_row_groups() {
            read_group(reader.get_row_group(index)?.as_ref(), &mut measurements)?;
        }
        Ok(measurements)
    };
    attempt().map_err(|error| StoreError::read(path, to_io(error)))
}

/// A file being written, and the rows that do not fill a group yet.
struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
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

impl<W: Write + Send> Table<W> {
    fn new(sink: W, loss_convention: &str) -> Result<Self, ParquetError> {
        let convention = KeyValue::new("loss_convention".to_owned(), loss_convention.to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(vec![convention]))
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            writer: SerializedFileWriter::new(sink, schema, Arc::new(properties))?,
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
        write_column::<Int64Type, _>(&mut group, &columns.seed)?;
        write_column::<Int64Type, _>(&mut group, &columns.step)?;
        write_column::<DoubleType, _>(&mut group, &columns.slow_time)?;
        write_column::<ByteArrayType, _>(&mut group, &columns.quantity)?;
        write_column::<DoubleType, _>(&mut group, &columns.value)?;
        group.close()?;
        Ok(())
    }

    fn close(mut self) -> Result<(), ParquetError> {
        if !self.pending.seed.is_empty() {
            self.write_group()?;
        }
        self.writer.close()?;
        Ok(())
    }
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
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
fn to_io(error: ParquetError) -> io::Error {
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

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.parquet");
        for rows in [0, 1, GROUP as u64, GROUP as u64 * 2 + 5] {
            let written = measurements(0..rows);
            write(&path, &written, "½").unwrap();
            assert!(read(&path).unwrap() == written, "{rows} rows");
        }
    }

    #[test]
    fn merged_bytes_do_not_depend_on_the_cuts() {
        let folder = tempfile::tempdir().unwrap();
        let total = GROUP as u64 + 1000;
        let merged = |name: &str, cuts: &[u64]| {
            let mut from = 0;
            let mut parts = Vec::new();
            for (index, to) in cuts.iter().chain([&total]).enumerate() {
                parts.push(folder.path().join(format!("{name}-{index}")));
                write(&parts[index], &measurements(from..*to), "½").unwrap();
                from = *to;
            }
            let path = folder.path().join(name);
            merge(&parts, &path, "½").unwrap();
            std::fs::read(path).unwrap()
        };
        let whole = merged("whole", &[]);
        assert!(whole == merged("cut", &[7, 1234, GROUP as u64 - 1]));
        assert!(whole == merged("even", &[GROUP as u64]));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.parquet");
        write(&path, &measurements(0..100), "½").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains("cannot read"), "{message}");
        }
    }
}
