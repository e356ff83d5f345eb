"""Networks from the program to PyTorch and back, as safetensors files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Union

import torch
from torch import Tensor, nn

from .. import _core
from ._evaluating import evaluating, unwrapped
from ._networks import Recurrent, Transformer, network
from ._objective import is_module

#: An experiment as a dictionary or a TOML file.
Specification = Union[Mapping[str, Any], str, "os.PathLike[str]"]

#: Outputs of a model and of what is read from its file again may differ by rounding alone, relative to their size.
SAME = {torch.float64: 1e-12, torch.float32: 1e-4}


def import_(path: str | os.PathLike[str], specification: Specification | None = None) -> nn.Module:
    """A network of the program's as a PyTorch module that computes the same function.

    Parameters
    ----------
    path : path
        A safetensors file, as ``thalweg train`` leaves one for each seed in ``networks/``, or :func:`export`.
    specification : dict or path, optional
        The experiment, as a dictionary or a TOML file; of a file of the program's own it stands in the file.

    Returns
    -------
    torch.nn.Module
        In double precision. A perceptron takes (B, inputs), an RNN (B, positions, inputs), a transformer (B, positions,
        width). Parameters have the names and the order that they have in the file.

    Raises
    ------
    ValueError
        Where the file is none of weights, or its tensors are not those of the specified network.
    """
    safetensors = _safetensors()
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"`path` is {type(path).__name__}: a file's path is needed")
    if not os.path.isfile(path):
        raise ValueError(f"`path` is {os.fspath(path)!r}: no such file, or a directory; a file of weights is needed, such as model.safetensors")
    try:
        with safetensors.safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as error:
        raise ValueError(f"{os.fspath(path)} is not a whole safetensors file: {error}") from error
    if specification is not None:
        table = _table(specification)
    elif "thalweg" in metadata:
        table = _in_file(metadata["thalweg"])
    else:
        raise ValueError(f"{os.fspath(path)} does not say which network it holds: give `specification`")
    made = network(table)
    own = dict(made.named_parameters())
    for name, parameter in own.items():
        if name not in tensors:
            raise ValueError(f"{os.fspath(path)} has no tensor {name}, of shape {tuple(parameter.shape)}")
        if tensors[name].shape != parameter.shape:
            raise ValueError(
                f"{os.fspath(path)}: {name} has the shape {tuple(tensors[name].shape)}: {tuple(parameter.shape)} is needed"
            )
        if not tensors[name].is_floating_point():
            raise ValueError(f"{os.fspath(path)}: {name} is of {tensors[name].dtype}: real floating-point numbers are needed")
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"{os.fspath(path)}: {name} has an entry that is not finite")
        with torch.no_grad():
            parameter.copy_(tensors[name])
    strangers = sorted(set(tensors) - set(own))
    if strangers:
        raise ValueError(f"{os.fspath(path)} has a tensor {strangers[0]}, which is none of the specified network")
    return made


def export(
    model: nn.Module,
    path: str | os.PathLike[str],
    specification: Specification,
    *,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write a PyTorch model as a file that ``thalweg measure FILE --specification SPECIFICATION`` reads.

    What is written is read again, and must give the model's outputs on random inputs. Tied weights are written once for each
    place: the file's network is the same function, but of parameters that are not tied, by which its curvature is.

    Parameters
    ----------
    model : torch.nn.Module
        One of :func:`import_`; or an `nn.Sequential` of `nn.Linear` layers and activations; or a module with one `nn.RNN` and
        one `nn.Linear`; or any whose parameters have the program's names, or `names` of their own.
    path : path
        The safetensors file to write.
    specification : dict or path
        An experiment whose table `network` describes the model.
    names : dict, optional
        The model's name of a parameter, by the program's (``{"layers.1.weight": "first.weight"}``).

    Raises
    ------
    ValueError
        Where a parameter is missing or has another shape, or the specified network is another function than the model.
    RuntimeError
        Where the file cannot be written.
    """
    safetensors = _safetensors()
    is_module(model)
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"`path` is {type(path).__name__}: a file's path is needed")
    if os.path.isdir(path):
        raise ValueError(f"`path` is {os.fspath(path)!r}, a directory: a file's path is needed, such as model.safetensors")
    if names is not None and not isinstance(names, Mapping):
        raise ValueError(f"`names` is {type(names).__name__}: a dictionary with the model's names by the program's is needed")
    model = unwrapped(model)
    made = network(_table(specification))
    given = {name: value.detach() for name, value in model.state_dict().items()}
    known = {} if names is None else dict(names)
    strangers = sorted({str(name) for name in known} - {name for name, _ in made.named_parameters()})
    if strangers:
        raise ValueError(f"`names` has {strangers[0]}, which is no parameter of the specified network")
    for name, own in known.items():
        if own not in given:
            raise ValueError(f"`names` gives {own} for {name}, which `model` does not have")
    found = _matched(model, made, given)
    tensors = {}
    for name, parameter in made.named_parameters():
        source = given.get(known[name]) if name in known else found.get(name)
        if source is None:
            raise ValueError(
                f"no parameter of `model` was found for {name}, of shape {tuple(parameter.shape)}: give its name in `names`"
            )
        if source.shape != parameter.shape:
            raise ValueError(f"{name} has the shape {tuple(source.shape)} in `model`: {tuple(parameter.shape)} is needed")
        if not bool(source.isfinite().all()):
            raise ValueError(f"{name} has an entry that is not finite")
        with torch.no_grad():
            parameter.copy_(source)
        precise = torch.float64 if source.dtype == torch.float64 else torch.float32
        # A file has no tied tensors.
        tensors[name] = source.to("cpu", precise, copy=True).contiguous()
    _same_function(model, made)
    try:
        safetensors.torch.save_file(tensors, os.fspath(path))
    except safetensors.SafetensorError as error:
        raise RuntimeError(f"cannot write {os.fspath(path)}: {error}") from error


def _matched(model: nn.Module, made: nn.Module, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's parameters by the program's names."""
    plain = {name.removeprefix("module.").removeprefix("model."): value for name, value in given.items()}
    wanted = [name for name, _ in made.named_parameters()]
    if all(name in plain for name in wanted):
        return plain
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    places = [module for _, module in model.named_modules(remove_duplicate=False) if isinstance(module, nn.Linear)]
    if len(linears) < len(places) == sum(name.endswith(".weight") for name in wanted):
        # One layer stands at several places.
        linears = places
    if isinstance(made, Recurrent):
        cells = [module for module in model.modules() if isinstance(module, nn.RNN)]
        if len(cells) == 1 and len(linears) == 1:
            return _of_rnn(cells[0], linears[0])
    elif not isinstance(made, Transformer):
        return {
            f"layers.{k}.{key}": value
            for k, linear in enumerate(linears, start=1)
            for key, value in linear.state_dict().items()
        }
    return plain


def _of_rnn(cell: nn.RNN, head: nn.Linear) -> dict[str, Tensor]:
    if cell.num_layers != 1 or cell.bidirectional:
        raise ValueError("`model` has an nn.RNN of several layers or directions: the program's has one of each")
    own = cell.state_dict()
    found = {
        "input.weight": own["weight_ih_l0"],
        "hidden.weight": own["weight_hh_l0"],
        **{f"output.{key}": value for key, value in head.state_dict().items()},
    }
    if cell.bias:
        # It has two, of which only the sum counts.
        found["input.bias"] = own["bias_ih_l0"] + own["bias_hh_l0"]
    return found


def _same_function(model: nn.Module, made: nn.Module) -> None:
    """Refuses a model whose outputs are not those of the network that its parameters were put into."""
    first = next(model.parameters())
    shape: tuple[int, ...]
    if isinstance(made, Recurrent):
        shape = (16, made.positions, made.input.in_features)
    elif isinstance(made, Transformer):
        shape = (16, made.positions, next(p for n, p in made.named_parameters() if n.endswith("query.weight")).shape[1])
    else:
        shape = (16, next(made.parameters()).shape[1])
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        expected = made(inputs)
        with evaluating(model, 0), torch.no_grad():
            found = model(inputs.to(first))
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        shown = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"`model` gives {shown} for inputs of shape {shape}, and the specified network {tuple(expected.shape)}"
        )
    difference = (found.to("cpu", torch.float64) - expected).abs().max().item()
    if not difference <= SAME.get(first.dtype, 5e-2) * expected.abs().max().item():
        raise ValueError(
            f"`model` is another function than the specified network: with the same parameters their outputs differ by "
            f"{difference:.3g} (is the activation the same? is dropout on?{_about_biases(model, made)})"
        )


def _about_biases(model: nn.Module, made: nn.Module) -> str:
    """A question more where the model has biases, which a specified network has only if it says so."""
    own, specified = (any("bias" in name for name, _ in one.named_parameters()) for one in (model, made))
    return " the model has biases: does the specification say `biases = true`?" if own and not specified else ""


def _table(specification: Specification) -> Mapping[str, Any]:
    """The table `network` of an experiment; a dictionary may be that table itself."""
    if not isinstance(specification, (Mapping, str, os.PathLike)):
        raise ValueError(f"`specification` is {type(specification).__name__}: an experiment is needed, as a dictionary or a path")
    if isinstance(specification, Mapping) and "learning_rate" not in specification:
        found = specification.get("network", specification)
    else:
        # The data may say what the network's sizes are.
        found = _core.specification(specification)["network"]
    if not isinstance(found, Mapping):
        raise ValueError(f"the specification's `network` is {found!r}: a table is needed")
    return found


def _in_file(text: str) -> Mapping[str, Any]:
    """The table `network` of the specification that a file of the program's carries."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "specification.toml"
        path.write_text(text, encoding="utf-8")
        found: Mapping[str, Any] = _core.specification(path)["network"]
    return found


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise ImportError('safetensors is needed: pip install "thalweg[torch]"') from error
    return safetensors
