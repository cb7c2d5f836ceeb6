"""JPEG, lossless and lossy, and JPEG-LS."""

from __future__ import annotations

import functools
import io

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate

from generate.files import (
    JPEG,
    dcmtk,
    each_frame,
    encapsulated,
    file,
    picture,
    shaped,
    smooth,
)
from generate.registry import Case, cases


@cases(
    "jpeg-lossless-dcmtk-sv{}-pt{}-{}x{}",
    [
        *((predictor, 0, 16, 1) for predictor in range(1, 8)),
        *((predictor, 0, 8, 3) for predictor in range(1, 8)),
        (1, 0, 8, 1),
        (7, 0, 12, 1),
        (1, 3, 16, 1),
        (4, 2, 12, 1),
        (1, 1, 8, 3),
    ],
)
def jpeg_lossless_dcmtk(predictor: int, shift: int, bits: int, samples: int) -> Case:
    array = picture(bits, samples, 2)
    options = ["+el", "+sv", str(predictor), "+pt", str(shift)]
    data = dcmtk("dcmcjpeg", options, file(array, BitsStored=bits))
    return Case(f"{JPEG}.57", data, shaped(array >> shift << shift))


@cases("jpeg-lossless-sv1-dcmtk-{}", ["u16", "i16", "u12", "rgb"])
def jpeg_lossless_sv1(kind: str) -> Case:
    """The syntax that hospitals store most: process 14, selection value 1."""
    bits = 8 if kind == "rgb" else int(kind[1:])
    array = picture(bits, 3 if kind == "rgb" else 1, 2, signed=kind[0] == "i")
    return Case(f"{JPEG}.70", dcmtk("dcmcjpeg", ["+e1"], file(array, BitsStored=bits)), shaped(array))


@cases("jpeg-lossless-turbo-{}bit-sv{}", [(bits, (bits - 1) % 7 + 1) for bits in range(2, 17)])
def jpeg_lossless_turbo(bits: int, predictor: int) -> Case:
    array = picture(bits, 1, 2)
    encode = functools.partial(
        imagecodecs.jpeg8_encode, lossless=True, predictor=predictor, bitspersample=bits
    )
    return Case(f"{JPEG}.57", encapsulated(array, f"{JPEG}.57", encode, BitsStored=bits), shaped(array))


@cases(
    "jpeg-lossless-restart-sv{}-of{}rows-{}bit", [(1, 1, 12), (1, 3, 16), (4, 2, 8), (6, 3, 12), (7, 1, 16)]
)
def jpeg_lossless_restart(predictor: int, rows: int, bits: int) -> Case:
    """Restart intervals of whole rows, joined from images of one interval each: no encoder at hand has them.

    Each begins as an image does (T.81 H.1.2.1), and the images are the same but for the sign of what they add
    to the middle grey, if the predictor rounds nothing: so they are coded by the same Huffman table.
    """
    one = np.maximum(picture(bits, 1, 1, rows=rows), 1)
    other = ((1 << bits) - one.astype(int)).astype(one.dtype) if predictor < 5 else one
    strips = [one, other]
    encode = functools.partial(
        imagecodecs.jpeg8_encode, lossless=True, predictor=predictor, bitspersample=bits
    )
    array = np.concatenate(strips * 5, axis=1)
    (head, first), (same, second) = (
        (stream[:at], stream[at:-2])
        for [stream] in (each_frame(strip, encode) for strip in strips)
        for at in [stream.index(b"\xff\xda") + 10]
    )
    assert head == same
    head = bytearray(head)
    size = head.index(b"\xff\xc3") + 5
    head[size : size + 2] = array.shape[1].to_bytes(2, "big")
    interval = rows * array.shape[2]
    stream = bytes(head[:2]) + b"\xff\xdd\0\4" + interval.to_bytes(2, "big") + bytes(head[2:])
    for number in range(10):
        stream += (first, second)[number % 2] + (bytes([0xFF, 0xD0 + number % 8]) if number < 9 else b"")
    data = file(array, f"{JPEG}.57", encapsulate([stream + b"\xff\xd9"]), BitsStored=bits)
    return Case(f"{JPEG}.57", data, shaped(array))


@cases("jpeg-baseline-restart-{}", ["grey", "rgb"])
def jpeg_baseline_restart(kind: str) -> Case:
    array = smooth(3 if kind == "rgb" else 1, 2)

    def encode(frame: np.ndarray) -> bytes:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=98, restart_marker_rows=1)
        return out.getvalue()

    photometric = {"PhotometricInterpretation": "YBR_FULL_422"} if kind == "rgb" else {}
    data = encapsulated(array, f"{JPEG}.50", encode, **photometric)
    return Case(f"{JPEG}.50", data, shaped(array), tolerance=8, mean=1.5)


@cases("jpeg-baseline-{}", ["grey", "rgb", "444", "422", "420"])
def jpeg_baseline(kind: str) -> Case:
    array = smooth(1 if kind == "grey" else 3, 2)
    if kind == "grey":
        options, photometric = {}, "MONOCHROME2"
    elif kind == "rgb":
        options, photometric = {"colorspace": "RGB", "outcolorspace": "RGB"}, "RGB"
    else:
        options = {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": kind}
        photometric = "YBR_FULL" if kind == "444" else "YBR_FULL_422"
    encode = functools.partial(imagecodecs.jpeg8_encode, level=98, **options)
    data = encapsulated(array, f"{JPEG}.50", encode, PhotometricInterpretation=photometric)
    return Case(f"{JPEG}.50", data, shaped(array), tolerance=8, mean=1.5)


@cases(
    "jpeg-{}-dcmtk-{}",
    [(process, bits) for process in ("extended", "spectral", "progressive") for bits in (8, 12)],
)
def jpeg_lossy_dcmtk(process: str, bits: int) -> Case:
    array = smooth(1, 2).astype(f"u{1 + (bits > 8)}") << (bits - 8)
    option, syntax = {"extended": ("+ee", ".51"), "spectral": ("+es", ".53"), "progressive": ("+ep", ".55")}[
        process
    ]
    data = dcmtk("dcmcjpeg", [option, "+q", "98", "+sr"], file(array, BitsStored=bits))
    return Case(f"{JPEG}{syntax}", data, shaped(array), tolerance=8 << bits - 8, mean=1.5 * (1 << bits - 8))


@cases(
    "jpegls-charls-{}bit-{}-near{}",
    [
        *((bits, "grey", 0) for bits in range(2, 17)),
        (8, "rgb", 0),
        (16, "rgb", 0),
        (8, "grey", 3),
        (12, "grey", 2),
        (8, "rgb", 2),
    ],
)
def jpegls_charls(bits: int, kind: str, near: int) -> Case:
    array = picture(bits, 3 if kind == "rgb" else 1, 2)
    syntax = f"{JPEG}.81" if near else f"{JPEG}.80"
    encode = functools.partial(imagecodecs.jpegls_encode, level=near)
    data = encapsulated(array, syntax, encode, BitsStored=bits)
    return Case(syntax, data, shaped(array), tolerance=near, mean=near)


@cases(
    "jpegls-dcmtk-{}-{}-near{}",
    [
        (interleave, bits, near)
        for interleave in ("line", "sample", "none")
        for bits in (8, 16)
        for near in (0, 3)
    ],
)
def jpegls_dcmtk(interleave: str, bits: int, near: int) -> Case:
    array = picture(bits, 3, 2)
    options = [f"+i{interleave[0]}", *(["+en", "+md", str(near)] if near else ["+el"])]
    syntax = f"{JPEG}.81" if near else f"{JPEG}.80"
    return Case(syntax, dcmtk("dcmcjpls", options, file(array)), shaped(array), tolerance=near, mean=near)


@cases("jpegls-dcmtk-i{}", [12, 16])
def jpegls_signed(bits: int) -> Case:
    """JPEG-LS tells no sign: it comes from the data set."""
    array = picture(bits, 1, 2, signed=True)
    return Case(f"{JPEG}.80", dcmtk("dcmcjpls", ["+el"], file(array, BitsStored=bits)), shaped(array))
