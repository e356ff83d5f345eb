//! One pass over the rows: what is kept of them does not grow with their number.

use thalweg::Stop;
use thalweg::random::{Purpose, Stream};

use super::DiagnoseError;
use super::draw::below;
use super::moments::Moments;
use super::rows::{Row, Rows};

/// The most groups of rows, and the least that give an interval.
const GROUPS: [usize; 2] = [1000, 50];

/// What all groups together may take, bytes, where that leaves enough of them.
const MEMORY: usize = 128 << 20;

/// How many rows are kept as they are, drawn evenly from all.
const SAMPLE: usize = 4096;

/// The most inputs.
const MOST_INPUTS: usize = 2000;

/// What is known of the rows.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// n, rows that are whole.
    pub rows: u64,
    /// What the inputs are called.
    pub input_names: Vec<String>,
    /// What the targets are called.
    pub target_names: Vec<String>,
    /// Whether the targets are classes, each row being of one.
    pub classes: bool,
    /// What of the data is not used, and why, in sentences.
    pub left_out: Vec<String>,
    /// Sums over the rows of each group. Rows go to groups at random; where they are few each is a group of its own.
    pub(super) groups: Vec<Moments>,
    /// Rows drawn evenly from all, in no order of meaning.
    pub(super) sample: Vec<Sampled>,
}

/// A row that is kept as it is.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    /// Its group.
    pub group: usize,
    /// (x, y), less the first row's.
    pub entries: Vec<f64>,
}

impl Gathered {
    /// What `rows` hold, read to their end; `seed` is that of what is drawn.
    ///
    /// # Errors
    /// When a row cannot be read, there is none, or it was asked to stop.
    pub fn new(rows: &mut dyn Rows, seed: u64) -> Result<Self, DiagnoseError> {
        let mut stream = Stream::new(seed, Purpose::Shuffle);
        let mut row = Row::default();
        // Sums of squares lose digits to a mean that is far from 0: all is counted from the first row.
        let mut origin = Vec::new();
        let mut groups: Vec<Moments> = Vec::new();
        let mut sample: Vec<Sampled> = Vec::new();
        let (mut count, mut most) = (0u64, 0);
        let mut z = Vec::new();
        let stop = Stop::here();
        while rows.read(&mut row)? {
            stop.asked()?;
            if count == 0 {
                let inputs = row.inputs.len();
                if inputs > MOST_INPUTS {
                    return Err(DiagnoseError::TooManyInputs {
                        inputs,
                        most: MOST_INPUTS,
                    });
                }
                let size = inputs + row.targets.len();
                most = (MEMORY / Moments::bytes(size)).clamp(GROUPS[1], GROUPS[0]);
                origin.clone_from(&row.inputs);
                if !rows.classes() {
                    origin.extend(&row.targets);
                }
            }
            z.clear();
            z.push(1.0);
            z.extend(row.inputs.iter().chain(&row.targets));
            for (entry, first) in z[1..].iter_mut().zip(&origin) {
                *entry -= first;
            }
            let group = if count < most as u64 {
                groups.push(Moments::default());
                groups.len() - 1
            } else {
                below(most, &mut stream)
            };
            groups[group].add(&z);
            let entries = || z[1..].to_vec();
            if sample.len() < SAMPLE {
                let entries = entries();
                sample.push(Sampled { group, entries });
            } else {
                // Each of the rows so far is in the sample with the same probability (Vitter's algorithm R).
                let place = (stream.uniform() * (count + 1) as f64) as u64;
                if let Some(kept) = sample.get_mut(place as usize) {
                    let entries = entries();
                    *kept = Sampled { group, entries };
                }
            }
            count += 1;
        }
        let gathered = Self {
            rows: count,
            input_names: rows.input_names(),
            target_names: rows.target_names(),
            classes: rows.classes(),
            left_out: rows.left_out(),
            groups,
            sample,
        };
        gathered.evened()
    }

    /// With all sums and rows as long as the longest: a class may have been seen late.
    fn evened(mut self) -> Result<Self, DiagnoseError> {
        let size = self.input_names.len() + self.target_names.len();
        for group in &mut self.groups {
            group.grow(size + 1);
        }
        for row in &mut self.sample {
            row.entries.resize(size, 0.0);
        }
        if let (true, [class]) = (self.classes, &self.target_names[..]) {
            return Err(DiagnoseError::OneClass {
                class: class.clone(),
            });
        }
        Ok(self)
    }

    /// Sums over all rows.
    pub(super) fn total(&self) -> Moments {
        let mut total = Moments::default();
        for group in &self.groups {
            total.change(1.0, group);
        }
        total
    }
}
