"""JPEG 2000, HTJ2K and JPEG XL."""

from __future__ import annotations

import functools
import io

import imagecodecs
import numpy as np
from PIL import Image

from generate.files import (
    JPEG,
    encapsulated,
    file,
    items,
    picture,
    shaped,
    smooth,
)
from generate.registry import Case, cases

KINDS = {
    "u8": (8, 1, False),
    "i8": (8, 1, True),
    "u12": (12, 1, False),
    "i12": (12, 1, True),
    "u16": (16, 1, False),
    "i16": (16, 1, True),
    "rgb": (8, 3, False),
    "rgb16": (16, 3, False),
}


def of_kind(kind: str, frames: int = 2, **size: int) -> tuple[np.ndarray, int]:
    bits, samples, signed = KINDS[kind]
    return picture(bits, samples, frames, signed=signed, **size), bits


@cases("jpeg2000-{}-{}-levels", [*((kind, 5) for kind in KINDS), ("u16", 0), ("u16", 1), ("rgb", 2)])
def jpeg2000(kind: str, levels: int) -> Case:
    array, bits = of_kind(kind)
    syntax = f"{JPEG}.90"
    encode = functools.partial(
        imagecodecs.jpeg2k_encode,
        codecformat="j2k",
        reversible=True,
        resolutions=levels + 1,
        bitspersample=bits,
    )
    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind.startswith("rgb") else {}
    return Case(syntax, encapsulated(array, syntax, encode, BitsStored=bits, **photometric), shaped(array))


@cases("jpeg2000-rgb-without-transform")
def jpeg2000_without_transform() -> Case:
    array = picture(8, 3, 2)
    syntax = f"{JPEG}.90"
    encode = functools.partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True, mct=False)
    return Case(syntax, encapsulated(array, syntax, encode), shaped(array))


@cases("jpeg2000-{}-jp2", ["u8", "rgb"])
def jpeg2000_in_boxes(kind: str) -> Case:
    """In JP2's boxes, which DICOM forbids and some writers leave."""
    array, _ = of_kind(kind)
    syntax = f"{JPEG}.90"
    encode = functools.partial(imagecodecs.jpeg2k_encode, codecformat="jp2", reversible=True)
    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind == "rgb" else {}
    return Case(syntax, encapsulated(array, syntax, encode, **photometric), shaped(array))


@cases("jpeg2000-{}-tiles-{}", [(kind, size) for kind in ("u8", "rgb") for size in (16, 32)])
def jpeg2000_tiles(kind: str, size: int) -> Case:
    """Tiles that do not divide the image: 29 x 37 pixels."""
    array, _ = of_kind(kind)
    syntax = f"{JPEG}.90"

    def encode(frame: np.ndarray) -> bytes:
        out = io.BytesIO()
        tiles = {"tile_size": (size, size), "num_resolutions": 3, "mct": int(kind == "rgb")}
        Image.fromarray(frame).save(out, "JPEG2000", no_jp2=True, irreversible=False, **tiles)
        return out.getvalue()

    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind == "rgb" else {}
    return Case(syntax, encapsulated(array, syntax, encode, **photometric), shaped(array))


@cases("jpeg2000-lossy-{}", ["grey", "rgb"])
def jpeg2000_lossy(kind: str) -> Case:
    array = smooth(3 if kind == "rgb" else 1, 2)
    syntax = f"{JPEG}.91"
    encode = functools.partial(imagecodecs.jpeg2k_encode, level=60, codecformat="j2k", reversible=False)
    photometric = {"PhotometricInterpretation": "YBR_ICT"} if kind == "rgb" else {}
    data = encapsulated(array, syntax, encode, **photometric)
    return Case(syntax, data, shaped(array), tolerance=6, mean=1.5)


@cases(
    "jpeg2000-{}-components-{}-{}",
    [
        *((frames, kind, "lossless") for frames, kind in ((5, "u8"), (5, "i16"), (3, "u12"), (3, "rct"))),
        *((frames, kind, "lossy") for frames, kind in ((5, "u8"), (4, "u12"), (3, "ict"))),
    ],
)
def jpeg2000_components(frames: int, kind: str, loss: str) -> Case:
    """Part 2: one codestream for all frames, each a component (PS3.5 A.4.4).

    Of transforms between them there are those of Part 1, for three components.
    """
    between = kind in ("rct", "ict")
    array, bits = of_kind("u8" if between else kind, frames)
    syntax = f"{JPEG}.92" if loss == "lossless" else f"{JPEG}.93"
    stream = imagecodecs.jpeg2k_encode(
        array[..., 0],
        codecformat="j2k",
        planar=True,
        mct=between,
        bitspersample=bits,
        **({"reversible": True} if loss == "lossless" else {"reversible": False, "level": 60}),
    )
    step = 0 if loss == "lossless" else 1 << bits - 8
    data = file(array, syntax, items([], [bytes(stream)]), BitsStored=bits)
    return Case(syntax, data, shaped(array), tolerance=6 * step, mean=1.5 * step)


@cases(
    "htj2k-{}-{}-tile{}",
    [
        *((kind, syntax, 0) for kind in KINDS for syntax in ("201", "202")),
        ("u16", "201", 16),
        ("rgb", "202", 16),
    ],
)
def htj2k(kind: str, syntax: str, tile: int) -> Case:
    array, bits = of_kind(kind)
    encode = functools.partial(
        imagecodecs.htj2k_encode, reversible=True, **({"tile": (tile, tile)} if tile else {})
    )
    photometric = {"PhotometricInterpretation": "YBR_RCT"} if kind.startswith("rgb") else {}
    data = encapsulated(array, f"{JPEG}.{syntax}", encode, BitsStored=bits, **photometric)
    return Case(f"{JPEG}.{syntax}", data, shaped(array))


@cases("htj2k-lossy-{}", ["u8", "u16", "i16", "rgb"])
def htj2k_lossy(kind: str) -> Case:
    """Irreversible 9/7, of pictures that reach both ends of their range, where decoders wrap around."""
    array, bits = of_kind(kind)
    syntax = f"{JPEG}.203"
    encode = functools.partial(imagecodecs.htj2k_encode, level=0.01, reversible=False)
    photometric = {"PhotometricInterpretation": "YBR_ICT"} if kind == "rgb" else {}
    data = encapsulated(array, syntax, encode, BitsStored=bits, **photometric)
    step = 1 << bits - 8
    return Case(syntax, data, shaped(array), tolerance=8 * step, mean=1.5 * step)


@cases("jpegxl-lossless-{}", ["u8", "u12", "u16", "rgb", "rgb16"])
def jpegxl_lossless(kind: str) -> Case:
    array, bits = of_kind(kind)
    syntax = f"{JPEG}.110"
    encode = functools.partial(imagecodecs.jpegxl_encode, lossless=True, bitspersample=bits)
    return Case(syntax, encapsulated(array, syntax, encode, BitsStored=bits), shaped(array))


@cases("jpegxl-recompressed-{}", ["grey", "444", "420"])
def jpegxl_recompressed(kind: str) -> Case:
    """A JPEG that JPEG XL holds, and can give back to the byte."""
    array = smooth(1 if kind == "grey" else 3, 2)
    colour = {} if kind == "grey" else {"subsampling": kind}
    syntax = f"{JPEG}.111"

    def encode(frame: np.ndarray) -> bytes:
        return imagecodecs.jpegxl_encode_jpeg(imagecodecs.jpeg8_encode(frame, level=98, **colour))

    photometric = {} if kind == "grey" else {"PhotometricInterpretation": "YBR_FULL_422"}
    data = encapsulated(array, syntax, encode, **photometric)
    return Case(syntax, data, shaped(array), tolerance=8, mean=1.5)


@cases("jpegxl-{}", ["u8", "u16", "rgb"])
def jpegxl(kind: str) -> Case:
    array = smooth(3 if kind == "rgb" else 1, 2)
    step = 1
    if kind == "u16":
        array, step = array.astype(np.uint16) << 8, 256
    syntax = f"{JPEG}.112"
    encode = functools.partial(imagecodecs.jpegxl_encode, distance=0.3)
    return Case(
        syntax, encapsulated(array, syntax, encode), shaped(array), tolerance=10 * step, mean=1.5 * step
    )
