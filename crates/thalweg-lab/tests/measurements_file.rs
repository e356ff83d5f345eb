//! `measurements.parquet` as another reader sees it: columns by their names, slow time by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use tempfile::TempDir;
use thalweg_lab::run::{Measurements, run, run_in_memory};
use thalweg_lab::spec::{Experiment, NetworkExperiment, read_experiment};

const LINEAR: &str = r#"
learning_rate = 0.02
batch = 10
steps = 40
seeds = [9, 3]
measure = { spacing = "linear", count = 5 }
[problem]
depth = 2
input_covariance = [[2, 0.3], [0.3, 1]]
teacher = [[1, 0], [0, 1]]
noise_standard_deviations = [1, 0.5]
"#;

/// (seed, step, slow time, quantity, value), by the names in the file's own schema.
fn rows(path: &Path) -> Vec<(u64, u64, f64, String, f64)> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let row = |row: parquet::record::Row| {
        let field = |wanted: &str| {
            let found = row.get_column_iter().find(|(name, _)| *name == wanted);
            found.unwrap().1.clone()
        };
        let whole = |name: &str| match field(name) {
            Field::ULong(number) => number,
            other => unreachable!("{name} is {other}"),
        };
        let real = |name: &str| match field(name) {
            Field::Double(number) => number,
            other => unreachable!("{name} is {other}"),
        };
        let Field::Str(quantity) = field("quantity") else {
            unreachable!("quantity is no text");
        };
        (
            whole("seed"),
            whole("step"),
            real("slow_time"),
            quantity,
            real("value"),
        )
    };
    let all = reader.get_row_iter(None).unwrap();
    all.map(|found| row(found.unwrap())).collect()
}

#[test]
fn columns_are_what_their_names_say() {
    let folder = TempDir::new().unwrap();
    let specification = folder.path().join("experiment.toml");
    std::fs::write(&specification, LINEAR).unwrap();
    let experiment = read_experiment::<Experiment>(&specification).unwrap();
    let stop = AtomicBool::new(false);
    let out = folder.path().join("run");
    run(&experiment, &out, Duration::from_secs(60), &mut (), &stop).unwrap();
    let expected = run_in_memory(&experiment, &mut (), &stop)
        .unwrap()
        .measurements;
    let rows = rows(&out.join("measurements.parquet"));
    assert_eq!(rows.len(), expected.len());
    let mut steps = Vec::new();
    for (seed, step, slow_time, quantity, value) in rows {
        assert!([9, 3].contains(&seed));
        let series = expected.series(&quantity, seed);
        let point = series.iter().find(|point| point.step == step).unwrap();
        assert_eq!(point.value, value);
        // u = η² t/B.
        let u = 4e-4 * step as f64 / 10.0;
        assert!((slow_time - u).abs() <= 1e-15 * u, "{slow_time} at {step}");
        steps.push(step);
    }
    steps.dedup();
    assert_eq!(steps, [0, 10, 20, 30, 40]);
}

fn trained(schedule: &str) -> Measurements {
    let text = format!(
        "{schedule}\nbatch = 5\nsteps = 8\nseeds = [4]\nloss = \"squared-error\"\n\
         network = {{ kind = \"mlp\", inputs = 2, hidden = [3], outputs = 2 }}\n\
         measure = {{ spacing = \"linear\", count = 9, samples = 16 }}\n\
         data = {{ kind = \"teacher\", teacher = {{ hidden = [4] }} }}\n"
    );
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, text).unwrap();
    let experiment = read_experiment::<NetworkExperiment>(&path).unwrap();
    let run = run_in_memory(&experiment, &mut (), &AtomicBool::new(false));
    run.unwrap().measurements
}

/// u = Σ_s η_s²/B over the steps s that were made.
#[test]
fn slow_time_of_a_training_follows_its_schedule() {
    let constant = "learning_rate = 0.02";
    let warm = format!("{constant}\nwarmup = 4");
    let decay = "decay = { kind = \"steps\", every = 2, factor = 0.5 }";
    let falling = format!("{constant}\n{decay}");
    let both = format!("{warm}\n{decay}");
    // η_s/base at s = 0, 1, …; a decay is counted from the last step of the warm-up.
    for (schedule, rates) in [
        (
            constant.to_owned(),
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        ),
        (warm, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (falling, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
        (both, [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.5, 0.25]),
    ] {
        let points = trained(&schedule).series("loss", 4);
        assert_eq!(points.len(), 9);
        let mut u = 0.0;
        for (step, point) in points.iter().enumerate() {
            assert_eq!(point.step, step as u64);
            assert!(
                (point.slow_time - u).abs() <= 1e-14 * u,
                "{schedule}, step {step}: {} for {u}",
                point.slow_time
            );
            u += rates
                .get(step)
                .map_or(0.0, |rate: &f64| (0.02 * rate).powi(2) / 5.0);
        }
    }
}
