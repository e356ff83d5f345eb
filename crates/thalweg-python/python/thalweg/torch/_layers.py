"""What each kind of layer's parameters get from one sample: factors from a layer's input and its output's derivative."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap
from torch.nn import functional

from ._factors import Direct, Factor, Outer

#: From a module, its input, the derivative by its output and the number of samples: the factors of its own parameters.
Rule = Callable[[Any, Tensor, Tensor, int], dict[str, Factor]]


def rule(module: nn.Module) -> Rule | None:
    """How `module`'s own parameters get their factors; None for a layer that is not known."""
    for kind, found in RULES:
        # One that inherits and computes something else is another layer.
        if isinstance(module, kind) and type(module).forward is kind.forward:
            return found
    # Not imported: the class is there only where its library is.
    if type(module).__name__ == "Conv1D" and type(module).__module__ == "transformers.pytorch_utils":
        return _transposed_linear
    return None


def _linear(module: nn.Linear, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    left = derivative.reshape(samples, 1, -1, module.out_features)
    right = entered.reshape(samples, 1, -1, module.in_features)
    return {
        "weight": Outer(left, right, (1, module.out_features, module.in_features)),
        "bias": Direct(left.sum((1, 2))),
    }


def _transposed_linear(module: Any, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    inputs, outputs = module.weight.shape
    left = entered.reshape(samples, 1, -1, inputs)
    right = derivative.reshape(samples, 1, -1, outputs)
    return {"weight": Outer(left, right, (1, inputs, outputs)), "bias": Direct(right.sum((1, 2)))}


def _embedding(module: nn.Embedding, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    index = entered.reshape(samples, 1, -1)
    right = derivative.reshape(samples, 1, -1, module.embedding_dim)
    if module.padding_idx is not None:
        right = right * (index != module.padding_idx).unsqueeze(-1)
    return {"weight": Outer(index, right, (1, module.num_embeddings, module.embedding_dim))}


def _convolution(module: nn.Conv2d | nn.Conv1d, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    line = isinstance(module, nn.Conv1d)

    def both(sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (1, *sizes) if line else sizes

    kernel, stride, dilation = both(module.kernel_size), both(module.stride), both(module.dilation)
    # What torch itself pads with: last dimension first, before and after.
    padding = list(module._reversed_padding_repeated_twice)
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    if any(padding):
        entered = functional.pad(entered, padding, mode=mode)
    if line:
        entered, derivative = entered.unsqueeze(2), derivative.unsqueeze(2)
    groups, outputs = module.groups, module.out_channels // module.groups
    patches = functional.unfold(entered, kernel, dilation=dilation, stride=stride)
    size = patches.shape[1] // groups
    # Images (all of a sample's, where it has several), groups, positions, entries.
    right = patches.reshape(samples, -1, groups, size, patches.shape[-1]).transpose(-1, -2)
    left = derivative.reshape(samples, -1, groups, outputs, patches.shape[-1]).transpose(-1, -2)
    left, right = (part.transpose(1, 2).flatten(2, 3) for part in (left, right))
    return {
        "weight": Outer(left, right, (groups, outputs, size)),
        "bias": Direct(left.sum(2).flatten(1)),
    }


def _affine(normal: Tensor, derivative: Tensor, samples: int, *, channels: bool, numbers: int) -> dict[str, Factor]:
    """Of weight ⊙ normal + bias, along the channels (dimension 1) or the last dimensions."""

    def summed(tensor: Tensor) -> Tensor:
        if channels:
            tensor = tensor.reshape(len(tensor), numbers, -1).sum(2)
        return tensor.reshape(samples, -1, numbers).sum(1)

    return {"weight": Direct(summed(normal * derivative)), "bias": Direct(summed(derivative))}


def _layer_norm(module: nn.LayerNorm, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    shape = list(module.normalized_shape)
    normal = functional.layer_norm(entered, shape, eps=module.eps)
    return _affine(normal, derivative, samples, channels=False, numbers=module.weight.numel())


def _rms_norm(module: nn.RMSNorm, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    normal = functional.rms_norm(entered, list(module.normalized_shape), eps=module.eps)
    return _affine(normal, derivative, samples, channels=False, numbers=module.weight.numel())


def _group_norm(module: nn.GroupNorm, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    normal = functional.group_norm(entered, module.num_groups, eps=module.eps)
    return _affine(normal, derivative, samples, channels=True, numbers=module.num_channels)


def _batch_norm(module: Any, entered: Tensor, derivative: Tensor, samples: int) -> dict[str, Factor]:
    if module.training or module.running_mean is None:
        raise ValueError("it normalises with the batch's own mean and variance, so that a sample has no gradient of its own")
    normal = functional.batch_norm(entered, module.running_mean, module.running_var, eps=module.eps)
    return _affine(normal, derivative, samples, channels=True, numbers=module.num_features)


def alone(
    module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], derivative: Tensor, samples: int
) -> dict[str, Factor]:
    """By `vmap` over this module only: all its parameters, those of the modules in it too, under their dotted names."""
    if len(derivative) != samples:
        raise ValueError("the first dimension of its output is not the samples'")
    parameters = {name: value.detach() for name, value in module.named_parameters() if value.requires_grad}
    flat = [*arguments, *named.values()]
    apart = [isinstance(value, Tensor) and value.dim() > 0 and len(value) == samples for value in flat]
    tensors = [value.detach() for value, own in zip(flat, apart) if own]

    def one(own: list[Tensor], cotangent: Tensor) -> dict[str, Tensor]:
        given = iter(own)
        values = [next(given).unsqueeze(0) if is_own else value for value, is_own in zip(flat, apart)]
        positional = tuple(values[: len(arguments)])
        if isinstance(module, nn.RNNBase) and len(flat) == 1:
            positional = (*positional, _start(module, values[0]))
        keywords = dict(zip(named, values[len(arguments) :]))

        def output(values: dict[str, Tensor]) -> Tensor:
            return first(functional_call(module, values, positional, keywords))

        back = vjp(output, parameters)[1]
        found: dict[str, Tensor] = back(cotangent.unsqueeze(0))[0]
        return found

    with torch.enable_grad(), quiet():
        found = vmap(one, randomness="error")(tensors, derivative)
    return {name: Direct(value.detach().reshape(samples, -1)) for name, value in found.items()}


def _start(module: nn.RNNBase, entered: Tensor) -> Any:
    """The zeros that a recurrent layer starts from, as a sample's own: it writes into them, which `vmap` wants to be so."""
    count = module.num_layers * (2 if module.bidirectional else 1)
    none = 0.0 * entered.detach().sum()
    hidden = none + entered.new_zeros(count, 1, module.proj_size or module.hidden_size)
    if not isinstance(module, nn.LSTM):
        return hidden
    return hidden, none + entered.new_zeros(count, 1, module.hidden_size)


@contextmanager
def quiet() -> Iterator[None]:
    """Without `vmap`'s warning that an operation is slow: the user cannot help it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
        yield


def first(output: Any) -> Tensor:
    """The output, or the first of several."""
    found = output[0] if isinstance(output, (tuple, list)) else output
    if not isinstance(found, Tensor):
        raise ValueError(f"its output is {type(found).__name__}, not a tensor")
    return found


RULES: tuple[tuple[type[nn.Module], Rule], ...] = (
    (nn.Linear, _linear),
    (nn.Conv1d, _convolution),
    (nn.Conv2d, _convolution),
    (nn.Embedding, _embedding),
    (nn.LayerNorm, _layer_norm),
    (nn.RMSNorm, _rms_norm),
    (nn.GroupNorm, _group_norm),
    (nn.BatchNorm1d, _batch_norm),
    (nn.BatchNorm2d, _batch_norm),
    (nn.BatchNorm3d, _batch_norm),
)
