"""Networks go from the program to PyTorch and back, and are measured alike on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import thalweg
from thalweg import _core
from thalweg.torch._exact import Exact
from thalweg.torch._exchange import export, import_
from thalweg.torch._objective import Objective

#: One of each family, in the order of their tests.
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "inputs": 3, "hidden": [4], "outputs": 2, "activation": "tanh", "biases": True},
    "relu": {"kind": "mlp", "inputs": 3, "hidden": [5, 4], "outputs": 2},
    "rnn": {"kind": "rnn", "inputs": 2, "hidden": 3, "outputs": 2, "positions": 4, "biases": True},
    "rnn at every position": {
        "kind": "rnn", "inputs": 2, "hidden": 3, "outputs": 2, "positions": 3, "read": "every", "activation": "gelu",
    },
    "transformer": {
        "kind": "transformer", "width": 4, "positions": 3, "heads": 2, "hidden": 5, "blocks": 2, "causal": True,
        "layer_norm": True, "activation": "gelu-tanh", "biases": True,
    },
    "plain transformer": {"kind": "transformer", "width": 4, "positions": 2, "heads": 2, "hidden": 3},
}  # fmt: skip


def experiment(network: dict[str, Any], loss: str = "squared-error") -> dict[str, Any]:
    outputs: int = network["outputs"] if "outputs" in network else network["width"]
    return {
        "name": "small",
        "learning_rate": 0.02 if loss == "squared-error" else 1e-4,
        "batch": 8,
        "steps": 20,
        "seeds": 1,
        "precision": "f64",
        "loss": loss,
        "network": network,
        "data": {"kind": "teacher", "teacher": {"hidden": [8] if network["kind"] == "mlp" else 8, "seed": 1},
                 **({"noise_standard_deviations": [0.5] * outputs} if loss == "squared-error" else {})},
        "measure": {"samples": 40, "count": 2},
    }  # fmt: skip


def sequences(rows: Any, network: dict[str, Any], read: bool) -> Tensor:
    """The program's lines, row · positions + position, as PyTorch has them: (samples, positions, rows)."""
    found = torch.from_numpy(np.array(rows))
    if network["kind"] == "mlp" or (read and network["kind"] == "rnn" and network.get("read") != "every"):
        return found
    rows_last: Tensor = found.reshape(len(found), -1, network["positions"]).transpose(1, 2)
    return rows_last


def squared_error(model: nn.Module, batch: Any) -> Tensor:
    difference: Tensor = model(batch[0]) - batch[1]
    return difference.square().flatten(1).sum(1) / 2


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    terms: Tensor = batch[1] * functional.log_softmax(model(batch[0]), -1)
    return -terms.flatten(1).sum(1)


def trained(tmp_path: Path, given: dict[str, Any]) -> tuple[Path, tuple[Tensor, Tensor]]:
    """The file of a small network, and its evaluation set."""
    thalweg.train(given, out=tmp_path / "run")
    inputs, targets = _core.evaluation_set(given, None, None, None)
    network = given["network"]
    batch = (sequences(inputs, network, False), sequences(targets, network, True))
    return tmp_path / "run/networks/seed-0.safetensors", batch


def close(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    """Every number of a tree, relative to the largest of its list."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            close(found[key], expected[key], tolerance)
    elif isinstance(expected, list) and expected and isinstance(expected[0], float):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(map(abs, expected)))
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            close(one, other, tolerance)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=tolerance, abs=1e-13)
    else:
        assert found == expected


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_statistics_are_the_programs(name: str, loss: str, tmp_path: Path) -> None:
    given = experiment(NETWORKS[name], loss)
    path, batch = trained(tmp_path, given)
    model = import_(path)
    (expected,) = thalweg.measure(path, out=tmp_path / "measured", trace_products=400).networks
    halves = list(zip(*(torch.split(part, 23) for part in batch)))
    exact = Exact(Objective(model, squared_error if loss == "squared-error" else cross_entropy, halves))
    found = _core.fluctuation(exact)
    for key in ("loss", "fluctuation", "covariance_trace", "ratio", "bounds"):
        close(found[key], expected[key])
    assert found["gauss_newton_trace"]["value"] == pytest.approx(expected["gauss_newton_trace"]["value"], rel=1e-9)
    for own, other in zip(found["layers"], expected["layers"], strict=True):
        for key in ("name", "parameters", "fluctuation", "covariance_trace"):
            close(own[key], other[key])
    for key in ("spectrum", "condition", "mismatch", "mismatch_condition"):
        if "condition" not in key or expected["residuals"][key] is None or expected["residuals"][key] < 1e6:
            close(found["residuals"][key], expected["residuals"][key])
    # Lines of several positions are in another order where nothing makes them classes.
    for key in ("outputs",):
        values = [sorted(output["value"] for output in answer[key]) for answer in (found, expected)]
        close(values[0], values[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_exported_is_imported(name: str, tmp_path: Path) -> None:
    given = experiment(NETWORKS[name])
    path, _ = trained(tmp_path, given)
    model = import_(path)
    export(model, tmp_path / "again.safetensors", given)
    again = import_(tmp_path / "again.safetensors", given)
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in model.named_parameters()]
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters()))
    # And the program reads it.
    measured = thalweg.measure(
        tmp_path / "again.safetensors", specification=given, out=tmp_path / "out", trace_products=10, top=1
    )
    assert measured.networks[0]["parameters"] == sum(p.numel() for p in model.parameters())


def test_sizes_may_be_those_of_the_data(tmp_path: Path) -> None:
    given = experiment(NETWORKS["mlp"])
    path, _ = trained(tmp_path, given)
    short = {**given, "network": {key: value for key, value in NETWORKS["mlp"].items() if key != "outputs"}}
    whole = import_(path)
    assert [p.shape for p in import_(path, tmp_path / "run/specification.toml").parameters()] == [
        p.shape for p in whole.parameters()
    ]
    with pytest.raises(ValueError, match="outputs"):
        import_(path, short)


def test_models_of_ones_own(tmp_path: Path) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.RNN(2, 3, batch_first=True), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(self.cell(x)[0][:, -1])
            return found

    path = tmp_path / "own.safetensors"
    recurrent = Recurrent().double()
    export(recurrent, path, {"network": NETWORKS["rnn"]})
    x = torch.randn(5, 4, 2).double()
    assert (import_(path, NETWORKS["rnn"])(x) - recurrent(x)).abs().max() < 1e-14
    perceptron = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    export(perceptron, path, experiment(NETWORKS["mlp"]))
    x = torch.randn(5, 3).double()
    assert (import_(path, NETWORKS["mlp"])(x) - perceptron(x)).abs().max() < 1e-14
    named = {f"layers.{k}.{key}": f"{2 * k - 2}.{key}" for k in (1, 2) for key in ("weight", "bias")}
    export(perceptron, path, NETWORKS["mlp"], names=named)
    assert torch.equal(next(import_(path, NETWORKS["mlp"]).parameters()), perceptron.state_dict()["0.weight"])


def test_tied_layers_are_written_once_for_each_place(tmp_path: Path) -> None:
    layer, other = nn.Linear(3, 3).double(), nn.Linear(3, 3).double()
    other.weight, other.bias = layer.weight, layer.bias
    network = {"kind": "mlp", "inputs": 3, "hidden": [3], "outputs": 3, "activation": "tanh", "biases": True}
    x = torch.randn(5, 3).double()
    for last in (layer, other):
        model = nn.Sequential(layer, nn.Tanh(), last)
        export(model, tmp_path / "tied.safetensors", network)
        found = import_(tmp_path / "tied.safetensors", network)
        assert (found(x) - model(x)).abs().max() < 1e-14
        assert len(list(found.parameters())) == 2 * len(list(model.parameters()))


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    path = tmp_path / "own.safetensors"
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        ((None, path, NETWORKS["mlp"]), {}, "`model` is NoneType"),
        ((model, 5, NETWORKS["mlp"]), {}, "`path` is int"),
        ((model, path, 5), {}, "`specification` is int"),
        ((model, path, NETWORKS["mlp"]), {"names": ["0.weight"]}, "`names` is list"),
        ((model, path, NETWORKS["mlp"]), {"names": {"layers.9.weight": "0.weight"}}, "`names` has layers.9.weight"),
        ((model, path, NETWORKS["mlp"]), {"names": {"layers.1.weight": "9.weight"}}, "`names` gives 9.weight"),
    ]
    for arguments, named, sentence in wrong:
        with pytest.raises(ValueError, match=sentence):
            export(*arguments, **named)
    with pytest.raises(ValueError, match="`path` is int"):
        import_(5)  # type: ignore[arg-type]
    assert not path.exists()


def test_a_directory_is_no_file_of_weights(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file, or a directory"):
        import_(tmp_path)


def test_another_function_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    network = NETWORKS["mlp"]
    for model, sentence in [
        (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), "another function"),
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)), "layers.2.weight has the shape"),
        (nn.Sequential(nn.Linear(3, 4)), "no parameter of `model` was found for layers.2.weight"),
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Flatten(0)), "gives \\(32,\\)"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            export(model, path, network)
        assert not path.exists()
    export(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), path, network)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"hidden": [5]}, "layers.1.weight has the shape"),
        ({"biases": False}, "has a tensor layers.1.bias"),
        ({"hidden": [4, 4]}, "has no tensor layers.3.weight|layers.2.weight has the shape"),
        ({"kind": "cnn"}, "network.kind is 'cnn'"),
        ({"activation": "sine"}, "network.activation is 'sine'"),
        ({"inputs": None}, "network.inputs is None"),
    ]
    for changed, sentence in changes:
        with pytest.raises(ValueError, match=sentence):
            import_(path, {**network, **changed})
    with pytest.raises(ValueError, match="give `specification`"):
        import_(path)
