//! What is added to plain SGD, and what is designed, from the outside.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{begun, collected, file, run, send};

const SMALL: [&str; 5] = ["--depth", "2", "--noise", "1,0.2", "--json"];
const STEP: [&str; 4] = ["--learning-rate", "0.005", "--batch", "10"];

fn predict(more: &[&str]) -> Value {
    run(&[&["predict"][..], &SMALL, &STEP, more].concat()).json()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn each_addition_does_what_it_is_documented_to_do() {
    let plain = predict(&[]);
    let (sharpness, relaxation) = (
        number(&plain, "sharpness"),
        number(&plain["run"], "relaxation_steps"),
    );
    // A clock: the same end, sooner.
    for (more, faster) in [
        (&["--momentum", "0.5"][..], 4.0),
        (&["--sam", "0.005"], 3.0),
        // η₁ = 2η: four times, and 1 + 2ρ/η₁ = 2.
        (&["--sam", "0.005", "--momentum", "0.5"], 8.0),
        (&["--sam", "0.005", "--sam-independent"], 1.0),
    ] {
        let found = predict(more);
        assert!(
            (number(&found, "sharpness") / sharpness - 1.0).abs() < 1e-12,
            "{more:?}"
        );
        let found = number(&found["run"], "relaxation_steps");
        assert!(
            (relaxation / found / faster - 1.0).abs() < 1e-9,
            "{more:?} {found}"
        );
    }
    // Another problem, which by hand is this one.
    let added = predict(&["--added-noise", "0,0.9797958971132712"]);
    assert!((number(&added, "sharpness") - 8.0).abs() < 1e-9);
    let input = predict(&["--input-noise", "0.5"]);
    // Σx′ = 1.25 I, V′ = 0.8 I, Σε′ = diag(1, .04) + 0.2 I.
    let same = run(&[
        "predict",
        "--depth",
        "2",
        "--inputs",
        "1.118033988749895",
        "--teacher",
        "0.8,0.8",
        "--noise",
        "1.0954451150103321,0.4898979485566356",
        "--json",
    ])
    .json();
    for key in ["sharpness", "fluctuation", "lambda_max", "min_sharpness"] {
        assert!(
            (number(&input, key) / number(&same, key) - 1.0).abs() < 1e-9,
            "{key}"
        );
    }
    let smoothed = predict(&["--label-smoothing", "0.1"]);
    assert!((number(&smoothed, "sharpness") / sharpness - 0.9).abs() < 1e-9);
    // Forces of their own.
    let decayed = predict(&["--weight-decay", "1e-4"]);
    assert!(number(&decayed, "sharpness") < 9.0);
    // The stability is that of the end which is predicted, not of Theorem 1's, and decay adds to each curvature.
    let rate = decayed["run"]["learning_rate"].as_f64().unwrap();
    let stability = decayed["run"]["stability_number"].as_f64().unwrap();
    let curvature = number(&decayed, "lambda_max") + 1e-4;
    assert!((stability / (rate * curvature / 2.0) - 1.0).abs() < 1e-12);
    let validity = decayed["run"]["validity"]["stability_number"].as_f64();
    assert_eq!(validity, Some(stability));
    assert!(decayed["run"]["unweighted_fluctuation"].is_null());
    let heavy = &predict(&["--momentum", "0.5"])["run"];
    assert_eq!(heavy["learning_rate"], decayed["run"]["learning_rate"]);
    assert_eq!(number(heavy, "effective_learning_rate"), 2.0 * rate);
    // Decay hastens it.
    let steps = |answer: &Value| number(&answer["run"], "relaxation_steps");
    let alone = predict(&[]);
    assert!(steps(&decayed) < 0.9 * steps(&alone));
    // SAM on the same minibatch is a faster clock: 1 + 2ρ/η of it.
    let sharper = steps(&predict(&["--sam", "0.005"]));
    assert!((steps(&alone) / sharper / (1.0 + 2.0 * 0.005 / rate) - 1.0).abs() < 1e-9);
    let normalised = predict(&["--sam", "0.005", "--sam-normalised"]);
    assert!(number(&normalised, "sharpness") < sharpness);
    // Constant along the diagonal minima: the end is unchanged.
    let dropped = predict(&["--hidden-dropout", "0.001"]);
    assert!((number(&dropped, "sharpness") / sharpness - 1.0).abs() < 1e-3);
    for answer in [&normalised, &dropped, &added] {
        assert!(!answer["recipe"].as_array().unwrap().is_empty());
    }
}

/// The clock of momentum has its own symbol, and a relaxation time that is missing a reason.
#[test]
fn pages_say_what_is_another_under_momentum_and_dropout() {
    let page = |command: &str, more: &[&str]| {
        let found = run(&[&[command][..], &SMALL[..4], &STEP, more].concat());
        assert_eq!(found.status, Some(0), "{}", found.stderr);
        found
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let path = page("flow", &["--steps", "1000", "--momentum", "0.5"]);
    assert!(path.contains("u = η₁²t/B") && path.contains("η₁ = η/(1 − β)"));
    assert!(page("flow", &["--steps", "1000"]).contains("u = η²t/B"));
    let missing = "No relaxation time is given: it is not known under dropout of hidden";
    assert!(page("predict", &["--hidden-dropout", "0.01"]).contains(missing));
    assert!(!page("predict", &["--momentum", "0.5"]).contains("No relaxation time"));
}

/// By how much T is said to differ is in the JSON, and decides the verdict; E‖g‖ is a mean over minibatches, and known to three digits.
#[test]
fn what_additions_leave_out_is_said() {
    let verdict = |more: &[&str]| predict(more)["run"]["validity"].clone();
    let small = verdict(&["--weight-decay", "1e-3"]);
    assert_eq!(small["in_range"], true, "{small}");
    let part = |validity: &Value, of: &str| {
        let parts = validity["left_out"].as_array().unwrap().iter();
        let mut parts = parts.filter(|part| part["of"] == of);
        parts.next().unwrap()["relative_change"].as_f64().unwrap()
    };
    let change = |validity: &Value| part(validity, "weight_decay");
    // Noise is not isotropic here, and the step has its share.
    assert!((-0.01..-1e-4).contains(&part(&verdict(&[]), "learning_rate")));
    assert!((change(&small) / -1e-3 - 1.0).abs() < 0.05, "{small}");
    let large = verdict(&["--weight-decay", "0.1"]);
    assert_eq!(large["in_range"], false);
    assert!((change(&large) / -0.1 - 1.0).abs() < 0.05, "{large}");
    let words = large["warning"].as_str().unwrap();
    assert!(
        words.starts_with("T of SGD may differ by about 10 %"),
        "{words}"
    );
    let flow = run(&[
        &["flow", "--steps", "1e6", "--weight-decay", "0.1"][..],
        &SMALL,
        &STEP,
    ]
    .concat())
    .json();
    assert!(
        (change(&flow["validity"]) / -0.1 - 1.0).abs() < 0.1,
        "{flow}"
    );

    let drawn = predict(&["--sam", "0.002", "--sam-normalised"]);
    assert_eq!(
        (&drawn["known_digits"], number(&drawn, "uncertainty")),
        (&3.into(), 3e-3)
    );
    assert_eq!(predict(&["--sam", "0.002"])["known_digits"], 10);
}

/// Where nothing is to be learnt each force has its end, T = 0, and its true sentence.
#[test]
fn forces_have_an_end_where_nothing_is_to_be_learnt() {
    let nothing = ["--depth", "3", "--noise", "1,0.3", "--teacher", "0,0"];
    for force in [
        &["--weight-decay", "1e-3"][..],
        &["--sam", "0.01", "--sam-normalised"],
        &["--hidden-dropout", "0.02"],
    ] {
        let page = run(&[&["predict"][..], &nothing, &STEP, force].concat());
        assert_eq!(page.status, Some(0), "{force:?}: {}", page.stderr);
        assert!(!page.stdout.contains("not where F is") && !page.stdout.contains("NaN"));
        let found = run(&[&["predict"][..], &nothing, &STEP, force, &["--json"]].concat()).json();
        assert_eq!(
            [number(&found, "sharpness"), number(&found, "fluctuation")],
            [0.0; 2]
        );
    }
}

/// Turned noise, decay and dropout together drive T up and down without end, as `flow --drift exact` from any start shows.
#[test]
fn a_flow_that_goes_round_says_between_what() {
    let turned = [
        "predict",
        "--depth",
        "3",
        "--noise",
        "1,.3,.5",
        "--inputs",
        "1,2,.5",
        "--teacher",
        "2,1,.5",
        "--basis-seed",
        "3",
        "--weight-decay",
        "1e-3",
        "--hidden-dropout",
        ".02",
    ];
    let refused = run(&[&turned[..], &STEP].concat());
    assert_ne!(refused.status, Some(0));
    let said = refused
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.contains("T went up and down again and again between 67.5")
            && said.contains(" and 68.1"),
        "{said}"
    );
}

/// Momentum takes the same path along the minima alone: the way down is printed beside it, and is another.
#[test]
fn momentum_takes_the_same_path_along_the_minima_alone() {
    let page = run(&[&["predict"][..], &SMALL[..4], &STEP, &["--momentum", "0.9"]].concat());
    let words = page.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("Along the minima momentum acts as a learning rate of η₁")
            && words.contains("The way down to them is heavy ball's own"),
        "{words}"
    );
}

/// Noise that depends on x, or a switch to gradient descent, is not the theory's, whatever η: no answer is called right, and each says why.
#[test]
fn runs_that_the_theory_is_not_of_are_believed_by_no_command() {
    let file_with = |field: &str| {
        let text = format!(
            r#"{{"depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
            "noise_covariance": [[1, 0], [0, 0.04]], "learning_rate": 1e-4, "batch": 10, "steps": 10000,
            "start_weights": [[[1, 0], [0, 1]], [[1, 0], [0, 1]]], {field}}}"#
        );
        file("uneven.json", text.as_bytes())
    };
    let commands: [&[&str]; 4] = [
        &["predict"],
        &["flow"],
        &["flow", "--drift", "finite"],
        &["design", "--sharpness", "9", "--seconds", "0"],
    ];
    for (field, what) in [
        (
            r#""data": {"heteroscedasticity": 0.9}"#,
            "noise that depends on x",
        ),
        (
            r#""switch": {"at_step": 100, "samples": 50}"#,
            "a switch to gradient descent",
        ),
    ] {
        let (_folder, path) = file_with(field);
        let path = path.to_str().unwrap();
        // A design is of SGD that goes on: it has no last step, and leaves a switch out.
        let asked = if what.starts_with('a') { 3 } else { 4 };
        for command in &commands[..asked] {
            let json = run(&[&command[..1], &[path, "--json"], &command[1..]].concat()).json();
            let warning = [
                &json["validity"]["warning"],
                &json["run"]["validity"]["warning"],
                &json["before"]["predicted"]["warning"],
            ];
            let said = warning.iter().find_map(|warning| warning.as_str()).unwrap();
            assert!(
                said.contains(&format!("The theory is not of SGD with {what}")),
                "{command:?} {said}"
            );
        }
    }
    // A switch after the last step, of the file or of the command line, is none.
    let (_folder, path) = file_with(r#""switch": {"at_step": 20000, "samples": 50}"#);
    let path = path.to_str().unwrap();
    for (steps, switches) in [(None, false), (Some("20000"), false), (Some("20001"), true)] {
        for drift in ["symmetric", "finite"] {
            let mut asked = vec!["flow", path, "--drift", drift];
            asked.extend(steps.map(|steps| ["--steps", steps]).iter().flatten());
            let page = run(&asked).stdout;
            assert_eq!(page.contains("switch"), switches, "{asked:?} {page}");
        }
    }
}

/// A set of samples has minima of its own: a design says so too.
#[test]
fn a_design_on_a_set_says_that_it_has_minima_of_its_own() {
    let text = r#"{"depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
        "noise_covariance": [[1, 0], [0, 0.04]], "learning_rate": 1e-3, "batch": 10, 
        "data": {"source": {"kind": "finite", "samples": 400, "replacement": true}}}"#;
    let (_folder, path) = file("set.json", text.as_bytes());
    let design = ["design", path.to_str().unwrap()];
    let target = ["--sharpness", "9", "--seconds", "0", "--json"];
    let json = run(&[&design[..], &target].concat()).json();
    let warning = json["before"]["predicted"]["warning"].as_str().unwrap();
    assert!(warning.contains("a set of N samples"), "{warning}");
}

/// One layer under decay is ridge regression: T stays, F is said, and decay counts for the edge of stability.
#[test]
fn one_layer_under_decay_is_ridge_regression() {
    let one = ["predict", "--depth", "1", "--noise", "1,0.2"];
    let at = |decay| run(&[&one[..], &STEP, &["--weight-decay", decay]].concat());
    let words = |page: &str| page.split_whitespace().collect::<Vec<_>>().join(" ");
    // Σx = V = I, λ = 1: W = I/2, and F = 1.04·2 + 2/4·2 + 2·2/4 = 4.08.
    let page = words(&at("1").stdout);
    assert!(
        page.contains("ridge regression")
            && page.contains("`predict` has F at this minimum")
            && page.contains("In the range"),
        "{page}"
    );
    let json = run(&[&one[..], &STEP, &["--weight-decay", "1", "--json"]].concat()).json();
    for fluctuation in [&json["fluctuation"], &json["layers"][0]["fluctuation"]] {
        assert!(
            (fluctuation.as_f64().unwrap() - 4.08).abs() < 1e-12,
            "{fluctuation}"
        );
    }
    let page = words(&at("1e300").stdout);
    assert!(
        page.contains("η (λ_max + λ)/2 reaches 2.5e297") && page.contains("beyond the edge"),
        "{page}"
    );
}

/// No number of a hundred digits is printed, and none where the theory is not.
#[test]
fn sam_beyond_the_edge_has_no_size() {
    for radius in ["100", "1e300"] {
        let page = run(&[&["predict"][..], &SMALL[..4], &STEP, &["--sam", radius]].concat());
        assert_eq!(page.status, Some(0), "{}", page.stderr);
        assert!(!page.stdout.contains("000000000"), "{}", page.stdout);
        let validity = predict(&["--sam", radius])["run"]["validity"].clone();
        let part = &validity["left_out"][0];
        assert!(part["of"] == "sam" && part["relative_change"].is_null());
        let said = validity["warning"].as_str().unwrap();
        assert!(
            said.contains("SAM takes SGD beyond the edge of stability"),
            "{said}"
        );
    }
}

/// Each seed draws a set of its own, with a minimum of its own: T scatters from set to set as it does not on fresh samples.
#[test]
fn sgd_is_run_on_the_data_of_the_file() {
    let at = |data: &str| {
        let text = format!(
            "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1.5, 0], [0, 0.5]]\n\
             noise_covariance = [[0.28, -0.41569], [-0.41569, 0.76]]\nbatch = 10\n{data}"
        );
        let (_folder, path) = file("problem.toml", text.as_bytes());
        let path = path.to_str().unwrap();
        let predict = ["predict", path, "--simulate", "--seconds", "1", "--json"];
        let design = ["design", path, "--ratio", "1.2", "--seconds", "0", "--json"];
        (run(&predict).json(), run(&design).json())
    };
    let scatter = |answer: &Value| answer["simulated"]["sharpness"]["standard_error"].as_f64();
    let (fresh, _) = at("learning_rate = 0.02");
    let of_20 = "data = { source = { kind = \"finite\", samples = 20 } }";
    let (set, design) = at(&format!("learning_rate = 0.02\n{of_20}"));
    assert!(scatter(&set).unwrap() > 5.0 * scatter(&fresh).unwrap());
    let said = |answer: &Value, list: &str, words: &str| answer[list].to_string().contains(words);
    assert!(
        said(&set, "recipe", "a set of 20 samples, reshuffled"),
        "{set}"
    );
    assert!(
        said(&design, "recipe", "a set of 20 samples, reshuffled"),
        "{design}"
    );
    assert!(fresh["recipe"].as_array().unwrap().is_empty());
    // Its axes do not count where an epoch of two steps is short, and that it is small does.
    let misalignment = |answer: &Value| answer["run"]["validity"]["misalignment"].as_f64();
    assert!(misalignment(&set).unwrap() > 0.4);
    let (short, _) = at(&format!("learning_rate = 0.002\n{of_20}"));
    assert_eq!(misalignment(&short), Some(0.0));
    assert_eq!(short["run"]["validity"]["in_range"], false);
    assert!(fresh["run"]["validity"]["misalignment"].as_f64().unwrap() > 0.4);
    // With replacement a set may be smaller than a minibatch.
    let (few, _) = at(
        "learning_rate = 0.02\ndata = { source = { kind = \"finite\", samples = 5, replacement = true } }",
    );
    assert!(scatter(&few).is_some(), "{few}");
    assert!(few["run"]["validity"]["misalignment"].as_f64().unwrap() > 0.4);
}

/// Numbers overflow on the way, and that is the step size's doing, not the integrator's.
#[test]
fn a_finite_step_that_is_too_large_has_no_stationary_law() {
    let found = run(&[
        "flow",
        "--depth",
        "3",
        "--noise",
        "10,0.1",
        "--learning-rate",
        "0.02",
        "--batch",
        "10",
        "--steps",
        "1e6",
        "--drift",
        "finite",
    ]);
    assert_eq!(found.status, Some(2));
    assert!(
        found.stderr.contains("no stationary law"),
        "{}",
        found.stderr
    );
}

#[test]
fn one_layer_relaxes_in_no_time() {
    let found = run(&[
        &[
            "predict",
            "--depth",
            "1",
            "--noise",
            "1,0.2",
            "--simulate",
            "--seconds",
            "1",
        ][..],
        &STEP,
    ]
    .concat());
    assert!(
        found.stdout.contains("steps each from the theory"),
        "{}",
        found.stdout
    );
}

#[test]
fn nonsense_is_refused_with_the_field_and_the_way_out() {
    let small = &SMALL[..4];
    for (more, words) in [
        (
            &["--momentum", "1"][..],
            "momentum is 1; it must be at least 0 (plain SGD) and below 1",
        ),
        (&["--weight-decay", "-1"], "weight_decay is -1"),
        (&["--sam", "0"], "sam.radius is 0"),
        (&["--hidden-dropout", "1"], "hidden_dropout is 1"),
        (
            &["--added-noise", "1,2,3"],
            "--added-noise lists 3 values where the dimension is 2",
        ),
        (&["--sam-normalised"], "--sam <ρ>"),
        (&["--added-noise", "-1,1"], "-1 is negative"),
        (&["--label-weights", "nan,1"], "label_weights is NaN"),
        (
            &["--label-weights", "1e300"],
            "--label-weights is 1e300, and the problem has d_y = 2: write a number other than 0 for each output",
        ),
        (&["--label-weights", "0,1"], "singular values from 0 to 1:"),
        (
            &[
                "--weight-decay",
                "1e300",
                "--learning-rate",
                "0.005",
                "--batch",
                "10",
            ],
            "weight_decay is 1e300, and beyond 1 loss and decay leave no minimum but the network at 0",
        ),
        (
            &["--weight-decay", "1e-4"],
            "`learning_rate` and `batch` are needed",
        ),
    ] {
        let found = run(&[&["predict"][..], small, more].concat());
        assert_eq!(found.status, Some(2), "{more:?}");
        assert!(found.stderr.contains(words), "{more:?}: {}", found.stderr);
    }
    let by_generators = [
        &["flow"][..],
        small,
        &STEP,
        &["--steps", "1000", "--hidden-dropout", "0.1"],
    ]
    .concat();
    let found = run(&by_generators);
    assert!(
        found.status == Some(2) && found.stderr.contains("--drift exact"),
        "{}",
        found.stderr
    );
}

/// The first line of a refusal can be read, however large the target.
#[test]
fn a_target_of_300_digits_is_named_by_its_exponent() {
    let target = ["--seconds", "0", "--sharpness", "1e300"];
    let found = run(&[&["design"][..], &SMALL[..4], &STEP, &target].concat());
    assert_eq!(found.status, Some(2));
    assert!(
        found.stderr.contains("no lever takes T to 1e300: ")
            && found
                .stderr
                .contains("inputs whitened: T stays at 11.981524 here"),
        "{}",
        found.stderr
    );
}

/// A table with dashes in place of SGD's numbers does not say why: the text does, also of what nothing is changed in.
#[test]
fn a_design_says_how_many_runs_diverged_and_by_when() {
    let cases: [(&[&str], _, _); 2] = [
        (
            &["--dimension", "20", "--noise", "0.01", "--stable"],
            ["0.1", "1"],
            "already. ",
        ),
        (
            &[
                "--noise",
                "1,0.2",
                "--sharpness",
                "9",
                "--by",
                "added_noise",
            ],
            ["1", "10"],
            "Before any change: 16 runs of ",
        ),
    ];
    for (problem, step, words) in cases {
        let [rate, batch] = step;
        let step = ["--learning-rate", rate, "--batch", batch, "--seconds", "5"];
        let asked = [&["design", "--depth", "2"][..], problem, &step].concat();
        let found = run(&[&asked[..], &["--json"]].concat()).json();
        let simulated = &found["before"]["simulated"];
        let [diverged, by] = ["diverged", "diverged_by"].map(|key| &simulated[key]);
        let page = run(&asked).stdout;
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = format!(" {diverged} of them diverged by step {by}.");
        assert!(
            *diverged == 16 && page.contains(&said) && page.contains(words),
            "{said} {page}"
        );
    }
}

#[test]
fn a_target_is_met_and_simulated_and_an_impossible_one_says_what_is_possible() {
    let design = |more: &[&str]| {
        run(&[
            &[
                "design",
                "--depth",
                "2",
                "--noise",
                "1,0.2",
                "--seconds",
                "0.2",
            ][..],
            &STEP,
            more,
        ]
        .concat())
    };
    let found = design(&["--sharpness", "9", "--json"]).json();
    let designs = found["designs"].as_array().unwrap();
    let levers: Vec<_> = designs
        .iter()
        .map(|design| design["lever"].as_str().unwrap())
        .collect();
    assert!(
        levers.starts_with(&["added_noise", "weight_decay"]),
        "{levers:?}"
    );
    for design in designs {
        assert!((number(&design["predicted"], "sharpness") / 9.0 - 1.0).abs() < 1e-6);
        let simulated = number(&design["simulated"]["sharpness"], "mean");
        assert!((simulated / 9.0 - 1.0).abs() < 0.05, "{simulated}");
        assert!(number(&design["predicted"], "relaxation_steps") > 0.0);
    }
    assert!(found["no_answer"]["whitening"].is_string());
    let refused = design(&["--sharpness", "1", "--by", "weight_decay"]);
    assert!(
        refused.status == Some(2) && refused.stderr.contains("weight decay: T goes from 8.0"),
        "{}",
        refused.stderr
    );
    // As flat as it gets needs more decay than the theory is right about: SGD at λ = 289 would diverge at once.
    let flattest = design(&["--ratio", "1", "--json"]).json();
    let levers = flattest["designs"].as_array().unwrap().iter();
    let levers: Vec<_> = levers.map(|d| d["lever"].as_str().unwrap()).collect();
    assert_eq!(levers, ["added_noise", "label_weights"]);
    let words = flattest["no_answer"]["weight_decay"].as_str().unwrap();
    assert!(words.contains("with λ of at most 0.010002"), "{words}");
    // Labels that are whitened already, in part taken back.
    let whitened = [
        "--label-weights",
        "whiten",
        "--sharpness",
        "20",
        "--by",
        "label_weights",
        "--json",
    ];
    let found = design(&whitened).json();
    assert!((number(&found["designs"][0]["predicted"], "sharpness") - 20.0).abs() < 1e-6);
    let simulated = number(&found["designs"][0]["simulated"]["sharpness"], "mean");
    assert!((simulated / 20.0 - 1.0).abs() < 0.05, "{simulated}");
}

#[test]
fn what_is_stable_is_left_alone_and_what_is_not_goes_below_the_edge() {
    let design = |rate: &str, more: &[&str]| {
        let given = [
            "--depth",
            "3",
            "--noise",
            "1,0.1",
            "--batch",
            "100",
            "--seconds",
            "0",
        ];
        let stable = ["--stable", "--learning-rate", rate];
        run(&[&["design"][..], &given, &stable, more].concat())
    };
    // λ_max = 19.68 is below 2/0.09, and above 2/0.125.
    let already = design("0.09", &["--json"]).json();
    assert_eq!(already["met_already"], true);
    assert_eq!(already["target"]["or_below"], true);
    assert!(already["designs"].as_array().unwrap().is_empty());
    let page = design("0.09", &[]);
    assert!(
        page.status == Some(0)
            && page.stdout.contains(
                "For this nothing has to be changed: the stability number is 0.885573 already"
            ),
        "{}",
        page.stdout
    );
    let found = design("0.125", &["--json"]).json();
    assert_eq!(found["met_already"], false);
    let designs = found["designs"].as_array().unwrap();
    assert_eq!(designs.len(), 3);
    for design in designs {
        let largest = number(&design["predicted"], "lambda_max");
        assert!((largest / 15.984 - 1.0).abs() < 1e-6, "{largest}");
    }
}

#[test]
fn sgd_itself_is_run_at_the_users_step() {
    let found = predict(&["--simulate", "--seconds", "0.5"]);
    let simulated = number(&found["simulated"]["sharpness"], "mean");
    assert!(
        (simulated / number(&found, "sharpness") - 1.0).abs() < 0.05,
        "{simulated}"
    );
    assert!(number(&found["simulated"]["sharpness"], "standard_error") > 0.0);
    let wrong = run(&[&["predict"][..], &SMALL, &["--simulate"]].concat());
    assert!(wrong.status == Some(2) && wrong.stderr.contains("--learning-rate and --batch"));
}

/// What a run measured and how it ended. (Checkpoints also count what was saved before them.)
fn kept(run: &Path) -> [Vec<u8>; 2] {
    ["measurements.parquet", "outcomes.toml"].map(|name| std::fs::read(run.join(name)).unwrap())
}

/// With each addition: killed twice where it cannot tidy up and gone on with, a run has the bytes of one that was left alone.
#[cfg(unix)]
#[test]
fn killed_runs_go_on_to_the_same_bytes_with_each_addition() {
    let folder = tempfile::tempdir().unwrap();
    let additions: [&[&str]; 12] = [
        &["--momentum", "0.5"],
        &["--weight-decay", "1e-4"],
        &["--sam", "0.002"],
        &["--sam", "0.002", "--sam-independent"],
        &["--sam", "0.002", "--sam-normalised"],
        &["--added-noise", "0.1,0.3"],
        &["--input-noise", "0.1,0.2"],
        &["--input-dropout", "0.1"],
        &["--hidden-dropout", "0.1"],
        &["--label-smoothing", "0.1"],
        &["--label-weights", "whiten"],
        &[
            "--momentum",
            "0.5",
            "--sam",
            "0.002",
            "--hidden-dropout",
            "0.1",
            "--added-noise",
            "0.1,0.3",
        ],
    ];
    let mut killed = 0;
    for (at, addition) in additions.into_iter().enumerate() {
        let [whole, stopped] =
            ["whole", "run"].map(|name| folder.path().join(format!("{name}-{at}")));
        let asked = |out: &Path| {
            let out = out.to_str().unwrap();
            let own = [
                "simulate", "--depth", "2", "--noise", "1,0.2", "--seeds", "3", "--steps", "60000",
                "--out", out,
            ];
            [&own[..], &STEP, addition]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let arguments = asked(&whole);
        let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = run(&borrowed);
        assert_eq!(done.status, Some(0), "{addition:?}: {}", done.stderr);
        let arguments = asked(&stopped);
        let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        for pause in [5, 25] {
            let child = begun(&borrowed, &stopped.join("specification.toml"));
            std::thread::sleep(Duration::from_millis(pause));
            send("-KILL", &child);
            killed += usize::from(collected(child).status != Some(0));
        }
        let done = run(&borrowed);
        assert_eq!(done.status, Some(0), "{addition:?}: {}", done.stderr);
        assert!(kept(&stopped) == kept(&whole), "{addition:?}");
    }
    assert!(
        killed >= additions.len() / 2,
        "only {killed} came before the end"
    );
}
