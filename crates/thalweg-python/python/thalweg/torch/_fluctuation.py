"""Fluctuation and tr Gauss–Newton of one batch, by whichever way the model and the loss allow.

Every way runs the model itself, with gradients of its own, and none but the signs' needs samples that are apart:

- ``hooks``: exact norms of single samples' gradients, from one forward pass (see :mod:`._norms`).
- ``vmap``, ``samples``: the same from whole gradients, at once or one after another.
- ``chunks``: gradients of up to eight parts of the batch, cut at random; needs no more than a scalar loss.
- ``signs``: u = Σ s_b ∇ℓ_b with random signs of which half are +1, on one forward pass of the whole batch. With
  E s_a s_b = −1/(N − 1) for a ≠ b, E‖u‖² = N/(N − 1) (Σ‖g_b‖² − N‖ḡ‖²) = N S, so that ‖u‖²/N is unbiased for
  S = Σ‖g_b − ḡ‖²/(N − 1), and S for tr C. Of an odd number one sample, drawn at random, is left out of u. Several draws give an
  error, of the signs alone: of what is known of this batch, not of the next, which the method's name says. It is the way where samples are coupled (BatchNorm in training mode), where ∇ℓ_b
  is the derivative of a sample's loss with the whole batch in the forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Union

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ._batches import size
from ._each import EachCurvature, each_curvature
from ._evaluating import random_state, same_draws, still, without_graph
from ._moments import Parts, Value
from ._norms import SEVERAL, SampleNorms, Seen, Unknown, by_vmap, mean_by_vmap, mean_one_by_one, one_by_one, shared_layers
from ._outputs import Outputs, OutputCurvature, Unrecognised, curvature, signs
from ._residuals import LARGEST
from ._said import said
from ._sums import is_sum
from ._tree import mapped

#: Into how many parts a batch is cut.
CHUNKS = 8
#: How many vectors of signs, and of labels where the batch is not cut.
DRAWS = 4
#: Entries of vectors whose products are added up in double precision.
PIECE = 1 << 18

#: What these errors are of.
SIGNS, LABELS = "signs (error on this batch)", "labels (error on this batch)"

#: How a note on steps begins that are measured in another way than the first.
NOT_EVERYWHERE = "no norms by hooks at some step, which is measured in another way"

#: What is known of the loss's curvature in the outputs.
Curved = Union[OutputCurvature, EachCurvature]

WAYS = ("hooks", "vmap", "samples", "chunks", "signs")


def several(samples: int | None) -> None:
    """Refuses a batch of less than two samples; None where they cannot be counted."""
    if samples is not None and samples < 2:
        found = "one sample" if samples else "no sample"
        raise ValueError(f"`batch` has {found}: what scatters are the gradients of two or more")


@dataclass
class Found:
    """What was found on one batch."""

    #: Every quantity by its name: for all parameters, then for every layer.
    rows: list[dict[str, Value]]
    #: How.
    method: str
    #: How tr Gauss–Newton was found.
    trace_method: str
    #: The residuals ∂ℓ/∂f, (samples, outputs), where outputs and loss allow them.
    residuals: Tensor | None = None


@dataclass
class Samples:
    """A model, its loss and what is to be known of single samples' gradients.

    Attributes
    ----------
    model : torch.nn.Module
        Without wrappers.
    loss : callable
        Of the model and a batch: the samples' losses, or their mean.
    parameters : list of Tensor
        The trainable ones, each once.
    blocks : list of (int, int)
        Which of them make each row: all, then layers.
    generator : torch.Generator
        For signs, labels and cuts; on the processor.
    """

    model: nn.Module
    loss: Callable[[Any, Any], Tensor]
    parameters: list[Tensor]
    blocks: list[tuple[int, int]]
    generator: torch.Generator
    #: Sentences on what could not be had and why, each once.
    notes: list[str] = field(default_factory=list)
    #: What is known of hooks, by the size of the batches that it was verified on.
    _seen: dict[int | None, Seen] = field(default_factory=dict)

    def losses(self, batch: Any) -> Tensor:
        """What the user's loss gives."""
        found = self.loss(self.model, batch)
        if not isinstance(found, Tensor) or found.dim() > 1:
            what = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(f"`loss` returned {what}: a vector of the samples' losses is needed, or their mean")
        return found

    def note(self, sentence: str) -> None:
        """Remember it, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def fluctuation(self, batch: Any, way: str, *, trace: bool, strict: bool = True) -> Found:
        """Measure by one of :data:`WAYS`; with tr Gauss–Newton and the ratio to it where `trace` is set and it can be had.

        Where a way fails in PyTorch or in the model's own code the next one is taken, with a note; where it is `strict` a ValueError, which says what
        is wrong with the settings, is raised all the same.
        """
        several(size(batch))
        ways = {
            "hooks": self._by_hooks,
            "vmap": self._by_vmap,
            "samples": self._one_by_one,
            "chunks": self._by_chunks,
            "signs": self._by_signs,
        }
        left = [way]
        failed: Exception | None = None
        while left:
            tried = left.pop(0)
            if tried == "chunks" and failed is not None and not self.cuts(batch):
                continue
            try:
                return ways[tried](batch, trace)
            except Exception as error:
                if failed is None:
                    # Parts of a batch whose samples see one another are other batches.
                    apart = not self.coupled and not (isinstance(error, Unknown) and error.coupled)
                    left = [other for other in (("chunks", "signs") if apart else ("signs", "chunks")) if other != way]
                if strict and isinstance(error, Unknown) and failed is None:
                    raise ValueError(f"no norms by hooks: {error}; set `fluctuation` to 'signs', which takes any model") from error
                if strict and isinstance(error, ValueError):
                    raise failed or error from error
                self._note_failure(tried, error)
                failed = failed or error
        assert failed is not None
        raise failed

    def _note_failure(self, way: str, error: Exception) -> None:
        if not isinstance(error, Unknown):
            self.note(f"fluctuation by {way} failed: {said(error)}")
        elif not any(note.startswith(NOT_EVERYWHERE) for note in self.notes):
            # Of many such steps the first: what is said of it has its shapes.
            self.note(f"{NOT_EVERYWHERE}: {error}")

    def cuts(self, batch: Any) -> bool:
        """Whether parts of the batch may stand for it: whether its loss is the mean of theirs, weighted by samples.

        A note says why not. A scalar that is a sum is seen so, and a mean over tokens of which samples have different numbers.
        """
        if size(batch) is None or (size(batch) or 0) < 2:
            return False
        def losses(part: Any) -> Tensor:
            return without_graph(lambda: self.losses(part))

        with self._still():
            whole = [losses(batch) for _ in range(3)]
            if whole[0].dim() and len(whole[0]) != size(batch):
                self.note(f"no parts of the batch: {len(whole[0])} losses for a batch whose tensors have {size(batch)} entries")
                return False
            try:
                # One cut may agree by chance.
                cuts = [
                    [(losses(part).double().mean().item(), samples) for part, samples in self._cut(batch)] for _ in range(3)
                ]
            except Exception as error:
                self.note(f"no parts of the batch: the loss fails on a part: {said(error)}")
                return False
        values = [one.double().mean().item() for one in whole]
        means = [sum(value * samples for value, samples in parts) / sum(samples for _, samples in parts) for parts in cuts]
        # A part whose loss is not a number counts as the farthest.
        mean = max(means, key=lambda value: math.inf if math.isnan(value) else abs(value - values[0]))
        scale = max(abs(value) for parts in cuts for value, _ in parts)
        # Where the loss draws random numbers, by as much as they move it.
        allowed = 5 * (max(values) - min(values)) + {torch.float64: 1e-9, torch.float32: 1e-4}.get(whole[0].dtype, 3e-2) * scale
        if math.isfinite(values[0]) and not abs(values[0] - mean) <= allowed:
            summed = all(is_sum(values[0], parts, whole[0].dtype) for parts in cuts)
            self.note(
                f"no parts of the batch: its loss is {values[0]:.6g} and the mean of its parts' {mean:.6g} "
                + (
                    "(it is the sum over samples: `loss` must give the vector of the samples' losses, as with reduction='none', or their mean)"
                    if summed
                    else "(`loss` must give the vector of the samples' losses, or their mean; a mean over tokens is none where samples have "
                    "different numbers of them)"
                )
            )
            return False
        if self.coupled:
            self.note("BatchNorm is in training mode: parts of the batch are normalised by themselves, and what is measured is of such small batches")
        return True

    @contextmanager
    def _still(self) -> Iterator[None]:
        """As :func:`still`, and with the generator put back."""
        state = self.generator.get_state()
        try:
            with still(self.model):
                yield
        finally:
            self.generator.set_state(state)

    def choose(self, batch: Any) -> str:
        """The cheapest way that knows this model and loss, ``none`` where there is none; says in a note why it is not by hooks."""
        vector = self.losses(batch)
        if vector.dim() == 0:
            self.note("`loss` gives one number for the batch: fluctuation is measured between its parts, if they may stand for it, and single samples are not seen")
            return "chunks" if self.cuts(batch) else "none"
        several(len(vector))
        try:
            self._verify(batch)
        except Unknown as error:
            self.note(f"no norms by hooks: {error}")
            tried = error.coupled is None and not self.coupled and bool(vector.isfinite().all())
            return "chunks" if tried and self.cuts(batch) else "signs"
        return "hooks"

    # What follows gives rows of all parameters and of layers.

    def rows(self, blocks: Tensor) -> Tensor:
        """Sums over the parameters of each row, in double precision on the processor."""
        precise = blocks.detach().cpu().double()
        return torch.stack([precise[start:end].sum(0) for start, end in self.blocks])

    def _verify(self, batch: Any) -> Seen:
        """Finds out what hooks must know of batches like this one; an Unknown says why they cannot."""

        def losses() -> Tensor:
            found = self.losses(batch)
            if size(batch) not in (None, len(found)):
                raise Unknown(f"{len(found)} losses for a batch whose tensors have {size(batch)} entries")
            if not bool(found.isfinite().all()):
                raise Unknown("the loss is not finite, so that it cannot be seen whether they are right")
            return found

        known = frozenset[str]().union(*(seen.shared for seen in self._seen.values()))
        # What is measured draws the same whether it was looked at before or not.
        with same_draws(self.parameters[0].device):
            seen = shared_layers(self.model, self.parameters, size(batch), losses, known)
        self._seen[size(batch)] = seen.also(self._seen.get(size(batch)))
        return seen

    def _watched(self, batch: Any) -> tuple[Tensor, Outputs, SampleNorms]:
        """The losses of a batch, with hooks that were verified where layers' rows were dealt out alike to as many samples.

        That is enough where the batch's tensors have the samples along dimension 0. Else (graphs in one disjoint union, say) which of several
        rows are which sample's stands in the batch's numbers, and every batch is looked at.
        """
        samples = size(batch)
        seen = self._seen.get(samples)
        if seen is not None:
            with same_draws(self.parameters[0].device):
                found = self._hooked(batch, seen)
            losses, _, norms = found
            dealt: frozenset[tuple[str, int]] = norms.dealt(len(losses)) if losses.dim() else frozenset()
            if dealt <= seen.dealt and (samples is not None or all(each < SEVERAL for _, each in dealt)):
                return found
        return self._hooked(batch, self._verify(batch))

    def _hooked(self, batch: Any, seen: Seen) -> tuple[Tensor, Outputs, SampleNorms]:
        outputs = Outputs()
        with outputs.of(self.model), SampleNorms(self.model, self.parameters, size(batch), seen.shared) as norms:
            losses = self.losses(batch)
        norms.coarsest = seen.coarsest
        return losses, outputs, norms

    def _curvature(self, losses: Tensor, outputs: Outputs, trace: bool) -> Curved | None:
        if not trace:
            return None
        why: Unrecognised | None = None
        try:
            used = outputs.used(losses)
            if len(used) == 1:
                try:
                    return curvature(losses, used[0], self.generator)
                except Unrecognised as error:
                    why = error
            return each_curvature(losses, used, self.generator)
        except Exception as error:
            # A loss may have no second derivative (CTC's), which the fluctuation does not need.
            self.note(f"no tr Gauss–Newton: {why or said(error)}")
            return None

    def _by_hooks(self, batch: Any, trace: bool) -> Found:
        if not self._seen:
            _is_vector(self.losses(batch))
        losses, outputs, norms = self._watched(batch)
        _is_vector(losses)
        if norms.samples not in (None, len(losses)):
            raise ValueError(
                f"`loss` returned {len(losses)} losses for a batch of {norms.samples} samples: norms by hooks need one for each"
            )
        found = norms.of_losses(losses)
        assert found.slopes is not None
        curved = self._curvature(losses, outputs, trace)
        traces = None
        if curved is not None:
            drawn = curved.draws(self.generator)
            traces = sum_of([draw.sign * self.rows(norms.of(curved.tensors, draw.cotangents).squares) for draw in drawn])
        ones = torch.ones(len(losses), dtype=torch.float64)
        parts = Parts(self.rows(found.squares), self.rows(found.slopes), ones, traces)
        result = self._found(parts, "hooks", [] if curved is None else [(curved, len(losses))])
        result.rows[0]["loss"] = _mean(losses.detach().cpu().double())
        return result

    def _by_vmap(self, batch: Any, trace: bool) -> Found:
        return self._of_samples(batch, trace, "vmap")

    def _one_by_one(self, batch: Any, trace: bool) -> Found:
        return self._of_samples(batch, trace, "samples")

    def _of_samples(self, batch: Any, trace: bool, way: str) -> Found:
        if self.coupled:
            raise ValueError(
                "`fluctuation` is 'vmap', but BatchNorm layers in training mode normalise by the batch, so that a sample has no gradient "
                "of its own: take 'signs', or set these layers to eval()"
            )
        norms = None
        if way == "vmap":
            try:
                mean = self._sample_mean(batch, lambda: mean_by_vmap(self.model, self.parameters, self.loss, batch))
                norms = by_vmap(self.model, self.parameters, self.loss, batch, mean)
            except Exception as error:
                # It does not say of its own kind what it cannot do, nor does the model's code on samples that are mapped over.
                self.note(f"no gradients by vmap, so one sample after another: {said(error)}")
                way = "samples"
        if norms is None:
            mean = self._sample_mean(batch, lambda: mean_one_by_one(self.parameters, self.loss, self.model, batch))
            norms = one_by_one(self.parameters, self.loss, self.model, batch, mean)
        assert norms.slopes is not None
        ones = torch.ones(norms.squares.shape[1], dtype=torch.float64)
        result = self._found(Parts(self.rows(norms.squares), self.rows(norms.slopes), ones), way, [])
        if trace:
            join(result, self.traces(batch))
        return result

    def _sample_mean(self, batch: Any, own: Callable[[], list[Tensor]]) -> list[Tensor]:
        """The mean of samples' gradients: the batch's, but where the loss draws random numbers (dropout), and samples alone get others; then what `own` gives."""
        device = self.parameters[0].device
        before = random_state(device)
        value = self.losses(batch)
        found = torch.autograd.grad(value.mean(), self.parameters, allow_unused=True)
        if torch.equal(before, random_state(device)):
            return [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, found)]
        with same_draws(device):
            return own()

    def _by_chunks(self, batch: Any, trace: bool) -> Found:
        parts = self._cut(batch)
        gradients, sizes, traces, curves = [], [], [], []
        for part, samples in parts:
            outputs = Outputs()
            with outputs.of(self.model):
                losses = self.losses(part)
            gradients.append(self._gradient(losses.mean(), retain=trace))
            sizes.append(samples)
            curved = self._curvature(losses.mean() * samples, outputs, trace)
            if curved is not None:
                traces.append(self._label_squares(curved) / samples)
                curves.append((curved, samples))
        whole = len(traces) == len(parts)
        between = group_parts(gradients, sizes, self.rows, torch.stack(traces, 1) if whole and traces else None)
        return self._found(between, "chunks", curves)

    def _by_signs(self, batch: Any, trace: bool) -> Found:
        outputs = Outputs()
        with outputs.of(self.model):
            losses = self.losses(batch)
        if losses.dim() == 0:
            raise ValueError("`loss` returned a mean: random signs need the vector of the samples' losses")
        samples = len(losses)
        mean = self._gradient(losses.mean(), retain=True)
        squared = self.rows(torch.stack([part.square().sum() for part in mean]))
        draws = []
        for _ in range(DRAWS):
            sign = balanced(samples, self.generator).to(losses.device, losses.dtype)
            signed = self._gradient((sign * losses).sum(), retain=True)
            used = samples - samples % 2
            draws.append(self.rows(torch.stack([part.square().sum() for part in signed])) / used)
        found = torch.stack(draws, 1)
        rows = []
        for square, values in zip(squared, found):
            covariance = _mean(values)
            gradient = square.item() - covariance.value / samples
            scale, slope = math.nan, math.nan
            if gradient > 0:
                scale = covariance.value / gradient
                slope = 1 / gradient + covariance.value / (samples * gradient**2)
            rows.append(
                {
                    "fluctuation": Value(
                        square.item() + (1 - 1 / samples) * covariance.value, (1 - 1 / samples) * covariance.error
                    ),
                    "covariance_trace": covariance,
                    "gradient_norm_squared": Value(gradient, covariance.error / samples),
                    "noise_scale": Value(scale, slope * covariance.error),
                }
            )
        result = Found(rows, SIGNS, LABELS)
        curved = self._curvature(losses, outputs, trace)
        if curved is not None:
            squares = [self._label_squares(curved) / samples for _ in range(DRAWS)]
            join(result, Found(_traces_of(torch.stack(squares, 1)), LABELS, LABELS, _residuals([(curved, samples)])))
        return result

    def traces(self, batch: Any) -> Found | None:
        """tr Gauss–Newton alone: from parts of the batch, or where samples are coupled from several draws for the whole."""
        traces, curves = [], []
        if self.coupled:
            outputs = Outputs()
            with outputs.of(self.model):
                losses = self.losses(batch)
            samples = len(losses) if losses.dim() else size(batch) or 1
            curved = self._curvature(losses.mean() * samples, outputs, True)
            if curved is None:
                return None
            draws = [self._label_squares(curved) / samples for _ in range(DRAWS)]
            return Found(_traces_of(torch.stack(draws, 1)), LABELS, LABELS, _residuals([(curved, samples)]))
        for part, samples in self._cut(batch):
            outputs = Outputs()
            with outputs.of(self.model):
                losses = self.losses(part)
            curved = self._curvature(losses.mean() * samples, outputs, True)
            if curved is None:
                return None
            traces.append(self._label_squares(curved) / samples)
            curves.append((curved, samples))
        return Found(_traces_of(torch.stack(traces, 1)), "labels", "labels", _residuals(curves))

    @property
    def coupled(self) -> bool:
        """Whether a sample's loss depends on the others of its batch by BatchNorm."""
        return any(isinstance(module, _BatchNorm) and module.training for module in self.model.modules())

    def _label_squares(self, curved: Curved) -> Tensor:
        zero = torch.zeros((), device=curved.tensors[0].device)
        found = []
        for draw in curved.draws(self.generator):
            drawn = torch.autograd.grad(
                curved.tensors, self.parameters, draw.cotangents, retain_graph=True, allow_unused=True
            )
            squares = [zero if part is None else part.to(_precise(part)).square().sum() for part in drawn]
            found.append(draw.sign * self.rows(torch.stack(squares)))
        return sum_of(found)

    def _gradient(self, value: Tensor, *, retain: bool) -> list[Tensor]:
        found = torch.autograd.grad(value, self.parameters, retain_graph=retain, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, found)]

    def _cut(self, batch: Any) -> list[tuple[Any, int]]:
        """The batch in parts as even as can be, its samples in random order."""
        samples = size(batch)
        if samples is None:
            raise ValueError("`batch` has no dimension 0 that its tensors share: it cannot be cut into samples")
        several(samples)
        order = torch.randperm(samples, generator=self.generator)
        # BatchNorm has no variance from one sample.
        parts = order.tensor_split(max(min(CHUNKS, samples // 2 if self.coupled else samples), 2))
        return [
            (mapped(lambda t: t[part.to(t.device)] if t.dim() else t, batch), len(part)) for part in parts
        ]

    def _found(self, parts: Parts, method: str, curves: Sequence[tuple[Curved, int]]) -> Found:
        trace = "labels by hooks" if method == "hooks" else "labels"
        return Found(parts.values(), method, trace, _residuals(curves))


def _is_vector(losses: Tensor) -> None:
    """Refuses a mean."""
    if losses.dim() == 0:
        raise ValueError("`loss` returned a mean: norms by hooks need the vector of the samples' losses")


def group_parts(
    gradients: Sequence[Sequence[Tensor]],
    sizes: Sequence[float],
    rows: Callable[[Tensor], Tensor],
    traces: Tensor | None = None,
    mean: Sequence[Tensor] | None = None,
) -> Parts:
    """From groups' mean gradients, one list of tensors for each, and their numbers of samples.

    `mean` is that of all groups, where they are not all here.
    """
    count = torch.tensor(sizes, dtype=torch.float64)
    weights = (count / count.sum()).tolist()
    squares, slopes = [], []
    for index, block in enumerate(zip(*gradients)):
        # In one pass over each for each number, without copies.
        parts = [part.to(_precise(part)).reshape(-1) for part in block]
        if mean is None:
            own = weights[0] * parts[0]
            for weight, part in zip(weights[1:], parts[1:]):
                own.add_(part, alpha=weight)
        else:
            own = mean[index].reshape(-1)
        squares.append(torch.stack([inner(part, part) for part in parts]))
        slopes.append(torch.stack([inner(part, own) for part in parts]))
    return Parts(rows(torch.stack(squares)), rows(torch.stack(slopes)), count, traces)


def inner(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors, without their elementwise product in memory.

    On the processor `torch.dot` adds up single precision's rounding (2e-4 for ten million ones): it is given pieces.
    """
    if one.device.type != "cpu":
        return torch.dot(one, other)
    parts = [torch.dot(one[at : at + PIECE], other[at : at + PIECE]) for at in range(0, max(len(one), 1), PIECE)]
    return torch.stack(parts).double().sum()


def sum_of(parts: list[Tensor]) -> Tensor:
    """Of tensors of one shape."""
    return torch.stack(parts).sum(0)


def balanced(samples: int, generator: torch.Generator) -> Tensor:
    """±1, as many of one sign as of the other, in random order; a 0 among them where the number is odd."""
    half = samples // 2
    values = torch.cat([torch.ones(half), -torch.ones(half), torch.zeros(samples - 2 * half)])
    return values[torch.randperm(samples, generator=generator)]


def _precise(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.dtype.itemsize < 4 else tensor.dtype


def _mean(values: Tensor) -> Value:
    return Value(values.mean().item(), (values.std() / len(values) ** 0.5).item() if len(values) > 2 else math.nan)


def _traces_of(values: Tensor) -> list[dict[str, Value]]:
    return [{"gauss_newton_trace": _mean(row)} for row in values]


def join(into: Found, traces: Found | None) -> None:
    """Adds to `into` tr Gauss–Newton and the ratio to it, of errors that are apart."""
    if traces is None:
        return
    for row, more in zip(into.rows, traces.rows):
        above, below = row["fluctuation"], more["gauss_newton_trace"]
        row["gauss_newton_trace"] = below
        ratio = above.value / below.value if below.value > 0 else math.nan
        error = math.hypot(above.error / above.value, below.error / below.value) if above.value else math.nan
        # The mean of 1/x is larger than 1/(mean of x), by the square of its relative error.
        less = 1 - (below.error / below.value) ** 2 if below.value > 0 and below.error < below.value else 1.0
        row["ratio"] = Value(ratio * less, abs(ratio) * error)
    into.residuals = traces.residuals


def _residuals(curves: Sequence[tuple[Curved, int]]) -> Tensor | None:
    """Of parts of a batch, each with its number of samples."""
    found: list[Tensor] = []
    for curved, samples in curves:
        if curved.numbers > LARGEST * samples * 2:
            return None
        own = curved.by_sample(samples)
        if own is None or own.shape[1] > LARGEST or (found and own.shape[1] != found[0].shape[1]):
            return None
        found.append(own.cpu())
    return torch.cat(found) if found else None
