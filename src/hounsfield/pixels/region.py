"""Regions of tiled images: the level they are of, the tiles they touch, and what is in them."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hounsfield.errors import LimitError, OptionError, PixelDataError
from hounsfield.outputs import target_of
from hounsfield.pixels.layout import there_are
from hounsfield.pixels.tiling import BESIDE, Region, flavor_of, identifier
from hounsfield.processors import thread_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hounsfield.pixels.layout import Layout
    from hounsfield.pixels.plan import PixelPlan
    from hounsfield.pixels.tiling import Channel, Tile, Tiling

__all__ = ["Image", "level_of", "read_level"]

Array = npt.NDArray[Any]

AT_A_TIME = 1 << 20
"""Bytes of tiles that are decoded at once, at least one tile."""


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
    flavors = [flavor_of(image.ds.get("ImageType")) for image in given]
    slides = given
    if len(given) > 1:
        slides = [image for image, flavor in zip(given, flavors, strict=True) if flavor not in BESIDE]
    if not slides:
        beside = ", ".join(flavors)
        raise OptionError(
            f"no image of a slide among these: {beside or 'no image at all'}. Give one by itself"
        )
    groups: dict[tuple[Any, ...], list[Image]] = {}
    for image in slides:
        words = "SeriesInstanceUID", "FrameOfReferenceUID", "PyramidUID"
        key = tuple(identifier(image.ds.get(word)) for word in words)
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
        there = f"there are {channels}" if channels != [None] else "the image has no such thing"
        raise OptionError(f"{name}={asked!r}: {there}")
    images = [image for image in images if asked in image.tiling.channels]
    planes = sorted({plane for image in images for plane in image.tiling.planes})
    if focal_plane is None and len(planes) > 1:
        raise OptionError(f"there are {len(planes)} focal planes: focal_plane= says which, 0 the lowest")
    try:
        plane = planes[0 if focal_plane is None else operator.index(focal_plane)]
    except IndexError:
        raise OptionError(f"focal_plane={focal_plane}: there are {len(planes)}") from None
    images = [image for image in images if plane in image.tiling.planes]
    if len(images) > 1:
        parts = {identifier(image.ds.get("ConcatenationUID")) for image in images}
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
    threads: int | None,
    max_pixels: int,
) -> Array:
    """Decode a region of a level: see `hounsfield.read_region`."""
    images, channel, plane = _chosen(images, optical_path, segment, focal_plane)
    if region.width < 1 or region.height < 1:
        raise OptionError(f"a region of {region.width} x {region.height} pixels has none")
    threads = thread_count(threads)
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
    asked = None if fill is None else _checked_fill(fill, layout)
    if tiling.positions is None:
        _check_all_there(images[0], inside, touched)
    if tiling.positions is not None or inside != region:
        target[...] = _background(images[0], raw) if asked is None else asked
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


def _background(image: Image, raw: bool) -> Array:
    """What the samples of absent pixels are: as the image recommends, else white or 0."""
    layout = image.tiling.layout
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
