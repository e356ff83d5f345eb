"""The simulator of deep linear networks against JAX and PyTorch.

Alternates the programs pass by pass, so that whatever else the machine does falls on all of them;
reports medians over passes and their ratios.
"""

import json
import statistics
import subprocess
import sys

from . import BASELINES

SIZES = (2, 5, 8, 16)
# Steps of JAX in a round: a multiple of 1000.
STEPS = {2: 20_000, 5: 8000, 8: 4000, 16: 2000}
# JAX's time over ours, with 16 seeds.
WANTED = {2: 50, 5: 40, 8: 30, 16: 15}


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def one_pass(harness, python):
    """Microseconds per seed-step by name, wall clock and processor time, and what produced them."""
    times, makers = {}, {}
    reports = [run([python, BASELINES / "torch_sgd.py", "--rounds", "3"])]
    for size in SIZES:
        problem = f"D=3 d={size} B=10"
        ours = run([harness, "simulator", "--json", "--rounds", "3", "--only", problem])
        for timing in ours["timings"]:
            if timing["name"] in (problem, problem + ", one seed"):
                name = f"thalweg, d = {size}, {timing['seeds']} seed{'s' * (timing['seeds'] > 1)}"
                times[name] = (timing["ns_per_seed_step"] / 1e3, timing["cpu_ns_per_seed_step"] / 1e3)
        arguments = ["--rounds", "3", "--dim", str(size), "--steps", str(STEPS[size])]
        reports.append(run([python, BASELINES / "jax_sgd.py", *arguments]))
    for report in reports:
        makers[report["library"]] = report["version"]
        makers["cpu"], makers["python"] = report["cpu"], report["python"]
        for result in report["results"]:
            name = f"{report['library']}, d = {report['problem']['dim']}, {result['name']}"
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

    many, one = "thalweg, d = 2, 16 seeds", "thalweg, d = 2, 1 seed"
    ratios = [
        (best(medians, f"jax, d = {size},", "16 seeds"), f"thalweg, d = {size}, 16 seeds", WANTED[size])
        for size in SIZES
    ]
    ratios += [
        (best(medians, "jax, d = 2,", "1 seed"), one, None),
        ("torch, d = 2, eager", many, 1000),
        ("torch, d = 2, eager", one, None),
    ]
    print(f"{'µs per seed and step':<34}{'wall':>10}{'processor':>12}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:<34}{wall:>10.4g}{cpu:>12.4g}")
    print(f"\n{'ratio':<62}{'wall':>8}{'processor':>12}   wanted")
    rows = []
    for theirs, ours, wanted in ratios:
        wall, cpu = (medians[theirs][clock] / medians[ours][clock] for clock in (0, 1))
        rows.append({"theirs": theirs, "ours": ours, "wall": wall, "processor": cpu, "wanted": wanted})
        goal = f"{wanted}" if wanted else "-"
        print(f"{theirs + ' / ' + ours:<62}{wall:>8.0f}{cpu:>12.0f}   {goal}")

    return {
        "machine": makers,
        "passes": arguments.passes,
        "us_per_seed_step": {n: {"wall": w, "processor": c} for n, (w, c) in medians.items()},
        "ratios": rows,
    }
