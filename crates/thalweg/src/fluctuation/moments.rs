//! The size of the samples' gradients: fluctuation, covariance, and curvature to compare them with.

use faer::MatRef;

use super::SampleMean;
use crate::evaluation::{Layer, SampleCurvature, SampledLoss};

/// What single samples' gradients g_b do, in all parameters or in one layer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// F = E‖g‖², the fluctuation. A minibatch of B samples at a minimum has F/B.
    pub fluctuation: SampleMean,
    /// tr Cov g = (1/N) Σ‖g_b − ḡ‖² = F − ‖∇L‖²: that of the set, the sum of its covariance's eigenvalues. The law's own is
    /// N/(N − 1) times that on average.
    pub covariance_trace: SampleMean,
    /// tr G, the Gauss–Newton matrix's trace: the sharpness at a minimum with independent residuals of mean 0.
    pub gauss_newton_trace: SampleMean,
    /// F/tr G; nothing where tr G = 0. Where cross-entropy's labels follow the network's probabilities it is 1; where
    /// squared error's noise is isotropic it is the noise's variance (paper's convention).
    pub ratio: Option<SampleMean>,
}

/// One layer's part in it.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMoments {
    /// The layer, by its name and its ranges in the parameter vector.
    pub layer: Layer,
    /// Of its own parameters.
    pub moments: Moments,
}

/// For each sample, in one set of parameters.
struct Parts {
    /// ‖g_b‖².
    norms: Vec<f64>,
    /// g_b·ḡ.
    slopes: Vec<f64>,
    /// tr G_b.
    curvature: Vec<f64>,
    /// ‖ḡ‖².
    mean: f64,
}

impl Parts {
    fn moments(&self) -> Moments {
        Moments {
            fluctuation: SampleMean::of(self.norms.iter().copied()),
            covariance_trace: covariance_trace(&self.norms, &self.slopes, self.mean),
            gauss_newton_trace: SampleMean::of(self.curvature.iter().copied()),
            ratio: SampleMean::ratio(&self.norms, &self.curvature),
        }
    }

    fn add(&mut self, other: &Self) {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.norms, &other.norms);
        add(&mut self.slopes, &other.slopes);
        add(&mut self.curvature, &other.curvature);
        self.mean += other.mean;
    }
}

/// tr Cov g = (1/N) Σ‖g_b − ḡ‖², from each sample's ‖g_b‖² and g_b·ḡ and the mean gradient's ‖ḡ‖².
///
/// ```
/// use thalweg::fluctuation::covariance_trace;
///
/// // g = 1 and g = 3: their mean is 2, and each is at a distance of 1 from it.
/// let found = covariance_trace(&[1.0, 9.0], &[2.0, 6.0], 4.0);
/// assert_eq!((found.value, found.standard_error), (1.0, 0.0));
/// ```
pub fn covariance_trace(norms: &[f64], slopes: &[f64], mean: f64) -> SampleMean {
    // Half of ‖g_b − ḡ‖², up to a constant, is what sample b adds to the U-statistic
    // Σ_{a<b}‖g_a − g_b‖²/(N(N − 1)), which is N/(N − 1) tr Cov: so its scatter gives the standard error.
    let parts = norms.iter().zip(slopes);
    SampleMean::of(parts.map(|(norm, slope)| norm - 2.0 * slope + mean))
}

/// In all parameters, and layer by layer; from the samples' curvature at the same θ.
pub(super) fn moments<L: SampledLoss>(
    loss: &mut L,
    parameters: &[f64],
    curvature: &SampleCurvature,
) -> Result<(Moments, Vec<LayerMoments>), L::Error> {
    let layers = loss.layers();
    let gradient = loss.gradient(parameters)?;
    let norms = loss.sample_squared_norms(parameters)?;
    let slopes = loss.layer_slopes(parameters, &gradient)?;
    let parts = |(index, layer): (usize, &Layer)| {
        let sums = |matrix: MatRef<'_, f64>| -> Vec<f64> {
            let rows = matrix.subrows(layer.parameters.start, layer.parameters.len());
            rows.col_iter().map(|column| column.iter().sum()).collect()
        };
        Parts {
            norms: sums(norms.as_ref()),
            slopes: slopes.row(index).iter().copied().collect(),
            curvature: sums(curvature.parameters.as_ref()),
            mean: gradient[layer.range.clone()].iter().map(|g| g * g).sum(),
        }
    };
    let samples = norms.ncols();
    let mut total = Parts {
        norms: vec![0.0; samples],
        slopes: vec![0.0; samples],
        curvature: vec![0.0; samples],
        mean: 0.0,
    };
    let mut each = Vec::with_capacity(layers.len());
    for entry in layers.iter().enumerate() {
        let part = parts(entry);
        total.add(&part);
        each.push(part.moments());
    }
    let each = layers.into_iter().zip(each);
    Ok((
        total.moments(),
        each.map(|(layer, moments)| LayerMoments { layer, moments })
            .collect(),
    ))
}
