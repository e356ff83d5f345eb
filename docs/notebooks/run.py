"""Runs the notebooks of this folder from their first cell to their last.

`python run.py` writes what came out into the files; `python run.py --check` leaves them as they are, and fails where a cell fails,
where a notebook draws nothing, or where a cell of a stored notebook has no output that a run gives.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
#: Seconds that a cell may take.
TIMEOUT = 300


def pictures(cell: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def run(path: Path, check: bool) -> str | None:
    """Why the notebook is not as it must be, if it is not."""
    stored = nbformat.read(path, as_version=4)
    fresh = copy.deepcopy(stored)
    NotebookClient(fresh, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    if not any(pictures(cell) for cell in fresh.cells):
        return "it draws nothing"
    if check:
        for number, (before, now) in enumerate(zip(stored.cells, fresh.cells)):
            if pictures(before) != pictures(now) or bool(before.get("outputs")) != bool(now.get("outputs")):
                return f"cell {number} is stored without what it shows: python docs/notebooks/run.py writes it"
        return None
    # Times of a run are no part of it.
    for cell in fresh.cells:
        cell.metadata.pop("execution", None)
    fresh.metadata["language_info"] = {"name": "python"}
    nbformat.write(fresh, path)
    return None


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__)
        return 2
    failed = 0
    for path in sorted(FOLDER.glob("*.ipynb")):
        reason = run(path, check)
        print(f"{path.name}: {reason or 'runs'}")
        failed += reason is not None
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
