"""Sharpness and fluctuation in a running loop, within a budget, without a change to the run."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .. import __version__
from .._arguments import LARGEST, is_number, is_whole
from ..log import Log, Row
from ._asked import asked
from ._batches import size
from ._distributed import Processes
from ._evaluating import unhooked, unwrapped, without_graph
from ._fluctuation import WAYS, Found, Samples, join
from ._microbatches import Microbatches, Taken, dense
from ._moments import Value
from ._objective import checked, layers_of, trainable
from ._repeated import DIFFERS, alike
from ._residuals import Pool, residual_trace
from ._said import said
from ._schedule import Item, Schedule
from ._sharpness import CURVATURES, Sharpness
from ._state import preserved
from ._weighting import Weighting, weighting

T = TypeVar("T")

#: What one measurement by each way costs, in gradient passes of the batch: the samples' gradients, and tr G beside them.
#: Measured on the loops of benches/python/probe_overhead.py; the dearest counts. Microbatches' also take one pass of the last one.
COSTS = {
    "hooks": (2.6, 1.4),
    "vmap": (4.0, 1.4),
    "chunks": (1.5, 0.8),
    "signs": (4.0, 2.9),
    "microbatches": (0.2, 1.5),
}

#: Shares of the budget; one where none is given.
SHARES = {"lambda_max": 2.0, "preconditioned_lambda_max": 2.0}

#: Steps without a measurement of a quantity beyond which a note says so.
DISTANT = 1000

#: What a probe can measure, beside what comes with each.
QUANTITIES = ("fluctuation", "gauss_newton_trace", *CURVATURES)


class Probe:
    """Watches a training: call :meth:`step` once a step, between ``backward()`` and ``optimizer.step()``.

    Nothing of the training is changed, not a bit of its weights: random states, buffers, gradients and flags are put back,
    and the probe's own random numbers are its own. What is measured when follows from the settings alone. What is put back are the global
    random states, the `Generator` objects of PyTorch and numpy that are attributes of a module of the model, and buffers and attributes of every
    module that `loss` calls, the model or another (a discriminator, say). A `loss` that draws from a generator kept elsewhere, or counts its calls, is
    called by measurements too, so that the training goes on otherwise: the first step sees it, and says so by a note and a warning.

    Parameters
    ----------
    model : torch.nn.Module
        What is trained. Wrappers (``torch.compile``, ``DistributedDataParallel``) are looked through, and measurements run without them.
    loss : callable
        ``loss(model, batch)`` gives the vector of the samples' losses, or, if need be, their mean. Training should minimise
        its mean. The entries of the vector are the unit that fluctuation is of: for sequences, return one entry a
        sequence (the mean over its tokens, say). No weight decay in it, unless it shall count.
    optimizer : torch.optim.Optimizer, optional
        For the edge of stability 2/η, and the preconditioned sharpness of Adam, AdamW and RMSprop.
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
        Steps from one measurement of a quantity to the next, for those that shall not follow the budget: the first is at the first step.
    fluctuation : str
        The way: ``auto``, ``microbatches``, ``hooks``, ``vmap``, ``chunks`` or ``signs``. ``auto`` takes microbatches where three or
        more are seen (accumulation, data parallelism), else hooks where all layers allow them, else chunks, or signs where samples are coupled.
        Backward passes count as microbatches where each had a forward pass of the model on other samples before it
        (see :meth:`microbatch`), and the last one's gradient is that of ``loss(model, batch)`` times its weight, at every step that is measured; if not, a
        note says so and the next way is taken.
        Up to ten gradients of the model's size are held for them, in the steps that are measured.
    accumulation : {"mean", "sum"}
        Whether the training divides the losses of K microbatches by K (or weights them by their samples: that is found out), or not.
        Other weights, as by tokens, are given to :meth:`microbatch`.
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

    Errors of kind ``standard-error`` are those of the estimate for the law that the samples come from, but where the method says
    "error on this batch": random signs and labels on a batch whose samples are coupled tell what their own scatter does, and nothing of how
    another batch would differ. Ratios (``noise_scale``, ``ratio``) are freed of their bias of order 1/K by the jackknife over K groups; with signs they are
    not, and come out too large.

    ``residual_trace`` and ``residual_condition`` are of the covariance over samples of ∂ℓ/∂f, the derivative of a sample's loss by all numbers that
    the model gives for it (loss²/output²), as in ``measure``'s ``residuals.covariance``, with N − 1 for N. The condition number has a row at
    the step by which those that were measured have 20 samples for each output, and counts anew from there, by cross-validation, without the direction in
    which cross-entropy's residuals cannot scatter. Neither is given for more than 64 outputs.

    Of a data-parallel training every process must make the probe, and call :meth:`step` in every step: they measure together, and one that does
    not come keeps the others waiting (as under ``model.join()`` with unequal numbers of batches). Models whose parameters are cut into parts (FSDP,
    tensor parallelism) are refused. What counts as microbatches must be of other samples each: several noisy views of one batch scatter by their
    noise alone, which says nothing of the samples' scatter; there ``fluctuation="hooks"`` measures it.

    What fails while a training runs is left out, with a note and a warning: after the first step nothing that is measured raises.

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
        checked(model, loss)
        if not is_number(overhead) or not 0 < overhead <= 1000:
            raise ValueError(f"`overhead` is {overhead!r}: gradient passes for each step's one are needed, such as 0.05")
        ways = ("auto", "microbatches", *(way for way in WAYS if way != "samples"))
        if fluctuation not in ways:
            raise ValueError(f"`fluctuation` is {fluctuation!r}: must be one of {', '.join(ways)}")
        if accumulation not in ("mean", "sum"):
            raise ValueError(f"`accumulation` is {accumulation!r}: must be 'mean' or 'sum'")
        for name, number in (("seed", seed), ("first_step", first_step)):
            if not is_whole(number) or not 0 <= number <= LARGEST:
                raise ValueError(f"`{name}` is {number!r}: a whole number from 0 to 2**63 - 1 is needed")
        if isinstance(log, (str, bytes)) or not isinstance(log, Sequence):
            raise ValueError(f"`log` is {type(log).__name__}: a list is needed, such as [thalweg.log.CSV('run')]")
        for one in log:
            if not all(callable(getattr(one, name, None)) for name in ("start", "write", "close")):
                raise ValueError(f"`log` has {one!r} in it: what has start, write and close is needed (see thalweg.log)")
        if isinstance(quantities, (str, bytes)) or not (quantities is None or isinstance(quantities, Sequence)):
            raise ValueError(f"`quantities` is {quantities!r}: a list of names is needed")
        if not (every is None or isinstance(every, Mapping)):
            raise ValueError(f"`every` is {every!r}: a dictionary is needed, such as {{'lambda_max': 100}}")
        if optimizer is not None and not getattr(optimizer, "param_groups", None):
            raise ValueError(f"`optimizer` is {type(optimizer).__name__}: a torch optimizer is needed, with `param_groups`")
        if not (scaler is None or callable(getattr(scaler, "get_scale", None))):
            raise ValueError(f"`scaler` is {scaler!r}: a torch.amp.GradScaler is needed")
        if not isinstance(layers, bool):
            raise ValueError(f"`layers` is {layers!r}: True or False is needed")
        self.rows: list[Row] = []
        self._trained = model
        self.model = unwrapped(model)
        self._processes = Processes(model)
        self._loss = asked(loss)
        self._logs = list(log) if self._processes.first else []
        self._layers = layers
        self._way = fluctuation
        self._sum = accumulation == "sum"
        self._scaler = scaler
        self._seed = int(seed)
        self._overhead = float(overhead)
        self._every = dict(every or {})
        self._step = int(first_step)
        self._closed = False
        self._schedule: Schedule | None = None
        self._last_fluctuation: tuple[Value, int] | None = None
        #: How the passes were weighted that were looked at last.
        self._agreed: tuple[Taken, Weighting] | None = None
        #: Whether the training takes the mean over samples, and not of microbatches' means; None before a step told.
        self._by_samples: bool | None = None
        #: Whether the passes of the last step that was looked at are no microbatches of `loss`.
        self._refused = False
        self._notes: list[str] = []
        self._pool = Pool()
        self._watch()
        self._sharpness = (
            None if sharpness_set is None else Sharpness(self.model, self._loss, sharpness_set, optimizer, seed)
        )
        self._quantities = self._chosen(quantities)
        unknown = [name for name in self._every if name not in self._quantities]
        if unknown:
            raise ValueError(
                f"`every` names {', '.join(unknown)}, which this probe does not measure: it measures {', '.join(self._quantities)}; "
                f"`quantities` chooses among {', '.join(QUANTITIES)}"
            )
        for name, steps in self._every.items():
            if not is_whole(steps) or steps < 1:
                raise ValueError(f"`every[{name!r}]` is {steps!r}: a number of steps is needed")
        if "fluctuation" in self._quantities and fluctuation in ("auto", "microbatches"):
            # To see in the first step whether there are several.
            self._microbatches.arm()

    @property
    def notes(self) -> list[str]:
        """What a reader of the rows should know."""
        return [*self._samples.notes, *self._notes, *self._loss.notes, *(self._sharpness.notes if self._sharpness else [])]

    @property
    def schedule(self) -> dict[str, float]:
        """About how many steps there are from one measurement of a quantity to the next; empty before the first step."""
        if self._schedule is None:
            return {}
        return {
            item.name: item.every or sum(item.costs) / len(item.costs) / (self._overhead * item.share)
            for item in self._schedule.items
        }

    @property
    def watching(self) -> bool:
        """Whether this step's microbatches are looked at, so that :meth:`microbatch` is heard."""
        return self._microbatches.armed

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
        taken = self._microbatches.take()
        strict = self._schedule is None
        if self._schedule is None:
            self._follow(taken)
            self._schedule = self._begin(batch, taken)
        rows = self._tried("what was due", lambda: self._due(step, batch, taken, strict), strict)
        if self._processes.first and rows:
            self.rows.extend(rows)
            self._to_logs("write", rows)
        self._agreed = None
        coming = (self._schedule.expects(name, self._step) for name in ("fluctuation", "gauss_newton_trace"))
        if self._way == "microbatches" and any(coming):
            self._tried("fluctuation", self._microbatches.arm)

    def _due(self, step: int, batch: Any, taken: Taken, strict: bool) -> list[Row]:
        """Measures what is due at this step."""
        self._follow(taken)
        assert self._schedule is not None
        due = [item.name for item in self._schedule.due(step)]
        if not due and not (self._sharpness is not None and self._sharpness.pending):
            return []
        with self._measuring(step):
            return self._measured(step, due, batch, taken, strict)

    def microbatch(self, batch: Any, *, weight: float | Tensor | None = None) -> None:
        """Say what the next backward pass is of; needed only where the model's own forward passes do not show it, or for its weight.

        Parameters
        ----------
        batch : whatever the loss takes
            The samples of one microbatch.
        weight : float, optional
            By what the training multiplies the mean loss on it, where that is neither one over the number of microbatches nor the part of the samples:
            of a mean over the tokens of all microbatches, its tokens over all. To be given for every microbatch then. A sample counts as
            in the training's gradient: a sequence by the sum over its tokens, over the mean number of tokens in this step.
        """
        known = weight is None or (
            # The number of a tensor elsewhere is not waited for.
            weight.numel() == 1 and (weight.device.type != "cpu" or bool(weight >= 0))
            if isinstance(weight, Tensor)
            else is_number(weight) and weight >= 0
        )
        if not known:
            raise ValueError(f"`weight` is {weight!r}: what the mean loss is multiplied by is needed, a number of 0 or more")
        self._microbatches.say(size(batch), weight)

    def close(self) -> None:
        """Leave the model, and close the logs."""
        if not self._closed:
            self._closed = True
            self._microbatches.take()
            self._to_logs("close")

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        """Begin with the parameters that are trainable now."""
        named = trainable(self.model)
        self._parameters: list[Tensor] = [p for _, p in named]
        found = layers_of([name for name, _ in named], [p.numel() for p in self._parameters]) if self._layers else []
        self._row_names = ["", *(layer.name for layer in found)]
        blocks = [(0, len(named)), *((layer.first_block, layer.end_block) for layer in found)]
        generator = torch.Generator().manual_seed(self._seed)
        self._samples = Samples(self.model, self._loss, self._parameters, blocks, generator)
        self._microbatches = Microbatches(self._parameters, self._trained)

    def _follow(self, taken: Taken) -> None:
        """Where layers were frozen or thawed, go on with those that are trained now, and with what was seen of them."""
        trainable = [p for p in self.model.parameters() if p.requires_grad]
        if trainable and [id(p) for p in trainable] != [id(p) for p in self._parameters]:
            notes, before = self._samples.notes, self._parameters
            self._watch()
            taken.follow(before, self._parameters)
            self._samples.notes = notes

    def _note(self, sentence: str, *, warn: bool = False) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)
            if warn:
                warnings.warn(f"thalweg: {sentence}; the training goes on", RuntimeWarning, stacklevel=4)

    def _tried(self, what: str, measure: Callable[[], T], strict: bool = False) -> T | None:
        """What `measure` gives; None, and a note, where it fails: a training must not end by being watched.

        ValueErrors of the first step are about the settings, and are raised where it is `strict`.
        """
        try:
            return measure()
        except Exception as error:
            if strict and isinstance(error, ValueError):
                raise
            sentence = said(error)
            # An epoch often ends in a batch of one sample.
            self._note(f"{what} could not be measured at some step: {sentence}", warn="`batch` has one sample" not in sentence)
            return None

    def _to_logs(self, name: str, *given: Any) -> None:
        for log in list(self._logs):
            try:
                getattr(log, name)(*given)
            except Exception as error:
                self._logs.remove(log)
                self._note(f"{type(log).__name__} failed and gets no more rows: {error}", warn=True)

    def _chosen(self, quantities: Sequence[str] | None) -> list[str]:
        sharpness = self._sharpness
        if quantities is None:
            found = ["fluctuation", "gauss_newton_trace"]
            if sharpness is not None:
                found += ["lambda_max", "sharpness"]
                found += ["preconditioned_lambda_max"] if sharpness.preconditions else []
                group = sharpness.optimizer.param_groups[0] if sharpness.optimizer is not None else {}
                if not sharpness.preconditions and ("betas" in group or "alpha" in group):
                    self._note(
                        f"no preconditioned sharpness: how {sharpness.optimizer_name} scales its steps is not known here "
                        "(Adam, AdamW and RMSprop are)"
                    )
            return found
        for name in quantities:
            if name not in QUANTITIES:
                raise ValueError(f"`quantities` names {name!r}: must be of {', '.join(QUANTITIES)}")
            if name in CURVATURES and sharpness is None:
                raise ValueError(f"`quantities` names {name!r}, which needs a `sharpness_set`: a fixed batch to measure it on")
            if name == "preconditioned_lambda_max" and sharpness is not None and not sharpness.preconditions:
                raise ValueError("`quantities` names 'preconditioned_lambda_max', which needs `optimizer`: Adam, AdamW or RMSprop")
            if name == "critical_sharpness" and sharpness is not None and sharpness.optimizer is None:
                raise ValueError("`quantities` names 'critical_sharpness', which needs `optimizer`: for its learning rate")
        if not quantities:
            raise ValueError("`quantities` is empty: name at least one, or leave it out")
        return list(quantities)

    def _begin(self, batch: Any, taken: Taken) -> Schedule:
        """Decides the way and the schedule, once the first batch is there."""
        counted = self._ask_twice(batch)
        # A batch that is one of several microbatches costs as much less.
        passes = 1
        if "fluctuation" in self._quantities or "gauss_newton_trace" in self._quantities:
            passes = self._decide(batch, taken)
        items = []
        for name in self._quantities:
            if name in CURVATURES:
                assert self._sharpness is not None
                samples = self._processes.largest(size(batch) or counted or 1) * passes
                costs = self._sharpness.costs(name, samples)
            else:
                own, trace = COSTS[self._way]
                if self._way == "microbatches":
                    costs = (own + 1 / passes,) if name == "fluctuation" else (trace / passes,)
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
        distant = schedule.distant(DISTANT)
        if distant:
            coming = ", ".join(f"{name} at step {self._step - 1 + steps}" for name, steps in distant.items())
            self._note(
                f"after this step the budget of {self._overhead:g} gradient passes a step pays for {coming}: `every` fixes a distance, such as "
                f"every={{{next(iter(distant))!r}: 100}}, `overhead` is the budget, and a smaller `sharpness_set` is cheaper"
            )
        self._to_logs("start", self._settings(batch))
        return schedule

    def _ask_twice(self, batch: Any) -> int | None:
        """Says so where the loss depends on what is not put back; gives how many samples it is of, where it is a vector."""

        def losses() -> Tensor:
            return without_graph(lambda: self._samples.losses(batch).clone(), lambda: self._measuring(-1))

        try:
            found = losses()
            same = alike(found, losses())
        except Exception:
            # What fails is told where it is measured.
            return None
        if not same:
            self._note(f"{DIFFERS}: measurements call it, and what it draws from is not put back, so that the run is not the same as without them", warn=True)
        return len(found) if found.dim() else None

    def _decide(self, batch: Any, taken: Taken) -> int:
        """Decides the way of the fluctuation; gives how many batches like this one are a step's."""
        asked, groups = self._way, self._processes.sum(len(taken.groups))
        wrong = False
        if asked in ("auto", "microbatches"):
            if asked == "microbatches" and groups < 2 and not self._processes.sum(bool(taken.why)):
                raise ValueError(
                    "`fluctuation` is 'microbatches', but the first step had one backward pass on one process: samples' scatter "
                    "cannot be seen from one gradient"
                )
            several = groups >= (3 if asked == "auto" else 2)
            with self._measuring(-1):
                if several and self._agree(taken, batch) is not None:
                    self._way = "microbatches"
                else:
                    wrong = several or bool(taken.why)
                    self._way = self._other(batch)
        elif asked in ("chunks", "vmap"):
            with self._measuring(-1):
                if self._processes.sum(not self._samples.cuts(batch)):
                    said = self._samples.notes[-1] if self._samples.notes else "`batch` has fewer than two samples that can be cut out of it"
                    raise ValueError(f"`fluctuation` is {asked!r}: {said}")
        left = list(self._quantities)
        if self._way == "none":
            left = [name for name in left if name not in ("fluctuation", "gauss_newton_trace")]
        elif self._way == "microbatches" and "gauss_newton_trace" in left and not self._samples.coupled:
            with self._measuring(-1):
                if self._processes.sum(not self._samples.cuts(batch)):
                    left.remove("gauss_newton_trace")
        if not left:
            raise ValueError(f"`loss` leaves nothing to measure: {self.notes[-1]}")
        self._quantities = left
        return 1 if wrong else self._processes.largest(max(taken.passes, 1))

    def _other(self, batch: Any) -> str:
        """The way, where microbatches do not tell; the same on all processes."""

        def choose() -> str:
            return self._samples.choose(batch)

        return self._processes.agreed(self._tried("fluctuation", choose, self._schedule is None) or "none")

    def _agree(self, taken: Taken, batch: Any) -> Weighting | None:
        """How the passes of this step are weighted; None, and a note, where they are no microbatches."""
        if self._agreed is not None and self._agreed[0] is taken:
            return self._agreed[1]
        why: str = taken.why or ("" if taken.groups else "a process had no backward pass")
        if self._processes.sum(len(taken.groups)) < 2:
            why = why or "there was one alone at some step"
        found, wrong = None, False
        if not why:
            try:
                found, why = self._weighting(taken, batch)
            except Exception as error:
                why = f"the gradient of `loss` on the last one failed: {error}"
            wrong = found is None
        self._refused = bool(self._processes.sum(wrong))
        total = self._processes.sum(0.0 if found is None else found.total)
        if self._processes.sum(found is None) or found is None:
            self._note(f"backward passes are not taken for microbatches: {why or 'not so on another process'}")
            return None
        if found.told:
            self._by_samples = found.by_samples
        if found.unlike:
            self._note("microbatches have the weights that were given, and a sample counts as in the training's gradient: a sequence by its tokens")
        # A process's own weights need not add up to 1.
        self._agreed = taken, replace(found, total=total / self._processes.count)
        return self._agreed[1]

    def _leave_microbatches(self, way: str, passes: int) -> None:
        """From now on by this way alone, or not at all: of what is seen now and then, and is another's sample, no series could be made."""
        if self._schedule is None:
            return
        self._schedule.drop("gauss_newton_trace")
        if way == "none":
            self._schedule.drop("fluctuation")
            return
        self._way = way
        own, trace = COSTS[way]
        self._schedule.charge("fluctuation", ((own + (trace if "gauss_newton_trace" in self._quantities else 0.0)) / passes,))

    def _weighting(self, taken: Taken, batch: Any) -> tuple[Weighting | None, str]:
        """How the last pass's gradient follows from the gradient of its own mean loss; or why it does not."""
        with self._as_last_forward(taken):
            losses = self._samples.losses(batch)
        units = len(losses) if losses.dim() else size(batch) or taken.sizes[-1]
        found = torch.autograd.grad(losses.mean(), self._parameters, allow_unused=True)
        own = [torch.zeros_like(p) if part is None else dense(part) for p, part in zip(self._parameters, found)]
        return weighting(taken, own, units, scale=self._scale, summed=self._sum, earlier=self._by_samples)

    @property
    def _scale(self) -> float:
        """What mixed precision has multiplied gradients by."""
        return 1.0 if self._scaler is None else float(self._scaler.get_scale())

    @contextmanager
    def _as_last_forward(self, taken: Taken) -> Iterator[None]:
        """With the model's next forward pass drawing the random numbers that the training's last one drew."""

        def hook(module: nn.Module, arguments: Any) -> None:
            if taken.states is not None:
                processor, card = taken.states
                torch.set_rng_state(processor)
                if card is not None:
                    torch.cuda.set_rng_state(card, self._parameters[0].device)

        handle = self.model.register_forward_pre_hook(hook)
        try:
            yield
        finally:
            handle.remove()

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
            # Clipping by hooks is of the training's gradients, not of the loss's.
            stack.enter_context(unhooked(self.model))
            if "torch._dynamo" in sys.modules:
                # Hooks are not seen in compiled code, which has no second derivatives either.
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            # What is drawn follows from the step alone, not from what was measured before.
            self._samples.generator.manual_seed(seed)
            yield

    def _measured(self, step: int, due: list[str], batch: Any, taken: Taken, strict: bool) -> list[Row]:
        rows: list[Row] = []
        sharpness = self._sharpness
        if sharpness is not None:
            rows += self._tried("critical_sharpness", lambda: list(sharpness.after())) or []
        if "fluctuation" in due or "gauss_newton_trace" in due:
            found = self._fluctuation(due, batch, taken, strict)
            if found is not None:
                rows += self._tried("fluctuation", lambda: list(self._fluctuation_rows(step, found))) or []
        for name in due:
            if name in CURVATURES and sharpness is not None and self._processes.first:
                rows += self._tried(name, lambda: list(self._curvature_rows(name, step)), strict) or []
        return rows

    def _curvature_rows(self, name: str, step: int) -> Iterator[Row]:
        assert self._sharpness is not None
        yield from self._sharpness.rows(name, step)
        if name == "sharpness":
            yield from self._per_sharpness(step)

    def _fluctuation(self, due: list[str], batch: Any, taken: Taken, strict: bool) -> Found | None:
        trace = "gauss_newton_trace" in self._quantities

        def traces() -> Found | None:
            return self._samples.traces(batch)

        def by(way: str) -> Found | None:
            # What fails on one process alone is left out; all of them come together here.
            return self._processes.mean_of(
                self._tried("fluctuation", lambda: self._samples.fluctuation(batch, way, trace=trace, strict=strict), strict)
            )

        if "fluctuation" not in self._quantities:
            return self._processes.mean_of(self._tried("gauss_newton_trace", traces, strict))
        if self._way != "microbatches":
            return by(self._way)
        found = None
        if "fluctuation" in due:
            weights = self._agree(taken, batch)
            if weights is None:
                way = self._other(batch)
                if self._refused:
                    self._leave_microbatches(way, taken.passes)
                return None if way == "none" else by(way)
            means, sizes = taken.means(by_samples=weights.by_samples, scale=self._scale * weights.total)
            counts = [count * weights.each for count in sizes]
            parts = self._tried("fluctuation", lambda: self._processes.gathered(means, counts, self._samples.rows), strict)
            if parts is not None:
                found = Found(parts.values(), "microbatches", "labels")
        if "gauss_newton_trace" in due:
            own = self._processes.mean_of(self._tried("gauss_newton_trace", traces, strict))
            if found is not None:
                join(found, own)
            elif own is not None:
                found = own
        return found

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
            spread, condition = residual_trace(found.residuals), self._pool.add(step, found.residuals)
            if spread is not None:
                yield Row(step, "residual_trace", "", spread.value, spread.error, "standard-error", "residuals")
            if condition is not None:
                value, method = condition
                yield Row(step, "residual_condition", "", value.value, value.error, "standard-error", method)

    def _per_sharpness(self, step: int) -> Iterator[Row]:
        """F/T, of the last F that was measured."""
        assert self._sharpness is not None
        sharpness = self._sharpness.trace
        if self._last_fluctuation is None or sharpness is None:
            return
        above, measured = self._last_fluctuation
        ratio = above.value / sharpness.value if sharpness.value > 0 else math.nan
        if above.value == 0 or sharpness.value == 0:
            return
        error = abs(ratio) * math.hypot(above.error / above.value, sharpness.error / sharpness.value)
        yield Row(step, "fluctuation_per_sharpness", "", ratio, error, "standard-error", f"fluctuation of step {measured}")
