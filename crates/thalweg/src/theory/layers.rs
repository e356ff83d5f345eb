//! The singular values of each layer at a closed-form minimum (eq. 65, 66).

use super::dense::singular_values;
use super::{Minimum, TheoryError};

/// The conditioning of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerConditioning {
    /// Its non-zero singular values, descending: r = rank V√Σx of them for D ≥ 2, rank V for D = 1.
    pub singular_values: Vec<f64>,
    /// The largest over the smallest of those; 1 for a layer of zeros.
    pub condition_number: f64,
}

impl LayerConditioning {
    fn new(singular_values: Vec<f64>) -> Self {
        let condition_number = match (singular_values.first(), singular_values.last()) {
            (Some(largest), Some(smallest)) => largest / smallest,
            _ => 1.0,
        };
        Self {
            singular_values,
            condition_number,
        }
    }
}

impl Minimum<'_> {
    /// W_1 … W_D: the middle layers are ρ^{−1/2} times a partial isometry, with condition number 1;
    /// W_1 and W_D carry all of the teacher's conditioning and of the noise's.
    ///
    /// # Errors
    /// When a singular value decomposition does not converge.
    pub fn layer_conditioning(&self) -> Result<Vec<LayerConditioning>, TheoryError> {
        let (depth, rank) = (self.problem().depth(), self.rank());
        if depth == 1 {
            let teacher = self.problem().teacher();
            let mut values = singular_values(teacher)?;
            let rank = crate::problem::numerical_rank(&values, teacher.nrows(), teacher.ncols());
            values.truncate(rank);
            return Ok(vec![LayerConditioning::new(values)]);
        }
        if rank == 0 {
            return Ok(vec![LayerConditioning::new(Vec::new()); depth]);
        }
        let scales = self.layer_scales();
        let scaled = |values: Vec<f64>, scale: f64| {
            LayerConditioning::new(values.into_iter().map(|s| s * scale).collect())
        };
        let (first, last) = rayon::join(
            || singular_values(self.input_directions().as_ref()),
            || singular_values(self.output().as_ref()),
        );
        let mut layers = vec![LayerConditioning::new(vec![scales.middle; rank]); depth];
        layers[0] = scaled(first?, scales.first);
        layers[depth - 1] = scaled(last?, scales.last);
        Ok(layers)
    }
}
