//! The naive reference: one seed, one step at a time, as the formulas read.
//!
//! It draws the same words as the fast kernels but shares no arithmetic with them: scalar Philox, the
//! standard library's functions, dense matrices.

use std::f64::consts::{FRAC_PI_2, SQRT_2};

use faer::Mat;

use crate::random::{FEW_DEGREES, Purpose, chi_square_words, philox4x32_10};

use super::law::Law;
use super::{NoiseLaw, SampleSource, SimulateSettings};

const WORD: f64 = 1.0 / 4_294_967_296.0;

/// The words of one seed, purpose and step (or sample, or epoch).
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub seed: u64,
    pub purpose: u32,
    pub step: u64,
}

impl Words {
    pub fn new(seed: u64, purpose: Purpose, step: u64) -> Self {
        Self {
            seed,
            purpose: purpose as u32,
            step,
        }
    }

    fn word(self, index: usize) -> u32 {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let counter = [
            self.step as u32,
            (self.step >> 32) as u32,
            (index / 4) as u32,
            self.purpose,
        ];
        philox4x32_10(key, counter)[index % 4]
    }

    fn uniform(self, index: usize) -> f64 {
        (f64::from(self.word(index)) + 0.5) * WORD
    }

    /// A point on the unit circle: 30 bits for an angle within a quarter turn about the axis, one for
    /// the axis' direction, one for which axis.
    fn circle(self, index: usize) -> (f64, f64) {
        let word = self.word(index);
        let turn = (f64::from(word >> 2) + 0.5) / 1_073_741_824.0 - 0.5;
        let (sine, cosine) = (FRAC_PI_2 * turn).sin_cos();
        let cosine = if word & 1 == 1 { -cosine } else { cosine };
        if word & 2 == 2 {
            (sine, cosine)
        } else {
            (cosine, sine)
        }
    }

    /// The `index`-th standard normal from word `base` on, by Box and Muller.
    pub fn normal(self, base: usize, index: usize) -> f64 {
        let at = base + 2 * (index / 2);
        let radius = (-2.0 * self.uniform(at).ln()).sqrt();
        let (first, second) = self.circle(at + 1);
        radius
            * if index.is_multiple_of(2) {
                first
            } else {
                second
            }
    }

    /// χ² with many degrees of freedom, by Marsaglia and Tsang, *A simple method for generating gamma
    /// variables* (2000), with one block for each attempt.
    fn chi_square(self, degrees: usize, index: usize) -> f64 {
        let d = degrees as f64 / 2.0 - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        let mut attempt = 0;
        loop {
            let words = Self {
                purpose: Purpose::attempt(self.purpose, attempt),
                ..self
            };
            let x = words.normal(4 * index, 0);
            let v = (1.0 + c * x).powi(3);
            let u = words.uniform(4 * index + 2);
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return 2.0 * d * v;
            }
            attempt += 1;
        }
    }
}

/// T (d_x × m) and N (d_y × m) of [`law`](super::law).
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub inputs: Mat<f64>,
    pub noise: Mat<f64>,
}

impl Batch {
    /// The minibatch of `step` (counted from 0): that of the step itself, or of an ascent of its own.
    pub fn at(
        law: &Law,
        settings: &SimulateSettings,
        seed: u64,
        step: u64,
        purpose: Purpose,
    ) -> Self {
        let batch = settings.batch;
        if let Some(switch) = settings.switch.filter(|s| step >= s.at_step) {
            return match law.data.source {
                SampleSource::Online => Self::fresh(
                    law,
                    Words::new(seed, Purpose::FixedBatch, switch.at_step),
                    switch.samples,
                ),
                SampleSource::Finite { .. } => Self::of_set(law, seed, 0..switch.samples as u64),
            };
        }
        match law.data.source {
            SampleSource::Online => Self::fresh(law, Words::new(seed, purpose, step), batch),
            SampleSource::Finite {
                samples,
                replacement,
            } if replacement || purpose == Purpose::Ascent => {
                let words = Words::new(seed, purpose, step);
                let index = |i| (u64::from(words.word(i)) * samples as u64) >> 32;
                Self::of_set(law, seed, (0..batch).map(index))
            }
            SampleSource::Finite { samples, .. } => {
                let first = u128::from(step) * batch as u128;
                let index = |i: usize| {
                    let at = first + i as u128;
                    let epoch = (at / samples as u128) as u64;
                    u64::from(shuffled(seed, epoch, samples)[(at % samples as u128) as usize])
                };
                Self::of_set(law, seed, (0..batch).map(index))
            }
        }
    }

    fn fresh(law: &Law, words: Words, batch: usize) -> Self {
        if law.sufficient() {
            return Self::sufficient(law, words, batch);
        }
        let per_sample = 4 * law.blocks_per_sample();
        let columns: Vec<_> = (0..batch)
            .map(|i| sample(law, words, i * per_sample))
            .collect();
        Self::of_columns(law, &columns)
    }

    fn of_set(law: &Law, seed: u64, indices: impl Iterator<Item = u64>) -> Self {
        let columns: Vec<_> = indices
            .map(|i| sample(law, Words::new(seed, Purpose::DataSet, i), 0))
            .collect();
        Self::of_columns(law, &columns)
    }

    fn of_columns(law: &Law, columns: &[(Mat<f64>, Mat<f64>)]) -> Self {
        let scale = 1.0 / (columns.len() as f64).sqrt();
        Self {
            inputs: Mat::from_fn(law.inputs, columns.len(), |r, i| {
                scale * columns[i].0[(r, 0)]
            }),
            noise: Mat::from_fn(law.outputs, columns.len(), |r, i| {
                scale * columns[i].1[(r, 0)]
            }),
        }
    }

    fn sufficient(law: &Law, words: Words, batch: usize) -> Self {
        let layout = law.layout(batch);
        let m = layout.columns;
        let mut next = 0;
        let mut normal = || {
            next += 1;
            words.normal(0, next - 1)
        };
        let mut a = Mat::<f64>::zeros(law.inputs, m);
        for c in 0..m {
            for r in c + 1..law.inputs {
                a[(r, c)] = normal();
            }
        }
        let mut z = Mat::<f64>::zeros(law.outputs, m);
        for c in 0..m {
            for r in 0..law.outputs {
                z[(r, c)] = normal();
            }
        }
        let mut word = layout.chi_words;
        for c in 0..m {
            let degrees = batch - c;
            let chi_square = if degrees <= FEW_DEGREES {
                let few = chi_square_words(degrees);
                let product: f64 = (word..word + few).map(|w| words.uniform(w)).product();
                word += few;
                let odd = if degrees % 2 == 1 { normal() } else { 0.0 };
                -2.0 * product.ln() + odd * odd
            } else {
                words.chi_square(degrees, c)
            };
            a[(c, c)] = chi_square.sqrt();
        }
        let scale = faer::Scale(1.0 / (batch as f64).sqrt());
        Self {
            inputs: scale * (&law.input_factor * a),
            noise: scale * (&law.noise_factor * z),
        }
    }
}

/// The sample (x, ε) whose words start at `base`.
fn sample(law: &Law, words: Words, base: usize) -> (Mat<f64>, Mat<f64>) {
    let z = Mat::from_fn(law.inputs, 1, |r, _| words.normal(base, r));
    let noise = base + 4 * law.noise_block();
    let whitened = Mat::from_fn(law.outputs, 1, |r, _| match law.data.noise {
        NoiseLaw::Gaussian => words.normal(base, law.inputs + r),
        NoiseLaw::Laplace => {
            let word = words.word(noise + r);
            let magnitude = -((f64::from(word >> 1) + 0.5) * 2.0 * WORD).ln() / SQRT_2;
            if word & 1 == 1 { -magnitude } else { magnitude }
        }
        NoiseLaw::Uniform => (words.uniform(noise + r) - 0.5) * 12f64.sqrt(),
        NoiseLaw::StudentT { degrees } => {
            let at = noise + 4 * r;
            let u = (f64::from(words.word(at)) + words.uniform(at + 1)) * WORD;
            let squared = degrees * (-2.0 / degrees * u.ln()).exp_m1();
            let unit_variance = ((degrees - 2.0) / degrees).sqrt();
            squared.sqrt() * words.circle(at + 2).0 * unit_variance
        }
    });
    let c = law.data.heteroscedasticity;
    let variance = 1.0 - c + c * z.squared_norm_l2() / law.inputs as f64;
    let noise = faer::Scale(variance.sqrt()) * (&law.noise_factor * whitened);
    (&law.input_factor * z, noise)
}

/// The order of the data set in `epoch`, by Fisher and Yates.
fn shuffled(seed: u64, epoch: u64, samples: usize) -> Vec<u32> {
    let words = Words::new(seed, Purpose::Shuffle, epoch);
    let mut order: Vec<u32> = (0..samples as u32).collect();
    for i in (1..samples).rev() {
        let j = (u64::from(words.word(i)) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
    order
}

/// One update of `weights` (and `velocity`) with the minibatch of `step`.
pub(super) fn step(
    law: &Law,
    settings: &SimulateSettings,
    seed: u64,
    step: u64,
    weights: &mut [Mat<f64>],
    velocity: &mut [Mat<f64>],
) {
    let recipe = &settings.recipe;
    let at = |weights: &[Mat<f64>], purpose| {
        let batch = Batch::at(law, settings, seed, step, purpose);
        if settings.is_perturbed() {
            changed_gradients(
                law,
                weights,
                &batch,
                Words::new(seed, Purpose::Changes, step),
            )
        } else {
            gradients(law, weights, &batch)
        }
    };
    let mut from = weights.to_vec();
    if let Some(sam) = recipe.sam {
        let own = if sam.independent {
            Purpose::Ascent
        } else {
            Purpose::Batches
        };
        let up = at(weights, own);
        let norm = up.iter().map(Mat::squared_norm_l2).sum::<f64>().sqrt();
        let length = if sam.normalised {
            sam.radius / norm
        } else {
            sam.radius
        };
        for (from, up) in from.iter_mut().zip(&up) {
            *from += faer::Scale(length) * up;
        }
    }
    for (k, gradient) in at(&from, Purpose::Batches).into_iter().enumerate() {
        let gradient = gradient + faer::Scale(recipe.weight_decay) * &weights[k];
        let direction = if recipe.momentum == 0.0 {
            gradient
        } else {
            velocity[k] = faer::Scale(recipe.momentum) * &velocity[k] + gradient;
            velocity[k].clone()
        };
        weights[k] -= faer::Scale(settings.learning_rate) * direction;
    }
}

/// The mean over the samples of the gradient of ½‖f(x̃) − ỹ‖², with noise on x and y and units left out.
fn changed_gradients(
    law: &Law,
    weights: &[Mat<f64>],
    batch: &Batch,
    words: Words,
) -> Vec<Mat<f64>> {
    let depth = weights.len();
    let samples = batch.inputs.ncols();
    let widths: Vec<usize> = weights.iter().map(Mat::ncols).collect();
    let odds = |k: usize| {
        if k == 0 {
            law.input_dropout
        } else {
            law.hidden_dropout
        }
    };
    let size = |factor: &Option<Mat<f64>>| factor.as_ref().map_or(0, Mat::ncols);
    let normals = size(&law.input_noise_factor) + size(&law.added_noise_factor);
    let normal_words = 2 * normals.div_ceil(2);
    let masked = (0..depth)
        .filter(|&k| odds(k) > 0.0)
        .map(|k| widths[k])
        .sum::<usize>();
    let per_sample = 4 * (normal_words + masked).div_ceil(4);
    let unscaled = (samples as f64).sqrt();
    let mut sum: Vec<Mat<f64>> = weights
        .iter()
        .map(|w| Mat::zeros(w.nrows(), w.ncols()))
        .collect();
    for i in 0..samples {
        let base = i * per_sample;
        let column =
            |from: &Mat<f64>| Mat::from_fn(from.nrows(), 1, |r, _| unscaled * from[(r, i)]);
        let mut x = column(&batch.inputs);
        let mut y = &law.teacher * &x + column(&batch.noise);
        let mut next = 0;
        let mut noise = |factor: &Mat<f64>| {
            let z = Mat::from_fn(factor.ncols(), 1, |r, _| words.normal(base, next + r));
            next += factor.ncols();
            factor * z
        };
        if let Some(factor) = &law.input_noise_factor {
            x += noise(factor);
        }
        if let Some(factor) = &law.added_noise_factor {
            y += noise(factor);
        }
        let mut word = base + normal_words;
        let masks: Vec<Vec<f64>> = (0..depth)
            .map(|k| {
                let p = odds(k);
                if p == 0.0 {
                    return vec![1.0; widths[k]];
                }
                let masks = (0..widths[k]).map(|j| {
                    if words.uniform(word + j) < p {
                        0.0
                    } else {
                        1.0 / (1.0 - p)
                    }
                });
                let masks = masks.collect();
                word += widths[k];
                masks
            })
            .collect();
        let kept =
            |h: Mat<f64>, k: usize| Mat::from_fn(h.nrows(), 1, |r, _| masks[k][r] * h[(r, 0)]);
        let mut units = vec![kept(x, 0)];
        for k in 0..depth {
            let h = &weights[k] * &units[k];
            units.push(if k + 1 < depth { kept(h, k + 1) } else { h });
        }
        let mut delta = &units[depth] - y;
        for k in (0..depth).rev() {
            sum[k] += faer::Scale(1.0 / samples as f64) * (&delta * units[k].transpose());
            delta = kept(weights[k].transpose() * delta, k);
        }
    }
    sum
}

/// ∇_{W_k} = A_kᵀ G B_kᵀ for every k, with G = ((W_D … W_1 − V) T − N) Tᵀ.
pub(super) fn gradients(law: &Law, weights: &[Mat<f64>], batch: &Batch) -> Vec<Mat<f64>> {
    let depth = weights.len();
    let product = |from: usize, to: usize, size: usize| {
        (from..to).fold(Mat::<f64>::identity(size, size), |p, k| &weights[k] * p)
    };
    let error = product(0, depth, law.inputs) - &law.teacher;
    let g = (error * &batch.inputs - &batch.noise) * batch.inputs.transpose();
    (0..depth)
        .map(|k| {
            let above = product(k + 1, depth, weights[k].nrows());
            let below = product(0, k, law.inputs);
            above.transpose() * &g * below.transpose()
        })
        .collect()
}
