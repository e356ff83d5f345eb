//! Claims about simulated runs: what diverges, what is too short, and what follows its flow.

use std::sync::atomic::AtomicBool;

use super::super::Context;
use super::super::compared::Compared;
use super::super::plan::Plan;
use super::super::ran::{Kept, Ran};
use super::super::shown::Shown as _;
use super::*;
use crate::claims::paper;
use crate::claims::{Claim, Tolerance, Verdict};
use thalweg::theory::predict;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::{SHARPNESS, condition_number};

fn run(problem: Problem, settings: SimulateSettings, steps: u64, seeds: u64) -> Ran {
    let mut plan = Plan::default();
    let runs = Experiment {
        seeds: (1..=seeds).collect(),
        ..experiment(problem, settings, steps, LOGARITHMIC, Budget::Quick)
    };
    plan.linear("run", runs);
    let context = Context {
        figure: "test",
        budget: Budget::Quick,
        progress: &|_, _| {},
        kept: &Kept::default(),
        stop: &AtomicBool::new(false),
    };
    Ran::new(plan, context).unwrap()
}

/// η far beyond stability: every claim about such runs still gets its verdict.
#[test]
fn divergence_is_a_verdict() {
    let problem = identity_problem(&[1.0, 0.5], 3).unwrap();
    let limit = predict(&problem).unwrap().sharpness;
    let ran = run(problem, plain(3.0, 10, KAIMING), 1000, 5);
    let runs = ran.linear("run").unwrap();
    let flows = Compared::new(runs, &SLOW_FLOW).unwrap();
    let of_limit = SHARPNESS.against_limit("t", paper("eq. 14"), runs, &flows);
    assert_eq!(of_limit.as_ref().unwrap().predicted, limit);
    for claim in [
        of_limit.unwrap(),
        SHARPNESS.against_flow("t", runs.1, &flows),
        condition_number(1).against_flow("t", runs.1, &flows),
    ] {
        let judged = claim.judge();
        assert_eq!(judged.verdict, Verdict::NotMeasured, "{judged:?}");
        let reason = judged.reason.clone().unwrap();
        assert!(
            reason.starts_with("0 of 5 seeds are left: seed 1 diverged at step")
                && reason.contains("seed 5 diverged at step"),
            "{reason}"
        );
        // The descent diverges too: nothing but the limit is predicted.
        let of_the_limit = judged.predicted_by.contains("eq. 14");
        assert!(judged.measured.is_none());
        assert_eq!(judged.predicted.is_some(), of_the_limit, "{judged:?}");
    }
    let curve = runs.1.curve(&SHARPNESS.key);
    assert!(curve.iter().all(|point| point.y.is_finite()));
}

/// A run far too short for its limit is told so by the flow, and follows the flow.
#[test]
fn a_short_run_cannot_test_a_limit_but_can_follow_the_flow() {
    let problem = identity_problem(&[1.0, 0.1], 2).unwrap();
    let limit = predict(&problem).unwrap().sharpness;
    let ran = run(problem, plain(0.01, 10, KAIMING), 4000, 16);
    let runs = ran.linear("run").unwrap();
    let flows = Compared::new(runs, &SLOW_FLOW).unwrap();
    let claim = SHARPNESS
        .against_limit("t", paper("eq. 14"), runs, &flows)
        .unwrap();
    assert_eq!(claim.predicted, limit);
    assert_eq!(claim.judge().verdict, Verdict::NotAtThisBudget);
    let claim = SHARPNESS.against_flow("t", runs.1, &flows);
    assert_eq!(claim.clone().judge().verdict, Verdict::Agrees, "{claim:?}");
    let wrong = Claim {
        predicted: 1.3 * claim.predicted,
        ..claim
    };
    assert_eq!(wrong.judge().verdict, Verdict::Disagrees);
}

/// The flow's end is the mean over the same fifth as the runs': with values that are the step itself, 90 here.
#[test]
fn the_flows_end_is_that_of_the_last_fifth() {
    let problem = identity_problem(&[1.0, 0.1], 2).unwrap();
    let stability = predict(&problem).unwrap().stability(0.01, 10).unwrap();
    let ran = run(problem, plain(0.01, 10, KAIMING), 100, 2);
    let runs = ran.linear("run").unwrap();
    let flows = Compared::new(runs, &SLOW_FLOW).unwrap();
    // How far the limit is from η → 0⁺, which is not how far the way there was: ‖V√Σx‖² is 2.
    let (way, limit) = (flows.range().unwrap(), flows.limit_range().unwrap());
    let spread = stability.weighted_fluctuation / 2.0;
    assert!((limit.relative_weighted_fluctuation / spread - 1.0).abs() < 1e-9);
    assert!((limit.stability / stability.stability_number - 1.0).abs() < 1e-9);
    assert!((way.relative_weighted_fluctuation / spread - 1.0).abs() > 0.01);
    let last: Vec<f64> = (80..=100)
        .map(|t| {
            let i = runs.1.steps.iter().position(|&step| step == t).unwrap();
            flows.paths(&SHARPNESS)[0].1[i]
        })
        .collect();
    let by_hand = last.iter().sum::<f64>() / 21.0;
    let end = flows.end(&SHARPNESS).0[0].unwrap();
    assert!((end - by_hand).abs() < 1e-12 * end);
}

/// At a step size beyond the flow's range the finite-step theory decides, by how near to SGD it is known to be. At Theorem 1's minimum under
/// isotropic noise T is 8 as η → 0, and was 7.44 ± 0.08 over five longer runs of SGD.
#[test]
fn beyond_the_flows_range_the_finite_step_theory_decides() {
    let problem = identity_problem(&[10.0, 10.0], 2).unwrap();
    let ran = run(problem, plain(0.01, 10, KAIMING), 20_000, 5);
    let runs = ran.linear("run").unwrap();
    let flows = Compared::new(runs, &SLOW_FLOW).unwrap();
    let follows = SHARPNESS.against_flow("t", runs.1, &flows);
    let ends = SHARPNESS
        .against_limit("t", paper("eq. 14"), runs, &flows)
        .unwrap();
    for claim in [follows, ends] {
        assert!((claim.predicted / 7.44 - 1.0).abs() < 0.02, "{claim:?}");
        // In the outer range, by isotropic noise.
        assert_eq!(claim.tolerance, Tolerance::Within { relative: 0.05 });
        assert!(claim.by.starts_with("finite-step theory"), "{}", claim.by);
        let wrong = Claim {
            predicted: 1.15 * claim.predicted,
            reach: None,
            ..claim.clone()
        };
        assert_eq!(wrong.judge().verdict, Verdict::Disagrees);
        let judged = claim.judge();
        assert_eq!(judged.verdict, Verdict::Agrees, "{judged:?}");
        let limit = judged.beside.last().unwrap();
        assert!((limit.predicted.unwrap() - 8.0).abs() < 1e-9, "{limit}");
    }
    // So it does of condition numbers, which the flow has at 1.
    let layer = condition_number(1).against_flow("t", runs.1, &flows);
    assert!(layer.by.starts_with("finite-step theory"), "{}", layer.by);
    assert!((1.1..1.5).contains(&layer.predicted), "{layer:?}");
    assert_eq!(layer.judge().verdict, Verdict::Agrees);
}

/// Where no predictor is in its range nothing is decided, and what each of them says stands side by side.
#[test]
fn beyond_every_range_all_numbers_stand_side_by_side() {
    let problem = identity_problem(&[10.0, 0.1], 2).unwrap();
    let ran = run(problem, plain(0.01, 10, KAIMING), 5000, 3);
    let runs = ran.linear("run").unwrap();
    let flows = Compared::new(runs, &SLOW_FLOW).unwrap();
    let judged = SHARPNESS.against_flow("t", runs.1, &flows).judge();
    assert_eq!(judged.verdict, Verdict::OutsideTheRange);
    let by: Vec<&str> = judged.beside.iter().map(|other| &*other.by).collect();
    assert_eq!(by, ["finite-step theory", "exact limit, η → 0"]);
    let [finite, limit] = [0, 1].map(|i| judged.beside[i].predicted.unwrap());
    assert!(finite < judged.predicted.unwrap() && judged.predicted.unwrap() < limit);
    let words = judged.side_by_side().unwrap();
    assert!(words.contains("beyond its range too"), "{words}");
}
