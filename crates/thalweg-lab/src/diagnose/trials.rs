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
    /// n × rank Σε, in an orthonormal basis of the range of Σε.
    residuals: Mat<f64>,
}

impl<'t> Trials<'t> {
    /// Of `residuals`, n × d_y, of which only `rank` directions move, to `inputs`, n × d_x.
    pub fn new(inputs: &'t Mat<f64>, residuals: &Mat<f64>, rank: usize) -> Self {
        let size = residuals.ncols();
        let residuals = match Spectral::of(second_moment(residuals).as_ref()) {
            Some(moment) if rank < size => residuals * moment.vectors.subcols(size - rank, rank),
            _ => residuals.clone(),
        };
        Self { inputs, residuals }
    }
}

/// The probability, if Σε were proportional to I, of residuals as unequal as these or more so.
///
/// The statistic is Mauchly's, log det S − p log(tr S/p) (1940), with its sign turned; its law is that of rows drawn with replacement from the
/// whitened residuals, for which the hypothesis holds, so that no normal law is assumed.
///
/// # Errors
/// When it was asked to stop; so for the other tests.
pub(super) fn isotropy(trials: &Trials<'_>, stream: &mut Stream) -> Result<Trial, Stopped> {
    let residuals = &trials.residuals;
    let (rows, outputs) = (residuals.nrows(), residuals.ncols());
    if outputs == 1 {
        return Ok(Trial { p_value: 1.0, rows });
    }
    let observed = unequal(residuals);
    let white = whitened(residuals);
    let (mut beyond, stop) = (0, Stop::here());
    for _ in 0..DRAWS {
        stop.asked()?;
        let drawn = resampled(rows, stream);
        let drawn = Mat::from_fn(rows, outputs, |i, j| white[(drawn[i], j)]);
        if unequal(&drawn) >= observed {
            beyond += 1;
        }
    }
    Ok(Trial::new(beyond, rows))
}

/// p log(tr S/p) − log det S ≥ 0, 0 where S ∝ I.
fn unequal(residuals: &Mat<f64>) -> f64 {
    unequal_moment(second_moment(residuals).as_ref())
}

/// The same of S, p × p.
fn unequal_moment(moment: MatRef<'_, f64>) -> f64 {
    let outputs = moment.nrows();
    let values = moment
        .self_adjoint_eigenvalues(Side::Lower)
        .unwrap_or_else(|_| vec![f64::NAN; outputs]);
    let mean = values.iter().sum::<f64>() / outputs as f64;
    values
        .iter()
        .map(|value| (mean / value.max(f64::MIN_POSITIVE)).ln())
        .sum()
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

/// R S^{−1/2}.
fn whitened(residuals: &Mat<f64>) -> Mat<f64> {
    match Spectral::of(second_moment(residuals).as_ref()) {
        Some(moment) => residuals * moment.map(|value| 1.0 / value.max(f64::MIN_POSITIVE).sqrt()),
        None => residuals.clone(),
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
