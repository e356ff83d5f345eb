"""Graphs of derivatives, kept between products as far as memory goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ._objective import Objective

#: Of the memory that is free, the part that graphs may take.
SHARE = 0.5


class Graphs:
    """What each batch is differentiated by, made where it is first asked for and kept if it fits.

    The first graph is weighed while it is made: by it is known how many batches' graphs fit into `memory` bytes (half of what
    is free, by default). Those of the first batches are kept, the others are made for each product anew; one at a time. Where it cannot be
    weighed, it alone is kept.
    """

    def __init__(self, objective: Objective, make: Callable[[int], Any], memory: int | None = None) -> None:
        self._objective, self._make = objective, make
        self._memory = memory
        self._kept: dict[int, Any] = {}
        self._point: _Point | None = None
        self._most: int | None = None
        #: Bytes of the first batch's graph, beside the parameters; None before it is made, and where it cannot be weighed.
        self.weight: int | None = None

    def refresh(self) -> None:
        """Forgets the graphs if the model has changed since they were made. To be called before each product."""
        if self._point is None or not self._point.is_now():
            self._kept.clear()
            self._point = None
            self._point = _Point(self._objective)

    def of(self, index: int) -> Any:
        """The graph of batch `index`."""
        objective = self._objective
        if index in self._kept:
            return self._kept[index]
        if self._most is None and (len(objective.batches) > 1 or self._memory is not None):
            graph = self._weighed(index)
        else:
            with objective.evaluating(index):
                graph = self._make(index)
        if index < (1 if self._most is None else self._most):
            self._kept[index] = graph
        return graph

    def _weighed(self, index: int) -> Any:
        """Makes the graph of this batch, and sees by its size how many are kept."""
        objective = self._objective
        memory = _free(objective.device) * SHARE if self._memory is None else self._memory
        try:
            with _Scale(objective.parameters) as scale, objective.evaluating(index):
                graph = self._make(index)
        except RuntimeError as error:
            if "saved tensor hooks" not in str(error):
                raise
            # Derivatives by torch.func are not made where saved tensors are watched. Of what was not weighed one is kept.
            self._most = 1
            with objective.evaluating(index):
                return self._make(index)
        self.weight = scale.bytes
        # Batches differ in size; the first is as large as any, as a rule.
        self._most = int(memory // max(scale.bytes, 1))
        return graph

    def release(self) -> None:
        """Frees them all."""
        self._kept.clear()


class _Point:
    """What a model's function depends on: parameters and buffers, and the batches, which are made anew where modules change their mode.

    Their numbers are copied and compared: `parameter.data` and the like change them without leaving a mark. That is one
    pass over numbers of which a product makes many.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._batches = objective.batches
        self._copies = [tensor.detach().clone() for tensor in self._present()]
        self._versions = [parameter._version for parameter in objective.parameters]

    def _present(self) -> list[Tensor]:
        model = self._objective.model
        return [*model.parameters(), *model.buffers()]

    def is_now(self) -> bool:
        """Whether the model is still there."""
        present = self._present()
        own = self._objective.parameters
        # What was changed in place and back is the same, but the graph takes it for another.
        if self._versions != [parameter._version for parameter in own]:
            return False
        # Other modes have other batches.
        if self._batches is not self._objective.batches:
            return False
        if len(present) != len(self._copies) or any(
            (one.shape, one.dtype, one.device) != (other.shape, other.dtype, other.device)
            for one, other in zip(present, self._copies)
        ):
            return False
        if all(tensor.device.type == "cpu" for tensor in present):
            return all(torch.equal(one, other) for one, other in zip(present, self._copies))
        # The device is waited for once, not for every tensor.
        differ = [(one != other).any().to(self._objective.device) for one, other in zip(present, self._copies)]
        return not bool(torch.stack(differ).any())


class _Scale:
    """Adds up the tensors that a graph saves, each storage once."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self._seen = {parameter.untyped_storage().data_ptr() for parameter in parameters}
        self.bytes = 0
        self._hooks = saved_tensors_hooks(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        # The tensor itself would hold the graph that holds it.
        return tensor.detach()

    def __enter__(self) -> _Scale:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)


def _free(device: torch.device) -> int:
    """Bytes of memory that are free on `device`."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
