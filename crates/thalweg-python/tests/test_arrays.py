"""Arrays of any type and layout are taken, and what is none is refused by its name."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import thalweg


def random_problem() -> dict[str, Any]:
    random = np.random.default_rng(5)
    inputs, outputs = (random.standard_normal((n, n)) for n in (4, 3))
    return {
        "input_covariance": inputs @ inputs.T,
        "teacher": random.standard_normal((3, 4)),
        "noise_covariance": outputs @ outputs.T,
    }


def changed(change: Any) -> thalweg.Problem:
    return thalweg.Problem(depth=3, **{name: change(array) for name, array in random_problem().items()})


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array: np.ndarray) -> np.ndarray:
    wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]))
    wide[::2, ::3] = array
    return wide[::2, ::3]


def unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.empty(array.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(array.shape)
    memory[:] = array
    return memory


SAME = {
    "Fortran order": np.asfortranarray,
    "every second": strided,
    "backwards": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "read only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(">f8"),
    "lists": lambda array: array.tolist(),
    "tuples": lambda array: tuple(map(tuple, array.tolist())),
    "objects": lambda array: array.astype(object),
    "exact fractions": lambda array: [[Fraction(x) for x in row] for row in array.tolist()],
    "long doubles": lambda array: array.astype(np.longdouble),
    "records": lambda array: array.view(np.recarray),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_layouts_change_nothing(change: Any) -> None:
    plain, other = changed(lambda array: array), changed(change)
    assert other == plain
    assert thalweg.predict(other).to_dict() == thalweg.predict(plain).to_dict()


def test_single_precision_is_mended_and_noted() -> None:
    single = changed(lambda array: array.astype(np.float32))
    sharpness = thalweg.predict(changed(lambda array: array)).sharpness
    assert thalweg.predict(single).sharpness == pytest.approx(sharpness, rel=1e-4)
    halves = thalweg.Problem(
        depth=2,
        input_covariance=np.eye(2, dtype=np.float16),
        teacher=np.eye(2, dtype=int),
        noise_covariance=np.eye(2, dtype=bool),
    )
    assert thalweg.predict(halves).sharpness == pytest.approx(8.0)


def test_what_was_given_stays_as_it_was() -> None:
    given = random_problem()
    copies = {name: array.copy() for name, array in given.items()}
    problem = thalweg.Problem(depth=2, **given)
    given["teacher"][:] = 0
    np.testing.assert_array_equal(problem.teacher, copies["teacher"])
    with pytest.raises(ValueError, match="read-only"):
        problem.teacher[0, 0] = 1.0


WRONG = {
    "a list": ([1.0, 2.0], "with 1 dimension"),
    "a number": (1.0, "a single number"),
    "three dimensions": (np.zeros((2, 2, 2)), "3 dimensions"),
    "no numbers": ([["a", "b"], ["c", "d"]], "type is <U1"),
    "complex": (np.eye(2) + 0j, "complex128"),
    "ragged": ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    "an object": (object(), "real number"),
    "dates": (np.zeros((2, 2), "datetime64[s]"), "datetime64"),
    "not square": (np.zeros((2, 3)), "2 × 3"),
    "not finite": ([[1.0, 0.0], [0.0, np.nan]], "NaN"),
    "infinite": ([[np.inf, 0.0], [0.0, 1.0]], "inf"),
    "empty": (np.zeros((0, 0)), "0 × 0"),
    "not symmetric": ([[1.0, 0.5], [0.0, 1.0]], "symmetric"),
    "indefinite": (np.diag([1.0, -1.0]), "eigenvalue"),
    "huge": (np.eye(2) * 1e200, "1e200"),
    "None": (None, "it is None"),
}


@pytest.mark.parametrize("given, words", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("field", ["input_covariance", "noise_covariance"])
def test_no_covariance_is_refused_by_name(field: str, given: Any, words: str) -> None:
    fields = {"input_covariance": np.eye(2), "teacher": np.eye(2), "noise_covariance": np.eye(2)}
    with pytest.raises(ValueError, match=field) as caught:
        thalweg.Problem(depth=2, **{**fields, field: given})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "depth, widths, words",
    [
        (0, None, "depth"),
        (-1, None, "depth"),
        (2.5, None, "depth"),
        ("3", None, "depth"),
        (None, None, "depth"),
        (10**30, None, "depth"),
        (2**62, None, "depth"),
        (3, [2], "hidden_widths"),
        (3, [2, 0], "hidden"),
        (3, [2, 1], "rank"),
        (3, [2, -1], r"hidden_widths\[1\]"),
        (3, [2, 10**12], "hidden"),
        (3, 2, "hidden_widths"),
    ],
)
def test_wrong_networks_are_refused(depth: Any, widths: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        thalweg.Problem(
            depth=depth,
            input_covariance=np.eye(2),
            teacher=np.eye(2),
            noise_covariance=np.eye(2),
            hidden_widths=widths,
        )


def test_empty_and_huge_teachers() -> None:
    with pytest.raises(ValueError, match="teacher is 0 × 2"):
        thalweg.Problem(
            depth=2, input_covariance=np.eye(2), teacher=np.zeros((0, 2)), noise_covariance=np.zeros((0, 0))
        )
    # Ten million outputs: refused for lack of memory, or as it has no such covariance, and not tried.
    with pytest.raises(ValueError, match="memory|noise_covariance"):
        thalweg.Problem(
            depth=2, input_covariance=[[1.0]], teacher=np.zeros((10_000_000, 1)), noise_covariance=[[1.0]]
        )
