"""Everything that is to be known of trained networks at their points."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import whole
from ._progress import Progress, told
from ._runs import PathArgument, Training
from ._table import table


class Measured:
    """The measurements of one or more networks, made by :func:`measure`.

    Attributes
    ----------
    networks : list of dict
        One for each network, with the fields of the program's JSON: an estimate is a dictionary of ``value``, ``error``,
        ``kind`` of error, products with the operator (``matvecs``) and ``converged``; a mean over samples has ``value``,
        ``standard_error`` and its 95 % ``interval``. What is not known is None, of which a sentence in ``notes`` says why.
    """

    networks: list[dict[str, Any]]

    def __init__(self, answer: dict[str, Any]) -> None:
        self.networks = answer["networks"]

    def to_dict(self) -> dict[str, Any]:
        """The keys and values of ``thalweg measure --json``."""
        return {"networks": copy.deepcopy(self.networks)}

    def __len__(self) -> int:
        return len(self.networks)

    def __repr__(self) -> str:
        return f"Measured({', '.join(network['name'] for network in self.networks)})"

    def _repr_html_(self) -> str:
        rows = [
            (
                network["name"],
                network["sharpness"]["value"],
                network["top"][0]["value"],
                _value(network["fluctuation"]),
                _value(network["covariance_trace"]),
            )
            for network in self.networks
        ]
        return table(["network", "T", "λ_max", "F", "tr Cov ∇ℓ"], rows)


def _value(mean: dict[str, Any] | None) -> float | None:
    return None if mean is None else mean["value"]


def measure(
    target: Training | PathArgument,
    *,
    seed: int | None = None,
    specification: Mapping[str, Any] | PathArgument | None = None,
    samples: int | None = None,
    evaluation_seed: int | None = None,
    on: Literal["test", "train"] = "test",
    top: int = 5,
    landscape: bool = False,
    trace_products: int = 200,
    out: PathArgument | None = None,
    progress: Progress = None,
) -> Measured:
    """Measure trained networks: curvature, fluctuation, and how they belong together.

    On an evaluation set, in double precision: loss, traces of Hessian and Gauss–Newton matrix, eigenvalues at both ends,
    spectral density, layers, fluctuation E‖∇ℓ‖² and gradient covariance, residuals and their mismatch with the output
    curvature, Theorem 2's bounds, alignment; each estimate with its error.

    Parameters
    ----------
    target : Training or path
        A finished training with a directory, that directory, or one safetensors file.
    seed : int, optional
        Only the network of this seed.
    specification : dict or path, optional
        For a file of another program, which holds none.
    samples, evaluation_seed : int, optional
        Of the evaluation set; the specification's by default.
    on : {"test", "train"}
        Samples that no training uses, and the plain loss; or samples that are trained on, each changed as the training changes it:
        the loss that was descended.
    top : int
        How many eigenvalues at each end of the spectrum.
    landscape : bool
        Whether the loss along the Hessian's two leading eigenvectors and over their plane is computed, and the run's way through it,
        for which the run is made again. The result's ``landscape`` has ``slices`` (``offsets``, ``losses``, ``slope`` and
        ``curvature`` along each), ``plane`` and ``path``.
    trace_products : int
        Hessian products for each trace that can only be estimated.
    out : path, optional
        The directory for the results; the training's own by default, where ``thalweg report`` shows them.
    progress : callable or bool, optional
        Called with the networks that are measured and all of them; True is a bar of tqdm's.

    Raises
    ------
    ValueError
        Where the target is none, or an argument is not in its range.
    RuntimeError
        Where an estimate fails or the directory cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from thalweg import train
    >>> experiment = {
    ...     "learning_rate": 0.05, "batch": 10, "steps": 100, "seeds": 1, "loss": "squared-error",
    ...     "network": {"kind": "mlp", "inputs": 2, "hidden": [4], "outputs": 2, "activation": "tanh"},
    ...     "data": {"kind": "teacher", "teacher": {"hidden": [8], "seed": 1},
    ...              "noise_standard_deviations": [1, 0.1]},
    ... }
    >>> with TemporaryDirectory() as folder:
    ...     training = train(experiment, out=f"{folder}/run")
    ...     network = measure(training, samples=100, top=2).networks[0]
    >>> network["sharpness_method"]
    "exact: the Hessian's diagonal"
    >>> network["top"][0]["converged"]
    True
    """
    if isinstance(target, Training):
        if target.directory is None:
            raise ValueError("`target` is a training without a directory, which keeps the networks: give `out` to train()")
        target = target.directory
    given = dict(specification) if isinstance(specification, Mapping) else specification
    with told(progress, "network") as tell:
        answer = _core.measure(
            Path(target), given, seed, samples, evaluation_seed, on, top, landscape, trace_products, out, tell
        )
    return Measured(answer)


def evaluation_set(
    experiment: Mapping[str, Any] | PathArgument,
    *,
    samples: int | None = None,
    seed: int | None = None,
    run_seed: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The samples that the networks of an experiment are measured on: to be used in one's own program.

    Parameters
    ----------
    experiment : dict or path
        As :func:`train` takes it.
    samples, seed : int, optional
        How many, from 1 on, and by which seed they are drawn; the experiment's own (its table ``measure``) by default.
    run_seed : int, optional
        Of the run, where each has a teacher or an evaluation set of its own; the first by default.

    Returns
    -------
    inputs, targets : ndarray of float64, (samples, lines)
        With label noise; a sequence's lines are row · positions + position.

    Examples
    --------
    >>> experiment = {
    ...     "learning_rate": 0.05, "batch": 10, "steps": 100, "loss": "squared-error",
    ...     "network": {"kind": "mlp", "inputs": 3, "hidden": [4], "outputs": 2, "activation": "tanh"},
    ...     "data": {"kind": "teacher", "teacher": {"hidden": [8], "seed": 1}},
    ... }
    >>> inputs, targets = evaluation_set(experiment, samples=50)
    >>> inputs.shape, targets.shape
    ((50, 3), (50, 2))
    """
    given = dict(experiment) if isinstance(experiment, Mapping) else experiment
    samples = None if samples is None else whole("samples", samples, 1)
    seed = None if seed is None else whole("seed", seed, 0)
    run_seed = None if run_seed is None else whole("run_seed", run_seed, 0)
    return _core.evaluation_set(given, samples, seed, run_seed)
