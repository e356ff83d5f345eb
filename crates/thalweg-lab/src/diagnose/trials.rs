//! Two tests of the residuals, each against its own statistic on data for which the hypothesis holds.

use faer::{Mat, Side};
use thalweg::random::Stream;

/// How many data sets stand for the hypothesis.
const DRAWS: usize = 999;

/// The probability, if Σε were proportional to I, of residuals as unequal as these or more so.
///
/// The statistic is Mauchly's, log det S − p log(tr S/p) (1940), with its sign turned; its law is that of rows drawn with replacement from the
/// whitened residuals, for which the hypothesis holds, so that no normal law is assumed.
pub(super) fn isotropy(residuals: &Mat<f64>, stream: &mut Stream) -> f64 {
    let (rows, outputs) = (residuals.nrows(), residuals.ncols());
    if outputs == 1 {
        return 1.0;
    }
    let all: Vec<usize> = (0..rows).collect();
    let observed = unequal(residuals, &all);
    let white = whitened(residuals);
    let mut beyond = 0;
    for _ in 0..DRAWS {
        let drawn: Vec<usize> = (0..rows)
            .map(|_| (stream.uniform() * rows as f64) as usize)
            .collect();
        if unequal(&white, &drawn) >= observed {
            beyond += 1;
        }
    }
    (1 + beyond) as f64 / (1 + DRAWS) as f64
}

/// p log(tr S/p) − log det S ≥ 0, 0 where S ∝ I.
fn unequal(residuals: &Mat<f64>, rows: &[usize]) -> f64 {
    let outputs = residuals.ncols();
    let values = second_moment(residuals, rows)
        .self_adjoint_eigenvalues(Side::Lower)
        .unwrap_or_else(|_| vec![f64::NAN; outputs]);
    let mean = values.iter().sum::<f64>() / outputs as f64;
    values
        .iter()
        .map(|value| (mean / value.max(f64::MIN_POSITIVE)).ln())
        .sum()
}

fn second_moment(residuals: &Mat<f64>, rows: &[usize]) -> Mat<f64> {
    let taken = Mat::from_fn(rows.len(), residuals.ncols(), |i, j| {
        residuals[(rows[i], j)]
    });
    faer::Scale(1.0 / rows.len() as f64) * (taken.transpose() * &taken)
}

/// R S^{−1/2}.
fn whitened(residuals: &Mat<f64>) -> Mat<f64> {
    let all: Vec<usize> = (0..residuals.nrows()).collect();
    let moment = second_moment(residuals, &all);
    match moment.self_adjoint_eigen(Side::Lower) {
        Ok(eigen) => {
            let (values, vectors) = (eigen.S().column_vector(), eigen.U());
            let size = residuals.ncols();
            let scaled = Mat::from_fn(size, size, |i, j| {
                vectors[(i, j)] / values[j].max(f64::MIN_POSITIVE).sqrt()
            });
            residuals * (scaled * vectors.transpose())
        }
        Err(_) => residuals.clone(),
    }
}

/// The probability, if the noise were independent of the inputs, that squares and products of residuals go with the inputs and their
/// squares as much as here or more so.
///
/// The statistic is the sum of squared correlations of each r_a r_b with each x_j and x_j² (after Koenker, 1981); its law is that of shuffled rows.
pub(super) fn heteroscedasticity(
    inputs: &Mat<f64>,
    residuals: &Mat<f64>,
    stream: &mut Stream,
) -> f64 {
    let (rows, outputs) = (inputs.nrows(), residuals.ncols());
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
        let x = standard((0..rows).map(|i| inputs[(i, j)]).collect());
        features.push(standard(x.iter().map(|x| x * x).collect()));
        features.push(x);
    }
    let mut products = Vec::new();
    for a in 0..outputs {
        for b in a..outputs {
            let column = (0..rows).map(|i| residuals[(i, a)] * residuals[(i, b)]);
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
    let mut beyond = 0;
    for _ in 0..DRAWS {
        for i in (1..rows).rev() {
            order.swap(i, (stream.uniform() * (i + 1) as f64) as usize);
        }
        if statistic(&order) >= observed {
            beyond += 1;
        }
    }
    (1 + beyond) as f64 / (1 + DRAWS) as f64
}
