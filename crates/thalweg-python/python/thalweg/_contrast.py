"""Several finished runs beside one another."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from os import PathLike
from typing import Any

from . import _core
from ._arguments import listed, path
from ._table import estimate, table


class Contrast:
    """Runs beside one another, made by :func:`contrast`.

    Attributes
    ----------
    runs : list of dict
        ``label``, ``directory``, ``loss_convention``, ``steps``, ``seeds`` and ``diverged`` of each.
    ends : dict of list
        For each quantity, run by run: ``value``, the mean over the last fifth of the steps and over seeds, and ``factor``, how many times that
        of the first run it is, each with ``mean``, ``standard_error`` and ``count``, or None where there is none.
    differences : list of dict
        The fields of the specifications that are not the same in all: ``field`` and, run by run, ``values``.
    caution : str or None
        What a reader must know: that losses are not counted in the same way.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.runs: list[dict[str, Any]] = copy.deepcopy(answer["runs"])
        self.ends: dict[str, list[dict[str, Any]]] = copy.deepcopy(answer["ends"])
        self.differences: list[dict[str, Any]] = copy.deepcopy(answer["differences"])
        self.caution: str | None = answer["caution"]

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg report RUN RUN --json``."""
        return copy.deepcopy(self._answer)

    def __repr__(self) -> str:
        labels = ", ".join(run["label"] for run in self.runs)
        fields = ", ".join(difference["field"] for difference in self.differences)
        return f"Contrast({labels}; different in: {fields or 'nothing'})"

    def _repr_html_(self) -> str:
        def cell(end: dict[str, Any]) -> str:
            value, factor = end["value"], end["factor"]
            if value is None:
                return "–"
            words = estimate(value["mean"], value["standard_error"])
            return words if factor is None else f"{words} (× {factor['mean']:.4g})"

        heads = ["", *(run["label"] for run in self.runs)]
        ends = [[key, *map(cell, of_runs)] for key, of_runs in self.ends.items()]
        fields = [[difference["field"], *difference["values"]] for difference in self.differences]
        return table(heads, ends, "Ends, and factors from the first run") + table(heads, fields, "What differs")


def contrast(runs: Iterable[str | PathLike[str]]) -> Contrast:
    """Set finished runs beside one another: where they ended, and what differs in their specifications.

    Parameters
    ----------
    runs : iterable of path
        Directories of finished runs, simulations or trainings. The first is the one that others are measured by.

    Raises
    ------
    ValueError
        Where a directory holds no finished run, or a file of it is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import thalweg
    >>> problem = thalweg.Problem(depth=2, input_covariance=[[1]], teacher=[[1]], noise_covariance=[[1]])
    >>> with TemporaryDirectory() as folder:
    ...     for batch in (10, 20):
    ...         run = thalweg.simulate(problem, learning_rate=0.01, batch=batch, steps=100, seeds=2, out=f"{folder}/{batch}")
    ...     found = contrast([f"{folder}/10", f"{folder}/20"])
    >>> found.differences
    [{'field': 'batch', 'values': ['10', '20']}]
    >>> found.ends["sharpness"][1]["factor"]["count"]
    2
    """
    return Contrast(_core.contrast([path(f"runs[{i}]", run) for i, run in enumerate(listed("runs", runs))]))
