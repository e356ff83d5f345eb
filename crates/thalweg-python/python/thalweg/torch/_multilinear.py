"""Which models are linear in each parameter alone, so that the traces of Hessian and Gauss–Newton matrix are one."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parametrize

#: Linear maps with parameters of their own; what they do is fixed by their class.
_MAPS = (nn.Linear, _ConvNd)
#: Piecewise linear, without parameters.
_PIECEWISE = (
    nn.Identity,
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.Hardtanh,
    nn.Flatten,
    nn.Unflatten,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
    nn.ZeroPad1d,
    nn.ZeroPad2d,
    nn.ZeroPad3d,
)


def linear_in_each_parameter(model: nn.Module) -> bool:
    """Whether f(θ) is surely linear in each θ_i alone, but at kinks: then ∂²f/∂θ_i² = 0, and tr ∇²L = tr G.

    Known for an `nn.Sequential` (of others) of linear maps, convolutions, piecewise linear activations, poolings, dropout, and
    BatchNorm in evaluation mode, each with parameters that occur once. Of any other model it is not known: False.
    """
    layers = list(_layers(model))
    parameters = [id(p) for layer in layers if layer is not None for p in layer.parameters(recurse=False)]
    return None not in layers and len(set(parameters)) == len(parameters)


def _layers(model: nn.Module) -> Iterator[nn.Module | None]:
    """The layers in the order in which they are run; None for what is not known."""
    hooked = model._forward_hooks or model._forward_pre_hooks or parametrize.is_parametrized(model)
    if hooked:
        yield None
    # A class derived from these may do anything.
    elif type(model) is nn.Sequential:
        for layer in model:
            yield from _layers(layer)
    elif type(model) in _PIECEWISE or isinstance(model, _DropoutNd):
        yield model
    elif isinstance(model, _MAPS) and type(model).__module__.startswith("torch.nn.modules."):
        yield model
    elif isinstance(model, _BatchNorm) and type(model).__module__.startswith("torch.nn.modules."):
        # In training the batch's own deviation divides, which depends on all parameters before.
        yield model if not model.training and model.running_mean is not None else None
    else:
        yield None
