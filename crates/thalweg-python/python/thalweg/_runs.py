"""Runs of SGD: simulated on deep linear networks, trained on others, loaded from directories."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Measurements, Problem
from ._draw import axes_for
from ._progress import Progress, told
from ._table import estimate, table

PathArgument = Union[str, "PathLike[str]"]


class _Run:
    """What both kinds of run have."""

    _run: Any

    def __init__(self, run: Any, directory: PathArgument | None, resumed_from: int | None = None) -> None:
        self._run = run
        self.directory = None if directory is None else Path(directory)
        self.resumed_from = resumed_from

    @property
    def measurements(self) -> Measurements:
        """What was measured, as columns."""
        measurements: Measurements = self._run.measurements()
        return measurements

    @property
    def outcomes(self) -> dict[int, int | None]:
        """By seed the step at which its weights grew without bound; None where it ran to its end."""
        outcomes: dict[int, int | None] = self._run.outcomes()
        return outcomes

    @property
    def specification(self) -> dict[str, Any]:
        """What was run, with every default spelled out: run again, it gives the same numbers."""
        specification: dict[str, Any] = self._run.specification()
        return specification

    def to_toml(self) -> str:
        """The specification as a file of the program's."""
        toml: str = self._run.toml()
        return toml

    def _draw(self, quantity: str, axes: Any) -> Any:
        """The mean over seeds with its standard error."""
        mean = self.measurements.mean(quantity)
        axes = axes_for(axes, "step t", quantity)
        (line,) = axes.plot(mean["step"], mean["mean"], label="SGD")
        error = np.nan_to_num(mean["standard_error"])
        low, high = mean["mean"] - error, mean["mean"] + error
        axes.fill_between(mean["step"], low, high, color=line.get_color(), alpha=0.25, linewidth=0)
        return axes


class Simulation(_Run):
    """SGD on a deep linear network at its end, made by :func:`simulate` or :func:`load`.

    Attributes
    ----------
    measurements : Measurements
        ``sharpness``, ``lambda_max``, ``fluctuation``, ``loss`` and more at the measured steps, for each seed, all computed
        from the weights without sampling.
    outcomes : dict of int to int or None
        By seed the step at which it diverged; None where it ran to its end.
    specification : dict
        What was run, with every default.
    directory : Path or None
        Where it is stored.
    resumed_from : int or None
        The step from which this call went on, where the directory held an unfinished run.
    """

    _run: _core.Simulated

    @property
    def problem(self) -> Problem:
        """What was being solved."""
        return self._run.problem()

    @cached_property
    def _compared(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._run.answer()

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg simulate --json``: the end beside its predictions.

        The first call computes these, the slow flow among them.
        """
        return copy.deepcopy(self._compared[0])

    @property
    def comparison(self) -> dict[str, Any]:
        """The run beside each prediction, at every measured step."""
        return copy.deepcopy(self._compared[1])

    def plot(self, quantity: str = "sharpness", axes: Any = None) -> Any:
        """Draw ``quantity``, mean and standard error over seeds, beside its predictions, on matplotlib's ``axes``."""
        axes = self._draw(quantity, axes)
        comparison = self._compared[1]
        names = [measured["quantity"] for measured in comparison["measured"]]
        # Predictions may lie on one another: the upper one leaves gaps.
        dashes = itertools.cycle(("--", (0, (1, 3)), "-."))
        for predicted in comparison["predicted"] if quantity in names else []:
            answered = predicted["answer"].get("Ok")
            series = answered and answered["series"][names.index(quantity)]
            if not series:
                continue
            if len(series["course"]) == 1:
                axes.axhline(series["course"][0], linestyle=":", color="gray", label=predicted["legend"])
            else:
                axes.plot(comparison["steps"], series["course"], linestyle=next(dashes), label=predicted["legend"])
        axes.legend()
        return axes

    def __repr__(self) -> str:
        steps, seeds = self.specification["steps"], len(self.outcomes)
        return f"Simulation({seeds} seeds, {steps} steps)"

    def _repr_html_(self) -> str:
        answer = self._compared[0]
        keys = [measured["quantity"] for measured in self._compared[1]["measured"]]
        predicted = [(one["key"], one["name"]) for one in self._compared[1]["predicted"]]
        rows = [
            [key, estimate(answer[key]["mean"], answer[key]["standard_error"])]
            + [answer[key][name] for name, _ in predicted]
            for key in keys
        ]
        caption = f"After {answer['step']} steps, over {answer['seeds']} seeds"
        return table(["", "SGD", *(name for _, name in predicted)], rows, caption)


class Training(_Run):
    """SGD on a network at its end, made by :func:`train` or :func:`load`.

    Attributes
    ----------
    measurements : Measurements
        ``sharpness``, ``lambda_max``, ``fluctuation``, their ratio and ``loss`` at the measured steps, for each seed.
    outcomes : dict of int to int or None
        By seed the step at which it diverged; None where it ran to its end.
    specification : dict
        What was run, with every default.
    directory : Path or None
        Where it is stored, its networks too.
    resumed_from : int or None
        The step from which this call went on, where the directory held an unfinished run.
    """

    _run: _core.Trained

    @property
    def networks(self) -> dict[int, dict[str, NDArray[np.float64]]]:
        """The trained parameters, by seed and by name; weights are (out, in). Only a directory keeps them."""
        if self.directory is None:
            raise ValueError("this training has no directory, which keeps the networks: give `out` to train()")
        return _core.networks(self.directory)

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg train --json``: each quantity from start to end."""
        return self._run.answer()

    def plot(self, quantity: str = "sharpness", axes: Any = None) -> Any:
        """Draw ``quantity``, mean and standard error over seeds, on matplotlib's ``axes``; gives the axes back."""
        axes = self._draw(quantity, axes)
        axes.legend()
        return axes

    def __repr__(self) -> str:
        steps, seeds = self.specification["steps"], len(self.outcomes)
        return f"Training({seeds} seeds, {steps} steps)"

    def _repr_html_(self) -> str:
        answer = self.to_dict()
        rows = []
        for key, change in answer.items():
            if not isinstance(change, dict) or "factor" not in change:
                continue
            parts = (change[part] for part in ("start", "end", "factor"))
            cells = [estimate(part["mean"], part["standard_error"]) for part in parts]
            rows.append([key, *cells, change["direction"]])
        caption = f"{answer['steps']} steps, {answer['seeds']} seeds"
        return table(["", "start", "end", "end/start", ""], rows, caption)


def _changes(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def simulate(
    experiment: Mapping[str, Any] | PathArgument | Problem,
    *,
    out: PathArgument | None = None,
    progress: Progress = None,
    learning_rate: float | None = None,
    batch: int | None = None,
    steps: int | None = None,
    seeds: Any = None,
    start_weights: Any = None,
    init: str | Mapping[str, Any] | None = None,
    **fields: Any,
) -> Simulation:
    """Run SGD with many seeds on a deep linear network.

    SGD steps on fresh samples, drawn exactly from their distribution. The numbers depend on specification and seed alone:
    not on threads, nor on interruptions.

    Parameters
    ----------
    experiment : Problem, dict or path
        What is run: a problem with keywords, or a specification as the program's TOML or JSON files have it.
    out : path, optional
        The directory of the run, new or of an earlier call. An interrupted run goes on from there when the same call is
        made again, by the program ``thalweg`` too. Without it all stays in memory.
    progress : callable or bool, optional
        Called now and then with the steps made and all steps; True is a bar of tqdm's.
    learning_rate, batch, steps : optional
        η, B and the number of steps t.
    seeds : int or sequence of int, optional
        One run for each; a number counts from 0. Five by default.
    start_weights : sequence of array_like, optional
        W_1 … W_D from which all runs start, W_k of shape (h_k, h_{k−1}).
    init : str or dict, optional
        The law of random starting weights: "kaiming" (the default), "xavier", ``{"kind": "normal", "deviation": 0.1}``.
    **fields
        Any other field of a specification: momentum, weight_decay, precision, data, switch, measure, name.

    Raises
    ------
    ValueError
        Names the field that is wrong, or says why the directory cannot be used.
    RuntimeError
        Where the directory cannot be written.
    KeyboardInterrupt
        After Ctrl-C, and with what ``progress`` raises: the state is saved in ``out``.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Problem(depth=2, input_covariance=np.eye(2), teacher=np.eye(2),
    ...                   noise_covariance=np.diag([1.0, 0.25]))
    >>> run = simulate(problem, learning_rate=0.01, batch=10, steps=1000, seeds=4)
    >>> run.measurements.seeds
    [0, 1, 2, 3]
    >>> steps, sharpness = run.measurements.series("sharpness", seed=2)
    >>> int(steps[-1])
    1000
    >>> list(run.to_dict()["sharpness"])
    ['mean', 'standard_error', 'slow_flow', 'slow_flow_z', 'finite_step', 'finite_step_z', 'limit', 'limit_z']
    """
    named = dict(
        learning_rate=learning_rate, batch=batch, steps=steps, seeds=seeds, start_weights=start_weights, init=init
    )
    given = dict(experiment) if isinstance(experiment, Mapping) else experiment
    with told(progress, "step") as tell:
        run, resumed_from = _core.simulate(given, _changes({**named, **fields}), out, tell)
    return Simulation(run, out, resumed_from)


def train(
    experiment: Mapping[str, Any] | PathArgument,
    *,
    out: PathArgument | None = None,
    progress: Progress = None,
    learning_rate: float | None = None,
    batch: int | None = None,
    steps: int | None = None,
    seeds: Any = None,
    init: str | Mapping[str, Any] | None = None,
    **fields: Any,
) -> Training:
    """Train a network under designed label noise, and measure its sharpness on the way.

    Parameters
    ----------
    experiment : dict or path
        A specification as the program's TOML or JSON files have it: a perceptron, a recurrent network or a transformer,
        the samples and the noise on their labels, and how SGD steps. Relative paths of data are taken from the folder of
        the file, or from the working directory.
    out : path, optional
        The directory of the run, new or of an earlier call; it keeps the trained networks. Without it all stays in memory,
        and the networks are not kept.
    progress : callable or bool, optional
        Called now and then with the steps made and all steps; True is a bar of tqdm's.
    learning_rate, batch, steps, seeds, init, **fields
        Fields of the specification that take the place of its own; ``**{"network.hidden": [8]}`` names one by its path.

    Raises
    ------
    ValueError
        Names the field that is wrong, or says why the directory or the data cannot be used.
    RuntimeError
        Where a measurement fails or the directory cannot be written.

    Examples
    --------
    >>> experiment = {
    ...     "learning_rate": 0.05, "batch": 10, "steps": 200, "seeds": 2, "loss": "squared-error",
    ...     "network": {"kind": "mlp", "inputs": 2, "hidden": [4], "outputs": 2, "activation": "tanh"},
    ...     "data": {"kind": "teacher", "teacher": {"hidden": [8], "seed": 1},
    ...              "noise_standard_deviations": [1, 0.1]},
    ...     "measure": {"samples": 100, "count": 3},
    ... }
    >>> training = train(experiment)
    >>> training.measurements.quantities[:3]
    ['sharpness', 'lambda_max', 'fluctuation']
    >>> training.to_dict()["sharpness"]["start"]["count"]
    2
    """
    named = dict(learning_rate=learning_rate, batch=batch, steps=steps, seeds=seeds, init=init)
    given = dict(experiment) if isinstance(experiment, Mapping) else experiment
    with told(progress, "step") as tell:
        run, resumed_from = _core.train(given, _changes({**named, **fields}), out, tell)
    return Training(run, out, resumed_from)


def load(run: PathArgument) -> Simulation | Training:
    """The finished run in the directory ``run``, whether Python or the program ``thalweg`` made it.

    Raises
    ------
    ValueError
        Where there is none, it is not finished, or a file of it is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> problem = Problem(depth=2, input_covariance=[[1]], teacher=[[1]], noise_covariance=[[1]])
    >>> with TemporaryDirectory() as folder:
    ...     run = simulate(problem, learning_rate=0.01, batch=10, steps=100, seeds=2, out=f"{folder}/run")
    ...     print(load(f"{folder}/run").to_dict() == run.to_dict())
    True
    """
    loaded = _core.load(run)
    if isinstance(loaded, _core.Trained):
        return Training(loaded, run)
    return Simulation(loaded, run)
