"""Curvature on tensors: the same algorithms, on the tensors' device and in their precision."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import thalweg

DTYPES = [torch.float32, torch.float64]


def known(values: Any, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """A symmetric matrix with these eigenvalues, and random eigenvectors."""
    values = np.asarray(values, dtype=np.float64)
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))
    matrix = (q * values) @ q.T
    return torch.from_numpy((matrix + matrix.T) / 2).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("end", ["top", "bottom"])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_eigenpairs_with_multiplicities(dtype: torch.dtype, end: str, k: int) -> None:
    values = np.concatenate([np.linspace(-1, 1, 150), [7.0, 5, 5, 5, 5, 3, 3], [-4.0, -4, -4]])
    matrix = known(values, dtype)
    seen = set()

    def product(v: torch.Tensor) -> torch.Tensor:
        seen.add((v.dtype, v.device, v.shape))
        return matrix @ v

    found = thalweg.eigenpairs(product, k=k, end=end, like=matrix[0])
    truth = np.sort(values)[::-1][:k] if end == "top" else np.sort(values)[:k]
    # The usual tolerance follows the precision: 1e-6, and 200 ε = 2.4e-5.
    limit = max(1e-6, 200 * torch.finfo(dtype).eps) * 7
    assert found.converged
    np.testing.assert_allclose([float(pair) for pair in found.values], truth, rtol=0, atol=limit)
    assert seen == {(dtype, matrix.device, matrix[0].shape)}
    vectors = found.vectors
    assert vectors.shape == (160, k) and vectors.dtype == dtype and vectors.device == matrix.device
    assert not vectors.requires_grad
    eye = torch.eye(k, dtype=dtype)
    assert (vectors.T @ vectors - eye).abs().max() < 100 * torch.finfo(dtype).eps
    for pair, vector in zip(found.values, vectors.double().T):
        residual = float((matrix.double() @ vector - pair.value * vector).norm())
        assert abs(residual - pair.error) < 300 * torch.finfo(dtype).eps * 7
        assert pair.error <= limit


def test_double_precision_gives_numpys_numbers() -> None:
    decaying = 1.0 / np.arange(1, 151) ** 2
    matrix = known(np.concatenate([decaying, -2 * decaying]), torch.float64)
    array = matrix.numpy()
    for k, end in ((1, "top"), (4, "top"), (2, "bottom")):
        ours = thalweg.eigenpairs(matrix, k=k, end=end, tolerance=1e-10)
        other = thalweg.eigenpairs(array, k=k, end=end, tolerance=1e-10)
        np.testing.assert_allclose([float(p) for p in ours.values], [float(p) for p in other.values], rtol=0, atol=1e-10)
        overlap = np.abs(ours.vectors.numpy().T @ other.vectors)
        np.testing.assert_allclose(overlap, np.eye(k), atol=1e-5)
    # Where no number is random they are the same to rounding.
    assert thalweg.trace(matrix, products=300).value == pytest.approx(thalweg.trace(array, products=300).value, rel=1e-14)
    exact, other_exact = thalweg.density(matrix), thalweg.density(array)
    assert exact.moment(3).value == pytest.approx(other_exact.moment(3).value, rel=1e-12)
    # And from the same start, step by step.
    start = np.random.default_rng(1).normal(size=(300, 2))
    warm = [thalweg.eigenpairs(given, k=2, warm=start, max_products=3) for given in (matrix, array)]
    assert warm[0].values[0].products == warm[1].values[0].products == 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["xtrace", "hutch++", "hutchinson"])
def test_traces_are_unbiased_with_honest_errors(dtype: torch.dtype, method: str) -> None:
    """20 fixed seeds. Their mean's standard deviation is at most 0.25 errors: four of them (6e-5 for each of six)."""
    matrix = known(1.0 / np.arange(1, 201), dtype)
    truth = float(np.sum(1.0 / np.arange(1, 201)))
    z = []
    for seed in range(20):
        found = thalweg.trace(matrix, products=48, method=method, seed=seed)
        assert found.products == 48 and found.kind == "standard-error"
        z.append((found.value - truth) / found.error)
    assert abs(np.mean(z)) < 1.0 and np.max(np.abs(z)) < 5.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_density(dtype: torch.dtype) -> None:
    scale = torch.where(torch.arange(900) < 300, 2.0, -1.0).to(dtype)
    found = thalweg.density(lambda v: scale * v, like=scale, probes=8, steps=10)
    share = found.cumulative(0.5)
    assert abs(share.value - 2 / 3) < 5 * share.error
    assert found.range == pytest.approx((-1.0, 2.0), abs=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_few_vectors_and_warm_starts(dtype: torch.dtype) -> None:
    matrix = known(np.linspace(0, 1, 300) ** 3, dtype)
    few = thalweg.eigenpairs(matrix, k=1, basis=4, max_products=5000, tolerance=1e-4)
    assert few.converged and abs(few.values[0].value - 1) < 1e-4
    cold = thalweg.eigenpairs(matrix, k=2)
    for warm in (cold, cold.vectors, cold.vectors.double().numpy()):
        again = thalweg.eigenpairs(matrix * 1.001, k=2, warm=warm)
        assert again.converged and again.values[0].products < cold.values[0].products
    one = thalweg.eigenpairs(matrix, warm=cold.vectors[:, 0])
    assert one.converged
    for wrong in (cold.vectors[:5], torch.zeros(300, 3), torch.full((300,), torch.nan)):
        with pytest.raises(ValueError, match="warm"):
            thalweg.eigenpairs(matrix, k=2, warm=wrong)


def test_several_vectors_at_once() -> None:
    matrix = known(np.linspace(0, 1, 100), torch.float64)

    class Blocks:
        shape, dtype, device = (100, 100), torch.float64, torch.device("cpu")
        rows: list[int] = []

        def apply_block(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[1] == 100
            self.rows.append(len(x))
            result = x @ matrix
            x.zero_()
            return result

        def __call__(self, v: torch.Tensor) -> torch.Tensor:
            raise AssertionError("one by one")

    found = thalweg.eigenpairs(Blocks(), k=3, tolerance=1e-8)
    assert found.converged and abs(found.values[0].value - 1) < 1e-8
    assert Blocks.rows[0] == 4


def test_a_buffer_may_be_given_each_time_and_inputs_be_written_to() -> None:
    matrix, buffer = known(np.linspace(0, 1, 80) ** 2, torch.float32), torch.empty(80)

    def product(v: torch.Tensor) -> torch.Tensor:
        torch.mv(matrix, v, out=buffer)
        v.fill_(torch.nan)
        return buffer

    found = thalweg.eigenpairs(product, k=3, like=buffer)
    assert found.converged and abs(found.values[0].value - 1) < 1e-4


def model_and_hessian() -> tuple[torch.nn.Module, Any, torch.Tensor]:
    """A small network, a product with its loss' Hessian by two backward passes, and that Hessian."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 4, generator=generator), torch.randn(30, 2, generator=generator)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    model, x, y = model.double(), x.double(), y.double()
    parameters = list(model.parameters())

    def product(v: torch.Tensor) -> torch.Tensor:
        loss = ((model(x) - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        flat = torch.cat([g.reshape(-1) for g in gradients])
        return torch.cat([g.reshape(-1) for g in torch.autograd.grad(flat @ v, parameters)])

    n = sum(p.numel() for p in parameters)
    dense = torch.stack([product(row) for row in torch.eye(n, dtype=torch.float64)])
    return model, product, dense


def test_a_networks_hessian() -> None:
    model, product, dense = model_and_hessian()
    n = len(dense)
    truth = torch.linalg.eigvalsh(dense)
    like = next(model.parameters())
    top = thalweg.eigenpairs(product, n, k=3, like=like, tolerance=1e-9)
    np.testing.assert_allclose([float(p) for p in top.values], truth.flip(0)[:3], atol=1e-8)
    bottom = thalweg.eigenpairs(product, n, k=2, end="bottom", like=like, tolerance=1e-9)
    np.testing.assert_allclose([float(p) for p in bottom.values], truth[:2], atol=1e-8)
    assert all(parameter.grad is None for parameter in model.parameters())
    thalweg.check_symmetry(product, n, like=like)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_curvlinops_operators() -> None:
    curvlinops = pytest.importorskip("curvlinops")
    model, _, dense = model_and_hessian()
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 4, generator=generator).double(), torch.randn(30, 2, generator=generator).double()
    loss = torch.nn.MSELoss()
    parameters = [p for p in model.parameters() if p.requires_grad]
    operator = curvlinops.HessianLinearOperator(model, loss, parameters, [(x, y)])
    truth = torch.linalg.eigvalsh(dense)
    found = thalweg.eigenpairs(operator, k=2, tolerance=1e-9)
    assert isinstance(found.vectors, torch.Tensor) and found.vectors.dtype == torch.float64
    np.testing.assert_allclose([float(p) for p in found.values], truth.flip(0)[:2], atol=1e-8)
    assert thalweg.trace(operator).value == pytest.approx(float(dense.trace()))


def test_the_callers_state_is_left_alone() -> None:
    matrix = known(np.linspace(0, 1, 700), torch.float32)
    state = torch.get_rng_state()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = []

            def product(v: torch.Tensor) -> torch.Tensor:
                # The product is the caller's: in the caller's context.
                inside.append((torch.is_autocast_enabled("cpu"), torch.get_float32_matmul_precision(), torch.is_grad_enabled()))
                with torch.autocast("cpu", enabled=False):
                    return matrix @ v

            found = thalweg.eigenpairs(product, 700, k=2, like=matrix)
            thalweg.trace(product, 700, products=30, like=matrix)
            thalweg.density(product, 700, probes=2, steps=10, like=matrix)
        assert set(inside) == {(True, "medium", True)}
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert found.converged and abs(found.values[0].value - 1) < 1e-4
    assert torch.equal(torch.get_rng_state(), state)


def test_the_same_seed_gives_the_same_bits() -> None:
    matrix = known(np.linspace(0, 1, 200), torch.float32)
    pairs = [thalweg.eigenpairs(matrix, k=2, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(pairs[0].vectors, pairs[1].vectors) and pairs[0].values == pairs[1].values
    assert not torch.equal(pairs[0].vectors, pairs[2].vectors)


class Mine(Exception):
    """The user's own."""


def test_a_products_exception_comes_out_unchanged() -> None:
    error = Mine("mine")
    for last in (1, 4):
        made: list[int] = []

        def product(v: torch.Tensor) -> torch.Tensor:
            made.append(1)
            if len(made) == last:
                raise error
            return torch.linspace(0, 1, 600) * v

        like = torch.zeros(600)
        for call in (thalweg.eigenpairs, thalweg.density, thalweg.trace):
            made.clear()
            with pytest.raises(Mine) as caught:
                call(product, like=like)
            assert caught.value is error and len(made) == last


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: thalweg.eigenpairs(lambda v: v.half(), like=torch.zeros(5)), "float16, less than"),
        (lambda: thalweg.eigenpairs(lambda v: v, like=torch.zeros(5).half()), "too coarse"),
        (lambda: thalweg.eigenpairs(lambda v: v.numpy(), like=torch.zeros(5)), "is a ndarray: a torch tensor"),
        (lambda: thalweg.eigenpairs(lambda v: v[1:], like=torch.zeros(5)), r"shape \(4,\): \(5,\) is needed"),
        (lambda: thalweg.eigenpairs(lambda v: v / 0, like=torch.zeros(5)), "not finite"),
        (lambda: thalweg.eigenpairs(torch.triu(torch.ones(4, 4))), "not symmetric"),
        (lambda: thalweg.eigenpairs(torch.zeros(2, 3)), "must be square"),
        (lambda: thalweg.eigenpairs(torch.eye(9), tolerance=1e-9), "tolerance = 1e-09: must be at least 1.2e-07"),
        (lambda: thalweg.eigenpairs(lambda v: v, 10**12, like=torch.zeros(5)), "basis=4 takes the fewest"),
    ],
)
def test_errors_name_the_argument(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_torch_is_not_imported_for_numpys_sake() -> None:
    words = "import sys, numpy, thalweg; thalweg.eigenpairs(numpy.eye(3)); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", words], check=True, timeout=60)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_vectors_stay_on_the_device() -> None:
    matrix = known(np.linspace(0, 1, 300) ** 3, torch.float32).cuda()
    found = thalweg.eigenpairs(matrix, k=2)
    assert found.converged and found.vectors.device == matrix.device
    assert abs(found.values[0].value - 1) < 1e-4
    with pytest.raises(ValueError, match="left on cuda"):
        thalweg.eigenpairs(lambda v: v, 10**11, like=matrix)


@pytest.mark.parametrize(("dtype", "exponents"), [(torch.float32, (-100, -83, 83)), (torch.float64, (-990, -560, 990))])
def test_operators_of_any_size_give_the_same_numbers(dtype: torch.dtype, exponents: tuple[int, ...]) -> None:
    """As numpy's do: squares of such products are no numbers of their precision."""
    generator = torch.Generator().manual_seed(5)
    basis, _ = torch.linalg.qr(torch.randn(200, 200, dtype=torch.float64, generator=generator))
    values = torch.cat([torch.linspace(-3, 1, 197), torch.tensor([5.0, 6.0, 9.0])]).double()
    matrix = ((basis * values) @ basis.T).to(dtype)
    matrix = (matrix + matrix.T) / 2
    plain = thalweg.trace(matrix, products=40)
    for exponent in exponents:
        size = 2.0**exponent
        scaled = matrix * size
        pairs = thalweg.eigenpairs(scaled, k=2)
        assert pairs.converged
        assert [pair.value / size for pair in pairs.values] == pytest.approx([9, 6], rel=1e-5)
        found = thalweg.trace(scaled, products=40)
        assert found.value / size == pytest.approx(plain.value, rel=1e-4)
        assert found.error / size == pytest.approx(plain.error, rel=1e-4)
        assert thalweg.density(scaled, probes=4, steps=20).range[1] / size == pytest.approx(9, rel=1e-4)
