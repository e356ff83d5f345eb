//! The network at several weights at once, one in each lane: partial products, lifts, and what one step of SGD
//! does on average.
//!
//! Matrices lie column by column. Layers count from 0, so `above[k]` is A_{k+1} and `below[k]` is B_{k+1}X.

use super::small::{View, add_product, dot, multiply};
use crate::{lanes::Lanes, problem::Problem};
use faer::MatRef;

/// One problem at one batch size, in the form that lanes are filled from.
pub(super) struct Network {
    /// h_0 … h_D.
    widths: Vec<usize>,
    /// X, d_x × rank Σx.
    root: Vec<f64>,
    /// V X, d_y × rank Σx.
    target: Vec<f64>,
    /// Σε, d_y × d_y.
    noise: Vec<f64>,
    /// B.
    pub(super) batch: f64,
    /// d_y.
    pub(super) outputs: usize,
    /// rank Σx.
    pub(super) inputs: usize,
}

impl Network {
    pub(super) fn new(problem: &Problem, batch: usize) -> Self {
        let root = problem.input_factor().matrix();
        let target = problem.teacher() * root;
        let flat = |m: MatRef<'_, f64>| {
            let columns = (0..m.ncols()).flat_map(move |j| (0..m.nrows()).map(move |i| (i, j)));
            columns.map(|(i, j)| m[(i, j)]).collect()
        };
        Self {
            widths: problem.widths().to_vec(),
            root: flat(root),
            target: flat(target.as_ref()),
            noise: flat(problem.noise_covariance()),
            batch: batch as f64,
            outputs: problem.output_dim(),
            inputs: root.ncols(),
        }
    }

    /// D.
    pub(super) fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// n = d_y rank Σx: the size of K.
    pub(super) fn size(&self) -> usize {
        self.outputs * self.inputs
    }

    /// Whether VX has a lower rank than its shape allows, so that in the end no weights are left to hold the product in some directions:
    /// a singular value below 10⁻⁴ of the largest.
    pub(super) fn lacks_rank(&self) -> bool {
        let target = MatRef::from_column_major_slice(&self.target, self.outputs, self.inputs);
        let values = target.singular_values().unwrap_or_default();
        let ends = values.first().zip(values.last());
        ends.is_some_and(|(largest, smallest)| *smallest < 1e-4 * largest)
    }

    /// h_{k+1}, the width above layer `k`.
    pub(super) fn width(&self, k: usize) -> usize {
        self.widths[k + 1]
    }
}

/// Workspace for one point in each lane.
pub(super) struct Lane<'a, V> {
    net: &'a Network,
    /// W_1 … W_D.
    layers: Vec<Vec<V>>,
    /// A_k.
    above: Vec<Vec<V>>,
    /// B_kX, and the product of all layers.
    below: Vec<Vec<V>>,
    /// A_kᵀ Z on the way down from the last layer.
    pulled: Vec<Vec<V>>,
    /// The slope of a step of the exponential.
    slope: Vec<Vec<V>>,
    /// The sum of slopes.
    sum: Vec<Vec<V>>,
    noise: Vec<V>,
    /// (W_D…W_1 − V)X.
    pub(super) error: Vec<V>,
    /// A_kA_kᵀ.
    output: Vec<Vec<V>>,
    /// (B_kX)ᵀB_kX.
    input: Vec<Vec<V>>,
    /// ⟨ΓᵀA_kA_kᵀΓ⟩.
    from_output: Vec<Vec<V>>,
    /// ⟨Γ (B_kX)ᵀB_kX Γᵀ⟩.
    from_input: Vec<Vec<V>>,
    spare: [Vec<V>; 3],
}

impl<'a, V: Lanes> Lane<'a, V> {
    #[inline(always)]
    pub(super) fn new(net: &'a Network) -> Self {
        let zero = |size: usize| vec![V::splat(0.0); size];
        let each =
            |size: &dyn Fn(usize) -> usize| (0..net.depth()).map(|k| zero(size(k))).collect();
        let weights = |k: usize| net.widths[k] * net.widths[k + 1];
        let (outputs, inputs) = (net.outputs, net.inputs);
        let mut above: Vec<Vec<V>> = each(&|k| outputs * net.widths[k + 1]);
        for i in 0..outputs {
            above[net.depth() - 1][i * (outputs + 1)] = V::splat(1.0);
        }
        let splat = |entries: &[f64]| entries.iter().map(|x| V::splat(*x)).collect::<Vec<V>>();
        let mut below = vec![splat(&net.root)];
        below.extend((0..net.depth()).map(|k| zero(net.widths[k + 1] * inputs)));
        let widest = net.widths.iter().copied().max().unwrap_or(1).max(inputs);
        Self {
            net,
            layers: each(&weights),
            above,
            below,
            pulled: each(&|k| net.widths[k + 1] * inputs),
            slope: each(&weights),
            sum: each(&weights),
            noise: splat(&net.noise),
            error: zero(outputs * inputs),
            output: each(&|_| outputs * outputs),
            input: each(&|_| inputs * inputs),
            from_output: each(&|_| inputs * inputs),
            from_input: each(&|_| outputs * outputs),
            spare: [(); 3].map(|()| zero(widest * widest)),
        }
    }

    /// W_{k+1}.
    pub(super) fn layer(&self, k: usize) -> &[V] {
        &self.layers[k]
    }

    /// B_1X … B_DX and the product of all layers.
    #[inline(always)]
    fn ascend(&mut self) {
        for (k, layer) in self.layers.iter().enumerate() {
            let (high, low) = (self.net.widths[k + 1], self.net.widths[k]);
            let (lower, upper) = self.below.split_at_mut(k + 1);
            let input = View::new(&lower[k], low, self.net.inputs);
            multiply(View::new(layer, high, low), input, &mut upper[0]);
        }
    }

    /// slope ← h_Z: A_kᵀ Z (B_kX)ᵀ in each layer.
    #[inline(always)]
    fn lift(&mut self, z: &[V]) {
        let net = self.net;
        self.ascend();
        self.pulled[net.depth() - 1].copy_from_slice(z);
        for k in (0..net.depth()).rev() {
            let (high, low) = (net.widths[k + 1], net.widths[k]);
            let (lower, upper) = self.pulled.split_at_mut(k);
            let pulled = View::new(&upper[0], high, net.inputs);
            let input = View::new(&self.below[k], low, net.inputs);
            multiply(pulled, input.t(), &mut self.slope[k]);
            if let Some(next) = lower.last_mut() {
                multiply(View::new(&self.layers[k], high, low).t(), pulled, next);
            }
        }
    }

    /// [`exponential`](Self::exponential) at the nodes `p` and after of `nodes`, component i of which begins at i·column; `z` is room for them.
    #[inline(always)]
    pub(super) fn reach(&mut self, base: &[f64], nodes: &[f64], p: usize, z: &mut [V]) {
        let column = nodes.len() / z.len();
        for (i, z) in z.iter_mut().enumerate() {
            *z = V::load(&nodes[i * column + p..]);
        }
        self.exponential(base, z);
    }

    /// The weights W = Exp_Y(Z), where dW/ds = h_Z(W) takes them in a time of 1 from Y = `base`; by one step of
    /// the classical Runge–Kutta method. Then all that follows from them.
    #[inline(always)]
    pub(super) fn exponential(&mut self, base: &[f64], z: &[V]) {
        let mut at = 0;
        for (layer, sum) in self.layers.iter_mut().zip(&mut self.sum) {
            for (w, sum) in layer.iter_mut().zip(sum) {
                *w = V::splat(base[at]);
                *sum = *w;
                at += 1;
            }
        }
        // After each slope: how far from Y along it the next is taken, and its share in the mean.
        for (reach, share) in [
            (0.5, 1.0 / 6.0),
            (0.5, 1.0 / 3.0),
            (1.0, 1.0 / 3.0),
            (0.0, 1.0 / 6.0),
        ] {
            self.lift(z);
            let (reach, share) = (V::splat(reach), V::splat(share));
            let mut at = 0;
            for ((layer, sum), slope) in self.layers.iter_mut().zip(&mut self.sum).zip(&self.slope)
            {
                for ((w, sum), slope) in layer.iter_mut().zip(sum).zip(slope) {
                    *sum = slope.mul_add(share, *sum);
                    *w = slope.mul_add(reach, V::splat(base[at]));
                    at += 1;
                }
            }
        }
        std::mem::swap(&mut self.layers, &mut self.sum);
        self.arrive();
    }

    /// The chain, the error, and what a minibatch does there.
    #[inline(always)]
    fn arrive(&mut self) {
        let net = self.net;
        let (depth, outputs, inputs) = (net.depth(), net.outputs, net.inputs);
        self.ascend();
        for k in (0..depth - 1).rev() {
            let (high, low) = (net.widths[k + 2], net.widths[k + 1]);
            let (lower, upper) = self.above.split_at_mut(k + 1);
            let above = View::new(&upper[0], outputs, high);
            multiply(
                above,
                View::new(&self.layers[k + 1], high, low),
                &mut lower[k],
            );
        }
        for (i, error) in self.error.iter_mut().enumerate() {
            *error = self.below[depth][i].sub(V::splat(net.target[i]));
        }
        // S = EEᵀ + Σε, of B times the covariance of a column of Γ.
        let [sum, wide, _] = &mut self.spare;
        let error = View::new(&self.error, outputs, inputs);
        sum[..outputs * outputs].copy_from_slice(&self.noise);
        add_product(error, error.t(), &mut sum[..outputs * outputs]);
        let share = V::splat(1.0 / net.batch);
        let whole = V::splat(1.0 + 1.0 / net.batch);
        for k in 0..depth {
            let above = View::new(&self.above[k], outputs, net.widths[k + 1]);
            let below = View::new(&self.below[k], net.widths[k], inputs);
            multiply(above, above.t(), &mut self.output[k]);
            multiply(below.t(), below, &mut self.input[k]);
            let output = View::new(&self.output[k], outputs, outputs);
            let input = View::new(&self.input[k], inputs, inputs);

            let out = &mut self.from_output[k];
            multiply(output, error, &mut wide[..outputs * inputs]);
            multiply(error.t(), View::new(wide, outputs, inputs), out);
            let felt = dot(&self.output[k], &sum[..outputs * outputs]).mul(share);
            for (i, entry) in out.iter_mut().enumerate() {
                *entry = entry.mul(whole);
                if i % (inputs + 1) == 0 {
                    *entry = entry.add(felt);
                }
            }

            let out = &mut self.from_input[k];
            multiply(error, input, &mut wide[..outputs * inputs]);
            multiply(View::new(wide, outputs, inputs), error.t(), out);
            let mut power = V::splat(0.0);
            for i in 0..inputs {
                power = power.add(self.input[k][i * (inputs + 1)]);
            }
            let power = power.mul(share);
            for (entry, sum) in out.iter_mut().zip(sum.iter()) {
                *entry = sum.mul_add(power, entry.mul(whole));
            }
        }
    }

    /// K = Σ_k (B_kX)ᵀ(B_kX) ⊗ A_kA_kᵀ.
    #[inline(always)]
    pub(super) fn curvature(&self, k: &mut [V]) {
        let (outputs, inputs) = (self.net.outputs, self.net.inputs);
        let n = outputs * inputs;
        k.fill(V::splat(0.0));
        for (output, input) in self.output.iter().zip(&self.input) {
            for d in 0..inputs {
                for c in 0..outputs {
                    let column = &mut k[(d * outputs + c) * n..][..n];
                    for b in 0..inputs {
                        let factor = input[d * inputs + b];
                        for a in 0..outputs {
                            let entry = &mut column[b * outputs + a];
                            *entry = output[c * outputs + a].mul_add(factor, *entry);
                        }
                    }
                }
            }
        }
    }

    /// J[⟨Dh_Γ[h_Γ]⟩], which bends one step of SGD against the flow of its gradient.
    ///
    /// With Φ_jk = A_k (W_{j−1}…W_{k+1})ᵀ B_jX it is Σ_{k<j} Φ_jk ⟨ΓᵀA_jA_jᵀΓ⟩ (B_kX)ᵀB_kX + A_jA_jᵀ ⟨Γ(B_kX)ᵀB_kXΓᵀ⟩ Φ_jk.
    #[inline(always)]
    pub(super) fn second_order(&mut self, out: &mut [V]) {
        let net = self.net;
        let (outputs, inputs) = (net.outputs, net.inputs);
        out.fill(V::splat(0.0));
        let [carried, next, bent] = &mut self.spare;
        for j in 1..net.depth() {
            carried[..net.widths[j] * inputs].copy_from_slice(&self.below[j]);
            for k in (0..j).rev() {
                if k + 1 < j {
                    let (high, low) = (net.widths[k + 2], net.widths[k + 1]);
                    let layer = View::new(&self.layers[k + 1], high, low);
                    multiply(
                        layer.t(),
                        View::new(carried, high, inputs),
                        &mut next[..low * inputs],
                    );
                    std::mem::swap(carried, next);
                }
                let width = net.widths[k + 1];
                let above = View::new(&self.above[k], outputs, width);
                let size = outputs * inputs;
                multiply(above, View::new(carried, width, inputs), &mut bent[..size]);
                let bent = View::new(bent, outputs, inputs);

                let left = View::new(&self.from_output[j], inputs, inputs);
                multiply(bent, left, &mut next[..size]);
                let input = View::new(&self.input[k], inputs, inputs);
                add_product(View::new(next, outputs, inputs), input, out);

                let right = View::new(&self.from_input[k], outputs, outputs);
                multiply(right, bent, &mut next[..size]);
                let output = View::new(&self.output[j], outputs, outputs);
                add_product(output, View::new(next, outputs, inputs), out);
            }
        }
    }

    /// ⟨ΓΓᵀ⟩ of one minibatch at these weights, n × n.
    #[inline(always)]
    pub(super) fn second_moment(&self, out: &mut [V]) {
        let (outputs, inputs) = (self.net.outputs, self.net.inputs);
        let share = V::splat(1.0 / self.net.batch);
        let e = |a: usize, b: usize| self.error[b * outputs + a];
        for d in 0..inputs {
            for c in 0..outputs {
                for b in 0..inputs {
                    for a in 0..outputs {
                        // (1/B)[(EEᵀ + Σε)_ac δ_bd + E_ad E_cb] + E_ab E_cd.
                        let mut entry = e(a, d).mul(e(c, b));
                        if b == d {
                            entry = entry.add(self.noise[c * outputs + a]);
                            for i in 0..inputs {
                                entry = e(a, i).mul_add(e(c, i), entry);
                            }
                        }
                        let index = (d * outputs + c) * outputs * inputs + b * outputs + a;
                        out[index] = entry.mul_add(share, e(a, b).mul(e(c, d)));
                    }
                }
            }
        }
    }

    /// T = Σ_k ‖A_k‖² ‖B_kX‖² and F = Σ_k tr(A_kᵀΣεA_k) ‖B_kX‖².
    #[inline(always)]
    pub(super) fn functionals(&self) -> (V, V) {
        let (outputs, inputs) = (self.net.outputs, self.net.inputs);
        let (mut sharpness, mut fluctuation) = (V::splat(0.0), V::splat(0.0));
        for (output, input) in self.output.iter().zip(&self.input) {
            let trace =
                |m: &[V], n: usize| (0..n).fold(V::splat(0.0), |sum, i| sum.add(m[i * (n + 1)]));
            let power = trace(input, inputs);
            sharpness = trace(output, outputs).mul_add(power, sharpness);
            fluctuation = dot(output, &self.noise).mul_add(power, fluctuation);
        }
        (sharpness, fluctuation)
    }

    /// ⟨g_k g_kᵀ − g_{k+1}ᵀ g_{k+1}⟩ of the minibatch gradients of layers `k` and `k + 1`, h × h: one step of SGD
    /// moves Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1} by exactly η² times that.
    #[inline(always)]
    pub(super) fn imbalance(&mut self, k: usize, out: &mut [V]) {
        let net = self.net;
        let (outputs, inputs, width) = (net.outputs, net.inputs, net.widths[k + 1]);
        let [wide, _, other] = &mut self.spare;
        let below = View::new(&self.below[k + 1], width, inputs);
        let moment = View::new(&self.from_output[k + 1], inputs, inputs);
        multiply(below, moment, &mut wide[..width * inputs]);
        multiply(
            View::new(wide, width, inputs),
            below.t(),
            &mut other[..width * width],
        );

        let above = View::new(&self.above[k], outputs, width);
        let moment = View::new(&self.from_input[k], outputs, outputs);
        multiply(moment, above, &mut wide[..outputs * width]);
        multiply(above.t(), View::new(wide, outputs, width), out);
        for (entry, other) in out.iter_mut().zip(other.iter()) {
            *entry = entry.sub(*other);
        }
    }
}
