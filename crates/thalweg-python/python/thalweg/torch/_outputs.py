r"""How the loss curves in the model's outputs, and random vectors with that covariance: tr Gauss–Newton by one backward pass.

Let z be the outputs, H = ∂²ℓ/∂z² and J = ∂z/∂θ; the Gauss–Newton matrix of a sample is G = JᵀHJ. For random v with mean 0 and
covariance H, E‖Jᵀv‖² = tr G (Martens and Grosse, arXiv:1503.05671, sec. 5, draw labels so). Vectors that are independent between rows of z
add up in one backward pass: the cross terms have mean 0.

Two kinds of H are known, and are found out from products with H itself, which differentiates the loss by z alone:

- softmax cross-entropy: H = w (diag p − ppᵀ) in every row. v = ±√w (p − e_y) with a label y drawn from p, a random sign;
- H diagonal (squared error, binary cross-entropy, …), h ≥ 0: v = ±√h, random signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._tree import mapped

#: By how much a product may differ from that of a known kind, relative to it.
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}


class Unrecognised(ValueError):
    """Why the loss's curvature in the outputs has no square root that is known here."""


class Outputs:
    """The model's outputs as the loss saw them."""

    def __init__(self) -> None:
        self.seen: list[list[Tensor]] = []
        self._logits: Tensor | None = None
        #: One for every derivative that the loss itself takes.
        self._inside: list[None] = []

    @contextmanager
    def of(self, model: nn.Module) -> Iterator[Outputs]:
        """Notes what `model` gives while the loss runs.

        The loss gets every tensor as another view of it, so that derivatives by one tensor do not run through others that
        the model made of it.
        """

        running, inside = True, self._inside

        # A hook that held this object, which holds the tensors, would keep the graph until garbage is collected.
        def differentiated(slope: Tensor) -> None:
            if running:
                inside.append(None)

        def hook(module: nn.Module, arguments: Any, output: Any) -> Any:
            if not torch.is_grad_enabled():
                return None
            logits = getattr(output, "logits", None)
            found: list[Tensor] = []

            def alias(tensor: Tensor) -> Tensor:
                if not tensor.requires_grad:
                    return tensor
                other = tensor.view_as(tensor)
                if other.requires_grad:
                    other.register_hook(differentiated)  # type: ignore[no-untyped-call]
                found.append(other)
                return other

            changed = mapped(alias, output)
            self.seen.append(found)
            # A loss that the model computes itself is made of the logits that it had.
            self._logits = logits if isinstance(logits, Tensor) and logits.requires_grad else None
            return changed

        handle = model.register_forward_hook(hook)
        try:
            yield self
        finally:
            running = False
            handle.remove()

    def used(self, losses: Tensor) -> list[Tensor]:
        """The tensors that `losses` were made of."""
        if len(self.seen) != 1:
            raise Unrecognised(f"the loss calls the model {len(self.seen)} times, so that there is no one output to draw labels for")
        if self._inside:
            raise Unrecognised("the loss differentiates the model itself: it does not depend on the parameters through the output alone")
        found = self.seen[0]
        total = losses.sum()
        if not found or not total.requires_grad:
            raise Unrecognised("the model gives no tensor that the loss could be differentiated by")
        slopes = torch.autograd.grad(total, found, retain_graph=True, allow_unused=True)
        used = [tensor for tensor, slope in zip(found, slopes) if slope is not None]
        if len(used) == 1 and used[0].dim() == 0 and self._logits is not None:
            used = [self._logits]
        if not used:
            raise Unrecognised("the loss uses no tensor of what the model gives")
        return used


@dataclass(frozen=True)
class Draw:
    """Random cotangents of the outputs, one tensor for each, that count with this sign towards tr G = Σ sign · E‖Jᵀv‖²."""

    sign: float
    cotangents: list[Tensor]


@dataclass(frozen=True)
class OutputCurvature:
    """H at the outputs z, in one of the kinds that are known."""

    #: "cross-entropy" or "diagonal".
    kind: str
    #: w in every row, or h in every entry; of the sum of the samples' losses.
    weight: Tensor
    #: p, for cross-entropy.
    probabilities: Tensor | None
    #: Where the classes are, for cross-entropy.
    dimension: int
    #: ∂ℓ/∂z.
    slope: Tensor
    #: z.
    outputs: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        """The outputs that draws are for."""
        return [self.outputs]

    @property
    def numbers(self) -> int:
        """How many outputs all samples have."""
        return self.slope.numel()

    def draws(self, generator: torch.Generator) -> list[Draw]:
        """The one of :meth:`draw`."""
        return [Draw(1.0, [self.draw(generator)])]

    def draw(self, generator: torch.Generator) -> Tensor:
        """v with mean 0 and covariance H, of z's shape."""
        device = self.slope.device
        if self.probabilities is None:
            return self.weight.sqrt() * signs(self.weight.shape, generator).to(device, self.weight.dtype)
        rows = self.probabilities.movedim(self.dimension, -1)
        # By the inverse of the distribution function, on whatever device.
        uniform = torch.rand(rows.shape[:-1], generator=generator, dtype=torch.float64).to(device, rows.dtype)
        cumulative = rows.cumsum(-1)
        label = torch.searchsorted(cumulative, (uniform * cumulative[..., -1]).unsqueeze(-1), right=True)
        label = label.clamp_(max=rows.shape[-1] - 1)
        drawn = rows.scatter_add(-1, label, rows.new_full(label.shape, -1.0))
        drawn = drawn * (self.weight.sqrt() * signs(self.weight.shape, generator).to(device, rows.dtype)).unsqueeze(-1)
        return drawn.movedim(-1, self.dimension)

    def residuals(self) -> Tensor:
        """p − y, or z − y for squared error: the loss's slope without its weight, one row for each position, (rows, outputs).

        Rows of weight zero (positions that the loss leaves out) are left out.
        """
        if self.probabilities is None:
            scale = self.weight.reshape(len(self.weight), -1)
            slope = self.slope.reshape(scale.shape)
            used = (scale > 0).all(1)
            found: Tensor = slope[used] / scale[used]
            return found
        slope = self.slope.movedim(self.dimension, -1)
        used = self.weight > 0
        found = slope[used] / self.weight[used].unsqueeze(-1)
        return found

    def by_sample(self, samples: int) -> Tensor | None:
        """∂ℓ/∂z of every sample, (samples, outputs), with what it has at all positions; see :mod:`._residuals`.

        None where the samples are not along dimension 0 of z.
        """
        slope = self.slope.double()
        if slope.dim() == 0 or len(slope) != samples:
            return None
        if self.probabilities is not None and slope.dim() > 1:
            slope = slope.movedim(self.dimension, -1)
            slope = slope @ _across(slope.shape[-1]).to(slope.device)
        return slope.reshape(samples, -1)


def _across(classes: int) -> Tensor:
    """An orthonormal basis of the vectors (classes,) whose entries add up to zero, as columns: Helmert's."""
    columns = []
    for k in range(1, classes):
        column = torch.zeros(classes, dtype=torch.float64)
        column[:k], column[k] = 1.0, -float(k)
        columns.append(column / (k * (k + 1)) ** 0.5)
    return torch.stack(columns, 1)


def curvature(losses: Tensor, outputs: Tensor, generator: torch.Generator) -> OutputCurvature:
    """Find out how the sum of `losses` curves in `outputs`, from its products with two random vectors.

    Raises
    ------
    Unrecognised
        Where it is neither softmax cross-entropy nor diagonal and convex.
    """
    (slope,) = torch.autograd.grad(losses.sum(), outputs, create_graph=True)

    def product(vector: Tensor) -> Tensor:
        if not slope.requires_grad:
            return torch.zeros_like(vector)
        (found,) = torch.autograd.grad(slope, outputs, vector, retain_graph=True, allow_unused=True)
        return torch.zeros_like(vector) if found is None else found

    def random() -> Tensor:
        return torch.randn(outputs.shape, generator=generator, dtype=torch.float64).to(outputs.device, outputs.dtype)

    one, other = random(), random()
    curved, again = product(one), product(other)
    plain = slope.detach()
    if not bool(curved.isfinite().all()):
        raise Unrecognised("the loss's second derivative in the model's outputs is not finite")
    if not bool(curved.any()):
        raise Unrecognised("the loss does not curve in the model's outputs")
    tolerance = TOLERANCE.get(outputs.dtype, 0.1)
    # Classes are the last dimension, or the second one as torch's cross-entropy has them.
    for dimension in dict.fromkeys((-1, 1)) if outputs.dim() > 2 else (-1,):
        if outputs.dim() > 0 and outputs.shape[dimension] > 1:
            weight = _softmax_weight(outputs.detach(), (one, other), (curved, again), dimension)
            if weight is not None:
                p = outputs.detach().softmax(dimension)
                return OutputCurvature("cross-entropy", weight, p, dimension, plain, outputs)
    diagonal = curved / one
    # Where `one` happens to be small the quotient is rounding.
    expected = diagonal * other
    if (again - expected).norm() <= 100 * tolerance * again.norm() and bool((diagonal >= -tolerance * diagonal.abs().max()).all()):
        return OutputCurvature("diagonal", diagonal.clamp_min(0), None, -1, plain, outputs)
    raise Unrecognised(
        "the loss is neither softmax cross-entropy nor diagonal in the model's outputs, so that no labels can be drawn for tr G"
    )


def _softmax_weight(
    outputs: Tensor, vectors: tuple[Tensor, Tensor], products: tuple[Tensor, Tensor], dimension: int
) -> Tensor | None:
    """w of H = w (diag p − ppᵀ) in every row, from one product; None where the other one says that H is not so."""
    precision = torch.finfo(outputs.dtype).eps
    z = outputs.movedim(dimension, -1).double()
    one, other, curved, again = (t.movedim(dimension, -1).double() for t in (*vectors, *products))
    p = z.softmax(-1)

    def shape(vector: Tensor) -> Tensor:
        return p * vector - p * (p * vector).sum(-1, keepdim=True)

    first = shape(one)
    size = first.norm(dim=-1)
    weight = (curved * first).sum(-1) / size.square().clamp_min(1e-300)
    # Rows that are sure of their class have next to no curvature, and a weight that is rounding: no more than the others'.
    sharp = size > 1e3 * precision * one.norm(dim=-1)
    if not bool(sharp.any()):
        sharp = size == size.max()
    largest = weight[sharp].max().clamp_min(0)
    weight = weight.clamp(min=torch.zeros_like(largest), max=largest)
    wrong = (again - weight.unsqueeze(-1) * shape(other)).norm(dim=-1)
    # In units of what p itself is rounded by.
    relative = TOLERANCE.get(outputs.dtype, 0.1)
    allowed = relative * again.norm(dim=-1) + 30 * precision * largest * other.norm(dim=-1)
    return weight.to(outputs.dtype) if bool((wrong.norm() <= allowed.norm()).item()) else None


def signs(shape: torch.Size | tuple[int, ...], generator: torch.Generator) -> Tensor:
    """±1 with equal probabilities, on the generator's device."""
    return torch.randint(0, 2, shape, generator=generator).mul_(2).sub_(1)


