//! Measurements as a stream of Arrow's interface in C, which other programs take without copies of their own making.

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, Float64Array, RecordBatch, RecordBatchIterator, StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use thalweg_lab::run::Measurements;

/// The columns of `measurements`, of the types that their Parquet file has.
///
/// # Errors
/// `RuntimeError` where they are too many for one text column.
pub fn stream<'py>(
    py: Python<'py>,
    measurements: &Measurements,
) -> PyResult<Bound<'py, PyCapsule>> {
    let failed = |error: ArrowError| PyRuntimeError::new_err(error.to_string());
    let batch = batch(measurements).map_err(failed)?;
    let schema = batch.schema();
    let reader = RecordBatchIterator::new([Ok(batch)], schema);
    let stream = FFI_ArrowArrayStream::new(Box::new(reader));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

fn batch(measurements: &Measurements) -> Result<RecordBatch, ArrowError> {
    let columns = measurements.columns();
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    let schema = Schema::new(vec![
        field("seed", DataType::UInt64),
        field("step", DataType::UInt64),
        field("slow_time", DataType::Float64),
        field("quantity", DataType::Utf8),
        field("value", DataType::Float64),
    ]);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from(columns.seed)),
        Arc::new(UInt64Array::from(columns.step)),
        Arc::new(Float64Array::from(columns.slow_time)),
        Arc::new(StringArray::from(columns.quantity)),
        Arc::new(Float64Array::from(columns.value)),
    ];
    RecordBatch::try_new(Arc::new(schema), arrays)
}
