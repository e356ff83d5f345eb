"""One's own PyTorch model: curvature against other tools, and what a probe costs in a running loop.

The Python that is given has thalweg, built for release, beside PyTorch and the tools.
"""

import json
import os
import platform
import subprocess
import tempfile

from . import HERE

SCRIPTS = HERE / "python"
HARNESS = False


def add_arguments(parser):
    parser.add_argument("--models", nargs="+", default=["cnn", "gpt"], help="for curvature: cnn, gpt")
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison of curvature")
    parser.add_argument("--loops", nargs="*", default=["mlp", "cnn", "gpt"], help="for the probe: mlp, cnn, gpt")


def compare(arguments, harness):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(script, *more):
        command = [arguments.python, SCRIPTS / script, *more]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=SCRIPTS)
        print(done.stdout, flush=True)
        return done.stdout

    table = run("curvature_of_networks.py", "--models", *arguments.models, "--rounds", str(arguments.rounds))
    curvature = json.loads(table.splitlines()[-1])
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run("probe_overhead.py", *arguments.loops, "--full", "--json", file.name)
        probe = json.load(file)
    return {"machine": {"cpu": platform.processor() or platform.machine()}, "curvature": curvature, "probe": probe}
