"""Sharpness on a fixed set while a model trains: largest eigenvalue, trace, and the curvature along the optimizer's steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .._curvature import Eigenpairs, eigenpairs, trace
from .._estimate import Estimate
from ..log import Row
from ._asked import asked
from ._batches import batches, moved, size
from ._critical import Update, critical_sharpness
from ._evaluating import evaluating, without_graph
from ._objective import Objective
from ._optimizers import groups_differ, holds, inverse_roots, learning_rate, preconditions, threshold
from ._products import Hessian
from ._said import said

CURVATURES = ("lambda_max", "sharpness", "preconditioned_lambda_max", "critical_sharpness")

#: Products of a measurement that starts from the last one's vectors, and of one that starts afresh.
WARM, COLD = 8, 24
#: Every so many measurements of λ_max one starts afresh, beside the warm one.
CHECK = 8
#: Products for tr H.
PROBES = 8
#: What it costs, in gradient passes of as many samples: a product, and the first gradient's graph.
PRODUCT, GRAPH = 2.6, 1.8
#: How many seeds there are: after the last comes the first.
SEEDS = 1 << 63
#: Forward passes for the critical sharpness, at most, each a third of a gradient pass.
FORWARD = 12


class Sharpness:
    """The curvature of the mean loss over a fixed set.

    Parameters
    ----------
    model, loss
        As the probe has them, the model without wrappers.
    data : a batch or batches
        The set.
    optimizer : torch.optim.Optimizer, optional
    seed : int
        Of random vectors, and of dropout's masks, which are the same for every measurement.
    """

    def __init__(self, model: nn.Module, loss: Callable[[Any, Any], Tensor], data: Any, optimizer: Any, seed: int) -> None:
        self.model, self.loss, self.optimizer, self.seed = model, asked(loss), optimizer, seed
        self.batches = batches(data, "sharpness_set")
        sizes = [self._count(index) for index in range(len(self.batches))]
        if 0 in sizes:
            raise ValueError(f"`sharpness_set`: batch {sizes.index(0)} has no samples: leave it out")
        self.samples = sum(sizes)
        #: Of the objective, and of the optimizer.
        self._objective_notes: list[str] = []
        self._optimizer_notes: list[str] = []
        #: The last tr H.
        self.trace: Estimate | None = None
        self.preconditions = optimizer is not None and preconditions(optimizer)
        self._objective: Objective | None = None
        self._tops = {name: Top(seed) for name in ("lambda_max", "preconditioned_lambda_max")}
        self._traces = 0
        self._update: Update | None = None

    def _count(self, index: int) -> int:
        """The samples of batch `index`, by its tensors; where they do not tell (arrays of numpy, say), by the vector of the samples' losses."""
        batch = self.batches[index]
        found = size(batch)
        if found is not None:
            return found
        try:
            losses = without_graph(lambda: self.loss(self.model, self._here(batch)), lambda: evaluating(self.model, self.seed))
            why = "`loss` gives no vector of the samples' losses"
            if losses.dim() == 1:
                return len(losses)
        except Exception as error:
            why = f"`loss` fails on it: {said(error)}"
        raise ValueError(
            f"`sharpness_set`: the samples of batch {index} cannot be counted: it has no tensors of one length along dimension 0, and {why}"
        )

    def _here(self, batch: Any) -> Any:
        """A batch on the model's device."""
        return moved(batch, next(self.model.parameters()).device)

    @property
    def optimizer_name(self) -> str:
        """The optimizer's class."""
        return "" if self.optimizer is None else type(self.optimizer).__name__

    @property
    def notes(self) -> list[str]:
        """What a reader of the rows should know."""
        return self._objective_notes + self._optimizer_notes

    def costs(self, name: str, samples: int) -> tuple[float, ...]:
        """Of measurements of this quantity one after another, in gradient passes of `samples` samples."""
        relative = self.samples / samples
        if name == "critical_sharpness":
            return (FORWARD * relative / 3,)
        if name == "sharpness":
            return ((GRAPH + PRODUCT * PROBES) * relative,)
        warm = (GRAPH + PRODUCT * WARM) * relative
        checked = (GRAPH + PRODUCT * (COLD + WARM)) * relative
        # The first one has no warm start beside it, and costs that much less.
        return (checked, *[warm] * (CHECK - 1))

    def rows(self, name: str, step: int) -> Iterator[Row]:
        """Measure."""
        if name == "critical_sharpness":
            # The step that the optimizer takes now is known at the next one.
            self._update = Update(step, learning_rate(self.optimizer), self._trainable())
            return
        if not self._finite():
            yield Row(step, name, "", math.nan, math.nan, "residual", "the loss is not finite")
            return
        hessian = Hessian(self.objective)
        if name == "sharpness":
            self._traces += 1
            self.trace = trace(hessian, products=PROBES, method="hutchinson", seed=(self.seed + self._traces) % SEEDS)
            yield Row(step, name, "", self.trace.value, self.trace.error, self.trace.kind, f"Hutchinson of {PROBES} products")
            return
        operator: Any = hessian
        if name == "preconditioned_lambda_max":
            roots = inverse_roots(self.optimizer, self.objective.parameters)
            if roots is None:
                return
            operator = Scaled(hessian, self.objective.flatten(roots))
        estimate, error, method = self._tops[name].measure(operator)
        yield Row(step, name, "", estimate.value, error, "residual", method)
        if self.optimizer is None:
            return
        if name == "lambda_max":
            eta = learning_rate(self.optimizer)
            if eta > 0:
                yield Row(step, "edge_of_stability", "", 2 / eta, 0.0, "rounding", "2/η")
        unlike = groups_differ(self.optimizer)
        moved = name != "lambda_max" or holds(self.optimizer, self._trainable())
        why = ""
        if not moved:
            why = "the optimizer does not move all trainable parameters, and lambda_max is of all of them (requires_grad_(False) leaves out the others)"
        elif unlike:
            why = (
                f"the optimizer's parameter groups differ in {unlike}, so that no one curvature is the limit; the edge of stability is 2 over the "
                "largest learning rate"
            )
        if why and not self._optimizer_notes:
            self._optimizer_notes = [f"no stability threshold at some step: {why}"]
        limit = threshold(self.optimizer) if moved else None
        if limit is not None and self.preconditions == (name == "preconditioned_lambda_max"):
            yield Row(step, "stability_threshold", "", limit[0], 0.0, "rounding", limit[1])

    @property
    def pending(self) -> bool:
        """Whether :meth:`after` has something to measure."""
        return self._update is not None

    def after(self) -> Iterator[Row]:
        """What could not be measured before the optimizer's last step was taken."""
        update, self._update = self._update, None
        if update is None:
            return
        if not self._finite():
            yield Row(update.step, "critical_sharpness", "", math.nan, math.nan, "residual", "the loss is not finite")
        else:
            found = critical_sharpness(self.objective, update, FORWARD)
            yield Row(update.step, "critical_sharpness", "", found.value, found.error, "residual", found.method)

    @property
    def objective(self) -> Objective:
        """The mean loss, over the parameters that are trainable now."""
        trainable = self._trainable()
        known = self._objective
        if known is None or [id(p) for p in known.parameters] != [id(p) for p in trainable] or known.device != trainable[0].device:
            known = self._objective = Objective(self.model, self.loss, iter(self.batches), self.seed)
            self._objective_notes = [f"sharpness: {note}" for note in known.notes]
            self._tops = {name: Top(self.seed) for name in self._tops}
        known.refresh()
        return known

    def _trainable(self) -> list[Tensor]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def _finite(self) -> bool:
        """Whether there is a curvature to measure: a training that has diverged goes on, and so does its probe."""
        for batch in self.batches:
            value = without_graph(lambda: self.loss(self.model, self._here(batch)), lambda: evaluating(self.model, self.seed))
            if not bool(value.isfinite().all()):
                return False
        return True


class Top:
    """The largest eigenvalue of an operator that changes slowly.

    Most measurements take eight products, from the last one's vector (with four, errors of 8 % and more were common). Their residual does not bound how far they are below the
    largest eigenvalue, as another may have overtaken it. So every eighth measurement is made twice, from there and afresh with
    24 products; the larger value is taken, and the difference is part of the error from then on.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._warm: Eigenpairs | None = None
        self._done = 0
        #: By how much a warm measurement was last seen to fall short, relative to the value.
        self._short = 0.0

    def measure(self, operator: Any) -> tuple[Estimate, float, str]:
        """The estimate, its error, and how it was made."""
        check, self._done = self._done % CHECK == 0, self._done + 1
        warm = None
        if self._warm is not None:
            warm = eigenpairs(operator, k=1, max_products=WARM, warm=self._warm.vectors, seed=self.seed)
        if warm is not None and not check:
            found, method = warm, f"warm Lanczos of {WARM} products"
        else:
            cold = eigenpairs(operator, k=1, max_products=COLD, seed=(self.seed + self._done) % SEEDS)
            if warm is not None:
                value = max(cold.values[0].value, warm.values[0].value)
                self._short = abs(value - warm.values[0].value) / abs(value) if value else 0.0
            found = warm if warm is not None and warm.values[0].value >= cold.values[0].value else cold
            method = f"cold Lanczos of {COLD} products"
        self._warm = found
        estimate = found.values[0]
        return estimate, max(estimate.error, self._short * abs(estimate.value)), method


class Scaled:
    """D A D of an operator A and a diagonal matrix D: a preconditioned Hessian, made symmetric."""

    def __init__(self, inner: Hessian, diagonal: Tensor) -> None:
        self.inner, self.diagonal = inner, diagonal
        self.shape, self.dtype, self.device = inner.shape, inner.dtype, inner.device

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with a vector (n,)."""
        return self.apply_block(vector[None])[0]

    def __matmul__(self, other: Tensor) -> Tensor:
        """The product with a vector (n,) or with the columns of a matrix (n, k)."""
        return self(other) if other.dim() == 1 else self.apply_block(other.T).T

    def apply_block(self, rows: Tensor) -> Tensor:
        """The products with the rows (k, n)."""
        return self.inner.apply_block(rows * self.diagonal) * self.diagonal
