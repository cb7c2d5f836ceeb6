"""Which files of an index are still what they were: by path, size and time of the last change."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.indexing.reading import Other, Place, microseconds, shown

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Known"]

CHUNK = 4096


class Known:
    """The files of an index: some thirty bytes for each, so as to hold millions.

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
        columns = array("q"), array("q"), array("q")  # which grow where they are
        for table in tables:
            for column, numbers in zip(columns, _numbers(table), strict=True):
                column.frombytes(numbers.tobytes())
        hashes, sizes, times = (np.frombuffer(column, np.int64) for column in columns)
        self._rows = np.argsort(hashes, kind="stable")
        for each in (hashes, sizes, times):
            each[:] = each[self._rows]
        self._hashes, self._sizes, self._times = hashes, sizes, times
        self.kept = np.zeros(len(hashes), np.bool_)

    def changed(self, places: Iterable[Place]) -> Iterator[Place]:
        """Give those that are not in the index as they are; the others' rows are `kept`."""
        left = iter(places)
        while chunk := list(islice(left, CHUNK)):
            hashes, sizes, times = np.array([_look(place) for place in chunk], np.int64).T
            at = np.searchsorted(self._hashes, hashes)
            at[at == len(self._hashes)] = 0
            same = (sizes >= 0) & (len(self._hashes) > 0)
            if len(self._hashes):
                for known, now in ((self._hashes, hashes), (self._sizes, sizes), (self._times, times)):
                    same &= known[at] == now
                self.kept[self._rows[at[same]]] = True
            yield from (place for place, is_same in zip(chunk, same, strict=True) if not is_same)


def _numbers(table: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Hash of the path, size and mtime of each row; -1 where one is null."""
    hashes = [hash(path) for path in table["path"].to_pylist()]
    sizes = table["size"].fill_null(-1).to_numpy()
    times = table["mtime"].cast("int64").fill_null(-1).to_numpy()
    return np.array(hashes, np.int64), sizes, times


def _look(place: Place) -> tuple[int, int, int]:
    """The same of a file as it is now; sizes of -1 where that cannot be told."""
    if isinstance(place, Other):
        origin, time = place.origin, microseconds(place.origin)
        if origin.size is not None and time is not None:
            return hash(shown(origin.name)), origin.size, time
    elif isinstance(place, str):
        try:
            status = os.stat(place)  # noqa: PTH116 - Path takes twice as long
            return hash(shown(place)), status.st_size, status.st_mtime_ns // 1000
        except (OSError, ValueError):
            pass
    return 0, -1, -1
