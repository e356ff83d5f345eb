"""λ_max and trace of a trained network's Hessian by curvlinops: Lanczos through SciPy, and its
estimators of traces. In single precision, which serves: in double all takes twice as long."""

import functools
import math
from importlib.metadata import version

import numpy as np
import torch
from curvlinops import HessianLinearOperator, hutchpp_trace, xtrace
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from effort import eigenvalue_effort, geometric, trace_effort
from serving import Solution, cases, serve
from torch_models import data, loss_of, module

torch.set_num_threads(1)

# So many do not help in single precision if they do not converge.
RESTARTS = 100


class Tool(Solution):
    def __init__(self, case, truth):
        self.network = module(case, case.trained)
        self.loss = loss_of(case)
        self.samples = data(case, case.curvature)
        super().__init__(truth)

    def hessian(self, seed):
        torch.manual_seed(seed)
        parameters = list(self.network.parameters())
        return HessianLinearOperator(
            self.network, self.loss, parameters, [self.samples], check_deterministic=False
        )


class LambdaMax(Tool):
    """eigsh with as few vectors as serve it best; the effort is what it tolerates."""

    def __init__(self, *arguments, vectors):
        self.vectors = vectors
        super().__init__(*arguments)

    def search(self):
        efforts = [10 ** (-step / 4) for step in range(2, 40)]
        return eigenvalue_effort(self.solve, efforts, self.truth, self.limit)

    def solve(self, tolerance, seed):
        operator = self.hessian(seed)
        start = np.random.default_rng(seed).standard_normal(operator.shape[0], np.float32)
        try:
            (value,) = eigsh(
                operator.to_scipy(dtype=np.float32),
                k=1,
                which="LA",
                tol=tolerance,
                v0=start,
                ncv=self.vectors,
                maxiter=RESTARTS,
                return_eigenvectors=False,
            )
        except ArpackNoConvergence:
            return math.nan
        return float(value)


class Trace(Tool):
    def __init__(self, *arguments, estimator):
        self.estimator = estimator
        super().__init__(*arguments)

    def search(self):
        efforts = geometric(6, 1500, 1.2, multiple=6)
        return trace_effort(self.solve, efforts, self.truth, self.limit)

    def solve(self, products, seed):
        return self.estimator(self.hessian(seed), num_matvecs=products).item()


def main():
    works = {}
    for case in cases():
        if case.truth is None:
            continue
        for vectors in (6, 10):
            make = functools.partial(LambdaMax, case, case.truth["lambda_max"], vectors=vectors)
            works[f"lambda_max {case.name}", f"eigsh, {vectors} vectors"] = make
        for how, estimator in (("Hutch++", hutchpp_trace), ("XTrace", xtrace)):
            make = functools.partial(Trace, case, case.truth["trace"], estimator=estimator)
            works[f"trace {case.name}", how] = make
    serve("curvlinops", version("curvlinops-for-pytorch"), works)


if __name__ == "__main__":
    main()
