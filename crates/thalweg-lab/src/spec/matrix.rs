//! Matrices as files write them: rows of numbers, or a short form with a `kind`.

use faer::{Mat, MatRef};

use super::error::Fault;
use super::field::Field;
use super::node::Node;

/// The largest dimension a file may ask for: its matrices hold 2 GiB.
const MOST: usize = 1 << 14;

/// A matrix given as rows or by a short form.
pub(crate) fn matrix(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    match field.node() {
        Node::Table(_) => short_form(field),
        _ => rows(field),
    }
}

/// A dimension: from 1 to [`MOST`].
pub(crate) fn dimension(field: &Field<'_>) -> Result<usize, Fault> {
    let value = field.size()?;
    if (1..=MOST).contains(&value) {
        Ok(value)
    } else {
        Err(field.not(format!("a dimension from 1 to {MOST}")))
    }
}

/// diag(values).
pub(crate) fn diagonal(values: &[f64]) -> Mat<f64> {
    Mat::from_fn(values.len(), values.len(), |row, column| {
        if row == column { values[row] } else { 0.0 }
    })
}

/// The rows of `matrix` as a list of lists.
pub(crate) fn to_node(matrix: MatRef<'_, f64>) -> Node {
    (0..matrix.nrows())
        .map(|row| {
            (0..matrix.ncols())
                .map(|column| matrix[(row, column)])
                .collect::<Node>()
        })
        .collect()
}

fn rows(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    let needed = "a list of rows, or a table with a `kind`,";
    let rows = field.list(needed)?;
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(rows.len());
    for row in &rows {
        let row_values = row.numbers()?;
        if let Some(first) = values.first()
            && first.len() != row_values.len()
        {
            return Err(row.not(format!("a row of length {} like the first", first.len())));
        }
        values.push(row_values);
    }
    match values.first() {
        Some(first) if !first.is_empty() => {
            Ok(Mat::from_fn(values.len(), first.len(), |row, column| {
                values[row][column]
            }))
        }
        _ => Err(field.not("a matrix with at least one entry")),
    }
}

fn short_form(field: &Field<'_>) -> Result<Mat<f64>, Fault> {
    match field.kind(&[
        ("identity", &["dimension", "scale"]),
        ("diagonal", &["values"]),
    ])? {
        "identity" => {
            let dimension = dimension(&field.required("dimension", "the number of rows")?)?;
            let scale = field.optional("scale").map_or(Ok(1.0), |f| f.number())?;
            Ok(diagonal(&vec![scale; dimension]))
        }
        _ => {
            let values = field.required("values", "the list of diagonal entries")?;
            let numbers = values.numbers()?;
            if !(1..=MOST).contains(&numbers.len()) {
                return Err(values.not(format!("a list of 1 to {MOST} numbers")));
            }
            Ok(diagonal(&numbers))
        }
    }
}
