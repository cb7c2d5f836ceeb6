"""Where the frames of an image are, found without decoding them (PS3.5 Section 8 and Annex A.4)."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from hounsfield._kernels.scan import only_fragment
from hounsfield.elements.fragments import Reader
from hounsfield.elements.scanning import ITEM_HEADER, UNDEFINED
from hounsfield.errors import PixelDataError
from hounsfield.pixels.grouping import BEGINNING, ITEM_TAG, Finder
from hounsfield.pixels.layout import layout_of, there_are
from hounsfield.pixels.places import Frame, Groups, Index, OffsetTable
from hounsfield.pixels.plan import frame_number
from hounsfield.sources import BufferSource, PathSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.elements.dataset import Dataset
    from hounsfield.pixels.layout import Layout

__all__ = ["Frames", "frames_of"]

IN_ONE_GO = 1 << 24
"""Bytes that are read along with the headers between them; of more, the headers come first."""

SMALL = 1 << 19
"""Bytes that stay in the caches until they are decoded."""

VIDEO = "1.2.840.10008.1.2.4.10"  # .100 to .108
# JPEG 2000 Part 2: a codestream may hold several frames as its components (PS3.5 Section 8.2.4, A.4.4).
COLLECTIONS = frozenset({"1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"})
WITHOUT_MARKS = ("1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.", VIDEO)
"""Transfer syntaxes whose frames may begin with anything."""


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


def frames_of(ds: Dataset) -> Frames:
    """Give the frames of an image; the data set keeps what is found out about them.

    Raises
    ------
    PixelDataError
        There are no pixel data, or the attributes that describe them make no sense.
    """
    index = ds._frame_index
    if index is None:
        index = ds._frame_index = _index_of(ds, layout_of(ds))
    return Frames(ds, index)


def _index_of(ds: Dataset, layout: Layout) -> Index:
    """Find the pixel data, and what is to be known of them to look for frames."""
    element = ds[layout.keyword]
    tag, _, _, length, _, _ = element._row
    start, source = element.offset, ds._source
    index = Index(layout, source, tag, start, source.size if length == UNDEFINED else start + length)
    syntax = ds._root._syntax
    if element.is_undefined_length:
        index.encapsulated = True
    elif syntax is not None and syntax.encapsulated and layout.keyword == "PixelData":
        index.encapsulated = length >= ITEM_HEADER and bytes(source.read(start, 4)) == ITEM_TAG
        are = "have a length" if index.encapsulated else "are not encapsulated: read as native"
        ds._note_element(tag, f"the transfer syntax is {syntax.name}, but the pixel data {are}")
    if syntax is not None and index.encapsulated:
        index.has_marks = not syntax.uid.startswith(WITHOUT_MARKS)
        index.is_collection = syntax.uid in COLLECTIONS
        index.is_video = syntax.uid.startswith(VIDEO)
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

    @property
    def _finder(self) -> Finder:
        return Finder(self._ds, self._index)

    @contextmanager
    def held_open(self, count: int) -> Iterator[Frames]:
        """Make ready for reading many frames: open a file once, or read it once.

        A local file only if it is small, as pages of fresh memory take longer than further calls; but each
        request to a server takes long.
        """
        index = self._index
        source = index.source
        most = SMALL if isinstance(source, PathSource) else IN_ONE_GO
        if isinstance(source, BufferSource):
            yield self
        elif index.encapsulated and 2 * count > self.count and index.stop - index.start <= most:
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
    def is_video(self) -> bool:
        """Whether they are one stream, whose frames only decoding tells apart."""
        return self._index.is_video

    @property
    def are_in_collections(self) -> bool:
        """Whether codestreams hold several frames each, as their components."""
        return self._index.is_collection and self.count < self.layout.frames

    @property
    def kept(self) -> dict[int, Any] | None:
        """What decoding leaves of codestreams with several frames: see `Decoder.keep`."""
        return self._index.kept

    @property
    def likes(self) -> dict[tuple[bool, int], Any]:
        """How frames were decoded, by how they were asked for: see `Decoder`."""
        return self._index.likes

    def keep(self) -> None:
        """Have something kept from now on, with the data set."""
        if self._index.kept is None:
            self._index.kept = {}

    @property
    def told_by(self) -> object:
        """What tells where the frames are: not the same any more once an offset table has proved wrong."""
        return self._known()

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
        while isinstance(known, OffsetTable) and known.name not in self._index.counted:
            if self._finder.begins_at(self._reader, known.begin(-1)):
                self._index.counted.add(known.name)
            else:
                known = self._without(known)
        return self._count_of(known)

    @staticmethod
    def _count_of(known: Frame | OffsetTable | Groups | int) -> int:
        if isinstance(known, Frame):
            return 1
        if isinstance(known, OffsetTable):
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
        return self._frame(self._reader, self._number(frame_number(key)))

    def __iter__(self) -> Iterator[Frame]:
        for number, frame in enumerate(self._each()):
            yield self._frame(self._reader, number) if frame is None else frame

    def _each(self) -> Iterator[Frame | None]:
        """All frames, where one look is enough; None for one that has to be looked for alone."""
        known = self._known()
        if isinstance(known, OffsetTable):  # one walk through all headers, not a look at each frame's
            found = self._index.beside or self._finder.find(self._reader, walk=True)
            if not self._is_kept(known, found):
                known = self._index.known = found
        if not isinstance(known, Groups):
            yield from repeat(None, self.count)
            return
        ranges = list(zip(known.offsets.tolist(), known.lengths.tolist(), strict=True))
        for first, stop in pairwise(known.firsts.tolist()):
            yield Frame(tuple(ranges[first:stop]))

    @property
    def encoded_bytes(self) -> int:
        """Bytes of all frames, but of those that are not there."""
        lengths = 0
        for number, frame in enumerate(self._each()):
            with suppress(PixelDataError):
                lengths += (self[number] if frame is None else frame).length
        return lengths

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
            index.known = self._finder.find(reader)
        number, known = self._number(frame), self._known()
        if isinstance(known, OffsetTable):
            begin, end = known.bounds(number, index.stop)
            # The next frame's beginning, too, which tells whether this one ends there.
            reader = self._ahead(begin, min(end + BEGINNING, index.stop))
        found = self._frame(reader, number)
        known = self._known()
        at = found.ranges[0][0] if found.ranges else None
        if isinstance(known, Groups) and known.is_cut and number == len(known.firsts) - 2:
            there = found.length
            raise self._index.error(
                f"the data end inside frame {number}, of which {there} bytes are there", at
            )
        if not found.length:
            raise self._index.error(f"frame {number} is empty", at)
        return _joined(reader, found.ranges)

    def read_some(self, first: int, stop: int) -> list[bytes | memoryview]:
        """Give the bytes of frames that follow each other, read in one go if that is possible.

        Raises what `read` raises.
        """
        known, index = self._known(), self._index
        reader = self._reader
        if isinstance(known, Groups) and stop < len(known.firsts) - known.is_cut:
            begins, ends = known.firsts[first : stop + 1 : stop - first].tolist()
            offsets, lengths = known.offsets[begins:ends].tolist(), known.lengths[begins:ends].tolist()
            start, size = offsets[0], offsets[-1] + lengths[-1] - offsets[0]
            if len(offsets) == stop - first and all(lengths) and size <= IN_ONE_GO:
                data = memoryview(reader.read(start, size))
                return [
                    data[at - start : at - start + length]
                    for at, length in zip(offsets, lengths, strict=True)
                ]
        if isinstance(known, OffsetTable) and stop <= len(known.offsets):
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
            raise self._index.error(f"frame {number} is not there: {there_are(count)} of {declared}")
        raise IndexError(f"frame {frame} was asked for, {there_are(count)}")

    def _known(self) -> Frame | OffsetTable | Groups | int:
        index = self._index
        known = index.known
        if known is None:
            known = self._finder.find(self._reader) if index.encapsulated else self._native_count()
            index.known = known
        return known

    def _frame(self, reader: Reader, number: int) -> Frame:
        known = self._known()
        if isinstance(known, int):
            return self._native_frame(number)
        if isinstance(known, OffsetTable):
            frame = self._finder.by_table(reader, known, number)
            if frame is not None:
                return frame
            if self._index.beside is None and self._without(known) is not known:
                return self._frame(reader, self._number(number))
            return self._beside(known, number)
        if isinstance(known, Frame):
            return known
        return known.frame(number)

    # Native

    def _native_count(self) -> int:
        layout, length = self._index.layout, self._index.stop - self._index.start
        wanted = math.ceil(layout.frames * layout.frame_bits / 8)
        there = length * 8 // layout.frame_bits
        count = min(there, layout.frames) if length <= wanted + wanted % 2 else there
        if count != layout.frames:
            self._finder.note_count(count)
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

    def _without(self, table: OffsetTable) -> Frame | OffsetTable | Groups:
        """Find the frames anew, without a table that is wrong, unless that leads to more of them."""
        index = self._index
        index.wrong.add(table.name)
        found = self._finder.find(self._reader)
        if self._is_kept(table, found):
            return table
        index.known = found
        return found

    def _is_kept(self, table: OffsetTable, found: Frame | OffsetTable | Groups) -> bool:
        """Whether a table leads on behind fragments that are broken, and then each frame is looked for alone.

        What is found does not depend on which of them were asked for before.
        """
        if not isinstance(found, Groups) or len(found.firsts) > len(table.offsets):
            return False
        if not self._finder.begins_at(self._reader, table.begin(-1)):
            return False
        self._index.beside = found
        return True

    def _beside(self, table: OffsetTable, number: int) -> Frame:
        """A frame whose end, or the next one's beginning, is not where the table has it, if it is whole."""
        beside = self._index.beside
        begin, end = table.bounds(number, self._index.stop)
        if beside is not None:
            first = np.searchsorted(beside.offsets, begin + ITEM_HEADER)
            at, last = int(np.searchsorted(beside.firsts, first)), len(beside.firsts) - 2
            if at <= last:
                ranges = beside.frame(at).ranges
                may_go_on = at == last and beside.is_broken
                begins = ranges and ranges[0][0] == begin + ITEM_HEADER
                if begins and not (may_go_on and sum(ranges[-1]) != end):
                    return Frame(ranges)
        raise self._index.error(f"frame {number} is not where the {table.name} has it", begin)


def _joined(reader: Reader, ranges: tuple[tuple[int, int], ...]) -> bytes | memoryview:
    """The bytes of fragments; what stands between them is read along."""
    first, stop = ranges[0][0], sum(ranges[-1])
    data = reader.read(first, stop - first)
    if len(ranges) == 1:
        return data
    view = memoryview(data)
    return b"".join([view[at - first : at - first + length] for at, length in ranges])
