//! Texts: trained on, measured token by token, shown on the page of the run.

use std::fs;

use serde_json::Value;

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
    diagnosed(out);
    // A file that has changed is told.
    fs::write(folder.path().join("book.txt"), "abcdef".repeat(200)).unwrap();
    let changed = run(&["measure", out, "--top", "1", "--trace-products", "8"]);
    assert!(changed.stdout.contains("changed"), "{}", changed.stdout);
    let changed = run(&["diagnose", out]);
    assert!(changed.stdout.contains("changed"), "{}", changed.stdout);
}

/// A diagnosis of the run says of its tokens what `measure` does, and what has no meaning for a text.
fn diagnosed(out: &str) {
    let html = format!("{out}.html");
    let said = run(&[
        "diagnose",
        out,
        "--learning-rate",
        "0.1",
        "--batch",
        "4",
        "--html",
        &html,
    ]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    for part in [
        "κ(E rrᵀ)",
        "isotropy: p = ",
        "Tokens by frequency",
        "slow time u = Σ η²/B = 0.2",
        "At η = 0.1 and B = 4 the same slow time takes 80 steps.",
        "How far SGD",
        "Tokens of unequal frequency",
        "has no meaning for a text",
    ] {
        assert!(said.stdout.contains(part), "{part:?}: {}", said.stdout);
    }
    let page = fs::read_to_string(html).unwrap();
    for part in [
        "<h1>Which noise the tokens have</h1>",
        "Squared gradients of tokens by their frequency",
        "the same slow time takes 80 steps",
        "T, T<sub>min</sub> and λ<sub>max</sub>",
        "<code>thalweg measure</code>",
    ] {
        assert!(page.contains(part), "{part:?}");
    }
    let found = run(&["diagnose", out, "--json"]).json();
    assert_eq!(found["heteroscedasticity"], Value::Null);
    assert_eq!(found["sharpness"], Value::Null);
    // Letters drawn by their squares are of unequal frequency.
    let p = found["isotropy"]["p_value"].as_f64().unwrap();
    assert!(p < 0.05, "{p}");
    assert_eq!(found["clock"]["asked"], Value::Null);
    assert_eq!(found["token_names"].as_array().unwrap().len(), 6);
    // The last tenth has 80 characters: windows of four predictions begin at every fourth.
    assert_eq!(found["sequences"], 19);
    let same = ["--samples", "19", "--top", "1", "--trace-products", "8"];
    let measured = run(&[&["measure", out, "--json"], &same[..]].concat()).json();
    let measured = &measured["networks"][0]["residuals"];
    for (found, measured) in [
        (&found["noise_covariance"], &measured["covariance"]),
        (
            &found["noise_condition_number"]["value"],
            &measured["condition"],
        ),
        (
            &found["mismatch_condition_number"]["value"],
            &measured["mismatch_condition"],
        ),
    ] {
        let (found, measured) = (numbers(found), numbers(measured));
        assert_eq!(found.len(), measured.len());
        let size = measured.iter().fold(0.0f64, |size, x| size.max(x.abs()));
        for (found, measured) in found.iter().zip(&measured) {
            let apart = (found - measured).abs() / size;
            assert!(apart <= 1e-12, "{found} and {measured}");
        }
    }
    for flag in ["--depth=2", "--simulate", "--resamples=50"] {
        let refused = run(&["diagnose", out, flag]);
        let words = "is a training on a text, of which";
        assert_eq!(refused.status, Some(2));
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

/// All numbers in `value`, row by row.
fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(all) => all.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}
