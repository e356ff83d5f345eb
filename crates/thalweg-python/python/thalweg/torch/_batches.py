"""The data that a loss is measured on: batches, read once, each with its number of samples."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._evaluating import GLOBAL_STATE, generators_kept
from ._tree import mapped, tensors


def batches(data: Any, argument: str = "data") -> list[Any]:
    """The batches of `data`: one batch, or anything that gives batches one after another (a list, a DataLoader, a generator).

    One batch is a tensor, a tuple, a dictionary (or what acts like one), or a list of tensors as a DataLoader makes it.
    What shuffles or augments is read once, so that every later number is of the same samples; the global random states are
    put back, and so is a DataLoader's own generator. Errors call it `argument`.
    """
    if isinstance(data, (Tensor, tuple, Mapping)):
        return [data]
    if isinstance(data, list) and data and all(isinstance(one, Tensor) for one in data):
        return [data]
    if not isinstance(data, Iterable):
        raise ValueError(
            f"`{argument}` is {type(data).__name__}, which gives no batches: one batch, a list of batches or a DataLoader is needed"
        )
    with _random_states_kept(data):
        found = list(data)
    if not found:
        raise ValueError(f"`{argument}` holds no batch: at least one is needed (a generator that was read before is empty)")
    return found


def size(batch: Any) -> int | None:
    """How many samples `batch` has: the length that its tensors share along dimension 0; None where they have none in common."""
    lengths = {tensor.shape[0] for tensor in tensors(batch) if tensor.dim() > 0}
    return lengths.pop() if len(lengths) == 1 else None


def part(batch: Any, start: int, end: int) -> Any:
    """The batch of the samples from `start` to `end`, that one not included: every tensor cut along dimension 0."""
    return mapped(lambda tensor: tensor[start:end] if tensor.dim() > 0 else tensor, batch)


def single(batch: Any, index: int) -> Any:
    """The batch of the one sample `index`."""
    return part(batch, index, index + 1)


def moved(batch: Any, device: torch.device) -> Any:
    """`batch` with its tensors on `device`."""
    if all(tensor.device == device for tensor in tensors(batch)):
        return batch
    return mapped(lambda tensor: tensor.to(device), batch)


@contextmanager
def _random_states_kept(data: Any) -> Iterator[None]:
    """Puts back Python's, numpy's and PyTorch's random states, and those of a DataLoader's own: reading may draw from any."""
    with GLOBAL_STATE, generators_kept(_generators(data)), torch.random.fork_rng():
        yield


def _generators(data: Any) -> list[torch.Generator]:
    """The random number generators of a DataLoader and its samplers."""
    owners = [data, getattr(data, "sampler", None), getattr(data, "batch_sampler", None)]
    owners.append(getattr(owners[-1], "sampler", None))
    found = {id(own): own for owner in owners if isinstance(own := getattr(owner, "generator", None), torch.Generator)}
    return list(found.values())
