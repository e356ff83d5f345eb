"""Sweeps: an experiment over axes, in a store that any number of processes and machines fill.

A sweep names a base experiment and axes through it, as a dictionary or as the file that ``thalweg sweep`` takes. Each point of the axes is a
cell: one experiment, all its seeds together. A finished cell is never run again, and whatever is interrupted goes on to the same bits.

>>> from tempfile import TemporaryDirectory
>>> import thalweg.sweep
>>> sweep = {
...     "base": {
...         "learning_rate": 0.01, "batch": 10, "steps": 100, "seeds": 2,
...         "problem": {
...             "depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
...             "noise_standard_deviations": [1, 0.5],
...         },
...     },
...     "axes": [{"path": "problem.depth", "values": [2, 3]}, {"path": "batch", "values": [1, 10]}],
... }
>>> with TemporaryDirectory() as folder:
...     status = thalweg.sweep.run(sweep, f"{folder}/store")
...     print(status["finished"], status["failed"], thalweg.sweep.table(f"{folder}/store").name)
4 [] ends.parquet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Union

from . import _core
from ._progress import Progress, told

PathArgument = Union[str, "PathLike[str]"]

__all__ = ["plan", "run", "status", "table"]


def plan(sweep: Mapping[str, Any] | PathArgument) -> dict[str, Any]:
    """The cells of a sweep, and how long they will take.

    Parameters
    ----------
    sweep : dict or path
        A sweep, its TOML or JSON file, or its store.

    Returns
    -------
    dict
        The keys of ``thalweg sweep plan --json``: ``axes``, ``points`` and ``estimate`` (seconds and bytes, from one cell of each kind, which is
        run for a moment).

    Raises
    ------
    ValueError
        Names the field that is wrong.
    """
    return _core.sweep_plan(_given(sweep))


def run(
    sweep: Mapping[str, Any] | PathArgument,
    out: PathArgument | None = None,
    *,
    cells: Sequence[int] | None = None,
    retry: bool = False,
    progress: Progress = None,
    ray: str | None = None,
) -> dict[str, Any]:
    """Run the cells of a sweep that are missing, on all cores of this machine, or of a Ray cluster.

    Parameters
    ----------
    sweep : dict or path
        A sweep or its TOML or JSON file, with ``out``; or its store, to go on.
    out : path, optional
        The store of a sweep: a new directory, or that of the same sweep with fewer cells.
    cells : sequence of int, optional
        The numbers of the cells that are wanted, from 0; otherwise all.
    retry : bool
        Whether cells that could not be run are tried again.
    progress : callable or bool, optional
        Called now and then with the number of wanted cells that are done, and the number of those that are wanted; True is a bar of tqdm's.
    ray : str, optional
        The address of a Ray cluster (``"auto"``, ``"local"``, ``"host:port"`` or ``"ray://host:port"``), whose cores then do the work, each as a
        task of one core; pip install 'thalweg[ray]'. All machines must have the store's folder under the same path, on a file system with
        locks, and this package in the same version. A worker that is lost is replaced, and what it was at is done again.

    Returns
    -------
    dict
        The keys of ``thalweg sweep status --json``: ``cells``, ``finished``, ``failed`` with reasons, ``waiting`` and others.

    Raises
    ------
    ValueError
        Names the field that is wrong, or says why the directory cannot be used: it holds a sweep of another base, for example.
    RuntimeError
        Where the store cannot be written.
    """
    store = _core.sweep_store(_given(sweep), out).absolute()
    wanted = None if cells is None else sorted({int(cell) for cell in cells})
    with told(progress, "cell") as tell:
        if ray is None:
            _core.sweep_run(store, wanted, retry, tell)
        else:
            from ._ray import work

            work(ray, store, wanted, retry, tell)
    return status(store)


def status(store: PathArgument) -> dict[str, Any]:
    """How far the sweep in the directory ``store`` has come, under the keys of ``thalweg sweep status --json``.

    The time left goes by the finished cells. Before the first one it is the plan's estimate (``is_estimate``): one cell of each kind is then
    run for a third of a second.

    Raises
    ------
    ValueError
        Where there is no sweep, or a file of it is damaged.
    """
    return _core.sweep_status(store)


def table(store: PathArgument, *, curves: bool = False, out: PathArgument | None = None) -> Path:
    """Write one Parquet table of all finished cells of ``store``, with the axes as columns, and return its path.

    Parameters
    ----------
    store : path
        The directory of a sweep.
    curves : bool
        A row for each cell, seed, measured step and quantity, instead of one for each cell, seed and quantity.
    out : path, optional
        The file; otherwise ``ends.parquet`` or ``curves.parquet`` in the store.

    Raises
    ------
    ValueError
        Where there is no sweep, or nothing of it is finished.
    """
    return _core.sweep_table(store, curves, out)


def _given(sweep: Mapping[str, Any] | PathArgument) -> object:
    return dict(sweep) if isinstance(sweep, Mapping) else sweep
