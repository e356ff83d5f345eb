//! What a page of several runs shows, from runs made here.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use thalweg_lab::run;
use thalweg_lab::spec::{Draft, Experiment};

fn made(folder: &Path, name: &str, changed: &str) -> PathBuf {
    let text = format!(
        "name = \"{name}\"\ndepth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
         noise_standard_deviations = [1, 0.5]\nbatch = 10\nsteps = 100\n{changed}"
    );
    let experiment = Draft::from_toml(&text)
        .unwrap()
        .experiment::<Experiment>()
        .unwrap();
    let out = folder.join(name);
    let stop = AtomicBool::new(false);
    run::run(&experiment, &out, Duration::from_secs(60), &mut (), &stop).unwrap();
    out
}

fn with(changes: [(&str, &str); 2]) -> Contrast {
    let folder = tempfile::tempdir().unwrap();
    let runs = changes.map(|(name, changed)| made(folder.path(), name, changed));
    Contrast::read(&runs).unwrap()
}

#[test]
fn the_first_run_beside_itself_is_a_factor_of_one_and_nothing_differs() {
    let same = "learning_rate = 0.01\nseeds = 3";
    let page = contrast(&with([("a", same), ("b", same)]), "again");
    assert!(page.contains("<div class=\"note\">× 1</div>"));
    assert!(page.contains("these are runs of one specification"));
}

#[test]
fn ends_and_differences_stand_in_tables_and_curves_over_one_another() {
    let found = with([
        ("slow", "learning_rate = 0.01\nseeds = 3"),
        ("fast", "learning_rate = 0.02\nseeds = 3"),
    ]);
    let page = contrast(&found, "again");
    assert!(page.contains("<tr><td><code>learning_rate</code></td><td><code>0.01</code></td><td><code>0.02</code></td></tr>"));
    assert!(page.contains("drawn against the slow time"));
    // Each table and the picture can be moved sideways alone, and reached and named without a mouse.
    for heading in ["ends", "differences", "curves-title"] {
        let named = format!("id=\"{heading}\">");
        let region = format!("tabindex=\"0\" role=\"region\" aria-labelledby=\"{heading}\"><");
        assert!(page.contains(&named) && page.contains(&region), "{heading}");
    }
    assert_eq!(page.matches("<table>").count(), 2);
    assert_eq!(page.matches("class=\"wide\"").count(), 3);
    let figure = draw(&found, one_clock(&found));
    assert_eq!(figure.panels.len(), found.ends.len());
    for (panel, ends) in figure.panels.iter().zip(&found.ends) {
        let names: Vec<&str> = panel.series.iter().map(|series| &*series.name).collect();
        assert_eq!(names, ["slow", "fast"]);
        // The last point of either is at 100 steps of its own η, η²/B apart.
        let last: Vec<f64> = panel
            .series
            .iter()
            .map(|s| s.points.last().unwrap().x)
            .collect();
        assert!((last[1] / last[0] - 4.0).abs() < 1e-9);
        let value = ends.of_run[1].value.unwrap();
        assert!(page.contains(&to_html(&with_error(value.mean, value.standard_error))));
    }
}

#[test]
fn runs_of_one_clock_are_drawn_against_steps() {
    let found = with([
        ("a", "learning_rate = 0.01\nseeds = 2"),
        ("b", "learning_rate = 0.01\nseeds = 1"),
    ]);
    let figure = draw(&found, one_clock(&found));
    assert_eq!(figure.panels[0].x.label, "step t");
    assert_eq!(figure.panels[0].series[0].points.last().unwrap().x, 100.0);
}
