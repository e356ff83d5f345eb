//! The bases in which inputs, noise and all layers are diagonal at once, where there are such.

use faer::{Mat, MatRef, Scale, Side};

use crate::flow::{point::Model, products::times};

/// Off the diagonals, what is below this part of a matrix's norm is rounding.
const ROUNDING: f64 = 1e-12;

/// Orthonormal bases of h_0 … h_D, and the modes that pass through them.
///
/// W_k = Σ_i w_{k,i} u_{k,i} u_{k−1,i}ᵀ, Σx = Σ_i s_i u_{0,i} u_{0,i}ᵀ, Σε = Σ_i n_i u_{D,i} u_{D,i}ᵀ. A mode i need not reach every layer.
pub(super) struct Axes {
    /// The vectors of each space, as columns.
    bases: Vec<Mat<f64>>,
    /// For each space and mode, the column, if the mode is there.
    places: Vec<Vec<Option<usize>>>,
    /// s_i: 0 for a mode that does not begin at the inputs.
    pub(super) inputs: Vec<f64>,
    /// n_i: 0 for a mode that does not reach the outputs.
    pub(super) noises: Vec<f64>,
    /// 1 for a mode that reaches the outputs, else 0.
    pub(super) reaches: Vec<f64>,
    /// w_{k,i}, mode by mode: layer k of mode i, both from 0, is at i D + k.
    pub(super) weights: Vec<f64>,
}

impl Axes {
    /// Those of `layers` in the problem of `model`; none where they are not shared, or could not be told from rounding.
    pub(super) fn shared(model: &Model, layers: &[Mat<f64>]) -> Option<Self> {
        let depth = layers.len();
        let inputs = times(model.root(), model.root().transpose());
        let outputs = model.noise().to_owned();
        // What each space is looked at by: Σx from below, and from above each way up, with or without the noise at its end.
        let mut below = inputs.clone();
        for (k, layer) in layers.iter().enumerate() {
            let above = times(layer.transpose(), layer.as_ref());
            if !commute(&below, &above) {
                return None;
            }
            below = times(layer.as_ref(), layer.transpose());
            if k + 1 == depth && !commute(&below, &outputs) {
                return None;
            }
        }
        let mut bases = vec![eigenvectors(&look(&layers[0..], Some(&inputs), &outputs))?];
        let mut places = vec![(0..model.widths()[0]).map(Some).collect::<Vec<_>>()];
        for (k, layer) in layers.iter().enumerate() {
            let images = times(layer.as_ref(), bases[k].as_ref());
            let (basis, place) = passed_on(&images, &places[k], || {
                look(&layers[k + 1..], None, &outputs)
            })?;
            bases.push(basis);
            places.push(place);
        }
        let modes = places[depth].len();
        places
            .iter_mut()
            .for_each(|place| place.resize(modes, None));
        let mut axes = Self {
            inputs: Vec::new(),
            noises: Vec::new(),
            reaches: places[depth]
                .iter()
                .map(|place| f64::from(u8::from(place.is_some())))
                .collect(),
            weights: vec![0.0; modes * depth],
            bases,
            places,
        };
        axes.inputs = axes.diagonal(&inputs, 0, 0)?;
        axes.noises = axes.diagonal(&outputs, depth, depth)?;
        for (k, layer) in layers.iter().enumerate() {
            for (i, w) in axes.diagonal(layer, k + 1, k)?.into_iter().enumerate() {
                axes.weights[i * depth + k] = w;
            }
        }
        Some(axes)
    }

    /// The entries of `matrix` from space `from` to space `to`, mode by mode; none where that is not all of it.
    fn diagonal(&self, matrix: &Mat<f64>, to: usize, from: usize) -> Option<Vec<f64>> {
        let half = times(self.bases[to].transpose(), matrix.as_ref());
        let mut turned = times(half.as_ref(), self.bases[from].as_ref());
        let pairs = self.places[to].iter().zip(&self.places[from]);
        let entries = pairs.map(|pair| match pair {
            (Some(i), Some(j)) => std::mem::take(&mut turned[(*i, *j)]),
            _ => 0.0,
        });
        let entries: Vec<f64> = entries.collect();
        let size = matrix.norm_l2();
        // What is below rounding is nothing: nothing drives it apart from 0.
        let entries = entries.into_iter().map(|entry| {
            if entry.abs() <= EMPTY * size {
                0.0
            } else {
                entry
            }
        });
        (turned.norm_l2() <= ROUNDING * size).then(|| entries.collect())
    }

    /// D.
    pub(super) fn depth(&self) -> usize {
        self.bases.len() - 1
    }

    /// The singular values of each layer with the entries `weights`, in no order; those that no mode has are 0, and left out.
    pub(super) fn singular_values(&self, weights: &[f64]) -> Vec<Vec<f64>> {
        let depth = self.depth();
        let layer = |k: usize| weights[k..].iter().step_by(depth).map(|w| w.abs());
        (0..depth)
            .map(|k| layer(k).filter(|w| *w > 0.0).collect())
            .collect()
    }

    /// The layers with the entries `weights`, which are numbered as [`Axes::weights`] is.
    pub(super) fn layers(&self, weights: &[f64]) -> Vec<Mat<f64>> {
        let depth = self.depth();
        (0..depth)
            .map(|k| {
                let (low, high) = (&self.bases[k], &self.bases[k + 1]);
                let mut scaled = Mat::zeros(high.nrows(), low.ncols());
                for (i, pair) in self.places[k + 1].iter().zip(&self.places[k]).enumerate() {
                    if let (Some(row), Some(column)) = pair {
                        let by = Scale(weights[i * depth + k]);
                        scaled.col_mut(*column).copy_from(by * high.col(*row));
                    }
                }
                times(scaled.as_ref(), low.transpose())
            })
            .collect()
    }
}

/// A weight that is this small beside its layer is none.
const EMPTY: f64 = 1e-13;

/// Whether two symmetric matrices commute, to rounding.
fn commute(a: &Mat<f64>, b: &Mat<f64>) -> bool {
    let product = times(a.as_ref(), b.as_ref());
    let twist = &product - product.transpose();
    twist.norm_l2() <= ROUNDING * a.norm_l2() * b.norm_l2()
}

fn eigenvectors(symmetric: &Mat<f64>) -> Option<Mat<f64>> {
    let eigen = symmetric.self_adjoint_eigen(Side::Lower).ok()?;
    Some(eigen.U().to_owned())
}

/// A sum of all that a space feels of the `layers` above it, with weights in which no two that differ agree by chance.
fn look(layers: &[Mat<f64>], own: Option<&Mat<f64>>, noise: &Mat<f64>) -> Mat<f64> {
    let size = layers.first().map_or(noise.nrows(), Mat::ncols);
    let mut sum = Mat::zeros(size, size);
    // Powers of the golden section are as far from one another's sums as numbers are.
    let mut weight = 1.0;
    let mut add = |matrix: MatRef<'_, f64>| {
        weight *= 0.5 * (5f64.sqrt() - 1.0);
        let norm = matrix.norm_l2();
        if norm > 0.0 {
            sum += Scale(weight / norm) * matrix;
        }
    };
    own.into_iter().for_each(|own| add(own.as_ref()));
    let mut way = Mat::<f64>::identity(size, size);
    for layer in layers {
        way = times(layer.as_ref(), way.as_ref());
        way *= Scale(1.0 / way.norm_l2().max(f64::MIN_POSITIVE));
        add(times(way.transpose(), way.as_ref()).as_ref());
    }
    let felt = times(noise.as_ref(), way.as_ref());
    add(times(way.transpose(), felt.as_ref()).as_ref());
    sum
}

/// The basis of the next space in which `images`, mode by mode orthogonal, lie along the axes, with the modes' places in it: those that
/// arrive keep their number, and directions that none reaches, sorted by `look`, begin new ones.
fn passed_on(
    images: &Mat<f64>,
    places: &[Option<usize>],
    look: impl FnOnce() -> Mat<f64>,
) -> Option<(Mat<f64>, Vec<Option<usize>>)> {
    let size = images.norm_l2();
    let mut arriving: Vec<(usize, f64)> = places
        .iter()
        .enumerate()
        .filter_map(|(i, place)| Some((i, images.col((*place)?).norm_l2())))
        .filter(|(_, norm)| *norm > EMPTY * size)
        .collect();
    // The longest first: Gram and Schmidt's process then leaves each where it is, to its own rounding.
    arriving.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (rows, count) = (images.nrows(), arriving.len());
    if count > rows {
        return None;
    }
    let mut place = vec![None; places.len()];
    let mut sorted = Mat::zeros(rows, count);
    for (j, (mode, norm)) in arriving.iter().enumerate() {
        let image = images.col(places[*mode]?) * Scale(1.0 / norm);
        sorted.col_mut(j).copy_from(image);
        place[*mode] = Some(j);
    }
    let mut basis = match count {
        0 => Mat::identity(rows, rows),
        _ => sorted.qr().compute_Q(),
    };
    if count < rows {
        let rest = basis.subcols(count, rows - count).to_owned();
        let half = times(look().as_ref(), rest.as_ref());
        let within = times(rest.transpose(), half.as_ref());
        let turned = times(rest.as_ref(), eigenvectors(&within)?.as_ref());
        basis.subcols_mut(count, rows - count).copy_from(&turned);
        place.extend((count..rows).map(Some));
    }
    Some((basis, place))
}
