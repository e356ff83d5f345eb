"""Whether a loss gives the same numbers where it is asked twice, as all that is measured of it takes for granted."""

from __future__ import annotations

import torch
from torch import Tensor

#: By how much of the largest loss two results may differ: sums may be taken in another order.
ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5}

#: What to say where it does not.
DIFFERS = (
    "`loss` gives other numbers when it is called again with the same random state, as where it draws from a generator of its own (torch.Generator, "
    "numpy.random.default_rng) or counts its calls"
)


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two results of one loss on one batch are the same to rounding."""
    if one.shape != other.shape:
        return False
    near = ROUNDING.get(one.dtype, 1e-2)
    return torch.allclose(one, other, rtol=0, atol=near * float(one.abs().nan_to_num().max()), equal_nan=True)
