"""The gradients of microbatches, as they are when each backward pass gives them to the parameters, before they are added up.

A hook on a parameter sees one microbatch's gradient, and on each process of data parallelism that process's own: so the
scatter between them costs no pass through the network, and nothing of the sums changes. A hook on the model sees how many
samples go into each of its forward passes; a backward pass counts as a microbatch where it had a forward pass of its own, on
samples of its own.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ._batches import size
from ._hooks import Hook
from ._tree import tensors

#: How many gradients are kept; beyond that neighbours are added up.
KEPT = 8
#: How many passes' inputs are kept at once, to see whether one comes again.
INPUTS = 64


@dataclass
class Taken:
    """What was seen of one step."""

    #: Gradients as they were added up, one list of tensors for each group of backward passes.
    groups: list[list[Tensor]] = field(default_factory=list)
    #: Backward passes in each group.
    counts: list[int] = field(default_factory=list)
    #: The samples of each backward pass; empty where they are not known.
    sizes: list[int] = field(default_factory=list)
    #: By what the training multiplies each one's mean loss, where that was said; else empty.
    weights: list[float] = field(default_factory=list)
    #: Why sizes or weights are not known; empty where they are.
    why: str = ""
    #: The last backward pass's gradients.
    last: list[Tensor] = field(default_factory=list)
    #: The random states of the last forward pass: the processor's, and a graphics card's.
    states: tuple[Tensor, Tensor | None] | None = None

    @property
    def passes(self) -> int:
        """All backward passes."""
        return sum(self.counts)

    def follow(self, before: list[Tensor], now: list[Tensor]) -> None:
        """What was seen of the parameters `before`, for those that are trainable `now`."""
        places = {id(parameter): place for place, parameter in enumerate(before)}
        if any(id(parameter) not in places for parameter in now):
            self.groups, self.counts = [], []
            self.why = self.why or "parameters were thawed or replaced at some step, whose gradients were not watched yet"
            return
        kept = [places[id(parameter)] for parameter in now]
        self.groups = [[group[place] for place in kept] for group in self.groups]
        self.last = [self.last[place] for place in kept] if self.last else []

    def means(self, *, by_samples: bool, scale: float) -> tuple[list[list[Tensor]], list[float]]:
        """Each group's mean gradient, in the memory of what was seen, and the number of samples that a mean with its variance would be of.

        The sum of the passes, over `scale`, is either the mean of their means, each with the weight 1/K, or, `by_samples`, that of all samples.
        A plain mean of m means, of b_k samples each, has the variance of m²/Σ(1/b_k) samples.
        """
        found, weights, start = [], [], 0
        for group, count in zip(self.groups, self.counts):
            own, start = self.sizes[start : start + count], start + count
            if by_samples:
                factor, weight = sum(self.sizes) / sum(own), float(sum(own))
            else:
                factor, weight = self.passes / count, count**2 / sum(1 / one for one in own)
            found.append([part.mul_(factor / scale) for part in group])
            weights.append(weight)
        return found, weights


class Microbatches:
    """Watches the parameters' gradients from :meth:`arm` to :meth:`take`.

    Parameters
    ----------
    parameters : list of Tensor
        Whose gradients.
    model : torch.nn.Module, optional
        Whose forward passes; as the user calls it.
    """

    def __init__(self, parameters: list[Tensor], model: nn.Module | None = None) -> None:
        self.parameters = parameters
        self.model = model
        self._handles: list[Any] = []
        # What is no longer asked watches no more.
        weakref.finalize(self, _remove, self._handles)
        self._clear()

    def _clear(self) -> None:
        self._seen: list[list[Tensor]] = [[] for _ in self.parameters]
        #: Backward passes that went into each of what is kept, and all of them.
        self._counts: list[list[int]] = [[] for _ in self.parameters]
        self._passes = [0 for _ in self.parameters]
        self._last: list[Tensor | None] = [None for _ in self.parameters]
        #: Samples of the forward passes since the last backward pass, and of those before each backward pass.
        self._entered: list[int | None] = []
        self._before: list[list[int | None]] = []
        #: As the user said: samples and weights.
        self._said: list[tuple[int | None, Any]] = []
        #: What went in, to see whether it is other samples each time: a tensor and how often it had been written into.
        self._inputs: list[tuple[Tensor, int]] = []
        #: How many of them were there at the last backward pass.
        self._begun = 0
        self._same = False
        self._states: tuple[Tensor, Tensor | None] | None = None
        #: How often the parameters had been written into at the last backward pass; None when a forward pass, which may write, has come since.
        self._versions: list[int] | None = None

    @property
    def armed(self) -> bool:
        """Whether it is watching."""
        return bool(self._handles)

    def arm(self) -> None:
        """Watch from now on."""
        if not self._handles:
            for index, parameter in enumerate(self.parameters):
                self._handles.append(parameter.register_hook(Hook(self._came, index)))  # type: ignore[no-untyped-call]
            if self.model is not None:
                self._handles.append(self.model.register_forward_pre_hook(Hook(self._forward), with_kwargs=True))

    def say(self, samples: int | None, weight: Any = None) -> None:
        """How many samples the next microbatch has and which weight, where the user knows better than a hook."""
        if self._handles:
            self._forget_if_moved()
            self._said.append((samples, weight))

    def take(self) -> Taken:
        """Stop watching; give what was seen.

        No gradients are given where not all parameters that had one had one in each pass.
        """
        _remove(self._handles)
        seen, counts = self._seen, self._counts
        known = [found for found in counts if found]
        taken = Taken(states=self._states)
        if known and all(found == known[0] for found in known):
            taken.groups = [
                [dense(found[group]) if found else torch.zeros_like(p) for found, p in zip(seen, self.parameters)]
                for group in range(len(known[0]))
            ]
            taken.counts = known[0]
            taken.last = [torch.zeros_like(p) if found is None else dense(found) for found, p in zip(self._last, self.parameters)]
            taken.sizes, taken.why = self._sizes(taken.passes)
            taken.weights = [float(weight) for _, weight in self._said if weight is not None]
            if taken.weights and not (len(taken.weights) == taken.passes and all(map(math.isfinite, taken.weights))):
                taken.why = taken.why or f"the weights {taken.weights} were given for {taken.passes} backward passes"
        elif known:
            taken.why = "not every backward pass reached the same parameters"
        self._clear()
        return taken

    def _sizes(self, passes: int) -> tuple[list[int], str]:
        said = [samples for samples, _ in self._said if samples]
        if said:
            if len(said) != passes:
                return [], f"{len(said)} microbatches were announced and {passes} backward passes seen"
            return said, ""
        if self._same:
            return [], "the same samples went into several forward passes"
        if len(self._before) != passes or any(len(set(found)) != 1 for found in self._before):
            return [], "not every backward pass had a forward pass of the model before it, of one number of samples"
        sizes = [found[0] for found in self._before]
        if any(not one for one in sizes):
            return [], "what enters the model has no dimension 0 that could be the samples'"
        return [one for one in sizes if one], ""

    def _forget_if_moved(self) -> None:
        """Forgets the passes before an optimizer's step, as those of SAM at perturbed weights: they are no part of the sum that comes."""
        if self._versions is not None and self._versions != self._written():
            self._clear()

    def _written(self) -> list[int]:
        """How often each parameter was written into."""
        return [parameter._version for parameter in self.parameters]

    def _forward(self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if not self._handles or not torch.is_grad_enabled():
            return
        self._forget_if_moved()
        self._versions = None
        first = next((tensor for tensor in tensors([arguments, named]) if tensor.dim()), None)
        samples = size([arguments, named]) or (None if first is None else len(first))
        if first is not None:
            mark = (first, first._version)
            # What one pass calls the model with twice is its own.
            earlier = self._inputs[: self._begun]
            self._same |= any(_lies(mark) == _lies(other) for other in earlier)
            self._inputs.append(mark)
            if len(self._inputs) > INPUTS:
                # As before a first step that is long in coming.
                del self._inputs[0]
                self._begun = max(self._begun - 1, 0)
        self._entered.append(samples)
        device = self.parameters[0].device
        self._states = torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def _came(self, index: int, gradient: Tensor) -> None:
        """Takes one pass's gradient of parameter `index`."""
        if self._passes[index] == len(self._before):
            # The first of a backward pass.
            self._forget_if_moved()
            self._versions = self._written()
        self._passes[index] += 1
        if self._passes[index] > len(self._before):
            self._before.append(self._entered)
            self._entered, self._begun = [], len(self._inputs)
        seen, counts = self._seen[index], self._counts[index]
        # A full store holds groups of equal size but perhaps the last.
        full = counts[0] if counts else 1
        if counts and counts[-1] < full:
            seen[-1] += gradient.detach()
            counts[-1] += 1
            self._last[index] = gradient.detach().clone()
            return
        if len(seen) == KEPT:
            seen[:] = [one + other for one, other in zip(seen[::2], seen[1::2])]
            counts[:] = [one + other for one, other in zip(counts[::2], counts[1::2])]
        # What is passed on may be written into by others.
        seen.append(gradient.detach().clone())
        counts.append(1)
        self._last[index] = seen[-1]


def dense(gradient: Tensor) -> Tensor:
    """A gradient with all its numbers: that of an embedding may be sparse, of which few sums are known to PyTorch."""
    return gradient.to_dense() if gradient.is_sparse else gradient


def _remove(handles: list[Any]) -> None:
    """Takes hooks off."""
    for handle in handles:
        handle.remove()
    handles.clear()


def _lies(mark: tuple[Tensor, int]) -> tuple[int, int, tuple[int, ...]]:
    """Where a tensor's numbers lie, and how often they had been written."""
    tensor, version = mark
    return tensor.data_ptr(), version, tuple(tensor.shape)
