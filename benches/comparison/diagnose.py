"""A diagnosis of a table against NumPy and PyTorch: covariance by cross-fitting, its condition number's interval, both tests.

Programs take turns as for networks. Before any is timed, our condition number must lie within the scatter that PyTorch's has
over other splits of the rows into parts, and both intervals must be as wide.
"""

import tempfile

from . import BASELINES
from .networks import Program, measure


def add_arguments(parser):
    parser.add_argument("--only", default="", help="only the table whose name contains this")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each time of a round")


def compare(arguments, harness):
    with tempfile.TemporaryDirectory() as directory:
        ours = Program([harness, "diagnose", "--serve", directory])
        theirs = Program([arguments.python, BASELINES / "torch_diagnose.py", directory])
        works = [work for work in ours.variants if arguments.only in work]
        results = [measure(work, [ours, theirs], arguments) for work in works]
        for program in (ours, theirs):
            program.end()
    machine = {key: theirs.hello[key] for key in ("cpu", "python")}
    return {
        "machine": machine | {program.library: program.hello["version"] for program in (ours, theirs)},
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "work": results,
    }
