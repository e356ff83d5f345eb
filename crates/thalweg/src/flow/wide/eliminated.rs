//! The generators' linear systems, with every other generator eliminated.

use faer::{Mat, Side};

use super::field::{Field, Generators, Operator};
use crate::flow::{
    FlowError,
    conjugate::conjugate_gradients,
    products::{between, dot, times},
};

/// An operator on X_1 … X_{D−1} at one point, in hidden bases in which what it does to each X_k from either side is diagonal.
///
/// X_k meets X_{k−1} and X_{k+1} alone. In these bases X_1, X_3, … follow from the others entry by entry, and conjugate gradients look for
/// X_2, X_4, … alone: with half the iterations that all would take, each with a third of the products.
pub(super) struct Eliminated {
    /// U_1 … U_{D−1}, whose columns are the bases.
    bases: Generators,
    /// What (i, j) entries are multiplied by.
    pivots: Generators,
    /// U_{k+1}ᵀ W_{k+1} U_k, k = 1 … D − 2, of the layers between two generators.
    layers: Vec<Mat<f64>>,
    /// How often EᵀE is in it.
    gram: f64,
    /// U_kᵀ H_k U_k and U_kᵀ G_k U_k, where traces couple neighbours, and by how much.
    traces: Option<(f64, Generators, Generators)>,
}

/// A pivot is at least this fraction of the largest: where no layer uses a hidden direction any more, X there is without meaning.
const FLOOR: f64 = 1e-14;

/// The most iterations of conjugate gradients.
const MOST_ITERATIONS: usize = 2000;

/// What is missing is taken for what the last so many of them gained.
const LOOK_BACK: usize = 3;

impl Eliminated {
    /// `operator` at the point of `field`.
    pub(super) fn new(field: &Field, operator: Operator) -> Result<Self, FlowError> {
        let (mut bases, mut pivots): (Generators, Generators) = (Vec::new(), Vec::new());
        for own in field.own(operator) {
            let eigen =
                own.self_adjoint_eigen(Side::Lower)
                    .map_err(|_| FlowError::Decomposition {
                        what: "eigenvalue iteration of W Wᵀ",
                    })?;
            let values = eigen.S().column_vector();
            let n = values.nrows();
            let least = 2.0 * FLOOR * values[n - 1];
            pivots.push(Mat::from_fn(n, n, |i, j| (values[i] + values[j]).max(least)));
            bases.push(eigen.U().to_owned());
        }
        let between_two = bases.windows(2).zip(&field.layers[1..]);
        let layers = between_two.map(|(u, layer)| {
            let half = times(u[1].transpose(), layer.as_ref());
            times(half.as_ref(), u[0].as_ref())
        });
        Ok(Self {
            layers: layers.collect(),
            gram: operator.gram(field.forces()),
            traces: operator
                .coupling(field.forces())
                .map(|noise| (noise, field.inputs_in(&bases), field.outputs_in(&bases))),
            bases,
            pivots,
        })
    }

    /// The solution X for the right side `right`; `enough` says of the energy that is missing, and of the energy gained since, whether to stop.
    /// (The energy of EᵀE is 2 ‖E X‖².)
    pub(super) fn solve(
        &self,
        right: &[Mat<f64>],
        enough: impl Fn(f64, f64) -> bool,
    ) -> Result<Generators, FlowError> {
        let turned = right.iter().zip(&self.bases);
        let mut right: Generators = turned.map(|(r, u)| between(u.transpose(), r)).collect();
        let hidden = right.len();
        // What the eliminated would be if the others were not there.
        for k in (0..hidden).step_by(2) {
            right[k] = self.divided(k, &right[k]);
        }
        let rest: Generators = (1..hidden)
            .step_by(2)
            .map(|k| {
                let mut rest = right[k].clone();
                self.meet(k, &mut rest, |neighbour| &right[neighbour]);
                rest
            })
            .collect();
        let (kept, converged) = conjugate_gradients(
            &rest,
            |x| self.apply(x),
            |rest| {
                let each = rest.iter().enumerate();
                each.map(|(i, rest)| self.divided(2 * i + 1, rest)).collect()
            },
            MOST_ITERATIONS,
            |size, gains| {
                let recent: f64 = gains.iter().rev().take(LOOK_BACK).sum();
                gains.len() >= LOOK_BACK && enough(recent.max(size), gains.iter().sum())
            },
        );
        if !converged {
            return Err(FlowError::Decomposition {
                what: "conjugate gradients for the slow flow's generators",
            });
        }
        let mut x = right;
        for k in (0..hidden).step_by(2) {
            x[k] += self.follows(k, &kept);
        }
        for (i, kept) in kept.into_iter().enumerate() {
            x[2 * i + 1] = kept;
        }
        let back = x.iter().zip(&self.bases);
        Ok(back.map(|(x, u)| between(u.as_ref(), x)).collect())
    }

    /// What is left of the operator for X_2, X_4, …
    fn apply(&self, kept: &[Mat<f64>]) -> Generators {
        let hidden = self.bases.len();
        let eliminated: Vec<Option<Mat<f64>>> = (0..hidden)
            .map(|k| (k % 2 == 0).then(|| self.follows(k, kept)))
            .collect();
        let each = kept.iter().enumerate();
        each.map(|(i, x)| {
            let k = 2 * i + 1;
            let pivots = &self.pivots[k];
            let mut image =
                Mat::from_fn(x.nrows(), x.ncols(), |i, j| pivots[(i, j)] * x[(i, j)]);
            image *= faer::Scale(-1.0);
            self.meet(k, &mut image, |neighbour| {
                eliminated[neighbour].as_ref().unwrap()
            });
            image * faer::Scale(-1.0)
        })
        .collect()
    }

    /// X_k for odd k (from 1) that the others make.
    fn follows(&self, k: usize, kept: &[Mat<f64>]) -> Mat<f64> {
        let n = self.pivots[k].nrows();
        let mut felt = Mat::zeros(n, n);
        self.meet(k, &mut felt, |neighbour| &kept[neighbour / 2]);
        self.divided(k, &felt)
    }

    /// Entries over pivots.
    fn divided(&self, k: usize, r: &Mat<f64>) -> Mat<f64> {
        let pivots = &self.pivots[k];
        Mat::from_fn(r.nrows(), r.ncols(), |i, j| r[(i, j)] / pivots[(i, j)])
    }

    /// Takes off `into` what the operator makes of the neighbours of X_k.
    fn meet<'a>(&self, k: usize, into: &mut Mat<f64>, x: impl Fn(usize) -> &'a Mat<f64>) {
        let twice = faer::Scale(2.0 * self.gram);
        if k > 0 {
            *into += twice * between(self.layers[k - 1].as_ref(), x(k - 1));
        }
        if k + 1 < self.bases.len() {
            *into += twice * between(self.layers[k].transpose(), x(k + 1));
        }
        if let Some((noise, inputs, outputs)) = &self.traces {
            if k > 0 {
                let along = 2.0 * noise * dot(x(k - 1), &inputs[k - 1]);
                *into += faer::Scale(along) * &outputs[k];
            }
            if k + 1 < self.bases.len() {
                let along = 2.0 * noise * dot(x(k + 1), &outputs[k + 1]);
                *into += faer::Scale(along) * &inputs[k];
            }
        }
    }
}
