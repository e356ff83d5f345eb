"""The compiled half of the package. Its names are not for other packages, but for those that ``thalweg`` gives on."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Density",
    "Measurements",
    "Problem",
    "Simulated",
    "SweepFollower",
    "Trained",
    "__version__",
    "alignment",
    "check_symmetry",
    "contrast",
    "covariance_trace",
    "density",
    "density_vectors",
    "design",
    "diagnose",
    "diagnose_file",
    "diagnose_tokens",
    "eigen_room",
    "eigen_tolerance",
    "eigenpairs",
    "evaluation_set",
    "flow",
    "fluctuation",
    "group_mean",
    "load",
    "measure",
    "memory_left",
    "minimum",
    "networks",
    "predict",
    "residuals",
    "restore_density",
    "restore_measurements",
    "restore_problem",
    "restore_simulated",
    "restore_trained",
    "sample_mean",
    "sample_ratio",
    "simulate",
    "specification",
    "sweep_plan",
    "sweep_run",
    "sweep_status",
    "sweep_store",
    "sweep_table",
    "trace",
    "trace_vectors",
    "train",
    "write_measurement",
]

__version__: str

@final
class Problem:
    def __new__(
        cls,
        *,
        depth: int,
        input_covariance: ArrayLike,
        teacher: ArrayLike,
        noise_covariance: ArrayLike,
        hidden_widths: Sequence[int] | NDArray[Any] | None = None,
    ) -> Problem: ...
    @property
    def depth(self) -> int: ...
    @property
    def widths(self) -> list[int]: ...
    @property
    def hidden_widths(self) -> list[int]: ...
    @property
    def parameters(self) -> int: ...
    @property
    def input_covariance(self) -> NDArray[np.float64]: ...
    @property
    def teacher(self) -> NDArray[np.float64]: ...
    @property
    def noise_covariance(self) -> NDArray[np.float64]: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def known_digits(self) -> int: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Measurements:
    @property
    def seed(self) -> NDArray[np.int64]: ...
    @property
    def step(self) -> NDArray[np.int64]: ...
    @property
    def slow_time(self) -> NDArray[np.float64]: ...
    @property
    def quantity(self) -> NDArray[np.str_]: ...
    @property
    def value(self) -> NDArray[np.float64]: ...
    @property
    def quantities(self) -> list[str]: ...
    @property
    def seeds(self) -> list[int]: ...
    def series(self, quantity: str, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
    def mean(self, quantity: str) -> dict[str, NDArray[Any]]: ...
    def to_dict(self) -> dict[str, NDArray[Any]]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...

@final
class Simulated:
    def answer(self) -> tuple[dict[str, Any], dict[str, Any]]: ...
    def specification(self) -> dict[str, Any]: ...
    def toml(self) -> str: ...
    def problem(self) -> Problem: ...
    def measurements(self) -> Measurements: ...
    def outcomes(self) -> dict[int, int | None]: ...

@final
class Trained:
    def answer(self) -> dict[str, Any]: ...
    def specification(self) -> dict[str, Any]: ...
    def toml(self) -> str: ...
    def measurements(self) -> Measurements: ...
    def outcomes(self) -> dict[int, int | None]: ...

def predict(
    problem: Problem,
    learning_rate: float | None,
    batch: int | None,
    recipe: dict[str, Any],
    spectrum: bool | None,
    simulate_seconds: float,
) -> dict[str, Any]: ...
def diagnose(
    inputs: ArrayLike,
    targets: ArrayLike,
    target_names: list[str],
    classes: bool,
    asked: dict[str, Any],
) -> dict[str, Any]: ...
def diagnose_file(
    path: str | PathLike[str],
    columns: tuple[list[str], list[str], bool],
    asked: dict[str, Any],
) -> dict[str, Any]: ...
def diagnose_tokens(path: str | PathLike[str], asked: dict[str, Any]) -> dict[str, Any]: ...
def design(
    problem: Problem,
    learning_rate: float,
    batch: int,
    target: tuple[str, float],
    by: list[str] | None,
    seconds: float,
    recipe: dict[str, Any],
) -> dict[str, Any]: ...
def minimum(
    problem: Problem,
    learning_rate: float | None,
    batch: int | None,
    recipe: dict[str, Any],
) -> list[NDArray[np.float64]]: ...
def flow(
    problem: Problem,
    start_weights: Sequence[ArrayLike] | None,
    slow_time: ArrayLike | None,
    learning_rate: float | None,
    batch: int | None,
    steps: int | Sequence[int] | NDArray[Any] | None,
    drift: str,
    seed: int,
    init: object | None,
    recipe: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]: ...
def simulate(
    experiment: Mapping[str, Any] | str | PathLike[str] | Problem,
    changes: dict[str, Any],
    out: str | PathLike[str] | None,
    progress: Callable[[int, int], object] | None,
) -> tuple[Simulated, int | None]: ...
def train(
    experiment: Mapping[str, Any] | str | PathLike[str],
    changes: dict[str, Any],
    out: str | PathLike[str] | None,
    progress: Callable[[int, int], object] | None,
) -> tuple[Trained, int | None]: ...
def networks(directory: str | PathLike[str]) -> dict[int, dict[str, NDArray[np.float64]]]: ...
def sweep_plan(given: object) -> dict[str, Any]: ...
def sweep_store(given: object, out: str | PathLike[str] | None) -> Path: ...
def sweep_run(
    store: str | PathLike[str],
    cells: Sequence[int] | None,
    retry: bool,
    progress: Callable[[int, int], object] | None,
) -> dict[str, int]: ...
@final
class SweepFollower:
    def __new__(cls, store: str | PathLike[str]) -> SweepFollower: ...
    def counts(self, cells: Sequence[int] | None = None) -> tuple[int, int, int]: ...

def sweep_status(store: str | PathLike[str]) -> dict[str, Any]: ...
def sweep_table(store: str | PathLike[str], curves: bool, out: str | PathLike[str] | None) -> Path: ...
def contrast(runs: Sequence[str | PathLike[str]]) -> dict[str, Any]: ...
def load(directory: str | PathLike[str]) -> Simulated | Trained: ...
def measure(
    target: str | PathLike[str],
    specification: Mapping[str, Any] | str | PathLike[str] | None,
    seed: int | None,
    samples: int | None,
    evaluation_seed: int | None,
    on: str,
    top: int,
    landscape: bool,
    trace_products: int,
    out: str | PathLike[str] | None,
    progress: Callable[[int, int], object] | None,
) -> dict[str, Any]: ...

# Curvature. An operator is a `thalweg._operator.Arrays`, or, where vectors are kept elsewhere, a `thalweg._singles.Singles` or a
# `thalweg._tensors.Tensors`.

#: Value, error, kind of error, products, converged.
_Numbers = tuple[float, float, Literal["rounding", "standard-error", "residual"], int, bool]

@final
class Density:
    def range(self) -> tuple[float, float]: ...
    def moment(self, power: int) -> _Numbers: ...
    def cumulative(self, bound: float) -> _Numbers: ...
    def smoothed(self, point: float, width: float) -> _Numbers: ...
    def drawn_width(self) -> float: ...
    def curve(self, points: int, width: float) -> list[list[float]]: ...
    def text(self) -> str: ...

def eigenpairs(
    operator: object,
    k: int,
    end: str,
    tolerance: float,
    max_products: int | None,
    basis: int | None,
    warm: tuple[Any, int] | None,
    seed: int,
) -> tuple[list[_Numbers], Any]: ...
def trace(
    operator: object, products: int, method: str, tolerance: float, seed: int
) -> _Numbers: ...
def density(operator: object, probes: int, steps: int, seed: int) -> Density: ...
def check_symmetry(operator: object, epsilon: float, seed: int) -> None: ...
def eigen_tolerance(epsilon: float) -> float: ...
def eigen_room(n: int, k: int, max_products: int | None, basis: int | None) -> tuple[int, int]: ...
def trace_vectors(n: int, products: int, method: str) -> int: ...
def density_vectors(n: int, probes: int, steps: int) -> int: ...
def memory_left() -> int | None: ...
def write_measurement(measurement: Mapping[str, Any], directory: str | PathLike[str]) -> str: ...
def evaluation_set(
    experiment: Mapping[str, Any] | str | PathLike[str],
    samples: int | None,
    seed: int | None,
    run: int | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def specification(
    given: Mapping[str, Any] | str | PathLike[str],
) -> dict[str, Any]: ...
def fluctuation(loss: object) -> dict[str, Any]: ...
def residuals(
    residuals: ArrayLike, output_curvature: ArrayLike, classes: tuple[int, int] | None
) -> dict[str, Any]: ...
def covariance_trace(norms: ArrayLike, slopes: ArrayLike, mean: float) -> dict[str, Any]: ...
def group_mean(value: float, standard_error: float, groups: int) -> dict[str, Any]: ...
def sample_mean(values: ArrayLike) -> dict[str, Any]: ...
def sample_ratio(above: ArrayLike, below: ArrayLike) -> dict[str, Any] | None: ...
def alignment(
    hessian: tuple[list[float], list[float], list[bool], ArrayLike],
    covariance: tuple[list[float], list[float], list[bool], ArrayLike],
    count: int,
) -> dict[str, Any]: ...

# How pickle brings them back.
def restore_density(text: str) -> Density: ...
def restore_problem(
    depth: int,
    input_covariance: ArrayLike,
    teacher: ArrayLike,
    noise_covariance: ArrayLike,
    hidden_widths: list[int],
    mended: list[str],
) -> Problem: ...
def restore_measurements(
    seed: list[int], step: list[int], slow_time: list[float], quantity: list[str], value: list[float]
) -> Measurements: ...
def restore_simulated(
    toml: str, mended: list[str], measurements: Measurements, outcomes: dict[int, int | None]
) -> Simulated: ...
def restore_trained(toml: str, measurements: Measurements, outcomes: dict[int, int | None]) -> Trained: ...
