//! Why a diagnosis is not to be trusted, as far as that is to be seen of the rows themselves.

use faer::Mat;

use super::gathered::Gathered;
use super::interval::Interval;
use super::noise::Noise;

/// What is doubtful.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubts {
    /// The part of ‖V√Σx‖² that the fit would find if there were nothing but noise.
    from_noise: f64,
    /// Of the residuals of rows that stand one after the other, where it is clear of 0.
    correlation: Option<f64>,
}

/// T is made of V√Σx: from this part on what noise adds to that makes T and F clearly too large.
const WEAK: f64 = 0.1;

/// A correlation of so many standard errors is clear.
const CLEAR: f64 = 4.0;

impl Doubts {
    /// Those of `noise`, found in `gathered` with so many `inputs`.
    pub fn new(noise: &Noise, gathered: &Gathered, inputs: usize) -> Self {
        let Noise {
            input_covariance,
            teacher,
            covariance,
            ..
        } = noise;
        let trace = |matrix: &Mat<f64>| matrix.diagonal().column_vector().iter().sum::<f64>();
        let signal = trace(&(teacher * input_covariance * teacher.transpose()));
        let chance = inputs as f64 * trace(covariance) / gathered.rows as f64;
        Self {
            from_noise: chance / signal,
            correlation: None,
        }
    }

    /// The same with what the `residuals` of all rows, in their order, say.
    #[must_use]
    pub fn of_neighbours(self, residuals: &Mat<f64>) -> Self {
        let (rows, outputs) = (residuals.nrows(), residuals.ncols());
        let mut sum = 0.0;
        for column in residuals.col_iter() {
            let square: f64 = column.iter().map(|r| r * r).sum();
            let pairs = (1..rows).map(|i| column[i - 1] * column[i]);
            sum += pairs.sum::<f64>() / square;
        }
        let correlation = sum / outputs as f64;
        // As for one output: residuals of several may be one.
        let is_clear = correlation * (rows as f64).sqrt() > CLEAR;
        Self {
            correlation: is_clear.then_some(correlation),
            ..self
        }
    }

    /// In sentences; `numbers` are those with intervals, by their symbols, and `size` is what they were found in.
    pub fn words(&self, numbers: &[(&str, &Interval)], size: &str) -> Option<String> {
        let mut sentences = Vec::new();
        let shifted = numbers.iter().filter(|(_, number)| number.is_shifted());
        let symbols: Vec<&str> = shifted.map(|(symbol, _)| *symbol).collect();
        if !symbols.is_empty() {
            sentences.push(format!(
                "Resampled rows shift {} by more than they scatter: {size} are too few for these intervals, which are not to be trusted. More rows or fewer inputs would help.",
                symbols.join(", ")
            ));
        }
        if self.from_noise >= 1.0 {
            sentences.push(format!(
                "The inputs explain no more than they would of noise alone ({size}): T, T_min, λ_max and F are those of a fit to noise, and their intervals are not to be trusted."
            ));
        } else if self.from_noise > WEAK {
            sentences.push(format!(
                "The inputs explain little: {:.0} % of ‖V√Σx‖², of which T is made, would be found in noise alone ({size}). T, T_min, λ_max and F are too large by about as much, and \
                 their intervals may miss the truth. More rows or fewer inputs would help.",
                100.0 * self.from_noise
            ));
        }
        if let Some(correlation) = self.correlation {
            sentences.push(format!(
                "Residuals of rows that stand one after the other are alike (correlation {correlation:.2}). If rows depend on each other, as in a time series or where one thing was \
                 measured again, and are not merely sorted, then the intervals are too narrow and the p-values too small."
            ));
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}
