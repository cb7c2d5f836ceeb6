"""Colour spaces (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield._kernels import color

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["full_size_to_rgb", "to_rgb", "upsample"]

PARTIAL = "YBR_PARTIAL_422", "YBR_PARTIAL_420"


def to_rgb(data: memoryview, photometric: str, out: npt.NDArray[np.uint8], *, planar: bool) -> None:
    """Convert one native frame of YBR to RGB: exactly as the standard has it, rounded half up and clamped.

    Parameters
    ----------
    data : memoryview
        The frame as it is stored, samples of 8 bits.
    photometric : {"YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"}
    out : ndarray of uint8, shape (rows, columns, 3)
    planar : bool
        Whether YBR_FULL is in planes.
    """
    if photometric == "YBR_FULL":
        color.ybr_full_to_rgb(data, out, planar=planar)
    elif photometric == "YBR_FULL_422":
        color.ybr_full_422_to_rgb(data, out)
    elif photometric == "YBR_PARTIAL_422":
        color.ybr_partial_422_to_rgb(data, out)
    else:
        color.ybr_partial_422_to_rgb(_as_422(np.frombuffer(data, np.uint8), *out.shape[:2]), out)


def full_size_to_rgb(photometric: str, out: npt.NDArray[np.uint8]) -> None:
    """Convert a frame in place that has a colour at each pixel, as codecs give it, whatever is subsampled.

    Parameters
    ----------
    photometric : str
        YBR_PARTIAL_422 and _420 have less than the range of 8 bits; all else is YBR_FULL.
    out : ndarray of uint8, shape (rows, columns, 3)
    """
    if photometric not in PARTIAL:
        color.ybr_full_to_rgb(out, out)
        return
    # Each pixel for a pair, which shares its colour.
    pairs = np.empty((out.shape[0], 2 * out.shape[1], 3), np.uint8)
    color.ybr_partial_422_to_rgb(np.take(out, (0, 0, 1, 2), axis=2), pairs)
    out[...] = pairs[:, ::2]


def upsample(data: memoryview, photometric: str, out: npt.NDArray[Any]) -> None:
    """Give each pixel of a native frame its chroma, that of its neighbour where it has none.

    Parameters
    ----------
    data : memoryview
        The frame as it is stored, in samples like those of `out`.
    photometric : {"YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"}
    out : ndarray, shape (rows, columns, 3)
    """
    samples: npt.NDArray[Any] = np.frombuffer(data, out.dtype)
    if photometric == "YBR_PARTIAL_420":
        samples = _as_422(samples, *out.shape[:2])
    if out.itemsize == 1:
        color.upsample_422(samples, out)
        return
    pairs, pixels = samples.reshape(-1, 4), out.reshape(-1, 2, 3)
    pixels[:, :, 0] = pairs[:, :2]
    pixels[:, :, 1:] = pairs[:, None, 2:]


def _as_422(samples: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[Any]:
    """Give every row of 4:2:0 its chroma.

    Rows come in twos: Y Y Cb Cr of the first, then Y Y of the second, which has the same chroma.
    """
    twos = samples.reshape(rows // 2, 3 * columns)
    first = twos[:, : 2 * columns].reshape(rows // 2, columns // 2, 4)
    packed = np.stack((first, first), axis=1)
    packed[:, 1, :, :2] = twos[:, 2 * columns :].reshape(rows // 2, columns // 2, 2)
    return packed
