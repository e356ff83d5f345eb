//! Files as PyTorch and others write them.

use std::fs;
use std::path::PathBuf;

use safetensors::tensor::{Dtype, TensorView, serialize};
use tempfile::TempDir;

use super::*;
use crate::saved::SavedNetwork;

const NETWORK: &str = r#"
    learning_rate = 0.1
    batch = 4
    steps = 10
    loss = "squared-error"
    network = { kind = "mlp", inputs = 3, hidden = [2, 2], outputs = 1, biases = true }
    data = { kind = "teacher", teacher = { hidden = [5] } }
"#;

/// The parameters of the network, in its order: layers of 3 → 2 → 2 → 1.
const SHAPES: [(&str, &[usize]); 6] = [
    ("layers.1.weight", &[2, 3]),
    ("layers.1.bias", &[2]),
    ("layers.2.weight", &[2, 2]),
    ("layers.2.bias", &[2]),
    ("layers.3.weight", &[1, 2]),
    ("layers.3.bias", &[1]),
];

/// Every parameter a number of its own.
fn parameters() -> Vec<f64> {
    (0..17).map(|i| f64::from(i) - 4.5).collect()
}

/// A tensor as a file has it.
#[derive(Clone)]
struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Stored {
    fn bytes(&self) -> Vec<u8> {
        let values = self.values.iter();
        match self.dtype {
            Dtype::F16 => values
                .flat_map(|&x| half::f16::from_f64(x).to_le_bytes())
                .collect(),
            Dtype::BF16 => values
                .flat_map(|&x| half::bf16::from_f64(x).to_le_bytes())
                .collect(),
            Dtype::F32 => values.flat_map(|&x| (x as f32).to_le_bytes()).collect(),
            _ => values.flat_map(|&x| x.to_le_bytes()).collect(),
        }
    }
}

/// The network's tensors under other names.
fn stored(names: [&str; 6]) -> Vec<Stored> {
    let mut from = 0;
    let all = names.iter().zip(SHAPES).map(|(name, (_, shape))| {
        let count: usize = shape.iter().product();
        from += count;
        Stored {
            name: (*name).to_owned(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            values: parameters()[from - count..from].to_vec(),
        }
    });
    all.collect()
}

fn ours() -> Vec<Stored> {
    stored(SHAPES.map(|(name, _)| name))
}

/// As (in, out).
fn turned(mut tensor: Stored) -> Stored {
    if let &[rows, columns] = tensor.shape.as_slice() {
        let entry = |i: usize| tensor.values[i % rows * columns + i / rows];
        tensor.values = (0..rows * columns).map(entry).collect();
        tensor.shape = vec![columns, rows];
    }
    tensor
}

fn written(tensors: &[Stored]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let bytes: Vec<_> = tensors.iter().map(Stored::bytes).collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), bytes).unwrap();
        (tensor.name.as_str(), view)
    });
    fs::write(&path, serialize(views, None).unwrap()).unwrap();
    (folder, path)
}

fn specified(table: &str) -> Result<Foreign, SpecError> {
    Foreign::of(Draft::from_toml(&format!("{NETWORK}\n{table}")).unwrap())
}

fn read(tensors: &[Stored], table: &str) -> Result<SavedNetwork, SavedError> {
    let (_folder, path) = written(tensors);
    SavedNetwork::read(&path, Some(&specified(table).unwrap()))
}

fn error(tensors: &[Stored], table: &str) -> String {
    read(tensors, table).unwrap_err().to_string()
}

/// A Sequential with activations between its layers, wrapped, in modules of other names, counted from 0.
#[test]
fn layers_are_known_by_their_order() {
    for names in [
        [
            "0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias",
        ],
        [
            "module.0.weight",
            "module.0.bias",
            "module.2.weight",
            "module.2.bias",
            "module.10.weight",
            "module.10.bias",
        ],
        [
            "net.0.weight",
            "net.0.bias",
            "net.2.weight",
            "net.2.bias",
            "net.4.weight",
            "net.4.bias",
        ],
        [
            "layers.0.weight",
            "layers.0.bias",
            "layers.1.weight",
            "layers.1.bias",
            "layers.2.weight",
            "layers.2.bias",
        ],
        [
            "module.model.layers.1.weight",
            "module.model.layers.1.bias",
            "model.layers.2.weight",
            "layers.2.bias",
            "_orig_mod.layers.3.weight",
            "layers.3.bias",
        ],
    ] {
        let network = read(&stored(names), "").unwrap();
        assert_eq!(network.parameters, parameters(), "{names:?}");
        assert_eq!(network.notes, Vec::<String>::new());
    }
}

#[test]
fn short_floats_are_read_as_what_they_are() {
    for dtype in [Dtype::F16, Dtype::BF16, Dtype::F64] {
        let mut tensors = ours();
        tensors.iter_mut().for_each(|tensor| tensor.dtype = dtype);
        // All of them have few digits.
        assert_eq!(
            read(&tensors, "").unwrap().parameters,
            parameters(),
            "{dtype:?}"
        );
    }
    let mut whole = ours();
    whole[1].dtype = Dtype::I64;
    let error = error(&whole, "");
    assert!(
        error.contains("`layers.1.bias` is of type I64") && error.contains("BF16"),
        "{error}"
    );
}

/// What is square goes with the others.
#[test]
fn matrices_of_the_other_orientation_are_turned_and_told() {
    let tensors: Vec<_> = ours().into_iter().map(turned).collect();
    let network = read(&tensors, "").unwrap();
    assert_eq!(network.parameters, parameters());
    assert_eq!(
        network.notes,
        ["Stored as (in, out) and turned: layers.1.weight, layers.2.weight, layers.3.weight."]
    );
    // One way and the other: nothing says which the square one is.
    let mut mixed = tensors;
    mixed[4] = ours()[4].clone();
    let error = error(&mixed, "");
    assert!(
        error.contains("`layers.2.weight` is square") && error.contains("transposed = "),
        "{error}"
    );
    for (transposed, expected) in [
        (true, parameters()[8..12].to_vec()),
        (false, mixed[2].values.clone()),
    ] {
        let table = format!(
            "[tensors]\n\"layers.2.weight\" = {{ name = \"layers.2.weight\", transposed = {transposed} }}"
        );
        assert_eq!(read(&mixed, &table).unwrap().parameters[8..12], expected);
    }
}

#[test]
fn strangers_are_left_out_by_name() {
    let mut tensors = ours();
    let stranger = |name: &str| Stored {
        name: name.to_owned(),
        ..ours()[1].clone()
    };
    tensors.extend([stranger("optimizer.scale"), stranger("norm.running_mean")]);
    let network = read(&tensors, "").unwrap();
    assert_eq!(network.parameters, parameters());
    assert_eq!(
        network.notes,
        [
            "Tensors of the file that the network has no place for, left out: norm.running_mean, optimizer.scale."
        ]
    );
}

/// Three layers of four would be another function.
#[test]
fn one_more_layer_is_another_network() {
    for (names, more) in [
        (SHAPES.map(|(name, _)| name), "layers.4.weight"),
        (SHAPES.map(|(name, _)| name), "layers.0.weight"),
        (
            [
                "0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias",
            ],
            "6.bias",
        ),
    ] {
        let mut tensors = stored(names);
        tensors.push(Stored {
            name: more.to_owned(),
            ..ours()[0].clone()
        });
        let error = error(&tensors, "");
        assert!(error.contains("other.safetensors has"), "{error}");
    }
}

/// A network without them would be another function, also where its weights are named by hand.
#[test]
fn biases_are_not_left_out() {
    let (_folder, path) = written(&ours());
    for table in [
        "",
        "[tensors]\n\"layers.1.weight\" = \"layers.1.weight\"\n\"layers.2.weight\" = \"layers.2.weight\"\n\
         \"layers.3.weight\" = \"layers.3.weight\"",
    ] {
        let without = NETWORK.replace("biases = true", "biases = false");
        let specified = Foreign::of(Draft::from_toml(&format!("{without}\n{table}")).unwrap());
        let error = SavedNetwork::read(&path, Some(&specified.unwrap())).unwrap_err();
        assert!(
            error.to_string().contains("`biases = true`"),
            "{table}: {error}"
        );
    }
}

#[test]
fn names_may_be_given() {
    let names = ["enc.w", "enc.b", "mid.w", "mid.b", "head.w", "head.b"];
    let pairs: Vec<String> = SHAPES
        .iter()
        .zip(names)
        .map(|((own, _), name)| format!("\"{own}\" = \"{name}\""))
        .collect();
    let table = format!("[tensors]\n{}", pairs.join("\n"));
    assert_eq!(
        read(&stored(names), &table).unwrap().parameters,
        parameters()
    );
    // Two biases that are added, as those of a recurrent layer.
    let mut tensors = stored(names);
    tensors[1].values = vec![1.0, 2.0];
    tensors.push(Stored {
        name: "enc.c".to_owned(),
        values: vec![0.5, -1.0],
        ..tensors[1].clone()
    });
    let summed = table.replace("\"enc.b\"", "[\"enc.b\", \"enc.c\"]");
    assert_eq!(
        read(&tensors, &summed).unwrap().parameters[6..8],
        [1.5, 1.0]
    );
    let absent = error(&tensors, &summed.replace("mid.w", "middle"));
    assert!(
        absent.contains("no tensor `middle`") && absent.contains("head.w"),
        "{absent}"
    );
}

#[test]
fn a_table_of_names_is_checked() {
    for (table, expected) in [
        ("tensors = 3", "`tensors` is 3"),
        ("[tensors]\n\"layers.9.weight\" = \"a\"", "layers.9.weight"),
        ("[tensors]\n\"layers.1.weight\" = 3", "is 3"),
        ("[tensors]\n\"layers.1.weight\" = []", "at least one name"),
        (
            "[tensors]\n\"layers.1.weight\" = { name = \"a\", turned = true }",
            "turned",
        ),
        (
            "[tensors]\n\"layers.1.weight\" = { transposed = true }",
            "name",
        ),
    ] {
        let error = specified(table).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_missing_is_told_with_what_there_is() {
    let error = error(&ours()[..5], "");
    assert!(
        error.contains("no tensor `layers.3.bias`")
            && error.contains("[1]")
            && error.contains("layers.3.weight"),
        "{error}"
    );
}
