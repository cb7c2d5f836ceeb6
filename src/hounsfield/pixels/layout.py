"""How the pixel data of a data set are laid out (PS3.3 C.7.6.3, PS3.5 Section 8)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from hounsfield.elements.dataset import Dataset
from hounsfield.elements.dictionary import tag_number
from hounsfield.errors import PixelDataError

__all__ = ["Layout", "layout_of"]

FLOATS: dict[str, np.dtype[Any]] = {
    "FloatPixelData": np.dtype(np.float32),
    "DoubleFloatPixelData": np.dtype(np.float64),
}


class Layout(NamedTuple):
    """What an image's attributes say of its samples.

    Attributes
    ----------
    keyword : str
        The element that holds them: PixelData, FloatPixelData or DoubleFloatPixelData.
    rows, columns, frames, samples : int
    bits_allocated, bits_stored : int
    signed : bool
    planar : bool
        Whether each frame has one plane a sample (Planar Configuration 1).
    photometric_interpretation : str
    """

    keyword: str
    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    planar: bool
    photometric_interpretation: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array that holds the samples, in the byte order of this machine."""
        if self.keyword in FLOATS:
            return FLOATS[self.keyword]
        return np.dtype(f"{'i' if self.signed else 'u'}{max(self.bits_allocated // 8, 1)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, columns, samples), without frames or samples where there is one."""
        frames = (self.frames,) if self.frames > 1 else ()
        samples = (self.samples,) if self.samples > 1 else ()
        return (*frames, self.rows, self.columns, *samples)

    @property
    def frame_bits(self) -> int:
        """Length of one uncompressed frame in bits: the next begins behind the last of them."""
        count = self.rows * self.columns * self.samples
        if self.photometric_interpretation == "YBR_FULL_422":
            count = count // 3 * 2
        return count * self.bits_allocated

    @property
    def native_bytes(self) -> int:
        """Length of uncompressed pixel data, without padding (PS3.5 Section 8.1.1)."""
        return math.ceil(self.frames * self.frame_bits / 8)


def layout_of(ds: Dataset) -> Layout:
    """Read the layout from an image's attributes.

    Raises
    ------
    PixelDataError
        There are no pixel data, an attribute is missing, or its value makes no sense.
    """
    keyword = next((word for word in ("PixelData", *FLOATS) if word in ds), None)
    if keyword is None:
        raise PixelDataError("the data set has no pixel data", file=ds._source.name)
    samples = _number(ds, "SamplesPerPixel", 1, 0xFFFF)
    allocated = _number(ds, "BitsAllocated", 1, 64)
    integers = keyword == "PixelData"
    stored = _number(ds, "BitsStored", 1, allocated) if integers else allocated
    if allocated != 1 and allocated not in (8, 16, 32, 64):
        raise _bad(
            ds, "BitsAllocated", f"{allocated} bits a sample cannot be decoded: 1, 8, 16, 32 and 64 can"
        )
    if not integers and allocated != FLOATS[keyword].itemsize * 8:
        raise _bad(ds, "BitsAllocated", f"{allocated} bits a sample do not go with {keyword}")
    photometric = ds.get("PhotometricInterpretation")
    if not isinstance(photometric, str) or not photometric:
        raise _bad(ds, "PhotometricInterpretation", "is needed, and missing or not one word")
    layout = Layout(
        keyword=keyword,
        rows=_number(ds, "Rows", 1, 0xFFFF),
        columns=_number(ds, "Columns", 1, 0xFFFF),
        frames=_frames(ds),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=integers and _number(ds, "PixelRepresentation", 0, 1) == 1,
        planar=samples > 1 and _number(ds, "PlanarConfiguration", 0, 1) == 1,
        photometric_interpretation=photometric,
    )
    if photometric == "YBR_FULL_422" and (samples != 3 or layout.columns % 2):
        raise _bad(
            ds,
            "PhotometricInterpretation",
            f"YBR_FULL_422 with {samples} samples and {layout.columns} columns",
        )
    return layout


def _number(ds: Dataset, keyword: str, low: int, high: int) -> int:
    value = ds.get(keyword)
    if value is None:
        raise _bad(ds, keyword, f"{keyword} is needed to read the pixel data, and missing")
    if not isinstance(value, int) or not low <= value <= high:
        raise _bad(ds, keyword, f"{keyword} is {value!r}; {low} to {high} is possible")
    return value


def _frames(ds: Dataset) -> int:
    """Number of Frames; 1 where there is none, or where it is 0 or empty, as some writers leave it."""
    value = ds.get("NumberOfFrames")
    if value is None or value == 0:
        return 1
    if not isinstance(value, int) or value < 0:
        raise _bad(ds, "NumberOfFrames", f"NumberOfFrames is {value!r}")
    return value


def _bad(ds: Dataset, keyword: str, message: str) -> PixelDataError:
    return PixelDataError(message, file=ds._source.name, tag=tag_number(keyword))
