"""Python answers what the program answers, and either reads the other's directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from conftest import TRAINING, reference

import thalweg

Program = Callable[..., dict[str, Any]]


def written(path: Path, tree: dict[str, Any]) -> Path:
    path.write_text(json.dumps(tree))
    return path


def test_predict(problem: thalweg.Problem, program: Program, tmp_path: Path) -> None:
    path = written(tmp_path / "problem.json", problem.to_dict())
    assert thalweg.predict(problem).to_dict() == program("predict", path)
    found = program("predict", path, "--learning-rate", 0.003, "--batch", 10)
    assert thalweg.predict(problem, 0.003, 10).to_dict() == found


def test_flow(problem: thalweg.Problem, program: Program, tmp_path: Path) -> None:
    case = reference("slow_flow.json")[0]
    path = written(tmp_path / "start.json", case)
    start = case["start_weights"]
    own = thalweg.Problem(
        depth=case["depth"],
        input_covariance=case["input_covariance"],
        teacher=case["teacher"],
        noise_covariance=case["noise_covariance"],
        hidden_widths=[len(layer) for layer in start[:-1]],
    )
    assert thalweg.flow(own, start, case["slow_time"]).to_dict() == program("flow", path)

    path = written(tmp_path / "problem.json", problem.to_dict())
    step = ("--learning-rate", 0.003, "--batch", 10, "--steps", 1000)
    for drift in ("symmetric", "exact", "finite"):
        found = program("flow", path, *step, "--seed", 7, "--drift", drift)
        given = dict(learning_rate=0.003, batch=10, steps=1e3, seed=7)
        assert thalweg.flow(problem, drift=drift, **given).to_dict() == found  # type: ignore[arg-type]


def test_simulations_are_one(problem: thalweg.Problem, program: Program, tmp_path: Path) -> None:
    path = written(tmp_path / "problem.json", problem.to_dict())
    step = ("--learning-rate", 0.01, "--batch", 10, "--steps", 500, "--seeds", 3)
    found = program("simulate", path, *step, "--out", tmp_path / "program")
    given: dict[str, Any] = dict(learning_rate=0.01, batch=10, steps=500, seeds=3)
    memory = thalweg.simulate(problem, **given)
    stored = thalweg.simulate(problem, **given, out=tmp_path / "python")
    loaded = thalweg.load(tmp_path / "program")
    assert isinstance(loaded, thalweg.Simulation)
    for run in (memory, stored, loaded):
        assert run.to_dict() == found
        np.testing.assert_array_equal(run.measurements.value, memory.measurements.value)
    assert (tmp_path / "python/measurements.parquet").read_bytes() == (
        tmp_path / "program/measurements.parquet"
    ).read_bytes()


# While one is being worked on, the other may be of an earlier commit.
@pytest.mark.filterwarnings("ignore:this run was made by")
def test_either_goes_on_with_the_others_run(problem: thalweg.Problem, program: Program, tmp_path: Path) -> None:
    given: dict[str, Any] = dict(learning_rate=0.01, batch=10, seeds=2)
    thalweg.simulate(problem, **given, steps=300, out=tmp_path / "run")
    longer = program("simulate", tmp_path / "run/specification.toml", "--steps", 600, "--out", tmp_path / "run")
    assert longer["step"] == 600
    again = thalweg.simulate(tmp_path / "run/specification.toml", steps=900, out=tmp_path / "run")
    assert again.resumed_from == 600
    whole = thalweg.simulate(problem, **given, steps=900)
    ends = [run.measurements.mean("sharpness")["mean"][-1] for run in (again, whole)]
    assert ends[0] == ends[1]


def test_training_and_measuring(program: Program, tmp_path: Path) -> None:
    path = written(tmp_path / "small.json", TRAINING)
    found = program("train", path, "--out", tmp_path / "program")
    training = thalweg.train(TRAINING, out=tmp_path / "python")
    assert training.to_dict() == found
    assert thalweg.train(path).to_dict() == found
    assert thalweg.load(tmp_path / "program").to_dict() == found

    measured = thalweg.measure(training, top=2, samples=50)
    assert measured.to_dict() == program("measure", tmp_path / "program", "--top", 2, "--samples", 50)
    trained = thalweg.measure(training, on="train", top=2, samples=50)
    assert trained.to_dict() == program("measure", tmp_path / "program", "--on", "train", "--top", 2, "--samples", 50)
    one = thalweg.measure(tmp_path / "program/networks/seed-1.safetensors", top=2, samples=50)
    assert one.networks == measured.networks[1:]
    assert one.networks == thalweg.measure(tmp_path / "program", seed=1, top=2, samples=50).networks


def test_a_damaged_run_is_refused_by_name(problem: thalweg.Problem, tmp_path: Path) -> None:
    run = tmp_path / "run"
    thalweg.simulate(problem, learning_rate=0.01, batch=10, steps=20, seeds=1, out=run)
    file = run / "measurements.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"measurements\.parquet is damaged"):
        thalweg.load(run)


def test_a_network_of_another_program_is_measured(tmp_path: Path) -> None:
    """Under nn.Sequential's names, and under names that a table gives."""
    save_file = pytest.importorskip("safetensors.numpy").save_file
    training = thalweg.train(TRAINING, out=tmp_path / "run")
    exact = thalweg.measure(training, seed=0, top=1).networks[0]
    tensors = {name: np.array(values) for name, values in training.networks[0].items()}
    theirs = {"0.weight": tensors["layers.1.weight"], "2.weight": tensors["layers.2.weight"]}
    path = tmp_path / "theirs.safetensors"
    save_file(theirs, path)
    found = thalweg.measure(path, specification=TRAINING, top=1).networks[0]
    assert found["sharpness"] == exact["sharpness"] and "notes" not in found
    save_file({"a": theirs["0.weight"], "b": np.ascontiguousarray(theirs["2.weight"].T), "c": np.ones(3)}, path)
    table = {"layers.1.weight": "a", "layers.2.weight": {"name": "b", "transposed": True}}
    found = thalweg.measure(path, specification={**TRAINING, "tensors": table}, top=1).networks[0]
    assert found["sharpness"] == exact["sharpness"]
    assert [note.split(":")[0] for note in found["notes"]] == [
        "Stored as (in, out) and turned",
        "Tensors of the file that the network has no place for, left out",
    ]
    with pytest.raises(ValueError, match="no tensor `layers.1.weight`"):
        thalweg.measure(path, specification=TRAINING)


def test_diagnoses_of_tokens_are_one(program: Program, tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    book = tmp_path / "book.txt"
    book.write_text("".join(draw.choice(list("abc"), p=[0.6, 0.3, 0.1], size=900)))
    trained = {
        "learning_rate": 0.1,
        "batch": 4,
        "steps": 20,
        "seeds": 1,
        "loss": "cross-entropy",
        "network": {"kind": "language-model", "tokens": 3, "width": 4, "positions": 4, "heads": 1, "hidden": 4},
        "data": {"kind": "text", "path": str(book)},
        "measure": {"samples": 8, "count": 2},
    }
    run = tmp_path / "run"
    thalweg.train(trained, out=run)
    found = thalweg.diagnose_tokens(run, learning_rate=0.05, batch=2)
    assert found.to_dict() == program("diagnose", run, "--learning-rate", 0.05, "--batch", 2)
    # What every place leaves sums to 0 over the tokens.
    np.testing.assert_allclose(found.noise_covariance.sum(0), 0, atol=1e-12)
    assert found.clock is not None and found.clock["asked"]["steps"] == pytest.approx(40)
    assert "isotropy=" in repr(found) and "to expected" in found._repr_html_()
    with pytest.raises(ValueError, match="diagnose_tokens"):
        thalweg.diagnose_file(run)
    with pytest.raises(ValueError, match="diagnose_file"):
        thalweg.diagnose_tokens("alice")
