//! Texts: trained on, measured token by token, shown on the page of the run.

use std::fs;

use crate::harness::{file, run};

const SMALL: &str = r#"
learning_rate = 0.2
batch = 8
steps = 40
seeds = 1
precision = "f32"
loss = { kind = "cross-entropy", positions = "mean" }
network = { kind = "language-model", tokens = 6, width = 4, positions = 4, heads = 2, hidden = 6, layer_norm = true }
data = { kind = "text", path = "book.txt" }
measure = { samples = 12, count = 3, trace_products = 8 }
"#;

#[test]
fn a_text_is_learnt_and_its_tokens_measured() {
    let (folder, path) = file("experiment.toml", SMALL.as_bytes());
    // Six letters at random, the first ones more often.
    let mut state = 7u64;
    let text: String = (0..800)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let draw = (state >> 33) as f64 / f64::from(1u32 << 31);
            char::from(b'a' + (6.0 * draw * draw) as u8)
        })
        .collect();
    fs::write(folder.path().join("book.txt"), text).unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let trained = run(&["train", path.to_str().unwrap(), "--out", out]);
    assert_eq!(trained.status, Some(0), "{}", trained.stderr);
    for part in [
        "language model: 6 tokens",
        "averaged over positions",
        "bits for each token",
    ] {
        assert!(
            trained.stdout.contains(part),
            "{part:?}: {}",
            trained.stdout
        );
    }
    let measured = run(&["measure", out, "--top", "1", "--trace-products", "8"]);
    assert_eq!(measured.status, Some(0), "{}", measured.stderr);
    for part in [
        "Tokens by frequency",
        "1: a ",
        "2–3: b c ",
        "4–6: d e f ",
        "Lopsidedness",
    ] {
        assert!(
            measured.stdout.contains(part),
            "{part:?}: {}",
            measured.stdout
        );
    }
    assert!(!measured.stdout.contains("Theorem 2"));
    let found = run(&[
        "measure",
        out,
        "--top",
        "1",
        "--trace-products",
        "8",
        "--json",
    ])
    .json();
    let tokens = &found["networks"][0]["tokens"];
    assert_eq!(tokens["groups"].as_array().unwrap().len(), 3);
    assert_eq!(
        tokens["lopsidedness"]["interval"].as_array().unwrap().len(),
        2
    );
    let report = run(&["report", out]);
    assert_eq!(report.status, Some(0), "{}", report.stderr);
    let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("lopsidedness"));
    let diagnosed = run(&["diagnose", out]);
    assert_ne!(diagnosed.status, Some(0));
    assert!(
        diagnosed.stderr.contains("thalweg measure"),
        "{}",
        diagnosed.stderr
    );
    // A file that has changed is told.
    fs::write(folder.path().join("book.txt"), "abcdef".repeat(200)).unwrap();
    let changed = run(&["measure", out, "--top", "1", "--trace-products", "8"]);
    assert!(changed.stdout.contains("changed"), "{}", changed.stdout);
}
