"""Native samples: all layouts, models of colour, palettes."""

from __future__ import annotations

from typing import Any

import numpy as np

from generate.files import (
    EXPLICIT,
    dataset,
    file,
    picture,
    shaped,
    written,
)
from generate.registry import Case, cases


@cases("native-1bit-{}x{}x{}", [(3, 3, 7), (5, 3, 3), (2, 8, 8), (1, 1, 1)])
def one_bit(frames: int, rows: int, columns: int) -> Case:
    array = picture(1, 1, frames)[:, 4 : 4 + rows, 10 : 10 + columns]
    packed = np.packbits(array.ravel(), bitorder="little").tobytes()
    return Case(EXPLICIT, file(array, EXPLICIT, packed, BitsAllocated=1, BitsStored=1), shaped(array))


@cases("native-12bit-packed-{}", [1, 3])
def packed_12(frames: int) -> Case:
    """Two samples in three bytes: each cell begins at the lowest bit that is free (PS3.5-2004 Annex D)."""
    array = picture(12, 1, frames, rows=28)
    a, b = array.reshape(-1, 2).T
    packed = np.stack((a & 255, a >> 8 | (b & 15) << 4, b >> 4), axis=-1).astype(np.uint8).tobytes()
    return Case(EXPLICIT, file(array, EXPLICIT, packed, BitsAllocated=12, BitsStored=12), shaped(array))


@cases("native-{}", ["FloatPixelData", "DoubleFloatPixelData"])
def floats(keyword: str) -> Case:
    dtype = np.dtype(np.float32 if keyword == "FloatPixelData" else np.float64)
    array = np.random.default_rng(0).normal(size=(2, 5, 7, 1)).astype(dtype)
    array.flat[:3] = np.nan, np.inf, -0.0
    ds = dataset(array, **{keyword: array.tobytes()})
    del ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    return Case(EXPLICIT, written(ds), shaped(array))


@cases("native-{}of{}-at{}-{}", [(6, 8, 7, "u"), (12, 16, 15, "u"), (12, 16, 11, "i"), (10, 16, 12, "i")])
def stored_bits(stored: int, allocated: int, high: int, kind: str) -> Case:
    """Samples with other things above and below them; not always in the lowest bits."""
    array = picture(stored, 1, 2, signed=kind == "i")
    cell = np.dtype(f"u{allocated // 8}")
    low = high + 1 - stored
    mask = np.array(((1 << stored) - 1) << low, cell)
    junk = np.random.default_rng(1).integers(0, 1 << allocated, array.shape, cell)
    cells = (array.astype(cell) << low & mask) | (junk & ~mask)
    data = file(cells.view(f"{kind}{cell.itemsize}"), BitsStored=stored, HighBit=high)
    return Case(EXPLICIT, data, shaped(array.astype(f"{kind}{cell.itemsize}")))


@cases("native-planar-{}", [8, 16])
def planar(bits: int) -> Case:
    array = picture(bits, 3, 2)
    planes = array.transpose(0, 3, 1, 2).tobytes()
    return Case(EXPLICIT, file(array, EXPLICIT, planes, PlanarConfiguration=1), shaped(array))


# YBR of RGB, in ten-thousandths, and what is added (PS3.3 C.7.6.3.1.2).
FULL = [(2990, 5870, 1140), (-1687, -3313, 5000), (5000, -4187, -813)], (0, 128, 128)
PARTIAL = [(2568, 5041, 979), (-1482, -2910, 4392), (4392, -3678, -714)], (16, 128, 128)


def rgb_of(ybr: np.ndarray, model: tuple[Any, Any], bits: int = 8) -> np.ndarray:
    """The RGB whose YBR this is: the standard's equations solved, rounded half up and clamped."""
    matrix, offset = model
    inverse = np.linalg.inv(np.array(matrix) / 10_000)
    rgb = (ybr - np.array(offset) * (1 << bits - 8)) @ inverse.T
    return np.clip(np.floor(rgb + 0.5), 0, (1 << bits) - 1).astype(ybr.dtype)


@cases("native-YBR_{}", ["FULL", "FULL_422", "PARTIAL_422"])
def native_ybr(kind: str) -> Case:
    """In 422, pairs of pixels share their chroma; YBR_PARTIAL_420 is for compressed data only."""
    ybr = picture(8, 3, 2, rows=6, columns=10)
    pixels = None
    if kind.endswith("422"):
        ybr[:, :, 1::2, 1:] = ybr[:, :, ::2, 1:]
        y, chroma = ybr[..., 0].reshape(2, 6, 5, 2), ybr[:, :, ::2, 1:]
        pixels = np.concatenate((y, chroma), axis=-1).tobytes()
    data = file(ybr, EXPLICIT, pixels, PhotometricInterpretation=f"YBR_{kind}")
    rgb = rgb_of(ybr, PARTIAL if kind.startswith("PARTIAL") else FULL)
    # 1: the factors are rounded to four digits, and decoders invert others than these
    return Case(EXPLICIT, data, rgb, tolerance=1, raw=ybr)


@cases("palette-segmented-{}", [8, 16])
def segmented_palette(bits: int) -> Case:
    """Look-up tables of discrete, linear and indirect segments (PS3.3 C.7.9.2)."""
    unit = 1 if bits == 8 else 257
    tables, entries = {}, []
    for number, colour in enumerate(("Red", "Green", "Blue")):
        low, high = 10 * number * unit, (10 * number + 100) * unit
        # four entries as they are, a hundred up to `high`, fifty down to `low`, these two again
        segments = [0, 4, high, high, low + unit, low, 1, 100, high, 1, 50, low, 2, 2, 0, 0]
        if bits == 8:
            segments += [0, 0]
        start, up = [high, high, low + unit, low], [low + unit * step for step in range(1, 101)]
        down = [high - 2 * unit * step for step in range(1, 51)]
        entries.append(start + up + down + start + up)
        tables[f"Segmented{colour}PaletteColorLookupTableData"] = np.array(
            segments, f"<u{bits // 8}"
        ).tobytes()
    table = np.array(entries, f"u{bits // 8}").T
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [len(table), 0, bits]
    array = np.minimum(picture(16 if len(table) > 256 else 8), len(table) - 1)
    data = file(array, PhotometricInterpretation="PALETTE COLOR", **tables)
    return Case(EXPLICIT, data, shaped(array), palette=np.ascontiguousarray(table))
