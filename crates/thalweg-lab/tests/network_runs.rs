//! Trainings in run directories: killed, stopped, resumed, measured, and the same numbers in the end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use thalweg_lab::answer::Measuring;
use thalweg_lab::network::{Effort, NetworkError, On, measure};
use thalweg_lab::run::{Note, RunError, RunStatus, run, run_in_memory};
use thalweg_lab::saved::{SavedNetwork, networks_of};
use thalweg_lab::spec::{Experiment, NetworkExperiment, read_experiment};
use thalweg_lab::store::{StoreError, load};

use harness::{CHILD, Listener, finished, killed_again_and_again, run_in, run_slowly, scratch};

/// Two seeds of a small network with momentum, so that the velocity must be resumed too.
const SMALL: &str = r#"
learning_rate = 0.02
batch = 10
steps = 2000
seeds = [5, 1]
momentum = 0.5
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [4], outputs = 2 }
measure = { spacing = "linear", count = 21, samples = 64 }
[data]
kind = "teacher"
teacher = { hidden = [9], seed = 3 }
noise_standard_deviations = [1, 0.1]
"#;

/// So many seeds and so few samples that they run in the lanes of vector registers, if on one thread.
fn many() -> String {
    let seeds = "seeds = [5, 1, 2, 3, 4, 6, 7, 8]";
    SMALL
        .replace("seeds = [5, 1]", seeds)
        .replace("batch = 10", "precision = \"f32\"\nbatch = 4")
}

/// Runs `work` on one thread.
fn on_one_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.unwrap().install(work)
}

fn read(text: &str) -> NetworkExperiment {
    let folder = scratch();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, text).unwrap();
    read_experiment::<NetworkExperiment>(&path).unwrap()
}

/// Every file of a finished run but its checkpoints, which also count the parts before them.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("checkpoints") {
                folders.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(directory).unwrap().to_owned();
                contents.insert(name, fs::read(path).unwrap());
            }
        }
    }
    contents
}

fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (contents(left), contents(right));
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        right.keys().collect::<Vec<_>>()
    );
    assert!(left.keys().any(|name| name.ends_with("seed-5.safetensors")));
    assert!(left == right);
}

/// Not a test by itself: the process that the test below starts and kills.
#[test]
fn child_process() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let directory = PathBuf::from(directory);
    let path = directory.with_extension("toml");
    let experiment = read_experiment::<NetworkExperiment>(&path).unwrap();
    run_slowly(&directory, &experiment).unwrap();
}

fn child(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child_process", "--exact", "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_again_and_again_a_training_ends_in_the_same_bytes() {
    // Single precision and a switch to full batches: every kind of state there is.
    let text = format!("precision = \"f32\"\nswitch = {{ at_step = 1500, samples = 50 }}\n{SMALL}");
    let experiment = read(&text);
    let straight = finished(&experiment);
    let folder = scratch();
    let directory = folder.path().join("run");
    fs::write(directory.with_extension("toml"), &text).unwrap();
    killed_again_and_again(3, || child(&directory));
    assert_same(&directory, straight.path());
}

/// `SMALL` with what is added to a batch, to the gradient and to the update.
fn added() -> String {
    let lines = "hidden_dropout = 0.2\ninput_noise = 0.2\nmixup = 0.5\nclipping = 1\noptimizer = \"adamw\"\n\
        sam = { radius = 0.1, normalised = true, independent = true }";
    SMALL.replace("momentum = 0.5", lines)
}

/// Stopped at a measured step or, early, where chunks are short, between two.
#[test]
fn a_stopped_training_goes_on_where_it_was() {
    stopped_it_goes_on(SMALL);
    stopped_it_goes_on(&added());
}

fn stopped_it_goes_on(text: &str) {
    let experiment = read(text);
    let straight = finished(&experiment);
    for stop_at in [150, 700] {
        let folder = scratch();
        let stop = AtomicBool::new(false);
        let mut listener = Listener {
            stop_at: Some((stop_at, &stop)),
            ..Listener::default()
        };
        let status = run(
            &experiment,
            folder.path(),
            Duration::ZERO,
            &mut listener,
            &stop,
        )
        .unwrap();
        let RunStatus::Stopped { step } = status else {
            panic!("{status:?}");
        };
        assert!((stop_at..2000).contains(&step));
        let (status, notes) = run_in(folder.path(), &experiment);
        assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
        assert_eq!(notes, [Note::Resumed { step }]);
        assert_same(folder.path(), straight.path());
    }
}

#[test]
fn a_directory_holds_what_memory_does_and_the_final_networks() {
    let experiment = read(SMALL);
    let folder = finished(&experiment);
    let stored = load::<NetworkExperiment>(folder.path()).unwrap();
    let memory = run_in_memory(&experiment, &mut (), &AtomicBool::new(false)).unwrap();
    assert!(memory.finished);
    assert!(stored.measurements == memory.measurements);
    assert_eq!(stored.experiment, experiment);
    assert_eq!(stored.measurements.seeds(), [5, 1]);
    assert_eq!(stored.measurements.series("sharpness", 1).len(), 21);
    let times = stored.measurements.series("loss", 5);
    let last = times.last().unwrap();
    assert!((last.slow_time - 0.02f64.powi(2) * 2000.0 / 10.0).abs() < 1e-15);

    let paths = networks_of(folder.path()).unwrap();
    assert_eq!(paths.len(), 2);
    for path in paths {
        let saved = SavedNetwork::read(&path, None).unwrap();
        assert_eq!((&saved.experiment, saved.step), (&experiment, Some(2000)));
        // What was measured last is what the saved network gives.
        let effort = Effort::default();
        let own = experiment.measure;
        let measured = measure("it", &saved, own.samples, own.seed.of(0), effort, |_| ()).unwrap();
        for (quantity, value) in [
            ("sharpness", measured.sharpness.value),
            ("lambda_max", measured.top[0].value),
            ("fluctuation", measured.fluctuation.unwrap().value),
            ("loss", measured.loss.value),
        ] {
            let series = stored.measurements.series(quantity, saved.seed.unwrap());
            let stored = series.last().unwrap().value;
            assert!(
                (stored - value).abs() < 1e-7 * value,
                "{quantity}: {stored} and {value}"
            );
        }
    }
}

/// How many threads there are, and how far a chunk goes, is not in the numbers.
#[test]
fn one_thread_gives_the_same_numbers() {
    let lanes = many().replace("momentum = 0.5", "mixup = 0.5\noptimizer = \"adamw\"");
    for text in [SMALL, &many(), &lanes] {
        let experiment = read(text);
        let stop = AtomicBool::new(false);
        let single = on_one_thread(|| run_in_memory(&experiment, &mut (), &stop).unwrap());
        // A thread for each seed leaves none to share a register with.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build();
        let many = pool
            .unwrap()
            .install(|| run_in_memory(&experiment, &mut (), &stop).unwrap());
        assert!(single.measurements == many.measurements);
    }
}

/// Lanes that are stopped anywhere and resumed, by a program with as many threads as it finds.
#[test]
fn lanes_go_on_where_they_were() {
    let experiment = read(&many());
    let straight = finished(&experiment);
    let folder = scratch();
    let stop = AtomicBool::new(false);
    let mut listener = Listener {
        stop_at: Some((150, &stop)),
        ..Listener::default()
    };
    let status = on_one_thread(|| {
        run(
            &experiment,
            folder.path(),
            Duration::ZERO,
            &mut listener,
            &stop,
        )
        .unwrap()
    });
    assert!(matches!(status, RunStatus::Stopped { .. }));
    let (status, _) = on_one_thread(|| run_in(folder.path(), &experiment));
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert_same(folder.path(), straight.path());
}

#[test]
fn divergence_is_an_outcome_and_leaves_no_network() {
    let experiment = read(&SMALL.replace("learning_rate = 0.02", "learning_rate = 3.0"));
    let folder = finished(&experiment);
    let stored = load::<NetworkExperiment>(folder.path()).unwrap();
    assert!(stored.outcomes.iter().all(|run| run.diverged_at.is_some()));
    assert!(!stored.measurements.series("loss", 5).is_empty());
    assert!(networks_of(folder.path()).is_err());
}

/// A training that is given more steps ends in the networks of one long training, and in what is measured of them there, and
/// wherever both were measured on the way.
#[test]
fn a_finished_training_goes_on_to_the_end_of_a_longer_one() {
    let with_steps = |steps: u64| read(&SMALL.replace("steps = 2000", &format!("steps = {steps}")));
    let long = finished(&with_steps(2000));
    let folder = finished(&with_steps(1500));
    let (status, notes) = run_in(folder.path(), &with_steps(2000));
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert_eq!(notes, [Note::Resumed { step: 1500 }]);
    let [mut found, mut expected] = [&folder, &long].map(|folder| contents(folder.path()));
    for name in [
        "measurements.parquet",
        "outcomes.toml",
        "specification.toml",
    ] {
        let path = Path::new(name);
        assert_ne!(found.remove(path), expected.remove(path));
    }
    assert!(
        found
            .keys()
            .any(|name| name.ends_with("seed-5.safetensors"))
    );
    assert!(found == expected);
    let [found, expected] = [folder, long].map(|folder| {
        load::<NetworkExperiment>(folder.path())
            .unwrap()
            .measurements
    });
    for quantity in expected.quantities() {
        for seed in [5, 1] {
            for point in expected.series(quantity, seed) {
                let series = found.series(quantity, seed);
                let same = series.iter().find(|other| other.step == point.step);
                match same {
                    Some(same) => assert_eq!(*same, point, "{quantity}"),
                    // Every 75 steps, and every 100.
                    None => assert!(point.step < 1500 && point.step % 300 != 0),
                }
            }
        }
    }
}

/// A cosine over the run's own steps is another one in a longer run: refused by its field.
#[test]
fn a_learning_rate_that_would_fall_otherwise_is_not_gone_on_with() {
    let with_steps = |steps: u64, decay: u64| {
        let text = SMALL.replace("steps = 2000", &format!("steps = {steps}"));
        let decay = format!("decay = {{ kind = \"cosine\", steps = {decay} }}");
        read(&format!("{decay}\n{text}"))
    };
    let folder = finished(&with_steps(200, 200));
    let error = run_in(folder.path(), &with_steps(400, 400)).0.unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`decay.steps` is 200 there and 400 here"),
        "{message}"
    );
    // One that keeps to its number of steps is the same in both.
    run_in(folder.path(), &with_steps(400, 200)).0.unwrap();
    let long = finished(&with_steps(400, 200));
    let network = "networks/seed-5.safetensors";
    let [found, expected] = [folder, long].map(|run| fs::read(run.path().join(network)).unwrap());
    assert!(found == expected);
}

/// A network that was kept and then diverged is not left among the final ones.
#[test]
fn a_network_that_diverged_later_is_not_kept() {
    // Steps that grow: sound at first, beyond stability in the end.
    let text = |steps: u64| {
        SMALL
            .replace("learning_rate = 0.02", "learning_rate = 3\nwarmup = 4000")
            .replace("steps = 2000", &format!("steps = {steps}"))
    };
    let folder = finished(&read(&text(40)));
    assert_eq!(networks_of(folder.path()).unwrap().len(), 2);
    run_in(folder.path(), &read(&text(4000))).0.unwrap();
    let stored = load::<NetworkExperiment>(folder.path()).unwrap();
    assert!(stored.outcomes.iter().all(|run| run.diverged_at.is_some()));
    assert!(networks_of(folder.path()).is_err());
}

#[test]
fn what_cannot_be_made_leaves_no_directory() {
    let folder = scratch();
    let path = folder.path().join("run");
    let nowhere = "data = { kind = \"idx\", path = \"/nowhere\" }";
    let images = format!(
        "learning_rate = 0.1\nbatch = 2\nsteps = 3\nloss = \"cross-entropy\"\n\
         network = {{ kind = \"mlp\", hidden = [3] }}\n{nowhere}"
    );
    let error = run_in(&path, &read(&images)).0.unwrap_err();
    assert!(matches!(error, RunError::Network(NetworkError::Images(_))));
    assert!(error.to_string().contains("/nowhere"), "{error}");
    let momentum = SMALL.replace("momentum = 0.5", "momentum = 1.5");
    let error = run_in(&path, &read(&momentum)).0.unwrap_err();
    assert!(error.to_string().contains("momentum is 1.5"), "{error}");
    assert!(!path.exists());
}

/// An IDX file of these sizes, its bytes counting up from `first`.
fn idx(sizes: &[u32], first: u8, most: u8) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    let count = sizes.iter().product::<u32>();
    file.extend((0..count).map(|index| ((u32::from(first) + index) % u32::from(most)) as u8));
    file
}

/// The user's own images are known again by what is in them, wherever the run was stopped: not gone on with when
/// a pixel or a label has changed, but when the same content lies there in other files.
#[test]
fn a_training_goes_on_with_the_same_images_alone() {
    let folder = scratch();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    let put = |name: &str, content: &[u8]| fs::write(images.join(name), content).unwrap();
    let pixels = idx(&[12, 2, 3], 0, 250);
    put("train-images-idx3-ubyte", &pixels);
    put("train-labels-idx1-ubyte", &idx(&[12], 0, 3));
    put("t10k-images-idx3-ubyte", &idx(&[9, 2, 3], 100, 250));
    put("t10k-labels-idx1-ubyte", &idx(&[9], 1, 3));
    let experiment = read(&format!(
        "learning_rate = 0.1\nbatch = 2\nsteps = 2000\nloss = \"cross-entropy\"\nseeds = 1\n\
         network = {{ kind = \"mlp\", inputs = 6, hidden = [3], outputs = 3 }}\n\
         data = {{ kind = \"idx\", path = {images:?} }}\nmeasure = {{ samples = 5 }}"
    ));
    let directory = folder.path().join("run");
    let stop = AtomicBool::new(false);
    let mut listener = Listener {
        stop_at: Some((500, &stop)),
        ..Listener::default()
    };
    let status = run(
        &experiment,
        &directory,
        Duration::ZERO,
        &mut listener,
        &stop,
    )
    .unwrap();
    assert!(matches!(status, RunStatus::Stopped { .. }), "{status:?}");

    let refused = || {
        let error = run_in(&directory, &experiment).0.unwrap_err();
        assert!(
            matches!(error, RunError::Store(StoreError::OtherData { .. })),
            "{error}"
        );
        let message = error.to_string();
        assert!(message.contains(images.to_str().unwrap()), "{message}");
    };
    let mut other = pixels.clone();
    *other.last_mut().unwrap() ^= 1;
    put("train-images-idx3-ubyte", &other);
    refused();
    put("train-images-idx3-ubyte", &pixels);
    put("t10k-labels-idx1-ubyte", &idx(&[9], 2, 3));
    refused();
    fs::remove_file(images.join("t10k-labels-idx1-ubyte")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&idx(&[9], 1, 3)).unwrap();
    put("t10k-labels-idx1-ubyte.gz", &packer.finish().unwrap());
    let (status, notes) = run_in(&directory, &experiment);
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert!(matches!(notes[..], [Note::Resumed { .. }]), "{notes:?}");
    // What is finished was finished on other data, too.
    put("train-images-idx3-ubyte", &other);
    refused();
}

/// A directory with a deep linear run is not gone on with as a network's.
#[test]
fn a_run_of_another_kind_is_told_as_such() {
    let (file, folder) = (scratch(), scratch());
    let path = file.path().join("experiment.toml");
    let linear = "depth = 2\nteacher = [[1]]\ninput_covariance = [[1]]\nnoise_covariance = [[1]]\n\
                  learning_rate = 0.01\nbatch = 1\nsteps = 1\nseeds = 1\n";
    fs::write(&path, linear).unwrap();
    let linear = read_experiment::<Experiment>(&path).unwrap();
    let stop = AtomicBool::new(false);
    run(&linear, folder.path(), Duration::MAX, &mut (), &stop).unwrap();
    let error = run_in(folder.path(), &read(SMALL)).0.unwrap_err();
    assert!(
        matches!(error, RunError::Store(StoreError::OtherKind { .. })),
        "{error}"
    );
}

/// The built-in digits, a few steps: the whole path from bytes to numbers.
#[test]
fn digits_are_learnt_from() {
    let experiment = read(
        r#"
learning_rate = 0.1
batch = 32
steps = 300
seeds = 1
precision = "f32"
loss = "cross-entropy"
network = { kind = "mlp", hidden = [16] }
data = { kind = "mnist", noise_standard_deviations = [0.5] }
measure = { count = 2, samples = 200 }
"#
        .replace("[0.5]", "[1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1]")
        .as_str(),
    );
    let memory = run_in_memory(&experiment, &mut (), &AtomicBool::new(false)).unwrap();
    let losses = memory.measurements.series("loss", 0);
    assert!(losses[1].value < losses[0].value, "{losses:?}");
}

/// `SMALL` with each run's own teacher and evaluation set, and with the words of `measure` besides.
fn own(seeds: &str, measure: &str) -> String {
    SMALL
        .replace("seeds = [5, 1]", seeds)
        .replace("seed = 3", "seed = \"per-run\"")
        .replace(
            "samples = 64",
            &format!("samples = 64, seed = \"per-run\", {measure}"),
        )
        .replace("hidden = [4]", "activation = \"tanh\", hidden = [4]")
}

fn in_memory(text: &str) -> thalweg_lab::run::Measurements {
    let made = run_in_memory(&read(text), &mut (), &AtomicBool::new(false)).unwrap();
    assert!(made.finished);
    made.measurements
}

/// Side by side or alone with both seeds written out, a run has the same teacher, data and evaluation set.
#[test]
fn a_runs_own_teacher_and_evaluation_set_are_those_of_its_seed() {
    let together = in_memory(&own("seeds = [5, 1]", "labels = \"clean\""));
    for seed in ["5", "1"] {
        let alone =
            own(&format!("seeds = [{seed}]"), "labels = \"clean\"").replace("\"per-run\"", seed);
        let alone = in_memory(&alone);
        let seed = seed.parse().unwrap();
        for quantity in ["loss", "sharpness", "fluctuation"] {
            let series = alone.series(quantity, seed);
            assert_eq!(series.len(), 21);
            assert!(
                series == together.series(quantity, seed),
                "{quantity} of {seed}"
            );
        }
    }
    let shared =
        in_memory(&own("seeds = [5, 1]", "labels = \"clean\"").replace("\"per-run\"", "5"));
    assert!(shared.series("loss", 5) == together.series("loss", 5));
    assert!(shared.series("loss", 1) != together.series("loss", 1));
}

/// On clean labels loss and curvature are other numbers, and the fluctuation is that of noisy ones all the same.
#[test]
fn the_fluctuation_is_that_of_noisy_labels() {
    let [clean, noisy] = ["clean", "noisy"]
        .map(|labels| in_memory(&own("seeds = [5, 1]", &format!("labels = \"{labels}\""))));
    for seed in [5, 1] {
        assert!(clean.series("fluctuation", seed) == noisy.series("fluctuation", seed));
        for quantity in ["loss", "sharpness", "lambda_max", "gradient_norm_squared"] {
            assert!(
                clean.series(quantity, seed) != noisy.series(quantity, seed),
                "{quantity}"
            );
        }
        // Noise of variances 1 and 0.01 adds a half of their sum to the loss, 0.505; 64 labels tell it to ±0.09.
        let end = |measurements: &thalweg_lab::run::Measurements| {
            measurements.series("loss", seed)[20].value
        };
        let added = end(&noisy) - end(&clean);
        assert!((added - 0.505).abs() < 4.0 * 0.09, "{added}");
    }
}

/// Curvature on clean labels is its mean over label noise: 400 draws of the labels, to 4 standard errors.
#[test]
fn curvature_on_clean_labels_is_its_mean_over_label_noise() {
    let experiment = read(&own("seeds = [5]", "labels = \"clean\""));
    let made = thalweg_lab::network::Made::new(&experiment).unwrap();
    let weights = experiment.init.weights(made.training.tape(), 5);
    let settings = thalweg::curvature::TraceSettings::new(1000);
    let trace = |samples| {
        let mut evaluation = made.evaluation(samples).unwrap();
        evaluation.hessian_trace(&weights, &settings).unwrap().value
    };
    let own = made.samples().unwrap();
    let clean = trace(Arc::clone(&own));
    let mut redraw = made.redraw(64, 5, 64).unwrap();
    let draws: Vec<f64> = (0..400)
        .map(|draw| {
            let samples = thalweg::data::Samples {
                targets: redraw.labels(draw),
                inputs: own.inputs.clone(),
            };
            trace(Arc::new(samples))
        })
        .collect();
    let mean = thalweg_lab::run::SeedMean::of(&draws).unwrap();
    let z = mean.z(clean).unwrap();
    assert!(z.abs() < 4.0, "{mean:?} {clean}");
    assert!((draws[0] - clean).abs() > 1e-6 * clean);
}

/// A linear map has T = d_y E‖x‖² wherever it is: 4 for two inputs and outputs, and 4 + 2 · 2 σ² = 5 as trained with input noise
/// of σ = ½. 4.5 standard errors of 4000 samples are 0.29, and 0.21 of the difference.
#[test]
fn the_loss_that_is_trained_is_measured_beside_the_plain_one() {
    let text = SMALL
        .replace("momentum = 0.5", "input_noise = 0.5")
        .replace("hidden = [4]", "hidden = []")
        .replace("samples = 64", "samples = 4000")
        .replace("count = 21", "count = 2");
    let measured = in_memory(&text);
    for seed in [5, 1] {
        let last = |quantity: &str| measured.series(quantity, seed).last().unwrap().value;
        let (plain, trained) = (last("sharpness"), last("trained_sharpness"));
        assert!((plain - 4.0).abs() < 0.3, "{plain}");
        assert!(
            (trained - plain - 1.0).abs() < 0.22,
            "{trained} and {plain}"
        );
        assert!(last("trained_lambda_max") > last("lambda_max"));
        assert!(last("trained_loss") > last("loss"));
        assert!(last("trained_fluctuation") > last("fluctuation"));
    }
    let plain = in_memory(&text.replace("input_noise = 0.5", ""));
    assert!(plain.series("trained_sharpness", 5).is_empty());
}

/// A linear map of depth 2 with n hidden units dropped by p: E f = f, and tr G grows by the variance of the masks alone, to
/// 1/(1 − p) times what each path has by itself. With one hidden unit, where all paths share it, that is all: T* = T/(1 − p) as far
/// as the loss is as good as 0 at both, within 15 % over 4000 samples (4.5 standard errors are 9 %).
#[test]
fn dropped_units_are_in_the_loss_as_trained_alone() {
    let text = SMALL
        .replace("momentum = 0.5", "hidden_dropout = 0.4")
        .replace("hidden = [4]", "hidden = [1], activation = \"identity\"")
        .replace("samples = 64", "samples = 4000")
        .replace("count = 21", "count = 2");
    let measured = in_memory(&text);
    for seed in [5, 1] {
        // At the start: the trace of the Gauss–Newton matrix, which is that of the Hessian.
        let first = |quantity: &str| measured.series(quantity, seed)[0].value;
        let ratio = first("trained_sharpness") / first("sharpness");
        assert!((ratio * 0.6 - 1.0).abs() < 0.15, "{ratio}");
        assert!(first("trained_loss") != first("loss"));
    }
}

/// What is measured on training samples is the loss that was descended: with input noise a linear map is sharper there.
#[test]
fn a_network_is_measured_on_what_it_was_trained_on() {
    let text = SMALL
        .replace("momentum = 0.5", "input_noise = 0.5")
        .replace("hidden = [4]", "hidden = []")
        .replace("steps = 2000", "steps = 20");
    let folder = finished(&read(&text));
    let measuring = |on| Measuring {
        target: folder.path().to_owned(),
        seed: Some(5),
        specification: None,
        samples: Some(4000),
        evaluation_seed: None,
        on,
        effort: Effort::default(),
    };
    let [test, train] = [On::Test, On::Train].map(|on| {
        let measuring = measuring(on);
        let (name, saved) = measuring.networks().unwrap().remove(0);
        measuring.measure(&name, &saved, |_| ()).unwrap()
    });
    assert_eq!((&*test.name, &*train.name), ("seed-5", "seed-5-train"));
    // 4 and 5, as far as 4000 samples know.
    assert!((test.sharpness.value - 4.0).abs() < 0.3);
    let more = train.sharpness.value - test.sharpness.value;
    assert!((more - 1.0).abs() < 0.22, "{more}");
    assert!(test.conditional.is_some() && train.conditional.is_none());
    assert!(test.notes[0].starts_with("This is the plain loss."));
    assert!(
        train.notes[0].starts_with("This is the loss that was descended, with input noise σ = 0.5")
    );

    // Without changes labels are drawn again, and there is nothing to tell.
    let digits = read(
        r#"
learning_rate = 0.01
batch = 32
steps = 5
seeds = 1
loss = "cross-entropy"
network = { kind = "mlp", hidden = [3] }
data = { kind = "mnist", label_flips = 0.1 }
measure = { count = 2, samples = 30 }
"#,
    );
    let folder = finished(&digits);
    let measuring = Measuring {
        target: folder.path().to_owned(),
        seed: None,
        samples: Some(8001),
        ..measuring(On::Train)
    };
    let (name, saved) = measuring.networks().unwrap().remove(0);
    let error = measuring
        .measure(&name, &saved, |_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("8001 samples is asked for, and there are 8000"),
        "{error}"
    );
    let few = Measuring {
        samples: Some(40),
        ..measuring
    };
    let found = few.measure(&name, &saved, |_| ()).unwrap();
    assert!(found.conditional.is_some() && found.notes.is_empty());
    assert!(found.data.ends_with("samples that are trained on"));
}

/// Smoothed classes of squared error differ from the plain ones by a constant in the residual alone, so that a linear map has the
/// same Hessian; and the loss as trained is that of the smoothed labels.
#[test]
fn smoothing_leaves_the_curvature_of_a_linear_map() {
    let measured = in_memory(
        r#"
learning_rate = 0.001
batch = 32
steps = 20
seeds = 1
label_smoothing = 0.2
loss = "squared-error"
network = { kind = "mlp", hidden = [] }
data = { kind = "mnist" }
measure = { count = 2, samples = 100 }
"#,
    );
    let last = |quantity: &str| measured.series(quantity, 0).last().unwrap().value;
    let (plain, trained) = (last("sharpness"), last("trained_sharpness"));
    assert!((plain - trained).abs() < 1e-9 * plain, "{plain} {trained}");
    assert!((last("trained_loss") - last("loss")).abs() > 1e-3);
}

/// What AdamW divides by is measured from the first step on, and not before.
#[test]
fn a_preconditioned_eigenvalue_has_its_own_name() {
    let text = SMALL.replace("momentum = 0.5", "optimizer = \"adamw\"");
    let measured = in_memory(&text);
    for seed in [5, 1] {
        let found = measured.series("preconditioned_lambda_max", seed);
        assert_eq!((found.len(), found[0].step), (20, 100));
        assert!(found.iter().all(|point| point.value > 0.0));
    }
    assert!(
        in_memory(SMALL)
            .series("preconditioned_lambda_max", 5)
            .is_empty()
    );
}
