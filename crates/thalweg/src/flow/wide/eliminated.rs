//! The generators' linear systems, with every other generator eliminated.

use faer::{Mat, Side, linalg::solvers::SelfAdjointEigen};

use super::{
    field::{Field, Generators, Operator},
    known::Known,
};
use crate::flow::{
    FlowError,
    conjugate::conjugate_gradients,
    products::{Parity, Real, add, add_between, between, converted, dot, mirror, multiply, times},
};

/// An operator on X_1 … X_{D−1} at one point, in hidden bases in which what it does to each X_k from either side is diagonal.
///
/// X_k meets X_{k−1} and X_{k+1} alone. In these bases X_1, X_3, … follow from the others entry by entry, and conjugate gradients look for
/// X_2, X_4, … alone: with half the iterations that all would take, each with a third of the products. They look in the precision T: what
/// is sought to a few digits takes half the time in single precision. So that no number leaves its range the operator is over its largest pivot.
pub(super) struct Eliminated<T: Real> {
    /// U_1 … U_{D−1}, whose columns are the bases.
    bases: Vec<Mat<T>>,
    /// That of the generators.
    parity: Parity,
    largest: f64,
    /// What (i, j) entries are multiplied by; zero where that is rounding.
    pivots: Vec<Mat<T>>,
    /// One over it, or zero: where no layer uses a hidden direction any more, X there is without meaning, and is left out.
    inverse: Vec<Mat<T>>,
    /// U_{k+1}ᵀ W_{k+1} U_k, k = 1 … D − 2, of the layers between two generators.
    layers: Vec<Mat<T>>,
    /// Twice how often EᵀE is in it.
    gram: T,
    /// Where traces couple neighbours, with twice by how much.
    traces: Option<Traces<T>>,
    /// What was found by earlier solutions for X_2, X_4, …
    known: Known<T>,
}

/// By how much traces couple neighbours, U_kᵀ H_k U_k and U_kᵀ G_k U_k.
type Traces<T> = (f64, Vec<Mat<T>>, Vec<Mat<T>>);

/// Pivots below this fraction of the largest are rounding: that of weights of 3·10⁻⁷ of the largest, on which T and F depend by 10⁻¹³.
const FLOOR: f64 = 1e-13;

/// The most iterations of conjugate gradients.
const MOST_ITERATIONS: usize = 2000;

/// What is missing is taken for what the last so many of them gained.
const LOOK_BACK: usize = 3;

impl<T: Real> Eliminated<T> {
    /// `operator` at the point of `field`.
    pub(super) fn new(field: &Field, operator: Operator) -> Result<Self, FlowError> {
        let mut eigen = Vec::new();
        for own in field.own(operator) {
            eigen.push(own.self_adjoint_eigen(Side::Lower).map_err(|_| {
                FlowError::Decomposition {
                    what: "eigenvalue iteration of W Wᵀ",
                }
            })?);
        }
        let bases: Generators = eigen.iter().map(|eigen| eigen.U().to_owned()).collect();
        let last = |eigen: &SelfAdjointEigen<f64>| eigen.S()[eigen.S().dim() - 1];
        let largest = 2.0 * eigen.iter().map(last).fold(f64::MIN_POSITIVE, f64::max);
        let (mut pivots, mut inverse) = (Vec::new(), Vec::new());
        for eigen in &eigen {
            let values = eigen.S().column_vector();
            let n = values.nrows();
            let least = FLOOR * values[n - 1];
            let pivot = |i, j| {
                let pivot = values[i] + values[j];
                if pivot > least { pivot / largest } else { 0.0 }
            };
            pivots.push(Mat::from_fn(n, n, |i, j| T::rounded(pivot(i, j))));
            inverse.push(Mat::from_fn(n, n, |i, j| match pivot(i, j) {
                0.0 => T::rounded(0.0),
                pivot => T::rounded(pivot.recip()),
            }));
        }
        let between_two = bases.windows(2).zip(&field.factors.layers[1..]);
        let layers = between_two.map(|(u, layer)| {
            let half = times(u[1].transpose(), layer.as_ref());
            converted(1.0, &times(half.as_ref(), u[0].as_ref()))
        });
        let all = |generators: Generators| generators.iter().map(|x| converted(1.0, x)).collect();
        Ok(Self {
            layers: layers.collect(),
            gram: T::rounded(2.0 * operator.gram(&field.factors.forces) / largest),
            traces: operator.coupling(&field.factors.forces).map(|noise| {
                let (inputs, outputs) = (field.inputs_in(&bases), field.outputs_in(&bases));
                (2.0 * noise / largest, all(inputs), all(outputs))
            }),
            bases: all(bases),
            parity: operator.parity(),
            largest,
            pivots,
            inverse,
            known: Known::new(),
        })
    }

    /// The solution X for the right side `right`; `enough` says of the energy that is missing, and of the energy gained since, whether to stop.
    /// (The energy of EᵀE is 2 ‖E X‖².)
    pub(super) fn solve(
        &mut self,
        right: &[Mat<T>],
        enough: impl Fn(f64, f64) -> bool,
    ) -> Result<Generators, FlowError> {
        let norm = right.iter().map(|r| dot(r, r)).sum::<f64>().sqrt();
        let norm = if norm == 0.0 { 1.0 } else { norm };
        let turned = right.iter().zip(&self.bases).map(|(r, u)| {
            between(self.parity, u.transpose(), r) * faer::Scale(T::rounded(norm.recip()))
        });
        let mut right: Vec<Mat<T>> = turned.collect();
        let energy = norm * norm / self.largest;
        let hidden = right.len();
        // What the eliminated would be if the others were not there.
        for k in (0..hidden).step_by(2) {
            multiply(&mut right[k], &self.inverse[k]);
        }
        let mut rest: Vec<Mat<T>> = (1..hidden)
            .step_by(2)
            .map(|k| {
                let mut rest = right[k].clone();
                self.meet(k, &mut rest, |neighbour| &right[neighbour]);
                rest
            })
            .collect();
        let guess = self.known.take_off(&mut rest);
        let before = rest.clone();
        let (mut kept, converged) = conjugate_gradients(
            &mut rest,
            |x| self.apply(x),
            |rest| {
                let mut x = rest.to_vec();
                for (x, inverse) in x.iter_mut().zip(self.inverse.iter().skip(1).step_by(2)) {
                    multiply(x, inverse);
                }
                x
            },
            MOST_ITERATIONS,
            |size, gains| {
                let recent: f64 = gains.iter().rev().take(LOOK_BACK).sum();
                gains.len() >= LOOK_BACK
                    && enough(
                        energy * recent.max(size),
                        energy * gains.iter().sum::<f64>(),
                    )
            },
        );
        if !converged {
            return Err(FlowError::Decomposition {
                what: "conjugate gradients for the slow flow's generators",
            });
        }
        self.known.keep(&kept, before, &rest);
        if let Some(guess) = guess {
            for (kept, guess) in kept.iter_mut().zip(&guess) {
                add(kept, T::rounded(1.0), guess);
            }
        }
        let mut x = right;
        for k in (0..hidden).step_by(2) {
            add(&mut x[k], T::rounded(1.0), &self.follows(k, &kept));
        }
        for (i, kept) in kept.into_iter().enumerate() {
            x[2 * i + 1] = kept;
        }
        let back = x.iter().zip(&self.bases).map(|(x, u)| {
            let back = between(self.parity, u.as_ref(), x);
            converted(norm / self.largest, &back)
        });
        Ok(back.collect())
    }

    /// Clears X of what is without meaning, which would grow as it is extrapolated.
    pub(super) fn clear(&self, x: &mut [Mat<f64>]) {
        for ((x, u), pivots) in x.iter_mut().zip(&self.bases).zip(&self.pivots) {
            let n = pivots.nrows();
            // The smallest is first.
            if pivots[(0, 0)].into() > 0.0 {
                continue;
            }
            let scale = x.norm_max().max(f64::MIN_POSITIVE);
            let mut turned = between(self.parity, u.transpose(), &converted(scale.recip(), x));
            for (i, j) in (0..n).flat_map(|j| (0..n).map(move |i| (i, j))) {
                if pivots[(i, j)].into() != 0.0 {
                    turned[(i, j)] = T::rounded(0.0);
                }
            }
            let without_meaning = between(self.parity, u.as_ref(), &turned);
            add(x, -1.0, &converted(scale, &without_meaning));
        }
    }

    /// What is left of the operator for X_2, X_4, …
    fn apply(&self, kept: &[Mat<T>]) -> Vec<Mat<T>> {
        let eliminated: Vec<Mat<T>> = (0..self.bases.len())
            .step_by(2)
            .map(|k| self.follows(k, kept))
            .collect();
        let each = kept.iter().enumerate();
        each.map(|(i, x)| {
            let k = 2 * i + 1;
            let mut felt = Mat::zeros(x.nrows(), x.ncols());
            self.meet(k, &mut felt, |neighbour| &eliminated[neighbour / 2]);
            for j in 0..x.ncols() {
                let (x, pivots) = (x.col_as_slice(j), self.pivots[k].col_as_slice(j));
                let felt = felt.col_as_slice_mut(j).iter_mut();
                for ((felt, x), pivot) in felt.zip(x).zip(pivots) {
                    *felt = *pivot * *x - *felt;
                }
            }
            felt
        })
        .collect()
    }

    /// X_k for odd k (from 1) that the others make.
    fn follows(&self, k: usize, kept: &[Mat<T>]) -> Mat<T> {
        let n = self.inverse[k].nrows();
        let mut x = Mat::zeros(n, n);
        self.meet(k, &mut x, |neighbour| &kept[neighbour / 2]);
        multiply(&mut x, &self.inverse[k]);
        x
    }

    /// Takes off `into` what the operator makes of the neighbours of X_k.
    fn meet<'a>(&self, k: usize, into: &mut Mat<T>, x: impl Fn(usize) -> &'a Mat<T>)
    where
        T: 'a,
    {
        let above = k + 1 < self.bases.len();
        if k > 0 {
            add_between(into, self.gram, self.layers[k - 1].as_ref(), x(k - 1));
        }
        if above {
            add_between(into, self.gram, self.layers[k].transpose(), x(k + 1));
        }
        if let Some((noise, inputs, outputs)) = &self.traces {
            if k > 0 {
                let along = dot(x(k - 1), &inputs[k - 1]);
                add(into, T::rounded(noise * along), &outputs[k]);
            }
            if above {
                let along = dot(x(k + 1), &outputs[k + 1]);
                add(into, T::rounded(noise * along), &inputs[k]);
            }
        }
        mirror(self.parity, into);
    }
}
