"""λ_max and trace of a trained network's Hessian by PyHessian: power iteration and Hutchinson.
In single precision, as it works by itself: in double all takes twice as long."""

import functools
from importlib.metadata import version

import torch
from pyhessian import hessian

from effort import average_effort, eigenvalue_effort, geometric
from serving import Solution, cases, serve
from torch_models import data, loss_of, module

torch.set_num_threads(1)

# PyHessian normalises by the norm plus 1e-6, so that its eigenvalues are 2e-6 too small in the limit.
REACHABLE = 3e-6
# Its own criteria compare one iteration with the last; these never stop it.
NEVER = 0.0


class Tool(Solution):
    def __init__(self, case, truth):
        self.network = module(case, case.trained)
        self.loss = loss_of(case)
        self.samples = data(case, case.curvature)
        super().__init__(truth)

    def hessian(self, seed):
        torch.manual_seed(seed)
        self.network.zero_grad()
        return hessian(self.network, self.loss, data=self.samples, cuda=False)


class LambdaMax(Tool):
    def search(self):
        self.limit = max(self.limit, REACHABLE)
        efforts = geometric(5, 2000, 1.15)
        return eigenvalue_effort(self.solve, efforts, self.truth, self.limit)

    def solve(self, iterations, seed):
        return self.hessian(seed).eigenvalues(maxIter=iterations, tol=NEVER)[0][0]


class Trace(Tool):
    def search(self):
        return average_effort(self.solve, self.truth, self.limit)

    def solve(self, probes, seed):
        values = self.hessian(seed).trace(maxIter=probes, tol=NEVER)
        return sum(values) / len(values)


def main():
    works = {}
    for case in cases():
        if case.truth is None:
            continue
        for work, how, tool in (
            ("lambda_max", "power iteration", LambdaMax),
            ("trace", "Hutchinson", Trace),
        ):
            make = functools.partial(tool, case, case.truth[work])
            works[f"{work} {case.name}", how] = make
    serve("pyhessian", version("pyhessian"), works)


if __name__ == "__main__":
    main()
