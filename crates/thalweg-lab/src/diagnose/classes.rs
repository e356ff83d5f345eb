//! The noise of each class's own rows: how much of all it is, and how far it lies along one direction.

use faer::Mat;
use serde::Serialize;

use super::diagnosis::spectrum;
use super::interval::Interval;
use super::noise::second_moment;

/// Classes of which each one's matrix is given.
const MATRICES: usize = 20;

/// The residuals of the rows of one class, among the rows that are kept (at most 4096, drawn evenly from all).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassNoise {
    /// How many rows.
    pub rows: usize,
    /// The mean of ‖r‖² over them.
    pub squared_residual: Interval,
    /// Their part of Σ‖r‖² over all rows: more than their part of the rows where a class is harder than others.
    pub share_of_noise: Interval,
    /// λ_1/tr of the mean of r rᵀ over them: 1 where each of them is mistaken in the same way, 1/(K − 1) where in all ways equally.
    pub along_one_direction: f64,
    /// The mean of r rᵀ over them, K × K, row by row; nothing of more than 20 classes, whose matrices would be most of the answer.
    pub second_moment: Option<Vec<Vec<f64>>>,
}

/// Of each class how many rows and Σ‖r‖² over them.
pub(super) type Sums = Vec<(f64, f64)>;

/// Those of rows with these `squares`, of the class that `class` says, as often as `times` says.
pub(super) fn sums(
    classes: usize,
    class: &[usize],
    squares: &[f64],
    times: impl Fn(usize) -> f64,
) -> Sums {
    let mut sums = vec![(0.0, 0.0); classes];
    for (row, (&class, square)) in class.iter().zip(squares).enumerate() {
        let (count, sum) = &mut sums[class];
        *count += times(row);
        *sum += times(row) * square;
    }
    sums
}

/// ‖r‖² of each row of `residuals`.
pub(super) fn squares(residuals: &Mat<f64>) -> Vec<f64> {
    residuals
        .row_iter()
        .map(|row| row.squared_norm_l2())
        .collect()
}

/// Class by class, with none where there is no row of it. `residuals` is n × K, and `class` says of each row which class it is of; `again` has the sums
/// of resampled rows by the residuals of their own fits.
pub(super) fn of_classes(
    residuals: &Mat<f64>,
    class: &[usize],
    again: &[Sums],
) -> Vec<Option<ClassNoise>> {
    let classes = residuals.ncols();
    let found = sums(classes, class, &squares(residuals), |_| 1.0);
    let noise = |c: usize| {
        let own: Vec<usize> = (0..class.len()).filter(|&i| class[i] == c).collect();
        if own.is_empty() {
            return None;
        }
        let part = Mat::from_fn(own.len(), classes, |i, j| residuals[(own[i], j)]);
        let moment = second_moment(&part);
        let values = spectrum(&moment, classes);
        let row = |i: usize| (0..classes).map(|j| moment[(i, j)]).collect();
        let number = |of: fn(&[(f64, f64)], usize) -> f64| {
            Interval::new(of(&found, c), again.iter().map(|sums| of(sums, c)))
        };
        Some(ClassNoise {
            rows: own.len(),
            squared_residual: number(|sums, c| sums[c].1 / sums[c].0),
            share_of_noise: number(|sums, c| {
                sums[c].1 / sums.iter().map(|(_, sum)| sum).sum::<f64>()
            }),
            along_one_direction: values[0] / values.iter().sum::<f64>(),
            second_moment: (classes <= MATRICES).then(|| (0..classes).map(row).collect()),
        })
    };
    (0..classes).map(noise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::random::{Purpose, Stream};

    use crate::diagnose::draw::resampled;

    /// Rows of class 0 are wrong by (1, −1)/√2 or its opposite, of which the square is 1, and those of class 1 by twice as much along both axes
    /// in turn: ‖r‖² = 4. A quarter of the rows are of class 0.
    #[test]
    fn a_case_by_hand() {
        let half = 0.5_f64.sqrt();
        let (mut rows, mut class) = (Vec::new(), Vec::new());
        for i in 0..400 {
            let sign = if i % 8 < 4 { 1.0 } else { -1.0 };
            let (row, of) = match i % 4 {
                0 => ([sign * half, -sign * half], 0),
                1 | 2 if sign > 0.0 => ([2.0, 0.0], 1),
                3 if sign > 0.0 => ([-2.0, 0.0], 1),
                _ => ([0.0, 2.0], 1),
            };
            rows.push(row);
            class.push(of);
        }
        let residuals = Mat::from_fn(400, 2, |i, j| rows[i][j]);
        let mut stream = Stream::new(1, Purpose::Redraws);
        let own = squares(&residuals);
        let mut drawn = || {
            let mut times = vec![0.0; own.len()];
            for row in resampled(own.len(), &mut stream) {
                times[row] += 1.0;
            }
            sums(2, &class, &own, |row| times[row])
        };
        let again: Vec<Sums> = (0..400).map(|_| drawn()).collect();
        let [Some(first), Some(second)] = &of_classes(&residuals, &class, &again)[..] else {
            unreachable!("both classes have rows");
        };
        assert_eq!((first.rows, second.rows), (100, 300));
        assert!((first.squared_residual.value - 1.0).abs() < 1e-12);
        assert!((second.squared_residual.value - 4.0).abs() < 1e-12);
        assert!((first.share_of_noise.value - 1.0 / 13.0).abs() < 1e-12);
        assert!((first.along_one_direction - 1.0).abs() < 1e-12);
        assert!((second.along_one_direction - 0.5).abs() < 1e-12);
        // (1, −1)/√2 times itself; 4 on each axis for half of the rows.
        for (found, expected) in [
            (first, [[0.5, -0.5], [-0.5, 0.5]]),
            (second, [[2.0, 0.0], [0.0, 2.0]]),
        ] {
            let found = found.second_moment.as_ref().unwrap();
            let entries = found.iter().flatten().zip(expected.iter().flatten());
            assert!(
                entries.into_iter().all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?}"
            );
        }
        // n_0 of the resamples is binomial, 100 ± 8.7, so that the share is 0.077 with an interval of about 0.019 each way.
        let [low, high] = first.share_of_noise.interval;
        assert!(
            (0.050..0.066).contains(&low) && (0.086..0.105).contains(&high),
            "{low} {high}"
        );
        // Its rows are all alike: nothing is left to chance.
        let [low, high] = first.squared_residual.interval;
        assert!((high - low).abs() < 1e-12);
    }

    #[test]
    fn a_class_without_rows_has_no_noise() {
        let residuals = Mat::from_fn(4, 2, |i, j| (i + j) as f64);
        assert_eq!(of_classes(&residuals, &[0; 4], &[])[1], None);
    }
}
