//! Which images are trained on and which are evaluated on, told apart by their pixels.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use thalweg_lab::images::{Pixels, builtin};
use thalweg_lab::network::Made;
use thalweg_lab::spec::{NetworkExperiment, read_experiment};

fn read(folder: &Path, network: &str, data: &str, samples: usize) -> NetworkExperiment {
    let text = format!(
        "learning_rate = 0.1\nbatch = 5\nsteps = 10\nloss = \"cross-entropy\"\n\
         network = {{ kind = \"mlp\", {network} }}\nmeasure = {{ samples = {samples} }}\n{data}"
    );
    let path = folder.join("experiment.toml");
    fs::write(&path, text).unwrap();
    read_experiment::<NetworkExperiment>(&path).unwrap()
}

fn columns<T: Copy>(matrix: faer::MatRef<'_, T>, number: impl Fn(T) -> f64) -> Vec<Vec<u64>> {
    let columns = matrix.col_iter();
    columns
        .map(|column| column.iter().map(|&x| number(x).to_bits()).collect())
        .collect()
}

/// No image of the evaluation set is one of the training set, in all 2,000 that there are; and each is there once.
#[test]
fn digits_to_evaluate_on_are_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = "data = { kind = \"mnist\", pixels = \"unit\" }\n";
    let experiment = read(folder.path(), "hidden = [3]", data, 2000);
    let made = Made::new(&experiment).unwrap();
    let set = builtin().unwrap();
    let [train, test] = set.features(Pixels::Unit).map(|features| {
        let all = columns(features.as_ref(), |x| f64::from(x as f32));
        all.into_iter().collect::<BTreeSet<_>>()
    });
    assert_eq!((train.len(), test.len()), (8000, 2000));
    let evaluated = columns(made.samples().unwrap().inputs.as_ref(), |x| x);
    let evaluated: BTreeSet<_> = evaluated.into_iter().collect();
    assert_eq!(evaluated, test);
    assert!(evaluated.is_disjoint(&train));
}

fn idx(kind: u8, sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, kind];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    file.extend(bytes);
    file
}

/// One pixel an image: multiples of ten to train on, others to test. Labels follow the pixel.
#[test]
fn a_folder_is_evaluated_on_its_test_images_with_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, pixels: &[u8], labels: &[u8]| {
        let count = pixels.len() as u32;
        let path = |part: &str| folder.path().join(format!("{name}-{part}-ubyte"));
        fs::write(path("images-idx3"), idx(3, &[count, 1, 1], pixels)).unwrap();
        fs::write(path("labels-idx1"), idx(1, &[count], labels)).unwrap();
    };
    let train: Vec<u8> = (0..20).map(|i| 10 * i).collect();
    let labels: Vec<u8> = (0..20).map(|i| i % 10).collect();
    write("train", &train, &labels);
    write("t10k", &[15, 27, 31, 44], &[1, 2, 3, 4]);
    let path = folder.path().to_str().unwrap();
    let data = format!("data = {{ kind = \"idx\", path = {path:?}, pixels = \"unit\" }}\n");
    let experiment = read(
        folder.path(),
        "inputs = 1, hidden = [3], outputs = 10",
        &data,
        4,
    );
    let samples = Made::new(&experiment).unwrap().samples().unwrap();
    let mut seen = BTreeSet::new();
    for j in 0..4 {
        let pixel = (255.0 * samples.inputs[(0, j)]).round() as u8;
        let label = (0..samples.targets.nrows()).find(|&class| samples.targets[(class, j)] == 1.0);
        assert_eq!(label, Some(usize::from(pixel / 10)));
        seen.insert(pixel);
    }
    assert_eq!(seen, [15, 27, 31, 44].into());
}
