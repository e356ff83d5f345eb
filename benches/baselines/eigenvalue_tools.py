"""The largest eigenvalue of operators with a known spectrum: thalweg, SciPy's eigsh, torch.lobpcg, at the same true error.

For each tool the tolerance is tightened until the median true error over some starts is below the limit; that effort is then timed, the
tools taking turns. One thread, processor time. Prints JSON.
"""

import argparse
import json
import math
import os
import statistics
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import scipy
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

import thalweg
from timing import cpu_model

torch.set_num_threads(1)
warnings.filterwarnings("ignore", message="Sparse")

# Tolerances, from loose to tight.
TOLERANCES = [10 ** (-step / 2) for step in range(1, 21)]
RESTARTS = 200
PRODUCTS = 4000


class Outliers:
    """D between reflections: a bulk, and a few eigenvalues that stand out, as Hessians have them."""

    def __init__(self, n, dtype):
        rng = np.random.default_rng(0)
        values = rng.uniform(-0.05, 0.05, n)
        values[:6] = 1.0, 0.7, 0.5, 0.4, 0.3, 0.2
        mirror = rng.standard_normal(n)
        self.values = values.astype(dtype)
        self.mirror = (mirror / np.linalg.norm(mirror)).astype(dtype)
        self.truth, self.matrix = 1.0, None
        self.tensors = torch.from_numpy(self.values), torch.from_numpy(self.mirror)

    def array(self, v):
        x = v - (2 * (self.mirror @ v)) * self.mirror
        x *= self.values
        x -= (2 * (self.mirror @ x)) * self.mirror
        return x

    def tensor(self, v):
        values, mirror = self.tensors
        x = v - (2 * (mirror @ v)) * mirror
        x *= values
        x -= (2 * (mirror @ x)) * mirror
        return x


class Sparse:
    """A sparse matrix, which lobpcg takes too."""

    def __init__(self, matrix, truth, dtype):
        self.matrix = matrix.astype(dtype).tocsr()
        self.truth = truth
        parts = self.matrix.indptr, self.matrix.indices, self.matrix.data
        self.rows = torch.sparse_csr_tensor(*map(torch.from_numpy, parts), size=self.matrix.shape)

    def array(self, v):
        return self.matrix @ v

    def tensor(self, v):
        return self.rows @ v


def power(n, dtype):
    """lambda_i = 1/i."""
    return Sparse(scipy.sparse.diags_array(1.0 / np.arange(1, n + 1)), 1.0, dtype)


def lattice(n, dtype):
    """The Laplacian of a cube: its largest eigenvalues lie close together."""
    side = round(n ** (1 / 3))
    line = scipy.sparse.diags_array(
        [np.full(side - 1, -1.0), np.full(side, 2.0), np.full(side - 1, -1.0)], offsets=[-1, 0, 1]
    )
    one = scipy.sparse.eye_array(side)
    kron = scipy.sparse.kron
    cube = kron(kron(line, one), one) + kron(kron(one, line), one) + kron(kron(one, one), line)
    return Sparse(cube, 3 * (2 - 2 * math.cos(side * math.pi / (side + 1))), dtype)


OPERATORS = {"outliers": Outliers, "power": power, "lattice": lattice}


class Thalweg:
    """thalweg on one kind of vectors."""

    def __init__(self, product, n, basis, like):
        self.product, self.n, self.basis, self.like = product, n, basis, like

    def __call__(self, tolerance, seed):
        found = thalweg.eigenpairs(
            self.product,
            self.n,
            tolerance=tolerance,
            basis=self.basis,
            max_products=PRODUCTS,
            seed=seed,
            like=self.like,
        )
        return found.values[0].value, found.values[0].products


def arrays(operator, n, dtype, basis):
    """thalweg on numpy's arrays."""
    return Thalweg(operator.array, n, basis, np.zeros(1, dtype))


def tensors(operator, n, dtype, basis):
    """thalweg on tensors."""
    precision = torch.float32 if dtype == np.float32 else torch.float64
    return Thalweg(operator.tensor, n, basis, torch.zeros(1, dtype=precision))


class Eigsh:
    """ARPACK."""

    def __init__(self, operator, n, dtype, vectors):
        self.operator, self.n, self.dtype, self.vectors = operator, n, dtype, vectors

    def __call__(self, tolerance, seed):
        made = [0]

        def product(v):
            made[0] += 1
            return self.operator.array(v)

        start = np.random.default_rng(seed).standard_normal(self.n).astype(self.dtype)
        try:
            values, _ = eigsh(
                LinearOperator((self.n, self.n), matvec=product, dtype=self.dtype),
                k=1, which="LA", tol=tolerance, v0=start, ncv=self.vectors, maxiter=RESTARTS,
            )
        except ArpackNoConvergence:
            return math.nan, made[0]
        return float(values[0]), made[0]


class Lobpcg:
    """torch.lobpcg; it has no function for a matrix."""

    def __init__(self, operator, n, dtype):
        self.operator, self.n = operator, n
        self.dtype = torch.float32 if dtype == np.float32 else torch.float64

    def __call__(self, tolerance, seed):
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(self.n, 1, dtype=self.dtype, generator=generator)
        steps = [0]

        def tracker(state):
            steps[0] += 1

        values, _ = torch.lobpcg(
            self.operator.rows, k=1, X=start, tol=tolerance, niter=PRODUCTS // 4, largest=True, tracker=tracker
        )
        # A step multiplies three vectors but for the first, by the reports of its tracker.
        return float(values[0]), steps[0]


def tools(operator, n, dtype):
    found = {
        "thalweg": arrays(operator, n, dtype, None),
        "thalweg, 8 vectors": arrays(operator, n, dtype, 8),
        "thalweg, tensors": tensors(operator, n, dtype, None),
        "thalweg, tensors, 8 vectors": tensors(operator, n, dtype, 8),
        "eigsh": Eigsh(operator, n, dtype, None),
        "eigsh, 8 vectors": Eigsh(operator, n, dtype, 8),
    }
    if operator.matrix is not None:
        found["lobpcg"] = Lobpcg(operator, n, dtype)
    return found


def effort(tool, truth, limit, starts):
    """The loosest tolerance whose median error is below the limit."""
    for tolerance in TOLERANCES:
        try:
            errors = [abs(tool(tolerance, seed)[0] / truth - 1) for seed in range(starts)]
        except (ValueError, RuntimeError):
            return None
        error = statistics.median(errors)
        if error <= limit:
            return tolerance, error
    return None


def case(name, n, dtype, limit, starts, rounds):
    operator = OPERATORS[name](n, dtype)
    results, ready = {}, {}
    for tool, solve in tools(operator, n, dtype).items():
        found = effort(solve, operator.truth, limit, starts)
        if found is None:
            results[tool] = None
        else:
            ready[tool] = solve, found[0]
            results[tool] = {"tolerance": found[0], "error": found[1], "seconds": [], "products": []}
    for round in range(rounds):
        for tool, (solve, tolerance) in ready.items():
            start = time.process_time()
            _, products = solve(tolerance, round)
            results[tool]["seconds"].append(time.process_time() - start)
            results[tool]["products"].append(products)
    for result in filter(None, results.values()):
        result["seconds"] = statistics.median(result["seconds"])
        result["products"] = statistics.median(result["products"])
    return {"operator": name, "n": n, "dtype": np.dtype(dtype).name, "limit": limit, "tools": results}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--operator", choices=OPERATORS, required=True)
    arguments.add_argument("--n", type=float, required=True)
    arguments.add_argument("--single", action="store_true", help="single precision")
    arguments.add_argument("--limit", type=float, required=True, help="the true relative error")
    arguments.add_argument("--starts", type=int, default=3)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    dtype = np.float32 if given.single else np.float64
    n = int(given.n)
    if given.operator == "lattice":
        n = round(n ** (1 / 3)) ** 3
    result = case(given.operator, n, dtype, given.limit, given.starts, given.rounds)
    result["versions"] = {"thalweg": thalweg.__version__, "scipy": scipy.__version__, "torch": torch.__version__}
    print(json.dumps(result | {"cpu": cpu_model()}))


if __name__ == "__main__":
    main()
