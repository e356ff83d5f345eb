"""The simulator of deep linear networks against JAX and PyTorch.

Alternates the programs pass by pass, so that whatever else the machine does falls on all of them;
reports medians over passes and their ratios.
"""

import json
import statistics
import subprocess
import sys

from . import BASELINES

PROBLEM = "D=3 d=2 B=10"
OURS_MANY, OURS_ONE = PROBLEM, PROBLEM + ", one seed"


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def one_pass(harness, python):
    """Microseconds per seed-step by name, wall clock and processor time, and what produced them."""
    times, makers = {}, {}
    ours = run([harness, "simulator", "--json", "--rounds", "3", "--only", PROBLEM])
    for timing in ours["timings"]:
        if timing["name"] in (OURS_MANY, OURS_ONE):
            name = f"thalweg, {timing['seeds']} seed{'s' * (timing['seeds'] > 1)}"
            times[name] = (timing["ns_per_seed_step"] / 1e3, timing["cpu_ns_per_seed_step"] / 1e3)
    for script in ("jax_sgd.py", "torch_sgd.py"):
        report = run([python, BASELINES / script, "--rounds", "3"])
        makers[report["library"]] = report["version"]
        makers["cpu"], makers["python"] = report["cpu"], report["python"]
        for result in report["results"]:
            name = f"{report['library']} {result['name']}"
            times[name] = (result["us_per_seed_step"], result["cpu_us_per_seed_step"])
    return times, makers


def best(medians, prefix, suffix):
    """The fastest variant: the comparison is with the best that the other library can do."""
    return min(
        (name for name in medians if name.startswith(prefix) and name.endswith(suffix)),
        key=lambda name: medians[name][0],
    )


def add_arguments(parser):
    parser.add_argument("--passes", type=int, default=5)


def compare(arguments, harness):
    passes = []
    for number in range(arguments.passes):
        times, makers = one_pass(harness, arguments.python)
        passes.append(times)
        print(f"pass {number + 1} of {arguments.passes} done", file=sys.stderr)
    medians = {
        name: tuple(statistics.median(times[name][clock] for times in passes) for clock in (0, 1))
        for name in passes[0]
    }

    many, one = "thalweg, 16 seeds", "thalweg, 1 seed"
    ratios = [
        (best(medians, "jax", "16 seeds"), many, 50),
        (best(medians, "jax", "1 seed"), one, None),
        ("torch eager", many, 1000),
        ("torch eager", one, None),
    ]
    print(f"{'µs per seed and step':<28}{'wall':>10}{'processor':>12}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:<28}{wall:>10.4g}{cpu:>12.4g}")
    print(f"\n{'ratio':<44}{'wall':>8}{'processor':>12}   wanted")
    rows = []
    for theirs, ours, wanted in ratios:
        wall, cpu = (medians[theirs][clock] / medians[ours][clock] for clock in (0, 1))
        rows.append({"theirs": theirs, "ours": ours, "wall": wall, "processor": cpu, "wanted": wanted})
        goal = f"{wanted}" if wanted else "-"
        print(f"{theirs + ' / ' + ours:<44}{wall:>8.0f}{cpu:>12.0f}   {goal}")

    return {
        "machine": makers,
        "passes": arguments.passes,
        "us_per_seed_step": {n: {"wall": w, "processor": c} for n, (w, c) in medians.items()},
        "ratios": rows,
    }
