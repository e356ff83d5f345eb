//! Specifications of experiments on networks: read, resolved, read again, and refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use thalweg::data::{Place, Sampling};
use thalweg::loss::{Convention, Loss};
use thalweg::model::{Network, Read};
use thalweg::optimizer::{AdamW, Optimizer, RateSchedule};
use thalweg::random::NoiseLaw;
use thalweg::tensor::Activation;
use thalweg::train::{Ascent, Change, Flips, InputDropout, InputNoise, Mixup, Shifts, Smoothing};
use thalweg_lab::images::Pixels;
use thalweg_lab::network::{Made, On};
use thalweg_lab::sources::{ImageFiles, ImageSource, LabelFlips, NetworkSource, TeacherSource};
use thalweg_lab::spec::{
    Draft, EvaluationLabels, NetworkExperiment, Overrides, SeedRule, SpecError, read_experiment,
};

fn read(text: &str) -> Result<NetworkExperiment, SpecError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, text).unwrap();
    read_experiment::<NetworkExperiment>(&path)
}

/// The least that makes an experiment.
const LEAST: &str = r#"
learning_rate = 0.1
batch = 100
steps = 1000
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [4], outputs = 3 }
data = { kind = "teacher", teacher = { hidden = [100] } }
"#;

/// `LEAST` with one line replaced.
fn with(key: &str, line: &str) -> String {
    let lines = LEAST.lines().filter(|old| !old.starts_with(key));
    format!("{}\n{line}\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn defaults_are_spelled_out_in_the_resolved_form() {
    let experiment = read(LEAST).unwrap();
    let Network::Mlp(mlp) = &experiment.network else {
        unreachable!("the file says mlp");
    };
    assert_eq!(
        (&mlp.widths[..], mlp.activation),
        (&[2, 4, 3][..], Activation::Relu)
    );
    assert_eq!(experiment.loss, Loss::SquaredError(Convention::Half));
    assert_eq!(experiment.seeds, [0, 1, 2, 3, 4]);
    assert_eq!(experiment.data.noise, None);
    let resolved = experiment.to_toml();
    for line in [
        "momentum = 0.0",
        "precision = \"f64\"",
        "convention = \"half\"",
        "biases = false",
        "gain = 1.0",
        "samples = 1000",
    ] {
        assert!(resolved.contains(line), "no {line} in\n{resolved}");
    }
    assert_eq!(read(&resolved).unwrap(), experiment);
}

#[test]
fn every_field_survives_the_resolved_form() {
    let rnn = r#"
name = "all of it"
learning_rate = 0.03
batch = 7
steps = 50
seeds = [3, 9]
warmup = 5
decay = { kind = "cosine", steps = 40, floor = 0.1 }
momentum = 0.9
weight_decay = 1e-4
precision = "f32"
init = { kind = "normal", deviation = 0.3 }
switch = { at_step = 20, samples = 1000 }
measure = { spacing = "linear", count = 3, last_fifth = 2, samples = 64, seed = 8 }
loss = { kind = "squared-error", convention = "mean" }
[network]
kind = "rnn"
inputs = 2
hidden = 4
outputs = 2
positions = 5
read = "every"
activation = "relu"
biases = true
[data]
kind = "teacher"
teacher = { hidden = 100, seed = 5, init = { kind = "xavier", gain = 2 } }
input_covariance = [[1, 0.5], [0.5, 2]]
noise_covariance = [[4, 1], [1, 0.3333333333333333]]
noise = { kind = "student-t", degrees = 4 }
noise_on = "targets"
"#;
    let experiment = read(rnn).unwrap();
    let Network::Rnn(network) = &experiment.network else {
        unreachable!("the file says rnn");
    };
    assert_eq!((network.steps, network.read), (5, Read::Every));
    let NetworkSource::Teacher(TeacherSource { network, seed, .. }) = &experiment.data.source
    else {
        unreachable!("the file says teacher");
    };
    assert_eq!((network.positions(), *seed), ([5, 5], SeedRule::Shared(5)));
    assert_eq!(experiment.measure.seed, SeedRule::Shared(8));
    assert_eq!(experiment.measure.schedule.steps(50), [0, 25, 40, 45, 50]);
    let Network::Rnn(teacher) = network else {
        unreachable!("of the same family");
    };
    assert_eq!((teacher.hidden, teacher.outputs), (100, 2));
    let noise = experiment.data.noise.as_ref().unwrap();
    assert_eq!(noise.law, NoiseLaw::StudentT { degrees: 4.0 });
    assert_eq!(read(&experiment.to_toml()).unwrap(), experiment);

    let images = r#"
learning_rate = 0.01
batch = 128
steps = 10
loss = "cross-entropy"
network = { kind = "mlp", hidden = [16, 8], activation = "gelu" }
[data]
kind = "idx"
path = "/somewhere"
pixels = "unit"
sampling = { kind = "classes", weights = [1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0] }
label_flips = 0.25
noise_standard_deviations = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
"#;
    let experiment = read(images).unwrap();
    assert_eq!(
        (experiment.network.inputs(), experiment.network.outputs()),
        (784, 10)
    );
    let noise = experiment.data.noise.as_ref().unwrap();
    assert_eq!(noise.place, Place::Logits);
    assert_eq!(noise.covariance[(2, 2)], 9.0);
    let NetworkSource::Images(ImageSource {
        files,
        pixels,
        sampling,
        label_flips,
        ..
    }) = &experiment.data.source
    else {
        unreachable!("the file says idx");
    };
    assert_eq!(*files, ImageFiles::Idx("/somewhere".into()));
    assert_eq!(
        (*pixels, label_flips),
        (Pixels::Unit, &LabelFlips::Chance(0.25))
    );
    assert!(matches!(sampling, Sampling::Classes(weights) if weights.len() == 10));
    assert_eq!(read(&experiment.to_toml()).unwrap(), experiment);
}

/// A path means the same wherever the program is started: it belongs to the folder of its file, and the
/// resolved form holds it whole.
#[test]
fn paths_are_relative_to_their_file_and_know_the_home_directory() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = inner.join("experiment.toml");
    let images = |path: &str| {
        let network = with("network", "network = { kind = \"mlp\", hidden = [8] }");
        let lines = network.lines().filter(|line| !line.starts_with("data"));
        let text = format!(
            "{}\ndata = {{ kind = \"idx\", path = \"{path}\" }}\n",
            lines.collect::<Vec<_>>().join("\n")
        );
        fs::write(&file, text).unwrap();
        let experiment = read_experiment::<NetworkExperiment>(&file).unwrap();
        let resolved = experiment.to_toml();
        let elsewhere = folder.path().join("resolved.toml");
        fs::write(&elsewhere, resolved).unwrap();
        let again = read_experiment::<NetworkExperiment>(&elsewhere).unwrap();
        assert_eq!(again, experiment);
        let NetworkSource::Images(ImageSource {
            files: ImageFiles::Idx(path),
            ..
        }) = experiment.data.source
        else {
            unreachable!("the file says idx");
        };
        path
    };
    assert_eq!(images("digits"), inner.join("digits"));
    assert_eq!(images("./digits"), inner.join("digits"));
    assert_eq!(images("../digits"), inner.join("../digits"));
    assert_eq!(images("/data/digits"), Path::new("/data/digits"));
    let home = std::env::home_dir().unwrap();
    assert_eq!(images("~/digits"), home.join("digits"));
    assert_eq!(images("~"), home);
    assert_eq!(images("./~digits"), inner.join("~digits"));
}

/// A shell would know whose home it is.
#[test]
fn the_home_of_another_user_is_to_be_written_out() {
    let data = "data = { kind = \"idx\", path = \"~someone/digits\" }";
    let words = read(&with("data", data)).unwrap_err().to_string();
    for part in [
        "`data.path` is \"~someone/digits\"",
        "whole path to that home",
        "./~",
    ] {
        assert!(words.contains(part), "{words}");
    }
}

#[test]
fn each_run_may_have_its_own_teacher_and_evaluation_set() {
    let teacher = "data = { kind = \"teacher\", teacher = { hidden = [100], seed = \"per-run\" } }";
    let measure = "measure = { seed = \"per-run\", labels = \"clean\" }";
    let experiment = read(&format!("{measure}\n{}", with("data", teacher))).unwrap();
    let NetworkSource::Teacher(TeacherSource { seed, .. }) = &experiment.data.source else {
        unreachable!("the file says teacher");
    };
    assert_eq!((seed.of(7), experiment.measure.seed.of(9)), (7, 9));
    assert_eq!(SeedRule::Shared(3).of(7), 3);
    assert_eq!(experiment.measure.labels, EvaluationLabels::Clean);
    let resolved = experiment.to_toml();
    assert!(resolved.contains("seed = \"per-run\""), "{resolved}");
    assert_eq!(read(&resolved).unwrap(), experiment);
    assert!(experiment.data_words().contains("one for each run"));
}

#[test]
fn a_set_may_be_measured_where_it_is_trained_on_and_a_stream_may_not() {
    let train = "measure = { on = \"train\" }";
    let digits = with("network", "network = { kind = \"mlp\", hidden = [4] }");
    let lines = digits.lines().filter(|line| !line.starts_with("data"));
    let digits = lines.collect::<Vec<_>>().join("\n");
    let experiment = read(&format!("{digits}\n{train}\ndata = {{ kind = \"mnist\" }}")).unwrap();
    assert_eq!(experiment.measure.on, On::Train);
    let resolved = experiment.to_toml();
    assert!(resolved.contains("on = \"train\""), "{resolved}");
    assert_eq!(read(&resolved).unwrap(), experiment);
    assert_eq!(read(LEAST).unwrap().measure.on, On::Test);
    let refused = read(&format!("{LEAST}\n{train}")).unwrap_err().to_string();
    for part in ["measure.on", "\"train\"", "\"test\"", "fresh at each step"] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn a_transformer_is_read_with_its_teacher() {
    let network = "network = { kind = \"transformer\", width = 8, positions = 4, heads = 2, hidden = 4, causal = true }";
    let file = with("network", network).replace("hidden = [100]", "hidden = 100");
    let experiment = read(&file).unwrap();
    let Network::Transformer(student) = &experiment.network else {
        unreachable!("the file says transformer");
    };
    assert!(student.causal && !student.layer_norm && student.blocks == 1);
    assert_eq!(read(&experiment.to_toml()).unwrap(), experiment);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let transformer = |heads: &str| {
        with(
            "network",
            &format!(
                "network = {{ kind = \"transformer\", width = 8, positions = 4, heads = {heads}, hidden = 4 }}"
            ),
        )
    };
    let cases: Vec<(String, &str)> = vec![
        (with("network", ""), "`network` is missing"),
        (with("data", ""), "`data` is missing"),
        (with("loss", ""), "`loss` is missing"),
        (
            format!("decay = \"linear\"\n{LEAST}"),
            "`decay` is \"linear\": one of",
        ),
        (
            format!("switch = {{ at_step = 1, samples = 0 }}\n{LEAST}"),
            "`switch.samples` is 0",
        ),
        (
            with("loss", "loss = \"mse\""),
            "`loss` is \"mse\": one of \"squared-error\", \"cross-entropy\"",
        ),
        (with("learning_rate", ""), "`learning_rate` is missing"),
        (
            with("learning_rate", "learning_rate = -1"),
            "`learning_rate` is -1",
        ),
        (
            format!("measure = {{ seed = \"each\" }}\n{LEAST}"),
            "`measure.seed` is \"each\"",
        ),
        (
            format!(
                "measure = {{ labels = \"clean\" }}\n{}",
                with("loss", "loss = \"cross-entropy\"")
            ),
            "`measure.labels` is \"clean\"",
        ),
        (with("batch", "batch = 0"), "`batch` is 0"),
        (with("batch", "batch = 1_000_000_000"), "a batch of at most"),
        (with("steps", "stepz = 3"), "did you mean `steps`?"),
        (
            with("network", "network = { kind = \"cnn\" }"),
            "`network.kind` is \"cnn\"",
        ),
        (
            with(
                "network",
                "network = { kind = \"mlp\", hidden = [4], outputs = 3 }",
            ),
            "`network.inputs` is missing",
        ),
        (
            with(
                "network",
                "network = { kind = \"mlp\", inputs = 2, hidden = 4, outputs = 3 }",
            ),
            "`network.hidden` is 4",
        ),
        (
            with(
                "network",
                "network = { kind = \"mlp\", inputs = 2, hidden = [4, 0], outputs = 3 }",
            ),
            "`network.hidden[1]` is 0",
        ),
        (
            with(
                "network",
                "network = { kind = \"mlp\", inputs = 2, hidden = [16000, 16000], outputs = 3 }",
            ),
            "at most 67108864 parameters",
        ),
        (
            with(
                "network",
                "network = { kind = \"mlp\", inputs = 2, hidden = [4], outputs = 3, activation = \"sine\" }",
            ),
            "`network.activation` is \"sine\"",
        ),
        (transformer("3"), "`network.heads` is 3"),
        (transformer("2"), "`data.teacher.hidden` is a list"),
        (
            with("data", "data = { kind = \"teacher\" }"),
            "`data.teacher` is missing",
        ),
        (
            with(
                "data",
                "data = { kind = \"teacher\", teacher = { hidden = [0] } }",
            ),
            "`data.teacher.hidden[0]` is 0",
        ),
        (
            with(
                "data",
                "data = { kind = \"teacher\", teacher = { hidden = [9] }, pixels = \"unit\" }",
            ),
            "`data.pixels` is not a field",
        ),
        (
            with(
                "data",
                "data = { kind = \"teacher\", teacher = { hidden = [9] }, noise_standard_deviations = [1, 2] }",
            ),
            "noise of 3 components",
        ),
        (
            with(
                "data",
                "data = { kind = \"teacher\", teacher = { hidden = [9] }, noise = \"laplace\" }",
            ),
            "`data.noise_standard_deviations` is missing",
        ),
        (
            with(
                "data",
                "data = { kind = \"teacher\", teacher = { hidden = [9] }, input_covariance = [[1]] }",
            ),
            "a 2 × 2 matrix",
        ),
        (
            with("data", "data = { kind = \"idx\" }"),
            "`data.path` is missing",
        ),
        (
            with("data", "data = { kind = \"mnist\", label_flips = 2 }"),
            "`data.label_flips` is 2",
        ),
        (
            with(
                "data",
                "data = { kind = \"mnist\", label_flips = [[0.9, 0.1], [0, 1]] }",
            ),
            "a 3 × 3 matrix, a row of probabilities for each class,",
        ),
        (
            with(
                "data",
                "data = { kind = \"mnist\", sampling = { kind = \"classes\", weights = [1, -1, 1] } }",
            ),
            "a list of 3 weights",
        ),
        (
            format!("{LEAST}measure = {{ samples = 1 }}"),
            "`measure.samples` is 1",
        ),
        (
            format!("{LEAST}measure = {{ what = 1 }}"),
            "`measure.what` is not a field",
        ),
        (
            "depth = 2".to_owned(),
            "`depth` is not a field of a specification",
        ),
    ];
    for (file, words) in cases {
        let error = read(&file).unwrap_err().to_string();
        assert!(
            error.contains(words),
            "{words:?} is not in: {error}\n{file}"
        );
    }
}

/// Digits with everything that is added to a batch and a step.
const ADDED: &str = r#"
learning_rate = 0.01
batch = 12
steps = 10
loss = "cross-entropy"
network = { kind = "mlp", hidden = [8] }
data = { kind = "mnist" }
label_smoothing = 0.1
input_noise = 0.25
shifts = 2
flips = true
input_dropout = 0.2
hidden_dropout = 0.5
mixup = 0.3
clipping = 1
sam = { radius = 0.05, normalised = true, parts = 3 }
weight_decay = 0.01
optimizer = { kind = "adamw", beta2 = 0.99 }
"#;

/// A confusion matrix is taken as it stands, and one that is none is refused where the data are made.
#[test]
fn labels_are_flipped_by_class() {
    let text = |rows: &str| {
        let network = "network = { kind = \"mlp\", inputs = 784, hidden = [4], outputs = 10 }";
        let data = format!("data = {{ kind = \"mnist\", label_flips = [{rows}] }}");
        let lines = with("network", network);
        let lines: Vec<&str> = lines
            .lines()
            .filter(|line| !line.starts_with("data"))
            .collect();
        format!("{}\n{data}\n", lines.join("\n"))
    };
    let row = |class: usize, stays: f64| {
        let entry = |j: usize| match j {
            _ if j == class => stays,
            _ if j == (class + 1) % 10 => 1.0 - stays,
            _ => 0.0,
        };
        let row: Vec<String> = (0..10).map(|j| entry(j).to_string()).collect();
        format!("[{}]", row.join(", "))
    };
    let rows: Vec<String> = (0..10)
        .map(|class| row(class, if class == 4 { 0.0 } else { 1.0 }))
        .collect();
    let experiment = read(&text(&rows.join(", "))).unwrap();
    assert_eq!(read(&experiment.to_toml()).unwrap(), experiment);
    // Every four is called a five, and no other label changes.
    let samples = Made::new(&experiment).unwrap().samples_of(500, 1).unwrap();
    let clean = text(
        &(0..10)
            .map(|class| row(class, 1.0))
            .collect::<Vec<_>>()
            .join(", "),
    );
    let clean = Made::new(&read(&clean).unwrap())
        .unwrap()
        .samples_of(500, 1)
        .unwrap();
    let class = |samples: &thalweg::data::Samples, b: usize| {
        samples
            .targets
            .col(b)
            .iter()
            .position(|&y| y == 1.0)
            .unwrap()
    };
    let mut fours = 0;
    for b in 0..500 {
        let (found, own) = (class(&samples, b), class(&clean, b));
        assert_eq!(found, if own == 4 { 5 } else { own });
        fours += usize::from(own == 4);
    }
    assert!(fours > 20, "{fours}");

    let broken: Vec<String> = (0..10)
        .map(|class| row(class, 1.0).replace("1", "0.9"))
        .collect();
    let error = Made::new(&read(&text(&broken.join(", "))).unwrap()).unwrap_err();
    assert!(error.to_string().contains("0.9"), "{error}");
}

#[test]
fn what_is_added_survives_the_resolved_form() {
    let experiment = read(ADDED).unwrap();
    let found = &experiment.settings.optimizer;
    let expected = [
        Change::Shifts(Shifts {
            most: 2,
            width: 28,
            height: 28,
        }),
        Change::Flips(Flips { width: 28 }),
        Change::InputNoise(InputNoise(0.25)),
        Change::InputDropout(InputDropout(0.2)),
        Change::Mixup(Mixup(0.3)),
        Change::Smoothing(Smoothing(0.1)),
    ];
    assert_eq!(found.changes, expected);
    let sam = Ascent {
        radius: 0.05,
        normalised: true,
        independent: false,
        parts: 3,
    };
    assert_eq!((found.sam, found.clipping), (Some(sam), Some(1.0)));
    let adam = AdamW {
        beta2: 0.99,
        weight_decay: 0.01,
        ..AdamW::new(RateSchedule::constant(0.01))
    };
    assert_eq!(found.update, Optimizer::AdamW(adam));
    assert_eq!(
        (experiment.dropout.hidden, experiment.dropout.attention),
        (0.5, 0.0)
    );
    assert_eq!(read(&experiment.to_toml()).unwrap(), experiment);
    assert_eq!(
        experiment.intervention_words().unwrap(),
        "shifts by up to 2 pixels, flips, input noise σ = 0.25, dropout of inputs p = 0.2, mixup α = 0.3, \
         label smoothing α = 0.1, dropout of hidden units p = 0.5, normalised SAM ρ = 0.05 on each of 3 parts of the batch, gradients clipped at 1, \
         AdamW with β = (0.9, 0.99), ε = 1e-8 and weight decay 0.01"
    );
    // Nothing is added by 0, and plain SGD needs no words.
    let none = format!("{LEAST}mixup = 0\nshifts = 0\nflips = false\noptimizer = \"sgd\"");
    let none = read(&none).unwrap();
    assert_eq!(none, read(LEAST).unwrap());
    assert_eq!(none.intervention_words(), None);
}

#[test]
fn what_makes_no_sense_is_not_added() {
    for (line, words) in [
        ("shifts = 2", "`shifts` is 2"),
        ("flips = true", "these data are no images"),
        (
            "label_smoothing = 0.1",
            "a teacher's outputs are no classes",
        ),
        (
            "attention_dropout = 0.1",
            "a transformer alone has attention",
        ),
        ("momentum = 0.9\noptimizer = \"adamw\"", "`momentum` is 0.9"),
        ("optimizer = \"adam\"", "one of \"sgd\", \"adamw\""),
        (
            "optimizer = { kind = \"adamw\", beta = 1 }",
            "`optimizer.beta` is not a field",
        ),
        ("sam = { normalised = true }", "`sam.radius` is missing"),
        (
            "sam = { radius = 1, independent = true }\nswitch = { at_step = 5, samples = 10 }",
            "false beside a `switch`",
        ),
    ] {
        let error = read(&format!("{LEAST}{line}\n")).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
    let wide = ADDED.replace("shifts = 2", "shifts = 28");
    assert!(
        read(&wide)
            .unwrap_err()
            .to_string()
            .contains("from 0 to 27")
    );
    // A teacher's probabilities are of classes.
    let entropy = with("loss", "loss = \"cross-entropy\"");
    assert!(read(&format!("{entropy}label_smoothing = 0.1\n")).is_ok());
    // Numbers out of range are refused where the training is made.
    let made = |line: &str| {
        let experiment = read(&format!("{LEAST}{line}\n")).unwrap();
        Made::new(&experiment).unwrap_err().to_string()
    };
    for (line, words) in [
        ("input_noise = -1", "input_noise is -1"),
        ("input_dropout = 1", "input_dropout is 1"),
        ("hidden_dropout = 1.5", "network: hidden_dropout is 1.5"),
        ("mixup = -0.5", "mixup is -0.5"),
        ("clipping = 0", "clipping is 0"),
        ("sam = { radius = 1, parts = 7 }", "sam.parts is 7"),
        ("sam = 0", "sam.radius is 0"),
        (
            "optimizer = { kind = \"adamw\", epsilon = 0 }",
            "optimizer.epsilon is 0",
        ),
    ] {
        let error = made(line);
        assert!(
            error.starts_with(words),
            "{words:?} does not begin: {error}"
        );
    }
}

#[test]
fn overrides_take_the_place_of_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, LEAST).unwrap();
    let overrides = Overrides {
        steps: Some(5),
        seeds: Some(vec![7]),
        learning_rate: Some(0.25),
        ..Overrides::default()
    };
    let mut draft = Draft::read(&path).unwrap();
    overrides.apply(&mut draft).unwrap();
    let experiment: NetworkExperiment = draft.experiment().unwrap();
    assert_eq!(
        (
            experiment.steps,
            experiment.settings.optimizer.learning_rate().base
        ),
        (5, 0.25)
    );
    assert_eq!(experiment.seeds, [7]);
}

/// The example files say what they mean; one with axes is a sweep's.
#[test]
fn the_examples_are_experiments() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            // Some are read by `thalweg sweep`.
            if fs::read_to_string(&path).unwrap().contains("[[axes]]") {
                continue;
            }
            let experiment = read_experiment::<NetworkExperiment>(&path).unwrap();
            experiment.network.tape().unwrap();
            // A text and a table are as uncertain as they are.
            let own = matches!(
                experiment.data.source,
                NetworkSource::Text(_) | NetworkSource::Table(_)
            );
            assert_eq!(experiment.data.noise.is_none(), own);
            names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    names.sort();
    assert_eq!(
        names,
        [
            "digits",
            "linear",
            "mnist",
            "relu",
            "relu-isotropic",
            "rnn",
            "table",
            "text",
            "transformer"
        ]
    );
}
