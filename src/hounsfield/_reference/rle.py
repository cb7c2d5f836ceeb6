"""The rle kernel in plain Python, and as the best that NumPy can do."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import OptionError, PixelDataError

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

__all__ = ["decode", "decode_numpy", "encode"]


def decode(data: Buffer, out: Buffer, *, planar: bool = False) -> int:
    """Decode a frame of RLE Lossless to `out`, one byte at a time (PS3.5 Annex G)."""
    rows, columns, samples, width = _shape(memoryview(out), planar)
    count = rows * columns
    octets = np.asarray(out).reshape(-1).view(np.uint8)
    excess = 0
    for number, segment in enumerate(_segments(memoryview(data).cast("B"), samples, width)):
        sample, byte = divmod(number, width)
        if sys.byteorder == "little":
            byte = width - 1 - byte
        first, step = (sample * count, 1) if planar else (sample, samples)
        given = 0
        for value in unpack(segment, count):
            if given < count:
                octets[(first + given * step) * width + byte] = value
            given += 1
        if given < count:
            raise PixelDataError(f"RLE segment {number + 1} gives {given} bytes where {count} are needed")
        excess = max(excess, given - count)
    return excess


def unpack(segment: bytes, wanted: int) -> bytearray:
    """Decode a segment, all of it but the zeros that stand behind what is wanted (PS3.5 G.3.2)."""
    given = bytearray()
    at, end = 0, len(segment)
    while at < end:
        if len(given) >= wanted and end == len(segment):
            end = at + len(segment[at:].rstrip(b"\0"))
            if at == end:
                break
        header = segment[at]
        if header < 128:
            given += segment[at + 1 : min(at + 2 + header, end)]
            at += 2 + header
        elif header > 128:
            given += segment[at + 1 : min(at + 2, end)] * (257 - header)
            at += 2
        else:
            at += 1
    return given


def encode(frame: Buffer, *, planar: bool = False) -> bytes:
    """Encode a frame as RLE Lossless, row by row (PS3.5 Annex G)."""
    rows, columns, samples, width = _shape(memoryview(frame), planar)
    if samples * width > 15:
        raise OptionError(f"{samples} x {width} bytes a pixel are more than 15")
    octets = memoryview(frame).tobytes()
    offsets, segments = [], b""
    for sample in range(samples):
        for byte in range(width):
            offsets.append(64 + len(segments))
            first, step = (sample * rows * columns, 1) if planar else (sample, samples)
            start = first * width + (width - 1 - byte if sys.byteorder == "little" else byte)
            plane = octets[start :: step * width][: rows * columns]
            for row in range(rows):
                segments += _encode_row(plane[row * columns : (row + 1) * columns])
            segments += bytes(len(segments) % 2)
    return struct.pack("<16I", len(offsets), *offsets, *[0] * (15 - len(offsets))) + segments


def _encode_row(row: bytes) -> bytes:
    encoded, literal = b"", b""
    at = 0
    while at < len(row):
        run = 1
        while run < 128 and row[at + run : at + run + 1] == row[at : at + 1]:
            run += 1
        if run > 2 or (run == 2 and not literal):
            if literal:
                encoded += bytes([len(literal) - 1]) + literal
                literal = b""
            encoded += bytes([257 - run, row[at]])
            at += run
        else:
            literal += row[at : at + 1]
            at += 1
            if len(literal) == 128:
                encoded += b"\x7f" + literal
                literal = b""
    return encoded + (bytes([len(literal) - 1]) + literal if literal else b"")


def _shape(array: memoryview, planar: bool) -> tuple[int, int, int, int]:
    """Rows, columns, samples and the bytes of a sample."""
    if array.format.lstrip("@=<" if sys.byteorder == "little" else "@=>") not in set("bBhHiIlLqQ"):
        raise OptionError(f"{array.format!r} is no integer in this machine's byte order")
    if not array.c_contiguous:
        raise ValueError("the array is not C-contiguous")
    match array.shape, planar:
        case (columns,), _:
            shape = (1, columns, 1)
        case (rows, columns), _:
            shape = (rows, columns, 1)
        case ((rows, columns, samples), False) | ((samples, rows, columns), True) if samples:
            shape = (rows, columns, samples)
        case _:
            raise OptionError(f"an array of shape {array.shape} holds no frame")
    return (*shape, array.itemsize)


def _segments(data: memoryview, samples: int, width: int) -> list[bytes]:
    """Cut a frame at the offsets of its header (PS3.5 G.5)."""
    if len(data) < 64:
        raise PixelDataError(f"the RLE header of 64 bytes ends after {len(data)}")
    count, *offsets = struct.unpack_from("<16I", data)
    if count != samples * width or count > 15:
        raise PixelDataError(
            f"the RLE header tells of {count} segments; {samples} x {width} bytes are needed"
        )
    for number, offset in enumerate(offsets[:count]):
        if not 64 <= offset <= len(data):
            raise PixelDataError(f"RLE segment {number + 1} begins at byte {offset} of {len(data)}")
    segments = []
    for number, offset in enumerate(offsets[:count]):
        others = offsets[:number] + offsets[number + 1 : count]
        end = min((other for other in others if other >= offset), default=len(data))
        segments.append(bytes(data[offset:end]))
    return segments


def decode_numpy(data: bytes, out: npt.NDArray[Any]) -> None:
    """Decode to (rows, columns) or (rows, columns, samples): packets in Python, planes by assignment."""
    samples = out.shape[2] if out.ndim == 3 else 1
    width = out.itemsize
    octets = out.view(np.uint8).reshape(-1, samples, width)
    if sys.byteorder == "little":
        octets = octets[:, :, ::-1]
    for number, segment in enumerate(_segments(memoryview(data), samples, width)):
        plane = unpack(segment, len(octets))
        octets[:, number // width, number % width] = np.frombuffer(plane, np.uint8, len(octets))
