//! A table of named columns as a Parquet file, for columns that are only known when the program runs.

use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::store::to_io;

/// One column; an entry without a value is null.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entries {
    Whole(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

impl Entries {
    fn physical(&self) -> Physical {
        match self {
            Self::Whole(_) => Physical::INT64,
            Self::Number(_) => Physical::DOUBLE,
            Self::Text(_) => Physical::BYTE_ARRAY,
        }
    }

    /// How many entries it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(all) => all.len(),
            Self::Number(all) => all.len(),
            Self::Text(all) => all.len(),
        }
    }
}

/// A file being written, row group by row group.
pub(super) struct Writer<W: io::Write + Send>(SerializedFileWriter<W>);

impl<W: io::Write + Send> Writer<W> {
    /// A file of `columns`, whose entries tell their types, of losses counted by `loss_convention`.
    pub(super) fn new(
        to: W,
        columns: &[(String, Entries)],
        loss_convention: &str,
    ) -> io::Result<Self> {
        let make = || -> Result<_, ParquetError> {
            let fields = columns.iter().map(|(name, entries)| {
                let text = matches!(entries, Entries::Text(_)).then_some(LogicalType::String);
                let field = Type::primitive_type_builder(name, entries.physical())
                    .with_repetition(Repetition::OPTIONAL)
                    .with_logical_type(text)
                    .build()?;
                Ok(Arc::new(field))
            });
            let fields = fields.collect::<Result<Vec<_>, ParquetError>>()?;
            let schema = Type::group_type_builder("sweep")
                .with_fields(fields)
                .build()?;
            let convention =
                KeyValue::new("loss_convention".to_owned(), loss_convention.to_owned());
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_key_value_metadata(Some(vec![convention]))
                .build();
            SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))
        };
        make().map(Self).map_err(to_io)
    }

    /// One more row group: the same columns as before, all of one length.
    pub(super) fn group(&mut self, columns: &[(String, Entries)]) -> io::Result<()> {
        let mut write = || -> Result<(), ParquetError> {
            let mut group = self.0.next_row_group()?;
            for (_, entries) in columns {
                match entries {
                    Entries::Whole(all) => put::<Int64Type, _>(&mut group, all)?,
                    Entries::Number(all) => put::<DoubleType, _>(&mut group, all)?,
                    Entries::Text(all) => {
                        let bytes = |text: &Option<String>| text.as_deref().map(ByteArray::from);
                        let all: Vec<Option<ByteArray>> = all.iter().map(bytes).collect();
                        put::<ByteArrayType, _>(&mut group, &all)?;
                    }
                }
            }
            group.close()?;
            Ok(())
        };
        write().map_err(to_io)
    }

    /// What it was written to, with the file's end.
    pub(super) fn close(self) -> io::Result<W> {
        self.0.into_inner().map_err(to_io)
    }
}

fn put<T: DataType, W: io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    entries: &[Option<T::T>],
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = entries
        .iter()
        .map(|entry| i16::from(entry.is_some()))
        .collect();
    let values: Vec<T::T> = entries.iter().flatten().cloned().collect();
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
    column
        .typed::<T>()
        .write_batch(&values, Some(&levels), None)?;
    column.close()
}
