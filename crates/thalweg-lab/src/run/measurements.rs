//! Measurements in long form, one row for each seed, step and quantity, with the usual questions to them.

use std::ops::{Range, RangeInclusive};

use serde::Serialize;

use super::seed_mean::SeedMean;

/// What was measured, in the order of measurement; [`columns`](Self::columns) has it as columns of equal length.
///
/// The quantities of a simulation are `sharpness`, `lambda_max`, `fluctuation`,
/// `gradient_second_moment`, `loss`, `product_error` (see [`thalweg::simulate::Observation`]) and
/// `condition_number_1` … `condition_number_D`. A run that has diverged has no rows from there on, and a
/// value that could not be computed has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    quantities: Vec<String>,
    rows: Vec<Row>,
}

/// One measured value; its quantity is an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    pub(crate) slow_time: f64,
    pub(crate) quantity: usize,
    pub(crate) value: f64,
}

/// The columns of [`Measurements`], all of one length: a row is one seed, step and quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns<'m> {
    /// Which run.
    pub seed: Vec<u64>,
    /// t, in steps.
    pub step: Vec<u64>,
    /// The slow time u = η² t / B of each row.
    pub slow_time: Vec<f64>,
    /// Its name, a key of [`crate::quantity`].
    pub quantity: Vec<&'m str>,
    /// In the quantity's unit.
    pub value: Vec<f64>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AtStep<T> {
    /// t, in steps.
    pub step: u64,
    /// The slow time u = η² t / B at that step.
    pub slow_time: f64,
    /// What was measured there.
    pub value: T,
}

impl Measurements {
    /// Bytes that `rows` rows take: while they are read from a file, in a list that grows by doubling, beside
    /// what a comparison picks of them.
    pub(crate) fn memory(rows: usize) -> u64 {
        (rows as u64).saturating_mul(3 * size_of::<Row>() as u64)
    }

    /// Adds what was measured of one seed at one step; `slow_time` is u = η² t / B.
    pub fn push(&mut self, seed: u64, step: u64, slow_time: f64, quantity: &str, value: f64) {
        let quantity = match self.index(quantity) {
            Some(index) => index,
            None => {
                self.quantities.push(quantity.to_owned());
                self.quantities.len() - 1
            }
        };
        self.rows.push(Row {
            seed,
            step,
            slow_time,
            quantity,
            value,
        });
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn clear_rows(&mut self) {
        self.rows.clear();
    }

    /// Puts the rows of `other` behind its own.
    pub(crate) fn append(&mut self, other: &Self) {
        self.rows.reserve(other.rows.len());
        for row in &other.rows {
            let Row {
                seed,
                step,
                slow_time,
                value,
                ..
            } = *row;
            self.push(
                seed,
                step,
                slow_time,
                &other.quantities[row.quantity],
                value,
            );
        }
    }

    /// The rows in `range`, which must be there, alone.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        for row in &self.rows[range] {
            let quantity = &self.quantities[row.quantity];
            part.push(row.seed, row.step, row.slow_time, quantity, row.value);
        }
        part
    }

    /// Without what was measured after `step`.
    pub(crate) fn until(mut self, step: u64) -> Self {
        self.rows.retain(|row| row.step <= step);
        self
    }

    /// All rows column by column, as tables and arrays of other languages take them.
    ///
    /// ```
    /// let mut measurements = thalweg_lab::run::Measurements::default();
    /// measurements.push(7, 100, 0.5, "sharpness", 12.5);
    /// measurements.push(7, 100, 0.5, "loss", 0.25);
    /// let columns = measurements.columns();
    /// assert_eq!(columns.quantity, ["sharpness", "loss"]);
    /// assert_eq!(columns.value, [12.5, 0.25]);
    /// ```
    pub fn columns(&self) -> Columns<'_> {
        let rows = || self.rows.iter();
        Columns {
            seed: rows().map(|row| row.seed).collect(),
            step: rows().map(|row| row.step).collect(),
            slow_time: rows().map(|row| row.slow_time).collect(),
            quantity: rows().map(|row| &*self.quantities[row.quantity]).collect(),
            value: rows().map(|row| row.value).collect(),
        }
    }

    fn index(&self, quantity: &str) -> Option<usize> {
        self.quantities.iter().position(|name| name == quantity)
    }

    /// The names of what was measured, in the order of first appearance.
    pub fn quantities(&self) -> &[String] {
        &self.quantities
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The seeds, in the order of first appearance.
    pub fn seeds(&self) -> Vec<u64> {
        let mut seen = std::collections::HashSet::new();
        self.rows
            .iter()
            .map(|row| row.seed)
            .filter(|seed| seen.insert(*seed))
            .collect()
    }

    /// `quantity` along the run of `seed`; empty where there is none.
    pub fn series(&self, quantity: &str, seed: u64) -> Vec<AtStep<f64>> {
        self.of(quantity)
            .filter(|row| row.seed == seed)
            .map(|row| row.point(row.value))
            .collect()
    }

    /// The mean of `quantity` across the seeds that have it, at each measured step.
    pub fn mean(&self, quantity: &str) -> Vec<AtStep<SeedMean>> {
        let rows: Vec<&Row> = self.of(quantity).collect();
        rows.chunk_by(|a, b| a.step == b.step)
            .filter_map(|group| {
                let values: Vec<f64> = group.iter().map(|row| row.value).collect();
                Some(group[0].point(SeedMean::of(&values)?))
            })
            .collect()
    }

    /// `quantity` averaged over the measured steps in `steps` for each seed, then across seeds.
    ///
    /// Only seeds measured at every one of those steps count: one that diverges on the way would
    /// weigh in with its first part alone. `None` if there is no such seed, or no step.
    pub fn window(&self, quantity: &str, steps: RangeInclusive<u64>) -> Option<SeedMean> {
        let averages = self.window_by_seed(quantity, steps);
        SeedMean::of(&averages.iter().map(|(_, value)| *value).collect::<Vec<_>>())
    }

    /// The averages of which [`window`](Self::window) is the mean, each with its seed.
    pub fn window_by_seed(&self, quantity: &str, steps: RangeInclusive<u64>) -> Vec<(u64, f64)> {
        let rows: Vec<&Row> = self
            .of(quantity)
            .filter(|row| steps.contains(&row.step))
            .collect();
        let measured = rows.chunk_by(|a, b| a.step == b.step).count();
        let mut seeds: Vec<(u64, usize, f64)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for row in rows {
            let place = *places.entry(row.seed).or_insert(seeds.len());
            if place == seeds.len() {
                seeds.push((row.seed, 0, 0.0));
            }
            seeds[place].1 += 1;
            seeds[place].2 += row.value;
        }
        let complete = seeds.into_iter().filter(|(_, count, _)| *count == measured);
        complete
            .map(|(seed, count, sum)| (seed, sum / count as f64))
            .collect()
    }

    /// The steps in `steps` at which any seed's `quantity` was measured, ascending.
    pub fn steps_in(&self, quantity: &str, steps: RangeInclusive<u64>) -> Vec<u64> {
        let mut found: Vec<u64> = self
            .of(quantity)
            .map(|row| row.step)
            .filter(|step| steps.contains(step))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn of(&self, quantity: &str) -> impl Iterator<Item = &Row> {
        let index = self.index(quantity);
        self.rows
            .iter()
            .filter(move |row| Some(row.quantity) == index)
    }
}

impl Row {
    fn point<T>(&self, value: T) -> AtStep<T> {
        AtStep {
            step: self.step,
            slow_time: self.slow_time,
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seeds, steps 0, 5 and 10; seed 9 diverges after step 5.
    fn measurements() -> Measurements {
        let mut measurements = Measurements::default();
        for (seed, step, value) in [
            (4, 0, 1.0),
            (9, 0, 3.0),
            (4, 5, 2.0),
            (9, 5, 8.0),
            (4, 10, 6.0),
        ] {
            let slow_time = step as f64 / 10.0;
            measurements.push(seed, step, slow_time, "sharpness", value);
            measurements.push(seed, step, slow_time, "loss", -value);
        }
        measurements
    }

    #[test]
    fn series_follow_one_seed() {
        let series = measurements().series("loss", 9);
        let values: Vec<_> = series
            .iter()
            .map(|p| (p.step, p.slow_time, p.value))
            .collect();
        assert_eq!(values, [(0, 0.0, -3.0), (5, 0.5, -8.0)]);
        assert!(measurements().series("lambda_max", 9).is_empty());
        assert_eq!(measurements().seeds(), [4, 9]);
    }

    #[test]
    fn means_count_the_seeds_that_are_left() {
        let means = measurements().mean("sharpness");
        let values: Vec<_> = means
            .iter()
            .map(|p| (p.step, p.value.mean, p.value.count))
            .collect();
        assert_eq!(values, [(0, 2.0, 2), (5, 5.0, 2), (10, 6.0, 1)]);
        assert_eq!(means[1].value.standard_error, Some(3.0));
    }

    #[test]
    fn windows_average_each_seed_first_and_leave_out_the_diverged() {
        let measurements = measurements();
        let early = measurements.window("sharpness", 0..=5).unwrap();
        assert_eq!((early.mean, early.count), ((1.5 + 5.5) / 2.0, 2));
        let late = measurements.window("sharpness", 5..=10).unwrap();
        assert_eq!((late.mean, late.count), (4.0, 1));
        assert_eq!(measurements.window("sharpness", 11..=20), None);
    }
}
