//! The samples of a run's finite data set, for those who compute on the very set that a run was trained on.

use faer::Mat;

use super::law::Law;

/// The N samples of one run's data set, before anything that is drawn anew at each step: input noise, added noise, dropout.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// x of each sample, d_x × N.
    pub inputs: Mat<f64>,
    /// y = V x + ε of each sample, smoothed if labels are, d_y × N.
    pub labels: Mat<f64>,
}

impl DataSet {
    /// The set whose whitened samples are `columns`, d_x + d_y numbers each.
    pub(super) fn new(law: &Law, columns: &[f64]) -> Self {
        let (size, count) = (law.size(), columns.len() / law.size());
        let whitened = |from: usize, rows: usize| {
            Mat::from_fn(rows, count, |i, sample| columns[sample * size + from + i])
        };
        let inputs = &law.input_factor * whitened(0, law.inputs);
        let noise = &law.noise_factor * whitened(law.inputs, law.outputs);
        Self {
            labels: &law.teacher * &inputs + noise,
            inputs,
        }
    }

    /// The samples as columns of x and y − V x.
    pub(super) fn columns(&self, law: &Law) -> Vec<f64> {
        let noise = &self.labels - &law.teacher * &self.inputs;
        let mut columns = Vec::with_capacity(self.inputs.ncols() * law.size());
        for sample in 0..self.inputs.ncols() {
            columns.extend(self.inputs.col(sample).iter());
            columns.extend(noise.col(sample).iter());
        }
        columns
    }
}
