//! A comparison holds what was measured and what is predicted, and a predictor may have no answer.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::json;
use thalweg::faer::Mat;
use thalweg::flow::{self, Steps};
use thalweg::problem::Problem;
use thalweg::simulate::{Ensemble, SimulateSettings, Switch};
use thalweg::theory;

use super::*;
use crate::answer::simulated;
use crate::quantity;
use crate::run;
use crate::spec::{Experiment, read_experiment};
use crate::store::{StoredRun, load};

const SMALL: &str = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
    noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 400\nseeds = [1, 2, 7]\n";

/// A finished run of `text`.
fn finished(directory: &Path, text: &str) -> StoredRun<Experiment> {
    let file = directory.join("experiment.toml");
    std::fs::write(&file, text).unwrap();
    let (experiment, out) = (
        read_experiment::<Experiment>(&file).unwrap(),
        directory.join("run"),
    );
    let stop = AtomicBool::new(false);
    run::run(&experiment, &out, Duration::from_secs(60), &mut (), &stop).unwrap();
    load(&out).unwrap()
}

fn compare(text: &str) -> Comparison {
    let directory = tempfile::tempdir().unwrap();
    let run = finished(directory.path(), text);
    Comparison::of(&run).unwrap()
}

fn predicted<'c>(comparison: &'c Comparison, key: &str) -> &'c Predicted {
    let mut all = comparison.predicted.iter();
    all.find(|predicted| predicted.key == key).unwrap()
}

/// Each number against the part of the program that it is to come from, each quantity in its own place.
#[test]
fn every_number_is_that_of_its_own_quantity_seed_and_step() {
    let directory = tempfile::tempdir().unwrap();
    let run = finished(directory.path(), SMALL);
    let comparison = Comparison::of(&run).unwrap();
    let Experiment {
        problem, settings, ..
    } = &run.experiment;

    let mut ensemble = Ensemble::start(problem, settings, &[1, 2, 7]).unwrap();
    let starts = ensemble.weights();
    ensemble.run_to(400);
    let ends: Vec<_> = ensemble.observe().into_iter().flatten().collect();
    let steps = Steps {
        learning_rate: 0.01,
        batch: 10,
        steps: vec![0, 400],
    };
    let paths: Vec<_> = starts
        .iter()
        .flatten()
        .map(|start| flow::path(problem, start, &steps, &flow::FlowSettings::default()).unwrap())
        .collect();
    let limit = theory::predict(problem).unwrap();
    let expected = [
        (
            "sharpness",
            [0, 1, 2].map(|i| ends[i].sharpness),
            [0, 1, 2].map(|i| paths[i].snapshots[1].sharpness),
            limit.sharpness,
        ),
        (
            "lambda_max",
            [0, 1, 2].map(|i| ends[i].lambda_max.unwrap()),
            [0, 1, 2].map(|i| paths[i].snapshots[1].lambda_max),
            limit.lambda_max,
        ),
        (
            "fluctuation",
            [0, 1, 2].map(|i| ends[i].fluctuation),
            [0, 1, 2].map(|i| paths[i].snapshots[1].fluctuation),
            limit.fluctuation,
        ),
    ];
    let mean = |values: [f64; 3]| values.iter().sum::<f64>() / 3.0;
    let error = |values: [f64; 3]| {
        let centre = mean(values);
        (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 6.0).sqrt()
    };
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} {b}");
    let told = simulated(&comparison, &[]);
    assert_eq!((&told["seeds"], &told["diverged"]), (&json!(3), &json!(0)));
    for (i, (key, sgd, flow, exact)) in expected.into_iter().enumerate() {
        let measured = &comparison.measured[i];
        assert_eq!(measured.quantity.key, key);
        let end = measured.end.unwrap();
        near(end.mean, mean(sgd));
        near(end.standard_error.unwrap(), error(sgd));
        assert_eq!(measured.course.last().unwrap().step, 400);
        near(measured.course.last().unwrap().value.mean, mean(sgd));
        let series = predicted(&comparison, "slow_flow").series(i).unwrap();
        near(series.end, mean(flow));
        assert_eq!(series.course.len(), comparison.steps.len());
        let differences = [0, 1, 2].map(|k| sgd[k] - flow[k]);
        near(series.z.unwrap(), mean(differences) / error(differences));
        let level = predicted(&comparison, "limit").series(i).unwrap();
        assert!(level.is_level() && !series.is_level());
        near(level.end, exact);
        near(level.z.unwrap(), (mean(sgd) - exact) / error(sgd));
        for (name, expected) in [
            ("mean", mean(sgd)),
            ("standard_error", error(sgd)),
            ("slow_flow", mean(flow)),
            ("slow_flow_z", mean(differences) / error(differences)),
            ("limit", exact),
            ("limit_z", (mean(sgd) - exact) / error(sgd)),
        ] {
            near(told[key][name].as_f64().unwrap(), expected);
        }
    }
}

/// One start is one path, and all seeds that start there count against it, more of them than paths are followed from starts of their own.
#[test]
fn seeds_that_start_alike_share_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let same = SMALL.replace(
        "seeds = [1, 2, 7]",
        "seeds = 20\nweight_decay = 0.01\nstart_weights = [[[1, 0], [0, 1]], [[1, 0], [0, 1]]]",
    );
    let run = finished(directory.path(), &same);
    let comparison = Comparison::of(&run).unwrap();
    assert_eq!(comparison.followed.len(), 20);
    let flow = predicted(&comparison, "slow_flow");
    let Values::Paths(paths) = &flow.answer.as_ref().unwrap().values else {
        panic!("no paths");
    };
    assert_eq!(paths.len(), 1);
    for (i, measured) in comparison.measured.iter().enumerate() {
        let (end, series) = (measured.end.unwrap(), flow.series(i).unwrap());
        let expected = end.z(series.end).unwrap();
        assert!((series.z.unwrap() / expected - 1.0).abs() < 1e-9);
    }
    // Seeds of their own starts are followed up to a number, and the limit under decay is not Theorem 1's.
    let own = compare(&SMALL.replace("[1, 2, 7]", "20"));
    assert_eq!(own.followed.len(), 16);
    let legend = |comparison| predicted(comparison, "limit").legend;
    assert_eq!(legend(&own), "exact limit (Theorem 1)");
    assert_eq!(legend(&comparison), "limit t → ∞ under all forces");
}

/// Of 401 measured steps every third is asked for, and the last.
#[test]
fn predictors_are_asked_at_no_more_steps_than_can_be_drawn() {
    let comparison = compare(&format!(
        "{SMALL}measure = {{ count = 401, spacing = \"linear\" }}\n"
    ));
    let expected: Vec<u64> = (0..400).step_by(3).chain([400]).collect();
    assert_eq!(comparison.steps, expected);
}

/// Without label noise there is no limit, and the rest is there all the same.
#[test]
fn a_predictor_without_an_answer_is_a_sentence() {
    let comparison = compare(&SMALL.replace("[1, 0.5]", "[0, 0]"));
    assert!(predicted(&comparison, "limit").answer.is_err());
    assert!(predicted(&comparison, "slow_flow").answer.is_ok());
    assert!(comparison.measured.iter().all(|m| m.end.is_some()));
    let remarks = comparison.remarks().join(" ");
    assert!(remarks.contains("No limit t → ∞: "), "{remarks}");
}

#[test]
fn where_all_runs_diverge_that_is_what_is_said() {
    let comparison = compare(&SMALL.replace("learning_rate = 0.01", "learning_rate = 5"));
    assert_eq!((comparison.diverged, comparison.seeds), (3, 3));
    assert!(comparison.measured.iter().all(|m| m.end.is_none()));
    let remarks = comparison.remarks().join(" ");
    assert!(
        remarks.contains("All 3 runs diverged, by step 4: there is no mean to compare."),
        "{remarks}"
    );
    assert!(
        remarks.contains("No slow flow: every run diverged"),
        "{remarks}"
    );
}

/// Momentum β is to leading order the learning rate η/(1 − β): T of 16 seeds at β = 0.5 within one per cent and
/// four standard errors of the path, while still descending; the path at η itself is off by far more.
#[test]
fn momentum_sets_the_clock() {
    let text = SMALL
        .replace(
            "learning_rate = 0.01",
            "learning_rate = 0.001\nmomentum = 0.5",
        )
        .replace("steps = 400", "steps = 500")
        .replace("seeds = [1, 2, 7]", "seeds = 16");
    let comparison = compare(&text);
    let measured = comparison.measured[0].end.unwrap();
    let series = predicted(&comparison, "slow_flow").series(0).unwrap();
    let off = measured.mean - series.end;
    let error = off / series.z.unwrap();
    assert!(error < 0.01 * series.end, "{error}");
    assert!(
        off.abs() < 0.01 * series.end + 4.0 * error,
        "{off} ± {error}"
    );
    // Half as many steps at twice the rate is where the plain clock would be: halfway.
    let half = comparison
        .steps
        .iter()
        .position(|step| *step >= 250)
        .unwrap();
    assert!((series.course[half] / series.end - 1.0).abs() > 0.05);
}

/// A switch is none where it comes after the last step, of which 399 is the number.
#[test]
fn a_switch_after_the_end_is_none() {
    let switched = |at: u64| {
        compare(&format!(
            "{SMALL}switch = {{ at_step = {at}, samples = 10 }}\n"
        ))
    };
    let asked =
        |comparison: &Comparison| comparison.predicted.iter().any(|p| p.key == "finite_step");
    let (late, last) = (switched(400), switched(399));
    assert!(late.departures.is_empty() && asked(&late));
    assert!(last.departures[0].contains("a switch to gradient descent") && !asked(&last));
    let remarks = last.remarks().join(" ");
    assert!(
        remarks.contains("The theory is not of SGD with a switch to gradient descent"),
        "{remarks}"
    );
}

/// What the theory does not contain however small η is: no number of it is called right.
#[test]
fn a_run_that_the_theory_is_not_of_gets_no_percent() {
    let validity = |stability: f64| flow::Validity {
        signal: 1.0,
        stability,
        effective_stability: stability,
        limit_stability: None,
        relative_weighted_fluctuation: 1e-6,
        limit_relative_weighted_fluctuation: None,
        misalignment: 0.0,
        most_misalignment: 0.1,
        own_drift: None,
        moved_in_epoch: None,
        amplified: 1.0,
        stability_formula: "η λ_max/2".to_owned(),
        is_forced: false,
        left_out: Vec::new(),
        approach: None,
    };
    let one = || Mat::identity(1, 1);
    let problem = Problem::new(one(), one(), one(), 2).unwrap();
    let plain = SimulateSettings::new(0.1, 1);
    assert!(believed_in(&problem, &plain, validity(1e-6)).in_range);
    let mut uneven = plain.clone();
    uneven.data.heteroscedasticity = 0.1;
    let mut switched = plain;
    switched.switch = Some(Switch {
        at_step: 3,
        samples: 5,
    });
    for (settings, what) in [
        (uneven, "with noise that depends on x:"),
        (switched, "with a switch to gradient descent:"),
    ] {
        let belief = believed_in(&problem, &settings, validity(1e-6));
        assert!(!belief.in_range && belief.warning.as_ref() == Some(&belief.sentence));
        assert!(belief.sentence.contains(what), "{}", belief.sentence);
        assert!(!belief.sentence.contains("percent"), "{}", belief.sentence);
        // What else is wrong is said too.
        let coarse = believed_in(&problem, &settings, validity(0.5)).sentence;
        assert!(coarse.contains(what) && coarse.contains("Outside the range"));
    }
}

/// The exact drift has its place only where it differs.
#[test]
fn the_exact_drift_is_asked_where_the_axes_differ() {
    assert!(
        compare(SMALL)
            .predicted
            .iter()
            .all(|p| p.key != "exact_drift")
    );
    let turned = SMALL
        .replace(
            "noise_standard_deviations = [1, 0.5]",
            "noise_covariance = [[0.52, 0.48], [0.48, 0.52]]",
        )
        .replace(
            "teacher = [[1, 0], [0, 1]]",
            "teacher = [[1.5, 0], [0, 0.5]]",
        );
    let comparison = compare(&turned);
    let keys: Vec<&str> = comparison.predicted.iter().map(|p| p.key).collect();
    assert_eq!(keys, ["slow_flow", "exact_drift", "finite_step", "limit"]);
    assert!(predicted(&comparison, "exact_drift").answer.is_ok());
}

/// From starts that are not balanced T of SGD's own drift is another, however the noise lies: it stands beside the slow flow.
#[test]
fn the_exact_drift_is_asked_where_starts_are_not_balanced() {
    let text = SMALL.replace("depth = 2", "depth = 3");
    let comparison = compare(&text.replace("steps = 400", "steps = 20000"));
    let keys: Vec<&str> = comparison.predicted.iter().map(|p| p.key).collect();
    assert_eq!(keys, ["slow_flow", "exact_drift", "finite_step", "limit"]);
    let end = |key| predicted(&comparison, key).series(0).unwrap().end;
    let off = end("exact_drift") / end("slow_flow") - 1.0;
    assert!(off < -0.005, "{off}");
    let belief = predicted(&comparison, "slow_flow").belief().unwrap();
    let (largest, followed) = (belief.own_drift.unwrap(), belief.own_drift_followed);
    assert!(largest >= off.abs() && followed == Some(true), "{largest}");
}

/// In short epochs of samples that are each drawn once SGD is slower along the minima: 30/39 of the noise of minibatches of 10 of 40 samples remain, and
/// the path after 3900 steps is that which drawing with replacement has after 3000.
#[test]
fn a_path_on_a_small_reshuffled_set_is_slower() {
    let end = |replacement: bool, steps: u64| {
        let source = format!(
            "start_weights = [[[2, 0], [0, 2]], [[0.5, 0], [0, 0.5]]]\n[data.source]\nkind = \"finite\"\nsamples = 40\nreplacement = {replacement}\n\
             [measure]\nspacing = \"linear\"\ncount = 21\n"
        );
        let text = SMALL.replace("steps = 400", &format!("steps = {steps}"));
        let comparison = compare(&format!("{text}{source}"));
        predicted(&comparison, "slow_flow").series(0).unwrap().end
    };
    let (slower, alike, faster) = (end(false, 3900), end(true, 3000), end(true, 3900));
    assert!((slower / alike - 1.0).abs() < 1e-3, "{slower} {alike}");
    assert!(faster < 0.995 * slower, "{slower} {faster}");
}

/// Noise added to labels, turned against the signal, is asked about as the noise of a problem that has it: the same predictors with the same numbers.
#[test]
fn added_noise_is_asked_about_as_noise_of_the_problem() {
    let of = |noise: &str| {
        let text = SMALL.replace("noise_standard_deviations = [1, 0.5]", noise);
        compare(&text.replace(
            "teacher = [[1, 0], [0, 1]]",
            "teacher = [[1.5, 0], [0, 0.5]]",
        ))
    };
    let own = of("noise_covariance = [[0.52, 0.48], [0.48, 0.52]]");
    let added = of(
        "noise_standard_deviations = [0.2, 0.2]\nadded_noise_covariance = [[0.48, 0.48], [0.48, 0.48]]",
    );
    let told = |comparison: &Comparison| {
        let each = comparison.predicted.iter();
        let told = each.map(|p| (p.key, p.series(0).map(|series| series.end)));
        told.collect::<Vec<_>>()
    };
    assert_eq!((told(&own).len(), told(&added).len()), (4, 4));
    for (own, added) in told(&own).into_iter().zip(told(&added)) {
        assert_eq!(own.0, added.0);
        let (own, added) = (own.1.unwrap(), added.1.unwrap());
        assert!((own / added - 1.0).abs() < 1e-9, "{own} {added}");
    }
}

/// The finite-step theory from each start of a run of plain SGD on a small network, and a sentence elsewhere.
#[test]
fn the_finite_step_theory_is_asked_of_small_plain_runs() {
    let text = SMALL.replace("steps = 400", "steps = 20000");
    let directory = tempfile::tempdir().unwrap();
    let run = finished(directory.path(), &text);
    let comparison = Comparison::of(&run).unwrap();
    let Experiment {
        problem, settings, ..
    } = &run.experiment;
    let starts = Ensemble::start(problem, settings, &[1, 2, 7])
        .unwrap()
        .weights();
    let steps = Steps {
        learning_rate: 0.01,
        batch: 10,
        steps: vec![20_000],
    };
    let ends = starts.iter().flatten().map(|start| {
        let path = flow::finite_path(problem, start, &steps).unwrap();
        path.snapshots[0].sharpness
    });
    let mean = ends.sum::<f64>() / 3.0;
    let finite = predicted(&comparison, "finite_step");
    let series = finite.series(0).unwrap();
    assert!(
        (series.end / mean - 1.0).abs() < 1e-3,
        "{} {mean}",
        series.end
    );
    assert_eq!(series.course.len(), comparison.steps.len());
    assert!(series.z.unwrap().abs() < 5.0);
    assert!(
        finite
            .answer
            .as_ref()
            .unwrap()
            .belief
            .as_ref()
            .unwrap()
            .in_range
    );

    for (text, reason) in [
        (format!("momentum = 0.5\n{SMALL}"), ""),
        (SMALL.replace("depth = 2", "depth = 9"), ""),
        (
            SMALL.replace(
                "depth = 2",
                "depth = 8\nhidden_widths = [3, 3, 3, 3, 3, 3, 3]",
            ),
            "weights",
        ),
    ] {
        let comparison = compare(&text);
        let finite = comparison.predicted.iter().find(|p| p.key == "finite_step");
        match finite {
            Some(finite) => assert!(finite.answer.as_ref().unwrap_err().contains(reason)),
            None => assert_eq!(reason, ""),
        }
    }
}

/// A predictor of a user's own is one value behind the trait.
#[test]
fn a_predictor_of_ones_own_stands_beside_the_others() {
    struct Constant;
    impl Predictor for Constant {
        fn key(&self) -> &'static str {
            "constant"
        }
        fn name(&self) -> &'static str {
            "constant"
        }
        fn legend(&self, _: &Question<'_>) -> &'static str {
            "a constant"
        }
        fn answer(&self, _: &Question<'_>) -> Result<Answer, NoAnswer> {
            Ok(Answer {
                values: Values::Level(vec![Some(3.0), None, None]),
                belief: None,
            })
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let run = finished(directory.path(), SMALL);
    let comparison = Comparison::new(&run, &[&Constant], quantity::compared()).unwrap();
    let data = serde_json::to_value(&comparison).unwrap();
    let answer = &data["predicted"][0]["answer"]["Ok"];
    assert_eq!(answer["series"][0]["end"], 3.0);
    assert!(answer["series"][1].is_null());
    assert_eq!(data["measured"][0]["quantity"], "sharpness");
}

/// D = 2, V = Σx = I, √Σε = (1, 0.5): F = D √(a b) s = 3 √2.5, with ‖V√Σx‖² = 2, η = 0.01 and B = 10.
#[test]
fn the_limits_range_is_that_of_the_runs_own_step() {
    let comparison = compare(SMALL);
    let limit = predicted(&comparison, "limit").answer.as_ref().unwrap();
    let belief = limit.belief.as_ref().unwrap();
    let expected = 0.01 * 3.0 * 2.5_f64.sqrt() / (2.0 * 10.0 * 2.0);
    for found in [
        belief.relative_weighted_fluctuation,
        belief.limit_relative_weighted_fluctuation.unwrap(),
    ] {
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    }
}

/// Momentum 0.75 makes each step lead four times as far: for the limit as for the flow.
#[test]
fn the_range_of_a_run_with_momentum_is_that_of_its_longer_steps() {
    let spread = |text: &str, key: &str| {
        let comparison = compare(text);
        let answer = predicted(&comparison, key).answer.as_ref().unwrap();
        let belief = answer.belief.as_ref().unwrap();
        belief.limit_relative_weighted_fluctuation.unwrap()
    };
    let with_momentum = format!("momentum = 0.75\n{SMALL}");
    for key in ["limit", "slow_flow"] {
        let ratio = spread(&with_momentum, key) / spread(SMALL, key);
        assert!((ratio - 4.0).abs() < 1e-12, "{key}: {ratio}");
    }
}

#[test]
fn every_number_of_a_verdict_stands_in_its_own_place() {
    let validity = flow::Validity {
        signal: 1.0,
        stability: 0.125,
        effective_stability: 0.0,
        limit_stability: Some(0.25),
        relative_weighted_fluctuation: 0.5,
        limit_relative_weighted_fluctuation: Some(0.75),
        misalignment: 1.5,
        most_misalignment: 0.1,
        own_drift: None,
        moved_in_epoch: None,
        amplified: 1.0,
        stability_formula: "η λ_max/2".to_owned(),
        is_forced: false,
        left_out: vec![flow::LeftOut {
            cause: flow::Cause::WeightDecay,
            change: -0.25,
        }],
        approach: None,
    };
    let belief = Belief::from(validity);
    assert!(!belief.in_range && belief.warning.as_ref() == Some(&belief.sentence));
    assert_eq!(belief.stability_number, 0.125);
    assert_eq!(belief.limit_stability_number, Some(0.25));
    assert_eq!(belief.relative_weighted_fluctuation, 0.5);
    assert_eq!(belief.limit_relative_weighted_fluctuation, Some(0.75));
    assert_eq!(belief.misalignment, 1.5);
    assert_eq!(belief.left_out[0].of, "weight_decay");
    assert_eq!(belief.left_out[0].relative_change, -0.25);
}
