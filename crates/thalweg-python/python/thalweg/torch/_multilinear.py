"""Which models are linear in each parameter alone, so that the traces of Hessian and Gauss–Newton matrix are one."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules import module as every_module
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils import parametrize

from ._objective import Objective
from ._products import GaussNewton, Hessian, NotApplicable

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
    BatchNorm in evaluation mode, each with parameters that occur once, if nothing but their classes says what they do and no other
    module or parameter is there for the loss to use. Of any other model it is not known: False.
    """
    if every_module._global_forward_hooks or every_module._global_forward_pre_hooks:
        return False
    layers = list(_layers(model))
    parameters = [id(p) for layer in layers if layer is not None for p in layer.parameters(recurse=False)]
    return None not in layers and sorted(parameters) == sorted({id(p) for p in model.parameters()})


def curves_as_gauss_newton(objective: Objective) -> bool:
    """Whether each parameter tensor's own block of ∇²L is that of G to rounding, as far as a random vector in each tells on part of the data.

    It is so where the model is linear in each parameter alone, and the loss depends on them through its output alone: what the loss does with
    parameters beside (a model's input made of them, a penalty on its derivative) no class of a layer tells.
    """
    term = objective.terms()[0]
    hessian, gauss_newton = Hessian(term), GaussNewton(term)
    generator = torch.Generator().manual_seed(objective.seed)
    near = 10 * torch.finfo(objective.coarsest).eps ** 0.5
    for block, count in enumerate(objective.counts):
        vector = torch.randn(1, count, generator=generator).to(objective.device, objective.dtype)
        here = range(block, block + 1)
        try:
            expected = gauss_newton.apply_within(vector, here)
        except NotApplicable:
            return False
        if not (hessian.apply_within(vector, here) - expected).norm() <= near * expected.norm():
            return False
    return True


def _layers(model: nn.Module) -> Iterator[nn.Module | None]:
    """The layers in the order in which they are run; None for what is not known."""
    hooked = model._forward_hooks or model._forward_pre_hooks or parametrize.is_parametrized(model)
    if hooked or _altered(model):
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


def _altered(module: nn.Module) -> bool:
    """Whether an attribute of this one module stands in the place of a method of its class, or of a parameter, or parameters were added."""
    own = module.__dict__
    methods = any(callable(getattr(type(module), name, None)) for name in own)
    return methods or "weight" in own or "bias" in own or not module._parameters.keys() <= {"weight", "bias"}
