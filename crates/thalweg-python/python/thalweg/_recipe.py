"""What is added to plain SGD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from numpy.typing import ArrayLike


class Recipe(TypedDict, total=False):
    """Additions to plain SGD, as keyword arguments of :func:`predict` and :func:`flow`, and as fields of an experiment.

    What each is to the theory stands in the book's chapter on weak forces (beyond the paper).

    Attributes
    ----------
    momentum : float
        β in [0, 1): v ← β v + g, W ← W − η v.
    weight_decay : float
        λ ≥ 0: λ W is added to the gradient.
    sam : float or dict
        ρ > 0: the gradient is taken at W + ρ g. As a dict: ``{"radius": ρ, "normalised": True}`` goes by ρ g/‖g‖, and
        ``"independent": True`` takes g from a minibatch of its own.
    added_noise_covariance : array_like, (d_y, d_y)
        Of fresh Gaussian noise added to the labels at each step.
    input_noise_covariance : array_like, (d_x, d_x)
        Of fresh Gaussian noise added to the inputs at each step.
    input_dropout, hidden_dropout : float
        p in [0, 1), with which an input or a hidden unit is set to 0; otherwise it is divided by 1 − p.
    label_smoothing : float
        α in [0, 1): labels y become (1 − α) y.
    label_weights : array_like, (d_y, d_y), or "whiten"
        M: the network learns M y; "whiten" is Σε^{−1/2}, which makes the noise isotropic.
    """

    momentum: float
    weight_decay: float
    sam: float | Mapping[str, Any]
    added_noise_covariance: ArrayLike
    input_noise_covariance: ArrayLike
    input_dropout: float
    hidden_dropout: float
    label_smoothing: float
    label_weights: ArrayLike | str
