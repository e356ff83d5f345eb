"""A model's Hessian and Gauss–Newton matrix, for those who want eigenvalues or traces of them alone."""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from .._arguments import is_whole
from .._curvature import trace
from .._estimate import Estimate
from ._evaluating import rows_kept, unhooked
from ._exact import Unfit, gauss_newton_trace
from ._multilinear import curves_as_gauss_newton, linear_in_each_parameter
from ._objective import Loss, Objective
from ._products import GaussNewton, Hessian


def hessian(model: nn.Module, loss: Loss, data: Any, *, memory: int | None = None, seed: int = 0) -> Hessian:
    """The Hessian ∇²L of a model's mean loss at its present parameters, by exact products with vectors.

    It goes where an operator goes: ``thalweg.eigenpairs(thalweg.torch.hessian(model, loss, data), k=5)``. A
    product is taken of the model as it is then: whatever changed its parameters, buffers or modes in between, their numbers are
    compared before each. Backward hooks on parameters and modules are not called.

    Parameters
    ----------
    model, loss, data, seed
        As for :func:`thalweg.torch.measure`.
    memory : int, optional
        Bytes that the graphs of first derivatives may take, which are kept from one product to the next: half of what is free
        by default. With 0 none is kept, and each product takes about half as long again.

    Returns
    -------
    Hessian
        With ``shape`` (n, n), ``dtype``, ``device``; ``H @ v`` for v (n,) or (n, k), ``H(v)``, and ``H.apply_block(rows)`` for
        vectors as rows (k, n). Vectors hold the trainable parameters, each once, in the order of
        ``model.named_parameters()``; in single precision at least.

    Examples
    --------
    The loss ½ (w₁² + 4 w₂²) has the Hessian diag(1, 4):

    >>> import torch
    >>> import thalweg
    >>> model = torch.nn.Linear(2, 1, bias=False).double()
    >>> data = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).double()
    >>> found = hessian(model, lambda model, x: model(x).square().sum(1), data)
    >>> [round(pair.value, 9) for pair in thalweg.eigenpairs(found, k=2).values]
    [4.0, 1.0]
    """
    return Hessian(Objective(model, loss, data, seed), _bytes(memory))


def gauss_newton(model: nn.Module, loss: Loss, data: Any, *, memory: int | None = None, seed: int = 0) -> GaussNewton:
    """The Gauss–Newton matrix (1/N) Σ JᵀΛJ of a model's mean loss, as :func:`hessian` gives the Hessian.

    Λ is the loss's own second derivative in the model's output: for cross-entropy it is the Fisher matrix.

    Raises
    ------
    ValueError
        From the first product, where the loss calls the model more than once, uses parameters itself, or is linear in the
        model's output.
    """
    return GaussNewton(Objective(model, loss, data, seed), _bytes(memory))


def sharpness(model: nn.Module, loss: Loss, data: Any, *, products: int = 200, seed: int = 0) -> Estimate:
    """The sharpness tr ∇²L of a model, in loss/weight², the cheapest way at hand.

    Exactly, by a backward pass for each output, where the model is surely linear in each parameter alone (an `nn.Sequential` of
    linear maps, convolutions and piecewise linear layers, with at most 128 outputs) and products of the Hessian on part of the data agree:
    there it is tr G. Else by XTrace, with its
    standard error, or exactly where parameters are no more than `products`.

    Parameters
    ----------
    model, loss, data, seed
        As for :func:`thalweg.torch.measure`.
    products : int
        Hessian products, where it can only be estimated.

    Warns
    -----
    RuntimeWarning
        Where `loss` gives the sum over a batch's samples, and not their mean.
    """
    if not is_whole(products) or products < 4:
        raise ValueError(f"`products` is {products!r}: a whole number of at least 4 is needed")
    objective = Objective(model, loss, data, seed)
    if objective.summed:
        warnings.warn(f"thalweg: {objective.summed}", RuntimeWarning, stacklevel=2)
    if linear_in_each_parameter(objective.model):
        try:
            with unhooked(objective.model), rows_kept(objective.model.modules()):
                if curves_as_gauss_newton(objective):
                    value, passes = gauss_newton_trace(objective)
                    return Estimate(value, 0.0, "rounding", passes, True)
        except Unfit:
            pass
    return trace(Hessian(objective), products=products, seed=seed)


def _bytes(memory: int | None) -> int | None:
    if memory is not None and (not is_whole(memory) or memory < 0):
        raise ValueError(f"`memory` is {memory!r}: a number of bytes is needed")
    return memory
