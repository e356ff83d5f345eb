//! A step's linear system where the teacher has few outputs, in matrices of few rows alone.
//!
//! With b_k for layer k of the right side, all that the iterations make of the weights has the form
//!
//! w_k = β b_k + A_kᵀ P_k + Q_kᵀ s_k,
//!
//! P_k and Q_k of as many rows as the teacher has outputs: J takes ρ to −A_kᵀ s_k and its like, and so does what nearly solves the system. So
//! β, P, Q and ρ stand for a motion, and no product or sum of the iterations is of the size of a layer.

use faer::{Mat, MatMut, MatRef};

use super::{
    columns, flat,
    here::{Here, pulled},
    steep::Steep,
};
use crate::flow::{
    point::Model,
    products::{add, add_times, add_times_to, sum_of_products, times},
};

/// The motions of that form for one right side.
pub(super) struct Thin<'a> {
    model: &'a Model,
    here: &'a Here,
    felt: Vec<Felt>,
    /// ‖b‖², of the weights alone.
    size: f64,
    /// Where P_k and Q_k begin, one layer after the other, and ρ.
    offsets: Vec<usize>,
}

/// What one layer's A_k, Ȧ_k and s_k make of one another and of b_k.
struct Felt {
    /// A_k A_kᵀ.
    above: Mat<f64>,
    /// Ȧ_k A_kᵀ.
    rate: Mat<f64>,
    /// s_k s_kᵀ.
    pulled: Mat<f64>,
    /// A_k b_k.
    above_right: Mat<f64>,
    /// Ȧ_k b_k.
    rate_right: Mat<f64>,
    /// s_k b_kᵀ.
    pulled_right: Mat<f64>,
}

/// The numbers that such a motion takes.
fn len(model: &Model) -> usize {
    let pairs = model.widths().windows(2);
    let rows = pairs.map(|h| h[0] + h[1]).sum::<usize>() + model.rank();
    1 + model.outputs() * rows
}

/// Whether it takes few of them.
pub(super) fn pays(model: &Model) -> bool {
    2 * len(model) <= model.dim()
}

impl<'a> Thin<'a> {
    /// For the right side `b` at `here`.
    pub(super) fn new(model: &'a Model, here: &'a Here, b: &[f64]) -> Self {
        let rows = model.outputs();
        let mut offsets = vec![1];
        for pair in model.widths().windows(2) {
            offsets.push(offsets[offsets.len() - 1] + rows * pair[0]);
            offsets.push(offsets[offsets.len() - 1] + rows * pair[1]);
        }
        let felt = |k: usize| {
            let (above, rate) = (here.above[k].as_ref(), here.rates[k + 1].as_ref());
            let pulled = here.pulled[k].as_ref();
            let right = &b[model.range(k)];
            let right = MatRef::from_column_major_slice(right, above.ncols(), pulled.ncols());
            Felt {
                above: times(above, above.transpose()),
                rate: times(rate, above.transpose()),
                pulled: times(pulled, pulled.transpose()),
                above_right: times(above, right),
                rate_right: times(rate, right),
                pulled_right: times(pulled, right.transpose()),
            }
        };
        let weights = &b[..model.dim()];
        Self {
            felt: (0..model.depth()).map(felt).collect(),
            size: sum_of_products(weights, weights),
            model,
            here,
            offsets,
        }
    }

    /// b itself, given its part of ρ.
    pub(super) fn right(&self, rho: &[f64]) -> Vec<f64> {
        let mut z = vec![0.0; self.offsets[self.offsets.len() - 1]];
        z[0] = 1.0;
        z.extend_from_slice(rho);
        z
    }

    /// P_k of `z`, and Q_k.
    fn parts<'z>(&self, z: &'z [f64], k: usize) -> [MatRef<'z, f64>; 2] {
        [2 * k, 2 * k + 1].map(|i| {
            let part = &z[self.offsets[i]..self.offsets[i + 1]];
            let rows = self.model.outputs();
            MatRef::from_column_major_slice(part, rows, part.len() / rows)
        })
    }

    /// ρ of `z`.
    fn rho<'z>(&self, z: &'z [f64]) -> &'z [f64] {
        &z[self.offsets[self.offsets.len() - 1]..]
    }

    /// A_k w_k.
    fn above(&self, z: &[f64], k: usize) -> Mat<f64> {
        let felt = &self.felt[k];
        self.of_left(&self.here.above[k], &felt.above, &felt.above_right, z, k)
    }

    /// Ȧ_k w_k.
    fn rate(&self, z: &[f64], k: usize) -> Mat<f64> {
        let felt = &self.felt[k];
        let rate = &self.here.rates[k + 1];
        self.of_left(rate, &felt.rate, &felt.rate_right, z, k)
    }

    /// L w_k, given L, L A_kᵀ and L b_k.
    fn of_left(
        &self,
        left: &Mat<f64>,
        above: &Mat<f64>,
        right: &Mat<f64>,
        z: &[f64],
        k: usize,
    ) -> Mat<f64> {
        let [p, q] = self.parts(z, k);
        let mut sum = times(above.as_ref(), p);
        let turned = times(left.as_ref(), q.transpose());
        add_times(&mut sum, 1.0, turned.as_ref(), self.here.pulled[k].as_ref());
        add(&mut sum, z[0], right);
        sum
    }

    /// s_k w_kᵀ.
    fn pulled(&self, z: &[f64], k: usize) -> Mat<f64> {
        let (here, felt) = (self.here, &self.felt[k]);
        let [p, q] = self.parts(z, k);
        let mut sum = times(felt.pulled.as_ref(), q);
        let turned = times(here.pulled[k].as_ref(), p.transpose());
        add_times(&mut sum, 1.0, turned.as_ref(), here.above[k].as_ref());
        add(&mut sum, z[0], &felt.pulled_right);
        sum
    }

    /// J z.
    fn derivative(&self, z: &[f64]) -> Vec<f64> {
        let (model, here) = (self.model, self.here);
        let (depth, rows) = (model.depth(), model.outputs());
        // The changes of s_k.
        let residual = columns(self.rho(z), rows);
        let mut pulled = vec![times(residual.as_ref(), model.root().transpose())];
        for k in 0..depth - 1 {
            let mut next = self.pulled(z, k);
            let layer = here.layers[k].transpose();
            add_times(&mut next, 1.0, pulled[k].as_ref(), layer);
            pulled.push(next);
        }
        // Those of A_k and of Ȧ_{k−1}, from the last layer down; that of V_k is −A_kᵀ times the one of s_k, less the one of A_kᵀ times s_k.
        let mut above = Mat::zeros(rows, rows);
        let mut rate = above.clone();
        let mut changes = Vec::with_capacity(depth);
        for k in (0..depth).rev() {
            let layer = here.layers[k].as_ref();
            let mut next = self.rate(z, k);
            add_times(&mut next, 1.0, rate.as_ref(), layer);
            let half = times(above.as_ref(), here.above[k].transpose());
            let both = &half + half.transpose();
            add_times(&mut next, -1.0, both.as_ref(), here.pulled[k].as_ref());
            add_times(
                &mut next,
                -1.0,
                self.felt[k].above.as_ref(),
                pulled[k].as_ref(),
            );
            rate = next;
            let mut next = self.above(z, k);
            add_times(&mut next, 1.0, above.as_ref(), layer);
            changes.push(std::mem::replace(&mut above, next));
        }
        let mut out = vec![0.0];
        for (pulled, above) in pulled.iter().zip(changes.iter().rev()) {
            out.extend(flat(pulled).chain(flat(above)).map(|x| -x));
        }
        out.extend(flat(&times(rate.as_ref(), model.root())));
        out
    }

    /// (σ − J) z.
    pub(super) fn image(&self, shift: f64, z: &[f64]) -> Vec<f64> {
        let mut image = self.derivative(z);
        for (image, z) in image.iter_mut().zip(z) {
            *image = shift * z - *image;
        }
        image
    }

    /// What [`Steep::nearly`] makes of `z`.
    pub(super) fn nearly(&self, steep: &Steep, shift: f64, z: &[f64]) -> Vec<f64> {
        let rho = steep.solve(shift, self.rho(z), self.model.outputs());
        let mut out = z[..self.offsets[self.offsets.len() - 1]].to_vec();
        for (k, pulled) in pulled(self.model, &self.here.layers, &rho)
            .iter()
            .enumerate()
        {
            let p = out[self.offsets[2 * k]..self.offsets[2 * k + 1]].iter_mut();
            p.zip(flat(pulled)).for_each(|(p, pulled)| *p -= pulled);
        }
        out.iter_mut().for_each(|z| *z /= shift);
        out.extend(flat(&rho));
        out
    }

    /// What [`Here::inner`] says of the motions that `a` and `b` stand for.
    pub(super) fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
        let mut sum = a[0] * b[0] * self.size;
        for k in 0..self.model.depth() {
            let felt = &self.felt[k];
            let [p, q] = self.parts(b, k);
            sum +=
                a[0] * (trace(felt.above_right.as_ref(), p) + trace(felt.pulled_right.as_ref(), q));
            let [p, q] = self.parts(a, k);
            sum += trace(p, self.above(b, k).as_ref()) + trace(q, self.pulled(b, k).as_ref());
        }
        sum + self.here.inner_of_rho(self.rho(a), self.rho(b))
    }

    /// Makes of `b` the motion that `z` stands for.
    pub(super) fn spread(&self, z: &[f64], b: &mut [f64]) {
        let (weights, rho) = b.split_at_mut(self.model.dim());
        weights.iter_mut().for_each(|b| *b *= z[0]);
        for k in 0..self.model.depth() {
            let [p, q] = self.parts(z, k);
            let slice = &mut weights[self.model.range(k)];
            let mut layer = MatMut::from_column_major_slice_mut(slice, q.ncols(), p.ncols());
            add_times_to(layer.as_mut(), 1.0, self.here.above[k].transpose(), p);
            add_times_to(layer, 1.0, q.transpose(), self.here.pulled[k].as_ref());
        }
        rho.copy_from_slice(self.rho(z));
    }
}

/// tr(Aᵀ B).
fn trace(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    (0..a.ncols())
        .map(|j| {
            let (a, b) = (a.col(j).iter(), b.col(j).iter());
            a.zip(b).map(|(a, b)| a * b).sum::<f64>()
        })
        .sum()
}
