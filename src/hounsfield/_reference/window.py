"""The kernel `window` as plain loops from the standard (the oracle), and as NumPy (the fair baseline)."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hounsfield.errors import OptionError

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

__all__ = ["window", "window_literal", "window_numpy", "window_textbook"]

Format = Literal["B", "b", "H", "h", "I", "i", "f", "d"]
SRC_FORMATS: dict[str, Format] = {
    "u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "f4": "f", "f8": "d",
}  # fmt: skip
DST_FORMATS: dict[str, Format] = {"u1": "B", "u2": "H", "f4": "f"}
TOPS = {"u1": 255.0, "u2": 65535.0, "f4": 1.0}
LARGEST = 1e100


def window(
    src: Buffer,
    src_type: str,
    dst: Buffer,
    dst_type: str,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    center: float,
    width: float,
    function: str = "LINEAR",
    invert: bool = False,
) -> None:
    """Do what the kernel's docstring says, one sample at a time."""
    if src_type not in SRC_FORMATS:
        raise OptionError(f"src_type {src_type!r} is unknown")
    if dst_type not in DST_FORMATS:
        raise OptionError(f"dst_type {dst_type!r} is unknown")
    if not all(abs(value) <= LARGEST for value in (slope, intercept, center, width)):
        raise OptionError("slope, intercept, center and width must be finite and within 1e100")
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise OptionError(f"function {function!r} is unknown")
    if width < (1.0 if function == "LINEAR" else 1.0 / LARGEST):
        raise OptionError(f"window width {width} is too small")
    source, target = memoryview(src).cast("B"), memoryview(dst).cast("B")
    if source.nbytes % struct.calcsize(SRC_FORMATS[src_type]):
        raise OptionError("src is no whole number of samples")
    samples = source.cast(SRC_FORMATS[src_type])
    levels: memoryview[Any] = target.cast(DST_FORMATS[dst_type])
    if len(samples) != len(levels) or target.nbytes != levels.nbytes:
        raise OptionError("src and dst differ in length")

    top = TOPS[dst_type]
    step = function == "LINEAR" and width == 1.0
    if function == "LINEAR" and not step:
        scale = slope * top / (width - 1.0)
        offset = (intercept - (center - 0.5)) * top / (width - 1.0) + top / 2.0
    elif function == "LINEAR_EXACT":
        scale = slope * top / width
        offset = (intercept - center) * top / width + top / 2.0
    for i, sample in enumerate(samples):
        if step or function == "SIGMOID":
            y = window_literal(sample * slope + intercept, center, width, function, top)
        else:
            y = sample * scale + offset
        y = 0.0 if math.isnan(y) else min(max(y, 0.0), top)
        if dst_type == "f4":
            y = _float32(y)
            levels[i] = _float32(1.0 - y) if invert else y
        else:
            level = round(y)
            levels[i] = int(top) - level if invert else level


def window_literal(x: float, center: float, width: float, function: str, top: float) -> float:
    """Give the display value of one rescaled value, not rounded, by the formulas of PS3.3 C.11.2.1."""
    if math.isnan(x):
        return x
    if function == "SIGMOID":
        try:
            return top / (1.0 + math.exp(-4.0 * (x - center) / width))
        except OverflowError:
            return 0.0
    if function == "LINEAR_EXACT":
        if x <= center - width / 2:
            return 0.0
        if x > center + width / 2:
            return top
        return ((x - center) / width + 0.5) * top
    if x <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if x > center - 0.5 + (width - 1) / 2:
        return top
    return ((x - (center - 0.5)) / (width - 1) + 0.5) * top


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def window_numpy(
    array: npt.NDArray[Any], *, slope: float, intercept: float, center: float, width: float
) -> npt.NDArray[np.uint8]:
    """Window LINEAR to uint8 as well as NumPy can: float32, folded, in place."""
    scale = slope * 255 / (width - 1)
    offset = (intercept - (center - 0.5)) * 255 / (width - 1) + 127.5
    y: npt.NDArray[Any] = np.multiply(array, np.float32(scale), dtype=np.float32)
    y += np.float32(offset)
    np.clip(y, 0, 255, out=y)
    np.rint(y, out=y)
    return y.astype(np.uint8)


def window_textbook(
    array: npt.NDArray[Any], *, slope: float, intercept: float, center: float, width: float
) -> npt.NDArray[np.uint8]:
    """Window to uint8 as tutorials do: float64, a new array each step, no half steps, cut not rounded."""
    low, high = center - width / 2, center + width / 2
    levels: npt.NDArray[Any] = np.clip((array * slope + intercept - low) / (high - low) * 255, 0, 255)
    return levels.astype(np.uint8)
