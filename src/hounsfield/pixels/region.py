"""Regions of tiled images: which tiles they touch, and what is in them (PS3.3 C.7.6.17.3 and C.8.12)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hounsfield.elements import sequence
from hounsfield.elements.columns import columns
from hounsfield.elements.dictionary import TAGS, tag
from hounsfield.errors import LimitError, OptionError, PixelDataError
from hounsfield.outputs import target_of
from hounsfield.pixels.layout import Layout, layout_of, there_are

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hounsfield.elements.dataset import Dataset
    from hounsfield.pixels.plan import PixelPlan

__all__ = ["Image", "Region", "Tiling", "level_of", "read_level", "tiling_of"]

Array = npt.NDArray[Any]
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

AT_A_TIME = 1 << 20
"""Bytes of tiles that are decoded at once, at least one tile."""

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


# What data sets say


def tiling_of(ds: Dataset) -> Tiling:
    """Read an image's tiles from its attributes; of sparse ones, the functional groups of all frames.

    Raises
    ------
    PixelDataError
        There are no pixel data, or what describes them makes no sense.
    OptionError
        The image has several frames and no Total Pixel Matrix.
    """
    layout = layout_of(ds)
    width, height = (_size(ds, f"TotalPixelMatrix{side}") for side in ("Columns", "Rows"))
    if layout.frames == 1 and (_flavor(ds) in BESIDE or width is None or height is None):
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


def _flavor(ds: Dataset | ImageLike) -> str:
    value = ds.get("ImageType")
    return str(value[2]) if isinstance(value, tuple) and len(value) > 2 else ""


def _size(ds: Dataset, keyword: str) -> int | None:
    value = ds.get(keyword)
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise _bad(ds, keyword, f"{keyword} is {value!r}")
    return value


def _bad(ds: Dataset, keyword: str, message: str) -> PixelDataError:
    return PixelDataError(message, file=ds._source.name, tag=tag(keyword))


def _full_tiling(ds: Dataset, tiling: Tiling) -> Tiling:
    tiles, frames = tiling.across * tiling.down, tiling.layout.frames
    channels = _channels(ds)
    planes = _size(ds, "TotalPixelMatrixFocalPlanes")
    is_part = ds.get("ConcatenationUID") is not None
    if planes is None:
        planes = 1 if is_part else max(frames // (tiles * len(channels)), 1)
    if planes > MOST_PLANES:  # which a broken file may say
        raise _bad(ds, "TotalPixelMatrixFocalPlanes", f"{planes} focal planes, {MOST_PLANES} are possible")
    total = tiles * len(channels) * planes
    if tiling.first + frames > total or (frames < total and not is_part):
        raise _bad(
            ds,
            "NumberOfFrames",
            f"{frames} frames are not {tiling.across} x {tiling.down} tiles of {len(channels)} optical paths "
            f"or segments and {planes} focal planes, as TILED_FULL has them",
        )
    bottom, step = (
        _depth(ds),
        ds.get("SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.SpacingBetweenSlices"),
    )
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
        return tuple(_identifier(item.get("SegmentNumber")) for item in segments)
    paths = ds.get("OpticalPathSequence")
    if isinstance(paths, sequence.Sequence) and paths:
        return tuple(_identifier(item.get("OpticalPathIdentifier")) for item in paths)
    return (None,)


def _identifier(value: Any) -> Any:
    """What tells images or channels apart; None where a sequence stands in its place."""
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
        raise _bad(
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
                    raise _bad(
                        ds,
                        "PlanePositionSlideSequence",
                        f"frame {frame} has no position in the Total Pixel Matrix, or no single one",
                    )
    lefts, tops = (np.array(values, np.int64) - 1 for values in found[:2])
    depths = found[2]
    paths, segments = (list(map(_identifier, values)) for values in found[3:])
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
        raise _bad(
            ds,
            "PerFrameFunctionalGroupsSequence",
            "several frames have the same position, optical path or segment, and Z offset",
        )
    return planes, which


def _are_distinct(places: Places) -> bool:
    in_order = places[:, np.lexsort(places)]
    return bool((in_order[:, 1:] != in_order[:, :-1]).any(axis=0).all())


# Levels


class ImageLike(Protocol):
    """What is asked of a `hounsfield.Dataset`."""

    @property
    def filename(self) -> str | None: ...
    def get(self, key: str, default: Any = None, /) -> Any: ...
    def pixel_plan(self, *, raw: bool = False) -> PixelPlan: ...
    def pixels(
        self, frame: list[int], /, *, raw: bool = False, threads: int = 1, max_pixels: int = ...
    ) -> Array: ...


class Image(NamedTuple):
    """A data set and its tiles."""

    ds: ImageLike
    tiling: Tiling


def level_of(images: Iterable[Image], level: int) -> list[Image]:
    """Give the images that make a level of a slide, 0 the largest.

    Of several images those beside the slide are left out: labels, overviews and thumbnails.

    Raises
    ------
    OptionError
        There is no image, they are of several slides, or there is no such level.
    """
    given = list(images)
    slides = [image for image in given if _flavor(image.ds) not in BESIDE] if len(given) > 1 else given
    if not slides:
        beside = ", ".join(_flavor(image.ds) for image in given)
        raise OptionError(
            f"no image of a slide among these: {beside or 'no image at all'}. Give one by itself"
        )
    groups: dict[tuple[Any, ...], list[Image]] = {}
    for image in slides:
        words = "SeriesInstanceUID", "FrameOfReferenceUID", "PyramidUID"
        key = tuple(_identifier(image.ds.get(word)) for word in words)
        groups.setdefault(key, []).append(image)
    if len(groups) > 1:
        raise OptionError(
            f"these are images of {len(groups)} series, frames of reference or pyramids: give those of one. "
            + "; ".join(_described(*item) for item in groups.items())
        )
    levels: dict[tuple[int, int], list[Image]] = {}
    for image in slides:
        levels.setdefault((image.tiling.width, image.tiling.height), []).append(image)
    if not -len(levels) <= level < len(levels):
        there = there_are(len(levels))
        raise OptionError(f"level {level} was asked for, {there}")
    return levels[sorted(levels, key=lambda size: (math.prod(size), size), reverse=True)[level]]


def _described(key: tuple[Any, ...], images: list[Image]) -> str:
    """A group of images, for a message."""
    uids = [
        f"{name} {uid}"
        for name, uid in zip(("series", "frame of reference", "pyramid"), key, strict=True)
        if uid
    ]
    width, height = max((image.tiling.width, image.tiling.height) for image in images)
    first = images[0].ds
    return (
        f"{', '.join(uids) or 'no UIDs'} ({first.get('Modality') or 'no modality'}, {len(images)} "
        f"image{'s' if len(images) > 1 else ''} up to {width} x {height}, the first in {first.filename})"
    )


def _chosen(
    images: list[Image], optical_path: str | None, segment: int | None, focal_plane: int | None
) -> tuple[list[Image], Channel, float]:
    """Which images of a level have what is asked for, and which channel and plane that is."""
    channels = list(dict.fromkeys(channel for image in images for channel in image.tiling.channels))
    if optical_path is not None and segment is not None:
        raise OptionError("images have either optical paths or segments")
    asked = optical_path if segment is None else segment
    if asked is None:
        if len(channels) > 1:
            what = "segments: segment=" if isinstance(channels[0], int) else "optical paths: optical_path="
            raise OptionError(f"there are {len(channels)} {what} says which of {channels}")
        asked = channels[0]
    elif asked not in channels:
        name = "optical_path" if segment is None else "segment"
        raise OptionError(f"{name}={asked!r}: there are {channels}")
    images = [image for image in images if asked in image.tiling.channels]
    planes = sorted({plane for image in images for plane in image.tiling.planes})
    if focal_plane is None and len(planes) > 1:
        raise OptionError(f"there are {len(planes)} focal planes: focal_plane= says which, 0 the lowest")
    try:
        plane = planes[focal_plane or 0]
    except IndexError:
        raise OptionError(f"focal_plane={focal_plane}: there are {len(planes)}") from None
    images = [image for image in images if plane in image.tiling.planes]
    if len(images) > 1:
        parts = {_identifier(image.ds.get("ConcatenationUID")) for image in images}
        if len(parts) > 1 or None in parts:
            width, height = images[0].tiling[:2]
            names = (str(image.ds.filename or image.ds.get("SOPInstanceUID")) for image in images)
            raise OptionError(
                f"{len(images)} images show the same {width} x {height} pixels, give one: {', '.join(names)}"
            )
    return images, asked, plane


# Pixels


def read_level(
    images: list[Image],
    region: Region,
    *,
    optical_path: str | None,
    segment: int | None,
    focal_plane: int | None,
    fill: float | Sequence[float] | None,
    raw: bool,
    out: Array | None,
    threads: int,
    max_pixels: int,
) -> Array:
    """Decode a region of a level: see `hounsfield.read_region`."""
    images, channel, plane = _chosen(images, optical_path, segment, focal_plane)
    if region.width < 1 or region.height < 1:
        raise OptionError(f"a region of {region.width} x {region.height} pixels has none")
    if threads < 1:
        raise OptionError(f"threads={threads}: 1 is the least")
    layout = images[0].tiling.layout
    samples = (layout.samples,) if layout.samples > 1 else ()
    shape = (region.height, region.width, *samples)
    if math.prod(shape) > max_pixels:
        raise LimitError(
            f"{' x '.join(map(str, shape))} samples are more than max_pixels={max_pixels}: read a smaller "
            "region, or allow more",
            file=images[0].ds.filename,
        )
    for image in images[1:]:
        if (image.tiling.layout.dtype, image.tiling.layout.samples) != (layout.dtype, layout.samples):
            raise PixelDataError("is a part of an image whose parts differ", file=image.ds.filename)
    tiling = images[0].tiling
    inside = region.within(tiling.width, tiling.height)
    touched = [list(image.tiling.touched(inside, channel, plane)) for image in images]
    target = target_of(out, shape, layout.dtype)
    if tiling.positions is None:
        _check_all_there(images[0], inside, touched)
    if tiling.positions is not None or inside != region:
        target[...] = _background(images[0], fill, raw)
    view = target[inside.y - region.y :, inside.x - region.x :]
    for image, tiles in zip(images, touched, strict=True):
        _paste(image, tiles, inside, view, raw, threads, max_pixels)
    return target


def _check_all_there(image: Image, region: Region, touched: list[list[Tile]]) -> None:
    """Raise if tiles are missing where TILED_FULL says that there are none."""
    down, across = image.tiling.grid(region)
    wanted, there = len(down) * len(across), sum(map(len, touched))
    if there < wanted:
        raise PixelDataError(
            f"of {wanted} tiles {wanted - there} are in parts of the concatenation that were not given",
            file=image.ds.filename,
        )


def _paste(
    image: Image, tiles: list[Tile], region: Region, target: Array, raw: bool, threads: int, max_pixels: int
) -> None:
    """Decode tiles, a few at a time, and put what of them is in a region where it belongs.

    `target` begins with the first pixel of the region, which is within the matrix.
    """
    layout = image.tiling.layout
    size = layout.rows * layout.columns * layout.samples
    step = max(AT_A_TIME // (size * layout.dtype.itemsize), 4 * threads if threads > 1 else 1)
    step = max(min(step, max_pixels // size), 1)
    for first in range(0, len(tiles), step):
        batch = tiles[first : first + step]
        decoded = image.ds.pixels(
            [tile.frame for tile in batch], raw=raw, threads=threads, max_pixels=max_pixels
        )
        for (_, left, top), pixels in zip(batch, decoded, strict=True):
            x, y = max(left, region.x), max(top, region.y)
            right = min(left + layout.columns, region.x + region.width)
            bottom = min(top + layout.rows, region.y + region.height)
            target[y - region.y : bottom - region.y, x - region.x : right - region.x] = pixels[
                y - top : bottom - top, x - left : right - left
            ]


# What is where nothing is


def _background(image: Image, fill: float | Sequence[float] | None, raw: bool) -> Array:
    """What the samples of absent pixels are: as asked for, as the image recommends, else white or 0."""
    layout = image.tiling.layout
    if fill is not None:
        return _checked_fill(fill, layout)
    if layout.samples != 3:
        padding = image.ds.get("PixelPaddingValue")
        wanted = np.array([padding if isinstance(padding, int) else 0])
        found: Array = wanted.astype(layout.dtype)
        return found if found == wanted else np.zeros_like(found)
    lab = image.ds.get("RecommendedAbsentPixelCIELabValue")
    is_lab = isinstance(lab, tuple) and len(lab) == 3 and all(isinstance(each, int) for each in lab)
    rgb = _rgb_of(lab) if is_lab else np.ones(3)
    largest = (1 << layout.bits_stored) - 1 >> layout.signed
    if raw and image.ds.pixel_plan(raw=True).output_photometric_interpretation.startswith("YBR"):
        rgb = YBR_OF_RGB @ rgb + (0, (largest + 1) // 2 / largest, (largest + 1) // 2 / largest)
    samples: Array = np.rint(np.clip(rgb, 0, 1) * largest).astype(layout.dtype)
    return samples


def _checked_fill(fill: float | Sequence[float], layout: Layout) -> Array:
    values = np.asarray(fill)
    if values.dtype.kind in "iuf" and values.shape in ((), (layout.samples,)):
        with np.errstate(invalid="ignore"):
            samples = values.astype(layout.dtype)
        if (samples == values).all():
            return np.asarray(samples)
    raise OptionError(f"fill={fill!r}: one sample of {layout.dtype}, or {layout.samples} of them")


YBR_OF_RGB = np.array(((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)))
"""PS3.3 C.7.6.3.1.2."""

SRGB_OF_XYZ = np.array(
    (
        (3.1338561, -1.6168667, -0.4906146),
        (-0.9787684, 1.9161415, 0.0334540),
        (0.0719453, -0.2289914, 1.4052427),
    )
)
"""Linear sRGB of XYZ relative to D50, the white of the profile connection space."""

D50 = np.array((0.96422, 1.0, 0.82521))


def _rgb_of(lab: tuple[int, int, int]) -> Array:
    """SRGB from 0 to 1 of a CIELab value in 16 bits (PS3.3 C.10.7.1.1)."""
    lightness, a, b = lab[0] * 100 / 0xFFFF, lab[1] / 0x101 - 128, lab[2] / 0x101 - 128
    y = (lightness + 16) / 116
    f = np.array((y + a / 500, y, y - b / 200))
    xyz = D50 * np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2)
    linear = np.clip(SRGB_OF_XYZ @ xyz, 0, 1)
    encoded: Array = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return encoded
