//! `thalweg sweep submit`: what is handed to Slurm, and what its tasks then do. `.ci/slurm` has a real one.

use crate::harness::run;
use crate::sweep::with_one_cell;

/// What would be given to Slurm: what is missing, several to a task, with the user's own options.
#[test]
fn what_is_missing_is_handed_to_slurm() {
    let (_folder, place) = with_one_cell("1");
    let name = place.to_str().unwrap();
    let submit = [
        "sweep",
        "submit",
        name,
        "--slurm",
        "--dry-run",
        "--at-once",
        "3",
    ];
    let one = run(&[&submit[..], &["--per-task", "1", "--", "--time=5"]].concat());
    let expected = format!(
        "# Nothing is submitted, and neither the script nor the list of cells that the commands name is written:\n\
         # the same command without --dry-run does both.\n\
         sbatch --parsable --array=0-2%3 --requeue --open-mode=append --signal=B:TERM@60 --output={name}/slurm/logs/%A_%a.log --job-name=thalweg --time=5 {name}/slurm/job.sh "
    );
    assert!(one.stdout.starts_with(&expected), "{}", one.stdout);
    let list = format!(" {name} {name}/slurm/cells-");
    assert!(one.stdout.contains(&list), "{}", one.stdout);
    assert!(one.stdout.ends_with(".txt 1 0 3\n"), "{}", one.stdout);
    let two = run(&[&submit[..], &["--per-task", "2"]].concat());
    assert!(two.stdout.contains("--array=0-1%3 "), "{}", two.stdout);
    // Short cells share a task.
    let all = run(&submit);
    assert!(all.stdout.contains("--array=0%3 "), "{}", all.stdout);
    assert!(!place.join("slurm").exists());
}

/// What `submit` says to sbatch itself cannot be said otherwise; nothing is submitted then.
#[test]
fn options_that_submit_sets_are_refused() {
    let (_folder, place) = with_one_cell("1");
    let name = place.to_str().unwrap();
    for (given, option) in [
        ("--array=0-3", "--array"),
        ("-a0", "--array"),
        ("--signal=TERM@30", "--signal"),
        ("-o", "--output"),
        ("--output=log", "--output"),
        ("--requeue", "--requeue"),
        ("--no-requeue", "--no-requeue"),
        ("--open-mode=truncate", "--open-mode"),
    ] {
        let refused = run(&[
            "sweep",
            "submit",
            name,
            "--slurm",
            "--dry-run",
            "--",
            "--time=5",
            given,
        ]);
        assert_eq!((refused.status, &*refused.stdout), (Some(2), ""));
        let words = format!("{option} is set by `thalweg sweep submit` itself");
        assert!(
            refused.stderr.contains(&words),
            "{given}: {}",
            refused.stderr
        );
    }
}

/// A sweep that gains values between submit and start: the task does the cells that it was given, which have other numbers now.
#[cfg(unix)]
#[test]
fn tasks_do_the_cells_that_they_were_submitted_for() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, place) = with_one_cell("1");
    let name = place.to_str().unwrap();
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let given = folder.path().join("given");
    let sbatch = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\necho 7\n",
        given.display()
    );
    let path = programs.join("sbatch");
    std::fs::write(&path, sbatch).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let paths = std::env::var("PATH").unwrap();
    let submitted =
        crate::harness::thalweg(&["sweep", "submit", name, "--slurm", "--per-task", "2"])
            .env("PATH", format!("{}:{paths}", programs.display()))
            .output()
            .unwrap();
    assert!(submitted.status.success(), "{submitted:?}");
    let words = String::from_utf8(submitted.stdout).unwrap();
    assert_eq!(
        words,
        "3 cells in 2 tasks, 2 cells each\nsubmitted array 7\n"
    );
    // Now with another batch before the two: every cell has another number.
    let wider = crate::sweep::SWEEP.replace("values = [1, 10]", "values = [5, 1, 10]");
    let file = folder.path().join("wider.toml");
    std::fs::write(&file, wider).unwrap();
    let planned = run(&["sweep", "plan", file.to_str().unwrap(), "--out", name]);
    assert_eq!(planned.status, Some(0), "{}", planned.stderr);
    let given = std::fs::read_to_string(given).unwrap();
    let job: Vec<&str> = given
        .lines()
        .skip_while(|word| !word.ends_with("job.sh"))
        .collect();
    assert_eq!(job.len(), 7);
    let ran = std::process::Command::new("bash")
        .args(&job)
        .envs([("SLURM_ARRAY_JOB_ID", "7"), ("SLURM_ARRAY_TASK_ID", "0")])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let finished = || run(&["sweep", "status", name, "--json"]).json()["finished"].clone();
    assert_eq!(finished(), 3);
    // Batch 1 at both depths: they are done.
    run(&["sweep", "run", name, "--cell", "1,4"]);
    assert_eq!(finished(), 3);
}
