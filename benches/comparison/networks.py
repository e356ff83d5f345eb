"""Networks against JAX, PyTorch, PyHessian and curvlinops: training steps, Hessian products, fluctuation,
curvature to a given accuracy.

Starts each program once and lets them take turns, round by round, at each piece of work; before any
is timed all must have found the same numbers. Reports medians over rounds and their ratios.
"""

import json
import statistics
import subprocess
import sys
import tempfile

from . import BASELINES

OURS = "thalweg"
BASELINE_PROGRAMS = ("jax", "torch", "pyhessian", "curvlinops")

# What each piece of work should at least be ahead by.
WANTED = {
    "step mlp": {"jax": 6, "torch": 100},
    "step transformer": {"jax": 2.5, "torch": 10},
    "step mnist": {"jax": 1.15, "torch": 1.6},
    "step text": {"jax": 1, "torch": 1},
    "hvp mlp": {"jax": 5, "torch": 60},
    "hvp transformer": {"jax": 2.5, "torch": 12},
    "hvp mnist": {"jax": 1, "torch": 1.2},
    "fluctuation mnist": {"torch": 80},
    "train mlp, 16 seeds, batch 100": {"jax": 10},
    "train transformer, 16 seeds, batch 300": {"jax": 4},
    "lambda_max mnist": {"pyhessian": 3, "curvlinops": 3},
    "trace mnist": {"pyhessian": 3, "curvlinops": 3},
}

# Relative differences that single precision leaves; steps amplify them, and losses of other samples of the same law scatter by
# a few thousandths, and those of networks trained on them by a few hundredths.
TOLERANCE = {"moved": 1e-3, "fresh_loss": 2e-2, "trained_loss": 5e-2}
OTHER_TOLERANCE = 1e-4

# How variants are named whose arrays have the samples first, as most programs have.
USUAL_LAYOUT = "samples first"

# A variant this much slower in the first round than the best of its program and layout has no part in the
# others.
HOPELESS = 1.5


class Program:
    """A running program that answers a line of JSON with a line of JSON."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.hello = self.read()
        self.library = self.hello["library"]
        self.variants = {}
        for work, variant in self.hello["works"]:
            self.variants.setdefault(work, []).append(variant)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[:2]} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, work, variant, seconds=None):
        request = {"work": work, "variant": variant, "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def add_arguments(parser):
    parser.add_argument("--only", default="", help="only the work whose name contains this")
    parser.add_argument(
        "--baselines", nargs="+", choices=BASELINE_PROGRAMS, default=BASELINE_PROGRAMS, help="those that the Python has"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each time of a round")
    parser.add_argument("--quick", action="store_true", help="three rounds of 0.1 s")


def compare(arguments, harness):
    if arguments.quick:
        arguments.rounds, arguments.seconds = 3, 0.1
    with tempfile.TemporaryDirectory() as directory:
        ours = Program([harness, "networks", "--serve", directory])
        theirs = [
            Program([arguments.python, BASELINES / f"{name}_networks.py", directory])
            for name in arguments.baselines
        ]
        programs = [ours] + theirs
        results = [
            measure(work, programs, arguments) for work in ours.variants if arguments.only in work
        ]
        for program in programs:
            program.end()
    machine = {key: programs[-1].hello[key] for key in ("cpu", "python")}
    return {
        "machine": machine | {program.library: program.hello["version"] for program in programs},
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "work": results,
    }


def measure(work, programs, arguments):
    """Times one piece of work in all programs that do it, prints it and returns it."""
    contestants = [
        (program, variant) for program in programs for variant in program.variants.get(work, [])
    ]
    values = [program.ask(work, variant) for program, variant in contestants]
    agree(work, contestants, values)
    found = dict(zip(contestants, values))
    contestants = [contestant for contestant in contestants if "unreached" not in found[contestant]]
    times = {contestant: [] for contestant in contestants}
    for _ in range(arguments.rounds):
        for contestant in contestants:
            program, variant = contestant
            times[contestant].append(program.ask(work, variant, arguments.seconds))
        contestants = [c for c in contestants if worthwhile(c, times)]
    medians = [
        {
            "library": program.library,
            "variant": variant,
            "values": found[program, variant],
            "rounds": len(rounds),
            "us": {
                clock: statistics.median(time[clock] for time in rounds) / 1e3
                for clock in ("wall", "processor")
            },
        }
        for (program, variant), rounds in times.items()
    ]
    ratios = ratios_of(work, medians)
    show(work, medians, ratios)
    return {"work": work, "times": medians, "ratios": ratios}


def agree(work, contestants, found):
    """Stops where programs have not found the same numbers, or not with the accuracy asked for."""
    expected = found[0]
    for (program, variant), values in zip(contestants, found):
        who = f"{work}, {program.library}, {variant}"
        if "unreached" in values:
            print(f"{who}: not accurate enough at any effort: {values['unreached']}", file=sys.stderr)
            continue
        if "error" in values:
            if not values["error"] <= values["limit"]:
                raise SystemExit(f"{who}: error {values['error']}")
            continue
        for name, value in values.items():
            difference = abs(value - expected[name]) / abs(expected[name])
            # Not a number is no agreement either.
            if not difference <= TOLERANCE.get(name, OTHER_TOLERANCE):
                raise SystemExit(f"{who}: {name} is {value}, and {expected[name]} in ours")


def worthwhile(contestant, times):
    program, _ = contestant
    if program.library == OURS:
        return True
    usual = lambda c: c[1].startswith(USUAL_LAYOUT)
    first = lambda c: times[c][0]["processor"]
    best = min(first(c) for c in times if c[0] is program and usual(c) == usual(contestant))
    return first(contestant) <= HOPELESS * best


def ratios_of(work, medians):
    """Each library's fastest variant to ours as it stands first, by both clocks; where there are two
    layouts, the usual one for itself too."""
    ours, ratios = medians[0], []
    groups = {}
    for row in medians[1:]:
        if row["library"] != OURS:
            groups.setdefault(row["library"], []).append(row)
            if row["variant"].startswith(USUAL_LAYOUT):
                groups.setdefault(f"{row['library']}, {USUAL_LAYOUT}", []).append(row)
    for group, rows in groups.items():
        best = min(rows, key=lambda row: row["us"]["processor"])
        ratios.append(
            {
                "library": group,
                "variant": best["variant"],
                "wanted": WANTED.get(work, {}).get(best["library"]),
            }
            | {clock: best["us"][clock] / ours["us"][clock] for clock in ("wall", "processor")}
        )
    return ratios


def show(work, medians, ratios):
    print(f"\n{work:<44}{'µs, wall':>12}{'processor':>12}{'rounds':>8}")
    for row in medians:
        name = f"{row['library']}: {row['variant']}"
        values = row["values"]
        effort = f"  effort {values['effort']:.3g}, error {values['error']:.2g}" if "error" in values else ""
        print(
            f"  {name:<42}{row['us']['wall']:>12.4g}{row['us']['processor']:>12.4g}{row['rounds']:>8}{effort}"
        )
    for ratio in ratios:
        wanted = f"wanted {ratio['wanted']}" if ratio["wanted"] else ""
        print(
            f"  {ratio['library'] + ' / ' + OURS:<42}{ratio['wall']:>12.3g}{ratio['processor']:>12.3g}  {wanted}"
        )
    sys.stdout.flush()
