"""Whether a scalar loss is a sum over a batch's samples, where a mean is needed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

#: How near a value is to a sum that it is, relative to its terms.
NEAR = {torch.float64: 1e-8, torch.float32: 1e-4}


def is_sum(whole: float, parts: Sequence[tuple[float, int]], dtype: torch.dtype) -> bool:
    """Whether a batch has the value `whole` as the sum, and not as the mean, of those of its parts: each one's value and number of samples."""
    near = NEAR.get(dtype, 3e-2) * sum(abs(value) for value, _ in parts)
    mean = sum(value * samples for value, samples in parts) / sum(samples for _, samples in parts)
    return abs(whole - sum(value for value, _ in parts)) <= near and abs(whole - mean) > 10 * near
