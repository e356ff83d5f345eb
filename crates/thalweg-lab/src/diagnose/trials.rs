//! Two tests of the residuals, each against its own statistic on data for which the hypothesis holds.

use faer::{Mat, MatRef, Side};
use rayon::prelude::*;
use serde::Serialize;
use thalweg::problem::Spectral;
use thalweg::random::Stream;
use thalweg::{Stop, Stopped};

use super::draw::{resampled, shuffle};
use super::noise::second_moment;

/// How many data sets stand for the hypothesis.
const DRAWS: usize = 999;

/// The operations that shuffling may take; fewer rows are tested where inputs and outputs are so many that all would take more.
const OPERATIONS: f64 = 4e10;

/// The least rows to test by shuffling.
const LEAST: usize = 256;

/// What a test found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The probability of data as far from the hypothesis as these, or farther, if it held.
    pub p_value: f64,
    /// How many rows, drawn evenly from all, it was made on.
    pub rows: usize,
}

impl Trial {
    /// Whether data are so far from the hypothesis that this counts as a finding: p < 0.05.
    pub fn rejects(&self) -> bool {
        self.p_value < 0.05
    }

    /// Of `beyond` among all data sets for which the hypothesis holds.
    fn new(beyond: usize, rows: usize) -> Self {
        Self {
            p_value: (1 + beyond) as f64 / (1 + DRAWS) as f64,
            rows,
        }
    }
}

/// What the tests look at.
pub(super) struct Trials<'t> {
    /// n × d_x, centred.
    inputs: &'t Mat<f64>,
    /// n × rank Σε, in an orthonormal basis of the range of Σε: residuals by fits that have not seen their rows.
    residuals: Mat<f64>,
    /// The same of the residuals that least squares on these rows leaves.
    own: Mat<f64>,
    /// n × (d_x + 1), an orthonormal basis of what that fit can follow.
    followed: Mat<f64>,
}

impl<'t> Trials<'t> {
    /// Of `targets`, n × d_y and centred, at `inputs`, n × d_x and centred, with their held-out `residuals`, of which only `rank` directions move.
    pub fn new(
        (inputs, targets): (&'t Mat<f64>, &Mat<f64>),
        residuals: &Mat<f64>,
        rank: usize,
    ) -> Self {
        let size = residuals.ncols();
        let range = match Spectral::of(second_moment(residuals).as_ref()) {
            Some(moment) if rank < size => moment.vectors.subcols(size - rank, rank).to_owned(),
            _ => Mat::identity(size, size),
        };
        let with_intercept = Mat::from_fn(inputs.nrows(), inputs.ncols() + 1, |i, j| match j {
            0 => 1.0,
            _ => inputs[(i, j - 1)],
        });
        let followed = with_intercept.qr().compute_thin_Q();
        let own = targets - &followed * (followed.transpose() * targets);
        Self {
            inputs,
            residuals: residuals * &range,
            own: own * range,
            followed,
        }
    }
}

/// The probability, if Σε were proportional to I, of residuals as unequal as these or more so.
///
/// The statistic is Mauchly's, log det S − p log(tr S/p) (1940), with its sign turned, of the residuals that least squares on these rows leaves. Its law is that of
/// rows drawn with replacement from the whitened residuals, for which the hypothesis holds, less what the same fit takes of them: no normal law is assumed,
/// and the fit makes both as unequal.
///
/// # Errors
/// When it was asked to stop; so for the other tests.
pub(super) fn isotropy(trials: &Trials<'_>, stream: &mut Stream) -> Result<Trial, Stopped> {
    let Trials { own, followed, .. } = trials;
    let (rows, outputs) = (own.nrows(), own.ncols());
    if outputs == 1 {
        return Ok(Trial { p_value: 1.0, rows });
    }
    let observed = unequal_moment(second_moment(own).as_ref());
    let white = whitened(&of_one_size(own, followed));
    let (mut beyond, stop) = (0, Stop::here());
    let at_once = (NUMBERS / (rows * outputs)).clamp(1, AT_ONCE);
    for first in (0..DRAWS).step_by(at_once) {
        stop.asked()?;
        let draws = at_once.min(DRAWS - first);
        let mut drawn = Mat::<f64>::zeros(rows, draws * outputs);
        for draw in 0..draws {
            for (i, row) in resampled(rows, stream).into_iter().enumerate() {
                for j in 0..outputs {
                    drawn[(i, draw * outputs + j)] = white[(row, j)];
                }
            }
        }
        let taken = followed.transpose() * &drawn;
        let more = (0..draws).into_par_iter().filter(|draw| {
            let [all, taken] = [&drawn, &taken].map(|of| {
                let of = of.subcols(draw * outputs, outputs);
                of.transpose() * of
            });
            unequal_moment((all - taken).as_ref()) >= observed
        });
        beyond += more.count();
    }
    Ok(Trial::new(beyond, rows))
}

/// So many numbers are drawn at once at most.
const NUMBERS: usize = 1 << 23;

/// The residuals r of a fit as r/√(1 − h), h the leverage of the row, whose covariance is that of the noise; what the fit follows wholly stays 0.
fn of_one_size(residuals: &Mat<f64>, followed: &Mat<f64>) -> Mat<f64> {
    let scales = followed.row_iter().map(|row| {
        let left = 1.0 - row.squared_norm_l2();
        if left > f64::EPSILON.sqrt() {
            left.sqrt().recip()
        } else {
            0.0
        }
    });
    let scales: Vec<f64> = scales.collect();
    Mat::from_fn(residuals.nrows(), residuals.ncols(), |i, j| {
        scales[i] * residuals[(i, j)]
    })
}

/// p log(tr S/p) − log det S of S, p × p: 0 where S ∝ I, and else larger. By correlations, since outputs may be in units of many orders.
fn unequal_moment(moment: MatRef<'_, f64>) -> f64 {
    let variances = moment.diagonal().column_vector();
    let mean = variances.iter().sum::<f64>() / moment.nrows() as f64;
    let own: f64 = variances.iter().map(|own| (mean / own).ln()).sum();
    let values = correlations(moment).self_adjoint_eigenvalues(Side::Lower);
    let values = values.unwrap_or_else(|_| vec![f64::NAN]);
    let least = |value: &f64| value.max(f64::MIN_POSITIVE).ln();
    own - values.iter().map(least).sum::<f64>()
}

/// S_ij/√(S_ii S_jj).
fn correlations(moment: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(moment.nrows(), moment.ncols(), |i, j| {
        moment[(i, j)] / (moment[(i, i)] * moment[(j, j)]).sqrt()
    })
}

/// Products with the moments of so many draws are made at once.
const AT_ONCE: usize = 64;

/// The probability of [`isotropy`] for residuals that come in groups, whose own residuals may depend on one another: groups are drawn and not
/// rows. `sums` is Σ r rᵀ over each group, of which only `rank` directions move.
pub(super) fn isotropy_of_groups(
    sums: &[Mat<f64>],
    rank: usize,
    stream: &mut Stream,
) -> Result<Trial, Stopped> {
    let (groups, size) = (sums.len(), sums.first().map_or(0, Mat::nrows));
    let mut total = Mat::<f64>::zeros(size, size);
    for sum in sums {
        total += sum;
    }
    let Some(Spectral { values, vectors }) = Spectral::of(total.as_ref()) else {
        return Ok(Trial {
            p_value: f64::NAN,
            rows: groups,
        });
    };
    let (values, vectors) = (&values[size - rank..], vectors.subcols(size - rank, rank));
    let moments = Mat::from_fn(rank, rank, |i, j| if i == j { values[i] } else { 0.0 });
    let observed = unequal_moment(moments.as_ref());
    let white = Mat::from_fn(size, rank, |i, j| {
        vectors[(i, j)] / values[j].max(f64::MIN_POSITIVE).sqrt()
    });
    // Each group's whitened sum is a column.
    let mut columns = Mat::<f64>::zeros(rank * rank, groups);
    for (column, sum) in columns.col_iter_mut().zip(sums) {
        let own = white.transpose() * sum * &white;
        for (entry, &of) in column
            .iter_mut()
            .zip(own.col_iter().flat_map(|col| col.iter()))
        {
            *entry = of;
        }
    }
    let (mut beyond, stop) = (0, Stop::here());
    for first in (0..DRAWS).step_by(AT_ONCE) {
        stop.asked()?;
        let mut times = Mat::<f64>::zeros(groups, AT_ONCE.min(DRAWS - first));
        for mut draw in times.col_iter_mut() {
            for group in resampled(groups, stream) {
                draw[group] += 1.0;
            }
        }
        let drawn = &columns * times;
        let more = (0..drawn.ncols()).into_par_iter().filter(|&draw| {
            let of = Mat::from_fn(rank, rank, |i, j| drawn[(i + j * rank, draw)]);
            unequal_moment(of.as_ref()) >= observed
        });
        beyond += more.count();
    }
    Ok(Trial::new(beyond, groups))
}

/// Columns of one size, R C^{−1/2} with their correlations C.
fn whitened(residuals: &Mat<f64>) -> Mat<f64> {
    let moment = second_moment(residuals);
    let scaled = Mat::from_fn(residuals.nrows(), residuals.ncols(), |i, j| {
        residuals[(i, j)] / moment[(j, j)].sqrt()
    });
    match Spectral::of(correlations(moment.as_ref()).as_ref()) {
        Some(of) => scaled * of.map(|value| 1.0 / value.max(f64::MIN_POSITIVE).sqrt()),
        None => scaled,
    }
}

/// The probability, if the noise were independent of the inputs, that squares and products of residuals go with the inputs and their
/// squares as much as here or more so.
///
/// The statistic is the sum of squared correlations of each r_a r_b with each x_j and x_j² (after Koenker, 1981); its law is that of shuffled rows.
pub(super) fn heteroscedasticity(
    trials: &Trials<'_>,
    stream: &mut Stream,
) -> Result<Trial, Stopped> {
    let (inputs, residuals) = (trials.inputs, &trials.residuals);
    let outputs = residuals.ncols();
    let pairs = (inputs.ncols() * outputs * (outputs + 1)) as f64;
    let affordable = OPERATIONS / (DRAWS as f64 * pairs);
    let rows = inputs.nrows().min((affordable as usize).max(LEAST));
    // The order of the rows may mean something.
    let mut chosen: Vec<usize> = (0..inputs.nrows()).collect();
    if rows < chosen.len() {
        shuffle(&mut chosen, stream);
    }
    chosen.truncate(rows);
    let standard = |mut column: Vec<f64>| {
        let mean = column.iter().sum::<f64>() / rows as f64;
        column.iter_mut().for_each(|x| *x -= mean);
        let norm = column.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        column.iter_mut().for_each(|x| *x *= scale);
        column
    };
    let mut features = Vec::new();
    for j in 0..inputs.ncols() {
        let x = standard(chosen.iter().map(|&i| inputs[(i, j)]).collect());
        features.push(standard(x.iter().map(|x| x * x).collect()));
        features.push(x);
    }
    let mut products = Vec::new();
    for a in 0..outputs {
        for b in a..outputs {
            let column = chosen
                .iter()
                .map(|&i| residuals[(i, a)] * residuals[(i, b)]);
            products.push(standard(column.collect()));
        }
    }
    let features = Mat::from_fn(features.len(), rows, |f, i| features[f][i]);
    let statistic = |order: &[usize]| {
        let ordered = Mat::from_fn(rows, products.len(), |i, p| products[p][order[i]]);
        (&features * ordered).squared_norm_l2()
    };
    let mut order: Vec<usize> = (0..rows).collect();
    let observed = statistic(&order);
    let orders: Vec<Vec<usize>> = (0..DRAWS)
        .map(|_| {
            shuffle(&mut order, stream);
            order.clone()
        })
        .collect();
    let stop = Stop::here();
    let beyond = orders.par_iter().map(|order| {
        stop.asked()?;
        Ok(statistic(order) >= observed)
    });
    let beyond: Vec<bool> = beyond.collect::<Result<_, Stopped>>()?;
    let count = beyond.into_iter().filter(|&beyond| beyond).count();
    Ok(Trial::new(count, rows))
}
