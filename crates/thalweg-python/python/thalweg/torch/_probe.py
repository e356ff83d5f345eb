"""Sharpness and fluctuation in a running loop, within a budget, without a change to the run."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .. import __version__
from ..log import Log, Row
from ._batches import size
from ._distributed import Processes
from ._evaluating import unwrapped
from ._fluctuation import WAYS, Found, Samples, join
from ._microbatches import Microbatches
from ._moments import Value
from ._objective import _layers as layers_of
from ._residuals import residual_values
from ._schedule import Item, Schedule
from ._sharpness import CURVATURES, Sharpness
from ._state import preserved

#: What one measurement by each way costs, in gradient passes of the batch: the samples' gradients, and tr G beside them.
#: Measured on the loops of benches/python/probe_overhead.py; the dearest counts.
COSTS = {
    "hooks": (2.6, 1.4),
    "vmap": (4.0, 1.4),
    "chunks": (1.5, 0.8),
    "signs": (4.0, 2.9),
    "microbatches": (0.15, 1.5),
}

#: Shares of the budget; one where none is given.
SHARES = {"lambda_max": 2.0, "preconditioned_lambda_max": 2.0}

#: What a probe can measure, beside what comes with each.
QUANTITIES = ("fluctuation", "gauss_newton_trace", *CURVATURES)


class Probe:
    """Watches a training: call :meth:`step` once a step, between ``backward()`` and ``optimizer.step()``.

    Nothing of the training is changed, not a bit of its weights: random states, buffers, gradients and flags are put back,
    and the probe's own random numbers are its own. What is measured when follows from the settings alone.

    Parameters
    ----------
    model : torch.nn.Module
        What is trained. Wrappers (``torch.compile``, ``DistributedDataParallel``) are looked through, and measurements run without them.
    loss : callable
        ``loss(model, batch)`` gives the vector of the samples' losses, or, if need be, their mean. Training should minimise
        its mean. The entries of the vector are the unit that fluctuation is of: for sequences, return one entry a
        sequence (the mean over its tokens, say). No weight decay in it, unless it shall count.
    optimizer : torch.optim.Optimizer, optional
        For the edge of stability 2/η, and the preconditioned sharpness of Adam and its kin.
    overhead : float
        The budget: gradient passes (forward and backward, on a batch of the training's size) that are spent on
        measurements for each step's one. Every quantity is measured at the first step, and then as often as this pays for.
    sharpness_set : a batch or list of batches, optional
        The fixed samples that sharpness is measured on. Without it only fluctuation is measured.
    log : list
        Where rows go, beside :attr:`rows`: see :mod:`thalweg.log`.
    layers : bool
        Also every layer's fluctuation, covariance, ‖∇L‖² and tr G.
    quantities : list of str, optional
        Of ``fluctuation``, ``gauss_newton_trace``, ``lambda_max``, ``sharpness``, ``preconditioned_lambda_max``,
        ``critical_sharpness``. By default all that settings allow but the last one, which is for models that are too large for
        products with the Hessian.
    every : dict, optional
        Steps from one measurement of a quantity to the next, for those that shall not follow the budget.
    fluctuation : str
        The way: ``auto``, ``microbatches``, ``hooks``, ``vmap``, ``chunks`` or ``signs``. ``auto`` takes microbatches where three or
        more are seen (accumulation, data parallelism), else hooks where all layers allow them, else chunks, or signs where samples are coupled.
    accumulation : {"mean", "sum"}
        Whether the training divides the losses of K microbatches by K, or not.
    scaler : torch.amp.GradScaler, optional
        By whose scale microbatches' gradients are divided.
    seed : int
        Of the measurements' own random numbers.
    first_step : int
        The number of the first step, for a training that goes on.

    Attributes
    ----------
    rows : list of thalweg.log.Row
        All that was measured: value, error, its kind, and how.
    notes : list of str
        What a reader of the rows should know: which way was not possible, and why.

    Notes
    -----
    Units: loss²/weight² for ``fluctuation`` (E‖∇ℓ‖² of one sample), ``covariance_trace`` (tr Cov ∇ℓ) and ``gradient_norm_squared``
    (‖∇L‖², without the batch's noise), loss/weight² for ``gauss_newton_trace``, ``lambda_max``, ``sharpness`` (tr Hessian),
    ``critical_sharpness`` and ``edge_of_stability``, samples for ``noise_scale`` (tr Cov/‖∇L‖²), loss for ``ratio`` (F/tr G) and
    ``fluctuation_per_sharpness`` (F/T).

    Examples
    --------
    ::

        with thalweg.torch.Probe(model, loss=per_sample_loss, optimizer=optimizer, sharpness_set=fixed_batch,
                                 log=[thalweg.log.CSV("run")]) as probe:
            for batch in loader:
                per_sample_loss(model, batch).mean().backward()
                probe.step(batch)
                optimizer.step()
                optimizer.zero_grad()
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Any = None,
        overhead: float = 0.05,
        sharpness_set: Any = None,
        log: Sequence[Log] = (),
        layers: bool = False,
        quantities: Sequence[str] | None = None,
        every: Mapping[str, int] | None = None,
        fluctuation: str = "auto",
        accumulation: str = "mean",
        scaler: Any = None,
        seed: int = 0,
        first_step: int = 0,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ValueError(f"`model` is {type(model).__name__}, a torch.nn.Module is needed")
        if not callable(loss):
            raise ValueError(f"`loss` is {type(loss).__name__}, a function of the model and a batch is needed")
        if not 0 < overhead <= 1000:
            raise ValueError(f"`overhead` is {overhead}: gradient passes for each step's one are needed, such as 0.05")
        ways = ("auto", "microbatches", *(way for way in WAYS if way != "samples"))
        if fluctuation not in ways:
            raise ValueError(f"`fluctuation` is {fluctuation!r}: must be one of {', '.join(ways)}")
        if accumulation not in ("mean", "sum"):
            raise ValueError(f"`accumulation` is {accumulation!r}: must be 'mean' or 'sum'")
        self.rows: list[Row] = []
        self.model = unwrapped(model)
        self._processes = Processes(model)
        self._loss = loss
        self._logs = list(log) if self._processes.first else []
        self._layers = layers
        self._way = fluctuation
        self._sum = accumulation == "sum"
        self._scaler = scaler
        self._seed = seed
        self._overhead = overhead
        self._every = dict(every or {})
        self._step = first_step
        self._closed = False
        self._schedule: Schedule | None = None
        self._last_fluctuation: tuple[Value, int] | None = None
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        if not named:
            raise ValueError("`model` has no parameter with requires_grad=True: there is nothing to differentiate by")
        self._names = [name for name, _ in named]
        self._parameters: list[Tensor] = [p for _, p in named]
        found = layers_of(self._names, [p.numel() for p in self._parameters]) if layers else []
        self._row_names = ["", *(layer.name for layer in found)]
        blocks = [(0, len(named)), *((layer.first_block, layer.end_block) for layer in found)]
        generator = torch.Generator().manual_seed(seed)
        self._samples = Samples(self.model, loss, self._parameters, blocks, generator)
        self._microbatches = Microbatches(self._parameters)
        self._sharpness = (
            None if sharpness_set is None else Sharpness(self.model, loss, sharpness_set, optimizer, seed)
        )
        self._quantities = self._chosen(quantities)
        unknown = [name for name in self._every if name not in self._quantities]
        if unknown:
            raise ValueError(f"`every` names {', '.join(unknown)}: not among what is measured ({', '.join(self._quantities)})")
        for name, steps in self._every.items():
            if not isinstance(steps, int) or steps < 1:
                raise ValueError(f"`every[{name!r}]` is {steps!r}: a number of steps is needed")
        if "fluctuation" in self._quantities and fluctuation in ("auto", "microbatches"):
            # To see in the first step whether there are several.
            self._microbatches.arm()

    @property
    def notes(self) -> list[str]:
        """What a reader of the rows should know."""
        return [*self._samples.notes, *(self._sharpness.notes if self._sharpness else [])]

    @property
    def schedule(self) -> dict[str, float]:
        """About how many steps there are from one measurement of a quantity to the next; empty before the first step."""
        if self._schedule is None:
            return {}
        return {
            item.name: item.every or sum(item.costs) / len(item.costs) / (self._overhead * item.share)
            for item in self._schedule.items
        }

    def step(self, batch: Any) -> None:
        """Measure what is due, after the gradient is there and before the optimizer takes it.

        Parameters
        ----------
        batch : whatever the loss takes
            The samples of this step (with accumulation: of its last microbatch), on the model's device.
        """
        if self._closed:
            raise ValueError("the probe was closed: make another one, with `first_step`")
        step, self._step = self._step, self._step + 1
        # Hooks must be gone before a measurement computes gradients of its own.
        groups, counts = self._microbatches.take()
        if self._schedule is None:
            self._schedule = self._begin(batch, len(groups), sum(counts))
        due = [item.name for item in self._schedule.due(step)]
        pending = self._sharpness is not None and self._sharpness.pending
        if due or pending:
            with self._measuring(step):
                rows = list(self._measured(step, due, batch, groups, counts))
            if self._processes.first and rows:
                self.rows.extend(rows)
                for log in self._logs:
                    log.write(rows)
        coming = (self._schedule.expects(name, self._step) for name in ("fluctuation", "gauss_newton_trace"))
        if self._way == "microbatches" and any(coming):
            self._microbatches.arm()

    def close(self) -> None:
        """Leave the model, and close the logs."""
        if not self._closed:
            self._closed = True
            self._microbatches.take()
            for log in self._logs:
                log.close()

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _chosen(self, quantities: Sequence[str] | None) -> list[str]:
        sharpness = self._sharpness
        if quantities is None:
            found = ["fluctuation", "gauss_newton_trace"]
            if sharpness is not None:
                found += ["lambda_max", "sharpness"]
                found += ["preconditioned_lambda_max"] if sharpness.preconditions else []
            return found
        for name in quantities:
            if name not in QUANTITIES:
                raise ValueError(f"`quantities` names {name!r}: must be of {', '.join(QUANTITIES)}")
            if name in CURVATURES and sharpness is None:
                raise ValueError(f"`quantities` names {name!r}, which needs a `sharpness_set`: a fixed batch to measure it on")
            if name == "preconditioned_lambda_max" and sharpness is not None and not sharpness.preconditions:
                raise ValueError("`quantities` names 'preconditioned_lambda_max', which needs `optimizer`: Adam or one of its kin")
            if name == "critical_sharpness" and sharpness is not None and sharpness.optimizer is None:
                raise ValueError("`quantities` names 'critical_sharpness', which needs `optimizer`: for its learning rate")
        if not quantities:
            raise ValueError("`quantities` is empty: name at least one, or leave it out")
        return list(quantities)

    def _begin(self, batch: Any, groups: int, passes: int) -> Schedule:
        """Decides the way and the schedule, once the first batch is there."""
        if "fluctuation" in self._quantities or "gauss_newton_trace" in self._quantities:
            if self._way == "auto":
                if self._processes.sum(groups) >= 3:
                    self._way = "microbatches"
                else:
                    with self._measuring(-1):
                        self._way = self._processes.agreed(self._samples.choose(batch))
            elif self._way == "microbatches" and self._processes.sum(groups) < 2:
                raise ValueError(
                    "`fluctuation` is 'microbatches', but the first step had one backward pass on one process: samples' scatter "
                    "cannot be seen from one gradient"
                )
        # A batch that is one of several microbatches costs as much less.
        passes = self._processes.largest(max(passes, 1))
        items = []
        for name in self._quantities:
            if name in CURVATURES:
                assert self._sharpness is not None
                samples = self._processes.largest(size(batch) or 1) * passes
                costs = self._sharpness.costs(name, samples)
            else:
                own, trace = COSTS[self._way]
                if self._way == "microbatches":
                    costs = (own,) if name == "fluctuation" else (trace / passes,)
                elif name == "fluctuation":
                    # One measurement gives both.
                    costs = ((own + (trace if "gauss_newton_trace" in self._quantities else 0)) / passes,)
                elif "fluctuation" in self._quantities:
                    continue
                else:
                    costs = (trace / passes,)
            every = self._every.get(name)
            if name == "fluctuation" and every is None and self._way != "microbatches":
                every = self._every.get("gauss_newton_trace")
            items.append(Item(name, costs, every, SHARES.get(name, 1.0)))
        schedule = Schedule(self._overhead, items)
        for log in self._logs:
            log.start(self._settings(batch))
        return schedule

    def _settings(self, batch: Any) -> dict[str, Any]:
        found = {
            "thalweg": __version__,
            "torch": torch.__version__,
            "parameters": sum(p.numel() for p in self._parameters),
            "batch": size(batch),
            "overhead": self._overhead,
            "quantities": ", ".join(self._quantities),
            "fluctuation": self._way,
            "processes": self._processes.count,
            "seed": self._seed,
            "first_step": self._step - 1,
        }
        if self._sharpness is not None:
            found["sharpness_samples"] = self._sharpness.samples
            found["optimizer"] = self._sharpness.optimizer_name
        found["notes"] = " ".join(f"{note}." for note in self.notes)
        return found

    @contextmanager
    def _measuring(self, step: int) -> Iterator[None]:
        with ExitStack() as stack:
            seed = (self._seed * 1_000_003 + step + 1) % 2**63
            stack.enter_context(preserved(self.model, seed=seed))
            if "torch._dynamo" in sys.modules:
                # Hooks are not seen in compiled code, which has no second derivatives either.
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            # What is drawn follows from the step alone, not from what was measured before.
            self._samples.generator.manual_seed(seed)
            yield

    def _measured(
        self, step: int, due: list[str], batch: Any, groups: list[list[Tensor]], counts: list[int]
    ) -> Iterator[Row]:
        if self._sharpness is not None:
            yield from self._sharpness.after()
        if "fluctuation" in due or "gauss_newton_trace" in due:
            found = self._fluctuation(due, batch, groups, counts)
            if found is not None:
                yield from self._fluctuation_rows(step, found)
        for name in due:
            if name in CURVATURES and self._sharpness is not None and self._processes.first:
                yield from self._sharpness.rows(name, step)
                if name == "sharpness":
                    yield from self._per_sharpness(step)

    def _fluctuation(
        self, due: list[str], batch: Any, groups: list[list[Tensor]], counts: list[int]
    ) -> Found | None:
        trace = "gauss_newton_trace" in self._quantities
        if self._way == "microbatches":
            found = None
            if groups:
                scale = 1.0 if self._scaler is None else float(self._scaler.get_scale())
                passes = 1 if self._sum else sum(counts)
                # Each group's mean gradient.
                means = [[part * (passes / (count * scale)) for part in group] for group, count in zip(groups, counts)]
                # Passes are taken to have as many samples each.
                sizes = [count * (size(batch) or 1) for count in counts]
                parts = self._processes.gathered(means, sizes, self._samples.rows)
                if parts is not None:
                    found = Found(parts.values(), "microbatches", "labels")
            if "gauss_newton_trace" in due:
                traces = self._processes.mean_of(self._samples.traces(batch))
                if found is not None:
                    join(found, traces)
                elif traces is not None:
                    found = traces
            return found
        if "fluctuation" not in self._quantities:
            return self._processes.mean_of(self._samples.traces(batch))
        return self._processes.mean_of(self._samples.fluctuation(batch, self._way, trace=trace))

    def _fluctuation_rows(self, step: int, found: Found) -> Iterator[Row]:
        for layer, values in zip(self._row_names, found.rows):
            for name, value in values.items():
                method = found.trace_method if name == "gauss_newton_trace" else found.method
                if name == "ratio" and found.trace_method != found.method:
                    method = f"{found.method}/{found.trace_method}"
                yield Row(step, name, layer, value.value, value.error, "standard-error", method)
        if "fluctuation" in found.rows[0]:
            self._last_fluctuation = (found.rows[0]["fluctuation"], step)
        if found.residuals is not None:
            for name, value in residual_values(found.residuals, found.classes).items():
                yield Row(step, name, "", value.value, value.error, "standard-error", "residuals")

    def _per_sharpness(self, step: int) -> Iterator[Row]:
        """F/T, of the last F that was measured."""
        assert self._sharpness is not None
        sharpness = self._sharpness.trace
        if self._last_fluctuation is None or sharpness is None:
            return
        above, measured = self._last_fluctuation
        ratio = above.value / sharpness.value if sharpness.value > 0 else math.nan
        error = abs(ratio) * math.hypot(above.error / above.value, sharpness.error / sharpness.value)
        yield Row(step, "fluctuation_per_sharpness", "", ratio, error, "standard-error", f"fluctuation of step {measured}")
