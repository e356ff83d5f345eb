//! Networks written and read back, and files that are not whole or not theirs.

use tempfile::TempDir;

use super::*;
use crate::spec::{NetworkExperiment, read_experiment};

const FILE: &str = r#"
    learning_rate = 0.1
    batch = 4
    steps = 10
    loss = "squared-error"
    network = { kind = "mlp", inputs = 3, hidden = [2], outputs = 1, biases = true }
    data = { kind = "teacher", teacher = { hidden = [5] } }
"#;

fn experiment(precision: &str) -> NetworkExperiment {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, format!("precision = \"{precision}\"{FILE}")).unwrap();
    read_experiment::<NetworkExperiment>(&path).unwrap()
}

/// A network whose parameters have no short form.
fn saved(precision: &str) -> SavedNetwork {
    let round = |x: f64| {
        if precision == "f32" {
            f64::from(x as f32)
        } else {
            x
        }
    };
    SavedNetwork {
        experiment: experiment(precision),
        seed: Some(3),
        step: Some(10),
        data: Some("00c0ffee00c0ffee".to_owned()),
        parameters: (0..11).map(|i| round(f64::from(i).sqrt() - 1.5)).collect(),
    }
}

fn written(network: &SavedNetwork) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    network.write(&path).unwrap();
    (folder, path)
}

/// The error of a file with these tensors, in the specified network's name.
fn error_with(tensors: &[(&str, Dtype, Vec<usize>)], values: f32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let data = [values.to_le_bytes(); 64].concat();
    let views = tensors.iter().map(|(name, dtype, shape)| {
        let count: usize = shape.iter().product();
        let bytes = &data[..count * dtype.bitsize() / 8];
        (
            *name,
            TensorView::new(*dtype, shape.clone(), bytes).unwrap(),
        )
    });
    fs::write(&path, serialize(views, None).unwrap()).unwrap();
    let without = SavedNetwork::read(&path, None).unwrap_err().to_string();
    assert!(without.contains("no specification"), "{without}");
    let error = SavedNetwork::read(&path, Some(&experiment("f32")));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("other.safetensors"), "{error}");
    error
}

#[test]
fn what_is_written_is_read_to_the_last_bit() {
    for precision in ["f32", "f64"] {
        let network = saved(precision);
        let (_folder, path) = written(&network);
        assert_eq!(SavedNetwork::read(&path, None).unwrap(), network);
        // The same network makes the same file.
        let (_again, second) = written(&network);
        assert!(fs::read(&path).unwrap() == fs::read(second).unwrap());
    }
}

#[test]
fn tensors_have_the_parameters_names_and_shapes() {
    let (_folder, path) = written(&saved("f32"));
    let content = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&content).unwrap();
    let weight = tensors.tensor("layers.1.weight").unwrap();
    assert_eq!((weight.shape(), weight.dtype()), (&[2, 3][..], Dtype::F32));
    let bias = tensors.tensor("layers.1.bias").unwrap();
    assert_eq!(bias.shape(), [2]);
    assert_eq!(tensors.len(), 4);
}

#[test]
fn tensors_of_another_network_are_told_from_ours() {
    let whole = [
        ("layers.1.weight", Dtype::F32, vec![2, 3]),
        ("layers.1.bias", Dtype::F32, vec![2]),
        ("layers.2.weight", Dtype::F32, vec![1, 2]),
        ("layers.2.bias", Dtype::F32, vec![1]),
    ];
    let missing = error_with(&whole[..3], 1.0);
    assert!(
        missing.contains("no tensor `layers.2.bias`") && missing.contains("[1]"),
        "{missing}"
    );
    let mut turned = whole.clone();
    turned[0].2 = vec![3, 2];
    let turned = error_with(&turned, 1.0);
    assert!(
        turned.contains("has the shape [3, 2]") && turned.contains("needs [2, 3]"),
        "{turned}"
    );
    let mut more = whole.to_vec();
    more.push(("scale", Dtype::F32, vec![1]));
    let more = error_with(&more, 1.0);
    assert!(
        more.contains("a tensor `scale`, which is no parameter"),
        "{more}"
    );
    let mut half = whole.clone();
    half[1].1 = Dtype::F16;
    let half = error_with(&half, 1.0);
    assert!(half.contains("`layers.1.bias` is of type F16"), "{half}");
    let undefined = error_with(&whole, f32::NAN);
    assert!(undefined.contains("not finite"), "{undefined}");
}

/// Cut anywhere, or with a byte changed in its header's length, a file is an error and not a panic.
#[test]
fn damaged_files_are_told_as_such() {
    let (folder, path) = written(&saved("f64"));
    let whole = fs::read(&path).unwrap();
    let broken = folder.path().join("broken.safetensors");
    for cut in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(&broken, &whole[..cut]).unwrap();
        let error = SavedNetwork::read(&broken, None).unwrap_err().to_string();
        assert!(
            error.contains("broken.safetensors"),
            "cut at {cut}: {error}"
        );
    }
    for content in [
        &b"PK\x03\x04 a zip file, as old PyTorch files are"[..],
        &[0xff; 100],
    ] {
        fs::write(&broken, content).unwrap();
        let error = SavedNetwork::read(&broken, None).unwrap_err().to_string();
        assert!(error.contains("not a whole safetensors file"), "{error}");
    }
    // Its own specification is wrong: still a message with the file and the field.
    let text = String::from_utf8_lossy(&whole).into_owned();
    assert!(text.contains("batch = 4"));
    let place = whole.windows(9).position(|w| w == b"batch = 4").unwrap();
    let mut changed = whole.clone();
    changed[place + 8] = b'0';
    fs::write(&broken, seal(changed)).unwrap();
    let error = SavedNetwork::read(&broken, None).unwrap_err().to_string();
    assert!(error.contains("`batch` is 0"), "{error}");
}

/// Wherever the file lies and whichever bit it is, of the numbers or of the header.
#[test]
fn every_flip_is_noticed() {
    let (folder, path) = written(&saved("f32"));
    let whole = fs::read(&path).unwrap();
    let copy = folder.path().join("copied elsewhere.safetensors");
    fs::write(&copy, &whole).unwrap();
    assert_eq!(SavedNetwork::read(&copy, None).unwrap(), saved("f32"));
    for place in 0..whole.len() {
        for bit in [place % 8, (place + 3) % 8] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            fs::write(&copy, bytes).unwrap();
            let given = SavedNetwork::read(&copy, None);
            let error = given.expect_err(&format!("bit {bit} of byte {place}"));
            assert!(error.to_string().contains("copied elsewhere"), "{error}");
            // A specification beside the file does not make it another program's.
            assert!(SavedNetwork::read(&copy, Some(&experiment("f32"))).is_err());
        }
    }
}

/// As builds before this one wrote them.
#[test]
fn one_of_ours_without_its_digest_is_refused_with_a_way_out() {
    let (_folder, path) = written(&saved("f64"));
    let text = fs::read(&path).unwrap();
    let place = text.windows(8).position(|w| w == b"fnv1a64:").unwrap();
    let mut bytes = text.clone();
    bytes[place..place + 8].copy_from_slice(b"        ");
    fs::write(&path, bytes).unwrap();
    let error = SavedNetwork::read(&path, None).unwrap_err().to_string();
    assert!(
        error.contains("carries no digest") && error.contains("train it again"),
        "{error}"
    );
}
