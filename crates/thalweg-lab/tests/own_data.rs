//! A user's own data in a training: tables, soft labels beside images, CIFAR's files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use thalweg::data::{LabelNoise, Samples};
use thalweg_lab::network::{Made, NetworkError};
use thalweg_lab::sources::{Sources, Student};
use thalweg_lab::spec::{NetworkExperiment, read_experiment};

/// An experiment on `data` by a perceptron of these ends, in a file of `folder`; read again from its resolved form, it is the same.
fn experiment(folder: &Path, ends: [usize; 2], more: &str, data: &str) -> NetworkExperiment {
    let [inputs, outputs] = ends;
    let loss = if more.contains("loss") {
        ""
    } else {
        "loss = \"squared-error\"\n"
    };
    let text = format!(
        "learning_rate = 0.1\nbatch = 2\nsteps = 10\n{loss}{more}\n\
         network = {{ kind = \"mlp\", inputs = {inputs}, hidden = [4], outputs = {outputs} }}\n[data]\n{data}"
    );
    let path = folder.join("experiment.toml");
    fs::write(&path, text).unwrap();
    let experiment = read_experiment::<NetworkExperiment>(&path).unwrap();
    fs::write(&path, experiment.to_toml()).unwrap();
    assert_eq!(
        read_experiment::<NetworkExperiment>(&path).unwrap(),
        experiment
    );
    experiment
}

fn make(experiment: &NetworkExperiment) -> Result<Sources, NetworkError> {
    let network = &experiment.network;
    let tape = network.tape().unwrap();
    experiment.data.source.about().make(&Student {
        network,
        tape: &tape,
        noise: LabelNoise::none(network.outputs()),
        run: 0,
    })
}

/// Samples in the order of their first input.
fn sorted(samples: &Samples) -> Vec<(Vec<f64>, Vec<f64>)> {
    let column = |matrix: &faer::Mat<f64>, j: usize| matrix.col(j).iter().copied().collect();
    let mut all: Vec<(Vec<f64>, Vec<f64>)> = (0..samples.inputs.ncols())
        .map(|j| (column(&samples.inputs, j), column(&samples.targets, j)))
        .collect();
    all.sort_by(|one, other| one.0[0].total_cmp(&other.0[0]));
    all
}

/// Ten rows: a = 0 … 9, b = 2 a + 1, a column of words, and a constant.
fn table(folder: &Path) {
    let rows = (0..10).map(|a| format!("{a},{},w{},7\n", 2 * a + 1, a % 2));
    let text = format!("a,b,word,c\n{}", rows.collect::<String>());
    fs::write(folder.join("table.csv"), text).unwrap();
}

/// Two of ten rows are set aside: all of them are measured on where no number is asked for, and no more can be had.
#[test]
fn a_small_table_is_measured_on_what_it_sets_aside() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path());
    let data = "kind = \"table\"\npath = \"table.csv\"\ntargets = [\"b\"]\nwithout = [\"word\"]\n";
    let samples = |more: &str| {
        let experiment = experiment(folder.path(), [2, 1], "", &format!("{data}{more}"));
        Made::new(&experiment).unwrap().samples()
    };
    assert_eq!(samples("").unwrap().inputs.ncols(), 2);
    let refused = samples("[measure]\nsamples = 3").unwrap_err().to_string();
    assert!(
        refused.contains("an evaluation set of 3 samples"),
        "{refused}"
    );
}

#[test]
fn each_fifth_row_of_a_table_is_measured_on_and_the_others_set_the_scale() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path());
    let data = "kind = \"table\"\npath = \"table.csv\"\ntargets = [\"b\"]\nwithout = [\"word\"]\n";
    let raw = experiment(folder.path(), [2, 1], "", &format!("{data}scale = \"raw\""));
    let Sources {
        train,
        test,
        data: known,
        ..
    } = make(&raw).unwrap();
    let first =
        |samples: &Samples| -> Vec<f64> { sorted(samples).iter().map(|s| s.0[0]).collect() };
    assert_eq!(
        first(&train.clean(0, 8)),
        [0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0]
    );
    assert_eq!(first(&test.clean(0, 2)), [4.0, 9.0]);
    assert!(
        sorted(&train.clean(0, 8))
            .iter()
            .all(|(x, y)| y[0] == 2.0 * x[0] + 1.0 && x[1] == 7.0)
    );
    // Another content is another run.
    let known = known.unwrap().text();
    let text = fs::read_to_string(folder.path().join("table.csv")).unwrap();
    fs::write(
        folder.path().join("table.csv"),
        text.replace("9,19", "9,20"),
    )
    .unwrap();
    let changed = raw.data.source.about().fingerprint().unwrap().unwrap();
    assert_ne!(changed.text(), known);
    table(folder.path());

    // Mean 4 and variance 60/8 of the eight that are trained on, for the input and for the target alike.
    let scaled = experiment(folder.path(), [2, 1], "", data);
    let Sources { train, test, .. } = make(&scaled).unwrap();
    let deviation = (60.0f64 / 8.0).sqrt();
    for (samples, rows) in [
        (
            train.clean(0, 8),
            &[0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0][..],
        ),
        (test.clean(0, 2), &[4.0, 9.0]),
    ] {
        for ((x, y), row) in sorted(&samples).iter().zip(rows) {
            let expected = (row - 4.0) / deviation;
            assert!((x[0] - expected).abs() < 1e-6 && (y[0] - expected).abs() < 1e-6);
            assert_eq!(x[1], 0.0);
        }
    }
}

/// Networks train in single precision: a time of day within years of seconds would have been the same number in all rows.
#[test]
fn a_column_that_single_precision_cannot_tell_apart_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = |numbers: &dyn Fn(f64) -> f64, scale: &str| {
        let rows = (0..10).map(|a| format!("{:e},{a}\n", numbers(f64::from(a))));
        let text = format!("time,b\n{}", rows.collect::<String>());
        fs::write(folder.path().join("table.csv"), text).unwrap();
        let data = format!(
            "kind = \"table\"\npath = \"table.csv\"\ntargets = [\"b\"]\nscale = \"{scale}\""
        );
        make(&experiment(folder.path(), [1, 1], "", &data)).map_err(|error| error.to_string())
    };
    let seconds = |a| 1.7e9 + a;
    let error = make(&seconds, "raw").unwrap_err();
    assert!(
        error.contains("column `time`") && error.contains("standardised"),
        "{error}"
    );
    assert!(make(&seconds, "standardised").is_ok());
    assert!(make(&|a| 1000.0 + a, "raw").is_ok());
    assert!(make(&|_| 1.7e9, "raw").is_ok());
    for scale in ["raw", "standardised"] {
        let error = make(&|a| if a == 3.0 { 1e300 } else { a }, scale).unwrap_err();
        assert!(error.contains("column `time`"), "{error}");
        assert!(make(&|a| a * 1e-200, scale).is_err());
    }
}

/// Cross-entropy of a column of quantities, or of numbers that name classes, is none. Shares of classes stay what they are.
#[test]
fn cross_entropy_takes_shares_of_classes_alone() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..10).map(|a| format!("{a},{},{},{}\n", a % 2, 1 - a % 2, a % 3));
    let text = format!("a,even,odd,class\n{}", rows.collect::<String>());
    fs::write(folder.path().join("table.csv"), text).unwrap();
    let with = |ends, targets: &str| {
        let data = format!("kind = \"table\"\npath = \"table.csv\"\n{targets}");
        make(&experiment(
            folder.path(),
            ends,
            "loss = \"cross-entropy\"",
            &data,
        ))
    };
    let shares = "targets = [\"even\", \"odd\"]\nwithout = [\"class\"]";
    for (_, y) in sorted(&with([1, 2], shares).unwrap().train.clean(0, 8)) {
        assert!(y == [0.0, 1.0] || y == [1.0, 0.0], "{y:?}");
    }
    let named = "targets = [\"class\"]\nwithout = [\"even\", \"odd\"]";
    let error = with([1, 1], named).unwrap_err().to_string();
    assert!(
        error.contains("no shares of classes") && error.contains("say `classes = true`"),
        "{error}"
    );
    assert!(with([1, 3], &format!("{named}\nclasses = true")).is_ok());
}

#[test]
fn words_are_classes_if_that_is_said_and_nothing_is_left_out_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path());
    let with = |ends, more: &str| {
        let data = format!("kind = \"table\"\npath = \"table.csv\"\nscale = \"raw\"\n{more}");
        make(&experiment(folder.path(), ends, "", &data))
    };
    let classes = with([3, 2], "targets = [\"word\"]\nclasses = true").unwrap();
    for (x, y) in sorted(&classes.train.clean(0, 8)) {
        let class = x[0] as usize % 2;
        assert_eq!(y, [0, 1].map(|at| f64::from(u8::from(at == class))));
    }
    let refused = |ends, more: &str, part: &str| {
        let error = with(ends, more).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused([3, 2], "targets = [\"word\"]", "say `classes = true`");
    refused([2, 1], "targets = [\"b\"]", "The column `word` holds words");
    refused(
        [1, 1],
        "targets = [\"b\"]\nwithout = [\"word\"]",
        "has 2 inputs (a, c) and 1 output (b)",
    );
    refused([1, 1], "targets = [\"d\"]", "`d`");
    let left = "targets = [\"b\"]\nincomplete = \"leave-out\"";
    assert!(with([2, 1], left).is_ok());
    fs::write(folder.path().join("table.csv"), "a,b\n1,2\n2,3\n").unwrap();
    refused([1, 1], "targets = [\"b\"]", "has 2 rows: at least 5");
}

/// IDX files of `train` + `test` images of 2 × 2 pixels, the first pixel of each its number.
fn images(folder: &Path, counts: [u8; 2]) {
    for (part, count) in ["train", "t10k"].into_iter().zip(counts) {
        let header = |magic: u8, sizes: &[u32]| {
            let mut bytes = vec![0, 0, 8, magic];
            bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
            bytes
        };
        let mut pixels = header(3, &[count.into(), 2, 2]);
        pixels.extend((0..count).flat_map(|i| [i, 0, 0, 255]));
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).unwrap();
        let mut labels = header(1, &[count.into()]);
        labels.extend((0..count).map(|i| i % 3));
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn soft_labels_are_those_of_the_images_that_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    images(folder.path(), [6, 3]);
    // What people called each image: counts.
    let counts = "cat,dog,owl\n3,1,0\n0,4,0\n1,1,2\n0,0,5\n1,0,0\n2,2,0\n";
    fs::write(folder.path().join("people.csv"), counts).unwrap();
    let expected = [
        [0.75, 0.25, 0.0],
        [0.0, 1.0, 0.0],
        [0.25, 0.25, 0.5],
        [0.0, 0.0, 1.0],
        [1.0, 0.0, 0.0],
        [0.5, 0.5, 0.0],
    ];
    let data = |how: &str, more: &str| {
        let soft = format!("soft_labels = {{ path = \"people.csv\", use = \"{how}\" }}");
        let data = format!("kind = \"idx\"\npath = \".\"\npixels = \"unit\"\n{soft}\n{more}");
        experiment(folder.path(), [4, 3], "", &data)
    };
    for how in ["drawn", "target"] {
        let made = make(&data(how, "")).unwrap();
        for ((_, y), expected) in sorted(&made.train.clean(0, 6)).iter().zip(expected) {
            assert_eq!(y, &expected);
        }
        // The others keep their labels.
        for (image, (_, y)) in sorted(&made.test.clean(0, 3)).iter().enumerate() {
            assert_eq!(y.iter().position(|y| *y == 1.0), Some(image % 3));
        }
        let noisy = made.train.evaluation(0, 6);
        let whole = noisy
            .targets
            .col_iter()
            .all(|y| y.iter().all(|y| *y == 0.0 || *y == 1.0));
        assert_eq!(whole, how == "drawn");
        assert_eq!(made.train.redraw(0, 6, 2).is_some(), how == "drawn");
    }
    // The three that are tested on become the ones that are trained on: there are six rows for them.
    let error = make(&data("drawn", "train_on = \"test\""))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("3 × 6 for 3 classes and 3 samples"),
        "{error}"
    );
    fs::write(
        folder.path().join("people.csv"),
        "cat,dog,owl\n3,1,0\n0,0,0\n1,1,2\n",
    )
    .unwrap();
    let error = make(&data("drawn", "train_on = \"test\""))
        .unwrap_err()
        .to_string();
    assert!(error.contains("row 2 sums to 0"), "{error}");
    fs::write(
        folder.path().join("people.csv"),
        "cat,dog,owl\n3,1,0\n0,1,0\n1,1,2\n",
    )
    .unwrap();
    let made = make(&data("drawn", "train_on = \"test\"")).unwrap();
    assert_eq!(
        [made.train.evaluation_limit(), made.test.evaluation_limit()],
        [Some(3), Some(6)]
    );
}

#[test]
fn cifars_images_are_shifted_and_mirrored_in_each_colour() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ] {
        let record: Vec<u8> = std::iter::once(7)
            .chain((0..3072).map(|i| (i % 251) as u8))
            .collect();
        fs::write(folder.path().join(format!("{name}.bin")), record).unwrap();
    }
    let changed = experiment(
        folder.path(),
        [3072, 10],
        "shifts = 2\nflips = true",
        "kind = \"cifar\"\npath = \".\"",
    );
    let made = make(&changed).unwrap();
    assert_eq!(
        [made.train.evaluation_limit(), made.test.evaluation_limit()],
        [Some(5), Some(1)]
    );
    assert_eq!(changed.data.source.about().image_size(), Some([32, 32]));
}
