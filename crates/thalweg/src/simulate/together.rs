//! Measures several seeds' weights at once, one in each lane.

use crate::lanes::condition::condition;
use crate::lanes::numbers::dot;
use crate::lanes::{Lanes, Task};

use super::kernel::{Across, Along, Store, Sum, multiply};
use super::lanczos::largest;
use super::matrices::Matrix;
use super::meter::Meter;
use super::room::{Buffer, Room, Rooms};
use super::run::Run;
use super::{Observation, Outcome};

/// As many runs as there are lanes, or fewer: what [`Observation::new`] measures of each, nothing of one that has diverged.
pub(super) struct Together<'a> {
    pub meter: &'a Meter,
    pub runs: &'a [Run],
    pub rooms: &'a Rooms,
}

impl Task for Together<'_> {
    type Output = Vec<Option<Observation>>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Vec<Option<Observation>> {
        self.rooms.within(
            #[inline(always)]
            |room: &Room<V>| self.measure(room),
        )
    }
}

impl Together<'_> {
    /// The formulas are those of [`Observation::of`], in whose order they come.
    #[inline(always)]
    fn measure<V: Lanes>(&self, room: &Room<V>) -> Vec<Option<Observation>> {
        let (meter, depth) = (self.meter, self.meter.widths.len() - 1);
        let weights = weights(self.runs, &meter.widths, room);
        // From A_{D−1} = W_D down to A_1; A_D = I is left out.
        let mut above: Vec<Matrix<'_, V>> = Vec::with_capacity(depth);
        for layer in weights[1..].iter().rev() {
            let next = match above.last() {
                Some(last) => last.times(layer),
                None => layer.clone(),
            };
            above.push(next);
        }
        above.reverse();
        // B_2 … B_D, and W_D … W_1 L_x; B_1 = L_x is left out.
        let mut below = vec![meter.input.behind_lanes(&weights[0])];
        for layer in &weights[1..] {
            below.push(layer.times(&below[below.len() - 1]));
        }
        let whole = match above.first() {
            Some(first) => first.times(&weights[0]),
            None => weights[0].clone(),
        };
        let error = whole.minus(&Matrix::splat(&meter.teacher, room));
        let excess = meter.input.behind_lanes(&error);

        let zero = V::splat(0.0);
        let (mut sharpness, mut fluctuation, mut residual) = (zero, zero, zero);
        for k in 0..depth {
            let weight = match k {
                0 => V::splat(meter.input.total(meter.inputs())),
                _ => below[k - 1].square(),
            };
            let turned;
            let back = match above.get(k) {
                Some(a) => {
                    sharpness = a.square().mul_add(weight, sharpness);
                    let noise = meter.noise.square_before_lanes(a);
                    fluctuation = noise.mul_add(weight, fluctuation);
                    turned = a.transposed_times(&excess);
                    &turned
                }
                None => {
                    sharpness = V::splat(meter.outputs() as f64).mul_add(weight, sharpness);
                    fluctuation = V::splat(meter.total_noise).mul_add(weight, fluctuation);
                    &excess
                }
            };
            let crossed = match k {
                0 => meter.input.transposed_behind_lanes(back),
                _ => back.times_transposed(&below[k - 1]),
            };
            let own = back.square().mul(weight);
            let twice = crossed.square().mul(V::splat(2.0));
            residual = residual.add(own.add(twice));
        }
        fluctuation = fluctuation.mul(V::splat(meter.growth));
        let loss = excess
            .square()
            .add(V::splat(meter.total_noise))
            .mul(V::splat(0.5));
        // Loops, not closures: those would be compiled without the instruction set.
        let mut conditions = Vec::with_capacity(depth);
        for w in &weights {
            conditions.push(condition(&w.entries, w.rows));
        }
        let lanes = Measured {
            sharpness: lanes(sharpness),
            lambda_max: lanes(lambda_max(meter, &above, &below[..depth - 1], room)),
            fluctuation: lanes(fluctuation),
            second_moment: lanes(fluctuation.add(residual)),
            loss: lanes(loss),
            product_error: lanes(error.square()),
            conditions: conditions.into_iter().map(lanes).collect(),
        };
        let each = self.runs.iter().enumerate();
        each.map(|(lane, run)| (run.outcome == Outcome::Running).then(|| lanes.of(lane)))
            .collect()
    }
}

/// The quantities of [`Observation`], a seed in each lane.
struct Measured {
    sharpness: [f64; 8],
    lambda_max: [f64; 8],
    fluctuation: [f64; 8],
    second_moment: [f64; 8],
    loss: [f64; 8],
    product_error: [f64; 8],
    conditions: Vec<[f64; 8]>,
}

impl Measured {
    fn of(&self, lane: usize) -> Observation {
        let condition = |all: &[f64; 8]| Some(all[lane]).filter(|x| !x.is_nan());
        Observation {
            sharpness: self.sharpness[lane],
            lambda_max: Some(self.lambda_max[lane]).filter(|x| x.is_finite()),
            fluctuation: self.fluctuation[lane],
            gradient_second_moment: self.second_moment[lane],
            loss: self.loss[lane],
            product_error: self.product_error[lane],
            condition_numbers: self.conditions.iter().map(condition).collect(),
        }
    }
}

/// W_1 … W_D of `runs`; lanes without one repeat the last.
#[inline(always)]
fn weights<'r, V: Lanes>(runs: &[Run], widths: &[usize], room: &'r Room<V>) -> Vec<Matrix<'r, V>> {
    let mut lanes = [&runs[0].weights[..]; 8];
    for (lane, of) in lanes[..V::LANES].iter_mut().enumerate() {
        *of = &runs[lane.min(runs.len() - 1)].weights;
    }
    let mut layers = Vec::with_capacity(widths.len() - 1);
    let mut at = 0;
    for shape in widths.windows(2) {
        let mut entries = room.buffer(shape[0] * shape[1]);
        // Loops, not closures, here too.
        for to in entries.iter_mut() {
            let mut buffer = [0.0; 8];
            for (to, of) in buffer.iter_mut().zip(&lanes) {
                *to = of[at];
            }
            *to = V::load(&buffer);
            at += 1;
        }
        let rows = shape[1];
        layers.push(Matrix { entries, rows });
    }
    layers
}

/// λ_max of X ↦ Σ_k A_kA_kᵀ X B_kᵀB_k, with `above` from A_1 to A_{D−1} (A_D = I) and `below` from B_2 to B_D (B_1 = L_x).
///
/// The iteration starts at a vᵀ, where v is normal numbers to which Σ_k tr(A_kA_kᵀ) B_kᵀB_k has been applied twice, and a alike: that
/// spares it some products.
#[inline(always)]
fn lambda_max<V: Lanes>(
    meter: &Meter,
    above: &[Matrix<'_, V>],
    below: &[Matrix<'_, V>],
    room: &Room<V>,
) -> V {
    let (rows, columns) = (meter.outputs(), meter.inputs());
    // I where there is none, as for all A_k and B_k below.
    let mut left: Vec<Option<Matrix<'_, V>>> = Vec::with_capacity(above.len() + 1);
    for a in above {
        left.push(Some(a.times_transposed(a)));
    }
    left.push(None);
    let gram = match &meter.gram {
        Some(gram) => Some(Matrix::splat(gram, room)),
        None => None,
    };
    let mut right = vec![gram];
    for b in below {
        right.push(Some(b.transposed_times(b)));
    }
    let high = filtered(&left, &right, [rows, columns], &meter.start, room);
    let low = filtered(&right, &left, [columns, rows], &meter.start[rows..], room);
    let mut start = room.buffer(rows * columns);
    for (start, v) in start.chunks_exact_mut(rows).zip(low.iter()) {
        for (start, u) in start.iter_mut().zip(high.iter()) {
            *start = u.mul(*v);
        }
    }
    let mut between = room.buffer(rows * columns);
    let (mut before, mut next) = (room.buffer(rows * columns), room.buffer(rows * columns));
    largest(
        &mut start,
        [&mut before, &mut next],
        #[inline(always)]
        |x, y| {
            y.fill(V::splat(0.0));
            let shape = [rows, columns, columns];
            for (left, right) in left.iter().zip(&right) {
                let turned: &[V] = match (left, right) {
                    (None, Some(right)) => {
                        let right = Along::new(&right.entries, columns);
                        multiply(Across::new(x, rows), right, shape, Sum::new(y, rows));
                        continue;
                    }
                    (Some(_), Some(right)) => {
                        let right = Along::new(&right.entries, columns);
                        let to = Store::new(&mut between, rows);
                        multiply(Across::new(x, rows), right, shape, to);
                        &between
                    }
                    (_, None) => x,
                };
                if let Some(left) = left {
                    let (left, turned) =
                        (Across::new(&left.entries, rows), Along::new(turned, rows));
                    multiply(left, turned, [rows, rows, columns], Sum::new(y, rows));
                } else {
                    for (y, x) in y.iter_mut().zip(turned) {
                        *y = y.add(*x);
                    }
                }
            }
        },
    )
}

/// The first of the `normal` numbers, with Σ_k tr(other_k) of_k applied twice.
#[inline(always)]
fn filtered<'r, V: Lanes>(
    of: &[Option<Matrix<'_, V>>],
    other: &[Option<Matrix<'_, V>>],
    [size, across]: [usize; 2],
    normal: &[f64],
    room: &'r Room<V>,
) -> Buffer<'r, V> {
    let mut vector = room.buffer(size);
    for (to, x) in vector.iter_mut().zip(normal) {
        *to = V::splat(*x);
    }
    let (mut sum, mut identity) = (room.zeros(size * size), V::splat(0.0));
    for (of, other) in of.iter().zip(other) {
        let weight = match other {
            Some(other) => other.trace(),
            None => V::splat(across as f64),
        };
        match of {
            Some(of) => {
                for (sum, x) in sum.iter_mut().zip(of.entries.iter()) {
                    *sum = weight.mul_add(*x, *sum);
                }
            }
            None => identity = identity.add(weight),
        }
    }
    for i in 0..size {
        sum[i * (size + 1)] = sum[i * (size + 1)].add(identity);
    }
    for _ in 0..2 {
        let mut next = room.zeros(size);
        for (column, x) in sum.chunks_exact(size).zip(vector.iter()) {
            for (next, a) in next.iter_mut().zip(column) {
                *next = a.mul_add(*x, *next);
            }
        }
        let length = dot(&next, &next).sqrt();
        for x in next.iter_mut() {
            *x = x.div(length);
        }
        vector = next;
    }
    vector
}

/// The lanes one by one; those past the last are 0.
#[inline(always)]
fn lanes<V: Lanes>(x: V) -> [f64; 8] {
    let mut all = [0.0; 8];
    x.store(&mut all);
    all
}
