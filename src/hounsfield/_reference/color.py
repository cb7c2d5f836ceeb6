"""The color kernel in plain Python, and as the best that NumPy can do.

The equations are PS3.3 C.7.6.3.1.2, solved for red, green and blue with the coefficients of luma: 0.299,
0.587 and 0.114, from which those of chroma are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import OptionError

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    Octets = Buffer | npt.NDArray[Any]

RED, GREEN, BLUE = Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000)
Pixel = tuple[int, int, int]


def full(y: int, cb: int, cr: int) -> Pixel:
    """One pixel of YBR_FULL."""
    return _rgb(Fraction(y), Fraction(cb - 128), Fraction(cr - 128))


def partial(y: int, cb: int, cr: int) -> Pixel:
    """One pixel of YBR_PARTIAL: luma has 219 steps from 16 on, chroma 224 around 128."""
    return _rgb(
        Fraction(255 * (y - 16), 219), Fraction(255 * (cb - 128), 224), Fraction(255 * (cr - 128), 224)
    )


def _rgb(y: Fraction, cb: Fraction, cr: Fraction) -> Pixel:
    red = y + 2 * (1 - RED) * cr
    blue = y + 2 * (1 - BLUE) * cb
    green = (y - RED * red - BLUE * blue) / GREEN
    return _level(red), _level(green), _level(blue)


def _level(value: Fraction) -> int:
    return min(max((value + Fraction(1, 2)).__floor__(), 0), 255)


def interleave(planes: Octets, out: npt.NDArray[Any]) -> None:
    """Copy planes to pixels: (samples, ...) to (..., samples)."""
    source, to, width = bytes(planes), _octets(out), out.itemsize
    if width not in (1, 2, 4, 8) or not out.ndim or to.size != len(source):
        raise OptionError(f"{len(source)} bytes to an array {out.shape} of items of {width} bytes")
    samples = out.shape[-1]
    count = len(source) // width // samples if samples else 0
    for pixel in range(count):
        for sample in range(samples):
            for octet in range(width):
                to[(pixel * samples + sample) * width + octet] = source[
                    (sample * count + pixel) * width + octet
                ]


def _octets(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


def ybr_full_to_rgb(data: Octets, out: npt.NDArray[np.uint8], *, planar: bool = False) -> None:
    """Convert YBR_FULL of 8 bits to RGB."""
    octets, to = bytes(data), _octets(out)
    if len(octets) != len(to) or len(to) % 3:
        raise OptionError(f"{len(octets)} bytes to {len(to)}")
    count = len(to) // 3
    step, plane = (1, count) if planar else (3, 1)
    for pixel in range(count):
        y, cb, cr = (octets[pixel * step + number * plane] for number in range(3))
        to[3 * pixel : 3 * pixel + 3] = full(y, cb, cr)


def ybr_full_422_to_rgb(data: Octets, out: npt.NDArray[np.uint8]) -> None:
    """Convert YBR_FULL_422 of 8 bits to pixels of RGB."""
    _pairs(data, out, full)


def ybr_partial_422_to_rgb(data: Octets, out: npt.NDArray[np.uint8]) -> None:
    """Convert YBR_PARTIAL_422 of 8 bits to pixels of RGB."""
    _pairs(data, out, partial)


def upsample_422(data: Octets, out: npt.NDArray[np.uint8]) -> None:
    """Give every pixel its chroma: Y1 Y2 Cb Cr of 8 bits becomes Y1 Cb Cr Y2 Cb Cr."""
    _pairs(data, out, lambda y, cb, cr: (y, cb, cr))


def _pairs(data: Octets, out: npt.NDArray[np.uint8], convert: Callable[[int, int, int], Pixel]) -> None:
    octets, to = bytes(data), _octets(out)
    if len(octets) % 4 or len(to) * 2 != len(octets) * 3:
        raise OptionError(f"{len(octets)} bytes to {len(to)}")
    for pair in range(len(octets) // 4):
        first, second, cb, cr = octets[4 * pair : 4 * pair + 4]
        to[6 * pair : 6 * pair + 6] = *convert(first, cb, cr), *convert(second, cb, cr)


def interleave_numpy(planes: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    np.copyto(out, np.moveaxis(planes, 0, -1))


def ybr_full_to_rgb_numpy(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Convert in whole numbers, over the smallest denominators."""
    y, cb, cr = (data[..., plane].astype(np.int32) for plane in range(3))
    cb -= 128
    cr -= 128
    red = y + (1402 * cr + 500) // 1000
    green = y + (-202_008 * cb - 419_198 * cr + 293_500) // 587_000
    blue = y + (1772 * cb + 500) // 1000
    for plane, values in enumerate((red, green, blue)):
        np.clip(values, 0, 255, out=values)
        out[..., plane] = values


def upsample_422_numpy(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    pairs, pixels = data.reshape(-1, 4), out.reshape(-1, 2, 3)
    pixels[:, :, 0] = pairs[:, :2]
    pixels[:, :, 1:] = pairs[:, None, 2:]


def ybr_full_422_to_rgb_numpy(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    upsample_422_numpy(data, out)
    ybr_full_to_rgb_numpy(out, out)


def ybr_partial_to_rgb_numpy(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> None:
    """Convert pixels of Y, Cb and Cr in whole numbers over one common denominator."""
    whole = 219 * 224 * 587_000
    luma = (data[..., 0].astype(np.int64) - 16) * (255 * 224 * 587_000)
    cb, cr = ((data[..., plane].astype(np.int64) - 128) * (255 * 219) for plane in (1, 2))
    sums = luma + 587 * 1402 * cr, luma - 114 * 1772 * cb - 299 * 1402 * cr, luma + 587 * 1772 * cb
    for plane, values in enumerate(sums):
        out[..., plane] = np.clip((values + whole // 2) // whole, 0, 255)
