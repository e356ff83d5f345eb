"""Where a probe's numbers go: a CSV file, TensorBoard, or Weights & Biases.

Each has ``start(settings)``, ``write(rows)`` and ``close()``; anything that has them is taken by a probe's ``log``.
"""

from __future__ import annotations

import csv
import importlib
import json
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

#: The columns of a probe's CSV file.
COLUMNS = ("step", "quantity", "layer", "value", "error", "kind", "method")


@dataclass(frozen=True)
class Row:
    """One number of a running training.

    Attributes
    ----------
    step : int
        Steps of the optimizer before it.
    quantity : str
        What it is; the keys of the program's JSON.
    layer : str
        Of which layer; empty for the whole network.
    value : float
        Not a number where it is not defined (a noise scale whose gradient is lost in noise).
    error : float
        Of the kind below; not a number, and empty in a file, where it is not known.
    kind : str
        ``standard-error``, ``residual`` or ``rounding``.
    method : str
        How it was measured.
    """

    step: int
    quantity: str
    layer: str
    value: float
    error: float
    kind: str
    method: str


class Log(Protocol):
    """What a probe writes to."""

    def start(self, settings: Mapping[str, Any]) -> None:
        """Called once, before the first row."""

    def write(self, rows: Sequence[Row]) -> None:
        """Called after every step that was measured."""

    def close(self) -> None:
        """Called at the end; nothing is written after it."""


class CSV:
    """Rows in ``DIRECTORY/probe.csv``, settings in ``DIRECTORY/probe.json``.

    Rows are added to a file that is there, as when a training goes on, and reach the disk step by step: a run that is
    killed leaves whole lines, but perhaps the last, which is cut off when the file is opened again. Where the disk is full
    a warning is given, once, and the training goes on without this file.

    Parameters
    ----------
    directory : path
        Made where it is not there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log = CSV(folder)
    ...     log.start({"overhead": 0.05})
    ...     log.write([Row(9, "fluctuation", "", 2.5, 0.25, "standard-error", "hooks")])
    ...     log.close()
    ...     print(Path(folder, "probe.csv").read_text().splitlines()[1])
    9,fluctuation,,2.5,0.25,standard-error,hooks
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._file: IO[str] | None = None
        self._failed = False

    def start(self, settings: Mapping[str, Any]) -> None:
        """Open the file, and put the settings into ``probe.json``, in place of those of an earlier part of the run."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            path = self.directory / "probe.csv"
            _cut_broken_line(path)
            new = not path.exists() or path.stat().st_size == 0
            text = json.dumps(dict(settings), ensure_ascii=False, indent=2)
            (self.directory / "probe.json").write_text(text + "\n", encoding="utf-8")
            self._file = open(path, "a", encoding="utf-8", newline="")
            if new:
                csv.writer(self._file, lineterminator="\n").writerow(COLUMNS)
                self._file.flush()
        except OSError as error:
            self._fail(error)

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows, and hand them to the operating system."""
        if self._file is None:
            return
        try:
            writer = csv.writer(self._file, lineterminator="\n")
            for row in rows:
                writer.writerow([row.step, row.quantity, row.layer, repr(row.value), _known(row.error), row.kind, row.method])
            self._file.flush()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass  # What could not be written before cannot be written now.
        if not self._failed:
            self._failed = True
            warnings.warn(
                f"{self.directory / 'probe.csv'} is not written any more ({error.strerror or error}); the training goes on",
                RuntimeWarning,
                stacklevel=2,
            )


def _cut_broken_line(path: Path) -> None:
    """Takes away what a killed run left of its last line."""
    if not path.is_file():
        return
    with open(path, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        # Back to the last end of a line.
        while end > 0:
            start = max(0, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        file.truncate(end)


class TensorBoard:
    """Scalars ``thalweg/QUANTITY`` (``thalweg/QUANTITY/LAYER`` for layers) for TensorBoard, and their errors under ``…/error``.

    Parameters
    ----------
    directory : path
        Where TensorBoard looks for runs.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("thalweg.log.TensorBoard needs TensorBoard: pip install tensorboard") from error
        self._writer: Any = SummaryWriter(log_dir=os.fspath(directory))

    def start(self, settings: Mapping[str, Any]) -> None:
        """Show the settings as text."""
        self._writer.add_text("thalweg/settings", f"`{json.dumps(dict(settings), ensure_ascii=False)}`")

    def write(self, rows: Sequence[Row]) -> None:
        """Add a point for each number that is one."""
        for row in rows:
            for name, value in _scalars(row).items():
                self._writer.add_scalar(name, value, row.step)
        self._writer.flush()

    def close(self) -> None:
        """Close its file."""
        self._writer.close()


class WandB:
    """Scalars, named as for TensorBoard, for Weights & Biases.

    They are logged against an axis of their own, ``thalweg/step``, so that they may come beside what the training logs.

    Parameters
    ----------
    run : wandb run, optional
        The run that is active, by default.
    """

    def __init__(self, run: Any = None) -> None:
        if run is None:
            try:
                wandb = importlib.import_module("wandb")
            except ImportError as error:
                raise ImportError("thalweg.log.WandB needs Weights & Biases: pip install wandb") from error
            if not hasattr(wandb, "run"):
                # A folder of that name, as Weights & Biases leaves one where it ran, is a package to Python.
                where = ", ".join(getattr(wandb, "__path__", [])) or getattr(wandb, "__file__", "another module")
                raise ImportError(f"thalweg.log.WandB needs Weights & Biases, and `wandb` is {where}: pip install wandb")
            run = wandb.run
            if run is None:
                raise ValueError("no run of Weights & Biases is active: call wandb.init() first, or give `run`")
        for name in ("config", "define_metric", "log"):
            if not hasattr(run, name):
                raise ValueError(f"`run` is {run!r}, which has no `{name}`: what wandb.init() gives is needed")
        self._run: Any = run

    def start(self, settings: Mapping[str, Any]) -> None:
        """Add the settings to the run's configuration."""
        self._run.config.update({"thalweg": dict(settings)}, allow_val_change=True)
        self._run.define_metric("thalweg/*", step_metric="thalweg/step")

    def write(self, rows: Sequence[Row]) -> None:
        """Log the numbers of a step together."""
        for step in dict.fromkeys(row.step for row in rows):
            values = {"thalweg/step": step}
            for row in rows:
                if row.step == step:
                    values.update(_scalars(row))
            self._run.log(values)

    def close(self) -> None:
        """Leave the run to who began it."""


def _known(number: float) -> str:
    return repr(number) if math.isfinite(number) else ""


def _scalars(row: Row) -> dict[str, Any]:
    name = "/".join(["thalweg", row.quantity, *([row.layer] if row.layer else [])])
    found = {name: row.value, f"{name}/error": row.error}
    return {name: value for name, value in found.items() if math.isfinite(value)}
