"""Which noise labels have, and where it would take SGD."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._table import table


class Diagnosis:
    """The noise of a table's labels, made by :func:`diagnose`.

    Attributes
    ----------
    noise_covariance : ndarray of float64, (d_y, d_y)
        Σε: what a linear fit leaves of rows that it has not seen.
    noise_condition_number, sharpness, min_sharpness, lambda_max, fluctuation : dict
        ``value`` and ``interval`` (95 %, by resampled rows): κ(Σε), and T, T_min, λ_max and F of a linear network.
    isotropy, heteroscedasticity : float
        p-values: of Σε ∝ I, and of noise that does not depend on the inputs.
    outputs, interventions : list of dict
        Output by output; and what changes of the training would do.
    simulated : list of dict
        SGD on the rows themselves, shuffled in each epoch and drawn with replacement, where that was asked for.
    left_out : list of str
        What of the data was not used, and why.
    """

    noise_covariance: NDArray[np.float64]
    noise_condition_number: dict[str, Any]
    sharpness: dict[str, Any]
    min_sharpness: dict[str, Any]
    lambda_max: dict[str, Any]
    fluctuation: dict[str, Any]
    isotropy: float
    heteroscedasticity: float
    outputs: list[dict[str, Any]]
    interventions: list[dict[str, Any]]
    simulated: list[dict[str, Any]]
    left_out: list[str]

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.noise_covariance = np.array(answer["noise_covariance"])
        for name in ("noise_condition_number", "sharpness", "min_sharpness", "lambda_max", "fluctuation"):
            setattr(self, name, copy.deepcopy(answer[name]))
        self.isotropy = answer["isotropy"]["p_value"]
        self.heteroscedasticity = answer["heteroscedasticity"]["p_value"]
        for name in ("outputs", "interventions", "simulated", "left_out"):
            setattr(self, name, copy.deepcopy(answer[name]))

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg diagnose --json``; what is undefined is None."""
        return copy.deepcopy(self._answer)

    def __repr__(self) -> str:
        return (
            f"Diagnosis(noise_condition_number={self.noise_condition_number['value']:.4g}, "
            f"sharpness={self.sharpness['value']:.4g}, min_sharpness={self.min_sharpness['value']:.4g}, "
            f"isotropy={self.isotropy:.3g}, heteroscedasticity={self.heteroscedasticity:.3g})"
        )

    def _repr_html_(self) -> str:
        rows = [(of["change"], of["sharpness"], of["ratio"], of["lambda_max"]) for of in self.interventions]
        return table(["change", "T", "T/T_min", "λ_max"], rows, "What would change where SGD ends")


def diagnose(
    inputs: ArrayLike,
    targets: ArrayLike,
    *,
    target_names: Sequence[str] | None = None,
    depth: int = 2,
    learning_rate: float | None = None,
    batch: int | None = None,
    simulate_seconds: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Find out which noise labels have, and where it would take SGD in a linear network.

    Parameters
    ----------
    inputs : array_like, (n, d_x)
        Rows of inputs, scaled as they are trained on; their means are taken out.
    targets : array_like, (n, d_y) or (n,)
        Rows of targets; or one word for each row, its class.
    target_names : sequence of str, optional
        What the targets are called.
    depth : int
        D, the layers of the linear network.
    learning_rate, batch : float and int, optional
        η and B, both or neither, for interventions that depend on them and for SGD on the rows.
    simulate_seconds : float, optional
        Runs SGD on the rows themselves for so long, beside the prediction.
    resamples : int, optional
        How often rows are resampled for the intervals: 400 times, or fewer where inputs are many.
    seed : int
        Of everything that is drawn.

    Raises
    ------
    ValueError
        Names the argument that is not in its range, or says what the rows lack: too few of them, a target that never changes, no noise.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(1)
    >>> inputs = draw.normal(size=(500, 2))
    >>> targets = inputs + draw.normal(size=(500, 2)) * [1.0, 0.2]
    >>> found = diagnose(inputs, targets, resamples=50)
    >>> bool(found.isotropy < 0.01), bool(15 < found.noise_condition_number["value"] < 40)
    (True, True)
    """
    rows = np.asarray(targets)
    classes = rows.dtype.kind in "OSU"
    if classes:
        if rows.ndim != 1:
            raise ValueError(f"`targets` are words of shape {rows.shape}: one class for each row is needed, shape (n,)")
        kinds, places = np.unique(rows.astype(str), return_inverse=True)
        target_names, rows = [str(kind) for kind in kinds], np.eye(len(kinds))[places]
    rows = rows.astype(np.float64)
    if rows.ndim == 1:
        rows = rows[:, np.newaxis]
    names = list(target_names) if target_names is not None else [f"targets[:, {j}]" for j in range(rows.shape[-1])]
    asked = _asked(depth, learning_rate, batch, resamples, seed, simulate_seconds)
    return Diagnosis(_core.diagnose(inputs, rows, names, classes, asked))


def diagnose_file(
    path: str | PathLike[str],
    targets: Sequence[str] = (),
    *,
    without: Sequence[str] = (),
    classes: bool = False,
    depth: int = 2,
    learning_rate: float | None = None,
    batch: int | None = None,
    simulate_seconds: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Find out which noise the labels of a file have: what ``thalweg diagnose`` does.

    Parameters
    ----------
    path : path
        A table in CSV or Parquet, a folder of labelled images, ``"mnist"``, a text whose name ends in ``.txt``, or the directory of a
        finished training.
    targets, without : sequence of str
        Of a table: the columns to be predicted, and those that are not looked at. A target of words is one of classes.
    classes : bool
        Of a table: whether the target's numbers name classes.
    depth, learning_rate, batch, simulate_seconds, resamples, seed
        As in :func:`diagnose`.

    Raises
    ------
    ValueError
        What is wrong with the file, with its line and column.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "table.csv")
    ...     _ = path.write_text("x,y\\n" + "".join(f"{i % 7},{i % 7 + i % 3}\\n" for i in range(60)))
    ...     found = diagnose_file(path, ["y"])
    >>> round(float(found.noise_covariance[0, 0]), 1)
    0.7
    """
    asked = _asked(depth, learning_rate, batch, resamples, seed, simulate_seconds)
    return Diagnosis(_core.diagnose_file(path, (list(targets), list(without), classes), asked))


def _asked(
    depth: int,
    learning_rate: float | None,
    batch: int | None,
    resamples: int | None,
    seed: int,
    simulate_seconds: float | None,
) -> dict[str, Any]:
    return {
        "depth": depth,
        "learning_rate": learning_rate,
        "batch": batch,
        "resamples": resamples,
        "seed": seed,
        "simulate_seconds": simulate_seconds,
    }
