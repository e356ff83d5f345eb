"""Sweeps from Python: the same store, cells and table as the program's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

import thalweg.sweep
from thalweg import _core

SWEEP: dict[str, Any] = {
    "seeds": 2,
    "base": {
        "learning_rate": 0.01,
        "batch": 10,
        "steps": 200,
        "problem": {
            "depth": 2,
            "input_covariance": [[1, 0], [0, 1]],
            "teacher": [[1, 0], [0, 1]],
            "noise_standard_deviations": [1, 0.5],
        },
    },
    "axes": [
        {"path": "problem.depth", "values": [2, 3]},
        {"path": "batch", "from": 1, "to": 100, "count": 3, "spacing": "log"},
    ],
}


def test_python_and_the_program_fill_one_store_and_write_one_table(
    program: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    first = thalweg.sweep.run(
        SWEEP, tmp_path / "here", cells=[1, 4], progress=lambda done, wanted: told.append((done, wanted))
    )
    assert (first["cells"], first["finished"], first["waiting"], first["failed"]) == (6, 2, 4, [])
    assert told[-1] == (2, 2)
    # The program goes on with what is there, and Python with nothing left.
    assert program("sweep", "run", tmp_path / "here")["finished"] == 6
    assert thalweg.sweep.run(tmp_path / "here")["finished"] == 6
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(SWEEP))
    program("sweep", "run", path, "--out", tmp_path / "there")
    for curves in (False, True):
        tables = [thalweg.sweep.table(tmp_path / place, curves=curves) for place in ("here", "there")]
        assert tables[0].read_bytes() == tables[1].read_bytes()
    assert thalweg.sweep.status(tmp_path / "here")["finished"] == 6


def test_the_plan_has_every_point_and_a_time(program: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(SWEEP))
    found, theirs = thalweg.sweep.plan(SWEEP), program("sweep", "plan", path)
    assert found["points"] == theirs["points"] and len(found["points"]) == 6
    assert found["points"][5] == {"problem.depth": 3, "batch": 100}
    assert found["estimate"]["core_seconds"] > 0


def test_the_time_left_and_counts_are_there_from_the_start(tmp_path: Path) -> None:
    before = thalweg.sweep.run(SWEEP, tmp_path, cells=[])
    assert before["waiting"] == 6 and before["is_estimate"] and before["seconds_left"] > 0
    follower = _core.SweepFollower(tmp_path)
    assert follower.counts() == (0, 0, 6)
    after = thalweg.sweep.run(tmp_path, cells=[0, 2])
    assert not after["is_estimate"] and after["seconds_left"] > 0
    assert follower.counts() == (2, 0, 6)
    assert follower.counts([0, 1]) == (1, 0, 2)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`out` is missing"):
        thalweg.sweep.run(SWEEP)
    thalweg.sweep.run(SWEEP, tmp_path / "store", cells=[0])
    with pytest.raises(ValueError, match="leave `out` away"):
        thalweg.sweep.run(tmp_path / "store", tmp_path / "other")
    with pytest.raises(ValueError, match="depth"):
        thalweg.sweep.run({**SWEEP, "axes": [{"path": "depth_of_it", "values": [2]}]}, tmp_path / "wrong")
    other = {**SWEEP, "base": {**SWEEP["base"], "learning_rate": 0.02}}
    with pytest.raises(ValueError, match="learning_rate"):
        thalweg.sweep.run(other, tmp_path / "store")
    with pytest.raises(ValueError, match="99"):
        thalweg.sweep.run(tmp_path / "store", cells=[99])
    with pytest.raises(ValueError, match="holds no sweep"):
        thalweg.sweep.status(tmp_path)
