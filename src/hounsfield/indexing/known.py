"""Which files of an index are still what they were: by path, size and time of the last change."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.indexing.places import Other, Place, microseconds, shown

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Known"]

CHUNK = 4096


class Known:
    """The files of an index: some thirty bytes for each, so as to hold millions.

    Several may have one path and one size, as members of archives do: they are told by their order.

    Parameters
    ----------
    tables : iterable of pyarrow.Table or pyarrow.RecordBatch
        With the columns path, size and mtime, in the order of the index.

    Attributes
    ----------
    kept : ndarray of bool
        Of each row of the index, whether its file was found again by `changed`, as it was.
    """

    def __init__(self, tables: Iterable[Any]) -> None:
        column = array("q")  # which grows where it is
        for table in tables:
            column.extend(_hashes(table))
        hashes = np.frombuffer(column, np.int64)
        self._rows = np.argsort(hashes, kind="stable")
        hashes[:] = hashes[self._rows]
        self._hashes = hashes
        self._found = np.zeros(len(hashes), np.uint32)  # of each hash, where it stands first
        self.kept = np.zeros(len(hashes), np.bool_)

    def changed(self, places: Iterable[Place]) -> Iterator[Place]:
        """Give those that are not in the index as they are; the others' rows are `kept`."""
        left = iter(places)
        while chunk := list(islice(left, CHUNK)):
            looks = [_look(place) for place in chunk]
            told = np.flatnonzero([look is not None for look in looks])
            hashes = np.array([look for look in looks if look is not None], np.int64)
            same = np.zeros(len(chunk), np.bool_)
            same[told[self._take(hashes)]] = True
            yield from (place for place, is_same in zip(chunk, same, strict=True) if not is_same)

    def _take(self, hashes: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """Keep a row for each hash there is one left for, and give which these are."""
        first = np.searchsorted(self._hashes, hashes)
        found: npt.NDArray[np.intp] = np.flatnonzero(first < len(self._hashes))
        found = found[self._hashes[first[found]] == hashes[found]]
        first = first[found]
        at = first + self._found[first] + _how_manyth(first)
        np.add.at(self._found, first, 1)
        there = np.flatnonzero(at < len(self._hashes))
        there = there[self._hashes[at[there]] == hashes[found[there]]]
        self.kept[self._rows[at[there]]] = True
        taken: npt.NDArray[np.intp] = found[there]
        return taken


def _how_manyth(values: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of each value, how many equal ones stand before it."""
    order = np.argsort(values, kind="stable")
    in_order = values[order]
    places = np.arange(len(values))
    counts = np.empty_like(places)
    counts[order] = places - np.searchsorted(in_order, in_order)
    return counts


def _hashes(table: Any) -> Iterator[int]:
    """Of the path, size and mtime of each row."""
    times = table["mtime"].cast("int64")
    return map(hash, zip(*(each.to_pylist() for each in (table["path"], table["size"], times)), strict=True))


def _look(place: Place) -> int | None:
    """The same of a file as it is now; None where that cannot be told."""
    if isinstance(place, Other):
        origin, time = place.origin, microseconds(place.origin)
        if origin.size is not None and time is not None:
            return hash((shown(origin.name), origin.size, time))
    elif isinstance(place, str):
        try:
            status = os.stat(place)  # noqa: PTH116 - Path takes twice as long
            return hash((shown(place), status.st_size, status.st_mtime_ns // 1000))
        except (OSError, ValueError):
            pass
    return None
