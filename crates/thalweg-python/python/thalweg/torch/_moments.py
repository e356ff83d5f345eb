r"""Fluctuation, gradient covariance and noise scale from the gradients of samples or of groups of samples, with their errors.

Let g_k be the mean gradient of group k with b_k samples (b_k = 1: single samples), N = Σ b_k, ḡ = Σ b_k g_k / N. Where
samples are independent with gradient mean g and covariance C, E‖g_k‖² = ‖g‖² + tr C / b_k, and so without bias

- tr C ≈ S = Σ b_k ‖g_k − ḡ‖² / (K − 1), for groups of any sizes,
- ‖g‖² ≈ ‖ḡ‖² − S/N,
- F = E‖∇ℓ‖² = ‖g‖² + tr C ≈ ‖ḡ‖² + (1 − 1/N) S, which is the mean of ‖g_k‖² where groups are single samples.

Their ratio tr C/‖g‖² is the gradient noise scale (McCandlish et al., arXiv:1812.06162, eq. 2.9). All follow from s_k = ‖g_k‖² and t_k = g_k·ḡ alone, also with any one group
left out, which gives standard errors by the jackknife; they need three groups. It also takes from ratios the bias of order 1/K. Those errors are of the law the samples come
from, not of the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Value:
    """A number and its standard error; NaN where it is not known."""

    value: float
    error: float


@dataclass(frozen=True)
class Parts:
    """What is known of groups' gradients, each row a part of the parameters: all of them, or one layer's."""

    #: ‖g_k‖², (rows, K), in double precision on the processor.
    squares: Tensor
    #: g_k·ḡ, (rows, K).
    slopes: Tensor
    #: b_k, (K,).
    sizes: Tensor
    #: tr G of each group's samples, (rows, K), where it was estimated.
    curvature: Tensor | None = None

    def values(self) -> list[dict[str, Value]]:
        """Every quantity by its name, for every row."""
        count = len(self.sizes)
        if count < 2:
            raise ValueError(f"{count} group of samples has no scatter: at least two are needed")
        # The first column has all groups, each other one lacks one of them.
        kept = torch.cat([torch.zeros(count, 1), torch.eye(count)], 1).double().neg().add(1)
        found = {name: values.tolist() for name, values in self._quantities(kept).items()}
        return [
            {
                name: Value(
                    unbiased(values[row][0], values[row][1:]) if name in RATIOS else values[row][0], jackknife(values[row][1:])
                )
                for name, values in found.items()
            }
            for row in range(len(self.squares))
        ]

    def _quantities(self, kept: Tensor) -> dict[str, Tensor]:
        """From the groups whose entry in a column of `kept` (K, columns) is 1, in (rows, columns).

        All inner products with their mean follow from those with the mean of all.
        """
        sizes = self.sizes.unsqueeze(1)
        inside, outside = sizes * kept, sizes * (1 - kept)
        every, total, count = self.sizes.sum(), inside.sum(0), kept.sum(0)
        square = self.squares @ inside
        # ‖ḡ‖² of all, and of Nḡ less what was left out.
        whole = (self.slopes @ sizes) / every
        # One group at most is left out, so that no products between two of them are needed.
        mean = (every**2 * whole - 2 * every * (self.slopes @ outside) + self.squares @ outside**2) / total**2
        covariance = (square - total * mean) / (count - 1)
        gradient = mean - covariance / total
        found = {
            "fluctuation": mean + (1 - 1 / total) * covariance,
            "covariance_trace": covariance,
            "gradient_norm_squared": gradient,
            # Not above zero, ‖g‖² is lost in the noise.
            "noise_scale": torch.where(gradient > 0, covariance / gradient, math.nan),
        }
        if self.curvature is not None:
            trace = self.curvature @ inside / total
            found["gauss_newton_trace"] = trace
            found["ratio"] = torch.where(trace > 0, found["fluctuation"] / trace, math.nan)
        return found


#: What is a ratio of two estimates, and therefore biased by one part in the number of samples.
RATIOS = ("noise_scale", "ratio")


def unbiased(value: float, left_out: list[float]) -> float:
    """K v − (K − 1) v̄ from a statistic v and its values with one of K groups left out: without the bias of order 1/K.

    The value itself where that is not known, or where the correction would take it below zero.
    """
    count = len(left_out)
    found = count * value - (count - 1) * sum(left_out) / count if count >= 3 else value
    return found if math.isfinite(found) and found > 0 else value


def jackknife(values: list[float]) -> float:
    """The standard error from a statistic's values with one of K groups left out, sqrt((K − 1)/K Σ(v_k − v̄)²)."""
    count = len(values)
    if count < 3:
        return math.nan
    mean = sum(values) / count
    return math.sqrt((count - 1) / count * sum((value - mean) ** 2 for value in values))
