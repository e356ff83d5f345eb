"""The largest eigenvalue of large operators against SciPy and PyTorch, at the same true error.

The Python that is given has thalweg, built for release, beside SciPy and PyTorch. Each case is a process of its own, in which the tools take turns.
"""

import json
import subprocess
import sys

from . import BASELINES

#: Operator, n, single precision, true error.
CASES = [
    (operator, n, single, limit)
    for n in (1e5, 1e6)
    for operator in ("outliers", "power", "lattice")
    for single, limit in ((False, 1e-4), (False, 1e-8), (True, 1e-4))
] + [(operator, 1e7, True, 1e-4) for operator in ("outliers", "power", "lattice")]
#: Starts, and rounds, where a run takes long.
FEW, LONG = 1, 1e6
OURS = "thalweg"
HARNESS = False


def add_arguments(parser):
    parser.add_argument("--most", type=float, default=1e7, help="the largest n")
    parser.add_argument("--only", default="", help="cases with this in their operator's name")


def compare(arguments, harness):
    results = []
    for operator, n, single, limit in CASES:
        if n > arguments.most or arguments.only not in operator:
            continue
        command = [arguments.python, BASELINES / "eigenvalue_tools.py", "--operator", operator, "--n", str(n)]
        command += ["--limit", str(limit)] + ["--single"] * single
        if n >= LONG:
            command += ["--starts", str(FEW), "--rounds", str(FEW)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results.append(json.loads(done.stdout))
        show(results[-1])
        sys.stdout.flush()
    machine = {key: results[-1][key] for key in ("cpu", "versions")}
    return {"machine": machine, "results": results}


def show(result):
    print(f"{result['operator']}, n = {result['n']}, {result['dtype']}, error {result['limit']:g}")
    found = {name: tool for name, tool in result["tools"].items() if tool}
    best = min((tool["seconds"] for name, tool in found.items() if name.startswith(OURS)), default=None)
    usual = min((found[name]["seconds"] for name in ("thalweg", "thalweg, tensors") if name in found), default=None)
    for name, tool in result["tools"].items():
        if tool is None:
            print(f"  {name:28} does not reach it")
            continue
        ratios = ""
        if not name.startswith(OURS) and usual:
            ratios = f"  {tool['seconds'] / usual:.2f} times ours, {tool['seconds'] / best:.2f} times our best"
        print(
            f"  {name:28} {tool['seconds']:8.3f} s  {tool['products']:6.0f} products or steps  "
            f"error {tool['error']:.1e}{ratios}"
        )
