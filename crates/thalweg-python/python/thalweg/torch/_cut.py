"""A batch's samples one by one: their outputs, residuals and output curvature, and how vectors are pulled back to the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from ._evaluating import without_graph
from ._lines import Lines
from ._norms import Norms, SampleNorms, Unknown, unwatched
from ._objective import Objective
from ._products import Linked, NotApplicable, Uncut, linked_loss
from ._said import said
from ._sums import is_sum

class Inseparable(ValueError):
    """Why single samples have no gradients that can be had from this loss."""


@dataclass
class Curvature:
    """Λ = ∂²ℓ/∂f² of all samples of a batch, by its products."""

    residuals: list[Tensor]
    leaves: list[Tensor]

    def times(self, directions: Sequence[Tensor]) -> list[Tensor]:
        """Λ_b d_b of each sample b."""
        found = torch.autograd.grad(self.residuals, self.leaves, list(directions), retain_graph=True, allow_unused=True)
        return [torch.zeros_like(leaf) if part is None else part for part, leaf in zip(found, self.leaves)]


def second_derivative(curvature: Curvature, lines: Lines, samples: int) -> Tensor:
    """Λ of each sample, (samples, q, q), in double precision."""
    columns = []
    for line in range(lines.count):
        unit = torch.zeros(samples, lines.count, dtype=torch.float64, device=curvature.leaves[0].device)
        unit[:, line] = 1
        columns.append(lines.flat(curvature.times(lines.parts(unit, curvature.leaves))).double())
    found = torch.stack(columns, 2)
    return (found + found.mT) / 2


class Cut:
    """The losses ℓ_b(f_b(θ)) of a batch's samples, cut at the outputs f_b.

    Where the loss cannot be cut at the model's output, the samples' losses themselves stand for f. Without `verify` nothing
    is to be pulled back sample by sample.

    Attributes
    ----------
    outputs : list of Tensor
        f, the samples along dimension 0, with the graph back to the parameters.
    residuals : list of Tensor
        r = ∂ℓ/∂f of each sample's own loss.
    losses : Tensor
        (B,).
    curvature : Curvature or None
        Λ; None where `why_no_curvature` says why.
    total : Tensor or None
        The sum of the samples' losses, with the graph back to the leaves of `curvature`; None where there is none.
    way : str
        ``"hooks"``, or ``"one sample at a time"``, and then `why_slow` says why.
    """

    def __init__(self, objective: Objective, index: int, verify: bool = True) -> None:
        self.objective = objective
        self.curvature: Curvature | None = None
        self.total: Tensor | None = None
        self.why_no_curvature: str | None = None
        self.why_slow: str | None = None
        self._samples = objective.sizes[index]
        self._hooks: SampleNorms | None = None
        if not verify:
            self._run(index)
            return
        try:
            self._hooks = self._watching()
            self._run(index)
            with objective.evaluating(index):
                self._verify(index)
        except Inseparable:
            raise
        except Exception as error:
            # Of what hooks give each sample its own of, the model may want the whole. What fails without them too comes out.
            self._go_slowly(unwatched(error))
            self._run(index)

    @property
    def way(self) -> str:
        """How vectors are pulled back to the parameters sample by sample."""
        return "hooks" if self.why_slow is None else "one sample at a time"

    def _watching(self) -> SampleNorms:
        hooks = SampleNorms(self.objective.model, self.objective.parameters, self._samples)
        hooks.coarsest = self.objective.coarsest
        return hooks

    def _go_slowly(self, why: str) -> None:
        self._hooks, self.why_slow = None, why

    def _run(self, index: int) -> None:
        """Runs the model, with the hooks if there are any, and cuts its loss."""
        self.curvature, self.total, self.why_no_curvature = None, None, None
        try:
            # Each run has dropout's mask and the buffers of the whole measurement.
            with self.objective.evaluating(index):
                with nullcontext() if self._hooks is None else self._hooks:
                    linked = linked_loss(self.objective, index)
                self._take(linked)
                self.losses = self._losses(index, linked.loss)
        except NotApplicable as error:
            if isinstance(error, Uncut) and self._hooks is not None and not self.objective.vector_loss:
                # The fault may be the hooks', and samples one by one are seen without.
                raise error.__cause__ or error
            self.why_no_curvature = str(error)
            with self.objective.evaluating(index):
                self._whole(index)

    def _verify(self, index: int) -> None:
        """Makes sure that the loss with hooks is the loss without, and that its samples' gradients are those of the batch."""
        if self._hooks is None:
            return
        # The hooks give every sample its own copy of what a layer gives for all.
        found, expected = self.losses.double().mean().item(), self.objective.batch_losses[index]
        near = {torch.float64: 1e-8, torch.float32: 1e-4}.get(self.losses.dtype, 3e-2)
        if not abs(found - expected) <= near * max(abs(expected), self.losses.double().abs().mean().item()):
            raise Unknown("the model computes something else where each sample has its own copy of what all samples share")
        self._hooks.verify(self.surrogate())

    def _take(self, linked: Linked) -> None:
        """Outputs and residuals of a loss that is a sum over samples of what depends on their own output alone."""
        samples, loss = self._samples, linked.loss
        total = loss.sum() if loss.dim() else loss * samples
        residuals = torch.autograd.grad(total, linked.leaves, create_graph=True, allow_unused=True)
        used = [i for i, part in enumerate(residuals) if part is not None]
        self.outputs = [linked.outputs[i] for i in used]
        leaves = [linked.leaves[i] for i in used]
        found = [part for part in residuals if part is not None]
        for output in self.outputs:
            if output.dim() == 0 or output.shape[0] != samples:
                raise NotApplicable(
                    f"an output of the model has the shape {tuple(output.shape)} for {samples} samples: dimension 0 should be "
                    "the samples'"
                )
        self.residuals = [part.detach() for part in found]
        curved = [part for part in found if part.requires_grad]
        if not curved:
            self.why_no_curvature = (
                "the loss is linear in what the model returns, so that its second derivative in the output is 0"
            )
        elif len(curved) < len(found):
            # What the loss is linear in has a constant residual, which cannot be differentiated.
            found = [part if part.requires_grad else part + 0.0 * leaf for part, leaf in zip(found, leaves)]
        if curved:
            self.curvature, self.total = Curvature(found, leaves), total
        self._check(loss, leaves)

    def _check(self, loss: Tensor, leaves: list[Tensor]) -> None:
        """Refuses losses in which one sample's depends on another's output."""
        if self._samples < 2:
            return
        one = self._samples // 2
        others = torch.arange(self._samples) != one
        parts: Sequence[Tensor | None] = []
        if loss.dim():
            parts = torch.autograd.grad(loss[one], leaves, retain_graph=True, allow_unused=True)
        if self.curvature is not None:
            directions = [torch.zeros_like(leaf) for leaf in leaves]
            for direction in directions:
                direction[one] = torch.linspace(-1, 2, direction[one].numel()).reshape(direction[one].shape)
            parts = [*parts, *self.curvature.times(directions)]
        for part in parts:
            if part is not None and part[others.to(part.device)].any():
                raise NotApplicable("the loss of one sample depends on the model's output for another")

    def _losses(self, index: int, loss: Tensor) -> Tensor:
        objective = self.objective
        if loss.dim():
            return loss.detach()
        if objective.draws:
            raise Inseparable("`loss` returned the batch's mean, and draws random numbers, as dropout does: samples one by one get others than in their batch")
        try:
            losses = without_graph(lambda: objective.each(index))
        except Exception as error:
            raise Inseparable(
                f"`loss` returned the batch's mean, and it failed on a single sample ({said(error)})"
            ) from error
        tolerance = {torch.float64: 1e-8, torch.float32: 1e-4}.get(losses.dtype, 3e-2)
        # A sample whose loss alone is not a number (a mean over no pairs) has no gradient either.
        if not abs(losses.double().mean().item() - loss.item()) <= tolerance * losses.double().abs().mean().item():
            if is_sum(loss.item(), [(value, 1) for value in losses.double().tolist()], losses.dtype):
                raise Inseparable(f"`loss` returned the sum over its batch, {loss.item():.6g} for {len(losses)} samples, and no mean")
            raise Inseparable(
                f"`loss` returned the batch's mean, {loss.item():.6g}, and its samples one by one have the mean "
                f"{losses.double().mean().item():.6g}: dropout, BatchNorm or the loss itself treats a sample in its batch "
                "differently (a mean over tokens does, where sequences have different numbers of them)"
            )
        return losses

    def _whole(self, index: int) -> None:
        """The samples' losses in place of outputs."""
        objective = self.objective
        self.curvature = self.total = None
        if objective.vector_loss:
            if self._hooks is not None:
                self._hooks = self._watching()
            with nullcontext() if self._hooks is None else self._hooks:
                losses = objective.each(index)
        else:
            self._losses(index, objective.mean(index).detach())
            losses = objective.each(index)
            self._go_slowly("the loss is a scalar that is not the mean of what depends on one sample's output")
        self.outputs, self.residuals, self.losses = [losses], [torch.ones_like(losses)], losses.detach()

    def surrogate(self) -> Tensor:
        """Σ f·r of each sample (B,), with the gradient ∇ℓ_b."""
        parts = [(f * r).flatten(1).sum(1) if f.dim() > 1 else f * r for f, r in zip(self.outputs, self.residuals)]
        return torch.stack(parts).sum(0)

    def pulled(self, cotangents: Sequence[Tensor], along: Sequence[Tensor] | None = None) -> Norms:
        """‖J_bᵀc_b‖² of each sample b in each parameter tensor, and the products with `along`."""
        if self._hooks is not None:
            try:
                return self._hooks.of(self.outputs, cotangents, along)
            except Exception as error:
                self._go_slowly(unwatched(error))
        squares, slopes = [], []
        parameters = self.objective.parameters
        for sample in range(self._samples):
            own = [torch.zeros_like(part) for part in cotangents]
            for mine, part in zip(own, cotangents):
                mine[sample] = part[sample]
            found = torch.autograd.grad(self.outputs, parameters, own, retain_graph=True, allow_unused=True)
            gradient = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found)]
            squares.append(torch.stack([part.to(self.objective.dtype).square().sum() for part in gradient]))
            if along is not None:
                slopes.append(torch.stack([(part * d).to(self.objective.dtype).sum() for part, d in zip(gradient, along)]))
        return Norms(torch.stack(squares, 1), torch.stack(slopes, 1) if slopes else None)
