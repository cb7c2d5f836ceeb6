"""Whole slides: which files or data sets are the levels of one, and regions of them."""

from __future__ import annotations

import operator
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hounsfield.errors import NotDicomError, OptionError
from hounsfield.facade import Dataset, read
from hounsfield.finding import find_files
from hounsfield.pixels.layout import has_pixels
from hounsfield.pixels.plan import MAX_PIXELS
from hounsfield.pixels.region import Image, level_of, read_level
from hounsfield.pixels.tiling import Region, tiling_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy.typing as npt
    from typing_extensions import Buffer

    from hounsfield.sources import BinaryFile

    Source: TypeAlias = Dataset | str | os.PathLike[str] | Buffer | BinaryFile

__all__ = ["read_region"]


def read_region(
    images: Source | Sequence[Source],
    position: tuple[int, int],
    size: tuple[int, int],
    level: int = 0,
    *,
    optical_path: str | None = None,
    segment: int | None = None,
    focal_plane: int | None = None,
    raw: bool = False,
    fill: float | Sequence[float] | None = None,
    out: npt.NDArray[Any] | None = None,
    threads: int | None = 1,
    max_pixels: int = MAX_PIXELS,
) -> npt.NDArray[Any]:
    """Decode a region of a tiled (whole-slide) image: the tiles that it touches, and no other is read.

    Parameters
    ----------
    images : Dataset, path, URL, bytes-like, file object, or a list of these
        The image, or all levels of a slide: their data sets or files, or the path of the folder that has
        them. Of several images, those without pixel data are left out, and labels, overviews and thumbnails.
        Where many regions are read, pass data sets: they keep what was found out about their tiles.
    position : (x, y)
        The first pixel of the region in the Total Pixel Matrix of the level: x to the right, y down, from 0.
    size : (width, height)
        In pixels. The region may reach beyond the matrix, or lie outside it.
    level : int
        0 is the largest, -1 the smallest.
    optical_path : str, optional
        Optical Path Identifier, where there are several.
    segment : int, optional
        Segment Number, where there are several.
    focal_plane : int, optional
        From 0, the lowest, where there are several.
    raw : bool
        Leave colours as the codec gives them: see `Dataset.pixels`.
    fill : number, or one for each sample; optional
        What stands where there is no tile, and outside the matrix. By default Recommended Absent Pixel CIELab
        Value, or else white, for colour; Pixel Padding Value, or else 0, for all others.
    out : ndarray, optional
        Where to put the samples: writable, C-contiguous, of the shape and dtype of the result.
    threads : int or None
        How many tiles to decode at a time, if they are encapsulated; None for one on each CPU.
    max_pixels : int
        Samples that the region, or a tile, may have at most.

    Returns
    -------
    ndarray
        Of shape (height, width), or (height, width, samples), and of the dtype of `Dataset.pixels`. An image
        that is not tiled, of one frame, is read as one tile.

    Raises
    ------
    OptionError
        There is no such level, optical path, segment or focal plane, or several and none was asked for; the
        images are of several slides, or several show the same; the image has several frames, but no tiles;
        `out` or another argument cannot be used.
    PixelDataError
        What describes the tiles makes no sense, or a tile that should be there is not, or is broken.
    DicomError, OSError
        As `read`, and `Dataset.pixels`.

    Notes
    -----
    PS3.3 C.7.6.17.3 (TILED_FULL and TILED_SPARSE), C.8.12.4 and C.8.12.6.1; the parts of a concatenation
    (Section 7.5.1) are one level. Memory is taken for the region, and for a few tiles at a time.

    Examples
    --------
    >>> hu.read_region("slide/", (12000, 8000), (512, 512))
    >>> slide = [hu.read(path) for path in paths]
    >>> hu.read_region(slide, (0, 0), (1024, 1024), level=2, threads=4)
    >>> hu.read_region("fluorescence.dcm", (0, 0), (512, 512), optical_path="DAPI", focal_plane=1)
    """
    if len(position) != 2 or len(size) != 2:
        raise OptionError(f"position={position}, size={size}: these are (x, y) and (width, height)")
    return read_level(
        level_of((Image(ds, tiling_of(ds)) for ds in _images(images)), operator.index(level)),
        Region(*map(operator.index, (*position, *size))),
        optical_path=optical_path,
        segment=segment,
        focal_plane=focal_plane,
        raw=raw,
        fill=fill,
        out=out,
        threads=threads,
        max_pixels=max_pixels,
    )


def _images(given: Source | Sequence[Source]) -> list[Dataset]:
    """The data sets of a slide: those with pixel data, if there are several."""
    if isinstance(given, list | tuple):
        found = [_opened(each) for each in given]
    elif isinstance(given, str | os.PathLike):
        found = []
        for path, folder in find_files([given], below=False):
            if folder is None:
                return [read(given)]
            with suppress(NotDicomError):
                found.append(read(path))
    else:
        return [_opened(given)]
    return [ds for ds in found if has_pixels(ds)]


def _opened(given: Any) -> Dataset:
    return given if isinstance(given, Dataset) else read(given)
