//! Experiment files: defaults, the resolved form, and what malformed ones are told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use tempfile::TempDir;
use thalweg::simulate::{
    InitialWeights, NoiseLaw, Precision, SampleSource, SimulateSettings, Switch,
};
use thalweg_lab::spec::{
    Draft, Experiment, Schedule, Spacing, SpecError, read_experiment, read_problem,
};

const PROBLEM: &str = r#"
    [problem]
    depth = 3
    input_covariance = [[1.1, 0.3], [0.3, 0.7]]
    teacher = [[0.1, 0.2], [0.3, 1e-7]]
    noise_standard_deviations = [3, 0.1]
"#;

const SHORT: &str = "learning_rate = 0.01\nbatch = 10\nsteps = 1e4\n";

const FULL: &str = r#"
    name = "everything set"
    learning_rate = 0.1
    batch = 7
    steps = 12_345
    seeds = [3, 9223372036854775807, 0]
    momentum = 0.9
    weight_decay = 1e-5
    precision = "f32"
    init = { kind = "normal", deviation = 0.3333333333333333 }
    switch = { at_step = 100, samples = 50 }
    measure = { spacing = "linear", count = 17 }

    [data]
    source = { kind = "finite", samples = 500, replacement = true }
    noise = { kind = "student-t", degrees = 5.5 }
    heteroscedasticity = 0.25
    sample_by_sample = true
"#;

fn read(content: &str) -> Result<Experiment, SpecError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, content).unwrap();
    read_experiment::<Experiment>(&path)
}

fn refusal(head: &str, problem: &str) -> String {
    read(&format!("{head}{problem}"))
        .unwrap_err()
        .fault
        .to_string()
}

#[test]
fn defaults_are_plain_sgd() {
    let experiment = read(&format!("{SHORT}{PROBLEM}")).unwrap();
    assert_eq!(experiment.settings, SimulateSettings::new(0.01, 10));
    assert_eq!(
        (experiment.seeds, experiment.steps),
        ((0..5).collect::<Vec<u64>>(), 10_000)
    );
    assert_eq!(
        experiment.measure,
        Schedule {
            spacing: Spacing::Log,
            count: 100,
            last_fifth: 0
        }
    );
    assert_eq!(experiment.problem.widths(), [2, 2, 2, 2]);
}

#[test]
fn every_field_is_read() {
    let experiment = read(&format!("{FULL}{PROBLEM}")).unwrap();
    let settings = &experiment.settings;
    assert_eq!((settings.learning_rate, settings.batch), (0.1, 7));
    assert_eq!(
        (settings.recipe.momentum, settings.recipe.weight_decay),
        (0.9, 1e-5)
    );
    assert_eq!(settings.precision, Precision::F32);
    assert_eq!(
        settings.init,
        InitialWeights::Normal {
            deviation: 1.0 / 3.0
        }
    );
    assert_eq!(
        settings.switch,
        Some(Switch {
            at_step: 100,
            samples: 50
        })
    );
    assert_eq!(
        settings.data.source,
        SampleSource::Finite {
            samples: 500,
            replacement: true
        }
    );
    assert_eq!(settings.data.noise, NoiseLaw::StudentT { degrees: 5.5 });
    assert_eq!(settings.data.heteroscedasticity, 0.25);
    assert!(settings.data.sample_by_sample);
    assert_eq!(experiment.seeds, [3, i64::MAX as u64, 0]);
    assert_eq!(experiment.steps, 12_345);
    assert_eq!(
        experiment.measure,
        Schedule {
            spacing: Spacing::Linear,
            count: 17,
            last_fifth: 0
        }
    );
    assert_eq!(experiment.name.as_deref(), Some("everything set"));
}

/// Bit for bit: the numbers include ones without a short decimal form.
#[test]
fn the_resolved_form_reads_back_as_the_same_experiment() {
    let given = "start_weights = [[[0.1, 0.2], [1, 2], [3, 4]], [[0.7, 5e-324, 1e300]]]\n";
    let narrow = PROBLEM
        .replace("depth = 3", "depth = 2\nhidden_widths = [3]")
        .replace(
            "teacher = [[0.1, 0.2], [0.3, 1e-7]]",
            "teacher = [[0.1, 0.2]]",
        )
        .replace("[3, 0.1]", "[0.1]");
    let variants = [
        format!("{SHORT}{PROBLEM}"),
        format!("{FULL}{PROBLEM}"),
        format!("{SHORT}init = \"xavier\"\nseeds = 4\ndata = {{ noise = \"laplace\" }}\n{PROBLEM}"),
        format!("{SHORT}init = {{ kind = \"kaiming\", gain = 0.1 }}\n{PROBLEM}"),
        format!("{SHORT}{given}{narrow}"),
    ];
    for content in &variants {
        let experiment = read(content).unwrap();
        let resolved = experiment.to_toml();
        assert_eq!(read(&resolved).unwrap(), experiment, "{resolved}");
        assert_eq!(read(&resolved).unwrap().to_toml(), resolved);
    }
}

#[test]
fn the_resolved_form_leaves_nothing_implicit() {
    let resolved = read(&format!("{SHORT}{PROBLEM}")).unwrap().to_toml();
    for field in [
        "seeds = [0, 1, 2, 3, 4]",
        "momentum = 0.0",
        "weight_decay = 0.0",
        "precision = \"f64\"",
        "[init]",
        "gain = 1.0",
        "[data.source]",
        "kind = \"online\"",
        "spacing = \"log\"",
        "count = 100",
        "hidden_widths = [2, 2]",
        "noise_covariance = [[9.0, 0.0], [0.0, 0.01",
    ] {
        assert!(resolved.contains(field), "{field} is not in\n{resolved}");
    }
}

#[test]
fn an_experiment_is_a_problem_file_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, format!("{SHORT}{PROBLEM}")).unwrap();
    let problem = read_problem(Path::new(&path)).unwrap();
    assert_eq!(
        (problem.learning_rate, problem.steps),
        (Some(0.01), Some(10_000))
    );
    assert_eq!(
        problem.problem,
        read_experiment::<Experiment>(&path).unwrap().problem
    );
}

/// The line is that of the field where it stands in the file, and none where it was set.
#[test]
fn errors_show_the_line_in_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("experiment.toml");
    let text = format!("{SHORT}{PROBLEM}").replace("batch = 10", "batch = 0 # too few");
    std::fs::write(&path, &text).unwrap();
    let mut draft = Draft::read(&path).unwrap();
    let error = draft.experiment::<Experiment>().unwrap_err();
    let line = error.line.as_ref().unwrap();
    assert_eq!(line.text, "batch = 0 # too few");
    assert_eq!(text.lines().nth(line.number - 1).unwrap().trim(), line.text);
    assert!(
        error.to_string().ends_with("batch = 0 # too few"),
        "{error}"
    );

    draft.set("batch", -1.0).unwrap();
    let error = draft.experiment::<Experiment>().unwrap_err();
    assert!(error.to_string().contains("`batch` is -1.0"), "{error}");
    assert!(error.line.is_none(), "{error}");
    let refused = draft.set("batch.size", 1_u64).unwrap_err();
    assert!(
        refused.to_string().contains("`batch.size` cannot be set"),
        "{refused}"
    );
}

#[test]
fn malformed_experiments_are_told_what_is_wrong() {
    let cases = [
        (
            "batch = 10\nsteps = 1\n",
            "`learning_rate` is missing: η > 0 is needed",
        ),
        ("learning_rate = 1\nbatch = 10\n", "`steps` is missing"),
        ("seeds = 0\n", "`seeds` is 0: a number of seeds from 1 to"),
        ("seeds = []\n", "`seeds` is an empty list: a list of 1 to"),
        (
            "seeds = [1, 2, 1]\n",
            "`seeds[2]` is 1: a seed that is not yet in the list",
        ),
        ("seeds = [-1]\n", "`seeds[0]` is -1: a whole number"),
        ("seeds = \"all\"\n", "`seeds` is \"all\": a whole number"),
        (
            "precision = \"f16\"\n",
            "`precision` is \"f16\": one of \"f64\", \"f32\" is needed",
        ),
        (
            "precision = 64\n",
            "`precision` is 64: one of \"f64\", \"f32\", or a table",
        ),
        (
            "init = { kind = \"kaiming\", deviation = 1 }\n",
            "`init.deviation` is not a field",
        ),
        (
            "init = \"normal\"\n",
            "`init.deviation` is missing: the standard deviation",
        ),
        (
            "init = { gain = 1 }\n",
            "`init.kind` is missing: one of \"kaiming\"",
        ),
        (
            "start_weights = [[[1]]]\ninit = \"xavier\"\n",
            "`init` and `start_weights` are both given",
        ),
        (
            "data = { noise = \"student-t\" }\n",
            "`data.noise.degrees` is missing",
        ),
        (
            "data = { source = { kind = \"finite\" } }\n",
            "`data.source.samples` is missing",
        ),
        (
            "data = { nosie = \"uniform\" }\n",
            "`data.nosie` is not a field of a specification: did you mean `noise`",
        ),
        (
            "data = { sample_by_sample = 1 }\n",
            "`data.sample_by_sample` is 1: true or false",
        ),
        ("switch = 100\n", "`switch` is 100: a table is needed"),
        ("switch = { at_step = 1 }\n", "`switch.samples` is missing"),
        (
            "measure = { count = 1 }\n",
            "`measure.count` is 1: a number of measured steps from 2",
        ),
        (
            "measure = { spacing = \"cubic\" }\n",
            "`measure.spacing` is \"cubic\": one of",
        ),
        (
            "momentum = \"high\"\n",
            "`momentum` is \"high\": a number is needed",
        ),
        (
            "weight_decay = inf\n",
            "`weight_decay` is inf: a finite number is needed",
        ),
    ];
    for (head, expected) in cases {
        let short = if head.contains("batch") { "" } else { SHORT };
        // A start needs a problem that it fits.
        let problem = if head.contains("start_weights") {
            "[problem]\ndepth = 1\ninput_covariance = [[1]]\nteacher = [[1]]\nnoise_covariance = [[1]]"
        } else {
            PROBLEM
        };
        let message = refusal(&format!("{short}{head}"), problem);
        assert!(
            message.contains(expected),
            "{head}\n gave {message:?}\n not {expected:?}"
        );
    }
}
