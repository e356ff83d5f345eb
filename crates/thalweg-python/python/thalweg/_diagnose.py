"""Which noise labels have, and where it would take SGD."""

from __future__ import annotations

import copy
from collections.abc import Sequence
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

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.noise_covariance = np.array(answer["noise_covariance"])
        for name in ("noise_condition_number", "sharpness", "min_sharpness", "lambda_max", "fluctuation"):
            setattr(self, name, copy.deepcopy(answer[name]))
        self.isotropy = answer["isotropy"]["p_value"]
        self.heteroscedasticity = answer["heteroscedasticity"]["p_value"]
        self.outputs = copy.deepcopy(answer["outputs"])
        self.interventions = copy.deepcopy(answer["interventions"])

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
    resamples: int = 400,
    seed: int = 0,
) -> Diagnosis:
    """Find out which noise labels have, and where it would take SGD in a linear network.

    Parameters
    ----------
    inputs : array_like, (n, d_x)
        Rows of inputs, scaled as they are trained on; their means are taken out.
    targets : array_like, (n, d_y)
        Rows of targets.
    target_names : sequence of str, optional
        What the targets are called.
    depth : int
        D, the layers of the linear network.
    learning_rate, batch : float and int, optional
        η and B, both or neither, for interventions that depend on them.
    resamples : int
        Tables of resampled rows, by which the intervals are found.
    seed : int
        Of everything that is drawn.

    Raises
    ------
    ValueError
        Names the argument that is not in its range, or says what the table lacks: too few rows, a column that never changes, inputs that depend on each other linearly, no noise.

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
    rows = np.asarray(targets, dtype=np.float64)
    if rows.ndim == 1:
        rows = rows[:, np.newaxis]
    names = list(target_names) if target_names is not None else [f"targets[:, {j}]" for j in range(rows.shape[-1])]
    return Diagnosis(_core.diagnose(inputs, rows, names, depth, learning_rate, batch, resamples, seed))
