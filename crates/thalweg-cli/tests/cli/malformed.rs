//! Bad input of every kind: status 2, the trouble named on standard error, nothing on standard output.

use crate::harness::{Run, file, run, run_with_input};

const GOOD: &str = r#"{
    "depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
    "noise_covariance": [[1, 0], [0, 1]]
}"#;

/// `GOOD` with one field's text replaced.
fn with(field: &str, value: &str) -> String {
    let mut tree: serde_json::Value = serde_json::from_str(GOOD).unwrap();
    tree[field] = "placeholder".into();
    tree.to_string().replace("\"placeholder\"", value)
}

fn refused(run: &Run, needle: &str, case: &str) {
    assert_eq!(run.status, Some(2), "{case}: {}", run.stderr);
    assert_eq!(run.stdout, "", "{case}");
    assert!(
        run.stderr.contains(needle),
        "{case}: no {needle:?} in {}",
        run.stderr
    );
    assert!(!run.stderr.contains("panicked"), "{case}: {}", run.stderr);
}

#[test]
fn the_good_file_is_good() {
    let run = run_with_input(&["predict", "-"], GOOD.as_bytes());
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn malformed_files_are_refused_by_name() {
    let nested_json = "[".repeat(100_000);
    let nested_toml = format!("depth = {}", "[".repeat(100_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", b"".to_vec(), "empty"),
        ("only blanks", b" \n\t \n".to_vec(), "empty"),
        (
            "truncated",
            GOOD.as_bytes()[..60].to_vec(),
            "not valid JSON",
        ),
        (
            "truncated toml",
            b"depth = 3\ninput_cov".to_vec(),
            "not valid TOML",
        ),
        ("binary", (0..=255).collect(), "UTF-8"),
        ("zeros", vec![0; 1000], "not valid"),
        ("unicode", "深さ = 三".into(), "not valid TOML"),
        ("unicode key", with("глубина", "3").into(), "глубина"),
        ("a list", b"{\"depth\": [1]}".to_vec(), "depth"),
        (
            "nested json",
            format!("{{\"depth\": {nested_json}").into(),
            "not valid JSON",
        ),
        ("nested toml", nested_toml.into(), "not valid TOML"),
        (
            "nested object",
            "{\"problem\":".repeat(5000).into(),
            "not valid JSON",
        ),
        ("twice", b"depth = 1\ndepth = 2".to_vec(), "duplicate"),
        (
            "no depth",
            b"{\"teacher\": [[1]]}".to_vec(),
            "`depth` is missing",
        ),
        ("depth 0", with("depth", "0").into(), "depth"),
        ("depth -1", with("depth", "-1").into(), "depth"),
        ("depth 1.5", with("depth", "1.5").into(), "depth"),
        (
            "depth huge",
            with("depth", "1000000000000000000").into(),
            "depth",
        ),
        (
            "depth huger",
            with("depth", &"9".repeat(400)).into(),
            "number out of range",
        ),
        ("depth text", with("depth", "\"drei\"").into(), "drei"),
        ("depth null", with("depth", "null").into(), "depth"),
        (
            "infinite",
            with("teacher", "[[1e999, 0], [0, 1]]").into(),
            "number out of range",
        ),
        (
            "large",
            with("teacher", "[[1e300, 0], [0, 1]]").into(),
            "teacher",
        ),
        (
            "ragged",
            with("teacher", "[[1, 0], [0]]").into(),
            "teacher[1]",
        ),
        ("no rows", with("teacher", "[]").into(), "teacher"),
        ("no columns", with("teacher", "[[], []]").into(), "teacher"),
        (
            "text inside",
            with("teacher", "[[1, \"x\"], [0, 1]]").into(),
            "teacher[0][1]",
        ),
        (
            "wrong shape",
            with("noise_covariance", "[[1]]").into(),
            "noise_covariance",
        ),
        (
            "asymmetric",
            with("noise_covariance", "[[1, 1], [0, 1]]").into(),
            "not symmetric",
        ),
        (
            "indefinite",
            with("noise_covariance", "[[1, 2], [2, 1]]").into(),
            "semi-definite",
        ),
        (
            "no noise",
            with("noise_covariance", "[[0, 0], [0, 0]]").into(),
            "noise_covariance",
        ),
        (
            "singular",
            with("noise_covariance", "[[1, 0], [0, 0]]").into(),
            "noise_covariance",
        ),
        (
            "narrow",
            with("hidden_widths", "[1]").into(),
            "hidden_widths",
        ),
        (
            "too many widths",
            with("hidden_widths", "[2, 2]").into(),
            "hidden_widths",
        ),
        (
            "wide",
            with("hidden_widths", "[1000000000000]").into(),
            "hidden_widths",
        ),
        (
            "typing error",
            with("noise_covarience", "1").into(),
            "did you mean",
        ),
        (
            "misplaced start",
            with("start_weights", "[[[1]]]").into(),
            "start_weights",
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let simulate = ["simulate", "-", "--out", out.to_str().unwrap()];
    for (case, content, needle) in cases {
        refused(
            &run_with_input(&["predict", "-", "--json"], &content),
            needle,
            case,
        );
        // What only the prediction cannot use may be missing its times first.
        for arguments in [&["flow", "-", "--json"][..], &simulate] {
            refused(&run_with_input(arguments, &content), "", case);
        }
    }
    assert!(!out.exists());
}

#[test]
fn nan_and_infinity_in_toml_are_refused() {
    for word in ["nan", "inf", "-inf"] {
        let (_directory, path) = file(
            "problem.toml",
            format!("depth = 1\ninput_covariance = [[1.0]]\nteacher = [[{word}]]\nnoise_covariance = [[1.0]]").as_bytes(),
        );
        refused(
            &run(&["predict", path.to_str().unwrap()]),
            "teacher[0][0]",
            word,
        );
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    for command in ["predict", "flow"] {
        refused(&run(&[command, path]), "directory", command);
        refused(
            &run(&[command, &format!("{path}/missing.toml")]),
            "missing.toml",
            command,
        );
    }
}

#[test]
fn bad_flags_are_refused_by_name() {
    let cases: &[(&[&str], &str)] = &[
        (&["predict"], "Usage"),
        (&["predict", "--depth", "0", "--dimension", "2"], "depth"),
        (
            &["predict", "--depth", "99999999999", "--dimension", "2"],
            "depth",
        ),
        (&["predict", "--depth", "2"], "--dimension"),
        (
            &["predict", "--depth", "2", "--dimension", "0"],
            "--dimension",
        ),
        (
            &["predict", "--depth", "2", "--dimension", "99999999"],
            "--dimension",
        ),
        (
            &[
                "predict",
                "--depth",
                "2",
                "--dimension",
                "3",
                "--noise",
                "1,2",
            ],
            "--noise",
        ),
        (&["predict", "--depth", "2", "--noise", "1,x"], "`x`"),
        (&["predict", "--depth", "2", "--noise", "1,nan"], "nan"),
        (&["predict", "--depth", "2", "--noise", "1,1e400"], "1e400"),
        (
            &[
                "predict",
                "--depth",
                "2",
                "--noise",
                "1,2",
                "--teacher",
                "1,2,3",
            ],
            "--teacher",
        ),
        (
            &[
                "predict",
                "--depth",
                "2",
                "--noise",
                "1,2",
                "--hidden-widths",
                "1",
            ],
            "hidden_widths",
        ),
        (
            &[
                "predict",
                "--depth",
                "2",
                "--noise",
                "1,2",
                "--learning-rate",
                "0",
            ],
            "--learning-rate",
        ),
        (
            &["predict", "--depth", "2", "--noise", "1,2", "--batch", "0"],
            "--batch",
        ),
        (
            &["predict", "file.toml", "--depth", "2"],
            "cannot be used with",
        ),
        (&["flow", "--depth", "2", "--noise", "1,2"], "--steps"),
        (
            &["flow", "--depth", "2", "--noise", "1,2", "--init", "zero"],
            "--init",
        ),
        (
            &["flow", "--depth", "2", "--noise", "1,2", "--steps", "1.5"],
            "--steps",
        ),
        (&["simulate", "--depth", "2", "--noise", "1,2"], "--out"),
        (
            &[
                "flow",
                "--depth",
                "3",
                "--dimension",
                "3000",
                "--learning-rate",
                "0.1",
                "--batch",
                "1",
                "--steps",
                "9",
            ],
            "too many",
        ),
        (&["fly"], "fly"),
        (&["predict", "--dept", "2"], "--dept"),
    ];
    for (arguments, needle) in cases {
        refused(&run(arguments), needle, &arguments.join(" "));
    }
}

/// A flag that would be passed over is refused: random weights where they are given, rows where the times are.
#[test]
fn flags_that_the_file_makes_void_are_refused() {
    let file =
        br#"{"depth": 2, "input_covariance": [[1]], "teacher": [[1]], "noise_covariance": [[1]],
        "start_weights": [[[1]], [[1]]], "slow_time": [1]}"#;
    for (flags, needle) in [
        (&["--seed", "4"][..], "--seed 4"),
        (&["--points", "9"], "--points 9"),
    ] {
        let arguments = [&["flow", "-"], flags].concat();
        refused(&run_with_input(&arguments, file), needle, needle);
    }
    let both = ["--seed", "4", "--init", "kaiming", "--json"];
    let drawn = run_with_input(&[&["flow", "-"], &both[..]].concat(), file).json();
    assert_eq!(drawn["seed"], 4);
}
