"""Where the tiles of an image are in the whole, by its attributes (PS3.3 C.7.6.17.3 and C.8.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield.elements import sequence
from hounsfield.elements.columns import columns
from hounsfield.elements.dictionary import TAGS
from hounsfield.errors import OptionError
from hounsfield.pixels.layout import Layout, bad_attribute, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.elements.dataset import Dataset

__all__ = ["BESIDE", "Channel", "Region", "Tile", "Tiling", "flavor_of", "identifier", "tiling_of"]

Channel = str | int | None
Places = npt.NDArray[np.int64]

POSITION = TAGS["PlanePositionSlideSequence"]
COLUMN = POSITION, TAGS["ColumnPositionInTotalImagePixelMatrix"]
ROW = POSITION, TAGS["RowPositionInTotalImagePixelMatrix"]
DEPTH = POSITION, TAGS["ZOffsetInSlideCoordinateSystem"]
OPTICAL_PATH = TAGS["OpticalPathIdentificationSequence"], TAGS["OpticalPathIdentifier"]
SEGMENT = TAGS["SegmentIdentificationSequence"], TAGS["ReferencedSegmentNumber"]
PATHS = COLUMN, ROW, DEPTH, OPTICAL_PATH, SEGMENT

BESIDE = frozenset(("LABEL", "OVERVIEW", "LOCALIZER", "THUMBNAIL"))
"""Image Type, value 3, of what goes with a slide and is no level of it (PS3.3 C.8.12.4.1.1)."""

MOST_PLANES = 1 << 16

MOST_POSITION = (1 << 31) - 1
"""Of VR SL (PS3.6)."""


class Positions(NamedTuple):
    """Where the tiles of a sparse image are, by frame."""

    lefts: Places
    tops: Places
    channels: Places  # which of the tiling's
    planes: Places


class Tile(NamedTuple):
    """A frame, and where its first pixel is in the Total Pixel Matrix, from 0."""

    frame: int
    left: int
    top: int


class Region(NamedTuple):
    """A rectangle of a level's pixels: x to the right, y down."""

    x: int
    y: int
    width: int
    height: int

    def within(self, width: int, height: int) -> Region:
        """Give what of it is in a matrix: nothing if that is no higher or no wider than 0."""
        left, top = max(self.x, 0), max(self.y, 0)
        return Region(
            left, top, min(self.x + self.width, width) - left, min(self.y + self.height, height) - top
        )

    @property
    def is_empty(self) -> bool:
        return self.width < 1 or self.height < 1


class Tiling(NamedTuple):
    """What an image's attributes say of its tiles; of an image without tiles, that it is one.

    Attributes
    ----------
    width, height : int
        Of the Total Pixel Matrix.
    layout : Layout
        Of a tile.
    channels : tuple of str or int
        Optical Path Identifiers, or in a segmentation Segment Numbers; (None,) if there are neither.
    planes : tuple of float
        Where the focal planes are: their Z offsets, in no order that matters.
    first : int
        How many frames of a concatenation come before those of this instance.
    positions : Positions or None
        None if tiles are in the order of TILED_FULL.
    """

    width: int
    height: int
    layout: Layout
    channels: tuple[Channel, ...]
    planes: tuple[float, ...]
    first: int
    positions: Positions | None

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.layout.columns)

    @property
    def down(self) -> int:
        return -(-self.height // self.layout.rows)

    def touched(self, region: Region, channel: Channel, plane: float) -> Iterator[Tile]:
        """Give the tiles that have a pixel of a region within the matrix, in the order of their frames."""
        which = self.channels.index(channel), self.planes.index(plane)
        if region.is_empty:
            return iter(())
        if self.positions is None:
            return self._full(region, *which)
        return self._sparse(region, *which, *self.positions)

    def grid(self, region: Region) -> tuple[range, range]:
        """Give the rows and columns of tiles that a region within the matrix touches, in TILED_FULL."""
        x, y, width, height = region
        rows, columns = self.layout.rows, self.layout.columns
        if region.is_empty:
            return range(0), range(0)
        return (
            range(y // rows, -(-(y + height) // rows)),
            range(x // columns, -(-(x + width) // columns)),
        )

    def _full(self, region: Region, channel: int, plane: int) -> Iterator[Tile]:
        start = (channel * len(self.planes) + plane) * self.across * self.down - self.first
        down, across = self.grid(region)
        # Of a concatenation only these rows have frames in this instance.
        held = range(-start // self.across, (self.layout.frames - start) // self.across + 1)
        for row in range(max(down.start, held.start), min(down.stop, held.stop)):
            for column in across:
                frame = start + row * self.across + column
                if 0 <= frame < self.layout.frames:
                    yield Tile(frame, column * self.layout.columns, row * self.layout.rows)

    def _sparse(
        self,
        region: Region,
        channel: int,
        plane: int,
        lefts: Places,
        tops: Places,
        channels: Places,
        planes: Places,
    ) -> Iterator[Tile]:
        x, y, width, height = region
        is_touched = (lefts < x + width) & (lefts + self.layout.columns > x)
        is_touched &= (tops < y + height) & (tops + self.layout.rows > y)
        for frame in np.flatnonzero(is_touched & (channels == channel) & (planes == plane)).tolist():
            yield Tile(frame, int(lefts[frame]), int(tops[frame]))


def tiling_of(ds: Dataset) -> Tiling:
    """Give an image's tiles, which the data set keeps.

    Raises
    ------
    PixelDataError
        There are no pixel data, or what describes them makes no sense.
    OptionError
        The image has several frames and no Total Pixel Matrix.
    """
    tiling: Tiling | None = ds._tiling
    if tiling is None:
        tiling = ds._tiling = _read_tiling(ds)
    return tiling


def _read_tiling(ds: Dataset) -> Tiling:
    """Read tiles from an image's attributes; of sparse ones, the functional groups of all frames."""
    layout = layout_of(ds)
    width, height = (_size(ds, f"TotalPixelMatrix{side}") for side in ("Columns", "Rows"))
    if layout.frames == 1 and (flavor_of(ds.get("ImageType")) in BESIDE or width is None or height is None):
        # Of these, what is said of a matrix may be about the slide (PS3.3 C.7.6.17.3).
        return Tiling(layout.columns, layout.rows, layout, (None,), (0.0,), 0, None)
    if width is None or height is None:
        raise OptionError(
            f"has {layout.frames} frames, but is not tiled: it has no Total Pixel Matrix",
            file=ds._source.name,
        )
    offset = ds.get("ConcatenationFrameOffsetNumber")
    tiling = Tiling(width, height, layout, (), (), offset if isinstance(offset, int) else 0, None)
    groups = ds.get("PerFrameFunctionalGroupsSequence")
    organization = ds.get("DimensionOrganizationType")
    if organization == "TILED_FULL" or (not groups and organization != "TILED_SPARSE"):
        return _full_tiling(ds, tiling)
    return _sparse_tiling(ds, tiling, groups if isinstance(groups, sequence.Sequence) else None)


def flavor_of(image_type: Any) -> str:
    """Give value 3 of Image Type, "VOLUME" or one of `BESIDE` for slides; "" if there is none."""
    return str(image_type[2]) if isinstance(image_type, tuple) and len(image_type) > 2 else ""


def _size(ds: Dataset, keyword: str) -> int | None:
    value = ds.get(keyword)
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise bad_attribute(ds, keyword, f"{keyword} is {value!r}")
    return value


def _full_tiling(ds: Dataset, tiling: Tiling) -> Tiling:
    tiles, frames = tiling.across * tiling.down, tiling.layout.frames
    channels = _channels(ds)
    planes = _size(ds, "TotalPixelMatrixFocalPlanes")
    is_part = ds.get("ConcatenationUID") is not None
    if planes is None:
        planes = 1 if is_part else max(frames // (tiles * len(channels)), 1)
    if planes > MOST_PLANES:  # which a broken file may say
        raise bad_attribute(
            ds, "TotalPixelMatrixFocalPlanes", f"{planes} focal planes, {MOST_PLANES} are possible"
        )
    total = tiles * len(channels) * planes
    if tiling.first + frames > total or (frames < total and not is_part):
        raise bad_attribute(
            ds,
            "NumberOfFrames",
            f"{frames} frames are not {tiling.across} x {tiling.down} tiles of {len(channels)} optical paths "
            f"or segments and {planes} focal planes, as TILED_FULL has them",
        )
    bottom = _depth(ds)
    step = ds.get("SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.SpacingBetweenSlices")
    step = step if isinstance(step, float) and step else 1.0
    return tiling._replace(
        channels=channels, planes=tuple(_rounded(bottom + i * step) for i in range(planes))
    )


def _channels(ds: Dataset) -> tuple[Channel, ...]:
    """Optical Path Identifiers or Segment Numbers, in the order of the channels of TILED_FULL."""
    segments = ds.get("SegmentSequence")
    if isinstance(segments, sequence.Sequence) and segments:
        if ds.get("SegmentationType") == "LABELMAP":
            return (None,)
        return tuple(identifier(item.get("SegmentNumber")) for item in segments)
    paths = ds.get("OpticalPathSequence")
    if isinstance(paths, sequence.Sequence) and paths:
        return tuple(identifier(item.get("OpticalPathIdentifier")) for item in paths)
    return (None,)


def identifier(value: Any) -> Any:
    """Give what tells images or channels apart; None where a sequence stands in its place."""
    return None if isinstance(value, sequence.Sequence) else value


def _depth(ds: Dataset) -> float:
    """Z offset of an image: of its first focal plane in TILED_FULL."""
    for path in (
        "SharedFunctionalGroupsSequence.0.PlanePositionSlideSequence.0.ZOffsetInSlideCoordinateSystem",
        "TotalPixelMatrixOriginSequence.0.ZOffsetInSlideCoordinateSystem",
    ):
        value = ds.get(path)
        if isinstance(value, float):
            return value
    return 0.0


def _rounded(depth: float) -> float:
    return round(depth, 6)


def _sparse_tiling(ds: Dataset, tiling: Tiling, groups: sequence.Sequence | None) -> Tiling:
    frames = tiling.layout.frames
    found = columns(groups, PATHS) if groups is not None else [[None] * frames for _ in PATHS]
    if len(found[0]) != frames:
        raise bad_attribute(
            ds, "PerFrameFunctionalGroupsSequence", f"there are {len(found[0])} items for {frames} frames"
        )
    shared = ds.get("SharedFunctionalGroupsSequence")
    common = columns(shared, PATHS) if isinstance(shared, sequence.Sequence) else [[] for _ in PATHS]
    for path, values, default in zip(PATHS, found, common, strict=True):
        if default and default[0] is not None:
            values[:] = [default[0] if value is None else value for value in values]
        if path in (COLUMN, ROW):
            for frame, value in enumerate(values):
                if not isinstance(value, int) or abs(value) > MOST_POSITION:
                    raise bad_attribute(
                        ds,
                        "PlanePositionSlideSequence",
                        f"frame {frame} has no position in the Total Pixel Matrix, or no single one",
                    )
    lefts, tops = (np.array(values, np.int64) - 1 for values in found[:2])
    depths = found[2]
    paths, segments = (list(map(identifier, values)) for values in found[3:])
    channels, which = _coded(
        segments if any(value is not None for value in segments) else paths, _channels(ds)
    )
    planes, places = _planes(ds, depths, np.stack((lefts, tops, which)))
    return tiling._replace(channels=channels, planes=planes, positions=Positions(lefts, tops, which, places))


def _coded(values: list[Any], declared: tuple[Any, ...] = ()) -> tuple[tuple[Any, ...], Places]:
    """Distinct values, those that are declared first, and which of them each is.

    Where there are none, the only one that is declared goes without saying.
    """
    if all(value is None for value in values):
        return declared if len(declared) == 1 else (None,), np.zeros(len(values), np.int64)
    codes = {value: code for code, value in enumerate(declared) if value is not None}
    coded = np.fromiter((codes.setdefault(value, len(codes)) for value in values), np.int64, len(values))
    return tuple(codes), coded


def _planes(ds: Dataset, depths: list[Any], places: Places) -> tuple[tuple[float, ...], Places]:
    """Focal planes, and which of them each frame is in: one, unless there are several tiles at one place.

    The depth of tiles in one plane may differ, where the scanner follows the tissue.
    """
    known = [_rounded(depth) if isinstance(depth, float) else 0.0 for depth in depths]
    if _are_distinct(places):
        return (known[0],), np.zeros(len(depths), np.int64)
    planes, which = _coded(known)
    if not _are_distinct(np.vstack((places, which))):
        raise bad_attribute(
            ds,
            "PerFrameFunctionalGroupsSequence",
            "several frames have the same position, optical path or segment, and Z offset",
        )
    return planes, which


def _are_distinct(places: Places) -> bool:
    in_order = places[:, np.lexsort(places)]
    return bool((in_order[:, 1:] != in_order[:, :-1]).any(axis=0).all())
