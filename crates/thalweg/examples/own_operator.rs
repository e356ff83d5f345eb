//! Eigenvalues, trace and spectral density of an operator of one's own, whose products may fail.
//!
//! `cargo run --example own_operator`

#![allow(clippy::disallowed_macros, reason = "a program prints")]

use std::error::Error;
use std::fmt;

use thalweg::curvature::{
    CurvatureError, DensitySettings, EigenSettings, End, SymmetricOperator, TraceSettings, density,
    eigenpairs, trace,
};
use thalweg::estimate::Estimate;
use thalweg::faer::{MatMut, MatRef};

/// The Laplacian of a path of n nodes: (A x)_i = Σ_j (x_i − x_j) over the neighbours j of i. Never formed.
///
/// Its products may have come from another program, or from a file: here it has a budget of them.
pub struct PathLaplacian {
    /// n.
    pub nodes: usize,
    /// Products with one vector that are left.
    pub budget: usize,
}

/// Why a product failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSpent;

impl fmt::Display for BudgetSpent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no more products are paid for")
    }
}

impl Error for BudgetSpent {}

impl SymmetricOperator for PathLaplacian {
    type Error = BudgetSpent;

    fn dim(&self) -> usize {
        self.nodes
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        output: MatMut<'_, f64>,
    ) -> Result<(), BudgetSpent> {
        self.budget = self.budget.checked_sub(input.ncols()).ok_or(BudgetSpent)?;
        for (x, mut y) in input.col_iter().zip(output.col_iter_mut()) {
            for i in 0..self.nodes {
                let before = if i > 0 { x[i] - x[i - 1] } else { 0.0 };
                let after = if i + 1 < self.nodes {
                    x[i] - x[i + 1]
                } else {
                    0.0
                };
                y[i] = before + after;
            }
        }
        Ok(())
    }
}

/// What is asked of the operator.
pub struct Answers {
    /// The three largest eigenvalues, descending.
    pub top: Vec<Estimate>,
    /// tr A.
    pub trace: Estimate,
    /// (1/n) tr A².
    pub second_moment: Estimate,
}

/// By Lanczos, by random probes, and by quadrature.
pub fn answers(operator: &mut PathLaplacian) -> Result<Answers, CurvatureError<BudgetSpent>> {
    let top = eigenpairs(operator, &EigenSettings::new(3, End::Top), None)?;
    let trace = trace(operator, &TraceSettings::new(100))?;
    let settings = DensitySettings {
        probes: 20,
        steps: 10,
        seed: 0,
    };
    let density = density(operator, &settings)?;
    Ok(Answers {
        top: top.values,
        trace,
        second_moment: density.moment(2),
    })
}

/// Asks, and prints; then asks with too small a budget.
pub fn main() -> Result<(), Box<dyn Error>> {
    let operator = |budget| PathLaplacian { nodes: 400, budget };
    let found = answers(&mut operator(10_000))?;
    for (value, name) in found.top.iter().zip(["λ_1", "λ_2", "λ_3"]) {
        println!("{name} = {value:?}");
    }
    println!("trace = {:?}", found.trace);
    println!("mean square of the eigenvalues = {:?}", found.second_moment);

    // A product that fails ends the computation, and its own error comes back.
    match answers(&mut operator(50)) {
        Err(CurvatureError::Operator(error)) => println!("with fewer products: {error}"),
        Err(error) => return Err(error.into()),
        Ok(_) => println!("fifty products were enough"),
    }
    Ok(())
}
