//! Where a run is not the plain SGD on fresh samples that theory and slow flow speak of.

use thalweg::recipe::{Forces, Recipe};
use thalweg::simulate::{Data, NoiseLaw, SampleSource, SimulateSettings};

/// What `settings` have that the theory has not, and what of them it takes into account, in sentences for a reader who compares
/// the two.
pub fn departures(settings: &SimulateSettings) -> Vec<String> {
    let recipe = &settings.recipe;
    let independent = recipe.sam.is_some_and(|sam| sam.independent);
    let taken = [
        (
            recipe.momentum > 0.0,
            "momentum β, by its own steps on the way down and as a learning rate of η/(1 − β) along the minima",
        ),
        (
            recipe.weight_decay > 0.0,
            "weight decay, as a weak force along the minima",
        ),
        (
            recipe.sam.is_some() && !independent,
            "SAM, to first order in ρ",
        ),
        (
            recipe.input_dropout > 0.0,
            "dropout of inputs, as noise that depends on them",
        ),
        (
            recipe.hidden_dropout > 0.0,
            "dropout of hidden units, to first order in p",
        ),
    ];
    let left_out = left_out(settings).map(|all| {
        format!(
            "The slow flow and the limit are for SGD on fresh samples; this run also has {all}."
        )
    });
    let taken =
        listed(taken).map(|all| format!("The slow flow and the limit take into account {all}."));
    let learnt = (!recipe.keeps_problem()).then(|| {
        "Labels or inputs are changed at each step: every number, measured or predicted, is of the problem that is in effect learnt."
            .to_owned()
    });
    left_out.into_iter().chain(taken).chain(learnt).collect()
}

/// What of `settings` the theory has not, in a row.
pub(crate) fn left_out(settings: &SimulateSettings) -> Option<String> {
    let SimulateSettings { data, recipe, .. } = settings;
    listed([
        (data.heteroscedasticity > 0.0, "noise that depends on x"),
        (
            matches!(data.source, SampleSource::Finite { .. }),
            "a finite data set",
        ),
        (settings.switch.is_some(), "a switch to gradient descent"),
        (
            recipe.sam.is_some_and(|sam| sam.independent),
            "SAM on a minibatch of its own, of which nothing is left at order ρ",
        ),
    ])
}

/// Whether SGD sees the samples of a set in a fresh order each epoch: it then tends to the least fluctuation over the set, whatever the axes.
pub(crate) fn is_reshuffled(data: &Data) -> bool {
    let source = &data.source;
    matches!(source, SampleSource::Finite { replacement, .. } if !replacement)
}

/// What theory and flow, which are for fresh samples, leave out of `data`, in sentences.
pub fn notes_on(data: &Data) -> Vec<String> {
    let mut notes = Vec::new();
    if let SampleSource::Finite { samples, .. } = data.source {
        let how = if is_reshuffled(data) {
            "reshuffled each epoch: where the weights hardly move in an epoch SGD tends to the least fluctuation over the set itself, whatever the axes of \
             noise and signal, and in longer epochs it ends between that and where it does on fresh samples"
        } else {
            "drawn with replacement: SGD has minima of the set's own"
        };
        notes.push(format!(
            "`data` is a set of {samples} samples, {how}. The prediction is for fresh samples, to which the set comes near where it is large; \
             a run of SGD takes the set."
        ));
    }
    if data.heteroscedasticity > 0.0 {
        notes.push(
            "The noise of `data` depends on x, and the prediction is for noise that does not; a run of SGD has it."
                .to_owned(),
        );
    }
    notes.extend(note_on_law(data));
    notes
}

/// What moves SGD by `recipe` at this η and B along the minima on samples of `data`.
pub(crate) fn forces_on(
    data: &Data,
    recipe: &Recipe,
    (learning_rate, batch): (f64, usize),
) -> Forces {
    let forces = recipe.forces(learning_rate, batch);
    match data.source {
        SampleSource::Finite {
            samples,
            replacement: false,
        } => forces.in_epochs(samples, batch, recipe.momentum),
        _ => forces,
    }
}

/// The same of a law of the noise that is not Gaussian.
pub(crate) fn note_on_law(data: &Data) -> Option<String> {
    (data.noise != NoiseLaw::Gaussian).then(|| {
        "The law of the noise in `data` counts by its covariance alone in what is predicted; a run of SGD has the law."
            .to_owned()
    })
}

/// Those that are here, in a row.
fn listed<const N: usize>(all: [(bool, &'static str); N]) -> Option<String> {
    let here = all.into_iter();
    let here: Vec<&str> = here
        .filter_map(|(here, what)| here.then_some(what))
        .collect();
    (!here.is_empty()).then(|| here.join("; "))
}

#[cfg(test)]
mod tests {
    use thalweg::recipe::{Recipe, Sam};
    use thalweg::simulate::{Data, InitialWeights, Precision, Switch};

    use super::*;

    #[test]
    fn plain_sgd_has_none_and_others_are_named() {
        let mut settings = SimulateSettings {
            learning_rate: 0.1,
            batch: 1,
            recipe: Recipe::default(),
            data: Data::default(),
            init: InitialWeights::Kaiming { gain: 1.0 },
            switch: None,
            precision: Precision::F64,
        };
        assert!(departures(&settings).is_empty());
        settings.recipe.momentum = 0.9;
        settings.data.heteroscedasticity = 0.5;
        let words = departures(&settings).join(" ");
        assert!(
            words.contains("also has noise that depends on x. The slow flow and the limit take into account momentum β, by its own steps on the way down"),
            "{words}"
        );
    }

    #[test]
    fn what_the_prediction_leaves_out_of_data_is_said() {
        assert!(notes_on(&Data::default()).is_empty());
        let set = |replacement| Data {
            source: SampleSource::Finite {
                samples: 20,
                replacement,
            },
            ..Data::default()
        };
        assert!(is_reshuffled(&set(false)) && !is_reshuffled(&set(true)));
        assert!(notes_on(&set(false))[0].contains("20 samples, reshuffled"));
        assert!(notes_on(&set(true))[0].contains("with replacement"));
        let tailed = Data {
            noise: NoiseLaw::Laplace,
            heteroscedasticity: 0.5,
            ..Data::default()
        };
        assert_eq!(notes_on(&tailed).len(), 2);
    }

    type Change = fn(&mut SimulateSettings);

    #[test]
    fn each_departure_is_named_alone() {
        let plain = SimulateSettings::new(0.1, 1);
        let changes: [(Change, &str); 7] = [
            (|s| s.recipe.momentum = 0.9, "take into account momentum"),
            (
                |s| s.recipe.weight_decay = 1e-9,
                "take into account weight decay",
            ),
            (
                |s| s.recipe.label_smoothing = 0.1,
                "problem that is in effect learnt",
            ),
            (
                |s| {
                    s.recipe.sam = Some(Sam {
                        radius: 0.1,
                        normalised: false,
                        independent: true,
                    });
                },
                "also has SAM on a minibatch of its own",
            ),
            (
                |s| s.data.heteroscedasticity = 0.5,
                "also has noise that depends on x",
            ),
            (
                |s| {
                    s.data.source = SampleSource::Finite {
                        samples: 5,
                        replacement: false,
                    };
                },
                "also has a finite data set",
            ),
            (
                |s| {
                    s.switch = Some(Switch {
                        at_step: 9,
                        samples: 5,
                    });
                },
                "also has a switch to gradient descent",
            ),
        ];
        for (change, name) in changes {
            let mut settings = plain.clone();
            change(&mut settings);
            let words = departures(&settings).join(" ");
            assert!(words.contains(name), "{words}");
        }
    }
}
