//! One table of a whole sweep: where each seed of each cell ended, or everything that was measured, with the axes as columns.

use std::path::Path;

use serde::Serialize;

use super::columns::{Entries, Writer};
use super::error::SweepError;
use super::limits::Limits;
use super::pack::{CellOutcome, CellRecord, Packs};
use super::store::Store;
use crate::quantity;
use crate::run::{AtStep, Measurements};
use crate::spec::Node;
use crate::store::{RunOutcome, StoreError, write_whole};

/// What the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A row for each cell, seed and quantity: where it began and where it ended, with theory beside.
    Ends,
    /// A row for each cell, seed, measured step and quantity.
    Curves,
}

impl Contents {
    /// The name of the table's file in the store, where no other is given.
    pub fn file(self) -> &'static str {
        match self {
            Self::Ends => "ends.parquet",
            Self::Curves => "curves.parquet",
        }
    }
}

/// Where one seed of a cell began and ended in one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct End {
    /// Which run.
    pub seed: u64,
    /// The step at which it diverged: it has no end then.
    pub diverged_at: Option<u64>,
    /// How many seeds of its cell diverged: where it is not 0, a mean over the ends is over the others alone.
    pub diverged_seeds: usize,
    /// A key of [`crate::quantity`].
    pub quantity: String,
    /// The last step of the run.
    pub step: u64,
    /// At step 0.
    pub start: Option<f64>,
    /// At the last step.
    pub end: Option<f64>,
    /// The mean over the measured steps of the last fifth.
    pub last_fifth: Option<f64>,
    /// The limit η → 0, t → ∞, where there is a theory.
    pub limit: Option<f64>,
    /// T of the flattest minimum, beside the sharpness.
    pub flattest: Option<f64>,
}

/// What became of one cell, with its ends; a cell that could not be run has none.
#[derive(Clone, Debug, PartialEq)]
pub struct CellEnds {
    /// Its number.
    pub number: usize,
    /// What became of it.
    pub record: CellRecord,
    /// Seed by seed, quantity by quantity.
    pub ends: Vec<End>,
}

/// The ends of all cells that are done, in their order.
///
/// # Errors
/// When a file of the store cannot be read.
pub fn ends(store: &Store) -> Result<Vec<CellEnds>, SweepError> {
    let packs = Packs::read(&store.packs())?;
    let all: Vec<usize> = (0..store.cells().len()).collect();
    ends_of_cells(store, &packs, &all)
}

/// Those of the cells `numbers` that are done.
pub(super) fn ends_of_cells(
    store: &Store,
    packs: &Packs,
    numbers: &[usize],
) -> Result<Vec<CellEnds>, SweepError> {
    let keys = store.keys_of(numbers);
    let visited = packs.visit(&keys, |place, record, measurements| {
        let cell = store.sweep().cell(numbers[place])?;
        let limits = match record.outcome {
            CellOutcome::Finished(_) => Limits::of(&cell.experiment),
            CellOutcome::Failed(_) => Limits::default(),
        };
        Ok(CellEnds {
            number: cell.number,
            record: record.clone(),
            ends: ends_of(record, &measurements, cell.experiment.steps(), &limits),
        })
    })?;
    Ok(visited.into_iter().flatten().collect())
}

fn ends_of(
    record: &CellRecord,
    measurements: &Measurements,
    steps: u64,
    limits: &Limits,
) -> Vec<End> {
    let CellOutcome::Finished(runs) = &record.outcome else {
        return Vec::new();
    };
    let last = quantity::end(steps);
    let diverged = |run: &&RunOutcome| run.diverged_at.is_some();
    let diverged_seeds = runs.iter().filter(diverged).count();
    let mut ends = Vec::new();
    for run in runs {
        for name in measurements.quantities() {
            let series = measurements.series(name, run.seed);
            let at = |step| {
                series
                    .iter()
                    .find(|point| point.step == step)
                    .map(|p| p.value)
            };
            let whole = run.diverged_at.is_none();
            let window: Vec<f64> = series
                .iter()
                .filter(|point: &&AtStep<f64>| whole && last.contains(&point.step))
                .map(|point| point.value)
                .collect();
            ends.push(End {
                seed: run.seed,
                diverged_at: run.diverged_at,
                diverged_seeds,
                quantity: name.clone(),
                step: steps,
                start: at(0),
                end: at(steps).filter(|_| whole),
                last_fifth: quantity::average(&window),
                limit: limits.limit.get(name).copied(),
                flattest: limits.flattest.filter(|_| *name == quantity::SHARPNESS.key),
            });
        }
    }
    ends
}

/// Every measured step of the cells `numbers` of `store` that ran to their end, in the order of `numbers`: the number, what became
/// of it, and what was measured.
///
/// # Errors
/// When a file of the store cannot be read.
pub fn curves(
    store: &Store,
    numbers: &[usize],
) -> Result<Vec<(usize, CellRecord, Measurements)>, SweepError> {
    let packs = Packs::read(&store.packs())?;
    let read = |place: usize, record: &CellRecord, measurements| {
        Ok((numbers[place], record.clone(), measurements))
    };
    let visited = packs.visit(&store.keys_of(numbers), read)?;
    let finished = |(_, record, _): &(usize, CellRecord, Measurements)| !record.has_failed();
    Ok(visited.into_iter().flatten().filter(finished).collect())
}

/// Writes the table of `store` to the Parquet file `path`, cell by cell in their order, and gives the number of its rows. Its
/// bytes depend on the sweep alone, not on how or where the cells were run.
///
/// # Errors
/// When no cell is finished, or a file cannot be read or written.
pub fn write_table(store: &Store, contents: Contents, path: &Path) -> Result<usize, SweepError> {
    let packs = Packs::read(&store.packs())?;
    if !store.keys().iter().any(|&key| packs.get(key).is_some()) {
        return Err(SweepError::NothingFinished {
            store: store.path().to_owned(),
        });
    }
    let failed = |source| StoreError::Write {
        path: path.to_owned(),
        source,
    };
    let convention = store.sweep().cell(0)?.experiment.loss_convention();
    let mut rows = Rows::new(store, contents);
    let mut writer = Writer::new(Vec::new(), &rows.columns, convention).map_err(failed)?;
    let mut count = 0;
    let mut put = |rows: &mut Rows<'_>| -> Result<(), SweepError> {
        count += rows.len();
        writer.group(&rows.columns).map_err(failed)?;
        rows.clear();
        Ok(())
    };
    for numbers in &blocks(store, &packs) {
        match contents {
            Contents::Ends => {
                for cell in ends_of_cells(store, &packs, numbers)? {
                    rows.ends(&cell);
                    if rows.len() >= GROUP {
                        put(&mut rows)?;
                    }
                }
            }
            Contents::Curves => {
                let read = |place, _: &CellRecord, measurements| Ok((place, measurements));
                let visited = packs.visit(&store.keys_of(numbers), read)?;
                for (place, measurements) in visited.into_iter().flatten() {
                    rows.curves(numbers[place], &measurements);
                    if rows.len() >= GROUP {
                        put(&mut rows)?;
                    }
                }
            }
        }
    }
    if rows.len() > 0 {
        put(&mut rows)?;
    }
    let bytes = writer.close().map_err(failed)?;
    write_whole(path, &bytes)?;
    Ok(count)
}

/// Rows of a group, about: a group ends with a cell.
const GROUP: usize = 1 << 16;

/// Cells, and rows measured of them, that are held in memory together. A pack is read once for each block that it has a cell in, so
/// that blocks smaller than packs would read packs many times.
const BLOCK_CELLS: usize = 1 << 14;
const BLOCK_ROWS: usize = 1 << 20;

/// The cells of `store` in their order, in parts that are read together.
fn blocks(store: &Store, packs: &Packs) -> Vec<Vec<usize>> {
    let (mut blocks, mut block) = (Vec::new(), Vec::new());
    let mut rows = 0;
    for (number, cell) in store.cells().iter().enumerate() {
        rows += packs.get(cell.key).map_or(0, |record| record.rows);
        block.push(number);
        if block.len() >= BLOCK_CELLS || rows >= BLOCK_ROWS {
            blocks.push(std::mem::take(&mut block));
            rows = 0;
        }
    }
    blocks.push(block);
    blocks
}

/// Rows that are not written yet.
struct Rows<'s> {
    store: &'s Store,
    columns: Vec<(String, Entries)>,
    /// How many columns the cell and the axes have.
    axes: usize,
}

impl<'s> Rows<'s> {
    fn new(store: &'s Store, contents: Contents) -> Self {
        use Entries::{Number, Text, Whole};
        let mut columns = vec![("cell".to_owned(), Whole(Vec::new()))];
        for column in store.sweep().columns() {
            let all = |is: fn(&Node) -> bool| column.values.iter().all(is);
            let entries = if all(|node| matches!(node, Node::Integer(_))) {
                Whole(Vec::new())
            } else if all(|node| matches!(node, Node::Integer(_) | Node::Float(_))) {
                Number(Vec::new())
            } else {
                Text(Vec::new())
            };
            columns.push((column.name.clone(), entries));
        }
        let axes = columns.len();
        let more = match contents {
            Contents::Ends => vec![
                ("outcome", Text(Vec::new())),
                ("reason", Text(Vec::new())),
                ("seed", Whole(Vec::new())),
                ("diverged_at", Whole(Vec::new())),
                ("diverged_seeds", Whole(Vec::new())),
                ("quantity", Text(Vec::new())),
                ("step", Whole(Vec::new())),
                ("start", Number(Vec::new())),
                ("end", Number(Vec::new())),
                ("last_fifth", Number(Vec::new())),
                ("limit", Number(Vec::new())),
                ("flattest", Number(Vec::new())),
            ],
            Contents::Curves => vec![
                ("seed", Whole(Vec::new())),
                ("step", Whole(Vec::new())),
                ("slow_time", Number(Vec::new())),
                ("quantity", Text(Vec::new())),
                ("value", Number(Vec::new())),
            ],
        };
        columns.extend(
            more.into_iter()
                .map(|(name, entries)| (name.to_owned(), entries)),
        );
        Self {
            store,
            columns,
            axes,
        }
    }

    fn len(&self) -> usize {
        self.columns[0].1.len()
    }

    fn clear(&mut self) {
        for (_, entries) in &mut self.columns {
            match entries {
                Entries::Whole(all) => all.clear(),
                Entries::Number(all) => all.clear(),
                Entries::Text(all) => all.clear(),
            }
        }
    }

    /// Begins a row of the cell `number`, and ends it with `rest`.
    fn row<const N: usize>(&mut self, number: usize, rest: [Entry<'_>; N]) {
        let whole = |value: u64| i64::try_from(value).ok();
        push(&mut self.columns[0].1, Entry::Whole(whole(number as u64)));
        for (place, value) in self.store.sweep().point(number).into_iter().enumerate() {
            let entries = &mut self.columns[1 + place].1;
            match value.node() {
                Node::Integer(integer) if matches!(entries, Entries::Whole(_)) => {
                    push(entries, Entry::Whole(i64::try_from(*integer).ok()));
                }
                _ if matches!(entries, Entries::Number(_)) => {
                    push(entries, Entry::Number(value.number()));
                }
                _ => push(entries, Entry::Text(Some(&value.words()))),
            }
        }
        for ((_, entries), entry) in self.columns[self.axes..].iter_mut().zip(rest) {
            push(entries, entry);
        }
    }

    fn ends(&mut self, cell: &CellEnds) {
        use Entry::{Number, Text, Whole};
        let whole = |value: u64| i64::try_from(value).ok();
        if let CellOutcome::Failed(reason) = &cell.record.outcome {
            let none = [
                Whole(None),
                Whole(None),
                Whole(None),
                Text(None),
                Whole(None),
            ];
            let [seed, diverged_at, diverged_seeds, quantity, step] = none;
            let numbers = [
                Number(None),
                Number(None),
                Number(None),
                Number(None),
                Number(None),
            ];
            let [start, end, last_fifth, limit, flattest] = numbers;
            self.row(
                cell.number,
                [
                    Text(Some("failed")),
                    Text(Some(reason)),
                    seed,
                    diverged_at,
                    diverged_seeds,
                    quantity,
                    step,
                    start,
                    end,
                    last_fifth,
                    limit,
                    flattest,
                ],
            );
        }
        for end in &cell.ends {
            let outcome = match end.diverged_at {
                None => "finished",
                Some(_) => "diverged",
            };
            self.row(
                cell.number,
                [
                    Text(Some(outcome)),
                    Text(None),
                    Whole(whole(end.seed)),
                    Whole(end.diverged_at.and_then(whole)),
                    Whole(whole(end.diverged_seeds as u64)),
                    Text(Some(&end.quantity)),
                    Whole(whole(end.step)),
                    Number(end.start),
                    Number(end.end),
                    Number(end.last_fifth),
                    Number(end.limit),
                    Number(end.flattest),
                ],
            );
        }
    }

    fn curves(&mut self, number: usize, measurements: &Measurements) {
        use Entry::{Number, Text, Whole};
        let columns = measurements.columns();
        for row in 0..columns.seed.len() {
            self.row(
                number,
                [
                    Whole(i64::try_from(columns.seed[row]).ok()),
                    Whole(i64::try_from(columns.step[row]).ok()),
                    Number(Some(columns.slow_time[row])),
                    Text(Some(columns.quantity[row])),
                    Number(Some(columns.value[row])),
                ],
            );
        }
    }
}

/// One entry of a row.
enum Entry<'e> {
    Whole(Option<i64>),
    Number(Option<f64>),
    Text(Option<&'e str>),
}

fn push(entries: &mut Entries, entry: Entry<'_>) {
    match (entries, entry) {
        (Entries::Whole(all), Entry::Whole(value)) => all.push(value),
        (Entries::Number(all), Entry::Number(value)) => all.push(value),
        (Entries::Text(all), Entry::Text(value)) => all.push(value.map(str::to_owned)),
        // Columns and rows are laid out side by side above.
        _ => {}
    }
}
