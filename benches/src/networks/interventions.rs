//! Training on a set in memory as the library does it, plainly and with each thing that people add.

use std::sync::Arc;

use serde_json::{Value, json};
use thalweg::data::Samples;
use thalweg::loss::Objective;
use thalweg::model::Dropout;
use thalweg::optimizer::{AdamW, Optimizer, RateSchedule, Sgd};
use thalweg::tensor::{LinesMut, Tape};
use thalweg::train::{
    Ascent, Change, Flips, InputDropout, InputNoise, Interventions, Mixup, Shifts, Smoothing,
    TrainSettings, Trainer, Training,
};

use super::case::Case;
use super::work::mean;
use crate::timed::{Failure, Work};

/// Steps after which programs compare their losses: few, so that chance moves them little.
const STEPS: u64 = 200;
/// The side of an image.
const SIDE: usize = 28;

/// A training with one addition.
pub struct Added {
    name: String,
    training: Training<Interventions>,
    start: Trainer<f32, Interventions>,
    run: Trainer<f32, Interventions>,
    /// The network without dropout, and the set.
    tape: Arc<Tape>,
    set: Arc<Samples>,
}

impl Added {
    /// All of a case: digits with everything, text with what only attention has; nothing of others.
    pub fn all(case: &Case) -> Result<Vec<Self>, Failure> {
        let Some(set) = &case.set else {
            return Ok(Vec::new());
        };
        let rate = case.training.settings().optimizer.learning_rate().at(0);
        let plain = Interventions::from(Sgd::new(rate));
        let mut list = vec![("plain", Dropout::default(), plain.clone())];
        if case.name == "text" {
            let attention = Dropout {
                attention: 0.1,
                ..Dropout::default()
            };
            list.push(("attention dropout", attention, plain));
        } else {
            let hidden = Dropout {
                hidden: 0.5,
                ..Dropout::default()
            };
            list.push(("hidden dropout", hidden, plain.clone()));
            let digits = of_digits(&plain);
            list.extend(digits.map(|(name, added)| (name, Dropout::default(), added)));
        }
        list.into_iter()
            .map(|(name, dropout, added)| Self::new(case, set, name, &dropout, added))
            .collect()
    }

    fn new(
        case: &Case,
        set: &Arc<Samples>,
        name: &str,
        dropout: &Dropout,
        added: Interventions,
    ) -> Result<Self, Failure> {
        let trained = &case.training;
        let settings = TrainSettings {
            optimizer: added,
            batch: trained.settings().batch,
            switch: None,
        };
        let tape = Arc::new(case.network.tape_with(dropout)?);
        let source = trained.source().clone();
        let training = Training::new(tape, trained.loss(), source, settings)?;
        let start = Trainer::start(&training, &case.start, 0)?;
        Ok(Self {
            name: format!("train {}, {name}", case.name),
            run: start.clone(),
            start,
            training,
            tape: Arc::clone(trained.tape()),
            set: Arc::clone(set),
        })
    }
}

fn of_digits(plain: &Interventions) -> [(&'static str, Interventions); 12] {
    let change = |change| Interventions {
        changes: vec![change],
        ..plain.clone()
    };
    let sam = |normalised, independent, parts| Interventions {
        sam: Some(Ascent {
            radius: 0.05,
            normalised,
            independent,
            parts,
        }),
        ..plain.clone()
    };
    let shifts = Shifts {
        most: 2,
        width: SIDE,
        height: SIDE,
    };
    [
        ("label smoothing", change(Change::Smoothing(Smoothing(0.1)))),
        ("input noise", change(Change::InputNoise(InputNoise(0.1)))),
        ("shifts", change(Change::Shifts(shifts))),
        ("flips", change(Change::Flips(Flips { width: SIDE }))),
        ("mixup", change(Change::Mixup(Mixup(0.2)))),
        (
            "input dropout",
            change(Change::InputDropout(InputDropout(0.2))),
        ),
        ("SAM", sam(true, false, 1)),
        ("SAM, not normalised", sam(false, false, 1)),
        ("SAM, a batch of its own", sam(true, true, 1)),
        ("SAM, four parts", sam(true, false, 4)),
        (
            "clipping",
            Interventions {
                clipping: Some(1.0),
                ..plain.clone()
            },
        ),
        (
            "AdamW",
            Interventions {
                update: Optimizer::AdamW(AdamW {
                    weight_decay: 0.01,
                    ..AdamW::new(RateSchedule::constant(1e-3))
                }),
                ..plain.clone()
            },
        ),
    ]
}

impl Work for Added {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        "samples drawn"
    }

    fn restart(&mut self) {
        self.run.clone_from(&self.start);
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        self.run.run_to(self.run.step() + calls as u64);
        Ok(())
    }

    /// The plain loss on the whole set after some steps.
    fn values(&mut self) -> Result<Value, Failure> {
        self.restart();
        self.run.run_to(STEPS);
        let count = self.set.inputs.ncols();
        let tape = Arc::clone(&self.tape);
        let mut objective = Objective::<f32>::new(tape, self.training.loss(), count);
        put(&self.set.inputs, objective.inputs_mut());
        put(&self.set.targets, objective.targets_mut());
        let mut losses = vec![0.0; count];
        objective.sample_losses(self.run.parameters(), &mut losses);
        Ok(json!({ "trained_loss": mean(&losses) }))
    }
}

fn put(from: &faer::Mat<f64>, mut to: LinesMut<'_, f32>) {
    for line in 0..to.count() {
        for (sample, to) in to.line(line).iter_mut().enumerate() {
            *to = from[(line, sample)] as f32;
        }
    }
}
