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
        notes: vec![],
    }
}

fn written(network: &SavedNetwork) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    network.write(&path).unwrap();
    (folder, path)
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

/// The tensors of a file by their names.
type Views<'a> = Vec<(String, TensorView<'a>)>;

/// As a file has it.
const NAN: [u8; 4] = f32::NAN.to_le_bytes();

/// A specification does not make a file of ours another program's.
#[test]
fn tensors_of_another_network_are_told_from_ours() {
    let network = saved("f32");
    let (_folder, path) = written(&network);
    let content = fs::read(&path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&content).unwrap();
    let tensors = SafeTensors::deserialize(&content).unwrap();
    let error_with = |change: &dyn Fn(&mut Views<'_>)| {
        let mut views = tensors.tensors();
        change(&mut views);
        fs::write(
            &path,
            seal(serialize(views, header.metadata().clone()).unwrap()),
        )
        .unwrap();
        SavedNetwork::read(&path, None).unwrap_err().to_string()
    };
    let missing = error_with(&|views| views.retain(|(name, _)| name != "layers.2.bias"));
    assert!(
        missing.contains("no tensor `layers.2.bias`") && missing.contains("[1]"),
        "{missing}"
    );
    let turned = error_with(&|views| {
        let weight = views
            .iter_mut()
            .find(|(name, _)| name == "layers.1.weight")
            .unwrap();
        weight.1 = TensorView::new(Dtype::F32, vec![3, 2], weight.1.data()).unwrap();
    });
    assert!(
        turned.contains("has the shape [3, 2]") && turned.contains("needs [2, 3]"),
        "{turned}"
    );
    let more = error_with(&|views| views.push(("scale".to_owned(), views[0].1.clone())));
    assert!(
        more.contains("a tensor `scale`, which is no parameter"),
        "{more}"
    );
    let whole = error_with(&|views| {
        let (_, view) = &mut views[0];
        *view = TensorView::new(Dtype::I32, view.shape().to_vec(), view.data()).unwrap();
    });
    assert!(whole.contains("is of type I32"), "{whole}");
    let undefined = error_with(&|views| {
        let bias = views.iter_mut().find(|(name, _)| name == "layers.2.bias");
        bias.unwrap().1 = TensorView::new(Dtype::F32, vec![1], &NAN).unwrap();
    });
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
            assert!(SavedNetwork::read(&copy, Some(&experiment("f32").into())).is_err());
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
