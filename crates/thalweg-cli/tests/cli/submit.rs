//! `thalweg sweep submit`: what is handed to Slurm, and what its tasks then do. `.ci/slurm` has a real one.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{run, thalweg};
use crate::sweep::with_one_cell;

/// Shell scripts in `folder` by their names, and the PATH on which they come first.
#[cfg(unix)]
fn programs(folder: &Path, scripts: &[(&str, &str)]) -> String {
    use std::os::unix::fs::PermissionsExt;

    let programs = folder.join("programs");
    std::fs::create_dir(&programs).unwrap();
    for (name, script) in scripts {
        let path = programs.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let others = std::env::var("PATH").unwrap();
    format!("{}:{others}", programs.display())
}

/// What would be given to Slurm: what is missing, several to a task, with the user's own options.
#[cfg(unix)]
#[test]
fn what_is_missing_is_handed_to_slurm() {
    let (folder, place) = with_one_cell("1");
    // No cluster, also where there is one.
    let path = programs(folder.path(), &[("scontrol", "exit 1")]);
    let run = |arguments: &[&str]| {
        let ran = thalweg(arguments).env("PATH", &path).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
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
         # No cluster says here how many tasks an array may have (`scontrol show config`, MaxArraySize):\n\
         # 1001 are assumed, Slurm's default.\n\
         sbatch --parsable --array=0-2%3 --requeue --open-mode=append --signal=B:TERM@60 --output={name}/slurm/logs/%A_%a.log --job-name=thalweg --time=5 {name}/slurm/job.sh "
    );
    assert!(one.starts_with(&expected), "{}", one);
    let list = format!(" {name} {name}/slurm/cells-");
    assert!(one.contains(&list), "{}", one);
    assert!(one.ends_with(".txt 1 0 3\n"), "{}", one);
    let two = run(&[&submit[..], &["--per-task", "2"]].concat());
    assert!(two.contains("--array=0-1%3 "), "{}", two);
    // Short cells share a task.
    let all = run(&submit);
    assert!(all.contains("--array=0%3 "), "{}", all);
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
    let (folder, place) = with_one_cell("1");
    let name = place.to_str().unwrap();
    let given = folder.path().join("given");
    let sbatch = format!("printf '%s\\n' \"$@\" >'{}'\necho 7", given.display());
    let path = programs(folder.path(), &[("sbatch", &sbatch)]);
    let submitted = thalweg(&["sweep", "submit", name, "--slurm", "--per-task", "2"])
        .env("PATH", path)
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
    let ran = Command::new("bash")
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

/// Arrays of a dry run are cut where the cluster says, and it is said whose word that is.
#[cfg(unix)]
#[test]
fn a_dry_run_asks_the_cluster_for_the_size_of_arrays() {
    let (folder, place) = with_one_cell("1");
    let scontrol = "[ \"$*\" = 'show config' ] && echo 'MaxArraySize            = 2'";
    let path = programs(folder.path(), &[("scontrol", scontrol)]);
    let name = place.to_str().unwrap();
    let asked = thalweg(&[
        "sweep",
        "submit",
        name,
        "--slurm",
        "--dry-run",
        "--per-task",
        "1",
    ])
    .env("PATH", path)
    .output()
    .unwrap();
    let words = String::from_utf8(asked.stdout).unwrap();
    assert!(words.contains("# The cluster allows 2 tasks in an array (MaxArraySize).\n"));
    let arrays: Vec<&str> = words
        .lines()
        .filter_map(|line| line.split_once("--array=")?.1.split(' ').next())
        .collect();
    assert_eq!(arrays, ["0-1%100", "0%100"], "{words}");
}

/// A task that is killed is tried three times more, however often it was queued again before: when its time was up, or by hand.
#[cfg(unix)]
#[test]
fn kills_are_counted_and_not_requeues() {
    let (folder, place) = with_one_cell("1");
    std::fs::create_dir_all(place.join("slurm/logs")).unwrap();
    let asked = folder.path().join("asked");
    let scontrol = format!("echo \"$*\" >>'{}'", asked.display());
    // A controller that does not answer the first time.
    let busy = folder.path().join("busy");
    let squeue = format!(
        "rm '{}' 2>/dev/null && exit 1; echo RUNNING",
        busy.display()
    );
    let path = programs(
        folder.path(),
        &[
            ("squeue", &squeue),
            ("scontrol", &scontrol),
            ("killed", "kill -KILL $$"),
            ("refuses", "exit 1"),
            ("waits", "echo ready; exec sleep 60"),
        ],
    );
    let job = concat!(env!("CARGO_MANIFEST_DIR"), "/src/command/sweep/job.sh");
    let task = |number: &str, program: &str| {
        let program = folder.path().join("programs").join(program);
        let mut command = Command::new("bash");
        command.arg(job).arg(program).arg(&place);
        command.args(["list", "1", "0", "3"]).env("PATH", &path);
        command.envs([("SLURM_ARRAY_JOB_ID", "7"), ("SLURM_ARRAY_TASK_ID", number)]);
        // As many times as Slurm has queued it again.
        command.env("SLURM_RESTART_COUNT", "9");
        // Where bash says that the program was killed.
        command.stderr(Stdio::null());
        command
    };
    let requeued = || {
        let asked = std::fs::read_to_string(&asked).unwrap_or_default();
        asked.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // Out of time: always again, and no kill.
    for times in 1..=5 {
        let mut waits = task("0", "waits");
        let mut running = waits.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let id = running.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        assert!(running.wait().unwrap().success());
        assert_eq!(requeued().len(), times);
    }
    for kill in 1..=5 {
        let status = task("0", "killed").status().unwrap();
        assert_eq!(status.code(), Some(137));
        assert_eq!(requeued().len(), 5 + kill.min(3), "after {kill} kills");
    }
    // Each task has its own count, and one that ends by itself is not tried again.
    assert_eq!(task("1", "killed").status().unwrap().code(), Some(137));
    assert_eq!(task("1", "refuses").status().unwrap().code(), Some(1));
    let all = requeued();
    assert_eq!((all.len(), &*all[8]), (9, "requeue 7_1"));
    std::fs::write(&busy, "").unwrap();
    assert_eq!(task("2", "killed").status().unwrap().code(), Some(137));
    let all = requeued();
    assert_eq!((all.len(), &*all[9]), (10, "requeue 7_2"));
}
