//! Intervals by resampled cells: what whole cells of runs, and not single runs, leave open.

use thalweg::random::{Purpose, Stream};

/// Of the resamples' numbers so many lie outside the interval, half on each side.
const OUTSIDE: f64 = 0.05;

/// A statistic with what the choice of cells leaves open about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampled {
    /// Of the cells as they are.
    pub value: f64,
    /// The standard deviation over resamples.
    pub error: f64,
    /// The bootstrap's 95 % interval, by percentiles.
    pub interval: [f64; 2],
}

/// `statistics` of cells in groups, with errors by the cluster bootstrap: in each resample every group has as many cells as before, each drawn
/// from that group's with replacement and taken whole. Runs of one cell share what the cell has in common, so that resampled runs would count
/// them as independent. `cells` says how many each group has; `statistics` gets the drawn cells of each group by their index, and gives nothing
/// where they do not define one. All of its numbers are of the same resamples, so that differences between them can be among them.
///
/// Nothing for a statistic that the cells as they are do not define, or fewer than nine in ten resamples.
///
/// ```
/// use thalweg_report::statistics::resampled;
///
/// let cells = [[1.0, 2.0, 6.0]];
/// let mean = |drawn: &[Vec<usize>]| {
///     let sum: f64 = drawn[0].iter().map(|&cell| cells[0][cell]).sum();
///     [Some(sum / 3.0)]
/// };
/// let [found] = resampled(&[3], 1, 2000, mean);
/// let found = found.unwrap();
/// assert_eq!(found.value, 3.0);
/// // √(Σ(x − 3)²/3/3), by the law of a mean of three draws.
/// assert!((found.error / (14.0_f64 / 9.0).sqrt() - 1.0).abs() < 0.05);
/// ```
pub fn resampled<const N: usize>(
    cells: &[usize],
    seed: u64,
    resamples: usize,
    statistics: impl Fn(&[Vec<usize>]) -> [Option<f64>; N],
) -> [Option<Resampled>; N] {
    let mut stream = Stream::new(seed, Purpose::Redraws);
    let all: Vec<Vec<usize>> = cells.iter().map(|&count| (0..count).collect()).collect();
    let values = statistics(&all);
    let mut drawn = all;
    let mut found: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(resamples));
    for _ in 0..resamples {
        for group in &mut drawn {
            let count = group.len();
            for cell in group.iter_mut() {
                *cell = ((stream.uniform() * count as f64) as usize).min(count - 1);
            }
        }
        for (found, value) in found.iter_mut().zip(statistics(&drawn)) {
            found.extend(value);
        }
    }
    let mut found = found.into_iter();
    values.map(|value| {
        let found = found.next()?;
        summary(value?, found, resamples)
    })
}

fn summary(value: f64, mut found: Vec<f64>, resamples: usize) -> Option<Resampled> {
    let count = found.len();
    if count < 2 || 10 * count < 9 * resamples {
        return None;
    }
    found.sort_by(f64::total_cmp);
    let mean = found.iter().sum::<f64>() / count as f64;
    let spread: f64 = found.iter().map(|x| (x - mean).powi(2)).sum();
    let at = |part: f64| found[((part * count as f64) as usize).min(count - 1)];
    Some(Resampled {
        value,
        error: (spread / (count - 1) as f64).sqrt(),
        interval: [at(OUTSIDE / 2.0), at(1.0 - OUTSIDE / 2.0)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of drawn cells that are the first of two is binomial: ½ ± √(1/4n), and 95 % between the binomial's own percentiles.
    #[test]
    fn the_error_is_that_of_drawing_cells() {
        let n = 64;
        let part = |drawn: &[Vec<usize>]| {
            let first = drawn[0].iter().filter(|&&cell| cell < n / 2).count();
            [Some(first as f64 / n as f64)]
        };
        let [found] = resampled(&[n], 3, 4000, part);
        let found = found.unwrap();
        assert_eq!(found.value, 0.5);
        assert!(
            (found.error / (0.25 / n as f64).sqrt() - 1.0).abs() < 0.05,
            "{found:?}"
        );
        // The 2.5 % quantile of Binomial(64, ½) is 24, the 97.5 % one 40.
        for (end, expected) in found.interval.into_iter().zip([24.0, 40.0]) {
            assert!((end * n as f64 - expected).abs() <= 1.0, "{found:?}");
        }
    }

    /// Every group keeps its size, and draws from itself.
    #[test]
    fn groups_are_drawn_from_by_themselves() {
        let check = |drawn: &[Vec<usize>]| {
            assert_eq!([drawn[0].len(), drawn[1].len()], [2, 5]);
            assert!(drawn[0].iter().all(|&cell| cell < 2) && drawn[1].iter().all(|&cell| cell < 5));
            [Some(0.0)]
        };
        let _: [Option<Resampled>; 1] = resampled(&[2, 5], 1, 50, check);
    }

    #[test]
    fn what_most_resamples_do_not_define_is_not_given() {
        let rarely = |drawn: &[Vec<usize>]| {
            let same = drawn[0] == [0, 1, 2];
            [same.then_some(1.0), Some(drawn[0][0] as f64)]
        };
        let [rare, always] = resampled(&[3], 1, 500, rarely);
        assert_eq!(rare, None);
        assert_eq!(always.unwrap().value, 0.0);
    }
}
