"""Eigenpairs, traces and densities of operators that Python knows by their products."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import thalweg

Array = NDArray[np.float64]


def known(values: Any, seed: int = 0) -> Array:
    """A symmetric matrix with these eigenvalues, and random eigenvectors."""
    values = np.asarray(values, dtype=np.float64)
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))
    matrix: Array = (q * values) @ q.T
    return (matrix + matrix.T) / 2


def check(matrix: Array, found: thalweg.Eigenpairs, end: str, tolerance: float) -> None:
    """Against numpy; residuals are those of the vectors, which are orthonormal."""
    k = len(found.values)
    truth = np.linalg.eigvalsh(matrix)
    truth = truth[::-1][:k] if end == "top" else truth[:k]
    size = np.abs(np.linalg.eigvalsh(matrix)).max()
    assert found.converged
    np.testing.assert_allclose([float(pair) for pair in found.values], truth, rtol=0, atol=tolerance * size)
    assert found.vectors.shape == (len(matrix), k) and found.vectors.dtype == np.float64
    assert found.vectors.flags.f_contiguous or found.vectors.flags.c_contiguous
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(k), atol=1e-12)
    for pair, vector in zip(found.values, found.vectors.T):
        residual = np.linalg.norm(matrix @ vector - pair.value * vector)
        assert pair.kind == "residual" and abs(residual - pair.error) < 1e-12 * size
        assert pair.error <= tolerance * size or len(matrix) <= pair.products


@pytest.mark.parametrize("end", ["top", "bottom"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_both_ends_of_a_random_matrix(end: str, k: int) -> None:
    rng = np.random.default_rng(k)
    matrix = rng.normal(size=(200, 200))
    matrix = matrix + matrix.T
    calls = []

    def product(v: Array) -> Array:
        calls.append(1)
        return matrix @ v

    found = thalweg.eigenpairs(product, 200, k, end=end, tolerance=1e-8)
    check(matrix, found, end, 1e-8)
    assert {pair.products for pair in found.values} == {len(calls)}


@pytest.mark.parametrize("k", [1, 3, 7])
def test_multiple_eigenvalues_and_clusters(k: int) -> None:
    values = np.concatenate([np.linspace(-1, 1, 150), [7.0, 5, 5, 5, 5, 3, 3, 3 - 1e-5], [-4.0, -4, -4]])
    matrix = known(values)
    check(matrix, thalweg.eigenpairs(matrix, k=k, tolerance=1e-9), "top", 1e-9)
    check(matrix, thalweg.eigenpairs(matrix, k=k, end="bottom", tolerance=1e-9), "bottom", 1e-9)


def test_a_low_rank_a_zero_and_a_tiny_operator() -> None:
    values = np.zeros(120)
    values[:2] = [2.0, 1.0]
    matrix = known(values)
    check(matrix, thalweg.eigenpairs(matrix, k=4, tolerance=1e-10), "top", 1e-10)
    zero = thalweg.eigenpairs(lambda v: np.zeros_like(v), 50, k=2)
    assert [pair.value for pair in zero.values] == [0.0, 0.0] and zero.converged
    one = thalweg.eigenpairs([[3.0]])
    assert one.values[0].value == 3.0 and one.values[0].products == 1
    # Everything is found where k is n.
    check(known([1.0, 2, 2, 4]), thalweg.eigenpairs(known([1.0, 2, 2, 4]), k=4), "top", 1e-12)


def test_few_vectors_give_the_same_for_more_products() -> None:
    matrix = known(np.linspace(0, 1, 400) ** 2)
    usual = thalweg.eigenpairs(matrix, k=2, tolerance=1e-7)
    few = thalweg.eigenpairs(matrix, k=2, tolerance=1e-7, basis=8, max_products=20_000)
    check(matrix, few, "top", 1e-7)
    assert few.values[0].products > usual.values[0].products
    need = [thalweg.curvature_memory(400, k=2, basis=basis) for basis in (8, 16, 32, 64)]
    assert need == sorted(need) and need[0] < need[-1]
    with pytest.raises(ValueError, match="basis = 5: must be at least 6"):
        thalweg.eigenpairs(matrix, k=2, basis=5)


def test_a_short_budget_is_said() -> None:
    found = thalweg.eigenpairs(known(np.linspace(0, 1, 300)), k=1, max_products=12)
    assert not found.converged and found.values[0].products == 12
    # The residual is true nevertheless: an eigenvalue lies within it.
    distance = np.abs(np.linspace(0, 1, 300) - found.values[0].value).min()
    assert distance <= found.values[0].error


def test_a_warm_start_needs_fewer_products() -> None:
    values = np.concatenate([np.linspace(0, 1, 300), [3.0, 2.5, 2.0]])
    matrix = known(values)
    cold = thalweg.eigenpairs(matrix, k=3)
    start = copy.deepcopy(cold.vectors)
    start.setflags(write=False)
    for warm in (cold, start, np.asfortranarray(start), np.ascontiguousarray(start), start[:, ::-1]):
        again = thalweg.eigenpairs(1.01 * matrix, k=3, warm=warm)
        check(1.01 * matrix, again, "top", 1e-6)
        assert 2 * again.values[0].products < cold.values[0].products
    one = thalweg.eigenpairs(matrix, k=1, warm=start[:, 0])
    assert one.converged and abs(one.values[0].value - 3.0) < 1e-6
    # A wrong one misleads nobody.
    wrong = thalweg.eigenpairs(matrix, k=1, warm=start[:, 2], tolerance=1e-8)
    assert abs(wrong.values[0].value - 3.0) < 1e-7
    for warm in (start[:5], np.zeros((303, 4)), np.full(303, np.nan)):
        with pytest.raises(ValueError, match="warm"):
            thalweg.eigenpairs(matrix, k=3, warm=warm)


def test_every_kind_of_operator() -> None:
    matrix = known(np.linspace(0, 1, 60) ** 3)
    truth = 1.0

    class Product:
        shape = (60, 60)

        def __matmul__(self, v: Array) -> Array:
            assert v.shape == (60,)
            return matrix @ v

    def in_place(v: Array) -> Array:
        result = matrix @ v
        v[:] = np.nan
        return result

    buffer = np.empty(60)

    def same_buffer(v: Array) -> Array:
        return np.matmul(matrix, v, out=buffer)

    operators: list[tuple[Any, int | None]] = [
        (matrix, None),
        (matrix.astype(np.float32), None),
        (np.asfortranarray(matrix)[::1], 60),
        (matrix.tolist(), None),
        (Product(), None),
        (lambda v: (matrix @ v).astype(np.float32), 60),
        (lambda v: (matrix @ v)[:, np.newaxis], 60),
        (lambda v: list(matrix @ v), 60),
        (in_place, 60),
        (same_buffer, 60),
    ]
    for operator, n in operators:
        for k in (1, 2):
            found = thalweg.eigenpairs(operator, n, k=k, tolerance=1e-6)
            single = getattr(operator, "dtype", None) == np.float32
            assert abs(found.values[0].value - truth) < 2e-6 and found.vectors.dtype == (np.float32 if single else np.float64)
    matrix.setflags(write=False)
    assert thalweg.trace(matrix).value == pytest.approx(np.trace(matrix))


def test_scipys_operators_see_vectors_where_they_have_no_matmat() -> None:
    """As ``eigsh`` calls them: what is written for (n,) alone fails on the columns (n, 1) that scipy would make of a block."""
    scipy = pytest.importorskip("scipy.sparse.linalg")
    values = np.arange(1.0, 301.0)
    shapes = set()

    def product(v: Array) -> Array:
        shapes.add(v.shape)
        return values * v

    class Subclass(scipy.LinearOperator):  # type: ignore[misc, name-defined]
        def _matvec(self, v: Array) -> Array:
            return product(v)

    for operator in (scipy.LinearOperator((300, 300), matvec=product, dtype=float), Subclass(float, (300, 300))):
        assert thalweg.eigenpairs(operator, k=2).values[0].value == pytest.approx(300)
        assert thalweg.trace(operator, products=300).value == pytest.approx(values.sum())
    assert shapes == {(300,)}
    blocks = []
    many = scipy.LinearOperator((300, 300), matvec=product, matmat=lambda v: blocks.append(v.shape) or values[:, None] * v, dtype=float)
    assert thalweg.trace(many, products=300).value == pytest.approx(values.sum()) and blocks


def test_single_precision_is_worked_on_in_it() -> None:
    """An operator of float32 sees float32 vectors and takes half the memory; its numbers have single precision's errors."""
    values = 1.0 / np.arange(1, 401) ** 2
    matrix = known(values)
    single = matrix.astype(np.float32)
    scipy = pytest.importorskip("scipy.sparse.linalg")
    seen = set()

    def product(v: Array) -> Array:
        seen.add(v.dtype)
        return single @ v.reshape(-1)

    with_type = scipy.LinearOperator((400, 400), matvec=product, matmat=lambda v: single @ v, dtype=np.float32)
    like = np.empty(400, np.float32)
    for operator, settings in ((single, {}), (with_type, {}), (product, {"like": like})):
        found = thalweg.eigenpairs(operator, k=2, **settings)
        assert found.converged and found.vectors.dtype == np.float32
        np.testing.assert_allclose([pair.value for pair in found.values], values[:2], rtol=5e-6)
        np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(2), atol=1e-5)
        residuals = np.linalg.norm(matrix @ found.vectors - found.vectors * values[:2], axis=0)
        assert (residuals < 5e-5).all()
        again = thalweg.eigenpairs(operator, k=2, warm=found, **settings)
        assert again.converged and again.values[0].products <= found.values[0].products
        for method in ("xtrace", "hutch++", "hutchinson"):
            trace = thalweg.trace(operator, products=60, method=method, seed=1, **settings)
            assert abs(trace.value - values.sum()) < 5 * trace.error + 1e-5
        density = thalweg.density(operator, probes=8, steps=20, seed=1, **settings)
        assert abs(density.moment(1).value - values.mean()) < 5 * density.moment(1).error
        thalweg.check_symmetry(operator, **settings)
    assert thalweg.trace(single, products=400).value == pytest.approx(values.sum(), rel=1e-5)
    assert seen == {np.dtype(np.float32)}
    with pytest.raises(ValueError, match="not symmetric"):
        thalweg.check_symmetry(lambda v: np.roll(v, 1), like=like)
    with pytest.raises(ValueError, match="at least 1.2e-07"):
        thalweg.eigenpairs(single, tolerance=1e-9)
    with pytest.raises(ValueError, match="warm has the shape"):
        thalweg.eigenpairs(single, warm=np.zeros((400, 2)))
    with pytest.raises(ValueError, match="array of int64"):
        thalweg.eigenpairs(product, like=np.arange(400))


def test_scipy_operators() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    linalg = pytest.importorskip("scipy.sparse.linalg")
    matrix = sparse.diags_array([np.full(499, -1.0), np.full(500, 2.0), np.full(499, -1.0)], offsets=[-1, 0, 1])
    truth = 2 - 2 * np.cos(500 * np.pi / 501)
    for operator in (matrix, matrix.tocsr(), linalg.aslinearoperator(matrix)):
        found = thalweg.eigenpairs(operator, k=2, tolerance=1e-6)
        assert found.converged and abs(found.values[0].value - truth) < 1e-5
        assert thalweg.trace(operator, products=500).value == 1000.0


def test_a_few_samples_that_agree_by_chance_are_not_called_exact() -> None:
    # ωᵀAω is 2 or −2 by the signs of two entries; the trace is 0.
    coupled = np.zeros((50, 50))
    coupled[0, 1] = coupled[1, 0] = 1.0
    found = [thalweg.trace(coupled, products=2, method="hutchinson", seed=seed) for seed in range(40)]
    agree = [estimate for estimate in found if estimate.error == 0.0]
    assert agree and not any(estimate.converged for estimate in agree)
    # So they do where the diagonal is not 0, but for rounding.
    coupled += np.diag(np.random.default_rng(2).normal(size=50) + 3)
    found = [thalweg.trace(30 * coupled, products=3, method="hutchinson", seed=seed) for seed in range(40)]
    agree = [estimate for estimate in found if estimate.error < 1e-9 * estimate.value]
    assert agree and not any(estimate.converged for estimate in agree)
    # All samples of a diagonal matrix are its trace.
    assert thalweg.trace(np.diag(np.arange(50.0)), products=10, method="hutchinson").converged


def test_traces_have_honest_errors() -> None:
    """Fixed seeds, 30 for each method. Student's t with 19 degrees of freedom is beyond 4.5 with a chance of 2.5e-4, which
    makes 2 % for all 90: had it happened, for every run from then on."""
    matrix = known(1.0 / np.arange(1, 301))
    truth = np.trace(matrix)
    for method in ("xtrace", "hutch++", "hutchinson"):
        z = []
        for seed in range(30):
            found = thalweg.trace(matrix, products=60, method=method, seed=seed)
            assert found.kind == "standard-error" and found.products == 60 and found.error > 0
            assert found.converged == (found.error <= 0.01 * abs(found.value))
            z.append((found.value - truth) / found.error)
        assert np.abs(z).max() < 4.5
        # The mean of 30 has a standard deviation of at most 0.2: five of them.
        assert abs(np.mean(z)) < 1.0
    exact = thalweg.trace(matrix, products=300)
    assert exact.kind == "rounding" and exact.error == 0 and abs(exact.value - truth) < 1e-12


def test_density_of_known_spectra() -> None:
    values = np.where(np.arange(900) < 300, 2.0, -1.0)
    found = thalweg.density(known(values), probes=8, steps=12)
    assert found.range == pytest.approx((-1.0, 2.0))
    share = found.cumulative(0.5)
    assert abs(share.value - 2 / 3) < 5 * share.error and share.kind == "standard-error"
    second = found.moment(2)
    assert abs(second.value - np.mean(values**2)) < 5 * second.error
    axis, height, error = found.curve(points=200, width=0.05)
    assert axis.shape == height.shape == error.shape == (200,)
    assert np.trapezoid(height, axis) == pytest.approx(1.0, abs=1e-2)
    again = pickle.loads(pickle.dumps(found))
    assert again.cumulative(0.5) == share and again.range == found.range
    small = thalweg.density(known([1.0, 2.0, 4.0]), probes=2, steps=2)
    assert small.moment(1).kind == "rounding" and small.moment(1).value == pytest.approx(7 / 3)
    assert small.cumulative(2.5).value == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="width = 0: must be positive"):
        found.smoothed(0.0, 0.0)


def test_the_same_seed_gives_the_same_bits() -> None:
    matrix = known(np.linspace(0, 1, 200))
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]

    def all_of(seed: int) -> tuple[Any, ...]:
        pairs = thalweg.eigenpairs(matrix, k=2, seed=seed)
        density = thalweg.density(matrix, probes=2, steps=20, seed=seed)
        return pairs.values, pairs.vectors.tobytes(), thalweg.trace(matrix, products=40, seed=seed), density.moment(2)

    assert all_of(3) == all_of(3)
    assert all_of(3) != all_of(4)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # type: ignore[index]


class Mine(Exception):
    """The user's own."""


CALLS: list[Callable[[Any], object]] = [
    lambda operator: thalweg.eigenpairs(operator, 500, k=2),
    lambda operator: thalweg.trace(operator, 500, products=90),
    lambda operator: thalweg.trace(operator, 500, products=90, method="hutch++"),
    lambda operator: thalweg.trace(operator, 500, products=90, method="hutchinson"),
    lambda operator: thalweg.trace(operator, 500, products=500),
    lambda operator: thalweg.density(operator, 500, probes=3, steps=20),
    lambda operator: thalweg.density(operator, 500, probes=8, steps=80),
    lambda operator: thalweg.check_symmetry(operator, 500),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_products_exception_comes_out_unchanged(call: Callable[[Any], object]) -> None:
    scale, thread = np.linspace(0, 1, 500), threading.get_ident()
    for last in (1, 4):
        error, made = Mine("mine"), []

        def product(v: Array) -> Array:
            assert threading.get_ident() == thread
            made.append(1)
            if len(made) == last:
                raise error
            return scale * v

        with pytest.raises(Mine) as caught:
            call(product)
        assert caught.value is error and len(made) == last


def test_ctrl_c_comes_between_products() -> None:
    made = []

    def product(v: Array) -> Array:
        made.append(1)
        if len(made) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return np.linspace(0, 1, len(v)) * v

    with pytest.raises(KeyboardInterrupt):
        thalweg.eigenpairs(product, 2000, tolerance=1e-12, max_products=100_000)
    assert len(made) == 5


def test_other_threads_go_on() -> None:
    """While the core works without the lock, another thread counts."""
    count, stop = [0], threading.Event()

    def counting() -> None:
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=counting)
    thread.start()
    try:
        before = count[0]
        thalweg.eigenpairs(lambda v: np.linspace(0, 1, len(v)) * v, 200_000, tolerance=1e-3, max_products=50)
        assert count[0] > before
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: thalweg.eigenpairs(lambda v: v), "n is missing"),
        (lambda: thalweg.eigenpairs(lambda v: v, 0), "n = 0"),
        (lambda: thalweg.eigenpairs(lambda v: v, 2.5), "n = 2.5"),
        (lambda: thalweg.eigenpairs(np.eye(3), seed=2**65), r"seed = 36893488147419103232: must be at most 2\*\*63 - 1"),
        (lambda: thalweg.trace(np.eye(3), seed=2**65), "seed = 36893488147419103232"),
        (lambda: thalweg.density(np.eye(3), seed=2**65), "seed = 36893488147419103232"),
        (lambda: thalweg.check_symmetry(np.eye(3), seed=2**65), "seed = 36893488147419103232"),
        (lambda: thalweg.eigenpairs(np.eye(3), tolerance="a"), "tolerance = 'a': must be a number"),
        (lambda: thalweg.trace(np.eye(3), tolerance=None), "tolerance = None"),
        (lambda: thalweg.density(np.eye(3)).cumulative(float("nan")), "x = nan: must be finite"),
        (lambda: thalweg.density(np.eye(3)).smoothed(1.0, "a"), "width = 'a': must be a number"),
        (lambda: thalweg.density(np.eye(3)).moment(1.5), "power = 1.5"),
        (lambda: thalweg.density(np.eye(3)).moment(2**40), "must be below 2"),
        (lambda: thalweg.eigenpairs(np.eye(9), warm=1j * np.ones(9)), "warm has complex numbers"),
        (lambda: thalweg.eigenpairs(lambda v: v, True), "n = True"),
        (lambda: thalweg.eigenpairs(np.ones((2, 3))), r"shape \(2, 3\): it must be square"),
        (lambda: thalweg.eigenpairs(np.eye(3), 4), "n = 4"),
        (lambda: thalweg.eigenpairs(np.triu(np.ones((4, 4)))), "not symmetric"),
        (lambda: thalweg.eigenpairs(np.eye(3) * 1j), "complex128"),
        (lambda: thalweg.eigenpairs(3.0, 4), "operator is a float"),
        (lambda: thalweg.eigenpairs(np.eye(3), k=0), "k = 0"),
        (lambda: thalweg.eigenpairs(np.eye(3), k=4), "k = 4: must be from 1 to the dimension, 3"),
        (lambda: thalweg.eigenpairs(np.eye(3), end="left"), 'end = "left"'),
        (lambda: thalweg.eigenpairs(np.eye(3), tolerance=0.0), "tolerance = 0.0"),
        (lambda: thalweg.eigenpairs(np.eye(3), tolerance=float("nan")), "tolerance = nan"),
        (lambda: thalweg.eigenpairs(np.eye(3), max_products=1), "max_products = 1: must be at least 2"),
        (lambda: thalweg.eigenpairs(np.eye(3), seed=-1), "seed = -1"),
        (lambda: thalweg.eigenpairs(np.eye(3), like=3.0), "like is a float: a torch tensor"),
        (lambda: thalweg.eigenpairs(lambda v: v[:-1], 5), r"shape \(4,\): \(5,\) is needed"),
        (lambda: thalweg.eigenpairs(lambda v: v * np.inf, 5), "not finite"),
        (lambda: thalweg.eigenpairs(lambda v: 1j * v, 5), "complex128"),
        (lambda: thalweg.trace(np.eye(30), products=2), "products = 2: must be at least 4 for XTrace"),
        (lambda: thalweg.trace(np.eye(30), method="best"), 'method = "best"'),
        (lambda: thalweg.trace(np.eye(3), tolerance=-1.0), "tolerance = -1"),
        (lambda: thalweg.density(np.eye(3), probes=1), "probes = 1"),
        (lambda: thalweg.density(np.eye(3), steps=1), "steps = 1"),
        (lambda: thalweg.curvature_memory(10), "give k, products or steps"),
    ],
)
def test_errors_name_the_argument(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_memory_is_said_before_the_work() -> None:
    made = []

    def product(v: Array) -> Array:
        made.append(1)
        return v

    huge = 10**12
    with pytest.raises(ValueError, match=r"n = 1000000000000 with a basis of 32 takes .* GB, and .* GB are left .*basis=4"):
        thalweg.eigenpairs(product, huge)
    with pytest.raises(ValueError, match='"hutchinson".* with products=2 no more than 4$'):
        thalweg.trace(product, huge)
    with pytest.raises(ValueError, match="fewer steps"):
        thalweg.density(product, huge)
    assert not made


#: What a call takes, in a process of its own: bytes at its peak beside those before it, and those said (for a warm start, which takes more).
TAKEN = """
import re
import numpy as np
import thalweg

n = 2_000_000
scale = np.linspace(0.0, 1.0, n)
def bytes_of(name):
    return 1024 * int(re.search(name + r":\\s*(\\d+)", open("/proc/self/status").read())[1])
thalweg.eigenpairs(lambda v: scale[:100] * v, 100)
before = bytes_of("VmRSS")
CALL
"""

CALLS = {
    "eigenpairs": '''
found = thalweg.eigenpairs(lambda v: scale * v, n, basis=16, tolerance=1e-9, max_products=20)
assert found.values[0].products == 20
print(bytes_of("VmHWM") - before, thalweg.curvature_memory(n, k=1, basis=16, max_products=20))
''',
    "hutchinson": '''
assert thalweg.trace(lambda v: scale * v, n, products=4, method="hutchinson").products == 4
print(bytes_of("VmHWM") - before, thalweg.curvature_memory(n, products=4, method="hutchinson"))
''',
    "hutch++": '''
assert thalweg.trace(lambda v: scale * v, n, products=12, method="hutch++").products == 12
print(bytes_of("VmHWM") - before, thalweg.curvature_memory(n, products=12, method="hutch++"))
''',
    "xtrace": '''
assert thalweg.trace(lambda v: scale * v, n, products=8).products == 8
print(bytes_of("VmHWM") - before, thalweg.curvature_memory(n, products=8))
''',
}


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are in other units elsewhere")
@pytest.mark.parametrize("call", CALLS)
def test_what_is_said_of_memory_is_what_is_taken(call: str) -> None:
    script = TAKEN.replace("CALL", CALLS[call])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    taken, said = map(int, done.stdout.split())
    # The vector that the operator is given and the one that it returns are its own.
    assert 0.5 * said < taken < 1.05 * said + 2 * 8 * 2_000_000


def test_an_operator_that_is_not_symmetric_is_found_out() -> None:
    thalweg.check_symmetry(known([1.0, 2, 3]))
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(50, 50))
    with pytest.raises(ValueError, match="not symmetric"):
        thalweg.check_symmetry(lambda v: matrix @ v, 50)


def test_estimates_are_plain_values() -> None:
    found = thalweg.trace(np.eye(3))
    assert found == thalweg.Estimate(3.0, 0.0, "rounding", 3, True)
    assert float(found) == 3.0
    assert found.to_dict() == {"value": 3.0, "error": 0.0, "kind": "rounding", "matvecs": 3, "converged": True}
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(AttributeError):
        found.value = 4.0  # type: ignore[misc]
    pairs = pickle.loads(pickle.dumps(thalweg.eigenpairs(np.diag([1.0, 2.0]))))
    assert pairs.values[0].value == pytest.approx(2.0) and pairs.converged


@pytest.mark.parametrize(("dtype", "scales"), [("float32", (-100, -83, -70, 60, 83)), ("float64", (-990, -560, 560, 990))])
def test_operators_of_any_size_give_the_same_numbers(dtype: str, scales: tuple[int, ...]) -> None:
    """Times a power of two everything is that times as much, to rounding, where squares would be no numbers of that precision."""
    ends = np.concatenate([np.linspace(-3.0, 1.0, 197), [5.0, 6.0, 9.0]])
    matrix = known(ends).astype(dtype)
    near = 1e-4 if dtype == "float32" else 1e-8
    plain = thalweg.eigenpairs(matrix, k=2), thalweg.trace(matrix, products=40), thalweg.density(matrix, probes=4, steps=20)
    for exponent in scales:
        size = 2.0**exponent
        scaled = matrix * np.array(size, dtype)
        pairs = thalweg.eigenpairs(scaled, k=2)
        assert pairs.converged
        for one, other in zip(pairs.values, plain[0].values):
            assert one.value / size == pytest.approx(other.value, rel=near)
            assert one.error / size == pytest.approx(other.error, abs=1e-4 * (1 if dtype == "float32" else 1e-2))
        traced = thalweg.trace(scaled, products=40)
        assert traced.value / size == pytest.approx(plain[1].value, rel=near)
        assert traced.error / size == pytest.approx(plain[1].error, rel=near)
        spread = pickle.loads(pickle.dumps(thalweg.density(scaled, probes=4, steps=20)))
        assert spread.range[1] / size == pytest.approx(9.0, rel=near)
        assert spread.moment(1).value / size == pytest.approx(plain[2].moment(1).value, rel=near)
        assert spread.cumulative(2 * size).value == pytest.approx(plain[2].cumulative(2).value, rel=near)
        assert spread.smoothed(size, 0.5 * size).value * size == pytest.approx(plain[2].smoothed(1, 0.5).value, rel=near)
        axis, values, _ = spread.curve(50)
        expected = plain[2].curve(50)
        np.testing.assert_allclose(axis / size, expected[0], rtol=near, atol=near)
        np.testing.assert_allclose(values * size, expected[1], rtol=1e-2, atol=1e-3 * expected[1].max())


def test_a_first_vector_that_is_next_to_nothing_does_not_tell_the_size() -> None:
    matrix = np.diag(np.r_[1e-30, 1.0, np.full(50, 0.5)]).astype(np.float32)
    warm = np.eye(52)[:, :1]
    (found,) = thalweg.eigenpairs(matrix, warm=warm).values
    assert found.value == pytest.approx(1, rel=1e-6)


def test_a_matrix_of_truth_values() -> None:
    path = np.eye(6, k=1, dtype=bool) | np.eye(6, k=-1, dtype=bool)
    (found,) = thalweg.eigenpairs(path).values
    assert found.value == pytest.approx(2 * np.cos(np.pi / 7), rel=1e-9)
    with pytest.raises(ValueError, match="not symmetric"):
        thalweg.trace(np.eye(6, k=1, dtype=bool))
