//! Epperly, Tropp and Webber, *XTrace: Making the most of every sample in stochastic trace estimation* (2024).

use faer::{Mat, MatRef};

use super::{CurvatureError, Products, Sampled, VectorSpace, WIDTH, in_place};

/// Most groups of probes that are left out in turn for the standard error.
const GROUPS: usize = 32;

/// The mean T of one leave-one-out estimate for each of m = `matvecs`/2 probes ω_i, each unbiased:
/// tr(Q_iᵀAQ_i) + c_i uᵀA u, u = (I − Q_iQ_iᵀ)ω_i, Q_i an orthonormal basis of the other probes' images.
///
/// The estimates depend on one another, and on flat spectra their scatter is too small a
/// standard error for their mean (a 95 % interval made from it held the truth in 87.5 % of 400 repeats). So the error
/// is taken from the inequality of Efron and Stein, Var T ≤ Σ_g E(T − T₋g)², T₋g being the same
/// estimate without the probes of group g: on average it is not too small. It needs no products.
pub(super) fn estimate<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
    matvecs: usize,
) -> Result<Sampled, CurvatureError<S::Error>> {
    let sketch = Sketch::draw(products, matvecs / 2)?;
    let count = sketch.forms.len();
    let value = sketch.mean();
    let groups = GROUPS.min(count);
    let squares: f64 = (0..groups)
        .map(|group| (value - sketch.without(group, groups).mean()).powi(2))
        .sum();
    Ok(Sampled {
        value,
        error: squares.sqrt(),
        probes: groups,
    })
}

/// All that the estimate needs of A and of the probes Ω, in an orthonormal basis Q of the images AΩ.
struct Sketch {
    /// n.
    dim: usize,
    /// QᵀAQ.
    h: Mat<f64>,
    /// QᵀAΩ, upper triangular.
    r: Mat<f64>,
    /// QᵀΩ.
    w: Mat<f64>,
    /// ω_iᵀAω_i.
    forms: Vec<f64>,
    /// ‖ω_i‖².
    lengths: Vec<f64>,
    /// The smallest number that is not rounding, in units of the largest entry of R.
    epsilon: f64,
}

impl Sketch {
    /// That of `count` normal probes, by twice as many products. The images give their place to Q.
    fn draw<S: VectorSpace + ?Sized>(
        products: &mut Products<'_, S>,
        count: usize,
    ) -> Result<Self, CurvatureError<S::Error>> {
        let space = &mut *products.space;
        let mut probes = space.room(count).map_err(CurvatureError::Operator)?;
        let mut images = space.room(count).map_err(CurvatureError::Operator)?;
        // Drawn a few at a time, so that it can be stopped.
        for start in (0..count).step_by(WIDTH) {
            let width = WIDTH.min(count - start);
            let space = &mut *products.space;
            let some = space.normal(width).map_err(CurvatureError::Operator)?;
            space
                .put(&mut probes, start, &some)
                .map_err(CurvatureError::Operator)?;
            products.each(&some, width, width, |space, _, part| {
                space.put(&mut images, start, &part)
            })?;
        }
        let space = &mut *products.space;
        let forms = space
            .dots(&probes, &images)
            .map_err(CurvatureError::Operator)?;
        let lengths = space
            .dots(&probes, &probes)
            .map_err(CurvatureError::Operator)?;
        let r = in_place(products, &mut images, count)?;
        let q = images;
        let w = products
            .space
            .inner(&q, 0..count, &probes)
            .map_err(CurvatureError::Operator)?;
        drop(probes);
        let mut h = Mat::zeros(count, count);
        products.each(&q, count, WIDTH, |space, columns, images| {
            let part = space.inner(&q, 0..count, &images)?;
            h.subcols_mut(columns.start, columns.len()).copy_from(&part);
            Ok(())
        })?;
        // Triangular to use, whatever basis the directions of a few came out in.
        let triangular = r.qr();
        let turn = triangular.compute_thin_Q();
        Ok(Self {
            dim: products.dim(),
            h: turn.transpose() * h * &turn,
            r: turn.transpose() * r,
            w: turn.transpose() * w,
            forms,
            lengths,
            epsilon: products.space.epsilon(),
        })
    }

    /// The sketch made by the probes outside of one group; i belongs to group i mod `groups`.
    fn without(&self, group: usize, groups: usize) -> Self {
        let kept: Vec<usize> = (0..self.forms.len())
            .filter(|i| i % groups != group)
            .collect();
        let columns =
            |from: &Mat<f64>| Mat::from_fn(from.nrows(), kept.len(), |i, j| from[(i, kept[j])]);
        let (r, w) = (columns(&self.r), columns(&self.w));
        let q = r.qr().compute_thin_Q();
        Self {
            dim: self.dim,
            h: q.transpose() * &self.h * &q,
            r: q.transpose() * r,
            w: q.transpose() * w,
            forms: kept.iter().map(|&i| self.forms[i]).collect(),
            lengths: kept.iter().map(|&i| self.lengths[i]).collect(),
            epsilon: self.epsilon,
        }
    }

    /// T. All Q_i come from the one basis: Q_iQ_iᵀ = Q(I − s_i s_iᵀ)Qᵀ with s_i the unit vector along the
    /// i-th column of R⁻ᵀ.
    ///
    /// Normal ω make u isotropic in the complement of Q_i and independent of it, so that only its
    /// direction need count: c_i = (n − m + 1)/‖u‖².
    fn mean(&self) -> f64 {
        let count = self.forms.len();
        let known: f64 = (0..count).map(|i| self.h[(i, i)]).sum();
        let least = (self.epsilon * self.r.norm_max()).max(f64::MIN_POSITIVE);
        let sample = |i: usize| {
            let s = left_out(self.r.as_ref(), i, least);
            let overlap: f64 = (0..count).map(|k| s[k] * self.w[(k, i)]).sum();
            // Q_iQ_iᵀω_i = Q x.
            let x: Vec<f64> = (0..count)
                .map(|k| self.w[(k, i)] - s[k] * overlap)
                .collect();
            let cross: f64 = (0..count).map(|k| x[k] * self.r[(k, i)]).sum();
            let form = self.forms[i] - 2.0 * cross + quadratic(self.h.as_ref(), &x);
            let length = self.lengths[i] - x.iter().map(|x| x * x).sum::<f64>();
            known - quadratic(self.h.as_ref(), &s) + (self.dim - count + 1) as f64 * form / length
        };
        (0..count).map(sample).sum::<f64>() / count as f64
    }
}

/// xᵀH x.
fn quadratic(h: MatRef<'_, f64>, x: &[f64]) -> f64 {
    (0..x.len())
        .map(|j| x[j] * (0..x.len()).map(|i| h[(i, j)] * x[i]).sum::<f64>())
        .sum()
}

/// The unit vector s with Rᵀs ∝ e_i, R upper triangular; entries below `least` are rounding.
///
/// Where A has lower rank than there are probes, R is singular to rounding and s lies in what Q has beyond
/// A's range. Leaving that out changes nothing, so a pivot below rounding may be taken as rounding.
fn left_out(r: MatRef<'_, f64>, i: usize, least: f64) -> Vec<f64> {
    let mut s = vec![0.0; r.ncols()];
    for row in i..s.len() {
        let unit = if row == i { least } else { 0.0 };
        let known: f64 = (i..row).map(|k| r[(k, row)] * s[k]).sum();
        let pivot = r[(row, row)];
        s[row] = (unit - known) / pivot.abs().max(least).copysign(pivot);
    }
    let norm = s.iter().map(|s| s * s).sum::<f64>().sqrt();
    s.iter_mut().for_each(|s| *s /= norm);
    s
}
