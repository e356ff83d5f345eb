//! Rows that lie in memory.

use faer::Mat;

use super::{Row, Rows};
use crate::diagnose::DiagnoseError;

/// The rows of two matrices.
#[derive(Clone, Debug)]
pub struct Matrices {
    /// n × d_x.
    pub inputs: Mat<f64>,
    /// n × d_y.
    pub targets: Mat<f64>,
    /// Of the inputs' columns.
    pub input_names: Vec<String>,
    /// Of the targets' columns.
    pub target_names: Vec<String>,
    /// Whether the targets are classes: 0 but for a 1 in each row.
    pub classes: bool,
    /// What was left out of the data and why, or must be known of them, in sentences.
    pub left_out: Vec<String>,
    next: usize,
}

impl Matrices {
    /// The rows of `inputs`, n × d_x, and `targets`, n × d_y, with the names of their columns; `classes` says whether targets are 0 but for a
    /// 1 in each row.
    pub fn new(
        (inputs, input_names): (Mat<f64>, Vec<String>),
        (targets, target_names): (Mat<f64>, Vec<String>),
        classes: bool,
    ) -> Self {
        Self {
            inputs,
            targets,
            input_names,
            target_names,
            classes,
            left_out: Vec::new(),
            next: 0,
        }
    }
}

impl Rows for Matrices {
    fn read(&mut self, row: &mut Row) -> Result<bool, DiagnoseError> {
        let at = self.next;
        if at >= self.inputs.nrows() {
            return Ok(false);
        }
        let of = |matrix: &Mat<f64>, to: &mut Vec<f64>| {
            to.clear();
            to.extend((0..matrix.ncols()).map(|j| matrix[(at, j)]));
        };
        of(&self.inputs, &mut row.inputs);
        of(&self.targets, &mut row.targets);
        self.next += 1;
        Ok(true)
    }

    fn input_names(&self) -> Vec<String> {
        self.input_names.clone()
    }

    fn target_names(&self) -> Vec<String> {
        self.target_names.clone()
    }

    fn classes(&self) -> bool {
        self.classes
    }

    fn left_out(&self) -> Vec<String> {
        self.left_out.clone()
    }
}
