//! Texts as data: how files name them, which part is trained on, what of their tokens is measured, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use thalweg::data::Sampler;
use thalweg::loss::{Loss, Objective};
use thalweg::model::Network;
use thalweg_lab::network::{Effort, Made, NetworkMeasurement, measure};
use thalweg_lab::saved::SavedNetwork;
use thalweg_lab::spec::{Draft, NetworkExperiment, read_experiment};

const MODEL: &str = "network = { kind = \"language-model\", tokens = 4, width = 4, positions = 3, heads = 2, hidden = 5, activation = \"tanh\" }";

fn file(network: &str, data: &str) -> String {
    format!(
        "learning_rate = 0.1\nbatch = 7\nsteps = 10\nloss = {{ kind = \"cross-entropy\", positions = \"mean\" }}\n\
         {network}\ndata = {data}\nmeasure = {{ samples = 8 }}\n"
    )
}

fn read(folder: &Path, text: &str) -> Result<NetworkExperiment, String> {
    let path = folder.join("experiment.toml");
    fs::write(&path, text).unwrap();
    read_experiment::<NetworkExperiment>(&path).map_err(|error| error.to_string())
}

/// 270 places of a, b and c, then 30 of d: frequency orders them so.
fn text() -> String {
    ["aab", "abc", "cba"].concat().repeat(30) + &"d".repeat(30)
}

#[test]
fn a_text_is_named_or_read_and_written_back() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("book.txt"), text()).unwrap();
    let own = file(MODEL, "{ kind = \"text\", path = \"book.txt\" }");
    let built_in = file(&MODEL.replace(" tokens = 4,", ""), "{ kind = \"alice\" }");
    for (text, tokens) in [(own, 4), (built_in, 70)] {
        let experiment = read(folder.path(), &text).unwrap();
        assert_eq!(experiment.loss, Loss::MeanCrossEntropy);
        assert_eq!(experiment.network.inputs(), tokens);
        assert!(matches!(experiment.network, Network::LanguageModel(_)));
        Made::new(&experiment).unwrap();
        assert_eq!(
            experiment
                .data
                .source
                .about()
                .fingerprint()
                .unwrap()
                .is_some(),
            tokens == 4,
            "only a file has a fingerprint"
        );
        let again = Draft::from_toml(&experiment.to_toml()).unwrap();
        assert_eq!(again.experiment::<NetworkExperiment>().unwrap(), experiment);
    }
    for rnn in ["every", "last"] {
        let network = format!(
            "network = {{ kind = \"rnn\", inputs = 4, hidden = 3, outputs = 4, positions = 3, read = \"{rnn}\" }}"
        );
        let found = read(
            folder.path(),
            &file(&network, "{ kind = \"text\", path = \"book.txt\" }"),
        );
        assert_eq!(found.is_ok(), rnn == "every");
    }
}

/// Nothing of the last tenth is trained on, and nothing else is evaluated on.
#[test]
fn the_last_tenth_is_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("book.txt"), text()).unwrap();
    let data = "{ kind = \"text\", path = \"book.txt\" }";
    let made = Made::new(&read(folder.path(), &file(MODEL, data)).unwrap()).unwrap();
    // `d`, the rarest, has lines 9, 10, 11 of 12.
    let samples = made.samples_of(9, 0).unwrap();
    for line in 0..12 {
        let expected = if line < 9 { 0.0 } else { 9.0 };
        assert_eq!(samples.inputs.row(line).sum(), expected);
        assert_eq!(samples.targets.row(line).sum(), expected);
    }
    assert!(
        made.samples_of(10, 0).is_err(),
        "30 characters hold 9 windows"
    );
    let training = &made.training;
    let mut objective = Objective::<f64>::new(training.tape().clone(), training.loss(), 1000);
    Sampler::new(training.source(), 1).fill(0, &mut objective);
    for line in 9..12 {
        assert!(objective.targets_mut().line(line).iter().all(|&y| y == 0.0));
    }
}

#[test]
fn texts_and_networks_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("book.txt"), text()).unwrap();
    fs::write(folder.path().join("bytes.txt"), [0xff, 0xfe, 0x00]).unwrap();
    let book = "{ kind = \"text\", path = \"book.txt\" }";
    let mlp = "network = { kind = \"mlp\", inputs = 4, hidden = [3], outputs = 4 }";
    let sees_all =
        "network = { kind = \"transformer\", width = 4, positions = 3, heads = 2, hidden = 5 }";
    for (text, part) in [
        (file(mlp, book), "language-model"),
        (file(sees_all, book), "causal"),
        (file(&MODEL.replace(" tokens = 4,", ""), book), "tokens"),
        (
            file(&MODEL.replace("heads = 2", "heads = 3"), book),
            "divides",
        ),
        (file(MODEL, "{ kind = \"text\" }"), "path"),
        (file(MODEL, "{ kind = \"alice\", path = \"x\" }"), "path"),
        (
            file(MODEL, book).replace("\"mean\"", "\"median\""),
            "\"sum\" or \"mean\"",
        ),
    ] {
        let error = read(folder.path(), &text).unwrap_err();
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    for (model, data, part) in [
        (
            MODEL,
            "{ kind = \"text\", path = \"none.txt\" }",
            "none.txt",
        ),
        (MODEL, "{ kind = \"text\", path = \"bytes.txt\" }", "UTF-8"),
        (&MODEL.replace("tokens = 4", "tokens = 9"), book, "4 kinds"),
        (
            &MODEL.replace("positions = 3", "positions = 30"),
            book,
            "30 tokens",
        ),
    ] {
        let experiment = read(folder.path(), &file(model, data)).unwrap();
        let error = Made::new(&experiment).unwrap_err().to_string();
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

/// What is measured of a text's tokens has their names, and comes back from its file.
#[test]
fn tokens_are_measured_by_frequency() {
    let folder = tempfile::tempdir().unwrap();
    // Mixed to the end, so that every character is in the last tenth.
    let mixed: String = (0..600)
        .map(|i| ['a', 'b', 'a', 'c', 'a', 'b', 'd'][i * i % 7])
        .collect();
    let kinds = mixed
        .chars()
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    fs::write(folder.path().join("book.txt"), &mixed).unwrap();
    let model = MODEL.replace("tokens = 4", &format!("tokens = {kinds}"));
    let data = "{ kind = \"text\", path = \"book.txt\" }";
    let experiment = read(folder.path(), &file(&model, data)).unwrap();
    let made = Made::new(&experiment).unwrap();
    let parameters = experiment.init.weights(made.training.tape(), 3);
    let saved = SavedNetwork {
        experiment,
        parameters,
        seed: Some(3),
        step: Some(0),
        data: None,
        notes: Vec::new(),
    };
    let found = measure("it", &saved, 15, 1, Effort::default(), |_| ()).unwrap();
    let tokens = found.tokens.as_ref().unwrap();
    assert_eq!(tokens.groups[0].tokens, ["a"]);
    let shares = |of: fn(&thalweg_lab::network::TokenGroupRecord) -> f64| -> f64 {
        tokens.groups.iter().map(of).sum()
    };
    for sum in [
        shares(|group| group.labels.value),
        shares(|group| group.fluctuation.value),
        shares(|group| group.sharpness.value),
        shares(|group| group.labels.value * group.size.value),
    ] {
        assert!((sum - 1.0).abs() < 1e-10, "{sum}");
    }
    let loss = shares(|group| group.labels.value * group.loss.value);
    assert!((loss - found.loss.value).abs() < 1e-10);
    assert!(tokens.lopsidedness.interval.is_some());
    assert!(found.bounds.is_none() && found.conditional.is_none() && found.outputs.is_empty());
    assert_eq!(found.residuals.as_ref().unwrap().mean.len(), kinds);
    found.write(folder.path()).unwrap();
    assert_eq!(
        NetworkMeasurement::read_all(folder.path()).unwrap(),
        [found]
    );
}
