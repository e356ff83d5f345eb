//! The slow flow of modes, each a chain of D numbers that meets the others in traces alone.
//!
//! With b_k = s (w_1…w_{k−1})² and a_k = n (w_{k+1}…w_D)² of one mode, and h_k and g_k their sums over all modes, F = Σ_k g_k h_k. Where all axes are shared,
//! the flow by symmetric generators, the gradient flow of Φ = `noise` F/4 + `decay` ½ Σ w² within the minima, and SGD's own drift are one. With ℓ = ln |w|
//!
//! dℓ_k/du = (Λ − φ_k)/w_k²,  φ_k = ∂Φ/∂ℓ_k = ½ `noise` (Σ_{m>k} g_m b_m + Σ_{m<k} h_m a_m) + `decay` w_k²,
//!
//! with Λ such that Σ_k ℓ_k = ln |v| stays; Λ = 0 in a mode with a weight 0, and so v = 0. (In a diagonal network the generators' equations say that
//! w_k² dℓ_k/du − w_{k+1}² dℓ_{k+1}/du = ½ R_k.) The Jacobian is a block of D × D for each mode, and a matrix of rank 2(D − 2) made by the traces g_2 … g_{D−1} and
//! h_2 … h_{D−1}; h_1 and g_D do not change. Woodbury's formula solves with it.

use faer::{Mat, MatMut, Scale};

use super::axes::Axes;
use crate::flow::{
    FlowError,
    lu::Lu,
    rosenbrock::{Linear, Shifted, System},
};
use crate::recipe::Forces;

/// The flow of one network's modes. Its state is ℓ, mode by mode; where w = 0 it is 0, and stays.
pub(super) struct ModeFlow {
    depth: usize,
    forces: Forces,
    inputs: Vec<f64>,
    noises: Vec<f64>,
    /// 1 for a mode that reaches the outputs, else 0.
    reaches: Vec<f64>,
    /// The signs of the weights; 0 where there is none.
    signs: Vec<f64>,
    /// Σ_k ℓ_k of each mode without a zero.
    totals: Vec<Option<f64>>,
}

/// ℓ is taken for no less than this: so small a weight says nothing any more, and its square is still a number.
const LEAST: f64 = -150.0;

/// What holds of all modes at one point, numbered as the state is.
struct Moments {
    /// w².
    squares: Vec<f64>,
    below: Vec<f64>,
    above: Vec<f64>,
    /// h_k and g_k.
    inputs: Vec<f64>,
    outputs: Vec<f64>,
}

/// What holds of one mode there.
struct Mode<'a> {
    below: &'a [f64],
    above: &'a [f64],
    /// 1/w², or 0 where w = 0.
    inverse: Vec<f64>,
    /// `noise` Σ_{m>k} g_m b_m and `noise` Σ_{m<k} h_m a_m.
    later: Vec<f64>,
    earlier: Vec<f64>,
    /// dℓ/du.
    rate: Vec<f64>,
    /// 1/Σ_k w_k⁻², or 0 for a mode with a zero.
    tie: f64,
}

impl ModeFlow {
    /// The flow, with the state at which it begins.
    pub(super) fn new(axes: &Axes, forces: Forces) -> (Self, Vec<f64>) {
        let depth = axes.depth();
        let logarithm = |w: &f64| if *w == 0.0 { 0.0 } else { w.abs().ln() };
        let state: Vec<f64> = axes.weights.iter().map(logarithm).collect();
        let modes = axes.weights.chunks(depth).zip(state.chunks(depth));
        let totals = modes.map(|(w, logs)| (!w.contains(&0.0)).then(|| logs.iter().sum()));
        let sign = |w: &f64| if *w == 0.0 { 0.0 } else { w.signum() };
        let flow = Self {
            depth,
            forces,
            inputs: axes.inputs.clone(),
            noises: axes.noises.clone(),
            reaches: axes.reaches.clone(),
            signs: axes.weights.iter().map(sign).collect(),
            totals: totals.collect(),
        };
        (flow, state)
    }

    /// w.
    pub(super) fn weights(&self, state: &[f64]) -> Vec<f64> {
        let signed = state.iter().zip(&self.signs);
        signed.map(|(log, sign)| sign * log.exp()).collect()
    }

    /// T, F and λ_max: K has the eigenvalue Σ_k a_k b_k, with n = 1, for each output's a and each input's b.
    pub(super) fn measured(&self, state: &[f64]) -> [f64; 3] {
        let (plain, felt) = (
            self.moments(state, &self.reaches),
            self.moments(state, &self.noises),
        );
        let (below, above) = (&plain.below, &plain.above);
        let largest = above.chunks(self.depth).map(|above| {
            let each = below.chunks(self.depth).map(|below| dot(above, below));
            each.fold(0.0, f64::max)
        });
        [
            dot(&plain.inputs, &plain.outputs),
            dot(&felt.inputs, &felt.outputs),
            largest.fold(0.0, f64::max),
        ]
    }

    fn moments(&self, state: &[f64], noises: &[f64]) -> Moments {
        let depth = self.depth;
        let square = |(log, sign): (&f64, &f64)| sign.abs() * (2.0 * log.max(LEAST)).exp();
        let squares: Vec<f64> = state.iter().zip(&self.signs).map(square).collect();
        let (mut below, mut above) = (vec![0.0; state.len()], vec![0.0; state.len()]);
        let (mut inputs, mut outputs) = (vec![0.0; depth], vec![0.0; depth]);
        for (i, squares) in squares.chunks(depth).enumerate() {
            let (mut b, mut a) = (self.inputs[i], noises[i]);
            for k in 0..depth {
                below[i * depth + k] = b;
                inputs[k] += b;
                b *= squares[k];
            }
            for k in (0..depth).rev() {
                above[i * depth + k] = a;
                outputs[k] += a;
                a *= squares[k];
            }
        }
        Moments {
            squares,
            below,
            above,
            inputs,
            outputs,
        }
    }

    fn mode<'a>(&self, at: &'a Moments, i: usize) -> Mode<'a> {
        let (depth, Forces { noise, decay, .. }) = (self.depth, self.forces);
        let range = i * depth..(i + 1) * depth;
        let squares = &at.squares[range.clone()];
        let (below, above) = (&at.below[range.clone()], &at.above[range]);
        let (mut later, mut earlier) = (vec![0.0; depth], vec![0.0; depth]);
        for k in 1..depth {
            earlier[k] = earlier[k - 1] + noise * at.inputs[k - 1] * above[k - 1];
            let m = depth - k;
            later[m - 1] = later[m] + noise * at.outputs[m] * below[m];
        }
        let reciprocal = |w: &f64| if *w == 0.0 { 0.0 } else { 1.0 / w };
        let inverse: Vec<f64> = squares.iter().map(reciprocal).collect();
        let tie = match self.totals[i] {
            Some(_) => 1.0 / inverse.iter().sum::<f64>(),
            None => 0.0,
        };
        let mut rate: Vec<f64> = (0..depth)
            .map(|k| 0.5 * (later[k] + earlier[k]) + decay * squares[k])
            .collect();
        tied(&mut rate, &inverse, tie);
        Mode {
            below,
            above,
            inverse,
            later,
            earlier,
            rate,
            tie,
        }
    }

    fn modes(&self) -> usize {
        self.inputs.len()
    }

    /// Which traces change: g_2 … g_{D−1}, then h_2 … h_{D−1}.
    fn traces(&self) -> usize {
        2 * self.depth.saturating_sub(2)
    }
}

/// (Λ − φ_k)/w_k², φ given, with Λ = Σ_k φ_k w_k⁻² · `tie`.
fn tied(push: &mut [f64], inverse: &[f64], tie: f64) {
    let multiplier = tie * dot(push, inverse);
    for (push, inverse) in push.iter_mut().zip(inverse) {
        *push = (multiplier - *push) * inverse;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The Jacobian: ∂(dℓ/du)/∂ℓ at fixed traces, plus (∂(dℓ/du)/∂t)(∂t/∂ℓ)ᵀ for each trace t.
pub(super) struct ModeLinear {
    blocks: Vec<Mat<f64>>,
    /// ∂(dℓ/du)/∂t, one column for each trace.
    felt: Mat<f64>,
    /// ∂t/∂ℓ.
    made: Mat<f64>,
}

/// σ − J, factored.
pub(super) struct ModeShifted<'a> {
    linear: &'a ModeLinear,
    blocks: Vec<Lu>,
    /// (σ − blocks)⁻¹ times `felt`.
    spread: Mat<f64>,
    /// 1 − `made`ᵀ `spread`.
    capacitance: Lu,
}

impl System for ModeFlow {
    type Linear<'a> = ModeLinear;

    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let at = self.moments(state, &self.noises);
        for (i, out) in out.chunks_mut(self.depth).enumerate() {
            out.copy_from_slice(&self.mode(&at, i).rate);
        }
        Ok(())
    }

    fn linearise(&self, state: &[f64]) -> Result<ModeLinear, FlowError> {
        let (depth, Forces { noise, decay, .. }) = (self.depth, self.forces);
        let at = self.moments(state, &self.noises);
        let (size, half) = (state.len(), self.traces() / 2);
        let (mut felt, mut made) = (Mat::zeros(size, 2 * half), Mat::zeros(size, 2 * half));
        let mut blocks = Vec::with_capacity(self.modes());
        for i in 0..self.modes() {
            let mode = self.mode(&at, i);
            let mut block = Mat::zeros(depth, depth);
            for j in 0..depth {
                // ∂φ_k/∂ℓ_j, and then ∂/∂ℓ_j of (Λ − φ_k)/w_k², of which w_j⁻² is a part.
                let column = block.col_as_slice_mut(j);
                for (k, entry) in column.iter_mut().enumerate() {
                    *entry = mode.later[k.max(j)] + mode.earlier[k.min(j)];
                }
                column[j] += 2.0 * decay * at.squares[i * depth + j];
                tied(column, &mode.inverse, mode.tie);
                let pulled = 2.0 * mode.rate[j] * mode.tie;
                for (entry, inverse) in column.iter_mut().zip(&mode.inverse) {
                    *entry += pulled * inverse;
                }
                column[j] -= 2.0 * mode.rate[j];
            }
            blocks.push(block);
            let rows = i * depth..(i + 1) * depth;
            for m in 1..depth.saturating_sub(1) {
                let (output, input) = (m - 1, half + m - 1);
                let push = &mut felt.col_as_slice_mut(output)[rows.clone()];
                push[..m].fill(0.5 * noise * mode.below[m]);
                tied(push, &mode.inverse, mode.tie);
                let push = &mut felt.col_as_slice_mut(input)[rows.clone()];
                push[m + 1..].fill(0.5 * noise * mode.above[m]);
                tied(push, &mode.inverse, mode.tie);
                made.col_as_slice_mut(output)[rows.clone()][m + 1..].fill(2.0 * mode.above[m]);
                made.col_as_slice_mut(input)[rows.clone()][..m].fill(2.0 * mode.below[m]);
            }
        }
        Ok(ModeLinear { blocks, felt, made })
    }

    fn relative_error(&self, error: &[f64], state: &[f64]) -> f64 {
        let mut sizes = vec![[0.0; 2]; self.depth];
        for (i, (log, error)) in state.iter().zip(error).enumerate() {
            let square = self.signs[i].abs() * (2.0 * log).exp();
            let [change, size] = &mut sizes[i % self.depth];
            *change += square * error * error;
            *size += square;
        }
        let ratio = |[change, size]: [f64; 2]| (change / size.max(1e-300)).sqrt();
        let worse = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        sizes.into_iter().map(ratio).fold(0.0, worse)
    }

    /// Only rounding moves Σ_k ℓ_k.
    fn settle(&self, state: &mut [f64]) -> Result<(), FlowError> {
        for (logs, total) in state.chunks_mut(self.depth).zip(&self.totals) {
            if let Some(total) = total {
                let missing = (total - logs.iter().sum::<f64>()) / self.depth as f64;
                logs.iter_mut().for_each(|log| *log += missing);
            }
        }
        Ok(())
    }
}

impl Linear for ModeLinear {
    type Shifted<'a> = ModeShifted<'a>;

    fn shifted(&self, shift: f64) -> Result<ModeShifted<'_>, FlowError> {
        let factored = |block: &Mat<f64>| {
            let mut matrix = -block;
            matrix
                .diagonal_mut()
                .column_vector_mut()
                .iter_mut()
                .for_each(|entry| *entry += shift);
            Lu::new(matrix)
        };
        let blocks: Vec<Lu> = self.blocks.iter().map(factored).collect();
        let mut spread = self.felt.clone();
        for j in 0..spread.ncols() {
            solve_blocks(&blocks, spread.col_as_slice_mut(j));
        }
        let mut capacitance = Mat::identity(spread.ncols(), spread.ncols());
        capacitance -= self.made.transpose() * &spread;
        Ok(ModeShifted {
            linear: self,
            blocks,
            spread,
            capacitance: Lu::new(capacitance),
        })
    }
}

impl Shifted for ModeShifted<'_> {
    fn solve_in_place(&self, b: &mut [f64]) {
        solve_blocks(&self.blocks, b);
        let size = b.len();
        let mut b = MatMut::from_column_major_slice_mut(b, size, 1);
        let made = self.linear.made.transpose() * &b;
        let mut traces = made.col_as_slice(0).to_vec();
        self.capacitance.solve_in_place(&mut traces);
        for (j, trace) in traces.iter().enumerate() {
            b += Scale(*trace) * self.spread.subcols(j, 1);
        }
    }
}

fn solve_blocks(blocks: &[Lu], b: &mut [f64]) {
    let depth = b.len() / blocks.len();
    for (block, b) in blocks.iter().zip(b.chunks_mut(depth)) {
        block.solve_in_place(b);
    }
}
