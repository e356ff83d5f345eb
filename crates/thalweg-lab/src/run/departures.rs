//! Where a run is not the plain SGD on fresh samples that theory and slow flow speak of.

use thalweg::simulate::{SampleSource, SimulateSettings};

/// What `settings` have that the theory has not, as a sentence for a reader who compares the two.
pub fn departures(settings: &SimulateSettings) -> Option<String> {
    let finite = matches!(settings.data.source, SampleSource::Finite { .. });
    let all = [
        (settings.momentum > 0.0, "momentum"),
        (settings.weight_decay > 0.0, "weight decay"),
        (
            settings.data.heteroscedasticity > 0.0,
            "noise that depends on x",
        ),
        (finite, "a finite data set"),
        (settings.switch.is_some(), "a switch to gradient descent"),
    ];
    let here = all
        .into_iter()
        .filter_map(|(here, what)| here.then_some(what));
    let here: Vec<&str> = here.collect();
    (!here.is_empty()).then(|| {
        format!(
            "The slow flow and the limit are for plain SGD on fresh samples; this run also has {}{}.",
            here.join(", "),
            if settings.momentum > 0.0 {
                "; the flow takes momentum β into account, as a learning rate of η/(1 − β)"
            } else {
                ""
            }
        )
    })
}

#[cfg(test)]
mod tests {
    use thalweg::simulate::{Data, InitialWeights, Precision, Switch};

    use super::*;

    #[test]
    fn plain_sgd_has_none_and_others_are_named() {
        let mut settings = SimulateSettings {
            learning_rate: 0.1,
            batch: 1,
            momentum: 0.0,
            weight_decay: 0.0,
            data: Data::default(),
            init: InitialWeights::Kaiming { gain: 1.0 },
            switch: None,
            precision: Precision::F64,
        };
        assert_eq!(departures(&settings), None);
        settings.momentum = 0.9;
        settings.data.heteroscedasticity = 0.5;
        let words = departures(&settings).unwrap();
        assert!(
            words.contains(
                "also has momentum, noise that depends on x; the flow takes momentum β into account"
            ),
            "{words}"
        );
    }

    type Change = fn(&mut SimulateSettings);

    #[test]
    fn each_departure_is_named_alone() {
        let plain = SimulateSettings::new(0.1, 1);
        let changes: [(Change, &str); 5] = [
            (|s| s.momentum = 0.9, "momentum"),
            (|s| s.weight_decay = 1e-9, "weight decay"),
            (
                |s| s.data.heteroscedasticity = 0.5,
                "noise that depends on x",
            ),
            (
                |s| {
                    s.data.source = SampleSource::Finite {
                        samples: 5,
                        replacement: false,
                    };
                },
                "a finite data set",
            ),
            (
                |s| {
                    s.switch = Some(Switch {
                        at_step: 9,
                        samples: 5,
                    });
                },
                "a switch to gradient descent",
            ),
        ];
        for (change, name) in changes {
            let mut settings = plain.clone();
            change(&mut settings);
            let words = departures(&settings).unwrap();
            assert!(words.contains(&format!("also has {name}")), "{words}");
        }
    }
}
