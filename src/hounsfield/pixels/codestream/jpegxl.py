"""Headers of JPEG XL (ISO/IEC 18181-1 Annexes D to F; 18181-2 for the container)."""

from __future__ import annotations

from hounsfield.errors import PixelDataError, UnsupportedError
from hounsfield.pixels.codestream.model import Codestream, boxes

__all__ = ["HEADER", "JXL_SIGNATURE", "parse_jpegxl", "parse_jxl_container"]

JXL_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
HEADER = 256  # bytes in which all that is read here has room

# Each U32 of the standard: four distributions, as the smallest value and the number of bits added to it.
SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))
PRECISION = ((8, 0), (10, 0), (12, 0), (1, 6))
CHANNELS = ((0, 0), (1, 0), (2, 4), (1, 12))
ENUM = ((0, 0), (1, 0), (2, 4), (18, 6))
CHROMATICITY = ((0, 19), (1 << 19, 19), (1 << 20, 20), (1 << 21, 21))
# Width over height.
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
GRAY, CUSTOM = 1, 2


class Bits:
    """Reads numbers from bytes, lowest bit first."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._rest = int.from_bytes(data, "little")
        self._left = 8 * len(data)
        self._offset = offset + len(data)

    def read(self, count: int) -> int:
        if count > self._left:
            raise PixelDataError("the stream ends within its headers", offset=self._offset)
        number = self._rest & (1 << count) - 1
        self._rest >>= count
        self._left -= count
        return number

    def choose(self, distributions: tuple[tuple[int, int], ...]) -> int:
        smallest, count = distributions[self.read(2)]
        return smallest + self.read(count)

    def align(self) -> None:
        self.read(self._left % 8)


def parse_jxl_container(view: memoryview) -> Codestream:
    """Read boxes up to the codestream, and its headers: it may be in parts, the first of a few bytes."""
    head = b""
    offset = 0
    for kind, start, stop in boxes(view, 0, len(view)):
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0  # each part begins with its number
            offset = offset or start
            head += view[start : min(start + HEADER, stop)]
            if kind == b"jxlc" or len(head) >= HEADER:
                break
    return parse_jpegxl(head, offset, len(view))


def parse_jpegxl(head: bytes, offset: int, size: int) -> Codestream:
    """Read the image's size and metadata and the first bits of its frame.

    Parameters
    ----------
    head : bytes
        How the codestream begins.
    offset : int
        Where that stands in the data.
    size : int
        Length of the data.
    """
    if head[:2] != b"\xff\x0a":
        raise PixelDataError("no JPEG XL codestream", offset=offset)
    bits = Bits(head[2:], offset + 2)
    rows, columns = _size(bits)
    lossless: bool | None = False
    precision, gray = 8, False
    if not bits.read(1):
        precision, gray, lossless = _metadata(bits, offset)
    return Codestream(
        kind="jpegxl",
        rows=rows,
        columns=columns,
        components=1 if gray else 3,
        precision=precision,
        signed=False,
        lossless=lossless,
        start=0,
        stop=size,
    )


def _size(bits: Bits) -> tuple[int, int]:
    """SizeHeader (D.2): rows and columns."""
    eighths = bits.read(1)
    rows = 8 * bits.read(5) + 8 if eighths else bits.choose(SIDE)
    ratio = bits.read(3)
    if ratio:
        width, height = RATIOS[ratio - 1]
        return rows, rows * width // height
    return rows, 8 * bits.read(5) + 8 if eighths else bits.choose(SIDE)


def _metadata(bits: Bits, offset: int) -> tuple[int, bool, bool | None]:
    """ImageMetadata (D.3) where it is not the default: precision, whether gray, whether lossless."""
    more = bits.read(1)
    if more:
        bits.read(3)  # orientation, which decoding leaves alone
        if bits.read(1):
            _size(bits)
        if bits.read(1) or bits.read(1):
            raise UnsupportedError("JPEG XL with a preview or an animation", offset=offset)
    if bits.read(1):
        raise UnsupportedError("JPEG XL with floating-point samples", offset=offset)
    precision = bits.choose(PRECISION)
    if precision > 31:
        raise PixelDataError(f"samples of {precision} bits", offset=offset)
    bits.read(1)
    if bits.choose(CHANNELS):
        raise UnsupportedError("JPEG XL with channels beside those of its colours", offset=offset)
    xyb = bits.read(1)
    gray, icc = False, 0
    if not bits.read(1):
        gray, icc = _color_encoding(bits)
    if xyb:
        return precision, gray, False
    if icc or (more and not bits.read(1)) or bits.read(2) or not bits.read(1):
        # An ICC profile, tone mapping, extensions and transforms of their own stand before the frame.
        return precision, gray, None
    bits.align()
    # FrameHeader (F.2): all default is VarDCT; else a frame's type, and then 1 for the modular mode.
    return precision, gray, not bits.read(1) and bits.read(3) & 4 != 0


def _color_encoding(bits: Bits) -> tuple[bool, int]:
    """ColourEncoding (E.2) where it is not the default: whether gray, and 1 with an ICC profile."""
    icc = bits.read(1)
    space = bits.choose(ENUM)
    if not icc and space != 2:
        if bits.choose(ENUM) == CUSTOM:
            _skip_chromaticities(bits, 1)
        if space != GRAY and bits.choose(ENUM) == CUSTOM:
            _skip_chromaticities(bits, 3)
        if bits.read(1):
            bits.read(24)
        else:
            bits.choose(ENUM)
        bits.choose(ENUM)
    return space == GRAY, icc


def _skip_chromaticities(bits: Bits, count: int) -> None:
    for _ in range(2 * count):
        bits.choose(CHROMATICITY)
