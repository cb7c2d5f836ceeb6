"""Which fragments of encapsulated pixel data make which frame (PS3.5 Annex A.4, PS3.3 C.7.6.3.1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hounsfield.elements.fragments import Fragments, Reader, find_fragments
from hounsfield.elements.scanning import CHUNK, ITEM_HEADER
from hounsfield.pixels.codestream.model import END
from hounsfield.pixels.layout import there_are
from hounsfield.pixels.places import Frame, Groups, Index, OffsetTable
from hounsfield.sources import BufferSource, PathSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hounsfield.elements.dataset import Dataset

__all__ = ["BEGINNING", "ITEM_TAG", "RLE_STARTS", "Finder"]

ITEM_TAG = b"\xfe\xff\x00\xe0"
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"

MOST_OFFSETS = 1 << 24

TAIL, HEAD = 16, 12
"""Bytes looked at of the end of one fragment and the beginning of the next."""

BEGINNING = ITEM_HEADER + HEAD

MOST_SHORT = 4096
"""Fragments shorter than that, of which the beginning is looked for in those that follow."""

RLE_STARTS = tuple(bytes((count, 0, 0, 0, 64, 0, 0, 0)) for count in range(1, 16))
"""What a frame of RLE begins with: the number of segments, and where the first is (PS3.5 Annex G.5)."""

STARTS = {
    b"\xff\xd8\xff": True,  # SOI of JPEG and JPEG-LS, and the next marker
    b"\xff\x4f\xff\x51": True,  # SOC and SIZ of JPEG 2000
    b"\0\0\0\x0cjP  ": True,  # its file format, JP2
    b"\xff\x0a": False,  # JPEG XL
    b"\0\0\0\x0cJXL ": False,  # its file format
    **dict.fromkeys(RLE_STARTS, False),
}
"""What a frame may begin with, and whether such frames have `END` in their last bytes."""

ALL_STARTS = tuple(STARTS)


class Finder:
    """Looks for the frames of an image, by its offset tables or by what its fragments begin and end with.

    Whatever had to be assumed, `warnings` of the data set say so.
    """

    __slots__ = ("_ds", "_index")

    def __init__(self, ds: Dataset, index: Index) -> None:
        self._ds = ds
        self._index = index

    def find(self, reader: Reader, *, walk: bool = False) -> Frame | OffsetTable | Groups:
        """Look for an offset table, and without one, or to `walk`, for all fragments."""
        index = self._index
        frames = index.layout.frames
        base, basic = self._basic_table(reader)
        if frames == 1:
            alone = _alone(reader, base, index.stop)
            if alone is not None:
                return alone
        tables: list[OffsetTable] = []
        for table in self._tables(basic, base):
            if not walk and len(table.offsets) == frames > 1 and table.name not in index.wrong:
                for other in tables:
                    self._note_table(other)
                return table
            tables.append(table)
        if isinstance(reader, PathSource):
            with reader.held_open() as file:
                return self._group(file, tables, base)
        return self._group(reader, tables, base)

    def by_table(self, reader: Reader, table: OffsetTable, number: int) -> Frame | None:
        """The frame where a table has it, or None if it cannot be there."""
        begin, end = table.bounds(number, self._index.stop)
        last = number == len(table.offsets) - 1
        if begin >= end or not self.begins_at(reader, begin) or not (last or self.begins_at(reader, end)):
            return None
        size = int.from_bytes(reader.read(begin + 4, 4), "little")
        if size == end - begin - ITEM_HEADER > 0 and not last:
            return Frame(((begin + ITEM_HEADER, size),))
        items = find_fragments(reader, begin, end)
        at_end = items.end == end or (last and items.is_closed)
        if not at_end or items.is_cut or items.problem or (items.is_closed and not last):
            return None
        if last:
            self._note_end(items)
        ranges = zip(items.offsets.tolist(), items.lengths.tolist(), strict=True)
        return Frame(tuple(each for each in ranges if each[1])) if items.lengths.any() else None

    def begins_at(self, reader: Reader, item: int) -> bool:
        """Whether an item is there, which begins as frames do."""
        start, stop = self._index.start, self._index.stop
        if not start <= item <= stop - ITEM_HEADER:
            return False
        head = reader.read(item, min(BEGINNING, stop - item))
        if head[:4] != ITEM_TAG:
            return False
        return not self._index.has_marks or self._begins_frame(head[ITEM_HEADER:])

    # Offset tables

    def _tables(self, basic: OffsetTable | None, base: int) -> Iterator[OffsetTable]:
        """The Basic Offset Table, and the extended one, which is to be there only if that is empty."""
        if basic is not None:
            yield basic
        extended = self._extended_table(base)
        if extended is not None:
            yield extended

    def _basic_table(self, reader: Reader) -> tuple[int, OffsetTable | None]:
        """Where the first fragment is, and the Basic Offset Table if it has offsets."""
        index = self._index
        start, stop = index.start, index.stop
        wanted = min(4 * index.layout.frames, CHUNK) + BEGINNING
        head = reader.read(start, min(wanted, stop - start))
        length = int.from_bytes(head[4:ITEM_HEADER], "little")
        value = head[ITEM_HEADER : ITEM_HEADER + length]
        if head[:4] != ITEM_TAG:
            return start, None
        if length and self._begins_frame(value):
            self._note("the item of the Basic Offset Table is missing")
            return start, None
        base = start + ITEM_HEADER + length
        if length % 4 or length > 4 * MOST_OFFSETS or base > stop:
            self._note(f"the Basic Offset Table has {length} bytes: it was left aside")
        elif length:
            if len(value) < length:
                value = reader.read(start + ITEM_HEADER, length)
            return base, self._table("Basic Offset Table", np.frombuffer(bytes(value), "<u4"), base)
        return min(base, stop), None

    def _extended_table(self, base: int) -> OffsetTable | None:
        ds = self._ds
        raw = ds.get("ExtendedOffsetTable") if self._index.layout.frames > 1 else None
        if not isinstance(raw, bytes) or not raw:
            return None
        if len(raw) % 8:
            self._note(f"the Extended Offset Table has {len(raw)} bytes: it was left aside")
            return None
        return self._table("Extended Offset Table", np.frombuffer(raw, f"{ds._byteorder}i8"), base)

    def _table(self, name: str, offsets: npt.NDArray[np.integer], base: int) -> OffsetTable | None:
        shift = int(offsets[0])
        # The bytes of what is true or false tell sooner than `all`.
        if shift < 0 or 0 in (offsets[1:] > offsets[:-1]).tobytes():
            self._note(f"the {name} does not rise: it was left aside")
            return None
        if shift:
            self._note(f"the {name} begins with {shift}, not 0: its offsets were taken from there")
        return OffsetTable(name, offsets, base - shift)

    # Fragments

    def _group(self, reader: Reader, tables: list[OffsetTable], base: int) -> Groups:
        """Find all fragments, and which of them belong together."""
        index = self._index
        frames, is_video = index.layout.frames, index.is_video
        items = find_fragments(reader, base, index.stop)
        self._note_end(items)
        used = self._used(items)
        by_table = [(each, _table_firsts(each, items, used)) for each in tables]
        if is_video:
            firsts = np.arange(min(len(used), 1))
        elif len(used) <= 1 or (len(used) == frames and not self._ends_early(items)):
            firsts = np.arange(len(used))
        else:
            firsts = self._told_apart(reader, items, used, by_table)
        if not is_video:
            for table, its_firsts in by_table:
                if its_firsts is None or not np.array_equal(its_firsts, firsts):
                    self._note_table(table)
            if len(firsts) > frames or (len(firsts) < frames and not index.is_collection):
                self.note_count(len(firsts))
        broken = items.is_cut or self._ends_early(items)
        return Groups(
            items.offsets[used], items.lengths[used], np.append(firsts, len(used)), items.is_cut, broken
        )

    def _used(self, items: Fragments) -> npt.NDArray[np.intp]:
        """Which fragments belong to frames: the empty ones to none, unless they make one for each."""
        full: npt.NDArray[np.bool_] = items.lengths > 0
        if items.is_cut:
            full[-1] = True
        if len(full) == self._index.layout.frames:
            full[:] = True
        used: npt.NDArray[np.intp] = np.flatnonzero(full)
        return used

    def _told_apart(
        self,
        reader: Reader,
        items: Fragments,
        used: npt.NDArray[np.intp],
        by_table: list[tuple[OffsetTable, npt.NDArray[np.intp] | None]],
    ) -> npt.NDArray[np.intp]:
        """Which fragments begin a frame, where there are neither as many as frames nor only one."""
        frames = self._index.layout.frames
        marks = self._marks(reader, items, used) if self._index.has_marks else None
        fitting = [(table, firsts) for table, firsts in by_table if firsts is not None]
        if marks is not None and len(marks[0]) == 1 and not self._is_declared():
            for _, firsts in fitting:
                if len(firsts) > 1 and np.isin(firsts, marks[1]).all():
                    return firsts
        for firsts in marks or ():
            if len(firsts) == frames:
                return firsts
        for table, firsts in fitting:
            if len(table.offsets) == frames > 1:
                return firsts
        if marks is not None:
            sure, possible = marks
            return sure if len(sure) > 1 else possible
        if fitting and (frames > 1 or not self._is_declared()):
            return fitting[0][1]
        if frames == 1:
            return np.arange(1)
        if len(used) <= frames:
            return np.arange(len(used))
        raise self._index.error(
            f"{len(used)} fragments hold {frames} frames, and nothing tells which belong together: "
            "there is no offset table that fits, and no frame that begins as codestreams do"
        )

    def _marks(
        self, reader: Reader, items: Fragments, used: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None:
        """Fragments that surely begin a frame, and those that possibly do, by their first and last bytes."""
        edges = self._edges(reader, items.offsets)
        heads = edges[used, -HEAD:]
        for at in np.flatnonzero(items.lengths[used] < HEAD)[:MOST_SHORT]:
            heads[at] = _joined_head(reader, items, used[at : at + HEAD])
        first = heads[0].tobytes()
        mark = next((mark for mark in STARTS if first.startswith(mark)), None)
        if mark is None:
            return None
        possible = (heads[:, : len(mark)] == np.frombuffer(mark, np.uint8)).all(axis=1)
        if items.is_cut and items.lengths[-1] < len(mark):
            possible[-1] = True
        sure = possible.copy()
        if STARTS[mark]:
            tails = edges[used[:-1] + 1, :TAIL]
            sure[1:] &= ((tails[:, :-1] == END[0]) & (tails[:, 1:] == END[1])).any(axis=1)
        elif not possible.all():
            sure[1:] = False
        return np.flatnonzero(sure), np.flatnonzero(possible)

    def _edges(self, reader: Reader, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The last bytes before the header of each fragment, the header, and the bytes that follow it."""
        start, stop = self._index.start, self._index.stop
        before = TAIL + ITEM_HEADER
        edges = np.zeros((len(offsets), before + HEAD), np.uint8)
        chunk = stop if isinstance(reader, BufferSource) else CHUNK
        first = 0
        while first < len(offsets):
            begin = max(int(offsets[first]) - before, start)
            last = int(np.searchsorted(offsets, begin + chunk - HEAD, "right"))
            last = min(last, first + 4096) if last - first > 8 else first + 1
            end = min(int(offsets[last - 1]) + HEAD, stop)
            data = np.frombuffer(reader.read(begin, end - begin), np.uint8)
            at = offsets[first:last, None] - (before + begin) + np.arange(before + HEAD)
            there = (at >= 0) & (at < len(data))
            edges[first:last][there] = data[at[there]]
            first = last
        return edges

    # What is said of it

    def _begins_frame(self, head: bytes | memoryview) -> bool:
        return self._index.has_marks and bytes(head[:HEAD]).startswith(ALL_STARTS)

    def _ends_early(self, items: Fragments) -> bool:
        """Whether more fragments may have followed: neither a delimiter nor a length ends them."""
        at_end = items.problem is not None or self._index.stop == self._index.source.size
        return at_end and not items.is_closed

    def _note_table(self, table: OffsetTable) -> None:
        self._note(f"the {table.name} does not lead to where frames begin: it was left aside")

    def _note_end(self, items: Fragments) -> None:
        if items.problem is not None:
            self._note(items.problem)
        elif items.is_cut:
            there = items.lengths[-1]
            self._note(f"the data end inside the last fragment, of which {there} bytes are there")
        elif self._ends_early(items):
            self._note("no sequence delimiter ends the fragments")

    def _is_declared(self) -> bool:
        return bool(self._ds.get("NumberOfFrames"))

    def note_count(self, count: int) -> None:
        says = f"is {self._index.layout.frames}" if self._is_declared() else "is missing or 0"
        self._note(f"Number of Frames {says}, but {there_are(count)}")

    def _note(self, message: str) -> None:
        self._ds._note_element(self._index.tag, message)


def _alone(reader: Reader, item: int, stop: int) -> Frame | None:
    """The fragment whose item is there, if it is the only one."""
    head = reader.read(item, min(ITEM_HEADER, stop - item))
    length = int.from_bytes(head[4:], "little")
    behind = item + ITEM_HEADER + length
    if not length or head[:4] != ITEM_TAG or behind + ITEM_HEADER > stop:
        return None
    return Frame(((item + ITEM_HEADER, length),)) if reader.read(behind, ITEM_HEADER) == DELIMITER else None


def _joined_head(reader: Reader, items: Fragments, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """The first bytes of fragments together, where one alone has too few."""
    head = b""
    for offset, length in zip(items.offsets[numbers].tolist(), items.lengths[numbers].tolist(), strict=True):
        if len(head) < HEAD:
            head += reader.read(offset, min(length, HEAD - len(head)))
    return np.frombuffer(head.ljust(HEAD, b"\0"), np.uint8)


def _table_firsts(
    table: OffsetTable, items: Fragments, used: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp] | None:
    """The fragments that a table says begin a frame; None if it leads elsewhere."""
    if not len(items.offsets):
        return None
    begins, by_table = items.offsets - ITEM_HEADER, table.begins()
    inside = by_table[by_table <= begins[-1]]
    at = np.searchsorted(begins, inside)
    if (begins[at] != inside).any() or (len(inside) < len(by_table) and items.is_closed):
        return None
    firsts: npt.NDArray[np.intp] = np.searchsorted(used, at)
    return firsts
