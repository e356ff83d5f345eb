//! Reports hold what was measured, load nothing from outside, and escape what they quote.

use std::fs;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::reproduce::find;
use crate::results::Budget;
use crate::results::ResultsError;
use thalweg_lab::store::json;

fn cheap(directory: &Path) -> Results {
    let figures = find(&[
        "cor1".to_owned(),
        "corrections".to_owned(),
        "anisotropy-depth".to_owned(),
    ])
    .unwrap();
    crate::reproduce::write(
        &figures,
        Budget::Quick,
        directory,
        &|_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap()
}

#[test]
fn a_reproduction_leaves_pictures_data_results_and_a_page_that_loads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let results = cheap(directory.path());
    let page = fs::read_to_string(directory.path().join(REPORT_FILE)).unwrap();
    for figure in &results.figures {
        for extension in ["svg", "png", "csv"] {
            let path = directory.path().join(format!("{}.{extension}", figure.id));
            assert!(
                fs::metadata(&path).unwrap().len() > 500,
                "{}",
                path.display()
            );
        }
        assert!(page.contains(&format!("id=\"{}\"", figure.id)));
        assert!(!figure.claims.is_empty());
    }
    // The one address that may stand in a page is the name of SVG's namespace, which nothing loads.
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "//cdn", "src=", "@import", "url(", "<script", "<link",
    ] {
        assert!(!addresses.contains(outside), "the page contains {outside}");
    }
    // Rebuilding from the saved files gives the same page, to the last byte.
    fs::remove_file(directory.path().join(REPORT_FILE)).unwrap();
    assert_eq!(
        fs::read_to_string(write(directory.path()).unwrap()).unwrap(),
        page
    );
}

#[test]
fn earlier_figures_stay_with_their_own_budget() {
    let directory = tempfile::tempdir().unwrap();
    let make = |id: &str, budget| {
        let figures = find(&[id.to_owned()]).unwrap();
        let stop = AtomicBool::new(false);
        crate::reproduce::write(&figures, budget, directory.path(), &|_, _| {}, &stop).unwrap()
    };
    let later = make("corrections", Budget::Full).figures;
    let cor1 = make("cor1", Budget::Quick).figures;
    let read = || Results::read(directory.path()).unwrap().figures;
    // In the report's order, each with what made it.
    assert_eq!(read(), [cor1[0].clone(), later[0].clone()]);
    let page = fs::read_to_string(directory.path().join(REPORT_FILE)).unwrap();
    for shown in [
        "id=\"cor1\"",
        "id=\"corrections\"",
        "quick: long",
        "<dd>full</dd>",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    let again = make("cor1", Budget::Full).figures;
    assert_eq!(read(), [again[0].clone(), later[0].clone()]);
    // A figure without its picture is told, and keeps its claims.
    fs::remove_file(directory.path().join("corrections.svg")).unwrap();
    let again = make("cor1", Budget::Full);
    assert_eq!(read(), [again.figures[0].clone(), later[0].clone()]);
    assert_eq!(again.failures[0].id, "corrections");
    assert!(
        again.failures[0]
            .error
            .contains("corrections.svg is missing")
    );
}

#[test]
fn what_is_not_a_reproduction_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(RESULTS_FILE);
    fs::write(&path, "{ \"mine\": 3 }").unwrap();
    let figures = find(&["cor1".to_owned()]).unwrap();
    let stop = AtomicBool::new(false);
    let refused =
        crate::reproduce::write(&figures, Budget::Quick, directory.path(), &|_, _| {}, &stop);
    assert!(refused.unwrap_err().to_string().contains(RESULTS_FILE));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ \"mine\": 3 }");
}

#[test]
fn words_are_escaped_and_damage_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut results = cheap(directory.path());
    results.figures[0].title = "<script>alert(1)</script> & more".to_owned();
    results.figures[0].claims[0].statement = "a < b".to_owned();
    let path = directory.path().join(RESULTS_FILE);
    fs::write(&path, json(&results).unwrap()).unwrap();
    let page = fs::read_to_string(write(directory.path()).unwrap()).unwrap();
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; more")
            && page.contains("a &lt; b")
    );
    assert!(!page.contains("<script"));
    let other = serde_json::json!({ "environment": 3 });
    fs::write(&path, json(&other).unwrap()).unwrap();
    assert!(matches!(
        write(directory.path()),
        Err(ReportError::Results(ResultsError::Damaged { .. }))
    ));
}

#[test]
fn a_finished_run_is_drawn_beside_theory_and_flow() {
    let directory = tempfile::tempdir().unwrap();
    let specification = directory.path().join("experiment.toml");
    let text = "name = \"a <small> run\"\ndepth = 2\ninput_covariance = [[1, 0], [0, 1]]\n\
                teacher = [[1, 0], [0, 1]]\nnoise_standard_deviations = [1, 0.5]\n\
                learning_rate = 0.01\nbatch = 10\nsteps = 400\nseeds = [1, 2]\n";
    fs::write(&specification, text).unwrap();
    let experiment =
        thalweg_lab::spec::read_experiment::<thalweg_lab::spec::Experiment>(&specification)
            .unwrap();
    let run = directory.path().join("run");
    let save_every = std::time::Duration::from_secs(60);
    thalweg_lab::run::run(
        &experiment,
        &run,
        save_every,
        &mut (),
        &AtomicBool::new(false),
    )
    .unwrap();
    let page = fs::read_to_string(write(&run).unwrap()).unwrap();
    for shown in [
        "a &lt;small&gt; run",
        "slow flow",
        "exact limit",
        "fluctuation F",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(page.contains("<polyline"));
}

/// The page of a finished run of `text`.
fn page_of(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let specification = directory.path().join("experiment.toml");
    fs::write(&specification, text).unwrap();
    let experiment =
        thalweg_lab::spec::read_experiment::<thalweg_lab::spec::Experiment>(&specification)
            .unwrap();
    let run = directory.path().join("run");
    let (save_every, stop) = (std::time::Duration::from_secs(60), AtomicBool::new(false));
    thalweg_lab::run::run(&experiment, &run, save_every, &mut (), &stop).unwrap();
    fs::read_to_string(write(&run).unwrap()).unwrap()
}

/// What can be shown is shown, and what no predictor answers is a sentence: without label noise there is no
/// limit, a wide network's flow is not followed, and where all runs diverge there is no mean.
#[test]
fn a_run_that_some_predictor_does_not_answer_has_a_page() {
    let common = "depth = 2\nlearning_rate = 0.01\nbatch = 10\nsteps = 20\nseeds = [1, 2]\n";
    let small =
        format!("{common}input_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n");
    let page = page_of(&format!("{small}noise_standard_deviations = [0, 0]\n"));
    assert!(page.contains("No limit t → ∞: ") && page.contains("slow flow"));
    assert!(page.contains("<polyline"));

    let one = |i: usize, j: usize| if i == j { "1" } else { "0" };
    let row = |i: usize| {
        format!(
            "[{}]",
            (0..32).map(|j| one(i, j)).collect::<Vec<_>>().join(",")
        )
    };
    let identity = format!("[{}]", (0..32).map(row).collect::<Vec<_>>().join(","));
    let wide = format!(
        "{common}input_covariance = {identity}\nteacher = {identity}\nnoise_covariance = {identity}\n"
    );
    let page = page_of(&wide);
    assert!(
        page.contains("No slow flow: the network has 2048 weights"),
        "{page}"
    );
    assert!(page.contains("exact limit (Theorem 1)") && page.contains("<polyline"));
    assert!(page.contains("no prediction here says how far towards it 20 steps lead"));

    let page = page_of(
        &format!("{small}noise_standard_deviations = [1, 1]\n")
            .replace("learning_rate = 0.01", "learning_rate = 50")
            .replace("steps = 20", "steps = 2000"),
    );
    assert!(page.contains("All 2 runs diverged, by step "));
}

#[test]
fn a_directory_with_neither_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(
        write(directory.path()),
        Err(ReportError::Nothing { .. })
    ));
}
