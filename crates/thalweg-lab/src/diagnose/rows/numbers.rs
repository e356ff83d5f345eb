//! A table of numbers alone.

use std::io::Read;

use faer::Mat;

use super::csv::Csv;
use super::table::{Cell, Records};
use crate::diagnose::DiagnoseError;

/// All numbers of a table in CSV, rows × columns.
///
/// ```
/// let table = thalweg_lab::diagnose::numbers("cat,dog\n3,1\n0,4".as_bytes())?;
/// assert_eq!((table.nrows(), table.ncols(), table[(1, 1)]), (2, 2, 4.0));
/// # Ok::<(), thalweg_lab::diagnose::DiagnoseError>(())
/// ```
///
/// # Errors
/// When it cannot be read, a row has another number of columns, or an entry is no finite number.
pub fn numbers(text: impl Read) -> Result<Mat<f64>, DiagnoseError> {
    let mut csv = Csv::new(text)?;
    let columns = csv.names().len();
    let (mut cells, mut all) = (Vec::new(), Vec::new());
    while csv.next(&mut cells)? {
        for (at, cell) in cells.iter().enumerate() {
            let found = match cell {
                Cell::Number(value) if value.is_finite() => {
                    all.push(*value);
                    continue;
                }
                Cell::Number(value) => value.to_string(),
                Cell::Truth(value) => value.to_string(),
                Cell::Words(words) => words.clone(),
                Cell::Gap => "a gap".to_owned(),
            };
            return Err(DiagnoseError::NotANumber {
                place: csv.place(),
                column: csv.names()[at].clone(),
                found,
            });
        }
    }
    Ok(Mat::from_fn(all.len() / columns, columns, |row, column| {
        all[row * columns + column]
    }))
}
