"""Where the frames of an image are, as far as that is known: what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hounsfield.errors import PixelDataError

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.pixels.layout import Layout
    from hounsfield.sources import Source

__all__ = ["Frame", "Groups", "Index", "OffsetTable"]


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


class OffsetTable(NamedTuple):
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


class Groups(NamedTuple):
    """All fragments, and the number of each frame's first one, with their count at the end."""

    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]
    is_cut: bool
    is_broken: bool  # whether there may be more than could be followed

    def frame(self, number: int) -> Frame:
        """The place of a frame."""
        first, stop = self.firsts[number : number + 2].tolist()
        ranges = zip(self.offsets[first:stop].tolist(), self.lengths[first:stop].tolist(), strict=True)
        return Frame(tuple(ranges))


class Index:
    """What is known of an image's frames so far. It knows no data set, and is kept by it."""

    __slots__ = (
        "beside",
        "counted",
        "encapsulated",
        "has_marks",
        "is_collection",
        "is_video",
        "kept",
        "known",
        "layout",
        "likes",
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
        # What decoding leaves of codestreams with several frames, by their numbers; None if that is nothing.
        self.kept: dict[int, Any] | None = None
        # How frames were decoded that others are like, by how they were asked for: see `Decoder`.
        self.likes: dict[tuple[bool, int], Any] = {}
        # An int for native frames, a Frame if alone.
        self.known: Frame | OffsetTable | Groups | int | None = None
        # Fragments beside a table that leads to more frames than they tell apart.
        self.beside: Groups | None = None
        self.counted: set[str] = set()  # tables that have the last frame where one begins
        self.wrong: set[str] = set()  # tables that are

    def error(self, message: str, offset: int | None = None) -> PixelDataError:
        """Say what is wrong with the pixel data, and where: by default as a whole."""
        offset = self.start if offset is None else offset
        return PixelDataError(message, file=self.source.name, tag=self.tag, offset=offset)
