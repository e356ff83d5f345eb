"""Progress of long work: a function of the caller's, or a bar of tqdm's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Union

#: Called with what is done and all that is to be done; ``True`` is a bar.
Progress = Union[Callable[[int, int], object], bool, None]


@contextmanager
def told(progress: Progress, unit: str) -> Iterator[Callable[[int, int], object] | None]:
    """The function to call, if any."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("progress=True needs tqdm: pip install 'thalweg[progress]'") from error
        with tqdm(unit=unit) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show
    elif callable(progress):
        yield progress
    else:
        raise ValueError(f"`progress` is {progress!r}: a function of two numbers, True or None is needed")
