"""Products of a model's Hessian and Gauss–Newton matrix with vectors, exactly: by differentiating twice.

Differences of gradients would be wrong by 30 % to a hundred times in a network with kinks (ReLU), and the more so the
smaller the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ._convolutions import Convolutions
from ._evaluating import mathematical_attention, rows_kept, unhooked
from ._graphs import Graphs
from ._objective import Objective
from ._said import said
from ._tree import mapped


#: Parameters, at most, of a network for which several vectors are multiplied at once on a processor.
SMALL = 20_000
#: How many, at most.
TOGETHER = 16


class NotApplicable(ValueError):
    """Why there is no Gauss–Newton matrix."""


class Uncut(NotApplicable):
    """The loss fails where it gets the model's output cut off from the parameters; the cause says how."""


class Products:
    """A symmetric n × n matrix of an objective, by its products with vectors.

    The graph that a batch's first derivatives leave is kept for the next product as far as memory goes, which saves the
    passes through the model; see :class:`~thalweg.torch._graphs.Graphs`.

    Attributes
    ----------
    shape : (int, int)
        n × n.
    dtype, device : torch.dtype, torch.device
        Of the vectors.
    products : int
        How many were computed.
    fresh : bool
        True: a product leaves its vectors alone, and is in memory of its own.
    """

    fresh = True
    #: Whether the matrix of several samples is the mean of theirs.
    additive = True

    def __init__(self, objective: Objective, memory: int | None = None) -> None:
        self.objective = objective
        self._memory = memory
        self.shape = (objective.count, objective.count)
        self.dtype, self.device = objective.dtype, objective.device
        self.products = 0
        self._graphs = Graphs(objective, self._graph, memory)
        self._one_by_one = False

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with a vector (n,)."""
        _real(vector)
        return self.apply_block(vector[None])[0]

    def __matmul__(self, other: Tensor) -> Tensor:
        """The product with a vector (n,) or with the columns of a matrix (n, k)."""
        _real(other)
        return self(other) if other.dim() == 1 else self.apply_block(other.T).T

    def apply_block(self, rows: Tensor) -> Tensor:
        """The products with k vectors, one a row: (k, n) to (k, n)."""
        _real(rows)
        if rows.dim() != 2 or rows.shape[1] != self.objective.count:
            raise ValueError(f"vectors of shape {tuple(rows.shape)} were given: (k, {self.objective.count}) is needed")
        return self.apply_within(rows, range(len(self.objective.parameters)))

    def apply_within(self, rows: Tensor, blocks: range) -> Tensor:
        """As :meth:`apply_block`, for the diagonal block of neighbouring parameter tensors: vectors are of these alone."""
        self.products += len(rows)
        rows = rows.to(self.device, self.dtype)
        total: Tensor | None = None
        self.objective.refresh()
        self._graphs.refresh()
        with unhooked(self.objective.model), rows_kept(self.objective.model.modules()):
            for index, weight in enumerate(self.objective.weights):
                graph = self._graphs.of(index)
                for first, part in self._parts(graph, rows, blocks):
                    if total is None and len(part) == len(rows):
                        # New memory, of which there need be no more than one vector's.
                        total = part.mul_(weight)
                        continue
                    if total is None:
                        total = torch.zeros_like(rows)
                    total[first : first + len(part)].add_(part, alpha=weight)
        return torch.zeros_like(rows) if total is None else total

    def thalweg_terms(self) -> list[Products]:
        """Operators of which this is the sum: those of parts of the samples, or itself alone where it is not `additive`."""
        return [type(self)(term, self._memory) for term in self.objective.terms()] if self.additive else [self]

    def release(self) -> None:
        """Frees the graphs; the next product makes them again."""
        self._graphs.release()

    def _parts(self, graph: Any, rows: Tensor, blocks: range) -> Iterator[tuple[int, Tensor]]:
        """The products by parts of the rows, and where each part begins."""
        step = self._together()
        start = 0
        while start < len(rows):
            part = rows[start : start + step]
            if len(part) > 1 and not self._one_by_one:
                try:
                    found = self._multiply(graph, part, blocks, batched=True)
                    yield start, self.objective.flatten(found, len(part), blocks)
                    start += len(part)
                    continue
                except RuntimeError:
                    # An operation that cannot be mapped over vectors; a true fault comes again below.
                    self._one_by_one = True
            found = self._multiply(graph, rows[start : start + 1], blocks, batched=False)
            yield start, self.objective.flatten(found, None, blocks)[None]
            start += 1

    def _together(self) -> int:
        """How many vectors are multiplied at once, by a rule that does not look at the clock.

        A small network's product costs the calls that it takes, as a graphics card's does: there several at once are up to
        twice as fast. Larger ones are faster one by one on a processor, whose caches hold what one needs.
        """
        small = self.objective.count <= SMALL
        return TOGETHER if small or self.device.type != "cpu" else 1

    def _graph(self, index: int) -> Any:
        """What batch `index` is differentiated by. Called within ``objective.evaluating``."""
        raise NotImplementedError

    def _multiply(self, graph: Any, rows: Tensor, blocks: range, batched: bool) -> Sequence[Tensor | None]:
        """The batch's part of the products, by parameter tensors, with k before their shapes if `batched`; else k is 1. None stands
        for zeros."""
        raise NotImplementedError

    def _pulled(
        self, outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor], batched: bool
    ) -> Sequence[Tensor | None]:
        """Jᵀ of each row of `cotangents`, for outputs(inputs); None where an input has no part in it."""
        given = cotangents if batched else [part[0] for part in cotangents]
        with mathematical_attention():
            found: Sequence[Tensor | None] = torch.autograd.grad(
                outputs, inputs, given, retain_graph=True, allow_unused=True, is_grads_batched=batched
            )
        return found


class Hessian(Products):
    """The Hessian ∇²L of the mean loss: derivative of the gradient along its graph (Pearlmutter 1994)."""

    def _graph(self, index: int) -> tuple[list[int], list[Tensor]]:
        objective = self.objective
        with Convolutions():
            loss = objective.mean(index)
        if not loss.requires_grad:
            raise ValueError(
                "`loss` does not depend on the model's parameters: was it computed under torch.no_grad() or torch.inference_mode(), or detached?"
            )
        gradient = torch.autograd.grad(loss, objective.parameters, create_graph=True, allow_unused=True)
        # What the loss is linear in has a constant gradient.
        return _moving(gradient)

    def _multiply(self, graph: tuple[list[int], list[Tensor]], rows: Tensor, blocks: range, batched: bool) -> Sequence[Tensor | None]:
        curved = [(i, part) for i, part in zip(*graph) if i in blocks]
        if not curved:
            return [None for _ in blocks]
        directions = self.objective.split(rows, blocks)
        cotangents = [directions[i - blocks.start] for i, _ in curved]
        parameters = [self.objective.parameters[i] for i in blocks]
        return self._pulled([part for _, part in curved], parameters, cotangents, batched)


class GaussNewton(Products):
    """The Gauss–Newton matrix G = (1/N) Σ Jᵀ Λ J: J = ∂f/∂θ of the model's output f, Λ = ∂²ℓ/∂f² of the loss (Schraudolph
    2002).

    The output is every tensor with a gradient in what the model returns. Λ is the loss's own exact second derivative, so any
    loss will do that calls the model once and depends on the parameters through the model's output alone.

    Raises
    ------
    NotApplicable
        From the first product, where the loss does not.
    """

    def _graph(self, index: int) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], list[int], list[Tensor]]:
        linked = linked_loss(self.objective, index)
        outputs, leaves = linked.outputs, linked.leaves
        loss = linked.loss.mean() if linked.loss.dim() else linked.loss
        residual = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
        used, residuals = _moving(residual)
        if not used:
            raise NotApplicable(
                "the loss is linear in what the model returns (as where the model computes its loss itself), so that the "
                "Gauss–Newton matrix is 0: let the model return its predictions and compute the loss from them"
            )
        outputs, leaves = [outputs[i] for i in used], [leaves[i] for i in used]
        # J v is the derivative of Jᵀ u along u, which Jᵀ u is linear in.
        dual = [torch.zeros_like(output, requires_grad=True) for output in outputs]
        pulled = torch.autograd.grad(
            outputs, self.objective.parameters, dual, create_graph=True, allow_unused=True
        )
        return outputs, leaves, residuals, dual, *_moving(pulled)

    def _multiply(self, graph: Any, rows: Tensor, blocks: range, batched: bool) -> Sequence[Tensor | None]:
        outputs, leaves, residuals, dual, moving, pulled = graph
        within = [(i, part) for i, part in zip(moving, pulled) if i in blocks]
        if not within:
            return [None for _ in blocks]
        directions = self.objective.split(rows, blocks)
        along = self._pulled([part for _, part in within], dual, [directions[i - blocks.start] for i, _ in within], batched)
        along = _filled(along, outputs, rows, batched)
        curved = self._pulled(residuals, leaves, along, batched)
        curved = _filled(curved, outputs, rows, batched)
        return self._pulled(outputs, [self.objective.parameters[i] for i in blocks], curved, batched)


def _real(vectors: Any) -> None:
    """Refuses what is no tensor of real numbers."""
    if not isinstance(vectors, Tensor):
        raise ValueError(f"the operator acts on torch tensors, not on {type(vectors).__name__}: torch.as_tensor makes one")
    if vectors.is_complex():
        raise ValueError(f"the vectors are {vectors.dtype}: real ones are needed; multiply .real and .imag apart")


def _moving(parts: Sequence[Tensor | None]) -> tuple[list[int], list[Tensor]]:
    """Which of `parts` are there and have a derivative, and these."""
    found = [(i, part) for i, part in enumerate(parts) if part is not None and part.requires_grad]
    return [i for i, _ in found], [part for _, part in found]


def _filled(parts: Sequence[Tensor | None], like: Sequence[Tensor], rows: Tensor, batched: bool) -> list[Tensor]:
    """Each part with the rows before its shape, zeros for None."""
    found = []
    for part, shape in zip(parts, like):
        if part is None:
            found.append(shape.new_zeros((len(rows), *shape.shape)))
        else:
            found.append(part if batched else part[None])
    return found


class GradientCovariance(Products):
    """The covariance (1/N) Σ (g_b − ḡ)(g_b − ḡ)ᵀ of the samples' gradients, from a batch's outputs and residuals.

    `outputs` gives those of batch number i: lists of tensors with the samples along dimension 0, of which the first have the
    graph back to the parameters and Σ f_b·r_b has the gradient g_b.
    """

    # It is taken about the mean of all.
    additive = False

    def __init__(
        self, objective: Objective, outputs: Callable[[int], tuple[list[Tensor], list[Tensor]]], memory: int | None = None
    ) -> None:
        super().__init__(objective, memory)
        self._outputs = outputs
        self._mean = objective.gradient()

    def apply_within(self, rows: Tensor, blocks: range) -> Tensor:
        mean = torch.cat([self._mean[self.objective.place(i)] for i in blocks])
        moment = super().apply_within(rows, blocks)
        return moment - (rows.to(mean) @ mean)[:, None] * mean

    def _graph(self, index: int) -> Any:
        outputs, residuals = self._outputs(index)
        # One number for each sample: Σ_b u_b g_b is linear in u, and g_b·v is its derivative along v.
        dual = torch.ones(len(outputs[0]), dtype=outputs[0].dtype, device=outputs[0].device, requires_grad=True)
        cotangents = [_by_sample(dual, residual) for residual in residuals]
        pulled = torch.autograd.grad(outputs, self.objective.parameters, cotangents, create_graph=True, allow_unused=True)
        return outputs, residuals, dual, *_moving(pulled)

    def _multiply(self, graph: Any, rows: Tensor, blocks: range, batched: bool) -> Sequence[Tensor | None]:
        outputs, residuals, dual, moving, pulled = graph
        within = [(i, part) for i, part in zip(moving, pulled) if i in blocks]
        directions = self.objective.split(rows, blocks)
        found = self._pulled([part for _, part in within], [dual], [directions[i - blocks.start] for i, _ in within], batched)
        (slopes,) = _filled(found, [dual], rows, batched)
        # A batch's part counts by its samples: the mean over them.
        cotangents = [_by_sample(slopes, residual) / len(dual) for residual in residuals]
        return self._pulled(outputs, [self.objective.parameters[i] for i in blocks], cotangents, batched)


def _by_sample(numbers: Tensor, tensor: Tensor) -> Tensor:
    """Each sample's part of `tensor` (B, …) times its number; for numbers (k, B) as often."""
    return numbers.reshape(*numbers.shape, *(1,) * (tensor.dim() - 1)) * tensor


class Linked:
    """A loss that was cut at the model's output.

    Attributes
    ----------
    outputs : list of Tensor
        What the model returned, with the graph back to the parameters.
    leaves : list of Tensor
        The same numbers, from which the loss was computed.
    loss : Tensor
        The loss, with the graph back to the leaves.
    """

    def __init__(self, outputs: list[Tensor], leaves: list[Tensor], loss: Tensor) -> None:
        self.outputs, self.leaves, self.loss = outputs, leaves, loss


def linked_loss(objective: Objective, index: int) -> Linked:
    """The loss of batch `index` cut at the model's output. To be called within ``objective.evaluating``.

    Raises
    ------
    NotApplicable
        Where the loss calls the model more than once or not at all, or uses parameters itself; :class:`Uncut` where it fails.
    """
    outputs: list[Tensor] = []
    leaves: list[Tensor] = []
    calls = 0

    def cut(module: Any, arguments: Any, returned: Any) -> Any:
        nonlocal calls
        calls += 1
        known: dict[int, Tensor] = {}

        def leaf(tensor: Tensor) -> Tensor:
            if not tensor.requires_grad:
                return tensor
            if id(tensor) not in known:
                known[id(tensor)] = tensor.detach().requires_grad_()
                outputs.append(tensor)
                leaves.append(known[id(tensor)])
            return known[id(tensor)]

        return mapped(leaf, returned)

    handle = objective.model.register_forward_hook(cut)
    try:
        loss = objective._loss(objective.batch(index))
    except Exception as error:
        raise Uncut(
            f"`loss` fails where the model's output is cut off from the parameters ({said(error)}), as one does that differentiates the "
            "model itself: it does not depend on them through the output alone"
        ) from error
    finally:
        handle.remove()
    if calls != 1:
        times = "not at all" if calls == 0 else f"{calls} times"
        raise NotApplicable(
            f"`loss` calls the model {times}, so that there is no one output for the Gauss–Newton matrix to be linear in"
        )
    if not leaves:
        raise NotApplicable("no tensor with a gradient was found in what the model returns")
    if not loss.requires_grad:
        raise NotApplicable("`loss` does not depend on what the model returns")
    mean = loss.mean() if loss.dim() else loss
    direct = torch.autograd.grad(mean, objective.parameters, retain_graph=True, allow_unused=True)
    used = [name for name, part in zip(objective.names, direct) if part is not None]
    if used:
        raise NotApplicable(
            f"`loss` uses parameters not only through the model's output ({used[0]}, for one), so that the Gauss–Newton "
            "matrix is not defined by the output alone"
        )
    return Linked(outputs, leaves, loss)
