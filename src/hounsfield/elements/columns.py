"""One element of every item of a long sequence: of a hundred thousand frames' functional groups, say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield._kernels.scan import scan
from hounsfield.elements.context import ProblemError
from hounsfield.elements.dictionary import CHARACTER_SET
from hounsfield.elements.dictionary import vr as dictionary_vr
from hounsfield.elements.scanning import FLAG_CUT, FLAG_UNDEFINED, ITEM_HEADER
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.values import DECODERS
from hounsfield.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from hounsfield.elements.dataset import Dataset

__all__ = ["Path", "columns"]

Path = tuple[int, int]
"""Tag of a sequence in an item, and of an element in the first item of that."""

ITEM, GROUP, GROUP_ITEM, ELEMENT = range(4)
"""Depths of what is in the sequence."""


class _UnusualError(Exception):
    """Only reading item by item tells what a value is."""


def columns(sequence: Sequence, paths: Iterable[Path]) -> list[list[Any]]:
    """Give for each path its values in all items, None where an item has none; no item is kept.

    Raises
    ------
    DicomError
        As reading the items does.
    """
    wanted = list(paths)
    try:
        return _scanned(sequence, wanted)
    except (ParseError, ProblemError, _UnusualError):
        rows = [[_value(item, path) for path in wanted] for item, _ in sequence.each()]
        return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in wanted]


def _value(item: Dataset, path: Path) -> Any:
    group = item._value(path[0], None)
    if not isinstance(group, Sequence) or not group:
        return None
    return group[0]._value(path[1], None)


def _scanned(sequence: Sequence, paths: list[Path]) -> list[list[Any]]:
    """The same by one scan through all that the items hold, which has to be as one would write it."""
    base, data, items = sequence._entries()
    if not sequence._encoding.explicit or items.status != "complete" or not len(items):
        raise _UnusualError
    start, (_, _, last, length, _, flags) = items[0][2] - ITEM_HEADER, items[-1]
    stop = last + length + (ITEM_HEADER if flags & FLAG_UNDEFINED else 0)
    if stop > len(data):
        base, data = base + start, sequence._dataset._source.read(base + start, stop - start)
        start, stop = 0, len(data)
    table = scan(data, start, stop, big=sequence._encoding.big_endian, items=True, nested=True)
    rows = np.asarray(table)
    levels = [np.flatnonzero(rows["depth"] == depth) for depth in (ITEM, GROUP, GROUP_ITEM)]
    if len(levels[ITEM]) != len(items) or (rows["tag"] == CHARACTER_SET).any():
        raise _UnusualError
    context = sequence._dataset._context()
    columns = []
    for path in paths:
        vr = dictionary_vr(path[1])
        decode, known = DECODERS[vr], {}
        column: list[Any] = [None] * len(items)
        numbers, found = _find(rows, levels, path, vr)
        places = zip(numbers.tolist(), found["offset"].tolist(), found["length"].tolist(), strict=True)
        for number, offset, length in places:
            raw = bytes(data[offset : offset + length])
            if raw not in known:
                known[raw] = decode(raw, context)
            column[number] = known[raw]
        columns.append(column)
    return columns


def _find(
    rows: npt.NDArray[Any], levels: list[npt.NDArray[np.intp]], path: Path, vr: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
    """Which items have the element, and its row in each; the last of duplicates comes first."""
    groups = levels[GROUP][rows["tag"][levels[GROUP]] == path[0]]
    if (rows["vr"][groups] != b"SQ").any():
        raise _UnusualError
    at = np.flatnonzero((rows["tag"] == path[1]) & (rows["depth"] == ELEMENT))
    number, group, item = (level[np.searchsorted(level, at) - 1] for level in levels)
    inside = (rows["tag"][group] == path[0]) & (item == group + 1)
    at, number = at[inside][::-1], np.searchsorted(levels[ITEM], number[inside][::-1])
    found = rows[at]
    if (found["vr"] != vr.encode()).any() or (found["flags"] & FLAG_CUT).any():
        raise _UnusualError
    return number, found
