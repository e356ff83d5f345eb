"""What the comparisons share: the arguments, the build, the pinned core, the result as JSON."""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
BASELINES = HERE / "baselines"
ROOT = HERE.parent


def main():
    from . import curvature, diagnose, networks, simulator, torch

    arguments = argparse.ArgumentParser(description=__doc__)
    suites = arguments.add_subparsers(required=True, metavar="suite")
    for suite in (simulator, networks, curvature, torch, diagnose):
        name = suite.__name__.split(".")[-1]
        parser = suites.add_parser(name, help=suite.__doc__.splitlines()[0])
        parser.add_argument("--python", default=sys.executable, help="one that has the baselines' libraries")
        parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
        parser.add_argument("--output", type=pathlib.Path, help="also write the result as JSON")
        suite.add_arguments(parser)
        parser.set_defaults(compare=suite.compare, harness=getattr(suite, "HARNESS", True))
    arguments = arguments.parse_args()

    if arguments.harness:
        subprocess.run(["cargo", "build", "--release", "-p", "thalweg-benches"], check=True, cwd=ROOT)
    harness = ROOT / "target" / "release" / "thalweg-benches"
    os.sched_setaffinity(0, {arguments.core})  # the programs started from here inherit it
    result = arguments.compare(arguments, harness)
    if arguments.output:
        write(arguments, result)


def write(arguments, result):
    """The result with where it comes from; its `machine` holds what the programs say of themselves."""
    text = lambda *command: subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
    machine = {"core": arguments.core, "rust": text("rustc", "--version")}
    result = {
        "date": datetime.date.today().isoformat(),
        "commit": text("git", "rev-parse", "HEAD"),
        "machine": result.pop("machine") | machine,
        "load_average": os.getloadavg(),
    } | result
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
