"""Everything that is to be known of a model of one's own at its point."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import _core
from .._arguments import is_whole
from .._curvature import Density, Eigenpairs, density, eigenpairs, trace
from .._estimate import Estimate
from .._measure import Measured
from .._operator import space
from .._progress import Progress, told
from ._cut import Cut, Inseparable
from ._evaluating import rows_kept, unhooked
from ._exact import Exact, Unfit
from ._groups import between_batches
from ._many import Sampled
from ._multilinear import curves_as_gauss_newton, linear_in_each_parameter
from ._objective import Loss, Objective
from ._parts import LayerHessian
from ._products import GaussNewton, GradientCovariance, Hessian, NotApplicable
from ._said import said

#: Stages besides the layers.
STAGES = 6


def measure(
    model: nn.Module,
    loss: Loss,
    data: Any,
    *,
    top: int = 5,
    trace_products: int = 200,
    layer_products: int | None = None,
    density_probes: int = 8,
    density_steps: int = 80,
    draws: int = 8,
    out: str | os.PathLike[str] | None = None,
    name: str = "model",
    seed: int = 0,
    progress: Progress = None,
) -> Measured:
    """Measure a model: curvature, fluctuation, and how they belong together.

    At the model's present parameters, on all of `data`: loss, traces of Hessian and Gauss–Newton matrix, eigenvalues at both
    ends, spectral density, layers, fluctuation E‖∇ℓ‖² and gradient covariance, residuals and their mismatch with the output
    curvature, Theorem 2's bounds, alignment; each estimate with its error. The fields are those of :func:`thalweg.measure`.

    Moments of the samples are those of the set that is given: ``covariance_trace`` divides by its N samples, as the program
    does (:class:`Probe` estimates the distribution's from a batch, and divides by N − 1).

    The model, its buffers, ``.grad`` and the random states are left as they are, a DataLoader's own generator too, and those that are attributes of a
    module of the model; so are buffers and attributes of other modules that `loss` calls. A generator that `loss` keeps elsewhere is not put back: where it gives other numbers each time, ``notes`` says so. Backward
    hooks on parameters and modules are not called. Several threads may measure at once; a thread that draws PyTorch's random numbers
    meanwhile, as a training with dropout does, disturbs those of a measurement, and its own are then not those of its seed. Products with the Hessian are exact
    (differentiating twice), in the precision of the parameters; ``model.double()`` gives more digits.

    Parameters
    ----------
    model : torch.nn.Module
        Measured in the mode that it is in: dropout and BatchNorm as training or evaluation mode has them, which is noted.
        Parameters with ``requires_grad=False`` are left out, tied ones count once.
    loss : callable
        ``loss(model, batch)`` gives the vector of the samples' losses, (B,), which is best, or a scalar, their mean (of shape
        () or, for several samples, (1,)). What
        the vector has an entry for is a *sample*: of a language model, sequences, if the vector has an entry for each.
    data : iterable of batches, or one batch
        A DataLoader, a list, a generator; it is read once. A tensor, a tuple, a dictionary, or a list of tensors is one batch.
        Batches may differ in size: each counts by its samples.
    top : int
        How many eigenvalues at each end of the spectrum.
    trace_products : int
        Hessian products for the trace where it can only be estimated.
    layer_products : int, optional
        The same for each layer's; by default as many as make all layers cost what the whole does, and at least 10.
    density_probes, density_steps : int
        Random vectors for the spectral density, and Lanczos steps for each.
    draws : int
        How often labels are drawn for tr G where outputs are too many to be looked at one by one (more than 128 of a sample).
    out : path, optional
        A directory for the result, which ``thalweg report`` shows.
    name : str
        What the model is called in it: with `out` the name of a file, without a folder.
    seed : int
        Of everything that is random, dropout's masks included: 0 or more.
    progress : callable or bool, optional
        Called with the parts that are done and all of them; True is a bar of tqdm's.

    Returns
    -------
    Measured
        With one network. ``notes`` says what a reader must know of how it was measured, and why a field is None: tr G,
        residuals and bounds need a loss that depends on the parameters through the model's output, sample by sample.
        Where `loss` gives a scalar that is not the mean of what it gives for single samples, as with BatchNorm or dropout in
        training mode, fluctuation and tr Cov are those of whole batches (their scatter times their size), of which there must
        be two, and three for an error; the covariance's eigenvalues, residuals, bounds and alignment are not there.

    Raises
    ------
    ValueError
        Where an argument is not in its range, nothing can be written to `out`, or `loss` gives what it should not.

    Examples
    --------
    >>> import torch
    >>> from torch.nn import functional
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).double()
    >>> def loss(model, batch):
    ...     inputs, labels = batch
    ...     return functional.cross_entropy(model(inputs), labels, reduction="none")
    >>> data = (torch.randn(50, 4).double(), torch.randint(3, (50,)))
    >>> network = measure(model, loss, data, top=2).networks[0]
    >>> network["parameters"], network["samples"], len(network["top"])
    (67, 50, 2)
    >>> network["sharpness_method"]
    'exact: the trace of the Gauss–Newton matrix, the network being linear in each parameter alone'
    >>> low, high = network["fluctuation"]["interval"]
    >>> low < network["fluctuation"]["value"] < high
    True
    """
    _at_least("top", top, 1)
    _at_least("trace_products", trace_products, 4)
    _at_least("density_probes", density_probes, 2)
    _at_least("density_steps", density_steps, 2)
    _at_least("draws", draws, 2)
    if layer_products is not None:
        _at_least("layer_products", layer_products, 4)
    if out is not None and not isinstance(out, (str, os.PathLike)):
        raise ValueError(f"`out` is {type(out).__name__}: a directory's path is needed")
    if not isinstance(name, str) or not name:
        raise ValueError(f"`name` is {name!r}: a text is needed")
    if out is not None:
        _writable(out, name)
    objective = Objective(model, loss, data, seed)
    count = objective.count
    top = min(top, count)
    if layer_products is None:
        layer_products = max(10, trace_products // len(objective.layers))
    with unhooked(objective.model), rows_kept(objective.model.modules()), _twice(), told(progress, "part") as tell:
        stages = _Stages(tell, STAGES + len(objective.layers))
        try:
            sampled, exact, ways, notes = _fluctuation(objective, draws, seed)
            single = True
        except Inseparable as inseparable:
            sampled, notes = between_batches(objective)
            exact, ways, single = False, {}, False
            notes.insert(0, f"single samples have no gradients here: {inseparable}")
        stages.done()
        hessian = Hessian(objective)
        notes += _asymmetry(hessian, seed)
        like = objective.parameters[0].detach().reshape(-1)[:0].to(objective.dtype)
        given: dict[str, Any] = {"seed": seed, "like": like}
        linear = exact and linear_in_each_parameter(objective.model)
        if linear and not curves_as_gauss_newton(objective):
            linear = False
            notes.append(
                "the sharpness is not taken from tr G, though the network is linear in each parameter alone: on part of the data a parameter "
                "tensor's own block of the Hessian is not that of the Gauss–Newton matrix, as where `loss` makes the model's input of parameters"
            )
        gauss_newton_trace = _gauss_newton_trace(objective, sampled, exact, trace_products, given, notes)
        if linear:
            sharpness = gauss_newton_trace
            method = "exact: the trace of the Gauss–Newton matrix, the network being linear in each parameter alone"
        else:
            estimate = trace(hessian, count, products=trace_products, **given)
            sharpness = estimate.to_dict()
            exactly = sharpness["kind"] == "rounding"
            method = "exact: the Hessian's diagonal" if exactly else f"XTrace by {trace_products} products"
        stages.done()
        bottom = eigenpairs(hessian, count, top, end="bottom", **given)
        stages.done()
        # One more than are shown: it tells whether the subspace ends there.
        more = min(top + 1, count)
        hessian_pairs = eigenpairs(hessian, count, more, **given)
        stages.done()
        spectrum = density(hessian, count, probes=density_probes, steps=density_steps, **given)
        stages.done()
        layers = []
        for layer, moments in zip(objective.layers, sampled["layers"]):
            block = LayerHessian(hessian, layer)
            size = block.shape[0]
            if linear:
                own = _rounding(moments["gauss_newton_trace"]["value"], 0)
            else:
                own = trace(block, size, products=layer_products, **given).to_dict()
            largest = eigenpairs(block, size, 1, **given)
            layers.append(
                {
                    "name": layer.name,
                    "parameters": size,
                    "sharpness": own,
                    "lambda_max": largest.values[0].to_dict(),
                    "fluctuation": moments["fluctuation"],
                    "covariance_trace": moments["covariance_trace"],
                }
            )
            stages.done()
        hessian.release()
        covariance_values, alignment = [], None
        if single:
            covariance = GradientCovariance(objective, lambda index: _outputs(objective, index))
            covariance_pairs = eigenpairs(covariance, count, more, **given)
            covariance_values = [value.to_dict() for value in covariance_pairs.values[:top]]
            alignment = _core.alignment(_pairs(hessian_pairs), _pairs(covariance_pairs), top)
        stages.done()
    estimated = any(layer["sharpness"]["kind"] == "standard-error" for layer in layers)
    if estimated and layer_products != trace_products:
        notes.append(f"layers' traces that are estimates are by {layer_products} products each")
    if "one sample at a time" in ways:
        notes.append(f"gradients of single samples are taken one sample at a time: {ways['one sample at a time']}")
    found = {
        "name": name,
        "network": f"{type(objective.model).__name__}, {count} parameters in {len(layers)} layers",
        "data": f"{objective.samples} samples in {objective.given_batches} batches",
        "loss_convention": f"the mean of {getattr(loss, '__name__', type(loss).__name__)} over samples",
        "seed": None,
        "step": None,
        "parameters": count,
        "samples": objective.samples,
        "changed_data": None,
        "loss": sampled["loss"],
        "sharpness": sharpness,
        "sharpness_method": method,
        "gauss_newton_trace": gauss_newton_trace,
        "top": [value.to_dict() for value in hessian_pairs.values[:top]],
        "bottom": [value.to_dict() for value in bottom.values],
        "density": _density(spectrum),
        "fluctuation": sampled["fluctuation"],
        "covariance_trace": sampled["covariance_trace"],
        "ratio": sampled["ratio"],
        "layers": layers,
        "outputs": sampled["outputs"],
        "residuals": sampled["residuals"],
        "bounds": sampled["bounds"],
        "conditional": None,
        "gradient_covariance": covariance_values,
        "alignment": alignment,
        "notes": [*objective.notes, *notes],
        "program": f"thalweg {_core.__version__}",
    }
    if out is not None:
        _core.write_measurement(found, out)
    return Measured({"networks": [found]})


@contextmanager
def _twice() -> Iterator[None]:
    """Says what is wrong where a loss cannot be differentiated twice, which all curvature needs."""
    try:
        yield
    except RuntimeError as error:
        if not ("derivative for" in str(error) and "not implemented" in str(error)):
            raise
        raise ValueError(
            f"`loss` or `model` computes something that cannot be differentiated twice, as curvature needs it ({said(error)}): "
            "`thalweg.torch.Probe` measures the fluctuation, which does not"
        ) from error


class _Stages:
    """Tells how far the work is."""

    def __init__(self, tell: Any, total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0

    def done(self) -> None:
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total)


def _fluctuation(
    objective: Objective, draws: int, seed: int
) -> tuple[dict[str, Any], bool, dict[str, str | None], list[str]]:
    """What the samples' gradients and residuals tell; whether output line by output line; how; and notes."""
    try:
        exact = Exact(objective)
    except Unfit as unfit:
        some = Sampled(objective, draws, seed)
        answer = some.answer()
        reason = str(unfit)
        told_already = any(reason in note for note in some.notes)
        return answer, False, some.ways, some.notes if told_already else [reason, *some.notes]
    return _core.fluctuation(exact), True, exact.ways, exact.notes


def _gauss_newton_trace(
    objective: Objective, sampled: dict[str, Any], exact: bool, products: int, given: dict[str, Any], notes: list[str]
) -> dict[str, Any] | None:
    mean = sampled["gauss_newton_trace"]
    if exact:
        return _rounding(mean["value"], len(sampled["outputs"]))
    if mean is not None:
        found: dict[str, Any] = mean
        return found
    try:
        estimate = trace(GaussNewton(objective), objective.count, products=products, **given)
    except NotApplicable as error:
        said_already = any(str(error) in note for note in notes)
        notes.append("tr G is not given, for the same reason" if said_already else f"tr G is not given: {error}")
        return None
    notes.append(f"tr G is by XTrace with {products} products of the Gauss–Newton matrix")
    known: dict[str, Any] = estimate.to_dict()
    return known


def _asymmetry(hessian: Hessian, seed: int) -> list[str]:
    """A sentence, where four products tell that the second derivative is none, by a hundredth of it: a sure network's is rounded by less."""
    objective = hessian.objective
    epsilon = max(1e-4, *(torch.finfo(dtype).eps for dtype in (objective.dtype, objective.coarsest)))
    try:
        _core.check_symmetry(space(hessian, None, None, seed), epsilon, seed)
    except ValueError as error:
        return [
            f"the Hessian's products are those of no symmetric matrix ({said(error)}): a gradient that the model or `loss` computes by a rule of "
            "its own (scale_grad_by_freq, an autograd.Function) is not that of the loss or has no derivative, or the loss curves by less than "
            "its numbers are rounded by, as where a network is sure of its classes (model.double() tells); sharpness, eigenvalues and "
            "density are then those of no Hessian"
        ]
    return []


def _outputs(objective: Objective, index: int) -> tuple[list[Any], list[Any]]:
    cut = Cut(objective, index, verify=False)
    return cut.outputs, cut.residuals


def _rounding(value: float, products: int) -> dict[str, Any]:
    return Estimate(value, 0.0, "rounding", products, True).to_dict()


def _pairs(pairs: Eigenpairs) -> tuple[list[float], list[float], list[bool], Any]:
    values = pairs.values
    vectors = np.asarray(pairs.vectors.double().cpu())
    return [e.value for e in values], [e.error for e in values], [e.converged for e in values], vectors


def _density(spectrum: Density) -> dict[str, Any]:
    points, values, errors = spectrum.curve()
    return {
        "width": spectrum.drawn_width,
        "curve": [list(point) for point in zip(points.tolist(), values.tolist(), errors.tolist())],
        "mean": spectrum.moment(1).to_dict(),
    }


def _writable(out: str | os.PathLike[str], name: str) -> None:
    """Refuses, before the work, a result that could not be written after it."""
    if name.startswith(".") or any(letter in name for letter in "/\\\0"):
        raise ValueError(
            f"`name` is {name!r}: with `out` it is the name of a file, which has no '/' or '\\' in it and does not begin with a dot"
        )
    try:
        os.makedirs(out, exist_ok=True)
        # A file with a name, which may be too long.
        with tempfile.NamedTemporaryFile(dir=out, prefix=name, suffix=".json"):
            pass
    except OSError as error:
        reason = "it is a file" if os.path.isfile(out) else error.strerror or str(error)
        raise ValueError(
            f"`out` is {os.fspath(out)!r}, where nothing can be written ({reason}): give a directory, which is made if need be"
        ) from error


def _at_least(argument: str, found: int, least: int) -> None:
    if not is_whole(found) or found < least:
        raise ValueError(f"`{argument}` is {found!r}: a whole number of at least {least} is needed")
