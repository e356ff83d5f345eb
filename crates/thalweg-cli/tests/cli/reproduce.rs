//! `thalweg reproduce` and `thalweg report`: files, verdicts, refusals.

use crate::harness::{file, interrupted, run};

#[test]
fn a_figure_its_data_and_a_report() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let page = run(&["reproduce", "cor4", "--quick", "--out", out]);
    insta::with_settings!({ filters => vec![
        (out, "[out]"),
        // Rounding, which depends on the processor's vector width.
        (r": -?[\d.]+e-1\d %", ": [rounding] %"),
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

/// A file where the directory should be cannot be written into, whoever asks.
#[test]
fn an_unusable_directory_is_an_error_that_names_it() {
    let (_directory, path) = file("taken", b"precious");
    let below = path.join("out");
    let refused = run(&["reproduce", "cor4", "--out", below.to_str().unwrap()]);
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("taken"), "{}", refused.stderr);
    assert_eq!(std::fs::read(path).unwrap(), b"precious");
}

/// The file size limit stands for the disk that fills up: it has room for the first files alone.
#[cfg(unix)]
#[test]
fn a_full_disk_keeps_the_earlier_figure_whole() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    assert_eq!(
        run(&["reproduce", "cor4", "--quick", "--out", out]).status,
        Some(0)
    );
    let state = || {
        let mut files: Vec<_> = std::fs::read_dir(out)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (std::fs::read(&path).unwrap(), path))
            .collect();
        files.sort();
        files
    };
    let before = state();
    let limited = |arguments: &[&str]| {
        // In blocks of 512 bytes.
        let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\"";
        let output = std::process::Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_thalweg")])
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for arguments in [&["reproduce", "cor4", "--out", out][..], &["report", out]] {
        let (status, message) = limited(arguments);
        assert_eq!(status, Some(1), "{message}");
        assert!(message.contains("cannot write"), "{message}");
        assert_eq!(state(), before, "{arguments:?}");
    }
}

/// Ctrl-C, then SIGTERM, while a long figure is made: status 130, and what was finished before is kept, with its report.
#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_keep_finished_figures() {
    for signal in ["-INT", "-TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().to_str().unwrap();
        let begins = directory.path().join("cor4.csv");
        let all = ["reproduce", "cor4", "flow-vs-sgd", "--out", out];
        let stopped = interrupted(&all, signal, &begins);
        assert_eq!(
            (stopped.status, stopped.stdout.as_str()),
            (Some(130), ""),
            "{}",
            stopped.stderr
        );
        let results = std::fs::read(directory.path().join("results.json")).unwrap();
        let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
        let figures = results["figures"].as_array().unwrap();
        assert_eq!(figures.len(), 1);
        assert_eq!(figures[0]["id"], "cor4");
        assert!(directory.path().join("report.html").is_file());
    }
}
