//! Operators with a known spectrum in a basis that no coordinate favours.

use std::convert::Infallible;

use faer::prelude::ReborrowMut;
use faer::{Col, ColRef, Mat, MatMut, MatRef, Scale};
use thalweg::curvature::SymmetricOperator;
use thalweg::random::{Purpose, Stream};

/// Q diag(λ) Qᵀ with Q a product of three random Householder reflections, exact to rounding.
pub struct Known {
    pub values: Vec<f64>,
    reflectors: Vec<Col<f64>>,
    /// Products made, counted apart from the library's own count.
    pub products: usize,
}

impl Known {
    pub fn new(values: Vec<f64>, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Problem);
        let reflectors = (0..3)
            .map(|_| {
                let normal = Col::from_fn(values.len(), |_| stream.normal());
                &normal * Scale(1.0 / normal.norm_l2())
            })
            .collect();
        Self {
            values,
            reflectors,
            products: 0,
        }
    }

    fn reflect(reflector: &Col<f64>, x: &mut Col<f64>) {
        let overlap = reflector.transpose() * &*x;
        *x -= reflector * Scale(2.0 * overlap);
    }

    fn image(&self, x: ColRef<'_, f64>) -> Col<f64> {
        let mut x = x.to_owned();
        for reflector in self.reflectors.iter().rev() {
            Self::reflect(reflector, &mut x);
        }
        for (x, value) in x.iter_mut().zip(&self.values) {
            *x *= value;
        }
        for reflector in &self.reflectors {
            Self::reflect(reflector, &mut x);
        }
        x
    }

    /// The unit eigenvector of `values[i]`.
    pub fn vector(&self, i: usize) -> Col<f64> {
        let mut x = Col::from_fn(self.values.len(), |j| if i == j { 1.0 } else { 0.0 });
        for reflector in &self.reflectors {
            Self::reflect(reflector, &mut x);
        }
        x
    }

    pub fn trace(&self) -> f64 {
        self.values.iter().sum()
    }
}

impl SymmetricOperator for Known {
    type Error = Infallible;

    fn dim(&self) -> usize {
        self.values.len()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), Infallible> {
        self.products += input.ncols();
        for j in 0..input.ncols() {
            output
                .rb_mut()
                .col_mut(j)
                .copy_from(self.image(input.col(j)));
        }
        Ok(())
    }
}

/// Any square matrix, symmetric or not.
pub struct Anything(pub Mat<f64>);

impl SymmetricOperator for Anything {
    type Error = Infallible;

    fn dim(&self) -> usize {
        self.0.nrows()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), Infallible> {
        output.copy_from(&self.0 * input);
        Ok(())
    }
}

/// λ_i = base^i.
pub fn geometric(dim: usize, base: f64) -> Vec<f64> {
    (0..dim).map(|i| base.powi(i as i32)).collect()
}

/// Evenly spaced from `low` to `high`, both included.
pub fn even(dim: usize, low: f64, high: f64) -> Vec<f64> {
    (0..dim)
        .map(|i| low + (high - low) * i as f64 / (dim - 1) as f64)
        .collect()
}
