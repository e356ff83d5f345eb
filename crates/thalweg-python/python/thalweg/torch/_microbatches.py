"""The gradients of microbatches, as they are when each backward pass gives them to the parameters, before they are added up.

A hook on a parameter sees one microbatch's gradient, and on each process of data parallelism that process's own: so the
scatter between them costs no pass through the network, and nothing of the sums changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: How many gradients are kept; beyond that neighbours are added up.
KEPT = 8


class Microbatches:
    """Watches the parameters' gradients from :meth:`arm` to :meth:`take`."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self.parameters = parameters
        self._handles: list[Any] = []
        self._seen: list[list[Tensor]] = [[] for _ in parameters]
        #: Backward passes that went into each of what is kept.
        self._counts: list[list[int]] = [[] for _ in parameters]

    @property
    def armed(self) -> bool:
        """Whether it is watching."""
        return bool(self._handles)

    def arm(self) -> None:
        """Watch from now on."""
        if not self._handles:
            for index, parameter in enumerate(self.parameters):
                register: Callable[[Callable[[Tensor], None]], Any] = parameter.register_hook
                self._handles.append(register(self._hook(index)))

    def take(self) -> tuple[list[list[Tensor]], list[int]]:
        """Stop watching; give the gradients, one list for each group of backward passes, and the passes in each group.

        Nothing is given where not all parameters that had a gradient had one in each pass.
        """
        for handle in self._handles:
            handle.remove()
        self._handles = []
        seen, counts = self._seen, self._counts
        self._seen, self._counts = [[] for _ in self.parameters], [[] for _ in self.parameters]
        known = [found for found in counts if found]
        if not known or any(found != known[0] for found in known):
            return [], []
        groups = [
            [found[group] if found else torch.zeros_like(p) for found, p in zip(seen, self.parameters)]
            for group in range(len(known[0]))
        ]
        return groups, known[0]

    def _hook(self, index: int) -> Callable[[Tensor], None]:
        def hook(gradient: Tensor) -> None:
            seen, counts = self._seen[index], self._counts[index]
            # A full store holds groups of equal size but perhaps the last.
            full = counts[0] if counts else 1
            if counts and counts[-1] < full:
                seen[-1] += gradient.detach()
                counts[-1] += 1
                return
            if len(seen) == KEPT:
                seen[:] = [one + other for one, other in zip(seen[::2], seen[1::2])]
                counts[:] = [one + other for one, other in zip(counts[::2], counts[1::2])]
            # What is passed on may be written into by others.
            seen.append(gradient.detach().clone())
            counts.append(1)

        return hook
