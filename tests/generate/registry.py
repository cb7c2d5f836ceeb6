"""What a case is, and all of them by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """A file, and what is in it.

    Attributes
    ----------
    syntax : str
        UID of the transfer syntax.
    data : bytes
        The file.
    expected : ndarray
        What `pixel_array` is to be, in dtype and shape too; colour as RGB, palettes as indices.
    tolerance : int
        How far a sample may be from it: 0 for lossless syntaxes.
    mean : float
        How far all samples may be from it on average.
    palette : ndarray or None
        (entries, 3), the palette as it stands in the file after expansion.
    raw : ndarray or None
        The samples before any conversion of colour, where they are known and not `expected`.
    note : str
    """

    syntax: str
    data: bytes
    expected: np.ndarray
    tolerance: int = 0
    mean: float = 0.0
    palette: np.ndarray | None = None
    raw: np.ndarray | None = None
    note: str = ""


class UnavailableError(Exception):
    """An encoder is not installed."""


Make = Callable[..., Case]
CASES: dict[str, Callable[[], Case]] = {}


def cases(name: str, values: Sequence[Any] = ((),)) -> Callable[[Make], Make]:
    """Register a function once for each of values; they are its arguments, and fill the name's braces."""

    def register(make: Make) -> Make:
        for value in values:
            arguments = value if isinstance(value, tuple) else (value,)
            key = name.format(*arguments)
            assert key not in CASES, key
            CASES[key] = functools.partial(make, *arguments)
        return make

    return register


@functools.cache
def case(name: str) -> Case:
    """Make one; `UnavailableError` tells which encoder is missing."""
    return CASES[name]()


def names(*starts: str) -> list[str]:
    """Names of all cases, or of those that begin with one of these."""
    return [name for name in CASES if not starts or name.startswith(starts)]
