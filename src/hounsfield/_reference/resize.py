"""The kernel `resize` as plain loops from its definition (the oracle), and as NumPy (the fair baseline)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    from typing_extensions import Buffer

__all__ = ["resize", "resize_numpy"]

TYPES = {("B", 1), ("b", 1), ("H", 2), ("h", 2), ("I", 4), ("i", 4), ("L", 4), ("l", 4), ("f", 4)}
LONGEST, LONGEST_OUT, MOST_CHANNELS = 65535, 32767, 16


def resize(samples: Buffer | npt.NDArray[Any], out: npt.NDArray[np.float32]) -> None:
    """Do what the kernel's docstring says, one sample at a time."""
    source: Any = memoryview(samples)  # type: ignore[arg-type]
    target: Any = memoryview(out)  # type: ignore[arg-type]
    for view in (source, target):
        if (view.format.lstrip("@="), view.itemsize) not in TYPES:
            raise OptionError(f"items {view.format!r} of {view.itemsize} bytes cannot be resized")
        if view.ndim not in (2, 3) or 0 in view.shape:
            raise OptionError(f"the shape {view.shape} is not that of an image")
        expected = view.itemsize
        for size, stride in zip(reversed(view.shape[1:]), reversed(view.strides[1:]), strict=True):
            if size > 1 and stride != expected:
                raise OptionError("there are gaps within rows")
            expected *= size
    if target.format != "f" or source.ndim != target.ndim or source.shape[2:] != target.shape[2:]:
        raise OptionError("out is not float32, or differs from samples in its axes or channels")
    if max(source.shape[:2]) > LONGEST or max(target.shape[:2]) > LONGEST_OUT:
        raise OptionError("there are too many rows or columns")
    if source.ndim == 3 and source.shape[2] > MOST_CHANNELS:
        raise OptionError("there are too many channels")
    if np.may_share_memory(source, target):
        raise OptionError("out overlaps samples")

    down = _weights(source.shape[0], target.shape[0])
    across = _weights(source.shape[1], target.shape[1])
    scale = 1.0 / (sum(down[0].values()) * sum(across[0].values()))
    channels: list[tuple[int, ...]] = [(c,) for c in range(source.shape[2])] if source.ndim == 3 else [()]
    for i, rows in enumerate(down):
        for channel in channels:
            line = [
                _sum((source[(row, column, *channel)], weight) for row, weight in rows.items())
                for column in range(source.shape[1])
            ]
            for j, columns in enumerate(across):
                total = _sum((line[column], weight) for column, weight in columns.items())
                target[(i, j, *channel)] = total * scale


def _sum(products: Iterable[tuple[float, int]]) -> float:
    total = 0.0
    for value, weight in products:
        total += value * float(weight)
    return total


def _weights(length: int, out_length: int) -> list[dict[int, int]]:
    """Give for each sample of the result those that it is made of, with whole numbers as weights."""
    step = Fraction(length, out_length)
    weights: list[dict[int, Fraction]] = []
    for i in range(out_length):
        if out_length <= length:
            start, end = i * step, (i + 1) * step
            touched = range(math.floor(start), math.ceil(end))
            weights.append({j: min(end, Fraction(j + 1)) - max(start, Fraction(j)) for j in touched})
        else:
            at = min(max((i + Fraction(1, 2)) * step - Fraction(1, 2), Fraction(0)), Fraction(length - 1))
            left = math.floor(at)
            weights.append({left: left + 1 - at, left + 1: at - left} if at > left else {left: Fraction(1)})
    unit = step.denominator if out_length <= length else 2 * step.denominator
    return [{j: int(weight * unit) for j, weight in each.items()} for each in weights]


def resize_numpy(samples: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Resize as well as NumPy can: means of blocks, else a matrix product, or two weighted neighbours."""
    values = _along_rows(samples, rows)
    return np.ascontiguousarray(_along_rows(values.swapaxes(0, 1), columns).swapaxes(0, 1))


def _along_rows(samples: npt.NDArray[Any], out_length: int) -> npt.NDArray[np.float32]:
    length = len(samples)
    if length == out_length:
        return samples.astype(np.float32, copy=False)
    i = np.arange(out_length)
    if length % out_length == 0:
        blocks = samples.reshape(out_length, length // out_length, *samples.shape[1:])
        mean: npt.NDArray[np.float32] = blocks.mean(axis=1, dtype=np.float32)
        return mean
    if length > out_length:
        edges, j = np.arange(out_length + 1) * (length / out_length), np.arange(length)
        below = np.minimum(edges[1:, None], j + 1) - np.maximum(edges[:-1, None], j)
        weights = (np.maximum(below, 0) * (out_length / length)).astype(np.float32)
        return np.tensordot(weights, samples.astype(np.float32, copy=False), axes=1)
    at = np.clip((i + 0.5) * (length / out_length) - 0.5, 0, length - 1)
    left = np.minimum(at.astype(np.intp), max(length - 2, 0))
    part = (at - left).astype(np.float32).reshape(-1, *[1] * (samples.ndim - 1))
    values = samples.astype(np.float32, copy=False)
    right = np.minimum(left + 1, length - 1)
    between: npt.NDArray[np.float32] = values[left] * (1 - part) + values[right] * part
    return between
