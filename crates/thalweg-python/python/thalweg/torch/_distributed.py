"""Processes that train one model together: what each has seen of its own samples becomes one result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._fluctuation import Found, group_parts
from ._moments import Parts, Value


class Processes:
    """The processes of ``torch.distributed``, or this one alone.

    Parameters
    ----------
    model : torch.nn.Module
        As the user trains it.
    """

    def __init__(self, model: nn.Module) -> None:
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.count = torch.distributed.get_world_size() if together else 1
        #: Whether this process keeps the rows and the logs.
        self.first = not together or torch.distributed.get_rank() == 0
        # Some back ends have collectives for one kind of device only.
        self._device = next(model.parameters()).device

    def sum(self, number: float) -> float:
        """Over all processes."""
        total: float = sum(self._all(number))
        return total

    def largest(self, number: int) -> int:
        """Of all processes."""
        return int(max(self._all(number)))

    def agreed(self, way: str) -> str:
        """The way that every process can go: the one whose name any process gave that is not ``hooks``, or that."""
        ways = self._all(way)
        return next((found for found in ("none", "signs", "chunks") if found in ways), way)

    def gathered(
        self, groups: list[list[Tensor]], sizes: Sequence[float], rows: Callable[[Tensor], Tensor]
    ) -> Parts | None:
        """What the gradients of all processes' groups are to one another; None for fewer than two groups."""
        if self.count == 1:
            return group_parts(groups, sizes, rows) if len(groups) > 1 else None
        counts = self._all(len(groups))
        if min(counts) == 0 or sum(counts) < 2:
            return None
        total: float = sum(self._all(sum(sizes)))
        mean = []
        for block in zip(*groups):
            part = sum(size * one.to(torch.promote_types(one.dtype, torch.float32)) for one, size in zip(block, sizes))
            assert isinstance(part, Tensor)
            torch.distributed.all_reduce(part)
            mean.append(part / total)
        own = group_parts(groups, sizes, rows, mean=mean)
        found = self._all((own.squares, own.slopes, own.sizes))
        return Parts(
            torch.cat([part[0] for part in found], 1),
            torch.cat([part[1] for part in found], 1),
            torch.cat([part[2] for part in found]),
        )

    def mean_of(self, found: Found | None) -> Found | None:
        """The mean of what all processes found on their own samples."""
        if self.count == 1:
            return found
        everywhere = [one for one in self._all(found) if one is not None]
        if not everywhere:
            return None
        result: Found = everywhere[0]
        result.rows = [
            {name: _mean([one.rows[index][name] for one in everywhere if name in one.rows[index]]) for name in row}
            for index, row in enumerate(result.rows)
        ]
        for row in result.rows:
            _mend(row, "noise_scale", "covariance_trace", "gradient_norm_squared")
            _mend(row, "ratio", "fluctuation", "gauss_newton_trace")
        kept = [one.residuals for one in everywhere if one.residuals is not None]
        # Sequences of different lengths have not the same outputs.
        alike = len({found.shape[1] for found in kept}) == 1
        result.residuals = torch.cat(kept) if alike else None
        return result

    def _all(self, value: Any) -> list[Any]:
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        if self._device.type == "cuda":
            # Where objects travel as tensors of the current device.
            with torch.cuda.device(self._device):
                torch.distributed.all_gather_object(found, value)
        else:
            torch.distributed.all_gather_object(found, value)
        return found


def _mean(values: Sequence[Value]) -> Value:
    count = len(values)
    error = math.sqrt(sum(value.error**2 for value in values)) / count
    return Value(sum(value.value for value in values) / count, error)


def _mend(row: dict[str, Value], name: str, above: str, below: str) -> None:
    """A ratio of means, where the mean of ratios would be another number."""
    if name in row:
        upper, lower = row[above], row[below]
        ratio = upper.value / lower.value if lower.value > 0 else math.nan
        error = math.hypot(upper.error / upper.value, lower.error / lower.value) if upper.value and lower.value else math.nan
        row[name] = Value(ratio, abs(ratio) * error)
