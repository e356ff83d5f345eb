"""How a model is run while it is measured: the same function each time, that has second derivatives, and nothing left changed."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from ._attributes import attributes_kept
from ._tree import tensors


#: Held while PyTorch's, numpy's or Python's global random states are others: two threads that measure at once would take and put back each
#: other's. (A thread of the user's own that draws random numbers meanwhile is not held up.)
GLOBAL_STATE = threading.RLock()


#: What draws random numbers of its own.
_GENERATORS = frozenset({torch.Generator, np.random.Generator})
#: The weights that `rows_kept` of this thread will put back.
_HELD = threading.local()


def mathematical_attention() -> AbstractContextManager[None]:
    """The fused kernels of attention have no second derivative; a checkpoint runs them again where its graph is differentiated."""
    return sdpa_kernel(SDPBackend.MATH)


@contextmanager
def evaluating(model: nn.Module, seed: int) -> Iterator[None]:
    """Run `model` in here: with the random numbers of `seed`, copies of its buffers, mathematical attention, not compiled,
    without backward hooks; rows that embeddings shorten are put back.

    What forward passes change of it, and of other modules that `loss` calls, is put back (:func:`kept`), and so are the random states of Python,
    numpy, the processor and every graphics card.
    """
    with ExitStack() as stack:
        # None where no card is used: asking would start the driver.
        cards = list(range(torch.cuda.device_count())) if any(p.is_cuda for p in model.parameters()) else []
        stack.enter_context(GLOBAL_STATE)
        stack.enter_context(torch.random.fork_rng(devices=cards))
        stack.enter_context(kept(model))
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        for card in cards:
            torch.cuda.default_generators[card].manual_seed(seed)
        stack.enter_context(unhooked(model))
        if any(isinstance(module, nn.MultiheadAttention) for module in model.modules()):
            # Its fast path runs without gradients alone, and gives zeros where padding is.
            stack.enter_context(_no_fast_path())
        stack.enter_context(mathematical_attention())
        if "torch._dynamo" in sys.modules:
            # Nor have compiled functions. Without that module, which takes seconds to load, there are none.
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            # Nor have cuDNN's recurrent layers.
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        if any(_normalises_weights(module) for module in model.modules()):
            stack.enter_context(_WeightNorm())
        if any(isinstance(module, nn.EmbeddingBag) for module in model.modules()):
            stack.enter_context(_Bags())
        stack.enter_context(torch.enable_grad())
        yield


def without_graph(compute: Callable[[], Tensor], around: Callable[[], AbstractContextManager[None]] = nullcontext) -> Tensor:
    """What `compute` gives within `around`, without a graph.

    A loss that differentiates inside (by the inputs, as penalties on gradients and differential equations do) has to make one:
    where it fails without, it is computed again with a graph, which is dropped.
    """
    try:
        with around(), torch.no_grad():
            return compute().detach()
    except RuntimeError:
        pass
    with around(), torch.enable_grad():
        return compute().detach()


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Without dropout, and BatchNorm by its running statistics, where they are in training mode."""
    moving = [module for module in model.modules() if module.training and (isinstance(module, _BatchNorm) or _dropout(module) > 0)]
    try:
        for module in moving:
            module.training = False
        yield
    finally:
        for module in moving:
            module.training = True


@contextmanager
def _no_fast_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _WeightNorm(TorchFunctionMode):
    """Weight normalisation by its formula: the second derivative of PyTorch's fused kernel lacks that of the norm."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch._weight_norm:
            return _weight_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    return v * (g / torch.norm_except_dim(v, 2, dim))


class _Bags(TorchFunctionMode):
    """Bags of embeddings by their formula: PyTorch's kernel has no second derivative."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.embedding_bag:
            return _embedding_bag(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """As :func:`torch.nn.functional.embedding_bag`: of indices (bags, length), or of all bags' after one another."""
    indices = input.reshape(-1)
    rows = functional.embedding(indices, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    place = torch.arange(len(indices), device=input.device)
    if offsets is None:
        count = len(input)
        bags = place // max(input.shape[-1], 1)
    else:
        starts = offsets[:-1] if include_last_offset else offsets
        count = len(starts)
        bags = torch.searchsorted(starts.contiguous(), place, right=True) - 1
    left_out = torch.zeros_like(indices, dtype=torch.bool) if padding_idx is None else indices == padding_idx % len(weight)
    if mode == "max":
        parts = [rows.masked_fill(left_out.unsqueeze(1), -torch.inf)[bags == bag] for bag in range(count)]
        found = torch.stack([part.max(0).values if len(part) else part.sum(0) for part in parts])
        return found.masked_fill(found == -torch.inf, 0.0)
    rows = rows.masked_fill(left_out.unsqueeze(1), 0.0)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1).unsqueeze(1)
    total = rows.new_zeros(count, weight.shape[1]).index_add(0, bags, rows)
    if mode == "sum":
        return total
    sizes = rows.new_zeros(count).index_add(0, bags, (~left_out).to(rows.dtype)).clamp(min=1)
    return total / sizes.unsqueeze(1)


def _normalises_weights(module: nn.Module) -> bool:
    """Whether this is a parametrization by weight_norm, or a layer under the older function of that name."""
    return "WeightNorm" in type(module).__name__ or any(
        type(hook).__name__ == "WeightNorm" for hook in module._forward_pre_hooks.values()
    )


@contextmanager
def unhooked(model: nn.Module) -> Iterator[None]:
    """No backward hook that the user registered on `model`'s parameters or modules runs in here, as clipping or masking does.

    They change gradients, so that derivatives through them would be of no loss, and they would be called far more often
    than the training calls them. Graphs that were made before are left by them too, except by those of modules, which
    belong to the forward pass. Can be nested.
    """
    kept = [(hooks, dict(hooks)) for hooks in _backward_hooks(model)]
    try:
        for hooks, _ in kept:
            # In place: the graph knows the dictionary, and so do the handles that remove a hook.
            hooks.clear()
        yield
    finally:
        for hooks, before in kept:
            hooks.update(before)


def _backward_hooks(model: nn.Module) -> list[dict[int, Any]]:
    """The dictionaries of backward hooks, those that are not empty."""
    found: list[dict[int, Any] | None] = [parameter._backward_hooks for parameter in model.parameters()]
    for module in model.modules():
        found += [module._backward_hooks, module._backward_pre_hooks]
    return [hooks for hooks in found if hooks]


@contextmanager
def kept(model: nn.Module) -> Iterator[None]:
    """Puts back what forward passes in here change of `model`, and of every other module that is called: a discriminator, a teacher, a metric.

    That is: plain attributes (:func:`attributes_kept`), `Generator` objects of torch and numpy among them, rows that embeddings shorten, and the
    buffers themselves, not only their numbers: a graph that holds one is not invalidated. Python's and numpy's random states are put back too.
    """
    known: set[int] = set()
    thread = threading.get_ident()
    with ExitStack() as stack:

        def keep(found: list[nn.Module]) -> None:
            # They are held, so that no other gets the id of one.
            known.update(map(id, found))
            stack.enter_context(generators_kept(generators_of(found)))
            stack.enter_context(attributes_kept(found))
            stack.enter_context(copied_buffers(found))
            stack.enter_context(rows_kept(found))

        def called(module: nn.Module, arguments: Any) -> None:
            # Other threads' modules are trained meanwhile, and within torch.func's transforms copies would be the transform's own.
            if id(module) not in known and threading.get_ident() == thread and torch._C._functorch.peek_interpreter_stack() is None:
                keep([one for one in module.modules() if id(one) not in known and _is_plain(one)])

        keep(list(model.modules()))
        stack.enter_context(_uncached())
        stack.callback(register_module_forward_pre_hook(called).remove)
        yield


@contextmanager
def _uncached() -> Iterator[None]:
    """Within `parametrize.cached()` weights have one graph, that of the training's pass, which is gone when a measurement wants it."""
    before = parametrize._cache_enabled, parametrize._cache
    parametrize._cache_enabled, parametrize._cache = 0, {}
    try:
        yield
    finally:
        parametrize._cache_enabled, parametrize._cache = before


def _is_plain(module: nn.Module) -> bool:
    """Whether it is no wrapper, which has states that are not its modules', and whether its buffers can be replaced."""
    return unwrapped(module) is module and not isinstance(module, torch.jit.ScriptModule) and not is_sharded(module)


def is_sharded(module: nn.Module) -> bool:
    """Whether its parameters are cut into parts for several processes."""
    return type(module).__name__ == "FullyShardedDataParallel" or any(hasattr(p, "placements") for p in module._parameters.values())


@contextmanager
def copied_buffers(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Puts copies in place of the buffers of these modules, and the buffers back."""
    copies: dict[int, Tensor] = {}
    kept: list[tuple[dict[str, Tensor | None], dict[str, Tensor | None]]] = []
    for module in modules:
        own = module._buffers
        if own:
            kept.append((own, dict(own)))
    try:
        for own, before in kept:
            for name, buffer in before.items():
                if buffer is not None:
                    # One buffer of several modules stays one.
                    own[name] = copies.setdefault(id(buffer), buffer.clone())
        yield
    finally:
        for own, before in kept:
            own.clear()
            own.update(before)


def generators_of(modules: Iterable[nn.Module]) -> list[Any]:
    """The generators of torch and numpy that are attributes of one of these modules."""
    # By their exact types, which is quick: every module has some thirty attributes.
    return [value for module in modules for value in module.__dict__.values() if type(value) in _GENERATORS]


@contextmanager
def generators_kept(found: Collection[Any]) -> Iterator[None]:
    """Puts back Python's and numpy's random states, and those of these generators of torch and numpy."""
    own, arrays = random.getstate(), np.random.get_state()
    torchs = [(one, one.get_state()) for one in found if isinstance(one, torch.Generator)]
    numpys = [(one.bit_generator, one.bit_generator.state) for one in found if isinstance(one, np.random.Generator)]
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(arrays)
        for generator, state in torchs:
            generator.set_state(state)
        for drawn, known in numpys:
            drawn.state = known


@contextmanager
def rows_kept(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Puts back what forward passes in here change of the weights of embeddings with `max_norm` among these modules, which shorten in place the rows that they read.

    Nested, the outermost does it: what a graph in there has saved of a weight stays what it was made with.
    """
    held: set[int] = _HELD.__dict__.setdefault("weights", set())
    found = {
        id(module.weight): module.weight
        for module in modules
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and module.max_norm is not None and id(module.weight) not in held
    }
    before = {key: weight.detach().clone() for key, weight in found.items()}
    held.update(found)
    try:
        yield
    finally:
        held.difference_update(found)
        with torch.no_grad():
            for key, weight in found.items():
                if not torch.equal(weight, before[key]):
                    # A graph that saved this weight must fail from now on, as it does where the training changes one.
                    weight.copy_(before[key])


def unwrapped(model: nn.Module) -> nn.Module:
    """The module within what `torch.compile` or data parallelism wrapped round it."""
    while True:
        if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            model = model.module
        elif "torch._dynamo" in sys.modules and isinstance(model, torch._dynamo.eval_frame.OptimizedModule):
            model = model._orig_mod
        else:
            return model


class Watch(TorchFunctionMode):
    """Notes what of a model's run has a say in what its derivatives mean."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = False
        #: The precisions that something was computed in.
        self.precisions: set[torch.dtype] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            self.attention = True
        elif func is torch.nn.functional.multi_head_attention_forward and not (kwargs or {}).get("need_weights", True):
            # What it calls is not seen from here. With weights it multiplies matrices.
            self.attention = True
        found = func(*args, **(kwargs or {}))
        # Recurrent layers give several.
        self.precisions |= {one.dtype for one in tensors(found) if one.is_floating_point()}
        return found

    @property
    def coarsest(self) -> torch.dtype | None:
        """The precision with the fewest digits; None before anything was computed."""
        return coarsest(*self.precisions) if self.precisions else None


def coarsest(first: torch.dtype, *others: torch.dtype | None) -> torch.dtype:
    """The one of these, as far as they are known, with the fewest digits."""
    return max((first, *(other for other in others if other is not None)), key=lambda one: torch.finfo(one).eps)


def modes(model: nn.Module) -> list[str]:
    """Sentences on layers that do one thing in training and another in evaluation, as the user has set them."""
    notes = []
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    by_batch = _by_batch(model)
    if by_batch:
        notes.append(
            f"{len(by_batch)} of {len(norms)} BatchNorm layers are in training mode: they normalise by the batch at hand, so "
            "that all numbers depend on how the data are cut into batches, and a sample's gradient is not its own alone; "
            "running statistics are left as they are"
        )
    elif norms:
        notes.append(f"{len(norms)} BatchNorm layers are in evaluation mode: they normalise by their running statistics")
    active = _dropouts(model)
    if active:
        notes.append(
            f"{len(active)} dropout layers are in training mode: each batch has one mask, drawn from `seed`, which is the same "
            "for every number; model.eval() measures the network without"
        )
    hooks = sum(len(hooks) for hooks in _backward_hooks(model))
    if hooks:
        notes.append(
            f"{hooks} backward hooks on parameters or modules are not called: numbers are of the loss itself, not of gradients "
            "that hooks change"
        )
    return notes


def random_state(device: torch.device) -> Tensor:
    """That of PyTorch's generator of this device: the same before and after what draws nothing."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def same_draws(device: torch.device) -> AbstractContextManager[None]:
    """Puts PyTorch's generators of the processor and of this device back, so that what follows draws what was drawn in here."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def drops(model: nn.Module) -> bool:
    """Whether layers of dropout are in training mode."""
    return bool(_dropouts(model))


def tied_to_batch(model: nn.Module) -> bool:
    """Whether a batch's parts would be treated otherwise than the batch: BatchNorm or dropout in training mode."""
    return bool(_by_batch(model) or _dropouts(model))


def _by_batch(model: nn.Module) -> list[nn.Module]:
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    return [module for module in norms if module.training or module.running_mean is None]


def _dropouts(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if module.training and _dropout(module) > 0]


def _dropout(module: nn.Module) -> float:
    """With what probability it drops: recurrent layers do so between layers, and attention drops its weights."""
    if isinstance(module, _DropoutNd):
        return module.p
    if isinstance(module, nn.RNNBase):
        return module.dropout if module.num_layers > 1 else 0.0
    return float(module.dropout) if isinstance(module, nn.MultiheadAttention) else 0.0
