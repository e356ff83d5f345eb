"""What the tests share: the repository, its reference numbers, and the program."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import thalweg

ROOT = Path(__file__).resolve().parents[3]


def reference(name: str) -> list[dict[str, Any]]:
    """The cases of an independent implementation, by which Rust's tests are checked too."""
    text = (ROOT / "crates/thalweg/tests/oracle" / name).read_text()
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return cases


@pytest.fixture
def problem() -> thalweg.Problem:
    """Three layers, two outputs, noise of deviations 1 and 0.1."""
    return thalweg.Problem(
        depth=3, input_covariance=np.eye(2), teacher=np.eye(2), noise_covariance=np.diag([1.0, 0.01])
    )


@pytest.fixture(scope="session")
def program() -> Callable[..., dict[str, Any]]:
    """Runs the program `thalweg`, and gives its JSON."""
    path = os.environ.get("THALWEG_PROGRAM", str(ROOT / "target/debug/thalweg"))
    if not Path(path).exists():
        pytest.skip(f"{path} is not built")

    def run(*arguments: object, status: int = 0) -> dict[str, Any]:
        words = [path, *map(str, arguments), "--json"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, done.stderr
        found: dict[str, Any] = json.loads(done.stdout) if status == 0 else {"stderr": done.stderr}
        return found

    return run


#: A small training: two trials, a few steps.
TRAINING: dict[str, Any] = {
    "name": "small",
    "learning_rate": 0.05,
    "batch": 10,
    "steps": 200,
    "seeds": 2,
    "loss": "squared-error",
    "network": {"kind": "mlp", "inputs": 2, "hidden": [4], "outputs": 2, "activation": "tanh"},
    "data": {
        "kind": "teacher",
        "teacher": {"hidden": [8], "seed": 1},
        "noise_standard_deviations": [1, 0.1],
    },
    "measure": {"samples": 100, "count": 3},
}
