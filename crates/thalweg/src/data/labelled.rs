//! Labelled sets in memory, whose labels get fresh noise at each visit.

use std::sync::Arc;

use faer::{Mat, MatRef};

use super::DataError;
use super::confusion::{Confusion, choose, columns, cumulative};
use super::law::{Batch, Draw, SampleLaw, SampleShape};
use super::noise::{LabelNoise, Noise, Scratch};
use crate::random::{Bulk, Purpose, shuffle};
use crate::tensor::{LinesMut, Real};

/// Samples gathered at once, so that every line is written in runs.
const RUN: usize = 16;
/// Samples are counted in 32 bits.
const MOST: usize = u32::MAX as usize;

/// Samples with a class or with numbers each; targets are e_class + ε (or softmax of it), or the numbers + ε, with a fresh ε, and a fresh
/// draw of the label where labels are drawn, at each visit.
#[derive(Clone, Debug)]
pub struct LabelledSet {
    inputs: Mat<f32>,
    /// None where targets are numbers.
    labels: Vec<usize>,
    outputs: usize,
    law: Visits,
    given: Given,
    noise: Noise,
}

/// What a sample's target is, before noise.
#[derive(Clone, Debug)]
enum Given {
    /// e_class.
    Class,
    /// e_j, with j drawn from the row of the sample's class.
    Flipped(Confusion),
    /// e_j, with j drawn from the sample's own distribution, a column of the matrix.
    Drawn {
        distributions: Mat<f32>,
        cumulative: Vec<f64>,
    },
    /// A column of the matrix.
    Values(Mat<f32>),
}

/// In which order a labelled set is visited.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampling {
    /// In a fresh random order each epoch; a minibatch may straddle two.
    Shuffled,
    /// Each sample drawn from all of them.
    Replacement,
    /// First a class, with probabilities proportional to these weights, then a sample of that class: class
    /// imbalance.
    Classes(Vec<f64>),
}

/// [`Sampling`], checked.
#[derive(Clone, Debug)]
enum Visits {
    Shuffled,
    Replacement,
    Classes {
        shares: Vec<f64>,
        cumulative: Vec<f64>,
        members: Vec<Vec<u32>>,
    },
}

impl LabelledSet {
    /// A set visited in shuffled epochs, with labels that are not flipped.
    ///
    /// `inputs` are features × samples, `labels` the samples' classes, from 0 to `classes` − 1. Σε has a
    /// row for each class.
    ///
    /// # Errors
    /// When there are no samples, more than 2³² − 1, or not as many labels; when a feature is not finite
    /// or a label not that of a class; and when the noise's covariance is none or does not fit the classes.
    pub fn new(
        inputs: Mat<f32>,
        labels: Vec<usize>,
        classes: usize,
        noise: LabelNoise,
    ) -> Result<Self, DataError> {
        let (features, samples) = (inputs.nrows(), inputs.ncols());
        if features == 0 || samples == 0 {
            return Err(DataError::Empty { features, samples });
        }
        if samples > MOST {
            return Err(DataError::TooMany {
                found: samples,
                limit: MOST,
            });
        }
        if labels.len() != samples {
            return Err(DataError::LabelCount {
                labels: labels.len(),
                samples,
            });
        }
        if classes == 0 {
            return Err(DataError::Classes {
                found: classes,
                expected: "at least one",
            });
        }
        if let Some(sample) = labels.iter().position(|&label| label >= classes) {
            return Err(DataError::Label {
                sample: sample + 1,
                found: labels[sample],
                classes,
            });
        }
        for sample in 0..samples {
            let column = inputs.col_as_slice(sample);
            if let Some(feature) = column.iter().position(|x| !x.is_finite()) {
                return Err(DataError::NotFinite {
                    field: "the data set",
                    index: sample * features + feature + 1,
                    found: column[feature].into(),
                });
            }
        }
        Ok(Self {
            inputs,
            labels,
            outputs: classes,
            law: Visits::Shuffled,
            given: Given::Class,
            noise: Noise::new(noise, classes, "classes")?,
        })
    }

    /// A set whose targets are numbers, visited in shuffled epochs: `inputs` are features × samples, `values` outputs × samples. Σε has a
    /// row for each output.
    ///
    /// # Errors
    /// As [`LabelledSet::new`]'s, and when there are no outputs or not as many targets as samples.
    ///
    /// ```
    /// use thalweg::data::{LabelNoise, LabelledSet, Source};
    /// use thalweg::faer::Mat;
    ///
    /// let inputs = Mat::from_fn(1, 5, |_, j| j as f32);
    /// let values = Mat::from_fn(1, 5, |_, j| 0.5 * j as f64);
    /// let source = Source::from(LabelledSet::with_values(inputs, &values, LabelNoise::none(1))?);
    /// let samples = source.clean(7, 5);
    /// assert!((0..5).all(|b| samples.targets[(0, b)] == 0.5 * samples.inputs[(0, b)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_values(
        inputs: Mat<f32>,
        values: &Mat<f64>,
        noise: LabelNoise,
    ) -> Result<Self, DataError> {
        let samples = inputs.ncols();
        if values.ncols() != samples {
            return Err(DataError::LabelCount {
                labels: values.ncols(),
                samples,
            });
        }
        let outputs = values.nrows();
        let set = Self::new(inputs, vec![0; samples], outputs, noise)?;
        Ok(Self {
            labels: Vec::new(),
            given: Given::Values(single(values, "the targets")?),
            ..set
        })
    }

    /// The set visited in another order.
    ///
    /// # Errors
    /// When class weights are not as many as classes, one is not finite or below 0, all are 0, or one is
    /// above 0 for a class without samples.
    pub fn visited(self, sampling: Sampling) -> Result<Self, DataError> {
        let law = match sampling {
            Sampling::Shuffled => Visits::Shuffled,
            Sampling::Replacement => Visits::Replacement,
            Sampling::Classes(weights) => self.by_class(&weights)?,
        };
        Ok(Self { law, ..self })
    }

    /// The set with labels flipped: row i of `confusion` holds the probabilities of the labels that a
    /// sample of class i gets.
    ///
    /// # Errors
    /// When the matrix is not classes × classes or a row is no distribution.
    pub fn flipped(self, confusion: &Mat<f64>) -> Result<Self, DataError> {
        let given = Given::Flipped(Confusion::new(confusion, self.outputs)?);
        Ok(Self { given, ..self })
    }

    /// The set with a distribution over classes for each sample, such as the labels that several people gave it: a column of
    /// `distributions`, classes × samples, whose columns sum to 1. `drawn` says whether a label is drawn from it at each visit, or whether
    /// the distribution itself is the target. Both have the same mean, E\[y|x\], which is what is evaluated without noise.
    ///
    /// # Errors
    /// When the matrix is not classes × samples or a column is no distribution.
    ///
    /// ```
    /// use thalweg::data::{LabelNoise, LabelledSet, Source};
    /// use thalweg::faer::Mat;
    ///
    /// // One image, which three of four people call 0 and one calls 1.
    /// let set = LabelledSet::new(Mat::full(1, 1, 0.0), vec![0], 2, LabelNoise::none(2))?;
    /// let people = Mat::from_fn(2, 1, |class, _| [0.75, 0.25][class]);
    /// let source = Source::from(set.with_distributions(&people, true)?);
    /// let [drawn, mean] = [source.evaluation(7, 1), source.clean(7, 1)];
    /// assert!(drawn.targets[(0, 0)] == 1.0 || drawn.targets[(0, 0)] == 0.0);
    /// assert_eq!(mean.targets[(0, 0)], 0.75);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_distributions(
        self,
        distributions: &Mat<f64>,
        drawn: bool,
    ) -> Result<Self, DataError> {
        let cumulative = columns(distributions, self.outputs, self.inputs.ncols())?;
        let distributions = single(distributions, "the distributions")?;
        let given = match drawn {
            true => Given::Drawn {
                distributions,
                cumulative,
            },
            false => Given::Values(distributions),
        };
        Ok(Self { given, ..self })
    }

    fn by_class(&self, weights: &[f64]) -> Result<Visits, DataError> {
        if self.labels.is_empty() {
            return Err(DataError::NoClasses);
        }
        if weights.len() != self.outputs {
            return Err(DataError::ClassWeightCount {
                found: weights.len(),
                classes: self.outputs,
            });
        }
        let wrong = |weight: &f64| !(weight.is_finite() && *weight >= 0.0);
        if let Some(class) = weights.iter().position(wrong) {
            let found = weights[class];
            return Err(DataError::ClassWeight { class, found });
        }
        let total: f64 = weights.iter().sum();
        if !(total.is_finite() && total > 0.0) {
            return Err(DataError::ClassWeightSum { total });
        }
        let mut members = vec![Vec::new(); self.outputs];
        for (sample, &label) in self.labels.iter().enumerate() {
            members[label].push(sample as u32);
        }
        for (class, &weight) in weights.iter().enumerate() {
            if weight > 0.0 && members[class].is_empty() {
                return Err(DataError::ClassWithoutSamples { class, weight });
            }
        }
        Ok(Visits::Classes {
            shares: weights.iter().map(|weight| weight / total).collect(),
            cumulative: cumulative(weights),
            members,
        })
    }

    /// The samples of an evaluation set, each once: repeats would pass for independent samples and say nothing new.
    fn evaluation_order(&self, seed: u64, purpose: Purpose) -> Vec<u32> {
        let mut order = Vec::new();
        shuffle(&mut order, seed, purpose, 0, self.inputs.ncols());
        let Visits::Classes { members, .. } = &self.law else {
            return order;
        };
        let mut of_class = vec![Vec::new(); members.len()];
        for index in order.into_iter().rev() {
            of_class[self.labels[index as usize]].push(index);
        }
        let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
        let classes = self.classes_in_turn(&sizes).into_iter();
        classes.filter_map(|class| of_class[class].pop()).collect()
    }

    /// Classes in their proportions, each next one that which is furthest behind, until it has none of its `sizes` left.
    fn classes_in_turn(&self, sizes: &[usize]) -> Vec<usize> {
        let Visits::Classes { shares, .. } = &self.law else {
            return Vec::new();
        };
        let mut taken = vec![0; sizes.len()];
        let mut turns = Vec::new();
        loop {
            let behind =
                |class: usize| shares[class] * (turns.len() + 1) as f64 - taken[class] as f64;
            let classes = 0..sizes.len();
            let next = classes.max_by(|&a, &b| behind(a).total_cmp(&behind(b)).then(b.cmp(&a)));
            match next.filter(|&class| taken[class] < sizes[class]) {
                Some(class) => {
                    taken[class] += 1;
                    turns.push(class);
                }
                None => return turns,
            }
        }
    }

    /// x, features × samples.
    pub fn inputs(&self) -> MatRef<'_, f32> {
        self.inputs.as_ref()
    }

    /// The samples' classes, before labels are drawn; none where targets are numbers.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// How many classes there are, or numbers that a target has.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

impl SampleLaw for LabelledSet {
    type Draw<T: Real> = LabelledDraw<T>;

    fn shapes(&self) -> [SampleShape; 2] {
        let targets = SampleShape::Sequence {
            rows: self.outputs,
            positions: 1,
        };
        [SampleShape::Features(self.inputs.nrows()), targets]
    }

    /// All, or as many as can be taken in the classes' proportions before one has no more.
    fn evaluation_limit(&self) -> Option<usize> {
        Some(match &self.law {
            Visits::Shuffled | Visits::Replacement => self.inputs.ncols(),
            Visits::Classes { members, .. } => {
                let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
                self.classes_in_turn(&sizes).len()
            }
        })
    }

    fn is_noisy(&self) -> bool {
        let drawn = matches!(self.given, Given::Flipped(_) | Given::Drawn { .. });
        drawn || !self.noise.is_none()
    }

    fn draw<T: Real>(self: &Arc<Self>, seeds: &[u64]) -> LabelledDraw<T> {
        LabelledDraw(seeds.iter().map(|&seed| Visitor::new(self, seed)).collect())
    }
}

/// Draws from a labelled set: see [`Draw`].
#[derive(Clone, Debug)]
pub struct LabelledDraw<T>(Vec<Visitor<T>>);

impl<T: Real> Draw<T> for LabelledDraw<T> {
    fn inputs(&mut self, run: usize, batch: &Batch, random: &mut Bulk, to: LinesMut<'_, T>) {
        self.0[run].inputs(batch, random, to);
    }

    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, to: LinesMut<'_, T>) {
        self.0[run].targets(noisy, random, to);
    }
}

/// Draws one seed's samples from a set, in one precision.
#[derive(Clone, Debug)]
struct Visitor<T> {
    set: Arc<LabelledSet>,
    seed: u64,
    /// What `order` is the order of.
    epoch: Option<(Purpose, u64)>,
    order: Vec<u32>,
    /// The samples drawn last.
    indices: Vec<u32>,
    words: Vec<u32>,
    scratch: Scratch<T>,
}

impl<T: Real> Visitor<T> {
    fn new(set: &Arc<LabelledSet>, seed: u64) -> Self {
        Self {
            set: Arc::clone(set),
            seed,
            epoch: None,
            order: Vec::new(),
            indices: Vec::new(),
            words: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    fn inputs(&mut self, batch: &Batch, bulk: &mut Bulk, to: LinesMut<'_, T>) {
        let set = Arc::clone(&self.set);
        self.indices.resize(to.batch(), 0);
        if batch.once {
            let order = set.evaluation_order(self.seed, batch.order);
            self.indices.copy_from_slice(&order[..to.batch()]);
            return gather(&set.inputs, &self.indices, to);
        }
        match &set.law {
            Visits::Shuffled => self.in_order(batch),
            Visits::Replacement => {
                self.words.resize(to.batch(), 0);
                bulk.words(&mut self.words);
                for (index, &word) in self.indices.iter_mut().zip(&self.words) {
                    *index = below(word, set.inputs.ncols()) as u32;
                }
            }
            Visits::Classes {
                cumulative,
                members,
                ..
            } => {
                self.words.resize(2 * to.batch(), 0);
                bulk.words(&mut self.words);
                for (index, words) in self.indices.iter_mut().zip(self.words.chunks_exact(2)) {
                    let of_class = &members[choose(cumulative, words[0])];
                    *index = of_class[below(words[1], of_class.len())];
                }
            }
        }
        gather(&set.inputs, &self.indices, to);
    }

    /// What comes next in the endless sequence of epochs.
    fn in_order(&mut self, batch: &Batch) {
        let samples = self.set.inputs.ncols();
        for (place, index) in (batch.first..).zip(&mut self.indices) {
            let epoch = (place / samples as u128) as u64;
            if self.epoch != Some((batch.order, epoch)) {
                shuffle(&mut self.order, self.seed, batch.order, epoch, samples);
                self.epoch = Some((batch.order, epoch));
            }
            *index = self.order[(place % samples as u128) as usize];
        }
    }

    /// For the inputs just drawn, or for the first of them.
    fn targets(&mut self, noisy: bool, bulk: &mut Bulk, mut to: LinesMut<'_, T>) {
        let set = &*self.set;
        to.data.fill(T::ZERO);
        let drawn = noisy && matches!(set.given, Given::Flipped(_) | Given::Drawn { .. });
        if drawn {
            self.words.resize(to.batch(), 0);
            bulk.words(&mut self.words);
        }
        for (sample, &index) in self.indices.iter().take(to.batch()).enumerate() {
            let index = index as usize;
            match &set.given {
                Given::Flipped(flips) if drawn => {
                    let label = flips.label(set.labels[index], self.words[sample]);
                    to.line(label)[sample] = T::ONE;
                }
                Given::Drawn { cumulative, .. } if drawn => {
                    let own = &cumulative[index * set.outputs..][..set.outputs];
                    to.line(choose(own, self.words[sample]))[sample] = T::ONE;
                }
                Given::Class | Given::Flipped(_) => {
                    to.line(set.labels[index])[sample] = T::ONE;
                }
                Given::Values(values)
                | Given::Drawn {
                    distributions: values,
                    ..
                } => {
                    for (output, &value) in values.col_as_slice(index).iter().enumerate() {
                        to.line(output)[sample] = T::from_f64(value.into());
                    }
                }
            }
        }
        set.noise.apply(noisy, bulk, &mut self.scratch, &mut to);
    }
}

/// `values` in single precision.
fn single(values: &Mat<f64>, field: &'static str) -> Result<Mat<f32>, DataError> {
    for sample in 0..values.ncols() {
        let column = values.col_as_slice(sample);
        if let Some(output) = column.iter().position(|y| !(*y as f32).is_finite()) {
            return Err(DataError::NotFinite {
                field,
                index: sample * values.nrows() + output + 1,
                found: column[output],
            });
        }
    }
    Ok(Mat::from_fn(values.nrows(), values.ncols(), |i, j| {
        values[(i, j)] as f32
    }))
}

/// A number below `count`, from a random word.
pub(super) fn below(word: u32, count: usize) -> usize {
    ((u64::from(word) * count as u64) >> 32) as usize
}

/// Columns `indices` of `inputs`, as lines.
fn gather<T: Real>(inputs: &Mat<f32>, indices: &[u32], to: LinesMut<'_, T>) {
    let stride = to.columns.stride;
    for (run, indices) in indices.chunks(RUN).enumerate() {
        let column = |j: usize| {
            let index = indices[j.min(indices.len() - 1)];
            inputs.col_as_slice(index as usize)
        };
        let columns: [&[f32]; RUN] = std::array::from_fn(column);
        for (feature, line) in to.data.chunks_exact_mut(stride).enumerate() {
            let line = &mut line[run * RUN..][..indices.len()];
            for (x, column) in line.iter_mut().zip(columns) {
                *x = T::from_f64(column[feature].into());
            }
        }
    }
}
