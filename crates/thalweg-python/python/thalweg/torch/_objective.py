"""The mean loss of a model over batches, as a function of its trainable parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .._arguments import LARGEST, is_whole
from ._asked import asked
from ._batches import batches, moved, part, single, size
from ._evaluating import Watch, coarsest, drops, evaluating, is_sharded, modes, random_state, still, tied_to_batch, unwrapped, without_graph
from ._pieces import Weighed, pieces, weigh
from ._repeated import DIFFERS, alike
from ._sums import is_sum

#: Terms of an objective, as far as they are made for their number: with more of them little variance is left that more would take.
TERMS = 8

#: What the user gives: of the model and a batch, each sample's loss or their mean.
Loss = Callable[[nn.Module, Any], Tensor]


def checked(model: Any, loss: Any) -> None:
    """Refuses what is no model, or no loss."""
    is_module(model)
    trainable(unwrapped(model))
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError("`model` is a scripted module, whose outputs cannot be watched: give the module that it was scripted from")
    if any(map(is_sharded, model.modules())):
        raise ValueError(
            "`model` has parameters that are cut into parts for several processes (FSDP, DTensor), and each process would measure its own part: give a model that is "
            "whole in each process, such as one in DistributedDataParallel, or one that was loaded from a full checkpoint"
        )
    if not callable(loss):
        raise ValueError(f"`loss` is {type(loss).__name__}: a function of the model and a batch is needed")


def is_module(model: Any) -> None:
    """Refuses what is no model."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"`model` is {type(model).__name__}: a torch.nn.Module is needed")


def trainable(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters that are trained, by name, each once; there must be one."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not named:
        raise ValueError("`model` has no parameter with requires_grad=True: there is nothing to differentiate by")
    for name, parameter in named:
        if not parameter.is_floating_point():
            raise ValueError(
                f"the parameter {name} of `model` is {parameter.dtype}: a real floating-point type is needed; keep its real and imaginary parts "
                "(torch.view_as_real) as the parameter, and let forward take torch.view_as_complex of it"
            )
    return named


@dataclass(frozen=True)
class Layer:
    """Neighbouring parameters whose names agree up to the last dot: a map's weight and bias.

    Attributes
    ----------
    name : str
        That part of their names.
    first_block, end_block : int
        Which of the parameter tensors, the last one not included.
    first_parameter, end_parameter : int
        Their place in the parameter vector, in the same manner.
    """

    name: str
    first_block: int
    end_block: int
    first_parameter: int
    end_parameter: int


class Objective:
    """L(θ) = (1/N) Σ_b ℓ_b(θ) over a fixed set of N samples in batches, at the model's own θ.

    A batch counts by its samples, so that a last one that is smaller has a smaller weight. One that is larger than the
    processor's caches is taken in parts, if these are found to be the same to rounding: each sample's loss, or the mean loss and
    its gradient. The model is run as :func:`~thalweg.torch._evaluating.evaluating` has it, and nothing of it is changed.

    Attributes
    ----------
    model : torch.nn.Module
        Without wrappers of ``torch.compile`` or data parallelism.
    parameters : list of Tensor
        The trainable ones, each once, in the order of ``model.named_parameters()``: of tied ones the first name counts, and
        those with ``requires_grad=False`` are left out.
    names : list of str
        Theirs.
    layers : list of Layer
        A division of them.
    batches : list
        As they are worked on; of `given_batches` that were given.
    sizes : list of int
        Samples in each of them.
    batch_losses : list of float
        Each batch's mean loss.
    vector_loss : bool
        Whether the loss gives each sample's own.
    dtype, device : torch.dtype, torch.device
        Of parameter *vectors*: at least single precision, on the first parameter's device.
    coarsest : torch.dtype
        The precision with the fewest digits that anything of the model was seen to be computed in.
    notes : list of str
        What a reader of the numbers should know.
    summed : str
        One of them, where the loss is a sum over a batch's samples; else empty.
    """

    def __init__(self, model: nn.Module, loss: Loss, data: Any, seed: int = 0) -> None:
        checked(model, loss)
        if not is_whole(seed) or not 0 <= seed <= LARGEST:
            raise ValueError(f"`seed` is {seed!r}: a whole number from 0 to 2**63 - 1 is needed")
        self.model = unwrapped(model)
        self.loss = asked(loss)
        self.seed = int(seed)
        named = trainable(self.model)
        for name, module in self.model.named_modules():
            if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and module.sparse and module.weight.requires_grad:
                raise ValueError(f"{name} has sparse gradients, which have no derivative: set its sparse=False")
        self.names = [name for name, _ in named]
        self.parameters: list[Tensor] = [parameter for _, parameter in named]
        self.counts = [parameter.numel() for parameter in self.parameters]
        self.count = sum(self.counts)
        self.layers = layers_of(self.names, self.counts)
        dtypes = {parameter.dtype for parameter in self.parameters}
        self.dtype = torch.float64 if torch.float64 in dtypes else torch.float32
        self.device = self.parameters[0].device
        self.batches = batches(data)
        self.notes = modes(self.model)
        if self.model is not model:
            self.notes.append("the model is measured without what torch.compile or data parallelism wrapped round it")
        low = sorted(str(dtype).removeprefix("torch.") for dtype in dtypes if dtype.itemsize < 4)
        if low:
            self.notes.append(
                f"parameters are {', '.join(low)}: gradients and products have two to three digits, whatever their stated error"
            )
        self._look()
        if self.loss is not loss:
            self.notes += self.loss.notes

    def _look(self) -> None:
        """Runs the model once on all batches, for the sizes and whatever is to be seen of the loss."""
        self.sizes: list[int] = []
        self.batch_losses: list[float] = []
        self._weighed: Weighed | None = None
        self.vector_loss = True
        #: Whether the loss draws random numbers.
        self.draws = False
        self._modes = self._training()
        self.coarsest = coarsest(*(parameter.dtype for parameter in self.parameters))
        #: Batches, each by its number of parts, whose parts were found to have its gradient.
        self._alike: set[tuple[int, int]] = set()
        given, self.batches = self.batches, []
        self._given = given
        watch = Watch()
        repeats = True
        most: int | None = None
        whole = 0
        for index, batch in enumerate(given):
            self.batches.append(batch)
            if index == 0:
                with watch:
                    losses = self._run(0)
                again = without_graph(lambda: self._loss(self.batch(0)), lambda: self.evaluating(0))
                repeats = alike(losses, again)
                self._weighed = None if tied_to_batch(self.model) else weigh(self)
                most = None if self._weighed is None else self._weighed.cached()
            else:
                losses = self._run(len(self.batches) - 1)
            parts = [batch] if most is None else pieces(batch, self.sizes[-1], most)
            if len(parts) > 1 and not self._part(parts, losses):
                whole += 1
                if index == 0:
                    # Its samples see one another, and so those of the others will.
                    most = self._weighed = None
        if whole and most is not None:
            self.notes.append(
                f"{whole} of {len(given)} batches are worked on whole, the others in parts: the loss of these is not the mean of "
                "their parts' (a mean over tokens is not, where sequences have different numbers of them)"
            )
        self.samples = sum(self.sizes)
        self.weights = [samples / self.samples for samples in self.sizes]
        self.given_batches = len(given)
        if self._weighed is None or not self._weighed.differentiable:
            self._differentiable()
        self.coarsest = coarsest(self._precision, watch.coarsest, *(parameter.dtype for parameter in self.parameters))
        self.summed = self._summed()
        if self.summed:
            self.notes.append(self.summed)
        if self.draws and not drops(self.model):
            self.notes.append(
                "the loss draws random numbers, as where dropout is a function: each batch has one draw, from `seed`, which is the same for every number"
            )
        if not repeats:
            self.notes.append(f"{DIFFERS}: what is measured is of no one function, and the stated errors know nothing of it; such a generator is not put back")
        if watch.attention:
            self.notes.append("attention is computed by PyTorch's mathematical kernel: the fused ones have no second derivative")
        if self._precision.itemsize < self.dtype.itemsize:
            self.notes.append(
                f"the loss is computed in {self._precision}, with fewer digits than the parameters have (transformers' models "
                "do so with float32)".replace("torch.", "")
            )
        low = {precision for precision in watch.precisions if precision.itemsize < 4}
        if torch.is_autocast_enabled(self.device.type):
            low.add(torch.get_autocast_dtype(self.device.type))
        if low and all(parameter.dtype.itemsize >= 4 for parameter in self.parameters):
            # Autocast may be around the measurement, or in the loss or the model.
            types = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in low))
            self.notes.append(
                f"part of the loss is computed in {types}, as under autocast: values and products have its few digits, whatever their stated error"
            )

    def _run(self, index: int) -> Tensor:
        """Runs the model on batch `index`, and adds its loss and its size; gives what `loss` gave."""
        def loss() -> Tensor:
            before = random_state(self.device)
            found = self._loss(self.batch(index))
            self.draws = self.draws or not torch.equal(before, random_state(self.device))
            return found

        found = without_graph(loss, lambda: self.evaluating(index))
        self.vector_loss = found.dim() == 1 and self.vector_loss
        samples = found.shape[0] if found.dim() == 1 else size(self.batches[index])
        if samples is None:
            raise ValueError(
                f"the samples of batch {index} cannot be counted: its tensors differ in length along dimension 0; let "
                "`loss` return the vector of the samples' losses"
            )
        self._precision = found.dtype
        if found.numel() == 0:
            raise ValueError(f"batch {index} has no samples")
        value = found.double().mean().item()
        if value - value != 0.0:
            raise ValueError(f"the loss of batch {index} is {value}: a finite number is needed")
        self.sizes.append(samples)
        self.batch_losses.append(value)
        return found

    def _differentiable(self) -> None:
        """Refuses a loss without a gradient."""
        with self.evaluating(0):
            if not self.mean(0).requires_grad:
                raise ValueError(
                    "`loss` does not depend on the model's parameters: was it computed under torch.no_grad() or torch.inference_mode(), or detached?"
                )

    def _summed(self) -> str:
        """A sentence, where the loss of a batch is the sum over its samples; else nothing."""
        index = next((index for index, count in enumerate(self.sizes) if count > 1), None)
        if self.vector_loss or index is None or size(self.batches[index]) != self.sizes[index]:
            return ""
        samples, half = self.sizes[index], self.sizes[index] // 2

        def value(start: int, end: int) -> tuple[float, int]:
            own = part(self.batch(index), start, end)
            return without_graph(lambda: self._loss(own).reshape(()), lambda: self.evaluating(index)).item(), end - start

        try:
            with still(self.model):
                whole, parts = value(0, samples)[0], [value(0, half), value(half, samples)]
        except Exception:
            # What a model or a loss takes no part of fails in ways of its own.
            return ""
        if not is_sum(whole, parts, self._precision):
            return ""
        return (
            f"`loss` gives the sum over a batch's samples, {samples} times the mean of {samples}: loss and curvature here are those of such sums, and "
            "as many times those of the mean loss; let it return the vector of the samples' losses (reduction='none'), or their mean"
        )

    def _part(self, parts: list[Any], whole: Tensor) -> bool:
        """Puts `parts` in place of the last batch, whose loss was `whole`, if they are the same to rounding.

        Samples that see one another make another loss in parts, and so do means over tokens.
        """
        batch, loss, samples = self.batches.pop(), self.batch_losses.pop(), self.sizes.pop()
        start = len(self.batches)
        vector_loss = self.vector_loss
        try:
            same = self._same(parts, whole, batch, loss, samples)
        except Exception:
            # What a model or a loss takes no part of fails in ways of its own.
            same = False
        if not same:
            del self.batches[start:], self.batch_losses[start:], self.sizes[start:]
            self.batches.append(batch)
            self.batch_losses.append(loss)
            self.sizes.append(samples)
            self.vector_loss = vector_loss
        return same

    def _same(self, parts: list[Any], whole: Tensor, batch: Any, loss: float, samples: int) -> bool:
        """Runs the parts, and says whether they are the same as `batch`, with this loss."""
        start, vector_loss = len(self.batches), self.vector_loss
        own = []
        for part in parts:
            self.batches.append(part)
            own.append(self._run(len(self.batches) - 1))
        near = 1e-12 if self.dtype == torch.float64 else 1e-5
        if whole.dim() == 1:
            found = torch.cat([one.reshape(-1) for one in own])
            same = found.shape == whole.shape and self.vector_loss == vector_loss
            same = same and bool(((found - whole).abs() <= near * whole.abs().max()).all())
            return same and self._two_alike(batch, start, len(parts), near)
        weights = [count / samples for count in self.sizes[start:]]
        mean = sum(weight * value for weight, value in zip(weights, self.batch_losses[start:]))
        same = sum(self.sizes[start:]) == samples and abs(mean - loss) <= near * abs(loss)
        # Where all outputs are alike, as those of a last layer of zeros are, any weighting has that mean.
        return same and self._slopes_are(batch, start, weights, near)

    def _two_alike(self, batch: Any, start: int, parts: int, near: float) -> bool:
        """Whether samples of the first two parts of `batch`, the batches from `start` on, have the gradients that they have together.

        Where outputs do not depend on what comes before them, as those of a last layer of zeros, losses tell nothing of samples that see one
        another there. Once looked at, losses tell. Each sample has a random weight: in a mean such terms may cancel.
        """
        if (id(batch), parts) in self._alike:
            return True
        counts = self.sizes[start : start + 2]
        weights = torch.rand(sum(counts), generator=torch.Generator().manual_seed(sum(counts)), dtype=torch.float64) + 0.5
        own = [self._weighted_gradient(index, drawn) for index, drawn in enumerate(torch.split(weights, counts), start)]
        with self._in_place_of(start, part(batch, 0, sum(counts))):
            together = self._weighted_gradient(start, weights)
        same = self._is_sum(together, own[0] + own[1], sum(one.norm().item() for one in own), near)
        if same:
            self._alike.add((id(batch), parts))
        return same

    def _slopes_are(self, batch: Any, start: int, weights: list[float], near: float) -> bool:
        """Whether the gradient of `batch` is the weighted sum of those of the batches from `start` on."""
        parts, lengths = torch.zeros(self.count, dtype=self.dtype, device=self.device), 0.0
        for index, weight in enumerate(weights, start):
            own = self.batch_gradient(index)
            parts.add_(own, alpha=weight)
            lengths += weight * own.norm().item()
        with self._in_place_of(start, batch):
            whole = self.batch_gradient(start)
        return self._is_sum(whole, parts, lengths, near)

    def _is_sum(self, whole: Tensor, parts: Tensor, lengths: float, near: float) -> bool:
        """Whether two gradients are the same to rounding, one of them a sum of gradients with these lengths together."""
        near = max(near, 1e-10)
        # A mean of many gradients may be much smaller than each, and has their rounding.
        allowed = 100 * near * whole.norm().item() + max(near, 4 * torch.finfo(self.coarsest).eps) * lengths
        return bool((whole - parts).norm() <= max(allowed, torch.finfo(whole.dtype).tiny))

    @contextmanager
    def _in_place_of(self, start: int, batch: Any) -> Iterator[None]:
        """With `batch` in place of the batches from `start` on."""
        parts, self.batches = self.batches, [*self.batches[:start], batch]
        try:
            yield
        finally:
            self.batches = parts

    def _training(self) -> list[bool]:
        return [module.training for module in self.model.modules()]

    def refresh(self) -> None:
        """Parts the batches anew where modules are in other modes than they were: BatchNorm and dropout see whole batches in training mode.

        Raises
        ------
        ValueError
            Where the model's trainable parameters are others than they were.
        """
        present = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if len(present) != len(self.parameters) or any(one is not own for one, own in zip(present, self.parameters)):
            raise ValueError(
                "the model's trainable parameters are others than they were (frozen or replaced): make the operator anew"
            )
        if self._modes != self._training():
            # A term's weights do not add up to 1.
            notes, share, self.batches = self.notes, sum(self.weights), self._given
            self.notes = []
            self._look()
            self.notes, self.weights = notes, [share * weight for weight in self.weights]

    def terms(self) -> list[Objective]:
        """Objectives of one batch each, whose sum this is; few batches are parted into up to `TERMS` of them, if that can be."""
        self.refresh()
        most = self.samples
        if self._weighed is not None and len(self.batches) < TERMS:
            bytes_of_parameters = sum(parameter.numel() * parameter.element_size() for parameter in self.parameters)
            most = max(self._weighed.worth(bytes_of_parameters), -(-self.samples // TERMS))
        terms = []
        for index, batch in enumerate(self.batches):
            here = copy.copy(self)
            here.batches, here.sizes, here.batch_losses = [batch], [self.sizes[index]], [self.batch_losses[index]]
            here.seed = self.seed + index
            parts = pieces(batch, self.sizes[index], most)
            if len(parts) > 1:
                # The parameters may be others than they were.
                here.sizes, here.batch_losses = [], []
                here._part(parts, here._run(0))
            for part, count in enumerate(here.sizes):
                term = copy.copy(here)
                term.batches, term.sizes, term.batch_losses = here.batches[part:][:1], [count], here.batch_losses[part:][:1]
                term.weights, term._given = [count / self.samples], term.batches
                terms.append(term)
        return terms

    @property
    def mean_loss(self) -> float:
        """L, the mean over all samples."""
        return sum(weight * loss for weight, loss in zip(self.weights, self.batch_losses))

    def batch(self, index: int) -> Any:
        """Batch `index`, on the parameters' device."""
        return moved(self.batches[index], self.device)

    @contextmanager
    def evaluating(self, index: int) -> Iterator[None]:
        """Run the model on batch `index` in here: with the random numbers that belong to it."""
        with evaluating(self.model, self.seed + index):
            yield

    def mean(self, index: int) -> Tensor:
        """The mean loss of batch `index`, with its graph. To be called within :meth:`evaluating`."""
        found = self._loss(self.batch(index))
        return found.mean() if found.dim() else found

    def each(self, index: int) -> Tensor:
        """The loss of each sample of batch `index`, with the graph. To be called within :meth:`evaluating`.

        Where the loss is a scalar the model is run on one sample after another.
        """
        batch = self.batch(index)
        if self.vector_loss:
            return self._loss(batch)
        return torch.stack([self._loss(single(batch, sample)).reshape(()) for sample in range(self.sizes[index])])

    def _loss(self, batch: Any) -> Tensor:
        found = self.loss(self.model, batch)
        if not isinstance(found, Tensor):
            raise ValueError(f"`loss` returned {type(found).__name__}: a tensor is needed, of one number or of one for each sample")
        if found.dim() > 1:
            raise ValueError(
                f"`loss` returned a tensor of shape {tuple(found.shape)}: one number is needed (the batch's mean), or a vector "
                "with one for each sample"
            )
        if found.shape == (1,) and (size(batch) or 1) > 1:
            # One number for many samples.
            return found.reshape(())
        return found

    def place(self, block: int) -> slice:
        """Where parameter tensor `block` lies in the parameter vector."""
        start = sum(self.counts[:block])
        return slice(start, start + self.counts[block])

    def split(self, vector: Tensor, blocks: range | None = None) -> list[Tensor]:
        """A parameter vector (n,), or rows of them (k, n), as tensors like the parameters (with k before their shapes); of
        the parameter tensors `blocks` alone, if they are given."""
        blocks = range(len(self.parameters)) if blocks is None else blocks
        parts = torch.split(vector, [self.counts[i] for i in blocks], dim=-1)
        lead = vector.shape[:-1]
        return [
            part.reshape(lead + self.parameters[i].shape).to(self.parameters[i].device, self.parameters[i].dtype)
            for part, i in zip(parts, blocks)
        ]

    def flatten(self, parts: Sequence[Tensor | None], rows: int | None = None, blocks: range | None = None) -> Tensor:
        """The inverse of :meth:`split`, in the vectors' precision; None stands for zeros."""
        counts = [self.counts[i] for i in (range(len(self.parameters)) if blocks is None else blocks)]
        lead = () if rows is None else (rows,)
        vector = torch.empty((*lead, sum(counts)), dtype=self.dtype, device=self.device)
        for into, part in zip(torch.split(vector, counts, dim=-1), parts):
            if part is None:
                into.zero_()
            else:
                into.copy_(part.reshape(into.shape))
        return vector

    def gradient(self) -> Tensor:
        """∇L, (n,)."""
        return self._gradient(range(len(self.batches)), self.weights)

    def _gradient(self, batches: range, weights: Sequence[float]) -> Tensor:
        """The sum of the gradients of these batches' mean losses, each with its weight."""
        total = torch.zeros(self.count, dtype=self.dtype, device=self.device)
        for index, weight in zip(batches, weights):
            total.add_(self.batch_gradient(index), alpha=weight)
        return total

    def batch_gradient(self, index: int) -> Tensor:
        """The gradient of the mean loss of batch `index`, (n,)."""
        with self.evaluating(index):
            parts = torch.autograd.grad(self.mean(index), self.parameters, allow_unused=True)
        return self.flatten(parts)

    def _weighted_gradient(self, index: int, weights: Tensor) -> Tensor:
        """The gradient of the sum of the samples' losses of batch `index`, each times its weight, (n,)."""
        with self.evaluating(index):
            losses = self._loss(self.batch(index))
            parts = torch.autograd.grad((weights.to(losses) * losses).sum(), self.parameters, allow_unused=True)
        return self.flatten(parts)


def layers_of(names: list[str], counts: list[int]) -> list[Layer]:
    layers: list[Layer] = []
    start = 0
    for block, (name, count) in enumerate(zip(names, counts)):
        prefix = name.rpartition(".")[0] or name
        end = start + count
        if layers and layers[-1].name == prefix:
            last = layers.pop()
            layers.append(Layer(prefix, last.first_block, block + 1, last.first_parameter, end))
        else:
            layers.append(Layer(prefix, block, block + 1, start, end))
        start = end
    return layers
