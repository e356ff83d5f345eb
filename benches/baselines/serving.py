"""What the baselines for networks share: the networks to load, and the answers to `compare`.

`compare` starts each program once and takes turns with all of them: a line of JSON on standard input asks
one to repeat a piece of work for some seconds, for the numbers that must be the same in all programs, or
for the effort that accuracy takes.
"""

import json
import pathlib
import platform
import sys

import numpy as np

from effort import Unreached
from timing import clocks, cpu_model, since


class Case:
    """A network with its data, as the harness wrote them: f32, samples first, then positions (if more
    than one), then features; tokens of a language model by their numbers, without features."""

    def __init__(self, directory, description):
        self.name, self.kind = description["name"], description["kind"]
        self.heads, self.loss = description["heads"], description["loss"]
        self.learning_rate = description["learning_rate"]
        self.directory = directory / self.name
        self.shapes = {name: (rows, columns) for name, rows, columns in description["parameters"]}
        self.start = self.split("parameters")
        self.direction = self.split("direction")
        sides = description["input"], description["output"]
        names = "inputs", "targets"
        self.inputs, self.targets = (
            self.samples(name, side, (description["batches"], -1)) for name, side in zip(names, sides)
        )
        self.evaluation = tuple(
            self.samples(f"evaluation-{name}", side, (-1,)) for name, side in zip(names, sides)
        )
        # λ_max and trace of the trained network's Hessian over other samples, where they are known.
        self.truth = description["curvature"]
        if self.truth:
            self.trained = self.split("trained")
            self.curvature = tuple(
                self.samples(f"curvature-{name}", side, (-1,)) for name, side in zip(names, sides)
            )

        self.batch = description["batch"]
        # What it is trained on, where that is a set in memory that programs are compared on.
        self.set = description["set"] and tuple(
            self.samples(f"set-{name}", side, (-1,)) for name, side in zip(names, sides)
        )
        # What it learns from, where that draws fresh samples.
        self.teacher = description["teacher"]
        if self.teacher:
            self.training = self.teacher["work"]
            self.teacher_weights = self.split("teacher", self.teacher["parameters"])

    def load(self, name):
        return np.load(self.directory / f"{name}.npy")

    def split(self, name, parameters=None):
        """A parameter vector as matrices by name: the network's, or what `parameters` lists."""
        named = self.shapes
        if parameters:
            named = {name: (rows, columns) for name, rows, columns in parameters}
        ends = np.cumsum([rows * columns for rows, columns in named.values()])[:-1]
        parts = np.split(self.load(name), ends)
        return {key: part.reshape(shape) for (key, shape), part in zip(named.items(), parts)}

    def samples(self, name, side, leading):
        rows, positions = side
        numbers = self.load(name).reshape(*leading, rows, positions)
        numbers = numbers[..., 0] if positions == 1 else numbers.swapaxes(-1, -2)
        if self.kind == "language-model":
            return numbers.argmax(-1).astype(np.int32)
        return np.ascontiguousarray(numbers)

    @property
    def minibatches(self):
        return list(zip(self.inputs, self.targets))

    @property
    def layers(self):
        """Names of a perceptron's matrices, in order."""
        return list(self.shapes)


class Work:
    """Something to call many times: `repeat(calls)` does so and says how often it did, which may be
    more; `values()` are the numbers that must be the same in all programs."""

    def restart(self):
        """Goes back to where the first call starts."""


class Solution(Work):
    """A result to be had at more or less effort: what is timed is the least that makes it as good as
    wanted. Each call has another seed."""

    def __init__(self, truth):
        self.truth, self.limit = truth["value"], truth["limit"]
        self.seed = 0

    def values(self):
        """The effort that the limit to the error takes."""
        try:
            self.effort, error = self.search()
        except Unreached as reason:
            return {"unreached": str(reason)}
        return {"effort": self.effort, "error": error, "limit": self.limit}

    def repeat(self, calls):
        for _ in range(calls):
            self.seed += 1
            self.solve(self.effort, self.seed)
        return calls


def cases():
    """Those in the directory given on the command line."""
    directory = pathlib.Path(sys.argv[1])
    descriptions = json.loads((directory / "networks.json").read_text())
    return [Case(directory, description) for description in descriptions]


def norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(np.asarray(a, dtype=np.float64))) for a in arrays)))


def time_calls(run, seconds):
    """Nanoseconds of one call, from as many as fill `seconds`; `run(n)` makes at least n and says how
    many."""
    run(1)
    calls, chunk = 0, 1
    start = clocks()
    while (wall := since(start)[0]) < seconds:
        calls += run(chunk)
        if since(start)[0] - wall < 2e-3:
            chunk *= 2
    wall, processor = since(start)
    return {"wall": wall * 1e9 / calls, "processor": processor * 1e9 / calls}


def serve(library, version, works):
    """`works` maps (work, variant) to a function that makes an object with `restart`, `repeat` and
    `values`; it is made when first asked for, since that may compile."""
    made = {}

    def answer(what):
        print(json.dumps(what), flush=True)

    answer(
        {
            "library": library,
            "version": version,
            "python": platform.python_version(),
            "cpu": cpu_model(),
            "works": list(works),
        }
    )
    for line in sys.stdin:
        request = json.loads(line)
        key = request["work"], request["variant"]
        if key not in made:
            made[key] = works[key]()
        work = made[key]
        if request["seconds"] is None:
            answer(work.values())
        else:
            work.restart()
            answer(time_calls(work.repeat, request["seconds"]))
