//! `thalweg measure`: runs and single files measured, and files that are damaged, strange or impossible.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{file, regex_escape, resealed, run};
use crate::train::SMALL;

/// A finished training in `run`, of one seed.
fn trained() -> (TempDir, PathBuf) {
    let (folder, path) = file("experiment.toml", SMALL.as_bytes());
    let out = folder.path().join("run");
    let arguments = [
        "train",
        path.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let run = run(&[&arguments[..], &["--seeds", "1"]].concat());
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    (folder, out)
}

fn network(out: &Path) -> PathBuf {
    out.join("networks/seed-0.safetensors")
}

/// The file with another header and the digest that fits; its numbers stay.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = header.to_string().into_bytes();
    let mut all = (header.len() as u64).to_le_bytes().to_vec();
    all.extend(header);
    all.extend(&bytes[8 + length..]);
    resealed(all)
}

#[test]
fn a_run_is_measured_and_its_results_kept() {
    let (folder, out) = trained();
    let measured = run(&["measure", out.to_str().unwrap(), "--top", "2"]);
    let path = regex_escape(folder.path().to_str().unwrap());
    insta::with_settings!({ filters => vec![
        (path.as_str(), "[folder]"),
        // What is left at the level of rounding depends on the processor's vector width, and so does the room it takes.
        (r"residual \d\S* +", "residual [r]  "),
    ]}, { insta::assert_snapshot!(measured.whole()) });
    assert!(out.join("measured/seed-0.json").is_file());
    // One file, and the run by one seed, are the same network.
    let json = |arguments: &[&str]| run(&[arguments, &["--top", "2", "--json"]].concat()).json();
    let whole = json(&["measure", out.to_str().unwrap(), "--seed", "0"]);
    let alone = json(&["measure", network(&out).to_str().unwrap()]);
    assert_eq!(whole, alone);
    let networks = whole["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 1);
}

/// Two networks, or what was measured of them, under each other's names.
#[test]
fn what_was_exchanged_is_refused() {
    let (folder, path) = file("experiment.toml", SMALL.as_bytes());
    let out = folder.path().join("run");
    let out_text = out.to_str().unwrap();
    let trained = run(&["train", path.to_str().unwrap(), "--out", out_text]);
    assert_eq!(trained.status, Some(0), "{}", trained.stderr);
    assert_eq!(run(&["measure", out_text]).status, Some(0));
    let exchange = |kind: &str, extension: &str| {
        let of = |seed: &str| out.join(format!("{kind}/{seed}.{extension}"));
        std::fs::rename(of("seed-0"), of("kept")).unwrap();
        std::fs::rename(of("seed-1"), of("seed-0")).unwrap();
        std::fs::rename(of("kept"), of("seed-1")).unwrap();
    };
    exchange("measured", "json");
    let report = run(&["report", out_text]);
    assert_eq!(report.status, Some(2));
    assert!(
        report
            .stderr
            .contains("it holds the measurements of seed-1"),
        "{}",
        report.stderr
    );
    exchange("networks", "safetensors");
    let measured = run(&["measure", out_text]);
    assert_eq!(measured.status, Some(2));
    let message = measured.stderr.split_whitespace().collect::<Vec<_>>();
    assert!(
        message
            .join(" ")
            .contains("is the network of seed 1 under another"),
        "{}",
        measured.stderr
    );
}

/// A pipe is waited for by nobody, and no link is followed out of a run.
#[cfg(unix)]
#[test]
fn only_files_are_networks() {
    let (_folder, out) = trained();
    let target = network(&out);
    std::fs::remove_file(&target).unwrap();
    let made = Command::new("mkfifo").arg(&target).status().unwrap();
    assert!(made.success());
    let refused = run(&["measure", out.to_str().unwrap()]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("no file"), "{}", refused.stderr);
    std::fs::remove_file(&target).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &target).unwrap();
    let refused = run(&["measure", out.to_str().unwrap()]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("link"), "{}", refused.stderr);
}

/// A single file's results go nowhere unless a directory is named.
#[test]
fn a_single_file_is_left_as_it_was() {
    let (folder, out) = trained();
    let target = network(&out);
    let before = std::fs::read(&target).unwrap();
    assert_eq!(run(&["measure", target.to_str().unwrap()]).status, Some(0));
    assert!(!out.join("measured").exists());
    assert_eq!(std::fs::read(&target).unwrap(), before);
    let elsewhere = folder.path().join("elsewhere");
    let kept = run(&[
        "measure",
        target.to_str().unwrap(),
        "--out",
        elsewhere.to_str().unwrap(),
    ]);
    assert_eq!(kept.status, Some(0), "{}", kept.stderr);
    assert!(elsewhere.join("measured/seed-0.json").is_file());
}

#[test]
fn damaged_files_are_refused_by_name() {
    let (folder, out) = trained();
    let good = std::fs::read(network(&out)).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let cut = [0, 7, 8, header / 2, header, good.len() - 1];
    let mut cases: Vec<(Vec<u8>, &str)> = cut
        .map(|length| (good[..length].to_vec(), "damaged.safetensors is "))
        .into();
    let long = [&good[..], b"more"].concat();
    cases.push((resealed(long.clone()), "not a whole safetensors file"));
    cases.push((long, "is damaged (its digest was"));
    cases.push((
        b"\x89PNG\r\n\x1a\n and so on".to_vec(),
        "not a whole safetensors file",
    ));
    let mut huge = good.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    cases.push((resealed(huge), "not a whole safetensors file"));
    let name = "layers.1.weight";
    let turned = |h: &mut Value| h[name]["shape"] = json!([2, 4]);
    cases.push((
        with_header(&good, turned),
        "the specified network needs [4, 2]",
    ));
    let renamed = |h: &mut Value| {
        let tensor = h.as_object_mut().unwrap().shift_remove(name).unwrap();
        h["weights"] = tensor;
    };
    cases.push((
        with_header(&good, renamed),
        "has no tensor `layers.1.weight`",
    ));
    // As many bytes in numbers of another type.
    let integers = |h: &mut Value| {
        let kind = h[name]["dtype"].as_str().unwrap().replace('F', "I");
        h[name]["dtype"] = kind.into();
    };
    cases.push((with_header(&good, integers), "F16 or BF16 is needed"));
    let wider = |h: &mut Value| {
        let text = h["__metadata__"]["thalweg"].as_str().unwrap();
        let text = text.replace("hidden = [4]", "hidden = [5]");
        assert!(text.contains("[5]"));
        h["__metadata__"]["thalweg"] = text.into();
    };
    cases.push((
        with_header(&good, wider),
        "the specified network needs [5, 2]",
    ));
    let nonsense =
        |h: &mut Value| h["__metadata__"]["thalweg"] = "steps = # fnv1a64:0000000000000000".into();
    cases.push((with_header(&good, nonsense), "specification"));
    let mut undefined = good.clone();
    let end = undefined.len();
    undefined[end - 8..].fill(0xff);
    cases.push((resealed(undefined), "not finite"));

    let path = folder.path().join("damaged.safetensors");
    for (bytes, needle) in cases {
        std::fs::write(&path, bytes).unwrap();
        let refused = run(&["measure", path.to_str().unwrap()]);
        assert_eq!(
            (refused.status, refused.stdout.as_str()),
            (Some(2), ""),
            "{needle}"
        );
        assert!(
            refused.stderr.contains(needle),
            "{needle}: {}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("damaged.safetensors"),
            "{}",
            refused.stderr
        );
    }
}

/// As other programs write them: without a specification, which is then given beside.
#[test]
fn a_file_without_its_specification_needs_one_beside() {
    let (folder, out) = trained();
    let good = std::fs::read(network(&out)).unwrap();
    let bare = with_header(&good, |h| {
        h.as_object_mut().unwrap().shift_remove("__metadata__");
    });
    let path = folder.path().join("bare.safetensors");
    std::fs::write(&path, bare).unwrap();
    let refused = run(&["measure", path.to_str().unwrap()]);
    assert_eq!(refused.status, Some(2));
    assert!(
        refused.stderr.contains("no specification"),
        "{}",
        refused.stderr
    );
    let specification = folder.path().join("experiment.toml");
    let json = |path: &Path, more: &[&str]| {
        let all = [&["measure", path.to_str().unwrap(), "--json"][..], more].concat();
        run(&all).json()["networks"][0].clone()
    };
    let found = json(&path, &["--specification", specification.to_str().unwrap()]);
    let exact = json(&network(&out), &[]);
    assert_eq!(found["sharpness"], exact["sharpness"]);
    assert!(found["sharpness"]["value"].as_f64().unwrap() > 0.0);
    assert!(found.get("notes").is_none());

    // As nn.Sequential names them, behind a wrapper, with the steps that a BatchNorm counts.
    let sequential = with_header(&good, |h| {
        let tensors = h.as_object_mut().unwrap();
        tensors.shift_remove("__metadata__");
        for (name, theirs) in [
            ("layers.1.weight", "module.0.weight"),
            ("layers.2.weight", "module.2.weight"),
        ] {
            let tensor = tensors.shift_remove(name).unwrap();
            tensors.insert(theirs.to_owned(), tensor);
        }
        let end = tensors["module.2.weight"]["data_offsets"][1].clone();
        tensors.insert(
            "norm.steps".to_owned(),
            serde_json::json!({ "dtype": "I64", "shape": [0], "data_offsets": [end, end] }),
        );
    });
    std::fs::write(&path, sequential).unwrap();
    let found = json(&path, &["--specification", specification.to_str().unwrap()]);
    assert_eq!(found["sharpness"], exact["sharpness"]);
    let note = found["notes"][0].as_str().unwrap();
    assert!(note.ends_with("left out: norm.steps."), "{note}");
}

#[test]
fn what_is_no_target_is_refused_by_name() {
    let (folder, out) = trained();
    let (target, empty) = (out.to_str().unwrap(), folder.path().to_str().unwrap());
    let cases: [(&[&str], &str); 7] = [
        (&["nowhere"], "nowhere"),
        (&[empty], "thalweg train"),
        (&[target, "--seed", "7"], "seed 7"),
        (&[target, "--samples", "1"], "samples"),
        (&[target, "--top", "0"], "top"),
        (&[target, "--trace-products", "3"], "trace-products"),
        (&[target, "--specification", "nowhere.toml"], "nowhere.toml"),
    ];
    for (more, needle) in cases {
        let refused = run(&[&["measure"], more].concat());
        assert_eq!(
            (refused.status, refused.stdout.as_str()),
            (Some(2), ""),
            "{more:?}"
        );
        assert!(
            refused.stderr.contains(needle),
            "{needle}: {}",
            refused.stderr
        );
    }
    assert!(!out.join("measured").exists());
}

/// Where the output itself finds no room.
#[cfg(target_os = "linux")]
#[test]
fn output_into_a_full_device_is_an_error() {
    let (_folder, out) = trained();
    for command in [&["measure"][..], &["measure", "--json"], &["report"]] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_thalweg"))
            .args(command)
            .arg(&out)
            .stdout(full)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}
