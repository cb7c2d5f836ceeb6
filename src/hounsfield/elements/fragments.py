"""Where the fragments of encapsulated pixel data are (PS3.5 Annex A.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import numpy as np

from hounsfield._kernels.scan import scan
from hounsfield.elements.scanning import CHUNK, FLAG_CUT, FLAG_UNDEFINED, ITEM, ITEM_HEADER
from hounsfield.errors import ParseError
from hounsfield.sources import BufferSource

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

__all__ = ["Fragments", "Reader", "find_fragments"]

HEADERS = 64
"""Bytes read where fragments are large: a header, and the first bytes behind it."""

WINDOW = 1 << 30
"""Bytes of a buffer looked at in one go: rows hold 32-bit offsets."""

ROW = np.dtype(
    [("tag", "=u4"), ("offset", "=u4"), ("length", "=u4"), ("vr", "S2"), ("depth", "u1"), ("flags", "u1")]
)


class Fragments(NamedTuple):
    """A run of items.

    Attributes
    ----------
    offsets, lengths : ndarray of int64, of one dimension
        Where the value of each item begins in the source, and its length, in bytes.
    end : int
        Where the run ends: behind the delimiter, if there is one.
    is_closed : bool
        Whether a sequence delimiter ends it.
    is_cut : bool
        Whether the source ends inside the last item; its length is what is there.
    problem : str or None
        What stands there that is neither, in a sentence with its byte offset.
    is_header_cut : bool
        Whether that is the beginning of a header, inside which the source ends.
    """

    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    end: int
    is_closed: bool
    is_cut: bool
    problem: str | None
    is_header_cut: bool = False


class Reader(Protocol):
    """What is asked of a source, or of what has some of its bytes at hand."""

    def read(self, offset: int, length: int) -> bytes | memoryview: ...


def find_fragments(reader: Reader, start: int, stop: int) -> Fragments:
    """Find items by their headers, up to the sequence delimiter or `stop`.

    Of a file only the headers are read, or where fragments are small some KiB with many of them.

    Parameters
    ----------
    start, stop : int
        Where the first item's tag is in the source, and where the items end at the latest.
    """
    found: list[memoryview] = []
    bases: list[int] = []
    problem, is_header_cut = None, False
    wanted = WINDOW if isinstance(reader, BufferSource) else HEADERS
    position = start
    while True:
        data = reader.read(position, min(wanted, stop - position))
        try:
            table = scan(data, whole=stop - position, explicit=False, items=True)
        except ParseError as error:
            table = scan(data, 0, error.offset, explicit=False, items=True)
            problem = f"{error.message}, at byte {position + (error.offset or 0)}"
        if len(table):
            found.append(memoryview(cast("Buffer", table)))
            bases.append(position)
        status, end = table.status, position + table.end
        if status == "truncated" and stop - end < ITEM_HEADER:
            problem = f"the data end inside the header of a fragment, at byte {end}"
            is_header_cut = True
        if status != "more":
            break
        if end == position:
            problem = f"a fragment of undefined length, at byte {position}"
            break
        if wanted < WINDOW:
            wanted = CHUNK if table.end < len(table) * CHUNK // 4 else HEADERS
        position = end
    settled = _settled(found, bases, start, end, problem)
    return settled._replace(is_header_cut=is_header_cut and settled.problem == problem)


def _settled(
    found: list[memoryview], bases: list[int], start: int, end: int, problem: str | None
) -> Fragments:
    none = np.zeros(0, np.int64)
    if not found:
        return Fragments(none, none, end, end == start + ITEM_HEADER, False, problem)
    rows = np.frombuffer(found[0] if len(found) == 1 else b"".join(found), ROW)
    offsets = rows["offset"] + np.repeat(np.array(bases, np.int64), [len(each) for each in found])
    lengths = rows["length"].astype(np.int64)
    behind = int(offsets[-1] + lengths[-1])
    is_cut = bool(rows["flags"][-1] & FLAG_CUT)
    odd = (rows["tag"] != ITEM) | (rows["flags"] & FLAG_UNDEFINED != 0)
    if odd.any():
        first = int(odd.argmax())
        end = int(offsets[first]) - ITEM_HEADER
        problem = f"no fragment, and no delimiter that ends them, at byte {end}"
        return Fragments(offsets[:first], lengths[:first], end, False, False, problem)
    return Fragments(offsets, lengths, end, end == behind + ITEM_HEADER, is_cut, problem)
