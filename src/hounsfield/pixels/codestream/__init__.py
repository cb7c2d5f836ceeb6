"""What a codestream says of itself: markers and headers are read and checked, no sample is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hounsfield.errors import PixelDataError
from hounsfield.pixels.codestream.jpeg import jpeg_headers, parse_jpeg
from hounsfield.pixels.codestream.jpeg2000 import (
    JP2_SIGNATURE,
    jpeg2000_headers,
    parse_jp2,
    parse_jpeg2000,
)
from hounsfield.pixels.codestream.jpegxl import HEADER, JXL_SIGNATURE, parse_jpegxl, parse_jxl_container
from hounsfield.pixels.codestream.model import Codestream

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Codestream", "headers_of", "parse"]


def parse(data: Buffer) -> Codestream:
    """Read the headers of one frame's codestream, whatever its transfer syntax promised.

    Takes a few microseconds: the samples' part of the stream is passed over. What is checked is the structure
    of the headers, every number in them, and that the stream has its end. Whether size, precision and number
    of components are what the data set says is for the caller to compare.

    Parameters
    ----------
    data : contiguous buffer
        JPEG (ISO/IEC 10918-1), JPEG-LS (14495-1), JPEG 2000 or HTJ2K (15444-1 and -15), bare or in JP2 or
        JPH boxes, JPEG XL (18181-1 and -2), bare or in its container. What follows the end of the stream, as
        padding does, is left out.

    Returns
    -------
    Codestream

    Raises
    ------
    PixelDataError
        The bytes begin no codestream that is known here, or a header of it is cut or contradicts itself. The
        error's offset counts from the beginning of the data.
    UnsupportedError
        A process that no decoder here knows: hierarchical JPEG, arithmetic coding of lossless JPEG, JPEG-LS
        with mapping tables, or interleaved by sample with a RESET of its own, extensions of JPEG 2000 Part 2,
        HTJ2K with a region of interest, JPEG XL with further channels or animations.
    """
    view = memoryview(data)
    if view.format != "B" or view.ndim != 1 or not view.contiguous:
        view = view.cast("B")
    start = bytes(view[:12])
    if start[:2] == b"\xff\xd8":
        return parse_jpeg(view)
    if start[:4] == b"\xff\x4f\xff\x51":
        return parse_jpeg2000(view, 0, len(view), None)
    if start == JP2_SIGNATURE:
        return parse_jp2(view)
    if start[:2] == b"\xff\x0a":
        return parse_jpegxl(bytes(view[:HEADER]), 0, len(view))
    if start == JXL_SIGNATURE:
        return parse_jxl_container(view)
    raise PixelDataError(f"not the beginning of a codestream: {start[:8].hex(' ') or 'no bytes'}", offset=0)


def headers_of(view: memoryview, stream: Codestream) -> bytes | None:
    """Give the bytes that a bare codestream begins with, all that `parse` looked at but for its end.

    None where there is more to look at: further scans, tiles, boxes, or the whole of JPEG XL.
    """
    if stream.kind == "jpegxl" or stream.start or not stream.terminated or stream.flaw:
        return None
    if stream.kind in ("jpeg2000", "htj2k"):
        return jpeg2000_headers(view) if stream.tiles == 1 else None
    return jpeg_headers(view)
