//! The page of a probe's log, as far as it is written.

use std::fmt::Write as _;
use std::fs;

use thalweg_lab::probe::{LOG_FILE, SETTINGS_FILE};

use super::*;

const HEAD: &str = "step,quantity,layer,value,error,kind,method\n";

fn page_of(rows: &str) -> (String, ProbeLog) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(LOG_FILE), format!("{HEAD}{rows}")).unwrap();
    fs::write(folder.path().join(SETTINGS_FILE), r#"{"overhead": 0.05}"#).unwrap();
    let path = crate::report::write(folder.path()).unwrap();
    (
        fs::read_to_string(path).unwrap(),
        ProbeLog::read(folder.path()).unwrap(),
    )
}

#[test]
fn the_last_numbers_stand_with_their_errors_and_ways() {
    let (page, log) = page_of(
        "0,lambda_max,,2,0.5,residual,cold Lanczos\n\
         0,edge_of_stability,,20,,,learning rate\n\
         0,strange_thing,,-1,,,own\n\
         10,lambda_max,,4.25,0.125,residual,warm Lanczos\n\
         10,fluctuation,,8.1,0.4,standard-error,hooks\n\
         10,fluctuation,conv1,3.5,,,hooks\n\
         20,fluctu",
    );
    for expected in [
        "4.25 (residual 0.125) at step 10; cold Lanczos (1 ×), warm Lanczos (1 ×)",
        "8.10 ± 0.40 at step 10; hooks (1 ×)",
        "<dt>layer conv1</dt><dd>fluctuation 3.5 at step 10</dd>",
        "<dt>overhead</dt><dd>0.05</dd>",
        "up to step 10.",
        "strange thing",
    ] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    let panels = draw(&log).panels;
    // 2/η is a line in the eigenvalue's panel.
    let series: Vec<usize> = panels.iter().map(|panel| panel.series.len()).collect();
    assert_eq!(series, [2, 1, 1]);
    assert_eq!(panels[0].series[1].points[0].y, 20.0);
    assert_eq!(panels[1].series[0].points[0].error, 0.4);
}

#[test]
fn an_empty_log_has_a_page() {
    let (page, _) = page_of("");
    assert!(page.contains("Nothing is measured yet."));
}

/// However long the training, its page can be looked at; and the last reading is on it.
#[test]
fn long_logs_are_thinned() {
    let mut rows = String::new();
    for step in 0..20_000 {
        let _ = writeln!(rows, "{step},loss,,{},,,forward", 1.0 / f64::from(1 + step));
    }
    let (page, log) = page_of(&rows);
    assert!(page.len() < 300_000, "{}", page.len());
    let series = &draw(&log).panels[0].series[0].points;
    assert!((900..=1000).contains(&series.len()), "{}", series.len());
    assert_eq!(series.last().unwrap().x, 19_999.0);
}

/// An open page loads itself again, and loads nothing else.
#[test]
fn a_watched_page_is_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(LOG_FILE), HEAD).unwrap();
    let read = |seconds| {
        let path = crate::report::write_live(folder.path(), seconds).unwrap();
        fs::read_to_string(path).unwrap()
    };
    let (still, watched) = (read(None), read(Some(7)));
    let tag = "<meta http-equiv=\"refresh\" content=\"7\">";
    assert!(!still.contains("http-equiv=\"refresh\"") && watched.contains(tag));
    assert_eq!(watched.replace(tag, ""), still);
}

/// Momentum moves the threshold of plain SGD; Adam's belongs to the preconditioned eigenvalue.
#[test]
fn thresholds_stand_beside_what_they_are_of() {
    let rows = |threshold: f64, more: &str| {
        format!(
            "0,lambda_max,,2,,,Lanczos\n0,edge_of_stability,,20,,,2/η\n0,stability_threshold,,{threshold},,,own\n{more}"
        )
    };
    let series = |rows: &str| -> Vec<usize> {
        let (_, log) = page_of(rows);
        let panels = draw(&log).panels;
        panels.iter().map(|panel| panel.series.len()).collect()
    };
    assert_eq!(series(&rows(20.0, "")), [2]);
    assert_eq!(series(&rows(38.0, "")), [3]);
    let adam = "0,preconditioned_lambda_max,,5,,,Lanczos\n";
    assert_eq!(series(&rows(38.0, adam)), [2, 2]);
}
