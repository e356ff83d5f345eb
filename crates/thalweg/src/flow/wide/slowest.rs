//! The slowest rate of the linearised flow in networks too wide for a matrix of all rates.

use faer::{Mat, Side};

use super::{
    factors::{balances_along, lift},
    field::{Field, Generators, Operator},
};
use crate::flow::{
    FlowError,
    conjugate::inner,
    point::Model,
    products::{Parity, add, add_all, dot, mirror, multiply, times},
};
use crate::random::{Purpose, Stream};

/// The rate is found to this part of it, but for what a second rate as near as that would add.
const FOUND: f64 = 1e-9;

/// The most turns of the iteration.
const MOST_TURNS: usize = 1000;

/// After so many turns images are made anew, and not from those before.
const ANEW: usize = 25;

/// Directions whose norm beside the others is below this fraction are dependent on them.
const DEPENDENT: f64 = 1e-12;

/// The slowest rate of the flow of `model` where it rests, at `layers`.
///
/// A displacement E Y of the weights obeys EᵀE dY/du = −M Y there, M as the head of this module has it. The least r with M Y = r EᵀE Y is where
/// ⟨Y, M Y⟩/⟨Y, EᵀE Y⟩ is least: the locally optimal conjugate gradients of A. V. Knyazev, SIAM J. Sci. Comput. 23, 517 (2001), with what M does to
/// each Y_k by itself as preconditioner. (What traces couple beside it is of low rank.) Decay adds 2c to each rate.
pub(in crate::flow) fn slowest_rate(
    model: &Model,
    layers: Vec<Mat<f64>>,
) -> Result<f64, FlowError> {
    let mut field = Field::new(model, layers);
    let decay = std::mem::take(&mut field.factors.forces.decay);
    let pencil = Pencil::new(&field)?;
    Ok(pencil.least()? + 2.0 * decay)
}

/// M and EᵀE in hidden bases in which what M does to each Y_k by itself is diagonal.
struct Pencil {
    /// That: n_i + n_j.
    own: Generators,
    /// One over it.
    inverse: Generators,
    layers: Vec<Mat<f64>>,
    inputs: Generators,
    outputs: Generators,
    noise: f64,
}

/// Y with M Y and EᵀE Y.
struct Seen {
    y: Generators,
    m: Generators,
    gram: Generators,
}

impl Seen {
    /// The sum of `shares` of `all`.
    fn sum(shares: &[f64], all: &[Self]) -> Self {
        let of = |part: fn(&Self) -> &Generators| {
            let shapes = part(&all[0]).iter();
            let mut sum: Generators = shapes.map(|x| Mat::zeros(x.nrows(), x.ncols())).collect();
            for (share, each) in shares.iter().zip(all) {
                add_all(&mut sum, *share, part(each));
            }
            sum
        };
        Self {
            y: of(|seen| &seen.y),
            m: of(|seen| &seen.m),
            gram: of(|seen| &seen.gram),
        }
    }
}

impl Pencil {
    fn new(field: &Field) -> Result<Self, FlowError> {
        let (mut bases, mut own, mut inverse) = (Vec::new(), Vec::new(), Vec::new());
        for matrix in field.own(Operator::Implicit(0.0)) {
            let eigen =
                matrix
                    .self_adjoint_eigen(Side::Lower)
                    .map_err(|_| FlowError::Decomposition {
                        what: "eigenvalue iteration of the linearised flow",
                    })?;
            let values = eigen.S().column_vector();
            let n = values.nrows();
            let sum = Mat::from_fn(n, n, |i, j| values[i] + values[j]);
            let least = f64::EPSILON * sum.norm_max();
            inverse.push(Mat::from_fn(n, n, |i, j| sum[(i, j)].max(least).recip()));
            own.push(sum);
            bases.push(eigen.U().to_owned());
        }
        let last = field.factors.hidden();
        let layers = field.factors.layers.iter().enumerate().map(|(k, layer)| {
            let left = match k < last {
                true => times(bases[k].transpose(), layer.as_ref()),
                false => layer.clone(),
            };
            match k > 0 {
                true => times(left.as_ref(), bases[k - 1].as_ref()),
                false => left,
            }
        });
        Ok(Self {
            own,
            inverse,
            layers: layers.collect(),
            inputs: field.inputs_in(&bases),
            outputs: field.outputs_in(&bases),
            noise: 2.0 * field.factors.forces.noise,
        })
    }

    fn see(&self, y: Generators) -> Seen {
        let last = y.len() - 1;
        let m = y.iter().enumerate().map(|(k, y_k)| {
            let mut m = y_k.clone();
            multiply(&mut m, &self.own[k]);
            if k > 0 {
                let along = self.noise * dot(&y[k - 1], &self.inputs[k - 1]);
                add(&mut m, -along, &self.outputs[k]);
            }
            if k < last {
                let along = self.noise * dot(&y[k + 1], &self.outputs[k + 1]);
                add(&mut m, -along, &self.inputs[k]);
            }
            m
        });
        Seen {
            m: m.collect(),
            gram: balances_along(&lift(&self.layers, &y), &self.layers),
            y,
        }
    }

    /// What M does to each by itself, undone.
    fn undone(&self, mut m: Generators) -> Generators {
        for (m, inverse) in m.iter_mut().zip(&self.inverse) {
            multiply(m, inverse);
        }
        m
    }

    /// Where the iteration begins: anything that has a part of every direction.
    fn anything(&self) -> Generators {
        let mut stream = Stream::new(0, Purpose::Probes);
        let each = self.own.iter().map(|own| {
            let mut y = Mat::from_fn(own.nrows(), own.ncols(), |_, _| stream.normal());
            mirror(Parity::Symmetric, &mut y);
            y
        });
        self.undone(each.collect())
    }

    fn least(&self) -> Result<f64, FlowError> {
        let mut here = self.see(self.anything());
        let mut before: Option<Seen> = None;
        for turn in 1..=MOST_TURNS {
            if turn % ANEW == 0 {
                here = self.see(here.y);
            }
            let size = inner(&here.y, &here.gram);
            let rate = inner(&here.y, &here.m) / size;
            let mut rest = here.m.clone();
            add_all(&mut rest, -rate, &here.gram);
            let way = self.undone(rest.clone());
            // The energy of what is missing: by about this part of it the rate is too large.
            if inner(&rest, &way) <= FOUND * rate * size {
                return Ok(rate);
            }
            let mut directions = vec![here, self.see(way)];
            directions.extend(before);
            let Some(best) = best(&directions) else { break };
            here = Seen::sum(&best, &directions);
            before = Some(Seen::sum(&best[1..], &directions[1..]));
        }
        Err(FlowError::Decomposition {
            what: "iteration for the slowest rate of the linearised flow",
        })
    }
}

/// The combination of `directions` with the least ⟨Y, M Y⟩/⟨Y, EᵀE Y⟩.
fn best(directions: &[Seen]) -> Option<Vec<f64>> {
    let n = directions.len();
    let sizes: Vec<f64> = directions
        .iter()
        .map(|d| inner(&d.y, &d.gram).sqrt())
        .collect();
    let scaled = |part: fn(&Seen) -> &Generators| {
        Mat::from_fn(n, n, |i, j| {
            let (low, high) = (i.min(j), i.max(j));
            inner(&directions[low].y, part(&directions[high])) / (sizes[low] * sizes[high])
        })
    };
    let gram = scaled(|d| &d.gram).self_adjoint_eigen(Side::Lower).ok()?;
    let kept: Vec<usize> = (0..n)
        .filter(|&i| gram.S()[i] > DEPENDENT * gram.S()[n - 1])
        .collect();
    let whitened = Mat::from_fn(n, kept.len(), |i, j| {
        gram.U()[(i, kept[j])] / gram.S()[kept[j]].sqrt()
    });
    let m = whitened.transpose() * scaled(|d| &d.m) * &whitened;
    let eigen = m.self_adjoint_eigen(Side::Lower).ok()?;
    let least = &whitened * eigen.U().col(0);
    let best: Vec<f64> = (0..n).map(|i| least[i] / sizes[i]).collect();
    best.iter().all(|x| x.is_finite()).then_some(best)
}
