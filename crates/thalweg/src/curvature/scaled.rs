//! An operator between two diagonal matrices: curvature as a preconditioner sees it.

use faer::{MatMut, MatRef};

use super::error::require;
use super::{CurvatureError, SymmetricOperator};

/// P^{−1/2} A P^{−1/2} of an operator A, P diagonal and positive. A product with it costs a product with A.
///
/// Its eigenvalues are those of P⁻¹A.
///
/// ```
/// use thalweg::curvature::{Dense, EigenSettings, End, Scaled, eigenpairs};
/// use thalweg::faer::mat;
///
/// let mut matrix = Dense::new(mat![[4.0, 0.0], [0.0, 9.0]])?;
/// let mut scaled = Scaled::new(&mut matrix, &[1.0, 3.0])?;
/// let top = eigenpairs(&mut scaled, &EigenSettings::new(1, End::Top), None)?;
/// assert!((top.values[0].value - 4.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scaled<'a, A: ?Sized> {
    operator: &'a mut A,
    /// P^{−1/2}.
    roots: Vec<f64>,
}

impl<'a, A: SymmetricOperator + ?Sized> Scaled<'a, A> {
    /// With the diagonal of P.
    ///
    /// # Errors
    /// When P has not as many numbers as A has rows, or one is not above 0.
    pub fn new(operator: &'a mut A, preconditioner: &[f64]) -> Result<Self, CurvatureError> {
        let dim = operator.dim();
        require(
            preconditioner.len() == dim,
            "preconditioner",
            format!("{} numbers", preconditioner.len()),
            format!("{dim}, one for each row"),
        )?;
        let wrong = |p: &&f64| !(p.is_finite() && **p > 0.0);
        if let Some(p) = preconditioner.iter().find(wrong) {
            require(false, "preconditioner", p, "finite numbers above 0")?;
        }
        let roots = preconditioner.iter().map(|p| 1.0 / p.sqrt()).collect();
        Ok(Self { operator, roots })
    }
}

impl<A: SymmetricOperator + ?Sized> SymmetricOperator for Scaled<'_, A> {
    type Error = A::Error;

    fn dim(&self) -> usize {
        self.roots.len()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), A::Error> {
        let mut scaled = input.to_owned();
        for column in scaled.col_iter_mut() {
            column
                .iter_mut()
                .zip(&self.roots)
                .for_each(|(x, r)| *x *= r);
        }
        self.operator
            .apply_block(scaled.as_ref(), output.as_mut())?;
        for column in output.col_iter_mut() {
            column
                .iter_mut()
                .zip(&self.roots)
                .for_each(|(x, r)| *x *= r);
        }
        Ok(())
    }
}
