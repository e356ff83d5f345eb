//! A table's noise, from the outside: the contract that scripts rely on.

use std::fmt::Write as _;

use serde_json::Value;
use thalweg::random::{Purpose, Stream};

use crate::harness::{file, run, run_with_input};

/// 600 rows of y = V x + ε with Σε = diag(1, 0.09), Σx = diag(4, 1, 0.25).
fn table() -> String {
    let mut stream = Stream::new(11, Purpose::DataSet);
    let mut text = "a,b,c,y,z\n".to_owned();
    for _ in 0..600 {
        let x = [2.0, 1.0, 0.5].map(|s| s * stream.normal());
        let y = x[0] - 0.3 * x[2] + stream.normal();
        let z = 0.2 * x[0] - x[2] + 0.3 * stream.normal();
        let _ = writeln!(text, "{},{},{},{y},{z}", x[0], x[1], x[2]);
    }
    text
}

#[test]
fn json_has_what_scripts_rely_on() {
    let (_directory, path) = file("table.csv", table().as_bytes());
    let path = path.to_str().unwrap();
    let found = run(&["diagnose", path, "--targets", "y,z", "--json"]).json();
    let number = |of: &Value| of.as_f64().unwrap();
    let noise = &found["noise_covariance"];
    assert!((number(&noise[0][0]) - 1.0).abs() < 0.2, "{noise}");
    assert!((number(&noise[1][1]) - 0.09).abs() < 0.02, "{noise}");
    // What `predict` says of the true problem lies in the intervals.
    let problem = r#"{"depth":2,"input_covariance":[[4,0,0],[0,1,0],[0,0,0.25]],
        "teacher":[[1,0,-0.3],[0.2,0,-1]],"noise_covariance":[[1,0],[0,0.09]]}"#;
    let truth = run_with_input(&["predict", "-", "--json"], problem.as_bytes()).json();
    for (key, truth) in [
        ("sharpness", number(&truth["sharpness"])),
        ("min_sharpness", number(&truth["min_sharpness"])),
        ("noise_condition_number", 1.0 / 0.09),
    ] {
        let of = &found[key];
        let (low, high) = (number(&of["interval"][0]), number(&of["interval"][1]));
        assert!(low < truth && truth < high, "{key}: {of} and {truth}");
        assert!(
            low < number(&of["value"]) && number(&of["value"]) < high,
            "{key}: {of}"
        );
    }
    assert!(number(&found["isotropy"]["p_value"]) < 0.01);
    assert!(number(&found["heteroscedasticity"]["p_value"]) > 0.01);
    // The same seed, the same numbers.
    assert_eq!(
        found,
        run(&["diagnose", path, "--targets", "y,z", "--json"]).json()
    );
}

#[test]
fn the_page_says_what_was_found_and_what_would_change_it() {
    let asked = [
        "diagnose",
        "-",
        "--targets",
        "y,z",
        "--learning-rate",
        "0.01",
        "--batch",
        "10",
    ];
    let page = run_with_input(&asked, table().as_bytes());
    assert_eq!(page.status, Some(0), "{}", page.stderr);
    for words in [
        "It is louder in some directions of the outputs",
        "is not seen",
        "weight decay 1e-4",
        "95 % interval",
        "steps to get there",
    ] {
        assert!(page.stdout.contains(words), "{words}: {}", page.stdout);
    }
    // λ_max is some 8, so that η = 1 is beyond the edge of stability.
    let coarse = [&asked[..5], &["1", "--batch", "10"]].concat();
    let page = run_with_input(&coarse, table().as_bytes());
    assert_eq!(page.status, Some(0), "{}", page.stderr);
    assert!(
        page.stdout.contains("beyond the edge of stability")
            && !page.stdout.contains("steps to get there"),
        "{}",
        page.stdout
    );
    let text = run(&["diagnose", "alice", "--targets", "y"]);
    assert!(
        text.status == Some(2) && text.stderr.contains("alice: is a text and has no columns"),
        "{}",
        text.stderr
    );
    for (targets, words) in [
        ("q", "no column `q`; its columns are a, b, c, y, z"),
        ("a,b,c,y,z", "no column of numbers is left for the inputs"),
    ] {
        let refused = run_with_input(&["diagnose", "-", "--targets", targets], table().as_bytes());
        assert!(
            refused.status == Some(2) && refused.stderr.contains(words),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_column_with_a_comma_in_its_name_stands_in_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let table = table().replacen("c,y,z", "\"width, m\",\"size, m²\",z", 1);
    let [targets, without] = ["z,\"size, m²\"", "\"width, m\""];
    let asked = [
        "diagnose",
        "-",
        "--targets",
        targets,
        "--without",
        without,
        "--json",
        "--html",
    ];
    let asked = [&asked[..], &[page.to_str().unwrap()]].concat();
    let found = run_with_input(&asked, table.as_bytes()).json();
    assert_eq!(
        found["outputs"][1]["name"], "size, m²",
        "{}",
        found["outputs"]
    );
    let page = std::fs::read_to_string(page).unwrap();
    let command = "thalweg diagnose - --targets &#39;z,&quot;size, m²&quot;&#39; --without";
    assert!(page.contains(command), "{page}");
}

#[test]
fn a_batch_is_at_most_the_rows_that_are_simulated() {
    let step = ["--learning-rate", "0.01", "--batch", "601"];
    let asked = [
        &["diagnose", "-", "--targets", "y,z", "--simulate"],
        &step[..],
    ]
    .concat();
    let refused = run_with_input(&asked, table().as_bytes());
    let words = "the batch is 601, and SGD is run on 600 rows here: give a batch of at most 600";
    assert!(
        refused.status == Some(2) && refused.stderr.contains(words),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_training_says_what_its_network_leaves_and_a_simulation_where_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let [trained, simulated] =
        ["trained", "simulated"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let file = r#"{"learning_rate": 0.05, "batch": 10, "steps": 200, "seeds": 1, "loss": "cross-entropy", "measure": {"samples": 60, "count": 2},
        "network": {"kind": "mlp", "inputs": 2, "hidden": [3], "outputs": 3, "activation": "tanh"},
        "data": {"kind": "teacher", "teacher": {"hidden": [3], "seed": 3}}}"#;
    let made = run_with_input(&["train", "-", "--out", &trained], file.as_bytes());
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    let found = run(&["diagnose", &trained, "--json"]).json();
    let said = found["left_out"][0].as_str().unwrap();
    assert!(
        said.contains("the network of seed 0 leaves of 4096 samples"),
        "{said}"
    );
    // Classes of which each sample has some: no row is of one class alone.
    assert_eq!(found["classes"], Value::from(true));
    assert_eq!(found["outputs"][0]["own_rows"], Value::Null);
    let words = format!(
        "simulate --depth 2 --noise 1,1 --learning-rate 0.01 --batch 10 --steps 20 --seeds 1 --out {simulated}"
    );
    assert_eq!(run(&words.split(' ').collect::<Vec<_>>()).status, Some(0));
    let refused = run(&["diagnose", &simulated]);
    assert_eq!(refused.status, Some(2));
    assert!(
        refused.stderr.contains("thalweg predict"),
        "{}",
        refused.stderr
    );
}

/// The data as a problem: what `predict` says of the file is what the diagnosis says.
#[test]
fn the_data_are_written_as_a_problem() {
    let (directory, path) = file("table.csv", table().as_bytes());
    let problem = directory.path().join("problem.toml");
    let problem = problem.to_str().unwrap();
    let asked = [
        "diagnose",
        path.to_str().unwrap(),
        "--targets",
        "y,z",
        "--depth",
        "3",
        "--json",
    ];
    let found = run(&[&asked[..], &["--problem", problem]].concat()).json();
    let predicted = run(&["predict", problem, "--json"]).json();
    for key in ["min_sharpness", "fluctuation"] {
        let value = match &found[key]["value"] {
            Value::Null => &found[key],
            value => value,
        };
        let (here, there) = (value.as_f64().unwrap(), predicted[key].as_f64().unwrap());
        assert!((here / there - 1.0).abs() < 1e-9, "{key}: {here} {there}");
    }
}

/// Neither the table is written over nor the answer lost where its page cannot be written.
#[test]
fn a_page_costs_neither_data_nor_answer() {
    let (directory, path) = file("table.csv", table().as_bytes());
    let path = path.to_str().unwrap();
    let over = run(&["diagnose", path, "--targets", "y,z", "--html", path]);
    assert!(
        over.status == Some(2) && over.stderr.contains("would be written over"),
        "{}",
        over.stderr
    );
    assert_eq!(std::fs::read_to_string(path).unwrap(), table());
    let nowhere = directory.path().join("nowhere/page.html");
    let lost = run(&[
        "diagnose",
        path,
        "--targets",
        "y,z",
        "--html",
        nowhere.to_str().unwrap(),
    ]);
    assert!(
        lost.status != Some(0) && lost.stderr.contains("nowhere"),
        "{}",
        lost.stderr
    );
    assert!(
        lost.stdout.contains("noise condition number"),
        "{}",
        lost.stdout
    );
}
