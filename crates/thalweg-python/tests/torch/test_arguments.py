"""Vectors, seeds, sets and files that cannot be right are told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

import thalweg
from thalweg.torch import Probe, export, gauss_newton, hessian, import_, measure

NETWORK: dict[str, Any] = {"kind": "mlp", "inputs": 3, "hidden": [4], "outputs": 2, "activation": "tanh", "biases": True}


def loss(model: nn.Module, batch: Any) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def network(*, bias: bool = True) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 4, bias=bias), nn.Tanh(), nn.Linear(4, 2, bias=bias)).double()


def data(samples: int = 12) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(samples, 3, generator=generator).double(), torch.randint(2, (samples,), generator=generator)


@pytest.mark.parametrize("make", [hessian, gauss_newton])
def test_vectors_are_real_tensors(make: Any) -> None:
    operator = make(network(), loss, data())
    n = operator.shape[0]
    for call in (operator, operator.__matmul__, operator.apply_block):
        for wrong in (np.ones(n), [1.0] * n, None):
            with pytest.raises(ValueError, match="not on (ndarray|list|NoneType): torch.as_tensor"):
                call(wrong)
        with pytest.raises(ValueError, match="the vectors are torch.complex128: real ones are needed"):
            call(torch.ones(n, dtype=torch.complex128))


@pytest.mark.parametrize(
    ("warm", "sentence"),
    [
        ("a", "warm is a str, of which no tensor can be made"),
        ([[1.0, 2.0], [3.0]], "warm is a list, of which no tensor can be made"),
        (torch.ones(26, dtype=torch.complex128), "warm has complex numbers"),
    ],
)
def test_a_warm_start_is_of_real_numbers(warm: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        thalweg.eigenpairs(hessian(network(), loss, data()), warm=warm)


def test_an_empty_batch_of_a_set_is_told() -> None:
    x, y = data()
    with pytest.raises(ValueError, match="`sharpness_set`: batch 1 has no samples"):
        Probe(network(), loss=loss, sharpness_set=[(x, y), (x[:0], y[:0])])


def test_the_largest_seed_lasts() -> None:
    """Later measurements have seeds of their own, which the largest would have run out of."""
    model = network()
    with Probe(model, loss=loss, sharpness_set=data(), seed=2**63 - 1, overhead=100) as probe:
        for _ in range(4):
            loss(model, data()).mean().backward()
            probe.step(data())
    assert not probe.notes
    assert {row.step for row in probe.rows if row.quantity == "sharpness"} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tensor: tensor.long(), "layers.1.weight is of torch.int64"),
        (lambda tensor: tensor * float("nan"), "layers.1.weight has an entry that is not finite"),
    ],
)
def test_files_hold_finite_real_numbers(change: Any, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    export(network(), path, NETWORK)
    tensors = load_file(path)
    save_file({**tensors, "layers.1.weight": change(tensors["layers.1.weight"])}, path)
    with pytest.raises(ValueError, match=sentence):
        import_(path, NETWORK)


def test_files_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    export(network(), path, NETWORK)
    whole = path.read_bytes()
    for content in (whole[:-8], b"junk"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="net.safetensors is not a whole safetensors file"):
            import_(path, NETWORK)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a directory: a file's path is needed"):
        export(network(), tmp_path, NETWORK)
    with pytest.raises(RuntimeError, match="cannot write .*nowhere"):
        export(network(), tmp_path / "nowhere" / "net.safetensors", NETWORK)


@pytest.mark.parametrize(
    ("out", "name", "sentence"),
    [
        ("new", "facebook/opt", "`name` is 'facebook/opt': with `out` it is the name of a file"),
        ("new", ".hidden", "`name` is '.hidden'"),
        ("new", "long" * 100, "where nothing can be written"),
        ("file", "model", "file', where nothing can be written .it is a file.: give a directory"),
        ("file/in", "model", "where nothing can be written .Not a directory"),
        ("closed", "model", "where nothing can be written .Permission denied"),
    ],
)
def test_a_result_that_could_not_be_written_is_refused_before_the_work(
    out: str, name: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(model: nn.Module, batch: Any) -> Any:
        raise AssertionError("the work has begun")

    (tmp_path / "file").write_text("mine")
    if out == "closed":
        # Whoever may do anything is not refused by a directory's mode.
        def refused(*_: Any, **__: Any) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.NamedTemporaryFile", refused)
    with pytest.raises(ValueError, match=sentence):
        measure(network(), never, data(), out=tmp_path / out, name=name)
    assert (tmp_path / "file").read_text() == "mine" and not any(tmp_path.glob("new/*"))


def test_biases_that_are_not_specified_are_asked_for(tmp_path: Path) -> None:
    without = {**NETWORK, "biases": False}
    with pytest.raises(ValueError, match="does the specification say `biases = true`"):
        export(network(), tmp_path / "net.safetensors", without)
    with pytest.raises(ValueError, match=r"is dropout on\?\)$"):
        export(network(bias=False), tmp_path / "net.safetensors", {**without, "activation": "relu"})


def test_a_file_of_weights_alone_has_no_seed(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    export(network(), path, NETWORK)
    specification = {
        "learning_rate": 0.1, "batch": 2, "steps": 1, "loss": "squared-error", "network": NETWORK,
        "data": {"kind": "teacher", "teacher": {"hidden": [4], "seed": 1}},
    }
    with pytest.raises(ValueError, match="no network of seed 3 here; the file does not say of which seed"):
        thalweg.measure(path, specification=specification, seed=3)
