"""How small the parts are that a batch is taken in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ._batches import part, size

if TYPE_CHECKING:
    from ._objective import Objective

#: Bytes of the largest tensor of a forward pass, beyond which products take longer for each sample: memory is then asked of the
#: system, and given back to it, for every such tensor.
LARGEST = 1 << 22
#: Samples that are looked at.
LOOKED_AT = 2


@dataclass(frozen=True)
class Weighed:
    """A forward pass of the first `LOOKED_AT` samples.

    Attributes
    ----------
    largest, all : int
        Bytes that it keeps for the backward pass: the largest tensor's, and those of all.
    differentiable : bool
        Whether the loss has a gradient.
    """

    largest: int
    all: int
    differentiable: bool

    def cached(self) -> int:
        """How many samples, at most, the processor's caches hold."""
        return max(LARGEST * LOOKED_AT // self.largest, 1)

    def worth(self, numbers: int) -> int:
        """How many samples, at least, have passes that are dearer than what is done with so many bytes of parameters."""
        return max(-(-numbers * LOOKED_AT // self.all), 1)


def weigh(objective: Objective) -> Weighed | None:
    """Weighs the first samples of the objective's first batch; None where a batch is not to be parted."""
    batch = objective.batches[0]
    samples = size(batch)
    if objective.device.type != "cpu" or samples is None or samples < LOOKED_AT:
        return None
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage().data_ptr()
        # Parameters and their transposes do not grow with the samples.
        if storage not in own:
            saved[storage] = max(saved.get(storage, 0), tensor.numel() * tensor.element_size())
        return tensor.detach()

    own = {parameter.untyped_storage().data_ptr() for parameter in objective.parameters}
    few = part(batch, 0, LOOKED_AT)
    try:
        with objective.evaluating(0), saved_tensors_hooks(pack, lambda tensor: tensor):
            found = objective.loss(objective.model, few)
    except Exception:
        # A loss that takes no part of a batch.
        return None
    if not saved:
        return None
    return Weighed(max(saved.values()), sum(saved.values()), isinstance(found, Tensor) and found.requires_grad)


def pieces(batch: Any, samples: int | None, most: int) -> list[Any]:
    """`batch` in parts of nearly the same size, of at most `most` samples."""
    if samples is None or size(batch) != samples or samples <= most:
        return [batch]
    count = -(-samples // most)
    edges = [samples * i // count for i in range(count + 1)]
    return [part(batch, start, end) for start, end in zip(edges, edges[1:])]
