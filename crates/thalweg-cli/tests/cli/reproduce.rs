//! `thalweg reproduce` and `thalweg report`: files, verdicts, refusals.

use crate::harness::{file, run};

#[test]
fn a_figure_its_data_and_a_report() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let page = run(&["reproduce", "cor4", "--quick", "--out", out]);
    insta::with_settings!({ filters => vec![
        (out, "[out]"),
        // Rounding, which depends on the processor's vector width.
        (r"relative error -?[\d.]+e-1\d", "relative error [rounding]"),
    ]}, { insta::assert_snapshot!(page.whole()) });
    for name in [
        "cor4.svg",
        "cor4.png",
        "cor4.csv",
        "results.json",
        "report.html",
    ] {
        assert!(directory.path().join(name).is_file(), "{name}");
    }
    std::fs::remove_file(directory.path().join("report.html")).unwrap();
    let report = run(&["report", out]);
    assert_eq!(
        (report.status, report.stdout),
        (Some(0), format!("{out}/report.html\n"))
    );
    assert!(directory.path().join("report.html").is_file());
}

#[test]
fn what_holds_no_results_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().to_str().unwrap();
    let (_other, path) = file("results.json", b"{\"figures\": 7}");
    let damaged = path.parent().unwrap().to_str().unwrap();
    for place in [empty, damaged, "nowhere"] {
        let refused = run(&["report", place]);
        assert_eq!(
            (refused.status, refused.stdout.as_str()),
            (Some(2), ""),
            "{place}"
        );
        assert!(refused.stderr.contains(place), "{}", refused.stderr);
    }
    let unknown = run(&["reproduce", "fig99"]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (Some(2), ""));
    assert!(unknown.stderr.contains("fig99"), "{}", unknown.stderr);
}
