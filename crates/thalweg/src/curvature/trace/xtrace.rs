//! Epperly, Tropp and Webber, *XTrace: Making the most of every sample in stochastic trace estimation* (2024).

use faer::{Mat, MatRef};

use super::{Counted, CurvatureError, Sampled, Stream, SymmetricOperator, forms};

/// Most groups of probes that are left out in turn for the standard error.
const GROUPS: usize = 32;

/// The mean T of one leave-one-out estimate for each of m = `matvecs`/2 probes ω_i, each unbiased:
/// tr(Q_iᵀAQ_i) + c_i uᵀA u, u = (I − Q_iQ_iᵀ)ω_i, Q_i an orthonormal basis of the other probes' images.
///
/// The estimates depend on one another, and on flat spectra their scatter is too small a
/// standard error for their mean (a 95 % interval made from it held the truth in 87.5 % of 400 repeats). So the error
/// is taken from the inequality of Efron and Stein, Var T ≤ Σ_g E(T − T₋g)², T₋g being the same
/// estimate without the probes of group g: on average it is not too small. It needs no products.
pub(super) fn estimate<A: SymmetricOperator + ?Sized>(
    operator: &mut Counted<'_, A>,
    matvecs: usize,
    stream: &mut Stream,
) -> Result<Sampled, CurvatureError<A::Error>> {
    let (dim, count) = (operator.dim(), matvecs / 2);
    let probes = Mat::from_fn(dim, count, |_, _| stream.normal());
    let images = operator.block(probes.as_ref())?;
    let q = images.qr().compute_thin_Q();
    let sketch = Sketch {
        dim,
        h: q.transpose() * operator.block(q.as_ref())?,
        r: q.transpose() * &images,
        w: q.transpose() * &probes,
        forms: forms(&probes, &images).collect(),
        lengths: forms(&probes, &probes).collect(),
    };
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
}

impl Sketch {
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
        let scale = self.r.norm_max();
        let sample = |i: usize| {
            let s = left_out(self.r.as_ref(), i, scale);
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

/// The unit vector s with Rᵀs ∝ e_i, R upper triangular with entries up to `scale`.
///
/// Where A has lower rank than there are probes, R is singular to rounding and s lies in what Q has beyond
/// A's range. Leaving that out changes nothing, so a pivot below rounding may be taken as rounding.
fn left_out(r: MatRef<'_, f64>, i: usize, scale: f64) -> Vec<f64> {
    let least = (f64::EPSILON * scale).max(f64::MIN_POSITIVE);
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
