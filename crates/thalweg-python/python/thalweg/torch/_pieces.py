"""Batches that are too large for the processor's caches, in parts."""

from __future__ import annotations

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


def piece(objective: Objective) -> int | None:
    """How many samples of the objective's first batch make a part of the right size; None where it is not to be parted."""
    batch = objective.batches[0]
    samples = size(batch)
    if objective.device.type != "cpu" or samples is None or samples <= LOOKED_AT:
        return None
    largest = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal largest
        # Parameters and their transposes do not grow with the samples.
        if tensor.untyped_storage().data_ptr() not in own:
            largest = max(largest, tensor.numel() * tensor.element_size())
        return tensor.detach()

    own = {parameter.untyped_storage().data_ptr() for parameter in objective.parameters}
    few = part(batch, 0, LOOKED_AT)
    try:
        with objective.evaluating(0), saved_tensors_hooks(pack, lambda tensor: tensor):
            objective.loss(objective.model, few)
    except (RuntimeError, ValueError, IndexError):
        # A loss that takes no part of a batch.
        return None
    most = LARGEST * LOOKED_AT // max(largest, 1)
    return max(most, 1) if most < samples else None


def pieces(batch: Any, samples: int | None, most: int) -> list[Any]:
    """`batch` in parts of nearly the same size, of at most `most` samples."""
    if samples is None or size(batch) != samples or samples <= most:
        return [batch]
    count = -(-samples // most)
    edges = [samples * i // count for i in range(count + 1)]
    return [part(batch, start, end) for start, end in zip(edges, edges[1:])]
