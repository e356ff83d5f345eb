"""Convolutions that are differentiated twice without the slow ways of PyTorch's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.overrides import TorchFunctionMode

#: The functions that layers call.
CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)

#: Stride, padding and dilation along each axis; groups.
How = tuple[list[int], list[int], list[int], int]


class Convolutions(TorchFunctionMode):
    """Has convolutions computed by :class:`Convolution`, in what is run in here, where it can take their place.

    PyTorch's own have a second derivative whose part for the weights is a convolution with a kernel as large as the image: it takes three
    times as long as the convolution's backward pass, which gives the same.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in CONVOLUTIONS:
            arguments = _arguments(*args, **(kwargs or {}))
            if arguments is not None:
                return Convolution.apply(*arguments)
        return func(*args, **(kwargs or {}))


def _arguments(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> tuple[Tensor, Tensor, Tensor | None, How] | None:
    """Those of :class:`Convolution`; None where PyTorch's own is to be left."""
    axes = weight.dim() - 2
    # Autocast would convert the numbers on the way, and forward derivatives are not taken here.
    if torch.is_autocast_enabled(weight.device.type) or getattr(forward_ad, "_current_level", -1) >= 0:
        return None
    if isinstance(padding, str) or input.dim() != weight.dim():
        return None
    each = [[value] * axes if isinstance(value, int) else list(value) for value in (stride, padding, dilation)]
    # One number in a list stands for all axes.
    steps, edges, gaps = (value * axes if len(value) == 1 else value for value in each)
    return input, weight, bias, (steps, edges, gaps, groups)


class Convolution(Function):
    """y = w ∗ x + b."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, w: Tensor, b: Tensor | None, how: How) -> Tensor:
        return _along(x, w, b, how)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        x, w, _, ctx.how = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, u: Tensor) -> Any:
        x, w = ctx.saved_tensors
        of_x, of_w, of_b, _ = ctx.needs_input_grad
        along_x, along_w = Pulled.apply(u, x, w, ctx.how, of_x, of_w) if of_x or of_w else (None, None)
        return along_x, along_w, u.sum((0, *range(2, u.dim()))) if of_b else None, None


class Pulled(Function):
    """The convolution's backward pass: P = ∂⟨u, w ∗ x⟩/∂x and Q = ∂⟨u, w ∗ x⟩/∂w.

    With ⟨u, w ∗ x⟩ being linear in each of u, w and x, directions p and q of P and Q pull back to w ∗ p + q ∗ x for u, to
    ∂⟨u, q ∗ x⟩/∂x for x, and to ∂⟨u, w ∗ p⟩/∂w for w.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(u: Tensor, x: Tensor, w: Tensor, how: How, of_x: bool, of_w: bool) -> Any:
        return _back(u, x, w, how, of_x, of_w)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        u, x, w, ctx.how, _, _ = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(u, x, w)

    @staticmethod
    def backward(ctx: Any, p: Tensor | None, q: Tensor | None) -> Any:
        u, x, w = ctx.saved_tensors
        how = ctx.how
        of_u, of_x, of_w = ctx.needs_input_grad[:3]
        along_u = along_x = along_w = None
        if of_u and p is not None:
            along_u = _along(p, w, None, how)
        if of_u and q is not None:
            other = _along(x, q, None, how)
            along_u = other if along_u is None else along_u + other
        if of_x and q is not None:
            along_x, _ = _back(u, x, q, how, True, False)
        if of_w and p is not None:
            _, along_w = _back(u, p, w, how, False, True)
        return along_u, along_x, along_w, None, None, None


def _along(x: Tensor, w: Tensor, b: Tensor | None, how: How) -> Tensor:
    stride, padding, dilation, groups = how
    return torch.convolution(x, w, b, stride, padding, dilation, False, [0] * len(stride), groups)


def _back(u: Tensor, x: Tensor, w: Tensor, how: How, of_x: bool, of_w: bool) -> tuple[Tensor | None, Tensor | None]:
    stride, padding, dilation, groups = how
    ahead = [0] * len(stride)
    along_x, along_w, _ = torch.ops.aten.convolution_backward(
        u, x, w, None, stride, padding, dilation, False, ahead, groups, [of_x, of_w, False]
    )
    return along_x, along_w
