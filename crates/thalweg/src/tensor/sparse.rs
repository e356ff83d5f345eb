//! Products with an input most of whose numbers are 0, as pixels are: the zeros are left out.
//!
//! Sums over inputs are taken one after another in the inputs' order, and sums over samples in theirs, so that
//! their bits depend on nothing but the numbers.

use std::ops::Range;

use super::Number;
use super::lines::Columns;
use super::pack::{Packed, Packs, on_packs};
use super::product::{Matrix, Start};
use super::variable::Variable;
use super::write::Write;
use crate::lanes::{Pack, Vector};

/// Samples treated together: with [`WIDTH`] outputs each they fill the first cache.
const SAMPLES: usize = 128;

/// Packs of outputs treated together, a register each.
const PACKS: usize = 8;

/// The most numbers in [`PACKS`] packs.
const WIDTH: usize = PACKS * <<f32 as Packs>::Pack as Vector<f32>>::LANES;

/// Inputs treated together.
const INPUTS: usize = 32;

/// From one number in this many on that is not 0, dense products are faster.
const DENSE: usize = 3;

/// The numbers of the input that are not 0.
#[derive(Clone, Debug)]
pub(super) struct Sparse<T> {
    variable: Variable,
    columns: Columns,
    useful: bool,
    blocks: usize,
    /// Block by block, line by line, and by samples within a line.
    by_line: Numbers<T>,
    /// Block by block, [`INPUTS`] by [`INPUTS`], sample by sample, and by lines within a sample.
    by_sample: Numbers<T>,
}

/// Lists of numbers, one after another.
#[derive(Clone, Debug)]
struct Numbers<T> {
    /// Where each list begins; and where the last one ends.
    starts: Vec<usize>,
    numbers: Vec<NonZero<T>>,
}

/// A number that is not 0, and its place in a block: its sample in a line's list, its line in a sample's.
#[derive(Clone, Copy, Debug)]
struct NonZero<T> {
    place: u32,
    value: T,
}

impl<T: Number> Sparse<T> {
    /// Of `variable`, which must be the input and have one position. Useless until set.
    pub fn new(variable: Variable) -> Self {
        Self {
            variable,
            columns: Columns::new::<T>(1),
            useful: false,
            blocks: 0,
            by_line: Numbers::new(),
            by_sample: Numbers::new(),
        }
    }

    /// What this is of.
    pub fn variable(&self) -> Variable {
        self.variable
    }

    /// Whether there are enough zeros to go by.
    pub fn useful(&self) -> bool {
        self.useful
    }

    /// Takes the input from the arena of all lines.
    pub fn set(&mut self, arena: &[T], columns: Columns) {
        let input =
            &arena[self.variable.first * columns.stride..][..self.variable.rows * columns.stride];
        let stride = columns.stride;
        self.columns = columns;
        let most = input.len() / DENSE;
        let nonzero = |run: &[T]| run.iter().map(|&x| u32::from(x != T::ZERO)).sum::<u32>();
        let count: usize = input
            .chunks(stride)
            .map(|line| nonzero(line) as usize)
            .sum();
        // As much as any batch of this size may need, so that no later one allocates. Numbers are written
        // before they are looked at: hence the room for one list more.
        self.by_line.clear(most + SAMPLES);
        self.by_sample.clear(most);
        self.useful = count < most;
        if !self.useful {
            return;
        }
        self.blocks = stride.div_ceil(SAMPLES);
        for from in (0..stride).step_by(SAMPLES) {
            let samples = from..stride.min(from + SAMPLES);
            for lines in input.chunks(INPUTS * stride) {
                let first = self.by_line.starts.len() - 1;
                for line in lines.chunks_exact(stride) {
                    self.by_line.push_nonzero(&line[samples.clone()]);
                }
                self.by_sample.push_transposed(&self.by_line, first);
            }
        }
    }

    /// out = start + w · x, where the rows of `out` are lines, `step` apart.
    pub fn map(&self, out: &mut [T], step: usize, w: Matrix<'_, T>, start: Start<'_, T>) {
        on_packs(Map {
            x: self,
            out,
            step,
            w,
            start,
        });
    }

    /// out = or += a · xᵀ, where the rows of `a` are lines and `out` is dense, row after row.
    pub fn pair(&self, out: &mut [T], a: Matrix<'_, T>, write: Write) {
        on_packs(Pair {
            x: self,
            out,
            a,
            write,
        });
    }

    /// The samples of `block`.
    #[inline(always)]
    fn samples(&self, block: usize) -> Range<usize> {
        let from = block * SAMPLES;
        from..self.columns.stride.min(from + SAMPLES)
    }

    /// The runs of inputs that are not all 0 in `block`, with their number.
    #[inline(always)]
    fn tiles(&self, block: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let rows = self.variable.rows;
        let tiles = (0..rows).step_by(INPUTS).enumerate();
        let tiles = tiles.map(move |(tile, from)| (tile, from..rows.min(from + INPUTS)));
        let starts = &self.by_line.starts[block * rows..];
        tiles.filter(|(_, lines)| starts[lines.start] < starts[lines.end])
    }
}

impl<T: Number> Numbers<T> {
    fn new() -> Self {
        Self {
            starts: vec![0],
            numbers: Vec::new(),
        }
    }

    /// No lists, and room for `count` numbers.
    fn clear(&mut self, count: usize) {
        self.starts.clear();
        self.starts.push(0);
        let none = NonZero {
            place: 0,
            value: T::ZERO,
        };
        self.numbers.resize(count, none);
    }

    /// List number `index`.
    #[inline(always)]
    fn list(&self, index: usize) -> &[NonZero<T>] {
        &self.numbers[self.starts[index]..self.starts[index + 1]]
    }

    /// The end of all lists.
    fn end(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// A list of those of `values`, at most [`SAMPLES`], that are not 0.
    fn push_nonzero(&mut self, values: &[T]) {
        let end = self.end();
        let to = &mut self.numbers[end..][..SAMPLES];
        let mut count = 0;
        for (place, &value) in values.iter().enumerate() {
            to[count] = NonZero {
                place: place as u32,
                value,
            };
            count += usize::from(value != T::ZERO);
        }
        self.starts.push(end + count);
    }

    /// A list for each of [`SAMPLES`] samples of what the lists of `lines` from `first` on have of it.
    fn push_transposed(&mut self, lines: &Self, first: usize) {
        let lists = first..lines.starts.len() - 1;
        let mut ends = [0; SAMPLES];
        for number in &lines.numbers[lines.starts[lists.start]..lines.end()] {
            ends[number.place as usize] += 1;
        }
        let mut end = self.end();
        for next in &mut ends {
            end += std::mem::replace(next, end);
            self.starts.push(end);
        }
        for (place, index) in lists.enumerate() {
            for number in lines.list(index) {
                let next = &mut ends[number.place as usize];
                self.numbers[*next] = NonZero {
                    place: place as u32,
                    value: number.value,
                };
                *next += 1;
            }
        }
    }
}

/// The arguments of [`Sparse::map`].
struct Map<'a, T> {
    x: &'a Sparse<T>,
    out: &'a mut [T],
    step: usize,
    w: Matrix<'a, T>,
    start: Start<'a, T>,
}

impl<T: Number> Packed<T> for Map<'_, T> {
    #[inline(always)]
    fn run<P: Pack<T>>(self) {
        let width = PACKS * P::LANES;
        let x = self.x;
        // A row for each sample, and one for each input of a tile.
        let (mut sums, mut columns) = ([T::ZERO; SAMPLES * WIDTH], [T::ZERO; INPUTS * WIDTH]);
        for block in 0..x.blocks {
            let samples = x.samples(block);
            for first in (0..self.w.shape.0).step_by(width) {
                let outputs = first..self.w.shape.0.min(first + width);
                sums.fill(T::ZERO);
                for (tile, lines) in x.tiles(block) {
                    for (o, i) in outputs.clone().enumerate() {
                        let row = &self.w.data[i * self.w.steps.0..];
                        for (t, &x) in row[lines.clone()].iter().enumerate() {
                            columns[t * width + o] = x;
                        }
                    }
                    let lists = (block * x.variable.rows.div_ceil(INPUTS) + tile) * SAMPLES;
                    for (sample, row) in
                        sums.chunks_exact_mut(width).take(samples.len()).enumerate()
                    {
                        let mut sum = [P::splat(T::ZERO); PACKS];
                        for p in 0..PACKS {
                            sum[p] = P::load(&row[p * P::LANES..]);
                        }
                        add::<T, P>(&mut sum, x.by_sample.list(lists + sample), &columns);
                        for p in 0..PACKS {
                            sum[p].store(&mut row[p * P::LANES..]);
                        }
                    }
                }
                for (o, i) in outputs.enumerate() {
                    let out = &mut self.out[i * self.step + samples.start..][..samples.len()];
                    for (sample, out) in out.iter_mut().enumerate() {
                        let start = match self.start {
                            Start::Zero => T::ZERO,
                            Start::Column(column) => column[i],
                            Start::Present => *out,
                        };
                        *out = start + sums[sample * width + o];
                    }
                }
            }
        }
    }
}

/// sum += Σ value · row over `numbers`, each naming its row of `rows`.
#[inline(always)]
fn add<T: Number, P: Pack<T>>(sum: &mut [P; PACKS], numbers: &[NonZero<T>], rows: &[T]) {
    let width = PACKS * P::LANES;
    for number in numbers {
        let row = &rows[number.place as usize * width..][..width];
        let value = P::splat(number.value);
        for p in 0..PACKS {
            sum[p] = P::load(&row[p * P::LANES..]).mul_add(value, sum[p]);
        }
    }
}

/// The arguments of [`Sparse::pair`].
struct Pair<'a, T> {
    x: &'a Sparse<T>,
    out: &'a mut [T],
    a: Matrix<'a, T>,
    write: Write,
}

impl<T: Number> Packed<T> for Pair<'_, T> {
    #[inline(always)]
    fn run<P: Pack<T>>(self) {
        let (width, inputs) = (PACKS * P::LANES, self.x.variable.rows);
        if self.write == Write::Set {
            self.out.fill(T::ZERO);
        }
        let x = self.x;
        // A row for each sample, and one for each input of a tile.
        let (mut rows, mut sums) = ([T::ZERO; SAMPLES * WIDTH], [T::ZERO; INPUTS * WIDTH]);
        for block in 0..x.blocks {
            for first in (0..self.a.shape.0).step_by(width) {
                let outputs = first..self.a.shape.0.min(first + width);
                for (o, i) in outputs.clone().enumerate() {
                    let line = &self.a.data[i * self.a.steps.0..][x.samples(block)];
                    for (sample, &x) in line.iter().enumerate() {
                        rows[sample * width + o] = x;
                    }
                }
                for (_, lines) in x.tiles(block) {
                    let lists = lines
                        .clone()
                        .map(|line| x.by_line.list(block * inputs + line));
                    for (list, row) in lists.zip(sums.chunks_exact_mut(width)) {
                        let mut sum = [P::splat(T::ZERO); PACKS];
                        add::<T, P>(&mut sum, list, &rows);
                        for p in 0..PACKS {
                            sum[p].store(&mut row[p * P::LANES..]);
                        }
                    }
                    for (o, i) in outputs.clone().enumerate() {
                        let out = &mut self.out[i * inputs..][lines.clone()];
                        for (t, out) in out.iter_mut().enumerate() {
                            *out += sums[t * width + o];
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::product::{map_lines, pair_lines};
    use super::*;
    use crate::lanes::forced;

    /// Whole numbers, so that every order of summation gives the same; all but a `share`th are 0.
    fn whole(count: usize, seed: usize, share: usize) -> Vec<f32> {
        let number = |i: usize| (i * 7919 + seed * 104_729) % 8191;
        let entry = |i| {
            if number(i) % share == 0 {
                (number(i) % 13) as f32 - 6.0
            } else {
                0.0
            }
        };
        (0..count).map(entry).collect()
    }

    fn variable(rows: usize) -> Variable {
        Variable {
            first: 0,
            rows,
            positions: 1,
            pitch: 1,
            active: false,
        }
    }

    /// Against dense products, over shapes that fill tiles, blocks and padding and that do not.
    #[test]
    fn zeros_change_nothing() {
        for (outputs, inputs, batch) in [(1, 1, 1), (5, 33, 16), (64, 70, 128), (67, 100, 300)] {
            let columns = Columns::new::<f32>(batch);
            let stride = columns.stride;
            let mut values = whole(inputs * stride, 1, 4);
            for line in values.chunks_mut(stride) {
                line[batch..].fill(0.0);
            }
            // An input that is always 0, and more than a tile of them.
            values[..stride].fill(0.0);
            if inputs > 2 * INPUTS {
                values[INPUTS * stride..(2 * INPUTS + 1) * stride].fill(0.0);
            }
            let mut sparse = Sparse::new(variable(inputs));
            // What an earlier input left behind must not show.
            sparse.set(&whole(inputs * stride, 2, 5), columns);
            sparse.set(&values, columns);
            assert!(sparse.useful());
            let x = Matrix::rows(&values, inputs, stride, stride);
            let (w, column) = (whole(outputs * inputs, 3, 1), whole(outputs, 4, 1));
            let w = Matrix::rows(&w, outputs, inputs, inputs);
            for start in [Start::Zero, Start::Column(&column), Start::Present] {
                let (mut found, mut exact) =
                    (vec![2.0; outputs * stride], vec![2.0; outputs * stride]);
                sparse.map(&mut found, stride, w, start);
                map_lines(&mut exact, stride, w, x, start);
                assert_eq!(found, exact, "{outputs} × {inputs} × {batch}, {start:?}");
            }
            let a = whole(outputs * stride, 5, 1);
            let a = Matrix::rows(&a, outputs, stride, stride);
            for write in [Write::Set, Write::Add] {
                let (mut found, mut exact) =
                    (vec![2.0; outputs * inputs], vec![2.0; outputs * inputs]);
                sparse.pair(&mut found, a, write);
                pair_lines(&mut exact, a, x, stride, write);
                assert_eq!(found, exact, "{outputs} × {inputs} × {batch}, {write:?}");
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_vector_instructions() {
        let columns = Columns::new::<f32>(40);
        let thirds = |numbers: Vec<f32>| numbers.into_iter().map(|x| x / 3.0).collect::<Vec<_>>();
        let values = thirds(whole(50 * columns.stride, 6, 4));
        let mut sparse = Sparse::new(variable(50));
        sparse.set(&values, columns);
        let (w, a) = (
            thirds(whole(9 * 50, 7, 1)),
            thirds(whole(9 * columns.stride, 8, 1)),
        );
        let w = Matrix::rows(&w, 9, 50, 50);
        let a = Matrix::rows(&a, 9, columns.stride, columns.stride);
        let both = || {
            let (mut map, mut pair) = (vec![0.0; 9 * columns.stride], vec![0.0; 9 * 50]);
            sparse.map(&mut map, columns.stride, w, Start::Zero);
            sparse.pair(&mut pair, a, Write::Set);
            [map, pair]
        };
        assert_eq!(both(), forced::plain(both));
    }

    #[test]
    fn dense_inputs_are_left_alone() {
        let mut sparse = Sparse::new(variable(3));
        sparse.set(&[1.0; 48], Columns::new::<f32>(16));
        assert!(!sparse.useful());
    }
}
