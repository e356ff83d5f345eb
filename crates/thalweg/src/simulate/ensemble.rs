//! Many seeds' runs of one problem under one set of settings.

use std::sync::Arc;

use faer::{Mat, MatRef};
use rayon::prelude::*;

use crate::problem::{Problem, Weights};

use crate::lanes::dispatch;

use super::advance::{Advance, GroupSize, wide};
use super::data_set::DataSet;
use super::law::Law;
use super::meter::Meter;
use super::room::Rooms;
use super::run::Run;
use super::together::Together;
use super::validate::validate;
use super::{
    EnsembleSnapshot, Observation, Outcome, RunState, SampleSource, SimulateError,
    SimulateSettings, initial,
};

/// SGD runs that differ in their seed alone, all at the same step.
///
/// Each run's numbers depend on its seed, the problem and the settings, and on nothing else: not on the
/// other seeds, the processor, the number of threads, nor on where the run was stopped and resumed.
#[derive(Clone, Debug)]
pub struct Ensemble {
    problem: Problem,
    settings: SimulateSettings,
    law: Law,
    /// What is measured: the problem that is in effect learnt.
    meter: Meter,
    step: u64,
    runs: Vec<Run>,
    /// What measurements are made in.
    rooms: Rooms,
}

impl Ensemble {
    /// One run for each of `seeds`, at step 0.
    ///
    /// # Errors
    /// When a setting is out of range or does not fit the problem, or there is no seed.
    pub fn start(
        problem: &Problem,
        settings: &SimulateSettings,
        seeds: &[u64],
    ) -> Result<Self, SimulateError> {
        validate(problem, settings)?;
        Self::begin(problem, settings, seeds, Law::new(problem, settings)?, None)
    }

    /// The same on a data set of the caller's own, one for all seeds: `set` holds the inputs, and the labels as they are trained on. Of
    /// `settings.data` the source says how minibatches are drawn from it; observables are of `problem`.
    ///
    /// ```
    /// use thalweg::faer::{Mat, mat};
    /// use thalweg::problem::Problem;
    /// use thalweg::simulate::{Data, DataSet, Ensemble, SampleSource, SimulateSettings};
    ///
    /// let problem = Problem::new(Mat::identity(1, 1), mat![[2.0]], mat![[0.1]], 2)?;
    /// let set = DataSet { inputs: mat![[1.0, -1.0]], labels: mat![[2.3, -1.7]] };
    /// let source = SampleSource::Finite { samples: 2, replacement: false };
    /// let settings = SimulateSettings { data: Data { source, ..Data::default() }, ..SimulateSettings::new(0.05, 2) };
    /// let mut ensemble = Ensemble::start_on(&set, &problem, &settings, &[1, 2])?;
    /// ensemble.run_to(2000);
    /// // Least squares on these two samples is y = 2 x.
    /// assert!(ensemble.observe()[0].as_ref().is_some_and(|seen| seen.product_error < 1e-10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Ensemble::start`], and when the set does not have the problem's shapes, as many labels as inputs, and as many samples as
    /// the settings say.
    pub fn start_on(
        set: &DataSet,
        problem: &Problem,
        settings: &SimulateSettings,
        seeds: &[u64],
    ) -> Result<Self, SimulateError> {
        validate(problem, settings)?;
        let samples = match settings.data.source {
            SampleSource::Finite { samples, .. } => samples,
            SampleSource::Online => 0,
        };
        let found = [
            set.inputs.nrows(),
            set.inputs.ncols(),
            set.labels.nrows(),
            set.labels.ncols(),
        ];
        let expected = [problem.input_dim(), samples, problem.output_dim(), samples];
        if found != expected {
            return Err(SimulateError::DataSet { found, expected });
        }
        let law = Law::new(problem, settings)?.unwhitened();
        let columns = set.columns(&law).into();
        Self::begin(problem, settings, seeds, law, Some(&columns))
    }

    fn begin(
        problem: &Problem,
        settings: &SimulateSettings,
        seeds: &[u64],
        law: Law,
        set: Option<&Arc<[f64]>>,
    ) -> Result<Self, SimulateError> {
        if seeds.is_empty() {
            return Err(SimulateError::NoSeeds);
        }
        let begin = |&seed: &u64| {
            let weights = initial::weights(problem, settings, seed);
            let velocity = vec![0.0; velocity_len(settings, weights.len())];
            let outcome = Outcome::Running;
            Run::new(&law, settings, seed, outcome, weights, velocity, set)
        };
        let runs = seeds.par_iter().map(begin).collect();
        Ok(Self {
            problem: problem.clone(),
            settings: settings.clone(),
            law,
            meter: Meter::new(&*settings.recipe.problem(problem)?, &settings.data),
            step: 0,
            runs,
            rooms: Rooms::default(),
        })
    }

    /// The ensemble of `snapshot`, which must come from the same problem and settings, and not from [`Ensemble::start_on`]: a set of the
    /// caller's own is not in it.
    ///
    /// # Errors
    /// As [`Ensemble::start`], and when the snapshot's sizes do not fit.
    pub fn resume(
        problem: &Problem,
        settings: &SimulateSettings,
        snapshot: EnsembleSnapshot,
    ) -> Result<Self, SimulateError> {
        validate(problem, settings)?;
        if snapshot.runs.is_empty() {
            return Err(SimulateError::NoSeeds);
        }
        let expected = problem.parameters();
        let restore = |seed, field, bits: Vec<u64>, expected| {
            if bits.len() == expected {
                Ok(bits.into_iter().map(f64::from_bits).collect())
            } else {
                Err(SimulateError::Snapshot {
                    seed,
                    field,
                    found: bits.len(),
                    expected,
                })
            }
        };
        let law = Law::new(problem, settings)?;
        let resume = |state: RunState| {
            let (seed, moving) = (state.seed, velocity_len(settings, expected));
            let weights = restore(seed, "weights", state.weights, expected)?;
            let velocity = restore(seed, "velocity", state.velocity, moving)?;
            Ok(Run::new(
                &law,
                settings,
                seed,
                state.outcome,
                weights,
                velocity,
                None,
            ))
        };
        let runs = snapshot
            .runs
            .into_par_iter()
            .map(resume)
            .collect::<Result<_, SimulateError>>()?;
        Ok(Self {
            problem: problem.clone(),
            settings: settings.clone(),
            law,
            meter: Meter::new(&*settings.recipe.problem(problem)?, &settings.data),
            step: snapshot.step,
            runs,
            rooms: Rooms::default(),
        })
    }

    /// Runs every seed up to `step` updates in all, seeds in parallel. Does nothing if already there.
    pub fn run_to(&mut self, step: u64) {
        let (law, settings, widths) = (&self.law, &self.settings, self.problem.widths());
        let steps = self.step..step;
        let perturbed = settings.is_perturbed();
        self.runs
            .par_chunks_mut(dispatch(GroupSize { widths, perturbed }))
            .for_each(|runs| {
                dispatch(Advance {
                    law,
                    settings,
                    widths,
                    runs,
                    steps: steps.clone(),
                });
            });
        self.step = self.step.max(step);
    }

    /// t, the number of updates made.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The seeds, in the order in which they were given; all other per-seed results follow it.
    pub fn seeds(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    /// How each run stands.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.runs.iter().map(|run| run.outcome).collect()
    }

    /// W_1 … W_D of each run; `None` for one that has diverged.
    pub fn weights(&self) -> Vec<Option<Weights>> {
        self.runs.iter().map(|run| self.weights_of(run)).collect()
    }

    /// The finite data set of each run, diverged or not; nothing where samples are fresh.
    ///
    /// ```
    /// use thalweg::problem::{Problem, covariance};
    /// use thalweg::simulate::{Ensemble, SampleSource, SimulateSettings};
    ///
    /// let one = || covariance::from_deviations(&[1.0, 1.0]);
    /// let problem = Problem::new(one(), one(), one(), 2)?;
    /// let mut settings = SimulateSettings::new(0.01, 10);
    /// settings.data.source = SampleSource::Finite { samples: 20, replacement: false };
    /// let sets = Ensemble::start(&problem, &settings, &[1, 2])?.data_sets();
    /// assert_eq!((sets.len(), sets[1].inputs.ncols(), sets[1].labels.nrows()), (2, 20, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn data_sets(&self) -> Vec<DataSet> {
        let drawn = self.runs.iter().filter(|run| !run.data_set.is_empty());
        drawn
            .map(|run| DataSet::new(&self.law, &run.data_set))
            .collect()
    }

    /// What can be measured of each run, exactly and in parallel; `None` for one that has diverged.
    pub fn observe(&self) -> Vec<Option<Observation>> {
        let widths = self.problem.widths();
        if wide(widths) || self.meter.dropped.is_some() {
            let one = |run: &Run| {
                let running = run.outcome == Outcome::Running;
                running.then(|| Observation::of(&self.meter, &views(widths, &run.weights)))
            };
            return self.runs.par_iter().map(one).collect();
        }
        let perturbed = false;
        self.runs
            .par_chunks(dispatch(GroupSize { widths, perturbed }))
            .flat_map_iter(|runs| {
                dispatch(Together {
                    meter: &self.meter,
                    runs,
                    rooms: &self.rooms,
                })
            })
            .collect()
    }

    /// The whole state, bit for bit.
    pub fn snapshot(&self) -> EnsembleSnapshot {
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect();
        EnsembleSnapshot {
            step: self.step,
            runs: self
                .runs
                .iter()
                .map(|run| RunState {
                    seed: run.seed,
                    outcome: run.outcome,
                    weights: bits(&run.weights),
                    velocity: bits(&run.velocity),
                })
                .collect(),
        }
    }

    fn weights_of(&self, run: &Run) -> Option<Weights> {
        match run.outcome {
            Outcome::Running => {
                Weights::new(&self.problem, layers(&self.problem, &run.weights)).ok()
            }
            Outcome::Diverged { .. } => None,
        }
    }
}

/// The length of a run's velocity.
fn velocity_len(settings: &SimulateSettings, weights: usize) -> usize {
    if settings.recipe.momentum == 0.0 {
        0
    } else {
        weights
    }
}

/// The matrices whose columns, layer by layer, are `flat`.
pub(super) fn layers(problem: &Problem, flat: &[f64]) -> Vec<Mat<f64>> {
    let views = views(problem.widths(), flat);
    views.iter().map(MatRef::to_owned).collect()
}

/// The same, where they lie.
fn views<'a>(widths: &[usize], mut flat: &'a [f64]) -> Vec<MatRef<'a, f64>> {
    let mut view = |shape: &[usize]| {
        let (columns, rows) = (shape[0], shape[1]);
        let (layer, rest) = flat.split_at(rows * columns);
        flat = rest;
        MatRef::from_column_major_slice(layer, rows, columns)
    };
    widths.windows(2).map(&mut view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::InitialWeights;

    fn problem(depth: usize) -> Problem {
        let noise = Mat::from_fn(2, 2, |i, j| if i == j { [1.0, 0.01][i] } else { 0.0 });
        Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, depth).unwrap()
    }

    #[test]
    fn reaches_the_teacher_and_resumes_exactly() {
        let (problem, settings) = (problem(3), SimulateSettings::new(0.01, 10));
        let mut straight = Ensemble::start(&problem, &settings, &[1, 2, 3]).unwrap();
        straight.run_to(2000);
        for observation in straight.observe() {
            assert!(observation.unwrap().product_error < 0.1);
        }
        let mut stopped = Ensemble::start(&problem, &settings, &[1, 2, 3]).unwrap();
        stopped.run_to(777);
        let json = serde_json::to_string(&stopped.snapshot()).unwrap();
        let snapshot = serde_json::from_str(&json).unwrap();
        let mut resumed = Ensemble::resume(&problem, &settings, snapshot).unwrap();
        resumed.run_to(2000);
        assert_eq!(resumed.snapshot(), straight.snapshot());
    }

    /// The set that a run draws for itself, given back to it as one's own, makes the same run, up to the rounding of whitened samples.
    #[test]
    fn a_set_of_ones_own_is_trained_on_as_a_drawn_one() {
        let problem = problem(2);
        for replacement in [false, true] {
            let source = SampleSource::Finite {
                samples: 30,
                replacement,
            };
            let mut settings = SimulateSettings::new(0.02, 4);
            settings.data.source = source;
            let mut drawn = Ensemble::start(&problem, &settings, &[5]).unwrap();
            let set = drawn.data_sets().remove(0);
            let mut given = Ensemble::start_on(&set, &problem, &settings, &[5]).unwrap();
            drawn.run_to(500);
            given.run_to(500);
            let numbers = |ensemble: &Ensemble| ensemble.runs[0].weights.clone();
            for (own, other) in numbers(&drawn).iter().zip(numbers(&given)) {
                assert!((own - other).abs() < 1e-10, "{own} {other}");
            }
            let settings = SimulateSettings::new(0.02, 4);
            let refused = Ensemble::start_on(&set, &problem, &settings, &[5]);
            assert!(matches!(refused, Err(SimulateError::DataSet { .. })));
        }
    }

    #[test]
    fn divergence_is_an_outcome_of_its_own_seed() {
        let problem = problem(3);
        let settings = SimulateSettings {
            init: InitialWeights::Normal { deviation: 1.0 },
            ..SimulateSettings::new(0.1, 10)
        };
        let seeds: Vec<u64> = (0..32).collect();
        let mut ensemble = Ensemble::start(&problem, &settings, &seeds).unwrap();
        ensemble.run_to(300);
        let diverged = |o: &Outcome| *o != Outcome::Running;
        let count = ensemble.outcomes().iter().filter(|o| diverged(o)).count();
        assert!((1..32).contains(&count), "{count} of 32 diverged");
        for (outcome, observation) in ensemble.outcomes().iter().zip(ensemble.observe()) {
            assert_eq!(diverged(outcome), observation.is_none());
        }
        // After as many steps as are said, and not after one less.
        for (&seed, outcome) in seeds.iter().zip(ensemble.outcomes()) {
            if let Outcome::Diverged { step } = outcome {
                let mut alone = Ensemble::start(&problem, &settings, &[seed]).unwrap();
                alone.run_to(step - 1);
                assert_eq!(alone.outcomes()[0], Outcome::Running);
                alone.run_to(step);
                assert_eq!(alone.outcomes()[0], outcome);
            }
        }
    }
}
