"""Colour spaces (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["upsample_422", "ybr_full_to_rgb"]

# What RGB is of Y, Cb and Cr, as whole numbers over the first: PS3.3 C.7.6.3.1.2, solved for R, G and B.
RED = 1000, 0, 1402
GREEN = 587_000, -114 * 1772, -299 * 1402
BLUE = 1000, 1772, 0


def upsample_422(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give every pixel of YBR_FULL_422 its chroma: Y1 Y2 Cb Cr becomes Y1 Cb Cr Y2 Cb Cr.

    Parameters
    ----------
    samples : ndarray, one-dimensional

    Returns
    -------
    ndarray
        One-dimensional and half as long again, of the same dtype.
    """
    pairs = samples.reshape(-1, 4)
    full = np.empty((len(pairs), 2, 3), samples.dtype)
    full[:, :, 0] = pairs[:, :2]
    full[:, :, 1:] = pairs[:, None, 2:]
    return full.reshape(-1)


def ybr_full_to_rgb(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert YBR_FULL to RGB: exactly as the standard has it, rounded half up and clamped.

    Parameters
    ----------
    image : ndarray of shape (..., 3)
        Samples of 8 bits.

    Returns
    -------
    ndarray
        Of the same shape and dtype.
    """
    y, cb, cr = (image[..., plane].astype(np.int32) for plane in range(3))
    cb -= 128
    cr -= 128
    rgb = np.empty_like(image)
    for plane, (scale, blue, red) in enumerate((RED, GREEN, BLUE)):
        value = y * scale
        if blue:
            value += blue * cb
        if red:
            value += red * cr
        value += scale // 2
        value //= scale
        rgb[..., plane] = np.clip(value, 0, 255, out=value)
    return rgb
