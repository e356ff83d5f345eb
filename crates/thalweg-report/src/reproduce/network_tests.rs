//! What is claimed of networks, on series made by hand; and that the example files are the paper's runs.

use super::super::shown::Shown as _;
use super::*;
use crate::claims::Verdict;
use crate::claims::paper;
use crate::statistics::trials_by_hand as by_hand;
use thalweg_lab::quantity::SHARPNESS;

const STEPS: [u64; 6] = [0, 20, 40, 60, 80, 100];

/// Trials whose pairs have the ratios 2 and 2.2, in whatever teacher: the anisotropic noise stands above.
#[test]
fn the_ratio_is_anisotropic_over_isotropic_and_pair_by_pair() {
    let flat = |end: f64| [1.0, 1.0, 1.0, 1.0, end, end];
    let anisotropic = by_hand(&STEPS, "sharpness", &[&flat(20.0), &flat(4.4), &flat(60.0)]);
    let isotropic = by_hand(&STEPS, "sharpness", &[&flat(10.0), &flat(2.0), &flat(30.0)]);
    let claim = |pair| SHARPNESS.larger("net", paper("Figure 2"), pair).judge();
    let larger = claim([&anisotropic, &isotropic]);
    assert_eq!(larger.verdict, Verdict::Agrees, "{larger:?}");
    assert!((larger.measured.unwrap() - (2.0f64 * 2.2 * 2.0).cbrt()).abs() < 1e-12);
    assert_eq!(larger.trials, 3);
    let smaller = claim([&isotropic, &anisotropic]);
    assert_eq!(smaller.verdict, Verdict::Disagrees);
    assert!((larger.z_score.unwrap() + smaller.z_score.unwrap()).abs() < 1e-9);
}

/// Large differences of single pairs, without a common direction, decide nothing.
#[test]
fn teachers_that_differ_do_not_make_a_difference_of_noise() {
    let flat = |end: f64| [end; 6];
    let of = |ends: [f64; 4]| {
        let series = ends.map(flat);
        let series: Vec<&[f64]> = series.iter().map(|s| &s[..]).collect();
        by_hand(&STEPS, "sharpness", &series)
    };
    let claim = SHARPNESS
        .larger(
            "net",
            paper("p"),
            [&of([30.0, 5.0, 8.0, 12.0]), &of([10.0, 9.0, 8.5, 11.0])],
        )
        .judge();
    assert_eq!(claim.verdict, Verdict::NotAtThisBudget);
    assert!(claim.detectable.unwrap() > claim.measured.unwrap());
}

fn with_loss(loss: &[f64], fluctuation: &[&[f64]]) -> Trials {
    let losses: Vec<&[f64]> = fluctuation.iter().map(|_| loss).collect();
    let mut trials = by_hand(&STEPS, "loss", &losses);
    trials.add_by_hand("fluctuation", fluctuation);
    trials
}

/// From step 40 on the loss, from 10 down to 1, is within 0.09 of its end.
const LOSS: [f64; 6] = [10.0, 3.0, 1.05, 1.02, 1.0, 1.0];

#[test]
fn fitting_ends_where_the_loss_has_come_its_way() {
    let of = |loss: &[f64]| end_of_fitting(&by_hand(&STEPS, "loss", &[loss]));
    assert_eq!(of(&LOSS), Some(2));
    assert_eq!(of(&[10.0, 3.0, 1.10, 1.02, 1.0, 1.0]), Some(3));
    assert_eq!(of(&[10.0, 1.0, 1.0, 1.2, 1.0, 1.0]), None, "it rose again");
    assert_eq!(
        of(&[10.0, 8.0, 6.0, 4.0, 3.0, 2.0]),
        None,
        "it is still falling"
    );
}

/// F rises while the network fits, up to 9, and falls after that: to its half.
#[test]
fn the_fall_begins_at_the_end_of_fitting() {
    let rises_then_falls: [&[f64]; 3] = [
        &[2.0, 5.0, 8.0, 7.0, 4.0, 4.0],
        &[2.0, 5.0, 9.0, 7.0, 4.4, 4.4],
        &[2.0, 5.0, 7.0, 7.0, 3.6, 3.6],
    ];
    let judged = falls("net", &with_loss(&LOSS, &rises_then_falls)).judge();
    assert_eq!(judged.verdict, Verdict::Agrees, "{judged:?}");
    assert!(judged.statement.contains("(step 40)"));
    let expected = (0.5f64 * (4.4 / 9.0) * (3.6 / 7.0)).cbrt();
    assert!((judged.measured.unwrap() - expected).abs() < 1e-12);
    let only_rises: [&[f64]; 3] = [
        &[2.0, 5.0, 8.0, 9.0, 9.4, 9.5],
        &[2.0, 5.0, 9.0, 9.5, 10.4, 10.5],
        &[2.0, 5.0, 7.0, 8.0, 8.4, 8.5],
    ];
    let judged = falls("net", &with_loss(&LOSS, &only_rises)).judge();
    assert_eq!(judged.verdict, Verdict::Disagrees);
    let unfitted = [10.0, 8.0, 6.0, 4.0, 3.0, 2.0];
    let judged = falls("net", &with_loss(&unfitted, &only_rises)).judge();
    assert_eq!(judged.verdict, Verdict::NotAtThisBudget);
    assert!(!judged.statement.contains("step"), "{}", judged.statement);
    assert_eq!((judged.measured, judged.z_score), (None, None));
    let reason = judged.reason.unwrap();
    assert!(
        reason.contains("still fitting at the end of the run"),
        "{reason}"
    );
}

/// At the full budget the paper's runs are the lab's example experiments, seeds and all.
#[test]
fn the_example_files_are_the_figures_runs() {
    for (model, loss) in [
        (Model::Relu, SQUARED_ERROR),
        (Model::Rnn, SQUARED_ERROR),
        (Model::Transformer, SQUARED_ERROR),
        (Model::Mnist, CROSS_ENTROPY),
        (Model::Linear, CROSS_ENTROPY),
    ] {
        let choice = Choice::new(model, loss);
        let of_file = Draft::from_toml(model.file())
            .unwrap()
            .experiment::<NetworkExperiment>()
            .unwrap();
        assert_eq!(of_file.name.as_deref(), Some(&*choice.name()));
        let mut plan = Plan::default();
        plan.network(choice.name(), choice.experiment(Budget::Full).unwrap());
        assert_eq!(plan.0[0].1.specification(), of_file.to_toml(), "{model:?}");
    }
    let isotropic = Choice::new(Model::Relu, SQUARED_ERROR).at(1.0);
    let mut plan = Plan::default();
    plan.network(
        isotropic.name(),
        isotropic.experiment(Budget::Full).unwrap(),
    );
    assert_eq!(
        plan.0[0].1.specification(),
        Draft::from_toml(examples::RELU_ISOTROPIC)
            .unwrap()
            .experiment::<NetworkExperiment>()
            .unwrap()
            .to_toml()
    );
}

/// Noisy labels ask for more samples, where that is cheap; the settings tell how many there are.
#[test]
fn small_networks_are_measured_on_more_samples_where_labels_are_noisy() {
    let samples = |model, loss, budget| {
        let choice = Choice::new(model, loss);
        let measure = choice.experiment(budget).unwrap().measure;
        let told = format!("each measured on {} samples", measure.samples);
        let settings = choice.settings(&[1.0], budget).unwrap();
        assert!(settings.contains(&told), "{settings}");
        measure.samples
    };
    for (model, clean, noisy, quick) in [
        (Model::Relu, 1000, 10_000, 250),
        (Model::Rnn, 1000, 10_000, 250),
        (Model::Linear, 10_000, 10_000, 2500),
        (Model::Transformer, 1000, 1000, 250),
        (Model::Mnist, 1024, 1024, 256),
    ] {
        assert_eq!(samples(model, SQUARED_ERROR, Budget::Full), clean);
        assert_eq!(samples(model, CROSS_ENTROPY, Budget::Full), noisy);
        assert_eq!(samples(model, CROSS_ENTROPY, Budget::Quick), quick);
    }
}

#[test]
fn names_tell_all_that_a_figure_chooses() {
    let relu = Choice::new(Model::Relu, SQUARED_ERROR);
    assert_eq!(relu.name(), "relu-squared-error-anisotropic");
    assert_eq!(
        relu.with_biases().at(1.0).name(),
        "relu-squared-error-biases-isotropic"
    );
    assert_eq!(relu.at(100.0).name(), "relu-squared-error-kappa-100");
    assert_eq!(
        noise_name(&Model::Mnist.deviations(10, 100.0)),
        "(10 × 5, 1 × 5)"
    );
    assert_eq!(noise_name(&Model::Relu.deviations(2, 1e4)), "(3, 0.03)");
}

/// A loss that has come 99 % of its way, and goes on falling slowly, is being fitted still.
#[test]
fn a_slow_tail_is_fitting_too() {
    let end = |losses: [f64; 6]| {
        let mut trials = by_hand(&STEPS, "fluctuation", &[&[1.0; 6], &[1.0; 6]]);
        trials.add_by_hand("loss", &[&losses, &losses]);
        end_of_fitting(&trials)
    };
    // Of a way of 9, 0.05 in the last fifth are 0.25 in five of them: more than 1 %.
    assert_eq!(end([10.0, 1.08, 1.07, 1.06, 1.05, 1.0]), None);
    assert_eq!(end([10.0, 1.08, 1.04, 1.02, 1.01, 1.0]), Some(1));
}
