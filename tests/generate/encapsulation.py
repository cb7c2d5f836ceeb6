"""Fragments and offset tables, right and wrong, of what takes no codec."""

from __future__ import annotations

import zlib

import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate, encapsulate_extended

from generate.files import (
    EXPLICIT,
    JPEG_LS,
    cut,
    each_frame,
    encapsulated,
    file,
    items,
    offsets,
    picture,
    shaped,
)
from generate.registry import Case, cases


@cases("encapsulated-uncompressed-{}", ["u8", "i16", "rgb"])
def encapsulated_uncompressed(kind: str) -> Case:
    array = picture(16, 1, 3, signed=True) if kind == "i16" else picture(8, 3 if kind == "rgb" else 1, 3)
    syntax = f"{EXPLICIT}.98"
    return Case(syntax, encapsulated(array, syntax, np.ndarray.tobytes), shaped(array))


@cases("deflated-frame-{}", [1, 8, 16])
def deflated_frame(bits: int) -> Case:
    """Each frame deflated, without zlib's header; frames of one bit begin on a byte."""
    array = picture(bits, 1, 3)

    def deflate(frame: np.ndarray) -> bytes:
        octets = np.packbits(frame.ravel(), bitorder="little") if bits == 1 else frame
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(octets.tobytes()) + packer.flush()

    syntax = "1.2.840.10008.1.2.8.1"
    data = encapsulated(array, syntax, deflate, BitsAllocated=bits, BitsStored=bits)
    return Case(syntax, data, shaped(array))


TABLES = ["right", "empty", "zeros", "short", "beyond", "backwards", "between"]


@cases("fragments-{}-table-{}", [(count, table) for count in (1, 3) for table in TABLES])
def fragments(count: int, table: str) -> Case:
    """Frames in several fragments, behind offset tables that are right, missing or wrong.

    The frames are cut where they need no guess: JPEG-LS begins with SOI and ends with EOI.
    """
    array = picture(8, 1, 4)
    frames = [cut(frame, count) for frame in each_frame(array, imagecodecs.jpegls_encode)]
    right = offsets(frames)
    given = {
        "right": right,
        "empty": [],
        "zeros": [0] * 4,
        "short": right[:2],
        "beyond": [offset + 0x10000 for offset in right],
        "backwards": right[::-1],
        "between": [offset + 2 * (offset > 0) for offset in right],
    }[table]
    pixels = items(given, [fragment for frame in frames for fragment in frame])
    return Case(JPEG_LS, file(array, JPEG_LS, pixels), shaped(array))


@cases("fragments-odd-{}", ["empty-first", "empty-last", "no-frame-count", "more-than-told", "one-frame-cut"])
def odd_fragments(kind: str) -> Case:
    """What writers leave behind: empty fragments, a Number of Frames that is missing or too small."""
    array = picture(8, 1, 1 if kind == "one-frame-cut" else 3)
    frames = each_frame(array, imagecodecs.jpegls_encode)
    attributes = {}
    if kind == "empty-first":
        frames.insert(0, b"")
    elif kind == "empty-last":
        frames.append(b"")
    elif kind == "no-frame-count":
        attributes = {"NumberOfFrames": None}
    elif kind == "more-than-told":
        attributes = {"NumberOfFrames": 2}
    else:
        frames = cut(frames[0], 5)
    note = "Number of Frames is wrong" if attributes else ""
    return Case(JPEG_LS, file(array, JPEG_LS, items([], frames), **attributes), shaped(array), note=note)


@cases(
    "extended-offsets-{}", ["right", "odd-lengths", "and-basic", "wrong-offsets", "wrong-lengths", "short"]
)
def extended_offsets(kind: str) -> Case:
    """Extended Offset Table and its lengths (PS3.3 C.7.6.3.1.8), right and wrong."""
    array = picture(8, 1, 4)
    frames = each_frame(array, imagecodecs.jpegls_encode)
    pixels, table, lengths = encapsulate_extended(frames)
    table, lengths = np.frombuffer(table, "<u8").copy(), np.frombuffer(lengths, "<u8").copy()
    if kind == "and-basic":  # which the standard forbids
        pixels = encapsulate(frames)
    elif kind == "odd-lengths":
        lengths[:] = [len(frame) for frame in frames]
    elif kind == "wrong-offsets":
        table[1:] += 1 << 40
    elif kind == "wrong-lengths":
        lengths[:] = 1 << 40
    elif kind == "short":
        table, lengths = table[:2], lengths[:2]
    tables = {"ExtendedOffsetTable": table.tobytes(), "ExtendedOffsetTableLengths": lengths.tobytes()}
    return Case(JPEG_LS, file(array, JPEG_LS, pixels, **tables), shaped(array))
