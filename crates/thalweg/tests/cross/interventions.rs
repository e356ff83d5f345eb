//! Trainings with what people add to SGD, step by step against PyTorch: see `README.md` beside this file.

use std::sync::Arc;

use faer::Mat;
use serde_json::Value;
use thalweg::curvature::{EigenSettings, End, Scaled, TraceSettings, eigenpairs};
use thalweg::data::{Batch, Draw, SampleLaw, SampleShape, Samples, Source};
use thalweg::evaluation::{CurvedLoss, Evaluation, SampledLoss};
use thalweg::loss::{Convention, Loss};
use thalweg::model::{Dropout, Mlp, Network, Transformer};
use thalweg::optimizer::{AdamW, Optimizer, RateSchedule, Sgd};
use thalweg::random::{Bulk, Purpose};
use thalweg::tensor::{Activation, Block, LinesMut, Real, Tape};
use thalweg::train::{
    Ascent, Change, Drawn, Interventions, Mixup, Smoothing, TrainSettings, Trainer, Training,
};

use super::{Case, numbers};

/// The batches of a file, in their order: those of the steps, and those of ascents.
#[derive(Debug)]
struct Recorded {
    inputs: [Vec<Vec<f64>>; 2],
    targets: [Vec<Vec<f64>>; 2],
    widths: Vec<usize>,
}

/// Where the next targets are to be found.
#[derive(Clone, Debug)]
struct Place(Arc<Recorded>, [usize; 2]);

impl SampleLaw for Recorded {
    type Draw<T: Real> = Place;

    fn shapes(&self) -> [SampleShape; 2] {
        let row = |rows| SampleShape::Sequence { rows, positions: 1 };
        [row(self.widths[0]), row(self.widths[2])]
    }

    fn is_noisy(&self) -> bool {
        false
    }

    fn draw<T: Real>(self: &Arc<Self>, _: &[u64]) -> Place {
        Place(Arc::clone(self), [0; 2])
    }
}

/// Numbers of a file, a sample in each row.
fn put<T: Real>(rows: &[f64], mut to: LinesMut<'_, T>) {
    let count = to.count();
    for line in 0..count {
        for (sample, x) in to.line(line).iter_mut().enumerate() {
            *x = T::from_f64(rows[sample * count + line]);
        }
    }
}

impl<T: Real> Draw<T> for Place {
    fn inputs(&mut self, _: usize, batch: &Batch, _: &mut Bulk, to: LinesMut<'_, T>) {
        self.1 = [
            usize::from(batch.purpose == Purpose::Ascent),
            batch.step as usize,
        ];
        put(&self.0.inputs[self.1[0]][self.1[1]], to);
    }

    fn targets(&mut self, _: usize, _: bool, _: &mut Bulk, to: LinesMut<'_, T>) {
        put(&self.0.targets[self.1[0]][self.1[1]], to);
    }
}

fn file() -> Value {
    serde_json::from_str(include_str!("interventions.json")).unwrap()
}

fn lists(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn sizes(file: &Value) -> Vec<usize> {
    numbers(&file["widths"])
        .iter()
        .map(|&w| w as usize)
        .collect()
}

fn tape(file: &Value) -> Arc<Tape> {
    Arc::new(network(file).tape().unwrap())
}

fn network(file: &Value) -> Network {
    Network::Mlp(Mlp {
        widths: sizes(file),
        activation: Activation::Tanh,
        biases: true,
    })
}

/// One sample in each row of the file, in each column here.
fn columns(value: &Value, lines: usize) -> Mat<f64> {
    let rows = numbers(value);
    Mat::from_fn(lines, rows.len() / lines, |line, b| rows[b * lines + line])
}

fn interventions(entry: &Value, rate: f64) -> Interventions {
    let number = |key: &str| entry[key].as_f64();
    let smoothing = number("smoothing").map(|alpha| Change::Smoothing(Smoothing(alpha)));
    let sam = entry.get("sam").map(|sam| Ascent {
        radius: sam["radius"].as_f64().unwrap(),
        normalised: sam["normalised"].as_bool().unwrap(),
        independent: sam["independent"].as_bool().unwrap(),
        parts: sam["parts"].as_u64().unwrap() as usize,
    });
    let update = match entry.get("adamw").map(numbers) {
        None => Optimizer::Sgd(Sgd {
            momentum: 0.5,
            weight_decay: 0.01,
            ..Sgd::new(rate)
        }),
        Some(adam) => Optimizer::AdamW(AdamW {
            learning_rate: RateSchedule::constant(rate / 10.0),
            beta1: adam[0],
            beta2: adam[1],
            epsilon: adam[2],
            weight_decay: adam[3],
        }),
    };
    Interventions {
        changes: smoothing.into_iter().collect(),
        sam,
        clipping: number("clipping"),
        update,
    }
}

#[test]
fn steps_are_those_of_pytorch() {
    let file = file();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    let (tape, widths) = (tape(&file), sizes(&file));
    let steps = file["steps"].as_u64().unwrap();
    for entry in cases {
        let name = entry["name"].as_str().unwrap();
        let expected = entry["expected"].clone();
        let case = Case {
            name: name.to_owned(),
            expected,
        };
        let loss = match entry["loss"].as_str().unwrap() {
            "half" => Loss::SquaredError(Convention::Half),
            _ => Loss::CrossEntropy,
        };
        let method = interventions(entry, file["rate"].as_f64().unwrap());
        let recorded = Recorded {
            inputs: ["inputs", "ascent_inputs"].map(|key| lists(&entry[key])),
            targets: ["targets", "ascent_targets"].map(|key| lists(&entry[key])),
            widths: widths.clone(),
        };
        let settings = TrainSettings {
            optimizer: method.clone(),
            batch: file["batch"].as_u64().unwrap() as usize,
            switch: None,
        };
        let training =
            Training::new(Arc::clone(&tape), loss, Source::from(recorded), settings).unwrap();
        let start = numbers(&entry["start"]);
        let mut run = Trainer::<f64, _>::start(&training, &start, 0).unwrap();
        run.run_to(steps);
        case.is("parameters", run.parameters());

        // The loss that was trained, on the first of the other batches.
        let samples = Samples {
            inputs: columns(&entry["ascent_inputs"][0], widths[0]),
            targets: columns(&entry["ascent_targets"][0], widths[2]),
        };
        let changed = method.samples(&tape, &samples, 3);
        let mut set = Evaluation::new(Arc::clone(&tape), loss, changed, 4).unwrap();
        let at = run.parameters();
        case.is("loss", &[set.loss(at).unwrap()]);
        case.has_eigenvalues_of("lambda_max", &mut set.hessian(at).unwrap());
        if let Some(p) = run.preconditioner() {
            let mut hessian = set.hessian(at).unwrap();
            let mut scaled = Scaled::new(&mut hessian, &p).unwrap();
            case.has_eigenvalues_of("preconditioned_lambda_max", &mut scaled);
        }
        assert_eq!(
            case.expected.get("preconditioned_lambda_max").is_some(),
            run.preconditioner().is_some()
        );
    }
}

impl Case {
    fn has_eigenvalues_of(
        &self,
        key: &str,
        operator: &mut impl thalweg::curvature::SymmetricOperator<Error: std::fmt::Debug>,
    ) {
        let settings = EigenSettings {
            tolerance: 1e-11,
            ..EigenSettings::new(1, End::Top)
        };
        let pairs = eigenpairs(operator, &settings, None).unwrap();
        self.is(key, &[pairs.values[0].value]);
    }
}

#[test]
fn mixed_samples_are_those_of_pytorch() {
    let file = file();
    let (tape, widths) = (tape(&file), sizes(&file));
    let entry = &file["mixed"];
    let case = Case {
        name: "mixed".to_owned(),
        expected: entry["expected"].clone(),
    };
    let block = |key: &str, lines: usize| {
        let matrix = columns(&entry[key], lines);
        Block::from_fn(lines, matrix.ncols(), |line, b| matrix[(line, b)])
    };
    let (mut inputs, mut targets) = (block("inputs", widths[0]), block("targets", widths[2]));
    let partners: Vec<u32> = numbers(&entry["partners"])
        .iter()
        .map(|&p| p as u32)
        .collect();
    let mut drawn = Drawn {
        tape: &tape,
        inputs: inputs.lines_mut(),
        targets: targets.lines_mut(),
    };
    Mixup::mix(&partners, &numbers(&entry["weights"]), &mut drawn);
    let matrix = |block: &Block<f64>| {
        let lines = block.lines();
        Mat::from_fn(lines.count(), lines.batch(), |line, b| lines.line(line)[b])
    };
    let samples = Samples {
        inputs: matrix(&inputs),
        targets: matrix(&targets),
    };
    let mut set = Evaluation::new(tape, Loss::CrossEntropy, samples, 4).unwrap();
    let at = numbers(&entry["parameters"]);
    case.is("loss", &[set.loss(&at).unwrap()]);
    case.is("gradient", &set.gradient(&at).unwrap());
}

/// With given masks on inputs, which multiply the samples, and on hidden units, which stand below them.
#[test]
fn masked_units_are_those_of_pytorch() {
    let file = file();
    let widths = sizes(&file);
    let entry = &file["dropped"];
    let case = Case {
        name: "dropped".to_owned(),
        expected: entry["expected"].clone(),
    };
    let dropout = Dropout {
        hidden: 0.5,
        ..Dropout::default()
    };
    let tape = Arc::new(network(&file).tape_with(&dropout).unwrap());
    assert_eq!(
        (tape.masks().len(), tape.masks()[0].count()),
        (1, widths[1])
    );
    let inputs = columns(&entry["inputs"], widths[0]);
    let masks = columns(&entry["masks"], widths[0] + widths[1]);
    let line = |line: usize, b: usize| match line < widths[0] {
        true => inputs[(line, b)] * masks[(line, b)],
        false => masks[(line, b)],
    };
    let samples = Samples {
        inputs: Mat::from_fn(masks.nrows(), masks.ncols(), line),
        targets: columns(&entry["targets"], widths[2]),
    };
    has_the_derivatives_of(&case, entry, tape, Loss::CrossEntropy, samples);
}

/// With given masks on the shares of a transformer's attention: those of one head after another, at each position of what it sees.
#[test]
fn masked_attention_is_that_of_pytorch() {
    let file = file();
    let entry = &file["attended"];
    let case = Case {
        name: "attended".to_owned(),
        expected: entry["expected"].clone(),
    };
    let network = Network::Transformer(Transformer {
        width: 4,
        positions: 3,
        heads: 2,
        hidden: 3,
        blocks: 1,
        causal: true,
        layer_norm: false,
        activation: Activation::Tanh,
        biases: false,
    });
    let dropout = Dropout {
        attention: 0.4,
        ..Dropout::default()
    };
    let tape = Arc::new(network.tape_with(&dropout).unwrap());
    let inputs = columns(&entry["inputs"], 12);
    let masks = columns(&entry["masks"], 12);
    assert_eq!((tape.masks().len(), tape.masks()[0].count()), (1, 12));
    let line = |line: usize, b: usize| match line < 12 {
        true => inputs[(line, b)],
        false => masks[(line - 12, b)],
    };
    let samples = Samples {
        inputs: Mat::from_fn(24, inputs.ncols(), line),
        targets: columns(&entry["targets"], 12),
    };
    let squares = Loss::SquaredError(Convention::Half);
    has_the_derivatives_of(&case, entry, tape, squares, samples);
}

/// Loss, gradient and the Hessian's trace and largest eigenvalue.
fn has_the_derivatives_of(
    case: &Case,
    entry: &Value,
    tape: Arc<Tape>,
    loss: Loss,
    samples: Samples,
) {
    let mut set = Evaluation::new(tape, loss, samples, 4).unwrap();
    let at = numbers(&entry["parameters"]);
    case.is("loss", &[set.loss(&at).unwrap()]);
    case.is("gradient", &set.gradient(&at).unwrap());
    let trace = set
        .hessian_trace(&at, &TraceSettings::new(at.len()))
        .unwrap();
    case.is("hessian_trace", &[trace.value]);
    case.has_eigenvalues_of("lambda_max", &mut set.hessian(&at).unwrap());
}
