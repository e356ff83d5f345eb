//! Where rows come from: one kind of data, one file of this module.

mod csv;
mod images;
mod matrices;
mod numbers;
mod open;
mod parquet;
mod run;
mod shipped;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use csv::Csv;
pub use images::ImageRows;
pub use matrices::Matrices;
pub use numbers::numbers;
pub use open::{DIGITS, Opened, open, open_rows, open_table};
pub use parquet::Parquet;
pub use shipped::TABLES;
pub use table::{Columns, TableRows};
pub use text::TextRows;

use super::DiagnoseError;

/// One row: what is given, and what is to be predicted from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// x, d_x numbers.
    pub inputs: Vec<f64>,
    /// y, d_y numbers; for classes as many as were seen so far, 0 but for a 1 at the row's own.
    pub targets: Vec<f64>,
}

/// Rows, one after another, each read once.
pub trait Rows {
    /// Puts the next row into `row`; false where there is none.
    ///
    /// # Errors
    /// When what stands there is no row.
    fn read(&mut self, row: &mut Row) -> Result<bool, DiagnoseError>;

    /// What the inputs are called. They are known once a row was read.
    fn input_names(&self) -> Vec<String>;

    /// What the targets are called, classes in the order in which they were first seen.
    fn target_names(&self) -> Vec<String>;

    /// Whether the targets are classes, of which each row has one.
    fn classes(&self) -> bool {
        false
    }

    /// What was left out so far and why, in sentences.
    fn left_out(&self) -> Vec<String> {
        Vec::new()
    }
}

/// y of the class `class`: 0 but for a 1 there.
fn one_hot(targets: &mut Vec<f64>, class: usize, classes: usize) {
    targets.clear();
    targets.resize(classes, 0.0);
    targets[class] = 1.0;
}
