"""How the pixel data of a data set are laid out (PS3.3 C.7.6.3, PS3.5 Section 8)."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from hounsfield.elements.dataset import Dataset
from hounsfield.elements.dictionary import tag
from hounsfield.elements.element import Element
from hounsfield.errors import PixelDataError, UnsupportedError

__all__ = [
    "Layout",
    "bad_attribute",
    "check_color",
    "check_length",
    "check_retired",
    "check_subsampled",
    "has_pixels",
    "layout_of",
    "native_layout",
    "there_are",
]

PIXEL_KEYWORDS = "PixelData", "FloatPixelData", "DoubleFloatPixelData"
"""The elements that hold samples: an image has one of them."""

FLOATS: dict[str, np.dtype[Any]] = {
    "FloatPixelData": np.dtype(np.float32),
    "DoubleFloatPixelData": np.dtype(np.float64),
}
ALLOCATED = 1, 8, 12, 16, 32, 64
# Samples that native pixel data have for each pixel, where it is not Samples per Pixel.
SUBSAMPLED = {"YBR_FULL_422": 2.0, "YBR_PARTIAL_422": 2.0, "YBR_PARTIAL_420": 1.5}
TO_RGB = frozenset({"YBR_FULL", *SUBSAMPLED})
OF_ONE_SAMPLE = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
RETIRED = frozenset({"HSV", "ARGB", "CMYK"})
OF_JPEG_2000 = frozenset({"YBR_ICT", "YBR_RCT"})

# Transfer syntaxes whose frames, in fragments, are laid out as native ones.
UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
DEFLATED = "1.2.840.10008.1.2.8.1"


def has_pixels(ds: Dataset) -> bool:
    """Whether there are pixel data.

    Raises
    ------
    PixelDataError
        There are none, but the data set is not complete.
    """
    if any(keyword in ds for keyword in PIXEL_KEYWORDS):
        return True
    if ds._incomplete:
        raise _no_pixels(ds)
    return False


def _no_pixels(ds: Dataset) -> PixelDataError:
    """Say that there are no pixel data, and if the data set is not complete, why."""
    message = "the data set has no pixel data"
    if ds._is_left_out(tag("PixelData")):
        message = "the pixel data were not asked for: `tags` or `until` left them out of what was read"
    elif ds._incomplete:
        message += f": {ds._incomplete}"
    return PixelDataError(message, file=ds._source.name)


def bad_attribute(ds: Dataset, keyword: str, message: str) -> PixelDataError:
    """Say what is wrong with an attribute that describes the pixel data."""
    return PixelDataError(message, file=ds._source.name, tag=tag(keyword))


class Layout(NamedTuple):
    """What an image's attributes say of its samples.

    Attributes
    ----------
    keyword : str
        The element that holds them: PixelData, FloatPixelData or DoubleFloatPixelData.
    rows, columns, frames, samples : int
    bits_allocated, bits_stored, high_bit : int
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
    high_bit: int
    signed: bool
    planar: bool
    photometric_interpretation: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array that holds the samples, in the byte order of this machine."""
        return _dtype(self.keyword, self.bits_allocated, self.signed)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(rows, columns, samples), without samples where there is one."""
        return (self.rows, self.columns, self.samples) if self.samples > 1 else (self.rows, self.columns)

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, rows, columns, samples), without frames or samples where there is one."""
        return (self.frames, *self.frame_shape) if self.frames > 1 else self.frame_shape

    @property
    def output_photometric_interpretation(self) -> str:
        """What the samples mean when they are not left raw: RGB for YBR, else what they are stored as."""
        color = self.photometric_interpretation
        return "RGB" if color in TO_RGB else color

    @property
    def frame_bits(self) -> int:
        """Length of an uncompressed frame, in bits: the next begins right behind (PS3.5 Section 8.1.1)."""
        stored = SUBSAMPLED.get(self.photometric_interpretation, self.samples)
        return int(self.rows * self.columns * stored) * self.bits_allocated

    @property
    def native_bytes(self) -> int:
        """Length of uncompressed pixel data, without padding (PS3.5 Section 8.1.1)."""
        return math.ceil(self.frames * self.frame_bits / 8)


@cache
def _dtype(keyword: str, bits_allocated: int, signed: bool) -> np.dtype[Any]:
    if keyword in FLOATS:
        return FLOATS[keyword]
    return np.dtype(f"{'i' if signed else 'u'}{math.ceil(bits_allocated / 8)}")


# Of images that are described in the same bytes, and with which nothing was wrong.
_LAYOUTS: dict[bytes, Layout] = {}
MOST_LAYOUTS = 4096


def layout_of(ds: Dataset) -> Layout:
    """Read the layout from an image's attributes.

    What contradicts itself and can be put right is noted among the `warnings` of the data set.

    Raises
    ------
    PixelDataError
        There are no pixel data, an attribute is missing, or its value makes no sense.
    """
    key = ds._image_key()
    if key is None:
        return _read_layout(ds)
    layout = _LAYOUTS.get(key)
    if layout is None:
        layout = _read_layout(ds)
        if not ds._notes and len(_LAYOUTS) < MOST_LAYOUTS:
            _LAYOUTS[key] = layout
    return layout


def _read_layout(ds: Dataset) -> Layout:
    keyword = next((word for word in PIXEL_KEYWORDS if word in ds), None)
    if keyword is None:
        raise _no_pixels(ds)
    samples = _number(ds, "SamplesPerPixel", 1, 0xFFFF)
    allocated = _number(ds, "BitsAllocated", 1, 64)
    integers = keyword == "PixelData"
    stored = _number(ds, "BitsStored", 1, allocated) if integers else allocated
    if allocated not in ALLOCATED:
        raise bad_attribute(
            ds, "BitsAllocated", f"{allocated} bits a sample cannot be decoded: {ALLOCATED} can"
        )
    if not integers and allocated != FLOATS[keyword].itemsize * 8:
        raise bad_attribute(ds, "BitsAllocated", f"{allocated} bits a sample do not go with {keyword}")
    layout = Layout(
        keyword=keyword,
        rows=_number(ds, "Rows", 1, 0xFFFF),
        columns=_number(ds, "Columns", 1, 0xFFFF),
        frames=_frames(ds),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_high_bit(ds, allocated, stored) if integers else allocated - 1,
        signed=integers and _number(ds, "PixelRepresentation", 0, 1) == 1,
        planar=samples > 1 and _planar(ds),
        photometric_interpretation=_photometric(ds, samples),
    )
    if layout.photometric_interpretation in SUBSAMPLED:
        layout = layout._replace(planar=False)  # whatever Planar Configuration says: there are no planes
    return layout


def native_layout(element: Element, layout: Layout) -> Layout:
    """Hold the length of pixel data that are not compressed, `element`, against what `layout_of` gave.

    Where there is room for more frames, or the length is that of fewer and the end of the file has not cut
    it, Number of Frames is taken to be wrong. Bytes beyond the last frame are left out. The `warnings` of
    the data set tell of both.

    Raises
    ------
    PixelDataError
        The pixel data are shorter than the attributes say, or so long that a colour is not subsampled as they
        say; or the image is not one that can be.
    """
    ds = element._dataset
    check_subsampled(ds, layout)
    wanted, there = layout.native_bytes, element.length
    if wanted <= there <= wanted + wanted % 2:
        return layout
    color = layout.photometric_interpretation
    full = layout.frames * layout.rows * layout.columns * layout.samples * layout.bits_allocated // 8
    if color in SUBSAMPLED and full <= there <= full + full % 2:
        raise PixelDataError(
            f"{wanted} bytes of pixel data are needed for {color}, and {there} are there: as many as where "
            "nothing is subsampled",
            file=ds._source.name,
            tag=element.tag,
            offset=element.offset,
        )
    fitting = layout._replace(frames=there * 8 // layout.frame_bits)
    whole = there - fitting.native_bytes <= fitting.native_bytes % 2 and not element.is_cut
    if fitting.frames > layout.frames or (whole and 0 < fitting.frames < layout.frames):
        says = f"is {layout.frames}" if ds.get("NumberOfFrames") else "is missing or 0"
        ds._note_element(element.tag, f"Number of Frames {says}, but {there_are(fitting.frames)}")
        layout, wanted = fitting, fitting.native_bytes
    if there > wanted + wanted % 2:
        ds._note_element(element.tag, f"{there - wanted} bytes follow the last frame and were left out")
    return layout


def check_length(element: Element, layout: Layout, frames: int) -> None:
    """See whether pixel data that are not compressed are long enough for the first `frames`.

    Raises
    ------
    PixelDataError
        They are shorter.
    """
    wanted, there = math.ceil(frames * layout.frame_bits / 8), element.length
    if there < wanted:
        cut = ", where the file ends" if element.is_cut else ""
        raise PixelDataError(
            f"{wanted} bytes of pixel data are needed for {frames} x {layout.rows} x {layout.columns} "
            f"x {layout.samples} samples of {layout.bits_allocated} bits, {there} are there{cut}",
            file=element._dataset._source.name,
            tag=element.tag,
            offset=element.offset,
        )


def there_are(count: int) -> str:
    """Say how many of what was asked for there are."""
    return "there is 1" if count == 1 else f"there are {count}"


def check_subsampled(ds: Dataset, layout: Layout) -> None:
    """See whether frames that are not compressed can be subsampled as they are said to be.

    Raises
    ------
    PixelDataError
        They have no three samples of 8 or 16 bits, or not the pairs of columns and rows that share a colour.
    """
    color, samples, allocated = layout.photometric_interpretation, layout.samples, layout.bits_allocated
    if color in SUBSAMPLED:
        odd = layout.columns % 2 or (color == "YBR_PARTIAL_420" and layout.rows % 2)
        if samples != 3 or odd or allocated not in (8, 16):
            size = f"{layout.rows} x {layout.columns} pixels"
            raise bad_attribute(
                ds,
                "PhotometricInterpretation",
                f"{color} with {samples} samples of {allocated} bits in {size}",
            )


def check_color(ds: Dataset, layout: Layout) -> None:
    """See whether uncompressed samples can be given as they mean: grey, indices or RGB.

    Raises
    ------
    PixelDataError
        Photometric Interpretation contradicts the other attributes, or is one of JPEG 2000.
    UnsupportedError
        It is HSV, ARGB or CMYK, which are retired.
    """
    check_retired(ds, layout)
    color, samples, stored = layout.photometric_interpretation, layout.samples, layout.bits_stored
    if color in OF_JPEG_2000:
        raise bad_attribute(
            ds,
            "PhotometricInterpretation",
            f"{color} is of JPEG 2000, and the pixel data are not compressed: raw=True gives them as stored",
        )
    if color in TO_RGB and (samples != 3 or stored != 8 or layout.bits_allocated != 8 or layout.signed):
        kind = "signed " if layout.signed else ""
        raise bad_attribute(
            ds,
            "PhotometricInterpretation",
            f"{color} with {samples} {kind}samples of {stored} bits in {layout.bits_allocated}: 3 of 8 in 8 "
            "can be converted, and raw=True gives others as stored",
        )


def check_retired(ds: Dataset, layout: Layout) -> None:
    """See whether samples are grey, indices or three of a colour, whatever encodes them.

    Raises
    ------
    UnsupportedError
        Photometric Interpretation is HSV, ARGB or CMYK, which are retired.
    PixelDataError
        There are other than 1 or 3 samples a pixel.
    """
    color, samples = layout.photometric_interpretation, layout.samples
    if color in RETIRED:
        message = (
            f"{color} is retired and not converted to RGB: raw=True gives the {samples} samples as stored"
        )
        raise UnsupportedError(message, file=ds._source.name, tag=tag("PhotometricInterpretation"))
    if samples not in (1, 3):
        raise bad_attribute(
            ds, "SamplesPerPixel", f"{samples} samples a pixel with {color}: raw=True gives them as stored"
        )


def _number(ds: Dataset, keyword: str, low: int, high: int) -> int:
    value = ds.get(keyword)
    if value is None:
        raise bad_attribute(ds, keyword, f"{keyword} is needed to read the pixel data, and missing")
    if not isinstance(value, int) or not low <= value <= high:
        raise bad_attribute(ds, keyword, f"{keyword} is {value!r}; {low} to {high} is possible")
    return value


def _frames(ds: Dataset) -> int:
    """Number of Frames; 1 where there is none, or where it is 0 or empty, as some writers leave it."""
    value = ds.get("NumberOfFrames")
    if value is None:
        return 1
    if value == 0:
        ds._note_element(tag("NumberOfFrames"), "is 0: as if it were not there")
        return 1
    if not isinstance(value, int) or value < 0:
        raise bad_attribute(ds, "NumberOfFrames", f"NumberOfFrames is {value!r}")
    return value


def _planar(ds: Dataset) -> bool:
    """Planar Configuration, which of codestreams says nothing and may be missing (PS3.3 C.7.6.3.1.3)."""
    syntax = ds._root._syntax
    in_codestreams = syntax is not None and syntax.encapsulated and syntax.uid not in (UNCOMPRESSED, DEFLATED)
    if in_codestreams and ds.get("PlanarConfiguration") is None:
        ds._note_element(tag("PlanarConfiguration"), "is missing, which for codestreams does not matter")
        return False
    return _number(ds, "PlanarConfiguration", 0, 1) == 1


def _high_bit(ds: Dataset, allocated: int, stored: int) -> int:
    """High Bit, where the sample has room for it; it used to be free (PS3.5 Section 8.1.1)."""
    value = ds.get("HighBit")
    if value is None or value == stored - 1:
        return stored - 1
    if not isinstance(value, int) or not stored <= value < allocated:
        ds._note_element(
            tag("HighBit"),
            f"HighBit is {value!r}, which {stored} of {allocated} bits cannot have: {stored - 1} was assumed",
        )
        return stored - 1
    return value


def _photometric(ds: Dataset, samples: int) -> str:
    value = ds.get("PhotometricInterpretation")
    if not isinstance(value, str) or not value:
        raise bad_attribute(ds, "PhotometricInterpretation", "is needed, and missing or not one word")
    if (samples == 3 and value in OF_ONE_SAMPLE) or (samples == 1 and value == "RGB"):
        ds._note_element(
            tag("PhotometricInterpretation"), f"{value} does not go with {samples} samples a pixel"
        )
    return value
