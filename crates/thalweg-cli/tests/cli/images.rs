//! Networks measured on a handful of images, where every number is known: `tests/cases/` has the files.
//!
//! The expected numbers are those of dense computations in NumPy on the same files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Run, run};

/// Three test images and a linear network of 4 inputs and 2 outputs.
const LINEAR: &str = r#"
learning_rate = 0.1
batch = 2
steps = 1
seeds = 1
loss = "cross-entropy"
network = { kind = "mlp", inputs = 4, hidden = [], outputs = 2, activation = "identity", biases = false }
data = { kind = "idx", path = "IMAGES" }
measure = { samples = 3 }
"#;

/// Six test images and a network of which no hidden unit is ever active.
const DEAD: &str = r#"
learning_rate = 0.1
batch = 2
steps = 1
seeds = 1
loss = "squared-error"
network = { kind = "mlp", inputs = 4, hidden = [5], outputs = 3, activation = "relu", biases = true }
data = { kind = "idx", path = "IMAGES" }
measure = { samples = 6 }
"#;

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name)
}

/// A specification with its images, in a folder of its own.
fn specification(text: &str, images: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, text.replace("IMAGES", images.to_str().unwrap())).unwrap();
    (folder, path)
}

/// `thalweg measure` of the network in `case`.
fn measured(name: &str, text: &str, more: &[&str]) -> Run {
    let (_folder, path) = specification(text, &case(name));
    let network = case(name).join("net.safetensors");
    let target = [
        "measure",
        network.to_str().unwrap(),
        "--specification",
        path.to_str().unwrap(),
    ];
    run(&[&target, more].concat())
}

fn network(name: &str, text: &str, more: &[&str]) -> Value {
    measured(name, text, &[more, &["--json"]].concat()).json()["networks"][0].take()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn close(found: &Value, expected: f64) {
    let found = number(found);
    assert!(
        (found - expected).abs() < 1e-8 * expected.abs(),
        "{found} instead of {expected}"
    );
}

/// Each image once: the losses are 1.64477369, .52283866 and 5.95831066. More than there are would be repeats.
#[test]
fn images_are_not_counted_twice() {
    let found = network("repeats", LINEAR, &[]);
    assert_eq!(found["samples"], 3);
    close(&found["loss"]["value"], 2.708_641_004_7);
    let error = number(&found["loss"]["standard_error"]);
    assert!((error - 1.6568).abs() < 5e-5, "{error}");
    for more in ["4", "300"] {
        let refused = measured("repeats", LINEAR, &["--samples", more]);
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
        for words in [&format!("{more} samples"), "there are 3", "--samples"] {
            assert!(
                refused.stderr.contains(words),
                "{words}: {}",
                refused.stderr
            );
        }
    }
    // A training that asks for more is refused before it begins, and one with replacement evaluates without.
    let text = LINEAR.replace("samples = 3", "samples = 300");
    let (folder, path) = specification(&text, &case("repeats"));
    let out = folder.path().join("run");
    let train = [
        "train",
        path.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let refused = run(&train);
    assert_eq!(refused.status, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("there are 3"), "{}", refused.stderr);
    assert!(!out.exists());
    let replacing = LINEAR.replace("path =", "sampling = \"replacement\", path =");
    assert_eq!(network("repeats", &replacing, &[])["loss"], found["loss"]);
}

/// The same images, packed in several members.
#[test]
fn packed_files_of_several_members_give_the_same_numbers() {
    let found = network("members", LINEAR, &[]);
    close(&found["loss"]["value"], 2.708_641_004_7);
    close(&found["sharpness"]["value"], 1.384_608_131);
}

/// The covariance has two directions, which lie in the Hessian's three, whatever the order of the images; and its trace
/// is the sum of its eigenvalues, F − ‖∇L‖².
#[test]
fn a_dead_network_has_the_directions_that_exist() {
    for seed in ["0", "1", "2", "3"] {
        let found = network("dead", DEAD, &["--evaluation-seed", seed]);
        let alignment = &found["alignment"];
        assert_eq!(alignment["hessian_directions"], 3, "seed {seed}");
        assert_eq!(alignment["covariance_directions"], 2, "seed {seed}");
        close(&alignment["overlap"], 1.0);
        close(&alignment["chance"], 3.0 / 43.0);
        let trace = 11.0 / 18.0;
        close(&found["covariance_trace"]["value"], trace);
        let eigenvalues = found["gradient_covariance"].as_array().unwrap();
        let sum: f64 = eigenvalues.iter().map(|one| number(&one["value"])).sum();
        assert!((sum - trace).abs() < 1e-8, "{sum}");
        let layers = found["layers"].as_array().unwrap();
        let sum: f64 = layers
            .iter()
            .map(|layer| number(&layer["covariance_trace"]["value"]))
            .sum();
        assert!((sum - trace).abs() < 1e-8, "{sum}");
    }
    let page = measured("dead", DEAD, &[]).stdout;
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = "Overlap of the leading 2 directions of this covariance with the leading 3 directions of the Hessian: 1 (";
    assert!(page.contains(words), "{page}");
}

/// Image files that changed after a training are told by everything that measures or shows it.
#[test]
fn changed_images_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for entry in fs::read_dir(case("repeats")).unwrap() {
        let path = entry.unwrap().path();
        fs::write(
            images.join(path.file_name().unwrap()),
            fs::read(&path).unwrap(),
        )
        .unwrap();
    }
    let (_elsewhere, path) = specification(LINEAR, &images);
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let trained = run(&["train", path.to_str().unwrap(), "--out", out]);
    assert_eq!(trained.status, Some(0), "{}", trained.stderr);
    let single = format!("{out}/networks/seed-0.safetensors");
    let words = "has changed since this was trained";
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = || fs::read_to_string(format!("{out}/report.html")).unwrap();
    let check = |told: bool| {
        for target in [out, &single] {
            let found = run(&["measure", target]);
            assert_eq!(found.status, Some(0), "{}", found.stderr);
            assert_eq!(flat(&found.stdout).contains(words), told, "{target}");
            let found = run(&["measure", target, "--json"]).json();
            assert_eq!(found["networks"][0]["changed_data"].is_string(), told);
        }
        let reported = run(&["report", out]);
        assert_eq!(reported.status, Some(0), "{}", reported.stderr);
        assert_eq!(reported.stderr.contains(words), told, "{}", reported.stderr);
        assert_eq!(page().contains(words), told);
    };
    check(false);
    let labels = images.join("t10k-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&labels, bytes).unwrap();
    check(true);
    // Files that are gone cannot be compared: the page says so, and is made.
    fs::remove_file(&labels).unwrap();
    let reported = run(&["report", out]);
    assert_eq!(reported.status, Some(0), "{}", reported.stderr);
    assert!(
        reported.stderr.contains("cannot be compared"),
        "{}",
        reported.stderr
    );
    assert!(page().contains("cannot be compared"));
}
