//! Problem files: what is accepted, and what malformed ones are told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use tempfile::TempDir;
use thalweg_lab::spec::{ProblemFile, SpecError, read_problem};

const GOOD: &str = r#"{"depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
    "noise_covariance": [[4, 0], [0, 1]]}"#;

fn read(name: &str, content: impl AsRef<[u8]>) -> Result<ProblemFile, SpecError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    read_problem(&path)
}

/// The message about `content`, without the path in front.
fn refusal(name: &str, content: impl AsRef<[u8]>) -> String {
    read(name, content).unwrap_err().fault.to_string()
}

fn oracle(name: &str) -> Vec<serde_json::Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../thalweg/tests/oracle")
        .join(name);
    let whole: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    whole["cases"].as_array().unwrap().clone()
}

#[test]
fn weights_of_labels_are_a_matrix_or_its_diagonal() {
    let with = |weights: &str| GOOD.replacen('{', &format!("{{\"label_weights\": {weights}, "), 1);
    let read = |weights: &str| {
        read("case.json", with(weights))
            .unwrap()
            .recipe
            .label_weights
    };
    assert_eq!(read("[1, 3]"), read("[[1, 0], [0, 3]]"));
    assert_ne!(read("[1, 3]"), read("[1, 2]"));
    let error = refusal("case.json", with("\"white\""));
    assert!(error.contains("a list of numbers or a matrix"), "{error}");
}

#[test]
fn oracle_cases_are_accepted_as_they_stand() {
    let theory = oracle("theory.json");
    assert!(theory.len() > 10);
    for case in &theory {
        let file = read("case.json", case.to_string()).unwrap();
        assert_eq!(file.name.as_deref(), case["name"].as_str());
        assert_eq!(file.problem.depth() as u64, case["depth"].as_u64().unwrap());
        let noise = &case["noise_covariance"];
        assert_eq!(
            file.problem.noise_covariance()[(1, 0)],
            noise[1][0].as_f64().unwrap()
        );
    }
    let flow = oracle("slow_flow.json");
    assert!(flow.len() > 3);
    for case in &flow {
        let file = read("case.json", case.to_string()).unwrap();
        let weights = file.start_weights.unwrap();
        let first = case["start_weights"][0].as_array().unwrap();
        assert_eq!(weights.layer(1).nrows(), first.len());
        assert_eq!(file.problem.widths()[1], first.len());
        assert_eq!(weights.layer(1)[(1, 0)], first[1][0].as_f64().unwrap());
        let times = file.slow_time.unwrap();
        assert_eq!(times.len(), case["slow_time"].as_array().unwrap().len());
        assert_eq!(times[3], case["slow_time"][3].as_f64().unwrap());
    }
}

#[test]
fn toml_and_short_forms_say_the_same_as_rows() {
    let short = read(
        "short.toml",
        r#"
        name = "μ-case"
        depth = 2.0
        learning_rate = 1e-3
        batch = 1e1
        steps = 1e5
        input_covariance = { kind = "identity", dimension = 2 }
        teacher = { kind = "diagonal", values = [1, 1] }
        noise_standard_deviations = [2, 1]
        "#,
    )
    .unwrap();
    assert_eq!(short.problem, read("long.json", GOOD).unwrap().problem);
    assert_eq!(short.name.as_deref(), Some("μ-case"));
    assert_eq!(short.learning_rate, Some(1e-3));
    assert_eq!((short.batch, short.steps), (Some(10), Some(100_000)));
    assert_eq!(short.problem.widths(), [2, 2, 2]);
}

#[test]
fn the_format_is_the_extensions_or_else_the_contents() {
    assert!(read("problem.json", GOOD).is_ok());
    assert!(read("problem", GOOD).is_ok());
    assert!(read("problem.txt", format!("\u{feff}{GOOD}")).is_ok());
    assert!(refusal("problem.toml", GOOD).starts_with("is not valid TOML"));
    assert!(refusal("problem", "depth = 2").contains("`input_covariance` is missing"));
}

#[test]
fn hidden_widths_come_from_the_field() {
    let file = read("p.json", GOOD.replace('}', r#", "hidden_widths": [5]}"#)).unwrap();
    assert_eq!(file.problem.widths(), [2, 5, 2]);
}

/// Through eigenvalues, which are what the short forms state.
#[test]
fn spectra_and_bases_make_matrices() {
    let file = read(
        "short.toml",
        r#"
        depth = 3
        input_covariance = { kind = "power-law", dimension = 3, exponent = 2, scale = 9, basis_seed = 3 }
        noise_covariance = { kind = "spiked", dimension = 2, spikes = 1, height = 25 }
        [teacher]
        kind = "diagonal"
        values = [4, 0.5]
        rows = 2
        columns = 3
        left_basis_seed = 1
        right_basis_seed = 2
        "#,
    )
    .unwrap()
    .problem;
    let near = |found: Vec<f64>, expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-13 * b, "{found:?} {expected:?}");
        }
    };
    near(
        file.input_covariance().singular_values().unwrap(),
        &[9.0, 2.25, 1.0],
    );
    near(file.teacher().singular_values().unwrap(), &[4.0, 0.5]);
    assert!(file.input_covariance()[(0, 1)] != 0.0 && file.teacher()[(0, 1)] != 0.0);
    assert_eq!((file.teacher().nrows(), file.teacher().ncols()), (2, 3));
    assert_eq!(file.noise_covariance()[(0, 0)], 25.0);
    assert_eq!(file.noise_covariance()[(1, 1)], 1.0);
    assert_eq!(file.noise_covariance()[(0, 1)], 0.0);
}

#[test]
fn malformed_files_are_told_what_is_wrong() {
    let change = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    };
    let add = |more: &str| GOOD.replace('}', &format!(", {more}}}"));
    let cases: &[(String, &str)] = &[
        (String::new(), "is empty"),
        (" \n\t ".into(), "is empty"),
        (
            "{".into(),
            "is not valid JSON: EOF while parsing an object at line 1 column 1",
        ),
        (GOOD[..60].into(), "is not valid JSON: EOF"),
        ("[1, 2]".into(), "the whole file is a list of length 2"),
        ("3".into(), "the whole file is 3"),
        ("null".into(), "the whole file is null"),
        (
            "{}".into(),
            "`depth` is missing: the number of layers D is needed",
        ),
        (
            change("[[4, 0]", "[[1e999, 0]"),
            "number out of range at line",
        ),
        (
            change("[[4, 0]", "[[NaN, 0]"),
            "is not valid JSON: expected value",
        ),
        (
            change("[0, 1]]}", "[\"a\", 1]]}"),
            "`noise_covariance[1][0]` is \"a\": a number is needed",
        ),
        (
            change("[0, 1]]}", "[null, 1]]}"),
            "`noise_covariance[1][0]` is null: a number is needed",
        ),
        (
            change("[0, 1]]}", "[0]]}"),
            "`noise_covariance[1]` is a list of length 1: a row of length 2 like the first is needed",
        ),
        (
            change("[0, 1]]}", "7]}"),
            "`noise_covariance[1]` is 7: a list of numbers is needed",
        ),
        (
            change("[[4, 0], [0, 1]]", "[]"),
            "`noise_covariance` is an empty list: a matrix with at least one entry is needed",
        ),
        (
            change("[[4, 0], [0, 1]]", "[[], []]"),
            "`noise_covariance` is a list of length 2: a matrix with at least one entry",
        ),
        (
            change("[[4, 0], [0, 1]]", "true"),
            "`noise_covariance` is true: a list of rows, or a table with a `kind`, is needed",
        ),
        (
            change("[[4, 0], [0, 1]]", r#"{"kind": "identiti"}"#),
            "`noise_covariance.kind` is \"identiti\": one of \"identity\", \"diagonal\"",
        ),
        (
            change(
                "[[4, 0], [0, 1]]",
                r#"{"kind": "identity", "dimension": 1e12}"#,
            ),
            "`noise_covariance.dimension` is 1000000000000.0: a dimension from 1 to 16384",
        ),
        (
            change(
                "[[4, 0], [0, 1]]",
                r#"{"kind": "power-law", "dimension": 2}"#,
            ),
            "`noise_covariance.exponent` is missing",
        ),
        (
            change(
                "[[4, 0], [0, 1]]",
                r#"{"kind": "diagonal", "values": [1], "dimension": 2}"#,
            ),
            "`noise_covariance.values` is a list of length 1: a list of length 2, the dimension,",
        ),
        (
            change("[[4, 0], [0, 1]]", r#"{"kind": "identity", "exponent": 2}"#),
            "`noise_covariance.exponent` is not a field of a specification",
        ),
        (
            change("\"depth\": 2", "\"depth\": \"two\""),
            "`depth` is \"two\": a whole number",
        ),
        (
            change("\"depth\": 2", "\"depth\": 2.5"),
            "`depth` is 2.5: a whole number",
        ),
        (
            change("\"depth\": 2", "\"depth\": -1"),
            "`depth` is -1: a whole number",
        ),
        (
            change("\"depth\": 2", "\"depth\": 1e30"),
            "`depth` is 1e30: a whole number",
        ),
        (
            change("\"depth\": 2", "\"depth\": 4000000000"),
            "depth is 4000000000; ",
        ),
        (change("\"depth\": 2", "\"depth\": 0"), "depth is 0"),
        (
            change("\"depth\": 2", "\"depth\": 2, \"depth\": 3"),
            "the key `depth` stands twice",
        ),
        (change("teacher", "teachr"), "did you mean `teacher`?"),
        (
            add("\"Größe\": 1"),
            "`Größe` is not a field of a specification: the fields here are",
        ),
        (
            add("\"batch\": 0"),
            "`batch` is 0: a batch of at least 1 sample is needed",
        ),
        (
            add("\"learning_rate\": -0.1"),
            "`learning_rate` is -0.1: a learning rate above 0",
        ),
        (
            add("\"hidden_widths\": 4"),
            "`hidden_widths` is 4: a list of the D − 1 hidden widths",
        ),
        (
            add("\"hidden_widths\": [0]"),
            "`hidden_widths[0]` is 0: a dimension from 1",
        ),
        (
            add("\"slow_time\": [1, 0.5]"),
            "`slow_time[1]` is 0.5: a slow time of at least 1",
        ),
        (
            add("\"slow_time\": [-1]"),
            "`slow_time[0]` is -1: a slow time of at least 0",
        ),
        (
            add("\"noise_standard_deviations\": [1, 1]"),
            "`noise_covariance` and `noise_standard_deviations` are both given",
        ),
        (
            add("\"start_weights\": [[[1, 0], [0, 1]]]"),
            "start_weights: 1 weight matrices were given for a network of depth 2",
        ),
        (
            add("\"start_weights\": [[[1, 0], [0, 1]], [[1, 0, 3], [0, 1, 3]]]"),
            "start_weights: W_2 is 2 × 3",
        ),
        (
            add("\"problem\": {}"),
            "`depth` and `problem` are both given",
        ),
        (
            add(&format!("\"note\": {}", "[".repeat(100_000))),
            "recursion limit",
        ),
    ];
    for (content, expected) in cases {
        let message = refusal("problem.json", content);
        assert!(
            message.contains(expected),
            "{content:.200}\n gave {message:?}\n not {expected:?}"
        );
    }
}

#[test]
fn malformed_toml_is_told_the_line() {
    let nested = format!("note = {}", "[".repeat(100_000));
    let cases: &[(&str, &str)] = &[
        ("depth = ", "line 1"),
        ("depth = 2\ndepth = 3", "line 2"),
        ("depth = 2\nnoise_covariance = [[1, 0]", "line 2"),
        ("depth = inf", "`depth` is inf: a whole number"),
        (
            "learning_rate = nan\ndepth = 2",
            "`input_covariance` is missing",
        ),
        (&nested, "is not valid TOML"),
    ];
    for (content, expected) in cases {
        let message = refusal("problem.toml", content);
        assert!(
            message.contains(expected),
            "{content:.100}\n gave {message:?}\n not {expected:?}"
        );
    }
}

#[test]
fn what_is_no_text_file_is_refused() {
    assert!(refusal("p.json", b"{\"depth\": \xff}").contains("byte at offset 10"));

    let folder = TempDir::new().unwrap();
    let message = |path: PathBuf| read_problem(&path).unwrap_err().to_string();
    let missing = message(folder.path().join("absent.toml"));
    assert!(
        missing.contains("absent.toml: cannot be read: No such file"),
        "{missing}"
    );
    assert!(message(folder.path().to_owned()).contains("is a directory"));

    let huge = folder.path().join("huge.json");
    std::fs::File::create(&huge)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    assert!(message(huge).contains("is larger than 512 MiB"));
}

/// As many keys as a file can reasonably have cost no more than reading them: every key against every other would
/// take minutes.
#[test]
fn many_keys_are_read_at_once() {
    let keys = 300_000;
    let json: Vec<String> = (0..keys).map(|key| format!("\"k{key}\":0")).collect();
    let toml: Vec<String> = (0..keys).map(|key| format!("k{key} = 0\n")).collect();
    let nested: Vec<String> = (0..keys).map(|key| format!("k{key}.x = 0\n")).collect();
    for (name, content) in [
        ("many.json", format!("{{{}}}", json.join(","))),
        ("many.toml", toml.concat()),
        ("nested.toml", nested.concat()),
    ] {
        let started = std::time::Instant::now();
        let message = refusal(name, content);
        assert!(message.starts_with("`k0` is not a field"), "{message}");
        let took = started.elapsed();
        assert!(took.as_secs() < 10, "{name} took {took:?}");
    }
    let twice = refusal("twice.json", format!("{{{},\"k7\":1}}", json.join(",")));
    assert!(twice.contains("the key `k7` stands twice"), "{twice}");
}

#[test]
fn values_that_leave_double_precision_are_not_taken_for_zero() {
    let with = |field: &str| {
        format!(
            "depth = 2\nteacher = [[1, 0], [0, 1]]\n{field}\n{}",
            if field.starts_with("noise") {
                "input_covariance = [[1, 0], [0, 1]]"
            } else {
                "noise_covariance = [[1, 0], [0, 1]]"
            }
        )
    };
    for (field, needle) in [
        (
            "noise_standard_deviations = [1, 1e-200]",
            "`noise_standard_deviations[1]` is 1e-200: a standard deviation whose square",
        ),
        (
            "noise_standard_deviations = [1, -0.5]",
            "`noise_standard_deviations[1]` is -0.5: a standard deviation, which is not negative,",
        ),
        (
            "noise_standard_deviations = [1e200, 1]",
            "`noise_standard_deviations[0]` is 1e200: a standard deviation whose square",
        ),
        (
            "input_covariance = { kind = \"power-law\", dimension = 2, exponent = 2000 }",
            "neither vanish nor overflow",
        ),
        (
            "input_covariance = { kind = \"diagonal\", values = [1, 1e-200], scale = 1e-200 }",
            "neither vanish nor overflow",
        ),
    ] {
        let message = refusal("range.toml", with(field));
        assert!(message.contains(needle), "{message}");
    }
    let zeros = "input_covariance = { kind = \"diagonal\", values = [1, 0], scale = 4 }";
    let file = read("zeros.toml", with(zeros)).unwrap();
    assert_eq!(file.problem.input_covariance()[(0, 0)], 4.0);
    assert_eq!(file.problem.input_covariance()[(1, 1)], 0.0);
    let spike = "input_covariance = { kind = \"spiked\", dimension = 2, spikes = 1, height = 0 }";
    assert!(read("spike.toml", with(spike)).is_ok());
}

/// Whatever the number of keys, each is looked at once: were it compared with those before it, this would take minutes.
#[test]
fn three_hundred_thousand_keys_are_read_in_time() {
    const KEYS: usize = 300_000;
    let lines = |separator: &str, line: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..KEYS).map(line).collect();
        all.join(separator)
    };
    let flat = lines("\n", &|i| format!("key{i} = {i}"));
    let tables = lines("\n", &|i| format!("[limit.a{i}]\nb = {i}"));
    let json = format!("{{{}}}", lines(",", &|i| format!("\"key{i}\":{i}")));
    let long = format!("{} = 1", "k".repeat(10 * KEYS));
    for (name, text, words) in [
        ("flat.toml", flat, "`key0` is not a field"),
        ("tables.toml", tables, "`depth` is missing"),
        ("flat.json", json, "`key0` is not a field"),
        ("long.toml", long, "kkkk…` is not a field"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let begun = std::time::Instant::now();
        let error = read_problem(&path).unwrap_err().to_string();
        assert!(
            error.contains(words),
            "{}",
            error.chars().take(300).collect::<String>()
        );
        assert!(error.len() < 2000, "{} bytes", error.len());
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(30),
            "{name}"
        );
    }
}
