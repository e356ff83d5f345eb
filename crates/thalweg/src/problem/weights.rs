//! The weights of a deep linear network, and the partial products every formula is made of.

use faer::{Mat, MatRef};

use super::Problem;

/// W_1 … W_D of one network; W_k is h_k × h_{k−1}.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    layers: Vec<Mat<f64>>,
}

/// Weights that do not belong to the problem they were given for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// The number of layers is not the problem's depth.
    #[error(
        "{found} weight matrices were given for a network of depth {expected}: give one for each layer, W_1 first"
    )]
    Depth {
        /// How many were given.
        found: usize,
        /// The depth D.
        expected: usize,
    },
    /// A layer's shape does not fit its neighbours.
    #[error(
        "W_{layer} is {found_rows} × {found_columns} where {rows} × {columns} is needed (h_{layer} × h_{{{layer}−1}})"
    )]
    Shape {
        /// k, the number of the layer, from 1.
        layer: usize,
        /// Rows given.
        found_rows: usize,
        /// Columns given.
        found_columns: usize,
        /// h_k, the rows that W_k must have.
        rows: usize,
        /// h_{k−1}, the columns that W_k must have.
        columns: usize,
    },
    /// An entry is NaN or infinite.
    #[error(
        "W_{layer} has the entry {value} at row {row}, column {column} (from 1): every weight must be finite"
    )]
    NotFinite {
        /// k, the number of the layer, from 1.
        layer: usize,
        /// Row, from 1.
        row: usize,
        /// Column, from 1.
        column: usize,
        /// What was found.
        value: f64,
    },
}

impl Weights {
    /// Weights for `problem`, W_1 first.
    ///
    /// # Errors
    /// When the number of layers, a shape or an entry does not fit.
    pub fn new(problem: &Problem, layers: Vec<Mat<f64>>) -> Result<Self, WeightsError> {
        let weights = Self { layers };
        weights.fits(problem)?;
        for (k, layer) in weights.layers.iter().enumerate() {
            for column in 0..layer.ncols() {
                for row in 0..layer.nrows() {
                    let value = layer[(row, column)];
                    if !value.is_finite() {
                        return Err(WeightsError::NotFinite {
                            layer: k + 1,
                            row: row + 1,
                            column: column + 1,
                            value,
                        });
                    }
                }
            }
        }
        Ok(weights)
    }

    /// Whether these weights have the shapes of `problem`'s network.
    ///
    /// # Errors
    /// When the number of layers or a shape does not fit.
    pub fn fits(&self, problem: &Problem) -> Result<(), WeightsError> {
        if self.depth() != problem.depth() {
            return Err(WeightsError::Depth {
                found: self.depth(),
                expected: problem.depth(),
            });
        }
        for (k, layer) in self.layers.iter().enumerate() {
            let (rows, columns) = (problem.widths()[k + 1], problem.widths()[k]);
            if layer.nrows() != rows || layer.ncols() != columns {
                return Err(WeightsError::Shape {
                    layer: k + 1,
                    found_rows: layer.nrows(),
                    found_columns: layer.ncols(),
                    rows,
                    columns,
                });
            }
        }
        Ok(())
    }

    /// W_1 … W_D in this order, W_k of shape h_k × h_{k−1}.
    pub fn layers(&self) -> &[Mat<f64>] {
        &self.layers
    }

    /// D, the number of layers.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// W_k, k from 1 to D.
    pub fn layer(&self, k: usize) -> MatRef<'_, f64> {
        self.layers[k - 1].as_ref()
    }

    /// The whole product W_D … W_1, d_y × d_x.
    pub fn product(&self) -> Mat<f64> {
        let mut product = self.layers[0].clone();
        for layer in &self.layers[1..] {
            product = layer * product;
        }
        product
    }

    /// A_1 … A_D with A_k = W_D … W_{k+1}, A_D = I (d_y × h_k each).
    pub fn above(&self) -> Vec<Mat<f64>> {
        let outputs = self.layers[self.depth() - 1].nrows();
        let mut above = vec![Mat::identity(outputs, outputs)];
        for layer in self.layers[1..].iter().rev() {
            let next = &above[above.len() - 1] * layer;
            above.push(next);
        }
        above.reverse();
        above
    }

    /// B_1 … B_D with B_k = W_{k−1} … W_1, B_1 = I (h_{k−1} × d_x each).
    pub fn below(&self) -> Vec<Mat<f64>> {
        let inputs = self.layers[0].ncols();
        let mut below = vec![Mat::identity(inputs, inputs)];
        for layer in &self.layers[..self.depth() - 1] {
            let next = layer * &below[below.len() - 1];
            below.push(next);
        }
        below
    }
}
