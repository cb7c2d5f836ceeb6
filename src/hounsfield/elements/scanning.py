"""Finding the elements of a source, in as few reads as their headers need."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple

from hounsfield._kernels.scan import Table, scan
from hounsfield.errors import DicomError, LimitError
from hounsfield.sources import BufferSource, Source

__all__ = [
    "AFTER_PIXELS",
    "CHUNK",
    "CUT",
    "EXPLICIT_LITTLE",
    "FLAG_CUT",
    "FLAG_IMPLICIT",
    "FLAG_UNDEFINED",
    "FLAG_UN_SEQUENCE",
    "IMPLICIT_LITTLE",
    "INCOMPLETE",
    "ITEM",
    "ITEM_HEADER",
    "UNDEFINED",
    "Encoding",
    "Row",
    "ScanEnd",
    "Segment",
    "at_hand",
    "release",
    "scan_part",
    "scan_source",
]

Row = tuple[int, str, int, int, int, int]
"""tag, VR, offset, length, depth, flags: see `Table`."""

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_HEADER = 8  # bytes: its tag and its length
FLAG_UNDEFINED, FLAG_IMPLICIT, FLAG_CUT, FLAG_UN_SEQUENCE = 1, 2, 4, 8
"""Bits of a row's flags: see ext/include/packed.h."""

CHUNK = 64 * 1024
"""Bytes read first, and after each value that is stepped over; where they do not do, four times as many."""

LARGEST = 1 << 30
"""Bytes read at once, so as to find the end of one sequence of undefined length."""

CUT = "the data end inside the element at byte"
"""How the note begins that says so."""

INCOMPLETE = re.compile(
    rf"{CUT}|no data set follows|the deflate stream has no end|.*: what follows was left out$"
)
"""Notes that say that there were more elements."""

AFTER_PIXELS = 0x7FE00011
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


class Encoding(NamedTuple):
    """How the elements of a data set are written (PS3.5 Annex A)."""

    explicit: bool
    big_endian: bool


IMPLICIT_LITTLE = Encoding(False, False)
EXPLICIT_LITTLE = Encoding(True, False)


Segment = tuple[int, bytes | memoryview, Table]
"""A run of the source's bytes: where it begins, the bytes, and the elements whose headers are in it."""


class ScanEnd(NamedTuple):
    """Why and where a scan ended: see `Table.status`."""

    status: str
    position: int


def at_hand(data: bytes | memoryview) -> int:
    """How many bytes are at hand: none of a view that was released, when its data set was closed."""
    try:
        return len(data)
    except ValueError:
        return 0


def release(data: bytes | memoryview) -> None:
    """Give a buffer back to its owner, unless somebody is looking at it."""
    if isinstance(data, memoryview):
        with suppress(BufferError):
            data.release()


def scan_part(
    source: Source,
    base: int,
    data: bytes | memoryview,
    start: int,
    stop: int | None,
    encoding: Encoding,
    *,
    whole: int | None = None,
    items: bool = False,
    fragments: bool = False,
    stop_tag: int = UNDEFINED,
) -> Table:
    """Scan data[start:stop], bytes of `source` from `base` on; errors name the source and its own offsets."""
    try:
        return scan(
            data,
            start,
            stop,
            whole=whole,
            explicit=encoding.explicit,
            big=encoding.big_endian,
            items=items,
            fragments=fragments,
            stop_tag=stop_tag,
        )
    except DicomError as error:
        error.file = source.name
        if error.offset is not None:
            error.offset += base
        raise


def scan_source(
    source: Source,
    start: int,
    encoding: Encoding,
    *,
    head: bytes | memoryview | None = None,
    stop_tag: int = UNDEFINED,
    size: int | None = None,
) -> tuple[list[Segment], ScanEnd]:
    """Scan a source from `start` on, reading only where headers are.

    Parameters
    ----------
    head : bytes-like, optional
        The source's first bytes, where they are at hand.
    stop_tag : int
        Stop before this tag or a higher one, and behind native pixel data if it is given at all. Encapsulated
        ones always end the scan, before their first fragment.
    size : int, optional
        How many of the source's bytes count; all of them otherwise.

    Returns
    -------
    list of Segment
        At least one. A value that reaches past what was read is stepped over, and a new segment begins.
    ScanEnd
        Status "stop" or "more" if the scan ended at the stop tag or behind native pixel data.

    Raises
    ------
    ParseError, LimitError
    """
    segments: list[Segment] = []
    in_memory = isinstance(source, BufferSource)
    size = source.size if size is None else size
    base, data, chunk = start, head, CHUNK
    if data is None:
        data = source.read(base, min(chunk, size - base))
    else:
        base, data = 0, data if len(data) <= size else data[:size]
    while True:
        table = scan_part(
            source,
            base,
            data,
            start - base,
            None,
            encoding,
            whole=size - base,
            stop_tag=stop_tag,
        )
        end = base + table.end
        if len(table) or (table.status != "more" and not segments):
            segments.append((base, data if in_memory else _trim(data, table), table))
        if table.status != "more":
            return segments, ScanEnd(table.status, end)
        if stop_tag != UNDEFINED and len(table):
            last = table[-1][0]
            if last in PIXEL_TAGS or last >= stop_tag - 1:
                return segments, ScanEnd("more", end)
        if end == start:
            # A header at the edge of what was read, or a sequence of undefined length that goes on behind it.
            if chunk >= LARGEST:
                raise LimitError(
                    f"a sequence is longer than {LARGEST >> 20} MiB", file=source.name, offset=start
                )
            chunk *= 4
        kept = b"" if in_memory else data[end - base :]
        base = start = end
        data = source.read(base + len(kept), min(chunk, size - base - len(kept)))
        if kept:
            data = b"".join((kept, data))


def _trim(data: bytes | memoryview, table: Table) -> bytes | memoryview:
    """Let go of what was read of the pixel data along with the header: data sets may live long."""
    if not len(table):
        return data
    tag, _, offset, length, _, _ = table[-1]
    return data[:offset] if tag in PIXEL_TAGS else data[: offset + length]
