"""Where the frames of an image are, found without decoding them (PS3.5 Section 8 and Annex A.4)."""

from __future__ import annotations

import math
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from hounsfield._kernels.scan import only_fragment
from hounsfield.elements.dictionary import TAGS
from hounsfield.elements.fragments import ITEM_HEADER, Fragments, Reader, find_fragments
from hounsfield.elements.scanning import CHUNK, FLAG_UNDEFINED, UNDEFINED
from hounsfield.errors import PixelDataError
from hounsfield.pixels.codestream.model import END
from hounsfield.pixels.layout import there_are
from hounsfield.sources import BufferSource, PathSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hounsfield.elements.dataset import Dataset
    from hounsfield.pixels.layout import Layout
    from hounsfield.sources import Source

__all__ = ["Frame", "Frames", "Index", "index_of"]

ITEM_TAG = b"\xfe\xff\x00\xe0"
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"

IN_ONE_GO = 1 << 24
"""Bytes that are read along with the headers between them; of more, the headers come first."""

SMALL = 1 << 19
"""Bytes that stay in the caches until they are decoded."""

MOST_OFFSETS = 1 << 24

TAIL, HEAD = 16, 12
"""Bytes looked at of the end of one fragment and the beginning of the next."""

BEGINNING = ITEM_HEADER + HEAD

STARTS = {
    b"\xff\xd8\xff": True,  # SOI of JPEG and JPEG-LS, and the next marker
    b"\xff\x4f\xff\x51": True,  # SOC and SIZ of JPEG 2000
    b"\0\0\0\x0cjP  ": True,  # its file format, JP2
    b"\xff\x0a": False,  # JPEG XL
    b"\0\0\0\x0cJXL ": False,  # its file format
    **{bytes((count, 0, 0, 0, 64, 0, 0, 0)): False for count in range(1, 16)},  # RLE (PS3.5 Annex G.5)
}
"""What a frame may begin with, and whether such frames have `END` in their last bytes."""

ALL_STARTS = tuple(STARTS)

VIDEO = "1.2.840.10008.1.2.4.10"
# JPEG 2000 Part 2: a codestream may hold several frames as its components (PS3.5 Section 8.2.4, A.4.4).
COLLECTIONS = frozenset({"1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"})
WITHOUT_MARKS = ("1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.", VIDEO)
"""Transfer syntaxes whose frames may begin with anything."""


class Frame(NamedTuple):
    """Where one frame is.

    Attributes
    ----------
    ranges : tuple of (offset, length)
        Of its fragments in the source, in bytes; native frames have one.
    first_bit : int
        Where a native frame begins in its first byte, or for OW in big endian in its first two when they are
        swapped: 0 is the lowest bit. Only frames of 1 bit or 12 bits a sample, and of an odd number of bytes
        in big endian, have another than 0.
    """

    ranges: tuple[tuple[int, int], ...]
    first_bit: int = 0

    @property
    def length(self) -> int:
        """Bytes of all ranges."""
        return sum(length for _, length in self.ranges)


class _Table(NamedTuple):
    """An offset table that may be right: what is used of it is looked at then."""

    name: str
    offsets: npt.NDArray[np.integer]
    origin: int  # where in the source they count from

    def begin(self, number: int) -> int:
        """Where the first item of a frame is."""
        return self.origin + int(self.offsets.item(number))

    def bounds(self, number: int, stop: int) -> tuple[int, int]:
        """From where to where a frame's items are; the last frame's end with the pixel data, at `stop`."""
        begin = self.origin + int(self.offsets.item(number))
        if number + 1 == len(self.offsets):
            return begin, stop
        return begin, min(self.origin + int(self.offsets.item(number + 1)), stop)

    def begins(self) -> npt.NDArray[np.int64]:
        """The same of all frames."""
        return self.offsets.astype(np.int64) + self.origin


class _Groups(NamedTuple):
    """All fragments, and the number of each frame's first one, with their count at the end."""

    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]
    is_cut: bool


class _Ahead:
    """A source of which some bytes have been read in one go."""

    __slots__ = ("_begin", "_source", "data")

    def __init__(self, source: Reader, begin: int, end: int) -> None:
        self._source = source
        self._begin = begin
        self.data = memoryview(source.read(begin, end - begin))

    def read(self, offset: int, length: int) -> bytes | memoryview:
        at = offset - self._begin
        if 0 <= at <= at + length <= len(self.data):
            return self.data[at : at + length]
        return self._source.read(offset, length)


class Index:
    """What is known of an image's frames so far. It knows no data set, and is kept by it."""

    __slots__ = (
        "counted",
        "encapsulated",
        "has_marks",
        "is_collection",
        "is_video",
        "known",
        "layout",
        "source",
        "start",
        "stop",
        "tag",
        "wrong",
    )

    def __init__(self, layout: Layout, source: Source, tag: int, start: int, stop: int) -> None:
        self.layout = layout
        self.source = source
        self.tag = tag
        self.start = start
        self.stop = stop
        self.encapsulated = False
        self.has_marks = True  # whether what frames begin with is known
        self.is_collection = False  # whether codestreams may hold several frames
        self.is_video = False
        self.known: Frame | _Table | _Groups | int | None = None  # an int for native frames, a Frame if alone
        self.counted: set[str] = set()  # tables that have the last frame where one begins
        self.wrong: set[str] = set()  # tables that are


def index_of(ds: Dataset, layout: Layout) -> Index:
    """Find the pixel data, and what is to be known of them to look for frames.

    Raises
    ------
    MissingElementError
        There are no pixel data.
    """
    tag = TAGS[layout.keyword]
    found = ds._find(tag)
    if found is None:
        raise ds._missing(tag)
    (_, _, start, length, _, flags), number = found
    start, source = start + ds._segment(number)[0], ds._source
    index = Index(layout, source, tag, start, source.size if length == UNDEFINED else start + length)
    syntax = ds._root._syntax
    if syntax is not None:
        index.has_marks = not syntax.uid.startswith(WITHOUT_MARKS)
        index.is_collection = syntax.uid in COLLECTIONS
        index.is_video = syntax.uid.startswith(VIDEO)
    if flags & FLAG_UNDEFINED:
        index.encapsulated = True
    elif syntax is not None and syntax.encapsulated and layout.keyword == "PixelData":
        index.encapsulated = length >= ITEM_HEADER and bytes(source.read(start, 4)) == ITEM_TAG
        are = "have a length" if index.encapsulated else "are not encapsulated: read as native"
        ds._note_element(tag, f"the transfer syntax is {syntax.name}, but the pixel data {are}")
    return index


class Frames:
    """The frames of an image: how many there are and where their bytes are; none is decoded.

    ``len(frames)``, ``frames[3]`` and ``for frame in frames`` give their places, ``frames.read(3)`` the bytes
    of one. Of a file, or what else is read by ranges, its own bytes are read for that, and the headers of
    fragments: of its own where an offset table leads there, of all, once, where there is none.

    The Basic Offset Table is used, or the Extended one, where it has as many frames as Number of Frames and
    leads to where fragments begin; what is used of it is looked at. Without one, frames are told apart by the
    number of fragments, or by what codestreams begin and end with. Whatever had to be assumed, `warnings` of
    the data set say so. The number is that of the frames which are there. Of video the whole stream counts
    as one: its frames cannot be told apart without decoding.

    Attributes
    ----------
    encapsulated : bool
        Whether the frames are in fragments, whatever the transfer syntax says.

    Notes
    -----
    PS3.5 Annex A.4, PS3.3 C.7.6.3.1.8.
    """

    __slots__ = ("_ds", "_index", "_reader")

    def __init__(self, ds: Dataset, index: Index, reader: Reader | None = None) -> None:
        self._ds = ds
        self._index = index
        self._reader: Reader = index.source if reader is None else reader

    @contextmanager
    def held_open(self, count: int) -> Iterator[Frames]:
        """Make ready for reading many frames: open a file once, or read it once if it is small."""
        index = self._index
        source = index.source
        if isinstance(source, BufferSource):
            yield self
        elif index.encapsulated and 2 * count > self.count and index.stop - index.start <= SMALL:
            yield Frames(self._ds, index, _Ahead(source, index.start, index.stop))
        elif isinstance(source, PathSource):
            with source.held_open() as file:
                yield Frames(self._ds, index, file)
        else:
            yield self

    @property
    def encapsulated(self) -> bool:
        return self._index.encapsulated

    @property
    def layout(self) -> Layout:
        """What the data set says of the image."""
        return self._index.layout

    @property
    def count(self) -> int:
        """Number of frames.

        Raises
        ------
        PixelDataError
            There are more fragments than frames, and nothing tells which belong together.
        """
        known = self._known()
        while isinstance(known, _Table) and known.name not in self._index.counted:
            if self._begins_at(self._reader, known.begin(-1)):
                self._index.counted.add(known.name)
            else:
                known = self._without(known)
        return self._count_of(known)

    @staticmethod
    def _count_of(known: Frame | _Table | _Groups | int) -> int:
        if isinstance(known, Frame):
            return 1
        if isinstance(known, _Table):
            return len(known.offsets)
        return known if isinstance(known, int) else len(known.firsts) - 1

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, key: int) -> Frame: ...
    @overload
    def __getitem__(self, key: slice) -> list[Frame]: ...
    def __getitem__(self, key: int | slice) -> Frame | list[Frame]:
        """Give the place of a frame, or a list of them for a slice.

        Raises
        ------
        IndexError
            There is no such frame.
        PixelDataError
            There should be, by Number of Frames.
        """
        if isinstance(key, slice):
            return [self._frame(self._reader, number) for number in range(*key.indices(self.count))]
        return self._frame(self._reader, self._number(key))

    def __iter__(self) -> Iterator[Frame]:
        known = self._known()
        if isinstance(known, _Table):  # one walk through all headers, not a look at each frame's
            known = self._index.known = self._find(self._reader, walk=True)
        if not isinstance(known, _Groups):
            for number in range(self.count):
                yield self._frame(self._reader, number)
            return
        ranges = list(zip(known.offsets.tolist(), known.lengths.tolist(), strict=True))
        for first, stop in pairwise(known.firsts.tolist()):
            yield Frame(tuple(ranges[first:stop]))

    def __repr__(self) -> str:
        kind = "encapsulated" if self.encapsulated else "native"
        return f"<Frames, {self.count} {kind}>"

    def read(self, frame: int) -> bytes | memoryview:
        """Give the bytes of a frame as they stand in the source: fragments joined, padding included.

        Parameters
        ----------
        frame : int
            Counted from 0, or from -1 backwards.

        Returns
        -------
        bytes or memoryview
            Of a buffer a view, if the frame has one fragment.

        Raises
        ------
        PixelDataError
            The frame is not there, or not all of it.
        IndexError
            There is no such frame, and there should be none.
        DicomError, OSError
            The source cannot be read.
        """
        index = self._index
        reader = self._reader
        if index.encapsulated and index.known is None and index.layout.frames == 1:
            reader = self._ahead(index.start, index.stop)
            if isinstance(reader, _Ahead):
                only = only_fragment(reader.data)
                if only is not None and frame in (0, -1):
                    start, size = only
                    index.known = Frame(((index.start + start, size),))
                    return reader.data[start : start + size]
            index.known = self._find(reader)
        number, known = self._number(frame), self._known()
        if isinstance(known, _Table):
            begin, end = known.bounds(number, index.stop)
            # The next frame's beginning, too, which tells whether this one ends there.
            reader = self._ahead(begin, min(end + BEGINNING, index.stop))
        found = self._frame(reader, number)
        known = self._known()
        at = found.ranges[0][0] if found.ranges else None
        if isinstance(known, _Groups) and known.is_cut and number == len(known.firsts) - 2:
            there = found.length
            raise self._bad(f"the data end inside frame {number}, of which {there} bytes are there", at)
        if not found.length:
            raise self._bad(f"frame {number} is empty", at)
        return _joined(reader, found.ranges)

    def read_some(self, first: int, stop: int) -> list[bytes | memoryview]:
        """Give the bytes of frames that follow each other, read in one go if that is possible.

        Raises what `read` raises.
        """
        known, index = self._known(), self._index
        reader = self._reader
        if isinstance(known, _Groups) and stop < len(known.firsts) - known.is_cut:
            begins, ends = known.firsts[first : stop + 1 : stop - first].tolist()
            offsets, lengths = known.offsets[begins:ends].tolist(), known.lengths[begins:ends].tolist()
            start, size = offsets[0], offsets[-1] + lengths[-1] - offsets[0]
            if len(offsets) == stop - first and all(lengths) and size <= IN_ONE_GO:
                data = memoryview(reader.read(start, size))
                return [
                    data[at - start : at - start + length]
                    for at, length in zip(offsets, lengths, strict=True)
                ]
        if isinstance(known, _Table) and stop <= len(known.offsets):
            end = known.bounds(stop - 1, index.stop)[1]
            reader = self._ahead(known.begin(first), min(end + BEGINNING, index.stop))
        frames = Frames(self._ds, index, reader)
        return [frames.read(number) for number in range(first, stop)]

    def _ahead(self, begin: int, end: int) -> Reader:
        source = self._reader
        if (
            isinstance(source, BufferSource | _Ahead)
            or not self._index.start <= begin < end <= begin + IN_ONE_GO
        ):
            return source
        return _Ahead(source, begin, end)

    # Which

    def _number(self, frame: int) -> int:
        count = self._count_of(self._known())
        number = frame + count if frame < 0 else frame
        if 0 <= number < count:
            return number
        declared = self._index.layout.frames
        if 0 <= number < declared:
            raise self._bad(f"frame {number} is not there: {there_are(count)} of {declared}")
        raise IndexError(f"frame {frame} was asked for, {there_are(count)}")

    def _known(self) -> Frame | _Table | _Groups | int:
        index = self._index
        known = index.known
        if known is None:
            known = self._find(self._reader) if index.encapsulated else self._native_count()
            index.known = known
        return known

    def _frame(self, reader: Reader, number: int) -> Frame:
        known = self._known()
        if isinstance(known, int):
            return self._native_frame(number)
        if isinstance(known, _Table):
            frame = self._by_table(reader, known, number)
            if frame is not None:
                return frame
            self._without(known)
            return self._frame(reader, self._number(number))
        if isinstance(known, Frame):
            return known
        first, stop = known.firsts[number : number + 2].tolist()
        ranges = zip(known.offsets[first:stop].tolist(), known.lengths[first:stop].tolist(), strict=True)
        return Frame(tuple(ranges))

    # Native

    def _native_count(self) -> int:
        layout, length = self._index.layout, self._index.stop - self._index.start
        wanted = math.ceil(layout.frames * layout.frame_bits / 8)
        there = length * 8 // layout.frame_bits
        count = min(there, layout.frames) if length <= wanted + wanted % 2 else there
        if count != layout.frames:
            self._note_count(count)
        return count

    def _native_frame(self, number: int) -> Frame:
        index = self._index
        bits = index.layout.frame_bits
        # In big endian OW is made of words, whose bytes are swapped before they are looked at.
        unit = 16 if self._has_words() else 8
        first, stop = number * bits // unit, -(-(number + 1) * bits // unit)
        at = index.start + first * unit // 8
        end = min(index.start + stop * unit // 8, index.stop)
        return Frame(((at, end - at),), number * bits % unit)

    def _has_words(self) -> bool:
        ds = self._ds
        return ds._encoding.big_endian and ds[self._index.tag].VR == "OW"

    # Encapsulated

    def _without(self, table: _Table) -> Frame | _Table | _Groups:
        """Find the frames anew, without a table that is wrong."""
        index = self._index
        index.wrong.add(table.name)
        known = index.known = self._find(self._reader)
        return known

    def _find(self, reader: Reader, *, walk: bool = False) -> Frame | _Table | _Groups:
        """Look for an offset table, and without one, or to `walk`, for all fragments."""
        index = self._index
        frames = index.layout.frames
        base, basic = self._basic_table(reader)
        if frames == 1:
            alone = _alone(reader, base, index.stop)
            if alone is not None:
                return alone
        tables: list[_Table] = []
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

    def _tables(self, basic: _Table | None, base: int) -> Iterator[_Table]:
        """The Basic Offset Table, and the extended one, which is to be there only if that is empty."""
        if basic is not None:
            yield basic
        extended = self._extended_table(base)
        if extended is not None:
            yield extended

    def _basic_table(self, reader: Reader) -> tuple[int, _Table | None]:
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

    def _extended_table(self, base: int) -> _Table | None:
        ds = self._ds
        raw = ds.get("ExtendedOffsetTable") if self._index.layout.frames > 1 else None
        if not isinstance(raw, bytes) or not raw:
            return None
        if len(raw) % 8:
            self._note(f"the Extended Offset Table has {len(raw)} bytes: it was left aside")
            return None
        order = ">" if ds._encoding.big_endian else "<"
        return self._table("Extended Offset Table", np.frombuffer(raw, f"{order}i8"), base)

    def _table(self, name: str, offsets: npt.NDArray[np.integer], base: int) -> _Table | None:
        shift = int(offsets[0])
        # The bytes of what is true or false tell sooner than `all`.
        if shift < 0 or 0 in (offsets[1:] > offsets[:-1]).tobytes():
            self._note(f"the {name} does not rise: it was left aside")
            return None
        if shift:
            self._note(f"the {name} begins with {shift}, not 0: its offsets were taken from there")
        return _Table(name, offsets, base - shift)

    def _by_table(self, reader: Reader, table: _Table, number: int) -> Frame | None:
        """The frame where a table has it, or None if it cannot be there."""
        begin, end = table.bounds(number, self._index.stop)
        last = number == len(table.offsets) - 1
        if begin >= end or not self._begins_at(reader, begin) or not (last or self._begins_at(reader, end)):
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

    def _begins_at(self, reader: Reader, item: int) -> bool:
        """Whether an item is there, which begins as frames do."""
        start, stop = self._index.start, self._index.stop
        if not start <= item <= stop - ITEM_HEADER:
            return False
        head = reader.read(item, min(BEGINNING, stop - item))
        if head[:4] != ITEM_TAG:
            return False
        return not self._index.has_marks or self._begins_frame(head[ITEM_HEADER:])

    def _group(self, reader: Reader, tables: list[_Table], base: int) -> _Groups:
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
                self._note_count(len(firsts))
        return _Groups(items.offsets[used], items.lengths[used], np.append(firsts, len(used)), items.is_cut)

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
        by_table: list[tuple[_Table, npt.NDArray[np.intp] | None]],
    ) -> npt.NDArray[np.intp]:
        """Which fragments begin a frame, where there are neither as many as frames nor only one."""
        frames = self._index.layout.frames
        marks = self._marks(reader, items, used) if self._index.has_marks else None
        for firsts in marks or ():
            if len(firsts) == frames:
                return firsts
        fitting = [(table, firsts) for table, firsts in by_table if firsts is not None]
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
        raise self._bad(
            f"{len(used)} fragments hold {frames} frames, and nothing tells which belong together: "
            "there is no offset table that fits, and no frame that begins as codestreams do"
        )

    def _marks(
        self, reader: Reader, items: Fragments, used: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None:
        """Fragments that surely begin a frame, and those that possibly do, by their first and last bytes."""
        edges = self._edges(reader, items.offsets)
        heads = edges[used, -HEAD:]
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

    def _note(self, message: str) -> None:
        self._ds._note_element(self._index.tag, message)

    def _ends_early(self, items: Fragments) -> bool:
        """Whether more fragments may have followed: neither a delimiter nor a length ends them."""
        at_end = items.problem is not None or self._index.stop == self._index.source.size
        return at_end and not items.is_closed

    def _note_table(self, table: _Table) -> None:
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

    def _note_count(self, count: int) -> None:
        says = f"is {self._index.layout.frames}" if self._is_declared() else "is missing or 0"
        self._note(f"Number of Frames {says}, but {there_are(count)}")

    def _bad(self, message: str, offset: int | None = None) -> PixelDataError:
        index = self._index
        return PixelDataError(
            message, file=index.source.name, tag=index.tag, offset=index.start if offset is None else offset
        )


def _alone(reader: Reader, item: int, stop: int) -> Frame | None:
    """The fragment whose item is there, if it is the only one."""
    head = reader.read(item, min(ITEM_HEADER, stop - item))
    length = int.from_bytes(head[4:], "little")
    behind = item + ITEM_HEADER + length
    if not length or head[:4] != ITEM_TAG or behind + ITEM_HEADER > stop:
        return None
    return Frame(((item + ITEM_HEADER, length),)) if reader.read(behind, ITEM_HEADER) == DELIMITER else None


def _joined(reader: Reader, ranges: tuple[tuple[int, int], ...]) -> bytes | memoryview:
    """The bytes of fragments; what stands between them is read along."""
    first, stop = ranges[0][0], sum(ranges[-1])
    data = reader.read(first, stop - first)
    if len(ranges) == 1:
        return data
    view = memoryview(data)
    return b"".join([view[at - first : at - first + length] for at, length in ranges])


def _table_firsts(table: _Table, items: Fragments, used: npt.NDArray[np.intp]) -> npt.NDArray[np.intp] | None:
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
