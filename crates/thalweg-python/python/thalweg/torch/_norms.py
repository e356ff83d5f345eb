"""Squared norms of single samples' gradients, parameter by parameter: by hooks, by `vmap`, or one sample at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.func import functional_call, grad, vmap
from torch.nn.utils.parametrize import is_parametrized

from ._batches import single, size
from ._evaluating import Watch, coarsest
from ._factors import Factor, squares_and_slopes
from ._layers import Rule, alone, first, quiet, rule
from ._said import said
from ._tree import mapped, tensors

#: By how much the sum of the samples' gradients may differ from the batch's, by precision: rounding, and no more.
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3}
#: What counts as nothing beside the gradients of all parameters, at most, in whatever precision.
LEAST = 1e-3
#: Rows of a layer's output that belong to one sample: more than one are not counted.
SEVERAL = 2


class Unknown(ValueError):
    """Why the gradients of single samples cannot be had from hooks.

    Attributes
    ----------
    coupled : str or None
        The layer where one sample's loss depends on what was given for others, if that is why.
    """

    def __init__(self, sentence: str, coupled: str | None = None) -> None:
        super().__init__(sentence)
        self.coupled = coupled


def unwatched(error: Exception) -> str:
    """Why hooks do not know a model, from what was raised under them, whatever the model's own code raises."""
    # What a layer without samples gives (a parameter, say) does not bear a copy for each.
    return str(error) if isinstance(error, Unknown) else f"the model fails where layers are watched: {said(error)}"


@dataclass(frozen=True)
class Norms:
    """What is known of every sample's gradient g_b in every parameter tensor."""

    #: ‖g_b‖², (parameters, B).
    squares: Tensor
    #: g_b·d, (parameters, B), where a direction was given.
    slopes: Tensor | None


@dataclass(frozen=True)
class _Call:
    """One use of a layer in a forward pass."""

    name: str
    module: nn.Module
    rule: Rule | None
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    #: Of the input, to see whether something was written into it later.
    version: int
    #: Of the output, as it was when the layer gave it: what is written into it later has another.
    edge: GradientEdge
    output: torch.Size
    #: The length of dimension 0 of what the layer itself gave; 0 where there is none.
    rows: int
    #: Whether it was the same for all samples, and was given to each.
    shared: bool
    #: What it computed in.
    precision: torch.dtype


@dataclass(frozen=True)
class Seen:
    """What was found out where hooks were verified; it holds for batches of as many samples on which layers' rows are dealt out alike."""

    #: Layers that are used once for all samples.
    shared: frozenset[str]
    #: The coarsest precision that anything is computed in, as far as it was seen.
    coarsest: torch.dtype | None
    #: As :meth:`SampleNorms.dealt` says it.
    dealt: frozenset[tuple[str, int]]

    def also(self, other: Seen | None) -> Seen:
        """With what was found out on another batch of as many samples: layers may be left out at random."""
        if other is None or other.shared != self.shared:
            return self
        return Seen(self.shared, self.coarsest, self.dealt | other.dealt)


class SampleNorms:
    """Hooks on `model` that remember what enters its layers, from which samples' gradients follow without being built.

    Run the forward pass in its ``with`` block, then call :meth:`of`, as often as wished. All layers with parameters of one's
    own are covered: Linear, Conv1d and Conv2d, Embedding, LayerNorm, GroupNorm, RMSNorm, BatchNorm in evaluation mode,
    transformers' Conv1D; others by `vmap` over that layer alone. Tied weights and layers that are used twice have their cross terms. :meth:`verify`
    finds out what hooks cannot see.

    Parameters
    ----------
    model : torch.nn.Module
        Whose layers are watched.
    parameters : list of torch.nn.Parameter
        The parameters asked about, each once.
    samples : int, optional
        How many samples the batch has; needed where a layer does not see them (an embedding of positions).
    shared : set of str
        Layers that do not see them although their first dimension could be the samples' by its length; :func:`shared_layers` finds them.

    Raises
    ------
    Unknown
        By :meth:`of` and :meth:`verify`, where samples' gradients cannot be had in this way; the sentence says why.
    """

    way = "hooks"

    def __init__(
        self,
        model: nn.Module,
        parameters: Sequence[Tensor],
        samples: int | None = None,
        shared: Collection[str] = (),
    ) -> None:
        self.parameters = list(parameters)
        self.samples = samples
        self.shared = shared
        self._position = {id(parameter): index for index, parameter in enumerate(self.parameters)}
        self._watched = dict(self._layers(model))
        self._calls: list[_Call] = []
        #: The coarsest precision that anything between layers is computed in, where it is known.
        self.coarsest: torch.dtype | None = None
        self._open = False
        self._stack = ExitStack()

    def _layers(self, model: nn.Module) -> Iterator[tuple[str, tuple[nn.Module, Rule | None]]]:
        """The layers with parameters of their own; what is in one that is not known belongs to it."""
        inside: tuple[str, ...] = ()
        for name, module in model.named_modules():
            if any(name.startswith(outer) for outer in inside):
                continue
            # A parametrized layer (weight normalisation) computes its weights from parameters that lie deeper.
            computed = is_parametrized(module)
            if any(id(own) in self._position for own in module.parameters(recurse=computed)):
                found = None if computed else rule(module)
                if found is None:
                    inside = (*inside, f"{name}." if name else "")
                yield name, (module, found)

    def __enter__(self) -> SampleNorms:
        for name, (module, found) in self._watched.items():
            handle = module.register_forward_hook(self._hook(name, found), with_kwargs=True)
            self._stack.callback(handle.remove)
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._stack.close()

    def _hook(self, name: str, found: Rule | None) -> Callable[..., Any]:
        def hook(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
            if not self._open or not torch.is_grad_enabled():
                return None
            result = first(output)
            if not result.requires_grad:
                return None
            changed, rows = None, len(result) if result.dim() else 0
            entered = _entered(arguments, named)
            shared = self.samples is not None and (
                name in self.shared or result.dim() == 0 or len(result) % self.samples != 0
            )
            if self.samples is not None and shared:
                # The same for all samples: each gets its own copy, so that it gets its own derivative. A leading dimension
                # of length 1 stands for them, or there is none.
                one = result if result.dim() and len(result) == 1 else result.unsqueeze(0)
                result = changed = one.expand(self.samples, *one.shape[1:]).clone()
            self._calls.append(
                _Call(
                    name,
                    module,
                    found,
                    arguments,
                    named,
                    -1 if entered is None else entered._version,
                    get_gradient_edge(result),
                    result.shape,
                    rows,
                    shared,
                    result.dtype,
                )
            )
            return changed

        return hook

    def dealt(self, samples: int) -> frozenset[tuple[str, int]]:
        """How the rows that each layer gave were dealt out: to no sample of their own (0), one to each (1), or several (:data:`SEVERAL`)."""
        return frozenset((call.name, 0 if call.shared else min(call.rows // samples, SEVERAL)) for call in self._calls)

    def of(self, outputs: Sequence[Tensor], cotangents: Sequence[Tensor], along: Sequence[Tensor] | None = None) -> Norms:
        """‖J_bᵀc_b‖² of every sample b in every parameter, for what the forward pass gave and these cotangents.

        Parameters
        ----------
        outputs, cotangents : lists of torch.Tensor
            Along whose dimension 0 the samples are; the samples' losses and ones give the norms of their gradients.
        along : list of torch.Tensor, optional
            A direction d, one tensor for each parameter, for the slopes g_b·d.
        """
        samples = self.samples or len(outputs[0])
        return self._norms(self._factors(outputs, cotangents, samples), samples, along)

    def of_losses(self, losses: Tensor) -> Norms:
        """Of the samples' own gradients, with slopes along their mean; one backward pass for both.

        Raises
        ------
        Unknown
            Where they do not add up to the batch's, as where a loss has a penalty on weights that it had not before.
        """
        samples = len(losses)
        edges = [call.edge for call in self._calls]
        found = torch.autograd.grad(
            losses.sum(), cast("list[Tensor]", [*edges, *self.parameters]), retain_graph=True, allow_unused=True
        )
        own = found[len(edges) :]
        whole = [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, own)]
        norms = self._norms(self._collected(found[: len(edges)], samples), samples, whole)
        self._add_up(norms, whole)
        assert norms.slopes is not None
        return Norms(norms.squares, norms.slopes / samples)

    def _norms(self, factors: list[list[Factor]], samples: int, along: Sequence[Tensor] | None) -> Norms:
        squares, slopes = [], []
        for index, parameter in enumerate(self.parameters):
            found = factors[index]
            if not found:
                squares.append(torch.zeros(samples, device=parameter.device, dtype=_precise(parameter.dtype)))
                slopes.append(squares[-1])
                continue
            square, slope = squares_and_slopes(found, None if along is None else along[index])
            squares.append(square)
            if slope is not None:
                slopes.append(slope)
        return Norms(torch.stack(squares), None if along is None else torch.stack(slopes))

    def verify(self, losses: Tensor) -> list[Tensor]:
        """Make sure that each sample's gradient is what the hooks take it for; give the gradient of the summed losses.

        Two things are looked at. One sample's loss must not depend on what layers gave for other samples (BatchNorm in
        training, a batch that is not along dimension 0). And the samples' gradients must add up to the batch's in every
        parameter, Σ g_b·g = ‖g‖² (a weight that is used outside its layer is missing in the sum).
        """
        samples = len(losses)
        index = samples // 2
        edges = [call.edge for call in self._calls]
        derivatives = torch.autograd.grad(losses[index], edges, retain_graph=True, allow_unused=True)
        for call, derivative in zip(self._calls, derivatives):
            if derivative is None:
                continue
            if len(derivative) % samples:
                raise Unknown(
                    f"layer `{call.name}` has an output of shape {tuple(call.output)} for {samples} samples: the first "
                    "dimension should be the samples'"
                )
            others = derivative.reshape(samples, -1).clone()
            others[index] = 0
            if others.count_nonzero():
                raise Unknown(
                    f"the loss of one sample depends on what layer `{call.name}` gave for others: a batch's samples have "
                    "no gradients of their own there (BatchNorm in training mode does this, or a first dimension that is "
                    "not the samples')",
                    coupled=call.name,
                )
        self._verify_apart(losses, edges)
        found = torch.autograd.grad(losses.sum(), self.parameters, retain_graph=True, allow_unused=True)
        whole = [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, found)]
        self._add_up(self.of([losses], [torch.ones_like(losses)], whole), whole)
        return whole

    def _add_up(self, norms: Norms, whole: Sequence[Tensor]) -> None:
        """Σ g_b·g = ‖g‖² in every parameter, with slopes along the gradient g of the summed losses, `whole`."""
        assert norms.slopes is not None
        # Together, so that a graphics card is waited for once.
        squares = norms.squares.cpu().double()
        found = norms.slopes.cpu().double().sum(1)
        expected = torch.stack([gradient.to(_precise(gradient.dtype)).square().sum() for gradient in whole]).cpu().double()
        # A gradient that is 0 but for rounding (of a key's bias, which softmax does not see) has parts that are rounding.
        largest = squares.sum(0).sqrt().sum().item()
        # Rounding is of the samples' gradients, which may cancel.
        scale = expected.maximum(squares.sqrt().sum(1) * expected.sqrt())
        for parameter, off, size in zip(self.parameters, (found - expected).abs().tolist(), scale.tolist()):
            rounding = (self._rounding(parameter.dtype) * largest) ** 2
            if off > self._tolerance(parameter.dtype) * size + rounding:
                raise Unknown(
                    f"the samples' gradients in a parameter of shape {tuple(parameter.shape)} do not add up to the batch's: "
                    "it is used outside the layer that it belongs to"
                )

    def _least(self, dtype: torch.dtype) -> torch.dtype:
        """The coarsest precision that layers compute in, which autocast makes another one than their weights', or that anything else does.

        Of what is not in a layer, numbers of less than single precision do not count: with their few digits nothing could be told.
        """
        elsewhere = self.coarsest if self.coarsest is not None and self.coarsest.itemsize >= 4 else None
        return coarsest(dtype, elsewhere, *(call.precision for call in self._calls))

    def _rounding(self, dtype: torch.dtype) -> float:
        """What counts as nothing beside the gradients of all parameters."""
        return min(100 * torch.finfo(self._least(dtype)).eps, LEAST)

    def _tolerance(self, dtype: torch.dtype) -> float:
        return TOLERANCE.get(self._least(dtype), 3e-2)

    def _verify_apart(self, losses: Tensor, edges: Sequence[GradientEdge]) -> None:
        """With a random weight for each loss, what a sample's row gets must be its weight times what it got without."""
        samples = len(losses)
        drawn = torch.rand(samples, generator=torch.Generator().manual_seed(samples), dtype=torch.float64)
        weights = (drawn + 0.5).to(losses.device, losses.dtype)
        if not edges or samples < 2:
            return
        plain = torch.autograd.grad(losses.sum(), edges, retain_graph=True, allow_unused=True)
        weighted = torch.autograd.grad((weights * losses).sum(), edges, retain_graph=True, allow_unused=True)
        # A derivative that is 0 but for rounding is as much rounding with weights as without.
        largest = max((part.norm().item() for part in plain if part is not None), default=0.0)
        for call, one, other in zip(self._calls, plain, weighted):
            if one is None or other is None or len(one) % samples:
                continue
            one, other = (part.detach().reshape(samples, -1).to(_precise(part.dtype)) for part in (one, other))
            expected = one * weights.to(one.dtype).unsqueeze(1)
            rounding = self._rounding(one.dtype) * largest
            if (other - expected).norm() > self._tolerance(one.dtype) * expected.norm() + rounding:
                raise Unknown(
                    f"the losses of samples depend on what layer `{call.name}` gave for others: a batch's samples have no gradients "
                    "of their own there",
                    coupled=call.name,
                )

    def _factors(self, outputs: Sequence[Tensor], cotangents: Sequence[Tensor], samples: int) -> list[list[Factor]]:
        edges = [call.edge for call in self._calls]
        if not edges:
            return self._collected((), samples)
        derivatives = torch.autograd.grad(
            list(outputs), edges, list(cotangents), retain_graph=True, allow_unused=True
        )
        return self._collected(derivatives, samples)

    def _collected(self, derivatives: Sequence[Tensor | None], samples: int) -> list[list[Factor]]:
        """The factors in each parameter, from all places."""
        found: list[list[Factor]] = [[] for _ in self.parameters]
        for call, derivative in zip(self._calls, derivatives):
            if derivative is not None:
                for name, factor in _call_factors(call, derivative, samples).items():
                    parameter = call.module.get_parameter(name) if _has(call.module, name) else None
                    index = self._position.get(id(parameter))
                    if index is not None:
                        found[index].append(factor)
        return found


def shared_layers(
    model: nn.Module,
    parameters: Sequence[Tensor],
    samples: int | None,
    losses: Callable[[], Tensor],
    known: frozenset[str] = frozenset(),
) -> Seen:
    """Find out which embeddings are looked up once for all samples, and whether hooks then know everything.

    A table of positions is mostly used so; where its length is a multiple of the number of samples, only derivatives can
    tell. `known` are layers that were shared on another batch, by the length of what they gave, which are tried first.

    Raises
    ------
    Unknown
        Where hooks do not know the model or the loss; see :meth:`SampleNorms.verify`.
    """
    tables = {name for name, module in model.named_modules() if isinstance(module, nn.Embedding)}
    shared = known
    while True:
        try:
            with SampleNorms(model, parameters, samples, shared) as norms, Watch() as watch:
                found = losses()
            norms.coarsest = watch.coarsest
            norms.verify(found)
        except Exception as error:
            if isinstance(error, Unknown) and error.coupled is not None and error.coupled in tables - shared:
                shared |= {error.coupled}
            elif known:
                return shared_layers(model, parameters, samples, losses)
            elif isinstance(error, Unknown):
                raise
            else:
                # Without hooks it did not fail.
                raise Unknown(unwatched(error)) from error
        else:
            dealt = norms.dealt(len(found))
            return Seen(shared | {name for name, each in dealt if each == 0}, watch.coarsest, dealt)


def _call_factors(call: _Call, derivative: Tensor, samples: int) -> dict[str, Factor]:
    """The factors of one use of a layer, in single precision at least."""
    entered = _entered(call.arguments, call.named)
    if entered is None:
        raise Unknown(f"layer `{call.name}` was called without a tensor")
    if entered._version != call.version:
        raise Unknown(f"what entered layer `{call.name}` was changed in place afterwards")
    precise = _precise(derivative.dtype)
    derivative = derivative.detach().to(precise)
    try:
        with torch.no_grad(), torch.autocast(derivative.device.type, enabled=False):
            if call.rule is None:
                return alone(call.module, call.arguments, call.named, derivative, samples)
            entered = entered.detach()
            if entered.is_floating_point():
                entered = entered.to(precise)
            if call.shared:
                entered = entered if entered.dim() and len(entered) == 1 else entered.unsqueeze(0)
                entered = entered.expand(samples, *entered.shape[1:])
            return call.rule(call.module, entered, derivative, samples)
    except Exception as error:
        raise Unknown(f"layer `{call.name}` ({type(call.module).__name__}): {said(error)}") from error


def _entered(arguments: tuple[Any, ...], named: dict[str, Any]) -> Tensor | None:
    return next((tensor for tensor in tensors([arguments, named])), None)


def _has(module: nn.Module, name: str) -> bool:
    try:
        module.get_parameter(name)
    except AttributeError:
        return False
    return True


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype.itemsize < 4 else dtype


class Both(nn.Module):
    """Model and loss as one module, so that parameters can be put into it from outside."""

    def __init__(self, model: nn.Module, loss: Callable[[Any, Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Any) -> Tensor:
        return self.loss(self.model, batch).mean()


def by_vmap(
    model: nn.Module,
    parameters: Sequence[Tensor],
    loss: Callable[[Any, Any], Tensor],
    batch: Any,
    along: Sequence[Tensor] | None = None,
    *,
    chunk: int | None = None,
) -> Norms:
    """The same as by hooks, from each sample's whole gradient: the reference, and the way for layers that hooks miss.

    `chunk` gradients are held at a time, all by default. Fails with a RuntimeError where `vmap` does not know an operation.
    """
    own = _Single(model, parameters, loss, batch)

    def one(*parts: Tensor) -> tuple[Tensor, Tensor]:
        gradients = grad(lambda inner: own.loss(inner, parts))(own.values)
        squares, slopes = [], []
        for gradient, index in zip(gradients.values(), own.order):
            flat = gradient.flatten().to(_precise(gradient.dtype))
            squares.append(flat.square().sum())
            slopes.append(squares[-1] if along is None else flat @ along[index].flatten().to(flat.dtype))
        return torch.stack(squares), torch.stack(slopes)

    with quiet():
        squares, slopes = own.each(one, chunk)
    back = torch.argsort(torch.tensor(own.order, device=squares.device))
    return Norms(squares.T[back].detach(), None if along is None else slopes.T[back].detach())


def mean_by_vmap(model: nn.Module, parameters: Sequence[Tensor], loss: Callable[[Any, Any], Tensor], batch: Any) -> list[Tensor]:
    """The mean of the gradients whose norms :func:`by_vmap` gives where the random state is the same: where the loss draws numbers it is not the batch's."""
    own = _Single(model, parameters, loss, batch)

    def mean(inner: dict[str, Tensor]) -> Tensor:
        losses: Tensor = own.each(lambda *parts: own.loss(inner, parts))
        return losses.mean()

    with quiet():
        gradients = grad(mean)(own.values)
    found = dict(zip(own.order, gradients.values()))
    return [found[index].detach() for index in range(len(parameters))]


class _Single:
    """A loss of one sample as a function of the parameters' values and of the sample's tensors."""

    def __init__(self, model: nn.Module, parameters: Sequence[Tensor], loss: Callable[[Any, Any], Tensor], batch: Any) -> None:
        if size(batch) is None:
            raise ValueError("`batch` has no dimension 0 that its tensors share: there are no single samples to take from it")
        self.both, self.batch = Both(model, loss), batch
        position = {id(parameter): index for index, parameter in enumerate(parameters)}
        named = {name: value for name, value in self.both.named_parameters() if id(value) in position}
        #: The place of each value among the parameters.
        self.order = [position[id(value)] for value in named.values()]
        self.values = {name: value.detach() for name, value in named.items()}
        self.tensors = list(tensors(batch))

    def loss(self, values: dict[str, Tensor], parts: Sequence[Tensor]) -> Tensor:
        """That of the sample whose tensors are `parts`."""
        given = iter(parts)
        sample = mapped(lambda tensor: next(given).unsqueeze(0) if tensor.dim() else next(given), self.batch)
        found: Tensor = functional_call(self.both, values, (sample,))
        return found.mean()

    def each(self, one: Callable[..., Any], chunk: int | None = None) -> Any:
        """What `one` gives for each sample. What has no samples (a scalar in the batch) is given to each."""
        places = tuple(0 if tensor.dim() > 0 else None for tensor in self.tensors)
        return vmap(one, in_dims=places, randomness="different", chunk_size=chunk)(*self.tensors)


def one_by_one(
    parameters: Sequence[Tensor],
    loss: Callable[[Any, Any], Tensor],
    model: nn.Module,
    batch: Any,
    along: Sequence[Tensor] | None = None,
) -> Norms:
    """The same with one backward pass for each sample: the last resort, which knows every layer."""
    squares, slopes = [], []
    for gradients in sample_gradients(parameters, loss, model, batch):
        flat = [gradient.flatten().to(_precise(gradient.dtype)) for gradient in gradients]
        squares.append(torch.stack([part.square().sum() for part in flat]))
        if along is not None:
            slopes.append(torch.stack([part @ d.flatten().to(part.dtype) for part, d in zip(flat, along)]))
    return Norms(torch.stack(squares, 1), torch.stack(slopes, 1) if slopes else None)


def mean_one_by_one(parameters: Sequence[Tensor], loss: Callable[[Any, Any], Tensor], model: nn.Module, batch: Any) -> list[Tensor]:
    """The mean of the gradients whose norms :func:`one_by_one` gives where the random state is the same."""
    total, count = [torch.zeros_like(p, dtype=_precise(p.dtype)) for p in parameters], 0
    for gradients in sample_gradients(parameters, loss, model, batch):
        count += 1
        for into, gradient in zip(total, gradients):
            into += gradient
    return [part / count for part in total]


def sample_gradients(
    parameters: Sequence[Tensor], loss: Callable[[Any, Any], Tensor], model: nn.Module, batch: Any
) -> Iterator[list[Tensor]]:
    """The gradient of each sample's loss, with a pass of its own."""
    samples = size(batch)
    if samples is None:
        raise ValueError("`batch` has no dimension 0 that its tensors share: there are no single samples to take from it")
    for index in range(samples):
        try:
            value = loss(model, single(batch, index)).mean()
        except Exception as error:
            raise RuntimeError(f"`loss` fails on a single sample: {said(error)}") from error
        found = torch.autograd.grad(value, list(parameters), allow_unused=True)
        yield [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found)]
