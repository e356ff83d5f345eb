//! What the fast law needs of every node of its quadrature, for as many nodes at once as there are lanes.

use super::{
    network::{Lane, Network},
    small::{View, dot, largest_eigenvalue, multiply, solve_positive},
};
use crate::lanes::{Lanes, Task, condition::condition, dispatch};

/// Nodes are padded to a multiple of this: the most lanes of any processor.
const WIDEST: usize = 8;

/// How long a column for `nodes` nodes is.
pub(super) fn padded(nodes: usize) -> usize {
    nodes.next_multiple_of(WIDEST)
}

/// Of one base point Y and nodes Z: the drift and the noise of Z.
pub(super) struct Moves<'a> {
    pub(super) net: &'a Network,
    /// η.
    pub(super) rate: f64,
    /// Y, flat.
    pub(super) base: &'a [f64],
    /// g_1 … g_n, each n × n, with G(Z) = I + Σ_a Z_a g_a.
    pub(super) turn: &'a [f64],
    /// Z: component i of node p at i·padded + p.
    pub(super) z: &'a [f64],
    /// Minus the drift of Z per η, f = G (E + (η/2) K⁻¹ J[⟨Dh_Γ[h_Γ]⟩]), in the order of `z`.
    pub(super) drift: &'a mut [f64],
    /// G ⟨ΓΓᵀ⟩ Gᵀ on and below the diagonal, column by column.
    pub(super) noise: &'a mut [f64],
}

impl Moves<'_> {
    /// Fills in drift and noise.
    pub(super) fn evaluate(self) {
        dispatch(self);
    }
}

impl Task for Moves<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let n = self.net.size();
        let zero = |size: usize| vec![V::splat(0.0); size];
        let mut lane = Lane::new(self.net);
        let (mut z, mut f, mut shift) = (zero(n), zero(n), zero(n));
        let (mut turn, mut square, mut half) = (zero(n * n), zero(n * n), zero(n * n));
        let step = V::splat(0.5 * self.rate);
        let column = self.z.len() / n;
        for p in (0..column).step_by(V::LANES) {
            lane.reach(self.base, self.z, p, &mut z);
            for (i, entry) in turn.iter_mut().enumerate() {
                let mut sum = V::splat(f64::from(u8::from(i % (n + 1) == 0)));
                for (a, z) in z.iter().enumerate() {
                    sum = z.mul_add(V::splat(self.turn[a * n * n + i]), sum);
                }
                *entry = sum;
            }
            lane.second_order(&mut shift);
            lane.curvature(&mut square);
            solve_positive(&mut square, &mut shift);
            for (shift, error) in shift.iter_mut().zip(&lane.error) {
                *shift = shift.mul_add(step, *error);
            }
            let g = View::new(&turn, n, n);
            multiply(g, View::new(&shift, n, 1), &mut f);
            for (i, f) in f.iter().enumerate() {
                f.store(&mut self.drift[i * column + p..]);
            }
            // (G M)ᵀ = M Gᵀ, whose columns are contiguous below.
            lane.second_moment(&mut square);
            multiply(View::new(&square, n, n), g.t(), &mut half);
            for (i, entry) in turn.iter().enumerate() {
                // Gᵀ, so that its columns are G's rows.
                square[i % n * n + i / n] = *entry;
            }
            let mut at = p;
            for j in 0..n {
                for i in j..n {
                    let entry = dot(&square[i * n..][..n], &half[j * n..][..n]);
                    entry.store(&mut self.noise[at..]);
                    at += column;
                }
            }
        }
    }
}

/// What is observed at the nodes of one base point.
pub(super) struct Observations<'a> {
    pub(super) net: &'a Network,
    /// Y, flat.
    pub(super) base: &'a [f64],
    /// Z, as in [`Moves`].
    pub(super) z: &'a [f64],
    /// T, F, then (W_D…W_1 − V)X, then the imbalances of k = 1 … D − 1: a column of nodes each.
    pub(super) values: &'a mut [f64],
}

impl Observations<'_> {
    /// How many columns there are.
    pub(super) fn columns(net: &Network) -> usize {
        let squares = (0..net.depth() - 1).map(|k| net.width(k) * net.width(k));
        2 + net.size() + squares.sum::<usize>()
    }

    /// Fills in the values.
    pub(super) fn evaluate(self) {
        dispatch(self);
    }
}

impl Task for Observations<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let n = self.net.size();
        let zero = |size: usize| vec![V::splat(0.0); size];
        let mut lane = Lane::new(self.net);
        let mut z = zero(n);
        let mut squares: Vec<Vec<V>> = (0..self.net.depth() - 1)
            .map(|k| zero(self.net.width(k) * self.net.width(k)))
            .collect();
        let column = self.z.len() / n;
        for p in (0..column).step_by(V::LANES) {
            lane.reach(self.base, self.z, p, &mut z);
            let (sharpness, fluctuation) = lane.functionals();
            for (k, square) in squares.iter_mut().enumerate() {
                lane.imbalance(k, square);
            }
            let heads = [sharpness, fluctuation];
            let values = heads.iter().chain(&lane.error);
            let values = values.chain(squares.iter().flatten());
            for (i, value) in values.enumerate() {
                value.store(&mut self.values[i * column + p..]);
            }
        }
    }
}

/// What is seen at draws about one base point, whose means no quadrature finds.
pub(super) struct Draws<'a> {
    pub(super) net: &'a Network,
    /// Y, flat.
    pub(super) base: &'a [f64],
    /// Z, as in [`Moves`].
    pub(super) z: &'a [f64],
    /// T, λ_max, then each layer's condition number: a column of draws each.
    pub(super) values: &'a mut [f64],
}

impl Draws<'_> {
    /// How many columns there are.
    pub(super) fn columns(net: &Network) -> usize {
        2 + net.depth()
    }

    /// Fills in the values.
    pub(super) fn evaluate(self) {
        dispatch(self);
    }
}

impl Task for Draws<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let n = self.net.size();
        let zero = |size: usize| vec![V::splat(0.0); size];
        let mut lane = Lane::new(self.net);
        let (mut z, mut curvature, mut spare) = (zero(n), zero(n * n), Vec::new());
        let column = self.z.len() / n;
        for p in (0..column).step_by(V::LANES) {
            lane.reach(self.base, self.z, p, &mut z);
            let (sharpness, _) = lane.functionals();
            sharpness.store(&mut self.values[p..]);
            lane.curvature(&mut curvature);
            let largest = largest_eigenvalue(&mut curvature, n, &mut spare);
            largest.store(&mut self.values[column + p..]);
            for k in 0..self.net.depth() {
                let number = condition(lane.layer(k), self.net.width(k));
                number.store(&mut self.values[(2 + k) * column + p..]);
            }
        }
    }
}
