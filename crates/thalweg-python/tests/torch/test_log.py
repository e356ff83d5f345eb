"""Where a probe's numbers go: whole lines, added to, and no training stopped by a full disk."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from thalweg import log
from thalweg.log import COLUMNS, CSV, Row, TensorBoard, WandB
from thalweg.torch import Probe

ROWS = [
    Row(9, "fluctuation", "", 2.5, 0.1 + 0.2, "standard-error", "hooks"),
    Row(9, "noise_scale", "block.0, first", math.nan, math.nan, "standard-error", "hooks"),
]


def read(folder: Path) -> list[dict[str, str]]:
    with open(folder / "probe.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    file = CSV(tmp_path / "new" / "folder")
    file.start({"overhead": 0.05, "notes": "η"})
    file.write(ROWS)
    # Each step's rows are there at once.
    found = read(tmp_path / "new" / "folder")
    file.close()
    assert tuple(found[0]) == COLUMNS
    assert float(found[0]["value"]) == ROWS[0].value and float(found[0]["error"]) == ROWS[0].error
    assert found[1]["layer"] == "block.0, first" and found[1]["value"] == "nan" and found[1]["error"] == ""
    assert json.loads((tmp_path / "new/folder/probe.json").read_text(encoding="utf-8")) == {"overhead": 0.05, "notes": "η"}


def test_a_run_that_goes_on_adds_to_its_file(tmp_path: Path) -> None:
    for step in (1, 2):
        file = CSV(tmp_path)
        file.start({"first_step": step})
        file.write([Row(step, "loss", "", 1.0, 0.5, "standard-error", "hooks")])
        file.close()
    assert [row["step"] for row in read(tmp_path)] == ["1", "2"]
    assert (tmp_path / "probe.csv").read_text().count("quantity") == 1
    assert json.loads((tmp_path / "probe.json").read_text())["first_step"] == 2


@pytest.mark.parametrize("rest", ["10,loss,,1.", "10", ""])
def test_half_a_line_is_cut_off(rest: str, tmp_path: Path) -> None:
    file = CSV(tmp_path)
    file.start({})
    file.write(ROWS[:1])
    file.close()
    path = tmp_path / "probe.csv"
    path.write_text(path.read_text() + rest)
    again = CSV(tmp_path)
    again.start({})
    again.write([Row(11, "loss", "", 1.0, 0.5, "standard-error", "hooks")])
    again.close()
    assert [row["step"] for row in read(tmp_path)] == ["9", "11"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_run_leaves_whole_lines(tmp_path: Path) -> None:
    script = (
        "import sys; from thalweg.log import CSV, Row\n"
        "log = CSV(sys.argv[1]); log.start({})\n"
        "for step in range(10**9):\n"
        "    log.write([Row(step, 'loss', '', 1.5, .5, 'standard-error', 'hooks')])\n"
        "    if step == 500: print('there', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == b"there\n"
        worker.kill()
    lines = (tmp_path / "probe.csv").read_text().split("\n")
    assert len(lines) > 500
    assert lines[1:-1] == [f"{step},loss,,1.5,0.5,standard-error,hooks" for step in range(len(lines) - 2)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "probe.csv").symlink_to("/dev/full")
    file = CSV(tmp_path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        file.start({})
        for _ in range(3):
            file.write(ROWS)
        file.close()
    assert len(said) == 1 and "the training goes on" in str(said[0].message)


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    file = CSV(tmp_path / "taken")
    with pytest.warns(RuntimeWarning, match="is not written any more"):
        file.start({})
    file.write(ROWS)
    file.close()


def test_tensorboard_reads_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with warnings.catch_warnings():
        # Of TensorBoard's own dependencies.
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        board = TensorBoard(tmp_path)
        board.start({"overhead": 0.05})
        board.write(ROWS)
        board.close()
        events = EventAccumulator(str(tmp_path)).Reload()
    assert sorted(events.Tags()["scalars"]) == ["thalweg/fluctuation", "thalweg/fluctuation/error"]
    (scalar,) = events.Scalars("thalweg/fluctuation")
    assert (scalar.step, scalar.value) == (9, 2.5)


class Run:
    """What is used of a run of Weights & Biases."""

    def __init__(self) -> None:
        self.logged: list[dict[str, Any]] = []
        self.metrics: list[tuple[str, str]] = []
        self.settings: dict[str, Any] = {}
        self.config = self

    def update(self, settings: dict[str, Any], allow_val_change: bool) -> None:
        self.settings.update(settings)

    def define_metric(self, name: str, step_metric: str) -> None:
        self.metrics.append((name, step_metric))

    def log(self, values: dict[str, Any]) -> None:
        self.logged.append(values)


def test_weights_and_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()
    module = types.ModuleType("wandb")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    board = WandB()
    board.start({"overhead": 0.05})
    board.write(ROWS)
    board.close()
    assert run.settings == {"thalweg": {"overhead": 0.05}}
    assert run.metrics == [("thalweg/*", "thalweg/step")]
    assert run.logged == [{"thalweg/step": 9, "thalweg/fluctuation": 2.5, "thalweg/fluctuation/error": 0.1 + 0.2}]
    module.run = None  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="wandb.init"):
        WandB()


def test_a_probe_logs_to_weights_and_biases() -> None:
    torch.manual_seed(0)
    model, run = torch.nn.Linear(3, 1), Run()
    x, y = torch.randn(8, 3), torch.randn(8)

    def loss(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        difference: torch.Tensor = model(batch[0])[:, 0] - batch[1]
        return difference.square()

    with Probe(model, loss=loss, log=[WandB(run)], every={"fluctuation": 1}) as probe:
        for _ in range(2):
            loss(model, (x, y)).mean().backward()
            probe.step((x, y))
    assert run.settings["thalweg"]["parameters"] == 4
    assert [values["thalweg/step"] for values in run.logged] == [0, 1]
    for values in run.logged:
        (row,) = (row for row in probe.rows if (row.step, row.quantity) == (values["thalweg/step"], "fluctuation"))
        assert (values["thalweg/fluctuation"], values["thalweg/fluctuation/error"]) == (row.value, row.error)


def test_a_folder_is_not_weights_and_biases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Weights & Biases leaves a folder of its name where it ran, which Python imports where the package is not installed.
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    try:
        with pytest.raises(ImportError, match=f"`wandb` is {tmp_path}.*pip install wandb"):
            WandB()
    finally:
        sys.modules.pop("wandb", None)
    with pytest.raises(ValueError, match="`run` is 3, which has no `config`"):
        WandB(3)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ImportError, match="pip install wandb"):
        WandB()
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        TensorBoard("x")


def test_all_logs_are_of_one_kind() -> None:
    for kind in (CSV, TensorBoard, WandB):
        assert all(callable(getattr(kind, name)) for name in ("start", "write", "close"))
    assert log.__doc__
