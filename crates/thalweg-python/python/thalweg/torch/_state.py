"""Keeps a training as it was: random states, buffers, gradients and flags, whatever a measurement does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from ._evaluating import GLOBAL_STATE, kept


@contextmanager
def preserved(model: nn.Module, *, seed: int | None = None) -> Iterator[None]:
    """Put back, at the end and after an exception, all that `model` and the random number generators had before.

    That is: what forward passes change of it, and of other modules that are called in here (:func:`kept`), Python's, numpy's and PyTorch's
    generators (those of CUDA's devices too), which tensors the parameters' ``.grad`` are, ``requires_grad``, and the training flag of every
    module of `model`. Inside, ``.grad`` is None. Values of parameters are not copied, as a measurement only reads them, but for those of
    embeddings with `max_norm`, whose forward pass writes.

    Parameters
    ----------
    model : torch.nn.Module
        What is measured.
    seed : int, optional
        Start PyTorch's generators from it inside, so that dropout in a measurement follows from the settings alone.
    """
    modes = [(module, module.training) for module in model.modules()]
    parameters = [(parameter, parameter.grad, parameter.requires_grad) for parameter in model.parameters()]
    with ExitStack() as stack:
        stack.enter_context(GLOBAL_STATE)
        stack.enter_context(_torch_generators_kept())
        stack.enter_context(kept(model))
        # A loop may run under no_grad or inference_mode; measurements need derivatives.
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if seed is not None:
            torch.manual_seed(seed)
        try:
            for parameter, _, _ in parameters:
                # A backward pass in here would add to the tensors that are there.
                parameter.grad = None
            yield
        finally:
            for module, training in modes:
                module.training = training
            for parameter, gradient, required in parameters:
                parameter.grad = gradient
                parameter.requires_grad_(required)


@contextmanager
def _torch_generators_kept() -> Iterator[None]:
    """Puts back PyTorch's generators of the processor and of every device that is in use."""
    processor = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None
    apple = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        yield
    finally:
        torch.set_rng_state(processor)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if apple is not None:
            torch.mps.set_rng_state(apple)


def _cuda_in_use() -> bool:
    initialized: Callable[[], bool] = torch.cuda.is_initialized
    return torch.cuda.is_available() and initialized()
