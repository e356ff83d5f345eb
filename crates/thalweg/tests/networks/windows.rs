//! Windows of a text: which tokens they hold, with which chances, and how their loss is averaged.

use std::sync::Arc;

use thalweg::data::{DataError, LabelNoise, Sampler, Source, TokenWindows};
use thalweg::faer::Mat;
use thalweg::loss::{Loss, Objective};
use thalweg::model::LanguageModel;
use thalweg::tensor::{Activation, LinesMut, Tape};

const KINDS: usize = 41;
const POSITIONS: usize = 5;
/// Windows that begin at different places.
const PLACES: usize = KINDS - POSITIONS;

/// Every token once, in order: where a window begins is its first token.
fn source() -> Source {
    let tokens = (0..KINDS).collect();
    let windows = TokenWindows::new(tokens, KINDS, POSITIONS, LabelNoise::none(KINDS));
    windows.unwrap().into()
}

fn tape() -> Arc<Tape> {
    let model = LanguageModel {
        tokens: KINDS,
        width: 2,
        positions: POSITIONS,
        heads: 1,
        hidden: 2,
        blocks: 1,
        layer_norm: false,
        activation: Activation::Relu,
        biases: false,
    };
    Arc::new(model.tape().unwrap())
}

/// The tokens of a sample, from what is 1 at each position; everything else must be 0.
fn tokens(entry: impl Fn(usize) -> f64) -> Vec<usize> {
    let at = |position: usize| {
        let ones: Vec<usize> = (0..KINDS)
            .filter(|token| entry(token * POSITIONS + position) != 0.0)
            .collect();
        assert_eq!(ones.len(), 1);
        assert_eq!(entry(ones[0] * POSITIONS + position), 1.0);
        ones[0]
    };
    (0..POSITIONS).map(at).collect()
}

fn in_batch(mut lines: LinesMut<'_, f64>, sample: usize) -> Vec<usize> {
    let column: Vec<f64> = (0..lines.count())
        .map(|line| lines.line(line)[sample])
        .collect();
    tokens(|line| column[line])
}

/// Each place as likely as another: χ² with 35 degrees of freedom is above 77 by chance once in 20,000 seeds; the seed is fixed.
#[test]
fn windows_begin_anywhere_and_targets_come_next() {
    let source = source();
    source.fits(&tape()).unwrap();
    let mut sampler = Sampler::new(&source, 3);
    let (steps, batch) = (100, 90);
    let mut objective = Objective::new(tape(), Loss::MeanCrossEntropy, batch);
    let mut counts = [0.0; PLACES];
    for step in 0..steps {
        sampler.fill(step, &mut objective);
        for sample in 0..batch {
            let inputs = in_batch(objective.inputs_mut(), sample);
            let targets = in_batch(objective.targets_mut(), sample);
            let start = inputs[0];
            assert_eq!(inputs, (start..start + POSITIONS).collect::<Vec<_>>());
            assert_eq!(targets, (start + 1..=start + POSITIONS).collect::<Vec<_>>());
            counts[start] += 1.0;
        }
    }
    let expected = (steps as usize * batch) as f64 / PLACES as f64;
    let squares = counts.iter().map(|count| (count - expected).powi(2));
    let chi = squares.sum::<f64>() / expected;
    assert!(chi < 77.0, "{chi}");
}

/// Every window that begins at a multiple of their length, once.
#[test]
fn an_evaluation_set_cuts_the_text_into_pieces() {
    let source = source();
    assert_eq!(source.evaluation_limit(), Some(8));
    let set = source.evaluation(5, 100);
    let column = |matrix: &Mat<f64>, sample: usize| tokens(|line| matrix[(line, sample)]);
    let mut starts: Vec<usize> = (0..set.inputs.ncols())
        .map(|sample| {
            let inputs = column(&set.inputs, sample);
            let next: Vec<usize> = inputs.iter().map(|token| token + 1).collect();
            assert_eq!(column(&set.targets, sample), next);
            inputs[0]
        })
        .collect();
    assert_ne!(starts, [0, 5, 10, 15, 20, 25, 30, 35], "a random order");
    starts.sort_unstable();
    assert_eq!(starts, [0, 5, 10, 15, 20, 25, 30, 35]);
    assert!(
        source.redraw(5, 8, 8).is_none(),
        "a text has no other labels"
    );
}

#[test]
fn a_batch_of_windows_is_a_function_of_seed_and_step() {
    let source = source();
    let starts = |sampler: &mut Sampler<f64>, step| -> Vec<usize> {
        let mut objective = Objective::new(tape(), Loss::MeanCrossEntropy, 20);
        sampler.fill(step, &mut objective);
        (0..20)
            .map(|sample| in_batch(objective.inputs_mut(), sample)[0])
            .collect()
    };
    let mut one = Sampler::new(&source, 8);
    let straight: Vec<_> = (0..4).map(|step| starts(&mut one, step)).collect();
    let mut again = Sampler::new(&source, 8);
    for step in [3, 0, 2, 1] {
        assert_eq!(starts(&mut again, step), straight[step as usize]);
    }
    assert_ne!(straight[0], straight[1]);
    assert_ne!(starts(&mut Sampler::new(&source, 9), 0), straight[0]);
}

#[test]
fn texts_without_windows_are_refused() {
    let made = |tokens, kinds, positions| {
        let found = TokenWindows::new(tokens, kinds, positions, LabelNoise::none(kinds));
        found.err()
    };
    assert_eq!(made(vec![0, 1, 0], 2, 2), None);
    let (tokens, positions) = (3, 3);
    assert_eq!(
        made(vec![0, 1, 0], 2, 3),
        Some(DataError::Window { tokens, positions })
    );
    assert!(matches!(
        made(vec![0, 1, 0], 2, 0),
        Some(DataError::Window { positions: 0, .. })
    ));
    let (sample, found, classes) = (3, 2, 2);
    assert_eq!(
        made(vec![0, 1, 2], 2, 1),
        Some(DataError::Label {
            sample,
            found,
            classes
        })
    );
    let noise = LabelNoise::none(3);
    assert!(matches!(
        TokenWindows::new(vec![0, 1], 2, 1, noise),
        Err(DataError::CovarianceShape { size: 2, .. })
    ));
}

/// A network that knows nothing gives every token the chance 1/K, so that each position costs ln K: on average over
/// positions, and added up.
#[test]
fn the_mean_over_positions_is_a_tokens_loss() {
    let source = source();
    let zero = vec![0.0; tape().parameter_count()];
    let token = (KINDS as f64).ln();
    for (loss, expected) in [
        (Loss::MeanCrossEntropy, token),
        (Loss::CrossEntropy, POSITIONS as f64 * token),
    ] {
        let mut objective = Objective::<f64>::new(tape(), loss, 7);
        Sampler::new(&source, 1).fill(0, &mut objective);
        let mut losses = [0.0; 7];
        objective.sample_losses(&zero, &mut losses);
        for found in losses {
            assert!((found - expected).abs() < 1e-12, "{loss:?}: {found}");
        }
    }
}

/// What comes later changes nothing at a position.
#[test]
fn a_language_model_sees_no_later_token() {
    let tape = tape();
    let parameters: Vec<f64> = (0..tape.parameter_count())
        .map(|i| (i as f64 * 0.7).sin())
        .collect();
    let mut objective = Objective::<f64>::new(Arc::clone(&tape), Loss::MeanCrossEntropy, 2);
    let mut inputs = objective.inputs_mut();
    for position in 0..POSITIONS {
        // The second sample differs from position 3 on.
        inputs.line(position * POSITIONS + position)[0] = 1.0;
        let other = if position < 3 { position } else { position + 9 };
        inputs.line(other * POSITIONS + position)[1] = 1.0;
    }
    let mut residuals = thalweg::tensor::Block::zeros(KINDS * POSITIONS, 2);
    let mut gradient = vec![0.0; parameters.len()];
    objective.gradient(&parameters, &mut gradient);
    for line in 0..KINDS * POSITIONS {
        objective.targets_mut().line(line).fill(1.0 / KINDS as f64);
    }
    objective.residuals(&mut residuals);
    for line in 0..KINDS * POSITIONS {
        let [a, b] = [0, 1].map(|sample| residuals.lines().line(line)[sample]);
        match line % POSITIONS {
            0..3 => assert_eq!(a, b),
            _ => assert_ne!(a, b),
        }
    }
}
