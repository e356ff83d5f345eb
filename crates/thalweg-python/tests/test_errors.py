"""Errors are `ValueError`s that name the field, of whatever kind the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TRAINING

import thalweg


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(learning_rate=0.01), "`batch` is missing"),
        (dict(batch=10), "`learning_rate` is missing"),
        (dict(learning_rate=-1.0, batch=1), "`learning_rate` is -1"),
        (dict(learning_rate=float("nan"), batch=1), "`learning_rate` is NaN"),
        (dict(learning_rate="fast", batch=1), "`learning_rate` is \"fast\""),
        (dict(learning_rate=0.1, batch=0), "`batch` is 0"),
        (dict(learning_rate=0.1, batch=-3), "`batch` is -3"),
        (dict(learning_rate=0.1, batch=1.5), "`batch` is 1.5"),
        (dict(learning_rate=0.1, batch=2**70), "`batch` is"),
        (dict(learning_rate=0.1, batch=2**200), "`batch` is"),
    ],
)
def test_predict(problem: thalweg.Problem, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.predict(problem, **given)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), "long"])
def test_seconds_for_sgd(problem: thalweg.Problem, seconds: Any) -> None:
    with pytest.raises(ValueError, match="`simulate_seconds` is"):
        thalweg.predict(problem, 0.003, 10, simulate_seconds=seconds)
    with pytest.raises(ValueError, match="`seconds` is"):
        thalweg.design(problem, 0.003, 10, ratio=1.0, seconds=seconds)


def test_sgd_runs_at_a_step_of_ones_own(problem: thalweg.Problem) -> None:
    with pytest.raises(ValueError, match="`learning_rate` and `batch` are missing"):
        thalweg.predict(problem, simulate_seconds=1.0)


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(learning_rate=0.01), "`batch` is missing"),
        (dict(batch=10), "`learning_rate` is missing"),
        (dict(learning_rate=-0.1, batch=10), "`learning_rate` is -0.1"),
        (dict(learning_rate=0.1, batch=2.5), "`batch` is 2.5"),
        (dict(depth=-1), "`depth` is -1"),
        (dict(depth=0), "`depth` is 0: a network has from 1 to 100000 layers"),
        (dict(depth=100_001), "`depth` is 100001: a network"),
        (dict(depth=2.5), "`depth` is 2.5"),
        (dict(resamples=-3), "`resamples` is -3"),
        (dict(seed=-1), "`seed` is -1"),
        (dict(inputs=[[1.0], [float("nan")], [2.0]]), "inputs has numbers that are not finite"),
        (dict(targets=[1.0, float("inf"), 2.0]), "targets has numbers that are not finite"),
        (dict(target_names=["a", "b"]), "`target_names` is \\['a', 'b'\\]: one is needed for each of the 1 columns"),
        (dict(target_names=["a", 1]), r"target_names\[1\] = 1: must be a text"),
        (dict(targets=["a", 1, "b"]), "`targets` has entries of type int, str: words alone"),
        (dict(target_names="ab"), "target_names = 'ab': must be a list"),
        (dict(targets=3.0), "`targets` is 3.0: one row"),
        (dict(targets=[[1.0], [2.0, 3.0], [4.0]]), "`targets` are no array"),
        (dict(targets=[1j, 2.0, 3.0]), "`targets` is an array of complex128"),
        (dict(targets=np.array(["2020-01-01"] * 3, dtype="datetime64[D]")), "`targets` is an array of datetime64"),
        (dict(targets=np.ma.masked_less([1.0, 2.0, 4.0], 2.0)), "`targets` has masked entries"),
        (dict(inputs=np.ma.masked_less([[1.0], [2.0], [4.0]], 2.0)), "`inputs` has masked entries"),
        (dict(targets=np.array(["a", None, "b"], dtype=object)), "`targets` has entries of type NoneType, str: words alone"),
        (dict(targets=np.array(["a", float("nan"), "b"], dtype=object)), "`targets` has entries of type float, str: words alone"),
        (dict(targets=[[1.0, 2.0], [2.0, 1.0], [4.0, 0.0]], target_names=["a", "a"]), "a name of its own"),
        (dict(inputs=np.arange(18.0).reshape(3, 6) % 5), "^`inputs`: has 3 whole rows and 6 inputs: .*; leave columns out, or add rows$"),
    ],
)
def test_diagnose(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.diagnose(**{"inputs": [[1.0], [3.0], [2.0]], "targets": [1.0, 2.0, 4.0], **given})


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(ratio=[1, 2]), r"ratio = \[1, 2\]: must be a number"),
        (dict(ratio="a"), "ratio = 'a': must be a number"),
        (dict(ratio=True), "ratio = True: must be a number"),
        (dict(ratio=1.0, by=[]), "by is empty"),
        (dict(ratio=1.0, by="whitening"), r"by = 'whitening': must be a list, such as \['whitening'\]"),
    ],
)
def test_design(problem: thalweg.Problem, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.design(problem, 0.003, 10, **given)


def test_runs_to_contrast_are_listed() -> None:
    with pytest.raises(ValueError, match="runs = 'run': must be a list"):
        thalweg.contrast("run")
    with pytest.raises(ValueError, match=r"runs\[0\] = 3: must be a path"):
        thalweg.contrast([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="runs is empty"):
        thalweg.contrast([])


def test_a_problem_without_noise_has_no_minimum() -> None:
    problem = thalweg.Problem(depth=2, input_covariance=[[1]], teacher=[[1]], noise_covariance=[[0]])
    with pytest.raises(ValueError, match="noise_covariance is zero"):
        thalweg.predict(problem)


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(), "`slow_time` is missing"),
        (dict(slow_time=[1.0], steps=3), "both given"),
        (dict(slow_time=[1.0, 0.5]), r"`slow_time\[1\]` is 0.5"),
        (dict(slow_time=[-1.0]), r"`slow_time\[0\]` is -1"),
        (dict(slow_time=[float("inf")]), r"`slow_time\[0\]`"),
        (dict(slow_time=[[1.0]]), "slow_time is an array with 2 dimensions"),
        (dict(steps=10, batch=1), "`learning_rate` is missing"),
        (dict(steps=10, learning_rate=0.1), "`batch` is missing"),
        (dict(steps=[3, 2], learning_rate=0.1, batch=1), r"`steps\[1\]` is 2"),
        (dict(steps="many", learning_rate=0.1, batch=1), "`steps` is \"many\""),
        (dict(slow_time=[1.0], drift="other"), "`drift` is \"other\""),
        (dict(slow_time=[1.0], drift="finite", batch=1), "`learning_rate` is missing"),
        (dict(slow_time=[1.0], drift="finite", learning_rate=0.1), "`batch` is missing"),
        (dict(slow_time=[1.0], drift="finite", learning_rate=0.5, batch=1), "no stationary law"),
        (dict(slow_time=[1.0], init="none"), "`init` is \"none\""),
        (dict(slow_time=[1.0], seed=-1), "`seed` is -1"),
        (dict(slow_time=[1.0], start_weights=[np.eye(2)]), "start_weights: 1 weight matrices"),
        (dict(slow_time=[1.0], start_weights=[np.eye(2), np.eye(2), np.eye(3)]), "start_weights: W_3 is 3 × 3"),
        (dict(slow_time=[1.0], start_weights=[np.eye(2), np.eye(2), [1.0]]), r"start_weights\[2\]"),
        (dict(slow_time=[1.0], start_weights=3), "start_weights"),
        (dict(slow_time=[1.0], start_weights=[np.zeros((2, 2))] * 3), "saddle"),
    ],
)
def test_flow(problem: thalweg.Problem, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.flow(problem, **given)


STEP: dict[str, Any] = dict(learning_rate=0.01, batch=10, steps=10)


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(batch=10, steps=10), "`learning_rate` is missing"),
        (dict(STEP, steps=-1), "`steps` is -1"),
        (dict(STEP, sed=4), "did you mean `sam` or `seeds`"),
        (dict(STEP, seeds=[1, 1]), r"`seeds\[1\]` is 1"),
        (dict(STEP, seeds=[]), "`seeds` is an empty list"),
        (dict(STEP, seeds=set()), "`seeds` is of type set"),
        (dict(STEP, measure={"spacing": "cubic"}), "`measure.spacing`"),
        (dict(STEP, init="kaiming", start_weights=[np.eye(2)] * 3), "both given"),
        (dict(STEP, start_weights=[np.eye(3)] * 3), "start_weights"),
        (dict(STEP, momentum=2.0), "momentum"),
    ],
)
def test_simulate(problem: thalweg.Problem, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.simulate(problem, **given)


def test_lists_that_hold_themselves(problem: thalweg.Problem) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deeply"):
        thalweg.simulate(problem, **STEP, seeds=endless)


@pytest.mark.parametrize(
    "path, value, words",
    [
        ("batch", 0, "`batch` is 0"),
        ("network.hidden", [0], r"`network.hidden\[0\]` is 0"),
        ("network.activation", "sine", "`network.activation`"),
        ("data.noise_standard_deviations", [1, 2, 3], "noise"),
    ],
)
def test_train(path: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.train(TRAINING, **{path: value})


def test_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.toml"):
        thalweg.train(tmp_path / "nowhere.toml")
    file = tmp_path / "wrong.toml"
    file.write_text("depth = 2\nlearning_rate = 0\n")
    with pytest.raises(ValueError, match=r"wrong\.toml"):
        thalweg.simulate(str(file))
    with pytest.raises(ValueError, match="no such directory"):
        thalweg.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no run"):
        thalweg.load(tmp_path)
    with pytest.raises(ValueError, match="the experiment is of type"):
        thalweg.train(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a table with the key"):
        thalweg.simulate({3: 4})  # type: ignore[dict-item]


def test_measure(tmp_path: Path, problem: thalweg.Problem) -> None:
    with pytest.raises(ValueError, match="without a directory"):
        thalweg.measure(thalweg.train(TRAINING, steps=2))
    with pytest.raises(ValueError, match="without a directory|no directory"):
        _ = thalweg.train(TRAINING, steps=2).networks
    thalweg.simulate(problem, **STEP, out=tmp_path / "linear")
    with pytest.raises(ValueError, match="another kind"):
        thalweg.measure(tmp_path / "linear")
    training = thalweg.train(TRAINING, steps=2, out=tmp_path / "run")
    with pytest.raises(ValueError, match="no network of seed 9"):
        thalweg.measure(training, seed=9)
    with pytest.raises(ValueError, match="`samples` is 1"):
        thalweg.measure(training, samples=1)
    with pytest.raises(ValueError, match="`top` is 0"):
        thalweg.measure(training, top=0)
    with pytest.raises(ValueError, match='`on` is "both"'):
        thalweg.measure(training, on="both")  # type: ignore[arg-type]


def test_a_directory_that_cannot_be_used(problem: thalweg.Problem, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        thalweg.simulate(problem, **STEP, out=tmp_path / "other")
    thalweg.simulate(problem, **STEP, out=tmp_path / "run")
    with pytest.raises(ValueError, match="another experiment"):
        thalweg.simulate(problem, **dict(STEP, batch=11), out=tmp_path / "run")
    with pytest.raises(ValueError, match="is a file"):
        thalweg.simulate(problem, **STEP, out=tmp_path / "other/file")
    with pytest.raises(RuntimeError, match="cannot write"):
        thalweg.simulate(problem, **STEP, out="/proc/nowhere")


def test_progress_is_a_function(problem: thalweg.Problem) -> None:
    with pytest.raises(ValueError, match="`progress` is 3"):
        thalweg.simulate(problem, **STEP, progress=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [2**63, 2**65, 2**200, -1, 1.5, "a"])
def test_seeds(problem: thalweg.Problem, seed: Any) -> None:
    run = thalweg.simulate(problem, **STEP, seeds=[3])
    calls = {
        "`seeds": lambda: thalweg.simulate(problem, **STEP, seeds=[seed]),
        "`seed` is": lambda: thalweg.flow(problem, slow_time=[1.0], seed=seed),
        "`seed` is .*: one of 3 is needed": lambda: run.measurements.series("loss", seed),
        "^seed = ": lambda: thalweg.evaluation_set(TRAINING, seed=seed),
        "^run_seed = ": lambda: thalweg.evaluation_set(TRAINING, run_seed=seed),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=name):
            call()


@pytest.mark.parametrize("samples", [0, -1, 2.5, 2**70])
def test_an_evaluation_set_has_samples(samples: Any) -> None:
    with pytest.raises(ValueError, match="samples = "):
        thalweg.evaluation_set(TRAINING, samples=samples)


def test_numbers_of_numpy_are_taken() -> None:
    seed: Any = np.float64(3.0)
    inputs, _ = thalweg.evaluation_set(TRAINING, samples=np.int64(7), seed=seed)  # type: ignore[arg-type]
    np.testing.assert_array_equal(inputs, thalweg.evaluation_set(TRAINING, samples=7, seed=3)[0])
    matrix = np.diag(np.arange(1.0, 41.0))
    assert thalweg.eigenpairs(matrix, seed=seed).values == thalweg.eigenpairs(matrix, seed=3).values
    assert thalweg.trace(matrix, products=8, seed=seed) == thalweg.trace(matrix, products=8, seed=3)
    assert thalweg.density(matrix, probes=2, steps=4, seed=seed).moment(1) == thalweg.density(matrix, probes=2, steps=4, seed=3).moment(1)
    thalweg.check_symmetry(matrix, seed=seed)


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(targets="yes"), r"targets = 'yes': must be a list, such as \['yes'\]"),
        (dict(targets=["y", 3]), r"targets\[1\] = 3: must be a text"),
        (dict(targets=3), "targets = 3: must be a list"),
        (dict(targets=["yes"], without="x"), "without = 'x': must be a list"),
    ],
)
def test_columns_of_a_file_are_listed(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    # Letter by letter "yes" names three columns.
    (tmp_path / "table.csv").write_text("x,y,e,s,yes\n" + "".join(f"{i % 7},{i % 3},{i % 4},{i % 5},{i % 6}\n" for i in range(90)))
    with pytest.raises(ValueError, match=words):
        thalweg.diagnose_file(tmp_path / "table.csv", **given)


@pytest.mark.parametrize(
    "targets, words",
    [
        (np.zeros((40, 0)), r"`targets` has the shape \(40, 0\): at least one column"),
        (np.ones(40), "^`targets`: the target .* has the same value in every row"),
        (["a"] * 40, "^`targets`: every row is of the class `a`"),
        (np.arange(40.0), "^`targets`: the targets are linear functions of the inputs"),
    ],
)
def test_faults_of_targets_are_not_of_inputs(targets: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.diagnose(np.arange(40.0)[:, np.newaxis], targets)


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(ratio=1.2, by=["whitening", 3]), r"by\[1\] = 3: must be a text"),
        (dict(stable="yes"), "stable = 'yes': must be True or False"),
        (dict(stable=1), "stable = 1: must be True or False"),
    ],
)
def test_levers(problem: thalweg.Problem, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.design(problem, 0.003, 10, **given)


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(k=1, basis="a"), "basis = 'a'"),
        (dict(k=1, max_products=-1), "max_products = -1"),
        (dict(steps=3, probes=2.5), "probes = 2.5"),
    ],
)
def test_memory(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.curvature_memory(10, **given)


@pytest.mark.parametrize("warm", ["a", [[1.0, 2.0], [3.0]], object()])
def test_a_warm_start_is_of_numbers(warm: Any) -> None:
    with pytest.raises(ValueError, match="warm is a (str|list|object), of which no array"):
        thalweg.eigenpairs(np.eye(3), warm=warm)
